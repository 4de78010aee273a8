/* Steps: each is one request, what its answer is taken for, and what comes next. */
#include "cloudflare/client.h"

#include "base/chars.h"

#include <stdio.h>
#include <time.h>

/* The steps of backup.c, all of them. */
#define BACKUP_STEPS                                                                     \
	case VX_CF_STEP_BACKUP_ROUTING:                                                  \
	case VX_CF_STEP_BACKUP_RULE:                                                     \
	case VX_CF_STEP_BACKUP_ADDRESSES:                                                \
	case VX_CF_STEP_BACKUP_ADDRESS_ADD:                                              \
	case VX_CF_STEP_BACKUP_RULE_SET:                                                 \
	case VX_CF_STEP_BACKUP_RULE_END:                                                 \
	case VX_CF_STEP_BACKUP_ENABLE:                                                   \
	case VX_CF_STEP_BACKUP_UNLOCK:                                                   \
	case VX_CF_STEP_BACKUP_DISABLE

/* --- requests ------------------------------------------------------------------------
 */

static void add_encoded(struct vx_buf *url, vx_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (vx_is(text.ptr[i], VX_C_ALPHA | VX_C_DIGIT) ||
		    strchr("-._~", text.ptr[i]) != NULL)
			vx_buf_add_char(url, text.ptr[i]);
		else
			vx_buf_printf(
			    url, "%%%02X", (unsigned)(unsigned char)text.ptr[i]);
}

static int add_octets(const char *octets, size_t len, void *body)
{
	vx_buf_add(body, vx_slice_of(octets, len));
	return 0;
}

int vx_cf_set_body(struct vx_cf *cf, const char *method, json_t *json)
{
	const int rc = json_dump_callback(json, add_octets, &cf->body, JSON_COMPACT);

	json_decref(json);
	cf->method = method;
	return rc == 0 ? VX_OK : VX_ENOMEM;
}

static int prepare_zone(struct vx_cf *cf)
{
	vx_buf_add_str(&cf->url, "/zones?name=");
	add_encoded(&cf->url, cf->candidate);
	vx_buf_add_str(&cf->url, "&per_page=50");
	return VX_OK;
}

static int prepare_list(struct vx_cf *cf)
{
	vx_buf_printf(&cf->url, "/zones/%s/dns_records?per_page=%u&page=%u", cf->zone.id,
	    cf->per_page, cf->page);
	return VX_OK;
}

static int prepare_txt_add(struct vx_cf *cf)
{
	const struct vx_zone_record r = { .name = cf->name,
		.type = "TXT",
		.content = cf->value.ptr,
		.comment = VX_ZONE_MARK "acme",
		.ttl = VX_CF_CHALLENGE_TTL };

	vx_buf_printf(&cf->url, "/zones/%s/dns_records", cf->zone.id);
	return vx_cf_set_body(cf, "POST", vx_cf_record_write(&r, true));
}

static int prepare_txt_list(struct vx_cf *cf)
{
	vx_buf_printf(
	    &cf->url, "/zones/%s/dns_records?type=TXT&per_page=100&name=", cf->zone.id);
	add_encoded(&cf->url, vx_slice_str(cf->name));
	return VX_OK;
}

/* Which part of a batch a change belongs to. */
static const char *part_of(const struct vx_zone_change *c)
{
	switch (c->verb) {
	case VX_ZONE_REMOVE:
		return "deletes";
	case VX_ZONE_CHANGE:
	case VX_ZONE_MERGE:
		return "patches";
	case VX_ZONE_ADD:
		return "posts";
	case VX_ZONE_KEEP:
	case VX_ZONE_LEAVE:
	case VX_ZONE_CLASH:
		break;
	}
	return NULL;
}

static json_t *operation(const struct vx_zone_change *c)
{
	json_t *j = c->verb == VX_ZONE_REMOVE
			? json_object()
			: vx_cf_record_write(&c->to, c->verb != VX_ZONE_MERGE);

	if (c->verb != VX_ZONE_ADD)
		(void)json_object_set_new(j, "id", json_string(c->have->id));
	return j;
}

/* What has to be gone goes first, over all batches. */
static int prepare_batch(struct vx_cf *cf)
{
	static const char *const parts[] = { "deletes", "patches", "posts" };
	json_t *body = json_object();
	size_t count = 0;

	memset(cf->sending, 0, sizeof(cf->sending));
	for (size_t k = 0; k < 3; k++) {
		json_t *list = json_array();

		for (size_t i = 0; i < cf->diff->count && count < cf->batch_max; i++) {
			const struct vx_zone_change *c = &cf->diff->changes[i];
			const char *part = part_of(c);

			if (cf->sent[i] || part == NULL || strcmp(part, parts[k]) != 0)
				continue;
			(void)json_array_append_new(list, operation(c));
			cf->sending[i] = true;
			count++;
		}
		if (json_array_size(list) > 0)
			(void)json_object_set_new(body, parts[k], list);
		else
			json_decref(list);
	}
	vx_buf_printf(&cf->url, "/zones/%s/dns_records/batch", cf->zone.id);
	return vx_cf_set_body(cf, "POST", body);
}

