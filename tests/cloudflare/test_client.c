#include "cloudflare/script.h"

#include <stdio.h>
#include <stdlib.h>

#define MAY_WRITE "POST /zones/" ZONE_ID "/dns_records {}"
#define VERIFY "GET /user/tokens/verify"
#define VERIFIED                                                                         \
	SUCCESS("{\"id\":\"t\",\"status\":\"active\",\"expires_on\":\"2027-01-01T00:00:" \
		"00Z\"}")
#define FOUND_WRONG                                                                      \
	{                                                                                \
		MAY_WRITE, 400, ERROR(9000, "DNS name is invalid."), NULL                \
	}

START_TEST(tokens_must_fit_a_header)
{
	static const char *const bad[] = { "", " x", "a b", "a\n", "\"\t\"",
		"caf\xc3\xa9" };
	char large[VX_CF_TOKEN_MAX + 1];
	struct vx_cf_options o = { .struct_size = sizeof(o) };
	struct vx_cf *cf = NULL;

	memset(large, 'a', sizeof(large));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		o.token = vx_slice_str(bad[i]);
		ck_assert_int_eq(vx_cf_new(&o, &cf), VX_EINVAL);
	}
	o.token = vx_slice_of(large, sizeof(large));
	ck_assert_int_eq(vx_cf_new(&o, &cf), VX_EINVAL);
	o.token = vx_slice_of(large, VX_CF_TOKEN_MAX);
	vxt_assert_ok(vx_cf_new(&o, &cf));
	vx_cf_free(cf);
	vx_cf_free(NULL);
}
END_TEST

