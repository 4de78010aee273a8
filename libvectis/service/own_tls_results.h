/*
 * own_tls_results.h - what became of TLS in our sessions with other servers, counted for
 * the reports that their domains ask for (RFC 8460 4).
 *
 * The sender tells of each session once, vx_own_tls_result.  A batch is in memory only:
 * whoever keeps counts for reports takes its policies (the lists of report.h, so that a
 * batch can be written as it is), adds them to what is on the disk, and empties it.  Not
 * thread-safe.
 */
#ifndef VX_SERVICE_OWN_TLS_RESULTS_H
#define VX_SERVICE_OWN_TLS_RESULTS_H

#include "base/map.h"
#include "vectis/arena.h"
#include "vectis/report.h"

#define OWN_TLS_POLICIES_MAX 10000 /* of a batch */
#define OWN_TLS_FAILURES_MAX 1000  /* kinds of failures, of a policy */
#define OWN_TLS_OCTETS_MAX ((size_t)32 << 20)
#define OWN_TLS_TEXT_MAX 65536 /* of a policy's text, and of its mx hosts */
#define OWN_TLS_REASON_MAX 200 /* of a reason code; more is cut */

/* A session with a server; a policy that could not be had is an outcome, too. */
struct own_tls_outcome {
	vx_slice domain; /* the policy domain: where the mail goes, A-labels */
	enum vx_tls_policy_type type;
	/*
	 * The policy that was applied, lines with LF between them: "version: STSv1", ...
	 * or TLSA records "3 1 1 ABCD" (RFC 8460 4.4).  Empty with no policy.
	 */
	vx_slice policy;
	vx_slice mx_hosts; /* lines: the patterns of MTA-STS, or the host of the TLSA
			      records */
	bool failed;
	enum vx_tls_failure_type failure; /* when it did */
	vx_slice receiving_hostname;      /* the MX host; empty: none was spoken to */
	vx_slice receiving_helo;          /* as it greeted; may be empty */
	vx_slice sending_ip, receiving_ip;
	vx_slice reason_code; /* in words, for a person; may be empty */
};

struct own_tls_results {
	struct vx_arena arena;          /* of all that policies have */
	struct vx_map known;            /* policies by all that makes them one */
	struct vx_tls_policy *policies; /* in the order in which they were seen first */
	struct vx_tls_policy **tail;
	size_t count;       /* of policies */
	int64_t begin, end; /* of the first and the last outcome; 0: there is none */
	uint64_t lost;      /* outcomes that a limit kept out */
};

void vx_own_tls_results_init(struct own_tls_results *r);
void vx_own_tls_results_done(struct own_tls_results *r);
/* Everything in it is gone. */
void vx_own_tls_results_reset(struct own_tls_results *r);
/*
 * Count a session at now (seconds since 1970).  Same policies and same failures have one
 * entry with a count.  VX_OK, VX_EINVAL (no domain), VX_ELIMIT (counted in lost).
 */
int vx_own_tls_result(
    struct own_tls_results *r, const struct own_tls_outcome *o, int64_t now);

#endif
