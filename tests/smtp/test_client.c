/* The client: sessions in files, whole and cut, and cut short everywhere. */
#include "base/mem.h"
#include "client_host.h"
#include "lib/vxt.h"
#include "vectis/dns.h"

#include <stdio.h>

static const char *const files[] = { "hello", "garbage", "starttls", "auth", "mail",
	"pipelining", "chunking", "extensions", "limits" };
#define FILES (sizeof(files) / sizeof(files[0]))

static void each(client_session_fn *fn, void *ctx)
{
	for (size_t i = 0; i < FILES; i++) {
		char path[100];

		(void)snprintf(path, sizeof(path), "smtp_client/%s.session", files[i]);
		client_sessions(path, fn, ctx);
	}
}

static void play(
    vx_slice title, vx_slice options, vx_slice lines, enum client_cut cut, unsigned seed)
{
	struct vx_buf want = { .max = 1 << 20 };
	struct client_host h;
	vx_slice rest = lines, line;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		vx_buf_add(&want, line);
		vx_buf_add_char(&want, '\n');
	}
	client_open(&h, options, cut);
	h.seed = seed;
	client_play(&h, lines, SIZE_MAX);
	ck_assert_msg(vx_slice_eq(vx_buf_slice(&h.log), vx_buf_slice(&want)),
	    "%.*s: cut %d, seed %u:\n%.*s", (int)title.len, title.ptr, (int)cut, seed,
	    (int)h.log.len, h.log.ptr);
	client_close(&h);
	vx_buf_done(&want);
}

static void play_all_ways(void *ctx, vx_slice title, vx_slice options, vx_slice lines)
{
	(void)ctx;
	play(title, options, lines, CUT_NOT, 0);
	if (vx_slice_find_slice(options, VX_S("whole")) < options.len)
		return; /* another cut, another session */
	play(title, options, lines, CUT_OCTETS, 0);
	for (unsigned seed = 1; seed <= 16; seed++)
		play(title, options, lines, CUT_RANDOM, seed);
}

START_TEST(sessions)
{
	each(play_all_ways, NULL);
}
END_TEST

static size_t count_peer(vx_slice lines)
{
	size_t n = 0;
	vx_slice line;

	while (lines.len > 0) {
		(void)vx_slice_cut(&lines, '\n', &line);
		if (vx_slice_has_prefix(line, VX_S("S:")) ||
		    vx_slice_has_prefix(line, VX_S("R:")))
			n += line.len;
	}
	return n;
}

/* The last thing said is the dot, or the content of a last chunk. */
static bool all_was_sent(const struct client_host *h)
{
	const vx_slice said = vx_buf_slice(&h->said), all = vx_buf_slice(&h->content);
	const size_t bdat = vx_slice_find_slice(said, VX_S(" LAST\r\n"));

	return vx_slice_has_suffix(said, VX_S("\r\n.\r\n")) ||
	       (bdat < said.len && said.len - bdat - 7 >= all.len &&
		   vx_slice_has_suffix(said, all) &&
		   vx_slice_find_slice(vx_slice_from(said, bdat + 1),
		       VX_S(" LAST\r\n")) == said.len - bdat - 1);
}

/* The peer closes after each octet that it said. */
static void close_everywhere(void *ctx, vx_slice title, vx_slice options, vx_slice lines)
{
	size_t *const unknown = ctx;

	for (size_t n = 0; n <= count_peer(lines); n++) {
		struct client_host h;
		size_t results = 0;

		client_open(&h, options, CUT_NOT);
		client_play(&h, lines, n);
		if (h.end != VX_DONE)
			client_lost(&h);
		ck_assert_msg(
		    h.end == VX_DONE, "%.*s: %zu", (int)title.len, title.ptr, n);
		ck_assert_msg(!h.sending, "%.*s: %zu", (int)title.len, title.ptr, n);
		ck_assert_uint_le(h.failed, 1);
		for (size_t i = 0; i < h.message.to_count; i++) {
			if (!h.told[i] || h.outcomes[i] != VX_SMTP_UNKNOWN)
				continue;
			results++;
			ck_assert_msg(
			    all_was_sent(&h), "%.*s: %zu", (int)title.len, title.ptr, n);
		}
		*unknown += results;
		client_close(&h);
	}
}

START_TEST(a_peer_that_closes_anywhere)
{
	size_t unknown = 0;

	each(close_everywhere, &unknown);
	ck_assert_uint_gt(unknown, 100);
}
END_TEST

static void without_memory(void *ctx, vx_slice title, vx_slice options, vx_slice lines)
{
	size_t *const failures = ctx;

	for (size_t n = 1;; n++) {
		struct client_host h;

		client_open(&h, options, CUT_NOT);
		/* its own buffers are not what is tested */
		(void)vx_buf_reserve(&h.out, h.out.max);
		(void)vx_buf_reserve(&h.said, 1 << 16);
		(void)vx_buf_reserve(&h.log, 1 << 16);
		(void)vx_buf_reserve(&h.content, 1 << 16);
		(void)vx_buf_reserve(&h.failure_text, h.failure_text.max);
		h.no_memory = true;
		vx_mem_fail_at(n);
		client_play(&h, lines, SIZE_MAX);
		client_close(&h);
		if (!vx_mem_failed())
			break;
		(*failures)++;
		ck_assert_msg(n < 1000, "%.*s", (int)title.len, title.ptr);
	}
	vx_mem_fail_at(0);
}

START_TEST(memory_that_is_short)
{
	size_t failures = 0;

	each(without_memory, &failures);
	ck_assert_uint_gt(failures, 100);
	for (size_t n = 1;; n++) {
		const struct vx_smtp_client_options o = { .struct_size = sizeof(o),
			.hostname = VX_S("client.test") };
		struct vx_smtp_client *c = NULL;
		int rc;

		vx_mem_fail_at(n);
		rc = vx_smtp_client_new(&o, &c);
		if (!vx_mem_failed()) {
			vxt_assert_ok(rc);
			vx_smtp_client_free(c);
			break;
		}
		/* reading a domain's name may fail too: then it is none */
		ck_assert(rc == VX_ENOMEM || rc == VX_EINVAL);
		ck_assert_ptr_null(c);
	}
	vx_mem_fail_at(0);
}
END_TEST

/* --- every code at every stage ------------------------------------------------------ */

/* A prefix of a session up to where a reply is awaited. */
struct moment {
	enum vx_smtp_stage stage;
	const char *options, *before;
	bool message; /* one is under way */
};

