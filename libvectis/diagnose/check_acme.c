/* What an authority finds at the names of certificates, by HTTP-01 (DX-TL-03, -04). */
#include "diagnose/diagnose.h"

#include "vectis/network.h"

#define NAMES_MAX 40 /* beside the server's; more are not looked at */

/* The addresses of a name, told apart. */
struct seen {
	size_t ours, proxied, others;
	bool silent;
	char other[VX_DNS_ADDRESS_MAX + 1], proxy[VX_DNS_ADDRESS_MAX + 1]; /* the first */
};

static void look_at(
    struct vx_diag *d, enum vx_dns_type type, const char *name, struct seen *s)
{
	const struct vx_dns_answer *const a = vx_diag_look(d, type, "", name);
	char text[VX_DNS_ADDRESS_MAX + 1];

	s->silent = s->silent || !vx_diag_spoken(a);
	for (size_t i = 0; vx_diag_spoken(a) && i < a->count; i++) {
		if (vx_dns_read_address(a->rdata[i], text) != VX_OK)
			continue;
		if (vx_diag_is_ours(d, text)) {
			s->ours++;
		} else if (vx_diag_is_cloudflare(text)) {
			if (s->proxied++ == 0)
				memcpy(s->proxy, text, sizeof(text));
		} else if (s->others++ == 0) {
			memcpy(s->other, text, sizeof(text));
		}
	}
}

static struct seen look(struct vx_diag *d, const char *name)
{
	struct seen s = { .ours = 0 };

	look_at(d, VX_DNS_A, name, &s);
	look_at(d, VX_DNS_AAAA, name, &s);
	return s;
}

/* The next name that is looked at: wildcards and addresses are proven otherwise. */
static bool next_name(
    const struct vx_diag *d, vx_slice *rest, char out[VX_DNS_NAME_MAX + 1])
{
	struct vx_network n;
	vx_slice word;
	bool exact;

	while (rest->len > 0) {
		(void)vx_slice_cut(rest, ' ', &word);
		if (vx_network_parse(word, &n, &exact) != VX_OK &&
		    vx_dns_name(word, out) == VX_OK && vx_dns_is_host(out) &&
		    strcmp(out, d->f.hostname) != 0)
			return true;
	}
	return false;
}

static vx_slice names_of(const struct vx_diag *d)
{
	return vx_slice_str(d->f.acme_names == NULL ? "" : d->f.acme_names);
}

static bool is_not_needed(struct vx_diag *d, struct vx_diag_finding *f)
{
	const bool proven = vx_diag_all_proven(d);

	if (d->f.http_01 && !proven)
		return false;
	vx_diag_seen(f, proven ? "not needed: records prove all names" : "not needed");
	return true;
}

static bool is_admin_host(const struct vx_diag *d, const char *name)
{
	return d->f.admin_host != NULL && *name != '\0' &&
	       strcmp(d->f.admin_host, name) == 0;
}

/* The server's own name is dns.host's affair, and cf.proxied's. */
enum vx_diag_verdict vx_diag_check_asked(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct seen host = { .ours = 0 };
	vx_slice rest = names_of(d);
	char name[VX_DNS_NAME_MAX + 1];
	size_t wrong = 0, good = 1;

	if (is_not_needed(d, f))
		return VX_DIAG_NA;
	host = look(d, d->f.hostname);
	for (size_t i = 0; i < NAMES_MAX && next_name(d, &rest, name); i++) {
		const struct seen s = look(d, name);

		if (vx_diag_is_proven(d, name) || is_admin_host(d, name))
			continue;
		if (s.proxied > 0) /* acme.proxy says so */
			continue;
		if (s.others == 0 && (s.ours > 0 || s.silent)) {
			good += s.ours > 0;
			continue;
		}
		vx_diag_seen(f, "%s%s %s%s", wrong > 0 ? "; " : "", name,
		    s.others > 0 ? "leads to " : "has no address", s.other);
		vx_diag_fix(f, "%s%s %s %s", wrong > 0 ? "; " : "", name,
		    strchr(d->f.addresses[0], ':') != NULL ? "AAAA" : "A",
		    d->f.addresses[0]);
		wrong++;
	}
	if (wrong > 0) {
		vx_diag_fix(f,
		    " and no other address, or take the name out of tls.names and "
		    "tls.certificates, or use DNS-01 (tls.dns_challenge)");
		return VX_DIAG_FAIL;
	}
	if (host.proxied > 0)
		return vx_diag_see(f, "cf.proxied");
	if (host.others > 0 || host.ours == 0)
		return vx_diag_see(f, "dns.host");
	vx_diag_seen(f, "%zu name%s here", good, good == 1 ? " leads" : "s lead");
	return VX_DIAG_PASS;
}

