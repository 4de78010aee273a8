/*
 * The describer: lines in, parts out.
 *
 * Two states, in a header or in a body.  Only lines that begin with "--" are looked at
 * in a body, against the boundaries of the multiparts that are open.  What a header
 * says is parsed when it is complete.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "mime/fields.h"
#include "mime/layout.h"

#include <stdlib.h>

enum {
	LINE_PREFIX = VX_MIME_BOUNDARY_MAX + 8, /* of a line: enough for any delimiter */
	CAPTURE_MAX = 16 * 1024, /* of the first text part, for the preview */
};

struct open_part {
	uint32_t part;
	bool multipart, digest;
	vx_slice boundary; /* in the boundaries buffer's arena */
};

struct vx_describer {
	uint64_t at; /* offset of the next octet */
	bool in_header;
	struct vx_buf header; /* the header block under way */
	uint64_t header_offset;

	char prefix[LINE_PREFIX];
	size_t prefix_len;
	uint64_t line_start, line_len;
	char last;        /* octet before the one at `at` */
	uint64_t eol_len; /* of the line before this one, 0: none in this body */

	struct open_part open[VX_MIME_DEPTH_MAX];
	size_t depth;
	struct vx_arena arena; /* boundaries, and what a header's parsing needs */

	struct vx_desc_part *parts; /* own */
	uint32_t part_count, part_cap;
	uint64_t lines_total;

	struct vx_buf fields; /* rows of the message's header */
	uint32_t field_count;
	struct vx_buf strings;
	struct vx_desc_message message; /* what the message's own header said */
	uint32_t capture_part;          /* UINT32_MAX: not found yet */
	struct vx_buf capture;
	unsigned defects;
	bool failed; /* no memory: the structure is left out */
};

int vx_describer_new(struct vx_describer **out)
{
	struct vx_describer *d = vx_alloc(sizeof(*d));

	if (d == NULL)
		return VX_ENOMEM;
	d->in_header = true;
	d->capture_part = UINT32_MAX;
	d->message = (struct vx_desc_message){
		.sent = INT64_MIN, .subject = VX_STR_NONE, .references = VX_STR_NONE
	};
	vx_buf_init(&d->header, VX_HEADER_OCTETS_MAX);
	vx_buf_init(&d->fields, (size_t)VX_HEADER_FIELDS_MAX * VX_ROW_FIELD);
	vx_buf_init(&d->strings, VX_DESCRIPTOR_MAX / 2);
	vx_buf_init(&d->capture, CAPTURE_MAX);
	vx_arena_init(&d->arena, (size_t)4 << 20);
	*out = d;
	return VX_OK;
}

void vx_describer_free(struct vx_describer *d)
{
	if (d == NULL)
		return;
	vx_buf_done(&d->header);
	vx_buf_done(&d->fields);
	vx_buf_done(&d->strings);
	vx_buf_done(&d->capture);
	vx_arena_done(&d->arena);
	vx_free(d->parts);
	vx_free(d);
}

/* --- parts ------------------------------------------------------------------------- */

/* A new part below parent (UINT32_MAX: the message); its index, or UINT32_MAX. */
static uint32_t add_part(struct vx_describer *d, uint32_t parent)
{
	struct vx_desc_part *p;

	if (d->part_count >= VX_MIME_PARTS_MAX) {
		d->defects |= VX_DEFECT_PARTS;
		return UINT32_MAX;
	}
	if (d->part_count == d->part_cap) {
		const uint32_t cap = d->part_cap == 0 ? 2 : d->part_cap * 2;
		struct vx_desc_part *grown = vx_realloc(d->parts, cap * sizeof(*grown));

		if (grown == NULL) {
			d->failed = true;
			return UINT32_MAX;
		}
		d->parts = grown;
		d->part_cap = cap;
	}
	p = &d->parts[d->part_count];
	memset(p, 0, sizeof(*p));
	p->parent = parent;
	p->header_offset = p->body_offset = d->header_offset;
	for (size_t i = 0; i < VX_PART_STRINGS; i++)
		p->strings[i] = VX_STR_NONE;
	if (parent != UINT32_MAX) {
		struct vx_desc_part *up = &d->parts[parent];

		if (up->first_child == 0)
			up->first_child = d->part_count;
		else
			d->parts[up->last_child].next_sibling = d->part_count;
		up->last_child = d->part_count;
	}
	return d->part_count++;
}

