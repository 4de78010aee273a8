/* dial.h - vectisctl talks to another mail server, and says what each step came to. */
#ifndef VECTISCTL_DIAL_H
#define VECTISCTL_DIAL_H

#include "vectis/relay.h"
#include "vectisctl/ctl.h"

struct ctl_dial {
	const char *host; /* a name, or an address in brackets */
	const char *address; /* of the host's; NULL: each, until one answers */
	uint16_t port;
	enum vx_relay_tls tls;
	vx_slice user, password; /* user empty: no login */
	const char *from, *to;   /* to NULL: no transaction is tried */
	unsigned wait_ms; /* for each thing that the server does; 0: half a minute */
};

/*
 * Connect, log in, and ask whether a message would be taken.  Each step is said, and is
 * an object of the list "steps" of the result.  CTL_OK: all went well.
 */
int ctl_dial(struct ctl *c, const struct ctl_dial *d);

#endif
