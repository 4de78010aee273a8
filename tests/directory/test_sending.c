/* What mailboxes and domains send is counted, and limited. */
#include "lib/vxt.h"
#include "store/kv.h"
#include "vectis/directory.h"
#include "vectis/sending.h"

#include <stdlib.h>

#define HOUR ((uint64_t)3600)

static struct vx_store *store;
static char *dir;
static uint32_t alice, bob;

static uint32_t add(enum vx_directory_verb verb, const char *name)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, verb);
	op.name = vx_slice_str(name);
	op.credential = VX_S("secret");
	vxt_assert_ok(vx_store_run(store, &op.op));
	return op.id;
}

static void set_up(void)
{
	struct vx_store_options o = { .struct_size = sizeof(o), .ballast_octets = 4096 };
	struct vx_error err;

	dir = strdup(vxt_mkdir());
	o.dir = dir;
	ck_assert_msg(vx_store_open(&o, &store, &err) == VX_OK, "%s", err.text);
	add(VX_DOMAIN_ADD, "a.test");
	alice = add(VX_ACCOUNT_ADD, "alice@a.test");
	bob = add(VX_ACCOUNT_ADD, "bob@a.test");
}

static void tear_down(void)
{
	vx_store_close(store);
	vxt_rmdir(dir);
	free(dir);
}

struct counting {
	struct vx_store_op op;
	struct vx_sending_count c;
};

static int apply(struct vx_store_op *op, struct vx_kv_txn *txn)
{
	return vx_sending_add(txn, &((struct counting *)op)->c);
}

static struct vx_sending_count last;

/* The verdict, by letters: "+", "+!" with growth, "m", "d". */
static const char *send(uint32_t account, uint32_t recipients, uint64_t now)
{
	struct counting x = { .op = { .apply = apply },
		.c = { .account = account,
		    .domain = VX_S("a.test"),
		    .recipients = recipients,
		    .now_s = now,
		    .mailbox_limit = 100,
		    .domain_limit = 150 } };
	struct vx_sending_count ask = x.c;
	struct vx_view *v;
	int rc;

	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_sending_ask(v, &ask));
	vx_view_end(v);
	rc = vx_store_run(store, &x.op);
	last = x.c;
	ck_assert_int_eq(ask.verdict, x.c.verdict);
	ck_assert_int_eq(rc, x.c.verdict == VX_SENDING_MAY ? VX_OK : VX_EPERM);
	return x.c.verdict == VX_SENDING_MAILBOX  ? "m"
	       : x.c.verdict == VX_SENDING_DOMAIN ? "d"
	       : x.c.mailbox_grew                 ? "+!"
						  : "+";
}

static struct vx_sending state(uint32_t account)
{
	static char reason[VX_SENDING_REASON_MAX + 1];
	struct vx_sending s;
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(account != 0 ? vx_sending_account(v, account, &s)
				   : vx_sending_domain(v, VX_S("a.test"), &s));
	memcpy(reason, s.reason.ptr == NULL ? "" : s.reason.ptr, s.reason.len);
	s.reason.ptr = reason;
	vx_view_end(v);
	return s;
}

START_TEST(an_hour_has_its_limit)
{
	const uint64_t t = 1000 * HOUR;

	set_up();
	ck_assert_str_eq(send(alice, 40, t), "+");
	ck_assert_str_eq(send(alice, 61, t), "m");
	ck_assert_uint_eq(last.limit, 100);
	ck_assert_str_eq(send(alice, 60, t + 10), "+!");
	ck_assert_str_eq(send(alice, 1, t + 20), "m");
	ck_assert_str_eq(send(bob, 51, t + 30), "d"); /* 100 of 150 */
	ck_assert_uint_eq(last.limit, 150);
	ck_assert_str_eq(send(bob, 50, t + 30), "+!");
	/* half an hour of the last one is less than an hour ago */
	ck_assert_str_eq(send(alice, 51, t + HOUR + HOUR / 2), "m");
	ck_assert_str_eq(send(alice, 50, t + HOUR + HOUR / 2), "+!");
	ck_assert_uint_eq(state(alice).before, 100);
	ck_assert_str_eq(send(alice, 100, t + 3 * HOUR), "+!");
	ck_assert_uint_eq(state(alice).count, 100);
	ck_assert_uint_eq(state(alice).before, 0);
	/* a clock that is set back does not count anew */
	ck_assert_str_eq(send(alice, 1, t), "m");
	tear_down();
}
END_TEST

