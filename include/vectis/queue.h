/*
 * queue.h - mail that goes on to other servers: in the store, so that what was accepted
 * is queued in the transaction that accepts it.
 *
 * A message is in the queue while it has recipients; each is due at some time for its
 * destination, the domain that it is routed by, or a relay (relay.h).  A recipient leaves
 * the queue when it was delivered, or given up (reported), or removed by the operator:
 * exactly one of them.
 */
#ifndef VECTIS_QUEUE_H
#define VECTIS_QUEUE_H

#include "vectis/bounce.h"
#include "vectis/dns.h"
#include "vectis/event.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_QUEUE_TOKEN_OCTETS 16
#define VX_QUEUE_PATH_MAX 1280
#define VX_QUEUE_ENVID_MAX 100  /* RFC 3461 5.4, as xtext */
#define VX_QUEUE_ORCPT_MAX 500  /* RFC 3461 4.2, as xtext */
#define VX_QUEUE_REPLY_MAX 1000 /* octets kept of what a server said last */
#define VX_QUEUE_RECIPIENTS_MAX 10000
#define VX_QUEUE_PREFIX_MAX 16384
/*
 * Destinations that no server has, and no relay takes: what is for lists of ours; and
 * recipients that have their mail, of which the sender is to be told: in a mailbox, or
 * those that an address stands for.
 */
#define VX_QUEUE_LISTS "lists.invalid"
#define VX_QUEUE_DELIVERED "delivered.invalid"
#define VX_QUEUE_EXPANDED "expanded.invalid"
/* Is it one of them? */
VX_API bool vx_queue_is_inner(vx_slice destination);
#define VX_QUEUE_HOLD_MAX 40 /* octets of "until;" and a date */

enum vx_queue_flag {
	VX_QUEUE_8BIT = 1 << 0,        /* its sender said BODY=8BITMIME */
	VX_QUEUE_UTF8 = 1 << 1,        /* its sender said SMTPUTF8 */
	VX_QUEUE_RET_HEADERS = 1 << 2, /* RET=HDRS: reports have the header only */
	VX_QUEUE_RET_FULL = 1 << 3,    /* RET=FULL */
	VX_QUEUE_HELD = 1 << 4,        /* by the operator: nothing of it is due */
	VX_QUEUE_HAS_8BIT = 1 << 6,    /* what vx_smtp_scan found in it */
	VX_QUEUE_HAS_UTF8_HEADER = 1 << 7,
	VX_QUEUE_HAS_BARE = 1 << 8,
	VX_QUEUE_REPORT = 1 << 5, /* made by this server: never told of */
	/* A report about TLS: it goes even where no TLS is as it has to be (RFC 8460 3).
	 */
	VX_QUEUE_TLS_OPTIONAL = 1 << 9,
};

struct vx_queue_message {
	uint64_t id;                           /* counts up in the order of acceptance */
	char token[VX_QUEUE_TOKEN_OCTETS + 1]; /* what people are told; unique */
	uint64_t blob, size;
	uint64_t created; /* seconds since 1970 */
	uint32_t account; /* whose login submitted it; 0: none */
	unsigned flags;
	uint32_t recipients, left; /* that it had, and that are in the queue */
	vx_slice reverse_path;     /* borrowed from the view, like the rest */
	vx_slice envid;            /* xtext */
	vx_slice domain; /* of ours, that sends it: its relay (relay.h); empty: none */
	/*
	 * RFC 4865: until when its sender wanted it to wait; 0: not at all; and what was
	 * asked for, as reports have to say it: "for;600", "until;2026-12-24T08:00:00Z".
	 */
	uint32_t release;
	vx_slice hold;
};

struct vx_queue_recipient {
	uint32_t number; /* from 0, within its message */
	uint32_t due;    /* seconds since 1970 */
	unsigned attempts;
	unsigned notify; /* VX_SMTP_NOTIFY_*; 0: not said */
	bool delay_told;
	vx_slice forward_path; /* borrowed from the view, like the rest */
	vx_slice orcpt;        /* "rfc822;" xtext */
	/* What it is due for: a domain, an address literal, or a relay (VX_RELAY_MARK).
	 */
	vx_slice destination;
	vx_slice host, reply; /* of the last attempt that failed */
};

/* --- adding ---------------------------------------------------------------------------
 */

struct vx_queue_new {
	char token[VX_QUEUE_TOKEN_OCTETS];
	uint64_t created, size;
	uint32_t account, due;
	unsigned flags;
	vx_slice reverse_path, envid;
	vx_slice domain; /* as of struct vx_queue_message, like release and hold */
	uint32_t release;
	vx_slice hold;
	vx_slice prefix; /* fields that go in front of the message, such as signatures */
	struct vx_queue_to {
		vx_slice forward_path, orcpt;
		/* A name as of dns.h, or an address literal: a relay is found here. */
		vx_slice destination;
		unsigned notify;
	} * to;
	size_t count;
	uint64_t id; /* out */
};

