/* Sorting by numbers, and numbers for strings. */
#include "base/intern.h"
#include "base/order.h"
#include "lib/vxt.h"

#include <stdlib.h>

enum {
	COUNT = 3000
};

START_TEST(order_is_stable)
{
	static const uint64_t ranges[] = { 1, 2, 255, 256, 257, 65536, UINT32_MAX,
		UINT64_MAX };
	static uint64_t keys[COUNT];
	static uint32_t order[COUNT], scratch[COUNT];
	unsigned seed = 1;

	for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
		for (size_t n = 0; n <= COUNT; n = 3 * n + 1) {
			for (size_t i = 0; i < n; i++)
				keys[i] = ((uint64_t)rand_r(&seed) << 33 ^
					      (uint64_t)rand_r(&seed) << 11 ^
					      (uint64_t)rand_r(&seed)) %
					  ranges[r];
			vx_order_init(order, n);
			vx_order_by(keys, order, scratch, n);
			for (size_t i = 1; i < n; i++)
				ck_assert(keys[order[i - 1]] < keys[order[i]] ||
					  (keys[order[i - 1]] == keys[order[i]] &&
					      order[i - 1] < order[i]));
		}
	}
	ck_assert_uint_lt(vx_order_signed(-1), vx_order_signed(0));
	ck_assert_uint_lt(vx_order_signed(INT64_MIN), vx_order_signed(INT64_MAX));
}
END_TEST

static vx_slice word(unsigned n, char text[32])
{
	struct vx_buf b = { .max = 31 };
	vx_slice out;

	vx_buf_printf(&b, "%.*s%u", (int)(n % 11), "aaaaaaaaaaa", n % 397);
	memcpy(text, b.ptr, b.len);
	out = vx_slice_of(text, b.len);
	vx_buf_done(&b);
	return out;
}

START_TEST(strings_and_ranks)
{
	struct vx_intern t;
	uint32_t number, first[2 * COUNT], *ranks;
	char text[32];

	vx_intern_init(&t, 1 << 20);
	vxt_assert_ok(vx_intern_add(&t, VX_S(""), &number));
	ck_assert_uint_eq(number, 0);
	for (unsigned i = 0; i < 2 * COUNT; i++)
		vxt_assert_ok(vx_intern_add(&t, word(i, text), &first[i]));
	for (unsigned i = 0; i < 2 * COUNT; i++) {
		vxt_assert_ok(vx_intern_add(&t, word(i, text), &number));
		ck_assert_uint_eq(number, first[i]);
		vxt_assert_slice(vx_intern_get(&t, number), word(i, text));
	}
	ck_assert_uint_lt(t.count, 2 * COUNT);
	ranks = calloc(t.count, sizeof(*ranks));
	ck_assert_ptr_nonnull(ranks);
	vxt_assert_ok(vx_intern_ranks(&t, ranks));
	ck_assert_uint_eq(ranks[0], 0); /* the empty string is before all others */
	for (uint32_t i = 0; i < t.count; i += 7)
		for (uint32_t k = 0; k < t.count; k += 5)
			ck_assert(
			    (ranks[i] < ranks[k]) == (vx_slice_cmp(vx_intern_get(&t, i),
							  vx_intern_get(&t, k)) < 0));
	free(ranks);
	vx_intern_done(&t);
}
END_TEST

START_TEST(intern_limit)
{
	struct vx_intern t;
	char text[32];
	uint32_t number;
	int rc = VX_OK;
	unsigned n = 0;

	vx_intern_init(&t, 20000);
	for (; rc == VX_OK && n < 100000; n++)
		rc = vx_intern_add(&t, word(n * 12, text), &number);
	ck_assert_int_eq(rc, VX_ELIMIT);
	ck_assert_uint_gt(t.count, 100);
	vxt_assert_ok(vx_intern_add(&t, word(0, text), &number)); /* known ones go on */
	ck_assert_uint_eq(number, 0);
	vx_intern_done(&t);
}
END_TEST

VXT_SUITE(test_order, "order", order_is_stable, strings_and_ranks, intern_limit)