static int prepare_of_zone(struct vx_cf *cf, const char *rest)
{
	vx_buf_printf(&cf->url, "/zones/%s%s", cf->zone.id, rest);
	return VX_OK;
}

int vx_cf_step_prepare(struct vx_cf *cf)
{
	switch (cf->step) {
	case VX_CF_STEP_VERIFY:
		vx_buf_add_str(&cf->url, "/user/tokens/verify");
		return VX_OK;
	case VX_CF_STEP_VERIFY_ACCOUNT:
		vx_buf_printf(&cf->url, "/accounts/%s/tokens/verify", cf->zone.account);
		return VX_OK;
	case VX_CF_STEP_ZONE:
		return prepare_zone(cf);
	case VX_CF_STEP_MAY_WRITE:
		(void)prepare_of_zone(cf, "/dns_records");
		return vx_cf_set_body(cf, "POST", json_object());
	case VX_CF_STEP_LIST:
		return prepare_list(cf);
	case VX_CF_STEP_EXPORT:
		return prepare_of_zone(cf, "/dns_records/export");
	case VX_CF_STEP_TXT_ADD:
		return prepare_txt_add(cf);
	case VX_CF_STEP_TXT_LIST:
		return prepare_txt_list(cf);
	case VX_CF_STEP_TXT_REMOVE:
		cf->method = "DELETE";
		vx_buf_printf(&cf->url, "/zones/%s/dns_records/%s", cf->zone.id,
		    cf->ids[cf->id_count - 1]);
		return VX_OK;
	case VX_CF_STEP_BATCH:
		return prepare_batch(cf);
	case VX_CF_STEP_ROUTING:
		return prepare_of_zone(cf, "/email/routing");
	case VX_CF_STEP_DNSSEC:
		return prepare_of_zone(cf, "/dnssec");
	case VX_CF_STEP_SETTINGS:
		return prepare_of_zone(cf, "/dns_settings");
	BACKUP_STEPS:
		return vx_cf_backup_prepare(cf);
	case VX_CF_STEP_NONE:
	case VX_CF_STEPS:
		break;
	}
	return VX_ESTATE;
}

const char *vx_cf_step_permission(enum vx_cf_step step)
{
	switch (step) {
	case VX_CF_STEP_LIST:
	case VX_CF_STEP_EXPORT:
	case VX_CF_STEP_TXT_LIST:
	case VX_CF_STEP_MAY_WRITE:
	case VX_CF_STEP_TXT_ADD:
	case VX_CF_STEP_TXT_REMOVE:
	case VX_CF_STEP_BATCH:
		return "Zone > DNS > Edit";
	case VX_CF_STEP_ROUTING:
		return "Zone > Email Routing Rules > Read";
	case VX_CF_STEP_DNSSEC:
	case VX_CF_STEP_SETTINGS:
		return "Zone > DNS > Read";
	BACKUP_STEPS:
		return vx_cf_backup_permission(step);
	case VX_CF_STEP_NONE:
	case VX_CF_STEP_VERIFY:
	case VX_CF_STEP_VERIFY_ACCOUNT:
	case VX_CF_STEP_ZONE:
	case VX_CF_STEPS:
		break;
	}
	return "Zone > Zone > Read";
}

/* --- answers: the zone ---------------------------------------------------------------
 */

/* What ends up in a URL is 32 hexadecimal digits, whatever the server says. */
static bool copy_id(const json_t *object, char out[33])
{
	const char *id = vx_cf_text(object, "id");
	const size_t len = strlen(id);

	for (size_t i = 0; i < len; i++)
		if (!vx_is(id[i], VX_C_ALPHA | VX_C_DIGIT) || i >= 32)
			return false;
	memcpy(out, id, len + 1);
	return len > 0;
}

static void copy_word(const json_t *object, const char *key, char *out, size_t size)
{
	out[0] = '\0';
	vx_cf_add_text(out, size, vx_cf_text(object, key));
}

