#include "base/chars.h"
#include "base/encode.h"
#include "base/mem.h"
#include "tls/certs_int.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <time.h>

/* notes, TLS policy: six ECDHE AEAD suites for 1.2, three for 1.3. */
static const char priorities[] =
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+AES-256-GCM:"
    "+CHACHA20-POLY1305:+AEAD:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:"
    "+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SHA256:"
    "+SIGN-ECDSA-SHA384:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:"
    "+SIGN-RSA-PSS-RSAE-SHA512:+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512:"
    "+COMP-NULL:+CTYPE-X509";

enum {
	CHAIN_MAX = 16,
	SELF_SIGNED_DAYS = 30,
	CLOCK_SKEW_S = 3600
};

static int fail(struct vx_error *err, const char *what, int rc)
{
	return vx_error_set(err, VX_ETLS, "%s: %s", what, gnutls_strerror(rc));
}

/* --- what a certificate says ----------------------------------------------------- */

static void read_names(gnutls_x509_crt_t crt, struct vx_tls_cert_info *info)
{
	struct vx_buf names = { .max = sizeof(info->names) - 1 };

	for (unsigned i = 0; i < VX_TLS_NAMES_MAX; i++) {
		char name[256];
		size_t len = sizeof(name) - 1;
		unsigned critical;
		const int type =
		    gnutls_x509_crt_get_subject_alt_name(crt, i, name, &len, &critical);

		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (type != GNUTLS_SAN_DNSNAME || len >= sizeof(name))
			continue;
		name[len] = '\0';
		if (names.len > 0)
			vx_buf_add_char(&names, ' ');
		vx_buf_add(&names, vx_slice_str(name));
	}
	(void)snprintf(info->names, sizeof(info->names), "%.*s", (int)names.len,
	    names.ptr == NULL ? "" : names.ptr);
	vx_buf_done(&names);
}

static void read_info(gnutls_x509_crt_t crt, struct vx_tls_cert_info *info)
{
	struct vx_buf hex = { .max = VX_TLS_SERIAL_MAX - 1 };
	unsigned char serial[64];
	size_t len = sizeof(serial);

	memset(info, 0, sizeof(*info));
	if (gnutls_x509_crt_get_serial(crt, serial, &len) == 0)
		vx_hex_add(&hex, vx_slice_of(serial, len));
	(void)snprintf(
	    info->serial, sizeof(info->serial), "%s", hex.ptr == NULL ? "" : hex.ptr);
	vx_buf_done(&hex);
	len = sizeof(info->subject);
	(void)gnutls_x509_crt_get_dn(crt, info->subject, &len);
	len = sizeof(info->issuer);
	(void)gnutls_x509_crt_get_issuer_dn(crt, info->issuer, &len);
	info->not_before = (int64_t)gnutls_x509_crt_get_activation_time(crt);
	info->not_after = (int64_t)gnutls_x509_crt_get_expiration_time(crt);
	read_names(crt, info);
}

/* Is each certificate issued by the next one? */
static int check_order(gnutls_x509_crt_t *crts, unsigned count, struct vx_error *err)
{
	for (unsigned i = 0; i + 1 < count; i++)
		if (gnutls_x509_crt_check_issuer(crts[i], crts[i + 1]) != 1)
			return vx_error_set(err, VX_ETLS,
			    "certificate %u of the chain file was not issued by number "
			    "%u: put "
			    "the server's certificate first, then each issuer in order",
			    i + 1, i + 2);
	return VX_OK;
}

static int check_key(gnutls_x509_crt_t crt, vx_slice key_pem, struct vx_error *err)
{
	const gnutls_datum_t data = { (unsigned char *)(uintptr_t)key_pem.ptr,
		(unsigned)key_pem.len };
	unsigned char a[64], b[64];
	size_t a_len = sizeof(a), b_len = sizeof(b);
	gnutls_x509_privkey_t key;
	int rc = gnutls_x509_privkey_init(&key);

	if (rc < 0)
		return fail(err, "no memory for the key", rc);
	rc = gnutls_x509_privkey_import2(key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc < 0) {
		gnutls_x509_privkey_deinit(key);
		return fail(err, "the private key cannot be read", rc);
	}
	rc = gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, a, &a_len);
	if (rc == 0)
		rc = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, b, &b_len);
	gnutls_x509_privkey_deinit(key);
	if (rc < 0)
		return fail(err, "the keys cannot be compared", rc);
	if (a_len != b_len || memcmp(a, b, a_len) != 0)
		return vx_error_set(err, VX_ETLS,
		    "the private key does not belong to the certificate: install the "
		    "pair that "
		    "was issued together");
	return VX_OK;
}

