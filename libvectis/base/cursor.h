/*
 * cursor.h - reading a complete, bounded slice from left to right.
 *
 * The grammars (one function per RFC production) are written with these.  A
 * function that returns false has moved nothing.
 */
#ifndef VX_BASE_CURSOR_H
#define VX_BASE_CURSOR_H

#include "base/chars.h"
#include "vectis/slice.h"

struct vx_cursor {
	const char *p;
	const char *end;
};

static inline struct vx_cursor vx_cursor_of(vx_slice s)
{
	const struct vx_cursor c = { s.ptr, vx_slice_end(s) };

	return c;
}

static inline bool vx_cur_end(const struct vx_cursor *c)
{
	return c->p == c->end;
}

static inline size_t vx_cur_left(const struct vx_cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* The next octet, or -1 at the end; nothing moves. */
static inline int vx_cur_peek(const struct vx_cursor *c)
{
	return c->p == c->end ? -1 : (unsigned char)*c->p;
}

static inline bool vx_cur_char(struct vx_cursor *c, char ch)
{
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

/* The literal text, in any case of letters. */
static inline bool vx_cur_text(struct vx_cursor *c, vx_slice text)
{
	if (!vx_slice_has_prefix_nocase(vx_slice_range(c->p, c->end), text))
		return false;
	c->p += text.len;
	return true;
}

/* The longest run of octets of the classes, perhaps empty. */
static inline vx_slice vx_cur_run(struct vx_cursor *c, unsigned classes)
{
	const char *const start = c->p;

	while (c->p != c->end && vx_is(*c->p, classes))
		c->p++;
	return vx_slice_range(start, c->p);
}

/* Like run, but at least one octet. */
static inline bool vx_cur_some(struct vx_cursor *c, unsigned classes, vx_slice *out)
{
	const vx_slice s = vx_cur_run(c, classes);

	if (s.len > 0)
		*out = s;
	return s.len > 0;
}

/* 1 to 20 digits with a value of at most max. */
static inline bool vx_cur_number(struct vx_cursor *c, uint64_t max, uint64_t *out)
{
	struct vx_cursor t = *c;

	if (vx_slice_number(vx_cur_run(&t, VX_C_DIGIT), max, out) != 0)
		return false;
	*c = t;
	return true;
}

/* What is left. */
static inline vx_slice vx_cur_rest(const struct vx_cursor *c)
{
	return vx_slice_range(c->p, c->end);
}

#endif
