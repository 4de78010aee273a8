/* lookup.h - the records with the keys of one message (RFC 6376 3.6), and their use. */
#ifndef VX_MAILAUTH_LOOKUP_H
#define VX_MAILAUTH_LOOKUP_H

#include "mailauth/signature.h"

/* What the DNS said of one name. */
struct vx_lookup {
	const char *name;
	enum vx_dns_status status;
	vx_slice texts[VX_DKIM_RECORDS_MAX];
	size_t count;
	bool skipped; /* records that were too long or too many, or were none */
	struct vx_lookup *next;
};

/* Each name is asked for once.  Embedded: { .arena = ... }. */
struct vx_lookups {
	struct vx_arena *arena;
	struct vx_lookup *all;
	const char *asked; /* NULL: no question is open */
};

/* NULL: ask; then *out is the question, which vx_lookups_answer is for. */
const struct vx_lookup *vx_lookups_find(
    struct vx_lookups *l, const char *name, struct vx_dns_question *out);
/* VX_OK; VX_ESTATE: nothing was asked; VX_ELIMIT: the arena is full. */
int vx_lookups_answer(struct vx_lookups *l, const struct vx_dns_answer *answer);

struct vx_outcome {
	enum vx_verdict verdict; /* pass, fail, policy, permerror, temperror */
	const char *reason;      /* static; "" of pass */
	unsigned bits;
	bool testing;
};

/*
 * Is it the signature of s->digest by one of the keys?  *checks is how many signatures
 * may still be checked, and is counted down.
 */
struct vx_outcome vx_lookup_check(
    const struct vx_lookup *l, const struct vx_signature *s, unsigned *checks);

#endif
