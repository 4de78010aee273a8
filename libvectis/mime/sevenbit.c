/*
 * A message becomes regions, in their order: the headers of its parts, the bodies of
 * those that have no parts, and the gaps between them (preambles, delimiters, epilogues).
 * Both passes walk along them; what a region needs is decided between the passes, for a
 * header comes before the body that it has to speak of.
 */
#include "vectis/sevenbit.h"

#include "base/encode.h"
#include "base/mem.h"
#include "mime/layout.h"

#define LINE_MAX_OCTETS 998 /* RFC 5322 2.1.1 */
#define QUANTA_PER_LINE 19  /* of base64 */
#define PIECE_OCTETS ((size_t)4096)
#define UNKNOWN                                                                          \
	(VX_DEFECT_HEADER_LIMIT | VX_DEFECT_BOUNDARY | VX_DEFECT_NO_PARTS |              \
	    VX_DEFECT_DEPTH | VX_DEFECT_PARTS | VX_DEFECT_DESCRIPTOR)

enum label {
	LABEL_7BIT, /* or none */
	LABEL_8BIT, /* or binary */
	LABEL_OTHER
};

struct part {
	bool leaf, root;
	bool text;   /* lines are lines: quoted-printable may break them */
	bool fixed;  /* may have no encoding (RFC 2046 5.2) */
	bool hidden; /* inside of a leaf */
	bool sealed; /* inside of what is signed or encrypted */
	enum label label;
	/* of its header */
	uint64_t cut; /* octets of its Content-Transfer-Encoding fields */
	bool has_version, has_type;
	/* of the body of a leaf */
	bool unfit;   /* it is no 7bit data */
	bool foreign; /* it is not UTF-8 */
	uint64_t octets, qp;
	/* decided */
	enum vx_encoding encode;
	bool relabel;
};

enum kind {
	GAP,
	HEADER,
	BODY
};
struct region {
	uint64_t end;
	uint32_t part;
	enum kind kind;
};

struct vx_seven {
	uint64_t from, size; /* of what is read */
	struct part *parts;  /* own */
	uint32_t part_count;
	struct region *regions; /* own */
	size_t region_count;
	bool any_sealed, no_qp;
	enum vx_seven_refusal why;
	bool planned, bare;
	uint64_t out_size;
	/* the walk */
	uint64_t at;
	size_t region;
	struct vx_buf header;  /* own: of the region */
	struct vx_buf scratch; /* own */
	struct vx_mime_encoder encoder;
	unsigned char last; /* octet of the region; 0: none */
	uint64_t line;      /* octets of the line so far */
	bool dashes;        /* it begins with "--" */
	unsigned utf8_left, utf8_low, utf8_high;
};

static const struct {
	const char *status, *text;
} refusals[] = {
	[VX_SEVEN_NONE] = { "2.0.0", "" },
	[VX_SEVEN_SEALED] = { "5.6.3",
	    "the peer takes no octets of 8 bits, and what is signed or encrypted "
	    "cannot be converted" },
	[VX_SEVEN_UTF8] = { "5.6.7", "the peer takes no headers in UTF-8" },
	[VX_SEVEN_STRUCTURE] = { "5.6.3",
	    "the peer takes no octets of 8 bits, and the structure of the message "
	    "cannot be converted" },
	[VX_SEVEN_ENCODING] = { "5.6.3",
	    "the peer takes no octets of 8 bits, and the encoding of a part cannot "
	    "be changed" },
};

const char *vx_seven_refusal_text(enum vx_seven_refusal why)
{
	return refusals[why].text;
}

const char *vx_seven_refusal_status(enum vx_seven_refusal why)
{
	return refusals[why].status;
}

/* --- the regions -----------------------------------------------------------------------
 */

static bool is_global(vx_slice subtype)
{
	return vx_slice_has_prefix(subtype, VX_S("global"));
}

