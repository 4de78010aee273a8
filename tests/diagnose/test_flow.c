/* One fault of mail or logins per row: it is named, and no other; good ones are quiet. */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/diagnose.h"

#include <stdio.h>

#define NOW 1795888800
#define HOUR 3600
#define DAY 86400
#define KEY "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char good[] =
    "example.net MX 10 mail.example.net\n"
    "example.net TXT v=spf1 mx -all\n"
    "example.net NS ns1.example.org\n"
    "mail.example.net A 192.0.2.1\n"
    "1.2.0.192.in-addr.arpa PTR mail.example.net\n"
    "202611._domainkey.example.net TXT " KEY "\n"
    "_dmarc.example.net TXT v=DMARC1; p=quarantine; rua=mailto:dmarc@example.net\n"
    "2.0.0.127.list.example A 127.0.0.2\n" VX_DIAG_FAR_HOST " A 198.51.100.25\n";

#define BACKUP(address)                                                                  \
	"example.net MX 20 backup.example.org\n"                                         \
	"backup.example.org A " address                                                  \
	"\nexample.net TXT v=spf1 ip4:192.0.2.1 ip4:" address " -all\n"

static const char *const addresses[] = { "192.0.2.1" };
static const struct vx_diag_key keys[] = { { "202611", KEY, true, NOW - 10 * DAY, 0 } };
static const struct vx_diag_port ports[] = { { "smtp", 25, VX_DIAG_REACHED } };
static struct vx_dnsbl lists[1];
static struct vx_diag_facts facts;
static struct vx_diag_flow flow;
static struct vx_diag_login logins[7];
static struct vx_diag_relay relays[2];
static struct vx_diag_rejected clients[10];

static bool has_mailbox(void *ctx, vx_slice address)
{
	(void)ctx;
	(void)address;
	return true;
}

/* A server in use, of which nothing bad is known. */
static void reset(void)
{
	vxt_assert_ok(vx_dnsbl_parse(VX_S("list.example"), &lists[0]));
	flow = (struct vx_diag_flow){ .since = NOW - VX_DIAG_FLOW_DAYS * DAY,
		.clients = clients,
		.logins = logins,
		.relays = relays,
		.taken = { NOW - HOUR, "mx.example.org", "", "" },
		.failed = { 0, "", "", "" },
		.first_sent = NOW - VX_DIAG_WARM_DAYS * DAY,
		.sent = 7 };
	facts = (struct vx_diag_facts){ .struct_size = sizeof(facts),
		.now = NOW,
		.domain = "example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 1,
		.keys = keys,
		.key_count = 1,
		.mailbox = has_mailbox,
		.lists = lists,
		.list_count = 1,
		.certificate = true,
		.cert_problem = "",
		.cert_names = "mail.example.net",
		.cert_end = NOW + 60 * DAY,
		.cert_digest = HASH,
		.cert_serial = "0a0b",
		.cert_stale = "",
		.cert_distrust = "",
		.acme_problem = "",
		.secrets_problem = "",
		.ports = ports,
		.port_count = 1,
		.out25 = VX_DIAG_REACHED,
		.flow = &flow };
}

/* --- mail that came -------------------------------------------------------------------
 */

static void nothing(void)
{
}
static void typos(void)
{
	static const struct vx_diag_tally all[] = { { "jon@example.net", "", 12 },
		{ "info@example.net", "", 3 }, { "a@example.net", "", 1 },
		{ "b@example.net", "", 1 }, { "c@example.net", "", 1 },
		{ "d@example.net", "", 1 } };

	flow.unknown = all;
	flow.unknown_count = 6;
	flow.unknown_all = 19;
}
static void many_events(void)
{
	typos();
	flow.cut = true;
	flow.since = NOW - HOUR;
}
static void inactive(void)
{
	flow.inactive = true;
	flow.closed = 4;
}
static void inactive_and_tried(void)
{
	inactive();
	logins[0] = (struct vx_diag_login){ "ann@example.net", "192.0.2.9", "",
		VX_DIAG_LOGIN_CLOSED, true, 50, NOW - 60, 0 };
	flow.login_count = 1;
}
static void away(void)
{
	flow.away = true;
	flow.closed = 4;
}
static void forged(void)
{
	flow.relaying = 9;
}

