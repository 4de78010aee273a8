/*
 * smtp_submit.h - what is done to a message that a user sends (RFC 6409 8): its header is
 * looked at whole before anything of it is kept, and what leaves is signed.
 */
#ifndef VX_SERVICE_SMTP_SUBMIT_H
#define VX_SERVICE_SMTP_SUBMIT_H

#include "service/smtp_int.h"
#include "vectis/dkim.h"

#define SMTP_KEYS_MAX 256 /* private keys that are kept ready */

/* --- the header (smtp_submit.c)
 * --------------------------------------------------------- */

/*
 * Octets of the message: VX_OK or VX_WAIT as vx_smtp_txn_content, whose place it takes
 * for users.
 */
int vx_smtp_submit_content(struct smtp_session *s, vx_slice octets);
/* The message is complete.  VX_OK, or the failure of the transaction. */
int vx_smtp_submit_end(struct smtp_session *s);

/* --- signing (smtp_sign.c)
 * --------------------------------------------------------------- */

/* Begin, with the header that leaves; domain: of the author.  No keys: no signature. */
int vx_smtp_sign_begin(struct smtp_txn *t, vx_slice domain, vx_slice header);
int vx_smtp_sign_body(struct smtp_txn *t, vx_slice octets);
/*
 * The private keys do their work on another thread; done is called with t->signature.
 * VX_OK, VX_ELIMIT, VX_ENOMEM.
 */
int vx_smtp_sign_submit(struct smtp_session *s, struct smtp_txn *t,
    void (*done)(struct smtp_txn *t, int result));
void vx_smtp_sign_free(struct smtp_txn *t);
void vx_smtp_keys_free(struct vx_smtp_service *s);

#endif
