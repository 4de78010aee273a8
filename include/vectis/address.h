/* address.h - address lists of header fields (RFC 5322 3.4 and 4.4, RFC 6532, RFC 6854).
 */
#ifndef VECTIS_ADDRESS_H
#define VECTIS_ADDRESS_H

#include "vectis/arena.h"
#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_ADDRESSES_MAX 2000     /* of one list; the rest is left out */
#define VX_ADDRESS_NAME_MAX 16384 /* octets; longer ones are cut */
#define VX_ADDRESS_PART_MAX 1024  /* of a local part or domain; longer ones are cut */

enum vx_address_kind {
	VX_ADDRESS_MAILBOX,
	VX_ADDRESS_GROUP_BEGIN,
	VX_ADDRESS_GROUP_END
};

struct vx_address {
	enum vx_address_kind kind;
	vx_slice
	    name; /* display name, unquoted, encoded words as they are; ptr NULL: none */
	vx_slice local;  /* unquoted */
	vx_slice domain; /* empty: missing */
	struct vx_address *next;
};

/*
 * Never fails on what the list says: garbage is skipped, what can be read is in *out
 * (NULL: nothing).  VX_ELIMIT: there are more than VX_ADDRESSES_MAX, or the arena is
 * full; *out has what came before.
 */
VX_API int vx_address_parse(
    vx_slice field, struct vx_arena *arena, struct vx_address **out);

/*
 * local@domain, split at the last '@' outside quotes.  VX_EINVAL: no '@', an empty half,
 * more than 64 or 255 octets.
 */
VX_API int vx_address_split(vx_slice address, vx_slice *local, vx_slice *domain);

/*
 * A domain in the form in which domains are compared: lower-case A-labels (RFC 5891),
 * appended to out.  VX_EINVAL: no host name.
 */
VX_API int vx_domain_normalise(vx_slice domain, struct vx_buf *out);

VX_END_DECLS

#endif
