#include "runtime/worker.h"
#include "runtime/publish.h"

#include "runtime/sandbox.h"
#include "vectis/crypto.h"
#include "vectis/memory.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static struct vx_server *server_of(struct vx_loop *loop)
{
	return (
	    struct vx_server *)(void *)((char *)loop - offsetof(struct vx_server, host));
}

static int submit(struct vx_loop *loop, struct vx_job *job)
{
	return vx_work_submit(server_of(loop)->work, job);
}

static int64_t now_s(struct vx_loop *loop)
{
	(void)loop;
	return vx_now_s();
}

static uint64_t now_ms(struct vx_loop *loop)
{
	(void)loop;
	return vx_now_ms();
}

static int ask(struct vx_loop *loop, struct vx_lookup *l)
{
	return vx_resolver_ask(server_of(loop)->resolver, l);
}

static void forget(struct vx_loop *loop, struct vx_lookup *l)
{
	vx_resolver_forget(server_of(loop)->resolver, l);
}

static int dial(struct vx_loop *loop, const struct vx_dial *d, struct vx_session *session)
{
	return vx_conn_dial(server_of(loop), d, session);
}

static int fetch(struct vx_loop *loop, struct vx_fetch *f)
{
	return vx_away_fetch(server_of(loop)->away, f);
}

static void drop(struct vx_loop *loop, struct vx_fetch *f)
{
	vx_away_drop(server_of(loop)->away, f);
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* its only effect is that the loop does not sleep */
}

void vx_worker_stay_awake(struct vx_server *s)
{
	(void)uv_idle_start(&s->idle, on_idle);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct vx_server *s = prepare->data;

	vx_conn_drive_awake(s);
	if (s->awake == NULL)
		(void)uv_idle_stop(&s->idle);
}

static void on_store(uv_poll_t *poll, int status, int events)
{
	struct vx_server *s = poll->data;

	(void)status;
	(void)events;
	vx_store_dispatch(s->worker.store);
	vx_conn_drive_awake(s);
}

/* Where a file of this process is; end: "" or more of its name. */
static void own_path(const struct vx_server *s, const char *end, char path[512])
{
	(void)snprintf(path, 512, "%.400s/%s.%d%s", s->worker.config->run_dir,
	    s->def->name, (int)getpid(), end);
}

/* Say which certificate and which manifest are served, for acmed and vectisctl. */
static void publish_serial(struct vx_server *s)
{
	const struct vx_certs *const certs = s->worker.certs;
	char path[512], text[160];
	FILE *f;

	if (s->beside) /* it serves none */
		return;
	own_path(s, "", path);
	f = fopen(path, "w");
	if (f == NULL)
		return;
	(void)snprintf(text, sizeof(text), "%s\n%lld\n%s\n",
	    vx_tls_certs_serial(vx_certs_get(s->worker.certs)), (long long)vx_now_s(),
	    vx_certs_mark(certs));
	(void)fwrite(text, 1, strlen(text), f);
	(void)fclose(f);
}

/* Say whose TLS is too old, for vectisctl status and domain check. */
static void publish_old_clients(struct vx_server *s)
{
	char path[512];

	own_path(s, ".old", path);
	(void)vx_old_clients_write(&s->old, path);
}

/* The same of logins that failed. */
static void publish_refusals(struct vx_server *s)
{
	struct vx_buf text = { .max = (size_t)VX_AUTH_REFUSED_LINE_MAX *
				      (VX_AUTH_REFUSED_KNOWN + VX_AUTH_REFUSED_UNKNOWN) };
	char path[512];

	own_path(s, ".refused", path);
	if (s->worker.auth != NULL &&
	    vx_auth_refusals(s->worker.auth, &text) == VX_DATA && !text.failed)
		(void)vx_publish(path, vx_buf_slice(&text));
	vx_buf_done(&text);
}

/* One of the same number may have been killed. */
static void forget_published(const struct vx_server *s)
{
	char path[512];

	own_path(s, ".old", path);
	(void)unlink(path);
	own_path(s, ".refused", path);
	(void)unlink(path);
}

