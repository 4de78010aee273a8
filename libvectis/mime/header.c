#include "vectis/header.h"

#include "base/cursor.h"
#include "base/encode.h"

/* The first line of s with its line end. */
static vx_slice first_line(vx_slice s)
{
	const size_t at = vx_slice_find(s, '\n');

	return vx_slice_head(s, at + 1);
}

bool vx_field_next(vx_slice *block, struct vx_field *out)
{
	vx_slice line = first_line(*block), rest = vx_slice_from(*block, line.len), name;

	if (line.len == 0)
		return false;
	if (vx_slice_trim(line, "\r\n").len == 0) {
		*block = rest;
		return false;
	}
	while (rest.len > 0 && vx_is(rest.ptr[0], VX_C_WSP)) { /* folded */
		line = first_line(rest);
		rest = vx_slice_from(rest, line.len);
	}
	*out = (struct vx_field){ .whole = vx_slice_head(*block, block->len - rest.len) };
	*block = rest;
	out->value = vx_slice_trim(out->whole, "\r\n");
	/* RFC 5322 4.5.3: blanks may stand before the colon */
	if (vx_slice_cut(&out->value, ':', &name)) {
		name = vx_slice_trim(name, " \t");
		for (size_t i = 0; i < name.len; i++)
			out->bad = out->bad || !vx_is(name.ptr[i], VX_C_FTEXT);
		out->bad = out->bad || name.len == 0;
	} else {
		out->bad = true;
	}
	if (out->bad)
		out->value = out->whole;
	else
		out->name = name;
	return true;
}

void vx_field_unfold(vx_slice value, struct vx_buf *out)
{
	value = vx_slice_trim(value, " \t\r\n");
	while (value.len > 0) {
		const size_t n = vx_slice_find(value, '\n');
		vx_slice line = vx_slice_head(value, n);

		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		vx_buf_add(out, line);
		value = vx_slice_from(value, n + 1);
	}
}

/* --- parameters --------------------------------------------------------------------- */

static void skip_cfws(struct vx_cursor *c)
{
	size_t depth = 0;

	for (; !vx_cur_end(c); c->p++) {
		if (*c->p == '(')
			depth++;
		else if (*c->p == ')' && depth > 0)
			depth--;
		else if (*c->p == '\\' && depth > 0 && vx_cur_left(c) > 1)
			c->p++;
		else if (depth == 0 && !vx_is(*c->p, VX_C_WSP) && *c->p != '\r' &&
			 *c->p != '\n')
			return;
	}
}

/* A value: quoted, or everything up to ';' or a blank (what mail has, not only tokens).
 */
static void param_value(struct vx_cursor *c, struct vx_buf *out)
{
	if (!vx_cur_char(c, '"')) {
		while (!vx_cur_end(c) && *c->p != ';' && !vx_is(*c->p, VX_C_WSP) &&
		       *c->p != '\r' && *c->p != '\n')
			vx_buf_add_char(out, *c->p++);
		return;
	}
	while (!vx_cur_end(c)) {
		char ch = *c->p++;

		if (ch == '"')
			return;
		if (ch == '\\' && !vx_cur_end(c))
			ch = *c->p++;
		if (ch != '\r' && ch != '\n')
			vx_buf_add_char(out, ch);
	}
}

/* One written parameter: name, and what RFC 2231 says about it. */
struct piece {
	vx_slice name; /* lower case, without "*0*" */
	vx_slice value;
	int number;    /* -1: not numbered */
	bool extended; /* percent-encoded, the first with charset'language' */
	bool used;
};

static bool piece_name(vx_slice raw, struct vx_arena *arena, struct piece *out)
{
	char *name = vx_arena_dup(arena, raw);
	vx_slice rest, head;
	uint64_t n;

	if (name == NULL)
		return false;
	for (size_t i = 0; i < raw.len; i++)
		name[i] = vx_lower(name[i]);
	rest = vx_slice_of(name, raw.len);
	*out = (struct piece){ .number = -1 };
	if (rest.len > 0 && rest.ptr[rest.len - 1] == '*') {
		out->extended = true;
		rest.len--;
	}
	if (vx_slice_find(rest, '*') < rest.len) {
		(void)vx_slice_cut(&rest, '*', &head);
		if (vx_slice_number(rest, VX_PARAMS_MAX, &n) != VX_OK)
			return false;
		out->number = (int)n;
		rest = head;
	}
	out->name = rest;
	return rest.len > 0;
}

