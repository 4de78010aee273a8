/* status: the daemons, what they serve, whether their ports answer */
#include "vectisctl/ctl.h"

#include "vectis/diagnose.h"
#include "vectis/memory.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 2000 /* a port that takes longer does not answer */

static const char *const daemons[] = { "smtpd", "imapd", "pop3d", "acmed" };
#define DAEMONS (sizeof(daemons) / sizeof(daemons[0]))

/* --- processes -------------------------------------------------------------------- */

/* What the kernel says of a process. */
struct process {
	char name[64];
	uint64_t parent, started_ticks, cpu_ticks;
	uint64_t memory; /* octets of its own: the mapped store is everybody's */
};

/* The first line of a file below /proc or run_dir. */
static bool first_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool good;

	if (f == NULL)
		return false;
	good = fgets(line, (int)size, f) != NULL;
	(void)fclose(f);
	if (good)
		line[strcspn(line, "\n")] = '\0';
	return good;
}

/* proc(5), stat: fields 4 (parent), 14 and 15 (time), 22 (start) */
static bool read_stat(int pid, struct process *p)
{
	char path[64], line[1024];
	const char *open, *close;
	vx_slice rest, word;
	uint64_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (!first_line(path, line, sizeof(line)) || (open = strchr(line, '(')) == NULL ||
	    (close = strrchr(line, ')')) == NULL || close[1] != ' ')
		return false;
	(void)snprintf(
	    p->name, sizeof(p->name), "%.*s", (int)(close - open - 1), open + 1);
	rest = vx_slice_str(close + 2);
	for (unsigned field = 3; rest.len > 0 && field <= 22; field++) {
		(void)vx_slice_cut(&rest, ' ', &word);
		if (vx_slice_number(word, INT64_MAX, &n) != VX_OK)
			continue;
		if (field == 4)
			p->parent = n;
		else if (field == 14 || field == 15)
			p->cpu_ticks += n;
		else if (field == 22)
			p->started_ticks = n;
	}
	return true;
}

static bool read_process(int pid, struct process *p)
{
	char path[64], line[256];
	vx_slice rest, size, resident, shared;
	uint64_t r, s;

	memset(p, 0, sizeof(*p));
	if (!read_stat(pid, p))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	if (!first_line(path, line, sizeof(line)))
		return false;
	rest = vx_slice_str(line);
	(void)vx_slice_cut(&rest, ' ', &size);
	(void)vx_slice_cut(&rest, ' ', &resident);
	(void)vx_slice_cut(&rest, ' ', &shared);
	if (vx_slice_number(resident, INT64_MAX, &r) == VX_OK &&
	    vx_slice_number(shared, INT64_MAX, &s) == VX_OK && s <= r)
		p->memory = (r - s) * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

static uint64_t uptime_of(const struct process *p)
{
	char line[128];
	vx_slice rest, word;
	uint64_t up;

	if (!first_line("/proc/uptime", line, sizeof(line)))
		return 0;
	rest = vx_slice_str(line);
	(void)vx_slice_cut(&rest, '.', &word);
	if (vx_slice_number(word, INT64_MAX, &up) != VX_OK)
		return 0;
	up -= p->started_ticks / (uint64_t)sysconf(_SC_CLK_TCK);
	return up > (uint64_t)INT64_MAX ? 0 : up;
}

/* "DAEMON.PID" of a process that runs; others were left behind by a kill. */
static bool read_worker(const char *dir, const char *file, struct ctl_worker *out)
{
	const char *dot = strrchr(file, '.');
	char path[PATH_MAX];
	struct process p;
	uint64_t pid;

	if (dot == NULL || dot == file || (size_t)(dot - file) >= sizeof(out->daemon) ||
	    vx_slice_number(vx_slice_str(dot + 1), INT_MAX, &pid) != VX_OK)
		return false;
	(void)snprintf(out->daemon, sizeof(out->daemon), "%.*s", (int)(dot - file), file);
	if (!read_process((int)pid, &p) || strstr(p.name, out->daemon) == NULL)
		return false;
	(void)snprintf(path, sizeof(path), "%.3800s/%.250s", dir, file);
	if (!first_line(path, out->serial, sizeof(out->serial)))
		return false;
	out->pid = (int)pid;
	out->parent = (int)p.parent;
	return true;
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
	struct process p;

	if (!read_process(pid, &p))
		return;
	f->memory += p.memory;
	f->cpu_ticks += p.cpu_ticks;
	if (parent)
		f->uptime_s = uptime_of(&p);
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
			(void)snprintf(list + len, 64 - len, "%s%s", len > 0 ? " " : "",
			    daemons[i]);
	}
}

static void write_duration(uint64_t s, char out[40])
{
	(void)snprintf(out, 40, "%llud %02llu:%02llu:%02llu",
	    (unsigned long long)(s / 86400), (unsigned long long)(s / 3600 % 24),
	    (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
}

static void daemon_status(
    struct ctl *c, const char *daemon, const struct figures *f, json_t *list)
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

		(void)json_object_set_new(
		    item, "network", json_string(list[i].network));
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
	json_t *list = json_array(), *ports = json_array();

	(void)json_object_set_new(c->result, "version", json_string(VX_VERSION));
	(void)json_object_set_new(c->result, "hostname", json_string(conf->hostname));
	(void)json_object_set_new(c->result, "daemons", list);
	(void)json_object_set_new(c->result, "listeners", ports);
	ctl_say(c, "vectis %s on %s\n", VX_VERSION, conf->hostname);
	for (size_t i = 0; i < DAEMONS; i++) {
		const struct figures f = count(daemons[i], workers, n);

		daemon_status(c, daemons[i], &f, list);
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
