/* What is known of a domain and its server, and conversations with Cloudflare. */
#include "vectisctl/dns.h"
#include "vectisctl/history.h"

#include "vectis/address.h"
#include "vectis/crypto.h"
#include "vectis/date.h"
#include "vectis/memory.h"
#include "vectis/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ARENA_MAX ((size_t)1 << 20)
#define ASK_MS 5000
#define POLICY_MAX 4096

/* --- addresses ------------------------------------------------------------------------
 */

static void add_address(struct ctl_dns *d, const char *text)
{
	if (d->address_count < VX_ZONE_ADDRESSES_MAX)
		d->addresses[d->address_count++] = text;
}

/* As records have it, whatever way it was written. */
static void add_configured(struct ctl_dns *d, const char *text)
{
	struct vx_buf address = { .max = INET6_ADDRSTRLEN };

	if (vx_zone_content(strchr(text, ':') != NULL ? "AAAA" : "A", vx_slice_str(text),
		&address) == VX_OK)
		add_address(d, vx_arena_dup(&d->arena, vx_buf_slice(&address)));
	vx_buf_done(&address);
}

static void add_interface(struct ctl_dns *d, const struct ifaddrs *i)
{
	char text[INET6_ADDRSTRLEN];
	const void *octets;

	if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0)
		return;
	if (i->ifa_addr->sa_family == AF_INET)
		octets =
		    &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr;
	else if (i->ifa_addr->sa_family == AF_INET6)
		octets =
		    &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
	else
		return;
	if (inet_ntop(i->ifa_addr->sa_family, octets, text, sizeof(text)) != NULL &&
	    vx_network_is_public(text))
		add_address(d, vx_arena_dup(&d->arena, vx_slice_str(text)));
}

void ctl_dns_addresses(struct ctl *c, struct ctl_dns *d)
{
	struct ifaddrs *all = NULL;

	for (size_t i = 0; i < c->config->dns_addresses.count; i++)
		add_configured(d, c->config->dns_addresses.items[i]);
	if (d->address_count == 0 && getifaddrs(&all) == 0) {
		for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
			add_interface(d, i);
		freeifaddrs(all);
	}
}

static int find_addresses(struct ctl *c, struct ctl_dns *d)
{
	ctl_dns_addresses(c, d);
	if (d->address_count == 0)
		return ctl_fail(c, CTL_FAILED,
		    "no public address of this server is known: set dns.addresses in %s",
		    c->config_path);
	return CTL_OK;
}

/* --- keys -----------------------------------------------------------------------------
 */

/* Those that sign, will sign, or did a short while ago. */
static int find_dkim(struct ctl *c, struct ctl_dns *d)
{
	const uint64_t now = (uint64_t)time(NULL);
	const uint64_t keep = (uint64_t)CTL_DKIM_KEEP_DAYS * 86400;
	char selector[VX_DKIM_SELECTOR_MAX + 1] = "";
	struct vx_dkim_key k;
	struct vx_view *v = NULL;
	int rc = vx_view_begin(c->store, &v);

	while (rc == VX_OK && (rc = vx_dkim_key_next(v, vx_slice_str(d->domain),
				   vx_slice_str(selector), &k)) == VX_OK) {
		struct vx_buf text = { .max = 4096 };
		struct vx_zone_dkim *each = &d->dkim[d->dkim_count];

		(void)snprintf(selector, sizeof(selector), "%.*s", (int)k.selector.len,
		    k.selector.ptr);
		if ((k.until == 0 || now < k.until + keep) &&
		    d->dkim_count < VX_DKIM_DOMAIN_KEYS_MAX &&
		    ctl_dkim_record(k.pem, &text) == VX_OK) {
			each->selector = vx_arena_dup(&d->of_domain, k.selector);
			each->record = vx_arena_dup(&d->of_domain, vx_buf_slice(&text));
			d->keys[d->dkim_count] =
			    (struct vx_diag_key){ .selector = each->selector,
				    .record = each->record,
				    .signs = vx_dkim_key_signs(&k, now),
				    .from = (int64_t)k.from,
				    .until = (int64_t)k.until };
			d->dkim_count += each->selector != NULL && each->record != NULL;
		}
		vx_buf_done(&text);
	}
	if (v != NULL)
		vx_view_end(v);
	return rc == VX_ENOENT ? CTL_OK : ctl_fail(c, CTL_FAILED, "%s", vx_strerror(rc));
}

