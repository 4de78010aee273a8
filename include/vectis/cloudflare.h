/*
 * cloudflare.h - a client of Cloudflare's API (version 4) for the records of a zone,
 * without I/O (features DNS-07, TLS-03): it says which HTTPS request is to be made, and
 * takes what came of it.
 *
 *	vx_cf_load(cf, "example.com");                 begin a task
 *	while ((rc = vx_cf_next(cf, now_ms, &request, &at_ms)) != VX_DONE) {
 *		if (rc == VX_WAIT)
 *			wait until at_ms;              requests are rationed
 *		else
 *			make the request, and vx_cf_answer(cf, now_ms, &answer);
 *	}
 *	r = vx_cf_result(cf);
 *
 * One task at a time.  What the other side does wrong is in the result, never a negative
 * return value.  Requests that fail for the moment are repeated, with growing pauses, as
 * often as VX_CF_TRIES_MAX; a limit of the server's is waited for (Retry-After).  The
 * answers are hostile: their size, depth and number are bounded.
 *
 * The zone of a name is looked up from its labels, the longest first, and remembered.
 */
#ifndef VECTIS_CLOUDFLARE_H
#define VECTIS_CLOUDFLARE_H

#include "vectis/buf.h"
#include "vectis/err.h"
#include "vectis/zone.h"

VX_BEGIN_DECLS

#define VX_CF_BASE "https://api.cloudflare.com/client/v4"
#define VX_CF_TOKEN_MAX 512
#define VX_CF_ANSWER_MAX ((size_t)16 << 20) /* octets of a body */
#define VX_CF_DEPTH_MAX 16                  /* of an answer's JSON */
#define VX_CF_PAGES_MAX 500                 /* of a list */
#define VX_CF_PER_PAGE 1000                 /* records of a page */
#define VX_CF_BATCH_MAX 200                 /* changes in one request (free plan) */
#define VX_CF_TRIES_MAX 5                   /* of a request */
#define VX_CF_TURNS_MAX 3 /* that a list is read again since others changed it */
#define VX_CF_TEXT_MAX 400
#define VX_CF_MS_EACH 500 /* one request per 500 ms on the average: half of the limit */
#define VX_CF_AT_ONCE 20  /* that many may come without a pause */
#define VX_CF_PAUSE_MS 300000     /* after 429 without Retry-After */
#define VX_CF_PAUSE_MAX_MS 900000 /* more is not waited for: the task ends */
#define VX_CF_REQUEST_MS 60000    /* that a request may take */
#define VX_CF_NAME_SERVERS_MAX 8
#define VX_CF_ZONES_REMEMBERED 16
#define VX_CF_CHALLENGES_MAX 32 /* records with one value that are removed at once */
#define VX_CF_CHALLENGE_TTL 60  /* seconds of a challenge's record: the least there is */

struct vx_cf_options {
	size_t struct_size;
	vx_slice token;     /* copied; a secret, also in requests */
	const char *base;   /* copied; NULL: VX_CF_BASE */
	unsigned per_page;  /* 0: VX_CF_PER_PAGE */
	unsigned batch_max; /* 0: VX_CF_BATCH_MAX */
};

struct vx_cf;
/* VX_OK; VX_EINVAL: the token is empty, too long, or not fit for a header; VX_ENOMEM. */
VX_API int vx_cf_new(const struct vx_cf_options *o, struct vx_cf **out);
VX_API void vx_cf_free(struct vx_cf *cf);

/* --- requests ------------------------------------------------------------------------
 */

/* All of it lives until the answer. */
struct vx_cf_request {
	const char *method;        /* "GET", "POST", "PATCH", "PUT", "DELETE" */
	const char *url;           /* with the query */
	const char *authorization; /* the value of that field: a secret */
	vx_slice body;             /* JSON (application/json); empty: none */
};
struct vx_cf_answer {
	int status;           /* HTTP's; 0: there was none, text says why */
	vx_slice body;        /* borrowed */
	vx_slice retry_after; /* the value of that field; empty: none */
	const char *text;     /* "connection refused"; NULL */
};

/*
 * VX_DATA: *request is to be made; until its answer the same one is handed out again.
 * VX_WAIT: nothing before *at_ms (of the clock that now_ms is of).  VX_DONE: no task is
 * under way, see vx_cf_result.
 */
