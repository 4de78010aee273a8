/* Commands cut out of the stream, in every split; literals; limits. */
#include "base/mem.h"
#include "imap/frame.h"
#include "lib/vxt.h"
#include "show.h"

struct host {
	struct vx_imap_frame frame;
	struct vx_buf out, octets, log;
	int end;
};

static void host_open(struct host *h, bool authenticated)
{
	*h = (struct host){ .out = { .max = 1 << 20 },
		.octets = { .max = 4 << 20 },
		.log = { .max = 8 << 20 } };
	vx_imap_frame_init(&h->frame);
	h->frame.authenticated = authenticated;
}

static void host_close(struct host *h)
{
	vx_imap_frame_done(&h->frame);
	vx_buf_done(&h->out);
	vx_buf_done(&h->octets);
	vx_buf_done(&h->log);
}

/* Octets of a message first, for they came before what is said. */
static void log_flush(struct host *h)
{
	if (h->octets.len > 0) {
		vx_buf_add_str(&h->log, "octets ");
		show_text(&h->log, vx_buf_slice(&h->octets));
		vx_buf_add_char(&h->log, '\n');
		vx_buf_reset(&h->octets);
	}
	for (vx_slice rest = vx_buf_slice(&h->out), line; rest.len > 0;) {
		(void)vx_slice_cut(&rest, '\n', &line);
		vx_buf_add(&h->log, vx_slice_trim(line, "\r"));
		vx_buf_add_char(&h->log, '\n');
	}
	vx_buf_reset(&h->out);
}

/* A message of more than 50 octets, or to "no...", is refused. */
static void on_message(struct host *h, vx_slice *in)
{
	const vx_slice command = vx_buf_slice(&h->frame.command);
	const bool refused =
	    h->frame.message > 50 ||
	    vx_slice_find_slice(command, VX_S("APPEND no")) < command.len;
	enum vx_imap_frame_event event;
	vx_slice octets;

	if (in->len > 0)
		ck_assert_int_eq(
		    vx_imap_frame_next(&h->frame, in, &h->out, &event, &octets), VX_WAIT);
	vx_buf_printf(&h->log, " %llu %s\n", (unsigned long long)h->frame.message,
	    refused ? "refused" : "accepted");
	if (refused)
		vx_imap_frame_refuse(&h->frame);
	else
		vx_imap_frame_accept(&h->frame, &h->out);
}

static void feed(struct host *h, vx_slice in)
{
	static const char *const names[] = { "command ", "message ", "octets",
		"too long" };
	enum vx_imap_frame_event event;
	vx_slice octets;

	while ((h->end = vx_imap_frame_next(&h->frame, &in, &h->out, &event, &octets)) ==
	       VX_DATA) {
		if (event == VX_IMAP_OCTETS) {
			ck_assert_uint_gt(octets.len, 0);
			if (h->out.len > 0)
				log_flush(h);
			vx_buf_add(&h->octets, octets);
			continue;
		}
		log_flush(h);
		vx_buf_add_str(&h->log, names[event]);
		if (event != VX_IMAP_TOO_LONG)
			show_text(&h->log, vx_buf_slice(&h->frame.command));
		if (event == VX_IMAP_MESSAGE)
			on_message(h, &in);
		else
			vx_buf_add_char(&h->log, '\n');
	}
	ck_assert_int_ne(h->end, VX_WAIT);
	if (h->end == VX_MORE)
		ck_assert_uint_eq(in.len, 0);
	if (h->out.len > 0)
		log_flush(h);
}

