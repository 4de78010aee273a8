/* Changes to messages: each is one op, applied inside the committer's transaction. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/box.h"
#include "store/store_int.h"

enum {
	DESCRIPTOR_HEADER = VX_VALUE_HEADER + 8,
	INBOX_ID = 1
};

/* --- delivery ---------------------------------------------------------------------- */

static bool over_quota(
    const struct vx_account_record *a, uint64_t octets, uint64_t messages)
{
	return (a->limit_octets > 0 && (octets > a->limit_octets ||
					   a->used_octets > a->limit_octets - octets)) ||
	       (a->limit_messages > 0 && a->used_messages + messages > a->limit_messages);
}

static int open_target(const struct vx_deliver_op *op, struct vx_kv_txn *txn,
    const struct vx_delivery_target *t, struct vx_box *b)
{
	const uint64_t size = op->overfill ? 1 : op->op.blob->size;
	const struct vx_replaced *old = &op->replaces;
	int rc = vx_box_open(txn, t->account, t->mailbox == 0 ? INBOX_ID : t->mailbox, b);
	struct vx_account_record a;

	if (rc == VX_OK && vx_box_is_all(b))
		rc = VX_EPERM;
	if (rc != VX_OK)
		return rc;
	if (op->quota_notice != 0) {
		if (b->a.told >= op->quota_notice ||
		    vx_account_level(&b->a) < op->quota_notice)
			return VX_ECONFLICT;
		b->a.told = (uint8_t)op->quota_notice;
		return VX_OK;
	}
	a = b->a;
	if (old->octets > 0 && old->account == t->account) { /* only the net use counts */
		a.used_octets -= old->octets;
		a.used_messages--;
	}
	return over_quota(&a, size, 1) ? VX_EQUOTA : VX_OK;
}

static uint32_t small_size(uint64_t size)
{
	return size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}

static unsigned quota_due(const struct vx_account_record *a)
{
	const unsigned level = vx_account_level(a);

	return level > a->told ? level : 0;
}

static int file_one(struct vx_deliver_op *op, struct vx_kv_txn *txn,
    struct vx_delivery_target *t, struct vx_box *b)
{
	const struct vx_blob_writer *w = op->op.blob;
	struct vx_record r = { .blob = w->blob,
		.size = small_size(w->size),
		.internal_date = op->internal_date,
		.saved_date = (uint32_t)vx_clock_s() };
	uint64_t keywords;
	int rc = open_target(op, txn, t, b);

	if (rc == VX_OK)
		rc = vx_box_keywords(b, &t->keywords, true, &keywords);
	if (rc != VX_OK)
		return rc;
	r.flags = (t->flags & VX_FLAG_SYSTEM) | keywords;
	rc = vx_box_append(b, &r);
	if (rc != VX_OK)
		return rc;
	t->uid = r.uid;
	t->uidvalidity = b->h.s.uidvalidity;
	t->before = b->h.s.highestmodseq;
	t->modseq = b->modseq;
	t->quota_due = quota_due(&b->a);
	return vx_box_close(b);
}

static int put_descriptor(struct vx_kv_txn *txn, const struct vx_blob_writer *w)
{
	struct vx_volume_record volume;
	struct vx_key k;
	char *v;
	const size_t len = DESCRIPTOR_HEADER + w->descriptor.len;
	int rc;

	/* Built aside: the checksum covers it all. */
	v = vx_alloc(len);
	if (v == NULL)
		return VX_ENOMEM;
	vx_put_le64(v + VX_VALUE_HEADER, w->size);
	memcpy(v + DESCRIPTOR_HEADER, w->descriptor.ptr, w->descriptor.len);
	vx_value_seal(v, len, 'd');
	vx_key_blob(&k, w->blob);
	rc = vx_kv_append(txn, VX_TREE_DESC, vx_key_slice(&k), vx_slice_of(v, len));
	vx_free(v);
	if (rc == VX_OK)
		rc = vx_volume_record_read(txn, (uint32_t)(w->blob >> 32), &volume);
	if (rc == VX_OK) {
		volume.live += w->size;
		rc = vx_volume_record_write(txn, &volume);
	}
	return rc;
}

