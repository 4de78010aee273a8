/* vectisctl: administers an installation.  Exit: 0 done, 1 failed, 2 usage or
 * configuration. */
#include "vectisctl/ctl.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct ctl_command *const tables[] = { ctl_directory_commands,
	ctl_config_commands, ctl_search_commands, ctl_store_commands };

const char *ctl_option(const struct ctl *c, const char *name)
{
	for (size_t i = 0; i < c->option_count; i++)
		if (strcmp(c->options[i].name, name) == 0)
			return c->options[i].value;
	return NULL;
}

bool ctl_flag(const struct ctl *c, const char *name)
{
	return ctl_option(c, name) != NULL;
}

int ctl_fail(struct ctl *c, int status, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (c->json)
		(void)json_object_set_new(c->result, "error", json_string(text));
	else
		fprintf(stderr, "vectisctl: %s\n", text);
	return status;
}

void ctl_say(const struct ctl *c, const char *fmt, ...)
{
	va_list args;

	if (c->json)
		return;
	va_start(args, fmt);
	(void)vprintf(fmt, args);
	va_end(args);
	(void)putchar('\n');
}

json_t *ctl_text(vx_slice s)
{
	json_t *text = json_stringn(s.len == 0 ? "" : s.ptr, s.len);

	return text != NULL ? text : json_string("(not UTF-8)");
}

static void help(FILE *out)
{
	fputs("usage: vectisctl [-c CONFIG] [--json] GROUP VERB [ARGUMENTS]\n\n", out);
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct ctl_command *cmd = tables[t]; cmd->group != NULL; cmd++)
			fprintf(out, "  %s%s%s %s\n      %s\n", cmd->group,
			    cmd->verb == NULL ? "" : " ",
			    cmd->verb == NULL ? "" : cmd->verb, cmd->usage, cmd->help);
}

/* Options that take a value; all others are flags. */
static bool takes_value(const char *name)
{
	static const char *const names[] = { "--name", "--email", "--quota", "--pop3",
		"--active", "--password-fd", "--hash-fd", "--display-name", "--catch-all",
		"--hostname", "--incoming", "--to", "--format", "--out", "--as",
		"--domain", "--mailbox", "--max-mailboxes" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int parse(struct ctl *c, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			c->json = true;
		} else if (strcmp(argv[i], "-c") == 0 ||
			   strcmp(argv[i], "--config") == 0) {
			if (++i == argc)
				return ctl_fail(c, CTL_USAGE, "-c needs a file");
			c->config_path = argv[i];
		} else if (strncmp(argv[i], "--", 2) == 0 || strcmp(argv[i], "-h") == 0) {
			if (c->option_count == CTL_ARGS_MAX)
				return ctl_fail(c, CTL_USAGE, "too many options");
			c->options[c->option_count].name = argv[i];
			c->options[c->option_count].value = "";
			if (takes_value(argv[i])) {
				if (i + 1 == argc)
					return ctl_fail(
					    c, CTL_USAGE, "%s needs a value", argv[i]);
				c->options[c->option_count].value = argv[++i];
			}
			c->option_count++;
		} else {
			if (c->arg_count == CTL_ARGS_MAX)
				return ctl_fail(c, CTL_USAGE, "too many arguments");
			c->args[c->arg_count++] = argv[i];
		}
	}
	return CTL_OK;
}

static const struct ctl_command *find(struct ctl *c)
{
	for (size_t t = 0; c->arg_count > 0 && t < sizeof(tables) / sizeof(tables[0]);
	     t++) {
		for (const struct ctl_command *cmd = tables[t]; cmd->group != NULL;
		     cmd++) {
			const size_t words = cmd->verb == NULL ? 1 : 2;

			if (strcmp(cmd->group, c->args[0]) != 0 || c->arg_count < words ||
			    (cmd->verb != NULL && strcmp(cmd->verb, c->args[1]) != 0))
				continue;
			c->arg_count -= words;
			memmove(
			    c->args, c->args + words, c->arg_count * sizeof(c->args[0]));
			return cmd;
		}
	}
	return NULL;
}

int ctl_load_config(struct ctl *c)
{
	struct vx_config_errors errors;
	const int rc = vx_config_load(c->config_path, &c->config, &errors);

	for (size_t i = 0; i < errors.count; i++) {
		struct vx_buf text = { .max = 2048 };

		vx_config_error_write(&errors.items[i], &text);
		if (rc == VX_OK)
			ctl_say(c, "%s", text.ptr);
		else
			(void)ctl_fail(c, CTL_USAGE, "%s", text.ptr);
		vx_buf_done(&text);
	}
	return rc == VX_OK ? CTL_OK : CTL_USAGE;
}

/* mkdir -p; the last one gets the mode. */
static int make_dirs(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	const size_t len = strlen(path);

	if (len >= sizeof(part))
		return -1;
	for (size_t i = 1; i < len; i++) {
		memcpy(part, path, i);
		part[i] = '\0';
		if (path[i] == '/' && mkdir(part, 0755) < 0 && errno != EEXIST)
			return -1;
	}
	return mkdir(path, mode) < 0 && errno != EEXIST ? -1 : 0;
}

int ctl_make_dir(struct ctl *c, const char *path, mode_t mode)
{
	if (make_dirs(path, mode) < 0)
		return ctl_fail(
		    c, CTL_FAILED, "cannot make %s: %s", path, vx_errno_text(errno));
	return CTL_OK;
}

