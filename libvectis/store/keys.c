#include "store/keys.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "store/store_int.h"

#include <stdio.h>

enum {
	VALUE_VERSION = 1
};

void vx_key_state(struct vx_key *k, uint32_t account, uint32_t mailbox, enum vx_kind kind)
{
	vx_put_be32(k->octets, account);
	vx_put_be32(k->octets + 4, mailbox);
	k->octets[8] = (char)kind;
	k->len = 9;
}

void vx_key_add(struct vx_key *k, vx_slice s)
{
	s = vx_slice_head(s, sizeof(k->octets) - k->len);
	if (s.len > 0)
		memcpy(k->octets + k->len, s.ptr, s.len);
	k->len += s.len;
}

void vx_key_add_u32(struct vx_key *k, uint32_t n)
{
	vx_put_be32(k->octets + k->len, n);
	k->len += 4;
}

void vx_key_add_u64(struct vx_key *k, uint64_t n)
{
	vx_put_be64(k->octets + k->len, n);
	k->len += 8;
}

void vx_key_blob(struct vx_key *k, uint64_t blob)
{
	k->len = 0;
	vx_key_add_u64(k, blob);
}

bool vx_key_is(vx_slice key, const struct vx_key *prefix, size_t rest)
{
	return key.len == prefix->len + rest &&
	       vx_slice_has_prefix(key, vx_key_slice(prefix));
}

static uint32_t value_crc(const char *value, size_t len)
{
	const uint32_t crc = vx_crc32c(0, vx_slice_of(value, 4));

	return vx_crc32c(
	    crc, vx_slice_of(value + VX_VALUE_HEADER, len - VX_VALUE_HEADER));
}

void vx_value_seal(char *value, size_t len, char type)
{
	value[0] = type;
	value[1] = VALUE_VERSION;
	vx_put_le32(value + 4, value_crc(value, len));
}

int vx_value_check(vx_slice value, char type, size_t min)
{
	if (value.len < min || value.len < VX_VALUE_HEADER || value.ptr[0] != type)
		return VX_ECORRUPT;
	if (value.ptr[1] != VALUE_VERSION)
		return VX_EUNSUP;
	return vx_get_le32(value.ptr + 4) == value_crc(value.ptr, value.len)
		   ? VX_OK
		   : VX_ECORRUPT;
}

int vx_meta_get(struct vx_kv_txn *txn, const char *name, uint64_t *out)
{
	vx_slice found;
	int rc = vx_kv_get(txn, VX_TREE_META, vx_slice_str(name), &found);

	if (rc == VX_OK)
		rc = vx_value_check(found, 'c', VX_VALUE_HEADER + 8);
	if (rc == VX_OK)
		*out = vx_get_le64(found.ptr + VX_VALUE_HEADER);
	return rc;
}

int vx_meta_next(struct vx_kv_txn *txn, const char *name, uint64_t *out)
{
	uint64_t n = 1;
	int rc = vx_meta_get(txn, name, &n);

	if (rc == VX_OK || rc == VX_ENOENT)
		rc = vx_meta_set(txn, name, n + 1);
	if (rc == VX_OK)
		*out = n;
	return rc;
}

int vx_meta_set(struct vx_kv_txn *txn, const char *name, uint64_t next)
{
	char value[VX_VALUE_HEADER + 8] = { 0 };

	vx_put_le64(value + VX_VALUE_HEADER, next);
	vx_value_seal(value, sizeof(value), 'c');
	return vx_kv_put(
	    txn, VX_TREE_META, vx_slice_str(name), vx_slice_of(value, sizeof(value)));
}

/* --- account ---------------------------------------------------------------------- */

enum {
	ACCOUNT_OCTETS = 72,
	ACCOUNT_OCTETS_ONCE = 56, /* without all, fill and metadata */
	ACCOUNT_TOLD = 2          /* in the header: one of its own octets */
};

static unsigned percent(uint64_t used, uint64_t limit)
{
	if (limit == 0)
		return 0;
	if (used >= limit)
		return 100;
	return (unsigned)(limit > UINT64_MAX / 100 ? used / (limit / 100)
						   : used * 100 / limit);
}

unsigned vx_account_level(const struct vx_account_record *r)
{
	const unsigned octets = percent(r->used_octets, r->limit_octets),
		       messages = percent(r->used_messages, r->limit_messages);
	const unsigned most = octets > messages ? octets : messages;

	return most >= 95 ? 95 : most >= 80 ? 80 : 0;
}

