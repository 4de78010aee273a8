/* SEARCH: the command, and what it answers.  imap_match.c decides which messages. */
#include "service/imap_context.h"

#include "base/mem.h"
#include "vectis/memory.h"

#include <inttypes.h>

bool imap_search_matched(const struct imap_search *q, uint32_t seq)
{
	return (q->bits[(seq - 1) / 8] >> ((seq - 1) % 8) & 1) != 0;
}

uint32_t imap_search_from(const struct imap_search *q, uint32_t seq)
{
	while (seq <= q->last && !imap_search_matched(q, seq))
		seq++;
	return seq;
}

int imap_search_init(struct imap_search *q, const struct imap_view *view)
{
	q->snapshot = vx_snapshot_ref(view->snapshot);
	q->next = vx_snapshot_count(q->snapshot) == 0 ? 0 : 1;
	q->bits = vx_alloc((size_t)vx_snapshot_count(q->snapshot) / 8 + 1);
	return q->bits == NULL ? VX_ENOMEM : VX_OK;
}

void imap_search_done(struct imap_search *q)
{
	imap_context_free(q->context);
	imap_matcher_done(&q->matcher);
	vx_snapshot_free(q->snapshot);
	vx_free(q->bits);
	vx_free(q->scores);
}

int imap_search_score(struct imap_search *q)
{
	q->scores = vx_alloc(vx_snapshot_count(q->snapshot) + 1);
	q->matcher.scores = true;
	return q->scores == NULL ? VX_ENOMEM : VX_OK;
}

static void release(struct imap_task *t)
{
	struct imap_search_run *q = t->data;

	imap_search_done(&q->q);
	vx_free(q);
}

struct imap_search_run *imap_search_run_new(
    struct imap_task *t, const struct imap_view *view)
{
	struct imap_search_run *q = vx_alloc(sizeof(*q));

	if (q == NULL)
		return NULL;
	t->data = q;
	t->release = release;
	return imap_search_init(&q->q, view) == VX_OK ? q : NULL;
}

/* --- on the job's thread --------------------------------------------------------- */

static void add(struct imap_search *q, uint32_t seq, const struct vx_record *r)
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
	if (q->scores != NULL)
		q->scores[seq - 1] = (unsigned char)q->matcher.score;
}