static enum label label_of(vx_slice encoding)
{
	if (encoding.len == 0 || vx_slice_eq_nocase(encoding, VX_S("7bit")))
		return LABEL_7BIT;
	if (vx_slice_eq_nocase(encoding, VX_S("8bit")) ||
	    vx_slice_eq_nocase(encoding, VX_S("binary")))
		return LABEL_8BIT;
	return LABEL_OTHER;
}

/*
 * May an encoded line look like a delimiter?  With "=" and what may be digits behind it
 * in the boundary.
 */
static bool boundary_is_odd(vx_slice params)
{
	vx_slice name, value = { 0 };

	while (vx_packed_next(&params, &name) && vx_packed_next(&params, &value)) {
		if (!vx_slice_eq(name, VX_S("boundary")))
			continue;
		for (size_t i = 0; i < value.len; i++)
			if (value.ptr[i] == '=' &&
			    (i + 1 == value.len ||
				(vx_hex_value(value.ptr[i + 1]) >= 0 &&
				    (i + 2 == value.len ||
					vx_hex_value(value.ptr[i + 2]) >= 0))))
				return true;
	}
	return false;
}

static void see_part(struct vx_seven *s, const struct vx_part *in)
{
	struct part *p = &s->parts[in->index];
	const bool message = vx_slice_eq(in->type, VX_S("message"));
	const bool global = message && is_global(in->subtype);

	/* RFC 6532 3.7: what is global may have any encoding, as a whole */
	p->leaf = in->first_child == 0 || global;
	p->root = (in->flags & VX_PART_ROOT) != 0;
	p->text = (in->flags & VX_PART_TEXT) != 0 || global;
	p->fixed = message && !global;
	p->label = label_of(in->encoding);
	if (!p->leaf && p->label == LABEL_OTHER)
		s->why = VX_SEVEN_STRUCTURE;
	if ((in->flags & VX_PART_MULTIPART) != 0)
		s->no_qp = s->no_qp || boundary_is_odd(in->params);
}

static bool seals(const struct vx_part *p)
{
	return (p->flags & VX_PART_MULTIPART) != 0 &&
	       (vx_slice_eq(p->subtype, VX_S("signed")) ||
		   vx_slice_eq(p->subtype, VX_S("encrypted")));
}

static int see_parent(
    struct vx_seven *s, const struct vx_descriptor *d, uint32_t index, uint32_t parent)
{
	struct part *p = &s->parts[index];
	struct vx_part up;
	int rc;

	if (parent == UINT32_MAX)
		return index == 0 ? VX_OK : VX_ECORRUPT;
	rc = vx_descriptor_part(d, parent, &up); /* its index is smaller */
	if (rc != VX_OK)
		return rc;
	p->hidden = s->parts[parent].hidden || s->parts[parent].leaf;
	p->sealed = s->parts[parent].sealed || seals(&up);
	s->any_sealed = s->any_sealed || p->sealed;
	return VX_OK;
}

static void add_region(struct vx_seven *s, uint64_t end, uint32_t part, enum kind kind)
{
	s->regions[s->region_count++] = (struct region){ end, part, kind };
}

/* Headers come in the order of their parts; what is before one of them is a gap. */
static int add_part(
    struct vx_seven *s, const struct vx_descriptor *d, uint32_t index, uint64_t *at)
{
	struct vx_part p;
	int rc = vx_descriptor_part(d, index, &p);

	if (rc == VX_OK)
		rc = see_parent(s, d, index, p.parent);
	if (rc != VX_OK)
		return rc;
	see_part(s, &p);
	if (s->parts[index].hidden)
		return VX_OK;
	if (p.header_offset < *at || (index == 0 && p.header_offset != 0))
		return VX_ECORRUPT;
	if (p.header_offset > *at)
		add_region(s, p.header_offset, p.parent, GAP);
	add_region(s, p.body_offset, index, HEADER);
	*at = p.body_offset;
	if (s->parts[index].leaf) {
		add_region(s, p.end, index, BODY);
		*at = p.end;
	}
	return VX_OK;
}

