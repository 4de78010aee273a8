/* The parent: bind, drop root, keep workers running. */
#include "runtime/children.h"
#include "runtime/publish.h"
#include "runtime/worker.h"
#include "vectis/acme_setup.h"
#include "vectis/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FDS_MAX = VX_LISTENERS_MAX * VX_CONFIG_LIST_MAX,
	BESIDE_MAX = 4,
	WORKERS_MAX = 64 + BESIDE_MAX,
	SYSTEMD_FIRST_FD = 3,
	BACK_OFF_MAX_S = 30,
	QUICK_DEATH_MS =
	    5000, /* a worker that dies sooner is restarted later each time */
	QUICK_DEATHS_FREE = 3, /* restarted at once */
	FORK_AGAIN_MS = 1000,
};

struct parent {
	const struct vx_daemon *def;
	const char *config_path;
	struct vx_config *config;   /* own */
	struct vx_secrets *secrets; /* own; NULL: none */
	struct vx_log log;
	int fds[FDS_MAX];
	size_t kinds[FDS_MAX];
	size_t fd_count;
	struct {
		pid_t pid;
		uint64_t since_ms, restart_at_ms;
		uint64_t beat_ms; /* when it was heard last; 0: it does not serve yet */
		unsigned quick_deaths;
		bool hung; /* it was killed since it stood still */
	} workers[WORKERS_MAX];
	size_t worker_count; /* with those beside them, the last ones */
	const struct vx_daemon *beside[BESIDE_MAX];
	size_t beside_count;
	int fetch_fds[2]; /* who fetches has the first, who serves it the second; -1 */
	int beats[2];     /* a pipe: each octet is the number of a worker */
	bool ready;       /* all served at once, some time */
	bool hopeless;    /* none ever served, and one cannot */
	uint64_t watchdog_ms;        /* how often systemd wants to hear of us; 0: never */
	uint64_t watchdog_told_ms;   /* when it did */
	size_t told;                 /* how many workers serve, as said last */
	struct vx_children children; /* what is said of them in run_dir */
	int64_t since;               /* that we run, in seconds since 1970 */
	int signal_fd;
	sigset_t signals, before;
};

static int stop_signal;

static void say(const struct parent *p, const char *text)
{
	(void)dprintf(STDERR_FILENO, "%s: %s\n", p->def->name, text);
}

/* --- configuration
 * ------------------------------------------------------------------------ */

static int load(struct parent *p)
{
	struct vx_config_errors errors;
	const int rc = vx_config_load(p->config_path, &p->config, &errors);

	for (size_t i = 0; i < errors.count; i++) {
		struct vx_buf text = { .max = 2048 };

		if (i < errors.warnings)
			vx_buf_add_str(&text, "warning: ");
		vx_config_error_write(&errors.items[i], &text);
		say(p, text.ptr);
		vx_buf_done(&text);
	}
	if (rc == VX_OK)
		p->log.level = (enum vx_log_level)p->config->log_level;
	return rc;
}

/* secrets.yaml is beside the configuration, and may be root's: it is read as root. */
static int load_secrets(struct parent *p)
{
	const char *const slash = strrchr(p->config_path, '/');
	struct vx_error err;
	char path[4096];
	int rc;

	if (!p->def->keeps_account)
		return VX_OK;
	(void)snprintf(path, sizeof(path), "%.*ssecrets.yaml",
	    slash == NULL ? 0 : (int)(slash - p->config_path) + 1, p->config_path);
	rc = vx_secrets_load(path, &p->secrets, &err);
	if (rc == VX_OK || rc == VX_ENOENT)
		return VX_OK;
	say(p, err.text);
	return rc;
}

/* --- sockets
 * ---------------------------------------------------------------------------------- */

static int bind_failed(const struct parent *p, const struct vx_listen *l, int number)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "cannot listen on %s%s%s:%u: %s%s",
	    strchr(l->address, ':') != NULL ? "[" : "", l->address,
	    strchr(l->address, ':') != NULL ? "]" : "", l->port, vx_errno_text(number),
	    number == EADDRINUSE
		? "; another program has the port: find it with \"ss -ltnp\" "
		  "and stop it, or change the listen key"
	    : number == EACCES ? "; ports below 1024 need root or systemd"
			       : "");
	say(p, text);
	return VX_EBUSY;
}

