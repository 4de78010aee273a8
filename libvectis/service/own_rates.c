#include "service/own_rates.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"

#include <stdatomic.h>

enum {
	WAYS = 4
};

/* key 0: free.  state: the minute, and how often below it. */
struct slot {
	_Atomic uint64_t key, state;
};

struct own_rates {
	struct slot *slots; /* mapped */
	struct vx_siphash_key key;
};

#define OCTETS (OWN_RATES_SLOTS * sizeof(struct slot))

int vx_own_rates_open(
    const struct vx_store *store, const char *path, struct own_rates **out)
{
	char secret[VX_STORE_SECRET_OCTETS];
	struct own_rates *r = vx_alloc(sizeof(*r));
	void *p;
	int rc;

	if (r == NULL)
		return VX_ENOMEM;
	vx_store_secret(store, secret);
	memcpy(&r->key, secret, sizeof(r->key));
	vx_wipe(secret, sizeof(secret));
	rc = vx_fs_map(path, OCTETS, &p);
	if (rc != VX_OK) {
		vx_free(r);
		return rc;
	}
	r->slots = p; /* zeros are an empty table */
	*out = r;
	return VX_OK;
}

void vx_own_rates_close(struct own_rates *r)
{
	if (r == NULL)
		return;
	vx_fs_unmap(r->slots, OCTETS);
	vx_wipe(r, sizeof(*r));
	vx_free(r);
}

/* The slot of a key, or the one to give it: the oldest of its neighbours. */
static struct slot *slot_of(struct own_rates *r, uint64_t key)
{
	struct slot *oldest = NULL;
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < WAYS; i++) {
		struct slot *s = &r->slots[(key + i) % OWN_RATES_SLOTS];
		const uint64_t state = atomic_load(&s->state);

		if (atomic_load(&s->key) == key)
			return s;
		if (oldest == NULL || state < least) {
			least = state;
			oldest = s;
		}
	}
	atomic_store(&oldest->state, 0);
	atomic_store(&oldest->key, key);
	return oldest;
}

uint32_t vx_own_rates_count(struct own_rates *r, enum own_rate rate,
    const struct vx_network *network, int64_t now_s)
{
	const uint64_t minute = (uint64_t)now_s / 60;
	char text[sizeof(network->address) + 2];
	uint64_t key, state;
	struct slot *s;

	memcpy(text, network->address, sizeof(network->address));
	text[sizeof(network->address)] = (char)network->v6;
	text[sizeof(network->address) + 1] = (char)rate;
	key = vx_siphash(&r->key, vx_slice_of(text, sizeof(text))) | 1;
	s = slot_of(r, key);
	state = atomic_load(&s->state);
	/* two processes may begin a minute at once: one count is lost then */
	if (state >> 32 != minute) {
		atomic_store(&s->state, minute << 32 | 1);
		return 1;
	}
	state = atomic_fetch_add(&s->state, 1) + 1;
	return (uint32_t)state;
}
