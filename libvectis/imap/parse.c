#include "imap/parse.h"

#include "base/encode.h"
#include "vectis/date.h"
#include "vectis/store.h"

bool vx_imap_sp(struct vx_cursor *c)
{
	return vx_cur_char(c, ' ');
}

bool vx_imap_atom(struct vx_cursor *c, vx_slice *out)
{
	return vx_cur_some(c, VX_C_ATOM, out);
}

/* 1*<any ASTRING-CHAR except "+"> */
bool vx_imap_tag(struct vx_cursor *c, vx_slice *out)
{
	const char *const start = c->p;

	while (
	    !vx_cur_end(c) && (vx_is(*c->p, VX_C_ATOM) || *c->p == ']') && *c->p != '+')
		c->p++;
	*out = vx_slice_range(start, c->p);
	return out->len > 0 && out->len <= VX_IMAP_TAG_MAX;
}

bool vx_imap_number(struct vx_cursor *c, uint64_t max, uint64_t *out)
{
	return vx_cur_number(c, max, out);
}

/* How many octets until the '"' that ends it, escapes counted twice. */
static size_t quoted_octets(const struct vx_cursor *c)
{
	const char *p = c->p;

	while (p != c->end && *p != '"')
		p += *p == '\\' && p + 1 != c->end ? 2 : 1;
	return (size_t)(p - c->p);
}

static bool quoted(struct vx_cursor *c, struct vx_arena *a, vx_slice *out)
{
	char *p = vx_arena_alloc(a, quoted_octets(c) + 1);
	size_t n = 0;

	if (p == NULL)
		return false;
	while (!vx_cur_end(c) && *c->p != '"') {
		char ch = *c->p++;

		if (ch == '\\') {
			if (vx_cur_end(c) || (*c->p != '"' && *c->p != '\\'))
				return false;
			ch = *c->p++;
		}
		if (ch == '\r' || ch == '\n' || ch == '\0')
			return false;
		p[n++] = ch;
	}
	*out = vx_slice_of(p, n);
	return vx_cur_char(c, '"') && vx_utf8_valid(*out); /* RFC 9755 3 */
}

static bool literal(struct vx_cursor *c, struct vx_arena *a, vx_slice *out)
{
	uint64_t size;
	vx_slice s;

	if (!vx_cur_char(c, '{') || !vx_cur_number(c, SIZE_MAX, &size))
		return false;
	(void)vx_cur_char(c, '+');
	if (!vx_cur_text(c, VX_S("}\r\n")) || size > vx_cur_left(c))
		return false;
	s = vx_slice_of(c->p, (size_t)size);
	c->p += size;
	return memchr(s.ptr, '\0', s.len) == NULL && vx_arena_copy(a, s, out) == VX_OK;
}

bool vx_imap_string(struct vx_cursor *c, struct vx_arena *a, vx_slice *out)
{
	return vx_cur_char(c, '"') ? quoted(c, a, out) : literal(c, a, out);
}

static bool string_or(
    struct vx_cursor *c, struct vx_arena *a, const char *more, vx_slice *out)
{
	const char *const start = c->p;

	if (vx_cur_peek(c) == '"' || vx_cur_peek(c) == '{')
		return vx_imap_string(c, a, out);
	while (!vx_cur_end(c) && (vx_is(*c->p, VX_C_ATOM | VX_C_HIGH) ||
				     (*c->p != '\0' && strchr(more, *c->p) != NULL)))
		c->p++;
	return c->p != start &&
	       vx_arena_copy(a, vx_slice_range(start, c->p), out) == VX_OK;
}

bool vx_imap_astring(struct vx_cursor *c, struct vx_arena *a, vx_slice *out)
{
	return string_or(c, a, "]", out);
}

bool vx_imap_list_mailbox(struct vx_cursor *c, struct vx_arena *a, vx_slice *out)
{
	return string_or(c, a, "]*%", out);
}

bool vx_imap_nstring(struct vx_cursor *c, struct vx_arena *a, vx_slice *out)
{
	if (vx_cur_text(c, VX_S("NIL"))) {
		*out = vx_slice_of(NULL, 0);
		return true;
	}
	return vx_imap_string(c, a, out);
}

/* --- ID -------------------------------------------------------------------------- */