static void add_tlsa(struct ctl_dns *d, const char *digest)
{
	for (size_t i = 0; i < d->tlsa_count; i++)
		if (strcmp(d->tlsa[i], digest) == 0)
			return;
	if (digest[0] == '\0' || d->tlsa_count == VX_ZONE_KEYS_MAX)
		return;
	d->tlsa[d->tlsa_count] = vx_arena_dup(&d->arena, vx_slice_str(digest));
	d->tlsa_count += d->tlsa[d->tlsa_count] != NULL;
}

/* Is name one of those that are separated by blanks? */
static bool is_among(const char *names, const char *name)
{
	vx_slice rest = vx_slice_str(names), word;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &word);
		if (vx_slice_eq_nocase(word, vx_slice_str(name)))
			return true;
	}
	return false;
}

/* What clients that ask for the server's name get, and what acmed will serve there. */
static void find_keys(struct ctl *c, struct ctl_dns *d)
{
	struct vx_certs_entry e;
	struct vx_error err;
	char dir[PATH_MAX];

	ctl_state_path(c, "certs", dir);
	for (size_t n = 0; vx_certs_entry(dir, n, &e, &err) == VX_OK; n++) {
		if (n > 0 && !is_among(e.info.names, c->config->hostname))
			continue;
		if (e.problem.text[0] == '\0')
			add_tlsa(d, e.info.key_digest);
		if (e.has_rsa && e.rsa_problem.text[0] == '\0')
			add_tlsa(d, e.rsa.key_digest);
		/* who imported one has no use for keys of acmed */
		if (n == 0 && strcmp(e.provider, "custom") == 0)
			return;
	}
	for (size_t n = 0; n < d->acme_tlsa_count; n++) {
		char hex[2 * VX_PKI_DIGEST_OCTETS + 1];

		for (size_t i = 0; i < VX_PKI_DIGEST_OCTETS; i++)
			(void)snprintf(hex + 2 * i, 3, "%02x",
			    (unsigned)(unsigned char)d->acme_tlsa[n][i]);
		add_tlsa(d, hex);
	}
}

/* TLSA records only help, and only do no harm, in a signed zone (RFC 7672 2.2). */
static void find_tlsa(struct ctl *c, struct ctl_dns *d)
{
	struct vx_once_question q = { .late = false };
	struct vx_once_work w = {
		.questions = &q, .question_count = 1, .ms_max = ASK_MS
	};

	const char *const host = d->hostname != NULL ? d->hostname : c->config->hostname;

	if (vx_dns_ask(VX_DNS_TLSA, "_25._tcp", vx_slice_str(host), &q.question) !=
		VX_OK ||
	    vx_once_do(d->once, &w) != VX_OK)
		return;
	d->secure = q.answer != NULL && vx_dns_answered(q.answer) && q.answer->secure;
	vx_dns_answer_free(q.answer);
	if (d->secure)
		find_keys(c, d);
}

/* --- opening --------------------------------------------------------------------------
 */

/* secrets.yaml is beside the configuration, and root's: it is read before the store. */
static int read_token(struct ctl *c, struct ctl_dns *d)
{
	const vx_slice config = vx_slice_str(c->config_path);
	struct vx_cf_options o = { .struct_size = sizeof(o),
		.base = c->config->cloudflare_api };
	const size_t slash = vx_slice_rfind(config, '/');
	struct vx_secrets *secrets = NULL;
	struct vx_error err = { 0 };
	char path[PATH_MAX];
	int rc;

	(void)snprintf(path, sizeof(path), "%.*ssecrets.yaml",
	    slash < config.len ? (int)slash + 1 : 0, c->config_path);
	rc = vx_secrets_load(path, &secrets, &err);
	if (rc == VX_ENOENT)
		return CTL_OK;
	if (rc == VX_EPERM && d->tolerant) {
		(void)snprintf(
		    d->secrets_problem, sizeof(d->secrets_problem), "%s", err.text);
		return CTL_OK;
	}
	if (rc != VX_OK)
		return ctl_fail(c, CTL_USAGE, "%s", err.text);
	o.token = vx_slice_str(secrets->cloudflare_api_token);
	if (o.token.len > 0)
		rc = vx_cf_new(&o, &d->cf);
	vx_secrets_free(secrets);
	if (rc == VX_EINVAL)
		return ctl_fail(c, CTL_USAGE,
		    "%s: cloudflare.api_token has blanks or other characters that no "
		    "token has",
		    path);
	return rc == VX_OK ? CTL_OK : ctl_fail(c, CTL_FAILED, "%s", vx_strerror(rc));
}

