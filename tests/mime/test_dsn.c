/*
 * Reports as they are written, compared with files that were read by eye, and read back;
 * reports of others.
 */
#include "lib/vxt.h"
#include "vectis/dsn.h"

#include <stdio.h>
#include <stdlib.h>

#define ORIGINAL                                                                         \
	"Received: from c.test by mx.test; Sat, 28 Nov 2026 10:00:00 +0000\r\n"          \
	"Date: Sat, 28 Nov 2026 09:59:58 +0000\r\n"                                      \
	"From: Ann <ann@a.test>\r\n"                                                     \
	"To: bob@b.test\r\n"                                                             \
	"Subject: Lunch\r\n"                                                             \
	"Message-ID: <lunch@a.test>\r\n"

static const struct report_case {
	const char *name;
	struct vx_dsn_report report;
	struct vx_dsn_recipient recipients[4];
	vx_slice body; /* of the whole, when that goes back */
	bool has_8bit, needs_utf8;
} cases[] = {
	{ .name = "failed",
	    .report = { .envid = VX_SLICE_INIT("QQ+2B31+20x"),
		.arrival = 1795860000,
		.header = VX_SLICE_INIT(ORIGINAL "\r\nbody") },
	    .recipients = { { .action = VX_DSN_FAILED,
		.address = VX_SLICE_INIT("bob@b.test"),
		.orcpt = VX_SLICE_INIT("rfc822;bob+2Blunch@b.test"),
		.status = VX_SLICE_INIT("5.1.1"),
		.diagnostic = VX_SLICE_INIT("550 5.1.1 no such mailbox"),
		.remote = VX_SLICE_INIT("mx.b.test"),
		.attempted = 1795860060,
		.retry_until = 1795860060 } } }, /* of delays only */
	{ .name = "failed-full",
	    .report = { .full = true, .header = VX_SLICE_INIT(ORIGINAL "\r\n") },
	    .recipients = { { .action = VX_DSN_FAILED,
		.address = VX_SLICE_INIT("bob@b.test"),
		.status = VX_SLICE_INIT("5.4.7"),
		.diagnostic =
		    VX_SLICE_INIT("it was tried for five days, and nobody answered") } },
	    .body = VX_SLICE_INIT("At noon?\r\n--\r\nAnn") },
	{ .name = "failed-full-8bit",
	    .report = { .full = true,
		.has_8bit = true,
		.header = VX_SLICE_INIT(ORIGINAL "\r\n") },
	    .recipients = { { .action = VX_DSN_FAILED,
		.address = VX_SLICE_INIT("bob@b.test") } },
	    .body = VX_SLICE_INIT("Um zw\xc3\xb6lf?\r\n"),
	    .has_8bit = true },
	{ .name = "delayed",
	    .report = { .full = true,
		.arrival = 1795860000,
		.header = VX_SLICE_INIT(ORIGINAL) },
	    .recipients = { { .action = VX_DSN_DELAYED,
				.address = VX_SLICE_INIT("bob@b.test"),
				.status = VX_SLICE_INIT("4.4.1"),
				.remote = VX_SLICE_INIT("mx.b.test"),
				.retry_until = 1796292000 },
		{ .action = VX_DSN_DELAYED,
		    .address = VX_SLICE_INIT("carol@b.test"),
		    .diagnostic = VX_SLICE_INIT("452 4.2.2 full"),
		    .status = VX_SLICE_INIT("4.2.2"),
		    .remote = VX_SLICE_INIT("mx.b.test") } } },
	{ .name = "success",
	    .report = { .full = true, .header = VX_SLICE_INIT(ORIGINAL) },
	    .recipients = { { .action = VX_DSN_DELIVERED,
				.address = VX_SLICE_INIT("bob@b.test") },
		{ .action = VX_DSN_RELAYED,
		    .address = VX_SLICE_INIT("carol@b.test"),
		    .diagnostic = VX_SLICE_INIT("250 2.0.0 queued"),
		    .status = VX_SLICE_INIT("2.0.0"),
		    .remote = VX_SLICE_INIT("mx.b.test") },
		{ .action = VX_DSN_EXPANDED,
		    .address = VX_SLICE_INIT("all@a.test"),
		    .orcpt = VX_SLICE_INIT("rfc822;ALL@a.test") } } },
	{ .name = "mixed",
	    .report = { .header = VX_SLICE_INIT("From: ann@a.test\r\n") },
	    .recipients = { { .action = VX_DSN_DELIVERED,
				.address = VX_SLICE_INIT("dave@d.test") },
		{ .action = VX_DSN_DELAYED, .address = VX_SLICE_INIT("carol@b.test") },
		{ .action = VX_DSN_FAILED,
		    .address = VX_SLICE_INIT("bob@b.test"),
		    .status = VX_SLICE_INIT("5.01.1") },
		{ .action = VX_DSN_FAILED, .address = VX_SLICE_INIT("eve@b.test") } } },
	{ .name = "no-header",
	    .recipients = { { .action = VX_DSN_FAILED,
		.address = VX_SLICE_INIT("\"bob  b\"@b.test"),
		.orcpt = VX_SLICE_INIT("x400;/C+3Ddk/") } } },
	{ .name = "utf8",
	    .report = { .header = VX_SLICE_INIT("From: ann@a.test\r\nSubject: "
						"Gr\xc3\xbc\xc3\x9f"
						"e\r\nMessage-ID: <x@a.test>\r\n"
						"X-Trailing: x \r\n") },
	    .recipients = { { .action = VX_DSN_FAILED,
				.address = VX_SLICE_INIT("b\xc3\xb6"
							 "b@b.test"),
				.orcpt = VX_SLICE_INIT("utf-8;b\\x{F6}+b@b.test"),
				.diagnostic =
				    VX_SLICE_INIT("550 5.6.7 gibt\xc2\xb4s nicht"),
				.status = VX_SLICE_INIT("5.6.7"),
				.remote = VX_SLICE_INIT("mx.b.test") },
		{ .action = VX_DSN_FAILED,
		    .address = VX_SLICE_INIT("xn@b.test"),
		    .orcpt = VX_SLICE_INIT("utf-8;\xc3\xb6@b.test") } } },
	{ .name = "utf8-path",
	    .report = { .to = VX_SLICE_INIT("\xc3\xa4nn@a.test"),
		.header = VX_SLICE_INIT("From: \xc3\xa4nn@a.test\r\nSubject: "
					"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n") },
	    .recipients = { { .action = VX_DSN_FAILED,
		.address = VX_SLICE_INIT("b\xc3\xb6"
					 "b@b.test"),
		.orcpt = VX_SLICE_INIT("utf-8;b\\x{F6}b+b@b.test"),
		.diagnostic = VX_SLICE_INIT("550 5.6.7 gibt\xc2\xb4s nicht"),
		.remote = VX_SLICE_INIT("mx.b.test") } },
	    .has_8bit = true,
	    .needs_utf8 = true },
	{ .name = "utf8-full",
	    .report = { .full = true,
		.has_8bit = true,
		.header = VX_SLICE_INIT("Subject: Gr\xc3\xbc\xc3\x9f"
					"e\r\n\r\n") },
	    .recipients = { { .action = VX_DSN_FAILED,
		.address = VX_SLICE_INIT("bob@b.test") } },
	    .body = VX_SLICE_INIT("A long line, so that it is folded in base64, with "
				  "\xc3\xa4\xc3\xb6\xc3\xbc.\r\n") },
	{ .name = "utf8-path-full",
	    .report = { .full = true,
		.has_8bit = true,
		.to = VX_SLICE_INIT("\xc3\xa4nn@a.test"),
		.header = VX_SLICE_INIT("Subject: Gr\xc3\xbc\xc3\x9f"
					"e\r\n\r\n") },
	    .recipients = { { .action = VX_DSN_FAILED,
		.address = VX_SLICE_INIT("bob@b.test") } },
	    .body = VX_SLICE_INIT("\xc3\xa4"),
	    .has_8bit = true,
	    .needs_utf8 = true },
	{ .name = "subject",
	    .report = { .header = VX_SLICE_INIT(
			    "Subject: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fa=3F=3D?=\r\n") },
	    .recipients = { { .action = VX_DSN_FAILED,
		.address = VX_SLICE_INIT("bob@b.test") } } },
	{ .name = "hostile",
	    .report = { .envid = VX_SLICE_INIT("a+0D+0AFinal-Recipient:+20x"),
		.header = VX_SLICE_INIT(
		    "Subject: =?utf-8?Q?a=0D=0ABcc:_eve@e.test=1B[2J=E2=80=AE?= x\r\n"
		    "Date: yesterday\r\n\t(or so) \x1b[31m\r\n"
		    "Message-ID: <a b@c>\r\n"
		    "X-Bare: a\rb\nc: \x00\x80 x\r\n") },
	    .recipients = { { .action = VX_DSN_FAILED,
		.address = VX_SLICE_INIT("bob@b.test"),
		.orcpt = VX_SLICE_INIT("rfc822;a+0D+0AAction:+20delivered"),
		.status = VX_SLICE_INIT("5.1.1\r\nAction: delivered"),
		.diagnostic = VX_SLICE_INIT("550 no\r\n\r\nFinal-Recipient: rfc822; "
					    "eve@e.test\0\xff\xe2\x80\xae end"),
		.remote = VX_SLICE_INIT("mx.b.test\r\nStatus: 2.0.0") } } },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static size_t count_recipients(const struct report_case *c)
{
	size_t n = 0;

	while (n < 4 && c->recipients[n].address.len > 0)
		n++;
	return n;
}

static struct vx_dsn_report complete(const struct report_case *c)
{
	struct vx_dsn_report r = c->report;

	r.hostname = VX_S("mx.test");
	r.from = VX_S("postmaster@mx.test");
	if (r.to.len == 0)
		r.to = VX_S("ann@a.test");
	r.message_id = VX_S("dsn.1@mx.test");
	r.token = VX_S("7hQ2k9Zr1bVd");
	r.now = 1795860120;
	r.recipients = c->recipients;
	r.count = count_recipients(c);
	return r;
}

/* chunk: how the original is cut. */
static void write_report(const struct report_case *c, size_t chunk,
    struct vx_dsn_writer *w, struct vx_buf *out)
{
	const struct vx_dsn_report r = complete(c);
	struct vx_buf whole = { .max = 4096 };
	vx_slice rest;

	vxt_assert_ok(vx_dsn_begin(w, &r, out));
	vx_buf_add(&whole, r.header);
	vx_buf_add(&whole, c->body);
	for (rest = vx_buf_slice(&whole); w->returning && rest.len > 0;
	     rest = vx_slice_from(rest, chunk))
		vx_dsn_content(w, vx_slice_head(rest, chunk), out);
	vx_dsn_end(w, out);
	vx_buf_done(&whole);
}

/* What any server takes. */
static void check_lines(const struct report_case *c, vx_slice s)
{
	bool ascii = true;
	vx_slice line;

	ck_assert(vx_slice_has_suffix(s, VX_S("\r\n")));
	while (s.len > 0) {
		(void)vx_slice_cut(&s, '\n', &line);
		ck_assert_msg(vx_slice_find(line, '\r') == line.len - 1, "%s", c->name);
		ck_assert_uint_le(line.len, 999);
		for (size_t i = 0; i < line.len; i++) {
			ck_assert(line.ptr[i] != '\0');
			ascii = ascii && (unsigned char)line.ptr[i] < 128;
		}
	}
	ck_assert_msg(ascii != c->has_8bit, "%s", c->name);
}

START_TEST(reports)
{
	for (size_t i = 0; i < CASES; i++) {
		static const size_t chunks[] = { SIZE_MAX, 1, 7 };
		char path[100];
		struct vx_buf want;

		(void)snprintf(path, sizeof(path), "dsn/%s.eml", cases[i].name);
		want = vxt_read(path);
		for (size_t k = 0; k < 3; k++) {
			struct vx_buf got = { .max = 1 << 20 };
			struct vx_dsn_writer w;

			write_report(&cases[i], chunks[k], &w, &got);
			ck_assert_msg(
			    vx_slice_eq(vx_buf_slice(&got), vx_buf_slice(&want)),
			    "%s:\n%.*s", cases[i].name, (int)got.len, got.ptr);
			check_lines(&cases[i], vx_buf_slice(&got));
			ck_assert(w.has_8bit == cases[i].has_8bit);
			ck_assert(w.needs_utf8 == cases[i].needs_utf8);
			vx_buf_done(&got);
		}
		vx_buf_done(&want);
	}
}
END_TEST

/* --- they are read back ------------------------------------------------------------- */

static void check_told(const struct vx_dsn_told *got, const struct vx_dsn_recipient *want)
{
	ck_assert_int_eq(got->action, want->action);
	if (vx_slice_find_slice(want->address, VX_S("  ")) == want->address.len)
		vxt_assert_slice(got->address, want->address);
	if (want->status.len == 5)
		vxt_assert_slice(vx_slice_str(got->status), want->status);
	if (vx_slice_has_prefix(want->diagnostic, VX_S("550 5.1.1")))
		vxt_assert_slice(got->diagnostic, want->diagnostic);
	if (vx_slice_has_prefix(want->diagnostic, VX_S("550 ")))
		ck_assert_uint_eq(got->code, 550);
}

START_TEST(reports_are_read_back)
{
	for (size_t i = 0; i < CASES; i++) {
		struct vx_arena arena = { .limit = 1 << 20 };
		struct vx_buf text = { .max = 1 << 20 };
		struct vx_dsn_notice n;
		struct vx_dsn_writer w;

		write_report(&cases[i], 100, &w, &text);
		vxt_assert_ok(vx_dsn_read(vx_buf_slice(&text), &arena, &n));
		ck_assert_uint_eq(n.count, count_recipients(&cases[i]));
		ck_assert(!n.cut);
		vxt_assert_str(n.reporting, "mx.test");
		for (size_t k = 0; k < n.count; k++)
			check_told(&n.told[k], &cases[i].recipients[k]);
		vx_buf_done(&text);
		vx_arena_done(&arena);
	}
}
END_TEST

START_TEST(what_is_read_of_one)
{
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_buf text = { .max = 1 << 20 };
	struct vx_dsn_notice n;
	struct vx_dsn_writer w;

	write_report(&cases[0], 100, &w, &text);
	vxt_assert_ok(vx_dsn_read(vx_buf_slice(&text), &arena, &n));
	vxt_assert_str(n.envelope_id, "QQ+31 x");
	vxt_assert_str(n.message_id, "lunch@a.test");
	vxt_assert_str(n.told[0].original, "bob+lunch@b.test");
	vxt_assert_str(n.told[0].remote, "mx.b.test");
	vx_buf_done(&text);
	vx_arena_done(&arena);
}
END_TEST

/* --- those of others ---------------------------------------------------------------- */

/* A line for each thing that is known. */
static void show(const struct vx_dsn_notice *n, struct vx_buf *out)
{
	static const char *const names[] = { "unknown", "failed", "delayed", "delivered",
		"relayed", "expanded" };

	vx_buf_printf(out, "envelope %.*s\nreporting %.*s\nmessage %.*s\n",
	    (int)n->envelope_id.len, n->envelope_id.ptr, (int)n->reporting.len,
	    n->reporting.ptr, (int)n->message_id.len, n->message_id.ptr);
	for (size_t i = 0; i < n->count; i++) {
		const struct vx_dsn_told *const t = &n->told[i];

		vx_buf_printf(out, "%s %s %u <%.*s> <%.*s> %.*s | %.*s\n",
		    names[t->action], t->status, t->code, (int)t->address.len,
		    t->address.ptr, (int)t->original.len, t->original.ptr,
		    (int)t->remote.len, t->remote.ptr, (int)t->diagnostic.len,
		    t->diagnostic.ptr);
	}
}

static void check_read(const char *name, bool crlf)
{
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_buf want, got = { .max = 65536 }, message = { .max = 1 << 20 }, raw;
	struct vx_dsn_notice n;
	char path[100];

	(void)snprintf(path, sizeof(path), "dsn/read/%s.eml", name);
	raw = vxt_read(path);
	for (size_t i = 0; i < raw.len; i++) {
		if (crlf && raw.ptr[i] == '\n')
			vx_buf_add_char(&message, '\r');
		vx_buf_add_char(&message, raw.ptr[i]);
	}
	(void)snprintf(path, sizeof(path), "dsn/read/%s.txt", name);
	want = vxt_read(path);
	vxt_assert_ok(vx_dsn_read(vx_buf_slice(&message), &arena, &n));
	show(&n, &got);
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&got), vx_buf_slice(&want)), "%s:\n%.*s",
	    name, (int)got.len, got.ptr);
	vx_buf_done(&raw);
	vx_buf_done(&want);
	vx_buf_done(&got);
	vx_buf_done(&message);
	vx_arena_done(&arena);
}