/* What an attempt came to. */
struct vx_queue_result {
	uint64_t message;
	uint32_t number;
	bool finished; /* it leaves the queue; else it is due again */
	uint32_t due;
	bool delay_told;      /* the sender was told that it takes long */
	vx_slice host, reply; /* of an attempt that failed */
	const struct vx_event
	    *event;               /* what is told of it, unless it is missing; or NULL */
	bool counted;             /* finished, and counted of the message's domain: */
	enum vx_bounce_kind kind; /* bounce.h */
	uint64_t now_s;
	bool missing; /* out: it was not in the queue (any more) */
};

/* Any number of results, in one transaction.  VX_OK: also when all of them are missing.
 */
struct vx_queue_op {
	struct vx_store_op op;
	struct vx_queue_result *results;
	size_t count;
};
VX_API void vx_queue_op_init(struct vx_queue_op *op);

/*
 * To be `also` of a deliver op, whose also_ctx is this: queue its message, and note
 * results in the same transaction (a report takes the place of what it tells of).  When
 * all results are missing VX_ECONFLICT, and nothing is done.
 */
struct vx_queue_also {
	struct vx_queue_new *add; /* one for each reverse-path */
	size_t add_count;         /* 0: the message is filed only */
	struct vx_queue_result *results;
	size_t count;
};
VX_API int vx_queue_also(
    struct vx_deliver_op *op, struct vx_kv_txn *txn, uint64_t blob, uint32_t *references);

/* --- reading: VX_OK, VX_ENOENT, VX_ECORRUPT
 * --------------------------------------------- */

VX_API int vx_queue_get(struct vx_view *v, uint64_t id, struct vx_queue_message *out);
/* What goes in front of it, borrowed from the view; empty: nothing. */
VX_API int vx_queue_prefix(struct vx_view *v, uint64_t id, vx_slice *out);
/* The first with an id above after. */
VX_API int vx_queue_next(struct vx_view *v, uint64_t after, struct vx_queue_message *out);
/* By its token (of any case); looks at all. */
VX_API int vx_queue_find(struct vx_view *v, vx_slice token, struct vx_queue_message *out);
/* The first of the message's recipients from number on. */
VX_API int vx_queue_recipient(
    struct vx_view *v, uint64_t id, uint32_t from, struct vx_queue_recipient *out);

/* The first destination after a name ("": the first of all) that has something, ever. */
VX_API int vx_queue_destination(
    struct vx_view *v, vx_slice after, char out[VX_DNS_NAME_MAX + 1], uint32_t *due);
struct vx_queue_place { /* of a recipient, in the order in which they are due */
	uint32_t due;
	uint64_t message;
	uint32_t number;
};
/* The first of a destination after *at; all zero: the first of all. */
VX_API int vx_queue_due(
    struct vx_view *v, vx_slice destination, struct vx_queue_place *at);

/* --- the operator
 * ------------------------------------------------------------------------ */

enum vx_queue_verb {
	VX_QUEUE_HOLD,
	VX_QUEUE_RELEASE,
	VX_QUEUE_FLUSH, /* due now */
	VX_QUEUE_REMOVE,
	VX_QUEUE_REMOVE_DEFERRED, /* recipients that were tried before */
	/*
	 * What is missing in the list of what is due is put there; all is due for the
	 * relay that it has now; and what was put off for longer than wait_max from now
	 * is due: the clock was set back since.
	 */
	VX_QUEUE_MEND,
	/*
	 * Of a destination whose first MX host is mx: what goes by a relay is due for
	 * that. In slices: next_at becomes at while there are more.
	 */
	VX_QUEUE_ROUTE
};
struct vx_queue_admin_op {
	struct vx_store_op op;
	enum vx_queue_verb verb;
	uint64_t id; /* 0: all, in slices: from_id and next_id as of vx_flags_op */
	uint64_t from_id, next_id;
	uint32_t now;      /* of all but HOLD */
	uint32_t wait_max; /* of MEND, seconds; 0: whatever it was put off to */
	uint64_t changed;  /* out: recipients */
	/* of ROUTE */
	vx_slice destination, mx;
	struct vx_queue_place at,
	    next_at; /* all zero: from the first on; out: the last */
	bool more;   /* out: there are others behind it */
	/* out: the relay that it found, as a destination; the last one of several */
	char slot[VX_DNS_NAME_MAX + 1];
	bool several;
};
/* VX_ENOENT: there is no such message. */
VX_API void vx_queue_admin_op_init(struct vx_queue_admin_op *op, enum vx_queue_verb verb);

/*
 * What the store tells of (vx_watch): account VX_WATCH_QUEUE, and as mailbox one of
 * these. NEW: there are messages with higher ids; CHANGED: anything may have become due
 * or gone; ROUTES: relays changed.
 */
#define VX_QUEUE_WATCH_NEW 1
#define VX_QUEUE_WATCH_CHANGED 2
#define VX_QUEUE_WATCH_ROUTES 3

VX_END_DECLS

#endif
