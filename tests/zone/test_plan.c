#include "zone/zone_check.h"

#include <stdio.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void write_plan(const struct vx_zone_plan *p, struct vx_buf *out)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct vx_zone_want *w = &p->wants[i];

		ck_assert(!w->record.proxied);
		ck_assert(vx_zone_is_ours(&w->record));
		ck_assert_str_eq(w->record.comment + strlen(VX_ZONE_MARK),
		    vx_zone_purpose_name(w->purpose));
		vx_buf_printf(out, "%s %s %s%s\n", w->record.name, w->record.type,
		    w->record.content, w->required ? " *" : "");
	}
}

START_TEST(the_whole_set)
{
	static const struct vx_zone_dkim dkim[] = { { "202611",
							"v=DKIM1; k=rsa; p=AAAA" },
		{ "202611e", "v=DKIM1; k=ed25519; p=BB" } };
	static const struct vx_zone_authority authorities[] = { { "letsencrypt.org",
	    "https://acme.example/acct/1", "http-01,dns-01", false } };
	static const char *const tlsa[] = { HASH };
	struct vx_zone_wish w = zone_check_wish();
	struct vx_buf text = { .max = 10000 };
	struct vx_zone_plan p;

	w.dkim = dkim;
	w.dkim_count = 2;
	w.authorities = authorities;
	w.authority_count = 1;
	w.tlsa = tlsa;
	w.tlsa_count = 1;
	w.mta_sts_id = "20261128";
	w.tls_rua = "tls@example.net";
	w.services = VX_ZONE_SUBMISSIONS | VX_ZONE_SUBMISSION | VX_ZONE_IMAPS;
	w.autoconfig = true;
	w.verify = "vectis-verify=0123";
	vxt_assert_ok(vx_zone_plan(&w, &p));
	write_plan(&p, &text);
	vxt_assert_str(vx_buf_slice(&text),
	    "mail.example.net A 192.0.2.1 *\n"
	    "mail.example.net AAAA 2001:db8::1 *\n"
	    "example.net MX 10 mail.example.net *\n"
	    "example.net TXT vectis-verify=0123 *\n"
	    "example.net TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 -all *\n"
	    "202611._domainkey.example.net TXT v=DKIM1; k=rsa; p=AAAA *\n"
	    "202611e._domainkey.example.net TXT v=DKIM1; k=ed25519; p=BB *\n"
	    "_dmarc.example.net TXT v=DMARC1; p=quarantine; "
	    "rua=mailto:dmarc@example.net; fo=1 *\n"
	    "_mta-sts.example.net TXT v=STSv1; id=20261128;\n"
	    "mta-sts.example.net CNAME mail.example.net\n"
	    "_smtp._tls.example.net TXT v=TLSRPTv1; rua=mailto:tls@example.net\n"
	    "_25._tcp.mail.example.net TLSA 3 1 1 " HASH "\n"
	    "mail.example.net CAA 0 issue \"letsencrypt.org; "
	    "accounturi=https://acme.example/acct/1; "
	    "validationmethods=http-01,dns-01\"\n"
	    "mail.example.net CAA 0 issuewild \";\"\n"
	    "_submissions._tcp.example.net SRV 0 1 465 mail.example.net\n"
	    "_submission._tcp.example.net SRV 10 1 587 mail.example.net\n"
	    "_imaps._tcp.example.net SRV 0 1 993 mail.example.net\n"
	    "_imap._tcp.example.net SRV 0 0 0 .\n"
	    "_pop3s._tcp.example.net SRV 0 0 0 .\n"
	    "_pop3._tcp.example.net SRV 0 0 0 .\n"
	    "autoconfig.example.net CNAME mail.example.net\n"
	    "autodiscover.example.net CNAME mail.example.net\n"
	    "_autodiscover._tcp.example.net SRV 0 0 443 mail.example.net\n");
	vx_buf_done(&text);
	vx_zone_plan_done(&p);
}
END_TEST

