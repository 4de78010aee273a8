#include "base/mem.h"
#include "lib/vxt.h"
#include "vectis/report.h"

#include <stdio.h>
#include <stdlib.h>

static struct vx_arena arena = { .limit = 64u << 20 };

/* In a block that ends where the text ends. */
static int parse(vx_slice text, struct vx_tls_report *out, struct vx_error *err)
{
	char *const block = malloc(text.len + 1);
	int rc;

	memcpy(block + 1, text.ptr == NULL ? "" : text.ptr, text.len);
	rc = vx_tls_report_parse(vx_slice_of(block + 1, text.len), &arena, out, err);
	free(block);
	return rc;
}

static void parse_file(const char *file, struct vx_tls_report *out)
{
	struct vx_error err = { 0 };
	char name[100];
	struct vx_buf text;

	(void)snprintf(name, sizeof(name), "mailauth/reports/%s", file);
	text = vxt_read(name);
	ck_assert_msg(parse(vx_buf_slice(&text), out, &err) == VX_OK, "%s: %u: %s", file,
	    err.line, err.text);
	vx_buf_done(&text);
}

/* RFC 8460 appendix B */
START_TEST(the_example_is_read)
{
	const struct vx_tls_failure *f;
	struct vx_tls_report r;

	parse_file("rfc8460.json", &r);
	ck_assert_uint_eq(r.defects, 0);
	vxt_assert_str(r.organization, "Company-X");
	vxt_assert_str(r.contact, "sts-reporting@company-x.example");
	vxt_assert_str(r.report_id, "5065427c-23d3-47ca-b6e0-946ea0e8c4be");
	ck_assert_int_eq(r.begin, 1459468800);
	ck_assert_int_eq(r.end, 1459468800 + 86399);
	ck_assert_ptr_null(r.policies->next);
	ck_assert_int_eq(r.policies->type, VX_TLS_POLICY_STS);
	vxt_assert_str(r.policies->domain, "company-y.example");
	vxt_assert_str(r.policies->lines->text, "version: STSv1");
	vxt_assert_str(r.policies->lines->next->next->next->text, "max_age: 86400");
	vxt_assert_str(r.policies->mx_hosts->text, "*.mail.company-y.example");
	ck_assert_ptr_null(r.policies->mx_hosts->next);
	ck_assert_uint_eq(r.policies->successes, 5326);
	ck_assert_uint_eq(r.policies->failures, 303);
	f = r.policies->details;
	ck_assert_int_eq(f->type, VX_TLS_CERTIFICATE_EXPIRED);
	vxt_assert_str(f->sending_ip, "2001:db8:abcd:0012::1");
	vxt_assert_str(f->receiving_hostname, "mx1.mail.company-y.example");
	ck_assert_uint_eq(f->count, 100);
	f = f->next;
	ck_assert_int_eq(f->type, VX_TLS_STARTTLS_NOT_SUPPORTED);
	vxt_assert_str(f->receiving_ip, "203.0.113.56");
	vxt_assert_str(f->additional_information, "https://reports.company-x.example/"
						  "report_info?id=5065427c-23d3#"
						  "StarttlsNotSupported");
	f = f->next;
	ck_assert_int_eq(f->type, VX_TLS_VALIDATION_FAILURE);
	vxt_assert_str(f->reason_code, "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED");
	ck_assert_ptr_null(f->next);
	vx_arena_done(&arena);
}
END_TEST

START_TEST(reports_of_others)
{
	struct vx_tls_report r;

	parse_file("google.json", &r);
	ck_assert_uint_eq(r.defects, 0);
	ck_assert_int_eq(r.policies->type, VX_TLS_POLICY_NONE);
	ck_assert_uint_eq(r.policies->successes, 48);
	ck_assert_ptr_null(r.policies->details);
	parse_file("mail-ru.json", &r);
	ck_assert_uint_eq(r.defects, 0);
	vxt_assert_str(
	    r.policies->details->next->reason_code, "bad https response code: 500");
	ck_assert_int_eq(r.policies->details->type, VX_TLS_STS_POLICY_FETCH_ERROR);
	parse_file("smtp-tls.json", &r);
	ck_assert_uint_eq(r.defects, 0);
	ck_assert_uint_eq(r.policies->details->count, 2);
	vx_arena_done(&arena);
}
END_TEST

