#include "imap/respond.h"

#include "base/encode.h"
#include "vectis/header.h"

static bool may_quote(vx_slice s, bool utf8)
{
	if (s.len > 1000)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (vx_is(s.ptr[i], VX_C_CTL) || (!utf8 && vx_is(s.ptr[i], VX_C_HIGH)))
			return false;
	return !utf8 || vx_utf8_valid(s);
}

/* There is no NUL in a literal (RFC 9051 4.3): another octet stands for it. */
static void write_literal(struct vx_buf *out, vx_slice s)
{
	vx_slice part;

	while (vx_slice_cut(&s, '\0', &part)) {
		vx_buf_add(out, part);
		vx_buf_add_char(out, '?');
	}
	vx_buf_add(out, part);
}

void vx_imap_write_string(struct vx_buf *out, vx_slice s, bool utf8)
{
	if (s.ptr == NULL) {
		vx_buf_add_str(out, "NIL");
		return;
	}
	if (!may_quote(s, utf8)) {
		vx_buf_add_char(out, '{');
		vx_buf_add_number(out, s.len);
		vx_buf_add_str(out, "}\r\n");
		write_literal(out, s);
		return;
	}
	vx_buf_add_char(out, '"');
	while (s.len > 0) {
		size_t n = 0;

		while (n < s.len && s.ptr[n] != '"' && s.ptr[n] != '\\')
			n++;
		vx_buf_add(out, vx_slice_head(s, n));
		if (n < s.len) {
			vx_buf_add_char(out, '\\');
			vx_buf_add_char(out, s.ptr[n++]);
		}
		s = vx_slice_from(s, n);
	}
	vx_buf_add_char(out, '"');
}

void vx_imap_write_mailbox(struct vx_buf *out, vx_slice name, bool utf8)
{
	struct vx_buf wire = { .max = 4 * VX_MAILBOX_NAME_MAX };

	if (!utf8)
		vx_imap_utf7_encode(name, &wire);
	name = utf8 ? name : vx_buf_slice(&wire);
	vx_imap_write_string(out, name.ptr == NULL ? VX_S("") : name, utf8);
	vx_buf_done(&wire);
}

void vx_imap_write_email_id(struct vx_buf *out, uint64_t blob)
{
	vx_buf_printf(out, "M%016llx", (unsigned long long)blob);
}

void vx_imap_write_mailbox_id(struct vx_buf *out, uint32_t account, uint32_t mailbox)
{
	vx_buf_printf(out, "F%08x%08x", account, mailbox);
}

void vx_imap_write_flags(
    struct vx_buf *out, uint64_t flags, const vx_slice names[VX_KEYWORDS_MAX])
{
	static const char *const system[] = { "\\Seen", "\\Answered", "\\Flagged",
		"\\Deleted", "\\Draft" };
	const char *separator = "";

	vx_buf_add_char(out, '(');
	for (unsigned i = 0; flags != 0 && i < VX_KEYWORD_FIRST + VX_KEYWORDS_MAX; i++) {
		if ((flags >> i & 1) == 0)
			continue;
		if (i >= VX_KEYWORD_FIRST && names[i - VX_KEYWORD_FIRST].len == 0)
			continue;
		vx_buf_add_str(out, separator);
		if (i < VX_KEYWORD_FIRST)
			vx_buf_add_str(out, system[i]);
		else
			vx_buf_add(out, names[i - VX_KEYWORD_FIRST]);
		separator = " ";
	}
	vx_buf_add_char(out, ')');
}

void vx_imap_write_ranges(struct vx_buf *out, const struct vx_uid_range *r, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			vx_buf_add_char(out, ',');
		vx_buf_add_number(out, r[i].first);
		if (r[i].last != r[i].first) {
			vx_buf_add_char(out, ':');
			vx_buf_add_number(out, r[i].last);
		}
	}
}

void vx_imap_write_vanished(
    struct vx_buf *out, bool earlier, const struct vx_uid_range *r, size_t count)
{
	if (count == 0)
		return;
	vx_buf_add_str(out, earlier ? "* VANISHED (EARLIER) " : "* VANISHED ");
	vx_imap_write_ranges(out, r, count);
	vx_buf_add_str(out, "\r\n");
}

static void add_number(struct vx_buf *out, uint64_t n)
{
	vx_buf_add_char(out, ' ');
	vx_buf_add_number(out, n);
}

/* --- ENVELOPE -------------------------------------------------------------------- */

static void write_addresses(struct vx_buf *out, vx_slice list, bool utf8)
{
	struct vx_envelope_address a;

	if (list.ptr == NULL || list.len == 0) {
		vx_buf_add_str(out, "NIL");
		return;
	}
	vx_buf_add_char(out, '(');
	while (vx_envelope_address(&list, &a)) {
		vx_buf_add_char(out, '(');
		vx_imap_write_string(out, a.name, utf8);
		vx_buf_add_str(out, " NIL ");
		vx_imap_write_string(out, a.mailbox, utf8);
		vx_buf_add_char(out, ' ');
		vx_imap_write_string(out, a.host, utf8);
		vx_buf_add_char(out, ')');
	}
	vx_buf_add_char(out, ')');
}

