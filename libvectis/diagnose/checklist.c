/* What has to be set at Cloudflare for mail, by what the checks have found (DNS-40). */
#include "diagnose/diagnose.h"

#include <stdio.h>

#define CHECKS_MAX 6

static const char *const states[] = { "yes", "no", "unknown" };

const char *vx_diag_set_name(enum vx_diag_set s)
{
	return (unsigned)s < sizeof(states) / sizeof(states[0]) ? states[s] : "?";
}

static const struct vx_diag_finding *find(const struct vx_diag *d, const char *name)
{
	for (size_t i = 0; i < d->finding_count; i++)
		if (strcmp(d->findings[i].name, name) == 0)
			return &d->findings[i];
	return NULL;
}

static void say(
    struct vx_diag_setting *s, enum vx_diag_set state, const char *seen, const char *set)
{
	s->state = state;
	(void)snprintf(s->seen, sizeof(s->seen), "%s", seen);
	(void)snprintf(s->set, sizeof(s->set), "%s", set);
}

/* --- settings that checks do not look at, or not alone -------------------------------
 */

/* The row tells who serves the zone, and for Cloudflare that it is so (INFO). */
static void provider(struct vx_diag *d, struct vx_diag_setting *s)
{
	const struct vx_diag_finding *f = find(d, "dns.provider");

	if (f != NULL && f->verdict == VX_DIAG_PASS)
		say(s, VX_DIAG_SET_WRONG, f->seen,
		    "at the registrar, the name servers that Cloudflare names; if others "
		    "shall serve the zone, nothing of this list matters");
}

/* It is on, and its MX are not there: that is no fault yet. */
static void routing(struct vx_diag *d, struct vx_diag_setting *s)
{
	if (s->state == VX_DIAG_SET_RIGHT && !d->f.backup && d->f.cloudflare != NULL &&
	    d->f.cloudflare->routing == VX_CF_ROUTING_ON)
		say(s, VX_DIAG_SET_WRONG, "it is on, and not declared as backup", "off");
}

static void unsigned_zone(struct vx_diag *d, struct vx_diag_setting *s)
{
	const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_MX, "", d->f.domain);

	if (!vx_diag_spoken(a))
		say(s, VX_DIAG_SET_UNKNOWN, "the name servers do not answer", "");
	else if (a->secure)
		say(s, VX_DIAG_SET_RIGHT, "the zone is signed, and validates here", "");
	else
		say(s, VX_DIAG_SET_WRONG, "the zone is not signed, seen from here",
		    "on, and at the registrar the DS record that it shows then: TLSA "
		    "records "
		    "only help in a signed zone");
}

static void dnssec(struct vx_diag *d, struct vx_diag_setting *s)
{
	const char *state = d->f.cloudflare != NULL ? d->f.cloudflare->dnssec : "";

	if (strcmp(state, "active") == 0) {
		say(s, VX_DIAG_SET_RIGHT, "it is active", "");
	} else if (strcmp(state, "pending") == 0) {
		say(s, VX_DIAG_SET_WRONG, "it is on, and the registrar does not know",
		    "");
		(void)snprintf(s->set, sizeof(s->set),
		    "at the registrar, the DS record%s%s",
		    d->f.cloudflare->ds[0] != '\0' ? ": " : "", d->f.cloudflare->ds);
	} else {
		unsigned_zone(d, s);
	}
}

/* What acts on what is proxied: nothing of mail is, or shall be. */
static void of_proxies(struct vx_diag_setting *s, const char *right)
{
	if (s->state == VX_DIAG_SET_RIGHT)
		say(s, s->state, right, "");
	else if (s->state == VX_DIAG_SET_WRONG)
		say(s, s->state, "it acts on the server's name, which is proxied",
		    "whatever you like, once the server's name is DNS only");
}

static void universal_ssl(struct vx_diag *d, struct vx_diag_setting *s)
{
	(void)d;
	of_proxies(s,
	    "does not matter: clients see the server's own certificate; the CAA "
	    "records that it adds to answers do no harm");
}

static void always_https(struct vx_diag *d, struct vx_diag_setting *s)
{
	(void)d;
	of_proxies(s,
	    "does not matter: nobody comes here by Cloudflare, and port 80 of the server "
	    "redirects by itself");
}

/* --- the list -------------------------------------------------------------------------
 */

static const struct {
	const char *name, *title, *where;
	/* the first that is known says what was found when nothing is wrong */
	const char *checks[CHECKS_MAX];
	void (*more)(struct vx_diag *d, struct vx_diag_setting *s);
} settings[VX_DIAG_SETTINGS] = {
	{ "provider", "Cloudflare serves the zone", "Overview", { "dns.provider" },
	    provider },
	{ "token", "the API token may change records", "My Profile > API Tokens",
	    { "cf.token" }, NULL },
	{ "proxied", "the mail host is DNS only", "DNS > Records > Proxy status",
	    { "cf.proxied", "cf.dc_record" }, NULL },
	{ "email_routing", "Email Routing is off, or the declared backup",
	    "Email > Email Routing",
	    { "cf.email_routing", "cf.backup_mx", "cf.backup_inbox", "cf.backup_spf",
		"cf.backup_subdomain", "cf.stale_include" },
	    routing },
	{ "dnssec", "DNSSEC is on", "DNS > Settings > DNSSEC", { NULL }, dnssec },
	{ "cname_flattening", "aliases are flattened at the top of the zone only",
	    "DNS > Settings > CNAME flattening", { "cf.cname_flatten" }, NULL },
	{ "universal_ssl", "Universal SSL", "SSL/TLS > Edge Certificates",
	    { "cf.proxied" }, universal_ssl },
	{ "always_https", "Always Use HTTPS", "SSL/TLS > Edge Certificates",
	    { "cf.proxied" }, always_https },
};

/* NA says nothing, so that whatever else is known goes before it; INFO is no fault. */
static int badness(enum vx_diag_verdict v)
{
	return v == VX_DIAG_NA ? -1 : v == VX_DIAG_INFO ? VX_DIAG_PASS : (int)v;
}

static const struct vx_diag_finding *worst(
    const struct vx_diag *d, const char *const checks[CHECKS_MAX])
{
	const struct vx_diag_finding *found = NULL;

	for (size_t i = 0; i < CHECKS_MAX && checks[i] != NULL; i++) {
		const struct vx_diag_finding *f = find(d, checks[i]);

		if (f != NULL &&
		    (found == NULL || badness(f->verdict) > badness(found->verdict)))
			found = f;
	}
	return found;
}

static void take(struct vx_diag_setting *s, const struct vx_diag_finding *f)
{
	if (f == NULL || f->verdict == VX_DIAG_NA)
		say(s, VX_DIAG_SET_UNKNOWN, f != NULL ? f->seen : "", "");
	else if (f->verdict == VX_DIAG_WARN || f->verdict == VX_DIAG_FAIL)
		say(s, VX_DIAG_SET_WRONG, f->seen, f->fix);
	else
		say(s, VX_DIAG_SET_RIGHT, f->seen, "");
}

void vx_diag_checklist(struct vx_diag *d, struct vx_diag_setting out[VX_DIAG_SETTINGS])
{
	for (size_t i = 0; i < VX_DIAG_SETTINGS; i++) {
		struct vx_diag_setting *s = &out[i];

		*s = (struct vx_diag_setting){ .name = settings[i].name,
			.title = settings[i].title,
			.where = settings[i].where };
		take(s, worst(d, settings[i].checks));
		if (settings[i].more != NULL)
			settings[i].more(d, s);
	}
}
