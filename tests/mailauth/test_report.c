#include "base/mem.h"
#include "lib/vxt.h"
#include "vectis/report.h"

#include <stdio.h>
#include <stdlib.h>

static struct vx_arena arena = { .limit = 64u << 20 };

/* In a block that ends where the text ends. */
static int parse(vx_slice text, struct vx_report *out, struct vx_error *err)
{
	char *const block = malloc(text.len + 1);
	int rc;

	memcpy(block + 1, text.ptr == NULL ? "" : text.ptr, text.len);
	rc = vx_report_parse(vx_slice_of(block + 1, text.len), &arena, out, err);
	free(block);
	return rc;
}

static size_t auth_count(const struct vx_report *r)
{
	size_t n = 0;

	for (const struct vx_report_row *row = r->rows; row != NULL; row = row->next)
		for (const struct vx_report_auth *a = row->auth; a != NULL; a = a->next)
			n++;
	return n;
}

static uint64_t messages(const struct vx_report *r)
{
	uint64_t n = 0;

	for (const struct vx_report_row *row = r->rows; row != NULL; row = row->next)
		n += row->count;
	return n;
}

/* Every file of the suite. */
START_TEST(reports_of_others)
{
	static const struct {
		const char *file;
		const char *org, *id, *domain;
		size_t rows, auth;
		uint64_t messages;
		unsigned defects;
	} cases[] = {
		{ "addisonfoods.xml", "addisonfoods.com",
		    "3ceb5548498640beaeb47327e202b0b9", "example.com", 1, 1, 1, 0 },
		{ "changed-input.xml", "fred.com", "11038226378739404135", "example.com",
		    20, 54, 3047, 0 },
		{ "empty-org.xml", "", "example.com:1538463741", "example.com", 1, 1, 1,
		    0 },
		{ "empty-reason.xml", "example.org", "20240125141224705995",
		    "example.com", 1, 2, 2, 1 },
		{ "estadocuenta1.xml", "XYZ Corporation", "2940", "example.com", 1, 0, 1,
		    0 },
		{ "example-net.xml", "example.net", "b043f0e264cf4ea995e93765242f6dfb",
		    "example.com", 1, 0, 1, 0 },
		{ "fastmail.xml", "FastMail Pty Ltd", "102675056", "indemed.com", 1, 1, 1,
		    0 },
		{ "google-borschow.xml", "google.com", "949348866075514174",
		    "borschow.com", 1, 1, 1, 0 },
		{ "mimecast.xml", "Mimecast",
		    "157a5fe30ec76f4bc0d8bccfc96c118a167a1280fee7c7465af5115e73082e5e",
		    "ab.id.au", 1, 2, 1, 0 },
		{ "nice-input.xml", "google.com", "11038226378739404135", "example.com",
		    20, 54, 3047, 0 },
		{ "old-draft.xml", "acme.com", "9391651994964116463", "example.com", 1, 2,
		    2, 0 },
		{ "outlook.xml", "Outlook.com", "cfeafefe4129445e8c81018bd9177197",
		    "example.com", 1, 1, 1, 0 },
		{ "rfc9990-example-net.xml", "example.net", "dmarcbis-test-report-001",
		    "example.com", 2, 3, 7, 0 },
		{ "rfc9990-sample.xml", "Sample Reporter", "3v98abbp8ya9n3va8yr8oa3ya",
		    "example.com", 1, 2, 123, 0 },
		{ "twilight.xml", "google.com", "1627703331531660819", "twlnet.com", 1, 2,
		    1, 0 },
		{ "upper-case.xml", "example.com",
		    "aggr_report_example.com_20191202_1638", "example.com", 1, 2, 1, 5 },
		{ "usssa.xml", "usssa.com", "8953b4d4a4ee4218b6ac0e2cb2667ee1",
		    "example.com", 2, 0, 2, 0 },
		{ "veeam.xml", "veeam.com", "sonexushealth.com:1530233361", "example.com",
		    1, 1, 1, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[100];
		struct vx_report r;
		struct vx_error err = { 0 };
		struct vx_buf file;
		int rc;

		(void)snprintf(name, sizeof(name), "mailauth/reports/%s", cases[i].file);
		file = vxt_read(name);
		rc = parse(vx_buf_slice(&file), &r, &err);
		ck_assert_msg(rc == VX_OK, "%s: line %u: %s", name, err.line, err.text);
		vxt_assert_str(r.org_name, cases[i].org);
		vxt_assert_str(r.report_id, cases[i].id);
		vxt_assert_str(r.domain, cases[i].domain);
		ck_assert_msg(r.rows_count == cases[i].rows &&
				  auth_count(&r) == cases[i].auth &&
				  messages(&r) == cases[i].messages &&
				  r.defects == cases[i].defects,
		    "%s: %zu %zu %u %u", name, r.rows_count, auth_count(&r),
		    (unsigned)messages(&r), r.defects);
		ck_assert_uint_gt(r.end, 300000000);
		vx_buf_done(&file);
		vx_arena_reset(&arena);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(broken_reports_of_others)
{
	static const struct {
		const char *file;
		unsigned line;
		const char *why;
	} cases[] = {
		{ "ikea.xml", 47, "an element is not closed" },
		{ "invalid-utf-8.xml", 0, "octets that are not UTF-8" },
		{ "invalid-xml.xml", 5, "a tag is not closed" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[100];
		struct vx_report r = { .defects = 77 };
		struct vx_error err = { 0 };
		struct vx_buf file;

		(void)snprintf(name, sizeof(name), "mailauth/reports/%s", cases[i].file);
		file = vxt_read(name);
		ck_assert_int_eq(parse(vx_buf_slice(&file), &r, &err), VX_ESYNTAX);
		ck_assert_msg(strcmp(err.text, cases[i].why) == 0, "%s: %u: %s", name,
		    err.line, err.text);
		ck_assert_uint_eq(err.line, cases[i].line);
		ck_assert_uint_eq(r.defects, 77);
		ck_assert_int_eq(parse(vx_buf_slice(&file), &r, NULL), VX_ESYNTAX);
		vx_buf_done(&file);
	}
	vx_arena_done(&arena);
}
END_TEST

/* All that the two examples of RFC 9990's form have. */
START_TEST(all_elements_are_read)
{
	struct vx_buf file = vxt_read("mailauth/reports/rfc9990-example-net.xml");
	const struct vx_report_row *row;
	const struct vx_report_auth *a;
	struct vx_report r;

	vxt_assert_ok(parse(vx_buf_slice(&file), &r, NULL));
	vxt_assert_str(r.email, "postmaster@example.net");
	ck_assert_uint_eq(r.begin, 1700000000);
	ck_assert_uint_eq(r.end, 1700086399);
	ck_assert(r.strict_dkim && r.strict_spf && r.testing);
	ck_assert_int_eq(r.p, VX_DMARC_REJECT);
	ck_assert_int_eq(r.sp, VX_DMARC_QUARANTINE);
	ck_assert_int_eq(r.np, VX_DMARC_REJECT);
	ck_assert_int_eq(r.discovery, VX_REPORT_DISCOVERY_TREEWALK);
	vxt_assert_str(r.fo, "1");
	row = r.rows;
	ck_assert_str_eq(row->source_ip, "198.51.100.1");
	ck_assert_uint_eq(row->count, 5);
	ck_assert_int_eq(row->disposition, VX_REPORT_NONE);
	ck_assert(row->dkim && row->spf && row->reasons == NULL);
	vxt_assert_str(row->header_from, "example.com");
	vxt_assert_str(row->envelope_from, "example.com");
	ck_assert_ptr_null(row->envelope_to.ptr);
	a = row->auth;
	ck_assert_int_eq(a->method, VX_DMARC_DKIM);
	ck_assert_int_eq(a->verdict, VX_VERDICT_PASS);
	vxt_assert_str(a->domain, "example.com");
	vxt_assert_str(a->selector, "selector1");
	a = a->next;
	ck_assert_int_eq(a->method, VX_DMARC_SPF);
	ck_assert(!a->helo && a->next == NULL);
	row = row->next;
	ck_assert_str_eq(row->source_ip, "203.0.113.10");
	ck_assert_int_eq(row->disposition, VX_REPORT_REJECT);
	ck_assert(!row->dkim && !row->spf && row->next == NULL);
	ck_assert_int_eq(row->reasons->type, VX_REPORT_OTHER);
	vxt_assert_str(row->reasons->comment, "sender not authorized");
	ck_assert_int_eq(row->auth->verdict, VX_VERDICT_FAIL);
	vx_buf_done(&file);
	vx_arena_done(&arena);
}
END_TEST

/* A report with these in it, in their places. */
static const char *report(const char *metadata, const char *policy, const char *record)
{
	static char text[60000];

	(void)snprintf(text, sizeof(text),
	    "<feedback><report_metadata><org_name>o</org_name><email>e</email>"
	    "<report_id>i</report_id><date_range><begin>1</begin><end>2</end></"
	    "date_range>"
	    "%s</report_metadata><policy_published><domain>d</domain><p>none</p>%s"
	    "</policy_published><record>%s</record></feedback>",
	    metadata, policy, record);
	return text;
}

#define ROW "<row><source_ip>192.0.2.1</source_ip><count>1</count></row>"

START_TEST(what_is_not_as_it_should_be)
{
	static const struct {
		const char *metadata, *policy, *record;
		size_t rows;
		unsigned defects;
	} cases[] = {
		{ "", "", ROW, 1, 0 },
		{ "<x><y><date_range><end>0</end></date_range></y></x>",
		    "<p2>reject</p2>", ROW "<z><row/></z>", 1, 0 },
		{ "", "<sp>Reject</sp>", ROW, 1, 1 },
		{ "", "<p></p>", ROW, 1, 2 },
		{ "", "<adkim>x</adkim><testing/>", ROW, 1, 2 },
		{ "", "", "<row><count>1</count></row>", 0, 2 },
		{ "", "", "<row><source_ip>192.0.2.1</source_ip></row>", 0, 2 },
		{ "", "", "<row><source_ip>x</source_ip><count>1</count></row>", 0, 2 },
		{ "", "",
		    "<row><source_ip> 2001:DB8::1\n</source_ip><count> 1 </count></row>",
		    1, 0 },
		{ "", "", "<row><source_ip>::1</source_ip><count>-1</count></row>", 1,
		    1 },
		{ "", "",
		    "<row><source_ip>::1</source_ip><count>99999999999999999999</count>"
		    "</row>",
		    1, 1 },
		{ "", "",
		    ROW
		    "<auth_results><dkim><result>hardfail</result></dkim><spf>"
		    "<scope>helo</scope><result>unknown</result></spf></auth_results>",
		    1, 0 },
		{ "", "",
		    ROW "<auth_results><dkim><result>?</result></dkim></auth_results>", 1,
		    1 },
		{ "", "", "<auth_results><dkim/></auth_results>" ROW, 1, 0 },
		{ "", "", "", 0, 2 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const text =
		    report(cases[i].metadata, cases[i].policy, cases[i].record);
		struct vx_report r;
		struct vx_error err;
		const int rc = parse(vx_slice_str(text), &r, &err);

		ck_assert_msg(rc == VX_OK, "%zu: %s", i, err.text);
		ck_assert_msg(
		    r.rows_count == cases[i].rows && r.defects == cases[i].defects,
		    "%zu: %zu %u", i, r.rows_count, r.defects);
		vx_arena_reset(&arena);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(what_is_no_report)
{
	static const char *const texts[] = {
		"<feedback/>",
		"<x><feedback/></x>",
		"<report/>",
		"<feedback><policy_published><domain>d</domain></policy_published></"
		"feedback>",
		"<feedback><policy_published><domain> </domain></policy_published>"
		"<report_metadata><date_range><begin>1</begin><end>2</end></date_range>"
		"</report_metadata></feedback>",
		"<feedback><policy_published><domain>d</domain></policy_published>"
		"<report_metadata><date_range><begin>3</begin><end>2</end></date_range>"
		"</report_metadata></feedback>",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(
		    parse(vx_slice_str(texts[i]), &(struct vx_report){ 0 }, NULL),
		    VX_ESYNTAX);
	vx_arena_done(&arena);
}
END_TEST

/* RFC 9990 5, and elements with the prefix of a namespace. */
START_TEST(namespaces)
{
	static const char text[] =
	    "<d:feedback xmlns:d=\"urn:ietf:params:xml:ns:dmarc-2.0\" xmlns:x='u'>"
	    "<d:report_metadata><d:org_name>o</d:org_name><x:org_name>p</x:org_name>"
	    "<org_name>q</org_name><d:report_id>i</d:report_id><d:date_range>"
	    "<d:begin>1</d:begin><d:end>2</d:end></d:date_range></d:report_metadata>"
	    "<d:policy_published><d:domain>d</d:domain><d:p>none</d:p>"
	    "</d:policy_published><d:extension><x:p>reject</x:p></d:extension>"
	    "<d:record><d:row><d:source_ip>::1</d:source_ip><d:count>3</d:count></d:row>"
	    "<x:row><d:count>4</d:count></x:row></d:record></d:feedback>";
	struct vx_report r;

	vxt_assert_ok(parse(vx_slice_str(text), &r, NULL));
	vxt_assert_str(r.org_name, "o");
	ck_assert_int_eq(r.p, VX_DMARC_NONE);
	ck_assert_uint_eq(r.rows_count, 1);
	ck_assert_uint_eq(r.rows->count, 3);
	ck_assert_uint_eq(r.defects, 0);
	vx_arena_done(&arena);
}
END_TEST

START_TEST(encodings)
{
	static const struct {
		const char *declaration, *name;
		const char *want; /* NULL: refused */
	} cases[] = {
		{ "<?xml version='1.0' encoding='UTF-8'?>", "M\xc3\xbcller",
		    "M\xc3\xbcller" },
		{ "<?xml version='1.0' encoding='utf-8' ?>", "M\xfcller", NULL },
		{ "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>", "M\xfcller",
		    "M\xc3\xbcller" },
		{ "<?xml version=\"1.0\" encoding = \"windows-1252\"?>", "\x80",
		    "\xe2\x82\xac" },
		{ "<?xml version=\"1.0\" encoding=\"no-such\"?>", "x", NULL },
		{ "\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?>", "\xc3\xbc",
		    "\xc3\xbc" },
		{ "<?xml encoding?>", "x", "x" },
		{ "<?xml encoding='", "x", NULL },
		{ "\n <?xml version='1.0'?>", "x", "x" },
		{ "", "a\x01", NULL },
		{ "", "a\x7f", "a\x7f" },
		{ "", "&#x1;", NULL },
		{ "", "<![CDATA[<a>&amp;]]>", "<a>&amp;" },
		{ "", "&lt;&#65;&#x1F600;&amp;<!-- c -->b", "<A\xf0\x9f\x98\x80&b" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_buf text = { .max = 10000 };
		char metadata[100];
		struct vx_report r;
		int rc;

		(void)snprintf(metadata, sizeof(metadata), "<generator>%s</generator>",
		    cases[i].name);
		vx_buf_add_str(&text, cases[i].declaration);
		vx_buf_add_str(&text, report(metadata, "", ROW));
		rc = parse(vx_buf_slice(&text), &r, NULL);
		ck_assert_msg(
		    rc == (cases[i].want == NULL ? VX_ESYNTAX : VX_OK), "%zu", i);
		if (rc == VX_OK)
			vxt_assert_str(r.generator, cases[i].want);
		vx_buf_done(&text);
		vx_arena_reset(&arena);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(utf_16)
{
	const char *const text = report("<generator>x&#xfc;</generator>", "", ROW);
	const size_t n = strlen(text);

	for (size_t big = 0; big < 2; big++) {
		struct vx_buf wide = { .max = 100000 };
		struct vx_report r;

		vx_buf_add_str(&wide, big ? "\xfe\xff" : "\xff\xfe");
		for (size_t i = 0; i < n; i++) {
			vx_buf_add_char(&wide, big ? '\0' : text[i]);
			vx_buf_add_char(&wide, big ? text[i] : '\0');
		}
		vxt_assert_ok(parse(vx_buf_slice(&wide), &r, NULL));
		vxt_assert_str(r.generator, "x\xc3\xbc");
		vx_buf_done(&wide);
	}
	vx_arena_done(&arena);
}
END_TEST

/* Hostile XML: none is well-formed. */
START_TEST(xml_that_is_none)
{
	static const char *const texts[] = { "", " ", "x", "<", "<a", "<a/", "<a>",
		"<a></b>", "<a></a", "<a></a>x", "<a></a><b/>", "</a>", "<a/></a>",
		"<a><b></a></b>", "<1/>", "< a/>", "<a b/>", "<a b=/>", "<a b=c/>",
		"<a b='c/>", "<a b='<'/>", "<a b='&'/>", "<a b='&x;'/>",
		"<a b='c'd='e'/>", "<a b='c' b='d'/>", "<a>&</a>", "<a>&x;</a>",
		"<a>&;</a>", "<a>&#;</a>", "<a>&#x;</a>", "<a>&#0;</a>",
		"<a>&#xd800;</a>", "<a>&#x110000;</a>", "<a>&#xfffe;</a>", "<a>&#1a;</a>",
		"<a>&#xg;</a>", "<a>&#999999999999999999999;</a>", "<a>&amp</a>",
		"<a>&nbsp;</a>", "<!DOCTYPE a><a/>",
		"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a><!DOCTYPE b></a>",
		"<!ELEMENT a>", "<!-- <a/>", "<a><!-- </a>", "<a><![CDATA[</a>",
		"<a><![CDATA[]]</a>", "<![CDATA[x]]><a/>", "<?x <a/>", "<a><?x </a>",
		"<a/ >", "<a =''/>", "<a>]]></a", "<!></a>", "<a><!", "<a><!-", "<?",
		"</", "<a></", "<a b", "<a b ", "<a b=", "<a b='", "<a b='&", "<a>&",
		"<a>&#", "<a>&#x", "<a>&am", "<a><![CDATA[" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct vx_error err = { 0 };
		struct vx_report r;

		ck_assert_msg(parse(vx_slice_str(texts[i]), &r, &err) == VX_ESYNTAX, "%s",
		    texts[i]);
		/* not only since it is no report */
		ck_assert_msg(
		    strstr(err.text, "feedback") == NULL, "%s: %s", texts[i], err.text);
	}
	/* and these are, but are no report */
	{
		static const char *const good[] = { "<a/>", "<a></a >", "<a\n/>",
			"\n<a/>\n", "<a b='c\"' d=\"'\"/>", "<a b = 'c'\t/>",
			"<?x?><a/><?y?>", "<!----><a/><!-- - -->", "<a><!-- <b> --></a>",
			"<a><?x <b> ?></a>", "<a><![CDATA[]]></a>", "<a><b/></a>",
			"<a:b.c-d_e/>", "<\xc3\xbc/>", "<a>&#x10FFFF;&#9;</a>",
			"<a b='&lt;'/>", "<a>></a>" };
		struct vx_error err = { 0 };
		struct vx_report r;

		for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
			ck_assert_int_eq(
			    parse(vx_slice_str(good[i]), &r, &err), VX_ESYNTAX);
			ck_assert_msg(strstr(err.text, "feedback") != NULL, "%s: %s",
			    good[i], err.text);
		}
	}
	vx_arena_done(&arena);
}
END_TEST

static void repeat(struct vx_buf *out, const char *text, size_t n)
{
	while (n-- > 0)
		vx_buf_add_str(out, text);
}

START_TEST(reading_has_limits)
{
	struct vx_buf text = { .max = 64u << 20 };
	struct vx_arena small = { .limit = 100 };
	struct vx_error err;
	struct vx_report r;

	for (size_t over = 0; over < 2; over++) {
		/* depth */
		vx_buf_reset(&text);
		repeat(&text, "<a>", VX_REPORT_DEPTH_MAX + over);
		repeat(&text, "</a>", VX_REPORT_DEPTH_MAX + over);
		ck_assert_int_eq(
		    parse(vx_buf_slice(&text), &r, &err), over ? VX_ELIMIT : VX_ESYNTAX);
		/* names */
		vx_buf_reset(&text);
		vx_buf_add_char(&text, '<');
		repeat(&text, "a", VX_REPORT_NAME_MAX + over);
		vx_buf_add_str(&text, "/>");
		ck_assert_int_eq(
		    parse(vx_buf_slice(&text), &r, &err), over ? VX_ELIMIT : VX_ESYNTAX);
		/* attributes */
		vx_buf_reset(&text);
		vx_buf_add_str(&text, "<a");
		for (size_t i = 0; i < VX_REPORT_ATTRIBUTES_MAX + over; i++)
			vx_buf_printf(&text, " a%zu=''", i);
		vx_buf_add_str(&text, "/>");
		ck_assert_int_eq(
		    parse(vx_buf_slice(&text), &r, &err), over ? VX_ELIMIT : VX_ESYNTAX);
		/* one value */
		vx_buf_reset(&text);
		vx_buf_add_str(&text, "<error>");
		repeat(&text, "x", VX_REPORT_TEXT_MAX + over);
		vx_buf_add_str(&text, "</error>");
		vx_buf_add_char(&text, '\0');
		ck_assert_int_eq(parse(vx_slice_str(report(text.ptr, "", ROW)), &r, &err),
		    over ? VX_ELIMIT : VX_OK);
	}
	ck_assert_int_eq(
	    vx_report_parse(vx_slice_str(report("", "", ROW)), &small, &r, &err),
	    VX_ELIMIT);
	vx_arena_done(&small);
	/* a report */
	vx_buf_reset(&text);
	repeat(&text, " ", VX_REPORT_OCTETS_MAX + 1);
	ck_assert_int_eq(
	    vx_report_parse(vx_buf_slice(&text), &arena, &r, &err), VX_ELIMIT);
	ck_assert_int_eq(
	    vx_report_parse(vx_slice_head(vx_buf_slice(&text), VX_REPORT_OCTETS_MAX),
		&arena, &r, &err),
	    VX_ESYNTAX);
	vx_buf_done(&text);
	vx_arena_done(&arena);
}
END_TEST

START_TEST(rows_have_limits)
{
	struct vx_buf text = { .max = 64u << 20 };
	struct vx_report r;
	size_t n = 0;

	vx_buf_add_str(&text, ROW "<auth_results>");
	repeat(&text, "<dkim/>", VX_REPORT_AUTH_MAX + 3);
	vx_buf_add_str(&text, "</auth_results><row><policy_evaluated>");
	repeat(&text, "<reason><comment>c</comment></reason>", VX_REPORT_REASONS_MAX + 4);
	vx_buf_add_str(&text, "</policy_evaluated></row>");
	vx_buf_add_char(&text, '\0');
	vxt_assert_ok(parse(vx_slice_str(report("", "", text.ptr)), &r, NULL));
	ck_assert_uint_eq(auth_count(&r), VX_REPORT_AUTH_MAX);
	for (const struct vx_report_reason *one = r.rows->reasons; one != NULL;
	     one = one->next)
		n++;
	ck_assert_uint_eq(n, VX_REPORT_REASONS_MAX);
	ck_assert_uint_eq(r.defects, 7);
	for (size_t over = 0; over < 2; over++) {
		vx_buf_reset(&text);
		vx_buf_add_str(&text,
		    "<feedback><policy_published><domain>d</domain><p>none</p>"
		    "</policy_published><report_metadata><report_id>i"
		    "</report_id><date_range><end>2</end></date_range>"
		    "</report_metadata>");
		repeat(&text, "<record>" ROW "</record>", VX_REPORT_ROWS_MAX + over);
		vx_buf_add_str(&text, "</feedback>");
		vx_arena_done(&arena);
		ck_assert_int_eq(
		    parse(vx_buf_slice(&text), &r, NULL), over ? VX_ELIMIT : VX_OK);
	}
	ck_assert_uint_eq(r.rows_count, VX_REPORT_ROWS_MAX);
	vx_buf_done(&text);
	vx_arena_done(&arena);
}
END_TEST

/* --- writing --------------------------------------------------------------------------
 */

static struct vx_report_row row_of(const char *address)
{
	struct vx_report_row row = { .count = 123,
		.disposition = VX_REPORT_PASS,
		.dkim = true,
		.header_from = VX_S("example.com"),
		.envelope_from = VX_S("example.com") };

	(void)snprintf(row.source_ip, sizeof(row.source_ip), "%s", address);
	return row;
}

static struct vx_report sample(struct vx_report_row *rows)
{
	return (struct vx_report){ .org_name = VX_S("Sample Reporter"),
		.email = VX_S("report_sender@example-reporter.com"),
		.extra_contact_info = VX_S("..."),
		.report_id = VX_S("3v98abbp8ya9n3va8yr8oa3ya"),
		.begin = 302832000,
		.end = 302918399,
		.generator = VX_S("Example DMARC Aggregate Reporter v1.2"),
		.domain = VX_S("example.com"),
		.p = VX_DMARC_QUARANTINE,
		.sp = VX_DMARC_NONE,
		.np = VX_DMARC_NONE,
		.discovery = VX_REPORT_DISCOVERY_TREEWALK,
		.rows = rows };
}

/* RFC 9990 appendix B, with all that is in force. */
START_TEST(the_sample_is_written)
{
	struct vx_report_auth spf = { .method = VX_DMARC_SPF,
		.verdict = VX_VERDICT_FAIL,
		.domain = VX_S("example.com") };
	struct vx_report_auth helo = { .method = VX_DMARC_SPF,
		.helo = true,
		.domain = VX_S("helo.example"),
		.next = &spf };
	struct vx_report_auth dkim = { .verdict = VX_VERDICT_PASS,
		.method = VX_DMARC_DKIM,
		.domain = VX_S("example.com"),
		.selector = VX_S("abc123"),
		.human_result = VX_S("<2048 bits> & more"),
		.next = &helo };
	struct vx_report_reason reason = { .type = VX_REPORT_MAILING_LIST,
		.comment = VX_S("a\x01\xff") };
	struct vx_report_row row = row_of("192.0.2.123");
	struct vx_report r = sample(&row);
	struct vx_buf out = { .max = 100000 };

	row.auth = &dkim;
	row.reasons = &reason;
	row.envelope_to = VX_S("example.org");
	vxt_assert_ok(vx_report_write(&r, &out));
	vxt_assert_str(vx_buf_slice(&out),
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
	    "  <version>1.0</version>\n"
	    "  <report_metadata>\n"
	    "    <org_name>Sample Reporter</org_name>\n"
	    "    <email>report_sender@example-reporter.com</email>\n"
	    "    <extra_contact_info>...</extra_contact_info>\n"
	    "    <report_id>3v98abbp8ya9n3va8yr8oa3ya</report_id>\n"
	    "    <date_range>\n"
	    "      <begin>302832000</begin>\n"
	    "      <end>302918399</end>\n"
	    "    </date_range>\n"
	    "    <generator>Example DMARC Aggregate Reporter v1.2</generator>\n"
	    "  </report_metadata>\n"
	    "  <policy_published>\n"
	    "    <domain>example.com</domain>\n"
	    "    <discovery_method>treewalk</discovery_method>\n"
	    "    <p>quarantine</p>\n"
	    "    <sp>none</sp>\n"
	    "    <np>none</np>\n"
	    "    <adkim>r</adkim>\n"
	    "    <aspf>r</aspf>\n"
	    "    <testing>n</testing>\n"
	    "  </policy_published>\n"
	    "  <record>\n"
	    "    <row>\n"
	    "      <source_ip>192.0.2.123</source_ip>\n"
	    "      <count>123</count>\n"
	    "      <policy_evaluated>\n"
	    "        <disposition>pass</disposition>\n"
	    "        <dkim>pass</dkim>\n"
	    "        <spf>fail</spf>\n"
	    "        <reason>\n"
	    "          <type>mailing_list</type>\n"
	    "          <comment>a\xef\xbf\xbd\xef\xbf\xbd</comment>\n"
	    "        </reason>\n"
	    "      </policy_evaluated>\n"
	    "    </row>\n"
	    "    <identifiers>\n"
	    "      <header_from>example.com</header_from>\n"
	    "      <envelope_from>example.com</envelope_from>\n"
	    "      <envelope_to>example.org</envelope_to>\n"
	    "    </identifiers>\n"
	    "    <auth_results>\n"
	    "      <dkim>\n"
	    "        <domain>example.com</domain>\n"
	    "        <selector>abc123</selector>\n"
	    "        <result>pass</result>\n"
	    "        <human_result>&lt;2048 bits&gt; &amp; more</human_result>\n"
	    "      </dkim>\n"
	    "      <spf>\n"
	    "        <domain>example.com</domain>\n"
	    "        <scope>mfrom</scope>\n"
	    "        <result>fail</result>\n"
	    "      </spf>\n"
	    "    </auth_results>\n"
	    "  </record>\n"
	    "</feedback>\n");
	vx_buf_done(&out);
}
END_TEST

/* What we write we read as it was: the files of the suite, twice. */
START_TEST(written_and_read)
{
	static const char *const files[] = { "nice-input", "rfc9990-example-net",
		"rfc9990-sample", "outlook", "mimecast" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct vx_buf file, out = { .max = 1 << 20 }, again = { .max = 1 << 20 };
		struct vx_report r, second;
		char name[100];

		(void)snprintf(name, sizeof(name), "mailauth/reports/%s.xml", files[i]);
		file = vxt_read(name);
		vxt_assert_ok(parse(vx_buf_slice(&file), &r, NULL));
		vxt_assert_ok(vx_report_write(&r, &out));
		vxt_assert_ok(parse(vx_buf_slice(&out), &second, NULL));
		ck_assert_uint_eq(second.defects, 0);
		ck_assert_uint_eq(second.rows_count, r.rows_count);
		ck_assert_uint_eq(auth_count(&second), auth_count(&r));
		ck_assert_uint_eq(messages(&second), messages(&r));
		vxt_assert_ok(vx_report_write(&second, &again));
		ck_assert(vx_slice_eq(vx_buf_slice(&out), vx_buf_slice(&again)));
		vx_buf_done(&file);
		vx_buf_done(&out);
		vx_buf_done(&again);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(what_cannot_be_written)
{
	static const char *const bad_ids[] = { "", "a b", "a@", "@a", "a..b", "<a", "a>",
		"<>", "a@b@c", "a\r\nb", "\xc3\xbc" };
	static const char *const good_ids[] = { "a", "a.b",
		"1721054318-example.com@example.org",
		"<2024-03-27_example.com@example.org>", "<a>" };
	struct vx_report_row row = row_of("192.0.2.1"), bad_row = row_of("");
	struct vx_report r = sample(&row), bad[8];
	struct vx_buf out = { .max = 100000 };

	for (size_t i = 0; i < 8; i++)
		bad[i] = r;
	bad[0].domain.len = 0;
	bad[1].org_name.len = 0;
	bad[2].email.len = 0;
	bad[3].p = VX_DMARC_UNSET;
	bad[4].rows = NULL;
	bad[5].end = bad[5].begin - 1;
	bad[6].rows = &bad_row;
	for (size_t i = 0; i < 7; i++)
		ck_assert_int_eq(vx_report_write(&bad[i], &out), VX_EINVAL);
	row.header_from.len = 0;
	ck_assert_int_eq(vx_report_write(&r, &out), VX_EINVAL);
	row.header_from.len = 1;
	for (size_t i = 0; i < sizeof(bad_ids) / sizeof(bad_ids[0]); i++) {
		r.report_id = vx_slice_str(bad_ids[i]);
		ck_assert_msg(vx_report_write(&r, &out) == VX_EINVAL, "%s", bad_ids[i]);
	}
	ck_assert_uint_eq(out.len, 0);
	for (size_t i = 0; i < sizeof(good_ids) / sizeof(good_ids[0]); i++) {
		r.report_id = vx_slice_str(good_ids[i]);
		vxt_assert_ok(vx_report_write(&r, &out));
	}
	vx_buf_done(&out);
	out = (struct vx_buf){ .max = 1000 };
	vx_buf_add_str(&out, "x");
	ck_assert_int_eq(vx_report_write(&r, &out), VX_ELIMIT);
	vxt_assert_str(vx_buf_slice(&out), "x");
	vx_buf_done(&out);
}
END_TEST

/* A memory that fails anywhere: a result that says so, nothing lost. */
START_TEST(no_memory)
{
	struct vx_buf file = vxt_read("mailauth/reports/rfc9990-example-net.xml");
	bool failed = true;

	for (size_t n = 1; failed; n++) {
		struct vx_report r = { .defects = 77 };
		int rc;

		ck_assert_uint_lt(n, 1000);
		vx_mem_fail_at(n);
		rc = vx_report_parse(vx_buf_slice(&file), &arena, &r, NULL);
		failed = vx_mem_failed() != 0;
		vx_mem_fail_at(0);
		ck_assert_int_eq(rc, failed ? VX_ELIMIT : VX_OK);
		ck_assert_uint_eq(r.defects, failed ? 77 : 0);
		vx_arena_done(&arena);
	}
	vx_buf_done(&file);
}
END_TEST

START_TEST(names_of_reports)
{
	static const struct {
		struct vx_report_name name;
		const char *file, *subject;
	} cases[] = {
		{ { .receiver = VX_SLICE_INIT("mail.receiver.example"),
		      .policy_domain = VX_SLICE_INIT("Example.com"),
		      .begin = 1013662812,
		      .end = 1013749130,
		      .report_id = VX_SLICE_INIT("sample-ridtxt@example.com"),
		      .gzip = true },
		    "mail.receiver.example!example.com!1013662812!1013749130.xml.gz",
		    "Report Domain: example.com\r\n\tSubmitter: mail.receiver.example\r\n"
		    "\tReport-ID: <sample-ridtxt@example.com>" },
		{ { .receiver = VX_SLICE_INIT("mail.sndr.example.com"),
		      .policy_domain = VX_SLICE_INIT("example.net"),
		      .begin = 1470013207,
		      .end = 1470186007,
		      .unique_id = VX_SLICE_INIT("001"),
		      .report_id = VX_SLICE_INIT("<735ff.e317+bf22029@mailexample.net>"),
		      .tls = true,
		      .gzip = true },
		    "mail.sndr.example.com!example.net!1470013207!1470186007!001.json.gz",
		    "Report Domain: example.net\r\n\tSubmitter: mail.sndr.example.com\r\n"
		    "\tReport-ID: <735ff.e317+bf22029@mailexample.net>" },
		{ { .receiver = VX_SLICE_INIT("m\xc3\xbcller.example"),
		      .policy_domain = VX_SLICE_INIT("a.example"),
		      .report_id = VX_SLICE_INIT("x") },
		    "xn--mller-kva.example!a.example!0!0.xml",
		    "Report Domain: a.example\r\n\tSubmitter: xn--mller-kva.example\r\n"
		    "\tReport-ID: <x>" },
	};
	struct vx_buf out = { .max = 1000 };
	struct vx_report_name n;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vx_buf_reset(&out);
		vxt_assert_ok(vx_report_filename(&cases[i].name, &out));
		vxt_assert_str(vx_buf_slice(&out), cases[i].file);
		vx_buf_reset(&out);
		vxt_assert_ok(vx_report_subject(&cases[i].name, &out));
		vxt_assert_str(vx_buf_slice(&out), cases[i].subject);
	}
	vx_buf_reset(&out);
	for (size_t i = 0; i < 4; i++) {
		n = cases[0].name;
		*(i % 2 == 0 ? &n.receiver : &n.policy_domain) =
		    i < 2 ? VX_S("a/../b") : VX_S("");
		ck_assert_int_eq(vx_report_filename(&n, &out), VX_EINVAL);
		ck_assert_int_eq(vx_report_subject(&n, &out), VX_EINVAL);
	}
	n = cases[0].name;
	n.unique_id = VX_S("a!b");
	ck_assert_int_eq(vx_report_filename(&n, &out), VX_EINVAL);
	n.report_id = VX_S("a\r\nb");
	ck_assert_int_eq(vx_report_subject(&n, &out), VX_EINVAL);
	n.report_id = VX_S("<>");
	ck_assert_int_eq(vx_report_subject(&n, &out), VX_EINVAL);
	ck_assert_uint_eq(out.len, 0);
	vx_buf_done(&out);
	for (size_t max = 1; max < 60; max += 7) {
		out = (struct vx_buf){ .max = max };
		ck_assert_int_eq(vx_report_filename(&cases[0].name, &out), VX_ELIMIT);
		ck_assert_uint_eq(out.len, 0);
		vx_buf_reset(&out);
		ck_assert_int_eq(vx_report_subject(&cases[0].name, &out), VX_ELIMIT);
		ck_assert_uint_eq(out.len, 0);
		vx_buf_done(&out);
	}
}
END_TEST

VXT_SUITE(test_report, "reports", reports_of_others, broken_reports_of_others,
    all_elements_are_read, what_is_not_as_it_should_be, what_is_no_report, namespaces,
    encodings, utf_16, xml_that_is_none, reading_has_limits, rows_have_limits,
    the_sample_is_written, written_and_read, what_cannot_be_written, no_memory,
    names_of_reports)
