/* Pages of numbers beside those of the records, which have no room: dates, links. */
#include "base/bytes.h"
#include "store/box.h"

enum {
	HEADER = VX_VALUE_HEADER + 16, /* and a bitmap of the UIDs that have one */
	OCTETS_MAX = HEADER + VX_PAGE_UIDS * 8
};

/* Octets of a number. */
static size_t width(enum vx_kind kind)
{
	return kind == VX_KIND_SAVED ? 4 : 8;
}

static void page_key(struct vx_key *k, uint32_t account, uint32_t mailbox,
    enum vx_kind kind, uint32_t number)
{
	vx_key_state(k, account, mailbox, kind);
	vx_key_add_u32(k, number);
}

bool vx_side_has(const struct vx_side *s, uint32_t uid)
{
	const unsigned at = uid % VX_PAGE_UIDS;

	return (s->bits[at / 64] >> at % 64 & 1) != 0;
}

static int parse(vx_slice v, enum vx_kind kind, struct vx_side *out)
{
	size_t at = HEADER;
	const int rc = vx_value_check(v, (char)kind, HEADER);

	if (rc != VX_OK)
		return rc;
	out->bits[0] = vx_get_le64(v.ptr + VX_VALUE_HEADER);
	out->bits[1] = vx_get_le64(v.ptr + VX_VALUE_HEADER + 8);
	for (unsigned i = 0; i < VX_PAGE_UIDS; i++) {
		if (!vx_side_has(out, i))
			continue;
		if (at + width(kind) > v.len)
			return VX_ECORRUPT;
		out->values[i] = width(kind) == 4 ? vx_get_le32(v.ptr + at)
						  : vx_get_le64(v.ptr + at);
		at += width(kind);
	}
	return at == v.len ? VX_OK : VX_ECORRUPT;
}

int vx_side_read(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox,
    enum vx_kind kind, uint32_t number, struct vx_side *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	*out = (struct vx_side){ .number = number };
	page_key(&k, account, mailbox, kind, number);
	rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = parse(v, kind, out);
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_side_flush(struct vx_box *b, enum vx_kind kind, struct vx_side *s)
{
	char v[OCTETS_MAX] = { 0 };
	size_t len = HEADER;
	struct vx_key k;
	int rc;

	if (!s->loaded || !s->dirty)
		return VX_OK;
	s->dirty = false;
	page_key(&k, b->account, b->mailbox, kind, s->number);
	if (s->bits[0] == 0 && s->bits[1] == 0) {
		rc = vx_kv_delete(b->txn, VX_TREE_STATE, vx_key_slice(&k));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	vx_put_le64(v + VX_VALUE_HEADER, s->bits[0]);
	vx_put_le64(v + VX_VALUE_HEADER + 8, s->bits[1]);
	for (unsigned i = 0; i < VX_PAGE_UIDS; i++) {
		if (!vx_side_has(s, i))
			continue;
		if (width(kind) == 4)
			vx_put_le32(v + len, (uint32_t)s->values[i]);
		else
			vx_put_le64(v + len, s->values[i]);
		len += width(kind);
	}
	vx_value_seal(v, len, (char)kind);
	return vx_kv_put(b->txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of(v, len));
}

int vx_side_load(
    struct vx_box *b, enum vx_kind kind, struct vx_side *s, uint32_t number)
{
	int rc;

	if (s->loaded && s->number == number)
		return VX_OK;
	rc = vx_side_flush(b, kind, s);
	s->loaded = false;
	if (rc == VX_OK)
		rc = vx_side_read(b->txn, b->account, b->mailbox, kind, number, s);
	s->loaded = rc == VX_OK;
	return rc;
}

void vx_side_set(struct vx_side *s, uint32_t uid, uint64_t value)
{
	const unsigned at = uid % VX_PAGE_UIDS;

	s->bits[at / 64] |= (uint64_t)1 << at % 64;
	s->values[at] = value;
	s->dirty = true;
}

void vx_side_clear(struct vx_side *s, uint32_t uid)
{
	const unsigned at = uid % VX_PAGE_UIDS;

	if (!vx_side_has(s, uid))
		return;
	s->bits[at / 64] &= ~((uint64_t)1 << at % 64);
	s->values[at] = 0;
	s->dirty = true;
}