static void rejected(const char *address, const char *rule, bool lasting)
{
	static const struct vx_diag_tally rules[] = {
		{ "blocklist", "your address 198.51.100.7 is listed by list.example", 5 },
		{ "greylist", "this server does not know you yet", 2 }
	};

	clients[flow.client_count++] =
	    (struct vx_diag_rejected){ address, rule, 5, lasting };
	flow.rules = rules;
	flow.rule_count = 2;
	flow.rejected_all = 7;
}
static void spammers(void)
{
	rejected("198.51.100.7", "blocklist", true);
}
static void a_backup(void)
{
	spammers();
	facts.backup_host = "backup.example.org";
}
static void a_backup_is_asked_to_wait(void)
{
	rejected("198.51.100.7", "greylist", false);
	facts.backup_host = "backup.example.org";
}
static void our_relay(void)
{
	spammers();
	relays[0] = (struct vx_diag_relay){
		.name = "out", .host = "smtp.relay.example", .last_sent = NOW - HOUR
	};
	relays[1] = (struct vx_diag_relay){ .name = "by-address", .host = "[192.0.2.9]" };
	flow.relay_count = 2;
}
static void this_server(void)
{
	rejected("192.0.2.1", "own domain", true);
}
static void routing(void)
{
	rejected("104.30.1.1", "operator's block", true);
	facts.backup = true;
}
/* No more are looked at than may be. */
static void a_backup_among_many(void)
{
	for (size_t i = 0; i < VX_DIAG_FLOW_CLIENTS; i++)
		rejected("203.0.113.1", "HELO", true);
	a_backup();
}

/* --- logins ---------------------------------------------------------------------------
 */

static struct vx_diag_login *login(enum vx_diag_login_why why, uint64_t count)
{
	struct vx_diag_login *l = &logins[flow.login_count++];

	*l = (struct vx_diag_login){ "ann@example.net", "203.0.113.9", "", why, true,
		count, NOW - HOUR, 0 };
	return l;
}
static void typed_wrong(void)
{
	(void)login(VX_DIAG_LOGIN_WRONG, VX_DIAG_LOGIN_AGAIN - 1);
}
static void shut_out(void)
{
	(void)login(VX_DIAG_LOGIN_WRONG, VX_DIAG_LOGIN_AGAIN);
}
static void in_again(void)
{
	login(VX_DIAG_LOGIN_WRONG, 500)->right = NOW - HOUR; /* in the same second */
}
static void long_ago(void)
{
	login(VX_DIAG_LOGIN_WRONG, 500)->last = flow.since - 1;
	login(VX_DIAG_LOGIN_ALIAS, 500)->last = flow.since - 1;
}
static void guessed(void)
{
	struct vx_diag_login *l = login(VX_DIAG_LOGIN_UNKNOWN, 1000);

	l->login = "admin@example.net";
	l->mailbox = false;
}
static void suspended(void)
{
	(void)login(VX_DIAG_LOGIN_SUSPENDED, 9);
}
static void switched_off(void)
{
	(void)login(VX_DIAG_LOGIN_INACTIVE, 9);
}
static void no_pop3(void)
{
	(void)login(VX_DIAG_LOGIN_POP3_OFF, 9);
}
static void in_clear(void)
{
	(void)login(VX_DIAG_LOGIN_NO_TLS, 9);
}
static void somebody_in_clear(void)
{
	struct vx_diag_login *l = login(VX_DIAG_LOGIN_NO_TLS, 9);

	l->login = "-";
	l->mailbox = false;
}
/* Those whose mailbox is there are said first, and the rest is counted. */
static void one_among_many(void)
{
	for (size_t i = 0; i < VX_DIAG_FLOW_SHOWN; i++)
		guessed();
	shut_out();
	(void)login(VX_DIAG_LOGIN_THROTTLED, 100);
}
static void an_alias(void)
{
	struct vx_diag_login *l = login(VX_DIAG_LOGIN_ALIAS, 2);

	l->login = "sales@example.net";
	l->owner = "bob@example.net";
	l->mailbox = false;
}
static void an_alias_of_nobody(void)
{
	an_alias();
	logins[0].owner = "";
}

/* --- mail that leaves -----------------------------------------------------------------
 */

