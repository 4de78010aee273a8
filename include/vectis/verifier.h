/*
 * verifier.h - looks for the record of ownership.h of domains that are pending, on any
 * loop, and notes that it was seen.  One process of a store has it.
 *
 * It learns of changes by the store's watch; while no domain is pending it does nothing.
 */
#ifndef VECTIS_VERIFIER_H
#define VECTIS_VERIFIER_H

#include "vectis/log.h"
#include "vectis/ownership.h"
#include "vectis/service.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_VERIFIER_AT_ONCE 16    /* look-ups under way; others wait for their turn */
#define VX_VERIFIER_SOON_S 60     /* between two looks, in the first hour; */
#define VX_VERIFIER_LATER_S 600   /* in the first day; */
#define VX_VERIFIER_SELDOM_S 3600 /* and later: since it was asked for last */

struct vx_verifier_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed, like all here */
	const struct vx_log *log;
	struct vx_loop *loop; /* with ask */
};

struct vx_verifier;
/* VX_OK, VX_ENOMEM, or what watching the store gave. */
VX_API int vx_verifier_new(const struct vx_verifier_options *o, struct vx_verifier **out);
VX_API void vx_verifier_free(struct vx_verifier *v);
/* Every second, on the loop's thread. */
VX_API void vx_verifier_tick(struct vx_verifier *v);

VX_END_DECLS

#endif
