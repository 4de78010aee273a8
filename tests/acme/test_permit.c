/* What the owner of a name says in the DNS, and what comes of it. */
#include "acme/ca.h"

static const char *const both[] = { "mail.example.com", "*.example.com", NULL };
static const char *const one[] = { "mail.example.com", NULL };

static void first_run(struct world *w, const char *const *names)
{
	world_cert(w, "mail", VX_PKI_P256, names);
	world_start(w);
	world_run(w, w->now + 3000);
}

START_TEST(asked_before_an_order)
{
	struct world w;

	world_init(&w);
	w.ca[0].identities = "[\"ca.test\", \"CA.example\", \"no such\", 7]";
	w.can = VX_ACME_DNS_01 | VX_ACME_HTTP_01;
	first_run(&w, both);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(w.permits, 2);
	ck_assert_str_eq(w.permit_for,
	    "*.example.com, ca.test ca.example, https://ca.test/account/1, 2");
	world_done(&w);
	/* who does not say how it is called cannot be looked for */
	world_init(&w);
	first_run(&w, one);
	ck_assert_uint_eq(w.permits, 0);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);
}
END_TEST

/* What is forbidden costs no order, and is looked at again a day later. */
START_TEST(forbidden)
{
	struct vx_acme_status s;
	struct world w;

	world_init(&w);
	w.ca[0].identities = "[\"ca.test\"]";
	w.permit = 0;
	w.forbids = "the CAA records let only others issue";
	first_run(&w, one);
	s = world_status(&w, 0);
	ck_assert_uint_eq(w.ca[0].order_count, 0);
	ck_assert_str_eq(
	    s.problem, "mail.example.com: the CAA records let only others issue");
	ck_assert(!s.stopped);
	ck_assert_uint_eq(s.failures, 1);
	ck_assert_int_gt(s.next, w.now + 80000);
	w.permit = ~0U;
	w.forbids = NULL;
	world_run(&w, w.now + 110000);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(w.ca[0].order_count, 1);
	world_done(&w);
}
END_TEST

/* A DNS that does not answer is tried again soon. */
START_TEST(not_known)
{
	struct vx_acme_status s;
	struct world w;

	world_init(&w);
	w.ca[0].identities = "[\"ca.test\"]";
	w.permit = 0;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 10);
	s = world_status(&w, 0);
	ck_assert_uint_eq(w.ca[0].order_count, 0);
	ck_assert_uint_eq(s.failures, 1);
	ck_assert_int_lt(s.next, w.now + 120);
	world_done(&w);
}
END_TEST

/* Only the methods that records allow are used; the others were possible. */
START_TEST(methods)
{
	struct world w;

	world_init(&w);
	w.ca[0].identities = "[\"ca.test\"]";
	w.can = VX_ACME_DNS_01 | VX_ACME_HTTP_01 | VX_ACME_TLS_ALPN_01;
	w.permit = VX_ACME_TLS_ALPN_01;
	w.no_provision = true;
	first_run(&w, one);
	/* it was begun, with the one that is allowed */
	ck_assert_uint_eq(w.served[0].installs, 0);
	ck_assert_uint_ge(w.ca[0].order_count, 1);
	w.no_provision = false;
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 1));
	world_run(&w, w.now + 3000);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(w.last_provided, VX_ACME_TLS_ALPN_01);
	world_done(&w);
}
END_TEST

/* A record for another issuer proves nothing: the next challenge is used. */
START_TEST(persistent_proofs)
{
	static const struct {
		const char *persists;
		unsigned provided; /* what was made answerable; 0: nothing had to be */
	} cases[] = { { "ca.test", 0 }, { "ALSO.test", 0 }, { "x.test ca.test", 0 },
		{ "x.test", VX_ACME_DNS_01 }, { NULL, VX_ACME_DNS_01 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		world_init(&w);
		w.can = VX_ACME_DNS_PERSIST_01 | VX_ACME_DNS_01;
		w.persists = cases[i].persists;
		first_run(&w, both);
		ck_assert_uint_eq(w.served[0].installs, 1);
		ck_assert_uint_eq(w.last_provided, cases[i].provided);
		/* people are told how to name it, also after a restart */
		world_start(&w);
		ck_assert_str_eq(world_status(&w, 0).persists, "ca.test");
		world_done(&w);
	}
}
END_TEST

#define ACCOUNT "https://ca.test/account/1"

START_TEST(records_of_proofs)
{
	static const struct {
		const char *text;
		bool plain, wild;
	} cases[] = {
		{ "ca.test; accounturi=" ACCOUNT, true, false },
		{ "ca.test;accounturi=" ACCOUNT ";policy=wildcard", true, true },
		{ "ca.test; policy=WildCard; accounturi=" ACCOUNT, true, true },
		{ "ca.test; accounturi=" ACCOUNT "; policy=other", true, false },
		{ "ca.test; accounturi=" ACCOUNT "; unknown=1", true, false },
		{ "ca.test; accounturi=" ACCOUNT "; persistUntil=1001", true, false },
		{ "ca.test; accounturi=" ACCOUNT "; persistUntil=1000", false, false },
		{ "ca.test; accounturi=" ACCOUNT "; persistUntil=soon", false, false },
		{ "ca.test; accounturi=" ACCOUNT "2", false, false },
		{ "ca.test; accounturi=" ACCOUNT "; accounturi=" ACCOUNT, false, false },
		{ "ca.test; accounturi=" ACCOUNT "; policy=wildcard; policy=wildcard",
		    false, false },
		{ "; accounturi=" ACCOUNT, false, false },
		{ "ca.test", false, false },
		{ "ca.test; accounturi", false, false },
		{ "v=spf1 -all", false, false },
		{ "", false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int wild = 0; wild < 2; wild++) {
			const bool expected = wild ? cases[i].wild : cases[i].plain;
			vx_slice issuer = { NULL, 0 };
			const bool good = vx_acme_persist(
			    vx_slice_str(cases[i].text), ACCOUNT, wild, 1000, &issuer);

			ck_assert_msg(good == expected, "case %zu, wild %d", i, wild);
			if (good)
				vxt_assert_slice(issuer, VX_S("ca.test"));
			else
				ck_assert_ptr_null(issuer.ptr);
		}
}
END_TEST

VXT_SUITE(test_permit, "permit", asked_before_an_order, forbidden, not_known, methods,
    persistent_proofs, records_of_proofs)
