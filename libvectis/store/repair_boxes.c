/* store repair: accounts, mailboxes, records. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/box.h"
#include "store/repair.h"
#include "store/store_int.h"

#include <stdio.h>

/* --- one mailbox
 * ------------------------------------------------------------------------- */

struct box_repair {
	struct repair *r;
	struct vx_box box;
	struct vx_page page;
	uint64_t flags; /* all that occur */
	uint32_t last_uid;
	struct vx_uid_range *lost; /* own */
	size_t lost_count, lost_cap;
	unsigned vanished;
};

static int note_lost(struct box_repair *b, uint32_t uid)
{
	b->r->lost++;
	vx_guard_say(b->r->g, "account %u mailbox %u: the message with UID %u is lost",
	    b->box.account, b->box.mailbox, uid);
	if (b->lost_count == b->lost_cap) {
		const size_t cap = b->lost_cap == 0 ? 64 : b->lost_cap * 2;
		struct vx_uid_range *grown = vx_realloc(b->lost, cap * sizeof(*grown));

		if (grown == NULL)
			return VX_ENOMEM;
		b->lost = grown;
		b->lost_cap = cap;
	}
	b->lost[b->lost_count++] = (struct vx_uid_range){ uid, uid };
	return VX_OK;
}

static int restore_page(struct box_repair *b, bool sure)
{
	int rc = VX_OK;

	for (unsigned i = 0; i < b->page.count && rc == VX_OK; i++) {
		struct vx_record *rec = &b->page.records[i];

		if (rec->uid <= b->last_uid)
			continue; /* only what another checksum would have told */
		b->last_uid = rec->uid;
		if (rec->modseq > b->box.modseq)
			rec->modseq = b->box.modseq;
		rc = vx_repair_believe(b->r, rec->blob, rec->size, sure);
		if (rc == VX_ENOENT) {
			rc = note_lost(b, rec->uid);
			continue;
		}
		if (rc == VX_OK)
			rc = vx_box_restore(&b->box, rec);
		if (rc == VX_OK)
			rc = vx_repair_keep_blob(b->r, rec->blob);
		b->flags |= rec->flags;
	}
	return rc;
}

/* Committed mailbox by mailbox page by page: a large one must fit too. */
static int box_breathe(struct box_repair *b)
{
	int rc;

	if (++b->r->pending < VX_REPAIR_BATCH / 20)
		return VX_OK;
	rc = vx_box_close(&b->box);
	if (rc == VX_OK)
		rc = vx_repair_next_txn(b->r);
	if (rc == VX_OK)
		rc = vx_box_open_any(b->r->out, b->box.account, b->box.mailbox, &b->box);
	return rc;
}

