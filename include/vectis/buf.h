/*
 * buf.h - a growable buffer with a maximum that is set when it is made.
 *
 * Invariants: len <= cap <= max; when ptr is not NULL, ptr[len] is NUL (for
 * debuggers; not counted).  Appending returns nothing: what does not fit, or finds
 * no memory, sets failed and leaves the content as it was, and every later append
 * does nothing.  The owner looks at failed once, where it matters.
 */
#ifndef VECTIS_BUF_H
#define VECTIS_BUF_H

#include "vectis/slice.h"

VX_BEGIN_DECLS

struct vx_buf {
	char *ptr; /* own */
	size_t len;
	size_t cap;
	size_t max; /* most octets it may hold */
	bool failed;
};

/* Embedded.  { .max = n } is the same as vx_buf_init(n).  Nothing is allocated yet. */
VX_API void vx_buf_init(struct vx_buf *b, size_t max);
/* Free the octets; the buffer may be used again with the same max. */
VX_API void vx_buf_done(struct vx_buf *b);
/* Empty it and clear failed; keeps the memory. */
VX_API void vx_buf_reset(struct vx_buf *b);
/* Like reset, and gives memory back when more than keep octets are held. */
VX_API void vx_buf_shrink(struct vx_buf *b, size_t keep);

VX_API void vx_buf_add(struct vx_buf *b, vx_slice s);
VX_API void vx_buf_add_char(struct vx_buf *b, char c);
VX_API void vx_buf_add_str(struct vx_buf *b, const char *str);
VX_API void vx_buf_add_number(struct vx_buf *b, uint64_t n);
VX_API void vx_buf_printf(struct vx_buf *b, const char *fmt, ...) VX_PRINTF(2, 3);

/*
 * Room for n more octets at the end, which the caller writes and then counts by
 * adding to len.  NULL (and failed) when there is none.
 */
VX_API char *vx_buf_reserve(struct vx_buf *b, size_t n);

/* Drop the first n octets, or all but the first n. */
VX_API void vx_buf_consume(struct vx_buf *b, size_t n);
VX_API void vx_buf_truncate(struct vx_buf *b, size_t n);

/* Overwrite the content with zeros, then free it: for secrets. */
VX_API void vx_buf_wipe(struct vx_buf *b);

static inline vx_slice vx_buf_slice(const struct vx_buf *b)
{
	return vx_slice_of(b->ptr, b->len);
}

VX_END_DECLS

#endif
