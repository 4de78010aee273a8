/* fold.h - writing a field of "tag=value;" so that its lines stay short. */
#ifndef VX_MAILAUTH_FOLD_H
#define VX_MAILAUTH_FOLD_H

#include "vectis/buf.h"

struct vx_fold {
	struct vx_buf *out;
	size_t column, width; /* octets of a line, at most where it can be folded */
	bool any;             /* there is a tag already */
};

void vx_fold_begin(struct vx_fold *f, struct vx_buf *out, size_t width, const char *name);
/* A tag, whose value is folded behind each octet that is at; '\0': anywhere; -1: nowhere.
 */
void vx_fold_tag(struct vx_fold *f, const char *name, vx_slice value, int at);
void vx_fold_number(struct vx_fold *f, const char *name, uint64_t value);

#endif
