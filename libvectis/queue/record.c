#include "queue/record.h"

#include "base/bytes.h"
#include "base/mem.h"

enum {
	MESSAGE_OCTETS = VX_QUEUE_BLOB_AT + 40,
	RECIPIENT_OCTETS = VX_VALUE_HEADER + 8,
	DELAY_TOLD = 1,
	PLACE_OCTETS = 16 /* behind the destination and its NUL */
};

static vx_slice slice_of(const struct vx_buf *b)
{
	return vx_buf_slice(b);
}

void vx_queue_add_string(struct vx_buf *out, vx_slice s)
{
	char len[2];

	vx_put_le16(len, (uint16_t)s.len);
	vx_buf_add(out, vx_slice_of(len, 2));
	vx_buf_add(out, s);
}

int vx_queue_take_strings(vx_slice rest, vx_slice *const strings[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const size_t len = rest.len >= 2 ? vx_get_le16(rest.ptr) : SIZE_MAX;

		if (rest.len < 2 || len > rest.len - 2)
			return VX_ECORRUPT;
		*strings[i] = vx_slice_of(rest.ptr + 2, len);
		rest = vx_slice_from(rest, 2 + len);
	}
	return VX_OK;
}

int vx_queue_put(struct vx_kv_txn *txn, const struct vx_key *k, struct vx_buf *value)
{
	int rc = value->failed ? VX_ELIMIT : VX_OK;

	if (rc == VX_OK) {
		vx_value_seal(value->ptr, value->len, 'q');
		rc = vx_kv_put(txn, VX_TREE_QUEUE, vx_key_slice(k), slice_of(value));
	}
	vx_buf_done(value);
	return rc;
}

static void id_key(struct vx_key *k, enum vx_queue_kind kind, uint64_t id)
{
	k->octets[0] = (char)kind;
	k->len = 1;
	vx_key_add_u64(k, id);
}

static void message_key(struct vx_key *k, uint64_t id)
{
	id_key(k, VX_QUEUE_MESSAGE, id);
}

void vx_queue_recipient_key(struct vx_key *k, uint64_t id, uint32_t number)
{
	k->octets[0] = VX_QUEUE_RECIPIENT;
	k->len = 1;
	vx_key_add_u64(k, id);
	vx_key_add_u32(k, number);
}

bool vx_queue_is_recipient_of(vx_slice key, uint64_t id)
{
	return key.len == 13 && key.ptr[0] == VX_QUEUE_RECIPIENT &&
	       vx_get_be64(key.ptr + 1) == id;
}

/* --- messages ------------------------------------------------------------------------
 */

int vx_queue_message_parse(vx_slice key, vx_slice v, struct vx_queue_message *out)
{
	struct vx_queue_message m = { 0 };
	vx_slice *const strings[] = { &m.reverse_path, &m.envid, &m.domain, &m.hold };
	const char *p = v.ptr + VX_QUEUE_BLOB_AT;
	vx_slice rest;
	int rc = vx_value_check(v, 'q', MESSAGE_OCTETS + VX_QUEUE_TOKEN_OCTETS);

	if (rc == VX_OK && (key.len != 9 || key.ptr[0] != VX_QUEUE_MESSAGE))
		rc = VX_ECORRUPT;
	if (rc != VX_OK)
		return rc;
	m.id = vx_get_be64(key.ptr + 1);
	m.blob = vx_get_le64(p);
	m.size = vx_get_le64(p + 8);
	m.created = vx_get_le64(p + 16);
	m.account = vx_get_le32(p + 24);
	m.flags = vx_get_le32(p + 28);
	m.recipients = vx_get_le32(p + 32);
	m.left = vx_get_le32(p + 36);
	memcpy(m.token, v.ptr + MESSAGE_OCTETS, VX_QUEUE_TOKEN_OCTETS);
	m.token[VX_QUEUE_TOKEN_OCTETS] = '\0';
	rest = vx_slice_from(v, MESSAGE_OCTETS + VX_QUEUE_TOKEN_OCTETS);
	rc = vx_queue_take_strings(rest, strings, 2);
	if (rc == VX_OK && vx_slice_end(m.envid) < vx_slice_end(rest)) {
		/* what came with relays: older entries do not have it */
		rc = vx_queue_take_strings(rest, strings, 4);
		rest = vx_slice_range(
		    rc == VX_OK ? vx_slice_end(m.hold) : rest.ptr, vx_slice_end(rest));
		if (rc == VX_OK && rest.len < 4)
			rc = VX_ECORRUPT;
		if (rc == VX_OK)
			m.release = vx_get_le32(rest.ptr);
	}
	if (rc == VX_OK)
		*out = m;
	return rc;
}

