/* A certificate from nothing, in all the ways there are, and what persons want of it. */
#include "acme/ca.h"

#include <stdlib.h>

static const char *const one[] = { "mail.example.com", NULL };
static const char *const wild[] = { "*.example.com", "example.com", NULL };

static void first_run(struct world *w)
{
	world_start(w);
	world_run(w, w->now + 3000);
}

START_TEST(first_certificate)
{
	struct world w;
	struct vx_acme_status s;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	s = world_status(&w, 0);
	ck_assert(s.there && s.has_key && !s.running);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_str_eq(w.served[0].cert.names, "mail.example.com");
	ck_assert_mem_eq(w.served[0].cert.digest, s.digest, sizeof(s.digest));
	ck_assert_uint_eq(w.ca[0].accounts, 1);
	ck_assert_uint_eq(w.ca[0].order_count, 1);
	ck_assert_str_eq(w.ca[0].contact, "mailto:postmaster@example.com");
	ck_assert_str_eq(s.account, "https://ca.test/account/1");
	ck_assert_uint_eq(w.provided_count, 0);
	ck_assert_str_eq(w.ca[0].orders[0].profile, "");
	ck_assert_str_eq(w.alarm, "");
	/* half an hour later the authority says when it wants to be asked again */
	ck_assert(s.has_window);
	ck_assert_int_ge(s.due, s.window_start);
	ck_assert_int_lt(s.due, s.window_end);
	world_done(&w);
}
END_TEST

START_TEST(both_kinds)
{
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_cert(&w, "mail", VX_PKI_RSA, one);
	first_run(&w);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(w.served[1].installs, 1);
	ck_assert(memcmp(w.served[0].cert.digest, w.served[1].cert.digest, 32) != 0);
	ck_assert_uint_eq(w.ca[0].accounts, 1);
	ck_assert_uint_eq(w.generations, 1);
	/* renewed together, but not both in one minute */
	world_run(&w, w.now + INT64_C(75) * 86400);
	ck_assert_uint_eq(w.served[0].installs, 2);
	ck_assert_uint_eq(w.served[1].installs, 2);
	ck_assert_uint_eq(w.generations, 2);
	ck_assert_int_ge(
	    labs(w.served[1].cert.not_before - w.served[0].cert.not_before), 120);
	ck_assert_int_lt(
	    labs(w.served[1].cert.not_before - w.served[0].cert.not_before), 300);
	world_done(&w);
}
END_TEST

START_TEST(challenges)
{
	static const struct {
		unsigned can;
		const char *const *names;
		size_t served;
	} cases[] = {
		{ VX_ACME_HTTP_01, one, 1 },
		{ VX_ACME_DNS_01, one, 1 },
		{ VX_ACME_TLS_ALPN_01, one, 1 },
		{ VX_ACME_DNS_PERSIST_01, one, 1 },
		{ VX_ACME_DNS_01 | VX_ACME_HTTP_01, wild, 1 },
		{ VX_ACME_DNS_PERSIST_01 | VX_ACME_DNS_01, wild, 1 },
		{ VX_ACME_HTTP_01 | VX_ACME_TLS_ALPN_01, wild, 0 },
		{ 0, one, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;

		world_init(&w);
		w.can = cases[i].can;
		world_cert(&w, "mail", VX_PKI_P256, cases[i].names);
		first_run(&w);
		ck_assert_msg(
		    w.served[0].installs == cases[i].served, "case %zu: %s", i, w.told);
		ck_assert_uint_eq(w.provided_count, 0);
		/* what cannot work costs nothing, not even a look at the directory */
		if (cases[i].served == 0)
			ck_assert_uint_eq(w.ca[0].requests, 0);
		world_done(&w);
	}
}
END_TEST

START_TEST(wildcard_names_the_way)
{
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, wild);
	first_run(&w);
	ck_assert_ptr_nonnull(strstr(world_status(&w, 0).problem, "DNS-01"));
	world_done(&w);
}
END_TEST

START_TEST(authorizations_that_are_there)
{
	struct world w;

	world_init(&w);
	w.ca[0].reuse = 100;
	w.no_provision = true;
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);
}
END_TEST

/* Each authority has its own: the second is asked when the first one is not there. */
START_TEST(external_accounts)
{
	struct world w;

	world_init(&w);
	w.ca_count = 2;
	w.ca[0].eab = w.ca[1].eab = w.ca[0].deaf = true;
	w.ca[1].eab_kid = "two";
	w.ca[1].eab_secret = "other";
	w.authorities[0].eab_kid = "kid \"1\"";
	w.authorities[0].eab_key = "c2VjcmV0";
	w.authorities[1].eab_kid = "two";
	w.authorities[1].eab_key = "b3RoZXI";
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 2 * 86400);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_uint_eq(w.ca[0].accounts, 0);
	ck_assert_uint_eq(w.ca[1].accounts, 1);
	/* and the first is preferred again */
	w.ca[0].deaf = false;
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 1));
	world_run(&w, w.now + 3000);
	ck_assert_uint_eq(w.ca[0].accounts, 1);
	ck_assert_uint_eq(w.served[0].installs, 2);
	world_done(&w);
}
END_TEST

