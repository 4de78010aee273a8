/* MTA-STS: records and policies (RFC 8461 3). */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/sts.h"

#include <string.h>

static struct vxt_zone zone;

static const char *read_id(enum vx_dns_status fails)
{
	static char id[VX_STS_ID_MAX + 1];
	struct vx_dns_question q;
	struct vx_dns_answer a;
	int rc;

	vxt_assert_ok(vx_dns_ask(VX_DNS_TXT, "_mta-sts", VX_S("d.example"), &q));
	if (fails != VX_DNS_FOUND)
		vxt_zone_fail(&zone, q.name, fails);
	a = vxt_zone_answer(&zone, &q);
	rc = vx_sts_read_txt(&a, id);
	vxt_zone_done(&zone);
	return rc == VX_OK       ? id
	       : rc == VX_ENOENT ? "none"
	       : rc == VX_ETEMP  ? "later"
				 : "broken";
}

static const char *id_of(const char *text)
{
	vxt_zone_init(&zone);
	vxt_zone_add(&zone, "_mta-sts.d.example", VX_DNS_TXT, text);
	return read_id(VX_DNS_FOUND);
}

START_TEST(records)
{
	static const struct {
		const char *text, *id;
	} cases[] = { { "v=STSv1; id=20160831085700Z;", "20160831085700Z" },
		{ "v=STSv1;id=1", "1" }, { "v=STSv1 ;\tid=aZ9 ; ", "aZ9" },
		{ "v=STSv1; x=y; id=2; z_-.1=:!", "2" },
		{ "v=STSv1; id=1; id=2", "1" }, /* the first one counts */
		{ "v=STSv1; id=12345678901234567890123456789012",
		    "12345678901234567890123456789012" },
		/* not ours */
		{ "v=STSv2; id=1", "none" }, { "v=stsv1; id=1", "none" },
		{ " v=STSv1; id=1", "none" }, { "v=STSv1", "none" },
		{ "id=1; v=STSv1", "none" }, { "v=STSv11; id=1", "none" }, { "", "none" },
		/* ours, and wrong */
		{ "v=STSv1;", "broken" }, { "v=STSv1; id=", "broken" },
		{ "v=STSv1; ID=1", "broken" }, { "v=STSv1; id=1-2", "broken" },
		{ "v=STSv1; id=123456789012345678901234567890123", "broken" },
		{ "v=STSv1; id=1;; x=y", "broken" }, { "v=STSv1; id=1; x", "broken" },
		{ "v=STSv1; id=1; x=", "broken" }, { "v=STSv1; id=1; x=a b", "broken" },
		{ "v=STSv1; id=1; x=a=b", "broken" }, { "v=STSv1; id=1; -x=a", "broken" },
		{ "v=STSv1; id =1", "broken" }, { "v=STSv1; id=1; id=#", "broken" },
		{ "v=STSv1; id=1; x=\xc3\xa4", "broken" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(strcmp(id_of(cases[i].text), cases[i].id) == 0,
		    "\"%s\": %s", cases[i].text, id_of(cases[i].text));
}
END_TEST

START_TEST(several_records)
{
	const vx_slice strings[] = { VX_S("v=STSv1; i"), VX_S("d=split"), VX_S(";") };

	vxt_zone_init(&zone);
	ck_assert_str_eq(read_id(VX_DNS_FOUND), "none");
	vxt_zone_add(&zone, "_mta-sts.d.example", VX_DNS_TXT, "google=1");
	vxt_zone_add(&zone, "_mta-sts.d.example", VX_DNS_TXT, "v=STSv1; id=1");
	ck_assert_str_eq(read_id(VX_DNS_FOUND), "1");
	vxt_zone_add(&zone, "_mta-sts.d.example", VX_DNS_TXT, "v=STSv1; id=1");
	vxt_zone_add(&zone, "_mta-sts.d.example", VX_DNS_TXT, "v=STSv1; id=1");
	ck_assert_str_eq(read_id(VX_DNS_FOUND), "broken");
	/* one that is wrong is one, too */
	vxt_zone_add(&zone, "_mta-sts.d.example", VX_DNS_TXT, "v=STSv1; id=");
	vxt_zone_add(&zone, "_mta-sts.d.example", VX_DNS_TXT, "v=STSv1; id=1");
	ck_assert_str_eq(read_id(VX_DNS_FOUND), "broken");
	vxt_zone_add_txt(&zone, "_mta-sts.d.example", strings, 3);
	ck_assert_str_eq(read_id(VX_DNS_FOUND), "split");
	vxt_zone_add(
	    &zone, "_mta-sts.d.example", VX_DNS_CNAME, "_mta-sts.provider.example");
	vxt_zone_add(&zone, "_mta-sts.provider.example", VX_DNS_TXT, "v=STSv1; id=7");
	ck_assert_str_eq(read_id(VX_DNS_FOUND), "7");
	ck_assert_str_eq(read_id(VX_DNS_FAILED), "later");
	ck_assert_str_eq(read_id(VX_DNS_BOGUS), "later");
}
END_TEST

#define V "version: STSv1\n"
#define REST "mode: enforce\nmax_age: 1\n"

/* "mode max_age: pattern pattern", or what is wrong. */
static const char *shown(vx_slice text)
{
	static struct vx_buf out = { .max = 4096 };
	char pattern[VX_DNS_NAME_MAX + 3];
	struct vx_sts_policy p;
	struct vx_error err;

	vx_buf_reset(&out);
	if (vx_sts_parse(text, &p, &err) != VX_OK)
		return strcpy(vx_buf_reserve(&out, strlen(err.text) + 1), err.text);
	vx_buf_printf(&out, "%s %u:", vx_sts_mode_name(p.mode), p.max_age);
	for (vx_slice rest = text; vx_sts_next_mx(&rest, pattern);)
		vx_buf_printf(&out, " %s", pattern);
	vx_buf_add_char(&out, '\0');
	return out.ptr;
}

START_TEST(policies)
{
	static const struct {
		const char *text, *shown;
	} cases[] = { { "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
			"mx: *.example.net\r\nmx: backupmx.example.com\r\n"
			"max_age: 604800\r\n",
			  "enforce 604800: mail.example.com *.example.net "
			  "backupmx.example.com" },
		{ "max_age:86400 \nmx:\tMX.Example.COM\t \nmode:testing\nversion:STSv1",
		    "testing 86400: mx.example.com" },
		{ V "mode: none\nmax_age: 86400\n", "none 86400:" },
		{ V REST "mx: a\nx-new.1: anything \xc3\xa4: goes\n\n", "enforce 1: a" },
		{ V REST "mx: a\nmode: none\nmax_age: 5\nversion: STSv2\n",
		    "enforce 1: a" }, /* the first ones count */
		{ V "mode: enforce\nmax_age: 31557601\nmx: a", "enforce 31557600: a" },
		{ V "mode: enforce\nmax_age: 9999999999\nmx: a", "enforce 31557600: a" },
		{ V "mode: enforce\nmax_age: 0\nmx: a", "enforce 0: a" },
		{ V REST "mx: xn--mller-kva.example",
		    "enforce 1: xn--mller-kva.example" },
		/* wrong */
		{ "", "there is no version" }, { V REST, "there is no mx" },
		{ REST "mx: a", "there is no version" },
		{ V "max_age: 1\nmx: a", "there is no mode" },
		{ V "mode: enforce\nmx: a", "there is no max_age" },
		{ "version: STSv2\n" REST "mx: a", "the version is not STSv1" },
		{ V "mode: Enforce\nmax_age: 1\nmx: a", "the mode is not known" },
		{ V "Mode: enforce\nmax_age: 1\nmx: a", "there is no mode" },
		{ V "mode: enforce\nmax_age: -1\nmx: a",
		    "max_age is no number of seconds" },
		{ V "mode: enforce\nmax_age: 12345678901\nmx: a",
		    "max_age is no number of seconds" },
		{ V "mode: enforce\nmax_age: 1d\nmx: a",
		    "max_age is no number of seconds" },
		{ V REST "mx: a..b", "an mx is no name of a host" },
		{ V REST "mx: a.", "an mx is no name of a host" },
		{ V REST "mx: *", "an mx is no name of a host" },
		{ V REST "mx: *.", "an mx is no name of a host" },
		{ V REST "mx: a.*.b", "an mx is no name of a host" },
		{ V REST "mx: *.*.b", "an mx is no name of a host" },
		{ V REST "mx: m\xc3\xbcller.example", "an mx is no name of a host" },
		{ V REST "mx: a, b", "an mx is no name of a host" },
		{ V REST "mx:", "a line is no name and value" },
		{ V REST "mx a", "a line is no name and value" },
		{ V REST "mx: a\nx: \x01", "a line is no name and value" },
		{ V REST "mx: a\n x y: z", "a line is no name and value" },
		{ "<html>", "a line is no name and value" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(
		    strcmp(shown(vx_slice_str(cases[i].text)), cases[i].shown) == 0,
		    "\"%s\": %s", cases[i].text, shown(vx_slice_str(cases[i].text)));
}
END_TEST

START_TEST(a_name_has_no_nul)
{
	ck_assert_str_eq(
	    shown(VX_S(V REST "mx: a\nx\0y: z\n")), "a line is no name and value");
	ck_assert_str_eq(shown(VX_S(V REST "mx: a\0b\n")), "a line is no name and value");
}
END_TEST

START_TEST(size)
{
	struct vx_buf text = { .max = VX_STS_OCTETS_MAX + 10 };
	struct vx_sts_policy p;

	vx_buf_add_str(&text, V REST "mx: last.example\n");
	while (text.len + 20 <= VX_STS_OCTETS_MAX)
		vx_buf_add_str(&text, "mx: mx1.example.org\n");
	while (text.len < VX_STS_OCTETS_MAX)
		vx_buf_add_char(&text, '\n');
	vxt_assert_ok(vx_sts_parse(vx_buf_slice(&text), &p, NULL));
	ck_assert_uint_gt(p.mx_count, 3000);
	ck_assert(vx_sts_matches(&p, "mx1.example.org"));
	ck_assert(!vx_sts_matches(&p, "mx2.example.org"));
	vx_buf_add_char(&text, '\n');
	ck_assert_int_eq(vx_sts_parse(vx_buf_slice(&text), &p, NULL), VX_ELIMIT);
	vx_buf_done(&text);
}
END_TEST

START_TEST(matching)
{
	static const struct {
		const char *pattern, *host;
		bool is;
	} cases[] = { { "mail.example.com", "mail.example.com", true },
		{ "MAIL.example.com", "mail.example.com", true },
		{ "mail.example.com", "example.com", false },
		{ "mail.example.com", "a.mail.example.com", false },
		{ "*.example.com", "mail.example.com", true },
		{ "*.example.com", "example.com", false },
		{ "*.example.com", "foo.bar.example.com", false },
		{ "*.example.com", "mailexample.com", false },
		{ "*.example.com", "mail.example.com.evil", false },
		{ "*.com", "example.com", true }, { "example.com", "com", false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_buf text = { .max = 1000 };
		struct vx_sts_policy p;

		vx_buf_printf(&text, V REST "mx: other.test\nmx: %s\n", cases[i].pattern);
		vxt_assert_ok(vx_sts_parse(vx_buf_slice(&text), &p, NULL));
		ck_assert_msg(vx_sts_matches(&p, cases[i].host) == cases[i].is, "%s %s",
		    cases[i].pattern, cases[i].host);
		vx_buf_done(&text);
	}
}
END_TEST

START_TEST(media_type)
{
	static const char *const good[] = { "text/plain", "Text/Plain",
		"text/plain; charset=utf-8", "text/plain ;charset=koi8-r; x=y" };
	static const char *const bad[] = { "", "text/html", "text/plainer", "text",
		"application/octet-stream; text/plain" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert(vx_sts_is_plain(vx_slice_str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert(!vx_sts_is_plain(vx_slice_str(bad[i])));
}
END_TEST

VXT_SUITE(test_sts, "sts", records, several_records, policies, a_name_has_no_nul, size,
    matching, media_type)
