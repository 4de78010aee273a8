#include "spf_check.h"

#include "base/mem.h"

#include <stdio.h>

static struct vxt_zone zone;

static void txt(const char *name, const char *text)
{
	vxt_zone_add(&zone, name, VX_DNS_TXT, text);
}

static void a(const char *name, const char *address)
{
	vxt_zone_add(
	    &zone, name, strchr(address, ':') != NULL ? VX_DNS_AAAA : VX_DNS_A, address);
}

static void mx(const char *name, const char *text)
{
	vxt_zone_add(&zone, name, VX_DNS_MX, text);
}

static void ptr(const char *name, const char *text)
{
	vxt_zone_add(&zone, name, VX_DNS_PTR, text);
}

/* --- terms ------------------------------------------------------------------------- */

START_TEST(what_is_no_term_is_an_error)
{
	static const char *const bad[] = { "all.", "all:", "all/0", "-all:x.test", "allx",
		"+", "-", "?", "~", "--all", "+-all", "include", "include:", "include/24",
		"include:test", "include:a.test/24", "include:a.test//64", "a:", "a/",
		"a//", "a/33", "a/-1", "a/01", "a/00", "a//129", "a//064", "a///64",
		"a/24/64", "a//64/24", "a/24//", "a/99999999999999999999999",
		"a:a.test/24/24", "a:a.test/", "a:a.test:", "a:1.2.3.4", "a:1.2.3.4/24",
		"a:::1", "a:test", "a:test.", "a:a.123", "a:a.-b", "a:a.b-", "a:a..",
		"a:a.b..", "a:%", "a:%a", "a:%{", "a:%{}", "a:%{d", "a:%{d0}", "a:%{d00}",
		"a:%{dr1}", "a:%{drr}", "a:%{d:}", "a:%{1}", "a:%{x}", "a:%{c}", "a:%{r}",
		"a:%{t}", "a:%{C}", "a:%{d}.", "a:%{d}com", "a:a.%{d}.1", "a:%(d).test",
		"a=%", "mx:", "mx/33", "ptr:", "ptr/24", "ptr:a.test/24", "ptr.", "ip4",
		"ip4:", "ip4:1.2.3", "ip4:1.2.3.4.5", "ip4:1.2.3.256", "ip4:1.2.3.04",
		"ip4:01.2.3.4", "ip4:1.2.3.4/33", "ip4:1.2.3.4/", "ip4:1.2.3.4//24",
		"ip4:1.2.3.4/024", "ip4:a.test", "ip4:::1", "ip4:1.2.3.4:25", "ip4/24",
		"ip6", "ip6:", "ip6:::1/", "ip6:::1/129", "ip6:::1//64", "ip6:::g",
		"ip6:1::2::3", "ip6:1.2.3.4", "ip6:::1%eth0", "ip6:1:2:3:4:5:6:7:8:9",
		"exists", "exists:", "exists:test", "exists:a.test/24",
		"exists:%{t}.a.test", "redirect=", "redirect=test", "redirect=a.test/24",
		"redirect:a.test", "-redirect=a.test", "exp=", "exp=-all",
		"exp=%{r}.a.test", "exp:a.test", "+exp=a.test", "moo", "moo:x", "moo/8",
		"=", "=a", "1x=a", "-x=a", "_x=a", ".x=a", "x=%z", "x=%{dd}", "x=%",
		"x=\x80", "\x80=x", "a\tall", "v=\x7f", "mx,a", "ip4=%{q}",
		"redirect=a.test redirect=a.test", "exp=a.test EXP=b.test",
		"redirect=a.test all redirect=b.test" };
	char record[200], name[50];

	vxt_zone_init(&zone);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(record, sizeof(record), "v=spf1 ip4:192.0.2.1 %s", bad[i]);
		(void)snprintf(name, sizeof(name), "n%zu.test", i);
		txt(name, record);
		(void)snprintf(record, sizeof(record), "a@%s", name);
		spf_expect(&zone, "192.0.2.1", record, "permerror");
	}
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(what_is_a_term_is_none)
{
	static const char *const good[] = { "", " ", "    all   ", "+ALL", "-all", "~All",
		"?all", "all all", "InClude:pass.test", "a", "A", "a/0", "a/1", "a/32",
		"a//0", "a//128", "a/0//0", "a/32//128", "a:a.test", "a:a.test.",
		"a:a.test/24", "a:a.test//64", "a:a.test/24//64", "a:x/y.test/8",
		"a:.a.test", "a:a.1-2", "a:a.xn--zckzah", "a:a.9z", "a:%{d}", "a:%{d}/24",
		"a:%{d1r.-+,/_=}", "a:%{D0001R}", "a:%{d127}",
		"a:%{d999999999999999999999}", "a:%{ir}.%{v}.arpa", "a:x.%%", "a:x.%_",
		"a:x.%-", "mx", "mx:a.test/24//64", "ptr", "ptr:a.test", "ip4:0.0.0.0",
		"ip4:0.0.0.0/0", "ip4:255.255.255.255/32", "ip4:1.2.3.10",
		"ip6:::", "ip6:::/0", "ip6:::1/128", "ip6:::ffff:1.2.3.4",
		"ip6:1:2:3:4:5:6:7:8/9", "exists:a.test", "exists:%{i}",
		"redirect=pass.test", "exp=a.test", "redirect=pass.test exp=a.test",
		"x=", "x=x", "x-_.9=/:=", "v=spf1", "all=x", "ip4=%{i}",
		"x=%{c}%{r}%{t}%%%_%-", "x=1 x=2 X=3", "a=b:c/d" };
	char record[200], name[50];

	vxt_zone_init(&zone);
	txt("pass.test", "v=spf1 ?all");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		(void)snprintf(
		    record, sizeof(record), "v=spf1 ip4:192.0.2.1 %s", good[i]);
		(void)snprintf(name, sizeof(name), "n%zu.test", i);
		txt(name, record);
		(void)snprintf(record, sizeof(record), "a@%s", name);
		spf_expect(&zone, "192.0.2.1", record, "pass");
	}
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(networks_are_compared_bit_by_bit)
{
	static const struct {
		const char *record, *client, *verdict;
	} cases[] = {
		{ "v=spf1 ip4:192.0.2.1 -all", "192.0.2.1", "pass" },
		{ "v=spf1 ip4:192.0.2.1 -all", "192.0.2.2", "fail" },
		{ "v=spf1 ip4:192.0.2.128/25 -all", "192.0.2.128", "pass" },
		{ "v=spf1 ip4:192.0.2.128/25 -all", "192.0.2.127", "fail" },
		{ "v=spf1 ip4:192.0.2.255/31 -all", "192.0.2.254", "pass" },
		{ "v=spf1 ip4:192.0.2.255/31 -all", "192.0.2.253", "fail" },
		{ "v=spf1 ip4:128.0.0.0/1 -all", "255.1.2.3", "pass" },
		{ "v=spf1 ip4:128.0.0.0/1 -all", "127.1.2.3", "fail" },
		{ "v=spf1 ip4:0.0.0.0/0 -all", "255.1.2.3", "pass" },
		{ "v=spf1 ip4:0.0.0.0/0 -all", "2001:db8::1", "fail" },
		{ "v=spf1 ip4:192.0.2.1 -all", "::ffff:192.0.2.1", "pass" },
		{ "v=spf1 ip4:192.0.2.1 -all", "::192.0.2.1", "fail" },
		{ "v=spf1 ip6:::/0 -all", "2001:db8::1", "pass" },
		{ "v=spf1 ip6:::/0 -all", "192.0.2.1", "fail" },
		{ "v=spf1 ip6:::/0 -all", "::ffff:192.0.2.1", "fail" },
		{ "v=spf1 ip6:2001:db8::/33 -all", "2001:db8:7fff::1", "pass" },
		{ "v=spf1 ip6:2001:db8::/33 -all", "2001:db8:8000::1", "fail" },
		{ "v=spf1 ip6:2001:db8::2/127 -all", "2001:db8::3", "pass" },
		{ "v=spf1 ip6:2001:db8::2/127 -all", "2001:db8::4", "fail" },
		{ "v=spf1 ip6:2001:db8::2 -all", "2001:db8::3", "fail" },
		{ "v=spf1 a:h.test/24//64 -all", "192.0.2.200", "pass" },
		{ "v=spf1 a:h.test/24//64 -all", "192.0.3.200", "fail" },
		{ "v=spf1 a:h.test/24//64 -all", "2001:db8::200", "pass" },
		{ "v=spf1 a:h.test/24//64 -all", "2001:db8:0:1::200", "fail" },
		{ "v=spf1 a:h.test/24 -all", "2001:db8::200", "fail" },
		{ "v=spf1 mx:h.test/24//64 -all", "192.0.2.200", "pass" },
		{ "v=spf1 mx:h.test/24//64 -all", "192.0.3.200", "fail" },
		{ "v=spf1 mx:h.test/24//64 -all", "2001:db8::200", "pass" },
		{ "v=spf1 mx:h.test//64 -all", "192.0.2.200", "fail" },
		{ "v=spf1 exists:h.test -all", "2001:db8:9::1", "pass" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vxt_zone_init(&zone);
		txt("a.test", cases[i].record);
		a("h.test", "192.0.2.1");
		a("h.test", "2001:db8::1");
		mx("h.test", "10 h.test");
		spf_expect(&zone, cases[i].client, "x@a.test", cases[i].verdict);
		vxt_zone_done(&zone);
	}
}
END_TEST

START_TEST(the_mechanism_that_matched_is_told)
{
	struct vx_spf *s;
	const struct vx_spf_result *r;

	vxt_zone_init(&zone);
	txt("a.test", "v=spf1 ip4:192.0.2.9  ?Include:b.test +MX/24 ~all");
	mx("a.test", "10 h.test");
	a("h.test", "198.51.100.1");
	txt("b.test", "v=spf1 -ip4:192.0.2.7 include:c.test");
	txt("c.test", "v=spf1 ip4:192.0.2.1 ip4:192.0.2.7 -all");
	txt("r.test", "v=spf1 redirect=c.test");
	txt("d.test", "v=spf1 include:b.test");

	s = spf_check(&zone, "192.0.2.1", "x@A.TEST");
	r = vx_spf_result(s);
	ck_assert_int_eq((int)r->verdict, (int)VX_VERDICT_NEUTRAL);
	ck_assert_int_eq((int)r->identity, (int)VX_SPF_MAILFROM);
	ck_assert_str_eq(r->domain, "a.test");
	ck_assert_str_eq(r->mechanism, "?Include:b.test");
	ck_assert_str_eq(r->inner, "ip4:192.0.2.1");
	ck_assert_uint_eq(r->lookups, 2);
	vx_spf_free(s);

	/* what did not match in the end is not told */
	s = spf_check(&zone, "192.0.2.7", "x@a.test");
	r = vx_spf_result(s);
	ck_assert_int_eq((int)r->verdict, (int)VX_VERDICT_SOFTFAIL);
	ck_assert_str_eq(r->mechanism, "~all");
	ck_assert_str_eq(r->inner, "");
	vx_spf_free(s);

	s = spf_check(&zone, "198.51.100.9", "x@a.test");
	ck_assert_str_eq(vx_spf_result(s)->mechanism, "+MX/24");
	vx_spf_free(s);

	s = spf_check(&zone, "192.0.2.1", "x@r.test");
	r = vx_spf_result(s);
	ck_assert_str_eq(r->domain, "r.test");
	ck_assert_str_eq(r->mechanism, "ip4:192.0.2.1");
	ck_assert_str_eq(r->inner, "");
	vx_spf_free(s);

	s = spf_check(&zone, "192.0.2.7", "x@d.test");
	r = vx_spf_result(s);
	ck_assert_int_eq((int)r->verdict, (int)VX_VERDICT_NEUTRAL);
	ck_assert_str_eq(r->mechanism, "default");
	ck_assert_str_eq(r->inner, "");
	vx_spf_free(s);
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(records_are_selected)
{
	static const vx_slice pieces[] = { VX_SLICE_INIT("v=s"), VX_SLICE_INIT(""),
		VX_SLICE_INIT("pf1"), VX_SLICE_INIT(" ip4:192."),
		VX_SLICE_INIT("0.2.1 -all") };
	struct vx_dns_question q;
	static const vx_slice broken[] = { VX_SLICE_INIT("\x20v=spf1 all") };
	const struct vx_dns_answer bad = {
		.status = VX_DNS_FOUND, .rdata = broken, .count = 1
	};
	const struct vx_spf_options o = spf_options("192.0.2.1", "x@a.test");
	struct vx_spf *s;

	vxt_zone_init(&zone);
	vxt_zone_add_txt(&zone, "a.test", pieces, 5);
	txt("a.test", "");
	txt("a.test", "v=spf");
	txt("a.test", "v=spf10 all");
	txt("a.test", "v=spf1.0 all");
	txt("a.test", " v=spf1 all");
	txt("a.test", "spf2.0/pra all");
	spf_expect(&zone, "192.0.2.1", "x@a.test", "pass");
	spf_expect(&zone, "192.0.2.2", "x@a.test", "fail");
	spf_expect(&zone, "192.0.2.2", "x@b.test", "none");
	txt("a.test", "v=SPF1");
	spf_expect(&zone, "192.0.2.1", "x@a.test", "permerror");
	vxt_zone_done(&zone);

	/* a string that is longer than its record */
	vxt_assert_ok(vx_spf_new(&o, &s));
	ck_assert_int_eq(vx_spf_next(s, &q), VX_WAIT);
	vxt_assert_ok(vx_spf_answer(s, &bad));
	ck_assert_int_eq(vx_spf_next(s, &q), VX_DONE);
	ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_NONE);
	vx_spf_free(s);
}
END_TEST

/* --- identities -------------------------------------------------------------------- */

START_TEST(identities_are_told_apart)
{
	static const struct {
		const char *helo, *from, *verdict;
		enum vx_spf_identity asked, told;
	} cases[] = {
		{ "h.test", "x@m.test", "fail", VX_SPF_MAILFROM, VX_SPF_MAILFROM },
		{ "h.test", "x@m.test", "pass", VX_SPF_HELO, VX_SPF_HELO },
		{ "H.Test.", "x@m.test", "pass", VX_SPF_HELO, VX_SPF_HELO },
		{ "h.test", "", "pass", VX_SPF_MAILFROM, VX_SPF_HELO },
		{ "h.test", "", "pass", VX_SPF_HELO, VX_SPF_HELO },
		{ "", "", "none", VX_SPF_MAILFROM, VX_SPF_HELO },
		{ "localhost", "", "none", VX_SPF_MAILFROM, VX_SPF_HELO },
		{ "192.0.2.1", "", "none", VX_SPF_MAILFROM, VX_SPF_HELO },
		{ "[192.0.2.1]", "", "none", VX_SPF_HELO, VX_SPF_HELO },
		{ "h..test", "", "none", VX_SPF_HELO, VX_SPF_HELO },
		{ "h test", "", "none", VX_SPF_HELO, VX_SPF_HELO },
		{ "h(a).test", "", "none", VX_SPF_HELO, VX_SPF_HELO },
		{ "h.test", "m.test", "fail", VX_SPF_MAILFROM, VX_SPF_MAILFROM },
		{ "h.test", "x@", "none", VX_SPF_MAILFROM, VX_SPF_MAILFROM },
		{ "h.test", "@", "none", VX_SPF_MAILFROM, VX_SPF_MAILFROM },
		{ "h.test", "x", "none", VX_SPF_MAILFROM, VX_SPF_MAILFROM },
		{ "h.test", "x@[192.0.2.1]", "none", VX_SPF_MAILFROM, VX_SPF_MAILFROM },
		{ "h.test", "\"a@b\"@m.test", "fail", VX_SPF_MAILFROM, VX_SPF_MAILFROM },
		{ "h.test", "x@_m.test", "pass", VX_SPF_MAILFROM, VX_SPF_MAILFROM },
	};

	vxt_zone_init(&zone);
	txt("h.test", "v=spf1 +all");
	txt("m.test", "v=spf1 -all");
	txt("_m.test", "v=spf1 +all");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_spf_options o = spf_options("192.0.2.1", cases[i].from);
		struct vx_spf *s;

		o.helo = vx_slice_str(cases[i].helo);
		o.identity = cases[i].asked;
		s = spf_check_with(&zone, &o);
		ck_assert_msg(strcmp(vx_verdict_name(vx_spf_result(s)->verdict),
				  cases[i].verdict) == 0,
		    "%zu: %s", i, vx_verdict_name(vx_spf_result(s)->verdict));
		ck_assert_int_eq((int)vx_spf_result(s)->identity, (int)cases[i].told);
		ck_assert_msg((vx_spf_result(s)->domain[0] == '\0') ==
				  (vx_spf_result(s)->verdict == VX_VERDICT_NONE),
		    "%zu: %s", i, vx_spf_result(s)->domain);
		vx_spf_free(s);
	}
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
	static const char *const bad[] = { "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::g",
		"1.2.3.4 ", "[::1]", "localhost", "1.2.3.4/24", "::1%lo" };
	struct vx_spf_options o = spf_options(NULL, "x@a.test");
	struct vx_spf *s = NULL;

	ck_assert_int_eq(vx_spf_new(&o, &s), VX_EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.client = bad[i];
		ck_assert_int_eq(vx_spf_new(&o, &s), VX_EINVAL);
	}
	ck_assert_ptr_null(s);
	vx_spf_free(NULL);
}
END_TEST