static int check_times(const struct vx_tls_cert_info *info, struct vx_error *err)
{
	const int64_t now = (int64_t)time(NULL);

	if (info->not_after <= now)
		return vx_error_set(err, VX_ETLS, "the certificate expired %lld days ago",
		    (long long)((now - info->not_after) / 86400));
	if (info->not_before > now + CLOCK_SKEW_S)
		return vx_error_set(err, VX_ETLS,
		    "the certificate is not valid yet: is the clock right?");
	if (info->names[0] == '\0')
		return vx_error_set(
		    err, VX_ETLS, "the certificate names no host (subjectAltName)");
	return VX_OK;
}

int vx_tls_check_pair(vx_slice chain_pem, vx_slice key_pem, struct vx_tls_cert_info *info,
    struct vx_error *err)
{
	const gnutls_datum_t data = { (unsigned char *)(uintptr_t)chain_pem.ptr,
		(unsigned)chain_pem.len };
	gnutls_x509_crt_t crts[CHAIN_MAX];
	unsigned count = CHAIN_MAX;
	int rc = gnutls_x509_crt_list_import(crts, &count, &data, GNUTLS_X509_FMT_PEM, 0);

	if (rc < 0)
		return fail(err, "the certificate chain cannot be read", rc);
	read_info(crts[0], info);
	rc = check_order(crts, count, err);
	if (rc == VX_OK)
		rc = check_key(crts[0], key_pem, err);
	if (rc == VX_OK)
		rc = check_times(info, err);
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(crts[i]);
	return rc;
}

/* --- sets ------------------------------------------------------------------------ */

int vx_tls_certs_new(size_t count, struct vx_tls_certs **out, struct vx_error *err)
{
	struct vx_tls_certs *c = vx_alloc(sizeof(*c));
	int rc;

	if (c == NULL)
		return vx_error_set(err, VX_ENOMEM, "no memory for the certificates");
	atomic_init(&c->refs, 1);
	c->certs = vx_alloc_array(count, sizeof(*c->certs));
	rc = gnutls_priority_init(&c->priority, priorities, NULL);
	if (rc == 0)
		rc = gnutls_session_ticket_key_generate(&c->ticket_key);
	if (c->certs == NULL || rc < 0) {
		vx_tls_certs_free(c);
		return fail(err, "TLS cannot be set up", rc);
	}
	*out = c;
	return VX_OK;
}

int vx_tls_certs_add(
    struct vx_tls_certs *c, vx_slice chain, vx_slice key, struct vx_error *err)
{
	const gnutls_datum_t chain_data = { (unsigned char *)(uintptr_t)chain.ptr,
		(unsigned)chain.len };
	const gnutls_datum_t key_data = { (unsigned char *)(uintptr_t)key.ptr,
		(unsigned)key.len };
	struct vx_tls_cert *cert = &c->certs[c->count];
	int rc = vx_tls_check_pair(chain, key, &cert->info, err);

	if (rc != VX_OK)
		return rc;
	rc = gnutls_certificate_allocate_credentials(&cert->credentials);
	if (rc < 0)
		return fail(err, "no memory for the certificate", rc);
	rc = gnutls_certificate_set_x509_key_mem(
	    cert->credentials, &chain_data, &key_data, GNUTLS_X509_FMT_PEM);
	if (rc < 0) {
		gnutls_certificate_free_credentials(cert->credentials);
		return fail(err, "the pair cannot be used", rc);
	}
	c->count++;
	return VX_OK;
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
		gnutls_certificate_free_credentials(c->certs[i].credentials);
	if (c->priority != NULL)
		gnutls_priority_deinit(c->priority);
	if (c->ticket_key.data != NULL)
		gnutls_free(c->ticket_key.data);
	vx_free(c->certs);
	vx_free(c);
}

const char *vx_tls_certs_serial(const struct vx_tls_certs *c)
{
	return c->count > 0 ? c->certs[0].info.serial : "";
}

