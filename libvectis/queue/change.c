/* Changes of the queue: each inside the committer's transaction. */
#include "queue/relay.h"

#include "base/mem.h"
#include "store/box.h"

enum {
	SLICE = 2000 /* recipients that an operator's wish changes in one transaction */
};

/* --- adding --------------------------------------------------------------------------
 */

/* What cannot be stored is refused before anything is written. */
static int check_new(const struct vx_queue_new *n)
{
	if (n->count == 0 || n->count > VX_QUEUE_RECIPIENTS_MAX ||
	    n->reverse_path.len > VX_QUEUE_PATH_MAX ||
	    n->envid.len > VX_QUEUE_ENVID_MAX || n->prefix.len > VX_QUEUE_PREFIX_MAX ||
	    n->domain.len > VX_DNS_NAME_MAX || n->hold.len > VX_QUEUE_HOLD_MAX)
		return VX_EINVAL;
	for (size_t i = 0; i < n->count; i++) {
		const struct vx_queue_to *to = &n->to[i];

		if (to->forward_path.len == 0 ||
		    to->forward_path.len > VX_QUEUE_PATH_MAX ||
		    to->orcpt.len > VX_QUEUE_ORCPT_MAX || to->destination.len == 0 ||
		    to->destination.len > VX_DNS_NAME_MAX ||
		    to->destination.ptr[0] == VX_RELAY_MARK ||
		    memchr(to->destination.ptr, '\0', to->destination.len) != NULL)
			return VX_EINVAL;
	}
	return VX_OK;
}

static int add_recipients(struct vx_kv_txn *txn, const struct vx_queue_new *n)
{
	int rc = VX_OK;

	for (size_t i = 0; i < n->count && rc == VX_OK; i++) {
		struct vx_queue_recipient r = { .number = (uint32_t)i,
			.due = n->due,
			.notify = n->to[i].notify,
			.forward_path = n->to[i].forward_path,
			.orcpt = n->to[i].orcpt };
		struct vx_slot slot;

		rc = vx_queue_slot(
		    txn, n->domain, n->to[i].destination, vx_slice_of("", 0), &slot);
		r.destination = vx_slot_slice(&slot);
		if (rc == VX_OK)
			rc = vx_queue_recipient_write(txn, n->id, &r);
		if (rc == VX_OK && (n->flags & VX_QUEUE_HELD) == 0)
			rc = vx_queue_place_put(txn, n->id, &r);
	}
	return rc;
}

static int add(struct vx_kv_txn *txn, struct vx_queue_new *n, uint64_t blob)
{
	struct vx_queue_message m = { .blob = blob,
		.size = n->size,
		.created = n->created,
		.account = n->account,
		.flags = n->flags,
		.recipients = (uint32_t)n->count,
		.left = (uint32_t)n->count,
		.reverse_path = n->reverse_path,
		.envid = n->envid,
		.domain = n->domain,
		.release = n->release,
		.hold = n->hold };
	int rc = vx_meta_next(txn, "queue", &n->id);

	m.id = n->id;
	memcpy(m.token, n->token, VX_QUEUE_TOKEN_OCTETS);
	if (rc == VX_OK)
		rc = vx_queue_message_write(txn, &m);
	if (rc == VX_OK && n->prefix.len > 0)
		rc = vx_queue_prefix_write(txn, n->id, n->prefix);
	if (rc == VX_OK)
		rc = add_recipients(txn, n);
	if (rc == VX_OK)
		vx_kv_note_change(txn, VX_WATCH_QUEUE, VX_QUEUE_WATCH_NEW, n->id);
	return rc;
}

/* --- results -------------------------------------------------------------------------
 */

/* A copy of what is borrowed from the transaction, which writing would take away. */
struct owned {
	struct vx_arena arena;
	int rc;
};

static void own(struct owned *o, vx_slice *s)
{
	if (o->rc == VX_OK)
		o->rc = vx_arena_copy(&o->arena, *s, s);
}

static int own_recipient(struct owned *o, struct vx_queue_recipient *r)
{
	own(o, &r->forward_path);
	own(o, &r->orcpt);
	own(o, &r->destination);
	own(o, &r->host);
	own(o, &r->reply);
	return o->rc;
}

static int own_message(struct owned *o, struct vx_queue_message *m)
{
	own(o, &m->reverse_path);
	own(o, &m->envid);
	own(o, &m->domain);
	own(o, &m->hold);
	return o->rc;
}

