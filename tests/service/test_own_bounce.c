/* Reports of other servers about what we sent: which are counted, and as what. */
#include "lib/vxt.h"
#include "service/own_bounce.h"
#include "service/world.h"

#include <stdio.h>

#define HOST "mx.example.test"
#define TOKEN "0123456789abcdef"
#define RECEIVED "Received: from c.test by " HOST " with ESMTPS id " TOKEN "\r\n"
#define BEFORE                                                                           \
	"From: <MAILER-DAEMON@b.test>\r\nTo: <alice@example.test>\r\n"                   \
	"Subject: Undelivered\r\nMIME-Version: 1.0\r\n"                                  \
	"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n"    \
	"\r\n--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n"      \
	"\r\nReporting-MTA: dns; mx.b.test\r\n\r\n"
#define FAILED(address, status)                                                          \
	"Final-Recipient: rfc822; " address "\r\nAction: failed\r\nStatus: " status      \
	"\r\nRemote-MTA: dns; store.b.test\r\n"                                          \
	"Diagnostic-Code: smtp; 550 " status " no\r\n\r\n"
#define RETURNED(header)                                                                 \
	"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" header                        \
	"Subject: Lunch\r\n\r\n--b--\r\n"
#define BOUNCE(header) BEFORE FAILED("bob@b.test", "5.1.1") RETURNED(header)

static struct vx_arena arena;

static struct own_bounce read_as(const char *message, const char *to, bool rewritten)
{
	struct own_bounce b;

	vx_arena_done(&arena);
	vx_arena_init(&arena, 1 << 20);
	vx_own_bounce_read(vx_slice_str(message), vx_slice_str(to), rewritten, HOST,
	    WORLD_NOW, &arena, &b);
	return b;
}

static struct own_bounce read_it(const char *message)
{
	return read_as(message, "alice@example.test", false);
}

