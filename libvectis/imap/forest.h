/*
 * forest.h - trees of nodes that are linked and cut, for THREAD.
 *
 * Whether a link would make a loop is answered in O(log n) on average over all calls,
 * however deep the mail makes its threads: nodes within VX_FOREST_WALK of their root
 * by walking, deeper ones by a link-cut tree (Sleator and Tarjan), which is made when the
 * first deep one is met.
 */
#ifndef VX_IMAP_FOREST_H
#define VX_IMAP_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VX_FOREST_NONE UINT32_MAX
#define VX_FOREST_WALK 32

struct vx_forest {
	uint32_t *parent; /* own: of each node, VX_FOREST_NONE: a root */
	size_t count, cap;
	uint32_t *up, *left, *right; /* own: the link-cut tree; NULL: not made yet */
};

void vx_forest_init(struct vx_forest *f);
void vx_forest_done(struct vx_forest *f);
/* A root more: node number count - 1.  VX_OK, VX_ENOMEM. */
int vx_forest_grow(struct vx_forest *f);
/* Make the root child a child of parent.  1: done; 0: that would be a loop; VX_ENOMEM. */
int vx_forest_link(struct vx_forest *f, uint32_t parent, uint32_t child);
void vx_forest_cut(struct vx_forest *f, uint32_t child);

#endif
