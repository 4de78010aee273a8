/*
 * Email Routing as the backup of a zone (DNS-19): who gets the mail is confirmed first,
 * then everything is led there, and only then may Email Routing be asked for it.
 */
#include "cloudflare/client.h"

#include "base/chars.h"

#include <stdio.h>

static const char *const todos[] = { "address", "confirm", "catch-all", "clash", "enable",
	"unlock", "disable", "catch-all off" };

const char *vx_cf_todo_name(enum vx_cf_todo t)
{
	return (unsigned)t < sizeof(todos) / sizeof(todos[0]) ? todos[t] : "?";
}

static bool same_address(const char *a, const char *b)
{
	return vx_slice_eq_nocase(vx_slice_str(a), vx_slice_str(b));
}

/* --- what there is to do -------------------------------------------------------------
 */

static size_t todo_begin(const struct vx_cf_backup *b, const char *address, bool take,
    enum vx_cf_todo out[VX_CF_TODO_MAX])
{
	const bool led = b->catch_all && same_address(b->catch_all_to, address);
	size_t n = 0;

	if (b->address == VX_CF_ADDRESS_ABSENT)
		out[n++] = VX_CF_DO_ADDRESS;
	if (b->address != VX_CF_ADDRESS_CONFIRMED)
		out[n++] = VX_CF_DO_CONFIRM;
	if (!led && b->catch_all && !b->ours && !take)
		out[n++] = VX_CF_DO_CLASH;
	else if (!led)
		out[n++] = VX_CF_DO_CATCH_ALL;
	if (!b->on)
		out[n++] = VX_CF_DO_ENABLE;
	if (!b->on || b->locked)
		out[n++] = VX_CF_DO_UNLOCK;
	return n;
}

size_t vx_cf_backup_todo(const struct vx_cf_backup *b, const char *address, bool take,
    enum vx_cf_todo out[VX_CF_TODO_MAX])
{
	size_t n = 0;

	if (address != NULL)
		return todo_begin(b, address, take, out);
	if (!b->ours)
		return 0;
	if (b->on)
		out[n++] = VX_CF_DO_DISABLE;
	out[n++] = VX_CF_DO_CATCH_ALL_OFF;
	return n;
}

static void clash(struct vx_cf *cf)
{
	char text[VX_CF_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text),
	    "Email Routing leads what has no rule to %.254s, and that was not set from "
	    "here: change it yourself, or take it over",
	    cf->backup.catch_all_to[0] != '\0' ? cf->backup.catch_all_to
					       : "something else than an address");
	vx_cf_finish(cf, VX_CF_CLASH, text);
}

static void unconfirmed(struct vx_cf *cf)
{
	char text[VX_CF_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text),
	    "%.254s has not agreed yet: Cloudflare sent a message there with a link to "
	    "open; then do this again",
	    cf->address);
	vx_cf_finish(cf, VX_CF_UNCONFIRMED, text);
}

/* The next thing to do. */
static void go_on(struct vx_cf *cf)
{
	static const enum vx_cf_step steps[] = {
		[VX_CF_DO_ADDRESS] = VX_CF_STEP_BACKUP_ADDRESS_ADD,
		[VX_CF_DO_CATCH_ALL] = VX_CF_STEP_BACKUP_RULE_SET,
		[VX_CF_DO_ENABLE] = VX_CF_STEP_BACKUP_ENABLE,
		[VX_CF_DO_UNLOCK] = VX_CF_STEP_BACKUP_UNLOCK,
		[VX_CF_DO_DISABLE] = VX_CF_STEP_BACKUP_DISABLE,
		[VX_CF_DO_CATCH_ALL_OFF] = VX_CF_STEP_BACKUP_RULE_END,
	};
	enum vx_cf_todo next;

	if (cf->todo_at == cf->todo_count) {
		vx_cf_finish(cf, VX_CF_GOOD, "");
		return;
	}
	next = cf->todo[cf->todo_at++];
	if (next == VX_CF_DO_CONFIRM)
		unconfirmed(cf);
	else if (next == VX_CF_DO_CLASH)
		clash(cf);
	else
		vx_cf_go(cf, steps[next]);
}

/* All is known: the task was to know it, or begins. */
static void begin(struct vx_cf *cf)
{
	const char *address = cf->address[0] != '\0' ? cf->address : NULL;

	cf->todo_at = cf->todo_count = 0;
	if (cf->task == VX_CF_TASK_BACKUP)
		cf->todo_count =
		    vx_cf_backup_todo(&cf->backup, address, cf->take, cf->todo);
	/* nothing is done before all of it can be */
	for (size_t i = 0; i < cf->todo_count; i++)
		if (cf->todo[i] == VX_CF_DO_CLASH) {
			clash(cf);
			return;
		}
	go_on(cf);
}