static int listen_on(struct parent *p, const struct vx_listen *l, size_t kind)
{
	const bool v6 = strchr(l->address, ':') != NULL;
	struct sockaddr_storage a = { 0 };
	const int on = 1;
	int fd;

	if (v6) {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)&a;

		in->sin6_family = AF_INET6;
		in->sin6_port = htons(l->port);
		(void)inet_pton(AF_INET6, l->address, &in->sin6_addr);
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)&a;

		in->sin_family = AF_INET;
		in->sin_port = htons(l->port);
		(void)inet_pton(AF_INET, l->address, &in->sin_addr);
	}
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return v6 && errno == EAFNOSUPPORT ? VX_OK : bind_failed(p, l, errno);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (v6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a,
		v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) < 0 ||
	    listen(fd, 1024) < 0) {
		const int number = errno;

		(void)close(fd);
		return bind_failed(p, l, number);
	}
	p->fds[p->fd_count] = fd;
	p->kinds[p->fd_count++] = kind;
	return VX_OK;
}

static bool listens_at(const struct vx_listen_list *l, uint16_t port)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->items[i].port == port)
			return true;
	return false;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return 0;
	return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
					     : ((struct sockaddr_in *)&a)->sin_port);
}

/* What a passed socket is for: by its name, else by its port.  VX_ENOENT. */
static int kind_of(const struct parent *p, vx_slice name, int fd, size_t *out)
{
	const uint16_t port = port_of(fd);

	for (size_t i = 0; i < p->def->listener_count; i++)
		if (vx_slice_eq(name, vx_slice_str(p->def->listeners[i].name))) {
			*out = i;
			return VX_OK;
		}
	for (size_t i = 0; i < p->def->listener_count; i++)
		if (port != 0 &&
		    listens_at(p->def->listeners[i].where(p->config), port)) {
			*out = i;
			return VX_OK;
		}
	return VX_ENOENT;
}

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on != 0;
}

/* Sockets that systemd passed (sd_listen_fds(3)): VX_OK, VX_ENOENT: none, VX_EINVAL. */
static int take_systemd(struct parent *p)
{
	vx_slice rest = vx_slice_str(getenv("LISTEN_FDNAMES")), name;
	uint64_t pid, count;

	if (vx_slice_number(vx_slice_str(getenv("LISTEN_PID")), INT32_MAX, &pid) !=
		VX_OK ||
	    pid != (uint64_t)getpid() ||
	    vx_slice_number(vx_slice_str(getenv("LISTEN_FDS")), FDS_MAX, &count) !=
		VX_OK ||
	    count == 0)
		return VX_ENOENT;
	for (uint64_t i = 0; i < count; i++) {
		const int fd = SYSTEMD_FIRST_FD + (int)i;
		size_t kind;

		(void)vx_slice_cut(&rest, ':', &name);
		if (!is_listening(fd)) {
			say(p, "systemd passed a socket that does not listen: the socket "
			       "unit needs ListenStream= and Accept=no");
			return VX_EINVAL;
		}
		if (kind_of(p, name, fd, &kind) != VX_OK) {
			char text[200];

			(void)snprintf(text, sizeof(text),
			    "systemd passed the socket \"%.*s\" on port %u, which is not "
			    "ours: "
			    "set FileDescriptorName= to one of our listeners",
			    (int)vx_slice_head(name, 60).len, name.ptr, port_of(fd));
			say(p, text);
			return VX_EINVAL;
		}
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		p->fds[p->fd_count] = fd;
		p->kinds[p->fd_count++] = kind;
	}
	return VX_OK;
}

static int open_sockets(struct parent *p)
{
	const int passed = take_systemd(p);

	if (passed != VX_ENOENT)
		return passed;
	for (size_t k = 0; k < p->def->listener_count; k++) {
		const struct vx_listen_list *l = p->def->listeners[k].where(p->config);

		for (size_t i = 0; i < l->count; i++) {
			const int rc = listen_on(p, &l->items[i], k);

			if (rc != VX_OK)
				return rc;
		}
	}
	return VX_OK;
}