/* The records of the snapshot from uid on; *next as vx_records_read has it. */
static int read_batch(struct imap_search *q, uint32_t from, struct vx_record *records,
    size_t *count, uint32_t *next)
{
	const uint32_t last =
	    vx_snapshot_uid(q->snapshot, vx_snapshot_count(q->snapshot));
	const struct vx_record_query query = { .account = q->matcher.account,
		.mailbox = q->matcher.mailbox,
		.first_uid = from,
		.last_uid = last,
		.changed_since = q->again ? q->since : 0 };
	struct vx_view *v;
	int rc = vx_view_begin(q->matcher.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_records_read(v, &query, records, IMAP_BATCH, count, next);
	if (rc == VX_OK && q->what.saved_dates)
		rc = vx_records_saved(v, query.account, query.mailbox, records, *count);
	vx_view_end(v);
	return rc;
}

/* Does it match?  A message that is not in the snapshot has no bit. */
static void note(struct imap_search *q, const struct vx_record *r, bool matches)
{
	const uint32_t seq = vx_snapshot_seq(q->snapshot, r->uid);

	if (seq > 0 && matches)
		add(q, seq, r);
	else if (seq > 0)
		q->bits[(seq - 1) / 8] &= (unsigned char)~(1u << ((seq - 1) % 8));
}

static int match_batch(struct imap_search *q, const struct imap_task *t,
    const struct vx_record *r, size_t count)
{
	for (size_t i = 0; i < count && !t->abandoned; i++) {
		const int match = imap_match(&q->matcher, &r[i]);

		if (match < 0)
			return match;
		if (match > 0 || q->again)
			note(q, &r[i], match > 0);
		if (q->matcher.looked && i + 1 < count &&
		    vx_now_ms() >= q->matcher.until_ms) {
			q->next = r[i + 1].uid;
			return VX_MORE;
		}
	}
	return VX_OK;
}

int imap_search_slice(struct imap_search *q, const struct imap_task *t)
{
	struct vx_record records[IMAP_BATCH];
	int rc = VX_OK;

	while (q->next != 0 && rc == VX_OK && !t->abandoned &&
	       vx_now_ms() < q->matcher.until_ms) {
		size_t count = 0;

		rc = read_batch(q, q->next, records, &count, &q->next);
		if (rc == VX_OK)
			rc = match_batch(q, t, records, count);
	}
	return rc == VX_MORE ? VX_OK : rc;
}

/* As far as the thread may be used in one go; then finish submits the job again. */
void imap_search_run_slice(struct vx_job *job)
{
	struct imap_task *t = imap_task_of(job);
	struct imap_search_run *q = t->data;

	q->q.matcher.until_ms = vx_now_ms() + IMAP_SEARCH_MS;
	t->result = imap_search_slice(&q->q, t);
}

/* --- the answer ------------------------------------------------------------------ */

static uint32_t number(
    const struct imap_session *s, const struct imap_search_run *q, uint32_t seq)
{
	return s->by_uid ? vx_snapshot_uid(q->q.snapshot, seq) : seq;
}

/* RFC 3501's "* SEARCH 2 3 6 (MODSEQ 917)". */
static int write_plain(
    struct imap_session *s, struct imap_search_run *q, struct vx_buf *out)
{
	if (q->part == IMAP_SEARCH_BEGIN) {
		vx_buf_add_str(out, "* SEARCH");
		q->at = q->q.first;
		q->part = IMAP_SEARCH_LIST;
	}
	for (; q->q.found > 0 && q->at <= q->q.last; q->at++) {
		if ((q->at & 63) == 0 && imap_full(s, out))
			return VX_DATA;
		if (!imap_search_matched(&q->q, q->at))
			continue;
		vx_buf_add_char(out, ' ');
		vx_buf_add_number(out, number(s, q, q->at));
	}
	if (q->q.what.modseq && q->q.found > 0)
		vx_buf_printf(out, " (MODSEQ %" PRIu64 ")", q->q.modseq_max);
	vx_buf_add_str(out, "\r\n");
	return VX_OK;
}

/* The messages from q->at on whose numbers are in a row, as one range. */
static void write_run(
    struct imap_session *s, struct imap_search_run *q, struct vx_buf *out)
{
	const uint32_t first = number(s, q, q->at);
	uint32_t last = first;

	while (q->at + 1 < q->end && imap_search_matched(&q->q, q->at + 1) &&
	       number(s, q, q->at + 1) == last + 1) {
		q->at++;
		last++;
	}
	vx_buf_add_char(out, q->any ? ',' : ' ');
	q->any = true;
	vx_imap_write_ranges(out, &(struct vx_uid_range){ first, last }, 1);
}

/* " 2,4:5": what matches in [at, end) */
static int write_set(
    struct imap_session *s, struct imap_search_run *q, struct vx_buf *out)
{
	for (; q->at < q->end; q->at++) {
		if (imap_full(s, out))
			return VX_DATA;
		if (imap_search_matched(&q->q, q->at))
			write_run(s, q, out);
	}
	return VX_OK;
}

/* Of what was returned (RFC 7162 3.1.10). */
static uint64_t modseq_of(const struct imap_search *q)
{
	const struct vx_imap_search *w = &q->what;

	if (w->all || w->count || w->partial || !(w->min || w->max))
		return q->modseq_max;
	if (w->min && w->max)
		return q->modseq_first > q->modseq_last ? q->modseq_first
							: q->modseq_last;
	return w->min ? q->modseq_first : q->modseq_last;
}

/* '* ESEARCH (TAG "a" MAILBOX "b" UIDVALIDITY 7) UID' (RFC 4466 2.6.2, RFC 7377 2.1) */
void imap_write_correlator(
    const struct imap_session *s, const struct imap_correlator *c, struct vx_buf *out)
{
	vx_buf_add_str(out, "* ESEARCH (TAG ");
	vx_imap_write_string(out, c->tag, false);
	if (c->mailbox.ptr != NULL) {
		vx_buf_add_str(out, " MAILBOX ");
		vx_imap_write_mailbox(out, c->mailbox, imap_utf8(s));
		vx_buf_printf(out, " UIDVALIDITY %" PRIu32, c->uidvalidity);
	}
	vx_buf_add_str(out, c->by_uid ? ") UID" : ")");
}

/* The sequence number of the match at a place, counted from 1. */
static uint32_t at_place(const struct imap_search *q, uint32_t place)
{
	uint32_t seq = q->first;

	while (--place > 0)
		seq = imap_search_from(q, seq + 1);
	return seq;
}

/* "MIN 2 COUNT 3", and the beginning of ALL or PARTIAL (RFC 9051 7.3.4, RFC 9394). */
static void begin_extended(
    struct imap_session *s, struct imap_search_run *q, struct vx_buf *out)
{
	const struct vx_imap_search *w = &q->q.what;
	uint32_t low, high;

	imap_write_correlator(s,
	    &(struct imap_correlator){ .tag = s->tag,
		.mailbox = q->mailbox,
		.uidvalidity = vx_snapshot_status(q->q.snapshot)->uidvalidity,
		.by_uid = s->by_uid },
	    out);
	if (w->min && q->q.found > 0)
		vx_buf_printf(out, " MIN %" PRIu32, number(s, q, q->q.first));
	if (w->max && q->q.found > 0)
		vx_buf_printf(out, " MAX %" PRIu32, number(s, q, q->q.last));
	if (w->count)
		vx_buf_printf(out, " COUNT %" PRIu32, q->q.found);
	q->part = IMAP_SEARCH_LIST;
	if (w->all && q->q.found > 0) {
		vx_buf_add_str(out, " ALL");
		q->at = q->q.first;
		q->end = q->q.last + 1;
	} else if (w->partial) {
		vx_buf_add_str(out, " PARTIAL (");
		vx_buf_add(out, w->places.text);
		if (vx_imap_partial_of(&w->places, q->q.found, &low, &high)) {
			q->at = q->from = at_place(&q->q, low);
			q->end = at_place(&q->q, high) + 1;
		} else {
			vx_buf_add_str(out, " NIL");
		}
	}
}

/* " RELEVANCY (4 99 42)", of what ALL or PARTIAL told (RFC 6203 4) */
static void begin_scores(struct imap_search_run *q, struct vx_buf *out)
{
	q->part = IMAP_SEARCH_SCORES;
	q->any = false;
	if (q->q.what.partial) {
		q->at = q->from;
	} else {
		q->at = q->q.first;
		q->end = q->q.found > 0 ? q->q.last + 1 : 0;
	}
	if (q->q.what.relevancy)
		vx_buf_add_str(out, " RELEVANCY (");
}

static int write_scores(
    struct imap_session *s, struct imap_search_run *q, struct vx_buf *out)
{
	for (; q->at < q->end; q->at++) {
		if (imap_full(s, out))
			return VX_DATA;
		if (!imap_search_matched(&q->q, q->at))
			continue;
		vx_buf_printf(
		    out, "%s%u", q->any ? " " : "", (unsigned)q->q.scores[q->at - 1]);
		q->any = true;
	}
	vx_buf_add_char(out, ')');
	return VX_OK;
}

int imap_search_run_write(
    struct imap_session *s, struct imap_search_run *q, struct vx_buf *out)
{
	if (q->part == IMAP_SEARCH_BEGIN)
		begin_extended(s, q, out);
	if (q->part == IMAP_SEARCH_LIST) {
		if (write_set(s, q, out) != VX_OK)
			return VX_DATA;
		if (q->q.what.partial)
			vx_buf_add_char(out, ')');
		begin_scores(q, out);
	}
	if (q->q.what.relevancy && write_scores(s, q, out) != VX_OK)
		return VX_DATA;
	if (q->q.what.modseq && q->q.found > 0)
		vx_buf_printf(out, " MODSEQ %" PRIu64, modseq_of(&q->q));
	vx_buf_add_str(out, "\r\n");
	return VX_OK;
}

static int write_found(struct imap_session *s, struct vx_buf *out)
{
	struct imap_search_run *q = s->answer.task->data;

	return q->q.what.has_return || s->enabled[IMAP_REV2]
		   ? imap_search_run_write(s, q, out)
		   : write_plain(s, q, out);
}

/* --- "$" ------------------------------------------------------------------------- */

/* Bits as UIDs.  VX_ELIMIT: too many ranges. */
static int save_ranges(
    const struct imap_search *q, const unsigned char *bits, struct vx_buf *out)
{
	struct vx_uid_range r = { 0 };

	for (uint32_t seq = q->first; q->found > 0 && seq <= q->last; seq++) {
		const uint32_t uid = vx_snapshot_uid(q->snapshot, seq);

		if ((bits[(seq - 1) / 8] >> ((seq - 1) % 8) & 1) == 0)
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

int imap_search_save(
    struct imap_session *s, const struct imap_search *q, const unsigned char *bits)
{
	struct vx_buf ranges = { .max = IMAP_SAVED_MAX * sizeof(struct vx_uid_range) };
	int rc = save_ranges(q, bits, &ranges);
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

static void set_bit(unsigned char *bits, uint32_t seq)
{
	bits[(seq - 1) / 8] |= (unsigned char)(1u << ((seq - 1) % 8));
}

/* Only what was returned, when that was MIN, MAX and PARTIAL (RFC 5182 2.4, 9394 3.2). */
int imap_search_run_save(struct imap_session *s, const struct imap_search *q)
{
	const struct vx_imap_search *w = &q->what;
	uint32_t low = 1, high = 0, seq;
	unsigned char *bits;
	int rc;

	if (w->all || w->count || !(w->min || w->max || w->partial) || q->found == 0)
		return imap_search_save(s, q, q->bits);
	bits = vx_alloc((size_t)vx_snapshot_count(q->snapshot) / 8 + 1);
	if (bits == NULL)
		return VX_ENOMEM;
	if (w->partial && vx_imap_partial_of(&w->places, q->found, &low, &high)) {
		seq = at_place(q, low);
		for (uint32_t place = low; place <= high; place++) {
			set_bit(bits, seq);
			seq = imap_search_from(q, seq + 1);
		}
	}
	if (w->min)
		set_bit(bits, q->first);
	if (w->max)
		set_bit(bits, q->last);
	rc = imap_search_save(s, q, bits);
	vx_free(bits);
	return rc;
}

void imap_search_forget(struct imap_session *s)
{
	vx_free(s->view.saved);
	s->view.saved = NULL;
	s->view.saved_count = 0;
}

int imap_search_not_saved(struct imap_session *s, struct vx_buf *out)
{
	return imap_no(s, out, "[NOTSAVED] the result is too large to be saved");
}

static int finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct imap_search_run *q = t->data;
	const struct vx_imap_search *w = &q->q.what;
	struct imap_answer a = { .sync = true, .expunges = s->by_uid, .ok = "done" };

	if (t->result == VX_OK && q->q.next != 0) {
		imap_progress(s, t, out, vx_snapshot_rank(q->q.snapshot, q->q.next - 1),
		    vx_snapshot_count(q->q.snapshot));
		return imap_submit_job(s, t, out, imap_search_run_slice);
	}
	a.result = t->result;
	if (a.result == VX_OK && w->save) {
		a.result = imap_search_run_save(s, &q->q);
		if (a.result == VX_ELIMIT)
			a.tail = imap_search_not_saved;
	}
	if (a.result != VX_OK && w->save)
		imap_search_forget(s);
	if (a.result == VX_OK && w->update)
		imap_context_begin(s, &q->q, NULL, 0, out);
	if (a.result == VX_OK && (!w->has_return || w->min || w->max || w->count ||
				     w->all || w->partial || w->relevancy)) {
		a.body = write_found;
		a.task = t;
	}
	return imap_answer(s, &a);
}

/* --- the command ----------------------------------------------------------------- */

int imap_search_ready(struct imap_search *q, struct imap_session *s, struct imap_task *t,
    struct vx_buf *out)
{
	int rc;

	if (q->what.bad_charset) {
		if (q->what.save) /* RFC 5182 2.1 */
			imap_search_forget(s);
		(void)imap_no(
		    s, out, "[BADCHARSET (US-ASCII UTF-8)] this charset is not known");
		return VX_DONE;
	}
	if (q->what.numbers && s->enabled[IMAP_UIDONLY]) {
		(void)imap_uid_required(s, out);
		return VX_DONE;
	}
	if (q->what.update && imap_context_has(s, s->tag)) { /* RFC 5267 4.3 */
		(void)imap_bad(s, out, "this tag is that of a search with UPDATE");
		return VX_DONE;
	}
	if (!q->what.has_return)
		q->what.all = true;
	if (q->what.update)
		q->context = imap_context_new(s, &q->what);
	if (q->what.modseq)
		imap_enable_condstore(s, out);
	rc = imap_matcher_init(&q->matcher, s, &s->view, q->what.key, t);
	if (rc == VX_OK && q->what.relevancy)
		rc = imap_search_score(q);
	if (rc != VX_OK)
		(void)imap_result(s, out, rc, "");
	return rc == VX_OK ? VX_OK : VX_DONE;
}

/* VX_OK: ready to run; VX_DONE: it was answered. */
static int prepare(
    struct imap_session *s, struct vx_cursor *c, struct imap_task *t, struct vx_buf *out)
{
	struct imap_search_run *q = t->data;
	struct vx_cursor own;
	vx_slice text;

	/* the job may outlive the session's arena: all it needs is in the task's */
	if (vx_arena_copy(&t->arena, vx_cur_rest(c), &text) != VX_OK) {
		(void)imap_result(s, out, VX_ELIMIT, "");
		return VX_DONE;
	}
	own = vx_cursor_of(text);
	if (!vx_imap_sp(&own) || !vx_imap_search(&own, &t->arena, &q->q.what)) {
		(void)imap_bad(s, out, "the SEARCH program is not understood");
		return VX_DONE;
	}
	if (s->enabled[IMAP_UTF8] && q->q.what.has_charset) { /* RFC 9755 3 */
		(void)imap_bad(s, out, "after ENABLE UTF8=ACCEPT SEARCH has no CHARSET");
		return VX_DONE;
	}
	return imap_search_ready(&q->q, s, t, out);
}

int imap_cmd_search(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_task *t = imap_task_new(s, finish);

	if (t == NULL || imap_search_run_new(t, &s->view) == NULL)
		(void)imap_result(s, out, VX_ENOMEM, "");
	else if (prepare(s, c, t, out) == VX_OK)
		return imap_submit_job(s, t, out, imap_search_run_slice);
	imap_task_free(t);
	return VX_OK;
}
