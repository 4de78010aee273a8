/* Why a login failed: told to the administrator, and to nobody else. */
#include "auth/fixture.h"

#include <stdio.h>

#define HERE "192.0.2.1"
#define TEXT_MAX                                                                         \
	((size_t)VX_AUTH_REFUSED_LINE_MAX *                                              \
	    (VX_AUTH_REFUSED_KNOWN + VX_AUTH_REFUSED_UNKNOWN))

static void add_alias(const char *name, const char *target)
{
	const vx_slice to = vx_slice_str(target);
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ALIAS_ADD);
	op.name = vx_slice_str(name);
	op.targets = &to;
	op.target_count = 1;
	vxt_assert_ok(auth_run(&op));
}

/* What a try comes to: outward, and inward. */
static int try_it(struct vx_auth *a, const char *login, enum vx_auth_reason *why)
{
	const struct vx_auth_claim claim = { .address = HERE,
		.login = vx_slice_str(login),
		.password = VX_S("not this one") };
	struct vx_auth_login who;

	*why = VX_AUTH_REASONS;
	return vx_auth_claim(a, &claim, &who, why);
}

/* The entry of a login and a reason; false: there is none. */
static bool find(vx_slice text, const char *login, enum vx_auth_reason reason,
    struct vx_auth_refused *out)
{
	vx_slice line;

	while (text.len > 0) {
		(void)vx_slice_cut(&text, '\n', &line);
		vxt_assert_ok(vx_auth_read_refused(line, out));
		if (strcmp(out->login, login) == 0 && out->reason == reason)
			return true;
	}
	return false;
}

START_TEST(each_reason_is_told_inward_only)
{
	static const struct {
		const char *login;
		enum vx_auth_reason why;
		unsigned flags, domain_flags;
	} cases[] = { { "nobody@example.test", VX_AUTH_UNKNOWN, 0, 0 },
		{ "alice@elsewhere.test", VX_AUTH_UNKNOWN, 0, 0 },
		{ "alice", VX_AUTH_UNKNOWN, 0, 0 }, { "", VX_AUTH_UNKNOWN, 0, 0 },
		{ "Alice@EXAMPLE.test", VX_AUTH_WRONG, 0, 0 },
		{ "sales@example.test", VX_AUTH_ALIAS, 0, 0 },
		{ ALICE, VX_AUTH_INACTIVE, VX_ACCOUNT_INACTIVE, 0 },
		{ ALICE, VX_AUTH_CLOSED, 0, VX_DOMAIN_INACTIVE },
		{ "sales@example.test", VX_AUTH_ALIAS, 0, VX_DOMAIN_INACTIVE } };
	struct vx_auth *a = auth_open();

	add_alias("sales@example.test", ALICE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum vx_auth_reason why;

		auth_set_flags(ALICE, cases[i].flags);
		auth_set_domain_flags(cases[i].domain_flags);
		ck_assert_int_eq(try_it(a, cases[i].login, &why), VX_EAUTH);
		ck_assert_msg(
		    why == cases[i].why, "case %zu: %s", i, vx_auth_reason_word(why));
	}
	auth_close(a);
}
END_TEST

