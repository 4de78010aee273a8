/* imap_int.h - an IMAP session, inside service/. */
#ifndef VX_SERVICE_IMAP_INT_H
#define VX_SERVICE_IMAP_INT_H

#include "imap/frame.h"
#include "imap/parse.h"
#include "imap/respond.h"
#include "vectis/acl.h"
#include "vectis/imap_service.h"
#include "vectis/metadata.h"
#include "vectis/sasl.h"
#include "zip/zip.h"

/*
 * Memory of one connection.  Whatever a client asks, what its session owns stays below
 * IMAP_SESSION_MAX: answers are written in steps (see imap_part_fn), never piled up.
 */
#define IMAP_ARENA_MAX ((size_t)2 << 20) /* a parsed command */
#define IMAP_TASK_MAX ((size_t)8 << 20)  /* what an op or a SEARCH needs and answers */
#define IMAP_REPLY_MAX                                                                   \
	((size_t)4 << 20)    /* one step: the high-water mark and one item               \
			      */
#define IMAP_SAVED_MAX 65536 /* ranges that "$" stands for (RFC 5182) */
#define IMAP_SESSION_MAX ((size_t)20 << 20)

#define IMAP_STEP_MS 2 /* so long a session works before it lets others have the loop */
#define IMAP_SEARCH_MS 20 /* so long a SEARCH has a thread before others have it */
#define IMAP_PROGRESS_MS 10000
#define IMAP_BATCH 128 /* records read at a time */
#define IMAP_TEXT_MAX                                                                    \
	((size_t)256 << 20) /* a message that SEARCH decodes, in its job                 \
			     */
#define IMAP_INLINE_MAX                                                                  \
	((size_t)32 * 1024) /* bodies up to here are written with the rest */
#define IMAP_SILENT_MAX 32  /* own changes in one STORE .SILENT that are not told */
#define IMAP_OWN_MAX 8      /* own new messages, of which NOTIFY tells nothing */
#define IMAP_PATTERNS_MAX 32
#define IMAP_PATTERN_OCTETS_MAX 4096 /* of all patterns of a LIST together */

#define IMAP_SORT_BUDGET ((size_t)1 << 30) /* of all SORT and THREAD in a process */

struct vx_imap_service {
	struct vx_imap_service_options o;
	size_t sort_reserved; /* octets of the budget */
};

enum imap_state {
	IMAP_EARLY,
	IMAP_AUTH,
	IMAP_SELECTED,
	IMAP_LOGOUT
};

/* What ENABLE, or a command that implies it, switched on. */
enum imap_enable {
	IMAP_ENABLE_NONE,
	IMAP_REV2,
	IMAP_UTF8,
	IMAP_UIDONLY,
	IMAP_CONDSTORE,
	IMAP_QRESYNC,
	IMAP_ENABLES
};

/* MULTIAPPEND (RFC 3502): messages of one command, and what they hold in memory. */
#define IMAP_APPEND_MAX 100
#define IMAP_APPEND_HELD_MAX ((size_t)4 << 20)

/* A message of an APPEND that is complete while others follow. */
struct imap_held {
	struct vx_blob_writer *writer; /* own; NULL: an op has it */
	struct vx_imap_flags flags;    /* in the session's arena */
	int64_t date;
};

/*
 * What an APPEND is made of, as far as it was read: a new message, octets of another
 * message (RFC 4469), octets that come, the end.
 */
#define IMAP_APPEND_ACTS_MAX 4096 /* a power of two */
enum imap_append_type {
	IMAP_APPEND_NEW,
	IMAP_APPEND_URL,
	IMAP_APPEND_LITERAL,
	IMAP_APPEND_SUBMIT
};
struct imap_append_act {
	enum imap_append_type type;
	vx_slice url;               /* of URL */
	struct vx_imap_flags flags; /* of NEW */
	int64_t date;
};

/* APPEND and REPLACE under way; all it points to is in the session's arena. */
struct imap_append {
	struct imap_append_act *acts;
	size_t act_count, act_cap, act; /* act: the next one */
	size_t prefix;       /* octets of the command before the last octets that came */
	bool catenate, utf8; /* what was read ends within CATENATE (, UTF8 ( */
	bool binary;         /* the octets come as literal8 */
	struct imap_held *held;
	size_t held_count, held_octets;
	uint64_t copied; /* octets by URLs */
	int64_t began_s; /* when the first was held */
	uint32_t account, mailbox;
	unsigned rights;   /* in that mailbox */
	uint32_t replaces; /* REPLACE: the UID that goes; 0: APPEND */
	/* of the message under way */
	struct vx_imap_flags flags;
	int64_t date;
	int failed;
};

