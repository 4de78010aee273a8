/* imap_int.h - an IMAP session, inside service/. */
#ifndef VX_SERVICE_IMAP_INT_H
#define VX_SERVICE_IMAP_INT_H

#include "imap/frame.h"
#include "imap/parse.h"
#include "imap/respond.h"
#include "vectis/imap_service.h"
#include "vectis/sasl.h"

#define IMAP_ARENA_MAX ((size_t)8 << 20)
#define IMAP_BATCH 128 /* records read at a time */
#define IMAP_REPLY_MAX                                                                   \
	((size_t)64 << 20) /* what one command may write before it is sent */
#define IMAP_TEXT_MAX                                                                    \
	((size_t)256 << 20) /* a part that is decoded for BINARY or SEARCH */
#define IMAP_INLINE_MAX                                                                  \
	((size_t)32 * 1024) /* bodies up to here are written with the rest */
#define IMAP_SILENT_MAX 32  /* own changes in one STORE .SILENT that are not told */

struct vx_imap_service {
	struct vx_imap_service_options o;
};

enum imap_state {
	IMAP_EARLY,
	IMAP_AUTH,
	IMAP_SELECTED,
	IMAP_LOGOUT
};

/* What the session does instead of reading commands. */
enum imap_busy {
	IMAP_IDLE_NOT,  /* nothing: the next command */
	IMAP_OP,        /* a store op is under way: see op_done */
	IMAP_JOB,       /* a job is under way */
	IMAP_FETCHING,  /* the iterator has more */
	IMAP_IDLING,    /* IDLE: waits for DONE */
	IMAP_SASL,      /* waits for a response line */
	IMAP_APPENDING, /* the message's octets come */
};

/*
 * Ops and jobs may outlive their session: they live in a box of their own that knows
 * whether the session is still there.
 */
struct imap_session;
struct imap_task {
	union {
		struct vx_store_op op;
		struct vx_deliver_op deliver;
		struct vx_flags_op flags;
		struct vx_expunge_op expunge;
		struct vx_copy_op copy;
		struct vx_mailbox_op mailbox;
		struct vx_job job;
	} u;                          /* first: done finds the rest */
	struct imap_session *session; /* NULL: it ended */
	_Atomic bool abandoned;       /* the same, for the job's thread */
	bool under_way;
	int result;
	/* takes the result, in the session's drive */
	int (*finish)(struct imap_session *s, struct imap_task *t, struct vx_buf *out);
	void (*release)(struct imap_task *t); /* what data holds; may be NULL */
	struct vx_arena arena;                /* what the op points to */
	void *data;
};

struct imap_view { /* the selected mailbox as the client knows it */
	uint32_t account, mailbox;
	struct vx_snapshot *snapshot; /* own reference */
	bool read_only;
	uint64_t seen_modseq;             /* changes up to here were told */
	uint64_t silent[IMAP_SILENT_MAX]; /* own changes that are not told (.SILENT) */
	size_t silent_count;
	struct vx_watch watch;
	bool changed;               /* the watch said so */
	struct vx_uid_range *saved; /* own: SEARCH RETURN (SAVE) */
	size_t saved_count;
};

struct imap_fetch; /* imap_fetch.c */

struct imap_session {
	struct vx_session base;
	struct vx_imap_service *service;
	struct vx_peer peer;
	enum imap_state state;
	enum imap_busy busy;
	bool greeted, closing, rev2, condstore, stop_said;
	unsigned bad;
	uint64_t opened_ms;
	struct vx_imap_frame frame;
	struct vx_buf reply;   /* written, not yet given to the loop */
	size_t reply_at;       /* so much of it was given */
	struct vx_arena arena; /* of the command */
	vx_slice tag;          /* in the arena */
	bool by_uid;           /* UID command */
	struct vx_auth_result who;
	struct vx_sasl_binding binding;
	struct vx_sasl sasl;
	struct imap_task *task; /* under way */
	struct imap_task *finishing;
	bool task_done;
	struct imap_view view;
	struct imap_fetch *fetch; /* own, while FETCHING */
	/* APPEND */
	struct vx_blob_writer *writer; /* own */
	uint32_t append_mailbox;
	struct vx_imap_flags append_flags;
	int64_t append_date;
	size_t append_prefix; /* octets of the command before the message */
	bool append_utf8;
	int append_failed;
	bool append_waits;
};

/* --- answering ------------------------------------------------------------------- */

