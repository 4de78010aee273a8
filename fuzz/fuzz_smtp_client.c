/*
 * The SMTP client, whatever its peer says: each recipient has one result, an end comes,
 * and how the octets are cut makes no difference.
 *
 * Input: an octet that says how to cut, one for the options, one for the host's ways,
 * then what the peer says.  A reply is fed when the client has nothing more to say, for
 * when one comes is part of what it means; once more all is fed at once.
 */
#include "vectis/smtp_client.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	FORWARDS = 3,
	MESSAGES_MAX = 4,
	STEPS_MAX = 200000
};

struct host {
	struct vx_smtp_client *core;
	struct vx_buf out, log;
	uint8_t ways;
	struct vx_smtp_message message;
	struct vx_smtp_forward to[FORWARDS];
	bool told[FORWARDS];
	bool sending, failed, over, resting;
	size_t held; /* content that is wanted, and not given yet */
	uint64_t held_at;
	unsigned messages;
	int end;
};

static void must(bool good)
{
	if (!good)
		abort();
}

static const char content[] = "Subject: x\r\n\r\n.\r\n..\r\n.a\r\n\xc3\xa4 and more, so "
			      "that some is left at the end";

static void check_result(const struct vx_smtp_result *r)
{
	must(r->text.len <= VX_SMTP_REPLY_TEXT_MAX);
	for (size_t i = 0; i < r->text.len; i++)
		must((unsigned char)r->text.ptr[i] >= ' ' && r->text.ptr[i] != 127);
	must(r->status[0] >= '2' && r->status[0] <= '5' && r->status[1] == '.');
	must((r->outcome == VX_SMTP_DELIVERED) == (r->code >= 200 && r->code < 300));
	must(r->outcome != VX_SMTP_UNKNOWN || r->code == 0);
	must(r->outcome != VX_SMTP_PERMANENT || r->code == 0 || r->code >= 500);
}

static void log_result(struct host *h, const char *what, const struct vx_smtp_result *r)
{
	vx_buf_printf(&h->log, "%s %d %d %u %s ", what, (int)r->outcome, (int)r->stage,
	    r->code, r->status);
	vx_buf_add(&h->log, r->text);
	vx_buf_add_char(&h->log, '\n');
}

static void all_told(struct host *h)
{
	for (size_t i = 0; h->sending && i < h->message.to_count; i++)
		must(h->told[i]);
	h->sending = false;
}

static void send(struct host *h)
{
	h->message = (struct vx_smtp_message){ .from = VX_S("a@b.test"),
		.to = h->to,
		.to_count = 1 + h->ways % FORWARDS,
		.size = sizeof(content) - 1,
		.envid = VX_S("e+2B"),
		.ret = (h->ways & 4) != 0 ? VX_SMTP_RET_HDRS : VX_SMTP_RET_NONE,
		.has_8bit = (h->ways & 8) != 0,
		.has_utf8_header = (h->ways & 24) == 24 };
	h->to[0] = (struct vx_smtp_forward){ .path = VX_S("c@d.test"), .notify = 14 };
	h->to[1] = (struct vx_smtp_forward){ .path = VX_S("e@\xc3\xa4.test"),
		.orcpt = VX_S("utf-8;e@\xc3\xa4.test") };
	h->to[2] = (struct vx_smtp_forward){ .path = VX_S("\xc3\xa4@f.test") };
	for (size_t i = 0; i < FORWARDS; i++)
		h->told[i] = false;
	must(vx_smtp_client_send(h->core, &h->message) == VX_OK);
	h->sending = true;
}

/* Send some messages, then quit. */
static void rest(struct host *h)
{
	h->resting = false;
	if (h->messages++ < MESSAGES_MAX)
		send(h);
	else
		must(vx_smtp_client_quit(h->core) == VX_OK);
}

static void give(struct host *h)
{
	must(h->held_at + h->held <= sizeof(content) - 1);
	must(vx_smtp_client_content(h->core, &h->out,
		 vx_slice_of(content + h->held_at, (h->held + 1) / 2)) == VX_OK);
	h->held = 0;
}

