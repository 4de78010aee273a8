#include "base/bytes.h"
#include "base/encode.h"
#include "base/hash.h"
#include "lib/vxt.h"

#include <stdlib.h>

static struct vx_buf out = { .max = 1000 };

START_TEST(base64_of_rfc_4648_10)
{
	static const char *const table[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		vx_buf_reset(&out);
		vx_base64_add(&out, vx_slice_str(table[i][0]));
		vxt_assert_str(vx_buf_slice(&out), table[i][1]);
		vx_buf_reset(&out);
		vxt_assert_ok(vx_base64_decode(vx_slice_str(table[i][1]), &out));
		vxt_assert_str(vx_buf_slice(&out), table[i][0]);
	}
	vx_buf_done(&out);
}
END_TEST

START_TEST(base64_refuses_what_is_not_canonical)
{
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zm8==", "=",
		"====", "Zg==Zg==", "Z\ng=", "Zm9v ", "Z-_v" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(vx_base64_decode(vx_slice_str(bad[i]), &out) == VX_EINVAL,
		    "%s", bad[i]);
	ck_assert_uint_eq(out.len, 0);
	vxt_assert_ok(vx_base64url_decode(VX_S("Zg"), &out));
	vxt_assert_ok(vx_base64url_decode(VX_S("-_-_"), &out));
	ck_assert_int_eq(vx_hex_decode(VX_S("0g"), &out), VX_EINVAL);
	ck_assert_int_eq(vx_hex_decode(VX_S("0"), &out), VX_EINVAL);
	vx_buf_done(&out);
}
END_TEST

START_TEST(utf8_well_formed_or_replaced)
{
	static const struct {
		const char *in;
		bool valid;
		const char *fixed;
	} table[] = { { "gr\xc3\xbc\xc3\x9f", true, "gr\xc3\xbc\xc3\x9f" },
		{ "\xf0\x9f\x98\x80", true, "\xf0\x9f\x98\x80" },
		{ "\xc0\x80", false, "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", false, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x82", false, "\xef\xbf\xbd" },
		{ "a\xffz", false, "a\xef\xbf\xbdz" },
		{ "\xf4\x90\x80\x80", false,
		    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xef\xbf\xbd", true, "\xef\xbf\xbd" } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const vx_slice in = vx_slice_str(table[i].in);

		ck_assert_msg(vx_utf8_valid(in) == table[i].valid, "row %zu", i);
		vx_buf_reset(&out);
		for (vx_slice s = in; s.len > 0;) {
			size_t n;

			vx_utf8_add(&out, vx_utf8_next(s, &n));
			s = vx_slice_from(s, n);
		}
		vxt_assert_str(vx_buf_slice(&out), table[i].fixed);
	}
	vx_buf_done(&out);
}
END_TEST

START_TEST(hashes_match_their_published_vectors)
{
	const struct vx_siphash_key key = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	char in[32];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)i;
	ck_assert_uint_eq(vx_siphash(&key, vx_slice_of(in, 15)), 0xa129ca6149be45e5u);
	ck_assert_uint_eq(vx_siphash(&key, vx_slice_of(in, 0)), 0x726fdb47dd0e0e31u);
	ck_assert_uint_eq(vx_crc32c(0, VX_S("123456789")), 0xe3069283u);
	ck_assert_uint_eq(
	    vx_crc32c(0, vx_slice_of(in, 32)), 0x46dd794eu); /* RFC 3720 B.4 */
	ck_assert_uint_eq(
	    vx_crc32c(vx_crc32c(0, VX_S("1234")), VX_S("56789")), 0xe3069283u);
}
END_TEST

START_TEST(checksums_are_the_same_on_every_processor)
{
	char in[67];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 37 + 11);
	for (size_t from = 0; from < 9; from++)
		for (size_t to = from; to <= sizeof(in); to++) {
			const vx_slice s = vx_slice_of(in + from, to - from);

			ck_assert_uint_eq(vx_crc32c_portable(7, s), vx_crc32c(7, s));
		}
}
END_TEST

START_TEST(integers_have_a_fixed_order)
{
	char b[8];

	vx_put_be32(b, 0x01020304);
	vxt_assert_slice(vx_slice_of(b, 4), VX_S("\1\2\3\4"));
	ck_assert_uint_eq(vx_get_le32(b), 0x04030201);
	vx_put_le64(b, 0x0102030405060708u);
	ck_assert_uint_eq(vx_get_be64(b), 0x0807060504030201u);
	vx_put_be64(b, 0x0102030405060708u);
	vxt_assert_slice(vx_slice_of(b, 8), VX_S("\1\2\3\4\5\6\7\10"));
	vx_put_le32(b + 1, 0x01020304); /* at any address */
	vxt_assert_slice(vx_slice_of(b, 6), VX_S("\1\4\3\2\1\6"));
	vx_put_le16(b, 0x0102);
	ck_assert_uint_eq(vx_get_be16(b), 0x0201);
	vx_put_be16(b, 0x0102);
	vxt_assert_slice(vx_slice_of(b, 2), VX_S("\1\2"));
}
END_TEST