int imap_ok(struct imap_session *s, struct vx_buf *out, const char *text);
int imap_no(struct imap_session *s, struct vx_buf *out, const char *text);
int imap_bad(struct imap_session *s, struct vx_buf *out, const char *text);
/* The NO (or OK) that a result of the store means. */
int imap_result(struct imap_session *s, struct vx_buf *out, int rc, const char *ok);
/* Tell what changed, then the tagged line. */
int imap_done(struct imap_session *s, struct vx_buf *out, int rc, const char *ok);
/* The same for FETCH, STORE, SEARCH: no EXPUNGE unless by UID (RFC 9051 7.5.1). */
int imap_done_no_expunge(
    struct imap_session *s, struct vx_buf *out, int rc, const char *ok);

void imap_write_capability(const struct imap_session *s, struct vx_buf *out);
/* A line while AUTHENTICATE is under way. */
int imap_sasl_response(struct imap_session *s, vx_slice line, struct vx_buf *out);

/* --- tasks ----------------------------------------------------------------------- */

struct imap_task *imap_task_new(struct imap_session *s,
    int (*finish)(struct imap_session *s, struct imap_task *t, struct vx_buf *out));
void imap_task_free(struct imap_task *t);
/* VX_WAIT, or the tagged NO when it cannot be submitted.  finish may submit its own. */
int imap_submit(struct imap_session *s, struct imap_task *t, struct vx_buf *out);
int imap_submit_job(struct imap_session *s, struct imap_task *t, struct vx_buf *out,
    void (*run)(struct vx_job *job));
struct imap_task *imap_task_of(struct vx_job *job);

/* --- commands: VX_OK answered, VX_WAIT something is under way -------------------- */

typedef int imap_command_fn(
    struct imap_session *s, struct vx_cursor *c, struct vx_buf *out);
imap_command_fn imap_cmd_select, imap_cmd_examine, imap_cmd_close, imap_cmd_unselect,
    imap_cmd_list, imap_cmd_lsub, imap_cmd_status, imap_cmd_create, imap_cmd_delete,
    imap_cmd_rename, imap_cmd_subscribe, imap_cmd_unsubscribe, imap_cmd_namespace,
    imap_cmd_fetch, imap_cmd_store, imap_cmd_copy, imap_cmd_move, imap_cmd_expunge,
    imap_cmd_search, imap_cmd_check, imap_cmd_login, imap_cmd_authenticate;

bool imap_mailbox_name(struct imap_session *s, struct vx_cursor *c, vx_slice *out);
/* The mailbox of a name: VX_OK or VX_ENOENT. */
int imap_find_mailbox(struct imap_session *s, vx_slice name, uint32_t *mailbox);

/* --- the view -------------------------------------------------------------------- */

void imap_view_close(struct imap_session *s);
/* Untagged EXPUNGE, EXISTS, FETCH for what changed; expunges only when they may be told.
 */
void imap_view_sync(struct imap_session *s, struct vx_buf *out, bool expunges);
/* The UIDs of a set, in the arena.  VX_EINVAL: numbers of messages that are not there. */
int imap_view_resolve(struct imap_session *s, const struct vx_imap_set *set, bool by_uid,
    struct vx_arena *arena, struct vx_uid_range **out, size_t *count);
/* "SP set" of a command as UIDs: VX_OK, or BAD was answered (VX_DONE). */
int imap_view_set(struct imap_session *s, struct vx_cursor *c, struct vx_arena *arena,
    struct vx_buf *out, struct vx_uid_range **ranges, size_t *count);
/* Untagged FETCH (FLAGS) of records in ranges, changed after since (0: all). */
void imap_write_flag_changes(struct imap_session *s, struct vx_buf *out, uint64_t since,
    const struct vx_uid_range *ranges, size_t count, bool with_uid);
/* A change of our own that the answer to its command tells, or that is not to be told. */
void imap_view_silence(struct imap_session *s, uint64_t modseq);
/* The numbers a client gave: UIDs as they are, or their sequence numbers, as a set. */
void imap_write_numbers(struct imap_session *s, struct vx_buf *out,
    const struct vx_uid_range *ranges, size_t count);

/* --- FETCH, APPEND --------------------------------------------------------------- */

/* Write more: VX_OK (call again, or the command was answered), VX_WAIT, below 0: close.
 */
int imap_fetch_step(struct imap_session *s, struct vx_buf *out);
/* Octets of a body are to be written straight to out: VX_OK all, VX_DATA, VX_WAIT. */
bool imap_fetch_streaming(const struct imap_fetch *f);
int imap_fetch_stream(struct imap_session *s, struct vx_buf *out);
void imap_fetch_free(struct imap_fetch *f);
int imap_append_begin(struct imap_session *s, struct vx_buf *out, uint64_t size);
int imap_append_octets(struct imap_session *s, vx_slice octets);
int imap_append_end(struct imap_session *s, struct vx_buf *out);
void imap_append_drop(struct imap_session *s);

#endif
