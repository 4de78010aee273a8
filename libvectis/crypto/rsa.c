#include "crypto/rsa.h"

#include "base/mem.h"
#include "vectis/key.h"

#include <nettle/asn1.h>
#include <nettle/bignum.h>

/* --- public keys -------------------------------------------------------------------- */

/* AlgorithmIdentifier of RFC 8017 A.1: rsaEncryption with NULL, which some leave out. */
static bool is_rsa(struct asn1_der_iterator *at)
{
	static const uint8_t oid[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1 };
	struct asn1_der_iterator in;
	enum asn1_iterator_result rc;

	if (asn1_der_decode_constructed(at, &in) != ASN1_ITERATOR_PRIMITIVE ||
	    in.type != ASN1_IDENTIFIER || in.length != sizeof(oid) ||
	    memcmp(in.data, oid, sizeof(oid)) != 0)
		return false;
	rc = asn1_der_iterator_next(&in);
	if (rc == ASN1_ITERATOR_PRIMITIVE && in.type == ASN1_NULL && in.length == 0)
		rc = asn1_der_iterator_next(&in);
	return rc == ASN1_ITERATOR_END;
}

/* Is it of INTEGERs?  nettle does not look at the type of the first. */
static bool is_public(struct asn1_der_iterator at)
{
	return at.type == ASN1_SEQUENCE &&
	       asn1_der_decode_constructed_last(&at) == ASN1_ITERATOR_PRIMITIVE &&
	       at.type == ASN1_INTEGER;
}

/* Where RSAPublicKey begins: at the top, or inside of SubjectPublicKeyInfo. */
static bool find_key(vx_slice der, struct asn1_der_iterator *out)
{
	const uint8_t *const octets = (const uint8_t *)der.ptr;
	struct asn1_der_iterator at;

	if (der.len == 0 ||
	    asn1_der_iterator_first(&at, der.len, octets) != ASN1_ITERATOR_CONSTRUCTED ||
	    at.type != ASN1_SEQUENCE || at.pos != der.len)
		return false;
	*out = at;
	if (is_public(at))
		return true;
	if (asn1_der_decode_constructed_last(&at) != ASN1_ITERATOR_CONSTRUCTED ||
	    at.type != ASN1_SEQUENCE || !is_rsa(&at) ||
	    asn1_der_iterator_next(&at) != ASN1_ITERATOR_PRIMITIVE ||
	    at.type != ASN1_BITSTRING ||
	    asn1_der_decode_bitstring_last(&at) != ASN1_ITERATOR_CONSTRUCTED)
		return false;
	*out = at;
	return is_public(at);
}

int vx_rsa_load(vx_slice der, struct rsa_public_key *out)
{
	struct asn1_der_iterator at;
	size_t bits;

	rsa_public_key_init(out);
	if (der.len > VX_KEY_PUBLIC_OCTETS_MAX)
		return VX_ELIMIT;
	if (!find_key(der, &at) || !rsa_public_key_from_der_iterator(out, 0, &at))
		return VX_ESYNTAX;
	bits = mpz_sizeinbase(out->n, 2);
	if (bits < VX_KEY_RSA_BITS_KNOWN || bits > VX_KEY_RSA_BITS_MAX ||
	    mpz_sizeinbase(out->e, 2) > VX_KEY_RSA_EXPONENT_BITS_MAX)
		return VX_ELIMIT;
	/* with an even one of either nothing can be signed */
	return mpz_odd_p(out->n) && mpz_odd_p(out->e) ? VX_OK : VX_ESYNTAX;
}

bool vx_rsa_verify(const struct rsa_public_key *key, const char digest[VX_SHA256_OCTETS],
    vx_slice signature)
{
	mpz_t s;
	bool good;

	if (signature.len != key->size)
		return false;
	nettle_mpz_init_set_str_256_u(s, signature.len, (const uint8_t *)signature.ptr);
	good = rsa_sha256_verify_digest(key, (const uint8_t *)digest, s) == 1;
	mpz_clear(s);
	return good;
}

/* --- private keys ------------------------------------------------------------------- */

static void wipe_number(mpz_t n)
{
	const size_t limbs = mpz_size(n);

	vx_wipe(mpz_limbs_write(n, (mp_size_t)(limbs + (limbs == 0))),
	    limbs * sizeof(mp_limb_t));
	mpz_limbs_finish(n, 0);
}

/* A number of GnuTLS's, which is overwritten and freed. */
static void take(mpz_t out, gnutls_datum_t *from)
{
	nettle_mpz_set_str_256_u(out, from->size, from->data);
	gnutls_memset(from->data, 0, from->size);
	gnutls_free(from->data);
}

int vx_rsa_pair_init(struct vx_rsa_pair *out, gnutls_x509_privkey_t from)
{
	gnutls_datum_t n, e, d, p, q, u, dp, dq;

	rsa_public_key_init(&out->pub);
	rsa_private_key_init(&out->priv);
	if (gnutls_x509_privkey_export_rsa_raw2(from, &n, &e, &d, &p, &q, &u, &dp, &dq) !=
	    0)
		return VX_ECRYPTO;
	take(out->pub.n, &n);
	take(out->pub.e, &e);
	take(out->priv.d, &d);
	take(out->priv.p, &p);
	take(out->priv.q, &q);
	take(out->priv.c, &u);
	take(out->priv.a, &dp);
	take(out->priv.b, &dq);
	/* nettle's functions without side channels take odd ones for granted */
	if (!mpz_odd_p(out->priv.p) || !mpz_odd_p(out->priv.q) || !mpz_odd_p(out->pub.n))
		return VX_ECRYPTO;
	return rsa_public_key_prepare(&out->pub) == 1 &&
		       rsa_private_key_prepare(&out->priv) == 1 &&
		       out->pub.size == out->priv.size
		   ? VX_OK
		   : VX_ECRYPTO;
}

void vx_rsa_pair_done(struct vx_rsa_pair *pair)
{
	wipe_number(pair->priv.d);
	wipe_number(pair->priv.p);
	wipe_number(pair->priv.q);
	wipe_number(pair->priv.c);
	wipe_number(pair->priv.a);
	wipe_number(pair->priv.b);
	rsa_private_key_clear(&pair->priv);
	rsa_public_key_clear(&pair->pub);
}

/*
 * nettle's root by the CRT is free of side channels; the variant with blinding as well
 * takes twice as long.  What a fault in it would give away is caught by the look at the
 * result.
 */
bool vx_rsa_sign(
    const struct vx_rsa_pair *pair, const char digest[VX_SHA256_OCTETS], uint8_t *out)
{
	const uint8_t *const octets = (const uint8_t *)digest;
	mpz_t s;
	bool good;

	mpz_init(s);
	good = rsa_sha256_sign_digest(&pair->priv, octets, s) == 1 &&
	       rsa_sha256_verify_digest(&pair->pub, octets, s) == 1;
	if (good)
		nettle_mpz_get_str_256(pair->pub.size, out, s);
	wipe_number(s);
	mpz_clear(s);
	return good;
}
