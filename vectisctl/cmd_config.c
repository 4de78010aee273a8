/* config: look at it, change it, apply it */
#include "vectisctl/ctl.h"

#include "vectis/hold.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define APPLY_TRIES 4 /* a second between them */

static int config_validate(struct ctl *c)
{
	(void)json_object_set_new(c->result, "valid", json_true());
	ctl_say(c, "%s is valid", c->config_path);
	return CTL_OK;
}

static int no_key(struct ctl *c, const char *key)
{
	const char *near = NULL;

	for (size_t i = 0; vx_config_key_at(i) != NULL; i++)
		near = ctl_nearer(key, near, vx_config_key_at(i)->path);
	if (near != NULL)
		return ctl_fail(
		    c, CTL_USAGE, "there is no key %s; is %s meant?", key, near);
	return ctl_fail(
	    c, CTL_USAGE, "there is no key %s; vectisctl config keys lists them", key);
}

static int config_get(struct ctl *c)
{
	struct vx_buf value = { .max = 65536 };
	int status = CTL_OK;

	if (vx_config_get(c->config, vx_slice_str(c->args[0]), &value) != VX_OK)
		status = no_key(c, c->args[0]);
	else
		ctl_say(c, "%.*s", (int)value.len, value.ptr == NULL ? "" : value.ptr);
	if (status == CTL_OK)
		(void)json_object_set_new(
		    c->result, c->args[0], ctl_text(vx_buf_slice(&value)));
	vx_buf_done(&value);
	return status;
}

int ctl_config_set(struct ctl *c, const char *key, const char *value)
{
	struct vx_buf text = { .max = VX_CONFIG_OCTETS_MAX },
		      out = { .max = VX_CONFIG_OCTETS_MAX };
	struct vx_error err;
	int rc, status = ctl_read_file(c, c->config_path, &text);

	if (status == CTL_OK) {
		rc = vx_config_set(vx_buf_slice(&text), c->config_path, vx_slice_str(key),
		    vx_slice_str(value), &out, &err);
		if (rc != VX_OK)
			status = ctl_fail(c, CTL_USAGE, "not changed: %s", err.text);
	}
	if (status == CTL_OK)
		status = ctl_write_file(c, c->config_path, 0644, vx_buf_slice(&out));
	vx_buf_done(&text);
	vx_buf_done(&out);
	return status;
}

static int config_set(struct ctl *c)
{
	const int status = ctl_config_set(c, c->args[0], c->args[1]);

	if (status != CTL_OK)
		return status;
	(void)json_object_set_new(
	    c->result, c->args[0], ctl_text(vx_slice_str(c->args[1])));
	ctl_say(c, "changed; vectisctl config apply puts it into force");
	return CTL_OK;
}

/* --- diff ------------------------------------------------------------------------- */

enum {
	SMTPD,
	IMAPD,
	POP3D,
	ACMED,
	DAEMONS
};
static const char *const daemons[DAEMONS] = { "smtpd", "imapd", "pop3d", "acmed" };

struct changes {
	json_t *list;
	size_t count;
	bool never_applied;
	bool restart[DAEMONS];
};

/* The configuration that was applied last; *old is NULL when there is none. */
static int load_applied(struct ctl *c, struct vx_config **old)
{
	struct vx_config_errors errors;
	char path[PATH_MAX];

	ctl_state_path(c, "applied.yaml", path);
	*old = NULL;
	if (access(path, R_OK) < 0)
		return errno == ENOENT ? CTL_OK
				       : ctl_fail(c, CTL_USAGE,
					     "cannot read %s: %s: run vectisctl as root",
					     path, vx_errno_text(errno));
	if (vx_config_load(path, old, &errors) != VX_OK) {
		ctl_warn(c, "%s is damaged and counts as absent", path);
		*old = NULL;
	}
	return CTL_OK;
}

static void restarts(
    const struct vx_config_key *k, struct changes *ch, struct vx_buf *who)
{
	for (size_t i = 0; i < DAEMONS; i++)
		if (strstr(k->daemons, daemons[i]) != NULL) {
			ch->restart[i] = true;
			vx_buf_printf(
			    who, "%s%s", who->len > 0 ? " " : "restart ", daemons[i]);
		}
	if (who->len == 0)
		vx_buf_add_str(who, "in force at once");
}

static void compare_key(struct ctl *c, const struct vx_config *old,
    const struct vx_config_key *k, struct changes *ch)
{
	struct vx_buf before = { .max = 65536 }, after = { .max = 65536 },
		      who = { .max = 200 };
	json_t *item;

	if (old != NULL)
		(void)vx_config_get(old, vx_slice_str(k->path), &before);
	(void)vx_config_get(c->config, vx_slice_str(k->path), &after);
	if (!vx_slice_eq(vx_buf_slice(&before), vx_buf_slice(&after)) || old == NULL) {
		restarts(k, ch, &who);
		ch->count++;
		item = json_object();
		(void)json_object_set_new(item, "key", json_string(k->path));
		(void)json_object_set_new(item, "from", ctl_text(vx_buf_slice(&before)));
		(void)json_object_set_new(item, "to", ctl_text(vx_buf_slice(&after)));
		(void)json_object_set_new(item, "action", ctl_text(vx_buf_slice(&who)));
		(void)json_array_append_new(ch->list, item);
		if (old != NULL)
			ctl_say(c, "%s: %.*s -> %.*s (%.*s)", k->path, (int)before.len,
			    before.len == 0 ? "" : before.ptr, (int)after.len,
			    after.len == 0 ? "" : after.ptr, (int)who.len, who.ptr);
	}
	vx_buf_done(&before);
	vx_buf_done(&after);
	vx_buf_done(&who);
}

