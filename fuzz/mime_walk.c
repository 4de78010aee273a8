#include "mime_walk.h"

#include "imap/respond.h"

#include <stdlib.h>

enum {
	OUT_MAX = 16 << 20
};

void mime_must(bool good)
{
	if (!good)
		abort();
}

struct vx_buf mime_describe(vx_slice message, size_t chunk)
{
	struct vx_buf out = { .max = VX_DESCRIPTOR_MAX };
	struct vx_describer *d;

	mime_must(vx_describer_new(&d) == VX_OK);
	for (; message.len > 0; message = vx_slice_from(message, chunk)) {
		const vx_slice piece = vx_slice_head(message, chunk);
		char *exact = malloc(piece.len);

		mime_must(exact != NULL);
		memcpy(exact, piece.ptr, piece.len);
		vx_describer_add(d, vx_slice_of(exact, piece.len));
		free(exact);
	}
	mime_must(vx_describer_end(d, &out) == VX_OK);
	vx_describer_free(d);
	return out;
}

/* --- reading ------------------------------------------------------------------------ */

static void inside(const struct vx_descriptor *d, vx_slice s)
{
	mime_must(s.len == 0 ||
		  (s.ptr >= d->octets.ptr && vx_slice_end(s) <= vx_slice_end(d->octets)));
}

static void read_list(const struct vx_descriptor *d, vx_slice list)
{
	vx_slice s;

	inside(d, list);
	while (vx_packed_next(&list, &s))
		inside(d, s);
}

static void read_envelope(const struct vx_descriptor *d, vx_slice envelope)
{
	vx_slice items[VX_ENVELOPE_ITEMS];
	struct vx_envelope_address a;

	inside(d, envelope);
	if (vx_envelope_open(envelope, items) != VX_OK)
		return;
	for (size_t i = 0; i < VX_ENVELOPE_ITEMS; i++) {
		inside(d, items[i]);
		while (i >= VX_ENVELOPE_FROM && i <= VX_ENVELOPE_BCC &&
		       vx_envelope_address(&items[i], &a)) {
			inside(d, a.name);
			inside(d, a.mailbox);
			inside(d, a.host);
		}
	}
}

static void read_part(const struct vx_descriptor *d, const struct vx_part *p)
{
	const vx_slice strings[] = { p->type, p->subtype, p->id, p->description,
		p->encoding, p->md5, p->location, p->disposition };

	mime_must(p->header_offset <= p->body_offset && p->body_offset <= p->end &&
		  p->end <= d->size);
	mime_must(p->next_sibling == 0 || p->next_sibling > p->index);
	mime_must(p->first_child == 0 || p->first_child > p->index);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		inside(d, strings[i]);
	read_list(d, p->params);
	read_list(d, p->disposition_params);
	read_list(d, p->languages);
	read_envelope(d, p->envelope);
}

void mime_read_all(const struct vx_descriptor *d)
{
	struct vx_descriptor_field f;
	struct vx_part p;

	inside(d, d->preview);
	inside(d, d->base_subject);
	mime_must(d->header_size <= d->size);
	for (uint32_t i = 0; i < d->field_count; i++)
		if (vx_descriptor_field(d, i, &f) == VX_OK)
			mime_must((uint64_t)f.offset + f.length <= d->header_size);
	mime_must(vx_descriptor_field(d, d->field_count, &f) == VX_ENOENT);
	for (uint32_t i = 0; i < d->part_count; i++)
		if (vx_descriptor_part(d, i, &p) == VX_OK)
			read_part(d, &p);
	mime_must(vx_descriptor_part(d, d->part_count, &p) == VX_ENOENT);
}

/* --- the grammar of what is written --------------------------------------------------
 */

static bool text(struct vx_cursor *c, const char *want)
{
	return vx_cur_text(c, vx_slice_str(want));
}

static bool number(struct vx_cursor *c)
{
	uint64_t n;

	return vx_cur_number(c, UINT64_MAX, &n);
}

static bool string(struct vx_cursor *c)
{
	struct vx_arena a = { .limit = OUT_MAX };
	vx_slice s;
	const bool good = vx_imap_string(c, &a, &s);

	vx_arena_done(&a);
	return good;
}

static bool nstring(struct vx_cursor *c)
{
	return text(c, "NIL") || string(c);
}

/* "(" 1*address ")" / nil */
static bool addresses(struct vx_cursor *c)
{
	if (text(c, "NIL"))
		return true;
	if (!text(c, "("))
		return false;
	do {
		if (!text(c, "(") || !nstring(c) || !text(c, " NIL ") || !nstring(c) ||
		    !text(c, " ") || !nstring(c) || !text(c, ")"))
			return false;
	} while (vx_cur_peek(c) == '(');
	return text(c, ")");
}

static bool envelope(struct vx_cursor *c)
{
	bool good = text(c, "(") && nstring(c) && text(c, " ") && nstring(c);

	for (int i = 0; i < 6; i++)
		good = good && text(c, " ") && addresses(c);
	return good && text(c, " ") && nstring(c) && text(c, " ") && nstring(c) &&
	       text(c, ")");
}

