/* One zone per fault: that fault is named, and no other; good ones give no alarm. */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/diagnose.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW 1795888800
#define DAY 86400
#define RSA "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define RSA_HASH "fedcba98765432100123456789abcdeffedcba98765432100123456789abcdef"
#define PTR6 "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"

static const char good[] =
    "example.net MX 10 mail.example.net\n"
    "example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 -all\n"
    "example.net NS ns1.example.org\n"
    "mail.example.net A 192.0.2.1\n"
    "mail.example.net AAAA 2001:db8::1\n"
    "1.2.0.192.in-addr.arpa PTR mail.example.net\n" PTR6 " PTR mail.example.net\n"
    "202611._domainkey.example.net TXT " RSA "\n"
    "_dmarc.example.net TXT v=DMARC1; p=quarantine; rua=mailto:dmarc@example.net; fo=1\n"
    "2.0.0.127.list.example A 127.0.0.2\n" VX_DIAG_FAR_HOST " A 198.51.100.25\n";

/* --- facts ----------------------------------------------------------------------------
 */

static bool has_mailbox(void *ctx, vx_slice address)
{
	return vx_slice_eq(address, vx_slice_str(ctx));
}

static char rua[] = "dmarc@example.net";
static const char *const addresses[] = { "192.0.2.1", "2001:db8::1" };
static struct vx_diag_key keys[2];
static struct vx_diag_port ports[2];
static struct vx_dnsbl lists[1];
static struct vx_cf_result token;
static struct vx_cf_state state;
static struct vx_zone records;
/* What others say besides; NULL: they are not asked. */
static void (*speak)(struct vx_diag *d);

static void reset(struct vx_diag_facts *f)
{
	keys[0] = (struct vx_diag_key){ "202611", RSA, true, NOW - 10 * DAY, 0 };
	keys[1] = (struct vx_diag_key){ "202605", "v=DKIM1; k=rsa; p=OLD", false,
		NOW - 200 * DAY, NOW - 3 * DAY };
	ports[0] = (struct vx_diag_port){ "smtp", 25, VX_DIAG_REACHED };
	ports[1] = (struct vx_diag_port){ "imaps", 993, VX_DIAG_REACHED };
	vxt_assert_ok(vx_dnsbl_parse(VX_S("list.example"), &lists[0]));
	token = (struct vx_cf_result){ .outcome = VX_CF_GOOD };
	speak = NULL;
	state =
	    (struct vx_cf_state){ .routing = VX_CF_ROUTING_OFF, .flatten_known = true };
	*f = (struct vx_diag_facts){ .struct_size = sizeof(*f),
		.now = NOW,
		.domain = "example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 2,
		.keys = keys,
		.key_count = 1,
		.mailbox = has_mailbox,
		.mailbox_ctx = rua,
		.lists = lists,
		.list_count = 1,
		.certificate = true,
		.cert_problem = "",
		.cert_names = "example.org mail.example.net",
		.cert_end = NOW + 60 * DAY,
		.cert_digest = HASH,
		.cert_serial = "0a0b",
		.cert_stale = "",
		.cert_distrust = "",
		.acme_problem = "",
		.secrets_problem = "",
		.ports = ports,
		.port_count = 2,
		.out25 = VX_DIAG_REACHED };
}

static void with_cloudflare(struct vx_diag_facts *f)
{
	f->has_token = true;
	f->token = &token;
	f->cloudflare = &state;
	f->zone = &records;
}

static void backup(struct vx_diag_facts *f)
{
	f->backup = true;
}
static void relay(struct vx_diag_facts *f)
{
	f->relay_host = "smtp.relay.example";
}
static void two_keys(struct vx_diag_facts *f)
{
	f->key_count = 2;
}
#define OUR_KEY "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define OTHER_KEY "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="
static void another_servers(struct vx_diag_facts *f)
{
	(void)f;
	keys[0].record = "v=DKIM1; k=ed25519; p=" OUR_KEY;
}
static void flattened(struct vx_diag_facts *f)
{
	with_cloudflare(f);
	state.flatten_all = true;
}
static void bad_token(struct vx_diag_facts *f)
{
	with_cloudflare(f);
	token = (struct vx_cf_result){ .outcome = VX_CF_FORBIDDEN, .text = "lacks it" };
}
static void loose_secrets(struct vx_diag_facts *f)
{
	f->secrets_problem = "secrets.yaml can be read by others";
}
static void no_report_mailbox(struct vx_diag_facts *f)
{
	static char other[] = "postmaster@example.net";

	f->mailbox_ctx = other;
}
static void both_kinds(struct vx_diag_facts *f)
{
	f->rsa_digest = RSA_HASH;
}
static void temporary(struct vx_diag_facts *f)
{
	f->certificate = false;
	f->cert_digest = "";
	f->acme_problem = "no such host";
}
static void unreadable(struct vx_diag_facts *f)
{
	f->certificate = false;
	f->cert_problem = "the key is not that of the certificate";
}
static void expired(struct vx_diag_facts *f)
{
	f->cert_end = NOW - DAY;
}
static void soon(struct vx_diag_facts *f)
{
	f->cert_end = NOW + 6 * DAY;
}
static void failing(struct vx_diag_facts *f)
{
	f->cert_end = NOW + 20 * DAY;
	f->acme_problem = "rate limited";
}
static void others(struct vx_diag_facts *f, int64_t end, const char *problem)
{
	static struct vx_diag_cert certs[2];

	certs[0] = (struct vx_diag_cert){ "mail.example.net (RSA)", NOW + 50 * DAY, "" };
	certs[1] = (struct vx_diag_cert){ "mail.example.org", end, problem };
	f->certs = certs;
	f->cert_count = 2;
}
static void other_expired(struct vx_diag_facts *f)
{
	others(f, NOW - DAY, "");
}
static void other_failing(struct vx_diag_facts *f)
{
	others(f, NOW + 20 * DAY, "paused");
}
static void other_missing(struct vx_diag_facts *f)
{
	others(f, 0, "no such host");
}
static void other_ordered(struct vx_diag_facts *f)
{
	others(f, 0, "");
}
static void custom(struct vx_diag_facts *f)
{
	f->cert_custom = true;
	f->cert_end = NOW + 20 * DAY;
}
static void custom_expired(struct vx_diag_facts *f)
{
	f->cert_custom = true;
	f->cert_end = NOW - DAY;
}
static void wrong_name(struct vx_diag_facts *f)
{
	f->cert_names = "example.org *.mail.example.net";
}
static void wildcard(struct vx_diag_facts *f)
{
	f->cert_names = "*.example.net";
}
static void distrusted(struct vx_diag_facts *f)
{
	f->cert_distrust = "no issuer is known";
}
static void stale(struct vx_diag_facts *f)
{
	f->cert_stale = "imapd.7 serves 0a";
}
static void old_tls(struct vx_diag_facts *f)
{
	f->old_tls = true;
}
static void port80(struct vx_diag_facts *f)
{
	f->http_01 = true;
	f->http80 = VX_DIAG_SILENT;
}
static void by_http(struct vx_diag_facts *f)
{
	f->http_01 = true;
	f->http80 = VX_DIAG_REACHED;
	f->http80_by = VX_DIAG_ACMED;
	f->acme_names = "mail.example.net imap.example.net *.example.net 192.0.2.1";
}
static void not_given(struct vx_diag_facts *f)
{
	by_http(f);
	others(f, 0, "imap.example.net has no address");
}
static void asked(struct vx_diag_facts *f)
{
	static const struct vx_zone_authority all[] = {
		{ .issuer = "letsencrypt.org", .account = "https://le.example/acct/7" },
		{ .issuer = "other.example", .account = NULL }
	};

	f->authorities = all;
	f->authority_count = 2;
	f->acme_methods = "http-01 tls-alpn-01";
	f->acme_names = "mail.example.net *.example.net 192.0.2.1";
}
static void with_policy(struct vx_diag_facts *f, const char *mode, const char *policy)
{
	static struct vx_diag_web page;

	page = (struct vx_diag_web){ .result = VX_FETCH_ANSWERED,
		.status = policy == NULL ? 404 : 200,
		.problem = "",
		.age = "",
		.cache = "",
		.body = vx_slice_str(policy == NULL ? "" : policy) };
	f->sts_mode = mode;
	f->sts = &page;
}
#define POLICY(mode, mx)                                                                 \
	"version: STSv1\r\nmode: " mode "\r\nmx: " mx "\r\nmax_age: 604800\r\n"