/* What differs from the configuration that was applied last, in the result too. */
static int compare(struct ctl *c, struct changes *ch)
{
	json_t *names = json_array();
	struct vx_config *old;

	ch->list = json_array();
	(void)json_object_set_new(c->result, "changes", ch->list);
	(void)json_object_set_new(c->result, "restart", names);
	if (load_applied(c, &old) != CTL_OK)
		return CTL_USAGE;
	for (size_t i = 0; vx_config_key_at(i) != NULL; i++)
		compare_key(c, old, vx_config_key_at(i), ch);
	ch->never_applied = old == NULL;
	if (old == NULL)
		ctl_say(c, "this configuration was never applied");
	for (size_t i = 0; i < DAEMONS; i++)
		if (ch->restart[i])
			(void)json_array_append_new(names, json_string(daemons[i]));
	vx_config_free(old);
	return CTL_OK;
}

bool ctl_config_drift(struct ctl *c, struct vx_buf *out)
{
	struct vx_config_errors errors;
	struct vx_config *old = NULL;
	const struct vx_config_key *k;
	char path[PATH_MAX];

	ctl_state_path(c, "applied.yaml", path);
	if (vx_config_load(path, &old, &errors) != VX_OK)
		return false;
	for (size_t i = 0; (k = vx_config_key_at(i)) != NULL; i++) {
		struct vx_buf before = { .max = 65536 }, after = { .max = 65536 };
		bool restarts_one = false;

		for (size_t n = 0; n < DAEMONS; n++)
			restarts_one =
			    restarts_one || strstr(k->daemons, daemons[n]) != NULL;
		(void)vx_config_get(old, vx_slice_str(k->path), &before);
		(void)vx_config_get(c->config, vx_slice_str(k->path), &after);
		if (restarts_one &&
		    !vx_slice_eq(vx_buf_slice(&before), vx_buf_slice(&after)))
			vx_buf_printf(out, "%s%s", out->len > 0 ? " " : "", k->path);
		vx_buf_done(&before);
		vx_buf_done(&after);
	}
	vx_config_free(old);
	return !out->failed;
}

static int config_diff(struct ctl *c)
{
	struct changes ch = { .count = 0 };
	const int status = compare(c, &ch);

	if (status != CTL_OK)
		return status;
	if (ch.count == 0)
		ctl_say(c, "nothing changed since the last apply");
	return ch.count > 0 ? CTL_FAILED : CTL_OK;
}

/* --- apply ------------------------------------------------------------------------ */

/*
 * A child that stays root, to restart units at the end: only what we became is allowed to
 * write in the store's directory, and only root to restart.
 */
struct restarter {
	pid_t pid;
	int go; /* write an octet: restart; close: do not */
};

static void restart_units(int go, const struct changes *ch)
{
	const char *argv[DAEMONS + 3] = { "systemctl", "try-restart" };
	char units[DAEMONS][32], octet;
	size_t n = 2;

	for (size_t i = 0; i < DAEMONS; i++)
		if (ch->restart[i]) {
			(void)snprintf(
			    units[i], sizeof(units[i]), "vectis-%s.service", daemons[i]);
			argv[n++] = units[i];
		}
	if (read(go, &octet, 1) != 1)
		_exit(0);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	(void)execv("/usr/bin/systemctl", (char *const *)(uintptr_t)argv);
	_exit(1);
}

/* Where systemd runs and we are root; pid 0: the operator restarts. */
static struct restarter prepare_restart(struct ctl *c, const struct changes *ch)
{
	struct restarter r = { .go = -1 };
	bool any = false;
	int ends[2];

	for (size_t i = 0; i < DAEMONS; i++)
		any = any || ch->restart[i];
	if (!any || ctl_flag(c, "--no-restart") || geteuid() != 0 ||
	    access("/run/systemd/system", F_OK) < 0 || pipe(ends) < 0)
		return r;
	(void)fflush(stdout);
	r.pid = fork();
	if (r.pid == 0) {
		(void)close(ends[1]);
		restart_units(ends[0], ch);
	}
	(void)close(ends[0]);
	r.go = ends[1];
	return r;
}

static int finish_restart(struct ctl *c, const struct restarter *r, bool go)
{
	int state = 0;

	if (r->pid <= 0)
		return CTL_OK;
	if (go)
		(void)!write(r->go, "r", 1);
	(void)close(r->go);
	if (waitpid(r->pid, &state, 0) == r->pid && state == 0)
		return CTL_OK;
	return ctl_fail(c, CTL_FAILED,
	    "not all daemons could be restarted: see \"systemctl status 'vectis-*'\"");
}