static int restore_pages(struct box_repair *b)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(b->r->in, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&prefix, b->box.account, b->box.mailbox, VX_KIND_PAGE);
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, 4);
	     rc = vx_kv_next(c, &key, &value)) {
		const uint32_t number = vx_get_be32(key.ptr + 9);
		const bool sure = vx_page_parse(value, number, &b->page) == VX_OK;

		if (number > UINT32_MAX / VX_PAGE_UIDS ||
		    (!sure && vx_page_parse_damaged(value, number, &b->page) != VX_OK)) {
			vx_guard_say(b->r->g,
			    "account %u mailbox %u: up to %d messages from UID %u on are "
			    "lost",
			    b->box.account, b->box.mailbox, VX_PAGE_UIDS,
			    number * VX_PAGE_UIDS);
			continue;
		}
		rc = restore_page(b, sure);
		if (rc == VX_OK)
			rc = box_breathe(b);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* Names for the keyword bits in use, when the right ones are lost. */
static int restore_keywords(struct box_repair *b)
{
	char made[VX_KEYWORDS_MAX][16];
	vx_slice names[VX_KEYWORDS_MAX], value;
	struct vx_keyword_list list = { names, 0 };
	size_t count = 0;
	struct vx_key k;
	uint64_t bits;
	int rc;

	vx_key_state(&k, b->box.account, b->box.mailbox, VX_KIND_KEYWORDS);
	rc = vx_kv_get(b->r->in, VX_TREE_STATE, vx_key_slice(&k), &value);
	if (rc == VX_OK)
		rc = vx_keywords_parse(value, names, &count);
	if (rc != VX_OK)
		count = 0;
	for (; count < VX_KEYWORDS_MAX && b->flags >> (VX_KEYWORD_FIRST + count) != 0;
	     count++) {
		(void)snprintf(made[count], sizeof(made[count]), "recovered%zu", count);
		names[count] = vx_slice_str(made[count]);
	}
	list.count = count;
	return vx_box_keywords(&b->box, &list, true, &bits);
}

/* What the mailbox has beside its records: the expunge history, later kinds. */
static int restore_rest(struct box_repair *b)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(b->r->in, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&prefix, b->box.account, b->box.mailbox, VX_KIND_HEAD);
	prefix.len = 8;
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && key.len >= 9 &&
	     vx_slice_has_prefix(key, vx_key_slice(&prefix));
	     rc = vx_kv_next(c, &key, &value)) {
		const char kind = key.ptr[8];

		if (kind == VX_KIND_HEAD || kind == VX_KIND_KEYWORDS ||
		    kind == VX_KIND_BLOCK || kind == VX_KIND_PAGE ||
		    kind == VX_KIND_LINKS ||
		    vx_value_check(value, kind, VX_VALUE_HEADER) != VX_OK)
			continue;
		rc = vx_kv_put(b->r->out, VX_TREE_STATE, key, value);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int restore_box(struct box_repair *b, const struct vx_head *h)
{
	int rc = restore_pages(b);

	if (rc == VX_OK)
		rc = restore_keywords(b);
	if (rc == VX_OK)
		rc = restore_rest(b);
	if (rc == VX_OK && b->lost_count > 0)
		rc = vx_box_add_vanished(&b->box, b->lost, b->lost_count);
	if (b->box.h.s.uidnext < h->s.uidnext)
		b->box.h.s.uidnext = h->s.uidnext;
	return rc == VX_OK ? vx_box_close(&b->box) : rc;
}

/* --- one account
 * ------------------------------------------------------------------------- */

#define INBOX_ID 1 /* where mail is delivered to */

/* A name that is not taken: the one wanted, else "recovered-NUMBER". */
static int choose_name(
    struct repair *r, uint32_t account, uint32_t mailbox, struct vx_head *h)
{
	struct vx_name n = { 0 };
	int rc = VX_ENOENT;

	if (h->name_len > 0)
		rc = vx_name_read(r->out, account, vx_slice_of(h->name, h->name_len), &n);
	if (h->name_len > 0 &&
	    (rc == VX_ENOENT || n.mailbox == 0 || n.mailbox == mailbox))
		return VX_OK;
	h->name_len = (uint16_t)snprintf(h->name, sizeof(h->name),
	    mailbox == INBOX_ID ? "INBOX" : "recovered-%u", mailbox);
	vx_guard_say(r->g, "account %u mailbox %u: its name is lost: it is called %s now",
	    account, mailbox, h->name);
	return VX_OK;
}

/* The name that leads to the mailbox, into h; false: none does. */
static bool find_name(
    struct repair *r, uint32_t account, uint32_t mailbox, struct vx_head *h)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	struct vx_name n;
	vx_slice key, value;
	bool found = false;
	int rc;

	if (vx_kv_cursor_open(r->in, VX_TREE_STATE, &c) != VX_OK)
		return false;
	vx_key_state(&prefix, account, 0, VX_KIND_NAME);
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && !found && vx_slice_has_prefix(key, vx_key_slice(&prefix));
	     rc = vx_kv_next(c, &key, &value)) {
		const vx_slice name = vx_slice_from(key, prefix.len);

		found = vx_name_parse(value, &n) == VX_OK && n.mailbox == mailbox &&
			name.len <= sizeof(h->name);
		if (found) {
			h->name_len = (uint16_t)name.len;
			memcpy(h->name, name.ptr, name.len);
		}
	}
	vx_kv_cursor_close(c);
	return found;
}

