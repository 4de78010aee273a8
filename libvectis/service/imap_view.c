/* The selected mailbox as its client knows it, and how it learns what changed. */
#include "base/mem.h"
#include "service/imap_context.h"

#include <stdlib.h>

static void on_change(struct vx_watch *w)
{
	struct imap_session *s =
	    (struct imap_session *)(void *)((char *)w -
					    offsetof(struct imap_session, view.watch));

	s->view.changed = true;
	if (s->busy == IMAP_IDLING || (s->notify != NULL && s->busy == IMAP_IDLE_NOT))
		s->base.host->wake(s->base.host);
}

void imap_view_own(
    struct imap_session *s, uint32_t account, uint32_t mailbox, struct vx_uid_range uids)
{
	struct imap_view *v = &s->view;

	if (v->snapshot != NULL && v->account == account && v->mailbox == mailbox &&
	    v->own_count < IMAP_OWN_MAX)
		v->own[v->own_count++] = uids;
}

void imap_view_close(struct imap_session *s)
{
	if (s->view.snapshot == NULL)
		return;
	vx_watch_remove(s->service->o.store, &s->view.watch);
	vx_snapshot_free(s->view.snapshot);
	vx_snapshot_free(s->view.sync.fresh);
	vx_free(s->view.saved);
	imap_contexts_free(s->view.contexts);
	s->view = (struct imap_view){ 0 };
	if (s->state == IMAP_SELECTED)
		s->state = IMAP_AUTH;
}

/* --- SELECT ---------------------------------------------------------------------- */

static void write_flag_lists(struct imap_session *s, struct vx_buf *out)
{
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_view *v;
	uint64_t known = VX_FLAG_SYSTEM;
	bool room = false;

	if (vx_view_begin(s->service->o.store, &v) != VX_OK)
		return;
	if (vx_mailbox_keywords(v, s->view.account, s->view.mailbox, names) == VX_OK)
		for (unsigned i = 0; i < VX_KEYWORDS_MAX; i++) {
			if (names[i].len > 0)
				known |= (uint64_t)1 << (VX_KEYWORD_FIRST + i);
			else
				room = true;
		}
	vx_buf_add_str(out, "* FLAGS ");
	vx_imap_write_flags(out, known, names);
	vx_buf_add_str(out, "\r\n* OK [PERMANENTFLAGS ");
	known &= imap_flag_mask(s->view.rights);
	room = room && (s->view.rights & VX_RIGHT_WRITE) != 0;
	if (s->view.read_only) {
		vx_buf_add_str(out, "()");
	} else {
		vx_imap_write_flags(out, known, names);
		vx_buf_truncate(out, out->len - 1);
		vx_buf_add_str(out, !room ? ")" : known != 0 ? " \\*)" : "\\*)");
	}
	vx_buf_add_str(out, "] these can be set\r\n");
	vx_view_end(v);
}

/* What SELECT still has to write. */
struct opening {
	vx_slice name, asked; /* as the store has it, as the client wrote it */
	uint32_t next;        /* UID from where the first unseen message is looked for */
	uint32_t unseen;      /* its number, for RFC 3501's UNSEEN */
	struct vx_imap_select how;
	bool told; /* all but what QRESYNC asks for */
	struct imap_vanished vanished;
	struct imap_flag_walk flags;
};

/* Look on for the first message without \Seen: VX_OK, or VX_DATA. */
static int find_unseen(struct imap_session *s, struct opening *o, struct vx_buf *out)
{
	struct vx_record records[IMAP_BATCH];

	while (o->next != 0 && o->unseen == 0) {
		const struct vx_record_query q = { .account = s->view.account,
			.mailbox = s->view.mailbox,
			.first_uid = o->next,
			.last_uid = UINT32_MAX };
		struct vx_view *v;
		size_t count = 0;
		int rc;

		if (imap_full(s, out))
			return VX_DATA;
		rc = vx_view_begin(s->service->o.store, &v);
		if (rc == VX_OK) {
			rc =
			    vx_records_read(v, &q, records, IMAP_BATCH, &count, &o->next);
			vx_view_end(v);
		}
		if (rc != VX_OK)
			return VX_OK; /* it is a hint only */
		for (size_t i = 0; i < count && o->unseen == 0; i++)
			if ((records[i].flags & VX_FLAG_SEEN) == 0)
				o->unseen =
				    vx_snapshot_seq(s->view.snapshot, records[i].uid);
	}
	return VX_OK;
}