#define LETSENCRYPT "letsencrypt.org"

static bool has_wildcard(const struct vx_text_list *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (vx_slice_has_prefix(vx_slice_str(names->items[i]), VX_S("*.")))
			return true;
	return false;
}

/*
 * All of them, with our account there (RFC 8657 3), or none: where one is not named that
 * is asked for certificates, it may not give any.  core NULL: nothing was asked yet.
 */
static void find_authorities(struct ctl *c, struct ctl_dns *d, const struct vx_acme *core)
{
	const bool standard = c->config->acme_directories.count == 0;
	const bool wildcard = has_wildcard(&c->config->tls_names);
	struct vx_acme_issuer a = { .account = "", .caa = "" };

	if (c->config->tls_provider != VX_TLS_LETSENCRYPT || (core == NULL && !standard))
		return;
	for (size_t n = 0; n < VX_ZONE_KEYS_MAX &&
			   (core == NULL ? n == 0 : vx_acme_issuer(core, n, &a) == VX_OK);
	     n++) {
		vx_slice rest = vx_slice_str(a.caa), name;
		struct vx_zone_authority *each = &d->authorities[n];

		(void)vx_slice_cut(&rest, ' ', &name);
		if (name.len == 0 && standard)
			name = VX_S(LETSENCRYPT);
		each->issuer = vx_arena_dup(&d->arena, name);
		each->account = a.account[0] != '\0'
				    ? vx_arena_dup(&d->arena, vx_slice_str(a.account))
				    : NULL;
		each->wildcard = wildcard;
		if (name.len == 0 || each->issuer == NULL) {
			d->authority_count = 0;
			return;
		}
		d->authority_count++;
	}
}

/* Those that there is no room for are not looked at. */
static void add_names(struct ctl_dns *d, const char *names)
{
	const size_t at = strlen(d->acme_names);

	if (at + strlen(names) + 2 < sizeof(d->acme_names))
		(void)snprintf(d->acme_names + at, sizeof(d->acme_names) - at, "%s%s",
		    at > 0 ? " " : "", names);
}

/* Each once, whatever kinds of keys it has. */
static void add_acme(struct ctl_dns *d, const struct vx_acme_status *s)
{
	struct ctl_acme_cert *a = d->acme;

	while (a < d->acme + d->acme_count && strcmp(a->id, s->id) != 0)
		a++;
	if (a == d->acme + CTL_ACME_MAX)
		return;
	if (a == d->acme + d->acme_count) {
		d->acme_count++;
		(void)snprintf(a->id, sizeof(a->id), "%s", s->id);
		(void)snprintf(a->names, sizeof(a->names), "%.190s", s->names);
	}
	a->there = a->there || s->there;
	if (a->problem[0] == '\0')
		(void)snprintf(a->problem, sizeof(a->problem), "%.290s", s->problem);
}

/* Root's, too: what acmed keeps is not for the daemons' user (DESIGN 4). */
static void read_acme(struct ctl *c, struct ctl_dns *d)
{
	struct vx_acme *core = NULL;
	struct vx_acme_status s;
	struct vx_error err;

	if (vx_acme_is_wanted(c->config) &&
	    vx_acme_open(c->config, NULL, 0, &core, &err) != VX_OK)
		core = NULL;
	for (size_t i = 0;
	     core != NULL && vx_acme_status(core, (int64_t)time(NULL), i, &s) == VX_OK;
	     i++) {
		add_names(d, s.names);
		add_acme(d, &s);
	}
	find_authorities(c, d, core);
	if (core != NULL)
		ctl_dns_find_proofs(d, core);
	if (core != NULL)
		d->acme_tlsa_count = vx_acme_tlsa(core, VX_ACME_DEFAULT, d->acme_tlsa);
	vx_acme_free(core);
}

