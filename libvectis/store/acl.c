/*
 * Access control lists: `L` beside the mailbox, and `R` beside the grantee, so that what
 * is shared to an account is a range of its own keys (STORE.md 4).
 */
#include "vectis/acl.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "store/box.h"
#include "store/store_int.h"

enum {
	ENTRY_OCTETS = VX_VALUE_HEADER + 4,
	ENTRY_REST = 5,  /* of a key: grantee u32 | negative u8 */
	SHARED_REST = 8, /* of a key: owner u32 | mailbox u32 */
};

static const char letters[] = "lrswipkxtea";

int vx_rights_parse(vx_slice text, unsigned *out)
{
	unsigned rights = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char c = text.ptr[i];
		const char *at = c == '\0' ? NULL : strchr(letters, c);

		if (at != NULL)
			rights |= 1u << (at - letters);
		else if (c == 'c')
			rights |= VX_RIGHT_CREATE | VX_RIGHT_DELETE;
		else if (c == 'd')
			rights |= VX_RIGHT_DELETED | VX_RIGHT_EXPUNGE;
		else
			return VX_EINVAL;
	}
	*out = rights;
	return VX_OK;
}

size_t vx_rights_write(unsigned rights, char out[VX_RIGHTS_TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(letters) - 1; i++)
		if ((rights >> i & 1) != 0)
			out[n++] = letters[i];
	return n;
}

/* --- keys --------------------------------------------------------------------------- */

static void entry_key(
    struct vx_key *k, uint32_t owner, uint32_t mailbox, uint32_t grantee, bool negative)
{
	vx_key_state(k, owner, mailbox, VX_KIND_ACL);
	vx_key_add_u32(k, grantee);
	vx_key_add(k, negative ? vx_slice_of("\1", 1) : vx_slice_of("\0", 1));
}

static void shared_key(
    struct vx_key *k, uint32_t grantee, uint32_t owner, uint32_t mailbox)
{
	vx_key_state(k, grantee, 0, VX_KIND_SHARED);
	vx_key_add_u32(k, owner);
	vx_key_add_u32(k, mailbox);
}

static int entry_parse(vx_slice value, unsigned *rights)
{
	const int rc = vx_value_check(value, VX_KIND_ACL, ENTRY_OCTETS);

	if (rc == VX_OK)
		*rights = vx_get_le32(value.ptr + VX_VALUE_HEADER) & VX_RIGHTS_ALL;
	return rc;
}

/* The rights of an entry, 0 without one. */
static int entry_read(struct vx_kv_txn *txn, uint32_t owner, uint32_t mailbox,
    uint32_t grantee, bool negative, unsigned *rights)
{
	struct vx_key k;
	vx_slice value;
	int rc;

	*rights = 0;
	entry_key(&k, owner, mailbox, grantee, negative);
	rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &value);
	if (rc == VX_ENOENT)
		return VX_OK;
	return rc == VX_OK ? entry_parse(value, rights) : rc;
}

static int entry_write(
    struct vx_kv_txn *txn, uint32_t owner, uint32_t mailbox, const struct vx_acl_entry *e)
{
	char v[ENTRY_OCTETS] = { 0 };
	struct vx_key entry, shared;
	int rc;

	entry_key(&entry, owner, mailbox, e->grantee, e->negative);
	shared_key(&shared, e->grantee, owner, mailbox);
	if (e->rights == 0) {
		rc = vx_kv_delete(txn, VX_TREE_STATE, vx_key_slice(&entry));
		if ((rc == VX_OK || rc == VX_ENOENT) && !e->negative)
			rc = vx_kv_delete(txn, VX_TREE_STATE, vx_key_slice(&shared));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	vx_put_le32(v + VX_VALUE_HEADER, e->rights);
	vx_value_seal(v, sizeof(v), VX_KIND_ACL);
	rc = vx_kv_put(
	    txn, VX_TREE_STATE, vx_key_slice(&entry), vx_slice_of(v, sizeof(v)));
	if (rc == VX_OK && !e->negative)
		rc = vx_kv_put(
		    txn, VX_TREE_STATE, vx_key_slice(&shared), vx_slice_of("", 0));
	return rc;
}

/* --- reading ------------------------------------------------------------------------ */

int vx_acl_rights(
    struct vx_view *v, uint32_t owner, uint32_t mailbox, uint32_t who, unsigned *out)
{
	const uint32_t names[2] = { VX_ACL_ANYONE, who };
	unsigned granted = 0, taken = 0;
	struct vx_head h;
	int rc = vx_head_read(v->txn, owner, mailbox, &h);

