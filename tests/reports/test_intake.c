/* Reports that come by mail: what is taken of them, what is not, and why. */
#include "fixture.h"
#include "reports/intake.h"
#include "vectis/directory.h"
#include "vectis/header.h"
#include "zip/gzip.h"

#include <stdio.h>

enum {
	DAY = 20000,
	NOON = DAY * 86400 + 43200
};

static void begin_xml(struct vx_buf *out, const char *id, unsigned day)
{
	vx_buf_printf(out,
	    "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>big.example"
	    "</org_name><email>a@big.example</email><report_id>%s</report_id><date_range>"
	    "<begin>%u</begin><end>%u</end></date_range></report_metadata>"
	    "<policy_published><domain>ours.example</domain><p>none</p>"
	    "</policy_published>",
	    id, day * 86400, day * 86400 + 86399);
}

static void add_row(struct vx_buf *out, const char *ip, unsigned count, bool good)
{
	vx_buf_printf(out,
	    "<record><row><source_ip>%s</source_ip><count>%u</count><policy_evaluated>"
	    "<disposition>%s</disposition><dkim>%s</dkim><spf>fail</spf>"
	    "</policy_evaluated></row><identifiers><header_from>ours.example"
	    "</header_from></identifiers><auth_results/></record>",
	    ip, count, good ? "none" : "reject", good ? "pass" : "fail");
}

