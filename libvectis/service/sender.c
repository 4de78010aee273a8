/* Destinations and when their turn is. */
#include "service/sender_int.h"
#include "service/sender_sts.h"

#include "base/mem.h"
#include "vectis/crypto.h"
#include "vectis/report_store.h"

#include <stdio.h>

enum {
	LIMIT_BEGIN = 2,    /* connections to a destination of which nothing is known */
	CLOCK_SLACK_S = 60, /* set back by less is not looked at */
	NEW_AT_ONCE = 1000, /* messages whose destinations are looked at in one turn */
	DESTINATIONS_MAX = 1000000
};

uint32_t vx_sender_now(struct vx_sender *s)
{
	const int64_t now = s->o.loop->now_s(s->o.loop);

	return now < 0 ? 0 : now > UINT32_MAX ? UINT32_MAX : (uint32_t)now;
}

/* --- destinations --------------------------------------------------------------------
 */

static struct destination *find(struct vx_sender *s, vx_slice name)
{
	struct destination *d = vx_map_find(&s->destinations, name);

	if (d != NULL || name.len > VX_DNS_NAME_MAX ||
	    (d = vx_alloc(sizeof(*d) + name.len + 1)) == NULL)
		return d;
	memcpy(d->name, name.ptr, name.len);
	d->due = UINT32_MAX;
	d->limit = LIMIT_BEGIN;
	if (vx_map_set(&s->destinations, vx_slice_str(d->name), d) != VX_OK) {
		vx_free(d);
		return NULL;
	}
	return d;
}

static bool is_idle(const struct destination *d)
{
	return d->visits == 0 && d->claims == NULL && d->due == UINT32_MAX &&
	       !d->routing && !d->fresh;
}

static void drop(struct vx_sender *s, struct destination *d)
{
	(void)vx_map_remove(&s->destinations, vx_slice_str(d->name));
	vx_free(d->mx);
	vx_free(d);
}

/* Those that have their mail: the sender of each is told (RFC 3461 5.2), no more. */
static int tell(struct vx_sender *s, struct destination *d)
{
	const uint32_t now = vx_sender_now(s);
	struct sender_outgoing *o;

	d->due = UINT32_MAX; /* until a claim finds more */
	for (int i = 0; i < VX_SENDER_BULK_MAX; i++) {
		if (vx_sender_claim(s, d, now, &o, &d->due) != VX_OK)
			return VX_OK;
		vx_sender_note_all(o, VX_SMTP_DELIVERED, "2.0.0", vx_slice_of("", 0));
		vx_sender_settle(s, o);
	}
	return VX_EBUSY; /* more of them in the next turn */
}

static int begin(struct vx_sender *s, struct destination *d)
{
	if (!vx_queue_is_inner(vx_slice_str(d->name)))
		return vx_sender_visit(s, d);
	return strcmp(d->name, VX_QUEUE_LISTS) == 0 ? vx_sender_list_visit(s, d)
						    : tell(s, d);
}

/* As many visits as it may have now; each finds out by itself whether there is work. */
static void visit(struct vx_sender *s, struct destination *d, uint32_t now)
{
	while (!s->stopping && !d->routing && d->due <= now && vx_sender_wake_idle(d))
		;
	while (!s->stopping && !d->routing && d->due <= now && d->closed_until <= now &&
	       d->visits < d->limit && s->visits < s->o.connections)
		if (begin(s, d) != VX_OK)
			return;
}

void vx_sender_visited(
    struct vx_sender *s, struct destination *d, unsigned took, const char *why)
{
	s->visits--;
	d->visits--;
	if (why == NULL && took > 0) {
		d->failures = 0;
	} else if (why != NULL && d->limit > 1) {
		d->limit /= 2;
	}
	visit(s, d, vx_sender_now(s));
}

void vx_sender_more(struct vx_sender *s, struct destination *d)
{
	visit(s, d, vx_sender_now(s));
}

void vx_sender_due(struct vx_sender *s, struct destination *d, uint32_t due)
{
	(void)s;
	if (due < d->due)
		d->due = due;
}

uint32_t vx_sender_back_off_s(const struct vx_sender *s, unsigned failures)
{
	uint64_t wait = s->o.retry_s;

	while (failures-- > 1 && wait < s->o.retry_max_s)
		wait *= 2;
	return (uint32_t)(wait < s->o.retry_max_s ? wait : s->o.retry_max_s);
}

void vx_sender_fail(struct vx_sender *s, struct destination *d,
    enum vx_smtp_outcome outcome, const char *status, const char *host, vx_slice text)
{
	const uint32_t now = vx_sender_now(s);
	struct sender_outgoing *o;

	d->failures++;
	if (outcome != VX_SMTP_PERMANENT)
		d->closed_until = now + vx_sender_back_off_s(s, d->failures);
	vx_log(s->o.log, VX_LOG_WARN, "destination failed", VX_KV_Z("to", d->name),
	    VX_KV_Z("host", host), VX_KV_Z("status", status), VX_KV_S("reason", text),
	    VX_KV_U("failures", d->failures));
	for (int i = 0; i < VX_SENDER_BULK_MAX; i++) {
		if (vx_sender_claim(s, d, now, &o, &d->due) != VX_OK)
			return;
		(void)snprintf(o->host, sizeof(o->host), "%s", host);
		vx_sender_note_all(o, outcome, status, text);
		vx_sender_settle(s, o);
	}
}