/* It was here, perhaps: its records are known by our mark. */
static bool take_gone(struct ctl *c, struct ctl_dns *d, const char *name)
{
	struct vx_buf text = { .max = VX_DNS_NAME_MAX + 1 };

	d->gone = vx_domain_normalise(vx_slice_str(name), &text) == VX_OK &&
		  !text.failed && vx_dns_name(vx_buf_slice(&text), d->domain) == VX_OK;
	vx_buf_done(&text);
	if (d->gone)
		ctl_say(c,
		    "%s is not hosted here: of its records those go that carry the mark "
		    "of this server",
		    d->domain);
	return d->gone;
}

static int find_domain(struct ctl *c, struct ctl_dns *d, const char *name)
{
	struct vx_domain found;
	struct vx_view *v = NULL;
	int rc = vx_view_begin(c->store, &v);

	if (rc == VX_OK)
		rc = vx_directory_domain(v, vx_slice_str(name), &found);
	if (rc == VX_OK) {
		d->flags = found.flags;
		(void)snprintf(d->domain, sizeof(d->domain), "%.*s", (int)found.name.len,
		    found.name.ptr);
		(void)snprintf(d->backup, sizeof(d->backup), "%.*s",
		    (int)found.backup.len, found.backup.len > 0 ? found.backup.ptr : "");
		d->verify[0] = '\0';
		if (found.token.len > 0)
			vx_ownership_text(found.token, d->verify);
		d->verified = found.status == VX_DOMAIN_VERIFIED;
	}
	if (v != NULL)
		vx_view_end(v);
	if (rc == VX_ENOENT && d->may_be_gone && take_gone(c, d, name))
		return CTL_OK;
	if (rc == VX_ENOENT || rc == VX_EINVAL)
		return ctl_fail(c, CTL_FAILED, "there is no domain %s", name);
	return rc == VX_OK ? CTL_OK : ctl_fail(c, CTL_FAILED, "%s", vx_strerror(rc));
}

/* What was made for one domain. */
static void forget_domain(struct ctl_dns *d)
{
	if (d->diff != NULL)
		vx_zone_diff_done(d->diff);
	if (d->plan != NULL)
		vx_zone_plan_done(d->plan);
	vx_memory_free(d->diff);
	vx_memory_free(d->plan);
	d->diff = NULL;
	d->plan = NULL;
	vx_buf_done(&d->policy);
	vx_arena_done(&d->of_domain);
	d->dkim_count = d->todo_count = 0;
}

int ctl_dns_select(struct ctl *c, struct ctl_dns *d, const char *domain)
{
	int status;

	forget_domain(d);
	vx_arena_init(&d->of_domain, ARENA_MAX);
	vx_buf_init(&d->policy, POLICY_MAX);
	status = find_domain(c, d, domain);
	return status == CTL_OK ? find_dkim(c, d) : status;
}

static int open_store(struct ctl *c, struct ctl_dns *d)
{
	const int status = ctl_open_store(c, !d->writes);

	if (status == CTL_OK)
		vx_dkim_install_id(c->store, d->id);
	return status;
}

void ctl_dns_select_host(struct ctl_dns *d, const char *name)
{
	forget_domain(d);
	vx_arena_init(&d->of_domain, ARENA_MAX);
	vx_buf_init(&d->policy, POLICY_MAX);
	d->flags = 0;
	d->backup[0] = '\0';
	(void)snprintf(d->domain, sizeof(d->domain), "%s", name);
}

