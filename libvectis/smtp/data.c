#include "smtp/data.h"

static enum vx_smtp_data_state in_line(char c)
{
	if (c == '\r')
		return VX_DATA_CR;
	return c == '\n' ? VX_DATA_BAD : VX_DATA_TEXT;
}

/* The whole grammar: the state that octet c leads to. */
static enum vx_smtp_data_state step(enum vx_smtp_data_state s, char c)
{
	switch (s) {
	case VX_DATA_BOL:
		return c == '.' ? VX_DATA_DOT : in_line(c);
	case VX_DATA_TEXT:
		return in_line(c);
	case VX_DATA_CR:
		return c == '\n' ? VX_DATA_BOL : VX_DATA_BAD;
	case VX_DATA_DOT:
		return c == '\r' ? VX_DATA_DOT_CR : in_line(c);
	case VX_DATA_DOT_CR:
		return c == '\n' ? VX_DATA_END : VX_DATA_BAD;
	case VX_DATA_END:
	case VX_DATA_BAD:
		break;
	}
	return s;
}

/* The end of the octets that need no look: none of them is CR or LF. */
static const char *skip_text(const char *p, const char *end)
{
	const char *cr = memchr(p, '\r', (size_t)(end - p)), *lf;

	if (cr == NULL)
		cr = end;
	lf = memchr(p, '\n', (size_t)(cr - p));
	return lf == NULL ? cr : lf;
}

int vx_smtp_data_next(struct vx_smtp_data *d, vx_slice *in, vx_slice *out)
{
	const char *p = in->ptr, *const end = vx_slice_end(*in);
	const char *run = p; /* [run, p) is message */
	const bool held_cr = d->state == VX_DATA_CR;

	while (p < end && d->state != VX_DATA_END && d->state != VX_DATA_BAD) {
		const enum vx_smtp_data_state s = step(d->state, *p);
		const bool cr = d->state == VX_DATA_CR && p > run; /* not handed out */

		if ((s == VX_DATA_DOT || s == VX_DATA_BAD) && p - cr > run)
			break; /* first hand out what is before it */
		d->state = s;
		p++;
		if (s == VX_DATA_DOT || s == VX_DATA_DOT_CR || s == VX_DATA_END)
			run = p;
		if (s == VX_DATA_BOL && held_cr)
			break; /* the pair, whose CR is in an earlier piece */
		if (s == VX_DATA_TEXT)
			p = skip_text(p, end);
	}
	*in = vx_slice_range(p, end);
	if (d->state == VX_DATA_BAD)
		return VX_EPROTO;
	if (d->state == VX_DATA_END)
		return VX_DONE;
	if (d->state == VX_DATA_CR && p > run)
		p--; /* a CR waits for its LF */
	*out = held_cr && p > run ? VX_S("\r\n") : vx_slice_range(run, p);
	return out->len > 0 ? VX_DATA : VX_MORE;
}

bool vx_smtp_chunk_ok(vx_slice chunk, bool *cr)
{
	bool after_cr = *cr;

	for (const char *p = chunk.ptr, *const end = vx_slice_end(chunk); p < end; p++) {
		if ((*p == '\n') != after_cr)
			return false;
		after_cr = *p == '\r';
		if (!after_cr && *p != '\n' && p + 1 < end)
			p = skip_text(p + 1, end) - 1;
	}
	*cr = after_cr;
	return true;
}
