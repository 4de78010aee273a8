/* config.yaml becomes a struct vx_config, or errors with their places. */
#include "vectis/config.h"

#include "base/fs.h"
#include "base/mem.h"
#include "config/keys.h"
#include "config/yaml.h"

#include <stdio.h>

struct owned {
	struct vx_config c; /* first: what callers see */
	struct vx_arena arena;
};

/* --- errors
 * ------------------------------------------------------------------------------ */

static void add_error(struct vx_config_errors *errors, const char *file, unsigned line,
    unsigned column, const char *text)
{
	struct vx_error *e;

	if (errors->count == VX_CONFIG_ERRORS_MAX)
		return;
	e = &errors->items[errors->count++];
	(void)vx_error_set(e, VX_EINVAL, "%s", text);
	vx_error_at(e, file, line, column);
}

static void unknown_key(
    struct vx_config_errors *errors, const char *file, const struct vx_yaml_value *v)
{
	const struct vx_key *near = vx_key_nearest(v->path);
	char text[300];

	if (near != NULL)
		(void)snprintf(text, sizeof(text), "there is no key %.100s; is %s meant?",
		    v->path, near->public.path);
	else
		(void)snprintf(text, sizeof(text), "there is no key %.100s", v->path);
	add_error(errors, file, v->line, v->column, text);
}

static void describe(const struct vx_yaml_value *v, const struct vx_key *k, int rc,
    char *text, size_t size)
{
	const char *path = k->public.path;

	if (v->kind == VX_YAML_NOTHING)
		(void)snprintf(text, size, "%s has no value", path);
	else if (vx_key_is_list(k) && rc == VX_ELIMIT)
		(void)snprintf(
		    text, size, "%s has more than %d items", path, VX_CONFIG_LIST_MAX);
	else if (k->type == VX_KEY_LISTEN)
		(void)snprintf(text, size,
		    "\"%.60s\" is no address:port, such as 192.0.2.1:25 or "
		    "[2001:db8::1]:25",
		    v->text.ptr);
	else if (k->type == VX_KEY_RESOLVERS)
		(void)snprintf(text, size,
		    "\"%.60s\" is no address of a resolver, such as 192.0.2.1 or "
		    "2001:db8::1@5353",
		    v->text.ptr);
	else if (k->type == VX_KEY_ADDRESSES)
		(void)snprintf(text, size,
		    "\"%.60s\" is no address, such as 192.0.2.1 or 2001:db8::1",
		    v->text.ptr);
	else if (k->type == VX_KEY_ZONES)
		(void)snprintf(text, size,
		    "\"%.60s\" is no zone with the address of its server, such as "
		    "\"corp.internal 192.0.2.1\"",
		    v->text.ptr);
	else if (k->type == VX_KEY_NETWORKS)
		(void)snprintf(text, size,
		    "\"%.60s\" is no network, such as 192.0.2.0/24 or 2001:db8::/32",
		    v->text.ptr);
	else if (k->type == VX_KEY_BLOCKLISTS)
		(void)snprintf(text, size,
		    "\"%.60s\" is no blocklist, such as \"zen.spamhaus.org\" or "
		    "\"bl.example 5 127.0.0.2-127.0.0.11\"",
		    v->text.ptr);
	else if (k->type == VX_KEY_NAMES)
		(void)snprintf(text, size,
		    "\"%.60s\" is no full host name in lower case, such as "
		    "imap.your-domain.net or *.your-domain.net",
		    v->text.ptr);
	else if (k->type == VX_KEY_CERTIFICATES)
		(void)snprintf(text, size,
		    "\"%.60s\" is no word of your own (not \"mail\") with host names "
		    "behind "
		    "it, such as \"shop mail.shop.net\"",
		    v->text.ptr);
	else if (k->type == VX_KEY_URLS)
		(void)snprintf(text, size,
		    "\"%.60s\" is no address that begins with https://", v->text.ptr);
	else if (v->kind != VX_YAML_SCALAR)
		(void)snprintf(text, size, "%s is %s, not a list", path,
		    k->type == VX_KEY_NUMBER ? "a number" : k->public.type);
	else if (k->type == VX_KEY_NUMBER)
		(void)snprintf(text, size,
		    "%s is a number from %llu to %llu, not \"%.60s\"", path,
		    (unsigned long long)k->min, (unsigned long long)k->max, v->text.ptr);
	else if (k->type == VX_KEY_HOST)
		(void)snprintf(text, size,
		    "%s is a full name, such as admin.your-domain.net, not \"%.60s\"",
		    path, v->text.ptr);
	else if (k->type == VX_KEY_HOSTNAME)
		(void)snprintf(text, size,
		    "hostname is the full name of this server, such as "
		    "mail.your-domain.net, "
		    "not \"%.60s\"",
		    v->text.ptr);
	else if (k->type == VX_KEY_PATH)
		(void)snprintf(text, size,
		    "%s is a path that begins with /, not \"%.60s\"", path, v->text.ptr);
	else if (k->type == VX_KEY_TEXT)
		(void)snprintf(text, size, "%s has a control character", path);
	else
		(void)snprintf(text, size, "%s is %s, not \"%.60s\"", path,
		    k->public.type, v->text.ptr);
}

