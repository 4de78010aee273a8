/* crypto.h - digests, passwords and what is compared in constant time. */
#ifndef VECTIS_CRYPTO_H
#define VECTIS_CRYPTO_H

#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_SHA256_OCTETS 32
#define VX_PASSWORD_MAX 511 /* octets: what crypt(3) takes */
/* What a stored hash may cost at most: 256 MiB, some seconds. */
#define VX_HASH_OCTETS_MAX 300
#define VX_HASH_LOG_N_MAX 16 /* yescrypt and scrypt with r = 32 */
#define VX_HASH_BCRYPT_MAX 14
#define VX_HASH_ROUNDS_MAX 1000000 /* of $6$ */
#define VX_HASH_ARGON2_KIB_MAX 262144
#define VX_HASH_ARGON2_PASSES_MAX 10
#define VX_HASH_ARGON2_LANES_MAX 8

VX_API void vx_sha256(vx_slice s, char out[VX_SHA256_OCTETS]);
/* The same of what comes in pieces.  A copy of the state goes on by itself. */
struct vx_sha256_state {
	uint64_t opaque[16];
};
VX_API void vx_sha256_begin(struct vx_sha256_state *state);
VX_API void vx_sha256_add(struct vx_sha256_state *state, vx_slice s);
/* The state has to begin again after it. */
VX_API void vx_sha256_end(struct vx_sha256_state *state, char out[VX_SHA256_OCTETS]);
VX_API void vx_hmac_sha256(vx_slice key, vx_slice s, char out[VX_SHA256_OCTETS]);
VX_API void vx_pbkdf2_sha256(
    vx_slice password, vx_slice salt, unsigned iterations, char out[VX_SHA256_OCTETS]);

/* Octets from the kernel. */
VX_API void vx_random(void *out, size_t len);
/* Equal?  In a time that depends on the lengths only. */
VX_API bool vx_equal_secret(vx_slice a, vx_slice b);
/* A password of letters and digits with at least 90 bits. */
VX_API void vx_password_generate(struct vx_buf *out);
/* At least 12 characters with letters and digits (features MB-25); err says what lacks.
 */
VX_API int vx_password_acceptable(vx_slice password, struct vx_error *err);

/*
 * What is stored for a password, one line of text: a crypt(3) hash (yescrypt) and the
 * SCRAM-SHA-256 keys (RFC 5802 3) beside it:
 *   HASH SP ITERATIONS SP SALT SP STORED-KEY SP SERVER-KEY   (the last three in base64)
 * cost is crypt's: 0 its default (about 0.1 s), 1 for tests.  Blocks for that time.
 */
VX_API int vx_credential_make(
    vx_slice password, unsigned cost, unsigned iterations, struct vx_buf *out);

struct vx_credential {
	vx_slice hash;       /* borrowed */
	unsigned iterations; /* 0: no SCRAM keys */
	char salt[16], stored_key[VX_SHA256_OCTETS], server_key[VX_SHA256_OCTETS];
};
VX_API int vx_credential_parse(vx_slice record, struct vx_credential *out);

/*
 * May this be stored as a password's hash: yescrypt, $2b$, $2y$, $6$, $7$, $argon2id$ at
 * a cost that a login can bear?  VX_OK; VX_EUNSUP, VX_ELIMIT with err.
 */
VX_API int vx_password_hash_check(vx_slice hash, struct vx_error *err);
/* Is it of the kind that vx_credential_make makes?  Others are replaced at a login. */
VX_API bool vx_password_hash_current(vx_slice hash);

/*
 * Is it the password?  No password is empty.  VX_OK, VX_EAUTH, VX_EUNSUP (a hash that
 * vx_password_hash_check refuses, or is broken).  Blocks.
 */
VX_API int vx_password_verify(vx_slice password, vx_slice hash);
/* Takes as long as vx_password_verify with a default hash, and fails: unknown users. */
VX_API int vx_password_verify_nobody(vx_slice password, unsigned cost);

VX_END_DECLS

#endif
