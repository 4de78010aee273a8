/* The queue, by itself and against a model; fixture_close proves that the store is whole.
 */
#include "fixture.h"
#include "queue/record.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	NOW = 1000
};

static struct vx_queue_to to(const char *path, const char *destination)
{
	const struct vx_queue_to t = { .forward_path = vx_slice_str(path),
		.destination = vx_slice_str(destination) };

	return t;
}

static struct vx_queue_new new_message(
    const char *token, struct vx_queue_to *list, size_t count)
{
	struct vx_queue_new n = { .created = NOW,
		.due = NOW,
		.size = 5,
		.reverse_path = VX_S("a@example.org"),
		.to = list,
		.count = count };

	memcpy(n.token, token, VX_QUEUE_TOKEN_OCTETS);
	return n;
}

/* Queue a message, and file it in INBOX of an account if filed; the result. */
static int queue_it(struct fixture *f, struct vx_queue_also *a, uint32_t filed)
{
	struct vx_delivery_target t = { .account = filed };
	struct vx_blob_writer *w;
	struct vx_deliver_op op;
	int rc;

	vxt_assert_ok(vx_blob_writer_new(f->store, &w));
	ck_assert_int_ge(vx_blob_writer_add(w, VX_S("A: b\r\n\r\nc\r\n")), 0);
	vx_deliver_op_init(&op, w);
	op.targets = &t;
	op.target_count = filed != 0;
	op.all_or_none = true;
	op.also = vx_queue_also;
	op.also_ctx = a;
	rc = vx_store_run(f->store, &op.op);
	vx_blob_writer_free(w);
	return rc;
}

static uint64_t add(struct fixture *f, struct vx_queue_new n)
{
	struct vx_queue_also a = { .add = &n, .add_count = 1 };

	vxt_assert_ok(queue_it(f, &a, 0));
	return n.id;
}

static bool result(struct fixture *f, uint64_t id, uint32_t number, uint32_t due)
{
	struct vx_queue_result r = { .message = id,
		.number = number,
		.finished = due == 0,
		.due = due,
		.host = VX_S("mx.example"),
		.reply = VX_S("450 later") };
	struct vx_queue_op op;

	vx_queue_op_init(&op);
	op.results = &r;
	op.count = 1;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
	return !r.missing;
}

static int wish(
    struct fixture *f, enum vx_queue_verb verb, uint64_t id, uint64_t *changed)
{
	struct vx_queue_admin_op op;
	int rc;

	vx_queue_admin_op_init(&op, verb);
	op.id = id;
	op.now = NOW + 500;
	op.wait_max = 3600;
	*changed = 0;
	do {
		rc = vx_store_run(f->store, &op.op);
		*changed += rc == VX_OK ? op.changed : 0;
		op.from_id = op.next_id;
	} while (rc == VX_OK && op.next_id != 0);
	return rc;
}

/* "a.example 1000 1.0, ..." of all that is due, in its order. */
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

		for (int i = 0; vx_queue_due(v, vx_slice_str(name), &at) == VX_OK; i++) {
			if (i == 0)
				ck_assert_uint_eq(at.due, first);
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s%s %u %u.%u", len > 0 ? ", " : "", name, at.due,
			    (unsigned)at.message, at.number);
		}
	}
	vx_view_end(v);
	return text;
}