/* --- what there is to do
 * ---------------------------------------------------------------- */

void vx_sender_note_due(struct vx_sender *s, vx_slice name, uint32_t due)
{
	struct destination *d = find(s, name);

	if (d == NULL) {
		s->look = true; /* no memory: again in a second */
		return;
	}
	if (due < d->due)
		d->due = due;
	if (d->fresh)
		return;
	d->fresh = true;
	d->next_fresh = s->fresh;
	s->fresh = d;
}

void vx_sender_visit_fresh(struct vx_sender *s)
{
	const uint32_t now = vx_sender_now(s);
	struct destination *d;

	while ((d = s->fresh) != NULL) {
		s->fresh = d->next_fresh;
		d->fresh = false;
		visit(s, d, now);
	}
}

/* Destinations of the messages that came since. */
static int see_new(struct vx_sender *s)
{
	struct vx_queue_message m;
	struct vx_view *v;
	unsigned count = 0;
	int rc = vx_view_begin(s->o.store, &v);

	if (rc != VX_OK)
		return rc;
	while (count++ < NEW_AT_ONCE && (rc = vx_queue_next(v, s->seen, &m)) == VX_OK) {
		struct vx_queue_recipient r = { 0 };

		for (uint32_t from = 0; vx_queue_recipient(v, m.id, from, &r) == VX_OK;
		     from = r.number + 1)
			vx_sender_note_due(s, r.destination, r.due);
		s->seen = m.id;
	}
	vx_view_end(v);
	if (rc == VX_OK)
		s->look = true; /* there are more */
	return rc;
}

static int see_all(struct vx_sender *s)
{
	char name[VX_DNS_NAME_MAX + 1] = "";
	struct vx_view *v;
	uint32_t due;
	int rc = vx_view_begin(s->o.store, &v);

	if (rc != VX_OK)
		return rc;
	s->look = false;
	while ((rc = vx_queue_destination(v, vx_slice_str(name), name, &due)) == VX_OK)
		vx_sender_note_due(s, vx_slice_str(name), due);
	vx_view_end(v);
	return rc;
}

/* Those whose time has come have their visits; those with nothing to do are forgotten. */
static void visit_all(struct vx_sender *s)
{
	const uint32_t now = vx_sender_now(s);
	struct destination *d;
	size_t at = 0;

	vx_sender_visit_fresh(s);
	while ((d = vx_map_next(&s->destinations, &at)) != NULL) {
		if (is_idle(d) && d->closed_until <= now)
			drop(s, d);
		else
			visit(s, d, now);
	}
}

static void on_new(struct vx_watch *w)
{
	struct vx_sender *s =
	    (struct vx_sender *)(void *)((char *)w -
					 offsetof(struct vx_sender, watch_new));

	if (s->stopping || !s->mended)
		return;
	(void)see_new(s);
	vx_sender_visit_fresh(s); /* not all: there may be very many */
}

/* Also a destination that is closed may be tried. */
static void open_all(struct vx_sender *s)
{
	struct destination *d;
	size_t at = 0;

	s->look = true;
	while ((d = vx_map_next(&s->destinations, &at)) != NULL)
		d->closed_until = 0;
}

/* The operator changed something. */
static void on_changed(struct vx_watch *w)
{
	open_all((struct vx_sender *)(void *)((char *)w -
					      offsetof(struct vx_sender, watch_changed)));
}

static void mend(struct vx_sender *s);

/* Relays are not what they were: all that waits is to have its right one. */
static void on_routes(struct vx_watch *w)
{
	struct vx_sender *s =
	    (struct vx_sender *)(void *)((char *)w -
					 offsetof(struct vx_sender, watch_routes));

	s->routes++;
	s->relays++;
	vx_sender_hang_up_idle(s);
	s->mend_again = true;
	if (s->mended && !s->stopping)
		mend(s);
}

/* --- life
 * ------------------------------------------------------------------------------- */

/* What a repair left out of the list of what is due is put there once. */
struct sender_mend {
	struct vx_queue_admin_op op;
	struct vx_sender *sender; /* NULL: it is gone */
};

static void end_mend(struct sender_mend *m)
{
	struct vx_sender *s = m->sender;

	if (s != NULL) {
		s->mended = s->look = true;
		s->mend = NULL;
		s->routes++;
	}
	vx_free(m);
}

static void mended(struct vx_store_op *base)
{
	struct sender_mend *m = (struct sender_mend *)base;

	m->op.from_id = m->op.next_id;
	if (base->result != VX_OK && m->sender != NULL)
		m->sender->mend_again = true;
	if (base->result != VX_OK || m->op.next_id == 0 || m->sender == NULL ||
	    vx_store_submit(m->sender->o.store, base) != VX_OK)
		end_mend(m);
}