static void on_certs(uv_poll_t *poll, int status, int events)
{
	struct vx_server *s = poll->data;

	(void)status;
	(void)events;
	if (vx_certs_dispatch(s->worker.certs))
		publish_serial(s);
}

size_t vx_own_addresses(char out[][48], size_t max)
{
	uv_interface_address_t *list = NULL;
	int count = 0;
	size_t n = 0;

	if (uv_interface_addresses(&list, &count) < 0)
		return 0;
	for (int i = 0; i < count && n < max; i++) {
		const int rc = list[i].address.address4.sin_family == AF_INET
				   ? uv_ip4_name(&list[i].address.address4, out[n], 48)
				   : uv_ip6_name(&list[i].address.address6, out[n], 48);

		n += rc == 0;
	}
	uv_free_interface_addresses(list, count);
	return n;
}

static void on_sweep(uv_timer_t *timer);

static void stop(struct vx_server *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->stop_by_ms = vx_now_ms() + VX_STOP_MS;
	for (struct vx_listener *l = s->listeners; l != NULL; l = l->next)
		uv_close((uv_handle_t *)&l->handle, NULL);
	vx_conn_stop_all(s);
	(void)uv_timer_start(&s->sweep, on_sweep, 50, 50);
}

/* Tell the parent that the loop turns. */
static void beat(struct vx_server *s)
{
	if (write(s->beat_fd, &s->number, 1) < 0)
		return; /* it is full: the parent is late, not we */
}

static void accept_again(struct vx_server *s)
{
	for (struct vx_listener *l = s->listeners; l != NULL; l = l->next)
		if (l->waiting)
			l->waiting = vx_conn_accept(s, l) != VX_OK;
}

static void on_sweep(uv_timer_t *timer)
{
	struct vx_server *s = timer->data;

	s->ticks++;
	if (!s->stopping && getppid() != s->parent)
		stop(s); /* the parent died: nobody restarts or stops us */
	if (s->stopping && (s->conn_count == 0 || vx_now_ms() >= s->stop_by_ms)) {
		uv_stop(&s->loop);
		return;
	}
	vx_conn_sweep(s);
	if (s->stopping)
		return;
	beat(s);
	if (s->resolver != NULL)
		vx_resolver_sweep(s->resolver);
	if (s->away != NULL)
		vx_away_sweep(s->away);
	accept_again(s);
	publish_old_clients(s);
	publish_refusals(s);
	if (s->def->tick != NULL)
		s->def->tick(s->service);
	if (s->ticks % 60 == 0 && s->worker.certs != NULL &&
	    vx_certs_dispatch(s->worker.certs))
		publish_serial(s);
}

static void on_signal(uv_signal_t *sig, int number)
{
	struct vx_server *s = sig->data;

	(void)number;
	stop(s);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct vx_listener *l = stream->data;

	if (status == 0)
		l->waiting = vx_conn_accept(l->server, l) != VX_OK;
}

static int open_listener(struct vx_server *s, const struct vx_listener_def *def, int fd)
{
	struct vx_listener *l = vx_memory_alloc(sizeof(*l));

	if (l == NULL)
		return VX_ENOMEM;
	l->def = def;
	l->server = s;
	(void)uv_tcp_init(&s->loop, &l->handle);
	l->handle.data = l;
	/* the accepted sockets inherit it */
	if (uv_tcp_open(&l->handle, fd) < 0 || uv_tcp_nodelay(&l->handle, 1) < 0 ||
	    uv_listen((uv_stream_t *)&l->handle, 1024, on_connection) < 0)
		return VX_EIO;
	l->next = s->listeners;
	s->listeners = l;
	return VX_OK;
}

static const enum vx_tls_floor floors[] = { [VX_TLS_MINIMUM_1_0] = VX_TLS_FLOOR_1_0,
	[VX_TLS_MINIMUM_1_1] = VX_TLS_FLOOR_1_1,
	[VX_TLS_MINIMUM_1_2] = VX_TLS_FLOOR_1_2,
	[VX_TLS_MINIMUM_1_3] = VX_TLS_FLOOR_1_3 };

