/* Mailboxes by name: create, delete, rename, subscribe, find (RFC 9051 6.3). */
#include "base/bytes.h"
#include "base/chars.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "store/account.h"
#include "store/all.h"
#include "store/box.h"
#include "store/store_int.h"

static const vx_slice inbox = VX_SLICE_INIT("INBOX");

/* INBOX in any case is INBOX, also as the first level (RFC 9051 5.1). */
static vx_slice canonical(vx_slice name, char buffer[VX_MAILBOX_NAME_MAX])
{
	const bool first_level = name.len > 5 && name.ptr[5] == '/';

	if (name.len < 5 || name.len > VX_MAILBOX_NAME_MAX ||
	    (name.len > 5 && !first_level) || !vx_slice_has_prefix_nocase(name, inbox))
		return name;
	memcpy(buffer, name.ptr, name.len);
	memcpy(buffer, inbox.ptr, inbox.len);
	return vx_slice_of(buffer, name.len);
}

/* C0, DEL, C1, and the separators of lines and paragraphs (RFC 9051 5.1). */
static bool has_control(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		const vx_slice rest = vx_slice_from(s, i);

		if (vx_is(s.ptr[i], VX_C_CTL) ||
		    (s.ptr[i] == '\xc2' && i + 1 < s.len &&
			(unsigned char)s.ptr[i + 1] < 0xa0) ||
		    vx_slice_has_prefix(rest, VX_S("\xe2\x80\xa8")) ||
		    vx_slice_has_prefix(rest, VX_S("\xe2\x80\xa9")))
			return true;
	}
	return false;
}

int vx_mailbox_name_check(vx_slice name)
{
	size_t depth = 0;
	vx_slice rest = name, level;

	if (name.len == 0 || name.len > VX_MAILBOX_NAME_MAX || !vx_utf8_valid(name))
		return VX_EINVAL;
	if (has_control(name))
		return VX_EINVAL;
	for (bool more = true; more;) {
		more = vx_slice_cut(&rest, '/', &level);
		if (level.len == 0 || ++depth > VX_MAILBOX_DEPTH_MAX)
			return VX_EINVAL;
	}
	return VX_OK;
}

/* --- making and removing ------------------------------------------------------------ */

static int count_names(struct vx_kv_txn *txn, uint32_t account, size_t *count)
{
	struct vx_kv_cursor *c;
	struct vx_key k;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&k, account, 0, VX_KIND_NAME);
	*count = 0;
	for (rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(&k));
	     rc = vx_kv_next(c, &key, &value))
		(*count)++;
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* A copy of the list of the mailbox above it. */
static int inherit(
    struct vx_kv_txn *txn, uint32_t account, vx_slice name, uint32_t mailbox)
{
	const size_t last = vx_slice_rfind(name, '/');
	struct vx_name parent;
	int rc;

	if (last == name.len)
		return VX_OK;
	rc = vx_name_read(txn, account, vx_slice_head(name, last), &parent);
	if (rc == VX_ENOENT || (rc == VX_OK && parent.mailbox == 0))
		return VX_OK;
	return rc == VX_OK ? vx_acl_inherit(txn, account, parent.mailbox, mailbox) : rc;
}

/* Make one mailbox: the account's record is read and written here. */
static int make(struct vx_kv_txn *txn, uint32_t account, vx_slice name, unsigned use,
    struct vx_mailbox_op *out)
{
	struct vx_account_record a;
	struct vx_head h = { .special_use = use, .name_len = (uint16_t)name.len };
	struct vx_name n = { 0 };
	const uint32_t now = (uint32_t)vx_clock_s();
	int rc = vx_account_read(txn, account, &a);

