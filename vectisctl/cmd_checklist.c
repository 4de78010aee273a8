/* dns checklist: what has to be set at Cloudflare, and whether it is (DNS-40). */
#include "vectisctl/check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ALL_MS 9300

static void gather(struct checking *k)
{
	k->f = (struct vx_diag_facts){ .struct_size = sizeof(k->f),
		.now = (int64_t)time(NULL),
		.provider_only = true,
		.domain = k->d.domain,
		.hostname = k->c->config->hostname,
		.addresses = k->d.addresses,
		.address_count = k->d.address_count,
		.backup = (k->d.flags & VX_DOMAIN_BACKUP_CLOUDFLARE) != 0 };
	if (k->f.backup && k->d.backup[0] != '\0')
		k->f.backup_to = k->d.backup;
	if ((k->d.flags & VX_DOMAIN_BACKUP_HOST) != 0)
		k->f.backup_host = k->d.backup;
	ctl_check_cloudflare(k);
}

static void say(struct ctl *c, const struct vx_diag_setting *s, json_t *list)
{
	json_t *j = json_object();

	(void)json_object_set_new(j, "name", json_string(s->name));
	(void)json_object_set_new(j, "title", json_string(s->title));
	(void)json_object_set_new(j, "state", json_string(vx_diag_set_name(s->state)));
	(void)json_object_set_new(j, "seen", ctl_text(vx_slice_str(s->seen)));
	(void)json_object_set_new(j, "set", ctl_text(vx_slice_str(s->set)));
	(void)json_object_set_new(j, "where", json_string(s->where));
	(void)json_array_append_new(list, j);
	if (s->state == VX_DIAG_SET_UNKNOWN)
		return;
	ctl_say(c, "%-3s  %s (%s): %s", vx_diag_set_name(s->state), s->title, s->name,
	    s->seen);
	if (s->state == VX_DIAG_SET_WRONG)
		ctl_say(c, "     set:   %s\n     where: %s", s->set, s->where);
}

/* At the end, where to look; without a token it is needless to say why of each. */
static void say_unknown(struct checking *k, const struct vx_diag_setting *all)
{
	for (size_t i = 0; i < VX_DIAG_SETTINGS; i++)
		if (all[i].state == VX_DIAG_SET_UNKNOWN)
			ctl_say(k->c, "?    %s (%s): look at %s%s%s", all[i].title,
			    all[i].name, all[i].where, k->f.has_token ? "; " : "",
			    k->f.has_token ? all[i].seen : "");
	if (!k->f.has_token)
		ctl_say(k->c,
		    "\nWith cloudflare.api_token in secrets.yaml more would be known.");
}

static int look(struct checking *k)
{
	static struct vx_diag_setting all[VX_DIAG_SETTINGS];
	struct vx_diag *d = NULL;
	json_t *list;
	size_t wrong = 0;
	int rc;

	gather(k);
	rc = vx_diag_new(&k->f, &d);
	if (rc != VX_OK)
		return ctl_fail(k->c, CTL_FAILED, "%s", vx_strerror(rc));
	ctl_check_ask(k->d.once, d, k->end_ms);
	vx_diag_run(d);
	vx_diag_checklist(d, all);
	list = json_array();
	for (size_t i = 0; i < VX_DIAG_SETTINGS; i++) {
		wrong += all[i].state == VX_DIAG_SET_WRONG;
		say(k->c, &all[i], list);
	}
	say_unknown(k, all);
	(void)json_object_set_new(k->c->result, "token", json_boolean(k->f.has_token));
	(void)json_object_set_new(k->c->result, "settings", list);
	(void)json_object_set_new(k->c->result, "wrong", json_integer((json_int_t)wrong));
	vx_diag_free(d);
	return CTL_OK;
}

static int dns_checklist(struct ctl *c)
{
	static struct checking k;
	int status;

	k.c = c;
	k.d.tolerant = true;
	k.end_ms = ctl_dns_now_ms() + ALL_MS;
	status = ctl_dns_open(c, &k.d);
	if (status == CTL_OK)
		status = look(&k);
	ctl_dns_close(&k.d);
	return status;
}

const struct ctl_command ctl_checklist_commands[] = {
	{ "dns", "checklist", dns_checklist, NEEDS_CONFIG | TAKES_NAME, 1, 1, "DOMAIN",
	    "what has to be set at Cloudflare, where, and whether it is" },
	{ NULL, NULL, NULL, 0, 0, 0, NULL, NULL },
};
