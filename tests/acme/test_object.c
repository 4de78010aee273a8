/* What authorities say, piece by piece, and times as they write them. */
#include "acme/acme_int.h"
#include "lib/vxt.h"

#include <stdio.h>

START_TEST(retry_after)
{
	static const struct {
		const char *field;
		int64_t want;
	} cases[] = { { "", 77 }, { "120", 120 }, { " 120 ", 120 }, { "0", 1 },
		{ "86401", 86400 }, { "99999999999999999999", 77 }, { "-5", 77 },
		{ "1.5", 77 }, { "Sat, 28 Nov 2026 18:10:00 GMT", 600 },
		{ "Sat, 28 Nov 2026 17:00:00 GMT", 1 },
		{ "Mon, 28 Nov 2033 17:00:00 GMT", 86400 }, { "soon", 77 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(vx_acme_retry_after(vx_slice_str(cases[i].field),
				  1795888800, 77) == cases[i].want,
		    "%s", cases[i].field);
}
END_TEST

START_TEST(retry_text)
{
	ck_assert_int_eq(vx_acme_retry_text("too many certificates (5) already issued, "
					    "retry after 2026-11-28 18:10:00 UTC: see"),
	    1795889400);
	ck_assert_int_eq(
	    vx_acme_retry_text("retry after 2026-11-28T18:10:00Z"), 1795889400);
	ck_assert_int_eq(vx_acme_retry_text("retry after a while"), 0);
	ck_assert_int_eq(vx_acme_retry_text("retry after 2026-13-28 18:10:00"), 0);
	ck_assert_int_eq(vx_acme_retry_text("retry after 2026-11-2"), 0);
	ck_assert_int_eq(vx_acme_retry_text(""), 0);
}
END_TEST

START_TEST(times)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: none */
	} cases[] = { { "2026-11-28T18:00:00Z", 1795888800 },
		{ "2026-11-28t18:00:00z", 1795888800 },
		{ "2026-11-28T18:00:00.123456Z", 1795888800 },
		{ "2026-11-28T19:30:00+01:30", 1795888800 },
		{ "2026-11-28T17:00:00-01:00", 1795888800 },
		{ "2026-11-28T18:00:00", -1 }, { "2026-11-28 18:00:00Z", -1 },
		{ "2026-11-28T18:00:00.Z", -1 }, { "2026-11-28T18:00:00+24:00", -1 },
		{ "2026-11-28T18:00:00Zx", -1 }, { "2026-02-30T18:00:00Z", -2 },
		{ "2026-00-28T18:00:00Z", -1 }, { "2026-11-28T24:00:00Z", -1 },
		{ "1969-11-28T18:00:00Z", -1 }, { "", -1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t t = -1;
		const int rc = vx_acme_time(vx_slice_str(cases[i].text), &t);

		ck_assert_msg(
		    (rc == VX_OK) == (cases[i].want != -1) || cases[i].want == -2, "%s",
		    cases[i].text);
		ck_assert_msg(
		    cases[i].want == -2 || t == cases[i].want, "%s", cases[i].text);
	}
}
END_TEST

START_TEST(names)
{
	static const struct {
		const char *name;
		bool good;
	} cases[] = { { "mail.example.com", true }, { "*.example.com", true },
		{ "192.0.2.1", true }, { "2001:db8::1", true },
		{ "xn--bcher-kva.example", true }, { "example.com.", false },
		{ "example.com\n", false }, { "", false }, { "mail", false },
		{ "*", false }, { "*.com*", false }, { "a..b", false },
		{ "-a.example", false }, { "a-.example", false },
		{ "Mail.example", false }, { "a b.example", false },
		{ "*.*.example.com", false },
		{ "b\xc3\xbc"
		  "cher.example",
		    false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(
		    vx_acme_is_name(cases[i].name) == cases[i].good, "%s", cases[i].name);
}
END_TEST

START_TEST(urls)
{
	char longest[VX_ACME_URL_MAX + 2];

	ck_assert(vx_acme_is_url(VX_S("https://ca.example/x?y=1")));
	ck_assert(!vx_acme_is_url(VX_S("http://ca.example/x")));
	ck_assert(!vx_acme_is_url(VX_S("https://")));
	ck_assert(!vx_acme_is_url(VX_S("https://a/\"")));
	ck_assert(!vx_acme_is_url(VX_S("https://a/\\")));
	ck_assert(!vx_acme_is_url(VX_S("https://a b")));
	ck_assert(!vx_acme_is_url(VX_S("https://a/\n")));
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "https://", 8);
	ck_assert(vx_acme_is_url(vx_slice_of(longest, VX_ACME_URL_MAX)));
	ck_assert(!vx_acme_is_url(vx_slice_of(longest, VX_ACME_URL_MAX + 1)));
}
END_TEST

START_TEST(json_has_limits)
{
	static const char *const bad[] = { "", "nothing", "{\"a\":1,\"a\":2}",
		"{\"a\":1}x", "{\"a\":\"\\u0000\"}",
		"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "{\"a\":\"\xff\"}" };
	json_t *o;
	struct vx_buf large = { .max = 1 << 20 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o = vx_acme_json(vx_slice_str(bad[i]), VX_ACME_JSON_MAX);
		ck_assert_msg(o == NULL, "%s", bad[i]);
	}
	/* sixteen are as deep as it may be; brackets in text count nothing */
	o = vx_acme_json(
	    VX_S("[[[[[[[[[[[[[[[\"[[[[\\\"[[[\"]]]]]]]]]]]]]]]"), VX_ACME_JSON_MAX);
	ck_assert_ptr_nonnull(o);
	json_decref(o);
	vx_buf_add_str(&large, "\"");
	while (large.len < VX_ACME_JSON_MAX - 1)
		vx_buf_add_char(&large, 'x');
	vx_buf_add_str(&large, "\"");
	o = vx_acme_json(VX_S("1"), VX_ACME_JSON_MAX);
	json_decref(o);
	ck_assert_uint_eq(large.len, VX_ACME_JSON_MAX);
	vx_buf_add_str(&large, " ");
	ck_assert_ptr_null(vx_acme_json(vx_buf_slice(&large), VX_ACME_JSON_MAX));
	vx_buf_done(&large);
}
END_TEST

START_TEST(orders)
{
	static const char *const bad[] = { "[]", "{\"status\":\"pending\"}",
		"{\"status\":\"odd\",\"finalize\":\"https://a/f\"}",
		"{\"status\":\"valid\",\"finalize\":\"https://a/f\"}",
		"{\"status\":\"pending\",\"finalize\":\"http://a/f\"}",
		"{\"status\":\"pending\",\"finalize\":\"https://a/f\","
		"\"authorizations\":[\"x\"]}" };
	struct vx_acme_order o;
	struct vx_buf many = { .max = 1 << 16 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(vx_acme_read_order(vx_slice_str(bad[i]), &o) == VX_EPROTO,
		    "%s", bad[i]);
	vxt_assert_ok(vx_acme_read_order(
	    VX_S("{\"status\":\"invalid\",\"finalize\":\"https://a/f\","
		 "\"authorizations\":[\"https://a/1\"],\"error\":{"
		 "\"type\":\"urn:ietf:params:acme:error:caa\","
		 "\"detail\":\"no\"}}"),
	    &o));
	ck_assert_int_eq(o.status, VX_ACME_INVALID);
	ck_assert_int_eq(o.problem.what, VX_ACME_P_CAA);
	ck_assert_str_eq(o.problem.text, "caa: no");
	ck_assert_str_eq(o.authorizations[0], "https://a/1");
	vx_buf_add_str(&many, "{\"status\":\"pending\",\"finalize\":\"https://a/f\","
			      "\"authorizations\":[\"https://a/0\"");
	for (int i = 0; i < VX_ACME_NAMES_MAX; i++)
		vx_buf_add_str(&many, ",\"https://a/1\"");
	vx_buf_add_str(&many, "]}");
	ck_assert_int_eq(vx_acme_read_order(vx_buf_slice(&many), &o), VX_EPROTO);
	vx_buf_done(&many);
}
END_TEST

START_TEST(authorizations)
{
	struct vx_acme_authz z;

	vxt_assert_ok(vx_acme_read_authz(
	    VX_S("{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":"
		 "\"a.example\"},\"wildcard\":true,\"challenges\":["
		 "{\"type\":\"http-01\",\"status\":\"pending\",\"url\":\"https://a/1\","
		 "\"token\":\"../../etc\"},"
		 "{\"type\":\"odd-01\",\"status\":\"pending\",\"url\":\"https://a/1\","
		 "\"token\":\"x\"},"
		 "{\"type\":\"dns-01\",\"status\":\"pending\",\"url\":\"https://a/2\","
		 "\"token\":\"abc_-1\"}]}"),
	    &z));
	/* a token that could leave its folder is none */
	ck_assert_uint_eq(z.count, 1);
	ck_assert_uint_eq(z.offers[0].type, VX_ACME_DNS_01);
	ck_assert(z.wildcard);
	ck_assert_int_eq(
	    vx_acme_read_authz(
		VX_S("{\"status\":\"pending\",\"identifier\":{\"value\":\"a b\"}}"), &z),
	    VX_EPROTO);
	ck_assert_int_eq(
	    vx_acme_read_authz(VX_S("{\"status\":\"pending\"}"), &z), VX_EPROTO);
}
END_TEST

START_TEST(problems)
{
	struct vx_acme_problem p;

	vx_acme_read_problem(502, VX_S("<html>"), &p);
	ck_assert_int_eq(p.what, VX_ACME_P_TRANSPORT);
	ck_assert_ptr_nonnull(strstr(p.text, "502"));
	vx_acme_read_problem(503, VX_S(""), &p);
	ck_assert_int_eq(p.what, VX_ACME_P_LIMITED);
	ck_assert(p.overload);
	vx_acme_read_problem(400,
	    VX_S("{\"type\":\"urn:ietf:params:acme:error:new\",\"detail\":\"x\"}"), &p);
	ck_assert_int_eq(p.what, VX_ACME_P_SERVER);
	vx_acme_read_problem(429,
	    VX_S("{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":"
		 "\"visit https://a/sfe/v1/unpause?jwt=x\"}"),
	    &p);
	ck_assert(p.paused && !p.overload);
}
END_TEST

START_TEST(options)
{
	static const char *const good_names[] = { "a.example.com" };
	static const char *const bad_names[] = { "a.example.com\n" };
	static const char *const twice[] = { "a.example.com", "a.example.com" };
	const struct vx_acme_authority ca = { .id = "x", .directory = "https://x/d" };
	const struct vx_acme_authority clear = { .id = "x", .directory = "http://x/d" };
	const struct vx_acme_authority half = {
		.id = "x", .directory = "https://x/d", .eab_kid = "k"
	};
	const struct {
		const struct vx_acme_authority *ca;
		struct vx_acme_wanted cert;
		int want;
	} cases[] = {
		{ &ca, { .id = "m", .names = good_names, .count = 1 }, VX_OK },
		{ &clear, { .id = "m", .names = good_names, .count = 1 }, VX_EINVAL },
		{ &half, { .id = "m", .names = good_names, .count = 1 }, VX_EINVAL },
		{ &ca, { .id = "m", .names = bad_names, .count = 1 }, VX_EINVAL },
		{ &ca, { .id = "m", .names = twice, .count = 2 }, VX_EINVAL },
		{ &ca, { .id = "m/n", .names = good_names, .count = 1 }, VX_EINVAL },
		{ &ca, { .id = "m", .names = good_names, .count = 0 }, VX_EINVAL },
		{ &ca, { .id = "m", .names = good_names, .count = 26 }, VX_EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vx_acme_options o = { .struct_size = sizeof(o),
			.authorities = cases[i].ca,
			.authority_count = 1,
			.certs = &cases[i].cert,
			.cert_count = 1 };
		struct vx_acme *a = NULL;
		struct vx_error err;
		const int rc = vx_acme_new(&o, VX_S(""), &a, &err);

		ck_assert_msg(rc == cases[i].want, "case %zu", i);
		ck_assert((rc == VX_OK) == (a != NULL));
		vx_acme_free(a);
	}
}
END_TEST

START_TEST(damaged_state)
{
	static const char *const name[] = { "a.example.com" };
	static const char *const states[] = { "x", "{}", "{\"version\":2}",
		"{\"version\":1,\"certs\":[{\"id\":\"m\",\"kind\":\"ecdsa\",\"key\":"
		"\"x\"}]}" };
	const struct vx_acme_authority ca = { .id = "x", .directory = "https://x/d" };
	const struct vx_acme_wanted cert = { .id = "m", .names = name, .count = 1 };
	const struct vx_acme_options o = { .struct_size = sizeof(o),
		.authorities = &ca,
		.authority_count = 1,
		.certs = &cert,
		.cert_count = 1 };
	struct vx_acme *a = NULL;
	struct vx_error err;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		ck_assert_int_eq(
		    vx_acme_new(&o, vx_slice_str(states[i]), &a, &err), VX_ESYNTAX);
	/* what is not there is as at the beginning */
	vxt_assert_ok(vx_acme_new(&o, VX_S("{\"version\":1}"), &a, &err));
	vx_acme_free(a);
}
END_TEST

VXT_SUITE(test_object, "object", retry_after, retry_text, times, names, urls,
    json_has_limits, orders, authorizations, problems, options, damaged_state)
