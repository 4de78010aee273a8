/* What a hostile client can make a session do: memory, time on the loop, depth. */
#include "base/mem.h"
#include "host.h"
#include "lib/vxt.h"
#include "service/imap_int.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	if (__sanitizer_get_current_allocated_bytes != NULL)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

struct test {
	struct host host;
	struct link a, b;
	struct link *all[2];
	uint32_t alice;
	size_t before, most;
};

static const char small[] = "From: a@example.net\r\nSubject: small\r\n\r\ntext\r\n";

/* So much of the memory belongs to the connection, not to the test. */
static void look(struct test *t)
{
	const size_t now = allocated() - t->a.in.cap - t->a.out.cap;

	if (now > t->before && now - t->before > t->most)
		t->most = now - t->before;
}

static void say(struct test *t, struct link *l, const char *text)
{
	link_send(l, vx_slice_str(text));
	host_settle(&t->host, t->all, 2);
	look(t);
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
	vx_buf_reset(&l->out);
}

static void begin(struct test *t, unsigned mails)
{
	*t = (struct test){ 0 };
	ck_assert_int_eq(host_open(&t->host), VX_OK);
	t->alice = host_account(&t->host, "alice");
	for (unsigned i = 0; i < mails; i++)
		ck_assert_uint_gt(host_deliver(&t->host, t->alice, "INBOX",
				      vx_slice_str(small), 1793000000, 0),
		    0);
	enter(t, &t->a);
	t->before = allocated() - t->a.in.cap - t->a.out.cap;
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

static void repeat(struct vx_buf *b, const char *text, unsigned n)
{
	while (n-- > 0)
		vx_buf_add_str(b, text);
}

/* A million NOOPs by one who does not read: he is not read from, either. */
START_TEST(test_noops_without_reading)
{
	struct vx_buf noops = { .max = 64u << 20 };
	struct test t;

	begin(&t, 1);
	repeat(&noops, "a NOOP\r\n", 1000000);
	t.a.stalled = true;
	link_send(&t.a, vx_buf_slice(&noops));
	host_settle(&t.host, t.all, 2);
	look(&t);
	ck_assert_uint_lt(t.a.out.len, 4 * VX_SESSION_HIGH_WATER);
	ck_assert_uint_gt(t.a.in.len, noops.len / 2);
	ck_assert_uint_lt(t.most - noops.cap, (size_t)1 << 20);
	vx_buf_done(&noops);
	end(&t);
}
END_TEST

/* One command with as much of everything as there may be, and one more. */
START_TEST(test_commands_of_any_size)
{
	static const struct {
		const char *head, *part, *tail;
		unsigned good, bad; /* parts that are taken, and that are refused */
	} cases[] = {
		{ "a SEARCH ", "(", "ALL", 0, 40000 },
		{ "a SEARCH ", "NOT ", "ALL", 30, 15000 },
		{ "a SEARCH ", "OR ALL ", "ALL", 30, 9000 },
		{ "a SEARCH ", "ALL ", "ALL", 900, 1000 },
		{ "a UID FETCH 1", ",3:2", " FLAGS", 9999, 10000 },
		{ "a FETCH 1 (FLAGS", " FLAGS", ")", 99, 100 },
		{ "a FETCH 1 BODY.PEEK[HEADER.FIELDS (a", " a", ")]", 999, 1000 },
		{ "a FETCH 1 BODY.PEEK[1", ".1", "]", 63, 64 },
		{ "a STORE 1 FLAGS (a", " a", ")", 99, 100 },
		{ "a LIST \"\" (a", " a", ")", 31, 32 },
		{ "a ID (\"a\" \"b\"", " \"a\" \"b\"", ")", 0, 1 },
		{ "a SEARCH SUBJECT a", " SUBJECT {1+}\r\na", "", 900, 20000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned which = 0; which < 2; which++) {
			struct vx_buf text = { .max = 1 << 20 };
			struct test t;

			begin(&t, 1);
			vx_buf_add_str(&text, cases[i].head);
			repeat(&text, cases[i].part,
			    which == 0 ? cases[i].good : cases[i].bad);
			vx_buf_add_str(&text, cases[i].tail);
			vx_buf_add_str(&text, "\r\n");
			say(&t, &t.a, text.ptr);
			ck_assert_msg(
			    said(&t.a, which == 0 ? "a OK" : "BAD") || t.a.end != 0,
			    "%s, %u: %.*s", cases[i].head, which,
			    (int)(t.a.out.len < 300 ? t.a.out.len : 300), t.a.out.ptr);
			if (which == 0)
				ck_assert_msg(said(&t.a, "a OK"), "%s", cases[i].head);
			ck_assert_msg(t.most < IMAP_SESSION_MAX, "%s, %u: %zu octets",
			    cases[i].head, which, t.most);
			vx_buf_done(&text);
			end(&t);
		}
	}
}
END_TEST

/* Large structures asked for again and again in one command: written in steps. */
START_TEST(test_large_items)
{
	struct vx_buf message = { .max = 4u << 20 }, text = { .max = 1 << 20 };
	struct test t;

	begin(&t, 0);
	vx_buf_add_str(&message, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (unsigned i = 0; i < 1500; i++)
		vx_buf_printf(&message,
		    "--b\r\nContent-Type: text/plain; name=\"%050u\"\r\n"
		    "Content-Description: %060u\r\n\r\nx\r\n",
		    i, i);
	ck_assert_uint_gt(host_deliver(&t.host, t.alice, "INBOX", vx_buf_slice(&message),
			      1793000000, 0),
	    0);
	say(&t, &t.a, "n NOOP\r\n");
	vx_buf_add_str(&text, "a FETCH 1 (BODYSTRUCTURE");
	repeat(&text, " BODYSTRUCTURE BODY.PEEK[] BINARY.PEEK[]", 33);
	vx_buf_add_str(&text, ")\r\n");
	t.most = 0;
	t.a.stalled = true;
	say(&t, &t.a, text.ptr);
	ck_assert_uint_lt(t.a.out.len, (size_t)4 << 20);
	ck_assert_uint_lt(t.most, (size_t)6 << 20);
	while (!said(&t.a, "a OK")) {
		vx_buf_reset(&t.a.out);
		t.a.awake = true;
		host_settle(&t.host, t.all, 2);
		look(&t);
		ck_assert_uint_gt(t.a.out.len, 0);
	}
	ck_assert_uint_lt(t.most, (size_t)6 << 20);
	vx_buf_done(&message);
	vx_buf_done(&text);
	end(&t);
}
END_TEST

/* Thousands of mailboxes, patterns that match hardly anything, a reader who stops. */
START_TEST(test_many_mailboxes)
{
	struct vx_buf text = { .max = 1 << 20 };
	struct test t;
	char name[200];

	begin(&t, 0);
	for (unsigned i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "%0100u/%050u", i % 100, i);
		ck_assert_int_eq(host_mailbox(&t.host, t.alice, name), VX_OK);
	}
	t.before = allocated() - t.a.in.cap - t.a.out.cap;
	t.host.longest_ms = 0;
	say(&t, &t.a, "a LIST \"\" *\r\n");
	ck_assert(said(&t.a, "a OK"));
	vx_buf_reset(&t.a.out);
	vx_buf_add_str(&text, "b LIST \"\" (");
	for (unsigned i = 0; i < 16; i++) {
		vx_buf_add_str(&text, i == 0 ? "*" : " *");
		repeat(&text, "0%0*", 60);
		vx_buf_add_char(&text, 'x');
	}
	vx_buf_add_str(&text, ")\r\n");
	say(&t, &t.a, text.ptr);
	ck_assert(said(&t.a, "b OK"));
	t.a.stalled = true;
	vx_buf_reset(&t.a.out);
	say(&t, &t.a, "c LIST \"\" * RETURN (STATUS (MESSAGES UNSEEN SIZE))\r\n");
	ck_assert_uint_lt(t.a.out.len, 4 * VX_SESSION_HIGH_WATER);
	ck_assert_uint_lt(t.most, IMAP_SESSION_MAX);
	vx_buf_done(&text);
	end(&t);
}
END_TEST

/* What one did to all messages is told to another in steps, and he may stop reading. */
START_TEST(test_changes_in_steps)
{
	struct test t;

	begin(&t, 4000);
	enter(&t, &t.b);
	say(&t, &t.a,
	    "a STORE 1:* +FLAGS.SILENT (\\Deleted \\Seen \\Flagged $Keyword)\r\n");
	ck_assert(said(&t.a, "a OK"));
	ck_assert_uint_lt(t.a.out.len, 100);
	t.b.stalled = true;
	say(&t, &t.b, "b NOOP\r\n");
	ck_assert_uint_gt(t.b.out.len, VX_SESSION_HIGH_WATER - 1);
	ck_assert_uint_lt(t.b.out.len, 4 * VX_SESSION_HIGH_WATER);
	ck_assert(!said(&t.b, "b OK"));
	t.b.stalled = false;
	t.b.awake = true;
	say(&t, &t.a, "c EXPUNGE\r\n");
	ck_assert(said(&t.a, "c OK"));
	ck_assert(said(&t.b, "b OK"));
	vx_buf_reset(&t.b.out);
	say(&t, &t.b, "d NOOP\r\n");
	ck_assert(said(&t.b, "* 4000 EXPUNGE"));
	ck_assert(said(&t.b, "* 1 EXPUNGE"));
	ck_assert(said(&t.b, "d OK"));
	end(&t);
}
END_TEST

static void multiappend(struct test *t, vx_slice message, unsigned count)
{
	struct vx_buf text = { .max = 64u << 20 };

	vx_buf_add_str(&text, "a APPEND INBOX");
	for (unsigned i = 0; i < count; i++) {
		vx_buf_printf(&text, " (\\Seen k%u) {%zu+}\r\n", i % 8, message.len);
		vx_buf_add(&text, message);
	}
	vx_buf_add_str(&text, "\r\n");
	ck_assert(!text.failed);
	vx_buf_reset(&t->a.out);
	t->most = 0;
	t->before += text.cap;
	for (vx_slice rest = vx_buf_slice(&text); rest.len > 0;
	     rest = vx_slice_from(rest, 65536)) {
		link_send(&t->a, vx_slice_head(rest, 65536));
		host_settle(&t->host, t->all, 2);
		look(t);
	}
	t->before -= text.cap;
	vx_buf_done(&text);
}

/* Messages of one APPEND: so many, so large a description, and none in memory. */
START_TEST(test_multiappend)
{
	struct vx_buf message = { .max = 4u << 20 };
	struct test t;

	begin(&t, 0);
	multiappend(&t, vx_slice_str(small), IMAP_APPEND_MAX);
	ck_assert_msg(said(&t.a, ":100] filed"), "%.*s", (int)t.a.out.len, t.a.out.ptr);
	multiappend(&t, vx_slice_str(small), IMAP_APPEND_MAX + 1);
	ck_assert(said(&t.a, "a NO [LIMIT]"));
	ck_assert(!said(&t.a, "EXISTS"));
	vx_buf_add_str(&message, small);
	repeat(&message, "sixteen octets\r\n", 200 * 64);
	multiappend(&t, vx_buf_slice(&message), 50);
	ck_assert(said(&t.a, "101:150] filed"));
	ck_assert_uint_lt(t.most, (size_t)6 << 20); /* of 10 */
	vx_buf_reset(&message);
	vx_buf_add_str(&message, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (unsigned i = 0; i < 1500; i++)
		vx_buf_printf(&message,
		    "--b\r\nContent-Type: text/plain; name=\"%050u\"\r\n\r\n", i);
	multiappend(&t, vx_buf_slice(&message), 90);
	ck_assert(said(&t.a, "a NO [LIMIT]"));
	ck_assert_uint_lt(t.most, IMAP_SESSION_MAX);
	vx_buf_done(&message);
	end(&t);
}
END_TEST

VXT_SUITE(test_limits, "limits", test_noops_without_reading, test_commands_of_any_size,
    test_large_items, test_many_mailboxes, test_changes_in_steps,
    test_multiappend)