static const struct row {
	bool authenticated;
	vx_slice in;
	const char *log;
} rows[] = {
	{ true, VX_SLICE_INIT("a NOOP\r\nb CHECK\r\n"),
	    "command a NOOP\ncommand b CHECK\n" },
	{ false, VX_SLICE_INIT("\r\n \r\n"), "command \ncommand  \n" },
	{ false, VX_SLICE_INIT("a LOGIN {5}\r\nal\r\nb {2}\r\nxy\r\nc NOOP\r\n"),
	    "+ go on\n+ go on\ncommand a LOGIN {5}\\r\\nal\\r\\nb {2}\\r\\nxy\n"
	    "command c NOOP\n" },
	{ false, VX_SLICE_INIT("a LOGIN {5+}\r\nalice {0+}\r\n\r\nc NOOP\r\n"),
	    "command a LOGIN {5+}\\r\\nalice {0+}\\r\\n\ncommand c NOOP\n" },
	{ false, VX_SLICE_INIT("a LOGIN {0}\r\n\r\nc NOOP\r\n"),
	    "+ go on\ncommand a LOGIN {0}\\r\\n\ncommand c NOOP\n" },
	/* a literal may hold what looks like a command, or like a literal */
	{ false, VX_SLICE_INIT("a X {12+}\r\nb X {9999+}\r\n\r\nc NOOP\r\n"),
	    "too long\ncommand \ncommand c NOOP\n" },
	{ false, VX_SLICE_INIT("a X {13+}\r\nb X {9999+}\r\n\r\nc NOOP\r\n"),
	    "command a X {13+}\\r\\nb X {9999+}\\r\\n\ncommand c NOOP\n" },
	{ false, VX_SLICE_INIT("a X {4+}\r\n{3+}\r\nxyz\r\nc NOOP\r\n"),
	    "command a X {4+}\\r\\n{3+}\ncommand xyz\ncommand c NOOP\n" },
	/* no literals */
	{ false, VX_SLICE_INIT("a X {}\r\nb X {x}\r\nc X {3\r\nd X 3}\r\ne X {+}\r\n"),
	    "command a X {}\ncommand b X {x}\ncommand c X {3\ncommand d X 3}\n"
	    "command e X {+}\n" },
	{ false, VX_SLICE_INIT("a X \"{3}\"\r\nb X {3} \r\nc X {-1}\r\nd X {3++}\r\n"),
	    "command a X \"{3}\"\ncommand b X {3} \ncommand c X {-1}\ncommand d X "
	    "{3++}\n" },
	{ false, VX_SLICE_INIT("a X {99999999999999999999}\r\nb NOOP\r\n"),
	    "command a X {99999999999999999999}\ncommand b NOOP\n" },
	/* lines end with CR LF */
	{ true, VX_SLICE_INIT("a NOOP\nb NOOP\r\n\nc NOOP\r\n"),
	    "too long\ncommand b NOOP\ntoo long\ncommand c NOOP\n" },
	{ true, VX_SLICE_INIT("a NO\rOP\r\n\rb\r\n"),
	    "command a NO\\rOP\ncommand \\rb\n" },
	/* a literal too large: when it is announced it can be refused, else not */
	{ false, VX_SLICE_INIT("a LOGIN {16384}\r\nb NOOP\r\n"),
	    "too long\ncommand b NOOP\n" },
	{ false, VX_SLICE_INIT("a LOGIN {16384+}\r\nb NOOP\r\n"), "closed\n" },
	{ true, VX_SLICE_INIT("a LOGIN {1048576}\r\nb NOOP\r\n"),
	    "too long\ncommand b NOOP\n" },
	{ true, VX_SLICE_INIT("a LOGIN {1048576+}\r\nb NOOP\r\n"), "closed\n" },
	{ true, VX_SLICE_INIT("a X {99999999999999999999+}\r\nb NOOP\r\n"), "closed\n" },
	/* the message of an APPEND */
	{ true, VX_SLICE_INIT("a APPEND x {5}\r\nhello\r\nb NOOP\r\n"),
	    "message a APPEND x {5} 5 accepted\n+ go on\noctets hello\n"
	    "command a APPEND x {5}\ncommand b NOOP\n" },
	{ true, VX_SLICE_INIT("a append x (\\Seen) \"date\" {5+}\r\nhello\r\nb NOOP\r\n"),
	    "message a append x (\\\\Seen) \"date\" {5+} 5 accepted\noctets hello\n"
	    "command a append x (\\\\Seen) \"date\" {5+}\ncommand b NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND x {0}\r\n\r\nb NOOP\r\n"),
	    "message a APPEND x {0} 0 accepted\n+ go on\ncommand a APPEND x {0}\n"
	    "command b NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND x {0+}\r\n\r\nb NOOP\r\n"),
	    "message a APPEND x {0+} 0 accepted\ncommand a APPEND x {0+}\n"
	    "command b NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND x ~{3+}\r\n\0\n\r\r\nb NOOP\r\n"),
	    "message a APPEND x ~{3+} 3 accepted\noctets \\x00\\n\\r\n"
	    "command a APPEND x ~{3+}\ncommand b NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND {1+}\r\nx {5+}\r\nhello\r\nb NOOP\r\n"),
	    "message a APPEND {1+}\\r\\nx {5+} 5 accepted\noctets hello\n"
	    "command a APPEND {1+}\\r\\nx {5+}\ncommand b NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND x {2+}\r\nhi (\\Seen) {2}\r\nho\r\nb NOOP\r\n"),
	    "message a APPEND x {2+} 2 accepted\noctets hi\n"
	    "message a APPEND x {2+} (\\\\Seen) {2} 2 accepted\n+ go on\noctets ho\n"
	    "command a APPEND x {2+} (\\\\Seen) {2}\ncommand b NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND x {2+}\r\nhi there\r\nb NOOP\r\n"),
	    "message a APPEND x {2+} 2 accepted\noctets hi\n"
	    "command a APPEND x {2+} there\ncommand b NOOP\n" },
	/* before login there is no APPEND */
	{ false, VX_SLICE_INIT("a APPEND x {5+}\r\nhello\r\nb NOOP\r\n"),
	    "command a APPEND x {5+}\\r\\nhello\ncommand b NOOP\n" },
	{ true, VX_SLICE_INIT("a APPENDX x {5+}\r\nhello\r\nb NOOP\r\n"),
	    "command a APPENDX x {5+}\\r\\nhello\ncommand b NOOP\n" },
	/* refused: what is on its way is dropped, with what belongs to the command */
	{ true, VX_SLICE_INIT("a APPEND no {5}\r\nb NOOP\r\n"),
	    "message a APPEND no {5} 5 refused\ncommand b NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND no {5+}\r\nhello\r\nb NOOP\r\n"),
	    "message a APPEND no {5+} 5 refused\ncommand b NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND no {0+}\r\n\r\nb NOOP\r\n"),
	    "message a APPEND no {0+} 0 refused\ncommand b NOOP\n" },
	{ true,
	    VX_SLICE_INIT(
		"a APPEND no {5+}\r\nhello (\\Seen) {7+}\r\nb LOGO\n\r\nc NOOP\r\n"),
	    "message a APPEND no {5+} 5 refused\ncommand c NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND no {5+}\r\nhello {7}\r\nc NOOP\r\n"),
	    "message a APPEND no {5+} 5 refused\ncommand c NOOP\n" },
	{ true, VX_SLICE_INIT("a APPEND no {5+}\r\nhello x\nc NOOP\r\nd NOOP\r\n"),
	    "message a APPEND no {5+} 5 refused\ncommand c NOOP\ncommand d NOOP\n" },
	{ true,
	    VX_SLICE_INIT(
		"a APPEND x {51+}\r\n012345678901234567890123456789012345678901234"
		"567890\r\nb NOOP\r\n"),
	    "message a APPEND x {51+} 51 refused\ncommand b NOOP\n" },
};

