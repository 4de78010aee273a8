/* notify.h - what NOTIFY asks for (RFC 5465 8). */
#ifndef VX_IMAP_NOTIFY_H
#define VX_IMAP_NOTIFY_H

#include "imap/parse.h"

#define VX_NOTIFY_GROUPS_MAX 50
#define VX_NOTIFY_NAMES_MAX 200 /* of all groups */

enum vx_notify_event { /* bits */
	VX_EVENT_NEW = 1,
	VX_EVENT_EXPUNGE = 2,
	VX_EVENT_FLAGS = 4,
	VX_EVENT_ANNOTATION = 8,
	VX_EVENT_NAME = 16,
	VX_EVENT_SUBSCRIPTION = 32,
	VX_EVENT_METADATA = 64,
	VX_EVENT_SERVER_METADATA = 128,
	VX_EVENT_UNKNOWN = 256, /* of an extension that is not known */
	VX_EVENT_MESSAGE = 15   /* those about messages */
};

enum vx_notify_filter {
	VX_NOTIFY_SELECTED,
	VX_NOTIFY_SELECTED_DELAYED,
	VX_NOTIFY_INBOXES,
	VX_NOTIFY_PERSONAL,
	VX_NOTIFY_SUBSCRIBED,
	VX_NOTIFY_SUBTREE,
	VX_NOTIFY_MAILBOXES,
	VX_NOTIFY_SUBTREE_ONE /* of ESEARCH only */
};

struct vx_notify_group {
	enum vx_notify_filter filter;
	vx_slice *names; /* as written, in the arena */
	size_t count;
	unsigned events; /* enum vx_notify_event */
	bool has_fetch;  /* MessageNew has items */
	struct vx_imap_fetch fetch;
};

struct vx_notify {
	bool set, status;               /* not set: NONE */
	struct vx_notify_group *groups; /* in the arena */
	size_t count;
};

/* "NONE", or "SET [STATUS] groups", to the end.  False also when the rules of RFC 5465 5
 * and 6.1 on which events go together are broken. */
bool vx_imap_notify(struct vx_cursor *c, struct vx_arena *a, struct vx_notify *out);
/*
 * "(selected subtree-one "a" ...) ": the sources of an ESEARCH (RFC 7377 2.2), with the
 * blank behind them; groups have filter and names only.
 */
bool vx_imap_sources(struct vx_cursor *c, struct vx_arena *a, struct vx_notify *out);
/* "MessageNew MessageExpunge": the names of events. */
void vx_imap_write_events(struct vx_buf *out, unsigned events);

#endif
