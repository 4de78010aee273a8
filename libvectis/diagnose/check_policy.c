/*
 * What a domain says of itself to others beside its mail records: who may issue
 * certificates (CAA), that TLS is not to be left away (MTA-STS), where reports of that go
 * (TLS-RPT), and where clients find its services (SRV).
 */
#include "diagnose/diagnose.h"

#include "vectis/caa.h"
#include "vectis/network.h"
#include "vectis/sts.h"

#include <stdio.h>

#define NAMES_MAX 20 /* that authorities are asked for; more are not looked at */

static bool is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

/* --- CAA ------------------------------------------------------------------------------
 */

static size_t split(const char *text, char words[VX_CAA_METHODS_MAX][32],
    const char *out[VX_CAA_METHODS_MAX])
{
	vx_slice rest = vx_slice_str(text == NULL ? "" : text), word;
	size_t n = 0;

	while (rest.len > 0 && n < VX_CAA_METHODS_MAX) {
		(void)vx_slice_cut(&rest, ' ', &word);
		(void)snprintf(words[n], sizeof(words[n]), "%.*s", (int)word.len,
		    word.len > 0 ? word.ptr : "");
		out[n] = words[n];
		n++;
	}
	return n;
}

/* May it issue for the name?  False: there is an answer still to come. */
static bool may_issue(struct vx_diag *d, const struct vx_zone_authority *a,
    const char *name, bool wildcard, struct vx_caa_result *out)
{
	char words[VX_CAA_METHODS_MAX][32];
	const char *methods[VX_CAA_METHODS_MAX];
	const struct vx_caa_options o = { .name = name,
		.wildcard = wildcard,
		.issuers = a->issuer,
		.account = a->account == NULL ? "" : a->account,
		.methods = methods,
		.method_count = split(d->f.acme_methods, words, methods) };
	const struct vx_dns_answer *answer;
	struct vx_dns_question q;
	struct vx_caa c;

	vx_caa_begin(&c, &o);
	while (vx_caa_next(&c, &q) == VX_WAIT) {
		answer = vx_diag_look(d, q.type, "", q.name);
		if (answer == NULL)
			return false;
		vx_caa_answer(&c, answer);
	}
	*out = c.result;
	return true;
}

/* One name, with all who are asked for it: it is enough for an order that one may. */
static enum vx_diag_verdict caa_of(
    struct vx_diag *d, struct vx_diag_finding *f, const char *name, bool wildcard)
{
	size_t forbidden = 0;

	for (size_t i = 0; i < d->f.authority_count; i++) {
		const struct vx_zone_authority *const a = &d->f.authorities[i];
		struct vx_caa_result r;

		if (!may_issue(d, a, name, wildcard, &r) || r.verdict == VX_CAA_SILENT)
			return VX_DIAG_NA;
		if (r.verdict == VX_CAA_ALLOWED)
			continue;
		vx_diag_seen(f, "%s may not issue for %s%s, as %s says; ", a->issuer,
		    wildcard ? "*." : "", name, r.where);
		vx_diag_fix(f, "%s; ", r.text);
		forbidden++;
	}
	return forbidden == 0                      ? VX_DIAG_PASS
	       : forbidden == d->f.authority_count ? VX_DIAG_FAIL
						   : VX_DIAG_WARN;
}

/* The next name that CAA is asked about: an address has none (RFC 8738 5). */
static bool next_name(vx_slice *rest, char out[VX_DNS_NAME_MAX + 1], bool *wildcard)
{
	struct vx_network n;
	vx_slice word;
	bool exact;

	while (rest->len > 0) {
		(void)vx_slice_cut(rest, ' ', &word);
		*wildcard = vx_slice_has_prefix(word, VX_S("*."));
		if (*wildcard)
			word = vx_slice_from(word, 2);
		if (vx_network_parse(word, &n, &exact) != VX_OK &&
		    vx_dns_name(word, out) == VX_OK && vx_dns_is_host(out))
			return true;
	}
	return false;
}

static enum vx_diag_verdict caa(struct vx_diag *d, struct vx_diag_finding *f)
{
	vx_slice rest = vx_slice_str(d->f.acme_names == NULL ? "" : d->f.acme_names);
	enum vx_diag_verdict v, worst = VX_DIAG_PASS;
	char name[VX_DNS_NAME_MAX + 1];
	size_t known = 0, n = 0;
	bool wildcard;

