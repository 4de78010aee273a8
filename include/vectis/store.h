/*
 * store.h - the mail store: accounts' mailboxes, messages and everything that one
 * delivery must change together, in one LMDB environment; bodies in volumes.
 *
 * Threads.  One thread, the loop's, opens the store, submits ops, dispatches and
 * reads through views.  Other threads (jobs) may read through views of their own and
 * read blobs.  Commits are made by the store's own threads.  Never fork with a store
 * open, and never open one directory twice in a process.
 *
 * Durability.  An op whose result is VX_OK is on the disk and survives power loss.
 */
#ifndef VECTIS_STORE_H
#define VECTIS_STORE_H

#include "vectis/arena.h"
#include "vectis/buf.h"
#include "vectis/err.h"
#include "vectis/log.h"

VX_BEGIN_DECLS

struct vx_store;

/* What this process has to do with the search index (search.h). */
enum vx_store_search {
	VX_STORE_SEARCH_NONE, /* nothing */
	VX_STORE_SEARCH_ASK,  /* asks it */
	VX_STORE_SEARCH_KEEP, /* and keeps it, in a thread, when no other process does */
	VX_STORE_SEARCH_OFF,  /* there shall be none: the file is removed */
};

/* Whether accounts have a mailbox "All Mail" with all their messages (MB-21). */
enum vx_store_all {
	VX_STORE_ALL_LEAVE, /* as it is */
	VX_STORE_ALL_MAKE,  /* this process makes and fills them */
	VX_STORE_ALL_DROP,  /* this process drops them */
};

struct vx_store_options {
	size_t struct_size;       /* sizeof(struct vx_store_options) */
	const char *dir;          /* state directory: made (0700) when it is not there */
	const struct vx_log *log; /* for the store's own threads; may be NULL */
	uint64_t map_octets;      /* first size of the state map; 0: 1 GiB.  It grows. */
	uint64_t volume_octets;   /* a volume is sealed at this size; 0: 4 GiB */
	uint64_t ballast_octets;  /* released when the disk is full; 0: 64 MiB */
	uint32_t grace_s; /* expunged bodies are kept so long; 0: 7 days; least 1 h */
	bool read_only;   /* no op, no maintenance: for status and checks */
	enum vx_store_search search;
	enum vx_store_all all;
};

/* VX_OK; VX_EIO, VX_EPERM, VX_ECORRUPT, VX_EUNSUP (a newer format): err says what. */
VX_API int vx_store_open(
    const struct vx_store_options *o, struct vx_store **out, struct vx_error *err);
/* Waits for the ops under way; those still queued are answered with VX_ECLOSED. */
VX_API void vx_store_close(struct vx_store *store);

/* Readable when there is something to dispatch: completions or changes.  For poll(2). */
VX_API int vx_store_fd(const struct vx_store *store);
/* Call the done of finished ops and the changed of watches.  Does not block. */
VX_API void vx_store_dispatch(struct vx_store *store);

/* Random octets of this installation, the same in every process and after a restart. */
#define VX_STORE_SECRET_OCTETS 32
VX_API void vx_store_secret(
    const struct vx_store *store, char out[VX_STORE_SECRET_OCTETS]);

/* --- writing ------------------------------------------------------------------ */

struct vx_kv_txn;
struct vx_blob_writer;

#define VX_STORE_BATCH_OPS 256
#define VX_STORE_BATCH_OCTETS ((size_t)4 << 20)
#define VX_STORE_BATCH_US 20000
#define VX_STORE_QUEUE_MAX 65536
#define VX_STORE_SLICE_RECORDS                                                           \
	50000 /* most records that one op looks at: see next_uid                         \
	       */

struct vx_store_waiter;

/*
 * One change, committed at once or not at all.  Embedded as the first member of the
 * structs below; the submitter owns it and keeps it, and all it points to, until done.
 */
struct vx_store_op {
	/*
	 * On the committer's thread, inside the write transaction.  Validates before it
	 * modifies, sets its outputs anew (it may be called again after an aborted
	 * batch).  VX_OK, or below 0: refused, and nothing was changed.
	 */
	int (*apply)(struct vx_store_op *op, struct vx_kv_txn *txn);
	/* On the loop's thread by vx_store_dispatch; result is set.  NULL: nobody waits.
	 */
	void (*done)(struct vx_store_op *op);
	int result;
	bool frees;                  /* only gives space back: allowed on a full disk */
	struct vx_blob_writer *blob; /* made durable before apply; NULL: none */
	struct vx_store_op *next;    /* the store's, like the rest */
	struct vx_store_waiter *waiter;
};