#define EHLO "S: 220 mx\nS: 250 mx\n"
#define MESSAGE "D: x\\r\\n\nM: from=a@b.test to=c@d.test\n"
static const struct moment moments[] = {
	{ VX_SMTP_AT_GREETING, "never", "", false },
	{ VX_SMTP_AT_EHLO, "never", "S: 220 mx\n", false },
	{ VX_SMTP_AT_HELO, "never", "S: 220 mx\nE:\nS: 500 no\n", false },
	{ VX_SMTP_AT_STARTTLS, "required", "S: 220 mx\nE: \nS: 250-mx\nS: 250 STARTTLS\n",
	    false },
	{ VX_SMTP_AT_AUTH, "login tls", "S: 220 mx\nE: \nS: 250-mx\nS: 250 AUTH PLAIN\n",
	    false },
	{ VX_SMTP_AT_REST, "never", "S: 220 mx\nE: \nS: 250 mx\n", false },
	{ VX_SMTP_AT_RSET, "never",
	    "S: 220 mx\nE: \nS: 250 mx\n" MESSAGE "S: 250 ok\nE: \nS: 550 no\n" MESSAGE,
	    true },
	{ VX_SMTP_AT_MAIL, "never", "S: 220 mx\nE: \nS: 250 mx\n" MESSAGE, true },
	{ VX_SMTP_AT_RCPT, "never", "S: 220 mx\nE: \nS: 250 mx\n" MESSAGE "S: 250 ok\n",
	    true },
	{ VX_SMTP_AT_DATA, "never",
	    "S: 220 mx\nE: \nS: 250 mx\n" MESSAGE "S: 250 ok\nE: \nS: 250 ok\n", true },
	{ VX_SMTP_AT_END, "never",
	    "S: 220 mx\nE: \nS: 250 mx\n" MESSAGE
	    "S: 250 ok\nE: \nS: 250 ok\nE: \nS: 354 go\n",
	    true },
	{ VX_SMTP_AT_END, "never",
	    "S: 220 mx\nE: \nS: 250-mx\nS: 250 CHUNKING\n" MESSAGE
	    "S: 250 ok\nE: \nS: 250 ok\n",
	    true },
	{ VX_SMTP_AT_QUIT, "never", "S: 220 mx\nE: \nS: 250 mx\nQ:\n", false },
};

enum fate {
	GOES_ON, /* the connection is of use; a message under way has no result */
	REFUSED, /* of the message or the connection, as the class of the code says */
	SOFT,    /* temporary whatever the class */
	DELIVERED,
	GARBAGE, /* no such reply there */
	OVER     /* without a word */
};

/* What has to come of code at a stage, said once more and in another way. */
static enum fate expected(enum vx_smtp_stage stage, unsigned code)
{
	const unsigned class = code / 100;

	if (stage == VX_SMTP_AT_QUIT)
		return OVER;
	if (code == 421)
		return REFUSED;
	switch (stage) {
	case VX_SMTP_AT_GREETING:
		return class >= 4 ? REFUSED : code == 220 ? GOES_ON : GARBAGE;
	case VX_SMTP_AT_EHLO:
		if (code == 500 || code == 502 || code == 504 || code == 550)
			return GOES_ON;
		return class >= 4 ? REFUSED : code == 250 ? GOES_ON : GARBAGE;
	case VX_SMTP_AT_HELO:
		return class >= 4 ? REFUSED : code == 250 ? GOES_ON : GARBAGE;
	case VX_SMTP_AT_STARTTLS:
		return class >= 4 ? SOFT : code == 220 ? GOES_ON : GARBAGE;
	case VX_SMTP_AT_AUTH:
		return class >= 4 ? SOFT : code == 235 || code == 334 ? GOES_ON : GARBAGE;
	case VX_SMTP_AT_RSET:
		return class >= 4 ? SOFT : class == 2 ? GOES_ON : GARBAGE;
	case VX_SMTP_AT_MAIL:
	case VX_SMTP_AT_RCPT:
		return class >= 4 ? REFUSED : class == 2 ? GOES_ON : GARBAGE;
	case VX_SMTP_AT_DATA:
		return class >= 4 ? REFUSED : code == 354 ? GOES_ON : GARBAGE;
	case VX_SMTP_AT_END:
		return class >= 4 ? REFUSED : class == 2 ? DELIVERED : GARBAGE;
	case VX_SMTP_AT_REST:
	case VX_SMTP_AT_CONTENT:
	case VX_SMTP_AT_QUIT:
		break;
	}
	return GARBAGE;
}

static void check_fate(
    const struct client_host *h, const struct moment *m, unsigned code, enum fate fate)
{
	const enum vx_smtp_outcome by_class =
	    fate == REFUSED && code >= 500 ? VX_SMTP_PERMANENT : VX_SMTP_TEMPORARY;
	const enum vx_smtp_outcome garbage =
	    m->stage == VX_SMTP_AT_END ? VX_SMTP_UNKNOWN : VX_SMTP_TEMPORARY;
	/* a message's own refusal leaves the connection as it is */
	const bool ends = code == 421 || fate == GARBAGE || fate == SOFT || !m->message;

	switch (fate) {
	case GOES_ON:
		ck_assert_uint_eq(h->failed, 0);
		ck_assert(h->end == VX_MORE || h->end == VX_WAIT || h->end == VX_TLS);
		ck_assert(!m->message || h->sending);
		break;
	case DELIVERED:
		ck_assert(h->told[0] && h->outcomes[0] == VX_SMTP_DELIVERED);
		ck_assert_uint_eq(h->failed, 0);
		ck_assert_int_eq(h->end, VX_WAIT);
		break;
	case REFUSED:
	case SOFT:
		ck_assert_uint_eq(h->failed, ends);
		if (m->message)
			ck_assert(h->told[0] && h->outcomes[0] == by_class);
		else
			ck_assert_int_eq(h->failure.outcome, by_class);
		break;
	case GARBAGE:
		ck_assert_uint_eq(h->failed, 1);
		ck_assert_int_eq(h->end, VX_DONE);
		ck_assert_int_eq(h->failure.outcome, VX_SMTP_TEMPORARY);
		ck_assert_uint_eq(h->failure.code, 0);
		if (m->message)
			ck_assert(h->told[0] && h->outcomes[0] == garbage);
		break;
	case OVER:
		ck_assert_uint_eq(h->failed, 0);
		ck_assert_int_eq(h->end, VX_DONE);
		break;
	}
	if (h->failed > 0 && m->stage != VX_SMTP_AT_REST && (m->stage != VX_SMTP_AT_EHLO))
		ck_assert_int_eq(h->failure.stage, m->stage);
}

START_TEST(every_code_at_every_stage)
{
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		for (unsigned code = 200; code < 600; code++) {
			const struct moment *const m = &moments[i];
			char reply[32];
			struct client_host h;

			(void)snprintf(reply, sizeof(reply), "S: %u text\n", code);
			client_open(&h, vx_slice_str(m->options), CUT_NOT);
			client_play(&h, vx_slice_str(m->before), SIZE_MAX);
			ck_assert(h.end == VX_MORE || h.end == VX_WAIT);
			ck_assert_uint_eq(h.failed, 0);
			client_play(&h, vx_slice_str(reply), SIZE_MAX);
			check_fate(&h, m, code, expected(m->stage, code));
			client_close(&h);
		}
	}
}
END_TEST

/* --- what comes while the message goes ---------------------------------------------- */

