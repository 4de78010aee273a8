/* A day's report, the mail around it, and what reading that finds again. */
#include "fixture.h"
#include "reports/batch.h"
#include "reports/intake.h"
#include "reports/make.h"
#include "zip/gzip.h"

#include <stdio.h>

enum {
	DAY = 20000,
	NOON = DAY * 86400 + 43200
};

static struct vx_report_batch *new_batch(struct fixture *f)
{
	const struct vx_report_batch_options o = {
		.struct_size = sizeof(o), .store = f->store, .dmarc = true, .tls = true
	};
	struct vx_report_batch *b;

	vxt_assert_ok(vx_report_batch_new(&o, &b));
	return b;
}

static void note(struct vx_report_batch *b, const char *ip, bool good)
{
	struct vx_dmarc_record record;
	struct vx_arena a = { .limit = 1 << 20 };
	struct vx_report_auth spf = { .method = VX_DMARC_SPF,
		.verdict = VX_VERDICT_FAIL,
		.domain = VX_S("a.example") };
	const struct vx_report_auth auth = { .method = VX_DMARC_DKIM,
		.verdict = good ? VX_VERDICT_PASS : VX_VERDICT_FAIL,
		.domain = VX_S("a.example"),
		.selector = VX_S("s1"),
		.human_result = VX_S("because"),
		.next = &spf };
	const struct vx_report_reason reason = { .type = VX_REPORT_LOCAL_POLICY,
		.comment = VX_S("a list") };
	struct vx_dmarc_result r = {
		.policy_domain = "a.example", .record = &record, .dkim = good
	};
	const struct vx_dmarc_seen s = { .source_ip = ip,
		.result = &r,
		.header_from = VX_S("sub.a.example"),
		.envelope_from = VX_S("a.example"),
		.disposition = good ? VX_REPORT_PASS : VX_REPORT_QUARANTINE,
		.reasons = good ? NULL : &reason,
		.auth = &auth };

	vxt_assert_ok(vx_dmarc_record_parse(
	    VX_S("v=DMARC1; p=quarantine; np=reject; adkim=s; t=y; fo=1:s; "
		 "ruf=mailto:f@a.example; rua=mailto:r@a.example"),
	    &a, &record));
	vxt_assert_ok(vx_report_note_dmarc(b, NOON, &s));
	vx_arena_done(&a);
}

static const vx_slice to[] = { VX_SLICE_INIT("r@a.example"),
	VX_SLICE_INIT("s@b.example") };

static struct vx_report_make make_of(
    struct fixture *f, enum vx_report_kind kind, const char *domain)
{
	return (struct vx_report_make){ .store = f->store,
		.kind = kind,
		.day = DAY,
		.domain = vx_slice_str(domain),
		.organization = VX_S("Example & Sons"),
		.email = VX_S("postmaster@mx.example"),
		.submitter = VX_S("mx.example"),
		.to = to,
		.to_count = 2 };
}

