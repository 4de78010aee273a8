/* Whose a domain is: its token, and the way to "verified" (DNS-28). */
#include "directory/record.h"
#include "lib/vxt.h"
#include "store/account.h"
#include "store/keys.h"
#include "vectis/directory.h"

#include <stdio.h>
#include <stdlib.h>

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ANOTHER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define D "example.test"

static struct vx_store *store;
static char *dir;
static unsigned told;

static void open_store(void)
{
	const struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = dir, .ballast_octets = 4096
	};
	struct vx_error err;

	ck_assert_msg(vx_store_open(&o, &store, &err) == VX_OK, "%s", err.text);
}

static void set_up(void)
{
	dir = strdup(vxt_mkdir());
	open_store();
}

static void tear_down(void)
{
	vx_store_close(store);
	vxt_rmdir(dir);
	free(dir);
}

static int add(const char *name, const char *token, enum vx_domain_status status)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_DOMAIN_ADD);
	op.name = vx_slice_str(name);
	op.token = vx_slice_str(token);
	op.status = status;
	return vx_store_run(store, &op.op);
}

static int verify(
    const char *name, enum vx_domain_status status, const char *token, uint64_t asked)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_DOMAIN_VERIFY);
	op.name = vx_slice_str(name);
	op.status = status;
	op.token = vx_slice_str(token);
	op.asked = asked;
	return vx_store_run(store, &op.op);
}

/* "pending 77 TOKEN" */
static const char *state(const char *name)
{
	static char out[200];
	struct vx_domain d;
	struct vx_view *v;
	int rc;

	vxt_assert_ok(vx_view_begin(store, &v));
	rc = vx_directory_domain(v, vx_slice_str(name), &d);
	if (rc == VX_OK)
		(void)snprintf(out, sizeof(out), "%s %llu %.*s",
		    vx_domain_status_name(d.status), (unsigned long long)d.asked,
		    (int)d.token.len, d.token.len > 0 ? d.token.ptr : "");
	else
		(void)snprintf(out, sizeof(out), "%s", vx_strerror(rc));
	vx_view_end(v);
	return out;
}

START_TEST(from_unverified_to_verified)
{
	set_up();
	vxt_assert_ok(add("Example.Test", TOKEN, VX_DOMAIN_UNVERIFIED));
	ck_assert_str_eq(state(D), "unverified 0 " TOKEN);
	ck_assert_int_eq(add(D, ANOTHER, VX_DOMAIN_VERIFIED), VX_EEXIST);
	vxt_assert_ok(verify("EXAMPLE.test", VX_DOMAIN_PENDING, "", 77));
	ck_assert_str_eq(state(D), "pending 77 " TOKEN);
	/* asked for again: from now on */
	vxt_assert_ok(verify(D, VX_DOMAIN_PENDING, TOKEN, 99));
	ck_assert_str_eq(state(D), "pending 99 " TOKEN);
	/* nobody goes back, and nobody verifies what is another's by now */
	ck_assert_int_eq(verify(D, VX_DOMAIN_UNVERIFIED, "", 0), VX_EINVAL);
	ck_assert_int_eq(verify(D, VX_DOMAIN_VERIFIED, ANOTHER, 0), VX_ECONFLICT);
	ck_assert_str_eq(state(D), "pending 99 " TOKEN);
	vxt_assert_ok(verify(D, VX_DOMAIN_VERIFIED, TOKEN, 0));
	ck_assert_str_eq(state(D), "verified 0 " TOKEN);
	/* verified stays verified */
	vxt_assert_ok(verify(D, VX_DOMAIN_PENDING, "", 100));
	ck_assert_str_eq(state(D), "verified 0 " TOKEN);
	ck_assert_int_eq(verify("other.test", VX_DOMAIN_VERIFIED, "", 0), VX_ENOENT);
	tear_down();
}
END_TEST

START_TEST(a_domain_may_be_vouched_for)
{
	set_up();
	vxt_assert_ok(add(D, TOKEN, VX_DOMAIN_VERIFIED));
	ck_assert_str_eq(state(D), "verified 0 " TOKEN);
	tear_down();
}
END_TEST

/* The record as it was before there were tokens, octet for octet. */
START_TEST(older_records_count_as_verified)
{
	struct vx_dir_key k;
	struct vx_view *v;
	vx_slice raw;

	set_up();
	vxt_assert_ok(add(D, "", VX_DOMAIN_UNVERIFIED));
	ck_assert_str_eq(state(D), "verified 0 ");
	vxt_assert_ok(vx_dir_key(&k, VX_DIR_DOMAIN, VX_S(D)));
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_kv_get(vx_view_txn(v), VX_TREE_DIR, vx_dir_key_slice(&k), &raw));
	ck_assert_uint_eq(raw.len, (size_t)VX_VALUE_HEADER + 16 + 3 * 2 + sizeof(D) - 1);
	vx_view_end(v);
	/* nothing is asked for, whatever is said */
	vxt_assert_ok(verify(D, VX_DOMAIN_PENDING, "", 5));
	ck_assert_str_eq(state(D), "verified 0 ");
	ck_assert_int_eq(verify(D, VX_DOMAIN_PENDING, TOKEN, 5), VX_ECONFLICT);
	tear_down();
}
END_TEST

START_TEST(tokens_are_checked)
{
	static const char *const bad[] = { "0", TOKEN "0",
		"0123456789ABCDEF0123456789abcdef"
		"0123456789abcdef0123456789abcdef",
		"g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" };

	set_up();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(add(D, bad[i], VX_DOMAIN_UNVERIFIED), VX_EINVAL);
		ck_assert_str_eq(state(D), vx_strerror(VX_ENOENT));
	}
	tear_down();
}
END_TEST

