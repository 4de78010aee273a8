#include "directory/record.h"

#include "base/clock.h"
#include "store/account.h"
#include "store/keys.h"
#include "vectis/address.h"

/* How many records of a kind a domain has. */
static int count_in(
    struct vx_kv_txn *txn, enum vx_directory_kind kind, vx_slice domain, uint32_t *count)
{
	struct vx_kv_cursor *c;
	struct vx_dir_key k;
	vx_slice key, value;
	int rc = vx_dir_key(&k, kind, domain);

	if (rc == VX_OK)
		rc = vx_kv_cursor_open(txn, VX_TREE_DIR, &c);
	if (rc != VX_OK)
		return rc;
	k.octets[k.len++] = '\0';
	*count = 0;
	for (rc = vx_kv_seek(c, vx_dir_key_slice(&k), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_dir_key_slice(&k));
	     rc = vx_kv_next(c, &key, &value))
		(*count)++;
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static vx_slice domain_of(vx_slice address)
{
	return vx_slice_from(address, vx_slice_rfind(address, '@') + 1);
}

/* Targets, normalised, one a line. */
static int join_targets(const struct vx_directory_op *op, struct vx_buf *out)
{
	int rc = op->target_count > VX_ALIAS_TARGETS_MAX ? VX_ELIMIT : VX_OK;

	for (size_t i = 0; i < op->target_count && rc == VX_OK; i++) {
		if (i > 0)
			vx_buf_add_char(out, '\n');
		rc = vx_directory_normalise(op->targets[i], out);
	}
	return out->failed ? VX_ELIMIT : rc;
}

static int domain_add(struct vx_directory_op *op, struct vx_kv_txn *txn,
    const struct vx_dir_key *k, vx_slice name)
{
	const struct vx_domain d = {
		.status = op->status, .token = op->token, .asked = op->asked
	};
	char octets[VX_DIR_OWNERSHIP_OCTETS];
	struct vx_dir_record r = { .flags = op->flags,
		.number = op->max_accounts,
		.created = (uint64_t)vx_clock_s(),
		.strings = { name } };
	struct vx_dir_record old;
	int rc = vx_dir_read(txn, k, &old);

	if (rc != VX_ENOENT)
		return rc == VX_OK ? VX_EEXIST : rc;
	rc = vx_dir_set_ownership(&d, &r, octets);
	if (rc == VX_OK && op->status == VX_DOMAIN_PENDING)
		vx_kv_note_change(txn, VX_WATCH_QUEUE, VX_DIRECTORY_WATCH_STATUS, 0);
	return rc == VX_OK ? vx_dir_write(txn, k, &r) : rc;
}

/* It was asked for, or seen. */
static int domain_verify(
    struct vx_directory_op *op, struct vx_kv_txn *txn, const struct vx_dir_key *k)
{
	char octets[VX_DIR_OWNERSHIP_OCTETS];
	struct vx_dir_record r;
	struct vx_domain d;
	int rc = vx_dir_read(txn, k, &r);

	if (rc == VX_OK)
		rc = vx_dir_ownership(&r, &d);
	if (rc == VX_OK && op->status == VX_DOMAIN_UNVERIFIED)
		rc = VX_EINVAL;
	if (rc == VX_OK && op->token.len > 0 && !vx_slice_eq(op->token, d.token))
		rc = VX_ECONFLICT;
	if (rc != VX_OK || d.status == VX_DOMAIN_VERIFIED)
		return rc;
	d.status = op->status;
	d.asked = op->asked;
	rc = vx_dir_set_ownership(&d, &r, octets);
	if (rc == VX_OK)
		rc = vx_dir_write(txn, k, &r);
	if (rc == VX_OK)
		vx_kv_note_change(txn, VX_WATCH_QUEUE, VX_DIRECTORY_WATCH_STATUS, 0);
	return rc;
}

static int domain_set(
    struct vx_directory_op *op, struct vx_kv_txn *txn, const struct vx_dir_key *k)
{
	struct vx_buf targets = { .max = VX_ALIAS_TARGETS_MAX * VX_ADDRESS_MAX };
	struct vx_dir_record r;
	int rc = vx_dir_read(txn, k, &r);

