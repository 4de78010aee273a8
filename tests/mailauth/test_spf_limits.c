/* Each limit at its edge and one beyond; records that mean harm. */
#include "spf_check.h"

#include <stdio.h>
#include <stdlib.h>

static struct vxt_zone zone;

static void txt(const char *name, const char *text)
{
	vxt_zone_add(&zone, name, VX_DNS_TXT, text);
}

static void a(const char *name, const char *address)
{
	vxt_zone_add(&zone, name, VX_DNS_A, address);
}

static void check(const char *verdict, unsigned lookups, unsigned voids)
{
	struct vx_spf *const s = spf_check(&zone, "192.0.2.1", "x@a.test");
	const struct vx_spf_result *const r = vx_spf_result(s);

	ck_assert_msg(strcmp(vx_verdict_name(r->verdict), verdict) == 0, "%s (%s)",
	    vx_verdict_name(r->verdict), r->reason);
	ck_assert_uint_eq(r->lookups, lookups);
	ck_assert_uint_eq(r->voids, voids);
	vx_spf_free(s);
}

/* "v=spf1 " and n times term, and the end. */
static void repeat(const char *term, unsigned n, const char *end)
{
	struct vx_buf record = { .max = 100000 };

	vx_buf_add_str(&record, "v=spf1 ");
	while (n-- > 0)
		vx_buf_add_str(&record, term);
	vx_buf_add_str(&record, end);
	vxt_zone_done(&zone);
	vxt_zone_init(&zone);
	txt("a.test", record.ptr);
	vx_buf_done(&record);
}

