#include "mailauth/xml.h"

#include "base/encode.h"

void vx_xml_init(struct vx_xml *x, vx_slice document)
{
	*x = (struct vx_xml){ .c = vx_cursor_of(document), .begin = document.ptr };
}

unsigned vx_xml_line(const struct vx_xml *x)
{
	unsigned line = 1;

	for (const char *p = x->begin; p != x->c.p; p++)
		line += *p == '\n';
	return line;
}

static enum vx_xml_piece broken(struct vx_xml *x, const char *problem)
{
	x->problem = problem;
	return VX_XML_BROKEN;
}

static bool fails(struct vx_xml *x, const char *problem)
{
	x->problem = problem;
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool spaces(struct vx_xml *x)
{
	const char *const start = x->c.p;

	while (!vx_cur_end(&x->c) && is_space(*x->c.p))
		x->c.p++;
	return x->c.p != start;
}

static bool is_name_octet(char c, bool first)
{
	return vx_is(c, VX_C_ALPHA | VX_C_HIGH) || c == '_' || c == ':' ||
	       (!first && (vx_is(c, VX_C_DIGIT) || c == '-' || c == '.'));
}

static bool name(struct vx_xml *x, vx_slice *out)
{
	const char *const start = x->c.p;

	while (!vx_cur_end(&x->c) && is_name_octet(*x->c.p, x->c.p == start))
		x->c.p++;
	*out = vx_slice_range(start, x->c.p);
	if (out->len > VX_REPORT_NAME_MAX) {
		x->limit = true;
		return fails(x, "a name is too long");
	}
	return out->len > 0 || fails(x, "a name is missing");
}

/* Up to and with end; false: it is not there. */
static bool skip_to(struct vx_xml *x, vx_slice end)
{
	const vx_slice rest = vx_cur_rest(&x->c);
	const size_t at = vx_slice_find_slice(rest, end);

	if (at == rest.len)
		return fails(x, "something is not closed");
	x->c.p += at + end.len;
	return true;
}

/* --- references ----------------------------------------------------------------------
 */

/* Char of XML 1.0 2.2. */
static bool is_char(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0xd7ff) ||
	       (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

/* "#10" or "#x0a" */
static bool number(vx_slice s, uint32_t *out)
{
	const bool hex = s.len > 1 && s.ptr[1] == 'x';
	uint32_t n = 0;

	s = vx_slice_from(s, hex ? 2 : 1);
	if (s.len == 0 || s.len > 8)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		const int digit = vx_hex_value(s.ptr[i]);

		if (digit < 0 || (!hex && digit > 9))
			return false;
		n = n * (hex ? 16 : 10) + (uint32_t)digit;
	}
	*out = n;
	return is_char(n);
}

static size_t put_utf8(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

/* "&lt;" from its "&": into octets. */
static bool reference(struct vx_xml *x)
{
	static const struct {
		vx_slice name;
		char c;
	} entities[] = {
		{ VX_SLICE_INIT("amp"), '&' },
		{ VX_SLICE_INIT("lt"), '<' },
		{ VX_SLICE_INIT("gt"), '>' },
		{ VX_SLICE_INIT("quot"), '"' },
		{ VX_SLICE_INIT("apos"), '\'' },
	};
	const vx_slice rest = vx_slice_head(vx_slice_from(vx_cur_rest(&x->c), 1), 12);
	const vx_slice s = vx_slice_head(rest, vx_slice_find(rest, ';'));
	uint32_t c = 0;

	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (vx_slice_eq(s, entities[i].name))
			c = (unsigned char)entities[i].c;
	if (s.len == rest.len ||
	    (c == 0 && (s.len == 0 || s.ptr[0] != '#' || !number(s, &c))))
		return fails(x, "an entity that is not known, or a lone '&'");
	x->text = vx_slice_of(x->octets, put_utf8(c, x->octets));
	x->c.p += s.len + 2;
	return true;
}

/* --- tags ----------------------------------------------------------------------------
 */

static bool attribute_value(struct vx_xml *x)
{
	char quote;

	if (vx_cur_end(&x->c) || (*x->c.p != '"' && *x->c.p != '\''))
		return fails(x, "the value of an attribute has no quotes");
	quote = *x->c.p++;
	while (!vx_cur_end(&x->c) && *x->c.p != quote) {
		if (*x->c.p == '<')
			return fails(x, "'<' within an attribute");
		if (*x->c.p != '&')
			x->c.p++;
		else if (!reference(x))
			return false;
	}
	return vx_cur_char(&x->c, quote) || fails(x, "an attribute is not closed");
}

/* Attributes, and the blanks before them, each name once. */
static bool attributes(struct vx_xml *x)
{
	vx_slice names[VX_REPORT_ATTRIBUTES_MAX];
	size_t n = 0;

	while (spaces(x) && !vx_cur_end(&x->c) && is_name_octet(*x->c.p, true)) {
		if (n == VX_REPORT_ATTRIBUTES_MAX) {
			x->limit = true;
			return fails(x, "too many attributes");
		}
		if (!name(x, &names[n]))
			return false;
		for (size_t i = 0; i < n; i++)
			if (vx_slice_eq(names[i], names[n]))
				return fails(x, "an attribute is there twice");
		n++;
		(void)spaces(x);
		if (!vx_cur_char(&x->c, '='))
			return fails(x, "an attribute has no value");
		(void)spaces(x);
		if (!attribute_value(x))
			return false;
	}
	return true;
}

/* From after the "<". */
static enum vx_xml_piece start_tag(struct vx_xml *x)
{
	if (x->depth == 0 && x->root)
		return broken(x, "a second element outside");
	if (x->depth == VX_REPORT_DEPTH_MAX) {
		x->limit = true;
		return broken(x, "elements are too deep");
	}
	if (!name(x, &x->name) || !attributes(x))
		return VX_XML_BROKEN;
	x->empty = vx_cur_char(&x->c, '/');
	if (!vx_cur_char(&x->c, '>'))
		return broken(x, "a tag is not closed");
	x->root = true;
	x->open[x->depth++] = x->name;
	return VX_XML_START;
}

/* From after the "</". */
static enum vx_xml_piece end_tag(struct vx_xml *x)
{
	if (!name(x, &x->name))
		return VX_XML_BROKEN;
	if (x->depth == 0 || !vx_slice_eq(x->open[x->depth - 1], x->name))
		return broken(x, "a tag closes what is not open");
	(void)spaces(x);
	if (!vx_cur_char(&x->c, '>'))
		return broken(x, "a tag is not closed");
	x->depth--;
	return VX_XML_END;
}

/* "<!": a comment, or text that is not looked into.  True: go on; false: see *piece. */
static bool declaration(struct vx_xml *x, enum vx_xml_piece *piece)
{
	const char *start;

	if (vx_cur_text(&x->c, VX_S("--"))) {
		*piece = VX_XML_BROKEN;
		return skip_to(x, VX_S("-->"));
	}
	if (x->depth > 0 && vx_slice_has_prefix(vx_cur_rest(&x->c), VX_S("[CDATA["))) {
		x->c.p += 7;
		start = x->c.p;
		*piece = VX_XML_BROKEN;
		if (skip_to(x, VX_S("]]>"))) {
			x->text = vx_slice_range(start, x->c.p - 3);
			*piece = VX_XML_TEXT;
		}
		return false;
	}
	*piece = broken(x, "a document type, or another declaration");
	return false;
}

/* At a "<".  True: nothing that matters was there. */
static bool markup(struct vx_xml *x, enum vx_xml_piece *piece)
{
	x->c.p++;
	if (vx_cur_char(&x->c, '?')) {
		*piece = VX_XML_BROKEN;
		return skip_to(x, VX_S("?>"));
	}
	if (vx_cur_char(&x->c, '!'))
		return declaration(x, piece);
	*piece = vx_cur_char(&x->c, '/') ? end_tag(x) : start_tag(x);
	return false;
}

static enum vx_xml_piece text(struct vx_xml *x)
{
	const char *const start = x->c.p;

	if (*start == '&')
		return reference(x) ? VX_XML_TEXT : VX_XML_BROKEN;
	while (!vx_cur_end(&x->c) && *x->c.p != '<' && *x->c.p != '&')
		x->c.p++;
	x->text = vx_slice_range(start, x->c.p);
	return VX_XML_TEXT;
}

enum vx_xml_piece vx_xml_next(struct vx_xml *x)
{
	enum vx_xml_piece piece;

	if (x->problem != NULL)
		return VX_XML_BROKEN;
	if (x->empty) {
		x->empty = false;
		x->depth--;
		return VX_XML_END;
	}
	for (;;) {
		if (x->depth == 0)
			(void)spaces(x);
		if (vx_cur_end(&x->c))
			break;
		if (*x->c.p == '<') {
			if (!markup(x, &piece))
				return piece;
		} else if (x->depth == 0) {
			return broken(x, "text outside of the element");
		} else {
			return text(x);
		}
		if (x->problem != NULL)
			return VX_XML_BROKEN;
	}
	if (x->depth > 0)
		return broken(x, "an element is not closed");
	return x->root ? VX_XML_DONE : broken(x, "there is no element");
}
