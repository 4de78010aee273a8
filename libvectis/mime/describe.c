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
	FIELDS_MAX = VX_HEADER_FIELDS_MAX * VX_ROW_FIELD,
	/* what a full table of parts and of fields leaves */
	STRINGS_MAX = VX_DESCRIPTOR_MAX - VX_DESC_HEADER - FIELDS_MAX -
		      VX_MIME_PARTS_MAX * VX_ROW_PART,
};

struct open_part {
	uint32_t part;
	bool multipart, digest;
	bool refused;        /* a limit kept a part of it from being described */
	size_t boundary_at;  /* in the boundaries */
	size_t boundary_len; /* 0: none, or it was closed */
};

struct vx_describer {
	uint64_t at; /* offset of the next octet */
	bool in_header;
	struct vx_buf header; /* the header block under way */
	bool header_cut;      /* it is longer */
	uint64_t header_offset;

	char prefix[LINE_PREFIX];
	size_t prefix_len;
	bool tail_blank; /* what of the line is not in prefix */
	uint64_t line_start, line_len;
	char last;        /* octet before the one at `at` */
	uint64_t eol_len; /* of the line before this one, 0: none in this body */

	struct open_part open[VX_MIME_DEPTH_MAX];
	size_t depth;
	struct vx_buf boundaries; /* of the open parts, one behind the other */
	struct vx_arena arena;    /* what a header's parsing needs */

	struct vx_desc_part *parts; /* own */
	uint32_t part_count, part_cap;
	uint64_t lines_total;