static void enforced(struct vx_diag_facts *f)
{
	with_policy(f, "enforce", POLICY("enforce", "mail.example.net"));
}
static void enforced_for_another(struct vx_diag_facts *f)
{
	with_policy(f, "enforce", POLICY("enforce", "*.mail.example.net"));
}
static void tested_for_another(struct vx_diag_facts *f)
{
	with_policy(f, NULL, POLICY("testing", "mx.example.org"));
}
static void tested_not_enforced(struct vx_diag_facts *f)
{
	with_policy(f, "enforce", POLICY("testing", "mail.example.net"));
}
static void no_policy_page(struct vx_diag_facts *f)
{
	with_policy(f, "enforce", NULL);
}
static void garbled_policy(struct vx_diag_facts *f)
{
	with_policy(f, NULL, "<html>");
}
static void unserved_policy(struct vx_diag_facts *f)
{
	static const struct vx_diag_web page = {
		.result = VX_FETCH_CERTIFICATE, .problem = "", .age = "", .cache = ""
	};

	f->sts = &page;
}
static void declared_policy(struct vx_diag_facts *f)
{
	f->sts_mode = "enforce";
}
static void clients(struct vx_diag_facts *f)
{
	f->cert_names = "mail.example.net imap.example.net";
}
static void by_another(struct vx_diag_facts *f)
{
	by_http(f);
	f->http80_by = VX_DIAG_ANOTHER;
}
#define ACCOUNT "https://ca.example/a/1"
static const struct vx_zone_proof proofs[] = {
	{ "mail.example.net", "ca.example", ACCOUNT, true },
	{ "imap.example.net", "ca.example", ACCOUNT, false },
};
static void provable(struct vx_diag_facts *f)
{
	f->proofs = proofs;
	f->proof_count = 2;
}
/* Port 80 is closed, and nobody has to come there. */
static void proven(struct vx_diag_facts *f)
{
	provable(f);
	port80(f);
	f->http80_by = VX_DIAG_ANOTHER;
	f->acme_names = "mail.example.net imap.example.net *.mail.example.net";
}
static void half_proven(struct vx_diag_facts *f)
{
	by_http(f);
	provable(f);
	f->acme_names = "mail.example.net imap.example.net";
}
static void no_out25(struct vx_diag_facts *f)
{
	f->out25 = VX_DIAG_SILENT;
}
static void no_imap(struct vx_diag_facts *f)
{
	(void)f;
	ports[1].reached = VX_DIAG_REFUSED;
}
static void monitoring(struct vx_diag_facts *f)
{
	f->dmarc_none = true;
}
static void only4(struct vx_diag_facts *f)
{
	f->address_count = 1;
}
static void record(const char *name, const char *type, const char *content, bool proxied)
{
	const struct vx_zone_record r = { .name = name,
		.type = type,
		.content = content,
		.comment = "",
		.id = "x",
		.proxied = proxied };

	vxt_assert_ok(vx_zone_add(&records, &r));
}
static void same_address(struct vx_diag_facts *f)
{
	with_cloudflare(f);
	record("www.example.net", "A", "192.0.2.1", true);
}
static void admin_host(struct vx_diag_facts *f)
{
	by_http(f);
	with_cloudflare(f);
	record("admin.example.net", "A", "192.0.2.1", true);
	f->admin_host = "admin.example.net";
	f->acme_names = "mail.example.net admin.example.net";
}
static void admin_is_mail(struct vx_diag_facts *f)
{
	f->admin_host = f->hostname;
}
static void old_challenge(struct vx_diag_facts *f)
{
	with_cloudflare(f);
	record("_acme-challenge.mail.example.net", "TXT", "x", false);
}
static void challenge_under_way(struct vx_diag_facts *f)
{
	old_challenge(f);
	f->order_runs = true;
}

/* --- what others say ------------------------------------------------------------------
 */

/* One that has the good zone, without some lines and with others. */
static void hear(struct vx_diag *d, enum vx_diag_witness kind, const char *who,
    const char *drop, const char *add)
{
	struct vx_dns_question q[VX_DIAG_COMPARED_MAX];
	static struct vxt_zone z;
	const size_t n = vx_diag_compare(d, kind, q);

	vxt_zone_init(&z);
	vxt_zone_fill(&z, good, drop);
	vxt_zone_fill(&z, add, "");
	for (size_t i = 0; i < n; i++) {
		const struct vx_dns_answer a = vxt_zone_answer(&z, &q[i]);

		vxt_assert_ok(vx_diag_witness(d, kind, who, &q[i], &a));
	}
	vxt_zone_done(&z);
}

static void hear_nothing(struct vx_diag *d, enum vx_diag_witness kind, const char *who)
{
	struct vx_dns_question q[VX_DIAG_COMPARED_MAX];
	const size_t n = vx_diag_compare(d, kind, q);

	for (size_t i = 0; i < n; i++)
		vxt_assert_ok(vx_diag_witness(d, kind, who, &q[i], NULL));
}

static void hear_sources(struct vx_diag *d)
{
	hear(d, VX_DIAG_SOURCE, "ns1.example.org", "", "");
	hear(d, VX_DIAG_SOURCE, "ns2.example.org", "", "");
}

static void all_speak_alike(struct vx_diag *d)
{
	hear_sources(d);
	hear(d, VX_DIAG_PUBLIC, "1.1.1.1", "", "");
	hear(d, VX_DIAG_PUBLIC, "8.8.8.8", "", "");
	/* a large host has other addresses elsewhere */
	hear(d, VX_DIAG_SYSTEM, "127.0.0.53", "gmail-smtp",
	    VX_DIAG_FAR_HOST " A 198.51.100.99\n");
}

static void an_old_answer(struct vx_diag *d)
{
	hear_sources(d);
	hear(d, VX_DIAG_PUBLIC, "1.1.1.1", "", "");
	hear(d, VX_DIAG_PUBLIC, "8.8.8.8", "example.net MX",
	    "example.net MX 10 old.example.net\n");
	hear(d, VX_DIAG_SYSTEM, "127.0.0.53", "example.net MX",
	    "example.net MX 10 old.example.net\n");
}

/* This host's resolver alone remembers where the domain led. */
static void an_old_answer_here(struct vx_diag *d)
{
	hear_sources(d);
	hear(d, VX_DIAG_PUBLIC, "1.1.1.1", "", "");
	hear(d, VX_DIAG_SYSTEM, "127.0.0.53", "example.net MX",
	    "example.net MX 10 new.example.net\n");
}

static void servers_differ(struct vx_diag *d)
{
	hear(d, VX_DIAG_SOURCE, "ns1.example.org", "", "");
	hear(d, VX_DIAG_SOURCE, "ns2.example.org", "mail.example.net A ", "");
	hear(d, VX_DIAG_PUBLIC, "1.1.1.1", "", "");
}

static void a_host_of_its_own(struct vx_diag *d)
{
	hear_sources(d);
	hear(d, VX_DIAG_PUBLIC, "1.1.1.1", "", "");
	hear(d, VX_DIAG_SYSTEM, "10.0.0.1", "mail.example.net A ",
	    "mail.example.net A 127.0.1.1\n");
}

static void no_world(struct vx_diag *d)
{
	hear(d, VX_DIAG_SYSTEM, "10.0.0.1", "gmail-smtp", "");
}

static void a_dead_resolver(struct vx_diag *d)
{
	hear_sources(d);
	hear_nothing(d, VX_DIAG_SYSTEM, "10.0.0.1");
}

static void one_of_two_is_dead(struct vx_diag *d)
{
	all_speak_alike(d);
	hear_nothing(d, VX_DIAG_SYSTEM, "10.0.0.2");
	hear_nothing(d, VX_DIAG_PUBLIC, "9.9.9.9");
}

