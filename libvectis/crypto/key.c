#include "vectis/key.h"

#include "base/encode.h"
#include "base/mem.h"
#include "crypto/pem.h"
#include "crypto/rsa.h"

#include <gnutls/abstract.h>
#include <nettle/eddsa.h>

_Static_assert(ED25519_KEY_SIZE == VX_KEY_ED25519_OCTETS, "RFC 8032 5.1.5");

struct vx_key {
	enum vx_key_type type;
	struct rsa_public_key rsa;
	uint8_t ed25519[ED25519_KEY_SIZE];
};

struct vx_private_key {
	enum vx_key_type type;
	gnutls_x509_privkey_t whole; /* for PEM */
	struct vx_rsa_pair rsa;
	uint8_t ed25519[ED25519_KEY_SIZE], ed25519_public[ED25519_KEY_SIZE];
};

const char *vx_key_type_name(enum vx_key_type type)
{
	return type == VX_KEY_RSA ? "rsa" : "ed25519";
}

/* --- public ------------------------------------------------------------------------- */

int vx_key_load(enum vx_key_type type, vx_slice octets, struct vx_key **out)
{
	struct vx_key *const key = vx_alloc(sizeof(*key));
	int rc = VX_OK;

	if (key == NULL)
		return VX_ENOMEM;
	key->type = type;
	if (type == VX_KEY_RSA)
		rc = vx_rsa_load(octets, &key->rsa);
	else if (octets.len != ED25519_KEY_SIZE)
		rc = VX_ESYNTAX;
	else
		memcpy(key->ed25519, octets.ptr, octets.len);
	if (rc == VX_OK)
		*out = key;
	else
		vx_key_free(key);
	return rc;
}

void vx_key_free(struct vx_key *key)
{
	if (key == NULL)
		return;
	if (key->type == VX_KEY_RSA)
		rsa_public_key_clear(&key->rsa);
	vx_free(key);
}

enum vx_key_type vx_key_type(const struct vx_key *key)
{
	return key->type;
}

unsigned vx_key_bits(const struct vx_key *key)
{
	return key->type == VX_KEY_RSA ? (unsigned)mpz_sizeinbase(key->rsa.n, 2)
				       : 8 * ED25519_KEY_SIZE;
}

int vx_key_verify(
    const struct vx_key *key, const char digest[VX_SHA256_OCTETS], vx_slice signature)
{
	bool good;

	if (key->type == VX_KEY_RSA)
		good = vx_rsa_verify(&key->rsa, digest, signature);
	else
		good = signature.len == ED25519_SIGNATURE_SIZE &&
		       ed25519_sha512_verify(key->ed25519, VX_SHA256_OCTETS,
			   (const uint8_t *)digest, (const uint8_t *)signature.ptr) == 1;
	return good ? VX_OK : VX_EAUTH;
}

/* --- private ------------------------------------------------------------------------ */

static int take_ed25519(struct vx_private_key *key)
{
	gnutls_datum_t x = { 0 }, k = { 0 };
	int rc = VX_ECRYPTO;

	if (gnutls_x509_privkey_export_ecc_raw(key->whole, NULL, &x, NULL, &k) != 0)
		return VX_ECRYPTO;
	if (k.size == ED25519_KEY_SIZE) {
		memcpy(key->ed25519, k.data, k.size);
		ed25519_sha512_public_key(key->ed25519_public, key->ed25519);
		rc = VX_OK;
	}
	gnutls_memset(k.data, 0, k.size);
	gnutls_free(k.data);
	gnutls_free(x.data);
	return rc;
}

/* What nettle needs of key->whole, whose type is known. */
static int take(struct vx_private_key *key)
{
	static const char digest[VX_SHA256_OCTETS] = "not a message of anybody";
	struct vx_buf signature = { .max = VX_KEY_SIGNATURE_OCTETS_MAX };
	int rc = key->type == VX_KEY_RSA ? vx_rsa_pair_init(&key->rsa, key->whole)
					 : take_ed25519(key);

	if (rc == VX_OK)
		rc = vx_private_key_sign(key, digest, &signature);
	vx_buf_done(&signature);
	return rc;
}

static struct vx_private_key *new_private(enum vx_key_type type)
{
	struct vx_private_key *const key = vx_alloc(sizeof(*key));

	if (key == NULL)
		return NULL;
	key->type = type;
	rsa_public_key_init(&key->rsa.pub);
	rsa_private_key_init(&key->rsa.priv);
	if (gnutls_x509_privkey_init(&key->whole) != 0) {
		vx_free(key);
		return NULL;
	}
	return key;
}

void vx_private_key_free(struct vx_private_key *key)
{
	if (key == NULL)
		return;
	gnutls_x509_privkey_deinit(key->whole);
	vx_rsa_pair_done(&key->rsa);
	vx_wipe(key, sizeof(*key));
	vx_free(key);
}

int vx_private_key_generate(enum vx_key_type type, struct vx_private_key **out)
{
	struct vx_private_key *const key = new_private(type);
	const bool rsa = type == VX_KEY_RSA;
	int rc;

	if (key == NULL)
		return VX_ENOMEM;
	rc = gnutls_x509_privkey_generate(key->whole,
		 rsa ? GNUTLS_PK_RSA : GNUTLS_PK_EDDSA_ED25519,
		 rsa ? 2048 : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519), 0) == 0
		 ? take(key)
		 : VX_ECRYPTO;
	if (rc == VX_OK)
		*out = key;
	else
		vx_private_key_free(key);
	return rc;
}

