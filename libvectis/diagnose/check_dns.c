/* Where mail goes and where it comes from (DX-DN, DX-CF-11). */
#include "base/encode.h"
#include "diagnose/diagnose.h"

#include <stdio.h>

#define LOW_TTL 300

static enum vx_diag_verdict dnssec(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_MX, "", d->f.domain);

	if (a == NULL) {
		vx_diag_seen(f, "not asked");
		return VX_DIAG_NA;
	}
	if (a->status == VX_DNS_BOGUS) {
		vx_diag_seen(
		    f, "the answers for %s are not what its owner signed", d->f.domain);
		vx_diag_fix(f,
		    "at the registrar, replace the DS record by the one that the name "
		    "servers give, or take it out");
		return VX_DIAG_FAIL;
	}
	if (a->status == VX_DNS_FAILED) {
		vx_diag_seen(f, "no name server of %s answers", d->f.domain);
		vx_diag_fix(f, "see that the registrar names the right name servers, and "
			       "that they know the zone");
		return VX_DIAG_FAIL;
	}
	vx_diag_seen(f, a->secure ? "signed, and right" : "not signed");
	return VX_DIAG_PASS;
}

static enum vx_diag_verdict no_mx(struct vx_diag *d, struct vx_diag_finding *f)
{
	vx_diag_fix(f, "%s MX 10 %s", d->f.domain, d->f.hostname);
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict mx(struct vx_diag *d, struct vx_diag_finding *f)
{
	bool ours = false, substitute = false;
	struct vx_diag_mx mx;

	vx_diag_read_mx(d, &mx);
	if (!mx.known)
		return vx_diag_silent(f);
	if (mx.count == 0) {
		vx_diag_seen(f, "%s has no MX", d->f.domain);
		return no_mx(d, f);
	}
	for (size_t i = 0; i < mx.count; i++) {
		const char *host = mx.hosts[i].host;

		ours = ours || vx_diag_is_host(d, host);
		substitute = substitute || vx_zone_is_substitute(host);
		vx_diag_seen(f, "%s%u %s", i > 0 ? ", " : "",
		    (unsigned)mx.hosts[i].preference, *host == '\0' ? "." : host);
	}
	if (ours)
		return VX_DIAG_PASS;
	if (d->f.flow != NULL && d->f.flow->away) {
		vx_diag_seen(f, ": the domain only sends from here");
		return VX_DIAG_NA;
	}
	f->seen[0] = vx_diag_is_usurped(d) || substitute ? '\0' : f->seen[0];
	if (vx_diag_is_usurped(d))
		return vx_diag_see(f, "cf.email_routing");
	if (substitute)
		return vx_diag_see(f, "cf.dc_record");
	return no_mx(d, f);
}

/* The addresses of one type: how many are ours, and others'. */
static void count_addresses(struct vx_diag *d, enum vx_dns_type type,
    struct vx_diag_finding *f, size_t *ours, size_t *others)
{
	const struct vx_dns_answer *a = vx_diag_look(d, type, "", d->f.hostname);
	char text[VX_DNS_ADDRESS_MAX + 1];

	for (size_t i = 0; vx_diag_spoken(a) && i < a->count; i++) {
		if (vx_dns_read_address(a->rdata[i], text) != VX_OK)
			continue;
		*(vx_diag_is_ours(d, text) ? ours : others) += 1;
		vx_diag_seen(f, "%s%s", f->seen[0] != '\0' ? ", " : "", text);
	}
}

enum vx_diag_verdict vx_diag_check_host(struct vx_diag *d, struct vx_diag_finding *f)
{
	size_t ours = 0, others = 0;

