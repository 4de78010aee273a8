/* store: prove it, copy it, count it */
#include "vectisctl/notes.h"
#include "vectisctl/process.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void report(void *ctx, const char *text)
{
	struct ctl *c = ctx;
	json_t *list = json_object_get(c->result, "report");

	(void)json_array_append_new(list, ctl_text(vx_slice_str(text)));
	ctl_say(c, "%s", text);
}

static const char *first_of(const struct ctl *c)
{
	const char *text =
	    json_string_value(json_array_get(json_object_get(c->result, "report"), 0));

	return text == NULL ? "" : text;
}

static int store_check(struct ctl *c)
{
	struct vx_error err;
	uint64_t problems = 0;

	(void)json_object_set_new(c->result, "report", json_array());
	if (ctl_check_store(c) != CTL_OK)
		return CTL_FAILED;
	if (vx_store_check(c->config->state_dir, report, c, &problems, &err) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	(void)json_object_set_new(
	    c->result, "problems", json_integer((json_int_t)problems));
	ctl_proof_note(c, problems, first_of(c));
	ctl_say(c, "%llu problems", (unsigned long long)problems);
	return problems == 0 ? CTL_OK : CTL_FAILED;
}

static int store_repair(struct ctl *c)
{
	char path[PATH_MAX], users[600] = "";
	struct vx_error err;
	int rc;

	(void)json_object_set_new(c->result, "report", json_array());
	if (ctl_check_store(c) != CTL_OK)
		return CTL_FAILED;
	rc = vx_store_repair(c->config->state_dir, report, c, &err);
	ctl_state_path(c, "store.lock", path);
	if (rc == VX_EBUSY)
		ctl_lock_users(path, users, sizeof(users));
	if (rc != VX_OK)
		return ctl_fail(c, CTL_FAILED, "%s%s%s", err.text,
		    users[0] == '\0' ? "" : "; these use it: ", users);
	ctl_proof_forget(c);
	ctl_say(c, "the store is repaired; \"vectisctl store check\" tells what is left");
	return CTL_OK;
}

/* What the command failed by. */
static const char *failure(const struct ctl *c)
{
	const char *text = json_string_value(json_object_get(c->result, "error"));

	return text == NULL ? "" : text;
}

/* One that could not begin is one that failed: nobody may look at what cron does. */
static int not_begun(struct ctl *c)
{
	struct ctl_backup b;

	if (ctl_check_store(c) == CTL_OK && ctl_backup_begin(c, c->args[0], &b) == CTL_OK)
		ctl_backup_end(c, &b, "partial", 0, failure(c));
	return CTL_FAILED;
}

static int make_backup(struct ctl *c, struct vx_backup *made)
{
	struct vx_error err;
	int rc;

	if (ctl_open_store(c, false) != CTL_OK)
		return VX_EIO;
	rc = vx_store_backup(c->store, ".", report, c, &err);
	if (rc != VX_OK)
		(void)ctl_fail(c, CTL_FAILED, "%s", err.text);
	if (rc == VX_OK || rc == VX_ECORRUPT) {
		const int found = vx_backup_look(".", made, &err);

		if (found != VX_OK)
			return found == VX_ECORRUPT ? VX_EIO : found;
	}
	return rc;
}

static int store_backup(struct ctl *c)
{
	struct vx_backup made = { .octets = 0 };
	struct ctl_backup b;
	char where[PATH_MAX];
	struct stat st;
	int rc;

	(void)json_object_set_new(c->result, "report", json_array());
	if (ctl_output_dir(c, c->args[0], false) != CTL_OK)
		return not_begun(c);
	if (ctl_check_store(c) != CTL_OK ||
	    ctl_backup_begin(c, getcwd(where, sizeof(where)) == NULL ? c->args[0] : where,
		&b) != CTL_OK)
		return CTL_FAILED;
	rc = make_backup(c, &made);
	ctl_backup_end(c, &b,
	    rc == VX_OK         ? "whole"
	    : rc == VX_ECORRUPT ? "damaged"
				: "partial",
	    made.octets, failure(c));
	if (rc != VX_OK)
		return CTL_FAILED;
	(void)json_object_set_new(
	    c->result, "directory", ctl_text(vx_slice_str(c->args[0])));
	(void)json_object_set_new(
	    c->result, "octets", json_integer((json_int_t)made.octets));
	ctl_say(c,
	    "the backup is in %s; with the mail it has passwords of relays and private "
	    "keys, which nobody else may read",
	    c->args[0]);
	if (stat(".", &st) == 0 && (st.st_mode & S_IRWXO) != 0)
		ctl_warn(c, "anybody may look into %s (mode %04o)", c->args[0],
		    (unsigned)(st.st_mode & 07777));
	return CTL_OK;
}

int ctl_store_stat(struct ctl *c)
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
		ctl_warn(c, "the disk is full: only deletions are accepted");
	return CTL_OK;
}

const struct ctl_command ctl_store_commands[] = {
	{ "store", "check", store_check, NEEDS_CONFIG, 0, 0, "",
	    "prove that the store is whole; exit 1 when it is not" },
	{ "store", "repair", store_repair, NEEDS_CONFIG, 0, 0, "",
	    "build the state anew from what can be read; the daemons must be stopped" },
	{ "store", "backup", store_backup, NEEDS_CONFIG, 1, 1, "DIRECTORY",
	    "copy the store while it is in use; sealed volumes once" },
	{ "store", "stat", ctl_store_stat, NEEDS_STORE_READ, 0, 0, "",
	    "figures of the store" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
