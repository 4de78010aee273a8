/*
 * The mailbox that has all messages (MB-21): whatever is done to it or to the others, it
 * has what they have, once for each time, with the same flags.
 */
#include "fixture.h"

#include "store/account.h"
#include "store/all.h"
#include "store/box.h"
#include "vectis/acl.h"

#include <stdlib.h>

enum {
	MOST = 12000,
	OTHERS = 3,
	ROUNDS = 1500
};

struct seen { /* a message as it is to be in both */
	uint64_t blob, flags;
};

struct world {
	struct fixture f;
	uint32_t boxes[OTHERS + 1]; /* the last one has all */
	struct vx_uid_range known[MOST]; /* UIDs that a client of it knows */
	size_t known_count;
	uint64_t modseq;
};

static unsigned seed;

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)rand_r(&seed) % n;
}

static uint32_t all_of(struct fixture *f, uint32_t account)
{
	struct vx_mailbox_info m;
	struct vx_view *v;
	uint32_t found = 0;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	if (vx_mailbox_find(v, account, VX_ALL_NAME, &m) == VX_OK &&
	    m.special_use == VX_USE_ALL)
		found = m.mailbox;
	vx_view_end(v);
	return found;
}

static void upkeep(struct fixture *f, enum vx_store_all how)
{
	f->store->o.all = how;
	vxt_assert_ok(vx_all_upkeep(f->store, fixture_go_on));
}

/* --- what is there ----------------------------------------------------------------- */

/* Names are k0 to k5: a bit for each, whatever it is in its mailbox. */
static uint64_t named(const vx_slice names[VX_KEYWORDS_MAX], uint64_t flags)
{
	uint64_t out = flags & VX_FLAG_SYSTEM;

	for (unsigned i = 0; i < VX_KEYWORDS_MAX; i++)
		if ((flags >> (VX_KEYWORD_FIRST + i) & 1) != 0) {
			ck_assert_uint_eq(names[i].len, 2);
			out |= (uint64_t)1
			       << (VX_KEYWORD_FIRST + (unsigned)(names[i].ptr[1] - '0'));
		}
	return out;
}

static size_t gather(struct fixture *f, uint32_t mailbox, struct seen *out, uint64_t *octets)
{
	static struct vx_record r[MOST];
	const size_t n = fixture_records(f, mailbox, r, MOST);
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_mailbox_keywords(v, 1, mailbox, names));
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct seen){ r[i].blob, named(names, r[i].flags) };
		*octets += r[i].size;
	}
	vx_view_end(v);
	return n;
}

static int cmp_seen(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->blob != y->blob)
		return x->blob < y->blob ? -1 : 1;
	return (x->flags > y->flags) - (x->flags < y->flags);
}

static void compare(struct world *w)
{
	static struct seen all[MOST], others[MOST];
	struct vx_quota quota;
	struct vx_view *v;
	uint64_t octets = 0, none = 0;
	size_t n = 0, count;

	for (size_t i = 0; i < OTHERS; i++)
		n += gather(&w->f, w->boxes[i], others + n, &octets);
	count = gather(&w->f, w->boxes[OTHERS], all, &none);
	ck_assert_uint_eq(count, n);
	qsort(all, n, sizeof(*all), cmp_seen);
	qsort(others, n, sizeof(*others), cmp_seen);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(all[i].blob, others[i].blob);
		ck_assert_uint_eq(all[i].flags, others[i].flags);
	}
	vxt_assert_ok(vx_view_begin(w->f.store, &v));
	vxt_assert_ok(vx_quota_get(v, 1, &quota));
	vx_view_end(v);
	ck_assert_uint_eq(quota.used_messages, n);
	ck_assert_uint_eq(quota.used_octets, octets);
}

