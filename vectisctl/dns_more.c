/* What a plan has beside records: Email Routing, policies, proxies, DNSSEC. */
#include "vectisctl/dns.h"

#include <stdio.h>
#include <string.h>

#define ASK_MS 5000

/* --- records --------------------------------------------------------------------------
 */

json_t *ctl_dns_record(const struct vx_zone_record *r)
{
	struct vx_buf value = { .max = 5 * VX_ZONE_CONTENT_MAX };
	json_t *j = json_object();

	vx_zone_write_content(r, &value);
	(void)json_object_set_new(j, "name", ctl_text(vx_slice_str(r->name)));
	(void)json_object_set_new(j, "type", ctl_text(vx_slice_str(r->type)));
	(void)json_object_set_new(j, "value", ctl_text(vx_slice_str(r->content)));
	(void)json_object_set_new(j, "zone_value", ctl_text(vx_buf_slice(&value)));
	(void)json_object_set_new(
	    j, "ttl", r->ttl != 0 ? json_integer((json_int_t)r->ttl) : json_null());
	if (r->proxied)
		(void)json_object_set_new(j, "proxied", json_true());
	vx_buf_done(&value);
	return j;
}

void ctl_dns_say_record(
    struct ctl *c, const char *before, const struct vx_zone_record *r, const char *after)
{
	struct vx_buf value = { .max = 5 * VX_ZONE_CONTENT_MAX };
	char ttl[16] = "";

	vx_zone_write_content(r, &value);
	vx_buf_add_char(&value, '\0');
	if (r->ttl != 0)
		(void)snprintf(ttl, sizeof(ttl), "%u ", (unsigned)r->ttl);
	ctl_say(c, "%s%s. %s%s %s%s%s%s", before, r->name, ttl, r->type,
	    value.failed ? "" : value.ptr, r->proxied ? " (proxied)" : "",
	    *after != '\0' ? "  ; " : "", after);
	vx_buf_done(&value);
}

/* --- MTA-STS --------------------------------------------------------------------------
 */

void ctl_dns_say_policy(struct ctl *c, const struct ctl_dns *d)
{
	vx_slice rest = vx_buf_slice(&d->policy), line;
	json_t *j;

	if (rest.len == 0)
		return;
	j = json_object();
	(void)json_object_set_new(j, "id", json_string(d->policy_id));
	(void)json_object_set_new(j, "policy", ctl_text(rest));
	(void)json_object_set_new(c->result, "mta_sts", j);
	ctl_say(c,
	    "\nTo be served at https://mta-sts.%s/.well-known/mta-sts.txt:", d->domain);
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		line = vx_slice_trim(line, "\r");
		ctl_say(c, "  %.*s", (int)line.len, line.ptr);
	}
}

/* --- proxies --------------------------------------------------------------------------
 */

/* The record with another target. */
static void propose(
    struct ctl *c, json_t *list, const struct vx_zone_tangle *t, const char *name)
{
	struct vx_zone_record r = *t->have;
	struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };

	vx_buf_add(&text, vx_slice_of(r.content, (size_t)(t->target - r.content)));
	vx_buf_add_str(&text, name);
	vx_buf_add_char(&text, '\0');
	r.content = text.failed ? "" : text.ptr;
	ctl_dns_say_record(c, "      ", &r, "");
	(void)json_array_append_new(list, ctl_dns_record(&r));
	vx_buf_done(&text);
}

/* The server's addresses under that name, in the open. */
static void propose_host(
    struct ctl *c, json_t *list, const struct ctl_dns *d, const char *name)
{
	for (size_t i = 0; i < d->address_count; i++) {
		const struct vx_zone_record r = { .name = name,
			.type = strchr(d->addresses[i], ':') != NULL ? "AAAA" : "A",
			.content = d->addresses[i],
			.comment = "",
			.id = "" };

		ctl_dns_say_record(c, "      ", &r, "DNS only");
		(void)json_array_append_new(list, ctl_dns_record(&r));
	}
}

static void say_tangle(struct ctl *c, const struct ctl_dns *d, json_t *all,
    const struct vx_zone_tangle *t, const char *name)
{
	json_t *j = json_object(), *list = json_array();

	ctl_dns_say_record(c, "  ", t->have,
	    t->substitute ? "Cloudflare's own name for a proxied host, copied"
			  : "proxied: others see a name of Cloudflare's in its place");
	(void)json_object_set_new(j, "have", ctl_dns_record(t->have));
	(void)json_object_set_new(j, "target", json_string(t->target));
	(void)json_object_set_new(j, "substitute", json_boolean(t->substitute));
	if (name != NULL) {
		ctl_say(c, "    take it out, or have instead:");
		propose_host(c, list, d, name);
		propose(c, list, t, name);
	}
	(void)json_object_set_new(j, "instead", list);
	(void)json_array_append_new(all, j);
}