static void run_row(void *ctx, const vx_slice *pieces, size_t count)
{
	const struct row *r = ctx;
	struct host h;

	host_open(&h, r->authenticated);
	for (size_t i = 0; i < count && h.end != VX_DONE; i++)
		feed(&h, pieces[i]);
	if (h.end == VX_DONE)
		vx_buf_add_str(&h.log, "closed\n");
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&h.log), vx_slice_str(r->log)),
	    "row %td in %zu pieces:\n%.*s", r - rows, count, (int)h.log.len, h.log.ptr);
	host_close(&h);
}

START_TEST(every_split)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		vxt_every_split(rows[i].in, run_row, (void *)(uintptr_t)&rows[i]);
}
END_TEST

/* --- limits ------------------------------------------------------------------------ */

static vx_slice filled(
    struct vx_buf *b, const char *begin, size_t octets, const char *end)
{
	vx_buf_reset(b);
	vx_buf_add_str(b, begin);
	while (b->len < octets - strlen(end))
		vx_buf_add_char(b, 'x');
	vx_buf_add_str(b, end);
	return vx_buf_slice(b);
}

/* Feed in to a new frame, cut at `cut`; what came of it. */
static void run(struct host *h, bool authenticated, vx_slice in, size_t cut)
{
	host_open(h, authenticated);
	feed(h, vx_slice_head(in, cut));
	if (h->end != VX_DONE)
		feed(h, vx_slice_from(in, cut));
	if (h->end != VX_DONE)
		feed(h, VX_S("z NOOP\r\n"));
}

static bool said(const struct host *h, const char *text)
{
	const vx_slice log = vx_buf_slice(&h->log);

	return vx_slice_find_slice(log, vx_slice_str(text)) < log.len;
}

