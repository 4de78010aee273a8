/*
 * store check: the invariants of STORE.md 9, walked in a child process.  The state is
 * walked in one transaction, the bodies then each in one of its own: they take hours in
 * a large store, and a reader that old would make the state grow.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "store/box.h"
#include "store/guard.h"
#include "store/lists.h"
#include "store/store_int.h"
#include "vectis/message.h"

#include <stdio.h>
#include <stdlib.h>

struct body {
	uint64_t blob, size;
};

struct check {
	struct vx_guard *g;
	struct vx_store *store;
	struct vx_kv_txn *txn;
	uint64_t *blobs; /* own: of every record */
	size_t blob_count, blob_cap;
	struct body *bodies; /* own: of every good descriptor, ascending */
	size_t body_count, body_cap;
	uint64_t account_octets, account_messages, account_modseq;
	uint64_t metadata;
	uint64_t all_messages,
	    lonely;            /* in All Mail; of it or others, without their like */
	uint32_t account, all; /* whose sums these are; its All Mail */
	bool full;             /* no memory for more: said once */
};

static bool room(struct check *c, void **list, size_t count, size_t *cap, size_t size)
{
	const size_t more = *cap == 0 ? 4096 : *cap * 2;
	void *grown;

	if (count < *cap)
		return true;
	grown = vx_realloc(*list, more * size);
	if (grown == NULL) {
		if (!c->full)
			vx_guard_say(c->g, "not enough memory to check everything");
		c->full = true;
		return false;
	}
	*list = grown;
	*cap = more;
	return true;
}

/* A walk that ended for another reason than the end. */
static void ended(struct check *c, int rc, const char *what)
{
	if (rc != VX_OK && rc != VX_ENOENT)
		vx_guard_say(
		    c->g, "%s cannot be read to the end: %s", what, vx_strerror(rc));
}

/* --- mailboxes ------------------------------------------------------------------------
 */

struct box_check {
	uint32_t account, mailbox;
	uint32_t messages, unseen, deleted, live;
	uint64_t size, flags, modseq;
	uint32_t last_uid;
	struct vx_block block;
	bool have_block;
	bool linked; /* its records have their like in All Mail, or it is that */
};

static void see_record(struct check *c, struct box_check *b, const struct vx_record *r)
{
	b->messages++;
	b->unseen += (r->flags & VX_FLAG_SEEN) == 0;
	b->deleted += (r->flags & VX_FLAG_DELETED) != 0;
	b->size += r->size;
	b->flags |= r->flags;
	b->last_uid = r->uid;
	if (r->modseq > b->modseq)
		b->modseq = r->modseq;
	if (room(c, (void **)&c->blobs, c->blob_count, &c->blob_cap, sizeof(*c->blobs)))
		c->blobs[c->blob_count++] = r->blob;
}

static int load_block(struct check *c, struct box_check *b, uint32_t number)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	if (b->have_block && b->block.number == number)
		return VX_OK;
	vx_key_state(&k, b->account, b->mailbox, VX_KIND_BLOCK);
	vx_key_add_u32(&k, number);
	b->block = (struct vx_block){ .number = number };
	b->have_block = true;
	rc = vx_kv_get(c->txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	return rc == VX_OK ? vx_block_parse(v, number, &b->block) : VX_OK;
}

/* The page's UIDs and MODSEQ against its row in the block. */
static void check_row(struct check *c, struct box_check *b, const struct vx_page *page)
{
	const unsigned at = page->number % VX_BLOCK_PAGES;
	uint64_t bits[2] = { 0, 0 }, modseq = 0;

	for (unsigned i = 0; i < page->count; i++) {
		const uint32_t bit = page->records[i].uid % VX_PAGE_UIDS;

		bits[bit / 64] |= (uint64_t)1 << bit % 64;
		if (page->records[i].modseq > modseq)
			modseq = page->records[i].modseq;
	}
	if (load_block(c, b, page->number / VX_BLOCK_PAGES) != VX_OK)
		return; /* said by check_blocks */
	if (b->block.bits[2 * at] != bits[0] || b->block.bits[2 * at + 1] != bits[1] ||
	    b->block.modseq[at] < modseq)
		vx_guard_say(c->g,
		    "account %u mailbox %u: the UID block differs from the records from "
		    "UID %u on",
		    b->account, b->mailbox, page->number * VX_PAGE_UIDS);
}

