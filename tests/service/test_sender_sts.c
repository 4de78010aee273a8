/* MTA-STS policies over time: what is fetched when, with a clock, a DNS and a web of
 * ours. */
#include "lib/vxt.h"
#include "lib/zone.h"
#include "service/sender_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define POLICY "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 864000\n"

static struct vxt_zone zone;
static struct vx_store *store;
static struct own_tls_results results;
static struct sender_sts *sts;
static struct vx_lookup *asked;
static struct vx_fetch *fetching;
static int64_t now;
static unsigned fetches;
static const char *answer; /* NULL: the server does not answer */

static int loop_ask(struct vx_loop *loop, struct vx_lookup *l)
{
	(void)loop;
	asked = l;
	return VX_OK;
}

static void loop_forget(struct vx_loop *loop, struct vx_lookup *l)
{
	(void)loop;
	asked = asked == l ? NULL : asked;
}

static int loop_fetch(struct vx_loop *loop, struct vx_fetch *f)
{
	(void)loop;
	fetches++;
	fetching = f;
	return VX_OK;
}

static void loop_drop(struct vx_loop *loop, struct vx_fetch *f)
{
	(void)loop;
	fetching = fetching == f ? NULL : fetching;
}

static int64_t loop_now(struct vx_loop *loop)
{
	(void)loop;
	return now;
}

static struct vx_loop loop = { .ask = loop_ask,
	.forget = loop_forget,
	.fetch = loop_fetch,
	.drop = loop_drop,
	.now_s = loop_now };

static void give_answer(void)
{
	static const struct vx_fetch_field type = { { "Content-Type", 12 },
		{ "text/plain", 10 } };
	struct vx_fetch_answer a = { .result = VX_FETCH_CONNECT, .text = "no" };
	struct vx_fetch *f = fetching;

	if (answer != NULL)
		a = (struct vx_fetch_answer){ .text = "",
			.status = 200,
			.fields = &type,
			.field_count = 1,
			.body = vx_slice_str(answer) };
	fetching = NULL;
	f->done(f, &a);
}

/* Until nothing is under way. */
static void settle(void)
{
	for (int i = 0; i < 200; i++) {
		if (asked != NULL) {
			struct vx_lookup *l = asked;
			const struct vx_dns_answer a =
			    vxt_zone_answer(&zone, &l->question);

			asked = NULL;
			l->done(l, &a);
		}
		if (fetching != NULL)
			give_answer();
		vx_store_dispatch(store);
		(void)usleep(1000);
	}
}

static bool told;

static void known(struct sender_wish *w)
{
	(void)w;
	told = true;
}

/* Is mail to d.example sent under a policy now? */
static bool holds(void)
{
	struct sender_wish w = { .done = known };
	bool is;

	told = false;
	if (vx_sender_sts_ask(sts, "d.example", &w) == VX_WAIT) {
		for (int i = 0; i < 100 && !told; i++) /* a disk may be slow */
			settle();
		ck_assert(told);
	}
	is = w.policy != NULL;
	vx_sender_policy_free(w.policy);
	return is;
}

/* The seconds go on, and the sender ticks now and then. */
static void pass(int64_t seconds)
{
	now += seconds;
	vx_sender_sts_tick(sts);
	settle();
}

static char dir[200];

static void begin(void)
{
	static const struct vx_log log = { .fd = STDERR_FILENO, .level = VX_LOG_ERROR };
	const struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = dir, .log = &log
	};
	const struct sender_sts_options s = { .loop = &loop,
		.log = &log,
		.results = &results,
		.port = 443,
		.fetch_ms = 1000 };
	struct sender_sts_options with = s;
	struct vx_error err;

	(void)snprintf(dir, sizeof(dir), "%s", vxt_mkdir());
	ck_assert_msg(vx_store_open(&o, &store, &err) == VX_OK, "%s", err.text);
	with.store = store;
	vx_own_tls_results_init(&results);
	vxt_assert_ok(vx_sender_sts_new(&with, &sts));
	vxt_zone_init(&zone);
	vxt_zone_add(&zone, "_mta-sts.d.example", VX_DNS_TXT, "v=STSv1; id=1");
	now = 1000000;
	fetches = 0;
	answer = POLICY;
}

static void end(void)
{
	vx_sender_sts_free(sts);
	vx_own_tls_results_done(&results);
	vxt_zone_done(&zone);
	vx_store_close(store);
	vxt_rmdir(dir);
}

