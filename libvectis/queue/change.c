/* Changes of the queue: each inside the committer's transaction. */
#include "queue/record.h"

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
	    n->envid.len > VX_QUEUE_ENVID_MAX || n->prefix.len > VX_QUEUE_PREFIX_MAX)
		return VX_EINVAL;
	for (size_t i = 0; i < n->count; i++) {
		const struct vx_queue_to *to = &n->to[i];

		if (to->forward_path.len == 0 ||
		    to->forward_path.len > VX_QUEUE_PATH_MAX ||
		    to->orcpt.len > VX_QUEUE_ORCPT_MAX || to->destination.len == 0 ||
		    to->destination.len > VX_DNS_NAME_MAX ||
		    memchr(to->destination.ptr, '\0', to->destination.len) != NULL)
			return VX_EINVAL;
	}
	return VX_OK;
}

static int add_recipients(struct vx_kv_txn *txn, const struct vx_queue_new *n)
{
	int rc = VX_OK;

	for (size_t i = 0; i < n->count && rc == VX_OK; i++) {
		const struct vx_queue_recipient r = { .number = (uint32_t)i,
			.due = n->due,
			.notify = n->to[i].notify,
			.forward_path = n->to[i].forward_path,
			.orcpt = n->to[i].orcpt,
			.destination = n->to[i].destination };

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
		.envid = n->envid };
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

/* One recipient less: the message goes with its last one. */
static int count_down(struct vx_kv_txn *txn, struct owned *o, uint64_t id)
{
	struct vx_queue_message m;
	int rc = vx_queue_message_read(txn, id, &m);

	if (rc != VX_OK)
		return rc == VX_ENOENT ? VX_OK : rc;
	own(o, &m.reverse_path);
	own(o, &m.envid);
	if (o->rc != VX_OK)
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

static int apply_result(struct vx_kv_txn *txn, struct owned *o, struct vx_queue_result *x)
{
	struct vx_queue_recipient r;
	int rc = vx_queue_recipient_read(txn, x->message, x->number, &r);

	x->missing = rc == VX_ENOENT;
	if (rc != VX_OK)
		return rc == VX_ENOENT ? VX_OK : rc;
	rc = own_recipient(o, &r);
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

static int wish_recipient(const struct vx_queue_admin_op *op, struct vx_kv_txn *txn,
    struct owned *o, uint64_t id, struct vx_queue_recipient *r, bool *changed)
{
	*changed = true;
	switch (op->verb) {
	case VX_QUEUE_HOLD:
		return vx_queue_place_delete(txn, id, r);
	case VX_QUEUE_RELEASE:
	case VX_QUEUE_FLUSH:
		if (r->due > op->now || op->verb == VX_QUEUE_RELEASE)
			return put_off(txn, id, r, op->now);
		break;
	case VX_QUEUE_REMOVE:
		return remove_recipient(txn, o, id, r);
	case VX_QUEUE_REMOVE_DEFERRED:
		if (r->attempts > 0)
			return remove_recipient(txn, o, id, r);
		break;
	case VX_QUEUE_MEND:
		if (r->attempts > 0 && op->wait_max > 0 &&
		    r->due > (uint64_t)op->now + op->wait_max)
			return put_off(txn, id, r, op->now);
		if (!is_held(txn, id))
			return vx_queue_place_put(txn, id, r);
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
	own(o, &m->reverse_path);
	own(o, &m->envid);
	return o->rc == VX_OK ? vx_queue_message_write(txn, m) : o->rc;
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
	struct vx_queue_recipient r;
	uint64_t from = 0;
	bool changed;
	int rc = wish_message(op, txn, o, m);

	if (rc == VX_OK && holds == (op->verb == VX_QUEUE_HOLD) &&
	    (op->verb == VX_QUEUE_HOLD || op->verb == VX_QUEUE_RELEASE))
		return VX_OK; /* it is as it is wanted */
	while (rc == VX_OK && from <= UINT32_MAX &&
	       (rc = next_recipient(txn, m->id, (uint32_t)from, &r)) == VX_OK) {
		vx_arena_reset(&o->arena);
		from = (uint64_t)r.number + 1;
		rc = own_recipient(o, &r);
		if (rc == VX_OK)
			rc = wish_recipient(op, txn, o, m->id, &r, &changed);
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

static int apply_admin(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_queue_admin_op *op = (struct vx_queue_admin_op *)base;
	struct owned o = { .rc = VX_OK };
	int rc;

	vx_arena_init(&o.arena, 65536);
	op->changed = 0;
	rc = wish_slice(op, txn, &o);
	vx_arena_done(&o.arena);
	if (rc == VX_OK)
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
