/* status: the daemons, what they serve, whether their ports answer */
#include "vectisctl/process.h"

#include "vectis/diagnose.h"
#include "vectis/memory.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 2000 /* a port that takes longer does not answer */

static const char *const daemons[] = { "smtpd", "imapd", "pop3d", "acmed" };
#define DAEMONS (sizeof(daemons) / sizeof(daemons[0]))

/* --- processes -------------------------------------------------------------------- */

/* "DAEMON.PID" of a process that runs; others were left behind by a kill. */
static bool read_worker(const char *dir, const char *file, struct ctl_worker *out)
{
	const char *dot = strrchr(file, '.');
	char path[PATH_MAX];
	struct ctl_process p;
	uint64_t pid;

	if (dot == NULL || dot == file || (size_t)(dot - file) >= sizeof(out->daemon) ||
	    vx_slice_number(vx_slice_str(dot + 1), INT_MAX, &pid) != VX_OK)
		return false;
	(void)snprintf(out->daemon, sizeof(out->daemon), "%.*s", (int)(dot - file), file);
	if (!ctl_process_read((int)pid, &p) || strstr(p.name, out->daemon) == NULL)
		return false;
	(void)snprintf(path, sizeof(path), "%.3800s/%.250s", dir, file);
	if (!ctl_first_line(path, out->serial, sizeof(out->serial)))
		return false;
	out->pid = (int)pid;
	out->parent = (int)p.parent;
	return true;
}

/* Milliseconds since 1970; 0: it does not run. */
static int64_t started_at(int pid)
{
	struct timespec up, now;
	struct ctl_process p;
	int64_t age;

	if (!ctl_process_read(pid, &p))
		return 0;
	(void)clock_gettime(CLOCK_BOOTTIME, &up);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	age = (int64_t)up.tv_sec * 1000 + up.tv_nsec / 1000000 -
	      (int64_t)(p.started_ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - age;
}

void ctl_daemon_ages(struct ctl *c, int64_t ms, unsigned *older, unsigned *newer)
{
	struct ctl_worker workers[CTL_WORKERS_MAX];
	const size_t n = ctl_workers(c, workers);

	*older = *newer = 0;
	for (size_t i = 0; i < n; i++) {
		/* a worker that died was begun anew, its daemon was not */
		const int64_t at = started_at(workers[i].parent);

		for (unsigned k = 0; at != 0 && k < DAEMONS; k++)
			if (strcmp(workers[i].daemon, daemons[k]) == 0)
				*(at < ms ? older : newer) |= 1U << k;
	}
}

size_t ctl_workers(struct ctl *c, struct ctl_worker out[CTL_WORKERS_MAX])
{
	const struct dirent *e;
	const char *const path = c->config->run_dir;
	DIR *d = opendir(path);
	size_t n = 0;

	if (d == NULL)
		return 0;
	while (n < CTL_WORKERS_MAX && (e = readdir(d)) != NULL)
		n += read_worker(path, e->d_name, &out[n]);
	(void)closedir(d);
	return n;
}

/* --- daemons ---------------------------------------------------------------------- */

struct figures {
	size_t workers;
	uint64_t memory, cpu_ticks, uptime_s;
	char serial[128];
	bool mixed; /* workers serve different certificates */
};

static void add_process(int pid, struct figures *f, bool parent)
{
	struct ctl_process p;

	if (!ctl_process_read(pid, &p))
		return;
	f->memory += p.memory;
	f->cpu_ticks += p.cpu_ticks;
	if (parent)
		f->uptime_s = ctl_process_age_s(&p);
}

static struct figures count(const char *daemon, const struct ctl_worker *w, size_t n)
{
	struct figures f = { .workers = 0 };
	int parent = 0;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(w[i].daemon, daemon) != 0)
			continue;
		f.mixed =
		    f.mixed || (f.workers > 0 && strcmp(f.serial, w[i].serial) != 0);
		(void)snprintf(f.serial, sizeof(f.serial), "%s", w[i].serial);
		f.workers++;
		add_process(w[i].pid, &f, false);
		if (parent == 0)
			add_process(parent = w[i].parent, &f, true);
	}
	return f;
}

