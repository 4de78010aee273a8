#include "client_host.h"

#include "lib/vxt.h"

#include <stdlib.h>

static const char *const outcomes[] = { "delivered", "temporary", "permanent", "unknown",
	"next", "to-7bit" };
static const char *const stage_names[] = { "GREETING", "EHLO", "HELO", "STARTTLS", "AUTH",
	"REST", "RSET", "MAIL", "RCPT", "DATA", "CONTENT", "END", "QUIT" };

static void option(struct vx_smtp_client_options *o, vx_slice word)
{
	uint64_t n;

	if (vx_slice_eq(word, VX_S("tls"))) {
		o->tls = true;
	} else if (vx_slice_eq(word, VX_S("never"))) {
		o->policy = VX_SMTP_TLS_NEVER;
	} else if (vx_slice_eq(word, VX_S("required"))) {
		o->policy = VX_SMTP_TLS_REQUIRED;
	} else if (vx_slice_eq(word, VX_S("login"))) {
		o->user = VX_S("alice");
		o->password = VX_S("two words");
	} else if (vx_slice_has_prefix(word, VX_S("ignore="))) {
		vxt_assert_ok(vx_slice_number(vx_slice_from(word, 7), 511, &n));
		o->ignore = (unsigned)n;
	} else {
		ck_assert_msg(word.len == 0 || vx_slice_eq(word, VX_S("whole")),
		    "option %.*s", (int)word.len, word.ptr);
	}
}

void client_open(struct client_host *h, vx_slice options, enum client_cut cut)
{
	struct vx_smtp_client_options o = { .struct_size = sizeof(o),
		.hostname = VX_S("client.test"),
		.policy = VX_SMTP_TLS_OFFERED };
	vx_slice word;

	while (options.len > 0) {
		(void)vx_slice_cut(&options, ' ', &word);
		option(&o, word);
	}
	*h = (struct client_host){ .out = { .max = VX_SMTP_OUT_MAX },
		.said = { .max = 16 << 20 },
		.content = { .max = 4 << 20 },
		.log = { .max = 4 << 20 },
		.failure_text = { .max = VX_SMTP_REPLY_TEXT_MAX },
		.cut = cut,
		.seed = 7 };
	vxt_assert_ok(vx_smtp_client_new(&o, &h->core));
}

void client_close(struct client_host *h)
{
	vx_smtp_client_free(h->core);
	vx_buf_done(&h->out);
	vx_buf_done(&h->said);
	vx_buf_done(&h->content);
	vx_buf_done(&h->log);
	vx_buf_done(&h->failure_text);
}

static void log_text(struct client_host *h, vx_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		const unsigned char c = (unsigned char)text.ptr[i];

		if (c == '\r')
			vx_buf_add_str(&h->log, "\\r");
		else if (c == '\n')
			vx_buf_add_str(&h->log, "\\n");
		else if (c < 32 || c > 126)
			vx_buf_printf(&h->log, "\\x%02x", c);
		else
			vx_buf_add_char(&h->log, (char)c);
	}
}

/* What the core said, in lines; all: also one that has no end yet. */
static void log_flush(struct client_host *h, bool all)
{
	for (;;) {
		const vx_slice rest = vx_buf_slice(&h->out);
		const size_t end = vx_slice_find_slice(rest, VX_S("\r\n"));
		const bool whole = end < rest.len;

		if (rest.len == 0 || (!whole && !all))
			return;
		vx_buf_add_str(&h->log, whole ? "C: " : "C~ ");
		log_text(h, vx_slice_head(rest, end));
		vx_buf_add_char(&h->log, '\n');
		vx_buf_add(&h->said, vx_slice_head(rest, whole ? end + 2 : end));
		vx_buf_consume(&h->out, whole ? end + 2 : end);
	}
}

