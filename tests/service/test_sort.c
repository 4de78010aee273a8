/* SORT and THREAD beside each other: the memory they share, sessions that end meanwhile.
 */
#include "host.h"
#include "lib/vxt.h"
#include "service/imap_int.h"

#include <stdlib.h>
#include <string.h>

enum {
	MAILS = 200
};

struct test {
	struct host host;
	struct link a, b;
	struct link *all[2];
};

static void say(struct test *t, struct link *l, const char *text)
{
	vx_buf_reset(&l->out);
	link_send(l, vx_slice_str(text));
	host_settle(&t->host, t->all, 2);
}

static bool said(const struct link *l, const char *text)
{
	return vx_slice_find_slice(vx_buf_slice(&l->out), vx_slice_str(text)) <
	       l->out.len;
}

static void enter(struct test *t, struct link *l)
{
	ck_assert_int_eq(link_open(l, &t->host, true), VX_OK);
	t->all[l == &t->b] = l;
	say(t, l,
	    "l LOGIN alice@" HOST_DOMAIN " " HOST_PASSWORD "\r\ns SELECT INBOX\r\n");
	ck_assert_msg(said(l, "s OK"), "%.*s", (int)l->out.len, l->out.ptr);
}

static void begin(struct test *t)
{
	uint32_t alice;

	*t = (struct test){ 0 };
	ck_assert_int_eq(host_open(&t->host), VX_OK);
	alice = host_account(&t->host, "alice");
	for (unsigned i = 0; i < MAILS; i++) {
		struct vx_buf text = { .max = 1000 };

		vx_buf_printf(&text,
		    "From: a@example.net\r\nSubject: %03u\r\nMessage-ID: <%u@x>\r\n"
		    "References: <%u@x>\r\n\r\ntext\r\n",
		    (i * 7) % MAILS, i, i / 2);
		ck_assert_uint_gt(host_deliver(&t->host, alice, "INBOX",
				      vx_buf_slice(&text), 1793000000, 0),
		    0);
		vx_buf_done(&text);
	}
	enter(t, &t->a);
	enter(t, &t->b);
}

static void end(struct test *t)
{
	char *dir;

	link_close(&t->a);
	link_close(&t->b);
	dir = strdup(t->host.dir);
	host_close(&t->host);
	vxt_rmdir(dir);
	free(dir);
}

static const char *const commands[] = { "x SORT (SUBJECT) UTF-8 ALL\r\n",
	"x THREAD REFERENCES UTF-8 ALL\r\n", "x SORT (SUBJECT) UTF-8 TEXT text\r\n" };

/* What is taken by others is not there; what was taken is given back. */
START_TEST(budget)
{
	struct test t;

	begin(&t);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		t.host.imap->sort_reserved = IMAP_SORT_BUDGET - 1000;
		say(&t, &t.a, commands[i]);
		ck_assert_msg(
		    said(&t.a, "x NO [LIMIT] "), "%.*s", (int)t.a.out.len, t.a.out.ptr);
		ck_assert_uint_eq(t.host.imap->sort_reserved, IMAP_SORT_BUDGET - 1000);
		t.host.imap->sort_reserved = 0;
		say(&t, &t.a, commands[i]);
		ck_assert_msg(said(&t.a, "x OK"), "%.*s", (int)t.a.out.len, t.a.out.ptr);
		ck_assert_uint_eq(t.host.imap->sort_reserved, 0);
	}
	/* what is wrong takes nothing */
	say(&t, &t.a, "x SORT (FOO) UTF-8 ALL\r\ny THREAD FOO UTF-8 ALL\r\n");
	ck_assert(said(&t.a, "x BAD") && said(&t.a, "y BAD"));
	ck_assert_uint_eq(t.host.imap->sort_reserved, 0);
	end(&t);
}
END_TEST

/* A session that ends at any moment of its command leaves nothing behind. */
START_TEST(sessions_that_end)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		for (unsigned turns = 0; turns < 6; turns++) {
			struct test t;

			begin(&t);
			t.a.stalled = true;
			link_send(&t.a, vx_slice_str(commands[i]));
			for (unsigned n = 0; n < turns; n++)
				host_turn(&t.a);
			link_close(&t.a);
			t.all[0] = NULL;
			/* its job runs all the same, and others go on */
			say(&t, &t.b, "n NOOP\r\n");
			ck_assert(said(&t.b, "n OK"));
			host_settle(&t.host, t.all, 2);
			ck_assert_uint_eq(t.host.imap->sort_reserved, 0);
			end(&t);
		}
	}
}
END_TEST

/* Messages that another session expunges meanwhile are in no order, and break none. */
START_TEST(expunged_meanwhile)
{
	struct test t;

	begin(&t);
	say(&t, &t.b, "d STORE 1:100 +FLAGS.SILENT (\\Deleted)\r\ne EXPUNGE\r\n");
	ck_assert(said(&t.b, "e OK"));
	say(&t, &t.a, "x UID SORT (ARRIVAL) UTF-8 1:*\r\n");
	ck_assert_msg(said(&t.a, "* SORT 101 102 ") && said(&t.a, " 199 200\r\n"), "%.*s",
	    (int)t.a.out.len, t.a.out.ptr);
	ck_assert(said(&t.a, "x OK"));
	end(&t);
}
END_TEST

VXT_SUITE(test_sort, "sort", budget, sessions_that_end, expunged_meanwhile)
