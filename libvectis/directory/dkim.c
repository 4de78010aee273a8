/* DKIM keys of a domain: records beside those of its accounts. */
#include "base/mem.h"
#include "directory/record.h"
#include "store/account.h"
#include "vectis/address.h"
#include "vectis/crypto.h"
#include "vectis/dkim_keys.h"

#include <stdio.h>
#include <time.h>

enum {
	NAME, /* selector@domain */
	PEM
};

/* "selector@domain", normalised. */
static int key_name(vx_slice domain, vx_slice selector, struct vx_buf *out)
{
	int rc;

	if (selector.len > VX_DKIM_SELECTOR_MAX ||
	    vx_slice_find(selector, '@') < selector.len)
		return VX_EINVAL;
	vx_buf_add(out, selector);
	vx_buf_add_char(out, '@');
	rc = vx_domain_normalise(domain, out);
	return rc == VX_OK && out->failed ? VX_ELIMIT : rc;
}

static int key_of(struct vx_dir_key *k, vx_slice domain, vx_slice selector)
{
	struct vx_buf name = { .max = 400 };
	int rc = key_name(domain, selector, &name);

	if (rc == VX_OK)
		rc = vx_dir_key(k, VX_DIR_DKIM, vx_buf_slice(&name));
	vx_buf_done(&name);
	return rc;
}

static void as_key(const struct vx_dir_record *r, struct vx_dkim_key *out)
{
	const vx_slice name = r->strings[NAME];
	const size_t at = vx_slice_rfind(name, '@');

	*out = (struct vx_dkim_key){ .domain = vx_slice_from(name, at + 1),
		.selector = vx_slice_head(name, at),
		.pem = r->strings[PEM],
		.from = r->created,
		.until = r->number };
}

bool vx_dkim_key_signs(const struct vx_dkim_key *k, uint64_t now_s)
{
	return k->from <= now_s && (k->until == 0 || now_s < k->until);
}

/* The first with a selector after `after`, or the first of all. */
static int next(
    struct vx_kv_txn *txn, vx_slice domain, vx_slice after, struct vx_dkim_key *out)
{
	struct vx_dir_key k, prefix;
	struct vx_dir_record r;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = key_of(&prefix, domain, vx_slice_of("", 0));

	if (rc == VX_OK)
		rc = key_of(&k, domain, after);
	if (rc == VX_OK)
		rc = vx_kv_cursor_open(txn, VX_TREE_DIR, &c);
	if (rc != VX_OK)
		return rc;
	if (after.len > 0 && k.len < sizeof(k.octets))
		k.octets[k.len++] = '\0'; /* behind itself */
	rc = vx_kv_seek(c, vx_dir_key_slice(&k), &key, &value);
	if (rc == VX_OK && !vx_slice_has_prefix(key, vx_dir_key_slice(&prefix)))
		rc = VX_ENOENT;
	if (rc == VX_OK)
		rc = vx_dir_parse(value, &r);
	vx_kv_cursor_close(c);
	if (rc == VX_OK)
		as_key(&r, out);
	return rc;
}

int vx_dkim_key_next(
    struct vx_view *v, vx_slice domain, vx_slice after, struct vx_dkim_key *out)
{
	return next(vx_view_txn(v), domain, after, out);
}

/* --- names ---------------------------------------------------------------------------
 */