static void a_relay(void)
{
	relays[0] = (struct vx_diag_relay){ .name = "out",
		.host = "smtp.relay.example",
		.sent = 3,
		.last_sent = NOW - HOUR,
		.auth = { .reply = "" },
		.identity = { .reply = "" } };
	flow.relay_count = 1;
}
static void an_idle_relay(void)
{
	a_relay();
	relays[0].last_sent = 0;
}
static void refused_login(void)
{
	a_relay();
	relays[0].auth =
	    (struct vx_diag_answer){ 2, NOW - 60, "535 5.7.8 Invalid login (to AUTH)",
		    "make an app password", "ann@example.net", false };
	flow.failures = 3;
	flow.failed = (struct vx_diag_sent){ NOW - 60, "smtp.relay.example", "x@y.test",
		"535 5.7.8 Invalid login (to AUTH)" };
}
static void accepted_login(void)
{
	refused_login();
	relays[0].auth.over = true;
	flow.failures = 0;
}
static void sandbox(void)
{
	a_relay();
	relays[0].identity = (struct vx_diag_answer){ 2, NOW - 60,
		"554 5.7.1 Email address is not verified", "verify the whole domain",
		"ann@example.net", false };
	flow.failures = 3;
	flow.failed = (struct vx_diag_sent){ NOW - 60, "smtp.relay.example", "x@y.test",
		"554 5.7.1 Email address is not verified" };
}
static void out_of_the_sandbox(void)
{
	sandbox();
	relays[0].identity.over = true;
	flow.failures = 0;
}
static void nothing_sent(void)
{
	flow.taken.time = 0;
}
static void some_bounce(void)
{
	flow.failures = VX_DIAG_FAILURES - 1;
	flow.failed = (struct vx_diag_sent){ NOW - 60, "mx.example.org", "x@y.test",
		"550 5.1.1 no such user (to RCPT)" };
}
static void all_bounce(void)
{
	some_bounce();
	flow.failures = VX_DIAG_FAILURES;
}
static void the_first_bounces(void)
{
	some_bounce();
	flow.taken.time = 0;
	flow.failures = 1;
}
static void no_way_out(void)
{
	all_bounce();
	facts.out25 = VX_DIAG_SILENT;
}
static void young(void)
{
	flow.first_sent = NOW - 3 * DAY;
}
static void young_behind_a_relay(void)
{
	young();
	facts.relay_host = "smtp.relay.example";
}
static void unknown_age(void)
{
	flow.first_sent = 0;
}