/* Does the record's link lead to one that leads back? */
static bool is_linked(
    struct check *c, const struct box_check *b, struct vx_link l, uint32_t uid)
{
	struct vx_side links;
	struct vx_link back;

	if (l.mailbox == 0 || (b->mailbox != c->all && l.mailbox != c->all) ||
	    vx_side_read(c->txn, b->account, l.mailbox, VX_KIND_LINKS,
		l.uid / VX_PAGE_UIDS, &links) != VX_OK)
		return false;
	back = vx_link_of(&links, l.uid);
	return back.mailbox == b->mailbox && back.uid == uid;
}

/* With All Mail, each record has its like at the other end of its link (all.c). */
static void check_links(
    struct check *c, const struct box_check *b, const struct vx_page *page)
{
	struct vx_side links;

	if (vx_side_read(c->txn, b->account, b->mailbox, VX_KIND_LINKS, page->number,
		&links) != VX_OK) {
		vx_guard_say(c->g,
		    "account %u mailbox %u: the links to All Mail from UID %u on are "
		    "damaged",
		    b->account, b->mailbox, page->number * VX_PAGE_UIDS);
		return;
	}
	for (unsigned i = 0; i < page->count; i++) {
		const uint32_t uid = page->records[i].uid;

		c->lonely += !is_linked(c, b, vx_link_of(&links, uid), uid);
	}
}

static void check_pages(struct check *c, struct box_check *b)
{
	struct vx_kv_cursor *cur;
	struct vx_key prefix;
	vx_slice key, value;
	struct vx_page page;
	int rc;

	vx_key_state(&prefix, b->account, b->mailbox, VX_KIND_PAGE);
	rc = vx_kv_cursor_open(c->txn, VX_TREE_STATE, &cur);
	if (rc != VX_OK)
		return ended(c, rc, "the records");
	for (rc = vx_kv_seek(cur, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 4);
	     rc = vx_kv_next(cur, &key, &value)) {
		const uint32_t number = vx_get_be32(key.ptr + 9);

		if (number > UINT32_MAX / VX_PAGE_UIDS ||
		    vx_page_parse(value, number, &page) != VX_OK) {
			vx_guard_say(c->g,
			    "account %u mailbox %u: the records from UID %u on are "
			    "damaged",
			    b->account, b->mailbox, number * VX_PAGE_UIDS);
			continue;
		}
		check_row(c, b, &page);
		if (b->linked)
			check_links(c, b, &page);
		for (unsigned i = 0; i < page.count; i++)
			see_record(c, b, &page.records[i]);
	}
	vx_kv_cursor_close(cur);
	ended(c, rc, "the records");
}

static void check_blocks(struct check *c, struct box_check *b)
{
	struct vx_kv_cursor *cur;
	struct vx_key prefix;
	vx_slice key, value;
	struct vx_block block;
	int rc;

	vx_key_state(&prefix, b->account, b->mailbox, VX_KIND_BLOCK);
	rc = vx_kv_cursor_open(c->txn, VX_TREE_STATE, &cur);
	if (rc != VX_OK)
		return ended(c, rc, "the UID blocks");
	for (rc = vx_kv_seek(cur, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 4);
	     rc = vx_kv_next(cur, &key, &value)) {
		if (vx_block_parse(value, vx_get_be32(key.ptr + 9), &block) != VX_OK) {
			vx_guard_say(c->g,
			    "account %u mailbox %u: a UID block is damaged", b->account,
			    b->mailbox);
			continue;
		}
		for (size_t i = 0; i < VX_BLOCK_UIDS / 64; i++)
			b->live += (uint32_t)__builtin_popcountll(block.bits[i]);
	}
	vx_kv_cursor_close(cur);
	ended(c, rc, "the UID blocks");
}