/* The next event but content, the core run without anybody's answer. */
static int step(struct client_host *h, const char *in, struct vx_smtp_client_event *ev)
{
	vx_slice octets = vx_slice_str(in);
	const int rc = vx_smtp_client_next(h->core, &octets, &h->out, ev);

	ck_assert(rc == VX_DATA || octets.len == 0);
	return rc;
}

/* Up to the first question for content, of a message of 40,000 octets to two. */
static void open_in_content(struct client_host *h, const char *keywords)
{
	static char octets[40000];
	struct vx_smtp_client_event ev;

	memset(octets, 'x', sizeof(octets));
	client_open(h, VX_S("never"), CUT_NOT);
	client_play(h, VX_S("S: 220 mx\n"), SIZE_MAX);
	client_play(h, vx_slice_str(keywords), SIZE_MAX);
	vx_buf_add(&h->content, vx_slice_of(octets, sizeof(octets)));
	client_send(h, VX_S("from=a@b.test to=c@d.test to=e@f.test"));
	client_play(h, VX_S("S: 250 ok\nE: \nS: 250 ok\nE: \n"), SIZE_MAX);
	if (vx_slice_find_slice(vx_slice_str(keywords), VX_S("CHUNKING")) ==
	    strlen(keywords)) {
		client_play(h, VX_S("S: 250 ok\n"), SIZE_MAX);
		ck_assert_int_eq(step(h, "354 go\r\n", &ev), VX_DATA);
	} else {
		ck_assert_int_eq(step(h, "250 ok\r\n", &ev), VX_DATA);
	}
	ck_assert_int_eq(ev.type, VX_SMTP_CLIENT_CONTENT);
	ck_assert_uint_eq(ev.offset, 0);
	ck_assert_uint_eq(ev.wanted, VX_SMTP_CONTENT_MAX);
}

static const char *const kinds[] = { "S: 250 mx\n", "S: 250-mx\nS: 250 CHUNKING\n" };

START_TEST(a_reply_in_the_middle_of_the_message)
{
	static const struct {
		const char *reply;
		enum vx_smtp_outcome outcome;
		unsigned code;
	} cases[] = {
		{ "552 5.3.4 too large\r\n", VX_SMTP_PERMANENT, 552 },
		{ "451 4.3.1 no room\r\n", VX_SMTP_TEMPORARY, 451 },
		{ "421 4.3.2 going down\r\n", VX_SMTP_TEMPORARY, 421 },
		{ "250 2.0.0 taken\r\n", VX_SMTP_TEMPORARY, 0 },
		{ "354 go\r\n", VX_SMTP_TEMPORARY, 0 },
		{ "what?\r\n", VX_SMTP_TEMPORARY, 0 },
	};

	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct vx_smtp_client_event ev;
			struct client_host h;

			open_in_content(&h, kinds[k]);
			vxt_assert_ok(vx_smtp_client_content(h.core, &h.out,
			    vx_slice_head(vx_buf_slice(&h.content), 1000)));
			for (size_t n = 0; n < 2; n++) {
				ck_assert_int_eq(
				    step(&h, n == 0 ? cases[i].reply : "", &ev), VX_DATA);
				ck_assert_int_eq(ev.type, VX_SMTP_CLIENT_RESULT);
				ck_assert_uint_eq(ev.recipient, n);
				ck_assert_int_eq(ev.result.outcome, cases[i].outcome);
				ck_assert_uint_eq(ev.result.code, cases[i].code);
			}
			ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
			ck_assert_int_eq(ev.type, VX_SMTP_CLIENT_FAILED);
			ck_assert_int_eq(ev.result.outcome, VX_SMTP_TEMPORARY);
			ck_assert_int_eq(step(&h, "", &ev), VX_DONE);
			ck_assert_int_eq(
			    vx_smtp_client_content(h.core, &h.out, VX_S("x")), VX_ESTATE);
			/* the message is not ended */
			ck_assert(!vx_slice_has_suffix(
			    vx_buf_slice(&h.out), VX_S("\r\n.\r\n")));
			client_close(&h);
		}
	}
}
END_TEST

START_TEST(a_reply_while_content_is_awaited)
{
	struct vx_smtp_client_event ev;
	struct client_host h;

	open_in_content(&h, kinds[0]);
	ck_assert_int_eq(step(&h, "", &ev), VX_WAIT);
	ck_assert_uint_eq(vx_smtp_client_patience_s(h.core), 0);
	ck_assert_int_eq(step(&h, "552 5.3", &ev), VX_MORE);
	ck_assert_int_eq(step(&h, ".4 no\r\n", &ev), VX_DATA);
	ck_assert_int_eq(ev.type, VX_SMTP_CLIENT_RESULT);
	ck_assert_int_eq(ev.result.outcome, VX_SMTP_PERMANENT);
	ck_assert_int_eq(vx_smtp_client_content(h.core, &h.out, VX_S("x")), VX_ESTATE);
	client_close(&h);
}
END_TEST

START_TEST(content_as_it_is_wanted)
{
	static char octets[VX_SMTP_CONTENT_MAX + 1];
	struct vx_smtp_client_event ev;
	struct client_host h;

	memset(octets, 'x', sizeof(octets));
	open_in_content(&h, kinds[0]);
	ck_assert_int_eq(vx_smtp_client_content(h.core, &h.out, VX_S("")), VX_EINVAL);
	ck_assert_int_eq(
	    vx_smtp_client_content(h.core, &h.out, vx_slice_of(octets, sizeof(octets))),
	    VX_EINVAL);
	vxt_assert_ok(vx_smtp_client_content(h.core, &h.out, VX_S("x")));
	ck_assert_int_eq(vx_smtp_client_content(h.core, &h.out, VX_S("x")), VX_ESTATE);
	ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
	ck_assert_uint_eq(ev.offset, 1);
	client_close(&h);
}
END_TEST

/* Nobody drains out: the core stops by itself, and goes on when it is drained. */
START_TEST(out_is_bounded)
{
	for (size_t k = 0; k < 2; k++) {
		struct vx_smtp_client_event ev;
		struct client_host h;
		size_t pieces = 0;
		int rc;

		open_in_content(&h, kinds[k]);
		ev.wanted = VX_SMTP_CONTENT_MAX;
		h.message.size = UINT64_MAX / 2; /* which is taken at its word */
		vx_buf_reset(&h.content);
		for (size_t i = 0; i < VX_SMTP_CONTENT_MAX; i += 4)
			vx_buf_add_str(&h.content, ".\r\n.");
		do {
			vxt_assert_ok(vx_smtp_client_content(h.core, &h.out,
			    vx_slice_head(vx_buf_slice(&h.content),
				ev.wanted < 4096 ? ev.wanted : 4096)));
			pieces++;
			rc = step(&h, "", &ev);
		} while (rc == VX_DATA);
		/* a chunk of 40,000 octets is at its end before that */
		if (k == 0) {
			ck_assert_int_eq(rc, VX_MORE);
			ck_assert_uint_ge(h.out.len, VX_SMTP_OUT_HIGH);
			ck_assert_uint_lt(h.out.len, VX_SMTP_OUT_HIGH + 4 * 4096);
			vx_buf_reset(&h.out);
			ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
		}
		ck_assert_uint_gt(pieces, 9);
		client_close(&h);
	}
}
END_TEST

