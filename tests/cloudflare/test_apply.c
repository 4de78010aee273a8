#include "cloudflare/script.h"

#define SPF "v=spf1 mx a ip4:192.0.2.1 -all"
#define DMARC "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.net; fo=1"
#define BATCH "POST /zones/" ZONE_ID "/dns_records/batch "
#define ITEM(id, type, name, rest)                                                       \
	"{\"id\":\"" id "\",\"type\":\"" type "\",\"name\":\"" name "\"," rest "}"
#define POST_A                                                                           \
	"{\"type\":\"A\",\"name\":\"mail.example.net\",\"ttl\":1,\"comment\":\"vectis:"  \
	"host\","                                                                        \
	"\"content\":\"192.0.2.1\",\"proxied\":false}"
#define POST_MX                                                                          \
	"{\"type\":\"MX\",\"name\":\"example.net\",\"ttl\":1,\"comment\":\"vectis:mx\"," \
	"\"priority\":10,\"content\":\"mail.example.net\"}"
#define POST_SPF                                                                         \
	"{\"type\":\"TXT\",\"name\":\"example.net\",\"ttl\":1,\"comment\":\"vectis:"     \
	"spf\","                                                                         \
	"\"content\":\"\\\"" SPF "\\\"\"}"
#define POST_DMARC                                                                       \
	"{\"type\":\"TXT\",\"name\":\"_dmarc.example.net\",\"ttl\":1,\"comment\":"       \
	"\"vectis:dmarc\",\"content\":\"\\\"" DMARC "\\\"\"}"
#define HAVE_A                                                                           \
	ITEM("ra", "A", "mail.example.net",                                              \
	    "\"content\":\"192.0.2.1\",\"proxied\":false,\"comment\":\"vectis:host\"")
#define HAVE_MX                                                                          \
	ITEM("rm", "MX", "example.net",                                                  \
	    "\"content\":\"mail.example.net\",\"priority\":10")
#define HAVE_SPF ITEM("rs", "TXT", "example.net", "\"content\":\"\\\"" SPF "\\\"\"")
#define HAVE_DMARC                                                                       \
	ITEM("rd", "TXT", "_dmarc.example.net", "\"content\":\"\\\"" DMARC "\\\"\"")

static void plan(struct vx_zone_plan *p)
{
	static const char *const addresses[] = { "192.0.2.1" };
	const struct vx_zone_wish w = { .struct_size = sizeof(w),
		.domain = "example.net",
		.hostname = "mail.example.net",
		.addresses = addresses,
		.address_count = 1 };

	vxt_assert_ok(vx_zone_plan(&w, p));
}

static void apply(const struct script_line *lines, size_t count, unsigned flags,
    unsigned batch_max, enum vx_cf_outcome outcome, struct vx_cf_done want)
{
	const struct vx_cf_options o = { .struct_size = sizeof(o),
		.token = VX_S("cfut_secret"),
		.base = "https://api.test/v4",
		.batch_max = batch_max };
	struct vx_zone_plan p;
	struct vx_cf_done done;
	struct vx_cf *cf;

	plan(&p);
	vxt_assert_ok(vx_cf_new(&o, &cf));
	vxt_assert_ok(vx_cf_apply(cf, &p, flags));
	(void)script_run(cf, lines, count);
	script_outcome(cf, outcome);
	done = vx_cf_done(cf);
	ck_assert_uint_eq(done.added, want.added);
	ck_assert_uint_eq(done.changed, want.changed);
	ck_assert_uint_eq(done.removed, want.removed);
	vx_cf_free(cf);
	vx_zone_plan_done(&p);
}
#define APPLY(lines, ...) apply(lines, sizeof(lines) / sizeof((lines)[0]), __VA_ARGS__)

START_TEST(an_empty_zone_gets_all)
{
	static const struct script_line lines[] = { FIND, LIST(""),
		{ BATCH "{\"posts\":[" POST_A "," POST_MX "," POST_SPF "," POST_DMARC
			"]}",
		    200, SUCCESS("{}"), NULL } };

	APPLY(lines, 0, 0, VX_CF_GOOD, (struct vx_cf_done){ .added = 4 });
}
END_TEST

START_TEST(a_good_zone_is_left_alone)
{
	static const struct script_line lines[] = { FIND,
		LIST(HAVE_A "," HAVE_MX "," HAVE_SPF "," HAVE_DMARC) };

	APPLY(lines, 0, 0, VX_CF_GOOD, (struct vx_cf_done){ 0 });
}
END_TEST

