/* What there has to be in the DNS for a domain's mail (features 2.1). */
#include "base/chars.h"
#include "zone/content.h"
#include "zone/persist.h"
#include "zone/spf.h"

#include <stdio.h>

#define PLAN_OCTETS_MAX ((size_t)1 << 20)
#define PREFERENCE 10        /* of our MX */
#define BACKUP_PREFERENCE 50 /* of the first of Cloudflare's */

static const char *const purposes[VX_ZONE_PURPOSES] = {
	[VX_ZONE_HOST] = "host",
	[VX_ZONE_MX] = "mx",
	[VX_ZONE_SPF] = "spf",
	[VX_ZONE_DKIM] = "dkim",
	[VX_ZONE_DMARC] = "dmarc",
	[VX_ZONE_MTA_STS] = "mta-sts",
	[VX_ZONE_TLS_RPT] = "tls-rpt",
	[VX_ZONE_TLSA] = "tlsa",
	[VX_ZONE_CAA] = "caa",
	[VX_ZONE_SRV] = "srv",
	[VX_ZONE_AUTOCONFIG] = "autoconfig",
	[VX_ZONE_AUTODISCOVER] = "autodiscover",
	[VX_ZONE_PERSIST] = "persist",
	[VX_ZONE_VERIFY] = "verify",
	[VX_ZONE_ADMIN] = "admin",
};

const char *vx_zone_purpose_name(enum vx_zone_purpose p)
{
	return (unsigned)p < VX_ZONE_PURPOSES ? purposes[p] : "?";
}

bool vx_zone_is_each_servers(enum vx_zone_purpose p)
{
	return p == VX_ZONE_DKIM || p == VX_ZONE_ADMIN;
}

struct planning {
	const struct vx_zone_wish *w;
	struct vx_zone_plan *p;
	int rc;
};

/* Add a record at prefix and name; what cannot be is noted in rc. */
static void want(struct planning *g, enum vx_zone_purpose purpose, bool required,
    const char *type, const char *prefix, const char *name, vx_slice content)
{
	struct vx_zone_plan *p = g->p;
	struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };
	struct vx_dns_question q;
	char mark[32 + VX_ZONE_INSTALL_MAX];
	/* a key waits by the TTL of its TLSA records: that stays short */
	const uint32_t ttl = purpose == VX_ZONE_TLSA && g->w->ttl > VX_ZONE_TTL_SETUP
				 ? VX_ZONE_TTL_SETUP
				 : g->w->ttl;
	struct vx_zone_want *each = &p->wants[p->count];

	if (g->rc == VX_OK && p->count == VX_ZONE_PLAN_MAX)
		g->rc = VX_ELIMIT;
	if (g->rc == VX_OK)
		g->rc = vx_dns_ask(VX_DNS_TXT, prefix, vx_slice_str(name), &q);
	if (g->rc == VX_OK && vx_zone_content(type, content, &text) != VX_OK)
		g->rc = VX_EINVAL;
	if (g->rc != VX_OK || text.failed) {
		g->rc = g->rc != VX_OK ? g->rc : VX_ELIMIT;
		vx_buf_done(&text);
		return;
	}
	(void)snprintf(mark, sizeof(mark), VX_ZONE_MARK "%s%s%s", purposes[purpose],
	    vx_zone_is_each_servers(purpose) && p->install[0] != '\0' ? " " : "",
	    vx_zone_is_each_servers(purpose) ? p->install : "");
	*each = (struct vx_zone_want){ .purpose = purpose, .required = required };
	each->record = (struct vx_zone_record){
		.name = vx_arena_dup(&p->arena, vx_slice_str(q.name)),
		.type = type,
		.content = vx_arena_dup(&p->arena, vx_buf_slice(&text)),
		.comment = vx_arena_dup(&p->arena, vx_slice_str(mark)),
		.id = "",
		.ttl = ttl,
	};
	vx_buf_done(&text);
	if (each->record.name == NULL || each->record.content == NULL ||
	    each->record.comment == NULL)
		g->rc = VX_ELIMIT;
	else
		p->count++;
}

static void want_text(struct planning *g, enum vx_zone_purpose purpose, bool required,
    const char *type, const char *prefix, const char *name, const char *content)
{
	want(g, purpose, required, type, prefix, name, vx_slice_str(content));
}

