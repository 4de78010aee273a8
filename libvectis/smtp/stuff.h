/* stuff.h - write a message as DATA wants it (RFC 5321 4.5.2). */
#ifndef VX_SMTP_STUFF_H
#define VX_SMTP_STUFF_H

#include "vectis/buf.h"
#include "vectis/err.h"

/* Embed; { 0 } is ready to use. */
struct vx_smtp_stuff {
	enum {
		VX_STUFF_BOL,
		VX_STUFF_TEXT,
		VX_STUFF_CR /* it is kept back until its LF comes */
	} state;
};

/*
 * Append the next octets.  VX_OK; VX_EPROTO: a bare CR or LF, at which a peer may see the
 * end of a line where others see none.  What is before it may be in out, it is not, and
 * nothing must follow.
 */
int vx_smtp_stuff_add(struct vx_smtp_stuff *s, vx_slice in, struct vx_buf *out);
/* The end: CR LF where there was none, and the dot.  VX_EPROTO: the last one is a CR. */
int vx_smtp_stuff_end(struct vx_smtp_stuff *s, struct vx_buf *out);

#endif
