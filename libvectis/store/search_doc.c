/* The terms of one message, each once, by zone. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/search_int.h"

#define ROOT_SLOTS ((size_t)4096)

struct vx_term_slot {
	uint32_t generation; /* of the message it belongs to: others are free */
	uint32_t hash;
	uint32_t offset; /* in its zone */
	uint16_t len;
	uint8_t zone;
};

/* Mixes eight octets at a time.  The seed is secret: nobody can choose what collides. */
uint64_t vx_term_hash(uint64_t seed, vx_slice term)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = seed ^ term.len;

	while (term.len > 0) {
		uint64_t word = 0;

		memcpy(&word, term.ptr, term.len < 8 ? term.len : 8);
		h = (h ^ word) * odd;
		h ^= h >> 29 ^ seed;
		term = vx_slice_from(term, 8);
	}
	h *= odd;
	return h ^ h >> 32;
}

int vx_search_doc_init(struct vx_search_doc *d)
{
	*d = (struct vx_search_doc){ .descriptor = { .max = VX_DESCRIPTOR_MAX },
		.text = { .max = VX_SEARCH_TEXT_MAX } };
	for (size_t i = 0; i < VX_ZONES; i++)
		d->zones[i].max = VX_LIST_OCTETS_MAX;
	vx_random_seed(&d->seed, sizeof(d->seed));
	d->slots = vx_alloc_array(ROOT_SLOTS, sizeof(*d->slots));
	d->slot_mask = ROOT_SLOTS - 1;
	return d->slots == NULL ? VX_ENOMEM : VX_OK;
}

void vx_search_doc_done(struct vx_search_doc *d)
{
	vx_plain_done(&d->plain);
	vx_buf_done(&d->descriptor);
	vx_buf_done(&d->text);
	for (size_t i = 0; i < VX_ZONES; i++)
		vx_buf_done(&d->zones[i]);
	vx_free(d->slots);
}

static struct vx_term_slot *find_slot(
    struct vx_search_doc *d, uint32_t hash, vx_slice term)
{
	size_t at = hash & d->slot_mask;

	for (;; at = (at + 1) & d->slot_mask) {
		struct vx_term_slot *s = &d->slots[at];

		if (s->generation != d->generation)
			return s;
		if (s->hash == hash && s->zone == (uint8_t)d->zone &&
		    s->len == term.len &&
		    memcmp(d->zones[s->zone].ptr + s->offset, term.ptr, term.len) == 0)
			return s;
	}
}

static void grow(struct vx_search_doc *d)
{
	struct vx_term_slot *old = d->slots;
	const size_t old_count = d->slot_mask + 1, count = old_count * 2;
	struct vx_term_slot *slots = vx_alloc_array(count, sizeof(*slots));

	if (slots == NULL) {
		d->failed = true;
		return;
	}
	for (size_t i = 0; i < old_count; i++) {
		size_t at = old[i].hash & (count - 1);

		if (old[i].generation != d->generation)
			continue;
		while (slots[at].generation == d->generation)
			at = (at + 1) & (count - 1);
		slots[at] = old[i];
	}
	vx_free(old);
	d->slots = slots;
	d->slot_mask = count - 1;
}

static void add_term(void *ctx, vx_slice term)
{
	struct vx_search_doc *d = ctx;
	const uint32_t hash =
	    (uint32_t)(vx_term_hash(d->seed, term) + (uint64_t)d->zone * 0x1003f);
	struct vx_buf *zone = &d->zones[d->zone];
	struct vx_term_slot *s;

	if (d->wild || d->failed)
		return;
	s = find_slot(d, hash, term);
	if (s->generation == d->generation)
		return;
	if (zone->len == 0)
		vx_buf_add_char(zone, '\0');
	*s = (struct vx_term_slot){ d->generation, hash, (uint32_t)zone->len,
		(uint16_t)term.len, (uint8_t)d->zone };
	vx_buf_add(zone, term);
	vx_buf_add_char(zone, '\0');
	d->wild = zone->failed;
	if (++d->slot_count > d->slot_mask / 2)
		grow(d);
}

enum vx_zone vx_search_zone_of(vx_slice name)
{
	static const char *const names[VX_ZONES] = { NULL, "subject", "from", "to", "cc",
		"bcc", NULL };

	for (size_t i = 0; i < VX_ZONES; i++)
		if (names[i] != NULL && vx_slice_eq_nocase(name, vx_slice_str(names[i])))
			return (enum vx_zone)i;
	return VX_ZONE_OTHER;
}

/* The text that was collected goes to a zone. */
static int take_text(struct vx_search_doc *d, enum vx_zone zone)
{
	int rc;

	d->zone = zone;
	d->wild = d->wild || d->text.failed;
	rc = vx_terms_of(vx_buf_slice(&d->text), add_term, d);
	vx_buf_reset(&d->text);
	return rc;
}

