/* The table of failures, and a core that dies at every step. */
#include "acme/ca.h"

#include <stdio.h>

static const char *const one[] = { "mail.example.com", NULL };
static const char *const two[] = { "mail.example.com", "bad.example.com", NULL };

START_TEST(nonces)
{
	static const unsigned per_cent[] = { 5, 30, 60 };
	struct world w;

	for (size_t i = 0; i < 3; i++) {
		world_init(&w);
		w.ca[0].nonce_reject = per_cent[i];
		world_cert(&w, "mail", VX_PKI_P256, one);
		world_start(&w);
		world_run(&w, w.now + 50);
		ck_assert_uint_eq(w.served[0].installs, 1);
		ck_assert_uint_gt(w.ca[0].refused_nonces + (i == 0), 0);
		world_done(&w);
	}
	/* twenty times is enough */
	world_init(&w);
	w.ca[0].nonce_reject = 100;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 50);
	ck_assert_uint_eq(w.ca[0].refused_nonces, VX_ACME_NONCE_TRIES);
	ck_assert_uint_eq(world_status(&w, 0).failures, 1);
	world_done(&w);
}
END_TEST

enum outcome {
	RETRIED, /* after low to high seconds, then all is well */
	DAILY,
	STOPPED
};

START_TEST(table_of_failures)
{
	static const struct {
		const char *url;
		unsigned status, times;
		const char *type, *body, *retry;
		enum outcome outcome;
		int64_t low, high;
		unsigned failures;
	} cases[] = {
		{ "new-order", 429, 1, "rateLimited", "", "7200", RETRIED, 7200, 7200,
		    0 },
		{ "new-order", 429, 1, "rateLimited", "", "Sat, 28 Nov 2026 20:00:00 GMT",
		    RETRIED, 1, 86400, 0 },
		{ "new-order", 429, 1, "rateLimited", "", "999999999", RETRIED, 86400,
		    86400, 0 },
		{ "new-order", 429, 1, "rateLimited", "", "0", RETRIED, 1, 1, 0 },
		{ "new-order", 429, 1, "rateLimited", "", NULL, RETRIED, 60, 70, 1 },
		{ "new-order", 503, 1, NULL, "<html>busy</html>", "120", RETRIED, 120,
		    120, 0 },
		{ "new-order", 503, 1, NULL, "", NULL, RETRIED, 60, 70, 1 },
		{ "directory", 503, 1, NULL, "", "30", RETRIED, 30, 30, 0 },
		{ "nonce", 503, 1, NULL, "", "30", RETRIED, 30, 30, 0 },
		{ "new-order", 500, 1, "serverInternal", "", NULL, RETRIED, 60, 70, 1 },
		{ "new-order", 500, 1, NULL, "<html>", NULL, RETRIED, 60, 70, 1 },
		{ "new-order", 200, 1, NULL, "{\"status\":", NULL, RETRIED, 60, 70, 1 },
		{ "directory", 200, 1, NULL, "[[[[[[[[[[[[[[[[[[[[[[", NULL, RETRIED, 60,
		    70, 1 },
		{ "directory", 301, 1, NULL, "", NULL, RETRIED, 60, 70, 1 },
		{ "new-order", 403, 1, "caa", "", NULL, DAILY, 86400, 98000, 1 },
		{ "new-order", 400, 1, "rejectedIdentifier", "", NULL, DAILY, 86400,
		    98000, 1 },
		{ "authz", 404, 1, "malformed", "", NULL, RETRIED, 60, 70, 1 },
		{ "order/0", 404, 1, "malformed", "", NULL, RETRIED, 60, 70, 1 },
		{ "finalize", 403, 1, "orderNotReady", "", NULL, RETRIED, 0, 30, 0 },
		{ "finalize", 500, 1, "serverInternal", "", NULL, RETRIED, 60, 70, 1 },
		{ "cert/", 200, 1, NULL, "no certificate", NULL, RETRIED, 60, 70, 1 },
		{ "challenge", 400, 1, "unauthorized", "", NULL, RETRIED, 60, 70, 1 },
		{ "new-account", 401, 1, "unauthorized", "", NULL, STOPPED, 0, 0, 1 },
		{ "new-order", 400, 1, "accountDoesNotExist", "", NULL, STOPPED, 0, 0,
		    1 },
		{ "new-order", 400, 1, "badSignatureAlgorithm", "", NULL, STOPPED, 0, 0,
		    1 },
		{ "new-order", 400, 1, "malformed", "", NULL, STOPPED, 0, 0, 1 },
		{ "finalize", 400, 1, "badCSR", "", NULL, STOPPED, 0, 0, 1 },
		{ "new-account", 400, 1, "badPublicKey", "", NULL, STOPPED, 0, 0, 1 },
		{ "new-account", 400, 1, "userActionRequired", "", NULL, STOPPED, 0, 0,
		    1 },
		{ "new-order", 429, 1, "rateLimited",
		    ",\"subproblems\":[{\"identifier\":{\"value\":\"x\"},"
		    "\"detail\":\"see https://ca.test/unpause?jwt=1\"}]",
		    "60", STOPPED, 0, 0, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_acme_status s;
		struct ca_said *said;
		struct world w;
		int64_t begin;

		world_init(&w);
		world_cert(&w, "mail", VX_PKI_P256, one);
		said = ca_say(&w.ca[0], cases[i].url, cases[i].status, cases[i].type);
		said->times = cases[i].times;
		said->body = cases[i].body;
		said->retry = cases[i].retry;
		world_start(&w);
		begin = w.now;
		world_run(&w, w.now);
		s = world_status(&w, 0);
		ck_assert_msg(s.failures == cases[i].failures, "case %zu: %u failures", i,
		    s.failures);
		if (cases[i].outcome == STOPPED) {
			ck_assert_msg(s.stopped, "case %zu", i);
			ck_assert_int_eq(s.next, INT64_MAX);
			ck_assert_str_ne(w.alarm, "");
			world_run(&w, w.now + 30 * 86400);
			ck_assert_uint_eq(w.served[0].installs, 0);
			ck_assert_uint_eq(said->times, 0);
			vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 1));
			world_run(&w, w.now + 60);
			ck_assert_msg(
			    w.served[0].installs == 1, "case %zu: %s", i, w.told);
		} else {
			ck_assert_msg(!s.stopped, "case %zu: %s", i, s.problem);
			if (cases[i].low > 0)
				ck_assert_msg(s.next >= begin + cases[i].low &&
						  s.next <= begin + cases[i].high,
				    "case %zu: %lld", i, (long long)(s.next - begin));
			world_run(&w, begin + cases[i].high + 60);
			ck_assert_msg(
			    w.served[0].installs == 1, "case %zu: %s", i, w.told);
		}
		ck_assert_uint_eq(w.ca[0].accounts, 1);
		ck_assert_uint_eq(w.provided_count, 0);
		world_done(&w);
	}
}
END_TEST

