#include "zone/zone_check.h"

START_TEST(one_record_remains)
{
	static const char ours[] = "v=spf1 mx a ip4:192.0.2.1 ip6:2001:db8::1 -all";
	static const struct {
		const char *record, *ours, *want; /* NULL: no SPF record */
	} rows[] = {
		{ "v=spf1 include:other.example ~all", ours,
		    "v=spf1 include:other.example ip4:192.0.2.1 ip6:2001:db8::1 ~all" },
		{ "v=spf1 ip4:192.0.2.1 -all", ours,
		    "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all" },
		{ "V=SPF1  +IP4:192.0.2.1   +ip6:2001:DB8::1 -ALL", ours,
		    "v=spf1 +IP4:192.0.2.1 +ip6:2001:DB8::1 -ALL" },
		{ "v=spf1", ours, "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1" },
		{ "v=spf1 redirect=_spf.other.example", ours,
		    "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 redirect=_spf.other.example" },
		{ "v=spf1 exp=why.example ?all redirect=x.example", ours,
		    "v=spf1 exp=why.example ip4:192.0.2.1 ip6:2001:db8::1 ?all" },
		{ "v=spf1 -all a:late.example", ours,
		    "v=spf1 a:late.example ip4:192.0.2.1 ip6:2001:db8::1 -all" },
		/* without addresses the host is named by its MX */
		{ "v=spf1 include:x.example -all", "v=spf1 mx a -all",
		    "v=spf1 include:x.example mx a -all" },
		{ "v=spf1 MX -all", "v=spf1 mx a -all", "v=spf1 MX a -all" },
		{ "v=spf1x -all", ours, NULL },
		{ "v=spf2.0/pra -all", ours, NULL },
		{ "", ours, NULL },
		{ "v=spf1 -all", "v=DMARC1", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_buf out = { .max = 500 }, again = { .max = 500 };
		const int rc = vx_zone_merge_spf(
		    vx_slice_str(rows[i].record), vx_slice_str(rows[i].ours), &out);

		ck_assert_int_eq(rc, rows[i].want == NULL ? VX_EINVAL : VX_OK);
		vxt_assert_str(
		    vx_buf_slice(&out), rows[i].want == NULL ? "" : rows[i].want);
		if (rc == VX_OK) {
			vxt_assert_ok(vx_zone_merge_spf(
			    vx_buf_slice(&out), vx_slice_str(rows[i].ours), &again));
			vxt_assert_slice(vx_buf_slice(&again), vx_buf_slice(&out));
		}
		vx_buf_done(&out);
		vx_buf_done(&again);
	}
}
END_TEST

/* What was there before a merge is never taken for something that came with it. */
START_TEST(what_came_is_remembered)
{
	static const struct {
		const char *known, *before, *after, *want; /* NULL: no SPF record */
	} rows[] = {
		{ "", "v=spf1 include:x.example -all",
		    "v=spf1 include:x.example ip4:192.0.2.1 +a:y.example -all",
		    "ip4:192.0.2.1 +a:y.example" },
		/* it was theirs, with or without its '+' */
		{ "", "v=spf1 a:y.example ?all", "v=spf1 a:y.example ip4:192.0.2.1 ?all",
		    "ip4:192.0.2.1" },
		{ "", "v=spf1 +A:Y.example ?all", "v=spf1 a:y.example ?all", "" },
		/* known, and still there; gone; and there by somebody else's hand */
		{ "ip4:192.0.2.1", "v=spf1 ip4:192.0.2.1 -all",
		    "v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all",
		    "ip4:192.0.2.1 ip4:192.0.2.2" },
		{ "ip4:192.0.2.1 mx", "v=spf1 mx -all", "v=spf1 mx -all", "mx" },
		{ "ip4:192.0.2.1", "v=spf1 mx -all", "v=spf1 mx -all", "" },
		{ "", "v=spf1", "v=spf1 redirect=x.example", "" },
		{ "", "v=spf1", "v=spf10 mx", NULL },
		{ "", "mx", "v=spf1 mx", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_buf out = { .max = 500 };
		const int rc = vx_zone_spf_merged(rows[i].known,
		    vx_slice_str(rows[i].before), vx_slice_str(rows[i].after), &out);

		ck_assert_int_eq(rc, rows[i].want == NULL ? VX_EINVAL : VX_OK);
		vxt_assert_str(
		    vx_buf_slice(&out), rows[i].want == NULL ? "" : rows[i].want);
		vx_buf_done(&out);
	}
}
END_TEST

VXT_SUITE(test_spf_merge, "spf merge", one_record_remains, what_came_is_remembered)
