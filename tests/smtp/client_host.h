/*
 * client_host.h - a host for the SMTP client: plays a session against it, keeps a log,
 * and watches that the core keeps its promises.
 *
 * A session is lines.  What the host does:
 *   S: text    the peer says a line, CR LF is added
 *   R: text    the peer says octets, with \r \n \\ \xNN
 *   D: text    octets of the next message, with the same escapes; lines add up
 *   M: words   send it: from=ADDRESS to=ADDRESS[|notify=N][|orcpt=VALUE] envid=VALUE
 *              ret=full|hdrs body8 utf8; several of to=
 *   T:         TLS is ready
 *   Q:         quit
 *   L: text    the connection is lost
 * What is expected, in that place:
 *   C: text    the core says a line;  C~ text: octets without a line's end
 *   E: event
 */
#ifndef TEST_SMTP_CLIENT_HOST_H
#define TEST_SMTP_CLIENT_HOST_H

#include "vectis/smtp_client.h"

enum {
	CLIENT_FORWARDS_MAX = 300
};

enum client_cut {
	CUT_NOT,
	CUT_OCTETS,
	CUT_RANDOM
};

struct client_host {
	struct vx_smtp_client *core;
	struct vx_buf out, log, content;
	struct vx_buf said; /* all that the core said */
	struct vx_smtp_message message;
	struct vx_smtp_forward to[CLIENT_FORWARDS_MAX];
	enum vx_smtp_outcome outcomes[CLIENT_FORWARDS_MAX];
	bool told[CLIENT_FORWARDS_MAX];
	bool sending;
	enum client_cut cut;
	unsigned seed;
	unsigned ready, failed;        /* how often */
	struct vx_smtp_result failure; /* its text is gone */
	struct vx_buf failure_text;
	int end;        /* what next said last */
	bool no_memory; /* that may be said */
};

/*
 * Words of options: tls, never, required (else: offered), login (alice, "two words"),
 * ignore=N; what is not known is refused.
 */
void client_open(struct client_host *h, vx_slice options, enum client_cut cut);
void client_close(struct client_host *h);

/* Octets of the peer, until the core wants more or is done. */
void client_feed(struct client_host *h, vx_slice octets);
/* The host's own doings, as in a session; then as above. */
void client_send(struct client_host *h, vx_slice words);
void client_tls(struct client_host *h);
void client_quit(struct client_host *h);
void client_lost(struct client_host *h);

/*
 * Play the lines of a session.  octets_max: how many octets of the peer before the
 * connection is lost; SIZE_MAX: all.
 */
void client_play(struct client_host *h, vx_slice lines, size_t octets_max);

/* For each session of a file below tests/data: title, options and its lines. */
typedef void client_session_fn(
    void *ctx, vx_slice title, vx_slice options, vx_slice lines);
void client_sessions(const char *file, client_session_fn *fn, void *ctx);

#endif
