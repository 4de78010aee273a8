/*
 * key.h - keys that sign and keys that verify: RSA (RFC 8017) and Ed25519 (RFC 8032).
 *
 * What is signed is a SHA-256 digest: RSA as RSASSA-PKCS1-v1_5, Ed25519 with the digest
 * as its message (RFC 8463 3).  Nothing here changes once it is made, so that several
 * threads may use one key.
 */
#ifndef VECTIS_KEY_H
#define VECTIS_KEY_H

#include "vectis/buf.h"
#include "vectis/crypto.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_KEY_ED25519_OCTETS 32
#define VX_KEY_RSA_BITS_MIN 1024  /* of a private key; of a public one see below */
#define VX_KEY_RSA_BITS_MAX 8192  /* RFC 8301 3.2: at least up to 4096 */
#define VX_KEY_RSA_BITS_KNOWN 512 /* shorter public keys are none at all */
#define VX_KEY_RSA_EXPONENT_BITS_MAX 64
#define VX_KEY_PUBLIC_OCTETS_MAX 2048 /* DER */
#define VX_KEY_PEM_OCTETS_MAX 16384
#define VX_KEY_SIGNATURE_OCTETS_MAX (VX_KEY_RSA_BITS_MAX / 8)

enum vx_key_type {
	VX_KEY_RSA,
	VX_KEY_ED25519
};

/* "rsa", "ed25519" (RFC 6376 7.6, RFC 8463 8.1).  Static. */
VX_API const char *vx_key_type_name(enum vx_key_type type);

struct vx_key; /* public */

/*
 * A key from the octets of a DKIM record: of RSA a SubjectPublicKeyInfo (RFC 5280 4.1) or
 * a bare RSAPublicKey in DER, of Ed25519 its 32 octets.  VX_OK; VX_ESYNTAX: no such key;
 * VX_ELIMIT: shorter or longer than the limits above; VX_ENOMEM.
 */
VX_API int vx_key_load(enum vx_key_type type, vx_slice octets, struct vx_key **out);
VX_API void vx_key_free(struct vx_key *key);
VX_API enum vx_key_type vx_key_type(const struct vx_key *key);
/* Of RSA the modulus'; of Ed25519 256. */
VX_API unsigned vx_key_bits(const struct vx_key *key);
/* VX_OK, VX_EAUTH: not the signature of that digest. */
VX_API int vx_key_verify(
    const struct vx_key *key, const char digest[VX_SHA256_OCTETS], vx_slice signature);

struct vx_private_key;

/* RSA with 2048 bits (takes a second or so), or Ed25519.  VX_OK, VX_ENOMEM, VX_ECRYPTO.
 */
VX_API int vx_private_key_generate(enum vx_key_type type, struct vx_private_key **out);
/*
 * From PEM without a password: PKCS#8 (RFC 5958), or PKCS#1 for RSA.  The key is tried
 * out, so that one whose parts do not belong together is not taken.  VX_OK; VX_EUNSUP:
 * not one of our kinds or sizes; VX_ESYNTAX, VX_ECRYPTO, VX_ENOMEM; err says why.
 */
VX_API int vx_private_key_read(
    vx_slice pem, struct vx_private_key **out, struct vx_error *err);
/* Overwritten before its memory is given back. */
VX_API void vx_private_key_free(struct vx_private_key *key);
VX_API enum vx_key_type vx_private_key_type(const struct vx_private_key *key);
VX_API unsigned vx_private_key_bits(const struct vx_private_key *key);
/* How long its signatures are. */
VX_API size_t vx_private_key_signature_octets(const struct vx_private_key *key);
/*
 * Append it as PEM (PKCS#8).  out then holds a secret: vx_buf_wipe.  VX_OK, VX_ELIMIT,
 * VX_ECRYPTO.
 */
VX_API int vx_private_key_write(const struct vx_private_key *key, struct vx_buf *out);
/* Append the base64 that belongs into p= of a DKIM record.  Returns as above. */
VX_API int vx_private_key_public(const struct vx_private_key *key, struct vx_buf *out);
/*
 * Append the signature of a digest: 64 octets, or as many as the modulus has.  It is
 * verified before it is given away, since a faulty one of RSA tells the key.  RSA takes a
 * millisecond or two.  VX_OK, VX_ELIMIT (out is full), VX_ECRYPTO: *out is as it was.
 */
VX_API int vx_private_key_sign(const struct vx_private_key *key,
    const char digest[VX_SHA256_OCTETS], struct vx_buf *out);

VX_END_DECLS

#endif