enum vx_diag_verdict vx_diag_check_answered(struct vx_diag *d, struct vx_diag_finding *f)
{
	vx_slice rest = names_of(d);
	char name[VX_DNS_NAME_MAX + 1];
	size_t wrong = 0;

	if (is_not_needed(d, f))
		return VX_DIAG_NA;
	for (size_t i = 0; i < NAMES_MAX && next_name(d, &rest, name); i++) {
		const struct seen s = look(d, name);

		/* a proxy that is wanted may hand it on: whoever asks will see */
		if (s.proxied == 0 || vx_diag_is_proven(d, name) ||
		    is_admin_host(d, name))
			continue;
		vx_diag_seen(f, "%s%s leads to a proxy of Cloudflare's, %s",
		    wrong > 0 ? "; " : "", name, s.proxy);
		vx_diag_fix(f, "%sset the record of %s to \"DNS only\"",
		    wrong > 0 ? "; " : "", name);
		wrong++;
	}
	if (wrong > 0) {
		vx_diag_fix(f, ", or use DNS-01 (tls.dns_challenge)");
		return VX_DIAG_FAIL;
	}
	if (d->f.http80_by == VX_DIAG_ANOTHER) {
		vx_diag_seen(f, "another program answers on port 80 of this server");
		vx_diag_fix(f,
		    "end it, or let it hand /.well-known/acme-challenge/ on to "
		    "http.listen, or use DNS-01 (tls.dns_challenge)");
		return VX_DIAG_FAIL;
	}
	if (vx_diag_is_proxied(d))
		return vx_diag_see(f, "cf.proxied");
	if (d->f.http80_by == VX_DIAG_ACMED) {
		vx_diag_seen(f, "acmed answers on port 80");
		return VX_DIAG_PASS;
	}
	if (d->f.http80 == VX_DIAG_REFUSED || d->f.http80 == VX_DIAG_SILENT)
		return vx_diag_see(f, "acme.http80");
	vx_diag_seen(f, "not tried");
	return VX_DIAG_NA;
}

/* --- the name for browsers (features DNS-17) -------------------------------------------
 */

static bool takes_mail(struct vx_diag *d, const char *name)
{
	struct vx_diag_mx mx;

	vx_diag_read_mx(d, &mx);
	for (size_t i = 0; i < mx.count; i++)
		if (strcmp(mx.hosts[i].host, name) == 0)
			return true;
	return false;
}

enum vx_diag_verdict vx_diag_check_admin_host(
    struct vx_diag *d, struct vx_diag_finding *f)
{
	const char *const name = d->f.admin_host;
	struct seen s;

	if (name == NULL || *name == '\0') {
		vx_diag_seen(f, "there is none");
		return VX_DIAG_NA;
	}
	if (vx_diag_is_host(d, name) || takes_mail(d, name)) {
		vx_diag_seen(f, "%s is to be proxied, and mail is led there", name);
		vx_diag_fix(f,
		    "give it a name that is only for browsers (dns.admin_host), and let "
		    "MX lead to %s alone",
		    d->f.hostname);
		return VX_DIAG_FAIL;
	}
	s = look(d, name);
	if (s.silent && s.ours + s.proxied + s.others == 0)
		return vx_diag_silent(f);
	if (s.proxied > 0 && s.ours + s.others == 0) {
		vx_diag_seen(f, "%s leads to Cloudflare's proxies", name);
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f, "%s %s%s", name,
	    s.others > 0 ? "leads to "
	    : s.ours > 0 ? "is not proxied, and shows the addresses of this server"
			 : "has no address",
	    s.other);
	vx_diag_fix(f,
	    "vectisctl dns apply, of a domain in its zone, sets its A and AAAA records, "
	    "proxied");
	return VX_DIAG_WARN;
}
