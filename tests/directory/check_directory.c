#include "directory/record.h"
#include "lib/vxt.h"
#include "store/keys.h"
#include "vectis/block.h"
#include "vectis/directory.h"
#include "vectis/dkim_keys.h"

#include <stdio.h>
#include <stdlib.h>

static struct vx_store *store;
static char *dir;

static void open_store(void)
{
	const struct vx_store_options o = { .struct_size = sizeof(o),
		.ballast_octets = 4096 };
	struct vx_store_options with = o;
	struct vx_error err;

	dir = strdup(vxt_mkdir());
	with.dir = dir;
	ck_assert_msg(vx_store_open(&with, &store, &err) == VX_OK, "%s", err.text);
}

static void close_store(void)
{
	vx_store_close(store);
	vxt_rmdir(dir);
	free(dir);
}

/* Is it empty? */
static int may_be_removed(const char *name)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_DOMAIN_REMOVE);
	op.name = vx_slice_str(name);
	op.only_ask = true;
	return vx_store_run(store, &op.op);
}

static int change(
    enum vx_directory_verb verb, const char *name, const char *target, unsigned flags)
{
	const vx_slice t = vx_slice_str(target);
	struct vx_directory_op op;

	vx_directory_op_init(&op, verb);
	op.name = vx_slice_str(name);
	op.targets = &t;
	op.target_count = t.len > 0;
	op.flags = flags;
	op.set = verb == VX_DOMAIN_SET && t.len > 0 ? VX_SET_TARGETS : VX_SET_FLAGS;
	op.credential = VX_S("secret");
	return vx_store_run(store, &op.op);
}

/* "local:login login" or the kind. */
static vx_slice resolved(const char *address)
{
	static const char *const kinds[] = { "local:", "foreign", "closed", "unknown",
		"disabled" };
	static struct vx_buf out = { .max = 4096 };
	struct vx_arena arena = { .limit = 65536 };
	struct vx_resolved r;
	struct vx_view *v;

	vx_buf_reset(&out);
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_resolve(v, vx_slice_str(address), '+', &arena, &r));
	vx_view_end(v);
	vx_buf_add_str(&out, kinds[r.kind]);
	for (size_t i = 0; r.kind == VX_RESOLVED_LOCAL && i < r.count; i++) {
		if (i > 0)
			vx_buf_add_char(&out, ' ');
		vx_buf_add_str(&out, r.targets[i].account == 0 ? "!" : "");
		vx_buf_add(&out, r.targets[i].address);
	}
	vx_arena_done(&arena);
	return vx_buf_slice(&out);
}

static void set_up(void)
{
	open_store();
	vxt_assert_ok(change(VX_DOMAIN_ADD, "Example.Test", "", 0));
	vxt_assert_ok(change(VX_DOMAIN_ADD, "m\xc3\xbcller.test", "", 0));
	vxt_assert_ok(change(VX_ACCOUNT_ADD, "alice@example.test", "", 0));
	vxt_assert_ok(change(VX_ACCOUNT_ADD, "Bob@example.test", "", VX_ACCOUNT_POP3));
}

START_TEST(resolution_follows_the_order)
{
	set_up();
	vxt_assert_str(resolved("ALICE@EXAMPLE.TEST"), "local:alice@example.test");
	vxt_assert_str(resolved("alice+x@example.test"), "local:alice@example.test");
	vxt_assert_str(resolved("nobody@example.test"), "unknown");
	vxt_assert_str(resolved("alice@elsewhere.test"), "foreign");
	vxt_assert_str(resolved("not an address"), "foreign");
	vxt_assert_str(resolved("postmaster@example.test"), "local:alice@example.test");
	vxt_assert_str(resolved("postmaster@xn--mller-kva.test"), "unknown");
	vxt_assert_ok(
	    change(VX_ALIAS_ADD, "sales-*@example.test", "bob@example.test", 0));
	vxt_assert_ok(
	    change(VX_ALIAS_ADD, "sales-x*@example.test", "alice@example.test", 0));
	vxt_assert_ok(change(VX_ALIAS_ADD, "out@example.test", "x@elsewhere.test", 0));
	vxt_assert_str(resolved("sales-1@example.test"), "local:bob@example.test");
	vxt_assert_str(resolved("sales-xy@example.test"), "local:alice@example.test");
	vxt_assert_str(resolved("out@example.test"), "local:!x@elsewhere.test");
	ck_assert_int_eq(
	    change(VX_ALIAS_ADD, "alice@example.test", "bob@example.test", 0), VX_EEXIST);
	vxt_assert_ok(change(VX_DOMAIN_SET, "example.test", "bob@example.test", 0));
	vxt_assert_str(resolved("nobody@example.test"), "local:bob@example.test");
	/* one that only sends is as if it were elsewhere, but for what an alias says */
	vxt_assert_ok(
	    change(VX_ALIAS_ADD, "in@xn--mller-kva.test", "alice@example.test", 0));
	vxt_assert_ok(change(VX_ALIAS_ADD, "on@xn--mller-kva.test", "x@example.test", 0));
	vxt_assert_str(resolved("on@xn--mller-kva.test"), "unknown");
	vxt_assert_ok(change(VX_DOMAIN_SET, "example.test", "", VX_DOMAIN_NO_INCOMING));
	vxt_assert_str(resolved("alice@example.test"), "foreign");
	vxt_assert_str(resolved("in@xn--mller-kva.test"), "local:alice@example.test");
	vxt_assert_str(resolved("on@xn--mller-kva.test"), "local:!x@example.test");
	vxt_assert_ok(change(VX_DOMAIN_SET, "example.test", "", VX_DOMAIN_INACTIVE));
	vxt_assert_str(resolved("alice@example.test"), "closed");
	vxt_assert_str(resolved("on@xn--mller-kva.test"), "unknown");
	close_store();
}
END_TEST