	if (rc == VX_OK && (op->set & VX_SET_BACKUP) != 0 &&
	    op->backup.len > VX_ADDRESS_MAX)
		rc = VX_EINVAL;
	if (rc == VX_OK && (op->set & VX_SET_TARGETS) != 0)
		rc = join_targets(op, &targets);
	if (rc == VX_OK) {
		if ((op->set & VX_SET_FLAGS) != 0)
			r.flags = op->flags;
		if ((op->set & VX_SET_MAX_ACCOUNTS) != 0)
			r.number = op->max_accounts;
		if ((op->set & VX_SET_TARGETS) != 0)
			r.strings[1] = vx_buf_slice(&targets);
		if ((op->set & VX_SET_BACKUP) != 0)
			r.strings[2] = op->backup;
		rc = vx_dir_write(txn, k, &r);
	}
	vx_buf_done(&targets);
	return rc;
}

static int domain_footer(struct vx_directory_op *op, struct vx_kv_txn *txn, vx_slice name)
{
	struct vx_dir_record r = { .created = (uint64_t)vx_clock_s(),
		.strings = { name } };
	struct vx_dir_record domain;
	struct vx_dir_key k;
	int rc = vx_dir_key(&k, VX_DIR_DOMAIN, name);

	if (rc == VX_OK)
		rc = vx_dir_read(txn, &k, &domain);
	if (rc == VX_OK)
		rc = vx_dir_key(&k, VX_DIR_FOOTER, name);
	if (rc == VX_OK && op->footer == NULL) {
		rc = vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(&k));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	if (rc == VX_OK)
		rc = vx_footer_check(op->footer);
	if (rc != VX_OK)
		return rc;
	r.strings[1] = op->footer->text;
	r.strings[2] = op->footer->html;
	return vx_dir_write(txn, &k, &r);
}

static int forget_footer(struct vx_kv_txn *txn, vx_slice name)
{
	struct vx_dir_key k;
	int rc = vx_dir_key(&k, VX_DIR_FOOTER, name);

	if (rc == VX_OK)
		rc = vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(&k));
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int domain_remove(struct vx_directory_op *op, struct vx_kv_txn *txn,
    const struct vx_dir_key *k, vx_slice name)
{
	struct vx_dir_record r;
	int rc = vx_dir_read(txn, k, &r);

	if (rc == VX_OK)
		rc = count_in(txn, VX_DIR_ACCOUNT, name, &op->accounts);
	if (rc == VX_OK)
		rc = count_in(txn, VX_DIR_ALIAS, name, &op->aliases);
	if (rc == VX_OK)
		rc = count_in(txn, VX_DIR_LIST, name, &op->lists);
	if (rc == VX_OK && op->accounts + op->aliases + op->lists > 0)
		rc = VX_ENOTEMPTY;
	if (op->only_ask)
		return rc;
	if (rc == VX_OK)
		rc = vx_dir_forget_dkim(txn, name);
	if (rc == VX_OK)
		rc = vx_dir_forget_sending(txn, 0, name);
	if (rc == VX_OK)
		rc = forget_footer(txn, name);
	return rc == VX_OK ? vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(k)) : rc;
}

int vx_dir_may_add(struct vx_kv_txn *txn, vx_slice name, bool account)
{
	struct vx_dir_record domain;
	enum vx_directory_kind kind;
	struct vx_dir_key k;
	uint32_t count;
	int rc = vx_dir_key(&k, VX_DIR_DOMAIN, domain_of(name));

	if (rc == VX_OK)
		rc = vx_dir_read(txn, &k, &domain);
	if (rc != VX_OK)
		return rc;
	if (account && domain.number > 0) {
		rc = count_in(txn, VX_DIR_ACCOUNT, domain_of(name), &count);
		if (rc == VX_OK && count >= domain.number)
			rc = VX_ELIMIT;
	}
	if (rc == VX_OK)
		rc = vx_dir_owner_of(txn, name, &kind);
	return rc == VX_OK ? VX_EEXIST : rc == VX_ENOENT ? VX_OK : rc;
}

