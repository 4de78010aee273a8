/* list and group: an address with members */
#include "vectis/event.h"
#include "vectis/srs.h"
#include "vectisctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	INPUT_MAX = VX_LIST_MEMBERS_MAX * (VX_ADDRESS_MAX + 2)
};

struct words {
	struct vx_buf list; /* own: slices */
	size_t count;
	struct vx_buf text; /* own: of standard input */
};

static const vx_slice *list_of(const struct words *w)
{
	return (const vx_slice *)(const void *)w->list.ptr;
}

static const char *noun(bool group)
{
	return group ? "group" : "list";
}

static void words_done(struct words *w)
{
	vx_buf_done(&w->list);
	vx_buf_done(&w->text);
}

/* Addresses with commas or blanks between them. */
static int cut_words(struct ctl *c, vx_slice text, struct words *w)
{
	while (text.len > 0) {
		size_t n = 0;

		while (n < text.len && strchr(", \t\r\n", text.ptr[n]) == NULL)
			n++;
		if (n > 0 && w->count == VX_LIST_MEMBERS_MAX)
			return ctl_fail(
			    c, CTL_USAGE, "at most %d members", VX_LIST_MEMBERS_MAX);
		if (n > 0) {
			const vx_slice word = vx_slice_head(text, n);

			vx_buf_add(&w->list, vx_slice_of(&word, sizeof(word)));
			w->count++;
		}
		text = vx_slice_from(text, n + 1);
	}
	return CTL_OK;
}

static int read_input(struct ctl *c, struct vx_buf *out)
{
	char octets[4096];
	ssize_t n;

	vx_buf_init(out, INPUT_MAX);
	while ((n = read(STDIN_FILENO, octets, sizeof(octets))) > 0)
		vx_buf_add(out, vx_slice_of(octets, (size_t)n));
	if (n < 0)
		return ctl_fail(c, CTL_FAILED, "standard input cannot be read");
	return out->failed ? ctl_fail(c, CTL_USAGE, "standard input is too long")
			   : CTL_OK;
}

/* The members that are named from args[first] on, and with --stdin. */
static int members_of(struct ctl *c, size_t first, struct words *w)
{
	int status = CTL_OK;

	vx_buf_init(&w->list, VX_LIST_MEMBERS_MAX * sizeof(vx_slice));
	for (size_t i = first; i < c->arg_count && status == CTL_OK; i++)
		status = cut_words(c, vx_slice_str(c->args[i]), w);
	if (status == CTL_OK && ctl_flag(c, "--stdin")) {
		status = read_input(c, &w->text);
		if (status == CTL_OK)
			status = cut_words(c, vx_buf_slice(&w->text), w);
	}
	if (status == CTL_OK && w->list.failed)
		status = ctl_fail(c, CTL_FAILED, "%s", vx_strerror(VX_ENOMEM));
	return status;
}

/* What became of an op that names members. */
static int run(struct ctl *c, struct vx_directory_op *op, bool group, const char *what)
{
	const char *name = op->name.ptr;
	const int rc = vx_store_run(c->store, &op->op);
	const vx_slice bad =
	    op->bad < op->target_count ? op->targets[op->bad] : vx_slice_of("", 0);

	if (rc == VX_ELIMIT)
		return ctl_fail(c, CTL_FAILED, "%s: a %s has at most %d members", name,
		    noun(group), VX_LIST_MEMBERS_MAX);
	if (rc == VX_OK || bad.len == 0)
		return ctl_done(c, rc, what, name);
	if (op->verb == VX_LIST_MEMBERS_REMOVE && rc == VX_ENOENT)
		return ctl_fail(c, CTL_FAILED, "%.*s is no member of %s", (int)bad.len,
		    bad.ptr, name);
	if (rc == VX_ENOENT)
		return ctl_fail(c, CTL_FAILED, "there is no mailbox %.*s%s", (int)bad.len,
		    bad.ptr,
		    group ? " (the members of a group are mailboxes and groups)" : "");
	if (rc == VX_EINVAL)
		return ctl_fail(c, CTL_USAGE, "%.*s cannot be a member of a %s",
		    (int)bad.len, bad.ptr, noun(group));
	return ctl_done(c, rc, what, name);
}