/* It was not known before that the message has such a thing: it is not ended. */
START_TEST(a_bare_line_end_in_the_middle)
{
	static const char *const bad[] = { "x\nx", "\n.\r\n", "x\rx", "\r.\r\n",
		"\r\r\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vx_smtp_client_event ev;
		struct client_host h;

		open_in_content(&h, kinds[0]);
		vxt_assert_ok(
		    vx_smtp_client_content(h.core, &h.out, vx_slice_str(bad[i])));
		ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
		ck_assert_int_eq(ev.type, VX_SMTP_CLIENT_RESULT);
		ck_assert_int_eq(ev.result.outcome, VX_SMTP_PERMANENT);
		ck_assert_str_eq(ev.result.status, "5.6.0");
		ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
		ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
		ck_assert_int_eq(ev.type, VX_SMTP_CLIENT_FAILED);
		ck_assert_int_eq(step(&h, "", &ev), VX_DONE);
		ck_assert_uint_eq(vx_slice_find(vx_buf_slice(&h.out), '\n'), h.out.len);
		ck_assert_uint_eq(vx_slice_find(vx_buf_slice(&h.out), '\r'), h.out.len);
		client_close(&h);
	}
}
END_TEST

/* The host cannot read the message: no recipient gets half of it. */
START_TEST(given_up_by_the_host)
{
	for (size_t k = 0; k < 2; k++) {
		struct vx_smtp_client_event ev;
		struct client_host h;

		open_in_content(&h, kinds[k]);
		vxt_assert_ok(vx_smtp_client_content(h.core, &h.out, VX_S("x")));
		vx_smtp_client_lost(h.core, "the message cannot be read");
		ck_assert_int_eq(
		    vx_smtp_client_content(h.core, &h.out, VX_S("x")), VX_ESTATE);
		ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
		ck_assert_int_eq(ev.result.outcome, VX_SMTP_TEMPORARY);
		vxt_assert_str(ev.result.text, "the message cannot be read");
		ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
		ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
		ck_assert_int_eq(ev.type, VX_SMTP_CLIENT_FAILED);
		ck_assert_int_eq(step(&h, "", &ev), VX_DONE);
		client_close(&h);
	}
}
END_TEST

/* What is known already is told as it is, though the connection is lost meanwhile. */
START_TEST(lost_while_results_are_told)
{
	struct vx_smtp_client_event ev;
	struct client_host h;

	client_open(&h, VX_S("never"), CUT_NOT);
	client_play(&h, VX_S("S: 220 mx\nE: \nS: 250 mx\n" MESSAGE), SIZE_MAX);
	client_close(&h);
	client_open(&h, VX_S("never"), CUT_NOT);
	client_play(&h,
	    VX_S("S: 220 mx\nE: \nS: 250 mx\nD: x\\r\\n\nM: from=a@b.test to=c@d.test "
		 "to=e@f.test\nS: 250 ok\nE: \nS: 250 ok\nE: \nS: 250 ok\nE: \nS: 354 "
		 "go\n"),
	    SIZE_MAX);
	ck_assert_int_eq(step(&h, "250 taken\r\n", &ev), VX_DATA);
	ck_assert_int_eq(ev.result.outcome, VX_SMTP_DELIVERED);
	vx_smtp_client_lost(h.core, "timed out");
	ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
	ck_assert_uint_eq(ev.recipient, 1);
	ck_assert_int_eq(ev.result.outcome, VX_SMTP_DELIVERED);
	vxt_assert_str(ev.result.text, "taken");
	ck_assert_int_eq(step(&h, "", &ev), VX_DATA);
	ck_assert_int_eq(ev.type, VX_SMTP_CLIENT_FAILED);
	vxt_assert_str(ev.result.text, "timed out");
	ck_assert_int_eq(step(&h, "", &ev), VX_DONE);
	client_close(&h);
}
END_TEST

/* --- chunks ------------------------------------------------------------------------- */

static void open_chunks(struct client_host *h, const char *keywords, uint64_t chunks)
{
	const uint64_t size = chunks * VX_SMTP_CHUNK_OCTETS + 1;

	client_open(h, VX_S("never"), CUT_NOT);
	for (uint64_t i = 0; i < size; i++)
		vx_buf_add_char(&h->content, (char)('a' + i % 26));
	client_play(h, VX_S("S: 220 mx\n"), SIZE_MAX);
	client_play(h, vx_slice_str(keywords), SIZE_MAX);
	client_send(h, VX_S("from=a@b.test to=c@d.test"));
	if (vx_slice_find_slice(vx_slice_str(keywords), VX_S("PIPELINING")) ==
	    strlen(keywords))
		client_play(h, VX_S("S: 250 ok\nE: \nS: 250 ok\n"), SIZE_MAX);
	else
		client_play(h, VX_S("S: 250 ok\nS: 250 ok\n"), SIZE_MAX);
}

static size_t count_in(const struct vx_buf *b, vx_slice needle)
{
	vx_slice rest = vx_buf_slice(b);
	size_t n = 0;

	for (size_t at; (at = vx_slice_find_slice(rest, needle)) < rest.len; n++)
		rest = vx_slice_from(rest, at + needle.len);
	return n;
}

static const char piped[] = "S: 250-mx\nS: 250-CHUNKING\nS: 250 PIPELINING\n";

START_TEST(chunks_one_by_one)
{
	struct client_host h;

	open_chunks(&h, "S: 250-mx\nS: 250 CHUNKING\n", 2);
	for (size_t n = 1; n <= 3; n++) {
		ck_assert_uint_eq(count_in(&h.said, VX_S("BDAT ")), n);
		ck_assert(h.sending);
		client_play(&h, VX_S("S: 250 ok\n"), SIZE_MAX);
	}
	ck_assert(!h.sending && h.outcomes[0] == VX_SMTP_DELIVERED);
	ck_assert_uint_eq(count_in(&h.said, VX_S("BDAT 262144\r\n")), 2);
	ck_assert_uint_eq(count_in(&h.said, VX_S("BDAT 1 LAST\r\n")), 1);
	client_close(&h);
}
END_TEST

START_TEST(chunks_ahead)
{
	struct client_host h;

	open_chunks(&h, piped, 6);
	ck_assert_uint_eq(count_in(&h.said, VX_S("BDAT ")), VX_SMTP_CHUNKS_AHEAD);
	for (size_t n = 0; n < 7; n++)
		client_play(&h, VX_S("S: 250 ok\n"), SIZE_MAX);
	ck_assert(!h.sending && h.outcomes[0] == VX_SMTP_DELIVERED);
	ck_assert_uint_eq(count_in(&h.said, VX_S("BDAT ")), 7);
	client_close(&h);
}
END_TEST

