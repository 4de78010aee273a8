/*
 * zone.h - the records that the DNS has to have for a domain's mail, compared with those
 * that it has; without I/O (features DNS-01 to DNS-05, -08, -12, -13, -19, -24, -25,
 *-36).
 *
 *	vx_zone_plan(&wish, &plan);         what there has to be
 *	vx_zone_diff(&plan, &have, ...);    what has to be done to a zone for it
 *
 * Ours is what carries our mark in its comment, "vectis:" and its purpose.  What is not
 * ours is never changed, with one exception that is told: an SPF record is merged into,
 * since a second one would break both (RFC 7208 3.2).
 *
 * A record is text: its content is as in a zone file (RFC 1035 5.1), in one form for
 * each meaning: names without the dot at their end and in lower case, addresses as
 * inet_ntop has them, hex in lower case, and of TXT all strings joined, without quotes.
 */
#ifndef VECTIS_ZONE_H
#define VECTIS_ZONE_H

#include "vectis/arena.h"
#include "vectis/dmarc.h"
#include "vectis/dns.h"

VX_BEGIN_DECLS

#define VX_ZONE_RECORDS_MAX 20000 /* of a zone; larger ones are not ours to judge */
#define VX_ZONE_PLAN_MAX 128      /* records that a domain has to have */
#define VX_ZONE_CHANGES_MAX 512   /* of a difference */
#define VX_ZONE_CONTENT_MAX 8192  /* octets of a record's content */
#define VX_ZONE_COMMENT_MAX 512
#define VX_ZONE_OCTETS_MAX ((size_t)32 << 20) /* of all text of a zone */
#define VX_ZONE_STRING_MAX 255                /* octets of one string of TXT */
#define VX_ZONE_MARK "vectis:"
/*
 * Seconds that records are kept for (DNS-16).  While it is not known whether they are
 * right, a mistake shall not be remembered for long: 60 is the least that Cloudflare
 * takes.  What is right may be kept: with an hour most servers that send here often ask
 * only now and then, and a change that nobody has planned is still seen the same day.
 */
#define VX_ZONE_TTL_SETUP 60
#define VX_ZONE_TTL_SETTLED 3600

/* Strings are never NULL. */
struct vx_zone_record {
	const char *name;    /* a name as in dns.h */
	const char *type;    /* "MX" */
	const char *content; /* see above */
	const char *comment; /* of a provider that keeps one; "" */
	const char *id;      /* the provider's; "" */
	uint32_t ttl;        /* seconds; 0: whatever the provider likes */
	bool proxied;        /* the provider answers with addresses of its own */
	bool locked;         /* the provider keeps it from being changed */
};

/* Records with their text. */
struct vx_zone {
	struct vx_zone_record *records; /* own */
	size_t count, room;
	struct vx_arena arena;
};
VX_API void vx_zone_init(struct vx_zone *z);
VX_API void vx_zone_done(struct vx_zone *z);
/*
 * A copy of r, its name and content in the form above; type in upper case.  Content that
 * is not of its type is kept as it is.  VX_OK, VX_EINVAL (no name), VX_ELIMIT.
 */
VX_API int vx_zone_add(struct vx_zone *z, const struct vx_zone_record *r);
/*
 * The content of a record in the form above, appended.  VX_OK; VX_ESYNTAX: it is not of
 * that type.  Types that are not known are taken as they are.
 */
VX_API int vx_zone_content(const char *type, vx_slice text, struct vx_buf *out);
/* Is it marked as ours?  A key of DKIM, or a host for the web, may still be that of
 * another server: behind its purpose is a blank and the id of the installation that set
 * it. */
VX_API bool vx_zone_is_ours(const struct vx_zone_record *r);

/* The key of a DKIM record, p= without blanks (RFC 6376 3.6.1), appended; false: it has
 * none. */
VX_API bool vx_zone_dkim_key(vx_slice record, struct vx_buf *out);

/* --- what there has to be ------------------------------------------------------------
 */

enum vx_zone_purpose {
	VX_ZONE_HOST,
	VX_ZONE_MX,
	VX_ZONE_SPF,
	VX_ZONE_DKIM,
	VX_ZONE_DMARC,
	VX_ZONE_MTA_STS,
	VX_ZONE_TLS_RPT,
	VX_ZONE_TLSA,
	VX_ZONE_CAA,
	VX_ZONE_SRV,
	VX_ZONE_AUTOCONFIG,
	VX_ZONE_AUTODISCOVER,
	VX_ZONE_PERSIST,
	VX_ZONE_VERIFY,
	VX_ZONE_ADMIN,
	VX_ZONE_PURPOSES
};
/* "mx": what follows VX_ZONE_MARK.  Static. */
VX_API const char *vx_zone_purpose_name(enum vx_zone_purpose p);

