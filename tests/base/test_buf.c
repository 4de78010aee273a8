#include "lib/vxt.h"

#include "base/mem.h"

START_TEST(appends_up_to_its_maximum_and_says_so_once)
{
	struct vx_buf b = { .max = 10 };

	vx_buf_add(&b, VX_S("12345"));
	vx_buf_add(&b, VX_S("123456"));
	ck_assert(b.failed);
	vx_buf_add_char(&b, 'x');
	vxt_assert_str(vx_buf_slice(&b), "12345");
	vx_buf_reset(&b);
	vx_buf_printf(&b, "%s-%d", "abcdefg", 42);
	ck_assert(!b.failed);
	vxt_assert_str(vx_buf_slice(&b), "abcdefg-42");
	vx_buf_add_number(&b, 1);
	ck_assert(b.failed);
	vx_buf_done(&b);
}
END_TEST

START_TEST(consumes_and_truncates)
{
	struct vx_buf b = { .max = 100 };

	vx_buf_add_number(&b, UINT64_MAX);
	vxt_assert_str(vx_buf_slice(&b), "18446744073709551615");
	vx_buf_consume(&b, 18);
	vxt_assert_str(vx_buf_slice(&b), "15");
	vx_buf_truncate(&b, 1);
	vxt_assert_str(vx_buf_slice(&b), "1");
	vx_buf_shrink(&b, 0);
	ck_assert_ptr_null(b.ptr);
	vx_buf_consume(&b, 0);
	vx_buf_done(&b);
}
END_TEST

START_TEST(without_memory_it_fails_and_keeps_what_it_has)
{
	struct vx_buf b = { .max = 1 << 20 };

	vx_buf_add(&b, VX_S("kept"));
	vx_mem_fail_at(1);
	ck_assert_ptr_null(vx_buf_reserve(&b, 100000));
	ck_assert(b.failed && vx_mem_failed());
	vx_mem_fail_at(0);
	vxt_assert_str(vx_buf_slice(&b), "kept");
	vx_buf_done(&b);
}
END_TEST

START_TEST(it_grows_to_its_maximum_exactly)
{
	for (size_t max = 0; max < 1100; max += 7) {
		struct vx_buf b = { .max = max };

		for (size_t i = 0; i < max; i++)
			vx_buf_add_char(&b, (char)('a' + i % 26));
		ck_assert(!b.failed && b.len == max && b.cap <= max);
		ck_assert(max == 0 || b.ptr[b.len] == '\0');
		vx_buf_add(&b, VX_S("")); /* nothing always fits */
		ck_assert(!b.failed);
		vx_buf_add_char(&b, 'x');
		ck_assert(b.failed && b.len == max);
		for (size_t i = 0; i < max; i++)
			ck_assert_int_eq(b.ptr[i], (char)('a' + i % 26));
		vx_buf_done(&b);
		ck_assert_uint_eq(b.max, max);
	}
}
END_TEST

START_TEST(what_is_formatted_fits_or_is_left_out)
{
	struct vx_buf b = { .max = 5 };

	vx_buf_printf(&b, "%s", "");
	ck_assert(!b.failed);
	vx_buf_printf(&b, "%05d", 42);
	vxt_assert_str(vx_buf_slice(&b), "00042");
	vx_buf_printf(&b, "%c", 'x');
	ck_assert(b.failed);
	vxt_assert_str(vx_buf_slice(&b), "00042");
	vx_buf_reset(&b);
	vx_buf_add_number(&b, 0);
	vxt_assert_str(vx_buf_slice(&b), "0");
	vx_buf_done(&b);
}
END_TEST

START_TEST(room_that_was_reserved_is_there)
{
	struct vx_buf b = { .max = SIZE_MAX };
	char *p = vx_buf_reserve(&b, 1000);

	ck_assert_ptr_nonnull(p);
	memset(p, 'x', 1000);
	b.len += 1000;
	ck_assert_ptr_null(vx_buf_reserve(&b, SIZE_MAX - 10)); /* no overflow */
	ck_assert(b.failed);
	vx_buf_reset(&b);
	vx_buf_shrink(&b, 100000);
	ck_assert_ptr_nonnull(b.ptr); /* so much may be kept */
	vx_buf_add(&b, VX_S("secret"));
	vx_buf_wipe(&b);
	ck_assert(b.ptr == NULL && b.len == 0);
}
END_TEST

VXT_SUITE(test_buf, "buf", appends_up_to_its_maximum_and_says_so_once,
    consumes_and_truncates, without_memory_it_fails_and_keeps_what_it_has,
    it_grows_to_its_maximum_exactly, what_is_formatted_fits_or_is_left_out,
    room_that_was_reserved_is_there)