static const struct {
	const char *name;
	enum vx_diag_verdict verdict;
	void (*tweak)(void);
	const char *seen, *fix;
	const char *drop, *add; /* of the zone */
	const char *also;       /* another alarm, which names the fault; NULL: none */
} rows[] = {
	{ "in.unknown_user", VX_DIAG_PASS, nothing, "in the last 7 days", "", "", "",
	    NULL },
	{ "in.unknown_user", VX_DIAG_INFO, typos,
	    "19 refused in the last 7 days: jon@example.net 12, info@example.net 3",
	    "vectisctl mailbox add jon@example.net", "", "", NULL },
	{ "in.unknown_user", VX_DIAG_INFO, many_events, "too many events", "alias add",
	    "", "", NULL },
	{ "in.relay_denied", VX_DIAG_PASS, nothing, "its mail is taken", "", "", "",
	    NULL },
	{ "in.relay_denied", VX_DIAG_FAIL, inactive, "inactive: 4 refused",
	    "vectisctl domain set example.net --active on", "", "", NULL },
	{ "in.relay_denied", VX_DIAG_FAIL, inactive_and_tried, "inactive", "--active on",
	    "", "", NULL },
	{ "auth.reason", VX_DIAG_NA, inactive_and_tried, "in.relay_denied", "", "", "",
	    "in.relay_denied fail; " },
	{ "in.relay_denied", VX_DIAG_FAIL, away, "only sends", "--incoming on", "", "",
	    NULL },
	{ "in.relay_denied", VX_DIAG_PASS, away, "leads elsewhere", "",
	    "example.net MX|example.net TXT",
	    "example.net MX 10 mx.example.org\nmx.example.org A 198.51.100.8\n"
	    "example.net TXT v=spf1 ip4:192.0.2.1 ip4:198.51.100.8 -all\n",
	    NULL },
	{ "in.relay_denied", VX_DIAG_INFO, forged, "9 refused", "port 587", "", "",
	    NULL },
	{ "in.client_rejected", VX_DIAG_PASS, nothing, "none", "", "", "", NULL },
	{ "in.client_rejected", VX_DIAG_INFO, spammers,
	    "blocklist 5 (your address 198.51.100.7 is listed by list.example), greylist",
	    "vectisctl why 198.51.100.7", "", "", NULL },
	{ "in.client_rejected", VX_DIAG_WARN, a_backup,
	    "198.51.100.7, which is backup.example.org (blocklist)",
	    "smtp.trusted_networks", "example.net TXT", BACKUP("198.51.100.7"), NULL },
	{ "in.client_rejected", VX_DIAG_INFO, a_backup, "blocklist", "vectisctl why",
	    "example.net TXT", BACKUP("198.51.100.8"), NULL },
	{ "in.client_rejected", VX_DIAG_INFO, a_backup_is_asked_to_wait, "greylist", "",
	    "example.net TXT", BACKUP("198.51.100.7"), NULL },
	{ "in.client_rejected", VX_DIAG_INFO, a_backup_among_many, "blocklist", "",
	    "example.net TXT", BACKUP("198.51.100.7"), NULL },
	{ "in.client_rejected", VX_DIAG_WARN, spammers, "a host of its MX records",
	    "smtp.trusted_networks", "example.net TXT",
	    "example.net MX 20 mx2.example.org\nmx2.example.org A 198.51.100.7\n"
	    "example.net TXT v=spf1 ip4:192.0.2.1 ip4:198.51.100.7 -all\n",
	    NULL },
	{ "in.client_rejected", VX_DIAG_WARN, our_relay,
	    "198.51.100.7, which is smtp.relay.example", "198.51.100.7", "",
	    "smtp.relay.example A 198.51.100.7\n", NULL },
	{ "in.client_rejected", VX_DIAG_WARN, this_server, "this server (own domain)",
	    "192.0.2.1", "", "", NULL },
	{ "in.client_rejected", VX_DIAG_WARN, routing, "the backup", "104.30.1.1",
	    "example.net TXT",
	    "example.net MX 51 route1.mx.cloudflare.net\n"
	    "example.net MX 52 route2.mx.cloudflare.net\n"
	    "example.net TXT v=spf1 mx include:_spf.mx.cloudflare.net -all\n"
	    "_spf.mx.cloudflare.net TXT v=spf1 ip4:104.30.0.0/20 ~all\n",
	    NULL },
	{ "auth.reason", VX_DIAG_PASS, nothing, "no login", "", "", "", NULL },
	{ "auth.reason", VX_DIAG_INFO, typed_wrong, "wrong password, 4 times",
	    "vectisctl why", "", "", NULL },
	{ "auth.reason", VX_DIAG_WARN, shut_out, "wrong password, 5 times, last from 203",
	    "vectisctl mailbox passwd ann@example.net", "", "", NULL },
	{ "auth.reason", VX_DIAG_INFO, in_again, "500 times", "", "", "", NULL },
	{ "auth.reason", VX_DIAG_PASS, long_ago, "no login", "", "", "", NULL },
	{ "auth.alias", VX_DIAG_PASS, long_ago, "nobody", "", "", "", NULL },
	{ "auth.reason", VX_DIAG_INFO, guessed, "admin@example.net: no such mailbox", "",
	    "", "", NULL },
	{ "auth.reason", VX_DIAG_WARN, suspended, "sending is suspended", "--sending on",
	    "", "", NULL },
	{ "auth.reason", VX_DIAG_WARN, switched_off, "inactive", "--active on", "", "",
	    NULL },
	{ "auth.reason", VX_DIAG_WARN, no_pop3, "POP3", "--pop3 on", "", "", NULL },
	{ "auth.reason", VX_DIAG_WARN, in_clear, "without TLS", "port 465", "", "",
	    NULL },
	{ "auth.reason", VX_DIAG_INFO, somebody_in_clear, "-: without TLS", "TLS", "", "",
	    NULL },
	{ "auth.reason", VX_DIAG_WARN, one_among_many, "and 2 more",
	    "vectisctl mailbox passwd ann@example.net", "", "", NULL },
	{ "auth.alias", VX_DIAG_WARN, an_alias, "sales@example.net, 2 times",
	    "logs in as bob@example.net", "", "", NULL },
	{ "auth.alias", VX_DIAG_WARN, an_alias_of_nobody, "sales@example.net",
	    "no mailbox here", "", "", NULL },
	{ "auth.alias", VX_DIAG_PASS, shut_out, "nobody", "", "", "",
	    "auth.reason warn; " },
	{ "relay.auth", VX_DIAG_NA, nothing, "no relay", "", "", "", NULL },
	{ "relay.auth", VX_DIAG_PASS, a_relay, "out took mail", "", "", "", NULL },
	{ "relay.auth", VX_DIAG_NA, an_idle_relay, "vectisctl relay test out", "", "", "",
	    NULL },
	{ "relay.auth", VX_DIAG_FAIL, refused_login, "535 5.7.8 Invalid login",
	    "make an app password; then vectisctl relay test out", "", "", NULL },
	{ "relay.identity", VX_DIAG_NA, refused_login, "follows from relay.auth", "", "",
	    "", "relay.auth fail; " },
	{ "test.send", VX_DIAG_NA, refused_login, "follows from relay.auth", "", "", "",
	    "relay.auth fail; " },
	{ "relay.auth", VX_DIAG_PASS, accepted_login, "out took mail", "", "", "", NULL },
	{ "relay.identity", VX_DIAG_NA, nothing, "no relay", "", "", "", NULL },
	{ "relay.identity", VX_DIAG_WARN, sandbox, "not verified; for ann@example.net",
	    "verify the whole domain", "", "", NULL },
	{ "test.send", VX_DIAG_NA, sandbox, "follows from relay.identity", "", "", "",
	    "relay.identity warn; " },
	{ "relay.identity", VX_DIAG_PASS, out_of_the_sandbox, "out took mail", "", "", "",
	    NULL },
	{ "test.send", VX_DIAG_PASS, nothing, "taken by mx.example.org at 2026-", "", "",
	    "", NULL },
	{ "test.send", VX_DIAG_NA, nothing_sent, "vectisctl test send", "", "", "",
	    NULL },
	{ "test.send", VX_DIAG_PASS, some_bounce, "2 were not", "", "", "", NULL },
	{ "test.send", VX_DIAG_WARN, all_bounce, "550 5.1.1", "vectisctl why x@y.test",
	    "", "", NULL },
	{ "test.send", VX_DIAG_WARN, the_first_bounces, "the last 1", "vectisctl why", "",
	    "", NULL },
	{ "test.send", VX_DIAG_NA, no_way_out, "net.out25", "", "", "",
	    "net.out25 fail; " },
	{ "spam.triggers", VX_DIAG_PASS, nothing, "score 100", "", "", "", NULL },
	{ "spam.triggers", VX_DIAG_INFO, young, "3 days ago, and 7 since", "dozens a day",
	    "", "", NULL },
	{ "spam.triggers", VX_DIAG_PASS, young_behind_a_relay, "score 100", "",
	    "1.2.0.192|example.net TXT v=spf1",
	    "example.net TXT v=spf1 ip4:192.0.2.1 include:r.example -all\nr.example TXT "
	    "v=spf1 ip4:198.51.100.0/24 -all\n",
	    NULL },
	{ "spam.triggers", VX_DIAG_PASS, unknown_age, "score 100", "", "", "", NULL },
	{ "spam.triggers", VX_DIAG_NA, young, "follows from dns.ptr (score 85 of 100)",
	    "", "1.2.0.192", "", "dns.ptr fail; " },
	{ "spam.triggers", VX_DIAG_NA, nothing, "follows from rbl.listed (score 95", "",
	    "", "1.2.0.192.list.example A 127.0.0.4\n", "rbl.listed fail; " },
	{ "spam.triggers", VX_DIAG_NA, nothing, "follows from spf.softfail (score 92", "",
	    "example.net TXT", "example.net TXT v=spf1 mx ~all\n",
	    "spf.softfail warn; " },
	{ "spam.triggers", VX_DIAG_NA, nothing, "follows from dkim.absent (score 80", "",
	    "202611", "", "dkim.absent fail; " },
};

