/* What a TXT answer proves. */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "vectis/ownership.h"

#define TEXT                                                                             \
	"vectis-verify=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OLD "vectis-verify=ffff"

static const struct {
	const char *zone;
	enum vx_ownership seen;
	const char *other;
} cases[] = {
	{ "", VX_OWNERSHIP_NONE, "" },
	{ "d.example TXT v=spf1 mx -all\n", VX_OWNERSHIP_NONE, "" },
	{ "d.example TXT " TEXT "\n", VX_OWNERSHIP_FOUND, "" },
	{ "d.example TXT v=spf1 -all\nd.example TXT " OLD "\nd.example TXT " TEXT "\n",
	    VX_OWNERSHIP_FOUND, "" },
	{ "d.example TXT " TEXT "\nd.example TXT " OLD "\n", VX_OWNERSHIP_FOUND, "" },
	{ "d.example TXT VECTIS-VERIFY=0123456789ABCDEF0123456789abcdef0123456789abcdef"
	  "0123456789abcdef\n",
	    VX_OWNERSHIP_FOUND, "" },
	{ "d.example TXT " OLD "\n", VX_OWNERSHIP_OTHER, OLD },
	{ "d.example TXT " TEXT "0\n", VX_OWNERSHIP_OTHER, TEXT "0" },
	{ "d.example TXT vectis-verify=\n", VX_OWNERSHIP_OTHER, "vectis-verify=" },
	{ "d.example TXT vectis-verify\n", VX_OWNERSHIP_NONE, "" },
	{ "d.example TXT x" TEXT "\n", VX_OWNERSHIP_NONE, "" },
	/* at a name below it says nothing of the domain */
	{ "_vectis.d.example TXT " TEXT "\n", VX_OWNERSHIP_NONE, "" },
};

static enum vx_ownership look(struct vxt_zone *z, char other[VX_OWNERSHIP_TEXT_MAX + 1])
{
	struct vx_dns_question q;
	struct vx_dns_answer a;

	vxt_assert_ok(vx_dns_ask(VX_DNS_TXT, "", VX_S("d.example"), &q));
	a = vxt_zone_answer(z, &q);
	return vx_ownership_read(&a, TEXT, other);
}

START_TEST(answers)
{
	static struct vxt_zone z;
	char other[VX_OWNERSHIP_TEXT_MAX + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vxt_zone_init(&z);
		vxt_zone_fill(&z, cases[i].zone, "");
		ck_assert_msg(look(&z, other) == cases[i].seen, "case %zu: %s", i, other);
		ck_assert_str_eq(other, cases[i].other);
		vxt_zone_done(&z);
	}
}
END_TEST

START_TEST(silence_is_no_answer)
{
	static const enum vx_dns_status silent[] = { VX_DNS_FAILED, VX_DNS_BOGUS };
	static struct vxt_zone z;
	char other[VX_OWNERSHIP_TEXT_MAX + 1] = "x";

	for (size_t i = 0; i < 2; i++) {
		vxt_zone_init(&z);
		vxt_zone_fail(&z, "d.example", silent[i]);
		ck_assert_int_eq(look(&z, other), VX_OWNERSHIP_SILENT);
		ck_assert_str_eq(other, "");
		vxt_zone_done(&z);
	}
}
END_TEST

/* In pieces, with blanks, and what nobody should print. */
START_TEST(odd_records)
{
	const vx_slice pieces[] = { VX_S(" vectis-"), VX_S("verify="),
		VX_S("0123456789abcdef0123456789abcdef"),
		VX_S("0123456789abcdef0123456789abcdef ") };
	const vx_slice ugly[] = { VX_S("vectis-verify=\x1b[31m\xff") };
	char broken[] = { 9, 'v' }, other[VX_OWNERSHIP_TEXT_MAX + 1];
	const vx_slice bad = vx_slice_of(broken, sizeof(broken));
	const struct vx_dns_answer a = {
		.status = VX_DNS_FOUND, .rdata = &bad, .count = 1
	};
	static struct vxt_zone z;

	vxt_zone_init(&z);
	vxt_zone_add_txt(&z, "d.example", pieces, 4);
	ck_assert_int_eq(look(&z, other), VX_OWNERSHIP_FOUND);
	vxt_zone_done(&z);
	vxt_zone_init(&z);
	vxt_zone_add_txt(&z, "d.example", ugly, 1);
	ck_assert_int_eq(look(&z, other), VX_OWNERSHIP_OTHER);
	ck_assert_str_eq(other, "vectis-verify=?[31m?");
	vxt_zone_done(&z);
	ck_assert_int_eq(vx_ownership_read(&a, TEXT, other), VX_OWNERSHIP_NONE);
}
END_TEST

START_TEST(texts)
{
	static const char *const names[] = { "silent", "no_record", "another_record",
		"found" };
	char out[VX_OWNERSHIP_TEXT_MAX + 1];

	vx_ownership_text(vx_slice_from(VX_S(TEXT), sizeof(VX_OWNERSHIP_MARK) - 1), out);
	ck_assert_str_eq(out, TEXT);
	for (int i = 0; i < 4; i++)
		ck_assert_str_eq(vx_ownership_name((enum vx_ownership)i), names[i]);
}
END_TEST

VXT_SUITE(suite_ownership, "ownership", answers, silence_is_no_answer, odd_records, texts)
