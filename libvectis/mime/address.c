#include "vectis/address.h"

#include "base/encode.h"
#include "mime/cfws.h"

#include <idn2.h>

/* What the parser has of the list so far, and what it reuses for each address. */
struct parser {
	struct vx_cursor c;
	struct vx_arena *arena;
	struct vx_address **tail;
	size_t count;
	bool in_group, full;
	vx_slice comment; /* the last one, between its parentheses: "user@host (Name)" */
	struct vx_buf name, local, domain;
};

static void skip_cfws(struct parser *p)
{
	while (!vx_cur_end(&p->c)) {
		const char *const start = p->c.p;

		if (*start == '(') {
			const bool closed = vx_skip_comment(&p->c);

			p->comment = vx_slice_range(start + 1, p->c.p - closed);
		} else if (vx_is_blank(*start)) {
			p->c.p++;
		} else {
			return;
		}
	}
}

/*
 * Where the first octet of set stands outside quotes, comments and domain literals, or
 * the end of the list.
 */
static const char *find(const struct parser *p, const char *set)
{
	struct vx_cursor c = p->c;
	bool at = false; /* the last word was "@" */

	while (!vx_cur_end(&c)) {
		const char ch = *c.p;

		if (ch == '(') {
			(void)vx_skip_comment(&c);
			continue;
		}
		if (vx_quoted(&c, NULL)) {
			at = false;
			continue;
		}
		if (ch == '[' && at) {
			c.p += vx_slice_find(vx_cur_rest(&c), ']');
			at = false;
			continue;
		}
		if (ch != '\0' && strchr(set, ch) != NULL)
			return c.p;
		if (!vx_is_blank(ch))
			at = ch == '@';
		c.p++;
	}
	return c.end;
}

/* Words up to stop, joined by a blank where there was any: a name of RFC 5322 3.2.5. */
static void phrase(struct parser *p, const char *stop)
{
	struct vx_buf *const out = &p->name;

	vx_buf_reset(out);
	for (;;) {
		const char *const before = p->c.p;

		skip_cfws(p);
		if (p->c.p >= stop)
			return;
		if (p->c.p != before && out->len > 0)
			vx_buf_add_char(out, ' ');
		if (vx_quoted(&p->c, out))
			continue;
		while (p->c.p < stop && *p->c.p != '(' && *p->c.p != '"' &&
		       !vx_is_blank(*p->c.p))
			vx_buf_add_char(out, *p->c.p++);
	}
}

/* The text of a comment as a name. */
static void comment_name(struct parser *p)
{
	bool gap = false;

	vx_buf_reset(&p->name);
	for (size_t i = 0; i < p->comment.len; i++) {
		char ch = p->comment.ptr[i];

		if (vx_is_blank(ch)) {
			gap = p->name.len > 0;
			continue;
		}
		if (ch == '\\' && i + 1 < p->comment.len &&
		    !vx_is_blank(p->comment.ptr[i + 1]))
			ch = p->comment.ptr[++i];
		if (gap)
			vx_buf_add_char(&p->name, ' ');
		gap = false;
		vx_buf_add_char(&p->name, ch);
	}
}

static bool is_special(char c)
{
	return c != '\0' && strchr("@()<>[]:;\\,\"", c) != NULL;
}

/*
 * Words of a local part up to "@" or stop.  Blanks count for nothing beside a dot
 * (RFC 5322 4.4); elsewhere they are not allowed, and one stays.  Lone brackets are
 * passed over.
 */
static void local_part(struct parser *p, const char *stop)
{
	bool dot = true;

	for (;;) {
		const char *const before = p->c.p;
		bool gap;

		skip_cfws(p);
		if (p->c.p >= stop || *p->c.p == '@')
			return;
		gap = p->c.p != before && !dot && *p->c.p != '.';
		if (gap)
			vx_buf_add_char(&p->local, ' ');
		dot = false;
		if (vx_quoted(&p->c, &p->local))
			continue;
		while (p->c.p < stop && *p->c.p != '@' && *p->c.p != '(' &&
		       *p->c.p != '"' && !vx_is_blank(*p->c.p)) {
			dot = *p->c.p == '.';
			if (!is_special(*p->c.p))
				vx_buf_add_char(&p->local, *p->c.p);
			p->c.p++;
		}
	}
}

/* "[...]" without the blanks in it, from its "[". */
static void domain_literal(struct parser *p, const char *stop)
{
	bool more = true;

	for (; p->c.p < stop && more; p->c.p++) {
		more = *p->c.p != ']';
		if (!vx_is_blank(*p->c.p))
			vx_buf_add_char(&p->domain, *p->c.p);
	}
}

/* A domain up to stop, to what cannot be in one, or to a blank that is beside no dot. */
static void domain(struct parser *p, const char *stop)
{
	bool dot = true;

	vx_buf_reset(&p->domain);
	skip_cfws(p);
	if (p->c.p < stop && *p->c.p == '[')
		domain_literal(p, stop);
	for (;;) {
		const char *const before = p->c.p;

		skip_cfws(p);
		if (p->c.p >= stop || is_special(*p->c.p))
			return;
		if (p->c.p != before && !dot && *p->c.p != '.')
			return;
		dot = *p->c.p == '.';
		vx_buf_add_char(&p->domain, *p->c.p++);
	}
}