/*
 * Queue an op; it is committed together with whatever else waits.  VX_OK, or
 * VX_ECLOSED, VX_ELIMIT (queue full): then done is not called.
 * Results: VX_OK, what apply refused with, VX_ENOSPC, VX_EIO, VX_ETEMP (nothing was
 * changed; try again later).
 */
VX_API int vx_store_submit(struct vx_store *store, struct vx_store_op *op);
/* Submit and wait; returns the result.  For tools and tests: never on a loop's thread. */
VX_API int vx_store_run(struct vx_store *store, struct vx_store_op *op);

/* --- bodies ------------------------------------------------------------------- */

/* One part of a volume, 64 pages: larger messages go to the second lane. */
#define VX_BLOB_INLINE_MAX ((size_t)262112)

/*
 * Receives a message in pieces and describes it on the way (see message.h).  Nothing
 * is visible before an op with it is committed; a writer freed before is dead space.
 */
VX_API int vx_blob_writer_new(struct vx_store *store, struct vx_blob_writer **out);
/*
 * VX_OK: taken.  VX_WAIT: taken, but the disk is behind: go on when the store calls
 * wake(ctx) (from vx_store_dispatch).  VX_ETEMP, VX_ENOSPC, VX_ENOMEM: give up.
 */
VX_API int vx_blob_writer_add(struct vx_blob_writer *w, vx_slice octets);
/*
 * Fields in front of the message are given when all of it was added, since they say what
 * was found out about it: expected before the first octet, given before the op.  VX_OK;
 * VX_ELIMIT: more than VX_BLOB_FRONT_MAX octets; VX_ESTATE; VX_ENOMEM.
 */
#define VX_BLOB_FRONT_MAX ((size_t)24 * 1024)
VX_API void vx_blob_writer_expect_front(struct vx_blob_writer *w);
VX_API int vx_blob_writer_front(struct vx_blob_writer *w, vx_slice fields);
VX_API void vx_blob_writer_on_wake(
    struct vx_blob_writer *w, void (*wake)(void *ctx), void *ctx);
VX_API uint64_t vx_blob_writer_size(const struct vx_blob_writer *w);
/*
 * After an op that only made it durable (VX_STORE_KEEP_S at most before the op that files
 * it): drop what is on disk; returns the octets of memory that it still needs.
 */
VX_API size_t vx_blob_writer_keep(struct vx_blob_writer *w);
#define VX_STORE_KEEP_S 1800
/* Not while an op with it is under way.  NULL is fine. */
VX_API void vx_blob_writer_free(struct vx_blob_writer *w);

struct vx_blob_reader;

/* Open a stored message; any thread.  VX_ENOENT, VX_ECORRUPT (wrong CRC), VX_EIO. */
VX_API int vx_blob_open(
    struct vx_store *store, uint64_t blob, struct vx_blob_reader **out);
VX_API uint64_t vx_blob_size(const struct vx_blob_reader *r);
/*
 * At most max octets from offset, without blocking: *out is valid until the next call
 * on r, whatever is committed or collected meanwhile.  VX_OK (out is empty only at the
 * end); VX_WAIT: the octets are not in memory: call vx_blob_fetch in a job, then again.
 */
VX_API int vx_blob_read(
    struct vx_blob_reader *r, uint64_t offset, size_t max, vx_slice *out);
/* Blocks on the disk: bring the octets that vx_blob_read refused.  Any thread. */
VX_API int vx_blob_fetch(struct vx_blob_reader *r, uint64_t offset, size_t max);
VX_API void vx_blob_close(struct vx_blob_reader *r);

/* --- reading state ------------------------------------------------------------ */

/*
 * A consistent view, for microseconds: slices handed out borrow from the map until
 * vx_view_end.  Never keep one over a return to the loop.
 */
struct vx_view;
VX_API int vx_view_begin(struct vx_store *store, struct vx_view **out);
VX_API void vx_view_end(struct vx_view *view);

