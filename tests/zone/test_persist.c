/* Records of dns-persist-01, as they are judged. */
#include "zone/zone_check.h"

#define A "https://ca.example/a/1"

START_TEST(judged)
{
	static const struct {
		const char *text;
		bool wildcard;
		enum vx_zone_proven proven;
		int64_t until;
	} rows[] = {
		{ "ca.example; accounturi=" A, false, VX_ZONE_PROOF_GOOD, 0 },
		{ " CA.Example ;accounturi=" A " ; policy=wildcard", true,
		    VX_ZONE_PROOF_GOOD, 0 },
		{ "ca.example; accounturi=" A "; policy=Wildcard; more=x", false,
		    VX_ZONE_PROOF_GOOD, 0 },
		{ "ca.example; accounturi=" A, true, VX_ZONE_PROOF_NARROW, 0 },
		{ "ca.example; accounturi=" A "; policy=other", true,
		    VX_ZONE_PROOF_NARROW, 0 },
		{ "ca.example; accounturi=" A "; persistUntil=1001", false,
		    VX_ZONE_PROOF_GOOD, 1001 },
		{ "ca.example; accounturi=" A "; persistUntil=1000", false,
		    VX_ZONE_PROOF_ENDED, 1000 },
		{ "ca.example; accounturi=" A "; persistUntil=soon", false,
		    VX_ZONE_PROOF_UNREADABLE, 0 },
		{ "ca.example; accounturi=" A "; accounturi=" A, false,
		    VX_ZONE_PROOF_UNREADABLE, 0 },
		{ "ca.example; accounturi=" A "/2", false, VX_ZONE_PROOF_OTHER, 0 },
		{ "ca.example", false, VX_ZONE_PROOF_OTHER, 0 },
		{ "other.example; accounturi=" A, false, VX_ZONE_PROOF_NONE, 0 },
		{ "", false, VX_ZONE_PROOF_NONE, 0 },
		{ "hello world", false, VX_ZONE_PROOF_NONE, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct vx_zone_proof p = { "mail.example.net", "ca.example", A,
			rows[i].wildcard };
		int64_t until = -1;

		ck_assert_int_eq(
		    vx_zone_judge_proof(vx_slice_str(rows[i].text), &p, 1000, &until),
		    rows[i].proven);
		ck_assert_int_eq(until, rows[i].until);
	}
}
END_TEST

/* More than there is room for is no plan; a name that is none is left out. */
START_TEST(limits)
{
	static struct vx_zone_proof many[VX_ZONE_PROOFS_MAX + 1];
	struct vx_zone_wish w = zone_check_wish();
	struct vx_zone_plan p;

	for (size_t i = 0; i <= VX_ZONE_PROOFS_MAX; i++)
		many[i] =
		    (struct vx_zone_proof){ "192.0.2.1:80", "ca.example", A, false };
	w.proofs = many;
	w.proof_count = VX_ZONE_PROOFS_MAX + 1;
	ck_assert_int_eq(vx_zone_plan(&w, &p), VX_ELIMIT);
	vx_zone_plan_done(&p);
	w.proof_count--;
	vxt_assert_ok(vx_zone_plan(&w, &p));
	for (size_t i = 0; i < p.count; i++)
		ck_assert_int_ne(p.wants[i].purpose, VX_ZONE_PERSIST);
	vx_zone_plan_done(&p);
}
END_TEST

VXT_SUITE(test_persist, "persist", judged, limits)
