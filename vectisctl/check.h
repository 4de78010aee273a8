/* check.h - what the parts of vectisctl domain check share. */
#ifndef VECTISCTL_CHECK_H
#define VECTISCTL_CHECK_H

#include "vectisctl/dns.h"
#include "vectisctl/history.h"
#include "vectisctl/notes.h"
#include "vectisctl/process.h"

#include "vectis/address.h"

#define CTL_CHECK_PAGES 4
#define CTL_CHECK_CERTS 32     /* beside the server's */
#define CTL_CHECK_MAILBOXES 20 /* full ones that are named */

struct checking {
	struct ctl *c;
	struct ctl_dns d;
	struct vx_diag_facts f;
	struct vx_diag_port ports[VX_DIAG_PORTS_MAX];
	struct vx_dnsbl lists[VX_DIAG_LISTS_MAX];
	struct vx_cf_result token;
	struct vx_cf_state state;
	struct vx_certs_entry cert;
	char methods[64];
	struct vx_diag_cert certs[CTL_CHECK_CERTS];
	char cert_names[CTL_CHECK_CERTS][300], cert_problems[CTL_CHECK_CERTS][300];
	struct vx_once_request requests[CTL_CHECK_PAGES];
	char urls[CTL_CHECK_PAGES][VX_FETCH_URL_MAX + 1];
	struct vx_diag_web pages[CTL_CHECK_PAGES];
	struct vx_tls_cert_info web_cert;
	struct vx_diag_client old_clients[CTL_OLD_CLIENTS_MAX];
	struct vx_diag_server server;
	struct vx_diag_mailbox mailboxes[CTL_CHECK_MAILBOXES];
	char names[CTL_CHECK_MAILBOXES][VX_ADDRESS_MAX + 1];
	char running[64], stopped[64];
	struct ctl_saved saved;
	char store_problem[CTL_ERROR_MAX], proved_problem[CTL_ERROR_MAX];
	struct ctl_processes processes;
	char program[3 * PATH_MAX]; /* vectisctl store backup, of this one */
	struct vx_buf drift;        /* own */
	struct ctl_past past;
	char token80[64], content80[64], say80[512]; /* what is asked on port 80 */
	char stale[VX_DIAG_SEEN_MAX], relay[VX_DNS_NAME_MAX + 1], distrust[300];
	char move_left[600], move_host[VX_DNS_NAME_MAX + 1],
	    move_other[VX_DNS_NAME_MAX + 1];
	uint64_t end_ms;
};

/* Milliseconds that are left of the whole, at least 1. */
uint64_t ctl_check_left(const struct checking *k);
/* What is known of the server itself: the first as root, the second with the store. */
void ctl_check_config(struct checking *k);
/* What is installed, beside what acmed keeps, which was read as root. */
void ctl_check_certs(struct checking *k);
void ctl_check_server(struct checking *k);
/* Look at the store before it is opened here: CTL_FAILED when it must not be. */
int ctl_check_store_first(struct ctl *c, struct ctl_dns *d);
/* Is the server on its way to another name?  Both are right then. */
void ctl_check_move(struct checking *k);
/* What became of mail and logins lately. */
void ctl_check_flow(struct checking *k);
/* What Cloudflare's API says of the domain: sets the facts. */
void ctl_check_cloudflare(struct checking *k);
/* What ports, web servers and a far host say: sets the facts. */
void ctl_check_reach(struct checking *k);
/* Run the rounds of questions to the resolver, as long as there is time. */
void ctl_check_ask(struct vx_once *once, struct vx_diag *d, uint64_t end_ms);
/* Whether mail may leave, to an address of the far host; UNTRIED: it has none. */
enum vx_diag_reached ctl_check_far(
    struct vx_once *once, uint16_t port, const struct vx_dns_answer *a);
/* What other servers of the DNS say, to the diagnosis. */
void ctl_check_others(struct checking *k, struct vx_diag *d);
/*
 * All findings, in the result, too: CTL_FAILED when one is FAIL.  past: what was found
 * before; NULL: that is not kept.
 */
int ctl_check_say_all(struct ctl *c, const struct vx_diag *d, const char *what,
    const struct ctl_past *past);
/* Give back what the facts point to. */
void ctl_check_done(struct checking *k);

#endif
