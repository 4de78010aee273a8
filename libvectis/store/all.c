/*
 * The mailbox that has all messages of its account (RFC 6154: \All; MB-21).
 *
 * It is a mailbox like others, with records, UIDs and MODSEQs of its own.  Each of its
 * records stands for one of another mailbox, and a link leads from each to the other (`l`
 * pages beside the records).  A change of either is made to both in one transaction: the
 * box at the other end of a link is opened as the partner of the one that is changed.
 * What is appended is at once; changes wait until the box is closed, so that each mailbox
 * that they concern is opened once.  Its records refer to bodies, but do not count in the
 * quota.
 */
#include "store/all.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/box.h"

#include <stdlib.h>

enum {
	FILL_SLICE = 500, /* records in one transaction */
};

bool vx_box_is_all(const struct vx_box *b)
{
	return (b->h.special_use & VX_USE_ALL) != 0;
}

/* --- links ------------------------------------------------------------------------ */

struct vx_link vx_link_of(const struct vx_side *links, uint32_t uid)
{
	const uint64_t n =
	    vx_side_has(links, uid) ? links->values[uid % VX_PAGE_UIDS] : 0;

	return (struct vx_link){ (uint32_t)n, (uint32_t)(n >> 32) };
}

static int load_links(struct vx_box *b, uint32_t uid)
{
	return vx_side_load(b, VX_KIND_LINKS, &b->links, uid / VX_PAGE_UIDS);
}

static int set_link(struct vx_box *b, uint32_t uid, struct vx_link to)
{
	const int rc = load_links(b, uid);

	if (rc == VX_OK)
		vx_side_set(&b->links, uid, (uint64_t)to.uid << 32 | to.mailbox);
	return rc;
}

static int clear_link(struct vx_box *b, uint32_t uid)
{
	const int rc = load_links(b, uid);

	if (rc == VX_OK)
		vx_side_clear(&b->links, uid);
	return rc;
}

/* --- the partner ------------------------------------------------------------------ */

static int close_partner(struct vx_box *b)
{
	const int rc = b->partner == NULL ? VX_OK : vx_box_flush(b->partner);

	vx_free(b->partner);
	b->partner = NULL;
	return rc;
}

/*
 * Its account's record is the box's own.  It may be deleted and not swept yet; VX_ENOENT:
 * it is no more.
 */
static int open_partner(struct vx_box *b, uint32_t mailbox)
{
	struct vx_box *p = b->partner;
	int rc;

	if (p != NULL && p->mailbox == mailbox)
		return VX_OK;
	rc = close_partner(b);
	p = rc == VX_OK ? vx_box_new() : NULL;
	if (p == NULL)
		return rc == VX_OK ? VX_ENOMEM : rc;
	*p = (struct vx_box){ .txn = b->txn,
		.account = b->account,
		.mailbox = mailbox,
		.modseq = b->modseq,
		.primary = b };
	rc = vx_head_read(b->txn, b->account, mailbox, &p->h);
	if (rc != VX_OK)
		vx_free(p);
	else
		b->partner = p;
	return rc;
}

/* --- what is appended --------------------------------------------------------------- */

int vx_all_append(struct vx_box *b, const struct vx_record *r)
{
	struct vx_record own = *r;
	struct vx_box *p;
	int rc;

	if (b->primary != NULL || b->a.all == 0 || vx_box_is_all(b))
		return VX_OK;
	rc = open_partner(b, b->a.all);
	p = b->partner;
	if (rc == VX_OK)
		rc = vx_box_map_keywords(b, p, r->flags, &p->keywords);
	if (rc != VX_OK)
		return rc;
	own.flags = vx_keywords_mapped(&p->keywords, r->flags);
	rc = vx_box_append(p, &own);
	if (rc == VX_OK)
		rc = set_link(b, r->uid, (struct vx_link){ p->mailbox, own.uid });
	if (rc == VX_OK)
		rc = set_link(p, own.uid, (struct vx_link){ b->mailbox, r->uid });
	return rc == VX_OK ? vx_blob_add_reference(b->txn, r->blob, 1) : rc;
}

