/* Annotations: `M` beside what they belong to (STORE.md 4; RFC 5464). */
#include "vectis/metadata.h"

#include "base/bytes.h"
#include "base/chars.h"
#include "base/mem.h"
#include "store/box.h"
#include "store/store_int.h"

bool vx_metadata_name_ok(vx_slice name)
{
	static const vx_slice roots[] = { VX_SLICE_INIT("/private/"),
		VX_SLICE_INIT("/shared/") };
	bool rooted = false;

	if (name.len > VX_METADATA_NAME_MAX)
		return false;
	for (size_t i = 0; i < 2; i++)
		rooted |=
		    vx_slice_has_prefix_nocase(name, roots[i]) && name.len > roots[i].len;
	for (size_t i = 0; i < name.len && rooted; i++) {
		const unsigned char c = (unsigned char)name.ptr[i];

		if (c < 0x20 || c > 0x7e || c == '*' || c == '%' ||
		    (c == '/' && (i + 1 == name.len || name.ptr[i + 1] == '/')))
			return false;
	}
	return rooted;
}

enum {
	ENTRY_NAME = 13 /* where the name begins in a key */
};

static void entry_key(
    struct vx_key *k, uint32_t account, uint32_t mailbox, uint32_t user, vx_slice name)
{
	vx_key_state(k, account, mailbox, VX_KIND_METADATA);
	vx_key_add_u32(k, user);
	for (size_t i = 0; i < name.len && k->len < sizeof(k->octets); i++)
		k->octets[k->len++] = vx_lower(name.ptr[i]);
}

static int parse(vx_slice stored, vx_slice *value)
{
	const int rc = vx_value_check(stored, VX_KIND_METADATA, VX_VALUE_HEADER);

	if (rc == VX_OK)
		*value = vx_slice_from(stored, VX_VALUE_HEADER);
	return rc;
}

int vx_metadata_get(struct vx_view *v, uint32_t account, uint32_t mailbox, uint32_t user,
    vx_slice name, vx_slice *value)
{
	struct vx_key k;
	vx_slice stored;
	int rc;

	if (!vx_metadata_name_ok(name))
		return VX_ENOENT;
	entry_key(&k, account, mailbox, user, name);
	rc = vx_kv_get(v->txn, VX_TREE_STATE, vx_key_slice(&k), &stored);
	return rc == VX_OK ? parse(stored, value) : rc;
}

int vx_metadata_next(struct vx_view *v, uint32_t account, uint32_t mailbox, uint32_t user,
    vx_slice after, struct vx_metadata_entry *out)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix, k;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(v->txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	entry_key(&prefix, account, mailbox, user, vx_slice_of("", 0));
	entry_key(&k, account, mailbox, user, after);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && vx_slice_eq(key, vx_key_slice(&k)))
		rc = vx_kv_next(c, &key, &value);
	if (rc == VX_OK && !vx_slice_has_prefix(key, vx_key_slice(&prefix)))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = parse(value, &out->value);
	if (rc == VX_OK)
		out->name = vx_slice_from(key, prefix.len);
	vx_kv_cursor_close(c);
	return rc;
}

/* --- changing ----------------------------------------------------------------------- */

/* Shared entries belong to nobody. */
static uint32_t owner_of(const struct vx_metadata_op *op, vx_slice name)
{
	return vx_slice_has_prefix_nocase(name, VX_S("/shared/")) ? 0 : op->user;
}

static int check_place(struct vx_kv_txn *txn, const struct vx_metadata_op *op)
{
	struct vx_head h;
	int rc;

	if (op->account == 0 || op->mailbox == 0)
		return op->account == op->mailbox ? VX_OK : VX_ENOENT;
	rc = vx_head_read(txn, op->account, op->mailbox, &h);
	return rc == VX_OK && h.name_len == 0 ? VX_ENOENT : rc;
}

static int count_entries(
    struct vx_kv_txn *txn, const struct vx_metadata_op *op, uint32_t user, size_t *count)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	entry_key(&prefix, op->account, op->mailbox, user, vx_slice_of("", 0));
	for (rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(&prefix));
	     rc = vx_kv_next(c, &key, &value))
		(*count)++;
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int check_entries(
    struct vx_kv_txn *txn, const struct vx_metadata_op *op, uint32_t user)
{
	size_t count = 0;
	int rc = count_entries(txn, op, user, &count);