/* --- requests ------------------------------------------------------------------------
 */

static json_t *rule(const char *name, bool on, json_t *action)
{
	return json_pack("{s:b, s:s, s:[{s:s}], s:[o]}", "enabled", (int)on, "name", name,
	    "matchers", "type", "all", "actions", action);
}

static int prepare_rule(struct vx_cf *cf, bool on)
{
	json_t *action =
	    on ? json_pack("{s:s, s:[s]}", "type", "forward", "value", cf->address)
	       : json_pack("{s:s}", "type", "drop");

	vx_buf_printf(&cf->url, "/zones/%s/email/routing/rules/catch_all", cf->zone.id);
	return vx_cf_set_body(cf, "PUT", rule(on ? VX_CF_RULE_NAME : "", on, action));
}

static int prepare_dns(struct vx_cf *cf, const char *method)
{
	vx_buf_printf(&cf->url, "/zones/%s/email/routing/dns", cf->zone.id);
	if (strcmp(method, "DELETE") == 0) {
		cf->method = method;
		return VX_OK;
	}
	return vx_cf_set_body(cf, method, json_pack("{s:s}", "name", cf->zone.name));
}

static int prepare_addresses(struct vx_cf *cf, bool add)
{
	vx_buf_printf(&cf->url, "/accounts/%s/email/routing/addresses", cf->zone.account);
	if (add)
		return vx_cf_set_body(
		    cf, "POST", json_pack("{s:s}", "email", cf->address));
	vx_buf_printf(
	    &cf->url, "?per_page=%d&page=%u", VX_CF_ADDRESSES_PER_PAGE, cf->page);
	return VX_OK;
}

int vx_cf_backup_prepare(struct vx_cf *cf)
{
	switch ((int)cf->step) {
	case VX_CF_STEP_BACKUP_ROUTING:
		vx_buf_printf(&cf->url, "/zones/%s/email/routing", cf->zone.id);
		return VX_OK;
	case VX_CF_STEP_BACKUP_RULE:
		vx_buf_printf(
		    &cf->url, "/zones/%s/email/routing/rules/catch_all", cf->zone.id);
		return VX_OK;
	case VX_CF_STEP_BACKUP_ADDRESSES:
		return prepare_addresses(cf, false);
	case VX_CF_STEP_BACKUP_ADDRESS_ADD:
		return prepare_addresses(cf, true);
	case VX_CF_STEP_BACKUP_RULE_SET:
		return prepare_rule(cf, true);
	case VX_CF_STEP_BACKUP_RULE_END:
		return prepare_rule(cf, false);
	case VX_CF_STEP_BACKUP_ENABLE:
		return prepare_dns(cf, "POST");
	case VX_CF_STEP_BACKUP_UNLOCK:
		return prepare_dns(cf, "PATCH");
	default:
		return prepare_dns(cf, "DELETE");
	}
}

const char *vx_cf_backup_permission(enum vx_cf_step step)
{
	switch ((int)step) {
	case VX_CF_STEP_BACKUP_RULE:
	case VX_CF_STEP_BACKUP_RULE_SET:
	case VX_CF_STEP_BACKUP_RULE_END:
		return "Zone > Email Routing Rules > Edit";
	case VX_CF_STEP_BACKUP_ADDRESSES:
	case VX_CF_STEP_BACKUP_ADDRESS_ADD:
		return "Account > Email Routing Addresses > Edit";
	default:
		return "Zone > Zone Settings > Edit";
	}
}

/* --- answers -------------------------------------------------------------------------
 */

/* "ready" and "misconfigured/locked" are, "unlocked" and "misconfigured" are not. */
static void take_routing(struct vx_cf *cf, const json_t *result)
{
	struct vx_cf_backup *b = &cf->backup;
	vx_slice status;

	b->on = json_is_true(json_object_get(result, "enabled"));
	b->status[0] = '\0';
	vx_cf_add_text(b->status, sizeof(b->status), vx_cf_text(result, "status"));
	status = vx_slice_str(b->status);
	b->locked = b->on && (vx_slice_eq(status, VX_S("ready")) ||
				 vx_slice_has_suffix(status, VX_S("/locked")));
	vx_cf_go(cf, VX_CF_STEP_BACKUP_RULE);
}