/* One recipient less: the message goes with its last one. */
static int count_down(struct vx_kv_txn *txn, struct owned *o, uint64_t id)
{
	struct vx_queue_message m;
	int rc = vx_queue_message_read(txn, id, &m);

	if (rc != VX_OK)
		return rc == VX_ENOENT ? VX_OK : rc;
	if (own_message(o, &m) != VX_OK)
		return o->rc;
	if (m.left > 1) {
		m.left--;
		return vx_queue_message_write(txn, &m);
	}
	rc = vx_queue_message_delete(txn, id);
	/* nobody undeletes what was sent: its body need not wait */
	return rc == VX_OK ? vx_blob_drop_reference(txn, m.blob, 0) : rc;
}

static int remove_recipient(struct vx_kv_txn *txn, struct owned *o, uint64_t id,
    const struct vx_queue_recipient *r)
{
	int rc = vx_queue_place_delete(txn, id, r);

	if (rc == VX_OK)
		rc = vx_queue_recipient_delete(txn, id, r->number);
	return rc == VX_OK ? count_down(txn, o, id) : rc;
}

static bool is_held(struct vx_kv_txn *txn, uint64_t id)
{
	struct vx_queue_message m;

	return vx_queue_message_read(txn, id, &m) == VX_OK &&
	       (m.flags & VX_QUEUE_HELD) != 0;
}

/* r is owned; its due time is what it was. */
static int put_off(
    struct vx_kv_txn *txn, uint64_t id, struct vx_queue_recipient *r, uint32_t due)
{
	const bool held = is_held(txn, id);
	int rc = vx_queue_place_delete(txn, id, r);

	r->due = due;
	if (rc == VX_OK)
		rc = vx_queue_recipient_write(txn, id, r);
	return rc == VX_OK && !held ? vx_queue_place_put(txn, id, r) : rc;
}

/* Of the domain that sent it; what has none is not counted. */
static int count_result(
    struct vx_kv_txn *txn, struct owned *o, const struct vx_queue_result *x)
{
	struct vx_queue_message m;
	int rc = vx_queue_message_read(txn, x->message, &m);

	if (rc == VX_OK)
		rc = own_message(o, &m);
	if (rc != VX_OK || m.domain.len == 0)
		return rc == VX_ENOENT ? VX_OK : rc;
	return vx_bounce_count(txn, m.domain, x->now_s, x->kind);
}

static int apply_result(struct vx_kv_txn *txn, struct owned *o, struct vx_queue_result *x)
{
	struct vx_queue_recipient r;
	int rc = vx_queue_recipient_read(txn, x->message, x->number, &r);

	x->missing = rc == VX_ENOENT;
	if (rc != VX_OK)
		return rc == VX_ENOENT ? VX_OK : rc;
	rc = own_recipient(o, &r);
	if (rc == VX_OK && x->event != NULL)
		rc = vx_event_write(txn, x->event);
	if (rc != VX_OK)
		return rc;
	if (x->finished && x->counted)
		rc = count_result(txn, o, x);
	if (rc != VX_OK)
		return rc;
	if (x->finished)
		return remove_recipient(txn, o, x->message, &r);
	r.attempts++;
	r.delay_told = r.delay_told || x->delay_told;
	r.host = x->host;
	r.reply = x->reply;
	return put_off(txn, x->message, &r, x->due);
}

static int apply_results(
    struct vx_kv_txn *txn, struct vx_queue_result *results, size_t count, size_t *missing)
{
	struct owned o = { .rc = VX_OK };
	int rc = VX_OK;

	vx_arena_init(&o.arena, 65536);
	*missing = 0;
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		vx_arena_reset(&o.arena);
		rc = apply_result(txn, &o, &results[i]);
		*missing += results[i].missing;
	}
	vx_arena_done(&o.arena);
	return rc;
}

static int apply_queue(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_queue_op *op = (struct vx_queue_op *)base;
	size_t missing;

	return apply_results(txn, op->results, op->count, &missing);
}

void vx_queue_op_init(struct vx_queue_op *op)
{
	*op = (struct vx_queue_op){ .op = { .apply = apply_queue } };
}

int vx_queue_also(
    struct vx_deliver_op *op, struct vx_kv_txn *txn, uint64_t blob, uint32_t *references)
{
	struct vx_queue_also *a = op->also_ctx;
	size_t missing = 0;
	int rc = VX_OK;