START_TEST(kept_fresh)
{
	begin();
	ck_assert(holds());
	ck_assert(holds());
	ck_assert_uint_eq(fetches, 1);
	pass(86000);
	ck_assert_uint_eq(fetches, 1);
	pass(500); /* a day */
	ck_assert_uint_eq(fetches, 2);
	pass(100);
	ck_assert_uint_eq(fetches, 2);
	answer = NULL;
	pass(86400);
	ck_assert_uint_eq(fetches, 3);
	ck_assert_uint_eq(results.policies->failures, 1);
	pass(1800);
	ck_assert_uint_eq(fetches, 3);
	pass(1900); /* an hour after a failure */
	ck_assert_uint_eq(fetches, 4);
	ck_assert(holds());
	end();
}
END_TEST

START_TEST(grown_too_old)
{
	begin();
	ck_assert(holds());
	vxt_zone_done(&zone); /* no record any more */
	vxt_zone_init(&zone);
	answer = NULL;
	now += 863999;
	ck_assert(holds());
	now += 1;
	ck_assert(!holds());
	pass(60); /* and forgotten */
	ck_assert_uint_eq(fetches, 1);
	end();
}
END_TEST

START_TEST(failures_are_remembered)
{
	begin();
	answer = NULL;
	ck_assert(!holds());
	ck_assert(!holds());
	ck_assert_uint_eq(fetches, 1);
	ck_assert_int_eq(results.policies->details->type, VX_TLS_STS_POLICY_FETCH_ERROR);
	now += SENDER_STS_AGAIN_S;
	answer = POLICY;
	ck_assert(holds());
	ck_assert_uint_eq(fetches, 2);
	end();
}
END_TEST

/* Mail that is a report of ours does not make another one necessary. */
START_TEST(reports_are_not_reported)
{
	struct sender_wish w[2] = { { .done = known, .quiet = true }, { .done = known } };

	begin();
	answer = NULL;
	ck_assert_int_eq(vx_sender_sts_ask(sts, "d.example", &w[0]), VX_WAIT);
	settle();
	ck_assert_uint_eq(fetches, 1);
	ck_assert_uint_eq(results.count, 0);
	now += SENDER_STS_AGAIN_S;
	for (int i = 0; i < 2; i++) /* a user's is among them */
		ck_assert_int_eq(vx_sender_sts_ask(sts, "d.example", &w[i]), VX_WAIT);
	settle();
	ck_assert_uint_eq(results.policies->failures, 1);
	end();
}
END_TEST

START_TEST(one_fetch_for_all)
{
	struct sender_wish w[3] = { { .done = known }, { .done = known },
		{ .done = known } };

	begin();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(vx_sender_sts_ask(sts, "d.example", &w[i]), VX_WAIT);
	vx_sender_sts_forget(&w[1]);
	settle();
	ck_assert_uint_eq(fetches, 1);
	ck_assert_ptr_nonnull(w[0].policy);
	ck_assert_ptr_null(w[1].policy);
	ck_assert_ptr_eq(w[0].policy, w[2].policy);
	vx_sender_policy_free(w[0].policy);
	vx_sender_policy_free(w[2].policy);
	end();
}
END_TEST

/* Whatever is under way when the sender goes. */
START_TEST(gone_in_the_middle)
{
	struct sender_wish w = { .done = known };

	begin();
	ck_assert_int_eq(vx_sender_sts_ask(sts, "d.example", &w), VX_WAIT);
	end();
	ck_assert_ptr_null(asked);
	ck_assert_ptr_null(w.inquiry);
}
END_TEST

