/*
 * imap_entries.h - which annotations a client knows of a mailbox or the server, to see
 * which of them changed: their names, and a hash of each value.
 */
#ifndef VX_SERVICE_IMAP_ENTRIES_H
#define VX_SERVICE_IMAP_ENTRIES_H

#include "service/imap_int.h"

struct imap_entries { /* all 0: none */
	char *octets; /* own */
	size_t len;
};

void imap_entries_done(struct imap_entries *e);
/*
 * Read what there is for the user of the session: the entries of a mailbox with the
 * mailbox's use, or those of the server (account and mailbox 0).  VX_OK, VX_ENOMEM.
 */
int imap_entries_read(struct imap_session *s, struct vx_view *v, uint32_t account,
    uint32_t mailbox, struct imap_entries *out);
/* What an op of this session did: it is known. */
void imap_entries_own(struct imap_entries *e, const struct vx_metadata_op *op);
/* "* METADATA name entry entry" of those that differ (RFC 5464 4.4.2). */
void imap_entries_tell(struct imap_session *s, vx_slice name,
    const struct imap_entries *known, const struct imap_entries *now, struct vx_buf *out);

#endif