START_TEST(inactive_accounts_and_removal)
{
	set_up();
	vxt_assert_ok(
	    change(VX_ACCOUNT_SET, "alice@example.test", "", VX_ACCOUNT_INACTIVE));
	vxt_assert_str(resolved("alice@example.test"), "disabled");
	ck_assert_int_eq(may_be_removed("example.test"), VX_ENOTEMPTY);
	ck_assert_int_eq(change(VX_DOMAIN_REMOVE, "example.test", "", 0), VX_ENOTEMPTY);
	vxt_assert_ok(change(VX_ACCOUNT_REMOVE, "alice@example.test", "", 0));
	vxt_assert_str(resolved("alice@example.test"), "unknown");
	vxt_assert_ok(change(VX_ACCOUNT_REMOVE, "bob@example.test", "", 0));
	vxt_assert_ok(may_be_removed("example.test"));
	vxt_assert_ok(change(VX_DOMAIN_REMOVE, "example.test", "", 0));
	ck_assert_int_eq(may_be_removed("example.test"), VX_ENOENT);
	ck_assert_int_eq(change(VX_ACCOUNT_ADD, "a@example.test", "", 0), VX_ENOENT);
	close_store();
}
END_TEST

START_TEST(names_are_checked)
{
	static const char *const bad[] = { "a+b@example.test", "a b@example.test",
		".a@example.test", "a..b@example.test", "@example.test", "a@", "a",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@"
		"example.test" };

	set_up();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(
		    change(VX_ACCOUNT_ADD, bad[i], "", 0) == VX_EINVAL, "%s", bad[i]);
	ck_assert_int_eq(change(VX_DOMAIN_ADD, "a..b", "", 0), VX_EINVAL);
	ck_assert_int_eq(change(VX_DOMAIN_ADD, "EXAMPLE.test", "", 0), VX_EEXIST);
	close_store();
}
END_TEST

START_TEST(who_may_send_as_whom)
{
	struct vx_account alice;
	struct vx_view *v;

	set_up();
	vxt_assert_ok(change(VX_ALIAS_ADD, "info@example.test", "alice@example.test", 0));
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_account(v, VX_S("alice@example.test"), &alice));
	vxt_assert_str(alice.credential, "secret");
	ck_assert(vx_directory_may_send_as(v, &alice, VX_S("Alice@example.test"), '+'));
	ck_assert(
	    vx_directory_may_send_as(v, &alice, VX_S("alice+tag@example.test"), '+'));
	ck_assert(vx_directory_may_send_as(v, &alice, VX_S("info@example.test"), '+'));
	ck_assert(!vx_directory_may_send_as(v, &alice, VX_S("bob@example.test"), '+'));
	ck_assert(!vx_directory_may_send_as(v, &alice, VX_S("x@elsewhere.test"), '+'));
	ck_assert(!vx_directory_may_send_as(v, &alice, VX_S(""), '+'));
	vx_view_end(v);
	close_store();
}
END_TEST

/* A domain is the same in both forms, and in any case of letters. */
START_TEST(domains_of_other_scripts)
{
	struct vx_account a;
	struct vx_view *v;

	set_up();
	vxt_assert_ok(change(VX_ACCOUNT_ADD, "jo@M\xc3\x9cLLER.test", "", 0));
	vxt_assert_str(resolved("jo@xn--mller-kva.test"), "local:jo@xn--mller-kva.test");
	vxt_assert_str(resolved("JO@m\xc3\xbcller.TEST"), "local:jo@xn--mller-kva.test");
	vxt_assert_str(resolved("jo@XN--MLLER-KVA.test"), "local:jo@xn--mller-kva.test");
	vxt_assert_str(resolved("jo@mu\xcc\x88ller.test"), "local:jo@xn--mller-kva.test");
	ck_assert_int_eq(
	    change(VX_ACCOUNT_ADD, "jo@xn--mller-kva.test", "", 0), VX_EEXIST);
	ck_assert_int_eq(change(VX_DOMAIN_ADD, "xn--mller-kva.test", "", 0), VX_EEXIST);
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_account(v, VX_S("Jo@m\xc3\xbcller.test"), &a));
	vxt_assert_str(a.login, "jo@xn--mller-kva.test");
	vx_view_end(v);
	close_store();
}
END_TEST

/* No alias leads to another one, so none can go round (MB-10). */
START_TEST(aliases_do_not_lead_to_aliases)
{
	set_up();
	vxt_assert_ok(change(VX_ALIAS_ADD, "a@example.test", "b@example.test", 0));
	vxt_assert_ok(change(VX_ALIAS_ADD, "b@example.test", "a@example.test", 0));
	vxt_assert_ok(change(VX_ALIAS_ADD, "c@example.test", "c@example.test", 0));
	vxt_assert_ok(change(VX_ALIAS_ADD, "*-d@example.test", "x-d@example.test", 0));
	vxt_assert_str(resolved("a@example.test"), "unknown");
	vxt_assert_str(resolved("b@example.test"), "unknown");
	vxt_assert_str(resolved("c@example.test"), "unknown");
	vxt_assert_str(resolved("x-d@example.test"), "unknown");
	ck_assert_int_eq(
	    change(VX_ALIAS_ADD, "a@example.test", "x@y.test", 0), VX_EEXIST);
	ck_assert_int_eq(change(VX_ACCOUNT_ADD, "a@example.test", "", 0), VX_EEXIST);
	close_store();
}
END_TEST

