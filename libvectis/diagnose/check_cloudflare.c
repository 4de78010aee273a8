/* What Cloudflare does to mail (DX-CF). */
#include "diagnose/diagnose.h"
#include "zone/spf.h"

#include <stdio.h>

static enum vx_diag_verdict proxied(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (!vx_diag_spoken(vx_diag_look(d, VX_DNS_A, "", d->f.hostname)))
		return vx_diag_silent(f);
	if (!vx_diag_is_proxied(d)) {
		vx_diag_seen(f, "%s does not lead to a proxy", d->f.hostname);
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%s leads to Cloudflare's proxies", d->f.hostname);
	vx_diag_fix(f, "set the A and AAAA records of %s to \"DNS only\"", d->f.hostname);
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict spectrum(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (vx_diag_is_proxied(d))
		return vx_diag_see(f, "cf.proxied");
	vx_diag_seen(f, "no proxy is before port 25");
	return VX_DIAG_PASS;
}

static enum vx_diag_verdict email_routing(struct vx_diag *d, struct vx_diag_finding *f)
{
	const bool on =
	    d->f.cloudflare != NULL && d->f.cloudflare->routing == VX_CF_ROUTING_ON;
	struct vx_diag_mx mx;

	vx_diag_read_mx(d, &mx);
	if (!mx.known)
		return vx_diag_silent(f);
	if (d->f.backup) {
		vx_diag_seen(f, "declared as backup, see cf.backup_mx");
		return VX_DIAG_NA;
	}
	if (vx_diag_is_usurped(d)) {
		vx_diag_seen(f, "%s has MX of Cloudflare's Email Routing", d->f.domain);
		vx_diag_fix(f,
		    "switch Email Routing off and set \"%s MX 10 %s\"; or declare it: "
		    "vectisctl domain set %s --backup-mx cloudflare",
		    d->f.domain, d->f.hostname, d->f.domain);
		return VX_DIAG_FAIL;
	}
	vx_diag_seen(f, on ? "Email Routing is on, but has no MX" : "not in use");
	return VX_DIAG_PASS;
}

/* The preference of ours and the best of Email Routing's; false: one is not there. */
static bool preferences(struct vx_diag *d, unsigned *ours, unsigned *theirs)
{
	bool has_ours = false, has_theirs = false;
	struct vx_diag_mx mx;

	vx_diag_read_mx(d, &mx);
	for (size_t i = mx.count; i > 0; i--) {
		if (vx_diag_is_host(d, mx.hosts[i - 1].host)) {
			*ours = mx.hosts[i - 1].preference;
			has_ours = true;
		} else if (vx_diag_is_routing(mx.hosts[i - 1].host)) {
			*theirs = mx.hosts[i - 1].preference;
			has_theirs = true;
		}
	}
	return has_ours && has_theirs;
}

static enum vx_diag_verdict backup_mx(struct vx_diag *d, struct vx_diag_finding *f)
{
	unsigned ours, theirs;
	struct vx_diag_mx mx;

	if (!d->f.backup) {
		vx_diag_seen(f, "no backup is declared");
		return VX_DIAG_NA;
	}
	vx_diag_read_mx(d, &mx);
	if (!mx.known)
		return vx_diag_silent(f);
	if (!preferences(d, &ours, &theirs)) {
		bool routed = false;

		for (size_t i = 0; i < mx.count; i++)
			routed = routed || vx_diag_is_routing(mx.hosts[i].host);
		if (routed)
			return vx_diag_see(f, "dns.mx");
		vx_diag_seen(f, "%s has no MX of Email Routing", d->f.domain);
		vx_diag_fix(f,
		    "switch Email Routing on, with a route to a mailbox elsewhere, then "
		    "vectisctl dns apply %s",
		    d->f.domain);
		return VX_DIAG_WARN;
	}
	vx_diag_seen(f, "ours has preference %u, the best of theirs %u", ours, theirs);
	if (ours < theirs)
		return VX_DIAG_INFO;
	vx_diag_fix(f, "give \"%s MX\" a preference below %u", d->f.hostname, theirs);
	return VX_DIAG_FAIL;
}

static bool has_include(struct vx_diag *d, bool *one, char *record, size_t size)
{
	struct vx_buf spf = { .max = VX_ZONE_CONTENT_MAX };
	bool known, has;

	*one = vx_diag_read_spf(d, &spf, &known) == 1;
	has = vx_zone_spf_has(vx_buf_slice(&spf), VX_S(VX_ZONE_SPF_CLOUDFLARE));
	(void)snprintf(record, size, "%.*s", (int)spf.len, spf.len > 0 ? spf.ptr : "");
	vx_buf_done(&spf);
	return has;
}

static enum vx_diag_verdict backup_spf(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_buf merged = { .max = VX_ZONE_CONTENT_MAX };
	char record[1000];
	unsigned ours, theirs;
	bool one;

	if (!d->f.backup || !preferences(d, &ours, &theirs)) {
		vx_diag_seen(f, "there is no such backup");
		return VX_DIAG_NA;
	}
	if (has_include(d, &one, record, sizeof(record)) || !one) {
		vx_diag_seen(f, one ? "its include is there" : "see spf.multiple");
		return one ? VX_DIAG_PASS : VX_DIAG_NA;
	}
	(void)vx_zone_merge_spf(
	    vx_slice_str(record), VX_S("v=spf1 " VX_ZONE_SPF_CLOUDFLARE), &merged);
	vx_diag_seen(f, "\"%s\" does not name Email Routing", record);
	vx_diag_fix(f, "%s TXT \"%.*s\"", d->f.domain, (int)merged.len,
	    merged.len > 0 ? merged.ptr : "");
	vx_buf_done(&merged);
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict stale_include(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_diag_mx mx;
	char record[1000];
	bool one;

	vx_diag_read_mx(d, &mx);
	if (!mx.known)
		return vx_diag_silent(f);
	if (d->f.backup || vx_diag_is_usurped(d) ||
	    !has_include(d, &one, record, sizeof(record))) {
		vx_diag_seen(f, "none is left over");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "SPF has %s, and no mail goes there", VX_ZONE_SPF_CLOUDFLARE);
	vx_diag_fix(f, "take %s out of the SPF record of %s", VX_ZONE_SPF_CLOUDFLARE,
	    d->f.domain);
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict backup_subdomain(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_dns_answer *a;

	if (!d->f.backup) {
		vx_diag_seen(f, "no backup is declared");
		return VX_DIAG_NA;
	}
	a = vx_diag_look(d, VX_DNS_NS, "", d->f.domain);
	if (!vx_diag_spoken(a))
		return vx_diag_silent(f);
	if (a->status == VX_DNS_FOUND) {
		vx_diag_seen(f, "%s is the top of its zone", d->f.domain);
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%s is not the top of its zone", d->f.domain);
	vx_diag_fix(f,
	    "see whether Email Routing has %s as a subdomain of its own; else use "
	    "another "
	    "backup",
	    d->f.domain);
	return VX_DIAG_WARN;
}

/* The services of mail whose records lead to a substitute; the first is in f. */
static bool dc_service(struct vx_diag *d, struct vx_diag_finding *f)
{
	static const char *const services[] = { "_submissions._tcp", "_submission._tcp",
		"_imaps._tcp", "_imap._tcp", "_pop3s._tcp", "_pop3._tcp" };
	bool found = false;

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		const struct vx_dns_answer *a =
		    vx_diag_look(d, VX_DNS_SRV, services[i], d->f.domain);
		char host[VX_DNS_NAME_MAX + 1];

		for (size_t k = 0; vx_diag_spoken(a) && k < a->count && !found; k++) {
			/* priority, weight, port (RFC 2782) */
			if (a->rdata[k].len < 6 ||
			    vx_dns_read_name(vx_slice_from(a->rdata[k], 6), host) !=
				VX_OK ||
			    !vx_zone_is_substitute(host))
				continue;
			vx_diag_seen(
			    f, "%s.%s SRV leads to %s", services[i], d->f.domain, host);
			vx_diag_fix(f,
			    "the record names a host that is proxied: lead it to %s, "
			    "with "
			    "\"%s A %s\" as DNS only; or take it out",
			    d->f.hostname, d->f.hostname,
			    d->f.address_count > 0 ? d->f.addresses[0] : "...");
			found = true;
		}
	}
	return found;
}

static enum vx_diag_verdict dc_record(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_diag_mx mx;

	vx_diag_read_mx(d, &mx);
	if (!mx.known)
		return vx_diag_silent(f);
	for (size_t i = 0; i < mx.count; i++) {
		if (!vx_zone_is_substitute(mx.hosts[i].host))
			continue;
		vx_diag_seen(f, "%s MX %u %s", d->f.domain,
		    (unsigned)mx.hosts[i].preference, mx.hosts[i].host);
		vx_diag_fix(f,
		    "the MX names a host that is proxied: give the server a name of its "
		    "own, \"%s A %s\" as DNS only, and set \"%s MX 10 %s\"; or take the "
		    "MX out",
		    d->f.hostname, d->f.address_count > 0 ? d->f.addresses[0] : "...",
		    d->f.domain, d->f.hostname);
		return VX_DIAG_WARN;
	}
	if (dc_service(d, f))
		return VX_DIAG_WARN;
	vx_diag_seen(f, "MX and SRV are as they were set");
	return VX_DIAG_PASS;
}

static enum vx_diag_verdict cname_flatten(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (d->f.cloudflare == NULL || !d->f.cloudflare->flatten_known) {
		vx_diag_seen(f, "not known without Cloudflare's API");
		return VX_DIAG_NA;
	}
	if (!d->f.cloudflare->flatten_all) {
		vx_diag_seen(f, "aliases are answered as they are");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "all CNAME records of the zone are flattened");
	vx_diag_fix(f, "set CNAME flattening to the root of the zone only");
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict origin_exposed(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (d->f.zone == NULL) {
		vx_diag_seen(f, "not known without Cloudflare's API");
		return VX_DIAG_NA;
	}
	for (size_t i = 0; i < d->f.zone->count; i++) {
		const struct vx_zone_record *r = &d->f.zone->records[i];

		/* a name of ours for browsers is none that hides */
		if (d->f.admin_host != NULL && strcmp(r->name, d->f.admin_host) == 0)
			continue;
		if (r->proxied && strcmp(r->name, d->f.hostname) != 0 &&
		    vx_diag_is_ours(d, r->content)) {
			vx_diag_seen(f,
			    "%s is proxied and has the address of this server", r->name);
			vx_diag_fix(f,
			    "if the site's origin shall stay unknown, have mail and web "
			    "on different addresses");
			return VX_DIAG_INFO;
		}
	}
	vx_diag_seen(f, "no proxied name has an address of this server");
	return VX_DIAG_PASS;
}

static enum vx_diag_verdict token(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (!d->f.has_token || d->f.token == NULL) {
		vx_diag_seen(f, "there is none");
		return VX_DIAG_NA;
	}
	if (d->f.token->outcome == VX_CF_GOOD) {
		vx_diag_seen(f, "it is valid, sees the zone and may change it");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%.400s", d->f.token->text);
	vx_diag_fix(f,
	    "make an API token with Zone > Zone > Read and Zone > DNS > Edit for the "
	    "zone "
	    "of %s, and put it into secrets.yaml as cloudflare.api_token",
	    d->f.domain);
	return d->f.token->outcome == VX_CF_UNREACHABLE ||
		       d->f.token->outcome == VX_CF_LIMITED
		   ? VX_DIAG_WARN
		   : VX_DIAG_FAIL;
}

static enum vx_diag_verdict secrets_mode(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (d->f.secrets_problem == NULL || d->f.secrets_problem[0] == '\0') {
		vx_diag_seen(f, "nobody else can read it");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%.400s", d->f.secrets_problem);
	vx_diag_fix(f, "chmod 600 secrets.yaml");
	return VX_DIAG_WARN;
}

/* Whoever serves the zone: name servers of the domain, or of what is above it. */
static const struct vx_dns_answer *servers(struct vx_diag *d)
{
	vx_slice name = vx_slice_str(d->f.domain);

	for (; vx_dns_labels(name) >= 2; name = vx_dns_parent(name, 1)) {
		/* a parent of text that ends with NUL does, too */
		const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_NS, "", name.ptr);

		if (!vx_diag_spoken(a) || a->status == VX_DNS_FOUND)
			return a;
	}
	return NULL;
}

static bool is_cloudflares(struct vx_diag *d)
{
	const struct vx_dns_answer *a = servers(d);
	char host[VX_DNS_NAME_MAX + 1];

	for (size_t i = 0; vx_diag_spoken(a) && i < a->count; i++)
		if (vx_dns_read_name(a->rdata[i], host) == VX_OK &&
		    vx_slice_has_suffix(vx_slice_str(host), VX_S(".ns.cloudflare.com")))
			return true;
	return false;
}

/* Cloudflare publishes challenges of its own that its API does not show. */
static enum vx_diag_verdict leftover(struct vx_diag *d, struct vx_diag_finding *f)
{
	char name[VX_DNS_NAME_MAX + 32];
	const struct vx_dns_answer *a;
	size_t n = 0;

	if (d->f.order_runs) {
		vx_diag_seen(f, "a certificate is being asked for");
		return VX_DIAG_NA;
	}
	(void)snprintf(name, sizeof(name), "_acme-challenge.%.253s", d->f.hostname);
	a = vx_diag_look(d, VX_DNS_TXT, "", name);
	if (d->f.zone != NULL) {
		for (size_t i = 0; i < d->f.zone->count; i++)
			n += strcmp(d->f.zone->records[i].name, name) == 0 &&
			     strcmp(d->f.zone->records[i].type, "TXT") == 0;
	} else if (is_cloudflares(d)) {
		vx_diag_seen(f, "not known without Cloudflare's API");
		return VX_DIAG_NA;
	} else if (!vx_diag_spoken(a)) {
		return vx_diag_silent(f);
	} else {
		n = a->count;
	}
	vx_diag_seen(f, "%zu records at %s", n, name);
	if (n == 0)
		return VX_DIAG_PASS;
	vx_diag_fix(f, "take the TXT records of %s out", name);
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict provider(struct vx_diag *d, struct vx_diag_finding *f)
{
	char host[VX_DNS_NAME_MAX + 1] = "";
	const struct vx_dns_answer *a = servers(d);

	if (!vx_diag_spoken(a))
		return vx_diag_silent(f);
	if (a->count > 0)
		(void)vx_dns_read_name(a->rdata[0], host);
	vx_diag_seen(f, "name servers such as %s", host);
	if (!is_cloudflares(d))
		return VX_DIAG_PASS;
	if (!d->f.has_token)
		vx_diag_fix(f,
		    "with cloudflare.api_token in secrets.yaml, vectisctl dns apply %s "
		    "sets "
		    "the records",
		    d->f.domain);
	return VX_DIAG_INFO;
}

const struct vx_diag_row vx_diag_cloudflare_rows[] = {
	{ "DX-CF-01", "cf.proxied", "the server's name is not proxied", proxied,
	    "only web traffic passes Cloudflare's proxies: mail cannot be delivered, and "
	    "clients cannot connect",
	    "5 minutes" },
	{ "DX-CF-02", "cf.email_routing", "Email Routing does not take the mail",
	    email_routing, "mail goes to Cloudflare and never comes here", "5 minutes" },
	{ "DX-CF-03", "cf.backup_mx", "the backup comes after this server", backup_mx,
	    "mail goes to the backup although this server is there", "5 minutes" },
	{ "DX-CF-04", "cf.backup_spf", "SPF knows the backup", backup_spf,
	    "what the backup forwards may be refused", "5 minutes" },
	{ "DX-CF-05", "cf.stale_include", "SPF has nothing of Email Routing left over",
	    stale_include, "others may send as this domain, and a lookup is wasted",
	    "5 minutes" },
	{ "DX-CF-06", "cf.backup_subdomain", "the backup can take the domain's mail",
	    backup_subdomain,
	    "Email Routing serves zones: a domain below one may have no "
	    "backup in fact",
	    "none" },
	{ "DX-CF-07", "cf.dc_record", "MX and SRV are not replaced", dc_record,
	    "the name of a proxied host is replaced by one that no certificate, PTR or "
	    "TLSA record knows",
	    "5 minutes" },
	{ "DX-CF-08", "cf.cname_flatten", "aliases are answered as aliases",
	    cname_flatten, "records that others find by an alias are gone", "5 minutes" },
	{ "DX-CF-09", "cf.spectrum", "nothing stands before port 25", spectrum,
	    "no proxy but Spectrum passes SMTP", "5 minutes" },
	{ "DX-CF-10", "cf.origin_exposed", "mail does not show where a hidden site is",
	    origin_exposed, "who gets mail from here knows the address of the site",
	    "none" },
	{ "DX-CF-10", "cf.admin_host", "the name for browsers is proxied, and no other",
	    vx_diag_check_admin_host,
	    "what is proxied takes no mail, and what is not shows where the server is",
	    "5 minutes" },
	{ "DX-CF-13", "cf.token", "the token of Cloudflare's API works", token,
	    "records are not set, and certificates by DNS-01 are not renewed", "none" },
	{ "DX-CF-14", "conf.secrets_mode", "secrets.yaml is its owner's alone",
	    secrets_mode, "whoever can read the token can take over the domain", "none" },
	{ "DX-CF-15", "acme.leftover", "no challenge is left over", leftover,
	    "old records confuse whoever looks for the next one", "5 minutes" },
	{ "DX-CF-16", "dns.provider", "who serves the zone", provider, "", "none" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
