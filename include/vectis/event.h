/*
 * event.h - what became of mail, for whoever asks later (vectisctl why): accepted and
 * refused, sent, deferred and given up, each with its reasons.
 *
 * Events are written in the transaction that they tell of, those of mail that was refused
 * in one of their own.  The newest VX_EVENTS_MAX of the last VX_EVENT_DAYS are kept.
 */
#ifndef VECTIS_EVENT_H
#define VECTIS_EVENT_H

#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_EVENTS_MAX 200000
#define VX_EVENT_DAYS 30
#define VX_EVENT_TEXT_MAX 500  /* octets of a text; longer ones are cut */
#define VX_EVENT_LIST_MAX 4000 /* of the recipients, and of the checks */

enum vx_event_type {
	VX_EVENT_ACCEPTED, /* from a server or a user: filed, queued, or both */
	VX_EVENT_REFUSED,
	VX_EVENT_SENT,     /* taken by another server */
	VX_EVENT_DEFERRED, /* it will be tried again */
	VX_EVENT_BOUNCED,  /* another server refused it for good */
	VX_EVENT_EXPIRED,  /* it took too long */
	VX_EVENT_REMOVED,  /* by the operator */
	VX_EVENT_RETURNED, /* another server took it, and reported later that it failed */
	VX_EVENT_TYPES
};
/* "accepted"; "?" of another number. */
VX_API const char *vx_event_name(unsigned type);

enum vx_event_text {
	VX_EVENT_ID,         /* that people are told: of the queue */
	VX_EVENT_MESSAGE_ID, /* the field, without <> */
	VX_EVENT_SUBJECT,    /* as it is in the header */
	VX_EVENT_SENDER,     /* reverse-path; empty: the null one */
	VX_EVENT_RECIPIENTS, /* forward-paths with ' ' between them */
	VX_EVENT_ADDRESS,    /* of the client, or of the server */
	VX_EVENT_HOST,       /* its name: what HELO said, or the MX */
	VX_EVENT_LOGIN,      /* whose session it was */
	VX_EVENT_REASON,     /* what was answered */
	VX_EVENT_CHECKS,     /* lines of "check<TAB>result<TAB>detail" */
	VX_EVENT_TEXTS
};

struct vx_event {
	uint64_t number; /* out: counts up */
	uint64_t time;   /* seconds since 1970 */
	uint64_t size;   /* octets of the message; 0: not known */
	unsigned type;
	vx_slice texts[VX_EVENT_TEXTS]; /* read: borrowed from the view */
};

/*
 * Within the apply of an op, or as `also` of one, so that it tells of what that does.
 * VX_OK or the store's failure.
 */
VX_API int vx_event_write(struct vx_kv_txn *txn, const struct vx_event *e);

/* Some that have no transaction of their own. */
struct vx_event_op {
	struct vx_store_op op;
	const struct vx_event *events;
	size_t count;
};
VX_API void vx_event_op_init(struct vx_event_op *op);

/* The newest that is older than number (UINT64_MAX: of all).  VX_ENOENT, VX_ECORRUPT. */
VX_API int vx_event_before(struct vx_view *v, uint64_t number, struct vx_event *out);

VX_END_DECLS

#endif
