/* store_int.h - what the files of the store share and nobody else sees. */
#ifndef VX_STORE_STORE_INT_H
#define VX_STORE_STORE_INT_H

#include "store/keys.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

struct vx_describer;

/* --- volumes ------------------------------------------------------------------ */

/* A volume's part: payload of at most so many octets behind a header of 16. */
#define VX_PART_HEADER ((size_t)16)
#define VX_PART_PAYLOAD ((size_t)262128 - VX_PART_HEADER)
#define VX_BLOB_PIECE                                                                    \
	((size_t)16 * VX_PART_PAYLOAD) /* of a large message in one commit */

/* An open volume, found by its number. */
struct vx_volume {
	uint32_t number;
	bool writable; /* by this process */
	bool retired;  /* its file was replaced: no more is found, closed when unused */
	unsigned refs;
	uint64_t used; /* clock of the last use */
	struct vx_kv_env *env;
	struct vx_volume *next;
};

/* Where one thread of this process appends. */
struct vx_lane {
	int id;                   /* 0: small, 1: large */
	struct vx_volume *volume; /* own reference; NULL: none yet */
	int lease_fd;
	uint32_t next_seq;
	uint64_t octets;
	/* the large lane's thread: */
	unsigned begun; /* blobs between their first and last piece; the store's lock */
	struct vx_lane *next; /* full, and its last blobs are not at their end */
};

/*
 * One part of a blob to be appended.  All but the last are full, and the first may be
 * short too: it is written last when fields were put in front of a large message.
 */
struct vx_blob_part {
	uint64_t blob;
	uint32_t part;
	uint64_t offset; /* in the message, if part 0 were full */
	bool last;
	vx_slice payload;
};

void vx_lane_init(struct vx_lane *lane, int id);
void vx_lane_done(struct vx_store *store, struct vx_lane *lane);
/* A blob id that is never given again; takes or makes a volume when needed. */
int vx_lane_next_blob(struct vx_store *store, struct vx_lane *lane, uint64_t *blob);
/*
 * Durable when it returns VX_OK and sync.  After a failed write the lane has no volume
 * any more: what began in it cannot go on, the next blob takes one anew.
 */
int vx_lane_append(struct vx_store *store, struct vx_lane *lane,
    const struct vx_blob_part *parts, size_t count, bool sync);
bool vx_lane_is_full(const struct vx_store *store, const struct vx_lane *lane);
/* Seal the volume when it is full; the next blob goes to another. */
void vx_lane_check_full(struct vx_store *store, struct vx_lane *lane);

int vx_volume_take(struct vx_store *store, uint32_t number, struct vx_volume **out);
void vx_volume_give(struct vx_store *store, struct vx_volume *v);
/* Forget the ones whose file was replaced; readers keep theirs until they are done. */
void vx_volumes_retire(struct vx_store *store);
/* Free the reader slots that dead processes left in the volumes that are written here. */
int vx_volumes_check_readers(struct vx_store *store);
/* The records of all volumes, by number.  Own: vx_free. */
int vx_volume_list(struct vx_store *store, struct vx_volume_record **out, size_t *count);
/* Octets of messages in it, without their headers. */
int vx_volume_stored(struct vx_volume *v, uint64_t *out);
/* A sealed file may not be written by its mode: it is opened without a lock. */
#define VX_VOLUME_SEALED_MODE 0400
bool vx_volume_is_sealed(const char *path);
void vx_volume_path(const struct vx_store *store, uint32_t number, char path[PATH_MAX]);
void vx_volume_key(char key[12], uint64_t blob, uint32_t part);
/* Take a stored part apart; VX_ECORRUPT.  intact: does its CRC match? */
int vx_part_read(vx_slice value, struct vx_blob_part *out);
bool vx_part_intact(vx_slice value);
/* Is the blob whole and right?  VX_OK with its size, VX_ENOENT, VX_ECORRUPT. */
int vx_blob_verify(struct vx_store *store, uint64_t blob, uint64_t *size);

/* --- collection ----------------------------------------------------------------- */

/*
 * collect.lock: collection needs it alone, a backup shares it with other backups.
 * *fd is to be closed; VX_EBUSY when another holds it (a backup waits).
 */
int vx_collect_lock(struct vx_store *store, bool alone, int *fd);
/*
 * Rewrite the sealed volumes of which too much is dead.  On upkeep's thread (or a
 * test's); breathe is called every few MB and returns false to give up.
 */
typedef bool vx_breathe_fn(struct vx_store *store);
int vx_volumes_collect(struct vx_store *store, vx_breathe_fn *breathe);

/* --- blob writers --------------------------------------------------------------- */

struct vx_blob_writer {
	struct vx_store *store;
	struct vx_buf octets;           /* not yet handed to a lane */
	struct vx_buf first;            /* of a large one that expects a front: part 0 */
	struct vx_buf descriptor;       /* made by finish */
	struct vx_describer *describer; /* own, until finished */
	uint64_t size;
	uint64_t blob; /* 0 until a lane gave one */
	uint32_t next_part;
	bool large, finished, durable;
	bool expects_front;
	/* guarded by store->lock */
	bool abandoned;       /* freed by its owner: the lane frees it */
	struct vx_lane *lane; /* of a large one, from its first to its last piece */
	unsigned in_flight;   /* pieces with the lane */
	int failed;           /* result of a piece */
	bool waiting;         /* its owner was told VX_WAIT */
	void (*wake)(void *ctx);
	void *ctx;
	struct vx_blob_writer *next_wake;
};

