/*
 * map.h - a table from octets to pointers: open addressing, SipHash with a random key.
 *
 * The key's octets are borrowed: they live as long as the entry (usually inside the
 * value).  limit is the most entries it takes.  Not thread-safe.
 */
#ifndef VX_BASE_MAP_H
#define VX_BASE_MAP_H

#include "base/hash.h"

struct vx_map_entry;

struct vx_map {
	struct vx_map_entry *slots; /* own */
	size_t count;
	size_t used; /* with the tombstones */
	size_t cap;  /* a power of two, or 0 */
	size_t limit;
	struct vx_siphash_key key;
};

void vx_map_init(struct vx_map *m, size_t limit);
void vx_map_done(struct vx_map *m);

/* The value, or NULL. */
void *vx_map_find(const struct vx_map *m, vx_slice key);
/* Add or replace (value is not NULL).  VX_OK, VX_ELIMIT, VX_ENOMEM. */
int vx_map_set(struct vx_map *m, vx_slice key, void *value);
/* Remove; returns the value that was there, or NULL. */
void *vx_map_remove(struct vx_map *m, vx_slice key);

/*
 * Walk: *at starts at 0; NULL at the end.  Removing the entry just handed out is
 * allowed, adding is not.
 */
void *vx_map_next(const struct vx_map *m, size_t *at);

#endif
