#include "fixture.h"
#include "vectis/greylist.h"

#include <stdio.h>

enum {
	DELAY = 300,
	NOW = 1000000
};

static struct vx_greylist_key key(
    struct fixture *f, const char *client, const char *sender, const char *to)
{
	struct vx_greylist_key k;
	struct vx_network n;
	bool exact;

	vxt_assert_ok(vx_network_parse(vx_slice_str(client), &n, &exact));
	vx_greylist_key(f->store, &n, vx_slice_str(sender), vx_slice_str(to), &k);
	return k;
}

static void note(struct fixture *f, const struct vx_greylist_key *k, uint64_t now)
{
	struct vx_greylist_op op;

	vx_greylist_op_init(&op);
	op.key = *k;
	op.now_s = now;
	op.delay_s = DELAY;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
}

static void expect(struct fixture *f, const struct vx_greylist_key *k, uint64_t now,
    enum vx_greylist_state want, uint32_t want_wait)
{
	enum vx_greylist_state state;
	struct vx_view *v;
	uint32_t wait;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_greylist_find(v, k, now, DELAY, &state, &wait));
	vx_view_end(v);
	ck_assert_int_eq(state, want);
	ck_assert_uint_eq(wait, want_wait);
}

START_TEST(who_comes_back_is_known)
{
	struct vx_greylist_key k;
	struct fixture f;

	fixture_open(&f);
	k = key(&f, "192.0.2.1", "a@b.test", "c@d.test");
	expect(&f, &k, NOW, VX_GREYLIST_NEW, DELAY);
	note(&f, &k, NOW);
	expect(&f, &k, NOW, VX_GREYLIST_EARLY, DELAY);
	expect(&f, &k, NOW + 299, VX_GREYLIST_EARLY, 1);
	note(&f, &k, NOW + 100); /* whoever asks all the time need not wait for longer */
	expect(&f, &k, NOW + 299, VX_GREYLIST_EARLY, 1);
	expect(&f, &k, NOW + 300, VX_GREYLIST_BACK, 0);
	note(&f, &k, NOW + 300);
	expect(&f, &k, NOW + 300 + VX_GREYLIST_FRESH_S, VX_GREYLIST_KNOWN, 0);
	expect(&f, &k, NOW + 301 + VX_GREYLIST_FRESH_S, VX_GREYLIST_BACK, 0);
	expect(&f, &k, NOW + 300 + VX_GREYLIST_KEEP_S, VX_GREYLIST_BACK, 0);
	expect(&f, &k, NOW + 301 + VX_GREYLIST_KEEP_S, VX_GREYLIST_NEW, DELAY);
	/* a clock that was set back */
	expect(&f, &k, 5, VX_GREYLIST_KNOWN, 0);
	fixture_close(&f);
}
END_TEST

START_TEST(who_does_not_is_forgotten)
{
	struct vx_greylist_key k;
	struct fixture f;

	fixture_open(&f);
	k = key(&f, "192.0.2.1", "a@b.test", "c@d.test");
	note(&f, &k, NOW);
	expect(&f, &k, NOW + VX_GREYLIST_RETRY_S, VX_GREYLIST_BACK, 0);
	expect(&f, &k, NOW + VX_GREYLIST_RETRY_S + 1, VX_GREYLIST_NEW, DELAY);
	note(&f, &k, NOW + VX_GREYLIST_RETRY_S + 1);
	expect(&f, &k, NOW + VX_GREYLIST_RETRY_S + 2, VX_GREYLIST_EARLY, DELAY - 1);
	fixture_close(&f);
}
END_TEST

START_TEST(a_key_is_of_a_network_and_two_addresses)
{
	struct vx_greylist_key k, same;
	struct fixture f;
	static const char *const others[][3] = { { "192.0.3.1", "a@b.test", "c@d.test" },
		{ "192.0.2.1", "", "c@d.test" }, { "192.0.2.1", "a@b.testc", "@d.test" },
		{ "192.0.2.1", "c@d.test", "a@b.test" },
		{ "2001:db8::1", "a@b.test", "c@d.test" } };

	fixture_open(&f);
	k = key(&f, "192.0.2.1", "a@b.test", "c@d.test");
	same = key(&f, "192.0.2.200", "a@b.test", "c@d.test");
	ck_assert_int_eq(memcmp(&k, &same, sizeof(k)), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const struct vx_greylist_key o =
		    key(&f, others[i][0], others[i][1], others[i][2]);

		ck_assert_int_ne(memcmp(&k, &o, sizeof(k)), 0);
	}
	fixture_close(&f);
}
END_TEST

/* Sweep all; how many ops it took. */
static size_t sweep(struct fixture *f, uint64_t now)
{
	struct vx_greylist_op op;
	size_t ops = 0;

	vx_greylist_op_init(&op);
	op.now_s = now;
	op.delay_s = DELAY;
	op.sweep = true;
	do {
		vxt_assert_ok(vx_store_run(f->store, &op.op));
		ops++;
	} while (op.more);
	return ops;
}

static uint64_t counted(struct fixture *f)
{
	struct vx_view *v;
	uint64_t n = 0;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_meta_get(v->txn, "greylist", &n));
	vx_view_end(v);
	return n;
}

START_TEST(sweeping_forgets_the_old_ones_in_slices)
{
	struct vx_greylist_key kept;
	struct fixture f;
	char to[32];

	fixture_open(&f);
	kept = key(&f, "192.0.2.1", "a@b.test", "c@d.test");
	for (int i = 0; i < 1500; i++) {
		struct vx_greylist_key k;

		(void)snprintf(to, sizeof(to), "u%d@d.test", i);
		k = key(&f, "192.0.2.1", "a@b.test", to);
		note(&f, &k, NOW);
	}
	note(&f, &kept, NOW);
	note(&f, &kept, NOW + 300);
	ck_assert_uint_eq(counted(&f), 1501);
	ck_assert_uint_eq(sweep(&f, NOW + VX_GREYLIST_RETRY_S), 2);
	ck_assert_uint_eq(counted(&f), 1501);
	(void)sweep(&f, NOW + VX_GREYLIST_RETRY_S + 1);
	ck_assert_uint_eq(counted(&f), 1);
	expect(&f, &kept, NOW + VX_GREYLIST_RETRY_S + 1, VX_GREYLIST_BACK, 0);
	fixture_close(&f);
}
END_TEST

static int say_full(struct vx_store_op *op, struct vx_kv_txn *txn)
{
	(void)op;
	return vx_meta_set(txn, "greylist", VX_GREYLIST_MAX);
}

START_TEST(a_full_list_makes_nobody_wait)
{
	struct vx_store_op op = { .apply = say_full };
	struct vx_greylist_key k, other;
	struct fixture f;

	fixture_open(&f);
	k = key(&f, "192.0.2.1", "a@b.test", "c@d.test");
	other = key(&f, "192.0.2.1", "e@b.test", "c@d.test");
	note(&f, &k, NOW);
	vxt_assert_ok(vx_store_run(f.store, &op));
	expect(&f, &k, NOW + 1, VX_GREYLIST_EARLY, DELAY - 1);
	expect(&f, &other, NOW + 1, VX_GREYLIST_KNOWN, 0);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_greylist, "greylist", who_comes_back_is_known, who_does_not_is_forgotten,
    a_key_is_of_a_network_and_two_addresses, sweeping_forgets_the_old_ones_in_slices,
    a_full_list_makes_nobody_wait)
