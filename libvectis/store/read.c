/* Reading a mailbox: snapshots, records, what was expunged. */
#include "base/bytes.h"
#include "base/mem.h"
#include "store/account.h"
#include "store/box.h"
#include "store/store_int.h"

#include <stdlib.h>

enum {
	SNAPSHOTS_KEPT = 64,
	WORDS = VX_BLOCK_UIDS / 64
};

struct vx_kv_txn *vx_view_txn(struct vx_view *view)
{
	return view->txn;
}

/* The live UIDs of one block, and how many came before each word of it. */
struct snapshot_block {
	uint32_t number;
	uint32_t before; /* messages in earlier blocks */
	uint16_t prefix[WORDS];
	uint64_t bits[WORDS];
};

struct vx_snapshot {
	struct vx_store *store;
	struct vx_snapshot *next; /* in the store's list, under its lock */
	unsigned refs;            /* under that lock; the list itself holds none */
	uint32_t account, mailbox;
	struct vx_mailbox_status status;
	struct snapshot_block *blocks; /* own, ascending */
	size_t block_count;
	uint32_t count;
};

static void destroy(struct vx_snapshot *s)
{
	vx_free(s->blocks);
	vx_free(s);
}

static void add_block(struct vx_snapshot *s, const struct vx_block *b)
{
	struct snapshot_block *out = &s->blocks[s->block_count++];
	uint32_t within = 0;

	out->number = b->number;
	out->before = s->count;
	for (size_t i = 0; i < WORDS; i++) {
		out->prefix[i] = (uint16_t)within;
		out->bits[i] = b->bits[i];
		within += (uint32_t)__builtin_popcountll(b->bits[i]);
	}
	s->count += within;
}

static int read_blocks(struct vx_snapshot *s, struct vx_kv_txn *txn)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	struct vx_block block;
	size_t cap = 0;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&prefix, s->account, s->mailbox, VX_KIND_BLOCK);
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 4);
	     rc = vx_kv_next(c, &key, &value)) {
		rc = vx_block_parse(value, vx_get_be32(key.ptr + prefix.len), &block);
		if (rc == VX_OK && s->block_count == cap) {
			struct snapshot_block *grown;

			cap = cap == 0 ? 1 : cap * 2;
			grown = vx_realloc(s->blocks, cap * sizeof(*grown));
			if (grown == NULL)
				rc = VX_ENOMEM;
			else
				s->blocks = grown;
		}
		if (rc != VX_OK)
			break;
		add_block(s, &block);
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* One that is in use and is at the same MODSEQ. */
static struct vx_snapshot *find_shared(struct vx_store *store, uint32_t account,
    uint32_t mailbox, const struct vx_mailbox_status *h)
{
	struct vx_snapshot *s;

	(void)pthread_mutex_lock(&store->snapshot_lock);
	for (s = store->snapshots; s != NULL; s = s->next)
		if (s->account == account && s->mailbox == mailbox &&
		    s->status.highestmodseq == h->highestmodseq &&
		    s->status.uidvalidity == h->uidvalidity)
			break;
	if (s != NULL)
		s->refs++;
	(void)pthread_mutex_unlock(&store->snapshot_lock);
	return s;
}

static int build(struct vx_view *v, uint32_t account, uint32_t mailbox,
    const struct vx_mailbox_status *status, struct vx_snapshot **out)
{
	struct vx_snapshot *s = vx_alloc(sizeof(*s));
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	s->store = v->store;
	s->account = account;
	s->mailbox = mailbox;
	s->status = *status;
	s->refs = 1;
	rc = read_blocks(s, v->txn);
	if (rc == VX_OK && s->count != status->messages)
		rc = VX_ECORRUPT;
	if (rc != VX_OK) {
		destroy(s);
		return rc;
	}
	(void)pthread_mutex_lock(&v->store->snapshot_lock);
	s->next = v->store->snapshots;
	v->store->snapshots = s;
	(void)pthread_mutex_unlock(&v->store->snapshot_lock);
	*out = s;
	return VX_OK;
}

int vx_snapshot_take(
    struct vx_store *store, uint32_t account, uint32_t mailbox, struct vx_snapshot **out)
{
	struct vx_mailbox_status status;
	struct vx_snapshot *s = NULL;
	struct vx_view *v;
	int rc = vx_view_begin(store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_mailbox_status(v, account, mailbox, &status);
	if (rc == VX_OK)
		s = find_shared(store, account, mailbox, &status);
	if (rc == VX_OK && s == NULL)
		rc = build(v, account, mailbox, &status, &s);
	vx_view_end(v);
	if (rc == VX_OK)
		*out = s;
	return rc;
}

struct vx_snapshot *vx_snapshot_ref(struct vx_snapshot *s)
{
	(void)pthread_mutex_lock(&s->store->snapshot_lock);
	s->refs++;
	(void)pthread_mutex_unlock(&s->store->snapshot_lock);
	return s;
}

void vx_snapshot_free(struct vx_snapshot *s)
{
	struct vx_store *store;
	bool last;

	if (s == NULL)
		return;
	store = s->store;
	(void)pthread_mutex_lock(&store->snapshot_lock);
	last = --s->refs == 0;
	for (struct vx_snapshot **p = &store->snapshots; last && *p != NULL;
	     p = &(*p)->next) {
		if (*p == s) {
			*p = s->next;
			break;
		}
	}
	(void)pthread_mutex_unlock(&store->snapshot_lock);
	if (last)
		destroy(s);
}

void vx_snapshots_forget(struct vx_store *store)
{
	/* Sessions give their references back before the store closes. */
	store->snapshots = NULL;
}

const struct vx_mailbox_status *vx_snapshot_status(const struct vx_snapshot *s)
{
	return &s->status;
}

uint32_t vx_snapshot_count(const struct vx_snapshot *s)
{
	return s->count;
}

/* The last block whose count before it is at most n; s has messages. */
static const struct snapshot_block *block_at(const struct vx_snapshot *s, uint32_t n)
{
	size_t low = 0, high = s->block_count;

	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (s->blocks[mid].before <= n)
			low = mid + 1;
		else
			high = mid;
	}
	return &s->blocks[low - 1];
}

/* The last block whose number is at most n; NULL: none. */
static const struct snapshot_block *block_of(const struct vx_snapshot *s, uint32_t n)
{
	size_t low = 0, high = s->block_count;

	if (high == 0 || n < s->blocks[0].number)
		return NULL;
	/* no block is further on than that, and it is there when none before it is empty
	 */
	if (n - s->blocks[0].number < high) {
		low = n - s->blocks[0].number;
		if (s->blocks[low].number == n)
			return &s->blocks[low];
		high = low;
		low = 0;
	}
	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (s->blocks[mid].number <= n)
			low = mid + 1;
		else
			high = mid;
	}
	return &s->blocks[low - 1];
}

