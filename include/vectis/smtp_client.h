/*
 * smtp_client.h - one SMTP connection, client side, without I/O (RFC 5321).
 *
 * The core greets, begins TLS where the policy says so, logs in, and then sends one
 * message after the other.  It asks its host for the message's octets, and tells what
 * became of each recipient.
 *
 * Extensions that are used where they are offered: PIPELINING, SIZE, 8BITMIME, SMTPUTF8,
 * CHUNKING, ENHANCEDSTATUSCODES, DSN, STARTTLS, AUTH (SCRAM-SHA-256 and -PLUS, PLAIN,
 * LOGIN; under TLS only), LIMITS (RFC 9422).
 */
#ifndef VECTIS_SMTP_CLIENT_H
#define VECTIS_SMTP_CLIENT_H

#include "vectis/smtp_server.h"

VX_BEGIN_DECLS

#define VX_SMTP_REPLY_OCTETS_MAX 16384 /* of one reply, all its lines */
#define VX_SMTP_REPLY_LINES_MAX 128
#define VX_SMTP_REPLY_TEXT_MAX 1000 /* octets of a reply that a result keeps */
#define VX_SMTP_STATUS_MAX 9        /* "5.123.456" */

#define VX_SMTP_SECRET_MAX 2048 /* octets of a password */

#define VX_SMTP_DOMAINS_MAX 100    /* RCPTDOMAINMAX: more are as many */
#define VX_SMTP_FORWARDS_MAX 10000 /* recipients of one vx_smtp_client_send */
#define VX_SMTP_WINDOW_COMMANDS 50 /* sent and not yet answered */
#define VX_SMTP_WINDOW_OCTETS 8192 /* of them, without the last one */
#define VX_SMTP_CHUNK_OCTETS ((uint64_t)256 * 1024) /* of one BDAT */
#define VX_SMTP_CHUNKS_AHEAD 4                      /* sent and not yet answered */
#define VX_SMTP_CONTENT_MAX ((size_t)16 * 1024)     /* asked for at a time */
#define VX_SMTP_OUT_HIGH ((size_t)64 * 1024) /* more in out: nothing is added to it */
#define VX_SMTP_OUT_MAX ((size_t)128 * 1024) /* out needs a maximum of no more */

enum vx_smtp_tls_policy {
	VX_SMTP_TLS_NEVER,
	VX_SMTP_TLS_OFFERED, /* where the peer offers it; else in the clear */
	VX_SMTP_TLS_REQUIRED /* nothing is sent in the clear */
};

enum vx_smtp_extension { /* bits */
	VX_SMTP_EXT_PIPELINING = 1 << 0,
	VX_SMTP_EXT_SIZE = 1 << 1,
	VX_SMTP_EXT_8BITMIME = 1 << 2,
	VX_SMTP_EXT_SMTPUTF8 = 1 << 3,
	VX_SMTP_EXT_CHUNKING = 1 << 4,
	VX_SMTP_EXT_ENHANCED = 1 << 5,
	VX_SMTP_EXT_DSN = 1 << 6,
	VX_SMTP_EXT_STARTTLS = 1 << 7,
	VX_SMTP_EXT_AUTH = 1 << 8,
	VX_SMTP_EXT_LIMITS = 1 << 9
};

struct vx_smtp_client_options {
	size_t struct_size;
	vx_slice hostname;       /* that EHLO says; borrowed: outlives the session */
	vx_slice user, password; /* user empty: no AUTH; borrowed as well */
	enum vx_smtp_tls_policy policy;
	bool tls;        /* it is on from the first octet */
	unsigned ignore; /* extensions that this peer offers and does badly */
};

/* What was under way: what a reply answered. */
enum vx_smtp_stage {
	VX_SMTP_AT_GREETING,
	VX_SMTP_AT_EHLO,
	VX_SMTP_AT_HELO,
	VX_SMTP_AT_STARTTLS,
	VX_SMTP_AT_AUTH,
	VX_SMTP_AT_REST, /* between two messages */
	VX_SMTP_AT_RSET,
	VX_SMTP_AT_MAIL,
	VX_SMTP_AT_RCPT,
	VX_SMTP_AT_DATA,
	VX_SMTP_AT_CONTENT, /* the message itself, a chunk that is not the last one */
	VX_SMTP_AT_END,     /* the end of the message */
	VX_SMTP_AT_QUIT
};
/* In words for a person: "RCPT", "the end of the message". */
VX_API const char *vx_smtp_stage_name(enum vx_smtp_stage stage);

