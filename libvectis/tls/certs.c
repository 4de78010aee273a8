/* Sets of certificates: which one for which name, and what is spoken. */
#include "base/mem.h"
#include "tls/certs_int.h"

#include <stdio.h>

/*
 * Six ECDHE AEAD suites for TLS 1.2 and three for 1.3 (RFC 9325); the client's order,
 * since it knows whether it has AES in hardware.
 */
#define SUITES                                                                           \
	":+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AEAD"    \
	":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"                               \
	":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SHA256"  \
	":+SIGN-ECDSA-SHA384:+SIGN-EDDSA-ED25519:+SIGN-RSA-PSS-RSAE-SHA256"              \
	":+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512:+SIGN-RSA-SHA256"          \
	":+SIGN-RSA-SHA384:+SIGN-RSA-SHA512:+COMP-NULL:+CTYPE-X509"
/* What programs before 2008 need beside that: CBC, SHA-1, the RSA key exchange. */
#define OBSOLETE ":+RSA:+AES-128-CBC:+AES-256-CBC:+SHA1:+SIGN-RSA-SHA1:+SIGN-ECDSA-SHA1"

static const char *const priorities[] = {
	[VX_TLS_FLOOR_1_2] = "NONE:+VERS-TLS1.3:+VERS-TLS1.2" SUITES,
	[VX_TLS_FLOOR_1_3] = "NONE:+VERS-TLS1.3" SUITES,
	[VX_TLS_FLOOR_1_1] =
	    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+VERS-TLS1.1" SUITES OBSOLETE,
	[VX_TLS_FLOOR_1_0] =
	    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0" SUITES OBSOLETE,
};

static int fail(struct vx_error *err, const char *what, int rc)
{
	return vx_error_set(err, VX_ETLS, "%s: %s", what, gnutls_strerror(rc));
}

/* --- one ------------------------------------------------------------------------- */

static int add_pair(
    struct vx_tls_cert *c, const struct vx_tls_pair *p, struct vx_error *err)
{
	const gnutls_datum_t chain = { (unsigned char *)(uintptr_t)p->chain.ptr,
		(unsigned)p->chain.len };
	const gnutls_datum_t key = { (unsigned char *)(uintptr_t)p->key.ptr,
		(unsigned)p->key.len };
	const int rc = gnutls_certificate_set_x509_key_mem(
	    c->credentials, &chain, &key, GNUTLS_X509_FMT_PEM);

	return rc < 0 ? fail(err, "the pair cannot be used", rc) : VX_OK;
}

/* The library serves whichever the client's signature algorithms fit. */
static int add_rsa(
    struct vx_tls_cert *c, const struct vx_tls_pair *p, struct vx_error *err)
{
	struct vx_tls_cert_info info;
	int rc = vx_tls_pair_check(p, &info, NULL, err);

	if (rc == VX_OK)
		rc = add_pair(c, p, err);
	if (rc == VX_OK || !p->expired_too)
		return rc;
	c->left_out = *err;
	return VX_OK;
}

int vx_tls_cert_new(const struct vx_tls_pair *p, const struct vx_tls_pair *rsa,
    struct vx_tls_cert **out, struct vx_error *err)
{
	struct vx_tls_cert *c = vx_alloc(sizeof(*c));
	int rc;

	if (c == NULL)
		return vx_error_set(err, VX_ENOMEM, "no memory for the certificate");
	atomic_init(&c->refs, 1);
	vx_buf_init(&c->names, VX_TLS_NAMES_OCTETS);
	rc = vx_tls_pair_check(p, &c->info, &c->names, err);
	if (rc == VX_OK) {
		const int tls = gnutls_certificate_allocate_credentials(&c->credentials);

		rc = tls < 0 ? fail(err, "the pair cannot be used", tls)
			     : add_pair(c, p, err);
	}
	if (rc == VX_OK && rsa != NULL)
		rc = add_rsa(c, rsa, err);
	if (rc == VX_OK)
		*out = c;
	else
		vx_tls_cert_free(c);
	return rc;
}

void vx_tls_cert_free(struct vx_tls_cert *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	if (c->credentials != NULL)
		gnutls_certificate_free_credentials(c->credentials);
	vx_buf_done(&c->names);
	vx_free(c);
}

/* --- sets ------------------------------------------------------------------------ */

int vx_tls_certs_new(
    size_t room, enum vx_tls_floor floor, struct vx_tls_certs **out, struct vx_error *err)
{
	struct vx_tls_certs *c = vx_alloc(sizeof(*c));
	int rc;

	if (c == NULL)
		return vx_error_set(err, VX_ENOMEM, "no memory for the certificates");
	atomic_init(&c->refs, 1);
	c->room = room;
	c->certs = vx_alloc_array(room, sizeof(struct vx_tls_cert *));
	rc = gnutls_priority_init(&c->priority, priorities[floor], NULL);
	if (rc == 0)
		rc = gnutls_session_ticket_key_generate(&c->ticket_key);
	if (c->certs == NULL || rc < 0) {
		vx_tls_certs_free(c);
		return fail(err, "TLS cannot be set up", rc);
	}
	*out = c;
	return VX_OK;
}

void vx_tls_certs_put(struct vx_tls_certs *c, struct vx_tls_cert *cert)
{
	if (c->count < c->room)
		c->certs[c->count++] = cert;
	else
		vx_tls_cert_free(cert);
}

struct vx_tls_certs *vx_tls_certs_ref(struct vx_tls_certs *c)
{
	(void)atomic_fetch_add(&c->refs, 1);
	return c;
}

void vx_tls_certs_free(struct vx_tls_certs *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	for (size_t i = 0; i < c->count; i++)
		vx_tls_cert_free(c->certs[i]);
	if (c->priority != NULL)
		gnutls_priority_deinit(c->priority);
	if (c->ticket_key.data != NULL) {
		vx_wipe(c->ticket_key.data, c->ticket_key.size);
		gnutls_free(c->ticket_key.data);
	}
	vx_free(c->certs);
	vx_free(c);
}

const char *vx_tls_certs_serial(const struct vx_tls_certs *c)
{
	return c->count > 0 ? c->certs[0]->info.serial : "";
}

bool vx_tls_certs_temporary(const struct vx_tls_certs *c)
{
	return c->temporary;
}

/* Is name one of the certificate's, a wildcard standing for one label (RFC 6125 6.4.3)?
 */
static bool covers(const struct vx_tls_cert *cert, vx_slice name)
{
	const size_t dot = vx_slice_find(name, '.');
	vx_slice rest = vx_buf_slice(&cert->names), pattern;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &pattern);
		if (vx_slice_eq_nocase(pattern, name))
			return true;
		if (vx_slice_has_prefix(pattern, VX_S("*.")) && dot > 0 &&
		    vx_slice_eq_nocase(
			vx_slice_from(pattern, 1), vx_slice_from(name, dot)))
			return true;
	}
	return false;
}

const struct vx_tls_cert *vx_tls_certs_find(const struct vx_tls_certs *c, vx_slice name)
{
	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	for (size_t i = 0; name.len > 0 && i < c->count; i++)
		if (covers(c->certs[i], name))
			return c->certs[i];
	return c->certs[0];
}