START_TEST(they_are_counted)
{
	struct vx_buf text = { .max = TEXT_MAX };
	struct vx_auth *a = auth_open();
	struct vx_auth_refused r;

	ck_assert_int_eq(vx_auth_refusals(a, &text), VX_OK);
	ck_assert_int_eq(auth_try(a, HERE, ALICE, "wrong"), VX_EAUTH);
	now_ms += 5000;
	ck_assert_int_eq(
	    auth_try(a, "2001:db8::1", "Alice@example.test", "wrong"), VX_EAUTH);
	ck_assert_int_eq(auth_try(a, HERE, "x y%\n\xff", "wrong"), VX_EAUTH);
	ck_assert_int_eq(auth_try(a, "?", "", "wrong"), VX_EAUTH);
	vxt_assert_ok(auth_try(a, HERE, "bob@example.test", "another password 8"));
	ck_assert_int_eq(vx_auth_refusals(a, &text), VX_DATA);
	ck_assert(find(vx_buf_slice(&text), ALICE, VX_AUTH_WRONG, &r));
	ck_assert_uint_eq(r.count, 2);
	ck_assert_int_eq(r.last, (int64_t)(now_ms / 1000));
	ck_assert_str_eq(r.network, "2001:db8::/64");
	ck_assert(find(vx_buf_slice(&text), "x%20y%25%0A%FF", VX_AUTH_UNKNOWN, &r));
	ck_assert_str_eq(r.network, HERE);
	ck_assert(find(vx_buf_slice(&text), "-", VX_AUTH_UNKNOWN, &r));
	ck_assert_str_eq(r.network, "-");
	ck_assert(!find(vx_buf_slice(&text), "bob@example.test", VX_AUTH_WRONG, &r));
	ck_assert_int_eq(vx_auth_refusals(a, &text), VX_OK); /* nothing new */
	vx_buf_done(&text);
	auth_close(a);
}
END_TEST

/* Who tries names at random, with or without a password, makes nobody's entry go. */
START_TEST(random_names_flush_nobody)
{
	struct vx_buf text = { .max = TEXT_MAX };
	struct vx_auth *a = auth_open();
	struct vx_auth_refused r;
	size_t lines = 0;

	add_alias("sales@example.test", ALICE);
	ck_assert_int_eq(auth_try(a, HERE, ALICE, "wrong"), VX_EAUTH);
	ck_assert_int_eq(auth_try(a, HERE, "sales@example.test", "wrong"), VX_EAUTH);
	vx_auth_note(a, VX_AUTH_NO_TLS, HERE, VX_S("bob@example.test"));
	ck_assert_int_eq(vx_auth_refusals(a, &text), VX_DATA); /* each second */
	now_ms += 1000;
	for (unsigned i = 0; i < 3 * VX_AUTH_REFUSED_KNOWN; i++) {
		char name[VX_ADDRESS_MAX + 40];

		now_ms += 1;
		(void)snprintf(name, sizeof(name), "%0320u@example.test", i);
		if (i % 100 == 0)
			ck_assert_int_eq(auth_try(a, HERE, name, "x"), VX_EAUTH);
		vx_auth_note(a, i % 2 == 0 ? VX_AUTH_THROTTLED : VX_AUTH_NO_TLS, HERE,
		    vx_slice_str(name));
	}
	vx_buf_reset(&text);
	ck_assert_int_eq(vx_auth_refusals(a, &text), VX_DATA);
	ck_assert(find(vx_buf_slice(&text), ALICE, VX_AUTH_WRONG, &r));
	ck_assert(find(vx_buf_slice(&text), "sales@example.test", VX_AUTH_ALIAS, &r));
	ck_assert(find(vx_buf_slice(&text), "bob@example.test", VX_AUTH_NO_TLS, &r));
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	ck_assert_uint_eq(lines, 3 + VX_AUTH_REFUSED_UNKNOWN);
	vx_buf_done(&text);
	auth_close(a);
}
END_TEST

/* Of those that are there, the oldest go. */
START_TEST(there_is_an_end)
{
	struct vx_buf text = { .max = TEXT_MAX };
	struct vx_auth *a = auth_open();
	struct vx_auth_refused r;
	char name[64];

	for (unsigned i = 0; i <= VX_AUTH_REFUSED_KNOWN; i++) {
		(void)snprintf(name, sizeof(name), "a%u@example.test", i);
		add_alias(name, ALICE);
		now_ms += 1000;
		vx_auth_note(a, VX_AUTH_NO_TLS, HERE, vx_slice_str(name));
		vx_buf_reset(&text);
		ck_assert_int_eq(vx_auth_refusals(a, &text), VX_DATA);
	}
	ck_assert(!find(vx_buf_slice(&text), "a0@example.test", VX_AUTH_NO_TLS, &r));
	ck_assert(find(vx_buf_slice(&text), "a1@example.test", VX_AUTH_NO_TLS, &r));
	ck_assert(find(vx_buf_slice(&text), name, VX_AUTH_NO_TLS, &r));
	vx_buf_done(&text);
	auth_close(a);
}
END_TEST