/* The head as it was, or a new one with a new UIDVALIDITY, with nothing counted yet. */
static int make_head(struct repair *r, struct vx_account_record *a, uint32_t account,
    uint32_t mailbox, struct vx_head *h)
{
	const uint32_t now = (uint32_t)vx_clock_s();
	struct vx_name n = { .mailbox = mailbox, .subscribed = true }, old;
	struct vx_key mark;
	int rc = vx_head_read(r->in, account, mailbox, h);

	if (rc != VX_OK) {
		*h = (struct vx_head){ 0 };
		a->last_uidvalidity =
		    a->last_uidvalidity < now ? now : a->last_uidvalidity + 1;
		h->s.uidvalidity = a->last_uidvalidity;
		h->s.uidnext = 1;
		h->s.expunge_floor = a->modseq + 1;
		vx_guard_say(r->g,
		    "account %u mailbox %u: its head was damaged: clients will fetch it "
		    "anew",
		    account, mailbox);
		if (!find_name(r, account, mailbox, h) && a->next_mailbox != 0)
			(void)choose_name(r, account, mailbox, h);
	}
	if (h->s.uidvalidity > a->last_uidvalidity)
		a->last_uidvalidity = h->s.uidvalidity;
	if (h->s.highestmodseq > a->modseq)
		a->modseq = h->s.highestmodseq;
	rc = VX_OK;
	if (h->name_len > 0) {
		rc = choose_name(r, account, mailbox, h);
		if (vx_name_read(
			r->in, account, vx_slice_of(h->name, h->name_len), &old) == VX_OK)
			n.subscribed = old.subscribed;
		if (rc == VX_OK)
			rc = vx_name_write(
			    r->out, account, vx_slice_of(h->name, h->name_len), &n);
	} else {
		vx_key_state(&mark, 0, 0, VX_KIND_SWEEP);
		vx_key_add_u32(&mark, account);
		vx_key_add_u32(&mark, mailbox);
		rc = vx_kv_put(
		    r->out, VX_TREE_STATE, vx_key_slice(&mark), vx_slice_of("", 0));
	}
	return rc;
}

static int repair_mailbox(
    struct repair *r, struct vx_account_record *a, uint32_t account, uint32_t mailbox)
{
	struct box_repair *b = vx_alloc(sizeof(*b));
	struct vx_head h, empty;
	int rc = b == NULL ? VX_ENOMEM : make_head(r, a, account, mailbox, &h);

	if (rc != VX_OK) {
		vx_free(b);
		return rc;
	}
	vx_guard_at(r->g, "account %u mailbox %u", account, mailbox);
	empty = h;
	empty.s.messages = empty.s.unseen = empty.s.deleted = 0;
	empty.s.size = 0;
	empty.s.uidnext = 1;
	rc = vx_account_write(r->out, account, a);
	if (rc == VX_OK)
		rc = vx_head_write(r->out, account, mailbox, &empty);
	b->r = r;
	if (rc == VX_OK)
		rc = vx_box_open_any(r->out, account, mailbox, &b->box);
	if (rc == VX_OK)
		rc = restore_box(b, &h);
	if (rc == VX_OK)
		*a = b->box.a;
	vx_free(b->lost);
	vx_free(b);
	return rc == VX_OK ? vx_repair_breathe(r) : rc;
}

/* Names that were only subscribed to. */
static int restore_subscription(struct repair *r, vx_slice key, vx_slice value)
{
	struct vx_name n, there;
	const vx_slice name = vx_slice_from(key, 9);
	const uint32_t account = vx_get_be32(key.ptr);

	if (vx_name_parse(value, &n) != VX_OK || !n.subscribed || n.mailbox != 0 ||
	    vx_name_read(r->out, account, name, &there) == VX_OK)
		return VX_OK;
	return vx_repair_put(r, VX_TREE_STATE, key, value);
}

