#include "vectis/arena.h"

#include "base/mem.h"
#include "vectis/err.h"

#include <stdalign.h>

/* Blocks double from FIRST to MOST, so that small commands stay small. */
enum {
	FIRST = 1024,
	MOST = 65536
};

struct vx_arena_block {
	struct vx_arena_block *next; /* own; the older ones */
	size_t cap;
	size_t used;
	alignas(max_align_t) char data[];
};

void vx_arena_init(struct vx_arena *a, size_t limit)
{
	*a = (struct vx_arena){ .limit = limit };
}

static void free_blocks(struct vx_arena_block *b)
{
	while (b != NULL) {
		struct vx_arena_block *next = b->next;

		vx_free(b);
		b = next;
	}
}

void vx_arena_done(struct vx_arena *a)
{
	free_blocks(a->blocks);
	vx_arena_init(a, a->limit);
}

void vx_arena_reset(struct vx_arena *a)
{
	struct vx_arena_block *b = a->blocks;

	a->used = 0;
	if (b == NULL)
		return;
	free_blocks(b->next);
	b->next = NULL;
	if (b->cap > MOST) {
		vx_free(b);
		a->blocks = NULL;
		return;
	}
	memset(b->data, 0, b->used);
	b->used = 0;
}

static struct vx_arena_block *add_block(struct vx_arena *a, size_t size)
{
	size_t cap = a->blocks == NULL ? FIRST : a->blocks->cap * 2;
	struct vx_arena_block *b;

	if (cap > MOST)
		cap = MOST;
	if (cap < size)
		cap = size;
	b = vx_alloc(sizeof(*b) + cap);
	if (b == NULL)
		return NULL;
	b->cap = cap;
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

void *vx_arena_alloc(struct vx_arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct vx_arena_block *b = a->blocks;
	void *p;

	if (size == 0)
		size = 1;
	if (a->used > a->limit || size > a->limit - a->used || size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) / align * align;
	if ((b == NULL || size > b->cap - b->used) && (b = add_block(a, size)) == NULL)
		return NULL;
	p = b->data + b->used;
	b->used += size;
	a->used += size;
	return p;
}

void *vx_arena_array(struct vx_arena *a, size_t count, size_t size)
{
	size_t total;

	return __builtin_mul_overflow(count, size, &total) ? NULL
							   : vx_arena_alloc(a, total);
}

char *vx_arena_dup(struct vx_arena *a, vx_slice s)
{
	char *p = s.len == SIZE_MAX ? NULL : vx_arena_alloc(a, s.len + 1);

	if (p != NULL && s.len > 0)
		memcpy(p, s.ptr, s.len);
	return p;
}

int vx_arena_copy(struct vx_arena *a, vx_slice s, vx_slice *out)
{
	const char *p = vx_arena_dup(a, s);

	if (p == NULL)
		return VX_ELIMIT;
	*out = vx_slice_of(p, s.len);
	return VX_OK;
}
