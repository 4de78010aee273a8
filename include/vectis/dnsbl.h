/*
 * dnsbl.h - lists of addresses in the DNS (RFC 5782), without I/O: what to ask, and what
 * an answer means.
 *
 * An answer counts as a listing only when it is one: in 127.0.0.0/8, and neither
 * 127.255.255.0/24, by which lists say that they refuse to answer, nor 127.0.0.1, which
 * others use for that.  A list that says of 127.0.0.1 that it is listed, or of 127.0.0.2
 * that it is not, does not work and says nothing (RFC 5782 5).
 */
#ifndef VECTIS_DNSBL_H
#define VECTIS_DNSBL_H

#include "vectis/dns.h"

VX_BEGIN_DECLS

#define VX_DNSBL_CODES_MAX 8
#define VX_DNSBL_WEIGHT_MAX 100
#define VX_DNSBL_WEIGHT 10 /* unless another is given */

struct vx_dnsbl_range {
	uint32_t first, last; /* addresses */
};

struct vx_dnsbl {
	char zone[VX_DNS_NAME_MAX + 1];
	unsigned weight;
	/* answers that count: none given, all that mean a listing */
	struct vx_dnsbl_range codes[VX_DNSBL_CODES_MAX];
	size_t count;
};

/*
 * "ZONE", "ZONE WEIGHT", "ZONE WEIGHT CODE...", where a code is "127.0.0.4" or
 * "127.0.0.2-127.0.0.11".  VX_OK, VX_EINVAL.
 */
VX_API int vx_dnsbl_parse(vx_slice text, struct vx_dnsbl *out);

/* VX_EINVAL: address is none, or the name would be too long. */
VX_API int vx_dnsbl_ask(
    const struct vx_dnsbl *l, const char *address, struct vx_dns_question *out);

enum vx_dnsbl_verdict {
	VX_DNSBL_NOT_LISTED,
	VX_DNSBL_LISTED,
	VX_DNSBL_OTHER,   /* by codes that do not count */
	VX_DNSBL_REFUSED, /* the list does not want to answer us */
	VX_DNSBL_FAILED   /* no answer */
};
/* code (or NULL): the address that decided, "" of none. */
VX_API enum vx_dnsbl_verdict vx_dnsbl_read(const struct vx_dnsbl *l,
    const struct vx_dns_answer *a, char code[VX_DNS_ADDRESS_MAX + 1]);
/* "listed"; never NULL.  Static. */
VX_API const char *vx_dnsbl_verdict_name(enum vx_dnsbl_verdict v);

/* Does a list work, by its answers to VX_DNSBL_TEST_LISTED and _NOT? */
#define VX_DNSBL_TEST_LISTED "127.0.0.2"
#define VX_DNSBL_TEST_NOT "127.0.0.1"
VX_API bool vx_dnsbl_works(
    enum vx_dnsbl_verdict listed, enum vx_dnsbl_verdict not_listed);

VX_END_DECLS

#endif
