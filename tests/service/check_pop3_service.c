/* POP3 on a real store: what is said, who may log in, what is deleted when. */
#include "lib/vxt.h"
#include "service/transcript.h"

#include <stdio.h>
#include <string.h>

static void run(const char *name)
{
	struct world w;

	world_open(&w);
	transcripts_run(&w, name);
	world_close(&w);
}

START_TEST(login)
{
	run("pop3_service/login.txt");
}
END_TEST

START_TEST(mail)
{
	run("pop3_service/mail.txt");
}
END_TEST

START_TEST(utf8)
{
	run("pop3_service/utf8.txt");
}
END_TEST

START_TEST(deletion)
{
	run("pop3_service/deletion.txt");
}
END_TEST

/* --- more than one session --------------------------------------------------------- */

static void say(struct drive *d, const char *line)
{
	vx_buf_reset(&d->out);
	drive_feed(d, vx_slice_str(line));
	drive_feed(d, VX_S("\r\n"));
}

static bool said(const struct drive *d, const char *begin)
{
	return vx_slice_has_prefix(vx_buf_slice(&d->out), vx_slice_str(begin));
}

static void log_in(struct drive *d, struct world *w, const char *name)
{
	char line[100];

	drive_open(d, w, VX_S("pop3 tls"));
	(void)snprintf(line, sizeof(line), "USER %s@example.test", name);
	say(d, line);
	say(d, "PASS " WORLD_PASSWORD);
}

START_TEST(one_session_at_a_time)
{
	struct drive first, second;
	struct world w;

	world_open(&w);
	world_deliver(&w, "alice", VX_S("Subject: x\r\n\r\n"));
	log_in(&first, &w, "alice");
	ck_assert(said(&first, "+OK 1 messages"));
	log_in(&second, &w, "alice");
	ck_assert(said(&second, "-ERR [IN-USE] "));
	drive_close(&second);
	log_in(&second, &w, "bob"); /* another account is another maildrop */
	ck_assert(said(&second, "+OK 0 messages"));
	drive_close(&second);
	/* from the last reply on it is free, whoever closes when */
	say(&first, "QUIT");
	log_in(&second, &w, "alice");
	ck_assert(said(&second, "+OK 1 messages"));
	say(&second, "DELE 1");
	say(&second, "QUIT");
	ck_assert(said(&second, "+OK deleted"));
	drive_close(&first);
	log_in(&first, &w, "alice");
	ck_assert(said(&first, "+OK 0 messages"));
	drive_close(&second);
	drive_close(&first);
	world_close(&w);
}
END_TEST

/* A session that ends in any way but QUIT deletes nothing (RFC 1939 6). */
START_TEST(nothing_is_deleted_without_quit)
{
	struct world w;

	world_open(&w);
	world_deliver(&w, "alice", VX_S("Subject: x\r\n\r\n"));
	for (int how = 0; how < 3; how++) {
		struct drive d;

		log_in(&d, &w, "alice");
		say(&d, "DELE 1");
		ck_assert(said(&d, "+OK"));
		if (how == 1)
			d.session->ops->timeout(d.session, &d.out);
		if (how == 2)
			d.session->ops->stop(d.session, &d.out);
		drive_close(&d);
		ck_assert_uint_eq(world_count(&w), 1);
	}
	world_close(&w);
}
END_TEST

/* Once QUIT is said the deletions are made, whether the client waits or not. */
START_TEST(quit_is_carried_out)
{
	struct world w;
	struct drive d;

	world_open(&w);
	for (unsigned i = 0; i < 3; i++)
		world_deliver(&w, "alice", VX_S("Subject: x\r\n\r\n"));
	log_in(&d, &w, "alice");
	say(&d, "DELE 1");
	say(&d, "DELE 3");
	d.patient = true;
	say(&d, "QUIT");
	drive_close(&d);
	ck_assert_uint_eq(world_count(&w), 1);
	world_close(&w);
}
END_TEST

static void uidl(struct world *w, char out[200])
{
	struct drive d;

	log_in(&d, w, "alice");
	say(&d, "UIDL");
	ck_assert(said(&d, "+OK"));
	(void)snprintf(out, 200, "%.*s", (int)d.out.len, d.out.ptr);
	drive_close(&d);
}

START_TEST(uidl_survives_a_restart)
{
	char before[200], after[200];
	struct world w;

	world_open(&w);
	world_deliver(&w, "alice", VX_S("Subject: x\r\n\r\n"));
	world_deliver(&w, "alice", VX_S("Subject: x\r\n\r\n"));
	uidl(&w, before);
	world_restart(&w);
	uidl(&w, after);
	ck_assert_str_eq(before, after);
	ck_assert_ptr_nonnull(strstr(before, "\r\n1 "));
	ck_assert_ptr_nonnull(strstr(before, "\r\n2 "));
	world_close(&w);
}
END_TEST

/* What came or went meanwhile does not change the numbers of a session. */
START_TEST(a_session_sees_one_moment)
{
	struct world w;
	struct drive d;

	world_open(&w);
	world_deliver(&w, "alice", VX_S("Subject: x\r\n\r\n"));
	log_in(&d, &w, "alice");
	world_deliver(&w, "alice", VX_S("Subject: y\r\n\r\n"));
	say(&d, "STAT");
	ck_assert(said(&d, "+OK 1 14\r\n"));
	say(&d, "RETR 2");
	ck_assert(said(&d, "-ERR there is no such message"));
	world_empty(&w);
	say(&d, "RETR 1");
	ck_assert(said(&d, "-ERR [SYS/PERM] the message is gone"));
	say(&d, "DELE 1");
	say(&d, "QUIT");
	ck_assert(said(&d, "+OK"));
	drive_close(&d);
	world_close(&w);
}
END_TEST

START_TEST(time_to_log_in)
{
	struct world w;
	struct drive d;

	world_open(&w);
	drive_open(&d, &w, VX_S("pop3 tls"));
	for (unsigned i = 0; i < 60 && d.end == VX_MORE; i++) { /* an octet a second */
		w.now_ms += 1000;
		drive_feed(&d, VX_S("N"));
	}
	ck_assert_int_eq(d.end, VX_MORE);
	w.now_ms += 1000;
	drive_feed(&d, VX_S("N"));
	ck_assert_int_eq(d.end, VX_DONE);
	drive_close(&d);
	world_close(&w);
}
END_TEST

VXT_SUITE(suite, "pop3_service", login, mail, utf8, deletion, one_session_at_a_time,
    nothing_is_deleted_without_quit, quit_is_carried_out, uidl_survives_a_restart,
    a_session_sees_one_moment, time_to_log_in)

VXT_MAIN(suite)
