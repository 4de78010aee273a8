/* SEARCH: the command, and what it answers.  imap_match.c decides which messages. */
#include "service/imap_match.h"

#include "base/mem.h"
#include "vectis/memory.h"

#include <inttypes.h>

struct search {
	struct vx_imap_search what; /* in the task's arena */
	struct imap_matcher matcher;
	struct vx_snapshot *snapshot; /* own reference */
	unsigned char
	    *bits; /* own: bit seq - 1 of each message of snapshot that matches */
	uint32_t found, first, last; /* how many; sequence numbers */
	uint32_t next;               /* the UID where the search goes on; 0: it is over */
	uint64_t modseq_first, modseq_last, modseq_max;
	/* the answer under way */
	bool begun, any;
	uint32_t at; /* the sequence number to look at */
};

static bool matched(const struct search *q, uint32_t seq)
{
	return (q->bits[(seq - 1) / 8] >> ((seq - 1) % 8) & 1) != 0;
}

static void release(struct imap_task *t)
{
	struct search *q = t->data;

	imap_matcher_done(&q->matcher);
	vx_snapshot_free(q->snapshot);
	vx_free(q->bits);
	vx_free(q);
}

/* --- on the job's thread --------------------------------------------------------- */

static void add(struct search *q, uint32_t seq, const struct vx_record *r)
{
	if (q->found == 0) {
		q->first = seq;
		q->modseq_first = r->modseq;
	}
	q->found++;
	q->last = seq;
	q->modseq_last = r->modseq;
	if (r->modseq > q->modseq_max)
		q->modseq_max = r->modseq;
	q->bits[(seq - 1) / 8] |= (unsigned char)(1u << ((seq - 1) % 8));
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

static int match_batch(
    struct search *q, const struct imap_task *t, const struct vx_record *r, size_t count)
{
	for (size_t i = 0; i < count && !t->abandoned; i++) {
		const uint32_t seq = vx_snapshot_seq(q->snapshot, r[i].uid);
		const int match = seq == 0 ? 0 : imap_match(&q->matcher, &r[i]);

		if (match < 0)
			return match;
		if (match > 0)
			add(q, seq, &r[i]);
		if (i + 1 < count && vx_now_ms() >= q->matcher.until_ms) {
			q->next = r[i + 1].uid;
			return VX_MORE;
		}
	}
	return VX_OK;
}

/* As far as the thread may be used in one go; then finish submits the job again. */
static void run(struct vx_job *job)
{
	struct imap_task *t = imap_task_of(job);
	struct search *q = t->data;
	struct vx_record records[IMAP_BATCH];
	int rc = VX_OK;

	q->matcher.until_ms = vx_now_ms() + IMAP_SEARCH_MS;
	while (q->next != 0 && rc == VX_OK && !t->abandoned &&
	       vx_now_ms() < q->matcher.until_ms) {
		size_t count = 0;

		rc = read_batch(q, q->next, records, &count, &q->next);
		if (rc == VX_OK)
			rc = match_batch(q, t, records, count);
	}
	t->result = rc == VX_MORE ? VX_OK : rc;
}

/* --- the answer ------------------------------------------------------------------ */

static uint32_t number(const struct imap_session *s, const struct search *q, uint32_t seq)
{
	return s->by_uid ? vx_snapshot_uid(q->snapshot, seq) : seq;
}

/* RFC 3501's "* SEARCH 2 3 6 (MODSEQ 917)". */
static int write_plain(struct imap_session *s, struct search *q, struct vx_buf *out)
{
	for (; q->found > 0 && q->at <= q->last; q->at++) {
		if ((q->at & 63) == 0 && imap_full(s, out))
			return VX_DATA;
		if (!matched(q, q->at))
			continue;
		vx_buf_add_char(out, ' ');
		vx_buf_add_number(out, number(s, q, q->at));
	}
	if (q->what.modseq && q->found > 0)
		vx_buf_printf(out, " (MODSEQ %" PRIu64 ")", q->modseq_max);
	return VX_OK;
}

/* The messages from q->at on whose numbers are in a row, as one range. */
static void write_run(struct imap_session *s, struct search *q, struct vx_buf *out)
{
	const uint32_t first = number(s, q, q->at);
	uint32_t last = first;

	while (q->at < q->last && matched(q, q->at + 1) &&
	       number(s, q, q->at + 1) == last + 1) {
		q->at++;
		last++;
	}
	vx_buf_add_char(out, q->any ? ',' : ' ');
	q->any = true;
	vx_imap_write_ranges(out, &(struct vx_uid_range){ first, last }, 1);
}

static int write_all(struct imap_session *s, struct search *q, struct vx_buf *out)
{
	for (; q->at <= q->last; q->at++) {
		if (imap_full(s, out))
			return VX_DATA;
		if (matched(q, q->at))
			write_run(s, q, out);
	}
	return VX_OK;
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

/* "* ESEARCH (TAG "a") UID MIN 2 COUNT 3" without ALL and what follows it. */
static void begin_extended(
    struct imap_session *s, const struct search *q, struct vx_buf *out)
{
	const struct vx_imap_search *w = &q->what;

	vx_buf_add_str(out, "* ESEARCH (TAG ");
	vx_imap_write_string(out, s->tag, false);
	vx_buf_add_str(out, s->by_uid ? ") UID" : ")");
	if (w->min && q->found > 0)
		vx_buf_printf(out, " MIN %" PRIu32, number(s, q, q->first));
	if (w->max && q->found > 0)
		vx_buf_printf(out, " MAX %" PRIu32, number(s, q, q->last));
	if (w->count)
		vx_buf_printf(out, " COUNT %" PRIu32, q->found);
	if (w->all && q->found > 0)
		vx_buf_add_str(out, " ALL");
}

/* RFC 9051 7.3.4: nothing is said of ALL, MIN and MAX when nothing was found. */
static int write_extended(struct imap_session *s, struct search *q, struct vx_buf *out)
{
	if (q->what.all && q->found > 0 && write_all(s, q, out) != VX_OK)
		return VX_DATA;
	if (q->what.modseq && q->found > 0)
		vx_buf_printf(out, " MODSEQ %" PRIu64, modseq_of(q));
	return VX_OK;
}

static int write_found(struct imap_session *s, struct vx_buf *out)
{
	struct search *q = s->answer.task->data;
	const bool extended = q->what.has_return || s->enabled[IMAP_REV2];

	if (!q->begun && extended)
		begin_extended(s, q, out);
	else if (!q->begun)
		vx_buf_add_str(out, "* SEARCH");
	if (!q->begun)
		q->at = q->first;
	q->begun = true;
	if ((extended ? write_extended : write_plain)(s, q, out) != VX_OK)
		return VX_DATA;
	vx_buf_add_str(out, "\r\n");
	return VX_OK;
}

static uint32_t next_match(const struct search *q, uint32_t seq)
{
	while (seq <= q->last && !matched(q, seq))
		seq++;
	return seq;
}

/*
 * What "$" stands for from now on (RFC 5182 2.4): only MIN and MAX when only they were
 * asked for.  VX_ELIMIT: too many ranges.
 */
static int save_ranges(const struct search *q, struct vx_buf *out)
{
	const struct vx_imap_search *w = &q->what;
	const bool ends = (w->min || w->max) && !w->all && !w->count;
	struct vx_uid_range r = { 0 };

	for (uint32_t seq = q->first; q->found > 0 && seq <= q->last;
	     seq = next_match(q, seq + 1)) {
		const uint32_t uid = vx_snapshot_uid(q->snapshot, seq);

		if (ends && !(w->min && seq == q->first) && !(w->max && seq == q->last))
			continue;
		if (r.first != 0 && r.last == uid - 1) {
			r.last = uid;
			continue;
		}
		if (r.first != 0)
			vx_buf_add(out, vx_slice_of(&r, sizeof(r)));
		r = (struct vx_uid_range){ uid, uid };
	}
	if (r.first != 0)
		vx_buf_add(out, vx_slice_of(&r, sizeof(r)));
	return out->failed ? VX_ELIMIT : VX_OK;
}

static int save(struct imap_session *s, const struct search *q)
{
	struct vx_buf ranges = { .max = IMAP_SAVED_MAX * sizeof(struct vx_uid_range) };
	int rc = save_ranges(q, &ranges);
	void *own = rc == VX_OK ? vx_alloc(ranges.len + 1) : NULL;

	if (rc == VX_OK && own == NULL)
		rc = VX_ENOMEM;
	if (rc == VX_OK) {
		if (ranges.len > 0)
			memcpy(own, ranges.ptr, ranges.len);
		vx_free(s->view.saved);
		s->view.saved = own;
		s->view.saved_count = ranges.len / sizeof(struct vx_uid_range);
	}
	vx_buf_done(&ranges);
	return rc;
}

static void forget_saved(struct imap_session *s)
{
	vx_free(s->view.saved);
	s->view.saved = NULL;
	s->view.saved_count = 0;
}

static int not_saved(struct imap_session *s, struct vx_buf *out)
{
	return imap_no(s, out, "[NOTSAVED] the result is too large to be saved");
}

static int finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	const struct search *q = t->data;
	const struct vx_imap_search *w = &q->what;
	struct imap_answer a = { .sync = true, .expunges = s->by_uid, .ok = "done" };

	if (t->result == VX_OK && q->next != 0)
		return imap_submit_job(s, t, out, run);
	a.result = t->result;
	if (a.result == VX_OK && w->save) {
		a.result = save(s, q);
		if (a.result == VX_ELIMIT)
			a.tail = not_saved;
	}
	if (a.result != VX_OK && w->save)
		forget_saved(s);
	if (a.result == VX_OK &&
	    (!w->has_return || w->min || w->max || w->count || w->all)) {
		a.body = write_found;
		a.task = t;
	}
	return imap_answer(s, &a);
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
		if (q->what.save) /* RFC 5182 2.1 */
			forget_saved(s);
		(void)imap_no(
		    s, out, "[BADCHARSET (US-ASCII UTF-8)] this charset is not known");
		return VX_DONE;
	}
	if (!q->what.has_return)
		q->what.all = true;
	s->enabled[IMAP_CONDSTORE] = s->enabled[IMAP_CONDSTORE] || q->what.modseq;
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
	q->next = vx_snapshot_count(q->snapshot) == 0 ? 0 : 1;
	q->bits = vx_alloc((size_t)vx_snapshot_count(q->snapshot) / 8 + 1);
	t->data = q;
	t->release = release;
	if (q->bits == NULL)
		(void)imap_result(s, out, VX_ENOMEM, "");
	else if (prepare(s, c, t, out) == VX_OK)
		return imap_submit_job(s, t, out, run);
	imap_task_free(t);
	return VX_OK;
}
