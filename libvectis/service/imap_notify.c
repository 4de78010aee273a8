/*
 * NOTIFY (RFC 5465): what a session wants to hear of, and telling it.
 *
 * A watch on the account says which mailbox changed; what was told of each mailbox is in
 * a table, and what differs from it is told.  However much happens while a client does
 * not read, there is one difference a mailbox: nothing piles up.
 */
#include "service/imap_notify.h"

#include "service/imap_entries.h"
#include "service/imap_filter.h"
#include "service/imap_list.h"
#include "service/imap_notify_table.h"

#include "base/mem.h"

#include <stdlib.h>

#define DIRTY_MAX 16 /* mailboxes that are looked at by themselves */
#define OWN_MAX 4    /* changes of names by this session that are not told */
#define NAMES_OCTETS_MAX ((size_t)1 << 20)
#define ARENA_OCTETS_MAX ((size_t)256 << 10)
#define SHARED_OCTETS_MAX ((size_t)2 << 20) /* of the names that others share */
#define ENTRIES_OCTETS_MAX ((size_t)1 << 20) /* of all mailboxes' annotations */

enum { /* what is to be told of an entry */
	TELL_CREATED = 1,
	TELL_RENAMED = 2,
	TELL_SUBSCRIPTION = 4,
	TELL_GONE = 8,
	TELL_METADATA = 16,
};

struct own { /* a change of this session */
	enum vx_mailbox_verb verb;
	uint32_t account, mailbox;
	vx_slice name, new_name; /* as its owner calls it; behind it */
};

struct watched {
	struct vx_watch watch;
	struct imap_notify *n;
};

struct imap_notify {
	struct imap_session *s;
	struct vx_arena arena;
	struct vx_notify what;
	const struct vx_notify_group *selected; /* NULL: none */
	struct watched account; /* the session's own */
	struct watched *others; /* own: mailboxes of others */
	size_t other_count;
	struct {
		uint32_t account, mailbox;
	} dirty[DIRTY_MAX];
	size_t dirty_count;
	bool all_dirty, names_dirty;
	enum {
		QUIET,
		BUILD,
		TELL_OLD,
		TELL_NOW
	} phase;
	bool first; /* nothing was told yet: the tables are built for the first time */
	struct imap_table now, old;
	struct imap_entries server; /* own */
	bool server_dirty;
	size_t entries_octets; /* of all of them */
	char after[VX_MAILBOX_NAME_MAX];
	size_t after_len;
	struct imap_shared shared; /* what others share, while the table is built */
	struct vx_arena shared_arena;
	size_t at;
	struct own *own[OWN_MAX]; /* own */
	size_t own_count;
};

/* --- what is wanted -------------------------------------------------------------- */

static unsigned wanted(const struct imap_notify *n, vx_slice name, bool subscribed)
{
	unsigned events = 0;

	for (size_t i = 0; i < n->what.count; i++)
		if (imap_filter_covers(&n->what.groups[i], name, subscribed))
			events |= n->what.groups[i].events;
	return events;
}

bool imap_notify_selected(const struct imap_session *s)
{
	const struct imap_notify *n = s->notify;

	return n == NULL || (n->selected != NULL && n->selected->events != 0);
}

bool imap_notify_flags(const struct imap_session *s)
{
	const struct imap_notify *n = s->notify;

	return n == NULL ||
	       (n->selected != NULL && (n->selected->events & VX_EVENT_FLAGS) != 0);
}

const struct vx_imap_fetch *imap_notify_fetch(const struct imap_session *s)
{
	const struct imap_notify *n = s->notify;

	return n != NULL && n->selected != NULL && n->selected->has_fetch
		   ? &n->selected->fetch
		   : NULL;
}

bool imap_notify_pending(const struct imap_session *s)
{
	const struct imap_notify *n = s->notify;

	if (n == NULL)
		return false;
	return n->phase != QUIET || n->names_dirty || n->all_dirty ||
	       n->dirty_count > 0 ||
	       (s->view.snapshot != NULL && s->view.changed && imap_notify_selected(s));
}

/* --- looking --------------------------------------------------------------------- */

static void set_dirty(struct imap_notify *n, uint32_t account, uint32_t mailbox)
{
	size_t i = 0;

	while (i < n->dirty_count &&
	       (n->dirty[i].account != account || n->dirty[i].mailbox != mailbox))
		i++;
	if (i == DIRTY_MAX) {
		n->all_dirty = true;
	} else if (i == n->dirty_count) {
		n->dirty[i].account = account;
		n->dirty[i].mailbox = mailbox;
		n->dirty_count++;
	}
}