/* The bits of flags; keywords are bits 5 to 39, named per mailbox. */
enum vx_flag {
	VX_FLAG_SEEN = 1 << 0,
	VX_FLAG_ANSWERED = 1 << 1,
	VX_FLAG_FLAGGED = 1 << 2,
	VX_FLAG_DELETED = 1 << 3,
	VX_FLAG_DRAFT = 1 << 4,
};
#define VX_FLAG_SYSTEM ((uint64_t)0x1f)
#define VX_KEYWORD_FIRST 5
#define VX_KEYWORDS_MAX 35
#define VX_KEYWORD_OCTETS_MAX 64

enum vx_special_use { /* RFC 6154; bits */
	VX_USE_ALL = 1 << 0,
	VX_USE_ARCHIVE = 1 << 1,
	VX_USE_DRAFTS = 1 << 2,
	VX_USE_FLAGGED = 1 << 3,
	VX_USE_JUNK = 1 << 4,
	VX_USE_SENT = 1 << 5,
	VX_USE_TRASH = 1 << 6,
};

#define VX_MAILBOX_NAME_MAX 400 /* octets of UTF-8 */
#define VX_MAILBOX_DEPTH_MAX 32 /* levels, separated by '/' */
#define VX_MAILBOXES_MAX 10000  /* per account */

/* An account's mailbox.  Names are UTF-8 in NFC, levels separated by '/'; INBOX is so. */
struct vx_mailbox_info {
	uint32_t account, mailbox;
	vx_slice name; /* borrowed from the view */
	bool subscribed;
	bool exists;          /* false: only a subscribed name, mailbox is 0 */
	unsigned special_use; /* enum vx_special_use bits */
};

struct vx_mailbox_status { /* one get: STATUS, SELECT */
	uint32_t uidvalidity;
	uint32_t uidnext;
	uint64_t highestmodseq;
	uint64_t expunge_floor; /* expunges up to this MODSEQ are no longer listed one by
				   one */
	uint32_t messages;
	uint32_t unseen;
	uint32_t deleted;
	uint64_t size; /* octets */
};

/* VX_OK, VX_ENOENT.  name in any case for INBOX. */
VX_API int vx_mailbox_find(
    struct vx_view *v, uint32_t account, vx_slice name, struct vx_mailbox_info *out);
/* The first mailbox whose name sorts after `after` (empty: the first).  VX_ENOENT: end.
 */
VX_API int vx_mailbox_next(
    struct vx_view *v, uint32_t account, vx_slice after, struct vx_mailbox_info *out);
VX_API int vx_mailbox_get(
    struct vx_view *v, uint32_t account, uint32_t mailbox, struct vx_mailbox_info *out);
VX_API int vx_mailbox_status(
    struct vx_view *v, uint32_t account, uint32_t mailbox, struct vx_mailbox_status *out);
/* names[i] is the keyword of flag bit VX_KEYWORD_FIRST + i; empty: not in use. */
VX_API int vx_mailbox_keywords(struct vx_view *v, uint32_t account, uint32_t mailbox,
    vx_slice names[VX_KEYWORDS_MAX]);

/*
 * The UIDs of a mailbox at one moment: immutable, shared by reference count between
 * the sessions of a process that are at the same MODSEQ.
 */
struct vx_snapshot;
VX_API int vx_snapshot_take(
    struct vx_store *store, uint32_t account, uint32_t mailbox, struct vx_snapshot **out);
VX_API struct vx_snapshot *vx_snapshot_ref(struct vx_snapshot *s);
VX_API void vx_snapshot_free(struct vx_snapshot *s); /* gives one reference back */
VX_API const struct vx_mailbox_status *vx_snapshot_status(const struct vx_snapshot *s);
VX_API uint32_t vx_snapshot_count(const struct vx_snapshot *s);
/* The UID of a sequence number (from 1), 0 beyond the end; the reverse, 0 when absent. */
VX_API uint32_t vx_snapshot_uid(const struct vx_snapshot *s, uint32_t seq);
VX_API uint32_t vx_snapshot_seq(const struct vx_snapshot *s, uint32_t uid);
/* How many messages have a UID of at most uid. */
VX_API uint32_t vx_snapshot_rank(const struct vx_snapshot *s, uint32_t uid);

struct vx_record {
	uint32_t uid;
	uint32_t size; /* octets; the descriptor has it beyond 4 GiB */
	uint64_t blob;
	uint64_t modseq;
	uint64_t flags;
	uint32_t internal_date; /* seconds since 1970 UTC */
	uint32_t thread;
	uint32_t saved_date; /* set by vx_records_saved, not by vx_records_read */
};

