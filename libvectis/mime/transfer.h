/*
 * transfer.h - content transfer encodings undone in pieces (RFC 2045 6.7, 6.8).
 *
 * Lenient: what is no quoted-printable stays as it is, what is no base64 is passed over.
 * The result is the same whichever way the octets are cut.
 */
#ifndef VX_MIME_TRANSFER_H
#define VX_MIME_TRANSFER_H

#include "vectis/buf.h"

#define VX_TRANSFER_HELD_MAX ((size_t)80) /* a run of more blanks is text */

enum vx_transfer_kind {
	VX_TRANSFER_PLAIN, /* 7bit, 8bit, binary: copied */
	VX_TRANSFER_QP,
	VX_TRANSFER_Q, /* RFC 2047's: "_" is a blank */
	VX_TRANSFER_BASE64,
};

struct vx_transfer { /* { .kind = k }; no memory of its own */
	enum vx_transfer_kind kind;
	uint32_t acc; /* base64: bits not yet handed out */
	unsigned bits;
	/* quoted-printable: what may be an escape, or blanks at the end of a line */
	char held[VX_TRANSFER_HELD_MAX];
	size_t held_len;
};

enum vx_transfer_kind vx_transfer_find(vx_slice encoding);
/* Append at most VX_TRANSFER_HELD_MAX octets more than body has. */
void vx_transfer_add(struct vx_transfer *t, vx_slice body, struct vx_buf *out);
/* After the last piece: append what was held back. */
void vx_transfer_end(struct vx_transfer *t, struct vx_buf *out);
/* All at once. */
void vx_transfer_run(enum vx_transfer_kind kind, vx_slice body, struct vx_buf *out);

#endif