/* The same as packaging's tmpfiles.d: what the daemons write in is theirs alone. */
static int own_dir(struct ctl *c, const char *path, const struct passwd *pw)
{
	const int status = ctl_make_dir(c, path, 0700);

	if (status == CTL_OK && chown(path, pw->pw_uid, pw->pw_gid) < 0)
		return ctl_fail(c, CTL_FAILED, "cannot give %s to the user %s: %s", path,
		    pw->pw_name, vx_errno_text(errno));
	return status;
}

int ctl_become_user(struct ctl *c)
{
	const struct passwd *pw;

	if (geteuid() != 0 || c->config->user[0] == '\0')
		return CTL_OK;
	pw = getpwnam(c->config->user);
	if (pw == NULL)
		return ctl_fail(c, CTL_FAILED,
		    "there is no user %s: make it with \"adduser --system --group "
		    "--no-create-home %s\", or set the key user",
		    c->config->user, c->config->user);
	if (own_dir(c, c->config->state_dir, pw) != CTL_OK ||
	    own_dir(c, c->config->run_dir, pw) != CTL_OK)
		return CTL_FAILED;
	if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return ctl_fail(
		    c, CTL_FAILED, "cannot become the user %s", c->config->user);
	return CTL_OK;
}

int ctl_open_store(struct ctl *c, bool read_only)
{
	const struct vx_store_options o = { .struct_size = sizeof(o),
		.read_only = read_only,
		.dir = c->config->state_dir,
		.volume_octets = c->config->store_volume_mb << 20,
		.ballast_octets = c->config->store_ballast_mb << 20,
		.grace_s = (uint32_t)c->config->store_grace_days * 86400 };
	struct vx_error err;
	char path[PATH_MAX];
	int status;

	(void)snprintf(path, sizeof(path), "%s/state.mdb", c->config->state_dir);
	if (read_only && access(path, F_OK) < 0)
		return ctl_fail(c, CTL_FAILED,
		    "there is no store in %s (%s): \"vectisctl setup\" makes one",
		    c->config->state_dir, vx_errno_text(errno));
	status = ctl_become_user(c);
	if (status == CTL_OK && vx_store_open(&o, &c->store, &err) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	return status;
}

/* Every option has to be in the command's usage: a typing error is not passed over. */
static int check_options(struct ctl *c, const struct ctl_command *cmd)
{
	for (size_t i = 0; i < c->option_count; i++) {
		const char *name = c->options[i].name, *at = cmd->usage;
		const size_t len = strlen(name);

		if (cmd->args > 0 &&
		    (strcmp(name, "--name") == 0 || strcmp(name, "--email") == 0))
			continue;
		while ((at = strstr(at, name)) != NULL && strchr("] ", at[len]) == NULL)
			at += len;
		if (at == NULL)
			return ctl_fail(c, CTL_USAGE, "%s %s has no option %s; usage: %s",
			    cmd->group, cmd->verb == NULL ? "" : cmd->verb, name,
			    cmd->usage);
	}
	return CTL_OK;
}

static int run(struct ctl *c, const struct ctl_command *cmd)
{
	int status = CTL_OK;

	if (ctl_flag(c, "--help") || ctl_flag(c, "-h")) {
		printf("usage: vectisctl %s%s%s %s\n%s\n", cmd->group,
		    cmd->verb == NULL ? "" : " ", cmd->verb == NULL ? "" : cmd->verb,
		    cmd->usage, cmd->help);
		return CTL_OK;
	}
	if (check_options(c, cmd) != CTL_OK)
		return CTL_USAGE;
	if (c->arg_count < cmd->args && ctl_option(c, "--name") == NULL &&
	    ctl_option(c, "--email") == NULL)
		return ctl_fail(c, CTL_USAGE, "usage: %s %s %s", cmd->group,
		    cmd->verb == NULL ? "" : cmd->verb, cmd->usage);
	/* --name X and --email X stand for the first argument */
	if (c->arg_count < cmd->args && c->arg_count + 1 >= cmd->args) {
		const char *name = ctl_option(c, "--name");

		memmove(c->args + 1, c->args, c->arg_count * sizeof(c->args[0]));
		c->args[0] = name != NULL ? name : ctl_option(c, "--email");
		c->arg_count++;
	}
	if (cmd->needs != 0)
		status = ctl_load_config(c);
	if (status == CTL_OK && (cmd->needs & (NEEDS_STORE | READS_STORE)) != 0)
		status = ctl_open_store(c, (cmd->needs & NEEDS_STORE) == 0);
	return status == CTL_OK ? cmd->run(c) : status;
}

int main(int argc, char **argv)
{
	struct ctl c = { .config_path = VX_SYSCONFDIR "/config.yaml" };
	const struct ctl_command *cmd;
	int status;

	c.result = json_object();
	status = parse(&c, argc, argv);
	if (status == CTL_OK && c.arg_count == 0 &&
	    (ctl_flag(&c, "--help") || ctl_flag(&c, "-h"))) {
		help(stdout);
	} else if (status == CTL_OK) {
		cmd = find(&c);
		if (cmd == NULL) {
			status = ctl_fail(&c, CTL_USAGE,
			    "no such command; vectisctl --help lists them");
		} else {
			status = run(&c, cmd);
		}
	}
	vx_store_close(c.store);
	vx_config_free(c.config);
	if (c.json) {
		(void)json_dumpf(c.result, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
		(void)putchar('\n');
	}
	json_decref(c.result);
	return status;
}
