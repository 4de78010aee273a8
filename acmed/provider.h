/*
 * provider.h - the requests of a task at who serves the zone, one after the other.
 */
#ifndef VX_ACMED_PROVIDER_H
#define VX_ACMED_PROVIDER_H

#include "runtime/runtime.h"
#include "vectis/cloudflare.h"
#include "vectis/fetch.h"

/* The task is over: vx_cf_result says how. */
typedef void provider_over_fn(void *ctx);

struct provider {
	struct vx_cf *cf; /* own; NULL: it is not open */
	struct vx_worker *worker;
	provider_over_fn *over;
	void *ctx;
	struct vx_fetch fetch;
	bool fetching;
	uint64_t wake_ms; /* its ration of requests; 0: nothing is to be done */
};

/* VX_OK; VX_ENOENT: there is no token for it; VX_EINVAL: the token is none; VX_ENOMEM. */
int provider_open(
    struct provider *p, struct vx_worker *w, provider_over_fn *over, void *ctx);
/* Also of one that is not open, all zero. */
void provider_close(struct provider *p);
/* A task was begun with cf: its first request is made by the next tick, not from here. */
void provider_begin(struct provider *p);
/* Every second. */
void provider_tick(struct provider *p);

#endif
