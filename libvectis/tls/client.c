/* The client's side, and what it may find out of the server's certificate. */
#include "base/mem.h"
#include "tls/tls_int.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdio.h>

/* To a server that has nothing better old suites of 1.2 are better than clear text. */
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct vx_tls_trust {
	atomic_uint refs;
	gnutls_certificate_credentials_t credentials; /* own: none of ours */
	gnutls_x509_trust_list_t authorities;         /* own */
	gnutls_priority_t priority;                   /* own */
};

/* --- trust ---------------------------------------------------------------------------
 */

int vx_tls_trust_new(const char *path, struct vx_tls_trust **out, struct vx_error *err)
{
	struct vx_tls_trust *t = vx_alloc(sizeof(*t));
	int rc, count;

	if (t == NULL)
		return vx_error_set(err, VX_ENOMEM, "out of memory");
	atomic_init(&t->refs, 1);
	rc = gnutls_certificate_allocate_credentials(&t->credentials);
	if (rc == 0)
		rc = gnutls_x509_trust_list_init(&t->authorities, 0);
	if (rc == 0)
		rc = gnutls_priority_init(&t->priority, PRIORITY, NULL);
	if (rc != 0) {
		vx_tls_trust_free(t);
		return vx_error_set(err, VX_ENOMEM, "%s", gnutls_strerror(rc));
	}
	count = path == NULL
		    ? gnutls_x509_trust_list_add_system_trust(t->authorities, 0, 0)
		    : gnutls_x509_trust_list_add_trust_file(
			  t->authorities, path, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
	if (count <= 0) {
		vx_tls_trust_free(t);
		return vx_error_set(err, VX_ENOENT,
		    "no authorities for certificates in %s (on Debian the package "
		    "ca-certificates has them)",
		    path == NULL ? "the system's list" : path);
	}
	*out = t;
	return VX_OK;
}

struct vx_tls_trust *vx_tls_trust_ref(struct vx_tls_trust *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void vx_tls_trust_free(struct vx_tls_trust *t)
{
	if (t == NULL || atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	if (t->credentials != NULL)
		gnutls_certificate_free_credentials(t->credentials);
	if (t->authorities != NULL)
		gnutls_x509_trust_list_deinit(t->authorities, 1);
	if (t->priority != NULL)
		gnutls_priority_deinit(t->priority);
	vx_free(t);
}

/* --- a connection ---------------------------------------------------------------------
 */

static bool is_address(const char *name)
{
	unsigned char octets[16];

	return inet_pton(AF_INET, name, octets) == 1 ||
	       inet_pton(AF_INET6, name, octets) == 1;
}

static int set_up(struct vx_tls *t, const char *sni)
{
	int rc =
	    gnutls_init(&t->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

	if (rc == 0)
		rc = gnutls_priority_set(t->session, t->trust->priority);
	if (rc == 0)
		rc = gnutls_credentials_set(
		    t->session, GNUTLS_CRD_CERTIFICATE, t->trust->credentials);
	if (rc == 0 && sni != NULL && *sni != '\0' && !is_address(sni))
		rc =
		    gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, sni, strlen(sni));
	if (rc != 0)
		return VX_ETLS;
	vx_tls_attach(t);
	return VX_OK;
}

int vx_tls_client_new(struct vx_tls_trust *trust, const char *sni, struct vx_tls **out)
{
	struct vx_tls *t = vx_alloc(sizeof(*t));
	int rc;

	if (t == NULL)
		return VX_ENOMEM;
	t->trust = vx_tls_trust_ref(trust);
	rc = set_up(t, sni);
	if (rc != VX_OK) {
		vx_tls_free(t);
		return rc;
	}
	*out = t;
	return VX_OK;
}

int vx_tls_offer(struct vx_tls *t, const char *alpn)
{
	const gnutls_datum_t name = { (unsigned char *)(uintptr_t)alpn,
		(unsigned)strlen(alpn) };

	return gnutls_alpn_set_protocols(t->session, &name, 1, 0) == 0 ? VX_OK : VX_ETLS;
}

/* TLS 1.2 chooses by the key exchange, 1.3 by the signature. */
int vx_tls_client_only(struct vx_tls *t, bool rsa)
{
	static const char ecdsa_only[] =
	    PRIORITY ":-ECDHE-RSA:-SIGN-ALL:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384"
		     ":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384";
	static const char rsa_only[] =
	    PRIORITY ":-ECDHE-ECDSA:-SIGN-ALL:+SIGN-RSA-SHA256:+SIGN-RSA-SHA384"
		     ":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384";

	return gnutls_priority_set_direct(
		   t->session, rsa ? rsa_only : ecdsa_only, NULL) == 0
		   ? VX_OK
		   : VX_ETLS;
}

/* --- the server's certificates ---------------------------------------------------------
 */

struct chain {
	enum vx_tls_fault fault;
	gnutls_x509_crt_t certs[VX_TLS_CHAIN_MAX]; /* own; the server's is the first */
	unsigned count;
};

static void free_chain(struct chain *c)
{
	while (c->count > 0)
		gnutls_x509_crt_deinit(c->certs[--c->count]);
}

static int read_chain(struct vx_tls *t, struct chain *c, struct vx_error *err)
{
	unsigned count = 0;
	const gnutls_datum_t *der = gnutls_certificate_get_peers(t->session, &count);

	c->count = 0;
	c->fault = VX_TLS_FAULT_OTHER;
	if (der == NULL || count == 0)
		return vx_error_set(err, VX_ETLS, "the server shows no certificate");
	if (count > VX_TLS_CHAIN_MAX)
		return vx_error_set(
		    err, VX_ETLS, "the server shows %u certificates", count);
	for (unsigned i = 0; i < count; i++) {
		if (gnutls_x509_crt_init(&c->certs[i]) != 0)
			return vx_error_set(err, VX_ENOMEM, "out of memory");
		c->count++;
		if (gnutls_x509_crt_import(c->certs[i], &der[i], GNUTLS_X509_FMT_DER) !=
		    0)
			return vx_error_set(
			    err, VX_ETLS, "the server's certificate cannot be read");
	}
	return VX_OK;
}

static bool has_name(
    struct chain *c, const char *const *names, size_t count, struct vx_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (gnutls_x509_crt_check_hostname(c->certs[0], names[i]) != 0)
			return true;
	(void)vx_error_set(err, VX_ETLS, "the server's certificate is not one of %s",
	    count > 0 ? names[0] : "any name");
	c->fault = VX_TLS_FAULT_NAME;
	return false;
}

static bool has_dns_names(struct chain *c, struct vx_error *err)
{
	char name[256];
	int rc = 0;

	for (unsigned i = 0; rc >= 0 || rc == GNUTLS_E_SHORT_MEMORY_BUFFER; i++) {
		size_t size = sizeof(name);

		rc = gnutls_x509_crt_get_subject_alt_name(
		    c->certs[0], i, name, &size, NULL);
		if (rc == GNUTLS_SAN_DNSNAME)
			return true;
	}
	(void)vx_error_set(
	    err, VX_ETLS, "the server's certificate has no names of hosts");
	c->fault = VX_TLS_FAULT_NAME;
	return false;
}

static int verify(
    gnutls_x509_trust_list_t authorities, struct chain *c, struct vx_error *err)
{
	gnutls_datum_t text = { 0 };
	unsigned status = 0;
	int rc = gnutls_x509_trust_list_verify_crt(
	    authorities, c->certs, c->count, 0, &status, NULL);

	if (rc == 0 && status == 0)
		return VX_OK;
	c->fault = (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) != 0
		       ? VX_TLS_FAULT_EXPIRED
		       : VX_TLS_FAULT_NOT_TRUSTED;
	if (rc == 0)
		rc = gnutls_certificate_verification_status_print(
		    status, GNUTLS_CRT_X509, &text, 0);
	(void)vx_error_set(err, VX_ETLS, "the server's certificate is not believed: %.*s",
	    rc == 0 ? (int)text.size : 0, rc == 0 ? (const char *)text.data : "");
	gnutls_free(text.data);
	return VX_ETLS;
}

int vx_tls_peer(struct vx_tls *t, struct vx_tls_cert_info *info, struct vx_error *err)
{
	struct chain c;
	const int rc = read_chain(t, &c, err);

	if (rc == VX_OK)
		vx_tls_describe(c.certs[0], info);
	free_chain(&c);
	return rc;
}

static int end_check(struct vx_tls *t, struct chain *c, int rc)
{
	t->fault = rc == VX_OK ? VX_TLS_FAULT_NONE : c->fault;
	free_chain(c);
	return rc;
}

enum vx_tls_fault vx_tls_fault(const struct vx_tls *t)
{
	return t->fault;
}

int vx_tls_check_peer(
    struct vx_tls *t, const char *const *names, size_t count, struct vx_error *err)
{
	struct chain c;
	int rc = read_chain(t, &c, err);

	if (rc == VX_OK)
		rc = verify(t->trust->authorities, &c, err);
	if (rc == VX_OK && !has_name(&c, names, count, err))
		rc = VX_ETLS;
	return end_check(t, &c, rc);
}

int vx_tls_check_host(struct vx_tls *t, const char *name, struct vx_error *err)
{
	struct chain c;
	int rc = read_chain(t, &c, err);

	if (rc == VX_OK)
		rc = verify(t->trust->authorities, &c, err);
	if (rc == VX_OK && (!has_dns_names(&c, err) || !has_name(&c, &name, 1, err)))
		rc = VX_ETLS;
	return end_check(t, &c, rc);
}

/* --- DANE ------------------------------------------------------------------------------
 */

/* What a record is about: the certificate or its public key, in DER. */
static int select_octets(gnutls_x509_crt_t cert, unsigned selector, gnutls_datum_t *out)
{
	gnutls_pubkey_t key;
	int rc;

	if (selector == 0)
		return gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_DER, out);
	rc = gnutls_pubkey_init(&key);
	if (rc != 0)
		return rc;
	rc = gnutls_pubkey_import_x509(key, cert, 0);
	if (rc == 0)
		rc = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, out);
	gnutls_pubkey_deinit(key);
	return rc;
}

static bool matches(gnutls_x509_crt_t cert, const struct vx_tls_dane *r)
{
	const gnutls_digest_algorithm_t digest =
	    r->matching == 1 ? GNUTLS_DIG_SHA256 : GNUTLS_DIG_SHA512;
	const size_t len = r->matching == 1 ? 32 : 64;
	gnutls_datum_t octets = { 0 };
	char hash[64];
	bool same = false;

	if (r->selector > 1 || r->matching > 2 ||
	    select_octets(cert, r->selector, &octets) != 0)
		return false;
	if (r->matching == 0)
		same = vx_slice_eq(vx_slice_of(octets.data, octets.size), r->data);
	else if (gnutls_hash_fast(digest, octets.data, octets.size, hash) == 0)
		same = vx_slice_eq(vx_slice_of(hash, len), r->data);
	gnutls_free(octets.data);
	return same;
}

/* The chain up to one authority, which the record names. */
static int verify_under(
    struct chain *c, gnutls_x509_crt_t authority, struct vx_error *err)
{
	gnutls_x509_trust_list_t list;
	int rc = gnutls_x509_trust_list_init(&list, 0);

	if (rc == 0)
		rc = gnutls_x509_trust_list_add_cas(list, &authority, 1, 0) == 1 ? 0 : -1;
	if (rc == 0)
		rc = verify(list, c, err);
	else
		rc = vx_error_set(err, VX_ETLS, "the authority cannot be used");
	gnutls_x509_trust_list_deinit(list, 0);
	return rc;
}

/* Usage 2 with the whole certificate (2 0 0): it need not be shown. */
static int verify_given(
    struct chain *c, const struct vx_tls_dane *r, struct vx_error *err)
{
	const gnutls_datum_t der = { (unsigned char *)(uintptr_t)r->data.ptr,
		(unsigned)r->data.len };
	const enum vx_tls_fault before = c->fault;
	gnutls_x509_crt_t authority;
	struct vx_error own;
	int rc = VX_ETLS;

	if (r->selector != 0 || r->matching != 0 || gnutls_x509_crt_init(&authority) != 0)
		return VX_ETLS;
	if (gnutls_x509_crt_import(authority, &der, GNUTLS_X509_FMT_DER) == 0)
		rc = verify_under(c, authority, &own);
	gnutls_x509_crt_deinit(authority);
	/* not under this authority: the record does not match, which was said already */
	if (rc != VX_OK && c->fault == VX_TLS_FAULT_EXPIRED)
		(void)vx_error_set(err, VX_ETLS, "%s", own.text);
	else if (rc != VX_OK)
		c->fault = before;
	return rc;
}

static int check_authority(struct chain *c, const struct vx_tls_dane *r,
    const char *const *names, size_t name_count, struct vx_error *err)
{
	int rc = VX_ETLS;

	/* the server's own certificate may be the authority, too (RFC 7671 5.2.1) */
	for (unsigned i = 0; i < c->count && rc != VX_OK; i++)
		if (matches(c->certs[i], r))
			rc = i == 0 ? VX_OK : verify_under(c, c->certs[i], err);
	if (rc != VX_OK)
		rc = verify_given(c, r, err);
	return rc == VX_OK && !has_name(c, names, name_count, err) ? VX_ETLS : rc;
}

int vx_tls_check_dane(struct vx_tls *t, const struct vx_tls_dane *records,
    size_t record_count, const char *const *names, size_t name_count,
    struct vx_error *err)
{
	struct chain c;
	int rc = read_chain(t, &c, err);

	if (rc == VX_OK) {
		(void)vx_error_set(err, VX_ETLS,
		    "the server's certificate matches none of its TLSA records");
		rc = VX_ETLS;
		c.fault = VX_TLS_FAULT_RECORDS;
	}
	for (size_t i = 0; i < record_count && rc != VX_OK && c.count > 0; i++) {
		if (records[i].usage == 3 && matches(c.certs[0], &records[i]))
			rc = VX_OK;
		else if (records[i].usage == 2)
			rc = check_authority(&c, &records[i], names, name_count, err);
	}
	return end_check(t, &c, rc);
}