/* What else hangs on the account: mailboxes shared to it, its METADATA. */
static int restore_kind(struct repair *r, vx_slice key, vx_slice value)
{
	const char kind = key.len >= 9 ? key.ptr[8] : VX_KIND_NAME;

	if (kind == VX_KIND_ACCOUNT || kind == VX_KIND_NAME ||
	    (kind != VX_KIND_SHARED &&
		vx_value_check(value, kind, VX_VALUE_HEADER) != VX_OK))
		return VX_OK;
	return vx_repair_put(r, VX_TREE_STATE, key, value);
}

static bool is_all(struct repair *r, uint32_t account, uint32_t mailbox)
{
	struct vx_head h;

	return vx_head_read(r->in, account, mailbox, &h) == VX_OK &&
	       (h.special_use & VX_USE_ALL) != 0;
}

static int repair_account(struct repair *r, uint32_t account)
{
	struct vx_account_record a;
	struct vx_key prefix;
	uint64_t metadata = 0;
	uint32_t last = 0;
	int rc = vx_account_read(r->in, account, &a);

	if (rc != VX_OK) {
		a = (struct vx_account_record){ .next_mailbox = 1 };
		vx_guard_say(r->g,
		    "account %u: its record was damaged: its quota has to be set again",
		    account);
	}
	a.used_octets = a.used_messages = 0;
	a.all = a.fill = 0; /* it is made anew from the others */
	a.metadata = 0;
	(void)vx_metadata_sum_server(r->out, account, &metadata);
	rc = vx_account_write(r->out, account, &a);
	/* Without an INBOX nothing could be delivered. */
	if (rc == VX_OK && a.next_mailbox != 0 &&
	    vx_mailbox_from(r->in, account, INBOX_ID) != INBOX_ID)
		rc = repair_mailbox(r, &a, account, last = INBOX_ID);
	for (uint32_t m = vx_mailbox_from(r->in, account, 1); m != 0 && rc == VX_OK;
	     m = m == UINT32_MAX ? 0 : vx_mailbox_from(r->in, account, m + 1)) {
		last = m;
		if (!is_all(r, account, m))
			rc = repair_mailbox(r, &a, account, m);
		if (rc == VX_OK)
			rc = vx_metadata_sum(r->out, account, m, &metadata);
	}
	a.metadata = metadata;
	if (a.next_mailbox != 0 && a.next_mailbox <= last)
		a.next_mailbox = last + 1;
	if (rc == VX_OK)
		rc = vx_account_write(r->out, account, &a);
	vx_key_state(&prefix, account, 0, VX_KIND_NAME);
	r->last_account = account;
	if (rc == VX_OK)
		rc = vx_repair_each(r, VX_TREE_STATE, &prefix, restore_subscription);
	prefix.len = 8;
	return rc == VX_OK ? vx_repair_each(r, VX_TREE_STATE, &prefix, restore_kind) : rc;
}

int vx_repair_accounts(struct repair *r)
{
	struct vx_kv_cursor *c;
	struct vx_key k;
	vx_slice key, value;
	int rc;

	/* Shared to everybody: the grantee is account 0. */
	vx_key_state(&k, 0, 0, VX_KIND_SHARED);
	rc = vx_repair_each(r, VX_TREE_STATE, &k, restore_kind);
	/* and the annotations of the server */
	vx_key_state(&k, 0, 0, VX_KIND_METADATA);
	if (rc == VX_OK)
		rc = vx_repair_each(r, VX_TREE_STATE, &k, restore_kind);
	if (rc == VX_OK)
		rc = vx_kv_cursor_open(r->in, VX_TREE_STATE, &c);
	if (rc != VX_OK)
		return rc;
	k.len = 0;
	vx_key_add_u32(&k, 1);
	for (rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	     rc == VX_OK && key.len >= 9;
	     rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value)) {
		const uint32_t account = vx_get_be32(key.ptr);

		rc = repair_account(r, account);
		if (rc != VX_OK || account == UINT32_MAX)
			break;
		k.len = 0;
		vx_key_add_u32(&k, account + 1);
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}