START_TEST(a_host_for_the_web)
{
	static const struct vx_zone_dkim dkim = { "202611", "v=DKIM1; k=rsa; p=AAAA" };
	struct vx_zone_wish w = zone_check_wish();
	struct vx_buf text = { .max = 1000 };
	struct vx_zone_plan p;
	size_t proxied = 0;

	w.install = "3fa9c2";
	w.dkim = &dkim;
	w.dkim_count = 1;
	w.admin_host = "admin.example.net";
	w.ttl = 300;
	vxt_assert_ok(vx_zone_plan(&w, &p));
	for (size_t i = 0; i < p.count; i++) {
		const struct vx_zone_record *const r = &p.wants[i].record;

		if (p.wants[i].purpose == VX_ZONE_DKIM)
			ck_assert_str_eq(r->comment, "vectis:dkim 3fa9c2");
		if (p.wants[i].purpose == VX_ZONE_MX)
			ck_assert_str_eq(r->comment, "vectis:mx");
		ck_assert_uint_eq(r->proxied, p.wants[i].purpose == VX_ZONE_ADMIN);
		ck_assert_uint_eq(r->ttl, r->proxied ? 0 : 300);
		if (!r->proxied)
			continue;
		proxied++;
		ck_assert_str_eq(r->name, "admin.example.net");
		ck_assert_str_eq(r->comment, "vectis:admin 3fa9c2");
		ck_assert(!p.wants[i].required);
		vx_zone_write(r, &text);
	}
	ck_assert_uint_eq(proxied, 2);
	vxt_assert_str(vx_buf_slice(&text),
	    "admin.example.net.\tIN\tA\t192.0.2.1\t; vectis:admin 3fa9c2 "
	    "cf_tags=cf-proxied:true\n"
	    "admin.example.net.\tIN\tAAAA\t2001:db8::1\t; vectis:admin 3fa9c2 "
	    "cf_tags=cf-proxied:true\n");
	vx_buf_done(&text);
	vx_zone_plan_done(&p);
	/* another zone's affair */
	w.admin_host = "admin.example.org";
	vxt_assert_ok(vx_zone_plan(&w, &p));
	ck_assert_uint_eq(p.count, 6);
	vx_zone_plan_done(&p);
	w.admin_host = "mail.example.net";
	ck_assert_int_eq(vx_zone_plan(&w, &p), VX_EINVAL);
	vx_zone_plan_done(&p);
	w.admin_host = "admin..example.net";
	ck_assert_int_eq(vx_zone_plan(&w, &p), VX_EINVAL);
	vx_zone_plan_done(&p);
	w.admin_host = NULL;
	w.install = "two words";
	ck_assert_int_eq(vx_zone_plan(&w, &p), VX_EINVAL);
	vx_zone_plan_done(&p);
}
END_TEST