static struct vx_diag *diagnose(struct vxt_zone *z)
{
	struct vx_dns_question q[50];
	struct vx_diag *d;
	unsigned turns = 0;
	size_t n;

	vxt_assert_ok(vx_diag_new(&facts, &d));
	while ((n = vx_diag_ask(d, q, 50)) > 0) {
		ck_assert_uint_lt(turns++, 20);
		for (size_t i = 0; i < n; i++) {
			const struct vx_dns_answer a = vxt_zone_answer(z, &q[i]);

			vxt_assert_ok(vx_diag_answer(d, &q[i], &a));
		}
	}
	vx_diag_run(d);
	return d;
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

START_TEST(each_fault_is_named_and_no_other)
{
	static struct vxt_zone z;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_buf got = { .max = 1000 }, want = { .max = 1000 };
		const struct vx_diag_finding *f;
		struct vx_diag *d;

		vxt_zone_init(&z);
		vxt_zone_fill(&z, good, rows[i].drop);
		vxt_zone_fill(&z, rows[i].add, "");
		reset();
		rows[i].tweak();
		d = diagnose(&z);
		for (size_t k = 0; (f = vx_diag_finding(d, k)) != NULL; k++)
			if (f->verdict == VX_DIAG_WARN || f->verdict == VX_DIAG_FAIL)
				vx_buf_printf(&got, "%s %s; ", f->name,
				    vx_diag_verdict_name(f->verdict));
		if (rows[i].also != NULL)
			vx_buf_add_str(&want, rows[i].also);
		else if (rows[i].verdict == VX_DIAG_WARN ||
			 rows[i].verdict == VX_DIAG_FAIL)
			vx_buf_printf(&want, "%s %s; ", rows[i].name,
			    vx_diag_verdict_name(rows[i].verdict));
		ck_assert_msg(vx_slice_eq(vx_buf_slice(&got), vx_buf_slice(&want)),
		    "row %zu, %s: %.*s", i, rows[i].name, (int)got.len,
		    got.len > 0 ? got.ptr : "");
		f = find(d, rows[i].name);
		ck_assert_msg(f->verdict == rows[i].verdict &&
				  strstr(f->seen, rows[i].seen) != NULL &&
				  strstr(f->fix, rows[i].fix) != NULL,
		    "row %zu, %s: %s, %s, %s", i, f->name,
		    vx_diag_verdict_name(f->verdict), f->seen, f->fix);
		/* whoever reads only what is wrong is told what to do */
		if (f->verdict == VX_DIAG_WARN || f->verdict == VX_DIAG_FAIL)
			ck_assert_msg(
			    f->fix[0] != '\0' && f->why[0] != '\0' && f->wait[0] != '\0',
			    "row %zu", i);
		vx_buf_done(&got);
		vx_buf_done(&want);
		vx_diag_free(d);
		vxt_zone_done(&z);
	}
}
END_TEST