/* A mail with octets as an attachment of a type. */
static void mail(struct vx_buf *out, const char *type, vx_slice octets)
{
	struct vx_mime_encoder e = { .kind = VX_ENCODING_BASE64 };

	vx_buf_printf(out,
	    "From: a@big.example\r\nSubject: Report\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	    "--b\r\nContent-Type: text/plain\r\n\r\nhello {\r\n"
	    "--b\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n",
	    type);
	vx_mime_encode(&e, octets, out);
	vx_mime_encode_end(&e, out);
	vx_buf_add_str(out, "\r\n--b--\r\n");
	ck_assert(!out->failed);
}

struct read {
	struct vx_arena arena;
	struct vx_report_found found[VX_REPORT_MESSAGE_REPORTS_MAX];
	size_t count;
};

static void read_mail(struct read *r, const struct vx_buf *text)
{
	r->arena = (struct vx_arena){ .limit = 4 << 20 };
	vxt_assert_ok(vx_report_read_mail(
	    vx_buf_slice(text), NOON, &r->arena, r->found, &r->count));
}

static enum vx_report_bad why(const char *type, vx_slice octets)
{
	struct vx_buf text = { .max = 64 << 20 };
	struct read r;
	enum vx_report_bad bad;

	mail(&text, type, octets);
	read_mail(&r, &text);
	bad = r.found[0].bad;
	ck_assert_uint_eq(r.count, 1);
	vx_arena_done(&r.arena);
	vx_buf_done(&text);
	return bad;
}

START_TEST(reports_come_in_many_ways)
{
	static const char *const types[] = { "application/gzip", "application/x-gzip",
		"application/octet-stream; name=x.xml.gz", "text/xml", "application/xml",
		"application/zip" };
	struct vx_buf xml = { .max = 1 << 20 }, gz = { .max = 1 << 20 };

	begin_xml(&xml, "i", DAY);
	add_row(&xml, "192.0.2.1", 3, true);
	vx_buf_add_str(&xml, "</feedback>");
	vxt_assert_ok(vx_gzip(vx_buf_slice(&xml), &gz));
	for (size_t i = 0; i < 6; i++) {
		ck_assert_int_eq(why(types[i], vx_buf_slice(&gz)), VX_REPORT_GOOD);
		ck_assert_int_eq(why(types[i], vx_buf_slice(&xml)), VX_REPORT_GOOD);
	}
	ck_assert_int_eq(why("text/html", vx_buf_slice(&xml)), VX_REPORT_BAD_EMPTY);
	ck_assert_int_eq(why("image/png", VX_S("\x89PNG")), VX_REPORT_BAD_EMPTY);
	vx_buf_done(&xml);
	vx_buf_done(&gz);
}
END_TEST

START_TEST(the_whole_message_may_be_one)
{
	struct vx_buf text = { .max = 1 << 20 };
	struct read r;

	vx_buf_add_str(&text, "Content-Type: application/tlsrpt+json\r\n\r\n"
			      "{\"organization-name\":\"Big\",\"date-range\":{"
			      "\"start-datetime\":\"2024-10-04T00:00:00Z\","
			      "\"end-datetime\":\"2024-10-04T23:59:59Z\"},"
			      "\"contact-info\":\"a@big.example\",\"report-id\":\"i\","
			      "\"policies\":[{\"policy\":{\"policy-type\":\"sts\","
			      "\"policy-domain\":\"Ours.example\"},\"summary\":{"
			      "\"total-successful-session-count\":5,"
			      "\"total-failure-session-count\":2},\"failure-details\":[{"
			      "\"result-type\":\"certificate-expired\","
			      "\"receiving-mx-hostname\":\"mx.ours.example\","
			      "\"failed-session-count\":2}]},{\"policy\":{"
			      "\"policy-type\":\"sts\",\"policy-domain\":"
			      "\"other.example\"},\"summary\":{"
			      "\"total-successful-session-count\":50,"
			      "\"total-failure-session-count\":0}}]}\r\n");
	read_mail(&r, &text);
	ck_assert_uint_eq(r.count, 1);
	ck_assert_msg(r.found[0].bad == VX_REPORT_GOOD, "%s", r.found[0].detail);
	ck_assert_int_eq(r.found[0].kind, VX_REPORT_TLS);
	vxt_assert_str(r.found[0].domain, "ours.example");
	ck_assert_uint_eq(r.found[0].good, 5);
	ck_assert_uint_eq(r.found[0].failed, 2);
	vx_arena_done(&r.arena);
	vx_buf_done(&text);
}
END_TEST

/* --- hostile ones ----------------------------------------------------------------------
 */

START_TEST(bombs_are_too_large)
{
	struct vx_buf zeros = { .max = 80u << 20 }, gz = { .max = 1 << 20 };

	memset(vx_buf_reserve(&zeros, zeros.max), ' ', zeros.max);
	zeros.len = zeros.max;
	vxt_assert_ok(vx_gzip(vx_buf_slice(&zeros), &gz));
	vx_buf_done(&zeros);
	ck_assert_int_eq(why("application/gzip", vx_buf_slice(&gz)), VX_REPORT_BAD_LARGE);
	gz.len /= 2;
	ck_assert_int_eq(why("application/gzip", vx_slice_head(vx_buf_slice(&gz), 2000)),
	    VX_REPORT_BAD_PACKED);
	ck_assert_int_eq(why("application/zip", VX_S("PK\3\4not really an archive")),
	    VX_REPORT_BAD_PACKED);
	vx_buf_done(&gz);
}
END_TEST

START_TEST(deep_and_broken_ones_are_refused)
{
	struct vx_buf xml = { .max = 8 << 20 };

	begin_xml(&xml, "i", DAY);
	for (int i = 0; i < 100000; i++)
		vx_buf_add_str(&xml, "<a>");
	ck_assert_int_eq(why("text/xml", vx_buf_slice(&xml)), VX_REPORT_BAD_LARGE);
	vx_buf_reset(&xml);
	for (int i = 0; i < 100000; i++)
		vx_buf_add_str(&xml, "{\"a\":[");
	ck_assert_int_eq(
	    why("application/tlsrpt+json", vx_buf_slice(&xml)), VX_REPORT_BAD_LARGE);
	ck_assert_int_eq(
	    why("text/xml",
		VX_S("<!DOCTYPE a [<!ENTITY b \"bbbb\">]><feedback>&b;</feedback>")),
	    VX_REPORT_BAD_SYNTAX);
	ck_assert_int_eq(why("application/xml", VX_S("<html>")), VX_REPORT_BAD_SYNTAX);
	ck_assert_int_eq(
	    why("application/tlsrpt+json", VX_S("{}")), VX_REPORT_BAD_SYNTAX);
	vx_buf_reset(&xml);
	begin_xml(&xml, "i", DAY - 40);
	add_row(&xml, "192.0.2.1", 3, true);
	vx_buf_add_str(&xml, "</feedback>");
	ck_assert_int_eq(why("text/xml", vx_buf_slice(&xml)), VX_REPORT_BAD_TIME);
	vx_buf_reset(&xml);
	begin_xml(&xml, "i", DAY + 3);
	add_row(&xml, "192.0.2.1", 3, true);
	vx_buf_add_str(&xml, "</feedback>");
	ck_assert_int_eq(why("text/xml", vx_buf_slice(&xml)), VX_REPORT_BAD_TIME);
	vx_buf_done(&xml);
}
END_TEST

START_TEST(rows_are_added_up_to_a_limit)
{
	struct vx_buf xml = { .max = 8 << 20 }, text = { .max = 16 << 20 };
	size_t items = 0;
	uint64_t sum = 0;
	char ip[48];
	struct read r;

	begin_xml(&xml, "i", DAY);
	for (unsigned i = 0; i < 10000; i++) {
		(void)snprintf(ip, sizeof(ip), "2001:db8::%x", i / 2);
		add_row(&xml, ip, 1, true);
	}
	vx_buf_add_str(&xml, "</feedback>");
	mail(&text, "text/xml", vx_buf_slice(&xml));
	read_mail(&r, &text);
	ck_assert_int_eq(r.found[0].bad, VX_REPORT_GOOD);
	for (const struct vx_report_item *i = r.found[0].items; i != NULL; i = i->next) {
		items++;
		sum += i->a;
	}
	ck_assert_uint_eq(items, VX_REPORT_GOT_ROWS_MAX);
	ck_assert_uint_eq(sum, 2 * VX_REPORT_GOT_ROWS_MAX);
	ck_assert_uint_eq(r.found[0].dropped, 10000 - sum);
	ck_assert_uint_eq(r.found[0].good, 10000);
	vx_arena_done(&r.arena);
	vx_buf_done(&xml);
	vx_buf_done(&text);
}
END_TEST

/* Many parts of one message: only so many are looked into. */
START_TEST(a_message_has_so_many)
{
	struct vx_buf text = { .max = 1 << 20 };
	struct read r;

	vx_buf_add_str(&text, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < 50; i++)
		vx_buf_add_str(&text, "--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n");
	vx_buf_add_str(&text, "--b--\r\n");
	read_mail(&r, &text);
	ck_assert_uint_eq(r.count, VX_REPORT_MESSAGE_REPORTS_MAX);
	for (size_t i = 0; i < r.count; i++)
		ck_assert_int_eq(r.found[i].bad, VX_REPORT_BAD_SYNTAX);
	vx_arena_done(&r.arena);
	vx_buf_done(&text);
}
END_TEST

/* --- in the store ----------------------------------------------------------------------
 */

/* Accept a message as a report, in a mailbox too if account is not 0. */
static int deliver_signed(
    struct fixture *f, vx_slice text, uint32_t account, const char *signers)
{
	struct vx_report_also also = { .intake = true,
		.only = account == 0,
		.checked = signers != NULL,
		.signers = vx_slice_str(signers == NULL ? "" : signers),
		.now = NOON };
	struct vx_delivery_target t = { .account = account };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	int rc;

	vxt_assert_ok(vx_blob_writer_new(f->store, &w));
	ck_assert_int_ge(vx_blob_writer_add(w, text), 0);
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = account != 0;
	op.all_or_none = true;
	op.also = vx_report_also;
	op.also_ctx = &also;
	rc = vx_store_run(f->store, &op.op);
	vx_blob_writer_free(w);
	return rc;
}

static int deliver(struct fixture *f, vx_slice text, uint32_t account)
{
	return deliver_signed(f, text, account, NULL);
}

static uint64_t waiting(struct fixture *f)
{
	struct vx_view *v;
	uint64_t count;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_report_waiting(v, &count));
	vx_view_end(v);
	return count;
}