/* After a refusal no chunk begins, what is under way is answered, and RSET comes next. */
START_TEST(a_chunk_in_the_middle_is_refused)
{
	struct client_host h;

	open_chunks(&h, piped, 6);
	client_play(&h, VX_S("S: 250 ok\nE: \nS: 552 5.2.2 full\n"), SIZE_MAX);
	ck_assert(h.told[0] && h.outcomes[0] == VX_SMTP_PERMANENT);
	ck_assert(h.sending);
	ck_assert_uint_eq(count_in(&h.said, VX_S("BDAT ")), 5);
	client_play(&h, VX_S("S: 503 no\nS: 503 no\nS: 503 no\n"), SIZE_MAX);
	ck_assert(!h.sending);
	ck_assert_uint_eq(count_in(&h.said, VX_S("BDAT ")), 5);
	vx_buf_reset(&h.content);
	client_play(&h, VX_S(MESSAGE), SIZE_MAX);
	ck_assert(vx_slice_has_suffix(vx_buf_slice(&h.said),
	    VX_S("RSET\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n")));
	client_close(&h);
}
END_TEST

/* The last chunk is answered well after one before it was not: it is not believed. */
START_TEST(a_last_chunk_that_is_taken_nevertheless)
{
	struct client_host h;

	open_chunks(&h, piped, 2);
	client_play(&h, VX_S("S: 250 ok\nS: 451 4.3.0 no\nS: 250 taken\n"), SIZE_MAX);
	ck_assert(h.told[0] && h.outcomes[0] == VX_SMTP_TEMPORARY);
	ck_assert(!h.sending);
	client_play(&h, VX_S(MESSAGE), SIZE_MAX);
	ck_assert_uint_eq(count_in(&h.said, VX_S("RSET\r\n")), 1);
	client_close(&h);
}
END_TEST

/* --- windows and limits ------------------------------------------------------------- */

static void add_recipients(struct vx_buf *words, size_t count, size_t length)
{
	vx_buf_add_str(words, "from=a@b.test");
	for (size_t i = 0; i < count; i++) {
		vx_buf_printf(words, " to=r%zu.", i);
		for (size_t k = 0; k < length; k++)
			vx_buf_add_char(words, 'x');
		vx_buf_add_str(words, "@d.test");
	}
}

static void check_window(size_t count, size_t length, size_t most)
{
	struct vx_buf words = { .max = 1 << 20 };
	struct client_host h;
	size_t answered = 0;

	add_recipients(&words, count, length);
	client_open(&h, VX_S("never"), CUT_NOT);
	client_play(&h, VX_S("S: 220 mx\nE: \nS: 250-mx\nS: 250 PIPELINING\n"), SIZE_MAX);
	client_play(&h, VX_S("D: x\\r\\n\n"), SIZE_MAX);
	client_send(&h, vx_buf_slice(&words));
	while (count_in(&h.said, VX_S("DATA\r\n")) == 0) {
		const size_t asked = count_in(&h.said, VX_S("MAIL FROM")) +
				     count_in(&h.said, VX_S("RCPT TO"));

		ck_assert_uint_gt(asked, answered);
		ck_assert_uint_le(asked - answered, most);
		ck_assert_uint_ge(asked - answered, most - 1);
		client_play(&h, VX_S("S: 250 ok\n"), SIZE_MAX);
		answered++;
	}
	while (answered < count + 1) {
		client_play(&h, VX_S("S: 250 ok\n"), SIZE_MAX);
		answered++;
	}
	client_play(&h, VX_S("S: 354 go\nE: \nS: 250 ok\n"), SIZE_MAX);
	for (size_t i = 0; i < count; i++)
		ck_assert(h.told[i] && h.outcomes[i] == VX_SMTP_DELIVERED);
	client_close(&h);
	vx_buf_done(&words);
}

START_TEST(the_window_is_bounded)
{
	check_window(200, 1, VX_SMTP_WINDOW_COMMANDS);
	/* "RCPT TO:<r0.xxx@d.test>" CR LF: with 229 of x 250 octets, of which MAIL has 23
	 */
	check_window(60, 229, 34);
}
END_TEST

START_TEST(very_many_recipients)
{
	static struct vx_smtp_forward to[VX_SMTP_FORWARDS_MAX + 1];
	struct vx_smtp_message m = { .to = to, .from = VX_S("a@b.test") };
	struct vx_smtp_client_event ev;
	struct client_host h;
	size_t results = 0;

	for (size_t i = 0; i <= VX_SMTP_FORWARDS_MAX; i++)
		to[i].path = VX_S("c@d.test");
	client_open(&h, VX_S("never"), CUT_NOT);
	client_play(&h, VX_S("S: 220 mx\nE: \nS: 250 mx\n"), SIZE_MAX);
	m.to_count = VX_SMTP_FORWARDS_MAX + 1;
	ck_assert_int_eq(vx_smtp_client_send(h.core, &m), VX_ELIMIT);
	m.to_count = VX_SMTP_FORWARDS_MAX;
	vxt_assert_ok(vx_smtp_client_send(h.core, &m));
	ck_assert_int_eq(step(&h, "", &ev), VX_MORE);
	ck_assert_int_eq(step(&h, "550 no\r\n", &ev), VX_DATA);
	do {
		ck_assert_uint_eq(ev.recipient, results++);
	} while (step(&h, "", &ev) == VX_DATA && ev.type == VX_SMTP_CLIENT_RESULT);
	ck_assert_uint_eq(results, VX_SMTP_FORWARDS_MAX);
	client_close(&h);
}
END_TEST

START_TEST(what_would_be_another_command)
{
	static const vx_slice paths[] = { VX_SLICE_INIT("a@b.test\r\nDATA"),
		VX_SLICE_INIT("a\r@b.test"), VX_SLICE_INIT("a\n@b.test"),
		VX_SLICE_INIT("a\0@b.test"), VX_SLICE_INIT("\"a\r\n\"@b.test"),
		VX_SLICE_INIT("\"a\0\"@b.test"), VX_SLICE_INIT("a@b.test> SIZE=1"),
		VX_SLICE_INIT("a@b.test\0"), VX_SLICE_INIT("a@b.test\r"),
		VX_SLICE_INIT("a@b\n.test"), VX_SLICE_INIT("a@[192.0.2.1\r]") };
	static const vx_slice values[] = { VX_SLICE_INIT("rfc822;a\r\nDATA"),
		VX_SLICE_INIT("rfc822;a\r"), VX_SLICE_INIT("rfc822;\n"),
		VX_SLICE_INIT("rfc822;a\0"), VX_SLICE_INIT("a\r;b"),
		VX_SLICE_INIT("utf-8;\xc3\xa4\r"), VX_SLICE_INIT("utf-8;\xc3"),
		VX_SLICE_INIT("rfc822;a NOTIFY=NEVER"),
		VX_SLICE_INIT("rfc822;a ORCPT=b") };
	struct vx_smtp_forward to = { .path = VX_S("c@d.test") };
	struct vx_smtp_message m = { .to = &to, .to_count = 1 };
	struct client_host h;

	client_open(&h, VX_S("never"), CUT_NOT);
	client_play(&h, VX_S("S: 220 mx\nE: \nS: 250-mx\nS: 250 DSN\n"), SIZE_MAX);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		m.from = paths[i];
		ck_assert_int_eq(vx_smtp_client_send(h.core, &m), VX_EINVAL);
		m.from = VX_S("");
		to.path = paths[i];
		ck_assert_int_eq(vx_smtp_client_send(h.core, &m), VX_EINVAL);
		to.path = VX_S("c@d.test");
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		to.orcpt = values[i];
		ck_assert_int_eq(vx_smtp_client_send(h.core, &m), VX_EINVAL);
		to.orcpt = VX_S("");
		m.envid = values[i];
		if (i != 4)
			ck_assert_int_eq(vx_smtp_client_send(h.core, &m), VX_EINVAL);
		m.envid = VX_S("");
	}
	vxt_assert_ok(vx_smtp_client_send(h.core, &m));
	client_close(&h);
}
END_TEST