/* What strangers said is cut and printable, however much there is of it. */
START_TEST(it_fits)
{
	static struct vxt_zone z;
	static char large[2000];
	const struct vx_diag_finding *f;
	struct vx_diag *d;

	memset(large, '\x1b', sizeof(large) - 1);
	vxt_zone_init(&z);
	vxt_zone_fill(&z, good, "");
	reset();
	one_among_many();
	for (size_t i = 0; i < flow.login_count; i++)
		logins[i].login = logins[i].network = logins[i].owner = large;
	logins[0].why = VX_DIAG_LOGIN_ALIAS;
	sandbox();
	relays[0].identity.reply = relays[0].identity.sender = relays[0].name = large;
	relays[0].auth = relays[0].identity;
	flow.failed = (struct vx_diag_sent){ NOW, large, large, large };
	d = diagnose(&z);
	for (size_t i = 0; (f = vx_diag_finding(d, i)) != NULL; i++) {
		for (const char *c = f->seen; *c != '\0'; c++)
			ck_assert(*c >= ' ' && *c < 0x7f);
		for (const char *c = f->fix; *c != '\0'; c++)
			ck_assert(*c >= ' ' && *c < 0x7f);
	}
	vx_diag_free(d);
	vxt_zone_done(&z);
}
END_TEST

VXT_SUITE(test_flow, "flow", each_fault_is_named_and_no_other, it_fits)
