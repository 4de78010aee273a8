/* check.h - what the parts of vectisctl domain check share. */
#ifndef VECTISCTL_CHECK_H
#define VECTISCTL_CHECK_H

#include "vectisctl/dns.h"

#define CTL_CHECK_PAGES 3

struct checking {
	struct ctl *c;
	struct ctl_dns d;
	struct vx_diag_facts f;
	struct vx_diag_port ports[VX_DIAG_PORTS_MAX];
	struct vx_dnsbl lists[VX_DIAG_LISTS_MAX];
	struct vx_cf_result token;
	struct vx_cf_state state;
	struct vx_certs_entry cert;
	struct vx_once_request requests[CTL_CHECK_PAGES];
	char urls[CTL_CHECK_PAGES][VX_FETCH_URL_MAX + 1];
	struct vx_diag_web pages[CTL_CHECK_PAGES];
	struct vx_tls_cert_info web_cert;
	struct vx_diag_client old_clients[CTL_OLD_CLIENTS_MAX];
	char stale[VX_DIAG_SEEN_MAX], relay[VX_DNS_NAME_MAX + 1], distrust[300];
	uint64_t end_ms;
};

/* Milliseconds that are left of the whole, at least 1. */
uint64_t ctl_check_left(const struct checking *k);
/* What ports, web servers and a far host say: sets the facts. */
void ctl_check_reach(struct checking *k);
/* What other servers of the DNS say, to the diagnosis. */
void ctl_check_others(struct checking *k, struct vx_diag *d);
/* Give back what the facts point to. */
void ctl_check_done(struct checking *k);

#endif
