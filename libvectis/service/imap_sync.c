/* How a client learns what changed in its mailbox: EXPUNGEs, EXISTS, flags; in steps. */
#include "service/imap_context.h"
#include "service/imap_notify.h"

#define VANISHED_RANGES 500 /* in one response: its line stays below 11,000 octets */

void imap_write_highestmodseq(struct imap_session *s, struct vx_buf *out)
{
	vx_buf_printf(out, "* OK [HIGHESTMODSEQ %llu] all up to here was told\r\n",
	    (unsigned long long)s->view.told_modseq);
}

void imap_enable_condstore(struct imap_session *s, struct vx_buf *out)
{
	if (!s->enabled[IMAP_CONDSTORE] && s->view.snapshot != NULL)
		imap_write_highestmodseq(s, out);
	s->enabled[IMAP_CONDSTORE] = true;
}

/* --- flags ----------------------------------------------------------------------- */

void imap_open_fetch(
    const struct imap_session *s, struct vx_buf *out, uint32_t seq, uint32_t uid)
{
	const bool only = s->enabled[IMAP_UIDONLY];

	vx_buf_add_str(out, "* ");
	vx_buf_add_number(out, only ? uid : seq);
	vx_buf_add_str(out, only ? " UIDFETCH (" : " FETCH (");
}

static void write_one_change(struct imap_session *s, struct vx_buf *out,
    const struct imap_flag_walk *w, const struct vx_record *r, const vx_slice *names)
{
	const uint32_t seq = vx_snapshot_seq(s->view.snapshot, r->uid);
	const char *separator = "";

	if (seq == 0)
		return; /* not told yet that it exists */
	imap_open_fetch(s, out, seq, r->uid);
	if (w->with_uid && !s->enabled[IMAP_UIDONLY]) {
		vx_buf_printf(out, "UID %u", r->uid);
		separator = " ";
	}
	if (!w->modseq_only) {
		vx_buf_printf(out, "%sFLAGS ", separator);
		vx_imap_write_flags(out, r->flags, names);
		separator = " ";
	}
	if (s->enabled[IMAP_CONDSTORE])
		vx_buf_printf(
		    out, "%sMODSEQ (%llu)", separator, (unsigned long long)r->modseq);
	vx_buf_add_str(out, ")\r\n");
}

void imap_view_silence(struct imap_session *s, uint64_t modseq)
{
	if (modseq > 0 && s->view.silent_count < IMAP_SILENT_MAX)
		s->view.silent[s->view.silent_count++] = modseq;
}

static bool is_silent(const struct imap_view *v, uint64_t modseq)
{
	for (size_t i = 0; i < v->silent_count; i++)
		if (v->silent[i] == modseq)
			return true;
	return false;
}

static bool is_but(struct imap_flag_walk *w, uint32_t uid)
{
	while (w->but_at < w->but_count && w->but[w->but_at].last < uid)
		w->but_at++;
	return w->but_at < w->but_count && w->but[w->but_at].first <= uid;
}

static bool is_told(
    const struct imap_session *s, struct imap_flag_walk *w, const struct vx_record *r)
{
	if (w->every)
		return !is_but(w, r->uid);
	if (w->modseq_only)
		return is_silent(&s->view, r->modseq);
	return w->since == 0 || !is_silent(&s->view, r->modseq);
}

/* The next records of the walk: VX_OK, or below 0 when it cannot go on. */
static int walk_batch(struct imap_session *s, struct imap_flag_walk *w, struct vx_view *v,
    const vx_slice *names, struct vx_buf *out)
{
	const struct vx_uid_range *range = &w->ranges[w->at];
	const struct vx_record_query q = { .account = s->view.account,
		.mailbox = s->view.mailbox,
		.first_uid = w->next_uid != 0 ? w->next_uid : range->first,
		.last_uid = range->last,
		.changed_since = w->since };
	struct vx_record records[IMAP_BATCH];
	size_t n = 0;
	const int rc = vx_records_read(v, &q, records, IMAP_BATCH, &n, &w->next_uid);

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < n; i++)
		if (is_told(s, w, &records[i])) {
			write_one_change(s, out, w, &records[i], names);
			w->written++;
		}
	if (w->next_uid == 0)
		w->at++;
	return VX_OK;
}

int imap_flag_walk(struct imap_session *s, struct imap_flag_walk *w, struct vx_buf *out)
{
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return VX_OK;
	rc = vx_mailbox_keywords(v, s->view.account, s->view.mailbox, names);
	while (rc == VX_OK && w->at < w->count) {
		if (imap_full(s, out))
			rc = VX_DATA;
		else
			rc = walk_batch(s, w, v, names, out);
	}
	vx_view_end(v);
	return rc == VX_DATA ? VX_DATA : VX_OK; /* the mailbox may have gone */
}

