#include "smtp/stuff.h"

#include "vectis/smtp_client.h"

/* The end of the octets that need no look: none of them is CR or LF. */
static const char *skip_text(const char *p, const char *end)
{
	const char *const cr = memchr(p, '\r', (size_t)(end - p));
	const char *const lf = memchr(p, '\n', (size_t)((cr == NULL ? end : cr) - p));

	return lf != NULL ? lf : cr != NULL ? cr : end;
}

int vx_smtp_stuff_add(struct vx_smtp_stuff *s, vx_slice in, struct vx_buf *out)
{
	const char *p = in.ptr, *const end = vx_slice_end(in);

	while (p < end) {
		if (s->state == VX_STUFF_CR) {
			if (*p++ != '\n')
				return VX_EPROTO;
			vx_buf_add_str(out, "\r\n");
			s->state = VX_STUFF_BOL;
		} else if (*p == '\n') {
			return VX_EPROTO;
		} else if (*p == '\r') {
			s->state = VX_STUFF_CR;
			p++;
		} else {
			const char *const run = p;

			if (s->state == VX_STUFF_BOL && *p == '.')
				vx_buf_add_char(out, '.');
			p = skip_text(p, end);
			vx_buf_add(out, vx_slice_range(run, p));
			s->state = VX_STUFF_TEXT;
		}
	}
	return VX_OK;
}

int vx_smtp_stuff_end(struct vx_smtp_stuff *s, struct vx_buf *out)
{
	if (s->state == VX_STUFF_CR)
		return VX_EPROTO;
	if (s->state == VX_STUFF_TEXT)
		vx_buf_add_str(out, "\r\n");
	vx_buf_add_str(out, ".\r\n");
	s->state = VX_STUFF_BOL;
	return VX_OK;
}

/* --- what is in a message ----------------------------------------------------------- */

enum { /* bits of state */
	AFTER_CR = 1,
	IN_LINE = 2, /* of the header, and the line is not empty */
	IN_BODY = 4
};

static void high(struct vx_smtp_scan *s)
{
	s->has_8bit = true;
	if ((s->state & IN_BODY) == 0)
		s->has_utf8_header = true;
}

/* A LF ends a line for the header's end as well, so that what follows is body. */
static void line_end(struct vx_smtp_scan *s)
{
	if ((s->state & IN_LINE) == 0)
		s->state |= IN_BODY;
	s->state &= IN_BODY;
}

void vx_smtp_scan_add(struct vx_smtp_scan *s, vx_slice octets)
{
	s->octets += octets.len;
	for (size_t i = 0; i < octets.len; i++) {
		const char c = octets.ptr[i];
		const bool after_cr = (s->state & AFTER_CR) != 0;

		s->has_bare = s->has_bare || (c == '\n') != after_cr;
		if (c == '\n') {
			line_end(s);
			continue;
		}
		s->state = (unsigned char)(s->state & ~AFTER_CR);
		if (c == '\r')
			s->state |= AFTER_CR;
		else
			s->state |= IN_LINE;
		if ((unsigned char)c > 127)
			high(s);
	}
}

void vx_smtp_scan_end(struct vx_smtp_scan *s)
{
	s->has_bare = s->has_bare || (s->state & AFTER_CR) != 0;
}
