#include "zone/zone_check.h"

START_TEST(substitutes)
{
	static const struct {
		const char *name;
		bool is;
	} rows[] = {
		{ "dc-0123456789ab.example.net", true },
		{ "DC-0123456789AB.example.net", true },
		{ "_dc-mx.0123456789ab.example.net", true },
		{ "_DC-MX.example.net", true },
		{ "dc-0123456.example.net", false }, /* a person's own */
		{ "dc-berlin01.example.net", false },
		{ "dc-.example.net", false },
		{ "mail.example.net", false },
		{ "_dc-mxx.example.net", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(
		    vx_zone_is_substitute(rows[i].name) == rows[i].is, "row %zu", i);
}
END_TEST

static const struct {
	const char *have;
	const char *tangles; /* "NAME TARGET" lines, '!' before copied ones */
	const char *open;    /* "" none */
} rows[] = {
	{ "", "", "mail.example.net" },
	{ "example.net MX 10 www.example.net\nwww.example.net A 192.0.2.9 | | proxied\n",
	    "example.net www.example.net\n", "mail.example.net" },
	{ "example.net MX 10 www.example.net\nwww.example.net A 192.0.2.9\n", "",
	    "mail.example.net" },
	/* by an alias, and by one that goes in circles */
	{ "sub.example.net MX 10 a.example.net\na.example.net CNAME b.example.net\n"
	  "b.example.net CNAME example.net | | proxied\n",
	    "sub.example.net a.example.net\n", "mail.example.net" },
	{ "example.net MX 10 a.example.net\na.example.net CNAME b.example.net\n"
	  "b.example.net CNAME a.example.net\n",
	    "", "mail.example.net" },
	/* what somebody copied from an answer */
	{ "example.net MX 10 dc-0123456789ab.example.net\n"
	  "_imaps._tcp.example.net SRV 0 1 993 _dc-mx.0123456789ab.example.net\n",
	    "!example.net dc-0123456789ab.example.net\n"
	    "!_imaps._tcp.example.net _dc-mx.0123456789ab.example.net\n",
	    "mail.example.net" },
	/* other services, and none */
	{ "_xmpp-client._tcp.example.net SRV 0 1 5222 www.example.net\n"
	  "_imaps._tcp.example.net SRV 0 0 0 .\nexample.net MX 0 .\n"
	  "www.example.net A 192.0.2.9 | | proxied\n",
	    "", "mail.example.net" },
	{ "_submission._tcp.example.net SRV 0 1 587 www.example.net\n"
	  "www.example.net AAAA 2001:db8::9 | | proxied\n",
	    "_submission._tcp.example.net www.example.net\n", "mail.example.net" },
	/* the server's own name is a site's: it needs another one */
	{ "mail.example.net A 192.0.2.1 | | proxied\nexample.net MX 10 "
	  "mail.example.net\n",
	    "example.net mail.example.net\n", "mx.example.net" },
	{ "mail.example.net A 192.0.2.1 | | proxied\nmx.example.net A 192.0.2.77\n"
	  "smtp.example.net AAAA 2001:db8::1\nsmtp.example.net TXT hello\n",
	    "", "smtp.example.net" },
	{ "mail.example.net A 192.0.2.1 | | proxied\nmx.example.net A 192.0.2.77\n"
	  "smtp.example.net CNAME x.example\nmail1.example.net A 192.0.2.1 | | proxied\n"
	  "mx1.example.net NS ns.example\n",
	    "", "" },
};

static void check_row(size_t i)
{
	const struct vx_zone_wish w = zone_check_wish();
	struct vx_zone_tangle found[VX_ZONE_TANGLES_MAX];
	char name[VX_DNS_NAME_MAX + 1] = "";
	struct vx_buf text = { .max = 10000 };
	struct vx_zone_plan p;
	struct vx_zone have;
	size_t n;

	zone_check_read(&have, rows[i].have);
	vxt_assert_ok(vx_zone_plan(&w, &p));
	n = vx_zone_find_tangles(&have, found);
	for (size_t k = 0; k < n; k++)
		vx_buf_printf(&text, "%s%s %s\n", found[k].substitute ? "!" : "",
		    found[k].have->name, found[k].target);
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&text), vx_slice_str(rows[i].tangles)),
	    "row %zu:\n%.*s", i, (int)text.len, text.len > 0 ? text.ptr : "");
	ck_assert_int_eq(vx_zone_open_name(&p, &have, name),
	    rows[i].open[0] != '\0' ? VX_OK : VX_ENOENT);
	ck_assert_str_eq(name, rows[i].open);
	vx_buf_done(&text);
	vx_zone_done(&have);
	vx_zone_plan_done(&p);
}

START_TEST(tangles)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(i);
}
END_TEST

START_TEST(there_is_a_limit)
{
	struct vx_zone_tangle found[VX_ZONE_TANGLES_MAX];
	struct vx_zone have;

	vx_zone_init(&have);
	for (size_t i = 0; i < 2 * VX_ZONE_TANGLES_MAX; i++) {
		const struct vx_zone_record r = { .name = "example.net",
			.type = "MX",
			.content = "10 dc-0123456789ab.example.net",
			.comment = "",
			.id = "" };

		vxt_assert_ok(vx_zone_add(&have, &r));
	}
	ck_assert_uint_eq(vx_zone_find_tangles(&have, found), VX_ZONE_TANGLES_MAX);
	vx_zone_done(&have);
}
END_TEST

VXT_SUITE(test_tangle, "tangle", substitutes, tangles, there_is_a_limit)
