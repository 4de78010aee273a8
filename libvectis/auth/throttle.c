#include "auth/throttle.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
	WAYS = 4,
	TIME_BITS = 48 /* of a state: milliseconds, with the count above them */
};
#define TIME_MASK (((uint64_t)1 << TIME_BITS) - 1)
#define COUNT_MAX ((uint64_t)UINT16_MAX)
#define FORGET_MS ((uint64_t)VX_AUTH_FORGET_S * 1000)
#define KNOWN_MS ((uint64_t)VX_AUTH_KNOWN_DAYS * 86400000)

/* key 0: free.  state: when it was last written, and a count. */
struct slot {
	_Atomic uint64_t key, state;
};

struct tables {
	struct slot failures[VX_AUTH_THROTTLE_ENTRIES];
	/* who logged in from where, and who at all */
	struct slot known[VX_AUTH_THROTTLE_ENTRIES];
};

struct vx_throttle {
	struct tables *tables; /* mapped */
	struct vx_siphash_key key;
};

int vx_throttle_open(const char *path, vx_slice secret, struct vx_throttle **out)
{
	struct vx_throttle *t = vx_alloc(sizeof(*t));
	char digest[VX_SHA256_OCTETS];
	void *p;
	int rc;

	if (t == NULL)
		return VX_ENOMEM;
	vx_hmac_sha256(secret, VX_S("login throttle"), digest);
	memcpy(&t->key, digest, sizeof(t->key));
	vx_wipe(digest, sizeof(digest));
	rc = vx_fs_map(path, sizeof(struct tables), &p);
	if (rc != VX_OK) {
		vx_wipe(t, sizeof(*t));
		vx_free(t);
		return rc;
	}
	t->tables = p; /* zeros are empty tables */
	*out = t;
	return VX_OK;
}

void vx_throttle_close(struct vx_throttle *t)
{
	if (t == NULL)
		return;
	vx_fs_unmap(t->tables, sizeof(struct tables));
	vx_wipe(t, sizeof(*t));
	vx_free(t);
}

/* --- slots ----------------------------------------------------------------------- */

/* Of an IPv6 host its /64: it has all of it. */
static void add_network(struct vx_buf *b, const char *address)
{
	unsigned char octets[16];

	if (inet_pton(AF_INET6, address, octets) == 1)
		vx_buf_add(b, vx_slice_of(octets, 8));
	else
		vx_buf_add_str(b, address);
}

/* NULL address or an empty login: not part of it. */
static uint64_t key_of(const struct vx_throttle *t, const char *address, vx_slice login)
{
	struct vx_buf b = { .max = VX_SASL_USER_MAX + 64 };
	uint64_t key;

	if (address != NULL)
		add_network(&b, address);
	vx_buf_add_char(&b, '\0');
	vx_buf_add(&b, login);
	key = vx_siphash(&t->key, vx_buf_slice(&b)) | 1;
	vx_buf_done(&b);
	return key;
}

/* The slot of a key, or the one to give it: the oldest of its neighbours. */
static struct slot *slot_of(struct slot *table, uint64_t key)
{
	struct slot *oldest = NULL;
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < WAYS; i++) {
		struct slot *s = &table[(key + i) % VX_AUTH_THROTTLE_ENTRIES];
		const uint64_t at = atomic_load(&s->state) & TIME_MASK;

		if (atomic_load(&s->key) == key)
			return s;
		if (at < least) {
			least = at;
			oldest = s;
		}
	}
	return oldest;
}

/* The state of a key, 0: none.  A clock that was set back makes it forgotten. */
static uint64_t state_of(struct slot *table, uint64_t key, uint64_t now, uint64_t keep_ms)
{
	struct slot *s = slot_of(table, key);
	const uint64_t state = atomic_load(&s->state), at = state & TIME_MASK;

	return atomic_load(&s->key) == key && at <= now && now - at <= keep_ms ? state
									       : 0;
}

