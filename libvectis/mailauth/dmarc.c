/* A message's DMARC result (RFC 9989 4.10.1, 4.10.2 and 5.3). */
#include "base/mem.h"
#include "mailauth/dmarc_walk.h"
#include "vectis/address.h"

#include <stdio.h>

struct identifier {
	enum vx_dmarc_method method;
	enum vx_verdict verdict;
	bool done;
	char domain[VX_DNS_NAME_MAX + 1]; /* "": none */
};

struct vx_dmarc {
	struct vx_dmarc_dns dns;
	char author[VX_DNS_NAME_MAX + 1];
	char policy_domain[VX_DNS_NAME_MAX + 1];
	char organizational[VX_DNS_NAME_MAX + 1];
	struct identifier ids[VX_DMARC_IDENTIFIERS_MAX];
	enum vx_dmarc_alignment aligned[VX_DMARC_IDENTIFIERS_MAX];
	size_t count;
	struct vx_dmarc_result result;
	bool done;
};

/* A domain as it is compared; out is "" when it is none. */
static void normalise(vx_slice domain, char out[VX_DNS_NAME_MAX + 1])
{
	struct vx_buf text = { .max = VX_DNS_NAME_MAX };

	/* a dot at the end is not written in mail, but means the same */
	if (domain.len > 1 && domain.ptr[domain.len - 1] == '.')
		domain.len--;
	if (vx_domain_normalise(domain, &text) != VX_OK ||
	    vx_dns_name(vx_buf_slice(&text), out) != VX_OK)
		out[0] = '\0';
	vx_buf_done(&text);
}

static void copy_name(vx_slice name, char out[VX_DNS_NAME_MAX + 1])
{
	memcpy(out, name.ptr, name.len);
	out[name.len] = '\0';
}

int vx_dmarc_new(const struct vx_dmarc_options *o, struct vx_dmarc **out)
{
	struct vx_dmarc *d;

	d = vx_alloc(sizeof(*d));
	if (d == NULL)
		return VX_ENOMEM;
	vx_dmarc_dns_init(&d->dns);
	normalise(o->author, d->author);
	if (d->author[0] == '\0') {
		vx_dmarc_free(d);
		return VX_EINVAL;
	}
	d->count = o->identifiers_count < VX_DMARC_IDENTIFIERS_MAX
		       ? o->identifiers_count
		       : VX_DMARC_IDENTIFIERS_MAX;
	for (size_t i = 0; i < d->count; i++) {
		d->ids[i].method = o->identifiers[i].method;
		d->ids[i].verdict = o->identifiers[i].verdict;
		normalise(o->identifiers[i].domain, d->ids[i].domain);
	}
	d->result = (struct vx_dmarc_result){ .author = d->author,
		.policy_domain = d->policy_domain,
		.organizational = d->organizational,
		.policy = VX_DMARC_NONE,
		.published = VX_DMARC_NONE,
		.aligned = d->aligned,
		.aligned_count = d->count };
	*out = d;
	return VX_OK;
}

void vx_dmarc_free(struct vx_dmarc *d)
{
	if (d == NULL)
		return;
	vx_dmarc_dns_done(&d->dns);
	vx_free(d);
}

/* --- evaluation: each step returns VX_WAIT until what it needs is known --------------
 */

/* A result without more: what names hold is letters, digits, '-', '_' and dots. */
static int finish(struct vx_dmarc *d, enum vx_verdict verdict, const char *before,
    const char *name, const char *after)
{
	struct vx_dmarc_result *const r = &d->result;

	r->verdict = verdict;
	(void)snprintf(r->reason, sizeof(r->reason), "%s%s%s", before, name, after);
	d->done = true;
	return VX_DONE;
}

/*
 * Find the policy (4.10.1): the author domain's own, or that of its organization, or of
 * the public suffix above.  VX_OK: there is one that can be used.
 */
static int find_policy(struct vx_dmarc *d)
{
	struct vx_dmarc_walk w = { .policy = NULL };
	const struct vx_dmarc_asked *own;
	int rc;

	if (d->result.record != NULL)
		return VX_OK;
	rc = vx_dmarc_dns_ask(
	    &d->dns, VX_DNS_TXT, "_dmarc", vx_slice_str(d->author), &own);
	if (rc == VX_OK && own->failed)
		rc = VX_ETEMP;
	if (rc == VX_OK && own->records == 1) {
		w.policy = &own->record;
		w.policy_domain = vx_slice_str(d->author);
	} else if (rc == VX_OK) {
		rc = vx_dmarc_walk(&d->dns, vx_slice_str(d->author), &w);
	}
	if (rc == VX_WAIT)
		return rc;
	if (rc != VX_OK)
		return finish(d, VX_VERDICT_TEMPERROR,
		    "the DNS does not say now whether ", d->author,
		    " has a DMARC record");
	if (w.policy == NULL)
		return finish(d, VX_VERDICT_NONE, "no DMARC record for ", d->author, "");
	copy_name(w.policy_domain, d->policy_domain);
	d->result.record = w.policy;
	if (w.policy->bad_policy && w.policy->rua_count == 0)
		return finish(d, VX_VERDICT_PERMERROR, "the DMARC record of ",
		    d->policy_domain, " has no valid policy");
	return VX_OK;
}