static void check_keywords(struct check *c, const struct box_check *b)
{
	vx_slice names[VX_KEYWORDS_MAX], value;
	size_t count = 0;
	struct vx_key k;
	int rc;

	vx_key_state(&k, b->account, b->mailbox, VX_KIND_KEYWORDS);
	rc = vx_kv_get(c->txn, VX_TREE_STATE, vx_key_slice(&k), &value);
	if (rc == VX_OK)
		rc = vx_keywords_parse(value, names, &count);
	if (rc != VX_OK && rc != VX_ENOENT)
		vx_guard_say(c->g, "account %u mailbox %u: its keywords are damaged",
		    b->account, b->mailbox);
	else if (b->flags >> (VX_KEYWORD_FIRST + count) != 0)
		vx_guard_say(c->g,
		    "account %u mailbox %u: a message has a keyword without a name",
		    b->account, b->mailbox);
}

static void check_vanished(struct check *c, const struct box_check *b)
{
	struct vx_kv_cursor *cur;
	struct vx_key prefix;
	vx_slice key, value;
	int rc;

	vx_key_state(&prefix, b->account, b->mailbox, VX_KIND_VANISHED);
	rc = vx_kv_cursor_open(c->txn, VX_TREE_STATE, &cur);
	if (rc != VX_OK)
		return ended(c, rc, "the expunge history");
	for (rc = vx_kv_seek(cur, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 8);
	     rc = vx_kv_next(cur, &key, &value))
		if (vx_value_check(value, VX_KIND_VANISHED, VX_VANISHED_HEADER) != VX_OK)
			vx_guard_say(c->g,
			    "account %u mailbox %u: its expunge history is damaged",
			    b->account, b->mailbox);
	vx_kv_cursor_close(cur);
	ended(c, rc, "the expunge history");
}

/* A mailbox is found by its name, and the other way round; a deleted one is marked. */
static void check_name(
    struct check *c, const struct box_check *b, const struct vx_head *h)
{
	struct vx_name n = { 0 };
	struct vx_key k;
	vx_slice v;
	int rc;

	if (h->name_len > 0) {
		rc = vx_name_read(
		    c->txn, b->account, vx_slice_of(h->name, h->name_len), &n);
		if (rc != VX_OK || n.mailbox != b->mailbox)
			vx_guard_say(c->g,
			    "account %u mailbox %u: the name \"%.*s\" does not lead to "
			    "it",
			    b->account, b->mailbox, (int)h->name_len, h->name);
		return;
	}
	vx_key_state(&k, 0, 0, VX_KIND_SWEEP);
	vx_key_add_u32(&k, b->account);
	vx_key_add_u32(&k, b->mailbox);
	if (vx_kv_get(c->txn, VX_TREE_STATE, vx_key_slice(&k), &v) != VX_OK)
		vx_guard_say(c->g,
		    "account %u mailbox %u: it is deleted, but not marked to be swept",
		    b->account, b->mailbox);
}

static void check_mailbox(struct check *c, uint32_t account, uint32_t mailbox)
{
	struct box_check *b = vx_alloc(sizeof(*b));
	struct vx_head h;

	if (b == NULL)
		return ended(c, VX_ENOMEM, "a mailbox");
	vx_guard_at(c->g, "account %u mailbox %u", account, mailbox);
	b->account = account;
	b->mailbox = mailbox;
	/* one that was dropped is not swept yet */
	b->linked =
	    c->all != 0 &&
	    (mailbox == c->all || vx_head_read(c->txn, account, mailbox, &h) != VX_OK ||
		(h.special_use & VX_USE_ALL) == 0);
	check_pages(c, b);
	check_blocks(c, b);
	check_keywords(c, b);
	check_vanished(c, b);
	(void)vx_metadata_sum(c->txn, account, mailbox, &c->metadata);
	if (vx_head_read(c->txn, account, mailbox, &h) != VX_OK) {
		c->account_octets += b->size;
		c->account_messages += b->messages;
		vx_guard_say(c->g,
		    "account %u mailbox %u: its head is damaged or missing", account,
		    mailbox);
		vx_free(b);
		return;
	}
	check_name(c, b, &h);
	if (mailbox == c->all)
		c->all_messages += b->messages;
	if ((h.special_use & VX_USE_ALL) == 0) {
		c->account_octets += b->size;
		c->account_messages += b->messages;
	}
	if (h.s.highestmodseq > c->account_modseq)
		c->account_modseq = h.s.highestmodseq;
	if (b->messages != h.s.messages || b->live != h.s.messages ||
	    b->unseen != h.s.unseen || b->deleted != h.s.deleted || b->size != h.s.size)
		vx_guard_say(c->g,
		    "account %u mailbox %u: the head counts %u messages (%u unseen, %u "
		    "deleted), the records are %u (%u, %u), the UID blocks have %u",
		    account, mailbox, h.s.messages, h.s.unseen, h.s.deleted, b->messages,
		    b->unseen, b->deleted, b->live);
	if (b->last_uid >= h.s.uidnext)
		vx_guard_say(c->g,
		    "account %u mailbox %u: UID %u is not below UIDNEXT %u", account,
		    mailbox, b->last_uid, h.s.uidnext);
	if (b->modseq > h.s.highestmodseq)
		vx_guard_say(c->g,
		    "account %u mailbox %u: a message has a MODSEQ above HIGHESTMODSEQ",
		    account, mailbox);
	vx_free(b);
}

