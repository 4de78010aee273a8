/*
 * sts_cache.h - MTA-STS policies that are remembered, in the store (RFC 8461 3.3): what a
 * domain promised holds until it is too old, whatever happens to its servers, and to us.
 */
#ifndef VECTIS_STS_CACHE_H
#define VECTIS_STS_CACHE_H

#include "vectis/store.h"
#include "vectis/sts.h"

VX_BEGIN_DECLS

/* Times are seconds since 1970. */
struct vx_sts_entry {
	char domain[VX_DNS_NAME_MAX + 1]; /* a name of dns.h */
	char id[VX_STS_ID_MAX + 1];       /* of the TXT record; "": none was there then */
	uint32_t fetched;
	uint32_t expires;
	uint32_t used;   /* when mail was last sent by it, give or take a day */
	uint32_t tried;  /* when it was last fetched, or should have been */
	bool failing;    /* the last time it was not */
	vx_slice policy; /* its text, borrowed from the view */
};

/* VX_OK, VX_ENOENT, VX_ECORRUPT.  It may have expired. */
VX_API int vx_sts_cached(struct vx_view *v, const char *domain, struct vx_sts_entry *out);
/* The first with a domain after that ("": the first of all). */
VX_API int vx_sts_cached_next(
    struct vx_view *v, const char *after, struct vx_sts_entry *out);

/* Keep an entry instead of what there was of its domain; with an empty policy, forget. */
struct vx_sts_cache_op {
	struct vx_store_op op;
	struct vx_sts_entry entry;
};
/* VX_EINVAL: no domain, or the policy is too large. */
VX_API void vx_sts_cache_op_init(struct vx_sts_cache_op *op);

VX_END_DECLS

#endif
