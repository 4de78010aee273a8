/* Files that are packed: ours, those of others, and those that are made to hurt. */
#include "lib/vxt.h"
#include "zip/gzip.h"

#include <stdlib.h>
#include <string.h>

/* "hello, hello, hello\n" by another program, twice as a file of two members. */
static const unsigned char hello_gz[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0xc8, 0x40, 0xa2, 0xb8,
	0x00, 0xe7, 0x42, 0x6e, 0x52, 0x14, 0x00, 0x00, 0x00 };
static const char hello[] = "hello, hello, hello\n";

/* An archive: a folder "d/", then d/a.xml, packed, then a comment. */
static const unsigned char hello_zip[] = {
	/* folder */
	0x50, 0x4b, 3, 4, 20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x58, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 2, 0, 0, 0, 'd', '/',
	/* file, sizes behind it: bit 3 */
	0x50, 0x4b, 3, 4, 20, 0, 8, 0, 8, 0, 0, 0, 0x21, 0x58, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 7, 0, 0, 0, 'd', '/', 'a', '.', 'x', 'm', 'l', 0xcb, 0x48, 0xcd, 0xc9,
	0xc9, 0xd7, 0x51, 0xc8, 0x40, 0xa2, 0xb8, 0x00,
	/* list */
	0x50, 0x4b, 1, 2, 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x58, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'd', '/',
	0x50, 0x4b, 1, 2, 20, 0, 20, 0, 8, 0, 8, 0, 0, 0, 0x21, 0x58, 0xe7, 0x42, 0x6e,
	0x52, 12, 0, 0, 0, 20, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0,
	0, 0, 'd', '/', 'a', '.', 'x', 'm', 'l',
	/* end */
	0x50, 0x4b, 5, 6, 0, 0, 0, 0, 2, 0, 2, 0, 101, 0, 0, 0, 81, 0, 0, 0, 3, 0, 'f',
	'o', 'o'
};

static vx_slice slice(const unsigned char *p, size_t len)
{
	return vx_slice_of(p, len);
}

START_TEST(what_is_packed_comes_back)
{
	struct vx_buf text = { .max = 1 << 20 }, gz = { .max = 1 << 20 },
		      back = { .max = 1 << 20 };

	for (unsigned i = 0; i < 20000; i++)
		vx_buf_printf(&text, "<row>%u</row>", i * 2654435761u);
	vx_buf_add_str(&gz, "in front");
	vxt_assert_ok(vx_gzip(vx_buf_slice(&text), &gz));
	ck_assert_uint_lt(gz.len, text.len / 2);
	vxt_assert_ok(vx_gunzip(vx_slice_from(vx_buf_slice(&gz), 8), &back));
	ck_assert(vx_slice_eq(vx_buf_slice(&back), vx_buf_slice(&text)));
	vx_buf_reset(&gz);
	vx_buf_reset(&back);
	vxt_assert_ok(vx_gzip(VX_S(""), &gz));
	vxt_assert_ok(vx_gunzip(vx_buf_slice(&gz), &back));
	ck_assert_uint_eq(back.len, 0);
	vx_buf_done(&text);
	vx_buf_done(&gz);
	vx_buf_done(&back);
}
END_TEST

START_TEST(what_is_too_large_to_pack)
{
	struct vx_buf out = { .max = 40 }, text = { .max = 4096 };

	for (unsigned i = 0; i < 64; i++)
		vx_buf_printf(&text, "%u", i * 2654435761u);
	vx_buf_add_str(&out, "before");
	ck_assert_int_eq(vx_gzip(vx_buf_slice(&text), &out), VX_ELIMIT);
	vxt_assert_str(vx_buf_slice(&out), "before");
	vx_buf_done(&out);
	vx_buf_done(&text);
}
END_TEST

