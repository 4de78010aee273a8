/* smtpd: receives mail from servers and users; one process more sends what is queued. */
#include "runtime/fetch.h"
#include "runtime/runtime.h"
#include "smtpd/receive.h"
#include "smtpd/reports.h"
#include "vectis/memory.h"
#include "vectis/sender.h"
#include "vectis/verifier.h"

static const struct vx_listen_list *where_smtp(const struct vx_config *c)
{
	return &c->smtp_listen;
}

static const struct vx_listen_list *where_submission(const struct vx_config *c)
{
	return &c->submission_listen;
}

static const struct vx_listen_list *where_submissions(const struct vx_config *c)
{
	return &c->submissions_listen;
}

/* --- the process that sends
 * --------------------------------------------------------------- */

struct sending {
	struct vx_sender *sender; /* own, like these */
	struct vx_report_sender *reports;
	struct vx_report_batch *seen; /* of TLS with other servers */
	struct vx_verifier *verifier;
	struct vx_loop *loop;
	char addresses[VX_OWN_ADDRESSES_MAX][48];
	const char *self[VX_OWN_ADDRESSES_MAX];
};

/* Mail to an address of this host is a loop, if it comes to a port of ours there. */
static size_t own_addresses(struct sending *s, const struct vx_config *c)
{
	size_t count = vx_own_addresses(s->addresses, VX_OWN_ADDRESSES_MAX);
	bool ours = false;

	for (size_t i = 0; i < c->smtp_listen.count; i++)
		ours = ours || c->smtp_listen.items[i].port == c->sending_port;
	for (size_t i = 0; i < count; i++)
		s->self[i] = s->addresses[i];
	return ours ? count : 0;
}

static void stop_sending(void *service)
{
	struct sending *s = service;

	vx_verifier_free(s->verifier);
	vx_report_sender_free(s->reports);
	vx_sender_free(s->sender);
	vx_report_batch_free(s->seen);
	vx_memory_free(s);
}

static int start_sending(struct vx_worker *w, void **service)
{
	const struct vx_config *c = w->config;
	const struct vx_verifier_options verify = { .struct_size = sizeof(verify),
		.store = w->store,
		.log = w->log,
		.loop = w->loop };
	struct sending *s = vx_memory_alloc(sizeof(*s));
	struct vx_sender_options o = { .struct_size = sizeof(o),
		.store = w->store,
		.log = w->log,
		.loop = w->loop,
		.hostname = c->hostname,
		.port = (uint16_t)c->sending_port,
		.delimiter = c->subaddress_delimiter[0],
		.connections = c->sending_connections,
		.connections_each = c->sending_connections_each,
		.messages_each = c->sending_messages_each,
		.retry_s = c->sending_retry_s,
		.retry_max_s = c->sending_retry_max_s,
		.warn_s = c->sending_warn_hours * 3600,
		.expire_s = c->sending_expire_hours * 3600,
		.sts_port = (uint16_t)c->sending_sts_port,
		.sts_ms = c->sending_sts_s * 1000 };
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	o.self = s->self;
	o.self_count = own_addresses(s, c);
	s->loop = w->loop;
	rc = smtpd_report_sender(w, &s->reports);
	if (rc == VX_OK)
		rc = smtpd_report_batch(w, &s->seen);
	o.reports = s->seen;
	if (rc == VX_OK)
		rc = vx_sender_new(&o, &s->sender);
	if (rc == VX_OK)
		rc = vx_verifier_new(&verify, &s->verifier);
	if (rc != VX_OK)
		stop_sending(s);
	else
		*service = s;
	return rc;
}

static void tick_sending(void *service)
{
	struct sending *s = service;

	vx_sender_tick(s->sender);
	vx_report_sender_tick(s->reports);
	vx_report_batch_tick(s->seen, s->loop->now_s(s->loop));
	vx_verifier_tick(s->verifier);
}

int main(int argc, char **argv)
{
	static const char busy[] = "421 4.7.0 too many connections, try again later\r\n";
	static const struct vx_daemon sender = {
		.name = "sender",
		.store = true,
		.resolves = true,
		.connects = true,
		.fetches = true,
		.start = start_sending,
		.stop = stop_sending,
		.tick = tick_sending,
		.beside = &vx_fetch_daemon,
	};
	/*
	 * SMTP has no registered name for ALPN, and its clients send none: who sends
	 * others only was sent here by somebody else, such as a browser (ALPACA).
	 */
	static const char alpn[] = "smtp";
	static const struct vx_daemon smtpd = {
		.name = "smtpd",
		.store = true,
		.resolves = true,
		.listeners = { { .name = "smtp",
				   .where = where_smtp,
				   .busy = busy,
				   .alpn = alpn,
				   .session = smtpd_from_server },
		    { .name = "submission",
			.where = where_submission,
			.busy = busy,
			.alpn = alpn,
			.session = smtpd_from_user },
		    { .name = "submissions",
			.where = where_submissions,
			.tls = true,
			.alpn = alpn,
			.session = smtpd_from_user } },
		.listener_count = 3,
		.start = smtpd_receive_start,
		.stop = smtpd_receive_stop,
		.tick = smtpd_receive_tick,
		.beside = &sender,
	};

	return vx_daemon_main(argc, argv, &smtpd);
}
