#include "mailauth/json.h"

#include "base/encode.h"

void vx_json_init(struct vx_json *j, vx_slice text)
{
	*j = (struct vx_json){ .c = vx_cursor_of(text),
		.begin = text.ptr,
		.want = VX_JSON_WANT_VALUE,
		.string = { .max = VX_REPORT_TEXT_MAX } };
}

void vx_json_done(struct vx_json *j)
{
	vx_buf_done(&j->string);
}

unsigned vx_json_line(const struct vx_json *j)
{
	unsigned line = 1;

	for (const char *p = j->begin; p != j->c.p; p++)
		line += *p == '\n';
	return line;
}

static enum vx_json_piece broken(struct vx_json *j, const char *problem)
{
	j->problem = problem;
	return VX_JSON_BROKEN;
}

static void spaces(struct vx_json *j)
{
	while (!vx_cur_end(&j->c) &&
	       (*j->c.p == ' ' || *j->c.p == '\t' || *j->c.p == '\r' || *j->c.p == '\n'))
		j->c.p++;
}

/* --- strings -------------------------------------------------------------------------
 */

/* Four hexadecimal digits. */
static bool hex4(struct vx_json *j, uint32_t *out)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++) {
		const int digit = vx_cur_end(&j->c) ? -1 : vx_hex_value(*j->c.p);

		if (digit < 0)
			return false;
		n = n * 16 + (uint32_t)digit;
		j->c.p++;
	}
	*out = n;
	return true;
}

/* After "\u"; both halves of what UTF-16 needs two for. */
static bool code_point(struct vx_json *j)
{
	uint32_t high, low;

	if (!hex4(j, &high) || high == 0 || (high >= 0xdc00 && high <= 0xdfff))
		return false;
	if (high >= 0xd800 && high <= 0xdbff) {
		if (!vx_cur_char(&j->c, '\\') || !vx_cur_char(&j->c, 'u') ||
		    !hex4(j, &low) || low < 0xdc00 || low > 0xdfff)
			return false;
		high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	}
	vx_utf8_add(&j->string, high);
	return true;
}

/* After a backslash. */
static bool escape(struct vx_json *j)
{
	static const char letters[] = "\"\\/bfnrt", octets[] = "\"\\/\b\f\n\r\t";
	const char *at;
	char c;

	if (vx_cur_end(&j->c))
		return false;
	c = *j->c.p++;
	if (c == 'u')
		return code_point(j);
	at = c == '\0' ? NULL : strchr(letters, c);
	if (at == NULL)
		return false;
	vx_buf_add_char(&j->string, octets[at - letters]);
	return true;
}

/* From after the first quote. */
static enum vx_json_piece string(struct vx_json *j, enum vx_json_piece piece)
{
	vx_buf_reset(&j->string);
	for (;;) {
		const char *const start = j->c.p;

		while (!vx_cur_end(&j->c) && *j->c.p != '"' && *j->c.p != '\\' &&
		       (unsigned char)*j->c.p >= ' ')
			j->c.p++;
		vx_buf_add(&j->string, vx_slice_range(start, j->c.p));
		if (vx_cur_char(&j->c, '"'))
			break;
		if (!vx_cur_char(&j->c, '\\'))
			return broken(
			    j, "a string is not closed, or has a control in it");
		if (!escape(j))
			return broken(j, "an escape that is not known");
	}
	if (j->string.failed) {
		j->limit = true;
		return broken(j, "a string is too long");
	}
	j->text = vx_buf_slice(&j->string);
	return piece;
}

/* --- other values --------------------------------------------------------------------
 */

static bool digits(struct vx_json *j)
{
	return vx_cur_run(&j->c, VX_C_DIGIT).len > 0;
}

