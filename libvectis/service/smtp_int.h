/* smtp_int.h - an SMTP session and its transaction, inside service/. */
#ifndef VX_SERVICE_SMTP_INT_H
#define VX_SERVICE_SMTP_INT_H

#include "reports/intake.h"
#include "service/own_bounce.h"
#include "service/own_events.h"
#include "service/own_rates.h"
#include "service/own_reports.h"
#include "service/own_sign.h"
#include "service/smtp_check.h"
#include "vectis/arena.h"
#include "vectis/queue.h"
#include "vectis/sending.h"
#include "vectis/smtp_client.h"
#include "vectis/smtp_service.h"

#define VX_SMTP_TARGETS_MAX 10000 /* mailboxes of one message, after aliases */
#define VX_SMTP_LISTS_MAX 20      /* that one message is for */
#define VX_SMTP_AUTHORS_MAX 100   /* of what is for a list */

struct vx_smtp_service {
	struct vx_smtp_service_options o;
	char srs_secret[VX_SHA256_OCTETS];
	struct own_keys keys;
	struct smtp_lists *lists;     /* own, like what follows */
	struct own_rates *rates;      /* NULL: there are no limits */
	struct own_events *events;    /* of what was refused */
	struct vx_greylist_op *sweep; /* under way; NULL: none */
	int64_t swept_s;
};

struct smtp_session;

/* Recipients elsewhere of one reverse-path. */
struct smtp_group {
	vx_slice reverse_path;
	vx_slice via; /* an address of ours, that forwards; empty: the sender sends */
	struct vx_queue_to *to;
	size_t count, cap;
	struct smtp_group *next;
};

/* A list that the message is for. */
struct smtp_list {
	vx_slice address;
	struct smtp_list *next;
};

/* A message on its way: it may outlive its session while its op is under way. */
struct smtp_txn {
	struct vx_deliver_op op;         /* first: the op's done finds the rest */
	struct smtp_session *session;    /* NULL: it ended meanwhile */
	struct vx_smtp_service *service; /* outlives it */
	bool under_way;
	struct vx_arena arena;
	struct vx_buf sender; /* own */
	bool utf8, eight_bit;
	struct vx_blob_writer *writer;      /* own */
	struct vx_delivery_target *targets; /* own */
	size_t count, cap;
	struct smtp_group *groups; /* in the arena: recipients elsewhere */
	size_t group_count;
	struct vx_report_also also; /* when there are any, or it may be a report */
	bool report;                /* it is for an address of reports */
	struct smtp_list *lists;    /* in the arena */
	struct vx_buf signers;      /* own: whose signatures it has, then */
	struct vx_smtp_scan scan;
	struct vx_buf header; /* own: until it is complete */
	bool header_done;
	/* of a message from another server (smtp_receive.c) */
	struct smtp_check *check; /* own; NULL: it is not looked into */
	bool spf_known, noted, sender_ours;
	struct vx_smtp_event rcpt; /* that waits; valid until it is answered */
	struct smtp_notes notes;   /* own: for the event */
	struct smtp_reply refusal;
	struct vx_event event; /* texts in the arena */
	const char
	    *objection; /* why it is refused, static or in the arena; NULL: it is not */
	/* of a user's message (smtp_submit.c) */
	struct vx_buf returned; /* own: the beginning of what may be a report */
	vx_slice
	    rewritten; /* path of ours that a bounce came to, in the arena; empty: none */
	struct own_bounce bounce; /* in the arena */
	bool counted;             /* against the limits of: */
	struct vx_sending_count sending;
	vx_slice login;              /* in the arena */
	struct own_signing *signing; /* own */
	struct vx_buf held;          /* own: until its footer is in it */
	bool holds, leaves;      /* leaves: it is for another domain than its sender's */
	vx_slice author_domain;  /* in the arena */
	struct vx_footer footer; /* in the arena */
	struct vx_buf signature; /* own: fields for those elsewhere */
	uint32_t release;        /* RFC 4865; 0: at once */
	vx_slice hold;           /* in the arena, as of queue.h */
	bool ret_headers, ret_full;
	vx_slice envid;               /* in the arena */
	uint64_t size;                /* as MAIL said; 0: it did not */
	size_t recipients;            /* RCPTs accepted */
	vx_slice recipient;           /* the first, in the arena */
	struct vx_buf recipient_list; /* own: as many as an event keeps */
	char id[VX_QUEUE_TOKEN_OCTETS + 1];
	int failed;        /* what a piece of content met */
	uint64_t received; /* Received fields so far */
	char last;         /* octet of the content */
};

enum smtp_answer {
	ANSWER_NONE,
	ANSWER_AUTH,
	ANSWER_RCPT,    /* what was waited for is known */
	ANSWER_CHECKED, /* the message was looked into */
	ANSWER_END
};
struct auth_job;