START_TEST(external_account)
{
	struct world w;

	world_init(&w);
	w.ca[0].eab = true;
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	ck_assert(world_status(&w, 0).stopped);
	ck_assert_ptr_nonnull(strstr(w.alarm, "external account"));
	world_done(&w);

	world_init(&w);
	w.ca[0].eab = true;
	w.authorities[0].eab_kid = "kid \"1\"";
	w.authorities[0].eab_key = "c2VjcmV0";
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);
}
END_TEST

START_TEST(terms)
{
	struct world w;

	world_init(&w);
	w.disagrees = true;
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	ck_assert(world_status(&w, 0).stopped);
	ck_assert_ptr_nonnull(strstr(w.alarm, "https://ca.test/terms"));
	ck_assert_uint_eq(w.ca[0].accounts, 0);
	world_done(&w);

	/* new ones, later */
	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	ca_say(&w.ca[0], "new-order", 403, "userActionRequired");
	first_run(&w);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);
}
END_TEST

START_TEST(profiles)
{
	struct world w;

	world_init(&w);
	w.ca[0].profiles = "{\"classic\": \"x\", \"tlsserver\": \"y\"}";
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	ck_assert_str_eq(w.ca[0].orders[0].profile, "tlsserver");
	world_done(&w);

	world_init(&w);
	w.ca[0].profiles = "{\"classic\": \"x\", \"shortlived\": \"y\"}";
	w.authorities[0].profile = "shortlived";
	world_cert(&w, "mail", VX_PKI_P256, one);
	ca_say(&w.ca[0], "new-order", 400, "invalidProfile");
	first_run(&w);
	ck_assert_str_eq(w.ca[0].orders[0].profile, "");
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);

	world_init(&w);
	w.ca[0].profiles = "{\"classic\": \"x\"}";
	w.authorities[0].profile = "nothing";
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	ck_assert_str_eq(w.ca[0].orders[0].profile, "");
	world_done(&w);
}
END_TEST

/* A chain that is not there is not waited for. */
START_TEST(chain_choice)
{
	struct world w;
	struct ca_said *s;

	world_init(&w);
	w.authorities[0].chain = "Nobody's Root";
	world_cert(&w, "mail", VX_PKI_P256, one);
	s = ca_say(&w.ca[0], "alternate", 200, NULL);
	s->body = "-----BEGIN NOTHING-----";
	first_run(&w);
	ck_assert_uint_eq(s->times, 0);
	ck_assert_uint_eq(w.served[0].installs, 1);
	ck_assert_str_eq(w.served[0].cert.top_issuer, "Test Root");
	world_done(&w);

	world_init(&w);
	w.authorities[0].chain = "Test Root";
	world_cert(&w, "mail", VX_PKI_P256, one);
	s = ca_say(&w.ca[0], "alternate", 200, NULL);
	first_run(&w);
	ck_assert_uint_eq(s->times, 1);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);
}
END_TEST

START_TEST(slow_authority)
{
	struct world w;

	world_init(&w);
	w.ca[0].processing = 3;
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	ck_assert_uint_eq(w.served[0].installs, 1);
	world_done(&w);

	world_init(&w);
	w.ca[0].processing = 1 << 30;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 700);
	ck_assert_uint_eq(w.served[0].installs, 0);
	ck_assert_ptr_nonnull(strstr(world_status(&w, 0).problem, "longer than"));
	world_done(&w);
}
END_TEST

/* --- persons --------------------------------------------------------------------------
 */