static bool read_zone(struct vx_cf *cf, const json_t *item)
{
	struct vx_cf_zone z = { .name_server_count = 0 };
	const json_t *servers = json_object_get(item, "name_servers");

	if (vx_dns_name(vx_slice_str(vx_cf_text(item, "name")), z.name) != VX_OK ||
	    !vx_slice_eq(vx_slice_str(z.name), cf->candidate) || !copy_id(item, z.id))
		return false;
	if (!copy_id(json_object_get(item, "account"), z.account))
		z.account[0] = '\0';
	copy_word(item, "status", z.status, sizeof(z.status));
	copy_word(item, "type", z.type, sizeof(z.type));
	z.paused = json_is_true(json_object_get(item, "paused"));
	for (size_t i = 0;
	     i < json_array_size(servers) && z.name_server_count < VX_CF_NAME_SERVERS_MAX;
	     i++) {
		const char *host = json_string_value(json_array_get(servers, i));

		if (host != NULL && vx_dns_name(vx_slice_str(host),
					z.name_servers[z.name_server_count]) == VX_OK)
			z.name_server_count++;
	}
	cf->zone = z;
	cf->has_zone = true;
	cf->kept[cf->kept_next] = z;
	cf->kept_next = (cf->kept_next + 1) % VX_CF_ZONES_REMEMBERED;
	if (cf->kept_count < VX_CF_ZONES_REMEMBERED)
		cf->kept_count++;
	return true;
}

/* The next shorter name; one label alone is no zone of anybody's. */
static void take_zone(struct vx_cf *cf, const json_t *result)
{
	char text[VX_CF_TEXT_MAX + 1];

	for (size_t i = 0; i < json_array_size(result); i++)
		if (read_zone(cf, json_array_get(result, i))) {
			vx_cf_task_go(cf);
			return;
		}
	cf->candidate = vx_dns_parent(cf->candidate, 1);
	if (vx_dns_labels(cf->candidate) >= 2) {
		vx_cf_go(cf, VX_CF_STEP_ZONE);
		return;
	}
	(void)snprintf(text, sizeof(text),
	    "the token sees no zone for %.253s: it needs Zone > Zone > Read and Zone > "
	    "DNS > "
	    "Edit for it",
	    cf->name);
	vx_cf_finish(cf, VX_CF_NO_ZONE, text);
}

/* --- answers: the token --------------------------------------------------------------
 */

/* "2026-11-28T17:44:00Z" */
static int64_t read_time(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	return end == NULL ? 0 : (int64_t)timegm(&tm);
}

static void take_token(struct vx_cf *cf, const json_t *result)
{
	const char *status = vx_cf_text(result, "status");
	char text[100];

	if (strcmp(status, "active") != 0) {
		(void)snprintf(text, sizeof(text), "the token is %.30s",
		    *status != '\0' ? status : "of no known state");
		vx_cf_finish(cf, VX_CF_TOKEN, text);
		return;
	}
	cf->token_end = read_time(vx_cf_text(result, "expires_on"));
	cf->verified = true;
	vx_cf_go(
	    cf, cf->step == VX_CF_STEP_VERIFY ? VX_CF_STEP_ZONE : VX_CF_STEP_MAY_WRITE);
}

/* --- answers: lists ------------------------------------------------------------------
 */

/*
 * A record that moved to another page while we read is seen twice: it must not be taken
 * for two, of which one is too many.
 */
static bool seen(const struct vx_cf *cf, const char *id, size_t before)
{
	for (size_t i = 0; i < before; i++)
		if (strcmp(cf->records.records[i].id, id) == 0)
			return true;
	return false;
}

static int take_records(struct vx_cf *cf, const json_t *result)
{
	const size_t before = cf->records.count;
	int rc = VX_OK;

	for (size_t i = 0; i < json_array_size(result) && rc != VX_ELIMIT; i++) {
		const json_t *item = json_array_get(result, i);

		/* what is no record is not ours to judge */
		if (!seen(cf, vx_cf_text(item, "id"), before))
			rc = vx_cf_record_read(&cf->records, item);
	}
	return rc == VX_ELIMIT ? VX_ELIMIT : VX_OK;
}

static bool has_more(const struct vx_cf *cf, const json_t *root)
{
	const json_t *info = json_object_get(root, "result_info");
	const size_t n = json_array_size(json_object_get(root, "result"));
	const uint64_t pages = vx_cf_number(info, "total_pages", UINT32_MAX, 0);

	if (n == 0)
		return false;
	return json_is_object(info) && pages > 0 ? cf->page < pages : n >= cf->per_page;
}