START_TEST(a_key_of_a_record)
{
	static const struct {
		const char *record, *key;
	} cases[] = {
		{ "v=DKIM1; k=rsa; p=AB CD\tEF==", "ABCDEF==" },
		{ "p = AB; v=DKIM1", "AB" },
		{ "v=DKIM1; p=", "" },
		{ "v=DKIM1; sp=AB", NULL },
		{ "v=spf1 -all", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_buf key = { .max = 100 };

		ck_assert_uint_eq(vx_zone_dkim_key(vx_slice_str(cases[i].record), &key),
		    cases[i].key != NULL);
		vxt_assert_str(
		    vx_buf_slice(&key), cases[i].key != NULL ? cases[i].key : "");
		vx_buf_done(&key);
	}
}
END_TEST

START_TEST(variants)
{
	struct vx_zone_wish w = zone_check_wish();
	struct vx_buf text = { .max = 10000 };
	struct vx_zone_plan p;

	/* another's zone has the server's name: its records are not ours to write there
	 */
	w.domain = "Other.Example.";
	w.spf_soft = true;
	w.spf_more = "include:relay.example";
	w.dmarc = VX_DMARC_REJECT;
	w.dmarc_rua = "reports@example.net";
	w.backup = VX_ZONE_BACKUP_CLOUDFLARE;
	w.verify = "vectis-verify=0123";
	w.verified = true;
	vxt_assert_ok(vx_zone_plan(&w, &p));
	ck_assert(!p.with_host);
	write_plan(&p, &text);
	vxt_assert_str(vx_buf_slice(&text),
	    "other.example MX 10 mail.example.net *\n"
	    "other.example MX 51 route1.mx.cloudflare.net *\n"
	    "other.example MX 52 route2.mx.cloudflare.net *\n"
	    "other.example MX 53 route3.mx.cloudflare.net *\n"
	    "other.example TXT vectis-verify=0123\n"
	    "other.example TXT v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 "
	    "include:relay.example include:_spf.mx.cloudflare.net ~all *\n"
	    "_dmarc.other.example TXT v=DMARC1; p=reject; "
	    "rua=mailto:reports@example.net; fo=1 *\n");
	vx_buf_done(&text);
	vx_zone_plan_done(&p);
	/* a domain below the zone that has the server, too */
	w = zone_check_wish();
	w.domain = "sub.example.net";
	w.zone = "example.net";
	vxt_assert_ok(vx_zone_plan(&w, &p));
	ck_assert(p.with_host);
	ck_assert_str_eq(p.wants[0].record.name, "mail.example.net");
	ck_assert_str_eq(p.wants[2].record.name, "sub.example.net");
	vx_zone_plan_done(&p);
}
END_TEST

START_TEST(what_cannot_be)
{
	static const char *const short_hash[] = { "0123" };
	static const char *const words[] = { "192.0.2.1", "not an address" };
	static const char *const many[VX_ZONE_ADDRESSES_MAX + 1] = { "192.0.2.1" };
	static const struct vx_zone_dkim dkim[] = { { "a..b", "v=DKIM1; p=" } };
	struct vx_zone_wish w[10];
	static const int rcs[10] = { VX_EINVAL, VX_EINVAL, VX_EINVAL, VX_EINVAL,
		VX_EINVAL, VX_EINVAL, VX_ELIMIT, VX_EINVAL, VX_EINVAL, VX_EINVAL };

	for (size_t i = 0; i < 10; i++)
		w[i] = zone_check_wish();
	w[0].domain = "a b.example";
	w[1].hostname = "";
	w[2].zone = "other.example";
	w[3].tlsa = short_hash;
	w[3].tlsa_count = 1;
	w[4].addresses = words;
	w[5].dkim = dkim;
	w[5].dkim_count = 1;
	w[6].addresses = many;
	w[6].address_count = VX_ZONE_ADDRESSES_MAX + 1;
	w[7].former = "a..b";
	w[8].backup = w[9].backup = VX_ZONE_BACKUP_HOST; /* nobody, and ourselves */
	w[9].backup_host = "MAIL.example.net";
	for (size_t i = 0; i < 10; i++) {
		struct vx_zone_plan p;

		ck_assert_int_eq(vx_zone_plan(&w[i], &p), rcs[i]);
		vx_zone_plan_done(&p);
	}
}
END_TEST

/* The policy names each server that mail may go to, and changes with them only. */
START_TEST(policies)
{
	struct vx_zone_wish w = zone_check_wish();
	struct vx_buf text = { .max = 10000 };

	vxt_assert_ok(vx_zone_write_sts(&w, true, NULL, &text));
	vxt_assert_str(vx_buf_slice(&text),
	    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.net\r\nmax_age: "
	    "604800\r\n");
	vx_buf_reset(&text);
	w.backup = VX_ZONE_BACKUP_CLOUDFLARE;
	vxt_assert_ok(vx_zone_write_sts(&w, false, "New.example.net.", &text));
	vxt_assert_str(vx_buf_slice(&text),
	    "version: STSv1\r\nmode: testing\r\nmx: mail.example.net\r\nmx: "
	    "new.example.net\r\nmx: *.mx.cloudflare.net\r\nmax_age: 604800\r\n");
	vx_buf_reset(&text);
	w.backup = VX_ZONE_BACKUP_HOST;
	w.backup_host = "spare.example.org";
	vxt_assert_ok(vx_zone_write_sts(&w, true, NULL, &text));
	vxt_assert_str(vx_buf_slice(&text),
	    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.net\r\nmx: "
	    "spare.example.org\r\nmax_age: 604800\r\n");
	ck_assert_int_eq(vx_zone_write_sts(&w, true, "a b", &text), VX_EINVAL);
	vx_buf_done(&text);
}
END_TEST

VXT_SUITE(test_plan, "plan", the_whole_set, a_host_for_the_web, a_key_of_a_record,
    variants, what_cannot_be, policies)