/* --- accounts
 * --------------------------------------------------------------------------- */

static void check_names(struct check *c, uint32_t account)
{
	struct vx_kv_cursor *cur;
	struct vx_key prefix;
	vx_slice key, value;
	int rc;

	vx_key_state(&prefix, account, 0, VX_KIND_NAME);
	rc = vx_kv_cursor_open(c->txn, VX_TREE_STATE, &cur);
	if (rc != VX_OK)
		return ended(c, rc, "the names");
	for (rc = vx_kv_seek(cur, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(&prefix));
	     rc = vx_kv_next(cur, &key, &value)) {
		const vx_slice name = vx_slice_from(key, prefix.len);
		struct vx_name n;
		struct vx_head h;

		if (vx_name_parse(value, &n) != VX_OK)
			vx_guard_say(c->g, "account %u: the name \"%.*s\" is damaged",
			    account, (int)name.len, name.ptr);
		else if (n.mailbox != 0 &&
			 (vx_head_read(c->txn, account, n.mailbox, &h) != VX_OK ||
			     !vx_slice_eq(name, vx_slice_of(h.name, h.name_len))))
			vx_guard_say(c->g,
			    "account %u: the name \"%.*s\" leads to mailbox %u, which is "
			    "not there or has another",
			    account, (int)name.len, name.ptr, n.mailbox);
	}
	vx_kv_cursor_close(cur);
	ended(c, rc, "the names");
}

static void close_account(struct check *c)
{
	struct vx_account_record a;

	if (c->account == 0)
		return;
	vx_guard_at(c->g, "account %u", c->account);
	check_names(c, c->account);
	if (vx_account_read(c->txn, c->account, &a) != VX_OK)
		vx_guard_say(
		    c->g, "account %u: its record is damaged or missing", c->account);
	else if (a.used_octets != c->account_octets ||
		 a.used_messages != c->account_messages)
		vx_guard_say(c->g,
		    "account %u: its record counts %llu octets in %llu messages, its "
		    "mailboxes have %llu in %llu",
		    c->account, (unsigned long long)a.used_octets,
		    (unsigned long long)a.used_messages,
		    (unsigned long long)c->account_octets,
		    (unsigned long long)c->account_messages);
	else if (a.modseq < c->account_modseq)
		vx_guard_say(c->g,
		    "account %u: a mailbox has a MODSEQ above the account's", c->account);
	else if (a.metadata != c->metadata)
		vx_guard_say(c->g,
		    "account %u: its record counts %llu octets of annotations, there are "
		    "%llu",
		    c->account, (unsigned long long)a.metadata,
		    (unsigned long long)c->metadata);
	else if (c->all != 0 &&
		 (c->lonely != 0 || c->all_messages != c->account_messages))
		vx_guard_say(c->g,
		    "account %u: All Mail has %llu messages, the others have %llu; %llu "
		    "are on one side alone",
		    c->account, (unsigned long long)c->all_messages,
		    (unsigned long long)c->account_messages,
		    (unsigned long long)c->lonely);
	c->account_octets = c->account_messages = c->account_modseq = 0;
	c->all_messages = c->lonely = c->metadata = 0;
	c->all = 0;
}