START_TEST(limits_of_their_own)
{
	struct vx_sending_op op;
	const uint64_t t = 1000 * HOUR;

	set_up();
	vx_sending_op_init(&op, VX_SENDING_SET_LIMIT);
	op.account = alice;
	op.limit = 10;
	vxt_assert_ok(vx_store_run(store, &op.op));
	ck_assert_str_eq(send(alice, 11, t), "m");
	ck_assert_str_eq(send(alice, 10, t), "+");
	op.limit = VX_SENDING_NONE;
	vxt_assert_ok(vx_store_run(store, &op.op));
	ck_assert_str_eq(send(alice, 130, t), "+!");
	ck_assert_uint_eq(state(alice).limit, VX_SENDING_NONE);
	ck_assert_str_eq(send(alice, 11, t), "d");
	op.account = 0;
	op.domain = VX_S("a.test");
	vxt_assert_ok(vx_store_run(store, &op.op));
	ck_assert_str_eq(send(alice, 1000, t), "+");
	ck_assert_uint_eq(state(0).count, 1140);
	op.domain = VX_S("b.test");
	ck_assert_int_eq(vx_store_run(store, &op.op), VX_ENOENT);
	op.account = 999;
	ck_assert_int_eq(vx_store_run(store, &op.op), VX_ENOENT);
	op.account = alice;
	op.limit = VX_SENDING_LIMIT_MAX + 1;
	ck_assert_int_eq(vx_store_run(store, &op.op), VX_EINVAL);
	tear_down();
}
END_TEST

static unsigned flags_of(const char *login)
{
	struct vx_account a;
	struct vx_view *v;

	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_account(v, vx_slice_str(login), &a));
	vx_view_end(v);
	return a.flags;
}

static void set_flags(unsigned flags)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_ACCOUNT_SET);
	op.name = VX_S("alice@a.test");
	op.set = VX_SET_FLAGS;
	op.flags = flags;
	vxt_assert_ok(vx_store_run(store, &op.op));
}

START_TEST(suspending_has_a_reason_and_an_end)
{
	struct vx_sending_op op;
	const uint64_t t = 1000 * HOUR;

	set_up();
	set_flags(VX_ACCOUNT_POP3);
	ck_assert_str_eq(send(alice, 100, t), "+!");
	vx_sending_op_init(&op, VX_SENDING_SUSPEND);
	op.account = alice;
	op.reason = VX_S("too many");
	op.now_s = t;
	vxt_assert_ok(vx_store_run(store, &op.op));
	ck_assert_uint_eq(
	    flags_of("alice@a.test"), VX_ACCOUNT_POP3 | VX_ACCOUNT_NO_SENDING);
	ck_assert_int_eq(vx_store_run(store, &op.op), VX_EEXIST);
	ck_assert_uint_eq(state(alice).suspended, t);
	vxt_assert_str(state(alice).reason, "too many");
	set_flags(VX_ACCOUNT_NO_SENDING); /* nothing new of that */
	vxt_assert_str(state(alice).reason, "too many");
	set_flags(0);
	ck_assert_uint_eq(state(alice).suspended, 0);
	vxt_assert_str(state(alice).reason, "");
	ck_assert_uint_eq(state(alice).count, 0); /* and it counts anew */
	ck_assert_uint_eq(state(0).count, 100);
	set_flags(VX_ACCOUNT_NO_SENDING);
	vxt_assert_str(state(alice).reason, "by the administrator");
	ck_assert_uint_ne(state(alice).suspended, 0);
	op.account = 999;
	ck_assert_int_eq(vx_store_run(store, &op.op), VX_ENOENT);
	tear_down();
}
END_TEST

START_TEST(growth_is_told_of_once_an_hour)
{
	uint64_t t = 1000 * HOUR;

	set_up();
	for (int i = 0; i < 200; i++, t += HOUR)
		ck_assert_str_eq(send(alice, 10, t), "+");
	ck_assert_uint_ge(state(alice).average, 9 * 256);
	ck_assert_uint_le(state(alice).average, 10 * 256);
	ck_assert_str_eq(send(alice, 39, t), "+"); /* fewer than 50 */
	ck_assert_str_eq(send(alice, 20, t), "+!");
	ck_assert_uint_eq(last.count, 59);
	ck_assert_uint_eq(last.average, 9);
	ck_assert_str_eq(send(alice, 20, t), "+"); /* once */
	t += 2000 * HOUR;                          /* and what is long ago is forgotten */
	ck_assert_str_eq(send(alice, 1, t), "+");
	ck_assert_uint_eq(state(alice).average, 0);
	tear_down();
}
END_TEST

START_TEST(it_goes_with_its_owner)
{
	struct vx_directory_op op;

	set_up();
	(void)send(alice, 10, 1000 * HOUR);
	(void)send(bob, 10, 1000 * HOUR);
	vx_directory_op_init(&op, VX_ACCOUNT_REMOVE);
	op.name = VX_S("alice@a.test");
	vxt_assert_ok(vx_store_run(store, &op.op));
	ck_assert_uint_eq(state(alice).count, 0);
	ck_assert_uint_eq(state(bob).count, 10);
	op.name = VX_S("bob@a.test");
	vxt_assert_ok(vx_store_run(store, &op.op));
	vx_directory_op_init(&op, VX_DOMAIN_REMOVE);
	op.name = VX_S("a.test");
	vxt_assert_ok(vx_store_run(store, &op.op));
	ck_assert_uint_eq(state(0).count, 0);
	tear_down();
}
END_TEST

VXT_SUITE(test_sending, "sending", an_hour_has_its_limit, limits_of_their_own,
    suspending_has_a_reason_and_an_end, growth_is_told_of_once_an_hour,
    it_goes_with_its_owner)