START_TEST(tokens_are_checked)
{
	static const struct script_line good[] = { { VERIFY, 200, VERIFIED, NULL }, FIND,
		FOUND_WRONG };
	static const struct script_line of_account[] = {
		{ VERIFY, 401, ERROR(1000, "Invalid API Token"), NULL }, FIND,
		{ "GET /accounts/" ACCOUNT_ID "/tokens/verify", 200, VERIFIED, NULL },
		FOUND_WRONG
	};
	static const struct script_line unknown[] = {
		{ VERIFY, 401, ERROR(1000, "Invalid API Token"), NULL }, FIND,
		{ "GET /accounts/" ACCOUNT_ID "/tokens/verify", 403,
		    ERROR(10000, "Authentication error"), NULL },
		FOUND_WRONG
	};
	static const struct script_line invalid[] = {
		{ VERIFY, 401, ERROR(1000, "Invalid API Token"), NULL },
		{ "GET /zones?name=example.net&per_page=50", 403,
		    ERROR(9109, "Invalid access token"), NULL }
	};
	static const struct script_line malformed[] = { { VERIFY, 400,
	    "{\"success\":false,\"errors\":[{\"code\":6003,\"message\":\"Invalid request "
	    "headers\",\"error_chain\":[{\"code\":6111,\"message\":\"Invalid "
	    "format\"}]}]}",
	    NULL } };
	static const struct script_line expired[] = { { VERIFY, 200,
	    SUCCESS("{\"id\":\"t\",\"status\":\"expired\"}"), NULL } };
	static const struct script_line no_zone[] = { { VERIFY, 200, VERIFIED, NULL },
		{ "GET /zones?name=example.net&per_page=50", 200, NO_ZONE, NULL } };
	static const struct script_line may_not[] = { { VERIFY, 200, VERIFIED, NULL },
		FIND, { MAY_WRITE, 403, ERROR(10000, "Authentication error"), NULL } };
	static const struct {
		const struct script_line *lines;
		size_t count;
		enum vx_cf_outcome outcome;
		int64_t end;
	} rows[] = {
		{ good, 3, VX_CF_GOOD, 1798761600 },
		{ of_account, 4, VX_CF_GOOD, 1798761600 },
		{ unknown, 4, VX_CF_GOOD, 0 },
		{ invalid, 2, VX_CF_TOKEN, 0 },
		{ malformed, 1, VX_CF_TOKEN, 0 },
		{ expired, 1, VX_CF_TOKEN, 0 },
		{ no_zone, 2, VX_CF_NO_ZONE, 1798761600 },
		{ may_not, 3, VX_CF_FORBIDDEN, 1798761600 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_cf *cf = script_client();

		vxt_assert_ok(vx_cf_check(cf, "example.net"));
		(void)script_run(cf, rows[i].lines, rows[i].count);
		script_outcome(cf, rows[i].outcome);
		ck_assert_int_eq(vx_cf_token_end(cf), rows[i].end);
		vx_cf_free(cf);
	}
}
END_TEST

START_TEST(zones_are_found_from_the_left)
{
	static const struct script_line lines[] = {
		{ "GET /zones?name=a.sub.example.net&per_page=50", 200, NO_ZONE, NULL },
		/* what was not asked for is not taken */
		{ "GET /zones?name=sub.example.net&per_page=50", 200, ZONE, NULL }, FIND,
		LIST("")
	};
	static const struct script_line again[] = { LIST("") };
	struct vx_cf *cf = script_client();
	const struct vx_cf_zone *z;

	vxt_assert_ok(vx_cf_load(cf, "_dmarc.A.Sub.Example.net."));
	(void)SCRIPT_RUN(cf, lines);
	script_outcome(cf, VX_CF_GOOD);
	z = vx_cf_zone(cf);
	ck_assert_str_eq(z->id, ZONE_ID);
	ck_assert_str_eq(z->account, ACCOUNT_ID);
	ck_assert_str_eq(z->status, "active");
	ck_assert_str_eq(z->type, "full");
	ck_assert_uint_eq(z->name_server_count, 2);
	ck_assert_str_eq(z->name_servers[1], "bob.ns.cloudflare.com");
	vxt_assert_ok(vx_cf_load(cf, "other.example.net"));
	(void)SCRIPT_RUN(cf, again);
	script_outcome(cf, VX_CF_GOOD);
	vx_cf_free(cf);
}
END_TEST

START_TEST(ids_of_zones_are_checked)
{
	static const char *const bad[] = { "", "../../user", "a b", "x?y",
		"0123456789abcdef0123456789abcdef0" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vx_cf *cf = script_client();
		char body[200];
		const struct script_line lines[] = {
			{ "GET /zones?name=example.net&per_page=50", 200, body, NULL }
		};

		(void)snprintf(body, sizeof(body),
		    "{\"success\":true,\"result\":[{\"id\":\"%s\",\"name\":\"example."
		    "net\"}]}",
		    bad[i]);
		vxt_assert_ok(vx_cf_load(cf, "example.net"));
		(void)SCRIPT_RUN(cf, lines);
		script_outcome(cf, VX_CF_NO_ZONE);
		vx_cf_free(cf);
	}
}
END_TEST

#define A(n)                                                                             \
	"{\"id\":\"r" #n "\",\"type\":\"A\",\"name\":\"h" #n                             \
	".example.net\",\"content\":\"192.0.2." #n "\"}"
#define PAGE(n, items, pages)                                                            \
	{                                                                                \
		"GET /zones/" ZONE_ID "/dns_records?per_page=2&page=" #n, 200,           \
		    "{\"success\":true,\"result\":[" items "]" pages "}", NULL           \
	}
#define PAGES ",\"result_info\":{\"page\":1,\"per_page\":2,\"total_pages\":3}"

START_TEST(lists_have_pages)
{
	static const struct script_line told[] = { FIND, PAGE(1, A(1) "," A(2), PAGES),
		/* r2 has moved to this page meanwhile */
		PAGE(2, A(2) "," A(3), PAGES), PAGE(3, A(4), PAGES) };
	static const struct script_line untold[] = { FIND, PAGE(1, A(1) "," A(2), ""),
		PAGE(2, A(3) "," A(4), ""), PAGE(3, "", "") };
	static const struct {
		const struct script_line *lines;
	} rows[] = { { told }, { untold } };
	const struct vx_cf_options o = { .struct_size = sizeof(o),
		.token = VX_S("cfut_secret"),
		.base = "https://api.test/v4",
		.per_page = 2 };

	for (size_t i = 0; i < 2; i++) {
		struct vx_cf *cf;

		vxt_assert_ok(vx_cf_new(&o, &cf));
		vxt_assert_ok(vx_cf_load(cf, "example.net"));
		(void)script_run(cf, rows[i].lines, 4);
		script_outcome(cf, VX_CF_GOOD);
		ck_assert_uint_eq(vx_cf_records(cf)->count, 4);
		ck_assert_str_eq(vx_cf_records(cf)->records[3].content, "192.0.2.4");
		vx_cf_free(cf);
	}
}
END_TEST

START_TEST(lists_have_an_end)
{
	const struct vx_cf_options o = { .struct_size = sizeof(o),
		.token = VX_S("x"),
		.base = "https://api.test/v4",
		.per_page = 1 };
	struct vx_cf_request r;
	struct vx_cf_answer a = { .status = 200, .body = vx_slice_str(ZONE) };
	uint64_t now = 0, at = 0;
	unsigned asked = 0;
	struct vx_cf *cf;
	int rc;

	/* a server that always has one more */
	vxt_assert_ok(vx_cf_new(&o, &cf));
	vxt_assert_ok(vx_cf_load(cf, "example.net"));
	while ((rc = vx_cf_next(cf, now, &r, &at)) != VX_DONE) {
		char body[200];

		if (rc == VX_WAIT) {
			now = at;
			continue;
		}
		if (asked++ > 0) {
			(void)snprintf(body, sizeof(body),
			    "{\"success\":true,\"result\":[{\"id\":\"r%u\",\"type\":"
			    "\"A\","
			    "\"name\":\"x.net\",\"content\":\"192.0.2.1\"}]}",
			    asked);
			a.body = vx_slice_str(body);
		}
		vxt_assert_ok(vx_cf_answer(cf, now, &a));
	}
	script_outcome(cf, VX_CF_TOO_MUCH);
	ck_assert_uint_eq(asked, 1 + VX_CF_PAGES_MAX);
	/* a burst, then one request each */
	ck_assert_uint_eq(
	    now, (uint64_t)VX_CF_MS_EACH * (1 + VX_CF_PAGES_MAX - VX_CF_AT_ONCE));
	ck_assert_int_eq(vx_cf_answer(cf, now, &a), VX_ESTATE);
	vx_cf_free(cf);
}
END_TEST

START_TEST(zones_are_exported)
{
	static const struct script_line lines[] = { FIND,
		{ "GET /zones/" ZONE_ID "/dns_records/export", 200,
		    ";; Domain: example.net.\nexample.net. 1 IN A 192.0.2.1\n", NULL } };
	static const struct script_line refused[] = { { "GET /zones/" ZONE_ID
							"/dns_records/export",
	    403, ERROR(10000, "Authentication error"), NULL } };
	struct vx_cf *cf = script_client();

	vxt_assert_ok(vx_cf_export(cf, "example.net"));
	(void)SCRIPT_RUN(cf, lines);
	script_outcome(cf, VX_CF_GOOD);
	vxt_assert_str(vx_cf_exported(cf),
	    ";; Domain: example.net.\nexample.net. 1 IN A 192.0.2.1\n");
	vxt_assert_ok(vx_cf_export(cf, "example.net"));
	(void)SCRIPT_RUN(cf, refused);
	script_outcome(cf, VX_CF_FORBIDDEN);
	ck_assert_uint_eq(vx_cf_exported(cf).len, 0);
	vx_cf_free(cf);
}
END_TEST

#define ROUTING "GET /zones/" ZONE_ID "/email/routing"
#define DNSSEC "GET /zones/" ZONE_ID "/dnssec"
#define SETTINGS "GET /zones/" ZONE_ID "/dns_settings"

START_TEST(what_the_zone_does_besides)
{
	static const struct script_line known[] = { FIND,
		{ ROUTING, 200, SUCCESS("{\"enabled\":true,\"status\":\"ready\"}"),
		    NULL },
		{ DNSSEC, 200, SUCCESS("{\"status\":\"active\"}"), NULL },
		{ SETTINGS, 200, SUCCESS("{\"flatten_all_cnames\":true}"), NULL } };
	static const struct script_line unknown[] = {
		{ ROUTING, 403, ERROR(10000, "Authentication error"), NULL },
		{ DNSSEC, 404, ERROR(7003, "no"), NULL },
		FIND, /* the zone is looked up again, once */
		{ ROUTING, 403, ERROR(10000, "Authentication error"), NULL },
		{ DNSSEC, 404, ERROR(7003, "no"), NULL },
		{ SETTINGS, 400, ERROR(1, "no"), NULL },
	};
	struct vx_cf *cf = script_client();
	const struct vx_cf_state *s;

	vxt_assert_ok(vx_cf_ask_state(cf, "example.net"));
	(void)SCRIPT_RUN(cf, known);
	script_outcome(cf, VX_CF_GOOD);
	s = vx_cf_state(cf);
	ck_assert_int_eq(s->routing, VX_CF_ROUTING_ON);
	ck_assert_str_eq(s->routing_status, "ready");
	ck_assert_str_eq(s->dnssec, "active");
	ck_assert(s->flatten_known && s->flatten_all);
	vxt_assert_ok(vx_cf_ask_state(cf, "example.net"));
	(void)SCRIPT_RUN(cf, unknown);
	script_outcome(cf, VX_CF_GOOD);
	s = vx_cf_state(cf);
	ck_assert_int_eq(s->routing, VX_CF_ROUTING_UNKNOWN);
	ck_assert_str_eq(s->dnssec, "");
	ck_assert(!s->flatten_known);
	vx_cf_free(cf);
}
END_TEST

START_TEST(tasks_can_be_given_up)
{
	struct vx_cf *cf = script_client();
	struct vx_cf_request r;
	uint64_t at = 0;

	vx_cf_stop(cf, "nothing is under way");
	script_outcome(cf, VX_CF_GOOD);
	vxt_assert_ok(vx_cf_load(cf, "example.net"));
	ck_assert_int_eq(vx_cf_next(cf, 0, &r, &at), VX_DATA);
	vx_cf_stop(cf, "it took too long");
	ck_assert_int_eq(vx_cf_next(cf, 0, &r, &at), VX_DONE);
	script_outcome(cf, VX_CF_UNREACHABLE);
	vx_cf_free(cf);
}
END_TEST

VXT_SUITE(test_client, "client", tokens_must_fit_a_header, tokens_are_checked,
    zones_are_found_from_the_left, ids_of_zones_are_checked, lists_have_pages,
    lists_have_an_end, zones_are_exported, what_the_zone_does_besides,
    tasks_can_be_given_up)
