#include "store/box.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/store_int.h"

#include <assert.h>

enum {
	RECORD_OCTETS = 31,
	PAGE_HEADER = VX_VALUE_HEADER + 16,
	PAGE_OCTETS_MAX = PAGE_HEADER + VX_PAGE_UIDS * RECORD_OCTETS,
	BLOCK_ROW = 24, /* a page's MODSEQ and its 128 bits */
	BLOCK_OCTETS_MAX = VX_VALUE_HEADER + VX_BLOCK_PAGES * BLOCK_ROW,
	KEYWORDS_OCTETS_MAX =
	    VX_VALUE_HEADER + VX_KEYWORDS_MAX * (1 + VX_KEYWORD_OCTETS_MAX),
};
static_assert(PAGE_OCTETS_MAX <= 4080, "a full page of records fits one LMDB page");

/* --- pages ------------------------------------------------------------------------ */

static uint64_t get48(const char *p)
{
	return vx_get_le32(p) | (uint64_t)vx_get_le16(p + 4) << 32;
}

static void put48(char *p, uint64_t n)
{
	vx_put_le32(p, (uint32_t)n);
	vx_put_le16(p + 4, (uint16_t)(n >> 32));
}

static void get_record(const char *p, struct vx_record *r)
{
	r->blob = vx_get_le64(p);
	r->modseq = get48(p + 8);
	r->flags = vx_get_le32(p + 14) | (uint64_t)(unsigned char)p[18] << 32;
	r->size = vx_get_le32(p + 19);
	r->internal_date = vx_get_le32(p + 23);
	r->thread = vx_get_le32(p + 27);
	r->saved_date = 0;
}

static void put_record(char *p, const struct vx_record *r)
{
	vx_put_le64(p, r->blob);
	put48(p + 8, r->modseq);
	vx_put_le32(p + 14, (uint32_t)r->flags);
	p[18] = (char)(r->flags >> 32);
	vx_put_le32(p + 19, r->size);
	vx_put_le32(p + 23, r->internal_date);
	vx_put_le32(p + 27, r->thread);
}

int vx_page_parse(vx_slice value, uint32_t number, struct vx_page *out)
{
	const int rc = vx_value_check(value, VX_KIND_PAGE, PAGE_HEADER);

	return rc == VX_OK ? vx_page_parse_damaged(value, number, out) : rc;
}

int vx_page_parse_damaged(vx_slice value, uint32_t number, struct vx_page *out)
{
	const size_t count = vx_slice_from(value, PAGE_HEADER).len / RECORD_OCTETS;
	unsigned n = 0;

	if (number > UINT32_MAX / VX_PAGE_UIDS || value.len < PAGE_HEADER)
		return VX_ECORRUPT;
	if (count > VX_PAGE_UIDS || value.len != PAGE_HEADER + count * RECORD_OCTETS)
		return VX_ECORRUPT;
	out->number = number;
	for (unsigned half = 0; half < 2; half++) {
		uint64_t bits = vx_get_le64(value.ptr + VX_VALUE_HEADER + half * 8);

		for (; bits != 0; bits &= bits - 1, n++) {
			if (n >= count)
				return VX_ECORRUPT;
			out->records[n].uid = number * VX_PAGE_UIDS + half * 64 +
					      (unsigned)__builtin_ctzll(bits);
			get_record(value.ptr + PAGE_HEADER + n * RECORD_OCTETS,
			    &out->records[n]);
		}
	}
	out->count = n;
	return n == count ? VX_OK : VX_ECORRUPT;
}

static void page_key(struct vx_key *k, const struct vx_box *b, uint32_t number)
{
	vx_key_state(k, b->account, b->mailbox, VX_KIND_PAGE);
	vx_key_add_u32(k, number);
}

