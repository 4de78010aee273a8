/* Policies of MTA-STS: entries of their own kind in the queue's tree. */
#include "vectis/sts_cache.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "store/account.h"
#include "store/keys.h"

enum {
	FIXED = VX_VALUE_HEADER + 18 + VX_STS_ID_MAX,
	FAILING = 1
};

static void make_key(struct vx_key *k, const char *domain)
{
	k->octets[0] = VX_QUEUE_POLICY;
	k->len = 1;
	vx_key_add(k, vx_slice_str(domain));
}

static int parse(vx_slice key, vx_slice v, struct vx_sts_entry *out)
{
	const char *p = v.ptr + VX_VALUE_HEADER;
	const int rc = vx_value_check(v, 'q', FIXED);
	unsigned id_len;

	if (rc != VX_OK)
		return rc;
	id_len = (unsigned char)p[17];
	if (key.len < 2 || key.ptr[0] != VX_QUEUE_POLICY ||
	    key.len - 1 > VX_DNS_NAME_MAX || id_len > VX_STS_ID_MAX)
		return VX_ECORRUPT;
	memset(out, 0, sizeof(*out));
	memcpy(out->domain, key.ptr + 1, key.len - 1);
	out->fetched = vx_get_le32(p);
	out->expires = vx_get_le32(p + 4);
	out->used = vx_get_le32(p + 8);
	out->tried = vx_get_le32(p + 12);
	out->failing = (p[16] & FAILING) != 0;
	memcpy(out->id, p + 18, id_len);
	out->policy = vx_slice_from(v, FIXED);
	return VX_OK;
}

int vx_sts_cached(struct vx_view *v, const char *domain, struct vx_sts_entry *out)
{
	struct vx_key k;
	vx_slice value;
	int rc;

	make_key(&k, domain);
	rc = vx_kv_get(vx_view_txn(v), VX_TREE_QUEUE, vx_key_slice(&k), &value);
	return rc == VX_OK ? parse(vx_key_slice(&k), value, out) : rc;
}

int vx_sts_cached_next(struct vx_view *v, const char *after, struct vx_sts_entry *out)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_key k;
	int rc = vx_kv_cursor_open(vx_view_txn(v), VX_TREE_QUEUE, &c);

	if (rc != VX_OK)
		return rc;
	make_key(&k, after);
	rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	if (rc == VX_OK && vx_slice_eq(key, vx_key_slice(&k)))
		rc = vx_kv_next(c, &key, &value);
	while (rc == VX_OK) {
		rc = key.len > 0 && key.ptr[0] == VX_QUEUE_POLICY ? parse(key, value, out)
								  : VX_ENOENT;
		if (rc != VX_ECORRUPT)
			break;
		rc = vx_kv_next(c, &key, &value); /* a damaged one hides no others */
	}
	vx_kv_cursor_close(c);
	return rc;
}

static int put(
    struct vx_kv_txn *txn, const struct vx_key *k, const struct vx_sts_entry *e)
{
	const size_t len = FIXED + e->policy.len, id_len = strlen(e->id);
	char *value = vx_alloc(len), *p;
	int rc;

	if (value == NULL)
		return VX_ENOMEM;
	p = value + VX_VALUE_HEADER;
	vx_put_le32(p, e->fetched);
	vx_put_le32(p + 4, e->expires);
	vx_put_le32(p + 8, e->used);
	vx_put_le32(p + 12, e->tried);
	p[16] = e->failing ? FAILING : 0;
	p[17] = (char)id_len;
	memcpy(p + 18, e->id, id_len);
	memcpy(value + FIXED, e->policy.ptr, e->policy.len);
	vx_value_seal(value, len, 'q');
	rc = vx_kv_put(txn, VX_TREE_QUEUE, vx_key_slice(k), vx_slice_of(value, len));
	vx_free(value);
	return rc;
}

static int apply(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct vx_sts_entry *e = &((struct vx_sts_cache_op *)base)->entry;
	struct vx_key k;
	int rc;

	if (e->domain[0] == '\0' || e->policy.len > VX_STS_OCTETS_MAX)
		return VX_EINVAL;
	make_key(&k, e->domain);
	if (e->policy.len > 0)
		return put(txn, &k, e);
	rc = vx_kv_delete(txn, VX_TREE_QUEUE, vx_key_slice(&k));
	return rc == VX_ENOENT ? VX_OK : rc;
}

void vx_sts_cache_op_init(struct vx_sts_cache_op *op)
{
	*op = (struct vx_sts_cache_op){ .op = { .apply = apply } };
}