/* One that is being filled has not all yet. */
static void open_account(struct check *c, uint32_t account)
{
	struct vx_account_record a;

	c->account = account;
	(void)vx_metadata_sum_server(c->txn, account, &c->metadata);
	if (vx_account_read(c->txn, account, &a) == VX_OK && a.fill == 0)
		c->all = a.all;
}

static void check_state(struct check *c)
{
	struct vx_kv_cursor *cur;
	struct vx_key k;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(c->txn, VX_TREE_STATE, &cur);

	if (rc != VX_OK)
		return ended(c, rc, "the state");
	vx_key_state(&k, 1, 0, VX_KIND_ACCOUNT);
	k.len = 4;
	rc = vx_kv_seek(cur, vx_key_slice(&k), &key, &value);
	while (rc == VX_OK && key.len >= 9) {
		const uint32_t account = vx_get_be32(key.ptr),
			       mailbox = vx_get_be32(key.ptr + 4);

		if (account != c->account) {
			close_account(c);
			open_account(c, account);
		}
		if (mailbox != 0)
			check_mailbox(c, account, mailbox);
		k.len = 0; /* the next mailbox, or the next account */
		vx_key_add_u32(&k, mailbox == UINT32_MAX ? account + 1 : account);
		vx_key_add_u32(&k, mailbox + 1);
		rc = vx_kv_seek(cur, vx_key_slice(&k), &key, &value);
	}
	if (rc == VX_OK)
		vx_guard_say(c->g, "the state has a key that is too short");
	close_account(c);
	vx_kv_cursor_close(cur);
	ended(c, rc, "the state");
}

/* --- what refers to bodies
 * --------------------------------------------------------------- */

static int cmp_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* How many records have blob. */
static size_t records_of(const struct check *c, uint64_t blob)
{
	size_t low = 0, high = c->blob_count, n = 0;

	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (c->blobs[mid] < blob)
			low = mid + 1;
		else
			high = mid;
	}
	while (low + n < c->blob_count && c->blobs[low + n] == blob)
		n++;
	return n;
}

static const struct body *body_of(const struct check *c, uint64_t blob)
{
	return c->body_count == 0 ? NULL
				  : bsearch(&blob, c->bodies, c->body_count,
					sizeof(*c->bodies), cmp_u64);
}

static bool sees(const struct check *c, const uint64_t *dead, size_t count, uint64_t blob)
{
	return records_of(c, blob) > 0 ||
	       (count > 0 && bsearch(&blob, dead, count, sizeof(*dead), cmp_u64) != NULL);
}

typedef void entry_fn(struct check *c, vx_slice key, vx_slice value, void *ctx);

static void each(
    struct check *c, enum vx_tree tree, const char *what, entry_fn *fn, void *ctx)
{
	struct vx_kv_cursor *cur;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(c->txn, tree, &cur);

	vx_guard_at(c->g, "%s", what);
	if (rc != VX_OK)
		return ended(c, rc, what);
	for (rc = vx_kv_first(cur, &key, &value); rc == VX_OK;
	     rc = vx_kv_next(cur, &key, &value))
		fn(c, key, value, ctx);
	vx_kv_cursor_close(cur);
	ended(c, rc, what);
}

struct dead {
	uint64_t *blobs; /* own */
	size_t count, cap;
};

static void see_dead(struct check *c, vx_slice key, vx_slice value, void *ctx)
{
	struct dead *d = ctx;

	(void)value;
	if (key.len != 12) {
		vx_guard_say(c->g, "the dead queue has a key of a wrong length");
		return;
	}
	if (records_of(c, vx_get_be64(key.ptr + 4)) > 0)
		vx_guard_say(c->g,
		    "message %016llx: it is in a mailbox or queued, and would be deleted",
		    (unsigned long long)vx_get_be64(key.ptr + 4));
	if (room(c, (void **)&d->blobs, d->count, &d->cap, sizeof(*d->blobs)))
		d->blobs[d->count++] = vx_get_be64(key.ptr + 4);
}