int vx_account_read(
    struct vx_kv_txn *txn, uint32_t account, struct vx_account_record *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	vx_key_state(&k, account, 0, VX_KIND_ACCOUNT);
	rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_value_check(v, VX_KIND_ACCOUNT, ACCOUNT_OCTETS_ONCE);
	if (rc != VX_OK)
		return rc;
	*out = (struct vx_account_record){
		.used_octets = vx_get_le64(v.ptr + 8),
		.used_messages = vx_get_le64(v.ptr + 16),
		.limit_octets = vx_get_le64(v.ptr + 24),
		.limit_messages = vx_get_le64(v.ptr + 32),
		.next_mailbox = vx_get_le32(v.ptr + 40),
		.last_uidvalidity = vx_get_le32(v.ptr + 44),
		.modseq = vx_get_le64(v.ptr + 48),
		.told = (uint8_t)v.ptr[ACCOUNT_TOLD],
	};
	if (v.len >= ACCOUNT_OCTETS) {
		out->all = vx_get_le32(v.ptr + 56);
		out->fill = vx_get_le32(v.ptr + 60);
		out->metadata = vx_get_le64(v.ptr + 64);
	}
	return VX_OK;
}

int vx_account_write(
    struct vx_kv_txn *txn, uint32_t account, const struct vx_account_record *r)
{
	char v[ACCOUNT_OCTETS] = { 0 };
	const unsigned level = vx_account_level(r);
	struct vx_key k;

	/* below a threshold again: the next crossing is told again */
	v[ACCOUNT_TOLD] = (char)(r->told > level ? level : r->told);
	vx_key_state(&k, account, 0, VX_KIND_ACCOUNT);
	vx_put_le64(v + 8, r->used_octets);
	vx_put_le64(v + 16, r->used_messages);
	vx_put_le64(v + 24, r->limit_octets);
	vx_put_le64(v + 32, r->limit_messages);
	vx_put_le32(v + 40, r->next_mailbox);
	vx_put_le32(v + 44, r->last_uidvalidity);
	vx_put_le64(v + 48, r->modseq);
	vx_put_le32(v + 56, r->all);
	vx_put_le32(v + 60, r->fill);
	vx_put_le64(v + 64, r->metadata);
	vx_value_seal(v, sizeof(v), VX_KIND_ACCOUNT);
	return vx_kv_put(txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of(v, sizeof(v)));
}

/* --- head ------------------------------------------------------------------------- */

enum {
	HEAD_OCTETS = 56
};

int vx_head_read(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, struct vx_head *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	vx_key_state(&k, account, mailbox, VX_KIND_HEAD);
	rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_value_check(v, VX_KIND_HEAD, HEAD_OCTETS);
	if (rc == VX_OK && v.len > HEAD_OCTETS + VX_MAILBOX_NAME_MAX)
		rc = VX_ECORRUPT;
	if (rc != VX_OK)
		return rc;
	out->s = (struct vx_mailbox_status){
		.uidvalidity = vx_get_le32(v.ptr + 8),
		.uidnext = vx_get_le32(v.ptr + 12),
		.highestmodseq = vx_get_le64(v.ptr + 16),
		.expunge_floor = vx_get_le64(v.ptr + 24),
		.messages = vx_get_le32(v.ptr + 32),
		.unseen = vx_get_le32(v.ptr + 36),
		.deleted = vx_get_le32(v.ptr + 40),
		.size = vx_get_le64(v.ptr + 48),
	};
	out->vanished = vx_get_le16(v.ptr + 2);
	out->special_use = vx_get_le32(v.ptr + 44);
	out->name_len = (uint16_t)(v.len - HEAD_OCTETS);
	memcpy(out->name, v.ptr + HEAD_OCTETS, out->name_len);
	return VX_OK;
}

int vx_head_write(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, const struct vx_head *h)
{
	char v[HEAD_OCTETS + VX_MAILBOX_NAME_MAX] = { 0 };
	const size_t len = HEAD_OCTETS + (size_t)h->name_len;
	struct vx_key k;

	vx_key_state(&k, account, mailbox, VX_KIND_HEAD);
	vx_put_le16(v + 2, h->vanished);
	vx_put_le32(v + 8, h->s.uidvalidity);
	vx_put_le32(v + 12, h->s.uidnext);
	vx_put_le64(v + 16, h->s.highestmodseq);
	vx_put_le64(v + 24, h->s.expunge_floor);
	vx_put_le32(v + 32, h->s.messages);
	vx_put_le32(v + 36, h->s.unseen);
	vx_put_le32(v + 40, h->s.deleted);
	vx_put_le32(v + 44, h->special_use);
	vx_put_le64(v + 48, h->s.size);
	memcpy(v + HEAD_OCTETS, h->name, h->name_len);
	vx_value_seal(v, len, VX_KIND_HEAD);
	return vx_kv_put(txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of(v, len));
}

uint32_t vx_mailbox_from(struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox)
{
	struct vx_kv_cursor *c;
	struct vx_key k = { .len = 0 };
	vx_slice key, value;
	uint32_t found = 0;

	if (vx_kv_cursor_open(txn, VX_TREE_STATE, &c) != VX_OK)
		return 0;
	vx_key_add_u32(&k, account);
	vx_key_add_u32(&k, mailbox);
	if (vx_kv_seek(c, vx_key_slice(&k), &key, &value) == VX_OK && key.len >= 9 &&
	    vx_get_be32(key.ptr) == account)
		found = vx_get_be32(key.ptr + 4);
	vx_kv_cursor_close(c);
	return found;
}

