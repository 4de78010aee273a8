#include "lib/vxt.h"
#include "vectis/dmarc.h"

#include <stdio.h>
#include <stdlib.h>

static struct vx_arena arena = { .limit = 1 << 20 };

/* From a block that ends where the record ends. */
static int parse(vx_slice text, struct vx_dmarc_record *out)
{
	char *const block = malloc(text.len + (text.len == 0));
	int rc;

	memcpy(block, text.len == 0 ? "" : text.ptr, text.len);
	rc = vx_dmarc_record_parse(vx_slice_of(block, text.len), &arena, out);
	free(block);
	return rc;
}

static struct vx_dmarc_record record(const char *text)
{
	struct vx_dmarc_record r;

	vxt_assert_ok(parse(vx_slice_str(text), &r));
	return r;
}

/* RFC 9989 4.7: v comes first, its value is written so and not otherwise. */
START_TEST(a_record_begins_with_its_version)
{
	static const char *const good[] = { "v=DMARC1", "v=DMARC1;", "v=DMARC1 ; p=none",
		"v = DMARC1;p=none", "V=DMARC1; p=none", "v\t=\tDMARC1\t;\tp=none",
		"v=DMARC1;;;", "v=DMARC1;=;p", "v=DMARC1 " };
	static const char *const bad[] = { "", "v", "v=", "v=DMARC", "v=DMARC1p=none",
		"v=DMARC1 p=none", "v=DMARC10", "v=DMARC2; p=none", "v=dmarc1; p=none",
		" v=DMARC1; p=none", "p=none; v=DMARC1", "v=spf1 -all", "x=DMARC1",
		"\"v=DMARC1; p=none\"", "v=DMARC1,p=none", "v:DMARC1" };
	struct vx_dmarc_record r = { .fo = 77 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(parse(vx_slice_str(bad[i]), &r) == VX_EINVAL, "%s", bad[i]);
	ck_assert_uint_eq(r.fo, 77);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(parse(vx_slice_str(good[i]), &r) == VX_OK, "%s", good[i]);
	vx_arena_done(&arena);
}
END_TEST

static char policy_letter(enum vx_dmarc_policy p)
{
	return "-nqr"[p];
}

/* p, sp, np; adkim, aspf; t; psd; fo; are p, sp and np as they must be? */
static const char *show(const struct vx_dmarc_record *r)
{
	static char out[80];

	(void)snprintf(out, sizeof(out), "%c%c%c %c%c %c %c %x%s", policy_letter(r->p),
	    policy_letter(r->sp), policy_letter(r->np), r->strict_dkim ? 's' : 'r',
	    r->strict_spf ? 's' : 'r', r->testing ? 'y' : 'n', "uyn"[r->psd], r -> fo,
	    r -> bad_policy ? " bad" : "");
	return out;
}

START_TEST(tags)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "v=DMARC1", "--- rr n u 0 bad" },
		{ "v=DMARC1; p=none", "n-- rr n u 0" },
		{ "v=DMARC1;p=none;sp=quarantine;np=reject", "nqr rr n u 0" },
		{ "v=DMARC1; P=Reject; SP = NONE ;np\t=\tquarantine\t;", "rnq rr n u 0" },
		{ "v=DMARC1; adkim=s; aspf=s; p=none; t=y; psd=y", "n-- ss y y 0" },
		{ "v=DMARC1; adkim=r; aspf=r; p=none; t=n; psd=n", "n-- rr n n 0" },
		{ "v=DMARC1; p=none; psd=u", "n-- rr n u 0" },
		/* what is not valid has its default */
		{ "v=DMARC1; adkim=x; aspf=; p=none; t=yes; psd=maybe", "n-- rr n u 0" },
		{ "v=DMARC1; p=none; pct=50; rf=afrf; ri=3600; x=y", "n-- rr n u 0" },
		/* ... but for the policies */
		{ "v=DMARC1; p=nope", "--- rr n u 0 bad" },
		{ "v=DMARC1; p=none; sp=nope", "n-- rr n u 0 bad" },
		{ "v=DMARC1; p=none; np=nope", "n-- rr n u 0 bad" },
		{ "v=DMARC1; p=none reject", "--- rr n u 0 bad" },
		{ "v=DMARC1; p=none\x7f", "--- rr n u 0 bad" },
		{ "v=DMARC1; p=r\xc3\xa9ject", "--- rr n u 0 bad" },
		{ "v=DMARC1; p==none", "--- rr n u 0 bad" },
		{ "v=DMARC1; p", "--- rr n u 0 bad" },
		{ "v=DMARC1; p=; p=reject", "r-- rr n u 0" },
		/* the first counts */
		{ "v=DMARC1; p=reject; p=none", "r-- rr n u 0" },
		{ "v=DMARC1; v=DMARC2; p=reject", "r-- rr n u 0" },
		{ "v=DMARC1; p=none, sp=reject", "--- rr n u 0 bad" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vx_dmarc_record r = record(cases[i].text);

		ck_assert_msg(strcmp(show(&r), cases[i].shown) == 0, "%s: %s, not %s",
		    cases[i].text, show(&r), cases[i].shown);
	}
	vx_arena_done(&arena);
}
END_TEST

