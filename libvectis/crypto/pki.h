/* pki.h - the inside of a key, for the files of crypto/. */
#ifndef VX_CRYPTO_PKI_H
#define VX_CRYPTO_PKI_H

#include "vectis/pki.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>

struct vx_pki_key {
	enum vx_pki_kind kind;
	gnutls_x509_privkey_t whole; /* for PEM */
	gnutls_privkey_t abstract;   /* signs */
	gnutls_pubkey_t pub;
	char digest[VX_PKI_DIGEST_OCTETS]; /* of pub */
};

#endif