/* domain NULL: of the server alone. */
static int open_all(struct ctl *c, struct ctl_dns *d, const char *domain)
{
	struct vx_error err;
	int status;

	vx_arena_init(&d->arena, ARENA_MAX);
	if (d->former == NULL)
		d->former = ctl_option(c, "--former");
	status = read_token(c, d);
	read_acme(c, d);
	if (status == CTL_OK && d->look != NULL)
		status = d->look(c, d);
	if (status == CTL_OK)
		status = open_store(c, d);
	if (status == CTL_OK && domain != NULL)
		status = ctl_dns_select(c, d, domain);
	if (status == CTL_OK && d->removes)
		ctl_dns_addresses(c, d); /* as far as they are known */
	else if (status == CTL_OK)
		status = find_addresses(c, d);
	if (status == CTL_OK && vx_once_new(c->config, &d->once, &err) != VX_OK &&
	    (!d->removes || d->cf != NULL))
		status = ctl_fail(c, CTL_FAILED, "%s", err.text);
	if (status == CTL_OK && !d->tolerant && !d->removes)
		find_tlsa(c, d);
	return status;
}

/* What cannot be had is told, and done without. */
int ctl_dns_open_keys(struct ctl *c, struct ctl_dns *d)
{
	struct vx_error err;
	int status;

	vx_arena_init(&d->arena, ARENA_MAX);
	d->tolerant = true;
	status = read_token(c, d);
	if (status == CTL_OK)
		status = open_store(c, d);
	if (status == CTL_OK && vx_once_new(c->config, &d->once, &err) != VX_OK)
		ctl_warn(c, "%s", err.text);
	return status;
}

int ctl_dns_open_server(struct ctl *c, struct ctl_dns *d)
{
	return open_all(c, d, NULL);
}

/* While the server is on its way to another name, no domain goes back. */
static void heed_move(struct ctl *c, struct ctl_dns *d)
{
	if (!ctl_move_names(c, d->moves_from, d->moves_to))
		return;
	d->hostname = d->moves_to;
	d->beside = d->moves_from;
	if (!d->tolerant && strcmp(d->moves_to, c->config->hostname) != 0)
		ctl_warn(c,
		    "the server is on its way from %s to %s: see vectisctl dns move",
		    d->moves_from, d->moves_to);
}

int ctl_dns_open(struct ctl *c, struct ctl_dns *d)
{
	int status;

	heed_move(c, d);
	status = open_all(c, d, c->args[0]);
	(void)json_object_set_new(c->result, "domain", json_string(d->domain));
	return status;
}

void ctl_dns_close(struct ctl_dns *d)
{
	forget_domain(d);
	vx_cf_free(d->cf);
	vx_once_free(d->once);
	vx_arena_done(&d->arena);
}

/* --- the plan -------------------------------------------------------------------------
 */

static unsigned services(const struct vx_config *c)
{
	return (c->submissions_listen.count > 0 ? VX_ZONE_SUBMISSIONS : 0u) |
	       (c->submission_listen.count > 0 ? VX_ZONE_SUBMISSION : 0u) |
	       (c->imaps_listen.count > 0 ? VX_ZONE_IMAPS : 0u) |
	       (c->pop3s_listen.count > 0 && c->pop3_default_enabled != 0 ? VX_ZONE_POP3S
									  : 0u);
}

/*
 * The id is made of the policy, so that it changes with it and not without it (RFC 8461
 * 3.1); a policy that is written elsewhere has an id of its own.
 */
static void declare_policy(struct ctl *c, struct ctl_dns *d, struct vx_zone_wish *w)
{
	char hash[VX_SHA256_OCTETS];

	w->mta_sts_id = ctl_option(c, "--mta-sts");
	vx_buf_reset(&d->policy);
	if (w->mta_sts_id != NULL ||
	    (d->flags & (VX_DOMAIN_STS_TESTING | VX_DOMAIN_STS_ENFORCE)) == 0 ||
	    vx_zone_write_sts(w, (d->flags & VX_DOMAIN_STS_ENFORCE) != 0, d->beside,
		&d->policy) != VX_OK ||
	    d->policy.failed)
		return;
	vx_sha256(vx_buf_slice(&d->policy), hash);
	for (size_t i = 0; i < VX_STS_ID_MAX / 2; i++)
		(void)snprintf(
		    d->policy_id + 2 * i, 3, "%02x", (unsigned)(unsigned char)hash[i]);
	w->mta_sts_id = d->policy_id;
}

