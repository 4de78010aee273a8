#include "cloudflare/script.h"

#define INBOX "spare@inbox.example"
#define ROUTING "/zones/" ZONE_ID "/email/routing"
#define RULE ROUTING "/rules/catch_all"
#define ADDRESSES "/accounts/" ACCOUNT_ID "/email/routing/addresses"
#define ADDRESS_PAGE "GET " ADDRESSES "?per_page=50&page=1"
#define IS(enabled, status)                                                              \
	{                                                                                \
		"GET " ROUTING, 200,                                                     \
		    SUCCESS("{\"enabled\":" enabled ",\"status\":\"" status "\"}"), NULL \
	}
#define OFF IS("false", "unconfigured")
#define LEADS(name, enabled, action)                                                     \
	{                                                                                \
		"GET " RULE, 200,                                                        \
		    SUCCESS("{\"name\":\"" name "\",\"enabled\":" enabled                \
			    ",\"actions\":[" action "]}"),                               \
		    NULL                                                                 \
	}
#define FORWARD(to) "{\"type\":\"forward\",\"value\":[\"" to "\"]}"
#define DROP "{\"type\":\"drop\"}"
#define NOBODY LEADS("", "false", DROP)
#define KNOWN(items)                                                                     \
	{                                                                                \
		ADDRESS_PAGE, 200, SUCCESS("[" items "]"), NULL                          \
	}
#define AGREED "{\"email\":\"Spare@Inbox.example\",\"verified\":\"2026-11-28T00:00:00Z\"}"
#define SILENT "{\"email\":\"" INBOX "\",\"verified\":null}"
#define DONE(what)                                                                       \
	{                                                                                \
		what, 200, SUCCESS("{}"), NULL                                           \
	}
#define LEAD                                                                             \
	DONE("PUT " RULE " {\"enabled\":true,\"name\":\"vectis:backup\",\"matchers\":"   \
	     "[{\"type\":\"all\"}],\"actions\":[{\"type\":\"forward\",\"value\":["       \
	     "\"" INBOX "\"]}]}")
#define LEAD_NOWHERE                                                                     \
	DONE("PUT " RULE " {\"enabled\":false,\"name\":\"\",\"matchers\":"               \
	     "[{\"type\":\"all\"}],\"actions\":[{\"type\":\"drop\"}]}")
#define ENABLE DONE("POST " ROUTING "/dns {\"name\":\"example.net\"}")
#define UNLOCK DONE("PATCH " ROUTING "/dns {\"name\":\"example.net\"}")
#define DISABLE DONE("DELETE " ROUTING "/dns")
#define ASK DONE("POST " ADDRESSES " {\"email\":\"" INBOX "\"}")

static void run(const struct script_line *lines, size_t count, const char *address,
    bool take, enum vx_cf_outcome outcome, const char *words)
{
	struct vx_cf *cf = script_client();
	const char *text = vx_cf_result(cf)->text;

	vxt_assert_ok(vx_cf_set_backup(cf, "example.net", address, take));
	(void)script_run(cf, lines, count);
	script_outcome(cf, outcome);
	ck_assert_msg(strstr(text, words) != NULL, "%s: %s", words, text);
	vx_cf_free(cf);
}
#define RUN(lines, ...) run(lines, sizeof(lines) / sizeof((lines)[0]), __VA_ARGS__)

/* Confirmed, led there, and only then asked for; unlocked for MX of ours. */
START_TEST(it_begins_in_order)
{
	static const struct script_line lines[] = { FIND, OFF, NOBODY, KNOWN(AGREED),
		LEAD, ENABLE, UNLOCK };

	RUN(lines, INBOX, false, VX_CF_GOOD, "");
}
END_TEST

START_TEST(what_is_there_is_left)
{
	static const struct script_line all[] = { FIND, IS("true", "unlocked"),
		LEADS("x", "true", FORWARD(INBOX)), KNOWN(AGREED) };
	static const struct script_line locked[] = { FIND, IS("true", "ready"),
		LEADS("vectis:backup", "true", FORWARD("SPARE@inbox.example")),
		KNOWN(AGREED), UNLOCK };
	static const struct script_line wrong[] = { FIND,
		IS("true", "misconfigured/locked"),
		LEADS("vectis:backup", "true", FORWARD("old@inbox.example")),
		KNOWN(AGREED), LEAD, UNLOCK };

	RUN(all, INBOX, false, VX_CF_GOOD, "");
	RUN(locked, INBOX, false, VX_CF_GOOD, "");
	RUN(wrong, INBOX, false, VX_CF_GOOD, "");
}
END_TEST