START_TEST(lookups_are_limited)
{
	static const char *const terms[] = { "a:h.test ", "mx:h.test ",
		"exists:_%{i}.h.test ", "include:i.test ", "ptr:b.test " };

	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
		for (unsigned n = 9; n <= 11; n++) {
			repeat(terms[i], n, "ip4:192.0.2.1 -all");
			a("h.test", "192.0.2.9");
			vxt_zone_add(&zone, "h.test", VX_DNS_MX, "10 h.test");
			vxt_zone_add(&zone, "_192.0.2.1.h.test", VX_DNS_A, "127.0.0.2");
			txt("i.test", "v=spf1 -all");
			vxt_zone_add(
			    &zone, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "c.test");
			if (i == 2)
				check("pass", 1, 0);
			else
				check(
				    n <= VX_SPF_LOOKUPS_MAX ? "pass" : "permerror", n, 0);
		}
	/* redirect= counts; exp= does not; nor what is not reached */
	repeat("a:h.test ", 9, "redirect=i.test");
	a("h.test", "192.0.2.9");
	txt("i.test", "v=spf1 -all exp=h.test");
	check("fail", 10, 0);
	repeat("a:h.test ", 10, "redirect=i.test");
	a("h.test", "192.0.2.9");
	txt("i.test", "v=spf1 -all");
	check("permerror", 11, 0);
	repeat("a:h.test ", 10, "ip4:192.0.2.1 a:h.test redirect=i.test");
	a("h.test", "192.0.2.9");
	check("pass", 10, 0);
	/* the question for the client's names counts once, but not within exp= */
	repeat("a:h.test ", 7, "a:%{p}.x.test a:%{p}.x.test ip4:192.0.2.1");
	a("h.test", "192.0.2.9");
	a("unknown.x.test", "192.0.2.9");
	check("pass", 10, 0);
	repeat("a:h.test ", 8, "a:%{p}.x.test a:%{p}.x.test ip4:192.0.2.1");
	a("h.test", "192.0.2.9");
	a("unknown.x.test", "192.0.2.9");
	check("permerror", 11, 0);
	repeat("a:h.test ", 9, "a:%{p}.x.test a:%{p}.x.test ip4:192.0.2.1");
	a("h.test", "192.0.2.9");
	a("unknown.x.test", "192.0.2.9");
	check("permerror", 11, 0);
	repeat("a:h.test ", 10, "-all exp=%{p}.x.test");
	a("h.test", "192.0.2.9");
	check("fail", 10, 0);
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(limits_can_be_lower)
{
	struct vx_spf_options o = spf_options("192.0.2.1", "x@a.test");
	struct vx_spf *s;

	for (unsigned n = 1; n <= 12; n++) {
		repeat("a:h.test ", 3, "?all");
		a("h.test", "192.0.2.9");
		o.lookups_max = n;
		s = spf_check_with(&zone, &o);
		ck_assert_int_eq((int)vx_spf_result(s)->verdict,
		    (int)(n < 3 ? VX_VERDICT_PERMERROR : VX_VERDICT_NEUTRAL));
		vx_spf_free(s);
	}
	/* but not higher */
	o.lookups_max = 1000;
	repeat("a:h.test ", 11, "?all");
	a("h.test", "192.0.2.9");
	s = spf_check_with(&zone, &o);
	ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_PERMERROR);
	vx_spf_free(s);
	for (unsigned n = 1; n <= 5; n++) {
		repeat("a:h.test ", 3, "?all");
		o.voids_max = n;
		s = spf_check_with(&zone, &o);
		ck_assert_int_eq((int)vx_spf_result(s)->verdict,
		    (int)(n < 3 ? VX_VERDICT_PERMERROR : VX_VERDICT_NEUTRAL));
		vx_spf_free(s);
	}
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(void_lookups_are_limited)
{
	repeat("a:no.test ", 2, "?all");
	check("neutral", 2, 2);
	repeat("a:no.test ", 3, "?all");
	check("permerror", 3, 3);
	/* a name without such records is as void as no name */
	repeat("a:t.test ", 3, "?all");
	txt("t.test", "text");
	check("permerror", 3, 3);
	repeat("mx:no.test ", 3, "?all");
	check("permerror", 3, 3);
	repeat("exists:no.test ", 3, "?all");
	check("permerror", 3, 3);
	repeat("ptr ", 3, "?all");
	check("neutral", 3, 1); /* asked once */
	/* a term counts once */
	repeat("mx:m.test ", 2, "?all");
	vxt_zone_add(&zone, "m.test", VX_DNS_MX, "10 no1.test");
	vxt_zone_add(&zone, "m.test", VX_DNS_MX, "10 no2.test");
	vxt_zone_add(&zone, "m.test", VX_DNS_MX, "10 no3.test");
	check("neutral", 2, 2);
	/* neither the names of the client, nor %{p}, nor exp= */
	repeat("ptr:x.test a:%{p}.h.test ", 2, "-all exp=no.test");
	vxt_zone_add(&zone, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "no1.x.test");
	vxt_zone_add(&zone, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "no2.x.test");
	vxt_zone_add(&zone, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, "no3.x.test");
	a("unknown.h.test", "192.0.2.9");
	check("fail", 4, 0);
	repeat("a:%{p}.h.test ", 2, "-all");
	a("unknown.h.test", "192.0.2.9");
	check("fail", 3, 0);
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(mail_exchangers_are_limited)
{
	char text[60], name[50];

	for (unsigned n = 9; n <= 11; n++) {
		repeat("mx ", 1, "-all");
		for (unsigned i = 0; i < n; i++) {
			(void)snprintf(name, sizeof(name), "h%u.test", i);
			(void)snprintf(text, sizeof(text), "10 %s", name);
			vxt_zone_add(&zone, "a.test", VX_DNS_MX, text);
			a(name, i + 1 == n ? "192.0.2.1" : "192.0.2.9");
		}
		check(n <= VX_SPF_MX_MAX ? "pass" : "permerror", 1, 0);
	}
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(names_of_the_client_are_limited)
{
	char name[50];

	for (unsigned n = 9; n <= 11; n++) {
		repeat("ptr ", 1, "-all");
		for (unsigned i = 0; i < n; i++) {
			(void)snprintf(name, sizeof(name), "h%u.a.test", i);
			vxt_zone_add(&zone, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, name);
			a(name, i + 1 == n ? "192.0.2.1" : "192.0.2.9");
		}
		check(n <= VX_SPF_PTR_MAX ? "pass" : "fail", 1, 0);
	}
	vxt_zone_done(&zone);
}
END_TEST

/* So many octets, blanks between head and end. */
static void record_of(size_t octets, const char *head, const char *end)
{
	struct vx_buf record = { .max = 100000 };

	vx_buf_add_str(&record, head);
	while (record.len + strlen(end) < octets)
		vx_buf_add_char(&record, ' ');
	vx_buf_add_str(&record, end);
	ck_assert_uint_eq(record.len, octets);
	vxt_zone_done(&zone);
	vxt_zone_init(&zone);
	txt("a.test", record.ptr);
	vx_buf_done(&record);
}

START_TEST(records_have_a_size)
{
	for (size_t n = VX_SPF_RECORD_MAX - 1; n <= VX_SPF_RECORD_MAX + 1; n++) {
		record_of(n, "v=spf1 -ip4:192.0.2.9", "ip4:192.0.2.1");
		check(n <= VX_SPF_RECORD_MAX ? "pass" : "permerror", 0, 0);
	}
	record_of(65000, "v=spf1", "all");
	check("permerror", 0, 0);
	/* what is no SPF record may be as long as it likes */
	record_of(65000, "v=spf2", "all");
	txt("a.test", "v=spf1 ip4:192.0.2.1");
	check("pass", 0, 0);
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(explanations_have_a_size)
{
	static const size_t sizes[] = { 1, 255, 256, VX_SPF_EXPLANATION_MAX - 1,
		VX_SPF_EXPLANATION_MAX, VX_SPF_EXPLANATION_MAX + 1, VX_SPF_RECORD_MAX - 1,
		VX_SPF_RECORD_MAX, VX_SPF_RECORD_MAX + 1, 60000 };
	struct vx_buf text = { .max = 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct vx_spf *s;

		vx_buf_reset(&text);
		while (text.len < sizes[i])
			vx_buf_add_char(&text, (char)('a' + text.len % 26));
		repeat("", 0, "-all exp=why.test");
		txt("why.test", text.ptr);
		s = spf_check(&zone, "192.0.2.1", "x@a.test");
		vxt_assert_str(
		    vx_slice_head(vx_buf_slice(&text),
			sizes[i] > VX_SPF_RECORD_MAX ? 0 : VX_SPF_EXPLANATION_MAX),
		    vx_spf_result(s)->explanation);
		vx_spf_free(s);
	}
	/* cut, and in a macro; but what is beyond the cut is looked at */
	vx_buf_truncate(&text, VX_SPF_EXPLANATION_MAX - 4);
	vx_buf_add_str(&text, "%{c}");
	repeat("", 0, "-all exp=why.test");
	txt("why.test", text.ptr);
	for (int i = 0; i < 3; i++) {
		struct vx_spf *const s = spf_check(
		    &zone, "192.0.2.1", i == 2 ? "\xc3\xb6@a.test" : "x@a.test");

		if (i < 1)
			ck_assert_str_eq(
			    vx_spf_result(s)->explanation + VX_SPF_EXPLANATION_MAX - 4,
			    "192.");
		else
			ck_assert_str_eq(vx_spf_result(s)->explanation, "");
		vx_spf_free(s);
		vx_buf_add_str(&text, i == 0 ? "%{" : "d} %{l}");
		repeat("", 0, "-all exp=why.test");
		txt("why.test", text.ptr);
	}
	vx_buf_done(&text);
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(what_the_client_says_has_a_size)
{
	char from[VX_SPF_LOCAL_MAX + 20], helo[VX_SPF_HELO_MAX + 20];
	struct vx_spf *s;

	repeat("", 0, "?all");
	for (size_t n = VX_SPF_LOCAL_MAX - 1; n <= VX_SPF_LOCAL_MAX + 1; n++) {
		memset(from, 'x', n);
		memcpy(from + n, "@a.test", 8);
		spf_expect(
		    &zone, "192.0.2.1", from, n <= VX_SPF_LOCAL_MAX ? "neutral" : "none");
	}
	/* of a name that is cut %{h} has nothing */
	for (size_t n = VX_SPF_HELO_MAX - 1; n <= VX_SPF_HELO_MAX + 1; n++) {
		struct vx_spf_options o = spf_options("192.0.2.1", "x@a.test");

		repeat("", 0, "-all exp=why.test");
		txt("why.test", "%{h}");
		memset(helo, 'h', n);
		o.helo = vx_slice_of(helo, n);
		s = spf_check_with(&zone, &o);
		vxt_assert_slice(vx_slice_str(vx_spf_result(s)->explanation),
		    n <= VX_SPF_HELO_MAX ? o.helo : VX_S("unknown"));
		vx_spf_free(s);
	}
	/* domains */
	for (size_t n = VX_DNS_NAME_MAX - 1; n <= VX_DNS_NAME_MAX + 1; n++) {
		char address[VX_DNS_NAME_MAX + 10] = "x@";

		for (size_t i = 0; i < n; i++)
			address[2 + i] = i % 50 == 1 && i + 1 < n ? '.' : 'd';
		address[2 + n] = '\0';
		s = spf_check(&zone, "192.0.2.1", address);
		ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_NONE);
		ck_assert_uint_eq(
		    strlen(vx_spf_result(s)->domain), n <= VX_DNS_NAME_MAX ? n : 0);
		vx_spf_free(s);
	}
	spf_expect(&zone, "192.0.2.1",
	    "x@"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test",
	    "none");
	vxt_zone_done(&zone);
}
END_TEST

START_TEST(mechanisms_are_cut)
{
	static const vx_slice found[] = { VX_SLICE_INIT("\177\0\0\2") };
	const struct vx_spf_options o = spf_options("192.0.2.1", "x@a.test");
	struct vx_buf record = { .max = 10000 };

	for (size_t n = VX_SPF_MECHANISM_MAX - 2; n <= VX_SPF_MECHANISM_MAX + 2; n++) {
		struct vx_dns_answer answer;
		struct vx_dns_question q;
		struct vx_spf *s;

		vx_buf_reset(&record);
		vx_buf_add_str(&record, "v=spf1 exists:");
		while (record.len < n + 7 - 8)
			vx_buf_add_str(&record, record.len % 2 == 0 ? "x" : ".");
		vx_buf_add_str(&record, "yyyy.zzz");
		vxt_zone_init(&zone);
		txt("a.test", record.ptr);
		vxt_assert_ok(vx_spf_new(&o, &s));
		while (vx_spf_next(s, &q) == VX_WAIT) {
			answer = vxt_zone_answer(&zone, &q);
			if (q.type == VX_DNS_A)
				answer = (struct vx_dns_answer){
					.status = VX_DNS_FOUND, .rdata = found, .count = 1
				};
			vxt_assert_ok(vx_spf_answer(s, &answer));
		}
		ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_PASS);
		vxt_assert_str(vx_slice_head(vx_slice_from(vx_buf_slice(&record), 7),
				   VX_SPF_MECHANISM_MAX),
		    vx_spf_result(s)->mechanism);
		vx_spf_free(s);
		vxt_zone_done(&zone);
	}
	vx_buf_done(&record);
}
END_TEST

/* As many questions as can be. */
START_TEST(questions_are_limited)
{
	const struct vx_spf_options o = spf_options("192.0.2.1", "x@a.test");
	char name[50], text[60];
	struct vx_spf *s;

	repeat("mx:m.test ", 10, "-all exp=%{p}.x.test");
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "h%u.test", i);
		(void)snprintf(text, sizeof(text), "10 %s", name);
		vxt_zone_add(&zone, "m.test", VX_DNS_MX, text);
		vxt_zone_add(&zone, "1.2.0.192.in-addr.arpa", VX_DNS_PTR, name);
		a(name, "192.0.2.9");
	}
	txt("unknown.x.test", "for %{p}");
	vxt_assert_ok(vx_spf_new(&o, &s));
	ck_assert_uint_eq(spf_run(s, &zone), VX_SPF_QUESTIONS_MAX);
	ck_assert_str_eq(vx_spf_result(s)->explanation, "for unknown");
	vx_spf_free(s);
	vxt_zone_done(&zone);
}
END_TEST

/* Ten records within each other, and one more; each of full size. */
START_TEST(includes_are_as_deep_as_lookups)
{
	struct vx_buf record = { .max = 100000 };
	char name[50];

	for (unsigned n = 9; n <= 11; n++) {
		vxt_zone_init(&zone);
		txt("a.test", "v=spf1 include:i1.test -all");
		for (unsigned i = 1; i <= n; i++) {
			vx_buf_reset(&record);
			vx_buf_add_str(&record, "v=spf1 ");
			if (i == n)
				vx_buf_add_str(&record, "ip4:192.0.2.1");
			else
				vx_buf_printf(
				    &record, "-ip4:192.0.2.9 include:i%u.test", i + 1);
			while (record.len < VX_SPF_RECORD_MAX)
				vx_buf_add_char(&record, ' ');
			(void)snprintf(name, sizeof(name), "i%u.test", i);
			txt(name, record.ptr);
		}
		check(n <= VX_SPF_LOOKUPS_MAX ? "pass" : "permerror", n, 0);
		vxt_zone_done(&zone);
	}
	vx_buf_done(&record);
}
END_TEST

START_TEST(loops_end)
{
	static const char *const records[] = { "v=spf1 include:a.test",
		"v=spf1 redirect=a.test", "v=spf1 include:b.test",
		"v=spf1 redirect=b.test", "v=spf1 -include:a.test +all",
		"v=spf1 include:%{d} ?all", "v=spf1 redirect=%{o}",
		"v=spf1 include:b.test include:a.test" };

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		vxt_zone_init(&zone);
		txt("a.test", records[i]);
		txt("b.test", i % 2 == 0 ? "v=spf1 include:a.test redirect=a.test"
					 : "v=spf1 redirect=a.test");
		check("permerror", 11, 0);
		vxt_zone_done(&zone);
	}
}
END_TEST

