/*
 * What is said is understood in one way only: by servers that are strict and by those
 * that are not.  And no octet in an address or parameter begins another command.
 */
#include "base/cursor.h"
#include "lib/vxt.h"
#include "smtp/host.h"
#include "vectis/smtp_client.h"

static const char alphabet[] = { '\r', '\n', '.', 'a', '\0' };
enum {
	LETTERS = 5,
	LONGEST = 5,
	MESSAGE_MAX = 64
};

/* --- what we send ---------------------------------------------------------------------
 */

/* An assertion of Check costs more than all that it looks at. */
static void must(bool good)
{
	if (!good)
		ck_abort();
}

struct sent {
	struct vx_buf
	    octets; /* after the reply to DATA, or the chunks without their BDAT */
	bool refused, done;
};

static bool is_bare(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.ptr[i] == '\n' && (i == 0 || s.ptr[i - 1] != '\r')) ||
		    (s.ptr[i] == '\r' && (i + 1 == s.len || s.ptr[i + 1] != '\n')))
			return true;
	return false;
}

/* All commands off out, one reply each; "DATA" and "BDAT" begin the message. */
static void hear(struct sent *s, struct vx_buf *out, struct vx_buf *in, bool *in_data)
{
	vx_slice rest = vx_buf_slice(out), line;

	while (!*in_data && rest.len > 0) {
		uint64_t size;

		must(vx_slice_cut(&rest, '\n', &line));
		must(vx_slice_has_suffix(line, VX_S("\r")));
		*in_data = vx_slice_eq(line, VX_S("DATA\r"));
		vx_buf_add_str(in, *in_data ? "354 go\r\n" : "250 ok\r\n");
		if (!vx_slice_has_prefix(line, VX_S("BDAT ")))
			continue;
		struct vx_cursor c = vx_cursor_of(vx_slice_from(line, 5));

		must(vx_cur_number(&c, MESSAGE_MAX, &size));
		must(size <= rest.len);
		vx_buf_add(&s->octets, vx_slice_head(rest, (size_t)size));
		rest = vx_slice_from(rest, (size_t)size);
		s->done = vx_cur_text(&c, VX_S(" LAST"));
	}
	if (*in_data)
		vx_buf_add(&s->octets, rest);
	vx_buf_reset(out);
}

/* The message as it is sent; known: what is bare in it was found before. */
static void send_message(vx_slice message, const char *offers, bool known, struct sent *s)
{
	const struct vx_smtp_client_options o = { .struct_size = sizeof(o),
		.hostname = VX_S("c.test") };
	const struct vx_smtp_forward to = { .path = VX_S("b@d.test") };
	const struct vx_smtp_message m = { .from = VX_S("a@d.test"),
		.to = &to,
		.to_count = 1,
		.size = message.len,
		.has_bare = known && is_bare(message) };
	struct vx_buf out = { .max = VX_SMTP_OUT_MAX }, in = { .max = 8192 };
	struct vx_smtp_client *c;
	struct vx_smtp_client_event ev;
	bool in_data = false;
	int rc = VX_OK;

	must(vx_smtp_client_new(&o, &c) == VX_OK);
	vx_buf_printf(&in, "220 x\r\n");
	for (unsigned turns = 0; rc != VX_DONE && !s->done && !s->refused; turns++) {
		vx_slice text = vx_buf_slice(&in);
		const size_t before = text.len;

		must(turns < 60);
		rc = vx_smtp_client_next(c, &text, &out, &ev);
		vx_buf_consume(&in, before - text.len);
		if (rc == VX_DATA && ev.type == VX_SMTP_CLIENT_READY)
			must(vx_smtp_client_send(c, &m) == VX_OK);
		else if (rc == VX_DATA && ev.type == VX_SMTP_CLIENT_CONTENT)
			(void)vx_smtp_client_content(c, &out,
			    vx_slice_head(
				vx_slice_from(message, (size_t)ev.offset), ev.wanted));
		else if (rc == VX_DATA)
			s->refused = true; /* a result: nobody said that it was taken */
		if (vx_slice_has_prefix(vx_buf_slice(&out), VX_S("EHLO "))) {
			vx_buf_printf(&in, "250-x\r\n%s250 SIZE\r\n", offers);
			vx_buf_reset(&out);
		} else if (rc == VX_MORE || rc == VX_DATA) {
			hear(s, &out, &in, &in_data);
		}
		if (in_data &&
		    vx_slice_has_suffix(vx_buf_slice(&s->octets), VX_S(".\r\n")) &&
		    rc == VX_MORE)
			s->done = true; /* it waits for our word on it */
	}
	vx_smtp_client_free(c);
	vx_buf_done(&out);
	vx_buf_done(&in);
}

/* Where a server of a kind sees the end of DATA; SIZE_MAX: nowhere. */
static size_t end_of_data(vx_slice octets, vx_slice before, vx_slice after)
{
	for (size_t i = 0; i < octets.len; i++) {
		const vx_slice rest = vx_slice_from(octets, i + 1);
		const vx_slice head = vx_slice_head(octets, i);

		if (octets.ptr[i] == '.' && vx_slice_has_prefix(rest, after) &&
		    (i == 0 || vx_slice_has_suffix(head, before)))
			return i + 1 + after.len;
	}
	return SIZE_MAX;
}

