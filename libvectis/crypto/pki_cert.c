/* Requests for certificates, and what certificates say. */
#include "base/chars.h"
#include "base/mem.h"
#include "crypto/pki.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* --- requests ----------------------------------------------------------------------- */

static int add_name(gnutls_x509_crq_t crq, const char *name, unsigned flags)
{
	unsigned char address[16];
	unsigned octets = 0;

	if (inet_pton(AF_INET, name, address) == 1)
		octets = 4;
	else if (inet_pton(AF_INET6, name, address) == 1)
		octets = 16;
	if (octets > 0)
		return gnutls_x509_crq_set_subject_alt_name(
		    crq, GNUTLS_SAN_IPADDRESS, address, octets, flags);
	return gnutls_x509_crq_set_subject_alt_name(
	    crq, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), flags);
}

static int fill_request(const struct vx_pki_key *key, gnutls_x509_crq_t crq,
    const char *const *names, size_t count)
{
	int rc = gnutls_x509_crq_set_version(crq, 1);

	if (rc == 0)
		rc = gnutls_x509_crq_set_pubkey(crq, key->pub);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = add_name(
		    crq, names[i], i == 0 ? GNUTLS_FSAN_SET : GNUTLS_FSAN_APPEND);
	return rc == 0 ? gnutls_x509_crq_privkey_sign(
			     crq, key->abstract, GNUTLS_DIG_SHA256, 0)
		       : rc;
}

int vx_pki_request(const struct vx_pki_key *key, const char *const *names, size_t count,
    struct vx_buf *out)
{
	const size_t before = out->len;
	gnutls_x509_crq_t crq;
	gnutls_datum_t der = { 0 };
	int rc = VX_ECRYPTO;

	if (count == 0 || count > VX_PKI_NAMES_MAX)
		return VX_EINVAL;
	if (gnutls_x509_crq_init(&crq) != 0)
		return VX_ENOMEM;
	if (fill_request(key, crq, names, count) == 0 &&
	    gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_DER, &der) == 0) {
		vx_buf_add(out, vx_slice_of(der.data, der.size));
		rc = VX_OK;
	}
	gnutls_free(der.data);
	gnutls_x509_crq_deinit(crq);
	if (out->failed) {
		vx_buf_truncate(out, before);
		rc = VX_ELIMIT;
	}
	return rc;
}

/* --- tls-alpn-01 -------------------------------------------------------------------- */

#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"

static int fill_alpn(gnutls_x509_crt_t crt, const struct vx_pki_key *key,
    const char *name, const char digest[VX_SHA256_OCTETS], int64_t now_s)
{
	unsigned char value[2 + VX_SHA256_OCTETS] = { 0x04, VX_SHA256_OCTETS };
	unsigned char serial[8], address[16];
	const bool v4 = inet_pton(AF_INET, name, address) == 1;
	const bool v6 = !v4 && inet_pton(AF_INET6, name, address) == 1;
	const bool number = v4 || v6;

	memcpy(value + 2, digest, VX_SHA256_OCTETS);
	vx_random(serial, sizeof(serial));
	serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40);
	return gnutls_x509_crt_set_version(crt, 3) == 0 &&
		       gnutls_x509_crt_set_pubkey(crt, key->pub) == 0 &&
		       gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)) == 0 &&
		       gnutls_x509_crt_set_dn(crt, "CN=ACME challenge", NULL) == 0 &&
		       gnutls_x509_crt_set_activation_time(
			   crt, (time_t)(now_s - 86400)) == 0 &&
		       gnutls_x509_crt_set_expiration_time(
			   crt, (time_t)(now_s + 7 * 86400)) == 0 &&
		       gnutls_x509_crt_set_subject_alt_name(crt,
			   number ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
			   number ? (const void *)address : (const void *)name,
			   v4   ? 4U
			   : v6 ? 16U
				: (unsigned)strlen(name),
			   GNUTLS_FSAN_SET) == 0 &&
		       gnutls_x509_crt_set_extension_by_oid(
			   crt, ACME_IDENTIFIER, value, sizeof(value), 1) == 0 &&
		       gnutls_x509_crt_privkey_sign(
			   crt, crt, key->abstract, GNUTLS_DIG_SHA256, 0) == 0
		   ? VX_OK
		   : VX_ECRYPTO;
}

int vx_pki_alpn_pair(const char *name, const char digest[VX_SHA256_OCTETS], int64_t now_s,
    struct vx_buf *chain, struct vx_buf *key_pem)
{
	struct vx_pki_key *key = NULL;
	gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t pem = { 0 };
	int rc = vx_pki_key_generate(VX_PKI_P256, &key);

	if (rc == VX_OK && gnutls_x509_crt_init(&crt) != 0)
		rc = VX_ENOMEM;
	if (rc == VX_OK)
		rc = fill_alpn(crt, key, name, digest, now_s);
	if (rc == VX_OK && gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) != 0)
		rc = VX_ECRYPTO;
	if (rc == VX_OK)
		rc = vx_pki_key_write(key, key_pem);
	if (rc == VX_OK)
		vx_buf_add(chain, vx_slice_of(pem.data, pem.size));
	gnutls_free(pem.data);
	if (crt != NULL)
		gnutls_x509_crt_deinit(crt);
	vx_pki_key_free(key);
	return rc == VX_OK && chain->failed ? VX_ELIMIT : rc;
}

/* --- what a certificate says -------------------------------------------------------- */

