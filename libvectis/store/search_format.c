#include "store/search_format.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/mem.h"

enum {
	DICT_HEADER = VX_VALUE_HEADER + 2, /* and how long the terms are, u16 */
	DOCS_HEADER = VX_VALUE_HEADER + 8,
	SEGMENT_OCTETS = 64,
	LIST_WILD = 1,
};

void vx_search_key(struct vx_key *k, uint32_t account, enum vx_search_kind kind)
{
	const char octet = (char)kind;

	k->len = 0;
	vx_key_add_u32(k, account);
	vx_key_add(k, vx_slice_of(&octet, 1));
}

void vx_search_key_zone(struct vx_key *k, uint32_t account, enum vx_search_kind kind,
    uint32_t segment, enum vx_zone zone, uint32_t number)
{
	const char octet = (char)zone;

	vx_search_key(k, account, kind);
	vx_key_add_u32(k, segment);
	vx_key_add(k, vx_slice_of(&octet, 1));
	vx_key_add_u32(k, number);
}

enum {
	KIND_AT = 4,
	VERSION = 1
};

static uint32_t crc_of(vx_slice key, vx_slice value)
{
	const uint32_t crc = vx_crc32c(vx_crc32c(0, key), vx_slice_head(value, 4));

	return vx_crc32c(crc, vx_slice_from(value, VX_VALUE_HEADER));
}

void vx_search_seal(vx_slice key, char *value, size_t len)
{
	value[0] = key.ptr[KIND_AT];
	value[1] = VERSION;
	vx_put_le32(value + 4, crc_of(key, vx_slice_of(value, len)));
}

int vx_search_check(vx_slice key, vx_slice value, enum vx_search_kind kind, size_t min)
{
	if (key.len <= KIND_AT || key.ptr[KIND_AT] != (char)kind || value.len < min ||
	    value.len < VX_VALUE_HEADER || value.ptr[0] != (char)kind ||
	    value.ptr[1] != VERSION)
		return VX_ECORRUPT;
	return vx_get_le32(value.ptr + 4) == crc_of(key, value) ? VX_OK : VX_ECORRUPT;
}

void vx_varint_add(struct vx_buf *out, uint64_t n)
{
	char octets[10];
	size_t len = 0;

	for (; n > 0x7f; n >>= 7)
		octets[len++] = (char)(n | 0x80);
	octets[len++] = (char)n;
	vx_buf_add(out, vx_slice_of(octets, len));
}

bool vx_varint_take(vx_slice *s, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->len && i < 10; i++) {
		const unsigned char c = (unsigned char)s->ptr[i];

		if (i == 9 && c > 1)
			return false;
		n |= (uint64_t)(c & 0x7f) << (7 * i);
		if (c < 0x80) {
			*s = vx_slice_from(*s, i + 1);
			*out = n;
			return true;
		}
	}
	return false;
}

/* --- writes ------------------------------------------------------------------------- */

void vx_writes_add(
    struct vx_search_writes *w, const struct vx_key *k, struct vx_buf *value)
{
	char sizes[6];

	if (value->failed || value->len < VX_VALUE_HEADER) {
		w->octets.failed = true;
		return;
	}
	vx_search_seal(vx_key_slice(k), value->ptr, value->len);
	vx_put_le16(sizes, (uint16_t)k->len);
	vx_put_le32(sizes + 2, (uint32_t)value->len);
	vx_buf_add(&w->octets, vx_slice_of(sizes, sizeof(sizes)));
	vx_buf_add(&w->octets, vx_key_slice(k));
	vx_buf_add(&w->octets, vx_buf_slice(value));
	w->count++;
}

int vx_writes_put(const struct vx_search_writes *w, struct vx_kv_txn *txn)
{
	vx_slice rest = vx_buf_slice(&w->octets);
	int rc = w->octets.failed ? VX_ENOMEM : VX_OK;

	while (rc == VX_OK && rest.len > 6) {
		const size_t key = vx_get_le16(rest.ptr),
			     value = vx_get_le32(rest.ptr + 2);

		rest = vx_slice_from(rest, 6);
		rc = vx_kv_put(txn, VX_TREE_BODY, vx_slice_head(rest, key),
		    vx_slice_head(vx_slice_from(rest, key), value));
		rest = vx_slice_from(rest, key + value);
	}
	return rc;
}