	if (rc == VX_OK && h.name_len == 0)
		rc = VX_ENOENT;
	if (rc == VX_ENOENT || (rc == VX_OK && owner == who)) {
		*out = rc == VX_OK ? VX_RIGHTS_ALL : 0;
		if (rc == VX_OK && (h.special_use & VX_USE_ALL) != 0) /* it is the server's */
			*out &= ~(unsigned)(
			    VX_RIGHT_INSERT | VX_RIGHT_DELETE | VX_RIGHT_ADMIN);
		return VX_OK;
	}
	for (int i = 0; i < 2 && rc == VX_OK; i++) {
		unsigned rights;

		rc = entry_read(v->txn, owner, mailbox, names[i], false, &rights);
		granted |= rights;
		if (rc == VX_OK)
			rc = entry_read(v->txn, owner, mailbox, names[i], true, &rights);
		taken |= rights;
	}
	if (rc == VX_OK)
		*out = granted & ~taken;
	return rc;
}

/* Calls each for every entry until it returns other than VX_OK. */
static int walk_entries(struct vx_kv_txn *txn, uint32_t owner, uint32_t mailbox,
    int (*each)(void *ctx, const struct vx_acl_entry *e), void *ctx)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&prefix, owner, mailbox, VX_KIND_ACL);
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_key_is(key, &prefix, ENTRY_REST);
	     rc = vx_kv_next(c, &key, &value)) {
		struct vx_acl_entry e = { .grantee = vx_get_be32(key.ptr + prefix.len),
			.negative = key.ptr[prefix.len + 4] != 0 };

		rc = entry_parse(value, &e.rights);
		if (rc == VX_OK)
			rc = each(ctx, &e);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

struct list {
	struct vx_acl_entry *entries;
	size_t count;
};

static int add_to_list(void *ctx, const struct vx_acl_entry *e)
{
	struct list *l = ctx;

	if (l->count == VX_ACL_ENTRIES_MAX)
		return VX_ELIMIT;
	l->entries[l->count++] = *e;
	return VX_OK;
}

int vx_acl_list(struct vx_view *v, uint32_t owner, uint32_t mailbox,
    struct vx_arena *arena, struct vx_acl_entry **out, size_t *count)
{
	struct list l = { .entries =
			      vx_arena_array(arena, VX_ACL_ENTRIES_MAX, sizeof(**out)) };
	int rc;

	if (l.entries == NULL)
		return VX_ENOMEM;
	rc = walk_entries(v->txn, owner, mailbox, add_to_list, &l);
	if (rc != VX_OK)
		return rc;
	*out = l.entries;
	*count = l.count;
	return VX_OK;
}

/* The first mailbox after `after` that is shared to exactly this grantee. */
static int shared_after(struct vx_kv_txn *txn, uint32_t grantee,
    const struct vx_shared *after, struct vx_shared *out)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix, k;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&prefix, grantee, 0, VX_KIND_SHARED);
	shared_key(&k, grantee, after->owner, after->mailbox);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && vx_slice_eq(key, vx_key_slice(&k)))
		rc = vx_kv_next(c, &key, &value);
	if (rc == VX_OK && !vx_key_is(key, &prefix, SHARED_REST))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		*out = (struct vx_shared){ vx_get_be32(key.ptr + prefix.len),
			vx_get_be32(key.ptr + prefix.len + 4) };
	vx_kv_cursor_close(c);
	return rc;
}

static bool before(const struct vx_shared *a, const struct vx_shared *b)
{
	return a->owner < b->owner || (a->owner == b->owner && a->mailbox < b->mailbox);
}

int vx_shared_next(
    struct vx_view *v, uint32_t who, const struct vx_shared *after, struct vx_shared *out)
{
	struct vx_shared at = *after, own, anyone;

	do {
		const int a = shared_after(v->txn, who, &at, &own);
		const int b = shared_after(v->txn, VX_ACL_ANYONE, &at, &anyone);

		if (a != VX_OK && b != VX_OK)
			return a != VX_ENOENT ? a : b;
		at = b != VX_OK || (a == VX_OK && before(&own, &anyone)) ? own : anyone;
	} while (at.owner == who); /* one's own mailbox, shared to anyone */
	*out = at;
	return VX_OK;
}

/* --- changing ----------------------------------------------------------------------- */