START_TEST(backs_off)
{
	static const int64_t pauses[] = { 60, 600, 6000, 86400, 86400, 86400 };
	struct world w;

	world_init(&w);
	w.ca[0].deaf = true;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	for (size_t i = 0; i < 6; i++) {
		struct vx_acme_status s;
		const int64_t begin = w.now;

		world_run(&w, w.now);
		s = world_status(&w, 0);
		ck_assert_uint_eq(s.failures, i + 1);
		ck_assert_int_ge(s.next - begin, pauses[i]);
		ck_assert_int_le(s.next - begin, pauses[i] + pauses[i] / 8 + 1);
		/* and so it is after a start */
		world_start(&w);
		ck_assert_int_eq(world_status(&w, 0).next, s.next);
		world_run(&w, s.next - 1);
		ck_assert_uint_eq(w.ca[0].requests, i + 1);
		w.now = s.next;
	}
	w.ca[0].deaf = false;
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(world_status(&w, 0).failures, 0);
	world_done(&w);
}
END_TEST

/* "Later" for ever is a failure in the end. */
START_TEST(later_and_later)
{
	struct world w;
	struct ca_said *s;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	s = ca_say(&w.ca[0], "new-order", 429, "rateLimited");
	s->times = 1000;
	s->retry = "1";
	world_start(&w);
	world_run(&w, w.now + 3 * 86400);
	ck_assert_uint_gt(world_status(&w, 0).failures, 3);
	ck_assert_uint_lt(1000 - s->times, 35);
	world_done(&w);
}
END_TEST

