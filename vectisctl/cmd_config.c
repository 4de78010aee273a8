/* setup, config, cert */
#include "vectisctl/ctl.h"

#include "vectis/tls.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int read_file(struct ctl *c, const char *path, struct vx_buf *out)
{
	FILE *f = fopen(path, "r");
	char chunk[4096];
	size_t n;

	if (f == NULL)
		return ctl_fail(c, CTL_FAILED, "cannot read %s", path);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		vx_buf_add(out, vx_slice_of(chunk, n));
	(void)fclose(f);
	return out->failed ? ctl_fail(c, CTL_FAILED, "%s is too large", path) : CTL_OK;
}

/* Replace a file as one step. */
static int write_file(struct ctl *c, const char *path, mode_t mode, vx_slice text)
{
	char tmp[PATH_MAX];
	int fd;
	bool good;

	(void)snprintf(tmp, sizeof(tmp), "%.4000s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return ctl_fail(c, CTL_FAILED, "cannot write %s", tmp);
	good = write(fd, text.ptr, text.len) == (ssize_t)text.len && fsync(fd) == 0;
	(void)close(fd);
	if (!good || rename(tmp, path) < 0)
		return ctl_fail(c, CTL_FAILED, "cannot write %s", path);
	return CTL_OK;
}

/* --- setup
 * ------------------------------------------------------------------------------- */

static int make_config_dir(struct ctl *c)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(c->config_path, '/');

	if (slash == NULL || slash == c->config_path)
		return CTL_OK;
	(void)snprintf(
	    dir, sizeof(dir), "%.*s", (int)(slash - c->config_path), c->config_path);
	return ctl_make_dir(c, dir, 0755);
}

static int write_template(struct ctl *c)
{
	const char *hostname = ctl_option(c, "--hostname");
	struct vx_buf text = { .max = 4096 };
	int status;

	if (hostname == NULL)
		return ctl_fail(c, CTL_USAGE,
		    "%s is not there: give --hostname mail.your-domain.net to make it",
		    c->config_path);
	status = make_config_dir(c);
	if (status != CTL_OK)
		return status;
	vx_buf_printf(&text,
	    "# vectis-config(5) explains every key.\n"
	    "hostname: %s\n"
	    "tls:\n"
	    "  provider: self-signed\n",
	    hostname);
	status = write_file(c, c->config_path, 0644, vx_buf_slice(&text));
	vx_buf_done(&text);
	if (status == CTL_OK)
		ctl_say(c, "written: %s", c->config_path);
	return status;
}

static int setup(struct ctl *c)
{
	int status = CTL_OK;

	if (access(c->config_path, F_OK) < 0)
		status = write_template(c);
	if (status == CTL_OK)
		status = ctl_load_config(c);
	if (status == CTL_OK)
		status = ctl_open_store(c, false);
	if (status == CTL_OK)
		ctl_say(c,
		    "the store is in %s\nnext: vectisctl domain add DOMAIN; vectisctl "
		    "mailbox add "
		    "NAME@DOMAIN; start the daemons",
		    c->config->state_dir);
	return status;
}

/* --- config
 * ------------------------------------------------------------------------------- */

static int config_validate(struct ctl *c)
{
	(void)json_object_set_new(c->result, "valid", json_true());
	ctl_say(c, "%s is valid", c->config_path);
	return CTL_OK;
}

static int config_get(struct ctl *c)
{
	struct vx_buf value = { .max = 4096 };
	int status = CTL_OK;

	if (vx_config_get(c->config, vx_slice_str(c->args[0]), &value) != VX_OK)
		status = ctl_fail(c, CTL_USAGE, "there is no key %s", c->args[0]);
	else
		ctl_say(c, "%.*s", (int)value.len, value.ptr == NULL ? "" : value.ptr);
	if (status == CTL_OK)
		(void)json_object_set_new(
		    c->result, c->args[0], ctl_text(vx_buf_slice(&value)));
	vx_buf_done(&value);
	return status;
}

static int config_set(struct ctl *c)
{
	struct vx_buf text = { .max = VX_CONFIG_OCTETS_MAX },
		      out = { .max = VX_CONFIG_OCTETS_MAX };
	struct vx_error err;
	int status = read_file(c, c->config_path, &text);

	if (status == CTL_OK &&
	    vx_config_set(vx_buf_slice(&text), c->config_path, vx_slice_str(c->args[0]),
		vx_slice_str(c->args[1]), &out, &err) != VX_OK)
		status = ctl_fail(c, CTL_USAGE, "not changed: %s", err.text);
	if (status == CTL_OK)
		status = write_file(c, c->config_path, 0644, vx_buf_slice(&out));
	if (status == CTL_OK)
		ctl_say(c, "changed; vectisctl config diff says who has to be restarted");
	vx_buf_done(&text);
	vx_buf_done(&out);
	return status;
}

