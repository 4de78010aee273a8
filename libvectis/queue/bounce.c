/* Counts of a domain and a day: an entry each, beside the queue. */
#include "vectis/bounce.h"

#include "base/bytes.h"
#include "queue/record.h"
#include "store/account.h"

enum {
	DAY_S = 86400,
	COUNTS_OCTETS = VX_VALUE_HEADER + 4 * VX_BOUNCE_KINDS,
	DROPPED_MAX = 4 /* old days that a new one takes away */
};

bool vx_bounce_is_hard(const char *status)
{
	static const char *const soft[] = { "5.2.2", "5.2.3", "5.3.1", "5.3.2", "5.3.4",
		"5.4.7", "5.7.0", "5.7.1", "5.7.7" };

	for (size_t i = 0; i < sizeof(soft) / sizeof(soft[0]); i++)
		if (strcmp(status, soft[i]) == 0)
			return false;
	return status[0] == '5';
}

static void prefix_of(struct vx_key *k, vx_slice domain)
{
	k->octets[0] = VX_QUEUE_BOUNCES;
	k->len = 1;
	vx_key_add(k, domain);
	vx_key_add(k, VX_S("\0"));
}

static int read_counts(vx_slice value, uint32_t counts[VX_BOUNCE_KINDS])
{
	const int rc = vx_value_check(value, 'q', COUNTS_OCTETS);

	for (size_t i = 0; i < VX_BOUNCE_KINDS && rc == VX_OK; i++)
		counts[i] = vx_get_le32(value.ptr + VX_VALUE_HEADER + 4 * i);
	return rc;
}

/* Days of the domain that are too old, a few at a time. */
static int drop_old(struct vx_kv_txn *txn, vx_slice domain, uint32_t today)
{
	struct vx_key prefix, k;
	vx_slice key, value;
	int rc = VX_OK;

	prefix_of(&prefix, domain);
	for (int i = 0; i < DROPPED_MAX && rc == VX_OK; i++) {
		struct vx_kv_cursor *c;

		rc = vx_kv_cursor_open(txn, VX_TREE_QUEUE, &c);
		if (rc != VX_OK)
			return rc;
		rc = vx_kv_seek(c, vx_key_slice(&prefix), &key, &value);
		if (rc == VX_OK &&
		    (!vx_key_is(key, &prefix, 4) ||
			vx_get_be32(key.ptr + prefix.len) + VX_BOUNCE_DAYS > today))
			rc = VX_ENOENT;
		if (rc == VX_OK) {
			k = prefix;
			vx_key_add_u32(&k, vx_get_be32(key.ptr + prefix.len));
		}
		vx_kv_cursor_close(c);
		if (rc == VX_OK)
			rc = vx_kv_delete(txn, VX_TREE_QUEUE, vx_key_slice(&k));
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_bounce_count(
    struct vx_kv_txn *txn, vx_slice domain, uint64_t now_s, enum vx_bounce_kind kind)
{
	const uint32_t today = (uint32_t)(now_s / DAY_S);
	uint32_t counts[VX_BOUNCE_KINDS] = { 0 };
	char value[COUNTS_OCTETS] = { 0 };
	struct vx_key k;
	vx_slice old;
	int rc;

	if (domain.len == 0 || domain.len > VX_DNS_NAME_MAX || kind >= VX_BOUNCE_KINDS)
		return VX_EINVAL;
	prefix_of(&k, domain);
	vx_key_add_u32(&k, today);
	rc = vx_kv_get(txn, VX_TREE_QUEUE, vx_key_slice(&k), &old);
	if (rc == VX_OK)
		rc = read_counts(old, counts);
	else if (rc == VX_ENOENT)
		rc = drop_old(txn, domain, today);
	if (rc != VX_OK)
		return rc;
	counts[kind] += counts[kind] < UINT32_MAX;
	for (size_t i = 0; i < VX_BOUNCE_KINDS; i++)
		vx_put_le32(value + VX_VALUE_HEADER + 4 * i, counts[i]);
	vx_value_seal(value, sizeof(value), 'q');
	return vx_kv_put(
	    txn, VX_TREE_QUEUE, vx_key_slice(&k), vx_slice_of(value, sizeof(value)));
}

/* The domain of a key; empty: it is none of these. */
static vx_slice domain_of(vx_slice key)
{
	if (key.len < 7 || key.ptr[0] != VX_QUEUE_BOUNCES ||
	    key.len - 6 > VX_DNS_NAME_MAX || key.ptr[key.len - 5] != '\0')
		return vx_slice_of("", 0);
	return vx_slice_of(key.ptr + 1, key.len - 6);
}

int vx_bounces_next(
    struct vx_view *v, vx_slice after, uint32_t from_day, struct vx_bounces *out)
{
	struct vx_bounces b = { .domain = "" };
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_key k;
	int rc = vx_kv_cursor_open(vx_view_txn(v), VX_TREE_QUEUE, &c);

	if (rc != VX_OK)
		return rc;
	k = (struct vx_key){ .octets = { VX_QUEUE_BOUNCES }, .len = 1 };
	vx_key_add(&k, after);
	if (after.len > 0)
		vx_key_add(&k, VX_S("\1")); /* behind all its days */
	for (rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value); rc == VX_OK;
	     rc = vx_kv_next(c, &key, &value)) {
		uint32_t counts[VX_BOUNCE_KINDS];
		const vx_slice domain = domain_of(key);

		if (domain.len == 0 ||
		    (b.domain[0] != '\0' && !vx_slice_eq(domain, vx_slice_str(b.domain))))
			break;
		memcpy(b.domain, domain.ptr, domain.len);
		b.domain[domain.len] = '\0';
		rc = read_counts(value, counts);
		if (rc != VX_OK)
			break;
		for (size_t i = 0; i < VX_BOUNCE_KINDS; i++)
			if (vx_get_be32(key.ptr + key.len - 4) >= from_day)
				b.counts[i] += counts[i];
	}
	vx_kv_cursor_close(c);
	if (rc == VX_OK || rc == VX_ENOENT)
		rc = b.domain[0] != '\0' ? VX_OK : VX_ENOENT;
	if (rc == VX_OK)
		*out = b;
	return rc;
}
