#include "service/imap_filter.h"

bool imap_filter_below(vx_slice name, vx_slice top)
{
	return vx_slice_has_prefix(name, top) &&
	       (name.len == top.len || name.ptr[top.len] == '/');
}

/* One level below it, or itself (RFC 7377 2.2). */
static bool is_child(vx_slice name, vx_slice top)
{
	return imap_filter_below(name, top) &&
	       vx_slice_rfind(name, '/') <= (name.len > top.len ? top.len : name.len);
}

bool imap_filter_covers(const struct vx_notify_group *g, vx_slice name, bool subscribed)
{
	switch (g->filter) {
	case VX_NOTIFY_SELECTED:
	case VX_NOTIFY_SELECTED_DELAYED:
		return false;
	case VX_NOTIFY_INBOXES: /* mail may be filed anywhere */
	case VX_NOTIFY_PERSONAL:
		return !imap_name_is_others(name);
	case VX_NOTIFY_SUBSCRIBED:
		return subscribed;
	case VX_NOTIFY_SUBTREE:
		for (size_t i = 0; i < g->count; i++)
			if (imap_filter_below(name, g->names[i]))
				return true;
		return false;
	case VX_NOTIFY_SUBTREE_ONE:
		for (size_t i = 0; i < g->count; i++)
			if (is_child(name, g->names[i]))
				return true;
		return false;
	case VX_NOTIFY_MAILBOXES:
		for (size_t i = 0; i < g->count; i++)
			if (vx_slice_eq(name, g->names[i]))
				return true;
		return false;
	}
	return false;
}