START_TEST(tags_and_the_catch_all)
{
	set_up();
	vxt_assert_ok(change(VX_DOMAIN_SET, "example.test", "bob@example.test", 0));
	vxt_assert_ok(change(VX_ALIAS_ADD, "info@example.test", "alice@example.test", 0));
	vxt_assert_ok(change(VX_ALIAS_ADD, "info+x@example.test", "bob@example.test", 0));
	vxt_assert_str(resolved("alice+tag@example.test"), "local:alice@example.test");
	vxt_assert_str(resolved("Alice+A+B@example.test"), "local:alice@example.test");
	vxt_assert_str(resolved("info+tag@example.test"), "local:alice@example.test");
	vxt_assert_str(
	    resolved("info+x@example.test"), "local:bob@example.test"); /* exact */
	vxt_assert_str(resolved("alice+@example.test"), "local:alice@example.test");
	vxt_assert_str(resolved("+tag@example.test"), "local:bob@example.test");
	vxt_assert_str(resolved("nobody+tag@example.test"), "local:bob@example.test");
	/* mail for a disabled mailbox goes there, too (IN-04), and for a removed one */
	vxt_assert_ok(
	    change(VX_ACCOUNT_SET, "alice@example.test", "", VX_ACCOUNT_INACTIVE));
	vxt_assert_str(resolved("alice@example.test"), "local:bob@example.test");
	vxt_assert_str(resolved("alice+tag@example.test"), "local:bob@example.test");
	vxt_assert_ok(change(VX_ACCOUNT_REMOVE, "alice@example.test", "", 0));
	vxt_assert_str(resolved("alice@example.test"), "local:bob@example.test");
	close_store();
}
END_TEST

/* Who has the name of a mailbox that was removed does not get the strangers' mail. */
START_TEST(a_catch_all_goes_with_its_mailbox)
{
	const vx_slice both[] = { VX_S("alice@example.test"), VX_S("BOB@example.test") };
	struct vx_directory_op op;

	set_up();
	vx_directory_op_init(&op, VX_DOMAIN_SET);
	op.name = VX_S("example.test");
	op.targets = both;
	op.target_count = 2;
	op.set = VX_SET_TARGETS;
	vxt_assert_ok(vx_store_run(store, &op.op));
	vxt_assert_ok(change(VX_DOMAIN_ADD, "other.test", "", 0));
	vxt_assert_ok(change(VX_DOMAIN_SET, "other.test", "bob@example.test", 0));
	vxt_assert_str(
	    resolved("x@example.test"), "local:alice@example.test bob@example.test");
	vxt_assert_str(resolved("x@other.test"), "local:bob@example.test");
	vxt_assert_ok(change(VX_ACCOUNT_REMOVE, "bob@example.test", "", 0));
	vxt_assert_ok(change(VX_ACCOUNT_ADD, "bob@example.test", "", 0));
	vxt_assert_str(resolved("x@example.test"), "local:alice@example.test");
	vxt_assert_str(resolved("x@other.test"), "unknown");
	vxt_assert_ok(change(VX_ACCOUNT_REMOVE, "alice@example.test", "", 0));
	vxt_assert_str(resolved("x@example.test"), "unknown");
	close_store();
}
END_TEST

START_TEST(a_domain_can_be_switched_off)
{
	set_up();
	vxt_assert_ok(change(VX_DOMAIN_SET, "example.test", "", VX_DOMAIN_INACTIVE));
	vxt_assert_str(resolved("alice@example.test"), "closed");
	vxt_assert_str(resolved("nobody@example.test"), "closed");
	vxt_assert_str(resolved("postmaster@example.test"), "closed");
	vxt_assert_str(resolved("jo@xn--mller-kva.test"), "unknown"); /* another one */
	vxt_assert_ok(change(VX_DOMAIN_SET, "example.test", "", 0));
	vxt_assert_str(resolved("alice@example.test"), "local:alice@example.test");
	close_store();
}
END_TEST

/* An alias can be switched off, and lead elsewhere (MB-10). */
START_TEST(aliases_change)
{
	struct vx_directory_op op;
	struct vx_alias a;
	struct vx_view *v;
	const vx_slice to = VX_S("x@elsewhere.test");

	set_up();
	vxt_assert_ok(change(VX_ALIAS_ADD, "info@example.test", "alice@example.test", 0));
	vxt_assert_ok(change(VX_ALIAS_SET, "info@example.test", "", 1));
	vxt_assert_str(resolved("info@example.test"), "unknown");
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_alias(v, VX_S("info@example.test"), &a));
	ck_assert(a.disabled);
	vx_view_end(v);
	vx_directory_op_init(&op, VX_ALIAS_SET);
	op.name = VX_S("info@example.test");
	op.set = VX_SET_TARGETS | VX_SET_FLAGS;
	op.targets = &to;
	op.target_count = 1;
	vxt_assert_ok(vx_store_run(store, &op.op));
	vxt_assert_str(resolved("info@example.test"), "local:!x@elsewhere.test");
	op.target_count = 0;
	ck_assert_int_eq(vx_store_run(store, &op.op), VX_EINVAL);
	ck_assert_int_eq(change(VX_ALIAS_SET, "no@example.test", "", 1), VX_ENOENT);
	close_store();
}
END_TEST

