/* Who of the daemons' processes died, and what the others take (DX-OP-20, 21, 33). */
#include "vectisctl/process.h"

#include "vectis/memory.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX 65536
#define LATELY_S 600
#define HOUR_S 3600
#define LOOK_MS 250 /* at the threads of one that is busy */
#define THREADS_MAX 64
#define BASE_OCTETS ((uint64_t)256 << 20)
#define CONNECTION_OCTETS ((uint64_t)64 << 10)

static const char *const daemons[CTL_DAEMONS] = { "smtpd", "imapd", "pop3d", "acmed" };

uint64_t ctl_process_budget(const struct ctl *c)
{
	return BASE_OCTETS + c->config->connections_max * CONNECTION_OCTETS;
}

/* --- what a busy one does -------------------------------------------------------------
 */

struct thread {
	int id;
	uint64_t ticks;
};

static uint64_t thread_ticks(int pid, int id, char name[16])
{
	char path[96], line[1024];
	const char *open, *close;
	vx_slice rest, word;
	uint64_t n, ticks = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, id);
	if (!ctl_first_line(path, line, sizeof(line)) ||
	    (open = strchr(line, '(')) == NULL || (close = strrchr(line, ')')) == NULL ||
	    close[1] != ' ')
		return 0;
	(void)snprintf(name, 16, "%.*s", (int)(close - open - 1), open + 1);
	rest = vx_slice_str(close + 2);
	for (unsigned field = 3; rest.len > 0 && field <= 15; field++) {
		(void)vx_slice_cut(&rest, ' ', &word);
		if (field >= 14 && vx_slice_number(word, INT64_MAX, &n) == VX_OK)
			ticks += n;
	}
	return ticks;
}

static size_t list_threads(int pid, struct thread list[THREADS_MAX])
{
	const struct dirent *e;
	char path[64], name[16];
	uint64_t id;
	size_t n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d != NULL && n < THREADS_MAX && (e = readdir(d)) != NULL) {
		if (vx_slice_number(vx_slice_str(e->d_name), INT_MAX, &id) != VX_OK)
			continue;
		list[n] = (struct thread){ .id = (int)id };
		list[n].ticks = thread_ticks(pid, list[n].id, name);
		n++;
	}
	if (d != NULL)
		(void)closedir(d);
	return n;
}

/* Threads have names, the first one that of its process. */
static const struct {
	const char *thread, *does;
} tasks[] = { { "vx-commit", "it writes to the store" },
	{ "vx-large", "it takes in large messages" },
	{ "vx-upkeep", "it gives space in the store back" },
	{ "vx-index", "it keeps the search index" },
	{ "vx-job", "it hashes passwords, checks signatures, or searches" },
	{ "sender", "it sends mail" }, { "fetcher", "it asks web servers" },
	{ "smtpd", "it takes mail" }, { "imapd", "it serves clients" },
	{ "pop3d", "it serves clients" }, { "acmed", "it sees to certificates" } };

static const char *task_of(const char *thread)
{
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
		if (strstr(thread, tasks[i].thread) != NULL)
			return tasks[i].does;
	return "";
}

/* The thread that takes most, for a moment. */
static const char *find_task(int pid)
{
	const struct timespec moment = { .tv_nsec = LOOK_MS * 1000000L };
	struct thread list[THREADS_MAX];
	const size_t n = list_threads(pid, list);
	char name[16] = "", busiest[16] = "";
	uint64_t most = 0;

	(void)nanosleep(&moment, NULL);
	for (size_t i = 0; i < n; i++) {
		const uint64_t now = thread_ticks(pid, list[i].id, name);

		if (now > list[i].ticks && now - list[i].ticks > most) {
			most = now - list[i].ticks;
			memcpy(busiest, name, sizeof(busiest));
		}
	}
	return task_of(busiest);
}

struct reading {
	struct ctl_processes *out;
	struct vx_diag_daemon *daemon;
	char *reason;
	int64_t now;
};