/* Would every target take it?  Nothing is changed. */
static int all_would_take(
    struct vx_deliver_op *op, struct vx_kv_txn *txn, struct vx_box *b)
{
	for (size_t i = 0; i < op->target_count; i++) {
		const int rc = open_target(op, txn, &op->targets[i], b);

		if (rc != VX_OK) {
			op->targets[i].result = rc;
			return rc;
		}
	}
	return VX_OK;
}

static int file_all(struct vx_deliver_op *op, struct vx_kv_txn *txn, struct vx_box *b)
{
	uint32_t filed = 0, elsewhere = 0;
	int first = VX_ENOENT, rc = op->all_or_none ? all_would_take(op, txn, b) : VX_OK;

	if (rc == VX_OK && op->also != NULL)
		rc = op->also(op, txn, op->op.blob->blob, &elsewhere);
	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < op->target_count; i++) {
		struct vx_delivery_target *t = &op->targets[i];

		t->result = file_one(op, txn, t, b);
		if (vx_kv_broken(txn) != VX_OK)
			return vx_kv_broken(txn);
		filed += t->result == VX_OK;
		if (t->result != VX_OK && (first == VX_ENOENT || i == 0))
			first = t->result;
		/* Two copies for one account may be too much where one is not. */
		if (t->result != VX_OK && op->all_or_none)
			return t->result;
	}
	filed += elsewhere;
	if (filed == 0)
		return first;
	rc = put_descriptor(txn, op->op.blob);
	if (rc == VX_OK && filed > 1)
		rc = vx_blob_add_reference(txn, op->op.blob->blob, filed - 1);
	return rc;
}

static int replace(struct vx_deliver_op *op, struct vx_kv_txn *txn, struct vx_box *b);

static int apply_deliver(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_deliver_op *op = (struct vx_deliver_op *)base;
	struct vx_box *b = vx_box_new();
	int rc = b == NULL ? VX_ENOMEM : VX_OK;

	if (rc == VX_OK && op->replaces.uid != 0)
		rc = replace(op, txn, b);
	if (rc == VX_OK)
		rc = file_all(op, txn, b);

	vx_box_free(b);
	return rc;
}

void vx_deliver_op_init(struct vx_deliver_op *op, struct vx_blob_writer *blob)
{
	*op = (struct vx_deliver_op){ .op = { .apply = apply_deliver, .blob = blob } };
}

static int apply_keep(struct vx_store_op *op, struct vx_kv_txn *txn)
{
	(void)op;
	(void)txn;
	return VX_OK;
}

void vx_keep_op_init(struct vx_store_op *op, struct vx_blob_writer *blob)
{
	*op = (struct vx_store_op){ .apply = apply_keep, .blob = blob };
}

static int all_fit(const struct vx_deliver_all_op *op, struct vx_kv_txn *txn)
{
	const struct vx_delivery_target *t = op->each->targets;
	struct vx_account_record a;
	uint64_t octets = 0;
	int rc = vx_account_read(txn, t->account, &a);

	for (size_t i = 0; i < op->count; i++)
		octets += op->each[i].op.blob->size;
	return rc == VX_OK && over_quota(&a, octets, op->count) ? VX_EQUOTA : rc;
}

/* One that is refused after others were filed has the committer take those back. */
static int apply_deliver_all(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_deliver_all_op *op = (struct vx_deliver_all_op *)base;
	int rc = all_fit(op, txn);

	for (size_t i = 0; i < op->count && rc == VX_OK; i++)
		rc = apply_deliver(&op->each[i].op, txn);
	return rc;
}

void vx_deliver_all_op_init(
    struct vx_deliver_all_op *op, struct vx_deliver_op *each, size_t count)
{
	*op = (struct vx_deliver_all_op){ .op = { .apply = apply_deliver_all,
					      .blob = each[count - 1].op.blob },
		.each = each,
		.count = count };
}

