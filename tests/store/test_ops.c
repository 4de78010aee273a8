#include "fixture.h"
#include "store/account.h"

START_TEST(special_mailboxes_are_there_and_names_are_checked)
{
	struct fixture f;

	fixture_open(&f);
	ck_assert_uint_eq(fixture_mailbox(&f, "inbox"), f.inbox);
	ck_assert_uint_ne(fixture_mailbox(&f, "Junk"), 0);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_CREATE, "a//b", ""), VX_EINVAL);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_CREATE, "/a", ""), VX_EINVAL);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_CREATE, "a\x01", ""), VX_EINVAL);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_CREATE, "\xff", ""), VX_EINVAL);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_CREATE, "a\xc2\x85", ""), VX_EINVAL);
	ck_assert_int_eq(
	    fixture_verb(&f, VX_MAILBOX_CREATE, "a\xe2\x80\xa8", ""), VX_EINVAL);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_CREATE, "iNbOx", ""), VX_EEXIST);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_DELETE, "INBOX", ""), VX_EPERM);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_DELETE, "none", ""), VX_ENOENT);
	fixture_close(&f);
}
END_TEST

START_TEST(renaming_takes_the_children_along)
{
	struct fixture f;
	uint32_t b;

	fixture_open(&f);
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_CREATE, "a/b/c", ""));
	b = fixture_mailbox(&f, "a/b");
	ck_assert_uint_ne(b, 0);
	(void)fixture_add(&f, b, VX_S("x"), 0);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_RENAME, "a/b", "a/b/d"), VX_EINVAL);
	ck_assert_int_eq(fixture_verb(&f, VX_MAILBOX_RENAME, "a/b", "Junk"), VX_EEXIST);
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_RENAME, "a/b", "x/y"));
	ck_assert_uint_eq(fixture_mailbox(&f, "x/y"), b);
	ck_assert_uint_ne(fixture_mailbox(&f, "x/y/c"), 0);
	ck_assert_uint_eq(fixture_mailbox(&f, "a/b"), 0);
	ck_assert_uint_ne(fixture_mailbox(&f, "a"), 0);
	ck_assert_uint_eq(fixture_status(&f, b).messages, 1);
	fixture_close(&f);
}
END_TEST

START_TEST(renaming_inbox_moves_its_messages)
{
	struct fixture f;
	uint32_t old;

	fixture_open(&f);
	for (int i = 0; i < 200; i++)
		(void)fixture_add(&f, f.inbox, VX_S("x"), 0);
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_RENAME, "INBOX", "old"));
	old = fixture_mailbox(&f, "old");
	ck_assert_uint_eq(fixture_status(&f, old).messages, 200);
	ck_assert_uint_eq(fixture_status(&f, f.inbox).messages, 0);
	ck_assert_uint_eq(fixture_status(&f, f.inbox).uidnext, 201);
	fixture_close(&f);
}
END_TEST

START_TEST(a_name_made_again_has_another_uidvalidity)
{
	struct fixture f;
	uint32_t before;

	fixture_open(&f);
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_CREATE, "t", ""));
	before = fixture_status(&f, fixture_mailbox(&f, "t")).uidvalidity;
	(void)fixture_add(&f, fixture_mailbox(&f, "t"), VX_S("x"), 0);
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_DELETE, "t", ""));
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_CREATE, "t", ""));
	ck_assert_uint_gt(
	    fixture_status(&f, fixture_mailbox(&f, "t")).uidvalidity, before);
	vxt_assert_ok(vx_state_reap(f.store, fixture_go_on));
	ck_assert_uint_eq(fixture_status(&f, fixture_mailbox(&f, "t")).messages, 0);
	fixture_close(&f);
}
END_TEST

START_TEST(a_deleted_mailbox_takes_nothing)
{
	struct vx_delivery_target t = { .account = 1 };
	struct vx_mailbox_status status;
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	struct vx_view *v;
	struct fixture f;

	fixture_open(&f);
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_CREATE, "t", ""));
	t.mailbox = fixture_mailbox(&f, "t");
	vxt_assert_ok(fixture_verb(&f, VX_MAILBOX_DELETE, "t", ""));
	vxt_assert_ok(vx_blob_writer_new(f.store, &w));
	vxt_assert_ok(vx_blob_writer_add(w, VX_S("Subject: x\r\n\r\n")));
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = 1;
	op.all_or_none = true;
	ck_assert_int_eq(vx_store_run(f.store, &op.op), VX_ENOENT);
	vx_blob_writer_free(w);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	ck_assert_int_eq(vx_mailbox_status(v, 1, t.mailbox, &status), VX_ENOENT);
	vx_view_end(v);
	fixture_close(&f);
}
END_TEST