START_TEST(commands)
{
	struct world w;
	char before[32];

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	memcpy(before, w.served[0].cert.digest, 32);

	ck_assert_int_eq(vx_acme_do(w.core, VX_ACME_RENEW, "nothing", 0, 1), VX_ENOENT);
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_ISSUE, "mail", 0, 1));
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.ended, 1);
	ck_assert_uint_eq(w.ca[0].order_count, 1);

	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 2));
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.ended, 2);
	ck_assert_int_eq(w.ended_result, VX_OK);
	ck_assert_uint_eq(w.served[0].installs, 2);
	ck_assert_uint_eq(w.ca[0].replaced, 1);
	ck_assert_mem_eq(before, w.served[0].cert.digest, 32); /* TLS-26 */

	/* a key that others may have is not used again */
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_REVOKE, "mail", 1, 3));
	world_run(&w, w.now + 600);
	ck_assert_uint_eq(w.ended, 3);
	ck_assert_uint_eq(w.ca[0].revoked, 1);
	ck_assert_uint_eq(w.ca[0].last_reason, 1);
	ck_assert_uint_eq(w.served[0].installs, 3);
	ck_assert_mem_ne(before, w.served[0].cert.digest, 32);

	/* what cannot be revoked now is again in an hour, and after a restart */
	memcpy(before, w.served[0].cert.digest, 32);
	(void)ca_say(&w.ca[0], "revoke", 500, "serverInternal");
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_REVOKE, "mail", 1, 4));
	world_run(&w, w.now + 600);
	ck_assert_uint_eq(w.ended, 4);
	ck_assert_uint_eq(w.served[0].installs, 4);
	ck_assert_mem_ne(before, w.served[0].cert.digest, 32);
	ck_assert_uint_eq(w.ca[0].revoked, 1);
	ck_assert_ptr_nonnull(strstr(w.alarm, "is not revoked yet"));
	world_run(&w, w.now + 3600);
	ck_assert_uint_eq(w.ca[0].revoked, 2);
	(void)ca_say(&w.ca[0], "revoke", 500, "serverInternal");
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_REVOKE, "mail", 1, 5));
	world_run(&w, w.now + 600);
	ck_assert_uint_eq(w.ca[0].revoked, 2);
	world_start(&w);
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.ca[0].revoked, 3);
	world_run(&w, w.now + 7200);
	ck_assert_uint_eq(w.ca[0].revoked, 3);
	world_done(&w);
}
END_TEST

/* RFC 8555 7.6: who has the key of a certificate needs no account. */
START_TEST(revoked_by_its_key)
{
	struct world w, other;
	struct vx_buf jwk = { .max = 1000 };
	struct vx_pki_key *key = NULL;
	struct vx_error err = { 0 };
	vx_slice chain, pem;
	char before[32];

	/* one that another host ordered, in another account */
	world_init(&other);
	world_cert(&other, "mail", VX_PKI_P256, one);
	first_run(&other);
	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	memcpy(before, w.served[0].cert.digest, 32);
	chain = vx_buf_slice(&other.served[0].chain);
	pem = vx_buf_slice(&other.served[0].key);
	ck_assert_int_eq(vx_acme_revoke(w.core, chain, vx_buf_slice(&w.served[0].key),
			     NULL, 1, 7, &err),
	    VX_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "not that of the certificate"));
	ck_assert_int_eq(
	    vx_acme_revoke(w.core, VX_S("x"), pem, NULL, 1, 7, &err), VX_EINVAL);
	ck_assert_int_eq(
	    vx_acme_revoke(w.core, chain, VX_S("x"), NULL, 1, 7, &err), VX_EINVAL);
	ck_assert_int_eq(
	    vx_acme_revoke(w.core, chain, pem, "nobody", 1, 7, &err), VX_ENOENT);
	vxt_assert_ok(vx_acme_revoke(w.core, chain, pem, "first", 4, 7, &err));
	/* one at a time */
	ck_assert_int_eq(vx_acme_revoke(w.core, chain, pem, NULL, 1, 8, &err), VX_ELIMIT);
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.ended, 7);
	ck_assert_int_eq(w.ended_result, VX_OK);
	ck_assert_uint_eq(w.ca[0].revoked_by_key, 1);
	ck_assert_uint_eq(w.ca[0].last_reason, 4);
	vxt_assert_ok(vx_pki_key_read(pem, &key, &err));
	vxt_assert_ok(vx_pki_key_jwk(key, &jwk));
	ck_assert_str_eq(w.ca[0].revoked_by, jwk.ptr);
	/* what is installed is another one, and stays */
	ck_assert_uint_eq(w.served[0].installs, 1);
	/* it was done before: that is no failure */
	ca_say(&w.ca[0], "revoke", 400, "alreadyRevoked");
	vxt_assert_ok(vx_acme_revoke(w.core, chain, pem, NULL, 4, 8, &err));
	world_run(&w, w.now + 60);
	ck_assert_int_eq(w.ended_result, VX_OK);
	ck_assert_ptr_nonnull(strstr(w.told, "before"));
	/* the authority may not want it */
	ca_say(&w.ca[0], "revoke", 403, "unauthorized");
	vxt_assert_ok(vx_acme_revoke(w.core, chain, pem, NULL, 4, 9, &err));
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.ended, 9);
	ck_assert_int_ne(w.ended_result, VX_OK);

	/* that which is installed is replaced, with another key */
	vxt_assert_ok(vx_acme_revoke(w.core, vx_buf_slice(&w.served[0].chain),
	    vx_buf_slice(&w.served[0].key), NULL, 1, 10, &err));
	world_run(&w, w.now + 600);
	ck_assert_uint_eq(w.ended, 10);
	ck_assert_uint_eq(w.served[0].installs, 2);
	ck_assert_mem_ne(before, w.served[0].cert.digest, 32);
	vx_pki_key_free(key);
	vx_buf_done(&jwk);
	world_done(&w);
	world_done(&other);
}
END_TEST