/*
 * The records with first_uid <= uid <= last_uid, in order, at most cap; changed
 * after modseq only when modseq > 0 (pages without such are skipped).  *count is how
 * many; *next_uid where to go on, 0 at the end.
 */
struct vx_record_query {
	uint32_t account, mailbox;
	uint32_t first_uid, last_uid;
	uint64_t changed_since;
};
VX_API int vx_records_read(struct vx_view *v, const struct vx_record_query *q,
    struct vx_record *out, size_t cap, size_t *count, uint32_t *next_uid);

/* When each came into this mailbox (RFC 8514); records in order, as they were read. */
VX_API int vx_records_saved(struct vx_view *v, uint32_t account, uint32_t mailbox,
    struct vx_record *records, size_t count);

struct vx_uid_range {
	uint32_t first, last;
};
/*
 * UIDs expunged after modseq since, ascending and merged, into the arena.  Below
 * expunge_floor the answer also has UIDs that never existed (RFC 7162 3.2.5.2 allows).
 */
VX_API int vx_mailbox_vanished(struct vx_view *v, uint32_t account, uint32_t mailbox,
    uint64_t since, struct vx_arena *arena, struct vx_uid_range **out, size_t *count);

struct vx_quota {
	uint64_t used_octets, used_messages;
	uint64_t limit_octets, limit_messages; /* 0: none */
};
VX_API int vx_quota_get(struct vx_view *v, uint32_t account, struct vx_quota *out);

/* The descriptor of a message (message.h reads it).  Borrowed from the view. */
VX_API int vx_descriptor_get(struct vx_view *v, uint64_t blob, vx_slice *out);

/* --- watching ----------------------------------------------------------------- */

/*
 * changed is called by vx_store_dispatch after a commit, of this or any process, that
 * touched the mailbox (0: any of the account; account 0: everything).  It is a hint:
 * compare HIGHESTMODSEQ.  Embedded; the fields but changed are the store's.
 */
struct vx_watch {
	void (*changed)(struct vx_watch *w);
	uint32_t account, mailbox;
	uint32_t which; /* while changed is called: the mailbox; 0: any, or its names */
	struct vx_watch *next, **prev;
};
/* As account: the outbound queue, whose mailboxes queue.h names. */
#define VX_WATCH_QUEUE UINT32_MAX
VX_API int vx_watch_add(
    struct vx_store *store, struct vx_watch *w, uint32_t account, uint32_t mailbox);
VX_API void vx_watch_remove(struct vx_store *store, struct vx_watch *w);

/* --- ops on messages ----------------------------------------------------------- */

struct vx_keyword_list { /* by name; the op gives them bits (VX_ELIMIT: all 35 in use) */
	const vx_slice *names;
	size_t count;
};

/* One copy of a delivery or APPEND. */
struct vx_delivery_target {
	uint32_t account;
	uint32_t mailbox; /* 0: INBOX */
	uint64_t flags;   /* system flags */
	struct vx_keyword_list keywords;
	/* out: 80 or 95: so many percent of the quota are used now, and its owner was not
	 * told yet */
	unsigned quota_due;
	int result;                /* out: VX_OK, VX_ENOENT, VX_EQUOTA, VX_ELIMIT */
	uint32_t uid, uidvalidity; /* out */
	uint64_t before, modseq;   /* out: the mailbox's, before and after */
};

/* A message that another takes the place of (RFC 8508): it is expunged with it. */
struct vx_replaced {
	uint32_t account, mailbox, uid; /* uid 0: none */
	bool gone;                      /* out: it is not there, VX_ENOENT */
	uint64_t octets;                /* the store's: what quota gets back */
};

/* The message of op.blob into all targets, atomically. */
struct vx_deliver_op {
	struct vx_store_op op;
	struct vx_delivery_target *targets;
	size_t target_count;
	uint32_t internal_date;
	/*
	 * false: a target that refuses (gone, over quota) has its own result and the
	 * others are filed, op.result is VX_OK when at least one was.  true: all or none.
	 */
	bool all_or_none;
	/*
	 * The message is the notice that 80 or 95 percent are used: filed whatever the
	 * quota is, once; VX_ECONFLICT when it was told already or is so no more (MB-18).
	 */
	unsigned quota_notice;
	bool overfill; /* a mailbox that is not full takes it, even if it is full then */
	struct vx_replaced replaces; /* with all_or_none only */
	/*
	 * What puts the message elsewhere, too, in the same transaction and before it is
	 * filed: *references is in how many places (queue.h).  NULL: nothing.  Then there
	 * may be no targets.
	 */
	int (*also)(struct vx_deliver_op *op, struct vx_kv_txn *txn, uint64_t blob,
	    uint32_t *references);
	void *also_ctx;
};
VX_API void vx_deliver_op_init(struct vx_deliver_op *op, struct vx_blob_writer *blob);