/* The parts from depth on end at `end`; lines after that do not count for them. */
static void close_parts(
    struct vx_describer *d, size_t depth, uint64_t end, uint64_t lines)
{
	while (d->depth > depth) {
		struct vx_desc_part *p = &d->parts[d->open[--d->depth].part];

		p->end = end < p->body_offset ? p->body_offset : end;
		p->lines =
		    (uint32_t)(lines > p->lines_before ? lines - p->lines_before : 0);
		if ((p->flags & VX_PART_MULTIPART) != 0 && p->first_child == 0)
			d->defects |= VX_DEFECT_NO_PARTS;
	}
}

static void begin_header(struct vx_describer *d)
{
	d->in_header = true;
	d->header_offset = d->at;
	vx_buf_reset(&d->header);
}

/* The header is complete: parse it, and open the part that it begins. */
static void end_header(struct vx_describer *d, bool blank_line)
{
	const size_t top = d->depth;
	const uint32_t parent = top == 0 ? UINT32_MAX : d->open[top - 1].part;
	const bool in_message =
	    top == 0 || (d->parts[parent].flags & VX_PART_MESSAGE) != 0;
	const uint32_t index = add_part(d, parent);
	struct vx_desc_part *p;
	vx_slice boundary = vx_slice_of(NULL, 0);

	d->in_header = false;
	d->eol_len = 0;
	if (index == UINT32_MAX || top == VX_MIME_DEPTH_MAX)
		return;
	if (d->header.failed) {
		d->defects |= VX_DEFECT_HEADER_LIMIT;
		d->header.failed = false;
	}
	if (!blank_line)
		d->defects |= VX_DEFECT_NO_BLANK_LINE;
	p = &d->parts[index];
	p->header_offset = d->header_offset;
	p->body_offset = p->end = d->at;
	p->lines_before = d->lines_total;
	p->flags = in_message ? VX_PART_ROOT : 0;
	if (index == 0)
		vx_desc_index_fields(
		    vx_buf_slice(&d->header), &d->fields, &d->field_count);
	vx_desc_parse_header(vx_buf_slice(&d->header), p,
	    top > 0 && d->open[top - 1].digest, &d->strings, &d->arena, &boundary,
	    &d->defects, index == 0 ? &d->message : NULL);
	d->open[d->depth++] = (struct open_part){ .part = index,
		.multipart = (p->flags & VX_PART_MULTIPART) != 0,
		.digest = (p->flags & VX_DESC_DIGEST) != 0,
		.boundary = boundary };
	if (d->capture_part == UINT32_MAX && (p->flags & VX_PART_TEXT) != 0)
		d->capture_part = index;
	if ((p->flags & VX_PART_MESSAGE) != 0) {
		if (d->depth < VX_MIME_DEPTH_MAX)
			begin_header(d);
		else
			d->defects |= VX_DEFECT_DEPTH;
	}
}

/* The innermost open multipart whose delimiter the line is; closing: its last one. */
static size_t match_boundary(struct vx_describer *d, bool *closing)
{
	const vx_slice line = vx_slice_of(d->prefix + 2, d->prefix_len - 2);

	for (size_t i = d->depth; i-- > 0;) {
		vx_slice rest;

		if (!d->open[i].multipart || d->open[i].boundary.len == 0 ||
		    !vx_slice_has_prefix(line, d->open[i].boundary))
			continue;
		rest = vx_slice_from(line, d->open[i].boundary.len);
		*closing = vx_slice_has_prefix(rest, VX_S("--"));
		if (*closing)
			rest = vx_slice_from(rest, 2);
		if (vx_slice_trim(rest, " \t\r\n").len == 0 || *closing)
			return i;
	}
	return SIZE_MAX;
}

