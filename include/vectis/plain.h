/*
 * plain.h - the text of a message as searches see it: decoded, without markup, folded.
 *
 * One place says what SEARCH compares with, for the scan of a message and for the index
 * alike.  Everything is in the form of vx_text_fold: comparing is looking for octets.
 */
#ifndef VECTIS_PLAIN_H
#define VECTIS_PLAIN_H

#include "vectis/header.h"
#include "vectis/message.h"

VX_BEGIN_DECLS

#define VX_PLAIN_PART_MAX ((size_t)64 << 20) /* of a part: what comes later is not seen  \
					      */
#define VX_PLAIN_KEEP_MAX ((size_t)1 << 20)  /* memory kept from message to message */

/* Room to work in, for one thread.  { 0 } is ready. */
struct vx_plain {
	struct vx_buf raw, decoded, text;
};
VX_API void vx_plain_done(struct vx_plain *p);
/* Give memory back that an unusually long message took. */
VX_API void vx_plain_shrink(struct vx_plain *p);

/* Append a field's value: unfolded, encoded words decoded (RFC 2047), folded. */
VX_API void vx_plain_value(
    struct vx_plain *p, const struct vx_field *f, struct vx_buf *out);
/* Append all fields of a header block, each as "NAME: VALUE\n". */
VX_API void vx_plain_header(struct vx_plain *p, vx_slice block, struct vx_buf *out);

/* Where the octets of a message come from. */
struct vx_plain_source {
	/* Octets [first, end), or fewer at the end of the message; valid until the next
	 * call.  VX_OK, below 0: give up. */
	int (*read)(
	    struct vx_plain_source *source, uint64_t first, uint64_t end, vx_slice *out);
};

/*
 * Append what a message says below its own header: each text part with its charset and
 * transfer encoding undone and HTML's tags taken out, the names and descriptions of its
 * parts, and the headers of messages inside; a line end between each.  VX_OK,
 * VX_ECORRUPT (the descriptor), or what read said.
 */
VX_API int vx_plain_body(struct vx_plain *p, const struct vx_descriptor *d,
    struct vx_plain_source *source, struct vx_buf *out);

VX_END_DECLS

#endif