void ctl_dns_say_tangles(struct ctl *c, const struct ctl_dns *d)
{
	struct vx_zone_tangle found[VX_ZONE_TANGLES_MAX];
	const struct vx_zone *have = vx_cf_records(d->cf);
	const size_t n = vx_zone_find_tangles(have, found);
	char name[VX_DNS_NAME_MAX + 1];
	json_t *all = json_array();
	const bool open = n > 0 && vx_zone_open_name(d->plan, have, name) == VX_OK;

	(void)json_object_set_new(c->result, "tangles", all);
	if (n == 0)
		return;
	ctl_say(c, "\nMail that is led to a proxy, where it cannot pass:");
	for (size_t i = 0; i < n; i++)
		say_tangle(c, d, all, &found[i], open ? name : NULL);
	if (open && strcmp(name, d->plan->hostname) != 0) {
		(void)json_object_set_new(c->result, "move_to", json_string(name));
		ctl_say(c,
		    "  %s is proxied itself: if that has to stay, give the server a name "
		    "of its own with \"vectisctl dns move %s\"",
		    d->plan->hostname, name);
	}
}

/* --- DNSSEC ---------------------------------------------------------------------------
 */

void ctl_dns_say_dnssec(struct ctl *c, struct ctl_dns *d)
{
	const struct vx_cf_state *s = vx_cf_state(d->cf);
	json_t *j = json_object();

	ctl_dns_try(d, vx_cf_ask_state(d->cf, d->domain));
	(void)json_object_set_new(
	    j, "provider", s->dnssec[0] != '\0' ? json_string(s->dnssec) : json_null());
	(void)json_object_set_new(j, "ds", json_string(s->ds));
	(void)json_object_set_new(j, "host_validates", json_boolean(d->secure));
	(void)json_object_set_new(c->result, "dnssec", j);
	ctl_say(c, "\nDNSSEC: %s at Cloudflare; %s %s",
	    s->dnssec[0] != '\0' ? s->dnssec : "not known", d->plan->hostname,
	    d->secure ? "is signed, and validates here"
		      : "is not signed, seen from here");
	if (strcmp(s->dnssec, "pending") == 0 && s->ds[0] != '\0')
		ctl_say(c, "  the registrar has to publish: %s", s->ds);
}

/* --- the backup -----------------------------------------------------------------------
 */

/* A server that cannot be found takes nothing, and in SPF it costs a lookup (DNS-22). */
void ctl_dns_check_backup(struct ctl *c, struct ctl_dns *d)
{
	struct vx_once_question q[2] = { 0 };
	struct vx_once_work w = { .questions = q, .question_count = 2, .ms_max = ASK_MS };
	bool answered = false, found = false;

	if (d->plan->backup != VX_ZONE_BACKUP_HOST ||
	    vx_dns_ask(VX_DNS_A, "", vx_slice_str(d->plan->backup_host),
		&q[0].question) != VX_OK ||
	    vx_dns_ask(VX_DNS_AAAA, "", vx_slice_str(d->plan->backup_host),
		&q[1].question) != VX_OK ||
	    vx_once_do(d->once, &w) != VX_OK)
		return;
	for (size_t i = 0; i < 2; i++) {
		if (q[i].answer != NULL && vx_dns_answered(q[i].answer)) {
			answered = true;
			found = found || q[i].answer->count > 0;
		}
		vx_dns_answer_free(q[i].answer);
	}
	if (!answered)
		ctl_warn(c, "the addresses of the backup %s cannot be asked for",
		    d->plan->backup_host);
	else if (!found)
		ctl_warn(c, "the backup %s has no address: no mail goes there",
		    d->plan->backup_host);
	if ((d->flags & VX_DOMAIN_NO_INCOMING) != 0)
		ctl_warn(c,
		    "%s takes no mail from others: what its backup takes has nowhere to "
		    "go",
		    d->domain);
}

static bool has_routing(const struct ctl_dns *d)
{
	const struct vx_zone *z = vx_cf_records(d->cf);

	for (size_t i = 0; i < z->count; i++)
		if (strcmp(z->records[i].type, "MX") == 0 &&
		    strcmp(z->records[i].name, d->domain) == 0 &&
		    vx_slice_has_suffix(
			vx_slice_str(z->records[i].content), VX_S(".mx.cloudflare.net")))
			return true;
	return false;
}