/* A line of a body that begins with "--" has ended (with its line end, if it has one). */
static void delimiter(struct vx_describer *d)
{
	bool closing;
	const size_t i = match_boundary(d, &closing);
	const uint64_t end = d->line_start - d->eol_len;
	uint64_t lines;

	if (i == SIZE_MAX)
		return;
	/* the line end before a delimiter belongs to it; lines_total counts this line too
	 */
	lines = d->lines_total - (d->last == '\n') - (d->eol_len > 0);
	close_parts(d, i + 1, end, lines);
	if (closing)
		d->open[i].boundary.len = 0; /* what follows is the epilogue */
	else if (d->depth < VX_MIME_DEPTH_MAX)
		begin_header(d);
	else
		d->defects |= VX_DEFECT_DEPTH;
}

/* --- lines ----------------------------------------------------------------------------
 */

static bool begins_delimiter(const struct vx_describer *d)
{
	return d->prefix_len >= 2 && d->prefix[0] == '-' && d->prefix[1] == '-';
}

/* The line's last octet (LF) was taken, or the message ended in it. */
static void end_line(struct vx_describer *d)
{
	const bool blank = d->line_len == 1 || (d->line_len == 2 && d->prefix[0] == '\r');

	if (d->in_header) {
		/* a delimiter ends a header that has no blank line */
		if (begins_delimiter(d) && d->depth > 0) {
			bool closing;

			if (match_boundary(d, &closing) != SIZE_MAX) {
				const uint64_t at = d->at;
				const size_t len = d->header.len;

				vx_buf_truncate(&d->header,
				    len > d->line_len ? len - (size_t)d->line_len : 0);
				d->at = d->line_start;
				end_header(d, false);
				d->at = at;
				d->in_header = false;
				delimiter(d);
				return;
			}
		}
		if (blank && d->last == '\n')
			end_header(d, true);
	} else if (begins_delimiter(d)) {
		delimiter(d);
	}
}

static void take_line_octets(struct vx_describer *d, vx_slice s)
{
	const size_t room = LINE_PREFIX - d->prefix_len;
	const size_t n = s.len < room ? s.len : room;

	if (n > 0)
		memcpy(d->prefix + d->prefix_len, s.ptr, n);
	d->prefix_len += n;
	d->line_len += s.len;
	d->at += s.len;
	if (d->in_header)
		vx_buf_add(&d->header, s);
	else if (d->depth > 0 && d->open[d->depth - 1].part == d->capture_part)
		vx_buf_add(
		    &d->capture, vx_slice_head(s, d->capture.max - d->capture.len));
}

void vx_describer_add(struct vx_describer *d, vx_slice octets)
{
	while (octets.len > 0) {
		const size_t lf = vx_slice_find(octets, '\n');
		const bool whole = lf < octets.len;
		const vx_slice s = vx_slice_head(octets, lf + 1);
		bool crlf;

		crlf = whole && (lf > 0 ? octets.ptr[lf - 1] : d->last) == '\r' &&
		       d->line_len + lf > 0;
		take_line_octets(d, s);
		d->last = s.ptr[s.len - 1];
		octets = vx_slice_from(octets, s.len);
		if (!whole)
			continue;
		d->lines_total++;
		{
			const bool was_header = d->in_header;
			const uint32_t parts = d->part_count;

			end_line(d);
			/* the first line of a body has no line end before it */
			d->eol_len = was_header || d->part_count != parts || d->in_header
					 ? 0
				     : crlf ? 2
					    : 1;
		}
		d->prefix_len = 0;
		d->line_len = 0;
		d->line_start = d->at;
	}
}

/* --- the end --------------------------------------------------------------------------
 */

static void write_part(struct vx_buf *out, const struct vx_desc_part *p)
{
	char row[VX_ROW_PART];

	vx_put_le64(row + VX_PART_AT_HEADER, p->header_offset);
	vx_put_le64(row + VX_PART_AT_BODY, p->body_offset);
	vx_put_le64(row + VX_PART_AT_END, p->end);
	vx_put_le32(row + VX_PART_AT_PARENT, p->parent);
	vx_put_le32(row + VX_PART_AT_NEXT, p->next_sibling);
	vx_put_le32(row + VX_PART_AT_CHILD, p->first_child);
	vx_put_le32(row + VX_PART_AT_LINES, p->lines);
	vx_put_le32(row + VX_PART_AT_FLAGS, p->flags & ~(unsigned)VX_DESC_DIGEST);
	for (size_t i = 0; i < VX_PART_STRINGS; i++)
		vx_put_le32(row + VX_PART_AT_STRINGS + 4 * i, p->strings[i]);
	vx_buf_add(out, vx_slice_of(row, sizeof(row)));
}

