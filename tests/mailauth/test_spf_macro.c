#include "spf_check.h"

#include <stdio.h>
#include <stdlib.h>

static struct vxt_zone zone;

/* What an exists: asks for; "": nothing. */
static void expand(const struct vx_spf_options *o, const char *spec, char *out)
{
	char *const record = malloc(strlen(spec) + 50);
	struct vx_dns_question q;
	struct vx_dns_answer answer;
	struct vx_spf *s;

	ck_assert_ptr_nonnull(record);
	(void)snprintf(record, strlen(spec) + 50, "v=spf1 exists:%s", spec);
	vxt_zone_init(&zone);
	vxt_zone_add(&zone, "email.example.com", VX_DNS_TXT, record);
	vxt_zone_add(&zone, "3.2.0.192.in-addr.arpa", VX_DNS_PTR, "mx.example.org");
	vxt_zone_add(&zone, "mx.example.org", VX_DNS_A, "192.0.2.3");
	vxt_assert_ok(vx_spf_new(o, &s));
	out[0] = '\0';
	while (vx_spf_next(s, &q) == VX_WAIT) {
		if (q.type == VX_DNS_A)
			(void)strcpy(out, q.name[0] != '\0' ? q.name : "the root");
		answer = vxt_zone_answer(&zone, &q);
		vxt_assert_ok(vx_spf_answer(s, &answer));
	}
	ck_assert_msg(vx_spf_result(s)->verdict == VX_VERDICT_NEUTRAL, "%s: %s", spec,
	    vx_spf_result(s)->reason);
	vx_spf_free(s);
	vxt_zone_done(&zone);
	free(record);
}