/* Room for a value's header. */
static void begin_value(struct vx_buf *value, size_t header)
{
	static const char zeros[SEGMENT_OCTETS];

	vx_buf_reset(value);
	vx_buf_add(value, vx_slice_of(zeros, header));
}

/* --- signatures --------------------------------------------------------------------- */

static unsigned triple_bit(const char *p)
{
	const uint32_t n = (uint32_t)(unsigned char)p[0] |
			   (uint32_t)(unsigned char)p[1] << 8 |
			   (uint32_t)(unsigned char)p[2] << 16;

	return (unsigned)((n * UINT32_C(0x9e3779b1)) >> 20); /* 12 bits */
}

/* terms is "\0TERM\0": triples over the end of a term are nobody's pattern. */
static void sign_terms(vx_slice terms, char signature[VX_SIGNATURE_OCTETS])
{
	memset(signature, 0, VX_SIGNATURE_OCTETS);
	for (size_t i = 0; i + 2 < terms.len; i++) {
		const unsigned bit = triple_bit(terms.ptr + i);

		if (terms.ptr[i + 1] != '\0')
			signature[bit / 8] =
			    (char)((unsigned char)signature[bit / 8] | 1u << bit % 8);
	}
}

int vx_filter_read(vx_slice key, vx_slice value, size_t *count)
{
	const int rc = vx_search_check(key, value, VX_SEARCH_FILTER, VX_VALUE_HEADER);
	const size_t len = value.len - VX_VALUE_HEADER;

	if (rc != VX_OK)
		return rc;
	if (len % VX_SIGNATURE_OCTETS != 0 ||
	    len / VX_SIGNATURE_OCTETS > VX_FILTER_BLOCKS)
		return VX_ECORRUPT;
	*count = len / VX_SIGNATURE_OCTETS;
	return VX_OK;
}

bool vx_filter_may_have(vx_slice value, size_t i, const struct vx_pattern *p)
{
	const char *signature = value.ptr + VX_VALUE_HEADER + i * VX_SIGNATURE_OCTETS;

	for (size_t at = 0; at + 2 < p->len; at++) {
		const unsigned bit = triple_bit(p->octets + at);

		if (((unsigned char)signature[bit / 8] >> bit % 8 & 1) == 0)
			return false;
	}
	return true;
}

/* --- postings ----------------------------------------------------------------------- */

static void add_gaps(const uint32_t *docs, size_t count, struct vx_buf *out)
{
	uint32_t before = 0;

	for (size_t i = 0; i < count; i++) {
		vx_varint_add(out, docs[i] - before);
		before = docs[i];
	}
}

static void add_bits(const uint32_t *docs, size_t count, uint32_t all, struct vx_buf *out)
{
	const size_t len = ((size_t)all + 7) / 8;
	char *p = vx_buf_reserve(out, len);

	if (p == NULL)
		return;
	memset(p, 0, len);
	for (size_t i = 0; i < count; i++)
		p[docs[i] / 8] =
		    (char)((unsigned char)p[docs[i] / 8] | 1u << docs[i] % 8);
	vx_buf_truncate(out, (out->len += len));
}

bool vx_posting_next(vx_slice *postings, struct vx_posting *out)
{
	uint64_t head;

	if (!vx_varint_take(postings, &head))
		return false;
	switch (head & 3) {
	case VX_POSTING_GAPS:
	case VX_POSTING_BITS:
		out->form = (enum vx_posting_form)(head & 3);
		if (head >> 2 > postings->len)
			return false;
		out->octets = vx_slice_head(*postings, (size_t)(head >> 2));
		*postings = vx_slice_from(*postings, (size_t)(head >> 2));
		return true;
	case VX_POSTING_APART:
		out->form = VX_POSTING_APART;
		out->number = (uint32_t)(head >> 2);
		return head >> 2 <= UINT32_MAX;
	default:
		return false;
	}
}

