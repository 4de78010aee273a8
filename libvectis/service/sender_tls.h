/*
 * sender_tls.h - what TLS with the hosts of a destination has to be, what it came to, and
 * the outcomes that reports are made of (RFC 7672, RFC 8461 4 and 5, RFC 8460 4.3).
 *
 * Where a host has TLSA records they alone count (RFC 8461 2); else the domain's MTA-STS
 * policy; else TLS is as good as it happens to be.
 */
#ifndef VX_SERVICE_SENDER_TLS_H
#define VX_SERVICE_SENDER_TLS_H

#include "service/sender_int.h"
#include "service/sender_sts.h"

#define SENDER_TLS_TEXT_MAX 300

/* Of a visit. */
struct sender_tls {
	struct vx_sender *sender;
	const char *domain; /* whose policy; borrowed */
	bool quiet;         /* for reports of ours only: nothing is counted */
	struct sender_wish wish;
	void (*known)(struct sender_tls *t);
};
/* VX_OK: go on; VX_WAIT: known will be called.  An address literal has no policy. */
int vx_sender_tls_begin(struct sender_tls *t, struct vx_sender *s, const char *domain,
    bool quiet, void (*known)(struct sender_tls *t));
void vx_sender_tls_done(struct sender_tls *t);

/* May mail go to the host?  Else why not, and it is counted. */
bool vx_sender_tls_admits(const struct sender_tls *t, const struct vx_route_host *h,
    char why[SENDER_TLS_TEXT_MAX]);
/* Nothing is sent in the clear. */
bool vx_sender_tls_is_required(const struct sender_tls *t, const struct vx_route_host *h);

/* Of a connection. */
struct sender_tls_seen {
	bool known;  /* TLS is on, or will not be */
	bool failed; /* the policy, whether it is held to or not */
	enum vx_tls_failure_type failure;
	char reason[SENDER_TLS_TEXT_MAX];
	char local[48], remote[48];
	const char *helo; /* what the host calls itself; borrowed; NULL: not known */
};
void vx_sender_tls_opened(struct sender_tls_seen *seen, const struct vx_peer *peer);
/* What reports call it when a certificate is not the right one. */
enum vx_tls_failure_type vx_sender_tls_failure(enum vx_tls_fault fault);
/* TLS is on: VX_OK; VX_ETLS, with err: nothing may be sent. */
int vx_sender_tls_check(const struct sender_tls *t, const struct vx_route_host *h,
    struct vx_tls *tls, struct sender_tls_seen *seen, struct vx_error *err);
/* How the certificate was found to be, for a person; NULL: it was not looked at. */
const char *vx_sender_tls_words(const struct sender_tls *t, const struct vx_route_host *h,
    const struct sender_tls_seen *seen);
/* It could not begin, or is not offered. */
void vx_sender_tls_failed(struct sender_tls_seen *seen, const char *text);
void vx_sender_tls_missing(struct sender_tls_seen *seen);
/* The answers about a host ("": about the domain) have wrong signatures: count it. */
void vx_sender_tls_forged(const struct sender_tls *t, const char *host);
/* The connection is over: count it. */
void vx_sender_tls_count(const struct sender_tls *t, const struct vx_route_host *h,
    const struct sender_tls_seen *seen);

#endif
