/* smtp_header.h - the header of a message that comes in pieces, until it is whole. */
#ifndef VX_SERVICE_SMTP_HEADER_H
#define VX_SERVICE_SMTP_HEADER_H

#include "service/smtp_int.h"

/*
 * Take octets to t->header.  VX_OK: it is whole, with its blank line, and *octets is what
 * follows; VX_MORE: all was taken; VX_ELIMIT: it is too long.
 */
int vx_smtp_header_take(struct smtp_txn *t, vx_slice *octets);
/* What is kept of it for whoever asks later, and the Received fields are counted. */
void vx_smtp_header_see(struct smtp_txn *t, const struct vx_field *f);
/* A header may be all there is of a message. */
bool vx_smtp_header_has_end(vx_slice header);

#endif