/* Not even an account is made for it. */
START_TEST(revoked_without_an_account)
{
	struct world w, other;
	struct vx_error err = { 0 };

	world_init(&other);
	world_cert(&other, "mail", VX_PKI_P256, one);
	first_run(&other);
	world_init(&w);
	w.can = 0;
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	vxt_assert_ok(vx_acme_revoke(w.core, vx_buf_slice(&other.served[0].chain),
	    vx_buf_slice(&other.served[0].key), NULL, 0, 1, &err));
	world_run(&w, w.now + 60);
	ck_assert_int_eq(w.ended_result, VX_OK);
	ck_assert_uint_eq(w.ca[0].revoked_by_key, 1);
	ck_assert_uint_eq(w.ca[0].accounts, 0);
	world_done(&w);
	world_done(&other);
}
END_TEST

START_TEST(roll_over)
{
	struct world w;
	char before[400];

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	memcpy(before, w.ca[0].jwk, sizeof(before));
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_ROLL_OVER, "first", 0, 1));
	world_run(&w, w.now + 60);
	ck_assert_int_eq(w.ended_result, VX_OK);
	ck_assert_str_ne(w.ca[0].jwk, before);

	/* refused: the old one stays */
	ca_say(&w.ca[0], "key-change", 409, "malformed");
	memcpy(before, w.ca[0].jwk, sizeof(before));
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_ROLL_OVER, "first", 0, 2));
	world_run(&w, w.now + 60);
	ck_assert_int_ne(w.ended_result, VX_OK);

	/* done, and nobody heard of it; then not done */
	for (unsigned i = 0; i < 2; i++) {
		struct ca_said *const s = ca_say(&w.ca[0], "key-change", 0, NULL);

		s->lost = true;
		s->after = i == 0;
		vxt_assert_ok(vx_acme_do(w.core, VX_ACME_ROLL_OVER, "first", 0, 3));
		world_run(&w, w.now + 60);
		world_start(&w);
		vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 4));
		world_run(&w, w.now + 60);
		ck_assert_uint_eq(w.ended, 4);
		ck_assert_int_eq(w.ended_result, VX_OK);
	}
	ck_assert_uint_eq(w.ca[0].accounts, 1);
	world_done(&w);
}
END_TEST

START_TEST(deactivate)
{
	struct world w;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_DEACTIVATE, "first", 0, 1));
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 2));
	world_run(&w, w.now + 60);
	ck_assert(w.ca[0].deactivated);
	ck_assert_int_ne(w.ended_result, VX_OK);
	ck_assert(world_status(&w, 0).stopped);
	ck_assert_uint_eq(w.ca[0].accounts, 1);
	world_done(&w);
}
END_TEST

/* Commands about what is under way, and one that takes another's place. */
START_TEST(commands_meanwhile)
{
	struct world w;

	world_init(&w);
	w.ca[0].processing = 3;
	world_cert(&w, "mail", VX_PKI_P256, one);
	world_start(&w);
	world_run(&w, w.now + 3);
	ck_assert(world_status(&w, 0).running);
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_ISSUE, "mail", 0, 1));
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 2));
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.commands_ended, 2);
	ck_assert_uint_eq(w.ended, 2);
	ck_assert_int_eq(w.ended_result, VX_OK);
	ck_assert_uint_eq(w.ca[0].order_count, 1);
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 3));
	vxt_assert_ok(vx_acme_do(w.core, VX_ACME_RENEW, "mail", 0, 4));
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.commands_ended, 4);
	ck_assert_uint_eq(w.ca[0].order_count, 2);
	world_done(&w);
}
END_TEST

/* What waits is bounded, and each is ended once. */
START_TEST(many_commands)
{
	struct world w;
	unsigned taken = 0;

	world_init(&w);
	world_cert(&w, "mail", VX_PKI_P256, one);
	first_run(&w);
	while (vx_acme_do(w.core, VX_ACME_ROLL_OVER, "first", 0, taken + 1) == VX_OK)
		taken++;
	ck_assert_uint_eq(taken, VX_ACME_COMMANDS_MAX);
	world_run(&w, w.now + 60);
	ck_assert_uint_eq(w.commands_ended, taken);
	world_done(&w);
}
END_TEST

VXT_SUITE(test_issue, "issue", first_certificate, both_kinds, challenges,
    wildcard_names_the_way, authorizations_that_are_there, external_account,
    external_accounts, terms, profiles, chain_choice, slow_authority, commands,
    revoked_by_its_key, revoked_without_an_account, roll_over, deactivate,
    commands_meanwhile, many_commands)
