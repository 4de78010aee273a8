/*
 * sender_sts.h - which MTA-STS policy mail to a domain is sent under (RFC 8461 3.3, 5).
 *
 * Each visit asks.  A policy that is in the store and not too old is good whatever
 * happens; a TXT record with another id, or none in the store, makes it be fetched, once
 * for all that wait.  Those that were used lately are fetched anew before they are too
 * old.
 */
#ifndef VX_SERVICE_SENDER_STS_H
#define VX_SERVICE_SENDER_STS_H

#include "service/own_tls_results.h"
#include "vectis/fetch.h"
#include "vectis/service.h"
#include "vectis/sts_cache.h"

#define SENDER_STS_FETCH_MS 60000 /* for a policy (RFC 8461 3.3) */
#define SENDER_STS_AGAIN_S                                                               \
	300 /* a version that could not be had is not fetched sooner                     \
	     */
#define SENDER_STS_FAILURES_MAX 10000 /* that are remembered */
#define SENDER_STS_REFRESH_S 86400    /* a policy is fetched anew so often */
#define SENDER_STS_REFRESH_AGAIN_S 3600
#define SENDER_STS_UNUSED_S (30 * 86400) /* then it is not, and may grow too old */
#define SENDER_STS_WALK_S 60             /* how often it is looked for those */
#define SENDER_STS_WALK_MAX 1000         /* entries that are looked at in one turn */
#define SENDER_STS_REFRESHES_MAX 8       /* under way at once, without mail */

/* A policy in use: counted. */
struct sender_policy {
	unsigned refs;
	struct vx_sts_policy sts;
	char text[]; /* sts.text */
};
struct sender_policy *vx_sender_policy_ref(struct sender_policy *p);
void vx_sender_policy_free(struct sender_policy *p); /* gives one back; NULL is fine */

struct sender_inquiry;
/* Who wants to know.  It lives until done was called or it was forgotten. */
struct sender_wish {
	void (*done)(struct sender_wish *w);
	bool quiet; /* for reports of ours only: what fails is not reported in turn */
	struct sender_policy *policy; /* out, own; NULL: there is none, or it is "none" */
	struct sender_wish *next, **link;
	struct sender_inquiry *inquiry; /* NULL: it does not wait */
};

struct sender_sts_options {
	struct vx_store *store; /* borrowed, like all here */
	const struct vx_log *log;
	struct vx_loop *loop;
	struct own_tls_results *results; /* is told of policies that cannot be had */
	uint16_t port;                   /* of the web servers: 443 */
	uint64_t fetch_ms;
};

struct sender_sts;
int vx_sender_sts_new(const struct sender_sts_options *o, struct sender_sts **out);
void vx_sender_sts_free(struct sender_sts *s);
/* Every second. */
void vx_sender_sts_tick(struct sender_sts *s);

/* VX_WAIT: done will be called, not from within; VX_OK: w->policy is what holds. */
int vx_sender_sts_ask(struct sender_sts *s, const char *domain, struct sender_wish *w);
void vx_sender_sts_forget(struct sender_wish *w);

#endif