/* A report with these members beside the needed ones, and in its policy. */
static const char *report(const char *members, const char *policy, const char *entry)
{
	static char text[60000];

	(void)snprintf(text, sizeof(text),
	    "{\"organization-name\":\"o\",\"report-id\":\"i\",\"date-range\":{"
	    "\"start-datetime\":\"2016-04-01T00:00:00Z\",\"end-datetime\":"
	    "\"2016-04-01T23:59:59Z\"}%s,\"policies\":[{\"policy\":{\"policy-domain\":"
	    "\"d\"%s}"
	    "%s}]}",
	    members, policy, entry);
	return text;
}

START_TEST(what_is_not_as_it_should_be)
{
	static const struct {
		const char *members, *policy, *entry;
		unsigned defects;
	} cases[] = {
		{ "", "", "", 0 },
		{ ",\"x\":[{\"policies\":[1,null,true,\"s\",[],{}]}],\"y\":-0.5e+3", "",
		    "", 0 },
		{ ",\"contact-info\":null", "", "", 1 },
		{ ",\"contact-info\":1", "", "", 1 },
		{ ",\"contact-info\":{\"x\":1}", "", "", 1 },
		{ ",\"contact-info\":[\"x\"]", "", "", 1 },
		{ "", ",\"policy-type\":\"STS\"", "", 1 },
		{ "", ",\"policy-string\":\"one\",\"mx-host\":[\"a\",\"b\"]", "", 0 },
		{ "", ",\"policy-string\":[1,[\"x\"],{\"y\":1},\"z\"]", "", 2 },
		{ "", "", ",\"summary\":{\"total-failure-session-count\":\"7\"}", 1 },
		{ "", "", ",\"summary\":{\"total-failure-session-count\":7.0}", 1 },
		{ "", "", ",\"summary\":{\"total-failure-session-count\":-7}", 1 },
		{ "", "", ",\"summary\":[]", 1 },
		{ "", "", ",\"failure-details\":[{\"result-type\":\"new-one\"}]", 1 },
		{ "", "", ",\"failure-details\":[1,\"x\",[],{}]", 2 },
		{ "", "", ",\"failure-details\":{}", 1 },
		{ "", "", "},{\"policy\":{\"policy-type\":\"tlsa\"}", 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_error err = { 0 };
		struct vx_tls_report r;

		ck_assert_msg(parse(vx_slice_str(report(cases[i].members, cases[i].policy,
					cases[i].entry)),
				  &r, &err) == VX_OK,
		    "%zu: %s", i, err.text);
		ck_assert_msg(r.defects == cases[i].defects, "%zu: %u", i, r.defects);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(what_is_no_report)
{
	static const char *const texts[] = { "1", "\"x\"", "null", "[]", "{}",
		"{\"policies\":[]}", "{\"policies\":[{}]}",
		"{\"policies\":[{}],\"date-range\":{\"start-datetime\":\"2016-04-01T00:"
		"00:00Z\"}}",
		"{\"policies\":[{}],\"date-range\":{\"start-datetime\":\"2016-04-02T00:"
		"00:00Z\","
		"\"end-datetime\":\"2016-04-01T00:00:00Z\"}}",
		"{\"policies\":[{}],\"date-range\":{\"start-datetime\":\"yesterday\","
		"\"end-datetime\":\"2016-04-01T00:00:00Z\"}}",
		"[{\"policies\":[{}],\"date-range\":{\"start-datetime\":\"2016-04-01T00:"
		"00:00Z\","
		"\"end-datetime\":\"2016-04-01T00:00:00Z\"}}]" };
	static const char *const twice[] = {
		"{\"report-id\":\"a\",\"report-id\":\"b\"}",
		"{\"policies\":[],\"policies\":[]}",
		"{\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\"policy-type\":"
		"\"sts\"}}]}",
		"{\"report-id\":\"a\",\"report-\\u0069d\":\"b\"}",
	};
	struct vx_error err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_msg(parse(vx_slice_str(texts[i]), &(struct vx_tls_report){ 0 },
				  &err) == VX_ESYNTAX,
		    "%s", texts[i]);
		ck_assert_msg(
		    strncmp(err.text, "there ", 6) == 0, "%s: %s", texts[i], err.text);
	}
	for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
		ck_assert_int_eq(
		    parse(vx_slice_str(twice[i]), &(struct vx_tls_report){ 0 }, &err),
		    VX_ESYNTAX);
		ck_assert_str_eq(err.text, "a name is there twice");
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(times)
{
	static const struct {
		const char *text;
		int64_t t; /* -1: none */
	} cases[] = {
		{ "2016-04-01T00:00:00Z", 1459468800 },
		{ "2016-04-01t00:00:00z", 1459468800 },
		{ "2016-04-01 00:00:00.123456Z", 1459468800 },
		{ "2016-04-01T02:00:00+02:00", 1459468800 },
		{ "2016-03-31T18:30:00-05:30", 1459468800 },
		{ "2016-03-31T23:59:60Z", 1459468800 },
		{ "2016-04-01", -1 },
		{ "2016-04-01T00:00:00", -1 },
		{ "2016-04-01T00:00:00.Z", -1 },
		{ "2016-04-01T00:00:00Zx", -1 },
		{ "2016-13-01T00:00:00Z", -1 },
		{ "2016-00-01T00:00:00Z", -1 },
		{ "2016-01-00T00:00:00Z", -1 },
		{ "2016-01-32T00:00:00Z", -1 },
		{ "2016-01-01T24:00:00Z", -1 },
		{ "2016-01-01T00:60:00Z", -1 },
		{ "2016-01-01T00:00:61Z", -1 },
		{ "2016-01-01T00:00:00+24:00", -1 },
		{ "16-01-01T00:00:00Z", -1 },
		{ "", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_tls_report r;
		char text[300];
		int rc;

		(void)snprintf(text, sizeof(text),
		    "{\"policies\":[{}],\"date-range\":{\"start-datetime\":\"%s\","
		    "\"end-datetime\":\"9999-01-01T00:00:00Z\"}}",
		    cases[i].text);
		rc = parse(vx_slice_str(text), &r, NULL);
		ck_assert_msg(
		    rc == (cases[i].t < 0 ? VX_ESYNTAX : VX_OK), "%s", cases[i].text);
		if (rc == VX_OK)
			ck_assert_int_eq(r.begin, cases[i].t);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(json_that_is_none)
{
	static const char *const texts[] = { "", " ", "{", "[", "}", "]", "{]", "[}",
		"{}}", "{} {}", "{,}", "[,]", "[1,]", "{\"a\":1,}", "{\"a\"}", "{\"a\":}",
		"{\"a\" 1}", "{1:2}", "{a:1}", "{'a':1}", "[1 2]", "[\"a\" \"b\"]",
		"{\"a\":1 \"b\":2}", "01", "-", "+1", ".5", "1.", "1.e3", "1e", "1e+",
		"0x1", "NaN", "Infinity", "tru", "True", "nullx", "\"", "\"a", "\"\\\"",
		"\"\\x\"", "\"\\u\"", "\"\\u123\"", "\"\\u123g\"", "\"\\ud800\"",
		"\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"", "\"\\udc00\"",
		"\"\\u0000\"", "\"a\nb\"", "\"a\tb\"", "\"\xff\"", "\"\xed\xa0\x80\"",
		"//x\n1", "/**/1", "[1]x", "\xef\xbb\xbf", "{\"a\":1}\x01" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct vx_error err = { 0 };

		ck_assert_msg(parse(vx_slice_str(texts[i]), &(struct vx_tls_report){ 0 },
				  &err) == VX_ESYNTAX,
		    "%s", texts[i]);
		/* not only since it is no report */
		ck_assert_msg(
		    strncmp(err.text, "there ", 6) != 0, "%s: %s", texts[i], err.text);
	}
	ck_assert_int_eq(
	    parse(VX_S("{\"a\0\":1}"), &(struct vx_tls_report){ 0 }, NULL), VX_ESYNTAX);
	vx_arena_done(&arena);
}
END_TEST

START_TEST(strings_are_decoded)
{
	struct vx_tls_report r;

	vxt_assert_ok(
	    parse(vx_slice_str(report(",\"contact-info\":\"\\\"\\\\\\/"
				      "\\b\\f\\n\\r\\t\\u00fc\\uD83D\\uDE00\xc3\xbc\"",
		      "", "")),
		&r, NULL));
	vxt_assert_str(r.contact, "\"\\/\b\f\n\r\t\xc3\xbc\xf0\x9f\x98\x80\xc3\xbc");
	vx_arena_done(&arena);
}
END_TEST

static void repeat(struct vx_buf *out, const char *text, size_t n)
{
	while (n-- > 0)
		vx_buf_add_str(out, text);
}

static int parse_with(struct vx_buf *b, bool entry, struct vx_tls_report *r)
{
	vx_buf_add_char(b, '\0');
	return parse(
	    vx_slice_str(report(entry ? "" : b->ptr, "", entry ? b->ptr : "")), r, NULL);
}

START_TEST(reading_has_limits)
{
	struct vx_buf text = { .max = 64u << 20 };
	struct vx_arena small = { .limit = 60 };
	struct vx_tls_report r;
	size_t n = 0;

	for (size_t over = 0; over < 2; over++) {
		/* depth: one is the report */
		vx_buf_reset(&text);
		vx_buf_add_str(&text, ",\"x\":");
		repeat(&text, "[", VX_REPORT_DEPTH_MAX - 1 + over);
		repeat(&text, "]", VX_REPORT_DEPTH_MAX - 1 + over);
		ck_assert_int_eq(parse_with(&text, false, &r), over ? VX_ELIMIT : VX_OK);
		/* a string, of whatever */
		vx_buf_reset(&text);
		vx_buf_add_str(&text, ",\"x\":\"");
		repeat(&text, "a", VX_REPORT_TEXT_MAX + over);
		vx_buf_add_str(&text, "\"");
		ck_assert_int_eq(parse_with(&text, false, &r), over ? VX_ELIMIT : VX_OK);
		/* policies: one is there */
		vx_buf_reset(&text);
		vx_buf_add_str(&text, report("", "", ""));
		vx_buf_truncate(&text, text.len - 2);
		repeat(&text, ",{}", VX_REPORT_POLICIES_MAX - 1 + over);
		vx_buf_add_str(&text, "]}");
		ck_assert_int_eq(
		    parse(vx_buf_slice(&text), &r, NULL), over ? VX_ELIMIT : VX_OK);
		/* failures */
		vx_buf_reset(&text);
		vx_buf_add_str(&text, report("", "", ""));
		vx_buf_truncate(&text, text.len - 3);
		vx_buf_add_str(&text, ",\"failure-details\":[{}");
		repeat(&text, ",{}", VX_REPORT_FAILURES_MAX - 1 + over);
		vx_buf_add_str(&text, "]}]}");
		vx_arena_done(&arena);
		ck_assert_int_eq(
		    parse(vx_buf_slice(&text), &r, NULL), over ? VX_ELIMIT : VX_OK);
	}
	/* lines: the rest is left out */
	vx_buf_reset(&text);
	vx_buf_add_str(&text, ",\"mx-host\":[\"\"");
	repeat(&text, ",\"\"", VX_REPORT_LINES_MAX + 1);
	vx_buf_add_str(&text, "]");
	vx_buf_add_char(&text, '\0');
	vxt_assert_ok(parse(vx_slice_str(report("", text.ptr, "")), &r, NULL));
	for (const struct vx_report_line *l = r.policies->mx_hosts; l != NULL;
	     l = l->next)
		n++;
	ck_assert_uint_eq(n, VX_REPORT_LINES_MAX);
	ck_assert_uint_eq(r.defects, 2);
	ck_assert_int_eq(
	    vx_tls_report_parse(vx_slice_str(report("", "", "")), &small, &r, NULL),
	    VX_ELIMIT);
	vx_arena_done(&small);
	vx_buf_reset(&text);
	repeat(&text, " ", VX_REPORT_OCTETS_MAX + 1);
	ck_assert_int_eq(
	    vx_tls_report_parse(vx_buf_slice(&text), &arena, &r, NULL), VX_ELIMIT);
	vx_buf_done(&text);
	vx_arena_done(&arena);
}
END_TEST

START_TEST(a_report_is_written)
{
	struct vx_report_line line2 = { .text = VX_S("mode: \"testing\"\\\n") };
	struct vx_report_line line1 = { .text = VX_S("version: STSv1"), .next = &line2 };
	struct vx_report_line mx = { .text = VX_S("*.mail.company-y.example") };
	struct vx_tls_failure second = { .count = 3, .reason_code = VX_S("x\xff\x01") };
	struct vx_tls_failure first = { .type = VX_TLS_CERTIFICATE_EXPIRED,
		.sending_ip = VX_S("2001:db8::1"),
		.receiving_hostname = VX_S("mx1.example"),
		.receiving_helo = VX_S("helo.example"),
		.receiving_ip = VX_S("192.0.2.1"),
		.count = 100,
		.additional_information = VX_S("https://example.com/"),
		.next = &second };
	struct vx_tls_policy none = { .domain = VX_S("company-z.example") };
	struct vx_tls_policy sts = { .type = VX_TLS_POLICY_STS,
		.lines = &line1,
		.domain = VX_S("company-y.example"),
		.mx_hosts = &mx,
		.successes = 5326,
		.failures = 303,
		.details = &first,
		.next = &none };
	struct vx_tls_report r = { .organization = VX_S("Company-X"),
		.contact = VX_S("sts-reporting@company-x.example"),
		.report_id = VX_S("5065427c"),
		.begin = 1459468800,
		.end = 1459555199,
		.policies = &sts };
	struct vx_buf out = { .max = 100000 }, again = { .max = 100000 };
	struct vx_tls_report back;

	vxt_assert_ok(vx_tls_report_write(&r, &out));
	vxt_assert_str(vx_buf_slice(&out),
	    "{\n"
	    " \"organization-name\": \"Company-X\",\n"
	    " \"date-range\": {\n"
	    "  \"start-datetime\": \"2016-04-01T00:00:00Z\",\n"
	    "  \"end-datetime\": \"2016-04-01T23:59:59Z\"\n"
	    " },\n"
	    " \"contact-info\": \"sts-reporting@company-x.example\",\n"
	    " \"report-id\": \"5065427c\",\n"
	    " \"policies\": [\n"
	    "  {\n"
	    "   \"policy\": {\n"
	    "    \"policy-type\": \"sts\",\n"
	    "    \"policy-string\": [\n"
	    "     \"version: STSv1\",\n"
	    "     \"mode: \\\"testing\\\"\\\\\\u000a\"\n"
	    "    ],\n"
	    "    \"policy-domain\": \"company-y.example\",\n"
	    "    \"mx-host\": [\n"
	    "     \"*.mail.company-y.example\"\n"
	    "    ]\n"
	    "   },\n"
	    "   \"summary\": {\n"
	    "    \"total-successful-session-count\": 5326,\n"
	    "    \"total-failure-session-count\": 303\n"
	    "   },\n"
	    "   \"failure-details\": [\n"
	    "    {\n"
	    "     \"result-type\": \"certificate-expired\",\n"
	    "     \"sending-mta-ip\": \"2001:db8::1\",\n"
	    "     \"receiving-mx-hostname\": \"mx1.example\",\n"
	    "     \"receiving-mx-helo\": \"helo.example\",\n"
	    "     \"receiving-ip\": \"192.0.2.1\",\n"
	    "     \"failed-session-count\": 100,\n"
	    "     \"additional-information\": \"https://example.com/\"\n"
	    "    },\n"
	    "    {\n"
	    "     \"result-type\": \"validation-failure\",\n"
	    "     \"failed-session-count\": 3,\n"
	    "     \"failure-reason-code\": \"x\xef\xbf\xbd\\u0001\"\n"
	    "    }\n"
	    "   ]\n"
	    "  },\n"
	    "  {\n"
	    "   \"policy\": {\n"
	    "    \"policy-type\": \"no-policy-found\",\n"
	    "    \"policy-domain\": \"company-z.example\"\n"
	    "   },\n"
	    "   \"summary\": {\n"
	    "    \"total-successful-session-count\": 0,\n"
	    "    \"total-failure-session-count\": 0\n"
	    "   }\n"
	    "  }\n"
	    " ]\n"
	    "}\n");
	vxt_assert_ok(parse(vx_buf_slice(&out), &back, NULL));
	ck_assert_uint_eq(back.defects, 0);
	vxt_assert_ok(vx_tls_report_write(&back, &again));
	vxt_assert_slice(vx_buf_slice(&again), vx_buf_slice(&out));
	vx_buf_done(&again);
	vx_arena_done(&arena);
	/* what cannot be written */
	vx_buf_reset(&out);
	back = r;
	back.organization.len = 0;
	ck_assert_int_eq(vx_tls_report_write(&back, &out), VX_EINVAL);
	back = r;
	back.contact.len = 0;
	ck_assert_int_eq(vx_tls_report_write(&back, &out), VX_EINVAL);
	back = r;
	back.report_id.len = 0;
	ck_assert_int_eq(vx_tls_report_write(&back, &out), VX_EINVAL);
	back = r;
	back.policies = NULL;
	ck_assert_int_eq(vx_tls_report_write(&back, &out), VX_EINVAL);
	back = r;
	back.end = back.begin - 1;
	ck_assert_int_eq(vx_tls_report_write(&back, &out), VX_EINVAL);
	none.domain.len = 0;
	ck_assert_int_eq(vx_tls_report_write(&r, &out), VX_EINVAL);
	none.domain.len = 1;
	ck_assert_uint_eq(out.len, 0);
	vx_buf_done(&out);
	out = (struct vx_buf){ .max = 500 };
	ck_assert_int_eq(vx_tls_report_write(&r, &out), VX_ELIMIT);
	ck_assert_uint_eq(out.len, 0);
	vx_buf_done(&out);
}
END_TEST

/* Every type of failure has its name, and is found by it. */
START_TEST(types_of_failures)
{
	for (int i = 0; i <= VX_TLS_STS_WEBPKI_INVALID; i++) {
		struct vx_tls_failure f = { .type = (enum vx_tls_failure_type)i };
		struct vx_tls_policy p = { .type = (enum vx_tls_policy_type)(i % 3),
			.domain = VX_S("d"),
			.details = &f };
		const struct vx_tls_report r = { .organization = VX_S("o"),
			.contact = VX_S("c"),
			.report_id = VX_S("i"),
			.policies = &p };
		struct vx_buf out = { .max = 10000 };
		struct vx_tls_report back;

		vxt_assert_ok(vx_tls_report_write(&r, &out));
		vxt_assert_ok(parse(vx_buf_slice(&out), &back, NULL));
		ck_assert_int_eq((int)back.policies->details->type, i);
		ck_assert_int_eq((int)back.policies->type, i % 3);
		ck_assert_uint_eq(back.defects, 0);
		vx_buf_done(&out);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(no_memory)
{
	struct vx_buf file = vxt_read("mailauth/reports/rfc8460.json");
	bool failed = true;

	for (size_t n = 1; failed; n++) {
		struct vx_tls_report r = { .defects = 77 };
		int rc;

		ck_assert_uint_lt(n, 1000);
		vx_mem_fail_at(n);
		rc = vx_tls_report_parse(vx_buf_slice(&file), &arena, &r, NULL);
		failed = vx_mem_failed() != 0;
		vx_mem_fail_at(0);
		ck_assert_int_eq(rc, failed ? VX_ELIMIT : VX_OK);
		ck_assert_uint_eq(r.defects, failed ? 77 : 0);
		vx_arena_done(&arena);
	}
	vx_buf_done(&file);
}
END_TEST

VXT_SUITE(test_report_tls, "tls reports", the_example_is_read, reports_of_others,
    what_is_not_as_it_should_be, what_is_no_report, times, json_that_is_none,
    strings_are_decoded, reading_has_limits, a_report_is_written, types_of_failures,
    no_memory)