int vx_posting_read(vx_slice key, vx_slice value, struct vx_posting *out)
{
	const int rc = vx_search_check(key, value, VX_SEARCH_POSTING, VX_VALUE_HEADER);

	if (rc != VX_OK)
		return rc;
	if (value.ptr[2] != VX_POSTING_GAPS && value.ptr[2] != VX_POSTING_BITS)
		return VX_ECORRUPT;
	out->form = (enum vx_posting_form)value.ptr[2];
	out->octets = vx_slice_from(value, VX_VALUE_HEADER);
	return VX_OK;
}

/* The next document of gaps; false at the end or when damaged (*s is not empty). */
static bool next_gap(vx_slice *s, bool first, uint32_t docs, uint32_t *doc)
{
	vx_slice rest = *s;
	uint64_t gap;

	if (!vx_varint_take(&rest, &gap) || gap >= docs || (gap == 0 && !first) ||
	    (!first && gap >= docs - *doc))
		return false;
	*doc = first ? (uint32_t)gap : *doc + (uint32_t)gap;
	*s = rest;
	return true;
}

static int mark_bits(vx_slice octets, uint32_t docs, uint64_t *bits)
{
	if (octets.len != ((size_t)docs + 7) / 8 ||
	    (docs % 8 != 0 && (unsigned char)octets.ptr[octets.len - 1] >> docs % 8 != 0))
		return VX_ECORRUPT;
	for (size_t i = 0; i < octets.len; i += 8) {
		uint64_t word = 0;

		memcpy(&word, octets.ptr + i, octets.len - i < 8 ? octets.len - i : 8);
		bits[i / 8] |= vx_get_le64(&word);
	}
	return VX_OK;
}

int vx_posting_mark(const struct vx_posting *p, uint32_t docs, uint64_t *bits)
{
	vx_slice rest = p->octets;
	uint32_t doc = 0;

	if (p->form == VX_POSTING_BITS)
		return mark_bits(p->octets, docs, bits);
	for (bool first = true; next_gap(&rest, first, docs, &doc); first = false)
		bits[doc / 64] |= (uint64_t)1 << doc % 64;
	return rest.len == 0 ? VX_OK : VX_ECORRUPT;
}

int vx_posting_list(
    const struct vx_posting *p, uint32_t docs, uint32_t *out, size_t *count)
{
	vx_slice rest = p->octets;
	uint32_t doc = 0;
	size_t n = 0;

	if (p->form == VX_POSTING_BITS) {
		if (rest.len != ((size_t)docs + 7) / 8)
			return VX_ECORRUPT;
		for (doc = 0; doc < docs; doc++)
			if (((unsigned char)rest.ptr[doc / 8] >> doc % 8 & 1) != 0)
				out[n++] = doc;
		*count = n;
		return VX_OK;
	}
	for (bool first = true; next_gap(&rest, first, docs, &doc); first = false)
		out[n++] = doc;
	*count = n;
	return rest.len == 0 ? VX_OK : VX_ECORRUPT;
}

/* --- the dictionary ------------------------------------------------------------------
 */

void vx_dict_writer_init(struct vx_dict_writer *w, struct vx_search_writes *to,
    uint32_t account, uint32_t segment, uint32_t docs)
{
	*w = (struct vx_dict_writer){ .to = to,
		.account = account,
		.segment = segment,
		.s.docs = docs,
		.terms = { .max = VX_DICT_OCTETS_MAX },
		.postings = { .max = VX_DICT_OCTETS_MAX },
		.filter = { .max = VX_VALUE_HEADER +
				   VX_FILTER_BLOCKS * VX_SIGNATURE_OCTETS },
		.value = { .max = (size_t)16 << 20 },
		.posting = { .max = (size_t)16 << 20 } };
}

void vx_dict_writer_done(struct vx_dict_writer *w)
{
	vx_buf_done(&w->terms);
	vx_buf_done(&w->postings);
	vx_buf_done(&w->filter);
	vx_buf_done(&w->value);
	vx_buf_done(&w->posting);
}

static void write_value(
    struct vx_dict_writer *w, const struct vx_key *k, struct vx_buf *value)
{
	w->s.octets += value->len;
	vx_writes_add(w->to, k, value);
}

