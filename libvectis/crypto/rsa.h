/* rsa.h - RSA as nettle has it, for key.c. */
#ifndef VX_CRYPTO_RSA_H
#define VX_CRYPTO_RSA_H

#include "vectis/crypto.h"
#include "vectis/err.h"

#include <gnutls/x509.h>
#include <nettle/rsa.h>

/*
 * SubjectPublicKeyInfo or RSAPublicKey.  *out is initialised in any case, and the caller
 * clears it.  VX_OK, VX_ESYNTAX, VX_ELIMIT.
 */
int vx_rsa_load(vx_slice der, struct rsa_public_key *out);
bool vx_rsa_verify(const struct rsa_public_key *key, const char digest[VX_SHA256_OCTETS],
    vx_slice signature);

struct vx_rsa_pair {
	struct rsa_public_key pub;
	struct rsa_private_key priv;
};
/* VX_OK, or VX_ECRYPTO: *out needs vx_rsa_pair_done in any case. */
int vx_rsa_pair_init(struct vx_rsa_pair *out, gnutls_x509_privkey_t from);
void vx_rsa_pair_done(struct vx_rsa_pair *pair);
/* pair->pub.size octets.  False: it went wrong, and out has nothing of it. */
bool vx_rsa_sign(
    const struct vx_rsa_pair *pair, const char digest[VX_SHA256_OCTETS], uint8_t *out);

#endif
