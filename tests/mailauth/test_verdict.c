#include "lib/vxt.h"
#include "vectis/verdict.h"

/* As RFC 8601 2.7 writes them. */
START_TEST(verdicts_have_names)
{
	ck_assert_str_eq(vx_verdict_name(VX_VERDICT_NONE), "none");
	ck_assert_str_eq(vx_verdict_name(VX_VERDICT_PASS), "pass");
	ck_assert_str_eq(vx_verdict_name(VX_VERDICT_FAIL), "fail");
	ck_assert_str_eq(vx_verdict_name(VX_VERDICT_SOFTFAIL), "softfail");
	ck_assert_str_eq(vx_verdict_name(VX_VERDICT_NEUTRAL), "neutral");
	ck_assert_str_eq(vx_verdict_name(VX_VERDICT_POLICY), "policy");
	ck_assert_str_eq(vx_verdict_name(VX_VERDICT_TEMPERROR), "temperror");
	ck_assert_str_eq(vx_verdict_name(VX_VERDICT_PERMERROR), "permerror");
}
END_TEST

VXT_SUITE(test_verdict, "verdict", verdicts_have_names)
