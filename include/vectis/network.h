/*
 * network.h - IPv4 and IPv6 networks: "192.0.2.1", "192.0.2.0/24", "2001:db8::/32".
 *
 * An IPv4 address that came as IPv6 (::ffff:192.0.2.1) is one of IPv4.
 */
#ifndef VECTIS_NETWORK_H
#define VECTIS_NETWORK_H

#include "vectis/slice.h"

VX_BEGIN_DECLS

#define VX_NETWORK_TEXT_MAX 49 /* octets of its text */

struct vx_network {
	unsigned char
	    address[16];    /* IPv4: the first four; bits beyond the prefix are 0 */
	unsigned char bits; /* of the prefix */
	bool v6;
};

/*
 * VX_OK; VX_EINVAL: no address, or a prefix that is too long.  Bits beyond the prefix
 * are dropped: exact says whether there were none.
 */
VX_API int vx_network_parse(vx_slice text, struct vx_network *out, bool *exact);
/* Its text, as short as it can be: without "/32" and "/128". */
VX_API void vx_network_write(
    const struct vx_network *n, char out[VX_NETWORK_TEXT_MAX + 1]);
/* Is all of inner in it? */
VX_API bool vx_network_has(const struct vx_network *n, const struct vx_network *inner);
/* The first bits of n; more than it has: n itself. */
VX_API struct vx_network vx_network_wider(const struct vx_network *n, unsigned bits);
/* Whose an address is: IPv4 one, IPv6 the /64, which any host may fill. */
VX_API struct vx_network vx_network_owner(const struct vx_network *address);

/* Is the address one that the whole Internet can reach, as far as its number says? */
VX_API bool vx_network_is_public(const char *address);

VX_END_DECLS

#endif
