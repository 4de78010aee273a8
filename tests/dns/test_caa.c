/* CAA: the tree, the grammar of values, and who may issue (RFC 8659, RFC 8657). */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/caa.h"

#define CA "ca1.example.net"
#define ACCOUNT "https://ca1.example.net/account/7"

static const char *const methods[] = { "http-01", "dns-01", "tls-alpn-01" };

static struct vx_caa_result ask(struct vxt_zone *z, const char *name, bool wildcard)
{
	const struct vx_caa_options o = { .name = name,
		.wildcard = wildcard,
		.issuers = "other.example " CA,
		.account = ACCOUNT,
		.methods = methods,
		.method_count = 3 };
	struct vx_dns_question q;
	struct vx_caa c;

	vx_caa_begin(&c, &o);
	while (vx_caa_next(&c, &q) == VX_WAIT) {
		const struct vx_dns_answer a = vxt_zone_answer(z, &q);

		ck_assert_int_eq(q.type, VX_DNS_CAA);
		vx_caa_answer(&c, &a);
	}
	ck_assert_int_eq(vx_caa_next(&c, &q), VX_DONE);
	ck_assert((c.result.verdict == VX_CAA_ALLOWED) == (c.result.methods != 0));
	ck_assert((c.result.verdict == VX_CAA_ALLOWED) == (c.result.text[0] == '\0'));
	return c.result;
}

/* Records of one name, one after the other; what they come to there and for "*." it. */
static const struct {
	const char *records[4];
	unsigned plain, wild; /* methods; 0: forbidden */
	const char *text;     /* in what is said of the first that is forbidden */
} cases[] = {
	{ { "0 issue ca1.example.net" }, 7, 7, NULL },
	{ { "0 ISSUE CA1.Example.NET" }, 7, 7, NULL },
	{ { "0 issue   ca1.example.net  " }, 7, 7, NULL },
	{ { "0 issue other.example" }, 7, 7, NULL },
	{ { "0 issue ca2.example.org" }, 0, 0,
	    "add www.example.com CAA 0 issue \"other.example\"" },
	{ { "0 issue ca2.example.org", "0 issue ca1.example.net" }, 7, 7, NULL },
	{ { "0 issue ;" }, 0, 0, "let only others" },
	{ { "0 issue " }, 0, 0, "nobody" },
	{ { "0 issue ;", "0 issue ca1.example.net" }, 7, 7, NULL },
	{ { "0 issue %%%%%" }, 0, 0, "%%%%%" },
	{ { "0 issue ca1.example.net." }, 0, 0, NULL },
	{ { "0 issue ca1.example.net ca2.example.org" }, 0, 0, NULL },
	{ { "0 iodef mailto:x@example.com" }, 7, 7, NULL },
	/* issuewild: only of wildcards, and then it alone */
	{ { "0 issuewild ca1.example.net" }, 7, 7, NULL },
	{ { "0 issuewild ca2.example.org" }, 7, 0, "issuewild" },
	{ { "0 issue ;", "0 issuewild ca1.example.net" }, 0, 7, NULL },
	{ { "0 issue ca1.example.net", "0 issuewild ;" }, 7, 0, NULL },
	/* critical (4.5) */
	{ { "128 tbs unknown", "0 issue ca1.example.net" }, 0, 0, "critical" },
	{ { "0 tbs unknown", "0 issue ca1.example.net" }, 7, 7, NULL },
	{ { "128 issue ca1.example.net" }, 7, 7, NULL },
	{ { "128 iodef mailto:x@example.com" }, 7, 7, NULL },
	/* parameters that only the authority understands */
	{ { "0 issue ca1.example.net; account=230123" }, 7, 7, NULL },
	{ { "0 issue ca1.example.net; account" }, 0, 0, NULL },
	{ { "0 issue ca1.example.net; a = b ;c=d" }, 7, 7, NULL },
	{ { "0 issue ca1.example.net; a=b;" }, 0, 0, NULL },
	{ { "0 issue ca1.example.net;  " }, 7, 7, NULL },
	{ { "0 issue ca1.example.net; a=b c" }, 0, 0, NULL },
	/* RFC 8657 3 */
	{ { "0 issue ca1.example.net; accounturi=" ACCOUNT }, 7, 7, NULL },
	{ { "0 issue ca1.example.net; accounturi=" ACCOUNT "1" }, 0, 0,
	    "make its accounturi " ACCOUNT },
	{ { "0 issue ca1.example.net; accounturi=" }, 0, 0, "another account" },
	{ { "0 issue ca1.example.net; accounturi=" ACCOUNT "; accounturi=" ACCOUNT }, 0,
	    0, "another account" },
	{ { "0 issue ca1.example.net; accounturi=" ACCOUNT "1",
	      "0 issue ca1.example.net; validationmethods=dns-01" },
	    2, 2, NULL },
	/* RFC 8657 4 */
	{ { "0 issue ca1.example.net; validationmethods=dns-01" }, 2, 2, NULL },
	{ { "0 issue ca1.example.net; validationmethods=dns-01,http-01" }, 3, 3, NULL },
	{ { "0 issue ca1.example.net; validationmethods=ca-x,tls-alpn-01" }, 4, 4, NULL },
	{ { "0 issue ca1.example.net; validationmethods=ca-x" }, 0, 0,
	    "validationmethods" },
	{ { "0 issue ca1.example.net; validationmethods=" }, 0, 0, "validationmethods" },
	{ { "0 issue ca1.example.net; validationmethods=dns-01," }, 0, 0, NULL },
	{ { "0 issue ca1.example.net; validationmethods=dns_01,http-01" }, 0, 0, NULL },
	{ { "0 issue ca1.example.net; validationmethods=dns-01",
	      "0 issue other.example; validationmethods=http-01" },
	    3, 3, NULL },
	{ { "0 issue ca1.example.net; validationmethods=dns-01; "
	    "accounturi=" ACCOUNT },
	    2, 2, NULL },
};