/* TLSA records alone count where there are some (RFC 8461 2). */
START_TEST(dane_goes_before)
{
	static const struct {
		enum vx_route_dane dane;
		const char *host;
		bool admitted, required;
	} cases[] = { { VX_ROUTE_DANE_NONE, "a.example", true, true },
		{ VX_ROUTE_DANE_NONE, "b.example", false, true },
		{ VX_ROUTE_DANE_RECORDS, "b.example", true, true },
		/* records that mean nothing are no reason to trust anybody */
		{ VX_ROUTE_DANE_UNUSABLE, "b.example", false, true } };
	struct vx_sender *s = calloc(1, sizeof(*s));
	struct sender_tls t = { .sender = s, .domain = "d.example" };
	char why[SENDER_TLS_TEXT_MAX];

	begin();
	s->o.loop = &loop;
	vx_own_tls_results_init(&s->tls_results);
	t.wish.done = known;
	ck_assert_int_eq(vx_sender_sts_ask(sts, "d.example", &t.wish), VX_WAIT);
	settle();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vx_route_host h = { .name = cases[i].host,
			.tlsa_base = cases[i].host,
			.dane = cases[i].dane };

		ck_assert(vx_sender_tls_admits(&t, &h, why) == cases[i].admitted);
		ck_assert(vx_sender_tls_is_required(&t, &h) == cases[i].required);
	}
	t.quiet = true; /* as is mail that is not counted */
	ck_assert(!vx_sender_tls_admits(&t,
	    &(struct vx_route_host){ .name = "b.example", .tlsa_base = "b.example" },
	    why));
	ck_assert_uint_eq(s->tls_results.policies->failures, 2);
	ck_assert_int_eq(s->tls_results.policies->type, VX_TLS_POLICY_STS);
	vxt_assert_str(s->tls_results.policies->lines->text, "version: STSv1");
	vxt_assert_str(s->tls_results.policies->mx_hosts->text, "a.example");
	vx_sender_tls_done(&t);
	vx_own_tls_results_done(&s->tls_results);
	free(s);
	end();
}
END_TEST

/* Each failure has its own name in the reports (RFC 8460 4.3). */
START_TEST(failures_have_names)
{
	static const struct {
		enum vx_tls_fault fault;
		const char *name;
	} cases[] = { { VX_TLS_FAULT_NAME, "certificate-host-mismatch" },
		{ VX_TLS_FAULT_EXPIRED, "certificate-expired" },
		{ VX_TLS_FAULT_NOT_TRUSTED, "certificate-not-trusted" },
		{ VX_TLS_FAULT_RECORDS, "tlsa-invalid" },
		{ VX_TLS_FAULT_OTHER, "validation-failure" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(
		    vx_tls_failure_type_name(vx_sender_tls_failure(cases[i].fault)),
		    cases[i].name);
}
END_TEST

START_TEST(forged_answers_are_told)
{
	struct vx_sender *s = calloc(1, sizeof(*s));
	struct sender_tls t = { .sender = s, .domain = "d.example" };
	struct sender_tls_seen seen = { .helo = "mx.d.example" };
	const struct vx_route_host h = { .name = "a.example", .tlsa_base = "a.example" };
	const struct vx_tls_failure *f;

	begin();
	s->o.loop = &loop;
	vx_own_tls_results_init(&s->tls_results);
	vx_sender_tls_forged(&t, "a.example");
	vx_sender_tls_forged(&t, "a.example");
	vx_sender_tls_forged(&t, "");
	t.quiet = true;
	vx_sender_tls_forged(&t, "a.example");
	ck_assert_uint_eq(s->tls_results.count, 2);
	ck_assert_int_eq(s->tls_results.policies->type, VX_TLS_POLICY_TLSA);
	ck_assert_ptr_null(s->tls_results.policies->lines);
	vxt_assert_str(s->tls_results.policies->mx_hosts->text, "a.example");
	ck_assert_uint_eq(s->tls_results.policies->failures, 2);
	f = s->tls_results.policies->details;
	ck_assert_int_eq(f->type, VX_TLS_DNSSEC_INVALID);
	vxt_assert_str(f->receiving_hostname, "a.example");
	ck_assert_ptr_null(s->tls_results.policies->next->mx_hosts);
	ck_assert_uint_eq(s->tls_results.policies->next->failures, 1);
	vx_sender_tls_missing(&seen);
	vx_sender_tls_count(&t, &h, &seen);
	f = s->tls_results.policies->next->next->details;
	ck_assert_int_eq(f->type, VX_TLS_STARTTLS_NOT_SUPPORTED);
	vxt_assert_str(f->receiving_helo, "mx.d.example");
	vx_own_tls_results_done(&s->tls_results);
	free(s);
	end();
}
END_TEST

VXT_SUITE(suite_sender_sts, "sender_sts", kept_fresh, grown_too_old,
    failures_are_remembered, reports_are_not_reported, one_fetch_for_all,
    gone_in_the_middle, dane_goes_before, failures_have_names, forged_answers_are_told)
