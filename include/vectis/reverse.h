/*
 * reverse.h - the names of an address, without I/O: what the reverse DNS says, and
 * whether that name leads back to the address ("iprev", RFC 8601 3).
 */
#ifndef VECTIS_REVERSE_H
#define VECTIS_REVERSE_H

#include "vectis/dns.h"
#include "vectis/verdict.h"

VX_BEGIN_DECLS

#define VX_REVERSE_NAMES_MAX 10 /* of an address; the rest is not looked at */

struct vx_reverse {
	/*
	 * pass: a name leads back; fail: there are names, none does; permerror: there is
	 * no name; temperror: a question failed, and nothing else passed.
	 */
	enum vx_verdict verdict;
	char name[VX_DNS_NAME_MAX + 1]; /* that leads back, or the first; "": none */
	/* the rest is private */
	char address[VX_DNS_ADDRESS_MAX + 1];
	char names[VX_REVERSE_NAMES_MAX][VX_DNS_NAME_MAX + 1];
	size_t count, at;
	bool asked_names, failed, done;
};

/* address: numeric.  VX_OK, VX_EINVAL. */
VX_API int vx_reverse_init(struct vx_reverse *r, const char *address);
/* VX_WAIT: *question wants an answer; VX_DONE: verdict and name are known. */
VX_API int vx_reverse_next(struct vx_reverse *r, struct vx_dns_question *question);
/* VX_OK; VX_ESTATE: nothing was asked. */
VX_API int vx_reverse_answer(struct vx_reverse *r, const struct vx_dns_answer *answer);

VX_END_DECLS

#endif