/* Rows beyond one step of reading. */
START_TEST(dmarc_is_reported)
{
	struct vx_buf gz = { .max = VX_REPORT_PACKED_MAX }, xml = { .max = 1 << 20 };
	struct vx_arena a = { .limit = 16 << 20 };
	struct vx_report_batch *b;
	struct vx_report_make m;
	const struct vx_report_row *bad = NULL;
	struct vx_report r;
	struct vx_error err;
	struct fixture f;
	uint64_t count = 0;
	char ip[48];

	fixture_open(&f);
	b = new_batch(&f);
	note(b, "192.0.2.1", false);
	note(b, "192.0.2.1", false);
	for (unsigned i = 0; i < 450; i++) {
		(void)snprintf(ip, sizeof(ip), "2001:db8::%x", i);
		note(b, ip, true);
	}
	vx_report_batch_free(b);
	m = make_of(&f, VX_REPORT_DMARC, "a.example");
	vxt_assert_ok(vx_report_make(&m, &gz));
	vxt_assert_ok(vx_gunzip(vx_buf_slice(&gz), &xml));
	ck_assert_msg(
	    vx_report_parse(vx_buf_slice(&xml), &a, &r, &err) == VX_OK, "%s", err.text);
	ck_assert_uint_eq(r.defects, 0);
	vxt_assert_str(r.org_name, "Example & Sons");
	vxt_assert_str(r.domain, "a.example");
	ck_assert_uint_eq(r.begin, (uint64_t)DAY * 86400);
	ck_assert_uint_eq(r.end, (uint64_t)DAY * 86400 + 86399);
	ck_assert_int_eq(r.p, VX_DMARC_QUARANTINE);
	ck_assert_int_eq(r.np, VX_DMARC_REJECT);
	ck_assert_int_eq(r.sp, VX_DMARC_UNSET);
	ck_assert(r.strict_dkim && !r.strict_spf && r.testing);
	vxt_assert_str(r.fo, "1:s");
	ck_assert_uint_eq(r.rows_count, 451);
	for (const struct vx_report_row *row = r.rows; row != NULL; row = row->next) {
		count += row->count;
		bad = row->dkim ? bad : row;
	}
	ck_assert_uint_eq(count, 452);
	ck_assert_str_eq(bad->source_ip, "192.0.2.1");
	ck_assert_uint_eq(bad->count, 2);
	ck_assert_int_eq(bad->disposition, VX_REPORT_QUARANTINE);
	ck_assert_int_eq(bad->reasons->type, VX_REPORT_LOCAL_POLICY);
	vxt_assert_str(bad->reasons->comment, "a list");
	vxt_assert_str(bad->header_from, "sub.a.example");
	vxt_assert_str(bad->envelope_from, "a.example");
	vxt_assert_str(bad->auth->selector, "s1");
	vxt_assert_str(bad->auth->human_result, "because");
	ck_assert_int_eq(bad->auth->next->method, VX_DMARC_SPF);
	m = make_of(&f, VX_REPORT_TLS, "a.example");
	ck_assert_int_eq(vx_report_make(&m, &gz), VX_ENOENT);
	vx_buf_done(&gz);
	vx_buf_done(&xml);
	vx_arena_done(&a);
	fixture_close(&f);
}
END_TEST

static void note_tls(struct fixture *f)
{
	struct vx_report_line mx = { .text = VX_S("*.a.example") };
	struct vx_report_line two = { .text = VX_S("mode: enforce") };
	struct vx_report_line one = { .text = VX_S("version: STSv1"), .next = &two };
	struct vx_tls_failure fail = { .type = VX_TLS_CERTIFICATE_EXPIRED,
		.sending_ip = VX_S("192.0.2.1"),
		.receiving_hostname = VX_S("mx.a.example"),
		.receiving_ip = VX_S("192.0.2.2"),
		.count = 3,
		.reason_code = VX_S("expired on Monday") };
	const struct vx_tls_policy sts = { .type = VX_TLS_POLICY_STS,
		.domain = VX_S("a.example"),
		.lines = &one,
		.mx_hosts = &mx,
		.successes = 5,
		.failures = 3,
		.details = &fail };
	const struct vx_tls_policy none = {
		.type = VX_TLS_POLICY_NONE, .domain = VX_S("a.example"), .successes = 1
	};
	struct vx_report_batch *b = new_batch(f);

	vxt_assert_ok(vx_report_note_tls(b, NOON, &sts));
	vxt_assert_ok(vx_report_note_tls(b, NOON, &none));
	vxt_assert_ok(vx_report_note_tls(b, NOON, &none));
	vx_report_batch_free(b);
}

START_TEST(tls_is_reported)
{
	struct vx_buf gz = { .max = VX_REPORT_PACKED_MAX }, json = { .max = 1 << 20 };
	struct vx_arena a = { .limit = 16 << 20 };
	const struct vx_tls_policy *sts, *none;
	struct vx_report_make m;
	struct vx_tls_report r;
	struct vx_error err;
	struct fixture f;

	fixture_open(&f);
	note_tls(&f);
	m = make_of(&f, VX_REPORT_TLS, "a.example");
	vxt_assert_ok(vx_report_make(&m, &gz));
	vxt_assert_ok(vx_gunzip(vx_buf_slice(&gz), &json));
	ck_assert_msg(vx_tls_report_parse(vx_buf_slice(&json), &a, &r, &err) == VX_OK,
	    "%s", err.text);
	ck_assert_uint_eq(r.defects, 0);
	ck_assert_int_eq(r.begin, (int64_t)DAY * 86400);
	vxt_assert_str(r.contact, "postmaster@mx.example");
	sts = r.policies->type == VX_TLS_POLICY_STS ? r.policies : r.policies->next;
	none = sts == r.policies ? sts->next : r.policies;
	ck_assert_uint_eq(none->successes, 2);
	ck_assert_ptr_null(none->details);
	ck_assert_uint_eq(sts->successes, 5);
	ck_assert_uint_eq(sts->failures, 3);
	vxt_assert_str(sts->lines->next->text, "mode: enforce");
	vxt_assert_str(sts->mx_hosts->text, "*.a.example");
	ck_assert_int_eq(sts->details->type, VX_TLS_CERTIFICATE_EXPIRED);
	ck_assert_uint_eq(sts->details->count, 3);
	vxt_assert_str(sts->details->receiving_ip, "192.0.2.2");
	vxt_assert_str(sts->details->reason_code, "expired on Monday");
	vx_buf_done(&gz);
	vx_buf_done(&json);
	vx_arena_done(&a);
	fixture_close(&f);
}
END_TEST

