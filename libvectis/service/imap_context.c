/*
 * Searches with UPDATE.  Of each, two sets of bits by sequence number of a snapshot: what
 * the client was told, and what is so now; for SORT the order of each.
 */
#include "service/imap_context.h"

#include "base/mem.h"
#include "service/imap_sort.h"
#include "vectis/memory.h"

enum {
	RANGES = 200, /* of numbers in one response */
	UNASKED = 64, /* keys that are answered without the index, see imap_match.h */
	NEWS_MAX = 65536
};

struct imap_context {
	struct imap_context *next;
	struct vx_arena arena; /* all that is read of the program */
	vx_slice tag, mailbox; /* mailbox.ptr NULL: not ESEARCH */
	bool by_uid, sorted;
	struct vx_imap_search what; /* its key is as it was parsed, but for numbers */
	struct vx_imap_fetch items;
	struct vx_sort_program program;
	struct vx_snapshot *snapshot; /* own: what the bits are about */
	uint64_t modseq;              /* changes up to here were looked at */
	unsigned char *told, *bits;   /* own; bits NULL: as told */
	uint32_t *order, *fresh;      /* own: UIDs, of SORT; fresh NULL: as order */
	size_t count, fresh_count;    /* of both */
	struct vx_buf news;           /* UIDs as ranges that items are told of */
	bool fetching;
	bool adding; /* what is told: ADDTO, not REMOVEFROM */
	size_t at;   /* where telling goes on: a place of the order, a number */
	struct imap_gone gone;
	bool begun; /* at and gone are of the stage that is under way */
};

static bool bit(const unsigned char *bits, uint32_t seq)
{
	return (bits[(seq - 1) / 8] >> ((seq - 1) % 8) & 1) != 0;
}

static void set_bit(unsigned char *bits, uint32_t seq)
{
	bits[(seq - 1) / 8] |= (unsigned char)(1u << ((seq - 1) % 8));
}

/* --- making and ending ----------------------------------------------------------- */

void imap_context_free(struct imap_context *c)
{
	if (c == NULL)
		return;
	vx_snapshot_free(c->snapshot);
	vx_free(c->told);
	vx_free(c->bits);
	vx_free(c->order);
	vx_free(c->fresh);
	vx_buf_done(&c->news);
	vx_arena_done(&c->arena);
	vx_free(c);
}

void imap_contexts_free(struct imap_context *c)
{
	while (c != NULL) {
		struct imap_context *const next = c->next;

		imap_context_free(c);
		c = next;
	}
}

/* "*" stands for the last message as it is now, and for all that come. */
static void keep_star(const struct imap_view *v, struct vx_imap_range *r)
{
	const uint32_t last = vx_snapshot_uid(v->snapshot, vx_snapshot_count(v->snapshot));
	const uint32_t other = r->first != 0 ? r->first : r->last;

	if (r->first != 0 && r->last != 0)
		return;
	r->first = other != 0 && (other < last || last == 0) ? other : last;
	r->first = r->first == 0 ? 1 : r->first;
	r->last = UINT32_MAX;
}

/* Numbers and "$" mean what they mean now (RFC 5267 4.3). */
static int keep_set(const struct imap_view *v, struct vx_imap_key *k, struct vx_arena *a)
{
	const struct vx_imap_range *was = k->set.ranges;
	struct vx_imap_range *own;

	if (k->type == VX_KEY_SEQUENCE || k->set.saved)
		return imap_match_set(v, k, a);
	own = vx_arena_array(a, k->set.count, sizeof(*own));
	if (own == NULL)
		return VX_ELIMIT;
	memcpy(own, was, k->set.count * sizeof(*own));
	for (size_t i = 0; i < k->set.count; i++)
		keep_star(v, &own[i]);
	k->set.ranges = own;
	return VX_OK;
}

/*
 * A copy of keys.  With a view, one that lasts; without, one that may be made ready while
 * the original stays.  Its depth is VX_IMAP_SEARCH_DEPTH_MAX at most.
 */
