/* A segment out of the terms of some thousand messages, in memory. */
#include "base/mem.h"
#include "base/random.h"
#include "store/search_int.h"

#include <stdlib.h>

#define SLOTS_FIRST ((size_t)1 << 15)
#define ENTRIES_MAX ((size_t)1 << 21)
enum {
	DOCS_FIRST = 2
};

struct entry {
	const char *term; /* in the arena */
	uint32_t *docs;   /* first, or in the arena */
	uint32_t first[DOCS_FIRST];
	uint32_t count, cap;
	uint32_t hash;
	uint16_t len;
	uint8_t zone;
};

struct vx_search_build {
	struct vx_arena arena;
	struct entry *entries; /* own */
	size_t entry_count, entry_cap;
	uint32_t *slots; /* own: number of an entry, plus 1 */
	size_t slot_mask;
	uint64_t seed;
	uint64_t blobs[VX_SEARCH_BATCH_DOCS];
	bool wild[VX_SEARCH_BATCH_DOCS];
	uint32_t docs;
};

int vx_search_build_new(struct vx_search_build **out)
{
	struct vx_search_build *b = vx_alloc(sizeof(*b));

	if (b == NULL)
		return VX_ENOMEM;
	vx_arena_init(&b->arena, 2 * VX_SEARCH_BUILD_OCTETS);
	vx_random_seed(&b->seed, sizeof(b->seed));
	b->slots = vx_alloc_array(SLOTS_FIRST, sizeof(*b->slots));
	b->slot_mask = SLOTS_FIRST - 1;
	if (b->slots == NULL) {
		vx_search_build_free(b);
		return VX_ENOMEM;
	}
	*out = b;
	return VX_OK;
}

void vx_search_build_free(struct vx_search_build *b)
{
	if (b == NULL)
		return;
	vx_arena_done(&b->arena);
	vx_free(b->entries);
	vx_free(b->slots);
	vx_free(b);
}

uint32_t vx_search_build_count(const struct vx_search_build *b)
{
	return b->docs;
}

unsigned vx_search_level(uint32_t docs)
{
	unsigned level = 0;

	for (uint64_t most = VX_SEARCH_BATCH_DOCS; docs >= most; most *= VX_SEARCH_FANOUT)
		level++;
	return level;
}

