/*
 * lists.h - the mailing lists of the directory's tree as check and repair see them; what
 * else is in their records is directory/'s.
 *
 * A list has a number, which its members' keys begin with: without the list nobody finds
 * them, until another one gets its number.
 */
#ifndef VX_STORE_LISTS_H
#define VX_STORE_LISTS_H

#include "store/keys.h"

struct vx_lists {
	struct vx_list_seen {
		uint32_t number;
		uint64_t created;
		bool taken; /* by the list that keeps it */
	} * list;           /* own; ascending numbers */
	size_t count, cap;
};

enum vx_list_entry {
	VX_LIST_NONE, /* it is about no list */
	VX_LIST_GOOD,
	VX_LIST_DAMAGED,       /* the list, or the member */
	VX_LIST_TWICE,         /* an older list has its number */
	VX_LIST_ORPHAN,        /* a member of no list */
	VX_LIST_DAMAGED_MEMBER /* its record, not its list's */
};

/* All lists that can be read.  VX_OK, VX_ENOMEM, or what reading gave. */
int vx_lists_read(struct vx_kv_txn *txn, struct vx_lists *out);
void vx_lists_done(struct vx_lists *l);
/* What an entry of the tree is; *number of its list, unless it is NONE or DAMAGED. */
enum vx_list_entry vx_lists_look(
    struct vx_lists *l, vx_slice key, vx_slice value, uint32_t *number);
/* The highest number; 0: there is no list. */
uint32_t vx_lists_highest(const struct vx_lists *l);
/* A list's record gets another number; out is as long as it. */
void vx_list_renumber(vx_slice value, uint32_t number, char *out);

#endif
