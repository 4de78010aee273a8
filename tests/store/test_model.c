/*
 * Thousands of random operations on two mailboxes, against the simplest possible model;
 * the store is closed, checked and opened again in between.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	BOXES = 2,
	MOST = 3000,
	KEYWORDS = 4 /* in the model bit VX_KEYWORD_FIRST + n is the name kn */
};

struct model {
	struct vx_record r[MOST];
	size_t count;
	uint32_t uidnext, uidvalidity;
	uint64_t modseq;
};

static unsigned seed = 7;

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)rand_r(&seed) % n;
}

static bool in(const struct vx_uid_range *r, size_t n, uint32_t uid)
{
	for (size_t i = 0; i < n; i++)
		if (uid >= r[i].first && uid <= r[i].last)
			return true;
	return false;
}

/* Up to three ascending ranges. */
static size_t random_ranges(uint32_t uidnext, struct vx_uid_range out[3])
{
	uint32_t at = 1;
	size_t n = 0;

	while (n < 3 && at < uidnext) {
		const uint32_t first = at + random_below(uidnext);

		out[n++] = (struct vx_uid_range){ first, first + random_below(300) };
		at = out[n - 1].last + 2;
	}
	return n;
}

/* The flags of a record as the model has them: a name's bit is another in each mailbox.
 */
static uint64_t in_model(const vx_slice names[VX_KEYWORDS_MAX], uint64_t flags)
{
	uint64_t out = flags & VX_FLAG_SYSTEM;

	for (unsigned i = 0; i < VX_KEYWORDS_MAX; i++) {
		if ((flags >> (VX_KEYWORD_FIRST + i) & 1) == 0)
			continue;
		ck_assert_uint_eq(names[i].len, 2);
		out |= (uint64_t)1 << (VX_KEYWORD_FIRST + names[i].ptr[1] - '0');
	}
	return out;
}

static void compare_flags(struct fixture *f, uint32_t mailbox,
    const struct vx_record *got, const struct model *m)
{
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_quota quota;
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_mailbox_keywords(v, 1, mailbox, names));
	for (size_t i = 0; i < m->count; i++)
		ck_assert_uint_eq(in_model(names, got[i].flags), m->r[i].flags);
	vxt_assert_ok(vx_quota_get(v, 1, &quota));
	ck_assert_uint_ge(quota.used_messages, m->count);
	vx_view_end(v);
}

static void compare(struct fixture *f, uint32_t mailbox, struct model *m)
{
	static struct vx_record got[MOST];
	const size_t n = fixture_records(f, mailbox, got, MOST);
	struct vx_snapshot *s;

	ck_assert_uint_eq(n, m->count);
	vxt_assert_ok(vx_snapshot_take(f->store, 1, mailbox, &s));
	ck_assert_uint_eq(vx_snapshot_count(s), m->count);
	ck_assert_uint_eq(vx_snapshot_status(s)->uidnext, m->uidnext);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(got[i].uid, m->r[i].uid);
		ck_assert_uint_eq(got[i].size, m->r[i].size);
		ck_assert_uint_eq(vx_snapshot_uid(s, (uint32_t)i + 1), got[i].uid);
		ck_assert_uint_eq(vx_snapshot_seq(s, got[i].uid), i + 1);
		ck_assert_uint_eq(vx_snapshot_rank(s, got[i].uid - 1), i);
	}
	ck_assert_uint_eq(vx_snapshot_uid(s, (uint32_t)n + 1), 0);
	compare_flags(f, mailbox, got, m);
	/* What clients rely on only ever grows. */
	ck_assert_uint_ge(vx_snapshot_status(s)->highestmodseq, m->modseq);
	m->modseq = vx_snapshot_status(s)->highestmodseq;
	if (m->uidvalidity == 0)
		m->uidvalidity = vx_snapshot_status(s)->uidvalidity;
	ck_assert_uint_eq(vx_snapshot_status(s)->uidvalidity, m->uidvalidity);
	vx_snapshot_free(s);
}

static void add(struct fixture *f, uint32_t mailbox, struct model *m)
{
	static char octets[500];
	const size_t len = 1 + random_below(400);
	const uint64_t flags = random_below(32);

	if (m->count + 1 >= MOST)
		return;
	memset(octets, 'x', len);
	m->r[m->count] = (struct vx_record){ .uid = fixture_add(f, mailbox,
						 vx_slice_of(octets, len), flags),
		.flags = flags,
		.size = (uint32_t)len };
	ck_assert_uint_eq(m->r[m->count].uid, m->uidnext);
	m->count++;
	m->uidnext++;
}

static void change(struct fixture *f, uint32_t mailbox, struct model *m)
{
	static const char *const words[KEYWORDS] = { "k0", "k1", "k2", "k3" };
	struct vx_uid_range r[3];
	struct vx_flags_op op;
	vx_slice names[KEYWORDS];
	uint64_t bits;
	const size_t n = random_ranges(m->uidnext, r);

	vx_flags_op_init(&op);
	op.account = 1;
	op.mailbox = mailbox;
	op.uids = r;
	op.range_count = n;
	op.flags = random_below(32);
	op.change = (enum vx_flag_change)random_below(3);
	op.keywords.names = names;
	bits = op.flags;
	for (unsigned i = 0; i < KEYWORDS; i++) {
		if (random_below(3) != 0)
			continue;
		names[op.keywords.count++] = vx_slice_str(words[i]);
		bits |= (uint64_t)1 << (VX_KEYWORD_FIRST + i);
	}
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	for (size_t i = 0; i < m->count; i++) {
		uint64_t *flags = &m->r[i].flags;

		if (!in(r, n, m->r[i].uid))
			continue;
		*flags = op.change == VX_FLAGS_ADD      ? *flags | bits
			 : op.change == VX_FLAGS_REMOVE ? *flags & ~bits
							: bits;
	}
}

