/* store, status, mailbox export */
#include "vectisctl/ctl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void report(void *ctx, const char *text)
{
	struct ctl *c = ctx;
	json_t *list = json_object_get(c->result, "report");

	(void)json_array_append_new(list, json_string(text));
	ctl_say(c, "%s", text);
}

/* There is a store, and its files will not become root's. */
static int find_store(struct ctl *c)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/state.mdb", c->config->state_dir);
	if (access(path, F_OK) < 0)
		return ctl_fail(c, CTL_FAILED, "there is no store in %s: %s",
		    c->config->state_dir, vx_errno_text(errno));
	return ctl_become_user(c);
}

static int store_check(struct ctl *c)
{
	struct vx_error err;
	uint64_t problems = 0;

	if (find_store(c) != CTL_OK)
		return CTL_FAILED;
	(void)json_object_set_new(c->result, "report", json_array());
	if (vx_store_check(c->config->state_dir, report, c, &problems, &err) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	(void)json_object_set_new(
	    c->result, "problems", json_integer((json_int_t)problems));
	ctl_say(c, "%llu problems", (unsigned long long)problems);
	return problems == 0 ? CTL_OK : CTL_FAILED;
}

static int store_repair(struct ctl *c)
{
	struct vx_error err;

	if (find_store(c) != CTL_OK)
		return CTL_FAILED;
	(void)json_object_set_new(c->result, "report", json_array());
	if (vx_store_repair(c->config->state_dir, report, c, &err) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	ctl_say(c, "the store is repaired; \"vectisctl store check\" tells what is left");
	return CTL_OK;
}

static int store_backup(struct ctl *c)
{
	struct vx_error err;

	(void)json_object_set_new(c->result, "report", json_array());
	if (vx_store_backup(c->store, c->args[0], report, c, &err) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	ctl_say(c, "the backup is in %s", c->args[0]);
	return CTL_OK;
}

static int store_stat(struct ctl *c)
{
	struct vx_store_stat st;
	const struct {
		const char *name;
		uint64_t *value;
	} rows[] = { { "accounts", &st.accounts }, { "mailboxes", &st.mailboxes },
		{ "messages", &st.messages }, { "octets", &st.octets },
		{ "state_octets", &st.state_octets },
		{ "state_free_octets", &st.state_free_octets },
		{ "map_octets", &st.map_octets }, { "volumes", &st.volumes },
		{ "volume_octets", &st.volume_octets },
		{ "dead_octets", &st.dead_octets }, { "dead_queue", &st.dead_queue },
		{ "readers", &st.readers }, { "transactions", &st.last_txn } };

	if (vx_store_stat(c->store, &st) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "the store cannot be read");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)json_object_set_new(
		    c->result, rows[i].name, json_integer((json_int_t)*rows[i].value));
		ctl_say(
		    c, "%-17s %llu", rows[i].name, (unsigned long long)*rows[i].value);
	}
	(void)json_object_set_new(c->result, "read_mostly", json_boolean(st.read_mostly));
	if (st.read_mostly)
		ctl_say(c, "the disk is full: only deletions are accepted");
	return CTL_OK;
}

/* --- export
 * --------------------------------------------------------------------------------- */

struct export
{
	struct ctl *c;
	uint32_t account;
	const char *dir;
	bool mbox;
	uint64_t messages;
};

static int copy_blob(struct export *x, uint64_t blob, FILE *out, bool quote_from)
{
	struct vx_blob_reader *r;
	uint64_t at = 0;
	bool line_start = true;
	int rc = vx_blob_open(x->c->store, blob, &r);

	if (rc != VX_OK)
		return rc;
	while (rc == VX_OK && at < vx_blob_size(r)) {
		vx_slice s;

		rc = vx_blob_read(r, at, 65536, &s);
		if (rc == VX_WAIT) {
			rc = vx_blob_fetch(r, at, 65536);
			continue;
		}
		if (rc != VX_OK || s.len == 0)
			break;
		at += s.len;
		for (size_t i = 0; i < s.len; i++) {
			size_t q = i;

			/* mboxrd: one '>' more before ">*From " at the beginning of a
			 * line */
			while (quote_from && line_start && q < s.len && s.ptr[q] == '>')
				q++;
			if (quote_from && line_start &&
			    vx_slice_has_prefix(vx_slice_from(s, q), VX_S("From ")))
				(void)fputc('>', out);
			line_start = s.ptr[i] == '\n';
			if (s.ptr[i] != '\r')
				(void)fputc(s.ptr[i], out);
		}
	}
	vx_blob_close(r);
	return rc == VX_OK && ferror(out) != 0 ? VX_EIO : rc;
}

/* ":2," and the letters of the flags (maildir). */
static void maildir_flags(uint64_t flags, char out[8])
{
	size_t n = 0;

	if ((flags & VX_FLAG_DRAFT) != 0)
		out[n++] = 'D';
	if ((flags & VX_FLAG_FLAGGED) != 0)
		out[n++] = 'F';
	if ((flags & VX_FLAG_ANSWERED) != 0)
		out[n++] = 'R';
	if ((flags & VX_FLAG_SEEN) != 0)
		out[n++] = 'S';
	if ((flags & VX_FLAG_DELETED) != 0)
		out[n++] = 'T';
	out[n] = '\0';
}

static int export_maildir(struct export *x, const char *folder, const struct vx_record *r)
{
	char path[PATH_MAX], flags[8];
	FILE *f;
	int rc;

	maildir_flags(r->flags, flags);
	(void)snprintf(path, sizeof(path), "%.4000s/cur/%u.%u.vectis:2,%s", folder,
	    r->internal_date, r->uid, flags);
	f = fopen(path, "wx");
	if (f == NULL)
		return VX_EIO;
	rc = copy_blob(x, r->blob, f, false);
	return fclose(f) == 0 ? rc : VX_EIO;
}

static int export_mbox(struct export *x, FILE *f, const struct vx_record *r)
{
	const time_t t = (time_t)r->internal_date;
	struct tm tm;
	char date[64] = "";
	int rc;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
	(void)fprintf(f, "From MAILER-DAEMON %s\n", date);
	rc = copy_blob(x, r->blob, f, true);
	(void)fputc('\n', f);
	return rc;
}

static int each_record(struct export *x, uint32_t mailbox, const char *folder, FILE *mbox)
{
	struct vx_record records[256];
	uint32_t next = 1;
	int rc = VX_OK;

	while (rc == VX_OK && next != 0) {
		const struct vx_record_query q = { .account = x->account,
			.mailbox = mailbox,
			.first_uid = next,
			.last_uid = UINT32_MAX };
		struct vx_view *v;
		size_t count = 0;

		rc = vx_view_begin(x->c->store, &v);
		if (rc != VX_OK)
			return rc;
		rc = vx_records_read(v, &q, records, 256, &count, &next);
		vx_view_end(v);
		for (size_t i = 0; rc == VX_OK && i < count; i++) {
			rc = mbox != NULL ? export_mbox(x, mbox, &records[i])
					  : export_maildir(x, folder, &records[i]);
			x->messages += rc == VX_OK;
		}
	}
	return rc;
}

/* The mailbox's name as a file's: no '/', no leading dot. */
static void file_name(vx_slice name, char separator, char out[VX_MAILBOX_NAME_MAX + 2])
{
	size_t n = 0;

	for (size_t i = 0; i < name.len; i++)
		out[n++] = name.ptr[i] == '/'   ? separator
			   : name.ptr[i] == '.' ? '_'
						: name.ptr[i];
	out[n] = '\0';
}

static int export_mailbox(struct export *x, const struct vx_mailbox_info *info)
{
	char name[VX_MAILBOX_NAME_MAX + 2], folder[PATH_MAX], sub[PATH_MAX];
	static const char *const parts[] = { "cur", "new", "tmp" };
	FILE *f;
	int rc;

	file_name(info->name, x->mbox ? '-' : '.', name);
	if (x->mbox) {
		(void)snprintf(folder, sizeof(folder), "%.3000s/%s.mbox", x->dir, name);
		f = fopen(folder, "wx");
		if (f == NULL)
			return VX_EEXIST;
		rc = each_record(x, info->mailbox, NULL, f);
		return fclose(f) == 0 ? rc : VX_EIO;
	}
	/* Maildir++: INBOX is the directory itself, the others are ".Name.Sub" in it */
	if (strcmp(name, "INBOX") == 0)
		(void)snprintf(folder, sizeof(folder), "%.3000s", x->dir);
	else
		(void)snprintf(folder, sizeof(folder), "%.3000s/.%s", x->dir, name);
	(void)mkdir(folder, 0700);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(sub, sizeof(sub), "%.4000s/%s", folder, parts[i]);
		if (mkdir(sub, 0700) < 0)
			return vx_errno_result(errno);
	}
	return each_record(x, info->mailbox, folder, NULL);
}

