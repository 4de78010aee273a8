#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/dnsbl.h"

#include <stdio.h>

static struct vx_dnsbl list(const char *text)
{
	struct vx_dnsbl l = { .weight = 0 };

	vxt_assert_ok(vx_dnsbl_parse(vx_slice_str(text), &l));
	return l;
}

START_TEST(settings_are_read)
{
	struct vx_dnsbl l = list("ZEN.example.org");

	ck_assert_str_eq(l.zone, "zen.example.org");
	ck_assert_uint_eq(l.weight, VX_DNSBL_WEIGHT);
	ck_assert_uint_eq(l.count, 0);
	l = list("  bl.example   3  127.0.0.2-127.0.0.11 127.0.0.200 ");
	ck_assert_uint_eq(l.weight, 3);
	ck_assert_uint_eq(l.count, 2);
	ck_assert_uint_eq(l.codes[0].first, 0x7f000002);
	ck_assert_uint_eq(l.codes[0].last, 0x7f00000b);
	ck_assert_uint_eq(l.codes[1].first, 0x7f0000c8);
	ck_assert_uint_eq(l.codes[1].last, 0x7f0000c8);
}
END_TEST

START_TEST(settings_that_cannot_be_are_refused)
{
	static const char *const texts[] = { "", " ", "a b", "bl.example 0",
		"bl.example 101", "bl.example -1", "bl..example", ".",
		"bl.example 1 10.0.0.1", "bl.example 1 127.0.0",
		"bl.example 1 127.0.0.1.2", "bl.example 1 127.0.0.256",
		"bl.example 1 127.0.0.9-127.0.0.2", "bl.example 1 127.0.0.2-",
		"bl.example 1 -", "bl.example 1 1.1.1.1 1.1.1.1",
		"b.e 1 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 127.0.0.2 "
		"127.0.0.2 "
		"127.0.0.2 127.0.0.2" };
	struct vx_dnsbl l;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(vx_dnsbl_parse(vx_slice_str(texts[i]), &l), VX_EINVAL);
}
END_TEST

START_TEST(answers_mean_what_they_say)
{
	static const struct {
		const char *list, *records; /* with ' ' between them */
		enum vx_dnsbl_verdict verdict;
		const char *code;
	} table[] = { { "bl.test", "", VX_DNSBL_NOT_LISTED, "" },
		{ "bl.test", "127.0.0.2", VX_DNSBL_LISTED, "127.0.0.2" },
		{ "bl.test", "127.0.0.1", VX_DNSBL_REFUSED, "127.0.0.1" },
		{ "bl.test", "127.255.255.254", VX_DNSBL_REFUSED, "127.255.255.254" },
		{ "bl.test", "127.255.255.252", VX_DNSBL_REFUSED, "127.255.255.252" },
		{ "bl.test", "127.0.0.2 127.255.255.255", VX_DNSBL_REFUSED,
		    "127.255.255.255" },
		{ "bl.test", "192.0.2.80", VX_DNSBL_FAILED, "192.0.2.80" },
		{ "bl.test", "192.0.2.80 127.0.0.4", VX_DNSBL_LISTED, "127.0.0.4" },
		{ "bl.test 5 127.0.0.4", "127.0.0.10", VX_DNSBL_OTHER, "127.0.0.10" },
		{ "bl.test 5 127.0.0.4", "127.0.0.10 127.0.0.4", VX_DNSBL_LISTED,
		    "127.0.0.4" },
		{ "bl.test 5 127.0.0.2-127.0.0.11", "127.0.0.11", VX_DNSBL_LISTED,
		    "127.0.0.11" },
		{ "bl.test 5 127.255.255.255", "127.255.255.255", VX_DNSBL_REFUSED,
		    "127.255.255.255" } };
	static struct vxt_zone z;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct vx_dnsbl l = list(table[i].list);
		vx_slice rest = vx_slice_str(table[i].records), one;
		char code[VX_DNS_ADDRESS_MAX + 1], text[32];
		struct vx_dns_question q;
		struct vx_dns_answer a;

		vxt_zone_init(&z);
		while (rest.len > 0) {
			(void)vx_slice_cut(&rest, ' ', &one);
			snprintf(text, sizeof(text), "%.*s", (int)one.len, one.ptr);
			vxt_zone_add(&z, "9.2.0.192.bl.test", VX_DNS_A, text);
		}
		vxt_assert_ok(vx_dnsbl_ask(&l, "192.0.2.9", &q));
		ck_assert_str_eq(q.name, "9.2.0.192.bl.test");
		a = vxt_zone_answer(&z, &q);
		ck_assert_int_eq(vx_dnsbl_read(&l, &a, code), table[i].verdict);
		ck_assert_str_eq(code, table[i].code);
		vxt_zone_done(&z);
	}
}
END_TEST

START_TEST(no_answer_is_no_listing)
{
	const struct vx_dnsbl l = list("bl.test");
	struct vx_dns_answer a = { .status = VX_DNS_FAILED };

	ck_assert_int_eq(vx_dnsbl_read(&l, &a, NULL), VX_DNSBL_FAILED);
	a.status = VX_DNS_BOGUS;
	ck_assert_int_eq(vx_dnsbl_read(&l, &a, NULL), VX_DNSBL_FAILED);
	a.status = VX_DNS_NODATA;
	ck_assert_int_eq(vx_dnsbl_read(&l, &a, NULL), VX_DNSBL_NOT_LISTED);
}
END_TEST

START_TEST(names_are_made_of_both_kinds_of_addresses)
{
	struct vx_dnsbl l = list("bl.test");
	struct vx_dns_question q;

	vxt_assert_ok(vx_dnsbl_ask(&l, "2001:db8::1", &q));
	ck_assert_str_eq(q.name, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
				 "8.b.d.0.1.0.0.2.bl.test");
	ck_assert_int_eq(vx_dnsbl_ask(&l, "nowhere", &q), VX_EINVAL);
	memset(l.zone, 'a', 250);
	for (size_t i = 60; i < 250; i += 60)
		l.zone[i] = '.';
	l.zone[250] = '\0';
	ck_assert_int_eq(vx_dnsbl_ask(&l, "192.0.2.9", &q), VX_EINVAL);
}
END_TEST

START_TEST(test_points_tell_whether_it_works)
{
	ck_assert(vx_dnsbl_works(VX_DNSBL_LISTED, VX_DNSBL_NOT_LISTED));
	ck_assert(vx_dnsbl_works(VX_DNSBL_OTHER, VX_DNSBL_NOT_LISTED));
	ck_assert(!vx_dnsbl_works(VX_DNSBL_NOT_LISTED, VX_DNSBL_NOT_LISTED));
	ck_assert(!vx_dnsbl_works(VX_DNSBL_LISTED, VX_DNSBL_LISTED));
	ck_assert(!vx_dnsbl_works(VX_DNSBL_REFUSED, VX_DNSBL_REFUSED));
	ck_assert(!vx_dnsbl_works(VX_DNSBL_FAILED, VX_DNSBL_FAILED));
	for (int v = VX_DNSBL_NOT_LISTED; v <= VX_DNSBL_FAILED; v++)
		ck_assert_ptr_nonnull(vx_dnsbl_verdict_name((enum vx_dnsbl_verdict)v));
}
END_TEST

VXT_SUITE(test_dnsbl, "dnsbl", settings_are_read, settings_that_cannot_be_are_refused,
    answers_mean_what_they_say, no_answer_is_no_listing,
    names_are_made_of_both_kinds_of_addresses, test_points_tell_whether_it_works)