/* Records of full size that are nothing but macros or terms. */
START_TEST(large_records_are_taken)
{
	static const char *const terms[] = { "%{s}", "%{S}", "%{dr}", "%{s127r.-+,/_=}",
		"%{ir}", "%{Lr-}", "%{h}.", "%%", "x." };
	struct vx_buf record = { .max = 100000 };
	char from[300];

	memset(from, '-', 256);
	memcpy(from + 256, "@a.test", 8);
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		struct vx_spf *s;

		vx_buf_reset(&record);
		vx_buf_add_str(&record, "v=spf1 ?exists:");
		while (record.len < VX_SPF_RECORD_MAX - 50)
			vx_buf_add_str(&record, terms[i]);
		vx_buf_add_str(&record, ".test -all exp=why.test");
		vxt_zone_init(&zone);
		txt("a.test", record.ptr);
		txt("why.test", record.ptr);
		s = spf_check(&zone, "2001:db8::1", from);
		ck_assert_int_eq((int)vx_spf_result(s)->verdict, (int)VX_VERDICT_FAIL);
		ck_assert_uint_eq(
		    strlen(vx_spf_result(s)->explanation), VX_SPF_EXPLANATION_MAX);
		vx_spf_free(s);
		vxt_zone_done(&zone);
	}
	vx_buf_done(&record);
	repeat("ip4:192.0.2.9 ", 580, "ip4:192.0.2.1");
	check("pass", 0, 0);
	repeat("x= ", 2720, "ip4:192.0.2.1");
	check("pass", 0, 0);
	vxt_zone_done(&zone);
}
END_TEST

VXT_SUITE(test_spf_limits, "spf limits", lookups_are_limited, limits_can_be_lower,
    void_lookups_are_limited, mail_exchangers_are_limited,
    names_of_the_client_are_limited, records_have_a_size, explanations_have_a_size,
    what_the_client_says_has_a_size, mechanisms_are_cut, questions_are_limited,
    includes_are_as_deep_as_lookups, loops_end, large_records_are_taken)
