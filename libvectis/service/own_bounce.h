/*
 * own_bounce.h - reports of other servers about what we sent, which come back as mail
 * with a null reverse-path: whose message it was, and whether it failed for good.
 */
#ifndef VX_SERVICE_OWN_BOUNCE_H
#define VX_SERVICE_OWN_BOUNCE_H

#include "vectis/arena.h"
#include "vectis/bounce.h"
#include "vectis/event.h"

#define OWN_BOUNCE_OCTETS_MAX ((size_t)64 * 1024) /* of it that are looked at */

struct own_bounce {
	vx_slice domain; /* of ours, that sent it */
	struct own_returned {
		bool hard;
		struct vx_event event; /* in the arena, like all here */
	} * list;
	size_t count; /* 0: it is no report about a message of ours */
};
/*
 * message: its beginning.  rewritten: it came to a path of ours that has a mark (SRS),
 * which nobody else can have; else the id that we gave it has to be in what came back.
 */
void vx_own_bounce_read(vx_slice message, vx_slice recipient, bool rewritten,
    const char *hostname, uint64_t now_s, struct vx_arena *arena, struct own_bounce *out);
/* In the transaction that takes it. */
int vx_own_bounce_write(struct vx_kv_txn *txn, const struct own_bounce *b);

#endif
