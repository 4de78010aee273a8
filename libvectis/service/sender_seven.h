/*
 * sender_seven.h - a message for a server that takes 7 bits only (RFC 6152 3).
 *
 * What others signed is broken by that.  What we signed is signed again, as it leaves
 * (RFC 6376 5.3 wants the signature over what is sent); all others, who take 8 bits,
 * get the message as it was written.
 */
#ifndef VX_SERVICE_SENDER_SEVEN_H
#define VX_SERVICE_SENDER_SEVEN_H

#include "service/sender_int.h"

/* Has the peer refused it for its octets of 8 bits, and is it not converted yet? */
bool vx_sender_seven_wanted(const struct sender_outgoing *o);
/*
 * Convert it, on another thread.  VX_OK: done will be called with VX_OK: o->message is to
 * be sent again; VX_EUNSUP: it cannot be, and its recipients have an outcome; or what
 * failed.  Any other result: it will not be called.
 */
int vx_sender_seven_begin(struct vx_sender *s, struct sender_outgoing *o,
    void (*done)(void *ctx, int result), void *ctx);
/* While it is under way: somebody else is told. */
void vx_sender_seven_redirect(
    struct sender_outgoing *o, void (*done)(void *ctx, int result), void *ctx);
/*
 * Octets of the converted message, one after the other.  VX_OK, VX_WAIT: the octets at
 * *offset of the reader, *max at the most, have to be fetched; VX_ECORRUPT, VX_ENOMEM.
 */
int vx_sender_seven_read(struct sender_outgoing *o, size_t wanted, vx_slice *out,
    uint64_t *offset, size_t *max);
/* Whose it is, while it is under way. */
struct vx_sender *vx_sender_seven_sender(const struct sender_outgoing *o);
void vx_sender_seven_free(struct sender_seven *x);

#endif