START_TEST(long_lines)
{
	static const size_t cuts[] = { 0, 1, 5000, 8191, 8192, 8193, 65535, 65536 };
	struct vx_buf b = { .max = 200000 };

	for (unsigned n = 0; n < 2 * 3 * sizeof(cuts) / sizeof(cuts[0]); n++) {
		const bool authenticated = n % 2 == 0;
		const size_t over = n / 2 % 3;
		const size_t max =
		    authenticated ? VX_IMAP_LINE_MAX : VX_IMAP_LINE_MAX_EARLY;
		struct host h;

		run(&h, authenticated, filled(&b, "a X ", max + over, "\r\n"),
		    cuts[n / 6]);
		ck_assert_int_eq(said(&h, "too long\n"), over > 0);
		ck_assert_int_eq(said(&h, "command a X xx"), over == 0);
		ck_assert(said(&h, "command z NOOP\n"));
		host_close(&h);
		/* the literal after such a line: it comes when it is not waited with */
		run(&h, authenticated, filled(&b, "a X ", max + over, "{7+}\r\n"),
		    cuts[n / 6]);
		ck_assert_int_eq(h.end == VX_DONE, over > 0);
		host_close(&h);
		run(&h, authenticated, filled(&b, "a X ", max + 1, "{7}\r\n"),
		    cuts[n / 6]);
		ck_assert(said(&h, "too long\n"));
		ck_assert(said(&h, "command z NOOP\n"));
		host_close(&h);
	}
	vx_buf_done(&b);
}
END_TEST

/* A whole command, with literals, at its limit. */
START_TEST(long_commands)
{
	struct vx_buf b = { .max = 4 << 20 };

	for (unsigned n = 0; n < 4; n++) {
		const bool authenticated = n % 2 == 0, over = n / 2 == 1;
		const size_t max =
		    authenticated ? VX_IMAP_COMMAND_MAX : VX_IMAP_COMMAND_MAX_EARLY;
		const size_t literal = max / 2;
		struct host h;

		vx_buf_reset(&b);
		vx_buf_printf(&b, "a X {%zu+}\r\n", literal);
		for (size_t i = 0; i < literal; i++)
			vx_buf_add_char(&b, 'y');
		vx_buf_printf(&b, " {%zu+}\r\n", max - literal - 100);
		for (size_t i = 0; i < max - literal - 100; i++)
			vx_buf_add_char(&b, 'y');
		while (b.len < max - 2 + over)
			vx_buf_add_char(&b, ' ');
		vx_buf_add_str(&b, "\r\n");
		run(&h, authenticated, vx_buf_slice(&b), max / 3);
		ck_assert_int_eq(said(&h, "too long\n"), over);
		ck_assert(said(&h, "command z NOOP\n"));
		ck_assert_uint_le(h.frame.command.cap, max + 1);
		host_close(&h);
	}
	vx_buf_done(&b);
}
END_TEST

/* A message of an APPEND is not kept: its size is no matter. */
START_TEST(long_message)
{
	char piece[4096];
	struct host h;

	memset(piece, 'm', sizeof(piece));
	host_open(&h, true);
	feed(&h, VX_S("a APPEND no {8388608+}\r\n"));
	for (size_t i = 0; i < 8388608 / sizeof(piece); i++)
		feed(&h, vx_slice_of(piece, sizeof(piece)));
	feed(&h, VX_S("\r\nz NOOP\r\n"));
	ck_assert(said(&h, "command z NOOP\n"));
	ck_assert_uint_lt(h.frame.command.cap, 10000);
	host_close(&h);
}
END_TEST

/* Without memory it says so; no command is handed out that was not sent. */
START_TEST(out_of_memory)
{
	for (size_t n = 1; n < 20; n++) {
		struct vx_imap_frame f;
		struct vx_buf out = { .max = 1000 };
		vx_slice in = VX_S("a LOGIN {5}\r\nalice {300+}\r\n"), octets;
		enum vx_imap_frame_event event;
		int rc;

		vx_imap_frame_init(&f);
		vx_mem_fail_at(n);
		rc = vx_imap_frame_next(&f, &in, &out, &event, &octets);
		ck_assert(rc == VX_MORE || (rc == VX_ENOMEM && vx_mem_failed()));
		vx_mem_fail_at(0);
		vx_imap_frame_done(&f);
		vx_buf_done(&out);
	}
}
END_TEST

VXT_SUITE(test_frame, "frame", every_split, long_lines, long_commands, long_message,
    out_of_memory)