/* Of one that died meanwhile nothing is said. */
static void see_child(struct reading *r, vx_slice name, uint64_t pid, uint64_t busy)
{
	struct ctl_processes *o = r->out;
	struct ctl_process p;

	if (o->count == CTL_PROCESSES_MAX || !r->daemon->runs || pid > INT_MAX ||
	    !ctl_process_read((int)pid, &p))
		return;
	(void)snprintf(o->names[o->count], sizeof(o->names[0]), "%.*s",
	    (int)vx_slice_head(name, 15).len, name.ptr);
	o->list[o->count] = (struct vx_diag_process){ .name = o->names[o->count],
		.pid = (int)pid,
		.memory = p.memory,
		.cpu_percent = (unsigned)(busy < 100000 ? busy : 100000),
		.does = busy > VX_DIAG_CPU_PERCENT ? find_task((int)pid) : "" };
	o->count++;
}

/* --- how they died --------------------------------------------------------------------
 */

static void say_death(struct reading *r, const char *name, uint64_t pid, uint64_t number,
    uint64_t status, bool hung)
{
	if (hung)
		(void)snprintf(r->reason, sizeof(r->out->reasons[0]),
		    "%.15s (process %llu) stood still and was killed", name,
		    (unsigned long long)pid);
	else if (number != 0)
		(void)snprintf(r->reason, sizeof(r->out->reasons[0]),
		    "%.15s (process %llu) was ended by signal %llu, SIG%s%s", name,
		    (unsigned long long)pid, (unsigned long long)number,
		    sigabbrev_np((int)number) == NULL ? "?" : sigabbrev_np((int)number),
		    number == SIGKILL ? ": by somebody, or for want of memory" : "");
	else
		(void)snprintf(r->reason, sizeof(r->out->reasons[0]),
		    "%.15s (process %llu) ended with status %llu", name,
		    (unsigned long long)pid, (unsigned long long)status);
}

static bool numbers(vx_slice rest, uint64_t *out, size_t count)
{
	vx_slice word;

	for (size_t i = 0; i < count; i++) {
		(void)vx_slice_cut(&rest, ' ', &word);
		if (vx_slice_number(word, INT64_MAX, &out[i]) != VX_OK)
			return false;
	}
	return rest.len == 0;
}

/* "TIME NAME PID SIGNAL STATUS HUNG" */
static void see_death(struct reading *r, vx_slice rest)
{
	char name[16];
	vx_slice at, who;
	uint64_t n[4], time;

	if (!vx_slice_cut(&rest, ' ', &at) || !vx_slice_cut(&rest, ' ', &who) ||
	    vx_slice_number(at, INT64_MAX, &time) != VX_OK || !numbers(rest, n, 4))
		return;
	(void)snprintf(
	    name, sizeof(name), "%.*s", (int)vx_slice_head(who, 15).len, who.ptr);
	r->daemon->lately += r->now - (int64_t)time < LATELY_S;
	r->daemon->hour += r->now - (int64_t)time < HOUR_S;
	r->daemon->died_at = (int64_t)time;
	say_death(r, name, n[0], n[1], n[2], n[3] != 0);
}

/* --- the file of a parent -------------------------------------------------------------
 */

/* "run|stopped|hopeless TIME" */
static void see_end(struct reading *r, vx_slice rest)
{
	vx_slice word;
	uint64_t at;

	if (!vx_slice_cut(&rest, ' ', &word) ||
	    vx_slice_number(rest, INT64_MAX, &at) != VX_OK)
		return;
	r->daemon->end_at = (int64_t)at;
	r->daemon->end = vx_slice_eq(word, VX_S("stopped"))    ? VX_DIAG_STOPPED
			 : vx_slice_eq(word, VX_S("hopeless")) ? VX_DIAG_HOPELESS
							       : VX_DIAG_KILLED;
}

