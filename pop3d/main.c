/* pop3d: hands users their mail by POP3. */
#include "runtime/runtime.h"
#include "vectis/memory.h"
#include "vectis/pop3_service.h"

#include <stdio.h>

struct service {
	struct vx_pop3_service *pop3; /* own */
	char lock_path[512];
};

static const struct vx_listen_list *where(const struct vx_config *c)
{
	return &c->pop3s_listen;
}

static int session(void *service, const struct vx_peer *peer,
    struct vx_session_host *host, struct vx_session **out)
{
	return vx_pop3_session_new(((struct service *)service)->pop3, peer, host, out);
}

static int start(struct vx_worker *w, void **out)
{
	struct service *s = vx_memory_alloc(sizeof(*s));
	struct vx_pop3_service_options o = { .struct_size = sizeof(o),
		.store = w->store,
		.auth = w->auth,
		.log = w->log,
		.login_s = w->config->login_s,
		.idle_s = w->config->pop3_idle_s };
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	(void)snprintf(
	    s->lock_path, sizeof(s->lock_path), "%.480s/pop3.lock", w->config->run_dir);
	o.lock_path = s->lock_path;
	rc = vx_pop3_service_new(&o, &s->pop3);
	if (rc == VX_OK)
		*out = s;
	else
		vx_memory_free(s);
	return rc;
}

static void stop(void *service)
{
	vx_pop3_service_free(((struct service *)service)->pop3);
	vx_memory_free(service);
}

int main(int argc, char **argv)
{
	static const struct vx_daemon pop3d = {
		.name = "pop3d",
		.store = true,
		.listeners = { { .name = "pop3s",
		    .where = where,
		    .tls = true,
		    .alpn = "pop3",
		    .session = session } },
		.listener_count = 1,
		.start = start,
		.stop = stop,
	};

	return vx_daemon_main(argc, argv, &pop3d);
}