static int copy_keys(struct vx_arena *a, const struct imap_view *v,
    const struct vx_imap_key *k, struct vx_imap_key **out)
{
	int rc = VX_OK;

	*out = NULL;
	for (; k != NULL && rc == VX_OK; k = k->next, out = &(*out)->next) {
		struct vx_imap_key *own = vx_arena_alloc(a, sizeof(*own));

		if (own == NULL)
			return VX_ELIMIT;
		*own = *k;
		own->next = own->child = NULL;
		*out = own;
		if (v != NULL) {
			rc = vx_arena_copy(a, k->name, &own->name);
			if (rc == VX_OK)
				rc = vx_arena_copy(a, k->text, &own->text);
			if (rc == VX_OK && (k->type == VX_KEY_SEQUENCE ||
					       k->type == VX_KEY_UID))
				rc = keep_set(v, own, a);
		}
		if (rc == VX_OK && k->child != NULL)
			rc = copy_keys(a, v, k->child, &own->child);
	}
	return rc;
}

struct imap_context *imap_context_new(
    struct imap_session *s, const struct vx_imap_search *what)
{
	struct imap_context *c = vx_alloc(sizeof(*c));
	struct vx_cursor items;
	vx_slice text;
	int rc;

	if (c == NULL)
		return NULL;
	vx_arena_init(&c->arena, IMAP_CONTEXT_PROGRAM_MAX);
	vx_buf_init(&c->news, NEWS_MAX * sizeof(struct vx_uid_range));
	c->what = *what;
	c->by_uid = s->by_uid;
	rc = vx_arena_copy(&c->arena, s->tag, &c->tag);
	if (rc == VX_OK)
		rc = vx_arena_copy(&c->arena, what->items, &text);
	if (rc == VX_OK)
		rc = copy_keys(&c->arena, &s->view, what->key, &c->what.key);
	items = vx_cursor_of(text);
	if (rc == VX_OK && text.len > 0 &&
	    !vx_imap_fetch_atts(&items, &c->arena, &c->items))
		rc = VX_ELIMIT;
	if (rc == VX_OK)
		return c;
	imap_context_free(c);
	return NULL;
}

void imap_context_sorts(struct imap_context *c, const struct vx_sort_program *program)
{
	c->sorted = true;
	c->program = *program;
}

void imap_context_names(struct imap_context *c, vx_slice mailbox)
{
	(void)vx_arena_copy(&c->arena, mailbox, &c->mailbox);
}

bool imap_context_has(const struct imap_session *s, vx_slice tag)
{
	for (const struct imap_context *c = s->view.contexts; c != NULL; c = c->next)
		if (vx_slice_eq(c->tag, tag))
			return true;
	return false;
}

void imap_no_update(vx_slice tag, struct vx_buf *out)
{
	vx_buf_add_str(out, "* NO [NOUPDATE ");
	vx_imap_write_string(out, tag, false);
	vx_buf_add_str(out, "] changes of this search are not told\r\n");
}

static size_t octets(const struct imap_context *c)
{
	const size_t order = c->count > c->fresh_count ? c->count : c->fresh_count;

	return vx_snapshot_count(c->snapshot) / 8 + 1 + order * sizeof(*c->order);
}

/* Is there room, with those that the session has? */
static bool has_room(const struct imap_session *s, const struct imap_context *c)
{
	size_t count = 1, sum = octets(c);

	for (const struct imap_context *o = s->view.contexts; o != NULL; o = o->next) {
		count += o != c;
		sum += o != c ? octets(o) : 0;
	}
	return count <= IMAP_CONTEXTS_MAX && sum <= IMAP_CONTEXTS_OCTETS_MAX;
}

/* Sequence numbers as UIDs, own. */
static uint32_t *uids_of(
    const struct vx_snapshot *snap, const uint32_t *order, size_t count)
{
	uint32_t *uids = vx_alloc_array(count + 1, sizeof(*uids));

	for (size_t i = 0; uids != NULL && i < count; i++)
		uids[i] = vx_snapshot_uid(snap, order[i]);
	return uids;
}

