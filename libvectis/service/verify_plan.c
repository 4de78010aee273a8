#include "service/verify_plan.h"

#include "base/mem.h"
#include "vectis/verifier.h"

#include <stdio.h>

#define HOUR_S 3600
#define DAY_S 86400

void verify_plan_init(struct verify_plan *p)
{
	*p = (struct verify_plan){ .next = INT64_MAX };
	vx_map_init(&p->items, VX_DOMAINS_MAX);
}

static void forget(struct verify_plan *p, struct verify_item *i)
{
	(void)vx_map_remove(&p->items, vx_slice_str(i->name));
	vx_free(i);
}

void verify_plan_done(struct verify_plan *p)
{
	struct verify_item *i;
	size_t at = 0;

	while ((i = vx_map_next(&p->items, &at)) != NULL)
		forget(p, i);
	vx_map_done(&p->items);
}

static void expect(struct verify_plan *p, const struct verify_item *i)
{
	if (i->again < p->next)
		p->next = i->again;
}

void verify_plan_begin(struct verify_plan *p)
{
	struct verify_item *i;
	size_t at = 0;

	while ((i = vx_map_next(&p->items, &at)) != NULL)
		i->known = false;
}

static struct verify_item *add(struct verify_plan *p, vx_slice name, int *rc)
{
	struct verify_item *i = vx_alloc(sizeof(*i));

	*rc = i == NULL ? VX_ENOMEM : VX_OK;
	if (i == NULL)
		return NULL;
	(void)snprintf(i->name, sizeof(i->name), "%.*s", (int)name.len, name.ptr);
	*rc = vx_map_set(&p->items, vx_slice_str(i->name), i);
	if (*rc == VX_OK)
		return i;
	vx_free(i);
	return NULL;
}

int verify_plan_name(struct verify_plan *p, const struct vx_domain *d, int64_t now)
{
	const int64_t asked = d->asked > INT64_MAX / 2 ? now : (int64_t)d->asked;
	struct verify_item *i = vx_map_find(&p->items, d->name);
	int rc = VX_OK;

	if (i == NULL)
		i = add(p, d->name, &rc);
	if (i == NULL)
		return rc;
	i->known = true;
	if (i->asked != asked || !vx_slice_eq(vx_slice_str(i->token), d->token)) {
		(void)snprintf(
		    i->token, sizeof(i->token), "%.*s", (int)d->token.len, d->token.ptr);
		i->asked = asked;
		/* who asked has just looked; what was before a restart nobody knows */
		i->again = p->listed && now >= asked && now - asked < VX_VERIFIER_SOON_S
			       ? asked + VX_VERIFIER_SOON_S
			       : now;
	}
	expect(p, i);
	return VX_OK;
}

void verify_plan_end(struct verify_plan *p)
{
	struct verify_item *i;
	size_t at = 0;

	while ((i = vx_map_next(&p->items, &at)) != NULL)
		if (!i->known && !i->busy)
			forget(p, i);
	p->listed = true;
}

static int64_t interval(int64_t age)
{
	return age < HOUR_S  ? VX_VERIFIER_SOON_S
	       : age < DAY_S ? VX_VERIFIER_LATER_S
			     : VX_VERIFIER_SELDOM_S;
}

struct verify_item *verify_plan_due(struct verify_plan *p, int64_t now)
{
	struct verify_item *i, *due = NULL;
	size_t at = 0;

	/* a clock that was set back does not make it wait for longer than it ever does */
	if (p->next > now && p->next != INT64_MAX && p->next - now > VX_VERIFIER_SELDOM_S)
		p->next = now;
	if (p->next > now || p->busy >= VX_VERIFIER_AT_ONCE)
		return NULL;
	p->next = INT64_MAX;
	while ((i = vx_map_next(&p->items, &at)) != NULL) {
		if (i->busy)
			continue;
		if (i->again - now > VX_VERIFIER_SELDOM_S)
			i->again = now;
		if (i->again <= now && (due == NULL || i->again < due->again))
			due = i;
		expect(p, i);
	}
	if (due != NULL) {
		due->busy = true;
		p->busy++;
	}
	return due;
}

static void rest(struct verify_plan *p, struct verify_item *i)
{
	p->busy -= i->busy;
	i->busy = false;
}

void verify_plan_again(struct verify_plan *p, struct verify_item *i, int64_t now)
{
	rest(p, i);
	if (!i->known) {
		forget(p, i);
		return;
	}
	i->again = now + interval(now - i->asked);
	expect(p, i);
}

void verify_plan_drop(struct verify_plan *p, struct verify_item *i)
{
	rest(p, i);
	forget(p, i);
}
