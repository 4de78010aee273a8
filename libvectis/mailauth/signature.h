/*
 * signature.h - what a DKIM-Signature (RFC 6376 3.5), an ARC-Message-Signature or an
 * ARC-Seal (RFC 8617 4.1) says.
 */
#ifndef VX_MAILAUTH_SIGNATURE_H
#define VX_MAILAUTH_SIGNATURE_H

#include "mailauth/canon.h"
#include "mailauth/header.h"
#include "vectis/arena.h"

enum vx_signature_kind {
	VX_SIGNATURE_DKIM = 1,
	VX_SIGNATURE_MESSAGE = 2, /* ARC-Message-Signature */
	VX_SIGNATURE_SEAL = 4     /* ARC-Seal */
};

/* Slices are in the arena, but for field's, cut and names, which borrow from the field.
 */
struct vx_signature {
	struct vx_field field;
	vx_slice cut;   /* the value of b= as it is in the field */
	vx_slice names; /* h= */

	vx_slice domain, selector, identity, algorithm;
	vx_slice first;       /* 8 octets of b= */
	vx_slice value;       /* b=, decoded */
	const char *key_name; /* where its key is; NULL: unreadable */
	enum vx_key_type type;
	bool relaxed_header, relaxed_body;
	char body_hash[VX_SHA256_OCTETS];
	uint64_t length;               /* l=, or UINT64_MAX */
	uint64_t begins, expires;      /* t= and x=; 0 and UINT64_MAX when not there */
	unsigned instance;             /* i= of ARC */
	enum vx_verdict chain;         /* cv=: none, pass, fail */
	size_t from_names;             /* how often From is in h= */
	char digest[VX_SHA256_OCTETS]; /* of the header: vx_signature_hash */
};

/*
 * Read what can be read.  NULL, or why it is not valid (static): the first when the arena
 * is full, the second when one of the limits of dkim.h is reached.
 */
extern const char vx_signature_no_memory[], vx_signature_too_large[];
const char *vx_signature_parse(enum vx_signature_kind kind, const struct vx_field *field,
    struct vx_arena *arena, struct vx_signature *out);

/* Hash the header fields of h= and then the field itself, without b=, into out->digest.
 */
void vx_signature_hash(struct vx_signature *s, const struct vx_mail_header *h);

/* NULL, or why it does not count at that time. */
const char *vx_signature_untimely(const struct vx_signature *s, int64_t now_s);

#define VX_SIGNATURE_INSTANCE_MAX 50 /* RFC 8617 4.2.1 */

#endif
