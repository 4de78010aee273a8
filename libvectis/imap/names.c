/* Mailbox names on the wire: modified UTF-7, and LIST's patterns. */
#include "base/chars.h"
#include "base/encode.h"
#include "imap/parse.h"

/* The alphabet of modified base64: ',' for '/'. */
static int value64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

/* UTF-16 in modified base64, without its '&' and '-'. */
static bool decode_shifted(vx_slice s, struct vx_buf *out)
{
	uint32_t acc = 0, high = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < s.len; i++) {
		const int v = value64(s.ptr[i]);
		uint32_t unit;

		if (v < 0)
			return false;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits < 16)
			continue;
		bits -= 16;
		unit = acc >> bits & 0xffff;
		if (high != 0) {
			if (unit < 0xdc00 || unit > 0xdfff)
				return false;
			vx_utf8_add(
			    out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
			high = 0;
		} else if (unit >= 0xd800 && unit <= 0xdbff) {
			high = unit;
		} else if ((unit >= 0xdc00 && unit <= 0xdfff) ||
			   (unit >= 0x20 && unit < 0x7f)) {
			return false; /* printable ASCII stands for itself */
		} else {
			vx_utf8_add(out, unit);
		}
	}
	return high == 0 && bits < 6 && (acc & ((1u << bits) - 1)) == 0;
}

/* "&...-" at the beginning of *s; *shifted: the one before it was one, too. */
static bool decode_shift(vx_slice *s, bool *shifted, struct vx_buf *out)
{
	const size_t end = vx_slice_find(*s, '-');
	const bool again = *shifted;

	*shifted = end > 1;
	if (end == s->len || (*shifted && again))
		return false; /* two where one would do are not canonical */
	if (end == 1)
		vx_buf_add_char(out, '&');
	else if (!decode_shifted(vx_slice_of(s->ptr + 1, end - 1), out))
		return false;
	*s = vx_slice_from(*s, end + 1);
	return true;
}

static bool decode(vx_slice s, struct vx_buf *out)
{
	bool shifted = false;

	while (s.len > 0) {
		if (s.ptr[0] == '&') {
			if (!decode_shift(&s, &shifted, out))
				return false;
			continue;
		}
		if (vx_is(s.ptr[0], VX_C_HIGH | VX_C_CTL))
			return false;
		vx_buf_add_char(out, s.ptr[0]);
		s = vx_slice_from(s, 1);
		shifted = false;
	}
	return true;
}

int vx_imap_utf7_decode(vx_slice s, struct vx_buf *out)
{
	const size_t before = out->len;

	if (decode(s, out))
		return out->failed ? VX_ELIMIT : VX_OK;
	vx_buf_truncate(out, before);
	return VX_EINVAL;
}

struct shifter {
	struct vx_buf *out;
	uint32_t acc;
	unsigned bits;
};

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static void put_unit(struct shifter *s, uint32_t unit)
{
	s->acc = s->acc << 16 | unit;
	s->bits += 16;
	while (s->bits >= 6) {
		s->bits -= 6;
		vx_buf_add_char(s->out, digits[s->acc >> s->bits & 63]);
	}
}

static void end_shift(struct shifter *s)
{
	if (s->bits > 0)
		vx_buf_add_char(s->out, digits[s->acc << (6 - s->bits) & 63]);
	vx_buf_add_char(s->out, '-');
}

void vx_imap_utf7_encode(vx_slice utf8, struct vx_buf *out)
{
	struct shifter s = { .out = out };
	bool shifted = false;

	while (utf8.len > 0) {
		size_t n;
		const uint32_t c = vx_utf8_next(utf8, &n);

		if (c >= 0x20 && c < 0x7f) {
			if (shifted)
				end_shift(&s);
			shifted = false;
			vx_buf_add_str(out, c == '&' ? "&-" : "");
			if (c != '&')
				vx_buf_add_char(out, (char)c);
		} else {
			if (!shifted) {
				vx_buf_add_char(out, '&');
				s = (struct shifter){ .out = out };
			}
			shifted = true;
			if (c >= 0x10000) {
				put_unit(&s, 0xd800 + ((c - 0x10000) >> 10));
				put_unit(&s, 0xdc00 + ((c - 0x10000) & 0x3ff));
			} else {
				put_unit(&s, c);
			}
		}
		utf8 = vx_slice_from(utf8, n);
	}
	if (shifted)
		end_shift(&s);
}

/*
 * Both wildcards are greedy with one place to return to each: what a '%' skipped is
 * only retried up to the next '/', so the work is bounded by |pattern| * |name|.
 */
bool vx_imap_list_match(vx_slice pattern, vx_slice name)
{
	size_t p = 0, n = 0;
	size_t star = SIZE_MAX, star_n = 0, percent = SIZE_MAX, percent_n = 0;

	while (n < name.len || p < pattern.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = p++;
			star_n = n;
			percent = SIZE_MAX;
		} else if (p < pattern.len && pattern.ptr[p] == '%') {
			percent = p++;
			percent_n = n;
		} else if (p < pattern.len && n < name.len &&
			   pattern.ptr[p] == name.ptr[n]) {
			p++;
			n++;
		} else if (percent != SIZE_MAX && percent_n < name.len &&
			   name.ptr[percent_n] != '/') {
			p = percent + 1;
			n = ++percent_n;
		} else if (star != SIZE_MAX && star_n < name.len) {
			p = star + 1;
			n = ++star_n;
			percent = SIZE_MAX;
		} else {
			return false;
		}
	}
	return true;
}