START_TEST(quota_refuses_and_leaves_others_alone)
{
	const struct vx_quota small = { .limit_octets = 10 };
	struct vx_delivery_target t[3] = { { .account = 1 }, { .account = 2 },
		{ .account = 9 } };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	struct fixture f;

	fixture_open(&f);
	fixture_account(&f, 2, &small);
	for (int all = 0; all < 2; all++) {
		vxt_assert_ok(vx_blob_writer_new(f.store, &w));
		vxt_assert_ok(vx_blob_writer_add(w, VX_S("Subject: too long\r\n\r\n")));
		vx_deliver_op_init(&op, w);
		op.targets = t;
		op.target_count = 3;
		op.all_or_none = all == 1;
		ck_assert_int_eq(vx_store_run(f.store, &op.op), all ? VX_EQUOTA : VX_OK);
		vx_blob_writer_free(w);
		ck_assert_int_eq(t[1].result, VX_EQUOTA);
		if (all == 0)
			ck_assert_int_eq(t[2].result, VX_ENOENT);
	}
	ck_assert_uint_eq(fixture_status(&f, f.inbox).messages, 1);
	fixture_close(&f);
}
END_TEST

static int replace_with(struct fixture *f, uint32_t uid, size_t octets, bool *gone)
{
	struct vx_delivery_target t = { .account = 2 };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	char text[200];
	int rc;

	memset(text, 'x', sizeof(text));
	vxt_assert_ok(vx_blob_writer_new(f->store, &w));
	vxt_assert_ok(vx_blob_writer_add(w, vx_slice_of(text, octets)));
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = 1;
	op.all_or_none = true;
	op.replaces = (struct vx_replaced){ .account = 2, .mailbox = 1, .uid = uid };
	if (uid == 0)
		op.replaces = (struct vx_replaced){ 0 };
	rc = vx_store_run(f->store, &op.op);
	*gone = op.replaces.gone;
	vx_blob_writer_free(w);
	return rc;
}

START_TEST(a_message_takes_the_place_of_another_at_once)
{
	const struct vx_quota small = { .limit_octets = 100, .limit_messages = 1 };
	struct vx_mailbox_status st;
	struct vx_view *v;
	struct fixture f;
	bool gone;

	fixture_open(&f);
	fixture_account(&f, 2, &small);
	vxt_assert_ok(replace_with(&f, 0, 80, &gone));
	ck_assert_int_eq(replace_with(&f, 0, 10, &gone), VX_EQUOTA);
	/* only the net use counts (RFC 8508 3.4) */
	vxt_assert_ok(replace_with(&f, 1, 100, &gone));
	/* refused: the old one stays */
	ck_assert_int_eq(replace_with(&f, 2, 101, &gone), VX_EQUOTA);
	ck_assert(!gone);
	ck_assert_int_eq(replace_with(&f, 1, 10, &gone), VX_ENOENT);
	ck_assert(gone);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_mailbox_status(v, 2, 1, &st));
	vx_view_end(v);
	ck_assert_uint_eq(st.messages, 1);
	ck_assert_uint_eq(st.size, 100);
	ck_assert_uint_eq(st.uidnext, 3);
	fixture_close(&f);
}
END_TEST

START_TEST(two_copies_that_are_too_much_together_are_refused_together)
{
	const struct vx_quota small = { .limit_octets = 30 };
	struct vx_delivery_target t[2] = { { .account = 2 }, { .account = 2 } };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	struct vx_quota q;
	struct vx_view *v;
	struct fixture f;

	fixture_open(&f);
	fixture_account(&f, 2, &small);
	vxt_assert_ok(vx_blob_writer_new(f.store, &w));
	vxt_assert_ok(vx_blob_writer_add(w, VX_S("Subject: too long\r\n\r\n")));
	vx_deliver_op_init(&op, w);
	op.targets = t;
	op.target_count = 2;
	op.all_or_none = true;
	ck_assert_int_eq(vx_store_run(f.store, &op.op), VX_EQUOTA);
	vx_blob_writer_free(w);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_quota_get(v, 2, &q));
	vx_view_end(v);
	ck_assert_uint_eq(q.used_messages, 0);
	fixture_close(&f);
}
END_TEST