START_TEST(reports_of_others)
{
	static const char *const names[] = { "rfc3461-7", "rfc3461-8", "rfc3461-9", "ses",
		"cpython-43", "postfix", "exchange", "untyped", "global" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		check_read(names[i], true);
		check_read(names[i], false);
	}
}
END_TEST

#define REPORT(type) "Content-Type: multipart/report; " type "boundary=b\r\n\r\n"
#define STATUS "--b\r\nContent-Type: message/delivery-status\r\n\r\n"

START_TEST(what_is_no_report)
{
	static const char *const none[] = {
		"",
		"Subject: x\r\n\r\nFinal-Recipient: rfc822; a@b\r\n",
		"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; "
		"a@b\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n" STATUS
		"\r\nFinal-Recipient: rfc822; a@b\r\n--b--\r\n",
		REPORT("report-type=disposition-notification; ") STATUS
		"\r\nFinal-Recipient: rfc822; a@b\r\n--b--\r\n",
		REPORT("") "--b\r\n\r\nno status\r\n--b--\r\n",
		REPORT("") STATUS "--b--\r\n",
		REPORT("") STATUS
		"Reporting-MTA: dns; a\r\n\r\nAction: failed\r\n--b--\r\n",
	};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct vx_arena arena = { .limit = 1 << 20 };
		struct vx_dsn_notice n = { .count = 77 };

		ck_assert_msg(vx_dsn_read(vx_slice_str(none[i]), &arena, &n) == VX_ENOENT,
		    "%zu", i);
		ck_assert_uint_eq(n.count, 77);
		vx_arena_done(&arena);
	}
}
END_TEST