/* A name that nobody had, and somebody has now, is one entry. */
START_TEST(a_name_becomes_known)
{
	struct vx_buf text = { .max = TEXT_MAX };
	struct vx_auth *a = auth_open();
	struct vx_auth_refused r;

	for (unsigned i = 0; i < 2; i++) {
		vx_auth_note(a, VX_AUTH_NO_TLS, HERE, VX_S("new@example.test"));
		vx_buf_reset(&text);
		ck_assert_int_eq(vx_auth_refusals(a, &text), VX_DATA);
		if (i == 0)
			add_alias("new@example.test", ALICE);
	}
	ck_assert(find(vx_buf_slice(&text), "new@example.test", VX_AUTH_NO_TLS, &r));
	ck_assert_uint_eq(r.count, 2);
	vx_buf_done(&text);
	auth_close(a);
}
END_TEST

START_TEST(the_last_right_one_is_known)
{
	struct vx_auth *a = auth_open();
	struct vx_auth *other;
	char path[300];

	ck_assert_int_eq(vx_auth_right_s(a, VX_S(ALICE)), 0);
	vxt_assert_ok(auth_try(a, HERE, ALICE, PASSWORD));
	ck_assert_int_eq(auth_try(a, HERE, "bob@example.test", "wrong"), VX_EAUTH);
	now_ms += 5000;
	ck_assert_int_eq(
	    vx_auth_right_s(a, VX_S("Alice@example.test")), (int64_t)now_ms / 1000 - 5);
	ck_assert_int_eq(vx_auth_right_s(a, VX_S("bob@example.test")), 0);
	now_ms += (uint64_t)VX_AUTH_KNOWN_DAYS * 86400000;
	ck_assert_int_eq(vx_auth_right_s(a, VX_S(ALICE)), 0);
	(void)snprintf(path, sizeof(path), "%s/logins", auth_dir());
	other = auth_open_another(path); /* another process */
	vxt_assert_ok(auth_try(other, HERE, ALICE, PASSWORD));
	vx_auth_free(other);
	other = auth_open_another(path);
	ck_assert_int_eq(vx_auth_right_s(other, VX_S(ALICE)), (int64_t)now_ms / 1000);
	vx_auth_free(other);
	auth_close(a);
}
END_TEST

START_TEST(lines_are_read_strictly)
{
	static const char *const bad[] = { "", "a", "a alias", "a alias 1 2",
		"a alias 1 2 ", " alias 1 2 -", "a what 1 2 -", "a right 1 2 -",
		"a alias x 2 -", "a alias 1 -2 -", "a alias 1 2 - -", "a\x01 alias 1 2 -",
		"a\xff alias 1 2 -",
		"a alias 1 2 12345678901234567890123456789012345678901234567890",
		"a alias 99999999999999999999 2 -" };
	struct vx_auth_refused r = { .count = 77 };
	char line[VX_AUTH_REFUSED_LOGIN_MAX + 40];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(vx_auth_read_refused(vx_slice_str(bad[i]), &r) == VX_EINVAL,
		    "%s", bad[i]);
	(void)snprintf(
	    line, sizeof(line), "%0*d alias 1 2 -", VX_AUTH_REFUSED_LOGIN_MAX + 1, 7);
	ck_assert_int_eq(vx_auth_read_refused(vx_slice_str(line), &r), VX_EINVAL);
	ck_assert_uint_eq(r.count, 77);
	vxt_assert_ok(vx_auth_read_refused(vx_slice_str(line + 1), &r));
	ck_assert_uint_eq(r.count, 1);
	ck_assert_str_eq(vx_auth_reason_word(VX_AUTH_REASONS), "?");
}
END_TEST

VXT_SUITE(test_refused, "refused", each_reason_is_told_inward_only, they_are_counted,
    random_names_flush_nobody, there_is_an_end, a_name_becomes_known,
    the_last_right_one_is_known, lines_are_read_strictly)