START_TEST(domains_have_footers)
{
	const struct vx_footer f = { VX_S("Foot"), VX_S("<p>Foot") };
	struct vx_directory_op op;
	struct vx_footer got;
	struct vx_view *v;

	set_up();
	vx_directory_op_init(&op, VX_DOMAIN_FOOTER);
	op.name = VX_S("EXAMPLE.test");
	op.footer = &f;
	vxt_assert_ok(vx_store_run(store, &op.op));
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_footer(v, VX_S("example.test"), &got));
	vxt_assert_str(got.text, "Foot");
	vxt_assert_str(got.html, "<p>Foot");
	ck_assert_int_eq(
	    vx_directory_footer(v, VX_S("m\xc3\xbcller.test"), &got), VX_ENOENT);
	vx_view_end(v);
	op.footer = NULL;
	vxt_assert_ok(vx_store_run(store, &op.op));
	vxt_assert_ok(vx_store_run(store, &op.op));
	op.name = VX_S("elsewhere.test");
	ck_assert_int_eq(vx_store_run(store, &op.op), VX_ENOENT);
	close_store();
}
END_TEST

/* --- lists and groups -----------------------------------------------------------------
 */

static int members(enum vx_directory_verb verb, const char *name, const char *member)
{
	return change(verb, name, member, 0);
}

/* To whom a list or group leads, with blanks between. */
static vx_slice expanded(const char *address)
{
	static struct vx_buf out = { .max = 4096 };
	struct vx_arena arena = { .limit = 65536 };
	struct vx_resolved r;
	struct vx_list list;
	struct vx_view *v;

	vx_buf_reset(&out);
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_list(v, vx_slice_str(address), &list));
	vxt_assert_ok(vx_directory_expand(v, &list, &arena, &r));
	vx_view_end(v);
	for (size_t i = 0; i < r.count; i++)
		vx_buf_printf(&out, "%s%s%.*s", i > 0 ? " " : "",
		    r.targets[i].account == 0 ? "!" : "", (int)r.targets[i].address.len,
		    r.targets[i].address.ptr);
	vx_arena_done(&arena);
	return vx_buf_slice(&out);
}

static int may_post(const char *list, const char *address)
{
	struct vx_list l;
	struct vx_view *v;
	int rc;

	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_list(v, vx_slice_str(list), &l));
	rc = vx_directory_may_post(v, &l, vx_slice_str(address), '+');
	vx_view_end(v);
	return rc;
}

START_TEST(lists_have_members)
{
	set_up();
	vxt_assert_ok(change(VX_ALIAS_ADD, "info@example.test", "bob@example.test", 0));
	vxt_assert_ok(change(VX_LIST_ADD, "News@example.test", "alice@example.test", 0));
	ck_assert_int_eq(change(VX_LIST_ADD, "news@example.test", "", 0), VX_EEXIST);
	ck_assert_int_eq(change(VX_LIST_ADD, "bob@example.test", "", 0), VX_EEXIST);
	ck_assert_int_eq(change(VX_LIST_ADD, "info@example.test", "", 0), VX_EEXIST);
	ck_assert_int_eq(change(VX_LIST_ADD, "a+b@example.test", "", 0), VX_EINVAL);
	ck_assert_int_eq(change(VX_LIST_ADD, "a@elsewhere.test", "", 0), VX_ENOENT);
	ck_assert_int_eq(change(VX_ACCOUNT_ADD, "news@example.test", "", 0), VX_EEXIST);
	ck_assert_int_eq(
	    change(VX_ALIAS_ADD, "news@example.test", "bob@example.test", 0), VX_EEXIST);
	vxt_assert_ok(
	    members(VX_LIST_MEMBERS_ADD, "news@example.test", "INFO@example.test"));
	vxt_assert_ok(
	    members(VX_LIST_MEMBERS_ADD, "news@example.test", "X@elsewhere.test"));
	vxt_assert_ok(
	    members(VX_LIST_MEMBERS_ADD, "news@example.test", "bob@example.test"));
	vxt_assert_ok(
	    members(VX_LIST_MEMBERS_ADD, "news@example.test", "bob@example.test"));
	ck_assert_int_eq(
	    members(VX_LIST_MEMBERS_ADD, "news@example.test", "no@example.test"),
	    VX_ENOENT);
	ck_assert_int_eq(
	    members(VX_LIST_MEMBERS_ADD, "news@example.test", "news@example.test"),
	    VX_EINVAL);
	ck_assert_int_eq(
	    members(VX_LIST_MEMBERS_ADD, "news@example.test", "nonsense"), VX_EINVAL);
	ck_assert_int_eq(
	    members(VX_LIST_MEMBERS_ADD, "no@example.test", "bob@example.test"),
	    VX_ENOENT);
	/* bob twice, and once as an alias */
	vxt_assert_str(expanded("news@example.test"),
	    "!x@elsewhere.test alice@example.test bob@example.test");
	vxt_assert_str(resolved("news@example.test"), "local:!news@example.test");
	vxt_assert_str(resolved("news+tag@example.test"), "local:!news@example.test");
	/* who is gone or disabled gets nothing */
	vxt_assert_ok(change(VX_ALIAS_REMOVE, "info@example.test", "", 0));
	vxt_assert_ok(
	    members(VX_LIST_MEMBERS_REMOVE, "news@example.test", "BOB@example.test"));
	ck_assert_int_eq(
	    members(VX_LIST_MEMBERS_REMOVE, "news@example.test", "bob@example.test"),
	    VX_ENOENT);
	ck_assert_int_eq(
	    members(VX_LIST_MEMBERS_REMOVE, "news@example.test", "info@example.test"),
	    VX_ENOENT);
	vxt_assert_ok(
	    change(VX_ACCOUNT_SET, "alice@example.test", "", VX_ACCOUNT_INACTIVE));
	vxt_assert_str(expanded("news@example.test"), "!x@elsewhere.test");
	/* an account that comes again is no member */
	vxt_assert_ok(change(VX_ACCOUNT_REMOVE, "alice@example.test", "", 0));
	vxt_assert_ok(change(VX_ACCOUNT_ADD, "alice@example.test", "", 0));
	vxt_assert_str(expanded("news@example.test"), "!x@elsewhere.test");
	vxt_assert_ok(change(VX_LIST_SET, "news@example.test", "", VX_LIST_INACTIVE));
	vxt_assert_str(resolved("news@example.test"), "unknown");
	vxt_assert_ok(change(VX_ACCOUNT_REMOVE, "alice@example.test", "", 0));
	vxt_assert_ok(change(VX_ACCOUNT_REMOVE, "bob@example.test", "", 0));
	ck_assert_int_eq(change(VX_DOMAIN_REMOVE, "example.test", "", 0), VX_ENOTEMPTY);
	vxt_assert_ok(change(VX_LIST_REMOVE, "news@example.test", "", 0));
	ck_assert_int_eq(change(VX_LIST_REMOVE, "news@example.test", "", 0), VX_ENOENT);
	vxt_assert_ok(change(VX_DOMAIN_REMOVE, "example.test", "", 0));
	close_store();
}
END_TEST