struct removal {
	struct vx_store_op op;
};

static int apply_removal(struct vx_store_op *op, struct vx_kv_txn *txn)
{
	(void)op;
	return vx_account_remove(txn, 2);
}

START_TEST(a_removed_account_leaves_nothing)
{
	struct removal r = { .op = { .apply = apply_removal } };
	struct vx_delivery_target t = { .account = 2 };
	struct vx_store_stat st;
	struct vx_mailbox_op create;
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	struct vx_quota q;
	struct vx_view *v;
	struct fixture f;

	fixture_open(&f);
	fixture_account(&f, 2, NULL);
	for (int i = 0; i < 300; i++) {
		vxt_assert_ok(vx_blob_writer_new(f.store, &w));
		vxt_assert_ok(vx_blob_writer_add(w, VX_S("Subject: x\r\n\r\n")));
		vx_deliver_op_init(&op, w);
		op.targets = &t;
		op.target_count = 1;
		vxt_assert_ok(vx_store_run(f.store, &op.op));
		vx_blob_writer_free(w);
	}
	vxt_assert_ok(vx_store_run(f.store, &r.op));
	/* by a session that has not heard of it */
	vx_mailbox_op_init(&create, VX_MAILBOX_CREATE);
	create.account = 2;
	create.name = VX_S("new");
	ck_assert_int_eq(vx_store_run(f.store, &create.op), VX_ENOENT);
	vxt_assert_ok(vx_state_reap(f.store, fixture_go_on));
	vxt_assert_ok(vx_view_begin(f.store, &v));
	ck_assert_int_eq(vx_quota_get(v, 2, &q), VX_ENOENT);
	vx_view_end(v);
	vxt_assert_ok(vx_store_stat(f.store, &st));
	ck_assert_uint_eq(st.accounts, 1);
	ck_assert_uint_eq(st.mailboxes, 6);
	ck_assert_uint_eq(st.dead_queue, 300);
	fixture_close(&f);
}
END_TEST

START_TEST(unchanged_since_refuses_what_changed)
{
	struct vx_arena arena = { .limit = 1 << 20 };
	const struct vx_uid_range all = { 1, 10 };
	struct vx_flags_op op;
	struct fixture f;
	uint64_t modseq;

	fixture_open(&f);
	for (int i = 0; i < 3; i++)
		(void)fixture_add(&f, f.inbox, VX_S("x"), 0);
	modseq = fixture_status(&f, f.inbox).highestmodseq;
	vx_flags_op_init(&op);
	op.account = 1;
	op.mailbox = f.inbox;
	op.uids = &(struct vx_uid_range){ 2, 2 };
	op.range_count = 1;
	op.flags = VX_FLAG_SEEN;
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	ck_assert_uint_eq(op.changed, 1);
	op.uids = &all;
	op.unchanged_since = modseq;
	op.arena = &arena;
	op.flags = VX_FLAG_FLAGGED;
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	ck_assert_uint_eq(op.changed, 2);
	ck_assert_uint_eq(op.refused_count, 1);
	ck_assert_uint_eq(op.refused[0].first, 2);
	op.unchanged_since = UINT64_MAX;
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	ck_assert_uint_eq(op.changed, 1);
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	ck_assert_uint_eq(op.modseq, 0); /* nothing to change */
	vx_arena_done(&arena);
	fixture_close(&f);
}
END_TEST

START_TEST(keywords_have_names_and_a_limit)
{
	const struct vx_uid_range one = { 1, 1 };
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_flags_op op;
	struct vx_view *v;
	struct fixture f;

	fixture_open(&f);
	(void)fixture_add(&f, f.inbox, VX_S("x"), 0);
	for (int i = 0; i <= VX_KEYWORDS_MAX; i++) {
		const char name[3] = { 'k', (char)('0' + i), 0 };
		const vx_slice slice = vx_slice_str(name);

		vx_flags_op_init(&op);
		op.account = 1;
		op.mailbox = f.inbox;
		op.uids = &one;
		op.range_count = 1;
		op.keywords = (struct vx_keyword_list){ &slice, 1 };
		ck_assert_int_eq(vx_store_run(f.store, &op.op),
		    i < VX_KEYWORDS_MAX ? VX_OK : VX_ELIMIT);
	}
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_mailbox_keywords(v, 1, f.inbox, names));
	vxt_assert_str(names[0], "k0");
	vxt_assert_str(names[1], "k1");
	vx_view_end(v);
	fixture_close(&f);
}
END_TEST

