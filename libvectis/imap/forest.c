#include "imap/forest.h"

#include "base/mem.h"
#include "vectis/err.h"

#define NONE VX_FOREST_NONE

enum {
	FIRST_CAP = 64
};

void vx_forest_init(struct vx_forest *f)
{
	*f = (struct vx_forest){ 0 };
}

void vx_forest_done(struct vx_forest *f)
{
	vx_free(f->parent);
	vx_free(f->up);
	vx_free(f->left);
	vx_free(f->right);
	vx_forest_init(f);
}

static bool resize(uint32_t **array, size_t cap)
{
	uint32_t *grown = vx_realloc(*array, cap * sizeof(*grown));

	if (grown != NULL)
		*array = grown;
	return grown != NULL;
}

int vx_forest_grow(struct vx_forest *f)
{
	if (f->count == f->cap) {
		const size_t cap = f->cap == 0 ? FIRST_CAP : 2 * f->cap;

		if (!resize(&f->parent, cap) ||
		    (f->up != NULL && (!resize(&f->up, cap) || !resize(&f->left, cap) ||
					  !resize(&f->right, cap))))
			return VX_ENOMEM;
		f->cap = cap;
	}
	f->parent[f->count] = NONE;
	if (f->up != NULL)
		f->up[f->count] = f->left[f->count] = f->right[f->count] = NONE;
	f->count++;
	return VX_OK;
}

/* --- the link-cut tree ------------------------------------------------------------- */

/*
 * Paths of the forest are splay trees by depth.  up is the parent in the splay tree, or
 * for the root of one the parent of its path's top.
 */
static bool is_top(const struct vx_forest *f, uint32_t x)
{
	const uint32_t p = f->up[x];

	return p == NONE || (f->left[p] != x && f->right[p] != x);
}

static void rotate(struct vx_forest *f, uint32_t x)
{
	const uint32_t p = f->up[x], g = f->up[p];
	const bool is_left = f->left[p] == x;
	const uint32_t middle = is_left ? f->right[x] : f->left[x];

	if (!is_top(f, p)) {
		if (f->left[g] == p)
			f->left[g] = x;
		else
			f->right[g] = x;
	}
	f->up[x] = g;
	f->up[p] = x;
	if (middle != NONE)
		f->up[middle] = p;
	if (is_left) {
		f->left[p] = middle;
		f->right[x] = p;
	} else {
		f->right[p] = middle;
		f->left[x] = p;
	}
}

static void splay(struct vx_forest *f, uint32_t x)
{
	while (!is_top(f, x)) {
		const uint32_t p = f->up[x];

		if (!is_top(f, p)) {
			const uint32_t g = f->up[p];

			rotate(f, (f->left[g] == p) == (f->left[p] == x) ? p : x);
		}
		rotate(f, x);
	}
}

/* Make the way from x to its root one splay tree, with x at its top. */
static void expose(struct vx_forest *f, uint32_t x)
{
	uint32_t below = NONE;

	for (uint32_t y = x; y != NONE; y = f->up[y]) {
		splay(f, y);
		f->right[y] = below;
		below = y;
	}
	splay(f, x);
}

static uint32_t deep_root(struct vx_forest *f, uint32_t x)
{
	expose(f, x);
	while (f->left[x] != NONE)
		x = f->left[x];
	splay(f, x);
	return x;
}

/* Every node is a splay tree of its own: that is a link-cut tree already. */
static int make_deep(struct vx_forest *f)
{
	if (f->up != NULL)
		return VX_OK;
	f->up = vx_alloc_array(f->cap, sizeof(*f->up));
	f->left = vx_alloc_array(f->cap, sizeof(*f->left));
	f->right = vx_alloc_array(f->cap, sizeof(*f->right));
	if (f->up == NULL || f->left == NULL || f->right == NULL) {
		vx_free(f->up);
		vx_free(f->left);
		vx_free(f->right);
		f->up = f->left = f->right = NULL;
		return VX_ENOMEM;
	}
	for (size_t i = 0; i < f->count; i++) {
		f->up[i] = f->parent[i];
		f->left[i] = f->right[i] = NONE;
	}
	return VX_OK;
}

/* --- linking ----------------------------------------------------------------------- */

static int root_of(struct vx_forest *f, uint32_t x, uint32_t *root)
{
	uint32_t at = x;
	int rc;

	for (unsigned n = 0; n < VX_FOREST_WALK; n++, at = f->parent[at]) {
		if (f->parent[at] == NONE) {
			*root = at;
			return VX_OK;
		}
	}
	rc = make_deep(f);
	if (rc == VX_OK)
		*root = deep_root(f, x);
	return rc;
}

int vx_forest_link(struct vx_forest *f, uint32_t parent, uint32_t child)
{
	uint32_t root = NONE;
	const int rc = root_of(f, parent, &root);

	if (rc != VX_OK)
		return rc;
	if (root == child)
		return 0;
	f->parent[child] = parent;
	if (f->up != NULL) {
		expose(f, child); /* a root: nothing is to its left */
		f->up[child] = parent;
	}
	return 1;
}

void vx_forest_cut(struct vx_forest *f, uint32_t child)
{
	f->parent[child] = NONE;
	if (f->up != NULL) {
		expose(f, child);
		if (f->left[child] != NONE)
			f->up[f->left[child]] = NONE;
		f->left[child] = NONE;
	}
}
