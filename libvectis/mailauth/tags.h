/* tags.h - lists of "tag=value;" (RFC 6376 3.2): signatures and the records of keys. */
#ifndef VX_MAILAUTH_TAGS_H
#define VX_MAILAUTH_TAGS_H

#include "vectis/buf.h"
#include "vectis/dkim.h"

struct vx_tag {
	vx_slice name;
	vx_slice value; /* without blanks at its ends */
	vx_slice raw;   /* from behind "=" to the next ";" or the end */
};

struct vx_tags {
	struct vx_tag list[VX_DKIM_TAGS_MAX];
	size_t count;
};

/* All borrow from text.  VX_OK; VX_ESYNTAX, also when a tag is there twice; VX_ELIMIT. */
int vx_tags_parse(vx_slice text, struct vx_tags *out);
/* NULL: it is not there. */
const struct vx_tag *vx_tags_find(const struct vx_tags *tags, const char *name);

/* The next item of a list with colons, without blanks.  False: there is none. */
bool vx_tags_item(vx_slice *list, vx_slice *out);
bool vx_tags_has_item(vx_slice list, const char *item);

/*
 * 1 to max digits; what is more than 64 bits hold becomes UINT64_MAX.  VX_OK, VX_ESYNTAX.
 */
int vx_tags_number(vx_slice value, size_t max, uint64_t *out);

/*
 * Append base64 with blanks anywhere, decoded; the padding may be missing.  VX_OK,
 * VX_ESYNTAX (also when it is empty), VX_ELIMIT.
 */
int vx_tags_base64(vx_slice value, struct vx_buf *out);

#endif