/* RFC 8616 4 */
START_TEST(mail_may_be_international)
{
	static const struct {
		const char *from, *verdict;
	} cases[] = {
		{ "x@b\xc3\xbc"
		  "cher.test",
		    "pass" },
		{ "x@xn--bcher-kva.test", "pass" },
		{ "x@b\xc3"
		  "cher.test",
		    "none" },
		/* the terms with %{l} and %{s} match nothing */
		{ "j\xc3\xb6rg@l.test", "softfail" },
		{ "joerg@l.test", "pass" },
		{ "j\xc3\xb6rg@r.test", "neutral" },
		{ "joerg@r.test", "permerror" },
		{ "j\xc3\xb6rg@o.test", "pass" },
	};
	struct vx_spf_options o = spf_options("192.0.2.1", "");
	struct vx_spf *s;

	vxt_zone_init(&zone);
	txt("xn--bcher-kva.test", "v=spf1 exists:%{d}.x.test -all");
	a("xn--bcher-kva.test.x.test", "127.0.0.2");
	txt("l.test", "v=spf1 include:%{s}.x.test exists:%{L}.x.test -a:%{l2}.x.test "
		      "mx:%{l-}.%{d} ptr:%{l}.test -exists:%{o}.x.test ~all "
		      "exp=%{l}.x.test");
	txt("joerg@l.test.x.test", "v=spf1 -all");
	a("joerg.x.test", "192.0.2.1");
	txt("r.test", "v=spf1 redirect=%{l}.x.test");
	txt("o.test", "v=spf1 exists:%{o}.x.test -all");
	a("o.test.x.test", "127.0.0.2");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		spf_expect(&zone, "192.0.2.1", cases[i].from, cases[i].verdict);

	/* no explanation has what is not ASCII */
	txt("e.test", "v=spf1 -all exp=why.test");
	txt("f.test", "v=spf1 -all exp=%{l}.why.test");
	txt("why.test", "no, %{l}");
	txt("j.why.test", "no");
	s = spf_check(&zone, "192.0.2.1", "j@e.test");
	ck_assert_str_eq(vx_spf_result(s)->explanation, "no, j");
	vx_spf_free(s);
	s = spf_check(&zone, "192.0.2.1", "\xc3\xb6@e.test");
	ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_FAIL);
	ck_assert_str_eq(vx_spf_result(s)->explanation, "");
	vx_spf_free(s);
	s = spf_check(&zone, "192.0.2.1", "\x7f@e.test");
	ck_assert_str_eq(vx_spf_result(s)->explanation, "");
	vx_spf_free(s);
	s = spf_check(&zone, "192.0.2.1", "j@f.test");
	ck_assert_str_eq(vx_spf_result(s)->explanation, "no");
	vx_spf_free(s);
	s = spf_check(&zone, "192.0.2.1", "\xc3\xb6@f.test");
	ck_assert_str_eq(vx_spf_result(s)->explanation, "");
	vx_spf_free(s);

	o.helo = VX_S("b\xc3\xbc"
		      "cher.test");
	s = spf_check_with(&zone, &o);
	ck_assert_str_eq(vx_spf_result(s)->domain, "xn--bcher-kva.test");
	ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_PASS);
	vx_spf_free(s);
	vxt_zone_done(&zone);
}
END_TEST

