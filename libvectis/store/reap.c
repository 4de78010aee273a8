/* What deletion leaves behind, removed in slices: swept mailboxes, then dead bodies. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/box.h"
#include "store/store_int.h"

enum {
	REAP_SLICE = 1000,
	FORMAT_VERSION = 2 /* 1: counts without a checksum; never released */
};

static int check_format(struct vx_store *s, uint32_t found, struct vx_error *err)
{
	if (found == FORMAT_VERSION)
		return VX_OK;
	return vx_error_set(err, VX_EUNSUP,
	    "the store in %s has format %u, this program knows format %d", s->dir, found,
	    FORMAT_VERSION);
}

/* The octets that only this installation knows; made once. */
static int prepare_secret(struct vx_store *s, struct vx_kv_txn *txn)
{
	vx_slice v;
	int rc = vx_kv_get(txn, VX_TREE_META, VX_S("secret"), &v);

	if (rc == VX_ENOENT && !s->o.read_only) {
		vx_random_seed(s->secret, sizeof(s->secret));
		return vx_kv_put(txn, VX_TREE_META, VX_S("secret"),
		    vx_slice_of(s->secret, sizeof(s->secret)));
	}
	if (rc == VX_OK && v.len == sizeof(s->secret))
		memcpy(s->secret, v.ptr, v.len);
	return rc == VX_ENOENT ? VX_OK : rc;
}

void vx_store_secret(const struct vx_store *s, char out[VX_STORE_SECRET_OCTETS])
{
	memcpy(out, s->secret, sizeof(s->secret));
}

int vx_state_prepare(struct vx_store *s, struct vx_error *err)
{
	struct vx_kv_txn *txn;
	char value[4];
	vx_slice v;
	int rc = vx_kv_begin(s->state, !s->o.read_only, &txn);

	if (rc != VX_OK)
		return vx_error_set(err, rc, "cannot read the store in %s", s->dir);
	rc = vx_kv_get(txn, VX_TREE_META, VX_S("format"), &v);
	if (rc == VX_OK) {
		rc = check_format(s, v.len == 4 ? vx_get_le32(v.ptr) : 0, err);
	} else if (rc == VX_ENOENT && !s->o.read_only) {
		vx_put_le32(value, FORMAT_VERSION);
		rc = vx_kv_put(txn, VX_TREE_META, VX_S("format"), vx_slice_of(value, 4));
	}
	if (rc == VX_OK)
		rc = prepare_secret(s, txn);
	if (rc == VX_OK && vx_kv_writes(txn) > 0)
		return vx_kv_commit(txn);
	vx_kv_abort(txn);
	return rc;
}

/* --- sweeping ----------------------------------------------------------------------- */

struct sweep_op {
	struct vx_store_op op;
	uint32_t now, grace_s;
	struct vx_key mark; /* of the mailbox under way; the search begins here */
	bool sweeping;      /* out: mark is one */
	bool more;          /* out: there is more to do */
};

static enum vx_box_verdict drop(struct vx_box_visit *v, struct vx_record *r)
{
	struct vx_box *b = v->ctx;

	if (vx_blob_drop_reference(b->txn, r->blob, (uint32_t)vx_clock_s()) != VX_OK)
		return VX_BOX_KEPT; /* the transaction is broken and will be aborted */
	return VX_BOX_REMOVED;
}

/* Delete every key that begins with prefix. */
static int delete_range(struct vx_kv_txn *txn, const struct vx_key *prefix)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	for (rc = vx_kv_seek(c, vx_key_slice(prefix), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(prefix));
	     rc = vx_kv_next(c, &key, &value)) {
		rc = vx_kv_cursor_delete(c);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* Of a removed account nothing is left but its record: that goes last. */
static int forget_account(struct vx_box *b)
{
	struct vx_kv_cursor *c;
	struct vx_key k;
	vx_slice key, value;
	int rc;

	if (b->a.next_mailbox != 0)
		return VX_OK;
	rc = vx_kv_cursor_open(b->txn, VX_TREE_STATE, &c);
	if (rc != VX_OK)
		return rc;
	k.len = 0;
	vx_key_add_u32(&k, b->account);
	vx_key_add_u32(&k, 1);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && (key.len < 4 || vx_get_be32(key.ptr) != b->account))
		rc = VX_ENOENT;
	vx_kv_cursor_close(c);
	if (rc != VX_ENOENT)
		return rc;
	vx_key_state(&k, b->account, 0, VX_KIND_ACCOUNT);
	return vx_kv_delete(b->txn, VX_TREE_STATE, vx_key_slice(&k));
}

static int sweep_mailbox(struct sweep_op *op, struct vx_box *b)
{
	struct vx_box_visit v = { .limit = REAP_SLICE * 10, .visit = drop, .ctx = b };
	struct vx_key prefix;
	uint32_t from = 0;
	int rc = vx_box_visit(b, &v, &from);

	if (rc == VX_OK)
		rc = vx_box_close(b);
	if (rc != VX_OK || from != 0) {
		op->more = true;
		return rc;
	}
	vx_key_state(&prefix, b->account, b->mailbox, VX_KIND_HEAD);
	prefix.len = 8;
	rc = vx_metadata_forget(b->txn, b->account, b->mailbox);
	if (rc == VX_OK)
		rc = delete_range(b->txn, &prefix);
	if (rc == VX_OK)
		rc = vx_kv_delete(b->txn, VX_TREE_STATE, vx_key_slice(&op->mark));
	return rc == VX_OK ? forget_account(b) : rc;
}