/* A client that comes back hears of each UID that went, and of each change. */
static void resync(struct world *w)
{
	static struct vx_record r[MOST];
	static unsigned char gone[1 << 20];
	const uint32_t all = w->boxes[OTHERS];
	const size_t n = fixture_records(&w->f, all, r, MOST);
	const struct vx_mailbox_status st = fixture_status(&w->f, all);
	struct vx_arena arena;
	struct vx_uid_range *ranges;
	size_t count = 0, k = 0;
	struct vx_view *v;

	ck_assert_uint_ge(st.highestmodseq, w->modseq);
	vx_arena_init(&arena, 64 << 20);
	memset(gone, 0, sizeof(gone));
	vxt_assert_ok(vx_view_begin(w->f.store, &v));
	if (st.expunge_floor <= w->modseq)
		vxt_assert_ok(vx_mailbox_vanished(
		    v, 1, all, w->modseq, &arena, &ranges, &count));
	vx_view_end(v);
	for (size_t i = 0; i < count; i++)
		for (uint32_t uid = ranges[i].first; uid <= ranges[i].last && uid < sizeof(gone);
		     uid++)
			gone[uid] = 1;
	for (size_t i = 0; i < w->known_count; i++) {
		while (k < n && r[k].uid < w->known[i].first)
			k++;
		if (k == n || r[k].uid != w->known[i].first)
			ck_assert(gone[w->known[i].first]);
		else
			ck_assert(!gone[w->known[i].first]);
	}
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_le(r[i].modseq, st.highestmodseq);
		ck_assert(i == 0 || r[i].uid > r[i - 1].uid);
		w->known[i] = (struct vx_uid_range){ r[i].uid, r[i].uid };
	}
	w->known_count = n;
	w->modseq = st.highestmodseq;
	vx_arena_done(&arena);
}

/* --- what is done ------------------------------------------------------------------- */

static struct vx_uid_range some_uids(struct world *w, uint32_t mailbox)
{
	const uint32_t next = fixture_status(&w->f, mailbox).uidnext;
	const uint32_t first = 1 + random_below(next);

	return (struct vx_uid_range){ first, first + random_below(40) };
}

static void deliver(struct world *w)
{
	char octets[200];

	memset(octets, 'm', sizeof(octets));
	(void)fixture_add(&w->f, w->boxes[random_below(OTHERS)],
	    vx_slice_of(octets, 1 + random_below(sizeof(octets) - 1)), random_below(32));
}

static void change(struct world *w)
{
	static const char *const words[] = { "k0", "k1", "k2", "k3", "k4", "k5" };
	const uint32_t mailbox = w->boxes[random_below(OTHERS + 1)];
	const struct vx_uid_range r = some_uids(w, mailbox);
	struct vx_flags_op op;
	vx_slice names[6];

	vx_flags_op_init(&op);
	op.account = 1;
	op.mailbox = mailbox;
	op.uids = &r;
	op.range_count = 1;
	op.flags = random_below(32);
	op.change = (enum vx_flag_change)random_below(3);
	op.keywords.names = names;
	for (unsigned i = 0; i < 6; i++)
		if (random_below(4) == 0)
			names[op.keywords.count++] = vx_slice_str(words[i]);
	vxt_assert_ok(vx_store_run(w->f.store, &op.op));
}

static void expunge(struct world *w)
{
	const uint32_t mailbox = w->boxes[random_below(OTHERS + 1)];
	const struct vx_uid_range r = some_uids(w, mailbox);
	struct vx_expunge_op op;

	vx_expunge_op_init(&op);
	op.account = 1;
	op.mailbox = mailbox;
	op.uids = &r;
	op.range_count = 1;
	op.deleted_only = random_below(4) != 0;
	vxt_assert_ok(vx_store_run(w->f.store, &op.op));
}

static int copy_to(struct world *w, uint32_t from, uint32_t to, bool move)
{
	const struct vx_uid_range r = some_uids(w, from);
	struct vx_copy_op op;

	vx_copy_op_init(&op);
	op.account = op.to_account = 1;
	op.mailbox = from;
	op.to_mailbox = to;
	op.uids = &r;
	op.range_count = 1;
	op.move = move;
	return vx_store_run(w->f.store, &op.op);
}

static void one(struct world *w)
{
	const uint32_t from = w->boxes[random_below(OTHERS + 1)];

	switch (random_below(8)) {
	case 0:
	case 1:
	case 2:
		deliver(w);
		break;
	case 3:
	case 4:
		change(w);
		break;
	case 5:
		expunge(w);
		break;
	case 6:
		if (random_below(3) == 0)
			vxt_assert_ok(
			    copy_to(w, from, w->boxes[random_below(OTHERS)], false));
		break;
	case 7:
		vxt_assert_ok(copy_to(w, from, w->boxes[random_below(OTHERS)], true));
		break;
	}
}

static void begin(struct world *w, unsigned n)
{
	memset(w, 0, sizeof(*w));
	seed = n;
	fixture_open(&w->f);
	w->boxes[0] = w->f.inbox;
	w->boxes[1] = w->f.archive;
	w->boxes[2] = fixture_mailbox(&w->f, "Sent");
}

static void reopen(struct world *w)
{
	vx_store_close(w->f.store);
	fixture_reopen(&w->f);
}