static int read_key(struct vx_private_key *key, vx_slice pem, struct vx_error *err)
{
	unsigned bits = 0;
	int kind,
	    rc = vx_pem_read(key->whole, pem, VX_KEY_PEM_OCTETS_MAX, &kind, &bits, err);

	if (rc != VX_OK)
		return rc;
	if (kind != GNUTLS_PK_RSA && kind != GNUTLS_PK_EDDSA_ED25519)
		return vx_error_set(
		    err, VX_EUNSUP, "the key is neither one of RSA nor of Ed25519");
	if (kind == GNUTLS_PK_RSA &&
	    (bits < VX_KEY_RSA_BITS_MIN || bits > VX_KEY_RSA_BITS_MAX))
		return vx_error_set(err, VX_EUNSUP,
		    "the RSA key has %u bits: it must have %d to %d", bits,
		    VX_KEY_RSA_BITS_MIN, VX_KEY_RSA_BITS_MAX);
	key->type = kind == GNUTLS_PK_RSA ? VX_KEY_RSA : VX_KEY_ED25519;
	rc = take(key);
	return rc == VX_ECRYPTO
		   ? vx_error_set(err, rc, "the parts of the key do not belong together")
		   : rc;
}

int vx_private_key_read(vx_slice pem, struct vx_private_key **out, struct vx_error *err)
{
	struct vx_private_key *const key = new_private(VX_KEY_RSA);
	int rc;

	if (key == NULL)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	rc = read_key(key, pem, err);
	if (rc == VX_OK)
		*out = key;
	else
		vx_private_key_free(key);
	return rc;
}

enum vx_key_type vx_private_key_type(const struct vx_private_key *key)
{
	return key->type;
}

unsigned vx_private_key_bits(const struct vx_private_key *key)
{
	return key->type == VX_KEY_RSA ? (unsigned)mpz_sizeinbase(key->rsa.pub.n, 2)
				       : 8 * ED25519_KEY_SIZE;
}

size_t vx_private_key_signature_octets(const struct vx_private_key *key)
{
	return key->type == VX_KEY_RSA ? key->rsa.pub.size : ED25519_SIGNATURE_SIZE;
}

int vx_private_key_write(const struct vx_private_key *key, struct vx_buf *out)
{
	return vx_pem_write(key->whole, out);
}

/* SubjectPublicKeyInfo, as GnuTLS has it. */
static int public_rsa(const struct vx_private_key *key, struct vx_buf *out)
{
	gnutls_privkey_t abstract = NULL;
	gnutls_pubkey_t pub = NULL;
	gnutls_datum_t der = { 0 };
	int rc = VX_ECRYPTO;

	if (gnutls_privkey_init(&abstract) == 0 && gnutls_pubkey_init(&pub) == 0 &&
	    gnutls_privkey_import_x509(
		abstract, key->whole, GNUTLS_PRIVKEY_IMPORT_COPY) == 0 &&
	    gnutls_pubkey_import_privkey(pub, abstract, 0, 0) == 0 &&
	    gnutls_pubkey_export2(pub, GNUTLS_X509_FMT_DER, &der) == 0) {
		vx_base64_add(out, vx_slice_of(der.data, der.size));
		rc = VX_OK;
	}
	gnutls_free(der.data);
	gnutls_pubkey_deinit(pub);
	gnutls_privkey_deinit(abstract);
	return rc;
}

int vx_private_key_public(const struct vx_private_key *key, struct vx_buf *out)
{
	const size_t before = out->len;
	int rc = VX_OK;

	if (key->type == VX_KEY_RSA)
		rc = public_rsa(key, out);
	else
		vx_base64_add(out, vx_slice_of(key->ed25519_public, ED25519_KEY_SIZE));
	return rc == VX_OK ? vx_pem_added(out, before) : rc;
}

static bool sign_ed25519(const struct vx_private_key *key, const uint8_t *digest,
    uint8_t out[ED25519_SIGNATURE_SIZE])
{
	ed25519_sha512_sign(
	    key->ed25519_public, key->ed25519, VX_SHA256_OCTETS, digest, out);
	return ed25519_sha512_verify(
		   key->ed25519_public, VX_SHA256_OCTETS, digest, out) == 1;
}

int vx_private_key_sign(const struct vx_private_key *key,
    const char digest[VX_SHA256_OCTETS], struct vx_buf *out)
{
	uint8_t signature[VX_KEY_SIGNATURE_OCTETS_MAX];
	const size_t before = out->len;
	const bool rsa = key->type == VX_KEY_RSA;

	if (!(rsa ? vx_rsa_sign(&key->rsa, digest, signature)
		  : sign_ed25519(key, (const uint8_t *)digest, signature)))
		return VX_ECRYPTO;
	vx_buf_add(out, vx_slice_of(signature, vx_private_key_signature_octets(key)));
	return vx_pem_added(out, before);
}
