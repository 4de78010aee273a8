/* A client that dribbles is hung up on, however it does it; one that is merely slow is
 * not. */
#include "lib/vxt.h"
#include "service/world.h"

static const vx_slice envelope =
    VX_SLICE_INIT("EHLO client.test\r\nMAIL FROM:<ann@elsewhere.test>\r\nRCPT "
		  "TO:<alice@example.test>\r\n");
enum {
	IDLE_MS = 300 * 1000, /* of world.c */
	LOGIN_MS = 60 * 1000,
	RATE = 500
};

/* As the loop does it: is the session's time up, so long after its last progress? */
static bool is_over(const struct drive *d, uint64_t silent_ms)
{
	return silent_ms > d->session->ops->patience_ms(d->session);
}

/* One octet each time; after how many milliseconds it is over, max: it is not. */
static uint64_t dribble(struct drive *d, char octet, uint64_t each_ms, uint64_t max)
{
	uint64_t since = 0;

	while (since < max) {
		drive_feed(d, vx_slice_of(&octet, 1));
		d->world->now_ms += each_ms;
		since += each_ms;
		if (is_over(d, each_ms)) /* what the loop counts as progress or not */
			return since;
	}
	return max;
}

START_TEST(of_a_command)
{
	struct world w;
	struct drive d;

	world_open(&w);
	drive_open(&d, &w, VX_S("mx"));
	drive_feed(&d, VX_S(""));
	ck_assert(!is_over(&d, LOGIN_MS));
	ck_assert_uint_eq(dribble(&d, 'x', 1000, 10 * IDLE_MS), LOGIN_MS + 1000);
	drive_close(&d);
	drive_open(&d, &w, VX_S("mx"));
	drive_feed(&d, envelope);
	ck_assert_uint_eq(dribble(&d, 'x', 1000, 10 * IDLE_MS), IDLE_MS + 1000);
	d.session->ops->timeout(d.session, &d.out);
	ck_assert(
	    vx_slice_has_suffix(vx_buf_slice(&d.out), VX_S("421 4.4.2 timed out\r\n")));
	drive_close(&d);
	/* each answer begins it anew */
	drive_open(&d, &w, VX_S("mx"));
	for (int i = 0; i < 5; i++) {
		drive_feed(&d, envelope);
		ck_assert_uint_eq(dribble(&d, 'x', 1000, IDLE_MS - 1000), IDLE_MS - 1000);
		drive_feed(&d, VX_S("\r\nRSET\r\n"));
	}
	drive_close(&d);
	world_close(&w);
}
END_TEST

static void open_data(struct drive *d, struct world *w)
{
	drive_open(d, w, VX_S("mx"));
	drive_feed(d, envelope);
	drive_feed(d, VX_S("DATA\r\n"));
	ck_assert(
	    vx_slice_find_slice(vx_buf_slice(&d->out), VX_S("\r\n354 ")) < d->out.len);
}

START_TEST(of_a_message)
{
	struct world w;
	struct drive d;
	char line[1000];

	world_open(&w);
	open_data(&d, &w);
	ck_assert_uint_eq(dribble(&d, 'x', 1000, 10 * IDLE_MS), IDLE_MS + 1000);
	drive_close(&d);
	/* as fast as it has to be, for an hour, and then slower */
	memset(line, 'y', sizeof(line));
	line[998] = '\r';
	line[999] = '\n';
	open_data(&d, &w);
	drive_feed(&d, VX_S("Subject: s\r\n\r\n"));
	for (int i = 0; i < 1800; i++) {
		drive_feed(&d, vx_slice_of(line, sizeof(line)));
		w.now_ms += 1000 * sizeof(line) / RATE;
		ck_assert(!is_over(&d, 0));
	}
	ck_assert_uint_eq(dribble(&d, 'x', 60000, 10 * IDLE_MS), IDLE_MS + 60000);
	drive_close(&d);
	ck_assert_uint_eq(world_count(&w), 0);
	world_close(&w);
}
END_TEST

/* Chunks, and what is between them, are one message. */
START_TEST(of_chunks)
{
	struct world w;
	struct drive d;
	uint64_t since = 0;

	world_open(&w);
	drive_open(&d, &w, VX_S("mx"));
	drive_feed(&d, envelope);
	while (since < 10 * IDLE_MS && !is_over(&d, 10000)) {
		drive_feed(&d, VX_S("BDAT 1\r\nx"));
		w.now_ms += 10000;
		since += 10000;
	}
	ck_assert_uint_eq(since, IDLE_MS + 10000);
	drive_close(&d);
	world_close(&w);
}
END_TEST

/* The next message on the connection has its own time, and its own rate. */
START_TEST(of_the_next_message)
{
	struct world w;
	struct drive d;

	world_open(&w);
	open_data(&d, &w);
	for (int i = 0; i < 2; i++) {
		drive_feed(&d, VX_S("Subject: s\r\n\r\n"));
		w.now_ms += IDLE_MS - 5000;
		ck_assert(!is_over(&d, IDLE_MS - 5000));
		drive_feed(&d, VX_S("x\r\n.\r\n"));
		drive_feed(&d, envelope);
		drive_feed(&d, VX_S("DATA\r\n"));
	}
	ck_assert_uint_eq(world_count(&w), 2);
	ck_assert_uint_eq(dribble(&d, 'x', 1000, 10 * IDLE_MS), IDLE_MS + 1000);
	drive_close(&d);
	world_close(&w);
}
END_TEST

VXT_SUITE(test_deadlines, "deadlines", of_a_command, of_a_message, of_chunks,
    of_the_next_message)
