/* What became of backups and checks of the store: files in the state directory, for
 * domain check (DX-OP-23, 30, 34). */
#include "vectisctl/notes.h"

#include "vectis/hold.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTE_MAX 65536
#define BACKUP "backup.json"
#define PROOF "check.json"
#define BACKUP_LOCK "backup.lock"

static json_t *read_note(struct ctl *c, const char *name)
{
	char path[PATH_MAX];
	json_t *j;

	ctl_state_path(c, name, path);
	j = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	if (j != NULL && json_is_object(j))
		return j;
	json_decref(j);
	return NULL;
}

static int add_text(const char *text, size_t len, void *ctx)
{
	vx_buf_add(ctx, vx_slice_of(text, len));
	return 0;
}

/* A note that cannot be written changes nothing of what it is about: it is only said. */
static void write_note(struct ctl *c, const char *name, const json_t *j)
{
	struct vx_buf text = { .max = NOTE_MAX };
	char path[PATH_MAX];

	ctl_state_path(c, name, path);
	if (json_dump_callback(j, add_text, &text, JSON_INDENT(2) | JSON_SORT_KEYS) !=
		0 ||
	    text.failed || ctl_write_file(c, path, 0600, vx_buf_slice(&text)) != CTL_OK)
		ctl_warn(c, "what became of it is not kept for domain check");
	vx_buf_done(&text);
}

static void set_text(json_t *j, const char *key, const char *text)
{
	(void)json_object_set_new(j, key, ctl_text(vx_slice_str(text)));
}

static void set_number(json_t *j, const char *key, uint64_t n)
{
	(void)json_object_set_new(j, key, json_integer((json_int_t)n));
}

static void get_text(const json_t *j, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(j, key));

	(void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

static int64_t get_number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

/* --- backups --------------------------------------------------------------------------
 */

int ctl_backup_begin(struct ctl *c, const char *where, struct ctl_backup *b)
{
	char path[PATH_MAX];
	struct vx_error err;
	json_t *before;
	int rc;

	*b = (struct ctl_backup){ .hold = -1 };
	ctl_state_path(c, BACKUP_LOCK, path);
	rc = vx_hold_take(path, "store backup", &b->hold, &err);
	if (rc == VX_EBUSY)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	/* on a full disk there is the more reason to make one */
	if (rc != VX_OK)
		ctl_warn(c, "%s", err.text);
	before = read_note(c, BACKUP);
	b->note = json_object();
	set_text(b->note, "state", "running");
	set_text(b->note, "directory", where);
	set_number(b->note, "began", (uint64_t)vx_now_s());
	if (json_is_object(json_object_get(before, "whole")))
		(void)json_object_set(b->note, "whole", json_object_get(before, "whole"));
	json_decref(before);
	write_note(c, BACKUP, b->note);
	return CTL_OK;
}

void ctl_backup_end(struct ctl *c, struct ctl_backup *b, const char *state,
    uint64_t octets, const char *cause)
{
	const uint64_t now = (uint64_t)vx_now_s();

	set_text(b->note, "state", state);
	set_number(b->note, "ended", now);
	set_number(b->note, "octets", octets);
	set_text(b->note, "cause", cause);
	if (strcmp(state, "partial") != 0) {
		json_t *whole = json_object();

		set_number(whole, "ended", now);
		set_number(whole, "octets", octets);
		(void)json_object_set(
		    whole, "directory", json_object_get(b->note, "directory"));
		(void)json_object_set_new(b->note, "whole", whole);
	}
	write_note(c, BACKUP, b->note);
	json_decref(b->note);
	if (b->hold >= 0)
		(void)close(b->hold);
}

static const struct {
	const char *word;
	enum vx_diag_saved_state state;
} states[] = { { "running", VX_DIAG_SAVED_RUNNING }, { "whole", VX_DIAG_SAVED_WHOLE },
	{ "damaged", VX_DIAG_SAVED_DAMAGED }, { "partial", VX_DIAG_SAVED_PARTIAL } };

static enum vx_diag_saved_state state_of(const json_t *j)
{
	const char *word = json_string_value(json_object_get(j, "state"));

	for (size_t i = 0; word != NULL && i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(word, states[i].word) == 0)
			return states[i].state;
	return VX_DIAG_SAVED_NONE;
}

/* Who makes one has the lock: whoever lets it go without a word was ended. */
static bool is_broken_off(struct ctl *c)
{
	struct vx_holder h;
	char path[PATH_MAX];

	ctl_state_path(c, BACKUP_LOCK, path);
	return vx_hold_look(path, &h) == VX_ENOENT;
}

void ctl_backup_read(struct ctl *c, struct ctl_saved *out)
{
	json_t *j = read_note(c, BACKUP);
	const json_t *whole = json_object_get(j, "whole");
	char path[PATH_MAX];

	ctl_state_path(c, BACKUP, path);
	out->diag = (struct vx_diag_saved){ .where = out->where,
		.whole_where = out->whole_where,
		.cause = out->cause,
		.known = j != NULL || access(path, F_OK) < 0,
		.state = state_of(j),
		.began = get_number(j, "began"),
		.whole_at = get_number(whole, "ended"),
		.octets = (uint64_t)get_number(whole, "octets") };
	get_text(j, "directory", out->where, sizeof(out->where));
	get_text(j, "cause", out->cause, sizeof(out->cause));
	get_text(whole, "directory", out->whole_where, sizeof(out->whole_where));
	if (out->diag.state == VX_DIAG_SAVED_RUNNING && is_broken_off(c)) {
		out->diag.state = VX_DIAG_SAVED_PARTIAL;
		(void)snprintf(out->cause, sizeof(out->cause),
		    "it was broken off: the process was ended, or the host was");
	}
	json_decref(j);
}

/* --- checks ---------------------------------------------------------------------------
 */

void ctl_proof_note(struct ctl *c, uint64_t problems, const char *first)
{
	json_t *j = json_object();

	set_number(j, "at", (uint64_t)vx_now_s());
	set_number(j, "problems", problems);
	set_text(j, "first", first);
	write_note(c, PROOF, j);
	json_decref(j);
}

void ctl_proof_forget(struct ctl *c)
{
	char path[PATH_MAX];

	ctl_state_path(c, PROOF, path);
	(void)unlink(path);
}

void ctl_proof_read(struct ctl *c, struct vx_diag_store *out, char first[CTL_ERROR_MAX])
{
	json_t *j = read_note(c, PROOF);

	out->proved_at = get_number(j, "at");
	out->proved_problems = (uint64_t)get_number(j, "problems");
	get_text(j, "first", first, CTL_ERROR_MAX);
	out->proved_problem = first;
	json_decref(j);
}
