/*
 * An SMTP session over a real store, in pieces and broken off: whatever is said, what is
 * in the mailboxes is whole messages with their trace and nothing of a line that is bare.
 * The first octet says which server it is, the second how to cut, the third how it ends.
 */
#include "tests/service/world.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* Is the line without a bare CR, and not one that has no end? */
static bool is_whole(vx_slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.ptr[i] != '\\')
			continue;
		if (++i == line.len ||
		    vx_slice_has_prefix(vx_slice_from(line, i), VX_S("x0d")))
			return false;
	}
	return true;
}

/* Every message begins with what we write, and ends with a whole line. */
static void check(struct world *w)
{
	struct vx_buf shown = { .max = 8u << 20 };
	vx_slice rest, line;
	bool begun = false;

	world_show(w, &shown);
	for (rest = vx_buf_slice(&shown); rest.len > 0;) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (begun)
			must(vx_slice_has_prefix(line, VX_S("| Return-Path: <")));
		begun = vx_slice_has_prefix(line, VX_S("F: "));
		must(begun || vx_slice_has_prefix(line, VX_S("| ")));
		must(is_whole(line));
	}
	vx_buf_done(&shown);
}

static void run(struct world *w, const uint8_t *data, size_t size)
{
	static const char *const kinds[] = { "mx", "submission", "submission tls",
		"mx v6", "mx checked", "mx checked v6", "mx checked listed",
		"submission tls checked" };
	const size_t chunk = data[1] == 0 ? size : data[1];
	vx_slice in = vx_slice_of(data + 3, size - 3);
	struct drive d;

	drive_open(&d, w, vx_slice_str(kinds[data[0] % 8]));
	for (; in.len > 0 && d.end != VX_DONE && d.out.len < 65536;
	     in = vx_slice_from(in, chunk)) {
		drive_feed(&d, vx_slice_head(in, chunk));
		if (d.end == VX_TLS) { /* what is in the pipe is lost */
			vx_buf_reset(&d.in);
			drive_tls(&d);
		}
	}
	d.patient = true;
	if (data[2] % 4 == 1)
		d.session->ops->timeout(d.session, &d.out);
	else if (data[2] % 4 == 2)
		d.session->ops->stop(d.session, &d.out);
	drive_close(&d);
}

static struct world the_world;

static void at_end(void)
{
	world_close(&the_world); /* store check, too */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4 || size > 8192)
		return 0;
	if (the_world.store == NULL) {
		world_open(&the_world);
		(void)atexit(at_end);
	}
	run(&the_world, data, size);
	if (world_count(&the_world) > 0) {
		check(&the_world);
		world_reset(&the_world);
	} else {
		world_forget_logins(&the_world);
	}
	return 0;
}
