/* certs_int.h - pairs, sets and the manifest, inside tls/. */
#ifndef VX_TLS_CERTS_INT_H
#define VX_TLS_CERTS_INT_H

#include "vectis/tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>

#define VX_TLS_NAMES_OCTETS ((size_t)16384) /* of all names of a certificate */

/* --- a pair (pair.c) --------------------------------------------------------------- */

struct vx_tls_pair {
	vx_slice chain, key;               /* PEM */
	const char *chain_name, *key_name; /* for messages */
	bool expired_too;                  /* is taken */
};

/* names: all DNS names with a blank between them, appended; may be NULL. */
int vx_tls_pair_check(const struct vx_tls_pair *p, struct vx_tls_cert_info *info,
    struct vx_buf *names, struct vx_error *err);

/* What a certificate says. */
void vx_tls_describe(gnutls_x509_crt_t crt, struct vx_tls_cert_info *info);

/* --- sets (certs.c) ---------------------------------------------------------------- */

/* One certificate, shared by the sets that have it. */
struct vx_tls_cert {
	atomic_uint refs;
	gnutls_certificate_credentials_t credentials; /* own */
	struct vx_tls_cert_info info;
	struct vx_error left_out; /* of the second pair: why; text empty: it is not */
	struct vx_buf names;      /* own: for SNI */
	char name[VX_CERTS_NAME_MAX + 1];
	uint64_t generation;
};

struct vx_tls_certs {
	atomic_uint refs;
	bool temporary;
	bool proofs; /* for authorities: see vx_tls_proofs_new */
	size_t count, room;
	struct vx_tls_cert *
	    *certs; /* own, and a reference to each; the first is the default */
	gnutls_priority_t priority; /* own */
	gnutls_datum_t
	    ticket_key; /* own: new with every set, so no ticket outlives one */
};

/* rsa: a second pair, or NULL.  Where expired ones are taken it is left out when bad. */
int vx_tls_cert_new(const struct vx_tls_pair *p, const struct vx_tls_pair *rsa,
    struct vx_tls_cert **out, struct vx_error *err);
void vx_tls_cert_free(struct vx_tls_cert *c); /* gives one reference back */

/* An empty set for up to room certificates. */
int vx_tls_certs_new(size_t room, enum vx_tls_floor floor, struct vx_tls_certs **out,
    struct vx_error *err);
/* Takes over the caller's reference. */
void vx_tls_certs_put(struct vx_tls_certs *c, struct vx_tls_cert *cert);
/* The certificate for a name asked by SNI, else the default. */
const struct vx_tls_cert *vx_tls_certs_find(const struct vx_tls_certs *c, vx_slice name);

/* The one of just that name, of a set of proofs; NULL: there is none. */
const struct vx_tls_cert *vx_tls_proofs_find(const struct vx_tls_certs *c, vx_slice name);

/* --- the temporary certificate (temporary.c) --------------------------------------- */

#define VX_TEMPORARY_DAYS 365
#define VX_TEMPORARY_RENEW_DAYS 30 /* before its end */

/*
 * The self-signed certificate for hostname in dir, which all processes share; made when
 * it is not there, for another name, or near its end (then with the same key).
 */
int vx_tls_temporary(const char *dir, const char *hostname, struct vx_tls_cert **out,
    struct vx_error *err);

/* --- the manifest (manifest.c) ----------------------------------------------------- */

#define VX_MANIFEST_MAX ((size_t)128 * 1024)

/* A line: NAME SP GENERATION SP PROVIDER LF. */
struct vx_manifest_line {
	vx_slice name, provider;
	uint64_t generation;
};

/* The next line, taken off rest: VX_OK, VX_DONE at the end, VX_ESYNTAX. */
int vx_manifest_next(vx_slice *rest, struct vx_manifest_line *out);
/* All of it, well-formed and with at most VX_TLS_CERTS_MAX lines; heap. */
int vx_manifest_read(const char *dir, struct vx_buf *out, struct vx_error *err);
void vx_manifest_mark(vx_slice text, char out[VX_CERTS_MARK_MAX]);
/* The files of a generation; expired_too: such a certificate is taken. */
int vx_manifest_load(const char *dir, const struct vx_manifest_line *l, bool expired_too,
    struct vx_tls_cert **out, struct vx_error *err);

/* --- old generations (prune.c) ----------------------------------------------------- */

/*
 * Remove those of name that are too many or too old at now_s, never current and before
 * (0: none was).  Under the lock of dir; what cannot be removed is looked at next time.
 */
void vx_certs_prune(
    const char *dir, vx_slice name, uint64_t current, uint64_t before, int64_t now_s);

#endif
