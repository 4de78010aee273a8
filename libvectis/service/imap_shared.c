/*
 * LIST of what other accounts share: first the names are gathered, since they are kept by
 * number, then told in order.  A mailbox without the right l is as if it were not there,
 * also above and below others (RFC 4314 4).
 */
#include "service/imap_list.h"

#include <stdlib.h>

static struct vx_arena *arena_of(struct imap_session *s, const struct imap_shared *sh)
{
	return sh->arena != NULL ? sh->arena : &s->arena;
}

static int add(
    struct imap_session *s, struct imap_shared *sh, const struct imap_shared_name *name)
{
	if (sh->names == NULL)
		sh->names = vx_arena_array(
		    arena_of(s, sh), IMAP_SHARED_MAX, sizeof(*sh->names));
	if (sh->names == NULL)
		return VX_ENOMEM;
	if (sh->count == IMAP_SHARED_MAX ||
	    name->name.len > IMAP_SHARED_OCTETS_MAX - sh->octets)
		return VX_ELIMIT;
	sh->octets += name->name.len;
	sh->names[sh->count++] = *name;
	return VX_OK;
}

static int add_shared(struct imap_session *s, struct vx_view *v, struct imap_shared *sh)
{
	struct imap_shared_name n = { .owner = sh->after.owner,
		.mailbox = sh->after.mailbox };
	struct vx_mailbox_info m;
	int rc;

	if ((imap_rights(s, v, n.owner, n.mailbox) & VX_RIGHT_LOOKUP) == 0)
		return VX_OK;
	rc = vx_mailbox_get(v, n.owner, n.mailbox, &m);
	if (rc == VX_OK)
		rc = imap_shown_name(s, v, arena_of(s, sh), &m, &n.name);
	if (rc == VX_ENOENT) /* its account is being removed */
		return VX_OK;
	return rc == VX_OK ? add(s, sh, &n) : rc;
}

/* Names that this account subscribed to, there or not. */
static int add_subscribed(
    struct imap_session *s, struct vx_view *v, struct imap_shared *sh)
{
	struct vx_mailbox_info m;
	vx_slice after = VX_S(IMAP_OTHERS "/");
	int rc = VX_OK;

	while (rc == VX_OK && vx_mailbox_next(v, s->who.account, after, &m) == VX_OK &&
	       imap_name_is_others(m.name)) {
		struct imap_shared_name n = { .subscribed = true };

		rc = vx_arena_copy(arena_of(s, sh), m.name, &n.name);
		if (rc == VX_OK && m.subscribed)
			rc = add(s, sh, &n);
		after = n.name;
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	const struct imap_shared_name *x = a, *y = b;
	const int order = vx_slice_cmp(x->name, y->name);

	/* the mailbox before the name that is subscribed to */
	return order != 0 ? order : (x->owner < y->owner) - (x->owner > y->owner);
}

static void put_in_order(struct imap_shared *sh)
{
	size_t kept = 0;

	if (sh->count > 0)
		qsort(sh->names, sh->count, sizeof(*sh->names), by_name);
	for (size_t i = 0; i < sh->count; i++) {
		if (kept > 0 && vx_slice_eq(sh->names[kept - 1].name, sh->names[i].name))
			sh->names[kept - 1].subscribed |= sh->names[i].subscribed;
		else
			sh->names[kept++] = sh->names[i];
	}
	sh->count = kept;
	sh->gathered = true;
}

/*
 * What is subscribed to comes first: others may share as much as they like, and what does
 * not fit is not listed, but that keeps nobody from the rest.
 */
int imap_shared_gather(
    struct imap_session *s, struct vx_view *v, struct imap_shared *sh, struct vx_buf *out)
{
	int rc = sh->after.owner == 0 ? add_subscribed(s, v, sh) : VX_OK;

