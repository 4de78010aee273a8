/* A header for a client that takes ASCII only (RFC 6858), and encoded words (RFC 2047).
 */
#include "vectis/header.h"

#include "base/encode.h"
#include "mime/cfws.h"
#include "vectis/address.h"

enum {
	WORD_OCTETS = 45,  /* of text in an encoded word: 60 digits, 72 with its marks */
	FIRST_OCTETS = 30, /* in the first one, behind the name of a field */
	TEXT_MAX = 64 * 1024,
	ARENA_MAX = 4 * 1024 * 1024,
};

/* --- encoded words ---------------------------------------------------------------------
 */

/* How much of s, at the most max octets, ends between two characters. */
static size_t whole_characters(vx_slice s, size_t max)
{
	size_t n = 0;

	while (n < s.len) {
		size_t octets;

		(void)vx_utf8_next(vx_slice_from(s, n), &octets);
		if (n > 0 && n + octets > max)
			break;
		n += octets;
	}
	return n;
}

void vx_text_encode(vx_slice utf8, struct vx_buf *out)
{
	for (size_t max = FIRST_OCTETS; utf8.len > 0; max = WORD_OCTETS) {
		const size_t n = whole_characters(utf8, max);

		if (max != FIRST_OCTETS)
			vx_buf_add_str(out, "\r\n ");
		vx_buf_add_str(out, "=?UTF-8?B?");
		vx_base64_add(out, vx_slice_head(utf8, n));
		vx_buf_add_str(out, "?=");
		utf8 = vx_slice_from(utf8, n);
	}
}

/* The value of a field, decoded and in one line. */
static void plain_text(vx_slice value, struct vx_buf *out)
{
	vx_text_decode(vx_slice_trim(value, " \t\r\n"), out);
}

static void write_encoded(vx_slice value, struct vx_buf *out)
{
	struct vx_buf text = { .max = TEXT_MAX };

	plain_text(value, &text);
	vx_text_encode(vx_buf_slice(&text), out);
	vx_buf_done(&text);
}

/* --- addresses --------------------------------------------------------------------- */

static void write_quoted(vx_slice s, struct vx_buf *out)
{
	vx_buf_add_char(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"' || s.ptr[i] == '\\')
			vx_buf_add_char(out, '\\');
		vx_buf_add_char(out, s.ptr[i]);
	}
	vx_buf_add_char(out, '"');
}

/* Are these words as they may stand: atoms, and encoded words among them? */
static bool is_phrase(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ATEXT | VX_C_WSP))
			return false;
	return s.len > 0;
}

static void write_name(vx_slice name, struct vx_buf *out)
{
	if (is_phrase(name))
		vx_buf_add(out, name);
	else if (!vx_is_ascii(name) || vx_slice_find_slice(name, VX_S("=?")) < name.len)
		write_encoded(name, out);
	else
		write_quoted(name, out);
}

static void write_local(vx_slice local, struct vx_buf *out)
{
	bool dot_atom =
	    local.len > 0 && local.ptr[0] != '.' && local.ptr[local.len - 1] != '.';

	for (size_t i = 0; i < local.len; i++)
		dot_atom =
		    dot_atom && (vx_is(local.ptr[i], VX_C_ATEXT) ||
				    (local.ptr[i] == '.' && local.ptr[i - 1] != '.'));
	if (dot_atom)
		vx_buf_add(out, local);
	else
		write_quoted(local, out);
}

/* An ASCII mailbox at a domain that has an ASCII form is the same mailbox. */
static bool write_ascii_address(const struct vx_address *a, struct vx_buf *out)
{
	struct vx_buf domain = { .max = 512 };
	const bool plain = vx_is_ascii(a->domain);
	const bool may = vx_is_ascii(a->local) &&
			 (plain || vx_domain_normalise(a->domain, &domain) == VX_OK);

	if (may) {
		write_local(a->local, out);
		vx_buf_add_char(out, '@');
		vx_buf_add(out, plain ? a->domain : vx_buf_slice(&domain));
	}
	vx_buf_done(&domain);
	return may;
}

/* What tells who it was, at an address that can never be anybody's (RFC 6858 2.1). */
static void write_nobody(const struct vx_address *a, struct vx_buf *out)
{
	struct vx_buf who = { .max = TEXT_MAX };

	if (a->name.len > 0) {
		write_name(a->name, out);
	} else {
		vx_buf_add(&who, a->local);
		vx_buf_add_char(&who, '@');
		vx_buf_add(&who, a->domain);
		write_encoded(vx_buf_slice(&who), out);
	}
	vx_buf_add_str(out, "\r\n <invalid@internationalized-address.invalid>");
	vx_buf_done(&who);
}

