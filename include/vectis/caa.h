/*
 * caa.h - may an authority issue a certificate for a name (RFC 8659, RFC 8657)?  Without
 * I/O: the records are looked for at the name and then at each name above it.
 *
 *	vx_caa_begin(&c, &options);
 *	while (vx_caa_next(&c, &question) == VX_WAIT)
 *		ask, then vx_caa_answer(&c, &answer)
 *	c.result
 */
#ifndef VECTIS_CAA_H
#define VECTIS_CAA_H

#include "vectis/dns.h"

VX_BEGIN_DECLS

#define VX_CAA_PARAMETERS_MAX 20 /* of a value; more make it one that cannot be read */
#define VX_CAA_METHODS_MAX 8
#define VX_CAA_TEXT_MAX 360

/* "ca.example; accounturi=https://...": a value of issue and issuewild. */
struct vx_caa_value {
	vx_slice issuer; /* borrowed like all of it; empty: nobody */
	struct vx_caa_parameter {
		vx_slice name, value;
	} parameters[VX_CAA_PARAMETERS_MAX];
	size_t count;
};
/* RFC 8659 4.2.  VX_OK, VX_ESYNTAX. */
VX_API int vx_caa_read_value(vx_slice text, struct vx_caa_value *out);
/* A parameter's value; false: it is not there, or more than once (*count says). */
VX_API bool vx_caa_parameter(
    const struct vx_caa_value *v, const char *name, vx_slice *out, size_t *count);
/* Is it one of those that list has, separated by blanks, in any case? */
VX_API bool vx_caa_is_listed(vx_slice issuer, const char *list);

/* All of it is borrowed as long as the question is. */
struct vx_caa_options {
	const char *name; /* without "*." */
	bool wildcard;
	const char
	    *issuers; /* what the authority is called in records; "a.example b.example" */
	const char *account; /* its URI; "": there is none yet, so no record names it */
	const char *const *methods; /* "http-01": what could be used */
	size_t method_count;
};

enum vx_caa_verdict {
	VX_CAA_ALLOWED,
	VX_CAA_FORBIDDEN,
	VX_CAA_SILENT /* the DNS does not answer, or not what was signed */
};
struct vx_caa_result {
	enum vx_caa_verdict verdict;
	unsigned methods;                /* of ALLOWED: bits, the first method is 1 */
	char where[VX_DNS_NAME_MAX + 1]; /* who has the records; "": nobody */
	char text[VX_CAA_TEXT_MAX];      /* why not, and what to do; "" */
};

struct vx_caa {
	struct vx_caa_options o;
	struct vx_caa_result result;
	vx_slice name; /* that is looked at */
	bool over;
};
VX_API void vx_caa_begin(struct vx_caa *c, const struct vx_caa_options *o);
/* VX_WAIT: ask *q; VX_DONE: the result is there. */
VX_API int vx_caa_next(struct vx_caa *c, struct vx_dns_question *q);
VX_API void vx_caa_answer(struct vx_caa *c, const struct vx_dns_answer *a);

VX_END_DECLS

#endif
