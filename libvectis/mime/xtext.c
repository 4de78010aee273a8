/* How addresses and identifiers stand in parameters of SMTP (RFC 3461 4, RFC 6533 3). */
#include "base/cursor.h"
#include "base/encode.h"
#include "vectis/dsn.h"

static bool is_xchar(char c)
{
	return c > ' ' && c <= '~' && c != '+' && c != '=';
}

void vx_xtext_encode(vx_slice s, struct vx_buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_xchar(s.ptr[i]))
			vx_buf_add_char(out, s.ptr[i]);
		else
			vx_buf_printf(out, "+%02X", (unsigned)(unsigned char)s.ptr[i]);
	}
}

/* VX_OK when all went well, else out is cut to what it was. */
static int checked(bool good, size_t before, bool failed, struct vx_buf *out)
{
	const bool full = out->failed && !failed;

	if (good && !full)
		return VX_OK;
	if (full)
		out->failed = false;
	vx_buf_truncate(out, before);
	return good ? VX_ELIMIT : VX_EINVAL;
}

int vx_xtext_decode(vx_slice s, struct vx_buf *out)
{
	const size_t before = out->len;
	const bool failed = out->failed;
	bool good = true;

	for (size_t i = 0; i < s.len && good; i++) {
		const int high = i + 2 < s.len ? vx_hex_value(s.ptr[i + 1]) : -1;
		const int low = high < 0 ? -1 : vx_hex_value(s.ptr[i + 2]);

		if (s.ptr[i] != '+') {
			good = is_xchar(s.ptr[i]);
			vx_buf_add_char(out, s.ptr[i]);
		} else {
			good = low >= 0;
			vx_buf_add_char(out, (char)((unsigned)high << 4 | (unsigned)low));
			i += 2;
		}
	}
	return checked(good, before, failed, out);
}

/* QCHAR */
static bool is_qchar(uint32_t c)
{
	return c > ' ' && c <= '~' && c != '\\' && c != '+' && c != '=';
}

void vx_utf8_addr_encode(vx_slice address, bool ascii, struct vx_buf *out)
{
	while (address.len > 0) {
		size_t n;
		const uint32_t c = vx_utf8_next(address, &n);

		if (is_qchar(c) || (c > 127 && !ascii))
			vx_utf8_add(out, c);
		else
			vx_buf_printf(out, "\\x{%02X}", (unsigned)c);
		address = vx_slice_from(address, n);
	}
}

/* "\x{HEXPOINT}" */
static bool embedded(struct vx_cursor *c, struct vx_buf *out)
{
	uint32_t point = 0;
	int digits = 0;

	if (!vx_cur_text(c, VX_S("\\x{")))
		return false;
	for (; !vx_cur_end(c) && vx_hex_value(*c->p) >= 0 && digits < 7; c->p++, digits++)
		point = point << 4 | (uint32_t)vx_hex_value(*c->p);
	if (digits < 2 || digits > 6 || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff) || !vx_cur_char(c, '}'))
		return false;
	vx_utf8_add(out, point);
	return true;
}

int vx_utf8_addr_decode(vx_slice s, struct vx_buf *out)
{
	struct vx_cursor c = vx_cursor_of(s);
	const size_t before = out->len;
	const bool failed = out->failed;
	bool good = vx_utf8_valid(s);

	while (good && !vx_cur_end(&c)) {
		if (*c.p == '\\') {
			good = embedded(&c, out);
		} else {
			good = vx_is(*c.p, VX_C_HIGH) ||
			       is_qchar((uint32_t)(unsigned char)*c.p);
			vx_buf_add_char(out, *c.p++);
		}
	}
	return checked(good, before, failed, out);
}

static bool orcpt_type(struct vx_cursor *c, vx_slice *type)
{
	return vx_cur_some(c, VX_C_ATEXT, type) && vx_cur_char(c, ';');
}

int vx_orcpt_decode(vx_slice orcpt, vx_slice *type, struct vx_buf *address)
{
	struct vx_cursor c = vx_cursor_of(orcpt);
	vx_slice t;
	int rc;

	if (!orcpt_type(&c, &t))
		return VX_EINVAL;
	/* some write xtext there, as in the older types */
	rc = vx_slice_eq_nocase(t, VX_S("utf-8"))
		 ? vx_utf8_addr_decode(vx_cur_rest(&c), address)
		 : VX_EINVAL;
	if (rc == VX_EINVAL)
		rc = vx_xtext_decode(vx_cur_rest(&c), address);
	if (rc == VX_OK)
		*type = t;
	return rc;
}

int vx_orcpt_ascii(vx_slice orcpt, struct vx_buf *out)
{
	const size_t before = out->len;
	const bool failed = out->failed;
	struct vx_buf address = { .max = VX_DSN_ORCPT_MAX };
	vx_slice type;
	int rc;

	if (orcpt.len > VX_DSN_ORCPT_MAX)
		return VX_ELIMIT;
	rc = vx_orcpt_decode(orcpt, &type, &address);
	if (rc == VX_OK && vx_is_ascii(orcpt)) {
		vx_buf_add(out, orcpt);
	} else if (rc == VX_OK) {
		vx_buf_add(out, type);
		vx_buf_add_char(out, ';');
		vx_utf8_addr_encode(vx_buf_slice(&address), true, out);
	}
	vx_buf_done(&address);
	if (rc == VX_OK && out->len - before > VX_DSN_ORCPT_MAX) {
		vx_buf_truncate(out, before);
		return VX_ELIMIT;
	}
	return rc == VX_OK ? checked(true, before, failed, out) : rc;
}