START_TEST(groups_go_round_once)
{
	struct vx_account alice;
	struct vx_view *v;
	char name[40], inner[40];

	set_up();
	vxt_assert_ok(
	    change(VX_LIST_ADD, "one@example.test", "alice@example.test", VX_LIST_GROUP));
	vxt_assert_ok(change(VX_LIST_ADD, "two@example.test", "bob@example.test",
	    VX_LIST_GROUP | VX_LIST_MEMBERS_ONLY));
	vxt_assert_ok(
	    members(VX_LIST_MEMBERS_ADD, "one@example.test", "two@example.test"));
	vxt_assert_ok(
	    members(VX_LIST_MEMBERS_ADD, "two@example.test", "one@example.test"));
	vxt_assert_ok(
	    members(VX_LIST_MEMBERS_ADD, "two@example.test", "two@example.test"));
	vxt_assert_str(
	    resolved("one@example.test"), "local:alice@example.test bob@example.test");
	vxt_assert_str(
	    resolved("two@example.test"), "local:alice@example.test bob@example.test");
	ck_assert_int_eq(
	    members(VX_LIST_MEMBERS_ADD, "one@example.test", "x@elsewhere.test"),
	    VX_ENOENT);
	vxt_assert_ok(change(VX_LIST_ADD, "list@example.test", "one@example.test", 0));
	ck_assert_int_eq(
	    members(VX_LIST_MEMBERS_ADD, "one@example.test", "list@example.test"),
	    VX_EINVAL);
	vxt_assert_str(
	    expanded("list@example.test"), "alice@example.test bob@example.test");
	/* nobody may write as a group or a list */
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_account(v, VX_S("alice@example.test"), &alice));
	ck_assert(!vx_directory_may_send_as(v, &alice, VX_S("one@example.test"), '+'));
	ck_assert(!vx_directory_may_send_as(v, &alice, VX_S("list@example.test"), '+'));
	vx_view_end(v);
	/* a group that is off leads nowhere, and one without anybody is unknown */
	vxt_assert_ok(change(VX_LIST_SET, "two@example.test", "", VX_LIST_INACTIVE));
	vxt_assert_str(resolved("one@example.test"), "local:alice@example.test");
	vxt_assert_str(resolved("two@example.test"), "unknown");
	vxt_assert_ok(change(VX_LIST_ADD, "empty@example.test", "", VX_LIST_GROUP));
	vxt_assert_str(resolved("empty@example.test"), "unknown");
	/* too many of them */
	for (int i = 0; i <= VX_LIST_GROUPS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "g%d@example.test", i);
		vxt_assert_ok(change(VX_LIST_ADD, name,
		    i == 0 ? "bob@example.test" : inner, VX_LIST_GROUP));
		memcpy(inner, name, sizeof(inner));
	}
	vxt_assert_str(resolved("g98@example.test"), "local:bob@example.test");
	vxt_assert_str(resolved("g99@example.test"), "local:bob@example.test");
	{
		struct vx_arena arena = { .limit = 65536 };
		struct vx_resolved r;

		vxt_assert_ok(vx_view_begin(store, &v));
		ck_assert_int_eq(
		    vx_directory_resolve(v, VX_S("g100@example.test"), '+', &arena, &r),
		    VX_ELIMIT);
		vx_view_end(v);
		vx_arena_done(&arena);
	}
	close_store();
}
END_TEST