/* QRESYNC: what went, then what changed, of the UIDs that the client knows. */
static int resync_begin(struct imap_session *s, struct opening *o)
{
	const struct vx_imap_select *h = &o->how;
	const uint32_t floor = h->has_match ? imap_vanished_floor(s, h->match) : 0;
	const int rc = imap_vanished_begin(
	    s, &o->vanished, h->has_known ? &h->known : NULL, h->modseq, floor);

	o->flags = (struct imap_flag_walk){ .ranges = o->vanished.known,
		.count = o->vanished.known_count,
		.since = h->modseq,
		.with_uid = true };
	return rc;
}

static int resync(struct imap_session *s, struct opening *o, struct vx_buf *out)
{
	const int rc = imap_vanished_write(s, &o->vanished, out);

	return rc == VX_OK ? imap_flag_walk(s, &o->flags, out) : rc;
}

static void opening_release(void *state)
{
	struct opening *o = state;

	imap_vanished_done(&o->vanished);
}

static int write_opening(struct imap_session *s, struct vx_buf *out)
{
	const struct vx_mailbox_status *st = vx_snapshot_status(s->view.snapshot);
	struct opening *o = s->answer.state;
	const bool rev2 = s->enabled[IMAP_REV2];

	if (o->told)
		return resync(s, o, out);
	if (find_unseen(s, o, out) != VX_OK)
		return VX_DATA;
	vx_buf_printf(out, "* %u EXISTS\r\n", vx_snapshot_count(s->view.snapshot));
	if (!rev2)
		vx_buf_add_str(out, "* 0 RECENT\r\n");
	if (o->unseen > 0)
		vx_buf_printf(out, "* OK [UNSEEN %u] the first unseen\r\n", o->unseen);
	write_flag_lists(s, out);
	vx_buf_printf(out,
	    "* OK [UIDVALIDITY %u] UIDs are valid\r\n* OK [UIDNEXT %u] the next UID\r\n"
	    "* OK [HIGHESTMODSEQ %llu] the newest change\r\n",
	    st->uidvalidity, st->uidnext, (unsigned long long)st->highestmodseq);
	vx_buf_add_str(out, "* OK [MAILBOXID (");
	vx_imap_write_mailbox_id(out, s->view.account, s->view.mailbox);
	vx_buf_add_str(out, ")] the mailbox\r\n");
	if (rev2)
		imap_list_selected(s, o->name, o->asked, out);
	if (!o->how.qresync || o->how.uidvalidity != st->uidvalidity)
		return VX_OK;
	o->told = true;
	s->answer.result = resync_begin(s, o);
	return s->answer.result == VX_OK ? resync(s, o, out) : VX_OK;
}

/* Without any of these a mailbox opens read-only (RFC 4314 5.2). */
#define CHANGES                                                                          \
	(VX_RIGHT_INSERT | VX_RIGHT_EXPUNGE | VX_RIGHT_SEEN | VX_RIGHT_DELETED |         \
	    VX_RIGHT_WRITE)

/* The mailbox of a name, and how it is called. */
static int reach(
    struct imap_session *s, vx_slice name, struct imap_place *p, vx_slice *shown)
{
	struct vx_mailbox_info info;
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = imap_reach_in(s, v, name, VX_RIGHT_READ, p);
	if (rc == VX_OK)
		rc = vx_mailbox_get(v, p->account, p->mailbox, &info);
	if (rc == VX_OK)
		rc = imap_shown_name(s, v, &s->arena, &info, shown);
	vx_view_end(v);
	return rc;
}

static int select_mailbox(struct imap_session *s, vx_slice name, bool read_only,
    struct opening *o, struct vx_buf *out)
{
	const struct vx_mailbox_status *st;
	struct vx_snapshot *snapshot;
	struct imap_place p;
	vx_slice found = { 0 };
	int rc = reach(s, name, &p, &found);

