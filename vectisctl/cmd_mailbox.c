/* mailbox: an account with its mail */
#include "vectisctl/ctl.h"

#include "vectis/crypto.h"
#include "vectis/sending.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static vx_slice login_of(const struct ctl *c)
{
	return vx_slice_str(c->args[0]);
}

static int no_mailbox(struct ctl *c, int rc)
{
	return ctl_fail(c, CTL_FAILED,
	    rc == VX_ENOENT ? "there is no mailbox %s" : "the mailbox %s cannot be read",
	    c->args[0]);
}

/* --- add, passwd ------------------------------------------------------------------ */

/* What would be refused is refused before a password is asked for. */
static int may_add(struct ctl *c)
{
	const vx_slice login = login_of(c);
	struct vx_account a;
	const int status = ctl_find_own_domain(c, login);

	if (status != CTL_OK)
		return status;
	if (!vx_directory_local_ok(vx_slice_head(login, vx_slice_rfind(login, '@'))))
		return ctl_fail(c, CTL_USAGE,
		    "%s is no name for a mailbox: before the '@' at most %d letters, "
		    "digits, '.', '-' and '_'",
		    c->args[0], VX_LOCAL_PART_MAX);
	if (ctl_find_account(c, login, &a) == VX_OK)
		return ctl_done(c, VX_EEXIST, "", c->args[0]);
	return CTL_OK;
}

static int check_display_name(struct ctl *c)
{
	const char *text = ctl_option(c, "--display-name");

	if (text == NULL)
		return CTL_OK;
	if (strlen(text) > VX_DISPLAY_NAME_MAX)
		return ctl_fail(c, CTL_USAGE, "--display-name has at most %d octets",
		    VX_DISPLAY_NAME_MAX);
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return ctl_fail(
			    c, CTL_USAGE, "--display-name has a control character");
	return CTL_OK;
}

static int mailbox_add(struct ctl *c)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX },
		      made = { .max = VX_PASSWORD_MAX };
	struct vx_directory_op op;
	int rc, status;

	vx_directory_op_init(&op, VX_ACCOUNT_ADD);
	op.name = login_of(c);
	op.quota_octets = c->config->quota_default_mb << 20;
	op.display_name = vx_slice_str(ctl_option(c, "--display-name"));
	op.flags = c->config->pop3_default_enabled != 0 ? VX_ACCOUNT_POP3 : 0;
	status = ctl_quota(c, &op.quota_octets);
	if (status == CTL_OK)
		status = ctl_switch(c, "--pop3", VX_ACCOUNT_POP3, false, &op.flags);
	if (status == CTL_OK)
		status = check_display_name(c);
	if (status == CTL_OK)
		status = may_add(c);
	if (status == CTL_OK)
		status = ctl_make_credential(c, &credential, &made);
	if (status == CTL_OK) {
		op.credential = vx_buf_slice(&credential);
		rc = vx_store_run(c->store, &op.op);
		status =
		    rc == VX_ELIMIT
			? ctl_fail(c, CTL_FAILED,
			      "%s: its domain has as many mailboxes as it may have; see "
			      "domain set --max-mailboxes",
			      c->args[0])
			: ctl_done(c, rc, "mailbox added", c->args[0]);
	}
	if (status == CTL_OK)
		ctl_show_password(c, &made);
	vx_buf_wipe(&made);
	vx_buf_wipe(&credential);
	return status;
}

static int mailbox_passwd(struct ctl *c)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX },
		      made = { .max = VX_PASSWORD_MAX };
	struct vx_directory_op op;
	struct vx_account a;
	const int rc = ctl_find_account(c, login_of(c), &a);
	int status;

	if (rc != VX_OK)
		return no_mailbox(c, rc);
	status = ctl_make_credential(c, &credential, &made);
	if (status == CTL_OK) {
		vx_directory_op_init(&op, VX_ACCOUNT_SET);
		op.name = login_of(c);
		op.set = VX_SET_CREDENTIAL;
		op.credential = vx_buf_slice(&credential);
		status = ctl_submit(c, &op, "password changed");
	}
	if (status == CTL_OK)
		ctl_show_password(c, &made);
	vx_buf_wipe(&made);
	vx_buf_wipe(&credential);
	return status;
}

/* --- set -------------------------------------------------------------------------- */