START_TEST(options_that_are_none)
{
	static char longest[VX_SMTP_SECRET_MAX + 1];
	static const vx_slice names[] = { VX_SLICE_INIT(""), VX_SLICE_INIT("a b"),
		VX_SLICE_INIT("a\r\nMAIL"), VX_SLICE_INIT("a\0"), VX_SLICE_INIT("[a]"),
		VX_SLICE_INIT("\xc3\xa4.test") };
	struct vx_smtp_client_options o = { .struct_size = sizeof(o) };
	struct vx_smtp_client *c = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		o.hostname = names[i];
		ck_assert_int_eq(vx_smtp_client_new(&o, &c), VX_EINVAL);
	}
	o.hostname = VX_S("[192.0.2.1]");
	vxt_assert_ok(vx_smtp_client_new(&o, &c));
	vx_smtp_client_free(c);
	memset(longest, 'x', sizeof(longest));
	o.user = VX_S("a\0b");
	ck_assert_int_eq(vx_smtp_client_new(&o, &c), VX_EINVAL);
	o.user = vx_slice_of(longest, VX_SASL_USER_MAX + 1);
	ck_assert_int_eq(vx_smtp_client_new(&o, &c), VX_EINVAL);
	o.user = vx_slice_of(longest, VX_SASL_USER_MAX);
	o.password = vx_slice_of(longest, sizeof(longest));
	ck_assert_int_eq(vx_smtp_client_new(&o, &c), VX_EINVAL);
	o.password = VX_S("\xff");
	ck_assert_int_eq(vx_smtp_client_new(&o, &c), VX_EINVAL);
	o.password = vx_slice_of(longest, VX_SMTP_SECRET_MAX);
	vxt_assert_ok(vx_smtp_client_new(&o, &c));
	vx_smtp_client_free(c);
}
END_TEST

/* Such a login is too long for AUTH's own line: it goes in the next one. */
START_TEST(a_long_login)
{
	static char longest[VX_SMTP_SECRET_MAX];
	const struct vx_smtp_client_options o = { .struct_size = sizeof(o),
		.hostname = VX_S("client.test"),
		.tls = true,
		.user = VX_S("alice"),
		.password = vx_slice_of(longest, sizeof(longest)) };
	struct vx_smtp_client_event ev;
	struct client_host h = { .out = { .max = VX_SMTP_OUT_MAX } };

	memset(longest, 'x', sizeof(longest));
	vxt_assert_ok(vx_smtp_client_new(&o, &h.core));
	ck_assert_int_eq(step(&h, "220 mx\r\n", &ev), VX_MORE);
	vx_buf_reset(&h.out);
	ck_assert_int_eq(step(&h, "250-mx\r\n250 AUTH PLAIN\r\n", &ev), VX_MORE);
	vxt_assert_str(vx_buf_slice(&h.out), "AUTH PLAIN\r\n");
	vx_buf_reset(&h.out);
	ck_assert_int_eq(step(&h, "334 \r\n", &ev), VX_MORE);
	ck_assert_uint_eq(h.out.len, (VX_SMTP_SECRET_MAX + 7 + 2) / 3 * 4 + 2);
	vx_buf_reset(&h.out);
	ck_assert_int_eq(step(&h, "334 \r\n", &ev), VX_MORE);
	vxt_assert_str(vx_buf_slice(&h.out), "*\r\n");
	client_close(&h);
}
END_TEST

static int long_reply(size_t lines, size_t octets)
{
	struct vx_buf reply = { .max = 1 << 20 };
	struct client_host h;
	int end;

	client_open(&h, VX_S("never"), CUT_NOT);
	for (size_t i = 1; i < lines; i++)
		vx_buf_add_str(&reply, "220-\r\n");
	vx_buf_add_str(&reply, "220 ");
	while (reply.len + 2 < octets)
		vx_buf_add_char(&reply, 'x');
	vx_buf_add_str(&reply, "\r\n");
	client_feed(&h, vx_buf_slice(&reply));
	end = h.end;
	client_close(&h);
	vx_buf_done(&reply);
	return end;
}

START_TEST(replies_at_their_limits)
{
	ck_assert_int_eq(long_reply(VX_SMTP_REPLY_LINES_MAX, 0), VX_MORE);
	ck_assert_int_eq(long_reply(VX_SMTP_REPLY_LINES_MAX + 1, 0), VX_DONE);
	ck_assert_int_eq(long_reply(1, VX_SMTP_REPLY_OCTETS_MAX), VX_MORE);
	ck_assert_int_eq(long_reply(1, VX_SMTP_REPLY_OCTETS_MAX + 1), VX_DONE);
	ck_assert_int_eq(long_reply(50, VX_SMTP_REPLY_OCTETS_MAX), VX_MORE);
	ck_assert_int_eq(long_reply(50, VX_SMTP_REPLY_OCTETS_MAX + 1), VX_DONE);
}
END_TEST

START_TEST(a_line_without_end)
{
	static char octets[VX_SMTP_REPLY_OCTETS_MAX + 1];
	struct client_host h;

	memset(octets, '2', sizeof(octets));
	client_open(&h, VX_S("never"), CUT_NOT);
	client_feed(&h, vx_slice_of(octets, sizeof(octets) - 1));
	ck_assert_int_eq(h.end, VX_MORE);
	client_feed(&h, VX_S("2"));
	ck_assert_int_eq(h.end, VX_DONE);
	client_close(&h);
}
END_TEST

/* It is cut between two characters. */
START_TEST(a_long_text_is_cut)
{
	struct vx_buf reply = { .max = 1 << 20 };
	struct client_host h;

	client_open(&h, VX_S("never"), CUT_NOT);
	vx_buf_add_str(&reply, "554 x");
	for (size_t i = 0; i < VX_SMTP_REPLY_TEXT_MAX; i++)
		vx_buf_add_str(&reply, "\xc3\xa4");
	vx_buf_add_str(&reply, "\r\n");
	client_feed(&h, vx_buf_slice(&reply));
	ck_assert_uint_eq(h.failed, 1);
	ck_assert_uint_eq(h.failure_text.len, VX_SMTP_REPLY_TEXT_MAX - 1);
	client_close(&h);
	vx_buf_done(&reply);
}
END_TEST

