/*
 * sending.h - how much mailboxes and domains send: recipients of submitted mail by the
 * hour, counted in the transaction that takes the mail, so that all workers count alike
 * and a restart forgets nothing (OUT-22 to OUT-24).
 *
 * What a mailbox sent in the last hour is what it sent in this one, and of the one before
 * the share that is less than an hour ago.
 */
#ifndef VECTIS_SENDING_H
#define VECTIS_SENDING_H

#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_SENDING_REASON_MAX 200
#define VX_SENDING_STANDARD 0        /* a limit: as the configuration has it */
#define VX_SENDING_NONE UINT32_MAX   /* a limit: there is none */
#define VX_SENDING_LIMIT_MAX 1000000 /* others are no larger */
/* So many in an hour, and so many times the average: that is told of. */
#define VX_SENDING_GROWTH_LEAST 50
#define VX_SENDING_GROWTH_TIMES 5
#define VX_SENDING_AVERAGE_HOURS 24 /* that the average is about */

struct vx_sending {             /* of a mailbox or a domain; all zero: it never sent */
	uint32_t limit;         /* its own, or one of the two above */
	uint32_t hour;          /* of count: seconds since 1970 / 3600 */
	uint32_t count, before; /* recipients in that hour, and in the one before it */
	uint32_t average;       /* of the hours up to that one, times 256 */
	uint32_t told;          /* the hour whose growth was told of */
	uint64_t suspended;     /* since when; 0: it is not */
	vx_slice reason;        /* borrowed from the view */
};

/* VX_OK, also when there is nothing of it; VX_ECORRUPT. */
VX_API int vx_sending_account(
    struct vx_view *v, uint32_t account, struct vx_sending *out);
VX_API int vx_sending_domain(struct vx_view *v, vx_slice domain, struct vx_sending *out);
/* Recipients in the hour up to now. */
VX_API uint32_t vx_sending_last_hour(const struct vx_sending *s, uint64_t now_s);

enum vx_sending_verdict {
	VX_SENDING_MAY,
	VX_SENDING_MAILBOX, /* it would be more than the mailbox may */
	VX_SENDING_DOMAIN   /* than the domain may */
};
struct vx_sending_count {
	uint32_t account;
	vx_slice domain;     /* of its login, as directory.h has it */
	uint32_t recipients; /* of a message */
	uint64_t now_s;
	uint32_t mailbox_limit, domain_limit; /* the standards; 0: none */
	/* out: */
	enum vx_sending_verdict verdict;
	uint32_t limit;                 /* that it would be more than */
	bool mailbox_grew, domain_grew; /* to be told of, once in an hour */
	uint32_t count, average;        /* of the mailbox that grew, or else the domain */
};
/*
 * In the transaction that takes the message.  VX_OK: it is counted; VX_EPERM: it must not
 * be taken, and nothing was counted; or the store's failure.
 */
VX_API int vx_sending_add(struct vx_kv_txn *txn, struct vx_sending_count *c);
/* What that would say. */
VX_API int vx_sending_ask(struct vx_view *v, struct vx_sending_count *c);

enum vx_sending_verb {
	VX_SENDING_SET_LIMIT, /* of account, or when it is 0 of domain */
	/* The account may not send any more; VX_EEXIST: it may not already. */
	VX_SENDING_SUSPEND
};
struct vx_sending_op { /* VX_ENOENT: there is no such account or domain; VX_EINVAL */
	struct vx_store_op op;
	enum vx_sending_verb verb;
	uint32_t account;
	vx_slice domain;
	uint32_t limit;
	vx_slice reason;
	uint64_t now_s;
};
VX_API void vx_sending_op_init(struct vx_sending_op *op, enum vx_sending_verb verb);

VX_END_DECLS

#endif
