/* Chains that we make ourselves: to their limits, broken, and with memory short. */
#include "base/mem.h"
#include "mail.h"
#include "vectis/arc.h"

#include <stdio.h>

#define NOW 1700000000
#define MESSAGE                                                                          \
	"From: Joe <joe@example.com>\r\nTo: list@example.net\r\nSubject: "               \
	"x\r\n\r\nHello\r\n"

static struct vxt_zone zone;
static struct vx_private_key *ed, *rsa;

static void setup(void)
{
	ed = mail_ed25519("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
	rsa = mail_key("dkimpy/2048_testkey.key");
	vxt_zone_init(&zone);
	mail_publish(&zone, "ed._domainkey.list.example", ed);
	mail_publish(&zone, "rsa._domainkey.list.example", rsa);
}

static void teardown(void)
{
	vx_private_key_free(ed);
	vx_private_key_free(rsa);
	vxt_zone_done(&zone);
}

static struct vx_arc_sealer_options options(bool with_rsa)
{
	const struct vx_arc_sealer_options o = { .struct_size = sizeof(o),
		.domain = VX_S("list.example"),
		.selector = with_rsa ? VX_S("rsa") : VX_S("ed"),
		.key = with_rsa ? rsa : ed,
		.now_s = NOW };

	return o;
}

static int seal_with(const struct vx_arc_sealer_options *o, vx_slice message,
    enum vx_verdict chain, vx_slice results, struct vx_buf *out)
{
	struct vx_arc_sealer *s;
	vx_slice body, header = mail_header(message, &body);
	int rc;

	vxt_assert_ok(vx_arc_sealer_new(o, &s));
	rc = vx_arc_sealer_header(s, header);
	for (; rc == VX_OK && body.len > 0; body = vx_slice_from(body, 3))
		rc = vx_arc_sealer_body(s, vx_slice_head(body, 3));
	if (rc == VX_OK)
		rc = vx_arc_sealer_end(s, chain, results);
	if (rc == VX_OK)
		rc = vx_arc_sealer_compute(s);
	if (rc == VX_OK)
		rc = vx_arc_sealer_write(s, out);
	vx_arc_sealer_free(s);
	return rc;
}

/* The message becomes one with a set more. */
static void seal(struct vx_buf *m, enum vx_verdict chain, bool with_rsa)
{
	const struct vx_arc_sealer_options o = options(with_rsa);
	struct vx_buf out = { .max = 4u << 20 };

	vxt_assert_ok(seal_with(&o, vx_buf_slice(m), chain,
	    VX_S("list.example; arc=pass;\r\n\tspf=pass smtp.mailfrom=joe@example.com"),
	    &out));
	vx_buf_add(&out, vx_buf_slice(m));
	vx_buf_done(m);
	*m = out;
}

static struct vx_buf message(void)
{
	struct vx_buf m = { .max = 1u << 20 };

	vx_buf_add_str(&m, MESSAGE);
	return m;
}

/* MESSAGE with a chain of that many. */
static struct vx_buf chain_of(unsigned sets)
{
	struct vx_buf m = message();

	for (unsigned i = 1; i <= sets; i++)
		seal(&m, i == 1 ? VX_VERDICT_NONE : VX_VERDICT_PASS, false);
	return m;
}

static struct vx_arc_verifier *verify(vx_slice m)
{
	const struct vx_arc_verifier_options o = { .struct_size = sizeof(o),
		.now_s = NOW };
	struct vx_arc_verifier *v;
	struct vx_dns_question q;
	vx_slice body, header = mail_header(m, &body);
	int rc;

	vxt_assert_ok(vx_arc_verifier_new(&o, &v));
	vxt_assert_ok(vx_arc_verifier_header(v, header));
	vxt_assert_ok(vx_arc_verifier_body(v, body));
	vxt_assert_ok(vx_arc_verifier_end(v));
	while ((rc = vx_arc_verifier_next(v, &q)) == VX_WAIT) {
		const struct vx_dns_answer a = vxt_zone_answer(&zone, &q);

		vxt_assert_ok(vx_arc_verifier_answer(v, &a));
	}
	ck_assert_int_eq(rc, VX_DONE);
	return v;
}

static struct vx_arc_result result_of(const struct vx_buf *m)
{
	struct vx_arc_verifier *const v = verify(vx_buf_slice(m));
	const struct vx_arc_result r = *vx_arc_verifier_result(v);

	vx_arc_verifier_free(v);
	return r;
}

static void check(const struct vx_buf *m, unsigned sets, unsigned oldest_pass)
{
	const struct vx_arc_result r = result_of(m);

	ck_assert_msg(r.verdict == VX_VERDICT_PASS, "%s at %u", r.reason, r.failed);
	ck_assert_str_eq(r.reason, "");
	ck_assert_uint_eq(r.sets, sets);
	ck_assert_uint_eq(r.oldest_pass, oldest_pass);
	ck_assert(!r.temporary && r.failed == 0);
}

static void check_fails(const struct vx_buf *m, unsigned at, const char *reason)
{
	const struct vx_arc_result r = result_of(m);

	ck_assert_msg(r.verdict == VX_VERDICT_FAIL && r.failed == at &&
			  strstr(r.reason, reason) != NULL,
	    "%s: %s at %u", vx_verdict_name(r.verdict), r.reason, r.failed);
	ck_assert_uint_eq(r.oldest_pass, 0);
}

/* Put text in place of the first `of` at or after from. */
static void replace(struct vx_buf *m, const char *of, const char *text)
{
	struct vx_buf out = { .max = m->max };
	const size_t at = vx_slice_find_slice(vx_buf_slice(m), vx_slice_str(of));

	ck_assert_uint_lt(at, m->len);
	vx_buf_add(&out, vx_slice_head(vx_buf_slice(m), at));
	vx_buf_add_str(&out, text);
	vx_buf_add(&out, vx_slice_from(vx_buf_slice(m), at + strlen(of)));
	vx_buf_done(m);
	*m = out;
}

/* --- making and checking
 * ----------------------------------------------------------------- */

START_TEST(chains)
{
	struct vx_buf m = message();
	struct vx_arc_verifier *v = verify(vx_buf_slice(&m));

	ck_assert_int_eq(vx_arc_verifier_result(v)->verdict, VX_VERDICT_NONE);
	ck_assert_uint_eq(vx_arc_verifier_result(v)->sets, 0);
	vx_arc_verifier_free(v);
	seal(&m, VX_VERDICT_NONE, true);
	check(&m, 1, 0);
	seal(&m, VX_VERDICT_PASS, false);
	check(&m, 2, 0);
	seal(&m, VX_VERDICT_PASS, true);
	check(&m, 3, 0);
	v = verify(vx_buf_slice(&m));
	for (unsigned i = 1; i <= 3; i++) {
		const struct vx_arc_set *const s = vx_arc_verifier_set(v, i);

		vxt_assert_str(s->domain, "list.example");
		vxt_assert_str(s->selector, i == 2 ? "ed" : "rsa");
		vxt_assert_str(s->message_domain, "list.example");
		vxt_assert_str(s->message_selector, i == 2 ? "ed" : "rsa");
		vxt_assert_str(s->results, "list.example; arc=pass;\r\n\tspf=pass "
					   "smtp.mailfrom=joe@example.com");
	}
	vx_arc_verifier_free(v);
	vx_buf_done(&m);
}
END_TEST

/* The fields as they are seen; dkimpy finds them good. */
START_TEST(fields)
{
	struct vx_buf m = message(), want = mail_read("ours/arc.txt");

	seal(&m, VX_VERDICT_NONE, true);
	vx_buf_add_str(&want, MESSAGE);
	vxt_assert_slice(vx_buf_slice(&m), vx_buf_slice(&want));
	vx_buf_done(&m);
	vx_buf_done(&want);
}
END_TEST

/* Altered between two hops: the older signature of the message is not good any more. */
START_TEST(oldest_pass)
{
	struct vx_buf m = chain_of(2);

	replace(&m, "Hello", "Hello, and unsubscribe");
	check_fails(&m, 2, "altered");
	seal(&m, VX_VERDICT_PASS, false);
	check(&m, 3, 3);
	seal(&m, VX_VERDICT_PASS, false);
	check(&m, 4, 3);
	/* the subject is in the header: that is another check */
	replace(&m, "Subject: x", "Subject: [list] x");
	check_fails(&m, 4, "not of these");
	seal(&m, VX_VERDICT_PASS, true);
	check(&m, 5, 5);
	vx_buf_done(&m);
}
END_TEST

START_TEST(broken_chains_end)
{
	const struct vx_arc_sealer_options o = options(false);
	struct vx_buf m = chain_of(2), out = { .max = 10000 };

	replace(&m, "Hello", "Hallo");
	check_fails(&m, 2, "altered");
	seal(&m, VX_VERDICT_FAIL, false); /* i=3; cv=fail */
	check_fails(&m, 3, "cv=fail");
	/* and nothing is added to it (5.1, step 2) */
	ck_assert_int_eq(seal_with(&o, vx_buf_slice(&m), VX_VERDICT_FAIL,
			     VX_S("list.example; none"), &out),
	    VX_DONE);
	ck_assert_uint_eq(out.len, 0);
	vx_buf_done(&m);
	vx_buf_done(&out);
}
END_TEST

START_TEST(keys_that_are_not_there)
{
	struct vx_buf m = chain_of(2);
	struct vx_arc_result r;

	vxt_zone_done(&zone);
	check_fails(&m, 2, "no key for it");
	vxt_zone_fail(&zone, "ed._domainkey.list.example", VX_DNS_FAILED);
	r = result_of(&m);
	ck_assert_int_eq(r.verdict, VX_VERDICT_FAIL);
	ck_assert(r.temporary);
	vx_buf_done(&m);
}
END_TEST

START_TEST(each_key_is_asked_for_once)
{
	struct vx_buf m = chain_of(4);

	seal(&m, VX_VERDICT_PASS, true);
	zone.asked = 0;
	check(&m, 5, 0);
	ck_assert_uint_eq(zone.asked, 2);
	vx_buf_done(&m);
}
END_TEST

START_TEST(structure)
{
	static const struct {
		const char *of,
		    *text; /* in a chain of two; the first of them is in i=2 */
		unsigned at;
		const char *reason;
	} rows[] = {
		{ "ARC-Seal:", "X-Seal:", 2, "not complete" },
		{ "ARC-Message-Signature:", "X-Sig:", 2, "not complete" },
		{ "ARC-Authentication-Results:", "X-AR:", 2, "not complete" },
		{ "Results: i=2;", "Results: i=3;", 2, "not complete" },
		{ "Results: i=2;", "Results: i=1;", 1, "twice" },
		{ "Results: i=2;", "Results: i=2", 0, "no instance" },
		{ "Results: i=2;", "Results: i=51;", 0, "no instance" },
		{ "Results: i=2;", "Results: i=0;", 0, "no instance" },
		{ "Results: i=2;", "Results: i=002;", 0, "no instance" },
		{ "Results: i=2;", "Results: I=2;", 0, "no instance" },
		{ "Results: i=2;", "Results: x=1; i=2;", 0, "no instance" },
		{ "Results: i=2;", "Results: (a) i (b) = (c) 2 (d) ;", 2,
		    "not of these" },
		{ "cv=pass", "cv=none", 2, "cv= does not fit" },
		{ "cv=pass", "cv=fail", 2, "cv=fail" },
		{ "cv=none", "cv=pass", 1, "cv= does not fit" },
		{ "cv=none", "cv=fail", 1, "cv=fail" },
		{ "cv=pass", "cv=Pass", 2, "cv= is not" },
		{ "cv=pass", "h=from; cv=pass", 2, "must not be there" },
		{ "ARC-Seal: a=", "ARC-Seal: l=1; a=", 2, "not of these" },
		{ "ARC-Message-Signature: a=", "ARC-Message-Signature: l=1; a=", 2,
		    "l=" },
		{ "ARC-Message-Signature: a=", "ARC-Message-Signature: x=1; a=", 2,
		    "not later" },
		{ "From:", "ARC-Seal: x\r\nFrom:", 0, "malformed" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_buf m = chain_of(2);

		replace(&m, rows[i].of, rows[i].text);
		check_fails(&m, rows[i].at, rows[i].reason);
		vx_buf_done(&m);
	}
}
END_TEST

/* RFC 8616: U-labels in d= and s=. */
START_TEST(internationalised_names)
{
	struct vx_arc_sealer_options o = options(false);
	struct vx_buf m = message(), out = { .max = 10000 };
	struct vx_arc_verifier *v;

	mail_publish(&zone, "xn--wgv71a._domainkey.xn--bcher-kva.example", ed);
	o.domain = VX_S("xn--bcher-kva.example");
	o.selector = VX_S("xn--wgv71a");
	vxt_assert_ok(seal_with(&o, vx_buf_slice(&m), VX_VERDICT_NONE,
	    VX_S("b\xc3\xbc"
		 "cher.example; none"),
	    &out));
	vx_buf_add(&out, vx_buf_slice(&m));
	check(&out, 1, 0);
	replace(&out, "d=xn--bcher-kva.example",
	    "d=b\xc3\xbc"
	    "cher.example");
	v = verify(vx_buf_slice(&out));
	vxt_assert_str(vx_arc_verifier_set(v, 1)->domain, "xn--bcher-kva.example");
	ck_assert_int_eq(vx_arc_verifier_result(v)->verdict, VX_VERDICT_FAIL);
	vx_arc_verifier_free(v);
	vx_buf_done(&m);
	vx_buf_done(&out);
}
END_TEST

/* Whatever octet is altered, the chain does not pass. */
START_TEST(altered_chains_fail)
{
	struct vx_buf m = chain_of(2);

	for (size_t i = 0; i < m.len; i++) {
		const char mask = i % 2 ? 1 : 0x40;

		m.ptr[i] ^= mask;
		ck_assert_msg(result_of(&m).verdict != VX_VERDICT_PASS, "octet %zu", i);
		m.ptr[i] ^= mask;
	}
	vx_buf_done(&m);
}
END_TEST

/* --- limits
 * ------------------------------------------------------------------------------- */

START_TEST(limit_of_sets)
{
	const struct vx_arc_sealer_options o = options(false);
	struct vx_buf m = chain_of(VX_ARC_SETS_MAX), out = { .max = 10000 };

	check(&m, VX_ARC_SETS_MAX, 0);
	ck_assert_int_eq(seal_with(&o, vx_buf_slice(&m), VX_VERDICT_PASS,
			     VX_S("list.example; none"), &out),
	    VX_ELIMIT);
	vx_buf_done(&m);
	vx_buf_done(&out);
}
END_TEST

/* What is more than all sets have is not even read. */
START_TEST(limit_of_fields)
{
	static const char more[] = "ARC-Authentication-Results: i=1; x\r\n";
	struct vx_buf m = chain_of(VX_ARC_SETS_MAX), junk = { .max = 1u << 20 };

	replace(&m, "From:", "ARC-Seal: i=1; x\r\nFrom:");
	check_fails(&m, 0, "more sets");
	vx_buf_done(&m);
	for (size_t n = 3 * VX_ARC_SETS_MAX - 3; n <= 3 * VX_ARC_SETS_MAX; n += 3) {
		vx_buf_reset(&junk);
		for (size_t i = 0; i < n; i++)
			vx_buf_add_str(&junk, more);
		m = chain_of(2);
		vx_buf_add(&junk, vx_buf_slice(&m));
		check_fails(&junk, 1, "twice");
		/* the fields of i=2 are the next ones */
		ck_assert_uint_eq(
		    result_of(&junk).sets, n == 3 * VX_ARC_SETS_MAX ? 1 : 2);
		vx_buf_done(&m);
	}
	vx_buf_done(&junk);
}
END_TEST

START_TEST(limits_of_the_header)
{
	const struct vx_arc_sealer_options o = options(false);
	struct vx_buf m = chain_of(2), out = { .max = 10000 }, big = { .max = 1u << 20 };
	vx_slice body;
	const size_t header = mail_header(vx_buf_slice(&m), &body).len;

	for (size_t more = 0; more < 2; more++) {
		vx_buf_reset(&big);
		vx_buf_add_str(&big, "X:");
		while (big.len < VX_DKIM_HEADER_OCTETS_MAX - header - 2 + more)
			vx_buf_add_char(&big, 'x');
		vx_buf_add_str(&big, "\r\n");
		vx_buf_add(&big, vx_buf_slice(&m));
		if (more == 0)
			check(&big, 2, 0);
		else
			check_fails(&big, 0, "longer");
		vx_buf_reset(&out);
		ck_assert_int_eq(seal_with(&o, vx_buf_slice(&big), VX_VERDICT_PASS,
				     VX_S("list.example; none"), &out),
		    more == 0 ? VX_OK : VX_ELIMIT);
	}
	vx_buf_done(&m);
	vx_buf_done(&out);
	vx_buf_done(&big);
}
END_TEST

/* A large header is hashed so often, then older signatures are not looked at. */
START_TEST(limit_of_hashing)
{
	const unsigned sets = 24;
	struct vx_buf m = chain_of(sets), big = { .max = 1u << 20 };
	vx_slice body;
	const size_t header = mail_header(vx_buf_slice(&m), &body).len;
	const size_t each = VX_ARC_HASHED_OCTETS_MAX / 20;

	for (size_t more = 0; more < 2; more++) {
		vx_buf_reset(&big);
		vx_buf_add_str(&big, "X:");
		while (big.len < each - header - 2 + more)
			vx_buf_add_char(&big, 'x');
		vx_buf_add_str(&big, "\r\n");
		vx_buf_add(&big, vx_buf_slice(&m));
		check(&big, sets, sets - 19 + (unsigned)more);
	}
	vx_buf_done(&m);
	vx_buf_done(&big);
}
END_TEST

/* Of a key that is not the first of its name, more checks are needed than there are. */
START_TEST(limit_of_checks)
{
	struct vx_buf m;

	vxt_zone_done(&zone);
	for (int i = 1; i < VX_DKIM_RECORDS_MAX; i++)
		vxt_zone_add(&zone, "ed._domainkey.list.example", VX_DNS_TXT,
		    "k=ed25519; p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
	mail_publish(&zone, "ed._domainkey.list.example", ed);
	/* a seal each, and the newest signature of the message */
	m = chain_of(VX_ARC_CHECKS_MAX / VX_DKIM_RECORDS_MAX - 1);
	ck_assert_int_eq(result_of(&m).verdict, VX_VERDICT_PASS);
	seal(&m, VX_VERDICT_PASS, false);
	check_fails(&m, 1, "more keys");
	vx_buf_done(&m);
}
END_TEST

START_TEST(what_cannot_be_sealed)
{
	static const struct {
		const char *results;
		int rc;
	} rows[] = {
		{ "list.example; none", VX_OK },
		{ "list.example;\r\n none", VX_OK },
		{ "list.example;\r\n\tnone;\r\n x", VX_OK },
		{ "", VX_EINVAL },
		{ "  ", VX_EINVAL },
		{ "list.example\r\n", VX_EINVAL },
		{ "list.example\r\nnone", VX_EINVAL },
		{ "list.example\n none", VX_EINVAL },
		{ "list.example\r none", VX_EINVAL },
		{ "list.example\r\n \r\n none", VX_EINVAL },
		{ "list.example\r\n ", VX_EINVAL },
		{ " \r\n list.example", VX_EINVAL },
	};
	static const enum vx_verdict not_of_chains[] = { VX_VERDICT_SOFTFAIL,
		VX_VERDICT_NEUTRAL, VX_VERDICT_POLICY, VX_VERDICT_TEMPERROR,
		VX_VERDICT_PERMERROR };
	struct vx_arc_sealer_options o = options(false);
	struct vx_buf m = message(), two = chain_of(2), out = { .max = 100000 };
	struct vx_arc_sealer *s;
	char results[VX_ARC_RESULTS_OCTETS_MAX + 1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int rc = seal_with(&o, vx_buf_slice(&m), VX_VERDICT_NONE,
		    vx_slice_str(rows[i].results), &out);

		ck_assert_msg(rc == rows[i].rc, "\"%s\": %d", rows[i].results, rc);
	}
	memset(results, 'x', sizeof(results));
	vxt_assert_ok(seal_with(&o, vx_buf_slice(&m), VX_VERDICT_NONE,
	    vx_slice_of(results, VX_ARC_RESULTS_OCTETS_MAX), &out));
	ck_assert_int_eq(seal_with(&o, vx_buf_slice(&m), VX_VERDICT_NONE,
			     vx_slice_of(results, sizeof(results)), &out),
	    VX_EINVAL);
	results[5] = '\0';
	ck_assert_int_eq(seal_with(&o, vx_buf_slice(&m), VX_VERDICT_NONE,
			     vx_slice_of(results, 10), &out),
	    VX_EINVAL);
	/* the verdict and the header must agree */
	ck_assert_int_eq(
	    seal_with(&o, vx_buf_slice(&m), VX_VERDICT_PASS, VX_S("x"), &out), VX_EINVAL);
	ck_assert_int_eq(
	    seal_with(&o, vx_buf_slice(&two), VX_VERDICT_NONE, VX_S("x"), &out),
	    VX_EINVAL);
	for (size_t i = 0; i < 5; i++)
		ck_assert_int_eq(
		    seal_with(&o, vx_buf_slice(&two), not_of_chains[i], VX_S("x"), &out),
		    VX_EINVAL);
	replace(&two, "ARC-Seal", "X-Seal");
	ck_assert_int_eq(
	    seal_with(&o, vx_buf_slice(&two), VX_VERDICT_PASS, VX_S("x"), &out),
	    VX_EINVAL);
	vxt_assert_ok(
	    seal_with(&o, vx_buf_slice(&two), VX_VERDICT_FAIL, VX_S("x"), &out));
	ck_assert_int_eq(
	    seal_with(&o, VX_S("\tx\r\n\r\n"), VX_VERDICT_NONE, VX_S("x"), &out),
	    VX_EINVAL);
	o.names = VX_S("from:to; b=");
	ck_assert_int_eq(vx_arc_sealer_new(&o, &s), VX_EINVAL);
	o.names = VX_S("from:to");
	o.domain = VX_S("example");
	ck_assert_int_eq(vx_arc_sealer_new(&o, &s), VX_EINVAL);
	o.domain = VX_S("list.example");
	o.struct_size++;
	ck_assert_int_eq(vx_arc_sealer_new(&o, &s), VX_EINVAL);
	vx_buf_done(&m);
	vx_buf_done(&two);
	vx_buf_done(&out);
}
END_TEST

/* --- the course of it
 * ------------------------------------------------------------------------ */

START_TEST(calls_in_order)
{
	struct vx_arc_verifier_options o = { .struct_size = 1 };
	const struct vx_arc_sealer_options so = options(false);
	const struct vx_dns_answer a = { .status = VX_DNS_NO_NAME };
	struct vx_arc_verifier *v;
	struct vx_arc_sealer *s;
	struct vx_dns_question q;
	struct vx_buf m = chain_of(1), out = { .max = 100 };
	vx_slice body, header = mail_header(vx_buf_slice(&m), &body);

	ck_assert_int_eq(vx_arc_verifier_new(&o, &v), VX_EINVAL);
	o.struct_size = sizeof(o);
	o.now_s = NOW;
	vxt_assert_ok(vx_arc_verifier_new(&o, &v));
	ck_assert_int_eq(vx_arc_verifier_body(v, body), VX_ESTATE);
	ck_assert_int_eq(vx_arc_verifier_end(v), VX_ESTATE);
	ck_assert_int_eq(vx_arc_verifier_next(v, &q), VX_ESTATE);
	ck_assert_int_eq(vx_arc_verifier_answer(v, &a), VX_ESTATE);
	vxt_assert_ok(vx_arc_verifier_header(v, header));
	ck_assert_int_eq(vx_arc_verifier_header(v, header), VX_ESTATE);
	ck_assert(vx_arc_verifier_wants_body(v));
	vxt_assert_ok(vx_arc_verifier_body(v, body));
	vxt_assert_ok(vx_arc_verifier_end(v));
	ck_assert_int_eq(vx_arc_verifier_end(v), VX_ESTATE);
	ck_assert_int_eq(vx_arc_verifier_next(v, &q), VX_WAIT);
	ck_assert_str_eq(q.name, "ed._domainkey.list.example");
	ck_assert_int_eq(vx_arc_verifier_next(v, &q), VX_WAIT);
	vxt_assert_ok(vx_arc_verifier_answer(v, &a));
	ck_assert_int_eq(vx_arc_verifier_next(v, &q), VX_DONE);
	ck_assert_int_eq(vx_arc_verifier_next(v, &q), VX_DONE);
	vx_arc_verifier_free(v);
	vx_arc_verifier_free(NULL);

	vxt_assert_ok(vx_arc_verifier_new(&o, &v));
	vxt_assert_ok(vx_arc_verifier_header(v, VX_S("From: a\r\n")));
	ck_assert(!vx_arc_verifier_wants_body(v));
	vx_arc_verifier_free(v);

	vxt_assert_ok(vx_arc_sealer_new(&so, &s));
	ck_assert_int_eq(vx_arc_sealer_body(s, body), VX_ESTATE);
	ck_assert_int_eq(
	    vx_arc_sealer_end(s, VX_VERDICT_PASS, VX_S("x; none")), VX_ESTATE);
	ck_assert_int_eq(vx_arc_sealer_compute(s), VX_ESTATE);
	ck_assert_int_eq(vx_arc_sealer_write(s, &out), VX_ESTATE);
	vxt_assert_ok(vx_arc_sealer_header(s, header));
	ck_assert_int_eq(vx_arc_sealer_header(s, header), VX_ESTATE);
	vxt_assert_ok(vx_arc_sealer_end(s, VX_VERDICT_PASS, VX_S("x; none")));
	ck_assert_int_eq(vx_arc_sealer_write(s, &out), VX_ESTATE);
	vxt_assert_ok(vx_arc_sealer_compute(s));
	ck_assert_int_eq(vx_arc_sealer_compute(s), VX_ESTATE);
	ck_assert_int_eq(vx_arc_sealer_write(s, &out), VX_ELIMIT);
	vx_arc_sealer_free(s);
	vx_arc_sealer_free(NULL);
	vx_buf_done(&m);
	vx_buf_done(&out);
}
END_TEST

/* One run with the n-th allocation failing; did none fail? */
static bool verify_with_failure(const struct vx_buf *m, size_t n, unsigned *temporary)
{
	const struct vx_arc_verifier_options o = { .struct_size = sizeof(o),
		.now_s = NOW };
	vx_slice body, header = mail_header(vx_buf_slice(m), &body);
	struct vx_arc_verifier *v = NULL;
	struct vx_dns_question q;
	bool whole;
	int rc;

	vx_mem_fail_at(n);
	rc = vx_arc_verifier_new(&o, &v);
	if (rc == VX_OK)
		rc = vx_arc_verifier_header(v, header);
	if (rc == VX_OK)
		rc = vx_arc_verifier_body(v, body);
	if (rc == VX_OK)
		rc = vx_arc_verifier_end(v);
	while (rc == VX_OK && vx_arc_verifier_next(v, &q) == VX_WAIT) {
		const struct vx_dns_answer a = vxt_zone_answer(&zone, &q);

		rc = vx_arc_verifier_answer(v, &a);
	}
	whole = !vx_mem_failed();
	vx_mem_fail_at(0);
	ck_assert(rc == VX_OK || rc == VX_ENOMEM);
	if (rc == VX_OK) {
		const struct vx_arc_result *const r = vx_arc_verifier_result(v);

		ck_assert_msg((r->verdict == VX_VERDICT_PASS && r->oldest_pass == 0) ||
				  (!whole && r->verdict == VX_VERDICT_PASS) ||
				  (!whole && strstr(r->reason, "memory") != NULL),
		    "%zu: %s", n, r->reason);
		ck_assert(r->verdict == VX_VERDICT_PASS || r->temporary);
		*temporary += r->temporary;
	}
	vx_arc_verifier_free(v);
	return whole;
}

START_TEST(memory_is_short)
{
	const struct vx_arc_sealer_options o = options(false);
	struct vx_buf m = chain_of(2), out = { .max = 10000 };
	unsigned temporary = 0;
	size_t n = 1;

	while (!verify_with_failure(&m, n, &temporary))
		n++;
	ck_assert_uint_gt(n, 20);
	ck_assert_uint_gt(temporary, 5);
	n = 1;
	for (bool whole = false; !whole; n++) {
		struct vx_arc_sealer *s = NULL;
		vx_slice body, header = mail_header(vx_buf_slice(&m), &body);
		int rc;

		vx_buf_done(&out);
		vx_mem_fail_at(n);
		rc = vx_arc_sealer_new(&o, &s);
		if (rc == VX_OK)
			rc = vx_arc_sealer_header(s, header);
		if (rc == VX_OK)
			rc = vx_arc_sealer_body(s, body);
		if (rc == VX_OK)
			rc = vx_arc_sealer_end(s, VX_VERDICT_PASS, VX_S("x; none"));
		if (rc == VX_OK)
			rc = vx_arc_sealer_compute(s);
		/* a full arena is a limit */
		ck_assert_msg(
		    rc == VX_OK || rc == VX_ENOMEM || rc == VX_ELIMIT, "%zu: %d", n, rc);
		if (rc == VX_OK)
			rc = vx_arc_sealer_write(s, &out);
		whole = !vx_mem_failed();
		vx_mem_fail_at(0);
		ck_assert_int_eq(rc == VX_OK, whole);
		vx_arc_sealer_free(s);
	}
	ck_assert_uint_gt(n, 20);
	vx_buf_add(&out, vx_buf_slice(&m));
	check(&out, 3, 0);
	vx_buf_done(&m);
	vx_buf_done(&out);
}
END_TEST

Suite *test_arc(void);
Suite *test_arc(void)
{
	const TTest *const tests[] = { chains, fields, oldest_pass, broken_chains_end,
		keys_that_are_not_there, each_key_is_asked_for_once, structure,
		internationalised_names, altered_chains_fail, limit_of_sets,
		limit_of_fields, limits_of_the_header, limit_of_hashing, limit_of_checks,
		what_cannot_be_sealed, calls_in_order, memory_is_short };
	Suite *const suite = suite_create("arc");
	TCase *const tc = tcase_create("all");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite;
}
