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

VX_END_DECLS

#endif