/* What else changes a domain leaves it alone. */
START_TEST(other_changes_keep_it)
{
	const vx_slice bob = VX_S("bob@" D);
	struct vx_directory_op op;

	set_up();
	vxt_assert_ok(add(D, TOKEN, VX_DOMAIN_UNVERIFIED));
	vxt_assert_ok(verify(D, VX_DOMAIN_PENDING, "", 77));
	vx_directory_op_init(&op, VX_ACCOUNT_ADD);
	op.name = bob;
	vxt_assert_ok(vx_store_run(store, &op.op));
	vx_directory_op_init(&op, VX_DOMAIN_SET);
	op.name = VX_S(D);
	op.set = VX_SET_FLAGS | VX_SET_TARGETS | VX_SET_BACKUP | VX_SET_MAX_ACCOUNTS;
	op.flags = VX_DOMAIN_ANY_SENDER;
	op.targets = &bob;
	op.target_count = 1;
	op.backup = VX_S("mx.elsewhere.test");
	vxt_assert_ok(vx_store_run(store, &op.op));
	ck_assert_str_eq(state(D), "pending 77 " TOKEN);
	vx_directory_op_init(&op, VX_ACCOUNT_REMOVE); /* and from the catch-all */
	op.name = bob;
	vxt_assert_ok(vx_store_run(store, &op.op));
	ck_assert_str_eq(state(D), "pending 77 " TOKEN);
	/* a domain that is added again has to be proved again */
	vx_directory_op_init(&op, VX_DOMAIN_REMOVE);
	op.name = VX_S(D);
	vxt_assert_ok(vx_store_run(store, &op.op));
	vxt_assert_ok(add(D, ANOTHER, VX_DOMAIN_UNVERIFIED));
	ck_assert_int_eq(verify(D, VX_DOMAIN_VERIFIED, TOKEN, 0), VX_ECONFLICT);
	ck_assert_str_eq(state(D), "unverified 0 " ANOTHER);
	tear_down();
}
END_TEST

static void quiet(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

START_TEST(check_backup_and_repair_know_it)
{
	struct vx_error err;
	uint64_t problems;
	char *live, *copy;

	set_up();
	vxt_assert_ok(add(D, TOKEN, VX_DOMAIN_UNVERIFIED));
	vxt_assert_ok(verify(D, VX_DOMAIN_PENDING, "", 77));
	vxt_assert_ok(vx_store_check(dir, quiet, NULL, &problems, &err));
	ck_assert_uint_eq(problems, 0);
	copy = strdup(vxt_mkdir());
	ck_assert_msg(
	    vx_store_backup(store, copy, quiet, NULL, &err) == VX_OK, "%s", err.text);
	vx_store_close(store);
	ck_assert_msg(vx_store_repair(dir, quiet, NULL, &err) == VX_OK, "%s", err.text);
	open_store();
	ck_assert_str_eq(state(D), "pending 77 " TOKEN);
	vx_store_close(store);
	live = dir;
	dir = copy;
	open_store();
	ck_assert_str_eq(state(D), "pending 77 " TOKEN);
	dir = live;
	vx_store_close(store);
	vxt_rmdir(copy);
	free(copy);
	vxt_rmdir(dir);
	free(dir);
}
END_TEST

START_TEST(damaged_ones_are_told)
{
	char good[VX_DIR_OWNERSHIP_OCTETS];
	struct vx_domain d = {
		.status = VX_DOMAIN_PENDING, .token = VX_S(TOKEN), .asked = 1
	};
	struct vx_dir_record r = { 0 };

	vxt_assert_ok(vx_dir_set_ownership(&d, &r, good));
	vxt_assert_ok(vx_dir_ownership(&r, &d));
	ck_assert_uint_eq(d.asked, 1);
	for (size_t i = 1; i < sizeof(good); i++) { /* cut */
		r.ownership = vx_slice_of(good, i);
		ck_assert_int_eq(vx_dir_ownership(&r, &d), VX_ECORRUPT);
	}
	r.ownership = vx_slice_of(good, sizeof(good));
	good[0] = 'x';
	ck_assert_int_eq(vx_dir_ownership(&r, &d), VX_ECORRUPT);
	good[0] = 'p';
	good[20] = 'X';
	ck_assert_int_eq(vx_dir_ownership(&r, &d), VX_ECORRUPT);
}
END_TEST

static void on_changed(struct vx_watch *w)
{
	(void)w;
	told++;
}

START_TEST(who_looks_is_told)
{
	struct vx_watch w = { .changed = on_changed };
	struct vx_directory_op op;

	set_up();
	told = 0;
	vxt_assert_ok(vx_watch_add(store, &w, VX_WATCH_QUEUE, VX_DIRECTORY_WATCH_STATUS));
	vxt_assert_ok(add(D, TOKEN, VX_DOMAIN_UNVERIFIED));
	vx_directory_op_init(&op, VX_DOMAIN_SET);
	op.name = VX_S(D);
	op.set = VX_SET_FLAGS;
	vxt_assert_ok(vx_store_run(store, &op.op));
	vx_store_dispatch(store);
	ck_assert_uint_eq(told, 0);
	vxt_assert_ok(verify(D, VX_DOMAIN_PENDING, "", 77));
	vx_store_dispatch(store);
	ck_assert_uint_eq(told, 1);
	vx_watch_remove(store, &w);
	tear_down();
}
END_TEST

VXT_SUITE(suite_ownership, "ownership", from_unverified_to_verified,
    a_domain_may_be_vouched_for, older_records_count_as_verified, tokens_are_checked,
    other_changes_keep_it, check_backup_and_repair_know_it, damaged_ones_are_told,
    who_looks_is_told)