static bool has(const struct vx_buf *b, const char *text)
{
	return vx_slice_find_slice(vx_buf_slice(b), vx_slice_str(text)) < b->len;
}

/* As RFC 8460 5.3 and RFC 9990 3.5.2 have it; and it is read as any other's. */
START_TEST(the_mail_is_as_it_has_to_be)
{
	static const char *const tls[] = {
		"From: <postmaster@mx.example>\r\nTo: "
		"<r@a.example>,\r\n\t<s@b.example>\r\n"
		"Subject: Report Domain: a.example\r\n\tSubmitter: mx.example\r\n"
		"\tReport-ID: <tls.20000.",
		"\r\nTLS-Report-Domain: a.example\r\nTLS-Report-Submitter: mx.example\r\n"
		"TLS-Required: No\r\n",
		"\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n",
		"\r\nContent-Type: application/tlsrpt+gzip;",
		"filename=\"mx.example!a.example!1728000000!1728086399.json.gz\"\r\n",
		"\r\nAuto-Submitted: auto-generated\r\n",
		"An aggregate report of 2024-10-04 (UTC) about ",
	};
	static const char *const dmarc[] = { "Report-ID: <dmarc.20000.",
		"\r\nContent-Type: multipart/mixed;\r\n",
		"\r\nContent-Type: application/gzip;",
		"filename=\"mx.example!a.example!1728000000!1728086399.xml.gz\"\r\n" };
	struct vx_report_found found[VX_REPORT_MESSAGE_REPORTS_MAX];
	struct vx_arena a = { .limit = 1 << 20 };
	struct vx_report_batch *b;
	struct fixture f;
	size_t count;

	fixture_open(&f);
	note_tls(&f);
	b = new_batch(&f);
	note(b, "192.0.2.1", false);
	note(b, "192.0.2.2", true);
	vx_report_batch_free(b);
	for (int kind = 0; kind < 2; kind++) {
		struct vx_buf gz = { .max = VX_REPORT_PACKED_MAX };
		struct vx_buf mail = { .max = VX_REPORT_MAIL_MAX };
		const struct vx_report_make m =
		    make_of(&f, kind == 0 ? VX_REPORT_TLS : VX_REPORT_DMARC, "a.example");

		vxt_assert_ok(vx_report_make(&m, &gz));
		vxt_assert_ok(
		    vx_report_write_mail(&m, vx_buf_slice(&gz), NOON + 86400, &mail));
		for (size_t i = 0; i < (kind == 0 ? 7 : 4); i++)
			ck_assert_msg(has(&mail, kind == 0 ? tls[i] : dmarc[i]),
			    "%s: %.*s", kind == 0 ? tls[i] : dmarc[i], (int)mail.len,
			    mail.ptr);
		ck_assert(vx_report_is_report(vx_buf_slice(&mail)));
		vxt_assert_ok(vx_report_read_mail(
		    vx_buf_slice(&mail), NOON + 86400, &a, found, &count));
		ck_assert_uint_eq(count, 1);
		ck_assert_msg(found[0].bad == VX_REPORT_GOOD, "%s", found[0].detail);
		ck_assert_int_eq(found[0].kind, m.kind);
		vxt_assert_str(found[0].domain, "a.example");
		ck_assert_uint_eq(found[0].good, kind == 0 ? 7 : 1);
		ck_assert_uint_eq(found[0].failed, kind == 0 ? 3 : 1);
		vx_buf_done(&gz);
		vx_buf_done(&mail);
	}
	vx_arena_done(&a);
	fixture_close(&f);
}
END_TEST

