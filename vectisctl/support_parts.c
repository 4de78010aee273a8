/* What is in a support bundle.  Each part is asked for by itself and in a process of its
 * own: one that fails, or takes too long, is named, and the rest goes on. */
#include "vectisctl/process.h"
#include "vectisctl/support.h"

#include "vectis/memory.h"
#include "vectis/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const daemons[] = { "smtpd", "imapd", "pop3d", "acmed" };
#define DAEMONS (sizeof(daemons) / sizeof(daemons[0]))
#define ARGS_MAX 16
#define RELAY_OCTETS_MAX 65536

struct support_part *support_begin(struct support *s, const char *name)
{
	struct support_part *p;

	if (s->count == SUPPORT_PARTS_MAX)
		return NULL;
	p = &s->parts[s->count++];
	*p = (struct support_part){ .text = { .max = SUPPORT_PART_MAX } };
	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

/* As much as there is room for. */
static void add(struct support_part *p, vx_slice octets)
{
	const size_t room = p->text.max - p->text.len;

	if (octets.len > room)
		(void)snprintf(p->problem, sizeof(p->problem),
		    "it is longer, and was cut at %zu octets", p->text.max);
	vx_buf_add(&p->text, vx_slice_head(octets, room));
}

/* --- commands -------------------------------------------------------------------------
 */

static _Noreturn void child(const struct ctl *c, const char *const command[], int out)
{
	const char *argv[ARGS_MAX] = { "vectisctl", "-c", c->config_path, "--json" };
	char self[PATH_MAX] = "/proc/self/exe";
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	size_t n = 4;

	(void)setpgid(0, 0); /* so that what it starts can be ended with it */
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(command[0] == NULL ? null : out, STDERR_FILENO);
	if (command[0] == NULL) {
		for (size_t i = 1; command[i] != NULL && n < ARGS_MAX - 1; i++)
			argv[n++] = command[i];
		(void)execv(self, (char *const *)(uintptr_t)argv);
	} else {
		(void)execvp(command[0], (char *const *)(uintptr_t)command);
	}
	_exit(errno == ENOENT ? 127 : 126);
}

/* All that it says until it ends; false: it takes too long. */
static bool listen_to(struct support_part *p, int in)
{
	const uint64_t until = vx_now_ms() + SUPPORT_MS;
	struct pollfd fd = { .fd = in, .events = POLLIN };
	char chunk[16384];

	for (;;) {
		const uint64_t now = vx_now_ms();
		ssize_t n;

		if (now >= until || poll(&fd, 1, (int)(until - now)) < 1)
			return false;
		n = read(in, chunk, sizeof(chunk));
		if (n <= 0)
			return true;
		add(p, vx_slice_of(chunk, (size_t)n));
	}
}

static void see_end(struct support_part *p, const char *program, int status, bool late)
{
	const size_t size = sizeof(p->problem);

	if (late)
		(void)snprintf(p->problem, size, "it did not end within %d seconds",
		    SUPPORT_MS / 1000);
	else if (WIFSIGNALED(status))
		(void)snprintf(
		    p->problem, size, "it was ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == 127)
		(void)snprintf(p->problem, size, "there is no program %s here", program);
	else if (WEXITSTATUS(status) != 0)
		(void)snprintf(
		    p->problem, size, "it ended with status %d", WEXITSTATUS(status));
	else if (p->text.len == 0)
		(void)snprintf(p->problem, size, "%s has nothing of it", program);
}

void support_run(struct support *s, const char *name, const char *const command[])
{
	struct support_part *p = support_begin(s, name);
	int ends[2], status = 0;
	bool late;
	pid_t pid;

	if (p == NULL)
		return;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		(void)snprintf(
		    p->problem, sizeof(p->problem), "%s", vx_errno_text(errno));
		return;
	}
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		child(s->c, command, ends[1]);
	(void)close(ends[1]);
	late = pid > 0 && !listen_to(p, ends[0]);
	if (late)
		(void)kill(-pid, SIGKILL);
	(void)close(ends[0]);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	see_end(p, command[0] == NULL ? "vectisctl" : command[0], status, late);
}

/* --- files and figures ----------------------------------------------------------------
 */

void support_file(struct support *s, const char *name, const char *path)
{
	struct support_part *p = support_begin(s, name);
	FILE *f = p == NULL ? NULL : fopen(path, "re");
	char chunk[16384];
	size_t n;

	if (p == NULL)
		return;
	if (f == NULL) {
		(void)snprintf(p->problem, sizeof(p->problem), "cannot read %.200s: %s",
		    path, vx_errno_text(errno));
		return;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		add(p, vx_slice_of(chunk, n));
	(void)fclose(f);
}

static void version(struct support *s)
{
	struct support_part *p = support_begin(s, "version.txt");
	struct utsname u;

	if (p == NULL)
		return;
	vx_buf_printf(&p->text, "vectis %s\ncompiler %s\nC %ld\n", VX_VERSION,
	    __VERSION__, (long)__STDC_VERSION__);
	if (uname(&u) == 0)
		vx_buf_printf(
		    &p->text, "kernel %s %s %s\n", u.sysname, u.release, u.machine);
	vx_buf_printf(&p->text, "processors %ld\nuser %d\n",
	    sysconf(_SC_NPROCESSORS_ONLN), (int)geteuid());
}

/* What is in force, without what a person wrote beside it. */
static void configuration(struct support *s)
{
	struct support_part *p = support_begin(s, "config.txt");

	for (size_t i = 0; p != NULL && vx_config_key_at(i) != NULL; i++) {
		const struct vx_config_key *k = vx_config_key_at(i);
		struct vx_buf value = { .max = 65536 };

		if (vx_config_get(s->c->config, vx_slice_str(k->path), &value) == VX_OK)
			vx_buf_printf(&p->text, "%s: %.*s\n", k->path, (int)value.len,
			    value.len == 0 ? "" : value.ptr);
		vx_buf_done(&value);
	}
}

static void disk(struct support_part *p, const char *path)
{
	struct statvfs v;

	if (statvfs(path, &v) < 0)
		vx_buf_printf(&p->text, "%s: %s\n", path, vx_errno_text(errno));
	else
		vx_buf_printf(&p->text,
		    "%s: %llu MB, %llu MB free, %llu of %llu inodes free\n", path,
		    (unsigned long long)v.f_blocks * v.f_frsize >> 20,
		    (unsigned long long)v.f_bavail * v.f_frsize >> 20,
		    (unsigned long long)v.f_ffree, (unsigned long long)v.f_files);
}

static void disks(struct support *s)
{
	struct support_part *p = support_begin(s, "disks.txt");

	if (p == NULL)
		return;
	disk(p, "/");
	disk(p, s->c->config->state_dir);
	disk(p, s->c->config->run_dir);
}

static void processes(struct support *s)
{
	static struct ctl_processes list;
	struct support_part *p = support_begin(s, "processes.txt");

	if (p == NULL)
		return;
	ctl_processes_read(s->c, &list);
	for (size_t i = 0; i < list.daemon_count; i++)
		vx_buf_printf(&p->text, "%s: %s, %llu restarts%s%s\n",
		    list.daemons[i].name, list.daemons[i].runs ? "runs" : "does not run",
		    (unsigned long long)list.daemons[i].restarts,
		    list.daemons[i].reason[0] == '\0' ? "" : ", the last one: ",
		    list.daemons[i].reason);
	for (size_t i = 0; i < list.count; i++) {
		struct ctl_process k;

		if (ctl_process_read(list.list[i].pid, &k))
			vx_buf_printf(&p->text,
			    "%s %d: %.1f MB of its own, CPU %.2f s, %llu s old\n",
			    list.list[i].name, list.list[i].pid,
			    (double)k.memory / 1048576.0,
			    (double)k.cpu_ticks / (double)sysconf(_SC_CLK_TCK),
			    (unsigned long long)ctl_process_age_s(&k));
	}
}

/* --- secrets --------------------------------------------------------------------------
 */

static void keep_secret(struct support *s, const char *text, size_t len)
{
	if (s->secret_count == SUPPORT_SECRETS_MAX || len < VX_REDACT_SECRET_MIN)
		return;
	vx_buf_add(&s->secrets, vx_slice_of(text, len));
	/* the buffer may move: only lengths hold until all are known */
	s->list[s->secret_count++].len = len;
}

static void keep_string(struct support *s, const char *text)
{
	if (text != NULL)
		keep_secret(s, text, strlen(text));
}

static void secrets_of_file(struct support *s)
{
	const char *const slash = strrchr(s->c->config_path, '/');
	struct vx_secrets *found = NULL;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.*ssecrets.yaml",
	    slash == NULL ? 0 : (int)(slash - s->c->config_path) + 1, s->c->config_path);
	if (vx_secrets_load(path, &found, NULL) != VX_OK)
		return;
	keep_string(s, found->cloudflare_api_token);
	keep_string(s, found->acme_eab_key);
	for (size_t i = 0; i < found->acme_eab_count; i++)
		keep_string(s, found->acme_eab[i].key);
	vx_secrets_free(found);
}

/* In a process of its own, which becomes the store's user: one password behind another,
 * each with an octet of zero. */
static _Noreturn void tell_relays(struct ctl *c, int out)
{
	struct vx_view *v = NULL;
	struct vx_relay r;
	char after[VX_RELAY_NAME_MAX + 1] = "";

	(void)close(STDERR_FILENO);
	if (ctl_open_store(c, true) != CTL_OK || vx_view_begin(c->store, &v) != VX_OK)
		_exit(1);
	while (vx_relay_next(v, vx_slice_str(after), &r) == VX_OK) {
		(void)snprintf(after, sizeof(after), "%.*s", (int)r.name.len, r.name.ptr);
		if (r.password.len > 0 &&
		    (write(out, r.password.ptr, r.password.len) < 0 ||
			write(out, "", 1) < 0))
			_exit(1);
	}
	_exit(0);
}

static void secrets_of_relays(struct support *s)
{
	struct vx_buf text = { .max = RELAY_OCTETS_MAX };
	char chunk[4096];
	vx_slice rest, one;
	int ends[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		tell_relays(s->c, ends[1]);
	(void)close(ends[1]);
	while (pid > 0 && (n = read(ends[0], chunk, sizeof(chunk))) > 0)
		vx_buf_add(&text, vx_slice_of(chunk, (size_t)n));
	(void)close(ends[0]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	for (rest = vx_buf_slice(&text); rest.len > 0;) {
		(void)vx_slice_cut(&rest, '\0', &one);
		keep_secret(s, one.ptr, one.len);
	}
	vx_buf_done(&text);
}

void support_find_secrets(struct support *s)
{
	size_t at = 0;

	s->secrets.max = (size_t)1 << 20;
	secrets_of_file(s);
	secrets_of_relays(s);
	for (size_t i = 0; i < s->secret_count; i++) {
		s->list[i].ptr = s->secrets.ptr + at;
		at += s->list[i].len;
	}
	s->redact.secrets = s->list;
	s->redact.secret_count = s->secret_count;
}

/* --- all ------------------------------------------------------------------------------
 */

/* The names in what "domain list" said. */
static size_t domains_in(const struct support_part *p, char names[][256], size_t max)
{
	json_t *j =
	    json_loadb(p->text.ptr == NULL ? "" : p->text.ptr, p->text.len, 0, NULL);
	const json_t *list = json_object_get(j, "domains");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list) && n < max; i++) {
		const char *name =
		    json_string_value(json_object_get(json_array_get(list, i), "name"));

		if (name != NULL)
			(void)snprintf(names[n++], 256, "%s", name);
	}
	json_decref(j);
	return n;
}

static void check_domain(struct support *s, const char *domain)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "check-%.50s.json", domain);
	for (char *c = name; *c != '\0'; c++)
		if (*c == '/' || (*c == '.' && c[1] == '.'))
			*c = '_';
	support_run(s, name,
	    (const char *const[]){ NULL, "domain", "check", domain, "--all", NULL });
}

