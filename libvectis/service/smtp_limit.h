/*
 * smtp_limit.h - how much a login sends (sending.h): asked at each RCPT, counted when the
 * message is taken.
 */
#ifndef VX_SERVICE_SMTP_LIMIT_H
#define VX_SERVICE_SMTP_LIMIT_H

#include "service/smtp_int.h"

/* One recipient more?  Code 0: nothing speaks against it. */
struct smtp_reply vx_smtp_limit_recipient(struct smtp_session *s);
/* The message is to be counted: VX_OK, VX_ELIMIT. */
int vx_smtp_limit_begin(struct smtp_session *s, struct smtp_txn *t);
/* It was taken, or was one too many for VX_EPERM, with t->refusal. */
void vx_smtp_limit_end(struct smtp_txn *t, int result);
/* Why the login's sending is suspended, as it is told. */
void vx_smtp_limit_reason(struct smtp_session *s, char *out, size_t size);

#endif