/* --- EXPUNGE --------------------------------------------------------------------- */

/* How many of the first i messages of the old snapshot are not in the fresh one. */
static uint32_t gone_up_to(const struct imap_session *s, uint32_t i)
{
	if (i == 0)
		return 0;
	return i -
	       vx_snapshot_rank(s->view.sync.fresh, vx_snapshot_uid(s->view.snapshot, i));
}

/* The highest of the messages that are gone and not told yet. */
static uint32_t last_gone(const struct imap_session *s)
{
	const struct imap_sync *y = &s->view.sync;
	uint32_t low = 0, high = y->below;

	/* in a row, as most are */
	if (gone_up_to(s, high - 1) < y->gone.count)
		return high;
	while (high - low > 1) { /* gone_up_to(low) < count <= gone_up_to(high) */
		const uint32_t mid = low + (high - low) / 2;

		if (gone_up_to(s, mid) < y->gone.count)
			low = mid;
		else
			high = mid;
	}
	return high;
}

struct vx_uid_range imap_next_gone(const struct imap_session *s, struct imap_gone *g)
{
	const struct imap_sync *y = &s->view.sync;
	const uint32_t told = gone_up_to(s, g->from - 1);
	uint32_t low = g->from - 1, high = y->below, uid;
	struct vx_uid_range r;

	while (high - low > 1) { /* gone_up_to(low) <= told < gone_up_to(high) */
		const uint32_t mid = low + (high - low) / 2;

		if (gone_up_to(s, mid) > told)
			high = mid;
		else
			low = mid;
	}
	r.first = r.last = vx_snapshot_uid(s->view.snapshot, high);
	for (g->count--; g->count > 0; g->count--, r.last = uid) {
		uid = vx_snapshot_uid(s->view.snapshot, high + 1);
		if (uid != r.last + 1 || vx_snapshot_seq(y->fresh, uid) != 0)
			break;
		high++;
	}
	g->from = high + 1;
	return r;
}

/* Only what the client was told of: not the UIDs between (RFC 7162 3.2.10.2). */
static int write_vanished(struct imap_session *s, struct vx_buf *out)
{
	struct vx_uid_range ranges[VANISHED_RANGES];
	struct imap_sync *y = &s->view.sync;

	while (y->gone.count > 0) {
		size_t n = 0;

		if (imap_full(s, out))
			return VX_DATA;
		while (y->gone.count > 0 && n < VANISHED_RANGES)
			ranges[n++] = imap_next_gone(s, &y->gone);
		vx_imap_write_vanished(out, false, ranges, n);
	}
	return VX_OK;
}

/* Highest first, so that each number is right when it is told: VX_OK or VX_DATA. */
static int write_numbers(struct imap_session *s, struct vx_buf *out)
{
	struct imap_sync *y = &s->view.sync;

	while (y->gone.count > 0) {
		uint32_t seq;

		if (imap_full(s, out))
			return VX_DATA;
		seq = last_gone(s);
		vx_buf_printf(out, "* %u EXPUNGE\r\n", seq);
		y->below = seq - 1;
		y->gone.count--;
	}
	return VX_OK;
}

static int write_expunges(struct imap_session *s, struct vx_buf *out)
{
	return s->enabled[IMAP_QRESYNC] || s->enabled[IMAP_UIDONLY]
		   ? write_vanished(s, out)
		   : write_numbers(s, out);
}

/* --- all of it ------------------------------------------------------------------- */

/* The new messages, but for those that the session filed itself. */
static void find_news(struct imap_session *s, uint32_t first, uint32_t next)
{
	struct imap_view *v = &s->view;
	struct imap_sync *y = &v->sync;

	y->fresh_count = 0;
	for (size_t i = 0; i < v->own_count; i++) {
		/* UIDs ascend as messages are filed */
		if (v->own[i].first > first)
			y->fresh_uids[y->fresh_count++] =
			    (struct vx_uid_range){ first, v->own[i].first - 1 };
		first = v->own[i].last + 1;
	}
	if (first < next)
		y->fresh_uids[y->fresh_count++] =
		    (struct vx_uid_range){ first, next - 1 };
	v->own_count = 0;
}

