#include "mime/transfer.h"

#include "base/chars.h"
#include "base/encode.h"
#include "vectis/header.h"

static bool blank(char c)
{
	return vx_is(c, VX_C_WSP);
}

/* Nothing is held: what becomes of c, at most one octet. */
static size_t qp_plain(struct vx_transfer *t, char c, char *to)
{
	if (c == '=' || (t->kind == VX_TRANSFER_QP && blank(c))) {
		t->held[0] = c;
		t->held_len = 1;
		return 0;
	}
	*to = c == '_' && t->kind == VX_TRANSFER_Q ? ' ' : c;
	return 1;
}

/* What is held is nothing special, and then comes c. */
static size_t qp_give_up(struct vx_transfer *t, char c, char *to)
{
	const size_t n = t->held_len;

	memcpy(to, t->held, n);
	t->held_len = 0;
	return n + qp_plain(t, c, to + n);
}

static size_t qp_hold(struct vx_transfer *t, char c, char *to)
{
	if (t->held_len == sizeof(t->held))
		return qp_give_up(t, c, to);
	t->held[t->held_len++] = c;
	return 0;
}

/* Blanks are held, which are no text at the end of a line (RFC 2045 6.7 (3)). */
static size_t qp_blanks(struct vx_transfer *t, char c, char *to)
{
	const bool cr = t->held[t->held_len - 1] == '\r';

	if (c == '\n') {
		t->held_len = 0;
		memcpy(to, "\r\n", 2);
		if (!cr)
			to[0] = '\n';
		return cr ? 2 : 1;
	}
	return !cr && (blank(c) || c == '\r') ? qp_hold(t, c, to) : qp_give_up(t, c, to);
}

/* "=" is held and perhaps more: an escape, or a soft line break with blanks before it. */
static size_t qp_escape(struct vx_transfer *t, char c, char *to)
{
	const char last = t->held[t->held_len - 1];
	const bool digit = vx_hex_value(c) >= 0;

	if (t->held_len == 2 && vx_hex_value(last) >= 0) {
		if (!digit)
			return qp_give_up(t, c, to);
		*to = (char)(vx_hex_value(last) << 4 | vx_hex_value(c));
		t->held_len = 0;
		return 1;
	}
	if (t->held_len == 1 && digit)
		return qp_hold(t, c, to);
	if (t->kind == VX_TRANSFER_Q)
		return qp_give_up(t, c, to);
	if (c == '\n') {
		t->held_len = 0;
		return 0;
	}
	return last != '\r' && (blank(c) || c == '\r') ? qp_hold(t, c, to)
						       : qp_give_up(t, c, to);
}

static void qp_add(struct vx_transfer *t, vx_slice s, struct vx_buf *out)
{
	char *p = vx_buf_reserve(out, s.len + sizeof(t->held));
	size_t n = 0;

	for (size_t i = 0; p != NULL && i < s.len; i++)
		n += t->held_len == 0    ? qp_plain(t, s.ptr[i], p + n)
		     : t->held[0] == '=' ? qp_escape(t, s.ptr[i], p + n)
					 : qp_blanks(t, s.ptr[i], p + n);
	if (p != NULL)
		vx_buf_truncate(out, (out->len += n));
}

static void b64_add(struct vx_transfer *t, vx_slice s, struct vx_buf *out)
{
	char *p = vx_buf_reserve(out, s.len / 4 * 3 + 3);
	size_t n = 0;

	for (size_t i = 0; p != NULL && i < s.len; i++) {
		const int v = vx_base64_value(s.ptr[i]);

		if (s.ptr[i] == '=') /* the end, or of one of several pieces */
			t->bits = 0;
		if (v < 0)
			continue;
		t->acc = t->acc << 6 | (uint32_t)v;
		t->bits += 6;
		if (t->bits >= 8) {
			t->bits -= 8;
			p[n++] = (char)(t->acc >> t->bits & 0xff);
		}
	}
	if (p != NULL)
		vx_buf_truncate(out, (out->len += n));
}

enum vx_transfer_kind vx_transfer_find(vx_slice encoding)
{
	if (vx_slice_eq_nocase(encoding, VX_S("quoted-printable")))
		return VX_TRANSFER_QP;
	if (vx_slice_eq_nocase(encoding, VX_S("base64")))
		return VX_TRANSFER_BASE64;
	return VX_TRANSFER_PLAIN;
}

void vx_transfer_add(struct vx_transfer *t, vx_slice body, struct vx_buf *out)
{
	if (t->kind == VX_TRANSFER_PLAIN)
		vx_buf_add(out, body);
	else if (t->kind == VX_TRANSFER_BASE64)
		b64_add(t, body, out);
	else
		qp_add(t, body, out);
}

/* Is "=" with only blanks behind it held: a soft line break without its line? */
static bool soft_end(const struct vx_transfer *t)
{
	for (size_t i = 1; i < t->held_len; i++)
		if (!blank(t->held[i]))
			return false;
	return t->kind == VX_TRANSFER_QP && t->held_len > 0 && t->held[0] == '=';
}

void vx_transfer_end(struct vx_transfer *t, struct vx_buf *out)
{
	if (!soft_end(t))
		vx_buf_add(out, vx_slice_of(t->held, t->held_len));
	t->held_len = 0;
}

void vx_transfer_run(enum vx_transfer_kind kind, vx_slice body, struct vx_buf *out)
{
	struct vx_transfer t = { .kind = kind };

	vx_transfer_add(&t, body, out);
	vx_transfer_end(&t, out);
}

void vx_transfer_decode(vx_slice encoding, vx_slice body, struct vx_buf *out)
{
	vx_transfer_run(vx_transfer_find(encoding), body, out);
}
