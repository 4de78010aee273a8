/*
 * prover.h - makes challenges answerable: by port 80 for http-01, by records.h for
 * dns-01, by proofs.h for tls-alpn-01; and says what can work for a name, and may, before
 * anything is asked for (look.h).
 */
#ifndef VX_ACMED_PROVER_H
#define VX_ACMED_PROVER_H

#include "runtime/runtime.h"
#include "vectis/acme.h"

#define PROVER_TOKENS_MAX (2 * VX_ACME_NAMES_MAX)

struct prover;
/* done is called with the answer to what prover_do said VX_WAIT to. */
typedef void prover_done_fn(void *ctx, const struct vx_acme_answer *answer);
int prover_new(struct vx_worker *w, prover_done_fn *done, void *ctx, struct prover **out);
void prover_free(struct prover *p);
/*
 * A step LOOK, PERMIT, PROVISION or REMOVE.  VX_OK: *answer says how it went, its text is
 * good until the next call; VX_WAIT: done will be called.
 */
int prover_do(
    struct prover *p, const struct vx_acme_step *step, struct vx_acme_answer *answer);
/* Every second. */
void prover_tick(struct prover *p);
/* What the path of a token answers with; ptr NULL: there is none. */
vx_slice prover_find(const struct prover *p, vx_slice token);
/* The same of what we ask ourselves, to see whether we are found. */
vx_slice prover_self(const struct prover *p, vx_slice token);
/* What answers tls-alpn-01, borrowed; NULL: nothing does. */
struct vx_tls_certs *prover_proofs(const struct prover *p);

#endif
