/* imap_notify.h - NOTIFY of a session (RFC 5465), inside service/. */
#ifndef VX_SERVICE_IMAP_NOTIFY_H
#define VX_SERVICE_IMAP_NOTIFY_H

#include "imap/notify.h"
#include "service/imap_int.h"

/* The events that there are; others are refused with BADEVENT. */
#define IMAP_NOTIFY_EVENTS                                                               \
	(VX_EVENT_NEW | VX_EVENT_EXPUNGE | VX_EVENT_FLAGS | VX_EVENT_NAME |              \
	    VX_EVENT_SUBSCRIPTION | VX_EVENT_METADATA | VX_EVENT_SERVER_METADATA)

void imap_notify_free(struct imap_notify *n);
/* May changes of the selected mailbox be told, and flags among them? */
bool imap_notify_selected(const struct imap_session *s);
bool imap_notify_flags(const struct imap_session *s);
/* What is to be told of a new message; NULL: nothing. */
const struct vx_imap_fetch *imap_notify_fetch(const struct imap_session *s);
/* Is there something to tell now, outside of a command? */
bool imap_notify_pending(const struct imap_session *s);
/* Tell it, and what changed in the selected mailbox: as imap_answer, also in IDLE. */
int imap_notify_tell(struct imap_session *s);
/* This session did it: it is not told (RFC 5465 5).  before, modseq: the mailbox's. */
void imap_notify_own_name(struct imap_session *s, const struct vx_mailbox_op *op);
void imap_notify_own(struct imap_session *s, uint32_t account, uint32_t mailbox,
    uint64_t before, uint64_t modseq);
void imap_notify_own_entries(struct imap_session *s, const struct vx_metadata_op *op);

#endif