static bool id_field(struct vx_cursor *c, struct vx_arena *a, vx_slice *name)
{
	vx_slice value;

	return vx_imap_string(c, a, name) && name->len <= VX_IMAP_ID_NAME_MAX &&
	       vx_imap_sp(c) && vx_imap_nstring(c, a, &value) &&
	       value.len <= VX_IMAP_ID_VALUE_MAX;
}

bool vx_imap_id(struct vx_cursor *c, struct vx_arena *a)
{
	vx_slice names[VX_IMAP_ID_FIELDS_MAX];
	size_t count = 0;

	if (vx_cur_text(c, VX_S("NIL")))
		return true;
	if (!vx_cur_char(c, '('))
		return false;
	if (vx_cur_char(c, ')'))
		return true;
	do {
		if (count == VX_IMAP_ID_FIELDS_MAX || !id_field(c, a, &names[count]))
			return false;
		for (size_t i = 0; i < count; i++) /* each at most once */
			if (vx_slice_eq_nocase(names[i], names[count]))
				return false;
		count++;
	} while (vx_imap_sp(c));
	return vx_cur_char(c, ')');
}

/* --- sets ------------------------------------------------------------------------ */

static bool seq_number(struct vx_cursor *c, uint32_t *out)
{
	uint64_t n;

	if (vx_cur_char(c, '*')) {
		*out = 0;
		return true;
	}
	if (!vx_cur_number(c, UINT32_MAX, &n) || n == 0)
		return false;
	*out = (uint32_t)n;
	return true;
}

bool vx_imap_sequence_set(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_set *out)
{
	size_t cap = 0;

	*out = (struct vx_imap_set){ 0 };
	if (vx_cur_char(c, '$')) {
		out->saved = true;
		return true;
	}
	do {
		struct vx_imap_range r;

		if (out->count == cap) {
			const size_t more = cap == 0 ? 8 : cap * 2;
			struct vx_imap_range *grown =
			    vx_arena_array(a, more, sizeof(*grown));

			if (grown == NULL)
				return false;
			if (cap > 0)
				memcpy(grown, out->ranges, cap * sizeof(*grown));
			out->ranges = grown;
			cap = more;
		}
		if (out->count == VX_IMAP_RANGES_MAX || !seq_number(c, &r.first))
			return false;
		r.last = r.first;
		if (vx_cur_char(c, ':') && !seq_number(c, &r.last))
			return false;
		out->ranges[out->count++] = r;
	} while (vx_cur_char(c, ','));
	return true;
}

/* --- flags ----------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint64_t bit;
} system_flags[] = { { "Seen", VX_FLAG_SEEN }, { "Answered", VX_FLAG_ANSWERED },
	{ "Flagged", VX_FLAG_FLAGGED }, { "Deleted", VX_FLAG_DELETED },
	{ "Draft", VX_FLAG_DRAFT } };

static bool one_flag(struct vx_cursor *c, struct vx_imap_flags *out)
{
	vx_slice name;

	if (vx_cur_char(c, '\\')) {
		if (!vx_imap_atom(c, &name))
			return false;
		for (size_t i = 0; i < sizeof(system_flags) / sizeof(system_flags[0]);
		     i++) {
			if (vx_slice_eq_nocase(
				name, vx_slice_str(system_flags[i].name))) {
				out->system |= system_flags[i].bit;
				return true;
			}
		}
		return true; /* \Recent cannot be set, others do not exist */
	}
	if (!vx_imap_atom(c, &name) || name.len > VX_KEYWORD_OCTETS_MAX ||
	    out->keyword_count == VX_IMAP_FLAGS_MAX)
		return false;
	out->keywords[out->keyword_count++] = name;
	return true;
}

bool vx_imap_flags(
    struct vx_cursor *c, struct vx_arena *a, bool parentheses, struct vx_imap_flags *out)
{
	const bool open = vx_cur_char(c, '(');

	*out = (struct vx_imap_flags){ 0 };
	out->keywords = vx_arena_array(a, VX_IMAP_FLAGS_MAX, sizeof(*out->keywords));
	if (out->keywords == NULL || (parentheses && !open))
		return false;
	if (open && vx_cur_char(c, ')'))
		return true;
	do {
		if (!one_flag(c, out))
			return false;
	} while (vx_cur_char(c, ' '));
	return !open || vx_cur_char(c, ')');
}