	for (size_t i = 0; i < op->count && rc == VX_OK; i++) {
		const struct vx_metadata_entry *e = &op->entries[i];
		struct vx_key k;
		vx_slice value;

		if (!vx_metadata_name_ok(e->name) || e->value.len > VX_METADATA_VALUE_MAX)
			return VX_EINVAL;
		if (e->value.ptr == NULL || owner_of(op, e->name) != user)
			continue;
		entry_key(&k, op->account, op->mailbox, user, e->name);
		rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &value);
		count += rc == VX_ENOENT;
		if (rc == VX_ENOENT)
			rc = VX_OK;
	}
	return rc == VX_OK && count > VX_METADATA_ENTRIES_MAX ? VX_ELIMIT : rc;
}

/* What an entry weighs in VX_METADATA_ACCOUNT_MAX. */
static uint64_t weight(vx_slice name, vx_slice stored)
{
	return name.len + vx_slice_from(stored, VX_VALUE_HEADER).len;
}

/* What the entries below prefix weigh, added to *sum; gone: they are removed. */
static int gather(
    struct vx_kv_txn *txn, const struct vx_key *prefix, bool gone, uint64_t *sum)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_key_slice(prefix), &key, &value);
	while (rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(prefix))) {
		*sum += weight(vx_slice_from(key, ENTRY_NAME), value);
		rc = gone ? vx_kv_cursor_delete(c) : VX_OK;
		if (rc == VX_OK)
			rc = vx_kv_next(c, &key, &value);
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_metadata_sum(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, uint64_t *sum)
{
	struct vx_key prefix;

	vx_key_state(&prefix, account, mailbox, VX_KIND_METADATA);
	return gather(txn, &prefix, false, sum);
}

int vx_metadata_sum_server(struct vx_kv_txn *txn, uint32_t user, uint64_t *sum)
{
	struct vx_key prefix;

	entry_key(&prefix, 0, 0, user, vx_slice_of("", 0));
	return gather(txn, &prefix, false, sum);
}

/* added, removed: what it weighs, and what it weighed. */
static int write_entry(struct vx_kv_txn *txn, const struct vx_metadata_op *op,
    const struct vx_metadata_entry *e, uint64_t *added, uint64_t *removed)
{
	const size_t len = VX_VALUE_HEADER + e->value.len;
	struct vx_key k;
	vx_slice old;
	char *v;
	int rc;

	entry_key(&k, op->account, op->mailbox, owner_of(op, e->name), e->name);
	rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &old);
	if (rc == VX_OK)
		*removed += weight(e->name, old);
	else if (rc != VX_ENOENT)
		return rc;
	if (e->value.ptr == NULL) {
		rc = vx_kv_delete(txn, VX_TREE_STATE, vx_key_slice(&k));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	v = vx_alloc(len);
	if (v == NULL)
		return VX_ENOMEM;
	if (e->value.len > 0)
		memcpy(v + VX_VALUE_HEADER, e->value.ptr, e->value.len);
	vx_value_seal(v, len, VX_KIND_METADATA);
	rc = vx_kv_put(txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of(v, len));
	*added += weight(e->name, vx_slice_of(v, len));
	vx_free(v);
	return rc;
}

/* What the entries of an account's mailboxes weigh has changed. */
static int charge(
    struct vx_kv_txn *txn, uint32_t account, uint64_t added, uint64_t removed)
{
	struct vx_account_record a;
	const int rc = vx_account_read(txn, account, &a);

	if (rc != VX_OK)
		return rc == VX_ENOENT ? VX_OK : rc;
	if (added > removed && a.metadata + (added - removed) > VX_METADATA_ACCOUNT_MAX)
		return VX_EQUOTA;
	a.metadata += added;
	a.metadata -= removed < a.metadata ? removed : a.metadata;
	return vx_account_write(txn, account, &a);
}

static int forget(struct vx_kv_txn *txn, uint32_t account, const struct vx_key *prefix)
{
	uint64_t sum = 0;
	const int rc = gather(txn, prefix, true, &sum);

	return rc == VX_OK && sum > 0 ? charge(txn, account, 0, sum) : rc;
}

int vx_metadata_forget(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox)
{
	struct vx_key prefix;

	vx_key_state(&prefix, account, mailbox, VX_KIND_METADATA);
	return forget(txn, account, &prefix);
}

int vx_metadata_forget_user(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, uint32_t user)
{
	struct vx_key prefix;

	entry_key(&prefix, account, mailbox, user, vx_slice_of("", 0));
	return forget(txn, account == 0 ? user : account, &prefix);
}

/*
 * Whoever writes them, a mailbox's entries weigh for its owner; those of the server for the
 * user whose they are, or nobody.
 */
static int write_entries(struct vx_kv_txn *txn, const struct vx_metadata_op *op)
{
	uint64_t added = 0, removed = 0, nobodys = 0;
	int rc = VX_OK;

	for (size_t i = 0; i < op->count && rc == VX_OK; i++) {
		const struct vx_metadata_entry *e = &op->entries[i];
		const bool free = op->account == 0 && owner_of(op, e->name) == 0;

		rc = write_entry(
		    txn, op, e, free ? &nobodys : &added, free ? &nobodys : &removed);
	}
	if (rc == VX_OK && added != removed) /* too much: all is taken back */
		rc = charge(txn, op->account == 0 ? op->user : op->account, added, removed);
	return rc;
}

/* Does it change what others see, too?  Of private entries they are not to know. */
static bool is_seen_by_others(const struct vx_metadata_op *op)
{
	bool shared = op->set_use;

	for (size_t i = 0; i < op->count; i++)
		shared = shared || owner_of(op, op->entries[i].name) == 0;
	return shared;
}

/* A client that comes back has to see that there is something new (RFC 7162 3.2). */
static int raise_modseq(struct vx_kv_txn *txn, const struct vx_metadata_op *op)
{
	struct vx_account_record a;
	struct vx_head h;
	int rc = vx_account_read(txn, op->account, &a);

	if (rc == VX_OK)
		rc = vx_head_read(txn, op->account, op->mailbox, &h);
	if (rc != VX_OK)
		return rc;
	h.s.highestmodseq = ++a.modseq;
	rc = vx_head_write(txn, op->account, op->mailbox, &h);
	return rc == VX_OK ? vx_account_write(txn, op->account, &a) : rc;
}

static int write_use(struct vx_kv_txn *txn, const struct vx_metadata_op *op)
{
	struct vx_head h;
	int rc = vx_head_read(txn, op->account, op->mailbox, &h);

	if (rc != VX_OK)
		return rc;
	h.special_use = op->special_use | (h.special_use & VX_USE_ALL);
	return vx_head_write(txn, op->account, op->mailbox, &h);
}

/* Private entries of the server concern their user alone. */
static uint32_t concerned(const struct vx_metadata_op *op)
{
	for (size_t i = 0; i < op->count && op->account == 0; i++)
		if (owner_of(op, op->entries[i].name) == 0)
			return 0;
	return op->account == 0 ? op->user : op->account;
}

static int apply_metadata(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_metadata_op *op = (struct vx_metadata_op *)base;
	int rc = (op->special_use & VX_USE_ALL) != 0 ? VX_EINVAL : check_place(txn, op);

	/* nothing is written before it is known that all can be */
	if (rc == VX_OK)
		rc = check_entries(txn, op, 0);
	if (rc == VX_OK && op->user != 0)
		rc = check_entries(txn, op, op->user);
	if (rc == VX_OK)
		rc = write_entries(txn, op);
	if (rc == VX_OK && op->mailbox != 0 && op->set_use)
		rc = write_use(txn, op);
	if (rc == VX_OK && op->mailbox != 0 && is_seen_by_others(op))
		rc = raise_modseq(txn, op);
	if (rc == VX_OK)
		vx_kv_note_change(txn, concerned(op), op->mailbox, 0);
	return rc;
}

void vx_metadata_op_init(struct vx_metadata_op *op)
{
	*op = (struct vx_metadata_op){ .op = { .apply = apply_metadata } };
}