START_TEST(who_may_write_to_a_list)
{
	struct vx_arena arena = { .limit = 65536 };
	struct vx_directory_op op;
	struct vx_resolved r;
	struct vx_list list;
	struct vx_view *v;

	set_up();
	vxt_assert_ok(change(VX_ALIAS_ADD, "info@example.test", "bob@example.test", 0));
	vxt_assert_ok(
	    change(VX_LIST_ADD, "team@example.test", "bob@example.test", VX_LIST_GROUP));
	vxt_assert_ok(change(
	    VX_LIST_ADD, "news@example.test", "team@example.test", VX_LIST_MEMBERS_ONLY));
	vxt_assert_ok(
	    members(VX_LIST_MEMBERS_ADD, "news@example.test", "x@elsewhere.test"));
	vxt_assert_ok(may_post("news@example.test", "Bob@Example.test"));
	vxt_assert_ok(may_post("news@example.test", "bob+news@example.test"));
	vxt_assert_ok(may_post("news@example.test", "info@example.test"));
	vxt_assert_ok(may_post("news@example.test", "X@elsewhere.test"));
	ck_assert_int_eq(may_post("news@example.test", "alice@example.test"), VX_EPERM);
	ck_assert_int_eq(may_post("news@example.test", "y@elsewhere.test"), VX_EPERM);
	ck_assert_int_eq(may_post("news@example.test", "news@example.test"), VX_EPERM);
	ck_assert_int_eq(may_post("news@example.test", ""), VX_EPERM);
	vx_directory_op_init(&op, VX_LIST_SET);
	op.name = VX_S("news@example.test");
	op.set = VX_SET_OWNER | VX_SET_DISPLAY_NAME;
	op.owner = VX_S("Boss@elsewhere.test");
	op.display_name = VX_S("News");
	vxt_assert_ok(vx_store_run(store, &op.op));
	vxt_assert_ok(may_post("news@example.test", "boss@elsewhere.test"));
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_next_list(v, VX_S(""), &list));
	vxt_assert_str(list.address, "news@example.test");
	vxt_assert_str(list.title, "News");
	ck_assert_int_eq((int)list.flags, VX_LIST_MEMBERS_ONLY);
	vxt_assert_ok(vx_directory_list_owner(v, &list, '+', &arena, &r));
	ck_assert_int_eq(r.kind, VX_RESOLVED_FOREIGN);
	/* its bounces never go to a list again */
	list.owner = VX_S("news@example.test");
	vxt_assert_ok(vx_directory_list_owner(v, &list, '+', &arena, &r));
	ck_assert_int_eq(r.kind, VX_RESOLVED_LOCAL);
	vxt_assert_str(r.targets[0].address, "alice@example.test"); /* postmaster */
	vx_view_end(v);
	vx_arena_done(&arena);
	close_store();
}
END_TEST

START_TEST(a_list_has_a_limit)
{
	enum {
		OCTETS = 32
	};
	static char text[VX_LIST_MEMBERS_MAX][OCTETS];
	static vx_slice list[VX_LIST_MEMBERS_MAX + 1];
	struct vx_arena arena = { .limit = 8 << 20 };
	struct vx_directory_op op;
	struct vx_resolved r;
	struct vx_list l;
	struct vx_view *v;

	set_up();
	vxt_assert_ok(change(VX_LIST_ADD, "news@example.test", "", 0));
	for (size_t i = 0; i < VX_LIST_MEMBERS_MAX; i++) {
		(void)snprintf(text[i], OCTETS, "m%zu@elsewhere.test", i);
		list[i] = vx_slice_str(text[i]);
	}
	list[VX_LIST_MEMBERS_MAX] = VX_S("alice@example.test");
	vx_directory_op_init(&op, VX_LIST_MEMBERS_ADD);
	op.name = VX_S("news@example.test");
	op.targets = list;
	op.target_count = VX_LIST_MEMBERS_MAX + 1;
	ck_assert_int_eq(vx_store_run(store, &op.op), VX_ELIMIT);
	op.target_count = VX_LIST_MEMBERS_MAX;
	vxt_assert_ok(vx_store_run(store, &op.op));
	ck_assert_uint_eq(op.changed, VX_LIST_MEMBERS_MAX);
	ck_assert_int_eq(
	    members(VX_LIST_MEMBERS_ADD, "news@example.test", "alice@example.test"),
	    VX_ELIMIT);
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_directory_list(v, VX_S("news@example.test"), &l));
	vxt_assert_ok(vx_directory_expand(v, &l, &arena, &r));
	ck_assert_uint_eq(r.count, VX_LIST_MEMBERS_MAX);
	vx_view_end(v);
	vx_arena_done(&arena);
	vxt_assert_ok(change(VX_LIST_REMOVE, "news@example.test", "", 0));
	close_store();
}
END_TEST

/* Each octet of a record is looked at: whichever changed, it is not read as another. */
START_TEST(damaged_records_are_told)
{
	char v[VX_VALUE_HEADER + 16 + 6 + 20];
	struct vx_dir_record r;

	memset(v, 0, sizeof(v));
	v[VX_VALUE_HEADER + 16] = 20;
	memset(v + VX_VALUE_HEADER + 18, 'x', 20);
	vx_value_seal(v, sizeof(v), 'd');
	vxt_assert_ok(vx_dir_parse(vx_slice_of(v, sizeof(v)), &r));
	vxt_assert_str(r.strings[0], "xxxxxxxxxxxxxxxxxxxx");
	for (size_t i = 0; i < sizeof(v); i++) {
		v[i] ^= 0x20;
		ck_assert_msg(
		    vx_dir_parse(vx_slice_of(v, sizeof(v)), &r) < 0, "octet %zu", i);
		v[i] ^= 0x20;
		ck_assert_msg(vx_dir_parse(vx_slice_of(v, i), &r) < 0, "cut at %zu", i);
	}
	/* lengths that lie, under a right checksum */
	v[VX_VALUE_HEADER + 16] = 21;
	vx_value_seal(v, sizeof(v), 'd');
	ck_assert_int_lt(vx_dir_parse(vx_slice_of(v, sizeof(v)), &r), 0);
}
END_TEST