START_TEST(fields_that_are_odd)
{
	static const struct {
		const char *fields;
		enum vx_dsn_action action;
		const char *status, *address;
		unsigned code;
	} odd[] = {
		{ "Final-Recipient: a@b\r\nStatus: 5.1.1 (no such)\r\n", VX_DSN_FAILED,
		    "5.1.1", "a@b", 0 },
		{ "FINAL-RECIPIENT: RFC822 ;<a@b>\r\nACTION: FAILED (x)\r\n",
		    VX_DSN_FAILED, "", "a@b", 0 },
		{ "Final-Recipient: rfc822 (x) ; a@b\r\nStatus: 4.1.1\r\n",
		    VX_DSN_DELAYED, "4.1.1", "a@b", 0 },
		{ "Final-Recipient: utf-8; \\x{E4}@b\r\nStatus: 2.1.1\r\n",
		    VX_DSN_DELIVERED, "2.1.1", "\xc3\xa4@b", 0 },
		{ "Final-Recipient: utf-8; \\x{@b\r\nStatus: 511\r\n", VX_DSN_UNKNOWN, "",
		    "\\x{@b", 0 },
		{ "Final-Recipient: rfc822;\r\n a@b\r\nAction: odd\r\nStatus: 55.1.1\r\n",
		    VX_DSN_UNKNOWN, "", "a@b", 0 },
		{ "Final-Recipient: rfc822; a\x01\xff@b\r\nAction: relayed\r\n"
		  "Diagnostic-Code: smtp; 250-ok\r\n",
		    VX_DSN_RELAYED, "", "a??@b", 250 },
		{ "Final-Recipient: rfc822; a@b\r\nAction: expanded\r\nDiagnostic-Code: "
		  "250\r\n",
		    VX_DSN_EXPANDED, "", "a@b", 250 },
		{ "Final-Recipient: rfc822; a@b\r\nAction: failed\r\n"
		  "Diagnostic-Code: smtp; 5501 x\r\nStatus: 5.1.1000\r\n",
		    VX_DSN_FAILED, "", "a@b", 0 },
		{ "Final-Recipient: rfc822; a@b\r\nAction: failed\r\n"
		  "Diagnostic-Code: smtp; 199 x\r\nStatus: 05.1.1\r\n",
		    VX_DSN_FAILED, "", "a@b", 0 },
		{ "Final-Recipient: rfc822; a@b\r\nAction: failed\r\n"
		  "Diagnostic-Code: smtp; 600 x\r\nStatus: 5.0001.1\r\n",
		    VX_DSN_FAILED, "5.0001.1", "a@b", 0 },
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct vx_arena arena = { .limit = 1 << 20 };
		struct vx_buf text = { .max = 4096 };
		struct vx_dsn_notice n;

		vx_buf_printf(&text, "%s%sReporting-MTA: dns; x\r\n\r\n%s\r\n--b--\r\n",
		    REPORT(""), STATUS, odd[i].fields);
		vxt_assert_ok(vx_dsn_read(vx_buf_slice(&text), &arena, &n));
		ck_assert_uint_eq(n.count, 1);
		ck_assert_int_eq(n.told[0].action, odd[i].action);
		ck_assert_str_eq(n.told[0].status, odd[i].status);
		ck_assert_uint_eq(n.told[0].code, odd[i].code);
		vxt_assert_str(n.told[0].address, odd[i].address);
		vx_buf_done(&text);
		vx_arena_done(&arena);
	}
}
END_TEST

