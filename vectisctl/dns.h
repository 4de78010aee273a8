/* dns.h - what vectisctl dns and vectisctl domain check share. */
#ifndef VECTISCTL_DNS_H
#define VECTISCTL_DNS_H

#include "vectisctl/ctl.h"

#include "runtime/once.h"
#include "vectis/acme_setup.h"
#include "vectis/cloudflare.h"
#include "vectis/diagnose.h"
#include "vectis/dkim_keys.h"
#include "vectis/ownership.h"
#include "vectis/sts.h"
#include "vectis/tls.h"

#define CTL_ACME_MAX 32 /* certificates that are asked for; more are not looked at */

struct ctl_dns {
	char domain[VX_DNS_NAME_MAX + 1];
	unsigned flags;                  /* of the domain */
	char backup[VX_ADDRESS_MAX + 1]; /* where its mail goes meanwhile; "" */
	char
	    verify[VX_OWNERSHIP_TEXT_MAX + 1]; /* proves whose it is; "": not asked for */
	bool verified;
	bool removes; /* records are only taken out */
	bool gone;    /* the domain is not here: for such as may be (may_be_gone) */
	bool may_be_gone;
	bool writes;                    /* the store is to be changed */
	char id[VX_DKIM_ID_OCTETS + 1]; /* of this installation */
	const char *hostname;           /* of the server; NULL: the configuration's */
	const char *beside; /* the one that it has as well while it is moved; NULL */
	const char *former; /* the one whose records go; NULL */
	char moves_from[VX_DNS_NAME_MAX + 1], moves_to[VX_DNS_NAME_MAX + 1];
	bool host_only; /* no more than the addresses of its name */
	bool tlsa_only; /* no more than its TLSA records */
	struct vx_arena arena, of_domain;
	struct vx_once *once; /* own */
	struct vx_cf *cf;     /* own; NULL: there is no token */
	/* what is known of server and domain */
	const char *addresses[VX_ZONE_ADDRESSES_MAX];
	size_t address_count;
	struct vx_zone_dkim dkim[VX_DKIM_DOMAIN_KEYS_MAX];
	struct vx_diag_key keys[VX_DKIM_DOMAIN_KEYS_MAX]; /* the same, with their times */
	size_t dkim_count;
	const char *tlsa[VX_ZONE_KEYS_MAX];
	size_t tlsa_count;
	/* of what acmed keeps: keys in use, next ones, and such as were used */
	char acme_tlsa[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS];
	size_t acme_tlsa_count;
	/* what has to be, and what has to be done */
	struct vx_zone_plan *plan; /* own; NULL: not yet */
	struct vx_zone_diff *diff; /* own; NULL */
	bool secure;               /* the server's zone is signed */
	struct vx_buf policy;      /* own; of MTA-STS, and its id; empty: none */
	char policy_id[VX_STS_ID_MAX + 1];
	/* Email Routing: what has to be done, and to which address; NULL: it ends */
	const char *backup_to;
	bool backup_asked;
	enum vx_cf_todo todo[VX_CF_TODO_MAX];
	size_t todo_count;
	/* what acmed keeps: who gives certificates, and which are asked for */
	struct vx_zone_authority authorities[VX_ZONE_KEYS_MAX];
	size_t authority_count;
	/* names that records can prove for good, where an authority offers that */
	struct vx_zone_proof proofs[VX_ZONE_PROOFS_MAX];
	size_t proof_count;
	struct ctl_acme_cert {
		char id[VX_ACME_ID_MAX + 1], names[200]; /* names: cut */
		char problem[300]; /* what the last attempt failed by, cut; "" */
		bool there;        /* of some kind */
	} acme[CTL_ACME_MAX];
	size_t acme_count;
	char
	    acme_names[4096]; /* that certificates are ordered for; blanks between them */
	/* for a diagnosis, which goes on where others stop and asks by itself */
	bool tolerant;
	/* before the store is opened, as whoever opens it; NULL: nothing */
	int (*look)(struct ctl *c, struct ctl_dns *d);
	char secrets_problem[VX_ERROR_TEXT_MAX];
	uint64_t deadline_ms; /* of ctl_dns_now_ms; 0: none */
	/* how many seconds our clock is fast, as the last answer by HTTPS has it */
	bool clock_known;
	int64_t clock_skew;
};

/*
 * The domain of args[0], secrets.yaml, the store, and a resolver: CTL_OK, or it is
 * reported.  ctl_dns_close in each case.
 */
int ctl_dns_open(struct ctl *c, struct ctl_dns *d);
/* The same without a domain; ctl_dns_select before anything that is about one. */
int ctl_dns_open_server(struct ctl *c, struct ctl_dns *d);
int ctl_dns_select(struct ctl *c, struct ctl_dns *d, const char *domain);
/* For ctl_dkim_make and others: the store, a token and a resolver, as far as there are.
 */