	if (rc == VX_OK)
		rc = vx_name_read(txn, account, name, &n);
	if (rc == VX_OK && n.mailbox != 0)
		return VX_EEXIST;
	if (rc != VX_OK && rc != VX_ENOENT)
		return rc;
	if (a.next_mailbox == 0)
		return VX_ENOENT; /* the account was removed under a session's feet */
	/* Never given twice to an account, and larger than what an older copy had. */
	a.last_uidvalidity = a.last_uidvalidity < now ? now : a.last_uidvalidity + 1;
	n.mailbox = a.next_mailbox++;
	a.modseq++;
	h.s = (struct vx_mailbox_status){
		.uidvalidity = a.last_uidvalidity, .uidnext = 1, .highestmodseq = a.modseq
	};
	memcpy(h.name, name.ptr, name.len);
	rc = vx_head_write(txn, account, n.mailbox, &h);
	if (rc == VX_OK)
		rc = vx_name_write(txn, account, name, &n);
	if (rc == VX_OK)
		rc = vx_account_write(txn, account, &a);
	if (rc == VX_OK)
		rc = inherit(txn, account, name, n.mailbox);
	if (rc == VX_OK && out != NULL) {
		out->mailbox = n.mailbox;
		out->uidvalidity = a.last_uidvalidity;
	}
	return rc;
}

/* Make name and the levels above it that are missing (RFC 9051 6.3.4: SHOULD). */
static int create(struct vx_mailbox_op *op, struct vx_kv_txn *txn, vx_slice name)
{
	size_t count;
	struct vx_name n;
	int rc = vx_name_read(txn, op->account, name, &n);

	if (rc == VX_OK && n.mailbox != 0)
		return VX_EEXIST;
	rc = count_names(txn, op->account, &count);
	if (rc == VX_OK && count + VX_MAILBOX_DEPTH_MAX > VX_MAILBOXES_MAX)
		rc = VX_ELIMIT;
	for (size_t i = 0; i < name.len && rc == VX_OK; i++) {
		if (name.ptr[i] != '/')
			continue;
		rc = make(txn, op->account, vx_slice_head(name, i), 0, NULL);
		if (rc == VX_EEXIST)
			rc = VX_OK;
	}
	if (rc == VX_OK)
		rc = make(txn, op->account, name, op->special_use, op);
	return rc;
}

/*
 * The name is free at once, and nothing can be filed any more: a head without a name is
 * a deleted mailbox's.  What was in it is removed in slices by the reaper.
 */
static int sweep_later(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox)
{
	struct vx_head h;
	struct vx_key k;
	int rc = vx_head_read(txn, account, mailbox, &h);

	h.name_len = 0;
	if (rc == VX_OK)
		rc = vx_head_write(txn, account, mailbox, &h);
	if (rc == VX_OK)
		rc = vx_acl_forget_mailbox(txn, account, mailbox);
	if (rc != VX_OK)
		return rc;
	vx_key_state(&k, 0, 0, VX_KIND_SWEEP);
	vx_key_add_u32(&k, account);
	vx_key_add_u32(&k, mailbox);
	return vx_kv_put(txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of("", 0));
}

static bool is_all(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox)
{
	struct vx_account_record a;

	return vx_account_read(txn, account, &a) == VX_OK && a.all == mailbox;
}

static int delete_mailbox(struct vx_mailbox_op *op, struct vx_kv_txn *txn, vx_slice name)
{
	struct vx_name n;
	uint32_t mailbox;
	int rc = vx_name_read(txn, op->account, name, &n);

	if (rc == VX_OK && n.mailbox == 0)
		rc = VX_ENOENT;
	if (rc == VX_OK && (vx_slice_eq(name, inbox) || is_all(txn, op->account, n.mailbox)))
		rc = VX_EPERM;
	if (rc != VX_OK)
		return rc;
	mailbox = n.mailbox;
	n.mailbox = 0; /* a subscription stays (RFC 9051 6.3.5) */
	rc = vx_name_write(txn, op->account, name, &n);
	if (rc == VX_OK)
		rc = sweep_later(txn, op->account, mailbox);
	vx_kv_note_change(txn, op->account, mailbox, 0);
	return rc;
}

/* --- the one that has all messages (all.c) ------------------------------------------- */