uint32_t vx_snapshot_uid(const struct vx_snapshot *s, uint32_t seq)
{
	const struct snapshot_block *b;
	uint32_t left, word = WORDS - 1;
	uint64_t bits;

	if (seq == 0 || seq > s->count)
		return 0;
	b = block_at(s, seq - 1);
	left = seq - 1 - b->before;
	for (uint32_t step = WORDS / 2, at = 0; step > 0; step /= 2) {
		if (at + step < WORDS && b->prefix[at + step] <= left)
			at += step;
		word = at;
	}
	bits = b->bits[word];
	for (left -= b->prefix[word]; left > 0; left--)
		bits &= bits - 1;
	return b->number * VX_BLOCK_UIDS + word * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* The messages before the block and in it, up to and with number at of it. */
static uint32_t rank_in(const struct snapshot_block *b, uint32_t at)
{
	return b->before + b->prefix[at / 64] +
	       (uint32_t)__builtin_popcountll(b->bits[at / 64] << (63 - at % 64));
}

uint32_t vx_snapshot_rank(const struct vx_snapshot *s, uint32_t uid)
{
	const struct snapshot_block *b = block_of(s, uid / VX_BLOCK_UIDS);

	if (b == NULL)
		return 0;
	return rank_in(b,
	    b->number == uid / VX_BLOCK_UIDS ? uid % VX_BLOCK_UIDS : VX_BLOCK_UIDS - 1);
}

uint32_t vx_snapshot_seq(const struct vx_snapshot *s, uint32_t uid)
{
	const struct snapshot_block *b = block_of(s, uid / VX_BLOCK_UIDS);
	const uint32_t at = uid % VX_BLOCK_UIDS;

	if (b == NULL || b->number != uid / VX_BLOCK_UIDS ||
	    (b->bits[at / 64] >> at % 64 & 1) == 0)
		return 0;
	return rank_in(b, at);
}

/* --- records ------------------------------------------------------------------------ */

/* Skip to the first page at or after page with a change since; by its block. */
static int skip_unchanged(
    struct vx_kv_txn *txn, const struct vx_record_query *q, uint32_t *page)
{
	struct vx_block block;
	struct vx_key k;
	vx_slice value;
	int rc;

	vx_key_state(&k, q->account, q->mailbox, VX_KIND_BLOCK);
	vx_key_add_u32(&k, *page / VX_BLOCK_PAGES);
	rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &value);
	if (rc == VX_OK)
		rc = vx_block_parse(value, *page / VX_BLOCK_PAGES, &block);
	if (rc == VX_ENOENT) { /* no such block: the cursor finds what follows */
		return VX_OK;
	}
	if (rc != VX_OK)
		return rc;
	while (block.modseq[*page % VX_BLOCK_PAGES] <= q->changed_since) {
		(*page)++;
		if (*page % VX_BLOCK_PAGES == 0)
			break;
	}
	return VX_OK;
}

