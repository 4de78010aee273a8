#include "lib/vxt.h"
#include "vectis/date.h"

START_TEST(dates_of_rfc_5322)
{
	static const struct {
		const char *text;
		int64_t t;
	} table[] = {
		{ "Fri, 21 Nov 1997 09:55:06 -0600", 880127706 },
		{ "1 Jan 70 00:00 GMT", 0 },
		{ "Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)",
		    -27723480 },
		{ "21 Nov 97 09:55:06 GMT", 880106106 },
		{ "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706 },
		{ "Sun, 29 Feb 2004 12:00:00 EST", 1078074000 },
		{ "Mon, 23 November 2026 10:00:00 +0000", 1795428000 },
		{ "31 Dec 2016 23:59:60 +0000", 1483228800 },
		/* obs-year: to 49 in this century, three digits from 1900 (RFC 5322 4.3)
		 */
		{ "1 Jan 49 00:00 UT", 2493072000 },
		{ "1 Jan 50 00:00 UT", -631152000 },
		{ "1 Jan 070 00:00 UT", 0 },
		{ "1 Jan 100 00:00 UT", 946684800 },
		/* obs-zone: names of RFC 822; of one letter, and others, nothing is known
		 */
		{ "1 Jan 1970 00:00 edt", 14400 },
		{ "1 Jan 1970 00:00 PST", 28800 },
		{ "1 Jan 1970 00:00 PDT (c)", 25200 },
		{ "1 Jan 1970 00:00 A", 0 },
		{ "1 Jan 1970 00:00 Z", 0 },
		{ "1 Jan 1970 00:00 CET", 0 },
		{ "1 Jan 1970 00:00 ESTX", 0 },
		{ "1 Jan 1970 00:00 -0000", 0 },
		{ "1 Jan 1970 00:00", 0 },
		{ "1 Jan 1970 00:00 +9959", -359940 },
		{ "1 Jan 1970 00:00 +0060", 0 },
		{ "1 Jan 1970 00:00 -EST", 0 },
		/* as mail has them */
		{ "Thu 1 jan 1970 00:00:00 GMT", 0 },
		{ "Thursday, 01-January-1970 00:00:00 GMT", 0 },
		{ "(c(d\\)))Thu(c),(c)1(c)Jan(c)1970(c)00(c):(c)00(c):(c)00(c)GMT(c", 0 },
		{ "29 Feb 2000 00:00 GMT", 951782400 },
		{ "1 Jan 0000 00:00 GMT", VX_DATE_MIN },
		{ "31 Dec 9999 23:59:59 GMT", VX_DATE_MAX },
	};
	static const char *const bad[] = { "", "yesterday", "32 Jan 2020 00:00:00 +0000",
		"29 Feb 2021 00:00 GMT", "1 Jan 2020", "1 Jan 2020 25:00",
		"1 Foo 2020 10:00", "29 Feb 1900 00:00 GMT", "0 Jan 2020 00:00",
		"31 Apr 2020 00:00", "1 Jan 2020 24:00", "1 Jan 2020 10:60",
		"1 Jan 2020 10:00:61", "1 Jan 2020 1000", "1 Jan 10000 00:00",
		"1 Jan 1 00:00", "Thu, Jan 1 1970 00:00", "(1 Jan 2020 00:00" };
	struct vx_civil c;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ck_assert_msg(vx_date_parse(vx_slice_str(table[i].text), &c) == VX_OK,
		    "%s", table[i].text);
		ck_assert_int_eq(vx_civil_time(&c), table[i].t);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(
		    vx_date_parse(vx_slice_str(bad[i]), &c) == VX_EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(written_dates_read_back_for_4000_years)
{
	struct vx_buf b = { .max = 100 };
	struct vx_civil c;

	for (int64_t t = -30000000000; t < 90000000000; t += 86400 * 97 + 12345) {
		int64_t back;

		vx_buf_reset(&b);
		vx_date_write(&b, t, 330);
		vxt_assert_ok(vx_date_parse(vx_buf_slice(&b), &c));
		ck_assert_int_eq(vx_civil_time(&c), t);
		vx_buf_reset(&b);
		vx_date_imap_write(&b, t);
		vxt_assert_ok(vx_date_imap_parse(vx_buf_slice(&b), &back));
		ck_assert_int_eq(back, t);
	}
	vx_buf_reset(&b);
	vx_date_write(&b, 880127706, -360);
	vxt_assert_str(vx_buf_slice(&b), "Fri, 21 Nov 1997 09:55:06 -0600");
	vx_buf_done(&b);
}
END_TEST

START_TEST(imap_dates_are_strict)
{
	int64_t n;

	vxt_assert_ok(vx_date_imap_parse(VX_S(" 7-Feb-1994 21:52:25 -0800"), &n));
	ck_assert_int_eq(n, 760686745);
	ck_assert_int_eq(vx_date_imap_parse(VX_S("7-Feb-1994"), &n), VX_EINVAL);
	ck_assert_int_eq(
	    vx_date_imap_parse(VX_S("07-Feb-1994 21:52:25 0800"), &n), VX_EINVAL);
	/* what is not in the years 0000 to 9999 in UTC */
	ck_assert_int_eq(
	    vx_date_imap_parse(VX_S("01-Jan-0000 00:00:00 +0001"), &n), VX_EINVAL);
	ck_assert_int_eq(
	    vx_date_imap_parse(VX_S("31-Dec-9999 23:59:00 -0001"), &n), VX_EINVAL);
	vxt_assert_ok(vx_date_imap_parse(VX_S("31-Dec-9999 23:59:59 +0000"), &n));
	ck_assert_int_eq(n, VX_DATE_MAX);
	vxt_assert_ok(vx_date_day_parse(VX_S("1-Feb-1970"), &n));
	ck_assert_int_eq(n, 31);
	ck_assert_int_eq(vx_date_day_parse(VX_S("1-Feb-70"), &n), VX_EINVAL);
}
END_TEST

START_TEST(any_number_of_seconds_is_a_date)
{
	static const struct {
		int64_t t;
		const char *text;
	} table[] = { { INT64_MIN, "01-Jan-0000 00:00:00 +0000" },
		{ VX_DATE_MIN, "01-Jan-0000 00:00:00 +0000" },
		{ -1, "31-Dec-1969 23:59:59 +0000" },
		{ VX_DATE_MAX, "31-Dec-9999 23:59:59 +0000" },
		{ INT64_MAX, "31-Dec-9999 23:59:59 +0000" } };
	struct vx_buf b = { .max = 100 };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		vx_buf_reset(&b);
		vx_date_imap_write(&b, table[i].t);
		vxt_assert_str(vx_buf_slice(&b), table[i].text);
		(void)vx_civil_of(table[i].t, 5999);
		(void)vx_civil_of(table[i].t, -5999);
	}
	ck_assert_int_eq(vx_civil_of(VX_DATE_MAX, 60).year, 10000);
	vx_buf_done(&b);
}
END_TEST

VXT_SUITE(test_date, "date", dates_of_rfc_5322, written_dates_read_back_for_4000_years,
    imap_dates_are_strict, any_number_of_seconds_is_a_date)
