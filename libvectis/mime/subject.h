/* subject.h - the base subject (RFC 5256 2.1) and message ids (RFC 5322 3.6.4). */
#ifndef VX_MIME_SUBJECT_H
#define VX_MIME_SUBJECT_H

#include "vectis/buf.h"

#define VX_SUBJECT_MAX 4096   /* octets of the field that are looked at */
#define VX_MESSAGE_ID_MAX 998 /* octets; what is longer is no id */

/*
 * Append the base subject of a Subject field's value, decoded to UTF-8.  *reply: what was
 * removed says that the message is a reply or was forwarded (RFC 5256 3, REFERENCES).
 */
void vx_subject_base(vx_slice value, struct vx_buf *out, bool *reply);

/*
 * Take the next message id off *value and append it to out: without its angle brackets,
 * quoted or not in one and the same form (RFC 5256 3), blanks left out.  False, with
 * *value empty, when there is none.  What is no "left@right" counts too: many ids are
 * not.
 */
bool vx_message_id_next(vx_slice *value, struct vx_buf *out);

/* What stands for an id in descriptors; never 0. */
uint64_t vx_message_id_hash(vx_slice id);

#endif