/* Make the descriptor; after that nothing can be added. */
int vx_blob_writer_finish(struct vx_blob_writer *w);
/* On the committer's thread: append the small blobs of a batch, durably. */
int vx_blob_commit_small(struct vx_store *store, struct vx_store_op *batch);
/* Pass op on when its large blob is durable; called with the store unlocked. */
int vx_blob_submit_large(struct vx_store *store, struct vx_store_op *op);
int vx_large_lane_start(struct vx_store *store);
void vx_large_lane_stop(struct vx_store *store);

/* --- notices ---------------------------------------------------------------------- */

struct vx_ring;
#define VX_WATCH_BUCKETS 1024

int vx_notify_open(struct vx_store *store, struct vx_error *err);
void vx_notify_close(struct vx_store *store);
void vx_notify_publish(
    struct vx_store *store, const struct vx_change *changes, size_t count);
void vx_notify_dispatch(struct vx_store *store);
/*
 * The changes since number *at, which moves along; for a thread of its own.  UINT64_MAX
 * begins with those to come.  False: some were missed.  *count is 0 when there are no
 * more.
 */
bool vx_notify_read(struct vx_store *store, uint64_t *at, struct vx_change *out,
    size_t cap, size_t *count);
/* Somebody waits for the write lock; how many do, in all processes. */
void vx_notify_waiting(struct vx_store *store, int by);
unsigned vx_notify_waiters(struct vx_store *store);
/* Processes that died while they waited left their count behind. */
void vx_notify_forget_waiters(struct vx_store *store);

/* --- the store -------------------------------------------------------------------- */

struct vx_large_piece;
struct vx_snapshot_cache;
struct vx_search;

struct vx_store {
	struct vx_store_options o;
	char secret[VX_STORE_SECRET_OCTETS];
	char dir[PATH_MAX];
	int use_fd;              /* store.lock */
	struct vx_kv_env *state; /* own */

	pthread_mutex_t lock; /* the queue, the results, writers, upkeep */
	pthread_cond_t more;  /* the committer waits */
	struct vx_store_op *queue, **queue_tail;
	size_t queued;
	struct vx_store_op *finished, **finished_tail;
	struct vx_blob_writer *wakes;
	bool stopping;
	_Atomic int refusal; /* VX_ENOSPC, VX_EIO: only what frees is accepted */
	pthread_t committer;
	bool committer_runs;
	struct vx_lane small_lane; /* the committer's */

	pthread_cond_t more_large; /* the large lane waits */
	struct vx_large_piece *large, **large_tail;
	pthread_t large_thread;
	bool large_runs;

	pthread_cond_t upkeep_wake;
	pthread_t upkeep_thread;
	bool upkeep_runs;

	pthread_mutex_t volume_lock;
	struct vx_volume *volumes;
	unsigned volume_count;
	uint64_t volume_clock;

	pthread_mutex_t snapshot_lock;
	struct vx_snapshot *snapshots;

	struct vx_search *search; /* own; NULL: the index is not asked */

	int event_fd, inotify_fd, epoll_fd;
	struct vx_ring *ring;
	int signal_fd;
	uint64_t ring_at;
	struct vx_watch *watches[VX_WATCH_BUCKETS];
	struct vx_watch *next_watch; /* of the walk under way */
};

struct vx_view {
	struct vx_kv_txn *txn;
	struct vx_store *store;
};

/* The store with its state in another file and without its threads: for repair. */
int vx_store_open_offline(const struct vx_store_options *o, const char *state,
    struct vx_store **out, struct vx_error *err);
/* store.lock: shared by all that have the store open; alone: VX_EBUSY when one has. */
int vx_store_use_lock(const char *dir, bool alone, bool make, int *fd);
/* Wake the loop: something is to be dispatched. */
void vx_store_ring_bell(struct vx_store *store);
/* Answer an op: to its waiter, or to the list that dispatch reads.  Store unlocked. */
void vx_store_finish(struct vx_store *store, struct vx_store_op *op, int result);
int vx_committer_start(struct vx_store *store);
void vx_committer_stop(struct vx_store *store);
/* Queue for the committer whatever else is true of the op's blob. */
int vx_store_enqueue(struct vx_store *store, struct vx_store_op *op);
int vx_upkeep_start(struct vx_store *store);
void vx_upkeep_stop(struct vx_store *store);
/* Full or failing (VX_ENOSPC, VX_EIO): take only what frees, release the ballast. */
void vx_store_disk_failed(struct vx_store *store, int why);
/* Does upkeep (which calls it) go on?  The store may be closing. */
bool vx_upkeep_goes_on(struct vx_store *store);
/* The oldest reader of all processes: named in the log when it is older than a minute. */
struct vx_old_reader {
	uint32_t pid;
	uint64_t txn;
	uint64_t since_s;
	unsigned named; /* how often */
};
void vx_store_check_readers(
    struct vx_store *store, struct vx_old_reader *old, uint64_t now_s);
/*
 * Without its ballast the store is read-mostly, in every process that uses it: what one
 * released is not for the mail of the others.
 */
void vx_store_look_at_disk(struct vx_store *store);

/* state.c: on opening, in every batch of upkeep, for store check */
int vx_state_prepare(struct vx_store *store, struct vx_error *err);
/* go_on is asked between slices. */
int vx_state_reap(struct vx_store *store, bool (*go_on)(struct vx_store *store));
void vx_snapshots_forget(struct vx_store *store);

#endif