START_TEST(it_has_what_the_others_have)
{
	static struct world w;

	begin(&w, getenv("VX_SEED") == NULL ? 3 : (unsigned)atoi(getenv("VX_SEED")));
	for (unsigned i = 0; i < 300; i++) {
		w.boxes[OTHERS] = w.boxes[0];
		one(&w);
	}
	upkeep(&w.f, VX_STORE_ALL_MAKE);
	w.boxes[OTHERS] = all_of(&w.f, 1);
	ck_assert_uint_ne(w.boxes[OTHERS], 0);
	compare(&w);
	for (unsigned i = 0; i < ROUNDS; i++) {
		one(&w);
		if (i % 10 == 0) {
			compare(&w);
			resync(&w);
		}
		if (i % 500 == 0)
			reopen(&w);
	}
	compare(&w);
	ck_assert_uint_eq(fixture_problems(&w.f), 0);
	/* dropped, nothing of it is left, and it is made anew */
	upkeep(&w.f, VX_STORE_ALL_DROP);
	ck_assert_uint_eq(all_of(&w.f, 1), 0);
	ck_assert_uint_eq(fixture_problems(&w.f), 0);
	upkeep(&w.f, VX_STORE_ALL_MAKE); /* before the old one is swept */
	ck_assert_uint_eq(fixture_problems(&w.f), 0);
	upkeep(&w.f, VX_STORE_ALL_DROP);
	vxt_assert_ok(vx_state_reap(w.f.store, fixture_go_on));
	ck_assert_uint_eq(fixture_problems(&w.f), 0);
	for (unsigned i = 0; i < 50; i++) {
		w.boxes[OTHERS] = w.boxes[0];
		one(&w);
	}
	upkeep(&w.f, VX_STORE_ALL_MAKE);
	w.boxes[OTHERS] = all_of(&w.f, 1);
	compare(&w);
	fixture_close(&w.f);
}
END_TEST

static unsigned turns;

static bool a_few_turns(struct vx_store *s)
{
	(void)s;
	return turns++ < 3;
}

/* What comes and goes while it is being filled is there, or not, once. */
START_TEST(it_is_used_while_it_is_filled)
{
	static struct world w;

	begin(&w, 11);
	for (unsigned i = 0; i < 1800; i++)
		deliver(&w);
	w.f.store->o.all = VX_STORE_ALL_MAKE;
	for (unsigned n = 0; n < 40; n++) {
		turns = 0;
		vxt_assert_ok(vx_all_upkeep(w.f.store, a_few_turns));
		w.boxes[OTHERS] = all_of(&w.f, 1);
		for (unsigned i = 0; i < 20; i++)
			one(&w);
	}
	upkeep(&w.f, VX_STORE_ALL_MAKE);
	compare(&w);
	fixture_close(&w.f);
}
END_TEST

START_TEST(it_is_nobodys_to_change)
{
	static struct world w;
	struct vx_acl_op acl;
	unsigned rights;
	struct vx_view *v;
	uint32_t all;

	begin(&w, 5);
	for (unsigned i = 0; i < 20; i++)
		deliver(&w);
	fixture_account(&w.f, 2, &(struct vx_quota){ 0 });
	ck_assert_int_eq(
	    fixture_verb(&w.f, VX_MAILBOX_CREATE, "All Mail", NULL), VX_OK);
	upkeep(&w.f, VX_STORE_ALL_MAKE); /* the name is taken: the user's mailbox stays */
	ck_assert_uint_eq(all_of(&w.f, 1), 0);
	ck_assert_uint_ne(all_of(&w.f, 2), 0);
	ck_assert_int_eq(
	    fixture_verb(&w.f, VX_MAILBOX_DELETE, "All Mail", NULL), VX_OK);
	upkeep(&w.f, VX_STORE_ALL_MAKE);
	all = w.boxes[OTHERS] = all_of(&w.f, 1);
	ck_assert_uint_ne(all, 0);
	ck_assert_int_eq(
	    fixture_verb(&w.f, VX_MAILBOX_DELETE, "All Mail", NULL), VX_EPERM);
	ck_assert_int_eq(
	    fixture_verb(&w.f, VX_MAILBOX_RENAME, "All Mail", "Other"), VX_EPERM);
	ck_assert_int_eq(copy_to(&w, w.boxes[0], all, false), VX_EPERM);
	ck_assert_int_eq(copy_to(&w, w.boxes[0], all, true), VX_EPERM);
	ck_assert_int_eq(copy_to(&w, all, all, true), VX_EPERM);
	vx_acl_op_init(&acl);
	acl.owner = 1;
	acl.mailbox = all;
	acl.grantee = 2;
	acl.rights = VX_RIGHTS_ALL;
	ck_assert_int_eq(vx_store_run(w.f.store, &acl.op), VX_EPERM);
	vxt_assert_ok(vx_view_begin(w.f.store, &v));
	vxt_assert_ok(vx_acl_rights(v, 1, all, 1, &rights));
	vx_view_end(v);
	ck_assert_uint_eq(rights & VX_RIGHT_INSERT, 0);
	ck_assert_uint_ne(rights & VX_RIGHT_EXPUNGE, 0);
	compare(&w);
	/* a mailbox that is deleted takes its messages along */
	ck_assert_int_eq(fixture_verb(&w.f, VX_MAILBOX_DELETE, "Archive", NULL), VX_OK);
	vxt_assert_ok(vx_state_reap(w.f.store, fixture_go_on));
	w.boxes[1] = fixture_mailbox(&w.f, "Archive");
	compare(&w);
	/* INBOX is renamed: its messages move */
	ck_assert_int_eq(fixture_verb(&w.f, VX_MAILBOX_RENAME, "INBOX", "Old"), VX_OK);
	w.boxes[1] = fixture_mailbox(&w.f, "Old");
	compare(&w);
	fixture_close(&w.f);
}
END_TEST

