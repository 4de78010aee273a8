#include "cloudflare/script.h"

#include <stdio.h>

/* The table of what is known, each as the answer to a list. */
START_TEST(the_whole_table)
{
	static const struct {
		int status;
		const char *body;
		enum vx_cf_outcome outcome;
		const char *says;
	} rows[] = {
		{ 400, ERROR(9106, "Missing X-Auth-Key"), VX_CF_TOKEN, "no token" },
		{ 400,
		    "{\"success\":false,\"errors\":[{\"code\":6003,\"message\":\"Invalid "
		    "request "
		    "headers\",\"error_chain\":[{\"code\":6111,\"message\":\"Invalid "
		    "format for Authorization header\"}]}],\"result\":null}",
		    VX_CF_TOKEN, "malformed: copy it again" },
		{ 400,
		    "{\"success\":false,\"errors\":[{\"code\":6003,\"message\":\"Invalid "
		    "request "
		    "headers\",\"error_chain\":[{\"code\":6103,\"message\":\"Invalid "
		    "format for X-Auth-Key header\"}]}],\"result\":null}",
		    VX_CF_TOKEN, "global API key" },
		{ 401, ERROR(1000, "Invalid API Token"), VX_CF_TOKEN,
		    "rolled or deleted" },
		{ 403, ERROR(10000, "Authentication error"), VX_CF_FORBIDDEN,
		    "Zone > DNS > Edit" },
		{ 403, ERROR(9109, "Unauthorized to access requested resource"),
		    VX_CF_FORBIDDEN, "Zone > DNS > Edit" },
		{ 401, ERROR(9109, "Invalid access token"), VX_CF_FORBIDDEN,
		    "Zone > DNS > Edit" },
		{ 404, ERROR(7003, "Could not route to /zones/x"), VX_CF_NO_ZONE,
		    "no such zone" },
		{ 400, ERROR(81053, "exists"), VX_CF_CLASH, "in the way" },
		{ 400, ERROR(81054, "exists"), VX_CF_CLASH, "in the way" },
		{ 400, ERROR(9005, "Content for A record must be valid"), VX_CF_INVALID,
		    "Content for A record" },
		{ 400, ERROR(9015, "too long"), VX_CF_INVALID, "too long" },
		{ 400, ERROR(83011, "too large"), VX_CF_INVALID, "all TXT records" },
		{ 400, ERROR(424242, "Something new"), VX_CF_INVALID,
		    "Something new (424242)" },
		{ 400, ERROR(1045, "The record is managed by Email Routing"), VX_CF_CLASH,
		    "managed by Email" },
		{ 401, ERROR(424242, "x"), VX_CF_TOKEN, "x (424242)" },
		{ 409, ERROR(424242, "x"), VX_CF_CLASH, "x (424242)" },
		/* it is success that counts, not the status */
		{ 200, ERROR(9007, "no"), VX_CF_INVALID, "no (9007)" },
		{ 400, "{\"success\":false}", VX_CF_INVALID, "without a word" },
		{ 400, "{\"success\":false,\"errors\":[17,{\"code\":\"x\"},null]}",
		    VX_CF_INVALID, "(0)" },
		{ 418, "{}", VX_CF_INVALID, "without a word" },
		/* a stranger's text is not for a terminal */
		{ 400, ERROR(1, "a\\u001b[31m\\u00e9"), VX_CF_INVALID, "a?[31m??" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct script_line lines[] = { FIND,
			{ RECORDS, rows[i].status, rows[i].body, NULL } };
		struct vx_cf *cf = script_client();

		vxt_assert_ok(vx_cf_load(cf, "example.net"));
		(void)SCRIPT_RUN(cf, lines);
		script_outcome(cf, rows[i].outcome);
		ck_assert_msg(strstr(vx_cf_result(cf)->text, rows[i].says) != NULL,
		    "row %zu: %s", i, vx_cf_result(cf)->text);
		ck_assert_int_eq(vx_cf_result(cf)->status, rows[i].status);
		vx_cf_free(cf);
	}
}
END_TEST

/* What may be different in a moment is asked again, and not for ever. */
START_TEST(what_passes_is_repeated)
{
	static const struct {
		int status;
		const char *body;
		enum vx_cf_outcome outcome;
	} rows[] = {
		{ 0, "", VX_CF_UNREACHABLE },
		{ 502, "<html><h1>502 Bad Gateway</h1></html>", VX_CF_UNREACHABLE },
		{ 500, ERROR(1001, "internal"), VX_CF_UNREACHABLE },
		{ 200, "{\"success\":true,\"result\":[{\"id\":\"r", VX_CF_STRANGE },
		{ 200, "", VX_CF_STRANGE },
		{ 200, "[]", VX_CF_STRANGE },
		{ 200, "{\"success\":true,\"success\":true,\"result\":[]}",
		    VX_CF_STRANGE },
		{ 200, "{\"success\":true,\"result\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
		    VX_CF_STRANGE },
		{ 403, "<html>blocked</html>", VX_CF_STRANGE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct script_line lines[1 + VX_CF_TRIES_MAX] = { FIND };
		struct vx_cf *cf = script_client();

		for (size_t k = 1; k <= VX_CF_TRIES_MAX; k++)
			lines[k] = (struct script_line){ RECORDS, rows[i].status,
				rows[i].body, NULL };
		vxt_assert_ok(vx_cf_load(cf, "example.net"));
		/* 1 + 2 + 4 + 8 seconds */
		ck_assert_uint_eq(SCRIPT_RUN(cf, lines), 15000);
		script_outcome(cf, rows[i].outcome);
		/* the third time it works */
		lines[2].status = lines[3].status = 200;
		lines[2].body = ZONE;
		lines[3].body = SUCCESS("[]");
		vx_cf_free(cf);
		cf = script_client();
		lines[2] =
		    (struct script_line){ RECORDS, rows[i].status, rows[i].body, NULL };
		vxt_assert_ok(vx_cf_load(cf, "example.net"));
		ck_assert_uint_eq(script_run(cf, lines, 4), 3000);
		script_outcome(cf, VX_CF_GOOD);
		vx_cf_free(cf);
	}
}
END_TEST

START_TEST(limits_are_waited_for)
{
	static const struct {
		const char *body, *retry_after;
		uint64_t ms;
	} rows[] = {
		{ ERROR(10100, "please wait and consider throttling"), "17", 17000 },
		{ ERROR(971, "please wait"), NULL, VX_CF_PAUSE_MS },
		{ "<html>429</html>", " 30 ", 30000 },
		{ "", "Sat, 28 Nov 2026 18:00:00 GMT", VX_CF_PAUSE_MS },
		{ "", "0", 1000 },
		{ ERROR(424242, "x"), "900", 900000 },
	};
	static const struct script_line too_long[] = { FIND,
		{ RECORDS, 429, ERROR(10100, "wait"), "901" } };
	struct vx_cf *cf;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct script_line lines[] = { FIND,
			{ RECORDS, 429, rows[i].body, rows[i].retry_after }, LIST("") };

		cf = script_client();
		vxt_assert_ok(vx_cf_load(cf, "example.net"));
		ck_assert_uint_eq(SCRIPT_RUN(cf, lines), rows[i].ms);
		script_outcome(cf, VX_CF_GOOD);
		vx_cf_free(cf);
	}
	cf = script_client();
	vxt_assert_ok(vx_cf_load(cf, "example.net"));
	ck_assert_uint_eq(SCRIPT_RUN(cf, too_long), 0);
	script_outcome(cf, VX_CF_LIMITED);
	ck_assert_uint_eq(vx_cf_result(cf)->wait_ms, 901000);
	vx_cf_free(cf);
}
END_TEST

VXT_SUITE(
    test_error, "error", the_whole_table, what_passes_is_repeated, limits_are_waited_for)
