#include "base/chars.h"
#include "lib/vxt.h"

START_TEST(numbers_are_strict)
{
	static const struct {
		const char *text;
		uint64_t max;
		int rc;
		uint64_t value;
	} table[] = { { "0", 9, VX_OK, 0 }, { "007", 9, VX_OK, 7 },
		{ "10", 9, VX_EINVAL, 0 }, { "", 9, VX_EINVAL, 0 },
		{ "-1", 9, VX_EINVAL, 0 }, { "1 ", 9, VX_EINVAL, 0 },
		{ "18446744073709551615", UINT64_MAX, VX_OK, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, VX_EINVAL, 0 },
		{ "000000000000000000001", 9, VX_EINVAL, 0 } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t n = 42;

		ck_assert_msg(vx_slice_number(vx_slice_str(table[i].text), table[i].max,
				  &n) == table[i].rc,
		    "row %zu", i);
		ck_assert_uint_eq(n, table[i].rc == VX_OK ? table[i].value : 42);
	}
}
END_TEST

START_TEST(cutting_and_finding)
{
	vx_slice rest = VX_S("a,,b"), head;

	ck_assert(vx_slice_cut(&rest, ',', &head));
	vxt_assert_str(head, "a");
	ck_assert(vx_slice_cut(&rest, ',', &head));
	vxt_assert_str(head, "");
	ck_assert(!vx_slice_cut(&rest, ',', &head));
	vxt_assert_str(head, "b");
	ck_assert_uint_eq(rest.len, 0);
	ck_assert(!vx_slice_cut(&rest, ',', &head));
	ck_assert_uint_eq(vx_slice_find_slice(VX_S("abcabd"), VX_S("abd")), 3);
	ck_assert_uint_eq(vx_slice_find_slice(VX_S("abc"), VX_S("x")), 3);
	ck_assert_uint_eq(vx_slice_rfind(VX_S("a.b.c"), '.'), 3);
	vxt_assert_str(vx_slice_trim(VX_S(" \tx y "), " \t"), "x y");
	ck_assert(vx_slice_eq_nocase(VX_S("MaIl"), VX_S("mAiL")));
	ck_assert(!vx_slice_eq_nocase(VX_S("mail"), VX_S("mailx")));
	ck_assert_int_lt(vx_slice_cmp(VX_S("ab"), VX_S("abc")), 0);
}
END_TEST

static bool one_of(int c, const char *set)
{
	return c != 0 && strchr(set, c) != NULL;
}

START_TEST(classes_match_their_definitions)
{
	for (int c = 0; c < 256; c++) {
		const char ch = (char)c;
		const bool alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		const bool digit = c >= '0' && c <= '9';
		const bool visible = c > 32 && c < 127;

		ck_assert(vx_is(ch, VX_C_ALPHA) == alpha);
		ck_assert(vx_is(ch, VX_C_DIGIT) == digit);
		ck_assert(vx_is(ch, VX_C_HEX) == (digit || one_of(c, "abcdefABCDEF")));
		ck_assert(vx_is(ch, VX_C_ATEXT) ==
			  (alpha || digit || one_of(c, "!#$%&'*+-/=?^_`{|}~")));
		ck_assert(vx_is(ch, VX_C_CTL) == (c < 32 || c == 127));
		ck_assert(vx_is(ch, VX_C_WSP) == one_of(c, " \t"));
		ck_assert(vx_is(ch, VX_C_TOKEN) ==
			  (visible && !one_of(c, "()<>@,;:\\\"/[]?=")));
		ck_assert(vx_is(ch, VX_C_ATOM) == (visible && !one_of(c, "(){%*\"\\]")));
		ck_assert(vx_is(ch, VX_C_BASE64) == (alpha || digit || one_of(c, "+/")));
		ck_assert(vx_is(ch, VX_C_FTEXT) == (visible && c != ':'));
		ck_assert(vx_is(ch, VX_C_HIGH) == (c > 127));
	}
}
END_TEST

VXT_SUITE(test_slice, "slice", numbers_are_strict, cutting_and_finding,
    classes_match_their_definitions)