/* The results of q as those that the client knows: VX_OK, or below 0. */
static int take_results(struct imap_session *s, struct imap_context *c,
    const struct imap_search *q, const uint32_t *order, size_t count)
{
	const size_t size = (size_t)vx_snapshot_count(q->snapshot) / 8 + 1;

	c->snapshot = vx_snapshot_ref(q->snapshot);
	c->modseq = vx_snapshot_status(q->snapshot)->highestmodseq;
	c->count = c->sorted ? count : 0;
	/* how well messages match is no order that lasts */
	if (!has_room(s, c) || vx_sort_has(&c->program, VX_SORT_RELEVANCY))
		return VX_ELIMIT;
	c->told = vx_alloc(size);
	if (c->told == NULL)
		return VX_ENOMEM;
	memcpy(c->told, q->bits, size);
	if (!c->sorted)
		return VX_OK;
	c->order = uids_of(q->snapshot, order, count);
	return c->order == NULL ? VX_ENOMEM : VX_OK;
}

void imap_context_begin(struct imap_session *s, struct imap_search *q,
    const uint32_t *order, size_t count, struct vx_buf *out)
{
	struct imap_context *c = q->context, **end = &s->view.contexts;

	q->context = NULL;
	if (c == NULL || take_results(s, c, q, order, count) != VX_OK) {
		imap_no_update(s->tag, out);
		imap_context_free(c);
		return;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = c;
}

/* Its client is told no more. */
static void drop(struct imap_context **at, struct vx_buf *out)
{
	struct imap_context *const c = *at;

	imap_no_update(c->tag, out);
	*at = c->next;
	imap_context_free(c);
}

static bool cancel(struct imap_session *s, vx_slice tag)
{
	for (struct imap_context **at = &s->view.contexts; *at != NULL;
	     at = &(*at)->next) {
		struct imap_context *const c = *at;

		if (!vx_slice_eq(c->tag, tag))
			continue;
		*at = c->next;
		imap_context_free(c);
		return true;
	}
	return false;
}

static int is_unknown(struct imap_session *s, struct vx_buf *out)
{
	return imap_no(s, out, "no search with UPDATE has this tag");
}

int imap_cmd_cancelupdate(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct vx_cursor look = *c;
	bool known = true;
	vx_slice tag;

	do {
		if (!vx_imap_sp(&look) || !vx_imap_string(&look, &s->arena, &tag))
			return imap_bad(s, out, "CANCELUPDATE \"tag\" is expected");
	} while (!vx_cur_end(&look));
	while (vx_imap_sp(c) && vx_imap_string(c, &s->arena, &tag))
		known = cancel(s, tag) && known;
	return imap_answer(s,
	    &(struct imap_answer){ .sync = true,
		.expunges = true,
		.tail = known ? NULL : is_unknown,
		.ok = "no further updates" });
}

/* --- responses ------------------------------------------------------------------- */

/* Numbers, some of them in a row, as they are told: "3:5,9". */
struct numbers {
	struct vx_uid_range ranges[RANGES];
	size_t count;
};

static bool numbers_full(const struct numbers *n)
{
	return n->count == RANGES;
}

static void numbers_add(struct numbers *n, uint32_t number)
{
	if (n->count > 0 && n->ranges[n->count - 1].last + 1 == number)
		n->ranges[n->count - 1].last = number;
	else
		n->ranges[n->count++] = (struct vx_uid_range){ number, number };
}

static void open_response(const struct imap_session *s, const struct imap_context *c,
    const char *word, struct vx_buf *out)
{
	imap_write_correlator(s,
	    &(struct imap_correlator){ .tag = c->tag,
		.mailbox = c->mailbox,
		.uidvalidity = vx_snapshot_status(c->snapshot)->uidvalidity,
		.by_uid = c->by_uid },
	    out);
	vx_buf_printf(out, " %s (", word);
}

/* The place 0: in the order of the mailbox. */
static void write_unsorted(const struct imap_session *s, const struct imap_context *c,
    const char *word, const struct numbers *n, struct vx_buf *out)
{
	open_response(s, c, word, out);
	vx_buf_add_str(out, "0 ");
	vx_imap_write_ranges(out, n->ranges, n->count);
	vx_buf_add_str(out, ")\r\n");
}

static uint32_t number(const struct imap_context *c, uint32_t uid)
{
	return c->by_uid ? uid : vx_snapshot_seq(c->snapshot, uid);
}

/* --- what is gone, before its EXPUNGE -------------------------------------------- */

/* VX_OK or VX_DATA */
static int lose_unsorted(
    struct imap_session *s, struct imap_context *c, struct vx_buf *out)
{
	while (c->gone.count > 0) {
		struct numbers n = { .count = 0 };

		if (imap_full(s, out))
			return VX_DATA;
		while (c->gone.count > 0 && !numbers_full(&n)) {
			const struct vx_uid_range r = imap_next_gone(s, &c->gone);
			uint32_t seq = vx_snapshot_seq(c->snapshot, r.first);
			const uint32_t last = vx_snapshot_seq(c->snapshot, r.last);

			/* with uids in a row, so are those that match among them */
			for (; seq <= last && !numbers_full(&n); seq++)
				if (bit(c->told, seq))
					numbers_add(&n,
					    number(c, vx_snapshot_uid(c->snapshot, seq)));
			if (seq <= last) { /* the rest comes with the next response */
				c->gone.count += last - seq + 1;
				c->gone.from = seq;
			}
		}
		if (n.count > 0)
			write_unsorted(s, c, "REMOVEFROM", &n, out);
	}
	return VX_OK;
}

/* Is what stands at this place of the order not to stay?  gone: as to the new snapshot. */
static bool leaves(const struct imap_session *s, const struct imap_context *c, size_t i)
{
	const struct vx_snapshot *fresh = s->view.sync.fresh;

	if (fresh != NULL)
		return vx_snapshot_seq(fresh, c->order[i]) == 0;
	return !bit(c->bits, vx_snapshot_seq(c->snapshot, c->order[i]));
}

/* One place and what stands from there on, in the order: "7 12,4:5". */
static void write_places(const struct imap_context *c, const uint32_t *order,
    size_t from, size_t to, bool first, struct vx_buf *out)
{
	struct numbers n = { .count = 0 };

	for (size_t i = from; i < to; i++)
		numbers_add(&n, number(c, order[i]));
	vx_buf_printf(out, "%s%zu ", first ? "" : " ", from + 1);
	vx_imap_write_ranges(out, n.ranges, n.count);
}

/*
 * From the last place down, so that each place is right when it is told; c->at places are
 * still to be looked at.  VX_OK or VX_DATA.
 */
static int remove_sorted(
    struct imap_session *s, struct imap_context *c, struct vx_buf *out)
{
	while (c->at > 0) {
		size_t told = 0;

		if (imap_full(s, out))
			return VX_DATA;
		for (size_t looked = 0; c->at > 0 && told < RANGES && looked < 4096;
		     looked++) {
			size_t from = c->at;

			while (from > 0 && c->at - from < RANGES - told &&
			       leaves(s, c, from - 1))
				from--;
			if (from == c->at) {
				c->at--;
				continue;
			}
			if (told == 0)
				open_response(s, c, "REMOVEFROM", out);
			write_places(c, c->order, from, c->at, told == 0, out);
			told += c->at - from;
			c->at = from;
		}
		if (told > 0)
			vx_buf_add_str(out, ")\r\n");
	}
	return VX_OK;
}

/* The order without those that were told to leave it. */
static void close_ranks(const struct imap_session *s, struct imap_context *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++)
		if (!leaves(s, c, i))
			c->order[kept++] = c->order[i];
	c->count = kept;
}

