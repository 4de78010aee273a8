#include "crypto/pem.h"

#include "base/mem.h"
#include "vectis/crypto.h"

#include <string.h>

/* The library reads PEM up to a NUL behind it, which is put there.  What it says. */
static int import(gnutls_x509_privkey_t key, vx_slice pem)
{
	char *const ended = vx_alloc(pem.len + 1);
	gnutls_datum_t data = { (unsigned char *)ended, (unsigned)pem.len };
	int said;

	if (ended == NULL)
		return GNUTLS_E_MEMORY_ERROR;
	memcpy(ended, pem.ptr, pem.len);
	said = gnutls_x509_privkey_import2(key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
	vx_wipe(ended, pem.len);
	vx_free(ended);
	return said;
}

int vx_pem_read(gnutls_x509_privkey_t key, vx_slice pem, size_t max, int *kind,
    unsigned *bits, struct vx_error *err)
{
	int said;

	if (pem.len == 0 || pem.len > max)
		return vx_error_set(
		    err, VX_ESYNTAX, "a private key has 1 to %zu octets", max);
	said = import(key, pem);
	if (said == GNUTLS_E_MEMORY_ERROR)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	if (said != 0)
		return vx_error_set(err, VX_ESYNTAX,
		    "this is no private key in PEM without a password (%s)",
		    gnutls_strerror(said));
	*kind = gnutls_x509_privkey_get_pk_algorithm2(key, bits);
	return VX_OK;
}

int vx_pem_write(gnutls_x509_privkey_t key, struct vx_buf *out)
{
	const size_t before = out->len;
	gnutls_datum_t pem = { 0 };

	if (gnutls_x509_privkey_export2_pkcs8(
		key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem) != 0)
		return VX_ECRYPTO;
	vx_buf_add(out, vx_slice_of(pem.data, pem.size));
	gnutls_memset(pem.data, 0, pem.size);
	gnutls_free(pem.data);
	return vx_pem_added(out, before);
}

int vx_pem_added(struct vx_buf *out, size_t before)
{
	if (!out->failed)
		return VX_OK;
	vx_buf_truncate(out, before);
	return VX_ELIMIT;
}