	if (d->f.authority_count == 0 || rest.len == 0) {
		vx_diag_seen(f, "skipped: no authority is asked for certificates");
		return VX_DIAG_NA;
	}
	for (; n < NAMES_MAX && next_name(&rest, name, &wildcard); n++) {
		v = caa_of(d, f, name, wildcard);
		known += v != VX_DIAG_NA;
		if (v != VX_DIAG_NA && v > worst)
			worst = v;
	}
	if (worst != VX_DIAG_PASS)
		return worst;
	if (known == 0)
		return vx_diag_silent(f);
	vx_diag_seen(f, "%s may issue for %s", d->f.authorities[0].issuer,
	    known == 1 ? "the name that is asked for" : "all names that are asked for");
	return VX_DIAG_PASS;
}

/* --- MTA-STS --------------------------------------------------------------------------
 */

/* Which MX would not be used by who heeds the policy; "": none. */
static void find_outside(
    struct vx_diag *d, const struct vx_sts_policy *p, char out[VX_DNS_NAME_MAX + 1])
{
	struct vx_diag_mx mx;

	out[0] = '\0';
	vx_diag_read_mx(d, &mx);
	for (size_t i = 0; i < mx.count && out[0] == '\0'; i++)
		if (!vx_sts_matches(p, mx.hosts[i].host))
			memcpy(out, mx.hosts[i].host, sizeof(mx.hosts[i].host));
}

static enum vx_diag_verdict policy_of(
    struct vx_diag *d, struct vx_diag_finding *f, vx_slice text)
{
	char outside[VX_DNS_NAME_MAX + 1];
	struct vx_error err = { .text = "" };
	struct vx_sts_policy p;

	if (vx_sts_parse(text, &p, &err) != VX_OK) {
		vx_diag_seen(
		    f, "the policy that is served cannot be read: %.200s", err.text);
		vx_diag_fix(f, "serve what \"vectisctl dns plan %s\" shows", d->f.domain);
		return VX_DIAG_WARN;
	}
	vx_diag_seen(f, "the mode is %s", vx_sts_mode_name(p.mode));
	find_outside(d, &p, outside);
	if (outside[0] != '\0') {
		vx_diag_seen(f, ", and %s is none of its servers", outside);
		vx_diag_fix(f,
		    "let the policy name all MX: \"vectisctl dns plan %s\" shows it",
		    d->f.domain);
		return p.mode == VX_STS_ENFORCE ? VX_DIAG_FAIL : VX_DIAG_WARN;
	}
	if (is_set(d->f.sts_mode) &&
	    strcmp(d->f.sts_mode, vx_sts_mode_name(p.mode)) != 0) {
		vx_diag_seen(f, ", declared is %s", d->f.sts_mode);
		vx_diag_fix(f, "serve what \"vectisctl dns plan %s\" shows", d->f.domain);
		return VX_DIAG_WARN;
	}
	return VX_DIAG_PASS;
}

static enum vx_diag_verdict mta_sts(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_dns_answer *const a =
	    vx_diag_look(d, VX_DNS_TXT, "_mta-sts", d->f.domain);
	const struct vx_diag_web *const w = d->f.sts;
	char id[VX_STS_ID_MAX + 1];
	int rc;

	if (!vx_diag_spoken(a))
		return vx_diag_silent(f);
	rc = vx_sts_read_txt(a, id);
	if (rc != VX_OK && !is_set(d->f.sts_mode) && rc == VX_ENOENT) {
		vx_diag_seen(f, "there is none");
		return VX_DIAG_NA;
	}
	if (rc != VX_OK) {
		vx_diag_seen(f, rc == VX_ENOENT ? "it is declared and has no record"
						: "its record cannot be read");
		vx_diag_fix(f, "vectisctl dns apply %s", d->f.domain);
		return VX_DIAG_WARN;
	}
	if (w == NULL) {
		vx_diag_seen(f, "the record has id %s; the policy was not asked for", id);
		return VX_DIAG_NA;
	}
	if (w->result == VX_FETCH_ANSWERED && w->status == 200)
		return policy_of(d, f, w->body);
	vx_diag_seen(f, "there is a record, and https://mta-sts.%s ", d->f.domain);
	if (w->result == VX_FETCH_ANSWERED)
		vx_diag_seen(f, "answers %u", w->status);
	else
		vx_diag_seen(f, "does not answer: %.200s",
		    is_set(w->problem) ? w->problem : "wrong certificate");
	vx_diag_fix(f,
	    "serve the policy there, as /.well-known/mta-sts.txt, or take the record "
	    "out: "
	    "vectisctl domain set %s --mta-sts none; vectisctl dns apply %s",
	    d->f.domain, d->f.domain);
	return VX_DIAG_WARN;
}

/* --- TLS-RPT --------------------------------------------------------------------------
 */