static void see_line(struct reading *r, vx_slice line)
{
	vx_slice rest = line, word, name;
	uint64_t n[2];

	(void)vx_slice_cut(&rest, ' ', &word);
	if (vx_slice_eq(word, VX_S("parent")) && numbers(rest, n, 2)) {
		struct ctl_process p;

		r->daemon->runs = ctl_process_read((int)n[0], &p) &&
				  strstr(p.name, r->daemon->name) != NULL;
	} else if (vx_slice_eq(word, VX_S("end"))) {
		see_end(r, rest);
	} else if (vx_slice_eq(word, VX_S("restarts"))) {
		(void)numbers(rest, &r->daemon->restarts, 1);
	} else if (vx_slice_eq(word, VX_S("death"))) {
		see_death(r, rest);
	} else if (vx_slice_eq(word, VX_S("child")) && vx_slice_cut(&rest, ' ', &name) &&
		   numbers(rest, n, 2)) {
		see_child(r, name, n[0], n[1]);
	}
}

static bool read_file(const struct ctl *c, const char *daemon, struct vx_buf *out)
{
	char path[PATH_MAX], chunk[4096];
	size_t n;
	FILE *f;

	(void)snprintf(
	    path, sizeof(path), "%.3800s/%s.parent", c->config->run_dir, daemon);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		vx_buf_add(out, vx_slice_of(chunk, n));
	(void)fclose(f);
	return !out->failed;
}

static void read_daemon(struct ctl *c, const char *name, struct ctl_processes *out)
{
	struct vx_buf text = { .max = FILE_MAX };
	struct reading r = { .out = out,
		.daemon = &out->daemons[out->daemon_count],
		.reason = out->reasons[out->daemon_count],
		.now = vx_now_s() };
	vx_slice rest, line;

	if (read_file(c, name, &text)) {
		*r.daemon = (struct vx_diag_daemon){ .name = name, .reason = r.reason };
		r.reason[0] = '\0';
		rest = vx_buf_slice(&text);
		while (rest.len > 0) {
			(void)vx_slice_cut(&rest, '\n', &line);
			see_line(&r, line);
		}
		out->daemon_count++;
	}
	vx_buf_done(&text);
}

void ctl_processes_read(struct ctl *c, struct ctl_processes *out)
{
	out->count = out->daemon_count = 0;
	for (size_t i = 0; i < CTL_DAEMONS; i++)
		read_daemon(c, daemons[i], out);
}

/* --- locks ----------------------------------------------------------------------------
 */

/* proc(5), locks: "5: FLOCK  ADVISORY  READ  1234 08:01:131 0 EOF"; the device's number
 * is not that of stat(2) on every file system. */
static bool read_lock(const char *line, uint64_t *pid, uint64_t *inode)
{
	vx_slice rest = vx_slice_trim(vx_slice_str(line), "\n"), word;
	unsigned n = 0;

	while (rest.len > 0 && n < 6) {
		(void)vx_slice_cut(&rest, ' ', &word);
		if (word.len == 0)
			continue;
		n++;
		if (n == 5 && vx_slice_number(word, INT_MAX, pid) != VX_OK)
			return false;
	}
	return n == 6 &&
	       vx_slice_number(vx_slice_from(word, vx_slice_rfind(word, ':') + 1),
		   INT64_MAX, inode) == VX_OK;
}

void ctl_lock_users(const char *path, char *out, size_t size)
{
	char line[256];
	struct stat st;
	uint64_t pid, inode;
	FILE *f;

	out[0] = '\0';
	f = stat(path, &st) < 0 ? NULL : fopen("/proc/locks", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		const size_t len = strlen(out);
		struct ctl_process p;

		if (read_lock(line, &pid, &inode) && inode == (uint64_t)st.st_ino &&
		    ctl_process_read((int)pid, &p) && len + 100 < size)
			(void)snprintf(out + len, size - len, "%s%.63s (%d)",
			    len > 0 ? ", " : "", p.name, (int)pid);
	}
	if (f != NULL)
		(void)fclose(f);
}