START_TEST(very_many_are_read)
{
	for (size_t over = 0; over < 2; over++) {
		struct vx_arena arena = { .limit = 1 << 20 }, small = { .limit = 20000 };
		struct vx_buf text = { .max = 1 << 20 };
		struct vx_dsn_notice n;

		vx_buf_add_str(&text, REPORT("") STATUS);
		for (size_t i = 0; i < VX_DSN_READ_RECIPIENTS_MAX + over; i++)
			vx_buf_printf(&text,
			    "\r\nFinal-Recipient: rfc822; r%zu@b.test\r\nAction: "
			    "failed\r\n",
			    i);
		vx_buf_add_str(&text, "--b--\r\n");
		vxt_assert_ok(vx_dsn_read(vx_buf_slice(&text), &arena, &n));
		ck_assert_uint_eq(n.count, VX_DSN_READ_RECIPIENTS_MAX);
		ck_assert(n.cut == (over == 1));
		vxt_assert_str(n.told[n.count - 1].address, "r199@b.test");
		ck_assert_int_eq(vx_dsn_read(vx_buf_slice(&text), &small, &n), VX_ELIMIT);
		vx_arena_done(&arena);
		vx_arena_done(&small);
		vx_buf_done(&text);
	}
}
END_TEST

/* --- limits of what is written ------------------------------------------------------ */