static void write_filter(struct vx_dict_writer *w)
{
	struct vx_key k;

	if (w->filter.len == 0)
		return;
	vx_search_key_zone(&k, w->account, VX_SEARCH_FILTER, w->segment, w->zone,
	    (w->s.blocks[w->zone] - 1) / VX_FILTER_BLOCKS);
	write_value(w, &k, &w->filter);
	vx_buf_reset(&w->filter);
}

static void write_block(struct vx_dict_writer *w)
{
	char size[2];
	struct vx_key k;

	if (w->count == 0)
		return;
	vx_search_key_zone(
	    &k, w->account, VX_SEARCH_DICT, w->segment, w->zone, w->s.blocks[w->zone]++);
	begin_value(&w->value, VX_VALUE_HEADER);
	vx_put_le16(size, (uint16_t)w->terms.len);
	vx_buf_add(&w->value, vx_slice_of(size, 2));
	vx_buf_add(&w->value, vx_buf_slice(&w->terms));
	vx_buf_add(&w->value, vx_buf_slice(&w->postings));
	if (!w->value.failed)
		vx_put_le16(w->value.ptr + 2, (uint16_t)w->count);
	write_value(w, &k, &w->value);
	if (w->filter.len == 0)
		begin_value(&w->filter, VX_VALUE_HEADER);
	sign_terms(vx_buf_slice(&w->terms), w->signature);
	vx_buf_add(&w->filter, vx_slice_of(w->signature, VX_SIGNATURE_OCTETS));
	if (w->s.blocks[w->zone] % VX_FILTER_BLOCKS == 0)
		write_filter(w);
	vx_buf_reset(&w->terms);
	vx_buf_reset(&w->postings);
	w->count = 0;
}

/* The shorter of two forms, behind room for a value's header. */
static enum vx_posting_form make_posting(
    struct vx_dict_writer *w, const uint32_t *docs, size_t count)
{
	const size_t bits = ((size_t)w->s.docs + 7) / 8;

	begin_value(&w->posting, VX_VALUE_HEADER);
	if (count < bits)
		add_gaps(docs, count, &w->posting);
	if (count < bits && w->posting.len - VX_VALUE_HEADER <= bits)
		return VX_POSTING_GAPS;
	begin_value(&w->posting, VX_VALUE_HEADER);
	add_bits(docs, count, w->s.docs, &w->posting);
	return VX_POSTING_BITS;
}

/* A long posting gets a value of its own; what stands in the block instead. */
static uint64_t put_apart(struct vx_dict_writer *w, enum vx_posting_form form)
{
	struct vx_key k;

	if (!w->posting.failed)
		w->posting.ptr[2] = (char)form;
	vx_search_key(&k, w->account, VX_SEARCH_POSTING);
	vx_key_add_u32(&k, w->segment);
	vx_key_add_u32(&k, w->s.postings);
	write_value(w, &k, &w->posting);
	return (uint64_t)w->s.postings++ << 2 | VX_POSTING_APART;
}

void vx_dict_add(struct vx_dict_writer *w, enum vx_zone zone, vx_slice term,
    const uint32_t *docs, size_t count)
{
	const enum vx_posting_form form = make_posting(w, docs, count);
	vx_slice posting = vx_slice_from(vx_buf_slice(&w->posting), VX_VALUE_HEADER);
	uint64_t head = (uint64_t)posting.len << 2 | (uint64_t)form;

	if (posting.len > VX_POSTING_INLINE_MAX) {
		head = put_apart(w, form);
		posting.len = 0;
	}
	if (zone != w->zone ||
	    DICT_HEADER + w->terms.len + w->postings.len + term.len + posting.len + 12 >
		VX_DICT_OCTETS_MAX)
		write_block(w);
	if (zone != w->zone) {
		write_filter(w);
		w->zone = zone;
	}
	if (w->count++ == 0)
		vx_buf_add_char(&w->terms, '\0');
	vx_buf_add(&w->terms, term);
	vx_buf_add_char(&w->terms, '\0');
	vx_varint_add(&w->postings, head);
	vx_buf_add(&w->postings, posting);
	w->s.terms++;
}