/* --- flags ------------------------------------------------------------------------- */

struct flags_visit {
	struct vx_box_visit v;
	const struct vx_flags_op *op;
	uint64_t bits;
	uint32_t changed;
	bool overtook;
	struct vx_uid_range
	    *refused; /* in the op's arena, room for all that are visited */
	size_t refused_count, refused_cap;
	bool failed;
};

/* Add uid to ascending ranges; the arena doubles the array when it is full. */
static bool add_uid(struct vx_arena *arena, struct vx_uid_range **ranges, size_t *count,
    size_t *cap, uint32_t uid)
{
	struct vx_uid_range *grown;

	if (*count == *cap) {
		const size_t more = *cap == 0 ? 16 : *cap * 2;

		grown =
		    arena == NULL ? NULL : vx_arena_array(arena, more, sizeof(**ranges));
		if (grown == NULL)
			return false;
		if (*count > 0)
			memcpy(grown, *ranges, *count * sizeof(**ranges));
		*ranges = grown;
		*cap = more;
	}
	vx_ranges_add(*ranges, count, uid);
	return true;
}

static enum vx_box_verdict change_flags(struct vx_box_visit *v, struct vx_record *r)
{
	struct flags_visit *f = (struct flags_visit *)v;
	uint64_t flags = r->flags;

	if (r->modseq > f->op->unchanged_since) {
		if (!add_uid(f->op->arena, &f->refused, &f->refused_count,
			&f->refused_cap, r->uid))
			f->failed = true;
		return VX_BOX_KEPT;
	}
	switch (f->op->change) {
	case VX_FLAGS_ADD:
		flags |= f->bits;
		break;
	case VX_FLAGS_REMOVE:
		flags &= ~f->bits;
		break;
	case VX_FLAGS_REPLACE:
		flags = f->bits;
		break;
	}
	flags = (flags & f->op->may) | (r->flags & ~f->op->may);
	if (flags == r->flags)
		return VX_BOX_KEPT;
	r->flags = flags;
	f->changed++;
	f->overtook = f->overtook || r->modseq > f->op->told;
	return VX_BOX_CHANGED;
}

static int apply_flags_to(struct vx_flags_op *op, struct vx_box *b)
{
	struct flags_visit f = { .v = { .ranges = op->uids,
				     .range_count = op->range_count,
				     .limit = VX_STORE_SLICE_RECORDS,
				     .visit = change_flags },
		.op = op };
	uint32_t from = op->from_uid;
	int rc =
	    vx_box_keywords(b, &op->keywords, op->change != VX_FLAGS_REMOVE, &f.bits);

	f.bits |= op->flags & VX_FLAG_SYSTEM;
	if (rc == VX_OK)
		rc = vx_box_visit(b, &f.v, &from);
	/* Keywords may have been written: from here on only a broken transaction fails.
	 */
	op->refused = f.refused;
	op->refused_count = f.refused_count;
	op->changed = f.changed;
	op->overtook = f.overtook;
	op->modseq = f.changed > 0 ? b->modseq : 0;
	op->next_uid = from;
	if (rc == VX_OK && f.failed)
		rc = VX_ELIMIT;
	return rc == VX_OK && f.changed > 0 ? vx_box_close(b) : rc;
}

static int apply_flags(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_flags_op *op = (struct vx_flags_op *)base;
	struct vx_box *b = vx_box_new();
	int rc = b == NULL ? VX_ENOMEM : vx_box_open(txn, op->account, op->mailbox, b);

	if (rc == VX_OK)
		rc = apply_flags_to(op, b);
	vx_box_free(b);
	return rc;
}

void vx_flags_op_init(struct vx_flags_op *op)
{
	*op = (struct vx_flags_op){ .op = { .apply = apply_flags, .frees = true },
		.unchanged_since = UINT64_MAX,
		.told = UINT64_MAX,
		.may = UINT64_MAX };
}

/* --- expunge ----------------------------------------------------------------------- */

