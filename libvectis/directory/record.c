#include "directory/record.h"

#include "base/bytes.h"
#include "base/chars.h"
#include "store/keys.h"
#include "vectis/address.h"

enum {
	RECORD_OCTETS = VX_VALUE_HEADER + 16,
	RECORD_MAX = 8192
};

bool vx_directory_local_ok(vx_slice local)
{
	if (local.len == 0 || local.len > VX_LOCAL_PART_MAX || local.ptr[0] == '.' ||
	    local.ptr[local.len - 1] == '.')
		return false;
	for (size_t i = 0; i < local.len; i++)
		if (!vx_is(local.ptr[i], VX_C_ALPHA | VX_C_DIGIT) &&
		    strchr(".-_", local.ptr[i]) == NULL)
			return false;
	return vx_slice_find_slice(local, VX_S("..")) == local.len;
}

int vx_directory_normalise(vx_slice address, struct vx_buf *out)
{
	const size_t start = out->len;
	vx_slice local, domain;
	int rc = vx_address_split(address, &local, &domain);

	for (size_t i = 0; rc == VX_OK && i < local.len; i++) {
		if (vx_is(local.ptr[i], VX_C_CTL))
			rc = VX_EINVAL;
		vx_buf_add_char(out, vx_lower(local.ptr[i]));
	}
	vx_buf_add_char(out, '@');
	if (rc == VX_OK)
		rc = vx_domain_normalise(domain, out);
	if (rc != VX_OK && out->len > start)
		vx_buf_truncate(out, start);
	return rc;
}

int vx_dir_key(struct vx_dir_key *k, enum vx_directory_kind kind, vx_slice name)
{
	const size_t at = vx_slice_rfind(name, '@');
	const vx_slice domain = at < name.len ? vx_slice_from(name, at + 1) : name;
	const vx_slice local =
	    at < name.len ? vx_slice_head(name, at) : vx_slice_of("", 0);

	if (name.len + 2 > sizeof(k->octets))
		return VX_EINVAL;
	k->octets[0] = (char)kind;
	memcpy(k->octets + 1, domain.ptr, domain.len);
	k->len = 1 + domain.len;
	if (at == name.len)
		return VX_OK;
	k->octets[k->len++] = '\0';
	if (local.len > 0)
		memcpy(k->octets + k->len, local.ptr, local.len);
	k->len += local.len;
	return VX_OK;
}

int vx_dir_key_id(struct vx_dir_key *k, uint32_t id)
{
	k->octets[0] = VX_DIR_ID;
	vx_put_be32(k->octets + 1, id);
	k->len = 5;
	return VX_OK;
}

/* A string with its length before it. */
static bool take_string(vx_slice *rest, vx_slice *out)
{
	const size_t len = rest->len >= 2 ? vx_get_le16(rest->ptr) : SIZE_MAX;

	if (rest->len < 2 || len > rest->len - 2)
		return false;
	*out = vx_slice_of(rest->ptr + 2, len);
	*rest = vx_slice_from(*rest, 2 + len);
	return true;
}

int vx_dir_parse(vx_slice v, struct vx_dir_record *out)
{
	struct vx_dir_record r = { 0 };
	vx_slice rest = vx_slice_from(v, RECORD_OCTETS);
	const int rc = vx_value_check(v, 'd', RECORD_OCTETS);

	if (rc != VX_OK)
		return rc;
	r.flags = vx_get_le32(v.ptr + VX_VALUE_HEADER);
	r.number = vx_get_le32(v.ptr + VX_VALUE_HEADER + 4);
	r.created = vx_get_le64(v.ptr + VX_VALUE_HEADER + 8);
	for (size_t i = 0; i < VX_DIR_STRINGS; i++)
		if (!take_string(&rest, &r.strings[i]))
			return VX_ECORRUPT;
	if (rest.len > 0 && !take_string(&rest, &r.ownership))
		return VX_ECORRUPT;
	*out = r;
	return VX_OK;
}