bool vx_tls_certs_temporary(const struct vx_tls_certs *c)
{
	return c->temporary;
}

/* Is name one of the certificate's, a wildcard standing for one label (RFC 6125 6.4.3)?
 */
static bool covers(const struct vx_tls_cert *cert, vx_slice name)
{
	vx_slice rest = vx_slice_str(cert->info.names), pattern;

	for (bool more = true; more;) {
		more = vx_slice_cut(&rest, ' ', &pattern);
		if (vx_slice_eq_nocase(pattern, name))
			return true;
		if (vx_slice_has_prefix(pattern, VX_S("*.")) &&
		    vx_slice_eq_nocase(vx_slice_from(pattern, 1),
			vx_slice_from(name, vx_slice_find(name, '.'))) &&
		    vx_slice_find(name, '.') > 0)
			return true;
	}
	return false;
}

const struct vx_tls_cert *vx_tls_certs_find(const struct vx_tls_certs *c, vx_slice name)
{
	for (size_t i = 0; name.len > 0 && i < c->count; i++)
		if (covers(&c->certs[i], name))
			return &c->certs[i];
	return &c->certs[0];
}

/* --- the temporary certificate --------------------------------------------------- */

static int fill_self_signed(
    gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *hostname)
{
	unsigned char serial[16];
	const time_t now = time(NULL);
	int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	serial[0] &= 0x7f;
	serial[0] |= 0x40;
	if (rc == 0)
		rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
		    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (rc == 0)
		rc = gnutls_x509_crt_set_version(crt, 3);
	if (rc == 0)
		rc = gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
	if (rc == 0)
		rc = gnutls_x509_crt_set_activation_time(crt, now - CLOCK_SKEW_S);
	if (rc == 0)
		rc = gnutls_x509_crt_set_expiration_time(
		    crt, now + (time_t)SELF_SIGNED_DAYS * 86400);
	if (rc == 0)
		rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME,
		    hostname, (unsigned)strlen(hostname), GNUTLS_FSAN_SET);
	if (rc == 0)
		rc = gnutls_x509_crt_set_dn_by_oid(
		    crt, GNUTLS_OID_X520_COMMON_NAME, 0, "temporary certificate", 21);
	if (rc == 0)
		rc = gnutls_x509_crt_set_key(crt, key);
	if (rc == 0)
		rc = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	return rc;
}

int vx_tls_self_signed_pem(const char *hostname, struct vx_buf *out, struct vx_error *err)
{
	gnutls_datum_t chain = { 0 }, pem = { 0 };
	gnutls_x509_crt_t crt = NULL;
	gnutls_x509_privkey_t key = NULL;
	int rc = gnutls_x509_crt_init(&crt);

	if (rc == 0)
		rc = gnutls_x509_privkey_init(&key);
	if (rc == 0)
		rc = fill_self_signed(crt, key, hostname);
	if (rc == 0)
		rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &chain);
	if (rc == 0)
		rc = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
	vx_buf_add(out, vx_slice_of(chain.data, chain.size));
	vx_buf_add(out, vx_slice_of(pem.data, pem.size));
	gnutls_free(chain.data);
	if (pem.data != NULL)
		vx_wipe(pem.data, pem.size);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	if (rc == 0 && out->failed)
		return vx_error_set(
		    err, VX_ENOMEM, "no memory for a temporary certificate");
	return rc == 0 ? VX_OK
		       : fail(err, "the temporary certificate cannot be made", rc);
}

int vx_tls_certs_temporary_from(
    vx_slice pem, const char *hostname, struct vx_tls_certs **out, struct vx_error *err)
{
	struct vx_tls_cert_info info;
	struct vx_tls_certs *c = NULL;
	int rc = vx_tls_check_pair(pem, pem, &info, err);

	if (rc == VX_OK && strcmp(info.names, hostname) != 0)
		rc = VX_EINVAL;
	if (rc == VX_OK)
		rc = vx_tls_certs_new(1, &c, err);
	if (rc == VX_OK)
		rc = vx_tls_certs_add(c, pem, pem, err);
	if (rc != VX_OK) {
		vx_tls_certs_free(c);
		return rc;
	}
	c->temporary = true;
	*out = c;
	return VX_OK;
}
