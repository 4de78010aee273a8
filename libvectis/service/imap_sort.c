/*
 * SORT and THREAD (RFC 5256, 5957, 5267): what SEARCH finds, in another order.
 *
 * One job does it all, in slices: the search, then what it found is read once more and
 * handed to a sorter or threader of imap/.  These may need much memory for a large
 * mailbox: all of a process together have IMAP_SORT_BUDGET, and who comes while it is
 * taken is asked to come again.
 */
#include "service/imap_context.h"
#include "service/imap_sort.h"

#include "base/mem.h"
#include "imap/thread.h"
#include "vectis/memory.h"

#include <inttypes.h>

enum { /* octets for the work itself, and for each message of the mailbox */
	SORT_LEAST = 1 << 20,
	SORT_EACH = 300,
	THREAD_LEAST = 4 << 20,
	THREAD_EACH = 1200
};

/* On the loop's thread, even when the session ended long ago. */
static void release(struct imap_task *t)
{
	struct imap_arrangement *a = t->data;

	imap_arrangement_done(a);
	vx_free(a);
}

void imap_arrangement_done(struct imap_arrangement *a)
{
	vx_sorter_free(a->sorter);
	vx_threader_free(a->threader);
	imap_search_done(&a->q);
	if (a->reserved > 0)
		a->service->sort_reserved -= a->reserved;
}

/* --- on the job's thread --------------------------------------------------------- */

/* A message that went meanwhile, or that is damaged, is in no order. */
static int collect_one(
    struct imap_arrangement *a, struct vx_view *v, const struct vx_record *r)
{
	const uint32_t seq = vx_snapshot_seq(a->q.snapshot, r->uid);
	struct vx_descriptor d;
	vx_slice octets;
	int rc;

	if (seq == 0 || !imap_search_matched(&a->q, seq))
		return VX_OK;
	rc = vx_descriptor_get(v, r->blob, &octets);
	if (rc == VX_OK)
		rc = vx_descriptor_open(octets, &d);
	if (rc == VX_OK)
		rc = a->threads ? vx_threader_add(a->threader, a->by_uid ? r->uid : seq,
				      r->internal_date, &d)
				: vx_sorter_add(a->sorter, seq, r->internal_date,
				      a->q.scores == NULL ? 0 : a->q.scores[seq - 1], &d);
	return rc == VX_ENOENT || rc == VX_ECORRUPT ? VX_OK : rc;
}