static void on_change(struct vx_watch *w)
{
	struct imap_notify *n = ((struct watched *)(void *)w)->n;
	struct imap_session *s = n->s;

	if (w->which == 0)
		n->names_dirty = true;
	else
		set_dirty(n, w->account, w->which);
	if (s->busy == IMAP_IDLING || s->busy == IMAP_IDLE_NOT)
		s->base.host->wake(s->base.host);
}

/* It is told of otherwise. */
static bool is_selected(const struct imap_notify *n, const struct imap_entry *e)
{
	const struct imap_session *s = n->s;

	return s->view.snapshot != NULL && s->view.account == e->account &&
	       s->view.mailbox == e->mailbox;
}

/* Which items of a mailbox's status are to be told, now that it is st. */
static unsigned differs(const struct imap_session *s, const struct imap_entry *e,
    const struct vx_mailbox_status *st, unsigned events)
{
	const bool aware = s->enabled[IMAP_CONDSTORE];
	const unsigned modseq = aware ? IMAP_STATUS_MODSEQ : 0;
	unsigned items = 0;

	if ((events & VX_EVENT_NEW) != 0 &&
	    (e->uidnext != st->uidnext || e->messages != st->messages))
		items = IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT |
			IMAP_STATUS_UIDVALIDITY | modseq;
	if ((events & VX_EVENT_FLAGS) == 0 || e->modseq == st->highestmodseq)
		return items;
	if (e->unseen != st->unseen)
		items |= IMAP_STATUS_UNSEEN | IMAP_STATUS_UIDVALIDITY;
	if (aware || e->uidvalidity != st->uidvalidity)
		items |= IMAP_STATUS_UIDVALIDITY | modseq;
	return items;
}

static void look_at(struct imap_notify *n, struct vx_view *v, struct imap_entry *e)
{
	const struct imap_session *s = n->s;
	struct vx_mailbox_status st;

	if (e->mailbox == 0 || !e->readable ||
	    vx_mailbox_status(v, e->account, e->mailbox, &st) != VX_OK)
		return;
	if (!is_selected(n, e))
		e->status |=
		    differs(s, e, &st, wanted(n, imap_table_name(&n->now, e), e->subscribed));
	e->tell |= TELL_METADATA; /* private ones change nothing else */
	imap_entry_take_status(e, &st);
}

/* Those that changed, or all of them: VX_OK, or VX_DATA. */
static int look(struct imap_notify *n, struct vx_buf *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(n->s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < n->dirty_count && !n->all_dirty; i++) {
		struct imap_entry *e = imap_table_find_id(&n->now, n->dirty[i].account, n->dirty[i].mailbox);

		if (e != NULL)
			look_at(n, v, e);
	}
	n->dirty_count = 0;
	for (; n->all_dirty && n->at < n->now.count; n->at++) {
		if (imap_full(n->s, out)) {
			rc = VX_DATA;
			break;
		}
		look_at(n, v, &n->now.e[n->at]);
	}
	vx_view_end(v);
	if (rc == VX_OK) {
		n->all_dirty = false;
		n->at = 0;
	}
	return rc;
}

/* --- names ----------------------------------------------------------------------- */

/* May a group cover what others share? */
static bool wants_others(const struct imap_notify *n)
{
	for (size_t i = 0; i < n->what.count; i++) {
		const struct vx_notify_group *g = &n->what.groups[i];

		if (g->filter == VX_NOTIFY_SUBSCRIBED)
			return true;
		for (size_t k = 0; k < g->count; k++)
			if (imap_name_is_others(g->names[k]))
				return true;
	}
	return false;
}

static int add_with_status(
    struct imap_notify *n, struct vx_view *v, const struct vx_mailbox_info *m)
{
	struct vx_mailbox_status st;
	const int rc = imap_table_add(&n->now, m);
	struct imap_entry *e = &n->now.e[n->now.count - 1];

	if (rc != VX_OK || m->mailbox == 0)
		return rc;
	if (m->account != n->s->who.account)
		e->readable = (imap_rights(n->s, v, m->account, m->mailbox) &
				  VX_RIGHT_READ) != 0;
	if (e->readable && vx_mailbox_status(v, m->account, m->mailbox, &st) == VX_OK)
		imap_entry_take_status(e, &st);
	return VX_OK;
}