START_TEST(macros_expand)
{
	static const struct {
		const char *spec, *name;
	} cases[] = {
		/* RFC 7208 7.4 */
		{ "%{s}", "strong-bad@email.example.com" },
		{ "%{o}", "email.example.com" },
		{ "%{d}.x", "email.example.com.x" },
		{ "%{d4}.x", "email.example.com.x" },
		{ "%{d3}.x", "email.example.com.x" },
		{ "%{d2}", "example.com" },
		{ "%{d1}", "com" },
		{ "%{dr}", "com.example.email" },
		{ "%{d2r}", "example.email" },
		{ "%{l}", "strong-bad" },
		{ "%{l-}", "strong.bad" },
		{ "%{lr}", "strong-bad" },
		{ "%{lr-}", "bad.strong" },
		{ "%{l1r-}", "strong" },
		{ "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com" },
		{ "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com" },
		{ "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
		    "bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
		{ "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
		    "3.2.0.192.in-addr.strong.lp._spf.example.com" },
		{ "%{d2}.trusted-domains.example.net",
		    "example.com.trusted-domains.example.net" },
		{ "%{p}.x", "mx.example.org.x" },
		{ "%{h}.x", "mail.example.net.x" },
		{ "%{i1}.x", "3.x" },
		{ "%{i1r}.x", "192.x" },
		{ "%{i2r}.x", "0.192.x" },
		{ "%{D}.X", "email.example.com.x" },
		{ "%{IR}.x", "3.2.0.192.x" },
		{ "%{S}.x", "strong-bad%40email.example.com.x" },
		{ "%{Sr-}.x", "bad%40email.example.com.strong.x" },
		{ "%{s1-}.x", "bad@email.example.com.x" },
		{ "%{l9r-}.x", "bad.strong.x" },
		{ "%{l+}.x", "strong-bad.x" },
		{ "%{d.-}.x", "email.example.com.x" },
		{ "%{d1_}.x", "email.example.com.x" },
		{ "a%%b%_c%-d.x", "a%b c%20d.x" },
		{ "%%%{i}%%.x", "%192.0.2.3%.x" },
		{ "a:b/c;d.x", "a:b/c;d.x" },
		{ "x.%{d}", "x.email.example.com" },
		{ "x.%{d1}%{d1}", "x.comcom" },
		{ "x.test.", "x.test" },
		/* no names */
		{ "x..test", "" },
		{ ".test", "" },
		{ "%{d}..y.test", "" },
		{ "a\\b.test", "" },
		{ "%{d}0123456789012345678901234567890123456789012345678901234567890.x",
		    "" },
	};
	const struct vx_spf_options o =
	    spf_options("192.0.2.3", "strong-bad@email.example.com");
	char name[VX_DNS_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expand(&o, cases[i].spec, name);
		ck_assert_msg(strcmp(name, cases[i].name) == 0, "%s: \"%s\", not \"%s\"",
		    cases[i].spec, name, cases[i].name);
	}
}
END_TEST

START_TEST(values_may_be_odd)
{
	static const struct {
		const char *from, *helo, *spec, *name;
	} cases[] = {
		{ "@email.example.com", "h.test", "%{l}.%{s}",
		    "postmaster.postmaster@email.example.com" },
		{ "\"joe\"@email.example.com", "h.test", "%{l}.x", "joe.x" },
		{ "\"j\\oe\\\"\"@email.example.com", "h.test", "%{l}.x", "joe\".x" },
		{ "\"a@b\"@email.example.com", "h.test", "%{l}.%{o}",
		    "a@b.email.example.com" },
		{ "\"\"@email.example.com", "h.test", "x%{l}.y", "x.y" },
		{ "\"@email.example.com", "h.test", "%{l}.y", "\".y" },
		{ "a..b@email.example.com", "h.test", "%{l}.x", "" },
		{ "a..b@email.example.com", "h.test", "%{l2r}%{l2r}.x", "" },
		{ "a--b@email.example.com", "h.test", "%{l1-}.x", "b.x" },
		{ "a--b@email.example.com", "h.test", "%{l2-}.x", "" },
		{ "a--b@email.example.com", "h.test", "x%{l2-}.x", "x.b.x" },
		{ "-a-@email.example.com", "h.test", "x%{l-}x.x", "x.a.x.x" },
		{ "-a-@email.example.com", "h.test", "x%{lr-}x.x", "x.a.x.x" },
		{ "-a-@email.example.com", "h.test", "x%{l2r-}x.x", "xa.x.x" },
		{ "-a-@email.example.com", "h.test", "x%{l2-}x.x", "xa.x.x" },
		{ "---@email.example.com", "h.test", "x%{l1-}x.x", "xx.x" },
		{ "a+b-c=d@email.example.com", "h.test", "%{lr+-=}.x", "d.c.b.a.x" },
		{ "a+b-c=d@email.example.com", "h.test", "%{l2+-=}.x", "c.d.x" },
		{ "A@EMAIL.Example.com.", "h.test", "%{l}.%{o}", "a.email.example.com" },
		{ "a@email.example.com", "", "%{h}.x", "unknown.x" },
		{ "a@email.example.com", "[192.0.2.3]", "%{h}.x", "[192.0.2.3].x" },
		{ "a@email.example.com", "two words", "%{h}.x", "two words.x" },
		{ "a@email.example.com", "a\tb", "%{h}.x", "" },
		{ "a@email.example.com", ".", "%{h}", "" },
		{ "a@email.example.com", "h\xff.x", "%{h}", "" },
		{ "a@email.example.com", "h\xff.x", "%{H}", "h%ff.x" },
		{ "a@email.example.com", "%{d}", "%{h}.x", "%{d}.x" },
		{ "a@email.example.com",
		    "b\xc3\xbc"
		    "cher.test",
		    "%{h}", "xn--bcher-kva.test" },
	};
	char name[VX_DNS_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_spf_options o = spf_options("192.0.2.3", cases[i].from);

		o.helo = vx_slice_str(cases[i].helo);
		expand(&o, cases[i].spec, name);
		ck_assert_msg(strcmp(name, cases[i].name) == 0,
		    "%s, %s: \"%s\", not \"%s\"", cases[i].from, cases[i].spec, name,
		    cases[i].name);
	}
}
END_TEST

START_TEST(ipv6_has_nibbles)
{
	const struct vx_spf_options o =
	    spf_options("2001:DB8::CB01", "strong-bad@email.example.com");
	const struct vx_spf_options mapped =
	    spf_options("::ffff:192.0.2.3", "strong-bad@email.example.com");
	char name[VX_DNS_NAME_MAX + 1];

	expand(&o, "%{ir}.%{v}._spf.%{d2}", name);
	ck_assert_str_eq(name, "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0."
			       "1.0.0.2.ip6._spf.example.com");
	expand(&o, "%{i}", name);
	ck_assert_str_eq(
	    name, "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1");
	expand(&mapped, "%{ir}.%{v}", name);
	ck_assert_str_eq(name, "3.2.0.192.in-addr");
}
END_TEST

/* 253 octets stay as they are; of longer names labels go from the left. */
START_TEST(long_names_are_cut_at_the_left)
{
	const struct vx_spf_options o =
	    spf_options("192.0.2.3", "strong-bad@email.example.com");
	char spec[600], name[VX_DNS_NAME_MAX + 1];
	char long_spec[8000] = "";

	/* "abc." and pieces of four octets */
	for (size_t len = 250; len <= 260; len++) {
		const char *want = spec;

		for (size_t i = 0; i < len; i++)
			spec[i] = i % 4 == 3 ? '.' : (char)('a' + i / 4 % 26);
		memcpy(spec + len - 2, "zz", 3);
		spec[len - 3] = spec[len - 3] == '.' ? '.' : 'y';
		while (strlen(want) > VX_DNS_NAME_MAX)
			want = strchr(want, '.') + 1;
		expand(&o, spec, name);
		ck_assert_str_eq(name, want);
		/* a dot at the end is not counted */
		memcpy(spec + len, ".", 2);
		expand(&o, spec, name);
		ck_assert_uint_eq(strlen(name), strlen(want) - 1);
		ck_assert_int_eq(strncmp(name, want, strlen(name)), 0);
	}

	/* nothing is left of a single label */
	memset(spec, 'a', 300);
	(void)strcpy(spec + 300, "%{d1}");
	expand(&o, spec, name);
	ck_assert_str_eq(name, "");
	/* and one of 63 octets, 1 too long for what stands behind it, goes */
	(void)memset(spec, 'b', 63);
	(void)snprintf(spec + 63, sizeof(spec) - 63,
	    ".%%{d}.%%{d}.%%{d}.%%{d}.%%{d}.%%{d}.%%{d}.%%{d}.%%{d}.%%{d}.%%{d}.test");
	expand(&o, spec, name);
	ck_assert_int_eq(strncmp(name, "email.example.com.email", 23), 0);
	ck_assert_uint_eq(strlen(name), 11 * 18 + 4);

	/* a lot of it: the last labels only */
	for (size_t i = 0; i < 1500; i++)
		(void)strcat(long_spec, "%{d}.");
	(void)strcat(long_spec, "test");
	expand(&o, long_spec, name);
	ck_assert_uint_eq(strlen(name), 13 * 18 + 12 + 4);
	ck_assert_int_eq(strncmp(name, "example.com.email.example.com.", 30), 0);
	for (size_t n = 2; n < 140; n++) {
		size_t want = n * 18 + 4;

		long_spec[n * 5] = '\0';
		(void)strcat(long_spec, "test");
		while (want > VX_DNS_NAME_MAX)
			want -= want % 18 == 4 ? 6 : want % 18 == 16 ? 8 : 4;
		expand(&o, long_spec, name);
		ck_assert_uint_eq(strlen(name), want);
		memcpy(long_spec + n * 5, "%{d}.", 5);
	}
}
END_TEST

static void explain(const char *text, const char *want)
{
	struct vx_spf *s;

	vxt_zone_init(&zone);
	vxt_zone_add(&zone, "email.example.com", VX_DNS_TXT,
	    "v=spf1 include:b.test exp=why.test -all");
	vxt_zone_add(&zone, "b.test", VX_DNS_TXT, "v=spf1 -all exp=b.why.test");
	vxt_zone_add(&zone, "b.why.test", VX_DNS_TXT, "this is not said");
	vxt_zone_add(&zone, "why.test", VX_DNS_TXT, text);
	vxt_zone_add(&zone, "3.2.0.192.in-addr.arpa", VX_DNS_PTR, "mx.example.org");
	vxt_zone_add(&zone, "mx.example.org", VX_DNS_A, "192.0.2.3");
	s = spf_check(&zone, "192.0.2.3", "\"a b&c\"@email.example.com");
	ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_FAIL);
	ck_assert_str_eq(vx_spf_result(s)->explanation, want);
	vx_spf_free(s);
	vxt_zone_done(&zone);
}