	if (!vx_diag_spoken(vx_diag_look(d, VX_DNS_A, "", d->f.hostname)))
		return vx_diag_silent(f);
	if (vx_diag_is_proxied(d))
		return vx_diag_see(f, "cf.proxied");
	count_addresses(d, VX_DNS_A, f, &ours, &others);
	count_addresses(d, VX_DNS_AAAA, f, &ours, &others);
	if (ours > 0 && others == 0)
		return VX_DIAG_PASS;
	if (ours == 0 && others == 0)
		vx_diag_seen(f, "%s has no address", d->f.hostname);
	for (size_t i = 0; i < d->f.address_count; i++)
		vx_diag_fix(f, "%s%s %s %s", i > 0 ? "; " : "", d->f.hostname,
		    strchr(d->f.addresses[i], ':') != NULL ? "AAAA" : "A",
		    d->f.addresses[i]);
	if (others > 0)
		vx_diag_fix(f, "; and no other");
	return VX_DIAG_FAIL;
}

/* Is one of the PTR names the server's, and does it lead back? */
static bool confirmed(struct vx_diag *d, const struct vx_dns_answer *ptr,
    const char *address, char name[VX_DNS_NAME_MAX + 1])
{
	const bool v6 = strchr(address, ':') != NULL;
	const struct vx_dns_answer *a =
	    vx_diag_look(d, v6 ? VX_DNS_AAAA : VX_DNS_A, "", d->f.hostname);
	char each[VX_DNS_NAME_MAX + 1];
	bool named = false;

	name[0] = '\0';
	for (size_t i = 0; i < ptr->count; i++) {
		if (vx_dns_read_name(ptr->rdata[i], each) != VX_OK)
			continue;
		if (name[0] == '\0')
			memcpy(name, each, sizeof(each));
		named = named || vx_diag_is_host(d, each);
		/* what is said is what was found */
		if (vx_diag_is_host(d, each))
			memcpy(name, each, sizeof(each));
	}
	/* that the name leads back is dns.host's affair, whatever its reason */
	return named && a != NULL;
}

static enum vx_diag_verdict check_ptr(
    struct vx_diag *d, struct vx_diag_finding *f, bool v6)
{
	enum vx_diag_verdict v = VX_DIAG_NA;
	char name[VX_DNS_NAME_MAX + 1];

	if (d->f.relay_host != NULL) {
		vx_diag_seen(f, "not required: mail leaves by %s", d->f.relay_host);
		return VX_DIAG_NA;
	}
	for (size_t i = 0; i < d->f.address_count; i++) {
		const char *address = d->f.addresses[i];
		const struct vx_dns_answer *a;

		if ((strchr(address, ':') != NULL) != v6)
			continue;
		a = vx_diag_look_ptr(d, address);
		if (!vx_diag_spoken(a))
			continue;
		if (confirmed(d, a, address, name)) {
			v = v == VX_DIAG_FAIL ? v : VX_DIAG_PASS;
			vx_diag_seen(f, "%s is %s; ", address, name);
			continue;
		}
		vx_diag_seen(f, "%s is %s; ", address, *name == '\0' ? "nobody" : name);
		vx_diag_fix(f, "the PTR record of %s has to be %s (%s); ", address,
		    d->f.hostname, vx_diag_reverse_hint(name));
		v = VX_DIAG_FAIL;
	}
	if (v == VX_DIAG_NA)
		vx_diag_seen(f, "no such address, or no answer");
	return v;
}

static enum vx_diag_verdict ptr(struct vx_diag *d, struct vx_diag_finding *f)
{
	return check_ptr(d, f, false);
}

static enum vx_diag_verdict ptr6(struct vx_diag *d, struct vx_diag_finding *f)
{
	const enum vx_diag_verdict v = check_ptr(d, f, true);