static void see_descriptor(struct check *c, vx_slice key, vx_slice value, void *ctx)
{
	const struct dead *dead = ctx;
	struct vx_descriptor d;
	uint64_t blob;
	int rc = vx_value_check(value, 'd', VX_VALUE_HEADER + 8);

	if (key.len != 8) {
		vx_guard_say(c->g, "a descriptor has a key of a wrong length");
		return;
	}
	blob = vx_get_be64(key.ptr);
	if (rc == VX_OK)
		rc = vx_descriptor_open(vx_slice_from(value, VX_VALUE_HEADER + 8), &d);
	if (rc != VX_OK)
		vx_guard_say(c->g, "message %016llx: its descriptor is damaged",
		    (unsigned long long)blob);
	if (!sees(c, dead->blobs, dead->count, blob))
		vx_guard_say(c->g,
		    "message %016llx: it is nowhere, and not to be deleted",
		    (unsigned long long)blob);
	if (room(c, (void **)&c->bodies, c->body_count, &c->body_cap, sizeof(*c->bodies)))
		c->bodies[c->body_count++] = (struct body){
			.blob = blob,
			.size = rc == VX_OK ? vx_get_le64(value.ptr + VX_VALUE_HEADER)
					    : UINT64_MAX,
		};
}

static void see_count(struct check *c, vx_slice key, vx_slice value, void *ctx)
{
	uint32_t extra;

	(void)ctx;
	if (key.len != 8)
		vx_guard_say(c->g, "a reference count has a key of a wrong length");
	else if (vx_references_parse(value, &extra) != VX_OK)
		vx_guard_say(c->g, "message %016llx: its reference count is damaged",
		    (unsigned long long)vx_get_be64(key.ptr));
	else if (records_of(c, vx_get_be64(key.ptr)) != extra + (size_t)1)
		vx_guard_say(c->g,
		    "message %016llx: it is in %zu places, its count says %zu",
		    (unsigned long long)vx_get_be64(key.ptr),
		    records_of(c, vx_get_be64(key.ptr)), extra + (size_t)1);
}

static void see_volume(struct check *c, vx_slice key, vx_slice value, void *ctx)
{
	struct vx_volume_record r;
	uint64_t live = 0;
	bool whole = true;
	size_t low = 0, high = c->body_count;

	(void)ctx;
	if (vx_volume_record_get(key, value, &r) != VX_OK) {
		vx_guard_say(c->g, "the record of a volume is damaged");
		return;
	}
	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (c->bodies[mid].blob >> 32 < r.number)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = low; i < c->body_count; i++) {
		if (c->bodies[i].blob >> 32 != r.number)
			break;
		whole = whole && c->bodies[i].size != UINT64_MAX;
		live += c->bodies[i].size;
	}
	if (whole && live != r.live)
		vx_guard_say(c->g,
		    "volume %08x: its record counts %llu octets that live, its messages "
		    "have %llu",
		    r.number, (unsigned long long)r.live, (unsigned long long)live);
}

static void see_any(struct check *c, vx_slice key, vx_slice value, void *ctx)
{
	volatile char sink = 0;

	(void)c;
	(void)ctx;
	for (size_t i = 0; i < value.len; i += 512) /* its pages are there */
		sink = (char)(sink + value.ptr[i]);
	sink = (char)(sink + (key.len > 0 ? key.ptr[0] : 0));
}

/* Without a count there is one reference; each record has a descriptor. */
static void check_records(struct check *c)
{
	vx_slice v;

	for (size_t i = 0, run; i < c->blob_count; i += run) {
		const uint64_t blob = c->blobs[i];
		struct vx_key k;

		run = records_of(c, blob);
		vx_key_blob(&k, blob);
		if (body_of(c, blob) == NULL && !c->full)
			vx_guard_say(c->g, "message %016llx: its descriptor is missing",
			    (unsigned long long)blob);
		if (run > 1 &&
		    vx_kv_get(c->txn, VX_TREE_REFS, vx_key_slice(&k), &v) == VX_ENOENT)
			vx_guard_say(c->g,
			    "message %016llx: it is in %zu places, its count says 1",
			    (unsigned long long)blob, run);
	}
}