int ctl_dns_open_keys(struct ctl *c, struct ctl_dns *d);
/* The server's own name in the place of a domain, for a plan of that alone. */
void ctl_dns_select_host(struct ctl_dns *d, const char *name);
void ctl_dns_close(struct ctl_dns *d);
/* The addresses alone, into an arena that is there: perhaps none. */
void ctl_dns_addresses(struct ctl *c, struct ctl_dns *d);
/* Make the plan; zone: NULL, the domain. */
int ctl_dns_plan(struct ctl *c, struct ctl_dns *d, const char *zone);
/* Run the task that was begun to its end: CTL_OK, or what went wrong is reported. */
int ctl_dns_run(struct ctl *c, struct ctl_dns *d, int begun);
/* The same, silently; its result is vx_cf_result. */
void ctl_dns_try(struct ctl_dns *d, int begun);

/* cmd_dns.c: plan, compare with the zone that was loaded, and say what would be done. */
int ctl_dns_compare_loaded(struct ctl *c, struct ctl_dns *d, unsigned flags);
/* Keep the zone as it was, do it, and look whether it is done. */
int ctl_dns_change(struct ctl *c, struct ctl_dns *d, unsigned flags);
/*
 * Take out what was made for the domain, after a question.  offers: who says no to it has
 * not failed.  done: nothing of it is left.
 */
int ctl_dns_withdraw(struct ctl *c, struct ctl_dns *d, bool offers, bool *done);
/* --yes, or a person says so. */
int ctl_dns_confirm(struct ctl *c, const char *question);

/* dkim_make.c: keys under names that are free in the DNS, and what is said of that. */

/* The first ones of a domain. */
int ctl_dkim_make(struct ctl *c, struct ctl_dns *d, const char *domain);
/* New ones, and all others are removed. */
int ctl_dkim_regenerate(struct ctl *c, const char *domain);
/*
 * New ones that sign after some hours; those that do now sign until then, but for such
 * whose names the DNS has given to another server: they are removed.  hours NULL: it was
 * not said, and is the standard, or 0 where one was removed.
 */
int ctl_dkim_rotate(struct ctl *c, struct ctl_dns *d, const char *domain,
    const uint64_t *hours, uint64_t standard);

/* move_state.c: is the server on its way to another name, and do domains lead there? */
bool ctl_move_names(
    const struct ctl *c, char from[VX_DNS_NAME_MAX + 1], char to[VX_DNS_NAME_MAX + 1]);

/* dns_kept.c: what is known of authorities, and of SPF records that are not ours. */

/* Names that authorities take records of dns-persist-01 for, by what acmed keeps. */
void ctl_dns_find_proofs(struct ctl_dns *d, const struct vx_acme *core);
/* What was merged into an SPF record of others, for a wish.  NULL: no memory. */
const char *ctl_dns_merged(const struct ctl *c, struct ctl_dns *d);
/* Remember it, before a difference is applied, and when it is done. */
int ctl_dns_keep_merged(struct ctl *c, struct ctl_dns *d, bool before);

/* Forget it: nothing of the domain is left there. */
int ctl_dns_forget_merged(struct ctl *c, const struct ctl_dns *d);

/* domain_remove.c: the command. */
int ctl_domain_remove(struct ctl *c);

/* dns_more.c: what a plan has beside records. */

/* A record as an object, its value as it is written into a zone. */
json_t *ctl_dns_record(const struct vx_zone_record *r);
void ctl_dns_say_record(
    struct ctl *c, const char *before, const struct vx_zone_record *r, const char *after);
/* The policy of MTA-STS, which has to be served. */
void ctl_dns_say_policy(struct ctl *c, const struct ctl_dns *d);
/* What leads to proxies, and what to do about it.  The zone was loaded. */
void ctl_dns_say_tangles(struct ctl *c, const struct ctl_dns *d);
/* Is the zone signed, and does its registrar know? */
void ctl_dns_say_dnssec(struct ctl *c, struct ctl_dns *d);
/* Does the backup server that is declared have addresses?  A warning, if not. */
void ctl_dns_check_backup(struct ctl *c, struct ctl_dns *d);
/*
 * What Email Routing needs for the declared state, or (VX_ZONE_WITHDRAW) for there to be
 * no backup, is in todo afterwards.  The zone was loaded.
 */
int ctl_dns_ask_backup(struct ctl *c, struct ctl_dns *d, unsigned flags);
void ctl_dns_say_backup(struct ctl *c, const struct ctl_dns *d);
/* VX_ZONE_UNLOCK, if that is to be done. */
unsigned ctl_dns_unlocks(const struct ctl_dns *d);
/* Before records are changed: begin; afterwards: end.  Nothing, if that is not to do. */
int ctl_dns_begin_backup(struct ctl *c, struct ctl_dns *d, bool take);
int ctl_dns_end_backup(struct ctl *c, struct ctl_dns *d);

uint64_t ctl_dns_now_ms(void);
/* Take the time from an answer's field Date; "" and what is none are ignored. */
void ctl_dns_clock(struct ctl_dns *d, const char *date);
/* One HTTPS request; VX_OK, or our own failure. */
int ctl_dns_fetch(struct ctl_dns *d, struct vx_once_request *r, uint64_t ms_max);

#endif