/* The fresh snapshot takes the old one's place. */
static int advance(struct imap_session *s, struct vx_buf *out)
{
	struct imap_sync *y = &s->view.sync;
	const struct vx_mailbox_status *st = vx_snapshot_status(y->fresh);
	const uint32_t old_next = vx_snapshot_status(s->view.snapshot)->uidnext;

	vx_snapshot_free(s->view.snapshot);
	s->view.snapshot = y->fresh;
	y->fresh = NULL;
	if (st->uidnext != old_next)
		vx_buf_printf(
		    out, "* %u EXISTS\r\n", vx_snapshot_count(s->view.snapshot));
	find_news(s, old_next, st->uidnext);
	s->view.seen_modseq = st->highestmodseq;
	if (!imap_notify_flags(s))
		return VX_OK;
	/* what is new has not been fetched: only flags of what was known are told */
	y->known = (struct vx_uid_range){ 1, old_next - 1 };
	y->flags = (struct imap_flag_walk){ .ranges = &y->known,
		.count = old_next > 1,
		.since = s->view.told_modseq,
		.with_uid = s->by_uid || s->enabled[IMAP_REV2] ||
			    s->enabled[IMAP_CONDSTORE] || s->notify != NULL };
	s->view.told_modseq = st->highestmodseq;
	return VX_OK;
}

/* NOTIFY: items of the new messages. */
static int write_news(struct imap_session *s, struct vx_buf *out)
{
	const struct vx_imap_fetch *what = imap_notify_fetch(s);
	struct imap_sync *y = &s->view.sync;
	int rc;

	if (!y->news)
		y->news =
		    what != NULL && y->fresh_count > 0 &&
		    imap_fetch_begin(s, what, y->fresh_uids, y->fresh_count) == VX_OK;
	rc = y->news ? imap_fetch_step(s, out) : VX_OK;
	y->news = rc != VX_OK;
	return rc;
}

static int write_flags(struct imap_session *s, struct vx_buf *out)
{
	return imap_flag_walk(s, &s->view.sync.flags, out);
}

/*
 * In this order, and each in steps.  Contexts lose what is gone while its numbers are
 * still right (RFC 5267 4.3.4), the rest follows EXISTS and FETCH (4.3.3, RFC 5465 7).
 */
static imap_part_fn *const stages[] = { imap_contexts_lose, write_expunges, advance,
	imap_contexts_look, write_news, imap_contexts_news, write_flags,
	imap_contexts_tell };

void imap_sync_begin(struct imap_session *s, struct vx_buf *out, bool expunges)
{
	struct imap_sync *y = &s->view.sync;
	struct vx_snapshot *fresh;
	uint32_t count;
	int rc;

	if (s->view.snapshot == NULL || y->active)
		return;
	rc = VX_ENOENT;
	if (imap_view_rights(s))
		rc = vx_snapshot_take(
		    s->service->o.store, s->view.account, s->view.mailbox, &fresh);
	if (rc == VX_ENOENT && !s->closing) {
		vx_buf_add_str(out, "* BYE the selected mailbox was deleted\r\n");
		s->closing = true;
	}
	if (rc != VX_OK)
		return;
	s->view.changed = false;
	count = vx_snapshot_count(s->view.snapshot);
	*y = (struct imap_sync){ .fresh = fresh, .below = count };
	y->gone = (struct imap_gone){ .count = gone_up_to(s, count), .from = 1 };
	/* MODSEQs above those of EXPUNGEs that have to wait may have been told: a client
	 * that is cut off now must not take them for all (RFC 7162 3.2) */
	if (y->gone.count > 0 && !expunges && s->enabled[IMAP_CONDSTORE])
		imap_write_highestmodseq(s, out);
	if ((vx_snapshot_status(fresh)->highestmodseq == s->view.seen_modseq &&
		(s->view.told_modseq == s->view.seen_modseq || !imap_notify_flags(s))) ||
	    (y->gone.count > 0 && !expunges)) {
		vx_snapshot_free(fresh);
		y->fresh = NULL;
		return;
	}
	y->active = true;
	y->told = y->gone.count > 0;
}

int imap_sync_step(struct imap_session *s, struct vx_buf *out)
{
	struct imap_sync *y = &s->view.sync;
	for (; y->stage < sizeof(stages) / sizeof(stages[0]); y->stage++) {
		const int rc = stages[y->stage](s, out);

		if (rc != VX_OK)
			return rc;
	}
	if (y->told && s->enabled[IMAP_CONDSTORE] && !s->answer.has_modseq)
		imap_write_highestmodseq(s, out);
	s->view.silent_count = 0;
	y->active = false;
	return VX_OK;
}
