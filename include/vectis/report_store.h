/*
 * report_store.h - what aggregate reports are made of (report.h), in the store: what this
 * server saw of others, counted by day until it is sent to them, and what others saw of
 * our domains, as their reports said.
 *
 * Counting.  Each process collects in a batch in memory, which one op adds to the counts
 * of the store every few seconds: a crash loses at most the batch, a clean stop nothing.
 * Days are those of UTC.  All is bounded, whoever sends what: what is beyond a limit is
 * counted as left out.
 */
#ifndef VECTIS_REPORT_STORE_H
#define VECTIS_REPORT_STORE_H

#include "vectis/report.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_REPORT_DAY_S 86400u
#define VX_REPORT_BATCH_ROWS_MAX 1000 /* in memory; then it is written at once */
#define VX_REPORT_BATCH_S 5           /* or after so long */
#define VX_REPORT_NOTED_OCTETS_MAX                                                       \
	4096                         /* of what makes a row; a larger one is left out */
#define VX_REPORT_NOTED_AUTH_MAX 10  /* results of a row; the rest is not kept */
#define VX_REPORT_NOTED_TEXT_MAX 200 /* octets of a comment or reason; cut */
#define VX_REPORT_NOTED_LINES_MAX 32 /* of a TLS policy, and of its mx patterns */
#define VX_REPORT_NOTED_FAILURES_MAX 100 /* ways to fail of a policy; the rest is not */
#define VX_REPORT_DOMAIN_ROWS_MAX 2000   /* of a domain and day */
#define VX_REPORT_DAY_DOMAINS_MAX 10000  /* of a kind and day */

enum vx_report_kind {
	VX_REPORT_DMARC = 'd',
	VX_REPORT_TLS = 't'
};

/* "dmarc", "tls".  Static. */
VX_API const char *vx_report_kind_name(enum vx_report_kind kind);

/* --- counting --------------------------------------------------------------------------
 */

struct vx_report_batch_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed, like log */
	const struct vx_log *log;
	bool dmarc, tls; /* what is to be counted; of the rest nothing is kept */
};

struct vx_report_batch;
/* All calls on one batch come from the loop's thread.  VX_OK, VX_ENOMEM. */
VX_API int vx_report_batch_new(
    const struct vx_report_batch_options *o, struct vx_report_batch **out);
/* Every second: writes what has waited for long enough. */
VX_API void vx_report_batch_tick(struct vx_report_batch *b, int64_t now_s);
/* Waits until what is in it is written: when the loop has ended, before the store is
 * closed.  NULL is fine. */
VX_API void vx_report_batch_free(struct vx_report_batch *b);

/* A message that was checked, whatever became of it. */
struct vx_dmarc_seen {
	const char *source_ip; /* numeric */
	const struct vx_dmarc_result
	    *result;            /* for policy domain, record, spf and dkim */
	vx_slice header_from;   /* the author domain */
	vx_slice envelope_from; /* domain of MAIL FROM; ptr NULL: not said, empty: <> */
	enum vx_report_disposition disposition; /* what was done */
	const struct vx_report_reason *reasons; /* why it is not what the policy wants */
	const struct vx_report_auth *auth;      /* each identifier; DKIM first */
	bool report; /* it is a report itself: not counted, see vx_report_is_report */
};
/*
 * One message more.  Nothing is kept without a record that wants reports (rua).  VX_OK;
 * VX_ELIMIT, VX_ENOMEM: it is counted as left out.  Nobody has to do anything about
 * that: it never keeps a message from being delivered.
 */
VX_API int vx_report_note_dmarc(
    struct vx_report_batch *b, int64_t now_s, const struct vx_dmarc_seen *s);

/*
 * Sessions with hosts of another domain, or that a policy kept from beginning: so many
 * successes and failures under one policy, and each way in which they failed with its
 * count.  What is in one of them and not in a report of RFC 8460 must not be told here:
 * sessions for reports only (VX_QUEUE_REPORT, RFC 8460 3).  Whether the domain wants
 * reports is asked when they are due.  Results as of vx_report_note_dmarc.
 */
VX_API int vx_report_note_tls(
    struct vx_report_batch *b, int64_t now_s, const struct vx_tls_policy *p);

/*
 * Is a message with this header an aggregate report (RFC 9990 3.5.2, RFC 8460 5.3)? Those
 * are not counted, so that two servers that report to each other come to an end.
 */
VX_API bool vx_report_is_report(vx_slice header);

/* --- what is sent ----------------------------------------------------------------------
 */

#define VX_REPORT_DUE_NOW 1   /* as due: without waiting for the end of the day */
#define VX_REPORT_KEEP_DAYS 7 /* what was counted, sent or not, is kept for so long */

enum vx_report_state {
	VX_REPORT_OPEN,     /* it is counted, or waits to be sent */
	VX_REPORT_SENT,     /* to all that it could be sent to: see reason */
	VX_REPORT_UNWANTED, /* nobody wants it, or may have it */
	VX_REPORT_GIVEN_UP
};

/* A domain's day: one report, once. */
struct vx_report_day {
	uint32_t day; /* since 1970 */
	enum vx_report_kind kind;
	vx_slice domain; /* borrowed from the view, like the other slices */
	enum vx_report_state state;
	uint32_t rows, tries;
	uint64_t seen, dropped; /* messages or sessions; the latter are not in rows */
	uint32_t due;     /* OPEN: not tried before; 0: when the sender thinks fit */
	uint32_t settled; /* since when it is not OPEN */
	vx_slice record;  /* of DMARC: what is left of the policy record */
	vx_slice reason;  /* why it could not be sent, or where it was sent */
};
/*
 * The one after `after`, of which day, kind and domain count, by day, kind and domain;
 * NULL: the first.  VX_OK, VX_ENOENT, VX_ECORRUPT.
 */
