/* Events by number; what is too old goes as new ones come. */
#include "vectis/event.h"

#include "base/bytes.h"
#include "base/encode.h"
#include "base/mem.h"
#include "store/store_int.h"

enum {
	/* value: header, time u64, size u64, type u8, then texts with a u16 before each
	 */
	AT_TIME = VX_VALUE_HEADER,
	AT_SIZE = AT_TIME + 8,
	AT_TYPE = AT_SIZE + 8,
	AT_TEXTS = AT_TYPE + 1,
	VALUE_MAX = AT_TEXTS + VX_EVENT_TEXTS * (2 + VX_EVENT_LIST_MAX),
	DROPPED_MAX = 2 /* old ones that a new one takes away */
};

const char *vx_event_name(unsigned type)
{
	static const char *const names[] = { [VX_EVENT_ACCEPTED] = "accepted",
		[VX_EVENT_REFUSED] = "refused",
		[VX_EVENT_SENT] = "sent",
		[VX_EVENT_DEFERRED] = "deferred",
		[VX_EVENT_BOUNCED] = "bounced",
		[VX_EVENT_EXPIRED] = "expired",
		[VX_EVENT_REMOVED] = "removed",
		[VX_EVENT_RETURNED] = "returned" };

	return type < VX_EVENT_TYPES ? names[type] : "?";
}

static void key_of(struct vx_key *k, uint64_t number)
{
	k->octets[0] = 'E';
	k->len = 1;
	vx_key_add_u64(k, number);
}

static bool is_key(vx_slice key)
{
	return key.len == 9 && key.ptr[0] == 'E';
}

static void render(const struct vx_event *e, struct vx_buf *out)
{
	char head[AT_TEXTS] = { 0 }, len[2];

	vx_put_le64(head + AT_TIME, e->time);
	vx_put_le64(head + AT_SIZE, e->size);
	head[AT_TYPE] = (char)e->type;
	vx_buf_add(out, vx_slice_of(head, sizeof(head)));
	for (size_t i = 0; i < VX_EVENT_TEXTS; i++) {
		const bool list = i == VX_EVENT_RECIPIENTS || i == VX_EVENT_CHECKS;
		const vx_slice text = vx_utf8_head(
		    e->texts[i], list ? VX_EVENT_LIST_MAX : VX_EVENT_TEXT_MAX);

		vx_put_le16(len, (uint16_t)text.len);
		vx_buf_add(out, vx_slice_of(len, 2));
		vx_buf_add(out, text);
	}
	if (!out->failed)
		vx_value_seal(out->ptr, out->len, 'e');
}

static int parse(vx_slice key, vx_slice value, struct vx_event *out)
{
	int rc = vx_value_check(value, 'e', AT_TEXTS);
	vx_slice rest;

	if (rc != VX_OK)
		return rc;
	*out = (struct vx_event){ .number = vx_get_be64(key.ptr + 1),
		.time = vx_get_le64(value.ptr + AT_TIME),
		.size = vx_get_le64(value.ptr + AT_SIZE),
		.type = (unsigned char)value.ptr[AT_TYPE] };
	rest = vx_slice_from(value, AT_TEXTS);
	for (size_t i = 0; i < VX_EVENT_TEXTS; i++) {
		const size_t len = rest.len < 2 ? SIZE_MAX : vx_get_le16(rest.ptr);

		if (len > rest.len - 2)
			return VX_ECORRUPT;
		out->texts[i] = vx_slice_head(vx_slice_from(rest, 2), len);
		rest = vx_slice_from(rest, 2 + len);
	}
	return VX_OK;
}

/* Is the oldest one too old, or one too many?  A damaged one goes, too. */
static bool is_stale(vx_slice key, vx_slice value, const struct vx_event *newest)
{
	const uint64_t keep = (uint64_t)VX_EVENT_DAYS * 86400;
	struct vx_event e;

	if (parse(key, value, &e) != VX_OK)
		return true;
	return newest->number - e.number >= VX_EVENTS_MAX ||
	       (newest->time > keep && e.time < newest->time - keep);
}

static int drop_stale(struct vx_kv_txn *txn, const struct vx_event *newest)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_key first;
	int rc = vx_kv_cursor_open(txn, VX_TREE_EVENT, &c);

	if (rc != VX_OK)
		return rc;
	key_of(&first, 0);
	for (size_t i = 0; i < DROPPED_MAX && rc == VX_OK; i++) {
		rc = vx_kv_seek(c, vx_key_slice(&first), &key, &value);
		if (rc != VX_OK || !is_key(key) || !is_stale(key, value, newest))
			break;
		rc = vx_kv_cursor_delete(c);
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_event_write(struct vx_kv_txn *txn, const struct vx_event *e)
{
	struct vx_buf value = { .max = VALUE_MAX };
	struct vx_event numbered = *e;
	struct vx_key k;
	int rc;

	render(e, &value); /* before anything is written: it may be borrowed from there */
	rc = value.failed ? VX_ENOMEM : vx_meta_next(txn, "event", &numbered.number);
	key_of(&k, numbered.number);
	if (rc == VX_OK)
		rc =
		    vx_kv_put(txn, VX_TREE_EVENT, vx_key_slice(&k), vx_buf_slice(&value));
	vx_buf_done(&value);
	return rc == VX_OK ? drop_stale(txn, &numbered) : rc;
}

static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct vx_event_op *op = (const struct vx_event_op *)base;
	int rc = VX_OK;

	for (size_t i = 0; i < op->count && rc == VX_OK; i++)
		rc = vx_event_write(txn, &op->events[i]);
	return rc;
}

void vx_event_op_init(struct vx_event_op *op)
{
	*op = (struct vx_event_op){ .op = { .apply = apply } };
}

int vx_event_before(struct vx_view *v, uint64_t number, struct vx_event *out)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_key k;
	int rc = vx_kv_cursor_open(v->txn, VX_TREE_EVENT, &c);

	if (rc != VX_OK)
		return rc;
	key_of(&k, number);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	rc = rc == VX_OK ? vx_kv_prev(c, &key, &value) : vx_kv_last(c, &key, &value);
	vx_kv_cursor_close(c);
	if (rc == VX_OK && !is_key(key))
		rc = VX_ENOENT;
	return rc == VX_OK ? parse(key, value, out) : rc;
}
