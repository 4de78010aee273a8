/* pki.h - certificates for tests, made when they are needed. */
#ifndef TLS_PKI_H
#define TLS_PKI_H

#include "lib/vxt.h"
#include "vectis/tls.h"

#include <gnutls/x509.h>

struct pki_spec {
	const char *cn;
	const char *names;        /* DNS names, separated by blanks; NULL: none */
	const struct pki *issuer; /* NULL: itself */
	bool ca, rsa;
	int begin_days, end_days; /* from now; end 0: 90 */
};

struct pki {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
	struct vx_buf pem, key_pem; /* own */
	char serial[VX_TLS_SERIAL_MAX];
};

void pki_make(struct pki *p, const struct pki_spec *spec);
void pki_free(struct pki *p);

/* Write text to dir/name and return the path, static for four calls. */
const char *pki_file(const char *dir, const char *name, vx_slice text, unsigned mode);

/* Install under name; the serial must be what is expected. */
void pki_install(const char *dir, const char *name, const struct pki *p);

#endif
