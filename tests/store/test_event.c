#include "base/mem.h"
#include "fixture.h"
#include "vectis/event.h"

#include <stdlib.h>

static void write_events(struct fixture *f, const struct vx_event *events, size_t count)
{
	struct vx_event_op op;

	vx_event_op_init(&op);
	op.events = events;
	op.count = count;
	vxt_assert_ok(vx_store_run(f->store, &op.op));
}

/* How many there are; the numbers of the newest and the oldest. */
static size_t count_events(struct fixture *f, uint64_t *newest, uint64_t *oldest)
{
	struct vx_event e = { .number = UINT64_MAX };
	struct vx_view *v;
	size_t n = 0;
	int rc;

	vxt_assert_ok(vx_view_begin(f->store, &v));
	while ((rc = vx_event_before(v, e.number, &e)) == VX_OK) {
		if (n++ == 0)
			*newest = e.number;
		*oldest = e.number;
	}
	ck_assert_int_eq(rc, VX_ENOENT);
	vx_view_end(v);
	return n;
}

START_TEST(events_come_back_newest_first)
{
	struct vx_event e[2] = { { .time = 1000, .type = VX_EVENT_ACCEPTED, .size = 77 },
		{ .time = 1001, .type = VX_EVENT_REFUSED } };
	struct vx_event got;
	struct vx_view *v;
	struct fixture f;

	fixture_open(&f);
	e[0].texts[VX_EVENT_ID] = VX_S("0123456789abcdef");
	e[0].texts[VX_EVENT_SENDER] = VX_S("a@b.test");
	e[0].texts[VX_EVENT_CHECKS] = VX_S("spf\tpass\tb.test\n");
	e[1].texts[VX_EVENT_REASON] = VX_S("no such mailbox");
	write_events(&f, e, 2);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_event_before(v, UINT64_MAX, &got));
	ck_assert_uint_eq(got.number, 2);
	ck_assert_uint_eq(got.time, 1001);
	ck_assert_str_eq(vx_event_name(got.type), "refused");
	vxt_assert_str(got.texts[VX_EVENT_REASON], "no such mailbox");
	ck_assert_uint_eq(got.texts[VX_EVENT_ID].len, 0);
	vxt_assert_ok(vx_event_before(v, got.number, &got));
	ck_assert_uint_eq(got.number, 1);
	ck_assert_uint_eq(got.size, 77);
	vxt_assert_str(got.texts[VX_EVENT_ID], "0123456789abcdef");
	vxt_assert_str(got.texts[VX_EVENT_SENDER], "a@b.test");
	vxt_assert_str(got.texts[VX_EVENT_CHECKS], "spf\tpass\tb.test\n");
	ck_assert_int_eq(vx_event_before(v, got.number, &got), VX_ENOENT);
	vx_view_end(v);
	ck_assert_str_eq(vx_event_name(VX_EVENT_TYPES), "?");
	fixture_close(&f);
}
END_TEST

START_TEST(long_texts_are_cut)
{
	char *text = malloc(10000);
	struct vx_event e = { .time = 1 }, got;
	struct vx_view *v;
	struct fixture f;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', 10000);
	for (size_t i = 0; i < VX_EVENT_TEXTS; i++)
		e.texts[i] = vx_slice_of(text, 10000);
	fixture_open(&f);
	write_events(&f, &e, 1);
	vxt_assert_ok(vx_view_begin(f.store, &v));
	vxt_assert_ok(vx_event_before(v, UINT64_MAX, &got));
	for (size_t i = 0; i < VX_EVENT_TEXTS; i++)
		ck_assert_uint_eq(got.texts[i].len,
		    i == VX_EVENT_RECIPIENTS || i == VX_EVENT_CHECKS ? VX_EVENT_LIST_MAX
								     : VX_EVENT_TEXT_MAX);
	vx_view_end(v);
	fixture_close(&f);
	free(text);
}
END_TEST

START_TEST(old_ones_go_by_their_age)
{
	const uint64_t day = 86400;
	uint64_t newest, oldest;
	struct vx_event e[5];
	struct fixture f;

	fixture_open(&f);
	for (size_t i = 0; i < 5; i++)
		e[i] = (struct vx_event){ .time = (100 + i) * day };
	write_events(&f, e, 5);
	ck_assert_uint_eq(count_events(&f, &newest, &oldest), 5);
	/* two go with each that comes */
	e[0].time = (103 + VX_EVENT_DAYS) * day;
	write_events(&f, e, 1);
	ck_assert_uint_eq(count_events(&f, &newest, &oldest), 4);
	ck_assert_uint_eq(oldest, 3);
	write_events(&f, e, 1);
	ck_assert_uint_eq(count_events(&f, &newest, &oldest), 4);
	ck_assert_uint_eq(oldest, 4);
	/* a clock that was set back takes none away */
	e[0].time = 1;
	write_events(&f, e, 1);
	ck_assert_uint_eq(count_events(&f, &newest, &oldest), 5);
	fixture_close(&f);
}
END_TEST

START_TEST(there_are_never_more_than_the_limit)
{
	enum {
		BATCH = 1000
	};
	struct vx_event *e = calloc(BATCH, sizeof(*e));
	uint64_t newest, oldest;
	struct fixture f;

	ck_assert_ptr_nonnull(e);
	fixture_open(&f);
	for (size_t i = 0; i < BATCH; i++)
		e[i].time = 1;
	for (size_t i = 0; i < VX_EVENTS_MAX / BATCH + 2; i++)
		write_events(&f, e, BATCH);
	ck_assert_uint_eq(count_events(&f, &newest, &oldest), VX_EVENTS_MAX);
	ck_assert_uint_eq(newest, VX_EVENTS_MAX + 2 * BATCH);
	ck_assert_uint_eq(oldest, newest - VX_EVENTS_MAX + 1);
	fixture_close(&f);
	free(e);
}
END_TEST

VXT_SUITE(test_event, "event", events_come_back_newest_first, long_texts_are_cut,
    old_ones_go_by_their_age, there_are_never_more_than_the_limit)