/* Read the first that waits; what became of its first report. */
static enum vx_report_bad receive(struct fixture *f)
{
	struct vx_report_receive_op op;
	struct vx_view *v;
	struct read r = { .arena = { .limit = 4 << 20 } };
	struct vx_report_intake intake;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_report_intake_next(v, &intake));
	vx_view_end(v);
	vxt_assert_ok(
	    vx_report_read_blob(f->store, &intake, NOON, &r.arena, r.found, &r.count));
	vx_report_receive_op_init(&op);
	op.id = intake.id;
	op.now = NOON;
	op.found = r.found;
	op.count = r.count;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	ck_assert_int_eq(vx_store_run(f->store, &op.op), VX_ENOENT);
	vx_arena_done(&r.arena);
	return r.found[0].bad;
}

static void add_domain(struct fixture *f, const char *name)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_DOMAIN_ADD);
	op.name = vx_slice_str(name);
	vxt_assert_ok(vx_store_run(f->store, &op.op));
}

static void make_mail(struct vx_buf *out, const char *id, unsigned count)
{
	struct vx_buf xml = { .max = 1 << 20 };

	begin_xml(&xml, id, DAY);
	add_row(&xml, "192.0.2.1", count, true);
	add_row(&xml, "192.0.2.2", 1, false);
	vx_buf_add_str(&xml, "</feedback>");
	vx_buf_reset(out);
	mail(out, "text/xml", vx_buf_slice(&xml));
	vx_buf_done(&xml);
}

