#include "smtp/reply.h"

#include "base/cursor.h"

int vx_smtp_reply_init(struct vx_smtp_reply *r)
{
	*r = (struct vx_smtp_reply){ .raw = { .max = VX_SMTP_REPLY_OCTETS_MAX },
		.text = { .max = VX_SMTP_REPLY_OCTETS_MAX },
		.over = true };
	/* once and for all, so that a reply never fails for want of memory */
	if (vx_buf_reserve(&r->raw, r->raw.max) != NULL &&
	    vx_buf_reserve(&r->text, r->text.max) != NULL)
		return VX_OK;
	vx_smtp_reply_done(r);
	return VX_ENOMEM;
}

void vx_smtp_reply_done(struct vx_smtp_reply *r)
{
	vx_buf_done(&r->raw);
	vx_buf_done(&r->text);
}

bool vx_smtp_reply_begun(const struct vx_smtp_reply *r)
{
	return !r->over;
}

static void begin(struct vx_smtp_reply *r)
{
	r->over = false;
	r->code = 0;
	r->lines = r->octets = 0;
	r->status[0] = '\0';
	vx_buf_reset(&r->raw);
	vx_buf_reset(&r->text);
}

/* "4.2.1", of the class that the code is of; false: none. */
static bool status(struct vx_cursor *c, unsigned code, vx_slice *out)
{
	struct vx_cursor t = *c;
	uint64_t n;

	if (vx_cur_peek(&t) != '0' + (int)(code / 100))
		return false;
	t.p++;
	for (int i = 0; i < 2; i++) {
		const char *const begin = t.p + 1;

		if (!vx_cur_char(&t, '.') || !vx_cur_number(&t, 999, &n) ||
		    t.p - begin > 3)
			return false;
	}
	if (!vx_cur_end(&t) && *t.p != ' ')
		return false;
	*out = vx_slice_range(c->p, t.p);
	(void)vx_cur_char(&t, ' ');
	*c = t;
	return true;
}

/* Each line may have the status again (RFC 2034 4). */
static void add_text(struct vx_smtp_reply *r)
{
	struct vx_cursor c = vx_cursor_of(r->line);
	vx_slice s;

	if (status(&c, r->code, &s) && r->lines == 1) {
		memcpy(r->status, s.ptr, s.len);
		r->status[s.len] = '\0';
	}
	if (r->lines > 1 && r->text.len > 0 && !vx_cur_end(&c))
		vx_buf_add_char(&r->text, ' ');
	vx_buf_add(&r->text, vx_cur_rest(&c));
}

static bool digit(char c)
{
	return vx_is(c, VX_C_DIGIT);
}

/* "250 text", "250-text", and "250" (RFC 5321 4.2.1: it should be taken) */
static int take(struct vx_smtp_reply *r, vx_slice line)
{
	unsigned code;

	if (line.len < 3 || line.ptr[0] < '2' || line.ptr[0] > '5' ||
	    !digit(line.ptr[1]) || !digit(line.ptr[2]))
		return VX_EPROTO;
	if (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')
		return VX_EPROTO;
	code = (unsigned)(line.ptr[0] - '0') * 100 + (unsigned)(line.ptr[1] - '0') * 10 +
	       (unsigned)(line.ptr[2] - '0');
	if (r->lines > 0 && code != r->code) {
		if (code != 421) /* which may come at any time, even here */
			return VX_EPROTO;
		r->lines = 0;
		r->status[0] = '\0';
		vx_buf_reset(&r->text);
	}
	r->code = code;
	r->lines++;
	r->line = vx_slice_from(line, 4);
	add_text(r);
	r->over = line.len == 3 || line.ptr[3] == ' ';
	if (!r->over && r->lines == VX_SMTP_REPLY_LINES_MAX)
		return VX_EPROTO;
	return r->over ? VX_DONE : VX_DATA;
}

int vx_smtp_reply_next(struct vx_smtp_reply *r, vx_slice *in)
{
	const size_t lf = vx_slice_find(*in, '\n');
	const bool whole = lf < in->len;
	const vx_slice part = vx_slice_head(*in, whole ? lf + 1 : lf);
	vx_slice line;

	if (part.len == 0)
		return VX_MORE;
	if (r->over)
		begin(r);
	else if (r->raw.len > 0 && r->raw.ptr[r->raw.len - 1] == '\n')
		vx_buf_reset(&r->raw);
	*in = vx_slice_from(*in, part.len);
	r->octets += part.len;
	if (r->octets > VX_SMTP_REPLY_OCTETS_MAX)
		return VX_EPROTO;
	vx_buf_add(&r->raw, part);
	if (!whole)
		return VX_MORE;
	line = vx_slice_head(vx_buf_slice(&r->raw), r->raw.len - 1);
	if (vx_slice_has_suffix(line, VX_S("\r")))
		line.len--;
	return take(r, line);
}
