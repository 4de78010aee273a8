/* Backups that are declared: whether they can take mail, and after us. */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/diagnose.h"

#include <stdio.h>

#define SPARE "spare.example.org"
#define INBOX "spare@inbox.example"
#define OURS "example.net MX 10 mail.example.net\n"
#define ROUTE "example.net MX 51 route1.mx.cloudflare.net\n"

static const char *const addresses[] = { "192.0.2.1" };

static void fill(struct vxt_zone *z, const char *text)
{
	vx_slice rest = vx_slice_str(text), line, name, type;

	while (rest.len > 0) {
		char owner[300], content[300];

		(void)vx_slice_cut(&rest, '\n', &line);
		(void)vx_slice_cut(&line, ' ', &name);
		(void)vx_slice_cut(&line, ' ', &type);
		(void)snprintf(owner, sizeof(owner), "%.*s", (int)name.len, name.ptr);
		(void)snprintf(content, sizeof(content), "%.*s", (int)line.len, line.ptr);
		vxt_zone_add(z, owner,
		    vx_slice_eq(type, VX_S("MX"))    ? VX_DNS_MX
		    : vx_slice_eq(type, VX_S("SRV")) ? VX_DNS_SRV
		    : vx_slice_eq(type, VX_S("A"))   ? VX_DNS_A
						     : VX_DNS_AAAA,
		    content);
	}
}

static void check(const char *text, const struct vx_diag_facts *facts, const char *name,
    enum vx_diag_verdict verdict, const char *words)
{
	struct vx_dns_question q[50];
	const struct vx_diag_finding *found = NULL;
	static struct vxt_zone z;
	struct vx_diag *d;
	size_t n;

	vxt_zone_init(&z);
	fill(&z, text);
	vxt_assert_ok(vx_diag_new(facts, &d));
	while ((n = vx_diag_ask(d, q, 50)) > 0)
		for (size_t i = 0; i < n; i++) {
			const struct vx_dns_answer a = vxt_zone_answer(&z, &q[i]);

			vxt_assert_ok(vx_diag_answer(d, &q[i], &a));
		}
	vx_diag_run(d);
	for (size_t i = 0; found == NULL || strcmp(found->name, name) != 0; i++) {
		found = vx_diag_finding(d, i);
		ck_assert_ptr_nonnull(found);
	}
	ck_assert_msg(found->verdict == verdict, "%s: %s",
	    vx_diag_verdict_name(found->verdict), found->seen);
	ck_assert_msg(
	    strstr(found->seen, words) != NULL || strstr(found->fix, words) != NULL,
	    "%s: %s; %s", words, found->seen, found->fix);
	ck_assert_int_eq(
	    found->fix[0] != '\0', verdict == VX_DIAG_WARN || verdict == VX_DIAG_FAIL);
	vx_diag_free(d);
	vxt_zone_done(&z);
}

static struct vx_diag_facts facts(void)
{
	const struct vx_diag_facts f = { .struct_size = sizeof(f),
		.now = 1795888800,
		.domain = "example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 1,
		.cert_problem = "",
		.cert_names = "",
		.cert_digest = "",
		.cert_serial = "",
		.cert_stale = "",
		.cert_distrust = "",
		.acme_problem = "",
		.secrets_problem = "" };

	return f;
}

START_TEST(another_server)
{
	static const struct {
		const char *zone;
		enum vx_diag_verdict verdict;
		const char *words;
	} rows[] = {
		{ OURS "example.net MX 50 " SPARE "\n" SPARE " A 192.0.2.9\n",
		    VX_DIAG_PASS, "comes after this server" },
		{ OURS "example.net MX 50 " SPARE "\n" SPARE " AAAA 2001:db8::9\n",
		    VX_DIAG_PASS, "comes after" },
		{ OURS, VX_DIAG_WARN, "example.net MX 50 " SPARE },
		{ OURS "example.net MX 10 " SPARE "\n" SPARE " A 192.0.2.9\n",
		    VX_DIAG_FAIL, "above 10" },
		{ OURS "example.net MX 5 " SPARE "\n" SPARE " A 192.0.2.9\n",
		    VX_DIAG_FAIL, SPARE " has preference 5, this server 10" },
		{ OURS "example.net MX 50 " SPARE "\n", VX_DIAG_FAIL,
		    SPARE " has no address" },
		{ "example.net MX 50 " SPARE "\n", VX_DIAG_NA, "dns.mx" },
	};
	struct vx_diag_facts f = facts();

	check(OURS, &f, "dns.backup_host", VX_DIAG_NA, "no such backup");
	f.backup_host = SPARE;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(
		    rows[i].zone, &f, "dns.backup_host", rows[i].verdict, rows[i].words);
}
END_TEST