	if (s->view.snapshot != NULL) {
		imap_view_close(s);
		vx_buf_add_str(out, "* OK [CLOSED] the other mailbox is closed\r\n");
	}
	if (rc == VX_OK)
		rc = vx_snapshot_take(
		    s->service->o.store, p.account, p.mailbox, &snapshot);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	st = vx_snapshot_status(snapshot);
	s->view.account = p.account;
	s->view.mailbox = p.mailbox;
	s->view.rights = p.rights;
	s->view.snapshot = snapshot;
	read_only = read_only || (p.rights & CHANGES) == 0;
	s->view.read_only = read_only;
	s->view.seen_modseq = s->view.told_modseq = st->highestmodseq;
	s->view.watch.changed = on_change;
	(void)vx_watch_add(s->service->o.store, &s->view.watch, p.account, p.mailbox);
	s->state = IMAP_SELECTED;
	o->name = found;
	o->asked = name;
	o->next =
	    s->enabled[IMAP_REV2] || s->enabled[IMAP_UIDONLY] || st->unseen == 0 ? 0 : 1;
	return imap_answer(
	    s, &(struct imap_answer){ .body = write_opening,
		   .state = o,
		   .release = opening_release,
		   .ok = read_only ? "[READ-ONLY] selected" : "[READ-WRITE] selected" });
}

static int cmd_open(
    struct imap_session *s, struct vx_cursor *c, struct vx_buf *out, bool read_only)
{
	struct opening *o = vx_arena_alloc(&s->arena, sizeof(*o));
	vx_slice name;

	if (o == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name))
		return imap_bad(s, out, "a mailbox is expected");
	if (!vx_imap_select_params(c, &s->arena, &o->how))
		return imap_bad(s, out, "the parameters are not understood");
	if (o->how.qresync && !s->enabled[IMAP_QRESYNC])
		return imap_bad(s, out, "QRESYNC has to be enabled first");
	if (o->how.has_match && s->enabled[IMAP_UIDONLY])
		return imap_uid_required(s, out);
	s->enabled[IMAP_CONDSTORE] = s->enabled[IMAP_CONDSTORE] || o->how.condstore;
	return select_mailbox(s, name, read_only, o, out);
}

int imap_cmd_select(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return cmd_open(s, c, out, false);
}

int imap_cmd_examine(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return cmd_open(s, c, out, true);
}

int imap_cmd_unselect(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	imap_view_close(s);
	return imap_ok(s, out, "unselected");
}

int imap_cmd_check(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	(void)out;
	return imap_done(s, VX_OK, "done");
}

/* --- sets ------------------------------------------------------------------------ */

/* A number of the set: '*' is the largest there is. */
static uint32_t number_of(const struct imap_view *v, uint32_t n, bool by_uid)
{
	const uint32_t count = vx_snapshot_count(v->snapshot);

	if (n != 0)
		return n;
	return by_uid ? vx_snapshot_uid(v->snapshot, count) : count;
}

static int cmp_range(const void *a, const void *b)
{
	const uint32_t x = ((const struct vx_uid_range *)a)->first,
		       y = ((const struct vx_uid_range *)b)->first;

	return (x > y) - (x < y);
}

void imap_merge_ranges(struct vx_uid_range *r, size_t *count)
{
	const size_t n = *count;
	size_t merged = 0;

	if (n > 0)
		qsort(r, n, sizeof(*r), cmp_range);
	for (size_t i = 0; i < n; i++) {
		if (merged == 0 || r[i].first > r[merged - 1].last)
			r[merged++] = r[i];
		else if (r[i].last > r[merged - 1].last)
			r[merged - 1].last = r[i].last;
	}
	*count = merged;
}

/* One range of the set; VX_ENOENT: it names nothing; VX_EINVAL: no such message. */
static int resolve_range(const struct imap_view *v, const struct vx_imap_range *in,
    enum imap_set_kind kind, struct vx_uid_range *out)
{
	const struct vx_snapshot *snap = v->snapshot;
	const uint32_t count = vx_snapshot_count(snap);
	const bool by_uid = kind == IMAP_SET_UIDS;
	const uint32_t last = by_uid ? vx_snapshot_uid(snap, count) : count;
	const uint32_t a = number_of(v, in->first, by_uid);
	const uint32_t b = number_of(v, in->last, by_uid);
	const uint32_t low = a < b ? a : b, high = a < b ? b : a;