static bool grow_slots(struct vx_search_build *b)
{
	const size_t count = (b->slot_mask + 1) * 2;
	uint32_t *slots = vx_alloc_array(count, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (size_t i = 0; i < b->entry_count; i++) {
		size_t at = b->entries[i].hash & (count - 1);

		while (slots[at] != 0)
			at = (at + 1) & (count - 1);
		slots[at] = (uint32_t)i + 1;
	}
	vx_free(b->slots);
	b->slots = slots;
	b->slot_mask = count - 1;
	return true;
}

static struct entry *new_entry(
    struct vx_search_build *b, size_t slot, uint32_t hash, uint8_t zone, vx_slice term)
{
	struct entry *e;

	if (b->entry_count == b->entry_cap) {
		const size_t cap = b->entry_cap == 0 ? 8192 : b->entry_cap * 2;
		struct entry *grown = cap > ENTRIES_MAX
					  ? NULL
					  : vx_realloc(b->entries, cap * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		b->entries = grown;
		b->entry_cap = cap;
		/* those that keep their documents in themselves have moved */
		for (size_t i = 0; i < b->entry_count; i++)
			if (grown[i].cap == DOCS_FIRST)
				grown[i].docs = grown[i].first;
	}
	e = &b->entries[b->entry_count];
	*e = (struct entry){ .term = vx_arena_dup(&b->arena, term),
		.cap = DOCS_FIRST,
		.hash = hash,
		.len = (uint16_t)term.len,
		.zone = zone };
	e->docs = e->first;
	if (e->term == NULL)
		return NULL;
	b->slots[slot] = (uint32_t)++b->entry_count;
	return e;
}

static struct entry *find_entry(struct vx_search_build *b, uint8_t zone, vx_slice term)
{
	const uint32_t hash =
	    (uint32_t)(vx_term_hash(b->seed, term) + (uint64_t)zone * 0x1003f);
	size_t at = hash & b->slot_mask;

	for (; b->slots[at] != 0; at = (at + 1) & b->slot_mask) {
		struct entry *e = &b->entries[b->slots[at] - 1];

		if (e->hash == hash && e->zone == zone && e->len == term.len &&
		    memcmp(e->term, term.ptr, term.len) == 0)
			return e;
	}
	return new_entry(b, at, hash, zone, term);
}

static bool add_doc(struct vx_search_build *b, struct entry *e)
{
	if (e->count == e->cap) {
		uint32_t *grown =
		    vx_arena_array(&b->arena, (size_t)e->cap * 2, sizeof(*grown));

		if (grown == NULL)
			return false;
		memcpy(grown, e->docs, e->count * sizeof(*grown));
		e->docs = grown;
		e->cap *= 2;
	}
	e->docs[e->count++] = b->docs;
	return true;
}

static int add_terms(struct vx_search_build *b, uint8_t zone, vx_slice terms)
{
	terms = vx_slice_from(terms, 1);
	while (terms.len > 0) {
		const vx_slice term = vx_slice_head(terms, vx_slice_find(terms, '\0'));
		struct entry *e;

		if (term.len == 0 || term.len > VX_TERM_MAX)
			return VX_ECORRUPT;
		if (b->entry_count > b->slot_mask / 2 && !grow_slots(b))
			return VX_ENOMEM;
		e = find_entry(b, zone, term);
		if (e == NULL || (!(e->count > 0 && e->docs[e->count - 1] == b->docs) &&
				     !add_doc(b, e)))
			return VX_ENOMEM;
		terms = vx_slice_from(terms, term.len + 1);
	}
	return VX_OK;
}

int vx_search_build_add(
    struct vx_search_build *b, uint64_t blob, const vx_slice zones[VX_ZONES], bool wild)
{
	int rc = VX_OK;

	if (b->docs == VX_SEARCH_BATCH_DOCS ||
	    (b->docs > 0 && (b->arena.used > VX_SEARCH_BUILD_OCTETS ||
				b->entry_count > ENTRIES_MAX / 4)))
		return VX_ELIMIT;
	for (uint8_t i = 0; i < VX_ZONES && rc == VX_OK && !wild; i++)
		rc = add_terms(b, i, zones[i]);
	if (rc != VX_OK)
		return rc;
	b->blobs[b->docs] = blob;
	b->wild[b->docs++] = wild;
	return VX_OK;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a;
	const struct entry *y = *(const struct entry *const *)b;
	const size_t n = x->len < y->len ? x->len : y->len;
	const int order = x->zone != y->zone ? (x->zone < y->zone ? -1 : 1)
					     : memcmp(x->term, y->term, n);

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static void empty(struct vx_search_build *b)
{
	vx_arena_reset(&b->arena);
	memset(b->slots, 0, (b->slot_mask + 1) * sizeof(*b->slots));
	b->entry_count = 0;
	b->docs = 0;
}

int vx_search_build_end(struct vx_search_build *b, uint32_t account, uint32_t segment,
    struct vx_search_writes *writes)
{
	const struct entry **order = vx_alloc_array(b->entry_count + 1, sizeof(*order));
	struct vx_dict_writer w;
	int rc;

	if (order == NULL)
		return VX_ENOMEM;
	for (size_t i = 0; i < b->entry_count; i++)
		order[i] = &b->entries[i];
	qsort(order, b->entry_count, sizeof(*order), compare);
	vx_dict_writer_init(&w, writes, account, segment, b->docs);
	w.s.level = vx_search_level(b->docs);
	for (size_t i = 0; i < b->entry_count; i++)
		vx_dict_add(&w, (enum vx_zone)order[i]->zone,
		    vx_slice_of(order[i]->term, order[i]->len), order[i]->docs,
		    order[i]->count);
	vx_dict_end(&w, b->blobs, b->wild);
	rc = vx_dict_result(&w);
	vx_dict_writer_done(&w);
	vx_free(order);
	empty(b);
	return rc;
}