#define SPEAKING(name, who)                                                              \
	static void name(struct vx_diag_facts *f)                                        \
	{                                                                                \
		(void)f;                                                                 \
		speak = who;                                                             \
	}
SPEAKING(alike, all_speak_alike)
SPEAKING(lagging, an_old_answer)
SPEAKING(differing, servers_differ)
SPEAKING(split, a_host_of_its_own)
SPEAKING(lonely, no_world)
SPEAKING(dead_resolver, a_dead_resolver)
SPEAKING(half_dead, one_of_two_is_dead)

static void moving(struct vx_diag_facts *f)
{
	f->hostname = "new.example.net";
	f->beside = "mail.example.net";
	f->move_led = true;
	f->move_left = "dns move";
	f->cert_names = "mail.example.net new.example.net";
}
static void moving_as_yet(struct vx_diag_facts *f)
{
	f->beside = "new.example.net";
	f->move_left = "a certificate";
}
static void moving_backed(struct vx_diag_facts *f)
{
	moving(f);
	backup(f);
}
static void moving_split(struct vx_diag_facts *f)
{
	moving(f);
	speak = an_old_answer_here;
}
static void moved(struct vx_diag_facts *f)
{
	f->move_left = "the former name";
}
static void unverified(struct vx_diag_facts *f)
{
	f->verify = "vectis-verify=0123";
}

static void verified(struct vx_diag_facts *f)
{
	unverified(f);
	f->verified = true;
}

/* --- web servers ----------------------------------------------------------------------
 */

#define DOCUMENT(host) "<clientConfig version=\"1.1\"><hostname>" host "</hostname>"
static struct vx_diag_web web, other_web;

static void page(struct vx_diag_web *w, unsigned status, const char *body)
{
	*w = (struct vx_diag_web){ .result = VX_FETCH_ANSWERED,
		.status = status,
		.problem = "",
		.age = "",
		.cache = "",
		.body = vx_slice_str(body) };
}
static void site(struct vx_diag_facts *f)
{
	page(&web, 200, "hello");
	web.cache = "DYNAMIC";
	f->web = &web;
}
static void aged(struct vx_diag_facts *f)
{
	site(f);
	web.age = "17";
}
static void cache_hit(struct vx_diag_facts *f)
{
	site(f);
	web.cache = "HIT";
}
static void configured(struct vx_diag_facts *f)
{
	page(&web, 200, DOCUMENT("MAIL.example.net"));
	page(&other_web, 404, "");
	f->autoconfig = &web;
	f->autoconfig_at = &other_web;
}
static void configured_at_the_domain(struct vx_diag_facts *f)
{
	configured(f);
	f->autoconfig = &other_web;
	f->autoconfig_at = &web;
}
static void another_is_configured(struct vx_diag_facts *f)
{
	configured(f);
	web.body = VX_S(DOCUMENT("imap.provider.example"));
}
static void no_document(struct vx_diag_facts *f)
{
	configured(f);
	page(&web, 404, "not here");
}
static void a_page_instead(struct vx_diag_facts *f)
{
	configured(f);
	page(&web, 200, "<html>");
}
static void no_certificate_for_it(struct vx_diag_facts *f)
{
	configured(f);
	web.result = VX_FETCH_CERTIFICATE;
	web.problem = "it is for www.example.net";
}
static void nobody_serves(struct vx_diag_facts *f)
{
	configured(f);
	web.result = other_web.result = VX_FETCH_CONNECT;
	f->web = &web;
}
static void own_site_without(struct vx_diag_facts *f)
{
	nobody_serves(f);
	page(&other_web, 404, "not here");
}
static void same_pair(struct vx_diag_facts *f)
{
	f->web_serial = "0a0b";
	f->web_names = "mail.example.net";
}
static void another_pair(struct vx_diag_facts *f)
{
	same_pair(f);
	f->web_serial = "0c0d";
}
static void anothers_pair(struct vx_diag_facts *f)
{
	another_pair(f);
	f->web_names = "www.example.org";
}
static void old_client(struct vx_diag_facts *f)
{
	static const struct vx_diag_client all[] = { { "192.0.2.77", 3, NOW - 60 },
		{ "2001:db8:0:1::/64", 1, NOW } };

	f->old_clients = all;
	f->old_client_count = 2;
}

/* --- rows -----------------------------------------------------------------------------
 */

#define PROOF(host)                                                                      \
	"_validation-persist." host ".example.net TXT ca.example; accounturi=" ACCOUNT
#define NEW_HOST "new.example.net A 192.0.2.1\nnew.example.net AAAA 2001:db8::1\n"
#define SPF_LINE "example.net TXT v=spf1"
#define ROUTES                                                                           \
	"example.net MX 51 route1.mx.cloudflare.net\nexample.net MX 52 "                 \
	"route2.mx.cloudflare.net\n"
#define BACKUP_SPF                                                                       \
	"example.net TXT v=spf1 mx include:_spf.mx.cloudflare.net ip6:2001:db8::1 "      \
	"-all\n"                                                                         \
	"_spf.mx.cloudflare.net TXT v=spf1 ip4:104.30.0.0/20 ~all\n"
#define ELEVEN                                                                           \
	"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 a:h1.example a:h2.example a:h3.example "   \
	"a:h4.example a:h5.example a:h6.example a:h7.example a:h8.example a:h9.example " \
	"a:h10.example a:h11.example -all"
#define HOSTS                                                                            \
	"h1.example A 192.0.2.9\nh2.example A 192.0.2.9\nh3.example A 192.0.2.9\n"       \
	"h4.example A 192.0.2.9\nh5.example A 192.0.2.9\nh6.example A 192.0.2.9\n"       \
	"h7.example A 192.0.2.9\nh8.example A 192.0.2.9\nh9.example A 192.0.2.9\n"       \
	"h10.example A 192.0.2.9\nh11.example A 192.0.2.9\n"

enum {
	UNSIGNED,
	SIGNED
};