static int collect_batch(struct imap_arrangement *a)
{
	const struct vx_record_query query = { .account = a->q.matcher.account,
		.mailbox = a->q.matcher.mailbox,
		.first_uid = a->collect,
		.last_uid = vx_snapshot_uid(a->q.snapshot, a->q.last) };
	struct vx_record records[IMAP_BATCH];
	struct vx_view *v;
	size_t count = 0;
	int rc = vx_view_begin(a->q.matcher.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_records_read(v, &query, records, IMAP_BATCH, &count, &a->collect);
	for (size_t i = 0; rc == VX_OK && i < count; i++)
		rc = collect_one(a, v, &records[i]);
	vx_view_end(v);
	return rc;
}

int imap_arrange(struct imap_arrangement *a, const struct imap_task *t)
{
	int rc = VX_OK;

	while (rc == VX_OK && a->collect != 0 && !t->abandoned &&
	       vx_now_ms() < a->q.matcher.until_ms)
		rc = collect_batch(a);
	if (rc != VX_OK || a->collect != 0 || t->abandoned)
		return rc;
	a->ended = true;
	return a->threads ? vx_threader_end(a->threader)
			  : vx_sorter_end(a->sorter, &a->order, &a->count);
}

static void run(struct vx_job *job)
{
	struct imap_task *t = imap_task_of(job);
	struct imap_arrangement *a = t->data;

	a->q.matcher.until_ms = vx_now_ms() + IMAP_SEARCH_MS;
	t->result = VX_OK;
	if (a->q.next != 0) {
		t->result = imap_search_slice(&a->q, t);
		if (t->result != VX_OK || a->q.next != 0)
			return;
		a->collect =
		    a->q.found == 0 ? 0 : vx_snapshot_uid(a->q.snapshot, a->q.first);
	}
	t->result = imap_arrange(a, t);
}

/* --- the answer of SORT ---------------------------------------------------------- */

static uint32_t number(
    const struct imap_session *s, const struct imap_arrangement *a, size_t i)
{
	return s->by_uid ? vx_snapshot_uid(a->q.snapshot, a->order[i]) : a->order[i];
}

/* Places [at, end) as a set; only what ascends is a range (RFC 5267 3.2). */
static int write_set(
    struct imap_session *s, struct imap_arrangement *a, size_t end, struct vx_buf *out)
{
	while (a->at < end) {
		struct vx_uid_range r = { 0 };

		if (imap_full(s, out))
			return VX_DATA;
		r.first = r.last = number(s, a, a->at++);
		while (a->at < end && number(s, a, a->at) == r.last + 1) {
			r.last++;
			a->at++;
		}
		if (a->any)
			vx_buf_add_char(out, ',');
		a->any = true;
		vx_imap_write_ranges(out, &r, 1);
	}
	return VX_OK;
}

static int write_plain(struct imap_session *s, struct imap_arrangement *a, struct vx_buf *out)
{
	if (a->part == IMAP_ORDER_BEGIN)
		vx_buf_add_str(out, "* SORT");
	a->part = IMAP_ORDER_ALL;
	for (; a->at < a->count; a->at++) {
		if (imap_full(s, out))
			return VX_DATA;
		vx_buf_add_char(out, ' ');
		vx_buf_add_number(out, number(s, a, a->at));
	}
	if (a->q.what.modseq && a->count > 0)
		vx_buf_printf(out, " (MODSEQ %" PRIu64 ")", a->q.modseq_max);
	vx_buf_add_str(out, "\r\n");
	return VX_OK;
}

static void begin_extended(
    struct imap_session *s, struct imap_arrangement *a, struct vx_buf *out)
{
	const struct vx_imap_search *w = &a->q.what;

	imap_write_correlator(s,
	    &(struct imap_correlator){ .tag = s->tag, .by_uid = s->by_uid }, out);
	if (w->min && a->count > 0)
		vx_buf_printf(out, " MIN %" PRIu32, number(s, a, 0));
	if (w->max && a->count > 0)
		vx_buf_printf(out, " MAX %" PRIu32, number(s, a, a->count - 1));
	if (w->count)
		vx_buf_printf(out, " COUNT %zu", a->count);
	if (w->all && a->count > 0)
		vx_buf_add_str(out, " ALL ");
	a->part = IMAP_ORDER_ALL;
}

static int write_partial(
    struct imap_session *s, struct imap_arrangement *a, struct vx_buf *out)
{
	const struct vx_imap_search *w = &a->q.what;
	uint32_t low = 1, high = 0;
	const bool some = vx_imap_partial_of(&w->places, (uint32_t)a->count, &low, &high);

	if (a->part == IMAP_ORDER_ALL) {
		vx_buf_add_str(out, " PARTIAL (");
		vx_buf_add(out, w->places.text);
		vx_buf_add_str(out, some ? " " : " NIL");
		a->at = low - 1;
		a->part = IMAP_ORDER_PARTIAL;
	}
	if (some && write_set(s, a, high, out) != VX_OK)
		return VX_DATA;
	vx_buf_add_char(out, ')');
	return VX_OK;
}

/* " RELEVANCY (99 42 4)", in the order of ALL or PARTIAL (RFC 6203 6) */
static int write_scores(struct imap_session *s, struct imap_arrangement *a, struct vx_buf *out)
{
	const struct vx_imap_search *w = &a->q.what;
	uint32_t low = 1, high = (uint32_t)a->count;

	if (w->partial &&
	    !vx_imap_partial_of(&w->places, (uint32_t)a->count, &low, &high))
		high = 0;
	if (a->part != IMAP_ORDER_END) {
		vx_buf_add_str(out, " RELEVANCY (");
		a->part = IMAP_ORDER_END;
		a->at = low - 1;
		a->any = false;
	}
	for (; a->at < high; a->at++, a->any = true) {
		if (imap_full(s, out))
			return VX_DATA;
		vx_buf_printf(out, "%s%u", a->any ? " " : "",
		    (unsigned)a->q.scores[a->order[a->at] - 1]);
	}
	vx_buf_add_char(out, ')');
	return VX_OK;
}

static int write_extended(
    struct imap_session *s, struct imap_arrangement *a, struct vx_buf *out)
{
	const struct vx_imap_search *w = &a->q.what;

	if (a->part == IMAP_ORDER_BEGIN)
		begin_extended(s, a, out);
	if (w->all && a->part == IMAP_ORDER_ALL && write_set(s, a, a->count, out) != VX_OK)
		return VX_DATA;
	if (w->partial && a->part != IMAP_ORDER_END && write_partial(s, a, out) != VX_OK)
		return VX_DATA;
	if (w->relevancy && write_scores(s, a, out) != VX_OK)
		return VX_DATA;
	if (w->modseq && a->count > 0)
		vx_buf_printf(out, " MODSEQ %" PRIu64, a->q.modseq_max);
	vx_buf_add_str(out, "\r\n");
	return VX_OK;
}

static int write_sorted(struct imap_session *s, struct vx_buf *out)
{
	struct imap_arrangement *a = s->answer.task->data;

	return a->q.what.has_return ? write_extended(s, a, out) : write_plain(s, a, out);
}

static int write_threads(struct imap_session *s, struct vx_buf *out)
{
	struct imap_arrangement *a = s->answer.task->data;
	int rc;

	if (a->part == IMAP_ORDER_BEGIN)
		vx_buf_add_str(out, a->q.found > 0 ? "* THREAD " : "* THREAD");
	a->part = IMAP_ORDER_ALL;
	do
		rc = vx_threader_write(a->threader, out, out->len + 1024);
	while (rc == VX_DATA && !imap_full(s, out));
	if (rc == VX_OK)
		vx_buf_add_str(out, "\r\n");
	return rc;
}

/* Bits of what RETURN (SAVE) saves of an order (RFC 5182 2.4, RFC 9394 3.2). */
static int save(struct imap_session *s, const struct imap_arrangement *a)
{
	const struct vx_imap_search *w = &a->q.what;
	const bool all = w->all || w->count || !(w->min || w->max || w->partial);
	uint32_t low = 1, high = 0;
	unsigned char *bits;
	int rc;

	if (all)
		return imap_search_save(s, &a->q, a->q.bits);
	bits = vx_alloc((size_t)vx_snapshot_count(a->q.snapshot) / 8 + 1);
	if (bits == NULL)
		return VX_ENOMEM;
	if (w->partial)
		(void)vx_imap_partial_of(&w->places, (uint32_t)a->count, &low, &high);
	for (size_t i = 0; i < a->count; i++)
		if ((i + 1 >= low && i + 1 <= high) || (w->min && i == 0) ||
		    (w->max && i + 1 == a->count))
			bits[(a->order[i] - 1) / 8] |=
			    (unsigned char)(1u << ((a->order[i] - 1) % 8));
	rc = imap_search_save(s, &a->q, bits);
	vx_free(bits);
	return rc;
}

/* The work is over: what the answer needs is kept until the client has read it. */
static void give_back(struct imap_arrangement *a)
{
	size_t held =
	    a->threads ? vx_threader_held(a->threader) : a->count * sizeof(*a->order);

	held = held < a->reserved ? held : a->reserved;
	a->service->sort_reserved -= a->reserved - held;
	a->reserved = held;
}

/* Each message is passed twice: searched, and put in order. */
static uint64_t progress(const struct imap_arrangement *a)
{
	const struct vx_snapshot *snap = a->q.snapshot;

	if (a->q.next != 0)
		return vx_snapshot_rank(snap, a->q.next - 1);
	return (uint64_t)vx_snapshot_count(snap) +
	       (a->collect == 0 ? 0 : vx_snapshot_rank(snap, a->collect - 1));
}

static int finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct imap_arrangement *a = t->data;
	const struct vx_imap_search *w = &a->q.what;
	struct imap_answer answer = { .sync = true, .expunges = s->by_uid, .ok = "done" };

	if (t->result == VX_OK && !a->ended) {
		imap_progress(s, t, out, progress(a),
		    2 * (uint64_t)vx_snapshot_count(a->q.snapshot));
		return imap_submit_job(s, t, out, run);
	}
	answer.result = t->result;
	give_back(a);
	if (answer.result == VX_OK && w->save) {
		answer.result = save(s, a);
		if (answer.result == VX_ELIMIT)
			answer.tail = imap_search_not_saved;
	}
	if (answer.result != VX_OK && w->save)
		imap_search_forget(s);
	if (answer.result == VX_OK && w->update)
		imap_context_begin(s, &a->q, a->order, a->count, out);
	if (answer.result == VX_OK && a->threads)
		answer.body = write_threads;
	else if (answer.result == VX_OK &&
		 (!w->has_return || w->min || w->max || w->count || w->all ||
		     w->partial || w->relevancy))
		answer.body = write_sorted;
	if (answer.body != NULL)
		answer.task = t;
	return imap_answer(s, &answer);
}