/* Requests of this process are made by the one beside it. */
static int open_away(struct vx_server *s)
{
	const int rc = vx_away_new(&s->loop, s->fetch_fd, &s->away);

	if (rc == VX_OK) {
		s->host.fetch = fetch;
		s->host.drop = drop;
	}
	return rc;
}

static int open_parts(struct vx_server *s, struct vx_error *err)
{
	const struct vx_config *c = s->worker.config;
	const struct vx_store_options o = { .struct_size = sizeof(o),
		.dir = c->state_dir,
		.log = s->worker.log,
		.volume_octets = c->store_volume_mb << 20,
		.ballast_octets = c->store_ballast_mb << 20,
		.grace_s = (uint32_t)c->store_grace_days * 86400,
		.search = !s->def->searches ? VX_STORE_SEARCH_NONE
			  : c->search_index ? VX_STORE_SEARCH_KEEP
					    : VX_STORE_SEARCH_OFF,
		.all = !s->def->has_all_mail ? VX_STORE_ALL_LEAVE
		       : c->imap_all_mail    ? VX_STORE_ALL_MAKE
					     : VX_STORE_ALL_DROP };
	struct vx_auth_options a = { .struct_size = sizeof(a),
		.hash_cost = (unsigned)c->auth_hash_cost,
		.scram_iterations = (unsigned)c->auth_scram_iterations,
		.cache_s = (unsigned)c->auth_cache_s };
	char certs[512], throttle[512];
	const struct vx_certs_options certs_options = { .struct_size =
							    sizeof(certs_options),
		.dir = certs,
		.hostname = c->hostname,
		.log = s->worker.log,
		.floor = floors[c->tls_minimum] };
	int rc = VX_OK;

	(void)snprintf(throttle, sizeof(throttle), "%.480s/logins", c->run_dir);
	a.throttle_path = throttle;

	if (s->def->store)
		rc = vx_store_open(&o, &s->worker.store, err);
	a.store = s->worker.store;
	if (rc == VX_OK && s->def->store)
		rc = vx_auth_new(&a, &s->worker.auth);
	if (rc != VX_OK && s->worker.store != NULL && s->worker.auth == NULL)
		(void)vx_error_set(
		    err, rc, "cannot use %s: %s", throttle, vx_strerror(rc));
	(void)snprintf(certs, sizeof(certs), "%.480s/certs", c->state_dir);
	if (rc == VX_OK && !s->def->stateless)
		rc = vx_certs_open(&certs_options, &s->worker.certs, err);
	if (rc == VX_OK)
		rc = vx_work_new(&s->loop, &s->work);
	if (rc == VX_OK && s->def->fetches)
		rc = open_away(s);
	if (rc == VX_OK && s->def->start != NULL)
		rc = s->def->start(&s->worker, &s->service);
	return rc;
}

static void watch(struct vx_server *s, uv_poll_t *poll, int fd, uv_poll_cb cb)
{
	(void)uv_poll_init(&s->loop, poll, fd);
	poll->data = s;
	(void)uv_poll_start(poll, UV_READABLE, cb);
}

static void start_handles(struct vx_server *s)
{
	(void)uv_prepare_init(&s->loop, &s->prepare);
	s->prepare.data = s;
	(void)uv_prepare_start(&s->prepare, on_prepare);
	(void)uv_idle_init(&s->loop, &s->idle);
	(void)uv_timer_init(&s->loop, &s->sweep);
	s->sweep.data = s;
	(void)uv_timer_start(&s->sweep, on_sweep, 1000, 1000);
	(void)uv_signal_init(&s->loop, &s->term);
	(void)uv_signal_init(&s->loop, &s->interrupt);
	s->term.data = s->interrupt.data = s;
	(void)uv_signal_start(&s->term, on_signal, SIGTERM);
	(void)uv_signal_start(&s->interrupt, on_signal, SIGINT);
	if (s->worker.store != NULL)
		watch(s, &s->store_poll, vx_store_fd(s->worker.store), on_store);
	if (s->worker.certs != NULL)
		watch(s, &s->certs_poll, vx_certs_fd(s->worker.certs), on_certs);
}

