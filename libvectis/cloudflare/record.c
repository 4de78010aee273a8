/* Records as Cloudflare's JSON has them (features DNS-12, -13). */
#include "cloudflare/client.h"

#include <stdio.h>

const char *vx_cf_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

uint64_t vx_cf_number(const json_t *object, const char *key, uint64_t max, uint64_t other)
{
	const json_t *value = json_object_get(object, key);
	double n;

	if (!json_is_number(value))
		return other;
	n = json_number_value(value);
	/* 10.0 is 10, 10.5 is nothing */
	if (!(n >= 0 && n <= (double)max) || (double)(uint64_t)n < n)
		return other;
	return (uint64_t)n;
}

/* --- writing -------------------------------------------------------------------------
 */

/* Fields are separated by one blank each: that is the form of content. */
static void split(const char *content, vx_slice *fields, size_t count)
{
	vx_slice rest = vx_slice_str(content);

	for (size_t i = 0; i + 1 < count; i++)
		(void)vx_slice_cut(&rest, ' ', &fields[i]);
	fields[count - 1] = rest;
}

static json_t *number(vx_slice text)
{
	uint64_t n = 0;

	(void)vx_slice_number(text, 65535, &n);
	return json_integer((json_int_t)n);
}

static json_t *text_of(vx_slice s)
{
	return json_stringn(s.len == 0 ? "" : s.ptr, s.len);
}

/* The value of CAA without its quotes. */
static json_t *unquoted(vx_slice s)
{
	struct vx_buf plain = { .max = VX_ZONE_CONTENT_MAX };
	json_t *value;

	s = s.len < 2 ? s : vx_slice_of(s.ptr + 1, s.len - 2);
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\\' && i + 1 < s.len)
			i++;
		vx_buf_add_char(&plain, s.ptr[i]);
	}
	value = plain.failed ? NULL : text_of(vx_buf_slice(&plain));
	vx_buf_done(&plain);
	return value;
}

static json_t *data_of(const struct vx_zone_record *r)
{
	json_t *data = json_object();
	vx_slice f[4];

	if (strcmp(r->type, "SRV") == 0) {
		split(r->content, f, 4);
		(void)json_object_set_new(data, "priority", number(f[0]));
		(void)json_object_set_new(data, "weight", number(f[1]));
		(void)json_object_set_new(data, "port", number(f[2]));
		(void)json_object_set_new(data, "target", text_of(f[3]));
	} else if (strcmp(r->type, "CAA") == 0) {
		split(r->content, f, 3);
		(void)json_object_set_new(data, "flags", number(f[0]));
		(void)json_object_set_new(data, "tag", text_of(f[1]));
		(void)json_object_set_new(data, "value", unquoted(f[2]));
	} else {
		split(r->content, f, 4);
		(void)json_object_set_new(data, "usage", number(f[0]));
		(void)json_object_set_new(data, "selector", number(f[1]));
		(void)json_object_set_new(data, "matching_type", number(f[2]));
		(void)json_object_set_new(data, "certificate", text_of(f[3]));
	}
	return data;
}

/* TXT in quotes: only then is it split as we want it. */
static json_t *quoted(const struct vx_zone_record *r)
{
	struct vx_buf text = { .max = 5 * VX_ZONE_CONTENT_MAX };
	json_t *value;

	vx_zone_write_content(r, &text);
	value = text.failed ? NULL : text_of(vx_buf_slice(&text));
	vx_buf_done(&text);
	return value;
}

static bool has_data(const char *type)
{
	return strcmp(type, "SRV") == 0 || strcmp(type, "CAA") == 0 ||
	       strcmp(type, "TLSA") == 0;
}

