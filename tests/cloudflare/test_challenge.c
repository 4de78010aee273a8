#include "cloudflare/script.h"

#define NAME "_acme-challenge.mail.example.net"
#define ADD                                                                              \
	"POST /zones/" ZONE_ID "/dns_records {\"type\":\"TXT\",\"name\":\"" NAME         \
	"\",\"ttl\":60,\"comment\":\"vectis:acme\",\"content\":\"\\\"token-1_X\\\"\"}"
#define FILTER "GET /zones/" ZONE_ID "/dns_records?type=TXT&per_page=100&name=" NAME
#define NOT_MAIL                                                                         \
	{                                                                                \
		"GET /zones?name=mail.example.net&per_page=50", 200, NO_ZONE, NULL       \
	}

START_TEST(set_and_removed)
{
	static const struct script_line set[] = { NOT_MAIL, FIND,
		{ ADD, 200, SUCCESS("{\"id\":\"r1\"}"), NULL } };
	static const struct script_line again[] = { { ADD, 400,
	    ERROR(81058, "An identical record already exists."), NULL } };
	/* others' values at the same name stay, and what no filter should have let
	 * through */
	static const struct script_line removed[] = {
		{ FILTER, 200,
		    SUCCESS(
			"[{\"id\":\"r1\",\"type\":\"TXT\",\"name\":\"" NAME
			"\",\"content\":\"\\\"token-1_X\\\"\"},"
			"{\"id\":\"r2\",\"type\":\"TXT\",\"name\":\"" NAME
			"\",\"content\":\"\\\"another\\\"\"},"
			"{\"id\":\"r3\",\"type\":\"TXT\",\"name\":\"" NAME
			"\",\"content\":\"token-1_X\"},"
			"{\"id\":\"r4\",\"type\":\"TXT\",\"name\":\"other.example.net\","
			"\"content\":\"token-1_X\"},"
			"{\"id\":\"../../x\",\"type\":\"TXT\",\"name\":\"" NAME
			"\",\"content\":\"token-1_X\"}]"),
		    NULL },
		{ "DELETE /zones/" ZONE_ID "/dns_records/r3", 404,
		    ERROR(81044, "Record does not exist."), NULL },
		{ "DELETE /zones/" ZONE_ID "/dns_records/r1", 200,
		    SUCCESS("{\"id\":\"r1\"}"), NULL },
	};
	static const struct script_line gone[] = { { FILTER, 200, SUCCESS("[]"), NULL } };
	struct vx_cf *cf = script_client();

	vxt_assert_ok(vx_cf_txt_set(cf, NAME, VX_S("token-1_X")));
	ck_assert_int_eq(vx_cf_txt_set(cf, NAME, VX_S("token-1_X")), VX_ESTATE);
	(void)SCRIPT_RUN(cf, set);
	script_outcome(cf, VX_CF_GOOD);
	ck_assert_str_eq(vx_cf_zone(cf)->name, "example.net");
	/* the zone is known by now */
	vxt_assert_ok(vx_cf_txt_set(cf, NAME, VX_S("token-1_X")));
	(void)SCRIPT_RUN(cf, again);
	script_outcome(cf, VX_CF_GOOD);
	vxt_assert_ok(vx_cf_txt_remove(cf, NAME, VX_S("token-1_X")));
	(void)SCRIPT_RUN(cf, removed);
	script_outcome(cf, VX_CF_GOOD);
	vxt_assert_ok(vx_cf_txt_remove(cf, NAME, VX_S("token-1_X")));
	(void)SCRIPT_RUN(cf, gone);
	script_outcome(cf, VX_CF_GOOD);
	vx_cf_free(cf);
}
END_TEST

START_TEST(failures_are_told)
{
	static const struct script_line no_zone[] = {
		{ "GET /zones?name=mail.example.net&per_page=50", 200, NO_ZONE, NULL },
		{ "GET /zones?name=example.net&per_page=50", 200, NO_ZONE, NULL },
	};
	static const struct script_line no_right[] = { NOT_MAIL, FIND,
		{ ADD, 403, ERROR(10000, "Authentication error"), NULL } };
	static const struct script_line clash[] = { { ADD, 400,
	    ERROR(81053, "An A, AAAA, or CNAME record with that host already exists."),
	    NULL } };
	static const struct script_line moved[] = {
		{ ADD, 404, ERROR(7003, "Could not route to it"), NULL },
		NOT_MAIL,
		FIND,
		{ ADD, 200, SUCCESS("{}"), NULL },
	};
	struct vx_cf *cf = script_client();

	vxt_assert_ok(vx_cf_txt_set(cf, NAME, VX_S("token-1_X")));
	(void)SCRIPT_RUN(cf, no_zone);
	script_outcome(cf, VX_CF_NO_ZONE);
	ck_assert_ptr_null(vx_cf_zone(cf));
	vxt_assert_ok(vx_cf_txt_set(cf, NAME, VX_S("token-1_X")));
	(void)SCRIPT_RUN(cf, no_right);
	script_outcome(cf, VX_CF_FORBIDDEN);
	ck_assert_ptr_nonnull(strstr(vx_cf_result(cf)->text, "Zone > DNS > Edit"));
	vxt_assert_ok(vx_cf_txt_set(cf, NAME, VX_S("token-1_X")));
	(void)SCRIPT_RUN(cf, clash);
	script_outcome(cf, VX_CF_CLASH);
	/* the zone was made anew since it was seen */
	vxt_assert_ok(vx_cf_txt_set(cf, NAME, VX_S("token-1_X")));
	(void)SCRIPT_RUN(cf, moved);
	script_outcome(cf, VX_CF_GOOD);
	vx_cf_free(cf);
}
END_TEST

START_TEST(arguments_are_checked)
{
	static const char *const names[] = { "", "net", "_acme-challenge.net", "a..b",
		"*.x" };
	struct vx_cf *cf = script_client();
	char value[300];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(vx_cf_txt_set(cf, names[i], VX_S("x")), VX_EINVAL);
	memset(value, 'a', sizeof(value));
	ck_assert_int_eq(vx_cf_txt_set(cf, NAME, VX_S("")), VX_EINVAL);
	ck_assert_int_eq(vx_cf_txt_set(cf, NAME, VX_S("a\nb")), VX_EINVAL);
	ck_assert_int_eq(vx_cf_txt_set(cf, NAME, VX_S("a\"b")), VX_EINVAL);
	ck_assert_int_eq(vx_cf_txt_set(cf, NAME, vx_slice_of(value, 256)), VX_EINVAL);
	vx_cf_free(cf);
}
END_TEST

VXT_SUITE(test_challenge, "challenge", set_and_removed, failures_are_told,
    arguments_are_checked)