/* A message that waits to be sent is in one place more. */
static void see_queued(struct check *c, vx_slice key, vx_slice value, void *ctx)
{
	uint64_t blob;
	const int rc = vx_queue_blob(key, value, &blob);

	(void)ctx;
	if (rc == VX_ENOENT)
		see_any(c, key, value, NULL);
	else if (rc != VX_OK)
		vx_guard_say(c->g, "the queue: a message's entry is damaged");
	else if (room(c, (void **)&c->blobs, c->blob_count, &c->blob_cap,
		     sizeof(*c->blobs)))
		c->blobs[c->blob_count++] = blob;
}

/* So is one that came as a report and was not yet read. */
static void see_report(struct check *c, vx_slice key, vx_slice value, void *ctx)
{
	uint64_t blob;
	const int rc = vx_report_blob(key, value, &blob);

	(void)ctx;
	if (rc != VX_OK && rc != VX_ENOENT)
		vx_guard_say(c->g, "the reports: an entry is damaged");
	else if (rc == VX_OK && room(c, (void **)&c->blobs, c->blob_count, &c->blob_cap,
				    sizeof(*c->blobs)))
		c->blobs[c->blob_count++] = blob;
}

/* --- the directory -------------------------------------------------------------------
 */

struct lists_check {
	struct vx_lists lists;
	uint32_t orphan; /* the last list that was not there: said once */
};

static void see_directory(struct check *c, vx_slice key, vx_slice value, void *ctx)
{
	struct lists_check *x = ctx;
	uint32_t number = 0;

	see_any(c, key, value, NULL);
	switch (vx_lists_look(&x->lists, key, value, &number)) {
	case VX_LIST_NONE:
	case VX_LIST_GOOD:
		break;
	case VX_LIST_DAMAGED:
		vx_guard_say(c->g, "the directory: a list's entry is damaged");
		break;
	case VX_LIST_DAMAGED_MEMBER:
		vx_guard_say(c->g, "list %u: a member's entry is damaged", number);
		break;
	case VX_LIST_TWICE:
		vx_guard_say(c->g, "list %u: another list has its members", number);
		break;
	case VX_LIST_ORPHAN:
		if (number != x->orphan || number == 0)
			vx_guard_say(
			    c->g, "list %u: it is not there, and has members", number);
		x->orphan = number;
		break;
	}
}

static void check_directory(struct check *c)
{
	struct lists_check x = { 0 };
	uint64_t next = 1; /* a counter that was never used */
	int rc = vx_lists_read(c->txn, &x.lists);

	if (rc != VX_OK)
		return ended(c, rc, "the lists");
	each(c, VX_TREE_DIR, "the directory", see_directory, &x);
	rc = vx_meta_get(c->txn, "list", &next);
	if (rc == VX_ECORRUPT)
		vx_guard_say(c->g, "the counter of lists is damaged");
	else if (next <= vx_lists_highest(&x.lists))
		vx_guard_say(c->g, "list %u: its number would be given again",
		    vx_lists_highest(&x.lists));
	vx_lists_done(&x.lists);
}

/* --- all of what refers to bodies
 * -------------------------------------------------------- */

static void check_references(struct check *c)
{
	struct dead dead = { 0 };

	each(c, VX_TREE_REPORT, "the reports", see_report, NULL);
	each(c, VX_TREE_QUEUE, "the queue", see_queued, NULL);
	if (c->blob_count > 0)
		qsort(c->blobs, c->blob_count, sizeof(*c->blobs), cmp_u64);
	each(c, VX_TREE_DEAD, "the dead queue", see_dead, &dead);
	if (dead.count > 0)
		qsort(dead.blobs, dead.count, sizeof(*dead.blobs), cmp_u64);
	each(c, VX_TREE_DESC, "the descriptors", see_descriptor, &dead);
	each(c, VX_TREE_REFS, "the reference counts", see_count, NULL);
	each(c, VX_TREE_VOLUME, "the list of volumes", see_volume, NULL);
	check_records(c);
	each(c, VX_TREE_META, "the counters", see_any, NULL);
	check_directory(c);
	each(c, VX_TREE_EVENT, "the events", see_any, NULL);
	vx_free(dead.blobs);
}

/* --- bodies
 * ------------------------------------------------------------------------------- */