/* What the session does instead of reading commands. */
enum imap_busy {
	IMAP_IDLE_NOT,  /* nothing: the next command */
	IMAP_OP,        /* a store op is under way: see op_done */
	IMAP_JOB,       /* a job is under way */
	IMAP_ANSWERING, /* an answer is being written: see imap_answer */
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
		struct vx_deliver_all_op deliver_all;
		struct vx_flags_op flags;
		struct vx_expunge_op expunge;
		struct vx_copy_op copy;
		struct vx_mailbox_op mailbox;
		struct vx_acl_op acl;
		struct vx_metadata_op metadata;
		struct vx_job job;
	} u;                          /* first: done finds the rest */
	struct imap_session *session; /* NULL: it ended */
	_Atomic bool abandoned;       /* the same, for the job's thread */
	bool under_way;
	int result;
	uint64_t told_ms; /* when imap_progress said something, or was first called */
	/* takes the result, in the session's drive */
	int (*finish)(struct imap_session *s, struct imap_task *t, struct vx_buf *out);
	void (*release)(struct imap_task *t); /* what data holds; may be NULL */
	struct vx_arena arena;                /* what the op points to */
	void *data;
};

/* Untagged FETCH (FLAGS) of records in ranges, in steps. */
struct imap_flag_walk {
	const struct vx_uid_range *ranges; /* borrowed */
	size_t count, at;
	uint32_t next_uid; /* where to go on in ranges[at]; 0: at its beginning */
	uint64_t since;    /* changed after it; 0: all */
	bool with_uid;
	bool modseq_only; /* of own silent changes: what they did to MODSEQ (RFC
			     7162 3.1.3) */
	/* of a conditional STORE .SILENT: every message but these, ascending */
	bool every;
	const struct vx_uid_range *but;
	size_t but_count, but_at;
	uint32_t written; /* messages told so far */
};

/* UIDs that are gone, in steps (imap_vanished.c). */
struct imap_vanished {
	const struct vx_uid_range *known; /* in the arena: those that are asked for */
	size_t known_count, known_at;
	bool none;                 /* nothing went */
	struct vx_uid_range *gone; /* in the arena: those that went since; NULL: all */
	size_t gone_count, gone_at;
	uint32_t next;
	struct vx_arena arena;
};

/* Messages of the view that are not in its sync's fresh snapshot, from the lowest on. */
struct imap_gone {
	uint32_t count; /* that are still to come */
	uint32_t from;  /* a sequence number: those below came */
};

/* Telling what changed, in stages and in steps: EXPUNGEs, EXISTS, flags. */
struct imap_sync {
	bool active;
	size_t stage;
	struct vx_snapshot *fresh; /* own, until it takes the old one's place */
	struct imap_gone gone;     /* whose EXPUNGE is still to be told */
	uint32_t below;            /* all of them have at most this sequence number */
	bool told;                 /* that any went */
	bool news;                 /* new messages are being told: s->fetch */
	/* what is new, without the messages that the session filed itself */
	struct vx_uid_range fresh_uids[IMAP_OWN_MAX + 1];
	size_t fresh_count;
	struct vx_uid_range known;
	struct imap_flag_walk flags;
	struct imap_context **context; /* the one that is looked at; NULL: the first */
};

struct imap_view { /* the selected mailbox as the client knows it */
	uint32_t account, mailbox;
	struct vx_snapshot *snapshot; /* own reference */
	bool read_only;
	unsigned rights;      /* enum vx_right, as they were when the command began */
	uint64_t seen_modseq; /* what came and went up to here was told */
	uint64_t told_modseq; /* and what changed up to here */
	uint64_t silent[IMAP_SILENT_MAX]; /* own changes that are not told (.SILENT) */
	size_t silent_count;
	struct vx_watch watch;
	bool changed;                          /* the watch said so */
	struct vx_uid_range own[IMAP_OWN_MAX]; /* filed by this session, not told yet */
	size_t own_count;
	struct vx_uid_range *saved; /* own: SEARCH RETURN (SAVE) */
	size_t saved_count;
	struct imap_context *contexts; /* own: searches with UPDATE */
	struct imap_sync sync;
};

