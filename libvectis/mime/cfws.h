/*
 * cfws.h - what stands between the words of a header field (RFC 5322 3.2.2).
 *
 * Comments nest to any depth, but nothing is kept for a level: depth is a number.  What
 * is not closed goes to the end.
 */
#ifndef VX_MIME_CFWS_H
#define VX_MIME_CFWS_H

#include "base/cursor.h"
#include "vectis/buf.h"

/* A blank, or an octet of a folded line's end. */
static inline bool vx_is_blank(char c)
{
	return vx_is(c, VX_C_WSP) || c == '\r' || c == '\n';
}

/* From a "(" to behind its ")"; false: it is not closed, the cursor is at the end. */
static inline bool vx_skip_comment(struct vx_cursor *c)
{
	size_t depth = 0;

	for (; !vx_cur_end(c); c->p++) {
		if (*c->p == '\\' && vx_cur_left(c) > 1) {
			c->p++;
		} else if (*c->p == '(') {
			depth++;
		} else if (*c->p == ')' && --depth == 0) {
			c->p++;
			return true;
		}
	}
	return false;
}

static inline void vx_skip_cfws(struct vx_cursor *c)
{
	while (!vx_cur_end(c)) {
		if (*c->p == '(')
			(void)vx_skip_comment(c);
		else if (vx_is_blank(*c->p))
			c->p++;
		else
			return;
	}
}

/*
 * A quoted string from its first quote, if there is one; out (NULL: nobody wants it) gets
 * it without quotes, backslashes and line ends.
 */
static inline bool vx_quoted(struct vx_cursor *c, struct vx_buf *out)
{
	if (!vx_cur_char(c, '"'))
		return false;
	while (!vx_cur_end(c)) {
		char ch = *c->p++;

		if (ch == '"')
			break;
		if (ch == '\\' && !vx_cur_end(c))
			ch = *c->p++;
		if (out != NULL && ch != '\r' && ch != '\n')
			vx_buf_add_char(out, ch);
	}
	return true;
}

#endif