/* Go through the contexts of the session: the one at hand, or NULL at the end. */
static struct imap_context *context_at_hand(struct imap_session *s)
{
	struct imap_sync *y = &s->view.sync;

	if (y->context == NULL)
		y->context = &s->view.contexts;
	if (*y->context == NULL)
		y->context = NULL;
	return y->context == NULL ? NULL : *y->context;
}

static void next_context(struct imap_session *s)
{
	struct imap_context *const c = *s->view.sync.context;

	c->begun = false;
	s->view.sync.context = &c->next;
}

int imap_contexts_lose(struct imap_session *s, struct vx_buf *out)
{
	struct imap_context *c;

	if (s->view.sync.gone.count == 0)
		return VX_OK;
	for (; (c = context_at_hand(s)) != NULL; next_context(s)) {
		if (!c->begun) {
			c->gone = s->view.sync.gone;
			c->at = c->count;
			c->begun = true;
		}
		if ((c->sorted ? remove_sorted(s, c, out) : lose_unsorted(s, c, out)) !=
		    VX_OK)
			return VX_DATA;
		if (c->sorted)
			close_ranks(s, c);
	}
	return VX_OK;
}

/* --- looking, on the thread of a job --------------------------------------------- */

struct look {
	struct imap_arrangement a; /* its search is that of what changed */
	struct imap_context *c;    /* own, until the job is over */
	bool moved;                /* what was told is in bits of the new snapshot */
};