/* --- rights
 * --------------------------------------------------------------------------------------
 */

static int drop_root(struct parent *p)
{
	const char *name = p->config->user;
	const struct passwd *pw;
	char text[200];

	if (name[0] == '\0' || geteuid() != 0)
		return VX_OK;
	pw = getpwnam(name);
	if (pw == NULL) {
		(void)snprintf(text, sizeof(text),
		    "there is no user %.100s: run vectisctl setup, or set the key user",
		    name);
		say(p, text);
		return VX_ENOENT;
	}
	/* in /run, which is empty after a boot, only root can make it */
	if (mkdir(p->config->run_dir, 0700) == 0 &&
	    chown(p->config->run_dir, pw->pw_uid, pw->pw_gid) < 0)
		say(p, "cannot give the run_dir to the user");
	if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0) {
		say(p, "cannot drop root's rights");
		return VX_EPERM;
	}
	return VX_OK;
}

static void raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* --- systemd
 * ---------------------------------------------------------------------------------------
 */

/* sd_notify(3) */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const size_t len = path == NULL ? 0 : strlen(path);
	int fd;

	if (len == 0 || len >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path, len);
	if (a.sun_path[0] == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}

/* --- workers
 * ------------------------------------------------------------------------------------------
 */

static const struct vx_daemon *def_of(const struct parent *p, size_t i)
{
	const size_t workers = p->worker_count - p->beside_count;

	return i < workers ? p->def : p->beside[i - workers];
}

/* In the child: what is not its own. */
static void close_others(const struct parent *p, const struct vx_worker_start *start)
{
	(void)close(p->signal_fd);
	(void)close(p->beats[0]);
	for (size_t k = 0; k < p->fd_count && start->beside; k++)
		(void)close(p->fds[k]);
	for (size_t k = 0; k < 2; k++)
		if (p->fetch_fds[k] >= 0 && p->fetch_fds[k] != start->fetch_fd)
			(void)close(p->fetch_fds[k]);
}

/* For vectisctl: how they died, and what they take. */
static void publish(struct parent *p, enum vx_children_end end)
{
	struct vx_buf text = { .max = (size_t)1 << 16 };
	char path[512];

	(void)snprintf(
	    path, sizeof(path), "%.400s/%s.parent", p->config->run_dir, p->def->name);
	vx_children_write(&p->children, (int)getpid(), p->since, end, vx_now_s(), &text);
	if (!text.failed)
		(void)vx_publish(path, vx_buf_slice(&text));
	vx_buf_done(&text);
}

static void start_worker(struct parent *p, size_t i)
{
	const struct vx_daemon *def = def_of(p, i);
	const bool beside = def != p->def;
	const struct vx_worker_start start = { .fds = p->fds,
		.kinds = p->kinds,
		.fd_count = beside ? 0 : p->fd_count,
		.parent = (int)getpid(),
		.beat_fd = p->beats[1],
		.number = (unsigned char)i,
		.beside = beside,
		.secrets = def->keeps_account ? p->secrets : NULL,
		.fetch_fd = def->fetches        ? p->fetch_fds[0]
			    : def->serves_fetch ? p->fetch_fds[1]
						: -1 };
	const pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (beside)
			(void)prctl(PR_SET_NAME, def->name);
		(void)sigprocmask(SIG_SETMASK, &p->before, NULL);
		close_others(p, &start);
		if (!def->keeps_account)
			vx_secrets_free(p->secrets);
		_exit(vx_worker_run(def, p->config, &p->log, &start));
	}
	p->workers[i].pid = pid > 0 ? pid : 0;
	p->workers[i].since_ms = vx_now_ms();
	p->workers[i].beat_ms = 0;
	p->workers[i].hung = false;
	if (pid > 0)
		vx_children_born(&p->children, i, def->name, (int)pid);
	if (pid < 0) {
		vx_log(&p->log, VX_LOG_ERROR, "cannot start a worker",
		    VX_KV_Z("reason", vx_errno_text(errno)));
		p->workers[i].restart_at_ms = vx_now_ms() + FORK_AGAIN_MS;
	}
}