int vx_all_make(struct vx_kv_txn *txn, uint32_t account, uint32_t fill)
{
	struct vx_mailbox_op made = { 0 };
	struct vx_account_record a;
	struct vx_name n;
	size_t count;
	int rc = count_names(txn, account, &count);

	if (rc == VX_OK && count >= VX_MAILBOXES_MAX)
		rc = VX_ELIMIT;
	if (rc == VX_OK)
		rc = make(txn, account, VX_ALL_NAME, VX_USE_ALL, &made);
	if (rc == VX_OK)
		rc = vx_name_read(txn, account, VX_ALL_NAME, &n);
	n.subscribed = true;
	if (rc == VX_OK)
		rc = vx_name_write(txn, account, VX_ALL_NAME, &n);
	if (rc == VX_OK)
		rc = vx_account_read(txn, account, &a);
	if (rc != VX_OK)
		return rc;
	a.all = made.mailbox;
	a.fill = fill;
	vx_kv_note_change(txn, account, 0, 0);
	return vx_account_write(txn, account, &a);
}

int vx_all_drop(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox)
{
	static const struct vx_name none = { 0 };
	struct vx_account_record a;
	struct vx_head h;
	int rc = vx_head_read(txn, account, mailbox, &h);

	if (rc == VX_OK)
		rc = vx_name_write(txn, account, vx_slice_of(h.name, h.name_len), &none);
	if (rc == VX_OK)
		rc = sweep_later(txn, account, mailbox);
	if (rc == VX_OK)
		rc = vx_account_read(txn, account, &a);
	if (rc != VX_OK)
		return rc;
	a.all = a.fill = 0;
	vx_kv_note_change(txn, account, mailbox, 0);
	vx_kv_note_change(txn, account, 0, 0);
	return vx_account_write(txn, account, &a);
}

/* --- renaming ----------------------------------------------------------------------- */

static int rename_one(struct vx_kv_txn *txn, uint32_t account, vx_slice from, vx_slice to)
{
	struct vx_name old, fresh = { 0 };
	struct vx_head h;
	int rc = vx_name_read(txn, account, from, &old);

	if (rc != VX_OK)
		return rc;
	if (old.mailbox == 0)
		return VX_OK; /* only a subscription: it stays with its name */
	rc = vx_name_read(txn, account, to, &fresh);
	if (rc == VX_OK && fresh.mailbox != 0)
		return VX_EEXIST;
	if (rc == VX_OK || rc == VX_ENOENT)
		rc = vx_head_read(txn, account, old.mailbox, &h);
	if (rc != VX_OK)
		return rc;
	fresh.mailbox = old.mailbox;
	old.mailbox = 0;
	h.name_len = (uint16_t)to.len;
	memcpy(h.name, to.ptr, to.len);
	rc = vx_head_write(txn, account, fresh.mailbox, &h);
	if (rc == VX_OK)
		rc = vx_name_write(txn, account, to, &fresh);
	if (rc == VX_OK)
		rc = vx_name_write(txn, account, from, &old);
	vx_kv_note_change(txn, account, fresh.mailbox, 0);
	return rc;
}

/* The names below prefix (with its '/'), copied into the arena. */
static int names_below(struct vx_kv_txn *txn, uint32_t account, vx_slice prefix,
    struct vx_arena *arena, vx_slice **out, size_t *count)
{
	struct vx_kv_cursor *c;
	struct vx_key base, k;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&base, account, 0, VX_KIND_NAME);
	k = base;
	vx_key_add(&k, prefix);
	*count = 0;
	*out = vx_arena_array(arena, VX_MAILBOXES_MAX, sizeof(**out));
	if (*out == NULL)
		rc = VX_ENOMEM;
	for (rc = rc == VX_OK ? vx_kv_seek(c, vx_key_slice(&k), &key, &value) : rc;
	     rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(&k)) &&
	     *count < VX_MAILBOXES_MAX;
	     rc = vx_kv_next(c, &key, &value)) {
		rc = vx_arena_copy(arena, vx_slice_from(key, base.len), &(*out)[*count]);
		if (rc != VX_OK)
			break;
		(*count)++;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int rename_children(struct vx_kv_txn *txn, uint32_t account, vx_slice from,
    vx_slice to, struct vx_arena *arena)
{
	char prefix[VX_MAILBOX_NAME_MAX + 1], name[2 * VX_MAILBOX_NAME_MAX];
	vx_slice *names;
	size_t count;
	int rc;

	memcpy(prefix, from.ptr, from.len);
	prefix[from.len] = '/';
	rc = names_below(
	    txn, account, vx_slice_of(prefix, from.len + 1), arena, &names, &count);
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		const vx_slice rest = vx_slice_from(names[i], from.len);

		if (to.len + rest.len > VX_MAILBOX_NAME_MAX)
			return VX_EINVAL;
		memcpy(name, to.ptr, to.len);
		memcpy(name + to.len, rest.ptr, rest.len);
		rc = vx_mailbox_name_check(vx_slice_of(name, to.len + rest.len));
		if (rc == VX_OK)
			rc = rename_one(
			    txn, account, names[i], vx_slice_of(name, to.len + rest.len));
	}
	return rc;
}

