/* The POP3 core in pieces gives what it gives whole; the first octet says how to cut. */
#include "base/mem.h"
#include "vectis/pop3_server.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	COUNT = 4
};

struct host {
	struct vx_pop3_server *core;
	struct vx_pop3_message messages[COUNT];
	struct vx_pop3_maildrop drop;
	struct vx_buf out;
};

static void answer(struct host *h, const struct vx_pop3_event *ev)
{
	const bool good = ev->password.len % 2 == 0;

	switch (ev->type) {
	case VX_POP3_KEYS: /* our nonce would be another one each time */
		vx_pop3_server_keys(h->core, &h->out, NULL);
		break;
	case VX_POP3_LOGIN:
		vx_pop3_server_login(h->core, &h->out,
		    good ? VX_POP3_LOGIN_OK : VX_POP3_LOGIN_WRONG, &h->drop);
		break;
	case VX_POP3_RETRIEVE:
		if (ev->index >= COUNT || h->messages[ev->index].deleted)
			abort();
		vx_pop3_server_retrieve(
		    h->core, &h->out, ev->index == 3 ? VX_ENOENT : VX_OK);
		if (ev->index == 3)
			break;
		(void)vx_pop3_server_body(h->core, VX_S("A: b\r\n\r\n.c\r"), &h->out);
		vx_pop3_server_body_end(h->core, &h->out);
		break;
	case VX_POP3_COMMIT:
		vx_pop3_server_commit(h->core, &h->out, VX_OK);
		break;
	case VX_POP3_NO_TLS:
		if (ev->password.len > 0)
			abort();
		break;
	}
}

static void run(vx_slice in, size_t chunk, struct host *h)
{
	struct vx_pop3_event ev;

	*h = (struct host){ .out = { .max = 8u << 20 } };
	for (uint32_t i = 0; i < COUNT; i++)
		h->messages[i] = (struct vx_pop3_message){ .uid = i + 1, .size = i };
	h->drop = (struct vx_pop3_maildrop){ 7, h->messages, COUNT };
	if (vx_pop3_server_new(true, &h->core) != VX_OK)
		abort();
	for (; in.len > 0; in = vx_slice_from(in, chunk)) {
		vx_slice piece = vx_slice_head(in, chunk);
		int rc;

		do { /* VX_OK: out is full; here it goes on nevertheless */
			rc = vx_pop3_server_next(h->core, &piece, &h->out, &ev);
			if (rc == VX_DATA)
				answer(h, &ev);
		} while (rc == VX_DATA);
		if (rc == VX_WAIT || (rc == VX_MORE && piece.len > 0))
			abort();
	}
	vx_pop3_server_free(h->core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host whole, cut;

	if (size < 2 || size > 4096) /* far below what fills out */
		return 0;
	run(vx_slice_of(data + 1, size - 1), size, &whole);
	run(vx_slice_of(data + 1, size - 1), data[0] % 16u + 1, &cut);
	if (whole.out.len < VX_POP3_OUT_HIGH &&
	    !vx_slice_eq(vx_buf_slice(&whole.out), vx_buf_slice(&cut.out)))
		abort();
	vx_buf_done(&whole.out);
	vx_buf_done(&cut.out);
	return 0;
}
