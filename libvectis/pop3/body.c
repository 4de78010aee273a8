#include "pop3/body.h"

void vx_pop3_body_init(struct vx_pop3_body *b, bool limited, uint64_t lines)
{
	*b = (struct vx_pop3_body){ .limited = limited, .lines_left = lines };
}

/* A piece without LF: the line goes on. */
static void add_part(struct vx_pop3_body *b, vx_slice part, struct vx_buf *out)
{
	vx_buf_add(out, part);
	b->lone_cr = !b->mid_line && vx_slice_eq(part, VX_S("\r"));
	b->mid_line = true;
	b->last = part.ptr[part.len - 1];
}

/* The rest of a line up to its LF: a bare LF gets its CR, the reply has lines. */
static void add_end(struct vx_pop3_body *b, vx_slice rest, struct vx_buf *out)
{
	const char before = rest.len > 0 ? rest.ptr[rest.len - 1] : b->last;
	const bool empty = b->mid_line ? b->lone_cr && rest.len == 0
				       : rest.len == 0 || vx_slice_eq(rest, VX_S("\r"));

	vx_buf_add(out, rest);
	vx_buf_add(out, before == '\r' ? VX_S("\n") : VX_S("\r\n"));
	if (b->in_body && b->lines_left > 0)
		b->lines_left--;
	if (empty)
		b->in_body = true;
	b->mid_line = b->lone_cr = false;
	b->last = '\0';
}

int vx_pop3_body_add(struct vx_pop3_body *b, vx_slice octets, struct vx_buf *out)
{
	while (octets.len > 0) {
		const size_t lf = vx_slice_find(octets, '\n');

		if (b->limited && b->in_body && b->lines_left == 0)
			return VX_DONE;
		if (!b->mid_line && octets.ptr[0] == '.')
			vx_buf_add_char(out, '.');
		if (lf == octets.len) {
			add_part(b, octets, out);
			break;
		}
		add_end(b, vx_slice_head(octets, lf), out);
		octets = vx_slice_from(octets, lf + 1);
	}
	return b->limited && b->in_body && b->lines_left == 0 ? VX_DONE : VX_MORE;
}

void vx_pop3_body_end(struct vx_pop3_body *b, struct vx_buf *out)
{
	if (b->mid_line)
		vx_buf_add(out, b->last == '\r' ? VX_S("\n") : VX_S("\r\n"));
	vx_buf_add(out, VX_S(".\r\n"));
}
