#include "lib/vxt.h"
#include "service/own_events.h"
#include "service/own_inquiry.h"

#include <stdlib.h>

enum {
	QUESTIONS = 5
};

/* A loop whose time stands still, and that answers when it is told to. */
static struct fake {
	struct vx_loop loop;
	uint64_t now;
	struct vx_lookup *asked;
	unsigned forgotten;
	int says;
} fake;

static uint64_t now_ms(struct vx_loop *loop)
{
	(void)loop;
	return fake.now;
}

static int ask(struct vx_loop *loop, struct vx_lookup *l)
{
	(void)loop;
	if (fake.says == VX_OK)
		fake.asked = l;
	return fake.says;
}

static void forget(struct vx_loop *loop, struct vx_lookup *l)
{
	(void)loop;
	ck_assert_ptr_eq(l, fake.asked);
	fake.asked = NULL;
	fake.forgotten++;
}

struct core {
	unsigned asked, failed;
	int ended, answer;
};

static int next(void *p, struct vx_dns_question *q)
{
	struct core *c = p;

	q->type = VX_DNS_A;
	return c->asked < QUESTIONS ? VX_WAIT : VX_DONE;
}

static int answer(void *p, const struct vx_dns_answer *a)
{
	struct core *c = p;

	c->asked++;
	c->failed += a->status == VX_DNS_FAILED;
	return c->answer;
}

static void ended(void *p, int rc)
{
	struct core *c = p;

	ck_assert_int_eq(c->ended, 0);
	c->ended = rc;
}

static struct own_inquiry inquiry(struct core *c)
{
	fake = (struct fake){ .loop = { .now_ms = now_ms, .ask = ask, .forget = forget },
		.now = 1000 };
	*c = (struct core){ .asked = 0 };
	return (struct own_inquiry){ .loop = &fake.loop,
		.by_ms = 2000,
		.core = c,
		.next = next,
		.answer = answer,
		.done = ended,
		.ctx = c };
}

static void reply(void)
{
	const struct vx_dns_answer a = { .status = VX_DNS_NODATA };
	struct vx_lookup *l = fake.asked;

	ck_assert_ptr_nonnull(l);
	fake.asked = NULL;
	l->done(l, &a);
}

START_TEST(one_question_after_the_other)
{
	struct core c;
	struct own_inquiry i = inquiry(&c);

	vx_own_inquiry_start(&i);
	for (unsigned n = 0; n < QUESTIONS; n++) {
		ck_assert_uint_eq(c.asked, n);
		ck_assert_int_eq(c.ended, 0);
		reply();
	}
	ck_assert_int_eq(c.ended, VX_DONE);
	ck_assert_uint_eq(c.failed, 0);
	vx_own_inquiry_stop(&i);
	ck_assert_uint_eq(fake.forgotten, 0);
}
END_TEST

START_TEST(after_its_time_nothing_is_asked)
{
	struct core c;
	struct own_inquiry i = inquiry(&c);

	vx_own_inquiry_start(&i);
	reply();
	fake.now = 2000;
	reply();
	ck_assert_ptr_null(fake.asked);
	ck_assert_int_eq(c.ended, VX_DONE);
	ck_assert_uint_eq(c.failed, QUESTIONS - 2);
}
END_TEST

START_TEST(without_a_resolver_all_fails_at_once)
{
	struct core c;
	struct own_inquiry i = inquiry(&c);

	fake.says = VX_ELIMIT;
	vx_own_inquiry_start(&i);
	ck_assert_uint_eq(c.failed, QUESTIONS);
	ck_assert_int_eq(c.ended, VX_DONE);
	i = inquiry(&c);
	fake.loop.ask = NULL;
	vx_own_inquiry_start(&i);
	ck_assert_uint_eq(c.failed, QUESTIONS);
	ck_assert_int_eq(c.ended, VX_DONE);
}
END_TEST

START_TEST(a_core_may_give_up)
{
	struct core c;
	struct own_inquiry i = inquiry(&c);

	vx_own_inquiry_start(&i);
	c.answer = VX_ENOMEM;
	reply();
	ck_assert_int_eq(c.ended, VX_ENOMEM);
	i = inquiry(&c);
	c.answer = VX_ENOMEM;
	fake.says = VX_ELIMIT;
	vx_own_inquiry_start(&i);
	ck_assert_int_eq(c.ended, VX_ENOMEM);
	ck_assert_uint_eq(c.asked, 1);
}
END_TEST

START_TEST(what_is_stopped_is_forgotten)
{
	struct core c;
	struct own_inquiry i = inquiry(&c);

	vx_own_inquiry_stop(&i); /* it was not started */
	vx_own_inquiry_start(&i);
	vx_own_inquiry_stop(&i);
	vx_own_inquiry_stop(&i);
	ck_assert_uint_eq(fake.forgotten, 1);
	ck_assert_int_eq(c.ended, 0);
}
END_TEST

/* --- events ------------------------------------------------------------------------- */

static size_t count_events(struct vx_store *store)
{
	struct vx_event e = { .number = UINT64_MAX };
	struct vx_view *v;
	size_t n = 0;

	vxt_assert_ok(vx_view_begin(store, &v));
	while (vx_event_before(v, e.number, &e) == VX_OK)
		n++;
	vx_view_end(v);
	return n;
}

START_TEST(events_are_written_together)
{
	static const struct vx_log log = { .fd = -1, .level = VX_LOG_ERROR };
	char *dir = strdup(vxt_mkdir());
	struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = dir, .ballast_octets = 4096
	};
	struct vx_event event = { .type = VX_EVENT_REFUSED, .time = 1 };
	struct vx_store *store;
	struct own_events *e;
	struct vx_error err;

	vxt_assert_ok(vx_store_open(&o, &store, &err));
	vxt_assert_ok(vx_own_events_new(store, &log, &e));
	vx_own_events_tick(e);                           /* nothing is there */
	for (size_t i = 0; i < OWN_EVENTS_MAX + 10; i++) /* so many are left out */
		vx_own_events_add(e, &event);
	ck_assert_uint_eq(count_events(store), 0);
	vx_own_events_tick(e);
	vx_own_events_add(e, &event); /* into the next batch */
	vx_own_events_tick(e);        /* the first may be under way still */
	vx_own_events_free(e);        /* writes what is there */
	vx_store_close(store);
	vxt_assert_ok(vx_store_open(&o, &store, &err));
	ck_assert_uint_eq(count_events(store), OWN_EVENTS_MAX + 1);
	vx_store_close(store);
	vxt_rmdir(dir);
	free(dir);
}
END_TEST

VXT_SUITE(test_inquiry, "inquiry", one_question_after_the_other,
    after_its_time_nothing_is_asked, without_a_resolver_all_fails_at_once,
    a_core_may_give_up, what_is_stopped_is_forgotten, events_are_written_together)