#define VX_ZONE_INSTALL_MAX 32   /* octets of an installation's id */
#define VX_ZONE_ADDRESSES_MAX 16 /* of a host */
#define VX_ZONE_KEYS_MAX 16      /* DKIM keys, TLSA hashes, authorities */

struct vx_zone_dkim {
	const char *selector, *record; /* "202611", "v=DKIM1; k=rsa; p=..." */
};
struct vx_zone_authority {
	const char *issuer;  /* "letsencrypt.org" */
	const char *account; /* the URI of ours there (RFC 8657 3); NULL: not known yet */
	const char *methods; /* "http-01,dns-01" (RFC 8657 4); NULL: any */
	bool wildcard;       /* may it issue for *.host, too? */
};

#define VX_ZONE_PROOFS_MAX 64   /* names times authorities */
#define VX_ZONE_ACCOUNT_MAX 500 /* octets of an account's URI */
/* A name of a certificate, which a record proves for good (dns-persist-01). */
struct vx_zone_proof {
	const char *name;    /* without "*." */
	const char *issuer;  /* as the authority calls itself in such records */
	const char *account; /* the URI of ours there */
	bool wildcard;       /* what is below the name is asked for, too */
};
/* What a record of "_validation-persist." and the name says of a proof. */
enum vx_zone_proven {
	VX_ZONE_PROOF_NONE,       /* nothing: it is about another authority */
	VX_ZONE_PROOF_UNREADABLE, /* nothing that counts */
	VX_ZONE_PROOF_OTHER,      /* another account may */
	VX_ZONE_PROOF_ENDED,      /* it did, until a time */
	VX_ZONE_PROOF_NARROW,     /* the name alone, where a wildcard is wanted */
	VX_ZONE_PROOF_GOOD
};
/* until: when it ends, in seconds since 1970; 0: never, or it proves nothing. */
VX_API enum vx_zone_proven vx_zone_judge_proof(
    vx_slice text, const struct vx_zone_proof *p, int64_t now, int64_t *until);

enum vx_zone_service {                /* bits */
	VX_ZONE_SUBMISSIONS = 1 << 0, /* 465 */
	VX_ZONE_SUBMISSION = 1 << 1,  /* 587 */
	VX_ZONE_IMAPS = 1 << 2,       /* 993 */
	VX_ZONE_POP3S = 1 << 3        /* 995 */
};

enum vx_zone_backup {
	VX_ZONE_BACKUP_NONE,
	VX_ZONE_BACKUP_CLOUDFLARE, /* Email Routing takes what we cannot (DNS-19) */
	VX_ZONE_BACKUP_HOST        /* another server does, and sends it on (DNS-22) */
};

/* All of it is borrowed, and copied by vx_zone_plan. */
struct vx_zone_wish {
	size_t struct_size;
	const char *domain;   /* whose mail it is */
	const char *install;  /* the id of this installation, a word; NULL: it has none */
	const char *hostname; /* of the server */
	/* The apex of the zone that has the domain; NULL: the domain.  The records of the
	 * server's name are part of the plan when it is in this zone. */
	const char *zone;
	/* A second name of the server, for the web alone: proxied where the provider does
	 * that, and part of the plan when it is in this zone (DNS-17).  NULL or "": none.
	 */
	const char *admin_host;
	const char *const *addresses; /* of the server, IPv4 and IPv6 as text */
	size_t address_count;
	const struct vx_zone_dkim *dkim;
	size_t dkim_count;
	bool tlsa_only;       /* of the TLSA records alone; domain: the server's name */
	bool host_only;       /* no more than the addresses of the server's name */
	bool spf_soft;        /* ~all: while it is being set up */
	const char *spf_more; /* mechanisms of ours beyond the standard, or NULL */
	/* what was merged into an SPF record of others once (vx_zone_spf_merged); NULL */
	const char *spf_merged;
	enum vx_dmarc_policy dmarc; /* UNSET: quarantine */
	const char *dmarc_rua;      /* an address; NULL: dmarc@ the domain */
	const char *mta_sts_id;     /* of the policy that is served; NULL: none is */
	const char *tls_rua;        /* an address for TLS reports; NULL: none */
	const char *const *tlsa;    /* SHA-256 of the keys of port 25, as hex */
	size_t tlsa_count;          /* 0 where the zone is not signed */
	const struct vx_zone_authority *authorities;
	size_t authority_count;
	/* names of certificates that may be proven for good; those in other zones are not
	 * looked at */
	const struct vx_zone_proof *proofs;
	size_t proof_count;
	unsigned services;  /* VX_ZONE_SUBMISSIONS and others: those that listen */
	bool autoconfig;    /* the names autoconfig. and autodiscover. */
	const char *verify; /* that the domain is its owner's (ownership.h); NULL: none */
	bool verified;      /* it was seen once: mail does not suffer without it */
	enum vx_zone_backup backup;
	const char *backup_host; /* of BACKUP_HOST */
	const char *former;      /* a name that the server had: its records go; or NULL */
	/* of records that are new or change; 0: whatever the provider likes */
	uint32_t ttl;
	/* of ours that are right already, unless others change with them: what is less
	 * becomes this; 0: they stay as they are */
	uint32_t ttl_kept;
};