/* VX_OK: d->organizational is known; VX_WAIT; VX_ETEMP. */
static int find_organization(struct vx_dmarc *d)
{
	struct vx_dmarc_walk w;
	int rc;

	if (d->organizational[0] != '\0')
		return VX_OK;
	rc = vx_dmarc_walk(&d->dns, vx_slice_str(d->author), &w);
	if (rc == VX_OK)
		copy_name(w.organizational, d->organizational);
	return rc;
}

/* Have both names a label in common?  Else they cannot have an organization. */
static bool may_be_related(const char *a, const char *b)
{
	const vx_slice x = vx_slice_str(a), y = vx_slice_str(b);

	return vx_slice_eq(vx_dns_parent(x, vx_dns_labels(x) - 1),
	    vx_dns_parent(y, vx_dns_labels(y) - 1));
}

/* VX_DONE: aligned; VX_OK: not; VX_WAIT; VX_ETEMP, VX_ELIMIT: not known. */
static int align(struct vx_dmarc *d, const struct identifier *id)
{
	const struct vx_dmarc_record *const r = d->result.record;
	int rc;

	if (strcmp(id->domain, d->author) == 0)
		return VX_DONE;
	if (id->domain[0] == '\0' || !may_be_related(id->domain, d->author) ||
	    (id->method == VX_DMARC_SPF ? r->strict_spf : r->strict_dkim))
		return VX_OK;
	rc = find_organization(d);
	if (rc != VX_OK)
		return rc;
	return vx_dmarc_same_organization(
	    &d->dns, vx_slice_str(id->domain), vx_slice_str(d->organizational));
}

/* All identifiers with this verdict.  VX_OK, VX_WAIT. */
static int align_all(struct vx_dmarc *d, enum vx_verdict verdict)
{
	for (size_t i = 0; i < d->count; i++) {
		struct identifier *const id = &d->ids[i];
		int rc;

		if (id->done || id->verdict != verdict)
			continue;
		rc = align(d, id);
		if (rc == VX_WAIT)
			return rc;
		id->done = true;
		if (rc == VX_DONE)
			d->aligned[i] = VX_DMARC_ALIGNED;
		/* at VX_ELIMIT enough was asked for one message: it is not aligned */
		else if (rc == VX_ETEMP)
			d->aligned[i] = VX_DMARC_ALIGNMENT_UNKNOWN;
	}
	return VX_OK;
}

static bool any(const struct vx_dmarc *d, enum vx_verdict verdict, unsigned alignments)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->ids[i].verdict == verdict &&
		    (alignments >> d->aligned[i] & 1) != 0)
			return true;
	return false;
}

static int passed(struct vx_dmarc *d)
{
	struct vx_dmarc_result *const r = &d->result;

	for (size_t i = 0; i < d->count; i++) {
		if (d->ids[i].verdict != VX_VERDICT_PASS ||
		    d->aligned[i] != VX_DMARC_ALIGNED)
			continue;
		r->spf = r->spf || d->ids[i].method == VX_DMARC_SPF;
		r->dkim = r->dkim || d->ids[i].method == VX_DMARC_DKIM;
	}
	if (r->spf && r->dkim)
		return finish(
		    d, VX_VERDICT_PASS, "SPF and DKIM are aligned with ", d->author, "");
	return finish(d, VX_VERDICT_PASS,
	    r->spf ? "SPF is aligned with " : "DKIM is aligned with ", d->author, "");
}

/*
 * Is the author domain in the DNS (3.2.13)?  VX_OK: *exists; VX_WAIT, VX_ETEMP,
 * VX_ELIMIT. It is when "_dmarc" below it is (RFC 8020).
 */