struct imap_fetch;   /* imap_fetch.c */
struct imap_notify;  /* imap_notify.c */
struct imap_context; /* imap_context.c */

/*
 * A part of an answer that may be long: called until all is written, and returns when
 * imap_full says so.  VX_OK: all of it is written.  VX_DATA: there is more.  VX_WAIT: a
 * task is under way, call again when it is done.  Below 0: close the connection.
 */
typedef int imap_part_fn(struct imap_session *s, struct vx_buf *out);

/*
 * The answer to a command: its own data (body), then what changed in the mailbox (sync),
 * then the tagged line (tail, or what result means).
 */
struct imap_answer {
	imap_part_fn *body, *tail; /* NULL: none; the line for result */
	bool sync, expunges;       /* tell changes; EXPUNGEs, too */
	bool has_modseq;           /* tail says HIGHESTMODSEQ */
	bool own;                  /* tell them even if NOTIFY does not want them */
	int result;
	const char *ok;         /* static */
	struct imap_task *task; /* own: what body and tail look at */
	void *state;            /* the same without a task; in the session's arena */
	void (*release)(void *state); /* may be NULL */
};

struct imap_session {
	struct vx_session base;
	struct vx_imap_service *service;
	struct vx_peer peer;
	enum imap_state state;
	enum imap_busy busy;
	bool greeted, closing, stop_said, secure, starting_tls;
	bool enabled[IMAP_ENABLES];
	uint64_t turn_ms; /* when drive was called */
	unsigned bad;
	uint64_t opened_ms;
	struct vx_zip *zip;      /* own: COMPRESS is active */
	struct vx_zip *zip_next; /* own: it is from the end of this answer on */
	struct vx_zip *zip_last; /* own: it is no more, but the client's stream goes on */
	bool zip_ends;           /* with this answer */
	struct vx_imap_frame frame;
	struct vx_buf reply;   /* written, not yet given to the loop */
	size_t reply_at;       /* so much of it was given */
	struct vx_arena arena; /* of the command */
	vx_slice tag;          /* in the arena */
	bool by_uid;           /* UID command */
	struct vx_auth_login who;
	struct vx_sasl_binding binding;
	struct vx_sasl sasl;
	struct imap_task *task; /* under way */
	struct imap_task *finishing;
	bool task_done;
	struct imap_view view;
	struct imap_answer answer;     /* while ANSWERING */
	struct imap_fetch *fetch;      /* own, while a FETCH is answered */
	struct imap_notify *notify;    /* own: NULL: there was no NOTIFY */
	vx_slice line;                 /* of the command, in the arena */
	struct vx_blob_writer *writer; /* own: of the message that APPEND takes */
	struct imap_append append;
	bool append_waits; /* the disk is behind */
};

/* --- answering ------------------------------------------------------------------- */

int imap_ok(struct imap_session *s, struct vx_buf *out, const char *text);
int imap_no(struct imap_session *s, struct vx_buf *out, const char *text);
int imap_bad(struct imap_session *s, struct vx_buf *out, const char *text);
/* The NO (or OK) that a result of the store means. */
int imap_result(struct imap_session *s, struct vx_buf *out, int rc, const char *ok);
/* Write an answer in steps; VX_OK.  answer is copied, and its task and state are taken.
 */
int imap_answer(struct imap_session *s, const struct imap_answer *answer);
/* Tell what changed, then the tagged line: the end of most commands. */
int imap_done(struct imap_session *s, int rc, const char *ok);
/* The same for FETCH, STORE, SEARCH: no EXPUNGE unless by UID (RFC 9051 7.5.1). */
int imap_done_no_expunge(struct imap_session *s, int rc, const char *ok);
int imap_answer_step(struct imap_session *s, struct vx_buf *out);
void imap_answer_drop(struct imap_session *s);
/* Time or room of this step is used up. */
bool imap_full(const struct imap_session *s, const struct vx_buf *out);
bool imap_tired(const struct imap_session *s);

