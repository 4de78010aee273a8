/* pem.h - private keys as PEM, for the files of crypto/. */
#ifndef VX_CRYPTO_PEM_H
#define VX_CRYPTO_PEM_H

#include "vectis/buf.h"
#include "vectis/err.h"

#include <gnutls/x509.h>

/*
 * Read one into key, which is made, and say of what kind (gnutls_pk_algorithm_t) and how
 * large it is.  VX_OK; VX_ESYNTAX, VX_ENOMEM: err says what is wrong.
 */
int vx_pem_read(gnutls_x509_privkey_t key, vx_slice pem, size_t max, int *kind,
    unsigned *bits, struct vx_error *err);
/* Appended.  VX_OK; VX_ELIMIT, VX_ECRYPTO: out is as it was. */
int vx_pem_write(gnutls_x509_privkey_t key, struct vx_buf *out);

/* Does out still stand?  VX_OK; VX_ELIMIT: it was too full, and is as it was. */
int vx_pem_added(struct vx_buf *out, size_t before);

#endif
