/*
 * Mailing lists and groups: a record each, and one for each member below the list's id,
 * so that to look for a member is one step whatever their number.
 */
#include "directory/record.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/account.h"
#include "store/keys.h"
#include "vectis/address.h"

#include <stdlib.h>

enum {
	NAME,
	OWNER,
	TITLE,
	ALIAS_TARGETS = OWNER,
	MEMBER_PREFIX = 5 /* kind, id */
};

int vx_dir_key_member(struct vx_dir_key *k, uint32_t list, vx_slice member)
{
	if (member.len > VX_ADDRESS_MAX)
		return VX_EINVAL;
	k->octets[0] = VX_DIR_MEMBER;
	vx_put_be32(k->octets + 1, list);
	if (member.len > 0)
		memcpy(k->octets + MEMBER_PREFIX, member.ptr, member.len);
	k->len = MEMBER_PREFIX + member.len;
	return VX_OK;
}

static int read(struct vx_kv_txn *txn, enum vx_directory_kind kind, vx_slice name,
    struct vx_dir_record *out)
{
	struct vx_dir_key k;
	const int rc = vx_dir_key(&k, kind, name);

	return rc == VX_OK ? vx_dir_read(txn, &k, out) : rc;
}

int vx_dir_owner_of(struct vx_kv_txn *txn, vx_slice name, enum vx_directory_kind *kind)
{
	static const enum vx_directory_kind kinds[] = { VX_DIR_ACCOUNT, VX_DIR_ALIAS,
		VX_DIR_LIST };
	struct vx_dir_record r;
	int rc = VX_ENOENT;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && rc == VX_ENOENT; i++) {
		rc = read(txn, kinds[i], name, &r);
		if (rc == VX_OK)
			*kind = kinds[i];
	}
	return rc;
}

static vx_slice domain_of(vx_slice address)
{
	return vx_slice_from(address, vx_slice_rfind(address, '@') + 1);
}

/* --- changing --------------------------------------------------------------------------
 */

/* The first member behind after; borrowed. */
static int next_member(
    struct vx_kv_txn *txn, uint32_t list, vx_slice after, vx_slice *out)
{
	struct vx_kv_cursor *c;
	struct vx_dir_key k;
	struct vx_dir_record r;
	vx_slice key, value;
	int rc = vx_dir_key_member(&k, list, after);

	if (rc == VX_OK)
		rc = vx_kv_cursor_open(txn, VX_TREE_DIR, &c);
	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_dir_key_slice(&k), &key, &value);
	if (rc == VX_OK && vx_slice_eq(key, vx_dir_key_slice(&k)))
		rc = vx_kv_next(c, &key, &value);
	if (rc == VX_OK &&
	    (key.len < MEMBER_PREFIX || memcmp(key.ptr, k.octets, MEMBER_PREFIX) != 0))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_dir_parse(value, &r);
	if (rc == VX_OK)
		*out = r.strings[NAME];
	vx_kv_cursor_close(c);
	return rc;
}

