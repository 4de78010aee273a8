/* dns.h - what vectisctl dns and vectisctl domain check share. */
#ifndef VECTISCTL_DNS_H
#define VECTISCTL_DNS_H

#include "vectisctl/ctl.h"

#include "runtime/once.h"
#include "vectis/acme_setup.h"
#include "vectis/cloudflare.h"
#include "vectis/diagnose.h"
#include "vectis/dkim_keys.h"
#include "vectis/tls.h"

struct ctl_dns {
	char domain[VX_DNS_NAME_MAX + 1];
	unsigned flags; /* of the domain */
	struct vx_arena arena;
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
	/* what has to be, and what has to be done */
	struct vx_zone_plan *plan; /* own; NULL: not yet */
	struct vx_zone_diff *diff; /* own; NULL */
	bool secure;               /* the server's zone is signed */
	/* what acmed keeps: the URI of the account, what the last attempt failed by; ""
	 */
	char account[VX_ACME_URL_MAX + 1], acme_problem[VX_ACME_TEXT_MAX + 1];
	/* for a diagnosis, which goes on where others stop and asks by itself */
	bool tolerant;
	char secrets_problem[VX_ERROR_TEXT_MAX];
	uint64_t deadline_ms; /* of ctl_dns_now_ms; 0: none */
};

/*
 * The domain of args[0], secrets.yaml, the store, and a resolver: CTL_OK, or it is
 * reported.  ctl_dns_close in each case.
 */
int ctl_dns_open(struct ctl *c, struct ctl_dns *d);
void ctl_dns_close(struct ctl_dns *d);
/* Make the plan; zone: NULL, the domain. */
int ctl_dns_plan(struct ctl *c, struct ctl_dns *d, const char *zone);
/* Run the task that was begun to its end: CTL_OK, or what went wrong is reported. */
int ctl_dns_run(struct ctl *c, struct ctl_dns *d, int begun);
/* The same, silently; its result is vx_cf_result. */
void ctl_dns_try(struct ctl_dns *d, int begun);
uint64_t ctl_dns_now_ms(void);
/* One HTTPS request; VX_OK, or our own failure. */
int ctl_dns_fetch(struct ctl_dns *d, struct vx_once_request *r, uint64_t ms_max);

#endif