static void release(struct imap_task *t)
{
	struct look *l = t->data;

	imap_arrangement_done(&l->a);
	imap_context_free(l->c);
	vx_free(l);
}

/* What was told, by the numbers of the new snapshot; what is gone was told before. */
static int move(struct look *l)
{
	const struct vx_snapshot *from = l->c->snapshot, *to = l->a.q.snapshot;
	const uint32_t count = vx_snapshot_count(from);
	const size_t size = (size_t)vx_snapshot_count(to) / 8 + 1;
	unsigned char *told = vx_alloc(size);

	if (told == NULL)
		return VX_ENOMEM;
	if (count > 0 && vx_snapshot_rank(to, vx_snapshot_uid(from, count)) == count)
		memcpy(told, l->c->told, (size_t)count / 8 + 1);
	else
		for (uint32_t seq = 1; seq <= count; seq++) {
			const uint32_t now =
			    bit(l->c->told, seq)
				? vx_snapshot_seq(to, vx_snapshot_uid(from, seq))
				: 0;

			if (now != 0)
				set_bit(told, now);
		}
	vx_free(l->c->told);
	l->c->told = told;
	vx_snapshot_free(l->c->snapshot);
	l->c->snapshot = vx_snapshot_ref(l->a.q.snapshot);
	memcpy(l->a.q.bits, told, size);
	l->moved = true;
	return VX_OK;
}

/* The search touched only what changed: how many match now, first and last?  More? */
static bool count_matches(struct look *l)
{
	const uint32_t count = vx_snapshot_count(l->a.q.snapshot);
	struct imap_search *q = &l->a.q;
	bool more = false;

	q->found = q->first = q->last = 0;
	for (uint32_t seq = 1; seq <= count; seq++) {
		if (!bit(q->bits, seq))
			continue;
		q->first = q->first == 0 ? seq : q->first;
		q->last = seq;
		q->found++;
		more = more || !bit(l->c->told, seq);
	}
	return more;
}

static void run(struct vx_job *job)
{
	struct imap_task *t = imap_task_of(job);
	struct look *l = t->data;
	struct imap_search *q = &l->a.q;

	q->matcher.until_ms = vx_now_ms() + IMAP_SEARCH_MS;
	t->result = l->moved ? VX_OK : move(l);
	if (t->result != VX_OK)
		return;
	if (q->next != 0) {
		t->result = imap_search_slice(q, t);
		if (t->result != VX_OK || q->next != 0)
			return;
		if (count_matches(l) && l->c->sorted) /* else the order stays */
			l->a.collect = vx_snapshot_uid(q->snapshot, q->first);
	}
	if (l->a.collect == 0) {
		l->a.ended = true;
		return;
	}
	t->result = imap_arrange(&l->a, t);
}

/* --- and back -------------------------------------------------------------------- */

/* UIDs of the new order: as it was put in order, or what is left of the old one. */
static int new_order(struct imap_context *c, const struct imap_arrangement *a)
{
	if (a->order != NULL) {
		c->fresh = uids_of(c->snapshot, a->order, a->count);
		c->fresh_count = a->count;
		return c->fresh == NULL ? VX_ENOMEM : VX_OK;
	}
	c->fresh = vx_alloc_array(c->count + 1, sizeof(*c->fresh));
	if (c->fresh == NULL)
		return VX_ENOMEM;
	c->fresh_count = 0;
	for (size_t i = 0; i < c->count; i++)
		if (bit(c->bits, vx_snapshot_seq(c->snapshot, c->order[i])))
			c->fresh[c->fresh_count++] = c->order[i];
	return VX_OK;
}