/* RFC 8460 3: exactly one record that begins so, or there is none. */
static enum vx_diag_verdict tls_rpt(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_dns_answer *const a =
	    vx_diag_look(d, VX_DNS_TXT, "_smtp._tls", d->f.domain);
	size_t n = 0;

	if (!vx_diag_spoken(a))
		return vx_diag_silent(f);
	for (size_t i = 0; i < a->count; i++) {
		struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };

		if (vx_dns_read_txt(a->rdata[i], &text) == VX_OK &&
		    vx_slice_has_prefix(vx_buf_slice(&text), VX_S("v=TLSRPTv1;")) &&
		    ++n == 1)
			vx_diag_seen(f, "%.*s", (int)text.len, text.ptr);
		vx_buf_done(&text);
	}
	if (n == 0) {
		vx_diag_seen(f, "there is none");
		return VX_DIAG_NA;
	}
	if (n == 1)
		return VX_DIAG_PASS;
	vx_diag_seen(f, "; there are %zu records, which are as if there was none", n);
	vx_diag_fix(f, "leave one TXT record at _smtp._tls.%s", d->f.domain);
	return VX_DIAG_WARN;
}

/* --- SRV ------------------------------------------------------------------------------
 */

struct service {
	const char *name, *port_name;
	uint16_t port; /* its usual one */
};
static const struct service services[] = {
	{ "_submissions._tcp", "submissions", 465 },
	{ "_submission._tcp", "submission", 587 },
	{ "_imaps._tcp", "imaps", 993 },
	{ "_pop3s._tcp", "pop3s", 995 },
};

static bool listens(const struct vx_diag *d, const struct service *s, uint16_t port)
{
	for (size_t i = 0; i < d->f.port_count; i++)
		if (strcmp(d->f.ports[i].name, s->port_name) == 0)
			return port == s->port || port == d->f.ports[i].port;
	return false;
}

/* RFC 2782: priority, weight, port and target, of which the root means that it is not
 * there. */
static bool is_led_astray(
    struct vx_diag *d, struct vx_diag_finding *f, const struct service *s, vx_slice rdata)
{
	char host[VX_DNS_NAME_MAX + 1];
	unsigned port;

	if (rdata.len < 6 || vx_dns_read_name(vx_slice_from(rdata, 6), host) != VX_OK ||
	    host[0] == '\0' || vx_zone_is_substitute(host)) /* cf.dc_record says so */
		return false;
	port = (unsigned)(unsigned char)rdata.ptr[4] << 8 | (unsigned char)rdata.ptr[5];
	if (vx_diag_is_host(d, host) && listens(d, s, (uint16_t)port))
		return false;
	if (!vx_diag_is_host(d, host) && is_set(d->f.cert_names) &&
	    vx_diag_covers(d->f.cert_names, host) && listens(d, s, (uint16_t)port))
		return false;
	vx_diag_seen(f, "%s.%s leads to %s, port %u; ", s->name, d->f.domain, host, port);
	return true;
}

static enum vx_diag_verdict srv(struct vx_diag *d, struct vx_diag_finding *f)
{
	size_t found = 0, astray = 0;

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		const struct vx_dns_answer *const a =
		    vx_diag_look(d, VX_DNS_SRV, services[i].name, d->f.domain);

		for (size_t k = 0; vx_diag_spoken(a) && k < a->count; k++) {
			found++;
			astray += is_led_astray(d, f, &services[i], a->rdata[k]);
		}
	}
	if (astray > 0) {
		vx_diag_fix(f,
		    "lead them to %s and to ports that listen: vectisctl dns apply %s",
		    d->f.hostname, d->f.domain);
		return VX_DIAG_WARN;
	}
	if (found == 0)
		vx_diag_seen(f, "there are none: clients guess, or ask");
	else
		vx_diag_seen(f, "they lead to this server");
	return found == 0 ? VX_DIAG_NA : VX_DIAG_PASS;
}

const struct vx_diag_row vx_diag_policy_rows[] = {
	{ "TLS-01", "acme.caa", "authorities may issue", caa,
	    "no certificate is given, and none is renewed", "1 hour" },
	{ "DNS-38", "sts.policy", "MTA-STS says what is so", mta_sts,
	    "servers that heed it do not deliver, or nobody heeds it", "1 hour" },
	{ "DNS-38", "tls.reports", "reports about TLS come here", tls_rpt,
	    "nobody tells that TLS with this server fails", "1 hour" },
	{ "DNS-39", "dns.srv", "SRV records lead clients here", srv,
	    "clients are set up wrong", "1 hour" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