/* What is described when the structure is too much: one opaque part. */
static void make_opaque(struct vx_describer *d)
{
	d->defects |= VX_DEFECT_DESCRIPTOR;
	vx_buf_reset(&d->strings);
	vx_buf_reset(&d->fields);
	d->field_count = 0;
	d->message.subject = d->message.references = VX_STR_NONE;
	d->part_count = d->part_count > 0;
	if (d->part_count == 0)
		return;
	d->parts[0].first_child = 0;
	d->parts[0].flags = VX_PART_ROOT;
	d->parts[0].end = d->at;
	for (size_t i = 0; i < VX_PART_STRINGS; i++)
		d->parts[0].strings[i] = VX_STR_NONE;
	d->parts[0].strings[VX_STR_TYPE] =
	    vx_desc_add_string(&d->strings, VX_S("application"));
	d->parts[0].strings[VX_STR_SUBTYPE] =
	    vx_desc_add_string(&d->strings, VX_S("octet-stream"));
	d->parts[0].strings[VX_STR_ENVELOPE] = vx_desc_empty_envelope(&d->strings);
}

static void finish_parts(struct vx_describer *d)
{
	if (d->line_len > 0)
		end_line(d); /* the last line has no line end */
	if (d->in_header)
		end_header(d, false);
	for (size_t i = 0; i < d->depth; i++)
		if (d->open[i].multipart && d->open[i].boundary.len > 0)
			d->defects |= VX_DEFECT_UNTERMINATED;
	close_parts(d, 0, d->at, d->lines_total);
}

int vx_describer_end(struct vx_describer *d, struct vx_buf *out)
{
	char head[VX_DESC_HEADER] = { 'D', VX_DESC_VERSION };
	uint32_t preview = VX_STR_NONE;

	finish_parts(d);
	if (d->part_count == 0)
		return VX_ENOMEM;
	if (d->capture_part != UINT32_MAX)
		preview = vx_desc_preview(
		    &d->parts[d->capture_part], vx_buf_slice(&d->capture), &d->strings);
	if (d->failed || d->strings.failed || d->fields.failed ||
	    (size_t)d->part_count * VX_ROW_PART > VX_DESCRIPTOR_MAX / 4) {
		make_opaque(d);
		preview = VX_STR_NONE;
	}
	vx_put_le64(head + VX_DESC_SIZE, d->at);
	vx_put_le64(head + VX_DESC_HEADER_SIZE, d->parts[0].body_offset);
	vx_put_le64(head + VX_DESC_SENT, (uint64_t)d->message.sent);
	vx_put_le64(head + VX_DESC_MESSAGE_ID, d->message.id_hash);
	vx_put_le32(head + VX_DESC_LINES, d->parts[0].lines);
	vx_put_le32(head + VX_DESC_DEFECTS, d->defects);
	vx_put_le32(head + VX_DESC_FIELDS, d->field_count);
	vx_put_le32(head + VX_DESC_PARTS, d->part_count);
	vx_put_le32(head + VX_DESC_PREVIEW, preview);
	vx_put_le32(head + VX_DESC_SUBJECT, d->message.subject);
	vx_put_le32(head + VX_DESC_REFERENCES, d->message.references);
	vx_put_le32(head + VX_DESC_FLAGS, d->message.reply ? VX_DESC_REPLY : 0);
	vx_buf_add(out, vx_slice_of(head, sizeof(head)));
	vx_buf_add(out, vx_buf_slice(&d->fields));
	for (uint32_t i = 0; i < d->part_count; i++)
		write_part(out, &d->parts[i]);
	vx_buf_add(out, vx_buf_slice(&d->strings));
	return out->failed ? VX_ELIMIT : VX_OK;
}