/* One deleted mailbox, or a slice of it.  VX_ENOENT: none is left. */
static int sweep_one(struct sweep_op *op, struct vx_kv_txn *txn, struct vx_box *b)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&prefix, 0, 0, VX_KIND_SWEEP);
	rc = vx_kv_seek(c, vx_key_slice(&op->mark), &key, &value);
	if (rc == VX_OK && !vx_key_is(key, &prefix, 8))
		rc = VX_ENOENT;
	if (rc == VX_OK) {
		op->mark.len = 0;
		vx_key_add(&op->mark, key);
	}
	vx_kv_cursor_close(c);
	op->sweeping = rc == VX_OK;
	if (rc != VX_OK)
		return rc;
	rc = vx_box_open_any(
	    txn, vx_get_be32(op->mark.octets + 9), vx_get_be32(op->mark.octets + 13), b);
	op->more = true;
	if (rc == VX_ENOENT)
		return vx_kv_delete(txn, VX_TREE_STATE, vx_key_slice(&op->mark));
	return rc == VX_OK ? sweep_mailbox(op, b) : rc;
}

/* Bodies whose grace period is over. */
static int reap_dead(struct sweep_op *op, struct vx_kv_txn *txn)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	unsigned count = 0;
	int rc = vx_kv_cursor_open(txn, VX_TREE_DEAD, &c);

	if (rc != VX_OK)
		return rc;
	for (rc = vx_kv_first(c, &key, &value); rc == VX_OK && key.len == 12;
	     rc = vx_kv_next(c, &key, &value)) {
		const uint64_t blob = vx_get_be64(key.ptr + 4);

		if (vx_get_be32(key.ptr) + (uint64_t)op->grace_s > op->now)
			break;
		if (count++ == REAP_SLICE) {
			op->more = true;
			break;
		}
		rc = vx_kv_cursor_delete(c);
		if (rc == VX_OK)
			rc = vx_reap_blob(txn, blob);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int apply_reap(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct sweep_op *op = (struct sweep_op *)base;
	struct vx_box *b = vx_box_new();
	int rc;

	if (b == NULL)
		return VX_ENOMEM;
	op->more = false;
	rc = sweep_one(op, txn, b);
	vx_box_free(b);
	return rc == VX_OK || rc == VX_ENOENT ? reap_dead(op, txn) : rc;
}

/* Is there anything to do?  Most of the time there is not, and no commit is made. */
static bool wanted(struct vx_store *s, const struct sweep_op *op)
{
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	bool yes = false;

	if (vx_kv_begin(s->state, false, &txn) != VX_OK)
		return false;
	vx_key_state(&prefix, 0, 0, VX_KIND_SWEEP);
	if (vx_kv_cursor_open(txn, VX_TREE_STATE, &c) == VX_OK) {
		yes = vx_kv_seek(c, vx_key_slice(&op->mark), &key, &value) == VX_OK &&
		      vx_key_is(key, &prefix, 8);
		vx_kv_cursor_close(c);
	}
	if (!yes && vx_kv_cursor_open(txn, VX_TREE_DEAD, &c) == VX_OK) {
		yes = vx_kv_first(c, &key, &value) == VX_OK && key.len == 12 &&
		      vx_get_be32(key.ptr) + (uint64_t)op->grace_s <= op->now;
		vx_kv_cursor_close(c);
	}
	vx_kv_abort(txn);
	return yes;
}

/* A damaged mailbox is left to store repair: the others' sweeping goes on behind it. */
static void skip_damaged(struct vx_store *s, struct sweep_op *op)
{
	const uint32_t account = vx_get_be32(op->mark.octets + 9),
		       mailbox = vx_get_be32(op->mark.octets + 13);

	vx_log(s->o.log, VX_LOG_ERROR, "a deleted mailbox is damaged and stays",
	    VX_KV_U("account", account), VX_KV_U("mailbox", mailbox));
	vx_key_state(&op->mark, 0, 0, VX_KIND_SWEEP);
	vx_key_add_u32(&op->mark, mailbox == UINT32_MAX ? account + 1 : account);
	vx_key_add_u32(&op->mark, mailbox + 1);
	op->more = true;
}

int vx_state_reap(struct vx_store *s, bool (*go_on)(struct vx_store *store))
{
	struct sweep_op op = { .op = { .apply = apply_reap, .frees = true },
		.now = (uint32_t)vx_clock_s(),
		.grace_s = s->o.grace_s };
	int rc;

	vx_key_state(&op.mark, 0, 0, VX_KIND_SWEEP);
	if (!wanted(s, &op))
		return VX_OK;
	do {
		rc = vx_store_run(s, &op.op);
		if (rc == VX_ECORRUPT && op.sweeping) {
			skip_damaged(s, &op);
			rc = VX_OK;
		}
	} while (rc == VX_OK && op.more && go_on(s));
	return rc;
}
