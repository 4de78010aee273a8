/*
 * bounce.h - how much of what a domain of ours sends comes to its recipients, by the day
 * (OUT-19): counted in the transaction in which a recipient leaves the queue, and in that
 * which takes another server's report about one who had left it already.
 */
#ifndef VECTIS_BOUNCE_H
#define VECTIS_BOUNCE_H

#include "vectis/dns.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_BOUNCE_DAYS 90 /* that are kept */

enum vx_bounce_kind {
	VX_BOUNCE_SENT,          /* the other server took it */
	VX_BOUNCE_HARD,          /* it refused for good: there is no such mailbox */
	VX_BOUNCE_SOFT,          /* it took too long, or may be another time */
	VX_BOUNCE_RETURNED_HARD, /* it was taken, and came back later */
	VX_BOUNCE_RETURNED_SOFT,
	VX_BOUNCE_KINDS
};
struct vx_bounces { /* recipients of a domain, in some days */
	char domain[VX_DNS_NAME_MAX + 1];
	uint64_t counts[VX_BOUNCE_KINDS];
};
/*
 * Of the first domain that sorts after another ("": of the first), the days from one on,
 * counted since 1970.  VX_OK; VX_ENOENT: there is none; VX_ECORRUPT.
 */
VX_API int vx_bounces_next(
    struct vx_view *v, vx_slice after, uint32_t from_day, struct vx_bounces *out);
/* One more.  VX_OK, VX_EINVAL, or the store's failure. */
VX_API int vx_bounce_count(
    struct vx_kv_txn *txn, vx_slice domain, uint64_t now_s, enum vx_bounce_kind kind);
/*
 * Is a failure for good, by its enhanced status (RFC 3463)?  A mailbox that is full, a
 * system that is busy and a policy may be otherwise another day.
 */
VX_API bool vx_bounce_is_hard(const char *status);

VX_END_DECLS

#endif