/* RFC 9989 4.7: "fo" is nothing without "ruf". */
START_TEST(failure_options)
{
	static const struct {
		const char *fo;
		unsigned want;
	} cases[] = {
		{ "0", VX_DMARC_FO_ALL },
		{ "1", VX_DMARC_FO_ANY },
		{ "d", VX_DMARC_FO_DKIM },
		{ "D:S", VX_DMARC_FO_DKIM | VX_DMARC_FO_SPF },
		{ "1:d:s", VX_DMARC_FO_ANY | VX_DMARC_FO_DKIM | VX_DMARC_FO_SPF },
		{ "d:0:s", VX_DMARC_FO_ALL | VX_DMARC_FO_DKIM | VX_DMARC_FO_SPF },
		{ "0:1", VX_DMARC_FO_ALL },
		{ "d:d", VX_DMARC_FO_ALL },
		{ "d:1:d", VX_DMARC_FO_ALL },
		{ "d:", VX_DMARC_FO_ALL },
		{ ":", VX_DMARC_FO_ALL },
		{ "x", VX_DMARC_FO_ALL },
		{ "ds", VX_DMARC_FO_ALL },
		{ "", VX_DMARC_FO_ALL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[100];
		struct vx_dmarc_record r;

		(void)snprintf(text, sizeof(text),
		    "v=DMARC1; p=none; fo=%s; ruf=mailto:f@example.com", cases[i].fo);
		r = record(text);
		ck_assert_msg(r.fo == cases[i].want, "%s: %u", cases[i].fo, r.fo);
		(void)snprintf(
		    text, sizeof(text), "v=DMARC1; p=none; fo=%s", cases[i].fo);
		r = record(text);
		ck_assert_uint_eq(r.fo, 0);
	}
	vx_arena_done(&arena);
}
END_TEST

/* address NULL: it is left out; "": another scheme. */
START_TEST(uris)
{
	static const struct {
		const char *uri, *address, *host;
		uint64_t octets;
	} cases[] = {
		{ "mailto:a@example.com", "a@example.com", "example.com", 0 },
		{ "MAILTO:A.b+c@Example.COM", "A.b+c@example.com", "example.com", 0 },
		{ "mailto:a@example.com!10m", "a@example.com", "example.com", 10u << 20 },
		{ "mailto:a@example.com!1", "a@example.com", "example.com", 1 },
		{ "mailto:a@example.com!2K", "a@example.com", "example.com", 2048 },
		{ "mailto:a@example.com!3g", "a@example.com", "example.com",
		    UINT64_C(3) << 30 },
		{ "mailto:a@example.com!18446744073709551615t", "a@example.com",
		    "example.com", UINT64_MAX },
		{ "mailto:a@example.com?subject=x", "a@example.com", "example.com", 0 },
		{ "mailto:a%2bb@example.com", "a+b@example.com", "example.com", 0 },
		{ "mailto:a%21b@example.com!5k", "a!b@example.com", "example.com", 5120 },
		{ "mailto:%22a%20b%22@example.com", "\"a b\"@example.com", "example.com",
		    0 },
		{ "mailto:%C3%BC@m%C3%BCller.example", "\xc3\xbc@xn--mller-kva.example",
		    "xn--mller-kva.example", 0 },
		{ "https://example.com/dmarc?x=1#y", "", "", 0 },
		{ "x-y+1.z:anything", "", "", 0 },
		/* not valid */
		{ "", NULL, NULL, 0 },
		{ "a@example.com", NULL, NULL, 0 },
		{ "mailto:", NULL, NULL, 0 },
		{ "mailto:a", NULL, NULL, 0 },
		{ "mailto:@example.com", NULL, NULL, 0 },
		{ "mailto:a@", NULL, NULL, 0 },
		{ "mailto:?to=a@example.com", NULL, NULL, 0 },
		{ "mailto:a@b@example.com", NULL, NULL, 0 },
		{ "mailto:a..b@example.com", NULL, NULL, 0 },
		{ "mailto:a@[192.0.2.1]", NULL, NULL, 0 },
		{ "mailto:a@exa_mple..com", NULL, NULL, 0 },
		{ "mailto:a%0d%0aRCPT@example.com", NULL, NULL, 0 },
		{ "mailto:a%00@example.com", NULL, NULL, 0 },
		{ "mailto:a%3e%20x@example.com", NULL, NULL, 0 },
		{ "mailto:a%ff@example.com", NULL, NULL, 0 },
		{ "mailto:a%2cb%40c@example.com", NULL, NULL, 0 },
		{ "mailto:a%4@example.com", NULL, NULL, 0 },
		{ "mailto:a@example.com%", NULL, NULL, 0 },
		{ "mailto:a@example.com%2", NULL, NULL, 0 },
		{ "mailto:a b@example.com", NULL, NULL, 0 },
		{ "mailto:<a@example.com>", NULL, NULL, 0 },
		{ "mailto:a@example.com!", NULL, NULL, 0 },
		{ "mailto:a@example.com!x", NULL, NULL, 0 },
		{ "mailto:a@example.com!10x", NULL, NULL, 0 },
		{ "mailto:a@example.com!10mm", NULL, NULL, 0 },
		{ "mailto:a@example.com!5!6", NULL, NULL, 0 },
		{ "mailto:a@example.com!99999999999999999999", NULL, NULL, 0 },
		{ "1x:a", NULL, NULL, 0 },
		{ ":a", NULL, NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[300];
		struct vx_dmarc_record r;

		(void)snprintf(text, sizeof(text),
		    "v=DMARC1; p=none; rua=%s ,\tmailto:z@example.org", cases[i].uri);
		r = record(text);
		ck_assert_msg(r.rua_count == (cases[i].address == NULL ? 1u : 2u), "%s",
		    cases[i].uri);
		vxt_assert_str(r.rua[r.rua_count - 1].address, "z@example.org");
		if (cases[i].address == NULL)
			continue;
		vxt_assert_str(r.rua[0].address, cases[i].address);
		vxt_assert_str(r.rua[0].host, cases[i].host);
		ck_assert_uint_eq(r.rua[0].octets_max, cases[i].octets);
		vxt_assert_slice(
		    r.rua[0].uri, vx_slice_head(vx_slice_str(cases[i].uri),
				      vx_slice_find(vx_slice_str(cases[i].uri), '!')));
	}
	vx_arena_done(&arena);
}
END_TEST

/* RFC 9990 7.3: of a public suffix nobody gets failure reports. */
START_TEST(a_public_suffix_gets_no_failure_reports)
{
	struct vx_dmarc_record r = record(
	    "v=DMARC1; psd=y; p=none; rua=mailto:a@b.example; ruf=mailto:a@b.example; "
	    "fo=1");

	ck_assert_uint_eq(r.rua_count, 1);
	ck_assert_uint_eq(r.ruf_count, 0);
	ck_assert_uint_eq(r.fo, 0);
	r = record("v=DMARC1; psd=n; p=none; ruf=mailto:a@b.example");
	ck_assert_uint_eq(r.ruf_count, 1);
	ck_assert_uint_eq(r.fo, VX_DMARC_FO_ALL);
	vx_arena_done(&arena);
}
END_TEST

START_TEST(limits)
{
	struct vx_buf text = { .max = 100000 };
	struct vx_arena small = { .limit = 200 };
	struct vx_dmarc_record r;

	/* URIs */
	vx_buf_add_str(&text, "v=DMARC1; p=none; rua=");
	for (unsigned i = 0; i < 3 * VX_DMARC_URIS_MAX; i++)
		vx_buf_printf(&text, "%smailto:%u@example.com", i == 0 ? "" : ",", i);
	vxt_assert_ok(parse(vx_buf_slice(&text), &r));
	ck_assert_uint_eq(r.rua_count, VX_DMARC_URIS_MAX);
	vxt_assert_str(r.rua[VX_DMARC_URIS_MAX - 1].address, "19@example.com");
	ck_assert_int_eq(
	    vx_dmarc_record_parse(vx_buf_slice(&text), &small, &r), VX_ELIMIT);
	vx_arena_done(&small);

	/* octets of a URI */
	for (int over = 0; over < 2; over++) {
		vx_buf_reset(&text);
		vx_buf_add_str(&text, "v=DMARC1; p=none; rua=https:");
		for (int i = 0; i < VX_DMARC_URI_MAX - 6 + over; i++)
			vx_buf_add_char(&text, 'a');
		vxt_assert_ok(parse(vx_buf_slice(&text), &r));
		ck_assert_uint_eq(r.rua_count, over ? 0 : 1);
	}

	/* octets of a record */
	vx_buf_reset(&text);
	vx_buf_add_str(&text, "v=DMARC1; p=none");
	while (text.len < VX_DMARC_RECORD_MAX)
		vx_buf_add_char(&text, ';');
	vxt_assert_ok(parse(vx_buf_slice(&text), &r));
	vx_buf_add_char(&text, ';');
	ck_assert_int_eq(parse(vx_buf_slice(&text), &r), VX_EINVAL);
	vx_buf_done(&text);
	vx_arena_done(&arena);
}
END_TEST

START_TEST(policies_have_names)
{
	ck_assert_str_eq(vx_dmarc_policy_name(VX_DMARC_UNSET), "none");
	ck_assert_str_eq(vx_dmarc_policy_name(VX_DMARC_NONE), "none");
	ck_assert_str_eq(vx_dmarc_policy_name(VX_DMARC_QUARANTINE), "quarantine");
	ck_assert_str_eq(vx_dmarc_policy_name(VX_DMARC_REJECT), "reject");
}
END_TEST

VXT_SUITE(test_dmarc_record, "dmarc record", a_record_begins_with_its_version, tags,
    failure_options, uris, a_public_suffix_gets_no_failure_reports, limits,
    policies_have_names)
