/* host.h - a host for the SMTP core: decides by address, and keeps a log of it all. */
#ifndef TEST_SMTP_HOST_H
#define TEST_SMTP_HOST_H

#include "vectis/smtp_server.h"

enum {
	HOST_OCTETS_MAX = 100,
	HOST_RECIPIENTS_MAX = 3
};

struct host {
	struct vx_smtp_server *core;
	struct vx_buf out, content;
	struct vx_buf log; /* "S: reply" and "E: event" lines, in order */
	bool no_tls;       /* it is refused for the moment */
	unsigned messages; /* that were filed */
	int end;           /* what next said last */
};

/* Words of options: "submission" (else MX), "tls" (it is on), "notls" (it fails). */
void host_open(struct host *h, vx_slice options);
void host_close(struct host *h);
/*
 * Run until the core wants more, or end is VX_TLS: what is left of in is lost, and
 * host_tls says that the handshake is done.
 */
void host_feed(struct host *h, vx_slice in);
void host_tls(struct host *h);

#endif
