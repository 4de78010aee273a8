/* domain, mailbox, alias */
#include "vectis/header.h"
#include "vectisctl/ctl.h"

#include "vectis/crypto.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int done(struct ctl *c, int rc, const char *what, const char *name)
{
	switch (rc) {
	case VX_OK:
		(void)json_object_set_new(c->result, "name", json_string(name));
		ctl_say(c, "%s: %s", what, name);
		return CTL_OK;
	case VX_EEXIST:
		return ctl_fail(c, CTL_FAILED, "%s exists already", name);
	case VX_ENOENT:
		return ctl_fail(
		    c, CTL_FAILED, "there is no %s here (nor its domain)", name);
	case VX_EINVAL:
		return ctl_fail(c, CTL_USAGE,
		    "%s is not a valid name: letters, digits, '.', '-' and '_' before "
		    "the '@'",
		    name);
	case VX_ELIMIT:
		return ctl_fail(c, CTL_FAILED, "%s: the domain's limit is reached", name);
	default:
		return ctl_fail(c, CTL_FAILED, "%s: %s", name, vx_strerror(rc));
	}
}

static int submit(struct ctl *c, struct vx_directory_op *op, const char *what)
{
	char name[VX_ADDRESS_MAX + 1];

	(void)snprintf(name, sizeof(name), "%.*s", (int)op->name.len, op->name.ptr);
	return done(c, vx_store_run(c->store, &op->op), what, name);
}

static int set_flag(
    struct ctl *c, const char *option, unsigned bit, bool inverse, unsigned *flags)
{
	const char *value = ctl_option(c, option);
	bool on;

	if (value == NULL)
		return CTL_OK;
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		return ctl_fail(c, CTL_USAGE, "%s is on or off", option);
	on = strcmp(value, "on") == 0;
	*flags = on != inverse ? *flags | bit : *flags & ~bit;
	return CTL_OK;
}

/* --- domain ---------------------------------------------------------------------- */

static int domain_add(struct ctl *c)
{
	struct vx_directory_op op;
	int status;

	vx_directory_op_init(&op, VX_DOMAIN_ADD);
	op.name = vx_slice_str(c->args[0]);
	status = submit(c, &op, "domain added");
	if (status == CTL_OK)
		ctl_say(c,
		    "\nPublish for %s, if not done yet:\n"
		    "  MX   10 %s.\n"
		    "  TXT  \"v=spf1 mx -all\"\n"
		    "  _dmarc TXT \"v=DMARC1; p=quarantine; rua=mailto:dmarc@%s; fo=1\"",
		    c->args[0], c->config->hostname, c->args[0]);
	return status;
}