/* --- the DNS fails ----------------------------------------------------------------- */

START_TEST(failures_are_temporary)
{
	static const enum vx_dns_status statuses[] = { VX_DNS_FAILED, VX_DNS_BOGUS };
	static const struct {
		const char *record, *verdict;
	} cases[] = {
		{ "v=spf1 a:bad.test +all", "temperror" },
		{ "v=spf1 mx:bad.test +all", "temperror" },
		{ "v=spf1 mx:mx.test +all", "temperror" },
		{ "v=spf1 exists:bad.test +all", "temperror" },
		{ "v=spf1 include:bad.test +all", "temperror" },
		{ "v=spf1 include:inc.test +all", "temperror" },
		{ "v=spf1 redirect=bad.test", "temperror" },
		{ "v=spf1 ip4:192.0.2.1 a:bad.test -all", "pass" },
		/* these are not (5.5, 6.2) */
		{ "v=spf1 ptr:bad.test -all", "fail" },
		{ "v=spf1 exists:%{p}.x.test -all", "pass" },
		{ "v=spf1 -all exp=bad.test", "fail" },
		{ "v=spf1 -all exp=why.test", "fail" },
	};

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			vxt_zone_init(&zone);
			vxt_zone_fail(&zone, "bad.test", statuses[k]);
			mx("mx.test", "10 good.test");
			mx("mx.test", "20 bad.test");
			a("good.test", "192.0.2.200");
			txt("inc.test", "v=spf1 a:bad.test");
			ptr("1.2.0.192.in-addr.arpa", "bad.test");
			a("unknown.x.test", "127.0.0.2");
			txt("why.test", "for %{p}");
			txt("a.test", cases[i].record);
			spf_expect(&zone, "192.0.2.1", "x@a.test", cases[i].verdict);
			spf_expect(&zone, "192.0.2.1", "x@bad.test", "temperror");
			vxt_zone_done(&zone);
		}

	/* the names themselves cannot be asked for */
	vxt_zone_init(&zone);
	vxt_zone_fail(&zone, "1.2.0.192.in-addr.arpa", VX_DNS_BOGUS);
	txt("a.test", "v=spf1 ptr exists:%{p}.x.test -all");
	txt("b.test", "v=spf1 exists:%{p}.x.test -all");
	a("unknown.x.test", "127.0.0.2");
	spf_expect(&zone, "192.0.2.1", "x@a.test", "pass");
	spf_expect(&zone, "192.0.2.1", "x@b.test", "pass");
	vxt_zone_done(&zone);
}
END_TEST

