#include "vectis/address.h"

#include "base/cursor.h"
#include "base/encode.h"

#include <idn2.h>

/* What the parser has of the list so far. */
struct parser {
	struct vx_cursor c;
	struct vx_arena *arena;
	struct vx_address **tail;
	size_t count;
	vx_slice comment; /* the last one: "user@host (Name)" */
	bool full;
};

static void skip_comment(struct vx_cursor *c)
{
	size_t depth = 0;

	do {
		if (*c->p == '\\' && vx_cur_left(c) > 1)
			c->p++;
		else if (*c->p == '(')
			depth++;
		else if (*c->p == ')')
			depth--;
		c->p++;
	} while (depth > 0 && depth <= VX_COMMENT_DEPTH_MAX && !vx_cur_end(c));
	if (depth > VX_COMMENT_DEPTH_MAX)
		c->p = c->end;
}

static void skip_cfws(struct parser *p)
{
	while (!vx_cur_end(&p->c)) {
		const char *const start = p->c.p;

		if (*start == '(') {
			skip_comment(&p->c);
			p->comment =
			    vx_slice_trim(vx_slice_range(start + 1, p->c.p), ") \t\r\n");
		} else if (vx_is(*start, VX_C_WSP) || *start == '\r' || *start == '\n') {
			p->c.p++;
		} else {
			return;
		}
	}
}

/* A quoted string from after its quote, without backslashes and line ends. */
static bool quoted(struct parser *p, struct vx_buf *out)
{
	while (!vx_cur_end(&p->c)) {
		char ch = *p->c.p++;

		if (ch == '"')
			return true;
		if (ch == '\\' && !vx_cur_end(&p->c))
			ch = *p->c.p++;
		if (ch != '\r' && ch != '\n')
			vx_buf_add_char(out, ch);
	}
	return true; /* the quote at the end is missing: what there is counts */
}

static bool special(char c)
{
	return c != '\0' && strchr("()<>[]:;@\\,\"", c) != NULL;
}

/* Words up to a special: joined by blanks where there were any. */
static void words(struct parser *p, struct vx_buf *out)
{
	bool gap = false;

	for (;;) {
		const char *const before = p->c.p;

		skip_cfws(p);
		gap = gap || (p->c.p != before && out->len > 0);
		if (vx_cur_end(&p->c))
			return;
		if (*p->c.p != '"' && special(*p->c.p))
			return;
		if (gap)
			vx_buf_add_char(out, ' ');
		gap = false;
		if (vx_cur_char(&p->c, '"')) {
			(void)quoted(p, out);
			continue;
		}
		while (!vx_cur_end(&p->c) && !special(*p->c.p) &&
		       !vx_is(*p->c.p, VX_C_WSP) && *p->c.p != '\r' && *p->c.p != '\n')
			vx_buf_add_char(out, *p->c.p++);
	}
}

static void domain(struct parser *p, struct vx_buf *out)
{
	skip_cfws(p);
	if (!vx_cur_end(&p->c) && *p->c.p == '[') {
		while (!vx_cur_end(&p->c)) {
			const char ch = *p->c.p++;

			if (ch != '\r' && ch != '\n')
				vx_buf_add_char(out, ch);
			if (ch == ']')
				return;
		}
		return;
	}
	while (!vx_cur_end(&p->c)) {
		skip_cfws(p);
		if (vx_cur_end(&p->c) || special(*p->c.p))
			return;
		vx_buf_add_char(out, *p->c.p++);
	}
}

static void add(struct parser *p, enum vx_address_kind kind, const vx_slice *name,
    vx_slice local, vx_slice dom)
{
	struct vx_address *a;

	if (p->count >= VX_ADDRESSES_MAX)
		return;
	a = vx_arena_alloc(p->arena, sizeof(*a));
	if (a == NULL ||
	    (name != NULL && vx_arena_copy(p->arena, *name, &a->name) != VX_OK) ||
	    vx_arena_copy(p->arena, local, &a->local) != VX_OK ||
	    vx_arena_copy(p->arena, dom, &a->domain) != VX_OK) {
		p->full = true;
		return;
	}
	a->kind = kind;
	*p->tail = a;
	p->tail = &a->next;
	p->count++;
}

/* "<" [route ":"] local "@" domain ">" from after the "<". */
static void angle(struct parser *p, const struct vx_buf *name)
{
	struct vx_buf local = { .max = 1024 }, dom = { .max = 1024 };
	const vx_slice display = vx_buf_slice(name);

	skip_cfws(p);
	if (vx_cur_peek(&p->c) == '@') { /* obs-route */
		while (!vx_cur_end(&p->c) && *p->c.p != ':' && *p->c.p != '>')
			p->c.p++;
		(void)vx_cur_char(&p->c, ':');
	}
	words(p, &local);
	if (vx_cur_char(&p->c, '@'))
		domain(p, &dom);
	while (!vx_cur_end(&p->c) && *p->c.p != '>' && *p->c.p != ',')
		p->c.p++;
	(void)vx_cur_char(&p->c, '>');
	if (local.len > 0 || dom.len > 0)
		add(p, VX_ADDRESS_MAILBOX, display.len > 0 ? &display : NULL,
		    vx_buf_slice(&local), vx_buf_slice(&dom));
	vx_buf_done(&local);
	vx_buf_done(&dom);
}

