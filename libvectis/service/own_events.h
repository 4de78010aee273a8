/*
 * own_events.h - events that have no transaction of their own, such as refusals: kept for
 * a second, and written together.  A crash loses at most these.
 */
#ifndef VX_SERVICE_OWN_EVENTS_H
#define VX_SERVICE_OWN_EVENTS_H

#include "vectis/event.h"
#include "vectis/log.h"

#define OWN_EVENTS_MAX 500 /* of a second; more are left out */
#define OWN_EVENTS_OCTETS_MAX ((size_t)1 << 20)

struct own_events;
int vx_own_events_new(
    struct vx_store *store, const struct vx_log *log, struct own_events **out);
/* Writes what is there, when the loop has ended. */
void vx_own_events_free(struct own_events *e);
/* A copy is kept. */
void vx_own_events_add(struct own_events *e, const struct vx_event *event);
/* Every second. */
void vx_own_events_tick(struct own_events *e);

#endif