static void on_event(struct host *h, const struct vx_smtp_client_event *ev)
{
	must(!h->failed);
	switch (ev->type) {
	case VX_SMTP_CLIENT_READY:
		all_told(h);
		h->resting = true;
		break;
	case VX_SMTP_CLIENT_CONTENT:
		must(h->sending && ev->wanted > 0 && h->held == 0);
		h->held = ev->wanted;
		h->held_at = ev->offset;
		break;
	case VX_SMTP_CLIENT_RESULT:
		must(h->sending && ev->recipient < h->message.to_count);
		must(!h->told[ev->recipient]);
		h->told[ev->recipient] = true;
		check_result(&ev->result);
		log_result(h, "result", &ev->result);
		break;
	case VX_SMTP_CLIENT_FAILED:
		all_told(h);
		h->failed = true;
		h->held = 0;
		check_result(&ev->result);
		log_result(h, "failed", &ev->result);
		break;
	}
}

static void run(struct host *h, vx_slice in)
{
	struct vx_smtp_client_event ev;

	for (unsigned steps = 0;; steps++) {
		must(steps < STEPS_MAX && h->out.len <= VX_SMTP_OUT_MAX);
		h->end = vx_smtp_client_next(h->core, &in, &h->out, &ev);
		vx_buf_add(&h->log, vx_buf_slice(&h->out));
		vx_buf_reset(&h->out);
		if (h->end == VX_DATA)
			on_event(h, &ev);
		else if (h->end == VX_TLS)
			vx_smtp_client_tls_ready(h->core, VX_S(""));
		else
			break;
		if (h->held > 0 && (h->ways & 32) == 0)
			give(h);
	}
	must(h->end == VX_DONE || (h->end >= 0 && in.len == 0));
}

/* One reply, cut or whole; what the host has to say comes behind it. */
static void feed(struct host *h, vx_slice reply, size_t chunk)
{
	for (; reply.len > 0 && h->end != VX_DONE; reply = vx_slice_from(reply, chunk))
		run(h, vx_slice_head(reply, chunk));
	while (h->end != VX_DONE && (h->resting || h->held > 0)) {
		if (h->resting)
			rest(h);
		if (h->held > 0)
			give(h);
		run(h, VX_S(""));
	}
}

static vx_slice next_reply(vx_slice *rest)
{
	const vx_slice all = *rest;
	vx_slice line;

	do {
		(void)vx_slice_cut(rest, '\n', &line);
	} while (line.len > 3 && line.ptr[3] == '-' && rest->len > 0);
	return vx_slice_head(all, all.len - rest->len);
}

static void play(vx_slice in, uint8_t options, uint8_t ways, size_t chunk, struct host *h)
{
	const struct vx_smtp_client_options o = { .struct_size = sizeof(o),
		.hostname = VX_S("client.test"),
		.user = (options & 4) != 0 ? VX_S("alice") : VX_S(""),
		.password = VX_S("secret"),
		.policy = (enum vx_smtp_tls_policy)(options % 4 % 3),
		.tls = (options & 8) != 0,
		.ignore = (options & 16) != 0 ? VX_SMTP_EXT_CHUNKING : 0 };

	*h = (struct host){ .out = { .max = VX_SMTP_OUT_MAX },
		.log = { .max = 16u << 20 },
		.ways = ways };
	must(vx_smtp_client_new(&o, &h->core) == VX_OK);
	run(h, VX_S(""));
	if (chunk == 0)
		feed(h, in, in.len);
	while (chunk > 0 && in.len > 0 && h->end != VX_DONE)
		feed(h, next_reply(&in), chunk);
	if (h->end != VX_DONE) {
		vx_smtp_client_lost(h->core, "it is over");
		h->resting = false;
		h->held = 0;
		run(h, VX_S(""));
		must(h->end == VX_DONE);
	}
	all_told(h);
	vx_smtp_client_free(h->core);
}

static void done(struct host *h)
{
	vx_buf_done(&h->out);
	vx_buf_done(&h->log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host whole, cut, at_once;
	vx_slice in;

	if (size < 4 || size > 65536)
		return 0;
	in = vx_slice_of(data + 3, size - 3);
	play(in, data[1], data[2], size, &whole);
	play(in, data[1], data[2], data[0] % 16u + 1, &cut);
	play(in, data[1], data[2], 0, &at_once);
	/* SCRAM's nonces are random */
	if (vx_slice_find_slice(vx_buf_slice(&whole.log), VX_S("\nAUTH SCRAM")) ==
	    whole.log.len)
		must(vx_slice_eq(vx_buf_slice(&whole.log), vx_buf_slice(&cut.log)));
	done(&whole);
	done(&cut);
	done(&at_once);
	return 0;
}