void ctl_daemons(
    struct ctl *c, char running[64], char stopped[64], uint64_t *memory_octets)
{
	static struct ctl_worker workers[CTL_WORKERS_MAX];
	const size_t n = ctl_workers(c, workers);
	const bool wanted[DAEMONS] = { true, c->config->imaps_listen.count > 0,
		c->config->pop3s_listen.count > 0, true };

	running[0] = stopped[0] = '\0';
	*memory_octets = 0;
	for (size_t i = 0; i < DAEMONS; i++) {
		const struct figures f = count(daemons[i], workers, n);
		char *list = f.workers > 0 ? running : stopped;
		const size_t len = strlen(list);

		*memory_octets += f.memory;
		if (f.workers > 0 || wanted[i])
			(void)snprintf(
			    list + len, 64 - len, "%s%s", len > 0 ? " " : "", daemons[i]);
	}
}

static void write_duration(uint64_t s, char out[40])
{
	(void)snprintf(out, 40, "%llud %02llu:%02llu:%02llu",
	    (unsigned long long)(s / 86400), (unsigned long long)(s / 3600 % 24),
	    (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
}

/* What its parent process left word of (DX-OP-21). */
static void deaths_status(
    struct ctl *c, const char *daemon, const struct ctl_processes *known, json_t *item)
{
	for (size_t i = 0; i < known->daemon_count; i++) {
		const struct vx_diag_daemon *d = &known->daemons[i];

		if (strcmp(d->name, daemon) != 0)
			continue;
		(void)json_object_set_new(
		    item, "restarts", json_integer((json_int_t)d->restarts));
		(void)json_object_set_new(
		    item, "last_exit", ctl_text(vx_slice_str(d->reason)));
		(void)json_object_set_new(item, "last_exit_at", json_integer(d->died_at));
		if (d->restarts > 0)
			ctl_say(c, "         %llu restarts, the last one: %s",
			    (unsigned long long)d->restarts, d->reason);
	}
}

static void daemon_status(struct ctl *c, const char *daemon, const struct figures *f,
    const struct ctl_processes *known, json_t *list)
{
	const uint64_t cpu_ms = f->cpu_ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
	json_t *item = json_object();
	char up[40];

	(void)json_object_set_new(item, "name", json_string(daemon));
	(void)json_object_set_new(
	    item, "state", json_string(f->workers > 0 ? "running" : "stopped"));
	(void)json_array_append_new(list, item);
	if (f->workers == 0) {
		ctl_say(c, "%-8s stopped", daemon);
		deaths_status(c, daemon, known, item);
		return;
	}
	(void)json_object_set_new(item, "workers", json_integer((json_int_t)f->workers));
	(void)json_object_set_new(
	    item, "uptime_seconds", json_integer((json_int_t)f->uptime_s));
	(void)json_object_set_new(
	    item, "memory_octets", json_integer((json_int_t)f->memory));
	(void)json_object_set_new(item, "cpu_ms", json_integer((json_int_t)cpu_ms));
	(void)json_object_set_new(item, "serial", ctl_text(vx_slice_str(f->serial)));
	(void)json_object_set_new(item, "same_certificate", json_boolean(!f->mixed));
	write_duration(f->uptime_s, up);
	ctl_say(c, "%-8s running %s, %zu workers, %.1f MB, CPU %llu.%03llu s, serves %s",
	    daemon, up, f->workers, (double)f->memory / 1048576.0,
	    (unsigned long long)(cpu_ms / 1000), (unsigned long long)(cpu_ms % 1000),
	    f->mixed ? "several certificates: see cert status" : f->serial);
	deaths_status(c, daemon, known, item);
}

/* --- ports ------------------------------------------------------------------------ */

/* An address that means all is asked on loopback. */
static socklen_t target_of(const struct vx_listen *l, struct sockaddr_storage *a)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)a;
	struct sockaddr_in *four = (struct sockaddr_in *)a;

	memset(a, 0, sizeof(*a));
	if (strchr(l->address, ':') != NULL) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(l->port);
		(void)inet_pton(AF_INET6, l->address, &six->sin6_addr);
		if (IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
			six->sin6_addr = in6addr_loopback;
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(l->port);
	(void)inet_pton(AF_INET, l->address, &four->sin_addr);
	if (four->sin_addr.s_addr == htonl(INADDR_ANY))
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(*four);
}

/* Does the port take a connection?  The milliseconds; -1: no. */
static int64_t ask(const struct vx_listen *l)
{
	const uint64_t before = vx_now_ms();
	struct sockaddr_storage a;
	const socklen_t len = target_of(l, &a);
	const int fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a, len) < 0 &&
	    (errno != EINPROGRESS || poll(&p, 1, ANSWER_MS) != 1 ||
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0))
		error = -1;
	(void)close(fd);
	return error == 0 ? (int64_t)(vx_now_ms() - before) : -1;
}

