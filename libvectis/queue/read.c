/* The queue as it is: each call one look at a view. */
#include "queue/record.h"

#include "store/account.h"

/* The first entry from a key on whose kind is the same; VX_ENOENT. */
static int seek(struct vx_view *v, const struct vx_key *k, vx_slice *key, vx_slice *value)
{
	struct vx_kv_cursor *c;
	int rc = vx_kv_cursor_open(vx_view_txn(v), VX_TREE_QUEUE, &c);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_seek(c, vx_key_slice(k), key, value);
	if (rc == VX_OK && (key->len == 0 || key->ptr[0] != k->octets[0]))
		rc = VX_ENOENT;
	vx_kv_cursor_close(c);
	return rc;
}

int vx_queue_get(struct vx_view *v, uint64_t id, struct vx_queue_message *out)
{
	return vx_queue_message_read(vx_view_txn(v), id, out);
}

int vx_queue_prefix(struct vx_view *v, uint64_t id, vx_slice *out)
{
	return vx_queue_prefix_read(vx_view_txn(v), id, out);
}

int vx_queue_next(struct vx_view *v, uint64_t after, struct vx_queue_message *out)
{
	struct vx_key k = { .octets = { VX_QUEUE_MESSAGE }, .len = 1 };
	vx_slice key, value;
	int rc;

	if (after == UINT64_MAX)
		return VX_ENOENT;
	vx_key_add_u64(&k, after + 1);
	rc = seek(v, &k, &key, &value);
	return rc == VX_OK ? vx_queue_message_parse(key, value, out) : rc;
}

int vx_queue_find(struct vx_view *v, vx_slice token, struct vx_queue_message *out)
{
	struct vx_queue_message m = { 0 };
	int rc;

	while ((rc = vx_queue_next(v, m.id, &m)) == VX_OK)
		if (vx_slice_eq_nocase(token, vx_slice_str(m.token)))
			break;
	if (rc == VX_OK)
		*out = m;
	return rc;
}

int vx_queue_recipient(
    struct vx_view *v, uint64_t id, uint32_t from, struct vx_queue_recipient *out)
{
	struct vx_key k;
	vx_slice key, value;
	int rc;

	vx_queue_recipient_key(&k, id, from);
	rc = seek(v, &k, &key, &value);
	if (rc == VX_OK && !vx_queue_is_recipient_of(key, id))
		rc = VX_ENOENT;
	return rc == VX_OK ? vx_queue_recipient_parse(key, value, out) : rc;
}

int vx_queue_destination(
    struct vx_view *v, vx_slice after, char out[VX_DNS_NAME_MAX + 1], uint32_t *due)
{
	struct vx_key k = { .octets = { VX_QUEUE_PLACE }, .len = 1 };
	struct vx_queue_place at;
	vx_slice key, value, destination;
	int rc;

	if (after.len > 0) { /* behind all keys that begin with it and a NUL */
		vx_key_add(&k, after);
		vx_key_add(&k, VX_S("\1"));
	}
	rc = seek(v, &k, &key, &value);
	if (rc == VX_OK)
		rc = vx_queue_place_parse(key, &destination, &at);
	if (rc != VX_OK)
		return rc;
	memcpy(out, destination.ptr, destination.len);
	out[destination.len] = '\0';
	*due = at.due;
	return VX_OK;
}

int vx_queue_due(struct vx_view *v, vx_slice destination, struct vx_queue_place *at)
{
	const bool first = at->due == 0 && at->message == 0 && at->number == 0;
	struct vx_queue_place next = *at, found;
	vx_slice key, value, of;
	struct vx_key k;
	int rc;

	next.number += !first; /* numbers stay below their limit */
	vx_queue_place_key(&k, destination, &next);
	rc = seek(v, &k, &key, &value);
	if (rc == VX_OK)
		rc = vx_queue_place_parse(key, &of, &found);
	if (rc == VX_OK && !vx_slice_eq(of, destination))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		*at = found;
	return rc;
}