	struct vx_buf fields; /* rows of the message's header */
	uint32_t field_count;
	struct vx_buf
	    front; /* what goes before all; offsets are without it until the end */
	struct vx_buf strings;
	size_t root_strings;            /* of them are the message's own header's */
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
	d->in_header = d->tail_blank = true;
	d->capture_part = UINT32_MAX;
	d->message = (struct vx_desc_message){
		.sent = INT64_MIN, .subject = VX_STR_NONE, .references = VX_STR_NONE
	};
	vx_buf_init(&d->header, VX_HEADER_OCTETS_MAX);
	vx_buf_init(&d->front, VX_HEADER_OCTETS_MAX);
	vx_buf_init(&d->fields, FIELDS_MAX);
	vx_buf_init(&d->strings, STRINGS_MAX);
	vx_buf_init(&d->boundaries, (size_t)VX_MIME_DEPTH_MAX * VX_MIME_BOUNDARY_MAX);
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
	vx_buf_done(&d->front);
	vx_buf_done(&d->fields);
	vx_buf_done(&d->strings);
	vx_buf_done(&d->capture);
	vx_buf_done(&d->boundaries);
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

/* A part ends.  One that must have parts and has none is not what it says. */
static void close_part(struct vx_describer *d, const struct open_part *open)
{
	struct vx_desc_part *p = &d->parts[open->part];

	if (open->boundary_len > 0)
		d->defects |= VX_DEFECT_UNTERMINATED;
	if (p->first_child != 0 ||
	    (p->flags & (VX_PART_MULTIPART | VX_PART_MESSAGE)) == 0)
		return;
	if ((p->flags & VX_PART_MULTIPART) != 0)
		d->defects |= VX_DEFECT_NO_PARTS;
	vx_desc_childless(p, open->refused, &d->strings);
}

/* The parts from depth on end at `end`; lines after that do not count for them. */
static void close_parts(
    struct vx_describer *d, size_t depth, uint64_t end, uint64_t lines)
{
	while (d->depth > depth) {
		const struct open_part *open = &d->open[--d->depth];
		struct vx_desc_part *p = &d->parts[open->part];

		p->end = end < p->body_offset ? p->body_offset : end;
		p->lines =
		    (uint32_t)(lines > p->lines_before ? lines - p->lines_before : 0);
		vx_buf_truncate(&d->boundaries, open->boundary_at);
		close_part(d, open);
	}
}

static void begin_header(struct vx_describer *d)
{
	d->in_header = true;
	d->header_offset = d->at;
	vx_buf_reset(&d->header);
	d->header_cut = false;
}

/* A part is about to begin below the innermost open one; false: it is too deep. */
static bool may_go_deeper(struct vx_describer *d)
{
	if (d->depth < VX_MIME_DEPTH_MAX)
		return true;
	d->defects |= VX_DEFECT_DEPTH;
	d->open[d->depth - 1].refused = true;
	return false;
}

static void open_part(struct vx_describer *d, uint32_t index, vx_slice boundary)
{
	const struct vx_desc_part *p = &d->parts[index];

	d->open[d->depth++] = (struct open_part){ .part = index,
		.multipart = (p->flags & VX_PART_MULTIPART) != 0,
		.digest = (p->flags & VX_DESC_DIGEST) != 0,
		.boundary_at = d->boundaries.len,
		.boundary_len = boundary.len };
	vx_buf_add(&d->boundaries, boundary);
	if (d->boundaries.failed) /* memory: it is as large as all that may be open */
		d->failed = true;
}

/* Parse the header of a part, which ends where the describer is. */
static void parse_header(struct vx_describer *d, uint32_t index, bool blank_line)
{
	const bool digest = d->depth > 0 && d->open[d->depth - 1].digest;
	struct vx_desc_part *p = &d->parts[index];
	vx_slice boundary = vx_slice_of(NULL, 0);

	if (d->header_cut)
		d->defects |= VX_DEFECT_HEADER_LIMIT;
	if (!blank_line)
		d->defects |= VX_DEFECT_NO_BLANK_LINE;
	p->header_offset = d->header_offset;
	p->body_offset = p->end = d->at;
	p->lines_before = d->lines_total;
	if (p->parent == UINT32_MAX || (d->parts[p->parent].flags & VX_PART_MESSAGE) != 0)
		p->flags = VX_PART_ROOT;
	if (index == 0)
		vx_desc_index_fields(
		    vx_buf_slice(&d->header), &d->fields, &d->field_count, &d->defects);
	vx_arena_reset(&d->arena);
	vx_desc_parse_header(vx_buf_slice(&d->header), p, digest, &d->strings, &d->arena,
	    &boundary, &d->defects, index == 0 ? &d->message : NULL);
	if (index == 0)
		d->root_strings = d->strings.failed ? 0 : d->strings.len;
	open_part(d, index, boundary);
}

/* The header is complete: parse it, and open the part that it begins. */
static void end_header(struct vx_describer *d, bool blank_line)
{
	const uint32_t parent = d->depth == 0 ? UINT32_MAX : d->open[d->depth - 1].part;
	const uint32_t index = add_part(d, parent);

	d->in_header = false;
	d->eol_len = 0;
	if (index == UINT32_MAX) {
		if (d->depth > 0)
			d->open[d->depth - 1].refused = true;
		return;
	}
	parse_header(d, index, blank_line);
	if (d->capture_part == UINT32_MAX && (d->parts[index].flags & VX_PART_TEXT) != 0)
		d->capture_part = index;
	if ((d->parts[index].flags & VX_PART_MESSAGE) != 0 && may_go_deeper(d))
		begin_header(d);
}

/* The octets end here, in a header or in what a header just now began. */
static void end_headers(struct vx_describer *d)
{
	/* a message that ends at once has an empty header */
	while (d->in_header)
		end_header(d, false);
}

static bool all_blank(vx_slice s)
{
	return vx_slice_trim(s, " \t\r\n").len == 0;
}

/*
 * How well a line is a delimiter of boundary, 0: not at all.  Blanks may follow it, and
 * RFC 2046 5.1.1 says that anything else may, too.
 */
enum match {
	MATCH_NONE,
	MATCH_LOOSE,
	MATCH_EXACT
};

static enum match match_one(
    const struct vx_describer *d, vx_slice boundary, bool *closing)
{
	const vx_slice line = vx_slice_of(d->prefix + 2, d->prefix_len - 2);
	vx_slice rest = vx_slice_from(line, boundary.len);

	if (boundary.len == 0 || !vx_slice_has_prefix(line, boundary))
		return MATCH_NONE;
	*closing = vx_slice_has_prefix(rest, VX_S("--"));
	rest = vx_slice_from(rest, *closing ? 2 : 0);
	return d->tail_blank && all_blank(rest) ? MATCH_EXACT : MATCH_LOOSE;
}

/*
 * The open multipart whose delimiter the line is: of those that match best the one with
 * the longest boundary, for one may begin with another, and of those the innermost.
 * closing: it is its last one.
 */
static size_t match_boundary(const struct vx_describer *d, bool *closing)
{
	enum match best = MATCH_NONE;
	size_t found = SIZE_MAX;

	for (size_t i = d->depth; i-- > 0;) {
		const struct open_part *open = &d->open[i];
		bool last = false;
		const vx_slice boundary = vx_slice_head(
		    vx_slice_from(vx_buf_slice(&d->boundaries), open->boundary_at),
		    open->boundary_len);
		const enum match m = match_one(d, boundary, &last);

		if (m < best || m == MATCH_NONE ||
		    (m == best && open->boundary_len <= d->open[found].boundary_len))
			continue;
		best = m;
		found = i;
		*closing = last;
	}
	return found;
}

/*
 * A line that begins with "--" has ended (with its line end, if it has one), and is a
 * delimiter of the open part i.
 */
static void delimiter(struct vx_describer *d, size_t i, bool closing)
{
	const uint64_t end = d->line_start - d->eol_len;

	/* the line end before a delimiter belongs to it; lines_total counts this line too
	 */
	close_parts(d, i + 1, end, d->lines_total - (d->last == '\n') - (d->eol_len > 0));
	if (closing)
		d->open[i].boundary_len = 0; /* what follows is the epilogue */
	else if (may_go_deeper(d))
		begin_header(d);
}

/* --- lines ----------------------------------------------------------------------------
 */

static bool begins_delimiter(const struct vx_describer *d)
{
	return d->prefix_len >= 2 && d->prefix[0] == '-' && d->prefix[1] == '-';
}

/* A delimiter ends the header under way, which has no blank line. */
static void end_header_before_line(struct vx_describer *d)
{
	const uint64_t at = d->at, lines = d->lines_total;

	vx_buf_truncate(&d->header, d->header.len < d->line_start - d->header_offset
					? d->header.len
					: (size_t)(d->line_start - d->header_offset));
	d->at = d->line_start;
	d->lines_total -= d->last == '\n';
	end_headers(d);
	d->at = at;
	d->lines_total = lines;
}

/*
 * The line's last octet (LF) was taken, or the message ended in it.  True: a body begins
 * behind it, whose first line has no line end before it.
 */
static bool end_line(struct vx_describer *d)
{
	const bool blank = d->line_len == 1 || (d->line_len == 2 && d->prefix[0] == '\r');
	bool closing = false;
	const size_t i = begins_delimiter(d) ? match_boundary(d, &closing) : SIZE_MAX;

	if (i != SIZE_MAX) {
		if (d->in_header)
			end_header_before_line(d);
		delimiter(d, i, closing);
	} else if (d->in_header && blank && d->last == '\n') {
		end_header(d, true);
		return true;
	}
	return d->in_header;
}

/* As much of a header as its limit allows, however the octets come. */
static void add_header(struct vx_describer *d, vx_slice s)
{
	const vx_slice part = vx_slice_head(s, d->header.max - d->header.len);

	vx_buf_add(&d->header, part);
	d->header_cut = d->header_cut || part.len < s.len;
	d->failed = d->failed || d->header.failed;
}

static void take_line_octets(struct vx_describer *d, vx_slice s)
{
	const size_t room = LINE_PREFIX - d->prefix_len;
	const size_t n = s.len < room ? s.len : room;

	if (n > 0)
		memcpy(d->prefix + d->prefix_len, s.ptr, n);
	d->prefix_len += n;
	if (n < s.len && begins_delimiter(d))
		d->tail_blank = d->tail_blank && all_blank(vx_slice_from(s, n));
	d->line_len += s.len;
	d->at += s.len;
	if (d->in_header)
		add_header(d, s);
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
		d->eol_len = end_line(d) ? 0 : crlf ? 2 : 1;
		d->prefix_len = 0;
		d->tail_blank = true;
		d->line_len = 0;
		d->line_start = d->at;
	}
}