static void write_mailbox(const struct vx_address *a, struct vx_buf *out)
{
	const size_t before = out->len;

	if (a->name.len > 0) {
		write_name(a->name, out);
		vx_buf_add_str(out, "\r\n <");
	} else {
		vx_buf_add_char(out, '<');
	}
	if (write_ascii_address(a, out)) {
		vx_buf_add_char(out, '>');
	} else {
		vx_buf_truncate(out, before);
		write_nobody(a, out);
	}
}

/* False: there is no address in it. */
static bool write_addresses(vx_slice value, struct vx_buf *out)
{
	struct vx_arena arena = { .limit = ARENA_MAX };
	struct vx_address *list = NULL;
	bool first = true;

	(void)vx_address_parse(value, &arena, &list); /* what is too much is left out */
	for (const struct vx_address *a = list; a != NULL; a = a->next) {
		if (a->kind == VX_ADDRESS_GROUP_END) {
			vx_buf_add_char(out, ';');
			first = false;
			continue;
		}
		if (!first)
			vx_buf_add_str(out, ",\r\n ");
		first = a->kind == VX_ADDRESS_GROUP_BEGIN;
		if (first) {
			write_name(a->name, out);
			vx_buf_add_str(out, ":\r\n ");
		} else {
			write_mailbox(a, out);
		}
	}
	vx_arena_done(&arena);
	return list != NULL;
}

/* --- parameters --------------------------------------------------------------------- */

/* Up to the next ';' that is in no quotes and no comment; false: there was nothing left.
 */
static bool next_piece(struct vx_cursor *c, vx_slice *out)
{
	const char *const begin = c->p;

	if (vx_cur_end(c))
		return false;
	while (!vx_cur_end(c) && *c->p != ';') {
		if (*c->p == '(')
			(void)vx_skip_comment(c);
		else if (!vx_quoted(c, NULL))
			c->p++;
	}
	*out = vx_slice_range(begin, c->p);
	(void)vx_cur_char(c, ';');
	return true;
}

/* The parameters that are ASCII; false: not even what stands before them is. */
static bool write_params(vx_slice value, struct vx_buf *out)
{
	struct vx_cursor c = vx_cursor_of(value);
	vx_slice piece;
	bool first = true;

	while (next_piece(&c, &piece)) {
		if (first && !vx_is_ascii(piece))
			return false;
		if (vx_is_ascii(piece)) {
			if (!first)
				vx_buf_add_str(out, ";\r\n ");
			vx_field_unfold(piece, out);
		}
		first = false;
	}
	return !first;
}

/* --- fields --------------------------------------------------------------------- */

static bool write_subject(vx_slice value, struct vx_buf *out)
{
	write_encoded(value, out);
	return true;
}

static const struct {
	vx_slice name;
	bool (*write)(vx_slice value, struct vx_buf *out);
} kinds[] = {
	{ VX_SLICE_INIT("Subject"), write_subject },
	{ VX_SLICE_INIT("From"), write_addresses },
	{ VX_SLICE_INIT("To"), write_addresses },
	{ VX_SLICE_INIT("Cc"), write_addresses },
	{ VX_SLICE_INIT("Bcc"), write_addresses },
	{ VX_SLICE_INIT("Reply-To"), write_addresses },
	{ VX_SLICE_INIT("Sender"), write_addresses },
	{ VX_SLICE_INIT("Return-Path"), write_addresses },
	{ VX_SLICE_INIT("Resent-From"), write_addresses },
	{ VX_SLICE_INIT("Resent-To"), write_addresses },
	{ VX_SLICE_INIT("Resent-Cc"), write_addresses },
	{ VX_SLICE_INIT("Resent-Bcc"), write_addresses },
	{ VX_SLICE_INIT("Resent-Sender"), write_addresses },
	{ VX_SLICE_INIT("Content-Type"), write_params },
	{ VX_SLICE_INIT("Content-Disposition"), write_params },
};

static void write_field(const struct vx_field *f, struct vx_buf *out)
{
	const size_t before = out->len;

	if (vx_is_ascii(f->whole)) {
		vx_buf_add(out, f->whole);
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!vx_slice_eq_nocase(f->name, kinds[i].name))
			continue;
		vx_buf_add(out, f->name);
		vx_buf_add_str(out, ": ");
		if (kinds[i].write(f->value, out))
			vx_buf_add_str(out, "\r\n");
		else
			vx_buf_truncate(out, before);
		return;
	}
}

void vx_header_downgrade(vx_slice header, struct vx_buf *out)
{
	vx_slice rest = header;
	struct vx_field f;
	const char *end = header.ptr;

	while (vx_field_next(&rest, &f)) {
		write_field(&f, out);
		end = vx_slice_end(f.whole);
	}
	/* the blank line, where there is one */
	vx_buf_add(out, vx_slice_range(end, rest.ptr));
}