/* Run the command of a complete line. */
int imap_run_command(struct imap_session *s, vx_slice line, struct vx_buf *out);
/* "DONE" while IDLE is under way. */
int imap_end_idle(struct imap_session *s, vx_slice line, struct vx_buf *out);
const char *imap_command_name(size_t i); /* of the table; NULL: no more.  For tests */
void imap_write_capability(const struct imap_session *s, struct vx_buf *out);
/* A line while AUTHENTICATE is under way. */
int imap_sasl_response(struct imap_session *s, vx_slice line, struct vx_buf *out);

/* --- tasks ----------------------------------------------------------------------- */

struct imap_task *imap_task_new(struct imap_session *s,
    int (*finish)(struct imap_session *s, struct imap_task *t, struct vx_buf *out));
void imap_task_free(struct imap_task *t);
/* VX_WAIT, or the tagged NO when it cannot be submitted.  finish may submit its own. */
int imap_submit(struct imap_session *s, struct imap_task *t, struct vx_buf *out);
int imap_finish_task(struct imap_session *s, struct vx_buf *out);
int imap_submit_job(struct imap_session *s, struct imap_task *t, struct vx_buf *out,
    void (*run)(struct vx_job *job));
/* The same without an answer: below 0 when it cannot be submitted. */
int imap_submit_quiet(struct imap_session *s, struct imap_task *t);
int imap_submit_job_quiet(
    struct imap_session *s, struct imap_task *t, void (*run)(struct vx_job *job));
struct imap_task *imap_task_of(struct vx_job *job);
/* How far a command is that takes long (RFC 9585): said every IMAP_PROGRESS_MS. */
void imap_progress(struct imap_session *s, struct imap_task *t, struct vx_buf *out,
    uint64_t done, uint64_t goal);

/* --- commands: VX_OK answered, VX_WAIT something is under way -------------------- */

typedef int imap_command_fn(
    struct imap_session *s, struct vx_cursor *c, struct vx_buf *out);
imap_command_fn imap_cmd_select, imap_cmd_examine, imap_cmd_close, imap_cmd_unselect,
    imap_cmd_list, imap_cmd_lsub, imap_cmd_status, imap_cmd_create, imap_cmd_delete,
    imap_cmd_rename, imap_cmd_subscribe, imap_cmd_unsubscribe, imap_cmd_namespace,
    imap_cmd_fetch, imap_cmd_store, imap_cmd_copy, imap_cmd_move, imap_cmd_expunge,
    imap_cmd_search, imap_cmd_cancelupdate, imap_cmd_esearch, imap_cmd_sort, imap_cmd_thread, imap_cmd_append,
    imap_cmd_replace, imap_cmd_check, imap_cmd_login, imap_cmd_authenticate,
    imap_cmd_notify, imap_cmd_getacl, imap_cmd_setacl, imap_cmd_deleteacl,
    imap_cmd_listrights, imap_cmd_myrights, imap_cmd_getquota, imap_cmd_getquotaroot,
    imap_cmd_setquota, imap_cmd_getmetadata, imap_cmd_setmetadata;

/* "* 7 FETCH (", or "* UID UIDFETCH (" after ENABLE UIDONLY (RFC 9586 3.3). */
void imap_open_fetch(
    const struct imap_session *s, struct vx_buf *out, uint32_t seq, uint32_t uid);
/* "BAD [UIDREQUIRED]": numbers of messages after ENABLE UIDONLY. */
int imap_uid_required(struct imap_session *s, struct vx_buf *out);
/* UTF-8 in names and quoted strings, both ways (RFC 9051, RFC 9755 3). */
bool imap_utf8(const struct imap_session *s);
bool imap_mailbox_name(struct imap_session *s, struct vx_cursor *c, vx_slice *out);
/* The same of a name that was read already, into an arena; INBOX in capitals. */
bool imap_decode_name(
    const struct imap_session *s, struct vx_arena *arena, vx_slice *name);
/* --- who may do what (imap_access.c, RFC 4314) ------------------------------------ */

#define IMAP_OTHERS "Other Users"    /* above what other accounts share */
#define IMAP_NAME_MAX ((size_t)1200) /* octets of such a name */

struct imap_place {
	uint32_t account, mailbox; /* mailbox 0: the nearest that is there is above */
	unsigned rights;           /* enum vx_right */
	vx_slice name; /* as that account has it; borrowed from the one asked */
};
/*
 * The one way from a name to a mailbox that is not known to be the session's own.  VX_OK:
 * it is there, and the session has all rights of need; with need 0, any of l, r, i, k, x
 * and a.  VX_EACCES: it may know of it, but not do that.  VX_ENOENT: it is not there, or
 * not for this session: nobody can tell which.
 */