struct vx_zone_want {
	struct vx_zone_record record; /* its comment is the mark */
	enum vx_zone_purpose purpose;
	bool required; /* mail suffers without it; else it is a good idea */
};
struct vx_zone_plan {
	struct vx_zone_want wants[VX_ZONE_PLAN_MAX];
	size_t count;
	char domain[VX_DNS_NAME_MAX + 1], hostname[VX_DNS_NAME_MAX + 1],
	    zone[VX_DNS_NAME_MAX + 1], former[VX_DNS_NAME_MAX + 1];
	char install[VX_ZONE_INSTALL_MAX + 1]; /* "" */
	char admin_host[VX_DNS_NAME_MAX + 1];  /* ""; in this zone */
	bool with_host;                        /* the server's name is in this zone */
	uint32_t ttl_kept;                     /* as it was wished */
	enum vx_zone_backup backup;
	char backup_host[VX_DNS_NAME_MAX + 1]; /* "" */
	const char *spf_merged;                /* as it was wished; "" */
	const char *accounts; /* of proofs and authorities, with blanks between them */
	struct vx_arena arena;
};
/*
 * VX_OK; VX_EINVAL: a name, an address or a hash is none, or the domain is not in the
 * zone; VX_ELIMIT.  vx_zone_plan_done in each case.
 */
VX_API int vx_zone_plan(const struct vx_zone_wish *w, struct vx_zone_plan *out);
VX_API void vx_zone_plan_done(struct vx_zone_plan *p);

#define VX_ZONE_STS_AGE 604800 /* seconds that a policy is held: a week */
/*
 * The MTA-STS policy of a domain (RFC 8461 3.2), appended: its servers are the host, that
 * which it was or will be (beside; NULL: none), and the backup.  The text is the same for
 * as long as these are, so that an id can be made of it.  VX_OK; VX_EINVAL: a name is
 * none.
 */
VX_API int vx_zone_write_sts(
    const struct vx_zone_wish *w, bool enforce, const char *beside, struct vx_buf *out);

/* --- what has to be done -------------------------------------------------------------
 */

enum vx_zone_verb {
	VX_ZONE_KEEP,   /* it is there already */
	VX_ZONE_ADD,    /* want */
	VX_ZONE_CHANGE, /* have, which is ours, becomes `to` */
	VX_ZONE_MERGE,  /* have, which is not ours, becomes `to`: it keeps what it says */
	VX_ZONE_REMOVE, /* have, which is ours (or merged into another), goes */
	VX_ZONE_LEAVE,  /* have is somebody else's and does what is wanted in its way */
	VX_ZONE_CLASH   /* have is somebody else's and in the way: nothing is done */
};
/* "keep".  Static. */
VX_API const char *vx_zone_verb_name(enum vx_zone_verb v);

struct vx_zone_change {
	enum vx_zone_verb verb;
	const struct vx_zone_want *want;   /* NULL: none (of REMOVE) */
	const struct vx_zone_record *have; /* NULL of ADD */
	struct vx_zone_record to;          /* of ADD, CHANGE and MERGE */
	const char *why;                   /* in words; "": it speaks for itself */
	bool taken;    /* it was a CLASH, and is done since that was asked for */
	bool ttl_only; /* of CHANGE: it says the same, and is kept longer or shorter */
};
struct vx_zone_diff {
	struct vx_zone_change changes[VX_ZONE_CHANGES_MAX];
	size_t count;
	size_t work;    /* of these, such that change the zone */
	size_t clashes; /* such that a person has to decide */
	struct vx_arena arena;
};