START_TEST(validation_fails)
{
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	w.can = VX_ACME_DNS_01;
	world_start(&w);
	/* what answers is taken away before it is looked at */
	for (;;) {
		struct vx_acme_step step;
		struct vx_acme_answer answer = { .result = VX_OK, .challenges = w.can };

		vxt_assert_ok(vx_acme_next(w.core, w.now, &step));
		if (step.type == VX_ACME_WAIT)
			break;
		if (step.type == VX_ACME_TELL)
			continue;
		if (step.type == VX_ACME_REQUEST)
			ca_answer(&w.ca[0], &step, &answer);
		vx_acme_answer(w.core, w.now, &answer);
	}
	ck_assert_uint_eq(world_status(&w, 0).failures, 1);
	/* the name, what was wrong, and where the authority looked */
	ck_assert_ptr_nonnull(strstr(world_status(&w, 0).problem, "mail.example.com"));
	ck_assert_ptr_nonnull(strstr(world_status(&w, 0).problem, "unauthorized"));
	ck_assert_ptr_nonnull(strstr(world_status(&w, 0).problem, "192.0.2.77"));
	world_run(&w, w.now + 100);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(w.ca[0].order_count, 2);
	world_done(&w);
}
END_TEST

START_TEST(names_are_refused)
{
	struct world w;

	for (unsigned partial = 0; partial < 2; partial++) {
		world_init(&w);
		world_cert(&w, "mail", VX_PKI_P256, two);
		w.certs[0].partial = partial == 1;
		ca_say(&w.ca[0], "new-order", 400, "rejectedIdentifier")->body =
		    ",\"subproblems\":[{\"type\":\"x\",\"detail\":\"forbidden\","
		    "\"identifier\":{\"type\":\"dns\",\"value\":\"bad.example.com\"}}]";
		world_start(&w);
		world_run(&w, w.now + 50);
		ck_assert_uint_eq(w.served[0].installs, partial);
		ck_assert_ptr_nonnull(
		    strstr(partial == 1 ? w.alarm : world_status(&w, 0).problem,
			"bad.example.com: forbidden"));
		if (partial == 1)
			ck_assert_str_eq(w.served[0].cert.names, "mail.example.com");
		/* and not again and again */
		world_run(&w, w.now + 5 * 86400);
		ck_assert_uint_eq(w.ca[0].order_count, 1);
		world_done(&w);
	}
}
END_TEST

START_TEST(already_replaced)
{
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 50);
	ca_say(&w.ca[0], "new-order", 409, "alreadyReplaced");
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 1));
	world_run(&w, w.now + 50);
	ck_assert_uint_eq(w.served[0].installs, 2);
	ck_assert_uint_eq(w.ca[0].replaced, 0);
	ck_assert_uint_eq(world_status(&w, 0).failures, 0);
	/* the next one replaces again */
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 2));
	world_run(&w, w.now + 50);
	ck_assert_uint_eq(w.ca[0].replaced, 1);
	world_done(&w);
}
END_TEST

START_TEST(second_authority)
{
	struct world w;

	/* the first one is away: after a while the second gives the first certificate */
	world_init(&w);
	w.ca_count = 2;
	w.ca[0].deaf = true;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 4 * 86400);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(w.ca[1].certs, 1);
	ck_assert_str_eq(world_status(&w, 0).authority, "first");
	world_done(&w);

	/* one that refuses us needs no patience */
	world_init(&w);
	w.ca_count = 2;
	ca_say(&w.ca[0], "new-account", 403, "externalAccountRequired")->times = 99;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 100);
	ck_assert_uint_eq(w.ca[1].certs, 1);
	world_done(&w);
}
END_TEST

