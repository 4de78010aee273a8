/*
 * route.h - where a domain's mail goes: MX, addresses and TLSA records, without I/O
 * (RFC 5321 5.1, RFC 7505, RFC 7672).
 *
 * Hosts come one by one, in the order in which they are to be tried; the DNS is asked
 * for a host when its turn comes.
 */
#ifndef VECTIS_ROUTE_H
#define VECTIS_ROUTE_H

#include "vectis/dns.h"

VX_BEGIN_DECLS

#define VX_ROUTE_HOSTS_MAX 30     /* MX records that are looked at */
#define VX_ROUTE_ADDRESSES_MAX 16 /* of a host */
#define VX_ROUTE_TLSA_MAX 16      /* usable records of a host */
#define VX_ROUTE_TLSA_OCTETS 4096 /* of all data of these */
#define VX_ROUTE_SELF_MAX 64      /* our own addresses */

struct vx_route_options {
	size_t struct_size;
	vx_slice destination;    /* a domain, or an address literal "[192.0.2.1]" */
	const char *hostname;    /* ours: mail to it would come back */
	const char *const *self; /* our addresses as text */
	size_t self_count;
	bool no_ipv4, no_ipv6;
	bool dane;       /* ask for TLSA records */
	uint16_t port;   /* whose TLSA records: 25 */
	uint32_t random; /* shuffles hosts of the same preference */
	bool no_mx;      /* destination is a host itself: a relay */
};

enum vx_route_dane {
	VX_ROUTE_DANE_NONE,     /* nothing, or not signed */
	VX_ROUTE_DANE_RECORDS,  /* the host has to match one */
	VX_ROUTE_DANE_UNUSABLE, /* only ones that mean nothing here: TLS, without a check
				 */
};

struct vx_route_host {
	const char *name;
	char addresses[VX_ROUTE_ADDRESSES_MAX][VX_DNS_ADDRESS_MAX + 1];
	size_t address_count;
	bool is_mx_secure; /* the way to the name was signed */
	enum vx_route_dane dane;
	struct vx_dns_tlsa tlsa[VX_ROUTE_TLSA_MAX]; /* usages 2 and 3 only */
	size_t tlsa_count;
	/*
	 * Whose TLSA records these are, and what SNI says: the host, or what its CNAMEs
	 * led to (RFC 7672 2.2.3).
	 */
	const char *tlsa_base;
	const char
	    *next_hop; /* what the destination's CNAMEs led to (3.2.2); NULL: none */
};

/* Why there are no (more) hosts. */
struct vx_route_verdict {
	bool permanent;       /* else: try again later */
	const char *enhanced; /* RFC 3463: "5.1.2"; static */
	char text[200];
};

struct vx_route;
/* VX_OK, VX_ENOMEM, VX_EINVAL: the destination is none. */
VX_API int vx_route_new(const struct vx_route_options *o, struct vx_route **out);
VX_API void vx_route_free(struct vx_route *r);
/*
 * VX_WAIT: *q is to be asked and answered; VX_DATA: vx_route_host is the next host;
 * VX_DONE: there are no more, vx_route_verdict says why.
 */
VX_API int vx_route_next(struct vx_route *r, struct vx_dns_question *q);
VX_API void vx_route_answer(struct vx_route *r, const struct vx_dns_answer *a);
/* Good until the next call of vx_route_next. */
VX_API const struct vx_route_host *vx_route_host(const struct vx_route *r);
VX_API const struct vx_route_verdict *vx_route_verdict(const struct vx_route *r);
/* All MX hosts by name, in their order: for policies that name them (MTA-STS). */
VX_API size_t vx_route_mx_count(const struct vx_route *r);
VX_API const char *vx_route_mx(const struct vx_route *r, size_t index);
/*
 * What was asked and had an answer with wrong signatures: the hosts by name, "" when it
 * was the domain itself.  *at is 0 to begin with; NULL: there are no more.  Good while
 * the route is.
 */
VX_API const char *vx_route_bogus(const struct vx_route *r, size_t *at);

VX_END_DECLS

#endif
