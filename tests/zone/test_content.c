#include "zone/zone_check.h"

START_TEST(one_form_for_each_meaning)
{
	static const struct {
		const char *type, *text, *want; /* NULL: it is not of that type */
	} rows[] = {
		{ "A", "192.0.2.1", "192.0.2.1" },
		{ "A", " 192.0.2.1\n", "192.0.2.1" },
		{ "A", "192.0.2.256", NULL },
		{ "A", "192.0.2.1 x", NULL },
		{ "A", "", NULL },
		{ "AAAA", "2001:0DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "AAAA", "192.0.2.1", NULL },
		{ "CNAME", "Mail.Example.NET.", "mail.example.net" },
		{ "CNAME", ".", "." },
		{ "CNAME", "a..b", NULL },
		{ "CNAME", "", NULL },
		{ "MX", "010 Mail.Example.NET.", "10 mail.example.net" },
		{ "MX", "0 .", "0 ." },
		{ "MX", "mail.example.net", NULL },
		{ "MX", "65536 mail.example.net", NULL },
		{ "SRV", "0  1\t465 Mail.Example.net.", "0 1 465 mail.example.net" },
		{ "SRV", "0 0 0 .", "0 0 0 ." },
		{ "SRV", "0 1 465", NULL },
		{ "TLSA", "3 1 1 ABCD ef01", "3 1 1 abcdef01" },
		{ "TLSA", "3 1 1 xyz", NULL },
		{ "TLSA", "3 1 1", NULL },
		{ "TLSA", "300 1 1 ab", NULL },
		{ "CAA", "0 ISSUE letsencrypt.org", "0 issue \"letsencrypt.org\"" },
		{ "CAA", "0 issue \"a; accounturi=https://x/1\"",
		    "0 issue \"a; accounturi=https://x/1\"" },
		{ "CAA", "128 issue \";\"", "128 issue \";\"" },
		{ "CAA", "0 iodef \"a\\\"b\\\\c\"", "0 iodef \"a\\\"b\\\\c\"" },
		{ "CAA", "0 issue \"a", NULL },
		{ "CAA", "256 issue \"a\"", NULL },
		{ "TXT", "v=spf1 -all", "v=spf1 -all" },
		{ "TXT", "\"v=spf1 -all\"", "v=spf1 -all" },
		{ "TXT", "\"v=DKIM1; p=AB\" \"CD\"\t\"EF\"", "v=DKIM1; p=ABCDEF" },
		{ "TXT", "\"a\\\"b\\\\c\\065\"", "a\"b\\cA" },
		{ "TXT", "\"a\" b", NULL },
		{ "TXT", "\"a", NULL },
		{ "TXT", "\"a\\", NULL },
		{ "TXT", "\"a\\25\"", NULL },
		{ "TXT", "\"a\\256\"", NULL },
		{ "TXT", "\"a\\000\"", NULL },
		{ "TXT", "\"\"", "" },
		{ "HTTPS", " 1 . alpn=\"h2\" ", "1 . alpn=\"h2\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_buf out = { .max = 200 };
		const int rc =
		    vx_zone_content(rows[i].type, vx_slice_str(rows[i].text), &out);

		ck_assert_msg(rc == (rows[i].want == NULL ? VX_ESYNTAX : VX_OK),
		    "%s %s: %d", rows[i].type, rows[i].text, rc);
		vxt_assert_str(
		    vx_buf_slice(&out), rows[i].want == NULL ? "" : rows[i].want);
		vx_buf_done(&out);
	}
}
END_TEST

START_TEST(strings_are_split_at_255)
{
	static const struct {
		size_t len;
		size_t strings;
	} rows[] = { { 0, 1 }, { 1, 1 }, { 255, 1 }, { 256, 2 }, { 510, 2 }, { 511, 3 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[600] = { 0 };
		struct vx_zone_record r = {
			.name = "x", .type = "TXT", .content = text, .comment = ""
		};
		struct vx_buf out = { .max = 2000 }, back = { .max = 2000 };
		size_t quotes = 0;

		memset(text, 'a', rows[i].len);
		vx_zone_write_content(&r, &out);
		for (size_t k = 0; k < out.len; k++)
			quotes += out.ptr[k] == '"';
		ck_assert_uint_eq(quotes, 2 * rows[i].strings);
		vxt_assert_ok(vx_zone_content("TXT", vx_buf_slice(&out), &back));
		vxt_assert_str(vx_buf_slice(&back), text);
		vx_buf_done(&out);
		vx_buf_done(&back);
	}
}
END_TEST

START_TEST(lines_of_a_zone)
{
	static const struct {
		struct vx_zone_record r;
		const char *want;
	} rows[] = {
		{ { .name = "example.net",
		      .type = "MX",
		      .content = "10 mail.example.net",
		      .comment = "vectis:mx",
		      .ttl = 300 },
		    "example.net.\t300\tIN\tMX\t10 mail.example.net.\t; vectis:mx\n" },
		{ { .name = "_imap._tcp.example.net",
		      .type = "SRV",
		      .content = "0 0 0 .",
		      .comment = "" },
		    "_imap._tcp.example.net.\tIN\tSRV\t0 0 0 .\n" },
		{ { .name = "x",
		      .type = "TXT",
		      .content = "a\"b\\c\x01\xe9",
		      .comment = "" },
		    "x.\tIN\tTXT\t\"a\\\"b\\\\c\\001\\233\"\n" },
		{ { .name = "x",
		      .type = "CAA",
		      .content = "0 issue \"a; b\"",
		      .comment = "" },
		    "x.\tIN\tCAA\t0 issue \"a; b\"\n" },
		{ { .name = "x",
		      .type = "HTTPS",
		      .content = "1 . h2",
		      .comment = "a\nb" },
		    "x.\tIN\tHTTPS\t1 . h2\t; a b\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_buf out = { .max = 500 };

		vx_zone_write(&rows[i].r, &out);
		vxt_assert_str(vx_buf_slice(&out), rows[i].want);
		vx_buf_done(&out);
	}
}
END_TEST

START_TEST(zones_have_limits)
{
	struct vx_zone_record r = { .name = "A.Example.",
		.type = "a",
		.content = "192.0.2.1",
		.comment = "",
		.id = "" };
	char comment[VX_ZONE_COMMENT_MAX + 10] = { 0 };
	struct vx_zone z;

	memset(comment, 'c', sizeof(comment) - 1);
	vx_zone_init(&z);
	r.name = "a..b";
	ck_assert_int_eq(vx_zone_add(&z, &r), VX_EINVAL);
	r.name = "A.Example.";
	r.comment = comment;
	vxt_assert_ok(vx_zone_add(&z, &r));
	ck_assert_str_eq(z.records[0].name, "a.example");
	ck_assert_str_eq(z.records[0].type, "A");
	ck_assert_uint_eq(strlen(z.records[0].comment), VX_ZONE_COMMENT_MAX);
	r.comment = "";
	/* what is not of its type is kept as it is */
	r.content = "nonsense";
	vxt_assert_ok(vx_zone_add(&z, &r));
	ck_assert_str_eq(z.records[1].content, "nonsense");
	while (z.count < VX_ZONE_RECORDS_MAX)
		vxt_assert_ok(vx_zone_add(&z, &r));
	ck_assert_int_eq(vx_zone_add(&z, &r), VX_ELIMIT);
	vx_zone_done(&z);
	ck_assert_uint_eq(z.count, 0);
}
END_TEST

VXT_SUITE(test_content, "content", one_form_for_each_meaning, strings_are_split_at_255,
    lines_of_a_zone, zones_have_limits)