/* INBOX stays, empty; its messages go to the new mailbox (RFC 9051 6.3.6). */
static int rename_inbox(struct vx_mailbox_op *op, struct vx_kv_txn *txn)
{
	const struct vx_uid_range all = { 1, UINT32_MAX };
	struct vx_name n;
	struct vx_copy_op move;
	const int rc = vx_name_read(txn, op->account, inbox, &n);

	if (rc != VX_OK)
		return rc;
	vx_copy_op_init(&move);
	move.account = move.to_account = op->account;
	move.mailbox = n.mailbox;
	move.to_mailbox = op->mailbox;
	move.uids = &all;
	move.range_count = 1;
	move.move = true;
	return move.op.apply(&move.op, txn);
}

static int rename_mailbox(struct vx_mailbox_op *op, struct vx_kv_txn *txn, vx_slice from)
{
	struct vx_arena arena = { .limit = (size_t)16 << 20 };
	char buffer[VX_MAILBOX_NAME_MAX];
	const vx_slice to = canonical(op->new_name, buffer);
	const size_t last = vx_slice_rfind(to, '/');
	struct vx_name n;
	int rc = vx_mailbox_name_check(to);

	if (rc == VX_OK)
		rc = vx_name_read(txn, op->account, from, &n);
	if (rc == VX_OK && n.mailbox == 0)
		rc = VX_ENOENT;
	if (rc == VX_OK && is_all(txn, op->account, n.mailbox))
		rc = VX_EPERM;
	if (rc != VX_OK)
		return rc;
	if (vx_slice_eq(from, inbox)) {
		rc = create(op, txn, to);
		return rc == VX_OK ? rename_inbox(op, txn) : rc;
	}
	/* a mailbox cannot go below itself */
	if (vx_slice_has_prefix(to, from) && to.len > from.len && to.ptr[from.len] == '/')
		return VX_EINVAL;
	if (last < to.len) {
		rc = create(op, txn, vx_slice_head(to, last));
		if (rc == VX_EEXIST)
			rc = VX_OK;
	}
	if (rc == VX_OK)
		rc = rename_one(txn, op->account, from, to);
	if (rc == VX_OK)
		rc = rename_children(txn, op->account, from, to, &arena);
	vx_arena_done(&arena);
	return rc;
}

static int subscribe(
    struct vx_mailbox_op *op, struct vx_kv_txn *txn, vx_slice name, bool on)
{
	struct vx_name n = { 0 };
	size_t count;
	int rc = vx_name_read(txn, op->account, name, &n);

	if (rc == VX_ENOENT && on) {
		rc = count_names(txn, op->account, &count);
		if (rc == VX_OK && count >= VX_MAILBOXES_MAX)
			rc = VX_ELIMIT;
	} else if (rc == VX_ENOENT) {
		return VX_OK;
	}
	if (rc != VX_OK)
		return rc;
	n.subscribed = on;
	return vx_name_write(txn, op->account, name, &n);
}

