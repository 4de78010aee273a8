/*
 * old_clients.h - whose handshakes fail since they know no TLS that is new enough: one
 * client that cannot connect is otherwise seen by nobody (DX-TL-09).
 */
#ifndef VX_RUNTIME_OLD_CLIENTS_H
#define VX_RUNTIME_OLD_CLIENTS_H

#include "vectis/network.h"

#define VX_OLD_CLIENTS_MAX 64 /* networks; then who was not seen longest is forgotten */

/* All zero: nobody was seen. */
struct vx_old_clients {
	struct vx_old_client {
		struct vx_network network; /* an IPv4 address, or a /64 */
		uint64_t count;
		int64_t last; /* seconds since 1970 */
	} list[VX_OLD_CLIENTS_MAX];
	size_t count;
	bool changed; /* since it was written */
};

/* A handshake from address failed for that reason.  What is no address is ignored. */
void vx_old_clients_note(struct vx_old_clients *o, const char *address, int64_t now);
/*
 * Publish lines "NETWORK COUNT LAST", when something changed.  False: they could not be
 * written.
 */
bool vx_old_clients_write(struct vx_old_clients *o, const char *path);

#endif
