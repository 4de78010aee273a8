/* smtpd: receives mail from servers and users. */
#include "runtime/runtime.h"
#include "vectis/smtp_service.h"

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

static int from_server(void *service, const struct vx_peer *peer, struct vx_session_host *host,
    struct vx_session **out)
{
	return vx_smtp_session_new(service, VX_SMTP_MX, peer, host, out);
}

static int from_user(void *service, const struct vx_peer *peer, struct vx_session_host *host,
    struct vx_session **out)
{
	return vx_smtp_session_new(service, VX_SMTP_SUBMISSION, peer, host, out);
}

static int start(struct vx_worker *w, void **service)
{
	const struct vx_smtp_service_options o = { .struct_size = sizeof(o), .store = w->store,
		.auth = w->auth, .log = w->log, .loop = w->loop,
		.hostname = w->config->hostname, .banner = w->config->smtp_banner,
		.message_octets_max = w->config->message_octets_max,
		.recipients_max = w->config->smtp_recipients_max,
		.received_max = w->config->smtp_received_max,
		.login_s = w->config->login_s, .idle_s = w->config->smtp_idle_s,
		.delimiter = w->config->subaddress_delimiter[0] };
	struct vx_smtp_service *s;
	const int rc = vx_smtp_service_new(&o, &s);

	if (rc == VX_OK)
		*service = s;
	return rc;
}

static void stop(void *service)
{
	vx_smtp_service_free(service);
}

int main(int argc, char **argv)
{
	static const char busy[] = "421 4.7.0 too many connections, try again later\r\n";
	static const struct vx_daemon smtpd = {
		.name = "smtpd",
		.store = true,
		.resolves = true,
		.listeners = { { .name = "smtp", .where = where_smtp, .busy = busy,
				   .session = from_server },
		    { .name = "submission", .where = where_submission, .busy = busy,
			.session = from_user },
		    { .name = "submissions", .where = where_submissions, .tls = true,
			.session = from_user } },
		.listener_count = 3,
		.start = start,
		.stop = stop,
	};

	return vx_daemon_main(argc, argv, &smtpd);
}