START_TEST(explanations_expand)
{
	explain("no", "no");
	explain("", "");
	explain("  two  words ", "  two  words ");
	explain("%{s} %{l} %{o} %{d}",
	    "a b&c@email.example.com a b&c email.example.com email.example.com");
	explain("%{i} %{c} %{v} %{h}", "192.0.2.3 192.0.2.3 in-addr mail.example.net");
	explain("%{p} %{r} %{t}", "mx.example.org mx.vectis.test 1700000000");
	explain("http://%{d}/?s=%{S}&i=%{I}&t=%{T}",
	    "http://email.example.com/?s=a%20b%26c%40email.example.com&i=192.0.2.3"
	    "&t=1700000000");
	explain("100%%%_%-%{d2r}", "100% %20example.email");
	/* not well-formed, or not for a reply */
	explain("%", "");
	explain("no %{x}", "");
	explain("no %{s", "");
	explain("no\r\n250 yes", "");
	explain("no\ttab", "");
	explain("n\xc3\xb6", "");
	explain("\x7f", "");
}
END_TEST

/* Nor are they asked for. */
START_TEST(only_a_fail_is_explained)
{
	static const char *const records[] = { "v=spf1 ~all exp=why.test",
		"v=spf1 ?all exp=why.test", "v=spf1 +all exp=why.test",
		"v=spf1 exp=why.test", "v=spf1 moo exp=why.test", "v=spf1 -all" };

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct vx_spf *s;

		vxt_zone_init(&zone);
		vxt_zone_add(&zone, "a.test", VX_DNS_TXT, records[i]);
		vxt_zone_add(&zone, "why.test", VX_DNS_TXT, "no");
		s = spf_check(&zone, "192.0.2.1", "x@a.test");
		ck_assert_str_eq(vx_spf_result(s)->explanation, "");
		ck_assert_uint_eq(zone.asked, 1);
		vx_spf_free(s);
		vxt_zone_done(&zone);
	}
}
END_TEST

