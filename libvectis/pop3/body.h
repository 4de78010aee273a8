/* body.h - a message as a multi-line reply: dots doubled, lines ended by CR LF. */
#ifndef VX_POP3_BODY_H
#define VX_POP3_BODY_H

#include "vectis/buf.h"
#include "vectis/err.h"

struct vx_pop3_body {
	bool limited;        /* TOP */
	uint64_t lines_left; /* of the part after the header */
	bool in_body;        /* the empty line was seen */
	bool mid_line;
	bool lone_cr; /* the line under way is CR and nothing else */
	char last;    /* the octet before, 0 at the begin of a line */
};

/* limited: the header, the empty line and so many lines (RFC 1939 7, TOP). */
void vx_pop3_body_init(struct vx_pop3_body *b, bool limited, uint64_t lines);
/* VX_MORE, or VX_DONE: nothing further is wanted. */
int vx_pop3_body_add(struct vx_pop3_body *b, vx_slice octets, struct vx_buf *out);
/* Finish the last line and the reply. */
void vx_pop3_body_end(struct vx_pop3_body *b, struct vx_buf *out);

#endif
