/* Relays: which one, and what is queued when they change. */
#include "fixture.h"
#include "queue/record.h"
#include "vectis/relay.h"

#include <stdio.h>

static int change(struct fixture *f, enum vx_relay_verb verb, const char *name,
    const char *domains, const char *destinations, const char *other)
{
	struct vx_relay_op op;
	int rc;

	vx_relay_op_init(&op, verb);
	op.relay = (struct vx_relay){ .name = vx_slice_str(name),
		.host = VX_S("Relay.Test"),
		.port = 587,
		.user = VX_S("joe"),
		.password = VX_S("secret"),
		.domains = vx_slice_str(domains),
		.destinations = vx_slice_str(destinations) };
	rc = vx_store_run(f->store, &op.op);
	ck_assert_str_eq(op.other, other);
	return rc;
}

static int add(
    struct fixture *f, const char *name, const char *domains, const char *destinations)
{
	return change(f, VX_RELAY_ADD, name, domains, destinations, "");
}

/* Its name; "-": none; "?": the MX decides. */
static const char *route(
    struct fixture *f, const char *domain, const char *destination, const char *mx)
{
	static char name[VX_RELAY_NAME_MAX + 1];
	struct vx_view *v;
	int rc;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	rc = vx_relay_route(
	    v, vx_slice_str(domain), vx_slice_str(destination), vx_slice_str(mx), name);
	vx_view_end(v);
	return rc == VX_OK ? name : rc == VX_ENOENT ? "-" : rc == VX_WAIT ? "?" : "!";
}