VX_API int vx_cf_next(
    struct vx_cf *cf, uint64_t now_ms, struct vx_cf_request *request, uint64_t *at_ms);
/* VX_OK; VX_ESTATE: nothing was asked for. */
VX_API int vx_cf_answer(struct vx_cf *cf, uint64_t now_ms, const struct vx_cf_answer *a);
/* The task is given up; the result is VX_CF_UNREACHABLE with that text. */
VX_API void vx_cf_stop(struct vx_cf *cf, const char *text);

/* --- results -------------------------------------------------------------------------
 */

enum vx_cf_outcome {
	VX_CF_GOOD,
	VX_CF_NO_ZONE, /* the token sees no zone of that name */
	VX_CF_TOKEN,   /* it is malformed, invalid, expired, disabled, or a global key */
	VX_CF_FORBIDDEN,   /* a permission is missing: text names it */
	VX_CF_CLASH,       /* another record is in the way, or a record is locked */
	VX_CF_INVALID,     /* the server takes a record to be wrong: text says why */
	VX_CF_LIMITED,     /* too many requests, and the wait is too long */
	VX_CF_UNREACHABLE, /* no answer, or none that says anything, after all tries */
	VX_CF_STRANGE,     /* an answer that is not in the way that is agreed on */
	VX_CF_TOO_MUCH,    /* a limit of ours: the zone is too large; no memory */
	VX_CF_UNCONFIRMED  /* a person has to agree first: text says who and how */
};
/* "forbidden".  Static. */
VX_API const char *vx_cf_outcome_name(enum vx_cf_outcome o);

struct vx_cf_result {
	enum vx_cf_outcome outcome;
	int status;                    /* HTTP's, of the last answer */
	int code;                      /* the first of its errors' codes; 0: none */
	uint64_t wait_ms;              /* LIMITED: how long */
	char text[VX_CF_TEXT_MAX + 1]; /* for a person, printable ASCII; "" of GOOD */
};
/* Of the last task. */
VX_API const struct vx_cf_result *vx_cf_result(const struct vx_cf *cf);

/* Of the zone that the last task was about.  Strings are never NULL. */
struct vx_cf_zone {
	char id[33], name[VX_DNS_NAME_MAX + 1], account[33];
	char status[24]; /* "active", "pending", "moved" ... */
	char type[16];   /* "full", "partial", "secondary" */
	bool paused;
	char name_servers[VX_CF_NAME_SERVERS_MAX][VX_DNS_NAME_MAX + 1];
	size_t name_server_count;
};
/* NULL: no zone was found. */
VX_API const struct vx_cf_zone *vx_cf_zone(const struct vx_cf *cf);

/* --- tasks: VX_OK; VX_ESTATE: one is under way; VX_EINVAL: an argument; VX_ENOMEM ------
 */

/*
 * May the token do what we need: is it valid, does it see the zone of name, and may it
 * write there?  Nothing is written: a record is sent that no server can take.
 */
VX_API int vx_cf_check(struct vx_cf *cf, const char *name);
/* When it ends, in seconds since 1970; 0: not said, or never.  After vx_cf_check. */
VX_API int64_t vx_cf_token_end(const struct vx_cf *cf);

/* All records of the zone that name is in, by one list. */
VX_API int vx_cf_load(struct vx_cf *cf, const char *name);
/* Of the last vx_cf_load that was good; until the next one. */
VX_API const struct vx_zone *vx_cf_records(const struct vx_cf *cf);

/* The zone as text, as its owner would keep it. */
VX_API int vx_cf_export(struct vx_cf *cf, const char *name);
/* Of the last vx_cf_export. */
VX_API vx_slice vx_cf_exported(const struct vx_cf *cf);

/*
 * ACME's DNS-01: a TXT record for a challenge (RFC 8555 8.4).  name is that of the
 * record, "_acme-challenge.example.com"; several values may be there at once.  GOOD when
 * it is there afterwards, or gone, whoever did it.  When it can be seen is another
 * question: ask the zone's name servers, for our value among others, since the provider
 * may publish challenges of its own that no list has.
 */
VX_API int vx_cf_txt_set(struct vx_cf *cf, const char *name, vx_slice value);
VX_API int vx_cf_txt_remove(struct vx_cf *cf, const char *name, vx_slice value);

