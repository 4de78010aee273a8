/* Keys for authorities: P-256 and RSA, as PEM, as JSON Web Keys, and what they sign. */
#include "crypto/pki.h"

#include "base/encode.h"
#include "base/mem.h"
#include "crypto/pem.h"

#include <string.h>

#define RSA_BITS 2048
#define RSA_BITS_MAX 4096

const char *vx_pki_kind_name(enum vx_pki_kind kind)
{
	return kind == VX_PKI_P256 ? "ecdsa" : "rsa";
}

/* --- life --------------------------------------------------------------------------- */

static struct vx_pki_key *new_key(void)
{
	struct vx_pki_key *const key = vx_alloc(sizeof(*key));

	if (key == NULL)
		return NULL;
	if (gnutls_x509_privkey_init(&key->whole) == 0 &&
	    gnutls_privkey_init(&key->abstract) == 0 &&
	    gnutls_pubkey_init(&key->pub) == 0)
		return key;
	vx_pki_key_free(key);
	return NULL;
}

void vx_pki_key_free(struct vx_pki_key *key)
{
	if (key == NULL)
		return;
	gnutls_pubkey_deinit(key->pub);
	gnutls_privkey_deinit(key->abstract);
	if (key->whole != NULL)
		gnutls_x509_privkey_deinit(key->whole);
	vx_free(key);
}

/* The other forms of key->whole. */
static int take(struct vx_pki_key *key)
{
	gnutls_datum_t der = { 0 };

	if (gnutls_privkey_import_x509(
		key->abstract, key->whole, GNUTLS_PRIVKEY_IMPORT_COPY) != 0 ||
	    gnutls_pubkey_import_privkey(key->pub, key->abstract, 0, 0) != 0 ||
	    gnutls_pubkey_export2(key->pub, GNUTLS_X509_FMT_DER, &der) != 0)
		return VX_ECRYPTO;
	vx_sha256(vx_slice_of(der.data, der.size), key->digest);
	gnutls_free(der.data);
	return VX_OK;
}

int vx_pki_key_generate(enum vx_pki_kind kind, struct vx_pki_key **out)
{
	struct vx_pki_key *const key = new_key();
	const bool rsa = kind == VX_PKI_RSA;
	int rc = VX_ECRYPTO;

	if (key == NULL)
		return VX_ENOMEM;
	key->kind = kind;
	if (gnutls_x509_privkey_generate(key->whole,
		rsa ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA,
		rsa ? RSA_BITS : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
		0) == 0)
		rc = take(key);
	if (rc == VX_OK)
		*out = key;
	else
		vx_pki_key_free(key);
	return rc;
}

static bool is_p256(gnutls_x509_privkey_t key)
{
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;

	return gnutls_x509_privkey_export_ecc_raw(key, &curve, NULL, NULL, NULL) == 0 &&
	       curve == GNUTLS_ECC_CURVE_SECP256R1;
}

static int read_key(struct vx_pki_key *key, vx_slice pem, struct vx_error *err)
{
	unsigned bits = 0;
	int kind, rc = vx_pem_read(key->whole, pem, VX_PKI_PEM_MAX, &kind, &bits, err);

	if (rc != VX_OK)
		return rc;
	if (kind == GNUTLS_PK_RSA && bits >= RSA_BITS && bits <= RSA_BITS_MAX)
		key->kind = VX_PKI_RSA;
	else if (kind == GNUTLS_PK_ECDSA && is_p256(key->whole))
		key->kind = VX_PKI_P256;
	else
		return vx_error_set(err, VX_EUNSUP,
		    "the key is neither one of P-256 nor of RSA with %d to %d bits",
		    RSA_BITS, RSA_BITS_MAX);
	rc = take(key);
	return rc == VX_OK ? rc : vx_error_set(err, VX_ESYNTAX, "the key cannot be used");
}

int vx_pki_key_read(vx_slice pem, struct vx_pki_key **out, struct vx_error *err)
{
	struct vx_pki_key *const key = new_key();
	int rc;

	if (key == NULL)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	rc = read_key(key, pem, err);
	if (rc == VX_OK)
		*out = key;
	else
		vx_pki_key_free(key);
	return rc;
}

enum vx_pki_kind vx_pki_key_kind(const struct vx_pki_key *key)
{
	return key->kind;
}

int vx_pki_key_write(const struct vx_pki_key *key, struct vx_buf *out)
{
	return vx_pem_write(key->whole, out);
}