static uint64_t bads(struct fixture *f, enum vx_report_bad bad)
{
	struct vx_report_bad_count b;
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_report_bad_get(v, bad, &b));
	vx_view_end(v);
	return b.count;
}

static void check_sums(struct fixture *f, const char *domain, uint32_t reports,
    uint64_t good, uint64_t failed)
{
	struct vx_report_got_row row;
	struct vx_report_sum s;
	struct vx_report_got g;
	struct vx_view *v;
	unsigned rows = 0, got = 0;
	int rc;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_report_sum_next(v, NULL, &s));
	vxt_assert_str(s.domain, domain);
	ck_assert_uint_eq(s.day, DAY);
	ck_assert_int_eq(s.kind, VX_REPORT_DMARC);
	ck_assert_uint_eq(s.reports, reports);
	ck_assert_uint_eq(s.good, good);
	ck_assert_uint_eq(s.bad, failed);
	ck_assert_uint_eq(s.rows, 2);
	for (rc = vx_report_got_row_next(v, &s, NULL, &row); rc == VX_OK; rows++) {
		const bool first = strcmp(row.source_ip, "192.0.2.1") == 0;

		ck_assert_str_eq(row.source_ip, first ? "192.0.2.1" : "192.0.2.2");
		ck_assert(row.dkim == first && !row.spf);
		ck_assert_int_eq(
		    row.disposition, first ? VX_REPORT_NONE : VX_REPORT_REJECT);
		ck_assert_uint_eq(row.count, first ? good : failed);
		rc = vx_report_got_row_next(v, &s, row.digest, &row);
	}
	for (rc = vx_report_got_next(v, &s, NULL, &g); rc == VX_OK; got++) {
		vxt_assert_str(g.organization, "big.example");
		ck_assert_uint_eq(g.came, NOON);
		rc = vx_report_got_next(v, &s, g.digest, &g);
	}
	ck_assert_uint_eq(rows, 2);
	ck_assert_uint_eq(got, reports);
	ck_assert_int_eq(vx_report_sum_next(v, &s, &s), VX_ENOENT);
	vx_view_end(v);
}

START_TEST(what_came_is_read_once)
{
	struct vx_buf text = { .max = 1 << 20 };
	struct fixture f;

	fixture_open(&f);
	add_domain(&f, "sub.ours.example"); /* the record is above it */
	make_mail(&text, "one", 5);
	vxt_assert_ok(deliver(&f, vx_buf_slice(&text), 1));
	vxt_assert_ok(deliver(&f, vx_buf_slice(&text), 0));
	ck_assert_uint_eq(fixture_problems(&f), 0);
	ck_assert_uint_eq(waiting(&f), 2);
	ck_assert_int_eq(receive(&f), VX_REPORT_GOOD);
	ck_assert_int_eq(receive(&f), VX_REPORT_BAD_AGAIN);
	make_mail(&text, "two", 7);
	vxt_assert_ok(deliver(&f, vx_buf_slice(&text), 0));
	ck_assert_int_eq(receive(&f), VX_REPORT_GOOD);
	ck_assert_uint_eq(waiting(&f), 0);
	check_sums(&f, "ours.example", 2, 12, 2);
	ck_assert_uint_eq(bads(&f, VX_REPORT_BAD_AGAIN), 1);
	ck_assert_uint_eq(bads(&f, VX_REPORT_BAD_SYNTAX), 0);
	ck_assert_uint_eq(fixture_status(&f, f.inbox).messages, 1);
	vx_buf_done(&text);
	fixture_close(&f);
}
END_TEST