int vx_seven_new(const struct vx_descriptor *d, uint64_t from, struct vx_seven **out)
{
	struct vx_seven *s;
	uint64_t at = 0;
	int rc = VX_OK;

	if (from > d->header_size)
		return VX_EINVAL;
	if (d->part_count > VX_MIME_PARTS_MAX)
		return VX_ECORRUPT;
	s = vx_alloc(sizeof(*s));
	if (s == NULL)
		return VX_ENOMEM;
	vx_buf_init(&s->header, VX_HEADER_OCTETS_MAX);
	vx_buf_init(&s->scratch, 4 * PIECE_OCTETS + 1024);
	s->from = s->at = from;
	s->size = d->size;
	s->part_count = d->part_count;
	s->parts = vx_alloc_array(d->part_count, sizeof(*s->parts));
	s->regions = vx_alloc_array(3 * (size_t)d->part_count + 1, sizeof(*s->regions));
	if (s->parts == NULL || s->regions == NULL)
		rc = VX_ENOMEM;
	for (uint32_t i = 0; i < d->part_count && rc == VX_OK; i++)
		rc = add_part(s, d, i, &at);
	if (rc != VX_OK) {
		vx_seven_free(s);
		return rc;
	}
	if (at < d->size)
		add_region(s, d->size, 0, GAP);
	if ((d->defects & UNKNOWN) != 0)
		s->why = VX_SEVEN_STRUCTURE;
	*out = s;
	return VX_OK;
}

void vx_seven_free(struct vx_seven *s)
{
	if (s == NULL)
		return;
	vx_buf_done(&s->header);
	vx_buf_done(&s->scratch);
	vx_free(s->parts);
	vx_free(s->regions);
	vx_free(s);
}

/* --- the walk --------------------------------------------------------------------------
 */

struct pass {
	int (*piece)(struct vx_seven *s, const struct region *r, vx_slice octets,
	    struct vx_buf *out);
	int (*end)(struct vx_seven *s, const struct region *r, struct vx_buf *out);
};

static void begin_region(struct vx_seven *s)
{
	vx_buf_reset(&s->header);
	s->encoder = (struct vx_mime_encoder){ .kind = VX_ENCODING_NONE };
	s->last = 0;
	s->line = 0;
	s->dashes = false;
	s->utf8_left = 0;
}

/* Regions that end where the walk is. */
static int end_regions(struct vx_seven *s, const struct pass *pass, struct vx_buf *out)
{
	int rc = VX_OK;

	while (rc == VX_OK && s->region < s->region_count &&
	       s->regions[s->region].end <= s->at) {
		rc = pass->end(s, &s->regions[s->region], out);
		s->region++;
		begin_region(s);
	}
	return rc;
}

static int walk(
    struct vx_seven *s, const struct pass *pass, vx_slice octets, struct vx_buf *out)
{
	int rc = VX_OK;

	while (rc == VX_OK && octets.len > 0) {
		const struct region *r;
		vx_slice piece;

		rc = end_regions(s, pass, out);
		if (rc != VX_OK || s->region == s->region_count)
			return rc == VX_OK ? VX_ECORRUPT : rc;
		r = &s->regions[s->region];
		piece = r->end - s->at < octets.len
			    ? vx_slice_head(octets, (size_t)(r->end - s->at))
			    : octets;
		rc = pass->piece(s, r, piece, out);
		s->at += piece.len;
		octets = vx_slice_from(octets, piece.len);
	}
	return rc;
}

void vx_seven_rewind(struct vx_seven *s)
{
	s->at = s->from;
	s->region = 0;
	begin_region(s);
}

static int keep_header(struct vx_seven *s, vx_slice octets)
{
	const size_t before = s->header.len;

	vx_buf_add(&s->header, octets);
	if (!s->header.failed)
		return VX_OK;
	return before + octets.len > s->header.max ? VX_ECORRUPT : VX_ENOMEM;
}