static void mend(struct vx_sender *s)
{
	struct sender_mend *m;

	if (s->mend != NULL || (m = vx_alloc(sizeof(*m))) == NULL)
		return; /* again in a second */
	s->mend_again = false;
	vx_queue_admin_op_init(&m->op, VX_QUEUE_MEND);
	m->op.now = vx_sender_now(s);
	m->op.wait_max = vx_sender_wait_max(s);
	m->op.op.done = mended;
	m->sender = s;
	s->mend = m;
	if (vx_store_submit(s->o.store, &m->op.op) != VX_OK)
		end_mend(m);
}

/* Without HTTPS there are no policies, and mail goes as if nobody had one. */
static int start_sts(struct vx_sender *s)
{
	const struct sender_sts_options o = { .store = s->o.store,
		.log = s->o.log,
		.loop = s->o.loop,
		.results = &s->tls_results,
		.port = s->o.sts_port > 0 ? s->o.sts_port : 443,
		.fetch_ms = s->o.sts_ms > 0 ? s->o.sts_ms : SENDER_STS_FETCH_MS };

	if (s->o.loop->ask == NULL || s->o.loop->fetch == NULL)
		return VX_OK;
	return vx_sender_sts_new(&o, &s->sts);
}

/* What TLS came to, for the reports of the day. */
static void hand_on_results(struct vx_sender *s)
{
	if (s->tls_results.count == 0)
		return;
	for (const struct vx_tls_policy *p = s->tls_results.policies;
	     p != NULL && s->o.reports != NULL; p = p->next)
		(void)vx_report_note_tls(s->o.reports, vx_sender_now(s), p);
	vx_own_tls_results_reset(&s->tls_results);
}

int vx_sender_new(const struct vx_sender_options *o, struct vx_sender **out)
{
	struct vx_sender *s = vx_alloc(sizeof(*s));
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	s->o = *o;
	s->keys = (struct own_keys){ .store = o->store, .loop = o->loop };
	vx_map_init(&s->destinations, DESTINATIONS_MAX);
	vx_own_tls_results_init(&s->tls_results);
	vx_random(&s->random, sizeof(s->random));
	s->clock_s = vx_sender_now(s);
	s->clock_ms = o->loop->now_ms(o->loop);
	s->watch_new.changed = on_new;
	s->watch_changed.changed = on_changed;
	s->watch_routes.changed = on_routes;
	rc = vx_watch_add(o->store, &s->watch_new, VX_WATCH_QUEUE, VX_QUEUE_WATCH_NEW);
	if (rc == VX_OK)
		rc = vx_watch_add(
		    o->store, &s->watch_changed, VX_WATCH_QUEUE, VX_QUEUE_WATCH_CHANGED);
	if (rc == VX_OK)
		rc = vx_watch_add(
		    o->store, &s->watch_routes, VX_WATCH_QUEUE, VX_QUEUE_WATCH_ROUTES);
	if (rc == VX_OK)
		rc = start_sts(s);
	if (rc != VX_OK) {
		vx_sender_free(s);
		return rc;
	}
	mend(s);
	*out = s;
	return VX_OK;
}

void vx_sender_free(struct vx_sender *s)
{
	struct destination *d;
	size_t at = 0;

	if (s == NULL)
		return;
	vx_watch_remove(s->o.store, &s->watch_new);
	vx_watch_remove(s->o.store, &s->watch_changed);
	vx_watch_remove(s->o.store, &s->watch_routes);
	s->stopping = true;
	if (s->mend != NULL)
		s->mend->sender = NULL;
	vx_sender_list_alone(s);
	vx_sender_settle_alone(s);
	vx_sender_routings_leave(s);
	vx_sender_visits_free(s);
	vx_sender_sts_free(s->sts);
	hand_on_results(s);
	vx_own_tls_results_done(&s->tls_results);
	while ((d = vx_map_next(&s->destinations, &at)) != NULL)
		drop(s, d);
	vx_map_done(&s->destinations);
	vx_own_keys_free(&s->keys);
	vx_free(s);
}

/* Was the time of day set back since the last tick? */
static bool clock_was_set_back(struct vx_sender *s)
{
	const uint32_t now = vx_sender_now(s);
	const uint64_t ms = s->o.loop->now_ms(s->o.loop);
	const uint64_t expected = s->clock_s + (ms - s->clock_ms) / 1000;

	s->clock_s = now;
	s->clock_ms = ms;
	return now + (uint64_t)CLOCK_SLACK_S < expected;
}

void vx_sender_tick(struct vx_sender *s)
{
	if (!s->mended || s->mend_again)
		mend(s);
	if (!s->mended)
		return;
	if (clock_was_set_back(s)) {
		vx_log(s->o.log, VX_LOG_WARN,
		    "the clock was set back: what was put off is looked at again");
		open_all(s);
		s->mend_again = true;
		mend(s);
	}
	vx_sender_settle_again(s);
	vx_sender_hang_up_idle(s);
	if (s->sts != NULL)
		vx_sender_sts_tick(s->sts);
	hand_on_results(s);
	if (s->look && see_all(s) == VX_ENOENT)
		(void)see_new(s);
	visit_all(s);
}
