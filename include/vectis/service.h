/*
 * service.h - a protocol session joined to the store, for any event loop.
 *
 * The loop (runtime/ in the daemons, an embedder's own otherwise) reads octets from
 * a connection and calls drive; the session answers from the store.  All calls on
 * one session come from one thread, never from inside each other.
 */
#ifndef VECTIS_SERVICE_H
#define VECTIS_SERVICE_H

#include "vectis/buf.h"
#include "vectis/dns.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

/* Above this many octets of output a session produces no more until some are sent. */
#define VX_SESSION_HIGH_WATER ((size_t)64 * 1024)

/*
 * Blocking work (hashing a password, reading a cold body): run is called on another
 * thread, then done on the loop's thread.  The job belongs to whoever submitted it
 * and lives until done was called; a session that ends earlier marks its job so that
 * done only frees it.
 */
struct vx_job {
	void (*run)(struct vx_job *job);
	void (*done)(struct vx_job *job);
	struct vx_job *next; /* the loop's */
};

/*
 * A question to the DNS.  It belongs to whoever asked and lives until done was called or
 * it was forgotten.  The answer is valid during done only.
 */
struct vx_lookup {
	struct vx_dns_question question;
	bool fresh; /* as it is now: what was heard a while ago will not do */
	void (*done)(struct vx_lookup *l, const struct vx_dns_answer *a);
	struct vx_lookup *next, **link; /* the loop's, like handle */
	void *handle;
};

struct vx_fetch; /* fetch.h */
struct vx_session;
struct vx_tls;

/* A connection that we open. */
struct vx_dial {
	const char *address; /* numeric */
	uint16_t port;
	const char *from;     /* our own numeric address; NULL: any */
	const char *tls_name; /* whose server it is, for TLS; copied */
	bool tls;             /* from the first octet */
	const char *alpn;     /* the protocol that is offered then; static; NULL: none */
};

/* What the loop gives to all services of a process. */
struct vx_loop {
	/* VX_OK, or VX_ELIMIT when the bounded queue is full (done is not called). */
	int (*submit)(struct vx_loop *loop, struct vx_job *job);
	/* Seconds since 1970, and milliseconds that never go back. */
	int64_t (*now_s)(struct vx_loop *loop);
	uint64_t (*now_ms)(struct vx_loop *loop);
	/*
	 * Ask a resolver that validates.  VX_OK: done will be called, on the loop's
	 * thread and not from within; VX_ELIMIT, VX_ENOMEM: it will not.  NULL: there is
	 * no DNS. forget: done will not be called any more.
	 */
	int (*ask)(struct vx_loop *loop, struct vx_lookup *l);
	void (*forget)(struct vx_loop *loop, struct vx_lookup *l);
	/*
	 * Open a connection for a session, whose host is set.  VX_OK: it is the loop's
	 * from now on, which tells it of everything later; VX_ENOMEM, VX_EINVAL: it is
	 * not. NULL: this process opens none.
	 */
	int (*dial)(struct vx_loop *loop, const struct vx_dial *d, struct vx_session *s);
	/*
	 * Make an HTTPS request.  VX_OK: done will be called, on the loop's thread and
	 * not from within; VX_ENOMEM, VX_ELIMIT (too many), VX_EINVAL: it will not. NULL:
	 * this process makes none.  drop: done will not be called any more.
	 */
	int (*fetch)(struct vx_loop *loop, struct vx_fetch *f);
	void (*drop)(struct vx_loop *loop, struct vx_fetch *f);
};

/* What the loop gives to one session.  wake: call drive soon; loop thread only. */
struct vx_session_host {
	struct vx_loop *loop;
	void (*wake)(struct vx_session_host *host);
};

/* The TLS layer as a session sees it. */
struct vx_session_tls {
	vx_slice version;  /* "TLS1.3" */
	vx_slice cipher;   /* the suite's IANA name, for Received; empty: not known */
	vx_slice sni;      /* the name asked for, empty: none */
	vx_slice exporter; /* RFC 9266 tls-exporter, 32 octets; empty: not available */
	struct vx_tls *connection; /* to look at the server's certificate, as a client */
};

/* Who is at the other end. */
struct vx_peer {
	char address[48]; /* numeric, without a port */
	uint16_t port;
	char local_address[48];
	uint16_t local_port;
	bool implicit_tls; /* the listener's kind: TLS from the first octet */
};

struct vx_session_ops {
	/*
	 * Take octets from *in (advancing it), append to out.
	 *   VX_MORE  feed more input
	 *   VX_WAIT  an answer is pending; wake will be called; nothing more is read
	 *   VX_DATA  out is above the high-water mark: call again once it drained
	 *   VX_TLS   send out, then begin a handshake.  Octets still in *in came before
	 *            it: if there are any, close the connection (RFC 3207 4, RFC
	 * 9051 11.1) VX_DONE  send out, then close below 0  our own failure: close
	 */
	int (*drive)(struct vx_session *s, vx_slice *in, struct vx_buf *out);
	/* The handshake is done; tls is valid during the call only. */
	void (*tls_ready)(struct vx_session *s, const struct vx_session_tls *tls);
	/*
	 * How long to wait now for a command or a good many octets, in milliseconds
	 * since the last one was answered.
	 */
	uint64_t (*patience_ms)(const struct vx_session *s);
	/* Patience is over, or the server stops: append a farewell; then it is closed. */
	void (*timeout)(struct vx_session *s, struct vx_buf *out);
	void (*stop)(struct vx_session *s, struct vx_buf *out);
	void (*free)(struct vx_session *s);
	/*
	 * Of a session that was dialled; others have neither.  opened: the connection is
	 * there, drive follows.  failed: it could not be opened (VX_EIO, VX_ETIMEOUT), or
	 * TLS could not begin (VX_ETLS); text says why; free follows, as it does whenever
	 * the connection is over.
	 */
	void (*opened)(struct vx_session *s, const struct vx_peer *peer);
	void (*failed)(struct vx_session *s, int why, const char *text);
};

/* The first member of every service's session. */
struct vx_session {
	const struct vx_session_ops *ops;
	struct vx_session_host *host; /* borrowed, outlives the session */
};

VX_END_DECLS

#endif
