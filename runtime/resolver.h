/*
 * resolver.h - the DNS for a worker: libunbound, validating, on the worker's loop.
 *
 * It asks the name servers themselves, or the resolvers of dns.upstream.  No thread and
 * no file of its own once it is made.
 */
#ifndef VX_RUNTIME_RESOLVER_H
#define VX_RUNTIME_RESOLVER_H

#include "vectis/config.h"
#include "vectis/service.h"

#include <uv.h>

#define VX_LOOKUPS_MAX 20000    /* under way at once */
#define VX_LOOKUP_MS 15000      /* then it has failed */
#define VX_LOOKUP_KEPT 4096     /* answers that are remembered */
#define VX_LOOKUP_FRESH_MS 1000 /* how old an answer to a fresh lookup may be */

struct vx_resolver;
/*
 * Before the sandbox: it reads the trust anchor.  c is borrowed.  VX_OK; else err says
 * why.  A missing trust anchor is a warning: then no answer is secure.
 */
int vx_resolver_new(uv_loop_t *loop, const struct vx_config *c, const struct vx_log *log,
    struct vx_resolver **out, struct vx_error *err);
/*
 * As ask and forget of struct vx_loop.  Fresh lookups have a context of libunbound's to
 * themselves, with nothing in its memory, that goes when it is old and nobody waits.
 */
int vx_resolver_ask(struct vx_resolver *r, struct vx_lookup *l);
void vx_resolver_forget(struct vx_resolver *r, struct vx_lookup *l);
/* Once a second: what takes too long has failed. */
void vx_resolver_sweep(struct vx_resolver *r);
/* Nobody waits for an answer any more; the loop has still to turn until handles are
 * closed. */
void vx_resolver_free(struct vx_resolver *r);

#endif