static int count_members(struct vx_kv_txn *txn, uint32_t list, uint32_t *count)
{
	struct vx_kv_cursor *c;
	struct vx_dir_key k;
	vx_slice key, value;
	int rc = vx_dir_key_member(&k, list, vx_slice_of("", 0));

	if (rc == VX_OK)
		rc = vx_kv_cursor_open(txn, VX_TREE_DIR, &c);
	if (rc != VX_OK)
		return rc;
	*count = 0;
	for (rc = vx_kv_seek(c, vx_dir_key_slice(&k), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_dir_key_slice(&k));
	     rc = vx_kv_next(c, &key, &value))
		(*count)++;
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* May address be a member?  A list is none: it has fields and bounces of its own. */
static int check_member(struct vx_kv_txn *txn, bool group, vx_slice address)
{
	enum vx_directory_kind kind;
	struct vx_dir_record r;
	int rc = vx_dir_owner_of(txn, address, &kind);

	if (rc == VX_ENOENT) {
		rc = read(txn, VX_DIR_DOMAIN, domain_of(address), &r);
		if (rc == VX_OK || group)
			return rc == VX_OK || rc == VX_ENOENT ? VX_ENOENT : rc;
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	if (rc != VX_OK || kind == VX_DIR_ACCOUNT)
		return rc;
	if (kind == VX_DIR_ALIAS)
		return group ? VX_EINVAL : VX_OK;
	rc = read(txn, VX_DIR_LIST, address, &r);
	return rc == VX_OK && (r.flags & VX_LIST_GROUP) == 0 ? VX_EINVAL : rc;
}

static int change_member(struct vx_directory_op *op, struct vx_kv_txn *txn, uint32_t list,
    bool group, vx_slice address, uint32_t *count)
{
	const struct vx_dir_record r = { .created = (uint64_t)vx_clock_s(),
		.strings = { address } };
	const bool add = op->verb != VX_LIST_MEMBERS_REMOVE;
	struct vx_dir_key k;
	vx_slice old;
	int rc = vx_dir_key_member(&k, list, address);
	bool there;

	if (rc == VX_OK)
		rc = vx_kv_get(txn, VX_TREE_DIR, vx_dir_key_slice(&k), &old);
	if (rc != VX_OK && rc != VX_ENOENT)
		return rc;
	there = rc == VX_OK;
	if (there == add)
		return add ? VX_OK : VX_ENOENT;
	rc = add ? check_member(txn, group, address) : VX_OK;
	if (rc == VX_OK && add && *count >= VX_LIST_MEMBERS_MAX)
		rc = VX_ELIMIT;
	if (rc == VX_OK)
		rc = add ? vx_dir_write(txn, &k, &r)
			 : vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(&k));
	if (rc == VX_OK) {
		*count += add ? 1 : 0;
		op->changed++;
	}
	return rc;
}

static int change_members(
    struct vx_directory_op *op, struct vx_kv_txn *txn, uint32_t list, bool group)
{
	struct vx_buf address = { .max = VX_ADDRESS_MAX };
	uint32_t count = 0;
	int rc = op->target_count > VX_LIST_MEMBERS_MAX
		     ? VX_ELIMIT
		     : count_members(txn, list, &count);

	op->changed = 0;
	for (size_t i = 0; i < op->target_count && rc == VX_OK; i++) {
		vx_buf_reset(&address);
		op->bad = i;
		rc = vx_directory_normalise(op->targets[i], &address);
		if (rc == VX_OK && address.failed)
			rc = VX_EINVAL;
		if (rc == VX_OK)
			rc = change_member(
			    op, txn, list, group, vx_buf_slice(&address), &count);
	}
	vx_buf_done(&address);
	return rc;
}

static int add_list(struct vx_directory_op *op, struct vx_kv_txn *txn, vx_slice name,
    const struct vx_dir_key *k, vx_slice owner)
{
	struct vx_dir_record r = { .flags = op->flags,
		.created = (uint64_t)vx_clock_s(),
		.strings = { name, owner, op->display_name } };
	uint64_t id;
	int rc = vx_directory_local_ok(vx_slice_head(name, vx_slice_rfind(name, '@')))
		     ? vx_dir_may_add(txn, name, false)
		     : VX_EINVAL;

	if (rc == VX_OK)
		rc = vx_meta_next(txn, "list", &id);
	if (rc != VX_OK)
		return rc;
	r.number = (uint32_t)id;
	rc = vx_dir_write(txn, k, &r);
	return rc == VX_OK
		   ? change_members(op, txn, r.number, (r.flags & VX_LIST_GROUP) != 0)
		   : rc;
}

static int set_list(struct vx_directory_op *op, struct vx_kv_txn *txn,
    const struct vx_dir_key *k, vx_slice owner)
{
	struct vx_dir_record r;
	const int rc = vx_dir_read(txn, k, &r);

	if (rc != VX_OK)
		return rc;
	if ((op->set & VX_SET_FLAGS) != 0)
		r.flags =
		    (op->flags & ~(unsigned)VX_LIST_GROUP) | (r.flags & VX_LIST_GROUP);
	if ((op->set & VX_SET_OWNER) != 0)
		r.strings[OWNER] = owner;
	if ((op->set & VX_SET_DISPLAY_NAME) != 0)
		r.strings[TITLE] = op->display_name;
	return vx_dir_write(txn, k, &r);
}

static int remove_list(struct vx_kv_txn *txn, vx_slice name, const struct vx_dir_key *k)
{
	struct vx_dir_record r;
	vx_slice member;
	uint32_t id;
	int rc = vx_dir_read(txn, k, &r);

	if (rc != VX_OK)
		return rc;
	id = r.number;
	rc = vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(k));
	while (rc == VX_OK && (rc = next_member(txn, id, VX_S(""), &member)) == VX_OK) {
		struct vx_dir_key m;

		rc = vx_dir_key_member(&m, id, member);
		if (rc == VX_OK)
			rc = vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(&m));
	}
	return rc == VX_ENOENT ? vx_dir_forget_member(txn, name) : rc;
}

