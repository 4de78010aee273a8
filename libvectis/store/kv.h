/*
 * kv.h - LMDB, and the only file beside kv.c that knows it exists.
 *
 * Every trap of liblmdb 0.9.24 is handled here and nowhere else: write transactions
 * stay on their thread, the map grows ahead of need and follows other processes'
 * growth (a volume's is as large as it ever gets and stays where it is), an environment
 * that LMDB gave up after a failed write is opened anew, no environment is opened twice,
 * read transactions are pooled, keys compare as octets.
 */
#ifndef VX_STORE_KV_H
#define VX_STORE_KV_H

#include "vectis/err.h"
#include "vectis/slice.h"

struct vx_kv_env;
struct vx_kv_txn;

/* The trees of the state environment (STORE.md 4); VX_TREE_BODY is a volume's only one.
 */
enum vx_tree {
	VX_TREE_META,   /* format version, counters, server secrets */
	VX_TREE_STATE,  /* s: clustered by account | mailbox | kind | rest */
	VX_TREE_DESC,   /* d: descriptors by blob */
	VX_TREE_REFS,   /* r: extra references by blob */
	VX_TREE_DEAD,   /* x: dead queue by time | blob */
	VX_TREE_VOLUME, /* vs: live and dead octets per volume */
	VX_TREE_RING,   /* g: the last changes by number */
	VX_TREE_DIR,    /* directory: domains, accounts, aliases, lists */
	VX_TREE_QUEUE,  /* outbound queue */
	VX_TREE_EVENT,  /* events by time, bounded */
	VX_TREE_REPORT, /* aggregate reports: what they are made of, and what came */
	VX_TREES,
	VX_TREE_BODY = 0, /* of an environment that has one tree */
};

const char *vx_kv_tree_name(enum vx_tree tree);

#define VX_KV_KEY_MAX 511

enum vx_kv_mode {
	VX_KV_READ_ONLY = 1 << 0,
	VX_KV_NO_LOCK = 1 << 1,     /* sealed volumes: nobody writes any more */
	VX_KV_NO_METASYNC = 1 << 2, /* the last commit is made durable by vx_kv_sync */
	VX_KV_VOLUME = 1 << 3,      /* one tree, VX_TREE_BODY */
	VX_KV_ONE_TREE = 1 << 4,    /* the same, but it frees and grows as the state does */
};

/*
 * path is the file.  VX_EBUSY when this process has it open already; VX_EIO, VX_EPERM,
 * VX_ENOENT, VX_ECORRUPT, VX_EUNSUP, VX_ENOSPC; err says what.
 */
int vx_kv_open(const char *path, unsigned mode, uint64_t map_octets,
    struct vx_kv_env **out, struct vx_error *err);
/* Waits for the transactions of other threads.  NULL is fine. */
void vx_kv_close(struct vx_kv_env *env);

/*
 * A write transaction belongs to the thread that began it; begin waits for other
 * writers.  vx_kv_commit ends it also when it fails: VX_ENOSPC, VX_EIO, VX_ETEMP (the
 * map was too small: begin again, it will be larger).  Read transactions come from a
 * pool of reset ones and end with vx_kv_abort.
 */
int vx_kv_begin(struct vx_kv_env *env, bool write, struct vx_kv_txn **out);
int vx_kv_commit(struct vx_kv_txn *txn);
void vx_kv_abort(struct vx_kv_txn *txn);

/*
 * Values are borrowed: until the next write in a write transaction, else until its
 * end.  Returns VX_OK, VX_ENOENT, or what ended the usefulness of the transaction: see
 * vx_kv_broken.
 */
int vx_kv_get(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, vx_slice *value);
int vx_kv_put(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, vx_slice value);
/* The same for a key that is expected to sort after all others: pages are filled. */
int vx_kv_append(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, vx_slice value);
/* Room for a value of len octets, to be written before the next call on txn. */
int vx_kv_reserve(
    struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, size_t len, char **room);
int vx_kv_delete(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key);

/* At most one cursor a tree and transaction is needed; it ends before its transaction. */
struct vx_kv_cursor;
int vx_kv_cursor_open(
    struct vx_kv_txn *txn, enum vx_tree tree, struct vx_kv_cursor **out);
void vx_kv_cursor_close(struct vx_kv_cursor *c);
/*
 * Each VX_OK or VX_ENOENT.  seek: the first key >= key.  The octets of key and value
 * are borrowed as above.
 */
int vx_kv_seek(struct vx_kv_cursor *c, vx_slice key, vx_slice *found, vx_slice *value);
int vx_kv_first(struct vx_kv_cursor *c, vx_slice *key, vx_slice *value);
int vx_kv_last(struct vx_kv_cursor *c, vx_slice *key, vx_slice *value);
int vx_kv_next(struct vx_kv_cursor *c, vx_slice *key, vx_slice *value);
int vx_kv_prev(struct vx_kv_cursor *c, vx_slice *key, vx_slice *value);
/* Delete where it stands; the following vx_kv_next gives the item after it. */
int vx_kv_cursor_delete(struct vx_kv_cursor *c);

/*
 * Tell the engine that this transaction changed a mailbox: after the commit it goes
 * to the ring, the g tree and the watches.  mailbox 0: the account's list of them.
 */
struct vx_change {
	uint32_t account, mailbox;
	uint64_t modseq;
};
void vx_kv_note_change(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, uint64_t modseq);
const struct vx_change *vx_kv_changes(const struct vx_kv_txn *txn, size_t *count);

/* How many writes were made; an op that fails after some takes its batch back. */
size_t vx_kv_writes(const struct vx_kv_txn *txn);

/* The result of the first LMDB error that a write met, VX_OK: none.  Then abort. */
int vx_kv_broken(const struct vx_kv_txn *txn);

/* Make what NO_METASYNC left behind durable. */
int vx_kv_sync(struct vx_kv_env *env);
/* Free the reader slots of processes that died; returns how many. */
int vx_kv_check_readers(struct vx_kv_env *env);
/* Is the file at its path still the one that is open?  It is not once it was replaced. */
bool vx_kv_is_current(const struct vx_kv_env *env);
/* Copy the environment to a new file, mode 0600, while it is in use. */
int vx_kv_copy(struct vx_kv_env *env, const char *to, struct vx_error *err);
struct vx_kv_stat {
	uint64_t map_octets, used_octets, last_txn;
	uint64_t readers;            /* transactions under way, in all processes */
	uint64_t oldest_reader;      /* its transaction; 0: none */
	uint64_t oldest_reader_txns; /* how many were committed since */
	uint32_t oldest_reader_pid;  /* 0: none */
};
int vx_kv_stat(struct vx_kv_env *env, struct vx_kv_stat *out);
/* Octets of pages that will be used again: walks the free list. */
int vx_kv_free_octets(struct vx_kv_txn *txn, uint64_t *out);

/*
 * In a volume only, where nothing is ever freed and the map never moves: a value that
 * may be used after the transaction's end, until the environment is closed, and where it
 * is in the file.  VX_KV_NOT_IN_PLACE: a small one, to be copied before.
 */
#define VX_KV_NOT_IN_PLACE UINT64_MAX
#define VX_KV_SMALL_MAX 16384 /* no longer one is not in place */
int vx_kv_get_in_place(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key,
    vx_slice *value, uint64_t *offset);
/* Blocks: bring a value in place into memory, by reading: eight times as fast as faults.
 */
void vx_kv_warm(struct vx_kv_env *env, vx_slice value, uint64_t offset);

#endif
