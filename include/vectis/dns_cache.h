/*
 * dns_cache.h - answers of a resolver that are remembered for their time (RFC 2181 8,
 * RFC 2308).  What is not used for longest goes when there is no more room.  Not
 * thread-safe.
 */
#ifndef VECTIS_DNS_CACHE_H
#define VECTIS_DNS_CACHE_H

#include "vectis/dns.h"

VX_BEGIN_DECLS

#define VX_DNS_KEPT_S 3600      /* however long an answer is good for */
#define VX_DNS_FAILED_S 5       /* what has failed (RFC 2308 7) */
#define VX_DNS_KEPT_OCTETS 8192 /* of one answer's records; larger ones are not kept */

struct vx_dns_cache;
/* Of so many answers at most.  VX_OK, VX_ENOMEM. */
VX_API int vx_dns_cache_new(size_t answers_max, struct vx_dns_cache **out);
VX_API void vx_dns_cache_free(struct vx_dns_cache *c);
/* now_s: any clock in seconds that does not go back. */
VX_API void vx_dns_cache_put(struct vx_dns_cache *c, const struct vx_dns_question *q,
    const struct vx_dns_answer *a, uint64_t now_s);
/* NULL: not known; else good until the next call, with the time that is left as ttl. */
VX_API const struct vx_dns_answer *vx_dns_cache_find(
    struct vx_dns_cache *c, const struct vx_dns_question *q, uint64_t now_s);

VX_END_DECLS

#endif