/* Mail that nobody has agreed to take is not led anywhere. */
START_TEST(its_owner_has_to_agree)
{
	static const struct script_line absent[] = { FIND, OFF, NOBODY,
		KNOWN("{\"email\":\"other@inbox.example\",\"verified\":\"x\"}"), ASK };
	static const struct script_line twice[] = { FIND, OFF, NOBODY, KNOWN(""),
		{ "POST " ADDRESSES " {\"email\":\"" INBOX "\"}", 0, "", NULL },
		{ "POST " ADDRESSES " {\"email\":\"" INBOX "\"}", 409,
		    ERROR(2032, "Destination address already exists"), NULL } };
	static const struct script_line silent[] = { FIND, OFF, NOBODY, KNOWN(SILENT) };

	RUN(absent, INBOX, false, VX_CF_UNCONFIRMED, INBOX " has not agreed");
	RUN(twice, INBOX, false, VX_CF_UNCONFIRMED, "has not agreed");
	RUN(silent, INBOX, false, VX_CF_UNCONFIRMED, "link to open");
}
END_TEST

START_TEST(addresses_have_pages)
{
	static const struct script_line lines[] = { FIND, OFF, NOBODY,
		{ ADDRESS_PAGE, 200,
		    "{\"success\":true,\"result\":[{\"email\":\"a@b.example\"}],\"result_"
		    "info\":{\"page\":1,\"total_pages\":2}}",
		    NULL },
		{ "GET " ADDRESSES "?per_page=50&page=2", 200, SUCCESS("[" SILENT "]"),
		    NULL } };

	RUN(lines, INBOX, false, VX_CF_UNCONFIRMED, "has not agreed");
}
END_TEST

START_TEST(what_others_have_set)
{
	static const struct script_line clash[] = { FIND, IS("true", "ready"),
		LEADS("mine", "true", FORWARD("boss@inbox.example")), KNOWN("") };
	static const struct script_line worker[] = { FIND, IS("true", "ready"),
		LEADS("mine", "true", "{\"type\":\"worker\",\"value\":[\"w\"]}"),
		KNOWN(AGREED), LEAD, UNLOCK };
	static const struct script_line end[] = { FIND, IS("true", "ready"),
		LEADS("mine", "true", FORWARD("boss@inbox.example")) };

	/* nobody is even asked to agree */
	RUN(clash, INBOX, false, VX_CF_CLASH, "boss@inbox.example");
	RUN(worker, INBOX, true, VX_CF_GOOD, "");
	RUN(end, NULL, false, VX_CF_GOOD, "");
}
END_TEST

START_TEST(it_ends)
{
	static const struct script_line lines[] = { FIND, IS("true", "misconfigured"),
		LEADS("vectis:backup", "true", FORWARD(INBOX)), DISABLE, LEAD_NOWHERE };
	/* the answer was lost, or it was interrupted there */
	static const struct script_line lost[] = { FIND, IS("true", "unlocked"),
		LEADS("vectis:backup", "true", FORWARD(INBOX)),
		{ "DELETE " ROUTING "/dns", 0, "", NULL },
		{ "DELETE " ROUTING "/dns", 400,
		    ERROR(2007, "Email Routing is not enabled"), NULL },
		LEAD_NOWHERE };
	static const struct script_line half[] = { FIND, OFF,
		LEADS("vectis:backup", "true", FORWARD(INBOX)), LEAD_NOWHERE };

	RUN(lines, NULL, false, VX_CF_GOOD, "");
	RUN(lost, NULL, false, VX_CF_GOOD, "");
	RUN(half, NULL, false, VX_CF_GOOD, "");
}
END_TEST