bool vx_imap_partial(struct vx_cursor *c, struct vx_imap_partial *out)
{
	const char *const start = c->p;
	const bool from_end = vx_cur_char(c, '-');
	uint64_t a, b;

	if (!vx_cur_number(c, UINT32_MAX, &a) || !vx_cur_char(c, ':') ||
	    (from_end && !vx_cur_char(c, '-')) || !vx_cur_number(c, UINT32_MAX, &b) ||
	    a == 0 || b == 0)
		return false;
	*out = (struct vx_imap_partial){ .from_end = from_end,
		.low = (uint32_t)(a < b ? a : b),
		.high = (uint32_t)(a < b ? b : a),
		.text = vx_slice_range(start, c->p) };
	return true;
}

bool vx_imap_partial_of(
    const struct vx_imap_partial *p, uint32_t count, uint32_t *first, uint32_t *last)
{
	const uint32_t end = p->high < count ? p->high : count;

	if (p->low > count)
		return false;
	*first = p->from_end ? count - end + 1 : p->low;
	*last = p->from_end ? count - p->low + 1 : end;
	return true;
}

/* --- FETCH ----------------------------------------------------------------------- */

/* Told again in the answer, outside of literals: what cannot be quoted is none. */
static bool field_name(struct vx_cursor *c, struct vx_arena *a, vx_slice *out)
{
	if (!vx_imap_astring(c, a, out))
		return false;
	for (size_t i = 0; i < out->len; i++)
		if (vx_is(out->ptr[i], VX_C_CTL | VX_C_HIGH))
			return false;
	return true;
}

static bool header_list(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_section *s)
{
	size_t cap = 0;

	if (!vx_cur_text(c, VX_S(" (")))
		return false;
	do {
		if (s->name_count == cap) {
			const size_t more = cap == 0 ? 16 : cap * 2;
			vx_slice *grown = vx_arena_array(a, more, sizeof(*grown));

			if (grown == NULL)
				return false;
			if (cap > 0)
				memcpy(grown, s->names, cap * sizeof(*grown));
			s->names = grown;
			cap = more;
		}
		if (s->name_count == VX_IMAP_FIELD_NAMES_MAX ||
		    !field_name(c, a, &s->names[s->name_count]))
			return false;
		s->name_count++;
	} while (vx_cur_char(c, ' '));
	return vx_cur_char(c, ')');
}

static bool section_text(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_section *s)
{
	if (vx_cur_text(c, VX_S("HEADER.FIELDS.NOT"))) {
		s->text = VX_SECTION_FIELDS_NOT;
		return header_list(c, a, s);
	}
	if (vx_cur_text(c, VX_S("HEADER.FIELDS"))) {
		s->text = VX_SECTION_FIELDS;
		return header_list(c, a, s);
	}
	if (vx_cur_text(c, VX_S("HEADER")))
		s->text = VX_SECTION_HEADER;
	else if (vx_cur_text(c, VX_S("TEXT")))
		s->text = VX_SECTION_TEXT;
	else if (vx_cur_text(c, VX_S("MIME")))
		s->text = VX_SECTION_MIME;
	else
		return false;
	return s->text != VX_SECTION_MIME || s->part_count > 0;
}

/* part *("." part) ["." ...]; *dot: a text must follow. */
static bool section_parts(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_section *s, bool *dot)
{
	uint64_t n;

	s->parts = vx_arena_array(a, VX_IMAP_PART_DEPTH_MAX, sizeof(*s->parts));
	*dot = false;
	while (s->parts != NULL && vx_cur_number(c, UINT32_MAX, &n)) {
		if (n == 0 || s->part_count == VX_IMAP_PART_DEPTH_MAX)
			return false;
		s->parts[s->part_count++] = (uint32_t)n;
		*dot = vx_cur_char(c, '.');
		if (!*dot)
			break;
	}
	return s->parts != NULL;
}

/* A field name in an answer: an atom, else a quoted string (no literal comes here). */
static void name_text(struct vx_buf *out, vx_slice name)
{
	struct vx_cursor c = vx_cursor_of(name);
	const bool atom = vx_cur_run(&c, VX_C_ATOM).len > 0 && vx_cur_end(&c);

	vx_buf_add_str(out, atom ? "" : "\"");
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '"' || name.ptr[i] == '\\')
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, name.ptr[i]);
	}
	vx_buf_add_str(out, atom ? "" : "\"");
}

