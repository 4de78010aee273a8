/*
 * proofs.h - answers to tls-alpn-01 (RFC 8737): who connects, asks for that protocol and
 * for a name under way, sees the certificate of the challenge; nobody else sees anything.
 */
#ifndef VX_ACMED_PROOFS_H
#define VX_ACMED_PROOFS_H

#include "runtime/runtime.h"
#include "vectis/acme.h"

#define PROOFS_MAX VX_ACME_NAMES_MAX
#define PROOFS_ALPN "acme-tls/1"
#define PROOFS_PATIENCE_MS 30000

struct proofs {
	struct proof {
		char name[VX_DNS_NAME_MAX + 1]; /* as it is asked for by SNI */
		char token[VX_ACME_TOKEN_MAX + 1];
		struct vx_buf chain, key; /* own */
	} list[PROOFS_MAX];
	size_t count;
	struct vx_tls_certs *set; /* own; NULL: there are none */
};

/* A step PROVISION or REMOVE.  VX_OK, VX_ELIMIT, VX_ETLS, VX_ENOMEM. */
int proofs_do(struct proofs *p, const struct vx_acme_step *step);
void proofs_done(struct proofs *p);
/* The session behind such a handshake: it is over at once. */
int proofs_session_new(const struct vx_worker *w, const struct vx_peer *peer,
    struct vx_session_host *host, struct vx_session **out);

#endif
