/* imap_filter.h - which mailboxes a filter names (RFC 5465 6, RFC 7377 2.2). */
#ifndef VX_SERVICE_IMAP_FILTER_H
#define VX_SERVICE_IMAP_FILTER_H

#include "imap/notify.h"
#include "service/imap_int.h"

/* Is a mailbox one of those that a filter names?  Not of the selected one. */
bool imap_filter_covers(const struct vx_notify_group *g, vx_slice name, bool subscribed);
/* Is it top, or below it? */
bool imap_filter_below(vx_slice name, vx_slice top);

#endif
