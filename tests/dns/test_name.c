#include "lib/vxt.h"
#include "vectis/dns.h"

START_TEST(names_are_lower_case_and_bounded)
{
	static const struct {
		const char *in, *out; /* out NULL: none */
	} cases[] = {
		{ "", "" },
		{ ".", "" },
		{ "Example.COM", "example.com" },
		{ "example.com.", "example.com" },
		{ "_25._tcp.mail.example", "_25._tcp.mail.example" },
		{ "a+b\"(c@d).example", "a+b\"(c@d).example" },
		{ "a b  c.example", "a b  c.example" },
		{ "..", NULL },
		{ ".a", NULL },
		{ "a..b", NULL },
		{ "a\tb", NULL },
		{ "a\nb", NULL },
		{ "a\\b", NULL },
		{ "m\xc3\xbcller.example", NULL },
		{ "a\x7f", NULL },
	};
	char out[VX_DNS_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)strcpy(out, "before");
		if (cases[i].out != NULL) {
			vxt_assert_ok(vx_dns_name(vx_slice_str(cases[i].in), out));
			ck_assert_str_eq(out, cases[i].out);
		} else {
			ck_assert_int_eq(
			    vx_dns_name(vx_slice_str(cases[i].in), out), VX_EINVAL);
			ck_assert_str_eq(out, "before");
		}
	}
	ck_assert_int_eq(vx_dns_name(VX_S("a\0b"), out), VX_EINVAL);
}
END_TEST

/* Labels of 63 octets, names of 253. */
START_TEST(names_have_limits)
{
	char text[300], out[VX_DNS_NAME_MAX + 1];
	struct vx_dns_question q;

	memset(text, 'a', sizeof(text));
	vxt_assert_ok(vx_dns_name(vx_slice_of(text, 63), out));
	ck_assert_int_eq(vx_dns_name(vx_slice_of(text, 64), out), VX_EINVAL);
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = '.';
	vxt_assert_ok(vx_dns_name(vx_slice_of(text, 253), out));
	ck_assert_uint_eq(strlen(out), 253);
	vxt_assert_ok(vx_dns_name(vx_slice_of(text, 254), out)); /* the last dot */
	ck_assert_int_eq(vx_dns_name(vx_slice_of(text, 255), out), VX_EINVAL);
	vxt_assert_ok(vx_dns_ask(VX_DNS_TXT, "b", vx_slice_of(text, 251), &q));
	ck_assert_int_eq(
	    vx_dns_ask(VX_DNS_TXT, "b", vx_slice_of(text, 253), &q), VX_EINVAL);
	ck_assert_int_eq(
	    vx_dns_ask(VX_DNS_TXT, "b", vx_slice_of(text, 299), &q), VX_EINVAL);
}
END_TEST

START_TEST(questions_join_names)
{
	struct vx_dns_question q;

	vxt_assert_ok(vx_dns_ask(VX_DNS_TXT, "_dmarc", VX_S("Example.org."), &q));
	ck_assert_str_eq(q.name, "_dmarc.example.org");
	ck_assert_int_eq(q.type, VX_DNS_TXT);
	vxt_assert_ok(vx_dns_ask(VX_DNS_MX, "", VX_S("example.org"), &q));
	ck_assert_str_eq(q.name, "example.org");
	vxt_assert_ok(vx_dns_ask(VX_DNS_A, "a", VX_S(""), &q));
	ck_assert_str_eq(q.name, "a");
}
END_TEST

START_TEST(labels_and_zones)
{
	ck_assert(vx_dns_is_below(VX_S("a.example"), VX_S("example")));
	ck_assert(vx_dns_is_below(VX_S("example"), VX_S("example")));
	ck_assert(vx_dns_is_below(VX_S("example"), VX_S("")));
	ck_assert(!vx_dns_is_below(VX_S("anexample"), VX_S("example")));
	ck_assert(!vx_dns_is_below(VX_S("example"), VX_S("a.example")));
	ck_assert_uint_eq(vx_dns_labels(VX_S("")), 0);
	ck_assert_uint_eq(vx_dns_labels(VX_S("a")), 1);
	ck_assert_uint_eq(vx_dns_labels(VX_S("a.b.c")), 3);
	vxt_assert_str(vx_dns_parent(VX_S("a.b.c"), 0), "a.b.c");
	vxt_assert_str(vx_dns_parent(VX_S("a.b.c"), 2), "c");
	vxt_assert_str(vx_dns_parent(VX_S("a.b.c"), 3), "");
	vxt_assert_str(vx_dns_parent(VX_S("a.b.c"), 9), "");
	ck_assert(vx_dns_is_host("mail-1.example"));
	ck_assert(vx_dns_is_host("_x.example"));
	ck_assert(!vx_dns_is_host("a+b.example"));
	ck_assert(!vx_dns_is_host(""));
}
END_TEST

START_TEST(addresses_in_reverse)
{
	char out[VX_DNS_NAME_MAX + 1];

	vxt_assert_ok(vx_dns_reverse("192.0.2.1", NULL, out));
	ck_assert_str_eq(out, "1.2.0.192.in-addr.arpa");
	vxt_assert_ok(vx_dns_reverse("192.0.2.1", "zen.example", out));
	ck_assert_str_eq(out, "1.2.0.192.zen.example");
	vxt_assert_ok(vx_dns_reverse("2001:db8::1", NULL, out));
	ck_assert_str_eq(out,
	    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0."
	    "0.2.ip6.arpa");
	ck_assert_int_eq(vx_dns_reverse("mail", NULL, out), VX_EINVAL);
	ck_assert_int_eq(vx_dns_reverse("192.0.2.1", "a..b", out), VX_EINVAL);
}
END_TEST

VXT_SUITE(test_name, "name", names_are_lower_case_and_bounded, names_have_limits,
    questions_join_names, labels_and_zones, addresses_in_reverse)