static void expunge(struct fixture *f, uint32_t mailbox, struct model *m)
{
	struct vx_uid_range r[3];
	struct vx_expunge_op op;
	const size_t n = random_ranges(m->uidnext, r);
	size_t kept = 0;

	vx_expunge_op_init(&op);
	op.account = 1;
	op.mailbox = mailbox;
	op.uids = r;
	op.range_count = n;
	op.deleted_only = random_below(2) == 0;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	for (size_t i = 0; i < m->count; i++)
		if (!in(r, n, m->r[i].uid) ||
		    (op.deleted_only && (m->r[i].flags & VX_FLAG_DELETED) == 0))
			m->r[kept++] = m->r[i];
	ck_assert_uint_eq(op.expunged, m->count - kept);
	m->count = kept;
}

static void copy(struct fixture *f, const uint32_t ids[BOXES], struct model *models)
{
	const uint32_t a = random_below(BOXES), b = random_below(BOXES);
	struct model *from = &models[a], *to = &models[b];
	static struct vx_record picked[MOST];
	struct vx_uid_range r[3];
	struct vx_copy_op op;
	const size_t n = random_ranges(from->uidnext, r);
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < from->count; i++)
		if (in(r, n, from->r[i].uid))
			picked[count++] = from->r[i];
	if (to->count + count >= MOST)
		return;
	vx_copy_op_init(&op);
	op.account = op.to_account = 1;
	op.mailbox = ids[a];
	op.to_mailbox = ids[b];
	op.uids = r;
	op.range_count = n;
	op.move = random_below(2) == 0;
	/* ranges may reach beyond the last UID: what MOVE gives new UIDs must not match
	 */
	for (size_t i = 0; i < n; i++)
		if (op.move && a == b && r[i].last >= from->uidnext)
			return;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	if (op.move) {
		for (size_t i = 0; i < from->count; i++)
			if (!in(r, n, from->r[i].uid))
				from->r[kept++] = from->r[i];
		from->count = kept;
	}
	for (size_t i = 0; i < count; i++) {
		picked[i].uid = to->uidnext++;
		to->r[to->count++] = picked[i];
	}
}

/* The second mailbox moves about; a third comes and goes with messages of both in it. */
static void mailboxes(struct fixture *f, const uint32_t ids[BOXES], unsigned step)
{
	static uint32_t last_uidvalidity;
	const struct vx_uid_range all = { 1, UINT32_MAX };
	char to[40];
	static char now[40] = "Archive";
	struct vx_copy_op op;

	(void)snprintf(to, sizeof(to), "deep-%u/er/%u", step, step);
	vxt_assert_ok(fixture_verb(f, VX_MAILBOX_RENAME, now, to));
	(void)snprintf(now, sizeof(now), "%s", to);
	ck_assert_uint_eq(fixture_mailbox(f, now), ids[1]);
	vxt_assert_ok(fixture_verb(f, VX_MAILBOX_CREATE, "passing", ""));
	vx_copy_op_init(&op);
	op.account = op.to_account = 1;
	op.mailbox = ids[step % BOXES];
	op.to_mailbox = fixture_mailbox(f, "passing");
	op.uids = &all;
	op.range_count = 1;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	ck_assert_uint_gt(fixture_status(f, op.to_mailbox).uidvalidity, last_uidvalidity);
	last_uidvalidity = fixture_status(f, op.to_mailbox).uidvalidity;
	vxt_assert_ok(fixture_verb(f, VX_MAILBOX_DELETE, "passing", ""));
	if (step % 2 == 0)
		vxt_assert_ok(vx_state_reap(f->store, fixture_go_on));
}

static void reopen(struct fixture *f)
{
	vx_store_close(f->store);
	ck_assert_uint_eq(fixture_problems(f), 0);
	fixture_reopen(f);
}

START_TEST(random_operations_match_the_model)
{
	static struct model models[BOXES];
	struct fixture f;
	uint32_t ids[BOXES];

	fixture_open(&f);
	ids[0] = f.inbox;
	ids[1] = f.archive;
	models[0].uidnext = models[1].uidnext = 1;
	for (int step = 0; step < 2500; step++) {
		const uint32_t box = random_below(BOXES), what = random_below(20);

		if (what < 14)
			add(&f, ids[box], &models[box]);
		else if (what < 16)
			change(&f, ids[box], &models[box]);
		else if (what < 18)
			expunge(&f, ids[box], &models[box]);
		else
			copy(&f, ids, models);
		if (step % 125 == 124)
			mailboxes(&f, ids, (unsigned)step);
		if (step % 500 == 499)
			reopen(&f);
		if (step % 50 == 0) {
			compare(&f, ids[0], &models[0]);
			compare(&f, ids[1], &models[1]);
		}
	}
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_model, "model", random_operations_match_the_model)
