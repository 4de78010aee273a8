/* reply.h - replies of an SMTP server (RFC 5321 4.2, enhanced codes of RFC 2034). */
#ifndef VX_SMTP_REPLY_H
#define VX_SMTP_REPLY_H

#include "vectis/smtp_client.h"

struct vx_smtp_reply {
	unsigned code;
	size_t lines, octets;
	vx_slice line;     /* the last one's text, of VX_DATA and VX_DONE */
	struct vx_buf raw; /* own: the line that is not whole yet */
	struct vx_buf
	    text; /* own: of all lines, a blank between; the status is left out */
	char status[VX_SMTP_STATUS_MAX + 1]; /* "": it has none that fits the code */
	bool over;                           /* it is whole: the next octet begins one */
};

int vx_smtp_reply_init(struct vx_smtp_reply *r); /* VX_OK, VX_ENOMEM */
void vx_smtp_reply_done(struct vx_smtp_reply *r);
/* Has one begun that is not whole? */
bool vx_smtp_reply_begun(const struct vx_smtp_reply *r);

/*
 * Take octets off *in up to the end of a line.  VX_MORE: *in is used up; VX_DATA: a line,
 * others follow; VX_DONE: the last line; VX_EPROTO: no reply, or beyond the limits.
 */
int vx_smtp_reply_next(struct vx_smtp_reply *r, vx_slice *in);

#endif