struct reader {
	const struct vx_record_query *q;
	struct vx_record *out;
	size_t cap, count;
	uint32_t next_uid; /* where a full output stopped */
};

/*
 * Take what fits of a page; false: the output is full.  A page that is not the first one
 * is taken whole or not at all: what is parsed is not parsed again.
 */
static bool take_page(struct reader *r, const struct vx_page *page)
{
	const size_t before = r->count;

	for (unsigned i = 0; i < page->count; i++) {
		const struct vx_record *rec = &page->records[i];

		if (rec->uid < r->q->first_uid || rec->uid > r->q->last_uid ||
		    (r->q->changed_since > 0 && rec->modseq <= r->q->changed_since))
			continue;
		if (r->count == r->cap) {
			r->next_uid = rec->uid;
			if (before > 0 && r->count > before) {
				r->next_uid = r->out[before].uid;
				r->count = before;
			}
			return false;
		}
		r->out[r->count++] = *rec;
	}
	return true;
}

static int read_pages(struct vx_kv_cursor *c, struct vx_kv_txn *txn, struct reader *r)
{
	struct vx_page page;
	struct vx_key prefix, k;
	uint32_t number = r->q->first_uid / VX_PAGE_UIDS;
	bool seek = true;
	vx_slice key, value;

	vx_key_state(&prefix, r->q->account, r->q->mailbox, VX_KIND_PAGE);
	for (;;) {
		int rc = VX_OK;

		if (r->q->changed_since > 0) {
			const uint32_t before = number;

			rc = skip_unchanged(txn, r->q, &number);
			seek = seek || number != before;
			if (rc == VX_OK && number != before &&
			    number % VX_BLOCK_PAGES == 0)
				continue; /* the next block */
		}
		k = prefix;
		vx_key_add_u32(&k, number);
		if (rc == VX_OK)
			rc = seek ? vx_kv_seek(c, vx_key_slice(&k), &key, &value)
				  : vx_kv_next(c, &key, &value);
		if (rc == VX_OK && !vx_key_is(key, &prefix, 4))
			rc = VX_ENOENT;
		if (rc == VX_OK)
			rc = vx_page_parse(
			    value, vx_get_be32(key.ptr + prefix.len), &page);
		if (rc != VX_OK)
			return rc == VX_ENOENT ? VX_OK : rc;
		if (page.number > r->q->last_uid / VX_PAGE_UIDS || !take_page(r, &page) ||
		    page.number == UINT32_MAX / VX_PAGE_UIDS)
			return VX_OK;
		number = page.number + 1;
		seek = false;
	}
}

