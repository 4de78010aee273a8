/* setup: a configuration, the system user, the directories, the store, a domain. */
#include "vectisctl/verify.h"

#include "vectis/acme_setup.h"
#include "vectis/address.h"

#include <errno.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_MAX_OCTETS 256

static bool may_ask(const struct ctl *c)
{
	return !ctl_flag(c, "--unattended") && isatty(STDIN_FILENO);
}

static bool is_below(vx_slice name, const char *domain)
{
	const vx_slice d = vx_slice_str(domain);

	return vx_slice_eq_nocase(name, d) ||
	       (name.len > d.len &&
		   vx_slice_eq_nocase(vx_slice_from(name, name.len - d.len), d) &&
		   name.ptr[name.len - d.len - 1] == '.');
}

/* A name that was copied from a manual and not edited (SE-14). */
static bool is_placeholder(const char *name)
{
	static const char *const domains[] = { "example.com", "example.net",
		"example.org", "example", "invalid", "localhost", "localdomain",
		"your-domain.com", "your-domain.net", "your-domain.org", "yourdomain.com",
		"yourdomain.net", "yourdomain.org", "your-domain.tld", "yourdomain.tld",
		"domain.tld", "changeme" };
	vx_slice s = vx_slice_str(name);

	if (s.len > 0 && s.ptr[s.len - 1] == '.')
		s.len--;
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		if (is_below(s, domains[i]))
			return true;
	return false;
}

static int refuse_placeholder(struct ctl *c, const char *what, const char *name)
{
	if (is_placeholder(name))
		return ctl_fail(c, CTL_USAGE,
		    "%s is an example, not %s: give the name that you own", name, what);
	return CTL_OK;
}

/* --- the configuration ------------------------------------------------------------ */

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

static int report(struct ctl *c, const struct vx_config_errors *errors)
{
	return ctl_fail(c, CTL_USAGE, "%s",
	    errors->count > 0 ? errors->items[0].text : "the name cannot be used");
}

/* Checked before anything is written: a bad name leaves no file behind. */
static int write_template(struct ctl *c, const char *hostname)
{
	struct vx_buf text = { .max = 4096 };
	struct vx_config_errors errors;
	struct vx_config *config = NULL;
	int status = refuse_placeholder(c, "this server's name", hostname);

	vx_buf_printf(&text,
	    "# vectis-config(5) explains every key.\n"
	    "hostname: %s\n"
	    "tls:\n"
	    "  provider: self-signed\n",
	    hostname);
	if (status == CTL_OK && (strpbrk(hostname, " #:\"'\n") != NULL ||
				    vx_config_parse(vx_buf_slice(&text), c->config_path,
					&config, &errors) != VX_OK)) {
		if (config == NULL && strpbrk(hostname, " #:\"'\n") != NULL)
			status = ctl_fail(c, CTL_USAGE,
			    "\"%s\" is no host name, such as mail.your-domain.net",
			    hostname);
		else
			status = report(c, &errors);
	}
	if (status == CTL_OK)
		status = make_config_dir(c);
	if (status == CTL_OK)
		status = ctl_write_file(c, c->config_path, 0644, vx_buf_slice(&text));
	if (status == CTL_OK)
		ctl_say(c, "written: %s", c->config_path);
	vx_config_free(config);
	vx_buf_done(&text);
	return status;
}

static int make_config(struct ctl *c)
{
	const char *given = ctl_option(c, "--hostname");
	char own[NAME_MAX_OCTETS] = "", hostname[NAME_MAX_OCTETS];
	int status = CTL_OK;

	if (given != NULL)
		return write_template(c, given);
	if (!may_ask(c))
		return ctl_fail(c, CTL_USAGE,
		    "%s is not there: give --hostname and the full name of this server, "
		    "by which others reach it, to make it",
		    c->config_path);
	/* what others see already (DNS-30), or what it calls itself */
	if ((!ctl_host_name(c, own, sizeof(own)) || is_placeholder(own)) &&
	    (gethostname(own, sizeof(own) - 1) < 0 || strchr(own, '.') == NULL ||
		is_placeholder(own)))
		own[0] = '\0';
	status =
	    ctl_ask(c, "The full name of this server", own, hostname, sizeof(hostname));
	return status == CTL_OK ? write_template(c, hostname) : status;
}