static void say_applied(struct ctl *c, const struct changes *ch, bool restarted)
{
	struct vx_buf names = { .max = 200 };

	for (size_t i = 0; i < DAEMONS; i++)
		if (ch->restart[i])
			vx_buf_printf(&names, " vectis-%s", daemons[i]);
	(void)json_object_set_new(c->result, "restarted", json_boolean(restarted));
	if (names.len == 0)
		ctl_say(c, "applied");
	else if (restarted)
		ctl_say(c, "applied; restarted, where they run:%.*s", (int)names.len,
		    names.ptr);
	else
		ctl_say(c, "applied; restart, where they run:%.*s", (int)names.len,
		    names.ptr);
	vx_buf_done(&names);
}

/* One at a time: another one is waited for, for moments, and then named (DX-OP-22).  The
 * file is its whose the store is. */
static int take_turn(struct ctl *c, uid_t owner, int *fd)
{
	const struct timespec second = { .tv_sec = 1 };
	struct vx_error err;
	char path[PATH_MAX];
	int rc = VX_EBUSY;

	ctl_state_path(c, CTL_APPLY_LOCK, path);
	for (int i = 0; i < APPLY_TRIES && rc == VX_EBUSY; i++) {
		if (i > 0)
			(void)nanosleep(&second, NULL);
		rc = vx_hold_take(path, "config apply", fd, &err);
	}
	if (rc == VX_EBUSY)
		return ctl_fail(c, CTL_FAILED, "tried %d times in %d seconds: %s",
		    APPLY_TRIES, APPLY_TRIES - 1, err.text);
	/* who may not write there is told so below; a full disk keeps nobody from it */
	if (rc == VX_OK && geteuid() == 0 && fchown(*fd, owner, (gid_t)-1) < 0)
		ctl_warn(c, "cannot give %s away: %s", path, vx_errno_text(errno));
	return CTL_OK;
}

int ctl_config_apply(struct ctl *c)
{
	struct vx_buf text = { .max = VX_CONFIG_OCTETS_MAX };
	struct changes ch = { .count = 0 };
	struct restarter r = { .go = -1 };
	char path[PATH_MAX];
	uid_t owner = 0;
	int turn = -1, status = ctl_find_store(c, &owner);

	if (status == CTL_OK)
		status = take_turn(c, owner, &turn);
	if (status == CTL_OK)
		status = compare(c, &ch);
	if (status == CTL_OK)
		status = ctl_read_file(c, c->config_path, &text);
	if (status == CTL_OK)
		r = prepare_restart(c, &ch);
	if (status == CTL_OK && c->config->tls_provider == VX_TLS_CUSTOM)
		status =
		    ctl_import_cert(c, c->config->tls_cert_path, c->config->tls_key_path);
	if (status == CTL_OK)
		status = ctl_check_store(c);
	if (finish_restart(c, &r, status == CTL_OK) != CTL_OK)
		status = CTL_FAILED;
	/* last: until the daemons have it, it still differs from what was applied */
	ctl_state_path(c, "applied.yaml", path);
	if (status == CTL_OK)
		status = ctl_write_file(c, path, 0600, vx_buf_slice(&text));
	if (status == CTL_OK)
		say_applied(c, &ch, r.pid > 0);
	if (turn >= 0)
		(void)close(turn);
	vx_buf_done(&text);
	return status;
}

static int config_keys(struct ctl *c)
{
	json_t *list = json_array();

	for (size_t i = 0; vx_config_key_at(i) != NULL; i++) {
		const struct vx_config_key *k = vx_config_key_at(i);
		json_t *item = json_object();

		(void)json_object_set_new(item, "key", json_string(k->path));
		(void)json_object_set_new(item, "type", json_string(k->type));
		(void)json_object_set_new(item, "default", json_string(k->standard));
		(void)json_object_set_new(item, "help", json_string(k->help));
		(void)json_array_append_new(list, item);
		ctl_say(c, "%s (%s, default %s)\n    %s", k->path, k->type,
		    k->standard[0] == '\0' ? "none" : k->standard, k->help);
	}
	(void)json_object_set_new(c->result, "keys", list);
	return CTL_OK;
}

const struct ctl_command ctl_config_commands[] = {
	{ "config", "validate", config_validate, NEEDS_CONFIG, 0, 0, "",
	    "check the configuration" },
	{ "config", "get", config_get, NEEDS_CONFIG, 1, 1, "KEY", "print a value" },
	{ "config", "set", config_set, 0, 2, 2, "KEY VALUE", "change the file" },
	{ "config", "diff", config_diff, NEEDS_CONFIG, 0, 0, "",
	    "what changed since the last apply; exit 1 when something did" },
	{ "config", "apply", ctl_config_apply, NEEDS_CONFIG, 0, 0, "[--no-restart]",
	    "check, install a custom certificate, restart what the changes need" },
	{ "config", "keys", config_keys, 0, 0, 0, "", "list all keys" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