/*
 * Do to the zone of the plan what vx_zone_diff says, all or nothing for each
 * VX_CF_BATCH_MAX changes.  The zone is loaded first.  When another has changed it
 * meanwhile, it is loaded and compared again.  The plan stays until the result.
 */
VX_API int vx_cf_apply(struct vx_cf *cf, const struct vx_zone_plan *p, unsigned flags);
/* How many records were added, changed and removed by the last vx_cf_apply. */
struct vx_cf_done {
	size_t added, changed, removed;
};
VX_API struct vx_cf_done vx_cf_done(const struct vx_cf *cf);

/* What Cloudflare does with the zone beside its records. */
enum vx_cf_routing {
	VX_CF_ROUTING_UNKNOWN, /* not asked, or no permission */
	VX_CF_ROUTING_OFF,
	VX_CF_ROUTING_ON
};
struct vx_cf_state {
	enum vx_cf_routing routing; /* Email Routing */
	char routing_status[32];    /* "ready", "misconfigured/locked" ...; "" */
	char dnssec[24];            /* "active", "pending", "disabled" ...; "" unknown */
	char ds[400];               /* the record that the registrar has to have; "" */
	bool flatten_known, flatten_all;
};
/* What the token may not read is left unknown. */
VX_API int vx_cf_ask_state(struct vx_cf *cf, const char *name);
VX_API const struct vx_cf_state *vx_cf_state(const struct vx_cf *cf);

/* --- Email Routing as a backup (DNS-19, DNS-20) ----------------------------------------
 */

#define VX_CF_ADDRESS_MAX 320
#define VX_CF_ADDRESSES_PER_PAGE 50
#define VX_CF_RULE_NAME "vectis:backup" /* of the catch-all: it was set from here */
#define VX_CF_TODO_MAX 8

enum vx_cf_address {
	VX_CF_ADDRESS_UNKNOWN, /* not asked for */
	VX_CF_ADDRESS_ABSENT,
	VX_CF_ADDRESS_UNCONFIRMED, /* its owner has not agreed yet */
	VX_CF_ADDRESS_CONFIRMED
};
struct vx_cf_backup {
	bool on; /* Email Routing */
	char status[32];
	bool locked;    /* its records, and with them all MX of the zone */
	bool catch_all; /* what has no rule of its own is led somewhere */
	bool ours;      /* and that was set from here */
	char catch_all_to[VX_CF_ADDRESS_MAX + 1]; /* "": not to an address */
	enum vx_cf_address address;               /* the one that was asked for */
};

/* In the order in which they are done. */
enum vx_cf_todo {
	VX_CF_DO_ADDRESS,   /* ask its owner to agree */
	VX_CF_DO_CONFIRM,   /* wait until that is done: nothing behind it is done now */
	VX_CF_DO_CATCH_ALL, /* lead everything there */
	VX_CF_DO_CLASH,     /* it is led elsewhere, not by us: a person has to decide */
	VX_CF_DO_ENABLE,
	VX_CF_DO_UNLOCK, /* so that MX of ours can be beside its own */
	VX_CF_DO_DISABLE,
	VX_CF_DO_CATCH_ALL_OFF
};
/* "catch-all".  Static. */
VX_API const char *vx_cf_todo_name(enum vx_cf_todo t);
/*
 * What has to be done for Email Routing to lead all mail to address; address NULL: for
 * what was set from here to end, which what others have set does not.  take: theirs is
 * changed.
 */
VX_API size_t vx_cf_backup_todo(const struct vx_cf_backup *b, const char *address,
    bool take, enum vx_cf_todo out[VX_CF_TODO_MAX]);

/*
 * How is it?  address: the one that mail shall go to, or NULL.  A name with an address
 * has to be the top of a zone, else the result is INVALID.  EINVAL also: no address.
 */
VX_API int vx_cf_ask_backup(struct vx_cf *cf, const char *name, const char *address);
/*
 * Do what is to do.  UNCONFIRMED: the owner of the address was asked, no more.  Records
 * of the zone are not written by this: vx_cf_apply does that, afterwards, or before it
 * ends, with a look afterwards, since what was Email Routing's goes with it.
 */
VX_API int vx_cf_set_backup(
    struct vx_cf *cf, const char *name, const char *address, bool take);
/* Of the last of both. */
VX_API const struct vx_cf_backup *vx_cf_backup(const struct vx_cf *cf);

VX_END_DECLS

#endif
