/* SEARCH: the command, and what it answers.  imap_match.c decides which messages. */
#include "service/imap_match.h"

#include "base/mem.h"

#include <inttypes.h>

struct search {
	struct vx_imap_search what; /* in the task's arena */
	struct imap_matcher matcher;
	struct vx_snapshot *snapshot; /* own reference */
	struct vx_buf uids;           /* uint32_t each, ascending */
	uint64_t modseq_first, modseq_last, modseq_max;
};

static uint32_t uid_at(const struct search *q, size_t i)
{
	uint32_t uid;

	memcpy(&uid, q->uids.ptr + i * sizeof(uid), sizeof(uid));
	return uid;
}

static size_t found(const struct search *q)
{
	return q->uids.len / sizeof(uint32_t);
}

static void release(struct imap_task *t)
{
	struct search *q = t->data;

	imap_matcher_done(&q->matcher);
	vx_snapshot_free(q->snapshot);
	vx_buf_done(&q->uids);
	vx_free(q);
}

/* --- on the job's thread --------------------------------------------------------- */

static void add(struct search *q, const struct vx_record *r)
{
	if (q->uids.len == 0)
		q->modseq_first = r->modseq;
	q->modseq_last = r->modseq;
	if (r->modseq > q->modseq_max)
		q->modseq_max = r->modseq;
	vx_buf_add(&q->uids, vx_slice_of(&r->uid, sizeof(r->uid)));
}

/* The records of the snapshot from uid on; *next as vx_records_read has it. */
static int read_batch(struct search *q, uint32_t from, struct vx_record *records,
    size_t *count, uint32_t *next)
{
	const uint32_t last =
	    vx_snapshot_uid(q->snapshot, vx_snapshot_count(q->snapshot));
	const struct vx_record_query query = { .account = q->matcher.account,
		.mailbox = q->matcher.mailbox,
		.first_uid = from,
		.last_uid = last };
	struct vx_view *v;
	int rc = vx_view_begin(q->matcher.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_records_read(v, &query, records, IMAP_BATCH, count, next);
	vx_view_end(v);
	return rc;
}

static void run(struct vx_job *job)
{
	struct imap_task *t = imap_task_of(job);
	struct search *q = t->data;
	struct vx_record records[IMAP_BATCH];
	uint32_t next = vx_snapshot_count(q->snapshot) == 0 ? 0 : 1;
	int rc = VX_OK;

	while (next != 0 && rc == VX_OK && !t->abandoned) {
		size_t count = 0;

		rc = read_batch(q, next, records, &count, &next);
		for (size_t i = 0; i < count && rc == VX_OK && !t->abandoned; i++) {
			const int match = imap_match(&q->matcher, &records[i]);

			if (match < 0)
				rc = match;
			else if (match > 0 &&
				 vx_snapshot_seq(q->snapshot, records[i].uid) > 0)
				add(q, &records[i]);
		}
	}
	t->result = rc == VX_OK && q->uids.failed ? VX_ELIMIT : rc;
}

/* --- the answer ------------------------------------------------------------------ */

static uint32_t number(const struct imap_session *s, const struct search *q, size_t i)
{
	const uint32_t uid = uid_at(q, i);

	return s->by_uid ? uid : vx_snapshot_seq(q->snapshot, uid);
}

/* RFC 3501's "* SEARCH 2 3 6 (MODSEQ 917)". */
static void write_plain(
    struct imap_session *s, const struct search *q, struct vx_buf *out)
{
	vx_buf_add_str(out, "* SEARCH");
	for (size_t i = 0; i < found(q); i++) {
		vx_buf_add_char(out, ' ');
		vx_buf_add_number(out, number(s, q, i));
	}
	if (q->what.modseq && found(q) > 0)
		vx_buf_printf(out, " (MODSEQ %" PRIu64 ")", q->modseq_max);
	vx_buf_add_str(out, "\r\n");
}

static void write_all(struct imap_session *s, const struct search *q, struct vx_buf *out)
{
	size_t i = 0;

	vx_buf_add_str(out, " ALL ");
	while (i < found(q)) {
		const uint32_t first = number(s, q, i);
		uint32_t last = first;

		if (i > 0)
			vx_buf_add_char(out, ',');
		for (i++; i < found(q) && number(s, q, i) == last + 1; i++)
			last++;
		vx_buf_printf(out, first == last ? "%" PRIu32 : "%" PRIu32 ":%" PRIu32,
		    first, last);
	}
}

/* Of what was returned (RFC 7162 3.1.10). */
static uint64_t modseq_of(const struct search *q)
{
	const struct vx_imap_search *w = &q->what;

	if (w->all || w->count || !(w->min || w->max))
		return q->modseq_max;
	if (w->min && w->max)
		return q->modseq_first > q->modseq_last ? q->modseq_first
							: q->modseq_last;
	return w->min ? q->modseq_first : q->modseq_last;
}

/* "* ESEARCH (TAG "a") UID MIN 2 ALL 2,4:5" (RFC 9051 7.3.4) */
static void write_extended(
    struct imap_session *s, const struct search *q, struct vx_buf *out)
{
	const struct vx_imap_search *w = &q->what;
	const size_t n = found(q);

	vx_buf_add_str(out, "* ESEARCH (TAG \"");
	vx_buf_add(out, s->tag);
	vx_buf_add_str(out, s->by_uid ? "\") UID" : "\")");
	if (w->min && n > 0)
		vx_buf_printf(out, " MIN %" PRIu32, number(s, q, 0));
	if (w->max && n > 0)
		vx_buf_printf(out, " MAX %" PRIu32, number(s, q, n - 1));
	if (w->count)
		vx_buf_printf(out, " COUNT %zu", n);
	if (w->all && n > 0)
		write_all(s, q, out);
	if (w->modseq && n > 0)
		vx_buf_printf(out, " MODSEQ %" PRIu64, modseq_of(q));
	vx_buf_add_str(out, "\r\n");
}

/* What "$" stands for from now on (RFC 5182 2.4): only MIN and MAX when only they were
 * asked for. */
static int save(struct imap_session *s, const struct search *q)
{
	const struct vx_imap_search *w = &q->what;
	const bool ends = (w->min || w->max) && !w->all && !w->count;
	const size_t n = found(q);
	struct vx_uid_range *r = vx_alloc((n + 1) * sizeof(*r));
	size_t count = 0;

	if (r == NULL)
		return VX_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const uint32_t uid = uid_at(q, i);

		if (ends && !(w->min && i == 0) && !(w->max && i == n - 1))
			continue;
		if (count > 0 && r[count - 1].last == uid - 1)
			r[count - 1].last = uid;
		else
			r[count++] = (struct vx_uid_range){ uid, uid };
	}
	vx_free(s->view.saved);
	s->view.saved = r;
	s->view.saved_count = count;
	return VX_OK;
}