START_TEST(a_message_leaves_with_its_last_recipient)
{
	struct vx_queue_to list[] = { to("x@b.example", "b.example"),
		to("y@a.example", "a.example"), to("z@b.example", "b.example") };
	struct fixture f;
	struct vx_queue_message m;
	struct vx_queue_recipient r;
	struct vx_view *v;
	uint64_t id;

	fixture_open(&f);
	list[0].orcpt = VX_S("rfc822;x");
	list[0].notify = 6;
	id = add(&f, new_message("0123456789abcdef", list, 3));
	ck_assert_str_eq(
	    due(&f), "a.example 1000 1.1, b.example 1000 1.0, b.example 1000 1.2");
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_queue_find(v, VX_S("0123456789ABCDEF"), &m));
	ck_assert_int_eq(vx_queue_find(v, VX_S("0123456789ABCDEE"), &m), VX_ENOENT);
	ck_assert_uint_eq(m.id, id);
	ck_assert_str_eq(m.token, "0123456789abcdef");
	ck_assert_uint_eq(m.left, 3);
	ck_assert_uint_eq(m.created, NOW);
	vxt_assert_str(m.reverse_path, "a@example.org");
	vxt_assert_ok(vx_queue_recipient(v, id, 0, &r));
	ck_assert_uint_eq(r.notify, 6);
	vxt_assert_str(r.forward_path, "x@b.example");
	vxt_assert_str(r.orcpt, "rfc822;x");
	vx_view_end(v);

	ck_assert(result(&f, id, 1, 2000));
	ck_assert_str_eq(
	    due(&f), "a.example 2000 1.1, b.example 1000 1.0, b.example 1000 1.2");
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_queue_recipient(v, id, 1, &r));
	ck_assert_uint_eq(r.attempts, 1);
	vxt_assert_str(r.host, "mx.example");
	vxt_assert_str(r.reply, "450 later");
	vx_view_end(v);

	ck_assert(result(&f, id, 0, 0));
	ck_assert(result(&f, id, 1, 0));
	ck_assert(!result(&f, id, 1, 0)); /* it is gone */
	ck_assert(!result(&f, id, 1, 3000));
	vx_store_close(f.store);
	fixture_reopen(&f);
	ck_assert_str_eq(due(&f), "b.example 1000 1.2");
	ck_assert(result(&f, id, 2, 0));
	ck_assert_str_eq(due(&f), "");
	vxt_assert_ok(vx_view_begin(f.store, &v));
	ck_assert_int_eq(vx_queue_get(v, id, &m), VX_ENOENT);
	ck_assert_int_eq(vx_queue_next(v, 0, &m), VX_ENOENT);
	vx_view_end(v);
	fixture_close(&f);
}
END_TEST

START_TEST(filing_and_queueing_are_one)
{
	struct vx_queue_to list[] = { to("x@b.example", "b.example") };
	struct vx_queue_new n = new_message("0123456789abcdef", list, 1);
	struct vx_queue_also a = { .add = &n, .add_count = 1 };
	const struct vx_quota full = { .limit_messages = 1 };
	struct fixture f;

	fixture_open(&f);
	fixture_account(&f, 2, &full);
	vxt_assert_ok(queue_it(&f, &a, 2));
	ck_assert_str_eq(due(&f), "b.example 1000 1.0");
	ck_assert_int_eq(queue_it(&f, &a, 2), VX_EQUOTA); /* nothing of it */
	ck_assert_str_eq(due(&f), "b.example 1000 1.0");
	ck_assert(result(&f, 1, 0, 0)); /* the mailbox has it still */
	ck_assert_uint_eq(fixture_problems(&f), 0);
	fixture_close(&f);
}
END_TEST

/* A report is queued or filed in the place of what it tells of. */
START_TEST(reports_take_the_place)
{
	struct vx_queue_to list[] = { to("x@b.example", "b.example"),
		to("y@b.example", "b.example") };
	struct vx_queue_to back[] = { to("a@c.example", "c.example") };
	struct vx_queue_new n = new_message("fedcba9876543210", back, 1);
	struct vx_queue_result results[2] = { { .number = 0, .finished = true },
		{ .number = 1, .finished = true } };
	struct vx_queue_also a = {
		.add = &n, .add_count = 1, .results = results, .count = 2
	};
	struct fixture f;
	uint64_t id;

	fixture_open(&f);
	id = add(&f, new_message("0123456789abcdef", list, 2));
	results[0].message = results[1].message = id;
	ck_assert(result(&f, id, 0, 0));
	vxt_assert_ok(queue_it(&f, &a, 0)); /* one of them is there */
	ck_assert(results[0].missing);
	ck_assert(!results[1].missing);
	ck_assert_str_eq(due(&f), "c.example 1000 2.0");
	ck_assert_int_eq(queue_it(&f, &a, 0), VX_ECONFLICT);
	ck_assert_str_eq(due(&f), "c.example 1000 2.0");
	results[0] = (struct vx_queue_result){ .message = 2, .finished = true };
	a = (struct vx_queue_also){ .results = results, .count = 1 };
	vxt_assert_ok(queue_it(&f, &a, 1)); /* to a mailbox of ours */
	ck_assert_str_eq(due(&f), "");
	ck_assert_uint_eq(fixture_status(&f, f.inbox).messages, 1);
	fixture_close(&f);
}
END_TEST

