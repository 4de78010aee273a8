#include "vectis/crypto.h"

#include "base/mem.h"
#include "base/random.h"

#include <gnutls/crypto.h>
#include <nettle/hmac.h>
#include <nettle/pbkdf2.h>
#include <nettle/sha2.h>

static const uint8_t *octets(vx_slice s)
{
	return (const uint8_t *)(s.len == 0 ? "" : s.ptr);
}

void vx_sha256(vx_slice s, char out[VX_SHA256_OCTETS])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, s.len, octets(s));
	sha256_digest(&ctx, VX_SHA256_OCTETS, (uint8_t *)out);
}

void vx_hmac_sha256(vx_slice key, vx_slice s, char out[VX_SHA256_OCTETS])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, key.len, octets(key));
	hmac_sha256_update(&ctx, s.len, octets(s));
	hmac_sha256_digest(&ctx, VX_SHA256_OCTETS, (uint8_t *)out);
	vx_wipe(&ctx, sizeof(ctx));
}

void vx_pbkdf2_sha256(
    vx_slice password, vx_slice salt, unsigned iterations, char out[VX_SHA256_OCTETS])
{
	pbkdf2_hmac_sha256(password.len, octets(password), iterations, salt.len,
	    octets(salt), VX_SHA256_OCTETS, (uint8_t *)out);
}

void vx_random(void *out, size_t len)
{
	vx_random_seed(out, len);
}

bool vx_equal_secret(vx_slice a, vx_slice b)
{
	return a.len == b.len && (a.len == 0 || gnutls_memcmp(a.ptr, b.ptr, a.len) == 0);
}
