#include "smtpd/receive.h"

#include "smtpd/reports.h"
#include "vectis/memory.h"
#include "vectis/smtp_service.h"

#include <stdio.h>

struct receiving {
	struct vx_smtp_service *service; /* own */
	struct vx_report_batch *reports; /* own */
	struct vx_loop *loop;
	struct vx_dnsbl blocklists[VX_CONFIG_LIST_MAX];
	struct vx_network trusted[VX_CONFIG_LIST_MAX];
	char rates[512];
};

/* Both were checked when the configuration was read. */
static void parse_lists(struct receiving *r, const struct vx_config *c)
{
	bool exact;

	for (size_t i = 0; i < c->smtp_blocklists.count; i++)
		(void)vx_dnsbl_parse(
		    vx_slice_str(c->smtp_blocklists.items[i]), &r->blocklists[i]);
	for (size_t i = 0; i < c->smtp_trusted.count; i++)
		(void)vx_network_parse(
		    vx_slice_str(c->smtp_trusted.items[i]), &r->trusted[i], &exact);
}

static void set_checks(
    struct receiving *r, const struct vx_config *c, struct vx_smtp_service_options *o)
{
	parse_lists(r, c);
	(void)snprintf(r->rates, sizeof(r->rates), "%.480s/mail-rates", c->run_dir);
	o->verify = c->mailauth_verify != 0;
	o->dmarc = (unsigned)c->mailauth_dmarc;
	o->spf_refuses = c->mailauth_spf_fail != 0;
	o->refuse_score = (unsigned)c->smtp_refuse_score;
	o->blocklists = r->blocklists;
	o->blocklist_count = o->verify ? c->smtp_blocklists.count : 0;
	o->trusted = r->trusted;
	o->trusted_count = c->smtp_trusted.count;
	o->greylist = c->smtp_greylist != 0;
	o->greylist_s = (uint32_t)c->smtp_greylist_s;
	o->connections_minute = (uint32_t)c->smtp_connections_minute;
	o->messages_minute = (uint32_t)c->smtp_messages_minute;
	o->recipients_minute = (uint32_t)c->smtp_recipients_minute;
	o->rates_path = r->rates;
}

void smtpd_receive_stop(void *service)
{
	struct receiving *r = service;

	vx_smtp_service_free(r->service);
	vx_report_batch_free(r->reports);
	vx_memory_free(r);
}

int smtpd_receive_start(struct vx_worker *w, void **service)
{
	const struct vx_config *c = w->config;
	struct vx_smtp_service_options o = { .struct_size = sizeof(o), .store = w->store,
		.auth = w->auth, .log = w->log, .loop = w->loop, .hostname = c->hostname,
		.banner = c->smtp_banner, .message_octets_max = c->message_octets_max,
		.recipients_max = c->smtp_recipients_max,
		.submission_octets_max = c->sending_octets_max,
		.hold_max_s = c->sending_hold_days * 86400,
		.mailbox_hour = (uint32_t)c->sending_mailbox_hour,
		.domain_hour = (uint32_t)c->sending_domain_hour,
		.received_max = c->smtp_received_max, .login_s = c->login_s,
		.idle_s = c->smtp_idle_s, .rate_min = c->smtp_rate_min,
		.delimiter = c->subaddress_delimiter[0] };
	struct receiving *r = vx_memory_alloc(sizeof(*r));
	int rc;

	if (r == NULL)
		return VX_ENOMEM;
	r->loop = w->loop;
	set_checks(r, c, &o);
	smtpd_report_addresses(c, &o);
	rc = smtpd_report_batch(w, &r->reports);
	o.reports = r->reports;
	if (rc == VX_OK)
		rc = vx_smtp_service_new(&o, &r->service);
	if (rc == VX_OK)
		*service = r;
	else
		smtpd_receive_stop(r);
	return rc;
}

void smtpd_receive_tick(void *service)
{
	struct receiving *r = service;

	vx_smtp_service_tick(r->service);
	vx_report_batch_tick(r->reports, r->loop->now_s(r->loop));
}

int smtpd_from_server(void *service, const struct vx_peer *peer, struct vx_session_host *host,
    struct vx_session **out)
{
	return vx_smtp_session_new(
	    ((struct receiving *)service)->service, VX_SMTP_MX, peer, host, out);
}

int smtpd_from_user(void *service, const struct vx_peer *peer, struct vx_session_host *host,
    struct vx_session **out)
{
	return vx_smtp_session_new(
	    ((struct receiving *)service)->service, VX_SMTP_SUBMISSION, peer, host, out);
}
