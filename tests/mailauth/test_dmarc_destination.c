#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/dmarc.h"

#include <stdio.h>

enum {
	RECORDS = 5
};

static struct vxt_zone zone;
static struct vx_buf log_ = { .max = 1 << 20 };
static struct vx_arena arena = { .limit = 1 << 20 };

static void run(struct vx_dmarc_destinations *d)
{
	struct vx_dns_question q;
	int rc;

	vx_buf_reset(&log_);
	while ((rc = vx_dmarc_destinations_next(d, &q)) == VX_WAIT) {
		const struct vx_dns_answer a = vxt_zone_answer(&zone, &q);

		ck_assert_int_eq(q.type, VX_DNS_TXT);
		vx_buf_printf(&log_, "%s%s", log_.len == 0 ? "" : " ", q.name);
		vxt_assert_ok(vx_dmarc_destinations_answer(d, &a));
		ck_assert_int_eq(vx_dmarc_destinations_answer(d, &a), VX_ESTATE);
	}
	ck_assert_int_eq(rc, VX_DONE);
}

/* What comes out of each URI: a letter, and its addresses. */
static const char *show(const struct vx_dmarc_destination *d, size_t count)
{
	static char out[2000];
	struct vx_buf text = { .max = sizeof(out) - 1 };

	for (size_t i = 0; i < count; i++) {
		vx_buf_printf(&text, "%s%c", i == 0 ? "" : " ", "oc-rE?"[d[i].status]);
		for (size_t k = 0; k < d[i].count; k++) {
			vx_buf_add_char(&text, ':');
			vx_buf_add(&text, d[i].uris[k].address);
		}
	}
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	vx_buf_done(&text);
	return out;
}

static void build(const char *const records[][2])
{
	vxt_zone_init(&zone);
	for (size_t i = 0; i < RECORDS && records[i][0] != NULL; i++) {
		if (records[i][1] == NULL)
			vxt_zone_fail(&zone, records[i][0], VX_DNS_FAILED);
		else
			vxt_zone_add(&zone, records[i][0], VX_DNS_TXT, records[i][1]);
	}
}