static void take_rule(struct vx_cf *cf, const json_t *result)
{
	struct vx_cf_backup *b = &cf->backup;
	const json_t *action = json_array_get(json_object_get(result, "actions"), 0);
	const json_t *to = json_array_get(json_object_get(action, "value"), 0);

	b->catch_all = json_is_true(json_object_get(result, "enabled")) &&
		       strcmp(vx_cf_text(action, "type"), "drop") != 0;
	b->ours = strcmp(vx_cf_text(result, "name"), VX_CF_RULE_NAME) == 0;
	b->catch_all_to[0] = '\0';
	if (b->catch_all && json_is_string(to))
		vx_cf_add_text(
		    b->catch_all_to, sizeof(b->catch_all_to), json_string_value(to));
	if (cf->address[0] == '\0') {
		begin(cf);
		return;
	}
	cf->page = 1;
	vx_cf_go(cf, VX_CF_STEP_BACKUP_ADDRESSES);
}

static void take_addresses(struct vx_cf *cf, const json_t *root)
{
	const json_t *list = json_object_get(root, "result");
	const size_t n = json_array_size(list);
	const uint64_t pages = vx_cf_number(
	    json_object_get(root, "result_info"), "total_pages", UINT32_MAX, 0);

	cf->backup.address = VX_CF_ADDRESS_ABSENT;
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(list, i);

		if (!same_address(vx_cf_text(item, "email"), cf->address))
			continue;
		cf->backup.address = vx_cf_text(item, "verified")[0] != '\0'
					 ? VX_CF_ADDRESS_CONFIRMED
					 : VX_CF_ADDRESS_UNCONFIRMED;
		begin(cf);
		return;
	}
	if (n > 0 && (pages > 0 ? cf->page < pages : n >= VX_CF_ADDRESSES_PER_PAGE) &&
	    cf->page < VX_CF_PAGES_MAX) {
		cf->page++;
		vx_cf_go(cf, VX_CF_STEP_BACKUP_ADDRESSES);
		return;
	}
	begin(cf);
}

void vx_cf_backup_take(struct vx_cf *cf, const json_t *root)
{
	const json_t *result = json_object_get(root, "result");

	if (cf->step == VX_CF_STEP_BACKUP_ROUTING)
		take_routing(cf, result);
	else if (cf->step == VX_CF_STEP_BACKUP_RULE)
		take_rule(cf, result);
	else if (cf->step == VX_CF_STEP_BACKUP_ADDRESSES)
		take_addresses(cf, root);
	else
		go_on(cf);
}

bool vx_cf_backup_forgive(struct vx_cf *cf, const struct vx_cf_error *e)
{
	const bool there = vx_cf_error_says(e, "already exists") ||
			   vx_cf_error_says(e, "already enabled") ||
			   vx_cf_error_says(e, "not enabled");

	/* where Email Routing was never on there is no rule */
	if (cf->step == VX_CF_STEP_BACKUP_RULE && e->outcome == VX_CF_NO_ZONE) {
		take_rule(cf, NULL);
		return true;
	}
	/* the answer to the first try was lost: it is done */
	if (there && (cf->step == VX_CF_STEP_BACKUP_ADDRESS_ADD ||
			 cf->step == VX_CF_STEP_BACKUP_ENABLE ||
			 cf->step == VX_CF_STEP_BACKUP_DISABLE)) {
		go_on(cf);
		return true;
	}
	return false;
}

/* --- tasks ---------------------------------------------------------------------------
 */

void vx_cf_backup_go(struct vx_cf *cf)
{
	char text[VX_CF_TEXT_MAX + 1];

	if (cf->address[0] != '\0' && strcmp(cf->name, cf->zone.name) != 0) {
		(void)snprintf(text, sizeof(text),
		    "Email Routing's catch-all is of a whole zone: it can be the backup "
		    "of %.100s, while below it there is only one rule for each address, "
		    "which is no backup of a domain: name another server "
		    "(--backup-mx HOST), or set it up there and leave --backup-to out",
		    cf->zone.name);
		vx_cf_finish(cf, VX_CF_INVALID, text);
	} else if (cf->zone.account[0] == '\0' && cf->address[0] != '\0') {
		vx_cf_finish(cf, VX_CF_STRANGE, "the zone has no account");
	} else {
		vx_cf_go(cf, VX_CF_STEP_BACKUP_ROUTING);
	}
}

/* An address as it may stand in JSON, with its '@' inside. */
bool vx_cf_address_ok(const char *address)
{
	const vx_slice s = vx_slice_str(address);
	const size_t at = vx_slice_rfind(s, '@');

	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
			return false;
	return s.len <= VX_CF_ADDRESS_MAX && at > 0 && at + 1 < s.len;
}
