/*
 * The framing of IMAP in pieces gives what it gives whole, and no command goes beyond
 * its limit.  The first octet says how to cut; the second: logged in, what to refuse, and
 * whether a line that is nearly too long is under way.
 */
#include "imap/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct host {
	struct vx_imap_frame frame;
	struct vx_buf out, log;
	int end;
};

static void must(bool good)
{
	if (!good)
		abort();
}

static void on_event(
    struct host *h, enum vx_imap_frame_event event, vx_slice octets, uint8_t kind)
{
	const vx_slice command = vx_buf_slice(&h->frame.command);

	must(command.len <=
	     (h->frame.authenticated ? VX_IMAP_COMMAND_MAX : VX_IMAP_COMMAND_MAX_EARLY));
	switch (event) {
	case VX_IMAP_COMMAND:
		vx_buf_add_str(&h->log, "\nC ");
		vx_buf_add(&h->log, command);
		break;
	case VX_IMAP_MESSAGE:
		must(h->frame.authenticated);
		vx_buf_printf(&h->log, "\nM %llu ", (unsigned long long)h->frame.message);
		vx_buf_add(&h->log, command);
		vx_buf_add_char(&h->log, '\n');
		if ((kind & 2) != 0 && command.len % 2 == 0)
			vx_imap_frame_refuse(&h->frame);
		else
			vx_imap_frame_accept(&h->frame, &h->out);
		break;
	case VX_IMAP_OCTETS:
		must(octets.len > 0);
		vx_buf_add(&h->log, octets);
		break;
	case VX_IMAP_TOO_LONG:
		vx_buf_add_str(&h->log, "\nL");
		break;
	}
}

static void begin_line(struct host *h)
{
	char text[VX_IMAP_LINE_MAX_EARLY - 8];
	vx_slice in = vx_slice_of(text, sizeof(text)), octets;
	enum vx_imap_frame_event event;

	memset(text, 'x', sizeof(text));
	must(vx_imap_frame_next(&h->frame, &in, &h->out, &event, &octets) == VX_MORE);
}

static void run(vx_slice in, uint8_t kind, size_t chunk, struct host *h)
{
	*h = (struct host){ .out = { .max = 8u << 20 }, .log = { .max = 16u << 20 } };
	vx_imap_frame_init(&h->frame);
	if ((kind & 4) != 0)
		begin_line(h);
	h->frame.authenticated = (kind & 1) != 0;
	for (; in.len > 0 && h->end != VX_DONE; in = vx_slice_from(in, chunk)) {
		vx_slice piece = vx_slice_head(in, chunk), octets = { 0 };
		enum vx_imap_frame_event event;

		while ((h->end = vx_imap_frame_next(
			    &h->frame, &piece, &h->out, &event, &octets)) == VX_DATA)
			on_event(h, event, octets, kind);
		must(h->end == VX_DONE || (h->end == VX_MORE && piece.len == 0));
	}
	vx_imap_frame_done(&h->frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host whole, cut;

	if (size < 3)
		return 0;
	run(vx_slice_of(data + 2, size - 2), data[1], size, &whole);
	run(vx_slice_of(data + 2, size - 2), data[1], data[0] % 16u + 1, &cut);
	must(vx_slice_eq(vx_buf_slice(&whole.out), vx_buf_slice(&cut.out)));
	must(vx_slice_eq(vx_buf_slice(&whole.log), vx_buf_slice(&cut.log)));
	must(whole.end == cut.end);
	vx_buf_done(&whole.out);
	vx_buf_done(&whole.log);
	vx_buf_done(&cut.out);
	vx_buf_done(&cut.log);
	return 0;
}
