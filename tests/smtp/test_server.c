/*
 * Transcripts, whole and cut in every way.
 *
 * "=== title: options" begins a session.  "C: text" is a line from the client, CR LF is
 * added; "R: text" are octets as they are, with \r \n \\ \xNN.  "S:" and "E:" lines are
 * the host's log, in order; in "E: CONTENT" pieces are joined.  "T:" is where the client
 * begins TLS: what stands between the line that was granted and here is lost.
 */
#include "host.h"

#include "lib/vxt.h"

#include <stdio.h>

enum {
	TLS_MAX = 4
};

struct transcript {
	vx_slice title, options;
	struct vx_buf client, log;
	size_t tls[TLS_MAX]; /* offsets in client */
	size_t tls_count;
};

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void add_raw(struct vx_buf *out, vx_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '\\') {
			vx_buf_add_char(out, text.ptr[i]);
			continue;
		}
		ck_assert_uint_lt(++i, text.len);
		if (text.ptr[i] == 'x') {
			ck_assert_uint_lt(i + 2, text.len);
			vx_buf_add_char(out, (char)(hex_digit(text.ptr[i + 1]) << 4 |
						    hex_digit(text.ptr[i + 2])));
			i += 2;
		} else {
			vx_buf_add_char(out, text.ptr[i] == 'r'   ? '\r'
					     : text.ptr[i] == 'n' ? '\n'
								  : text.ptr[i]);
		}
	}
}

static void add_line(struct transcript *t, vx_slice line)
{
	const vx_slice text = vx_slice_from(line, 3);

	if (vx_slice_has_prefix(line, VX_S("C:"))) {
		vx_buf_add(&t->client, text);
		vx_buf_add_str(&t->client, "\r\n");
	} else if (vx_slice_has_prefix(line, VX_S("R:"))) {
		add_raw(&t->client, text);
	} else if (vx_slice_has_prefix(line, VX_S("T:"))) {
		ck_assert_uint_lt(t->tls_count, TLS_MAX);
		t->tls[t->tls_count++] = t->client.len;
	} else if (vx_slice_has_prefix(line, VX_S("S:")) ||
		   vx_slice_has_prefix(line, VX_S("E:"))) {
		vx_buf_add(&t->log, line);
		vx_buf_add_char(&t->log, '\n');
	} else {
		ck_assert_msg(
		    line.len == 0 || line.ptr[0] == '#', "%.*s", (int)line.len, line.ptr);
	}
}

/* Where the next "T:" after offset `at` stands, or the end of the piece. */
static size_t next_stop(const struct transcript *t, size_t at, size_t end)
{
	for (size_t k = 0; k < t->tls_count; k++)
		if (t->tls[k] > at && t->tls[k] < end)
			end = t->tls[k];
	return end;
}

static bool is_tls(const struct transcript *t, size_t at)
{
	for (size_t k = 0; k < t->tls_count; k++)
		if (t->tls[k] == at)
			return true;
	return false;
}

/* The piece begins at offset `at` of what the client says. */
static void feed_at(struct host *h, const struct transcript *t, size_t at, vx_slice piece)
{
	while (piece.len > 0) {
		const size_t n = next_stop(t, at, at + piece.len) - at;

		if (h->end != VX_TLS) /* else it is lost */
			host_feed(h, vx_slice_head(piece, n));
		at += n;
		piece = vx_slice_from(piece, n);
		if (h->end == VX_TLS && is_tls(t, at)) {
			host_tls(h);
			h->end = VX_MORE;
		}
	}
}

static void run_pieces(void *ctx, const vx_slice *pieces, size_t count)
{
	const struct transcript *t = ctx;
	struct host h;
	size_t at = 0;

	host_open(&h, t->options);
	for (size_t i = 0; i < count && h.end != VX_DONE; i++) {
		feed_at(&h, t, at, pieces[i]);
		at += pieces[i].len;
	}
	if (h.end == VX_DONE)
		vx_buf_add_str(&h.log, "E: DONE\n");
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&h.log), vx_buf_slice(&t->log)),
	    "%.*s: in %zu pieces:\n%.*s", (int)t->title.len, t->title.ptr, count,
	    (int)h.log.len, h.log.ptr);
	host_close(&h);
}

static void run(struct transcript *t)
{
	if (t->title.len > 0)
		vxt_every_split(vx_buf_slice(&t->client), run_pieces, t);
	vx_buf_done(&t->client);
	vx_buf_done(&t->log);
	*t = (struct transcript){ .client = { .max = 65536 }, .log = { .max = 65536 } };
}

static void run_file(const char *name)
{
	char path[200];
	struct transcript t = { 0 };
	struct vx_buf file;
	vx_slice rest, line;

	(void)snprintf(path, sizeof(path), "smtp/%s.txt", name);
	file = vxt_read(path);
	for (rest = vx_buf_slice(&file); rest.len > 0;) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (vx_slice_has_prefix(line, VX_S("=== "))) {
			run(&t);
			const size_t at = vx_slice_rfind(line, ':');

			t.title = vx_slice_head(line, at);
			t.options = vx_slice_trim(vx_slice_from(line, at + 1), " ");
		} else {
			add_line(&t, line);
		}
	}
	run(&t);
	vx_buf_done(&file);
}

START_TEST(hello)
{
	run_file("hello");
}
END_TEST
START_TEST(mail)
{
	run_file("mail");
}
END_TEST
START_TEST(order)
{
	run_file("order");
}
END_TEST
START_TEST(data)
{
	run_file("data");
}
END_TEST
START_TEST(smuggling)
{
	run_file("smuggling");
}
END_TEST
START_TEST(chunking)
{
	run_file("chunking");
}
END_TEST
START_TEST(auth)
{
	run_file("auth");
}
END_TEST
START_TEST(starttls)
{
	run_file("starttls");
}
END_TEST
START_TEST(utf8)
{
	run_file("utf8");
}
END_TEST
START_TEST(hold)
{
	run_file("hold");
}
END_TEST

/* Who tries to log in before TLS is named; the password is let go. */
START_TEST(a_login_in_clear)
{
	static const struct {
		const char *line, *user;
	} cases[] = { { "AUTH PLAIN AGFsaWNlAHR3byB3b3Jkcw==\r\n", "alice" },
		{ "AUTH LOGIN YWxpY2U=\r\n", "alice" }, { "AUTH LOGIN\r\n", "" },
		{ "AUTH PLAIN =\r\n", "" }, { "AUTH PLAIN %%%\r\n", "" },
		{ "AUTH PLAIN Ynk=\r\n", "" }, { "AUTH\r\n", "" },
		{ "AUTH OTHER YWxpY2U=\r\n", "" }, { "MAIL FROM:<a@b.test>\r\n", NULL } };
	struct host h;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vx_slice in = vx_slice_str(cases[i].line);
		struct vx_smtp_event ev;

		host_open(&h, VX_S("submission"));
		host_feed(&h, VX_S("EHLO c.test\r\n"));
		ck_assert_int_eq(vx_smtp_server_next(h.core, &in, &h.out, &ev), VX_DATA);
		ck_assert_int_eq(ev.type, VX_SMTP_REFUSED);
		ck_assert_int_eq(ev.no_tls, cases[i].user != NULL);
		if (cases[i].user != NULL)
			vxt_assert_str(ev.user, cases[i].user);
		ck_assert_uint_eq(ev.password.len, 0);
		host_close(&h);
	}
}
END_TEST

VXT_SUITE(test_server, "server", hello, mail, order, data, smuggling, chunking, auth,
    starttls, utf8, hold, a_login_in_clear)
