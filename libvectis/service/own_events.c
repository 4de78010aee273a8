#include "service/own_events.h"

#include "base/encode.h"
#include "base/mem.h"
#include "vectis/arena.h"

struct batch {
	struct vx_event_op op; /* first */
	struct own_events *owner;
	struct vx_arena arena;
	struct vx_event events[OWN_EVENTS_MAX];
};

struct own_events {
	struct vx_store *store;
	const struct vx_log *log;
	struct batch *filling;   /* own; NULL: nothing yet */
	struct batch *under_way; /* the store's until it is done */
	uint64_t left_out;
};

int vx_own_events_new(
    struct vx_store *store, const struct vx_log *log, struct own_events **out)
{
	struct own_events *e = vx_alloc(sizeof(*e));

	if (e == NULL)
		return VX_ENOMEM;
	e->store = store;
	e->log = log;
	*out = e;
	return VX_OK;
}

static void free_batch(struct batch *b)
{
	if (b != NULL)
		vx_arena_done(&b->arena);
	vx_free(b);
}

static void written(struct vx_store_op *op)
{
	struct batch *b = (struct batch *)op;
	struct own_events *e = b->owner; /* NULL: it is gone */

	if (e != NULL && op->result != VX_OK)
		vx_log(e->log, VX_LOG_WARN, "events are not kept",
		    VX_KV_U("count", b->op.count), VX_KV_ERR(op->result));
	if (e != NULL)
		e->under_way = NULL;
	free_batch(b);
}

/* A new one to fill, or NULL. */
static struct batch *filling(struct own_events *e)
{
	if (e->filling == NULL)
		e->filling = vx_alloc(sizeof(*e->filling));
	if (e->filling != NULL && e->filling->owner == NULL) {
		vx_event_op_init(&e->filling->op);
		e->filling->op.events = e->filling->events;
		e->filling->op.op.done = written;
		vx_arena_init(&e->filling->arena, OWN_EVENTS_OCTETS_MAX);
		e->filling->owner = e;
	}
	return e->filling;
}

void vx_own_events_add(struct own_events *e, const struct vx_event *event)
{
	struct batch *b = filling(e);
	int rc = b == NULL || b->op.count == OWN_EVENTS_MAX ? VX_ELIMIT : VX_OK;
	struct vx_event copy = *event;

	for (size_t i = 0; i < VX_EVENT_TEXTS && rc == VX_OK; i++)
		rc = vx_arena_copy(&b->arena,
		    vx_utf8_head(event->texts[i], VX_EVENT_LIST_MAX), &copy.texts[i]);
	if (rc == VX_OK)
		b->events[b->op.count++] = copy;
	else
		e->left_out++;
}

void vx_own_events_tick(struct own_events *e)
{
	struct batch *b = e->filling;

	if (e->left_out > 0)
		vx_log(e->log, VX_LOG_WARN, "events were left out",
		    VX_KV_U("count", e->left_out));
	e->left_out = 0;
	if (b == NULL || e->under_way != NULL)
		return;
	if (vx_store_submit(e->store, &b->op.op) == VX_OK) {
		e->under_way = b;
		e->filling = NULL;
	}
}

void vx_own_events_free(struct own_events *e)
{
	if (e == NULL)
		return;
	if (e->filling != NULL) {
		e->filling->op.op.done = NULL;
		(void)vx_store_run(e->store, &e->filling->op.op);
	}
	free_batch(e->filling);
	if (e->under_way != NULL)
		e->under_way->owner = NULL; /* the store's close answers it */
	vx_free(e);
}