START_TEST(email_routing)
{
	static const struct {
		bool on, locked, catch_all;
		const char *to;
		enum vx_cf_address address;
		enum vx_diag_verdict verdict;
		const char *words;
	} rows[] = {
		{ true, false, true, "Spare@inbox.example", VX_CF_ADDRESS_CONFIRMED,
		    VX_DIAG_PASS, "led to " INBOX },
		/* a matter of changes, not of mail */
		{ true, true, true, INBOX, VX_CF_ADDRESS_CONFIRMED, VX_DIAG_PASS, "led" },
		{ true, false, true, INBOX, VX_CF_ADDRESS_UNCONFIRMED, VX_DIAG_FAIL,
		    "open the link" },
		{ true, false, false, "", VX_CF_ADDRESS_ABSENT, VX_DIAG_FAIL,
		    INBOX " has not agreed" },
		{ true, false, true, "old@inbox.example", VX_CF_ADDRESS_CONFIRMED,
		    VX_DIAG_FAIL, "led to old@inbox.example, not to " INBOX },
		{ true, false, true, "", VX_CF_ADDRESS_CONFIRMED, VX_DIAG_FAIL,
		    "something else" },
		{ true, false, false, "", VX_CF_ADDRESS_CONFIRMED, VX_DIAG_FAIL,
		    "nowhere" },
		{ false, false, true, INBOX, VX_CF_ADDRESS_CONFIRMED, VX_DIAG_FAIL,
		    "Email Routing is off" },
	};
	struct vx_diag_facts f = facts();
	struct vx_cf_backup b;

	f.backup = true;
	check(OURS ROUTE, &f, "cf.backup_inbox", VX_DIAG_NA, "no mailbox elsewhere");
	f.backup_to = INBOX;
	check(OURS ROUTE, &f, "cf.backup_inbox", VX_DIAG_NA, "not known");
	f.routing = &b;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		b = (struct vx_cf_backup){ .on = rows[i].on,
			.locked = rows[i].locked,
			.catch_all = rows[i].catch_all,
			.address = rows[i].address };
		(void)snprintf(b.catch_all_to, sizeof(b.catch_all_to), "%s", rows[i].to);
		check(OURS ROUTE, &f, "cf.backup_inbox", rows[i].verdict, rows[i].words);
	}
	check(OURS, &f, "cf.backup_inbox", VX_DIAG_NA, "cf.backup_mx");
}
END_TEST

/* Cloudflare replaces proxied names in SRV, too. */
START_TEST(services_that_lead_to_proxies)
{
	static const char srv[] = "_imaps._tcp.example.net SRV 0 1 993 ";
	const struct vx_diag_facts f = facts();
	char text[500];

	(void)snprintf(text, sizeof(text), OURS "%smail.example.net\n", srv);
	check(text, &f, "cf.dc_record", VX_DIAG_PASS, "MX and SRV");
	(void)snprintf(
	    text, sizeof(text), OURS "%s_dc-mx.0123456789ab.example.net\n", srv);
	check(text, &f, "cf.dc_record", VX_DIAG_WARN,
	    "_imaps._tcp.example.net SRV leads to _dc-mx.0123456789ab.example.net");
	check(text, &f, "cf.dc_record", VX_DIAG_WARN, "mail.example.net A 192.0.2.1");
	(void)snprintf(text, sizeof(text),
	    OURS "%sdc-0123456789ab.example.net\nexample.net MX 20 "
		 "dc-0123456789ab.example.net\n",
	    srv);
	check(text, &f, "cf.dc_record", VX_DIAG_WARN, "example.net MX 20 dc-");
}
END_TEST

VXT_SUITE(
    test_backup, "backup", another_server, email_routing, services_that_lead_to_proxies)