static const struct {
	const char *name;
	enum vx_diag_verdict verdict;
	const char *drop, *add;
	void (*tweak)(struct vx_diag_facts *f);
	int is_signed;
	const char *fix; /* part of what is to be done */
} rows[] = {
	{ "cf.proxied", VX_DIAG_FAIL, "mail.example.net A",
	    "mail.example.net A 104.16.7.7\nmail.example.net AAAA 2606:4700::6810:707\n",
	    NULL, UNSIGNED, "DNS only" },
	{ "cf.email_routing", VX_DIAG_FAIL, "", ROUTES, NULL, UNSIGNED, "--backup-mx" },
	{ "cf.email_routing", VX_DIAG_FAIL, "example.net MX", ROUTES, NULL, UNSIGNED,
	    "example.net MX 10 mail.example.net" },
	{ "cf.backup_mx", VX_DIAG_FAIL, "example.net MX|" SPF_LINE,
	    "example.net MX 60 mail.example.net\n" ROUTES BACKUP_SPF, backup, UNSIGNED,
	    "below 51" },
	{ "cf.backup_mx", VX_DIAG_FAIL, "example.net MX|" SPF_LINE,
	    "example.net MX 51 mail.example.net\n" ROUTES BACKUP_SPF, backup, UNSIGNED,
	    "below 51" },
	{ "cf.backup_mx", VX_DIAG_WARN, "", "", backup, UNSIGNED,
	    "switch Email Routing on" },
	{ "cf.backup_mx", VX_DIAG_INFO, SPF_LINE, ROUTES BACKUP_SPF, backup, UNSIGNED,
	    "" },
	{ "cf.backup_spf", VX_DIAG_WARN, "", ROUTES, backup, UNSIGNED,
	    "include:_spf.mx.cloudflare.net -all" },
	{ "cf.stale_include", VX_DIAG_WARN, SPF_LINE, BACKUP_SPF, NULL, UNSIGNED,
	    "take" },
	{ "cf.backup_subdomain", VX_DIAG_WARN, "example.net NS|" SPF_LINE,
	    "net NS a.example\n" ROUTES BACKUP_SPF, backup, UNSIGNED, "subdomain" },
	{ "cf.dc_record", VX_DIAG_WARN, "example.net MX",
	    "example.net MX 10 dc-0a1b2c3d.example.net\ndc-0a1b2c3d.example.net A "
	    "192.0.2.1\n",
	    NULL, UNSIGNED, "example.net MX 10 mail.example.net" },
	{ "cf.dc_record", VX_DIAG_WARN, "example.net MX",
	    "example.net MX 10 _dc-mx.0a1b2c3d.example.net\n_dc-mx.0a1b2c3d.example.net "
	    "A "
	    "192.0.2.1\n",
	    NULL, UNSIGNED, "mail.example.net A 192.0.2.1" },
	{ "cf.cname_flatten", VX_DIAG_WARN, "", "", flattened, UNSIGNED, "root" },
	{ "cf.origin_exposed", VX_DIAG_INFO, "", "", same_address, UNSIGNED,
	    "addresses" },
	{ "cf.token", VX_DIAG_FAIL, "", "", bad_token, UNSIGNED, "Zone > DNS > Edit" },
	{ "conf.secrets_mode", VX_DIAG_WARN, "", "", loose_secrets, UNSIGNED,
	    "chmod 600" },
	{ "acme.leftover", VX_DIAG_WARN, "", "_acme-challenge.mail.example.net TXT x\n",
	    NULL, UNSIGNED, "take the TXT" },
	{ "acme.leftover", VX_DIAG_WARN, "", "", old_challenge, UNSIGNED,
	    "take the TXT" },
	{ "dns.provider", VX_DIAG_INFO, "example.net NS",
	    "example.net NS a.ns.cloudflare.com\n", NULL, UNSIGNED,
	    "vectisctl dns apply" },
	{ "dns.mx", VX_DIAG_FAIL, "example.net MX", "", NULL, UNSIGNED,
	    "example.net MX 10 mail.example.net" },
	{ "dns.mx", VX_DIAG_FAIL, "example.net MX",
	    "example.net MX 10 old.example.net\nold.example.net A 192.0.2.1\n", NULL,
	    UNSIGNED, "example.net MX 10 mail.example.net" },
	{ "dns.host", VX_DIAG_FAIL, "mail.example.net A ",
	    "mail.example.net A 192.0.2.99\n", NULL, UNSIGNED,
	    "mail.example.net A 192.0.2.1" },
	{ "dns.host", VX_DIAG_FAIL, "", "mail.example.net A 192.0.2.99\n", NULL, UNSIGNED,
	    "no other" },
	{ "dns.host", VX_DIAG_FAIL, "mail.example.net", "", NULL, UNSIGNED,
	    "mail.example.net AAAA 2001:db8::1" },
	{ "dns.ptr", VX_DIAG_FAIL, "1.2.0.192", "", NULL, UNSIGNED, "192.0.2.1" },
	{ "dns.ptr", VX_DIAG_FAIL, "1.2.0.192",
	    "1.2.0.192.in-addr.arpa PTR vps1.provider.example\n", NULL, UNSIGNED,
	    "mail.example.net" },
	{ "dns.ptr6", VX_DIAG_FAIL, PTR6, "", NULL, UNSIGNED, "AAAA" },
	{ "spf.multiple", VX_DIAG_FAIL, "",
	    "example.net TXT v=spf1 include:x.example ~all\n", NULL, UNSIGNED,
	    "include:x.example -all" },
	{ "spf.missing_ip", VX_DIAG_FAIL, SPF_LINE, "", NULL, UNSIGNED,
	    "v=spf1 mx a ip4:192.0.2.1" },
	{ "spf.missing_ip", VX_DIAG_FAIL, SPF_LINE,
	    "example.net TXT v=spf1 ip4:198.51.100.1 -all\n", NULL, UNSIGNED,
	    "ip4:198.51.100.1 ip4:192.0.2.1 ip6:2001:db8::1 -all" },
	{ "spf.missing_ip", VX_DIAG_FAIL, SPF_LINE,
	    "example.net TXT v=spf1 ip4:192.0.2.1 -all\n", NULL, UNSIGNED,
	    "ip6:2001:db8::1" },
	{ "spf.lookups", VX_DIAG_FAIL, SPF_LINE, "example.net TXT " ELEVEN "\n" HOSTS,
	    NULL, UNSIGNED, "replace include:" },
	{ "spf.no_all", VX_DIAG_WARN, SPF_LINE,
	    "example.net TXT v=spf1 ip4:192.0.2.1 ip6:2001:db8::1\n", NULL, UNSIGNED,
	    "-all" },
	{ "spf.no_all", VX_DIAG_WARN, SPF_LINE,
	    "example.net TXT v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 ?all\n", NULL, UNSIGNED,
	    "-all" },
	{ "spf.softfail", VX_DIAG_WARN, SPF_LINE, "example.net TXT v=spf1 mx ~all\n",
	    NULL, UNSIGNED, "--spf hard" },
	{ "spf.rrtype99", VX_DIAG_FAIL, SPF_LINE, "example.net SPF v=spf1 mx -all\n",
	    NULL, UNSIGNED, "TXT \"v=spf1" },
	{ "spf.relay", VX_DIAG_WARN, "", "", relay, UNSIGNED, "include:" },
	{ "dkim.absent", VX_DIAG_FAIL, "202611", "", NULL, UNSIGNED, RSA },
	{ "dkim.mismatch", VX_DIAG_FAIL, "202611",
	    "202611._domainkey.example.net TXT v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0\n",
	    NULL, UNSIGNED, RSA },
	{ "dkim.mismatch", VX_DIAG_FAIL, "202611",
	    "202611._domainkey.example.net TXT v=DKIM1; k=rsa; p=XXXX\n", NULL, UNSIGNED,
	    RSA },
	{ "dkim.mismatch", VX_DIAG_FAIL, "202611",
	    "202611._domainkey.example.net TXT v=DKIM1; k=ed25519; p=" OTHER_KEY "\n",
	    another_servers, UNSIGNED, "dkim-rotate example.net" },
	{ "dkim.mismatch", VX_DIAG_FAIL, "202611",
	    "202611._domainkey.example.net TXT v=DKIM1; p=MIIBIjANBgkqhkiG9w0BAQEFAAOC\n",
	    another_servers, UNSIGNED, "TXT \"v=DKIM1; k=ed25519; p=" OUR_KEY },
	{ "dkim.selector", VX_DIAG_FAIL, "202611",
	    "202605._domainkey.example.net TXT v=DKIM1; k=rsa; p=OLD\n", two_keys,
	    UNSIGNED, "202611._domainkey.example.net TXT" },
	{ "dkim.rotation", VX_DIAG_INFO, "",
	    "202605._domainkey.example.net TXT v=DKIM1; k=rsa; p=OLD\n", two_keys,
	    UNSIGNED, "" },
	{ "dmarc.policy", VX_DIAG_FAIL, "_dmarc", "", NULL, UNSIGNED,
	    "_dmarc.example.net TXT" },
	{ "dmarc.policy", VX_DIAG_FAIL, "", "_dmarc.example.net TXT v=DMARC1; p=reject\n",
	    NULL, UNSIGNED, "no other" },
	{ "dmarc.policy", VX_DIAG_WARN, "_dmarc",
	    "_dmarc.example.net TXT v=DMARC1; p=none\n", NULL, UNSIGNED, "p=quarantine" },
	{ "dmarc.policy", VX_DIAG_INFO, "_dmarc",
	    "_dmarc.example.net TXT v=DMARC1; p=none\n", monitoring, UNSIGNED, "" },
	{ "dmarc.align", VX_DIAG_INFO, SPF_LINE,
	    "example.net TXT v=spf1 include:r.example -all\nr.example TXT v=spf1 "
	    "ip4:198.51.100.0/24 -all\n",
	    relay, UNSIGNED, "envelope" },
	{ "dmarc.rua", VX_DIAG_WARN, "", "", no_report_mailbox, UNSIGNED,
	    "alias add dmarc@example.net" },
	{ "dane.tlsa", VX_DIAG_FAIL, "",
	    "_25._tcp.mail.example.net TLSA 3 1 1 " HASH "\n", NULL, UNSIGNED,
	    "sign the zone" },
	{ "dane.tlsa", VX_DIAG_FAIL, "", "_25._tcp.mail.example.net TLSA 3 1 1 abcd\n",
	    NULL, SIGNED, "TLSA 3 1 1 " HASH },
	{ "dane.tlsa", VX_DIAG_INFO, "", "", NULL, SIGNED, "TLSA 3 1 1 " HASH },
	{ "dane.tlsa", VX_DIAG_FAIL, "",
	    "_25._tcp.mail.example.net TLSA 3 1 1 " HASH "\n", both_kinds, SIGNED,
	    "TLSA 3 1 1 " RSA_HASH },
	{ "spf.alt_mx", VX_DIAG_WARN, SPF_LINE,
	    "example.net TXT v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all\nexample.net MX "
	    "20 "
	    "backup.example.org\nbackup.example.org A 198.51.100.7\n",
	    NULL, UNSIGNED, "ip4:198.51.100.7" },
	{ "rbl.listed", VX_DIAG_FAIL, "", "1.2.0.192.list.example A 127.0.0.4\n", NULL,
	    UNSIGNED, "list.example" },
	{ "rbl.refused", VX_DIAG_WARN, "2.0.0.127",
	    "2.0.0.127.list.example A 127.255.255.254\n1.2.0.192.list.example A "
	    "127.255.255.254\n",
	    NULL, UNSIGNED, "public resolver" },
	{ "rbl.dead", VX_DIAG_WARN, "2.0.0.127", "", NULL, UNSIGNED,
	    "take list.example out" },
	{ "rbl.dead", VX_DIAG_WARN, "",
	    "1.0.0.127.list.example A 127.0.0.2\n1.2.0.192.list.example A 127.0.0.2\n",
	    NULL, UNSIGNED, "take list.example out" },
	{ "tls.absent", VX_DIAG_FAIL, "", "", temporary, UNSIGNED, "cert import" },
	{ "tls.key", VX_DIAG_FAIL, "", "", unreadable, UNSIGNED, "cert import" },
	{ "tls.expiry", VX_DIAG_FAIL, "", "", expired, UNSIGNED, "cert status" },
	{ "tls.expiry", VX_DIAG_FAIL, "", "", soon, UNSIGNED, "cert status" },
	{ "tls.expiry", VX_DIAG_FAIL, "", "", custom_expired, UNSIGNED, "cert import" },
	{ "tls.expiry", VX_DIAG_WARN, "", "", failing, UNSIGNED, "cert status" },
	{ "tls.expiry", VX_DIAG_FAIL, "", "", other_expired, UNSIGNED, "cert status" },
	{ "tls.expiry", VX_DIAG_WARN, "", "", other_failing, UNSIGNED, "cert status" },
	{ "tls.expiry", VX_DIAG_FAIL, "", "", other_missing, UNSIGNED, "cert status" },
	{ "tls.custom_expiry", VX_DIAG_WARN, "", "", custom, UNSIGNED, "cert import" },
	{ "tls.name", VX_DIAG_FAIL, "", "", wrong_name, UNSIGNED, "mail.example.net" },
	{ "tls.chain", VX_DIAG_FAIL, "", "", distrusted, UNSIGNED, "issuers" },
	{ "acme.caa", VX_DIAG_FAIL, "", "example.net CAA 0 issue ca.example\n", asked,
	    UNSIGNED, "letsencrypt.org" },
	{ "acme.caa", VX_DIAG_WARN, "", "example.net CAA 0 issue letsencrypt.org\n",
	    asked, UNSIGNED, "other.example" },
	{ "acme.caa", VX_DIAG_FAIL, "",
	    "example.net CAA 0 issue letsencrypt.org; "
	    "accounturi=https://le.example/acct/8\n"
	    "mail.example.net CAA 0 issue ;\n",
	    asked, UNSIGNED, "CAA" },
	{ "acme.caa", VX_DIAG_FAIL, "",
	    "example.net CAA 0 issue letsencrypt.org; validationmethods=dns-01\n"
	    "example.net CAA 0 issue ca.example\n",
	    asked, UNSIGNED, "CAA" },
	{ "acme.caa", VX_DIAG_PASS, "", "", asked, UNSIGNED, "" },
	{ "sts.policy", VX_DIAG_FAIL, "", "_mta-sts.example.net TXT v=STSv1; id=1;\n",
	    enforced_for_another, UNSIGNED, "dns plan" },
	{ "sts.policy", VX_DIAG_WARN, "", "_mta-sts.example.net TXT v=STSv1; id=1;\n",
	    tested_for_another, UNSIGNED, "dns plan" },
	{ "sts.policy", VX_DIAG_WARN, "", "_mta-sts.example.net TXT v=STSv1; id=1;\n",
	    tested_not_enforced, UNSIGNED, "dns plan" },
	{ "sts.policy", VX_DIAG_WARN, "", "_mta-sts.example.net TXT v=STSv1; id=1;\n",
	    no_policy_page, UNSIGNED, "mta-sts.txt" },
	{ "sts.policy", VX_DIAG_WARN, "", "_mta-sts.example.net TXT v=STSv1; id=1;\n",
	    garbled_policy, UNSIGNED, "dns plan" },
	{ "sts.policy", VX_DIAG_WARN, "", "_mta-sts.example.net TXT v=STSv1; id=1;\n",
	    unserved_policy, UNSIGNED, "--mta-sts none" },
	{ "sts.policy", VX_DIAG_WARN, "", "", declared_policy, UNSIGNED, "dns apply" },
	{ "sts.policy", VX_DIAG_WARN, "",
	    "_mta-sts.example.net TXT v=STSv1; id=1;\n_mta-sts.example.net TXT v=STSv1; "
	    "id=2;\n",
	    enforced, UNSIGNED, "dns apply" },
	{ "sts.policy", VX_DIAG_PASS, "", "_mta-sts.example.net TXT v=STSv1; id=1;\n",
	    enforced, UNSIGNED, "" },
	{ "tls.reports", VX_DIAG_WARN, "",
	    "_smtp._tls.example.net TXT v=TLSRPTv1; rua=mailto:a@example.net\n"
	    "_smtp._tls.example.net TXT v=TLSRPTv1; rua=mailto:b@example.net\n",
	    NULL, UNSIGNED, "leave one" },
	{ "tls.reports", VX_DIAG_PASS, "",
	    "_smtp._tls.example.net TXT v=TLSRPTv1; rua=mailto:a@example.net\n"
	    "_smtp._tls.example.net TXT google=1\n",
	    NULL, UNSIGNED, "" },
	{ "dns.srv", VX_DIAG_WARN, "",
	    "_imaps._tcp.example.net SRV 0 1 993 imap.example.org\n", clients, UNSIGNED,
	    "mail.example.net" },
	{ "dns.srv", VX_DIAG_WARN, "",
	    "_imaps._tcp.example.net SRV 0 1 143 mail.example.net\n", NULL, UNSIGNED,
	    "ports that listen" },
	{ "dns.srv", VX_DIAG_WARN, "",
	    "_pop3s._tcp.example.net SRV 0 1 995 mail.example.net\n", NULL, UNSIGNED,
	    "ports that listen" },
	{ "dns.srv", VX_DIAG_PASS, "",
	    "_imaps._tcp.example.net SRV 0 1 993 imap.example.net\n"
	    "_pop3s._tcp.example.net SRV 0 0 0 .\n",
	    clients, UNSIGNED, "" },
	{ "tls.stale", VX_DIAG_FAIL, "", "", stale, UNSIGNED, "restart" },
	{ "tls.legacy", VX_DIAG_WARN, "", "", old_tls, UNSIGNED, "tls.minimum 1.2" },
	{ "acme.http80", VX_DIAG_FAIL, "", "", port80, UNSIGNED, "port 80" },
	{ "acme.a_record", VX_DIAG_FAIL, "", "imap.example.net A 198.51.100.9\n", by_http,
	    UNSIGNED, "imap.example.net A 192.0.2.1" },
	{ "acme.a_record", VX_DIAG_FAIL, "",
	    "imap.example.net A 198.51.100.9\n" PROOF("mail") "; policy=wildcard\n",
	    half_proven, UNSIGNED, "imap.example.net A 192.0.2.1" },
	{ "acme.a_record", VX_DIAG_PASS, "",
	    "imap.example.net A 198.51.100.9\n" PROOF("imap") "\n", half_proven, UNSIGNED,
	    "" },
	/* on the way to another name: half of the records lead there */
	{ "move.left", VX_DIAG_NA, "", "", NULL, UNSIGNED, "" },
	{ "move.left", VX_DIAG_INFO, "", NEW_HOST, moving, UNSIGNED, "" },
	{ "move.left", VX_DIAG_INFO, "example.net MX",
	    "example.net MX 10 new.example.net\n" NEW_HOST, moving, UNSIGNED, "" },
	{ "move.left", VX_DIAG_INFO, "", "", moving_as_yet, UNSIGNED, "" },
	{ "move.left", VX_DIAG_INFO, "", "", moved, UNSIGNED, "" },
	{ "move.left", VX_DIAG_WARN, "mail.example.net A",
	    "mail.example.net A 198.51.100.9\n" NEW_HOST, moving, UNSIGNED,
	    "mail.example.net A 192.0.2.1" },
	{ "dns.host", VX_DIAG_FAIL, "", "", moving, UNSIGNED,
	    "new.example.net A 192.0.2.1" },
	{ "dns.ptr", VX_DIAG_FAIL, "1.2.0.192",
	    "1.2.0.192.in-addr.arpa PTR vps1.provider.example\n" NEW_HOST, moving,
	    UNSIGNED, "has to be new.example.net" },
	{ "dns.mx", VX_DIAG_FAIL, "example.net MX",
	    "example.net MX 10 old.example.net\nold.example.net A 192.0.2.1\n" NEW_HOST,
	    moving, UNSIGNED, "example.net MX 10 new.example.net" },
	{ "acme.persist", VX_DIAG_NA, "", "", provable, UNSIGNED, "" },
	{ "acme.persist", VX_DIAG_PASS, "",
	    PROOF("imap") "\n" PROOF("mail") "; policy=wildcard\n", proven, UNSIGNED,
	    "" },
	{ "acme.persist", VX_DIAG_INFO, "", PROOF("mail") "; policy=wildcard\n", provable,
	    UNSIGNED, "" },
	{ "acme.persist", VX_DIAG_INFO, "", PROOF("imap") "/other\n", provable, UNSIGNED,
	    "" },
	{ "acme.persist", VX_DIAG_WARN, "",
	    PROOF("imap") "\n" PROOF("mail") "; policy=x\n", provable, UNSIGNED,
	    "accounturi=" ACCOUNT "; policy=wildcard\"" },
	{ "acme.persist", VX_DIAG_WARN, "", PROOF("imap") "; persistUntil=1\n", provable,
	    UNSIGNED, "have _validation-persist.imap.example.net TXT" },
	{ "acme.persist", VX_DIAG_WARN, "", PROOF("imap") "; persistUntil=1796000000\n",
	    provable, UNSIGNED, "have _validation-persist.imap.example.net TXT" },
	{ "acme.persist", VX_DIAG_INFO, "",
	    PROOF("imap") "; persistUntil=1796000000\n" PROOF("imap") "\n", provable,
	    UNSIGNED, "" },
	{ "acme.persist", VX_DIAG_WARN, "", PROOF("imap") "; accounturi=x:y\n", provable,
	    UNSIGNED, "have _validation-persist.imap.example.net TXT" },
	{ "acme.a_record", VX_DIAG_FAIL, "",
	    "imap.example.net A 192.0.2.1\nimap.example.net AAAA 2001:db8::9\n", by_http,
	    UNSIGNED, "no other address" },
	{ "acme.a_record", VX_DIAG_FAIL, "", "", by_http, UNSIGNED, "tls.names" },
	{ "acme.a_record", VX_DIAG_FAIL, "", "", not_given, UNSIGNED, "tls.names" },
	{ "acme.proxy", VX_DIAG_FAIL, "", "imap.example.net A 104.16.1.1\n", by_http,
	    UNSIGNED, "DNS only" },
	{ "acme.proxy", VX_DIAG_FAIL, "", "imap.example.net A 192.0.2.1\n", by_another,
	    UNSIGNED, "/.well-known/acme-challenge/" },
	{ "acme.a_record", VX_DIAG_PASS, "", "imap.example.net A 192.0.2.1\n", by_http,
	    UNSIGNED, "" },
	{ "acme.proxy", VX_DIAG_PASS, "", "imap.example.net A 192.0.2.1\n", by_http,
	    UNSIGNED, "" },
	{ "dns.host", VX_DIAG_FAIL, "mail.example.net A ",
	    "mail.example.net A 198.51.100.9\nimap.example.net A 192.0.2.1\n", by_http,
	    UNSIGNED, "mail.example.net A 192.0.2.1" },
	{ "cf.admin_host", VX_DIAG_WARN, "", "", admin_host, UNSIGNED, "dns apply" },
	{ "cf.admin_host", VX_DIAG_WARN, "",
	    "admin.example.net A 192.0.2.1\nadmin.example.net AAAA 2606:4700::1\n",
	    admin_host, UNSIGNED, "proxied" },
	{ "cf.admin_host", VX_DIAG_WARN, "", "admin.example.net A 198.51.100.9\n",
	    admin_host, UNSIGNED, "dns apply" },
	{ "cf.admin_host", VX_DIAG_FAIL, "",
	    "example.net MX 20 admin.example.net\nadmin.example.net A 104.16.1.1\n",
	    admin_host, UNSIGNED, "MX lead to mail.example.net alone" },
	{ "cf.admin_host", VX_DIAG_FAIL, "", "", admin_is_mail, UNSIGNED,
	    "dns.admin_host" },
	{ "cf.admin_host", VX_DIAG_PASS, "", "admin.example.net A 104.16.1.1\n",
	    admin_host, UNSIGNED, "" },
	{ "acme.proxy", VX_DIAG_PASS, "", "admin.example.net A 104.16.1.1\n", admin_host,
	    UNSIGNED, "" },
	{ "cf.origin_exposed", VX_DIAG_PASS, "", "admin.example.net A 104.16.1.1\n",
	    admin_host, UNSIGNED, "" },
	{ "cf.admin_host", VX_DIAG_NA, "", "", NULL, UNSIGNED, "" },
	{ "net.out25", VX_DIAG_FAIL, "", "", no_out25, UNSIGNED, "relay" },
	{ "net.in25", VX_DIAG_FAIL, "", "", no_imap, UNSIGNED, "imaps" },
	{ "dns.verify", VX_DIAG_FAIL, "", "", unverified, UNSIGNED,
	    "example.net TXT \"vectis-verify=0123\"" },
	{ "dns.verify", VX_DIAG_FAIL, "", "example.net TXT vectis-verify=4567\n",
	    unverified, UNSIGNED, "example.net TXT \"vectis-verify=0123\"" },
	/* it is there, and nobody has looked yet */
	{ "dns.verify", VX_DIAG_FAIL, "", "example.net TXT vectis-verify=0123\n",
	    unverified, UNSIGNED, "vectisctl domain verify example.net" },
	{ "dns.verify", VX_DIAG_PASS, "", "example.net TXT vectis-verify=0123\n",
	    verified, UNSIGNED, "" },
	{ "dns.verify", VX_DIAG_INFO, "", "", verified, UNSIGNED, "" },
	{ "dns.verify", VX_DIAG_NA, "", "", NULL, UNSIGNED, "" },
	{ "dns.propagation", VX_DIAG_INFO, "", "", lagging, UNSIGNED,
	    "correct at the source" },
	{ "dns.propagation", VX_DIAG_INFO, "", "", differing, UNSIGNED, "same zone" },
	{ "dns.propagation", VX_DIAG_PASS, "", "", alike, UNSIGNED, "" },
	{ "dns.split", VX_DIAG_WARN, "", "", split, UNSIGNED, "/etc/resolv.conf" },
	{ "dns.split", VX_DIAG_WARN, "", "", lonely, UNSIGNED, "/etc/resolv.conf" },
	{ "dns.split", VX_DIAG_WARN, "", "", dead_resolver, UNSIGNED,
	    "/etc/resolv.conf" },
	{ "dns.split", VX_DIAG_PASS, "", "", alike, UNSIGNED, "" },
	{ "dns.split", VX_DIAG_PASS, "", "", lagging, UNSIGNED, "" },
	{ "http.cached", VX_DIAG_WARN, "", "", aged, UNSIGNED, "/api/*" },
	{ "http.cached", VX_DIAG_WARN, "", "", cache_hit, UNSIGNED, "/api/*" },
	{ "http.cached", VX_DIAG_PASS, "", "", site, UNSIGNED, "" },
	{ "autoconfig.http", VX_DIAG_WARN, "", "", another_is_configured, UNSIGNED,
	    "mail.example.net" },
	{ "autoconfig.http", VX_DIAG_WARN, "", "", no_document, UNSIGNED,
	    "config-v1.1.xml" },
	{ "autoconfig.http", VX_DIAG_WARN, "", "", a_page_instead, UNSIGNED,
	    "config-v1.1.xml" },
	{ "autoconfig.http", VX_DIAG_WARN, "", "", no_certificate_for_it, UNSIGNED,
	    "certificate for autoconfig.example.net" },
	{ "autoconfig.http", VX_DIAG_PASS, "", "", configured, UNSIGNED, "" },
	{ "autoconfig.http", VX_DIAG_PASS, "", "", configured_at_the_domain, UNSIGNED,
	    "" },
	{ "autoconfig.http", VX_DIAG_NA, "", "", own_site_without, UNSIGNED, "" },
	{ "tls.drift", VX_DIAG_WARN, "", "", another_pair, UNSIGNED, "certs/mail" },
	{ "tls.drift", VX_DIAG_PASS, "", "", same_pair, UNSIGNED, "" },
	{ "tls.drift", VX_DIAG_NA, "", "", anothers_pair, UNSIGNED, "" },
	{ "tls.old_client", VX_DIAG_INFO, "", "", old_client, UNSIGNED, "TLS 1.2" },
};

