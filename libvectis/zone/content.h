/* content.h - what a record says, as text. */
#ifndef VX_ZONE_CONTENT_H
#define VX_ZONE_CONTENT_H

#include "vectis/zone.h"

/* What a field of a record's content is. */
enum vx_zone_field {
	VX_ZONE_END,
	VX_ZONE_OCTET, /* a number up to 255 */
	VX_ZONE_SHORT, /* up to 65535 */
	VX_ZONE_NAME,  /* of a host or a zone */
	VX_ZONE_IP4,
	VX_ZONE_IP6,
	VX_ZONE_HEX,
	VX_ZONE_TAG,    /* of CAA: letters and digits */
	VX_ZONE_VALUE,  /* of CAA: one string */
	VX_ZONE_STRINGS /* of TXT: the rest, joined */
};
#define VX_ZONE_FIELDS_MAX 5
/* The fields of a type; NULL: it is not known. */
const enum vx_zone_field *vx_zone_fields(const char *type);

/* Take the next field off text: without blanks before it, quotes stay. */
vx_slice vx_zone_take(vx_slice *text);

/* Has each server of a domain records of its own, for this purpose? */
bool vx_zone_is_each_servers(enum vx_zone_purpose p);

#endif