/* Reaped since the state was walked? */
static bool still_there(struct check *c, uint64_t blob)
{
	struct vx_kv_txn *txn;
	struct vx_key k;
	vx_slice v;
	bool there;

	if (vx_kv_begin(c->store->state, false, &txn) != VX_OK)
		return true;
	vx_key_blob(&k, blob);
	there = vx_kv_get(txn, VX_TREE_DESC, vx_key_slice(&k), &v) == VX_OK;
	vx_kv_abort(txn);
	return there;
}

static void check_body(struct check *c, const struct body *b)
{
	uint64_t size = 0;
	const int rc = vx_blob_verify(c->store, b->blob, &size);

	if (rc == VX_OK && (size == b->size || b->size == UINT64_MAX))
		return;
	if (!still_there(c, b->blob))
		return;
	if (rc == VX_OK)
		vx_guard_say(c->g,
		    "message %016llx: its body has %llu octets, not %llu as described",
		    (unsigned long long)b->blob, (unsigned long long)size,
		    (unsigned long long)b->size);
	else
		vx_guard_say(c->g, "message %016llx: its body is %s",
		    (unsigned long long)b->blob, rc == VX_ENOENT ? "missing" : "damaged");
}

/* A volume's file that cannot be opened is said once, not for each message in it. */
static bool check_volume(struct check *c, uint32_t number)
{
	struct vx_volume *v;
	char path[PATH_MAX];
	const int rc = vx_volume_take(c->store, number, &v);

	vx_volume_path(c->store, number, path);
	vx_guard_at(c->g, "%s", path);
	if (rc == VX_OK) {
		vx_volume_give(c->store, v);
		return true;
	}
	vx_guard_say(c->g, "volume %08x: its file %s: %s", number,
	    rc == VX_ENOENT ? "is missing" : "cannot be opened", path);
	return false;
}

static void check_bodies(struct check *c)
{
	uint64_t lost = 0;
	uint32_t number = 0;
	bool open = false;

	for (size_t i = 0; i < c->body_count; i++) {
		const struct body *b = &c->bodies[i];

		if (i == 0 || (uint32_t)(b->blob >> 32) != number) {
			number = (uint32_t)(b->blob >> 32);
			open = check_volume(c, number);
		}
		if (open)
			check_body(c, b);
		else
			lost++;
	}
	if (lost > 0)
		vx_guard_say(c->g, "%llu messages are in volumes that are not there",
		    (unsigned long long)lost);
}

static int check_open(struct vx_guard *g, struct vx_store *store)
{
	struct check c = { .g = g, .store = store };
	const int rc = vx_kv_begin(store->state, false, &c.txn);

	if (rc != VX_OK)
		return rc;
	check_state(&c);
	check_references(&c);
	vx_kv_abort(c.txn);
	check_bodies(&c);
	vx_free(c.blobs);
	vx_free(c.bodies);
	return VX_OK;
}

static int check_dir(struct vx_guard *g, void *ctx)
{
	const struct vx_store_options o = {
		.struct_size = sizeof(o), .dir = ctx, .read_only = true
	};
	struct vx_store *store;
	struct vx_error err;
	int rc;

	vx_guard_at(g, "the roots of the trees");
	rc = vx_store_open(&o, &store, &err);
	if (rc != VX_OK) {
		vx_guard_say(g, "%s", err.text);
		return rc;
	}
	rc = check_open(g, store);
	vx_store_close(store);
	return rc;
}

int vx_store_check(const char *dir, vx_store_report_fn *report, void *ctx,
    uint64_t *problems, struct vx_error *err)
{
	struct vx_guard g = { 0 };
	char path[PATH_MAX], text[VX_GUARD_LINE_MAX];
	int rc;

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return vx_error_set(err, VX_EINVAL, "the path %s is too long", dir);
	rc = vx_guard_run(&g, check_dir, path, report, ctx);
	if (g.crashed) {
		(void)snprintf(text, sizeof(text),
		    "a damaged page crashed the check while it read %s", g.where);
		report(ctx, text);
		g.lines++;
	} else if (rc != VX_OK && g.lines == 0) {
		return vx_error_set(err, rc, "the check of %s could not be made: %s", dir,
		    vx_strerror(rc));
	}
	*problems = g.lines;
	return VX_OK;
}