START_TEST(permissions)
{
	static const struct script_line routing[] = { FIND,
		{ "GET " ROUTING, 403, ERROR(10000, "Authentication error"), NULL } };
	static const struct script_line rule[] = { FIND, OFF,
		{ "GET " RULE, 403, ERROR(10000, "Authentication error"), NULL } };
	static const struct script_line addresses[] = { FIND, OFF, NOBODY,
		{ ADDRESS_PAGE, 403, ERROR(10000, "Authentication error"), NULL } };

	RUN(routing, INBOX, false, VX_CF_FORBIDDEN, "Zone > Zone Settings > Edit");
	RUN(rule, INBOX, false, VX_CF_FORBIDDEN, "Zone > Email Routing Rules > Edit");
	RUN(addresses, INBOX, false, VX_CF_FORBIDDEN,
	    "Account > Email Routing Addresses > Edit");
}
END_TEST

/* Where it never was there is no rule. */
START_TEST(no_rule_yet)
{
	static const struct script_line lines[] = { FIND, OFF,
		{ "GET " RULE, 404, ERROR(2020, "no such rule"), NULL }, KNOWN(AGREED),
		LEAD,
		{ "POST " ROUTING "/dns {\"name\":\"example.net\"}", 400,
		    ERROR(2008, "there are MX records of others"), NULL } };

	RUN(lines, INBOX, false, VX_CF_INVALID, "MX records of others");
}
END_TEST

START_TEST(asked)
{
	static const struct script_line lines[] = { FIND,
		IS("true", "misconfigured/locked"),
		LEADS("vectis:backup", "true", FORWARD("old@inbox.example")),
		KNOWN(SILENT) };
	static const struct script_line sub[] = {
		{ "GET /zones?name=sub.example.net&per_page=50", 200, NO_ZONE, NULL },
		FIND
	};
	enum vx_cf_todo todo[VX_CF_TODO_MAX];
	struct vx_cf *cf = script_client();
	const struct vx_cf_backup *b = vx_cf_backup(cf);

	vxt_assert_ok(vx_cf_ask_backup(cf, "example.net", INBOX));
	ck_assert_int_eq(vx_cf_set_backup(cf, "example.net", INBOX, false), VX_ESTATE);
	(void)SCRIPT_RUN(cf, lines);
	script_outcome(cf, VX_CF_GOOD);
	ck_assert(b->on && b->locked && b->catch_all && b->ours);
	ck_assert_str_eq(b->status, "misconfigured/locked");
	ck_assert_str_eq(b->catch_all_to, "old@inbox.example");
	ck_assert_int_eq(b->address, VX_CF_ADDRESS_UNCONFIRMED);
	ck_assert_uint_eq(vx_cf_backup_todo(b, INBOX, false, todo), 3);
	ck_assert_str_eq(vx_cf_todo_name(todo[0]), "confirm");
	ck_assert_str_eq(vx_cf_todo_name(todo[1]), "catch-all");
	ck_assert_str_eq(vx_cf_todo_name(todo[2]), "unlock");
	ck_assert_str_eq(vx_cf_todo_name((enum vx_cf_todo)99), "?");
	/* a domain below the zone has no catch-all of its own */
	vxt_assert_ok(vx_cf_set_backup(cf, "sub.example.net", INBOX, false));
	script_outcome(cf, VX_CF_INVALID);
	vx_cf_free(cf);
	cf = script_client();
	vxt_assert_ok(vx_cf_set_backup(cf, "sub.example.net", INBOX, false));
	(void)SCRIPT_RUN(cf, sub);
	script_outcome(cf, VX_CF_INVALID);
	vx_cf_free(cf);
}
END_TEST

START_TEST(no_addresses)
{
	static const char *const words[] = { "", "a", "@b.example", "a@", "a b@c.example",
		"a\r\nb@c.example", "\xc3\xa4@c.example" };
	struct vx_cf *cf = script_client();
	char large[VX_CF_ADDRESS_MAX + 2];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ck_assert_int_eq(
		    vx_cf_ask_backup(cf, "example.net", words[i]), VX_EINVAL);
	memset(large, 'a', sizeof(large));
	large[1] = '@';
	large[sizeof(large) - 1] = '\0';
	ck_assert_int_eq(vx_cf_set_backup(cf, "example.net", large, false), VX_EINVAL);
	vx_cf_free(cf);
}
END_TEST

VXT_SUITE(test_backup, "backup", it_begins_in_order, what_is_there_is_left,
    its_owner_has_to_agree, addresses_have_pages, what_others_have_set, it_ends,
    permissions, no_rule_yet, asked, no_addresses)
