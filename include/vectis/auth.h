/*
 * auth.h - who is it?  Passwords checked with the directory's records, remembered for
 * some minutes, and guesses slowed down per address and per account.
 *
 * An auth object may be used from several threads.
 */
#ifndef VECTIS_AUTH_H
#define VECTIS_AUTH_H

#include "vectis/directory.h"
#include "vectis/sasl.h"

VX_BEGIN_DECLS

#define VX_AUTH_CACHE_ENTRIES 4096
#define VX_AUTH_THROTTLE_ENTRIES 16384 /* of each table */
/*
 * Wrong logins that cost nothing, of an address and of an account; then each attempt has
 * to wait, twice as long each time.  A right login takes back the wrong ones that the
 * same account had from there.  Whoever logged in from an address within these days is
 * not made to wait for what others do, and never for longer than a moment.
 */
#define VX_AUTH_FREE_FAILURES 8
#define VX_AUTH_FREE_ACCOUNT_FAILURES 10
#define VX_AUTH_FREE_KNOWN_FAILURES 20
#define VX_AUTH_DELAY_MAX_S 60
#define VX_AUTH_DELAY_KNOWN_S 2
#define VX_AUTH_FORGET_S 600 /* after the last wrong one */
#define VX_AUTH_KNOWN_DAYS 30

struct vx_auth_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed */
	unsigned
	    hash_cost; /* of new hashes, also of the one for unknown users; 0: crypt's */
	unsigned cache_s;          /* how long a verified login is remembered; 0: 300 */
	unsigned scram_iterations; /* of new keys, and of unknown users; 0: 15000 */
	const char *throttle_path; /* a file that all processes share; NULL: none */
	uint64_t (*now_ms)(void);  /* since 1970; NULL: the system's */
};

struct vx_auth;
VX_API int vx_auth_new(const struct vx_auth_options *o, struct vx_auth **out);
VX_API void vx_auth_free(struct vx_auth *a);

struct vx_auth_login {
	uint32_t account;
	unsigned account_flags;
	char login[VX_ADDRESS_MAX + 1]; /* normalised */
};

/*
 * Check a login and a password: VX_OK; VX_EAUTH: wrong, unknown, inactive account or
 * domain, all alike and in the same time; VX_ETEMP: the store cannot be read.  Blocks:
 * for a job.  address is the client's, for the throttle.
 *
 * A password whose hash was imported from elsewhere gets our own hash, and SCRAM keys,
 * when it was right.
 */
VX_API int vx_auth_check(struct vx_auth *a, const char *address, vx_slice login,
    vx_slice password, struct vx_auth_login *out);

/* The same for what SASL found out: a password, or whether SCRAM's proof was right. */
struct vx_auth_claim {
	const char *address;
	vx_slice login, password;
	enum vx_sasl_proof proof;
};
VX_API int vx_auth_claim(
    struct vx_auth *a, const struct vx_auth_claim *claim, struct vx_auth_login *out);

/*
 * The SCRAM keys of a login; for one that is not there, or has none, others that look
 * alike and are the same each time (RFC 5802 5.1).  VX_OK, VX_ETEMP.  Does not block.
 */
VX_API int vx_auth_keys(struct vx_auth *a, vx_slice login, struct vx_credential *out);

/* How long an attempt has to wait now, in seconds; 0: go on.  Asked before each check. */
VX_API unsigned vx_auth_delay_s(struct vx_auth *a, const char *address, vx_slice login);

VX_END_DECLS

#endif