static void listener_status(
    struct ctl *c, const char *name, const struct vx_listen_list *list, json_t *out)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct vx_listen *l = &list->items[i];
		const bool six = strchr(l->address, ':') != NULL;
		const int64_t ms = ask(l);
		json_t *item = json_object();
		char where[64];

		(void)snprintf(where, sizeof(where), "%s%s%s:%u", six ? "[" : "",
		    l->address, six ? "]" : "", l->port);
		(void)json_object_set_new(item, "name", json_string(name));
		(void)json_object_set_new(item, "address", json_string(where));
		(void)json_object_set_new(item, "answers", json_boolean(ms >= 0));
		if (ms >= 0)
			(void)json_object_set_new(item, "ms", json_integer(ms));
		(void)json_array_append_new(out, item);
		if (ms >= 0)
			ctl_say(
			    c, "%-12s %s answers in %lld ms", name, where, (long long)ms);
		else
			ctl_say(c, "%-12s %s does not answer", name, where);
	}
}

/* Clients that cannot connect: nobody else tells their users why (DX-TL-09). */
static void old_clients_status(struct ctl *c)
{
	static struct vx_diag_client list[CTL_OLD_CLIENTS_MAX];
	const size_t n = ctl_old_clients(c, list);
	json_t *out = json_array();

	(void)json_object_set_new(c->result, "old_clients", out);
	for (size_t i = 0; i < n; i++) {
		json_t *item = json_object();

		(void)json_object_set_new(item, "network", json_string(list[i].network));
		(void)json_object_set_new(
		    item, "handshakes", json_integer((json_int_t)list[i].count));
		(void)json_object_set_new(item, "last", json_integer(list[i].last));
		(void)json_array_append_new(out, item);
		ctl_say(c, "%s has TLS that is too old: %llu handshakes refused",
		    list[i].network, (unsigned long long)list[i].count);
	}
	if (n > 0)
		ctl_say(c, "%s", "");
}

static int status(struct ctl *c)
{
	const struct vx_config *conf = c->config;
	struct ctl_worker workers[CTL_WORKERS_MAX];
	const size_t n = ctl_workers(c, workers);
	static struct ctl_processes known;
	json_t *list = json_array(), *ports = json_array();

	ctl_processes_read(c, &known);

	(void)json_object_set_new(c->result, "version", json_string(VX_VERSION));
	(void)json_object_set_new(c->result, "hostname", json_string(conf->hostname));
	(void)json_object_set_new(c->result, "daemons", list);
	(void)json_object_set_new(c->result, "listeners", ports);
	ctl_say(c, "vectis %s on %s\n", VX_VERSION, conf->hostname);
	for (size_t i = 0; i < DAEMONS; i++) {
		const struct figures f = count(daemons[i], workers, n);

		daemon_status(c, daemons[i], &f, &known, list);
	}
	ctl_say(c, "%s", "");
	listener_status(c, "smtp", &conf->smtp_listen, ports);
	listener_status(c, "submission", &conf->submission_listen, ports);
	listener_status(c, "submissions", &conf->submissions_listen, ports);
	listener_status(c, "imaps", &conf->imaps_listen, ports);
	listener_status(c, "pop3s", &conf->pop3s_listen, ports);
	ctl_say(c, "%s", "");
	old_clients_status(c);
	return ctl_store_stat(c);
}

const struct ctl_command ctl_status_commands[] = {
	{ "status", NULL, status, NEEDS_STORE_READ, 0, 0, "",
	    "the daemons, their ports, the certificate they serve, and the store" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