static int find(struct ctl *c, const char *address, bool group, struct vx_list *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(c->store, &v);

	if (rc == VX_OK) {
		rc = vx_directory_list(v, vx_slice_str(address), out);
		vx_view_end(v);
	}
	if (rc == VX_OK && ((out->flags & VX_LIST_GROUP) != 0) != group)
		return ctl_fail(c, CTL_FAILED, "%s is a %s: vectisctl %s", address,
		    noun(!group), noun(!group));
	if (rc == VX_ENOENT || rc == VX_EINVAL)
		return ctl_fail(c, CTL_FAILED, "there is no %s %s", noun(group), address);
	return rc == VX_OK ? CTL_OK : ctl_done(c, rc, "", address);
}

/* --- add, set, remove
 * ------------------------------------------------------------------- */

static int check_title(struct ctl *c, const char *text)
{
	if (text == NULL)
		return CTL_OK;
	if (strlen(text) > VX_LIST_TITLE_MAX)
		return ctl_fail(
		    c, CTL_USAGE, "--title has at most %d octets", VX_LIST_TITLE_MAX);
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return ctl_fail(c, CTL_USAGE, "--title has a control character");
	return CTL_OK;
}

/* What both add and set have. */
static int options(struct ctl *c, struct vx_directory_op *op)
{
	const char *owner = ctl_option(c, "--owner"), *title = ctl_option(c, "--title");
	struct vx_buf key = { .max = VX_ADDRESS_MAX };
	int status = check_title(c, title);

	op->owner = vx_slice_str(owner);
	op->display_name = vx_slice_str(title);
	op->set = VX_SET_FLAGS | (owner != NULL ? VX_SET_OWNER : 0u) |
		  (title != NULL ? VX_SET_DISPLAY_NAME : 0u);
	if (status == CTL_OK && op->owner.len > 0 &&
	    (vx_directory_normalise(op->owner, &key) != VX_OK || key.failed))
		status = ctl_fail(c, CTL_USAGE, "--owner: %s is no address", owner);
	vx_buf_done(&key);
	if (status == CTL_OK)
		status = ctl_switch(
		    c, "--members-only", VX_LIST_MEMBERS_ONLY, false, &op->flags);
	return status == CTL_OK
		   ? ctl_switch(c, "--active", VX_LIST_INACTIVE, true, &op->flags)
		   : status;
}

static int add(struct ctl *c, bool group)
{
	struct words w = { 0 };
	struct vx_directory_op op;
	int status;

	vx_directory_op_init(&op, VX_LIST_ADD);
	op.name = vx_slice_str(c->args[0]);
	op.flags = group ? VX_LIST_GROUP : 0;
	status = ctl_find_own_domain(c, op.name);
	if (status == CTL_OK &&
	    !vx_directory_local_ok(vx_slice_head(op.name, vx_slice_rfind(op.name, '@'))))
		status = ctl_fail(c, CTL_USAGE,
		    "%s is no name for a %s: before the '@' at most %d letters, digits, "
		    "'.', '-' and '_'",
		    c->args[0], noun(group), VX_LOCAL_PART_MAX);
	if (status == CTL_OK)
		status = options(c, &op);
	if (status == CTL_OK)
		status = members_of(c, 1, &w);
	op.targets = list_of(&w);
	op.target_count = w.count;
	if (status == CTL_OK)
		status = run(c, &op, group, group ? "group added" : "list added");
	words_done(&w);
	return status;
}

static int set(struct ctl *c, bool group)
{
	struct vx_directory_op op;
	struct vx_list list;
	int status = find(c, c->args[0], group, &list);

	if (status != CTL_OK)
		return status;
	if (c->option_count == 0)
		return ctl_fail(c, CTL_USAGE,
		    "nothing to change; vectisctl %s set --help lists the options",
		    noun(group));
	vx_directory_op_init(&op, VX_LIST_SET);
	op.name = vx_slice_str(c->args[0]);
	op.flags = list.flags;
	status = options(c, &op);
	return status == CTL_OK
		   ? run(c, &op, group, group ? "group changed" : "list changed")
		   : status;
}

static int remove_it(struct ctl *c, bool group)
{
	struct vx_directory_op op;
	struct vx_list list;
	const int status = find(c, c->args[0], group, &list);

	if (status != CTL_OK)
		return status;
	if (!ctl_flag(c, "--confirm"))
		return ctl_fail(c, CTL_USAGE, "add --confirm to remove the %s %s",
		    noun(group), c->args[0]);
	vx_directory_op_init(&op, VX_LIST_REMOVE);
	op.name = vx_slice_str(c->args[0]);
	return run(c, &op, group, group ? "group removed" : "list removed");
}

