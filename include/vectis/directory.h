/*
 * directory.h - domains, accounts and aliases: in the store, looked up live (IN-20).
 *
 * A login is an address, local@domain: the local part in lower case, the domain as
 * lower-case A-labels.  Changes are ops on the store and take effect with their commit.
 */
#ifndef VECTIS_DIRECTORY_H
#define VECTIS_DIRECTORY_H

#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_ADDRESS_MAX 320 /* 64 + 1 + 255 octets */
#define VX_LOCAL_PART_MAX 64
#define VX_ALIAS_TARGETS_MAX 10 /* features MB-10 */
#define VX_CREDENTIAL_MAX 1024
#define VX_DISPLAY_NAME_MAX 200
#define VX_DOMAINS_MAX 10000

enum vx_account_flag {
	VX_ACCOUNT_INACTIVE = 1 << 0,   /* no login, no delivery (MB-05) */
	VX_ACCOUNT_POP3 = 1 << 1,       /* may use POP3 (IM-02) */
	VX_ACCOUNT_NO_SENDING = 1 << 2, /* may not send (OUT-24) */
};

struct vx_account {
	uint32_t id;
	unsigned flags;
	uint64_t created;    /* seconds since 1970 */
	vx_slice login;      /* borrowed from the view, like the rest */
	vx_slice credential; /* auth.h */
	vx_slice display_name;
};

enum vx_domain_flag {
	VX_DOMAIN_INACTIVE = 1 << 0,    /* nothing at all (MB-23) */
	VX_DOMAIN_NO_INCOMING = 1 << 1, /* receives nothing (IN-01) */
	VX_DOMAIN_ANY_SENDER = 1 << 2,  /* its logins may send as anybody (OUT-03) */
	/* what its DNS has to say (zone.h) */
	VX_DOMAIN_BACKUP_CLOUDFLARE = 1 << 8, /* Email Routing is its backup (DNS-19) */
	VX_DOMAIN_SPF_SOFT = 1 << 9,          /* ~all: it is being set up */
	VX_DOMAIN_DMARC_NONE = 1 << 10,       /* the policy; neither: quarantine */
	VX_DOMAIN_DMARC_REJECT = 1 << 11,
};

struct vx_domain {
	unsigned flags;
	uint32_t max_accounts; /* 0: any number (MB-22) */
	vx_slice name;
	vx_slice catch_all; /* list of logins, see vx_directory_target; empty: refuse */
};

struct vx_alias {
	vx_slice address; /* its local part may have '*' (MB-09) */
	bool disabled;
	vx_slice targets; /* list, see vx_directory_target */
};

/* The form in which addresses are keys.  VX_EINVAL. */
VX_API int vx_directory_normalise(vx_slice address, struct vx_buf *out);
/* May this be the local part of an account: letters, digits, '.', '-', '_' (decisions)?
 */
VX_API bool vx_directory_local_ok(vx_slice local);

/* --- looking up: VX_OK, VX_ENOENT, VX_EINVAL, VX_ECORRUPT ------------------------------
 */

VX_API int vx_directory_domain(struct vx_view *v, vx_slice name, struct vx_domain *out);
VX_API int vx_directory_account(
    struct vx_view *v, vx_slice login, struct vx_account *out);
VX_API int vx_directory_account_by_id(
    struct vx_view *v, uint32_t id, struct vx_account *out);
VX_API int vx_directory_alias(struct vx_view *v, vx_slice address, struct vx_alias *out);
/* The first that sorts after `after` (empty: the first); VX_ENOENT at the end. */
VX_API int vx_directory_next_domain(
    struct vx_view *v, vx_slice after, struct vx_domain *out);
VX_API int vx_directory_next_account(
    struct vx_view *v, vx_slice after, struct vx_account *out);
VX_API int vx_directory_next_alias(
    struct vx_view *v, vx_slice after, struct vx_alias *out);
/* Whose postmaster is the host's: the domain of its name or one above it, else the first.
 */
VX_API int vx_directory_host_domain(
    struct vx_view *v, vx_slice host, struct vx_domain *out);
/* Take the next address off a list of targets. */
VX_API bool vx_directory_target(vx_slice *targets, vx_slice *out);

enum vx_resolution {
	VX_RESOLVED_LOCAL,   /* targets are there (some may be external) */
	VX_RESOLVED_FOREIGN, /* not one of our domains */
	VX_RESOLVED_CLOSED,  /* our domain, but it receives nothing */
	VX_RESOLVED_UNKNOWN,
	VX_RESOLVED_DISABLED, /* the mailbox is not active */
};

struct vx_resolved_target {
	uint32_t account; /* 0: external */
	vx_slice address; /* in the arena */
};

struct vx_resolved {
	enum vx_resolution kind;
	struct vx_resolved_target *targets; /* in the arena */
	size_t count;
};

/*
 * Whose mail is it?  Exact account, exact alias, wildcard alias, the same without the
 * tag behind delimiter (NUL: none), catch-all (IN-03, IN-04, IN-16).  postmaster@ of a
 * domain without such an account goes to the domain's first account (RFC 5321 4.5.1).
 */
VX_API int vx_directory_resolve(struct vx_view *v, vx_slice address, char delimiter,
    struct vx_arena *arena, struct vx_resolved *out);
/* May the account send as address: its own, with a tag, or an alias to it (OUT-02, -04)?
 */
VX_API bool vx_directory_may_send_as(struct vx_view *v, const struct vx_account *account,
    vx_slice address, char delimiter);

/* --- changing
 * --------------------------------------------------------------------------- */

enum vx_directory_verb {
	VX_DOMAIN_ADD,     /* name; VX_EEXIST */
	VX_DOMAIN_SET,     /* flags, max_accounts, targets (catch-all) */
	VX_DOMAIN_REMOVE,  /* VX_ENOTEMPTY: accounts or aliases are left (MB-24) */
	VX_ACCOUNT_ADD,    /* name, flags, credential, display_name, quota; VX_EEXIST */
	VX_ACCOUNT_SET,    /* the fields named in `set` */
	VX_ACCOUNT_REMOVE, /* with all its mail */
	VX_ALIAS_ADD,      /* name, targets; VX_EEXIST */
	VX_ALIAS_REMOVE,
};

enum vx_directory_field { /* bits of `set` */
	VX_SET_FLAGS = 1 << 0,
	VX_SET_CREDENTIAL = 1 << 1,
	VX_SET_DISPLAY_NAME = 1 << 2,
	VX_SET_QUOTA = 1 << 3,
	VX_SET_MAX_ACCOUNTS = 1 << 4,
	VX_SET_TARGETS = 1 << 5,
};

struct vx_directory_op {
	struct vx_store_op op;
	enum vx_directory_verb verb;
	vx_slice name; /* domain, login or alias address */
	unsigned set;  /* for the SET verbs */
	unsigned flags;
	uint32_t max_accounts;
	vx_slice credential, display_name;
	/* VX_ACCOUNT_SET: only when the credential is this, else VX_ECONFLICT; NULL: any
	 */
	vx_slice expected_credential;
	const vx_slice *targets; /* logins (catch-all) or addresses (alias) */
	size_t target_count;
	uint64_t quota_octets, quota_messages;
	uint32_t id;                /* out: VX_ACCOUNT_ADD */
	uint32_t accounts, aliases; /* out: VX_DOMAIN_REMOVE refused: how many are left */
};
VX_API void vx_directory_op_init(struct vx_directory_op *op, enum vx_directory_verb verb);

VX_END_DECLS

#endif