static int apply_mailbox(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_mailbox_op *op = (struct vx_mailbox_op *)base;
	char buffer[VX_MAILBOX_NAME_MAX];
	const vx_slice name = canonical(op->name, buffer);
	int rc = vx_mailbox_name_check(name);

	if (rc == VX_OK && (op->special_use & VX_USE_ALL) != 0)
		rc = VX_EINVAL; /* there is at most one, and nobody makes it */
	if (rc != VX_OK)
		return rc;
	switch (op->verb) {
	case VX_MAILBOX_CREATE:
		rc = create(op, txn, name);
		break;
	case VX_MAILBOX_DELETE:
		rc = delete_mailbox(op, txn, name);
		break;
	case VX_MAILBOX_RENAME:
		rc = rename_mailbox(op, txn, name);
		break;
	case VX_MAILBOX_SUBSCRIBE:
	case VX_MAILBOX_UNSUBSCRIBE:
		rc = subscribe(op, txn, name, op->verb == VX_MAILBOX_SUBSCRIBE);
		break;
	}
	if (rc == VX_OK)
		vx_kv_note_change(txn, op->account, 0, 0);
	return rc;
}

void vx_mailbox_op_init(struct vx_mailbox_op *op, enum vx_mailbox_verb verb)
{
	*op = (struct vx_mailbox_op){ .op = { .apply = apply_mailbox }, .verb = verb };
	op->op.frees = verb == VX_MAILBOX_DELETE;
}

/* --- accounts ----------------------------------------------------------------------- */

int vx_account_create(
    struct vx_kv_txn *txn, uint32_t account, const struct vx_quota *quota)
{
	static const struct {
		const char *name;
		unsigned use;
	} first[] = { { "INBOX", 0 }, { "Archive", VX_USE_ARCHIVE },
		{ "Drafts", VX_USE_DRAFTS }, { "Junk", VX_USE_JUNK },
		{ "Sent", VX_USE_SENT }, { "Trash", VX_USE_TRASH } };
	const struct vx_account_record a = { .limit_octets = quota->limit_octets,
		.limit_messages = quota->limit_messages,
		.next_mailbox = 1 };
	uint64_t all = 0;
	int rc = vx_account_write(txn, account, &a);

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]) && rc == VX_OK; i++) {
		const vx_slice name = vx_slice_str(first[i].name);
		struct vx_name n;

		rc = make(txn, account, name, first[i].use, NULL);
		if (rc == VX_OK)
			rc = vx_name_read(txn, account, name, &n);
		n.subscribed = true;
		if (rc == VX_OK)
			rc = vx_name_write(txn, account, name, &n);
	}
	if (rc == VX_OK)
		rc = vx_meta_get(txn, VX_ALL_META, &all);
	if (rc == VX_ENOENT)
		rc = VX_OK;
	return rc == VX_OK && all != 0 ? vx_all_make(txn, account, 0) : rc;
}

int vx_account_set_quota(
    struct vx_kv_txn *txn, uint32_t account, const struct vx_quota *quota)
{
	struct vx_account_record a;
	const int rc = vx_account_read(txn, account, &a);

	if (rc != VX_OK)
		return rc;
	a.limit_octets = quota->limit_octets;
	a.limit_messages = quota->limit_messages;
	return vx_account_write(txn, account, &a);
}

int vx_account_remove(struct vx_kv_txn *txn, uint32_t account)
{
	struct vx_arena arena = { .limit = (size_t)16 << 20 };
	struct vx_account_record a;
	struct vx_name n, none = { 0 };
	vx_slice *names;
	size_t count;
	int rc = names_below(txn, account, vx_slice_of("", 0), &arena, &names, &count);

	if (rc == VX_OK)
		rc = vx_account_read(txn, account, &a);
	if (rc == VX_OK) {
		a.next_mailbox = 0;
		rc = vx_account_write(txn, account, &a);
	}
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		rc = vx_name_read(txn, account, names[i], &n);
		if (rc == VX_OK)
			rc = vx_name_write(txn, account, names[i], &none);
		if (rc == VX_OK && n.mailbox != 0)
			rc = sweep_later(txn, account, n.mailbox);
	}
	vx_arena_done(&arena);
	if (rc == VX_OK)
		rc = vx_acl_forget_grantee(txn, account);
	if (rc == VX_OK)
		rc = vx_metadata_forget_user(txn, 0, 0, account);
	vx_kv_note_change(txn, account, 0, 0);
	return rc;
}

/* --- reading ------------------------------------------------------------------------ */