static bool is_ip6(const char *address)
{
	return strchr(address, ':') != NULL;
}

/* A and AAAA: never proxied, since only HTTP passes Cloudflare's proxies (DNS-12). */
static void want_host(struct planning *g)
{
	for (size_t i = 0; i < g->w->address_count; i++)
		want_text(g, VX_ZONE_HOST, true,
		    is_ip6(g->w->addresses[i]) ? "AAAA" : "A", "", g->p->hostname,
		    g->w->addresses[i]);
}

/*
 * For browsers: the one record of ours that is proxied, so that its answer is not where
 * the mail is.  A provider that proxies sets the TTL itself.
 */
static void want_admin(struct planning *g)
{
	struct vx_zone_plan *const p = g->p;

	for (size_t i = 0; i < g->w->address_count && p->admin_host[0] != '\0'; i++) {
		want_text(g, VX_ZONE_ADMIN, false,
		    is_ip6(g->w->addresses[i]) ? "AAAA" : "A", "", p->admin_host,
		    g->w->addresses[i]);
		if (g->rc != VX_OK)
			return;
		p->wants[p->count - 1].record.proxied = true;
		p->wants[p->count - 1].record.ttl = 0;
	}
}

static void want_mx(struct planning *g)
{
	char content[VX_DNS_NAME_MAX + 16];

	(void)snprintf(content, sizeof(content), "%d %s", PREFERENCE, g->p->hostname);
	want_text(g, VX_ZONE_MX, true, "MX", "", g->p->domain, content);
	for (int i = 1; g->p->backup == VX_ZONE_BACKUP_CLOUDFLARE && i <= 3; i++) {
		(void)snprintf(content, sizeof(content), "%d route%d.mx.cloudflare.net",
		    BACKUP_PREFERENCE + i, i);
		want_text(g, VX_ZONE_MX, true, "MX", "", g->p->domain, content);
	}
	if (g->p->backup == VX_ZONE_BACKUP_HOST) {
		(void)snprintf(content, sizeof(content), "%d %s", BACKUP_PREFERENCE,
		    g->p->backup_host);
		want_text(g, VX_ZONE_MX, true, "MX", "", g->p->domain, content);
	}
}

/* Nobody may send before it was seen (OUT-25). */
static void want_verify(struct planning *g)
{
	if (g->w->verify != NULL)
		want_text(g, VX_ZONE_VERIFY, !g->w->verified, "TXT", "", g->p->domain,
		    g->w->verify);
}

/* v=spf1 mx a ip4:... ip6:... -all (features 15) */
static void want_spf(struct planning *g)
{
	struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };

	vx_buf_add_str(&text, "v=spf1 mx a");
	for (size_t i = 0; i < g->w->address_count; i++) {
		const char *address = g->w->addresses[i];

		vx_buf_add_str(&text, is_ip6(address) ? " ip6:" : " ip4:");
		if (vx_zone_content(is_ip6(address) ? "AAAA" : "A", vx_slice_str(address),
			&text) != VX_OK)
			g->rc = VX_EINVAL;
	}
	if (g->w->spf_more != NULL && *g->w->spf_more != '\0')
		vx_buf_printf(&text, " %s", g->w->spf_more);
	if (g->p->backup == VX_ZONE_BACKUP_CLOUDFLARE)
		vx_buf_add_str(&text, " " VX_ZONE_SPF_CLOUDFLARE);
	if (g->p->backup == VX_ZONE_BACKUP_HOST)
		vx_buf_printf(&text, " " VX_ZONE_SPF_HOST "%s", g->p->backup_host);
	vx_buf_add_str(&text, g->w->spf_soft ? " ~all" : " -all");
	if (text.failed)
		g->rc = VX_ELIMIT;
	want(g, VX_ZONE_SPF, true, "TXT", "", g->p->domain, vx_buf_slice(&text));
	vx_buf_done(&text);
}

static void want_dkim(struct planning *g)
{
	char prefix[VX_DNS_NAME_MAX + 16];

	for (size_t i = 0; i < g->w->dkim_count; i++) {
		(void)snprintf(prefix, sizeof(prefix), "%.*s._domainkey", VX_DNS_NAME_MAX,
		    g->w->dkim[i].selector);
		want_text(g, VX_ZONE_DKIM, true, "TXT", prefix, g->p->domain,
		    g->w->dkim[i].record);
	}
}