START_TEST(the_most_specific_pattern_wins)
{
	static const struct {
		const char *domain, *destination, *mx, *relay;
	} cases[] = {
		{ "our.test", "gmail.test", "mx.gmail.test", "gmail" },
		{ "our.test", "gmail.test", "", "gmail" },
		{ "two.test", "gmail.test", "", "gmail2" },
		{ "our.test", "x.gmail.test", "mx.gmail.test", "our" },
		{ "our.test", "b.net.test", "", "below" },
		{ "our.test", "a.b.net.test", "", "deeper" },
		{ "our.test", "c.a.b.net.test", "", "deeper" },
		{ "our.test", "net.test", "mx.x.test", "our" },
		{ "our.test", "xnet.test", "mx.x.test", "our" },
		{ "our.test", "contoso.test", "", "?" },
		{ "our.test", "contoso.test", "c.mail.outlook.test", "office" },
		{ "two.test", "contoso.test", "outlook.test", "office" },
		{ "two.test", "contoso.test", "xoutlook.test", "all" },
		{ "our.test", "contoso.test", "mx.else.test", "our" },
		{ "", "contoso.test", "mx.else.test", "all" },
		{ "our.test", "[192.0.2.1]", "", "our" },
		{ "two.test", "[192.0.2.2]", "", "literal" },
	};
	struct fixture f;

	fixture_open(&f);
	ck_assert_str_eq(route(&f, "our.test", "gmail.test", ""), "-");
	vxt_assert_ok(add(&f, "gmail", "", "Gmail.TEST"));
	ck_assert_str_eq(route(&f, "our.test", "other.test", ""), "-");
	vxt_assert_ok(add(&f, "gmail2", "two.test", "gmail.test"));
	vxt_assert_ok(add(&f, "below", "", "*.net.test"));
	vxt_assert_ok(add(&f, "deeper", "", "*.b.net.test"));
	vxt_assert_ok(add(&f, "office", "", "MX:outlook.test"));
	vxt_assert_ok(add(&f, "our", "our.test, more.test", ""));
	ck_assert_str_eq(route(&f, "two.test", "contoso.test", "mx.else.test"), "-");
	vxt_assert_ok(add(&f, "all", "", ""));
	vxt_assert_ok(add(&f, "literal", "", "[192.0.2.2]"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(
		    strcmp(route(&f, cases[i].domain, cases[i].destination, cases[i].mx),
			cases[i].relay) == 0,
		    "case %zu: %s", i,
		    route(&f, cases[i].domain, cases[i].destination, cases[i].mx));
	fixture_close(&f);
}
END_TEST

START_TEST(rules_have_one_relay)
{
	struct fixture f;
	struct vx_relay r = { 0 };
	struct vx_view *v;

	fixture_open(&f);
	vxt_assert_ok(add(&f, "one", "a.test b.test", "x.test,y.test"));
	ck_assert_int_eq(add(&f, "one", "", "z.test"), VX_EEXIST);
	ck_assert_int_eq(
	    change(&f, VX_RELAY_ADD, "two", "b.test", "y.test", "one"), VX_ECONFLICT);
	vxt_assert_ok(add(&f, "two", "", "y.test"));
	ck_assert_int_eq(change(&f, VX_RELAY_SET, "three", "", "", ""), VX_ENOENT);
	ck_assert_int_eq(
	    change(&f, VX_RELAY_SET, "one", "", "y.test", "two"), VX_ECONFLICT);
	ck_assert_str_eq(route(&f, "a.test", "x.test", ""), "one");
	vxt_assert_ok(change(&f, VX_RELAY_SET, "one", "a.test", "y.test", ""));
	ck_assert_str_eq(route(&f, "a.test", "x.test", ""), "-");
	ck_assert_str_eq(route(&f, "a.test", "y.test", ""), "one");
	ck_assert_str_eq(route(&f, "b.test", "y.test", ""), "two");
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_relay_next(v, r.name, &r));
	vxt_assert_str(r.name, "one");
	vxt_assert_str(r.host, "relay.test");
	vxt_assert_str(r.domains, "a.test");
	vxt_assert_str(r.destinations, "y.test");
	vxt_assert_str(r.password, "secret");
	ck_assert_uint_eq(r.port, 587);
	vxt_assert_ok(vx_relay_next(v, r.name, &r));
	vxt_assert_str(r.name, "two");
	ck_assert_int_eq(vx_relay_next(v, r.name, &r), VX_ENOENT);
	vx_view_end(v);
	vxt_assert_ok(change(&f, VX_RELAY_REMOVE, "one", "", "", ""));
	ck_assert_int_eq(change(&f, VX_RELAY_REMOVE, "one", "", "", ""), VX_ENOENT);
	ck_assert_str_eq(route(&f, "a.test", "y.test", ""), "two");
	vxt_assert_ok(change(&f, VX_RELAY_REMOVE, "two", "", "", ""));
	ck_assert_str_eq(route(&f, "a.test", "y.test", ""), "-");
	fixture_close(&f);
}
END_TEST

START_TEST(bad_relays_are_refused)
{
	static const char *const names[] = { "", "Two", "a b", "a.b", "a/b",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" };
	static const char *const patterns[] = { "a..b", "*", "*.*.a", "mx:", "mx:*.a",
		"[x]", "[192.0.2.1", "a b:c" };
	struct vx_buf out = { .max = 4096 };
	struct vx_relay_op op;
	struct fixture f;
	vx_slice bad;

	fixture_open(&f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(add(&f, names[i], "", "a.test"), VX_EINVAL);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		ck_assert_msg(vx_relay_destinations(
				  vx_slice_str(patterns[i]), &out, &bad) == VX_EINVAL,
		    "%s", patterns[i]);
		ck_assert_msg(
		    add(&f, "x", "", patterns[i]) == VX_EINVAL, "%s", patterns[i]);
		vx_buf_reset(&out);
	}
	ck_assert_int_eq(
	    vx_relay_domains(VX_S("a.test, b..test"), &out, &bad), VX_EINVAL);
	vxt_assert_str(bad, "b..test");
	vx_buf_done(&out);
	vx_relay_op_init(&op, VX_RELAY_ADD);
	op.relay = (struct vx_relay){ .name = VX_S("x"), .host = VX_S("h.test") };
	ck_assert_int_eq(vx_store_run(f.store, &op.op), VX_EINVAL); /* no port */
	op.relay.port = 25;
	op.relay.user = VX_S("joe"); /* no password */
	ck_assert_int_eq(vx_store_run(f.store, &op.op), VX_EINVAL);
	op.relay.password = VX_S("secret");
	op.relay.tls = VX_RELAY_OFFERED; /* it might go in the clear */
	ck_assert_int_eq(vx_store_run(f.store, &op.op), VX_EINVAL);
	op.relay.tls = VX_RELAY_STARTTLS;
	op.relay.host = VX_S("not a host");
	ck_assert_int_eq(vx_store_run(f.store, &op.op), VX_EINVAL);
	op.relay.host = VX_S("[192.0.2.300]");
	ck_assert_int_eq(vx_store_run(f.store, &op.op), VX_EINVAL);
	op.relay.host = VX_S("[2001:db8::1]");
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	fixture_close(&f);
}
END_TEST

START_TEST(lists_have_their_limits)
{
	struct vx_buf many = { .max = 65536 };
	struct fixture f;

	fixture_open(&f);
	for (int i = 0; i < VX_RELAY_LIST_MAX; i++)
		vx_buf_printf(&many, "d%d.test,", i);
	ck_assert_int_eq(
	    change(&f, VX_RELAY_ADD, "x", many.ptr, many.ptr, ""), VX_ELIMIT);
	vxt_assert_ok(add(&f, "x", many.ptr, "a.test b.test"));
	ck_assert_str_eq(route(&f, "d49.test", "b.test", ""), "x");
	vx_buf_add_str(&many, "more.test");
	ck_assert_int_eq(change(&f, VX_RELAY_SET, "x", many.ptr, "", ""), VX_ELIMIT);
	vx_buf_done(&many);
	for (int i = 1; i < VX_RELAYS_MAX; i++) {
		char name[20], pattern[30];

		(void)snprintf(name, sizeof(name), "r%d", i);
		(void)snprintf(pattern, sizeof(pattern), "%s.test", name);
		vxt_assert_ok(add(&f, name, "", pattern));
	}
	ck_assert_int_eq(add(&f, "last", "", "last.test"), VX_ELIMIT);
	fixture_close(&f);
}
END_TEST

/* --- the queue -------------------------------------------------------------------------
 */

static void queue_it(struct fixture *f, const char *domain, struct vx_queue_to *to,
    size_t count, unsigned flags)
{
	struct vx_queue_new n = { .created = 1000,
		.due = 1000,
		.size = 5,
		.flags = flags,
		.reverse_path = VX_S("a@our.test"),
		.domain = vx_slice_str(domain),
		.release = 1234,
		.hold = VX_S("for;234"),
		.to = to,
		.count = count };
	struct vx_queue_also a = { .add = &n, .add_count = 1 };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;

	memcpy(n.token, "0123456789abcdef", VX_QUEUE_TOKEN_OCTETS);
	vxt_assert_ok(vx_blob_writer_new(f->store, &w));
	ck_assert_int_ge(vx_blob_writer_add(w, VX_S("A: b\r\n\r\nc\r\n")), 0);
	vx_deliver_op_init(&op, w);
	op.all_or_none = true;
	op.also = vx_queue_also;
	op.also_ctx = &a;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	vx_blob_writer_free(w);
}

static struct vx_queue_to to(const char *path)
{
	return (struct vx_queue_to){ .forward_path = vx_slice_str(path),
		.destination = vx_slice_str(strrchr(path, '@') + 1) };
}

/* "a.test 1.0, ..." of all that is due, in its order. */
static const char *due(struct fixture *f)
{
	static char text[4096];
	char name[VX_DNS_NAME_MAX + 1] = "";
	struct vx_view *v;
	uint32_t first;
	size_t len = 0;

	text[0] = '\0';
	vxt_assert_ok(vx_view_begin(f->store, &v));
	while (vx_queue_destination(v, vx_slice_str(name), name, &first) == VX_OK) {
		struct vx_queue_place at = { 0 };

		while (vx_queue_due(v, vx_slice_str(name), &at) == VX_OK)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s%s %u.%u", len > 0 ? ", " : "", name, (unsigned)at.message,
			    at.number);
	}
	vx_view_end(v);
	return text;
}

static void run(struct fixture *f, struct vx_queue_admin_op *op)
{
	do {
		vxt_assert_ok(vx_store_run(f->store, &op->op));
		op->from_id = op->next_id;
	} while (op->next_id != 0);
}

static void mend(struct fixture *f)
{
	struct vx_queue_admin_op op;

	vx_queue_admin_op_init(&op, VX_QUEUE_MEND);
	run(f, &op);
}

START_TEST(mail_is_due_for_its_relay)
{
	struct vx_queue_to list[] = { to("x@a.test"), to("y@b.test"), to("z@c.test") };
	struct vx_queue_message m;
	struct vx_queue_admin_op op;
	struct fixture f;
	struct vx_view *v;

	fixture_open(&f);
	vxt_assert_ok(add(&f, "one", "", "a.test b.test"));
	queue_it(&f, "our.test", list, 3, 0);
	ck_assert_str_eq(due(&f), "=one 1.0, =one 1.1, c.test 1.2");
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_queue_get(v, 1, &m));
	vxt_assert_str(m.domain, "our.test");
	vxt_assert_str(m.hold, "for;234");
	ck_assert_uint_eq(m.release, 1234);
	vx_view_end(v);
	/* what is there already follows, and what is held when it is released */
	vx_queue_admin_op_init(&op, VX_QUEUE_HOLD);
	queue_it(&f, "our.test", list, 1, 0);
	op.id = 2;
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	vxt_assert_ok(change(&f, VX_RELAY_SET, "one", "", "b.test c.test", ""));
	vxt_assert_ok(add(&f, "two", "our.test", ""));
	mend(&f);
	ck_assert_str_eq(due(&f), "=one 1.1, =one 1.2, =two 1.0");
	vx_queue_admin_op_init(&op, VX_QUEUE_RELEASE);
	op.id = 2;
	op.now = 1000;
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	ck_assert_str_eq(due(&f), "=one 1.1, =one 1.2, =two 1.0, =two 2.0");
	vxt_assert_ok(change(&f, VX_RELAY_REMOVE, "one", "", "", ""));
	vxt_assert_ok(change(&f, VX_RELAY_REMOVE, "two", "", "", ""));
	mend(&f);
	ck_assert_str_eq(due(&f), "a.test 1.0, a.test 2.0, b.test 1.1, c.test 1.2");
	fixture_close(&f);
}
END_TEST