static void check_result(const struct vx_smtp_result *r)
{
	ck_assert_uint_le(r->text.len, VX_SMTP_REPLY_TEXT_MAX);
	for (size_t i = 0; i < r->text.len; i++)
		ck_assert(r->text.ptr[i] >= ' ' || r->text.ptr[i] < 0);
	ck_assert_uint_ge(strlen(r->status), 5);
	if (r->code != 0) {
		ck_assert_uint_ge(r->code, 200);
		ck_assert_uint_lt(r->code, 600);
		ck_assert_int_eq(r->status[0], '0' + (int)(r->code / 100));
	}
	ck_assert_int_eq(
	    r->outcome == VX_SMTP_DELIVERED, r->code >= 200 && r->code < 300);
	if (r->outcome == VX_SMTP_PERMANENT && r->code != 0)
		ck_assert_uint_ge(r->code, 500);
	if (r->outcome == VX_SMTP_UNKNOWN)
		ck_assert_uint_eq(r->code, 0);
	ck_assert(!r->dsn || r->outcome == VX_SMTP_DELIVERED);
}

static void log_result(struct client_host *h, const struct vx_smtp_result *r)
{
	vx_buf_printf(&h->log, "%s %s %u %s%s ", outcomes[r->outcome],
	    stage_names[r->stage], r->code, r->status, r->dsn ? " dsn" : "");
	log_text(h, r->text);
	while (h->log.ptr[h->log.len - 1] == ' ')
		vx_buf_truncate(&h->log, h->log.len - 1);
	vx_buf_add_char(&h->log, '\n');
}

static void all_told(struct client_host *h)
{
	for (size_t i = 0; h->sending && i < h->message.to_count; i++)
		ck_assert_msg(h->told[i], "recipient %zu has no result", i);
	h->sending = false;
}

static size_t piece(struct client_host *h, size_t max)
{
	switch (h->cut) {
	case CUT_OCTETS:
		return 1;
	case CUT_RANDOM:
		return 1 + (size_t)rand_r(&h->seed) % (max < 9 ? max : 9);
	case CUT_NOT:
		break;
	}
	return max;
}

static void on_content(struct client_host *h, const struct vx_smtp_client_event *ev)
{
	const vx_slice all = vx_buf_slice(&h->content);
	const size_t n = piece(h, ev->wanted);
	int rc;

	ck_assert(h->sending);
	ck_assert_uint_ge(ev->wanted, 1);
	ck_assert_uint_le(ev->wanted, VX_SMTP_CONTENT_MAX);
	ck_assert_uint_le(ev->offset + ev->wanted, all.len);
	rc = vx_smtp_client_content(
	    h->core, &h->out, vx_slice_head(vx_slice_from(all, (size_t)ev->offset), n));
	ck_assert(rc == VX_OK || (h->no_memory && rc == VX_ENOMEM));
}

static void on_event(struct client_host *h, const struct vx_smtp_client_event *ev)
{
	if (ev->type == VX_SMTP_CLIENT_CONTENT) {
		on_content(h, ev);
		return;
	}
	log_flush(h, false);
	switch (ev->type) {
	case VX_SMTP_CLIENT_READY:
		all_told(h);
		h->ready++;
		vx_buf_add_str(&h->log, "E: READY\n");
		break;
	case VX_SMTP_CLIENT_RESULT:
		ck_assert(h->sending);
		ck_assert_uint_lt(ev->recipient, h->message.to_count);
		ck_assert_msg(!h->told[ev->recipient], "told twice");
		h->told[ev->recipient] = true;
		h->outcomes[ev->recipient] = ev->result.outcome;
		check_result(&ev->result);
		vx_buf_printf(&h->log, "E: RESULT %zu ", ev->recipient);
		log_result(h, &ev->result);
		break;
	case VX_SMTP_CLIENT_FAILED:
		all_told(h);
		h->failed++;
		check_result(&ev->result);
		h->failure = ev->result;
		vx_buf_reset(&h->failure_text);
		vx_buf_add(&h->failure_text, ev->result.text);
		vx_buf_add_str(&h->log, "E: FAILED ");
		log_result(h, &ev->result);
		break;
	case VX_SMTP_CLIENT_CONTENT:
		break;
	}
}