static int mailbox_set(struct ctl *c)
{
	struct vx_directory_op op;
	struct vx_account a;
	const int rc = ctl_find_account(c, login_of(c), &a);
	uint32_t limit = 0;
	int status;

	if (rc != VX_OK)
		return no_mailbox(c, rc);
	if (ctl_option(c, "--quota") == NULL && !ctl_flag(c, "--pop3") &&
	    !ctl_flag(c, "--active") && !ctl_flag(c, "--sending") &&
	    !ctl_flag(c, "--display-name") && !ctl_flag(c, "--send-limit"))
		return ctl_fail(c, CTL_USAGE,
		    "nothing to change; vectisctl mailbox set --help lists the options");
	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = login_of(c);
	op.flags = a.flags;
	op.display_name = vx_slice_str(ctl_option(c, "--display-name"));
	op.set = VX_SET_FLAGS;
	if (ctl_flag(c, "--display-name"))
		op.set |= VX_SET_DISPLAY_NAME;
	if (ctl_flag(c, "--quota"))
		op.set |= VX_SET_QUOTA;
	status = ctl_switch(c, "--pop3", VX_ACCOUNT_POP3, false, &op.flags);
	if (status == CTL_OK)
		status = ctl_switch(c, "--active", VX_ACCOUNT_INACTIVE, true, &op.flags);
	if (status == CTL_OK)
		status =
		    ctl_switch(c, "--sending", VX_ACCOUNT_NO_SENDING, true, &op.flags);
	if (status == CTL_OK)
		status = check_display_name(c);
	if (status == CTL_OK)
		status = ctl_quota(c, &op.quota_octets);
	if (status == CTL_OK)
		status = ctl_send_limit(c, &limit);
	if (status == CTL_OK)
		status = ctl_set_send_limit(c, a.id, vx_slice_of("", 0), limit);
	return status == CTL_OK ? ctl_submit(c, &op, "mailbox changed") : status;
}

/* --- remove ----------------------------------------------------------------------- */

static int set_active(struct ctl *c, unsigned flags)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = login_of(c);
	op.set = VX_SET_FLAGS;
	op.flags = flags;
	return vx_store_run(c->store, &op.op);
}

/* state_dir/archives/DOMAIN/NAME-YYYYMMDD-HHMMSS (MB-07) */
static int archive_dir(struct ctl *c, vx_slice login, char path[PATH_MAX])
{
	const size_t at = vx_slice_rfind(login, '@');
	const vx_slice name = vx_slice_head(login, at),
		       domain = vx_slice_from(login, at + 1);
	const time_t now = (time_t)time(NULL);
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm);
	(void)snprintf(path, PATH_MAX, "%.3000s/archives/%.*s/%.*s-%s",
	    c->config->state_dir, (int)domain.len, domain.ptr, (int)name.len, name.ptr,
	    date);
	return ctl_make_dir(c, path, 0700);
}

/* All mail as files, none of which arrives meanwhile. */
static int archive(struct ctl *c, const struct vx_account *a, vx_slice login)
{
	struct vx_quota q = { 0 };
	char path[PATH_MAX];
	struct vx_view *v;
	uint64_t messages = 0;
	int status = archive_dir(c, login, path);

	if (status == CTL_OK)
		status = ctl_export(c, a->id, path, false, &messages);
	if (status != CTL_OK)
		return status;
	if (vx_view_begin(c->store, &v) == VX_OK) {
		(void)vx_quota_get(v, a->id, &q);
		vx_view_end(v);
	}
	if (q.used_messages != messages)
		return ctl_fail(c, CTL_FAILED,
		    "the mail of %s changed meanwhile: a session may be open; try again",
		    c->args[0]);
	(void)json_object_set_new(c->result, "archive", json_string(path));
	(void)json_object_set_new(
	    c->result, "messages", json_integer((json_int_t)messages));
	ctl_say(c, "%llu messages are kept in %s", (unsigned long long)messages, path);
	return CTL_OK;
}

static int keep_mail(struct ctl *c)
{
	struct vx_buf login = { .max = VX_ADDRESS_MAX };
	struct vx_account a;
	const int rc = ctl_find_account(c, login_of(c), &a);
	int status;

	if (rc != VX_OK)
		return no_mailbox(c, rc);
	if (set_active(c, a.flags | VX_ACCOUNT_INACTIVE) != VX_OK ||
	    vx_directory_normalise(login_of(c), &login) != VX_OK) {
		vx_buf_done(&login);
		return no_mailbox(c, VX_EIO);
	}
	status = archive(c, &a, vx_buf_slice(&login));
	vx_buf_done(&login);
	if (status != CTL_OK)
		(void)set_active(c, a.flags);
	return status;
}

