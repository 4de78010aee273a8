#include "lib/vxt.h"
#include "vectis/archive.h"
#include "zip/gzip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(tar_can_read_it)
{
	struct vx_buf tar = { .max = 65536 }, out = { .max = 65536 };
	char dir[200], path[300], command[700], line[100];
	FILE *f;

	vxt_assert_ok(vx_archive_add(&tar, "a/one.txt", 1790000000, VX_S("first\n")));
	vxt_assert_ok(vx_archive_add(&tar, "a/two.txt", 0, VX_S("")));
	for (int i = 0; i < 40; i++)
		vx_buf_add_str(&out, "0123456789abcdef");
	vxt_assert_ok(vx_archive_add(&tar, "three", -1, vx_buf_slice(&out)));
	vx_buf_reset(&out);
	vxt_assert_ok(vx_archive_end(&tar, &out));
	(void)snprintf(dir, sizeof(dir), "%s", vxt_mkdir());
	(void)snprintf(path, sizeof(path), "%s/x.tar.gz", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(out.ptr, 1, out.len, f), out.len);
	(void)fclose(f);
	(void)snprintf(command, sizeof(command),
	    "cd %s && tar xzf x.tar.gz 2>&1 && cat a/one.txt && wc -c < three && stat -c "
	    "'%%a %%Y %%s' a/one.txt a/two.txt",
	    dir);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < 4; i++) {
		static const char *const want[] = { "first\n", "640\n",
			"600 1790000000 6\n", "600 0 0\n" };

		ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
		ck_assert_str_eq(line, want[i]);
	}
	ck_assert_ptr_null(fgets(line, sizeof(line), f));
	ck_assert_int_eq(pclose(f), 0);
	vxt_rmdir(dir);
	vx_buf_done(&tar);
	vx_buf_done(&out);
}
END_TEST

/* Blocks of 512, two of zeros at the end, and sums that are right. */
START_TEST(its_blocks_are_whole)
{
	struct vx_buf tar = { .max = 65536 }, out = { .max = 65536 },
		      back = { .max = 65536 };
	unsigned sum = 0;

	vxt_assert_ok(vx_archive_add(&tar, "x", 8, VX_S("12345")));
	ck_assert_uint_eq(tar.len, 1024);
	for (size_t i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : (unsigned char)tar.ptr[i];
	ck_assert_uint_eq(strtoul(tar.ptr + 148, NULL, 8), sum);
	ck_assert_str_eq(tar.ptr + 124, "00000000005");
	ck_assert_str_eq(tar.ptr + 136, "00000000010");
	vxt_assert_ok(vx_archive_end(&tar, &out));
	ck_assert_uint_eq(tar.len, 2048);
	vxt_assert_ok(vx_gunzip(vx_buf_slice(&out), &back));
	ck_assert(vx_slice_eq(vx_buf_slice(&back), vx_buf_slice(&tar)));
	vx_buf_done(&tar);
	vx_buf_done(&out);
	vx_buf_done(&back);
}
END_TEST

START_TEST(what_it_cannot_hold_is_refused)
{
	static const char *const names[] = { "", "/etc/passwd", "a/../b", "..",
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"012345678901234567890123456789" };
	struct vx_buf tar = { .max = 1400 }, out = { .max = 65536 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(vx_archive_add(&tar, names[i], 0, VX_S("x")), VX_EINVAL);
	ck_assert_uint_eq(tar.len, 0);
	vxt_assert_ok(vx_archive_add(&tar, names[4] + 1, 0, VX_S("x")));
	ck_assert_int_eq(vx_archive_add(&tar, "y", 0, VX_S("x")), VX_ELIMIT);
	ck_assert_int_eq(vx_archive_end(&tar, &out), VX_ELIMIT);
	ck_assert_uint_eq(out.len, 0);
	vx_buf_done(&tar);
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_archive, "archive", tar_can_read_it, its_blocks_are_whole,
    what_it_cannot_hold_is_refused)
