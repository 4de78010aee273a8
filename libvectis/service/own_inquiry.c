#include "service/own_inquiry.h"

static void on_answer(struct vx_lookup *l, const struct vx_dns_answer *a);

/* VX_OK: an answer will come; else there is none. */
static int ask(struct own_inquiry *i)
{
	if (i->loop->ask == NULL || i->loop->now_ms(i->loop) >= i->by_ms)
		return VX_ETIMEOUT;
	i->lookup.done = on_answer;
	i->asked = i->loop->ask(i->loop, &i->lookup) == VX_OK;
	return i->asked ? VX_OK : VX_ETEMP;
}

static void go_on(struct own_inquiry *i)
{
	static const struct vx_dns_answer failed = { .status = VX_DNS_FAILED };
	int rc;

	while ((rc = i->next(i->core, &i->lookup.question)) == VX_WAIT) {
		if (ask(i) == VX_OK)
			return;
		rc = i->answer(i->core, &failed);
		if (rc != VX_OK)
			break;
	}
	i->done(i->ctx, rc);
}

static void on_answer(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct own_inquiry *i = (struct own_inquiry *)l;
	const int rc = i->answer(i->core, a);

	i->asked = false;
	if (rc == VX_OK)
		go_on(i);
	else
		i->done(i->ctx, rc);
}

void vx_own_inquiry_start(struct own_inquiry *i)
{
	go_on(i);
}

void vx_own_inquiry_stop(struct own_inquiry *i)
{
	if (i->asked)
		i->loop->forget(i->loop, &i->lookup);
	i->asked = false;
}
