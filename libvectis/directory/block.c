/* Blocked networks: records beside domains and accounts, found prefix by prefix. */
#include "vectis/block.h"
#include "directory/record.h"
#include "store/account.h"

enum {
	NAME, /* the network's text */
	REASON
};

static int key_of(struct vx_dir_key *k, const struct vx_network *n)
{
	char text[VX_NETWORK_TEXT_MAX + 1];

	vx_network_write(n, text);
	return vx_dir_key(k, VX_DIR_BLOCK, vx_slice_str(text));
}

static int as_block(const struct vx_dir_record *r, struct vx_block *out)
{
	bool exact;

	*out = (struct vx_block){ .created = r->created, .reason = r->strings[REASON] };
	return vx_network_parse(r->strings[NAME], &out->network, &exact) == VX_OK
		   ? VX_OK
		   : VX_ECORRUPT;
}

int vx_block_find(
    struct vx_view *v, const struct vx_network *address, struct vx_block *out)
{
	struct vx_dir_record r;
	struct vx_dir_key k;
	int rc = VX_ENOENT;

	for (unsigned bits = address->bits + 1u; bits-- > 0 && rc == VX_ENOENT;) {
		const struct vx_network n = vx_network_wider(address, bits);

		rc = key_of(&k, &n);
		if (rc == VX_OK)
			rc = vx_dir_read(vx_view_txn(v), &k, &r);
	}
	return rc == VX_OK ? as_block(&r, out) : rc;
}

int vx_block_next(struct vx_view *v, const struct vx_network *after, struct vx_block *out)
{
	struct vx_dir_key k = { .octets = { VX_DIR_BLOCK }, .len = 1 };
	struct vx_dir_record r;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = after == NULL ? VX_OK : key_of(&k, after);

	if (rc == VX_OK)
		rc = vx_kv_cursor_open(vx_view_txn(v), VX_TREE_DIR, &c);
	if (rc != VX_OK)
		return rc;
	if (after != NULL)
		k.octets[k.len++] = '\0'; /* behind itself */
	rc = vx_kv_seek(c, vx_dir_key_slice(&k), &key, &value);
	if (rc == VX_OK && (key.len == 0 || key.ptr[0] != VX_DIR_BLOCK))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_dir_parse(value, &r);
	vx_kv_cursor_close(c);
	return rc == VX_OK ? as_block(&r, out) : rc;
}

/* How many there are; at most one more than the limit. */
static int count_blocks(struct vx_kv_txn *txn, size_t *out)
{
	const char kind = VX_DIR_BLOCK;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_DIR, &c);

	*out = 0;
	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_slice_of(&kind, 1), &key, &value);
	while (rc == VX_OK && key.len > 0 && key.ptr[0] == VX_DIR_BLOCK &&
	       ++*out <= VX_BLOCKS_MAX)
		rc = vx_kv_next(c, &key, &value);
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int add(
    struct vx_kv_txn *txn, const struct vx_block *b, const struct vx_dir_key *k)
{
	struct vx_dir_record r = { .created = b->created };
	char text[VX_NETWORK_TEXT_MAX + 1];
	size_t count;
	int rc = vx_dir_read(txn, k, &r);

	if (rc != VX_ENOENT)
		return rc == VX_OK ? VX_EEXIST : rc;
	rc = count_blocks(txn, &count);
	if (rc == VX_OK && count >= VX_BLOCKS_MAX)
		rc = VX_ELIMIT;
	if (rc != VX_OK)
		return rc;
	vx_network_write(&b->network, text);
	r = (struct vx_dir_record){ .created = b->created };
	r.strings[NAME] = vx_slice_str(text);
	r.strings[REASON] = b->reason;
	return vx_dir_write(txn, k, &r);
}

static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct vx_block_op *op = (const struct vx_block_op *)base;
	struct vx_dir_key k;
	const int rc = key_of(&k, &op->block.network);

	if (rc != VX_OK)
		return rc;
	if (op->remove)
		return vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(&k));
	return op->block.reason.len > VX_BLOCK_REASON_MAX ? VX_EINVAL
							  : add(txn, &op->block, &k);
}

void vx_block_op_init(struct vx_block_op *op)
{
	*op = (struct vx_block_op){ .op = { .apply = apply } };
}
