/*
 * The mailbox that has all messages of its account (RFC 6154: \All; MB-21).
 *
 * It is a mailbox like others, with records, UIDs and MODSEQs of its own.  Each of its
 * records stands for one of another mailbox, and a link leads from each to the other (`l`
 * pages beside the records).  A change of either is made to both in one transaction: while
 * a box is changed, the box at the other end of its links is open as its partner.  Its
 * records refer to bodies, but do not count in the quota.
 */
#include "store/all.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/box.h"

enum {
	LINKS_HEADER = VX_VALUE_HEADER + 16, /* and a bitmap of the UIDs that have one */
	LINK_OCTETS = 8,
	LINKS_OCTETS_MAX = LINKS_HEADER + VX_PAGE_UIDS * LINK_OCTETS,
	FILL_SLICE = 500, /* records in one transaction */
};

bool vx_box_is_all(const struct vx_box *b)
{
	return (b->h.special_use & VX_USE_ALL) != 0;
}

/* --- links ------------------------------------------------------------------------ */

static void links_key(
    struct vx_key *k, uint32_t account, uint32_t mailbox, uint32_t number)
{
	vx_key_state(k, account, mailbox, VX_KIND_LINKS);
	vx_key_add_u32(k, number);
}

static int links_parse(vx_slice v, struct vx_links *out)
{
	size_t at = LINKS_HEADER;
	const int rc = vx_value_check(v, VX_KIND_LINKS, LINKS_HEADER);

	if (rc != VX_OK)
		return rc;
	for (unsigned i = 0; i < VX_PAGE_UIDS; i++) {
		const uint64_t bits =
		    vx_get_le64(v.ptr + VX_VALUE_HEADER + (size_t)i / 64 * 8);

		if ((bits >> i % 64 & 1) == 0)
			continue;
		if (at + LINK_OCTETS > v.len)
			return VX_ECORRUPT;
		out->to[i].mailbox = vx_get_le32(v.ptr + at);
		out->to[i].uid = vx_get_le32(v.ptr + at + 4);
		at += LINK_OCTETS;
	}
	return at == v.len ? VX_OK : VX_ECORRUPT;
}