enum vx_smtp_outcome {
	VX_SMTP_DELIVERED,
	VX_SMTP_TEMPORARY, /* try later */
	VX_SMTP_PERMANENT,
	VX_SMTP_UNKNOWN, /* all was sent, nothing said: try later, it may come twice */
	VX_SMTP_NEXT,    /* too many at a time: at once, in another transaction */
	VX_SMTP_TO_7BIT, /* the peer takes 7 bits only: convert the message, or fail */
};

struct vx_smtp_result {
	enum vx_smtp_outcome outcome;
	enum vx_smtp_stage stage;
	unsigned code;                       /* 0: the peer said nothing, text is ours */
	char status[VX_SMTP_STATUS_MAX + 1]; /* RFC 3463; never empty */
	bool status_said; /* by the peer, else it is made of the code */
	vx_slice text; /* one line of UTF-8 without control octets, valid until the next
			  call on the session */
	bool dsn; /* DELIVERED: the peer also took NOTIFY and ORCPT (RFC 3461 5.2.2) */
};

/* As it was said: "550 5.1.1 no such user"; without a code the text alone.  Appended. */
VX_API void vx_smtp_result_write(const struct vx_smtp_result *r, struct vx_buf *out);

enum vx_smtp_client_event_type {
	VX_SMTP_CLIENT_READY,   /* for a message: vx_smtp_client_send, or _quit */
	VX_SMTP_CLIENT_CONTENT, /* offset, wanted; answer: vx_smtp_client_content */
	VX_SMTP_CLIENT_RESULT,  /* recipient, result: what became of one of them */
	VX_SMTP_CLIENT_FAILED,  /* result: the connection is of no use (any more) */
};

struct vx_smtp_client_event {
	enum vx_smtp_client_event_type type;
	uint64_t offset; /* of the message */
	size_t wanted;   /* octets, at least 1 */
	size_t recipient;
	struct vx_smtp_result result;
};

enum vx_smtp_ret {
	VX_SMTP_RET_NONE,
	VX_SMTP_RET_FULL,
	VX_SMTP_RET_HDRS
};

struct vx_smtp_forward {
	vx_slice path;   /* without <> */
	unsigned notify; /* VX_SMTP_NOTIFY_*, 0: not said */
	vx_slice orcpt;  /* "type;xtext" as it came; empty: not said */
};

struct vx_smtp_message {
	vx_slice from; /* reverse-path without <>, empty: the null one */
	const struct vx_smtp_forward *to;
	size_t to_count;
	uint64_t size; /* exactly so many octets */
	enum vx_smtp_ret ret;
	vx_slice envid; /* xtext as it came; empty: not said */
	bool body_8bit; /* its sender said 8BITMIME */
	bool utf8;      /* its sender said SMTPUTF8 */
	/* what vx_smtp_scan found */
	bool has_8bit, has_utf8_header, has_bare;
	/*
	 * Only ask whether it would be taken: RSET instead of its octets, and those who
	 * would get it are DELIVERED at RCPT.
	 */
	bool probe;
};

struct vx_smtp_client;
/* VX_OK; VX_EINVAL: the host name is none, or user or password are no text; VX_ENOMEM. */
VX_API int vx_smtp_client_new(
    const struct vx_smtp_client_options *o, struct vx_smtp_client **out);
VX_API void vx_smtp_client_free(struct vx_smtp_client *c);

/*
 * Take octets from *in, append what is to be sent to out, report one event.
 *   VX_DATA    *ev is set: call again, after an answer where one is due
 *   VX_MORE    feed more; also after out was sent, and this was not called since
 *   VX_WAIT    an answer is awaited: send, quit or content (*in is used up nevertheless,
 *              and has to be fed meanwhile: the peer may have closed)
 *   VX_TLS     send out, begin TLS (who the peer has to be is the host's business), then
 *              call _tls_ready; what came in the clear behind it is not taken
 *   VX_DONE    send out, close
 *   VX_ENOMEM  our failure: close; recipients without a result may be tried again
 *
 * FAILED before the first READY is the fate of all that was to be sent here: PERMANENT
 * when the peer wants no mail at all.  After it, the results of a message that was under
 * way are known already, and its outcome counts for nothing.
 */