START_TEST(every_length_comes_back)
{
	struct vx_buf text = { .max = 1000 };
	char in[256];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(255 - i);
	for (size_t n = 0; n <= sizeof(in); n++) {
		const vx_slice s = vx_slice_of(in, n);
		struct vx_buf exact = { .max = n }, small = { .max = n == 0 ? 0 : n - 1 };

		vx_buf_reset(&text);
		vx_base64url_add(&text, s);
		ck_assert_uint_eq(text.len, (n * 4 + 2) / 3);
		vx_buf_reset(&out);
		vxt_assert_ok(vx_base64url_decode(vx_buf_slice(&text), &out));
		vxt_assert_slice(vx_buf_slice(&out), s);
		vx_buf_reset(&text);
		vx_hex_add(&text, s);
		vxt_assert_ok(vx_hex_decode(vx_buf_slice(&text), &exact));
		vxt_assert_slice(vx_buf_slice(&exact), s);
		if (n > 0)
			ck_assert_int_eq(
			    vx_hex_decode(vx_buf_slice(&text), &small), VX_ELIMIT);
		ck_assert_uint_eq(small.len, 0);
		vx_buf_done(&exact);
		vx_buf_done(&small);
	}
	vx_buf_done(&text);
	vx_buf_done(&out);
}
END_TEST

START_TEST(digits_have_their_values)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	int known = 0;

	for (int c = 0; c < 256; c++) {
		const char *p = c == 0 ? NULL : strchr(digits, c);
		const char hex[] = { (char)c, '\0' };
		char *end;
		const long value = strtol(hex, &end, 16);

		ck_assert_int_eq(
		    vx_base64_value((char)c), p == NULL ? -1 : (int)(p - digits));
		if (vx_hex_value((char)c) >= 0) {
			ck_assert_ptr_eq(end, hex + 1);
			ck_assert_int_eq(vx_hex_value((char)c), (int)value);
			known++;
		}
	}
	ck_assert_int_eq(known, 22);
}
END_TEST

START_TEST(every_code_point_comes_back)
{
	for (uint32_t c = 0; c <= 0x110000; c++) {
		const bool scalar = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		size_t n;

		vx_buf_reset(&out);
		vx_utf8_add(&out, c);
		ck_assert_uint_eq(
		    vx_utf8_next(vx_buf_slice(&out), &n), scalar ? c : 0xfffd);
		ck_assert_uint_eq(n, out.len);
	}
	vx_buf_done(&out);
}
END_TEST

START_TEST(heads_do_not_cut_characters)
{
	static const struct {
		const char *text;
		size_t max, len;
	} cases[] = { { "abc", 3, 3 }, { "abc", 5, 3 }, { "abc", 2, 2 }, { "abc", 0, 0 },
		{ "a\xc3\xa4", 2, 1 }, { "a\xc3\xa4", 3, 3 }, { "a\xc3\xa4z", 3, 3 },
		{ "\xe2\x82\xac", 2, 0 }, { "\xe2\x82\xac", 1, 0 },
		{ "\xf0\x9f\x98\x80", 3, 0 }, { "x\xf0\x9f\x98\x80", 4, 1 },
		/* no characters at all: as it is */
		{ "\x80\x80\x80\x80\x80", 4, 4 }, { "\x80\x80", 1, 1 },
		{ "ab\x80\x80", 3, 3 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(
		    vx_utf8_head(vx_slice_str(cases[i].text), cases[i].max).len ==
			cases[i].len,
		    "case %zu", i);
}
END_TEST

START_TEST(runs_of_ascii_end_where_they_end)
{
	char text[40];

	for (size_t at = 0; at < sizeof(text); at++) {
		memset(text, 'a', sizeof(text));
		text[at] = '\x80';
		for (size_t from = 0; from <= at; from++) {
			const vx_slice s = vx_slice_of(text + from, sizeof(text) - from);

			ck_assert_uint_eq(vx_ascii_run(s), at - from);
			ck_assert(!vx_is_ascii(s));
			ck_assert(vx_is_ascii(vx_slice_head(s, at - from)));
		}
	}
	ck_assert(vx_is_ascii(vx_slice_of(NULL, 0)));
}
END_TEST

/* The definition, bit by bit, against what the processor may do faster. */
START_TEST(crc_is_that_of_its_definition)
{
	char in[70];
	unsigned seed = 7;

	for (size_t len = 0; len < sizeof(in); len++) {
		uint32_t crc = UINT32_MAX;

		for (size_t i = 0; i < len; i++)
			in[i] = (char)rand_r(&seed);
		for (size_t i = 0; i < len; i++) {
			crc ^= (unsigned char)in[i];
			for (int bit = 0; bit < 8; bit++)
				crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
		}
		ck_assert_uint_eq(vx_crc32c(0, vx_slice_of(in, len)), ~crc);
		for (size_t cut = 0; cut <= len; cut++)
			ck_assert_uint_eq(vx_crc32c(vx_crc32c(0, vx_slice_of(in, cut)),
					      vx_slice_of(in + cut, len - cut)),
			    ~crc);
	}
}
END_TEST

VXT_SUITE(test_encode, "encode", base64_of_rfc_4648_10,
    base64_refuses_what_is_not_canonical, utf8_well_formed_or_replaced,
    hashes_match_their_published_vectors, checksums_are_the_same_on_every_processor,
    integers_have_a_fixed_order, every_length_comes_back, digits_have_their_values,
    every_code_point_comes_back, heads_do_not_cut_characters,
    runs_of_ascii_end_where_they_end, crc_is_that_of_its_definition)