/* What differs from the configuration that was applied last. */
static int differences(struct ctl *c, json_t *changes, bool *any)
{
	struct vx_config_errors errors;
	struct vx_config *old = NULL;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.4000s/applied.yaml", c->config->state_dir);
	if (access(path, F_OK) == 0 && vx_config_load(path, &old, &errors) != VX_OK)
		old = NULL;
	*any = false;
	for (size_t i = 0; vx_config_key_at(i) != NULL; i++) {
		const struct vx_config_key *k = vx_config_key_at(i);
		struct vx_buf before = { .max = 4096 }, after = { .max = 4096 };

		if (old != NULL)
			(void)vx_config_get(old, vx_slice_str(k->path), &before);
		(void)vx_config_get(c->config, vx_slice_str(k->path), &after);
		if (old == NULL ||
		    !vx_slice_eq(vx_buf_slice(&before), vx_buf_slice(&after))) {
			json_t *item = json_object();

			*any = true;
			(void)json_object_set_new(item, "key", json_string(k->path));
			(void)json_object_set_new(
			    item, "from", ctl_text(vx_buf_slice(&before)));
			(void)json_object_set_new(
			    item, "to", ctl_text(vx_buf_slice(&after)));
			(void)json_object_set_new(
			    item, "restart", json_string(k->daemons));
			(void)json_array_append_new(changes, item);
			if (old != NULL)
				ctl_say(c, "%s: %.*s -> %.*s (restart %s)", k->path,
				    (int)before.len, before.ptr == NULL ? "" : before.ptr,
				    (int)after.len, after.ptr == NULL ? "" : after.ptr,
				    k->daemons);
		}
		vx_buf_done(&before);
		vx_buf_done(&after);
	}
	if (old == NULL)
		ctl_say(c, "this configuration was never applied");
	vx_config_free(old);
	return CTL_OK;
}

static int config_diff(struct ctl *c)
{
	json_t *changes = json_array();
	bool any;

	(void)differences(c, changes, &any);
	(void)json_object_set_new(c->result, "changes", changes);
	if (!any)
		ctl_say(c, "nothing changed since the last apply");
	return any ? CTL_FAILED : CTL_OK;
}

/*
 * The key is root's, what is installed has to be the daemons': read as root, become
 * their user, install.
 */
static int import(struct ctl *c, const char *chain_path, const char *key_path)
{
	struct vx_buf chain = { .max = VX_TLS_PEM_MAX }, key = { .max = VX_TLS_PEM_MAX };
	struct vx_tls_cert_info info;
	struct vx_error err;
	char dir[PATH_MAX];
	int status = CTL_OK;

	if (vx_tls_read_pair(chain_path, key_path, &chain, &key, &info, &err) != VX_OK)
		status = ctl_fail(
		    c, CTL_FAILED, "the certificate was not taken: %s", err.text);
	if (status == CTL_OK)
		status = ctl_become_user(c);
	(void)snprintf(dir, sizeof(dir), "%.4000s/certs", c->config->state_dir);
	if (status == CTL_OK && vx_certs_install(dir, "mail", vx_buf_slice(&chain),
				    vx_buf_slice(&key), "custom", &err) != VX_OK)
		status = ctl_fail(
		    c, CTL_FAILED, "the certificate was not taken: %s", err.text);
	if (status == CTL_OK) {
		(void)json_object_set_new(c->result, "serial", json_string(info.serial));
		ctl_say(c,
		    "the certificate %s for %s is installed; the daemons serve it at "
		    "once",
		    info.serial, info.names);
	}
	vx_buf_done(&chain);
	vx_buf_wipe(&key);
	return status;
}

static int config_apply(struct ctl *c)
{
	struct vx_buf text = { .max = VX_CONFIG_OCTETS_MAX };
	json_t *changes = json_array();
	char path[PATH_MAX];
	bool any;
	int status;

	(void)differences(c, changes, &any);
	(void)json_object_set_new(c->result, "changes", changes);
	status = read_file(c, c->config_path, &text);
	if (status == CTL_OK && c->config->tls_provider == VX_TLS_CUSTOM)
		status = import(c, c->config->tls_cert_path, c->config->tls_key_path);
	if (status == CTL_OK)
		status = ctl_become_user(c);
	(void)snprintf(path, sizeof(path), "%.4000s/applied.yaml", c->config->state_dir);
	if (status == CTL_OK)
		status = write_file(c, path, 0600, vx_buf_slice(&text));
	if (status == CTL_OK)
		ctl_say(
		    c, any ? "applied; restart the daemons that are named above, if any"
			   : "applied; nothing changed");
	vx_buf_done(&text);
	return status;
}

static int config_keys(struct ctl *c)
{
	json_t *list = json_array();

	for (size_t i = 0; vx_config_key_at(i) != NULL; i++) {
		const struct vx_config_key *k = vx_config_key_at(i);

		(void)json_array_append_new(list, json_string(k->path));
		ctl_say(c, "%s (%s, default %s)\n    %s", k->path, k->type,
		    k->standard[0] == '\0' ? "none" : k->standard, k->help);
	}
	(void)json_object_set_new(c->result, "keys", list);
	return CTL_OK;
}