/* At each question in turn. */
START_TEST(a_check_may_take_too_long)
{
	const struct vx_spf_options o = spf_options("192.0.2.1", "x@a.test");
	struct vx_dns_question q;
	struct vx_spf *s;

	vxt_zone_init(&zone);
	txt("a.test", "v=spf1 mx ptr exists:%{p}.x.test -all exp=why.%{p}.test");
	mx("a.test", "10 h.test");
	a("h.test", "192.0.2.2");
	ptr("1.2.0.192.in-addr.arpa", "h.x.test");
	a("h.x.test", "192.0.2.1");
	txt("why.h.x.test.test", "no");
	for (unsigned stop = 0; stop < 8; stop++) {
		vxt_assert_ok(vx_spf_new(&o, &s));
		for (unsigned i = 0; i < stop; i++) {
			struct vx_dns_answer answer;

			ck_assert_int_eq(vx_spf_next(s, &q), VX_WAIT);
			answer = vxt_zone_answer(&zone, &q);
			vxt_assert_ok(vx_spf_answer(s, &answer));
		}
		if (stop < 7)
			ck_assert_int_eq(vx_spf_next(s, &q), VX_WAIT);
		vx_spf_timeout(s);
		ck_assert_int_eq(vx_spf_next(s, &q), VX_DONE);
		ck_assert_int_eq((int)vx_spf_result(s)->verdict,
		    (int)(stop < 6 ? VX_VERDICT_TEMPERROR : VX_VERDICT_FAIL));
		ck_assert_str_eq(vx_spf_result(s)->explanation, "");
		vx_spf_free(s);
	}
	s = spf_check(&zone, "192.0.2.1", "x@a.test");
	vx_spf_timeout(s);
	ck_assert_str_eq(vx_spf_result(s)->explanation, "no");
	vx_spf_free(s);
	vxt_zone_done(&zone);
}
END_TEST