/* All of a mailbox as it is now into another; how often the op had to run. */
static unsigned copy_all(struct fixture *f, uint32_t from, uint32_t to, bool move)
{
	const struct vx_uid_range all = { 1, fixture_status(f, from).uidnext - 1 };
	struct vx_copy_op op;
	unsigned runs = 0;

	vx_copy_op_init(&op);
	op.account = op.to_account = 1;
	op.mailbox = from;
	op.to_mailbox = to;
	op.uids = &all;
	op.range_count = 1;
	op.move = move;
	do {
		op.from_uid = op.next_uid;
		vxt_assert_ok(vx_store_run(f->store, &op.op));
		runs++;
	} while (op.next_uid != 0);
	return runs;
}

/* A COPY is one commit; a MOVE lets others in between, into its own mailbox, too. */
static void expunge_deleted(struct fixture *f)
{
	struct vx_expunge_op op;

	vx_expunge_op_init(&op);
	op.account = 1;
	op.mailbox = f->inbox;
	op.deleted_only = true;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
}

/* Every cut of 500 messages with holes: each comes once, pages are not parsed twice. */
START_TEST(records_come_in_pieces)
{
	enum {
		COUNT = 500,
		PAGE = 128
	};
	struct vx_record all[COUNT], out[COUNT];
	struct fixture f;
	size_t total;

	fixture_open(&f);
	for (int i = 0; i < COUNT; i++)
		(void)fixture_add(
		    &f, f.inbox, VX_S("x"), i % 7 == 3 ? VX_FLAG_DELETED : 0);
	expunge_deleted(&f);
	total = fixture_records(&f, f.inbox, all, COUNT);
	ck_assert_uint_eq(total, COUNT - 71);
	for (size_t cap = 1; cap <= COUNT; cap++) {
		struct vx_record_query q = { .account = 1,
			.mailbox = f.inbox,
			.first_uid = 1,
			.last_uid = UINT32_MAX };
		size_t done = 0;

		while (q.first_uid != 0) {
			struct vx_view *v;
			size_t count;

			vxt_assert_ok(vx_view_begin(f.store, &v));
			vxt_assert_ok(
			    vx_records_read(v, &q, out, cap, &count, &q.first_uid));
			vx_view_end(v);
			ck_assert_uint_le(done + count, total);
			for (size_t i = 0; i < count; i++)
				ck_assert_uint_eq(out[i].uid, all[done + i].uid);
			done += count;
			if (cap >= PAGE && q.first_uid != 0)
				ck_assert_uint_ne(
				    q.first_uid / PAGE, out[count - 1].uid / PAGE);
		}
		ck_assert_uint_eq(done, total);
	}
	fixture_close(&f);
}
END_TEST

START_TEST(many_are_moved_in_slices)
{
	uint32_t other;
	struct fixture f;

	fixture_open(&f);
	other = f.archive;
	(void)fixture_add(&f, f.inbox, VX_S("x"), 0);
	while (fixture_status(&f, f.inbox).messages <= VX_STORE_SLICE_RECORDS)
		ck_assert_uint_eq(copy_all(&f, f.inbox, f.inbox, false), 1);
	ck_assert_uint_eq(copy_all(&f, f.inbox, other, true), 2);
	ck_assert_uint_eq(fixture_status(&f, f.inbox).messages, 0);
	ck_assert_uint_eq(fixture_status(&f, other).messages, 65536);
	ck_assert_uint_eq(fixture_status(&f, other).uidnext, 65537);
	ck_assert_uint_eq(copy_all(&f, other, other, true), 2);
	ck_assert_uint_eq(fixture_status(&f, other).messages, 65536);
	ck_assert_uint_eq(fixture_status(&f, other).uidnext, 2 * 65536 + 1);
	ck_assert_uint_eq(fixture_problems(&f), 0);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_ops, "ops", special_mailboxes_are_there_and_names_are_checked,
    renaming_takes_the_children_along, renaming_inbox_moves_its_messages,
    a_name_made_again_has_another_uidvalidity, a_deleted_mailbox_takes_nothing,
    quota_refuses_and_leaves_others_alone, a_message_takes_the_place_of_another_at_once,
    two_copies_that_are_too_much_together_are_refused_together,
    a_removed_account_leaves_nothing, unchanged_since_refuses_what_changed,
    keywords_have_names_and_a_limit, records_come_in_pieces, many_are_moved_in_slices)