	if (v == VX_DIAG_FAIL)
		vx_diag_fix(f, "or take the AAAA record out and do not send by IPv6");
	return v;
}

/* Is there a record for a key, 3 1 1? */
static bool names_key(const struct vx_dns_answer *a, const char *digest)
{
	struct vx_dns_tlsa t;
	bool found = false;

	for (size_t i = 0; i < a->count && !found; i++) {
		struct vx_buf hex = { .max = 200 };

		if (vx_dns_read_tlsa(a->rdata[i], &t) == VX_OK && t.usage == 3 &&
		    t.selector == 1 && t.matching == 1)
			vx_hex_add(&hex, vx_slice_head(t.data, 64));
		found =
		    hex.len > 0 && vx_slice_eq(vx_buf_slice(&hex), vx_slice_str(digest));
		vx_buf_done(&hex);
	}
	return found;
}

static void say_records(struct vx_diag_finding *f, const struct vx_dns_answer *a)
{
	struct vx_dns_tlsa t;

	for (size_t i = 0; i < a->count; i++) {
		struct vx_buf hex = { .max = 200 };

		if (vx_dns_read_tlsa(a->rdata[i], &t) != VX_OK)
			continue;
		vx_hex_add(&hex, vx_slice_head(t.data, 64));
		vx_diag_seen(f, "%s%u %u %u %.*s", i > 0 ? ", " : "", t.usage, t.selector,
		    t.matching, (int)hex.len, hex.len > 0 ? hex.ptr : "");
		vx_buf_done(&hex);
	}
}

/* Whichever of the keys a client gets, there has to be a record for it. */
static enum vx_diag_verdict tlsa(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_dns_answer *a =
	    vx_diag_look(d, VX_DNS_TLSA, "_25._tcp", d->f.hostname);
	const char *const keys[] = { d->f.cert_digest, d->f.rsa_digest };
	size_t known = 0, missing = 0;

	if (!vx_diag_spoken(a))
		return vx_diag_silent(f);
	if (a->status != VX_DNS_FOUND)
		vx_diag_seen(f, "there are none");
	say_records(f, a);
	if (a->status == VX_DNS_FOUND && !a->secure) {
		vx_diag_fix(f, "sign the zone of %s, or take the TLSA records out",
		    d->f.hostname);
		return VX_DIAG_FAIL;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && a->secure; i++) {
		if (keys[i] == NULL || keys[i][0] == '\0')
			continue;
		known++;
		if (names_key(a, keys[i]))
			continue;
		vx_diag_fix(f, "%s_25._tcp.%s TLSA 3 1 1 %s", missing > 0 ? "; " : "",
		    d->f.hostname, keys[i]);
		missing++;
	}
	if (a->status != VX_DNS_FOUND)
		return missing > 0 ? VX_DIAG_INFO : VX_DIAG_PASS;
	if (known == 0)
		vx_diag_fix(f, "take the TLSA records out: there is no certificate yet");
	return known == 0 || missing > 0 ? VX_DIAG_FAIL : VX_DIAG_PASS;
}

/* --- lists ----------------------------------------------------------------------------
 */

static enum vx_dnsbl_verdict ask_list(struct vx_diag *d, const struct vx_dnsbl *l,
    const char *address, bool *asked, char code[VX_DNS_ADDRESS_MAX + 1])
{
	struct vx_dns_question q;
	const struct vx_dns_answer *a = NULL;

	code[0] = '\0';
	if (vx_dnsbl_ask(l, address, &q) == VX_OK)
		a = vx_diag_look(d, q.type, "", q.name);
	*asked = a != NULL;
	return a == NULL ? VX_DNSBL_FAILED : vx_dnsbl_read(l, a, code);
}

/* Does it work?  One that is dead or refuses us says nothing. */
static bool list_works(struct vx_diag *d, const struct vx_dnsbl *l, bool *refused)
{
	char code[VX_DNS_ADDRESS_MAX + 1];
	bool asked;
	const enum vx_dnsbl_verdict listed =
	    ask_list(d, l, VX_DNSBL_TEST_LISTED, &asked, code);
	const enum vx_dnsbl_verdict other =
	    ask_list(d, l, VX_DNSBL_TEST_NOT, &asked, code);

	*refused = listed == VX_DNSBL_REFUSED || other == VX_DNSBL_REFUSED;
	return vx_dnsbl_works(listed, other);
}

static enum vx_diag_verdict no_lists(struct vx_diag_finding *f)
{
	vx_diag_seen(f, "no lists are configured");
	return VX_DIAG_NA;
}

/* When nobody at all answers, that a list does not says nothing of the list. */
static bool anybody_answers(const struct vx_diag *d)
{
	for (size_t i = 0; i < d->known_count; i++)
		if (vx_diag_spoken(d->known[i].answer))
			return true;
	return false;
}

static enum vx_diag_verdict listed(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_PASS;
	char code[VX_DNS_ADDRESS_MAX + 1];
	bool asked, refused;
	size_t working = 0;

	if (d->f.list_count == 0)
		return no_lists(f);
	for (size_t i = 0; i < d->f.list_count; i++) {
		const struct vx_dnsbl *l = &d->f.lists[i];
		const bool works = list_works(d, l, &refused);

		working += works;
		for (size_t k = 0; k < d->f.address_count; k++) {
			if (ask_list(d, l, d->f.addresses[k], &asked, code) !=
				VX_DNSBL_LISTED ||
			    !works)
				continue;
			vx_diag_seen(
			    f, "%s is in %s (%s); ", d->f.addresses[k], l->zone, code);
			vx_diag_fix(f,
			    "look up %s at the site of %s, remove the cause and ask to "
			    "be "
			    "taken out; ",
			    d->f.addresses[k], l->zone);
			v = VX_DIAG_FAIL;
		}
	}
	if (v != VX_DIAG_PASS)
		return v;
	vx_diag_seen(f,
	    working > 0 ? "in none of %zu lists" : "none of %zu lists answers",
	    d->f.list_count);
	return working > 0 ? v : VX_DIAG_NA;
}

static enum vx_diag_verdict check_lists(
    struct vx_diag *d, struct vx_diag_finding *f, bool want_refused)
{
	enum vx_diag_verdict v = VX_DIAG_PASS;