int vx_records_read(struct vx_view *v, const struct vx_record_query *q,
    struct vx_record *out, size_t cap, size_t *count, uint32_t *next_uid)
{
	struct reader r = { .q = q, .out = out, .cap = cap };
	struct vx_kv_cursor *c;
	int rc = vx_kv_cursor_open(v->txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	rc = read_pages(c, v->txn, &r);
	vx_kv_cursor_close(c);
	if (rc != VX_OK)
		return rc;
	*count = r.count;
	*next_uid = r.next_uid;
	return VX_OK;
}

/* --- vanished ------------------------------------------------------------------------
 */

static int cmp_range(const void *a, const void *b)
{
	const uint32_t x = ((const struct vx_uid_range *)a)->first,
		       y = ((const struct vx_uid_range *)b)->first;

	return (x > y) - (x < y);
}

static size_t merge(struct vx_uid_range *r, size_t count)
{
	size_t n = 0;

	if (count > 0)
		qsort(r, count, sizeof(*r), cmp_range);
	for (size_t i = 0; i < count; i++) {
		if (n > 0 && r[i].first <= r[n - 1].last + 1) {
			if (r[i].last > r[n - 1].last)
				r[n - 1].last = r[i].last;
		} else {
			r[n++] = r[i];
		}
	}
	return n;
}

struct range_list {
	struct vx_arena *arena;
	struct vx_uid_range *r; /* in the arena */
	size_t count, cap;
};

static int add_range(struct range_list *l, uint32_t first, uint32_t last)
{
	if (l->count == l->cap) {
		const size_t more = l->cap == 0 ? 64 : l->cap * 2;
		struct vx_uid_range *grown =
		    vx_arena_array(l->arena, more, sizeof(*grown));

		if (grown == NULL)
			return VX_ELIMIT;
		if (l->count > 0)
			memcpy(grown, l->r, l->count * sizeof(*grown));
		l->r = grown;
		l->cap = more;
	}
	l->r[l->count++] = (struct vx_uid_range){ first, last };
	return VX_OK;
}

static int add_vanished(vx_slice value, struct range_list *l)
{
	int rc = vx_value_check(value, VX_KIND_VANISHED, VX_VANISHED_HEADER);

	for (size_t at = VX_VANISHED_HEADER; rc == VX_OK && at + 8 <= value.len; at += 8)
		rc = add_range(
		    l, vx_get_le32(value.ptr + at), vx_get_le32(value.ptr + at + 4));
	return rc;
}

static int walk_vanished(struct vx_kv_cursor *c, const struct vx_key *prefix,
    uint64_t since, struct range_list *l)
{
	struct vx_key k = *prefix;
	vx_slice key, value;
	int rc;

	vx_key_add_u64(&k, since + 1);
	for (rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	     rc == VX_OK && vx_key_is(key, prefix, 8); rc = vx_kv_next(c, &key, &value)) {
		rc = add_vanished(value, l);
		if (rc != VX_OK)
			return rc;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* The UIDs from *next up to the block's end that are not in it; *next: the one after the
 * last that is. */
static int add_missing(const struct vx_block *b, uint32_t *next, struct range_list *l)
{
	int rc = VX_OK;

	for (uint32_t i = 0; i < VX_BLOCK_UIDS / 64 && rc == VX_OK; i++)
		for (uint64_t bits = b->bits[i]; bits != 0 && rc == VX_OK;
		     bits &= bits - 1) {
			const uint32_t uid = b->number * VX_BLOCK_UIDS + i * 64 +
					     (uint32_t)__builtin_ctzll(bits);

			if (uid > *next)
				rc = add_range(l, *next, uid - 1);
			*next = uid + 1;
		}
	return rc;
}

/* All UIDs ever given that are no longer there. */
static int walk_missing(struct vx_kv_cursor *c, const struct vx_key *prefix,
    uint32_t uidnext, struct range_list *l)
{
	struct vx_block *b = vx_alloc(sizeof(*b));
	vx_slice key, value;
	uint32_t next = 1;
	int rc;

	if (b == NULL)
		return VX_ENOMEM;
	for (rc = vx_kv_seek(c, vx_key_slice(prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, prefix, 4); rc = vx_kv_next(c, &key, &value)) {
		rc = vx_block_parse(value, vx_get_be32(key.ptr + prefix->len), b);
		if (rc == VX_OK)
			rc = add_missing(b, &next, l);
		if (rc != VX_OK)
			break;
	}
	vx_free(b);
	if (rc != VX_OK && rc != VX_ENOENT)
		return rc;
	return next < uidnext ? add_range(l, next, uidnext - 1) : VX_OK;
}

int vx_mailbox_vanished(struct vx_view *v, uint32_t account, uint32_t mailbox,
    uint64_t since, struct vx_arena *arena, struct vx_uid_range **out, size_t *count)
{
	struct range_list l = { .arena = arena };
	struct vx_mailbox_status s;
	struct vx_key prefix;
	struct vx_kv_cursor *c;
	int rc = vx_mailbox_status(v, account, mailbox, &s);

	if (rc == VX_OK)
		rc = vx_kv_cursor_open(v->txn, VX_TREE_STATE, &c);
	if (rc != VX_OK)
		return rc;
	if (since < s.expunge_floor) {
		vx_key_state(&prefix, account, mailbox, VX_KIND_BLOCK);
		rc = walk_missing(c, &prefix, s.uidnext, &l);
	} else {
		vx_key_state(&prefix, account, mailbox, VX_KIND_VANISHED);
		rc = walk_vanished(c, &prefix, since, &l);
	}
	vx_kv_cursor_close(c);
	if (rc != VX_OK)
		return rc;
	*out = l.r;
	*count = merge(l.r, l.count);
	return VX_OK;
}
