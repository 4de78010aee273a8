/* Messages are claimed one by one; what has to wait for a claim is due when it ends. */
#include "lib/vxt.h"
#include "service/sender_int.h"
#include "service/world.h"

#include <stdlib.h>

static void queue_with(
    struct world *w, const uint32_t dues[], size_t count, unsigned flags)
{
	struct vx_queue_to to[3];
	struct vx_queue_result results[3];
	struct vx_queue_new n = { .created = 900,
		.due = 900,
		.size = 10,
		.flags = flags,
		.token = "0123456789abcde",
		.to = to,
		.count = count };
	struct vx_queue_also also = { .add = &n, .add_count = 1 };
	struct vx_blob_writer *blob;
	struct vx_deliver_op op;
	struct vx_queue_op put_off;

	vxt_assert_ok(vx_blob_writer_new(w->store, &blob));
	ck_assert_int_ge(vx_blob_writer_add(blob, VX_S("Subject: s\r\n\r\n")), 0);
	vx_deliver_op_init(&op, blob);
	op.all_or_none = true;
	op.also = vx_queue_also;
	op.also_ctx = &also;
	for (size_t i = 0; i < count; i++)
		to[i] = (struct vx_queue_to){ .forward_path = VX_S("x@d.test"),
			.destination = VX_S("d.test") };
	vxt_assert_ok(vx_store_run(w->store, &op.op));
	vx_blob_writer_free(blob);
	for (size_t i = 0; i < count; i++)
		results[i] = (struct vx_queue_result){
			.message = n.id, .number = (uint32_t)i, .due = dues[i]
		};
	vx_queue_op_init(&put_off);
	put_off.results = results;
	put_off.count = count;
	vxt_assert_ok(vx_store_run(w->store, &put_off.op));
}

static void queue_message(struct world *w, const uint32_t dues[], size_t count)
{
	queue_with(w, dues, count, 0);
}

/* What is due now, whatever comes later. */
START_TEST(all_of_one_kind)
{
	static const uint32_t now[] = { 1000, 1001 }, later[] = { 3000 };
	const unsigned report = VX_QUEUE_REPORT, lax = VX_QUEUE_TLS_OPTIONAL;
	static struct vx_sender s;
	struct destination *d = calloc(1, sizeof(*d) + 7);
	struct world w;

	ck_assert_ptr_nonnull(d);
	memcpy(d->name, "d.test", 7);
	world_open(&w);
	s.o.store = w.store;
	ck_assert(!vx_sender_has_only(&s, d, 2000, report)); /* nothing at all */
	queue_with(&w, later, 1, 0);
	ck_assert(!vx_sender_has_only(&s, d, 2000, report));
	queue_with(&w, now, 2, report | lax);
	ck_assert(vx_sender_has_only(&s, d, 2000, report));
	ck_assert(vx_sender_has_only(&s, d, 2000, lax));
	queue_with(&w, now, 1, report);
	ck_assert(vx_sender_has_only(&s, d, 2000, report));
	ck_assert(!vx_sender_has_only(&s, d, 2000, lax));
	ck_assert(!vx_sender_has_only(&s, d, 3000, report));
	for (int i = 0; i < SENDER_LOOK_MAX; i++) /* too many to be sure */
		queue_with(&w, now, 1, report);
	ck_assert(!vx_sender_has_only(&s, d, 2000, report));
	world_close(&w);
	free(d);
}
END_TEST

START_TEST(others_of_a_message_wait)
{
	static const uint32_t one[] = { 1000, 1000, 1002 }, two[] = { 1001 };
	struct sender_outgoing *a, *b, *c;
	static struct vx_sender s;
	struct destination *d = calloc(1, sizeof(*d) + 7);
	struct world w;
	uint32_t due;

	ck_assert_ptr_nonnull(d);
	memcpy(d->name, "d.test", 7);
	world_open(&w);
	s.o.store = w.store;
	queue_message(&w, one, 3);
	queue_message(&w, two, 1);
	vxt_assert_ok(vx_sender_claim(&s, d, 2000, &a, &due));
	ck_assert_uint_eq(a->count, 2);
	ck_assert_uint_eq(due, 1001);
	ck_assert_uint_eq(a->claim.waits, UINT32_MAX); /* nothing was passed over yet */
	vxt_assert_ok(vx_sender_claim(&s, d, 2000, &b, &due));
	ck_assert_uint_eq(b->info.id, a->info.id + 1);
	ck_assert_uint_eq(due, UINT32_MAX);
	ck_assert_uint_eq(a->claim.waits, 1002);
	ck_assert_uint_eq(b->claim.waits, UINT32_MAX);
	ck_assert_int_eq(vx_sender_claim(&s, d, 2000, &c, &due), VX_ENOENT);
	ck_assert_uint_eq(due, UINT32_MAX);
	ck_assert_uint_eq(a->claim.waits, 1002);
	vx_sender_outgoing_free(a);
	vxt_assert_ok(vx_sender_claim(&s, d, 2000, &c, &due));
	ck_assert_uint_eq(c->count, 2); /* as nothing became of them */
	ck_assert_uint_eq(due, UINT32_MAX);
	ck_assert_uint_eq(c->claim.waits, 1002);
	vx_sender_outgoing_free(b);
	vx_sender_outgoing_free(c);
	world_close(&w);
	free(d);
}
END_TEST

VXT_SUITE(test_claim, "claim", others_of_a_message_wait, all_of_one_kind)