/* What is there already has to be what was asked for. */
static int check_config(struct ctl *c)
{
	const char *given = ctl_option(c, "--hostname");

	if (given != NULL && strcasecmp(given, c->config->hostname) != 0)
		return ctl_fail(c, CTL_USAGE,
		    "%s has the hostname %s: change it with \"vectisctl config set "
		    "hostname %s\"",
		    c->config_path, c->config->hostname, given);
	return refuse_placeholder(c, "this server's name", c->config->hostname);
}

/* --- user and directories --------------------------------------------------------- */

static int make_user(struct ctl *c)
{
	const char *const argv[] = { "useradd", "--system", "--user-group",
		"--no-create-home", "--home-dir", c->config->state_dir, "--shell",
		"/usr/sbin/nologin", "--comment", "Vectis mail server", c->config->user,
		NULL };
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *const env[] = { path, NULL };
	int state = -1;
	pid_t pid;

	if (posix_spawn(&pid, "/usr/sbin/useradd", NULL, NULL,
		(char *const *)(uintptr_t)argv, env) != 0 ||
	    waitpid(pid, &state, 0) < 0 || state != 0)
		return ctl_fail(c, CTL_FAILED,
		    "the user %s cannot be made with useradd: make it, or set the key "
		    "user",
		    c->config->user);
	ctl_say(c, "made: the user %s", c->config->user);
	return CTL_OK;
}

/* The same as packaging's tmpfiles.d: what the daemons write in is theirs alone. */
static int own_dir(struct ctl *c, const char *path, const struct passwd *pw)
{
	const int status = ctl_make_dir(c, path, 0700);

	if (status == CTL_OK && pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) < 0)
		return ctl_fail(c, CTL_FAILED, "cannot give %s to the user %s: %s", path,
		    pw->pw_name, vx_errno_text(errno));
	return status;
}

