/* Certificates, and whether ports can be reached (DX-TL, DX-OP). */
#include "diagnose/diagnose.h"

#define SOON_DAYS 7
#define CUSTOM_DAYS 30

static bool is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

static enum vx_diag_verdict absent(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (d->f.certificate) {
		vx_diag_seen(
		    f, "for %s", is_set(d->f.cert_names) ? d->f.cert_names : "?");
		return VX_DIAG_PASS;
	}
	if (is_set(d->f.cert_problem))
		return vx_diag_see(f, "tls.key");
	vx_diag_seen(f, "there is only a temporary one%s%.300s",
	    is_set(d->f.acme_problem) ? "; the last attempt failed: " : "",
	    is_set(d->f.acme_problem) ? d->f.acme_problem : "");
	vx_diag_fix(f, "vectisctl cert status says more; vectisctl cert import takes one "
		       "that you have");
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict key(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (!is_set(d->f.cert_problem)) {
		vx_diag_seen(
		    f, d->f.certificate ? "key and certificate are a pair" : "none");
		return d->f.certificate ? VX_DIAG_PASS : VX_DIAG_NA;
	}
	vx_diag_seen(f, "%.400s", d->f.cert_problem);
	vx_diag_fix(f, "install a pair that fits: vectisctl cert import CHAIN KEY");
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict no_certificate(struct vx_diag_finding *f)
{
	return vx_diag_see(f, "tls.absent");
}

static int64_t days_left(const struct vx_diag *d, int64_t end)
{
	return end <= d->f.now ? -1 : (end - d->f.now) / 86400;
}

/* In a week, or sooner than it should be renewed and that fails. */
static enum vx_diag_verdict by_days(int64_t days, const char *problem)
{
	if (days < SOON_DAYS)
		return VX_DIAG_FAIL;
	return is_set(problem) && days < CUSTOM_DAYS ? VX_DIAG_WARN : VX_DIAG_PASS;
}

static void say_end(struct vx_diag_finding *f, int64_t days, const char *problem)
{
	if (days < 0)
		vx_diag_seen(f, "it has expired");
	else
		vx_diag_seen(f, "%lld days left", (long long)days);
	if (is_set(problem))
		vx_diag_seen(f, "; the last attempt failed: %.200s", problem);
}

/* Does another check say why authorities do not give one? */
static bool is_explained(struct vx_diag *d)
{
	struct vx_diag_finding asked = { .id = "" }, answered = { .id = "" },
			       admin = { .id = "" };
	const enum vx_diag_verdict host = vx_diag_check_admin_host(d, &admin);

	return host == VX_DIAG_WARN || host == VX_DIAG_FAIL ||
	       vx_diag_check_asked(d, &asked) == VX_DIAG_FAIL ||
	       vx_diag_check_answered(d, &answered) == VX_DIAG_FAIL;
}

/* Clients that ask for another name, or know no other kind, are served another one. */
static enum vx_diag_verdict others(
    struct vx_diag *d, struct vx_diag_finding *f, enum vx_diag_verdict worst)
{
	for (size_t i = 0; i < d->f.cert_count; i++) {
		const struct vx_diag_cert *const c = &d->f.certs[i];
		const int64_t days = days_left(d, c->end);
		enum vx_diag_verdict v = by_days(days, c->problem);

		/* it has just been asked for */
		if (c->end == 0 && (!is_set(c->problem) || is_explained(d)))
			v = VX_DIAG_PASS;
		if (v == VX_DIAG_PASS)
			continue;
		vx_diag_seen(f, "; for %.100s: ", c->names);
		if (c->end == 0)
			vx_diag_seen(f, "there is none: %.200s", c->problem);
		else
			say_end(f, days, c->problem);
		if (v > worst)
			worst = v;
	}
	return worst;
}

static enum vx_diag_verdict expiry(struct vx_diag *d, struct vx_diag_finding *f)
{
	const int64_t days = days_left(d, d->f.cert_end);
	enum vx_diag_verdict v;

	if (!d->f.certificate)
		return no_certificate(f);
	v = by_days(days, d->f.acme_problem);
	say_end(f, days, v == VX_DIAG_PASS ? "" : d->f.acme_problem);
	v = others(d, f, v);
	if (v != VX_DIAG_PASS)
		vx_diag_fix(
		    f, d->f.cert_custom
			   ? "vectisctl cert import CHAIN KEY, with a new certificate"
			   : "vectisctl cert status says why it is not renewed");
	return v;
}

static enum vx_diag_verdict custom_expiry(struct vx_diag *d, struct vx_diag_finding *f)
{
	const int64_t days = days_left(d, d->f.cert_end);

	if (!d->f.certificate || !d->f.cert_custom) {
		vx_diag_seen(f, "it is renewed by itself, or there is none");
		return VX_DIAG_NA;
	}
	if (days < SOON_DAYS)
		return vx_diag_see(f, "tls.expiry");
	vx_diag_seen(f, "%lld days left", (long long)days);
	if (days >= CUSTOM_DAYS)
		return VX_DIAG_PASS;
	vx_diag_fix(f, "get a new one and vectisctl cert import CHAIN KEY");
	return VX_DIAG_WARN;
}

/* RFC 6125 6.4.3. */
bool vx_diag_covers(const char *names, const char *host)
{
	vx_slice rest = vx_slice_str(names), name;
	const vx_slice h = vx_slice_str(host), above = vx_dns_parent(h, 1);

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &name);
		if (vx_slice_eq_nocase(name, h))
			return true;
		if (vx_slice_has_prefix(name, VX_S("*.")) && above.len > 0 &&
		    vx_slice_eq_nocase(vx_slice_from(name, 2), above))
			return true;
	}
	return false;
}

