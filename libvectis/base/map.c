#include "base/map.h"

#include "base/mem.h"
#include "base/random.h"
#include "vectis/err.h"

enum {
	FIRST_CAP = 16
};

struct vx_map_entry {
	uint64_t hash;
	vx_slice key;
	void *value; /* NULL: free, or a tombstone when hash is 1 */
};

void vx_map_init(struct vx_map *m, size_t limit)
{
	*m = (struct vx_map){ .limit = limit };
	vx_random_seed(&m->key, sizeof(m->key));
}

void vx_map_done(struct vx_map *m)
{
	vx_free(m->slots);
	m->slots = NULL;
	m->count = m->used = m->cap = 0;
}

/* The slot of key; where it is not, NULL. */
static struct vx_map_entry *lookup(const struct vx_map *m, vx_slice key, uint64_t hash)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct vx_map_entry *e = &m->slots[i];

		if (e->value == NULL && e->hash == 0)
			return NULL;
		if (e->value != NULL && e->hash == hash && vx_slice_eq(e->key, key))
			return e;
	}
}

static void insert(struct vx_map *m, vx_slice key, uint64_t hash, void *value)
{
	size_t i = hash & (m->cap - 1);

	while (m->slots[i].value != NULL)
		i = (i + 1) & (m->cap - 1);
	if (m->slots[i].hash == 0)
		m->used++;
	m->slots[i] = (struct vx_map_entry){ hash, key, value };
	m->count++;
}

/* Keep a third of the slots free; drops the tombstones. */
static int make_room(struct vx_map *m)
{
	struct vx_map old = *m;
	size_t cap = FIRST_CAP;

	if (m->cap > 0 && (m->used + 1) * 3 <= m->cap * 2)
		return VX_OK;
	while ((m->count + 1) * 2 > cap)
		cap *= 2;
	m->slots = vx_alloc_array(cap, sizeof(*m->slots));
	if (m->slots == NULL) {
		m->slots = old.slots;
		return VX_ENOMEM;
	}
	m->cap = cap;
	m->count = m->used = 0;
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value != NULL)
			insert(
			    m, old.slots[i].key, old.slots[i].hash, old.slots[i].value);
	vx_free(old.slots);
	return VX_OK;
}

/* Never 0 or 1: those mark free slots and tombstones. */
static uint64_t hash_of(const struct vx_map *m, vx_slice key)
{
	const uint64_t h = vx_siphash(&m->key, key);

	return h < 2 ? h + 2 : h;
}

void *vx_map_find(const struct vx_map *m, vx_slice key)
{
	const struct vx_map_entry *e = lookup(m, key, hash_of(m, key));

	return e == NULL ? NULL : e->value;
}

int vx_map_set(struct vx_map *m, vx_slice key, void *value)
{
	const uint64_t hash = hash_of(m, key);
	struct vx_map_entry *e = lookup(m, key, hash);
	int rc;

	if (e != NULL) {
		e->key = key;
		e->value = value;
		return VX_OK;
	}
	if (m->count >= m->limit)
		return VX_ELIMIT;
	rc = make_room(m);
	if (rc == VX_OK)
		insert(m, key, hash, value);
	return rc;
}

void *vx_map_remove(struct vx_map *m, vx_slice key)
{
	struct vx_map_entry *e = lookup(m, key, hash_of(m, key));
	void *value;

	if (e == NULL)
		return NULL;
	value = e->value;
	*e = (struct vx_map_entry){ .hash = 1 };
	m->count--;
	return value;
}

void *vx_map_next(const struct vx_map *m, size_t *at)
{
	while (*at < m->cap) {
		void *value = m->slots[(*at)++].value;

		if (value != NULL)
			return value;
	}
	return NULL;
}
