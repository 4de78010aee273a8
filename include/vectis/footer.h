/*
 * footer.h - a text that is put below what a message says (features OUT-14).
 *
 * It goes to the end of the first text, and of both forms where a multipart/alternative
 * has two: in the encoding that they have, and in their charset or, where that cannot be,
 * with the text turned into UTF-8.  What is signed or encrypted is left alone (RFC 1847,
 * RFC 8551, and OpenPGP in a text), and so is a text that has it already, but for what it
 * quotes.
 */
#ifndef VECTIS_FOOTER_H
#define VECTIS_FOOTER_H

#include "vectis/header.h"
#include "vectis/message.h"

VX_BEGIN_DECLS

#define VX_FOOTER_OCTETS_MAX 3500 /* of a form */
#define VX_FOOTER_LINE_MAX 900    /* octets of a line of it */
/*
 * Octets at the beginning of a message, its header included, among which the texts have
 * to end: of a larger text nobody keeps more in memory.
 */
#define VX_FOOTER_HELD_MAX ((size_t)1024 * 1024)

struct vx_footer {
	vx_slice text; /* UTF-8, lines with CR LF or LF */
	vx_slice html; /* what stands in a body; empty: made of the text */
};

/* May it be one?  VX_OK; VX_EINVAL: no UTF-8, control characters; VX_ELIMIT. */
VX_API int vx_footer_check(const struct vx_footer *f);

/*
 * Append to out a message with the footer, or the beginning of one: held is all of it
 * when whole is set, else what follows may be appended as it is.  VX_OK; VX_ENOENT: it
 * stays as it is, and nothing was appended; VX_ELIMIT: out is full; VX_ENOMEM.
 */
VX_API int vx_footer_add(
    vx_slice held, bool whole, const struct vx_footer *f, struct vx_buf *out);

VX_END_DECLS

#endif