static enum vx_diag_verdict name(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (!d->f.certificate)
		return no_certificate(f);
	vx_diag_seen(
	    f, "it is for %s", is_set(d->f.cert_names) ? d->f.cert_names : "nobody");
	if (is_set(d->f.cert_names) && vx_diag_covers(d->f.cert_names, d->f.hostname))
		return VX_DIAG_PASS;
	vx_diag_fix(f, "a certificate for %s", d->f.hostname);
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict chain(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (!d->f.certificate)
		return no_certificate(f);
	if (!is_set(d->f.cert_distrust)) {
		vx_diag_seen(
		    f, "it leads to an authority that is trusted, or was not tried");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%.400s", d->f.cert_distrust);
	vx_diag_fix(f, "add the certificates of the issuers to the file, each behind the "
		       "one that it issued");
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict stale(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (!is_set(d->f.cert_stale)) {
		vx_diag_seen(f, "all serve what is installed");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%.400s", d->f.cert_stale);
	vx_diag_fix(f, "look into the log of these daemons; restart them");
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict legacy(struct vx_diag *d, struct vx_diag_finding *f)
{
	vx_diag_seen(f, d->f.old_tls ? "tls.minimum is below 1.2" : "TLS 1.2 and newer");
	if (!d->f.old_tls)
		return VX_DIAG_PASS;
	vx_diag_fix(f, "vectisctl config set tls.minimum 1.2");
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict http80(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (!d->f.http_01 || d->f.http80 == VX_DIAG_UNTRIED || vx_diag_all_proven(d)) {
		vx_diag_seen(f, "not needed, or not tried");
		return VX_DIAG_NA;
	}
	if (d->f.http80 == VX_DIAG_REACHED) {
		vx_diag_seen(f, "it takes connections");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, d->f.http80 == VX_DIAG_REFUSED ? "nothing listens"
						       : "connections are dropped");
	vx_diag_fix(f,
	    "open port 80 in the firewalls and see that acmed runs, or use DNS-01 "
	    "(tls.dns_challenge)");
	return VX_DIAG_FAIL;
}

enum vx_diag_verdict vx_diag_check_out25(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (d->f.relay_host != NULL || d->f.out25 == VX_DIAG_UNTRIED) {
		vx_diag_seen(f, d->f.relay_host != NULL ? "not required: there is a relay"
							: "not tried");
		return VX_DIAG_NA;
	}
	if (d->f.out25 == VX_DIAG_REACHED) {
		vx_diag_seen(f, "other servers can be reached");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, d->f.out25 == VX_DIAG_REFUSED ? "connections are refused"
						      : "connections are dropped");
	vx_diag_fix(f, "ask the provider to open port 25 (DigitalOcean, Vultr and Linode "
		       "do on request; "
		       "Google Cloud and home lines never), or send by a relay: "
		       "vectisctl relay add");
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict in_ports(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_NA;

	for (size_t i = 0; i < d->f.port_count; i++) {
		const struct vx_diag_port *p = &d->f.ports[i];

		if (p->reached == VX_DIAG_UNTRIED)
			continue;
		v = p->reached == VX_DIAG_REACHED && v != VX_DIAG_FAIL ? VX_DIAG_PASS
								       : VX_DIAG_FAIL;
		if (p->reached == VX_DIAG_REACHED)
			continue;
		vx_diag_seen(f, "%s (%u): %s; ", p->name, (unsigned)p->port,
		    p->reached == VX_DIAG_REFUSED ? "nothing listens" : "dropped");
		vx_diag_fix(f,
		    p->reached == VX_DIAG_REFUSED
			? "start the daemon of %s; "
			: "open it in the firewall of this host for %s; ",
		    p->name);
	}
	if (v == VX_DIAG_PASS)
		vx_diag_seen(f, "all answer here; what is before this host is not seen");
	if (v == VX_DIAG_NA)
		vx_diag_seen(f, "not tried");
	return v;
}

const struct vx_diag_row vx_diag_tls_rows[] = {
	{ "DX-TL-01", "tls.absent", "there is a certificate", absent,
	    "clients warn, and servers that check do not deliver", "minutes" },
	{ "DX-TL-02", "acme.http80", "port 80 can be reached", http80,
	    "the authority cannot check that the name is ours", "none" },
	{ "DX-TL-03", "acme.a_record", "authorities ask this server", vx_diag_check_asked,
	    "another host is asked to prove that the name is ours",
	    "5 minutes, or the TTL of the old record" },
	{ "DX-TL-04", "acme.proxy", "nobody answers in our place", vx_diag_check_answered,
	    "the authority gets another answer than ours, and issues nothing",
	    "5 minutes, or the TTL of the old record" },
	{ "DX-TL-02", "acme.persist", "records that prove names for good count",
	    vx_diag_check_persist,
	    "names are proven each time again, as long as that works",
	    "5 minutes, or the TTL of the old record" },
	{ "DX-TL-05", "tls.expiry", "the certificate has time left", expiry,
	    "clients refuse to connect", "minutes" },
	{ "DX-TL-06", "tls.name", "the certificate is for this server", name,
	    "clients take it for another's", "minutes" },
	{ "DX-TL-07", "tls.chain", "the certificate is believed", chain,
	    "clients without the missing issuers refuse to connect", "minutes" },
	{ "DX-TL-08", "tls.key", "key and certificate can be used", key,
	    "it is not served", "minutes" },
	{ "DX-TL-10", "tls.custom_expiry", "your own certificate has time left",
	    custom_expiry, "nobody renews it but you", "minutes" },
	{ "DX-TL-11", "tls.stale", "daemons serve what is installed", stale,
	    "clients see an old certificate", "seconds" },
	{ "DX-TL-13", "tls.legacy", "old TLS is off", legacy,
	    "TLS before 1.2 can be read and changed on the way", "none" },
	{ "DX-OP-01", "net.out25", "other servers can be reached", vx_diag_check_out25,
	    "mail cannot leave", "up to days" },
	{ "DX-OP-02", "net.in25", "the ports answer", in_ports,
	    "neither servers nor clients can connect", "none" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
