/* How long records are kept: short until they are known to be right (features DNS-16). */
#include "zone/ttl.h"

#include <string.h>

/* Of one set (RFC 2181 5): they answer the same question. */
static bool is_with(const struct vx_zone_record *a, const struct vx_zone_record *b)
{
	return strcmp(a->name, b->name) == 0 && strcmp(a->type, b->type) == 0;
}

static bool is_tlsa(const struct vx_zone_record *r)
{
	return strcmp(r->type, "TLSA") == 0;
}

static bool goes(const struct vx_zone_diff *d, const struct vx_zone_record *r)
{
	for (size_t i = 0; d != NULL && i < d->count; i++)
		if (d->changes[i].verb == VX_ZONE_REMOVE && d->changes[i].have == r)
			return true;
	return false;
}

/* One that is with r, ours or not, and stays; NULL: there is none. */
static const struct vx_zone_record *find_with(const struct vx_zone *have,
    const struct vx_zone_diff *d, const struct vx_zone_record *r, bool ours)
{
	for (size_t k = 0; k < have->count; k++) {
		const struct vx_zone_record *each = &have->records[k];

		if (is_with(each, r) && vx_zone_is_ours(each) == ours && !goes(d, each))
			return each;
	}
	return NULL;
}

/* Of a record that is new, or says something else from now on. */
static uint32_t ttl_of_new(const struct vx_zone *have, const struct vx_zone_diff *d,
    const struct vx_zone_record *r)
{
	const struct vx_zone_record *other = find_with(have, d, r, false);

	/* the provider answers for it, and knows how long */
	if (r->proxied)
		return 0;
	if (other == NULL && (is_tlsa(r) || r->ttl == 0))
		other = find_with(have, d, r, true);
	return other != NULL ? other->ttl : r->ttl;
}

/* Is something with it added, changed or removed? */
static bool is_touched(const struct vx_zone_diff *d, const struct vx_zone_record *r)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct vx_zone_change *c = &d->changes[i];

		if (!c->ttl_only &&
		    (c->verb == VX_ZONE_ADD || c->verb == VX_ZONE_CHANGE ||
			c->verb == VX_ZONE_REMOVE) &&
		    is_with(c->verb == VX_ZONE_REMOVE ? c->have : &c->to, r))
			return true;
	}
	return false;
}

static void change_ttl(
    struct vx_zone_diff *d, struct vx_zone_change *c, uint32_t ttl, const char *why)
{
	c->verb = VX_ZONE_CHANGE;
	c->to = *c->have;
	c->to.ttl = ttl;
	c->why = why;
	c->ttl_only = true;
	d->work++;
}

/* Has it a TTL that is ours to choose? */
static bool is_free(const struct vx_zone *have, const struct vx_zone_diff *d,
    const struct vx_zone_record *r)
{
	return vx_zone_is_ours(r) && !is_tlsa(r) && !r->locked && !r->proxied &&
	       find_with(have, d, r, false) == NULL;
}

static bool is_less(const struct vx_zone_record *r, uint32_t ttl)
{
	return ttl != 0 && r->ttl < ttl;
}

bool vx_zone_is_short(
    const struct vx_zone *have, const struct vx_zone_record *r, uint32_t ttl)
{
	return is_less(r, ttl) && is_free(have, NULL, r);
}

void vx_zone_settle_ttls(
    const struct vx_zone_plan *p, const struct vx_zone *have, struct vx_zone_diff *d)
{
	/* as long as anything changes, it is not known whether all is right */
	const bool settled = d->work == 0;

	for (size_t i = 0; i < d->count; i++) {
		struct vx_zone_change *c = &d->changes[i];

		if (c->verb == VX_ZONE_ADD || c->verb == VX_ZONE_CHANGE) {
			c->to.ttl = c->want->record.ttl;
			c->to.ttl = ttl_of_new(have, d, &c->to);
		}
	}
	for (size_t i = 0; i < d->count; i++) {
		struct vx_zone_change *c = &d->changes[i];

		if (c->verb != VX_ZONE_KEEP || !is_free(have, d, c->have))
			continue;
		if (c->want->record.ttl != 0 && c->have->ttl != c->want->record.ttl &&
		    is_touched(d, c->have))
			change_ttl(d, c, c->want->record.ttl,
			    "others of its name change, and have one TTL with it");
		else if (settled && is_less(c->have, p->ttl_kept))
			change_ttl(d, c, p->ttl_kept,
			    "everything passes: it may be kept longer");
	}
}