	/* clients ask an empty mailbox for 1:*, and it holds none of these */
	if (!by_uid && count == 0 && low == 0 && high == 1)
		return VX_ENOENT;
	if (kind == IMAP_SET_NUMBERS && (low == 0 || high > last))
		return VX_EINVAL; /* RFC 9051 9: seq-number */
	if (low == 0 || low > last)
		return VX_ENOENT;
	/* what came after the client was told is not there for it */
	out->first = by_uid ? low : vx_snapshot_uid(snap, low);
	out->last = high >= last ? vx_snapshot_uid(snap, count)
		    : by_uid     ? high
				 : vx_snapshot_uid(snap, high);
	return VX_OK;
}

int imap_view_resolve(const struct imap_view *v, const struct vx_imap_set *set,
    enum imap_set_kind kind, struct vx_arena *arena, struct vx_uid_range **out,
    size_t *count)
{
	const size_t cap = set->saved ? v->saved_count : set->count;
	struct vx_uid_range *r = vx_arena_array(arena, cap + 1, sizeof(*r));
	size_t n = 0;

	if (r == NULL)
		return VX_ELIMIT;
	if (set->saved) {
		if (cap > 0)
			memcpy(r, v->saved, cap * sizeof(*r));
		n = cap;
	}
	for (size_t i = 0; i < cap && !set->saved; i++) {
		const int rc = resolve_range(v, &set->ranges[i], kind, &r[n]);

		if (rc == VX_EINVAL)
			return rc;
		n += rc == VX_OK;
	}
	imap_merge_ranges(r, &n);
	*count = n;
	*out = r;
	return VX_OK;
}

uint32_t imap_view_count(
    const struct imap_session *s, const struct vx_uid_range *ranges, size_t count)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += vx_snapshot_rank(s->view.snapshot, ranges[i].last) -
		       vx_snapshot_rank(s->view.snapshot, ranges[i].first - 1);
	return sum;
}

int imap_some_are_gone(struct imap_session *s, struct vx_buf *out)
{
	return imap_no(s, out, "[EXPUNGEISSUED] some of the messages are gone");
}

int imap_view_set(struct imap_session *s, struct vx_cursor *c, struct vx_arena *arena,
    struct vx_buf *out, struct vx_uid_range **ranges, size_t *count)
{
	struct vx_imap_set set;
	int rc;

	if (!vx_imap_sp(c) || !vx_imap_sequence_set(c, &s->arena, &set)) {
		(void)imap_bad(s, out, "a set of messages is expected");
		return VX_DONE;
	}
	rc = imap_view_resolve(&s->view, &set,
	    s->by_uid ? IMAP_SET_UIDS : IMAP_SET_NUMBERS, arena, ranges, count);
	if (rc == VX_EINVAL)
		(void)imap_bad(s, out, "there are not so many messages");
	else if (rc != VX_OK)
		(void)imap_result(s, out, rc, "");
	return rc == VX_OK ? VX_OK : VX_DONE;
}

int imap_write_uids(struct imap_session *s, struct vx_buf *out,
    const struct vx_uid_range *ranges, size_t count, size_t *at, bool as_uids)
{
	const struct vx_snapshot *snap = s->view.snapshot;

	for (; *at < count; (*at)++) {
		const struct vx_uid_range *r = &ranges[*at];
		const uint32_t first =
		    as_uids ? r->first : vx_snapshot_rank(snap, r->first - 1) + 1;
		const uint32_t last = as_uids ? r->last : vx_snapshot_rank(snap, r->last);

		if (imap_full(s, out))
			return VX_DATA;
		if (last < first)
			continue;
		if (*at > 0)
			vx_buf_add_char(out, ',');
		vx_imap_write_ranges(out, &(struct vx_uid_range){ first, last }, 1);
	}
	return VX_OK;
}