static void write_docs(struct vx_dict_writer *w, const uint64_t *blobs, const bool *wild)
{
	uint32_t wild_count = 0, last = 0;
	uint64_t before = 0;
	struct vx_key k;

	begin_value(&w->value, DOCS_HEADER);
	for (uint32_t i = 0; i < w->s.docs; i++) {
		vx_varint_add(&w->value, blobs[i] - before);
		before = blobs[i];
		wild_count += wild[i];
	}
	for (uint32_t i = 0; i < w->s.docs && wild_count > 0; i++)
		if (wild[i]) {
			vx_varint_add(&w->value, i - last);
			last = i;
		}
	if (!w->value.failed) {
		vx_put_le32(w->value.ptr + VX_VALUE_HEADER, w->s.docs);
		vx_put_le32(w->value.ptr + VX_VALUE_HEADER + 4, wild_count);
	}
	vx_search_key(&k, w->account, VX_SEARCH_DOCS);
	vx_key_add_u32(&k, w->segment);
	write_value(w, &k, &w->value);
}

static void write_segment(struct vx_dict_writer *w)
{
	const struct vx_search_segment *s = &w->s;
	struct vx_key k;
	char *p;

	begin_value(&w->value, SEGMENT_OCTETS);
	if (!w->value.failed) {
		p = w->value.ptr;
		p[2] = (char)s->level;
		vx_put_le64(p + 8, s->octets);
		vx_put_le32(p + 16, s->docs);
		vx_put_le32(p + 20, s->terms);
		vx_put_le32(p + 24, s->postings);
		for (size_t i = 0; i < VX_ZONES; i++)
			vx_put_le32(p + 28 + 4 * i, s->blocks[i]);
	}
	vx_search_key(&k, w->account, VX_SEARCH_SEGMENT);
	vx_key_add_u32(&k, w->segment);
	vx_writes_add(w->to, &k, &w->value);
}

void vx_dict_end(struct vx_dict_writer *w, const uint64_t *blobs, const bool *wild)
{
	write_block(w);
	write_filter(w);
	write_docs(w, blobs, wild);
	write_segment(w);
}

int vx_dict_result(const struct vx_dict_writer *w)
{
	return w->terms.failed || w->postings.failed || w->filter.failed ||
		       w->value.failed || w->posting.failed || w->to->octets.failed
		   ? VX_ENOMEM
		   : VX_OK;
}

int vx_segment_read(vx_slice key, vx_slice value, struct vx_search_segment *out)
{
	const int rc = vx_search_check(key, value, VX_SEARCH_SEGMENT, SEGMENT_OCTETS);

	if (rc != VX_OK)
		return rc;
	*out = (struct vx_search_segment){ .level = (unsigned char)value.ptr[2],
		.octets = vx_get_le64(value.ptr + 8),
		.docs = vx_get_le32(value.ptr + 16),
		.terms = vx_get_le32(value.ptr + 20),
		.postings = vx_get_le32(value.ptr + 24) };
	for (size_t i = 0; i < VX_ZONES; i++)
		out->blocks[i] = vx_get_le32(value.ptr + 28 + 4 * i);
	return out->docs > 0 && out->docs <= VX_SEGMENT_DOCS_MAX ? VX_OK : VX_ECORRUPT;
}

int vx_dict_read(vx_slice key, vx_slice value, struct vx_dict *out)
{
	const int rc = vx_search_check(key, value, VX_SEARCH_DICT, DICT_HEADER + 2);
	vx_slice rest;
	size_t len;

	if (rc != VX_OK)
		return rc;
	rest = vx_slice_from(value, DICT_HEADER);
	len = vx_get_le16(value.ptr + VX_VALUE_HEADER);
	out->count = vx_get_le16(value.ptr + 2);
	if (len < 3 || len > rest.len || rest.ptr[0] != '\0' || rest.ptr[len - 1] != '\0')
		return VX_ECORRUPT;
	out->terms = vx_slice_head(rest, len);
	out->postings = vx_slice_from(rest, len);
	return VX_OK;
}