static int account_add(struct vx_directory_op *op, struct vx_kv_txn *txn,
    const struct vx_dir_key *k, vx_slice name)
{
	const struct vx_quota quota = { .limit_octets = op->quota_octets,
		.limit_messages = op->quota_messages };
	struct vx_dir_record r = { .flags = op->flags,
		.created = (uint64_t)vx_clock_s(),
		.strings = { name, op->credential, op->display_name } };
	struct vx_dir_key by_id;
	uint64_t id;
	int rc = VX_OK;

	if (!vx_directory_local_ok(vx_slice_head(name, vx_slice_rfind(name, '@'))) ||
	    op->credential.len > VX_CREDENTIAL_MAX ||
	    op->display_name.len > VX_DISPLAY_NAME_MAX)
		rc = VX_EINVAL;
	if (rc == VX_OK)
		rc = vx_dir_may_add(txn, name, true);
	if (rc == VX_OK)
		rc = vx_meta_next(txn, "account", &id);
	if (rc != VX_OK)
		return rc;
	r.number = op->id = (uint32_t)id;
	rc = vx_dir_write(txn, k, &r);
	(void)vx_dir_key_id(&by_id, op->id);
	if (rc == VX_OK)
		rc = vx_kv_put(txn, VX_TREE_DIR, vx_dir_key_slice(&by_id), name);
	return rc == VX_OK ? vx_account_create(txn, op->id, &quota) : rc;
}

static int account_set(
    struct vx_directory_op *op, struct vx_kv_txn *txn, const struct vx_dir_key *k)
{
	const struct vx_quota quota = { .limit_octets = op->quota_octets,
		.limit_messages = op->quota_messages };
	struct vx_dir_record r;
	unsigned before;
	int rc = vx_dir_read(txn, k, &r);

	if (rc == VX_OK && (op->credential.len > VX_CREDENTIAL_MAX ||
			       op->display_name.len > VX_DISPLAY_NAME_MAX))
		rc = VX_EINVAL;
	if (rc == VX_OK && op->expected_credential.ptr != NULL &&
	    !vx_slice_eq(r.strings[1], op->expected_credential))
		rc = VX_ECONFLICT;
	if (rc != VX_OK)
		return rc;
	before = r.flags;
	if ((op->set & VX_SET_FLAGS) != 0)
		r.flags = op->flags;
	if ((op->set & VX_SET_CREDENTIAL) != 0)
		r.strings[1] = op->credential;
	if ((op->set & VX_SET_DISPLAY_NAME) != 0)
		r.strings[2] = op->display_name;
	/* what was read is borrowed: it is written before anything else is */
	rc = vx_dir_write(txn, k, &r);
	if (rc == VX_OK && (op->set & VX_SET_QUOTA) != 0)
		rc = vx_account_set_quota(txn, r.number, &quota);
	if (rc == VX_OK && ((before ^ r.flags) & VX_ACCOUNT_NO_SENDING) != 0)
		rc = vx_dir_sending_switched(txn, r.number,
		    (r.flags & VX_ACCOUNT_NO_SENDING) != 0, VX_S("by the administrator"),
		    (uint64_t)vx_clock_s());
	return rc;
}

/* The domain behind a key, which becomes its own; damaged ones are passed over. */
static int next_domain(
    struct vx_kv_txn *txn, struct vx_dir_key *at, struct vx_dir_record *out)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_DIR, &c);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_dir_key_slice(at), &key, &value);
	if (rc == VX_OK && vx_slice_eq(key, vx_dir_key_slice(at)))
		rc = vx_kv_next(c, &key, &value);
	while (rc == VX_OK && key.ptr[0] == VX_DIR_DOMAIN &&
	       vx_dir_parse(value, out) != VX_OK)
		rc = vx_kv_next(c, &key, &value);
	if (rc == VX_OK && key.ptr[0] != VX_DIR_DOMAIN)
		rc = VX_ENOENT;
	if (rc == VX_OK) {
		memcpy(at->octets, key.ptr, key.len);
		at->len = key.len;
	}
	vx_kv_cursor_close(c);
	return rc;
}