/* The list behind a key, which becomes its own. */
static int step(struct vx_kv_txn *txn, struct vx_dir_key *at, uint32_t *id)
{
	struct vx_kv_cursor *c;
	struct vx_dir_record r;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_DIR, &c);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_dir_key_slice(at), &key, &value);
	if (rc == VX_OK && vx_slice_eq(key, vx_dir_key_slice(at)))
		rc = vx_kv_next(c, &key, &value);
	if (rc == VX_OK && (key.len == 0 || key.ptr[0] != VX_DIR_LIST))
		rc = VX_ENOENT;
	if (rc == VX_OK) {
		*id = vx_dir_parse(value, &r) == VX_OK ? r.number : 0; /* 0: damaged */
		memcpy(at->octets, key.ptr, key.len);
		at->len = key.len;
	}
	vx_kv_cursor_close(c);
	return rc;
}

int vx_dir_forget_member(struct vx_kv_txn *txn, vx_slice address)
{
	struct vx_dir_key at = { .octets = { VX_DIR_LIST }, .len = 1 }, k;
	uint32_t id;
	int rc;

	while ((rc = step(txn, &at, &id)) == VX_OK) {
		rc = vx_dir_key_member(&k, id, address);
		if (rc == VX_OK)
			rc = vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(&k));
		if (rc != VX_OK && rc != VX_ENOENT)
			return rc;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int dispatch(struct vx_directory_op *op, struct vx_kv_txn *txn, vx_slice name,
    const struct vx_dir_key *k, vx_slice owner)
{
	struct vx_dir_record r;
	int rc;

	if (op->verb == VX_LIST_ADD)
		return add_list(op, txn, name, k, owner);
	if (op->verb == VX_LIST_SET)
		return set_list(op, txn, k, owner);
	if (op->verb == VX_LIST_REMOVE)
		return remove_list(txn, name, k);
	rc = vx_dir_read(txn, k, &r);
	return rc == VX_OK
		   ? change_members(op, txn, r.number, (r.flags & VX_LIST_GROUP) != 0)
		   : rc;
}

int vx_dir_list_apply(struct vx_directory_op *op, struct vx_kv_txn *txn, vx_slice name)
{
	struct vx_buf owner = { .max = VX_ADDRESS_MAX };
	struct vx_dir_key k;
	int rc = vx_dir_key(&k, VX_DIR_LIST, name);

	op->changed = 0;
	op->bad = SIZE_MAX;
	if (op->display_name.len > VX_LIST_TITLE_MAX)
		rc = VX_EINVAL;
	if (rc == VX_OK && op->owner.len > 0)
		rc = vx_directory_normalise(op->owner, &owner);
	if (rc == VX_OK && owner.failed)
		rc = VX_EINVAL;
	if (rc == VX_OK)
		rc = dispatch(op, txn, name, &k, vx_buf_slice(&owner));
	vx_buf_done(&owner);
	return rc;
}

/* --- looking up ------------------------------------------------------------------------
 */

static void as_list(const struct vx_dir_record *r, struct vx_list *out)
{
	*out = (struct vx_list){ .id = r->number,
		.flags = r->flags,
		.address = r->strings[NAME],
		.owner = r->strings[OWNER],
		.title = r->strings[TITLE] };
}

int vx_directory_list(struct vx_view *v, vx_slice address, struct vx_list *out)
{
	struct vx_buf key = { .max = VX_ADDRESS_MAX };
	struct vx_dir_record r;
	int rc = vx_directory_normalise(address, &key);

	if (rc == VX_OK)
		rc = read(vx_view_txn(v), VX_DIR_LIST, vx_buf_slice(&key), &r);
	if (rc == VX_OK)
		as_list(&r, out);
	vx_buf_done(&key);
	return rc;
}

int vx_directory_next_list(struct vx_view *v, vx_slice after, struct vx_list *out)
{
	struct vx_dir_record r;
	const int rc = vx_dir_next(v, VX_DIR_LIST, after, &r);

	if (rc == VX_OK)
		as_list(&r, out);
	return rc;
}

int vx_directory_next_member(
    struct vx_view *v, uint32_t list, vx_slice after, vx_slice *out)
{
	return next_member(vx_view_txn(v), list, after, out);
}

/* --- expanding -------------------------------------------------------------------------
 */

struct expansion {
	struct vx_kv_txn *txn;
	struct vx_resolved_target *targets; /* own; addresses are the view's */
	size_t count, cap;
	uint32_t groups[VX_LIST_GROUPS_MAX]; /* each once, so that none goes round */
	size_t group_count;
	bool group; /* of one: none leads elsewhere */
};

static int add(struct expansion *x, uint32_t account, vx_slice address)
{
	if (x->count == x->cap) {
		const size_t cap = x->cap == 0 ? 64 : 2 * x->cap;
		struct vx_resolved_target *grown;

		/* twice what there may be: most of it may be there twice */
		if (cap > 4 * VX_LIST_MEMBERS_MAX)
			return VX_ELIMIT;
		grown = vx_realloc(x->targets, cap * sizeof(*grown));
		if (grown == NULL)
			return VX_ENOMEM;
		x->targets = grown;
		x->cap = cap;
	}
	x->targets[x->count++] = (struct vx_resolved_target){ account, address };
	return VX_OK;
}

static int add_group(struct expansion *x, const struct vx_dir_record *r)
{
	if ((r->flags & VX_LIST_GROUP) == 0 || (r->flags & VX_LIST_INACTIVE) != 0)
		return VX_OK;
	for (size_t i = 0; i < x->group_count; i++)
		if (x->groups[i] == r->number)
			return VX_OK;
	if (x->group_count == VX_LIST_GROUPS_MAX)
		return VX_ELIMIT;
	x->groups[x->group_count++] = r->number;
	return VX_OK;
}

/* An account that is active, or an address that is none of ours. */
static int add_simple(struct expansion *x, vx_slice address)
{
	struct vx_dir_record r;
	int rc = read(x->txn, VX_DIR_ACCOUNT, address, &r);

	if (rc == VX_OK)
		return (r.flags & VX_ACCOUNT_INACTIVE) != 0
			   ? VX_OK
			   : add(x, r.number, r.strings[NAME]);
	if (rc == VX_ENOENT && !x->group) {
		rc = read(x->txn, VX_DIR_DOMAIN, domain_of(address), &r);
		if (rc == VX_ENOENT)
			return add(x, 0, address);
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int add_alias(struct expansion *x, const struct vx_dir_record *r)
{
	vx_slice targets = r->strings[ALIAS_TARGETS], address;
	int rc = VX_OK;

	while (r->flags == 0 && rc == VX_OK && vx_directory_target(&targets, &address))
		rc = add_simple(x, address);
	return rc;
}

/* What is gone meanwhile is passed over. */
static int add_member(struct expansion *x, vx_slice address)
{
	enum vx_directory_kind kind;
	struct vx_dir_record r;
	int rc = vx_dir_owner_of(x->txn, address, &kind);

	if (rc == VX_ENOENT || (rc == VX_OK && kind == VX_DIR_ACCOUNT))
		return add_simple(x, address);
	if (rc == VX_OK)
		rc = read(x->txn, kind, address, &r);
	if (rc != VX_OK)
		return rc;
	return kind == VX_DIR_ALIAS ? add_alias(x, &r) : add_group(x, &r);
}

static int add_members(struct expansion *x, uint32_t list)
{
	struct vx_kv_cursor *c;
	struct vx_dir_record r;
	struct vx_dir_key k;
	vx_slice key, value;
	int rc = vx_dir_key_member(&k, list, vx_slice_of("", 0));

	if (rc == VX_OK)
		rc = vx_kv_cursor_open(x->txn, VX_TREE_DIR, &c);
	if (rc != VX_OK)
		return rc;
	for (rc = vx_kv_seek(c, vx_dir_key_slice(&k), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_dir_key_slice(&k));
	     rc = vx_kv_next(c, &key, &value)) {
		rc = vx_dir_parse(value, &r);
		if (rc == VX_OK)
			rc = add_member(x, r.strings[NAME]);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int compare(const void *a, const void *b)
{
	const struct vx_resolved_target *x = a, *y = b;

	if (x->account != y->account)
		return x->account < y->account ? -1 : 1;
	return x->account != 0 ? 0 : vx_slice_cmp(x->address, y->address);
}

/* Each once, in the arena. */
static int keep(struct expansion *x, struct vx_arena *arena, struct vx_resolved *out)
{
	struct vx_resolved_target *kept;
	size_t n = 0;
	int rc = VX_OK;

	if (x->count > 1)
		qsort(x->targets, x->count, sizeof(*x->targets), compare);
	for (size_t i = 0; i < x->count; i++)
		if (i == 0 || compare(&x->targets[i], &x->targets[n - 1]) != 0)
			x->targets[n++] = x->targets[i];
	if (n > VX_LIST_MEMBERS_MAX)
		return VX_ELIMIT;
	kept = vx_arena_array(arena, n + 1, sizeof(*kept));
	if (kept == NULL)
		return VX_ELIMIT;
	for (size_t i = 0; i < n && rc == VX_OK; i++) {
		kept[i].account = x->targets[i].account;
		rc = vx_arena_copy(arena, x->targets[i].address, &kept[i].address);
	}
	if (rc == VX_OK) {
		out->targets = kept;
		out->count = n;
	}
	return rc;
}

int vx_directory_expand(struct vx_view *v, const struct vx_list *list,
    struct vx_arena *arena, struct vx_resolved *out)
{
	struct expansion x = { .txn = vx_view_txn(v),
		.groups = { list->id },
		.group_count = 1,
		.group = (list->flags & VX_LIST_GROUP) != 0 };
	int rc = VX_OK;

	for (size_t i = 0; i < x.group_count && rc == VX_OK; i++)
		rc = add_members(&x, x.groups[i]);
	if (rc == VX_OK)
		rc = keep(&x, arena, out);
	vx_free(x.targets);
	return rc;
}

/* --- who may write, and who hears of it
 * --------------------------------------------------------------------- */

int vx_directory_list_owner(struct vx_view *v, const struct vx_list *list, char delimiter,
    struct vx_arena *arena, struct vx_resolved *out)
{
	struct vx_buf path = { .max = VX_ADDRESS_MAX };
	int rc = VX_OK;

	*out = (struct vx_resolved){ .kind = VX_RESOLVED_UNKNOWN };
	if (list->owner.len > 0)
		rc = vx_directory_person(v, list->owner, delimiter, arena, out);
	if (rc == VX_OK && out->kind != VX_RESOLVED_LOCAL &&
	    out->kind != VX_RESOLVED_FOREIGN) {
		vx_buf_add_str(&path, "postmaster@");
		vx_buf_add(&path, domain_of(list->address));
		rc = vx_directory_person(v, vx_buf_slice(&path), delimiter, arena, out);
	}
	vx_buf_done(&path);
	return rc;
}

static bool has_account(const struct vx_resolved *all, uint32_t account)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->targets[i].account == account)
			return true;
	return false;
}

/* An account may write as what leads to it, and be a member as something else. */
static int may_post_as(struct vx_view *v, const struct vx_list *list,
    const struct vx_resolved *who, vx_slice address, struct vx_arena *arena)
{
	struct vx_resolved all = { 0 };
	int rc = vx_directory_expand(v, list, arena, &all);

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < who->count && who->kind == VX_RESOLVED_LOCAL; i++)
		if (who->targets[i].account != 0 &&
		    has_account(&all, who->targets[i].account))
			return VX_OK;
	for (size_t i = 0; i < all.count; i++)
		if (all.targets[i].account == 0 &&
		    vx_slice_eq(all.targets[i].address, address))
			return VX_OK;
	return VX_EPERM;
}

int vx_directory_may_post(
    struct vx_view *v, const struct vx_list *list, vx_slice address, char delimiter)
{
	struct vx_arena arena = { .limit = (size_t)4 << 20 };
	struct vx_buf key = { .max = VX_ADDRESS_MAX };
	struct vx_resolved who;
	struct vx_dir_record r;
	struct vx_dir_key k;
	int rc = vx_directory_normalise(address, &key);
	bool known = rc == VX_OK && vx_slice_eq(list->owner, vx_buf_slice(&key));

	if (rc == VX_OK && !known) {
		rc = vx_dir_key_member(&k, list->id, vx_buf_slice(&key));
		if (rc == VX_OK)
			rc = vx_dir_read(vx_view_txn(v), &k, &r);
		known = rc == VX_OK; /* most are members as they are */
		rc = rc == VX_ENOENT ? VX_OK : rc;
	}
	if (rc == VX_OK && !known)
		rc = vx_directory_person(v, vx_buf_slice(&key), delimiter, &arena, &who);
	if (rc == VX_OK && !known)
		rc = may_post_as(v, list, &who, vx_buf_slice(&key), &arena);
	vx_buf_done(&key);
	vx_arena_done(&arena);
	return rc == VX_EINVAL ? VX_EPERM : rc;
}