/* --- patience ----------------------------------------------------------------------- */

START_TEST(patience_of_each_stage)
{
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		static const unsigned seconds[] = { [VX_SMTP_AT_GREETING] = 300,
			[VX_SMTP_AT_EHLO] = 300,
			[VX_SMTP_AT_HELO] = 300,
			[VX_SMTP_AT_STARTTLS] = 120,
			[VX_SMTP_AT_AUTH] = 120,
			[VX_SMTP_AT_REST] = 0,
			[VX_SMTP_AT_RSET] = 300,
			[VX_SMTP_AT_MAIL] = 300,
			[VX_SMTP_AT_RCPT] = 300,
			[VX_SMTP_AT_DATA] = 120,
			[VX_SMTP_AT_END] = 600,
			[VX_SMTP_AT_QUIT] = 10 };
		struct client_host h;

		client_open(&h, vx_slice_str(moments[i].options), CUT_NOT);
		client_play(&h, vx_slice_str(moments[i].before), SIZE_MAX);
		ck_assert_uint_eq(
		    vx_smtp_client_patience_s(h.core), seconds[moments[i].stage]);
		ck_assert_ptr_nonnull(vx_smtp_stage_name(moments[i].stage));
		client_close(&h);
	}
}
END_TEST

/* Octets are no progress, replies and content are. */
START_TEST(steps_count_what_is_whole)
{
	struct client_host h;
	uint64_t steps;

	client_open(&h, VX_S(""), CUT_NOT);
	steps = vx_smtp_client_steps(h.core);
	client_feed(&h, VX_S("220-mx.test\r\n220-"));
	ck_assert_uint_eq(vx_smtp_client_steps(h.core), steps);
	client_feed(&h, VX_S("\r\n220 ok\r\n"));
	ck_assert_uint_gt(vx_smtp_client_steps(h.core), steps);
	client_feed(&h, VX_S("250-mx\r\n250 STARTTLS\r\n"));
	client_feed(&h, VX_S("220 go\r\n"));
	ck_assert_uint_eq(vx_smtp_client_patience_s(h.core), 120);
	steps = vx_smtp_client_steps(h.core);
	client_tls(&h);
	ck_assert_uint_gt(vx_smtp_client_steps(h.core), steps);
	client_close(&h);

	open_in_content(&h, kinds[0]);
	steps = vx_smtp_client_steps(h.core);
	vxt_assert_ok(vx_smtp_client_content(h.core, &h.out, VX_S("x")));
	ck_assert_uint_gt(vx_smtp_client_steps(h.core), steps);
	ck_assert_uint_eq(vx_smtp_client_patience_s(h.core), 180);
	client_close(&h);
}
END_TEST

START_TEST(what_is_offered)
{
	struct client_host h;
	uint64_t max;

	client_open(&h, VX_S("never ignore=2"), CUT_NOT);
	client_play(&h,
	    VX_S("S: 220 mx\nE: \nS: 250-mx\nS: 250-PIPELINING\nS: 250-SIZE "
		 "1000\nS: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250-CHUNKING\nS: "
		 "250-DSN\nS: 250-AUTH PLAIN\nS: 250-STARTTLS\nS: 250 "
		 "ENHANCEDSTATUSCODES\n"),
	    SIZE_MAX);
	ck_assert_uint_eq(vx_smtp_client_offers(h.core, &max), 511 - 2);
	ck_assert_uint_eq(max, 0);
	client_close(&h);
	client_open(&h, VX_S("never"), CUT_NOT);
	client_play(&h, VX_S("S: 220 mx\nE: \nS: 250-mx\nS: 250 SIZE 1000\n"), SIZE_MAX);
	ck_assert_uint_eq(vx_smtp_client_offers(h.core, &max), VX_SMTP_EXT_SIZE);
	ck_assert_uint_eq(max, 1000);
	client_close(&h);
}
END_TEST

/* Who it says it is: the last word on it counts, and what is none does not. */
START_TEST(what_the_peer_is_called)
{
	static const struct {
		const char *greeting, *reply, *name;
	} cases[] = {
		{ "220 mx.a.example ESMTP", "250-b.a.example at your service",
		    "b.a.example" },
		{ "220-mx.a.example\nS: 220 other", "250-", "mx.a.example" },
		{ "220", "250-PIPELINING\nS: 250-x", "PIPELINING" },
		{ "220 mx.a.example", "250-m\xc3\xbc.example", "mx.a.example" },
		{ "220 ", "250-\x01", "" },
	};
	char text[200], name[VX_DNS_NAME_MAX + 3];
	struct client_host h;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(text, sizeof(text), "S: %s\nE: \nS: %s\nS: 250 SIZE\n",
		    cases[i].greeting, cases[i].reply);
		client_open(&h, VX_S("never"), CUT_NOT);
		ck_assert_str_eq(vx_smtp_client_peer_name(h.core), "");
		client_play(&h, vx_slice_str(text), SIZE_MAX);
		ck_assert_str_eq(vx_smtp_client_peer_name(h.core), cases[i].name);
		client_close(&h);
	}
	memset(name, 'n', sizeof(name));
	for (size_t len = VX_DNS_NAME_MAX; len < VX_DNS_NAME_MAX + 2; len++) {
		struct vx_smtp_client_event ev;
		char greeting[VX_DNS_NAME_MAX + 20];

		(void)snprintf(
		    greeting, sizeof(greeting), "220 %.*s\r\n", (int)len, name);
		client_open(&h, VX_S("never"), CUT_NOT);
		(void)step(&h, greeting, &ev);
		ck_assert_uint_eq(strlen(vx_smtp_client_peer_name(h.core)),
		    len > VX_DNS_NAME_MAX ? 0 : len);
		client_close(&h);
	}
	client_open(&h, VX_S("never"), CUT_NOT); /* no greeting, no name */
	client_play(&h, VX_S("S: 554 mx.a.example\nE: \n"), SIZE_MAX);
	ck_assert_str_eq(vx_smtp_client_peer_name(h.core), "");
	client_close(&h);
}
END_TEST