/*
 * An account is no more: whoever has its name later does not get what is for unknown
 * names of a domain (MB-11).
 */
static int forget_catch_all(struct vx_kv_txn *txn, vx_slice address)
{
	struct vx_dir_key at = { .octets = { VX_DIR_DOMAIN }, .len = 1 };
	struct vx_buf left = { .max = VX_ALIAS_TARGETS_MAX * VX_ADDRESS_MAX };
	struct vx_dir_record r;
	int rc;

	while ((rc = next_domain(txn, &at, &r)) == VX_OK) {
		vx_slice rest = r.strings[1], one;
		bool found = false;

		vx_buf_reset(&left);
		while (vx_directory_target(&rest, &one)) {
			if (vx_slice_eq(one, address)) {
				found = true;
				continue;
			}
			if (left.len > 0)
				vx_buf_add_char(&left, '\n');
			vx_buf_add(&left, one);
		}
		r.strings[1] = vx_buf_slice(&left);
		if (found)
			rc = left.failed ? VX_ELIMIT : vx_dir_write(txn, &at, &r);
		if (rc != VX_OK)
			break;
	}
	vx_buf_done(&left);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int account_remove(
    struct vx_kv_txn *txn, const struct vx_dir_key *k, vx_slice name)
{
	struct vx_dir_record r;
	struct vx_dir_key by_id;
	int rc = vx_dir_read(txn, k, &r);

	if (rc != VX_OK)
		return rc;
	(void)vx_dir_key_id(&by_id, r.number);
	rc = vx_account_remove(txn, r.number);
	if (rc == VX_OK)
		rc = vx_dir_forget_sending(txn, r.number, vx_slice_of("", 0));
	if (rc == VX_OK)
		rc = vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(&by_id));
	if (rc == VX_OK)
		rc = vx_dir_forget_member(txn, name);
	if (rc == VX_OK)
		rc = forget_catch_all(txn, name);
	return rc == VX_OK ? vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(k)) : rc;
}

static int alias_add(struct vx_directory_op *op, struct vx_kv_txn *txn,
    const struct vx_dir_key *k, vx_slice name)
{
	struct vx_buf targets = { .max = VX_ALIAS_TARGETS_MAX * VX_ADDRESS_MAX };
	struct vx_dir_record r = { .flags = op->flags,
		.created = (uint64_t)vx_clock_s() };
	int rc = op->target_count == 0 ? VX_EINVAL : join_targets(op, &targets);

	if (rc == VX_OK)
		rc = vx_dir_may_add(txn, name, false);
	r.strings[0] = name;
	r.strings[1] = vx_buf_slice(&targets);
	if (rc == VX_OK)
		rc = vx_dir_write(txn, k, &r);
	vx_buf_done(&targets);
	return rc;
}

static int alias_set(
    struct vx_directory_op *op, struct vx_kv_txn *txn, const struct vx_dir_key *k)
{
	struct vx_buf targets = { .max = VX_ALIAS_TARGETS_MAX * VX_ADDRESS_MAX };
	struct vx_dir_record r;
	int rc = vx_dir_read(txn, k, &r);

	if (rc == VX_OK && (op->set & VX_SET_TARGETS) != 0)
		rc = op->target_count == 0 ? VX_EINVAL : join_targets(op, &targets);
	if (rc == VX_OK) {
		if ((op->set & VX_SET_FLAGS) != 0)
			r.flags = op->flags;
		if ((op->set & VX_SET_TARGETS) != 0)
			r.strings[1] = vx_buf_slice(&targets);
		rc = vx_dir_write(txn, k, &r);
	}
	vx_buf_done(&targets);
	return rc;
}

static int alias_remove(struct vx_kv_txn *txn, const struct vx_dir_key *k, vx_slice name)
{
	const int rc = vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(k));

	return rc == VX_OK ? vx_dir_forget_member(txn, name) : rc;
}