START_TEST(values_that_do_not_belong_there)
{
	static char longest[VX_DSN_ADDRESS_MAX + 1];
	const struct report_case *const c = &cases[0];
	struct vx_dsn_recipient to = c->recipients[0];
	struct vx_buf out = { .max = 1 << 20 };
	struct vx_dsn_writer w;
	vx_slice bad[8] = { VX_S("a\r\nBcc: x"), VX_S("a\n"), VX_S("a\0"), VX_S("\x7f"),
		VX_S("a\xff"), VX_S(""), vx_slice_of(longest, sizeof(longest)) };

	memset(longest, 'x', sizeof(longest));
	for (size_t i = 0; i < 7; i++) {
		struct vx_dsn_report r[6];

		for (size_t k = 0; k < 6; k++)
			r[k] = complete(c);
		r[0].hostname = r[1].from = r[2].to = r[3].message_id = r[4].token =
		    bad[i];
		to.address = bad[i];
		r[5].recipients = &to;
		for (size_t k = 0; k < 6; k++)
			ck_assert_int_eq(vx_dsn_begin(&w, &r[k], &out), VX_EINVAL);
	}
	ck_assert_uint_eq(out.len, 0);
	vx_buf_done(&out);
}
END_TEST

START_TEST(no_recipients_and_too_many)
{
	static struct vx_dsn_recipient many[VX_DSN_RECIPIENTS_MAX + 1];
	struct vx_buf out = { .max = (size_t)64 << 20 };
	struct vx_dsn_report r = complete(&cases[0]);
	static char said[5000];
	struct vx_dsn_writer w;

	memset(said, 'x', sizeof(said));
	r.count = 0;
	ck_assert_int_eq(vx_dsn_begin(&w, &r, &out), VX_EINVAL);
	for (size_t i = 0; i <= VX_DSN_RECIPIENTS_MAX; i++)
		many[i] = (struct vx_dsn_recipient){ .action = VX_DSN_DELAYED,
			.address = vx_slice_of(said, VX_DSN_ADDRESS_MAX),
			.orcpt = cases[0].recipients[0].orcpt,
			.remote = vx_slice_of(said, sizeof(said)),
			.diagnostic = vx_slice_of(said, sizeof(said)),
			.attempted = 1,
			.retry_until = 1 };
	r.recipients = many;
	r.count = VX_DSN_RECIPIENTS_MAX + 1;
	ck_assert_int_eq(vx_dsn_begin(&w, &r, &out), VX_ELIMIT);
	r.count = VX_DSN_RECIPIENTS_MAX;
	vxt_assert_ok(vx_dsn_begin(&w, &r, &out));
	vx_dsn_end(&w, &out);
	ck_assert(!out.failed);
	ck_assert_uint_lt(
	    out.len, VX_DSN_OUT_FIXED + VX_DSN_RECIPIENTS_MAX * VX_DSN_OUT_MAX);
	vx_buf_done(&out);
}
END_TEST