/* What its sender wants to wait is put off by no wrong clock. */
START_TEST(what_waits_goes_on_waiting)
{
	struct vx_queue_to list[] = { to("x@a.test") };
	struct vx_queue_admin_op op;
	struct vx_queue_recipient r;
	struct vx_view *v;
	struct fixture f;

	fixture_open(&f);
	queue_it(&f, "our.test", list, 1, 0); /* due 1000, and 1234 is its time */
	vx_queue_admin_op_init(&op, VX_QUEUE_HOLD);
	op.id = 1;
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	vx_queue_admin_op_init(&op, VX_QUEUE_RELEASE);
	op.id = 1;
	op.now = 1100;
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	vx_queue_admin_op_init(&op, VX_QUEUE_MEND);
	op.now = 1100;
	op.wait_max = 50;
	run(&f, &op);
	vx_queue_admin_op_init(&op, VX_QUEUE_FLUSH);
	op.now = 1100;
	run(&f, &op);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_queue_recipient(v, 1, 0, &r));
	ck_assert_uint_eq(r.due, 1234);
	vx_view_end(v);
	op.id = 1; /* of this one it is meant */
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_queue_recipient(v, 1, 0, &r));
	ck_assert_uint_eq(r.due, 1100);
	vx_view_end(v);
	fixture_close(&f);
}
END_TEST