VX_API int vx_report_day_next(
    struct vx_view *v, const struct vx_report_day *after, struct vx_report_day *out);

/* What became of an OPEN one.  VX_ENOENT; VX_ECONFLICT: it is not OPEN any more. */
struct vx_report_settle_op {
	struct vx_store_op op;
	enum vx_report_kind kind;
	uint32_t day;
	vx_slice domain, reason;
	enum vx_report_state state; /* OPEN: it is tried again, when it is due */
	uint32_t due, now;
};
VX_API void vx_report_settle_op_init(struct vx_report_settle_op *op);

/* As mailbox of VX_WATCH_QUEUE (store.h): some are wished for, or a message came. */
#define VX_REPORT_WATCH 3

/* All OPEN ones up to a day, or those of a domain, are due now; in slices. */
struct vx_report_wish_op {
	struct vx_store_op op;
	uint32_t last_day;
	vx_slice domain;  /* empty: all */
	uint64_t changed; /* out */
	/* private, for the next slice; more: there is one */
	bool more;
	char from[VX_DNS_NAME_MAX + 16];
	size_t from_len;
};
VX_API void vx_report_wish_op_init(struct vx_report_wish_op *op);

/* What is older is forgotten; in slices. */
struct vx_report_sweep_op {
	struct vx_store_op op;
	uint32_t today;
	bool more; /* out */
};
VX_API void vx_report_sweep_op_init(struct vx_report_sweep_op *op);

/* --- what came -------------------------------------------------------------------------
 */

#define VX_REPORT_GOT_DAYS 90       /* what came is kept for so long */
#define VX_REPORT_GOT_AGE_DAYS 30   /* a report of an earlier day is not taken */
#define VX_REPORT_GOT_ROWS_MAX 2000 /* of a domain and day, and of a report */
#define VX_REPORT_GOT_EACH_MAX 500  /* reports of a domain and day */
#define VX_REPORT_GOT_NAME_MAX 200  /* octets of an organization, an id; cut */
#define VX_REPORT_INTAKE_MAX 1000   /* messages that wait to be read */
#define VX_REPORT_MESSAGE_MAX ((size_t)32 << 20) /* octets of one that is read */
#define VX_REPORT_MESSAGE_REPORTS_MAX 8          /* in one message */

/* Why what came is not counted. */
enum vx_report_bad {
	VX_REPORT_GOOD,
	VX_REPORT_BAD_EMPTY,    /* there is no report in it */
	VX_REPORT_BAD_PACKED,   /* it cannot be unpacked */
	VX_REPORT_BAD_LARGE,    /* it is too large, unpacked or not */
	VX_REPORT_BAD_SYNTAX,   /* it is not well-formed, or says too little */
	VX_REPORT_BAD_FOREIGN,  /* it is not about a domain of this server */
	VX_REPORT_BAD_TIME,     /* it is too old, or of the future */
	VX_REPORT_BAD_UNSIGNED, /* of TLS, without a signature of its sender (RFC 8460 3)
				 */
	VX_REPORT_BAD_AGAIN,    /* it came before */
	VX_REPORT_BAD_FULL,     /* too many of its domain and day, or wait to be read */
	VX_REPORT_BADS
};
/* "there is no report in it"; never NULL.  Static. */
VX_API const char *vx_report_bad_text(enum vx_report_bad bad);

/* The reports of a domain's day, by day, kind and domain. */
struct vx_report_sum {
	uint32_t day;
	enum vx_report_kind kind;
	vx_slice domain; /* borrowed from the view */
	uint32_t reports, rows;
	uint64_t good, bad; /* messages that passed or failed; sessions */
	uint64_t dropped;   /* of these, what is in no row */
};
/* As vx_report_day_next. */
VX_API int vx_report_sum_next(
    struct vx_view *v, const struct vx_report_sum *after, struct vx_report_sum *out);

#define VX_REPORT_DIGEST 16
/* A report of a domain's day.  after: the digest of the one before, or NULL. */
struct vx_report_got {
	char digest[VX_REPORT_DIGEST];
	uint64_t good, bad;
	uint64_t came, begin, end;          /* seconds since 1970 */
	vx_slice organization, id, contact; /* as it says; borrowed from the view */
};
VX_API int vx_report_got_next(struct vx_view *v, const struct vx_report_sum *of,
    const char after[VX_REPORT_DIGEST], struct vx_report_got *out);

/* Rows of all of them, added up. */
struct vx_report_got_row {
	char digest[VX_REPORT_DIGEST];
	uint64_t count;
	/* of DMARC */
	char source_ip[VX_DNS_ADDRESS_MAX +
		       1]; /* "": others, beyond what a report may have */
	enum vx_report_disposition disposition;
	bool dkim, spf;
	/* of TLS: successes and failures of a policy, or (failure) one way to fail */
	enum vx_tls_policy_type policy;
	uint64_t failures;
	bool failure;
	enum vx_tls_failure_type type;
	vx_slice hostname, reason; /* borrowed from the view */
};
VX_API int vx_report_got_row_next(struct vx_view *v, const struct vx_report_sum *of,
    const char after[VX_REPORT_DIGEST], struct vx_report_got_row *out);

/* What could not be counted, by reason. */
struct vx_report_bad_count {
	uint64_t count, last; /* seconds since 1970 */
	vx_slice detail;      /* of the last one: borrowed from the view */
};
/* VX_OK, also when there are none. */
VX_API int vx_report_bad_get(
    struct vx_view *v, enum vx_report_bad bad, struct vx_report_bad_count *out);

/* Messages that wait to be read. */
VX_API int vx_report_waiting(struct vx_view *v, uint64_t *count);

VX_END_DECLS

#endif
