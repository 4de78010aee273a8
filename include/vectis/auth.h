/*
 * auth.h - who is it?  Passwords checked with the directory's records, remembered for
 * some minutes, and guesses slowed down per address and per account.
 *
 * An auth object may be used from several threads.
 */
#ifndef VECTIS_AUTH_H
#define VECTIS_AUTH_H

#include "vectis/directory.h"
#include "vectis/network.h"
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

/*
 * Why a login fails: for the administrator and for logs.  Whoever tries is told the same
 * of all but the last two, in the same time.
 */
enum vx_auth_reason {
	VX_AUTH_RIGHT,     /* it does not */
	VX_AUTH_UNKNOWN,   /* there is no such mailbox */
	VX_AUTH_WRONG,     /* the password is another */
	VX_AUTH_ALIAS,     /* the name is an alias: its mailbox's own name logs in */
	VX_AUTH_INACTIVE,  /* the mailbox is inactive */
	VX_AUTH_CLOSED,    /* its domain is */
	VX_AUTH_SUSPENDED, /* it logged in, and may not send */
	VX_AUTH_POP3_OFF,  /* it was right, and the mailbox may not use POP3 */
	VX_AUTH_NO_TLS,    /* it was tried before TLS */
	VX_AUTH_THROTTLED, /* there were too many wrong ones */
	VX_AUTH_REASONS
};
/* "wrong-password"; "?" of another number.  Static. */
VX_API const char *vx_auth_reason_word(unsigned reason);

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
/* why, which may be NULL, is set with VX_OK and VX_EAUTH; what failed is noted. */
VX_API int vx_auth_claim(struct vx_auth *a, const struct vx_auth_claim *claim,
    struct vx_auth_login *out, enum vx_auth_reason *why);

/*
 * The SCRAM keys of a login; for one that is not there, or has none, others that look
 * alike and are the same each time (RFC 5802 5.1).  VX_OK, VX_ETEMP.  Does not block.
 */
VX_API int vx_auth_keys(struct vx_auth *a, vx_slice login, struct vx_credential *out);

/* How long an attempt has to wait now, in seconds; 0: go on.  Asked before each check. */
VX_API unsigned vx_auth_delay_s(struct vx_auth *a, const char *address, vx_slice login);

/*
 * Logins that failed, of this object: each name and reason once.  Entries of names that
 * are mailboxes or aliases never go for those of others.
 */
#define VX_AUTH_REFUSED_KNOWN 256  /* entries; then the oldest goes */
#define VX_AUTH_REFUSED_UNKNOWN 64 /* the same of names that nobody has */
#define VX_AUTH_REFUSED_LOGIN_MAX (3 * VX_ADDRESS_MAX) /* octets, escaped */
#define VX_AUTH_REFUSED_LINE_MAX (VX_AUTH_REFUSED_LOGIN_MAX + VX_NETWORK_TEXT_MAX + 80)

/* One that vx_auth_claim did not see.  It asks nobody whether there is such a name. */
VX_API void vx_auth_note(
    struct vx_auth *a, enum vx_auth_reason reason, const char *address, vx_slice login);
/*
 * All as lines "LOGIN REASON COUNT LAST NETWORK", appended, if one came since the last
 * call: VX_DATA, else VX_OK.  What is no printable ASCII in a login is %XX, an empty one
 * "-".
 */
VX_API int vx_auth_refusals(struct vx_auth *a, struct vx_buf *out);

struct vx_auth_refused {
	char login[VX_AUTH_REFUSED_LOGIN_MAX +
		   1]; /* escaped; that of a mailbox as it is */
	enum vx_auth_reason reason;
	uint64_t count;
	int64_t last;                          /* seconds since 1970 */
	char network[VX_NETWORK_TEXT_MAX + 1]; /* of the last client: whose it is; "-" */
};
/* Such a line.  VX_OK, VX_EINVAL. */
VX_API int vx_auth_read_refused(vx_slice line, struct vx_auth_refused *out);

/*
 * When the login was right last, wherever, in seconds since 1970; 0: not known, or not
 * in VX_AUTH_KNOWN_DAYS.  All processes with the same throttle_path know it.
 */
VX_API int64_t vx_auth_right_s(struct vx_auth *a, vx_slice login);

VX_END_DECLS

#endif
