#include "service/smtp_greylist.h"
#include "service/smtp_says.h"

#include "base/mem.h"
#include "vectis/greylist.h"

enum {
	SWEEP_S = 3600
};

static void noted(struct vx_store_op *op)
{
	vx_free(op);
}

/* Written with whatever else the store writes; nobody waits for it. */
static void note(
    struct vx_smtp_service *s, const struct vx_greylist_key *key, uint64_t now)
{
	struct vx_greylist_op *op = vx_alloc(sizeof(*op));

	if (op == NULL)
		return;
	vx_greylist_op_init(op);
	op->key = *key;
	op->now_s = now;
	op->delay_s = s->o.greylist_s;
	op->op.done = noted;
	if (vx_store_submit(s->o.store, &op->op) != VX_OK)
		vx_free(op);
}

void vx_smtp_greylist(struct smtp_session *s, struct vx_view *v, vx_slice recipient,
    struct smtp_reply *reply)
{
	const uint64_t now = (uint64_t)s->base.host->loop->now_s(s->base.host->loop);
	struct smtp_txn *t = s->txn;
	enum vx_greylist_state state;
	struct vx_greylist_key key;
	uint32_t wait;

	if (!s->service->o.greylist || s->role != VX_SMTP_MX || s->trusted)
		return;
	vx_greylist_key(
	    s->service->o.store, &s->network, vx_buf_slice(&t->sender), recipient, &key);
	if (vx_greylist_find(v, &key, now, s->service->o.greylist_s, &state, &wait) !=
	    VX_OK)
		return;
	if (state == VX_GREYLIST_NEW || state == VX_GREYLIST_BACK)
		note(s->service, &key, now);
	if (state == VX_GREYLIST_BACK || state == VX_GREYLIST_KNOWN)
		return;
	vx_smtp_note(&t->notes, "greylist", "later", "%u seconds", (unsigned)wait);
	*reply = (struct smtp_reply){ 450, "4.7.1",
		SMTP_SAYS_GREYLIST ": try again in some minutes" };
}

static void swept(struct vx_store_op *base)
{
	struct vx_greylist_op *op = (struct vx_greylist_op *)base;
	struct vx_smtp_service *s = op->ctx;

	if (s == NULL) {
		vx_free(op);
		return;
	}
	if (op->op.result == VX_OK && op->more &&
	    vx_store_submit(s->o.store, &op->op) == VX_OK)
		return;
	s->sweep = NULL;
	vx_free(op);
}

void vx_smtp_greylist_tick(struct vx_smtp_service *s)
{
	const int64_t now = s->o.loop->now_s(s->o.loop);

	if (s->sweep != NULL || (now >= s->swept_s && now - s->swept_s < SWEEP_S))
		return;
	s->swept_s = now;
	s->sweep = vx_alloc(sizeof(*s->sweep));
	if (s->sweep == NULL)
		return;
	vx_greylist_op_init(s->sweep);
	s->sweep->sweep = true;
	s->sweep->now_s = (uint64_t)now;
	s->sweep->delay_s = s->o.greylist_s;
	s->sweep->op.done = swept;
	s->sweep->ctx = s;
	if (vx_store_submit(s->o.store, &s->sweep->op) != VX_OK) {
		vx_free(s->sweep);
		s->sweep = NULL;
	}
}

void vx_smtp_greylist_free(struct vx_smtp_service *s)
{
	if (s->sweep != NULL)
		s->sweep->ctx = NULL; /* the store's close answers it */
}