/* --- counting --------------------------------------------------------------------------
 */

static void refuse(struct vx_seven *s, enum vx_seven_refusal why)
{
	if (s->why == VX_SEVEN_NONE)
		s->why = why;
}

/* RFC 3629 4, an octet after the other. */
static bool utf8_octet(struct vx_seven *s, unsigned c)
{
	if (s->utf8_left > 0) {
		s->utf8_left--;
		if (c < s->utf8_low || c > s->utf8_high)
			return false;
		s->utf8_low = 0x80;
		s->utf8_high = 0xbf;
		return true;
	}
	if (c < 0x80)
		return true;
	s->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	s->utf8_low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	s->utf8_high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return c >= 0xc2 && c <= 0xf4;
}

/* RFC 2045 2.7: lines end with CR LF and only there, are not too long; no NUL. */
static bool is_7bit(struct vx_seven *s, unsigned char c)
{
	const bool good = c < 128 && c != 0 && (s->last == '\r') == (c == '\n') &&
			  (c == '\r' || c == '\n' || s->line < LINE_MAX_OCTETS);

	s->line = c == '\n' ? 0 : s->line + 1;
	s->last = c;
	return good;
}

static int count_body(struct vx_seven *s, struct part *p, vx_slice octets)
{
	s->encoder.kind = VX_ENCODING_QP;
	p->octets += octets.len;
	for (size_t i = 0; i < octets.len; i++) {
		const unsigned char c = (unsigned char)octets.ptr[i];

		if (!is_7bit(s, c))
			p->unfit = true;
		if (!p->foreign && !utf8_octet(s, c))
			p->foreign = true;
	}
	while (octets.len > 0) {
		vx_buf_reset(&s->scratch);
		vx_mime_encode(
		    &s->encoder, vx_slice_head(octets, PIECE_OCTETS), &s->scratch);
		if (s->scratch.failed)
			return VX_ENOMEM;
		p->qp += s->scratch.len;
		octets = vx_slice_from(octets, PIECE_OCTETS);
	}
	return VX_OK;
}

/* A CR or LF that ends no line stays, in a header or in a gap. */
static void see_bare(struct vx_seven *s, unsigned char c)
{
	s->bare = s->bare || (s->last == '\r') != (c == '\n');
	s->last = c;
}

/* What is in no part means nothing, but the delimiters do. */
static void count_gap(struct vx_seven *s, vx_slice octets)
{
	for (size_t i = 0; i < octets.len; i++) {
		const unsigned char c = (unsigned char)octets.ptr[i];

		s->dashes = s->line == 0   ? c == '-'
			    : s->line == 1 ? s->dashes && c == '-'
					   : s->dashes;
		if (c > 127 && s->any_sealed)
			refuse(s, VX_SEVEN_SEALED);
		else if (c > 127 && s->dashes)
			refuse(s, VX_SEVEN_STRUCTURE);
		see_bare(s, c);
		s->line = c == '\n' ? 0 : s->line + 1;
	}
}

static int count_header(struct vx_seven *s, vx_slice octets)
{
	if (!vx_is_ascii(octets))
		refuse(s, VX_SEVEN_UTF8);
	for (size_t i = 0; i < octets.len; i++)
		see_bare(s, (unsigned char)octets.ptr[i]);
	return keep_header(s, octets);
}

static int count_piece(
    struct vx_seven *s, const struct region *r, vx_slice octets, struct vx_buf *out)
{
	(void)out;
	if (r->kind == BODY)
		return count_body(s, &s->parts[r->part], octets);
	if (r->kind == HEADER)
		return count_header(s, octets);
	count_gap(s, octets);
	return VX_OK;
}

static const vx_slice name = VX_SLICE_INIT("Content-Transfer-Encoding");

