/* own_queue.h - what every message that goes into the queue needs. */
#ifndef VX_SERVICE_OWN_QUEUE_H
#define VX_SERVICE_OWN_QUEUE_H

#include "vectis/arena.h"
#include "vectis/queue.h"

/* A new id that people are told, in hex; without a NUL. */
void vx_own_token(char out[VX_QUEUE_TOKEN_OCTETS]);
/*
 * Where a path is routed: its domain as a name (dns.h), or an address literal as it is,
 * in the arena.  VX_OK; VX_EINVAL: the domain is none; VX_ELIMIT.
 */
int vx_own_destination(struct vx_arena *a, vx_slice path, vx_slice *out);

#endif
