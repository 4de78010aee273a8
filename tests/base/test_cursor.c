#include "base/cursor.h"
#include "lib/vxt.h"

START_TEST(what_does_not_match_moves_nothing)
{
	struct vx_cursor c = vx_cursor_of(VX_S("ab12"));
	uint64_t n = 42;
	vx_slice s = VX_S("kept");

	ck_assert(!vx_cur_char(&c, 'b'));
	ck_assert(!vx_cur_text(&c, VX_S("abc")));
	ck_assert(!vx_cur_text(&c, VX_S("ab123"))); /* longer than what is left */
	ck_assert(!vx_cur_number(&c, 99, &n));
	ck_assert(!vx_cur_some(&c, VX_C_DIGIT, &s));
	ck_assert_uint_eq(vx_cur_run(&c, VX_C_DIGIT).len, 0);
	ck_assert_uint_eq(vx_cur_left(&c), 4);
	ck_assert_uint_eq(n, 42);
	vxt_assert_str(s, "kept");
	ck_assert(vx_cur_text(&c, VX_S("AB")));
	ck_assert_int_eq(vx_cur_peek(&c), '1');
	ck_assert(!vx_cur_number(&c, 11, &n)); /* too large: its digits stay */
	vxt_assert_str(vx_cur_rest(&c), "12");
	ck_assert(vx_cur_number(&c, 12, &n));
	ck_assert_uint_eq(n, 12);
}
END_TEST

START_TEST(at_the_end_there_is_nothing)
{
	static const vx_slice ends[] = { VX_SLICE_INIT(""), { NULL, 0 } };

	for (size_t i = 0; i < 2; i++) {
		struct vx_cursor c = vx_cursor_of(ends[i]);
		vx_slice s;
		uint64_t n;

		ck_assert(vx_cur_end(&c));
		ck_assert_int_eq(vx_cur_peek(&c), -1);
		ck_assert(!vx_cur_char(&c, '\0'));
		ck_assert(!vx_cur_some(&c, VX_C_ALPHA, &s));
		ck_assert(!vx_cur_number(&c, 9, &n));
		ck_assert(vx_cur_text(&c, VX_S("")));
		ck_assert_uint_eq(vx_cur_rest(&c).len, 0);
	}
}
END_TEST

START_TEST(octets_above_127_are_not_negative)
{
	struct vx_cursor c = vx_cursor_of(VX_S("\xff\0"));

	ck_assert_int_eq(vx_cur_peek(&c), 255);
	ck_assert_uint_eq(vx_cur_run(&c, VX_C_HIGH).len, 1);
	ck_assert_int_eq(vx_cur_peek(&c), 0);
	ck_assert(vx_cur_char(&c, '\0') && vx_cur_end(&c));
}
END_TEST

VXT_SUITE(test_cursor, "cursor", what_does_not_match_moves_nothing,
    at_the_end_there_is_nothing, octets_above_127_are_not_negative)