/* --- what goes in front -------------------------------------------------------------
 */

void vx_describer_front(struct vx_describer *d, vx_slice fields)
{
	vx_buf_add(&d->front, fields);
}

/* Its rows come before those of the header, which all move. */
static void index_front(struct vx_describer *d)
{
	struct vx_buf rows = d->fields;
	uint32_t count = 0;

	if (d->front.len == 0)
		return;
	vx_buf_init(&d->fields, FIELDS_MAX);
	vx_desc_index_fields(vx_buf_slice(&d->front), &d->fields, &count, &d->defects);
	for (size_t at = 0; at < rows.len; at += VX_ROW_FIELD) {
		char *const offset = rows.ptr + at + 4;

		if (count++ == VX_HEADER_FIELDS_MAX) {
			d->defects |= VX_DEFECT_HEADER_LIMIT;
			vx_buf_truncate(&rows, at);
			count = VX_HEADER_FIELDS_MAX;
			break;
		}
		vx_put_le32(offset, vx_get_le32(offset) + (uint32_t)d->front.len);
	}
	vx_buf_add(&d->fields, vx_buf_slice(&rows));
	d->fields.failed = d->fields.failed || rows.failed || d->front.failed;
	vx_buf_done(&rows);
	d->field_count = count;
}

/* --- the end --------------------------------------------------------------------------
 */