/* --- DKIM keys ------------------------------------------------------------------------
 */

static int dkim(enum vx_dkim_key_verb verb, const char *domain, const char *selector,
    uint64_t from, bool replaces, bool revokes)
{
	struct vx_dkim_key_op op;

	vx_dkim_key_op_init(&op, verb);
	op.key = (struct vx_dkim_key){ .domain = vx_slice_str(domain),
		.selector = vx_slice_str(selector),
		.pem = VX_S("secret"),
		.from = from };
	op.replaces = replaces;
	op.revokes = revokes;
	return vx_store_run(store, &op.op);
}

/* "selector:from-until selector:..." of a domain. */
static const char *dkim_keys(const char *domain)
{
	static char text[2000];
	char selector[VX_DKIM_SELECTOR_MAX + 1] = "";
	struct vx_dkim_key k;
	struct vx_view *v;
	size_t len = 0;

	text[0] = '\0';
	vxt_assert_ok(vx_view_begin(store, &v));
	while (vx_dkim_key_next(v, vx_slice_str(domain), vx_slice_str(selector), &k) ==
	       VX_OK) {
		(void)snprintf(selector, sizeof(selector), "%.*s", (int)k.selector.len,
		    k.selector.ptr);
		vxt_assert_str(k.pem, "secret");
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s:%u-%u",
		    len > 0 ? " " : "", selector, (unsigned)k.from, k.until);
	}
	vx_view_end(v);
	return text;
}

START_TEST(names_of_keys)
{
	char id[VX_DKIM_ID_OCTETS + 1], again[VX_DKIM_ID_OCTETS + 1],
	    name[VX_DKIM_SELECTOR_MAX + 1];

	open_store();
	vx_dkim_install_id(store, id);
	ck_assert_uint_eq(strlen(id), VX_DKIM_ID_OCTETS);
	ck_assert_uint_eq(strspn(id, "0123456789abcdef"), VX_DKIM_ID_OCTETS);
	vx_dkim_install_id(store, again);
	ck_assert_str_eq(id, again);
	close_store();
	open_store(); /* another one has another */
	vx_dkim_install_id(store, again);
	ck_assert_str_ne(id, again);
	vx_dkim_selector(VX_KEY_RSA, 1795888800, "", "", name);
	ck_assert_str_eq(name, "202611");
	vx_dkim_selector(VX_KEY_ED25519, 1795888800, "", "", name);
	ck_assert_str_eq(name, "202611e");
	vx_dkim_selector(VX_KEY_ED25519, 1795888800, "3fa9c2", "", name);
	ck_assert_str_eq(name, "202611e-3fa9c2");
	vx_dkim_selector(VX_KEY_RSA, 1795888800, "3fa9c2", "07d1", name);
	ck_assert_str_eq(name, "202611-3fa9c2-07d1");
	close_store();
}
END_TEST

START_TEST(keys_take_turns)
{
	struct vx_dkim_key k = { .from = 100, .until = 200 };

	ck_assert(!vx_dkim_key_signs(&k, 99));
	ck_assert(vx_dkim_key_signs(&k, 100));
	ck_assert(vx_dkim_key_signs(&k, 199));
	ck_assert(!vx_dkim_key_signs(&k, 200));
	set_up();
	vxt_assert_ok(dkim(VX_DKIM_KEY_ADD, "example.test", "b", 100, false, false));
	vxt_assert_ok(dkim(VX_DKIM_KEY_ADD, "Example.test", "be", 100, false, false));
	ck_assert_int_eq(
	    dkim(VX_DKIM_KEY_ADD, "example.test", "b", 100, false, false), VX_EEXIST);
	ck_assert_int_eq(
	    dkim(VX_DKIM_KEY_ADD, "other.test", "b", 100, false, false), VX_ENOENT);
	ck_assert_int_eq(
	    dkim(VX_DKIM_KEY_ADD, "example.test", "a@b", 100, false, false), VX_EINVAL);
	ck_assert_str_eq(dkim_keys("example.test"), "b:100-0 be:100-0");
	ck_assert_str_eq(dkim_keys("m\xc3\xbcller.test"), "");
	vxt_assert_ok(dkim(VX_DKIM_KEY_ADD, "example.test", "c", 500, true, false));
	ck_assert_str_eq(dkim_keys("example.test"), "b:100-500 be:100-500 c:500-0");
	/* what waits, and what has its end already, is left alone */
	vxt_assert_ok(dkim(VX_DKIM_KEY_ADD, "example.test", "a", 300, true, false));
	ck_assert_str_eq(
	    dkim_keys("example.test"), "a:300-0 b:100-300 be:100-300 c:500-0");
	vxt_assert_ok(dkim(VX_DKIM_KEY_REMOVE, "example.test", "be", 0, false, false));
	ck_assert_int_eq(
	    dkim(VX_DKIM_KEY_REMOVE, "example.test", "be", 0, false, false), VX_ENOENT);
	vxt_assert_ok(dkim(VX_DKIM_KEY_ADD, "example.test", "z", 400, false, true));
	ck_assert_str_eq(dkim_keys("example.test"), "z:400-0");
	close_store();
}
END_TEST