/* What others share stands between names of the account's own. */
static int add_others(struct imap_notify *n, struct vx_view *v)
{
	int rc = VX_OK;

	for (; n->shared.at < n->shared.count && rc == VX_OK; n->shared.at++) {
		const struct imap_shared_name *name = &n->shared.names[n->shared.at];
		const struct vx_mailbox_info m = { .account = name->owner != 0
							      ? name->owner
							      : n->s->who.account,
			.mailbox = name->mailbox,
			.name = name->name,
			.subscribed = name->subscribed };

		rc = add_with_status(n, v, &m);
	}
	return rc;
}

static int build_some(struct imap_notify *n, struct vx_view *v, struct vx_buf *out)
{
	struct vx_mailbox_info m;
	int rc = VX_OK;

	if (wants_others(n) && !n->shared.gathered)
		rc = imap_shared_gather(n->s, v, &n->shared, out);
	while (rc == VX_OK && vx_mailbox_next(v, n->s->who.account,
				  vx_slice_of(n->after, n->after_len), &m) == VX_OK) {
		if (imap_full(n->s, out))
			return VX_DATA;
		m.account = n->s->who.account;
		if (vx_slice_cmp(m.name, VX_S(IMAP_OTHERS "/")) > 0)
			rc = add_others(n, v);
		/* a name of others that is subscribed to is among them */
		if (rc == VX_OK && !(n->shared.gathered && imap_name_is_others(m.name)))
			rc = add_with_status(n, v, &m);
		memcpy(n->after, m.name.ptr, m.name.len);
		n->after_len = m.name.len;
	}
	return rc == VX_OK ? add_others(n, v) : rc;
}