/* --- the commands ---------------------------------------------------------------- */

static bool parse(struct imap_arrangement *a, struct imap_task *t, struct vx_cursor *c)
{
	if (!vx_imap_sp(c))
		return false;
	if (a->threads && (!vx_thread_algorithm(c, &a->algorithm) || !vx_imap_sp(c)))
		return false;
	if (!a->threads && (!vx_imap_search_returns(c, &t->arena, &a->q.what) ||
			       !vx_sort_program(c, &a->program) || !vx_imap_sp(c)))
		return false;
	return vx_imap_search_criteria(c, &t->arena, &a->q.what) &&
	       (a->q.what.fuzzy || !vx_sort_has(&a->program, VX_SORT_RELEVANCY));
}

int imap_arrangement_ready(struct imap_arrangement *a)
{
	const size_t n = vx_snapshot_count(a->q.snapshot);
	size_t octets =
	    a->threads ? THREAD_LEAST + n * THREAD_EACH : SORT_LEAST + n * SORT_EACH;
	const size_t most = a->threads ? VX_THREAD_MEMORY_MAX : VX_SORT_MEMORY_MAX;

	octets = octets < most ? octets : most;
	if (a->service->sort_reserved + octets > IMAP_SORT_BUDGET)
		return VX_ELIMIT;
	a->service->sort_reserved += octets;
	a->reserved = octets;
	return a->threads ? vx_threader_new(a->algorithm, octets, &a->threader)
			  : vx_sorter_new(&a->program, octets, &a->sorter);
}