int imap_reach_in(struct imap_session *s, struct vx_view *v, vx_slice name, unsigned need,
    struct imap_place *out);
/* The same in a view of its own. */
int imap_reach(
    struct imap_session *s, vx_slice name, unsigned need, struct imap_place *out);
/* Where a mailbox of this name can be made: VX_OK, VX_EACCES, VX_EINVAL. */
int imap_reach_new(struct imap_session *s, vx_slice name, struct imap_place *out);
/* Rights at a mailbox by its number; 0: none, or not there. */
unsigned imap_rights(
    struct imap_session *s, struct vx_view *v, uint32_t account, uint32_t mailbox);
/* Look again what may be done with the selected mailbox: false: it may not be read. */
bool imap_view_rights(struct imap_session *s);
/* The bits of flags that rights allow to change. */
uint64_t imap_flag_mask(unsigned rights);
/* Is the name of another account's mailbox, or above all of them? */
bool imap_name_is_others(vx_slice name);
/* How this session calls a mailbox, in the arena. */
int imap_shown_name(struct imap_session *s, struct vx_view *v, struct vx_arena *arena,
    const struct vx_mailbox_info *m, vx_slice *out);
/* So many percent of an account's quota are used now: tell its owner; 0: nothing. */
void imap_quota_due(struct imap_session *s, uint32_t account, unsigned percent);
/* "a", "(a b)": at most max astrings, in the arena, added to *count. */
bool imap_metadata_names(struct imap_session *s, struct vx_cursor *c, vx_slice *names,
    size_t max, size_t *count);
/* "* METADATA name (entry value ...)", if rights allow it (RFC 9590 3). */
void imap_metadata_list(struct imap_session *s, struct vx_view *v,
    const struct vx_mailbox_info *m, unsigned rights, const vx_slice *names, size_t count,
    struct vx_buf *out);
/* "* MYRIGHTS name rights" */
void imap_write_myrights(
    struct imap_session *s, vx_slice name, unsigned rights, struct vx_buf *out);

/* NO: the mailbox to copy or append to is not there. */
int imap_no_target(struct imap_session *s, struct vx_buf *out, vx_slice name);
/* " \Sent \Junk" */
unsigned imap_use_of(vx_slice name); /* of "\Sent"; 0: there is none */
void imap_write_uses(unsigned use, struct vx_buf *out);
enum { /* some of those bits */
	IMAP_STATUS_MESSAGES = 1 << 0,
	IMAP_STATUS_UIDNEXT = 1 << 2,
	IMAP_STATUS_UIDVALIDITY = 1 << 3,
	IMAP_STATUS_UNSEEN = 1 << 4,
	IMAP_STATUS_MODSEQ = 1 << 7
};
/* "(MESSAGES UNSEEN ...)" as bits; its answer; that it enables CONDSTORE. */
bool imap_status_items(struct vx_cursor *c, unsigned *items);
void imap_write_status(struct imap_session *s, struct vx_buf *out,
    const struct vx_mailbox_info *m, const struct vx_mailbox_status *st, unsigned items);
void imap_status_enables(struct imap_session *s, struct vx_buf *out, unsigned items);
/* The LIST response that tells what was selected, asked for as `asked`. */
void imap_list_selected(
    struct imap_session *s, vx_slice name, vx_slice asked, struct vx_buf *out);
/* The one that tells that a mailbox came, went (exists is false), or was called `was`. */
void imap_list_event(struct imap_session *s, struct vx_view *v,
    const struct vx_mailbox_info *m, vx_slice was, struct vx_buf *out);

/* --- the view -------------------------------------------------------------------- */

void imap_view_close(struct imap_session *s);
/* Begin to tell what changed; expunges only when they may be told. */
void imap_sync_begin(struct imap_session *s, struct vx_buf *out, bool expunges);
int imap_sync_step(struct imap_session *s, struct vx_buf *out);
/* The next of them: UIDs of messages whose sequence numbers are in a row. */
struct vx_uid_range imap_next_gone(const struct imap_session *s, struct imap_gone *g);
int imap_flag_walk(struct imap_session *s, struct imap_flag_walk *w, struct vx_buf *out);
/* A CONDSTORE enabling command: the first one tells HIGHESTMODSEQ (RFC 7162 3.1). */
void imap_enable_condstore(struct imap_session *s, struct vx_buf *out);
void imap_write_highestmodseq(struct imap_session *s, struct vx_buf *out);
/*
 * VANISHED (EARLIER): which of the UIDs of set (NULL: all) went since a MODSEQ; those up
 * to floor are not told.  begin: VX_OK, or below 0; then write until it is VX_OK, done.
 */
