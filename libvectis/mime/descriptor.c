/* Reading descriptors.  Nothing in them is trusted: they come from a disk. */
#include "base/bytes.h"
#include "base/chars.h"
#include "mime/layout.h"
#include "vectis/date.h"
#include "vectis/message.h"

enum {
	ZONE_MAX_S = (99 * 60 + 59) * 60 + 1 /* "-9959", and a leap second */
};

/* The string at offset at of the strings. */
static bool string_at(vx_slice strings, uint32_t at, vx_slice *out)
{
	vx_slice rest = vx_slice_from(strings, at);

	*out = vx_slice_of(NULL, 0);
	if (at == VX_STR_NONE)
		return true;
	return at < strings.len && vx_packed_next(&rest, out);
}

bool vx_packed_next(vx_slice *list, vx_slice *out)
{
	uint32_t len;

	if (list->len < 4)
		return false;
	len = vx_get_le32(list->ptr);
	if (len == 0) {
		*out = vx_slice_of(NULL, 0);
		*list = vx_slice_from(*list, 4);
		return true;
	}
	if (len - 1 > list->len - 4)
		return false;
	*out = vx_slice_of(list->ptr + 4, len - 1);
	*list = vx_slice_from(*list, len + 3);
	return true;
}

int vx_descriptor_open(vx_slice octets, struct vx_descriptor *out)
{
	struct vx_descriptor d = { .octets = octets };
	uint64_t fields, parts;

	if (octets.len < VX_DESC_HEADER || octets.ptr[0] != 'D' ||
	    octets.ptr[1] != VX_DESC_VERSION)
		return VX_ECORRUPT;
	d.size = vx_get_le64(octets.ptr + VX_DESC_SIZE);
	d.header_size = vx_get_le64(octets.ptr + VX_DESC_HEADER_SIZE);
	d.sent = (int64_t)vx_get_le64(octets.ptr + VX_DESC_SENT);
	d.message_id_hash = vx_get_le64(octets.ptr + VX_DESC_MESSAGE_ID);
	d.lines = vx_get_le32(octets.ptr + VX_DESC_LINES);
	d.defects = vx_get_le32(octets.ptr + VX_DESC_DEFECTS);
	d.field_count = vx_get_le32(octets.ptr + VX_DESC_FIELDS);
	d.part_count = vx_get_le32(octets.ptr + VX_DESC_PARTS);
	d.reply = (vx_get_le32(octets.ptr + VX_DESC_FLAGS) & VX_DESC_REPLY) != 0;
	fields = (uint64_t)d.field_count * VX_ROW_FIELD;
	parts = (uint64_t)d.part_count * VX_ROW_PART;
	if (d.part_count == 0 || fields + parts > octets.len - VX_DESC_HEADER ||
	    d.header_size > d.size ||
	    (d.sent != INT64_MIN &&
		(d.sent < VX_DATE_MIN - ZONE_MAX_S || d.sent > VX_DATE_MAX + ZONE_MAX_S)))
		return VX_ECORRUPT;
	octets = vx_slice_from(octets, VX_DESC_HEADER);
	d.fields = vx_slice_head(octets, (size_t)fields);
	octets = vx_slice_from(octets, (size_t)fields);
	d.parts = vx_slice_head(octets, (size_t)parts);
	d.strings = vx_slice_from(octets, (size_t)parts);
	if (!string_at(
		d.strings, vx_get_le32(d.octets.ptr + VX_DESC_PREVIEW), &d.preview) ||
	    !string_at(d.strings, vx_get_le32(d.octets.ptr + VX_DESC_SUBJECT),
		&d.base_subject) ||
	    !string_at(
		d.strings, vx_get_le32(d.octets.ptr + VX_DESC_REFERENCES), &d.references))
		return VX_ECORRUPT;
	*out = d;
	return VX_OK;
}

bool vx_reference_next(vx_slice *list, uint64_t *hash)
{
	if (list->len < sizeof(*hash))
		return false;
	*hash = vx_get_le64(list->ptr);
	*list = vx_slice_from(*list, sizeof(*hash));
	return true;
}

int vx_descriptor_field(
    const struct vx_descriptor *d, uint32_t index, struct vx_descriptor_field *out)
{
	const char *row;

	if (index >= d->field_count)
		return VX_ENOENT;
	row = d->fields.ptr + (size_t)index * VX_ROW_FIELD;
	*out = (struct vx_descriptor_field){ vx_get_le32(row), vx_get_le32(row + 4),
		vx_get_le32(row + 8) };
	if ((uint64_t)out->offset + out->length > d->header_size)
		return VX_ECORRUPT;
	return VX_OK;
}

uint32_t vx_field_name_hash(vx_slice name)
{
	uint32_t h = 2166136261u; /* FNV-1a: a collision only costs a look at the name */

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ (unsigned char)vx_lower(name.ptr[i])) * 16777619u;
	return h;
}

int vx_descriptor_part(const struct vx_descriptor *d, uint32_t index, struct vx_part *out)
{
	struct vx_part p = { .index = index };
	vx_slice *const strings[VX_PART_STRINGS] = { &p.type, &p.subtype, &p.params,
		&p.id, &p.description, &p.encoding, &p.md5, &p.location, &p.disposition,
		&p.disposition_params, &p.languages, &p.envelope };
	const char *row;

	if (index >= d->part_count)
		return VX_ENOENT;
	row = d->parts.ptr + (size_t)index * VX_ROW_PART;
	p.header_offset = vx_get_le64(row + VX_PART_AT_HEADER);
	p.body_offset = vx_get_le64(row + VX_PART_AT_BODY);
	p.end = vx_get_le64(row + VX_PART_AT_END);
	p.parent = vx_get_le32(row + VX_PART_AT_PARENT);
	p.next_sibling = vx_get_le32(row + VX_PART_AT_NEXT);
	p.first_child = vx_get_le32(row + VX_PART_AT_CHILD);
	p.lines = vx_get_le32(row + VX_PART_AT_LINES);
	p.flags = vx_get_le32(row + VX_PART_AT_FLAGS);
	for (size_t i = 0; i < VX_PART_STRINGS; i++)
		if (!string_at(d->strings, vx_get_le32(row + VX_PART_AT_STRINGS + 4 * i),
			strings[i]))
			return VX_ECORRUPT;
	if (p.header_offset > p.body_offset || p.body_offset > p.end || p.end > d->size)
		return VX_ECORRUPT;
	/* Children and siblings come later: a walk along them ends. */
	if ((p.next_sibling != 0 &&
		(p.next_sibling <= index || p.next_sibling >= d->part_count)) ||
	    (p.first_child != 0 &&
		(p.first_child <= index || p.first_child >= d->part_count)) ||
	    (p.parent != UINT32_MAX && p.parent >= index))
		return VX_ECORRUPT;
	*out = p;
	return VX_OK;
}

int vx_envelope_open(vx_slice envelope, vx_slice items[VX_ENVELOPE_ITEMS])
{
	for (size_t i = 0; i < VX_ENVELOPE_ITEMS; i++)
		if (!vx_packed_next(&envelope, &items[i]))
			return VX_ECORRUPT;
	return VX_OK;
}

bool vx_envelope_address(vx_slice *list, struct vx_envelope_address *out)
{
	return vx_packed_next(list, &out->name) && vx_packed_next(list, &out->mailbox) &&
	       vx_packed_next(list, &out->host);
}
