/* Days that are over with: settled, wished for, forgotten. */
#include "reports/settle.h"

#include "base/bytes.h"
#include "store/account.h"

/* --- reading ---------------------------------------------------------------------------
 */

static int as_day(vx_slice key, vx_slice value, struct vx_report_day *out)
{
	struct vx_report_head h;
	struct vx_report_at at;
	int rc = vx_report_at_parse(key, &at);

	if (rc == VX_OK)
		rc = vx_report_head_parse(value, &h);
	if (rc == VX_OK)
		*out = (struct vx_report_day){ .day = at.day,
			.kind = at.kind,
			.domain = at.domain,
			.state = h.state,
			.rows = h.rows,
			.tries = h.tries,
			.seen = h.seen,
			.dropped = h.dropped,
			.due = h.due,
			.settled = h.settled,
			.record = h.record,
			.reason = h.reason };
	return rc;
}

/* Behind all keys that begin with it and a NUL. */
static void key_behind(struct vx_key *k, const struct vx_report_day *after)
{
	k->octets[0] = VX_REPORT_HEAD;
	k->len = 1;
	if (after == NULL)
		return;
	vx_report_key(k, VX_REPORT_HEAD, after->day, after->kind, after->domain);
	vx_key_add(k, VX_S("\0"));
}

int vx_report_day_next(
    struct vx_view *v, const struct vx_report_day *after, struct vx_report_day *out)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_key k;
	int rc = vx_kv_cursor_open(vx_view_txn(v), VX_TREE_REPORT, &c);

	if (rc != VX_OK)
		return rc;
	key_behind(&k, after);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && (key.len == 0 || key.ptr[0] != VX_REPORT_HEAD))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = as_day(key, value, out);
	vx_kv_cursor_close(c);
	return rc;
}

/* --- settling --------------------------------------------------------------------------
 */

/* At most so many as a domain may have: one transaction. */
static int delete_rows(struct vx_kv_txn *txn, const struct vx_report_settle_op *op)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_key k;
	int rc = vx_kv_cursor_open(txn, VX_TREE_REPORT, &c);

	if (rc != VX_OK)
		return rc;
	vx_report_key(&k, VX_REPORT_COUNT, op->day, op->kind, op->domain);
	vx_key_add(&k, VX_S("\0"));
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	while (rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(&k))) {
		rc = vx_kv_cursor_delete(c);
		if (rc == VX_OK)
			rc = vx_kv_next(c, &key, &value);
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_report_settle(struct vx_kv_txn *txn, const struct vx_report_settle_op *op)
{
	struct vx_report_head h;
	struct vx_key k;
	int rc;

	vx_report_key(&k, VX_REPORT_HEAD, op->day, op->kind, op->domain);
	rc = vx_report_head_read(txn, &k, &h);
	if (rc == VX_OK && h.state != VX_REPORT_OPEN)
		rc = VX_ECONFLICT;
	if (rc != VX_OK)
		return rc;
	h.state = op->state;
	h.reason = op->reason;
	h.due = op->due;
	h.tries++;
	h.settled = op->state == VX_REPORT_OPEN ? 0 : op->now;
	rc = vx_report_head_write(txn, &k, &h);
	return rc == VX_OK && op->state != VX_REPORT_OPEN ? delete_rows(txn, op) : rc;
}

static int apply_settle(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	return vx_report_settle(txn, (struct vx_report_settle_op *)base);
}

void vx_report_settle_op_init(struct vx_report_settle_op *op)
{
	*op = (struct vx_report_settle_op){ .op = { .apply = apply_settle } };
}

/* --- wishes ----------------------------------------------------------------------------
 */

static bool is_meant(const struct vx_report_wish_op *op, const struct vx_report_at *at)
{
	return op->domain.len == 0 || vx_slice_eq_nocase(at->domain, op->domain);
}

static int wish(
    struct vx_report_wish_op *op, struct vx_kv_txn *txn, const struct vx_key *k)
{
	struct vx_report_head h;
	int rc = vx_report_head_read(txn, k, &h);

	if (rc != VX_OK || h.state != VX_REPORT_OPEN)
		return rc;
	h.due = VX_REPORT_DUE_NOW;
	op->changed++;
	return vx_report_head_write(txn, k, &h);
}

/* The key behind *k that is one of a day; VX_ENOENT. */
static int next_head(struct vx_kv_txn *txn, struct vx_key *k, struct vx_report_at *at)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_REPORT, &c);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_key_slice(k), &key, &value);
	if (rc == VX_OK && (key.len == 0 || key.ptr[0] != VX_REPORT_HEAD))
		rc = VX_ENOENT;
	if (rc == VX_OK) {
		k->len = 0;
		vx_key_add(k, key);
		rc = vx_report_at_parse(vx_key_slice(k), at);
	}
	vx_kv_cursor_close(c);
	return rc;
}

