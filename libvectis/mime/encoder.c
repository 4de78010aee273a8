/* Quoted-printable and base64 in pieces. */
#include "base/encode.h"
#include "vectis/header.h"

enum {
	LINE_MAX_OCTETS = 76,
	QUANTUM = 3
};

/* --- quoted-printable ------------------------------------------------------------------
 */

static void put(
    struct vx_mime_encoder *e, const char *text, unsigned n, struct vx_buf *out)
{
	if (e->column + n > LINE_MAX_OCTETS - 1) {
		vx_buf_add_str(out, "=\r\n");
		e->column = 0;
		/* else what was in mid-line could begin as a delimiter of a multipart */
		if (text[0] == '-') {
			text = "=2D";
			n = 3;
		}
	}
	vx_buf_add(out, vx_slice_of(text, n));
	e->column += n;
}

static void put_escaped(struct vx_mime_encoder *e, char c, struct vx_buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	const char text[3] = { '=', digits[(unsigned char)c >> 4], digits[c & 15] };

	put(e, text, sizeof(text), out);
}

static void line_end(struct vx_mime_encoder *e, struct vx_buf *out)
{
	if (e->held_len == 2)
		put_escaped(e, e->held[0], out);
	vx_buf_add_str(out, "\r\n");
	e->column = e->held_len = 0;
}

/*
 * A blank or a CR (or both) is held until it is seen whether a line ends there; what is
 * held stands inside a line.
 */
static void release(struct vx_mime_encoder *e, struct vx_buf *out)
{
	for (unsigned i = 0; i < e->held_len; i++) {
		if (e->held[i] == '\r')
			put_escaped(e, '\r', out);
		else
			put(e, &e->held[i], 1, out);
	}
	e->held_len = 0;
}

static void qp_octet(struct vx_mime_encoder *e, char c, struct vx_buf *out)
{
	const bool cr = e->held_len > 0 && e->held[e->held_len - 1] == '\r';

	if (c == '\n' && cr) {
		line_end(e, out);
		return;
	}
	if (c != '\r' || cr)
		release(e, out);
	if (c == ' ' || c == '\t' || c == '\r')
		e->held[e->held_len++] = c;
	else if (c > ' ' && c <= '~' && c != '=')
		put(e, &c, 1, out);
	else
		put_escaped(e, c, out);
}

static void qp_end(struct vx_mime_encoder *e, struct vx_buf *out)
{
	for (unsigned i = 0; i < e->held_len; i++)
		put_escaped(e, e->held[i], out);
}

/* --- base64 ----------------------------------------------------------------------------
 */

static void b64_put(struct vx_mime_encoder *e, vx_slice octets, struct vx_buf *out)
{
	if (e->column == LINE_MAX_OCTETS) {
		vx_buf_add_str(out, "\r\n");
		e->column = 0;
	}
	vx_base64_add(out, octets);
	e->column += 4;
}

static void b64(struct vx_mime_encoder *e, vx_slice octets, struct vx_buf *out)
{
	for (size_t i = 0; i < octets.len; i++) {
		e->held[e->held_len++] = octets.ptr[i];
		if (e->held_len == QUANTUM) {
			b64_put(e, vx_slice_of(e->held, QUANTUM), out);
			e->held_len = 0;
		}
	}
}

static void b64_end(struct vx_mime_encoder *e, struct vx_buf *out)
{
	if (e->held_len > 0)
		b64_put(e, vx_slice_of(e->held, e->held_len), out);
	if (e->column > 0)
		vx_buf_add_str(out, "\r\n");
}

void vx_mime_encode(struct vx_mime_encoder *e, vx_slice octets, struct vx_buf *out)
{
	switch (e->kind) {
	case VX_ENCODING_NONE:
		vx_buf_add(out, octets);
		break;
	case VX_ENCODING_QP:
		for (size_t i = 0; i < octets.len; i++)
			qp_octet(e, octets.ptr[i], out);
		break;
	case VX_ENCODING_BASE64:
		b64(e, octets, out);
		break;
	}
}

void vx_mime_encode_end(struct vx_mime_encoder *e, struct vx_buf *out)
{
	if (e->kind == VX_ENCODING_QP)
		qp_end(e, out);
	else if (e->kind == VX_ENCODING_BASE64)
		b64_end(e, out);
	e->column = e->held_len = 0;
}