	*references = 0;
	for (size_t i = 0; i < a->add_count && rc == VX_OK; i++)
		rc = check_new(&a->add[i]);
	if (rc == VX_OK)
		rc = apply_results(txn, a->results, a->count, &missing);
	if (rc == VX_OK && a->count > 0 && missing == a->count)
		rc = VX_ECONFLICT;
	for (size_t i = 0; i < a->add_count && rc == VX_OK; i++)
		rc = add(txn, &a->add[i], blob);
	if (rc == VX_OK)
		*references = (uint32_t)a->add_count;
	return rc;
}

/* --- the operator --------------------------------------------------------------------
 */

static int remove_by_wish(const struct vx_queue_admin_op *op, struct vx_kv_txn *txn,
    struct owned *o, uint64_t id, struct vx_queue_recipient *r)
{
	struct vx_event e = { .type = VX_EVENT_REMOVED, .time = op->now };
	struct vx_queue_message m;
	int rc = vx_queue_message_read(txn, id, &m);

	if (rc == VX_OK) {
		e.size = m.size;
		e.texts[VX_EVENT_ID] = vx_slice_str(m.token);
		e.texts[VX_EVENT_SENDER] = m.reverse_path;
		e.texts[VX_EVENT_RECIPIENTS] = r->forward_path;
		e.texts[VX_EVENT_HOST] = r->host;
		e.texts[VX_EVENT_REASON] = VX_S("taken out of the queue by the operator");
		rc = vx_event_write(txn, &e);
	}
	return rc == VX_OK || rc == VX_ENOENT ? remove_recipient(txn, o, id, r) : rc;
}

/* When it may be tried: now, or when its sender wants it to be sent. */
static uint32_t earliest(
    const struct vx_queue_admin_op *op, const struct vx_queue_message *m)
{
	return m->release > op->now ? m->release : op->now;
}

/* Only a clock that was ahead puts anything off for so long. */
static bool is_too_late(const struct vx_queue_admin_op *op,
    const struct vx_queue_message *m, const struct vx_queue_recipient *r)
{
	return op->wait_max > 0 && r->due > (uint64_t)earliest(op, m) + op->wait_max;
}

/* r is owned: it is due for the relay that it has now, or for its domain. */
static int reroute(struct vx_kv_txn *txn, struct vx_queue_admin_op *op, vx_slice domain,
    uint64_t id, struct vx_queue_recipient *r, bool held, bool *changed)
{
	struct vx_slot by_itself, slot;
	int rc;

	*changed = false;
	if (vx_queue_is_inner(r->destination) ||
	    vx_queue_destination_of(r->forward_path, &by_itself) != VX_OK)
		return VX_OK;
	rc = vx_queue_slot(txn, domain, vx_slot_slice(&by_itself), op->mx, &slot);
	if (rc != VX_OK || vx_slice_eq(vx_slot_slice(&slot), r->destination))
		return rc;
	*changed = true;
	if (op->verb == VX_QUEUE_ROUTE) {
		op->several = op->several ||
			      (op->slot[0] != '\0' && !vx_slice_eq(vx_slot_slice(&slot),
							  vx_slice_str(op->slot)));
		memcpy(op->slot, slot.name, slot.len);
		op->slot[slot.len] = '\0';
	}
	rc = vx_queue_place_delete(txn, id, r);
	r->destination = vx_slot_slice(&slot);
	if (rc == VX_OK)
		rc = vx_queue_recipient_write(txn, id, r);
	return rc == VX_OK && !held ? vx_queue_place_put(txn, id, r) : rc;
}

/* Whatever is missing in the list, and where it has no place any more. */
static int mend(struct vx_kv_txn *txn, struct vx_queue_admin_op *op, vx_slice domain,
    uint64_t id, struct vx_queue_recipient *r, bool held)
{
	bool moved;
	int rc = reroute(txn, op, domain, id, r, held, &moved);

	return rc == VX_OK && !moved && !held ? vx_queue_place_put(txn, id, r) : rc;
}