static int find_existence(struct vx_dmarc *d, bool *exists)
{
	const vx_slice name = vx_slice_str(d->author);
	const struct vx_dmarc_asked *a;
	int rc = vx_dmarc_dns_ask(&d->dns, VX_DNS_TXT, "_dmarc", name, &a);

	if (rc == VX_OK && !a->exists)
		rc = vx_dmarc_dns_ask(&d->dns, VX_DNS_A, "", name, &a);
	if (rc == VX_OK && a->failed)
		rc = VX_ETEMP;
	if (rc == VX_OK)
		*exists = a->exists;
	return rc;
}

/* The policy for this message before the t tag, without what np says. */
static enum vx_dmarc_policy published(const struct vx_dmarc *d)
{
	const struct vx_dmarc_record *const r = d->result.record;

	if (r->bad_policy)
		return VX_DMARC_NONE;
	if (r->sp != VX_DMARC_UNSET && strcmp(d->author, d->policy_domain) != 0)
		return r->sp;
	return r->p;
}

static enum vx_dmarc_policy weaker(enum vx_dmarc_policy policy)
{
	return policy == VX_DMARC_REJECT ? VX_DMARC_QUARANTINE : VX_DMARC_NONE;
}

static int failed(struct vx_dmarc *d)
{
	struct vx_dmarc_result *const r = &d->result;
	const enum vx_dmarc_policy np = r->record->np;
	bool exists = true;

	if (!r->record->bad_policy && np != VX_DMARC_UNSET && np != r->published &&
	    strcmp(d->author, d->policy_domain) != 0) {
		const int rc = find_existence(d, &exists);

		if (rc == VX_WAIT)
			return rc;
		if (rc != VX_OK)
			return finish(d, VX_VERDICT_TEMPERROR,
			    "the DNS does not say now whether ", d->author, " exists");
	}
	if (!exists)
		r->published = np;
	r->policy = r->record->testing ? weaker(r->published) : r->published;
	return finish(d, VX_VERDICT_FAIL,
	    any(d, VX_VERDICT_PASS, ~0u)
		? "nothing that passed is aligned with "
		: "neither SPF nor DKIM passed for a message from ",
	    d->author, "");
}

static int evaluate(struct vx_dmarc *d)
{
	const unsigned aligned = 1u << VX_DMARC_ALIGNED;
	const unsigned unknown = 1u << VX_DMARC_ALIGNMENT_UNKNOWN;
	int rc = find_policy(d);

	if (rc != VX_OK)
		return rc;
	d->result.published = published(d);
	rc = align_all(d, VX_VERDICT_PASS);
	if (rc != VX_OK)
		return rc;
	if (any(d, VX_VERDICT_PASS, aligned))
		return passed(d);
	rc = align_all(d, VX_VERDICT_TEMPERROR);
	if (rc != VX_OK)
		return rc;
	if (any(d, VX_VERDICT_PASS, unknown))
		return finish(d, VX_VERDICT_TEMPERROR,
		    "the DNS does not say now what is aligned with ", d->author, "");
	if (any(d, VX_VERDICT_TEMPERROR, aligned | unknown))
		return finish(d, VX_VERDICT_TEMPERROR,
		    "SPF or DKIM could not be found out now for ", d->author, "");
	return failed(d);
}

int vx_dmarc_next(struct vx_dmarc *d, struct vx_dns_question *question)
{
	if (vx_dmarc_dns_next(&d->dns, question) == VX_WAIT)
		return VX_WAIT;
	if (d->done || evaluate(d) == VX_DONE)
		return VX_DONE;
	return vx_dmarc_dns_next(&d->dns, question);
}

int vx_dmarc_answer(struct vx_dmarc *d, const struct vx_dns_answer *answer)
{
	return vx_dmarc_dns_answer(&d->dns, answer);
}

const struct vx_dmarc_result *vx_dmarc_result(const struct vx_dmarc *d)
{
	return &d->result;
}

/* --- several authors -----------------------------------------------------------------
 */

/* How much a result says against the message (RFC 9989 11.5). */
static int weight(const struct vx_dmarc_result *r)
{
	switch (r->verdict) {
	case VX_VERDICT_FAIL:
		return 10 + (int)r->policy;
	case VX_VERDICT_TEMPERROR:
		return 3;
	case VX_VERDICT_PERMERROR:
		return 2;
	case VX_VERDICT_NONE:
		return 1;
	case VX_VERDICT_PASS:
	case VX_VERDICT_SOFTFAIL:
	case VX_VERDICT_NEUTRAL:
	case VX_VERDICT_POLICY:
		break;
	}
	return 0;
}

const struct vx_dmarc_result *vx_dmarc_strictest(
    const struct vx_dmarc_result *const *results, size_t count)
{
	const struct vx_dmarc_result *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (best == NULL || weight(results[i]) > weight(best))
			best = results[i];
	return best;
}