START_TEST(keys_go_with_their_domain)
{
	char selector[20];

	open_store();
	vxt_assert_ok(change(VX_DOMAIN_ADD, "one.test", "", 0));
	vxt_assert_ok(change(VX_DOMAIN_ADD, "two.test", "", 0));
	for (int i = 0; i < VX_DKIM_DOMAIN_KEYS_MAX; i++) {
		(void)snprintf(selector, sizeof(selector), "s%02d", i);
		vxt_assert_ok(
		    dkim(VX_DKIM_KEY_ADD, "one.test", selector, 1, false, false));
	}
	ck_assert_int_eq(
	    dkim(VX_DKIM_KEY_ADD, "one.test", "more", 1, false, false), VX_ELIMIT);
	vxt_assert_ok(dkim(VX_DKIM_KEY_ADD, "two.test", "s", 1, false, false));
	vxt_assert_ok(change(VX_DOMAIN_REMOVE, "one.test", "", 0));
	ck_assert_str_eq(dkim_keys("one.test"), "");
	ck_assert_str_eq(dkim_keys("two.test"), "s:1-0");
	close_store();
}
END_TEST

static int block(const char *network, const char *reason, bool remove)
{
	struct vx_block_op op;
	bool exact;

	vx_block_op_init(&op);
	vxt_assert_ok(vx_network_parse(vx_slice_str(network), &op.block.network, &exact));
	op.block.created = 77;
	op.block.reason = vx_slice_str(reason);
	op.remove = remove;
	return vx_store_run(store, &op.op);
}

/* Why mail from an address is blocked; "": it is not. */
static const char *blocked(const char *address)
{
	static char reason[VX_BLOCK_REASON_MAX + 1];
	struct vx_network n;
	struct vx_block b = { .created = 0 };
	struct vx_view *v;
	bool exact;
	int rc;

	vxt_assert_ok(vx_network_parse(vx_slice_str(address), &n, &exact));
	vxt_assert_ok(vx_view_begin(store, &v));
	rc = vx_block_find(v, &n, &b);
	ck_assert(rc == VX_OK || rc == VX_ENOENT);
	(void)snprintf(reason, sizeof(reason), "%.*s", (int)b.reason.len,
	    rc == VX_OK ? b.reason.ptr : "");
	vx_view_end(v);
	return reason;
}

START_TEST(networks_are_blocked_and_let_go)
{
	char longest[VX_BLOCK_REASON_MAX + 2];
	struct vx_block b;
	struct vx_view *v;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	open_store();
	ck_assert_str_eq(blocked("192.0.2.9"), "");
	vxt_assert_ok(block("192.0.2.0/24", "wide", false));
	vxt_assert_ok(block("192.0.2.8/30", "narrow", false));
	vxt_assert_ok(block("2001:db8::/32", "six", false));
	ck_assert_int_eq(block("192.0.2.0/24", "again", false), VX_EEXIST);
	ck_assert_int_eq(block("192.0.3.0/24", longest, false), VX_EINVAL);
	ck_assert_str_eq(blocked("192.0.2.9"), "narrow");
	ck_assert_str_eq(blocked("192.0.2.12"), "wide");
	ck_assert_str_eq(blocked("192.0.3.9"), "");
	ck_assert_str_eq(blocked("2001:db8:ffff::1"), "six");
	ck_assert_str_eq(blocked("2001:db9::1"), "");
	vxt_assert_ok(vx_view_begin(store, &v));
	vxt_assert_ok(vx_block_next(v, NULL, &b));
	vxt_assert_str(b.reason, "wide");
	ck_assert_uint_eq(b.created, 77);
	vxt_assert_ok(vx_block_next(v, &b.network, &b));
	vxt_assert_str(b.reason, "narrow");
	vxt_assert_ok(vx_block_next(v, &b.network, &b));
	vxt_assert_str(b.reason, "six");
	ck_assert_int_eq(vx_block_next(v, &b.network, &b), VX_ENOENT);
	vx_view_end(v);
	vxt_assert_ok(block("192.0.2.8/30", "", true));
	ck_assert_int_eq(block("192.0.2.8/30", "", true), VX_ENOENT);
	ck_assert_str_eq(blocked("192.0.2.9"), "wide");
	vxt_assert_ok(block("0.0.0.0/0", "all", false));
	ck_assert_str_eq(blocked("198.51.100.1"), "all");
	ck_assert_str_eq(blocked("2001:db9::1"), "");
	close_store();
}
END_TEST

VXT_SUITE(test_directory, "directory", resolution_follows_the_order,
    inactive_accounts_and_removal, names_are_checked, who_may_send_as_whom,
    domains_of_other_scripts, aliases_do_not_lead_to_aliases, tags_and_the_catch_all,
    a_catch_all_goes_with_its_mailbox, a_domain_can_be_switched_off, aliases_change,
    domains_have_footers, lists_have_members, groups_go_round_once,
    who_may_write_to_a_list, a_list_has_a_limit, damaged_records_are_told, names_of_keys,
    keys_take_turns, keys_go_with_their_domain, networks_are_blocked_and_let_go)

Suite *suite_ownership(void), *test_sending(void);

VXT_MAIN(test_directory, suite_ownership, test_sending)