/* As it was written, but for field names in literals: those are for commands only. */
static bool write_section_text(
    struct vx_arena *a, vx_slice written, const struct vx_imap_section *s, vx_slice *out)
{
	const size_t open = vx_slice_find(written, '(');
	struct vx_buf text = { .max = 2 * written.len + 2 };
	bool ok;

	if (vx_slice_find(written, '{') == written.len)
		return vx_arena_copy(a, written, out) == VX_OK;
	vx_buf_add(&text, vx_slice_head(written, open));
	for (size_t i = 0; i < s->name_count; i++) {
		vx_buf_add_char(&text, i == 0 ? '(' : ' ');
		name_text(&text, s->names[i]);
	}
	vx_buf_add_char(&text, ')');
	ok = !text.failed && vx_arena_copy(a, vx_buf_slice(&text), out) == VX_OK;
	vx_buf_done(&text);
	return ok;
}

static bool partial(struct vx_cursor *c, struct vx_imap_item *item)
{
	item->partial = true;
	return vx_cur_number(c, UINT64_MAX / 4, &item->offset) && vx_cur_char(c, '.') &&
	       vx_cur_number(c, UINT64_MAX / 4, &item->length) && item->length > 0 &&
	       vx_cur_char(c, '>');
}

/* "[" [part *("." part)] ["." text] "]"; of BINARY only parts. */
static bool section(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_item *item)
{
	struct vx_imap_section *s = &item->section;
	const bool binary = item->type != VX_ITEM_SECTION;
	const char *start;
	bool dot;

	if (!vx_cur_char(c, '['))
		return false;
	start = c->p;
	if (!section_parts(c, a, s, &dot))
		return false;
	if ((dot || s->part_count == 0) && (dot || vx_cur_peek(c) != ']') &&
	    (binary || !section_text(c, a, s)))
		return false;
	if (!write_section_text(a, vx_slice_range(start, c->p), s, &item->section_text) ||
	    !vx_cur_char(c, ']'))
		return false;
	if (item->type != VX_ITEM_BINARY_SIZE && vx_cur_char(c, '<'))
		return partial(c, item);
	return true;
}

static const struct fetch_word {
	const char *word;
	enum vx_imap_item_type type;
	bool peek, section;
	enum vx_imap_section_text text; /* of RFC822... */
	bool legacy;
} fetch_words[] = {
	/* longer ones before their beginnings */
	{ "FLAGS", VX_ITEM_FLAGS, false, false, 0, false },
	{ "UID", VX_ITEM_UID, false, false, 0, false },
	{ "INTERNALDATE", VX_ITEM_INTERNALDATE, false, false, 0, false },
	{ "RFC822.SIZE", VX_ITEM_SIZE, false, false, 0, false },
	{ "RFC822.HEADER", VX_ITEM_SECTION, true, false, VX_SECTION_HEADER, true },
	{ "RFC822.TEXT", VX_ITEM_SECTION, false, false, VX_SECTION_TEXT, true },
	{ "RFC822", VX_ITEM_SECTION, false, false, VX_SECTION_ALL, true },
	{ "ENVELOPE", VX_ITEM_ENVELOPE, false, false, 0, false },
	{ "BODYSTRUCTURE", VX_ITEM_BODYSTRUCTURE, false, false, 0, false },
	{ "BODY.PEEK[", VX_ITEM_SECTION, true, true, 0, false },
	{ "BODY[", VX_ITEM_SECTION, false, true, 0, false },
	{ "BODY", VX_ITEM_BODY, false, false, 0, false },
	{ "BINARY.PEEK[", VX_ITEM_BINARY, true, true, 0, false },
	{ "BINARY.SIZE[", VX_ITEM_BINARY_SIZE, true, true, 0, false },
	{ "BINARY[", VX_ITEM_BINARY, false, true, 0, false },
	{ "MODSEQ", VX_ITEM_MODSEQ, false, false, 0, false },
	{ "PREVIEW", VX_ITEM_PREVIEW, false, false, 0, false },
	{ "SAVEDATE", VX_ITEM_SAVEDATE, false, false, 0, false },
	{ "EMAILID", VX_ITEM_EMAILID, false, false, 0, false },
	{ "THREADID", VX_ITEM_THREADID, false, false, 0, false },
};

/* "(LAZY)" of PREVIEW (RFC 8970 4): all are at hand always, so that it changes nothing.
 */