static void see_fields(struct vx_seven *s, struct part *p)
{
	vx_slice rest = vx_buf_slice(&s->header);
	struct vx_field f;

	while (vx_field_next(&rest, &f)) {
		if (vx_slice_eq_nocase(f.name, name))
			p->cut += f.whole.len;
		else if (vx_slice_eq_nocase(f.name, VX_S("MIME-Version")))
			p->has_version = true;
		else if (vx_slice_eq_nocase(f.name, VX_S("Content-Type")))
			p->has_type = true;
	}
}

static int count_end(struct vx_seven *s, const struct region *r, struct vx_buf *out)
{
	struct part *p = &s->parts[r->part];

	(void)out;
	if (r->kind == HEADER)
		see_fields(s, p);
	if (r->kind != BODY) {
		s->bare = s->bare || s->last == '\r';
		return VX_OK;
	}
	vx_buf_reset(&s->scratch);
	vx_mime_encode_end(&s->encoder, &s->scratch);
	p->qp += s->scratch.len;
	p->unfit = p->unfit || s->last == '\r';
	p->foreign = p->foreign || s->utf8_left > 0;
	return s->scratch.failed ? VX_ENOMEM : VX_OK;
}

static const struct pass counting = { count_piece, count_end };

int vx_seven_count(struct vx_seven *s, vx_slice octets)
{
	return s->planned ? VX_ESTATE : walk(s, &counting, octets, NULL);
}

/* --- deciding --------------------------------------------------------------------------
 */

static uint64_t base64_octets(uint64_t n)
{
	const uint64_t quanta = (n + 2) / 3;

	return 4 * quanta + 2 * ((quanta + QUANTA_PER_LINE - 1) / QUANTA_PER_LINE);
}

static void choose(struct vx_seven *s, struct part *p)
{
	if (p->leaf && p->unfit) {
		if (p->sealed)
			refuse(s, VX_SEVEN_SEALED);
		else if (p->fixed || p->label == LABEL_OTHER)
			refuse(s, VX_SEVEN_ENCODING);
		p->encode = p->text && !s->no_qp && p->qp <= base64_octets(p->octets)
				? VX_ENCODING_QP
				: VX_ENCODING_BASE64;
	}
	/* a signature is over the label, too, and the label does no harm */
	p->relabel =
	    p->label == LABEL_8BIT && !p->sealed && p->encode == VX_ENCODING_NONE;
}

/* What goes into a header: the new label, and what a label needs beside it. */
struct added {
	vx_slice label, version, type;
};

static struct added added(const struct part *p)
{
	struct added a = { .label = VX_S("Content-Transfer-Encoding: 7bit\r\n") };

	if (p->encode == VX_ENCODING_NONE)
		return a;
	a.label = p->encode == VX_ENCODING_QP
		      ? VX_S("Content-Transfer-Encoding: quoted-printable\r\n")
		      : VX_S("Content-Transfer-Encoding: base64\r\n");
	if (p->root && !p->has_version)
		a.version = VX_S("MIME-Version: 1.0\r\n");
	if (!p->has_type) /* RFC 1428 3 */
		a.type = p->foreign
			     ? VX_S("Content-Type: text/plain; charset=unknown-8bit\r\n")
			     : VX_S("Content-Type: text/plain; charset=utf-8\r\n");
	return a;
}

static bool changes(const struct part *p)
{
	return p->encode != VX_ENCODING_NONE || p->relabel;
}

static uint64_t size_of(const struct part *p, enum kind kind, uint64_t octets)
{
	const struct added a = added(p);

	if (kind == HEADER && changes(p))
		return octets - p->cut + a.label.len + a.version.len + a.type.len;
	if (kind == BODY && p->encode != VX_ENCODING_NONE)
		return p->encode == VX_ENCODING_QP ? p->qp : base64_octets(octets);
	return octets;
}