static const char *policy_name(enum vx_dmarc_policy policy)
{
	return policy == VX_DMARC_NONE     ? "none"
	       : policy == VX_DMARC_REJECT ? "reject"
					   : "quarantine";
}

static void want_dmarc(struct planning *g)
{
	struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };

	vx_buf_printf(&text, "v=DMARC1; p=%s; rua=mailto:", policy_name(g->w->dmarc));
	if (g->w->dmarc_rua != NULL)
		vx_buf_add_str(&text, g->w->dmarc_rua);
	else
		vx_buf_printf(&text, "dmarc@%s", g->p->domain);
	vx_buf_add_str(&text, "; fo=1");
	want(g, VX_ZONE_DMARC, true, "TXT", "_dmarc", g->p->domain, vx_buf_slice(&text));
	vx_buf_done(&text);
}

/* The policy itself is served by HTTPS below mta-sts. (RFC 8461 3). */
static void want_mta_sts(struct planning *g)
{
	char text[VX_ZONE_CONTENT_MAX];

	if (g->w->mta_sts_id == NULL)
		return;
	(void)snprintf(text, sizeof(text), "v=STSv1; id=%.32s;", g->w->mta_sts_id);
	want_text(g, VX_ZONE_MTA_STS, false, "TXT", "_mta-sts", g->p->domain, text);
	want_text(
	    g, VX_ZONE_MTA_STS, false, "CNAME", "mta-sts", g->p->domain, g->p->hostname);
}

static void want_tls_rpt(struct planning *g)
{
	char text[512];

	if (g->w->tls_rua == NULL)
		return;
	(void)snprintf(
	    text, sizeof(text), "v=TLSRPTv1; rua=mailto:%.320s", g->w->tls_rua);
	want_text(g, VX_ZONE_TLS_RPT, false, "TXT", "_smtp._tls", g->p->domain, text);
}

/* 3 1 1 and nothing else: authorities change their intermediates as they like. */
static void want_tlsa(struct planning *g)
{
	char content[16 + 64 + 1];

	for (size_t i = 0; i < g->w->tlsa_count; i++) {
		if (strlen(g->w->tlsa[i]) != 64) {
			g->rc = VX_EINVAL;
			return;
		}
		(void)snprintf(content, sizeof(content), "3 1 1 %s", g->w->tlsa[i]);
		want_text(
		    g, VX_ZONE_TLSA, false, "TLSA", "_25._tcp", g->p->hostname, content);
	}
}

/*
 * At the server's name, not at the domain: a website there may have another authority,
 * and the search for CAA begins at the name itself (RFC 8659 3).
 */
static void want_caa(struct planning *g)
{
	bool wildcards = false;

	for (size_t i = 0; i < g->w->authority_count; i++) {
		const struct vx_zone_authority *a = &g->w->authorities[i];
		struct vx_buf value = { .max = 2048 };

		vx_buf_printf(&value, "0 issue \"%s", a->issuer);
		if (a->account != NULL)
			vx_buf_printf(&value, "; accounturi=%s", a->account);
		if (a->methods != NULL)
			vx_buf_printf(&value, "; validationmethods=%s", a->methods);
		vx_buf_add_char(&value, '"');
		want(g, VX_ZONE_CAA, false, "CAA", "", g->p->hostname,
		    vx_buf_slice(&value));
		vx_buf_done(&value);
		wildcards = wildcards || a->wildcard;
	}
	if (g->w->authority_count > 0 && !wildcards)
		want_text(g, VX_ZONE_CAA, false, "CAA", "", g->p->hostname,
		    "0 issuewild \";\"");
}

/* Of the names in this zone: a record is at the name itself, whoever's mail it is. */
static void want_proofs(struct planning *g)
{
	for (size_t i = 0; i < g->w->proof_count; i++) {
		const struct vx_zone_proof *p = &g->w->proofs[i];
		struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };
		char name[VX_DNS_NAME_MAX + 1];

		if (vx_dns_name(vx_slice_str(p->name), name) != VX_OK ||
		    !vx_dns_is_below(vx_slice_str(name), vx_slice_str(g->p->zone)))
			continue;
		vx_zone_write_proof(p, &text);
		if (text.failed)
			g->rc = VX_ELIMIT;
		else
			want(g, VX_ZONE_PERSIST, false, "TXT", VX_ZONE_PERSIST_LABEL,
			    name, vx_buf_slice(&text));
		vx_buf_done(&text);
	}
}