/* Each allocation fails once; the same answer is taken then. */
START_TEST(memory_may_be_short)
{
	const struct vx_spf_options o = spf_options("192.0.2.1", "x@b\xc3\xbc"
								 "cher.test");
	struct vx_dns_question q;
	struct vx_spf *s;
	char why[700] = "";
	bool failed = true;

	vxt_zone_init(&zone);
	txt("xn--bcher-kva.test", "v=spf1 include:b.test redirect=c.test");
	txt("b.test", "v=spf1 ip4:192.0.2.2 ip4:192.0.2.3 ip4:192.0.2.4 ip4:192.0.2.5 "
		      "ip4:192.0.2.6 ip4:192.0.2.7 ip4:192.0.2.8 ip4:192.0.2.9 "
		      "ip4:192.0.2.10 ip4:192.0.2.11 ip4:192.0.2.12 ip4:192.0.2.13 "
		      "ip4:192.0.2.14 ip4:192.0.2.15 ip4:192.0.2.16 ip4:192.0.2.17");
	txt("c.test", "v=spf1 -all exp=why.test");
	for (size_t i = 0; i + 1 < sizeof(why); i++)
		why[i] = 'n';
	txt("why.test", why);
	for (size_t n = 1; failed; n++) {
		int rc;

		vx_mem_fail_at(n);
		rc = vx_spf_new(&o, &s);
		if (rc != VX_OK) {
			ck_assert_int_eq(rc, VX_ENOMEM);
			vxt_assert_ok(vx_spf_new(&o, &s));
		}
		while (vx_spf_next(s, &q) == VX_WAIT) {
			const struct vx_dns_answer answer = vxt_zone_answer(&zone, &q);

			rc = vx_spf_answer(s, &answer);
			ck_assert(rc == VX_OK || rc == VX_ENOMEM);
			if (rc == VX_ENOMEM) {
				ck_assert_ptr_null(vx_spf_result(s));
				vxt_assert_ok(vx_spf_answer(s, &answer));
			}
		}
		failed = vx_mem_failed() != 0;
		vx_mem_fail_at(0);
		ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_FAIL);
		ck_assert_uint_eq(
		    strlen(vx_spf_result(s)->explanation), VX_SPF_EXPLANATION_MAX);
		vx_spf_free(s);
		ck_assert(failed || n > 4);
	}
	vxt_zone_done(&zone);
}
END_TEST