VX_API int vx_smtp_client_next(struct vx_smtp_client *c, vx_slice *in, struct vx_buf *out,
    struct vx_smtp_client_event *ev);

/*
 * After READY: a transaction.  Each recipient has one RESULT before the next READY or
 * FAILED; m and what it points to stay as they are until then.
 *   VX_OK      it will begin, or its results say why not
 *   VX_EINVAL  no recipient, or a path or parameter that is none: nothing was done
 *   VX_ELIMIT  more than VX_SMTP_FORWARDS_MAX
 *   VX_ESTATE  not now, or the peer takes no more of them here;  VX_ENOMEM
 */
VX_API int vx_smtp_client_send(struct vx_smtp_client *c, const struct vx_smtp_message *m);
/*
 * Octets of the message from the offset of CONTENT on, at least 1 and at most what was
 * wanted.  VX_OK; VX_EINVAL: another number; VX_ESTATE: they are not wanted (any more);
 * VX_ENOMEM.
 */
VX_API int vx_smtp_client_content(
    struct vx_smtp_client *c, struct vx_buf *out, vx_slice octets);
/* QUIT when nothing is under way.  VX_OK, VX_ESTATE. */
VX_API int vx_smtp_client_quit(struct vx_smtp_client *c);

/* TLS is on, or was from the beginning.  exporter: as of vx_smtp_server_tls_ready. */
VX_API void vx_smtp_client_tls_ready(struct vx_smtp_client *c, vx_slice exporter);
/*
 * The connection is over: the peer closed it, it timed out, TLS failed; or the host gives
 * it up, since the message cannot be read.  why: static.  What became of the recipients
 * is told by the next calls of vx_smtp_client_next, up to VX_DONE.
 */
VX_API void vx_smtp_client_lost(struct vx_smtp_client *c, const char *why);

/*
 * How long to wait for the peer now, in seconds (RFC 5321 4.5.3.2); 0: it is not waited
 * for.  Counted from when vx_smtp_client_steps last changed, so that a peer that dribbles
 * gets no more.
 */
VX_API unsigned vx_smtp_client_patience_s(const struct vx_smtp_client *c);
/* Rises with each reply, and with each piece of content. */
VX_API uint64_t vx_smtp_client_steps(const struct vx_smtp_client *c);

/* VX_SMTP_EXT_* of the last EHLO that are used; the largest message, 0: not said. */
VX_API unsigned vx_smtp_client_offers(
    const struct vx_smtp_client *c, uint64_t *message_octets_max);

/*
 * The name by which the peer called itself, in its last reply to EHLO or HELO, else in
 * its greeting; "": in none.  Printable ASCII.
 */
VX_API const char *vx_smtp_client_peer_name(const struct vx_smtp_client *c);

/* How many messages more the peer takes on this connection (RFC 9422 4.2). */
VX_API uint64_t vx_smtp_client_mails_left(const struct vx_smtp_client *c);

/*
 * What a person can do about an answer of a relay that is known: a mistake in its
 * settings, or an account that may not do this yet (DX-OP-11, DX-OP-12).
 */
struct vx_smtp_hint {
	const char *id;   /* "relay.auth", "relay.identity" */
	const char *text; /* a sentence or two */
};
/* NULL: the answer is none of these.  Static. */
VX_API const struct vx_smtp_hint *vx_smtp_hint(const struct vx_smtp_result *r);
/* The same of the reason of an event, "535 5.7.8 what was said (to AUTH)". */
VX_API const struct vx_smtp_hint *vx_smtp_hint_of(vx_slice reason);

/*
 * What has to be known of a message before it is sent: all its octets, in pieces.  { 0 }
 * to begin with.
 */
struct vx_smtp_scan {
	uint64_t octets;
	bool has_8bit;
	bool has_utf8_header; /* octets above 127 in the message's own header */
	bool has_bare;        /* a CR without LF, or a LF without CR */
	unsigned char state;  /* private */
};
VX_API void vx_smtp_scan_add(struct vx_smtp_scan *s, vx_slice octets);
VX_API void vx_smtp_scan_end(struct vx_smtp_scan *s);

VX_END_DECLS

#endif