static int domain_flags(struct ctl *c, unsigned *flags)
{
	struct vx_domain d;
	struct vx_view *v;
	int rc = vx_view_begin(c->store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_directory_domain(v, vx_slice_str(c->args[0]), &d);
	if (rc == VX_OK)
		*flags = d.flags;
	vx_view_end(v);
	return rc;
}

static int domain_set(struct ctl *c)
{
	const char *catch_all = ctl_option(c, "--catch-all");
	struct vx_directory_op op;
	vx_slice targets[VX_ALIAS_TARGETS_MAX], rest = vx_slice_str(catch_all);
	unsigned flags = 0;
	int rc = domain_flags(c, &flags), status;

	if (rc != VX_OK)
		return done(c, rc, "", c->args[0]);
	vx_directory_op_init(&op, VX_DOMAIN_SET);
	op.name = vx_slice_str(c->args[0]);
	op.set = VX_SET_FLAGS;
	status = set_flag(c, "--active", VX_DOMAIN_INACTIVE, true, &flags);
	if (status == CTL_OK)
		status = set_flag(c, "--incoming", VX_DOMAIN_NO_INCOMING, true, &flags);
	if (status != CTL_OK)
		return status;
	op.flags = flags;
	if (catch_all != NULL) {
		op.set |= VX_SET_TARGETS;
		op.targets = targets;
		while (rest.len > 0) {
			if (op.target_count == VX_ALIAS_TARGETS_MAX)
				return ctl_fail(c, CTL_USAGE, "at most %d targets",
				    VX_ALIAS_TARGETS_MAX);
			(void)vx_slice_cut(&rest, ',', &targets[op.target_count++]);
		}
	}
	return submit(c, &op, "domain changed");
}

static int domain_remove(struct ctl *c)
{
	struct vx_directory_op op;
	int rc;

	if (!ctl_flag(c, "--confirm"))
		return ctl_fail(
		    c, CTL_USAGE, "add --confirm to remove the domain %s", c->args[0]);
	vx_directory_op_init(&op, VX_DOMAIN_REMOVE);
	op.name = vx_slice_str(c->args[0]);
	rc = vx_store_run(c->store, &op.op);
	if (rc == VX_ENOTEMPTY)
		return ctl_fail(c, CTL_FAILED,
		    "%s still has %u mailboxes and %u aliases: remove them first",
		    c->args[0], op.accounts, op.aliases);
	return done(c, rc, "domain removed", c->args[0]);
}

/* Call each with every record of a kind until it says stop. */
typedef int next_fn(
    struct ctl *c, struct vx_view *v, json_t *list, char after[VX_ADDRESS_MAX + 1]);

static int list(struct ctl *c, const char *key, next_fn *next)
{
	char after[VX_ADDRESS_MAX + 1] = "";
	json_t *items = json_array();
	int rc = VX_OK;

	while (rc == VX_OK) {
		struct vx_view *v;

		rc = vx_view_begin(c->store, &v);
		if (rc != VX_OK)
			break;
		rc = next(c, v, items, after);
		vx_view_end(v);
	}
	(void)json_object_set_new(c->result, key, items);
	return rc == VX_ENOENT ? CTL_OK : ctl_fail(c, CTL_FAILED, "%s", vx_strerror(rc));
}

static void keep(char after[VX_ADDRESS_MAX + 1], vx_slice name)
{
	(void)snprintf(after, VX_ADDRESS_MAX + 1, "%.*s", (int)name.len, name.ptr);
}

static int next_domain(
    struct ctl *c, struct vx_view *v, json_t *items, char after[VX_ADDRESS_MAX + 1])
{
	struct vx_domain d;
	const int rc = vx_directory_next_domain(v, vx_slice_str(after), &d);
	json_t *item;

	if (rc != VX_OK)
		return rc;
	keep(after, d.name);
	item = json_object();
	(void)json_object_set_new(item, "name", ctl_text(d.name));
	(void)json_object_set_new(
	    item, "active", json_boolean((d.flags & VX_DOMAIN_INACTIVE) == 0));
	(void)json_object_set_new(item, "catch_all", ctl_text(d.catch_all));
	(void)json_array_append_new(items, item);
	ctl_say(
	    c, "%s%s", after, (d.flags & VX_DOMAIN_INACTIVE) != 0 ? " (inactive)" : "");
	return VX_OK;
}

static int domain_list(struct ctl *c)
{
	return list(c, "domains", next_domain);
}

/* --- passwords ------------------------------------------------------------------- */

static int read_line(int fd, struct vx_buf *out)
{
	char ch;
	ssize_t n;

	while ((n = read(fd, &ch, 1)) == 1 && ch != '\n')
		vx_buf_add_char(out, ch);
	return n < 0 || out->failed ? VX_EIO : VX_OK;
}

static int prompt(const char *text, struct vx_buf *out)
{
	struct termios old, quiet;
	int rc;

	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return VX_EIO;
	quiet = old;
	quiet.c_lflag &= (tcflag_t)~ECHO;
	fputs(text, stderr);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	rc = read_line(STDIN_FILENO, out);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	(void)fputc('\n', stderr);
	return rc;
}

static int ask_password(struct ctl *c, struct vx_buf *out)
{
	struct vx_buf again = { .max = VX_PASSWORD_MAX };
	const char *fd = ctl_option(c, "--password-fd");
	uint64_t n;
	int rc;

	if (ctl_flag(c, "--generate")) {
		vx_password_generate(out);
		(void)json_object_set_new(
		    c->result, "password", ctl_text(vx_buf_slice(out)));
		ctl_say(c, "password: %.*s", (int)out->len, out->ptr);
		return CTL_OK;
	}
	if (fd != NULL) {
		if (vx_slice_number(vx_slice_str(fd), 1000, &n) != VX_OK ||
		    read_line((int)n, out) != VX_OK)
			return ctl_fail(c, CTL_USAGE,
			    "no password can be read from descriptor %s", fd);
		return CTL_OK;
	}
	if (!isatty(STDIN_FILENO))
		return ctl_fail(
		    c, CTL_USAGE, "give the password by --password-fd N, or --generate");
	rc = prompt("New password: ", out);
	if (rc == VX_OK)
		rc = prompt("Again: ", &again);
	if (rc == VX_OK && !vx_slice_eq(vx_buf_slice(out), vx_buf_slice(&again)))
		rc = VX_EINVAL;
	vx_buf_wipe(&again);
	return rc == VX_OK ? CTL_OK
			   : ctl_fail(c, CTL_USAGE, "the passwords are not the same");
}

/* A hash from another server: its passwords go on working (decisions, password hashing).
 */
static int import_hash(struct ctl *c, const char *fd, struct vx_buf *credential)
{
	struct vx_error err;
	int status = CTL_OK;
	uint64_t n;

	if (vx_slice_number(vx_slice_str(fd), 1000, &n) != VX_OK ||
	    read_line((int)n, credential) != VX_OK)
		status =
		    ctl_fail(c, CTL_USAGE, "no hash can be read from descriptor %s", fd);
	else if (vx_password_hash_check(vx_buf_slice(credential), &err) != VX_OK)
		status = ctl_fail(c, CTL_USAGE, "%s", err.text);
	if (status != CTL_OK)
		vx_buf_wipe(credential);
	return status;
}

static int make_credential(struct ctl *c, struct vx_buf *credential)
{
	const char *hash_fd = ctl_option(c, "--hash-fd");
	struct vx_buf typed = { .max = VX_PASSWORD_MAX },
		      password = { .max = VX_PASSWORD_MAX };
	struct vx_error err;
	int status;

	if (hash_fd != NULL)
		return import_hash(c, hash_fd, credential);
	status = ask_password(c, &typed);

	vx_password_prepare(vx_buf_slice(&typed), &password);
	vx_buf_wipe(&typed);
	if (status == CTL_OK &&
	    vx_password_acceptable(vx_buf_slice(&password), &err) != VX_OK)
		status = ctl_fail(c, CTL_USAGE, "%s", err.text);
	if (status == CTL_OK &&
	    vx_credential_make(vx_buf_slice(&password),
		(unsigned)c->config->auth_hash_cost,
		(unsigned)c->config->auth_scram_iterations, credential) != VX_OK)
		status = ctl_fail(c, CTL_FAILED, "the password cannot be hashed");
	vx_buf_wipe(&password);
	return status;
}

/* --- mailbox --------------------------------------------------------------------- */

static int mailbox_add(struct ctl *c)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };
	const char *quota = ctl_option(c, "--quota"),
		   *display = ctl_option(c, "--display-name");
	uint64_t mb = c->config->quota_default_mb;
	struct vx_directory_op op;
	int status;

	if (quota != NULL &&
	    vx_slice_number(vx_slice_str(quota), 1000000000, &mb) != VX_OK)
		return ctl_fail(c, CTL_USAGE, "--quota is a number of MB, 0 for none");
	status = make_credential(c, &credential);
	if (status != CTL_OK)
		return status;
	vx_directory_op_init(&op, VX_ACCOUNT_ADD);
	op.name = vx_slice_str(c->args[0]);
	op.credential = vx_buf_slice(&credential);
	op.display_name = vx_slice_str(display);
	op.quota_octets = mb << 20;
	op.flags = c->config->pop3_default_enabled != 0 ? VX_ACCOUNT_POP3 : 0;
	status = submit(c, &op, "mailbox added");
	vx_buf_wipe(&credential);
	return status;
}

