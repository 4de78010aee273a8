/* Limits at their edges, embedding, and memory that is short. */
#include "base/mem.h"
#include "host.h"
#include "lib/vxt.h"

static bool said(const struct host *h, const char *text)
{
	const vx_slice all = vx_buf_slice(&h->log);

	return vx_slice_find_slice(all, vx_slice_str(text)) < all.len;
}

static size_t count_lines(const struct host *h, vx_slice prefix)
{
	vx_slice rest = vx_buf_slice(&h->log), line;
	size_t n = 0;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		n += vx_slice_has_prefix(line, prefix);
	}
	return n;
}

struct long_line {
	size_t octets; /* with CR LF */
	bool auth;
};

static void run_long(void *ctx, const vx_slice *pieces, size_t count)
{
	const struct long_line *l = ctx;
	const bool over =
	    l->octets > (l->auth ? VX_SMTP_AUTH_LINE_MAX : VX_SMTP_LINE_MAX);
	struct host h;

	host_open(&h, VX_S("submission tls"));
	for (size_t i = 0; i < count; i++)
		host_feed(&h, pieces[i]);
	ck_assert_int_eq(said(&h, l->auth ? "500 5.5.6 the line is too long"
					  : "500 5.5.2 the line is too long"),
	    over);
	/* the command that follows is one by itself */
	ck_assert(said(&h, "S: 214 2.0.0 see RFC 5321\nS: 221"));
	ck_assert_uint_eq(count_lines(&h, VX_S("S: 5")), 1);
	host_close(&h);
}

static void try_long(size_t octets, bool auth)
{
	struct long_line l = { octets, auth };
	struct vx_buf in = { .max = 65536 };

	vx_buf_add_str(&in, auth ? "EHLO c.test\r\nAUTH PLAIN\r\n" : "EHLO c.test\r\n");
	for (size_t i = 0; i < octets - 2; i++)
		vx_buf_add_char(&in, 'x');
	vx_buf_add_str(&in, "\r\nHELP\r\nQUIT\r\n");
	if (auth) { /* great: some cuts will do */
		const vx_slice all = vx_buf_slice(&in);
		const size_t cut[] = { 1, 30, 2000, 2100, 8000, octets, octets + 30 };

		for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
			run_long(&l,
			    (vx_slice[]){
				vx_slice_head(all, cut[i]), vx_slice_from(all, cut[i]) },
			    2);
	} else {
		vxt_every_split(vx_buf_slice(&in), run_long, &l);
	}
	vx_buf_done(&in);
}

START_TEST(long_lines)
{
	for (size_t over = 0; over < 3; over++) {
		try_long(VX_SMTP_LINE_MAX + over, false);
		try_long(VX_SMTP_AUTH_LINE_MAX + over, true);
	}
	try_long(3 * VX_SMTP_LINE_MAX, false);
	try_long(3 * VX_SMTP_AUTH_LINE_MAX, true);
}
END_TEST

/* A line too long ends an exchange whose first half is known; nothing may leak. */
START_TEST(long_line_in_login)
{
	char line[VX_SMTP_AUTH_LINE_MAX + 1];
	struct host h;

	memset(line, 'x', sizeof(line));
	host_open(&h, VX_S("submission tls"));
	host_feed(&h, VX_S("EHLO c.test\r\nAUTH LOGIN\r\nYWxpY2U=\r\n"));
	host_feed(&h, vx_slice_of(line, sizeof(line)));
	host_feed(&h, VX_S("\r\nAUTH LOGIN\r\nYWxpY2U=\r\ndHdvIHdvcmRz\r\n"));
	ck_assert(said(&h, "E: AUTH alice/two words\nS: 235"));
	ck_assert(vx_smtp_server_authenticated(h.core));
	host_close(&h);
}
END_TEST