static bool number(struct vx_json *j)
{
	(void)vx_cur_char(&j->c, '-');
	if (!vx_cur_char(&j->c, '0') && !digits(j))
		return false;
	if (vx_cur_char(&j->c, '.') && !digits(j))
		return false;
	if (!vx_cur_char(&j->c, 'e') && !vx_cur_char(&j->c, 'E'))
		return true;
	if (!vx_cur_char(&j->c, '+'))
		(void)vx_cur_char(&j->c, '-');
	return digits(j);
}

static enum vx_json_piece word(struct vx_json *j)
{
	const char *const start = j->c.p;

	j->text = vx_cur_run(&j->c, VX_C_ALPHA);
	if (vx_slice_eq(j->text, VX_S("true")) || vx_slice_eq(j->text, VX_S("false")) ||
	    vx_slice_eq(j->text, VX_S("null")))
		return VX_JSON_WORD;
	j->c.p = start;
	if (!number(j))
		return broken(j, "a value is missing");
	j->text = vx_slice_range(start, j->c.p);
	return VX_JSON_NUMBER;
}

static enum vx_json_piece begin(struct vx_json *j, bool object)
{
	if (j->depth == VX_REPORT_DEPTH_MAX) {
		j->limit = true;
		return broken(j, "objects and arrays are too deep");
	}
	j->in_object[j->depth++] = object;
	j->want = VX_JSON_WANT_FIRST;
	return object ? VX_JSON_OBJECT : VX_JSON_ARRAY;
}

static enum vx_json_piece value(struct vx_json *j)
{
	j->want = VX_JSON_WANT_MORE;
	if (vx_cur_char(&j->c, '{'))
		return begin(j, true);
	if (vx_cur_char(&j->c, '['))
		return begin(j, false);
	if (vx_cur_char(&j->c, '"'))
		return string(j, VX_JSON_STRING);
	return word(j);
}

static enum vx_json_piece name(struct vx_json *j)
{
	if (!vx_cur_char(&j->c, '"'))
		return broken(j, "a name is missing");
	if (string(j, VX_JSON_NAME) != VX_JSON_NAME)
		return VX_JSON_BROKEN;
	spaces(j);
	if (!vx_cur_char(&j->c, ':'))
		return broken(j, "a ':' is missing");
	j->want = VX_JSON_WANT_VALUE;
	return VX_JSON_NAME;
}

enum vx_json_piece vx_json_next(struct vx_json *j)
{
	bool object;

	if (j->problem != NULL)
		return VX_JSON_BROKEN;
	spaces(j);
	if (j->depth == 0 && j->want == VX_JSON_WANT_MORE)
		return vx_cur_end(&j->c) ? VX_JSON_DONE
					 : broken(j, "something follows the value");
	object = j->depth > 0 && j->in_object[j->depth - 1];
	if (j->want == VX_JSON_WANT_FIRST || j->want == VX_JSON_WANT_MORE) {
		if (vx_cur_char(&j->c, object ? '}' : ']')) {
			j->depth--;
			j->want = VX_JSON_WANT_MORE;
			return object ? VX_JSON_OBJECT_END : VX_JSON_ARRAY_END;
		}
		if (j->want == VX_JSON_WANT_MORE && !vx_cur_char(&j->c, ','))
			return broken(j, "a ',' or the end is missing");
		spaces(j);
		j->want = object ? VX_JSON_WANT_NAME : VX_JSON_WANT_VALUE;
	}
	return j->want == VX_JSON_WANT_NAME ? name(j) : value(j);
}

void vx_json_add_string(struct vx_buf *out, vx_slice s)
{
	vx_buf_add_char(out, '"');
	while (s.len > 0) {
		size_t n;
		const uint32_t c = vx_utf8_next(s, &n);

		if (c == '"' || c == '\\')
			vx_buf_printf(out, "\\%c", (int)c);
		else if (c < ' ' || c == 0x7f)
			vx_buf_printf(out, "\\u%04x", (unsigned)c);
		else
			vx_utf8_add(out, c);
		s = vx_slice_from(s, n);
	}
	vx_buf_add_char(out, '"');
}