START_TEST(external_destinations)
{
	static const struct {
		const char *domain, *rua;
		const char *records[RECORDS][2];
		const char *want, *questions;
		bool failure;
	} cases[] = {
		{ "example.com", "mailto:d@example.com,https://example.com/x", { { 0 } },
		    "o:d@example.com -", "", false },
		{ "example.com", "mailto:d@a.example.com",
		    { { "_dmarc.example.com", "v=DMARC1" } }, "o:d@a.example.com",
		    "_dmarc.example.com _dmarc.com _dmarc.a.example.com", false },
		{ "a.example.com", "mailto:d@example.com",
		    { { "_dmarc.example.com", "v=DMARC1" } }, "o:d@example.com",
		    "_dmarc.a.example.com _dmarc.example.com _dmarc.com", false },
		/* RFC 9990 4 */
		{ "blue.example.com", "mailto:reports@red.example.net",
		    { { "_dmarc.blue.example.com", "v=DMARC1" },
			{ "blue.example.com._report._dmarc.red.example.net",
			    "v=DMARC1" } },
		    "c:reports@red.example.net",
		    "_dmarc.blue.example.com _dmarc.example.com _dmarc.com "
		    "blue.example.com._report._dmarc.red.example.net",
		    false },
		{ "blue.example.com", "mailto:reports@red.example.net", { { 0 } }, "r",
		    NULL, false },
		{ "b.example", "mailto:r@c.example",
		    { { "b.example._report._dmarc.c.example", "v=spf1 -all" } }, "r",
		    NULL, false },
		/* one organization says nothing of another beside it */
		{ "a.example.com", "mailto:d@b.example.com",
		    { { "_dmarc.a.example.com", "v=DMARC1; psd=n" },
			{ "_dmarc.b.example.com", "v=DMARC1; psd=n" } },
		    "r",
		    "_dmarc.a.example.com a.example.com._report._dmarc.b.example.com",
		    false },
		/* RFC 9989 B.2.4 */
		{ "example.com", "mailto:auth-reports@thirdparty.example.net",
		    { { "example.com._report._dmarc.thirdparty.example.net",
			"v=DMARC1; rua=mailto:aggregate-reports@thirdparty.example.net; "
			"ruf=mailto:failure-reports@thirdparty.example.net" } },
		    "c:failure-reports@thirdparty.example.net", NULL, true },
		{ "example.com", "mailto:auth-reports@thirdparty.example.net",
		    { { "example.com._report._dmarc.thirdparty.example.net",
			"v=DMARC1; rua=mailto:aggregate-reports@thirdparty.example.net; "
			"ruf=mailto:failure-reports@thirdparty.example.net" } },
		    "c:aggregate-reports@thirdparty.example.net", NULL, false },
		{ "example.com", "mailto:a@b.example",
		    { { "example.com._report._dmarc.b.example",
			"v=DMARC1;rua=mailto:x@b.example,mailto:y@b.example!5m" } },
		    "c:x@b.example:y@b.example", NULL, false },
		/* not to somebody else, and then not at all */
		{ "example.com", "mailto:a@b.example",
		    { { "example.com._report._dmarc.b.example",
			"v=DMARC1; rua=mailto:x@victim.example" } },
		    "E", NULL, false },
		{ "example.com", "mailto:a@b.example",
		    { { "example.com._report._dmarc.b.example",
			"v=DMARC1; rua=mailto:x@b.example,mailto:x@sub.b.example" } },
		    "E", NULL, false },
		/* at least one is enough; a rua that is not valid says nothing */
		{ "example.com", "mailto:a@b.example",
		    { { "example.com._report._dmarc.b.example", "v=DMARC1" },
			{ "example.com._report._dmarc.b.example", "hello" },
			{ "example.com._report._dmarc.b.example",
			    "v=DMARC1; rua=mailto:c@b.example" } },
		    "c:c@b.example", NULL, false },
		{ "example.com", "mailto:a@b.example",
		    { { "example.com._report._dmarc.b.example", "v=DMARC1; rua=c@d" } },
		    "c:a@b.example", NULL, false },
		/* failing questions */
		{ "example.com", "mailto:a@b.example,mailto:c@example.com",
		    { { "example.com._report._dmarc.b.example", NULL } },
		    "? o:c@example.com", NULL, false },
		{ "a.example.com", "mailto:a@b.example.com",
		    { { "_dmarc.example.com", NULL } }, "?",
		    "_dmarc.a.example.com _dmarc.example.com", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_dmarc_destinations *d = NULL;
		struct vx_dmarc_record r;
		char text[400];
		const char *got;

		(void)snprintf(text, sizeof(text), "v=DMARC1; rua=%s", cases[i].rua);
		vxt_assert_ok(vx_dmarc_record_parse(vx_slice_str(text), &arena, &r));
		build(cases[i].records);
		vxt_assert_ok(vx_dmarc_destinations_new(vx_slice_str(cases[i].domain),
		    r.rua, r.rua_count, cases[i].failure, &d));
		run(d);
		got = show(vx_dmarc_destinations_result(d), r.rua_count);
		ck_assert_msg(strcmp(got, cases[i].want) == 0, "%zu: %s, not %s", i, got,
		    cases[i].want);
		if (cases[i].questions != NULL)
			vxt_assert_str(vx_buf_slice(&log_), cases[i].questions);
		vx_dmarc_destinations_free(d);
		vxt_zone_done(&zone);
	}
	vx_arena_done(&arena);
	vx_buf_done(&log_);
}
END_TEST

/* RFC 9990 4 step 4: names that are too long confirm nothing.  Limits. */
START_TEST(limits)
{
	static const char *const nothing[RECORDS][2] = { { 0 } };
	struct vx_dmarc_uri uris[VX_DMARC_URIS_MAX + 1];
	char hosts[VX_DMARC_URIS_MAX][40], name[200];
	struct vx_dmarc_destinations *d = NULL;
	unsigned confirmed = 0;

	memset(name, 'a', sizeof(name));
	for (size_t i = 49; i < sizeof(name); i += 50)
		name[i] = '.';
	memcpy(name + 192, "example", 8);
	for (size_t i = 0; i <= VX_DMARC_URIS_MAX; i++)
		uris[i] =
		    (struct vx_dmarc_uri){ .address = VX_S("a"), .host = VX_S("b") };
	ck_assert_int_eq(
	    vx_dmarc_destinations_new(VX_S("b"), uris, VX_DMARC_URIS_MAX + 1, false, &d),
	    VX_EINVAL);
	ck_assert_int_eq(
	    vx_dmarc_destinations_new(VX_S(""), uris, 1, false, &d), VX_EINVAL);
	ck_assert_int_eq(
	    vx_dmarc_destinations_new(VX_S("a b"), uris, 1, false, &d), VX_EINVAL);

	build(nothing);
	vxt_assert_ok(vx_dmarc_destinations_new(VX_S("b"), NULL, 0, false, &d));
	run(d);
	vx_dmarc_destinations_free(d);

	uris[0].host = vx_slice_str(name);
	vxt_assert_ok(
	    vx_dmarc_destinations_new(vx_slice_str(name + 50), uris, 2, false, &d));
	run(d);
	ck_assert_str_eq(show(vx_dmarc_destinations_result(d), 2), "r r");
	ck_assert(vx_slice_find_slice(vx_buf_slice(&log_), VX_S("_report._dmarc.b")) <
		  log_.len);
	ck_assert(vx_slice_find_slice(vx_buf_slice(&log_), VX_S("_report._dmarc.a")) ==
		  log_.len);
	vx_dmarc_destinations_free(d);

	/* as many questions as there may be */
	for (unsigned i = 0; i < VX_DMARC_URIS_MAX; i++) {
		(void)snprintf(hosts[i], sizeof(hosts[i]), "a%u.b%u.c%u.d%u.example.com",
		    i, i, i, i);
		uris[i].host = vx_slice_str(hosts[i]);
	}
	vxt_zone_add(&zone, "_dmarc.example.com", VX_DNS_TXT, "v=DMARC1");
	vxt_assert_ok(vx_dmarc_destinations_new(
	    VX_S("example.com"), uris, VX_DMARC_URIS_MAX, false, &d));
	zone.asked = 0;
	run(d);
	ck_assert_uint_eq(zone.asked, VX_DMARC_QUESTIONS_MAX);
	for (size_t i = 0; i < VX_DMARC_URIS_MAX; i++) {
		const struct vx_dmarc_destination *const one =
		    &vx_dmarc_destinations_result(d)[i];

		confirmed += one->status == VX_DMARC_TO_OWN;
		ck_assert(
		    one->status == VX_DMARC_TO_OWN || one->status == VX_DMARC_TO_REFUSED);
	}
	ck_assert_uint_eq(confirmed, (VX_DMARC_QUESTIONS_MAX - 2) / 4);
	vx_dmarc_destinations_free(d);
	vx_dmarc_destinations_free(NULL);
	vxt_zone_done(&zone);
	vx_buf_done(&log_);
}
END_TEST

VXT_SUITE(test_dmarc_destination, "dmarc destinations", external_destinations, limits)