/* Set-ups in which nothing is wrong. */
static const struct {
	const char *drop, *add;
	void (*tweak)(struct vx_diag_facts *f);
	int is_signed;
} fine[] = {
	{ "", "", NULL, UNSIGNED },
	{ "", "_25._tcp.mail.example.net TLSA 3 1 1 " HASH "\n", NULL, SIGNED },
	{ "",
	    "_25._tcp.mail.example.net TLSA 3 1 1 " HASH "\n"
	    "_25._tcp.mail.example.net TLSA 3 1 1 " RSA_HASH "\n"
	    "_25._tcp.mail.example.net TLSA 3 1 1 abcd\n",
	    both_kinds, SIGNED },
	{ "mail.example.net AAAA|" PTR6 "|" SPF_LINE, "example.net TXT v=spf1 mx -all\n",
	    only4, UNSIGNED },
	{ SPF_LINE, ROUTES BACKUP_SPF, backup, UNSIGNED },
	{ "1.2.0.192|" PTR6 "|" SPF_LINE,
	    "example.net TXT v=spf1 include:r.example -all\nr.example TXT v=spf1 "
	    "ip4:198.51.100.0/24 -all\n",
	    relay, UNSIGNED },
	{ SPF_LINE,
	    "example.net TXT v=spf1 redirect=_spf.example.org\n_spf.example.org TXT "
	    "v=spf1 "
	    "ip4:192.0.2.0/24 ip6:2001:db8::/32 -all\nexample.net TXT google-site=x\n",
	    NULL, UNSIGNED },
	{ "", "", with_cloudflare, UNSIGNED },
	{ "", "", wildcard, UNSIGNED },
	{ "", "", other_ordered, UNSIGNED },
	{ "", "example.net MX 20 backup.example.net\nbackup.example.net A 192.0.2.1\n",
	    NULL, UNSIGNED },
	{ "_dmarc", "_dmarc.example.net TXT v=DMARC1; p=reject; sp=none\n", NULL,
	    UNSIGNED },
	{ "", "", challenge_under_way, UNSIGNED },
	{ "202611",
	    "202611._domainkey.example.net TXT k=rsa; v=DKIM1;p= MIIBIjANBgkqhki "
	    "G9w0BAQEFAAOCAQ8A \n",
	    NULL, UNSIGNED },
	{ "example.net NS",
	    "example.net NS ada.ns.cloudflare.com\n_acme-challenge.mail."
	    "example.net TXT of-cloudflare\n",
	    NULL, UNSIGNED },
	{ "", "www.example.net A 198.51.100.1\n", two_keys, UNSIGNED },
	{ "", "", alike, UNSIGNED },
	{ "", "", half_dead, UNSIGNED },
	{ "", "", nobody_serves, UNSIGNED },
	{ "", "", own_site_without, UNSIGNED },
	{ "", PROOF("imap") "\n" PROOF("mail") "; policy=wildcard\n", proven, UNSIGNED },
	{ "", "example.net TXT vectis-verify=0123\n", verified, UNSIGNED },
	{ "", "example.net TXT vectis-verify=4567\n", verified, UNSIGNED },
	{ "", "", verified, UNSIGNED },
	/* both names are right, whichever a record has */
	{ "example.net MX|1.2.0.192",
	    "example.net MX 10 new.example.net\n1.2.0.192.in-addr.arpa PTR "
	    "new.example.net\n" NEW_HOST,
	    moving, UNSIGNED },
	{ "", NEW_HOST, moving_split, UNSIGNED },
	{ SPF_LINE, ROUTES BACKUP_SPF NEW_HOST, moving_backed, UNSIGNED },
	{ "", NEW_HOST, moving_as_yet, UNSIGNED },
};

