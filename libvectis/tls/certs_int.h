/* certs_int.h - a set of certificates, inside tls/. */
#ifndef VX_TLS_CERTS_INT_H
#define VX_TLS_CERTS_INT_H

#include "vectis/tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>

struct vx_tls_cert {
	gnutls_certificate_credentials_t credentials; /* own */
	struct vx_tls_cert_info info;
};

struct vx_tls_certs {
	atomic_uint refs;
	bool temporary;
	size_t count;
	struct vx_tls_cert *certs;  /* own; the first is the default */
	gnutls_priority_t priority; /* own */
	gnutls_datum_t
	    ticket_key; /* own: new with every set, so no ticket outlives one */
};

/* An empty set for up to count certificates. */
int vx_tls_certs_new(size_t count, struct vx_tls_certs **out, struct vx_error *err);
int vx_tls_certs_add(
    struct vx_tls_certs *c, vx_slice chain, vx_slice key, struct vx_error *err);
/* A self-signed certificate for hostname and its key, both as PEM. */
int vx_tls_self_signed_pem(
    const char *hostname, struct vx_buf *out, struct vx_error *err);
/* A set of that one, from such a text; VX_EINVAL: it is not usable for hostname. */
int vx_tls_certs_temporary_from(
    vx_slice pem, const char *hostname, struct vx_tls_certs **out, struct vx_error *err);
/* The certificate for a name asked by SNI, else the default. */
const struct vx_tls_cert *vx_tls_certs_find(const struct vx_tls_certs *c, vx_slice name);

#endif