static int mailbox_remove(struct ctl *c)
{
	const bool keep = ctl_flag(c, "--keep-mail"), purge = ctl_flag(c, "--purge");
	struct vx_directory_op op;
	struct vx_account a;
	const int rc = ctl_find_account(c, login_of(c), &a);
	int status = CTL_OK;

	if (rc != VX_OK)
		return no_mailbox(c, rc);
	if (keep == purge)
		return ctl_fail(c, CTL_USAGE,
		    "what about the mail of %s?  --keep-mail writes it to files, --purge "
		    "deletes it: give one of them, and --confirm",
		    c->args[0]);
	if (!ctl_flag(c, "--confirm"))
		return ctl_fail(c, CTL_USAGE, "add --confirm to remove the mailbox %s%s",
		    c->args[0], purge ? " and all its mail" : "");
	if (keep)
		status = keep_mail(c);
	if (status != CTL_OK)
		return status;
	vx_directory_op_init(&op, VX_ACCOUNT_REMOVE);
	op.name = login_of(c);
	return ctl_submit(c, &op, "mailbox removed");
}

/* --- list ------------------------------------------------------------------------- */

static json_t *item_of(struct ctl *c, const struct vx_account *a,
    const struct vx_quota *q, const struct vx_sending *sending)
{
	json_t *item = json_object();

	(void)json_object_set_new(item, "email", ctl_text(a->login));
	(void)json_object_set_new(item, "display_name", ctl_text(a->display_name));
	(void)json_object_set_new(
	    item, "active", json_boolean((a->flags & VX_ACCOUNT_INACTIVE) == 0));
	(void)json_object_set_new(
	    item, "pop3", json_boolean((a->flags & VX_ACCOUNT_POP3) != 0));
	(void)json_object_set_new(
	    item, "sending", json_boolean((a->flags & VX_ACCOUNT_NO_SENDING) == 0));
	(void)json_object_set_new(
	    item, "octets", json_integer((json_int_t)q->used_octets));
	(void)json_object_set_new(
	    item, "messages", json_integer((json_int_t)q->used_messages));
	(void)json_object_set_new(
	    item, "quota_octets", json_integer((json_int_t)q->limit_octets));
	ctl_sending(c, item, sending);
	return item;
}

static bool is_listed(const struct ctl *c, vx_slice login)
{
	const char *domain = ctl_option(c, "--domain");

	return domain == NULL ||
	       vx_slice_eq_nocase(vx_slice_from(login, vx_slice_rfind(login, '@') + 1),
		   vx_slice_str(domain));
}

static void say_suspended(const struct vx_sending *s, char out[280])
{
	const time_t t = (time_t)s->suspended;
	char since[40] = "";
	struct tm tm;

	if (s->suspended != 0 && localtime_r(&t, &tm) != NULL)
		(void)strftime(since, sizeof(since), " since %Y-%m-%d %H:%M", &tm);
	(void)snprintf(out, 280, ", may not send%s%s%.*s", since,
	    s->reason.len > 0 ? ": " : "",
	    (int)(s->reason.len > 200 ? 200 : s->reason.len),
	    s->reason.len > 0 ? s->reason.ptr : "");
}

static int next_mailbox(
    struct ctl *c, struct vx_view *v, json_t *items, char after[VX_ADDRESS_MAX + 1])
{
	struct vx_sending sending = { 0 };
	struct vx_quota q = { 0 };
	struct vx_account a;
	char limit[40] = "no limit", reason[280] = "";
	const int rc = vx_directory_next_account(v, vx_slice_str(after), &a);