START_TEST(errors_end_it)
{
	struct host h;

	host_open(&h, VX_S("mx"));
	for (unsigned i = 0; i < VX_SMTP_ERRORS_MAX; i++) {
		ck_assert_int_ne(h.end, VX_DONE);
		host_feed(&h, VX_S("NONSENSE\r\n"));
	}
	ck_assert_int_eq(h.end, VX_DONE);
	ck_assert(said(&h, "S: 421 4.7.0 too many errors\n"));
	host_close(&h);
}
END_TEST

START_TEST(guesses_end_it)
{
	struct host h;

	host_open(&h, VX_S("submission tls"));
	host_feed(&h, VX_S("EHLO c.test\r\n"));
	for (unsigned i = 0; i < VX_SMTP_ERRORS_MAX; i++) {
		ck_assert_int_eq(h.end, VX_MORE);
		host_feed(&h, VX_S("AUTH PLAIN AGFsaWNlAGd1ZXNz\r\n"));
	}
	ck_assert_int_eq(h.end, VX_DONE);
	ck_assert_uint_eq(count_lines(&h, VX_S("E: AUTH")), VX_SMTP_ERRORS_MAX);
	host_close(&h);
}
END_TEST

START_TEST(unknown_recipients_end_it)
{
	struct host h;

	host_open(&h, VX_S("mx"));
	host_feed(&h, VX_S("EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n"));
	for (unsigned i = 0; i < VX_SMTP_UNKNOWN_MAX; i++) {
		ck_assert_int_eq(h.end, VX_MORE);
		host_feed(&h, VX_S("RCPT TO:<unknown@b.test>\r\n"));
	}
	ck_assert_int_eq(h.end, VX_DONE);
	ck_assert(said(&h, "S: 421 4.7.0 too many errors\n"));
	host_close(&h);
}
END_TEST

/* A list's server, some of whose members left, must get its message in. */
START_TEST(unknown_recipients_beside_known_ones)
{
	struct host h;

	host_open(&h, VX_S("mx"));
	host_feed(&h, VX_S("EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n"
			   "RCPT TO:<c@d.test>\r\n"));
	for (unsigned i = 0; i + 1 < VX_SMTP_REFUSED_MAX; i++)
		host_feed(&h, VX_S("RCPT TO:<unknown@b.test>\r\n"));
	host_feed(&h, VX_S("DATA\r\nx\r\n.\r\n"));
	ck_assert_int_eq(h.end, VX_MORE);
	ck_assert_uint_eq(h.messages, 1);
	host_feed(&h, VX_S("MAIL FROM:<a@b.test>\r\nRCPT TO:<unknown@b.test>\r\n"));
	ck_assert_int_eq(h.end, VX_DONE);
	host_close(&h);
}
END_TEST

/* Commands that get nowhere do not keep a session for ever; a message counts anew. */
START_TEST(idle_commands_end_it)
{
	static const vx_slice message = VX_SLICE_INIT(
	    "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nx\r\n.\r\n");
	struct host h;

	host_open(&h, VX_S("mx"));
	host_feed(&h, VX_S("EHLO c.test\r\n"));
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 1; i < VX_SMTP_JUNK_MAX; i++)
			host_feed(&h, i % 2 == 0 ? VX_S("NOOP\r\n") : VX_S("RSET\r\n"));
		host_feed(&h, message);
		ck_assert_int_eq(h.end, VX_MORE);
	}
	for (unsigned i = 0; i <= VX_SMTP_JUNK_MAX; i++)
		host_feed(&h, VX_S("VRFY c\r\n"));
	ck_assert_int_eq(h.end, VX_DONE);
	ck_assert(said(&h, "S: 421 4.7.0 too many idle commands\n"));
	host_close(&h);
}
END_TEST