/* In a line of the header "NAME: " stands before the value: see vx_plain_header. */
static int take_header(struct vx_search_doc *d, vx_slice block)
{
	struct vx_field f;
	int rc = VX_OK;

	while (rc == VX_OK && vx_field_next(&block, &f)) {
		vx_text_fold(f.name, &d->text);
		vx_buf_add_str(&d->text, ": ");
		rc = take_text(d, VX_ZONE_OTHER);
		vx_plain_value(&d->plain, &f, &d->text);
		if (rc == VX_OK)
			rc = take_text(d, vx_search_zone_of(f.name));
	}
	return rc;
}

/* A copy: the view is not kept open while the body is read. */
static int get_descriptor(struct vx_search_doc *d, struct vx_store *store, uint64_t blob)
{
	struct vx_view *v;
	vx_slice octets;
	int rc = vx_view_begin(store, &v);

	if (rc != VX_OK)
		return rc;
	vx_buf_reset(&d->descriptor);
	rc = vx_descriptor_get(v, blob, &octets);
	if (rc == VX_OK)
		vx_buf_add(&d->descriptor, octets);
	vx_view_end(v);
	return rc == VX_OK && d->descriptor.failed ? VX_ENOMEM : rc;
}

static void begin_doc(struct vx_search_doc *d)
{
	for (size_t i = 0; i < VX_ZONES; i++)
		vx_buf_reset(&d->zones[i]);
	vx_buf_reset(&d->text);
	d->wild = d->failed = false;
	d->slot_count = 0;
	if (++d->generation == 0) { /* after 4 thousand million messages */
		memset(d->slots, 0, (d->slot_mask + 1) * sizeof(*d->slots));
		d->generation = 1;
	}
}

static bool in_time(void *ctx)
{
	const uint64_t *until = ctx;

	return vx_clock_mono_us() < *until;
}

static int read_text(struct vx_search_doc *d, struct vx_blob_reader *reader)
{
	uint64_t until = vx_clock_mono_us() + VX_SEARCH_TEXT_US;
	struct vx_blob_source source;
	struct vx_descriptor desc;
	vx_slice header;
	int rc = vx_descriptor_open(vx_buf_slice(&d->descriptor), &desc);

	if (rc != VX_OK)
		return rc;
	vx_blob_source_init(&source, reader);
	source.go_on = in_time;
	source.ctx = &until;
	rc = source.base.read(&source.base, 0, desc.header_size, &header);
	if (rc == VX_OK)
		rc = take_header(d, header);
	if (rc == VX_OK)
		rc = vx_plain_body(&d->plain, &desc, &source.base, &d->text);
	if (rc == VX_OK)
		rc = take_text(d, VX_ZONE_BODY);
	if (rc == VX_ECLOSED) {
		d->wild = true;
		rc = VX_OK;
	}
	vx_blob_source_done(&source);
	return rc == VX_OK && d->failed ? VX_ENOMEM : rc;
}

int vx_search_doc_read(struct vx_search_doc *d, struct vx_store *store, uint64_t blob)
{
	struct vx_blob_reader *reader;
	int rc;

	begin_doc(d);
	rc = get_descriptor(d, store, blob);
	if (rc == VX_OK)
		rc = vx_blob_open(store, blob, &reader);
	if (rc != VX_OK)
		return rc;
	rc = read_text(d, reader);
	vx_blob_close(reader);
	vx_plain_shrink(&d->plain);
	vx_buf_shrink(&d->text, VX_PLAIN_KEEP_MAX);
	return rc;
}

/* --- a stored message as a source ----------------------------------------------------
 */

static int read_source(
    struct vx_plain_source *base, uint64_t first, uint64_t end, vx_slice *out)
{
	struct vx_blob_source *s = (struct vx_blob_source *)base;
	const uint64_t size = vx_blob_size(s->reader);

	if (end > size)
		end = size;
	*out = vx_slice_of("", 0);
	vx_buf_reset(&s->copy);
	while (first < end) {
		const size_t want = (size_t)(end - first);
		vx_slice piece;
		int rc;

		if (s->go_on != NULL && !s->go_on(s->ctx))
			return VX_ECLOSED;
		rc = vx_blob_read(s->reader, first, want, &piece);
		if (rc == VX_WAIT) {
			rc = vx_blob_fetch(s->reader, first, want);
			if (rc == VX_OK)
				continue;
		}
		if (rc != VX_OK)
			return rc;
		if (piece.len == want && s->copy.len == 0) {
			*out = piece;
			return VX_OK;
		}
		vx_buf_add(&s->copy, piece);
		if (s->copy.failed)
			return VX_ENOMEM;
		first += piece.len;
		*out = vx_buf_slice(&s->copy);
	}
	return VX_OK;
}

void vx_blob_source_init(struct vx_blob_source *s, struct vx_blob_reader *reader)
{
	*s = (struct vx_blob_source){ .base = { read_source },
		.reader = reader,
		.copy = { .max = VX_PLAIN_PART_MAX } };
}

void vx_blob_source_done(struct vx_blob_source *s)
{
	vx_buf_done(&s->copy);
}