static void write_part(struct vx_buf *out, const struct vx_desc_part *p, uint64_t front)
{
	const bool root = p->parent == UINT32_MAX;
	char row[VX_ROW_PART];

	vx_put_le64(row + VX_PART_AT_HEADER, root ? 0 : front + p->header_offset);
	vx_put_le64(row + VX_PART_AT_BODY, front + p->body_offset);
	vx_put_le64(row + VX_PART_AT_END, front + p->end);
	vx_put_le32(row + VX_PART_AT_PARENT, p->parent);
	vx_put_le32(row + VX_PART_AT_NEXT, p->next_sibling);
	vx_put_le32(row + VX_PART_AT_CHILD, p->first_child);
	vx_put_le32(row + VX_PART_AT_LINES, p->lines);
	vx_put_le32(row + VX_PART_AT_FLAGS, p->flags & ~(unsigned)VX_DESC_DIGEST);
	for (size_t i = 0; i < VX_PART_STRINGS; i++)
		vx_put_le32(row + VX_PART_AT_STRINGS + 4 * i, p->strings[i]);
	vx_buf_add(out, vx_slice_of(row, sizeof(row)));
}

/*
 * What is described when the structure is too much: one opaque part, with what the
 * message's own header says when there is memory for that.
 */
static void make_opaque(struct vx_describer *d)
{
	struct vx_desc_part *root = d->parts;
	const bool keep = !d->failed && !d->fields.failed && d->root_strings > 0;
	const uint32_t envelope = keep ? root->strings[VX_STR_ENVELOPE] : VX_STR_NONE;

	d->defects |= VX_DEFECT_DESCRIPTOR;
	d->strings.failed = d->fields.failed = false;
	vx_buf_truncate(&d->strings, keep ? d->root_strings : 0);
	if (!keep) {
		vx_buf_reset(&d->fields);
		d->field_count = 0;
		d->message.subject = d->message.references = VX_STR_NONE;
	}
	d->part_count = 1;
	root->first_child = 0;
	root->flags = VX_PART_ROOT;
	for (size_t i = 0; i < VX_PART_STRINGS; i++)
		root->strings[i] = VX_STR_NONE;
	vx_desc_childless(root, true, &d->strings);
	root->strings[VX_STR_ENVELOPE] =
	    keep ? envelope : vx_desc_empty_envelope(&d->strings);
}

static void finish_parts(struct vx_describer *d)
{
	if (d->line_len > 0)
		(void)end_line(d); /* the last line has no line end */
	end_headers(d);
	close_parts(d, 0, d->at, d->lines_total);
}

int vx_describer_end(struct vx_describer *d, struct vx_buf *out)
{
	char head[VX_DESC_HEADER] = { 'D', VX_DESC_VERSION };
	uint32_t preview = VX_STR_NONE;

	finish_parts(d);
	if (d->part_count == 0)
		return VX_ENOMEM;
	index_front(d);
	if (d->capture_part != UINT32_MAX)
		preview = vx_desc_preview(
		    &d->parts[d->capture_part], vx_buf_slice(&d->capture), &d->strings);
	if (d->failed || d->strings.failed || d->fields.failed) {
		make_opaque(d);
		preview = VX_STR_NONE;
		if (d->strings.failed)
			return VX_ENOMEM;
	}
	vx_put_le64(head + VX_DESC_SIZE, d->front.len + d->at);
	vx_put_le64(head + VX_DESC_HEADER_SIZE, d->front.len + d->parts[0].body_offset);
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
		write_part(out, &d->parts[i], d->front.len);
	vx_buf_add(out, vx_buf_slice(&d->strings));
	return out->failed ? VX_ELIMIT : VX_OK;
}