/* A merge says nothing of whose it is; what goes is named first. */
START_TEST(each_kind_of_change)
{
	static const struct script_line lines[] = { FIND,
		LIST(ITEM("r1", "A", "mail.example.net",
		    "\"content\":\"192.0.2.1\",\"proxied\":true,\"comment\":\"vectis:"
		    "host\"") "," HAVE_MX
			      "," ITEM("r2", "TXT", "example.net",
				  "\"content\":\"v=spf1 include:x.example "
				  "~all\",\"ttl\":3600") "," ITEM("r3", "TXT",
				  "old._domainkey.example.net",
				  "\"content\":\"v=DKIM1; "
				  "p=\",\"comment\":\"vectis:dkim\"")),
		{ BATCH
		    "{\"deletes\":[{\"id\":\"r3\"}],\"patches\":["
		    "{\"type\":\"A\",\"name\":\"mail.example.net\",\"ttl\":1,\"comment\":"
		    "\"vectis:host\",\"content\":\"192.0.2.1\",\"proxied\":false,\"id\":"
		    "\"r1\"},"
		    "{\"type\":\"TXT\",\"name\":\"example.net\",\"ttl\":3600,\"content\":"
		    "\"\\\"v=spf1 include:x.example ip4:192.0.2.1 "
		    "~all\\\"\",\"id\":\"r2\"}],"
		    "\"posts\":[" POST_DMARC "]}",
		    200, SUCCESS("{}"), NULL } };

	APPLY(lines, 0, 0, VX_CF_GOOD,
	    (struct vx_cf_done){ .added = 1, .changed = 2, .removed = 1 });
}
END_TEST

START_TEST(batches_have_a_size)
{
	static const struct script_line lines[] = { FIND, LIST(""),
		{ BATCH "{\"posts\":[" POST_A "," POST_MX "," POST_SPF "]}", 200,
		    SUCCESS("{}"), NULL },
		{ BATCH "{\"posts\":[" POST_DMARC "]}", 200, SUCCESS("{}"), NULL } };

	APPLY(lines, 0, 3, VX_CF_GOOD, (struct vx_cf_done){ .added = 4 });
}
END_TEST

START_TEST(others_change_it_meanwhile)
{
	static const struct script_line lines[] = { FIND, LIST(HAVE_SPF "," HAVE_DMARC),
		{ BATCH "{\"posts\":[" POST_A "," POST_MX "]}", 400,
		    ERROR(81058, "An identical record already exists."), NULL },
		LIST(HAVE_SPF "," HAVE_DMARC "," HAVE_A),
		{ BATCH "{\"posts\":[" POST_MX "]}", 200, SUCCESS("{}"), NULL } };
	static const struct script_line endless[] = {
		FIND, LIST(HAVE_SPF "," HAVE_DMARC "," HAVE_A),
		{ BATCH "{\"posts\":[" POST_MX "]}", 400, ERROR(81057, "exists"), NULL },
		LIST(HAVE_SPF "," HAVE_DMARC "," HAVE_A),
		{ BATCH "{\"posts\":[" POST_MX "]}", 400, ERROR(81057, "exists"), NULL },
		LIST(HAVE_SPF "," HAVE_DMARC "," HAVE_A),
		{ BATCH "{\"posts\":[" POST_MX "]}", 400, ERROR(81057, "exists"), NULL },
		LIST(HAVE_SPF "," HAVE_DMARC "," HAVE_A),
		{ BATCH "{\"posts\":[" POST_MX "]}", 400, ERROR(81057, "exists"), NULL }
	};
	static const struct script_line clash[] = {
		FIND, LIST(HAVE_SPF "," HAVE_DMARC "," HAVE_A),
		{ BATCH "{\"posts\":[" POST_MX "]}", 400, ERROR(81053, "exists"), NULL }
	};

	APPLY(lines, 0, 0, VX_CF_GOOD, (struct vx_cf_done){ .added = 1 });
	APPLY(endless, 0, 0, VX_CF_CLASH, (struct vx_cf_done){ 0 });
	APPLY(clash, 0, 0, VX_CF_CLASH, (struct vx_cf_done){ 0 });
}
END_TEST

/* The answer was lost, the change was not: it is found to be there. */
START_TEST(lost_answers_do_no_harm)
{
	static const struct script_line lines[] = { FIND,
		LIST(HAVE_SPF "," HAVE_DMARC "," HAVE_A),
		{ BATCH "{\"posts\":[" POST_MX "]}", 0, "", NULL },
		{ BATCH "{\"posts\":[" POST_MX "]}", 400, ERROR(81058, "exists"), NULL },
		LIST(HAVE_SPF "," HAVE_DMARC "," HAVE_A "," HAVE_MX) };

	APPLY(lines, 0, 0, VX_CF_GOOD, (struct vx_cf_done){ 0 });
}
END_TEST

START_TEST(what_is_ours_is_withdrawn)
{
	static const struct script_line lines[] = { FIND,
		LIST(HAVE_A
		    "," HAVE_MX "," HAVE_SPF "," ITEM("r9", "TXT", "_dmarc.example.net",
			"\"content\":\"v=DMARC1; p=none\",\"comment\":\"vectis:dmarc\"")),
		{ BATCH "{\"deletes\":[{\"id\":\"r9\"}]}", 200, SUCCESS("{}"), NULL } };

	APPLY(
	    lines, VX_ZONE_WITHDRAW, 0, VX_CF_GOOD, (struct vx_cf_done){ .removed = 1 });
}
END_TEST

VXT_SUITE(test_apply, "apply", an_empty_zone_gets_all, a_good_zone_is_left_alone,
    each_kind_of_change, batches_have_a_size, others_change_it_meanwhile,
    lost_answers_do_no_harm, what_is_ours_is_withdrawn)
