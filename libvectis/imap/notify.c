#include "imap/notify.h"

static const struct {
	const char *name;
	unsigned bit;
} events[] = { { "MessageNew", VX_EVENT_NEW }, { "MessageExpunge", VX_EVENT_EXPUNGE },
	{ "FlagChange", VX_EVENT_FLAGS }, { "AnnotationChange", VX_EVENT_ANNOTATION },
	{ "MailboxName", VX_EVENT_NAME }, { "SubscriptionChange", VX_EVENT_SUBSCRIPTION },
	{ "MailboxMetadataChange", VX_EVENT_METADATA },
	{ "ServerMetadataChange", VX_EVENT_SERVER_METADATA } };

static const struct {
	const char *name;
	enum vx_notify_filter filter;
} filters[] = { { "selected", VX_NOTIFY_SELECTED },
	{ "selected-delayed", VX_NOTIFY_SELECTED_DELAYED },
	{ "inboxes", VX_NOTIFY_INBOXES }, { "personal", VX_NOTIFY_PERSONAL },
	{ "subscribed", VX_NOTIFY_SUBSCRIBED }, { "subtree", VX_NOTIFY_SUBTREE },
	{ "mailboxes", VX_NOTIFY_MAILBOXES }, { "subtree-one", VX_NOTIFY_SUBTREE_ONE } };

void vx_imap_write_events(struct vx_buf *out, unsigned which)
{
	const char *separator = "";

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if ((which & events[i].bit) != 0) {
			vx_buf_printf(out, "%s%s", separator, events[i].name);
			separator = " ";
		}
}

static bool is_selected(const struct vx_notify_group *g)
{
	return g->filter <= VX_NOTIFY_SELECTED_DELAYED;
}

/* event [SP "(" fetch-att ... ")"] */
static bool event(struct vx_cursor *c, struct vx_arena *a, struct vx_notify_group *g)
{
	unsigned bit = VX_EVENT_UNKNOWN;
	vx_slice name;

	if (!vx_imap_atom(c, &name))
		return false;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (vx_slice_eq_nocase(name, vx_slice_str(events[i].name)))
			bit = events[i].bit;
	g->events |= bit;
	if (bit != VX_EVENT_NEW || !vx_cur_text(c, VX_S(" (")))
		return true;
	c->p--; /* the list begins with the parenthesis */
	if (g->has_fetch || !is_selected(g))
		return false;
	g->has_fetch = true;
	return vx_imap_fetch_atts(c, a, &g->fetch);
}

/* Which may be asked for together (RFC 5465 5, 6.1). */
static bool rules(const struct vx_notify_group *g)
{
	const unsigned both = VX_EVENT_NEW | VX_EVENT_EXPUNGE, e = g->events;

	if ((e & both) != 0 && (e & both) != both)
		return false;
	if ((e & (VX_EVENT_FLAGS | VX_EVENT_ANNOTATION)) != 0 && (e & both) != both)
		return false;
	return !is_selected(g) ||
	       (e & ~(unsigned)(VX_EVENT_MESSAGE | VX_EVENT_UNKNOWN)) == 0;
}

static bool event_list(struct vx_cursor *c, struct vx_arena *a, struct vx_notify_group *g)
{
	if (vx_cur_text(c, VX_S("NONE")))
		return true;
	if (!vx_cur_char(c, '('))
		return false;
	do
		if (!event(c, a, g))
			return false;
	while (vx_imap_sp(c));
	return vx_cur_char(c, ')') && rules(g);
}

static bool add_name(struct vx_cursor *c, struct vx_arena *a, struct vx_notify_group *g,
    size_t *names, size_t *cap)
{
	if (g->count == *cap) {
		const size_t more = *cap == 0 ? 4 : *cap * 2;
		vx_slice *grown = vx_arena_array(a, more, sizeof(*grown));

		if (grown == NULL)
			return false;
		if (*cap > 0)
			memcpy(grown, g->names, *cap * sizeof(*grown));
		g->names = grown;
		*cap = more;
	}
	return (*names)++ < VX_NOTIFY_NAMES_MAX &&
	       vx_imap_astring(c, a, &g->names[g->count++]);
}

/* one-or-more-mailbox */
static bool mailboxes(
    struct vx_cursor *c, struct vx_arena *a, struct vx_notify_group *g, size_t *names)
{
	size_t cap = 0;

	if (!vx_imap_sp(c))
		return false;
	if (!vx_cur_char(c, '('))
		return add_name(c, a, g, names, &cap);
	do
		if (!add_name(c, a, g, names, &cap))
			return false;
	while (vx_imap_sp(c));
	return vx_cur_char(c, ')');
}

/* filter-mailboxes */
static bool mailbox_filter(
    struct vx_cursor *c, struct vx_arena *a, struct vx_notify_group *g, size_t *names)
{
	size_t i = 0;
	vx_slice name;

	if (!vx_imap_atom(c, &name))
		return false;
	while (i < sizeof(filters) / sizeof(filters[0]) &&
	       !vx_slice_eq_nocase(name, vx_slice_str(filters[i].name)))
		i++;
	if (i == sizeof(filters) / sizeof(filters[0]))
		return false;
	*g = (struct vx_notify_group){ .filter = filters[i].filter };
	return g->filter < VX_NOTIFY_SUBTREE || mailboxes(c, a, g, names);
}

static bool group(
    struct vx_cursor *c, struct vx_arena *a, struct vx_notify_group *g, size_t *names)
{
	return vx_cur_char(c, '(') && mailbox_filter(c, a, g, names) &&
	       g->filter != VX_NOTIFY_SUBTREE_ONE && vx_imap_sp(c) &&
	       event_list(c, a, g) && vx_cur_char(c, ')');
}

bool vx_imap_sources(struct vx_cursor *c, struct vx_arena *a, struct vx_notify *out)
{
	size_t names = 0;

	*out = (struct vx_notify){ 0 };
	out->groups = vx_arena_array(a, VX_NOTIFY_GROUPS_MAX, sizeof(*out->groups));
	if (out->groups == NULL || !vx_cur_char(c, '('))
		return false;
	do
		if (out->count == VX_NOTIFY_GROUPS_MAX ||
		    !mailbox_filter(c, a, &out->groups[out->count], &names) ||
		    out->groups[out->count++].filter == VX_NOTIFY_SELECTED_DELAYED)
			return false;
	while (vx_imap_sp(c));
	return vx_cur_char(c, ')') && vx_imap_sp(c);
}

bool vx_imap_notify(struct vx_cursor *c, struct vx_arena *a, struct vx_notify *out)
{
	size_t names = 0, selected = 0;

	*out = (struct vx_notify){ 0 };
	if (vx_cur_text(c, VX_S("NONE")))
		return vx_cur_end(c);
	if (!vx_cur_text(c, VX_S("SET ")))
		return false;
	out->set = true;
	out->status = vx_cur_text(c, VX_S("STATUS "));
	out->groups = vx_arena_array(a, VX_NOTIFY_GROUPS_MAX, sizeof(*out->groups));
	if (out->groups == NULL)
		return false;
	do {
		struct vx_notify_group *g = &out->groups[out->count];

		if (out->count == VX_NOTIFY_GROUPS_MAX || !group(c, a, g, &names))
			return false;
		out->count++;
		selected += is_selected(g);
	} while (vx_imap_sp(c));
	return selected <= 1 && vx_cur_end(c);
}
