/* vectisctl: administers an installation.  Exit: 0 done, 1 failed, 2 usage or
 * configuration. */
#include "vectisctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct ctl_command *const tables[] = { ctl_setup_commands,
	ctl_relay_commands, ctl_test_commands, ctl_bounce_commands, ctl_dns_commands,
	ctl_move_commands, ctl_host_commands, ctl_checklist_commands, ctl_check_commands,
	ctl_verify_commands, ctl_preflight_commands, ctl_domain_commands,
	ctl_dkim_commands, ctl_mailbox_commands, ctl_alias_commands, ctl_list_commands,
	ctl_config_commands, ctl_cert_commands, ctl_search_commands,
	ctl_metadata_commands, ctl_queue_commands, ctl_reports_commands,
	ctl_block_commands, ctl_why_commands, ctl_acme_commands, ctl_tls_commands,
	ctl_store_commands, ctl_status_commands, ctl_support_commands };
#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* --- help ------------------------------------------------------------------------- */

static void write_name(const struct ctl_command *cmd, char out[64])
{
	(void)snprintf(out, 64, "%s%s%s", cmd->group, cmd->verb == NULL ? "" : " ",
	    cmd->verb == NULL ? "" : cmd->verb);
}

static void describe(struct ctl *c, const struct ctl_command *cmd, json_t *list)
{
	char name[64];
	json_t *item = json_object();

	write_name(cmd, name);
	(void)json_object_set_new(item, "command", json_string(name));
	(void)json_object_set_new(item, "usage", json_string(cmd->usage));
	(void)json_object_set_new(item, "help", json_string(cmd->help));
	(void)json_array_append_new(list, item);
	ctl_say(c, "  %s%s%s\n      %s", name, cmd->usage[0] == '\0' ? "" : " ",
	    cmd->usage, cmd->help);
}

/* The commands of a group (NULL: all), or one of its commands. */
static int help(struct ctl *c, const char *group, const char *verb)
{
	json_t *list = json_array();

	if (group == NULL)
		ctl_say(c, "usage: vectisctl [-c CONFIG] [--json] GROUP VERB "
			   "[ARGUMENTS]\n");
	for (size_t t = 0; t < TABLES; t++)
		for (const struct ctl_command *cmd = tables[t]; cmd->group != NULL; cmd++)
			if (group == NULL || (strcmp(cmd->group, group) == 0 &&
						 (verb == NULL || cmd->verb == NULL ||
						     strcmp(cmd->verb, verb) == 0)))
				describe(c, cmd, list);
	if (group == NULL)
		ctl_say(c, "\nEvery command has --help; vectisctl(8) explains them.");
	(void)json_object_set_new(c->result, "commands", list);
	return CTL_OK;
}

static int version(struct ctl *c)
{
	(void)json_object_set_new(c->result, "version", json_string(VX_VERSION));
	ctl_say(c, "vectisctl %s", VX_VERSION);
	return CTL_OK;
}

/* --- finding a command ------------------------------------------------------------ */

static const struct ctl_command *find(struct ctl *c)
{
	for (size_t t = 0; c->arg_count > 0 && t < TABLES; t++)
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
	return NULL;
}

static bool is_group(const char *word)
{
	for (size_t t = 0; t < TABLES; t++)
		for (const struct ctl_command *cmd = tables[t]; cmd->group != NULL; cmd++)
			if (strcmp(cmd->group, word) == 0)
				return true;
	return false;
}

/* The group, or the verb of a group, that is nearest to a wrong one. */
static const char *nearest(const char *group, const char *word)
{
	const char *near = NULL;

	for (size_t t = 0; t < TABLES; t++)
		for (const struct ctl_command *cmd = tables[t]; cmd->group != NULL; cmd++)
			if (group == NULL)
				near = ctl_nearer(word, near, cmd->group);
			else if (strcmp(cmd->group, group) == 0 && cmd->verb != NULL)
				near = ctl_nearer(word, near, cmd->verb);
	return near;
}

static int not_found(struct ctl *c)
{
	const char *group = c->arg_count > 0 ? c->args[0] : NULL, *near;

	if (group == NULL)
		return ctl_fail(
		    c, CTL_USAGE, "give a command; vectisctl --help lists them");
	if (!is_group(group)) {
		near = nearest(NULL, group);
		if (near != NULL)
			return ctl_fail(c, CTL_USAGE,
			    "there is no command %s; is %s meant?", group, near);
		return ctl_fail(c, CTL_USAGE,
		    "there is no command %s; vectisctl --help lists them", group);
	}
	if (c->arg_count == 1)
		return ctl_fail(c, CTL_USAGE,
		    "%s needs a verb; vectisctl %s --help lists them", group, group);
	near = nearest(group, c->args[1]);
	if (near != NULL)
		return ctl_fail(c, CTL_USAGE,
		    "there is no command %s %s; is %s %s meant?", group, c->args[1],
		    group, near);
	return ctl_fail(c, CTL_USAGE,
	    "there is no command %s %s; vectisctl %s --help lists them", group,
	    c->args[1], group);
}