	if (rc != VX_OK)
		return rc;
	ctl_keep(after, a.login);
	if (!is_listed(c, a.login))
		return VX_OK;
	(void)vx_quota_get(v, a.id, &q);
	(void)vx_sending_account(v, a.id, &sending);
	(void)json_array_append_new(items, item_of(c, &a, &q, &sending));
	if (q.limit_octets != 0)
		(void)snprintf(limit, sizeof(limit), "of %llu MB",
		    (unsigned long long)(q.limit_octets >> 20));
	if ((a.flags & VX_ACCOUNT_NO_SENDING) != 0)
		say_suspended(&sending, reason);
	ctl_say(c, "%-40s %8llu messages %10.1f MB %s%s%s%s", after,
	    (unsigned long long)q.used_messages, (double)q.used_octets / 1048576.0, limit,
	    (a.flags & VX_ACCOUNT_POP3) != 0 ? ", POP3" : "", reason,
	    (a.flags & VX_ACCOUNT_INACTIVE) != 0 ? ", inactive" : "");
	return VX_OK;
}

static int mailbox_list(struct ctl *c)
{
	const char *domain = ctl_option(c, "--domain");
	struct vx_domain d;
	struct vx_view *v;
	int rc = VX_OK;

	if (domain != NULL && vx_view_begin(c->store, &v) == VX_OK) {
		rc = vx_directory_domain(v, vx_slice_str(domain), &d);
		vx_view_end(v);
	}
	return rc == VX_OK ? ctl_list(c, "mailboxes", next_mailbox)
			   : ctl_done(c, rc, "", domain);
}

/* --- export ----------------------------------------------------------------------- */

/* Asked of a child, since to look is to give up root, who has to make the directory. */
static bool is_missing(struct ctl *c)
{
	const pid_t pid = fork();
	struct vx_account a;
	int state = 0;

	if (pid == 0) {
		const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(null, STDERR_FILENO);
		_exit(ctl_open_store(c, true) == CTL_OK &&
			      ctl_find_account(c, login_of(c), &a) == VX_ENOENT
			  ? 1
			  : 0);
	}
	return pid > 0 && waitpid(pid, &state, 0) == pid && WIFEXITED(state) &&
	       WEXITSTATUS(state) == 1;
}

static int mailbox_export(struct ctl *c)
{
	const char *format = ctl_option(c, "--format");
	const bool mbox = format != NULL && strcmp(format, "mbox") == 0;
	uint64_t messages = 0;
	struct vx_account a;
	int status;

	if (format != NULL && !mbox && strcmp(format, "maildir") != 0)
		return ctl_fail(
		    c, CTL_USAGE, "--format is maildir or mbox, not \"%s\"", format);
	if (is_missing(c))
		return no_mailbox(c, VX_ENOENT);
	status = ctl_output_dir(c, c->args[1], true);
	if (status == CTL_OK)
		status = ctl_open_store(c, true);
	if (status == CTL_OK && ctl_find_account(c, login_of(c), &a) != VX_OK)
		status = no_mailbox(c, VX_ENOENT);
	if (status == CTL_OK)
		status = ctl_export(c, a.id, ".", mbox, &messages);
	if (status != CTL_OK)
		return status;
	(void)json_object_set_new(
	    c->result, "messages", json_integer((json_int_t)messages));
	(void)json_object_set_new(
	    c->result, "directory", ctl_text(vx_slice_str(c->args[1])));
	ctl_say(
	    c, "%llu messages written to %s", (unsigned long long)messages, c->args[1]);
	return CTL_OK;
}

const struct ctl_command ctl_mailbox_commands[] = {
	{ "mailbox", "add", mailbox_add, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "EMAIL [--password-fd N | --hash-fd N | --generate] [--quota MB] "
	    "[--display-name TEXT] "
	    "[--pop3 on|off]",
	    "make a mailbox; the password is asked for without echo" },
	{ "mailbox", "set", mailbox_set, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "EMAIL [--quota MB] [--pop3 on|off] [--active on|off] [--sending on|off] "
	    "[--send-limit N|none|standard] [--display-name TEXT]",
	    "change a mailbox" },
	{ "mailbox", "passwd", mailbox_passwd, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "EMAIL [--password-fd N | --hash-fd N | --generate]", "set a new password" },
	{ "mailbox", "remove", mailbox_remove, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "EMAIL [--keep-mail | --purge] --confirm",
	    "remove a mailbox; its mail is written to files, or deleted" },
	{ "mailbox", "list", mailbox_list, NEEDS_STORE_READ, 0, 0, "[--domain DOMAIN]",
	    "list the mailboxes" },
	{ "mailbox", "export", mailbox_export, NEEDS_CONFIG | TAKES_NAME, 2, 2,
	    "EMAIL DIRECTORY [--format maildir|mbox]",
	    "write all mail of a mailbox to files" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
