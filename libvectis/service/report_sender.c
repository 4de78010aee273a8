/* Days that are due, messages that wait, and what is old enough to be forgotten. */
#include "service/report_int.h"

#include "base/mem.h"
#include "vectis/crypto.h"

#include <stdio.h>

enum {
	LOOKED_AT = 500, /* days in one turn */
	PAUSE_S = 30,    /* after all were looked at */
	SWEEP_S = 3600
};

struct report_sweep {
	struct vx_report_sweep_op op;    /* first */
	struct vx_report_sender *sender; /* NULL: it is gone */
};

int64_t vx_report_sender_now(const struct vx_report_sender *s)
{
	return s->o.loop->now_s(s->o.loop);
}

/* --- what is due -----------------------------------------------------------------------
 */

/* A time of its own for each: the same after a restart, and not to be guessed by others.
 */
static uint32_t spread(const struct vx_report_sender *s, const struct vx_report_day *d)
{
	char secret[VX_STORE_SECRET_OCTETS], digest[VX_SHA256_OCTETS];
	struct vx_buf all = { .max = 400 };
	uint32_t n;

	vx_store_secret(s->o.store, secret);
	vx_buf_printf(&all, "report %c %u ", (char)d->kind, d->day);
	vx_buf_add(&all, d->domain);
	vx_hmac_sha256(vx_slice_of(secret, sizeof(secret)), vx_buf_slice(&all), digest);
	memcpy(&n, digest, sizeof(n));
	vx_wipe(secret, sizeof(secret));
	vx_buf_done(&all);
	return n % VX_REPORT_SPREAD_S;
}

static bool is_due(
    const struct vx_report_sender *s, const struct vx_report_day *d, int64_t now)
{
	const int64_t end = ((int64_t)d->day + 1) * VX_REPORT_DAY_S;

	if (d->state != VX_REPORT_OPEN)
		return false;
	if (d->kind == VX_REPORT_DMARC ? !s->o.dmarc : !s->o.tls)
		return false;
	if (d->due != 0)
		return d->due <= now;
	return now >= end + VX_REPORT_WAIT_S &&
	       now >= end + VX_REPORT_WAIT_S + spread(s, d);
}

static void remember(struct report_place *p, const struct vx_report_day *d)
{
	p->begun = true;
	p->day = d->day;
	p->kind = d->kind;
	(void)snprintf(
	    p->domain, sizeof(p->domain), "%.*s", (int)d->domain.len, d->domain.ptr);
}

/* VX_OK: there may be more; VX_ENOENT: all were looked at. */
static int look_in(struct vx_report_sender *s, struct vx_view *v, int64_t now)
{
	struct vx_report_day d = {
		.day = s->at.day, .kind = s->at.kind, .domain = vx_slice_str(s->at.domain)
	};
	int rc = VX_OK;

	for (unsigned i = 0; i < LOOKED_AT && s->count < VX_REPORT_AT_ONCE; i++) {
		rc = vx_report_day_next(v, s->at.begun ? &d : NULL, &d);
		if (rc != VX_OK)
			return rc;
		if (is_due(s, &d, now))
			rc = vx_report_send(s, &d);
		if (rc != VX_OK)
			return rc;
		remember(&s->at, &d);
		d.domain = vx_slice_str(s->at.domain);
	}
	return VX_OK;
}

static void look(struct vx_report_sender *s, int64_t now)
{
	struct vx_view *v;
	int rc;

	if (now < s->again || s->count >= VX_REPORT_AT_ONCE)
		return;
	rc = vx_view_begin(s->o.store, &v);
	if (rc == VX_OK) {
		rc = look_in(s, v, now);
		vx_view_end(v);
	}
	if (rc == VX_OK)
		return;
	if (rc != VX_ENOENT)
		vx_log(
		    s->o.log, VX_LOG_ERROR, "reports cannot be looked at", VX_KV_ERR(rc));
	s->at = (struct report_place){ .begun = false };
	s->again = s->once_more ? 0 : now + PAUSE_S;
	s->once_more = false;
}

/* The operator wants something now. */
static void on_changed(struct vx_watch *w)
{
	struct vx_report_sender *s =
	    (struct vx_report_sender *)(void *)((char *)w -
						offsetof(struct vx_report_sender, watch));

	s->again = 0;
	s->once_more = s->at.begun; /* what it has passed already */
}

/* --- forgetting ------------------------------------------------------------------------
 */

static void swept(struct vx_store_op *base)
{
	struct report_sweep *w = (struct report_sweep *)base;
	struct vx_report_sender *s = w->sender;

	if (s != NULL) {
		s->sweep = NULL;
		if (w->op.op.result == VX_OK && w->op.more)
			s->sweep_at = 0;
	}
	vx_free(w);
}

static void sweep(struct vx_report_sender *s, int64_t now)
{
	struct report_sweep *w;

	if (s->sweep != NULL || now < s->sweep_at)
		return;
	s->sweep_at = now + SWEEP_S;
	w = vx_alloc(sizeof(*w));
	if (w == NULL)
		return;
	vx_report_sweep_op_init(&w->op);
	w->op.op.done = swept;
	w->op.today = (uint32_t)(now < 0 ? 0 : now / VX_REPORT_DAY_S);
	w->sender = s;
	if (vx_store_submit(s->o.store, &w->op.op) == VX_OK)
		s->sweep = w;
	else
		vx_free(w);
}

/* --- life ------------------------------------------------------------------------------
 */

int vx_report_sender_new(
    const struct vx_report_sender_options *o, struct vx_report_sender **out)
{
	struct vx_report_sender *s = vx_alloc(sizeof(*s));
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	s->o = *o;
	s->keys = (struct own_keys){ .store = o->store, .loop = o->loop };
	s->watch.changed = on_changed;
	rc = vx_watch_add(o->store, &s->watch, VX_WATCH_QUEUE, VX_REPORT_WATCH);
	if (rc != VX_OK) {
		vx_free(s);
		return rc;
	}
	*out = s;
	return VX_OK;
}

void vx_report_sender_free(struct vx_report_sender *s)
{
	if (s == NULL)
		return;
	vx_watch_remove(s->o.store, &s->watch);
	vx_report_send_stop(s);
	vx_report_read_stop(s);
	if (s->sweep != NULL)
		s->sweep->sender = NULL;
	vx_own_keys_free(&s->keys);
	vx_free(s);
}

void vx_report_sender_tick(struct vx_report_sender *s)
{
	const int64_t now = vx_report_sender_now(s);

	sweep(s, now);
	look(s, now);
	if (s->o.receive)
		vx_report_read_next(s);
}