static size_t pieces_parse(struct vx_cursor *c, struct vx_arena *arena, struct piece *out)
{
	struct vx_buf value = { .max = 65536 };
	size_t count = 0;

	while (!vx_cur_end(c) && count < VX_PARAMS_MAX) {
		vx_slice name;

		skip_cfws(c);
		if (vx_cur_char(c, ';'))
			continue;
		if (!vx_cur_some(c, VX_C_TOKEN, &name)) {
			if (!vx_cur_end(c))
				c->p++;
			continue;
		}
		skip_cfws(c);
		if (!vx_cur_char(c, '='))
			continue;
		skip_cfws(c);
		vx_buf_reset(&value);
		param_value(c, &value);
		if (!piece_name(name, arena, &out[count]))
			continue;
		if (vx_arena_copy(arena, vx_buf_slice(&value), &out[count].value) !=
		    VX_OK)
			break;
		count++;
	}
	vx_buf_done(&value);
	return count;
}

static void percent_decode(vx_slice s, struct vx_buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		struct vx_buf octet = { .max = 1 };

		if (s.ptr[i] == '%' && i + 2 < s.len &&
		    vx_hex_decode(vx_slice_of(s.ptr + i + 1, 2), &octet) == VX_OK) {
			vx_buf_add(out, vx_buf_slice(&octet));
			i += 2;
		} else {
			vx_buf_add_char(out, s.ptr[i]);
		}
		vx_buf_done(&octet);
	}
}

/* Put the pieces of one name together: *0, *1, ... in order, decoded to UTF-8. */
static void join(struct piece *pieces, size_t count, size_t first, struct vx_buf *out)
{
	struct vx_buf raw = { .max = 65536 };
	vx_slice charset = vx_slice_of("", 0), language;
	const vx_slice name = pieces[first].name;
	bool found = true, extended = false;

	for (int n = pieces[first].number < 0 ? -1 : 0; found; n++) {
		found = false;
		for (size_t i = 0; i < count && !found; i++) {
			struct piece *p = &pieces[i];
			vx_slice value = p->value;

			if (p->used || p->number != n || !vx_slice_eq(p->name, name))
				continue;
			found = p->used = true;
			if (p->extended && n <= 0 &&
			    vx_slice_cut(&value, '\'', &charset) &&
			    !vx_slice_cut(&value, '\'', &language))
				value = p->value;
			extended = extended || p->extended;
			if (p->extended)
				percent_decode(value, &raw);
			else
				vx_buf_add(&raw, value);
		}
		if (n < 0)
			break;
	}
	if (extended && charset.len > 0)
		(void)vx_charset_decode(charset, vx_buf_slice(&raw), out);
	else
		vx_buf_add(out, vx_buf_slice(&raw));
	vx_buf_done(&raw);
}

static int collect(
    struct piece *pieces, size_t count, struct vx_arena *arena, struct vx_param **out)
{
	struct vx_buf value = { .max = 262144 };
	int rc = VX_OK;

	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		struct vx_param *p;

		/* a numbered parameter begins with its piece 0 */
		if (pieces[i].used || pieces[i].number > 0)
			continue;
		vx_buf_reset(&value);
		join(pieces, count, i, &value);
		p = vx_arena_alloc(arena, sizeof(*p));
		rc = p == NULL ? VX_ELIMIT
			       : vx_arena_copy(arena, vx_buf_slice(&value), &p->value);
		if (rc == VX_OK) {
			p->name = pieces[i].name;
			*out = p;
			out = &p->next;
		}
	}
	vx_buf_done(&value);
	return rc;
}

int vx_params_parse(
    vx_slice value, struct vx_arena *arena, vx_slice *main, struct vx_param **out)
{
	struct vx_cursor c = vx_cursor_of(value);
	const char *start;
	struct piece *pieces = vx_arena_array(arena, VX_PARAMS_MAX, sizeof(*pieces));

	if (pieces == NULL)
		return VX_ELIMIT;
	*out = NULL;
	skip_cfws(&c);
	start = c.p;
	while (
	    !vx_cur_end(&c) && *c.p != ';' && *c.p != '(' && *c.p != '\r' && *c.p != '\n')
		c.p++;
	*main = vx_slice_trim(vx_slice_range(start, c.p), " \t");
	return collect(pieces, pieces_parse(&c, arena, pieces), arena, out);
}