static int apply_wish(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_report_wish_op *op = (struct vx_report_wish_op *)base;
	struct vx_report_at at;
	struct vx_key k = { .len = 0 };
	int rc = VX_OK;

	op->changed = 0;
	op->more = false;
	vx_key_add(&k, vx_slice_of(op->from, op->from_len));
	for (unsigned i = 0; rc == VX_OK; i++) {
		rc = next_head(txn, &k, &at);
		if (rc != VX_OK || at.day > op->last_day)
			break;
		if (i == VX_REPORT_SLICE) {
			memcpy(op->from, k.octets, k.len);
			op->from_len = k.len;
			op->more = true;
			break;
		}
		if (is_meant(op, &at))
			rc = wish(op, txn, &k);
		vx_key_add(&k, VX_S("\0"));
	}
	if (op->changed > 0)
		vx_kv_note_change(txn, VX_WATCH_QUEUE, VX_REPORT_WATCH, 0);
	return rc == VX_ENOENT ? VX_OK : rc;
}

void vx_report_wish_op_init(struct vx_report_wish_op *op)
{
	*op = (struct vx_report_wish_op){
		.op = { .apply = apply_wish }, .from = { VX_REPORT_HEAD }, .from_len = 1
	};
}

/* --- forgetting ------------------------------------------------------------------------
 */

static int sweep(
    struct vx_kv_txn *txn, enum vx_report_entry entry, uint32_t before, unsigned *left)
{
	const char prefix = (char)entry;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_REPORT, &c);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_slice_of(&prefix, 1), &key, &value);
	while (rc == VX_OK && *left > 0 && key.len >= 5 && key.ptr[0] == prefix &&
	       vx_get_be32(key.ptr + 1) < before) {
		(*left)--;
		rc = vx_kv_cursor_delete(c);
		if (rc == VX_OK)
			rc = vx_kv_next(c, &key, &value);
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int apply_sweep(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_report_sweep_op *op = (struct vx_report_sweep_op *)base;
	static const struct {
		enum vx_report_entry entry;
		uint32_t days;
	} list[] = { { VX_REPORT_TOTAL, VX_REPORT_KEEP_DAYS },
		{ VX_REPORT_HEAD, VX_REPORT_KEEP_DAYS },
		{ VX_REPORT_COUNT, VX_REPORT_KEEP_DAYS },
		{ VX_REPORT_SUM, VX_REPORT_GOT_DAYS },
		{ VX_REPORT_GOT, VX_REPORT_GOT_DAYS },
		{ VX_REPORT_ROW, VX_REPORT_GOT_DAYS } };
	unsigned left = VX_REPORT_SLICE;
	int rc = VX_OK;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]) && rc == VX_OK; i++)
		if (op->today > list[i].days)
			rc = sweep(txn, list[i].entry, op->today - list[i].days, &left);
	op->more = left == 0;
	return rc;
}

void vx_report_sweep_op_init(struct vx_report_sweep_op *op)
{
	*op =
	    (struct vx_report_sweep_op){ .op = { .apply = apply_sweep, .frees = true } };
}