START_TEST(whose_message_it_was)
{
	static const struct {
		const char *message;
		size_t count;
	} cases[] = {
		{ BOUNCE(RECEIVED), 1 },
		{ BOUNCE("Received: by mx.else.test with SMTP id 1\r\n" RECEIVED), 1 },
		/* one of ours without an id, and then one that has it */
		{ BOUNCE("X: by " HOST " with nothing\r\n" RECEIVED), 1 },
		{ BOUNCE(""), 0 },
		{ BOUNCE("Received: by mx.else.test with SMTP id " TOKEN "\r\n"), 0 },
		{ BOUNCE("Received: by " HOST " with SMTP id 0123456789abcde\r\n"), 0 },
		{ BOUNCE("Received: by " HOST " with SMTP id " TOKEN "0\r\n"), 0 },
		{ BOUNCE("Received: by " HOST " with SMTP id 0123456789ABCDEF\r\n"), 0 },
		{ BOUNCE("Received: by " HOST " with SMTP id " TOKEN), 1 },
		{ BEFORE RETURNED(RECEIVED), 0 },  /* of nobody */
		{ RECEIVED "\r\n" BOUNCE(""), 0 }, /* no report, whatever it looks like */
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(read_it(cases[i].message).count == cases[i].count,
		    "case %zu: %zu", i, read_it(cases[i].message).count);
	vx_arena_done(&arena);
}
END_TEST

/* The id has to be near our name: what stands somewhere behind it is not ours. */
START_TEST(how_far_it_is_looked_for)
{
	char text[2000];

	for (int pad = 300; pad < 500; pad += 100) {
		(void)snprintf(text, sizeof(text),
		    BEFORE FAILED("bob@b.test", "5.1.1")
			RETURNED("Received: by " HOST " with %*s id " TOKEN "\r\n"),
		    pad, "x");
		ck_assert_uint_eq(read_it(text).count, pad < 400);
	}
	vx_arena_done(&arena);
}
END_TEST

START_TEST(what_is_noted)
{
	struct own_bounce b = read_as(BOUNCE(RECEIVED), "Alice@EXAMPLE.Test", false);
	const struct vx_event *e;

	ck_assert_uint_eq(b.count, 1);
	vxt_assert_str(b.domain, "example.test");
	ck_assert(b.list[0].hard);
	e = &b.list[0].event;
	ck_assert_int_eq(e->type, VX_EVENT_RETURNED);
	ck_assert_uint_eq(e->time, WORLD_NOW);
	vxt_assert_str(e->texts[VX_EVENT_ID], TOKEN);
	vxt_assert_str(e->texts[VX_EVENT_SENDER], "Alice@EXAMPLE.Test");
	vxt_assert_str(e->texts[VX_EVENT_RECIPIENTS], "bob@b.test");
	vxt_assert_str(e->texts[VX_EVENT_HOST], "store.b.test");
	vxt_assert_str(e->texts[VX_EVENT_REASON], "550 5.1.1 no");
	/* the address that it was written to says more than where it went */
	b = read_it(BEFORE "Original-Recipient: rfc822; Bob@b.test\r\n"
			   "Final-Recipient: rfc822; 17@store\r\nAction: failed\r\n"
			   "Status: 4.4.7\r\n\r\n" RETURNED(RECEIVED));
	ck_assert_uint_eq(b.count, 1);
	ck_assert(!b.list[0].hard);
	vxt_assert_str(b.list[0].event.texts[VX_EVENT_RECIPIENTS], "Bob@b.test");
	vxt_assert_str(b.list[0].event.texts[VX_EVENT_REASON], "4.4.7");
	vx_arena_done(&arena);
}
END_TEST

START_TEST(paths_that_were_rewritten)
{
	struct own_bounce b = read_as(BOUNCE(""), "srs0=x=y=z=a@example.test", true);

	ck_assert_uint_eq(b.count, 1); /* nobody else can have such a path */
	ck_assert_uint_eq(b.list[0].event.texts[VX_EVENT_ID].len, 0);
	ck_assert_uint_eq(read_as("no report", "srs0=a@example.test", true).count, 0);
	ck_assert_uint_eq(read_as(BOUNCE(""), "srs0=a@exa mple", true).count, 0);
	vx_arena_done(&arena);
}
END_TEST

START_TEST(others_than_failures)
{
	struct own_bounce b = read_it(
	    BEFORE "Final-Recipient: rfc822; a@b.test\r\nAction: delayed\r\n"
		   "Status: 4.0.0\r\n\r\n" FAILED("b@b.test",
		       "5.2.2") "Final-Recipient: rfc822; c@b.test\r\nAction: relayed\r\n"
				"Status: 2.0.0\r\n\r\n" RETURNED(RECEIVED));

	ck_assert_uint_eq(b.count, 1);
	vxt_assert_str(b.list[0].event.texts[VX_EVENT_RECIPIENTS], "b@b.test");
	ck_assert(!b.list[0].hard); /* a mailbox that is full */
	vx_arena_done(&arena);
}
END_TEST

START_TEST(many_recipients)
{
	struct vx_buf text = { .max = 65536 };
	struct own_bounce b;

	vx_buf_add_str(&text, BEFORE);
	for (int i = 0; i < 30; i++)
		vx_buf_add_str(&text, FAILED("bob@b.test", "5.1.1"));
	vx_buf_add_str(&text, RETURNED(RECEIVED));
	vx_buf_add_char(&text, '\0');
	b = read_it(text.ptr);
	ck_assert_uint_eq(b.count, 20);
	vx_buf_done(&text);
	vx_arena_done(&arena);
}
END_TEST

/* Without memory it is no report, or it is all of one. */
START_TEST(memory_that_is_short)
{
	size_t found = 0;

	for (size_t limit = 1; limit < 300000; limit += 1021) {
		struct vx_arena small;
		struct own_bounce b;

		vx_arena_init(&small, limit);
		vx_own_bounce_read(VX_S(BOUNCE(RECEIVED)), VX_S("alice@example.test"),
		    false, HOST, WORLD_NOW, &small, &b);
		ck_assert_uint_le(b.count, 1);
		if (b.count == 1)
			vxt_assert_str(b.list[0].event.texts[VX_EVENT_ID], TOKEN);
		found += b.count;
		vx_arena_done(&small);
	}
	ck_assert_uint_gt(found, 0);
}
END_TEST

struct writing {
	struct vx_store_op op;
	const struct own_bounce *bounce;
};

static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	return vx_own_bounce_write(txn, ((struct writing *)(void *)base)->bounce);
}

START_TEST(counted_and_told)
{
	struct own_bounce b = read_it(BEFORE FAILED("bob@b.test", "5.1.1")
		FAILED("carol@b.test", "4.4.1") RETURNED(RECEIVED));
	struct writing x = { .op = { .apply = apply }, .bounce = &b };
	struct vx_bounces counted;
	struct vx_event e;
	struct vx_view *v;
	struct world w;

	world_open(&w);
	vxt_assert_ok(vx_store_run(w.store, &x.op));
	vxt_assert_ok(vx_view_begin(w.store, &v));
	vxt_assert_ok(vx_bounces_next(v, VX_S(""), 0, &counted));
	ck_assert_str_eq(counted.domain, "example.test");
	ck_assert_uint_eq(counted.counts[VX_BOUNCE_RETURNED_HARD], 1);
	ck_assert_uint_eq(counted.counts[VX_BOUNCE_RETURNED_SOFT], 1);
	ck_assert_uint_eq(counted.counts[VX_BOUNCE_SENT], 0);
	vxt_assert_ok(vx_event_before(v, UINT64_MAX, &e));
	ck_assert_int_eq(e.type, VX_EVENT_RETURNED);
	vxt_assert_str(e.texts[VX_EVENT_RECIPIENTS], "carol@b.test");
	vxt_assert_ok(vx_event_before(v, e.number, &e));
	vxt_assert_str(e.texts[VX_EVENT_RECIPIENTS], "bob@b.test");
	vx_view_end(v);
	vx_arena_done(&arena);
	world_close(&w);
}
END_TEST

VXT_SUITE(test_own_bounce, "own_bounce", whose_message_it_was, how_far_it_is_looked_for,
    what_is_noted, paths_that_were_rewritten, others_than_failures, many_recipients,
    memory_that_is_short, counted_and_told)
