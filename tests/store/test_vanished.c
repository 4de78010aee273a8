/* Expunges are remembered one by one up to a limit, and all together beyond it. */
#include "base/clock.h"
#include "fixture.h"
#include "store/box.h"

static void expunge(struct fixture *f, uint32_t first, uint32_t last)
{
	const struct vx_uid_range range = { first, last };
	struct vx_expunge_op op;

	vx_expunge_op_init(&op);
	op.account = 1;
	op.mailbox = f->inbox;
	op.uids = &range;
	op.range_count = 1;
	op.deleted_only = false;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	ck_assert_uint_eq(op.expunged, last - first + 1);
}

static void check_vanished(
    struct fixture *f, uint64_t since, const struct vx_uid_range *want, size_t want_count)
{
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_uid_range *got;
	struct vx_view *v;
	size_t count;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_mailbox_vanished(v, 1, f->inbox, since, &arena, &got, &count));
	vx_view_end(v);
	ck_assert_uint_eq(count, want_count);
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_eq(got[i].first, want[i].first);
		ck_assert_uint_eq(got[i].last, want[i].last);
	}
	vx_arena_done(&arena);
}

/* Many expunge records in one transaction, without the messages. */
struct many_op {
	struct vx_store_op op;
	uint32_t mailbox, times;
	size_t ranges;
	uint64_t first; /* out: MODSEQ of the first record */
};

static int apply_many(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	static const struct vx_uid_range none[512];
	struct many_op *op = (struct many_op *)base;
	struct vx_box b = { 0 };
	int rc = VX_OK;

	for (uint32_t i = 0; i < op->times && rc == VX_OK; i++) {
		rc = vx_box_open(txn, 1, op->mailbox, &b);
		if (rc == VX_OK && i == 0)
			op->first = b.modseq;
		if (rc == VX_OK)
			rc = vx_box_add_vanished(&b, none, op->ranges);
		if (rc == VX_OK)
			rc = vx_box_close(&b);
	}
	return rc;
}

static size_t count_records(struct fixture *f)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	struct vx_view *v;
	size_t n = 0;
	int rc;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_kv_cursor_open(v->txn, VX_TREE_STATE, &c));
	vx_key_state(&prefix, 1, f->inbox, VX_KIND_VANISHED);
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 8); rc = vx_kv_next(c, &key, &value))
		n++;
	vx_kv_cursor_close(c);
	vx_view_end(v);
	return n;
}

static void add_many(struct fixture *f, uint32_t times, size_t ranges)
{
	struct many_op op = { .op = { .apply = apply_many },
		.mailbox = f->inbox,
		.times = times,
		.ranges = ranges };

	vxt_assert_ok(vx_store_run(f->store, &op.op));
}

START_TEST(the_oldest_expunges_are_answered_from_what_is_left)
{
	static const struct vx_uid_range two[] = { { 3, 4 }, { 7, 7 } };
	static const struct vx_uid_range late[] = { { 7, 7 } };
	static const struct vx_uid_range all[] = { { 3, 4 }, { 7, 7 }, { 9, 10 } };
	struct fixture f;
	uint64_t start, middle;

	fixture_open(&f);
	for (int i = 0; i < 10; i++)
		(void)fixture_add(&f, f.inbox, VX_S("x"), 0);
	start = fixture_status(&f, f.inbox).highestmodseq;
	expunge(&f, 3, 4);
	middle = fixture_status(&f, f.inbox).highestmodseq;
	expunge(&f, 7, 7);
	check_vanished(&f, start, two, 2);
	check_vanished(&f, middle, late, 1);
	ck_assert_uint_eq(fixture_status(&f, f.inbox).expunge_floor, 0);
	expunge(&f, 9, 10);
	add_many(&f, VX_VANISHED_MAX - 1, 0);
	/* Two had to go; who knows the state after them still gets exact answers. */
	ck_assert_uint_eq(count_records(&f), VX_VANISHED_MAX);
	ck_assert_uint_eq(fixture_status(&f, f.inbox).expunge_floor, middle + 1);
	check_vanished(&f, start, all, 3);
	check_vanished(&f, middle + 1, all + 2, 1);
	add_many(&f, VX_VANISHED_MAX, 0);
	check_vanished(&f, middle + 2, all, 3);
	fixture_close(&f);
}
END_TEST

START_TEST(expunges_of_many_ranges_weigh_more)
{
	struct fixture f;

	fixture_open(&f);
	add_many(&f, 2000, 512); /* 1 + 4 each */
	ck_assert_uint_eq(count_records(&f), VX_VANISHED_MAX / 5);
	add_many(&f, VX_VANISHED_MAX, 0);
	ck_assert_uint_eq(count_records(&f), VX_VANISHED_MAX);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_vanished, "vanished", the_oldest_expunges_are_answered_from_what_is_left,
    expunges_of_many_ranges_weigh_more)