static void say_todo(struct ctl *c, const struct ctl_dns *d, enum vx_cf_todo t)
{
	const char *const to = d->backup_to != NULL ? d->backup_to : "";
	const struct vx_cf_backup *b = vx_cf_backup(d->cf);

	switch (t) {
	case VX_CF_DO_ADDRESS:
		ctl_say(c, "  + Email Routing: ask %s to agree", to);
		break;
	case VX_CF_DO_CONFIRM:
		ctl_say(c, "  ! Email Routing: %s has not agreed yet", to);
		break;
	case VX_CF_DO_CATCH_ALL:
		ctl_say(c, "  ~ Email Routing: lead all mail to %s", to);
		break;
	case VX_CF_DO_CLASH:
		ctl_say(c, "  ! Email Routing: all mail is led to %s, not from here",
		    b->catch_all_to[0] != '\0' ? b->catch_all_to : "something else");
		break;
	case VX_CF_DO_ENABLE:
		ctl_say(c, "  + Email Routing: switch it on");
		break;
	case VX_CF_DO_UNLOCK:
		ctl_say(c, "  ~ Email Routing: unlock its records, so that ours can be "
			   "beside them");
		break;
	case VX_CF_DO_DISABLE:
		ctl_say(c, "  - Email Routing: switch it off");
		break;
	case VX_CF_DO_CATCH_ALL_OFF:
		ctl_say(c, "  - Email Routing: lead mail nowhere");
		break;
	}
}

void ctl_dns_say_backup(struct ctl *c, const struct ctl_dns *d)
{
	const struct vx_cf_backup *b = vx_cf_backup(d->cf);
	json_t *j, *list;

	if (!d->backup_asked)
		return;
	j = json_object();
	list = json_array();
	for (size_t i = 0; i < d->todo_count; i++) {
		say_todo(c, d, d->todo[i]);
		(void)json_array_append_new(
		    list, json_string(vx_cf_todo_name(d->todo[i])));
	}
	(void)json_object_set_new(j, "on", json_boolean(b->on));
	(void)json_object_set_new(j, "status", json_string(b->status));
	(void)json_object_set_new(
	    j, "to", d->backup_to != NULL ? json_string(d->backup_to) : json_null());
	(void)json_object_set_new(
	    j, "confirmed", json_boolean(b->address == VX_CF_ADDRESS_CONFIRMED));
	(void)json_object_set_new(j, "todo", list);
	(void)json_object_set_new(c->result, "email_routing", j);
	/* what Cloudflare's own pages say of it then */
	if (d->backup_to != NULL && strncmp(b->status, "misconfigured", 13) == 0)
		ctl_say(c,
		    "  Cloudflare calls Email Routing \"%s\" when another MX is "
		    "before it: that is what is wanted here",
		    b->status);
}

unsigned ctl_dns_unlocks(const struct ctl_dns *d)
{
	for (size_t i = 0; i < d->todo_count; i++)
		if (d->todo[i] == VX_CF_DO_UNLOCK)
			return VX_ZONE_UNLOCK;
	return 0;
}

int ctl_dns_ask_backup(struct ctl *c, struct ctl_dns *d, unsigned flags)
{
	const bool declared = (d->flags & VX_DOMAIN_BACKUP_CLOUDFLARE) != 0 &&
			      (flags & VX_ZONE_WITHDRAW) == 0;
	int begun;

	d->backup_to = declared && d->backup[0] != '\0' ? d->backup : NULL;
	d->backup_asked = d->backup_to != NULL || (!declared && has_routing(d));
	d->todo_count = 0;
	if (!d->backup_asked)
		return CTL_OK;
	begun = vx_cf_ask_backup(d->cf, d->domain, d->backup_to);
	if (d->backup_to != NULL) {
		const int status = ctl_dns_run(c, d, begun);

		if (status != CTL_OK)
			return status;
	} else {
		ctl_dns_try(d, begun);
		/* it was not set up with this token, then */
		d->backup_asked = vx_cf_result(d->cf)->outcome == VX_CF_GOOD;
		if (!d->backup_asked)
			return CTL_OK;
	}
	d->todo_count = vx_cf_backup_todo(
	    vx_cf_backup(d->cf), d->backup_to, (flags & VX_ZONE_TAKE) != 0, d->todo);
	return CTL_OK;
}

int ctl_dns_begin_backup(struct ctl *c, struct ctl_dns *d, bool take)
{
	if (d->todo_count == 0 || d->backup_to == NULL)
		return CTL_OK;
	return ctl_dns_run(c, d, vx_cf_set_backup(d->cf, d->domain, d->backup_to, take));
}

int ctl_dns_end_backup(struct ctl *c, struct ctl_dns *d)
{
	if (d->todo_count == 0 || d->backup_to != NULL)
		return CTL_OK;
	return ctl_dns_run(c, d, vx_cf_set_backup(d->cf, d->domain, NULL, false));
}