static int write_envelope(struct vx_buf *out, vx_slice envelope, bool utf8)
{
	vx_slice items[VX_ENVELOPE_ITEMS];
	const int rc = vx_envelope_open(envelope, items);

	if (rc != VX_OK)
		return rc;
	vx_buf_add_char(out, '(');
	for (unsigned i = 0; i < VX_ENVELOPE_ITEMS; i++) {
		if (i > 0)
			vx_buf_add_char(out, ' ');
		if (i >= VX_ENVELOPE_FROM && i <= VX_ENVELOPE_BCC)
			write_addresses(out, items[i], utf8);
		else
			vx_imap_write_string(out, items[i], utf8);
	}
	vx_buf_add_char(out, ')');
	return VX_OK;
}

int vx_imap_write_envelope(struct vx_buf *out, const struct vx_descriptor *d, bool utf8)
{
	struct vx_part root;
	const int rc = vx_descriptor_part(d, 0, &root);

	return rc == VX_OK ? write_envelope(out, root.envelope, utf8) : rc;
}

/* --- BODYSTRUCTURE --------------------------------------------------------------- */

struct writer {
	struct vx_buf *out;
	const struct vx_descriptor *d;
	bool extensible, utf8;
};

static void write_params(struct writer *w, vx_slice params)
{
	vx_slice s;
	bool any = false;

	while (vx_packed_next(&params, &s)) {
		vx_buf_add_char(w->out, any ? ' ' : '(');
		vx_imap_write_string(w->out, s, w->utf8);
		any = true;
	}
	vx_buf_add_str(w->out, any ? ")" : "NIL");
}

static void write_disposition(struct writer *w, const struct vx_part *p)
{
	if (p->disposition.ptr == NULL) {
		vx_buf_add_str(w->out, "NIL");
		return;
	}
	vx_buf_add_char(w->out, '(');
	vx_imap_write_string(w->out, p->disposition, w->utf8);
	vx_buf_add_char(w->out, ' ');
	write_params(w, p->disposition_params);
	vx_buf_add_char(w->out, ')');
}

/* What follows in extensible form: disposition, language, location. */
static void write_extension(struct writer *w, const struct vx_part *p)
{
	vx_buf_add_char(w->out, ' ');
	write_disposition(w, p);
	vx_buf_add_char(w->out, ' ');
	write_params(w, p->languages);
	vx_buf_add_char(w->out, ' ');
	vx_imap_write_string(w->out, p->location, w->utf8);
}

static void write_fields(struct writer *w, const struct vx_part *p)
{
	vx_buf_add_char(w->out, '(');
	vx_imap_write_string(w->out, p->type, w->utf8);
	vx_buf_add_char(w->out, ' ');
	vx_imap_write_string(w->out, p->subtype, w->utf8);
	vx_buf_add_char(w->out, ' ');
	write_params(w, p->params);
	vx_buf_add_char(w->out, ' ');
	vx_imap_write_string(w->out, p->id, w->utf8);
	vx_buf_add_char(w->out, ' ');
	vx_imap_write_string(w->out, p->description, w->utf8);
	vx_buf_add_char(w->out, ' ');
	vx_imap_write_string(
	    w->out, p->encoding.ptr == NULL ? VX_S("7bit") : p->encoding, w->utf8);
	add_number(w->out, p->end - p->body_offset);
}

/* What is written before the children of a part, and after them. */
static int open_part(struct writer *w, const struct vx_part *p)
{
	struct vx_part inner;
	int rc;

	if ((p->flags & VX_PART_MULTIPART) != 0 && p->first_child != 0) {
		vx_buf_add_char(w->out, '(');
		return VX_OK;
	}
	write_fields(w, p);
	if ((p->flags & VX_PART_MESSAGE) == 0 || p->first_child == 0)
		return VX_OK;
	rc = vx_descriptor_part(w->d, p->first_child, &inner);
	if (rc != VX_OK)
		return rc;
	vx_buf_add_char(w->out, ' ');
	rc = write_envelope(w->out, inner.envelope, w->utf8);
	vx_buf_add_char(w->out, ' ');
	return rc;
}

static void close_part(struct writer *w, const struct vx_part *p)
{
	if ((p->flags & VX_PART_MULTIPART) != 0 && p->first_child != 0) {
		vx_buf_add_char(w->out, ' ');
		vx_imap_write_string(w->out, p->subtype, w->utf8);
		if (w->extensible) {
			vx_buf_add_char(w->out, ' ');
			write_params(w, p->params);
			write_extension(w, p);
		}
		vx_buf_add_char(w->out, ')');
		return;
	}
	if ((p->flags & VX_PART_TEXT) != 0 ||
	    ((p->flags & VX_PART_MESSAGE) != 0 && p->first_child != 0))
		add_number(w->out, p->lines);
	if (w->extensible) {
		vx_buf_add_char(w->out, ' ');
		vx_imap_write_string(w->out, p->md5, w->utf8);
		write_extension(w, p);
	}
	vx_buf_add_char(w->out, ')');
}