int imap_vanished_begin(struct imap_session *s, struct imap_vanished *v,
    const struct vx_imap_set *set, uint64_t since, uint32_t floor);
/* The same for UID FETCH (VANISHED): c is at " set". */
int imap_vanished_fetch(
    struct imap_session *s, struct imap_vanished *v, struct vx_cursor c, uint64_t since);
int imap_vanished_write(
    struct imap_session *s, struct imap_vanished *v, struct vx_buf *out);
void imap_vanished_done(struct imap_vanished *v);
/* Up to which UID a client knows all that went (RFC 7162 3.2.5.2). */
uint32_t imap_vanished_floor(
    const struct imap_session *s, const struct vx_imap_set match[2]);
/* Ascending, merged; *count is how many then. */
void imap_merge_ranges(struct vx_uid_range *ranges, size_t *count);
enum imap_set_kind {
	IMAP_SET_NUMBERS,
	IMAP_SET_SOUGHT, /* numbers in a SEARCH: those beyond the last match nothing (RFC
			    7377 2) */
	IMAP_SET_UIDS,
};
/* The UIDs of a set, in the arena.  VX_EINVAL: numbers of messages that are not there. */
int imap_view_resolve(const struct imap_view *v, const struct vx_imap_set *set,
    enum imap_set_kind kind, struct vx_arena *arena, struct vx_uid_range **out,
    size_t *count);
/* "SP set" of a command as UIDs: VX_OK, or BAD was answered (VX_DONE). */
int imap_view_set(struct imap_session *s, struct vx_cursor *c, struct vx_arena *arena,
    struct vx_buf *out, struct vx_uid_range **ranges, size_t *count);
/* How many messages of the view the ranges hold. */
uint32_t imap_view_count(
    const struct imap_session *s, const struct vx_uid_range *ranges, size_t count);
/* The tagged NO of a command that named messages which are gone. */
int imap_some_are_gone(struct imap_session *s, struct vx_buf *out);
/* This session filed these messages in a mailbox. */
void imap_view_own(
    struct imap_session *s, uint32_t account, uint32_t mailbox, struct vx_uid_range uids);
/* A change of our own that the answer to its command tells, or that is not to be told. */
void imap_view_silence(struct imap_session *s, uint64_t modseq);
/* "1:3,5" of ranges from *at on, as sequence numbers or UIDs: VX_OK or VX_DATA. */
int imap_write_uids(struct imap_session *s, struct vx_buf *out,
    const struct vx_uid_range *ranges, size_t count, size_t *at, bool as_uids);

/* --- FETCH, APPEND --------------------------------------------------------------- */

/* Octets of a body are to be written straight to out: VX_OK all, VX_DATA, VX_WAIT. */
bool imap_fetch_streaming(const struct imap_fetch *f);
/*
 * Items of messages outside of a FETCH: begin (VX_OK, VX_ENOMEM; what and ranges are
 * borrowed), then step as an imap_part_fn, which frees it at the end.
 */
int imap_fetch_begin(struct imap_session *s, const struct vx_imap_fetch *what,
    const struct vx_uid_range *ranges, size_t count);
int imap_fetch_step(struct imap_session *s, struct vx_buf *out);
int imap_fetch_stream(struct imap_session *s, struct vx_buf *out);
void imap_fetch_free(struct imap_fetch *f);
int imap_append_begin(struct imap_session *s, struct vx_buf *out);
/* Do what was read: VX_OK, VX_WAIT.  imap_append_fail: it was answered, drop all. */
int imap_append_go(struct imap_session *s, struct vx_buf *out);
int imap_append_fail(struct imap_session *s);
/* The octets of a URL into the writer, then imap_append_go. */
int imap_catenate(struct imap_session *s, vx_slice url, struct vx_buf *out);
int imap_append_octets(struct imap_session *s, vx_slice octets);
int imap_append_end(struct imap_session *s, struct vx_buf *out);
void imap_append_drop(struct imap_session *s);

#endif