json_t *vx_cf_record_write(const struct vx_zone_record *r, bool with_comment)
{
	json_t *j = json_object();
	vx_slice f[2];

	(void)json_object_set_new(j, "type", json_string(r->type));
	(void)json_object_set_new(j, "name", json_string(r->name));
	/* 1 is "automatic" */
	(void)json_object_set_new(j, "ttl", json_integer(r->ttl == 0 ? 1 : r->ttl));
	if (with_comment)
		(void)json_object_set_new(j, "comment", json_string(r->comment));
	if (has_data(r->type)) {
		(void)json_object_set_new(j, "data", data_of(r));
	} else if (strcmp(r->type, "MX") == 0) {
		split(r->content, f, 2);
		(void)json_object_set_new(j, "priority", number(f[0]));
		(void)json_object_set_new(j, "content", text_of(f[1]));
	} else if (strcmp(r->type, "TXT") == 0) {
		(void)json_object_set_new(j, "content", quoted(r));
	} else {
		(void)json_object_set_new(j, "content", json_string(r->content));
		(void)json_object_set_new(j, "proxied", json_boolean(r->proxied));
	}
	return j;
}

/* --- reading -------------------------------------------------------------------------
 */

/* What a type with several fields says, from data where it is there. */
static void read_data(const json_t *item, const char *type, struct vx_buf *out)
{
	const json_t *data = json_object_get(item, "data");
	const char *content = vx_cf_text(item, "content");

	if (strcmp(type, "MX") == 0) {
		vx_buf_printf(out, "%u %s",
		    (unsigned)vx_cf_number(item, "priority", 65535, 0), content);
	} else if (strcmp(type, "SRV") == 0 && json_is_object(data)) {
		vx_buf_printf(out, "%u %u %u %s",
		    (unsigned)vx_cf_number(data, "priority", 65535, 0),
		    (unsigned)vx_cf_number(data, "weight", 65535, 0),
		    (unsigned)vx_cf_number(data, "port", 65535, 0),
		    vx_cf_text(data, "target"));
	} else if (strcmp(type, "TLSA") == 0 && json_is_object(data)) {
		vx_buf_printf(out, "%u %u %u %s",
		    (unsigned)vx_cf_number(data, "usage", 255, 0),
		    (unsigned)vx_cf_number(data, "selector", 255, 0),
		    (unsigned)vx_cf_number(data, "matching_type", 255, 0),
		    vx_cf_text(data, "certificate"));
	} else if (strcmp(type, "CAA") == 0 && json_is_object(data)) {
		vx_buf_printf(out, "%u %s \"",
		    (unsigned)vx_cf_number(data, "flags", 255, 0),
		    vx_cf_text(data, "tag"));
		for (const char *c = vx_cf_text(data, "value"); *c != '\0'; c++) {
			if (*c == '"' || *c == '\\')
				vx_buf_add_char(out, '\\');
			vx_buf_add_char(out, *c);
		}
		vx_buf_add_char(out, '"');
	} else {
		vx_buf_add_str(out, content);
	}
}

/*
 * Email Routing's records cannot be changed by what changes others, until they are
 * unlocked; they are still its own then.
 */
static bool is_locked(const json_t *item)
{
	const json_t *meta = json_object_get(item, "meta");
	const json_t *read_only = json_object_get(meta, "read_only");

	return json_is_true(json_object_get(item, "locked")) || json_is_true(read_only) ||
	       (read_only == NULL &&
		   json_is_true(json_object_get(meta, "email_routing")));
}

int vx_cf_record_read(struct vx_zone *z, const json_t *item)
{
	struct vx_buf content = { .max = 5 * VX_ZONE_CONTENT_MAX };
	struct vx_zone_record r = { .name = vx_cf_text(item, "name"),
		.type = vx_cf_text(item, "type"),
		.comment = vx_cf_text(item, "comment"),
		.id = vx_cf_text(item, "id") };
	int rc;

	if (*r.name == '\0' || *r.type == '\0' || strlen(r.id) > 32 || *r.id == '\0' ||
	    strlen(r.type) > 16)
		return VX_ESYNTAX;
	r.ttl = (uint32_t)vx_cf_number(item, "ttl", INT32_MAX, 0);
	if (r.ttl == 1)
		r.ttl = 0;
	r.proxied = json_is_true(json_object_get(item, "proxied"));
	r.locked = is_locked(item);
	read_data(item, r.type, &content);
	if (content.failed) {
		vx_buf_done(&content);
		return VX_ESYNTAX;
	}
	vx_buf_add_char(&content, '\0');
	r.content = content.failed ? "" : content.ptr;
	rc = vx_zone_add(z, &r);
	vx_buf_done(&content);
	return rc == VX_EINVAL ? VX_ESYNTAX : rc;
}
