/*
 * The deliverability report (features DNS-31).  This table is the one place that has the
 * weights; vectisctl.8 shows them.  They add up to 100, and stay as they are: a score is
 * compared with that of last month.
 */
#include "diagnose/diagnose.h"

#define CHECKS_MAX 10

static const struct {
	const char *name, *title;
	unsigned weight;
	/* the first says what was found when nothing is wrong */
	const char *checks[CHECKS_MAX];
} sections[VX_DIAG_SECTIONS] = {
	{ "mx", "mail finds its way here", 15,
	    { "dns.mx", "dns.dnssec", "dns.host", "cf.proxied", "cf.email_routing",
		"cf.backup_mx", "cf.dc_record" } },
	{ "spf", "SPF lets this server send", 15,
	    { "spf.missing_ip", "dns.dnssec", "spf.multiple", "spf.lookups", "spf.no_all",
		"spf.softfail", "spf.rrtype99", "spf.relay", "cf.backup_spf",
		"cf.stale_include" } },
	{ "dkim", "signatures can be checked", 20,
	    { "dkim.mismatch", "dns.dnssec", "dkim.absent", "dkim.selector" } },
	{ "dmarc", "DMARC protects the domain", 15,
	    { "dmarc.policy", "dns.dnssec", "dmarc.align", "dmarc.rua" } },
	{ "verification", "the domain's owner has proved it", 5, { "dns.verify" } },
	{ "ptr", "addresses are named like the server", 15, { "dns.ptr", "dns.ptr6" } },
	{ "tls", "others believe the certificate", 10,
	    { "tls.name", "tls.absent", "tls.key", "tls.expiry", "tls.chain", "tls.stale",
		"tls.legacy", "dane.tlsa" } },
	{ "reputation", "no list has an address of this server", 5, { "rbl.listed" } },
};

static const struct vx_diag_finding *find(const struct vx_diag *d, const char *name)
{
	for (size_t i = 0; i < d->finding_count; i++)
		if (strcmp(d->findings[i].name, name) == 0)
			return &d->findings[i];
	return NULL;
}

/* NA says nothing, so that whatever else is known goes before it. */
static int badness(enum vx_diag_verdict v)
{
	return v == VX_DIAG_NA ? -1 : (int)v;
}

static unsigned points(unsigned weight, enum vx_diag_verdict v)
{
	return v == VX_DIAG_FAIL ? 0 : v == VX_DIAG_WARN ? weight / 2 : weight;
}

unsigned vx_diag_report(
    const struct vx_diag *d, struct vx_diag_section out[VX_DIAG_SECTIONS])
{
	unsigned score = 0;

	for (size_t i = 0; i < VX_DIAG_SECTIONS; i++) {
		struct vx_diag_section *s = &out[i];

		*s = (struct vx_diag_section){ .name = sections[i].name,
			.title = sections[i].title,
			.weight = sections[i].weight,
			.verdict = VX_DIAG_NA };
		for (size_t k = 0; k < CHECKS_MAX && sections[i].checks[k] != NULL; k++) {
			const struct vx_diag_finding *f = find(d, sections[i].checks[k]);

			if (f == NULL || (s->decisive != NULL &&
					     badness(f->verdict) <= badness(s->verdict)))
				continue;
			s->decisive = f;
			s->verdict = f->verdict;
		}
		if (s->verdict == VX_DIAG_INFO)
			s->verdict = VX_DIAG_PASS;
		s->points = points(s->weight, s->verdict);
		score += s->points;
	}
	return score;
}