static int export_all(struct export *x)
{
	char after[VX_MAILBOX_NAME_MAX + 1] = "";

	for (;;) {
		struct vx_mailbox_info info;
		struct vx_view *v;
		int rc = vx_view_begin(x->c->store, &v);

		if (rc != VX_OK)
			return rc;
		rc = vx_mailbox_next(v, x->account, vx_slice_str(after), &info);
		if (rc == VX_OK)
			(void)snprintf(after, sizeof(after), "%.*s", (int)info.name.len,
			    info.name.ptr);
		vx_view_end(v);
		info.name = vx_slice_str(after);
		if (rc == VX_OK && info.exists)
			rc = export_mailbox(x, &info);
		if (rc != VX_OK)
			return rc == VX_ENOENT ? VX_OK : rc;
	}
}

int ctl_mailbox_export(struct ctl *c);

int ctl_mailbox_export(struct ctl *c)
{
	const char *format = ctl_option(c, "--format");
	struct export x = { .c = c,
		.dir = c->args[1],
		.mbox = format != NULL && strcmp(format, "mbox") == 0 };
	struct vx_account a;
	struct vx_view *v;
	int rc;

	if (format != NULL && !x.mbox && strcmp(format, "maildir") != 0)
		return ctl_fail(c, CTL_USAGE, "--format is maildir or mbox");
	rc = vx_view_begin(c->store, &v);
	if (rc == VX_OK) {
		rc = vx_directory_account(v, vx_slice_str(c->args[0]), &a);
		x.account = rc == VX_OK ? a.id : 0;
		vx_view_end(v);
	}
	if (rc != VX_OK)
		return ctl_fail(c, CTL_FAILED, "there is no mailbox %s", c->args[0]);
	if (mkdir(x.dir, 0700) < 0)
		return ctl_fail(c, CTL_FAILED,
		    "cannot make %s: %s (it must not be there yet)", x.dir,
		    vx_errno_text(errno));
	rc = export_all(&x);
	if (rc != VX_OK)
		return ctl_fail(c, CTL_FAILED, "stopped after %llu messages: %s",
		    (unsigned long long)x.messages, vx_strerror(rc));
	(void)json_object_set_new(
	    c->result, "messages", json_integer((json_int_t)x.messages));
	ctl_say(c, "%llu messages written to %s", (unsigned long long)x.messages, x.dir);
	return CTL_OK;
}

static int status(struct ctl *c)
{
	(void)json_object_set_new(c->result, "version", json_string(VX_VERSION));
	(void)json_object_set_new(
	    c->result, "hostname", json_string(c->config->hostname));
	ctl_say(c, "vectis %s on %s", VX_VERSION, c->config->hostname);
	return store_stat(c);
}

const struct ctl_command ctl_store_commands[] = {
	{ "store", "check", store_check, NEEDS_CONFIG, 0, "",
	    "prove that the store is whole; exit 1 when it is not" },
	{ "store", "repair", store_repair, NEEDS_CONFIG, 0, "",
	    "build the state anew from what can be read; the daemons must be stopped" },
	{ "store", "backup", store_backup, READS_STORE, 1, "DIRECTORY",
	    "copy the store while it is in use; sealed volumes once" },
	{ "store", "stat", store_stat, READS_STORE, 0, "", "figures of the store" },
	{ "status", NULL, status, READS_STORE, 0, "", "the state of this installation" },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL },
};
