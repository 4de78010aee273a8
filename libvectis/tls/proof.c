/* Sets that answer tls-alpn-01 (RFC 8737) and nothing else. */
#include "base/mem.h"
#include "tls/certs_int.h"

/* Certificates of challenges are not like others, and are not checked like them. */
static int load(
    const struct vx_tls_proof *p, struct vx_tls_cert **out, struct vx_error *err)
{
	const gnutls_datum_t chain = { (unsigned char *)(uintptr_t)p->chain.ptr,
		(unsigned)p->chain.len };
	const gnutls_datum_t key = { (unsigned char *)(uintptr_t)p->key.ptr,
		(unsigned)p->key.len };
	struct vx_tls_cert *const c = vx_alloc(sizeof(*c));
	int rc;

	if (c == NULL)
		return vx_error_set(err, VX_ENOMEM, "no memory for the certificate");
	atomic_init(&c->refs, 1);
	vx_buf_init(&c->names, VX_TLS_NAMES_OCTETS);
	vx_buf_add_str(&c->names, p->name);
	rc = gnutls_certificate_allocate_credentials(&c->credentials);
	if (rc == 0)
		rc = gnutls_certificate_set_x509_key_mem(
		    c->credentials, &chain, &key, GNUTLS_X509_FMT_PEM);
	if (rc >= 0 && !c->names.failed) {
		*out = c;
		return VX_OK;
	}
	vx_tls_cert_free(c);
	return vx_error_set(err, VX_ETLS, "the certificate of a challenge: %s",
	    rc < 0 ? gnutls_strerror(rc) : "its name is too long");
}

int vx_tls_proofs_new(const struct vx_tls_proof *list, size_t count,
    struct vx_tls_certs **out, struct vx_error *err)
{
	struct vx_tls_certs *set = NULL;
	int rc;

	if (count == 0 || count > VX_TLS_PROOFS_MAX)
		return vx_error_set(
		    err, VX_EINVAL, "there are 1 to %d challenges", VX_TLS_PROOFS_MAX);
	rc = vx_tls_certs_new(count, VX_TLS_FLOOR_1_2, &set, err);
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		struct vx_tls_cert *cert = NULL;

		rc = load(&list[i], &cert, err);
		if (rc == VX_OK)
			vx_tls_certs_put(set, cert);
	}
	if (rc != VX_OK) {
		vx_tls_certs_free(set);
		return rc;
	}
	set->proofs = true;
	*out = set;
	return VX_OK;
}

const struct vx_tls_cert *vx_tls_proofs_find(const struct vx_tls_certs *c, vx_slice name)
{
	for (size_t i = 0; i < c->count; i++)
		if (vx_slice_eq_nocase(vx_buf_slice(&c->certs[i]->names), name))
			return c->certs[i];
	return NULL;
}
