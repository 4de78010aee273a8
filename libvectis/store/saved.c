/*
 * When a message came into its mailbox (RFC 8514), where that is not its internal date:
 * copies, moves, and what was appended with another date.  `S` pages beside the records: a
 * delivery writes none.
 */
#include "store/box.h"
#include "store/store_int.h"

static int load(struct vx_box *b, uint32_t uid)
{
	return vx_side_load(b, VX_KIND_SAVED, &b->saved, uid / VX_PAGE_UIDS);
}

int vx_box_saved_note(struct vx_box *b, const struct vx_record *r)
{
	const int64_t late = (int64_t)r->saved_date - (int64_t)r->internal_date;
	int rc;

	if (r->saved_date == 0 || (late >= 0 && late <= VX_SAVED_LATE_S))
		return VX_OK;
	rc = load(b, r->uid);
	if (rc == VX_OK)
		vx_side_set(&b->saved, r->uid, r->saved_date);
	return rc;
}

int vx_box_saved_keep(struct vx_box *b, uint32_t number, const uint64_t live[2])
{
	const int rc = load(b, number * VX_PAGE_UIDS);

	for (uint32_t i = 0; i < VX_PAGE_UIDS && rc == VX_OK; i++)
		if ((live[i / 64] >> i % 64 & 1) == 0)
			vx_side_clear(&b->saved, i);
	return rc;
}

int vx_box_saved_forget(struct vx_box *b, uint32_t uid)
{
	const int rc = load(b, uid);

	if (rc == VX_OK)
		vx_side_clear(&b->saved, uid);
	return rc;
}

int vx_records_saved(struct vx_view *v, uint32_t account, uint32_t mailbox,
    struct vx_record *records, size_t count)
{
	struct vx_side s = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct vx_record *r = &records[i];
		const uint32_t number = r->uid / VX_PAGE_UIDS;

		if (!s.loaded || s.number != number) {
			const int rc = vx_side_read(
			    v->txn, account, mailbox, VX_KIND_SAVED, number, &s);

			if (rc != VX_OK)
				return rc;
			s.loaded = true;
		}
		r->saved_date = vx_side_has(&s, r->uid)
				    ? (uint32_t)s.values[r->uid % VX_PAGE_UIDS]
				    : r->internal_date;
	}
	return VX_OK;
}