/* --- what is changed and removed ---------------------------------------------------- */

/* Note for the closing what becomes of the other record of a UID, if it has one. */
static int note(struct vx_box *b, uint32_t uid, bool gone, uint64_t value)
{
	struct vx_link l;
	int rc;

	if (b->primary != NULL || b->a.all == 0)
		return VX_OK;
	rc = load_links(b, uid);
	if (rc != VX_OK)
		return rc;
	l = vx_link_of(&b->links, uid);
	/* one of a mailbox that was dropped leads nowhere */
	if (l.mailbox == 0 || (b->mailbox != b->a.all && l.mailbox != b->a.all))
		return VX_OK;
	if (b->linked_count == b->linked_cap) {
		const size_t cap = b->linked_cap == 0 ? 16 : b->linked_cap * 2;
		struct vx_linked *grown = vx_realloc(b->linked, cap * sizeof(*grown));

		if (grown == NULL)
			return VX_ENOMEM;
		b->linked = grown;
		b->linked_cap = cap;
	}
	b->linked[b->linked_count++] = (struct vx_linked){ l.mailbox, l.uid, gone, value };
	return gone ? clear_link(b, uid) : VX_OK;
}

int vx_all_change(struct vx_box *b, const struct vx_record *r)
{
	return note(b, r->uid, false, r->flags);
}

int vx_all_remove(struct vx_box *b, const struct vx_record *r)
{
	return note(b, r->uid, true, r->blob);
}

/* The partner's keywords that the box has not: they stay as they are. */
static int kept_keywords(struct vx_box *b, struct vx_box *p, uint64_t *kept)
{
	char text[VX_KEYWORDS_MAX][VX_KEYWORD_OCTETS_MAX];
	vx_slice names[VX_KEYWORDS_MAX];
	struct vx_keyword_list all = { names, 0 };
	uint64_t shared = 0;
	int rc = vx_box_keyword_names(b, text, names, &all.count);

	if (rc == VX_OK)
		rc = vx_box_keywords(p, &all, false, &shared);
	*kept = ~(shared | VX_FLAG_SYSTEM);
	return rc;
}

static int remove_one(struct vx_box *p, const struct vx_linked *l)
{
	int rc = vx_box_remove(p, l->uid);

	if (rc == VX_OK)
		rc = clear_link(p, l->uid);
	return rc == VX_OK ? vx_blob_drop_reference(
				 p->txn, l->value, (uint32_t)vx_clock_s())
			   : rc;
}

static int change_one(
    struct vx_box *b, struct vx_box *p, const struct vx_linked *l, uint64_t kept)
{
	int rc = vx_box_map_keywords(b, p, l->value, &p->keywords);

	if (rc == VX_OK)
		rc = vx_box_set_flags(
		    p, l->uid, vx_keywords_mapped(&p->keywords, l->value), kept);
	return rc;
}

/* Changes of one mailbox's records, by UID; gone has room for all. */
static int follow(struct vx_box *b, const struct vx_linked *l, size_t count,
    struct vx_uid_range *gone)
{
	size_t gone_count = 0;
	uint64_t kept;
	int rc = open_partner(b, l->mailbox);

	if (rc != VX_OK)
		return rc == VX_ENOENT ? VX_OK : rc;
	rc = kept_keywords(b, b->partner, &kept);
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		rc = l[i].gone ? remove_one(b->partner, &l[i])
			       : change_one(b, b->partner, &l[i], kept);
		if (rc == VX_OK && l[i].gone)
			vx_ranges_add(gone, &gone_count, l[i].uid);
		if (rc == VX_ENOENT)
			rc = VX_OK;
	}
	return rc == VX_OK && gone_count > 0
		   ? vx_box_add_vanished(b->partner, gone, gone_count)
		   : rc;
}

