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
	};
	static const char *const bad[] = { "", "yesterday", "32 Jan 2020 00:00:00 +0000",
		"29 Feb 2021 00:00 GMT", "1 Jan 2020", "1 Jan 2020 25:00",
		"1 Foo 2020 10:00" };
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
	vxt_assert_ok(vx_date_day_parse(VX_S("1-Feb-1970"), &n));
	ck_assert_int_eq(n, 31);
	ck_assert_int_eq(vx_date_day_parse(VX_S("1-Feb-70"), &n), VX_EINVAL);
}
END_TEST

VXT_SUITE(test_date, "date", dates_of_rfc_5322, written_dates_read_back_for_4000_years,
    imap_dates_are_strict)