static void forget_saved(struct imap_session *s)
{
	vx_free(s->view.saved);
	s->view.saved = NULL;
	s->view.saved_count = 0;
}

static int finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	const struct search *q = t->data;
	const struct vx_imap_search *w = &q->what;
	int rc = t->result;

	if (rc == VX_OK && w->save)
		rc = save(s, q);
	if (rc != VX_OK) {
		if (w->save)
			forget_saved(s);
		return imap_done_no_expunge(s, out, rc, "");
	}
	if (w->has_return ? w->min || w->max || w->count || w->all : s->rev2)
		write_extended(s, q, out);
	else if (!w->has_return)
		write_plain(s, q, out);
	return imap_done_no_expunge(s, out, VX_OK, "done");
}

/* --- the command ----------------------------------------------------------------- */

/* VX_OK: ready to run; VX_DONE: it was answered. */
static int prepare(
    struct imap_session *s, struct vx_cursor *c, struct imap_task *t, struct vx_buf *out)
{
	struct search *q = t->data;
	struct vx_cursor own;
	vx_slice text;
	int rc;

	/* the job may outlive the session's arena: all it needs is in the task's */
	if (vx_arena_copy(&t->arena, vx_cur_rest(c), &text) != VX_OK) {
		(void)imap_result(s, out, VX_ELIMIT, "");
		return VX_DONE;
	}
	own = vx_cursor_of(text);
	if (!vx_imap_sp(&own) || !vx_imap_search(&own, &t->arena, &q->what)) {
		(void)imap_bad(s, out, "the SEARCH program is not understood");
		return VX_DONE;
	}
	if (q->what.bad_charset) {
		(void)imap_no(
		    s, out, "[BADCHARSET (US-ASCII UTF-8)] this charset is not known");
		return VX_DONE;
	}
	if (!q->what.has_return)
		q->what.all = true;
	s->condstore = s->condstore || q->what.modseq;
	rc = imap_matcher_init(&q->matcher, s, q->what.key, t);
	if (rc != VX_OK) {
		if (rc == VX_EINVAL)
			(void)imap_bad(s, out, "there are not so many messages");
		else
			(void)imap_result(s, out, rc, "");
		return VX_DONE;
	}
	return VX_OK;
}

int imap_cmd_search(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_task *t = imap_task_new(s, finish);
	struct search *q = t == NULL ? NULL : vx_alloc(sizeof(*q));

	if (q == NULL) {
		imap_task_free(t);
		return imap_result(s, out, VX_ENOMEM, "");
	}
	q->snapshot = vx_snapshot_ref(s->view.snapshot);
	vx_buf_init(
	    &q->uids, (size_t)vx_snapshot_count(q->snapshot) * sizeof(uint32_t) + 1);
	t->data = q;
	t->release = release;
	if (prepare(s, c, t, out) == VX_OK)
		return imap_submit_job(s, t, out, run);
	imap_task_free(t);
	return VX_OK;
}