static void begin_batches(struct vx_cf *cf)
{
	int rc;

	vx_zone_diff_done(cf->diff);
	rc = vx_zone_diff(cf->plan, &cf->records, cf->flags, cf->diff);
	cf->sent = vx_arena_array(&cf->diff->arena, cf->diff->count + 1, sizeof(bool));
	if (rc != VX_OK || cf->sent == NULL)
		vx_cf_finish(cf, VX_CF_TOO_MUCH, "there is too much to change");
	else if (cf->diff->work == 0)
		vx_cf_finish(cf, VX_CF_GOOD, "");
	else
		vx_cf_go(cf, VX_CF_STEP_BATCH);
}

static void take_list(struct vx_cf *cf, const json_t *root)
{
	const json_t *result = json_object_get(root, "result");

	if (!json_is_array(result)) {
		vx_cf_finish(cf, VX_CF_STRANGE, "the list of records is no list");
		return;
	}
	if (take_records(cf, result) != VX_OK ||
	    (has_more(cf, root) && cf->page >= VX_CF_PAGES_MAX)) {
		vx_cf_finish(cf, VX_CF_TOO_MUCH, "the zone has too many records");
	} else if (has_more(cf, root)) {
		cf->page++;
		vx_cf_go(cf, VX_CF_STEP_LIST);
	} else if (cf->task == VX_CF_TASK_APPLY) {
		begin_batches(cf);
	} else {
		vx_cf_finish(cf, VX_CF_GOOD, "");
	}
}

/* --- answers: challenges -------------------------------------------------------------
 */

static void remove_next(struct vx_cf *cf)
{
	if (cf->id_count == 0)
		vx_cf_finish(cf, VX_CF_GOOD, "");
	else
		vx_cf_go(cf, VX_CF_STEP_TXT_REMOVE);
}

static void take_txt_list(struct vx_cf *cf, const json_t *result)
{
	for (size_t i = 0; i < json_array_size(result); i++) {
		const json_t *item = json_array_get(result, i);
		struct vx_buf content = { .max = 5 * VX_ZONE_CONTENT_MAX };
		char name[VX_DNS_NAME_MAX + 1];

		/* filters are the server's: nothing is deleted because it came back */
		if (cf->id_count < VX_CF_CHALLENGES_MAX &&
		    strcmp(vx_cf_text(item, "type"), "TXT") == 0 &&
		    vx_dns_name(vx_slice_str(vx_cf_text(item, "name")), name) == VX_OK &&
		    strcmp(name, cf->name) == 0 &&
		    vx_zone_content("TXT", vx_slice_str(vx_cf_text(item, "content")),
			&content) == VX_OK &&
		    vx_slice_eq(vx_buf_slice(&content), vx_slice_str(cf->value.ptr)) &&
		    copy_id(item, cf->ids[cf->id_count]))
			cf->id_count++;
		vx_buf_done(&content);
	}
	remove_next(cf);
}

/* --- answers: changes ----------------------------------------------------------------
 */

static void take_batch(struct vx_cf *cf)
{
	size_t left = 0;

	for (size_t i = 0; i < cf->diff->count; i++) {
		const char *part = part_of(&cf->diff->changes[i]);

		if (part == NULL)
			continue;
		if (!cf->sending[i]) {
			left += !cf->sent[i];
			continue;
		}
		cf->sent[i] = true;
		if (part[0] == 'd')
			cf->done.removed++;
		else if (part[1] == 'a')
			cf->done.changed++;
		else
			cf->done.added++;
	}
	if (left > 0)
		vx_cf_go(cf, VX_CF_STEP_BATCH);
	else
		vx_cf_finish(cf, VX_CF_GOOD, "");
}

/* Somebody else was faster: look again, and do what is left. */
static bool turn(struct vx_cf *cf, const struct vx_cf_error *e)
{
	if (!vx_cf_error_has(e, 81044) && !vx_cf_error_has(e, 81057) &&
	    !vx_cf_error_has(e, 81058))
		return false;
	if (cf->turns++ >= VX_CF_TURNS_MAX)
		return false;
	vx_cf_task_go(cf);
	return true;
}

/* --- answers: the rest ---------------------------------------------------------------
 */

static void take_routing(struct vx_cf *cf, const json_t *result)
{
	if (json_is_object(result))
		cf->state.routing = json_is_true(json_object_get(result, "enabled"))
					? VX_CF_ROUTING_ON
					: VX_CF_ROUTING_OFF;
	copy_word(
	    result, "status", cf->state.routing_status, sizeof(cf->state.routing_status));
	vx_cf_go(cf, VX_CF_STEP_DNSSEC);
}

static void take_settings(struct vx_cf *cf, const json_t *result)
{
	const json_t *flatten = json_object_get(result, "flatten_all_cnames");

	cf->state.flatten_known = json_is_boolean(flatten);
	cf->state.flatten_all = json_is_true(flatten);
	vx_cf_finish(cf, VX_CF_GOOD, "");
}

