/*
 * fetch.h - HTTPS requests as services see them (RFC 9110, RFC 9112); who makes them is
 * the loop (service.h).
 *
 * Only https, TLS 1.2 at the least; the certificate has to be of the host and under one
 * of the authorities that the process trusts.  Redirections are answers like others,
 * nothing is cached, nothing is decoded.  What went wrong is told apart: a name that is
 * not there, a server that cannot be reached, TLS, a certificate.
 */
#ifndef VECTIS_FETCH_H
#define VECTIS_FETCH_H

#include "vectis/dns.h"

VX_BEGIN_DECLS

#define VX_FETCH_METHOD_MAX 16
#define VX_FETCH_URL_MAX 2048
#define VX_FETCH_FIELDS_MAX 100                    /* header fields, either way */
#define VX_FETCH_FIELD_OCTETS 8192                 /* of one, either way */
#define VX_FETCH_FIELDS_OCTETS ((size_t)64 * 1024) /* of all, either way */
#define VX_FETCH_BODY_MAX ((size_t)32 << 20)       /* either way */
#define VX_FETCH_MS_MAX 600000
#define VX_FETCH_CONNECT_MS 15000 /* to reach a server, with the handshake */
#define VX_FETCH_TEXT_MAX 300

enum vx_fetch_result {
	VX_FETCH_ANSWERED, /* there is a status, whatever it is */
	VX_FETCH_NO_NAME,  /* there is no such host, or it has no address */
	VX_FETCH_DNS,      /* the name servers do not answer, or signatures are wrong */
	VX_FETCH_CONNECT,  /* no address takes a connection */
	VX_FETCH_TLS,      /* the handshake failed */
	VX_FETCH_CERTIFICATE, /* it is not of this host, expired, or not believed */
	VX_FETCH_TIMEOUT,
	VX_FETCH_TOO_LARGE, /* the answer is */
	VX_FETCH_BROKEN,    /* the connection ended too soon, or it is not HTTP */
	VX_FETCH_FAILED     /* our own failure: it was not asked */
};

struct vx_fetch_field {
	vx_slice name, value; /* value without blanks around it */
};

/* Good during done only. */
struct vx_fetch_answer {
	enum vx_fetch_result result;
	const char *text; /* why not, for a person; never NULL */
	/* the rest of ANSWERED only */
	unsigned status; /* 200 */
	const struct vx_fetch_field *fields;
	size_t field_count;
	vx_slice body;
};

/*
 * A request.  The struct belongs to whoever asks, as of a lookup, and lives until done
 * was called or it was forgotten; what its members point to is copied.
 */
struct vx_fetch {
	const char *method;                  /* "GET", "POST", "HEAD" */
	const char *url;                     /* "https://host[:port]/path" */
	const struct vx_fetch_field *fields; /* of the request, beside Host and such */
	size_t field_count;
	vx_slice body;   /* of a POST */
	size_t body_max; /* octets of the answer's; 0: VX_FETCH_BODY_MAX */
	uint64_t ms_max; /* for all of it; 0: a minute */
	void (*done)(struct vx_fetch *f, const struct vx_fetch_answer *a);
	struct vx_fetch *next, **link; /* the loop's, like handle */
	void *handle;
};

/* The value of the first field of that name, in any case; ptr NULL: there is none. */
VX_API vx_slice vx_fetch_value(const struct vx_fetch_answer *a, const char *name);
/* "answered", "no name", ... for logs. */
VX_API const char *vx_fetch_result_name(enum vx_fetch_result result);
/* Is it one that may be asked: method, URL, fields within limits, without controls? */
VX_API bool vx_fetch_check(const struct vx_fetch *f);

VX_END_DECLS

#endif