static int mailbox_passwd(struct ctl *c)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };
	struct vx_directory_op op;
	int status = make_credential(c, &credential);

	if (status != CTL_OK)
		return status;
	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = vx_slice_str(c->args[0]);
	op.set = VX_SET_CREDENTIAL;
	op.credential = vx_buf_slice(&credential);
	status = submit(c, &op, "password changed");
	vx_buf_wipe(&credential);
	return status;
}

static int current_flags(struct ctl *c, unsigned *flags)
{
	struct vx_account a;
	struct vx_view *v;
	int rc = vx_view_begin(c->store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_directory_account(v, vx_slice_str(c->args[0]), &a);
	if (rc == VX_OK)
		*flags = a.flags;
	vx_view_end(v);
	return rc;
}

static int mailbox_set(struct ctl *c)
{
	const char *quota = ctl_option(c, "--quota");
	struct vx_directory_op op;
	uint64_t mb = 0;
	unsigned flags = 0;
	int rc = current_flags(c, &flags), status;

	if (rc != VX_OK)
		return done(c, rc, "", c->args[0]);
	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = vx_slice_str(c->args[0]);
	op.set = VX_SET_FLAGS;
	status = set_flag(c, "--pop3", VX_ACCOUNT_POP3, false, &flags);
	if (status == CTL_OK)
		status = set_flag(c, "--active", VX_ACCOUNT_INACTIVE, true, &flags);
	if (status != CTL_OK)
		return status;
	op.flags = flags;
	if (quota != NULL) {
		if (vx_slice_number(vx_slice_str(quota), 1000000000, &mb) != VX_OK)
			return ctl_fail(
			    c, CTL_USAGE, "--quota is a number of MB, 0 for none");
		op.set |= VX_SET_QUOTA;
		op.quota_octets = mb << 20;
	}
	return submit(c, &op, "mailbox changed");
}

static int mailbox_remove(struct ctl *c)
{
	struct vx_directory_op op;

	if (!ctl_flag(c, "--confirm") || !ctl_flag(c, "--purge"))
		return ctl_fail(c, CTL_USAGE,
		    "this deletes all mail of %s: export it first (mailbox export), then "
		    "add "
		    "--purge --confirm",
		    c->args[0]);
	vx_directory_op_init(&op, VX_ACCOUNT_REMOVE);
	op.name = vx_slice_str(c->args[0]);
	return submit(c, &op, "mailbox removed");
}

static int next_mailbox(
    struct ctl *c, struct vx_view *v, json_t *items, char after[VX_ADDRESS_MAX + 1])
{
	struct vx_quota q = { 0 };
	struct vx_account a;
	const int rc = vx_directory_next_account(v, vx_slice_str(after), &a);
	json_t *item;

	if (rc != VX_OK)
		return rc;
	keep(after, a.login);
	(void)vx_quota_get(v, a.id, &q);
	item = json_object();
	(void)json_object_set_new(item, "email", ctl_text(a.login));
	(void)json_object_set_new(
	    item, "active", json_boolean((a.flags & VX_ACCOUNT_INACTIVE) == 0));
	(void)json_object_set_new(
	    item, "pop3", json_boolean((a.flags & VX_ACCOUNT_POP3) != 0));
	(void)json_object_set_new(
	    item, "octets", json_integer((json_int_t)q.used_octets));
	(void)json_object_set_new(
	    item, "messages", json_integer((json_int_t)q.used_messages));
	(void)json_object_set_new(
	    item, "quota_octets", json_integer((json_int_t)q.limit_octets));
	(void)json_array_append_new(items, item);
	ctl_say(c, "%-40s %8llu messages %10.1f MB of %s%s", after,
	    (unsigned long long)q.used_messages, (double)q.used_octets / 1048576.0,
	    q.limit_octets == 0 ? "any" : "quota",
	    (a.flags & VX_ACCOUNT_INACTIVE) != 0 ? " (inactive)" : "");
	return VX_OK;
}

static int mailbox_list(struct ctl *c)
{
	return list(c, "mailboxes", next_mailbox);
}

/* --- alias ----------------------------------------------------------------------- */

static int alias_add(struct ctl *c)
{
	vx_slice targets[VX_ALIAS_TARGETS_MAX];
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ALIAS_ADD);
	op.name = vx_slice_str(c->args[0]);
	op.targets = targets;
	for (size_t i = 1; i < c->arg_count; i++) {
		vx_slice rest = vx_slice_str(c->args[i]);

		while (rest.len > 0) {
			if (op.target_count == VX_ALIAS_TARGETS_MAX)
				return ctl_fail(c, CTL_USAGE, "at most %d targets",
				    VX_ALIAS_TARGETS_MAX);
			(void)vx_slice_cut(&rest, ',', &targets[op.target_count++]);
		}
	}
	return submit(c, &op, "alias added");
}