/* What was put off, or came, when a clock was ahead is due now. */
START_TEST(a_clock_that_was_set_back)
{
	struct vx_queue_to list[] = { to("x@b.example", "b.example"),
		to("y@c.example", "c.example"), to("z@d.example", "d.example") };
	struct fixture f;
	struct vx_queue_new n = new_message("0123456789abcdef", list, 3);
	uint64_t id, changed;

	fixture_open(&f);
	n.due = NOW + 90000;
	id = add(&f, n);
	ck_assert(result(&f, id, 0, NOW + 90000));
	ck_assert(result(&f, id, 1, NOW + 500 + 3600));
	vxt_assert_ok(wish(&f, VX_QUEUE_MEND, 0, &changed));
	ck_assert_str_eq(
	    due(&f), "b.example 1500 1.0, c.example 5100 1.1, d.example 1500 1.2");
	/* what is held is due when it is released, and not before */
	ck_assert(result(&f, id, 0, NOW + 90000));
	vxt_assert_ok(wish(&f, VX_QUEUE_HOLD, id, &changed));
	vxt_assert_ok(wish(&f, VX_QUEUE_MEND, 0, &changed));
	ck_assert_str_eq(due(&f), "");
	fixture_close(&f);
}
END_TEST

START_TEST(the_operator_has_wishes)
{
	struct vx_queue_to list[] = { to("x@b.example", "b.example"),
		to("y@c.example", "c.example") };
	struct fixture f;
	uint64_t one, two, n;

	fixture_open(&f);
	one = add(&f, new_message("0123456789abcdef", list, 2));
	two = add(&f, new_message("0123456789abcde0", list, 1));
	vxt_assert_ok(wish(&f, VX_QUEUE_HOLD, one, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(due(&f), "b.example 1000 2.0");
	vxt_assert_ok(wish(&f, VX_QUEUE_HOLD, one, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert(result(&f, one, 0, 1200)); /* was under way */
	vxt_assert_ok(wish(&f, VX_QUEUE_FLUSH, one, &n));
	ck_assert_str_eq(due(&f), "b.example 1000 2.0");
	vxt_assert_ok(wish(&f, VX_QUEUE_MEND, 0, &n));
	ck_assert_str_eq(due(&f), "b.example 1000 2.0");
	vxt_assert_ok(wish(&f, VX_QUEUE_RELEASE, one, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(
	    due(&f), "b.example 1000 2.0, b.example 1500 1.0, c.example 1500 1.1");
	ck_assert(result(&f, two, 0, 9000));
	vxt_assert_ok(wish(&f, VX_QUEUE_FLUSH, 0, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(
	    due(&f), "b.example 1500 1.0, b.example 1500 2.0, c.example 1500 1.1");
	vxt_assert_ok(wish(&f, VX_QUEUE_REMOVE_DEFERRED, 0, &n));
	ck_assert_uint_eq(n, 2); /* one.0 and two.0 were tried */
	ck_assert_str_eq(due(&f), "c.example 1500 1.1");
	ck_assert_int_eq(wish(&f, VX_QUEUE_REMOVE, two, &n), VX_ENOENT);
	vxt_assert_ok(wish(&f, VX_QUEUE_REMOVE, one, &n));
	ck_assert_str_eq(due(&f), "");
	ck_assert_int_eq(wish(&f, VX_QUEUE_HOLD, one, &n), VX_ENOENT);
	vxt_assert_ok(wish(&f, VX_QUEUE_HOLD, 0, &n));
	fixture_close(&f);
}
END_TEST

/* More than fits into a transaction of the operator's. */
START_TEST(wishes_come_in_slices)
{
	static struct vx_queue_to list[1000];
	struct fixture f;
	uint64_t n;

	fixture_open(&f);
	for (size_t i = 0; i < 1000; i++)
		list[i] = to("x@b.example", "b.example");
	for (int i = 0; i < 5; i++)
		(void)add(&f, new_message("0123456789abcdef", list, 1000));
	vxt_assert_ok(wish(&f, VX_QUEUE_HOLD, 0, &n));
	ck_assert_uint_eq(n, 5000);
	ck_assert_str_eq(due(&f), "");
	vxt_assert_ok(wish(&f, VX_QUEUE_RELEASE, 0, &n));
	ck_assert_uint_eq(n, 5000);
	vxt_assert_ok(wish(&f, VX_QUEUE_REMOVE, 0, &n));
	ck_assert_uint_eq(n, 5000);
	ck_assert_str_eq(due(&f), "");
	fixture_close(&f);
}
END_TEST

START_TEST(what_cannot_be_queued_is_refused)
{
	static char long_path[VX_QUEUE_PATH_MAX + 2];
	struct vx_queue_to list[] = { to("x@b.example", "b.example") };
	struct vx_queue_new n = new_message("0123456789abcdef", list, 1);
	struct vx_queue_also a = { .add = &n, .add_count = 1 };
	struct fixture f;

	memset(long_path, 'x', sizeof(long_path) - 1);
	fixture_open(&f);
	n.count = 0;
	ck_assert_int_eq(queue_it(&f, &a, 0), VX_EINVAL);
	n.count = 1;
	list[0].forward_path = vx_slice_str(long_path);
	ck_assert_int_eq(queue_it(&f, &a, 0), VX_EINVAL);
	list[0].forward_path.len--;
	vxt_assert_ok(queue_it(&f, &a, 0));
	list[0].destination = VX_S("a\0b");
	ck_assert_int_eq(queue_it(&f, &a, 0), VX_EINVAL);
	list[0].destination = VX_S("");
	ck_assert_int_eq(queue_it(&f, &a, 0), VX_EINVAL);
	fixture_close(&f);
}
END_TEST

/* --- against a model -----------------------------------------------------------------
 */

enum {
	MESSAGES = 40,
	EACH = 4
};

static struct {
	uint64_t id;
	bool held;
	struct {
		bool there;
		uint32_t due;
		unsigned attempts;
		unsigned destination;
	} r[EACH];
} model[MESSAGES];

static void compare(struct fixture *f)
{
	struct vx_view *v;
	unsigned listed = 0;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	for (size_t i = 0; i < MESSAGES; i++) {
		unsigned left = 0;
		struct vx_queue_message m;
		struct vx_queue_recipient r;

		for (uint32_t k = 0; k < EACH; k++) {
			const bool there =
			    model[i].id != 0 &&
			    vx_queue_recipient(v, model[i].id, k, &r) == VX_OK &&
			    r.number == k;

			ck_assert(there == model[i].r[k].there);
			if (!there)
				continue;
			ck_assert_uint_eq(r.due, model[i].r[k].due);
			ck_assert_uint_eq(r.attempts, model[i].r[k].attempts);
			left++;
			listed += !model[i].held;
		}
		if (model[i].id == 0)
			continue;
		ck_assert((vx_queue_get(v, model[i].id, &m) == VX_OK) == (left > 0));
		if (left > 0)
			ck_assert_uint_eq(m.left, left);
	}
	for (unsigned d = 0; d < 3; d++) {
		const char name[] = { (char)('a' + d), '.', 'e', 'x', '\0' };
		struct vx_queue_place at = { 0 };
		uint32_t before = 0;

		while (vx_queue_due(v, vx_slice_str(name), &at) == VX_OK) {
			ck_assert_uint_ge(at.due, before);
			before = at.due;
			ck_assert_uint_gt(listed, 0);
			listed--;
		}
	}
	ck_assert_uint_eq(listed, 0);
	vx_view_end(v);
}

static void add_random(struct fixture *f, size_t i)
{
	static const char *const names[] = { "a.ex", "b.ex", "c.ex" };
	struct vx_queue_to list[EACH];
	const size_t count = 1 + (size_t)rand() % EACH;
	struct vx_queue_new n;

	for (size_t k = 0; k < count; k++) {
		const unsigned d = (unsigned)rand() % 3;

		list[k] = to("x@y", names[d]);
		model[i].r[k].there = true;
		model[i].r[k].due = NOW;
		model[i].r[k].attempts = 0;
		model[i].r[k].destination = d;
	}
	n = new_message("0123456789abcdef", list, count);
	model[i].id = add(f, n);
	model[i].held = false;
}

static void change_random(struct fixture *f, size_t i, bool *any)
{
	const uint32_t k = (uint32_t)rand() % EACH, when = NOW + (uint32_t)rand() % 1000;
	uint64_t n;

	*any = false;
	for (size_t x = 0; x < EACH; x++)
		*any = *any || model[i].r[x].there;
	if (!*any)
		return;
	switch (rand() % 5) {
	case 0:
		ck_assert(result(f, model[i].id, k, 0) == model[i].r[k].there);
		model[i].r[k].there = false;
		break;
	case 1:
		ck_assert(result(f, model[i].id, k, when) == model[i].r[k].there);
		model[i].r[k].due = when;
		model[i].r[k].attempts++;
		break;
	case 2:
		vxt_assert_ok(wish(f, VX_QUEUE_HOLD, model[i].id, &n));
		model[i].held = true;
		break;
	case 3:
		vxt_assert_ok(wish(f, VX_QUEUE_RELEASE, model[i].id, &n));
		for (size_t x = 0; x < EACH && model[i].held; x++)
			model[i].r[x].due = NOW + 500;
		model[i].held = false;
		break;
	default:
		vxt_assert_ok(wish(f, VX_QUEUE_FLUSH, model[i].id, &n));
		for (size_t x = 0; x < EACH; x++)
			if (model[i].r[x].due > NOW + 500)
				model[i].r[x].due = NOW + 500;
		break;
	}
}

START_TEST(random_changes)
{
	struct fixture f;
	bool any;

	memset(model, 0, sizeof(model));
	srand(7);
	fixture_open(&f);
	for (int step = 0; step < 3000; step++) {
		const size_t i = (size_t)rand() % MESSAGES;

		change_random(&f, i, &any);
		if (!any)
			add_random(&f, i);
		if (step % 50 == 0)
			compare(&f);
		if (step % 1000 == 999) {
			vx_store_close(f.store);
			fixture_reopen(&f);
		}
	}
	compare(&f);
	fixture_close(&f);
}
END_TEST

/* What a repair may leave behind: recipients that are in no list of what is due. */
START_TEST(the_list_is_mended)
{
	struct vx_queue_to list[] = { to("x@b.example", "b.example"),
		to("y@c.example", "c.example") };
	struct vx_queue_recipient r;
	struct vx_kv_txn *txn;
	struct fixture f;
	uint64_t id, n;

	fixture_open(&f);
	id = add(&f, new_message("0123456789abcdef", list, 2));
	vxt_assert_ok(vx_kv_begin(f.store->state, true, &txn));
	vxt_assert_ok(vx_queue_recipient_read(txn, id, 1, &r));
	vxt_assert_ok(vx_queue_place_delete(txn, id, &r));
	vxt_assert_ok(vx_kv_commit(txn));
	ck_assert_str_eq(due(&f), "b.example 1000 1.0");
	vxt_assert_ok(wish(&f, VX_QUEUE_MEND, 0, &n));
	ck_assert_str_eq(due(&f), "b.example 1000 1.0, c.example 1000 1.1");
	fixture_close(&f);
}
END_TEST

static void quiet(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

START_TEST(a_repair_keeps_it)
{
	struct vx_queue_to list[] = { to("x@b.example", "b.example") };
	struct vx_blob_reader *reader;
	struct vx_queue_message m;
	struct vx_error err;
	struct vx_view *v;
	struct fixture f;
	uint64_t id;

	fixture_open(&f);
	id = add(&f, new_message("0123456789abcdef", list, 1));
	vx_store_close(f.store);
	vxt_assert_ok(vx_store_repair(f.dir, quiet, NULL, &err));
	fixture_reopen(&f);
	ck_assert_uint_eq(fixture_problems(&f), 0);
	ck_assert_str_eq(due(&f), "b.example 1000 1.0");
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_queue_get(v, id, &m));
	vx_view_end(v);
	vxt_assert_ok(vx_blob_open(f.store, m.blob, &reader));
	vx_blob_close(reader);
	ck_assert_uint_eq(add(&f, new_message("0123456789abcde0", list, 1)), id + 1);
	ck_assert(result(&f, id, 0, 0));
	fixture_close(&f);
}
END_TEST

VXT_SUITE(suite, "queue", a_message_leaves_with_its_last_recipient,
    filing_and_queueing_are_one, reports_take_the_place, the_operator_has_wishes,
    a_clock_that_was_set_back, wishes_come_in_slices, what_cannot_be_queued_is_refused,
    random_changes, the_list_is_mended, a_repair_keeps_it)

vxt_suite_fn test_sts_cache;
Suite *test_bounce(void);
Suite *test_relay(void);

VXT_MAIN(suite, test_bounce, test_relay, test_sts_cache)
