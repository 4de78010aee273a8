/*
 * sts.h - MTA-STS: what a domain promises of the TLS of its mail servers (RFC 8461).
 *
 * A TXT record says that there is a policy and which version of it; the policy is a small
 * text on the domain's web server.  This header reads both; how they are fetched, kept
 * and held is the sender's.
 */
#ifndef VECTIS_STS_H
#define VECTIS_STS_H

#include "vectis/dns.h"

VX_BEGIN_DECLS

#define VX_STS_ID_MAX 32                  /* RFC 8461 3.1 */
#define VX_STS_OCTETS_MAX ((size_t)65536) /* of a policy (3.3) */
#define VX_STS_AGE_MAX 31557600           /* seconds (3.2); more is as much */
#define VX_STS_NAME_MAX 32                /* octets of the name of a field */

/*
 * The answer about _mta-sts.DOMAIN.  VX_OK; VX_ENOENT: there is no such record;
 * VX_ESYNTAX: there is, or are, but that is as if there was none.  An answer that failed
 * is VX_ETEMP.
 */
VX_API int vx_sts_read_txt(const struct vx_dns_answer *a, char id[VX_STS_ID_MAX + 1]);

enum vx_sts_mode {
	VX_STS_NONE,
	VX_STS_TESTING,
	VX_STS_ENFORCE
};

struct vx_sts_policy {
	enum vx_sts_mode mode;
	uint32_t max_age; /* seconds */
	size_t mx_count;
	vx_slice text; /* borrowed: all of it */
};

/* VX_OK; VX_ESYNTAX, with why in err (or NULL); VX_ELIMIT: it is too large. */
VX_API int vx_sts_parse(vx_slice text, struct vx_sts_policy *out, struct vx_error *err);
/* The next pattern, lower case; *rest begins as the text.  False: there is none. */
VX_API bool vx_sts_next_mx(vx_slice *rest, char out[VX_DNS_NAME_MAX + 3]);
/* Is an MX host (a name of dns.h) one of the policy's (4.1)? */
VX_API bool vx_sts_matches(const struct vx_sts_policy *p, const char *host);
/* Is the value of a Content-Type field that of a policy: text/plain, whatever follows? */
VX_API bool vx_sts_is_plain(vx_slice content_type);
/* "enforce", "testing", "none" */
VX_API const char *vx_sts_mode_name(enum vx_sts_mode mode);

VX_END_DECLS

#endif