/* Ask until all is known, and run. */
static struct vx_diag *diagnose(const struct vx_diag_facts *f, struct vxt_zone *z)
{
	struct vx_dns_question q[50];
	struct vx_diag *d;
	unsigned turns = 0;
	size_t n;

	vxt_assert_ok(vx_diag_new(f, &d));
	while ((n = vx_diag_ask(d, q, 50)) > 0) {
		ck_assert_uint_lt(turns++, 20);
		for (size_t i = 0; i < n; i++) {
			const struct vx_dns_answer a = vxt_zone_answer(z, &q[i]);

			vxt_assert_ok(vx_diag_answer(d, &q[i], &a));
		}
	}
	if (speak != NULL)
		speak(d);
	vx_diag_run(d);
	return d;
}

/* All that is WARN or FAIL as "name verdict; ". */
static void alarms(const struct vx_diag *d, struct vx_buf *out)
{
	const struct vx_diag_finding *f;

	for (size_t i = 0; (f = vx_diag_finding(d, i)) != NULL; i++)
		if (f->verdict == VX_DIAG_WARN || f->verdict == VX_DIAG_FAIL)
			vx_buf_printf(
			    out, "%s %s; ", f->name, vx_diag_verdict_name(f->verdict));
}

static const struct vx_diag_finding *find(const struct vx_diag *d, const char *name)
{
	const struct vx_diag_finding *f;

	for (size_t i = 0; (f = vx_diag_finding(d, i)) != NULL; i++)
		if (strcmp(f->name, name) == 0)
			return f;
	ck_abort_msg("there is no check %s", name);
	return NULL;
}