/* The loop does not turn any more; its handles are their owners' to close. */
static void close_parts(struct vx_server *s)
{
	char path[512];

	own_path(s, "", path);
	(void)unlink(path);
	forget_published(s);
	if (s->work != NULL)
		vx_work_free(s->work);
	if (s->def->stop != NULL && s->service != NULL)
		s->def->stop(s->service);
	vx_away_free(s->away);
	vx_store_close(s->worker.store);
	vx_auth_free(s->worker.auth);
	if (s->worker.certs != NULL)
		vx_certs_close(s->worker.certs);
	vx_tls_trust_free(s->worker.trust);
	vx_resolver_free(s->resolver);
}

static int open_trust(struct vx_server *s, struct vx_error *err)
{
	const char *const authorities = s->worker.config->tls_authorities;
	int rc;

	if (!s->def->connects)
		return VX_OK;
	rc = vx_tls_trust_new(
	    authorities[0] != '\0' ? authorities : NULL, &s->worker.trust, err);
	if (rc == VX_OK)
		s->host.dial = dial;
	return rc;
}

/* Before the sandbox, behind which its files cannot be read. */
static int open_resolver(struct vx_server *s, struct vx_error *err)
{
	int rc;

	if (!s->def->resolves)
		return VX_OK;
	rc =
	    vx_resolver_new(&s->loop, s->worker.config, s->worker.log, &s->resolver, err);
	if (rc == VX_OK) {
		s->host.ask = ask;
		s->host.forget = forget;
	}
	return rc;
}

/* Connections are refused before the files for them run out. */
static void limit_connections(struct vx_server *s)
{
	struct rlimit l;

	s->conn_max = s->worker.config->connections_max;
	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur == RLIM_INFINITY ||
	    l.rlim_cur >= s->conn_max + VX_SPARE_FILES)
		return;
	s->conn_max = l.rlim_cur > 2 * VX_SPARE_FILES ? l.rlim_cur - VX_SPARE_FILES
						      : l.rlim_cur / 2;
	vx_log(s->worker.log, VX_LOG_WARN, "fewer connections than configured",
	    VX_KV_U("connections", s->conn_max), VX_KV_U("open_files", l.rlim_cur));
}

int vx_worker_run(const struct vx_daemon *def, const struct vx_config *c,
    const struct vx_log *log, const struct vx_worker_start *start)
{
	struct vx_server *s = vx_memory_alloc(sizeof(*s));
	struct vx_error err = { .text = "out of memory" };
	int rc;

	if (s == NULL)
		return 1;
	s->def = def;
	s->worker = (struct vx_worker){ .config = c, .log = log, .loop = &s->host };
	s->host = (struct vx_loop){ .submit = submit, .now_s = now_s, .now_ms = now_ms };
	s->beside = start->beside;
	s->worker.secrets = start->secrets;
	s->parent = start->parent;
	s->beat_fd = start->beat_fd;
	s->number = start->number;
	s->fetch_fd = start->fetch_fd;
	vx_random(&s->seed, sizeof(s->seed));
	(void)uv_loop_init(&s->loop);
	limit_connections(s);
	rc = open_trust(s, &err);
	if (rc == VX_OK)
		rc = open_resolver(s, &err);
	if (rc == VX_OK)
		rc = vx_sandbox_enter(def, c, log, &err);
	if (rc == VX_OK)
		rc = open_parts(s, &err);
	for (size_t i = 0; i < start->fd_count && rc == VX_OK; i++)
		rc = open_listener(s, &def->listeners[start->kinds[i]], start->fds[i]);
	if (rc == VX_OK) {
		start_handles(s);
		publish_serial(s);
		forget_published(s);
		beat(s);
		(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	} else {
		vx_log(log, VX_LOG_ERROR, "cannot start", VX_KV_Z("reason", err.text));
	}
	close_parts(s);
	return rc == VX_OK ? 0 : 1;
}
