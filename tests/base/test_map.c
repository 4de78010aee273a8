#include "base/map.h"
#include "base/mem.h"
#include "lib/vxt.h"

#include <stdio.h>

enum {
	N = 2000
};

START_TEST(finds_what_was_set_and_not_what_was_removed)
{
	static char keys[N][16];
	struct vx_map m;
	size_t at = 0, seen = 0;

	vx_map_init(&m, N);
	for (size_t i = 0; i < N; i++) {
		snprintf(keys[i], sizeof(keys[i]), "key %zu", i);
		vxt_assert_ok(vx_map_set(&m, vx_slice_str(keys[i]), keys[i]));
	}
	ck_assert_int_eq(vx_map_set(&m, VX_S("one more"), keys), VX_ELIMIT);
	vxt_assert_ok(vx_map_set(&m, VX_S("key 7"), keys[8]));
	ck_assert_ptr_eq(vx_map_find(&m, VX_S("key 7")), keys[8]);
	for (size_t i = 0; i < N; i += 2)
		ck_assert_ptr_nonnull(vx_map_remove(&m, vx_slice_str(keys[i])));
	ck_assert_ptr_null(vx_map_remove(&m, VX_S("key 0")));
	for (size_t i = 0; i < N; i++)
		ck_assert(
		    (vx_map_find(&m, vx_slice_str(keys[i])) == NULL) == (i % 2 == 0));
	while (vx_map_next(&m, &at) != NULL)
		seen++;
	ck_assert_uint_eq(seen, N / 2);
	ck_assert_uint_eq(m.count, N / 2);
	vx_map_done(&m);
}
END_TEST

START_TEST(churn_does_not_grow_it)
{
	static char keys[64][16];
	struct vx_map m;

	vx_map_init(&m, 64);
	for (size_t round = 0; round < 10000; round++) {
		char *key = keys[round % 64];

		vx_map_remove(&m, vx_slice_str(key));
		snprintf(key, sizeof(keys[0]), "%zu", round);
		vxt_assert_ok(vx_map_set(&m, vx_slice_str(key), key));
	}
	ck_assert_uint_eq(m.count, 64);
	ck_assert_uint_le(m.cap, 256);
	vx_map_done(&m);
}
END_TEST

START_TEST(without_memory_nothing_is_lost)
{
	static char keys[11][4];
	struct vx_map m;
	int rc = VX_OK;

	vx_map_init(&m, 100);
	for (size_t i = 0; i < 11 && rc == VX_OK; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		vx_mem_fail_at(i == 10 ? 1 : 0);
		rc = vx_map_set(&m, vx_slice_str(keys[i]), keys[i]);
	}
	vx_mem_fail_at(0);
	ck_assert_int_eq(rc, VX_ENOMEM);
	for (size_t i = 0; i < 10; i++)
		ck_assert_ptr_eq(vx_map_find(&m, vx_slice_str(keys[i])), keys[i]);
	vx_map_done(&m);
}
END_TEST

START_TEST(an_entry_may_be_removed_while_walking)
{
	static char keys[100][16];
	struct vx_map m;
	size_t at = 0, seen = 0;
	char *key;

	vx_map_init(&m, 100);
	ck_assert_ptr_null(vx_map_next(&m, &at)); /* empty: no memory yet */
	ck_assert_ptr_null(vx_map_find(&m, VX_S("x")));
	ck_assert_ptr_null(vx_map_remove(&m, VX_S("x")));
	for (size_t i = 0; i < 100; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		vxt_assert_ok(vx_map_set(&m, vx_slice_str(keys[i]), keys[i]));
	}
	at = 0;
	while ((key = vx_map_next(&m, &at)) != NULL) {
		ck_assert_ptr_eq(vx_map_remove(&m, vx_slice_str(key)), key);
		seen++;
	}
	ck_assert_uint_eq(seen, 100);
	ck_assert_uint_eq(m.count, 0);
	vx_map_done(&m);
}
END_TEST

START_TEST(keys_are_octets_and_two_maps_order_them_differently)
{
	struct vx_map a, b;

	vx_map_init(&a, 10);
	vx_map_init(&b, 10);
	ck_assert(a.key.k0 != b.key.k0 && a.key.k1 != b.key.k1);
	vxt_assert_ok(vx_map_set(&a, VX_S("x\0y"), &a));
	vxt_assert_ok(vx_map_set(&a, VX_S(""), &b));
	ck_assert_ptr_null(vx_map_find(&a, VX_S("x")));
	ck_assert_ptr_null(vx_map_find(&a, VX_S("X\0y")));
	ck_assert_ptr_eq(vx_map_find(&a, VX_S("x\0y")), &a);
	ck_assert_ptr_eq(vx_map_find(&a, vx_slice_of(NULL, 0)), &b);
	vx_map_done(&a);
	vx_map_done(&b);
}
END_TEST

VXT_SUITE(test_map, "map", finds_what_was_set_and_not_what_was_removed,
    churn_does_not_grow_it, without_memory_nothing_is_lost,
    an_entry_may_be_removed_while_walking,
    keys_are_octets_and_two_maps_order_them_differently)