static struct vx_diag *set_up(struct vxt_zone *z, const char *drop, const char *add,
    void (*tweak)(struct vx_diag_facts *f), int is_signed)
{
	struct vx_diag_facts f;

	vxt_zone_init(z);
	vx_zone_init(&records);
	z->secure = is_signed == SIGNED;
	vxt_zone_fill(z, good, drop);
	vxt_zone_fill(z, add, "");
	reset(&f);
	if (tweak != NULL)
		tweak(&f);
	return diagnose(&f, z);
}

static void tear_down(struct vxt_zone *z, struct vx_diag *d)
{
	vx_diag_free(d);
	vxt_zone_done(z);
	vx_zone_done(&records);
}

START_TEST(each_fault_is_named_and_no_other)
{
	static struct vxt_zone z;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_diag *d = set_up(
		    &z, rows[i].drop, rows[i].add, rows[i].tweak, rows[i].is_signed);
		const struct vx_diag_finding *f = find(d, rows[i].name);
		struct vx_buf got = { .max = 1000 }, want = { .max = 1000 };

		if (rows[i].verdict == VX_DIAG_WARN || rows[i].verdict == VX_DIAG_FAIL)
			vx_buf_printf(&want, "%s %s; ", rows[i].name,
			    vx_diag_verdict_name(rows[i].verdict));
		alarms(d, &got);
		ck_assert_msg(vx_slice_eq(vx_buf_slice(&got), vx_buf_slice(&want)),
		    "row %zu, %s: %.*s", i, rows[i].name, (int)got.len,
		    got.len > 0 ? got.ptr : "");
		ck_assert_msg(f->verdict == rows[i].verdict, "row %zu, %s: %s (%s)", i,
		    rows[i].name, vx_diag_verdict_name(f->verdict), f->seen);
		ck_assert_msg(strstr(f->fix, rows[i].fix) != NULL, "row %zu, %s: %s", i,
		    rows[i].name, f->fix);
		ck_assert_msg(f->seen[0] != '\0' && f->wait[0] != '\0', "row %zu", i);
		vx_buf_done(&got);
		vx_buf_done(&want);
		tear_down(&z, d);
	}
}
END_TEST

