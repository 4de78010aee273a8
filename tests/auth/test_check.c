#include "auth/fixture.h"

#include <time.h>

#define HERE "192.0.2.1"

/* Made by another system's crypt(3), of PASSWORD. */
#define BCRYPT "$2y$05$abcdefghijklmnopqrstuuwwkBlZlfmrLDUgdmFAh1rCXRN1AUCEK"

START_TEST(right_and_wrong)
{
	struct vx_auth *a = auth_open();
	struct vx_auth_login who;

	vxt_assert_ok(
	    vx_auth_check(a, HERE, VX_S("Alice@EXAMPLE.test"), VX_S(PASSWORD), &who));
	ck_assert_str_eq(who.login, ALICE);
	ck_assert_uint_ne(who.account, 0);
	ck_assert_int_eq(auth_try(a, HERE, ALICE, "wrong"), VX_EAUTH);
	ck_assert_int_eq(auth_try(a, HERE, ALICE, ""), VX_EAUTH);
	ck_assert_int_eq(auth_try(a, HERE, "nobody@example.test", PASSWORD), VX_EAUTH);
	ck_assert_int_eq(auth_try(a, HERE, "alice@elsewhere.test", PASSWORD), VX_EAUTH);
	ck_assert_int_eq(auth_try(a, HERE, "alice", PASSWORD), VX_EAUTH);
	ck_assert_int_eq(auth_try(a, HERE, "", PASSWORD), VX_EAUTH);
	ck_assert_int_eq(auth_try(a, HERE, "bob@example.test", PASSWORD), VX_EAUTH);
	auth_close(a);
}
END_TEST

START_TEST(inactive_ones_are_like_unknown_ones)
{
	struct vx_auth *a = auth_open();

	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD)); /* remembered, and of no use */
	auth_set_flags(ALICE, VX_ACCOUNT_INACTIVE);
	ck_assert_int_eq(auth_try(a, HERE, ALICE, PASSWORD), VX_EAUTH);
	auth_set_flags(ALICE, 0);
	auth_set_domain_flags(VX_DOMAIN_INACTIVE);
	ck_assert_int_eq(auth_try(a, HERE, ALICE, PASSWORD), VX_EAUTH);
	auth_set_domain_flags(VX_DOMAIN_NO_INCOMING); /* its users still read and send */
	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	auth_close(a);
}
END_TEST

/* Processor time of this thread for one try, in microseconds. */
static uint64_t once_us(struct vx_auth *a, const char *login, const char *password)
{
	struct timespec t0, t1;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
	(void)auth_try(a, HERE, login, password);
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
	return (uint64_t)((t1.tv_sec - t0.tv_sec) * 1000000 +
			  (t1.tv_nsec - t0.tv_nsec) / 1000);
}

/* The least of some tries. */
static uint64_t cost_us(struct vx_auth *a, const char *login, const char *password)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		const uint64_t us = once_us(a, login, password);

		least = us < least ? us : least;
	}
	return least;
}

/* The same work, whoever it is; a right one is remembered and costs next to nothing. */
START_TEST(the_same_work_for_everybody)
{
	static const char *const logins[] = { "nobody@example.test", "x@elsewhere.test",
		"no address", "bob@example.test", "sales@example.test" };
	struct vx_auth *a = auth_open();
	const uint64_t wrong = cost_us(a, ALICE, "wrong");

	auth_set_flags("bob@example.test", VX_ACCOUNT_INACTIVE);
	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		const uint64_t unknown = cost_us(a, logins[i], "another password 8");

		ck_assert_msg(unknown > wrong / 2 && unknown < wrong * 2,
		    "%s: %llu us, a wrong password: %llu us", logins[i],
		    (unsigned long long)unknown, (unsigned long long)wrong);
	}
	ck_assert_uint_lt(cost_us(a, ALICE, PASSWORD), wrong / 2);
	auth_close(a);
}
END_TEST

/* That it is checked anew is seen by its cost. */
START_TEST(a_remembered_login_ends)
{
	struct vx_auth *a = auth_open();
	const uint64_t wrong = cost_us(a, ALICE, "wrong");

	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	now_ms += 59000;
	ck_assert_uint_lt(cost_us(a, ALICE, PASSWORD), wrong / 2);
	now_ms += 2000;
	ck_assert_uint_gt(once_us(a, ALICE, PASSWORD), wrong / 2);
	now_ms -= 3600000; /* a clock that is set back does not make it last */
	ck_assert_uint_gt(once_us(a, ALICE, PASSWORD), wrong / 2);
	auth_close(a);
}
END_TEST

START_TEST(a_changed_password_counts_at_once)
{
	struct vx_auth *a = auth_open();

	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	auth_set_password(ALICE, "quite another 9");
	ck_assert_int_eq(auth_try(a, HERE, ALICE, PASSWORD), VX_EAUTH);
	vxt_assert_ok(auth_try(a, HERE, ALICE, "quite another 9"));
	/* the same password again is a new credential, and so a new entry */
	auth_set_password(ALICE, PASSWORD);
	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	ck_assert_int_eq(auth_try(a, HERE, ALICE, "quite another 9"), VX_EAUTH);
	auth_close(a);
}
END_TEST

