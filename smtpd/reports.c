#include "smtpd/reports.h"

void smtpd_report_addresses(const struct vx_config *c, struct vx_smtp_service_options *o)
{
	if (!c->reports_receive)
		return;
	o->dmarc_address = c->reports_dmarc_address;
	o->tls_address = c->reports_tls_address;
}

int smtpd_report_batch(struct vx_worker *w, struct vx_report_batch **out)
{
	const struct vx_report_batch_options o = { .struct_size = sizeof(o),
		.store = w->store, .log = w->log, .dmarc = w->config->reports_dmarc != 0,
		.tls = w->config->reports_tls != 0 };

	return vx_report_batch_new(&o, out);
}

int smtpd_report_sender(struct vx_worker *w, struct vx_report_sender **out)
{
	const struct vx_config *c = w->config;
	const struct vx_report_sender_options o = { .struct_size = sizeof(o),
		.store = w->store, .log = w->log, .loop = w->loop, .hostname = c->hostname,
		.organization = c->reports_organization, .email = c->reports_email,
		.dmarc_address = c->reports_dmarc_address,
		.tls_address = c->reports_tls_address,
		.delimiter = c->subaddress_delimiter[0], .dmarc = c->reports_dmarc != 0,
		.tls = c->reports_tls != 0, .receive = c->reports_receive != 0 };

	return vx_report_sender_new(&o, out);
}
