/* client_int.h - inside the SMTP client: client.c is the connection, client_txn.c a
 * message. */
#ifndef VX_SMTP_CLIENT_INT_H
#define VX_SMTP_CLIENT_INT_H

#include "smtp/reply.h"
#include "smtp/stuff.h"
#include "vectis/dns.h"

enum vx_client_state {
	CL_LISTEN, /* for a reply: nothing is to be said before */
	CL_EHLO,
	CL_HELO,
	CL_STARTTLS,
	CL_TLS,       /* the handshake is to begin */
	CL_HANDSHAKE, /* it is under way */
	CL_AUTH,
	CL_SASL,  /* a response is to be sent */
	CL_READY, /* it is not told yet */
	CL_REST,  /* it is told: the host is at it */
	CL_ENVELOPE,
	CL_CONTENT,
	CL_END, /* of a transaction: replies may be outstanding */
	CL_BYE, /* QUIT is to be sent */
	CL_OVER
};

/* A command that was sent and is not answered. */
struct vx_client_sent {
	enum vx_smtp_stage stage;
	size_t octets;
	size_t recipient; /* of RCPT */
};

/* What became of something, and its text. */
struct vx_client_verdict {
	struct vx_smtp_result result;
	struct vx_buf text; /* own */
};

enum vx_client_fate { /* of a recipient */
	FATE_OPEN,
	FATE_ACCEPTED,
	FATE_JUDGED, /* by the verdict, which is not told yet */
	FATE_TOLD
};

struct vx_smtp_client {
	struct vx_smtp_client_options o;
	enum vx_client_state state;
	bool tls, tls_refused;
	unsigned offers;
	uint64_t size_max; /* 0: not said, like the limits */
	uint64_t mail_max, rcpt_max, domain_max;
	uint64_t mails; /* that were begun here */
	char peer_name[VX_DNS_NAME_MAX + 1];

	struct vx_smtp_reply reply;
	bool early; /* the reply began before anything was asked */
	struct vx_client_sent window[VX_SMTP_WINDOW_COMMANDS];
	size_t window_at, window_count, window_octets;
	uint64_t steps;
	bool no_memory;
	const char *lost; /* why, if it is to be told */

	struct vx_client_verdict failure; /* of the connection */
	bool failed;                      /* which is to be told, then: */
	enum vx_client_state after;       /* CL_BYE or CL_OVER */

	unsigned mechanisms; /* that are offered and were not refused */
	unsigned mechanisms_offered;
	bool cancelled; /* "*" was sent */
	struct vx_sasl_binding binding;
	struct vx_sasl_client sasl;
	struct vx_buf response; /* own: in base64, or "*" */
	struct vx_buf password; /* own: prepared */

	/* the transaction */
	const struct vx_smtp_message *m;
	unsigned char *fates; /* own: of each recipient */
	struct vx_client_verdict verdict;
	size_t tell_at, tell_end; /* recipients that it may be told of */
	size_t next, accepted;    /* next: to be sent */
	size_t asked;             /* RCPTs */
	/* of those: the first of each domain, where the peer limits them */
	size_t domains[VX_SMTP_DOMAINS_MAX], domain_count;
	bool utf8, chunking;
	bool dirty; /* the peer has a transaction that did not come to its end */
	bool mail_sent, data_sent;
	bool end_sent;   /* the dot or the last chunk, of a message that somebody gets */
	bool failing;    /* the transaction: what is outstanding counts no more */
	uint64_t offset; /* of the content that is sent */
	size_t wanted;   /* asked for and not there yet */
	struct vx_smtp_stuff stuff;
	uint64_t chunk_left;
};

/* --- client.c --- */

/* A command (or chunk, or dot) that was just appended to out since `before`. */
void vx_client_sent(struct vx_smtp_client *c, const struct vx_buf *out, size_t before,
    enum vx_smtp_stage stage, size_t recipient);
/* May another one be sent? */
bool vx_client_may_send(const struct vx_smtp_client *c);
/* A verdict from the reply that is there, or from ourselves; why: static. */
void vx_client_from_reply(struct vx_smtp_client *c, struct vx_client_verdict *v,
    enum vx_smtp_outcome outcome, enum vx_smtp_stage stage);
void vx_client_own(struct vx_client_verdict *v, enum vx_smtp_outcome outcome,
    enum vx_smtp_stage stage, const char *status, const char *why);
/* The connection is of no use: the failure is to be told. */
void vx_client_end(struct vx_smtp_client *c, enum vx_client_state after);
/* The reply is none that may come there: that is the end, and of the recipients too. */
void vx_client_garbage(struct vx_smtp_client *c, enum vx_smtp_stage stage);

/* --- client_txn.c --- */

/* The verdict is that of recipients [from, end) that are not told of yet. */
void vx_txn_judge(struct vx_smtp_client *c, size_t from, size_t end);
/* The next result: true, *ev is set. */
bool vx_txn_tell(struct vx_smtp_client *c, struct vx_smtp_client_event *ev);
/* Has all of the message been sent, and nothing been said to it? */
bool vx_txn_unknown(const struct vx_smtp_client *c);
/* A reply of the transaction, but 421. */
void vx_txn_reply(struct vx_smtp_client *c, const struct vx_client_sent *sent);
/* A reply to a message that is not sent to its end. */
void vx_txn_interrupted(struct vx_smtp_client *c);
/* What is to be said next: VX_OK something was done; VX_DATA, VX_MORE, VX_WAIT. */
int vx_txn_next(
    struct vx_smtp_client *c, struct vx_buf *out, struct vx_smtp_client_event *ev);

#endif
