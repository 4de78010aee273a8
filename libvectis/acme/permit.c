/* What the owner of a name says in the DNS: whether it may be ordered, and proofs. */
#include "acme/acme_int.h"
#include "base/chars.h"
#include "vectis/caa.h"

#include <arpa/inet.h>
#include <string.h>

/* --- CAA, before an order (RFC 8659) ---------------------------------------------------
 */

static bool has_records(const char *name)
{
	unsigned char address[16];

	return inet_pton(AF_INET, name, address) != 1 &&
	       inet_pton(AF_INET6, name, address) != 1;
}

static bool is_asked(const struct vx_acme_lineage *l, size_t i)
{
	return (l->refused & (UINT32_C(1) << i)) == 0 && has_records(l->names[i]);
}

void vx_acme_begin_permit(struct vx_acme *a)
{
	const struct vx_acme_account *const c = vx_acme_account_of(a);
	const struct vx_acme_lineage *const l = a->task.l;
	struct vx_acme_step *step;
	const char *name;

	while (a->index < l->count && !is_asked(l, a->index))
		a->index++;
	if (a->index == l->count || c->directory.issuers[0] == '\0') {
		vx_acme_go(a, VX_ACME_PH_NEW_ORDER);
		return;
	}
	name = l->names[a->index];
	step = vx_acme_ask(a, VX_ACME_PERMIT);
	step->wildcard = strncmp(name, "*.", 2) == 0;
	step->name = step->wildcard ? name + 2 : name;
	step->account = c->url;
	step->issuers = c->directory.issuers;
	step->challenges = a->allowed[a->index];
}

/* What the owner forbids is looked at again once a day, as if the authority had said it.
 */
void vx_acme_permit_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	const unsigned can =
	    answer->result == VX_OK ? a->allowed[a->index] & answer->challenges : 0;

	if (can == 0) {
		vx_acme_fail_text(a,
		    answer->result == VX_OK ? VX_ACME_P_CAA : VX_ACME_P_OURS, "%s: %s",
		    a->task.l->names[a->index],
		    answer->text == NULL
			? "its CAA records allow nothing that can be used"
			: answer->text);
		return;
	}
	a->allowed[a->index++] = can;
}

/* --- dns-persist-01 -------------------------------------------------------------------
 */

bool vx_acme_share(const char *issuers, const char *others)
{
	vx_slice rest = vx_slice_str(issuers), each;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, ' ', &each);
		if (vx_caa_is_listed(each, others))
			return true;
	}
	return false;
}

/* A parameter that is there twice makes the record one that nobody can read. */
static bool get(const struct vx_caa_value *v, const char *name, vx_slice *out, bool *good)
{
	size_t count;
	const bool once = vx_caa_parameter(v, name, out, &count);

	*good = *good && count <= 1;
	return once;
}

bool vx_acme_persist(
    vx_slice text, const char *account, bool wildcard, int64_t now, vx_slice *issuer)
{
	struct vx_caa_value v;
	vx_slice value;
	uint64_t until;
	bool good = true, wild;

	if (vx_caa_read_value(text, &v) != VX_OK || v.issuer.len == 0 ||
	    !get(&v, "accounturi", &value, &good) ||
	    !vx_slice_eq(value, vx_slice_str(account)))
		return false;
	wild = get(&v, "policy", &value, &good) &&
	       vx_slice_eq_nocase(value, VX_S("wildcard"));
	if (get(&v, "persistUntil", &value, &good) &&
	    (vx_slice_number(value, INT64_MAX, &until) != VX_OK || (int64_t)until <= now))
		return false;
	if (!good || (wildcard && !wild))
		return false;
	*issuer = v.issuer;
	return true;
}
