/* Counts of sessions for TLS reports. */
#include "lib/vxt.h"
#include "service/own_tls_results.h"

#include <stdio.h>

#define POLICY "version: STSv1\nmode: testing\nmx: *.example.com\nmax_age: 86400"

static struct own_tls_outcome outcome(const char *domain, bool failed)
{
	return (struct own_tls_outcome){ .domain = vx_slice_str(domain),
		.type = VX_TLS_POLICY_STS,
		.policy = VX_S(POLICY),
		.mx_hosts = VX_S("*.example.com"),
		.failed = failed,
		.failure = VX_TLS_CERTIFICATE_EXPIRED,
		.receiving_hostname = VX_S("mx.example.com"),
		.receiving_ip = VX_S("192.0.2.1"),
		.sending_ip = VX_S("192.0.2.9"),
		.reason_code = VX_S("expired") };
}

static size_t lines(const struct vx_report_line *l)
{
	size_t n = 0;

	for (; l != NULL; l = l->next)
		n++;
	return n;
}

START_TEST(counting)
{
	struct own_tls_outcome good = outcome("example.com", false);
	struct own_tls_outcome bad = outcome("example.com", true);
	const struct own_tls_outcome other = outcome("example.org", false);
	struct vx_tls_policy *p;
	struct own_tls_results r;

	vx_own_tls_results_init(&r);
	for (int i = 0; i < 3; i++)
		vxt_assert_ok(vx_own_tls_result(&r, &good, 1000 + i));
	vxt_assert_ok(vx_own_tls_result(&r, &bad, 1010));
	vxt_assert_ok(vx_own_tls_result(&r, &bad, 1020));
	bad.receiving_ip = VX_S("192.0.2.2");
	vxt_assert_ok(vx_own_tls_result(&r, &bad, 1030));
	bad.failure = VX_TLS_STARTTLS_NOT_SUPPORTED;
	vxt_assert_ok(vx_own_tls_result(&r, &bad, 1040));
	vxt_assert_ok(vx_own_tls_result(&r, &other, 1050));
	ck_assert_uint_eq(r.count, 2);
	ck_assert_int_eq(r.begin, 1000);
	ck_assert_int_eq(r.end, 1050);
	p = r.policies;
	vxt_assert_str(p->domain, "example.com");
	ck_assert_int_eq(p->type, VX_TLS_POLICY_STS);
	ck_assert_uint_eq(p->successes, 3);
	ck_assert_uint_eq(p->failures, 4);
	ck_assert_uint_eq(lines(p->lines), 4);
	vxt_assert_str(p->lines->text, "version: STSv1");
	vxt_assert_str(p->lines->next->next->next->text, "max_age: 86400");
	ck_assert_uint_eq(lines(p->mx_hosts), 1);
	ck_assert_uint_eq(p->details->count, 2);
	vxt_assert_str(p->details->reason_code, "expired");
	ck_assert_uint_eq(p->details->next->count, 1);
	vxt_assert_str(p->details->next->receiving_ip, "192.0.2.2");
	ck_assert_int_eq(p->details->next->next->type, VX_TLS_STARTTLS_NOT_SUPPORTED);
	ck_assert_ptr_null(p->details->next->next->next);
	vxt_assert_str(p->next->domain, "example.org");
	ck_assert_uint_eq(p->next->failures, 0);
	ck_assert_ptr_null(p->next->next);
	vx_own_tls_results_done(&r);
}
END_TEST

/* What was applied is part of what is counted: a new policy is a new row. */
START_TEST(policies_are_told_apart)
{
	struct own_tls_outcome o = outcome("example.com", false);
	struct own_tls_results r;

	vx_own_tls_results_init(&r);
	vxt_assert_ok(vx_own_tls_result(&r, &o, 1));
	o.policy = VX_S("version: STSv1\nmode: none\nmax_age: 1\n");
	vxt_assert_ok(vx_own_tls_result(&r, &o, 1));
	ck_assert_uint_eq(lines(r.policies->next->lines), 3);
	o.type = VX_TLS_POLICY_NONE;
	o.policy = o.mx_hosts = vx_slice_of("", 0);
	vxt_assert_ok(vx_own_tls_result(&r, &o, 1));
	o.type = VX_TLS_POLICY_TLSA;
	vxt_assert_ok(vx_own_tls_result(&r, &o, 1));
	ck_assert_uint_eq(r.count, 4);
	ck_assert_ptr_null(r.policies->next->next->lines);
	vx_own_tls_results_done(&r);
}
END_TEST