	if (d->f.list_count == 0)
		return no_lists(f);
	if (!anybody_answers(d))
		return vx_diag_silent(f);
	for (size_t i = 0; i < d->f.list_count; i++) {
		const char *zone = d->f.lists[i].zone;
		bool refused;

		if (list_works(d, &d->f.lists[i], &refused) || refused != want_refused)
			continue;
		vx_diag_seen(f,
		    want_refused ? "%s does not want to answer; "
				 : "%s does not list 127.0.0.2, or lists all; ",
		    zone);
		vx_diag_fix(f,
		    want_refused ? "ask %s without a public resolver (dns.upstream), or "
				   "with a key of your own; "
				 : "take %s out of the configuration; ",
		    zone);
		v = VX_DIAG_WARN;
	}
	if (v == VX_DIAG_PASS)
		vx_diag_seen(f, "none of %zu", d->f.list_count);
	return v;
}

static enum vx_diag_verdict refused(struct vx_diag *d, struct vx_diag_finding *f)
{
	return check_lists(d, f, true);
}

static enum vx_diag_verdict dead(struct vx_diag *d, struct vx_diag_finding *f)
{
	return check_lists(d, f, false);
}

static enum vx_diag_verdict ttl(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_MX, "", d->f.domain);

	if (!vx_diag_spoken(a) || a->count == 0)
		return vx_diag_silent(f);
	vx_diag_seen(f, "MX may be kept for %u seconds", (unsigned)a->ttl);
	return a->ttl < LOW_TTL ? VX_DIAG_INFO : VX_DIAG_PASS;
}

const struct vx_diag_row vx_diag_dns_rows[] = {
	{ "DX-CF-11", "dns.dnssec", "the domain can be looked up", dnssec,
	    "who validates finds nothing: no mail comes, and no certificate is given",
	    "the TTL of the DS record, up to a day" },
	{ "DX-DN-01", "dns.mx", "mail for the domain comes here", mx,
	    "mail goes elsewhere or back to its sender", "5 minutes" },
	{ "DX-DN-02", "dns.host", "the server's name leads to it", vx_diag_check_host,
	    "mail and clients do not find the server", "5 minutes" },
	{ "DX-DN-03", "dns.ptr", "IPv4 addresses are named like the server", ptr,
	    "large receivers refuse mail from addresses without a name, or with "
	    "another's",
	    "up to a day" },
	{ "DX-DN-04", "dns.ptr6", "IPv6 addresses are named like the server", ptr6,
	    "Gmail and Outlook refuse mail that comes by IPv6 without it",
	    "up to a day" },
	{ "DX-DN-22", "dane.tlsa", "TLSA records name the key that is served", tlsa,
	    "servers that check them do not deliver", "the TTL of the records" },
	{ "DX-DN-24", "rbl.listed", "no list has an address of this server", listed,
	    "servers that ask the list refuse mail", "hours to days" },
	{ "DX-DN-25", "rbl.refused", "lists answer", refused,
	    "a list that does not answer counts for nothing", "none" },
	{ "DX-DN-26", "rbl.dead", "lists work", dead,
	    "a list that lists everybody, or nobody, is out of service", "none" },
	{ "DX-DN-28", "dns.ttl", "how long records are kept", ttl, "", "none" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