/* How much one recipient more makes of a report. */
static size_t cost(const struct vx_dsn_recipient *to)
{
	const struct vx_dsn_recipient both[] = { *to, *to };
	struct vx_dsn_report r = complete(&cases[0]);
	size_t len[2];

	r.recipients = both;
	for (r.count = 1; r.count <= 2; r.count++) {
		struct vx_buf out = { .max = 1 << 24 };
		struct vx_dsn_writer w;

		vxt_assert_ok(vx_dsn_begin(&w, &r, &out));
		vx_dsn_end(&w, &out);
		ck_assert(!out.failed);
		check_lines(&cases[0], vx_buf_slice(&out));
		len[r.count - 1] = out.len;
		vx_buf_done(&out);
	}
	return len[1] - len[0];
}

static void fill(struct vx_buf *b, const char *begin, const char *unit, size_t max)
{
	vx_buf_add_str(b, begin);
	while (b->len + strlen(unit) <= max)
		vx_buf_add_str(b, unit);
}

/* What has the longest forms: blanks in an address in UTF-8, and UTF-8 everywhere. */
START_TEST(the_largest_of_one_recipient)
{
	static const char *const units[] = { " ", "\xc3\xa4", "\xe4\xbe\x8b",
		"\xf0\x9f\x93\xa7", "\xc3\xa4 " };
	size_t most = 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct vx_buf text = { .max = 1 << 20 }, orcpt = { .max = 600 },
			      address = { .max = 2000 };
		struct vx_dsn_recipient to = { .action = VX_DSN_DELAYED };
		size_t n;

		fill(&text, "", "\xf0\x9f\x93\xa7", 20000);
		fill(&orcpt, "utf-8;", i == 0 ? "\\x{20}" : "\xc3\xa4", VX_DSN_ORCPT_MAX);
		fill(&address, "\xc3\xa4", units[i], VX_DSN_ADDRESS_MAX);
		to.address = vx_buf_slice(&address);
		to.diagnostic = to.remote = vx_buf_slice(&text);
		to.orcpt = vx_buf_slice(&orcpt);
		to.attempted = to.retry_until = 1;
		n = cost(&to);
		most = n > most ? n : most;
		vx_buf_done(&text);
		vx_buf_done(&orcpt);
		vx_buf_done(&address);
	}
	ck_assert_uint_lt(most, VX_DSN_OUT_MAX);
	ck_assert_uint_gt(most, VX_DSN_OUT_MAX / 4);
}
END_TEST