/* Makes the message of op.blob durable and files it nowhere: see vx_deliver_all_op. */
VX_API void vx_keep_op_init(struct vx_store_op *op, struct vx_blob_writer *blob);

/*
 * Several messages into one mailbox, all or none, in their order.  The blobs of all but
 * the last were made durable before by a keep op of their own.
 */
struct vx_deliver_all_op {
	struct vx_store_op op;
	struct vx_deliver_op *each; /* one target each, all_or_none; one at least */
	size_t count;
};
VX_API void vx_deliver_all_op_init(
    struct vx_deliver_all_op *op, struct vx_deliver_op *each, size_t count);

enum vx_flag_change {
	VX_FLAGS_ADD,
	VX_FLAGS_REMOVE,
	VX_FLAGS_REPLACE
};

struct vx_flags_op {
	struct vx_store_op op;
	uint32_t account, mailbox;
	const struct vx_uid_range *uids; /* ascending, disjoint */
	size_t range_count;
	enum vx_flag_change change;
	uint64_t flags; /* system flags */
	struct vx_keyword_list keywords;
	uint64_t unchanged_since; /* UINT64_MAX: no condition (RFC 7162 3.1.3) */
	uint64_t may;  /* bits of flags that may be touched; init sets all (RFC 4314 4) */
	uint64_t told; /* changes up to here are known to who asks; init: all */
	bool overtook; /* out: a record that changed had a change that is not */
	struct vx_arena *arena;       /* for the outputs; may be NULL when none wanted */
	struct vx_uid_range *refused; /* out: changed after unchanged_since */
	size_t refused_count;
	uint64_t modseq;   /* out: of the (last) change, 0: nothing changed */
	uint32_t changed;  /* out: records that changed */
	uint32_t from_uid; /* records with a smaller UID are not looked at */
	uint32_t next_uid; /* out: from_uid of the next op, 0: all done */
};
VX_API void vx_flags_op_init(struct vx_flags_op *op);

struct vx_expunge_op {
	struct vx_store_op op;
	uint32_t account, mailbox;
	const struct vx_uid_range *uids; /* NULL: all */
	size_t range_count;
	bool deleted_only; /* only those with \Deleted (EXPUNGE); false: POP3 */
	uint32_t expunged; /* out */
	uint64_t modseq;   /* out */
	uint32_t from_uid; /* records with a smaller UID are not looked at */
	uint32_t next_uid; /* out: from_uid of the next op, 0: all done */
};
VX_API void vx_expunge_op_init(struct vx_expunge_op *op);

#define VX_COPY_MAX 1000000 /* messages in one COPY */

/*
 * COPY and MOVE; no octets are copied.  A COPY is atomic: all of them or none (RFC 3501
 * 6.4.7).  A MOVE is in slices: from_uid and next_uid as of vx_flags_op.
 */
struct vx_copy_op {
	struct vx_store_op op;
	uint32_t account, mailbox;
	uint32_t to_account, to_mailbox;
	const struct vx_uid_range *uids;
	size_t range_count;
	bool move;
	uint32_t from_uid, next_uid;
	uint64_t may; /* bits of flags that are kept; init sets all (RFC 4314 4) */
	struct vx_arena *arena;
	struct vx_uid_range *from_uids, *to_uids; /* out: COPYUID, in step */
	size_t from_count, to_count;
	unsigned quota_due;   /* out: of the target's account, see vx_delivery_target */
	uint32_t uidvalidity; /* out: of the target */
	uint64_t before, modseq; /* out: the target's, before and after */
};
VX_API void vx_copy_op_init(struct vx_copy_op *op);

/* --- ops on mailboxes ----------------------------------------------------------- */

