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
#define VX_AUTH_THROTTLE_ENTRIES 16384
#define VX_AUTH_FREE_FAILURES 3 /* that cost nothing */
#define VX_AUTH_DELAY_MAX_S 60

struct vx_auth_options {
	size_t struct_size;
	struct vx_store *store; /* borrowed */
	unsigned hash_cost; /* of the dummy hash for unknown users; 0: crypt's default */
	unsigned cache_s;   /* how long a verified login is remembered; 0: 300 */
	unsigned scram_iterations; /* of unknown users; 0: 15000 */
};

struct vx_auth;
VX_API int vx_auth_new(const struct vx_auth_options *o, struct vx_auth **out);
VX_API void vx_auth_free(struct vx_auth *a);

struct vx_auth_result {
	uint32_t account;
	unsigned account_flags;
	char login[VX_ADDRESS_MAX + 1]; /* normalised */
};

/*
 * Check a login and a password: VX_OK; VX_EAUTH: wrong, unknown, inactive account or
 * domain, all alike and in the same time; VX_ETEMP: the store cannot be read.  Blocks:
 * for a job.  address is the client's, for the throttle.
 */
VX_API int vx_auth_check(struct vx_auth *a, const char *address, vx_slice login,
    vx_slice password, struct vx_auth_result *out);

/* The same for what SASL found out: a password, or whether SCRAM's proof was right. */
struct vx_auth_claim {
	const char *address;
	vx_slice login, password;
	enum vx_sasl_proof proof;
};
VX_API int vx_auth_claim(
    struct vx_auth *a, const struct vx_auth_claim *claim, struct vx_auth_result *out);

/*
 * The SCRAM keys of a login; for one that is not there, or has none, others that look
 * alike and are the same each time (RFC 5802 5.1).  VX_OK, VX_ETEMP.  Does not block.
 */
VX_API int vx_auth_keys(struct vx_auth *a, vx_slice login, struct vx_credential *out);

/* How long an attempt from address has to wait now, in seconds; 0: go on. */
VX_API unsigned vx_auth_delay_s(struct vx_auth *a, const char *address);

VX_END_DECLS

#endif
