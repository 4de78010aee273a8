/* domain dkim: the keys with which a domain's mail is signed. */
#include "vectisctl/dns.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROTATE_HOURS 48 /* until a new key signs: its record has to be seen first */

int ctl_dkim_record(vx_slice pem, struct vx_buf *out)
{
	struct vx_private_key *key;
	struct vx_error err;
	int rc = vx_private_key_read(pem, &key, &err);

	if (rc != VX_OK)
		return rc;
	vx_buf_printf(
	    out, "v=DKIM1; k=%s; p=", vx_key_type_name(vx_private_key_type(key)));
	rc = vx_private_key_public(key, out);
	vx_private_key_free(key);
	return rc == VX_OK && out->failed ? VX_ELIMIT : rc;
}

/* As it is written into a zone: strings of at most 255 octets (DNS-13). */
static void say_record(const struct ctl *c, const char *name, vx_slice text)
{
	struct vx_buf line = { .max = 4096 };

	for (; text.len > 0; text = vx_slice_from(text, 255)) {
		const vx_slice piece = vx_slice_head(text, 255);

		vx_buf_printf(&line, " \"%.*s\"", (int)piece.len, piece.ptr);
	}
	ctl_say(c, "  %s TXT%.*s", name, (int)line.len, line.len > 0 ? line.ptr : "");
	vx_buf_done(&line);
}

static const char *state_of(const struct vx_dkim_key *k, uint64_t now)
{
	return vx_dkim_key_signs(k, now) ? "signs" : now < k->from ? "waits" : "retired";
}

static void when(uint64_t s, char out[32])
{
	const time_t t = (time_t)s;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M", &tm) == 0)
		out[0] = '\0';
}

static void say_state(const struct ctl *c, const struct vx_dkim_key *k, uint64_t now)
{
	char from[32], until[32];

	when(k->from, from);
	when(k->until, until);
	if (now < k->from)
		ctl_say(c, "%.*s: signs from %s on; publish it before",
		    (int)k->selector.len, k->selector.ptr, from);
	else if (k->until == 0)
		ctl_say(c, "%.*s: signs", (int)k->selector.len, k->selector.ptr);
	else if (now < k->until)
		ctl_say(c, "%.*s: signs until %s", (int)k->selector.len, k->selector.ptr,
		    until);
	else
		ctl_say(c, "%.*s: retired since %s; keep its record for %d days",
		    (int)k->selector.len, k->selector.ptr, until, CTL_DKIM_KEEP_DAYS);
}

int ctl_dkim_list(struct ctl *c, const char *domain)
{
	const uint64_t now = (uint64_t)time(NULL);
	char selector[VX_DKIM_SELECTOR_MAX + 1] = "", name[400];
	json_t *list = json_array();
	struct vx_dkim_key k;
	struct vx_view *v = NULL;
	int rc = vx_view_begin(c->store, &v);

	while (rc == VX_OK && (rc = vx_dkim_key_next(v, vx_slice_str(domain),
				   vx_slice_str(selector), &k)) == VX_OK) {
		struct vx_buf text = { .max = 4096 };
		json_t *j = json_object();

		(void)snprintf(selector, sizeof(selector), "%.*s", (int)k.selector.len,
		    k.selector.ptr);
		(void)snprintf(name, sizeof(name), "%s._domainkey.%s.", selector, domain);
		if (ctl_dkim_record(k.pem, &text) != VX_OK)
			vx_buf_reset(&text);
		say_state(c, &k, now);
		say_record(c, name, vx_buf_slice(&text));
		(void)json_object_set_new(j, "selector", json_string(selector));
		(void)json_object_set_new(j, "state", json_string(state_of(&k, now)));
		(void)json_object_set_new(j, "from", json_integer((json_int_t)k.from));
		(void)json_object_set_new(j, "until", json_integer((json_int_t)k.until));
		(void)json_object_set_new(j, "name", json_string(name));
		(void)json_object_set_new(j, "type", json_string("TXT"));
		(void)json_object_set_new(j, "value", ctl_text(vx_buf_slice(&text)));
		(void)json_array_append_new(list, j);
		vx_buf_done(&text);
	}
	if (v != NULL)
		vx_view_end(v);
	(void)json_object_set_new(c->result, "dkim", list);
	return rc == VX_ENOENT ? CTL_OK : ctl_fail(c, CTL_FAILED, "%s", vx_strerror(rc));
}

/* --- commands ------------------------------------------------------------------------
 */

static int domain_dkim(struct ctl *c)
{
	const int status = ctl_find_domain(c, c->args[0]);

	return status == CTL_OK ? ctl_dkim_list(c, c->args[0]) : status;
}

static int domain_rotate(struct ctl *c)
{
	const char *hours = ctl_option(c, "--hours");
	struct ctl_dns d = { .writes = true };
	uint64_t n = 0;
	int status = ctl_dns_open_keys(c, &d);

	if (status == CTL_OK)
		status = ctl_find_domain(c, c->args[0]);
	if (status == CTL_OK && hours != NULL &&
	    vx_slice_number(vx_slice_str(hours), 24u * 60, &n) != VX_OK)
		status = ctl_fail(c, CTL_USAGE,
		    "--hours is a number from 0 to 1440, not \"%s\"", hours);
	if (status == CTL_OK)
		status = ctl_dkim_rotate(
		    c, &d, c->args[0], hours != NULL ? &n : NULL, ROTATE_HOURS);
	ctl_dns_close(&d);
	return status == CTL_OK ? ctl_dkim_list(c, c->args[0]) : status;
}

/* The old ones are in wrong hands: nothing is signed with them from now on. */
static int domain_regenerate(struct ctl *c)
{
	int status = ctl_find_domain(c, c->args[0]);

	if (status == CTL_OK && !ctl_flag(c, "--confirm"))
		status = ctl_fail(c, CTL_USAGE,
		    "mail under way with the old signatures will not pass once their "
		    "records are gone: add --confirm");
	if (status == CTL_OK)
		status = ctl_dkim_regenerate(c, c->args[0]);
	if (status == CTL_OK)
		ctl_say(c, "take the records of the old keys out of the DNS now");
	return status == CTL_OK ? ctl_dkim_list(c, c->args[0]) : status;
}

static int domain_dkim_remove(struct ctl *c)
{
	struct vx_dkim_key_op op;
	int rc;

	vx_dkim_key_op_init(&op, VX_DKIM_KEY_REMOVE);
	op.key.domain = vx_slice_str(c->args[0]);
	op.key.selector = vx_slice_str(c->args[1]);
	rc = vx_store_run(c->store, &op.op);
	if (rc == VX_ENOENT)
		return ctl_fail(
		    c, CTL_FAILED, "%s has no key %s", c->args[0], c->args[1]);
	return ctl_done(c, rc, "key removed", c->args[1]);
}

const struct ctl_command ctl_dkim_commands[] = {
	{ "domain", "dkim", domain_dkim, NEEDS_STORE_READ, 1, 1, "DOMAIN",
	    "its DKIM keys and their records" },
	{ "domain", "dkim-rotate", domain_rotate, NEEDS_CONFIG, 1, 1,
	    "DOMAIN [--hours N]", "new DKIM keys, which sign after N hours (48)" },
	{ "domain", "dkim-regenerate", domain_regenerate, NEEDS_STORE, 1, 1,
	    "DOMAIN --confirm", "new DKIM keys at once, for old ones in wrong hands" },
	{ "domain", "dkim-remove", domain_dkim_remove, NEEDS_STORE, 2, 2,
	    "DOMAIN SELECTOR", "forget a retired DKIM key" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