/* All mailboxes and their status, in steps: VX_OK, VX_DATA, VX_ELIMIT. */
static int build(struct imap_notify *n, struct vx_buf *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(n->s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = build_some(n, v, out);
	vx_view_end(v);
	return rc;
}

/* "Other Users/bob@example.org/Plans": what bob calls it. */
static vx_slice owners_name(vx_slice name)
{
	vx_slice rest;

	if (!imap_name_is_others(name))
		return name;
	rest = vx_slice_from(name, sizeof(IMAP_OTHERS));
	return vx_slice_from(rest, vx_slice_find(rest, '/') + 1);
}

/* Was it this session itself?  Then it knows. */
static bool is_own(const struct imap_notify *n, enum vx_mailbox_verb verb,
    const struct imap_entry *e, vx_slice name, vx_slice new_name)
{
	for (size_t i = 0; i < n->own_count; i++) {
		const struct own *o = n->own[i];

		if (o->verb == verb && o->account == e->account &&
		    (verb == VX_MAILBOX_CREATE
			    ? o->mailbox == e->mailbox
			    : vx_slice_eq(o->name, owners_name(name))) &&
		    (verb != VX_MAILBOX_RENAME ||
			vx_slice_eq(o->new_name, owners_name(new_name))))
			return true;
	}
	return false;
}

/* A subscription is the account's own, whoever owns the mailbox. */
static bool is_own_subscription(
    const struct imap_notify *n, bool subscribed, vx_slice name)
{
	for (size_t i = 0; i < n->own_count; i++)
		if (n->own[i]->verb == (subscribed ? VX_MAILBOX_SUBSCRIBE
						   : VX_MAILBOX_UNSUBSCRIBE) &&
		    vx_slice_eq(n->own[i]->name, name))
			return true;
	return false;
}

/* Did its parent take it along?  Then that says it all (RFC 5465 5.4). */
static bool went_along(const struct imap_notify *n, vx_slice was, vx_slice is)
{
	const size_t a = vx_slice_rfind(was, '/'), b = vx_slice_rfind(is, '/');
	const struct imap_entry *parent, *before;

	if (a == was.len || b == is.len ||
	    !vx_slice_eq(vx_slice_from(was, a), vx_slice_from(is, b)))
		return false;
	parent = imap_table_find(&n->now, vx_slice_head(is, b));
	before = imap_table_find(&n->old, vx_slice_head(was, a));
	return parent != NULL && before != NULL && parent->mailbox != 0 &&
	       parent->mailbox == before->mailbox && parent->account == before->account;
}

static void match_ids(struct imap_notify *n, struct imap_entry **old, struct imap_entry **now)
{
	size_t k = 0;

	for (size_t i = 0; i < n->old.count; i++) {
		struct imap_entry *o = old[i];

		while (k < n->now.count && imap_entry_cmp(now[k], o) < 0)
			k++;
		if (o->mailbox == 0)
			continue;
		if (k < n->now.count && imap_entry_cmp(now[k], o) == 0)
			now[k]->before = 1 + (uint32_t)(o - n->old.e);
		else if (!is_own(n, VX_MAILBOX_DELETE, o, imap_table_name(&n->old, o), VX_S("")))
			o->tell |= TELL_GONE;
	}
}

/* What became of the names, and of the messages of those that were there. */
static void compare_entry(struct imap_notify *n, struct imap_entry *e)
{
	const vx_slice name = imap_table_name(&n->now, e);
	const struct imap_entry *same = imap_table_find(&n->old, name);
	struct imap_entry *o = e->before == 0 ? NULL : &n->old.e[e->before - 1];

	if (e->mailbox != 0 && o == NULL) {
		if (!is_own(n, VX_MAILBOX_CREATE, e, name, VX_S("")))
			e->tell |= TELL_CREATED;
	} else if (o != NULL) {
		const vx_slice was = imap_table_name(&n->old, o);

		if (!vx_slice_eq(was, name) && !went_along(n, was, name) &&
		    !is_own(n, VX_MAILBOX_RENAME, e, was, name))
			e->tell |= TELL_RENAMED;
	}
	if ((same != NULL && same->subscribed) != e->subscribed &&
	    !is_own_subscription(n, e->subscribed, name))
		e->tell |= TELL_SUBSCRIPTION;
	if (o != NULL) {
		e->entries = o->entries;
		o->entries = (struct imap_entries){ 0 };
	}
	if (e->mailbox != 0) { /* against what was told of it, or of that name */
		e->tell |= TELL_METADATA;
		const struct vx_mailbox_status st = { .uidvalidity = e->uidvalidity,
			.uidnext = e->uidnext,
			.highestmodseq = e->modseq,
			.messages = e->messages,
			.unseen = e->unseen };
		const struct imap_entry none = {
			.uidnext = 1, .modseq = e->modseq, .uidvalidity = e->uidvalidity
		};
		const struct imap_entry *told = o != NULL ? o : same != NULL ? same : &none;

		if (e->readable && !is_selected(n, e))
			e->status |=
			    differs(n->s, told, &st, wanted(n, name, e->subscribed));
	}
}

static int compare(struct imap_notify *n)
{
	struct imap_entry **old = imap_table_by_place(&n->old), **now = imap_table_by_place(&n->now);
	int rc = old == NULL || now == NULL ? VX_ENOMEM : VX_OK;

	if (rc == VX_OK)
		match_ids(n, old, now);
	vx_free(old);
	vx_free(now);
	for (size_t i = 0; i < n->now.count && rc == VX_OK; i++)
		compare_entry(n, &n->now.e[i]);
	for (size_t i = 0; i < n->old.count && rc == VX_OK; i++) {
		struct imap_entry *o = &n->old.e[i];
		const vx_slice name = imap_table_name(&n->old, o);
		const struct imap_entry *e = imap_table_find(&n->now, name);

		if (e != NULL && e->mailbox != 0)
			o->tell &= (uint8_t)~TELL_GONE; /* there is another */
		if (e == NULL && o->subscribed &&
		    !is_own_subscription(n, false, name))
			o->tell |= TELL_SUBSCRIPTION;
	}
	n->entries_octets = n->server.len; /* without those of what is gone */
	for (size_t i = 0; i < n->now.count; i++)
		n->entries_octets += n->now.e[i].entries.len;
	while (n->own_count > 0)
		vx_free(n->own[--n->own_count]);
	return rc;
}

/* --- telling --------------------------------------------------------------------- */

static void tell_list(struct imap_notify *n, struct vx_view *v, vx_slice name,
    vx_slice was, struct vx_buf *out)
{
	struct imap_session *s = n->s;
	const struct imap_entry *e = imap_table_find(&n->now, name);
	const bool subscribed = e != NULL && e->subscribed;
	struct vx_mailbox_info m;

	if (imap_name_is_others(name)) {
		const struct imap_list_about about = { .was = was,
			.children = imap_table_has_below(&n->now, name) };

		return imap_shared_event(s, v, name, subscribed, &about, out);
	}
	if (vx_mailbox_find(v, s->who.account, name, &m) != VX_OK)
		m = (struct vx_mailbox_info){ .account = s->who.account,
			.name = name,
			.subscribed = subscribed };
	imap_list_event(s, v, &m, was, out);
}

/*
 * The level above what came or went is concerned, too.  Above the first level of what
 * somebody shares there is no mailbox.
 */
static void tell_parent(
    struct imap_notify *n, struct vx_view *v, vx_slice name, struct vx_buf *out)
{
	const size_t last = vx_slice_rfind(name, '/');
	const vx_slice above = vx_slice_head(name, last);
	const struct imap_entry *e = imap_table_find(&n->now, above);

	if (imap_name_is_others(above) && (e == NULL || e->mailbox == 0))
		return;
	if (last < name.len &&
	    (wanted(n, above, e != NULL && e->subscribed) & VX_EVENT_NAME) != 0 &&
	    (e == NULL || (e->tell & (TELL_CREATED | TELL_RENAMED)) == 0))
		tell_list(n, v, above, VX_S(""), out);
}

static void tell_old(
    struct imap_notify *n, struct vx_view *v, const struct imap_entry *o, struct vx_buf *out)
{
	const vx_slice name = imap_table_name(&n->old, o);
	const unsigned events = o->tell == 0 ? 0 : wanted(n, name, o->subscribed);
	const bool gone = (o->tell & TELL_GONE) != 0 && (events & VX_EVENT_NAME) != 0;

	if (gone ||
	    ((o->tell & TELL_SUBSCRIPTION) != 0 && (events & VX_EVENT_SUBSCRIPTION) != 0))
		tell_list(n, v, name, VX_S(""), out);
	if ((o->tell & TELL_GONE) != 0)
		tell_parent(n, v, name, out);
}

static void tell_status(
    struct imap_notify *n, struct vx_view *v, struct imap_entry *e, struct vx_buf *out)
{
	const struct vx_mailbox_info m = { .account = e->account,
		.mailbox = e->mailbox,
		.name = imap_table_name(&n->now, e) };
	struct vx_mailbox_status st;

	if (vx_mailbox_status(v, m.account, m.mailbox, &st) == VX_OK) {
		imap_entry_take_status(e, &st);
		imap_write_status(n->s, out, &m, &st, e->status);
	}
	e->status = 0;
}

/* Annotations that changed; they are remembered, but not told at first. */
static int tell_entries(struct imap_notify *n, struct vx_view *v, uint32_t account,
    uint32_t mailbox, vx_slice name, struct imap_entries *known, struct vx_buf *out)
{
	struct imap_entries now;
	const int rc = imap_entries_read(n->s, v, account, mailbox, &now);

	if (rc != VX_OK)
		return rc;
	if (!n->first)
		imap_entries_tell(n->s, name, known, &now, out);
	n->entries_octets += now.len - known->len;
	imap_entries_done(known);
	*known = now;
	return n->entries_octets > ENTRIES_OCTETS_MAX ? VX_ELIMIT : VX_OK;
}

static int tell_now(
    struct imap_notify *n, struct vx_view *v, struct imap_entry *e, struct vx_buf *out)
{
	const vx_slice name = imap_table_name(&n->now, e);
	const unsigned events = e->tell == 0 ? 0 : wanted(n, name, e->subscribed);
	const bool created = (e->tell & TELL_CREATED) != 0;
	const vx_slice was = (e->tell & TELL_RENAMED) == 0
				 ? VX_S("")
				 : imap_table_name(&n->old, &n->old.e[e->before - 1]);
	bool listed = (e->tell & (TELL_CREATED | TELL_RENAMED)) != 0 &&
		      (events & VX_EVENT_NAME) != 0;

	/* what is renamed out of sight concerns those who saw it */
	if (was.len > 0 && (wanted(n, was, e->subscribed) & VX_EVENT_NAME) != 0)
		listed = true;
	if ((e->tell & TELL_SUBSCRIPTION) != 0) {
		const unsigned either = wanted(n, name, true);

		if ((either & VX_EVENT_SUBSCRIPTION) != 0)
			listed = true;
	}
	if (listed)
		tell_list(n, v, name, was, out);
	if (created)
		tell_parent(n, v, name, out);
	if (e->status != 0)
		tell_status(n, v, e, out);
	if ((e->tell & TELL_METADATA) != 0 && (events & VX_EVENT_METADATA) != 0 &&
	    e->readable)
		return tell_entries(
		    n, v, e->account, e->mailbox, name, &e->entries, out);
	return VX_OK;
}

static int tell(struct imap_notify *n, struct vx_buf *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(n->s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	for (; n->phase == TELL_OLD && rc == VX_OK; n->at++) {
		if (n->at == n->old.count) {
			n->phase = TELL_NOW;
			n->at = 0;
			break;
		}
		if (imap_full(n->s, out)) {
			rc = VX_DATA;
			break;
		}
		tell_old(n, v, &n->old.e[n->at], out);
	}
	while (n->phase == TELL_NOW && rc == VX_OK && n->at < n->now.count) {
		if (imap_full(n->s, out))
			rc = VX_DATA;
		else
			rc = tell_now(n, v, &n->now.e[n->at++], out);
	}
	if (rc == VX_OK && n->server_dirty) {
		n->server_dirty = false;
		rc = tell_entries(n, v, 0, 0, VX_S(""), &n->server, out);
	}
	vx_view_end(v);
	return rc;
}

/* The items that NOTIFY SET STATUS asks for (RFC 5465 3.1). */
static void first_statuses(struct imap_notify *n)
{
	for (size_t i = 0; i < n->now.count; i++) {
		struct imap_entry *e = &n->now.e[i];
		const unsigned events = wanted(n, imap_table_name(&n->now, e), e->subscribed);

		if (e->mailbox != 0)
			e->tell = TELL_METADATA;
		if (!n->what.status || e->mailbox == 0 || !e->readable ||
		    is_selected(n, e))
			continue;
		if ((events & VX_EVENT_NEW) != 0)
			e->status |= IMAP_STATUS_MESSAGES | IMAP_STATUS_UIDNEXT |
				     IMAP_STATUS_UIDVALIDITY;
		if ((events & VX_EVENT_FLAGS) != 0)
			e->status |= IMAP_STATUS_UIDVALIDITY | IMAP_STATUS_MODSEQ;
	}
}

static void begin_build(struct imap_notify *n)
{
	imap_table_done(&n->old);
	n->old = n->now;
	n->now = (struct imap_table){ .names = { .max = NAMES_OCTETS_MAX } };
	n->names_dirty = n->all_dirty = false;
	n->dirty_count = 0;
	n->after_len = 0;
	vx_arena_done(&n->shared_arena);
	vx_arena_init(&n->shared_arena, SHARED_OCTETS_MAX);
	n->shared = (struct imap_shared){ .arena = &n->shared_arena };
	n->phase = BUILD;
}

static bool wants_server(const struct imap_notify *n)
{
	for (size_t i = 0; i < n->what.count; i++)
		if ((n->what.groups[i].events & VX_EVENT_SERVER_METADATA) != 0)
			return true;
	return false;
}

static void unwatch_others(struct imap_notify *n)
{
	while (n->other_count > 0)
		vx_watch_remove(
		    n->s->service->o.store, &n->others[--n->other_count].watch);
	vx_free(n->others);
	n->others = NULL;
}

static bool is_watched_apart(const struct imap_notify *n, const struct imap_entry *e)
{
	return e->account != n->s->who.account && e->mailbox != 0 &&
	       wanted(n, imap_table_name(&n->now, e), e->subscribed) != 0;
}

/* Each by itself: what else their owners do wakes nobody. */
static int watch_others(struct imap_notify *n)
{
	size_t count = 0;

	unwatch_others(n);
	for (size_t i = 0; i < n->now.count; i++)
		count += is_watched_apart(n, &n->now.e[i]);
	if (count == 0)
		return VX_OK;
	n->others = vx_alloc_array(count, sizeof(*n->others));
	if (n->others == NULL)
		return VX_ENOMEM;
	for (size_t i = 0; i < n->now.count; i++) {
		const struct imap_entry *e = &n->now.e[i];
		struct watched *w = &n->others[n->other_count];

		if (!is_watched_apart(n, e))
			continue;
		*w = (struct watched){ .watch = { .changed = on_change }, .n = n };
		(void)vx_watch_add(
		    n->s->service->o.store, &w->watch, e->account, e->mailbox);
		n->other_count++;
	}
	n->all_dirty = true; /* something may have changed before they were watched */
	return VX_OK;
}

static int built(struct imap_notify *n)
{
	int rc = watch_others(n);

	vx_arena_done(&n->shared_arena);
	n->shared = (struct imap_shared){ 0 };
	n->at = 0;
	n->phase = n->first ? TELL_NOW : TELL_OLD;
	if (n->first)
		first_statuses(n);
	else if (rc == VX_OK)
		rc = compare(n);
	n->server_dirty = wants_server(n);
	return rc;
}

static void all_told(struct imap_notify *n)
{
	for (size_t i = 0; i < n->now.count; i++)
		n->now.e[i].tell = 0;
	imap_table_done(&n->old);
	n->at = 0;
	n->phase = QUIET;
	n->first = false;
}

/* One thing after another; VX_OK when nothing is left, VX_DATA, or below 0. */
static int work(struct imap_notify *n, struct vx_buf *out)
{
	int rc = VX_OK;

	while (rc == VX_OK) {
		switch (n->phase) {
		case QUIET:
			if (n->names_dirty) {
				begin_build(n);
				break;
			}
			if (n->dirty_count == 0 && !n->all_dirty)
				return VX_OK;
			rc = look(n, out);
			if (rc == VX_OK)
				n->phase = TELL_NOW;
			break;
		case BUILD:
			rc = build(n, out);
			if (rc == VX_OK)
				rc = built(n);
			break;
		case TELL_OLD:
		case TELL_NOW:
			rc = tell(n, out);
			if (rc == VX_OK) {
				all_told(n);
			}
			break;
		}
	}
	return rc;
}

static void watch_none(struct imap_notify *n)
{
	if (n->what.set)
		vx_watch_remove(n->s->service->o.store, &n->account.watch);
	unwatch_others(n);
	vx_arena_done(&n->shared_arena);
	n->shared = (struct imap_shared){ 0 };
	n->what = (struct vx_notify){ 0 };
	n->selected = NULL;
	imap_table_done(&n->now);
	imap_table_done(&n->old);
	imap_entries_done(&n->server);
	n->entries_octets = 0;
	n->phase = QUIET;
	n->names_dirty = n->all_dirty = false;
	n->dirty_count = 0;
}

static int notify_body(struct imap_session *s, struct vx_buf *out)
{
	int rc = work(s->notify, out);

	if (rc < 0) { /* as if NOTIFY NONE had come (RFC 5465 5.8) */
		watch_none(s->notify);
		vx_buf_add_str(out, "* OK [NOTIFICATIONOVERFLOW] too many mailboxes\r\n");
		rc = VX_OK;
	}
	return rc;
}

/* --- between commands, and in IDLE ------------------------------------------------ */

static int told(struct imap_session *s, struct vx_buf *out)
{
	(void)out;
	s->busy = IMAP_IDLE_NOT;
	return VX_OK;
}

static int told_idling(struct imap_session *s, struct vx_buf *out)
{
	(void)out;
	s->busy = IMAP_IDLING;
	return VX_OK;
}

int imap_notify_tell(struct imap_session *s)
{
	const bool idling = s->busy == IMAP_IDLING;
	const struct imap_notify *n = s->notify;

	return imap_answer(s,
	    &(struct imap_answer){ .body = n == NULL || !n->what.set ? NULL : notify_body,
		.sync = true,
		.expunges = idling || n == NULL || n->selected == NULL ||
			    n->selected->filter == VX_NOTIFY_SELECTED,
		.tail = idling ? told_idling : told });
}

void imap_notify_own_name(struct imap_session *s, const struct vx_mailbox_op *op)
{
	struct imap_notify *n = s->notify;
	struct own *o;

	if (n == NULL || !n->what.set)
		return;
	o = vx_alloc(sizeof(*o) + op->name.len + op->new_name.len);
	if (o == NULL)
		return;
	*o = (struct own){ op->verb, op->account, op->mailbox, { 0 }, { 0 } };
	o->name = vx_slice_of((char *)(o + 1), op->name.len);
	o->new_name = vx_slice_of((char *)(o + 1) + op->name.len, op->new_name.len);
	memcpy((char *)(o + 1), op->name.ptr, op->name.len);
	if (op->new_name.len > 0)
		memcpy(
		    (char *)(o + 1) + op->name.len, op->new_name.ptr, op->new_name.len);
	if (n->own_count == OWN_MAX) {
		vx_free(n->own[0]);
		memmove(n->own, n->own + 1, (OWN_MAX - 1) * sizeof(n->own[0]));
		n->own_count--;
	}
	n->own[n->own_count++] = o;
}

void imap_notify_own(struct imap_session *s, uint32_t account, uint32_t mailbox,
    uint64_t before, uint64_t modseq)
{
	struct imap_notify *n = s->notify;
	struct imap_entry *e;
	struct vx_mailbox_status st;
	struct vx_view *v;

	if (n == NULL || (e = imap_table_find_id(&n->now, account, mailbox)) == NULL ||
	    !e->readable || e->modseq != before ||
	    vx_view_begin(s->service->o.store, &v) != VX_OK)
		return;
	/* nobody else changed it before or after */
	if (vx_mailbox_status(v, account, mailbox, &st) == VX_OK &&
	    st.highestmodseq == modseq)
		imap_entry_take_status(e, &st);
	vx_view_end(v);
}

void imap_notify_own_entries(struct imap_session *s, const struct vx_metadata_op *op)
{
	struct imap_notify *n = s->notify;
	struct imap_entries *known;
	struct imap_entry *e;

	if (n == NULL || !n->what.set)
		return;
	e = imap_table_find_id(&n->now, op->account, op->mailbox);
	if (op->mailbox == 0)
		known = wants_server(n) ? &n->server : NULL;
	else
		known = e != NULL && (wanted(n, imap_table_name(&n->now, e), e->subscribed) &
					 VX_EVENT_METADATA) != 0
			    ? &e->entries
			    : NULL;
	if (known == NULL)
		return;
	n->entries_octets -= known->len;
	imap_entries_own(known, op);
	n->entries_octets += known->len;
}

/* --- the command ----------------------------------------------------------------- */

void imap_notify_free(struct imap_notify *n)
{
	if (n == NULL)
		return;
	watch_none(n);
	while (n->own_count > 0)
		vx_free(n->own[--n->own_count]);
	vx_arena_done(&n->arena);
	vx_free(n);
}

/* Names as the store has them; which events there are. */
static bool prepare(struct imap_session *s, struct imap_notify *n, unsigned *events)
{
	for (size_t i = 0; i < n->what.count; i++) {
		struct vx_notify_group *g = &n->what.groups[i];

		*events |= g->events;
		if (g->filter <= VX_NOTIFY_SELECTED_DELAYED)
			n->selected = g;
		for (size_t k = 0; k < g->count; k++)
			if (!imap_decode_name(s, &n->arena, &g->names[k]))
				return false;
	}
	return true;
}

static int refuse(struct imap_session *s, struct imap_notify *n, struct vx_buf *out)
{
	imap_notify_free(n);
	vx_buf_add(out, s->tag);
	vx_buf_add_str(out, " NO [BADEVENT (");
	vx_imap_write_events(out, IMAP_NOTIFY_EVENTS);
	vx_buf_add_str(out, ")] only of these events there are notices\r\n");
	return VX_OK;
}

static int overflow(struct imap_session *s, struct vx_buf *out)
{
	return imap_no(s, out, "[NOTIFICATIONOVERFLOW] too many mailboxes");
}

/* Build the table, tell the statuses. */
static int set_body(struct imap_session *s, struct vx_buf *out)
{
	const int rc = work(s->notify, out);

	if (rc >= 0)
		return rc;
	watch_none(s->notify);
	s->answer.tail = overflow;
	return VX_OK;
}

int imap_cmd_notify(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_notify *n = vx_alloc(sizeof(*n));
	unsigned events = 0;

	if (n == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	n->s = s;
	vx_arena_init(&n->arena, ARENA_OCTETS_MAX);
	if (!vx_imap_sp(c) || !vx_imap_notify(c, &n->arena, &n->what) ||
	    !prepare(s, n, &events)) {
		n->what.set = false; /* nothing is watched yet */
		imap_notify_free(n);
		return imap_bad(s, out, "NOTIFY NONE or NOTIFY SET groups is expected");
	}
	if ((events & ~(unsigned)IMAP_NOTIFY_EVENTS) != 0) {
		n->what.set = false;
		return refuse(s, n, out);
	}
	imap_notify_free(s->notify);
	s->notify = n;
	if (!n->what.set)
		return imap_ok(s, out, "no notices any more");
	n->account = (struct watched){ .watch = { .changed = on_change }, .n = n };
	(void)vx_watch_add(s->service->o.store, &n->account.watch, s->who.account, 0);
	n->first = n->names_dirty = true;
	return imap_answer(s, &(struct imap_answer){ .body = set_body,
				  .sync = true,
				  .expunges = true,
				  .own = true,
				  .ok = "done" });
}