static void declare_backup(const struct ctl_dns *d, struct vx_zone_wish *w)
{
	if ((d->flags & VX_DOMAIN_BACKUP_CLOUDFLARE) != 0)
		w->backup = VX_ZONE_BACKUP_CLOUDFLARE;
	else if ((d->flags & VX_DOMAIN_BACKUP_HOST) != 0)
		w->backup = VX_ZONE_BACKUP_HOST;
	w->backup_host = d->backup;
}

/* Of the domain that reports about it go to. */
static void address_in(
    const struct ctl_dns *d, const char *local, char out[VX_ADDRESS_MAX + 1])
{
	(void)snprintf(out, VX_ADDRESS_MAX + 1, "%.64s@%.253s",
	    local[0] != '\0' ? local : "postmaster", d->domain);
}

/* Has a check found no fault since the records were changed? */
static bool is_settled(struct ctl *c, const struct ctl_dns *d)
{
	struct vx_history *h = vx_memory_alloc(sizeof(*h));
	bool passed = false;

	if (h != NULL) {
		ctl_history_read(c, d->domain, h);
		passed = h->passed != 0;
	}
	vx_memory_free(h);
	return passed;
}

/*
 * How long records may be kept (DNS-16).  Who is told what to publish publishes all of
 * it; what is changed from here is short at first.  On the way to another name nothing is
 * raised.
 */
static void declare_ttls(struct ctl *c, const struct ctl_dns *d, struct vx_zone_wish *w)
{
	const bool settled = d->hostname == NULL && is_settled(c, d);

	w->ttl = d->cf == NULL && settled ? VX_ZONE_TTL_SETTLED : VX_ZONE_TTL_SETUP;
	w->ttl_kept = d->cf != NULL && settled ? VX_ZONE_TTL_SETTLED : 0;
}

int ctl_dns_plan(struct ctl *c, struct ctl_dns *d, const char *zone)
{
	char dmarc[VX_ADDRESS_MAX + 1], tls[VX_ADDRESS_MAX + 1];
	struct vx_zone_wish w = { .struct_size = sizeof(w),
		.domain = d->domain,
		.hostname = d->hostname != NULL ? d->hostname : c->config->hostname,
		.install = d->id,
		.admin_host = c->config->dns_admin_host,
		.zone = zone,
		.addresses = d->addresses,
		.address_count = d->address_count,
		.dkim = d->dkim,
		.dkim_count = d->dkim_count,
		.tlsa = d->tlsa,
		.tlsa_count = d->tlsa_count,
		.services = services(c->config),
		.autoconfig = true,
		.former = d->former,
		.host_only = d->host_only,
		.tlsa_only = d->tlsa_only,
		.dmarc_rua = dmarc,
		.tls_rua = c->config->reports_receive ? tls : NULL };
	int rc;

	address_in(d, c->config->reports_dmarc_address, dmarc);
	address_in(d, c->config->reports_tls_address, tls);
	w.spf_soft = (d->flags & VX_DOMAIN_SPF_SOFT) != 0;
	w.dmarc = (d->flags & VX_DOMAIN_DMARC_NONE) != 0     ? VX_DMARC_NONE
		  : (d->flags & VX_DOMAIN_DMARC_REJECT) != 0 ? VX_DMARC_REJECT
							     : VX_DMARC_QUARANTINE;
	w.verify = d->verify[0] != '\0' ? d->verify : NULL;
	w.verified = d->verified;
	if (strcmp(w.admin_host, w.hostname) == 0)
		w.admin_host = NULL; /* it is about to be the server's */
	declare_backup(d, &w);
	declare_policy(c, d, &w);
	declare_ttls(c, d, &w);
	w.authorities = d->authorities;
	w.authority_count = d->authority_count;
	w.proofs = d->proofs;
	w.proof_count = d->proof_count;
	w.spf_merged = ctl_dns_merged(c, d);
	d->plan = vx_memory_alloc(sizeof(*d->plan));
	if (d->plan == NULL)
		return ctl_fail(c, CTL_FAILED, "%s", vx_strerror(VX_ENOMEM));
	rc = vx_zone_plan(&w, d->plan);
	return rc == VX_OK ? CTL_OK
			   : ctl_fail(c, CTL_FAILED, "no records can be made for %s: %s",
				 d->domain, vx_strerror(rc));
}

