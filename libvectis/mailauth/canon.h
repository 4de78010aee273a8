/* canon.h - the octets that are hashed: simple and relaxed (RFC 6376 3.4). */
#ifndef VX_MAILAUTH_CANON_H
#define VX_MAILAUTH_CANON_H

#include "vectis/crypto.h"
#include "vectis/dkim.h"
#include "vectis/header.h"

/*
 * Hash a field.  without is what is left out of it, the value of b=, and then no line end
 * is added; { NULL, 0 }: the whole field with CRLF.
 */
void vx_canon_field(struct vx_sha256_state *hash, bool relaxed,
    const struct vx_field *field, vx_slice without);

/* --- the body ------------------------------------------------------------------------
 */

struct vx_body_hash {
	bool relaxed;
	uint64_t length; /* of the canonical body that counts, UINT64_MAX: all */
	uint64_t left;
	struct vx_sha256_state state;
	char digest[VX_SHA256_OCTETS];
};

/* What of a body was seen and is not yet part of its canonical form. */
struct vx_body_canon {
	uint64_t lines; /* ends of lines, which count when something follows */
	bool blank;     /* WSP, the same (relaxed) */
	bool cr;        /* and then a CR */
	bool any;       /* something was handed out */
};

/* The hashes of one body; embedded, all zero at first. */
struct vx_body {
	struct vx_body_canon canon[2]; /* simple, relaxed */
	bool wanted[2];
	struct vx_body_hash hashes[VX_DKIM_BODY_HASHES_MAX];
	size_t count;
};

/* Which of the hashes it will be; -1: there are too many.  Before the first octet. */
int vx_body_want(struct vx_body *b, bool relaxed, uint64_t length);
void vx_body_add(struct vx_body *b, vx_slice octets);
/* Then there are digests. */
void vx_body_end(struct vx_body *b);
/* Is the canonical body shorter than the length that counts? */
static inline bool vx_body_short(const struct vx_body_hash *h)
{
	return h->length != UINT64_MAX && h->left > 0;
}

#endif