void vx_config_error_write(const struct vx_error *e, struct vx_buf *out)
{
	if (e->file[0] != '\0')
		vx_buf_printf(out, "%s:", e->file);
	if (e->line > 0)
		vx_buf_printf(out, "%u:%u:", e->line, e->column);
	vx_buf_printf(out, "%s%s", e->file[0] != '\0' ? " " : "", e->text);
}

/* --- loading
 * ------------------------------------------------------------------------------ */

static int apply_value(
    struct owned *o, const struct vx_key *k, const struct vx_yaml_value *v)
{
	const bool list = v->kind == VX_YAML_ITEM || v->kind == VX_YAML_NO_ITEMS;

	if (v->kind == VX_YAML_NOTHING || (list && !vx_key_is_list(k)))
		return v->first ? VX_EINVAL : VX_OK; /* said once for a list */
	/* what is given replaces the standard list */
	if (vx_key_is_list(k) && v->first)
		vx_key_clear_list(&o->c, k);
	return v->kind == VX_YAML_NO_ITEMS ? VX_OK
					   : vx_key_set(&o->c, k, v->text, &o->arena);
}

static void apply(struct owned *o, const struct vx_yaml_value *values, const char *file,
    struct vx_config_errors *errors)
{
	char text[VX_ERROR_TEXT_MAX];
	bool named = false;

	for (size_t i = 0; vx_key_at(i) != NULL; i++)
		if (vx_key_set_standard(&o->c, vx_key_at(i), &o->arena) != VX_OK) {
			add_error(errors, file, 0, 0, "out of memory");
			return;
		}
	for (const struct vx_yaml_value *v = values; v != NULL; v = v->next) {
		const vx_slice path = vx_slice_str(v->path);
		const struct vx_key *k = vx_key_find(path);
		int rc;

		if (k == NULL) {
			/* a group whose keys are all comments is fine */
			if (v->kind != VX_YAML_NOTHING || !vx_key_is_group(path))
				unknown_key(errors, file, v);
			continue;
		}
		named = named || k->type == VX_KEY_HOSTNAME;
		rc = apply_value(o, k, v);
		if (rc != VX_OK) {
			describe(v, k, rc, text, sizeof(text));
			add_error(errors, file, v->line, v->column, text);
		}
	}
	if (!named)
		add_error(errors, file, 0, 0,
		    "hostname is missing: the full name of this server");
	else if (o->c.hostname[0] != '\0' &&
		 strcmp(o->c.dns_admin_host, o->c.hostname) == 0)
		add_error(errors, file, 0, 0,
		    "dns.admin_host is hostname: what is proxied takes no mail");
}

/* What is allowed, and not what anybody should want: behind no error, so none is lost. */
static void warn(struct vx_config_errors *errors, const char *file,
    const struct vx_yaml_value *values, const struct vx_config *c)
{
	if (errors->count > 0 || c->tls_minimum >= VX_TLS_MINIMUM_1_2)
		return;
	for (; values != NULL; values = values->next)
		if (strcmp(values->path, "tls.minimum") == 0)
			add_error(errors, file, values->line, values->column,
			    "TLS before 1.2 is broken: whoever can change what is on "
			    "the way may read it; set 1.2 when the last old peer is "
			    "gone");
	errors->warnings = errors->count;
}

int vx_config_parse(vx_slice text, const char *file, struct vx_config **out,
    struct vx_config_errors *errors)
{
	struct owned *o;
	struct vx_yaml_value *values;
	int rc;

	memset(errors, 0, sizeof(*errors));
	o = vx_alloc(sizeof(*o));
	if (o == NULL)
		return VX_ENOMEM;
	vx_arena_init(&o->arena, 8 * VX_CONFIG_OCTETS_MAX);
	rc = vx_yaml_read(text, file, &o->arena, &values, &errors->items[0]);
	if (rc != VX_OK)
		errors->count = 1;
	else
		apply(o, values, file, errors);
	if (rc == VX_OK)
		warn(errors, file, values, &o->c);
	if (rc == VX_OK && errors->count > errors->warnings)
		rc = VX_EINVAL;
	if (rc == VX_OK)
		*out = &o->c;
	else
		vx_config_free(&o->c);
	return rc;
}

int vx_config_load(
    const char *path, struct vx_config **out, struct vx_config_errors *errors)
{
	struct vx_buf text = { .max = VX_CONFIG_OCTETS_MAX };
	int rc;

	memset(errors, 0, sizeof(*errors));
	rc = vx_fs_read(path, &text, &errors->items[0]);
	if (rc == VX_OK)
		rc = vx_config_parse(vx_buf_slice(&text), path, out, errors);
	else
		errors->count = 1;
	vx_buf_done(&text);
	return rc;
}

void vx_config_free(struct vx_config *c)
{
	struct owned *o = (struct owned *)c;

	if (o == NULL)
		return;
	vx_arena_done(&o->arena);
	vx_free(o);
}

const struct vx_config_key *vx_config_key_at(size_t index)
{
	const struct vx_key *k = vx_key_at(index);

	return k == NULL ? NULL : &k->public;
}