/* --- cert
 * ----------------------------------------------------------------------------------- */

static int cert_import(struct ctl *c)
{
	return import(c, c->args[0], c->args[1]);
}

/* What each worker says that it serves: run_dir/DAEMON.PID. */
static void served(struct ctl *c, json_t *list)
{
	const char *const path = c->config->run_dir;
	const struct dirent *e;
	DIR *d = opendir(path);

	while (d != NULL && (e = readdir(d)) != NULL) {
		char file[PATH_MAX + 300], line[128] = "";
		const char *dot = strrchr(e->d_name, '.');
		uint64_t pid;
		json_t *item;
		FILE *f;

		if (dot == NULL ||
		    vx_slice_number(vx_slice_str(dot + 1), INT_MAX, &pid) != VX_OK)
			continue;
		(void)snprintf(file, sizeof(file), "/proc/%d", (int)pid);
		if (access(file, F_OK) < 0)
			continue; /* left behind by one that was killed */
		(void)snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		f = fopen(file, "r");
		if (f == NULL)
			continue;
		if (fgets(line, sizeof(line), f) != NULL)
			line[strcspn(line, "\n")] = '\0';
		(void)fclose(f);
		item = json_object();
		(void)json_object_set_new(item, "worker", json_string(e->d_name));
		(void)json_object_set_new(item, "serial", json_string(line));
		(void)json_array_append_new(list, item);
		ctl_say(c, "  %-20s serves %s", e->d_name, line);
	}
	if (d != NULL)
		(void)closedir(d);
}

static int cert_status(struct ctl *c)
{
	json_t *certs = json_array(), *workers = json_array();
	struct vx_certs_entry e;
	struct vx_error err = { .code = VX_ENOENT };
	char dir[PATH_MAX];
	size_t n = 0;

	(void)snprintf(dir, sizeof(dir), "%.4000s/certs", c->config->state_dir);
	for (; vx_certs_entry(dir, n, &e, &err) == VX_OK; n++) {
		const long long days =
		    (long long)(e.info.not_after - (int64_t)time(NULL)) / 86400;
		json_t *item = json_object();

		(void)json_object_set_new(item, "name", json_string(e.name));
		(void)json_object_set_new(item, "serial", json_string(e.info.serial));
		(void)json_object_set_new(item, "provider", json_string(e.provider));
		(void)json_object_set_new(item, "names", json_string(e.info.names));
		(void)json_object_set_new(item, "issuer", json_string(e.info.issuer));
		(void)json_object_set_new(item, "days_left", json_integer(days));
		if (e.problem.text[0] != '\0')
			(void)json_object_set_new(
			    item, "problem", json_string(e.problem.text));
		(void)json_array_append_new(certs, item);
		ctl_say(c,
		    "%s, generation %u (%s)\n  serial %s\n  names %s\n  issuer %s\n  "
		    "%lld days left%s",
		    e.name, e.generation, e.provider, e.info.serial, e.info.names,
		    e.info.issuer, days,
		    days < 0    ? ": EXPIRED"
		    : days < 14 ? ": replace it soon"
				: "");
		if (e.problem.text[0] != '\0')
			ctl_say(c, "  %s", e.problem.text);
	}
	if (n == 0 && err.code != VX_ENOENT)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	if (n == 0)
		ctl_say(c,
		    "no certificate is installed: a temporary self-signed one is served");
	served(c, workers);
	(void)json_object_set_new(c->result, "certificates", certs);
	(void)json_object_set_new(c->result, "workers", workers);
	return CTL_OK;
}

const struct ctl_command ctl_config_commands[] = {
	{ "setup", NULL, setup, 0, 0, "[--hostname NAME] [--unattended]",
	    "write a configuration if there is none, and make the store" },
	{ "config", "validate", config_validate, NEEDS_CONFIG, 0, "",
	    "check the configuration" },
	{ "config", "get", config_get, NEEDS_CONFIG, 1, "KEY", "print a value" },
	{ "config", "set", config_set, NEEDS_CONFIG, 2, "KEY VALUE", "change the file" },
	{ "config", "diff", config_diff, NEEDS_CONFIG, 0, "",
	    "what changed since the last apply; exit 1 when something did" },
	{ "config", "apply", config_apply, NEEDS_CONFIG, 0, "",
	    "check, install a custom certificate, say what to restart" },
	{ "config", "keys", config_keys, 0, 0, "", "list all keys" },
	{ "cert", "import", cert_import, NEEDS_CONFIG, 2, "FULLCHAIN.PEM PRIVKEY.PEM",
	    "check a pair and serve it" },
	{ "cert", "status", cert_status, NEEDS_CONFIG, 0, "",
	    "what is installed and served" },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL },
};
