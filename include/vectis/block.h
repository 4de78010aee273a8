/*
 * block.h - networks from which no mail is taken, by the operator's wish (IN-09).  They
 * are in the store and count from the next message on.
 */
#ifndef VECTIS_BLOCK_H
#define VECTIS_BLOCK_H

#include "vectis/network.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_BLOCKS_MAX 10000
#define VX_BLOCK_REASON_MAX 200 /* octets */

struct vx_block {
	struct vx_network network;
	uint64_t created; /* seconds since 1970 */
	vx_slice reason;  /* for people here; borrowed from the view */
};

/* The narrowest one that has this address.  VX_OK, VX_ENOENT, VX_ECORRUPT. */
VX_API int vx_block_find(
    struct vx_view *v, const struct vx_network *address, struct vx_block *out);
/* The first after `after` (NULL: of all), in the order of their texts.  VX_ENOENT. */
VX_API int vx_block_next(
    struct vx_view *v, const struct vx_network *after, struct vx_block *out);

struct vx_block_op {
	struct vx_store_op op;
	struct vx_block block;
	bool remove; /* else it is added; VX_EEXIST, VX_ENOENT, VX_EINVAL, VX_ELIMIT */
};
VX_API void vx_block_op_init(struct vx_block_op *op);

VX_END_DECLS

#endif