static int alias_remove(struct ctl *c)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ALIAS_REMOVE);
	op.name = vx_slice_str(c->args[0]);
	return submit(c, &op, "alias removed");
}

static int next_alias(
    struct ctl *c, struct vx_view *v, json_t *items, char after[VX_ADDRESS_MAX + 1])
{
	struct vx_alias a;
	const int rc = vx_directory_next_alias(v, vx_slice_str(after), &a);
	json_t *item, *targets;
	vx_slice target;

	if (rc != VX_OK)
		return rc;
	keep(after, a.address);
	item = json_object();
	targets = json_array();
	ctl_say(c, "%s", after);
	while (vx_directory_target(&a.targets, &target)) {
		(void)json_array_append_new(targets, ctl_text(target));
		ctl_say(c, "    %.*s", (int)target.len, target.ptr);
	}
	(void)json_object_set_new(item, "address", json_string(after));
	(void)json_object_set_new(item, "targets", targets);
	(void)json_array_append_new(items, item);
	return VX_OK;
}

static int alias_list(struct ctl *c)
{
	return list(c, "aliases", next_alias);
}

extern int ctl_mailbox_export(struct ctl *c);

const struct ctl_command ctl_directory_commands[] = {
	{ "domain", "add", domain_add, NEEDS_STORE, 1, "DOMAIN", "host a domain" },
	{ "domain", "set", domain_set, NEEDS_STORE, 1,
	    "DOMAIN [--catch-all MAILBOX,...] [--active on|off] [--incoming on|off]",
	    "change a domain" },
	{ "domain", "remove", domain_remove, NEEDS_STORE, 1, "DOMAIN --confirm",
	    "stop hosting a domain that is empty" },
	{ "domain", "list", domain_list, NEEDS_STORE, 0, "", "list the domains" },
	{ "mailbox", "add", mailbox_add, NEEDS_STORE, 1,
	    "EMAIL [--password-fd N | --hash-fd N | --generate] [--quota MB]\n"
	    "    [--display-name TEXT]",
	    "make a mailbox; the password is asked for without echo" },
	{ "mailbox", "set", mailbox_set, NEEDS_STORE, 1,
	    "EMAIL [--quota MB] [--pop3 on|off] [--active on|off]", "change a mailbox" },
	{ "mailbox", "passwd", mailbox_passwd, NEEDS_STORE, 1,
	    "EMAIL [--password-fd N | --hash-fd N | --generate]", "set a new password" },
	{ "mailbox", "remove", mailbox_remove, NEEDS_STORE, 1, "EMAIL --purge --confirm",
	    "delete a mailbox with its mail" },
	{ "mailbox", "list", mailbox_list, NEEDS_STORE, 0, "", "list the mailboxes" },
	{ "mailbox", "export", ctl_mailbox_export, READS_STORE, 2,
	    "EMAIL DIRECTORY [--format maildir|mbox]",
	    "write all mail of a mailbox to files" },
	{ "alias", "add", alias_add, NEEDS_STORE, 2, "ADDRESS TARGET...",
	    "another address for mailboxes; '*' in its name stands for anything" },
	{ "alias", "remove", alias_remove, NEEDS_STORE, 1, "ADDRESS", "remove an alias" },
	{ "alias", "list", alias_list, NEEDS_STORE, 0, "", "list the aliases" },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL },
};