/* And of what is there once: a header that has to be encoded. */
START_TEST(the_largest_of_all_else)
{
	struct vx_buf header = { .max = 1 << 20 }, out = { .max = 1 << 24 };
	struct vx_dsn_report r = complete(&cases[0]);
	struct vx_dsn_writer w;

	fill(&header, "Subject: ", "\xf0\x9f\x93\xa7", 20000);
	fill(&header, "\r\nDate: ", "\xf0\x9f\x93\xa7", 40000);
	fill(&header, "\r\nX: ", "\x01", VX_DSN_HEADER_MAX - 2);
	vx_buf_add_str(&header, "\r\n");
	r.header = vx_buf_slice(&header);
	vxt_assert_ok(vx_dsn_begin(&w, &r, &out));
	vx_dsn_end(&w, &out);
	check_lines(&cases[0], vx_buf_slice(&out));
	ck_assert_uint_lt(out.len, VX_DSN_OUT_FIXED);
	ck_assert_uint_gt(out.len, VX_DSN_OUT_FIXED / 4);
	vx_buf_done(&header);
	vx_buf_done(&out);
}
END_TEST

/* Whole fields, as many as the limit takes. */
START_TEST(a_header_is_cut_between_fields)
{
	struct vx_buf header = { .max = 1 << 20 }, out = { .max = 1 << 20 };
	struct vx_dsn_report r = complete(&cases[0]);
	struct vx_dsn_writer w;
	vx_slice text;
	size_t at;

	for (size_t i = 0; header.len < 2 * VX_DSN_HEADER_MAX; i++)
		vx_buf_printf(&header, "X-%zu: some text\r\n and more\r\n", i);
	r.header = vx_buf_slice(&header);
	vxt_assert_ok(vx_dsn_begin(&w, &r, &out));
	vx_dsn_end(&w, &out);
	text = vx_buf_slice(&out);
	at = vx_slice_find_slice(text, VX_S("X-0:"));
	text = vx_slice_from(text, at);
	text = vx_slice_head(text, vx_slice_find_slice(text, VX_S("\r\n--")));
	ck_assert_uint_gt(text.len, VX_DSN_HEADER_MAX - 100);
	ck_assert_uint_le(text.len, VX_DSN_HEADER_MAX);
	ck_assert(vx_slice_has_suffix(text, VX_S("some text\r\n and more\r\n")));
	vx_buf_done(&header);
	vx_buf_done(&out);
}
END_TEST

