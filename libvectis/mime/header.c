#include "vectis/header.h"

#include "base/encode.h"
#include "mime/cfws.h"

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
	if (vx_slice_eq(line, VX_S("\r\n")) || vx_slice_eq(line, VX_S("\n"))) {
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
	/* RFC 5322 4.5.8: blanks may stand before the colon */
	if (vx_slice_cut(&out->value, ':', &name)) {
		while (name.len > 0 && vx_is(name.ptr[name.len - 1], VX_C_WSP))
			name.len--;
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

enum {
	MAIN_MAX = 256,
	PIECE_MAX = 65536, /* octets of a value as written; longer ones are cut */
};

/* Is what begins with the "(" a comment, and at the end of a value? */
static bool ends_in_comment(struct vx_cursor c)
{
	return vx_skip_comment(&c) &&
	       (vx_cur_end(&c) || *c.p == ';' || vx_is_blank(*c.p));
}

/*
 * A value: quoted, or everything up to ';', a blank or a comment (what mail has, not only
 * tokens: "a(1).pdf" is not cut).
 */
static void param_value(struct vx_cursor *c, struct vx_buf *out)
{
	bool looked = false; /* for a comment: once, so that work stays in bounds */

	if (vx_quoted(c, out))
		return;
	while (!vx_cur_end(c) && *c->p != ';' && !vx_is_blank(*c->p)) {
		if (*c->p == '(' && !looked) {
			looked = true;
			if (ends_in_comment(*c))
				return;
		}
		vx_buf_add_char(out, *c->p++);
	}
}

/* One written parameter: name, and what RFC 2231 says about it. */
struct piece {
	vx_slice name; /* lower case, without "*0*" */
	vx_slice value;
	int number;    /* -1: not numbered; otherwise 0, 1, ... */
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
	struct vx_buf value = { .max = PIECE_MAX };
	size_t count = 0;

	while (!vx_cur_end(c) && count < VX_PARAMS_MAX) {
		vx_slice name;

		vx_skip_cfws(c);
		if (vx_cur_char(c, ';'))
			continue;
		if (!vx_cur_some(c, VX_C_TOKEN, &name)) {
			if (!vx_cur_end(c))
				c->p++;
			continue;
		}
		vx_skip_cfws(c);
		if (!vx_cur_char(c, '='))
			continue;
		vx_skip_cfws(c);
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
		const int high =
		    s.ptr[i] == '%' && i + 2 < s.len ? vx_hex_value(s.ptr[i + 1]) : -1;
		const int low = high < 0 ? -1 : vx_hex_value(s.ptr[i + 2]);

		vx_buf_add_char(out, (char)(low < 0 ? s.ptr[i] : high << 4 | low));
		i += low < 0 ? 0 : 2;
	}
}

/* charset'language'text, as the first piece of an extended parameter is. */
static vx_slice cut_charset(vx_slice value, vx_slice *charset)
{
	vx_slice rest = value, head, language;

	if (!vx_slice_cut(&rest, '\'', &head) || !vx_slice_cut(&rest, '\'', &language))
		return value;
	if (head.len > 0)
		*charset = head;
	return rest;
}

static void join_one(const struct piece *p, vx_slice *charset, struct vx_buf *raw)
{
	if (!p->extended)
		vx_buf_add(raw, p->value);
	else if (p->number <= 0)
		percent_decode(cut_charset(p->value, charset), raw);
	else
		percent_decode(p->value, raw);
}

/* Put the pieces of one name together: *0, *1, ... in order, decoded to UTF-8. */
static void join(const struct piece *pieces, size_t count, const struct piece *first,
    struct vx_buf *out)
{
	struct vx_buf raw = { .max = PIECE_MAX };
	vx_slice charset = VX_S("utf-8");
	bool extended = first->extended;

	join_one(first, &charset, &raw);
	for (int n = 1; first->number == 0; n++) {
		size_t i = 0;

		while (i < count && (pieces[i].number != n ||
					!vx_slice_eq(pieces[i].name, first->name)))
			i++;
		if (i == count)
			break;
		extended = extended || pieces[i].extended;
		join_one(&pieces[i], &charset, &raw);
	}
	if (extended)
		(void)vx_charset_decode(charset, vx_buf_slice(&raw), out);
	else
		vx_buf_add(out, vx_buf_slice(&raw));
	vx_buf_done(&raw);
}

/*
 * Which of the pieces of one name counts: "name*" before "name*0" before "name", so that
 * what is in another form for old programs is passed over; else the first.
 */
static const struct piece *choose(struct piece *pieces, size_t count, size_t first)
{
	const struct piece *best = NULL;
	int best_rank = 0;

	for (size_t i = first; i < count; i++) {
		struct piece *p = &pieces[i];
		const int rank = p->number == 0  ? 2
				 : p->number > 0 ? 0
				 : p->extended   ? 3
						 : 1;

		if (p->used || !vx_slice_eq(p->name, pieces[first].name))
			continue;
		p->used = true;
		if (rank > best_rank) {
			best = p;
			best_rank = rank;
		}
	}
	return best;
}

static int collect(
    struct piece *pieces, size_t count, struct vx_arena *arena, struct vx_param **out)
{
	struct vx_buf value = { .max = 4 * PIECE_MAX };
	int rc = VX_OK;

	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		const struct piece *best =
		    pieces[i].used ? NULL : choose(pieces, count, i);
		struct vx_param *p;

		if (best == NULL) /* used, or without its piece 0 */
			continue;
		vx_buf_reset(&value);
		join(pieces, count, best, &value);
		p = vx_arena_alloc(arena, sizeof(*p));
		rc = p == NULL ? VX_ELIMIT
			       : vx_arena_copy(arena, vx_buf_slice(&value), &p->value);
		if (rc == VX_OK) {
			p->name = best->name;
			*out = p;
			out = &p->next;
		}
	}
	vx_buf_done(&value);
	return rc;
}

/*
 * The words before the first ';' without comments, and without blanks beside a '/'.
 * Anything else that follows a blank is not of it: "text/html charset=x".
 */
static void main_value(struct vx_cursor *c, struct vx_buf *out)
{
	for (;;) {
		const char *const before = c->p;

		vx_skip_cfws(c);
		if (vx_cur_end(c) || *c->p == ';')
			return;
		if (c->p != before && out->len > 0 && *c->p != '/' &&
		    out->ptr[out->len - 1] != '/')
			return;
		vx_buf_add_char(out, *c->p++);
	}
}

int vx_params_parse(
    vx_slice value, struct vx_arena *arena, vx_slice *main, struct vx_param **out)
{
	struct piece pieces[VX_PARAMS_MAX];
	struct vx_cursor c = vx_cursor_of(value);
	struct vx_buf text = { .max = MAIN_MAX };
	int rc;

	*out = NULL;
	main_value(&c, &text);
	rc = vx_arena_copy(arena, vx_buf_slice(&text), main);
	if (rc == VX_OK)
		rc = collect(pieces, pieces_parse(&c, arena, pieces), arena, out);
	vx_buf_done(&text);
	return rc;
}
