/*
 * smtp_server.h - one SMTP connection, server side, without I/O (RFC 5321, 6409).
 *
 * The core knows the protocol: lines, order of commands, paths and parameters, the
 * message's octets.  What only the host can know (is this our recipient, is the
 * password right, is it on the disk) it asks by events and takes answers.
 *
 * Extensions: PIPELINING, SIZE, 8BITMIME, SMTPUTF8, CHUNKING, ENHANCEDSTATUSCODES, DSN,
 * STARTTLS, AUTH PLAIN LOGIN, FUTURERELEASE (RFC 4865, for users).
 */
#ifndef VECTIS_SMTP_SERVER_H
#define VECTIS_SMTP_SERVER_H

#include "vectis/buf.h"
#include "vectis/dsn.h"
#include "vectis/err.h"
#include "vectis/sasl.h"

VX_BEGIN_DECLS

#define VX_SMTP_LINE_MAX 2048       /* of a command: 512 and what extensions add */
#define VX_SMTP_AUTH_LINE_MAX 12288 /* RFC 4954 4 */
#define VX_SMTP_PATH_MAX 1280       /* RFC 5321 4.5.3.1.3 is 256; UTF-8 and quotes */
#define VX_SMTP_ERRORS_MAX 20       /* bad commands before 421 */
#define VX_SMTP_LOCAL_MAX 256       /* of a local part: 64 is what RFC 5321 promises */
#define VX_SMTP_UNKNOWN_MAX 50      /* refused recipients, none taken, before 421 */
#define VX_SMTP_REFUSED_MAX 1000    /* refused recipients at all before 421 */
#define VX_SMTP_HOLD_MAX 32         /* octets of the value of HOLDUNTIL */
#define VX_SMTP_JUNK_MAX 100        /* EHLO, NOOP, RSET and so on between two messages */

enum vx_smtp_role {
	VX_SMTP_MX,         /* from other servers: no AUTH */
	VX_SMTP_SUBMISSION, /* from users: TLS, then AUTH, before anything else */
};

struct vx_smtp_server_options {
	size_t struct_size;
	enum vx_smtp_role role;
	vx_slice hostname, banner; /* borrowed: outlive the session */
	uint64_t message_octets_max;
	uint64_t recipients_max;
	/* Seconds that a user's message may be held, and until when; 0: not at all. */
	uint64_t hold_max_s;
	int64_t hold_until_max;
	bool tls; /* it is on from the first octet */
};

enum vx_smtp_event_type {
	VX_SMTP_STARTTLS, /* answer: 220 or refuse */
	VX_SMTP_KEYS,     /* user; answer: vx_smtp_server_keys */
	VX_SMTP_AUTH,     /* user, proof, password; answer: 235, 535, 454 */
	VX_SMTP_MAIL,     /* path, params; answer: 250 or refuse */
	VX_SMTP_RCPT,     /* path, params; answer: 250 or refuse */
	VX_SMTP_DATA,     /* the message begins; answer: 354 or refuse */
	VX_SMTP_CONTENT,  /* octets of the message, until END or RESET; no answer */
	VX_SMTP_END,      /* the message is complete; answer: 250 or refuse */
	VX_SMTP_RESET,    /* the transaction is over without END; no answer */
	VX_SMTP_REFUSED,  /* the core refused something itself, for the log; no answer */
};

struct vx_smtp_params {
	uint64_t size;         /* SIZE=, 0: not said */
	bool body_8bit;        /* BODY=8BITMIME */
	bool utf8;             /* SMTPUTF8 */
	bool ret_headers;      /* RET=HDRS */
	bool ret_full;         /* RET=FULL */
	vx_slice envid, orcpt; /* decoded by the queue: xtext as it came */
	unsigned notify;       /* VX_SMTP_NOTIFY_* */
	/* RFC 4865: HOLDFOR=, seconds, or HOLDUNTIL=, since 1970, and its value as it
	 * came */
	uint64_t hold_for;
	int64_t hold_until;
	vx_slice hold; /* empty: neither */
};

struct vx_smtp_event {
	enum vx_smtp_event_type type;
	vx_slice path; /* address without <>, empty: the null reverse-path */
	vx_slice user, password;
	enum vx_sasl_proof proof;
	vx_slice octets;
	struct vx_smtp_params params;
	const char *reason; /* RESET, REFUSED: what was said; NULL: the client's wish */
	bool no_tls; /* REFUSED: a login before TLS; user: whose, as far as it was said */
		     /* slices are valid until the next call on the session */
};

struct vx_smtp_server;
VX_API int vx_smtp_server_new(
    const struct vx_smtp_server_options *o, struct vx_smtp_server **out);
VX_API void vx_smtp_server_free(struct vx_smtp_server *s);

/*
 * Take octets from *in, append replies to out, report one event.  The first call gives
 * the greeting.  VX_DATA: *ev is set; VX_MORE: feed more; VX_WAIT: an answer is awaited;
 * VX_TLS: send out, begin TLS, then call _tls_ready (what is left in *in then was sent in
 * the clear: drop it, or close, RFC 3207 5); VX_DONE: send out, close.
 * VX_ENOMEM: our failure.
 */
VX_API int vx_smtp_server_next(
    struct vx_smtp_server *s, vx_slice *in, struct vx_buf *out, struct vx_smtp_event *ev);

/* code, enhanced status (RFC 3463; "" for none), text. */
VX_API void vx_smtp_server_answer(struct vx_smtp_server *s, struct vx_buf *out,
    unsigned code, const char *enhanced, const char *text);
/* The SCRAM keys of VX_SMTP_KEYS' user; NULL: they cannot be read now. */
VX_API void vx_smtp_server_keys(
    struct vx_smtp_server *s, struct vx_buf *out, const struct vx_credential *keys);
/* TLS is on.  exporter: for channel binding (RFC 9266), empty when there is none. */
VX_API void vx_smtp_server_tls_ready(struct vx_smtp_server *s, vx_slice exporter);
/* "421 ..." and no more: an answer that was awaited is not said. */
VX_API void vx_smtp_server_close(
    struct vx_smtp_server *s, struct vx_buf *out, const char *text);

/* What EHLO or HELO said; empty: neither yet.  extended: EHLO. */
VX_API vx_slice vx_smtp_server_helo(const struct vx_smtp_server *s, bool *extended);
VX_API bool vx_smtp_server_authenticated(const struct vx_smtp_server *s);
/* Is it between DATA (or the first BDAT) and the end? */
VX_API bool vx_smtp_server_in_data(const struct vx_smtp_server *s);

VX_END_DECLS

#endif
