#include "base/mem.h"
#include "lib/vxt.h"
#include "vectis/arena.h"

START_TEST(hands_out_zeroed_aligned_memory_again_after_reset)
{
	struct vx_arena a = { .limit = 1 << 20 };

	for (int round = 0; round < 3; round++) {
		for (size_t n = 1; n < 3000; n += 7) {
			unsigned char *p = vx_arena_alloc(&a, n);

			ck_assert_ptr_nonnull(p);
			ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
			for (size_t i = 0; i < n; i++)
				ck_assert_uint_eq(p[i], 0);
			memset(p, 0xa5, n);
		}
		vx_arena_reset(&a);
		ck_assert_uint_eq(a.used, 0);
	}
	vx_arena_done(&a);
}
END_TEST

START_TEST(stops_at_its_limit)
{
	struct vx_arena a = { .limit = 1000 };
	vx_slice out = VX_S("kept");

	ck_assert_ptr_null(vx_arena_alloc(&a, 1001));
	ck_assert_ptr_null(vx_arena_array(&a, SIZE_MAX / 2, 3));
	ck_assert_ptr_nonnull(vx_arena_alloc(&a, 1000));
	ck_assert_int_eq(vx_arena_copy(&a, VX_S("x"), &out), VX_ELIMIT);
	vxt_assert_str(out, "kept");
	vx_arena_reset(&a);
	vxt_assert_ok(vx_arena_copy(&a, VX_S("x"), &out));
	vxt_assert_str(out, "x");
	vx_arena_done(&a);
}
END_TEST

START_TEST(without_memory_it_has_what_it_had)
{
	struct vx_arena a = { .limit = 1 << 20 };
	char *first = vx_arena_dup(&a, VX_S("first"));
	const size_t used = a.used;
	vx_slice out = VX_S("kept");

	ck_assert_ptr_nonnull(first);
	vx_mem_fail_at(1);
	ck_assert_ptr_null(vx_arena_alloc(&a, 5000));
	vx_mem_fail_at(1);
	ck_assert_int_eq(vx_arena_copy(&a, vx_slice_of(first, 6), &out), VX_OK);
	vx_mem_fail_at(0);
	ck_assert_str_eq(first, "first");
	ck_assert_uint_ge(a.used, used);
	ck_assert_ptr_nonnull(vx_arena_alloc(&a, 5000));
	vx_arena_done(&a);
}
END_TEST

START_TEST(copies_end_with_a_nul_and_may_be_empty)
{
	struct vx_arena a = { .limit = 1000 };
	vx_slice out;
	char *p = vx_arena_dup(&a, VX_S("a\0b"));

	ck_assert_int_eq(memcmp(p, "a\0b", 4), 0);
	vxt_assert_ok(vx_arena_copy(&a, vx_slice_of(NULL, 0), &out));
	ck_assert(out.ptr != NULL && out.len == 0 && out.ptr[0] == '\0');
	ck_assert_ptr_ne(vx_arena_alloc(&a, 0), vx_arena_alloc(&a, 0));
	ck_assert_ptr_null(vx_arena_dup(&a, vx_slice_of(p, SIZE_MAX)));
	vx_arena_done(&a);
	ck_assert_uint_eq(a.limit, 1000);
	ck_assert_ptr_nonnull(vx_arena_alloc(&a, 1)); /* it may be used again */
	vx_arena_done(&a);
}
END_TEST

START_TEST(a_limit_without_end_does_not_overflow)
{
	struct vx_arena a = { .limit = SIZE_MAX };

	ck_assert_ptr_null(vx_arena_alloc(&a, SIZE_MAX));
	ck_assert_ptr_null(vx_arena_alloc(&a, SIZE_MAX - 15));
	ck_assert_ptr_nonnull(vx_arena_alloc(&a, 10));
	vx_arena_done(&a);
}
END_TEST

VXT_SUITE(test_arena, "arena", hands_out_zeroed_aligned_memory_again_after_reset,
    stops_at_its_limit, without_memory_it_has_what_it_had,
    copies_end_with_a_nul_and_may_be_empty, a_limit_without_end_does_not_overflow)