/* What the message is, to the octet, by DATA and in one or more chunks. */
START_TEST(message_octets)
{
	char text[HOST_OCTETS_MAX + 2];
	static const vx_slice begin = VX_SLICE_INIT(
	    "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n");

	memset(text, 'x', sizeof(text));
	for (size_t over = 0; over < 2; over++) {
		const size_t n = HOST_OCTETS_MAX + over;
		struct vx_buf in = { .max = 1000 };
		struct host h;

		for (unsigned way = 0; way < 3; way++) {
			const size_t first = way == 1 ? n : n / 2;

			host_open(&h, VX_S("mx"));
			host_feed(&h, begin);
			vx_buf_reset(&in);
			if (way == 0) {
				vx_buf_printf(
				    &in, "DATA\r\n%.*s\r\n.\r\n", (int)(n - 2), text);
			} else {
				vx_buf_printf(
				    &in, "BDAT %zu\r\n%.*s", first, (int)first, text);
				vx_buf_printf(&in, "BDAT %zu LAST\r\n%.*s", n - first,
				    (int)(n - first), text);
			}
			host_feed(&h, vx_buf_slice(&in));
			ck_assert_uint_eq(h.messages, over == 0);
			ck_assert_int_eq(
			    said(&h, "S: 552 5.3.4 the message is too large"), over == 1);
			/* the next message is none the worse */
			host_feed(
			    &h, VX_S("RSET\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>"
				     "\r\nDATA\r\nx\r\n.\r\n"));
			ck_assert_uint_eq(h.messages, over == 0 ? 2 : 1);
			host_close(&h);
		}
		vx_buf_done(&in);
	}
}
END_TEST

/* The host may end it at any time: 421 is said once, and nothing after it. */
START_TEST(closed_by_host)
{
	static const char *const before[] = {
		"", "EHLO c.test\r\n",
		"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<a@b.test>\r\nDATA\r\nx"
	};

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		struct host h;

		host_open(&h, VX_S("mx"));
		host_feed(&h, vx_slice_str(before[i]));
		vx_smtp_server_close(h.core, &h.out, "4.3.2 the server stops");
		vx_smtp_server_close(h.core, &h.out, "4.4.2 timed out");
		host_feed(&h, VX_S("\r\n.\r\nNOOP\r\n"));
		ck_assert_int_eq(h.end, VX_DONE);
		ck_assert_uint_eq(
		    count_lines(&h, VX_S("S: 421 4.3.2 the server stops")), 1);
		ck_assert_uint_eq(count_lines(&h, VX_S("S: 421")), 1);
		ck_assert(!said(&h, "S: 250 2.0.0 ok\n"));
		host_close(&h);
	}
}
END_TEST

/* 421 while an answer is awaited: the answer, when it comes, is not said any more. */
START_TEST(closed_while_waiting)
{
	struct vx_smtp_event ev;
	struct host h;
	vx_slice in = VX_S("EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n");

	host_open(&h, VX_S("mx"));
	ck_assert_int_eq(vx_smtp_server_next(h.core, &in, &h.out, &ev), VX_DATA);
	vx_buf_reset(&h.out);
	vx_smtp_server_close(h.core, &h.out, "4.3.2 the server stops");
	ck_assert_int_eq(vx_smtp_server_next(h.core, &in, &h.out, &ev), VX_DONE);
	vx_smtp_server_answer(h.core, &h.out, 250, "2.0.0", "ok");
	vxt_assert_str(vx_buf_slice(&h.out), "421 4.3.2 the server stops\r\n");
	host_close(&h);
}
END_TEST