/* --- destinations ----------------------------------------------------------------------
 */

static vx_slice txt(const char *text, char room[512])
{
	const size_t len = strlen(text);

	ck_assert_uint_lt(len, 256);
	room[0] = (char)len;
	memcpy(room + 1, text, len);
	return vx_slice_of(room, len + 1);
}

START_TEST(tls_reports_go_where_it_says)
{
	static const struct {
		const char *records[3];
		int result;
		const char *uris;
	} cases[] = {
		{ { "v=TLSRPTv1;rua=mailto:reports@example.com" }, VX_OK,
		    "mailto:reports@example.com[reports@example.com]" },
		{ { "v=TLSRPTv1 ; x=y; rua=https://r.example/v1/tlsrpt , "
		    "mailto:a%2Bb@c.d;" },
		    VX_OK, "https://r.example/v1/tlsrpt[] mailto:a%2Bb@c.d[a+b@c.d]" },
		{ { "other", "v=TLSRPTv1;rua=mailto:a@b.c",
		      "v=TLSRPTv2;rua=mailto:x@y.z" },
		    VX_OK, "mailto:a@b.c[a@b.c]" },
		{ { "v=TLSRPTv1;rua=mailto:a@b.c", "v=TLSRPTv1;rua=mailto:a@b.c" },
		    VX_ENOENT, "" },
		{ { "v=TLSRPTv1" }, VX_ENOENT, "" },
		{ { "v=TLSRPTv1;" }, VX_ENOENT, "" },
		{ { "v=TLSRPTv1x;rua=mailto:a@b.c" }, VX_ENOENT, "" },
		{ { " v=TLSRPTv1;rua=mailto:a@b.c" }, VX_ENOENT, "" },
		{ { "v=TLSRPTv1;rua=nothing" }, VX_ENOENT, "" },
		{ { NULL }, VX_ENOENT, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_arena a = { .limit = 1 << 20 };
		struct vx_dns_answer answer = { .status = VX_DNS_FOUND };
		struct vx_buf got = { .max = 1000 };
		const struct vx_dmarc_uri *uris;
		char room[3][512];
		vx_slice rdata[3];
		size_t count = 0;

		while (answer.count < 3 && cases[i].records[answer.count] != NULL) {
			rdata[answer.count] =
			    txt(cases[i].records[answer.count], room[answer.count]);
			answer.count++;
		}
		answer.rdata = rdata;
		ck_assert_int_eq(vx_report_tls_destinations(&answer, &a, &uris, &count),
		    cases[i].result);
		for (size_t k = 0; k < count; k++)
			vx_buf_printf(&got, "%s%.*s[%.*s]", k == 0 ? "" : " ",
			    (int)uris[k].uri.len, uris[k].uri.ptr,
			    (int)uris[k].address.len, uris[k].address.ptr);
		vxt_assert_str(vx_buf_slice(&got), cases[i].uris);
		answer.status = VX_DNS_FAILED;
		answer.count = 0;
		ck_assert_int_eq(
		    vx_report_tls_destinations(&answer, &a, &uris, &count), VX_ETEMP);
		vx_buf_done(&got);
		vx_arena_done(&a);
	}
}
END_TEST

/* --- settling --------------------------------------------------------------------------
 */

static int settle(struct fixture *f, enum vx_report_state state, uint32_t due)
{
	struct vx_report_settle_op op;

	vx_report_settle_op_init(&op);
	op.kind = VX_REPORT_DMARC;
	op.day = DAY;
	op.domain = VX_S("a.example");
	op.reason = VX_S("so");
	op.state = state;
	op.due = due;
	op.now = NOON + 86400;
	return vx_store_run(f->store, &op.op);
}

static struct vx_report_day first_day(struct fixture *f)
{
	struct vx_report_day d = { .day = 0 };
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	vxt_assert_ok(vx_report_day_next(v, NULL, &d));
	vx_view_end(v);
	return d;
}

START_TEST(a_day_is_settled_once)
{
	struct vx_buf gz = { .max = VX_REPORT_PACKED_MAX };
	struct vx_report_batch *b;
	struct vx_report_make m;
	struct vx_report_day d;
	struct fixture f;

	fixture_open(&f);
	ck_assert_int_eq(settle(&f, VX_REPORT_SENT, 0), VX_ENOENT);
	b = new_batch(&f);
	note(b, "192.0.2.1", true);
	vx_report_batch_free(b);
	vxt_assert_ok(settle(&f, VX_REPORT_OPEN, NOON + 90000));
	d = first_day(&f);
	ck_assert_int_eq(d.state, VX_REPORT_OPEN);
	ck_assert_uint_eq(d.tries, 1);
	ck_assert_uint_eq(d.due, NOON + 90000);
	ck_assert_uint_eq(d.settled, 0);
	vxt_assert_ok(settle(&f, VX_REPORT_SENT, 0));
	ck_assert_int_eq(settle(&f, VX_REPORT_SENT, 0), VX_ECONFLICT);
	d = first_day(&f);
	ck_assert_int_eq(d.state, VX_REPORT_SENT);
	ck_assert_uint_eq(d.settled, NOON + 86400);
	m = make_of(&f, VX_REPORT_DMARC, "a.example");
	ck_assert_int_eq(vx_report_make(&m, &gz), VX_ENOENT);
	/* what comes too late is not forgotten silently */
	b = new_batch(&f);
	note(b, "192.0.2.1", true);
	vx_report_batch_free(b);
	d = first_day(&f);
	ck_assert_uint_eq(d.seen, 2);
	ck_assert_uint_eq(d.dropped, 1);
	ck_assert_int_eq(vx_report_make(&m, &gz), VX_ENOENT);
	vx_buf_done(&gz);
	fixture_close(&f);
}
END_TEST

static uint64_t wish(struct fixture *f, uint32_t last_day, const char *domain)
{
	struct vx_report_wish_op op;
	uint64_t changed = 0;

	vx_report_wish_op_init(&op);
	op.last_day = last_day;
	op.domain = vx_slice_str(domain);
	do {
		vxt_assert_ok(vx_store_run(f->store, &op.op));
		changed += op.changed;
	} while (op.more);
	return changed;
}

static unsigned days(struct fixture *f)
{
	struct vx_report_day d;
	struct vx_view *v;
	unsigned count = 0;
	int rc;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	for (rc = vx_report_day_next(v, NULL, &d); rc == VX_OK; count++)
		rc = vx_report_day_next(v, &d, &d);
	vx_view_end(v);
	ck_assert_int_eq(rc, VX_ENOENT);
	return count;
}

START_TEST(days_are_wished_for_and_forgotten)
{
	struct vx_tls_policy p = { .type = VX_TLS_POLICY_NONE, .successes = 1 };
	struct vx_report_sweep_op op;
	struct vx_report_batch *b;
	unsigned sweeps = 0;
	char domain[32];
	struct fixture f;

	fixture_open(&f);
	for (unsigned k = 0; k < 5; k++) {
		b = new_batch(&f);
		for (unsigned i = 0; i < 430; i++) {
			(void)snprintf(
			    domain, sizeof(domain), "%c%u.example", 'a' + k, i);
			p.domain = vx_slice_str(domain);
			vxt_assert_ok(
			    vx_report_note_tls(b, NOON + (k == 4 ? 86400 : 0), &p));
		}
		vx_report_batch_free(b);
	}
	ck_assert_uint_eq(days(&f), 5 * 430);
	ck_assert_uint_eq(wish(&f, DAY - 1, ""), 0);
	ck_assert_uint_eq(wish(&f, DAY, ""), 4 * 430);
	ck_assert_uint_eq(wish(&f, DAY + 1, ""), 5 * 430);
	ck_assert_uint_eq(wish(&f, DAY + 1, "E7.example"), 1);
	do {
		vx_report_sweep_op_init(&op);
		op.today = DAY + VX_REPORT_KEEP_DAYS + 1;
		vxt_assert_ok(vx_store_run(f.store, &op.op));
		sweeps++;
	} while (op.more);
	ck_assert_uint_eq(sweeps, 2);
	ck_assert_uint_eq(days(&f), 430);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_make, "make", dmarc_is_reported, tls_is_reported,
    the_mail_is_as_it_has_to_be, tls_reports_go_where_it_says, a_day_is_settled_once,
    days_are_wished_for_and_forgotten)
