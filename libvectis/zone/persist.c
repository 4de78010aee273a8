/* Records that prove a name to an authority for good (draft-ietf-acme-dns-persist). */
#include "zone/persist.h"

#include "vectis/caa.h"

void vx_zone_write_proof(const struct vx_zone_proof *p, struct vx_buf *out)
{
	vx_buf_printf(out, "%s; accounturi=%s%s", p->issuer, p->account,
	    p->wildcard ? "; policy=wildcard" : "");
}

/* What makes the record one that nobody can read, is there twice. */
static bool get(const struct vx_caa_value *v, const char *name, vx_slice *out, bool *good)
{
	size_t count = 0;
	const bool once = vx_caa_parameter(v, name, out, &count);

	*good = *good && count <= 1;
	return once;
}

enum vx_zone_proven vx_zone_judge_proof(
    vx_slice text, const struct vx_zone_proof *p, int64_t now, int64_t *until)
{
	struct vx_caa_value v;
	vx_slice value;
	uint64_t end = 0;
	bool good = true, wild, ours, ends;

	*until = 0;
	if (vx_caa_read_value(text, &v) != VX_OK ||
	    !vx_slice_eq_nocase(v.issuer, vx_slice_str(p->issuer)))
		return VX_ZONE_PROOF_NONE;
	ours = get(&v, "accounturi", &value, &good) &&
	       vx_slice_eq(value, vx_slice_str(p->account));
	wild = get(&v, "policy", &value, &good) &&
	       vx_slice_eq_nocase(value, VX_S("wildcard"));
	ends = get(&v, "persistUntil", &value, &good);
	if (ends && vx_slice_number(value, INT64_MAX, &end) != VX_OK)
		return VX_ZONE_PROOF_UNREADABLE;
	if (!good)
		return VX_ZONE_PROOF_UNREADABLE;
	if (!ours)
		return VX_ZONE_PROOF_OTHER;
	*until = ends ? (int64_t)end : 0;
	if (ends && (int64_t)end <= now)
		return VX_ZONE_PROOF_ENDED;
	return p->wildcard && !wild ? VX_ZONE_PROOF_NARROW : VX_ZONE_PROOF_GOOD;
}

bool vx_zone_same_issuer(vx_slice a, vx_slice b)
{
	struct vx_caa_value one, other;

	return vx_caa_read_value(a, &one) == VX_OK &&
	       vx_caa_read_value(b, &other) == VX_OK && one.issuer.len > 0 &&
	       vx_slice_eq_nocase(one.issuer, other.issuer);
}

/* A copy with its NUL; false: it is too long. */
static bool copy(vx_slice s, char *out, size_t size)
{
	if (s.len >= size)
		return false;
	memcpy(out, s.ptr, s.len);
	out[s.len] = '\0';
	return true;
}

bool vx_zone_proves_as(vx_slice text, vx_slice wanted)
{
	char issuer[VX_DNS_NAME_MAX + 1], account[VX_ZONE_ACCOUNT_MAX + 1];
	struct vx_caa_value v;
	vx_slice value;
	bool good = true;
	int64_t until;
	struct vx_zone_proof p = { .name = "", .issuer = issuer, .account = account };

	if (vx_caa_read_value(wanted, &v) != VX_OK ||
	    !copy(v.issuer, issuer, sizeof(issuer)) ||
	    !get(&v, "accounturi", &value, &good) ||
	    !copy(value, account, sizeof(account)))
		return false;
	p.wildcard = get(&v, "policy", &value, &good);
	return vx_zone_judge_proof(text, &p, 0, &until) == VX_ZONE_PROOF_GOOD &&
	       until == 0;
}

bool vx_zone_names_account(vx_slice text, const char *accounts)
{
	vx_slice rest = vx_slice_str(accounts), each, value;
	struct vx_caa_value v;
	bool good = true;

	if (vx_caa_read_value(text, &v) != VX_OK || !get(&v, "accounturi", &value, &good))
		return false;
	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &each);
		if (vx_slice_eq(each, value))
			return true;
	}
	return false;
}