START_TEST(imported_hashes_become_ours)
{
	struct vx_auth *a = auth_open();
	struct vx_buf record;
	struct vx_credential c;

	auth_set_credential(ALICE, VX_S(BCRYPT));
	ck_assert_int_eq(auth_try(a, HERE, ALICE, "wrong"), VX_EAUTH);
	record = auth_credential(ALICE);
	vxt_assert_str(vx_buf_slice(&record), BCRYPT);
	vx_buf_done(&record);
	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	record = auth_credential(ALICE);
	vxt_assert_ok(vx_credential_parse(vx_buf_slice(&record), &c));
	ck_assert(vx_password_hash_current(c.hash));
	ck_assert_uint_eq(c.iterations, 4096); /* SCRAM is possible from now on */
	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	ck_assert_int_eq(auth_try(a, HERE, ALICE, "wrong"), VX_EAUTH);
	vx_buf_done(&record);
	auth_close(a);
}
END_TEST

/* A password that was changed between the check and the new hash stays changed. */
START_TEST(a_new_hash_does_not_undo_a_change)
{
	struct vx_auth *a = auth_open();
	struct vx_buf record = auth_credential(ALICE), after;
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = VX_S(ALICE);
	op.set = VX_SET_CREDENTIAL;
	op.expected_credential = VX_S(BCRYPT);
	op.credential = VX_S("x");
	ck_assert_int_eq(auth_run(&op), VX_ECONFLICT);
	after = auth_credential(ALICE);
	vxt_assert_slice(vx_buf_slice(&after), vx_buf_slice(&record));
	op.expected_credential = vx_buf_slice(&record);
	ck_assert_int_eq(auth_run(&op), VX_OK);
	vx_buf_done(&record);
	vx_buf_done(&after);
	auth_close(a);
}
END_TEST

START_TEST(hashes_that_nothing_fits)
{
	static const char *const hashes[] = { "*", "", "$2b$05$", "$1$abc$def", "x y z" };
	struct vx_auth *a = auth_open();

	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		auth_set_credential(ALICE, vx_slice_str(hashes[i]));
		ck_assert_int_eq(auth_try(a, HERE, ALICE, PASSWORD), VX_EAUTH);
		ck_assert_int_eq(auth_try(a, HERE, ALICE, ""), VX_EAUTH);
		ck_assert_int_eq(auth_try(a, HERE, ALICE, "*"), VX_EAUTH);
	}
	auth_close(a);
}
END_TEST

/* RFC 5802 5.1: who is not there has keys too, the same each time and in each process. */
START_TEST(keys_of_unknown_users_are_stable)
{
	struct vx_auth *a = auth_open(), *b = auth_open_another(NULL);
	struct vx_credential one, two, real;

	vxt_assert_ok(vx_auth_keys(a, VX_S("nobody@example.test"), &one));
	vxt_assert_ok(vx_auth_keys(b, VX_S("NOBODY@example.test"), &two));
	ck_assert_mem_eq(one.salt, two.salt, sizeof(one.salt));
	ck_assert_mem_eq(one.stored_key, two.stored_key, sizeof(one.stored_key));
	ck_assert_uint_eq(one.iterations, two.iterations);
	vxt_assert_ok(vx_auth_keys(a, VX_S("nobody2@example.test"), &two));
	ck_assert_mem_ne(one.salt, two.salt, sizeof(one.salt));
	vxt_assert_ok(vx_auth_keys(a, VX_S(ALICE), &real));
	ck_assert_uint_eq(real.iterations, one.iterations);
	/* an inactive account, and one without keys, look like nobody */
	auth_set_flags(ALICE, VX_ACCOUNT_INACTIVE);
	vxt_assert_ok(vx_auth_keys(a, VX_S(ALICE), &two));
	ck_assert_mem_ne(real.salt, two.salt, sizeof(real.salt));
	auth_set_flags(ALICE, 0);
	auth_set_credential(ALICE, VX_S(BCRYPT));
	vxt_assert_ok(vx_auth_keys(a, VX_S(ALICE), &one));
	ck_assert_mem_eq(one.salt, two.salt, sizeof(one.salt));
	vx_auth_free(b);
	auth_close(a);
}
END_TEST

START_TEST(a_proof_needs_an_account)
{
	struct vx_auth_claim claim = { .address = HERE, .proof = VX_SASL_PROVEN };
	struct vx_auth *a = auth_open();
	struct vx_auth_login who;

	claim.login = VX_S(ALICE);
	vxt_assert_ok(vx_auth_claim(a, &claim, &who, NULL));
	claim.login = VX_S("nobody@example.test");
	ck_assert_int_eq(vx_auth_claim(a, &claim, &who, NULL), VX_EAUTH);
	claim.login = VX_S(ALICE);
	claim.proof = VX_SASL_WRONG;
	ck_assert_int_eq(vx_auth_claim(a, &claim, &who, NULL), VX_EAUTH);
	claim.proof = VX_SASL_PROVEN;
	auth_set_flags(ALICE, VX_ACCOUNT_INACTIVE);
	ck_assert_int_eq(vx_auth_claim(a, &claim, &who, NULL), VX_EAUTH);
	auth_close(a);
}
END_TEST

VXT_SUITE(test_check, "check", right_and_wrong, inactive_ones_are_like_unknown_ones,
    the_same_work_for_everybody, a_remembered_login_ends,
    a_changed_password_counts_at_once, imported_hashes_become_ours,
    a_new_hash_does_not_undo_a_change, hashes_that_nothing_fits,
    keys_of_unknown_users_are_stable, a_proof_needs_an_account)