/* New messages that match now, as ranges: those that the client wants items of. */
static void find_news(struct imap_session *s, struct imap_context *c)
{
	const struct imap_sync *y = &s->view.sync;
	struct vx_uid_range r = { 0 };

	vx_buf_reset(&c->news);
	for (size_t i = 0; i < y->fresh_count && c->items.count > 0; i++) {
		uint32_t seq =
		    vx_snapshot_rank(c->snapshot, y->fresh_uids[i].first - 1) + 1;
		const uint32_t last =
		    vx_snapshot_rank(c->snapshot, y->fresh_uids[i].last);

		for (; seq <= last; seq++) {
			if (!bit(c->bits, seq) || bit(c->told, seq))
				continue;
			r.first = r.last = vx_snapshot_uid(c->snapshot, seq);
			vx_buf_add(&c->news, vx_slice_of(&r, sizeof(r)));
		}
	}
}

/* The context is back in its place of the session's list. */
static int looked(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct look *l = t->data;
	struct imap_context *const c = l->c;

	if (t->result == VX_OK && !l->a.ended) {
		if (imap_submit_job_quiet(s, t, run) == VX_WAIT)
			return VX_WAIT;
		t->result = VX_ETEMP;
	}
	s->busy = IMAP_ANSWERING;
	l->c = NULL;
	c->next = *s->view.sync.context;
	*s->view.sync.context = c;
	if (t->result == VX_OK) {
		c->bits = l->a.q.bits;
		l->a.q.bits = NULL;
		c->modseq = vx_snapshot_status(c->snapshot)->highestmodseq;
		t->result = c->sorted ? new_order(c, &l->a) : VX_OK;
	}
	if (t->result != VX_OK || !has_room(s, c)) {
		drop(s->view.sync.context, out);
		return VX_OK;
	}
	find_news(s, c);
	next_context(s);
	return VX_OK;
}

/* The program, ready to run once more. */
static int make_ready(
    struct imap_session *s, struct look *l, struct imap_task *t, struct imap_context *c)
{
	struct imap_search *q = &l->a.q;
	struct vx_imap_key *key;
	int rc;

	l->a.service = s->service;
	l->a.by_uid = c->by_uid;
	l->a.program = c->program;
	t->data = l;
	t->release = release;
	rc = imap_search_init(q, &s->view);
	if (rc == VX_OK)
		rc = copy_keys(&t->arena, NULL, c->what.key, &key);
	if (rc != VX_OK)
		return rc;
	q->what = c->what;
	q->again = true;
	q->since = c->modseq;
	rc = imap_matcher_init(&q->matcher, s, &s->view, key, t);
	q->matcher.unasked = UNASKED;
	return rc == VX_OK && c->sorted ? imap_arrangement_ready(&l->a) : rc;
}

static int look(struct imap_session *s)
{
	struct imap_context **const at = s->view.sync.context, *const c = *at;
	struct imap_task *t = imap_task_new(s, looked);
	struct look *l = t == NULL ? NULL : vx_alloc(sizeof(*l));

	if (l == NULL || make_ready(s, l, t, c) != VX_OK) {
		imap_task_free(t);
		return VX_ENOMEM;
	}
	*at = c->next;
	l->c = c;
	return imap_submit_job_quiet(s, t, run);
}

int imap_contexts_look(struct imap_session *s, struct vx_buf *out)
{
	while (context_at_hand(s) != NULL) {
		const int rc = look(s);

		if (rc == VX_WAIT)
			return rc;
		drop(s->view.sync.context, out);
	}
	return VX_OK;
}

/* --- telling --------------------------------------------------------------------- */