/* --- explicit (IN-10) -------------------------------------------------------------- */

START_TEST(only_what_names_an_address_is_explicit)
{
	static const struct {
		const char *record;
		bool is_explicit;
		const char *helo; /* NULL: h.test */
	} cases[] = {
		{ "v=spf1 ip4:192.0.2.1", true, NULL },
		{ "v=spf1 ip4:192.0.2.1/16", true, NULL },
		{ "v=spf1 ip4:192.0.2.1/15", false, NULL },
		{ "v=spf1 ip4:0.0.0.0/0", false, NULL },
		{ "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1", false, NULL },
		{ "v=spf1 ~ip4:192.0.2.1", false, NULL },
		{ "v=spf1 ?ip4:192.0.2.1", false, NULL },
		{ "v=spf1 -ip4:192.0.2.1", false, NULL },
		{ "v=spf1 all", false, NULL },
		{ "v=spf1", false, NULL },
		{ "v=spf1 a:h.test", true, NULL },
		{ "v=spf1 a:h.test/16//0", true, NULL },
		{ "v=spf1 a:h.test/15", false, NULL },
		{ "v=spf1 mx:h.test", true, NULL },
		{ "v=spf1 mx:h.test/8", false, NULL },
		{ "v=spf1 ptr:h.test", true, NULL },
		{ "v=spf1 exists:h.test", false, NULL },
		{ "v=spf1 exists:%{d}", false, NULL },
		{ "v=spf1 exists:%{l}.h.test", false, NULL },
		{ "v=spf1 exists:%{ir}.h.test", true, NULL },
		{ "v=spf1 exists:%{ir}.%{h}", false, NULL },
		{ "v=spf1 exists:%{p}.h.test", true, NULL },
		{ "v=spf1 a:%{h}", false, NULL },
		{ "v=spf1 mx:%{h}", false, NULL },
		{ "v=spf1 ptr:%{p}", false, NULL },
		{ "v=spf1 a:%{p}", false, NULL },
		{ "v=spf1 include:named.test", true, NULL },
		{ "v=spf1 include:all.test", false, NULL },
		{ "v=spf1 include:wide.test", false, NULL },
		{ "v=spf1 include:two.test", true, NULL },
		{ "v=spf1 include:two-all.test", false, NULL },
		{ "v=spf1 include:%{h}", false, NULL },
		{ "v=spf1 ~include:named.test", false, NULL },
		{ "v=spf1 -include:named.test", false, NULL },
		{ "v=spf1 redirect=named.test", true, NULL },
		{ "v=spf1 redirect=all.test", false, NULL },
		{ "v=spf1 redirect=%{h}", false, NULL },
		{ "v=spf1 redirect=%{h}", false, "via-named.test" },
		{ "v=spf1 redirect=via-named.test", true, NULL },
		{ "v=spf1 include:via-helo.test", false, NULL },
		{ "v=spf1 include:via-named.test", true, NULL },
		{ "v=spf1 -ip4:192.0.2.9 ~include:never.test ip4:192.0.2.1 -all", true,
		    NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_spf_options o = spf_options("192.0.2.1", "x@a.test");
		struct vx_spf *s;

		vxt_zone_init(&zone);
		txt("a.test", cases[i].record);
		a("a.test", "192.0.2.77");
		a("h.test", "192.0.2.1");
		mx("h.test", "10 h.test");
		txt("h.test", "v=spf1 ip4:192.0.2.1");
		ptr("1.2.0.192.in-addr.arpa", "h.test");
		a("x.h.test", "127.0.0.2");
		a("h.test.h.test", "127.0.0.2");
		a("1.2.0.192.h.test", "127.0.0.2");
		txt("named.test", "v=spf1 ip4:192.0.2.1");
		txt("all.test", "v=spf1 ip4:192.0.2.9 all");
		txt("wide.test", "v=spf1 ip4:192.0.2.1/8");
		txt("never.test", "v=spf1 -all");
		txt("two.test", "v=spf1 include:named.test");
		txt("two-all.test", "v=spf1 include:all.test");
		txt("via-helo.test", "v=spf1 redirect=%{h}");
		txt("via-named.test", "v=spf1 redirect=named.test");
		o.helo = vx_slice_str(cases[i].helo != NULL ? cases[i].helo : "h.test");
		s = spf_check_with(&zone, &o);
		ck_assert_msg(vx_spf_is_explicit(s) == cases[i].is_explicit,
		    "%s: %s (%s)", cases[i].record,
		    vx_verdict_name(vx_spf_result(s)->verdict), vx_spf_result(s)->reason);
		vx_spf_free(s);
		vxt_zone_done(&zone);
	}
}
END_TEST

START_TEST(of_ipv6_other_widths_are_explicit)
{
	static const struct {
		const char *record;
		bool is_explicit;
	} cases[] = {
		{ "v=spf1 ip6:2001:db8::1", true },
		{ "v=spf1 ip6:2001:db8::1/32", true },
		{ "v=spf1 ip6:2001:db8::1/31", false },
		{ "v=spf1 a:h.test/0//32", true },
		{ "v=spf1 a:h.test/32//31", false },
		{ "v=spf1 mx:h.test//31", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_spf *s;

		vxt_zone_init(&zone);
		txt("a.test", cases[i].record);
		a("h.test", "2001:db8::1");
		mx("h.test", "10 h.test");
		s = spf_check(&zone, "2001:db8::1", "x@a.test");
		ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_PASS);
		ck_assert_msg(
		    vx_spf_is_explicit(s) == cases[i].is_explicit, "%s", cases[i].record);
		vx_spf_free(s);
		vxt_zone_done(&zone);
	}
}
END_TEST

VXT_SUITE(test_spf, "spf", what_is_no_term_is_an_error, what_is_a_term_is_none,
    networks_are_compared_bit_by_bit, the_mechanism_that_matched_is_told,
    records_are_selected, identities_are_told_apart, what_is_no_address_is_refused,
    mail_may_be_international, failures_are_temporary, a_check_may_take_too_long,
    memory_may_be_short, only_what_names_an_address_is_explicit,
    of_ipv6_other_widths_are_explicit)
