/* imapd: users read and order their mail by IMAP. */
#include "runtime/runtime.h"
#include "vectis/imap_service.h"

static const struct vx_listen_list *where(const struct vx_config *c)
{
	return &c->imaps_listen;
}

static int session(void *service, const struct vx_peer *peer,
    struct vx_session_host *host, struct vx_session **out)
{
	return vx_imap_session_new(service, peer, host, out);
}

static int start(struct vx_worker *w, void **service)
{
	const struct vx_imap_service_options o = { .struct_size = sizeof(o),
		.store = w->store,
		.auth = w->auth,
		.log = w->log,
		.hostname = w->config->hostname,
		.message_octets_max = w->config->message_octets_max,
		.idle_s = w->config->imap_idle_s,
		.no_sharing = w->config->imap_sharing == 0,
		.login_s = w->config->login_s };
	struct vx_imap_service *s;
	const int rc = vx_imap_service_new(&o, &s);

	if (rc == VX_OK)
		*service = s;
	return rc;
}

static void stop(void *service)
{
	vx_imap_service_free(service);
}

int main(int argc, char **argv)
{
	static const struct vx_daemon imapd = {
		.name = "imapd",
		.store = true,
		.searches = true,
		.has_all_mail = true,
		.listeners = { { .name = "imaps",
		    .where = where,
		    .tls = true,
		    .alpn = "imap",
		    .session = session } },
		.listener_count = 1,
		.start = start,
		.stop = stop,
	};

	return vx_daemon_main(argc, argv, &imapd);
}