static int wish_recipient(struct vx_queue_admin_op *op, struct vx_kv_txn *txn,
    struct owned *o, const struct vx_queue_message *m, struct vx_queue_recipient *r,
    bool *changed)
{
	const bool held = (m->flags & VX_QUEUE_HELD) != 0;
	const uint64_t id = m->id;
	int rc = VX_OK;

	*changed = true;
	switch (op->verb) {
	case VX_QUEUE_HOLD:
		return vx_queue_place_delete(txn, id, r);
	case VX_QUEUE_RELEASE:
	case VX_QUEUE_FLUSH:
		/* a wish about all is none about what its sender wanted to wait */
		if (op->verb == VX_QUEUE_FLUSH && op->id == 0 && m->release > op->now)
			break;
		if (op->verb == VX_QUEUE_RELEASE)
			return put_off(txn, id, r, earliest(op, m));
		if (r->due > op->now)
			return put_off(txn, id, r, op->now);
		break;
	case VX_QUEUE_REMOVE:
		return remove_by_wish(op, txn, o, id, r);
	case VX_QUEUE_REMOVE_DEFERRED:
		if (r->attempts > 0)
			return remove_by_wish(op, txn, o, id, r);
		break;
	case VX_QUEUE_MEND:
		if (is_too_late(op, m, r))
			rc = put_off(txn, id, r, earliest(op, m));
		*changed = !held;
		return rc == VX_OK ? mend(txn, op, m->domain, id, r, held) : rc;
	case VX_QUEUE_ROUTE: /* of a destination, not of messages */
		break;
	}
	*changed = false;
	return VX_OK;
}

/* HELD is set before its recipients are taken off the list, or cleared before they are
 * put on it. */
static int wish_message(const struct vx_queue_admin_op *op, struct vx_kv_txn *txn,
    struct owned *o, struct vx_queue_message *m)
{
	const unsigned before = m->flags;

	if (op->verb == VX_QUEUE_HOLD)
		m->flags |= VX_QUEUE_HELD;
	if (op->verb == VX_QUEUE_RELEASE)
		m->flags &= ~(unsigned)VX_QUEUE_HELD;
	if (m->flags == before)
		return VX_OK;
	return own_message(o, m) == VX_OK ? vx_queue_message_write(txn, m) : o->rc;
}

static int next_recipient(
    struct vx_kv_txn *txn, uint64_t id, uint32_t from, struct vx_queue_recipient *out)
{
	struct vx_kv_cursor *c;
	struct vx_key k;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_QUEUE, &c);

	if (rc != VX_OK)
		return rc;
	vx_queue_recipient_key(&k, id, from);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && !vx_queue_is_recipient_of(key, id))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_queue_recipient_parse(key, value, out);
	vx_kv_cursor_close(c);
	return rc;
}

static int wish_all_of(struct vx_queue_admin_op *op, struct vx_kv_txn *txn,
    struct owned *o, struct vx_queue_message *m)
{
	const bool holds = (m->flags & VX_QUEUE_HELD) != 0;
	char domain[VX_DNS_NAME_MAX];
	struct vx_queue_recipient r;
	uint64_t from = 0;
	bool changed;
	int rc =
	    m->domain.len > sizeof(domain) ? VX_ECORRUPT : wish_message(op, txn, o, m);

	if (rc == VX_OK && m->domain.len > 0) {
		/* the arena is emptied for each recipient */
		memcpy(domain, m->domain.ptr, m->domain.len);
		m->domain.ptr = domain;
	}
	if (rc == VX_OK && holds == (op->verb == VX_QUEUE_HOLD) &&
	    (op->verb == VX_QUEUE_HOLD || op->verb == VX_QUEUE_RELEASE))
		return VX_OK; /* it is as it is wanted */
	while (rc == VX_OK && from <= UINT32_MAX &&
	       (rc = next_recipient(txn, m->id, (uint32_t)from, &r)) == VX_OK) {
		vx_arena_reset(&o->arena);
		from = (uint64_t)r.number + 1;
		rc = own_recipient(o, &r);
		if (rc == VX_OK)
			rc = wish_recipient(op, txn, o, m, &r, &changed);
		if (rc == VX_OK)
			op->changed += changed;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int next_message(
    struct vx_kv_txn *txn, uint64_t from, struct vx_queue_message *out)
{
	struct vx_kv_cursor *c;
	struct vx_key k = { .octets = { VX_QUEUE_MESSAGE }, .len = 1 };
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_QUEUE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_add_u64(&k, from);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && key.ptr[0] != VX_QUEUE_MESSAGE)
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_queue_message_parse(key, value, out);
	vx_kv_cursor_close(c);
	return rc;
}

static int wish_slice(
    struct vx_queue_admin_op *op, struct vx_kv_txn *txn, struct owned *o)
{
	struct vx_queue_message m;
	uint64_t seen = 0;
	int rc = VX_OK;

