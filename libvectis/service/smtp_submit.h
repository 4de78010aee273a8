/*
 * smtp_submit.h - what is done to a message that a user sends (RFC 6409 8): its header is
 * looked at whole before anything of it is kept, and what leaves is signed.
 */
#ifndef VX_SERVICE_SMTP_SUBMIT_H
#define VX_SERVICE_SMTP_SUBMIT_H

#include "service/smtp_int.h"

/* As vx_smtp_receive_take, for users. */
int vx_smtp_submit_take(struct smtp_session *s, vx_slice octets);
/* The message is complete.  VX_OK, or the failure of the transaction. */
int vx_smtp_submit_end(struct smtp_session *s);

#endif