/* Strings, step of them at a time: pairs for parameters. */
static bool strings(struct vx_cursor *c, unsigned step)
{
	unsigned n = 0;

	if (text(c, "NIL"))
		return true;
	if (!text(c, "("))
		return false;
	do {
		if (!string(c))
			return false;
		n++;
	} while (text(c, " "));
	return text(c, ")") && n % step == 0;
}

/* What follows a body: disposition, language, location. */
static bool extension(struct vx_cursor *c)
{
	if (!text(c, " "))
		return false;
	if (!text(c, "NIL") &&
	    !(text(c, "(") && string(c) && text(c, " ") && strings(c, 2) && text(c, ")")))
		return false;
	return text(c, " ") && strings(c, 1) && text(c, " ") && nstring(c);
}

static bool body(struct vx_cursor *c, bool extensible);

static bool body_multipart(struct vx_cursor *c, bool extensible)
{
	do {
		if (!body(c, extensible))
			return false;
	} while (vx_cur_peek(c) == '(');
	if (!text(c, " ") || !string(c))
		return false;
	return !extensible || (text(c, " ") && strings(c, 2) && extension(c));
}

static bool body_single(struct vx_cursor *c, bool extensible)
{
	const bool is_text = vx_slice_has_prefix_nocase(vx_cur_rest(c), VX_S("\"text\""));
	const bool is_message =
	    vx_slice_has_prefix_nocase(vx_cur_rest(c), VX_S("\"message\" \"rfc822\"")) ||
	    vx_slice_has_prefix_nocase(vx_cur_rest(c), VX_S("\"message\" \"global\""));

	mime_must(!vx_slice_has_prefix_nocase(vx_cur_rest(c), VX_S("\"multipart\"")));
	if (!string(c) || !text(c, " ") || !string(c) || !text(c, " ") ||
	    !strings(c, 2) || !text(c, " ") || !nstring(c) || !text(c, " ") ||
	    !nstring(c) || !text(c, " ") || !string(c) || !text(c, " ") || !number(c))
		return false;
	if (is_message &&
	    !(text(c, " ") && envelope(c) && text(c, " ") && body(c, extensible)))
		return false;
	if ((is_text || is_message) && !(text(c, " ") && number(c)))
		return false;
	return !extensible || (text(c, " ") && nstring(c) && extension(c));
}

/* Recursive, but no deeper than VX_MIME_DEPTH_MAX, which is what is to be shown. */
static bool body(struct vx_cursor *c, bool extensible)
{
	if (!text(c, "("))
		return false;
	if (vx_cur_peek(c) == '(')
		return body_multipart(c, extensible) && text(c, ")");
	return body_single(c, extensible) && text(c, ")");
}

/* --- rendering ------------------------------------------------------------------------
 */

static void section(
    const struct vx_descriptor *d, uint32_t *parts, size_t count, bool ours)
{
	for (int what = VX_SECTION_ALL; what <= VX_SECTION_MIME; what++) {
		const struct vx_imap_section s = { .parts = parts,
			.part_count = count,
			.text = (enum vx_imap_section_text)what };
		struct vx_octet_range r;
		size_t n;
		const int rc = vx_imap_section_ranges(d, &s, &r, 1, &n);

		mime_must(rc == VX_OK || rc == VX_ENOENT || !ours);
		if (rc == VX_OK)
			mime_must(n == 1 && r.first <= r.end && r.end <= d->size);
	}
}

static void render(const struct vx_descriptor *d, bool ours, bool utf8)
{
	struct vx_buf out = { .max = OUT_MAX };
	struct vx_cursor c;
	int rc = vx_imap_write_envelope(&out, d, utf8);

	mime_must(!ours || (rc == VX_OK && !out.failed));
	c = vx_cursor_of(vx_buf_slice(&out));
	mime_must(!ours || (envelope(&c) && vx_cur_end(&c)));
	for (unsigned extensible = 0; extensible < 2; extensible++) {
		vx_buf_reset(&out);
		rc = vx_imap_write_structure(&out, d, extensible == 1, utf8);
		mime_must(!ours || (rc == VX_OK && !out.failed));
		c = vx_cursor_of(vx_buf_slice(&out));
		mime_must(!ours || (body(&c, extensible == 1) && vx_cur_end(&c)));
	}
	vx_buf_done(&out);
}

void mime_render_all(const struct vx_descriptor *d, bool ours)
{
	uint32_t parts[3];

	render(d, ours, false);
	render(d, ours, true);
	for (unsigned i = 0; i < 27; i++) {
		parts[0] = i / 9 + 1;
		parts[1] = i / 3 % 3 + 1;
		parts[2] = i % 3 + 1;
		section(d, parts, 1 + i % 3, ours);
	}
	section(d, parts, 0, ours);
}