int vx_queue_message_read(
    struct vx_kv_txn *txn, uint64_t id, struct vx_queue_message *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	message_key(&k, id);
	rc = vx_kv_get(txn, VX_TREE_QUEUE, vx_key_slice(&k), &v);
	return rc == VX_OK ? vx_queue_message_parse(vx_key_slice(&k), v, out) : rc;
}

int vx_queue_message_write(struct vx_kv_txn *txn, const struct vx_queue_message *m)
{
	struct vx_buf value = { .max = 4096 };
	char fixed[MESSAGE_OCTETS] = { 0 }, release[4];
	char *const p = fixed + VX_QUEUE_BLOB_AT;
	struct vx_key k;

	vx_put_le64(p, m->blob);
	vx_put_le64(p + 8, m->size);
	vx_put_le64(p + 16, m->created);
	vx_put_le32(p + 24, m->account);
	vx_put_le32(p + 28, m->flags);
	vx_put_le32(p + 32, m->recipients);
	vx_put_le32(p + 36, m->left);
	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	vx_buf_add(&value, vx_slice_of(m->token, VX_QUEUE_TOKEN_OCTETS));
	vx_queue_add_string(&value, m->reverse_path);
	vx_queue_add_string(&value, m->envid);
	vx_queue_add_string(&value, m->domain);
	vx_queue_add_string(&value, m->hold);
	vx_put_le32(release, m->release);
	vx_buf_add(&value, vx_slice_of(release, sizeof(release)));
	message_key(&k, m->id);
	return vx_queue_put(txn, &k, &value);
}