static int count_entry(void *ctx, const struct vx_acl_entry *e)
{
	(void)e;
	return ++*(size_t *)ctx < VX_ACL_ENTRIES_MAX ? VX_OK : VX_ELIMIT;
}

static unsigned changed_rights(const struct vx_acl_op *op, unsigned have)
{
	switch (op->change) {
	case VX_ACL_REPLACE:
		return op->rights & VX_RIGHTS_ALL;
	case VX_ACL_ADD:
		return have | (op->rights & VX_RIGHTS_ALL);
	case VX_ACL_REMOVE:
		return have & ~op->rights;
	}
	return have;
}

static int apply_acl(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_acl_op *op = (struct vx_acl_op *)base;
	struct vx_acl_entry e = { .grantee = op->grantee, .negative = op->negative };
	struct vx_account_record a;
	struct vx_head h;
	size_t entries = 0;
	int rc = vx_head_read(txn, op->owner, op->mailbox, &h);

	if (rc == VX_OK && h.name_len == 0)
		rc = VX_ENOENT;
	if (rc == VX_OK &&
	    (op->grantee == op->owner || (h.special_use & VX_USE_ALL) != 0))
		rc = VX_EPERM;
	if (rc == VX_OK && op->grantee != VX_ACL_ANYONE &&
	    vx_account_read(txn, op->grantee, &a) != VX_OK)
		rc = VX_EINVAL;
	if (rc == VX_OK)
		rc = entry_read(
		    txn, op->owner, op->mailbox, e.grantee, e.negative, &e.rights);
	if (rc == VX_OK && e.rights == 0)
		rc = walk_entries(txn, op->owner, op->mailbox, count_entry, &entries);
	e.rights = changed_rights(op, e.rights);
	if (rc == VX_OK)
		rc = entry_write(txn, op->owner, op->mailbox, &e);
	if (rc != VX_OK)
		return rc;
	vx_kv_note_change(txn, op->owner, op->mailbox, 0);
	vx_kv_note_change(txn, op->grantee, 0, 0);
	return VX_OK;
}

void vx_acl_op_init(struct vx_acl_op *op)
{
	*op = (struct vx_acl_op){ .op = { .apply = apply_acl } };
}

/* --- with mailboxes and accounts ------------------------------------------------------
 */

struct inherit {
	struct vx_acl_entry entries[VX_ACL_ENTRIES_MAX];
	size_t count;
};

static int collect(void *ctx, const struct vx_acl_entry *e)
{
	struct inherit *all = ctx;

	if (all->count < VX_ACL_ENTRIES_MAX)
		all->entries[all->count++] = *e;
	return VX_OK;
}

static int collect_all(
    struct vx_kv_txn *txn, uint32_t owner, uint32_t mailbox, struct inherit **out)
{
	struct inherit *all = vx_alloc(sizeof(*all));
	int rc;

	if (all == NULL)
		return VX_ENOMEM;
	rc = walk_entries(txn, owner, mailbox, collect, all);
	if (rc == VX_OK)
		*out = all;
	else
		vx_free(all);
	return rc;
}

int vx_acl_inherit(
    struct vx_kv_txn *txn, uint32_t owner, uint32_t parent, uint32_t mailbox)
{
	struct inherit *all;
	int rc = collect_all(txn, owner, parent, &all);

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < all->count && rc == VX_OK; i++)
		rc = entry_write(txn, owner, mailbox, &all->entries[i]);
	vx_free(all);
	return rc;
}

int vx_acl_forget_mailbox(struct vx_kv_txn *txn, uint32_t owner, uint32_t mailbox)
{
	struct inherit *all;
	int rc = collect_all(txn, owner, mailbox, &all);

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < all->count && rc == VX_OK; i++) {
		all->entries[i].rights = 0;
		rc = entry_write(txn, owner, mailbox, &all->entries[i]);
		vx_kv_note_change(txn, all->entries[i].grantee, 0, 0);
	}
	vx_free(all);
	return rc;
}

int vx_acl_forget_grantee(struct vx_kv_txn *txn, uint32_t grantee)
{
	const struct vx_acl_entry none = { .grantee = grantee };
	struct vx_shared at = { 0, 0 };
	int rc;

	while ((rc = shared_after(txn, grantee, &at, &at)) == VX_OK) {
		rc = entry_write(txn, at.owner, at.mailbox, &none);
		if (rc == VX_OK)
			rc = vx_metadata_forget_user(txn, at.owner, at.mailbox, grantee);
		if (rc != VX_OK)
			break;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}