/* Before the directory was read there is nobody to tell that new terms are agreed to. */
START_TEST(terms_instead_of_a_directory)
{
	struct world w;
	unsigned before;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 3000);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_start(&w); /* it forgets the directory, and not the account */
	ca_say(&w.ca[0], "directory", 403, "userActionRequired")->times = 1;
	before = w.ca[0].requests;
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 1));
	world_run(&w, w.now + 10);
	ck_assert_uint_eq(w.ca[0].requests, before + 1);
	ck_assert_int_ne(w.ended_result, VX_OK);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);
}
END_TEST

START_TEST(clocks)
{
	static const struct {
		int64_t skew;
		unsigned installs;
		const char *said;
	} cases[] = { { 200, 1, "" }, { 400, 1, "differs by 400" },
		{ -400, 1, "differs" }, { 4000, 0, "fast" }, { -4000, 0, "slow" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_acme_step step;
		struct world w;
		bool heard = cases[i].said[0] == '\0';

		world_init(&w);
		w.ca[0].skew_s = cases[i].skew;
		world_cert(&w, "mail", VX_PKI_P256, one);
		world_start(&w);
		world_run(&w, w.now + 30);
		(void)step;
		heard = heard ||
			strstr(world_status(&w, 0).problem, cases[i].said) != NULL ||
			cases[i].installs == 1;
		ck_assert_uint_eq(w.served[0].installs, cases[i].installs);
		ck_assert(heard);
		if (cases[i].installs == 0)
			ck_assert_uint_eq(w.ca[0].order_count, 0);
		world_done(&w);
	}
}
END_TEST

START_TEST(disk_is_full)
{
	struct world w;

	world_init(&w);
	w.no_disk = true;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 3600);
	/* no account whose key could be lost */
	ck_assert_uint_eq(w.ca[0].accounts, 0);
	ck_assert_ptr_nonnull(strstr(w.alarm, "cannot be kept"));
	w.no_disk = false;
	world_run(&w, w.now + 120);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);
}
END_TEST

START_TEST(install_fails)
{
	struct world w;

	world_init(&w);
	w.no_install = true;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 800);
	ck_assert_uint_eq(w.ca[0].certs, 1); /* the same one is tried again */
	ck_assert_ptr_nonnull(strstr(world_status(&w, 0).problem, "ugly"));
	w.no_install = false;
	world_run(&w, w.now + 8000);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);
}
END_TEST

/* Each step is the last one of a process, before or after it was done. */
START_TEST(dies_at_every_step)
{
	static const char *const names[] = { "a.example.com", "b.example.com", NULL };
	unsigned steps = 0;

	for (unsigned at = 0; at <= steps; at++)
		for (unsigned after = 0; after < 2; after++) {
			struct world w;

			world_init(&w);
			w.die_at = at;
			w.die_after = after == 1;
			w.can = at % 2 == 0 ? VX_ACME_HTTP_01 : VX_ACME_DNS_01;
			world_cert(&w, "mail", VX_PKI_P256, names);
			world_start(&w);
			world_run(&w, w.now + 500);
			if (at == 0)
				steps = w.steps;
			ck_assert_msg(
			    w.served[0].installs >= 1, "dead at %u: %s", at, w.told);
			ck_assert_uint_eq(w.deaths, at == 0 ? 0 : 1);
			ck_assert_uint_eq(w.ca[0].accounts, 1);
			/* one is lost at most: when nobody heard where it is */
			ck_assert_uint_le(w.ca[0].order_count, 2);
			ck_assert_uint_le(w.ca[0].certs, 1);
			ck_assert_msg(w.provided_count == 0, "dead at %u: %s", at,
			    w.provided[0].token);
			ck_assert_mem_eq(
			    w.served[0].cert.digest, world_status(&w, 0).digest, 32);
			world_done(&w);
		}
	ck_assert_uint_gt(steps, 25);
}
END_TEST

VXT_SUITE(test_trouble, "trouble", nonces, table_of_failures, backs_off, later_and_later,
    validation_fails, names_are_refused, already_replaced, second_authority, clocks,
    disk_is_full, install_fails, dies_at_every_step, terms_instead_of_a_directory)
