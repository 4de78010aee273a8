/*
 * Reports that come back, of any server or of nobody: what is taken of one is bounded, it
 * is about a message of ours, and can be written.
 *
 * Input: an octet that says whether it came to a path that we rewrote, then the message.
 */
#include "service/own_bounce.h"
#include "tests/service/world.h"
#include "vectis/queue.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RETURNED_MAX = 20,
	ARENA_MAX = 1 << 20
};

struct writing {
	struct vx_store_op op;
	const struct own_bounce *bounce;
	int result;
};

static struct world the_world;

static void must(bool good)
{
	if (!good)
		abort();
}

static void at_end(void)
{
	world_close(&the_world);
}

/* It is taken back: the next input begins as this one did. */
static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct writing *x = (struct writing *)base;

	x->result = vx_own_bounce_write(txn, x->bounce);
	return VX_ECONFLICT;
}

static void check(const struct own_bounce *b, vx_slice message, bool rewritten)
{
	must(b->count <= RETURNED_MAX);
	for (size_t i = 0; i < b->count; i++) {
		const struct vx_event *e = &b->list[i].event;
		const vx_slice token = e->texts[VX_EVENT_ID];

		must(e->type == VX_EVENT_RETURNED && e->time == WORLD_NOW);
		must(token.len == VX_QUEUE_TOKEN_OCTETS || (rewritten && token.len == 0));
		must(token.len == 0 || vx_slice_find_slice(message, token) < message.len);
		must(vx_slice_eq(b->domain, VX_S("example.test")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const bool rewritten = size > 0 && (data[0] & 1) != 0;
	struct writing x = { .op = { .apply = apply }, .result = VX_OK };
	struct vx_arena arena = { .limit = ARENA_MAX };
	struct own_bounce b;
	vx_slice message;

	if (size < 1 || size > OWN_BOUNCE_OCTETS_MAX)
		return 0;
	if (the_world.store == NULL) {
		world_open(&the_world);
		(void)atexit(at_end);
	}
	message = vx_slice_from(vx_slice_of(data, size), 1);
	vx_own_bounce_read(message, VX_S("Alice@EXAMPLE.test"), rewritten,
	    "mx.example.test", WORLD_NOW, &arena, &b);
	check(&b, message, rewritten);
	if (b.count > 0) {
		x.bounce = &b;
		must(vx_store_run(the_world.store, &x.op) == VX_ECONFLICT);
		must(x.result == VX_OK);
	}
	vx_arena_done(&arena);
	return 0;
}