int vx_queue_message_delete(struct vx_kv_txn *txn, uint64_t id)
{
	struct vx_key k;
	int rc;

	message_key(&k, id);
	rc = vx_kv_delete(txn, VX_TREE_QUEUE, vx_key_slice(&k));
	if (rc != VX_OK)
		return rc;
	id_key(&k, VX_QUEUE_PREFIX, id);
	rc = vx_kv_delete(txn, VX_TREE_QUEUE, vx_key_slice(&k));
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_queue_prefix_read(struct vx_kv_txn *txn, uint64_t id, vx_slice *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	id_key(&k, VX_QUEUE_PREFIX, id);
	rc = vx_kv_get(txn, VX_TREE_QUEUE, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_value_check(v, 'q', VX_VALUE_HEADER);
	if (rc == VX_OK)
		*out = vx_slice_from(v, VX_VALUE_HEADER);
	else if (rc == VX_ENOENT)
		*out = vx_slice_of("", 0);
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_queue_prefix_write(struct vx_kv_txn *txn, uint64_t id, vx_slice prefix)
{
	struct vx_buf value = { .max = VX_VALUE_HEADER + VX_QUEUE_PREFIX_MAX };
	const char fixed[VX_VALUE_HEADER] = { 0 };
	struct vx_key k;

	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	vx_buf_add(&value, prefix);
	id_key(&k, VX_QUEUE_PREFIX, id);
	return vx_queue_put(txn, &k, &value);
}

/* --- recipients ----------------------------------------------------------------------
 */

int vx_queue_recipient_parse(vx_slice key, vx_slice v, struct vx_queue_recipient *out)
{
	struct vx_queue_recipient r;
	vx_slice *const strings[] = { &r.forward_path, &r.orcpt, &r.destination, &r.host,
		&r.reply };
	const char *p = v.ptr + VX_VALUE_HEADER;
	int rc = vx_value_check(v, 'q', RECIPIENT_OCTETS);

	if (rc == VX_OK && (key.len != 13 || key.ptr[0] != VX_QUEUE_RECIPIENT))
		rc = VX_ECORRUPT;
	if (rc != VX_OK)
		return rc;
	r.number = vx_get_be32(key.ptr + 9);
	r.due = vx_get_le32(p);
	r.attempts = vx_get_le16(p + 4);
	r.notify = (unsigned char)p[6];
	r.delay_told = (p[7] & DELAY_TOLD) != 0;
	rc = vx_queue_take_strings(vx_slice_from(v, RECIPIENT_OCTETS), strings, 5);
	if (rc == VX_OK)
		*out = r;
	return rc;
}

int vx_queue_recipient_read(
    struct vx_kv_txn *txn, uint64_t id, uint32_t number, struct vx_queue_recipient *out)
{
	struct vx_key k;
	vx_slice v;
	int rc;

	vx_queue_recipient_key(&k, id, number);
	rc = vx_kv_get(txn, VX_TREE_QUEUE, vx_key_slice(&k), &v);
	return rc == VX_OK ? vx_queue_recipient_parse(vx_key_slice(&k), v, out) : rc;
}

int vx_queue_recipient_write(
    struct vx_kv_txn *txn, uint64_t id, const struct vx_queue_recipient *r)
{
	struct vx_buf value = { .max = 8192 };
	char fixed[RECIPIENT_OCTETS] = { 0 };
	char *const p = fixed + VX_VALUE_HEADER;
	struct vx_key k;

	vx_put_le32(p, r->due);
	vx_put_le16(
	    p + 4, (uint16_t)(r->attempts > UINT16_MAX ? UINT16_MAX : r->attempts));
	p[6] = (char)r->notify;
	p[7] = r->delay_told ? DELAY_TOLD : 0;
	vx_buf_add(&value, vx_slice_of(fixed, sizeof(fixed)));
	vx_queue_add_string(&value, r->forward_path);
	vx_queue_add_string(&value, r->orcpt);
	vx_queue_add_string(&value, r->destination);
	vx_queue_add_string(&value, vx_slice_head(r->host, VX_DNS_NAME_MAX));
	vx_queue_add_string(&value, vx_slice_head(r->reply, VX_QUEUE_REPLY_MAX));
	vx_queue_recipient_key(&k, id, r->number);
	return vx_queue_put(txn, &k, &value);
}

int vx_queue_recipient_delete(struct vx_kv_txn *txn, uint64_t id, uint32_t number)
{
	struct vx_key k;

	vx_queue_recipient_key(&k, id, number);
	return vx_kv_delete(txn, VX_TREE_QUEUE, vx_key_slice(&k));
}

/* --- what is due ---------------------------------------------------------------------
 */

void vx_queue_place_key(
    struct vx_key *k, vx_slice destination, const struct vx_queue_place *at)
{
	k->octets[0] = VX_QUEUE_PLACE;
	k->len = 1;
	vx_key_add(k, destination);
	vx_key_add(k, VX_S("\0"));
	vx_key_add_u32(k, at->due);
	vx_key_add_u64(k, at->message);
	vx_key_add_u32(k, at->number);
}

int vx_queue_place_parse(vx_slice key, vx_slice *destination, struct vx_queue_place *out)
{
	const char *place;
	size_t end;

	if (key.len < 2 + PLACE_OCTETS || key.ptr[0] != VX_QUEUE_PLACE)
		return VX_ECORRUPT;
	end = key.len - PLACE_OCTETS - 1;
	place = key.ptr + end + 1;
	if (key.ptr[end] != '\0' || end - 1 > VX_DNS_NAME_MAX ||
	    memchr(key.ptr + 1, '\0', end - 1) != NULL)
		return VX_ECORRUPT;
	*destination = vx_slice_of(key.ptr + 1, end - 1);
	*out = (struct vx_queue_place){ vx_get_be32(place), vx_get_be64(place + 4),
		vx_get_be32(place + 12) };
	return VX_OK;
}

int vx_queue_place_put(
    struct vx_kv_txn *txn, uint64_t id, const struct vx_queue_recipient *r)
{
	const struct vx_queue_place at = { r->due, id, r->number };
	struct vx_key k;

	vx_queue_place_key(&k, r->destination, &at);
	return vx_kv_put(txn, VX_TREE_QUEUE, vx_key_slice(&k), vx_slice_of("", 0));
}

int vx_queue_place_delete(
    struct vx_kv_txn *txn, uint64_t id, const struct vx_queue_recipient *r)
{
	const struct vx_queue_place at = { r->due, id, r->number };
	struct vx_key k;
	int rc;

	vx_queue_place_key(&k, r->destination, &at);
	rc = vx_kv_delete(txn, VX_TREE_QUEUE, vx_key_slice(&k));
	return rc == VX_ENOENT ? VX_OK : rc; /* it is held */
}