START_TEST(good_ones_give_no_alarm)
{
	static struct vxt_zone z;

	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		struct vx_diag *d = set_up(
		    &z, fine[i].drop, fine[i].add, fine[i].tweak, fine[i].is_signed);
		struct vx_buf got = { .max = 1000 };

		alarms(d, &got);
		ck_assert_msg(got.len == 0, "set-up %zu: %.*s", i, (int)got.len,
		    got.len > 0 ? got.ptr : "");
		ck_assert_uint_eq(
		    vx_diag_report(d, (struct vx_diag_section[VX_DIAG_SECTIONS]){ 0 }),
		    100);
		vx_buf_done(&got);
		tear_down(&z, d);
	}
}
END_TEST

/* What the faults of some rows take, in the order of the table. */
START_TEST(faults_take_points)
{
	static const struct {
		const char *name;
		unsigned score;
	} cases[] = { { "cf.proxied", 85 }, { "dns.mx", 85 }, { "dns.ptr", 85 },
		{ "spf.multiple", 85 }, { "spf.softfail", 92 }, { "dkim.absent", 80 },
		{ "dmarc.policy", 85 }, { "rbl.listed", 95 }, { "tls.expiry", 90 },
		{ "dns.verify", 95 }, { "net.out25", 100 } };
	struct vx_diag_section report[VX_DIAG_SECTIONS];
	static struct vxt_zone z;

	for (size_t i = 0, k; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_diag *d;
		unsigned sum = 0, weights = 0;

		for (k = 0; strcmp(rows[k].name, cases[i].name) != 0;)
			k++;
		d = set_up(
		    &z, rows[k].drop, rows[k].add, rows[k].tweak, rows[k].is_signed);
		ck_assert_msg(vx_diag_report(d, report) == cases[i].score, "%s: %u",
		    cases[i].name, vx_diag_report(d, report));
		for (k = 0; k < VX_DIAG_SECTIONS; k++) {
			sum += report[k].points;
			weights += report[k].weight;
			ck_assert(report[k].decisive->seen[0] != '\0');
		}
		ck_assert_uint_eq(sum, cases[i].score);
		ck_assert_uint_eq(weights, 100);
		tear_down(&z, d);
	}
}
END_TEST

/* Each check of the table that can raise an alarm is proved by a row above. */
START_TEST(every_check_has_a_row)
{
	static const char *const quiet[] = { "cf.spectrum", "dns.ttl", "dns.dnssec",
		"dns.backup_host", "cf.backup_inbox" /* test_backup.c */ };
	static struct vxt_zone z;
	struct vx_diag *d = set_up(&z, "", "", NULL, UNSIGNED);
	const struct vx_diag_finding *f;

	for (size_t i = 0; (f = vx_diag_finding(d, i)) != NULL; i++) {
		bool has = false;

		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
			has = has || strcmp(rows[k].name, f->name) == 0;
		for (size_t k = 0; k < sizeof(quiet) / sizeof(quiet[0]); k++)
			has = has || strcmp(quiet[k], f->name) == 0;
		ck_assert_msg(has, "%s has no row", f->name);
	}
	tear_down(&z, d);
}
END_TEST

/* Names whose owner is silent, or says what is not signed, are one fault, not twenty. */
START_TEST(a_dead_zone_is_one_fault)
{
	static const enum vx_dns_status statuses[] = { VX_DNS_FAILED, VX_DNS_BOGUS };
	static const char *const names[] = { "example.net", "mail.example.net",
		"202611._domainkey.example.net", "_dmarc.example.net",
		"_25._tcp.mail.example.net", "_acme-challenge.mail.example.net" };

	for (size_t i = 0; i < 2; i++) {
		static struct vxt_zone z;
		struct vx_buf got = { .max = 1000 };
		struct vx_diag_facts f;
		struct vx_diag *d;

		vxt_zone_init(&z);
		vx_zone_init(&records);
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			vxt_zone_fail(&z, names[k], statuses[i]);
		vxt_zone_fill(&z, good, "example.net|mail.|202611|_dmarc");
		reset(&f);
		d = diagnose(&f, &z);
		alarms(d, &got);
		vxt_assert_str(vx_buf_slice(&got), "dns.dnssec fail; ");
		ck_assert_ptr_nonnull(strstr(find(d, "dns.dnssec")->fix, "registrar"));
		vx_buf_done(&got);
		tear_down(&z, d);
	}
}
END_TEST

/* When all are silent, nothing is said of what could not be asked. */
START_TEST(a_dead_network_is_one_fault)
{
	static const struct vx_dns_answer silent = { .status = VX_DNS_FAILED };
	struct vx_dns_question q[50];
	struct vx_diag_facts f;
	struct vx_buf got = { .max = 1000 };
	struct vx_diag *d;
	size_t n;

	vx_zone_init(&records);
	reset(&f);
	vxt_assert_ok(vx_diag_new(&f, &d));
	while ((n = vx_diag_ask(d, q, 50)) > 0)
		for (size_t i = 0; i < n; i++)
			vxt_assert_ok(vx_diag_answer(d, &q[i], &silent));
	hear_nothing(d, VX_DIAG_SYSTEM, "10.0.0.1");
	vx_diag_run(d);
	alarms(d, &got);
	vxt_assert_str(vx_buf_slice(&got), "dns.dnssec fail; ");
	vx_buf_done(&got);
	vx_diag_free(d);
	vx_zone_done(&records);
}
END_TEST

START_TEST(facts_are_checked)
{
	static const char *const words[] = { "not an address" };
	struct vx_diag_facts f[4];
	struct vx_diag *d;

	for (size_t i = 0; i < 4; i++)
		reset(&f[i]);
	f[0].domain = "a..b";
	f[1].hostname = "";
	f[2].addresses = words;
	f[2].address_count = 1;
	f[3].list_count = VX_DIAG_LISTS_MAX + 1;
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(vx_diag_new(&f[i], &d), VX_EINVAL);
}
END_TEST

/* What others say is shown, and bounded. */
START_TEST(strangers_text_is_clean)
{
	static struct vxt_zone z;
	struct vx_diag *d;
	const struct vx_diag_finding *f;
	char add[700];

	(void)snprintf(add, sizeof(add), "example.net TXT v=spf1 \x1b[31m%0500d\n", 7);
	d = set_up(&z, SPF_LINE, add, NULL, UNSIGNED);
	for (size_t i = 0; (f = vx_diag_finding(d, i)) != NULL; i++) {
		for (const char *c = f->seen; *c != '\0'; c++)
			ck_assert(*c >= ' ' && *c < 0x7f);
		for (const char *c = f->fix; *c != '\0'; c++)
			ck_assert(*c >= ' ' && *c < 0x7f);
	}
	tear_down(&z, d);
}
END_TEST

VXT_SUITE(test_rows, "rows", each_fault_is_named_and_no_other, good_ones_give_no_alarm,
    faults_take_points, every_check_has_a_row, a_dead_zone_is_one_fault,
    a_dead_network_is_one_fault, facts_are_checked, strangers_text_is_clean)
