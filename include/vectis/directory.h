/*
 * directory.h - domains, accounts, aliases, lists and groups: in the store, looked up
 * live (IN-20).
 *
 * A login is an address, local@domain: the local part in lower case, the domain as
 * lower-case A-labels.  Changes are ops on the store and take effect with their commit.
 */
#ifndef VECTIS_DIRECTORY_H
#define VECTIS_DIRECTORY_H

#include "vectis/footer.h"
#include "vectis/store.h"

VX_BEGIN_DECLS

#define VX_ADDRESS_MAX 320 /* 64 + 1 + 255 octets */
#define VX_LOCAL_PART_MAX 64
#define VX_ALIAS_TARGETS_MAX 10 /* features MB-10 */
#define VX_CREDENTIAL_MAX 1024
#define VX_DISPLAY_NAME_MAX 200
#define VX_DOMAINS_MAX 10000
#define VX_LIST_MEMBERS_MAX 10000 /* of a list or group; and whom one leads to */
#define VX_LIST_GROUPS_MAX 100    /* groups within one, at any depth */
#define VX_LIST_TITLE_MAX 200
#define VX_DOMAIN_TOKEN_OCTETS 64 /* hex digits: ownership.h */

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
	VX_DOMAIN_NO_INCOMING = 1 << 1, /* only sends: its mail is elsewhere (IN-01) */
	VX_DOMAIN_ANY_SENDER = 1 << 2,  /* its logins may send as anybody (OUT-03) */
	/* what its DNS has to say (zone.h) */
	VX_DOMAIN_BACKUP_CLOUDFLARE = 1 << 8, /* Email Routing is its backup (DNS-19) */
	VX_DOMAIN_SPF_SOFT = 1 << 9,          /* ~all: it is being set up */
	VX_DOMAIN_DMARC_NONE = 1 << 10,       /* the policy; neither: quarantine */
	VX_DOMAIN_DMARC_REJECT = 1 << 11,
	VX_DOMAIN_BACKUP_HOST = 1 << 12, /* another server is its backup (DNS-22) */
	VX_DOMAIN_STS_TESTING = 1 << 13, /* its MTA-STS policy; neither: it has none */
	VX_DOMAIN_STS_ENFORCE = 1 << 14,
};

/* Has its owner proved that it is (DNS-28)?  Who has not may not send (OUT-25). */
enum vx_domain_status {
	VX_DOMAIN_VERIFIED,   /* seen; or nothing is asked for */
	VX_DOMAIN_UNVERIFIED, /* nobody has looked yet */
	VX_DOMAIN_PENDING,    /* somebody has, and it was not there */
};
/* "verified".  Static. */
VX_API const char *vx_domain_status_name(enum vx_domain_status status);

struct vx_domain {
	unsigned flags;
	uint32_t max_accounts; /* 0: any number (MB-22) */
	vx_slice name;
	vx_slice catch_all; /* list of logins, see vx_directory_target; empty: refuse */
	/* Where Email Routing takes its mail meanwhile, an address; or the name of the
	 * server that does.  Empty: not said. */
	vx_slice backup;
	enum vx_domain_status status;
	vx_slice
	    token; /* VX_DOMAIN_TOKEN_OCTETS, in lower case; empty: none is asked for */
	uint64_t asked; /* PENDING: since when, in seconds since 1970 */
};

struct vx_alias {
	vx_slice address; /* its local part may have '*' (MB-09) */
	bool disabled;
	vx_slice targets; /* list, see vx_directory_target */
};

enum vx_list_flag {
	VX_LIST_GROUP = 1 << 0,        /* stands for its members, no more (MB-15) */
	VX_LIST_MEMBERS_ONLY = 1 << 1, /* others may not write to it (MB-13) */
	VX_LIST_INACTIVE = 1 << 2,
};

/*
 * A mailing list, which sends what comes on to its members with fields and a
 * reverse-path of its own; or a group.  Members of a list are accounts, aliases, groups,
 * and addresses elsewhere; those of a group are accounts and groups.
 */