int imap_contexts_news(struct imap_session *s, struct vx_buf *out)
{
	struct imap_context *c;

	for (; (c = context_at_hand(s)) != NULL; next_context(s)) {
		int rc = VX_OK;

		if (!c->fetching)
			c->fetching =
			    c->news.len > 0 && !c->news.failed &&
			    imap_fetch_begin(s, &c->items, (const void *)c->news.ptr,
				c->news.len / sizeof(struct vx_uid_range)) == VX_OK;
		if (c->fetching)
			rc = imap_fetch_step(s, out);
		if (rc != VX_OK)
			return rc;
		c->fetching = false;
		vx_buf_done(&c->news);
	}
	return VX_OK;
}

/* Numbers from c->at on with a bit in yes and none in no: VX_OK or VX_DATA. */
static int write_difference(struct imap_session *s, struct imap_context *c,
    const unsigned char *yes, const unsigned char *no, const char *word,
    struct vx_buf *out)
{
	const uint32_t count = vx_snapshot_count(c->snapshot);
	struct numbers n = { .count = 0 };

	while (c->at < count) {
		if ((c->at & 4095) == 0 && imap_full(s, out))
			break;
		if (c->at % 8 == 0 && (yes[c->at / 8] & ~no[c->at / 8]) == 0) {
			c->at += 8;
			continue;
		}
		c->at++;
		if (!bit(yes, (uint32_t)c->at) || bit(no, (uint32_t)c->at))
			continue;
		numbers_add(&n, number(c, vx_snapshot_uid(c->snapshot, (uint32_t)c->at)));
		if (numbers_full(&n)) {
			write_unsorted(s, c, word, &n, out);
			n.count = 0;
			if (imap_full(s, out))
				break;
		}
	}
	if (n.count > 0)
		write_unsorted(s, c, word, &n, out);
	return c->at < count ? VX_DATA : VX_OK;
}

/* Upwards, so that each place is right when it is told; from place c->at on. */
static int add_sorted(struct imap_session *s, struct imap_context *c, struct vx_buf *out)
{
	while (c->at < c->fresh_count) {
		size_t told = 0;

		if (imap_full(s, out))
			return VX_DATA;
		for (size_t looked = 0;
		     c->at < c->fresh_count && told < RANGES && looked < 4096; looked++) {
			size_t to = c->at;

			while (to < c->fresh_count && to - c->at < RANGES - told &&
			       !bit(c->told, vx_snapshot_seq(c->snapshot, c->fresh[to])))
				to++;
			if (to == c->at) {
				c->at++;
				continue;
			}
			if (told == 0)
				open_response(s, c, "ADDTO", out);
			write_places(c, c->fresh, c->at, to, told == 0, out);
			told += to - c->at;
			c->at = to;
		}
		if (told > 0)
			vx_buf_add_str(out, ")\r\n");
	}
	return VX_OK;
}

static int tell_removed(struct imap_session *s, struct imap_context *c, struct vx_buf *out)
{
	return c->sorted ? remove_sorted(s, c, out)
			 : write_difference(s, c, c->told, c->bits, "REMOVEFROM", out);
}

static int tell_added(struct imap_session *s, struct imap_context *c, struct vx_buf *out)
{
	return c->sorted ? add_sorted(s, c, out)
			 : write_difference(s, c, c->bits, c->told, "ADDTO", out);
}

/* The client knows all there is. */
static void settle(struct imap_context *c)
{
	vx_free(c->told);
	c->told = c->bits;
	c->bits = NULL;
	vx_free(c->order);
	c->order = c->fresh;
	c->count = c->fresh_count;
	c->fresh_count = 0;
	c->fresh = NULL;
}

int imap_contexts_tell(struct imap_session *s, struct vx_buf *out)
{
	struct imap_context *c;

	for (; (c = context_at_hand(s)) != NULL; next_context(s)) {
		if (!c->begun) {
			c->begun = true;
			c->adding = false;
			c->at = c->sorted ? c->count : 0;
		}
		if (!c->adding) {
			if (tell_removed(s, c, out) != VX_OK)
				return VX_DATA;
			c->adding = true;
			c->at = 0;
		}
		if (tell_added(s, c, out) != VX_OK)
			return VX_DATA;
		settle(c);
	}
	return VX_OK;
}