static bool ends_once(vx_slice octets, bool done)
{
	static const vx_slice ends[] = { VX_SLICE_INIT("\r\n"), VX_SLICE_INIT("\n"),
		VX_SLICE_INIT("\r") };

	for (size_t i = 0; i < 9; i++) {
		const vx_slice before = ends[i / 3], after = ends[i % 3];
		const size_t end = end_of_data(octets, before, after);

		/* LF and CR are the last octets of CR LF: there they see it, too, or the
		 * half of it */
		if (end != SIZE_MAX && (!done || end + 1 < octets.len))
			return false;
		if (i == 0 && (end == octets.len) != done)
			return false;
	}
	return true;
}

static void compare(vx_slice s, const char *before)
{
	struct vx_buf message = { .max = MESSAGE_MAX };

	vx_buf_add_str(&message, before);
	vx_buf_add(&message, s);
	for (unsigned how = 0; how < 4; how++) {
		const char *const offers = how < 2 ? "" : "250-CHUNKING\r\n";
		const bool bare = is_bare(vx_buf_slice(&message));
		struct sent sent = { .octets = { .max = 1024 } };

		send_message(vx_buf_slice(&message), offers, how % 2 == 0, &sent);
		if (how < 2 && !ends_once(vx_buf_slice(&sent.octets), sent.done))
			ck_abort_msg("ends: %.*s", (int)sent.octets.len, sent.octets.ptr);
		if (how < 2 && sent.done == bare)
			ck_abort_msg("sent: %.*s", (int)message.len, message.ptr);
		if (how >= 2 && sent.done &&
		    !vx_slice_eq(vx_buf_slice(&sent.octets), vx_buf_slice(&message)))
			vxt_assert_slice(
			    vx_buf_slice(&sent.octets), vx_buf_slice(&message));
		vx_buf_done(&sent.octets);
	}
	vx_buf_done(&message);
}

START_TEST(every_short_message)
{
	char text[LONGEST];

	for (size_t len = 0, count = 1; len <= LONGEST; len++, count *= LETTERS) {
		for (size_t n = 0; n < count; n++) {
			for (size_t i = 0, k = n; i < len; i++, k /= LETTERS)
				text[i] = alphabet[k % LETTERS];
			if (len > 0)
				compare(vx_slice_of(text, len), "");
			compare(vx_slice_of(text, len), "S: x\r\n\r\n");
		}
	}
}
END_TEST

/* --- what we are told ------------------------------------------------------------------
 */

static const char *const commands[] = {
	"EHLO c.test\r\n",
	"HELO c.test\r\n",
	"MAIL FROM:<a.b@d.test> SIZE=9 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb\r\n",
	"RCPT TO:<\"a b\"@[192.0.2.1]> NOTIFY=SUCCESS,DELAY "
	"ORCPT=rfc822;a+2Bb@d.test\r\n",
	"RCPT TO:<@relay.test:a@d.test>\r\n",
	"VRFY a@d.test\r\n",
	"BDAT 3 LAST\r\n",
};

/* Before each command that has to be said before it. */
static void prepare(struct host *h, const char *command)
{
	host_open(h, VX_S("mx"));
	if (strcmp(command + 1, "ELO c.test\r\n") != 0 && command[0] != 'E')
		host_feed(h, VX_S("EHLO c.test\r\n"));
	if (command[0] == 'R' || command[0] == 'B')
		host_feed(h, VX_S("MAIL FROM:<x@d.test>\r\n"));
	if (command[0] == 'B')
		host_feed(h, VX_S("RCPT TO:<x@d.test>\r\n"));
	vx_buf_reset(&h->log);
}

/* Put in anywhere, the command is refused, and nobody hears of it or of the next one. */
START_TEST(no_command_with_another_in_it)
{
	static const vx_slice inserts[] = { VX_SLICE_INIT("\0"), VX_SLICE_INIT("\r"),
		VX_SLICE_INIT("\n"), VX_SLICE_INIT("\nRSET\n"),
		VX_SLICE_INIT("\rRSET\r") };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const vx_slice command = vx_slice_str(commands[i]);

		for (size_t k = 0; k < sizeof(inserts) / sizeof(inserts[0]) * command.len;
		     k++) {
			const vx_slice insert = inserts[k / command.len];
			const size_t at = k % command.len;
			const bool is_end =
			    at + 1 == command.len && insert.ptr[0] == '\n';
			struct vx_buf text = { .max = 200 };
			struct host h;

			if (is_end)
				continue; /* behind the CR: the command is whole */
			vx_buf_add(&text, vx_slice_head(command, at));
			vx_buf_add(&text, insert);
			vx_buf_add(&text, vx_slice_from(command, at));
			prepare(&h, commands[i]);
			host_feed(&h, vx_buf_slice(&text));
			if (vx_slice_find_slice(vx_buf_slice(&h.log), VX_S("E: MAIL")) <
				h.log.len ||
			    vx_slice_find_slice(vx_buf_slice(&h.log), VX_S("E: RCPT")) <
				h.log.len ||
			    vx_slice_find_slice(vx_buf_slice(&h.log), VX_S("E: DATA")) <
				h.log.len ||
			    vx_slice_find_slice(vx_buf_slice(&h.log), VX_S("S: 25")) <
				h.log.len)
				ck_abort_msg("%s at %zu: %.*s", commands[i], at,
				    (int)h.log.len, h.log.ptr);
			host_close(&h);
			vx_buf_done(&text);
		}
	}
}
END_TEST

VXT_SUITE(test_inject, "inject", every_short_message, no_command_with_another_in_it)