static int members(struct ctl *c, bool group)
{
	const bool is_add = strcmp(c->args[0], "add") == 0;
	struct words w = { 0 };
	struct vx_directory_op op;
	struct vx_list list;
	int status;

	if (!is_add && strcmp(c->args[0], "remove") != 0)
		return ctl_fail(c, CTL_USAGE, "members add or members remove, not \"%s\"",
		    c->args[0]);
	status = find(c, c->args[1], group, &list);
	if (status == CTL_OK)
		status = members_of(c, 2, &w);
	if (status == CTL_OK && w.count == 0)
		status = ctl_fail(c, CTL_USAGE, "which members?");
	if (status == CTL_OK) {
		vx_directory_op_init(
		    &op, is_add ? VX_LIST_MEMBERS_ADD : VX_LIST_MEMBERS_REMOVE);
		op.name = vx_slice_str(c->args[1]);
		op.targets = list_of(&w);
		op.target_count = w.count;
		status = run(
		    c, &op, group, is_add ? "members added to" : "members removed from");
		if (status == CTL_OK)
			(void)json_object_set_new(
			    c->result, "changed", json_integer(op.changed));
	}
	words_done(&w);
	return status;
}

/* --- list, show
 * ------------------------------------------------------------------------- */

static json_t *item_of(const struct vx_list *list)
{
	json_t *item = json_object();
	const bool group = (list->flags & VX_LIST_GROUP) != 0;

	(void)json_object_set_new(item, "address", ctl_text(list->address));
	(void)json_object_set_new(item, "title", ctl_text(list->title));
	(void)json_object_set_new(
	    item, "active", json_boolean((list->flags & VX_LIST_INACTIVE) == 0));
	if (group)
		return item;
	(void)json_object_set_new(item, "owner", ctl_text(list->owner));
	(void)json_object_set_new(item, "members_only",
	    json_boolean((list->flags & VX_LIST_MEMBERS_ONLY) != 0));
	return item;
}

