/* Years of renewals, with a clock that is turned. */
#include "acme/ca.h"

#include <stdio.h>

#define DAY INT64_C(86400)

static const char *const one[] = { "mail.example.com", NULL };

/* So many days: each has a good certificate, and no more is ordered than is needed. */
static void live(struct world *w, unsigned days, int64_t spare_s)
{
	const int64_t end = w->now + (int64_t)days * DAY;

	world_run(w, w->now + 3600);
	ck_assert_uint_eq(w->served[0].installs, 1);
	while (w->now < end) {
		world_run(w, w->now + DAY / 4);
		ck_assert_msg(w->served[0].cert.not_after - w->now > spare_s,
		    "%lld seconds left",
		    (long long)(w->served[0].cert.not_after - w->now));
		ck_assert_uint_eq(w->provided_count, 0);
	}
}

START_TEST(four_hundred_days)
{
	static const struct {
		int64_t life_days;
		bool windows;
		int64_t spare_days;
	} cases[] = { { 90, true, 17 }, { 90, false, 17 }, { 64, true, 12 },
		{ 45, true, 8 }, { 45, false, 8 }, { 6, false, 1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		unsigned most;

		world_init(&w);
		w.ca[0].windows = cases[i].windows;
		w.ca[0].life_s = cases[i].life_days * DAY;
		world_cert(&w, "mail", VX_PKI_P256, one);
		world_start(&w);
		live(&w, 400, cases[i].spare_days * DAY);
		/* at two thirds, or a day before or after that, and one for the beginning
		 */
		most = (unsigned)(400 / (cases[i].life_days * 2 / 3 - 1)) + 2;
		ck_assert_msg(w.ca[0].order_count <= most, "case %zu: %zu orders, not %u",
		    i, w.ca[0].order_count, most);
		ck_assert_uint_ge(w.ca[0].order_count,
		    (unsigned)(400 / (cases[i].life_days * 2 / 3 + 2)));
		ck_assert_uint_eq(
		    w.ca[0].replaced, cases[i].windows ? w.ca[0].order_count - 1 : 0);
		/* one key, all the time (TLS-26) */
		ck_assert_mem_eq(w.served[0].cert.digest, world_status(&w, 0).digest, 32);
		ck_assert_uint_eq(w.ca[0].accounts, 1);
		world_done(&w);
	}
}
END_TEST

/* The authority is away for a fifth of the time, the process dies now and then. */
START_TEST(four_hundred_bad_days)
{
	struct world w;
	int64_t begin;

	world_init(&w);
	w.ca[0].nonce_reject = 30;
	w.ca[0].life_s = 45 * DAY;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	begin = w.now;
	world_run(&w, w.now + 3600);
	for (unsigned day = 0; day < 400; day++) {
		w.ca[0].deaf = day % 10 < 2;
		if (day % 7 == 3) {
			w.die_at = w.steps + 1 + day % 5;
			w.die_after = day % 2 == 0;
		}
		world_run(&w, begin + (int64_t)(day + 1) * DAY);
		ck_assert_int_gt(w.served[0].cert.not_after - w.now, 5 * DAY);
	}
	ck_assert_uint_gt(w.deaths, 20);
	ck_assert_uint_le(w.ca[0].order_count, 400 / 28 + 4);
	world_done(&w);
}
END_TEST

START_TEST(window_that_is_over)
{
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 2 * DAY);
	ck_assert_uint_eq(w.ca[0].order_count, 1);
	/* something happened: all that was issued is to be replaced now */
	w.ca[0].window_start = w.now - 2 * DAY;
	w.ca[0].window_end = w.now - DAY;
	world_run(&w, w.now + DAY / 2);
	ck_assert_uint_ge(w.ca[0].order_count, 2);
	ck_assert_uint_eq(w.ca[0].replaced, w.ca[0].order_count - 1);
	world_done(&w);
}
END_TEST

START_TEST(windows_that_are_nonsense)
{
	static const char *const bodies[] = { "{}", "<html>", "{\"suggestedWindow\":1}",
		"{\"suggestedWindow\":{\"start\":\"2026-01-01T00:00:00Z\",\"end\":\"\"}}",
		"{\"suggestedWindow\":{\"start\":\"2027-01-02T00:00:00Z\","
		"\"end\":\"2027-01-01T00:00:00Z\"}}",
		/* far too late: what is left of its life decides */
		"{\"suggestedWindow\":{\"start\":\"2036-01-02T00:00:00Z\","
		"\"end\":\"2037-01-01T00:00:00Z\"}}" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct world w;
		struct ca_said *s;

		world_init(&w);
		world_cert(&w, "mail", VX_PKI_P256, one);
		s = ca_say(&w.ca[0], "/window/", 200, NULL);
		s->times = UINT32_MAX;
		s->body = bodies[i];
		world_start(&w);
		live(&w, 100, 17 * DAY);
		ck_assert_uint_eq(w.ca[0].order_count, 2);
		ck_assert_uint_gt(UINT32_MAX - s->times, 150);
		ck_assert_uint_lt(UINT32_MAX - s->times, 500);
		world_done(&w);
	}
}
END_TEST

START_TEST(window_is_chosen_once)
{
	struct world w;
	int64_t due;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + DAY);
	due = world_status(&w, 0).due;
	for (unsigned i = 0; i < 20; i++) {
		world_run(&w, w.now + DAY);
		if (i % 5 == 0)
			world_start(&w);
		ck_assert_int_eq(world_status(&w, 0).due, due);
	}
	world_done(&w);
}
END_TEST

START_TEST(state_is_lost)
{
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 50);
	vx_buf_reset(&w.state);
	world_start(&w);
	world_run(&w, w.now + 30 * DAY);
	ck_assert_uint_eq(w.ca[0].order_count, 1);
	world_run(&w, w.now + 40 * DAY);
	ck_assert_uint_eq(w.ca[0].order_count, 2);
	ck_assert_mem_eq(w.served[0].cert.digest, world_status(&w, 0).digest, 32);
	world_done(&w);
}
END_TEST

START_TEST(names_change)
{
	static const char *const more[] = { "mail.example.com", "imap.example.com",
		NULL };
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 50);
	w.cert_count = 0;
	world_cert(&w, "mail", VX_PKI_P256, more);
	world_start(&w);
	world_run(&w, w.now + 50);
	ck_assert_uint_eq(w.served[0].installs, 2);
	ck_assert_str_eq(w.served[0].cert.names, "mail.example.com imap.example.com");
	/* TLS-27: another name altogether */
	w.cert_count = 0;
	world_cert(
	    &w, "mail", VX_PKI_P256, (const char *const[]){ "mx.example.net", NULL });
	world_start(&w);
	world_run(&w, w.now + 50);
	ck_assert_uint_eq(w.served[0].installs, 3);
	ck_assert_uint_eq(w.ca[0].replaced, 1); /* nothing is shared with the last one */
	world_done(&w);
}
END_TEST

VXT_SUITE(test_renewal, "renewal", four_hundred_days, four_hundred_bad_days,
    window_that_is_over, windows_that_are_nonsense, window_is_chosen_once, state_is_lost,
    names_change)
