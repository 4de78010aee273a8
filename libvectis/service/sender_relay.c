/* Mail that goes by a relay: which one it is, and what finds its way to it late. */
#include "service/sender_int.h"

#include "base/mem.h"
#include "vectis/crypto.h"

#define PAUSE_S 5 /* after the store could not be written */

struct sender_routing {
	struct vx_queue_admin_op op; /* first */
	struct vx_sender *sender;    /* NULL: it is gone */
	struct destination *destination;
	struct sender_routing *next, **link;
	uint64_t moved;
	char name[VX_DNS_NAME_MAX + 1], mx[VX_DNS_NAME_MAX + 1];
};

/* --- a relay's record ------------------------------------------------------------------
 */

static void copy(char *to, vx_slice from)
{
	if (from.len > 0)
		memcpy(to, from.ptr, from.len);
	to[from.len] = '\0';
}

static int fill(struct sender_relay *r, const struct vx_relay *from)
{
	if (from->host.len >= sizeof(r->host) || from->user.len >= sizeof(r->user) ||
	    from->password.len >= sizeof(r->password))
		return VX_ECORRUPT;
	r->refs = 1;
	r->port = from->port;
	r->tls = from->tls;
	copy(r->host, from->host);
	copy(r->user, from->user);
	copy(r->password, from->password);
	return VX_OK;
}

static void set_limit(struct destination *d, uint32_t connections)
{
	d->limit_max = connections;
	if (connections > 0 && d->limit > connections)
		d->limit = connections;
}

int vx_sender_relay_new(
    struct vx_sender *s, struct destination *d, struct sender_relay **out)
{
	struct sender_relay *r = vx_alloc(sizeof(*r));
	struct vx_relay found;
	struct vx_view *v;
	int rc = r == NULL ? VX_ENOMEM : vx_view_begin(s->o.store, &v);

	if (rc == VX_OK) {
		rc = vx_relay_get(v, vx_slice_str(d->name + 1), &found);
		if (rc == VX_OK)
			rc = fill(r, &found);
		if (rc == VX_OK)
			set_limit(d, found.connections);
		vx_view_end(v);
	}
	if (rc != VX_OK) {
		vx_free(r);
		return rc;
	}
	*out = r;
	return VX_OK;
}

struct sender_relay *vx_sender_relay_ref(struct sender_relay *r)
{
	if (r != NULL)
		r->refs++;
	return r;
}

void vx_sender_relay_free(struct sender_relay *r)
{
	if (r == NULL || --r->refs > 0)
		return;
	vx_wipe(r, sizeof(*r));
	vx_free(r);
}

/* --- strays ----------------------------------------------------------------------------
 */

bool vx_sender_is_stray(
    struct vx_view *v, const struct destination *d, const struct vx_queue_message *m)
{
	char name[VX_RELAY_NAME_MAX + 1];

	return !vx_sender_is_relay(d) &&
	       vx_relay_route(v, m->domain, vx_slice_str(d->name), vx_slice_str(d->mx),
		   name) == VX_OK;
}

static void free_routing(struct sender_routing *x)
{
	if (x->link != NULL) {
		*x->link = x->next;
		if (x->next != NULL)
			x->next->link = x->link;
	}
	vx_free(x);
}

/* What has to be sent to the domain itself, and what could not be moved. */
static void note_rest(struct vx_sender *s, struct destination *d)
{
	struct vx_queue_place at = { 0 };
	struct vx_view *v;

	if (vx_view_begin(s->o.store, &v) != VX_OK) {
		s->look = true;
		return;
	}
	if (vx_queue_due(v, vx_slice_str(d->name), &at) == VX_OK)
		vx_sender_note_due(s, vx_slice_str(d->name), at.due);
	vx_view_end(v);
}

static void end_routing(struct sender_routing *x)
{
	struct vx_sender *s = x->sender;
	struct destination *d = x->destination;

	d->routing = false;
	if (x->op.op.result != VX_OK || x->moved == 0)
		d->closed_until = vx_sender_now(s) + PAUSE_S;
	free_routing(x);
	note_rest(s, d);
	vx_sender_visit_fresh(s);
}

static void routed(struct vx_store_op *base)
{
	struct sender_routing *x = (struct sender_routing *)base;
	struct vx_sender *s = x->sender;

	if (s == NULL) {
		free_routing(x);
		return;
	}
	if (base->result == VX_OK && x->op.changed > 0) {
		s->routes++;
		x->moved += x->op.changed;
		if (x->op.several)
			s->look = true;
		vx_sender_note_due(s, vx_slice_str(x->op.slot), vx_sender_now(s));
	}
	x->op.at = x->op.next_at;
	if (base->result != VX_OK || !x->op.more ||
	    vx_store_submit(s->o.store, base) != VX_OK)
		end_routing(x);
}

void vx_sender_route(struct vx_sender *s, struct destination *d)
{
	struct sender_routing *x;

	if (d->routing)
		return;
	x = vx_alloc(sizeof(*x));
	if (x == NULL) {
		s->look = true;
		return;
	}
	vx_queue_admin_op_init(&x->op, VX_QUEUE_ROUTE);
	x->op.op.done = routed;
	x->sender = s;
	x->destination = d;
	copy(x->name, vx_slice_str(d->name));
	copy(x->mx, vx_slice_str(d->mx));
	x->op.destination = vx_slice_str(x->name);
	x->op.mx = vx_slice_str(x->mx);
	x->next = s->routings;
	x->link = &s->routings;
	if (x->next != NULL)
		x->next->link = &x->next;
	s->routings = x;
	d->routing = true;
	d->due = UINT32_MAX;
	if (vx_store_submit(s->o.store, &x->op.op) != VX_OK) {
		d->routing = false;
		d->closed_until = vx_sender_now(s) + PAUSE_S;
		s->look = true;
		free_routing(x);
	}
}

void vx_sender_routings_leave(struct vx_sender *s)
{
	for (struct sender_routing *x = s->routings, *next; x != NULL; x = next) {
		next = x->next;
		x->link = NULL;
		x->sender = NULL;
	}
	s->routings = NULL;
}
