/*
 * pki.h - keys of accounts and certificates at an authority, requests, and what a
 * certificate says (RFC 5280, RFC 2986).
 *
 * Keys are of P-256 or of RSA with 2048 bits.  Nothing here looks at a clock: whether a
 * certificate is good is tls.h's question.
 */
#ifndef VECTIS_PKI_H
#define VECTIS_PKI_H

#include "vectis/buf.h"
#include "vectis/crypto.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_PKI_NAMES_MAX 100 /* in a request */
#define VX_PKI_PEM_MAX ((size_t)256 * 1024)
#define VX_PKI_CHAIN_MAX 16  /* certificates of a chain that are looked at */
#define VX_PKI_SERIAL_MAX 21 /* RFC 5280 4.1.2.2: 20 octets, and a leading zero */
#define VX_PKI_KEY_ID_MAX 64 /* of an issuer's key; longer ones are as if not there */
#define VX_PKI_DIGEST_OCTETS 32
#define VX_PKI_NAMES_OCTETS 8192 /* of all names of a certificate */
#define VX_PKI_ES256_OCTETS 64

enum vx_pki_kind {
	VX_PKI_P256,
	VX_PKI_RSA
};
#define VX_PKI_KINDS 2
/* "ecdsa", "rsa".  Static. */
VX_API const char *vx_pki_kind_name(enum vx_pki_kind kind);

struct vx_pki_key; /* does not change: several threads may use one */
/* RSA takes a second or so.  VX_OK, VX_ENOMEM, VX_ECRYPTO. */
VX_API int vx_pki_key_generate(enum vx_pki_kind kind, struct vx_pki_key **out);
/*
 * From PEM without a password.  VX_OK; VX_EUNSUP: neither P-256 nor RSA of 2048 to 4096
 * bits; VX_ESYNTAX, VX_ENOMEM; err says why.
 */
VX_API int vx_pki_key_read(vx_slice pem, struct vx_pki_key **out, struct vx_error *err);
VX_API void vx_pki_key_free(struct vx_pki_key *key);
VX_API enum vx_pki_kind vx_pki_key_kind(const struct vx_pki_key *key);
/* Append it as PEM (PKCS#8): a secret.  VX_OK, VX_ELIMIT, VX_ECRYPTO. */
VX_API int vx_pki_key_write(const struct vx_pki_key *key, struct vx_buf *out);
/* SHA-256 of the SubjectPublicKeyInfo: what TLSA 3 1 1 has (RFC 6698 2.1). */
VX_API int vx_pki_key_digest(
    const struct vx_pki_key *key, char out[VX_PKI_DIGEST_OCTETS]);
/*
 * Append the public key as a JSON Web Key with its required members in the order that a
 * thumbprint wants (RFC 7638 3).  VX_OK, VX_ELIMIT, VX_ECRYPTO.
 */
VX_API int vx_pki_key_jwk(const struct vx_pki_key *key, struct vx_buf *out);
/* "ES256", "RS256" (RFC 7518 3.1).  Static. */
VX_API const char *vx_pki_key_alg(const struct vx_pki_key *key);
/* Append the octets of a JSON Web Signature.  Returns as above. */
VX_API int vx_pki_key_sign(
    const struct vx_pki_key *key, vx_slice text, struct vx_buf *out);

/*
 * Append a request (DER) for names, of which the first is no common name either: names
 * are in subjectAltName only.  An address is one of RFC 8738.  VX_OK, VX_EINVAL,
 * VX_ELIMIT, VX_ECRYPTO.
 */
VX_API int vx_pki_request(const struct vx_pki_key *key, const char *const *names,
    size_t count, struct vx_buf *out);
/*
 * Append a certificate and its key (PEM) that answer tls-alpn-01 (RFC 8737 3) for a name,
 * with the digest of the key authorization.  Good from a day before now_s to a week
 * after.
 */
VX_API int vx_pki_alpn_pair(const char *name, const char digest[VX_SHA256_OCTETS],
    int64_t now_s, struct vx_buf *chain, struct vx_buf *key);

struct vx_pki_cert {
	char serial[VX_PKI_SERIAL_MAX]; /* the integer's octets, as DER has them */
	size_t serial_len;
	char key_id[VX_PKI_KEY_ID_MAX]; /* of the authority; empty: not said */
	size_t key_id_len;
	char digest[VX_PKI_DIGEST_OCTETS]; /* of SubjectPublicKeyInfo */
	int64_t not_before, not_after;
	char names[VX_PKI_NAMES_OCTETS]; /* separated by blanks, in lower case */
	char top_issuer[256]; /* common name of who issued the last of the chain */
	bool names_cut;
};
/* What the first certificate of a chain (PEM) says.  VX_OK, VX_ESYNTAX, VX_ELIMIT, err.
 */
VX_API int vx_pki_cert_read(
    vx_slice chain_pem, struct vx_pki_cert *out, struct vx_error *err);
/* Append the first certificate of a chain as DER.  VX_OK, VX_ESYNTAX, VX_ELIMIT. */
VX_API int vx_pki_cert_der(vx_slice chain_pem, struct vx_buf *out);

VX_END_DECLS

#endif