/* --- names ------------------------------------------------------------------------ */

enum {
	NAME_OCTETS = 12
};

int vx_name_parse(vx_slice v, struct vx_name *out)
{
	const int rc = vx_value_check(v, VX_KIND_NAME, NAME_OCTETS);

	if (rc != VX_OK)
		return rc;
	out->subscribed = v.ptr[2] != 0;
	out->mailbox = vx_get_le32(v.ptr + 8);
	return VX_OK;
}

int vx_name_read(
    struct vx_kv_txn *txn, uint32_t account, vx_slice name, struct vx_name *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	vx_key_state(&k, account, 0, VX_KIND_NAME);
	vx_key_add(&k, name);
	rc = vx_kv_get(txn, VX_TREE_STATE, vx_key_slice(&k), &v);
	return rc == VX_OK ? vx_name_parse(v, out) : rc;
}

int vx_name_write(
    struct vx_kv_txn *txn, uint32_t account, vx_slice name, const struct vx_name *n)
{
	char v[NAME_OCTETS] = { 0 };
	struct vx_key k;
	int rc;

	vx_key_state(&k, account, 0, VX_KIND_NAME);
	vx_key_add(&k, name);
	if (n->mailbox == 0 && !n->subscribed) {
		rc = vx_kv_delete(txn, VX_TREE_STATE, vx_key_slice(&k));
		return rc == VX_ENOENT ? VX_OK : rc;
	}
	v[2] = n->subscribed ? 1 : 0;
	vx_put_le32(v + 8, n->mailbox);
	vx_value_seal(v, sizeof(v), VX_KIND_NAME);
	return vx_kv_put(txn, VX_TREE_STATE, vx_key_slice(&k), vx_slice_of(v, sizeof(v)));
}

/* --- volumes ------------------------------------------------------------------------ */

enum {
	VOLUME_OCTETS = 32
};

int vx_volume_record_get(vx_slice key, vx_slice v, struct vx_volume_record *out)
{
	int rc = key.len == 4 ? VX_OK : VX_ECORRUPT;

	if (rc == VX_OK)
		rc = vx_value_check(v, 'V', VOLUME_OCTETS);
	if (rc != VX_OK)
		return rc;
	*out = (struct vx_volume_record){ .number = vx_get_be32(key.ptr),
		.lane = (uint8_t)v.ptr[2],
		.sealed = (uint8_t)v.ptr[3],
		.live = vx_get_le64(v.ptr + 8),
		.dead = vx_get_le64(v.ptr + 16),
		.stored = vx_get_le64(v.ptr + 24) };
	return VX_OK;
}

int vx_volume_record_read(
    struct vx_kv_txn *txn, uint32_t number, struct vx_volume_record *out)
{
	char key[4];
	vx_slice v;
	int rc;

	vx_put_be32(key, number);
	rc = vx_kv_get(txn, VX_TREE_VOLUME, vx_slice_of(key, 4), &v);
	return rc == VX_OK ? vx_volume_record_get(vx_slice_of(key, 4), v, out) : rc;
}

int vx_volume_record_write(struct vx_kv_txn *txn, const struct vx_volume_record *r)
{
	char key[4], v[VOLUME_OCTETS] = { 0 };

	vx_put_be32(key, r->number);
	v[2] = (char)r->lane;
	v[3] = (char)r->sealed;
	vx_put_le64(v + 8, r->live);
	vx_put_le64(v + 16, r->dead);
	vx_put_le64(v + 24, r->stored);
	vx_value_seal(v, sizeof(v), 'V');
	return vx_kv_put(
	    txn, VX_TREE_VOLUME, vx_slice_of(key, 4), vx_slice_of(v, sizeof(v)));
}

/* --- the queue -----------------------------------------------------------------------
 */

int vx_queue_blob(vx_slice key, vx_slice value, uint64_t *out)
{
	int rc;

	if (key.len == 0 || key.ptr[0] != VX_QUEUE_MESSAGE)
		return VX_ENOENT;
	rc = vx_value_check(value, 'q', VX_QUEUE_BLOB_AT + 8);
	if (rc == VX_OK)
		*out = vx_get_le64(value.ptr + VX_QUEUE_BLOB_AT);
	return rc;
}

int vx_report_blob(vx_slice key, vx_slice value, uint64_t *out)
{
	int rc = vx_value_check(value, VX_REPORT_VALUE, VX_VALUE_HEADER);

	if (rc == VX_OK && (key.len == 0 || key.ptr[0] != VX_REPORT_INTAKE))
		return VX_ENOENT;
	if (rc == VX_OK && value.len < VX_VALUE_HEADER + 8)
		rc = VX_ECORRUPT;
	if (rc == VX_OK)
		*out = vx_get_le64(value.ptr + VX_VALUE_HEADER);
	return rc;
}