void vx_dkim_install_id(const struct vx_store *store, char out[VX_DKIM_ID_OCTETS + 1])
{
	char secret[VX_STORE_SECRET_OCTETS], hash[VX_SHA256_OCTETS];

	vx_store_secret(store, secret);
	vx_hmac_sha256(vx_slice_of(secret, sizeof(secret)), VX_S("dkim selector"), hash);
	for (size_t i = 0; i < VX_DKIM_ID_OCTETS / 2; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", (unsigned)(unsigned char)hash[i]);
	vx_wipe(secret, sizeof(secret));
}

void vx_dkim_selector(enum vx_key_type type, uint64_t now_s, const char *id,
    const char *more, char out[VX_DKIM_SELECTOR_MAX + 1])
{
	const time_t t = (time_t)now_s;
	struct tm tm = { .tm_year = 70 };

	(void)gmtime_r(&t, &tm);
	(void)snprintf(out, VX_DKIM_SELECTOR_MAX + 1, "%04d%02d%s%s%s%s%s",
	    tm.tm_year + 1900, tm.tm_mon + 1, type == VX_KEY_ED25519 ? "e" : "",
	    id[0] != '\0' ? "-" : "", id, more[0] != '\0' ? "-" : "", more);
}

/* --- changing ------------------------------------------------------------------------
 */

static int write_key(struct vx_kv_txn *txn, const struct vx_dkim_key *key)
{
	struct vx_buf name = { .max = 400 };
	struct vx_dir_record r = { .number = key->until, .created = key->from };
	struct vx_dir_key k;
	int rc = key_name(key->domain, key->selector, &name);

	r.strings[NAME] = vx_buf_slice(&name);
	r.strings[PEM] = key->pem;
	if (rc == VX_OK)
		rc = vx_dir_key(&k, VX_DIR_DKIM, vx_buf_slice(&name));
	if (rc == VX_OK)
		rc = vx_dir_write(txn, &k, &r);
	vx_buf_done(&name);
	return rc;
}

static int remove_key(struct vx_kv_txn *txn, const struct vx_dkim_key *key)
{
	struct vx_dir_key k;
	const int rc = key_of(&k, key->domain, key->selector);

	return rc == VX_OK ? vx_kv_delete(txn, VX_TREE_DIR, vx_dir_key_slice(&k)) : rc;
}

static int set_times(
    struct vx_kv_txn *txn, const struct vx_dkim_key *key, uint64_t from, uint32_t until)
{
	struct vx_buf pem = { .max = VX_KEY_PEM_OCTETS_MAX };
	struct vx_dir_record r;
	struct vx_dir_key k;
	int rc = key_of(&k, key->domain, key->selector);

	if (rc == VX_OK)
		rc = vx_dir_read(txn, &k, &r);
	if (rc == VX_OK) {
		/* what is read is gone when it is written */
		const struct vx_dkim_key changed = { .domain = key->domain,
			.selector = key->selector,
			.from = from,
			.until = until };
		struct vx_dkim_key whole = changed;

		vx_buf_add(&pem, r.strings[PEM]);
		whole.pem = vx_buf_slice(&pem);
		rc = pem.failed ? VX_ENOMEM : write_key(txn, &whole);
	}
	vx_buf_wipe(&pem);
	return rc;
}

/* The others of the domain, when a new one comes. */
static int settle_others(
    const struct vx_dkim_key_op *op, struct vx_kv_txn *txn, unsigned *count)
{
	char selector[VX_DKIM_SELECTOR_MAX];
	struct vx_dkim_key other;
	vx_slice after = { 0 };
	int rc;

	*count = 0;
	while ((rc = next(txn, op->key.domain, after, &other)) == VX_OK) {
		if (other.selector.len > sizeof(selector))
			return VX_ECORRUPT;
		memcpy(selector, other.selector.ptr, other.selector.len);
		after = vx_slice_of(selector, other.selector.len);
		other.domain = op->key.domain;
		other.selector = after;
		(*count)++;
		if (op->revokes)
			rc = remove_key(txn, &other);
		else if (op->replaces && vx_dkim_key_signs(&other, op->key.from))
			rc = set_times(txn, &other, other.from, (uint32_t)op->key.from);
		if (rc != VX_OK)
			return rc;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int add_key(const struct vx_dkim_key_op *op, struct vx_kv_txn *txn)
{
	struct vx_dir_record r;
	struct vx_dir_key k, d;
	struct vx_buf domain = { .max = 256 };
	unsigned count;
	int rc = vx_domain_normalise(op->key.domain, &domain);

	if (rc == VX_OK)
		rc = vx_dir_key(&d, VX_DIR_DOMAIN, vx_buf_slice(&domain));
	vx_buf_done(&domain);
	if (rc == VX_OK)
		rc = vx_dir_read(txn, &d, &r);
	if (rc == VX_OK)
		rc = key_of(&k, op->key.domain, op->key.selector);
	if (rc != VX_OK)
		return rc;
	rc = vx_dir_read(txn, &k, &r);
	if (rc != VX_ENOENT)
		return rc == VX_OK ? VX_EEXIST : rc;
	rc = settle_others(op, txn, &count);
	if (rc == VX_OK && !op->revokes && count >= VX_DKIM_DOMAIN_KEYS_MAX)
		rc = VX_ELIMIT;
	return rc == VX_OK ? write_key(txn, &op->key) : rc;
}

static int apply_key(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	const struct vx_dkim_key_op *op = (struct vx_dkim_key_op *)base;

	switch (op->verb) {
	case VX_DKIM_KEY_ADD:
		return add_key(op, txn);
	case VX_DKIM_KEY_SET:
		return set_times(txn, &op->key, op->key.from, op->key.until);
	case VX_DKIM_KEY_REMOVE:
		return remove_key(txn, &op->key);
	}
	return VX_EINVAL;
}

void vx_dkim_key_op_init(struct vx_dkim_key_op *op, enum vx_dkim_key_verb verb)
{
	*op = (struct vx_dkim_key_op){ .op = { .apply = apply_key }, .verb = verb };
}

int vx_dir_forget_dkim(struct vx_kv_txn *txn, vx_slice domain)
{
	const struct vx_dkim_key_op all = { .key = { .domain = domain },
		.revokes = true };
	unsigned count;

	return settle_others(&all, txn, &count);
}