static void hear(struct parent *p)
{
	unsigned char numbers[256];
	const ssize_t n = read(p->beats[0], numbers, sizeof(numbers));

	for (ssize_t k = 0; k < n; k++)
		if (numbers[k] < p->worker_count && p->workers[numbers[k]].pid > 0)
			p->workers[numbers[k]].beat_ms = vx_now_ms();
}

static unsigned back_off_s(unsigned quick_deaths)
{
	const unsigned n = quick_deaths - QUICK_DEATHS_FREE;

	if (quick_deaths <= QUICK_DEATHS_FREE)
		return 0;
	return n > 5 ? BACK_OFF_MAX_S : 1u << (n - 1);
}

static void worker_died(struct parent *p, pid_t pid, int status)
{
	hear(p); /* what it said last is not its successor's */
	for (size_t i = 0; i < p->worker_count; i++) {
		const uint64_t now = vx_now_ms();
		unsigned wait;

		if (p->workers[i].pid != pid)
			continue;
		p->workers[i].pid = 0;
		if (now - p->workers[i].since_ms < QUICK_DEATH_MS)
			p->workers[i].quick_deaths++;
		else
			p->workers[i].quick_deaths = 0;
		wait = back_off_s(p->workers[i].quick_deaths);
		p->workers[i].restart_at_ms = now + wait * UINT64_C(1000);
		p->hopeless =
		    p->hopeless || (!p->ready && wait > 0 && WIFEXITED(status) &&
				       p->workers[i].beat_ms == 0);
		if (stop_signal == 0)
			vx_children_died(
			    &p->children, i, status, p->workers[i].hung, vx_now_s());
		if (stop_signal == 0)
			vx_log(&p->log, VX_LOG_ERROR, "worker died and is restarted",
			    VX_KV_I("pid", pid),
			    VX_KV_I("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
			    VX_KV_I(
				"status", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
			    VX_KV_U("wait_s", wait));
	}
}

static size_t running(const struct parent *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->worker_count; i++)
		n += p->workers[i].pid > 0;
	return n;
}

static void stop_workers(struct parent *p)
{
	const uint64_t until = vx_now_ms() + VX_STOP_MS + 2000;

	for (size_t i = 0; i < p->worker_count; i++)
		if (p->workers[i].pid > 0)
			(void)kill(p->workers[i].pid, SIGTERM);
	while (running(p) > 0) {
		int status;
		const pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid > 0)
			worker_died(p, pid, status);
		else
			(void)usleep(10000);
		if (vx_now_ms() > until)
			for (size_t i = 0; i < p->worker_count; i++)
				if (p->workers[i].pid > 0)
					(void)kill(p->workers[i].pid, SIGKILL);
	}
}

/* How long a worker's loop may stand still; systemd's patience is ours. */
static uint64_t silence_ms(const struct parent *p)
{
	return p->watchdog_ms > 0 ? 2 * p->watchdog_ms : VX_WORKER_SILENT_MS;
}

/* How long nothing is to be done if no news come, in milliseconds. */
static int sleep_ms(const struct parent *p)
{
	const uint64_t now = vx_now_ms();
	uint64_t ms = silence_ms(p) / 2;

	for (size_t i = 0; i < p->worker_count; i++) {
		const uint64_t at = p->workers[i].restart_at_ms;

		if (p->workers[i].pid <= 0 && at < now + ms)
			ms = at > now ? at - now : 1;
	}
	return (int)(ms < 60000 ? ms : 60000);
}

static size_t serving(const struct parent *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->worker_count; i++)
		n += p->workers[i].pid > 0 && p->workers[i].beat_ms > 0;
	return n;
}

