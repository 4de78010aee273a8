/*
 * smtp_receive.h - what is done to a message from another server: who it is from is
 * checked, claims in our name are taken out, and the fields in front of it tell what was
 * found.
 */
#ifndef VX_SERVICE_SMTP_RECEIVE_H
#define VX_SERVICE_SMTP_RECEIVE_H

#include "service/smtp_int.h"

/* The client and the sender of t are looked into.  VX_OK, VX_ENOMEM. */
int vx_smtp_receive_begin(struct smtp_session *s, struct smtp_txn *t);
/* Is all known that has to be before the first recipient? */
bool vx_smtp_receive_ready(const struct smtp_session *s);
/* May it write to this address here?  code 0: yes.  Else it was refused and noted. */
struct smtp_reply vx_smtp_receive_recipient(struct smtp_session *s, vx_slice path);
/* Octets of the message.  VX_OK; VX_WAIT: taken, but the disk is behind; or why not. */
int vx_smtp_receive_take(struct smtp_session *s, vx_slice octets);
/*
 * The message is complete.  VX_OK: go on; VX_WAIT: it is looked into, and
 * ANSWER_CHECKED comes; or the failure of the transaction.
 */
int vx_smtp_receive_end(struct smtp_session *s);
/* After that: VX_OK; VX_EPERM: t->refusal says why not.  Targets may be changed. */
int vx_smtp_receive_decide(struct smtp_session *s);
/* Write the fields in front of the message; trace is the first of them. */
int vx_smtp_receive_front(struct smtp_session *s, vx_slice trace);

#endif
