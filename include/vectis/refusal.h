/*
 * refusal.h - which rule refused mail: found by what was answered, which is the reason of
 * an event (event.h).
 */
#ifndef VECTIS_REFUSAL_H
#define VECTIS_REFUSAL_H

#include "vectis/slice.h"

VX_BEGIN_DECLS

enum vx_refusal {
	VX_REFUSAL_OTHER,
	/* whom it was for */
	VX_REFUSAL_UNKNOWN,  /* nobody has the address */
	VX_REFUSAL_CLOSED,   /* the domain is inactive */
	VX_REFUSAL_AWAY,     /* it only sends */
	VX_REFUSAL_RELAYING, /* it is none of ours */
	/* whose client it was, and in whose name */
	VX_REFUSAL_BLOCKED,   /* by the operator */
	VX_REFUSAL_RATE,      /* too much in a minute */
	VX_REFUSAL_BLOCKLIST, /* of a DNSBL */
	VX_REFUSAL_NAME,      /* the name of its address */
	VX_REFUSAL_HELO,
	VX_REFUSAL_SPF,
	VX_REFUSAL_OWN_DOMAIN, /* a domain of ours, from elsewhere */
	VX_REFUSAL_GREYLIST,   /* for now */
	VX_REFUSAL_DMARC,
	VX_REFUSAL_UNVERIFIED, /* a domain of ours that may not send yet */
	VX_REFUSALS
};
/* "blocklist"; "?" of another number.  Static. */
VX_API const char *vx_refusal_name(unsigned refusal);
/* Of several weights it is what weighs most, for that is what is answered. */
VX_API enum vx_refusal vx_refusal_of(vx_slice reason);

VX_END_DECLS

#endif