struct taken { /* records taken out of a mailbox, in order */
	struct vx_box_visit v;
	bool deleted_only, keep;
	uint32_t last;             /* those above came meanwhile; 0: all */
	struct vx_record *records; /* own */
	size_t count, cap;
	bool failed;
};

static enum vx_box_verdict take_record(struct vx_box_visit *v, struct vx_record *r)
{
	struct taken *t = (struct taken *)v;

	if (t->failed || (t->deleted_only && (r->flags & VX_FLAG_DELETED) == 0) ||
	    (t->last != 0 && r->uid > t->last))
		return VX_BOX_KEPT;
	if (t->count == t->cap) {
		const size_t cap = t->cap == 0 ? 64 : t->cap * 2;
		struct vx_record *grown = vx_realloc(t->records, cap * sizeof(*grown));

		if (grown == NULL) {
			t->failed = true;
			return VX_BOX_KEPT;
		}
		t->records = grown;
		t->cap = cap;
	}
	t->records[t->count++] = *r;
	return t->keep ? VX_BOX_KEPT : VX_BOX_REMOVED;
}

/* Note the UIDs of t as expunged. */
static int add_vanished(struct vx_box *b, const struct taken *t)
{
	struct vx_uid_range *ranges = vx_alloc_array(t->count, sizeof(*ranges));
	size_t n = 0;
	int rc;

	if (ranges == NULL)
		return VX_ENOMEM;
	for (size_t i = 0; i < t->count; i++)
		vx_ranges_add(ranges, &n, t->records[i].uid);
	rc = vx_box_add_vanished(b, ranges, n);
	vx_free(ranges);
	return rc;
}

static int drop_all(struct vx_kv_txn *txn, const struct taken *t)
{
	const uint32_t now = (uint32_t)vx_clock_s();
	int rc = VX_OK;

	for (size_t i = 0; i < t->count && rc == VX_OK; i++)
		rc = vx_blob_drop_reference(txn, t->records[i].blob, now);
	return rc;
}

/* Remove what t selects; a failure after the first change leaves txn to be aborted. */
static int expunge(struct vx_box *b, struct taken *t, uint32_t *from)
{
	int rc = vx_box_visit(b, &t->v, from);

	if (rc == VX_OK && t->failed)
		rc = VX_ENOMEM;
	if (rc == VX_OK && t->count > 0)
		rc = add_vanished(b, t);
	if (rc == VX_OK)
		rc = drop_all(b->txn, t);
	if (rc == VX_OK && t->count > 0)
		rc = vx_box_close(b);
	return rc;
}

static int apply_expunge(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_expunge_op *op = (struct vx_expunge_op *)base;
	struct taken t = { .v = { .ranges = op->uids,
			       .range_count = op->range_count,
			       .limit = VX_STORE_SLICE_RECORDS,
			       .visit = take_record },
		.deleted_only = op->deleted_only };
	struct vx_box *b = vx_box_new();
	uint32_t from = op->from_uid;
	int rc = b == NULL ? VX_ENOMEM : vx_box_open(txn, op->account, op->mailbox, b);

	if (rc == VX_OK)
		rc = expunge(b, &t, &from);
	if (rc == VX_OK) {
		op->expunged = (uint32_t)t.count;
		op->modseq = t.count > 0 ? b->modseq : 0;
		op->next_uid = from;
	}
	vx_free(t.records);
	vx_box_free(b);
	return rc;
}

void vx_expunge_op_init(struct vx_expunge_op *op)
{
	*op = (struct vx_expunge_op){ .op = { .apply = apply_expunge, .frees = true },
		.deleted_only = true };
}

/* --- replace ----------------------------------------------------------------------- */