	op->next_id = op->id != 0 ? op->id : op->from_id;
	while (rc == VX_OK && seen < SLICE &&
	       (rc = next_message(txn, op->next_id, &m)) == VX_OK) {
		if (op->id != 0 && m.id != op->id) {
			op->next_id = 0;
			return VX_ENOENT;
		}
		op->next_id = m.id + 1;
		seen += m.left;
		vx_arena_reset(&o->arena);
		rc = wish_all_of(op, txn, o, &m);
		if (op->id != 0)
			op->next_id = 0;
		if (op->id != 0)
			return rc;
	}
	if (rc == VX_ENOENT)
		op->next_id = 0;
	return rc == VX_ENOENT && op->id == 0 ? VX_OK : rc;
}

/* --- relays that the MX decides about --------------------------------------------------
 */

/* The places of a destination behind op->at, SLICE at most. */
static int list_places(struct vx_queue_admin_op *op, struct vx_kv_txn *txn,
    struct vx_queue_place *list, size_t *count)
{
	struct vx_queue_place next = op->at;
	struct vx_kv_cursor *c;
	vx_slice key, value, of;
	struct vx_key k;
	int rc = vx_kv_cursor_open(txn, VX_TREE_QUEUE, &c);

	if (rc != VX_OK)
		return rc;
	next.number += op->at.message != 0; /* behind the last one */
	vx_queue_place_key(&k, op->destination, &next);
	*count = 0;
	for (rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	     rc == VX_OK && *count < SLICE; rc = vx_kv_next(c, &key, &value)) {
		if (vx_queue_place_parse(key, &of, &list[*count]) != VX_OK ||
		    !vx_slice_eq(of, op->destination))
			break;
		(*count)++;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int route_one(struct vx_queue_admin_op *op, struct vx_kv_txn *txn, struct owned *o,
    const struct vx_queue_place *at)
{
	struct vx_queue_recipient r;
	struct vx_queue_message m;
	bool changed = false;
	int rc = vx_queue_message_read(txn, at->message, &m);

	if (rc == VX_OK)
		rc = own_message(o, &m);
	if (rc == VX_OK)
		rc = vx_queue_recipient_read(txn, at->message, at->number, &r);
	if (rc == VX_OK)
		rc = own_recipient(o, &r);
	if (rc == VX_OK)
		rc = reroute(txn, op, m.domain, m.id, &r, false, &changed);
	op->changed += changed;
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int route_slice(
    struct vx_queue_admin_op *op, struct vx_kv_txn *txn, struct owned *o)
{
	struct vx_queue_place *list = vx_alloc_array(SLICE, sizeof(*list));
	size_t count = 0;
	int rc = list == NULL ? VX_ENOMEM : list_places(op, txn, list, &count);

	op->more = false;
	op->several = false;
	op->slot[0] = '\0';
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		vx_arena_reset(&o->arena);
		rc = route_one(op, txn, o, &list[i]);
	}
	if (rc == VX_OK && count == SLICE) {
		op->next_at = list[count - 1];
		op->more = true;
	}
	vx_free(list);
	return rc;
}

static int apply_admin(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_queue_admin_op *op = (struct vx_queue_admin_op *)base;
	struct owned o = { .rc = VX_OK };
	int rc;

	vx_arena_init(&o.arena, 65536);
	op->changed = 0;
	rc = op->verb == VX_QUEUE_ROUTE ? route_slice(op, txn, &o)
					: wish_slice(op, txn, &o);
	vx_arena_done(&o.arena);
	/* what goes to a relay is known to the sender, who wanted it */
	if (rc == VX_OK && op->verb != VX_QUEUE_ROUTE)
		vx_kv_note_change(txn, VX_WATCH_QUEUE, VX_QUEUE_WATCH_CHANGED, 0);
	return rc;
}

void vx_queue_admin_op_init(struct vx_queue_admin_op *op, enum vx_queue_verb verb)
{
	*op = (struct vx_queue_admin_op){ .op = { .apply = apply_admin,
					      .frees = verb == VX_QUEUE_REMOVE ||
						       verb == VX_QUEUE_REMOVE_DEFERRED },
		.verb = verb };
}
