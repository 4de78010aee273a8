/* Whoever takes the domain's mail while this server is away (DNS-19, DNS-22). */
#include "diagnose/diagnose.h"

/* Of a host in the domain's MX; false: it is not there. */
static bool preference(const struct vx_diag_mx *mx, const char *host, unsigned *out)
{
	for (size_t i = 0; i < mx->count; i++)
		if (strcmp(mx->hosts[i].host, host) == 0) {
			*out = mx->hosts[i].preference;
			return true;
		}
	return false;
}

static bool has_address(struct vx_diag *d, const char *host, bool *known)
{
	const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_A, "", host);
	const struct vx_dns_answer *aaaa = vx_diag_look(d, VX_DNS_AAAA, "", host);

	*known = vx_diag_spoken(a) && vx_diag_spoken(aaaa);
	return *known && a->count + aaaa->count > 0;
}

static enum vx_diag_verdict backup_host(struct vx_diag *d, struct vx_diag_finding *f)
{
	const char *const host = d->f.backup_host;
	unsigned ours = 0, theirs = 0;
	struct vx_diag_mx mx;
	bool known;

	if (host == NULL) {
		vx_diag_seen(f, "no such backup is declared");
		return VX_DIAG_NA;
	}
	vx_diag_read_mx(d, &mx);
	if (!mx.known)
		return vx_diag_silent(f);
	if (!preference(&mx, d->f.hostname, &ours) &&
	    (d->f.beside == NULL || !preference(&mx, d->f.beside, &ours)))
		return vx_diag_see(f, "dns.mx");
	if (!preference(&mx, host, &theirs)) {
		vx_diag_seen(f, "%s is declared, and has no MX", host);
		vx_diag_fix(f, "%s MX %u %s", d->f.domain, ours + 40, host);
		return VX_DIAG_WARN;
	}
	if (theirs <= ours) {
		vx_diag_seen(
		    f, "%s has preference %u, this server %u", host, theirs, ours);
		vx_diag_fix(f, "give \"%s MX ... %s\" a preference above %u", d->f.domain,
		    host, ours);
		return VX_DIAG_FAIL;
	}
	if (!has_address(d, host, &known)) {
		if (!known)
			return vx_diag_silent(f);
		vx_diag_seen(f, "%s has no address", host);
		vx_diag_fix(f,
		    "have it given one, or vectisctl domain set %s --backup-mx none, and "
		    "then vectisctl dns apply %s",
		    d->f.domain, d->f.domain);
		return VX_DIAG_FAIL;
	}
	vx_diag_seen(f, "%s comes after this server", host);
	return VX_DIAG_PASS;
}

static bool has_routing(struct vx_diag *d)
{
	struct vx_diag_mx mx;

	vx_diag_read_mx(d, &mx);
	for (size_t i = 0; i < mx.count; i++)
		if (vx_diag_is_routing(mx.hosts[i].host))
			return true;
	return false;
}

/* MX alone are not enough: what comes there is refused unless it is led somewhere. */
static enum vx_diag_verdict backup_inbox(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_cf_backup *const b = d->f.routing;
	bool led;

	if (!d->f.backup || d->f.backup_to == NULL || b == NULL) {
		vx_diag_seen(f, d->f.backup && d->f.backup_to != NULL
				    ? "not known without Cloudflare's API"
				    : "no mailbox elsewhere is declared");
		return VX_DIAG_NA;
	}
	if (!has_routing(d))
		return vx_diag_see(f, "cf.backup_mx");
	led = b->catch_all && vx_slice_eq_nocase(vx_slice_str(b->catch_all_to),
				  vx_slice_str(d->f.backup_to));
	if (b->on && led && b->address == VX_CF_ADDRESS_CONFIRMED) {
		vx_diag_seen(f, "what comes there is led to %s", d->f.backup_to);
		return VX_DIAG_PASS;
	}
	if (b->address != VX_CF_ADDRESS_CONFIRMED) {
		vx_diag_seen(f, "%s has not agreed to get mail", d->f.backup_to);
		vx_diag_fix(f,
		    "open the link in the message that Cloudflare sent to %s, and then "
		    "vectisctl dns apply %s",
		    d->f.backup_to, d->f.domain);
		return VX_DIAG_FAIL;
	}
	if (b->on && b->catch_all)
		vx_diag_seen(f, "what comes there is led to %s, not to %s",
		    b->catch_all_to[0] != '\0' ? b->catch_all_to : "something else",
		    d->f.backup_to);
	else
		vx_diag_seen(f, b->on ? "Email Routing leads what comes there nowhere"
				      : "Email Routing is off, and its MX are there");
	vx_diag_fix(f, "vectisctl dns apply %s", d->f.domain);
	return VX_DIAG_FAIL;
}

const struct vx_diag_row vx_diag_backup_rows[] = {
	{ "DNS-22", "dns.backup_host", "another server may take the mail meanwhile",
	    backup_host, "mail goes to the backup first, or is lost with this server",
	    "5 minutes" },
	{ "DNS-19", "cf.backup_inbox", "what Email Routing takes meanwhile has a mailbox",
	    backup_inbox, "mail that comes while this server is away is refused",
	    "none" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