int vx_seven_plan(struct vx_seven *s, enum vx_seven_refusal *why)
{
	uint64_t at = s->from;
	int rc = s->planned ? VX_ESTATE : end_regions(s, &counting, NULL);

	if (rc == VX_OK && (s->at != s->size || s->region < s->region_count))
		rc = VX_ECORRUPT;
	if (rc != VX_OK)
		return rc;
	for (uint32_t i = 0; i < s->part_count; i++)
		choose(s, &s->parts[i]);
	*why = s->why;
	if (s->why != VX_SEVEN_NONE)
		return VX_EUNSUP;
	for (size_t i = 0; i < s->region_count; i++) {
		const struct region *r = &s->regions[i];
		const uint64_t octets = r->end > at ? r->end - at : 0;

		s->out_size += r->kind == GAP
				   ? octets
				   : size_of(&s->parts[r->part], r->kind, octets);
		at += octets;
	}
	s->planned = true;
	vx_seven_rewind(s);
	return VX_OK;
}

uint64_t vx_seven_size(const struct vx_seven *s)
{
	return s->out_size;
}

bool vx_seven_has_bare(const struct vx_seven *s)
{
	return s->bare;
}

/* --- writing ---------------------------------------------------------------------------
 */

static void write_gap(vx_slice octets, struct vx_buf *out)
{
	char *p = vx_buf_reserve(out, octets.len);

	for (size_t i = 0; p != NULL && i < octets.len; i++)
		p[i] = (unsigned char)octets.ptr[i] > 127 ? '?' : octets.ptr[i];
	if (p != NULL)
		vx_buf_truncate(out, (out->len += octets.len));
}

static int write_piece(
    struct vx_seven *s, const struct region *r, vx_slice octets, struct vx_buf *out)
{
	const struct part *p = r->kind == GAP ? NULL : &s->parts[r->part];

	if (p == NULL) {
		write_gap(octets, out);
	} else if (r->kind == BODY) {
		s->encoder.kind = p->encode;
		vx_mime_encode(&s->encoder, octets, out);
	} else if (changes(p)) {
		return keep_header(s, octets);
	} else {
		vx_buf_add(out, octets);
	}
	return VX_OK;
}

static void write_header(struct vx_seven *s, const struct part *p, struct vx_buf *out)
{
	const struct added a = added(p);
	vx_slice rest = vx_buf_slice(&s->header);
	bool written = false;
	size_t read = 0;
	struct vx_field f;

	while (vx_field_next(&rest, &f)) {
		read += f.whole.len;
		if (!vx_slice_eq_nocase(f.name, name)) {
			vx_buf_add(out, f.whole);
			continue;
		}
		if (!written)
			vx_buf_add(out, a.label);
		written = true;
	}
	vx_buf_add(out, a.version);
	vx_buf_add(out, a.type);
	if (!written)
		vx_buf_add(out, a.label);
	vx_buf_add(out, vx_slice_from(vx_buf_slice(&s->header), read)); /* blank line */
}

static int write_end(struct vx_seven *s, const struct region *r, struct vx_buf *out)
{
	const struct part *p = r->kind == GAP ? NULL : &s->parts[r->part];

	if (p != NULL && r->kind == BODY) {
		s->encoder.kind = p->encode;
		vx_mime_encode_end(&s->encoder, out);
	} else if (p != NULL && changes(p)) {
		write_header(s, p, out);
	}
	return VX_OK;
}

static const struct pass writing = { write_piece, write_end };

int vx_seven_write(struct vx_seven *s, vx_slice octets, struct vx_buf *out)
{
	int rc = s->planned ? walk(s, &writing, octets, out) : VX_ESTATE;

	if (rc == VX_OK) /* a header is there as soon as it is complete */
		rc = end_regions(s, &writing, out);
	return rc == VX_OK && out->failed ? VX_ENOMEM : rc;
}

int vx_seven_end(struct vx_seven *s, struct vx_buf *out)
{
	int rc = s->planned ? end_regions(s, &writing, out) : VX_ESTATE;

	if (rc == VX_OK && s->at != s->size)
		rc = VX_ECORRUPT;
	return rc == VX_OK && out->failed ? VX_ENOMEM : rc;
}