/* --- Cloudflare -----------------------------------------------------------------------
 */

uint64_t ctl_dns_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void pause_until(uint64_t at_ms)
{
	const uint64_t now = ctl_dns_now_ms(), ms = at_ms > now ? at_ms - now : 0;
	const struct timespec t = { .tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000 };

	if (ms > 2000)
		fprintf(stderr, "vectisctl: Cloudflare wants a pause of %llu seconds\n",
		    (unsigned long long)(ms / 1000));
	(void)nanosleep(&t, NULL);
}

int ctl_dns_fetch(struct ctl_dns *d, struct vx_once_request *r, uint64_t ms_max)
{
	struct vx_once_work w = { .requests = r, .request_count = 1, .ms_max = ms_max };

	return vx_once_do(d->once, &w);
}

/* What a request may take. */
static uint64_t patience(const struct ctl_dns *d)
{
	const uint64_t now = ctl_dns_now_ms();

	if (d->deadline_ms == 0)
		return VX_CF_REQUEST_MS;
	return d->deadline_ms > now ? d->deadline_ms - now : 1;
}

void ctl_dns_clock(struct ctl_dns *d, const char *date)
{
	struct vx_civil said;

	if (vx_date_parse(vx_slice_str(date), &said) != VX_OK)
		return;
	d->clock_known = true;
	d->clock_skew = (int64_t)time(NULL) - vx_civil_time(&said);
}

/* One request of the client's. */
static void converse(struct ctl_dns *d, const struct vx_cf_request *request)
{
	const struct vx_fetch_field fields[] = {
		{ VX_S("Authorization"), vx_slice_str(request->authorization) },
		{ VX_S("Content-Type"), VX_S("application/json") },
	};
	struct vx_once_request r = { .fetch = { .method = request->method,
					 .url = request->url,
					 .fields = fields,
					 .field_count = request->body.len > 0 ? 2 : 1,
					 .body = request->body },
		.body = { .max = VX_CF_ANSWER_MAX } };
	struct vx_cf_answer a = { .status = 0 };

	if (ctl_dns_fetch(d, &r, patience(d)) != VX_OK)
		r.result = VX_FETCH_FAILED;
	a.text = r.text;
	if (r.result == VX_FETCH_ANSWERED) {
		a.status = (int)r.status;
		a.body = vx_buf_slice(&r.body);
		a.retry_after = vx_slice_str(r.retry_after);
	}
	ctl_dns_clock(d, r.date);
	(void)vx_cf_answer(d->cf, ctl_dns_now_ms(), &a);
	vx_buf_done(&r.body);
}

void ctl_dns_try(struct ctl_dns *d, int begun)
{
	struct vx_cf_request request;
	uint64_t at = 0;
	int rc;

	while (begun == VX_OK &&
	       (rc = vx_cf_next(d->cf, ctl_dns_now_ms(), &request, &at)) != VX_DONE)
		if (d->deadline_ms != 0 &&
		    (rc == VX_WAIT ? at : ctl_dns_now_ms()) >= d->deadline_ms)
			vx_cf_stop(d->cf, "it took too long");
		else if (rc == VX_WAIT)
			pause_until(at);
		else
			converse(d, &request);
}

int ctl_dns_run(struct ctl *c, struct ctl_dns *d, int begun)
{
	const struct vx_cf_result *r;

	if (begun != VX_OK)
		return ctl_fail(c, CTL_FAILED, "%s", vx_strerror(begun));
	ctl_dns_try(d, begun);
	r = vx_cf_result(d->cf);
	if (r->outcome == VX_CF_GOOD)
		return CTL_OK;
	return ctl_fail(c, CTL_FAILED, "Cloudflare: %s", r->text);
}