static void deliver_to(struct fixture *f, uint32_t account)
{
	struct vx_delivery_target t = { .account = account };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;

	vxt_assert_ok(vx_blob_writer_new(f->store, &w));
	vxt_assert_ok(vx_blob_writer_add(w, VX_S("Subject: x\r\n\r\n")));
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = 1;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	vx_blob_writer_free(w);
}

static int apply_removal(struct vx_store_op *op, struct vx_kv_txn *txn)
{
	(void)op;
	return vx_account_remove(txn, 2);
}

/* An account has it from the beginning, and takes it along when it is removed. */
START_TEST(an_account_comes_and_goes_with_it)
{
	struct vx_store_op removal = { .apply = apply_removal };
	struct vx_store_stat st;
	struct fixture f;

	fixture_open(&f);
	upkeep(&f, VX_STORE_ALL_MAKE);
	fixture_account(&f, 2, NULL);
	ck_assert_uint_ne(all_of(&f, 2), 0);
	for (unsigned i = 0; i < 200; i++)
		deliver_to(&f, 2);
	ck_assert_uint_eq(fixture_problems(&f), 0);
	vxt_assert_ok(vx_store_run(f.store, &removal));
	vxt_assert_ok(vx_state_reap(f.store, fixture_go_on));
	vxt_assert_ok(vx_store_stat(f.store, &st));
	ck_assert_uint_eq(st.accounts, 1);
	ck_assert_uint_eq(st.dead_queue, 200);
	ck_assert_uint_eq(fixture_problems(&f), 0);
	upkeep(&f, VX_STORE_ALL_DROP);
	fixture_account(&f, 3, NULL);
	ck_assert_uint_eq(all_of(&f, 3), 0);
	fixture_close(&f);
}
END_TEST

static void quiet(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* store repair leaves it out, since the others have all; then it is made anew. */
START_TEST(repair_leaves_it_to_be_made_anew)
{
	static struct world w;
	struct vx_error err;
	uint32_t before;

	begin(&w, 8);
	upkeep(&w.f, VX_STORE_ALL_MAKE);
	before = w.boxes[OTHERS] = all_of(&w.f, 1);
	for (unsigned i = 0; i < 200; i++)
		one(&w);
	vx_store_close(w.f.store);
	vxt_assert_ok(vx_store_repair(w.f.dir, quiet, NULL, &err));
	fixture_reopen(&w.f);
	ck_assert_uint_eq(all_of(&w.f, 1), 0);
	ck_assert_uint_eq(fixture_problems(&w.f), 0);
	upkeep(&w.f, VX_STORE_ALL_MAKE);
	w.boxes[OTHERS] = all_of(&w.f, 1);
	ck_assert_uint_gt(w.boxes[OTHERS], before);
	compare(&w);
	fixture_close(&w.f);
}
END_TEST

VXT_SUITE(test_all, "all", it_has_what_the_others_have, it_is_used_while_it_is_filled,
    it_is_nobodys_to_change, an_account_comes_and_goes_with_it, repair_leaves_it_to_be_made_anew)
