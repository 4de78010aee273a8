/* The record of domains that are pending: ask, compare, note that it was seen (DNS-28).
 */
#include "vectis/verifier.h"

#include "base/mem.h"
#include "service/verify_plan.h"

struct vx_verifier {
	struct vx_verifier_options o;
	struct verify_plan plan;
	struct vx_watch watch;
	bool list;          /* the domains are to be listed again */
	struct look *looks; /* under way */
	struct note *notes; /* the same */
};

/* A question under way. */
struct look {
	struct vx_lookup lookup; /* first */
	struct vx_verifier *verifier;
	struct verify_item *item;
	struct look *next, **link;
};

/* "It was seen", on its way into the store. */
struct note {
	struct vx_directory_op op;    /* first */
	struct vx_verifier *verifier; /* NULL: it is gone */
	const struct vx_log *log;
	struct verify_item *item;
	char name[VX_DNS_NAME_MAX + 1], token[VX_DOMAIN_TOKEN_OCTETS + 1];
	struct note *next, **link;
};

static int64_t now_of(const struct vx_verifier *v)
{
	return v->o.loop->now_s(v->o.loop);
}

/* --- noting it -------------------------------------------------------------------------
 */

static void noted(struct vx_store_op *base)
{
	struct note *n = (struct note *)base;
	struct vx_verifier *v = n->verifier;

	if (base->result == VX_OK)
		vx_log(n->log, VX_LOG_INFO,
		    "domain verified: its record is there, and it may send",
		    VX_KV_Z("domain", n->name));
	else if (base->result != VX_ENOENT && base->result != VX_ECONFLICT)
		vx_log(n->log, VX_LOG_ERROR, "domain not verified",
		    VX_KV_Z("domain", n->name), VX_KV_ERR(base->result));
	if (v != NULL) {
		*n->link = n->next;
		if (n->next != NULL)
			n->next->link = n->link;
		if (base->result == VX_OK || base->result == VX_ENOENT)
			verify_plan_drop(&v->plan, n->item);
		else
			verify_plan_again(&v->plan, n->item, now_of(v));
	}
	vx_free(n);
}

static void note(struct vx_verifier *v, struct verify_item *i)
{
	struct note *n = vx_alloc(sizeof(*n));

	if (n == NULL) {
		verify_plan_again(&v->plan, i, now_of(v));
		return;
	}
	vx_directory_op_init(&n->op, VX_DOMAIN_VERIFY);
	memcpy(n->name, i->name, sizeof(n->name));
	memcpy(n->token, i->token, sizeof(n->token));
	n->op.op.done = noted;
	n->op.name = vx_slice_str(n->name);
	n->op.token = vx_slice_str(n->token);
	n->op.status = VX_DOMAIN_VERIFIED;
	n->log = v->o.log;
	n->item = i;
	if (vx_store_submit(v->o.store, &n->op.op) != VX_OK) {
		vx_free(n);
		verify_plan_again(&v->plan, i, now_of(v));
		return;
	}
	n->verifier = v;
	n->next = v->notes;
	n->link = &v->notes;
	if (n->next != NULL)
		n->next->link = &n->next;
	v->notes = n;
}

/* --- asking ----------------------------------------------------------------------------
 */

static void take_out(struct look *l)
{
	*l->link = l->next;
	if (l->next != NULL)
		l->next->link = l->link;
	vx_free(l);
}

static void answered(struct vx_lookup *lookup, const struct vx_dns_answer *a)
{
	struct look *l = (struct look *)(void *)lookup;
	struct vx_verifier *v = l->verifier;
	struct verify_item *i = l->item;
	char text[VX_OWNERSHIP_TEXT_MAX + 1], other[VX_OWNERSHIP_TEXT_MAX + 1];

	take_out(l);
	vx_ownership_text(vx_slice_str(i->token), text);
	if (vx_ownership_read(a, text, other) == VX_OWNERSHIP_FOUND)
		note(v, i);
	else
		verify_plan_again(&v->plan, i, now_of(v));
}