int vx_dir_read(
    struct vx_kv_txn *txn, const struct vx_dir_key *k, struct vx_dir_record *out)
{
	vx_slice v;
	const int rc = vx_kv_get(txn, VX_TREE_DIR, vx_dir_key_slice(k), &v);

	return rc == VX_OK ? vx_dir_parse(v, out) : rc;
}

int vx_dir_write(
    struct vx_kv_txn *txn, const struct vx_dir_key *k, const struct vx_dir_record *r)
{
	char v[RECORD_MAX] = { 0 };
	size_t len = RECORD_OCTETS;

	vx_put_le32(v + VX_VALUE_HEADER, r->flags);
	vx_put_le32(v + VX_VALUE_HEADER + 4, r->number);
	vx_put_le64(v + VX_VALUE_HEADER + 8, r->created);
	for (size_t i = 0; i <= VX_DIR_STRINGS; i++) {
		const vx_slice s = i < VX_DIR_STRINGS ? r->strings[i] : r->ownership;

		if (i == VX_DIR_STRINGS && s.len == 0)
			break;
		if (s.len > sizeof(v) - len - 2)
			return VX_ELIMIT;
		vx_put_le16(v + len, (uint16_t)s.len);
		if (s.len > 0)
			memcpy(v + len + 2, s.ptr, s.len);
		len += 2 + s.len;
	}
	vx_value_seal(v, len, 'd');
	return vx_kv_put(txn, VX_TREE_DIR, vx_dir_key_slice(k), vx_slice_of(v, len));
}

/* --- ownership: a letter for the status, since when, the token
 * ---------------------------
 */

static const char letters[] = { [VX_DOMAIN_VERIFIED] = 'v',
	[VX_DOMAIN_UNVERIFIED] = 'u',
	[VX_DOMAIN_PENDING] = 'p' };

static bool is_token(vx_slice token)
{
	for (size_t i = 0; i < token.len; i++)
		if (!vx_is(token.ptr[i], VX_C_HEX) ||
		    token.ptr[i] != vx_lower(token.ptr[i]))
			return false;
	return token.len == VX_DOMAIN_TOKEN_OCTETS;
}

int vx_dir_ownership(const struct vx_dir_record *r, struct vx_domain *out)
{
	const vx_slice o = r->ownership;
	const char *letter;

	out->status = VX_DOMAIN_VERIFIED;
	out->token = vx_slice_of("", 0);
	out->asked = 0;
	if (o.len == 0)
		return VX_OK;
	letter = memchr(letters, o.ptr[0], sizeof(letters));
	if (letter == NULL || o.len != VX_DIR_OWNERSHIP_OCTETS ||
	    !is_token(vx_slice_from(o, 9)))
		return VX_ECORRUPT;
	out->status = (enum vx_domain_status)(letter - letters);
	out->asked = vx_get_le64(o.ptr + 1);
	out->token = vx_slice_from(o, 9);
	return VX_OK;
}

int vx_dir_set_ownership(const struct vx_domain *d, struct vx_dir_record *r,
    char octets[VX_DIR_OWNERSHIP_OCTETS])
{
	r->ownership = vx_slice_of("", 0);
	if (d->token.len == 0)
		return VX_OK;
	if (!is_token(d->token) || (unsigned)d->status >= sizeof(letters))
		return VX_EINVAL;
	/* the token may be borrowed from the same octets */
	memmove(octets + 9, d->token.ptr, d->token.len);
	octets[0] = letters[d->status];
	vx_put_le64(octets + 1, d->asked);
	r->ownership = vx_slice_of(octets, VX_DIR_OWNERSHIP_OCTETS);
	return VX_OK;
}

const char *vx_domain_status_name(enum vx_domain_status status)
{
	switch (status) {
	case VX_DOMAIN_VERIFIED:
		return "verified";
	case VX_DOMAIN_UNVERIFIED:
		return "unverified";
	case VX_DOMAIN_PENDING:
		return "pending";
	}
	return "?";
}
