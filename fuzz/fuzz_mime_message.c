/*
 * A message described in pieces has the descriptor that it has whole, and the descriptor
 * says what is true of the message.  The first octet says how to cut.
 */
#include "base/chars.h"
#include "base/encode.h"
#include "mime_walk.h"
#include "vectis/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t lines_of(vx_slice s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\n';
	return n;
}

static vx_slice between(vx_slice message, uint64_t from, uint64_t to)
{
	return vx_slice_head(vx_slice_from(message, (size_t)from), (size_t)(to - from));
}

static bool is_name(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_TOKEN) || s.ptr[i] != vx_lower(s.ptr[i]))
			return false;
	return s.len > 0;
}

/* p against the part that it is in. */
static void check_place(const struct vx_descriptor *d, const struct vx_part *p)
{
	struct vx_part up;

	mime_must(vx_descriptor_part(d, p->parent, &up) == VX_OK);
	mime_must((up.flags & (VX_PART_MULTIPART | VX_PART_MESSAGE)) != 0);
	mime_must(up.first_child != 0 && up.first_child <= p->index);
	mime_must(p->header_offset >= up.body_offset && p->end <= up.end);
	mime_must(
	    ((up.flags & VX_PART_MESSAGE) != 0) == ((p->flags & VX_PART_ROOT) != 0));
	if ((up.flags & VX_PART_MESSAGE) != 0)
		mime_must(up.first_child == p->index && p->next_sibling == 0 &&
			  p->header_offset == up.body_offset && p->end == up.end);
	if (p->next_sibling != 0) {
		struct vx_part next;

		mime_must(vx_descriptor_part(d, p->next_sibling, &next) == VX_OK);
		mime_must(next.parent == p->parent && next.header_offset >= p->end);
	}
}

static void check_part(
    const struct vx_descriptor *d, vx_slice message, const struct vx_part *p)
{
	struct vx_part up = *p;
	unsigned depth = 1;

	mime_must(is_name(p->type) && is_name(p->subtype));
	mime_must(p->encoding.ptr == NULL || is_name(p->encoding));
	mime_must(p->disposition.ptr == NULL || is_name(p->disposition));
	mime_must((p->envelope.ptr != NULL) == ((p->flags & VX_PART_ROOT) != 0));
	mime_must(p->lines == lines_of(between(message, p->body_offset, p->end)));
	if (p->index == 0)
		mime_must(p->parent == UINT32_MAX && p->header_offset == 0 &&
			  p->body_offset == d->header_size && p->end == d->size &&
			  p->next_sibling == 0 && (p->flags & VX_PART_ROOT) != 0);
	else
		check_place(d, p);
	while (up.parent != UINT32_MAX) {
		mime_must(vx_descriptor_part(d, up.parent, &up) == VX_OK);
		depth++;
	}
	mime_must(depth <= VX_MIME_DEPTH_MAX);
}

/* The rows of the fields are the fields of the header, in their order. */
static void check_fields(const struct vx_descriptor *d, vx_slice message)
{
	vx_slice header = vx_slice_head(message, (size_t)d->header_size);
	struct vx_descriptor_field row;
	struct vx_field f;
	uint32_t i = 0;

	while (i < d->field_count && vx_field_next(&header, &f)) {
		if (f.bad)
			continue;
		mime_must(vx_descriptor_field(d, i++, &row) == VX_OK);
		mime_must(row.name == vx_field_name_hash(f.name));
		mime_must(row.offset == (size_t)(f.whole.ptr - message.ptr));
		mime_must(row.length == f.whole.len);
	}
	mime_must(i == d->field_count);
	while (vx_field_next(&header, &f))
		mime_must(f.bad || i >= VX_HEADER_FIELDS_MAX || d->header_size > 65536 ||
			  (d->defects & VX_DEFECT_DESCRIPTOR) != 0);
}

static size_t characters(vx_slice utf8)
{
	size_t n = 0, octets;

	for (; utf8.len > 0; utf8 = vx_slice_from(utf8, octets), n++)
		(void)vx_utf8_next(utf8, &octets);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice message = vx_slice_from(vx_slice_of(data, size), 1);
	struct vx_descriptor d;
	struct vx_buf whole, cut;
	struct vx_part p;

	if (size == 0)
		return 0;
	whole = mime_describe(message, SIZE_MAX);
	cut = mime_describe(message, data[0] % 32u + 1);
	mime_must(vx_slice_eq(vx_buf_slice(&whole), vx_buf_slice(&cut)));
	mime_must(vx_descriptor_open(vx_buf_slice(&whole), &d) == VX_OK);
	mime_must(d.size == message.len &&
		  d.lines == lines_of(vx_slice_from(message, (size_t)d.header_size)));
	mime_must(d.part_count <= VX_MIME_PARTS_MAX);
	mime_must(d.field_count <= VX_HEADER_FIELDS_MAX);
	mime_must(vx_utf8_valid(d.preview) && vx_utf8_valid(d.base_subject));
	mime_must(characters(d.preview) <= VX_PREVIEW_MAX);
	for (uint32_t i = 0; i < d.part_count; i++) {
		mime_must(vx_descriptor_part(&d, i, &p) == VX_OK);
		check_part(&d, message, &p);
	}
	check_fields(&d, message);
	mime_read_all(&d);
	mime_render_all(&d, true);
	vx_buf_done(&whole);
	vx_buf_done(&cut);
	return 0;
}
