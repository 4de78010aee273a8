/*
 * intern.h - numbers for strings: equal octets have the same number.
 *
 * Numbers count from 0 in the order of first appearance.  The table is keyed at random,
 * so that who chooses the strings cannot choose their places.
 */
#ifndef VX_BASE_INTERN_H
#define VX_BASE_INTERN_H

#include "base/hash.h"
#include "vectis/buf.h"
#include "vectis/err.h"

struct vx_intern_entry;

struct vx_intern {
	struct vx_buf octets;            /* of all strings */
	struct vx_intern_entry *entries; /* own */
	uint32_t *slots;                 /* own: entry + 1, 0: free */
	size_t count, cap, slot_cap;
	size_t limit; /* octets of memory for all of it */
	struct vx_siphash_key key;
};

void vx_intern_init(struct vx_intern *t, size_t limit); /* below 4 GiB */
void vx_intern_done(struct vx_intern *t);
/* The number of s, which is copied when it is new.  VX_OK, VX_ELIMIT, VX_ENOMEM. */
int vx_intern_add(struct vx_intern *t, vx_slice s, uint32_t *out);
/* Valid until the next add. */
vx_slice vx_intern_get(const struct vx_intern *t, uint32_t number);
/*
 * ranks[number] is the place of each string in the order of their octets.  VX_ENOMEM.
 * The time is n log n whatever the strings are.
 */
int vx_intern_ranks(const struct vx_intern *t, uint32_t *ranks);

#endif
