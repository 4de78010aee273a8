/*
 * The SMTP core in pieces gives what it gives whole, and asks its host nothing out of
 * order.  The first octet says how to cut, the second which server it is.
 */
#include "vectis/smtp_server.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OCTETS_MAX = 300
};

struct host {
	struct vx_smtp_server *core;
	struct vx_buf out, log, content;
	bool submission, authenticated, mail, in_message;
	unsigned recipients;
	int end;
};

static void must(bool good)
{
	if (!good)
		abort();
}

/* Whatever was said of it: no bare CR or LF is in a message that is taken. */
static void check_content(vx_slice s)
{
	must(s.len <= OCTETS_MAX);
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\n')
			must(i > 0 && s.ptr[i - 1] == '\r');
		else if (s.ptr[i] == '\r')
			must(i + 1 < s.len && s.ptr[i + 1] == '\n');
	}
}

static void check_event(struct host *h, const struct vx_smtp_event *ev)
{
	switch (ev->type) {
	case VX_SMTP_STARTTLS:
	case VX_SMTP_KEYS:
	case VX_SMTP_AUTH:
		must(!h->mail && !h->in_message);
		break;
	case VX_SMTP_MAIL:
		must(!h->mail && (!h->submission || h->authenticated));
		break;
	case VX_SMTP_RCPT:
		must(h->mail && !h->in_message && ev->path.len > 0);
		break;
	case VX_SMTP_DATA:
		must(h->recipients > 0 && !h->in_message);
		break;
	case VX_SMTP_CONTENT:
		must(h->in_message && ev->octets.len > 0);
		break;
	case VX_SMTP_END:
		must(h->in_message);
		check_content(vx_buf_slice(&h->content));
		break;
	case VX_SMTP_RESET:
		must(h->mail);
		break;
	case VX_SMTP_REFUSED:
		must(ev->reason != NULL);
		break;
	}
}

static void over(struct host *h)
{
	h->mail = h->in_message = false;
	h->recipients = 0;
	vx_buf_reset(&h->content);
}

/* A verdict that depends on what was said only. */
static void answer(struct host *h, const struct vx_smtp_event *ev)
{
	const bool good = (ev->path.len + ev->password.len) % 4 != 3;

	switch (ev->type) {
	case VX_SMTP_STARTTLS:
		vx_smtp_server_answer(h->core, &h->out, 220, "2.0.0", "go");
		break;
	case VX_SMTP_KEYS: /* our nonce would be another one each time */
		vx_smtp_server_keys(h->core, &h->out, NULL);
		break;
	case VX_SMTP_AUTH:
		h->authenticated = good;
		vx_smtp_server_answer(h->core, &h->out, good ? 235 : 535, "", "auth");
		break;
	case VX_SMTP_MAIL:
		h->mail = good;
		vx_smtp_server_answer(h->core, &h->out, good ? 250 : 550, "", "mail");
		break;
	case VX_SMTP_RCPT:
		h->recipients += good;
		vx_smtp_server_answer(h->core, &h->out, good ? 250 : 450, "", "rcpt");
		break;
	case VX_SMTP_DATA:
		h->in_message = h->recipients != 2;
		vx_smtp_server_answer(
		    h->core, &h->out, h->in_message ? 354 : 451, "", "data");
		if (!h->in_message)
			over(h);
		break;
	case VX_SMTP_CONTENT:
		vx_buf_add(&h->content, ev->octets);
		break;
	case VX_SMTP_END:
		vx_buf_add(&h->log, vx_buf_slice(&h->content));
		vx_smtp_server_answer(
		    h->core, &h->out, h->content.len % 3 == 0 ? 550 : 250, "", "end");
		over(h);
		break;
	case VX_SMTP_RESET:
		over(h);
		break;
	case VX_SMTP_REFUSED:
		break;
	}
}

static void feed(struct host *h, vx_slice in)
{
	struct vx_smtp_event ev;

	do {
		h->end = vx_smtp_server_next(h->core, &in, &h->out, &ev);
		if (h->end == VX_DATA) {
			check_event(h, &ev);
			if (ev.type != VX_SMTP_CONTENT && ev.type != VX_SMTP_REFUSED)
				vx_buf_printf(&h->log, "%d", (int)ev.type);
			vx_buf_add(&h->log, ev.path);
			vx_buf_add(&h->log, ev.user);
			vx_buf_add(&h->log, ev.password);
			answer(h, &ev);
		} else if (h->end == VX_TLS) {
			must(!h->mail && !h->in_message);
			vx_smtp_server_tls_ready(h->core, VX_S(""));
		}
	} while (h->end == VX_DATA || h->end == VX_TLS);
	must(h->end == VX_DONE || (h->end == VX_MORE && in.len == 0));
}

static void run(vx_slice in, uint8_t kind, size_t chunk, struct host *h)
{
	const struct vx_smtp_server_options o = { .struct_size = sizeof(o),
		.role = (kind & 1) != 0 ? VX_SMTP_SUBMISSION : VX_SMTP_MX,
		.hostname = VX_S("mx.test"),
		.banner = VX_S("Vectis"),
		.message_octets_max = OCTETS_MAX,
		.recipients_max = 3,
		.tls = (kind & 2) != 0 };

	*h = (struct host){ .out = { .max = 8u << 20 },
		.log = { .max = 8u << 20 },
		.content = { .max = 8u << 20 },
		.submission = (kind & 1) != 0 };
	must(vx_smtp_server_new(&o, &h->core) == VX_OK);
	for (; in.len > 0 && h->end != VX_DONE; in = vx_slice_from(in, chunk))
		feed(h, vx_slice_head(in, chunk));
	vx_smtp_server_free(h->core);
}

static void done(struct host *h)
{
	vx_buf_done(&h->out);
	vx_buf_done(&h->log);
	vx_buf_done(&h->content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host whole, cut;

	if (size < 3 || size > 65536)
		return 0;
	run(vx_slice_of(data + 2, size - 2), data[1], size, &whole);
	run(vx_slice_of(data + 2, size - 2), data[1], data[0] % 16u + 1, &cut);
	must(vx_slice_eq(vx_buf_slice(&whole.out), vx_buf_slice(&cut.out)));
	must(vx_slice_eq(vx_buf_slice(&whole.log), vx_buf_slice(&cut.log)));
	must(whole.end == cut.end);
	done(&whole);
	done(&cut);
	return 0;
}