/* Down to the first child, else over to a sibling, else up: no recursion. */
int vx_imap_write_structure(
    struct vx_buf *out, const struct vx_descriptor *d, bool extensible, bool utf8)
{
	struct writer w = { out, d, extensible, utf8 };
	struct vx_part p;
	uint32_t left = d->part_count; /* a damaged descriptor may go in circles */
	int rc = vx_descriptor_part(d, 0, &p);

	while (rc == VX_OK) {
		if (left-- == 0)
			return VX_ECORRUPT;
		rc = open_part(&w, &p);
		if (rc == VX_OK && p.first_child != 0) {
			rc = vx_descriptor_part(d, p.first_child, &p);
			continue;
		}
		while (rc == VX_OK) {
			const uint32_t next = p.next_sibling;

			close_part(&w, &p);
			if (p.index == 0)
				return VX_OK;
			if (next != 0) {
				rc = vx_descriptor_part(d, next, &p);
				break;
			}
			rc = vx_descriptor_part(d, p.parent, &p);
		}
	}
	return rc;
}

/* --- sections -------------------------------------------------------------------- */

static bool is_multipart(const struct vx_part *p)
{
	return (p->flags & VX_PART_MULTIPART) != 0 && p->first_child != 0;
}

static bool is_message(const struct vx_part *p)
{
	return (p->flags & VX_PART_MESSAGE) != 0 && p->first_child != 0;
}

/* Child number n of p (from 1): a message or multipart; 1 of what has no parts is it. */
static int child(const struct vx_descriptor *d, const struct vx_part *p, uint32_t n,
    struct vx_part *out)
{
	int rc;

	*out = *p;
	if (!is_multipart(p))
		return n == 1 ? VX_OK : VX_ENOENT;
	rc = vx_descriptor_part(d, p->first_child, out);
	while (rc == VX_OK && --n > 0)
		rc = out->next_sibling == 0
			 ? VX_ENOENT
			 : vx_descriptor_part(d, out->next_sibling, out);
	return rc;
}

/*
 * RFC 9051 6.4.5.1: numbers count the parts of a multipart; a message in a part lends
 * its own; and a message that is no multipart has one part.
 */
int vx_imap_section_part(
    const struct vx_descriptor *d, const struct vx_imap_section *s, struct vx_part *out)
{
	struct vx_part container;
	int rc = vx_descriptor_part(d, 0, out);

	for (size_t i = 0; i < s->part_count && rc == VX_OK; i++) {
		container = *out;
		if (i > 0 && is_message(out))
			rc = vx_descriptor_part(d, out->first_child, &container);
		else if (i > 0 && !is_multipart(out))
			rc = VX_ENOENT;
		if (rc == VX_OK)
			rc = child(d, &container, s->parts[i], out);
	}
	return rc;
}

int vx_imap_section_ranges(const struct vx_descriptor *d, const struct vx_imap_section *s,
    struct vx_octet_range *out, size_t cap, size_t *count)
{
	struct vx_part p;
	int rc = vx_imap_section_part(d, s, &p);

	*count = 1;
	if (rc != VX_OK || cap == 0)
		return rc == VX_OK ? VX_ELIMIT : rc;
	if (s->text == VX_SECTION_ALL) {
		out[0] = s->part_count == 0
			     ? (struct vx_octet_range){ 0, d->size }
			     : (struct vx_octet_range){ p.body_offset, p.end };
		return VX_OK;
	}
	if (s->text == VX_SECTION_MIME) {
		out[0] = (struct vx_octet_range){ p.header_offset, p.body_offset };
		return VX_OK;
	}
	/* HEADER, TEXT: of the message, or of a message in a part */
	if (s->part_count > 0) {
		if (!is_message(&p))
			return VX_ENOENT;
		rc = vx_descriptor_part(d, p.first_child, &p);
		if (rc != VX_OK)
			return rc;
	}
	out[0] = s->text == VX_SECTION_TEXT
		     ? (struct vx_octet_range){ p.body_offset, p.end }
		     : (struct vx_octet_range){ p.header_offset, p.body_offset };
	return VX_OK;
}

void vx_imap_select_fields(
    vx_slice header, const struct vx_imap_section *s, struct vx_buf *out)
{
	const bool wanted = s->text == VX_SECTION_FIELDS;
	const size_t start = out->len;
	struct vx_field f;

	while (vx_field_next(&header, &f)) {
		bool named = false;

		for (size_t i = 0; i < s->name_count && !named; i++)
			named = vx_slice_eq_nocase(f.name, s->names[i]);
		if (named == wanted && !(f.bad && wanted))
			vx_buf_add(out, f.whole);
	}
	if (out->len > start && out->ptr[out->len - 1] != '\n')
		vx_buf_add_str(out, "\r\n"); /* the message ended here */
	vx_buf_add_str(out, "\r\n");
}
