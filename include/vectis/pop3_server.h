/*
 * pop3_server.h - one POP3 connection, server side, without I/O (RFC 1939).
 *
 * The core knows lines, states and the marks of deletion.  Who logs in, what a message
 * says and that deletions are on the disk it asks by events, and takes answers.
 *
 * USER, PASS, AUTH (RFC 5034), CAPA (RFC 2449), TOP, UIDL, UTF8 and LANG (RFC 6856),
 * response codes (RFC 2449 8, RFC 3206), pipelining.  Neither APOP (it wants passwords in
 * clear on the server) nor STLS: the listener is TLS from the first octet.
 */
#ifndef VECTIS_POP3_SERVER_H
#define VECTIS_POP3_SERVER_H

#include "vectis/buf.h"
#include "vectis/err.h"
#include "vectis/sasl.h"

VX_BEGIN_DECLS

#define VX_POP3_LINE_MAX 255                 /* octets of a command, RFC 2449 4 */
#define VX_POP3_AUTH_LINE_MAX 12288          /* AUTH, its responses, and PASS */
#define VX_POP3_ERRORS_MAX 20                /* bad commands before the end */
#define VX_POP3_LOGINS_MAX 5                 /* refused logins before the end */
#define VX_POP3_OUT_HIGH ((size_t)64 * 1024) /* a listing pauses at so many octets */

struct vx_pop3_message {
	uint64_t size; /* octets, as sent but for dots doubled */
	uint32_t uid;
	bool deleted; /* marked in this session: the core's */
};

/* What a login opens: borrowed, until the session is freed. */
struct vx_pop3_maildrop {
	uint32_t uidvalidity;
	struct vx_pop3_message *messages; /* ascending by uid */
	size_t count;
};

enum vx_pop3_event_type {
	VX_POP3_KEYS,     /* user; answer: vx_pop3_server_keys */
	VX_POP3_LOGIN,    /* user, proof, password; answer: vx_pop3_server_login */
	VX_POP3_RETRIEVE, /* index; answer: vx_pop3_server_retrieve, then the body */
	VX_POP3_COMMIT,   /* delete what is marked; answer: vx_pop3_server_commit */
	VX_POP3_NO_TLS,   /* a login was refused for that; user, if it was said; no answer
			   */
};

struct vx_pop3_event {
	enum vx_pop3_event_type type;
	vx_slice user, password; /* valid until the answer */
	enum vx_sasl_proof proof;
	size_t index; /* into the maildrop's messages */
};

struct vx_pop3_server;

/* tls: without it no login is offered (RFC 8314). */
VX_API int vx_pop3_server_new(bool tls, struct vx_pop3_server **out);
/* What TLS exports for channel binding (RFC 9266), before the first octets. */
VX_API void vx_pop3_server_bind(struct vx_pop3_server *s, vx_slice exporter);
VX_API void vx_pop3_server_free(struct vx_pop3_server *s);

/*
 * Take octets from *in, append replies to out, report one event.  The first call gives
 * the greeting.  VX_DATA: *ev is set; VX_MORE: feed more; VX_WAIT: an answer is awaited;
 * VX_OK: out holds VX_POP3_OUT_HIGH octets: send some, call again; VX_DONE: send out,
 * close.  Below 0: our own failure (out is full).
 */
VX_API int vx_pop3_server_next(
    struct vx_pop3_server *s, vx_slice *in, struct vx_buf *out, struct vx_pop3_event *ev);

/* Answer VX_POP3_KEYS: the SCRAM keys of the user; NULL: they cannot be read now. */
VX_API void vx_pop3_server_keys(
    struct vx_pop3_server *s, struct vx_buf *out, const struct vx_credential *keys);

enum vx_pop3_login {
	VX_POP3_LOGIN_OK,
	VX_POP3_LOGIN_WRONG,    /* [AUTH] */
	VX_POP3_LOGIN_IN_USE,   /* [IN-USE]: another session has the maildrop */
	VX_POP3_LOGIN_DISABLED, /* [SYS/PERM]: the account may not use POP3 */
	VX_POP3_LOGIN_SLOW,     /* [SYS/TEMP]: too many attempts */
	VX_POP3_LOGIN_TEMP,     /* [SYS/TEMP] */
};
/* Answer VX_POP3_LOGIN; drop only when it is VX_POP3_LOGIN_OK. */
VX_API void vx_pop3_server_login(struct vx_pop3_server *s, struct vx_buf *out,
    enum vx_pop3_login result, const struct vx_pop3_maildrop *drop);

/* Answer VX_POP3_RETRIEVE: VX_OK: the body follows; VX_ENOENT, VX_ETEMP: it does not. */
VX_API void vx_pop3_server_retrieve(
    struct vx_pop3_server *s, struct vx_buf *out, int result);
/* A piece of the message: VX_MORE, or VX_DONE: TOP has its lines, the rest is not needed.
 */
VX_API int vx_pop3_server_body(
    struct vx_pop3_server *s, vx_slice octets, struct vx_buf *out);
VX_API void vx_pop3_server_body_end(struct vx_pop3_server *s, struct vx_buf *out);

/* Answer VX_POP3_COMMIT: VX_OK, or the deletions failed. */
VX_API void vx_pop3_server_commit(
    struct vx_pop3_server *s, struct vx_buf *out, int result);

/* The server stops: a last reply where one may be given.  Nothing is deleted. */
VX_API void vx_pop3_server_close(struct vx_pop3_server *s, struct vx_buf *out);

VX_API bool vx_pop3_server_logged_in(const struct vx_pop3_server *s);
/* Did the client say UTF8?  Else no header with UTF-8 may be sent (RFC 6856 2.1). */
VX_API bool vx_pop3_server_utf8(const struct vx_pop3_server *s);

VX_END_DECLS

#endif