START_TEST(files_of_others_are_read)
{
	struct vx_buf two = { .max = 4096 }, out = { .max = 4096 };

	vxt_assert_ok(vx_gunzip(slice(hello_gz, sizeof(hello_gz)), &out));
	vxt_assert_str(vx_buf_slice(&out), hello);
	vx_buf_reset(&out);
	vx_buf_add(&two, slice(hello_gz, sizeof(hello_gz)));
	vx_buf_add(&two, slice(hello_gz, sizeof(hello_gz)));
	vx_buf_add_str(&two, "\r\n");
	vxt_assert_ok(vx_gunzip(vx_buf_slice(&two), &out));
	ck_assert_uint_eq(out.len, 2 * strlen(hello));
	vx_buf_reset(&out);
	vxt_assert_ok(vx_unzip(slice(hello_zip, sizeof(hello_zip)), &out));
	vxt_assert_str(vx_buf_slice(&out), hello);
	vx_buf_done(&two);
	vx_buf_done(&out);
}
END_TEST

/* Each octet gone, and each bit turned: it is read, refused, or too large; no more. */
static void damage(
    const unsigned char *file, size_t len, int (*unpack)(vx_slice in, struct vx_buf *out))
{
	struct vx_buf out = { .max = 4096 };
	unsigned refused = 0;

	for (size_t i = 0; i < len; i++) {
		char *copy = malloc(i + (i == 0));

		memcpy(copy, file, i);
		refused += unpack(vx_slice_of(copy, i), &out) != VX_OK;
		vx_buf_reset(&out);
		free(copy);
	}
	ck_assert_uint_ge(refused, len - 3); /* the comment may be shorter */
	for (size_t i = 0; i < len * 8; i++) {
		char *copy = malloc(len);

		memcpy(copy, file, len);
		copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
		vx_buf_add_str(&out, "x");
		if (unpack(vx_slice_of(copy, len), &out) != VX_OK)
			vxt_assert_str(vx_buf_slice(&out), "x");
		vx_buf_reset(&out);
		free(copy);
	}
	vx_buf_done(&out);
}

START_TEST(damaged_files_are_refused)
{
	damage(hello_gz, sizeof(hello_gz), vx_gunzip);
	damage(hello_zip, sizeof(hello_zip), vx_unzip);
}
END_TEST

START_TEST(odd_archives_are_refused)
{
	unsigned char zip[sizeof(hello_zip)];
	struct vx_buf out = { .max = 4096 };
	const size_t central = 81 + 46 + 2;

	memcpy(zip, hello_zip, sizeof(zip));
	zip[central + 8] |= 1;
	ck_assert_int_eq(vx_unzip(slice(zip, sizeof(zip)), &out), VX_EUNSUP);
	zip[central + 8] = 8;
	zip[central + 10] = 12; /* bzip2 */
	ck_assert_int_eq(vx_unzip(slice(zip, sizeof(zip)), &out), VX_EUNSUP);
	zip[central + 10] = 0; /* what is packed is all there is */
	vxt_assert_ok(vx_unzip(slice(zip, sizeof(zip)), &out));
	ck_assert_uint_eq(out.len, 12);
	zip[sizeof(zip) - 25 + 10] = 1; /* the folder only */
	ck_assert_int_eq(vx_unzip(slice(zip, sizeof(zip)), &out), VX_ENOENT);
	ck_assert_int_eq(vx_unzip(VX_S(""), &out), VX_ESYNTAX);
	ck_assert_int_eq(vx_gunzip(VX_S(""), &out), VX_ESYNTAX);
	vx_buf_done(&out);
}
END_TEST

/* 64 MB in 64 KB: no more is held than may be. */
START_TEST(bombs_end_at_the_limit)
{
	struct vx_buf zeros = { .max = 64u << 20 }, gz = { .max = 1 << 20 };
	struct vx_buf out = { .max = 1 << 20 };

	memset(vx_buf_reserve(&zeros, zeros.max), '0', zeros.max);
	zeros.len = zeros.max;
	vxt_assert_ok(vx_gzip(vx_buf_slice(&zeros), &gz));
	ck_assert_uint_lt(gz.len, 100000);
	vx_buf_done(&zeros);
	ck_assert_int_eq(vx_gunzip(vx_buf_slice(&gz), &out), VX_ELIMIT);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_uint_le(out.cap, out.max);
	vx_buf_done(&gz);
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_gzip, "gzip", what_is_packed_comes_back, what_is_too_large_to_pack,
    files_of_others_are_read, damaged_files_are_refused, odd_archives_are_refused,
    bombs_end_at_the_limit)