static void check_domains(struct support *s, const char *domain)
{
	char names[SUPPORT_DOMAINS][256];
	size_t n;

	support_run(
	    s, "domains.json", (const char *const[]){ NULL, "domain", "list", NULL });
	if (domain != NULL) {
		check_domain(s, domain);
		return;
	}
	n = domains_in(&s->parts[s->count - 1], names, SUPPORT_DOMAINS);
	for (size_t i = 0; i < n; i++)
		check_domain(s, names[i]);
}

static void look_at_daemons(struct support *s)
{
	for (size_t i = 0; i < DAEMONS; i++) {
		char name[64], unit[64], path[PATH_MAX];

		(void)snprintf(name, sizeof(name), "log-%s.txt", daemons[i]);
		(void)snprintf(unit, sizeof(unit), "vectis-%s", daemons[i]);
		support_run(s, name,
		    (const char *const[]){ "journalctl", "--no-pager", "--quiet",
			"--output=short-iso", "--lines=" SUPPORT_LOG_LINES, "--unit",
			unit, NULL });
		(void)snprintf(name, sizeof(name), "processes-%s.txt", daemons[i]);
		(void)snprintf(path, sizeof(path), "%.3800s/%s.parent",
		    s->c->config->run_dir, daemons[i]);
		support_file(s, name, path);
	}
}

void support_gather(struct support *s, const char *domain)
{
	static const struct {
		const char *name, *path;
	} files[] = { { "meminfo.txt", "/proc/meminfo" }, { "load.txt", "/proc/loadavg" },
		{ "uptime.txt", "/proc/uptime" },
		{ "os-release.txt", "/etc/os-release" } };
	static const char *const notes[] = { "backup.json", "check.json" };
	char path[PATH_MAX];

	version(s);
	configuration(s);
	support_run(s, "status.json", (const char *const[]){ NULL, "status", NULL });
	support_run(
	    s, "certificate.json", (const char *const[]){ NULL, "cert", "status", NULL });
	support_run(
	    s, "queue.json", (const char *const[]){ NULL, "queue", "list", NULL });
	support_run(
	    s, "store.json", (const char *const[]){ NULL, "store", "stat", NULL });
	support_run(
	    s, "changes.json", (const char *const[]){ NULL, "config", "diff", NULL });
	check_domains(s, domain);
	look_at_daemons(s);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		support_file(s, files[i].name, files[i].path);
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		ctl_state_path(s->c, notes[i], path);
		support_file(s, notes[i], path);
	}
	disks(s);
	processes(s);
}