static void put(struct slot *table, uint64_t key, uint64_t count, uint64_t now)
{
	struct slot *s = slot_of(table, key);

	atomic_store(&s->state, count << TIME_BITS | (now & TIME_MASK));
	atomic_store(&s->key, key);
}

/* --- the rules ------------------------------------------------------------------- */

/* 1, 2, 4 ... seconds after the failures that are free; at most so many. */
static uint64_t penalty_ms(uint64_t count, unsigned free, uint64_t max_s)
{
	const uint64_t n = count <= free ? 0 : count - free;
	const uint64_t s = n == 0 ? 0 : n > 10 ? max_s : (uint64_t)1 << (n - 1);

	return (s < max_s ? s : max_s) * 1000;
}

static uint64_t left(
    struct vx_throttle *t, uint64_t key, uint64_t now, unsigned free, uint64_t max_s)
{
	const uint64_t state = state_of(t->tables->failures, key, now, FORGET_MS);
	const uint64_t until =
	    (state & TIME_MASK) + penalty_ms(state >> TIME_BITS, free, max_s);

	return state != 0 && until > now ? until - now : 0;
}

/*
 * Whoever logged in from there before is not made to wait for what others do: neither
 * those who guess this password elsewhere nor those who guess others from this address.
 */
uint64_t vx_throttle_wait_ms(
    struct vx_throttle *t, const char *address, vx_slice login, uint64_t now_ms)
{
	const vx_slice nobody = vx_slice_of("", 0);
	const uint64_t both = key_of(t, address, login);
	uint64_t of_address, of_login;

	if (state_of(t->tables->known, both, now_ms, KNOWN_MS) != 0)
		return left(
		    t, both, now_ms, VX_AUTH_FREE_KNOWN_FAILURES, VX_AUTH_DELAY_KNOWN_S);
	of_address = left(t, key_of(t, address, nobody), now_ms, VX_AUTH_FREE_FAILURES,
	    VX_AUTH_DELAY_MAX_S);
	of_login = left(t, key_of(t, NULL, login), now_ms, VX_AUTH_FREE_ACCOUNT_FAILURES,
	    VX_AUTH_DELAY_MAX_S);
	return of_address > of_login ? of_address : of_login;
}

static void add_failure(struct vx_throttle *t, uint64_t key, uint64_t now)
{
	const uint64_t count =
	    state_of(t->tables->failures, key, now, FORGET_MS) >> TIME_BITS;

	put(t->tables->failures, key, count < COUNT_MAX ? count + 1 : COUNT_MAX, now);
}

/* Those were typing errors: others behind the same address need not wait for them. */
static void forgive(struct vx_throttle *t, uint64_t address, uint64_t both, uint64_t now)
{
	struct slot *const f = t->tables->failures;
	const uint64_t mine = state_of(f, both, now, FORGET_MS) >> TIME_BITS;
	const uint64_t all = state_of(f, address, now, FORGET_MS) >> TIME_BITS;

	if (mine == 0)
		return;
	put(f, both, 0, now);
	put(f, address, all > mine ? all - mine : 0, now);
}

void vx_throttle_note(struct vx_throttle *t, const char *address, vx_slice login,
    bool right, uint64_t now_ms)
{
	const uint64_t both = key_of(t, address, login);

	if (right) {
		put(t->tables->known, both, 0, now_ms);
		put(t->tables->known, key_of(t, NULL, login), 0, now_ms);
		forgive(t, key_of(t, address, vx_slice_of("", 0)), both, now_ms);
		return;
	}
	add_failure(t, key_of(t, address, vx_slice_of("", 0)), now_ms);
	if (login.len > 0)
		add_failure(t, key_of(t, NULL, login), now_ms);
	add_failure(t, both, now_ms);
}

uint64_t vx_throttle_right_ms(struct vx_throttle *t, vx_slice login, uint64_t now_ms)
{
	return state_of(t->tables->known, key_of(t, NULL, login), now_ms, KNOWN_MS) &
	       TIME_MASK;
}
