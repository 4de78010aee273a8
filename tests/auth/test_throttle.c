#include "auth/fixture.h"

#include <limits.h>
#include <stdio.h>

#define HERE "192.0.2.1"
#define THERE "198.51.100.7"

static unsigned wait_of(struct vx_auth *a, const char *address, const char *login)
{
	return vx_auth_delay_s(a, address, vx_slice_str(login));
}

static void miss(struct vx_auth *a, const char *address, const char *login, int times)
{
	for (int i = 0; i < times; i++)
		ck_assert_int_eq(auth_try(a, address, login, "wrong"), VX_EAUTH);
}

START_TEST(an_address_has_to_wait_longer_and_longer)
{
	static const unsigned waits[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60,
		60 };
	struct vx_auth *a = auth_open();
	char login[40];

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		(void)snprintf(login, sizeof(login), "user%zu@example.test", i);
		miss(a, HERE, login, 1); /* another account each time */
		ck_assert_uint_eq(wait_of(a, HERE, "new@example.test"), waits[i]);
	}
	ck_assert_uint_eq(wait_of(a, THERE, "new@example.test"), 0);
	now_ms += 59000;
	ck_assert_uint_eq(wait_of(a, HERE, "new@example.test"), 1);
	now_ms += 1000;
	ck_assert_uint_eq(wait_of(a, HERE, "new@example.test"), 0);
	miss(a, HERE, ALICE, 1); /* not forgotten yet */
	ck_assert_uint_eq(wait_of(a, HERE, "new@example.test"), 60);
	now_ms += (VX_AUTH_FORGET_S + 1) * 1000;
	miss(a, HERE, ALICE, 1);
	ck_assert_uint_eq(wait_of(a, HERE, "new@example.test"), 0);
	auth_close(a);
}
END_TEST

START_TEST(typing_errors_are_taken_back)
{
	struct vx_auth *a = auth_open();

	miss(a, HERE, "bob@example.test", 5);
	miss(a, HERE, ALICE, 5);
	ck_assert_uint_eq(wait_of(a, HERE, "new@example.test"), 2);
	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	ck_assert_uint_eq(wait_of(a, HERE, "new@example.test"), 0);
	/* one's own right password does not take back guesses of others' */
	miss(a, HERE, "bob@example.test", 5);
	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	ck_assert_uint_eq(wait_of(a, HERE, "new@example.test"), 2);
	auth_close(a);
}
END_TEST

START_TEST(an_ipv6_host_is_its_64)
{
	struct vx_auth *a = auth_open();

	miss(a, "2001:db8::1", "x@example.test", 9);
	ck_assert_uint_eq(wait_of(a, "2001:db8::ffff:2", "y@example.test"), 1);
	ck_assert_uint_eq(wait_of(a, "2001:db8:0:0:1:2:3:4", "y@example.test"), 1);
	ck_assert_uint_eq(wait_of(a, "2001:db8:0:1::1", "y@example.test"), 0);
	auth_close(a);
}
END_TEST

START_TEST(guesses_from_many_addresses_slow_the_account)
{
	struct vx_auth *a = auth_open();
	char address[40];

	for (unsigned i = 0; i < VX_AUTH_FREE_ACCOUNT_FAILURES + 4; i++) {
		(void)snprintf(address, sizeof(address), "203.0.113.%u", i);
		miss(a, address, i % 2 == 0 ? "ALICE@example.TEST" : ALICE, 1);
	}
	ck_assert_uint_eq(wait_of(a, THERE, ALICE), 8);
	ck_assert_uint_eq(wait_of(a, THERE, "Alice@example.test"), 8);
	ck_assert_uint_eq(wait_of(a, THERE, "bob@example.test"), 0);
	/* an account that is not there is no different */
	for (unsigned i = 0; i < VX_AUTH_FREE_ACCOUNT_FAILURES + 4; i++) {
		(void)snprintf(address, sizeof(address), "203.0.113.%u", 100 + i);
		miss(a, address, "nobody@example.test", 1);
	}
	ck_assert_uint_eq(wait_of(a, THERE, "nobody@example.test"), 8);
	auth_close(a);
}
END_TEST