/* RFC 5322 2.1.1: 998 octets and no more stand in a line. */
START_TEST(a_header_with_long_lines)
{
	for (size_t over = 0; over < 2; over++) {
		struct vx_buf header = { .max = 4096 }, out = { .max = 1 << 20 };
		struct vx_dsn_report r = complete(&cases[0]);
		struct vx_dsn_writer w;
		const vx_slice qp =
		    VX_S("text/rfc822-headers\r\nContent-Transfer-Encoding: "
			 "quoted-printable");
		bool encoded;

		fill(&header, "X: ", "x", 998 + over);
		vx_buf_add_str(&header, "\r\n");
		r.header = vx_buf_slice(&header);
		vxt_assert_ok(vx_dsn_begin(&w, &r, &out));
		vx_dsn_end(&w, &out);
		encoded = vx_slice_find_slice(vx_buf_slice(&out), qp) < out.len;
		ck_assert(encoded == (over == 1));
		check_lines(&cases[0], vx_buf_slice(&out));
		vx_buf_done(&header);
		vx_buf_done(&out);
	}
}
END_TEST

START_TEST(out_that_is_full)
{
	for (size_t c = 0; c < CASES; c++) {
		struct vx_buf all = { .max = 1 << 20 };
		struct vx_dsn_writer w;

		write_report(&cases[c], 100, &w, &all);
		for (size_t max = 0; max <= all.len; max += max < all.len - 50 ? 50 : 1) {
			struct vx_buf out = { .max = max };

			write_report(&cases[c], 100, &w, &out);
			ck_assert(out.failed == (max < all.len));
			vx_buf_done(&out);
		}
		vx_buf_done(&all);
	}
}
END_TEST

START_TEST(who_is_told)
{
	for (unsigned notify = 0; notify < 16; notify++) {
		ck_assert(vx_dsn_wanted(notify, VX_DSN_FAILED) ==
			  (notify == 0 || (notify & VX_SMTP_NOTIFY_FAILURE) != 0));
		ck_assert(vx_dsn_wanted(notify, VX_DSN_DELAYED) ==
			  (notify == 0 || (notify & VX_SMTP_NOTIFY_DELAY) != 0));
		for (unsigned a = VX_DSN_DELIVERED; a <= VX_DSN_EXPANDED; a++)
			ck_assert(vx_dsn_wanted(notify, (enum vx_dsn_action)a) ==
				  ((notify & VX_SMTP_NOTIFY_SUCCESS) != 0));
		ck_assert(!vx_dsn_wanted(notify, VX_DSN_UNKNOWN));
	}
}
END_TEST

VXT_SUITE(test_dsn, "dsn", reports, reports_are_read_back, what_is_read_of_one,
    reports_of_others, what_is_no_report, fields_that_are_odd, very_many_are_read,
    values_that_do_not_belong_there, no_recipients_and_too_many,
    the_largest_of_one_recipient, the_largest_of_all_else, a_header_is_cut_between_fields,
    a_header_with_long_lines, out_that_is_full, who_is_told)
