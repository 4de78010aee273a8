/* chain.h - the ARC sets of a header (RFC 8617 4.2), for checking and for adding one. */
#ifndef VX_MAILAUTH_CHAIN_H
#define VX_MAILAUTH_CHAIN_H

#include "mailauth/signature.h"
#include "vectis/arc.h"

struct vx_chain_set {
	/* Borrow from the header; whole.ptr NULL: it is missing. */
	struct vx_field results, message, seal;
	struct vx_signature *message_sig, *seal_sig; /* in the arena */
	vx_slice payload;                            /* of results, in the arena */
};

struct vx_chain {
	struct vx_chain_set sets[VX_ARC_SETS_MAX]; /* instance 1 is the first */
	unsigned count;                            /* the highest instance */
	size_t fields;                             /* of ARC, at all */
	/* NULL, or why it is broken (static): RFC 8617 5.2, steps 1 to 3; where. */
	const char *broken;
	unsigned broken_at; /* an instance, or 0 */
	bool ended;         /* the last seal says fail */
};

/* VX_OK, VX_ELIMIT: the arena is full. */
int vx_chain_collect(
    const struct vx_mail_header *h, struct vx_arena *arena, struct vx_chain *out);
/*
 * Hash the sets of a chain that is not broken in the order of RFC 8617 5.1.1; each seal's
 * digest becomes what it is the signature of.  *hash is what follows the last one.
 */
void vx_chain_hash(struct vx_chain *c, struct vx_sha256_state *hash);

#endif