START_TEST(others_are_not_for_us)
{
	static const char *const not_above[] = { "xours.example", "example",
		"a.example" };
	struct vx_buf text = { .max = 1 << 20 };
	struct fixture f;

	fixture_open(&f);
	for (size_t i = 0; i < 3; i++)
		add_domain(&f, not_above[i]);
	make_mail(&text, "one", 5);
	vxt_assert_ok(deliver(&f, vx_buf_slice(&text), 1));
	ck_assert_int_eq(receive(&f), VX_REPORT_BAD_FOREIGN);
	ck_assert_uint_eq(bads(&f, VX_REPORT_BAD_FOREIGN), 1);
	vxt_assert_ok(deliver(&f, VX_S("Subject: hi\r\n\r\nthere\r\n"), 1));
	ck_assert_int_eq(receive(&f), VX_REPORT_BAD_EMPTY);
	vx_buf_done(&text);
	fixture_close(&f);
}
END_TEST

/* Of TLS they have to be; what was not looked into is believed. */
START_TEST(reports_about_tls_are_signed)
{
	static const struct {
		const char *signers;
		enum vx_report_bad bad;
	} cases[] = {
		{ NULL, VX_REPORT_GOOD },
		{ "", VX_REPORT_BAD_UNSIGNED },
		{ "other.example ", VX_REPORT_BAD_UNSIGNED },
		{ "xbig.example ig.example ", VX_REPORT_BAD_UNSIGNED },
		{ "big.example ", VX_REPORT_GOOD },
		{ "other.example mail.big.example ", VX_REPORT_GOOD },
	};
	struct fixture f;

	fixture_open(&f);
	add_domain(&f, "ours.example");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_buf text = { .max = 1 << 16 };

		vx_buf_printf(&text,
		    "Content-Type: application/tlsrpt+json\r\n\r\n"
		    "{\"organization-name\":\"Big\",\"date-range\":{\"start-datetime\":"
		    "\"2024-10-04T00:00:00Z\",\"end-datetime\":\"2024-10-04T23:59:59Z\"},"
		    "\"contact-info\":\"a@Big.example\",\"report-id\":\"%zu\","
		    "\"policies\":"
		    "[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":"
		    "\"ours.example\"},\"summary\":{\"total-successful-session-count\":5,"
		    "\"total-failure-session-count\":0}}]}\r\n",
		    i);
		vxt_assert_ok(
		    deliver_signed(&f, vx_buf_slice(&text), 0, cases[i].signers));
		ck_assert_msg(receive(&f) == cases[i].bad, "%zu", i);
		vx_buf_done(&text);
	}
	fixture_close(&f);
}
END_TEST

static void quiet(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* A message that no mailbox has is there until it was read, also after a repair. */
START_TEST(what_waits_is_kept)
{
	struct vx_buf text = { .max = 1 << 20 };
	struct vx_error err;
	struct fixture f;

	fixture_open(&f);
	add_domain(&f, "ours.example");
	make_mail(&text, "one", 5);
	vxt_assert_ok(deliver(&f, vx_buf_slice(&text), 0));
	vx_store_close(f.store);
	vxt_assert_ok(vx_store_repair(f.dir, quiet, NULL, &err));
	fixture_reopen(&f);
	ck_assert_uint_eq(fixture_problems(&f), 0);
	ck_assert_int_eq(receive(&f), VX_REPORT_GOOD);
	check_sums(&f, "ours.example", 1, 5, 1);
	vx_buf_done(&text);
	fixture_close(&f);
}
END_TEST

/* A flood: who has a mailbox gets it, else the sender is told to come again. */
START_TEST(not_too_many_wait)
{
	struct fixture f;

	fixture_open(&f);
	for (int i = 0; i < VX_REPORT_INTAKE_MAX; i++)
		vxt_assert_ok(deliver(&f, VX_S("A: b\r\n\r\nc\r\n"), 0));
	ck_assert_int_eq(deliver(&f, VX_S("A: b\r\n\r\nc\r\n"), 0), VX_ETEMP);
	ck_assert_uint_eq(bads(&f, VX_REPORT_BAD_FULL), 0);
	vxt_assert_ok(deliver(&f, VX_S("A: b\r\n\r\nc\r\n"), 1));
	ck_assert_uint_eq(waiting(&f), VX_REPORT_INTAKE_MAX);
	ck_assert_uint_eq(bads(&f, VX_REPORT_BAD_FULL), 1);
	ck_assert_uint_eq(fixture_status(&f, f.inbox).messages, 1);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_intake, "intake", reports_come_in_many_ways, the_whole_message_may_be_one,
    bombs_are_too_large, deep_and_broken_ones_are_refused, rows_are_added_up_to_a_limit,
    a_message_has_so_many, what_came_is_read_once, others_are_not_for_us,
    reports_about_tls_are_signed, what_waits_is_kept, not_too_many_wait)
