#include "service/own_rates.h"

#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int map_file(const char *path, struct slot **out)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	void *p = MAP_FAILED;

	if (fd < 0)
		return vx_errno_result(errno);
	/* zeros are an empty table, and a shorter file is never seen by others */
	if (fstat(fd, &st) == 0 &&
	    ((size_t)st.st_size >= OCTETS || ftruncate(fd, (off_t)OCTETS) == 0))
		p = mmap(NULL, OCTETS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p == MAP_FAILED)
		return vx_errno_result(errno);
	*out = p;
	return VX_OK;
}

static int map_memory(struct slot **out)
{
	void *p = mmap(
	    NULL, OCTETS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return VX_ENOMEM;
	*out = p;
	return VX_OK;
}

int vx_own_rates_open(
    const struct vx_store *store, const char *path, struct own_rates **out)
{
	char secret[VX_STORE_SECRET_OCTETS];
	struct own_rates *r = vx_alloc(sizeof(*r));
	int rc = VX_ENOMEM;

	if (r == NULL)
		return rc;
	vx_store_secret(store, secret);
	memcpy(&r->key, secret, sizeof(r->key));
	vx_wipe(secret, sizeof(secret));
	rc = path != NULL ? map_file(path, &r->slots) : map_memory(&r->slots);
	if (rc == VX_OK)
		*out = r;
	else
		vx_free(r);
	return rc;
}

void vx_own_rates_close(struct own_rates *r)
{
	if (r == NULL)
		return;
	(void)munmap(r->slots, OCTETS);
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
