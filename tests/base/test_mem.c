#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "lib/vxt.h"
#include "vectis/memory.h"

#include <time.h>

START_TEST(memory_is_zeroed_and_sizes_do_not_overflow)
{
	unsigned char *p = vx_alloc(1000);

	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(p[i], 0);
	memset(p, 7, 1000);
	p = vx_realloc(p, 2000);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p[999], 7);
	vx_free(p);
	ck_assert_ptr_null(vx_alloc_array(SIZE_MAX / 2, 3));
	p = vx_alloc(0); /* nothing is something that can be freed */
	ck_assert_ptr_nonnull(p);
	vx_free(p);
	vx_free(NULL);
	p = vx_memory_alloc(10);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p[9], 0);
	vx_memory_free(p);
	vx_memory_free(NULL);
}
END_TEST

START_TEST(the_nth_allocation_fails_once)
{
	void *p[3];

	vx_mem_fail_at(2);
	for (size_t i = 0; i < 3; i++)
		p[i] = i == 1 ? vx_realloc(NULL, 10) : vx_alloc(10);
	ck_assert(vx_mem_failed());
	ck_assert(p[0] != NULL && p[1] == NULL && p[2] != NULL);
	vx_mem_fail_at(0);
	ck_assert(!vx_mem_failed());
	vx_free(p[0]);
	vx_free(p[2]);
}
END_TEST

START_TEST(wiped_memory_is_zero)
{
	char secret[16] = "secret";

	vx_wipe(secret, 3);
	ck_assert_int_eq(memcmp(secret, "\0\0\0ret", 7), 0);
	vx_wipe(NULL, 0);
}
END_TEST

START_TEST(clocks_go_on)
{
	const int64_t now = (int64_t)time(NULL);
	uint64_t last = vx_clock_mono_us();
	const uint64_t ms = vx_clock_mono_ms();

	ck_assert_int_ge(vx_clock_s(), now);
	ck_assert_int_le(vx_now_s(), now + 10);
	for (int i = 0; i < 1000; i++) {
		const uint64_t us = vx_clock_mono_us();

		ck_assert_uint_ge(us, last);
		last = us;
	}
	ck_assert_uint_ge(vx_now_ms(), ms);
	ck_assert_uint_le(ms, last / 1000);
}
END_TEST

START_TEST(random_octets_differ_and_are_all_filled)
{
	unsigned char a[300] = { 0 }, b[300] = { 0 };
	bool seen[300] = { false };

	vx_random_seed(a, 0);
	ck_assert_uint_eq(a[0], 0);
	for (int round = 0; round < 20; round++) { /* more than getrandom gives at once */
		vx_random_seed(a, sizeof(a) - 1);
		vx_random_seed(b, sizeof(b) - 1);
		ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
		for (size_t i = 0; i < sizeof(a); i++)
			seen[i] = seen[i] || a[i] != 0;
	}
	for (size_t i = 0; i + 1 < sizeof(a); i++)
		ck_assert(seen[i]);
	ck_assert(!seen[sizeof(a) - 1]);
}
END_TEST

VXT_SUITE(test_mem, "mem", memory_is_zeroed_and_sizes_do_not_overflow,
    the_nth_allocation_fails_once, wiped_memory_is_zero, clocks_go_on,
    random_octets_differ_and_are_all_filled)
