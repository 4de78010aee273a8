/*
 * When a message came into its mailbox (RFC 8514), where that is not its internal date:
 * copies, moves, and what was appended with another date.  `S` pages beside the records,
 * which have no room: a delivery writes none.
 */
#include "base/bytes.h"
#include "store/box.h"
#include "store/store_int.h"

enum {
	SAVED_HEADER = VX_VALUE_HEADER + 16, /* and a bitmap of the UIDs that have one */
	SAVED_OCTETS_MAX = SAVED_HEADER + VX_PAGE_UIDS * 4
};

static void page_key(
    struct vx_key *k, uint32_t account, uint32_t mailbox, uint32_t number)
{
	vx_key_state(k, account, mailbox, VX_KIND_SAVED);
	vx_key_add_u32(k, number);
}

static bool has(const struct vx_saved *s, unsigned at)
{
	return (s->bits[at / 64] >> at % 64 & 1) != 0;
}

static int parse(vx_slice v, struct vx_saved *out)
{
	size_t at = SAVED_HEADER;
	const int rc = vx_value_check(v, VX_KIND_SAVED, SAVED_HEADER);

	if (rc != VX_OK)
		return rc;
	out->bits[0] = vx_get_le64(v.ptr + VX_VALUE_HEADER);
	out->bits[1] = vx_get_le64(v.ptr + VX_VALUE_HEADER + 8);
	for (unsigned i = 0; i < VX_PAGE_UIDS; i++) {
		if (!has(out, i))
			continue;
		if (at + 4 > v.len)
			return VX_ECORRUPT;
		out->dates[i] = vx_get_le32(v.ptr + at);
		at += 4;
	}
	return at == v.len ? VX_OK : VX_ECORRUPT;
}

int vx_saved_read(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox,
    uint32_t number, struct vx_saved *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	*out = (struct vx_saved){ .number = number };
	page_key(&k, account, mailbox, number);
	rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	if (rc == VX_ENOENT)
		return VX_OK;
	return rc == VX_OK ? parse(v, out) : rc;
}

static int write_page(struct vx_box *b)
{
	const struct vx_saved *s = &b->saved;
	char v[SAVED_OCTETS_MAX] = { 0 };
	size_t len = SAVED_HEADER;
	struct vx_key k;
	int rc;

	page_key(&k, b->account, b->mailbox, s->number);
	if (s->bits[0] == 0 && s->bits[1] == 0) {
		rc = vx_kv_delete(b->txn, VX_TREE_STATE, vx_key_slice(&k));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	vx_put_le64(v + VX_VALUE_HEADER, s->bits[0]);
	vx_put_le64(v + VX_VALUE_HEADER + 8, s->bits[1]);
	for (unsigned i = 0; i < VX_PAGE_UIDS; i++) {
		if (!has(s, i))
			continue;
		vx_put_le32(v + len, s->dates[i]);
		len += 4;
	}
	vx_value_seal(v, len, VX_KIND_SAVED);
	return vx_kv_put(b->txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of(v, len));
}

int vx_box_saved_flush(struct vx_box *b)
{
	if (!b->have_saved || !b->saved_dirty)
		return VX_OK;
	b->saved_dirty = false;
	return write_page(b);
}

static int load(struct vx_box *b, uint32_t number)
{
	int rc;

	if (b->have_saved && b->saved.number == number)
		return VX_OK;
	rc = vx_box_saved_flush(b);
	b->have_saved = false;
	if (rc == VX_OK)
		rc = vx_saved_read(b->txn, b->account, b->mailbox, number, &b->saved);
	b->have_saved = rc == VX_OK;
	return rc;
}

int vx_box_saved_note(struct vx_box *b, const struct vx_record *r)
{
	const unsigned at = r->uid % VX_PAGE_UIDS;
	const int64_t late = (int64_t)r->saved_date - (int64_t)r->internal_date;
	int rc;

	if (r->saved_date == 0 || (late >= 0 && late <= VX_SAVED_LATE_S))
		return VX_OK;
	rc = load(b, r->uid / VX_PAGE_UIDS);
	if (rc != VX_OK)
		return rc;
	b->saved.bits[at / 64] |= (uint64_t)1 << at % 64;
	b->saved.dates[at] = r->saved_date;
	b->saved_dirty = true;
	return VX_OK;
}

int vx_box_saved_keep(struct vx_box *b, uint32_t number, const uint64_t live[2])
{
	const int rc = load(b, number);

	if (rc != VX_OK)
		return rc;
	for (int i = 0; i < 2; i++) {
		if ((b->saved.bits[i] & ~live[i]) == 0)
			continue;
		b->saved.bits[i] &= live[i];
		b->saved_dirty = true;
	}
	return VX_OK;
}

int vx_box_saved_forget(struct vx_box *b, uint32_t uid)
{
	const unsigned at = uid % VX_PAGE_UIDS;
	const int rc = load(b, uid / VX_PAGE_UIDS);

	if (rc == VX_OK && has(&b->saved, at)) {
		b->saved.bits[at / 64] &= ~((uint64_t)1 << at % 64);
		b->saved_dirty = true;
	}
	return rc;
}

int vx_records_saved(struct vx_view *v, uint32_t account, uint32_t mailbox,
    struct vx_record *records, size_t count)
{
	struct vx_saved s;
	bool have = false;

	for (size_t i = 0; i < count; i++) {
		struct vx_record *r = &records[i];
		const uint32_t number = r->uid / VX_PAGE_UIDS;

		if (!have || s.number != number) {
			const int rc =
			    vx_saved_read(v->txn, account, mailbox, number, &s);

			if (rc != VX_OK)
				return rc;
			have = true;
		}
		r->saved_date = has(&s, r->uid % VX_PAGE_UIDS)
				    ? s.dates[r->uid % VX_PAGE_UIDS]
				    : r->internal_date;
	}
	return VX_OK;
}
