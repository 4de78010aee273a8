/* What records say: a table of types and their fields, and one form for each meaning. */
#include "zone/content.h"

#include "base/chars.h"

#include <arpa/inet.h>

static const struct {
	const char *type;
	enum vx_zone_field fields[VX_ZONE_FIELDS_MAX];
} types[] = {
	{ "A", { VX_ZONE_IP4 } },
	{ "AAAA", { VX_ZONE_IP6 } },
	{ "CNAME", { VX_ZONE_NAME } },
	{ "NS", { VX_ZONE_NAME } },
	{ "PTR", { VX_ZONE_NAME } },
	{ "MX", { VX_ZONE_SHORT, VX_ZONE_NAME } },
	{ "TXT", { VX_ZONE_STRINGS } },
	{ "SPF", { VX_ZONE_STRINGS } },
	{ "SRV", { VX_ZONE_SHORT, VX_ZONE_SHORT, VX_ZONE_SHORT, VX_ZONE_NAME } },
	{ "CAA", { VX_ZONE_OCTET, VX_ZONE_TAG, VX_ZONE_VALUE } },
	{ "TLSA", { VX_ZONE_OCTET, VX_ZONE_OCTET, VX_ZONE_OCTET, VX_ZONE_HEX } },
};

const enum vx_zone_field *vx_zone_fields(const char *type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].type, type) == 0)
			return types[i].fields;
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

vx_slice vx_zone_take(vx_slice *text)
{
	size_t i = 0;
	vx_slice field;

	while (text->len > 0 && is_blank(text->ptr[0]))
		*text = vx_slice_from(*text, 1);
	if (text->len > 0 && text->ptr[0] == '"') {
		for (i = 1; i < text->len && text->ptr[i] != '"'; i++)
			if (text->ptr[i] == '\\')
				i++;
		i = i < text->len ? i + 1 : text->len;
	} else {
		while (i < text->len && !is_blank(text->ptr[i]))
			i++;
	}
	field = vx_slice_head(*text, i);
	*text = vx_slice_from(*text, i);
	return field;
}

/* What is behind a backslash: three digits, or the octet itself (RFC 1035 5.1). */
static int unescape(vx_slice *s, char *out)
{
	unsigned n = 0;

	if (s->len == 0)
		return VX_ESYNTAX;
	if (!vx_is(s->ptr[0], VX_C_DIGIT)) {
		*out = s->ptr[0];
		*s = vx_slice_from(*s, 1);
		return VX_OK;
	}
	if (s->len < 3)
		return VX_ESYNTAX;
	for (size_t i = 0; i < 3; i++) {
		if (!vx_is(s->ptr[i], VX_C_DIGIT))
			return VX_ESYNTAX;
		n = n * 10 + (unsigned)(s->ptr[i] - '0');
	}
	*s = vx_slice_from(*s, 3);
	/* NUL would end the text */
	if (n == 0 || n > 255)
		return VX_ESYNTAX;
	*out = (char)(unsigned char)n;
	return VX_OK;
}

/* A string within quotes. */
static int unquote(vx_slice field, struct vx_buf *out)
{
	vx_slice s;

	if (field.len < 2 || field.ptr[0] != '"' || field.ptr[field.len - 1] != '"')
		return VX_ESYNTAX;
	s = vx_slice_of(field.ptr + 1, field.len - 2);
	while (s.len > 0) {
		char c = s.ptr[0];

		s = vx_slice_from(s, 1);
		if (c == '"' || c == '\0' || (c == '\\' && unescape(&s, &c) != VX_OK))
			return VX_ESYNTAX;
		vx_buf_add_char(out, c);
	}
	return VX_OK;
}