static int dispatch(struct vx_directory_op *op, struct vx_kv_txn *txn, vx_slice name)
{
	static const enum vx_directory_kind kinds[] = {
		[VX_DOMAIN_ADD] = VX_DIR_DOMAIN,
		[VX_DOMAIN_SET] = VX_DIR_DOMAIN,
		[VX_DOMAIN_VERIFY] = VX_DIR_DOMAIN,
		[VX_DOMAIN_FOOTER] = VX_DIR_DOMAIN,
		[VX_DOMAIN_REMOVE] = VX_DIR_DOMAIN,
		[VX_ACCOUNT_ADD] = VX_DIR_ACCOUNT,
		[VX_ACCOUNT_SET] = VX_DIR_ACCOUNT,
		[VX_ACCOUNT_REMOVE] = VX_DIR_ACCOUNT,
		[VX_ALIAS_ADD] = VX_DIR_ALIAS,
		[VX_ALIAS_SET] = VX_DIR_ALIAS,
		[VX_ALIAS_REMOVE] = VX_DIR_ALIAS,
		[VX_LIST_ADD] = VX_DIR_LIST,
		[VX_LIST_SET] = VX_DIR_LIST,
		[VX_LIST_REMOVE] = VX_DIR_LIST,
		[VX_LIST_MEMBERS_ADD] = VX_DIR_LIST,
		[VX_LIST_MEMBERS_REMOVE] = VX_DIR_LIST,
	};
	struct vx_dir_key k;
	const int rc = vx_dir_key(&k, kinds[op->verb], name);

	if (rc != VX_OK)
		return rc;
	switch (op->verb) {
	case VX_DOMAIN_ADD:
		return domain_add(op, txn, &k, name);
	case VX_DOMAIN_SET:
		return domain_set(op, txn, &k);
	case VX_DOMAIN_VERIFY:
		return domain_verify(op, txn, &k);
	case VX_DOMAIN_FOOTER:
		return domain_footer(op, txn, name);
	case VX_DOMAIN_REMOVE:
		return domain_remove(op, txn, &k, name);
	case VX_ACCOUNT_ADD:
		return account_add(op, txn, &k, name);
	case VX_ACCOUNT_SET:
		return account_set(op, txn, &k);
	case VX_ACCOUNT_REMOVE:
		return account_remove(txn, &k, name);
	case VX_ALIAS_ADD:
		return alias_add(op, txn, &k, name);
	case VX_ALIAS_SET:
		return alias_set(op, txn, &k);
	case VX_ALIAS_REMOVE:
		return alias_remove(txn, &k, name);
	case VX_LIST_ADD:
	case VX_LIST_SET:
	case VX_LIST_REMOVE:
	case VX_LIST_MEMBERS_ADD:
	case VX_LIST_MEMBERS_REMOVE:
		return vx_dir_list_apply(op, txn, name);
	}
	return VX_EINVAL;
}

static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct vx_directory_op *op = (struct vx_directory_op *)base;
	struct vx_buf name = { .max = VX_ADDRESS_MAX };
	int rc;

	if (op->verb == VX_DOMAIN_ADD || op->verb == VX_DOMAIN_SET ||
	    op->verb == VX_DOMAIN_VERIFY || op->verb == VX_DOMAIN_REMOVE ||
	    op->verb == VX_DOMAIN_FOOTER)
		rc = vx_domain_normalise(op->name, &name);
	else
		rc = vx_directory_normalise(op->name, &name);
	if (rc == VX_OK)
		rc = dispatch(op, txn, vx_buf_slice(&name));
	vx_buf_done(&name);
	return rc;
}

void vx_directory_op_init(struct vx_directory_op *op, enum vx_directory_verb verb)
{
	*op = (struct vx_directory_op){ .op = { .apply = apply }, .verb = verb };
	op->op.frees = verb == VX_ACCOUNT_REMOVE || verb == VX_ALIAS_REMOVE ||
		       verb == VX_DOMAIN_REMOVE || verb == VX_LIST_REMOVE ||
		       verb == VX_LIST_MEMBERS_REMOVE;
}