static void ask(struct vx_verifier *v, struct verify_item *i)
{
	struct look *l = vx_alloc(sizeof(*l));

	if (l != NULL) {
		l->lookup.done = answered;
		l->lookup.fresh = true;
		l->verifier = v;
		l->item = i;
	}
	if (l == NULL ||
	    vx_dns_ask(VX_DNS_TXT, "", vx_slice_str(i->name), &l->lookup.question) !=
		VX_OK ||
	    v->o.loop->ask(v->o.loop, &l->lookup) != VX_OK) {
		vx_free(l);
		verify_plan_again(&v->plan, i, now_of(v));
		return;
	}
	l->next = v->looks;
	l->link = &v->looks;
	if (l->next != NULL)
		l->next->link = &l->next;
	v->looks = l;
}

/* --- which -----------------------------------------------------------------------------
 */

static int list_in(struct vx_verifier *v, struct vx_view *view, int64_t now)
{
	char after[VX_DNS_NAME_MAX + 1] = "";
	struct vx_domain d;
	int rc, failed = VX_OK;

	verify_plan_begin(&v->plan);
	while ((rc = vx_directory_next_domain(view, vx_slice_str(after), &d)) == VX_OK) {
		if (d.status == VX_DOMAIN_PENDING)
			rc = verify_plan_name(&v->plan, &d, now);
		failed = rc != VX_OK ? rc : failed;
		memcpy(after, d.name.ptr, d.name.len);
		after[d.name.len] = '\0';
	}
	if (rc == VX_ENOENT)
		verify_plan_end(&v->plan);
	return rc == VX_ENOENT ? failed : rc;
}

static void list(struct vx_verifier *v)
{
	struct vx_view *view;
	int rc = vx_view_begin(v->o.store, &view);

	v->list = false;
	if (rc == VX_OK) {
		rc = list_in(v, view, now_of(v));
		vx_view_end(view);
	}
	if (rc != VX_OK)
		vx_log(v->o.log, VX_LOG_ERROR, "not all pending domains are looked for",
		    VX_KV_ERR(rc));
}

/* Removed domains are told of by nobody. */
static bool is_pending(struct vx_verifier *v, const struct verify_item *i)
{
	struct vx_domain d;
	struct vx_view *view;
	int rc = vx_view_begin(v->o.store, &view);
	bool pending;

	if (rc != VX_OK)
		return true;
	rc = vx_directory_domain(view, vx_slice_str(i->name), &d);
	pending = rc == VX_OK ? d.status == VX_DOMAIN_PENDING &&
				    vx_slice_eq(d.token, vx_slice_str(i->token))
			      : rc != VX_ENOENT;
	vx_view_end(view);
	return pending;
}

/* --- life ------------------------------------------------------------------------------
 */

static void on_changed(struct vx_watch *w)
{
	struct vx_verifier *v =
	    (struct vx_verifier *)(void *)((char *)w -
					   offsetof(struct vx_verifier, watch));

	v->list = true;
}

int vx_verifier_new(const struct vx_verifier_options *o, struct vx_verifier **out)
{
	struct vx_verifier *v = vx_alloc(sizeof(*v));
	int rc;

	if (v == NULL)
		return VX_ENOMEM;
	v->o = *o;
	v->list = true;
	v->watch.changed = on_changed;
	verify_plan_init(&v->plan);
	rc = vx_watch_add(o->store, &v->watch, VX_WATCH_QUEUE, VX_DIRECTORY_WATCH_STATUS);
	if (rc != VX_OK) {
		verify_plan_done(&v->plan);
		vx_free(v);
		return rc;
	}
	*out = v;
	return VX_OK;
}

void vx_verifier_free(struct vx_verifier *v)
{
	if (v == NULL)
		return;
	vx_watch_remove(v->o.store, &v->watch);
	while (v->looks != NULL) {
		v->o.loop->forget(v->o.loop, &v->looks->lookup);
		take_out(v->looks);
	}
	for (struct note *n = v->notes; n != NULL; n = n->next)
		n->verifier = NULL;
	verify_plan_done(&v->plan);
	vx_free(v);
}

void vx_verifier_tick(struct vx_verifier *v)
{
	const int64_t now = now_of(v);
	struct verify_item *i;

	if (v->list)
		list(v);
	for (int n = 0;
	     n < VX_VERIFIER_AT_ONCE && (i = verify_plan_due(&v->plan, now)) != NULL; n++)
		if (is_pending(v, i))
			ask(v, i);
		else
			verify_plan_drop(&v->plan, i);
}
