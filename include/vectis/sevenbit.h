/*
 * sevenbit.h - a message made fit for a server that takes 7 bits only (RFC 6152 3).
 *
 * What is no 7bit data (RFC 2045 2.7) becomes quoted-printable or base64, part by part,
 * and the Content-Transfer-Encoding fields say so.  The message is read twice, in pieces
 * cut anywhere: once to count, and to see whether it may be changed at all; once to be
 * written.  What is kept is a row for each part, and one header block at a time.
 */
#ifndef VECTIS_SEVENBIT_H
#define VECTIS_SEVENBIT_H

#include "vectis/header.h"
#include "vectis/message.h"

VX_BEGIN_DECLS

/* What a piece may append beyond three octets for each that it has, at the most. */
#define VX_SEVEN_OUT_MAX ((size_t)VX_HEADER_OCTETS_MAX + 4096)

enum vx_seven_refusal {
	VX_SEVEN_NONE,
	VX_SEVEN_SEALED, /* what is signed or encrypted may not be changed (RFC 1847) */
	VX_SEVEN_UTF8,   /* a header has octets above 127 */
	VX_SEVEN_STRUCTURE, /* beyond the limits of message.h, or not what it says */
	VX_SEVEN_ENCODING   /* a part has an encoding that forbids what is in it */
};
/* In words for a person, and its status (RFC 3463).  Static. */
VX_API const char *vx_seven_refusal_text(enum vx_seven_refusal why);
VX_API const char *vx_seven_refusal_status(enum vx_seven_refusal why);

struct vx_seven;

/*
 * d describes the message; from: octets at its beginning that are left away, whole lines
 * of its header.  d is not needed afterwards.  VX_OK, VX_ENOMEM, VX_ECORRUPT, VX_EINVAL.
 */
VX_API int vx_seven_new(
    const struct vx_descriptor *d, uint64_t from, struct vx_seven **out);
VX_API void vx_seven_free(struct vx_seven *s); /* NULL is fine */

/* First all octets behind from.  VX_OK, VX_ENOMEM, VX_ECORRUPT: they are too many. */
VX_API int vx_seven_count(struct vx_seven *s, vx_slice octets);
/*
 * That was all.  VX_OK; VX_EUNSUP: it stays as it is, *why says why; VX_ECORRUPT: it was
 * not what the descriptor describes; VX_ENOMEM.
 */
VX_API int vx_seven_plan(struct vx_seven *s, enum vx_seven_refusal *why);

/* After a plan: octets that will be written, and whether a CR or LF in them ends no line.
 */
VX_API uint64_t vx_seven_size(const struct vx_seven *s);
VX_API bool vx_seven_has_bare(const struct vx_seven *s);

/*
 * Then all of them again: append what becomes of them, and at the end what is held.
 * VX_OK, VX_ENOMEM, VX_ECORRUPT, VX_ESTATE: there is no plan.  rewind: from the beginning
 * once more.
 */
VX_API int vx_seven_write(struct vx_seven *s, vx_slice octets, struct vx_buf *out);
VX_API int vx_seven_end(struct vx_seven *s, struct vx_buf *out);
VX_API void vx_seven_rewind(struct vx_seven *s);

VX_END_DECLS

#endif