enum vx_zone_diff_flag {
	/* What is in the way is changed or removed, too, as a person has said. */
	VX_ZONE_TAKE = 1 << 0,
	/* Nothing is wanted: what is ours for this domain goes, the server's name stays.
	 */
	VX_ZONE_WITHDRAW = 1 << 1,
	/* With WITHDRAW: the records of the server's name go, too. */
	VX_ZONE_WITHDRAW_HOST = 1 << 2,
	/* The plan is a part of what is wanted: what it does not name stays. */
	VX_ZONE_PART = 1 << 3,
	/* What the provider has locked will be free by then. */
	VX_ZONE_UNLOCK = 1 << 4,
	/* The plan is of TLSA records: of what it does not name only such go. */
	VX_ZONE_TLSA_ONLY = 1 << 5
};
/*
 * What makes `have` do what the plan wants.  Both have to stay as long as the result.
 * Ours that is not wanted any more goes, at the names of this domain (and of the server).
 * Of what is left alone only that is named which touches the plan.  VX_OK, VX_ELIMIT;
 * vx_zone_diff_done in each case.
 */
VX_API int vx_zone_diff(const struct vx_zone_plan *p, const struct vx_zone *have,
    unsigned flags, struct vx_zone_diff *out);
VX_API void vx_zone_diff_done(struct vx_zone_diff *d);
/*
 * All records of a name and type have one TTL (RFC 2181 5.2), so that ours have what
 * those of others have that are with them; and TLSA records that of those that are there,
 * since a key waits until others have forgotten them.
 *
 * How many records of a wish's domain and server, as its installation has set them, are
 * kept for less than its ttl_kept, and would not be if all is right.
 */
VX_API size_t vx_zone_count_short(
    const struct vx_zone_wish *w, const struct vx_zone *have);

/*
 * An SPF record that says what `record` says, and ours besides: the mechanisms of ours
 * that are not there yet, before its `all` or `redirect=`, which stay.  Where ours names
 * addresses, `mx` and `a` are left out, so that no lookup is added (RFC 7208 4.6.4).
 * Appended.  VX_OK; VX_EINVAL: one of them is no SPF record.
 */
VX_API int vx_zone_merge_spf(vx_slice record, vx_slice ours, struct vx_buf *out);
/*
 * What is to be remembered when an SPF record of others becomes another by a merge: of
 * what was known (as this writes it, or empty) and what is new those terms that it has
 * afterwards, appended with blanks between them.  As spf_merged of a wish it lets a later
 * difference take out exactly that, once it is not wanted any more.  VX_OK, VX_EINVAL: it
 * is no SPF record.
 */
VX_API int vx_zone_spf_merged(
    const char *known, vx_slice before, vx_slice after, struct vx_buf *out);

/* --- what Cloudflare's proxies make of mail ------------------------------------------
 */

#define VX_ZONE_TANGLES_MAX 32
#define VX_ZONE_ALIASES_MAX 8 /* that are followed */

/* "dc-0123456789ab.example.net" or "_dc-mx.0123456789.example.net", as Cloudflare's
 * servers name a proxied host in MX and SRV answers. */
VX_API bool vx_zone_is_substitute(const char *name);

struct vx_zone_tangle {
	const struct vx_zone_record *have; /* MX, or SRV of a service of mail */
	const char *target;                /* borrowed from it */
	bool substitute; /* it has such a name itself: somebody copied an answer */
};
/* Mail that is led to what is proxied; the first of them. */
VX_API size_t vx_zone_find_tangles(
    const struct vx_zone *have, struct vx_zone_tangle out[VX_ZONE_TANGLES_MAX]);
/*
 * A name that such records can lead to: the plan's host when it is not proxied, else one
 * of the zone like "mail" that is free, or has addresses of ours and nothing else. VX_OK;
 * VX_ENOENT: all that would be proposed are taken.
 */
VX_API int vx_zone_open_name(const struct vx_zone_plan *p, const struct vx_zone *have,
    char out[VX_DNS_NAME_MAX + 1]);

/* --- on paper ------------------------------------------------------------------------
 */

/*
 * A record's content as it is written into a zone: names with their dot, TXT in strings
 * of at most VX_ZONE_STRING_MAX octets within quotes (DNS-13).  Appended.
 */
VX_API void vx_zone_write_content(const struct vx_zone_record *r, struct vx_buf *out);
/* A line of a zone file with its LF, appended; the comment behind it if there is one. */
VX_API void vx_zone_write(const struct vx_zone_record *r, struct vx_buf *out);

VX_END_DECLS

#endif