/* An addr-spec whose local part is in word; a comment after it is its name. */
static void plain(struct parser *p, const struct vx_buf *word)
{
	struct vx_buf dom = { .max = 1024 };

	p->comment = vx_slice_of(NULL, 0);
	if (vx_cur_char(&p->c, '@'))
		domain(p, &dom);
	skip_cfws(p);
	add(p, VX_ADDRESS_MAILBOX, p->comment.len > 0 ? &p->comment : NULL,
	    vx_buf_slice(word), vx_buf_slice(&dom));
	vx_buf_done(&dom);
}

static const vx_slice none;

static void one(struct parser *p, bool *in_group)
{
	struct vx_buf word = { .max = 16384 };
	const char *const start = p->c.p;
	vx_slice name;

	words(p, &word);
	name = vx_buf_slice(&word);
	if (vx_cur_char(&p->c, '<')) {
		angle(p, &word);
	} else if (!*in_group && vx_cur_peek(&p->c) == ':') {
		p->c.p++;
		*in_group = true;
		add(p, VX_ADDRESS_GROUP_BEGIN, &name, none, none);
	} else if (vx_cur_peek(&p->c) == ';') {
		if (word.len > 0)
			plain(p, &word);
		p->c.p++;
		if (*in_group)
			add(p, VX_ADDRESS_GROUP_END, NULL, none, none);
		*in_group = false;
	} else if (word.len > 0 || vx_cur_peek(&p->c) == '@') {
		plain(p, &word);
	}
	if (p->c.p == start && !vx_cur_end(&p->c))
		p->c.p++; /* garbage: go on behind it */
	vx_buf_done(&word);
}

int vx_address_parse(vx_slice field, struct vx_arena *arena, struct vx_address **out)
{
	struct parser p = { .c = vx_cursor_of(field), .arena = arena, .tail = out };
	bool in_group = false;

	*out = NULL;
	while (!vx_cur_end(&p.c) && !p.full && p.count < VX_ADDRESSES_MAX) {
		skip_cfws(&p);
		if (vx_cur_char(&p.c, ','))
			continue;
		if (!vx_cur_end(&p.c))
			one(&p, &in_group);
	}
	if (in_group && !p.full)
		add(&p, VX_ADDRESS_GROUP_END, NULL, none, none);
	return p.full ? VX_ELIMIT : VX_OK;
}

int vx_address_split(vx_slice address, vx_slice *local, vx_slice *dom)
{
	const size_t at = vx_slice_rfind(address, '@');

	if (at == 0 || at >= address.len - (address.len > 0) || at > 64 ||
	    address.len - at - 1 > 255)
		return VX_EINVAL;
	*local = vx_slice_head(address, at);
	*dom = vx_slice_from(address, at + 1);
	return VX_OK;
}

/* Letters, digits, hyphens inside; labels of 1 to 63, 253 in all (RFC 1123 2.1). */
static bool is_host_name(vx_slice name)
{
	vx_slice label;
	bool more = true;

	if (name.len == 0 || name.len > 253)
		return false;
	while (more) {
		more = vx_slice_cut(&name, '.', &label);
		if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' ||
		    label.ptr[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!vx_is(label.ptr[i], VX_C_ALPHA | VX_C_DIGIT) &&
			    label.ptr[i] != '-' && label.ptr[i] != '_')
				return false;
	}
	return true;
}

int vx_domain_normalise(vx_slice dom, struct vx_buf *out)
{
	char text[256] = { 0 };
	char *ascii = NULL;
	int rc = VX_EINVAL;

	if (dom.len == 0 || dom.len > 255 || memchr(dom.ptr, '\0', dom.len) != NULL)
		return VX_EINVAL;
	memcpy(text, dom.ptr, dom.len);
	if (vx_is_ascii(dom)) {
		for (size_t i = 0; i < dom.len; i++)
			text[i] = vx_lower(text[i]);
		if (!is_host_name(vx_slice_str(text)))
			return VX_EINVAL;
		vx_buf_add(out, vx_slice_str(text));
		return out->failed ? VX_ELIMIT : VX_OK;
	}
	if (idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii,
		IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
	    is_host_name(vx_slice_str(ascii))) {
		vx_buf_add(out, vx_slice_str(ascii));
		rc = out->failed ? VX_ELIMIT : VX_OK;
	}
	idn2_free(ascii);
	return rc;
}