/* --- running it ------------------------------------------------------------------- */

/* Every option has to be in the command's usage: a typing error is not passed over. */
static int check_options(struct ctl *c, const struct ctl_command *cmd, const char *called)
{
	for (size_t i = 0; i < c->option_count; i++) {
		const char *name = c->options[i].name, *at = cmd->usage;
		const size_t len = strlen(name);

		if ((cmd->needs & TAKES_NAME) != 0 &&
		    (strcmp(name, "--name") == 0 || strcmp(name, "--email") == 0))
			continue;
		while ((at = strstr(at, name)) != NULL && strchr("] ", at[len]) == NULL)
			at += len;
		if (at == NULL)
			return ctl_fail(c, CTL_USAGE, "%s has no option %s; usage: %s %s",
			    called, name, called, cmd->usage);
	}
	return CTL_OK;
}

/* --name X and --email X stand for the first argument. */
static int take_name(struct ctl *c, const struct ctl_command *cmd, const char *called)
{
	const char *name = ctl_option(c, "--name"), *email = ctl_option(c, "--email");

	if (name != NULL && email != NULL)
		return ctl_fail(
		    c, CTL_USAGE, "give either --name or --email to %s", called);
	if (name == NULL)
		name = email;
	if (name != NULL && c->arg_count < CTL_ARGS_MAX) {
		memmove(c->args + 1, c->args, c->arg_count * sizeof(c->args[0]));
		c->args[0] = name;
		c->arg_count++;
	}
	if (c->arg_count < cmd->args_min)
		return ctl_fail(
		    c, CTL_USAGE, "too few arguments; usage: %s %s", called, cmd->usage);
	if (c->arg_count > cmd->args_max)
		return ctl_fail(c, CTL_USAGE,
		    "too many arguments, from \"%s\" on; usage: %s %s",
		    c->args[cmd->args_max], called, cmd->usage);
	return CTL_OK;
}

static int run(struct ctl *c, const struct ctl_command *cmd)
{
	char called[64];
	int status;

	write_name(cmd, called);
	if (ctl_flag(c, "--help"))
		return help(c, cmd->group, cmd->verb);
	status = check_options(c, cmd, called);
	if (status == CTL_OK)
		status = take_name(c, cmd, called);
	if (status == CTL_OK &&
	    (cmd->needs & (NEEDS_CONFIG | NEEDS_STORE | NEEDS_STORE_READ)) != 0)
		status = ctl_load_config(c);
	if (status == CTL_OK && (cmd->needs & (NEEDS_STORE | NEEDS_STORE_READ)) != 0)
		status = ctl_open_store(c, (cmd->needs & NEEDS_STORE) == 0);
	return status == CTL_OK ? cmd->run(c) : status;
}

static int command(struct ctl *c)
{
	const struct ctl_command *cmd;

	if (ctl_flag(c, "--version"))
		return version(c);
	if (c->arg_count == 0 && ctl_flag(c, "--help"))
		return help(c, NULL, NULL);
	cmd = find(c);
	if (cmd != NULL)
		return run(c, cmd);
	if (ctl_flag(c, "--help") && c->arg_count == 1 && is_group(c->args[0]))
		return help(c, c->args[0], NULL);
	return not_found(c);
}

/* What was said has to have arrived: a full disk is a failure. */
static int finish(struct ctl *c, int status)
{
	if (c->json) {
		(void)json_dumpf(c->result, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
		(void)putchar('\n');
	}
	if (fflush(stdout) != 0 || ferror(stdout) != 0) {
		fprintf(stderr, "vectisctl: the output could not be written\n");
		return status == CTL_OK ? CTL_FAILED : status;
	}
	return status;
}

int main(int argc, char **argv)
{
	struct ctl c = { .config_path = VX_SYSCONFDIR "/config.yaml" };
	int status;

	c.result = json_object();
	status = ctl_parse(&c, argc, argv);
	if (status == CTL_OK)
		status = command(&c);
	vx_store_close(c.store);
	vx_config_free(c.config);
	status = finish(&c, status);
	json_decref(c.result);
	return status;
}