/* Each member into names (if it is there); how many there are. */
static int each_member(struct vx_view *v, uint32_t list, json_t *names, size_t *count)
{
	char after[VX_ADDRESS_MAX + 1] = "";
	vx_slice member;
	int rc;

	*count = 0;
	while ((rc = vx_directory_next_member(v, list, vx_slice_str(after), &member)) ==
	       VX_OK) {
		ctl_keep(after, member);
		(*count)++;
		if (names != NULL)
			(void)json_array_append_new(names, ctl_text(member));
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

static void say(const struct ctl *c, const struct vx_list *list, size_t count)
{
	ctl_say(c, "%.*s %zu members%s%s%s%.*s", (int)list->address.len,
	    list->address.ptr, count,
	    (list->flags & VX_LIST_MEMBERS_ONLY) != 0 ? ", members only" : "",
	    (list->flags & VX_LIST_INACTIVE) != 0 ? ", inactive" : "",
	    list->title.len > 0 ? ", " : "", (int)list->title.len,
	    list->title.len > 0 ? list->title.ptr : "");
}

static int next_of(struct ctl *c, struct vx_view *v, json_t *items,
    char after[VX_ADDRESS_MAX + 1], bool group)
{
	struct vx_list list;
	json_t *item;
	size_t count;
	int rc = vx_directory_next_list(v, vx_slice_str(after), &list);

	if (rc != VX_OK)
		return rc;
	ctl_keep(after, list.address);
	if (((list.flags & VX_LIST_GROUP) != 0) != group)
		return VX_OK;
	rc = each_member(v, list.id, NULL, &count);
	if (rc != VX_OK)
		return rc;
	item = item_of(&list);
	(void)json_object_set_new(item, "members", json_integer((json_int_t)count));
	(void)json_array_append_new(items, item);
	say(c, &list, count);
	return VX_OK;
}

static int show_in(struct ctl *c, struct vx_view *v, bool group)
{
	struct vx_list list;
	json_t *names = json_array();
	size_t count, i;
	json_t *name;
	int rc = vx_directory_list(v, vx_slice_str(c->args[0]), &list);

	if (rc == VX_OK)
		rc = each_member(v, list.id, names, &count);
	if (rc != VX_OK) {
		json_decref(names);
		return rc;
	}
	say(c, &list, count);
	if (!group)
		ctl_say(c, "  bounces go to %.*s",
		    list.owner.len > 0 ? (int)list.owner.len : 10,
		    list.owner.len > 0 ? list.owner.ptr : "postmaster");
	json_array_foreach(names, i, name) ctl_say(c, "  %s", json_string_value(name));
	(void)json_object_update_new(c->result, item_of(&list));
	(void)json_object_set_new(c->result, "members", names);
	return VX_OK;
}

static int show(struct ctl *c, bool group)
{
	struct vx_list list;
	struct vx_view *v;
	int status = find(c, c->args[0], group, &list);
	int rc;

	if (status != CTL_OK)
		return status;
	rc = vx_view_begin(c->store, &v);
	if (rc == VX_OK) {
		rc = show_in(c, v, group);
		vx_view_end(v);
	}
	return rc == VX_OK ? CTL_OK : ctl_done(c, rc, "", c->args[0]);
}

/* --- the commands
 * ----------------------------------------------------------------------- */

static int list_add(struct ctl *c)
{
	return add(c, false);
}

static int list_set(struct ctl *c)
{
	return set(c, false);
}

static int list_remove(struct ctl *c)
{
	return remove_it(c, false);
}

static int list_members(struct ctl *c)
{
	return members(c, false);
}

static int list_show(struct ctl *c)
{
	return show(c, false);
}

static int next_list(
    struct ctl *c, struct vx_view *v, json_t *items, char after[VX_ADDRESS_MAX + 1])
{
	return next_of(c, v, items, after, false);
}

static int list_list(struct ctl *c)
{
	return ctl_list(c, "lists", next_list);
}

static int group_add(struct ctl *c)
{
	return add(c, true);
}

static int group_set(struct ctl *c)
{
	return set(c, true);
}

static int group_remove(struct ctl *c)
{
	return remove_it(c, true);
}

static int group_members(struct ctl *c)
{
	return members(c, true);
}

static int group_show(struct ctl *c)
{
	return show(c, true);
}

static int next_group(
    struct ctl *c, struct vx_view *v, json_t *items, char after[VX_ADDRESS_MAX + 1])
{
	return next_of(c, v, items, after, true);
}

static int group_list(struct ctl *c)
{
	return ctl_list(c, "groups", next_group);
}

/* --- bounces: their owner has them as mail, and here they are counted by member
 * ---------
 */

/* Did a copy of the list's fail?  Its reverse-path is the list's address, rewritten. */
static bool is_failure(const struct vx_event *e, vx_slice tail)
{
	const vx_slice from = e->texts[VX_EVENT_SENDER];

	if (e->type != VX_EVENT_BOUNCED && e->type != VX_EVENT_EXPIRED &&
	    e->type != VX_EVENT_RETURNED)
		return false;
	return vx_srs_is_rewritten(from) && from.len > tail.len &&
	       vx_slice_eq_nocase(vx_slice_from(from, from.len - tail.len), tail);
}

/* The newest comes first: of that the time and the reason are kept. */
static void count_failure(json_t *found, const struct vx_event *e)
{
	struct vx_buf key = { .max = VX_ADDRESS_MAX };
	vx_slice address = e->texts[VX_EVENT_RECIPIENTS];
	json_t *item, *name;

	if (vx_directory_normalise(address, &key) == VX_OK && !key.failed)
		address = vx_buf_slice(&key);
	name = ctl_text(address);
	item = json_object_get(found, json_string_value(name));
	if (item == NULL) {
		item = json_object();
		(void)json_object_set_new(item, "address", json_incref(name));
		(void)json_object_set_new(item, "failures", json_integer(0));
		(void)json_object_set_new(
		    item, "time", json_integer((json_int_t)e->time));
		(void)json_object_set_new(
		    item, "reason", ctl_text(e->texts[VX_EVENT_REASON]));
		(void)json_object_set_new(found, json_string_value(name), item);
	}
	(void)json_object_set_new(item, "failures",
	    json_integer(json_integer_value(json_object_get(item, "failures")) + 1));
	json_decref(name);
	vx_buf_done(&key);
}

static int count_failures(struct vx_view *v, const struct vx_list *list, json_t *found)
{
	const int at = (int)vx_slice_rfind(list->address, '@');
	const char *const domain = list->address.ptr + at + 1;
	const int length = (int)list->address.len - at - 1;
	struct vx_event e = { .number = UINT64_MAX };
	char tail[3 * VX_ADDRESS_MAX];
	int rc;

	(void)snprintf(tail, sizeof(tail), "=%.*s=%.*s@%.*s", length, domain, at,
	    list->address.ptr, length, domain);
	while ((rc = vx_event_before(v, e.number, &e)) == VX_OK)
		if (is_failure(&e, vx_slice_str(tail)))
			count_failure(found, &e);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static void say_failures(struct ctl *c, json_t *item)
{
	const time_t t = (time_t)json_integer_value(json_object_get(item, "time"));
	char text[32] = "?";
	struct tm tm;

	if (localtime_r(&t, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm);
	ctl_say(c, "%-40s %4lld%s, the last one %s: %s",
	    json_string_value(json_object_get(item, "address")),
	    (long long)json_integer_value(json_object_get(item, "failures")),
	    json_is_true(json_object_get(item, "member")) ? "" : " (no member)", text,
	    json_string_value(json_object_get(item, "reason")));
}

static int bounces_in(
    struct ctl *c, struct vx_view *v, const struct vx_list *list, json_t *found)
{
	json_t *names = json_array(), *members = json_array(), *name, *item;
	const char *key;
	size_t count, i;
	int rc = each_member(v, list->id, names, &count);

	if (rc == VX_OK)
		rc = count_failures(v, list, found);
	json_object_foreach(found, key, item)
	{
		(void)json_object_set_new(item, "member", json_false());
	}
	json_array_foreach(names, i, name)
	{
		item = json_object_get(found, json_string_value(name));
		if (item != NULL)
			(void)json_object_set_new(item, "member", json_true());
	}
	json_object_foreach(found, key, item)
	{
		say_failures(c, item);
		(void)json_array_append(members, item);
	}
	(void)json_object_set_new(c->result, "failures", members);
	json_decref(names);
	return rc;
}

static int list_bounces(struct ctl *c)
{
	json_t *found = json_object();
	struct vx_list list;
	struct vx_view *v;
	int status = find(c, c->args[0], false, &list), rc;

	if (status == CTL_OK) {
		rc = vx_view_begin(c->store, &v);
		if (rc == VX_OK) {
			rc = vx_directory_list(v, vx_slice_str(c->args[0]), &list);
			if (rc == VX_OK)
				rc = bounces_in(c, v, &list, found);
			vx_view_end(v);
		}
		if (rc != VX_OK)
			status = ctl_done(c, rc, "", c->args[0]);
		else if (json_object_size(found) == 0)
			ctl_say(c, "no copy failed in %d days", VX_EVENT_DAYS);
	}
	json_decref(found);
	return status;
}

const struct ctl_command ctl_list_commands[] = {
	{ "list", "add", list_add, NEEDS_STORE | TAKES_NAME, 1, CTL_ARGS_MAX,
	    "ADDRESS [MEMBER...] [--stdin] [--owner ADDRESS] [--title TEXT] "
	    "[--members-only on|off]",
	    "a mailing list: what is sent to it goes on to its members" },
	{ "list", "set", list_set, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "ADDRESS [--owner ADDRESS] [--title TEXT] [--members-only on|off] "
	    "[--active on|off]",
	    "change a mailing list" },
	{ "list", "remove", list_remove, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "ADDRESS --confirm", "remove a mailing list" },
	{ "list", "show", list_show, NEEDS_STORE_READ | TAKES_NAME, 1, 1, "ADDRESS",
	    "show a mailing list and its members" },
	{ "list", "members", list_members, NEEDS_STORE, 2, CTL_ARGS_MAX,
	    "add|remove ADDRESS [MEMBER...] [--stdin]",
	    "change the members of a mailing list" },
	{ "list", "bounces", list_bounces, NEEDS_STORE_READ | TAKES_NAME, 1, 1, "ADDRESS",
	    "which members did not get what was sent to a mailing list, and why" },
	{ "list", "list", list_list, NEEDS_STORE_READ, 0, 0, "",
	    "list the mailing lists" },
	{ "group", "add", group_add, NEEDS_STORE | TAKES_NAME, 1, CTL_ARGS_MAX,
	    "ADDRESS [MEMBER...] [--stdin] [--title TEXT]",
	    "an address that stands for mailboxes and groups" },
	{ "group", "set", group_set, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "ADDRESS [--title TEXT] [--active on|off]", "change a group" },
	{ "group", "remove", group_remove, NEEDS_STORE | TAKES_NAME, 1, 1,
	    "ADDRESS --confirm", "remove a group" },
	{ "group", "show", group_show, NEEDS_STORE_READ | TAKES_NAME, 1, 1, "ADDRESS",
	    "show a group and its members" },
	{ "group", "members", group_members, NEEDS_STORE, 2, CTL_ARGS_MAX,
	    "add|remove ADDRESS [MEMBER...] [--stdin]", "change the members of a group" },
	{ "group", "list", group_list, NEEDS_STORE_READ, 0, 0, "", "list the groups" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
