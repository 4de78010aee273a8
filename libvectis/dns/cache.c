#include "vectis/dns_cache.h"

#include "base/map.h"
#include "base/mem.h"

struct entry {
	struct entry *newer, *older;
	struct vx_dns_answer *answer; /* own */
	uint64_t until_s;
	size_t key_len;
	char key[2 + VX_DNS_NAME_MAX];
};

struct vx_dns_cache {
	struct vx_map map; /* of entries */
	struct entry *newest, *oldest;
	size_t max;
	struct vx_dns_answer answer; /* that was handed out */
};

int vx_dns_cache_new(size_t answers_max, struct vx_dns_cache **out)
{
	struct vx_dns_cache *c = vx_alloc(sizeof(*c));

	if (c == NULL)
		return VX_ENOMEM;
	vx_map_init(&c->map, answers_max);
	c->max = answers_max;
	*out = c;
	return VX_OK;
}

static void free_entry(struct entry *e)
{
	vx_dns_answer_free(e->answer);
	vx_free(e);
}

static void unlink_entry(struct vx_dns_cache *c, struct entry *e)
{
	*(e->newer != NULL ? &e->newer->older : &c->newest) = e->older;
	*(e->older != NULL ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_entry(struct vx_dns_cache *c, struct entry *e)
{
	e->newer = NULL;
	e->older = c->newest;
	*(c->newest != NULL ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void drop(struct vx_dns_cache *c, struct entry *e)
{
	unlink_entry(c, e);
	(void)vx_map_remove(&c->map, vx_slice_of(e->key, e->key_len));
	free_entry(e);
}

void vx_dns_cache_free(struct vx_dns_cache *c)
{
	if (c == NULL)
		return;
	while (c->oldest != NULL)
		drop(c, c->oldest);
	vx_map_done(&c->map);
	vx_free(c);
}

static size_t write_key(const struct vx_dns_question *q, char key[2 + VX_DNS_NAME_MAX])
{
	const size_t len = strlen(q->name);

	key[0] = (char)((unsigned)q->type >> 8);
	key[1] = (char)q->type;
	memcpy(key + 2, q->name, len);
	return 2 + len;
}

static uint64_t kept_s(const struct vx_dns_answer *a)
{
	if (!vx_dns_answered(a))
		return VX_DNS_FAILED_S;
	return a->ttl < VX_DNS_KEPT_S ? a->ttl : VX_DNS_KEPT_S;
}

static struct entry *make(const struct vx_dns_answer *a)
{
	struct entry *e = vx_alloc(sizeof(*e));

	if (e != NULL)
		e->answer = vx_dns_answer_dup(a);
	if (e == NULL || e->answer == NULL) {
		vx_free(e);
		return NULL;
	}
	return e;
}

void vx_dns_cache_put(struct vx_dns_cache *c, const struct vx_dns_question *q,
    const struct vx_dns_answer *a, uint64_t now_s)
{
	const uint64_t s = kept_s(a);
	struct entry *e, *old;
	size_t octets = 0;

	for (size_t i = 0; i < a->count; i++)
		octets += a->rdata[i].len;
	if (s == 0 || c->max == 0 || octets > VX_DNS_KEPT_OCTETS || (e = make(a)) == NULL)
		return;
	e->key_len = write_key(q, e->key);
	e->until_s = now_s + s;
	old = vx_map_find(&c->map, vx_slice_of(e->key, e->key_len));
	if (old != NULL)
		drop(c, old);
	if (c->map.count == c->max)
		drop(c, c->oldest);
	if (vx_map_set(&c->map, vx_slice_of(e->key, e->key_len), e) != VX_OK) {
		free_entry(e);
		return;
	}
	link_entry(c, e);
}

const struct vx_dns_answer *vx_dns_cache_find(
    struct vx_dns_cache *c, const struct vx_dns_question *q, uint64_t now_s)
{
	char key[2 + VX_DNS_NAME_MAX];
	struct entry *e = vx_map_find(&c->map, vx_slice_of(key, write_key(q, key)));

	if (e == NULL)
		return NULL;
	if (now_s >= e->until_s) {
		drop(c, e);
		return NULL;
	}
	unlink_entry(c, e);
	link_entry(c, e);
	c->answer = *e->answer;
	c->answer.ttl = (uint32_t)(e->until_s - now_s);
	return &c->answer;
}