START_TEST(the_receiver_may_be_unknown)
{
	struct vx_spf_options o = spf_options("2001:db8::1", "x@a.test");
	struct vx_spf *s;

	o.receiver = VX_S("");
	vxt_zone_init(&zone);
	vxt_zone_add(&zone, "a.test", VX_DNS_TXT, "v=spf1 -all exp=why.test");
	vxt_zone_add(&zone, "why.test", VX_DNS_TXT, "%{r} %{c} %{p}");
	s = spf_check_with(&zone, &o);
	ck_assert_str_eq(vx_spf_result(s)->explanation, "unknown 2001:db8::1 unknown");
	vx_spf_free(s);
	vxt_zone_done(&zone);
}
END_TEST

/* The domain itself, then what is below it, then any (7.3). */
START_TEST(the_validated_name_is_chosen)
{
	static const struct {
		const char *ptrs[4], *want;
	} cases[] = {
		{ { "other.test", "x.a.test", "a.test" }, "a.test" },
		{ { "other.test", "x.a.test", "bad.a.test" }, "x.a.test" },
		{ { "bad.a.test", "other.test", "bad.test" }, "other.test" },
		{ { "bad.a.test", "bad.test" }, "unknown" },
		{ { "xa.test", "other.test" }, "xa.test" },
		{ { NULL }, "unknown" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_spf *s;

		vxt_zone_init(&zone);
		vxt_zone_add(&zone, "a.test", VX_DNS_TXT, "v=spf1 -all exp=why.test");
		vxt_zone_add(&zone, "why.test", VX_DNS_TXT, "%{p}");
		vxt_zone_add(&zone, "a.test", VX_DNS_A, "192.0.2.1");
		vxt_zone_add(&zone, "x.a.test", VX_DNS_A, "192.0.2.1");
		vxt_zone_add(&zone, "xa.test", VX_DNS_A, "192.0.2.1");
		vxt_zone_add(&zone, "other.test", VX_DNS_A, "192.0.2.1");
		vxt_zone_add(&zone, "bad.test", VX_DNS_A, "192.0.2.2");
		vxt_zone_add(&zone, "bad.a.test", VX_DNS_A, "192.0.2.2");
		for (size_t k = 0; cases[i].ptrs[k] != NULL; k++)
			vxt_zone_add(&zone, "1.2.0.192.in-addr.arpa", VX_DNS_PTR,
			    cases[i].ptrs[k]);
		s = spf_check(&zone, "192.0.2.1", "x@a.test");
		ck_assert_str_eq(vx_spf_result(s)->explanation, cases[i].want);
		vx_spf_free(s);
		vxt_zone_done(&zone);
	}
}
END_TEST

VXT_SUITE(test_spf_macro, "spf macro", macros_expand, values_may_be_odd, ipv6_has_nibbles,
    long_names_are_cut_at_the_left, explanations_expand, only_a_fail_is_explained,
    the_receiver_may_be_unknown, the_validated_name_is_chosen)
