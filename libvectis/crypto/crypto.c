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

_Static_assert(
    sizeof(struct sha256_ctx) <= sizeof(struct vx_sha256_state), "room for it");

static struct sha256_ctx *context(struct vx_sha256_state *state)
{
	return (struct sha256_ctx *)(void *)state->opaque;
}

void vx_sha256_begin(struct vx_sha256_state *state)
{
	sha256_init(context(state));
}

void vx_sha256_add(struct vx_sha256_state *state, vx_slice s)
{
	sha256_update(context(state), s.len, octets(s));
}

void vx_sha256_end(struct vx_sha256_state *state, char out[VX_SHA256_OCTETS])
{
	sha256_digest(context(state), VX_SHA256_OCTETS, (uint8_t *)out);
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