/* What tells a proof of ours from that of another server in the same zone. */
static void keep_accounts(struct planning *g)
{
	struct vx_buf all = { .max = VX_ZONE_CONTENT_MAX };

	for (size_t i = 0; i < g->w->proof_count; i++)
		vx_buf_printf(&all, " %s", g->w->proofs[i].account);
	for (size_t i = 0; i < g->w->authority_count; i++)
		if (g->w->authorities[i].account != NULL)
			vx_buf_printf(&all, " %s", g->w->authorities[i].account);
	g->p->accounts = vx_arena_dup(&g->p->arena, vx_buf_slice(&all));
	g->p->spf_merged = vx_arena_dup(&g->p->arena, vx_slice_str(g->w->spf_merged));
	if (all.failed || g->p->accounts == NULL || g->p->spf_merged == NULL)
		g->rc = VX_ELIMIT;
	vx_buf_done(&all);
}

/* RFC 6186, RFC 8314 5.1: what is not offered is said, too. */
static void want_srv(struct planning *g)
{
	static const struct {
		const char *prefix;
		unsigned bit, port, priority;
	} services[] = {
		{ "_submissions._tcp", VX_ZONE_SUBMISSIONS, 465, 0 },
		{ "_submission._tcp", VX_ZONE_SUBMISSION, 587, 10 },
		{ "_imaps._tcp", VX_ZONE_IMAPS, 993, 0 },
		{ "_imap._tcp", 0, 0, 0 },
		{ "_pop3s._tcp", VX_ZONE_POP3S, 995, 10 },
		{ "_pop3._tcp", 0, 0, 0 },
	};
	char content[VX_DNS_NAME_MAX + 32];

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		if ((g->w->services & services[i].bit) != 0)
			(void)snprintf(content, sizeof(content), "%u 1 %u %s",
			    services[i].priority, services[i].port, g->p->hostname);
		else if (g->w->services != 0)
			(void)snprintf(content, sizeof(content), "0 0 0 .");
		else
			continue;
		want_text(g, VX_ZONE_SRV, false, "SRV", services[i].prefix, g->p->domain,
		    content);
	}
}

static void want_autoconfig(struct planning *g)
{
	char content[VX_DNS_NAME_MAX + 16];

	if (!g->w->autoconfig)
		return;
	want_text(g, VX_ZONE_AUTOCONFIG, false, "CNAME", "autoconfig", g->p->domain,
	    g->p->hostname);
	want_text(g, VX_ZONE_AUTODISCOVER, false, "CNAME", "autodiscover", g->p->domain,
	    g->p->hostname);
	(void)snprintf(content, sizeof(content), "0 0 443 %s", g->p->hostname);
	want_text(g, VX_ZONE_AUTODISCOVER, false, "SRV", "_autodiscover._tcp",
	    g->p->domain, content);
}

static int take_install(const char *id, char out[VX_ZONE_INSTALL_MAX + 1])
{
	const vx_slice s = vx_slice_str(id);

	if (s.len > VX_ZONE_INSTALL_MAX)
		return VX_EINVAL;
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT))
			return VX_EINVAL;
	(void)snprintf(out, VX_ZONE_INSTALL_MAX + 1, "%s", id != NULL ? id : "");
	return VX_OK;
}

/* It is no name of mail: what is proxied takes none. */
static int take_admin_host(const struct vx_zone_wish *w, struct vx_zone_plan *p)
{
	if (vx_dns_name(vx_slice_str(w->admin_host), p->admin_host) != VX_OK)
		return VX_EINVAL;
	if (p->admin_host[0] == '\0')
		return VX_OK;
	if (!vx_dns_is_host(p->admin_host) || strcmp(p->admin_host, p->hostname) == 0)
		return VX_EINVAL;
	if (!vx_dns_is_below(vx_slice_str(p->admin_host), vx_slice_str(p->zone)))
		p->admin_host[0] = '\0';
	return VX_OK;
}

