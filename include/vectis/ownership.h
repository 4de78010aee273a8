/*
 * ownership.h - who hosts a domain here shows that it is his by a TXT record at the
 * domain itself, "vectis-verify=" and 64 hex digits that nobody can guess (features
 * DNS-28).
 *
 * Until it was seen once, nobody may send in the domain's name (OUT-25).
 */
#ifndef VECTIS_OWNERSHIP_H
#define VECTIS_OWNERSHIP_H

#include "vectis/dns.h"

VX_BEGIN_DECLS

/* --- the record ----------------------------------------------------------------------
 */

#define VX_OWNERSHIP_MARK "vectis-verify="
#define VX_OWNERSHIP_TEXT_MAX 100 /* octets of a record's text that are looked at */

enum vx_ownership {
	VX_OWNERSHIP_SILENT, /* the DNS does not say; the default */
	VX_OWNERSHIP_NONE,   /* there is no such record */
	VX_OWNERSHIP_OTHER,  /* there is one, but it is not this */
	VX_OWNERSHIP_FOUND
};
/* "no_record".  Static. */
VX_API const char *vx_ownership_name(enum vx_ownership o);
/* The text of a domain's record; token is one of directory.h's. */
VX_API void vx_ownership_text(vx_slice token, char out[VX_OWNERSHIP_TEXT_MAX + 1]);
/*
 * What the answer to the question for TXT at the domain comes to.  other: the text of the
 * record that is there instead, printable, cut; "" but of OTHER.  Blanks around a text
 * and the case of its letters mean nothing.
 */
VX_API enum vx_ownership vx_ownership_read(const struct vx_dns_answer *a,
    const char *text, char other[VX_OWNERSHIP_TEXT_MAX + 1]);

VX_END_DECLS

#endif
