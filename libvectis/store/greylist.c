/* The greylist: entries of the tree of events that are not events. */
#include "vectis/greylist.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/store_int.h"
#include "vectis/buf.h"

#include <assert.h>

enum {
	/* value: header, when first seen u64, when last seen u64 */
	AT_FIRST = VX_VALUE_HEADER,
	AT_LAST = AT_FIRST + 8,
	VALUE = AT_LAST + 8
};

struct entry {
	uint64_t first, last;
};

void vx_greylist_key(const struct vx_store *store, const struct vx_network *client,
    vx_slice sender, vx_slice recipient, struct vx_greylist_key *out)
{
	const struct vx_network n = vx_network_wider(client, client->v6 ? 64 : 24);
	struct vx_buf text = { .max = SIZE_MAX };
	char secret[VX_STORE_SECRET_OCTETS];
	struct vx_siphash_key halves[2];

	static_assert(sizeof(halves) <= sizeof(secret), "a secret is two keys");
	vx_store_secret(store, secret);
	memcpy(halves, secret, sizeof(halves));
	/* paths have no NUL: what ends one cannot begin the next */
	vx_buf_add(&text, vx_slice_of(n.address, sizeof(n.address)));
	vx_buf_add(&text, sender);
	vx_buf_add_char(&text, '\0');
	vx_buf_add(&text, recipient);
	for (size_t i = 0; i < 2; i++)
		vx_put_be64(
		    out->octets + 8 * i, vx_siphash(&halves[i], vx_buf_slice(&text)));
	vx_buf_done(&text);
	vx_wipe(secret, sizeof(secret));
	vx_wipe(halves, sizeof(halves));
}

#define COUNT "greylist" /* in the meta tree: how many entries there are */

static int count_by(struct vx_kv_txn *txn, bool more, uint64_t by)
{
	uint64_t count = 0;
	int rc = vx_meta_get(txn, COUNT, &count);

	if (rc != VX_OK && rc != VX_ENOENT)
		return rc;
	if (more)
		count += by;
	else
		count -= by < count ? by : count;
	return vx_meta_set(txn, COUNT, count);
}

static void key_of(struct vx_key *k, const struct vx_greylist_key *g)
{
	k->octets[0] = 'G';
	k->len = 1;
	vx_key_add(k, vx_slice_of(g->octets, sizeof(g->octets)));
}

static int parse(vx_slice value, struct entry *out)
{
	const int rc = vx_value_check(value, 'g', VALUE);

	if (rc == VX_OK)
		*out = (struct entry){ .first = vx_get_le64(value.ptr + AT_FIRST),
			.last = vx_get_le64(value.ptr + AT_LAST) };
	return rc;
}

static int find(struct vx_kv_txn *txn, const struct vx_greylist_key *g, struct entry *out)
{
	struct vx_key k;
	vx_slice value;
	int rc;

	key_of(&k, g);
	rc = vx_kv_get(txn, VX_TREE_EVENT, vx_key_slice(&k), &value);
	return rc == VX_OK ? parse(value, out) : rc;
}

/* Did they come back in time? */
static bool is_known(const struct entry *e, uint32_t delay_s)
{
	return e->last >= e->first + delay_s;
}

/* A clock that was set back makes nobody wait for longer. */
static bool is_stale(const struct entry *e, uint32_t delay_s, uint64_t now_s)
{
	const uint64_t keep =
	    is_known(e, delay_s) ? VX_GREYLIST_KEEP_S : VX_GREYLIST_RETRY_S;

	return now_s > e->last && now_s - e->last > keep;
}

int vx_greylist_find(struct vx_view *v, const struct vx_greylist_key *k, uint64_t now_s,
    uint32_t delay_s, enum vx_greylist_state *state, uint32_t *wait_s)
{
	struct entry e;
	uint64_t count;
	const int rc = find(v->txn, k, &e);
	const bool found = rc == VX_OK && !is_stale(&e, delay_s, now_s);

	if (rc != VX_OK && rc != VX_ENOENT)
		return rc;
	*wait_s = delay_s;
	*state = VX_GREYLIST_NEW;
	if (!found && vx_meta_get(v->txn, COUNT, &count) == VX_OK &&
	    count >= VX_GREYLIST_MAX) {
		*state = VX_GREYLIST_KNOWN;
		*wait_s = 0;
	}
	if (found &&
	    (is_known(&e, delay_s) || now_s < e.first || now_s - e.first >= delay_s)) {
		*state = is_known(&e, delay_s) && now_s <= e.last + VX_GREYLIST_FRESH_S
			     ? VX_GREYLIST_KNOWN
			     : VX_GREYLIST_BACK;
		*wait_s = 0;
	} else if (found) {
		*state = VX_GREYLIST_EARLY;
		*wait_s = delay_s - (uint32_t)(now_s - e.first);
	}
	return VX_OK;
}

static int note(const struct vx_greylist_op *op, struct vx_kv_txn *txn)
{
	struct entry e;
	struct vx_key k;
	char value[VALUE] = { 0 };
	const int found = find(txn, &op->key, &e);
	int rc = found == VX_ENOENT ? count_by(txn, true, 1) : VX_OK;

	if (rc != VX_OK || (found != VX_OK && found != VX_ENOENT && found != VX_ECORRUPT))
		return rc != VX_OK ? rc : found;
	if (found != VX_OK || is_stale(&e, op->delay_s, op->now_s) || op->now_s < e.first)
		e.first = op->now_s;
	vx_put_le64(value + AT_FIRST, e.first);
	vx_put_le64(value + AT_LAST, op->now_s);
	vx_value_seal(value, sizeof(value), 'g');
	key_of(&k, &op->key);
	return vx_kv_put(
	    txn, VX_TREE_EVENT, vx_key_slice(&k), vx_slice_of(value, sizeof(value)));
}

static int sweep(struct vx_greylist_op *op, struct vx_kv_txn *txn)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	uint64_t gone = 0;
	struct entry e;
	struct vx_key k;
	int rc = vx_kv_cursor_open(txn, VX_TREE_EVENT, &c);

	op->more = false;
	if (rc != VX_OK)
		return rc;
	key_of(&k, &op->key);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	for (size_t i = 0; rc == VX_OK && key.len == k.len && key.ptr[0] == 'G'; i++) {
		if (i == VX_GREYLIST_SWEEP) {
			memcpy(op->key.octets, key.ptr + 1, sizeof(op->key.octets));
			op->more = true;
			break;
		}
		if (parse(value, &e) != VX_OK || is_stale(&e, op->delay_s, op->now_s)) {
			rc = vx_kv_cursor_delete(c);
			gone++;
		}
		if (rc == VX_OK)
			rc = vx_kv_next(c, &key, &value);
	}
	vx_kv_cursor_close(c);
	if (rc == VX_OK || rc == VX_ENOENT)
		rc = gone > 0 ? count_by(txn, false, gone) : VX_OK;
	return rc;
}

static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_greylist_op *op = (struct vx_greylist_op *)base;

	return op->sweep ? sweep(op, txn) : note(op, txn);
}

void vx_greylist_op_init(struct vx_greylist_op *op)
{
	*op = (struct vx_greylist_op){ .op = { .apply = apply } };
}
