/* dns move: what is kept of it, and the processes that it is done by. */
#include "vectisctl/move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what is kept ---------------------------------------------------------------------
 */

static void state_path(const struct ctl *c, char path[PATH_MAX])
{
	ctl_state_path(c, "dns/move", path);
}

static bool is_true(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

static bool name_of(const json_t *j, char out[VX_DNS_NAME_MAX + 1])
{
	return vx_dns_name(vx_slice_str(json_string_value(j)), out) == VX_OK &&
	       out[0] != '\0';
}

void ctl_move_load(const struct ctl *c, struct ctl_move *out)
{
	char path[PATH_MAX];
	const json_t *list;
	json_t *j;

	state_path(c, path);
	j = json_load_file(path, 0, NULL);
	*out = (struct ctl_move){ .from = "" };
	out->since = json_integer_value(json_object_get(j, "since"));
	out->ttl = (uint32_t)json_integer_value(json_object_get(j, "ttl"));
	out->begun = is_true(j, "begun");
	out->fresh = is_true(j, "fresh");
	out->swapped = is_true(j, "swapped");
	out->renaming = is_true(j, "renaming");
	out->renamed = is_true(j, "renamed");
	out->withdrawn = is_true(j, "withdrawn");
	if (!name_of(json_object_get(j, "from"), out->from) ||
	    !name_of(json_object_get(j, "to"), out->to))
		out->from[0] = out->to[0] = '\0';
	list = json_object_get(j, "added");
	for (size_t i = 0;
	     i < json_array_size(list) && out->added_count < CTL_MOVE_ADDED_MAX; i++)
		out->added_count +=
		    name_of(json_array_get(list, i), out->added[out->added_count]);
	json_decref(j);
}

bool ctl_move_names(
    const struct ctl *c, char from[VX_DNS_NAME_MAX + 1], char to[VX_DNS_NAME_MAX + 1])
{
	struct ctl_move s;

	ctl_move_load(c, &s);
	memcpy(from, s.from, sizeof(s.from));
	memcpy(to, s.to, sizeof(s.to));
	return s.begun && !s.withdrawn && s.from[0] != '\0';
}

static int add_octets(const char *octets, size_t len, void *out)
{
	vx_buf_add(out, vx_slice_of(octets, len));
	return 0;
}

static json_t *describe(const struct ctl_move *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->added_count; i++)
		(void)json_array_append_new(list, json_string(s->added[i]));
	return json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:I, s:I, s:o}",
	    "from", s->from, "to", s->to, "begun", (int)s->begun, "fresh", (int)s->fresh,
	    "swapped", (int)s->swapped, "renaming", (int)s->renaming, "renamed",
	    (int)s->renamed, "withdrawn", (int)s->withdrawn, "since",
	    (json_int_t)s->since, "ttl", (json_int_t)s->ttl, "added", list);
}

int ctl_move_save(struct ctl *c, const struct ctl_move *s)
{
	char path[PATH_MAX], dir[PATH_MAX];
	struct vx_buf text = { .max = 8192 };
	json_t *j = describe(s);
	const int rc = json_dump_callback(j, add_octets, &text, JSON_INDENT(1));
	int status;

	json_decref(j);
	ctl_state_path(c, "dns", dir);
	state_path(c, path);
	status = rc != 0 || text.failed
		     ? ctl_fail(c, CTL_FAILED, "%s", vx_strerror(VX_ENOMEM))
		     : ctl_make_dir(c, dir, 0700);
	if (status == CTL_OK)
		status = ctl_write_file(c, path, 0600, vx_buf_slice(&text));
	vx_buf_done(&text);
	return status;
}

int ctl_move_end(struct ctl *c)
{
	char path[PATH_MAX];

	state_path(c, path);
	if (unlink(path) == 0 || errno == ENOENT)
		return CTL_OK;
	return ctl_fail(
	    c, CTL_FAILED, "cannot remove %s: %s", path, vx_errno_text(errno));
}

/* --- processes ------------------------------------------------------------------------
 */

int ctl_move_lock(struct ctl *c)
{
	/* it is open until the last process of this command ends, and programs that are
	 * run do not have it */
	const int fd =
	    open(c->config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return CTL_OK;
	if (fd >= 0 && errno == EWOULDBLOCK)
		return ctl_fail(c, CTL_FAILED,
		    "another \"vectisctl dns move\" runs, or ends just now: wait for it");
	return ctl_fail(c, CTL_FAILED, "cannot open %s: %s", c->config->state_dir,
	    vx_errno_text(errno));
}

void ctl_move_bind(void)
{
	/* it is lost with each change of the user; who is killed leaves nobody behind */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void be_the_step(
    struct moving *m, pid_t parent, int out, int (*run)(struct moving *))
{
	int status;

	ctl_move_bind();
	if (getppid() != parent)
		_exit(CTL_FAILED);
	m->c->result = json_object();
	status = run(m);
	(void)fflush(stdout);
	if (json_dumpfd(m->c->result, out, JSON_COMPACT) != 0)
		status = CTL_FAILED;
	_exit(status);
}

/* Lists of warnings are joined, and an error is everybody's. */
static void take_result(struct ctl *c, const char *key, json_t *result)
{
	json_t *const warnings = json_object_get(result, "warnings"), *const ours =
									  json_object_get(
									      c->result,
									      "warnings");
	json_t *const error = json_object_get(result, "error");

	if (warnings != NULL && ours != NULL)
		(void)json_array_extend(ours, warnings);
	else if (warnings != NULL)
		(void)json_object_set(c->result, "warnings", warnings);
	if (error != NULL)
		(void)json_object_set(c->result, "error", error);
	(void)json_object_del(result, "warnings");
	if (key == NULL)
		(void)json_object_update(c->result, result);
	else
		(void)json_object_set(c->result, key, result);
}

static int wait_for(struct ctl *c, pid_t pid)
{
	int state = 0;

	while (waitpid(pid, &state, 0) < 0)
		if (errno != EINTR)
			return ctl_fail(c, CTL_FAILED, "%s", vx_errno_text(errno));
	if (WIFEXITED(state))
		return WEXITSTATUS(state);
	return ctl_fail(c, CTL_FAILED, "a step was ended by signal %d", WTERMSIG(state));
}

int ctl_move_step(struct moving *m, const char *key, int (*run)(struct moving *))
{
	const pid_t own = getpid();
	struct ctl_move kept;
	int ends[2], status;
	json_t *result;
	pid_t pid;

	(void)fflush(stdout);
	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return ctl_fail(m->c, CTL_FAILED, "%s", vx_errno_text(errno));
	if (pid == 0) {
		(void)close(ends[0]);
		be_the_step(m, own, ends[1], run);
	}
	(void)close(ends[1]);
	result = json_loadfd(ends[0], 0, NULL);
	(void)close(ends[0]);
	status = wait_for(m->c, pid);
	if (json_is_object(result))
		take_result(m->c, key, result);
	json_decref(result);
	ctl_move_load(m->c, &kept);
	/* what nobody had to keep yet is as it was */
	if (strcmp(kept.from, m->s.from) == 0 && strcmp(kept.to, m->s.to) == 0)
		m->s = kept;
	return status;
}