static int by_place(const void *a, const void *b)
{
	const struct vx_linked *x = a, *y = b;

	if (x->mailbox != y->mailbox)
		return x->mailbox < y->mailbox ? -1 : 1;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int follow_all(struct vx_box *b)
{
	struct vx_linked *l = b->linked, *end;
	struct vx_uid_range *gone;
	int rc = VX_OK;

	if (l == NULL)
		return VX_OK;
	end = l + b->linked_count;
	gone = vx_alloc_array(b->linked_count, sizeof(*gone));
	if (gone == NULL)
		return VX_ENOMEM;
	qsort(l, b->linked_count, sizeof(*l), by_place);
	while (l < end && rc == VX_OK) {
		struct vx_linked *next = l;

		while (next < end && next->mailbox == l->mailbox)
			next++;
		rc = follow(b, l, (size_t)(next - l), gone);
		l = next;
	}
	vx_free(gone);
	b->linked_count = 0;
	return rc;
}

int vx_all_close(struct vx_box *b)
{
	const int rc = follow_all(b);

	return rc == VX_OK ? close_partner(b) : rc;
}

/* --- making, filling, dropping ---------------------------------------------------- */

struct all_op {
	struct vx_store_op op;
	uint32_t account;
	bool wanted;
	uint32_t from; /* UID in the mailbox that is being filled from */
	bool more;     /* out */
};

struct adopt {
	struct vx_box_visit v;
	struct vx_box *b;
	int failed;
};

static enum vx_box_verdict adopt(struct vx_box_visit *v, struct vx_record *r)
{
	struct adopt *a = (struct adopt *)v;

	if (a->failed == VX_OK)
		a->failed = load_links(a->b, r->uid);
	if (a->failed == VX_OK &&
	    vx_link_of(&a->b->links, r->uid).mailbox != a->b->a.all)
		a->failed = vx_all_append(a->b, r);
	return VX_BOX_KEPT;
}

/* A slice of mailbox: what has no link yet; *from is 0 at its end. */
static int fill_from(struct vx_kv_txn *txn, struct vx_box *b, uint32_t account,
    uint32_t mailbox, uint32_t *from)
{
	struct adopt a = { .v = { .limit = FILL_SLICE, .visit = adopt }, .b = b };
	int rc = vx_box_open(txn, account, mailbox, b);

	if (rc == VX_ENOENT || (rc == VX_OK && vx_box_is_all(b))) {
		*from = 0;
		return VX_OK;
	}
	if (rc == VX_OK)
		rc = vx_box_visit(b, &a.v, from);
	if (rc == VX_OK)
		rc = a.failed;
	if (rc == VX_OK)
		rc = vx_all_close(b);
	if (rc == VX_OK)
		rc = vx_side_flush(b, VX_KIND_LINKS, &b->links);
	b->a.modseq = b->modseq;
	return rc == VX_OK ? vx_account_write(txn, account, &b->a) : rc;
}

static int fill(struct all_op *op, struct vx_kv_txn *txn, uint32_t number)
{
	const uint32_t mailbox = vx_mailbox_from(txn, op->account, number);
	struct vx_account_record a;
	struct vx_box *b = vx_box_new();
	int rc = b == NULL ? VX_ENOMEM : VX_OK;

	if (rc == VX_OK && mailbox != 0)
		rc = fill_from(txn, b, op->account, mailbox, &op->from);
	vx_box_free(b);
	if (rc == VX_OK)
		rc = vx_account_read(txn, op->account, &a);
	if (rc != VX_OK)
		return rc;
	op->more = mailbox != 0;
	if (op->from == 0)
		a.fill = mailbox == 0 || mailbox == UINT32_MAX ? 0 : mailbox + 1;
	return vx_account_write(txn, op->account, &a);
}

static int apply_all(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct all_op *op = (struct all_op *)base;
	struct vx_account_record a;
	int rc = vx_account_read(txn, op->account, &a);

	op->more = false;
	if (rc != VX_OK || a.next_mailbox == 0)
		return rc == VX_ENOENT ? VX_OK : rc;
	if (!op->wanted && a.all != 0)
		return vx_all_drop(txn, op->account, a.all);
	if (op->wanted && a.all == 0) {
		rc = vx_all_make(txn, op->account, 1);
		op->more = rc == VX_OK;
		return rc;
	}
	return op->wanted && a.fill != 0 ? fill(op, txn, a.fill) : VX_OK;
}

/* Is there something to be done for it?  Mostly not, and no commit is made. */
static bool is_due(const struct vx_account_record *a, bool wanted)
{
	return a->next_mailbox != 0 && (wanted ? a->all == 0 || a->fill != 0 : a->all != 0);
}

/* The first account from *account on for which something is due.  VX_ENOENT: none. */
static int next_due(struct vx_store *s, uint32_t *account)
{
	struct vx_account_record a;
	struct vx_kv_cursor *c;
	struct vx_kv_txn *txn;
	struct vx_key k;
	vx_slice key, value;
	int rc = vx_kv_begin(s->state, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);
	while (rc == VX_OK) {
		k.len = 0;
		vx_key_add_u32(&k, *account);
		rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
		if (rc == VX_OK && key.len < 4)
			rc = VX_ENOENT;
		if (rc != VX_OK)
			break;
		*account = vx_get_be32(key.ptr);
		if (vx_account_read(txn, *account, &a) == VX_OK &&
		    is_due(&a, s->o.all == VX_STORE_ALL_MAKE))
			break;
		if (*account == UINT32_MAX)
			rc = VX_ENOENT;
		(*account)++;
	}
	vx_kv_cursor_close(c);
	vx_kv_abort(txn);
	return rc;
}

/* New accounts get one, or not, when they are made. */
static int apply_new(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct all_op *op = (const struct all_op *)base;

	return vx_meta_set(txn, VX_ALL_META, op->wanted);
}

static int tell_new(struct vx_store *s, bool wanted)
{
	struct all_op op = { .op = { .apply = apply_new, .frees = true },
		.wanted = wanted };
	struct vx_kv_txn *txn;
	uint64_t told = 0;
	int rc = vx_kv_begin(s->state, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_meta_get(txn, VX_ALL_META, &told);
	vx_kv_abort(txn);
	if ((rc == VX_OK || rc == VX_ENOENT) && (told != 0) == wanted)
		return VX_OK;
	return vx_store_run(s, &op.op);
}

static void say_left_out(struct vx_store *s, uint32_t account, int why)
{
	vx_log(s->o.log, VX_LOG_WARN,
	    why == VX_EEXIST
		? "there is a mailbox \"All Mail\" already: rename it, and start imapd "
		  "again, to have one with all messages"
		: "there cannot be a mailbox with all messages",
	    VX_KV_U("account", account), VX_KV_Z("reason", vx_strerror(why)));
}

int vx_all_upkeep(struct vx_store *s, bool (*go_on)(struct vx_store *store))
{
	const bool wanted = s->o.all == VX_STORE_ALL_MAKE;
	uint32_t account = 1;
	int rc = tell_new(s, wanted);

	while (rc == VX_OK && go_on(s) && (rc = next_due(s, &account)) == VX_OK) {
		struct all_op op = { .op = { .apply = apply_all, .frees = !wanted },
			.account = account,
			.wanted = wanted };

		do
			rc = vx_store_run(s, &op.op);
		while (rc == VX_OK && op.more && go_on(s));
		if (rc == VX_EEXIST || rc == VX_ECORRUPT || rc == VX_ELIMIT) {
			say_left_out(s, account, rc);
			rc = VX_OK;
		}
		if (account++ == UINT32_MAX)
			break;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}
