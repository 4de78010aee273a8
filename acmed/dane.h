/*
 * dane.h - TLSA records of port 25: what others see of them, and setting them at who
 * serves the zone.  One task at a time.
 */
#ifndef VX_ACMED_DANE_H
#define VX_ACMED_DANE_H

#include "runtime/runtime.h"
#include "vectis/acme.h"

#define DANE_LOOK_S 30 /* that the DNS has to answer */

struct dane;
/* done is called with the answer to what dane_do said VX_WAIT to. */
typedef void dane_done_fn(void *ctx, const struct vx_acme_answer *answer);
/* VX_OK, VX_ENOMEM.  Without a token records are looked at and not set. */
int dane_new(struct vx_worker *w, dane_done_fn *done, void *ctx, struct dane **out);
void dane_free(struct dane *d);
/*
 * A step TLSA or PUBLISH.  VX_OK: *answer says how it went, its text is good until the
 * next call; VX_WAIT: done will be called, perhaps before this returns.
 */
int dane_do(
    struct dane *d, const struct vx_acme_step *step, struct vx_acme_answer *answer);
/* Every second. */
void dane_tick(struct dane *d);

#endif
