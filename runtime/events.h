/* events.h - libunbound's event interface on a libuv loop. */
#ifndef VX_RUNTIME_EVENTS_H
#define VX_RUNTIME_EVENTS_H

#include <uv.h>

struct ub_event_base;
/* To be freed after the context that uses it.  NULL: no memory. */
struct ub_event_base *vx_events_new(uv_loop_t *loop);
void vx_events_free(struct ub_event_base *base);

#endif