START_TEST(a_known_address_is_never_locked_out)
{
	struct vx_auth *a = auth_open();
	char text[40];

	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	for (unsigned i = 0; i < 60; i++) { /* others guess her password */
		(void)snprintf(text, sizeof(text), "203.0.113.%u", i);
		miss(a, text, ALICE, 1);
	}
	for (unsigned i = 0; i < 30; i++) { /* others guess from her address */
		(void)snprintf(text, sizeof(text), "user%u@example.test", i);
		miss(a, HERE, text, 1);
	}
	ck_assert_uint_eq(wait_of(a, HERE, ALICE), 0);
	ck_assert_uint_eq(wait_of(a, HERE, "bob@example.test"), 60);
	ck_assert_uint_eq(wait_of(a, THERE, ALICE), 60);
	/* her other device has an old password: she is not made to wait for more than
	 * this */
	miss(a, HERE, ALICE, VX_AUTH_FREE_KNOWN_FAILURES);
	ck_assert_uint_eq(wait_of(a, HERE, ALICE), 0);
	miss(a, HERE, ALICE, 40);
	ck_assert_uint_eq(wait_of(a, HERE, ALICE), VX_AUTH_DELAY_KNOWN_S);
	now_ms += VX_AUTH_DELAY_KNOWN_S * 1000;
	ck_assert_uint_eq(wait_of(a, HERE, ALICE), 0);
	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	miss(a, HERE, ALICE, 1);
	ck_assert_uint_eq(wait_of(a, HERE, ALICE), 0);
	/* after a long time it is an address like others */
	now_ms += ((uint64_t)VX_AUTH_KNOWN_DAYS * 86400 + 1) * 1000;
	miss(a, HERE, ALICE, 10);
	ck_assert_uint_eq(wait_of(a, HERE, ALICE), 2);
	auth_close(a);
}
END_TEST

/* What one process saw, another one knows; and it outlives both. */
START_TEST(processes_share_what_they_saw)
{
	struct vx_auth *a = auth_open(), *one, *two;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/logins", auth_dir());
	one = auth_open_another(path);
	two = auth_open_another(path);
	miss(one, HERE, ALICE, 4);
	miss(two, HERE, ALICE, 5);
	ck_assert_uint_eq(wait_of(one, HERE, ALICE), 1);
	vxt_assert_ok(auth_try(one, THERE, "bob@example.test", "another password 8"));
	miss(one, THERE, "x@example.test", 14);
	ck_assert_uint_eq(wait_of(two, THERE, "bob@example.test"), 0);
	ck_assert_uint_eq(wait_of(two, THERE, ALICE), 32);
	vx_auth_free(one);
	vx_auth_free(two);
	one = auth_open_another(path);
	ck_assert_uint_eq(wait_of(one, THERE, ALICE), 32);
	ck_assert_uint_eq(wait_of(a, THERE, ALICE), 0); /* not of those */
	vx_auth_free(one);
	auth_close(a);
}
END_TEST

START_TEST(a_clock_that_is_set_back)
{
	struct vx_auth *a = auth_open();

	miss(a, HERE, ALICE, 14);
	ck_assert_uint_eq(wait_of(a, HERE, ALICE), 32);
	now_ms -= 86400000; /* else the wait would be a day */
	ck_assert_uint_eq(wait_of(a, HERE, ALICE), 0);
	now_ms += 86400000;
	auth_close(a);
}
END_TEST

START_TEST(more_addresses_than_there_is_room_for)
{
	struct vx_auth *a = auth_open();
	const struct vx_auth_claim claim = {
		.address = "", .login = VX_S(""), .proof = VX_SASL_WRONG
	};
	struct vx_auth_login who;
	unsigned seen = 0;
	char address[40];

	for (unsigned i = 0; i < VX_AUTH_THROTTLE_ENTRIES * 2; i++) {
		struct vx_auth_claim c = claim;

		(void)snprintf(address, sizeof(address), "10.%u.%u.1", i >> 8, i & 255);
		c.address = address;
		now_ms++;
		for (int k = 0; k < 9; k++)
			(void)vx_auth_claim(a, &c, &who, NULL);
		seen += wait_of(a, address, "x@example.test") > 0;
	}
	/* the newest one is always there */
	ck_assert_uint_eq(seen, VX_AUTH_THROTTLE_ENTRIES * 2);
	auth_close(a);
}
END_TEST

VXT_SUITE(test_throttle, "throttle", an_address_has_to_wait_longer_and_longer,
    typing_errors_are_taken_back, an_ipv6_host_is_its_64,
    guesses_from_many_addresses_slow_the_account, a_known_address_is_never_locked_out,
    processes_share_what_they_saw, a_clock_that_is_set_back,
    more_addresses_than_there_is_room_for)
