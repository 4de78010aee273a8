/*
 * acme_ways.h - by which challenges can a name be proven, as far as this server can see
 * (DX-TL-02 to DX-TL-04)?  A failure that can be foreseen costs no order.
 *
 * Authorities go to an address of the name, to port 80 for http-01 and to 443 for
 * tls-alpn-01; whether they see us there is found by going there ourselves.  Behind a NAT
 * that does not show us our own address nothing is known, and nothing is refused.
 */
#ifndef VECTIS_ACME_WAYS_H
#define VECTIS_ACME_WAYS_H

#include "vectis/acme.h"

VX_BEGIN_DECLS

#define VX_ACME_PLACES_MAX 8 /* addresses of a name that are looked at */

/* What answered. */
enum vx_acme_seen {
	VX_ACME_SEEN_NOTHING,  /* it was not tried */
	VX_ACME_SEEN_OURS,     /* we did */
	VX_ACME_SEEN_REDIRECT, /* somebody who sends authorities elsewhere, perhaps to us
				*/
	VX_ACME_SEEN_OTHER,    /* somebody else, or nobody who speaks that protocol */
	VX_ACME_SEEN_REFUSED,  /* no connection is taken */
	VX_ACME_SEEN_SILENT    /* no connection is refused either */
};

struct vx_acme_place {
	const char *address;
	bool own;     /* it is one of this server */
	bool foreign; /* it is not, for certain */
	bool proxy;   /* it is one of Cloudflare's proxies */
	enum vx_acme_seen http, tls;
};

struct vx_acme_ways {
	const struct vx_acme_place *places;
	size_t count;
	bool http, tls;               /* we listen for that */
	unsigned http_port, tls_port; /* that authorities use */
	bool web;        /* the name is for browsers, and proxied as it should be */
	const char *own; /* an address of this server, for advice; "": not known */
};

/*
 * VX_ACME_HTTP_01 and VX_ACME_TLS_ALPN_01, of those that we listen for.  why: what keeps
 * the first of them from working and what to do, or, when something can, a warning; "":
 * there is nothing to say.
 */
VX_API unsigned vx_acme_find_ways(
    const struct vx_acme_ways *w, char why[VX_ACME_TEXT_MAX]);

/* "ours", "refused"; static, for logs. */
VX_API const char *vx_acme_seen_name(enum vx_acme_seen seen);

VX_END_DECLS

#endif