static bool lazy(struct vx_cursor *c)
{
	if (!vx_cur_text(c, VX_S(" (LAZY")))
		return true;
	while (vx_cur_text(c, VX_S(" LAZY")))
		;
	return vx_cur_char(c, ')');
}

static bool fetch_item(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_item *out)
{
	for (size_t i = 0; i < sizeof(fetch_words) / sizeof(fetch_words[0]); i++) {
		const struct fetch_word *w = &fetch_words[i];

		if (!vx_cur_text(c, vx_slice_str(w->word)))
			continue;
		*out = (struct vx_imap_item){ .type = w->type,
			.peek = w->peek,
			.legacy = w->legacy ? w->word : NULL,
			.section = { .text = w->text } };
		if (!w->section)
			return w->type != VX_ITEM_PREVIEW || lazy(c);
		c->p--; /* the '[' belongs to the section */
		return section(c, a, out);
	}
	return false;
}

static void macro(
    struct vx_imap_fetch *out, const enum vx_imap_item_type *types, size_t count)
{
	for (size_t i = 0; i < count; i++)
		out->items[out->count++] = (struct vx_imap_item){ .type = types[i] };
}

static bool fetch_macro(struct vx_cursor *c, struct vx_imap_fetch *out)
{
	static const enum vx_imap_item_type full[] = { VX_ITEM_FLAGS,
		VX_ITEM_INTERNALDATE, VX_ITEM_SIZE, VX_ITEM_ENVELOPE, VX_ITEM_BODY };

	if (vx_cur_text(c, VX_S("ALL")))
		macro(out, full, 4);
	else if (vx_cur_text(c, VX_S("FAST")))
		macro(out, full, 3);
	else if (vx_cur_text(c, VX_S("FULL")))
		macro(out, full, 5);
	else
		return false;
	return true;
}

static bool fetch_modifier(struct vx_cursor *c, struct vx_imap_fetch *out)
{
	if (!out->has_changed_since && vx_cur_text(c, VX_S("CHANGEDSINCE "))) {
		out->has_changed_since = true;
		return vx_cur_number(c, INT64_MAX, &out->changed_since);
	}
	if (!out->vanished && vx_cur_text(c, VX_S("VANISHED")))
		return out->vanished = true;
	if (out->partial || !vx_cur_text(c, VX_S("PARTIAL ")))
		return false;
	out->partial = true;
	return vx_imap_partial(c, &out->places);
}

static bool fetch_modifiers(struct vx_cursor *c, struct vx_imap_fetch *out)
{
	if (vx_cur_end(c))
		return true;
	if (!vx_cur_text(c, VX_S(" (")))
		return false;
	do
		if (!fetch_modifier(c, out))
			return false;
	while (vx_imap_sp(c));
	return vx_cur_char(c, ')') && vx_cur_end(c) &&
	       (!out->vanished || out->has_changed_since);
}

static bool fetch_list(struct vx_cursor *c, struct vx_arena *a, struct vx_imap_fetch *out)
{
	if (!vx_cur_char(c, '('))
		return false;
	do {
		if (out->count == VX_IMAP_FETCH_ITEMS_MAX ||
		    !fetch_item(c, a, &out->items[out->count++]))
			return false;
	} while (vx_cur_char(c, ' '));
	return vx_cur_char(c, ')');
}

bool vx_imap_fetch_items(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_fetch *out)
{
	*out = (struct vx_imap_fetch){ 0 };
	out->items = vx_arena_array(a, VX_IMAP_FETCH_ITEMS_MAX, sizeof(*out->items));
	if (out->items == NULL)
		return false;
	if (fetch_macro(c, out))
		return fetch_modifiers(c, out);
	if (vx_cur_peek(c) != '(') {
		if (!fetch_item(c, a, &out->items[out->count++]))
			return false;
		return fetch_modifiers(c, out);
	}
	return fetch_list(c, a, out) && fetch_modifiers(c, out);
}

bool vx_imap_fetch_atts(
    struct vx_cursor *c, struct vx_arena *a, struct vx_imap_fetch *out)
{
	*out = (struct vx_imap_fetch){ 0 };
	out->items = vx_arena_array(a, VX_IMAP_FETCH_ITEMS_MAX, sizeof(*out->items));
	if (out->items == NULL || !fetch_list(c, a, out))
		return false;
	for (size_t i = 0; i < out->count; i++)
		out->items[i].peek = true; /* nobody has read what is pushed */
	return true;
}