/* Text that does not begin with a quote is taken as it is, as Cloudflare does. */
static int add_strings(vx_slice text, struct vx_buf *out)
{
	const vx_slice all = vx_slice_trim(text, " \t\r\n");

	if (all.len == 0 || all.ptr[0] != '"') {
		if (vx_slice_find(all, '\0') < all.len)
			return VX_ESYNTAX;
		vx_buf_add(out, all);
		return VX_OK;
	}
	for (text = all; text.len > 0; text = vx_slice_trim(text, " \t\r\n")) {
		const vx_slice field = vx_zone_take(&text);

		if (unquote(field, out) != VX_OK)
			return VX_ESYNTAX;
	}
	return VX_OK;
}

static int add_address(int family, vx_slice field, struct vx_buf *out)
{
	char text[INET6_ADDRSTRLEN + 1] = { 0 };
	unsigned char octets[16];

	if (field.len == 0 || field.len >= INET6_ADDRSTRLEN)
		return VX_ESYNTAX;
	memcpy(text, field.ptr, field.len);
	if (inet_pton(family, text, octets) != 1 ||
	    inet_ntop(family, octets, text, INET6_ADDRSTRLEN) == NULL)
		return VX_ESYNTAX;
	vx_buf_add_str(out, text);
	return VX_OK;
}

static int add_number(vx_slice field, uint64_t max, struct vx_buf *out)
{
	uint64_t n;

	if (vx_slice_number(field, max, &n) != VX_OK)
		return VX_ESYNTAX;
	vx_buf_add_number(out, n);
	return VX_OK;
}

static int add_name(vx_slice field, struct vx_buf *out)
{
	char name[VX_DNS_NAME_MAX + 1];

	if (field.len == 0 || vx_dns_name(field, name) != VX_OK ||
	    vx_slice_find(field, ' ') < field.len)
		return VX_ESYNTAX;
	vx_buf_add_str(out, name[0] == '\0' ? "." : name);
	return VX_OK;
}

static int add_word(vx_slice field, unsigned classes, struct vx_buf *out)
{
	if (field.len == 0)
		return VX_ESYNTAX;
	for (size_t i = 0; i < field.len; i++) {
		if (!vx_is(field.ptr[i], classes))
			return VX_ESYNTAX;
		vx_buf_add_char(out, vx_lower(field.ptr[i]));
	}
	return VX_OK;
}

/* A string that is shown within quotes, whether it came so or not. */
static int add_value(vx_slice field, struct vx_buf *out)
{
	struct vx_buf plain = { .max = VX_ZONE_CONTENT_MAX };
	int rc = VX_OK;

	if (field.len > 0 && field.ptr[0] == '"')
		rc = unquote(field, &plain);
	else
		vx_buf_add(&plain, field);
	if (plain.failed || (plain.len > 0 && memchr(plain.ptr, '\0', plain.len) != NULL))
		rc = VX_ESYNTAX;
	vx_buf_add_char(out, '"');
	for (size_t i = 0; rc == VX_OK && i < plain.len; i++) {
		if (plain.ptr[i] == '"' || plain.ptr[i] == '\\')
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, plain.ptr[i]);
	}
	vx_buf_add_char(out, '"');
	vx_buf_done(&plain);
	return rc;
}

static int add_field(enum vx_zone_field kind, vx_slice field, struct vx_buf *out)
{
	switch (kind) {
	case VX_ZONE_OCTET:
		return add_number(field, 255, out);
	case VX_ZONE_SHORT:
		return add_number(field, 65535, out);
	case VX_ZONE_NAME:
		return add_name(field, out);
	case VX_ZONE_IP4:
		return add_address(AF_INET, field, out);
	case VX_ZONE_IP6:
		return add_address(AF_INET6, field, out);
	case VX_ZONE_HEX:
		return add_word(field, VX_C_HEX, out);
	case VX_ZONE_TAG:
		return add_word(field, VX_C_ALPHA | VX_C_DIGIT, out);
	case VX_ZONE_VALUE:
		return add_value(field, out);
	case VX_ZONE_STRINGS:
	case VX_ZONE_END:
		break;
	}
	return VX_ESYNTAX;
}

