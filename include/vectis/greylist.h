/*
 * greylist.h - who has written to whom before (RFC 6647): a stranger is asked to try
 * again later, which those who send spam from other people's machines seldom do.
 *
 * What is remembered is a digest of the client's network, the sender and the recipient.
 */
#ifndef VECTIS_GREYLIST_H
#define VECTIS_GREYLIST_H

#include "vectis/network.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_GREYLIST_KEY_OCTETS 16
#define VX_GREYLIST_RETRY_S                                                              \
	(2u * 86400)                     /* who does not come back by then is new again  \
					  */
#define VX_GREYLIST_KEEP_S (35u * 86400) /* since they wrote last */
#define VX_GREYLIST_MAX 500000           /* when there are more nobody is asked to wait */
#define VX_GREYLIST_FRESH_S 86400u       /* who wrote within a day need not be noted */
#define VX_GREYLIST_SWEEP 1000           /* that one op looks at */

struct vx_greylist_key {
	char octets[VX_GREYLIST_KEY_OCTETS];
};
/* Of an IPv4 network of 24 bits, IPv6 of 64: senders have several machines. */
VX_API void vx_greylist_key(const struct vx_store *store, const struct vx_network *client,
    vx_slice sender, vx_slice recipient, struct vx_greylist_key *out);

enum vx_greylist_state {
	VX_GREYLIST_NEW,   /* never seen: note it */
	VX_GREYLIST_EARLY, /* it came back too soon */
	VX_GREYLIST_BACK,  /* known, and that is to be noted */
	VX_GREYLIST_KNOWN
};
/* wait_s: until it is known, 0 if it is.  VX_OK, VX_ECORRUPT. */
VX_API int vx_greylist_find(struct vx_view *v, const struct vx_greylist_key *k,
    uint64_t now_s, uint32_t delay_s, enum vx_greylist_state *state, uint32_t *wait_s);

/* Note that they were here, and, now and then, forget those who were not for long. */
struct vx_greylist_op {
	struct vx_store_op op;
	struct vx_greylist_key key;
	uint64_t now_s;
	uint32_t delay_s;
	bool sweep; /* forget instead, of those from key on; out: key is where to go on */
	bool more;  /* out: of sweep: that was not all */
	void *ctx;  /* the submitter's */
};
VX_API void vx_greylist_op_init(struct vx_greylist_op *op);

VX_END_DECLS

#endif
