/*
 * dmarc_walk.h - DNS questions of DMARC, each asked once, and the tree walk over them
 * (RFC 9989 4.10).
 *
 * What needs an answer is begun anew when it is there: a function that returns VX_WAIT
 * has put its question down, and is called again after the answer.
 */
#ifndef VX_MAILAUTH_DMARC_WALK_H
#define VX_MAILAUTH_DMARC_WALK_H

#include "vectis/dmarc.h"

struct vx_dmarc_asked {
	struct vx_dns_question question;
	bool answered, failed;         /* failed: nobody knows */
	bool exists;                   /* the name asked for, or names below it */
	unsigned records;              /* DMARC records at it */
	struct vx_dmarc_record record; /* the first, or the first with addresses */
};

struct vx_dmarc_dns {
	struct vx_dmarc_asked asked[VX_DMARC_QUESTIONS_MAX];
	size_t count;
	struct vx_arena arena;
};

void vx_dmarc_dns_init(struct vx_dmarc_dns *dns);
void vx_dmarc_dns_done(struct vx_dmarc_dns *dns);

/* VX_WAIT with the question that has no answer yet; VX_OK: there is none. */
int vx_dmarc_dns_next(const struct vx_dmarc_dns *dns, struct vx_dns_question *question);
/* VX_OK; VX_ESTATE; VX_ENOMEM: it may be given again. */
int vx_dmarc_dns_answer(struct vx_dmarc_dns *dns, const struct vx_dns_answer *answer);

/*
 * VX_OK: *out is the answer (borrowed until dns is done); of a name that is too long it
 * says that there is nothing.  VX_WAIT; VX_ELIMIT: enough was asked.
 */
int vx_dmarc_dns_ask(struct vx_dmarc_dns *dns, enum vx_dns_type type, const char *prefix,
    vx_slice name, const struct vx_dmarc_asked **out);

struct vx_dmarc_walk {
	vx_slice organizational; /* within name */
	vx_slice policy_domain;  /* where the policy is when name has none itself */
	const struct vx_dmarc_record *policy; /* NULL: there is none */
};

/*
 * From name up to the root; name outlives *out.  VX_OK, VX_WAIT; VX_ETEMP: a question
 * failed; VX_ELIMIT.
 */
int vx_dmarc_walk(struct vx_dmarc_dns *dns, vx_slice name, struct vx_dmarc_walk *out);

/*
 * Is the organizational domain of name the one that is given?  That of a name is the name
 * or above it, so that names elsewhere need no questions.  VX_DONE: it is; VX_OK: it is
 * not; VX_WAIT, VX_ETEMP, VX_ELIMIT.
 */
int vx_dmarc_same_organization(
    struct vx_dmarc_dns *dns, vx_slice name, vx_slice organizational);

#endif