/* VX_OK: ready to run; VX_DONE: it was answered. */
static int prepare(
    struct imap_session *s, struct vx_cursor *c, struct imap_task *t, struct vx_buf *out)
{
	struct imap_arrangement *a = t->data;
	struct vx_cursor own;
	vx_slice text;
	int rc;

	/* the job may outlive the session's arena: all it needs is in the task's */
	if (vx_arena_copy(&t->arena, vx_cur_rest(c), &text) != VX_OK) {
		(void)imap_result(s, out, VX_ELIMIT, "");
		return VX_DONE;
	}
	own = vx_cursor_of(text);
	if (!parse(a, t, &own)) {
		(void)imap_bad(s, out,
		    a->threads ? "the THREAD program is not understood"
			       : "the SORT program is not understood");
		return VX_DONE;
	}
	if (imap_search_ready(&a->q, s, t, out) != VX_OK)
		return VX_DONE;
	if (a->q.context != NULL)
		imap_context_sorts(a->q.context, &a->program);
	rc = imap_arrangement_ready(a);
	if (rc == VX_OK && a->q.scores == NULL &&
	    vx_sort_has(&a->program, VX_SORT_RELEVANCY))
		rc = imap_search_score(&a->q);
	if (rc != VX_OK)
		(void)imap_no(s, out,
		    "[LIMIT] too many large mailboxes are being sorted: try again later");
	return rc == VX_OK ? VX_OK : VX_DONE;
}

static int arrange(
    struct imap_session *s, struct vx_cursor *c, struct vx_buf *out, bool threads)
{
	struct imap_task *t = imap_task_new(s, finish);
	struct imap_arrangement *a = t == NULL ? NULL : vx_alloc(sizeof(*a));
	int rc;

	if (a == NULL) {
		imap_task_free(t);
		return imap_result(s, out, VX_ENOMEM, "");
	}
	a->service = s->service;
	a->threads = threads;
	a->by_uid = s->by_uid;
	rc = imap_search_init(&a->q, &s->view);
	t->data = a;
	t->release = release;
	if (rc != VX_OK)
		(void)imap_result(s, out, rc, "");
	else if (prepare(s, c, t, out) == VX_OK)
		return imap_submit_job(s, t, out, run);
	imap_task_free(t);
	return VX_OK;
}

int imap_cmd_sort(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return arrange(s, c, out, false);
}

int imap_cmd_thread(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return arrange(s, c, out, true);
}