START_TEST(what_the_host_sees)
{
	struct host h;
	bool extended;

	host_open(&h, VX_S("mx"));
	host_feed(&h, VX_S("NOOP\r\n"));
	ck_assert_uint_eq(vx_smtp_server_helo(h.core, &extended).len, 0);
	host_feed(&h, VX_S("HELO c.test\r\n"));
	vxt_assert_str(vx_smtp_server_helo(h.core, &extended), "c.test");
	ck_assert(!extended);
	host_feed(&h, VX_S("EHLO [192.0.2.1]\r\n"));
	vxt_assert_str(vx_smtp_server_helo(h.core, &extended), "[192.0.2.1]");
	ck_assert(extended);
	ck_assert(!vx_smtp_server_in_data(h.core));
	host_feed(&h, VX_S("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nBDAT 3\r\nab"));
	ck_assert(vx_smtp_server_in_data(h.core));
	host_feed(&h, VX_S("c"));
	ck_assert(vx_smtp_server_in_data(h.core));
	host_feed(&h, VX_S("BDAT 0 LAST\r\n"));
	ck_assert(!vx_smtp_server_in_data(h.core));
	host_feed(&h, VX_S("MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n"));
	ck_assert(vx_smtp_server_in_data(h.core));
	host_feed(&h, VX_S(".\r\n"));
	ck_assert(!vx_smtp_server_in_data(h.core));
	ck_assert_uint_eq(h.messages, 2);
	ck_assert(!vx_smtp_server_authenticated(h.core));
	host_close(&h);
}
END_TEST

/* What follows STARTTLS in the clear is left in *in: the host sees it, and drops it. */
START_TEST(octets_after_starttls)
{
	struct vx_smtp_event ev;
	struct host h;
	vx_slice in = VX_S("EHLO c.test\r\nSTARTTLS\r\nMAIL FROM:<x@y.test>\r\n");
	bool extended;

	host_open(&h, VX_S("mx"));
	ck_assert_int_eq(vx_smtp_server_next(h.core, &in, &h.out, &ev), VX_DATA);
	vx_smtp_server_answer(h.core, &h.out, 220, "2.0.0", "go ahead");
	ck_assert_int_eq(vx_smtp_server_next(h.core, &in, &h.out, &ev), VX_TLS);
	vxt_assert_str(in, "MAIL FROM:<x@y.test>\r\n");
	vx_smtp_server_tls_ready(h.core, VX_S(""));
	ck_assert_uint_eq(vx_smtp_server_helo(h.core, &extended).len, 0);
	ck_assert(!extended);
	host_close(&h);
}
END_TEST

/* No allocation may be missed: every one fails once, and the core answers or gives up. */
START_TEST(out_of_memory)
{
	static const struct vx_smtp_server_options o = { .struct_size = sizeof(o),
		.role = VX_SMTP_SUBMISSION,
		.hostname = VX_SLICE_INIT("mx.test"),
		.message_octets_max = 100,
		.recipients_max = 3,
		.tls = true };

	for (size_t n = 1; n < 60; n++) {
		struct host h = { .out = { .max = 1 << 20 },
			.log = { .max = 1 << 20 },
			.content = { .max = 1 << 20 } };
		int rc;

		vx_mem_fail_at(n);
		rc = vx_smtp_server_new(&o, &h.core);
		if (rc == VX_OK) {
			struct vx_smtp_event ev;
			vx_slice in =
			    VX_S("EHLO c.test\r\nAUTH PLAIN AGFsaWNlAHR3byB3b3Jkcw==\r\n"
				 "MAIL FROM:<a@b.test>\r\nRCPT TO:<a@b.test>\r\n"
				 "DATA\r\nx\r\n.\r\nQUIT\r\n");

			while ((rc = vx_smtp_server_next(h.core, &in, &h.out, &ev)) ==
			       VX_DATA)
				vx_smtp_server_answer(h.core, &h.out,
				    ev.type == VX_SMTP_DATA ? 354 : 250, "", "ok");
			ck_assert(rc == VX_DONE || rc == VX_ENOMEM);
			ck_assert(rc == VX_ENOMEM ||
				  vx_smtp_server_authenticated(h.core) ||
				  vx_mem_failed());
		} else {
			ck_assert_int_eq(rc, VX_ENOMEM);
		}
		vx_mem_fail_at(0);
		host_close(&h);
	}
}
END_TEST

VXT_SUITE(test_limits, "limits", long_lines, long_line_in_login, errors_end_it,
    guesses_end_it, unknown_recipients_end_it, unknown_recipients_beside_known_ones,
    idle_commands_end_it, message_octets, closed_by_host, closed_while_waiting,
    what_the_host_sees, octets_after_starttls, out_of_memory)