/* What reports and logs have of it. */
START_TEST(a_result_as_it_was_said)
{
	static const struct {
		const char *reply, *said;
	} cases[] = {
		{ "550-5.1.1 no\r\n550 5.1.1 such\r\n", "550 5.1.1 no such" },
		{ "550 no\r\n", "550 no" },
		{ "550 5.1.1\r\n", "550 5.1.1" },
		{ "550\r\n", "550" },
		{ "421 4.7.0 \x01\r\n", "421 4.7.0 ?" },
		{ "250 ok\r\n", "unexpected reply: 250 ok" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_smtp_client_event ev;
		struct vx_buf out = { .max = 200 };
		struct client_host h;

		client_open(&h, VX_S("never"), CUT_NOT);
		ck_assert_int_eq(step(&h, cases[i].reply, &ev), VX_DATA);
		ck_assert_int_eq(ev.type, VX_SMTP_CLIENT_FAILED);
		vx_smtp_result_write(&ev.result, &out);
		vxt_assert_str(vx_buf_slice(&out), cases[i].said);
		vx_buf_done(&out);
		client_close(&h);
	}
}
END_TEST

START_TEST(mails_of_a_connection_are_counted)
{
	const struct vx_smtp_forward to = { .path = VX_S("c@d.test") };
	const struct vx_smtp_message m = {
		.from = VX_S("a@b.test"), .to = &to, .to_count = 1, .probe = true
	};
	struct client_host h;

	client_open(&h, VX_S("never"), CUT_NOT);
	client_feed(&h, VX_S("220 x\r\n"));
	client_feed(&h, VX_S("250-x\r\n250 LIMITS MAILMAX=2\r\n"));
	for (uint64_t left = 2; left > 0; left--) {
		ck_assert_uint_eq(vx_smtp_client_mails_left(h.core), left);
		client_send(&h, VX_S("from=a@b.test to=c@d.test probe"));
		if (left == 1) /* RSET, since the first one came to no end */
			client_feed(&h, VX_S("250 ok\r\n"));
		client_feed(&h, VX_S("250 ok\r\n"));
		client_feed(&h, VX_S("550 no\r\n"));
	}
	ck_assert_uint_eq(vx_smtp_client_mails_left(h.core), 0);
	ck_assert_int_eq(vx_smtp_client_send(h.core, &m), VX_ESTATE);
	client_quit(&h);
	client_close(&h);
}
END_TEST

START_TEST(answers_that_are_known)
{
	static const struct {
		enum vx_smtp_stage stage;
		unsigned code;
		const char *status, *text, *id, *word;
	} cases[] = {
		{ VX_SMTP_AT_AUTH, 534, "5.7.9",
		    "Application-specific password required.", "relay.auth",
		    "app password" },
		{ VX_SMTP_AT_AUTH, 534, "5.7.14",
		    "<https://accounts.google.com/signin> Please log in via your web "
		    "browser",
		    "relay.auth", "app password" },
		{ VX_SMTP_AT_AUTH, 535, "5.7.8",
		    "Username and Password not accepted. "
		    "https://support.google.com/mail/?p=BadCredentials",
		    "relay.auth", "Google" },
		{ VX_SMTP_AT_AUTH, 535, "5.7.139",
		    "Authentication unsuccessful, SmtpClientAuthentication is disabled "
		    "for the "
		    "Tenant.",
		    "relay.auth", "port 25" },
		{ VX_SMTP_AT_AUTH, 535, "5.7.3",
		    "Authentication unsuccessful [AM0PR.eurprd.prod.outlook.com]",
		    "relay.auth", "port 25" },
		{ VX_SMTP_AT_AUTH, 535, "5.7.8", "no", "relay.auth", "API key" },
		{ VX_SMTP_AT_END, 554, "5.0.0",
		    "Message rejected: Email address is not verified. The following "
		    "identities "
		    "failed the check in region EU-WEST-1",
		    "relay.identity", "sandbox" },
		{ VX_SMTP_AT_RCPT, 550, "5.7.1",
		    "Sandbox subdomains are for test purposes only", "relay.identity",
		    "production" },
		{ VX_SMTP_AT_MAIL, 550, "5.0.0",
		    "The from address does not match a verified Sender Identity.",
		    "relay.identity", "SendGrid" },
		{ VX_SMTP_AT_END, 550, "5.7.60", "Client does not have permissions",
		    "relay.identity", "connector" },
		{ VX_SMTP_AT_RCPT, 550, "5.1.1", "no such user", NULL, NULL },
		{ VX_SMTP_AT_AUTH, 454, "4.7.0", "later", NULL, NULL },
		{ VX_SMTP_AT_EHLO, 550, "5.7.1", "sandbox", NULL, NULL },
		{ VX_SMTP_AT_END, 250, "2.0.0", "sandbox", NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_smtp_result r = { .stage = cases[i].stage,
			.code = cases[i].code,
			.status_said = true,
			.text = vx_slice_str(cases[i].text) };
		const struct vx_smtp_hint *hint;

		(void)snprintf(r.status, sizeof(r.status), "%s", cases[i].status);
		hint = vx_smtp_hint(&r);
		if (cases[i].id == NULL) {
			ck_assert_msg(hint == NULL, "case %zu", i);
			continue;
		}
		ck_assert_msg(hint != NULL, "case %zu", i);
		ck_assert_str_eq(hint->id, cases[i].id);
		ck_assert_msg(strstr(hint->text, cases[i].word) != NULL, "case %zu: %s",
		    i, hint->text);
	}
}
END_TEST

/* What is left of it in an event says the same. */
START_TEST(hints_of_reasons)
{
	static const struct {
		const char *reason, *id;
	} cases[] = { { "535 5.7.8 Username and Password not accepted (to AUTH)",
			  "relay.auth" },
		{ "534 5.7.9 Application-specific password required (to AUTH)",
		    "relay.auth" },
		{ "535 5.7.139 Authentication unsuccessful", "relay.auth" }, /* cut */
		{ "554 5.7.1 Email address is not verified (to the end of the message)",
		    "relay.identity" },
		{ "550 5.7.60 SMTP; (to the end of the message)", "relay.identity" },
		{ "550 5.1.1 sandbox (to EHLO)", NULL }, { "535", "relay.auth" },
		{ "550 5.1.1 no such user (to RCPT)", NULL },
		{ "250 2.0.0 sandbox (to RCPT)", NULL }, { "", NULL },
		{ "the connection was lost", NULL },
		{ "550 123456789012345678901234567890 sandbox (to RCPT)", NULL } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vx_smtp_hint *h =
		    vx_smtp_hint_of(vx_slice_str(cases[i].reason));

		ck_assert_msg(cases[i].id == NULL
				  ? h == NULL
				  : h != NULL && strcmp(h->id, cases[i].id) == 0,
		    "%s: %s", cases[i].reason, h == NULL ? "none" : h->id);
	}
}
END_TEST

VXT_SUITE(test_client, "client", what_the_peer_is_called, a_result_as_it_was_said,
    hints_of_reasons, sessions, a_peer_that_closes_anywhere, memory_that_is_short,
    every_code_at_every_stage, a_reply_in_the_middle_of_the_message,
    a_reply_while_content_is_awaited, content_as_it_is_wanted, out_is_bounded,
    a_bare_line_end_in_the_middle, given_up_by_the_host, lost_while_results_are_told,
    chunks_one_by_one, chunks_ahead, a_chunk_in_the_middle_is_refused,
    a_last_chunk_that_is_taken_nevertheless, the_window_is_bounded, very_many_recipients,
    what_would_be_another_command, options_that_are_none, a_long_login,
    replies_at_their_limits, a_line_without_end, a_long_text_is_cut,
    patience_of_each_stage, steps_count_what_is_whole, what_is_offered,
    mails_of_a_connection_are_counted, answers_that_are_known)