static int import_chain(vx_slice pem, gnutls_x509_crt_t *crts, unsigned *count)
{
	const gnutls_datum_t data = { (unsigned char *)(uintptr_t)pem.ptr,
		(unsigned)pem.len };
	int said;

	*count = VX_PKI_CHAIN_MAX;
	if (pem.len == 0 || pem.len > VX_PKI_PEM_MAX)
		return VX_ELIMIT;
	said = gnutls_x509_crt_list_import(crts, count, &data, GNUTLS_X509_FMT_PEM,
	    GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
	if (said == GNUTLS_E_SHORT_MEMORY_BUFFER)
		return VX_ELIMIT;
	return said > 0 ? VX_OK : VX_ESYNTAX;
}

/* One name behind those that are there: nothing that could be taken for two. */
static void put_name(struct vx_pki_cert *out, vx_slice name)
{
	const size_t at = strlen(out->names);

	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] > '~')
			return;
	if (name.len == 0 || at + name.len + 2 > sizeof(out->names)) {
		out->names_cut = out->names_cut || name.len > 0;
		return;
	}
	if (at > 0)
		out->names[at] = ' ';
	for (size_t i = 0; i < name.len; i++)
		out->names[at + (at > 0) + i] = vx_lower(name.ptr[i]);
	out->names[at + (at > 0) + name.len] = '\0';
}

static void read_names(gnutls_x509_crt_t crt, struct vx_pki_cert *out)
{
	for (unsigned i = 0; i < VX_PKI_NAMES_MAX; i++) {
		char name[256], text[INET6_ADDRSTRLEN];
		size_t len = sizeof(name);
		const int kind =
		    gnutls_x509_crt_get_subject_alt_name(crt, i, name, &len, NULL);

		if (kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (kind == GNUTLS_SAN_DNSNAME)
			put_name(out, vx_slice_of(name, len));
		else if (kind == GNUTLS_SAN_IPADDRESS && (len == 4 || len == 16) &&
			 inet_ntop(len == 4 ? AF_INET : AF_INET6, name, text,
			     sizeof(text)) != NULL)
			put_name(out, vx_slice_str(text));
	}
}

static int read_digest(gnutls_x509_crt_t crt, char out[VX_PKI_DIGEST_OCTETS])
{
	gnutls_pubkey_t pub;
	gnutls_datum_t der = { 0 };
	int rc = VX_ESYNTAX;

	if (gnutls_pubkey_init(&pub) != 0)
		return VX_ENOMEM;
	if (gnutls_pubkey_import_x509(pub, crt, 0) == 0 &&
	    gnutls_pubkey_export2(pub, GNUTLS_X509_FMT_DER, &der) == 0) {
		vx_sha256(vx_slice_of(der.data, der.size), out);
		rc = VX_OK;
	}
	gnutls_free(der.data);
	gnutls_pubkey_deinit(pub);
	return rc;
}

static int read_all(gnutls_x509_crt_t *crts, unsigned count, struct vx_pki_cert *out,
    struct vx_error *err)
{
	size_t issuer_len = sizeof(out->top_issuer);

	out->serial_len = sizeof(out->serial);
	if (gnutls_x509_crt_get_serial(crts[0], out->serial, &out->serial_len) != 0)
		return vx_error_set(err, VX_ESYNTAX, "the serial number is too long");
	out->key_id_len = sizeof(out->key_id);
	if (gnutls_x509_crt_get_authority_key_id(
		crts[0], out->key_id, &out->key_id_len, NULL) != 0)
		out->key_id_len = 0;
	out->not_before = (int64_t)gnutls_x509_crt_get_activation_time(crts[0]);
	out->not_after = (int64_t)gnutls_x509_crt_get_expiration_time(crts[0]);
	read_names(crts[0], out);
	if (gnutls_x509_crt_get_issuer_dn_by_oid(crts[count - 1],
		GNUTLS_OID_X520_COMMON_NAME, 0, 0, out->top_issuer, &issuer_len) != 0)
		out->top_issuer[0] = '\0';
	if (out->not_before < 0 || out->not_after <= out->not_before)
		return vx_error_set(err, VX_ESYNTAX, "the certificate has no good dates");
	return read_digest(crts[0], out->digest) == VX_OK
		   ? VX_OK
		   : vx_error_set(err, VX_ESYNTAX, "the certificate has no good key");
}

int vx_pki_cert_read(vx_slice chain_pem, struct vx_pki_cert *out, struct vx_error *err)
{
	gnutls_x509_crt_t crts[VX_PKI_CHAIN_MAX];
	struct vx_pki_cert cert = { .serial_len = 0 };
	unsigned count;
	int rc = import_chain(chain_pem, crts, &count);

	if (rc != VX_OK)
		return vx_error_set(err, rc,
		    rc == VX_ELIMIT ? "the chain is too long"
				    : "this is no chain of certificates in PEM");
	rc = read_all(crts, count, &cert, err);
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(crts[i]);
	if (rc == VX_OK)
		*out = cert;
	return rc;
}

int vx_pki_cert_der(vx_slice chain_pem, struct vx_buf *out)
{
	const size_t before = out->len;
	gnutls_x509_crt_t crts[VX_PKI_CHAIN_MAX];
	gnutls_datum_t der = { 0 };
	unsigned count;
	int rc = import_chain(chain_pem, crts, &count);

	if (rc != VX_OK)
		return rc;
	if (gnutls_x509_crt_export2(crts[0], GNUTLS_X509_FMT_DER, &der) == 0)
		vx_buf_add(out, vx_slice_of(der.data, der.size));
	else
		rc = VX_ESYNTAX;
	gnutls_free(der.data);
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(crts[i]);
	if (out->failed) {
		vx_buf_truncate(out, before);
		rc = VX_ELIMIT;
	}
	return rc;
}