static int add_fields(const enum vx_zone_field *fields, vx_slice text, struct vx_buf *out)
{
	for (size_t i = 0; i < VX_ZONE_FIELDS_MAX && fields[i] != VX_ZONE_END; i++) {
		vx_slice field = vx_zone_take(&text);

		/* hex may be written in pieces */
		if (i > 0)
			vx_buf_add_char(out, ' ');
		if (add_field(fields[i], field, out) != VX_OK)
			return VX_ESYNTAX;
		while (fields[i] == VX_ZONE_HEX && (field = vx_zone_take(&text)).len > 0)
			if (add_field(VX_ZONE_HEX, field, out) != VX_OK)
				return VX_ESYNTAX;
	}
	return vx_zone_take(&text).len == 0 ? VX_OK : VX_ESYNTAX;
}

int vx_zone_content(const char *type, vx_slice text, struct vx_buf *out)
{
	const enum vx_zone_field *fields = vx_zone_fields(type);
	const size_t before = out->len;
	int rc = VX_OK;

	if (fields == NULL)
		vx_buf_add(out, vx_slice_trim(text, " \t\r\n"));
	else if (fields[0] == VX_ZONE_STRINGS)
		rc = add_strings(text, out);
	else
		rc = add_fields(fields, text, out);
	if (rc != VX_OK)
		vx_buf_truncate(out, before);
	return rc;
}

/* --- on paper ------------------------------------------------------------------------
 */

/* One string within quotes. */
static void write_string(vx_slice piece, struct vx_buf *out)
{
	vx_buf_add_char(out, '"');
	for (size_t i = 0; i < piece.len; i++) {
		const unsigned char c = (unsigned char)piece.ptr[i];

		if (c == '"' || c == '\\')
			vx_buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			vx_buf_printf(out, "\\%03u", (unsigned)c);
		else
			vx_buf_add_char(out, (char)c);
	}
	vx_buf_add_char(out, '"');
}

static void write_strings(vx_slice text, struct vx_buf *out)
{
	write_string(vx_slice_head(text, VX_ZONE_STRING_MAX), out);
	text = vx_slice_from(text, VX_ZONE_STRING_MAX);
	for (; text.len > 0; text = vx_slice_from(text, VX_ZONE_STRING_MAX)) {
		vx_buf_add_char(out, ' ');
		write_string(vx_slice_head(text, VX_ZONE_STRING_MAX), out);
	}
}

void vx_zone_write_content(const struct vx_zone_record *r, struct vx_buf *out)
{
	const enum vx_zone_field *fields = vx_zone_fields(r->type);
	vx_slice text = vx_slice_str(r->content);

	if (fields != NULL && fields[0] == VX_ZONE_STRINGS) {
		write_strings(text, out);
		return;
	}
	for (size_t i = 0; fields != NULL && i < VX_ZONE_FIELDS_MAX; i++) {
		const vx_slice field = vx_zone_take(&text);

		if (field.len == 0)
			break;
		if (i > 0)
			vx_buf_add_char(out, ' ');
		vx_buf_add(out, field);
		if (fields[i] == VX_ZONE_NAME && field.ptr[field.len - 1] != '.')
			vx_buf_add_char(out, '.');
	}
	vx_buf_add(out, text);
}

void vx_zone_write(const struct vx_zone_record *r, struct vx_buf *out)
{
	vx_buf_printf(out, "%s.", r->name);
	if (r->ttl != 0)
		vx_buf_printf(out, "\t%u", (unsigned)r->ttl);
	vx_buf_printf(out, "\tIN\t%s\t", r->type);
	vx_zone_write_content(r, out);
	if (r->comment[0] != '\0' || r->proxied)
		vx_buf_add_str(out, "\t;");
	if (r->comment[0] != '\0')
		vx_buf_add_char(out, ' ');
	for (const char *c = r->comment; *c != '\0'; c++)
		vx_buf_add_char(out, vx_is(*c, VX_C_CTL) ? ' ' : *c);
	/* as Cloudflare writes and reads it */
	if (r->proxied)
		vx_buf_add_str(out, " cf_tags=cf-proxied:true");
	vx_buf_add_char(out, '\n');
}