	while (rc == VX_OK &&
	       vx_shared_next(v, s->who.account, &sh->after, &sh->after) == VX_OK) {
		rc = add_shared(s, v, sh);
		if (rc == VX_OK && imap_full(s, out))
			return VX_DATA;
	}
	if (rc != VX_OK && rc != VX_ELIMIT)
		return rc;
	put_in_order(sh);
	return VX_OK;
}

/* --- telling ---------------------------------------------------------------------- */

static struct vx_mailbox_info info_of(const struct imap_shared_name *n)
{
	return (struct vx_mailbox_info){ .account = n->owner,
		.mailbox = n->mailbox,
		.name = n->name,
		.exists = n->owner != 0,
		.subscribed = n->subscribed };
}

static bool is_below(vx_slice name, vx_slice above)
{
	return name.len > above.len && name.ptr[above.len] == '/' &&
	       vx_slice_has_prefix(name, above);
}

/* Is there a mailbox (that is selected by l, unless NULL) below name, from number i on?
 */
static bool has_below(
    const struct imap_shared *sh, size_t i, vx_slice name, const struct imap_list *l)
{
	for (; i < sh->count && vx_slice_has_prefix(sh->names[i].name, name); i++) {
		const struct vx_mailbox_info m = info_of(&sh->names[i]);

		if (is_below(m.name, name) &&
		    (l != NULL ? imap_list_selects(l, &m) : m.exists))
			return true;
	}
	return false;
}

static bool is_name(
    const struct imap_shared *sh, size_t i, vx_slice name, bool subscribed)
{
	while (i-- > 0 && vx_slice_cmp(sh->names[i].name, name) >= 0)
		if (vx_slice_eq(sh->names[i].name, name))
			return !subscribed || sh->names[i].subscribed;
	return false;
}

/* The levels above number i that are no mailboxes for this session: see list_above. */
static void tell_above(struct imap_session *s, struct vx_view *v,
    const struct imap_list *l, size_t i, struct vx_buf *out)
{
	const struct imap_shared *sh = &l->shared;
	const vx_slice name = sh->names[i].name;
	const vx_slice before = i > 0 ? sh->names[i - 1].name : VX_S("");

	for (size_t at = 1; at < name.len; at++) {
		const struct vx_mailbox_info above = { .account = s->who.account,
			.name = vx_slice_head(name, at) };
		const struct imap_list_about about = { .children = true,
			.child_info = l->recursive };

		if (name.ptr[at] != '/' ||
		    vx_slice_has_prefix(before, vx_slice_head(name, at + 1)) ||
		    is_name(sh, i, above.name, l->lsub) ||
		    (l->special_only && !l->recursive) ||
		    !imap_list_matches(l, above.name) ||
		    (l->lsub && imap_list_matches(l, name)))
			continue;
		imap_list_write(s, v, l, &above, &about, out);
	}
}

static void tell(struct imap_session *s, struct vx_view *v, const struct imap_list *l,
    size_t i, struct vx_buf *out)
{
	const struct imap_shared *sh = &l->shared;
	const struct vx_mailbox_info m = info_of(&sh->names[i]);
	const struct imap_list_about about = { .children =
						   has_below(sh, i + 1, m.name, NULL),
		.child_info = l->recursive && has_below(sh, i + 1, m.name, l) };

	if (l->lsub        ? m.subscribed
	    : l->recursive ? imap_list_selects(l, &m)
			   : !l->subscribed_only && m.exists)
		tell_above(s, v, l, i, out);
	if (imap_list_matches(l, m.name) &&
	    (imap_list_selects(l, &m) || about.child_info))
		imap_list_write(s, v, l, &m, &about, out);
}

int imap_shared_step(
    struct imap_session *s, struct vx_view *v, struct imap_list *l, struct vx_buf *out)
{
	struct imap_shared *sh = &l->shared;

	if (!sh->gathered) {
		const int rc = imap_shared_gather(s, v, sh, out);

		if (rc != VX_OK)
			return rc;
	}
	while (sh->at < sh->count) {
		if (imap_full(s, out))
			return VX_DATA;
		tell(s, v, l, sh->at++, out);
	}
	return VX_OK;
}

void imap_shared_event(struct imap_session *s, struct vx_view *v, vx_slice name,
    bool subscribed, const struct imap_list_about *about, struct vx_buf *out)
{
	const struct imap_list how = { .show_subscribed = true };
	struct vx_mailbox_info m = { .account = s->who.account,
		.name = name,
		.subscribed = subscribed };
	struct imap_place p;

	m.exists = imap_reach_in(s, v, name, VX_RIGHT_LOOKUP, &p) == VX_OK;
	if (m.exists) {
		m.account = p.account;
		m.mailbox = p.mailbox;
	}
	imap_list_write(s, v, &how, &m, about, out);
}

void imap_shared_selected(struct imap_session *s, struct vx_view *v, vx_slice name,
    vx_slice asked, struct vx_buf *out)
{
	const struct imap_list plain = { 0 };
	struct imap_list_about about = { .was = asked };
	struct vx_shared at;
	struct vx_mailbox_info m;
	struct imap_place p;

	if (imap_reach_in(s, v, name, VX_RIGHT_READ, &p) != VX_OK)
		return;
	m = (struct vx_mailbox_info){
		.account = p.account, .mailbox = p.mailbox, .name = name, .exists = true
	};
	at = (struct vx_shared){ p.account, 0 }; /* only what this owner shares */
	for (unsigned n = 0; n < IMAP_SHARED_MAX && !about.children &&
			     vx_shared_next(v, s->who.account, &at, &at) == VX_OK &&
			     at.owner == p.account;
	     n++) {
		struct vx_mailbox_info other;

		about.children =
		    vx_mailbox_get(v, at.owner, at.mailbox, &other) == VX_OK &&
		    is_below(other.name, p.name) &&
		    (imap_rights(s, v, at.owner, at.mailbox) & VX_RIGHT_LOOKUP) != 0;
	}
	imap_list_write(s, v, &plain, &m, &about, out);
}