/* READY is said when the first time all workers serve. */
static void tell_systemd(struct parent *p)
{
	const size_t n = serving(p);
	const uint64_t now = vx_now_ms();
	char text[80];

	if (p->watchdog_ms > 0 && now - p->watchdog_told_ms >= p->watchdog_ms) {
		p->watchdog_told_ms = now;
		notify("WATCHDOG=1\n");
	}
	if (n == p->told)
		return;
	p->told = n;
	p->ready = p->ready || n == p->worker_count;
	(void)snprintf(text, sizeof(text), "%sSTATUS=%zu of %zu workers running\n",
	    p->ready ? "READY=1\n" : "", n, p->worker_count);
	notify(text);
}

/* A worker whose loop stands still serves nobody: its core dump says where. */
static void end_silent(struct parent *p)
{
	const uint64_t now = vx_now_ms();

	for (size_t i = 0; i < p->worker_count; i++) {
		if (p->workers[i].pid <= 0 || p->workers[i].beat_ms == 0 ||
		    now - p->workers[i].beat_ms < silence_ms(p))
			continue;
		vx_log(&p->log, VX_LOG_ERROR, "worker hangs and is killed",
		    VX_KV_I("pid", p->workers[i].pid));
		(void)kill(p->workers[i].pid, SIGABRT);
		(void)kill(p->workers[i].pid, SIGKILL);
		p->workers[i].beat_ms = now;
		p->workers[i].hung = true;
	}
}

static void wait_for_news(struct parent *p)
{
	struct pollfd fds[] = { { .fd = p->signal_fd, .events = POLLIN },
		{ .fd = p->beats[0], .events = POLLIN } };
	struct signalfd_siginfo signal;

	if (poll(fds, 2, sleep_ms(p)) <= 0)
		return;
	if ((fds[1].revents & POLLIN) != 0)
		hear(p);
	while (read(p->signal_fd, &signal, sizeof(signal)) == (ssize_t)sizeof(signal))
		if (signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT)
			stop_signal = (int)signal.ssi_signo;
}

static void supervise(struct parent *p)
{
	while (stop_signal == 0) {
		bool news = false;
		int status;
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			worker_died(p, pid, status);
			news = true;
		}
		for (size_t i = 0; i < p->worker_count; i++)
			if (p->workers[i].pid <= 0 && !p->hopeless &&
			    vx_now_ms() >= p->workers[i].restart_at_ms) {
				start_worker(p, i);
				news = true;
			}
		if (p->hopeless)
			break;
		if (vx_children_sample(&p->children, vx_now_ms()) || news)
			publish(p, VX_CHILDREN_RUN);
		end_silent(p);
		tell_systemd(p);
		wait_for_news(p);
	}
	notify("STOPPING=1\n");
	stop_workers(p);
	publish(p, p->hopeless ? VX_CHILDREN_HOPELESS : VX_CHILDREN_STOPPED);
}

/* --- main
 * ------------------------------------------------------------------------------------------------
 */

static int usage(const struct parent *p, int status)
{
	(void)dprintf(STDERR_FILENO,
	    "usage: %s [-c CONFIG] [-t] [-V]\n"
	    "  -c CONFIG  the configuration (%s)\n"
	    "  -t         only check it\n"
	    "  -V         the version\n",
	    p->def->name, VX_SYSCONFDIR "/config.yaml");
	return status;
}

static int prepare_dir(const struct parent *p, const char *key, const char *path)
{
	char text[400];

	(void)mkdir(path, 0700);
	if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) == 0)
		return VX_OK;
	(void)snprintf(text, sizeof(text),
	    "the %s %.200s cannot be used by the user we run as: %s; give it to that "
	    "user "
	    "(vectisctl setup does), or change the key %s",
	    key, path, vx_errno_text(errno), key);
	say(p, text);
	return VX_EPERM;
}

static int prepare_dirs(const struct parent *p)
{
	char account[VX_ACME_PATH_MAX];
	int rc = prepare_dir(p, "state_dir", p->config->state_dir);

	if (rc == VX_OK && p->def->keeps_account && vx_acme_is_wanted(p->config) &&
	    vx_acme_path(p->config, NULL, account) == VX_OK)
		rc = prepare_dir(p, "state_dir", account);
	return rc == VX_OK ? prepare_dir(p, "run_dir", p->config->run_dir) : rc;
}