enum vx_mailbox_verb {
	VX_MAILBOX_CREATE, /* name, special_use; VX_EEXIST, VX_ELIMIT, VX_EINVAL */
	VX_MAILBOX_DELETE, /* name; VX_ENOENT, VX_EPERM (INBOX); children stay */
	VX_MAILBOX_RENAME, /* name to new_name with its children; INBOX: RFC 3501 6.3.5 */
	VX_MAILBOX_SUBSCRIBE, /* any valid name */
	VX_MAILBOX_UNSUBSCRIBE,
};

struct vx_mailbox_op {
	struct vx_store_op op;
	enum vx_mailbox_verb verb;
	uint32_t account;
	vx_slice name, new_name;
	unsigned special_use;
	uint32_t mailbox;     /* out: CREATE */
	uint32_t uidvalidity; /* out: CREATE */
};
VX_API void vx_mailbox_op_init(struct vx_mailbox_op *op, enum vx_mailbox_verb verb);

/* VX_OK; VX_EINVAL: not NFC UTF-8, control characters, empty level, too long, too deep.
 */
VX_API int vx_mailbox_name_check(vx_slice name);

/* --- maintenance ---------------------------------------------------------------- */

struct vx_store_stat {
	uint64_t accounts, mailboxes, messages, octets;
	uint64_t state_octets, state_free_octets, map_octets;
	uint64_t volumes, volume_octets, dead_octets;
	uint64_t dead_queue; /* messages within their grace period */
	uint64_t readers, oldest_reader_txns;
	uint64_t last_txn;
	bool read_mostly; /* the disk is full: only deletes are accepted */
};
VX_API int vx_store_stat(struct vx_store *store, struct vx_store_stat *out);

/* One damage or oddity found.  text is a sentence for a person. */
typedef void vx_store_report_fn(void *ctx, const char *text);

/*
 * Prove the invariants of STORE.md 9 and every CRC, in a child process (a damaged page
 * can crash any reader).  *problems is how many were reported.  Works beside daemons.
 */
VX_API int vx_store_check(const char *dir, vx_store_report_fn *report, void *ctx,
    uint64_t *problems, struct vx_error *err);
/*
 * Look at part of a store for no longer than ms_max, while others use it: does it open,
 * and are the entries right that are first, or anywhere, with the bodies of the messages
 * among them up to so many octets.  A page that is damaged crashes a child of this
 * process only.  Each problem is reported.  VX_OK: it was tried; VX_ENOMEM, VX_EIO.
 */
#define VX_PROBE_BODY_MAX ((uint64_t)1 << 20)
struct vx_probe {
	bool opened; /* it may be opened here, too */
	int code;    /* why it does not open: as vx_store_open; VX_OK */
	uint64_t entries, bodies, problems;
};
VX_API int vx_store_probe(const char *dir, uint32_t ms_max, vx_store_report_fn *report,
    void *ctx, struct vx_probe *out);
/*
 * Build the state anew from what of it can be walked: counts from the records,
 * descriptors from the bodies.  The daemons have to be stopped (VX_EBUSY).  What is lost
 * is reported; the old state stays beside the new one as state.damaged-TIME.
 */
VX_API int vx_store_repair(
    const char *dir, vx_store_report_fn *report, void *ctx, struct vx_error *err);
/*
 * State first, then sealed volumes (linked or copied once), then active ones; all is on
 * the disk before it takes the place of an older backup.  VX_EINVAL, VX_EEXIST: to is the
 * store itself, or has another that is no backup; VX_ECORRUPT: made, but what was damaged
 * before is so in it.  One at a time is made to a directory: the caller sees to it.
 *
 * The file "backup" in it names each file and its octets; that all of them are there is
 * said last.  vx_store_open refuses a directory where it is not so (VX_ECORRUPT),
 * finishes one that was broken off when all was there, and takes the file away from one
 * that is written to: it is a store from then on.  vx_store_repair saves what is in a
 * partial one.
 */
VX_API int vx_store_backup(struct vx_store *store, const char *to,
    vx_store_report_fn *report, void *ctx, struct vx_error *err);

struct vx_backup {
	int64_t began, ended; /* seconds since 1970 */
	uint64_t files, octets;
};
/*
 * What is in a directory that holds a backup; what is left to do there is done.  VX_OK: a
 * whole one; VX_ENOENT: none, or one of a version that did not say; VX_ECORRUPT: it is
 * not whole, err says what is missing; VX_EIO, VX_EPERM, VX_ENOSPC.
 */
VX_API int vx_backup_look(const char *dir, struct vx_backup *out, struct vx_error *err);

VX_END_DECLS

#endif
