#include "base/encode.h"

#include "base/chars.h"
#include "vectis/err.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void add64(struct vx_buf *out, vx_slice s, const char *digits, bool pad)
{
	const unsigned char *in = (const unsigned char *)s.ptr;
	char *p = vx_buf_reserve(out, (s.len / 3 + 1) * 4);
	const char *const start = p;
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i + 3 <= s.len; i += 3) {
		*p++ = digits[in[i] >> 2];
		*p++ = digits[(in[i] & 3) << 4 | in[i + 1] >> 4];
		*p++ = digits[(in[i + 1] & 15) << 2 | in[i + 2] >> 6];
		*p++ = digits[in[i + 2] & 63];
	}
	if (i < s.len) {
		const unsigned second = i + 1 < s.len ? in[i + 1] : 0;

		*p++ = digits[in[i] >> 2];
		*p++ = digits[(in[i] & 3u) << 4 | second >> 4];
		if (i + 1 < s.len)
			*p++ = digits[(second & 15) << 2];
		for (size_t n = s.len - i; pad && n < 3; n++)
			*p++ = '=';
	}
	out->len += (size_t)(p - start);
	out->ptr[out->len] = '\0';
}

void vx_base64_add(struct vx_buf *out, vx_slice s)
{
	add64(out, s, alphabet, true);
}

void vx_base64url_add(struct vx_buf *out, vx_slice s)
{
	add64(out, s, url_alphabet, false);
}

static int value64(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	return c == (url ? '_' : '/') ? 63 : -1;
}

int vx_base64_value(char c)
{
	return value64(c, false);
}

static int decode64(vx_slice s, struct vx_buf *out, bool url)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	char *p;
	size_t n = 0;

	if (s.len % 4 == 1)
		return VX_EINVAL;
	p = vx_buf_reserve(out, s.len / 4 * 3 + 3);
	if (p == NULL)
		return VX_ELIMIT;
	for (size_t i = 0; i < s.len; i++) {
		const int v = value64(s.ptr[i], url);

		if (v < 0)
			return VX_EINVAL;
		acc = (acc << 6 | (uint32_t)v) & 0xfff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			p[n++] = (char)(acc >> bits & 0xff);
		}
	}
	if ((acc & ((1u << bits) - 1)) != 0)
		return VX_EINVAL;
	out->len += n;
	out->ptr[out->len] = '\0';
	return VX_OK;
}

int vx_base64_decode(vx_slice s, struct vx_buf *out)
{
	if (s.len % 4 != 0)
		return VX_EINVAL;
	for (int pad = 0; pad < 2 && s.len > 0 && s.ptr[s.len - 1] == '='; pad++)
		s.len--;
	return decode64(s, out, false);
}

int vx_base64url_decode(vx_slice s, struct vx_buf *out)
{
	return decode64(s, out, true);
}

void vx_hex_add(struct vx_buf *out, vx_slice s)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < s.len; i++) {
		vx_buf_add_char(out, digits[(unsigned char)s.ptr[i] >> 4]);
		vx_buf_add_char(out, digits[s.ptr[i] & 15]);
	}
}

int vx_hex_value(char c)
{
	if (!vx_is(c, VX_C_HEX))
		return -1;
	return vx_is(c, VX_C_DIGIT) ? c - '0' : vx_lower(c) - 'a' + 10;
}

int vx_hex_decode(vx_slice s, struct vx_buf *out)
{
	char *p;

	if (s.len % 2 != 0)
		return VX_EINVAL;
	p = vx_buf_reserve(out, s.len / 2);
	if (p == NULL)
		return VX_ELIMIT;
	for (size_t i = 0; i < s.len; i += 2) {
		const int high = vx_hex_value(s.ptr[i]), low = vx_hex_value(s.ptr[i + 1]);

		if (high < 0 || low < 0)
			return VX_EINVAL;
		p[i / 2] = (char)(high << 4 | low);
	}
	out->len += s.len / 2;
	out->ptr[out->len] = '\0';
	return VX_OK;
}

uint32_t vx_utf8_next(vx_slice s, size_t *octets)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	const unsigned first = p[0];
	/* how many octets follow, and the range of the first of them (table 3-7) */
	const size_t follow = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
	unsigned low = 0x80, high = 0xbf;
	uint32_t c = first & (0x3fu >> follow);

	*octets = 1;
	if (first < 0x80)
		return first;
	if (first < 0xc2 || first > 0xf4)
		return 0xfffd;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i <= follow; i++, low = 0x80, high = 0xbf) {
		if (i >= s.len || p[i] < low || p[i] > high)
			return 0xfffd;
		c = c << 6 | (p[i] & 0x3f);
		*octets = i + 1;
	}
	return c;
}

bool vx_utf8_valid(vx_slice s)
{
	while (s.len > 0) {
		size_t n;

		if (vx_utf8_next(s, &n) == 0xfffd &&
		    !vx_slice_has_prefix(s, VX_S("\xef\xbf\xbd")))
			return false;
		s = vx_slice_from(s, n);
	}
	return true;
}

size_t vx_ascii_run(vx_slice s)
{
	size_t n = 0;
	uint64_t word;

	for (; n + sizeof(word) <= s.len; n += sizeof(word)) {
		memcpy(&word, s.ptr + n, sizeof(word));
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	while (n < s.len && !vx_is(s.ptr[n], VX_C_HIGH))
		n++;
	return n;
}

bool vx_is_ascii(vx_slice s)
{
	return vx_ascii_run(s) == s.len;
}

vx_slice vx_utf8_head(vx_slice s, size_t max)
{
	size_t at = max;

	if (s.len <= max)
		return s;
	while (at > 0 && max - at < 3 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
		at--;
	/* without a beginning these are no parts of a character */
	return vx_slice_head(s, (unsigned char)s.ptr[at] >= 0xc0 ? at : max);
}

void vx_utf8_add(struct vx_buf *out, uint32_t c)
{
	char o[4];
	size_t n;

	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = 0xfffd;
	n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; c >>= 6)
		o[i] = (char)(0x80 | (c & 0x3f));
	o[0] = (char)(n == 1 ? c : ((0xf00u >> n & 0xff) | c));
	vx_buf_add(out, vx_slice_of(o, n));
}
