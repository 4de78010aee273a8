/* data.h - decode the message sent after DATA (RFC 5321 4.5.2). */
#ifndef VX_SMTP_DATA_H
#define VX_SMTP_DATA_H

#include "vectis/err.h"
#include "vectis/slice.h"

enum vx_smtp_data_state {
	VX_DATA_BOL,    /* at the beginning of a line */
	VX_DATA_TEXT,   /* inside a line */
	VX_DATA_CR,     /* after a CR: only LF may follow */
	VX_DATA_DOT,    /* after a dot at the beginning of a line */
	VX_DATA_DOT_CR, /* after that dot and a CR: only LF may follow */
	VX_DATA_END,    /* final: CRLF.CRLF was seen */
	VX_DATA_BAD,    /* final: a bare CR or LF was seen */
};

/* Embed; { 0 } is ready to use.  Allocates nothing. */
struct vx_smtp_data {
	enum vx_smtp_data_state state;
};

/*
 * Decode the next run.  VX_DATA: *out is at least one octet of message, borrowed from
 * *in (or static); VX_MORE: *in is used up; VX_DONE: the message ended, *in is what came
 * after it; VX_EPROTO: a bare CR or LF (2.3.8): letting it pass permits smuggling.
 */
int vx_smtp_data_next(struct vx_smtp_data *d, vx_slice *in, vx_slice *out);

/* Does a BDAT chunk keep to CRLF?  *cr: the last octet before it was a CR. */
bool vx_smtp_chunk_ok(vx_slice chunk, bool *cr);

#endif