/* The old message goes, when the new one would be taken: then that is filed. */
static int replace(struct vx_deliver_op *op, struct vx_kv_txn *txn, struct vx_box *b)
{
	struct vx_replaced *old = &op->replaces;
	const struct vx_uid_range uid = { old->uid, old->uid };
	struct taken t = { .v = { .ranges = &uid,
			       .range_count = 1,
			       .limit = VX_STORE_SLICE_RECORDS,
			       .visit = take_record },
		.keep = true };
	uint32_t from = 0;
	int rc = vx_box_open(txn, old->account, old->mailbox, b);

	old->octets = 0;
	if (rc == VX_OK)
		rc = vx_box_visit(b, &t.v, &from);
	old->gone = rc == VX_ENOENT || (rc == VX_OK && t.count == 0);
	if (rc == VX_OK && (old->gone || t.failed))
		rc = old->gone ? VX_ENOENT : VX_ENOMEM;
	if (rc == VX_OK) {
		old->octets = t.records[0].size;
		rc = all_would_take(op, txn, b);
		old->octets = 0;
	}
	t.keep = false;
	t.count = 0;
	from = 0;
	if (rc == VX_OK)
		rc = vx_box_open(txn, old->account, old->mailbox, b);
	if (rc == VX_OK)
		rc = expunge(b, &t, &from);
	vx_free(t.records);
	return rc;
}

/* --- copy, move --------------------------------------------------------------------- */

/* One UID after the other into the outputs of COPYUID. */
static int note_pair(struct vx_copy_op *op, size_t caps[2], uint32_t from, uint32_t to)
{
	if (op->arena == NULL)
		return VX_OK;
	return add_uid(op->arena, &op->from_uids, &op->from_count, &caps[0], from) &&
		       add_uid(op->arena, &op->to_uids, &op->to_count, &caps[1], to)
		   ? VX_OK
		   : VX_ELIMIT;
}

static int append_all(struct vx_copy_op *op, struct vx_box *to, const struct taken *t,
    const struct vx_keyword_map *map)
{
	const uint32_t now = (uint32_t)vx_clock_s();
	size_t caps[2] = { 0, 0 };
	int rc = VX_OK;

	for (size_t i = 0; i < t->count && rc == VX_OK; i++) {
		struct vx_record r = t->records[i];
		const uint32_t uid = r.uid;

		r.flags = vx_keywords_mapped(map, r.flags & op->may);
		r.saved_date = now;
		rc = vx_box_append(to, &r);
		if (rc == VX_OK)
			rc = note_pair(op, caps, uid, r.uid);
		if (rc == VX_OK && !op->move)
			rc = vx_blob_add_reference(to->txn, r.blob, 1);
	}
	return rc;
}

static int check_copy(
    const struct vx_copy_op *op, const struct vx_box *to, const struct taken *t)
{
	uint64_t octets = 0;

	if (t->count > VX_COPY_MAX)
		return VX_ELIMIT;
	if (vx_box_is_all(to))
		return VX_EPERM;
	for (size_t i = 0; i < t->count; i++)
		octets += t->records[i].size;
	if (!(op->move && op->account == op->to_account) &&
	    over_quota(&to->a, octets, t->count))
		return VX_EQUOTA;
	if (UINT32_MAX - to->h.s.uidnext < t->count)
		return VX_ELIMIT;
	return VX_OK;
}

/* For MOVE: take what was copied out of its mailbox again (pass 2 of the same visit). */
static int remove_moved(struct vx_copy_op *op, struct vx_box *from, struct taken *t)
{
	uint32_t at = op->from_uid;
	const size_t count = t->count;
	int rc = vx_box_open(from->txn, op->account, op->mailbox, from);

	if (rc != VX_OK)
		return rc;
	t->last = t->records[count - 1].uid;
	t->count = 0;
	t->keep = false;
	rc = vx_box_visit(from, &t->v, &at);
	if (rc == VX_OK && t->count != count)
		rc = VX_ECONFLICT;
	if (rc == VX_OK)
		rc = add_vanished(from, t);
	return rc == VX_OK ? vx_box_close(from) : rc;
}

static int copy(
    struct vx_copy_op *op, struct vx_box *from, struct vx_box *to, struct taken *t)
{
	struct vx_keyword_map map = { 0 };
	uint64_t used = 0;
	uint32_t at = op->from_uid;
	int rc = vx_box_visit(from, &t->v, &at);