int vx_pki_key_digest(const struct vx_pki_key *key, char out[VX_PKI_DIGEST_OCTETS])
{
	memcpy(out, key->digest, VX_PKI_DIGEST_OCTETS);
	return VX_OK;
}

/* --- JSON Web Keys and Signatures --------------------------------------------------- */

/* An unsigned number without zeros before it, or of exactly so many octets. */
static bool add_number(
    struct vx_buf *out, const char *before, gnutls_datum_t *n, size_t octets)
{
	char padded[64] = { 0 };
	vx_slice s = vx_slice_of(n->data, n->size);

	while (s.len > 0 && s.ptr[0] == 0)
		s = vx_slice_from(s, 1);
	vx_buf_add_str(out, before);
	if (octets == 0) {
		vx_base64url_add(out, s);
	} else if (s.len <= octets && octets <= sizeof(padded)) {
		if (s.len > 0)
			memcpy(padded + octets - s.len, s.ptr, s.len);
		vx_base64url_add(out, vx_slice_of(padded, octets));
	}
	gnutls_free(n->data);
	return octets == 0 || s.len <= octets;
}

static int add_jwk(const struct vx_pki_key *key, struct vx_buf *out)
{
	gnutls_datum_t a = { 0 }, b = { 0 };
	bool good;

	if (key->kind == VX_PKI_RSA) {
		if (gnutls_pubkey_export_rsa_raw(key->pub, &a, &b) != 0)
			return VX_ECRYPTO;
		good = add_number(out, "{\"e\":\"", &b, 0);
		good = add_number(out, "\",\"kty\":\"RSA\",\"n\":\"", &a, 0) && good;
	} else {
		if (gnutls_pubkey_export_ecc_raw(key->pub, NULL, &a, &b) != 0)
			return VX_ECRYPTO;
		/* the library gives 32 octets, or 33, or fewer (RFC 7518 6.2.1.2) */
		good =
		    add_number(out, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"", &a, 32);
		good = add_number(out, "\",\"y\":\"", &b, 32) && good;
	}
	vx_buf_add_str(out, "\"}");
	return good ? VX_OK : VX_ECRYPTO;
}

int vx_pki_key_jwk(const struct vx_pki_key *key, struct vx_buf *out)
{
	const size_t before = out->len;
	const int rc = add_jwk(key, out);

	if (rc != VX_OK)
		vx_buf_truncate(out, before);
	return rc == VX_OK ? vx_pem_added(out, before) : rc;
}

const char *vx_pki_key_alg(const struct vx_pki_key *key)
{
	return key->kind == VX_PKI_P256 ? "ES256" : "RS256";
}

/* r and s, each in 32 octets (RFC 7518 3.4). */
static bool add_es256(struct vx_buf *out, const gnutls_datum_t *der)
{
	gnutls_datum_t part[2] = { { 0 }, { 0 } };
	char fixed[VX_PKI_ES256_OCTETS] = { 0 };
	bool good = gnutls_decode_rs_value(der, &part[0], &part[1]) == 0;

	for (size_t i = 0; i < 2 && good; i++) {
		vx_slice s = vx_slice_of(part[i].data, part[i].size);

		while (s.len > 0 && s.ptr[0] == 0)
			s = vx_slice_from(s, 1);
		good = s.len <= 32 && s.len > 0;
		if (good)
			memcpy(fixed + 32 * i + 32 - s.len, s.ptr, s.len);
	}
	gnutls_free(part[0].data);
	gnutls_free(part[1].data);
	if (good)
		vx_buf_add(out, vx_slice_of(fixed, sizeof(fixed)));
	return good;
}

int vx_pki_key_sign(const struct vx_pki_key *key, vx_slice text, struct vx_buf *out)
{
	const size_t before = out->len;
	const bool p256 = key->kind == VX_PKI_P256;
	gnutls_datum_t data = { (unsigned char *)(uintptr_t)text.ptr,
		(unsigned)text.len };
	gnutls_datum_t signature = { 0 };
	bool good = true;

	if (gnutls_privkey_sign_data2(key->abstract,
		p256 ? GNUTLS_SIGN_ECDSA_SHA256 : GNUTLS_SIGN_RSA_SHA256, 0, &data,
		&signature) != 0)
		return VX_ECRYPTO;
	if (p256)
		good = add_es256(out, &signature);
	else
		vx_buf_add(out, vx_slice_of(signature.data, signature.size));
	gnutls_free(signature.data);
	return good ? vx_pem_added(out, before) : VX_ECRYPTO;
}
