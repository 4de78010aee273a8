/*
 * look.h - before anything is asked for: what can work for a name (its addresses, who
 * answers there, records that prove it for good), and whether its owner lets the
 * authority issue (CAA).
 */
#ifndef VX_ACMED_LOOK_H
#define VX_ACMED_LOOK_H

#include "acmed/proofs.h"
#include "runtime/runtime.h"

#define LOOK_S 30 /* that the DNS has for a question */

struct look;
typedef void look_done_fn(void *ctx, const struct vx_acme_answer *answer);
/*
 * proofs is borrowed: one that answers ourselves is put there for a while.  records: TXT
 * records can be set.  VX_OK, VX_ENOMEM.
 */
int look_new(struct vx_worker *w, struct proofs *proofs, bool records, look_done_fn *done,
    void *ctx, struct look **out);
void look_free(struct look *l);
/* A step LOOK or PERMIT: done will be called, perhaps from within. */
void look_begin(struct look *l, const struct vx_acme_step *step);
/* Every second. */
void look_tick(struct look *l);
/* What a token of ours answers with; ptr NULL: it is none. */
vx_slice look_find(const struct look *l, vx_slice token);

#endif