static int make_dirs(struct ctl *c)
{
	const struct passwd *pw = NULL;
	char account[VX_ACME_PATH_MAX];

	if (geteuid() == 0 && c->config->user[0] != '\0') {
		if (getpwnam(c->config->user) == NULL && make_user(c) != CTL_OK)
			return CTL_FAILED;
		pw = getpwnam(c->config->user);
		if (pw == NULL)
			return ctl_fail(
			    c, CTL_FAILED, "there is no user %s", c->config->user);
	}
	if (vx_acme_path(c->config, NULL, account) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the path of state_dir is too long");
	if (own_dir(c, c->config->state_dir, pw) != CTL_OK ||
	    own_dir(c, account, pw) != CTL_OK ||
	    own_dir(c, c->config->run_dir, pw) != CTL_OK)
		return CTL_FAILED;
	return CTL_OK;
}

/* --- the first domain ------------------------------------------------------------- */

/* mail.a.b is most likely the server of a.b. */
static const char *parent_domain(const char *hostname)
{
	const char *dot = strchr(hostname, '.');

	return dot != NULL && strchr(dot + 1, '.') != NULL ? dot + 1 : "";
}

static int add_domain(struct ctl *c, const char *name)
{
	char hex[VX_DOMAIN_TOKEN_OCTETS + 1];
	struct vx_directory_op op;
	int rc, status = refuse_placeholder(c, "a domain of yours", name);

	if (status != CTL_OK)
		return status;
	vx_directory_op_init(&op, VX_DOMAIN_ADD);
	op.name = vx_slice_str(name);
	ctl_verify_begin(c, &op, hex);
	rc = vx_store_run(c->store, &op.op);
	status = ctl_done(c, rc == VX_EEXIST ? VX_OK : rc, "domain", name);
	if (status == CTL_OK)
		(void)json_object_set_new(
		    c->result, "domain", ctl_text(vx_slice_str(name)));
	(void)json_object_del(c->result, "name");
	if (rc == VX_OK) {
		if (op.token.len > 0)
			ctl_say(c,
			    "\nPublish, to prove that it is yours:\n  %s. TXT "
			    "\"" VX_OWNERSHIP_MARK "%s\"",
			    name, hex);
		ctl_verify_added(c, &op, name);
	}
	return status;
}

static bool has_domain(struct ctl *c)
{
	struct vx_domain d;
	struct vx_view *v;
	int rc = vx_view_begin(c->store, &v);

	if (rc == VX_OK) {
		rc = vx_directory_next_domain(v, VX_S(""), &d);
		vx_view_end(v);
	}
	return rc == VX_OK;
}

static int first_domain(struct ctl *c)
{
	const char *given = ctl_option(c, "--domain");
	char name[NAME_MAX_OCTETS];
	int status;

	if (given != NULL)
		return add_domain(c, given);
	if (!may_ask(c) || has_domain(c))
		return CTL_OK;
	status = ctl_ask(c, "The first domain whose mail it receives (\"-\": none)",
	    parent_domain(c->config->hostname), name, sizeof(name));
	if (status != CTL_OK || strcmp(name, "-") == 0 || name[0] == '\0')
		return status;
	return add_domain(c, name);
}

/* What the daemons are started with counts as applied. */
static int note_applied(struct ctl *c, vx_slice text)
{
	char path[PATH_MAX];

	ctl_state_path(c, "applied.yaml", path);
	return access(path, F_OK) == 0 ? CTL_OK : ctl_write_file(c, path, 0600, text);
}

static int setup(struct ctl *c)
{
	struct vx_buf text = { .max = VX_CONFIG_OCTETS_MAX };
	const bool there = access(c->config_path, F_OK) == 0;
	int status = CTL_OK;

	/* a wrong name is told before anything is made */
	if (ctl_option(c, "--domain") != NULL)
		status =
		    refuse_placeholder(c, "a domain of yours", ctl_option(c, "--domain"));
	if (status == CTL_OK && !there)
		status = make_config(c);
	if (status == CTL_OK)
		status = ctl_load_config(c);
	if (status == CTL_OK)
		status = check_config(c);
	/* the first time, as root, who sees whose the ports are */
	if (status == CTL_OK && access(c->config->state_dir, F_OK) != 0)
		ctl_preflight_tell(c);
	if (status == CTL_OK)
		status = ctl_read_file(c, c->config_path, &text);
	if (status == CTL_OK)
		status = make_dirs(c);
	if (status == CTL_OK)
		status = ctl_make_store(c);
	if (status == CTL_OK)
		status = first_domain(c);
	if (status == CTL_OK)
		status = note_applied(c, vx_buf_slice(&text));
	vx_buf_done(&text);
	if (status != CTL_OK)
		return status;
	(void)json_object_set_new(c->result, "config", json_string(c->config_path));
	(void)json_object_set_new(c->result, "config_written", json_boolean(!there));
	(void)json_object_set_new(
	    c->result, "hostname", json_string(c->config->hostname));
	(void)json_object_set_new(
	    c->result, "state_dir", json_string(c->config->state_dir));
	ctl_say(c,
	    "the store is in %s\nnext: %svectisctl mailbox add NAME@DOMAIN; start "
	    "the daemons",
	    c->config->state_dir, has_domain(c) ? "" : "vectisctl domain add DOMAIN; ");
	ctl_host_tell(c);
	return CTL_OK;
}

const struct ctl_command ctl_setup_commands[] = {
	{ "setup", NULL, setup, 0, 0, 0,
	    "[--hostname NAME] [--domain DOMAIN [--trust]] [--unattended]",
	    "write a configuration if there is none, make user, directories and store" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