START_TEST(who_may)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_caa_result plain, wild;
		struct vxt_zone z;

		vxt_zone_init(&z);
		for (size_t k = 0; k < 4 && cases[i].records[k] != NULL; k++)
			vxt_zone_add(
			    &z, "www.example.com", VX_DNS_CAA, cases[i].records[k]);
		plain = ask(&z, "www.example.com", false);
		wild = ask(&z, "www.example.com", true);
		ck_assert_msg(plain.methods == cases[i].plain, "case %zu: %u %s", i,
		    plain.methods, plain.text);
		ck_assert_msg(wild.methods == cases[i].wild, "case %zu, wild: %u %s", i,
		    wild.methods, wild.text);
		if (cases[i].text != NULL)
			ck_assert_msg(strstr(plain.methods == 0 ? plain.text : wild.text,
					  cases[i].text) != NULL,
			    "case %zu: %s", i,
			    plain.methods == 0 ? plain.text : wild.text);
		vxt_zone_done(&z);
	}
}
END_TEST

/* The nearest that has records decides, and nothing above it. */
START_TEST(the_tree)
{
	struct vx_caa_result r;
	struct vxt_zone z;

	vxt_zone_init(&z);
	vxt_zone_add(&z, "a.b.example.com", VX_DNS_A, "192.0.2.1");
	r = ask(&z, "a.b.example.com", false);
	ck_assert_uint_eq(r.methods, 7);
	ck_assert_str_eq(r.where, "");
	ck_assert_uint_eq(z.asked, 4);
	vxt_zone_add(&z, "com", VX_DNS_CAA, "0 issue ;");
	r = ask(&z, "a.b.example.com", false);
	ck_assert_int_eq(r.verdict, VX_CAA_FORBIDDEN);
	ck_assert_str_eq(r.where, "com");
	vxt_zone_add(&z, "b.example.com", VX_DNS_CAA, "0 issue " CA);
	r = ask(&z, "a.b.example.com", false);
	ck_assert_uint_eq(r.methods, 7);
	ck_assert_str_eq(r.where, "b.example.com");
	ck_assert_int_eq(ask(&z, "example.com", false).verdict, VX_CAA_FORBIDDEN);
	/* an alias's records are its target's; its own tree goes on when there are none
	 */
	vxt_zone_add(&z, "alias.b.example.com", VX_DNS_CNAME, "host.example.org");
	vxt_zone_add(&z, "host.example.org", VX_DNS_CAA, "0 issue ca2.example.org");
	ck_assert_int_eq(ask(&z, "alias.b.example.com", false).verdict, VX_CAA_FORBIDDEN);
	vxt_zone_add(&z, "other.b.example.com", VX_DNS_CNAME, "plain.example.org");
	vxt_zone_add(&z, "plain.example.org", VX_DNS_A, "192.0.2.1");
	ck_assert_str_eq(ask(&z, "other.b.example.com", false).where, "b.example.com");
	vxt_zone_done(&z);
}
END_TEST

START_TEST(a_dns_that_fails)
{
	struct vx_caa_result r;
	struct vxt_zone z;

	vxt_zone_init(&z);
	vxt_zone_add(&z, "a.example.com", VX_DNS_A, "192.0.2.1");
	vxt_zone_fail(&z, "example.com", VX_DNS_FAILED);
	r = ask(&z, "a.example.com", false);
	ck_assert_int_eq(r.verdict, VX_CAA_SILENT);
	ck_assert_ptr_nonnull(strstr(r.text, "name servers of example.com"));
	vxt_zone_fail(&z, "a.example.com", VX_DNS_BOGUS);
	r = ask(&z, "a.example.com", false);
	ck_assert_int_eq(r.verdict, VX_CAA_SILENT);
	ck_assert_ptr_nonnull(strstr(r.text, "DNSSEC"));
	vxt_zone_done(&z);
}
END_TEST

START_TEST(limits)
{
	struct vx_buf text = { .max = 100000 };
	struct vx_caa_value v = { .count = 77 };
	struct vx_dns_caa r;

	vx_buf_add_str(&text, "ca.example; a=b");
	for (int i = 1; i < VX_CAA_PARAMETERS_MAX; i++)
		vx_buf_add_str(&text, "; a=b");
	vxt_assert_ok(vx_caa_read_value(vx_buf_slice(&text), &v));
	ck_assert_uint_eq(v.count, VX_CAA_PARAMETERS_MAX);
	vx_buf_add_str(&text, "; a=b");
	v.count = 77;
	ck_assert_int_eq(vx_caa_read_value(vx_buf_slice(&text), &v), VX_ESYNTAX);
	ck_assert_uint_eq(v.count, 77);
	vx_buf_done(&text);
	/* what is no record at all */
	ck_assert_int_eq(vx_dns_read_caa(VX_S(""), &r), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_caa(vx_slice_of("\0\0x", 3), &r), VX_ESYNTAX);
	ck_assert_int_eq(vx_dns_read_caa(vx_slice_of("\0\5issu", 6), &r), VX_ESYNTAX);
	vxt_assert_ok(vx_dns_read_caa(vx_slice_of("\x80\5issue", 7), &r));
	ck_assert(r.critical && r.value.len == 0);
}
END_TEST

VXT_SUITE(test_caa, "caa", who_may, the_tree, a_dns_that_fails, limits)
