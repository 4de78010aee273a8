/* search_int.h - what the files of the search index share. */
#ifndef VX_STORE_SEARCH_INT_H
#define VX_STORE_SEARCH_INT_H

#include "store/search_format.h"
#include "store/store_int.h"
#include "vectis/search.h"

/* Limits of the indexer; the memory of one is about the sum of those in octets. */
#define VX_SEARCH_BATCH_DOCS ((uint32_t)2048) /* of one segment that is built anew */
#define VX_SEARCH_LISTS 256                   /* kept before they become a segment */
#define VX_SEARCH_FANOUT 8                    /* segments of a level that are merged */
#define VX_SEARCH_BUILD_OCTETS ((size_t)32 << 20) /* terms and postings being built */
#define VX_SEARCH_WRITE_OCTETS ((size_t)2 << 20)  /* of a merge in one transaction */
#define VX_SEARCH_TEXT_MAX ((size_t)16 << 20)     /* folded text of one message */
#define VX_SEARCH_TEXT_US 2000000 /* longest work on one message: beyond it is wild */

/* --- the terms of one message (search_doc.c) -----------------------------------------
 */

struct vx_term_slot;
struct vx_search_doc {
	struct vx_plain plain;
	struct vx_buf descriptor, text;
	struct vx_buf zones[VX_ZONES]; /* "\0TERM\0OTHER\0", each term once */
	bool wild;                     /* too much: not indexed, always looked at */
	/* the terms met */
	struct vx_term_slot *slots;
	size_t slot_mask, slot_count;
	uint32_t generation;
	uint64_t seed;
	enum vx_zone zone; /* of the text under way */
	bool failed;
};
/* VX_OK, VX_ENOMEM. */
int vx_search_doc_init(struct vx_search_doc *d);
void vx_search_doc_done(struct vx_search_doc *d);
/* VX_OK; VX_ENOENT, VX_ECORRUPT: there is no such message, or none to be read. */
int vx_search_doc_read(struct vx_search_doc *d, struct vx_store *store, uint64_t blob);
/* Which zone has the values of a field. */
enum vx_zone vx_search_zone_of(vx_slice name);
uint64_t vx_term_hash(uint64_t seed, vx_slice term);

/* --- segments (search_build.c, search_merge.c)
 * ------------------------------------------ */

struct vx_search_build;
int vx_search_build_new(struct vx_search_build **out);
void vx_search_build_free(struct vx_search_build *b);
/* Blobs ascend.  VX_OK, VX_ELIMIT (full: end it first), VX_ENOMEM. */
int vx_search_build_add(
    struct vx_search_build *b, uint64_t blob, const vx_slice zones[VX_ZONES], bool wild);
uint32_t vx_search_build_count(const struct vx_search_build *b);
/* The parts of the segment into writes; then it is empty again. */
int vx_search_build_end(struct vx_search_build *b, uint32_t account, uint32_t segment,
    struct vx_search_writes *writes);
/* The level of a new segment of so many documents. */
unsigned vx_search_level(uint32_t docs);

struct vx_search_listed {
	uint32_t number;
	struct vx_search_segment s;
};
/* The account's whole segments, by number.  Own: vx_free. */
int vx_search_segments(struct vx_kv_txn *txn, uint32_t account,
    struct vx_search_listed **out, size_t *count);

struct vx_search_env;
/*
 * Write one segment that takes the place of others, without the messages that are gone.
 * VX_OK, VX_ECLOSED (the store closes), or why not.
 */
int vx_search_merge(struct vx_search *search, struct vx_search_env *env, uint32_t account,
    const struct vx_search_listed *from, size_t count);
/* Delete what segments left behind, some of it; *more: there is more. */
int vx_search_sweep(struct vx_search_env *env, uint32_t account, bool *more);
/* Delete everything of an account, some of it. */
int vx_search_forget(struct vx_search_env *env, uint32_t account, bool *more);
/* A number for a segment, whose parts are rubbish until it is whole. */
int vx_search_reserve(struct vx_search_env *env, uint32_t account, uint32_t *segment);

/* --- the file (search_env.c)
 * --------------------------------------------------------------- */

struct vx_search_env {
	struct vx_kv_env *kv; /* own */
	struct vx_store *store;
	unsigned refs;       /* under the search's lock */
	uint64_t generation; /* of the search: another one, another file */
	bool writable;
};

struct vx_indexer;
struct vx_search {
	struct vx_store *store;
	pthread_mutex_t lock; /* what follows */
	pthread_cond_t wake;  /* the indexer rests, or waits for an env to be closed */
	struct vx_search_env *env; /* the one in use; one reference.  NULL: none */
	unsigned open_envs;        /* of this process, the ones given up too */
	uint64_t generation;       /* how often one was opened */
	int64_t next_try_s;        /* to open it */
	bool stopping;
	pthread_t thread;
	bool thread_runs;
	struct vx_indexer *indexer;    /* own; of one thread */
	struct vx_search_guard *guard; /* mapped; NULL: there is none */
	size_t slot;                   /* this process's */
};

/* For reading: NULL when there is none.  Give it back. */
struct vx_search_env *vx_search_take(struct vx_search *s);
void vx_search_give(struct vx_search *s, struct vx_search_env *env);
/* The one in use is not used any more. */
void vx_search_drop(struct vx_search *s);
/* What was read is damaged: the file goes. */
void vx_search_damaged(struct vx_search *s, struct vx_search_env *env, const char *what);
/* For the process that holds search.lock: the file, made when it is not there. */
int vx_search_take_writable(struct vx_search *s, struct vx_search_env **out);
/* Open it just so, for status: VX_ENOENT, VX_ECORRUPT. */
int vx_search_peek(struct vx_store *store, struct vx_kv_env **out);
/* search.lock: VX_OK, VX_EBUSY when another process has it. */
int vx_search_lock(const struct vx_store *store, int *fd);
int vx_search_unlink(const struct vx_store *store);
/* One transaction; fn may be called again.  Also notes how far the state had come. */
int vx_search_write(
    struct vx_search_env *env, int (*fn)(void *ctx, struct vx_kv_txn *txn), void *ctx);

/* --- deaths (search_guard.c) -----------------------------------------------------------
 */

/* On opening: drops the index when too many died inside it. */
void vx_search_guard_open(struct vx_search *s);
void vx_search_guard_close(struct vx_search *s);
/* This process is inside the index once more, or once less. */
void vx_search_guard_inside(struct vx_search *s, int by);

/* --- the indexer (search_index.c)
 * --------------------------------------------------------- */

/* By the store's options: on opening, on closing. */
int vx_search_open(struct vx_store *store);
void vx_search_close(struct vx_store *store);
/*
 * Some work on the index, as the thread of VX_STORE_SEARCH_KEEP does over and over: about
 * one batch of messages, or a merge.  VX_OK: there may be more; VX_DONE: it has reached
 * all messages; VX_EBUSY: another process does it; below 0: try again later.
 */
int vx_search_work(struct vx_search *s);
/* Sleep; false when the store closes. */
bool vx_search_rest(struct vx_search *s, long ms);

#endif
