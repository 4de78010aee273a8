/*
 * A POP3 session over a real store, in pieces and broken off: it never deletes without
 * QUIT, and the maildrop is free afterwards.  The first octet says how to cut, the second
 * how it ends, the third whether it is logged in.
 */
#include "tests/service/world.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static const vx_slice message =
    VX_SLICE_INIT("Subject: x\r\n\r\n.line\r\n..\r\nbare\n\0\xff\r\nno end");
static const vx_slice login =
    VX_SLICE_INIT("USER alice@example.test\r\nPASS " WORLD_PASSWORD "\r\n");

static void feed(struct drive *d, vx_slice in, size_t chunk)
{
	for (; in.len > 0 && d->end != VX_DONE && d->out.len < 1 << 20;
	     in = vx_slice_from(in, chunk))
		drive_feed(d, vx_slice_head(in, chunk));
}

static void run(struct world *w, const uint8_t *data, size_t size)
{
	struct drive d;

	drive_open(&d, w, VX_S("pop3 tls"));
	if (data[2] % 4 != 0)
		feed(&d, login, login.len);
	feed(&d, vx_slice_of(data + 3, size - 3), data[0] == 0 ? size : data[0]);
	if (data[1] % 4 == 1)
		d.session->ops->timeout(d.session, &d.out);
	else if (data[1] % 4 == 2)
		d.session->ops->stop(d.session, &d.out);
	drive_close(&d);
}

static void must_be_free(struct world *w)
{
	struct drive d;

	world_forget_logins(w);
	drive_open(&d, w, VX_S("pop3 tls"));
	vx_buf_reset(&d.out);
	drive_feed(&d, login);
	must(vx_slice_find_slice(vx_buf_slice(&d.out), VX_S(" messages")) < d.out.len);
	drive_close(&d);
}

static bool says_quit(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 4 <= size; i++)
		if ((data[i] | 32) == 'q' && (data[i + 1] | 32) == 'u' &&
		    (data[i + 2] | 32) == 'i' && (data[i + 3] | 32) == 't')
			return true;
	return false;
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
	while (world_count(&the_world) < 3)
		world_deliver(&the_world, "alice", message);
	run(&the_world, data, size);
	must(world_count(&the_world) == 3 || says_quit(data, size));
	must_be_free(&the_world);
	return 0;
}