START_TEST(the_mx_decides_later)
{
	static struct vx_queue_to many[3000];
	struct vx_queue_to list[] = { to("x@a.test"), to("y@a.test"), to("z@b.test") };
	struct vx_queue_admin_op op;
	struct fixture f;
	uint64_t moved = 0;

	fixture_open(&f);
	vxt_assert_ok(add(&f, "office", "", "mx:outlook.test"));
	vxt_assert_ok(add(&f, "two", "two.test", ""));
	queue_it(&f, "our.test", list, 3, 0);
	queue_it(&f, "two.test", list, 1, 0);
	ck_assert_str_eq(due(&f), "a.test 1.0, a.test 1.1, a.test 2.0, b.test 1.2");
	vx_queue_admin_op_init(&op, VX_QUEUE_ROUTE);
	op.destination = VX_S("b.test");
	op.mx = VX_S("mx.b.test");
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	ck_assert_uint_eq(op.changed, 0);
	ck_assert_str_eq(op.slot, "");
	op.destination = VX_S("a.test");
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	ck_assert_uint_eq(op.changed, 1);
	ck_assert_str_eq(op.slot, "=two");
	op.mx = VX_S("a.outlook.test");
	vxt_assert_ok(vx_store_run(f.store, &op.op));
	ck_assert_uint_eq(op.changed, 2);
	ck_assert_str_eq(op.slot, "=office");
	ck_assert(!op.more);
	ck_assert_str_eq(due(&f), "=office 1.0, =office 1.1, =two 2.0, b.test 1.2");
	/* many are moved in slices */
	for (size_t i = 0; i < 3000; i++)
		many[i] = to("x@a.test");
	queue_it(&f, "our.test", many, 3000, 0);
	do {
		vxt_assert_ok(vx_store_run(f.store, &op.op));
		moved += op.changed;
		op.at = op.next_at;
	} while (op.more);
	ck_assert_uint_eq(moved, 3000);
	fixture_close(&f);
}
END_TEST

VXT_SUITE(test_relay, "relay", the_most_specific_pattern_wins, rules_have_one_relay,
    bad_relays_are_refused, lists_have_their_limits, mail_is_due_for_its_relay,
    what_waits_goes_on_waiting, the_mx_decides_later)