static int fill(struct vx_view *v, uint32_t account, vx_slice name, vx_slice value,
    struct vx_mailbox_info *out)
{
	struct vx_name n;
	struct vx_head h = { 0 };
	int rc = vx_name_parse(value, &n);

	if (rc == VX_OK && n.mailbox != 0)
		rc = vx_head_read(v->txn, account, n.mailbox, &h);
	if (rc != VX_OK)
		return rc;
	*out = (struct vx_mailbox_info){ .account = account,
		.mailbox = n.mailbox,
		.name = name,
		.subscribed = n.subscribed,
		.exists = n.mailbox != 0,
		.special_use = h.special_use };
	return VX_OK;
}

int vx_mailbox_find(
    struct vx_view *v, uint32_t account, vx_slice name, struct vx_mailbox_info *out)
{
	char buffer[VX_MAILBOX_NAME_MAX];
	struct vx_mailbox_info found;
	struct vx_kv_cursor *c;
	struct vx_key k;
	vx_slice key, value;
	int rc;

	name = canonical(name, buffer);
	if (vx_mailbox_name_check(name) != VX_OK)
		return VX_ENOENT;
	vx_key_state(&k, account, 0, VX_KIND_NAME);
	vx_key_add(&k, name);
	rc = vx_kv_cursor_open(v->txn, VX_TREE_STATE, &c);
	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && !vx_slice_eq(key, vx_key_slice(&k)))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = fill(v, account, vx_slice_from(key, 9), value, &found);
	vx_kv_cursor_close(c);
	if (rc == VX_OK && !found.exists)
		rc = VX_ENOENT;
	if (rc == VX_OK)
		*out = found;
	return rc;
}

int vx_mailbox_next(
    struct vx_view *v, uint32_t account, vx_slice after, struct vx_mailbox_info *out)
{
	struct vx_kv_cursor *c;
	struct vx_key prefix, k;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(v->txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&prefix, account, 0, VX_KIND_NAME);
	k = prefix;
	vx_key_add(&k, after);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && vx_slice_eq(key, vx_key_slice(&k)))
		rc = vx_kv_next(c, &key, &value);
	if (rc == VX_OK && !vx_slice_has_prefix(key, vx_key_slice(&prefix)))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = fill(v, account, vx_slice_from(key, prefix.len), value, out);
	vx_kv_cursor_close(c);
	return rc;
}

int vx_mailbox_get(
    struct vx_view *v, uint32_t account, uint32_t mailbox, struct vx_mailbox_info *out)
{
	struct vx_head h;
	const int rc = vx_head_read(v->txn, account, mailbox, &h);

	return rc == VX_OK
		   ? vx_mailbox_find(v, account, vx_slice_of(h.name, h.name_len), out)
		   : rc;
}

int vx_mailbox_status(
    struct vx_view *v, uint32_t account, uint32_t mailbox, struct vx_mailbox_status *out)
{
	struct vx_head h;
	int rc = vx_head_read(v->txn, account, mailbox, &h);

	if (rc == VX_OK && h.name_len == 0)
		rc = VX_ENOENT;
	if (rc == VX_OK)
		*out = h.s;
	return rc;
}

int vx_mailbox_keywords(struct vx_view *v, uint32_t account, uint32_t mailbox,
    vx_slice names[VX_KEYWORDS_MAX])
{
	struct vx_key k;
	vx_slice value;
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < VX_KEYWORDS_MAX; i++)
		names[i] = vx_slice_of("", 0);
	vx_key_state(&k, account, mailbox, VX_KIND_KEYWORDS);
	rc = vx_kv_get(v->txn, VX_TREE_STATE, vx_key_slice(&k), &value);
	if (rc == VX_ENOENT)
		return VX_OK;
	return rc == VX_OK ? vx_keywords_parse(value, names, &count) : rc;
}

int vx_quota_get(struct vx_view *v, uint32_t account, struct vx_quota *out)
{
	struct vx_account_record a;
	const int rc = vx_account_read(v->txn, account, &a);

	if (rc == VX_OK)
		*out = (struct vx_quota){ a.used_octets, a.used_messages, a.limit_octets,
			a.limit_messages };
	return rc;
}