struct vx_list {
	uint32_t id;
	unsigned flags;
	vx_slice address; /* borrowed from the view, like the rest */
	vx_slice owner;   /* who has its bounces; empty: the domain's postmaster */
	vx_slice title;   /* UTF-8 for people */
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
/* What is put below what its users write to others (footer.h); VX_ENOENT: nothing. */
VX_API int vx_directory_footer(struct vx_view *v, vx_slice domain, struct vx_footer *out);
/* The first that sorts after `after` (empty: the first); VX_ENOENT at the end. */
VX_API int vx_directory_next_domain(
    struct vx_view *v, vx_slice after, struct vx_domain *out);
VX_API int vx_directory_next_account(
    struct vx_view *v, vx_slice after, struct vx_account *out);
VX_API int vx_directory_next_alias(
    struct vx_view *v, vx_slice after, struct vx_alias *out);
/* Lists and groups. */
VX_API int vx_directory_list(struct vx_view *v, vx_slice address, struct vx_list *out);
VX_API int vx_directory_next_list(struct vx_view *v, vx_slice after, struct vx_list *out);
/* Its members, in the form in which addresses are keys. */
VX_API int vx_directory_next_member(
    struct vx_view *v, uint32_t list, vx_slice after, vx_slice *out);
/* Whose postmaster is the host's: the domain of its name or one above it, else the first.
 */
VX_API int vx_directory_host_domain(
    struct vx_view *v, vx_slice host, struct vx_domain *out);
/* Take the next address off a list of targets. */
VX_API bool vx_directory_target(vx_slice *targets, vx_slice *out);

enum vx_resolution {
	VX_RESOLVED_LOCAL,   /* targets are there (some may be external) */
	VX_RESOLVED_FOREIGN, /* not one of our domains, or one that only sends */
	VX_RESOLVED_CLOSED,  /* our domain, but it is not active */
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
	uint32_t list; /* not 0: it is a list's, whose address is the only target */
	bool group;    /* targets are those of a group */
	bool alias;    /* targets are those of an alias */
	bool away;     /* FOREIGN: of a domain of ours that only sends (IN-01) */
};

/*
 * Whose mail is it?  Exact account, exact alias, list or group, wildcard alias, the same
 * without the tag behind delimiter (NUL: none), catch-all (IN-03, IN-04, IN-16).
 * postmaster@ of a domain without such an account goes to the domain's first account
 * (RFC 5321 4.5.1).  A group leads to its accounts, however it is nested and whether it
 * contains itself; VX_ELIMIT: it is beyond the limits.
 */
VX_API int vx_directory_resolve(struct vx_view *v, vx_slice address, char delimiter,
    struct vx_arena *arena, struct vx_resolved *out);
/* The same, but of lists, groups and catch-alls: nobody. */
VX_API int vx_directory_person(struct vx_view *v, vx_slice address, char delimiter,
    struct vx_arena *arena, struct vx_resolved *out);
/*
 * To whom a list or group leads: each account and each address elsewhere once, sorted.
 * VX_OK, VX_ELIMIT.
 */
VX_API int vx_directory_expand(struct vx_view *v, const struct vx_list *list,
    struct vx_arena *arena, struct vx_resolved *out);
/* Who has a list's bounces: nobody, if neither owner nor postmaster is there. */
VX_API int vx_directory_list_owner(struct vx_view *v, const struct vx_list *list,
    char delimiter, struct vx_arena *arena, struct vx_resolved *out);
/* May that address write to the list?  VX_OK, VX_EPERM, or what reading gave. */
VX_API int vx_directory_may_post(
    struct vx_view *v, const struct vx_list *list, vx_slice address, char delimiter);
/* May the account send as address: its own, with a tag, or an alias to it (OUT-02, -04)?
 */
VX_API bool vx_directory_may_send_as(struct vx_view *v, const struct vx_account *account,
    vx_slice address, char delimiter);

/* --- changing
 * --------------------------------------------------------------------------- */

enum vx_directory_verb {
	VX_DOMAIN_ADD, /* name, token, status; VX_EEXIST */
	VX_DOMAIN_SET, /* flags, max_accounts, targets (catch-all), backup */
	/*
	 * name, status (PENDING or VERIFIED), asked; token: only when it is this one,
	 * else VX_ECONFLICT; empty: whichever it is.  What is verified stays so.
	 */
	VX_DOMAIN_VERIFY,
	VX_DOMAIN_FOOTER,  /* name, footer; VX_EINVAL, VX_ELIMIT.  NULL: there is none */
	VX_DOMAIN_REMOVE,  /* VX_ENOTEMPTY: accounts or aliases are left (MB-24) */
	VX_ACCOUNT_ADD,    /* name, flags, credential, display_name, quota; VX_EEXIST */
	VX_ACCOUNT_SET,    /* the fields named in `set` */
	VX_ACCOUNT_REMOVE, /* with all its mail */
	VX_ALIAS_ADD,      /* name, targets; VX_EEXIST */
	VX_ALIAS_SET,      /* flags (not 0: disabled), targets */
	VX_ALIAS_REMOVE,
	VX_LIST_ADD,    /* name, flags, owner, display_name (title), targets; VX_EEXIST */
	VX_LIST_SET,    /* the fields named in `set`; it stays a list or a group */
	VX_LIST_REMOVE, /* with its members */
	/* targets: VX_ELIMIT; VX_ENOENT, VX_EINVAL: bad says which of them */
	VX_LIST_MEMBERS_ADD,
	VX_LIST_MEMBERS_REMOVE,
};

/* As mailbox of VX_WATCH_QUEUE (store.h): a domain's status is another one. */
#define VX_DIRECTORY_WATCH_STATUS 4

enum vx_directory_field { /* bits of `set` */
	VX_SET_FLAGS = 1 << 0,
	VX_SET_CREDENTIAL = 1 << 1,
	VX_SET_DISPLAY_NAME = 1 << 2,
	VX_SET_QUOTA = 1 << 3,
	VX_SET_MAX_ACCOUNTS = 1 << 4,
	VX_SET_TARGETS = 1 << 5,
	VX_SET_OWNER = 1 << 6,
	VX_SET_BACKUP = 1 << 7,
};

struct vx_directory_op {
	struct vx_store_op op;
	enum vx_directory_verb verb;
	vx_slice name; /* domain, login or alias address */
	unsigned set;  /* for the SET verbs */
	unsigned flags;
	uint32_t max_accounts;
	vx_slice credential, display_name;
	vx_slice owner;  /* an address, or empty */
	vx_slice backup; /* of a domain; at most VX_ADDRESS_MAX octets, else VX_EINVAL */
	vx_slice token;  /* as of struct vx_domain, else VX_EINVAL; empty: none */
	enum vx_domain_status status;
	uint64_t asked;
	const struct vx_footer *footer;
	/* VX_ACCOUNT_SET: only when the credential is this, else VX_ECONFLICT; NULL: any
	 */
	vx_slice expected_credential;
	const vx_slice *targets; /* logins (catch-all) or addresses (alias) */
	size_t target_count;
	uint64_t quota_octets, quota_messages;
	bool only_ask; /* VX_DOMAIN_REMOVE: may it be?  Nothing is removed */
	uint32_t id;   /* out: VX_ACCOUNT_ADD */
	/* out: VX_DOMAIN_REMOVE refused: how many are left */
	uint32_t accounts, aliases, lists;
	uint32_t changed; /* out: members that are new, or gone */
	size_t bad;       /* out: the target that was refused */
};
VX_API void vx_directory_op_init(struct vx_directory_op *op, enum vx_directory_verb verb);

VX_END_DECLS

#endif