	op->next_uid = at;
	if (rc == VX_OK && t->failed)
		rc = VX_ENOMEM;
	if (rc == VX_OK)
		rc = check_copy(op, to, t);
	op->from_count = op->to_count = 0;
	op->quota_due = 0;
	op->uidvalidity = to->h.s.uidvalidity;
	op->before = op->modseq = to->h.s.highestmodseq;
	if (rc != VX_OK || t->count == 0)
		return rc;
	op->modseq = to->modseq;
	for (size_t i = 0; i < t->count; i++)
		used |= t->records[i].flags & op->may;
	rc = vx_box_map_keywords(from, to, used, &map);
	/* MOVE into the mailbox itself gives new UIDs: the old ones are removed below. */
	if (rc == VX_OK && op->move) {
		t->v.ranges = op->uids;
		rc = append_all(op, to, t, &map);
		if (rc == VX_OK)
			rc = vx_box_close(to);
		return rc == VX_OK ? remove_moved(op, from, t) : rc;
	}
	if (rc == VX_OK)
		rc = append_all(op, to, t, &map);
	op->quota_due = quota_due(&to->a);
	return rc == VX_OK ? vx_box_close(to) : rc;
}

static int apply_copy(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_copy_op *op = (struct vx_copy_op *)base;
	struct taken t = { .v = { .ranges = op->uids,
			       .range_count = op->range_count,
			       .limit = op->move ? VX_STORE_SLICE_RECORDS : SIZE_MAX,
			       .visit = take_record },
		.keep = true };
	struct vx_box *boxes = vx_alloc_array(2, sizeof(*boxes));
	int rc =
	    boxes == NULL ? VX_ENOMEM : vx_box_open(txn, op->account, op->mailbox, boxes);

	if (rc == VX_OK)
		rc = vx_box_open(txn, op->to_account, op->to_mailbox, boxes + 1);
	if (rc == VX_OK)
		rc = copy(op, boxes, boxes + 1, &t);
	vx_free(t.records);
	for (size_t i = 0; i < 2 && boxes != NULL; i++)
		vx_box_done(&boxes[i]);
	vx_free(boxes);
	return rc;
}

void vx_copy_op_init(struct vx_copy_op *op)
{
	*op = (struct vx_copy_op){ .op = { .apply = apply_copy }, .may = UINT64_MAX };
}

/* --- reaping ------------------------------------------------------------------------ */

/*
 * Delete the descriptor of a body whose grace period is over.  A damaged one goes too,
 * and its octets are not counted: the volume's file tells what was never referenced.
 */
int vx_reap_blob(struct vx_kv_txn *txn, uint64_t blob)
{
	struct vx_volume_record volume;
	struct vx_key k;
	vx_slice v;
	uint64_t size = 0;
	int rc;

	vx_key_blob(&k, blob);
	rc = vx_kv_get(txn, VX_TREE_DESC, vx_key_slice(&k), &v);
	if (rc != VX_OK)
		return rc == VX_ENOENT ? VX_OK : rc;
	if (vx_value_check(v, 'd', DESCRIPTOR_HEADER) == VX_OK)
		size = vx_get_le64(v.ptr + VX_VALUE_HEADER);
	rc = vx_kv_delete(txn, VX_TREE_DESC, vx_key_slice(&k));
	if (rc == VX_OK)
		rc = vx_volume_record_read(txn, (uint32_t)(blob >> 32), &volume);
	if (rc == VX_ENOENT || rc == VX_ECORRUPT)
		return VX_OK;
	if (rc != VX_OK)
		return rc;
	volume.live -= size < volume.live ? size : volume.live;
	volume.dead += size;
	return vx_volume_record_write(txn, &volume);
}

int vx_descriptor_get(struct vx_view *view, uint64_t blob, vx_slice *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	vx_key_blob(&k, blob);
	rc = vx_kv_get(view->txn, VX_TREE_DESC, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_value_check(v, 'd', DESCRIPTOR_HEADER);
	if (rc == VX_OK)
		*out = vx_slice_from(v, DESCRIPTOR_HEADER);
	return rc;
}