void vx_cf_step_take(struct vx_cf *cf, const json_t *root, vx_slice body)
{
	const json_t *result = json_object_get(root, "result");

	switch (cf->step) {
	case VX_CF_STEP_VERIFY:
	case VX_CF_STEP_VERIFY_ACCOUNT:
		take_token(cf, result);
		break;
	case VX_CF_STEP_ZONE:
		take_zone(cf, result);
		break;
	case VX_CF_STEP_LIST:
		take_list(cf, root);
		break;
	case VX_CF_STEP_EXPORT:
		vx_buf_add(&cf->exported, body);
		vx_cf_finish(cf, cf->exported.failed ? VX_CF_TOO_MUCH : VX_CF_GOOD, "");
		break;
	case VX_CF_STEP_TXT_LIST:
		take_txt_list(cf, result);
		break;
	case VX_CF_STEP_TXT_REMOVE:
		cf->id_count--;
		remove_next(cf);
		break;
	case VX_CF_STEP_BATCH:
		take_batch(cf);
		break;
	case VX_CF_STEP_ROUTING:
		take_routing(cf, result);
		break;
	case VX_CF_STEP_DNSSEC:
		copy_word(result, "status", cf->state.dnssec, sizeof(cf->state.dnssec));
		copy_word(result, "ds", cf->state.ds, sizeof(cf->state.ds));
		vx_cf_go(cf, VX_CF_STEP_SETTINGS);
		break;
	case VX_CF_STEP_SETTINGS:
		take_settings(cf, result);
		break;
	BACKUP_STEPS:
		vx_cf_backup_take(cf, root);
		break;
	case VX_CF_STEP_MAY_WRITE:
	case VX_CF_STEP_TXT_ADD:
	case VX_CF_STEP_NONE:
	case VX_CF_STEPS:
		vx_cf_finish(cf, VX_CF_GOOD, "");
		break;
	}
}

static bool is_about_token(enum vx_cf_outcome o)
{
	return o == VX_CF_TOKEN || o == VX_CF_FORBIDDEN;
}

bool vx_cf_step_forgive(struct vx_cf *cf, const struct vx_cf_error *e)
{
	switch (cf->step) {
	case VX_CF_STEP_VERIFY:
		/* a token of an account is not known here; but what is malformed is */
		if (vx_cf_error_has(e, 6003) || vx_cf_error_has(e, 9106))
			return false;
		vx_cf_go(cf, VX_CF_STEP_ZONE);
		return true;
	case VX_CF_STEP_VERIFY_ACCOUNT:
		/* it saw the zone: it is valid, until when may not be said */
		vx_cf_go(cf, VX_CF_STEP_MAY_WRITE);
		return true;
	case VX_CF_STEP_MAY_WRITE:
		/* it was looked at and found wrong: that is what we asked for */
		if (e->outcome != VX_CF_INVALID)
			return false;
		vx_cf_finish(cf, VX_CF_GOOD, "");
		return true;
	case VX_CF_STEP_TXT_ADD:
		if (!vx_cf_error_has(e, 81057) && !vx_cf_error_has(e, 81058))
			return false;
		vx_cf_finish(cf, VX_CF_GOOD, "");
		return true;
	case VX_CF_STEP_TXT_REMOVE:
		if (!vx_cf_error_has(e, 81044))
			return false;
		cf->id_count--;
		remove_next(cf);
		return true;
	case VX_CF_STEP_BATCH:
		return turn(cf, e);
	case VX_CF_STEP_ROUTING:
	case VX_CF_STEP_DNSSEC:
	case VX_CF_STEP_SETTINGS:
		if (!is_about_token(e->outcome) && e->outcome != VX_CF_NO_ZONE &&
		    e->outcome != VX_CF_INVALID)
			return false;
		if (cf->step == VX_CF_STEP_SETTINGS)
			vx_cf_finish(cf, VX_CF_GOOD, "");
		else
			vx_cf_go(cf, cf->step == VX_CF_STEP_ROUTING
					 ? VX_CF_STEP_DNSSEC
					 : VX_CF_STEP_SETTINGS);
		return true;
	BACKUP_STEPS:
		return vx_cf_backup_forgive(cf, e);
	case VX_CF_STEP_NONE:
	case VX_CF_STEP_ZONE:
	case VX_CF_STEP_LIST:
	case VX_CF_STEP_EXPORT:
	case VX_CF_STEP_TXT_LIST:
	case VX_CF_STEPS:
		break;
	}
	return false;
}
