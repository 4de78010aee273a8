#include "base/intern.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/random.h"

enum {
	FIRST_CAP = 64
};

struct vx_intern_entry {
	uint32_t offset, len;
	uint32_t hash;
};

void vx_intern_init(struct vx_intern *t, size_t limit)
{
	*t = (struct vx_intern){ .limit = limit };
	vx_buf_init(&t->octets, limit < UINT32_MAX ? limit : UINT32_MAX);
	vx_random_seed(&t->key, sizeof(t->key));
}

void vx_intern_done(struct vx_intern *t)
{
	vx_buf_done(&t->octets);
	vx_free(t->entries);
	vx_free(t->slots);
	t->entries = NULL;
	t->slots = NULL;
	t->count = t->cap = t->slot_cap = 0;
}

vx_slice vx_intern_get(const struct vx_intern *t, uint32_t number)
{
	const struct vx_intern_entry *e = &t->entries[number];

	/* before the first text there are no octets, only the empty text */
	return vx_slice_head(vx_slice_from(vx_buf_slice(&t->octets), e->offset), e->len);
}

static size_t memory(size_t cap, size_t slot_cap)
{
	return cap * sizeof(struct vx_intern_entry) + slot_cap * sizeof(uint32_t);
}

static void put(struct vx_intern *t, uint32_t number)
{
	size_t at = t->entries[number].hash & (t->slot_cap - 1);

	while (t->slots[at] != 0)
		at = (at + 1) & (t->slot_cap - 1);
	t->slots[at] = number + 1;
}

/* Room for one more entry; the slots are never more than half full. */
static int grow(struct vx_intern *t)
{
	const size_t cap = t->cap == 0 ? FIRST_CAP : 2 * t->cap;
	struct vx_intern_entry *entries;
	uint32_t *slots;

	if (t->count < t->cap)
		return VX_OK;
	if (cap >= UINT32_MAX / 4 || memory(cap, 2 * cap) + t->octets.len > t->limit)
		return VX_ELIMIT;
	slots = vx_alloc_array(2 * cap, sizeof(*slots));
	if (slots == NULL)
		return VX_ENOMEM;
	entries = vx_realloc(t->entries, cap * sizeof(*entries));
	if (entries == NULL) {
		vx_free(slots);
		return VX_ENOMEM;
	}
	vx_free(t->slots);
	t->entries = entries;
	t->cap = cap;
	t->slots = slots;
	t->slot_cap = 2 * cap;
	for (uint32_t i = 0; i < t->count; i++)
		put(t, i);
	return VX_OK;
}

int vx_intern_add(struct vx_intern *t, vx_slice s, uint32_t *out)
{
	const uint32_t hash = (uint32_t)vx_siphash(&t->key, s);
	int rc;

	for (size_t at = hash; t->slot_cap > 0; at++) {
		const uint32_t slot = t->slots[at & (t->slot_cap - 1)];

		if (slot == 0)
			break;
		if (t->entries[slot - 1].hash == hash &&
		    vx_slice_eq(vx_intern_get(t, slot - 1), s)) {
			*out = slot - 1;
			return VX_OK;
		}
	}
	rc = grow(t);
	if (rc != VX_OK)
		return rc;
	if (memory(t->cap, t->slot_cap) + t->octets.len + s.len > t->limit)
		return VX_ELIMIT;
	t->entries[t->count] = (struct vx_intern_entry){
		.offset = (uint32_t)t->octets.len, .len = (uint32_t)s.len, .hash = hash
	};
	vx_buf_add(&t->octets, s);
	if (t->octets.failed) {
		t->octets.failed = false;
		return VX_ENOMEM;
	}
	put(t, (uint32_t)t->count);
	*out = (uint32_t)t->count++;
	return VX_OK;
}

/* --- ranks ------------------------------------------------------------------------- */

/* A string with its first octets beside it: most comparisons look no further. */
struct item {
	uint64_t head;
	uint32_t number;
};

static uint64_t head_of(vx_slice s)
{
	char octets[8] = { 0 };

	memcpy(octets, s.ptr == NULL ? "" : s.ptr, s.len < 8 ? s.len : 8);
	return vx_get_be64(octets);
}

static bool before(const struct vx_intern *t, const struct item *a, const struct item *b)
{
	if (a->head != b->head)
		return a->head < b->head;
	return vx_slice_cmp(vx_intern_get(t, a->number), vx_intern_get(t, b->number)) < 0;
}

/* Merge [first, mid) and [mid, end) of from. */
static void merge(const struct vx_intern *t, const struct item *from, struct item *to,
    size_t first, size_t mid, size_t end)
{
	size_t a = first, b = mid;

	for (size_t i = first; i < end; i++)
		to[i] = b == end || (a < mid && !before(t, &from[b], &from[a]))
			    ? from[a++]
			    : from[b++];
}

int vx_intern_ranks(const struct vx_intern *t, uint32_t *ranks)
{
	struct item *items = vx_alloc_array(2 * t->count, sizeof(*items));
	struct item *from = items, *to = items + t->count, *swap;

	if (items == NULL)
		return VX_ENOMEM;
	for (uint32_t i = 0; i < t->count; i++)
		from[i] = (struct item){ head_of(vx_intern_get(t, i)), i };
	for (size_t width = 1; width < t->count; width *= 2) {
		for (size_t i = 0; i < t->count; i += 2 * width) {
			const size_t mid = i + width < t->count ? i + width : t->count;
			const size_t end =
			    i + 2 * width < t->count ? i + 2 * width : t->count;

			merge(t, from, to, i, mid, end);
		}
		swap = from;
		from = to;
		to = swap;
	}
	for (size_t i = 0; i < t->count; i++)
		ranks[from[i].number] = (uint32_t)i;
	vx_free(items);
	return VX_OK;
}
