/* relay.h - inside queue/: where a recipient is due, as the rules are in a transaction.
 */
#ifndef VX_QUEUE_RELAY_H
#define VX_QUEUE_RELAY_H

#include "queue/record.h"
#include "vectis/relay.h"

/* What the queue calls it: the destination as it was, or the mark and a relay's name. */
struct vx_slot {
	char name[VX_DNS_NAME_MAX + 1];
	size_t len;
};
static inline vx_slice vx_slot_slice(const struct vx_slot *s)
{
	return vx_slice_of(s->name, s->len);
}

/* VX_OK, or what reading gave. */
int vx_queue_slot(struct vx_kv_txn *txn, vx_slice domain, vx_slice destination,
    vx_slice mx, struct vx_slot *out);
/* Of a path in the queue, the destination that it has by itself: VX_OK, VX_EINVAL. */
int vx_queue_destination_of(vx_slice path, struct vx_slot *out);

#endif