/* Signals are blocked and read from a descriptor, beside what the workers say. */
static int set_signals(struct parent *p)
{
	(void)sigemptyset(&p->signals);
	(void)sigaddset(&p->signals, SIGTERM);
	(void)sigaddset(&p->signals, SIGINT);
	(void)sigaddset(&p->signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &p->signals, &p->before);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	p->signal_fd = signalfd(-1, &p->signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (p->signal_fd < 0 || pipe2(p->beats, O_NONBLOCK | O_CLOEXEC) < 0) {
		say(p, "no descriptors are left");
		return VX_EIO;
	}
	return VX_OK;
}

/* The processes beside the workers; both ends of their pair stay open here, so that
 * either may die and be started again. */
static int set_beside(struct parent *p)
{
	const struct vx_daemon *d = p->def;
	bool fetches = d->fetches;

	p->fetch_fds[0] = p->fetch_fds[1] = -1;
	while ((d = d->beside) != NULL && p->beside_count < BESIDE_MAX) {
		p->beside[p->beside_count++] = d;
		fetches = fetches || d->fetches;
	}
	if (fetches && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
			   0, p->fetch_fds) < 0) {
		say(p, "no descriptors are left");
		return VX_EIO;
	}
	return VX_OK;
}

/* WATCHDOG_USEC, sd_watchdog_enabled(3): we answer twice as often. */
static void set_watchdog(struct parent *p)
{
	const char *whose = getenv("WATCHDOG_PID");
	uint64_t us, pid;

	if (whose != NULL &&
	    (vx_slice_number(vx_slice_str(whose), INT32_MAX, &pid) != VX_OK ||
		pid != (uint64_t)getpid()))
		return;
	if (vx_slice_number(vx_slice_str(getenv("WATCHDOG_USEC")), INT64_MAX, &us) ==
	    VX_OK)
		p->watchdog_ms = us < 2000 ? 1 : us / 2000;
}

static int run(struct parent *p)
{
	if (open_sockets(p) != VX_OK || drop_root(p) != VX_OK || prepare_dirs(p) != VX_OK)
		return 1;
	raise_limits();
	(void)umask(077);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (set_signals(p) != VX_OK || set_beside(p) != VX_OK)
		return 1;
	set_watchdog(p);
	p->worker_count =
	    p->def->workers > 0 ? p->def->workers : (size_t)p->config->workers;
	if (p->worker_count == 0) {
		const long cores = sysconf(_SC_NPROCESSORS_ONLN);

		p->worker_count = cores < 1 ? 1 : cores > 4 ? 4 : (size_t)cores;
	}
	vx_log(&p->log, VX_LOG_INFO, "started", VX_KV_U("workers", p->worker_count),
	    VX_KV_Z("version", VX_VERSION));
	p->worker_count += p->beside_count;
	p->since = vx_now_s();
	supervise(p);
	if (p->hopeless)
		vx_log(&p->log, VX_LOG_ERROR,
		    "no worker can start: what is said above has to be mended first");
	vx_log(&p->log, VX_LOG_INFO, "stopped");
	return p->hopeless ? 1 : 0;
}

int vx_daemon_main(int argc, char **argv, const struct vx_daemon *def)
{
	struct parent p = { .def = def,
		.config_path = VX_SYSCONFDIR "/config.yaml",
		.log = { .fd = STDERR_FILENO, .level = VX_LOG_INFO } };
	bool test = false;
	int option, status;

	(void)snprintf(p.log.program, sizeof(p.log.program), "%s", def->name);
	while ((option = getopt(argc, argv, "c:tVh")) != -1) {
		switch (option) {
		case 'c':
			p.config_path = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'V':
			(void)dprintf(STDOUT_FILENO, "%s %s\n", def->name, VX_VERSION);
			return 0;
		case 'h':
			return usage(&p, 0);
		default:
			return usage(&p, 2);
		}
	}
	if (load(&p) != VX_OK)
		return 2;
	if (load_secrets(&p) != VX_OK)
		status = 2;
	else
		status = test ? 0 : run(&p);
	vx_secrets_free(p.secrets);
	vx_config_free(p.config);
	return status;
}