/* local@domain up to stop, cut at the last "@"; what follows it is passed over. */
static void addr_spec(struct parser *p, const char *stop)
{
	vx_buf_reset(&p->local);
	vx_buf_reset(&p->domain);
	local_part(p, stop);
	p->comment = vx_slice_of(NULL, 0);
	while (p->c.p < stop && *p->c.p == '@') {
		if (p->domain.len > 0) {
			vx_buf_add_char(&p->local, '@');
			vx_buf_add(&p->local, vx_buf_slice(&p->domain));
		}
		p->c.p++;
		domain(p, stop);
	}
	p->c.p = stop;
}

static void add(struct parser *p, enum vx_address_kind kind, vx_slice name)
{
	struct vx_address *a;

	/* the end of a group always has its place */
	if (p->count >= VX_ADDRESSES_MAX && kind != VX_ADDRESS_GROUP_END)
		return;
	a = vx_arena_alloc(p->arena, sizeof(*a));
	if (a == NULL ||
	    (name.ptr != NULL && vx_arena_copy(p->arena, name, &a->name) != VX_OK) ||
	    vx_arena_copy(p->arena, vx_buf_slice(&p->local), &a->local) != VX_OK ||
	    vx_arena_copy(p->arena, vx_buf_slice(&p->domain), &a->domain) != VX_OK) {
		p->full = true;
		return;
	}
	a->kind = kind;
	*p->tail = a;
	p->tail = &a->next;
	p->count++;
}

static void add_group(struct parser *p, bool begin)
{
	vx_buf_reset(&p->local);
	vx_buf_reset(&p->domain);
	if (begin != p->in_group)
		add(p, begin ? VX_ADDRESS_GROUP_BEGIN : VX_ADDRESS_GROUP_END,
		    begin ? vx_buf_slice(&p->name) : vx_slice_of(NULL, 0));
	p->in_group = begin;
}

static void add_mailbox(struct parser *p)
{
	const vx_slice name = vx_buf_slice(&p->name);

	if (p->local.len > 0 || p->domain.len > 0)
		add(p, VX_ADDRESS_MAILBOX, name.len > 0 ? name : vx_slice_of(NULL, 0));
}

/* "<" [route ":"] local "@" domain ">" from after the "<"; the name is there. */
static void angle(struct parser *p)
{
	const char *stop;

	do
		skip_cfws(p);
	while (vx_cur_char(&p->c, '<'));
	if (vx_cur_peek(&p->c) == '@') { /* obs-route */
		p->c.p = find(p, ":>");
		(void)vx_cur_char(&p->c, ':');
	}
	stop = find(p, "<>,;");
	addr_spec(p, stop);
	add_mailbox(p);
	if (!vx_cur_char(&p->c, '>'))
		return;
	/* words after it belong to nothing, unless a comma is missing before a name */
	stop = find(p, ",;<:");
	if (stop == p->c.end || *stop == ',' || *stop == ';')
		p->c.p = stop;
}

static void one(struct parser *p)
{
	const char *const stop = find(p, ",;<:");

	if (stop == p->c.end || *stop == ',' || *stop == ';') {
		addr_spec(p, stop);
		comment_name(p);
		add_mailbox(p);
		return;
	}
	phrase(p, stop);
	p->c.p = stop + 1;
	if (*stop == '<')
		angle(p);
	else if (!p->in_group) /* there are no groups in groups */
		add_group(p, true);
}

int vx_address_parse(vx_slice field, struct vx_arena *arena, struct vx_address **out)
{
	struct parser p = { .c = vx_cursor_of(field),
		.arena = arena,
		.tail = out,
		.name = { .max = VX_ADDRESS_NAME_MAX },
		.local = { .max = VX_ADDRESS_PART_MAX },
		.domain = { .max = VX_ADDRESS_PART_MAX } };

	*out = NULL;
	while (!vx_cur_end(&p.c) && !p.full && p.count < VX_ADDRESSES_MAX) {
		skip_cfws(&p);
		if (vx_cur_char(&p.c, ','))
			continue;
		if (vx_cur_char(&p.c, ';'))
			add_group(&p, false);
		else if (!vx_cur_end(&p.c))
			one(&p);
	}
	if (!p.full)
		add_group(&p, false);
	while (vx_cur_char(&p.c, ',') || (!vx_cur_end(&p.c) && vx_is_blank(*p.c.p)) ||
	       vx_cur_char(&p.c, ';'))
		skip_cfws(&p);
	vx_buf_done(&p.name);
	vx_buf_done(&p.local);
	vx_buf_done(&p.domain);
	return p.full || !vx_cur_end(&p.c) ? VX_ELIMIT : VX_OK;
}

/* The last '@' outside quotes, or the length. */
static size_t find_at(vx_slice address)
{
	size_t at = address.len;
	bool quoted = false;

	for (size_t i = 0; i < address.len; i++) {
		if (address.ptr[i] == '\\' && quoted)
			i++;
		else if (address.ptr[i] == '"')
			quoted = !quoted;
		else if (address.ptr[i] == '@' && !quoted)
			at = i;
	}
	return at;
}

int vx_address_split(vx_slice address, vx_slice *local, vx_slice *dom)
{
	const size_t at = find_at(address);

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