struct smtp_session {
	struct vx_session base;
	struct vx_smtp_service *service;
	enum vx_smtp_role role;
	struct vx_peer peer;
	struct vx_smtp_server *core; /* own */
	bool tls;
	char tls_version[16], tls_cipher[64]; /* for Received */
	struct auth_job *auth;                /* under way */
	int auth_result;
	struct vx_auth_login who;
	struct smtp_txn *txn;               /* own */
	struct vx_network network;          /* the client's address */
	bool trusted;                       /* its mail is not looked into */
	bool hasty;                         /* it came too often: it is sent away */
	struct smtp_peer_check *peer_check; /* own; NULL: not under way */
	struct smtp_peer
	    *found;         /* own: what was found out of the client; NULL: nothing yet */
	bool rcpt_waits;    /* for that, and for SPF */
	bool content_waits; /* the disk is behind */
	enum smtp_answer answer; /* came while the session was not driven */
	int end_result;
	/* How fast the client is: */
	uint64_t begun_ms; /* it was asked for a command, or began a message */
	uint64_t waits_ms; /* it waits for us since then; 0: it does not */
	uint64_t octets;   /* of the message under way */
	bool in_message;
};

int vx_smtp_txn_new(
    struct smtp_session *s, const struct vx_smtp_event *ev, struct smtp_txn **out);
/* Frees it now, or when its op is done.  NULL is fine. */
void vx_smtp_txn_free(struct smtp_txn *t);
/* It is among those that the message is for.  VX_OK, VX_ELIMIT, VX_ENOMEM. */
int vx_smtp_txn_note_recipient(struct smtp_txn *t, vx_slice recipient);
/* An accepted RCPT, for all these mailboxes or, with VX_ELIMIT or VX_ENOMEM, none. */
int vx_smtp_txn_add(struct smtp_txn *t, vx_slice recipient, const struct vx_resolved *to,
    const struct vx_smtp_params *params);

/* --- recipients elsewhere (smtp_forward.c) --------------------------------------------
 */

/*
 * The message goes to another server as well: by its sender, or by the address via, which
 * is ours and forwards it.  VX_EINVAL: recipient's domain is none; VX_ELIMIT.
 */
int vx_smtp_queue_to(struct smtp_txn *t, vx_slice recipient, vx_slice via,
    const struct vx_smtp_params *params);
/* It goes to a list of ours, by way of the sender.  VX_OK, VX_ELIMIT. */
int vx_smtp_queue_list(
    struct smtp_txn *t, vx_slice address, const struct vx_smtp_params *params);
/* The sender wished to know that it is delivered, or expanded.  VX_OK, VX_ELIMIT. */
int vx_smtp_queue_told(struct smtp_txn *t, vx_slice address, bool expanded,
    const struct vx_smtp_params *params);
/* t->also is made, for the op to queue the message, too.  VX_OK, VX_ELIMIT. */
int vx_smtp_queue(struct smtp_session *s, struct smtp_txn *t);
size_t vx_smtp_queued(const struct smtp_txn *t);

/* --- lists (smtp_list.c)
 * ---------------------------------------------------------------- */

/* May the transaction's sender write to a list?  VX_OK: *why is NULL, or why not. */
int vx_smtp_list_refuses(
    struct smtp_session *s, struct vx_view *v, vx_slice address, const char **why);
int vx_smtp_list_add(
    struct smtp_txn *t, vx_slice address, const struct vx_smtp_params *params);
/*
 * The header of what lists and aliases of ours send on.  VX_OK, with an objection of the
 * transaction when its author may not write to a list; VX_EEXIST: it goes round.
 */
int vx_smtp_list_header(struct smtp_session *s, vx_slice header);

/* --- the message (smtp_txn.c)
 * ----------------------------------------------------------- */

/* The message begins: write the trace fields. */
int vx_smtp_txn_begin(struct smtp_session *s);
/* VX_OK or VX_WAIT. */
int vx_smtp_txn_content(struct smtp_session *s, vx_slice octets);
/* Submit it, or answer why not. */
void vx_smtp_txn_end(struct smtp_session *s, struct vx_buf *out);
void vx_smtp_answer_end(struct smtp_session *s, struct vx_buf *out);
/* Say why the message is not taken. */
void vx_smtp_answer_failure(struct smtp_session *s, struct vx_buf *out, int rc);
/* May the login of the session send with this address? */
enum smtp_may {
	SMTP_MAY,
	SMTP_NOT_HIS,
	SMTP_SUSPENDED,  /* it may not send at all */
	SMTP_UNVERIFIED, /* its domain, or the address's, may not (OUT-25): which has it
			  */
};
enum smtp_may vx_smtp_may_send_as(
    struct smtp_session *s, vx_slice path, struct vx_buf *which);
/* Is it a domain of ours whose owner has not proved it?  Then which has its name. */
bool vx_smtp_is_unverified(struct vx_view *v, vx_slice domain, struct vx_buf *which);
/* What is said then, to people. */
#define VX_SMTP_UNVERIFIED_MAX 400
void vx_smtp_unverified_reason(
    const struct vx_buf *which, char out[VX_SMTP_UNVERIFIED_MAX]);
/* A refusal is logged, and kept as an event with what was noted (NULL: nothing). */
void vx_smtp_refused(struct smtp_session *s, vx_slice from, vx_slice to,
    const char *reason, const struct smtp_notes *notes);
/* The message was looked into: file it, or say why not. */
void vx_smtp_answer_checked(struct smtp_session *s, struct vx_buf *out);

#endif