static void run(struct client_host *h, vx_slice in)
{
	struct vx_smtp_client_event ev;

	do {
		h->end = vx_smtp_client_next(h->core, &in, &h->out, &ev);
		ck_assert_uint_le(h->out.len, VX_SMTP_OUT_MAX);
		if (h->end == VX_DATA)
			on_event(h, &ev);
		if (h->out.len > VX_SMTP_OUT_HIGH - VX_SMTP_CONTENT_MAX) {
			log_flush(h, false);
			if (h->out.len > VX_SMTP_OUT_HIGH - VX_SMTP_CONTENT_MAX)
				log_flush(h, true);
			if (h->end == VX_MORE)
				h->end = VX_DATA;
		}
	} while (h->end == VX_DATA);
	if (h->no_memory && h->end == VX_ENOMEM)
		return;
	ck_assert_int_ge(h->end, 0);
	if (h->end != VX_DONE)
		ck_assert_uint_eq(in.len, 0);
	log_flush(h, true);
	if (h->end == VX_TLS)
		vx_buf_add_str(&h->log, "E: TLS\n");
	if (h->end == VX_DONE)
		vx_buf_add_str(&h->log, "E: DONE\n");
}

void client_feed(struct client_host *h, vx_slice octets)
{
	while (octets.len > 0 && h->end != VX_DONE && h->end >= 0) {
		const size_t n = piece(h, octets.len);
		char *const block = malloc(n); /* so that a read past its end is seen */

		ck_assert_ptr_nonnull(block);
		memcpy(block, octets.ptr, n);
		run(h, vx_slice_of(block, n));
		free(block);
		octets = vx_slice_from(octets, n);
	}
}

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

static bool takes(vx_slice *word, const char *key)
{
	if (!vx_slice_has_prefix(*word, vx_slice_str(key)))
		return false;
	*word = vx_slice_from(*word, strlen(key));
	return true;
}

static void add_forward(struct client_host *h, vx_slice word)
{
	struct vx_smtp_forward *const to = &h->to[h->message.to_count++];
	uint64_t n;
	vx_slice part;

	ck_assert_uint_le(h->message.to_count, CLIENT_FORWARDS_MAX);
	*to = (struct vx_smtp_forward){ 0 };
	(void)vx_slice_cut(&word, '|', &to->path);
	while (word.len > 0) {
		(void)vx_slice_cut(&word, '|', &part);
		if (takes(&part, "notify=")) {
			vxt_assert_ok(vx_slice_number(part, 99, &n));
			to->notify = (unsigned)n;
		} else {
			ck_assert(takes(&part, "orcpt="));
			to->orcpt = part;
		}
	}
}

static void add_word(struct client_host *h, vx_slice word)
{
	struct vx_smtp_message *const m = &h->message;

	if (takes(&word, "from="))
		m->from = word;
	else if (takes(&word, "to="))
		add_forward(h, word);
	else if (takes(&word, "envid="))
		m->envid = word;
	else if (takes(&word, "ret="))
		m->ret =
		    vx_slice_eq(word, VX_S("full")) ? VX_SMTP_RET_FULL : VX_SMTP_RET_HDRS;
	else if (takes(&word, "body8"))
		m->body_8bit = true;
	else if (takes(&word, "probe"))
		m->probe = true;
	else
		ck_assert(takes(&word, "utf8") && (m->utf8 = true));
}

void client_send(struct client_host *h, vx_slice words)
{
	struct vx_smtp_scan scan = { 0 };
	vx_slice word;
	int rc;

	h->message = (struct vx_smtp_message){ .to = h->to };
	while (words.len > 0) {
		(void)vx_slice_cut(&words, ' ', &word);
		add_word(h, word);
	}
	vx_smtp_scan_add(&scan, vx_buf_slice(&h->content));
	vx_smtp_scan_end(&scan);
	h->message.size = scan.octets;
	h->message.has_8bit = scan.has_8bit;
	h->message.has_utf8_header = scan.has_utf8_header;
	h->message.has_bare = scan.has_bare;
	memset(h->told, 0, sizeof(h->told));
	rc = vx_smtp_client_send(h->core, &h->message);
	if (rc == VX_OK)
		h->sending = true;
	else
		vx_buf_printf(&h->log, "E: %s\n", vx_strerror(rc));
	run(h, VX_S(""));
}

void client_tls(struct client_host *h)
{
	vx_smtp_client_tls_ready(h->core, VX_S(""));
	run(h, VX_S(""));
}

