/* repair.h - store repair in two halves: what can be walked, then what can be believed.
 */
#ifndef VX_STORE_REPAIR_H
#define VX_STORE_REPAIR_H

#include "store/guard.h"
#include "store/keys.h"
#include "store/lists.h"

/* Copy all entries of the state file that can be reached to a new file. */
int vx_salvage(const char *from, const char *to, vx_store_report_fn *report, void *ctx,
    struct vx_error *err);

enum {
	VX_REPAIR_BATCH = 2000,
	VX_REPAIR_BAD_MAX = 64
};

/* Shared between the children: a volume that crashed one is not touched again. */
struct known {
	uint32_t reading; /* the volume that is being read, 0: none */
	uint32_t bad[VX_REPAIR_BAD_MAX];
	unsigned bad_count;
};

struct repair {
	struct vx_guard *g;
	const char *dir;
	struct known *known;
	struct vx_store *store; /* its state is the new one */
	struct vx_kv_env *old;  /* what was salvaged */
	struct vx_kv_txn *in, *out;
	unsigned pending; /* written and not committed */
	uint64_t *blobs;  /* own: of every record that was kept */
	size_t blob_count, blob_cap;
	uint32_t last_account;
	struct vx_lists lists;
	uint64_t lists_lost, members_lost;
	uint64_t lost, described;
};

typedef int vx_repair_entry_fn(struct repair *r, vx_slice key, vx_slice value);

/* Commit what was written, and begin again; after enough entries; after one. */
int vx_repair_next_txn(struct repair *r);
int vx_repair_breathe(struct repair *r);
int vx_repair_put(struct repair *r, enum vx_tree tree, vx_slice key, vx_slice value);
/* Every salvaged entry of a tree whose key begins with prefix. */
int vx_repair_each(struct repair *r, enum vx_tree tree, const struct vx_key *prefix,
    vx_repair_entry_fn *fn);
/*
 * Can the message be read?  Its descriptor is made again where it is missing.  VX_OK,
 * VX_ENOENT: it is lost; else the repair failed.
 */
int vx_repair_believe(struct repair *r, uint64_t blob, uint32_t size, bool sure);
int vx_repair_keep_blob(struct repair *r, uint64_t blob);
/* All accounts with their mailboxes and records. */
int vx_repair_accounts(struct repair *r);

#endif
