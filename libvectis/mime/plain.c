/* What SEARCH compares with: see plain.h. */
#include "vectis/plain.h"

#include "base/encode.h"

static void ready(struct vx_plain *p)
{
	struct vx_buf *const all[] = { &p->raw, &p->decoded, &p->text };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		all[i]->max = 4 * VX_PLAIN_PART_MAX;
		vx_buf_reset(all[i]);
	}
}

void vx_plain_done(struct vx_plain *p)
{
	vx_buf_done(&p->raw);
	vx_buf_done(&p->decoded);
	vx_buf_done(&p->text);
}

void vx_plain_shrink(struct vx_plain *p)
{
	vx_buf_shrink(&p->raw, VX_PLAIN_KEEP_MAX);
	vx_buf_shrink(&p->decoded, VX_PLAIN_KEEP_MAX);
	vx_buf_shrink(&p->text, VX_PLAIN_KEEP_MAX);
}

/* --- headers ------------------------------------------------------------------------ */

static void add_text(struct vx_plain *p, vx_slice text, struct vx_buf *out)
{
	if (vx_slice_find_slice(text, VX_S("=?")) == text.len) {
		vx_text_fold(text, out);
		return;
	}
	vx_buf_reset(&p->decoded);
	vx_text_decode(text, &p->decoded);
	vx_text_fold(vx_buf_slice(&p->decoded), out);
}

void vx_plain_value(struct vx_plain *p, const struct vx_field *f, struct vx_buf *out)
{
	ready(p);
	vx_field_unfold(f->value, &p->raw);
	add_text(p, vx_buf_slice(&p->raw), out);
}

void vx_plain_header(struct vx_plain *p, vx_slice block, struct vx_buf *out)
{
	struct vx_field f;

	while (vx_field_next(&block, &f)) {
		vx_text_fold(f.name, out);
		vx_buf_add_str(out, ": ");
		vx_plain_value(p, &f, out);
		vx_buf_add_char(out, '\n');
	}
}

/* --- parts -------------------------------------------------------------------------- */

static vx_slice find_param(vx_slice list, vx_slice name)
{
	vx_slice key, value;

	while (vx_packed_next(&list, &key) && vx_packed_next(&list, &value))
		if (vx_slice_eq_nocase(key, name))
			return value;
	return vx_slice_of(NULL, 0);
}

/* May text that is ASCII be taken as it is?  Not in charsets that shift. */
static bool ascii_is_ascii(vx_slice charset)
{
	static const char *const plain[] = { "us-ascii", "ascii", "iso-8859-", "windows-",
		"utf-8", "utf8", "latin" };

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (vx_slice_has_prefix_nocase(charset, vx_slice_str(plain[i])))
			return true;
	return charset.len == 0;
}

static vx_slice to_utf8(struct vx_plain *p, const struct vx_part *part, vx_slice s)
{
	vx_slice charset = find_param(part->params, VX_S("charset"));

	if (charset.len == 0)
		charset = VX_S("us-ascii");
	if (ascii_is_ascii(charset) && vx_is_ascii(s))
		return s;
	vx_buf_reset(&p->decoded);
	(void)vx_charset_decode(charset, s, &p->decoded);
	return vx_buf_slice(&p->decoded);
}

static void add_part_text(
    struct vx_plain *p, const struct vx_part *part, vx_slice s, struct vx_buf *out)
{
	ready(p);
	if (vx_slice_eq_nocase(part->encoding, VX_S("quoted-printable")) ||
	    vx_slice_eq_nocase(part->encoding, VX_S("base64"))) {
		vx_transfer_decode(part->encoding, s, &p->raw);
		s = vx_buf_slice(&p->raw);
	}
	s = to_utf8(p, part, s);
	if (vx_slice_eq(part->subtype, VX_S("html"))) {
		vx_html_text(s, &p->text);
		s = vx_buf_slice(&p->text);
	}
	vx_text_fold(s, out);
	vx_buf_add_char(out, '\n');
}

static void add_name(struct vx_plain *p, vx_slice name, struct vx_buf *out)
{
	if (name.len == 0)
		return;
	ready(p);
	add_text(p, name, out);
	vx_buf_add_char(out, '\n');
}

/* What a mail program shows of an attachment. */
static void add_names(struct vx_plain *p, const struct vx_part *part, struct vx_buf *out)
{
	vx_slice name = find_param(part->disposition_params, VX_S("filename"));

	if (name.len == 0)
		name = find_param(part->params, VX_S("name"));
	add_name(p, name, out);
	add_name(p, part->description, out);
}

static int add_part(struct vx_plain *p, const struct vx_part *part,
    struct vx_plain_source *source, struct vx_buf *out)
{
	uint64_t end = part->end;
	vx_slice s;
	int rc = VX_OK;

	if (part->index > 0 && (part->flags & VX_PART_ROOT) != 0) {
		rc = source->read(source, part->header_offset, part->body_offset, &s);
		if (rc != VX_OK)
			return rc;
		vx_plain_header(p, s, out);
	}
	add_names(p, part, out);
	if ((part->flags & VX_PART_TEXT) == 0)
		return VX_OK;
	if (end > part->body_offset + VX_PLAIN_PART_MAX)
		end = part->body_offset + VX_PLAIN_PART_MAX;
	rc = source->read(source, part->body_offset, end, &s);
	if (rc == VX_OK)
		add_part_text(p, part, s, out);
	return rc;
}

int vx_plain_body(struct vx_plain *p, const struct vx_descriptor *d,
    struct vx_plain_source *source, struct vx_buf *out)
{
	struct vx_part part;
	int rc = VX_OK;

	for (uint32_t i = 0; rc == VX_OK && i < d->part_count && !out->failed; i++) {
		rc = vx_descriptor_part(d, i, &part);
		if (rc == VX_OK)
			rc = add_part(p, &part, source, out);
	}
	return rc;
}