static int page_write(struct vx_box *b, const struct vx_page *page)
{
	char v[PAGE_OCTETS_MAX] = { 0 };
	const size_t len = PAGE_HEADER + page->count * RECORD_OCTETS;
	uint64_t bits[2] = { 0, 0 };
	struct vx_key k;
	int rc;

	page_key(&k, b, page->number);
	if (page->count == 0) {
		rc = vx_kv_delete(b->txn, VX_TREE_STATE, vx_key_slice(&k));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	for (unsigned i = 0; i < page->count; i++) {
		const uint32_t at = page->records[i].uid % VX_PAGE_UIDS;

		bits[at / 64] |= (uint64_t)1 << at % 64;
		put_record(v + PAGE_HEADER + i * RECORD_OCTETS, &page->records[i]);
	}
	vx_put_le64(v + VX_VALUE_HEADER, bits[0]);
	vx_put_le64(v + VX_VALUE_HEADER + 8, bits[1]);
	vx_value_seal(v, len, VX_KIND_PAGE);
	return vx_kv_put(b->txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of(v, len));
}

/* --- blocks ----------------------------------------------------------------------- */

int vx_block_parse(vx_slice value, uint32_t number, struct vx_block *out)
{
	const size_t pages =
	    value.len < VX_VALUE_HEADER ? 0 : (value.len - VX_VALUE_HEADER) / BLOCK_ROW;
	const int rc = vx_value_check(value, VX_KIND_BLOCK, VX_VALUE_HEADER);

	if (rc != VX_OK)
		return rc;
	if (pages > VX_BLOCK_PAGES || value.len != VX_VALUE_HEADER + pages * BLOCK_ROW)
		return VX_ECORRUPT;
	*out = (struct vx_block){ .number = number };
	for (size_t i = 0; i < pages; i++) {
		const char *row = value.ptr + VX_VALUE_HEADER + i * BLOCK_ROW;

		out->modseq[i] = vx_get_le64(row);
		out->bits[2 * i] = vx_get_le64(row + 8);
		out->bits[2 * i + 1] = vx_get_le64(row + 16);
	}
	return VX_OK;
}

static int block_flush(struct vx_box *b)
{
	char v[BLOCK_OCTETS_MAX] = { 0 };
	size_t pages = VX_BLOCK_PAGES;
	struct vx_key k;

	if (!b->have_block || !b->block_dirty)
		return VX_OK;
	b->block_dirty = false;
	while (pages > 0 && b->block.modseq[pages - 1] == 0)
		pages--;
	for (size_t i = 0; i < pages; i++) {
		char *row = v + VX_VALUE_HEADER + i * BLOCK_ROW;

		vx_put_le64(row, b->block.modseq[i]);
		vx_put_le64(row + 8, b->block.bits[2 * i]);
		vx_put_le64(row + 16, b->block.bits[2 * i + 1]);
	}
	vx_value_seal(v, VX_VALUE_HEADER + pages * BLOCK_ROW, VX_KIND_BLOCK);
	vx_key_state(&k, b->account, b->mailbox, VX_KIND_BLOCK);
	vx_key_add_u32(&k, b->block.number);
	return vx_kv_put(b->txn, VX_TREE_STATE, vx_key_slice(&k),
	    vx_slice_of(v, VX_VALUE_HEADER + pages * BLOCK_ROW));
}

static int block_load(struct vx_box *b, uint32_t number)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	if (b->have_block && b->block.number == number)
		return VX_OK;
	rc = block_flush(b);
	if (rc != VX_OK)
		return rc;
	vx_key_state(&k, b->account, b->mailbox, VX_KIND_BLOCK);
	vx_key_add_u32(&k, number);
	rc = vx_kv_get(b->txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	if (rc == VX_OK) {
		rc = vx_block_parse(v, number, &b->block);
	} else if (rc == VX_ENOENT) {
		b->block = (struct vx_block){ .number = number };
		rc = VX_OK;
	}
	b->have_block = rc == VX_OK;
	return rc;
}

/* The page changed: bring its bits and MODSEQ in the block up to date. */
static int block_note(struct vx_box *b, const struct vx_page *page)
{
	const unsigned at = page->number % VX_BLOCK_PAGES;
	const int rc = block_load(b, page->number / VX_BLOCK_PAGES);

	if (rc != VX_OK)
		return rc;
	b->block.bits[2 * at] = b->block.bits[2 * at + 1] = 0;
	for (unsigned i = 0; i < page->count; i++) {
		const uint32_t bit = page->records[i].uid % VX_BLOCK_UIDS;

		b->block.bits[bit / 64] |= (uint64_t)1 << bit % 64;
	}
	b->block.modseq[at] = b->modseq;
	b->block_dirty = true;
	return VX_OK;
}

static int page_flush(struct vx_box *b)
{
	int rc;

	if (!b->have_page || !b->page_dirty)
		return VX_OK;
	b->page_dirty = false;
	rc = page_write(b, &b->page);
	return rc == VX_OK ? block_note(b, &b->page) : rc;
}

/* --- the box ----------------------------------------------------------------------- */

struct vx_box *vx_box_new(void)
{
	return vx_alloc(sizeof(struct vx_box));
}

void vx_box_done(struct vx_box *b)
{
	vx_free(b->partner);
	vx_free(b->linked);
	b->partner = NULL;
	b->linked = NULL;
	b->linked_count = b->linked_cap = 0;
}

void vx_box_free(struct vx_box *b)
{
	if (b != NULL)
		vx_box_done(b);
	vx_free(b);
}

int vx_box_open_any(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, struct vx_box *b)
{
	int rc;

	vx_box_done(b);
	b->txn = txn;
	b->account = account;
	b->mailbox = mailbox;
	b->have_block = b->block_dirty = b->have_page = b->page_dirty = false;
	b->saved.loaded = b->links.loaded = false;
	rc = vx_account_read(txn, account, &b->a);
	if (rc == VX_OK)
		rc = vx_head_read(txn, account, mailbox, &b->h);
	if (rc == VX_OK)
		b->modseq = b->a.modseq + 1;
	return rc;
}

int vx_box_open(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, struct vx_box *b)
{
	const int rc = vx_box_open_any(txn, account, mailbox, b);

	return rc == VX_OK && b->h.name_len == 0 ? VX_ENOENT : rc;
}

int vx_box_flush(struct vx_box *b)
{
	int rc = page_flush(b);

	if (rc == VX_OK)
		rc = block_flush(b);
	if (rc == VX_OK)
		rc = vx_side_flush(b, VX_KIND_SAVED, &b->saved);
	if (rc == VX_OK)
		rc = vx_side_flush(b, VX_KIND_LINKS, &b->links);
	b->h.s.highestmodseq = b->modseq;
	if (rc == VX_OK)
		rc = vx_head_write(b->txn, b->account, b->mailbox, &b->h);
	vx_kv_note_change(b->txn, b->account, b->mailbox, b->modseq);
	return rc;
}

int vx_box_close(struct vx_box *b)
{
	int rc = vx_all_close(b);

	if (rc == VX_OK)
		rc = vx_box_flush(b);
	b->a.modseq = b->modseq;
	return rc == VX_OK ? vx_account_write(b->txn, b->account, &b->a) : rc;
}

static void count_record(struct vx_box *b, const struct vx_record *r, uint32_t sign)
{
	struct vx_account_record *a = b->primary != NULL ? &b->primary->a : &b->a;

	/* sign is 1 or UINT32_MAX, that is -1: the sums are modular */
	b->h.s.messages += sign;
	b->h.s.unseen += (r->flags & VX_FLAG_SEEN) == 0 ? sign : 0;
	b->h.s.deleted += (r->flags & VX_FLAG_DELETED) != 0 ? sign : 0;
	b->h.s.size += sign == 1 ? r->size : -(uint64_t)r->size;
	if (vx_box_is_all(b)) /* each message counts once */
		return;
	a->used_octets += sign == 1 ? r->size : -(uint64_t)r->size;
	a->used_messages += sign == 1 ? 1 : UINT64_MAX;
}

static int page_load(struct vx_box *b, uint32_t number)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	if (b->have_page && b->page.number == number)
		return VX_OK;
	rc = page_flush(b);
	if (rc != VX_OK)
		return rc;
	page_key(&k, b, number);
	rc = vx_kv_get(b->txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	if (rc == VX_OK) {
		rc = vx_page_parse(v, number, &b->page);
	} else if (rc == VX_ENOENT) {
		b->page.number = number;
		b->page.count = 0;
		rc = VX_OK;
	}
	b->have_page = rc == VX_OK;
	return rc;
}

int vx_box_append(struct vx_box *b, struct vx_record *r)
{
	int rc;

	if (b->h.s.uidnext == UINT32_MAX)
		return VX_ELIMIT;
	r->uid = b->h.s.uidnext;
	r->modseq = b->modseq;
	rc = page_load(b, r->uid / VX_PAGE_UIDS);
	if (rc != VX_OK)
		return rc;
	if (b->page.count > 0 && b->page.records[b->page.count - 1].uid >= r->uid)
		return VX_ECORRUPT; /* the head's UIDNEXT is too small */
	b->page.records[b->page.count++] = *r;
	b->page_dirty = true;
	b->h.s.uidnext++;
	count_record(b, r, 1);
	rc = vx_box_saved_note(b, r);
	return rc == VX_OK ? vx_all_append(b, r) : rc;
}

/* The place of a record in its page, which is loaded then. */
static int find_record(struct vx_box *b, uint32_t uid, unsigned *at)
{
	const int rc = page_load(b, uid / VX_PAGE_UIDS);

	if (rc != VX_OK)
		return rc;
	for (*at = 0; *at < b->page.count; (*at)++)
		if (b->page.records[*at].uid == uid)
			return VX_OK;
	return VX_ENOENT;
}

int vx_box_set_flags(struct vx_box *b, uint32_t uid, uint64_t flags, uint64_t keep)
{
	struct vx_record *r;
	unsigned at;
	const int rc = find_record(b, uid, &at);

	if (rc != VX_OK)
		return rc;
	r = &b->page.records[at];
	count_record(b, r, UINT32_MAX);
	r->flags = flags | (r->flags & keep);
	r->modseq = b->modseq;
	count_record(b, r, 1);
	b->page_dirty = true;
	return VX_OK;
}

int vx_box_remove(struct vx_box *b, uint32_t uid)
{
	unsigned at;
	const int rc = find_record(b, uid, &at);

	if (rc != VX_OK)
		return rc;
	count_record(b, &b->page.records[at], UINT32_MAX);
	memmove(&b->page.records[at], &b->page.records[at + 1],
	    (--b->page.count - at) * sizeof(b->page.records[0]));
	b->page_dirty = true;
	return vx_box_saved_forget(b, uid);
}

int vx_box_restore(struct vx_box *b, const struct vx_record *r)
{
	int rc = VX_OK;

	if (r->uid < b->h.s.uidnext || r->uid == UINT32_MAX)
		rc = VX_ECORRUPT;
	if (rc == VX_OK)
		rc = page_load(b, r->uid / VX_PAGE_UIDS);
	if (rc != VX_OK)
		return rc;
	b->page.records[b->page.count++] = *r;
	b->page_dirty = true;
	b->h.s.uidnext = r->uid + 1;
	count_record(b, r, 1);
	return VX_OK;
}

/* The first page at or after number; VX_ENOENT at the end. */
static int seek_page(struct vx_box *b, uint32_t number, struct vx_page *out)
{
	struct vx_kv_cursor *c;
	struct vx_key k, prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(b->txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	page_key(&k, b, number);
	vx_key_state(&prefix, b->account, b->mailbox, VX_KIND_PAGE);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && !vx_key_is(key, &prefix, 4))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_page_parse(value, vx_get_be32(key.ptr + 9), out);
	vx_kv_cursor_close(c);
	return rc;
}

/* The first range that ends at uid or after it. */
static size_t range_at(const struct vx_box_visit *v, uint32_t uid)
{
	size_t low = 0, high = v->range_count;

	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (v->ranges[mid].last < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int keep_saved(struct vx_box *b, const struct vx_page *page)
{
	uint64_t live[2] = { 0, 0 };

	for (unsigned i = 0; i < page->count; i++) {
		const uint32_t at = page->records[i].uid % VX_PAGE_UIDS;

		live[at / 64] |= (uint64_t)1 << at % 64;
	}
	return vx_box_saved_keep(b, page->number, live);
}

/* Visit the records of a page that lie in a range. */
static int visit_page(struct vx_box *b, struct vx_box_visit *v, struct vx_page *page,
    uint32_t from, size_t *seen)
{
	unsigned kept = 0, removed;
	bool changed = false;
	size_t range = v->ranges == NULL ? 0 : range_at(v, page->number * VX_PAGE_UIDS);
	int rc;

	for (unsigned i = 0; i < page->count; i++) {
		struct vx_record *r = &page->records[i];
		const struct vx_record before = *r;
		enum vx_box_verdict verdict = VX_BOX_KEPT;

		while (v->ranges != NULL && range < v->range_count &&
		       v->ranges[range].last < r->uid)
			range++;
		if (r->uid >= from &&
		    (v->ranges == NULL ||
			(range < v->range_count && v->ranges[range].first <= r->uid))) {
			verdict = v->visit(v, r);
			(*seen)++;
		}
		if (verdict != VX_BOX_KEPT) {
			changed = true;
			count_record(b, &before, UINT32_MAX);
		}
		rc = VX_OK;
		if (verdict == VX_BOX_CHANGED) {
			r->modseq = b->modseq;
			count_record(b, r, 1);
			rc = vx_all_change(b, r);
		} else if (verdict == VX_BOX_REMOVED) {
			rc = vx_all_remove(b, &before);
		}
		if (rc != VX_OK)
			return rc;
		if (verdict != VX_BOX_REMOVED)
			page->records[kept++] = *r;
	}
	removed = page->count - kept;
	page->count = kept;
	if (!changed)
		return VX_OK;
	rc = page_write(b, page);
	if (rc == VX_OK)
		rc = block_note(b, page);
	return rc == VX_OK && removed > 0 ? keep_saved(b, page) : rc;
}

/* The first uid >= from that is in a range; 0: none. */
static uint32_t next_in_ranges(const struct vx_box_visit *v, uint32_t from)
{
	const size_t at = v->ranges == NULL ? 0 : range_at(v, from);

	if (v->ranges == NULL)
		return from;
	if (at == v->range_count)
		return 0;
	return v->ranges[at].first > from ? v->ranges[at].first : from;
}

int vx_box_visit(struct vx_box *b, struct vx_box_visit *v, uint32_t *from)
{
	struct vx_page *page = vx_alloc(sizeof(*page));
	uint32_t uid = *from == 0 ? 1 : *from;
	size_t seen = 0;
	int rc = page == NULL ? VX_ENOMEM : page_flush(b);

	b->have_page = false;
	while (rc == VX_OK && uid != 0) {
		uid = next_in_ranges(v, uid);
		if (uid == 0 || seen >= v->limit)
			break;
		rc = seek_page(b, uid / VX_PAGE_UIDS, page);
		if (rc == VX_OK)
			rc = visit_page(b, v, page, uid, &seen);
		if (rc == VX_OK)
			uid =
			    (page->number + 1) * VX_PAGE_UIDS; /* 0 after the last page */
	}
	if (rc == VX_ENOENT) {
		rc = VX_OK;
		uid = 0;
	}
	vx_free(page);
	if (rc == VX_OK)
		*from = uid;
	return rc;
}

static unsigned vanished_weight(size_t len)
{
	return (unsigned)(1 + (len - VX_VANISHED_HEADER) / 1024);
}

/* Is the oldest record to go?  VX_OK and its weight, VX_ENOENT: no. */
static int drop_oldest(struct vx_box *b, uint64_t now, unsigned *weight)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(b->txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&prefix, b->account, b->mailbox, VX_KIND_VANISHED);
	rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	if (rc == VX_OK && !vx_key_is(key, &prefix, 8)) {
		rc = VX_ENOENT;
		b->h.vanished = 0;
	}
	if (rc == VX_OK && b->h.vanished <= VX_VANISHED_MAX &&
	    value.len >= VX_VANISHED_HEADER &&
	    vx_get_le64(value.ptr + VX_VALUE_HEADER) + VX_VANISHED_AGE_S >= now)
		rc = VX_ENOENT;
	if (rc == VX_OK) {
		*weight = value.len < VX_VANISHED_HEADER ? 1 : vanished_weight(value.len);
		b->h.s.expunge_floor = vx_get_be64(key.ptr + prefix.len);
		rc = vx_kv_cursor_delete(c);
	}
	vx_kv_cursor_close(c);
	return rc;
}

static int prune_vanished(struct vx_box *b, uint64_t now)
{
	unsigned weight;
	int rc;

	while ((rc = drop_oldest(b, now, &weight)) == VX_OK)
		b->h.vanished =
		    (uint16_t)(b->h.vanished -
			       (weight < b->h.vanished ? weight : b->h.vanished));
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_box_add_vanished(struct vx_box *b, const struct vx_uid_range *ranges, size_t count)
{
	const uint64_t now = (uint64_t)vx_clock_s();
	const size_t len = VX_VANISHED_HEADER + count * 8;
	const unsigned weight = b->h.vanished + vanished_weight(len);
	char *v = vx_alloc(len);
	struct vx_key k;
	int rc;

	if (v == NULL)
		return VX_ENOMEM;
	vx_put_le64(v + VX_VALUE_HEADER, now);
	for (size_t i = 0; i < count; i++) {
		vx_put_le32(v + VX_VANISHED_HEADER + i * 8, ranges[i].first);
		vx_put_le32(v + VX_VANISHED_HEADER + i * 8 + 4, ranges[i].last);
	}
	vx_value_seal(v, len, VX_KIND_VANISHED);
	vx_key_state(&k, b->account, b->mailbox, VX_KIND_VANISHED);
	vx_key_add_u64(&k, b->modseq);
	rc = vx_kv_put(b->txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of(v, len));
	vx_free(v);
	b->h.vanished = (uint16_t)(weight < UINT16_MAX ? weight : UINT16_MAX);
	return rc == VX_OK ? prune_vanished(b, now) : rc;
}

/* --- keywords ---------------------------------------------------------------------- */

int vx_keywords_parse(vx_slice value, vx_slice names[VX_KEYWORDS_MAX], size_t *count)
{
	vx_slice rest = vx_slice_from(value, VX_VALUE_HEADER);
	size_t n = 0;
	const int rc = vx_value_check(value, VX_KIND_KEYWORDS, VX_VALUE_HEADER);

	if (rc != VX_OK)
		return rc;
	while (rest.len > 0) {
		const size_t len = (unsigned char)rest.ptr[0];

		if (n >= VX_KEYWORDS_MAX || len + 1 > rest.len)
			return VX_ECORRUPT;
		names[n++] = vx_slice_of(rest.ptr + 1, len);
		rest = vx_slice_from(rest, len + 1);
	}
	*count = n;
	return VX_OK;
}

static int keywords_write(
    struct vx_box *b, const struct vx_key *k, const vx_slice *names, size_t count)
{
	char v[KEYWORDS_OCTETS_MAX] = { 0 };
	size_t len = VX_VALUE_HEADER;

	for (size_t i = 0; i < count; i++) {
		v[len++] = (char)names[i].len;
		memcpy(v + len, names[i].ptr, names[i].len);
		len += names[i].len;
	}
	vx_value_seal(v, len, VX_KIND_KEYWORDS);
	return vx_kv_put(b->txn, VX_TREE_STATE, vx_key_slice(k), vx_slice_of(v, len));
}

int vx_box_keywords(
    struct vx_box *b, const struct vx_keyword_list *names, bool add, uint64_t *bits)
{
	vx_slice have[VX_KEYWORDS_MAX], value;
	size_t count = 0, before;
	struct vx_key k;
	int rc;

	*bits = 0;
	if (names->count == 0)
		return VX_OK;
	vx_key_state(&k, b->account, b->mailbox, VX_KIND_KEYWORDS);
	rc = vx_kv_get(b->txn, VX_TREE_STATE, vx_key_slice(&k), &value);
	if (rc == VX_OK)
		rc = vx_keywords_parse(value, have, &count);
	if (rc != VX_OK && rc != VX_ENOENT)
		return rc;
	before = count;
	for (size_t i = 0; i < names->count; i++) {
		size_t at = 0;

		while (at < count && !vx_slice_eq_nocase(have[at], names->names[i]))
			at++;
		if (at == count && !add)
			continue;
		if (at == VX_KEYWORDS_MAX || names->names[i].len > VX_KEYWORD_OCTETS_MAX)
			return VX_ELIMIT;
		if (at == count)
			have[count++] = names->names[i];
		*bits |= (uint64_t)1 << (VX_KEYWORD_FIRST + at);
	}
	return count == before ? VX_OK : keywords_write(b, &k, have, count);
}

int vx_box_keyword_names(struct vx_box *b, char text[][VX_KEYWORD_OCTETS_MAX],
    vx_slice names[VX_KEYWORDS_MAX], size_t *count)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	*count = 0;
	vx_key_state(&k, b->account, b->mailbox, VX_KIND_KEYWORDS);
	rc = vx_kv_get(b->txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_keywords_parse(v, names, count);
	for (size_t i = 0; rc == VX_OK && i < *count; i++) {
		names[i] = vx_slice_head(names[i], VX_KEYWORD_OCTETS_MAX);
		memcpy(text[i], names[i].ptr, names[i].len);
		names[i].ptr = text[i];
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_box_map_keywords(
    struct vx_box *from, struct vx_box *to, uint64_t flags, struct vx_keyword_map *map)
{
	char text[VX_KEYWORDS_MAX][VX_KEYWORD_OCTETS_MAX];
	const uint64_t wanted = flags & ~VX_FLAG_SYSTEM & ~map->known;
	vx_slice names[VX_KEYWORDS_MAX];
	size_t count;
	int rc;

	if (wanted == 0)
		return VX_OK;
	map->known |= wanted;
	rc = vx_box_keyword_names(from, text, names, &count);
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		const struct vx_keyword_list one = { &names[i], 1 };

		if ((wanted >> (VX_KEYWORD_FIRST + i) & 1) != 0)
			rc = vx_box_keywords(to, &one, true, &map->to[i]);
		if (rc == VX_ELIMIT)
			rc = VX_OK;
	}
	return rc;
}

uint64_t vx_keywords_mapped(const struct vx_keyword_map *map, uint64_t flags)
{
	uint64_t out = flags & VX_FLAG_SYSTEM;

	for (unsigned i = 0; i < VX_KEYWORDS_MAX; i++)
		if ((flags >> (VX_KEYWORD_FIRST + i) & 1) != 0)
			out |= map->to[i];
	return out;
}

/* --- references --------------------------------------------------------------------- */

int vx_references_parse(vx_slice v, uint32_t *extra)
{
	const int rc = vx_value_check(v, 'r', VX_VALUE_HEADER + 4);

	if (rc == VX_OK)
		*extra = vx_get_le32(v.ptr + VX_VALUE_HEADER);
	return rc;
}

static int references(struct vx_kv_txn *txn, const struct vx_key *k, uint32_t *out)
{
	vx_slice v;
	int rc = vx_kv_get(txn, VX_TREE_REFS, vx_key_slice(k), &v);

	*out = 0;
	if (rc == VX_OK)
		rc = vx_references_parse(v, out);
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_references_write(struct vx_kv_txn *txn, uint64_t blob, uint32_t extra)
{
	char v[VX_VALUE_HEADER + 4] = { 0 };
	struct vx_key k;
	int rc;

	vx_key_blob(&k, blob);
	if (extra == 0) {
		rc = vx_kv_delete(txn, VX_TREE_REFS, vx_key_slice(&k));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	vx_put_le32(v + VX_VALUE_HEADER, extra);
	vx_value_seal(v, sizeof(v), 'r');
	return vx_kv_put(txn, VX_TREE_REFS, vx_key_slice(&k), vx_slice_of(v, sizeof(v)));
}

/*
 * A damaged count says nothing about who else refers to the body: it stays as it is, and
 * the body stays too, until store repair has counted.
 */
int vx_blob_add_reference(struct vx_kv_txn *txn, uint64_t blob, uint32_t count)
{
	struct vx_key k;
	uint32_t extra;
	int rc;

	vx_key_blob(&k, blob);
	rc = references(txn, &k, &extra);
	if (rc != VX_OK)
		return rc == VX_ECORRUPT && vx_kv_broken(txn) == VX_OK ? VX_OK : rc;
	return vx_references_write(txn, blob, extra + count);
}

int vx_blob_drop_reference(struct vx_kv_txn *txn, uint64_t blob, uint32_t now)
{
	struct vx_key k, dead;
	uint32_t extra;
	int rc;

	vx_key_blob(&k, blob);
	rc = references(txn, &k, &extra);
	if (rc != VX_OK)
		return rc == VX_ECORRUPT && vx_kv_broken(txn) == VX_OK ? VX_OK : rc;
	if (extra > 0)
		return vx_references_write(txn, blob, extra - 1);
	dead.len = 0;
	vx_key_add_u32(&dead, now);
	vx_key_add_u64(&dead, blob);
	return vx_kv_append(txn, VX_TREE_DEAD, vx_key_slice(&dead), vx_slice_of("", 0));
}