size_t vx_pattern_find(vx_slice terms, size_t from, const struct vx_pattern *p)
{
	const char *at;

	if (from >= terms.len || p->len == 0)
		return terms.len;
	at = memmem(terms.ptr + from, terms.len - from, p->octets, p->len);
	return at == NULL ? terms.len : (size_t)(at - terms.ptr);
}

/* --- lists, documents -----------------------------------------------------------------
 */

void vx_list_write(const vx_slice zones[VX_ZONES], bool wild, struct vx_buf *value)
{
	begin_value(value, VX_VALUE_HEADER);
	if (!value->failed)
		value->ptr[2] = wild ? LIST_WILD : 0;
	for (size_t i = 0; i < VX_ZONES; i++) {
		vx_varint_add(value, wild ? 0 : zones[i].len);
		if (!wild)
			vx_buf_add(value, zones[i]);
	}
}

int vx_list_read(vx_slice key, vx_slice value, vx_slice zones[VX_ZONES], bool *wild)
{
	const int rc = vx_search_check(key, value, VX_SEARCH_LIST, VX_VALUE_HEADER);
	vx_slice rest = vx_slice_from(value, VX_VALUE_HEADER);
	uint64_t len;

	if (rc != VX_OK)
		return rc;
	*wild = value.ptr[2] == LIST_WILD;
	for (size_t i = 0; i < VX_ZONES; i++) {
		if (!vx_varint_take(&rest, &len) || len > rest.len || len == 1 ||
		    len == 2)
			return VX_ECORRUPT;
		zones[i] = vx_slice_head(rest, (size_t)len);
		if (len > 0 && (zones[i].ptr[0] != '\0' || zones[i].ptr[len - 1] != '\0'))
			return VX_ECORRUPT;
		rest = vx_slice_from(rest, (size_t)len);
	}
	return rest.len == 0 ? VX_OK : VX_ECORRUPT;
}

static int read_blobs(vx_slice *rest, struct vx_search_docs *d)
{
	uint64_t blob = 0, gap;

	for (uint32_t i = 0; i < d->count; i++) {
		if (!vx_varint_take(rest, &gap) || (gap == 0 && i > 0) ||
		    gap > UINT64_MAX - blob)
			return VX_ECORRUPT;
		blob += gap;
		d->blobs[i] = blob;
	}
	return VX_OK;
}

static int read_wild(vx_slice *rest, struct vx_search_docs *d, uint32_t count)
{
	uint32_t doc = 0;

	if (count == 0)
		return VX_OK;
	d->wild = vx_alloc_array(vx_words(d->count), sizeof(uint64_t));
	if (d->wild == NULL)
		return VX_ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		if (!next_gap(rest, i == 0, d->count, &doc))
			return VX_ECORRUPT;
		d->wild[doc / 64] |= (uint64_t)1 << doc % 64;
	}
	return VX_OK;
}

int vx_docs_read(vx_slice key, vx_slice value, struct vx_search_docs *out)
{
	struct vx_search_docs d = { 0 };
	vx_slice rest = vx_slice_from(value, DOCS_HEADER);
	int rc = vx_search_check(key, value, VX_SEARCH_DOCS, DOCS_HEADER);

	if (rc != VX_OK)
		return rc;
	d.count = vx_get_le32(value.ptr + VX_VALUE_HEADER);
	if (d.count == 0 || d.count > VX_SEGMENT_DOCS_MAX || d.count > rest.len)
		return VX_ECORRUPT;
	d.blobs = vx_alloc_array(d.count, sizeof(uint64_t));
	rc = d.blobs == NULL ? VX_ENOMEM : read_blobs(&rest, &d);
	if (rc == VX_OK)
		rc = read_wild(&rest, &d, vx_get_le32(value.ptr + VX_VALUE_HEADER + 4));
	if (rc == VX_OK && rest.len > 0)
		rc = VX_ECORRUPT;
	if (rc != VX_OK) {
		vx_docs_done(&d);
		return rc;
	}
	*out = d;
	return VX_OK;
}

void vx_docs_done(struct vx_search_docs *d)
{
	vx_free(d->blobs);
	vx_free(d->wild);
	*d = (struct vx_search_docs){ 0 };
}
