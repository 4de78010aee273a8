/*
 * arena.h - memory that is given back all at once, with a limit.
 *
 * What a command or a transaction allocates lives here until reset.  All
 * functions return NULL when the limit is reached or memory is short: that is one
 * and the same case for the caller.
 */
#ifndef VECTIS_ARENA_H
#define VECTIS_ARENA_H

#include "vectis/slice.h"

VX_BEGIN_DECLS

struct vx_arena_block;

struct vx_arena {
	struct vx_arena_block *blocks; /* own */
	size_t used;                   /* octets handed out, with alignment */
	size_t limit;
};

/* Embedded.  { .limit = n } is the same.  Nothing is allocated yet. */
VX_API void vx_arena_init(struct vx_arena *a, size_t limit);
VX_API void vx_arena_done(struct vx_arena *a);
/* Everything handed out is gone; one block is kept for the next use. */
VX_API void vx_arena_reset(struct vx_arena *a);

/* size octets, zeroed, aligned for any type. */
VX_API void *vx_arena_alloc(struct vx_arena *a, size_t size);
/* count * size octets, zeroed; NULL also when the product overflows. */
VX_API void *vx_arena_array(struct vx_arena *a, size_t count, size_t size);
/* A copy with a NUL after it (not counted). */
VX_API char *vx_arena_dup(struct vx_arena *a, vx_slice s);
/* The same into a slice: VX_OK or VX_ELIMIT. */
VX_API int vx_arena_copy(struct vx_arena *a, vx_slice s, vx_slice *out);

VX_END_DECLS

#endif