/* The names, checked: a zone, a domain in it, a host. */
static int names(const struct vx_zone_wish *w, struct vx_zone_plan *p)
{
	if (vx_dns_name(vx_slice_str(w->domain), p->domain) != VX_OK ||
	    vx_dns_name(vx_slice_str(w->hostname), p->hostname) != VX_OK ||
	    vx_dns_name(vx_slice_str(w->zone != NULL ? w->zone : w->domain), p->zone) !=
		VX_OK ||
	    vx_dns_name(vx_slice_str(w->former), p->former) != VX_OK ||
	    take_install(w->install, p->install) != VX_OK)
		return VX_EINVAL;
	if (w->backup == VX_ZONE_BACKUP_HOST &&
	    (vx_dns_name(vx_slice_str(w->backup_host), p->backup_host) != VX_OK ||
		!vx_dns_is_host(p->backup_host) ||
		strcmp(p->backup_host, p->hostname) == 0))
		return VX_EINVAL;
	if (!vx_dns_is_host(p->domain) || !vx_dns_is_host(p->hostname) ||
	    p->zone[0] == '\0' ||
	    !vx_dns_is_below(vx_slice_str(p->domain), vx_slice_str(p->zone)))
		return VX_EINVAL;
	p->with_host = vx_dns_is_below(vx_slice_str(p->hostname), vx_slice_str(p->zone));
	return take_admin_host(w, p);
}

int vx_zone_plan(const struct vx_zone_wish *w, struct vx_zone_plan *out)
{
	struct planning g = { .w = w, .p = out };

	out->count = 0;
	out->backup = w->backup;
	out->former[0] = out->backup_host[0] = out->install[0] = '\0';
	out->admin_host[0] = '\0';
	out->ttl_kept = w->ttl_kept;
	out->accounts = out->spf_merged = "";
	vx_arena_init(&out->arena, PLAN_OCTETS_MAX);
	g.rc = names(w, out);
	if (g.rc == VX_OK &&
	    (w->address_count > VX_ZONE_ADDRESSES_MAX ||
		w->dkim_count > VX_ZONE_KEYS_MAX || w->tlsa_count > VX_ZONE_KEYS_MAX ||
		w->authority_count > VX_ZONE_KEYS_MAX ||
		w->proof_count > VX_ZONE_PROOFS_MAX))
		g.rc = VX_ELIMIT;
	if (g.rc == VX_OK)
		keep_accounts(&g);
	if (g.rc != VX_OK)
		return g.rc;
	if (w->tlsa_only) {
		want_tlsa(&g);
		return g.rc;
	}
	if (out->with_host)
		want_host(&g);
	if (w->host_only)
		return g.rc;
	want_mx(&g);
	want_verify(&g);
	want_spf(&g);
	want_dkim(&g);
	want_dmarc(&g);
	want_mta_sts(&g);
	want_tls_rpt(&g);
	if (out->with_host) {
		want_tlsa(&g);
		want_caa(&g);
	}
	want_proofs(&g);
	want_srv(&g);
	want_autoconfig(&g);
	want_admin(&g);
	return g.rc;
}

void vx_zone_plan_done(struct vx_zone_plan *p)
{
	p->count = 0;
	vx_arena_done(&p->arena);
}

/* --- MTA-STS -------------------------------------------------------------------------
 */

static int write_mx(const char *name, struct vx_buf *out)
{
	char host[VX_DNS_NAME_MAX + 1];

	if (name == NULL || vx_dns_name(vx_slice_str(name), host) != VX_OK ||
	    !vx_dns_is_host(host))
		return VX_EINVAL;
	vx_buf_printf(out, "mx: %s\r\n", host);
	return VX_OK;
}

int vx_zone_write_sts(
    const struct vx_zone_wish *w, bool enforce, const char *beside, struct vx_buf *out)
{
	int rc;

	vx_buf_printf(
	    out, "version: STSv1\r\nmode: %s\r\n", enforce ? "enforce" : "testing");
	rc = write_mx(w->hostname, out);
	if (rc == VX_OK && beside != NULL)
		rc = write_mx(beside, out);
	if (rc == VX_OK && w->backup == VX_ZONE_BACKUP_HOST)
		rc = write_mx(w->backup_host, out);
	if (w->backup == VX_ZONE_BACKUP_CLOUDFLARE)
		vx_buf_add_str(out, "mx: *.mx.cloudflare.net\r\n");
	vx_buf_printf(out, "max_age: %d\r\n", VX_ZONE_STS_AGE);
	return rc;
}