START_TEST(emptied)
{
	struct own_tls_outcome o = outcome("example.com", true);
	struct own_tls_results r;

	vx_own_tls_results_init(&r);
	vxt_assert_ok(vx_own_tls_result(&r, &o, 5));
	vx_own_tls_results_reset(&r);
	ck_assert_ptr_null(r.policies);
	ck_assert_uint_eq(r.count, 0);
	ck_assert_int_eq(r.begin, 0);
	vxt_assert_ok(vx_own_tls_result(&r, &o, 7));
	ck_assert_uint_eq(r.policies->failures, 1);
	ck_assert_int_eq(r.begin, 7);
	vx_own_tls_results_done(&r);
}
END_TEST

/* It is what a report is made of. */
START_TEST(written_as_it_is)
{
	struct own_tls_outcome o = outcome("example.com", true);
	struct vx_tls_report report = { .organization = VX_S("Us"),
		.contact = VX_S("tls@example.test"),
		.report_id = VX_S("1"),
		.begin = 0,
		.end = 86399 };
	struct vx_buf out = { .max = 65536 };
	struct own_tls_results r;

	vx_own_tls_results_init(&r);
	vxt_assert_ok(vx_own_tls_result(&r, &o, 5));
	report.policies = r.policies;
	vxt_assert_ok(vx_tls_report_write(&report, &out));
	ck_assert_uint_lt(
	    vx_slice_find_slice(vx_buf_slice(&out), VX_S("certificate-expired")),
	    out.len);
	vx_buf_done(&out);
	vx_own_tls_results_done(&r);
}
END_TEST

START_TEST(limits)
{
	struct own_tls_outcome o = outcome("example.com", true);
	struct own_tls_results r;
	char text[300];

	vx_own_tls_results_init(&r);
	o.domain = vx_slice_of("", 0);
	ck_assert_int_eq(vx_own_tls_result(&r, &o, 1), VX_EINVAL);
	for (int i = 0; i < OWN_TLS_FAILURES_MAX + 5; i++) {
		(void)snprintf(text, sizeof(text), "reason %d", i);
		o = outcome("example.com", true);
		o.reason_code = vx_slice_str(text);
		ck_assert_int_eq(vx_own_tls_result(&r, &o, 1),
		    i < OWN_TLS_FAILURES_MAX ? VX_OK : VX_ELIMIT);
	}
	ck_assert_uint_eq(r.lost, 5);
	ck_assert_uint_eq(r.policies->failures, OWN_TLS_FAILURES_MAX + 5);
	for (int i = 1; i < OWN_TLS_POLICIES_MAX + 5; i++) {
		(void)snprintf(text, sizeof(text), "d%d.example", i);
		o = outcome(text, false);
		ck_assert_int_eq(vx_own_tls_result(&r, &o, 1),
		    i < OWN_TLS_POLICIES_MAX ? VX_OK : VX_ELIMIT);
	}
	ck_assert_uint_eq(r.count, OWN_TLS_POLICIES_MAX);
	vx_own_tls_results_reset(&r);
	memset(text, 'x', sizeof(text));
	o = outcome("example.com", true);
	o.reason_code = vx_slice_of(text, sizeof(text));
	for (int i = 0; i < 2; i++)
		vxt_assert_ok(vx_own_tls_result(&r, &o, 1));
	ck_assert_uint_eq(r.policies->details->reason_code.len, OWN_TLS_REASON_MAX);
	ck_assert_uint_eq(r.policies->details->count, 2);
	vx_own_tls_results_done(&r);
}
END_TEST

VXT_SUITE(suite_tls_results, "tls_results", counting, policies_are_told_apart, emptied,
    written_as_it_is, limits)