int vx_links_read(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox,
    uint32_t number, struct vx_links *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	*out = (struct vx_links){ .number = number };
	links_key(&k, account, mailbox, number);
	rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = links_parse(v, out);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int links_flush(struct vx_box *b)
{
	char v[LINKS_OCTETS_MAX] = { 0 };
	uint64_t bits[2] = { 0, 0 };
	size_t len = LINKS_HEADER;
	struct vx_key k;
	int rc;

	if (!b->have_links || !b->links_dirty)
		return VX_OK;
	b->links_dirty = false;
	for (unsigned i = 0; i < VX_PAGE_UIDS; i++) {
		const struct vx_link *l = &b->links.to[i];

		if (l->mailbox == 0)
			continue;
		bits[i / 64] |= (uint64_t)1 << i % 64;
		vx_put_le32(v + len, l->mailbox);
		vx_put_le32(v + len + 4, l->uid);
		len += LINK_OCTETS;
	}
	links_key(&k, b->account, b->mailbox, b->links.number);
	if (len == LINKS_HEADER) {
		rc = vx_kv_delete(b->txn, VX_TREE_STATE, vx_key_slice(&k));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	vx_put_le64(v + VX_VALUE_HEADER, bits[0]);
	vx_put_le64(v + VX_VALUE_HEADER + 8, bits[1]);
	vx_value_seal(v, len, VX_KIND_LINKS);
	return vx_kv_put(b->txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of(v, len));
}

/* The link of a UID, to be looked at or changed: VX_OK, or below 0. */
static int link_of(struct vx_box *b, uint32_t uid, struct vx_link **out)
{
	const uint32_t number = uid / VX_PAGE_UIDS;
	int rc;

	*out = &b->links.to[uid % VX_PAGE_UIDS];
	if (b->have_links && b->links.number == number)
		return VX_OK;
	rc = links_flush(b);
	if (rc == VX_OK)
		rc = vx_links_read(b->txn, b->account, b->mailbox, number, &b->links);
	b->have_links = rc == VX_OK;
	return rc;
}

static int set_link(struct vx_box *b, uint32_t uid, uint32_t mailbox, uint32_t to)
{
	struct vx_link *l;
	const int rc = link_of(b, uid, &l);

	if (rc != VX_OK)
		return rc;
	*l = (struct vx_link){ mailbox, to };
	b->links_dirty = true;
	return VX_OK;
}

/* --- the partner ------------------------------------------------------------------ */

static int close_partner(struct vx_box *b)
{
	struct vx_box *p = b->partner;
	int rc = VX_OK;

	if (p == NULL)
		return VX_OK;
	if (p->gone_count > 0)
		rc = vx_box_add_vanished(p, p->gone, p->gone_count);
	if (rc == VX_OK)
		rc = links_flush(p);
	if (rc == VX_OK)
		rc = vx_box_flush(p);
	vx_box_done(b);
	return rc;
}

int vx_all_close(struct vx_box *b)
{
	const int rc = close_partner(b);

	return rc == VX_OK ? links_flush(b) : rc;
}

/* The names of a box's keywords, into text that lasts. */
static int names_of(struct vx_box *b, char text[][VX_KEYWORD_OCTETS_MAX],
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

/*
 * Which bits of the partner the keywords of flags are there, made where they are missing;
 * one that there is no room for is left out.
 */
static int match_keywords(struct vx_box *b, struct vx_box *p, uint64_t flags)
{
	char text[VX_KEYWORDS_MAX][VX_KEYWORD_OCTETS_MAX];
	vx_slice names[VX_KEYWORDS_MAX];
	bool known = true;
	size_t count;
	int rc;

	for (unsigned i = 0; i < VX_KEYWORDS_MAX; i++)
		known = known && ((flags >> (VX_KEYWORD_FIRST + i) & 1) == 0 ||
				     p->keyword_to[i] != 0);
	if (known)
		return VX_OK;
	rc = names_of(b, text, names, &count);
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		const struct vx_keyword_list one = { &names[i], 1 };

		if ((flags >> (VX_KEYWORD_FIRST + i) & 1) != 0 && p->keyword_to[i] == 0)
			rc = vx_box_keywords(p, &one, true, &p->keyword_to[i]);
		if (rc == VX_ELIMIT)
			rc = VX_OK;
	}
	return rc;
}

/* The partner's keywords that the box does not have: they stay as they are. */
static int find_kept(struct vx_box *b, struct vx_box *p)
{
	char text[VX_KEYWORDS_MAX][VX_KEYWORD_OCTETS_MAX];
	char its[VX_KEYWORDS_MAX][VX_KEYWORD_OCTETS_MAX];
	vx_slice names[VX_KEYWORDS_MAX], theirs[VX_KEYWORDS_MAX];
	size_t count, their_count;
	int rc;

	if (p->knows_kept)
		return VX_OK;
	p->knows_kept = true;
	rc = names_of(b, text, names, &count);
	if (rc == VX_OK)
		rc = names_of(p, its, theirs, &their_count);
	for (size_t i = 0; rc == VX_OK && i < their_count; i++) {
		size_t k = 0;

		while (k < count && !vx_slice_eq_nocase(theirs[i], names[k]))
			k++;
		if (k == count)
			p->keywords_kept |= (uint64_t)1 << (VX_KEYWORD_FIRST + i);
	}
	return rc;
}

static uint64_t translated(const struct vx_box *p, uint64_t flags)
{
	uint64_t out = flags & VX_FLAG_SYSTEM;

	for (unsigned i = 0; i < VX_KEYWORDS_MAX; i++)
		if ((flags >> (VX_KEYWORD_FIRST + i) & 1) != 0)
			out |= p->keyword_to[i];
	return out;
}

/* Its account's record is the box's own; it may be deleted and not swept yet. */
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
	b->partner = p;
	return vx_head_read(b->txn, b->account, mailbox, &p->h);
}

/* The other record of r, its box open: VX_OK; VX_ENOENT: r has none. */
static int reach(struct vx_box *b, uint32_t uid, struct vx_link *out)
{
	struct vx_link *l;
	int rc;

	if (b->primary != NULL || b->a.all == 0)
		return VX_ENOENT;
	rc = link_of(b, uid, &l);
	if (rc != VX_OK)
		return rc;
	*out = *l;
	/* one of a mailbox that was dropped leads nowhere */
	if (l->mailbox == 0 || (b->mailbox != b->a.all && l->mailbox != b->a.all))
		return VX_ENOENT;
	return open_partner(b, l->mailbox);
}

/* --- changes ---------------------------------------------------------------------- */

int vx_all_append(struct vx_box *b, const struct vx_record *r)
{
	struct vx_record own = *r;
	int rc;

	if (b->primary != NULL || b->a.all == 0 || vx_box_is_all(b))
		return VX_OK;
	rc = open_partner(b, b->a.all);
	if (rc == VX_OK)
		rc = match_keywords(b, b->partner, r->flags);
	if (rc != VX_OK)
		return rc;
	own.flags = translated(b->partner, r->flags);
	rc = vx_box_append(b->partner, &own);
	if (rc == VX_OK)
		rc = set_link(b, r->uid, b->a.all, own.uid);
	if (rc == VX_OK)
		rc = set_link(b->partner, own.uid, b->mailbox, r->uid);
	return rc == VX_OK ? vx_blob_add_reference(b->txn, r->blob, 1) : rc;
}

int vx_all_change(struct vx_box *b, const struct vx_record *r)
{
	struct vx_link l;
	int rc = reach(b, r->uid, &l);

	if (rc == VX_OK)
		rc = match_keywords(b, b->partner, r->flags);
	if (rc == VX_OK)
		rc = find_kept(b, b->partner);
	if (rc == VX_OK)
		rc = vx_box_set_flags(b->partner, l.uid, translated(b->partner, r->flags),
		    b->partner->keywords_kept);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int note_gone(struct vx_box *p, uint32_t uid)
{
	if (p->gone_count > 0 && p->gone[p->gone_count - 1].last == uid - 1) {
		p->gone[p->gone_count - 1].last = uid;
		return VX_OK;
	}
	if (p->gone_count == p->gone_cap) {
		const size_t cap = p->gone_cap == 0 ? 16 : p->gone_cap * 2;
		struct vx_uid_range *grown = vx_realloc(p->gone, cap * sizeof(*grown));

		if (grown == NULL)
			return VX_ENOMEM;
		p->gone = grown;
		p->gone_cap = cap;
	}
	p->gone[p->gone_count++] = (struct vx_uid_range){ uid, uid };
	return VX_OK;
}

int vx_all_remove(struct vx_box *b, const struct vx_record *r)
{
	struct vx_link l;
	int rc = reach(b, r->uid, &l);

	if (rc == VX_OK)
		rc = vx_box_remove(b->partner, l.uid);
	if (rc == VX_OK)
		rc = note_gone(b->partner, l.uid);
	if (rc == VX_OK)
		rc = set_link(b->partner, l.uid, 0, 0);
	if (rc == VX_OK)
		rc = set_link(b, r->uid, 0, 0);
	if (rc == VX_OK)
		rc = vx_blob_drop_reference(b->txn, r->blob, (uint32_t)vx_clock_s());
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* --- making, filling, dropping ---------------------------------------------------- */

struct all_op {
	struct vx_store_op op;
	uint32_t account;
	bool wanted;
	uint32_t from; /* UID in the mailbox that is being filled from */
	bool more;     /* out */
};

/* The next mailbox of the account from number on, by its head; 0: none. */
static uint32_t next_mailbox(struct vx_kv_txn *txn, uint32_t account, uint32_t number)
{
	struct vx_kv_cursor *c;
	struct vx_key k = { .len = 0 };
	vx_slice key, value;
	uint32_t found = 0;

	if (vx_kv_cursor_open(txn, VX_TREE_STATE, &c) != VX_OK)
		return 0;
	vx_key_add_u32(&k, account);
	vx_key_add_u32(&k, number);
	if (vx_kv_seek(c, vx_key_slice(&k), &key, &value) == VX_OK && key.len >= 9 &&
	    vx_get_be32(key.ptr) == account)
		found = vx_get_be32(key.ptr + 4);
	vx_kv_cursor_close(c);
	return found;
}

struct adopt {
	struct vx_box_visit v;
	struct vx_box *b;
	int failed;
};

static enum vx_box_verdict adopt(struct vx_box_visit *v, struct vx_record *r)
{
	struct adopt *a = (struct adopt *)v;
	struct vx_link *l;

	if (a->failed == VX_OK)
		a->failed = link_of(a->b, r->uid, &l);
	if (a->failed == VX_OK && l->mailbox != a->b->a.all)
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
	b->a.modseq = b->modseq;
	return rc == VX_OK ? vx_account_write(txn, account, &b->a) : rc;
}

static int fill(struct all_op *op, struct vx_kv_txn *txn, uint32_t number)
{
	const uint32_t mailbox = next_mailbox(txn, op->account, number);
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
	uint32_t mailbox;
	int rc = vx_account_read(txn, op->account, &a);

	op->more = false;
	if (rc != VX_OK || a.next_mailbox == 0)
		return rc == VX_ENOENT ? VX_OK : rc;
	if (!op->wanted && a.all != 0)
		return vx_all_drop(txn, op->account, a.all);
	if (op->wanted && a.all == 0) {
		rc = vx_all_make(txn, op->account, &mailbox);
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

static void say_taken(struct vx_store *s, uint32_t account)
{
	vx_log(s->o.log, VX_LOG_WARN,
	    "there is a mailbox \"All Mail\" already: it has to be renamed before there can "
	    "be one with all messages",
	    VX_KV_U("account", account));
}

int vx_all_upkeep(struct vx_store *s, bool (*go_on)(struct vx_store *store))
{
	uint32_t account = 1;
	int rc = VX_OK;

	while (rc == VX_OK && go_on(s) && next_due(s, &account) == VX_OK) {
		const bool wanted = s->o.all == VX_STORE_ALL_MAKE;
		struct all_op op = { .op = { .apply = apply_all, .frees = !wanted },
			.account = account,
			.wanted = wanted };

		do
			rc = vx_store_run(s, &op.op);
		while (rc == VX_OK && op.more && go_on(s));
		if (rc == VX_EEXIST)
			say_taken(s, account);
		/* one that is damaged, or has no such name free, is for the next time */
		if (rc == VX_EEXIST || rc == VX_ECORRUPT || rc == VX_ELIMIT)
			rc = VX_OK;
		if (account++ == UINT32_MAX)
			break;
	}
	return rc;
}