void client_quit(struct client_host *h)
{
	const int rc = vx_smtp_client_quit(h->core);

	if (rc != VX_OK)
		vx_buf_printf(&h->log, "E: %s\n", vx_strerror(rc));
	run(h, VX_S(""));
}

void client_lost(struct client_host *h)
{
	vx_smtp_client_lost(h->core, "the peer closed the connection");
	run(h, VX_S(""));
}

static bool begins(vx_slice line, const char *with)
{
	return vx_slice_has_prefix(line, vx_slice_str(with));
}

/* The lines in a row that the peer says, into octets and the log. */
static void take_block(struct client_host *h, vx_slice *lines, struct vx_buf *octets)
{
	while (begins(*lines, "S:") || begins(*lines, "R:")) {
		vx_slice line;

		(void)vx_slice_cut(lines, '\n', &line);
		vx_buf_add(&h->log, line);
		vx_buf_add_char(&h->log, '\n');
		add_raw(octets, vx_slice_from(line, 3));
		if (line.ptr[0] == 'S')
			vx_buf_add_str(octets, "\r\n");
	}
}

static void do_line(struct client_host *h, vx_slice line)
{
	const vx_slice text = vx_slice_from(line, 3);
	const bool ours = begins(line, "D:") || begins(line, "M:") ||
			  begins(line, "T:") || begins(line, "Q:") || begins(line, "L:");

	if (ours) {
		vx_buf_add(&h->log, line);
		vx_buf_add_char(&h->log, '\n');
	}
	if (begins(line, "D:"))
		add_raw(&h->content, text);
	else if (begins(line, "M:"))
		client_send(h, text);
	else if (begins(line, "T:"))
		client_tls(h);
	else if (begins(line, "Q:"))
		client_quit(h);
	else if (begins(line, "L:"))
		client_lost(h);
	else
		ck_assert_msg(begins(line, "C: ") || begins(line, "C~ ") ||
				  begins(line, "E: ") || begins(line, "C:") ||
				  begins(line, "E:") || line.len == 0 ||
				  line.ptr[0] == '#',
		    "%.*s", (int)line.len, line.ptr);
}

void client_play(struct client_host *h, vx_slice lines, size_t octets_max)
{
	struct vx_buf octets = { .max = 4 << 20 };
	bool fresh = true; /* content of a message that was sent is dropped */
	vx_slice line;

	run(h, VX_S(""));
	while (lines.len > 0 && h->end != VX_DONE && h->end >= 0) {
		if (begins(lines, "S:") || begins(lines, "R:")) {
			vx_buf_reset(&octets);
			take_block(h, &lines, &octets);
			client_feed(h, vx_slice_head(vx_buf_slice(&octets), octets_max));
			if (octets.len >= octets_max && octets_max != SIZE_MAX) {
				if (h->end != VX_DONE && h->end >= 0)
					client_lost(h);
				break;
			}
			octets_max -= octets_max == SIZE_MAX ? 0 : octets.len;
			continue;
		}
		(void)vx_slice_cut(&lines, '\n', &line);
		if (begins(line, "D:") && fresh)
			vx_buf_reset(&h->content);
		fresh = begins(line, "M:") || (fresh && !begins(line, "D:"));
		do_line(h, line);
	}
	vx_buf_done(&octets);
}

void client_sessions(const char *file, client_session_fn *fn, void *ctx)
{
	struct vx_buf all = vxt_read(file);
	vx_slice rest = vx_buf_slice(&all), line;
	size_t count = 0;

	while (rest.len > 0) {
		const char *begin;
		size_t at;

		(void)vx_slice_cut(&rest, '\n', &line);
		if (!begins(line, "=== "))
			continue;
		begin = rest.ptr;
		while (rest.len > 0 && !begins(rest, "=== "))
			(void)vx_slice_cut(&rest, '\n', &(vx_slice){ 0 });
		at = vx_slice_rfind(line, ':');
		fn(ctx, vx_slice_head(line, at),
		    vx_slice_trim(vx_slice_from(line, at + 1), " "),
		    vx_slice_range(begin, rest.ptr));
		count++;
	}
	ck_assert_uint_gt(count, 0);
	vx_buf_done(&all);
}
