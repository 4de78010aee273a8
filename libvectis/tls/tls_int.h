/* tls_int.h - a connection, inside tls/. */
#ifndef VX_TLS_TLS_INT_H
#define VX_TLS_TLS_INT_H

#include "tls/certs_int.h"

#define VX_TLS_EXPORTER_OCTETS 32

struct vx_tls {
	gnutls_session_t session;   /* own */
	struct vx_tls_certs *certs; /* own reference; NULL on the client's side */
	struct vx_tls_trust *trust; /* own reference; NULL on the server's side */
	vx_slice *in;               /* of the call under way */
	struct vx_buf *out;
	bool done;  /* the handshake is */
	enum vx_tls_fault fault; /* of the last check */
	int failed; /* what GnuTLS said when it could not be done */
	char exporter[VX_TLS_EXPORTER_OCTETS];
};

/* After gnutls_init: read from and write to the caller's buffers. */
void vx_tls_attach(struct vx_tls *t);

#endif
