#include "base/mem.h"
#include "mailauth/lookup.h"

/* Copies of what the signatures say, and the records with their keys. */
#define MEMORY_MAX ((size_t)512 * 1024)

enum stage {
	STAGE_HEADER,
	STAGE_BODY,
	STAGE_KEYS
};

struct one {
	struct vx_signature sig;
	struct vx_dkim_result result;
	const char *policy; /* why it does not count even when it is good */
	int body;           /* which hash */
	bool open;          /* the result is not known yet */
};

struct vx_dkim_verifier {
	int64_t now_s;
	enum stage stage;
	struct vx_arena arena;
	struct vx_lookups lookups;
	struct vx_body body;
	struct one list[VX_DKIM_SIGNATURES_MAX];
	struct vx_dkim_result others; /* that were not looked at */
	size_t count;
	bool more;
	unsigned checks; /* that are left */
};

int vx_dkim_verifier_new(
    const struct vx_dkim_verifier_options *o, struct vx_dkim_verifier **out)
{
	struct vx_dkim_verifier *v;

	if (o->struct_size != sizeof(*o))
		return VX_EINVAL;
	v = vx_alloc(sizeof(*v));
	if (v == NULL)
		return VX_ENOMEM;
	v->now_s = o->now_s;
	v->checks = VX_DKIM_CHECKS_MAX;
	vx_arena_init(&v->arena, MEMORY_MAX);
	v->lookups.arena = &v->arena;
	*out = v;
	return VX_OK;
}

void vx_dkim_verifier_free(struct vx_dkim_verifier *v)
{
	if (v == NULL)
		return;
	vx_arena_done(&v->arena);
	vx_free(v);
}

/* --- the header -----------------------------------------------------------------------
 */

static void settle(struct one *s, enum vx_verdict verdict, const char *reason)
{
	s->result.verdict = verdict;
	s->result.reason = reason;
	s->open = false;
}

static enum vx_verdict verdict_of(const char *malformed)
{
	if (malformed == vx_signature_no_memory)
		return VX_VERDICT_TEMPERROR;
	return malformed == vx_signature_too_large ? VX_VERDICT_POLICY
						   : VX_VERDICT_PERMERROR;
}

/* What can be said of it before the body and the key; else it is hashed. */
static void begin(struct vx_dkim_verifier *v, struct one *s,
    const struct vx_mail_header *h, const char *malformed)
{
	struct vx_signature *const sig = &s->sig;
	const char *const untimely = vx_signature_untimely(sig, v->now_s);

	if (malformed != NULL) {
		settle(s, verdict_of(malformed), malformed);
		return;
	}
	if (h->too_long) {
		settle(s, VX_VERDICT_POLICY, "the header is longer than is looked at");
		return;
	}
	if (untimely != NULL) {
		settle(s, VX_VERDICT_FAIL, untimely);
		return;
	}
	if (sig->length != UINT64_MAX)
		s->policy = "it signs a part of the body only (l=)";
	else if (vx_mail_header_count(h, "From") > sig->from_names)
		s->policy = "there is a From field that it does not sign";
	s->body = vx_body_want(&v->body, sig->relaxed_body, sig->length);
	if (s->body < 0) {
		settle(s, VX_VERDICT_POLICY,
		    "there are more ways to hash the body than are looked at");
		return;
	}
	vx_signature_hash(sig, h);
	s->open = true;
}

static void add_signature(struct vx_dkim_verifier *v, const struct vx_mail_header *h,
    const struct vx_field *field)
{
	struct one *const s = &v->list[v->count];
	const char *malformed;

	if (v->count == VX_DKIM_SIGNATURES_MAX) {
		v->more = true;
		return;
	}
	v->count++;
	s->result.reason = "";
	malformed = vx_signature_parse(VX_SIGNATURE_DKIM, field, &v->arena, &s->sig);
	begin(v, s, h, malformed);
	s->result.domain = s->sig.domain;
	s->result.selector = s->sig.selector;
	s->result.algorithm = s->sig.algorithm;
	s->result.identity = s->sig.identity;
	s->result.signature = s->sig.first;
	s->result.body_octets = s->sig.length;
}

int vx_dkim_verifier_header(struct vx_dkim_verifier *v, vx_slice block)
{
	struct vx_mail_header h;
	int rc;

	if (v->stage != STAGE_HEADER)
		return VX_ESTATE;
	rc = vx_mail_header_init(&h, block);
	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < h.count; i++)
		if (vx_slice_eq_nocase(h.fields[i].f.name, VX_S("DKIM-Signature")))
			add_signature(v, &h, &h.fields[i].f);
	vx_mail_header_done(&h);
	v->others = (struct vx_dkim_result){ .verdict = VX_VERDICT_POLICY,
		.reason = "there are more signatures than are looked at",
		.body_octets = UINT64_MAX };
	v->stage = STAGE_BODY;
	return VX_OK;
}

/* --- the body -------------------------------------------------------------------------
 */

bool vx_dkim_verifier_wants_body(const struct vx_dkim_verifier *v)
{
	return v->stage == STAGE_BODY && v->body.count > 0;
}

int vx_dkim_verifier_body(struct vx_dkim_verifier *v, vx_slice octets)
{
	if (v->stage != STAGE_BODY)
		return VX_ESTATE;
	vx_body_add(&v->body, octets);
	return VX_OK;
}

static void compare_body(struct vx_dkim_verifier *v, struct one *s)
{
	const struct vx_body_hash *const h = &v->body.hashes[s->body];

	if (vx_body_short(h))
		settle(s, VX_VERDICT_FAIL, "the body is shorter than l= says");
	else if (memcmp(h->digest, s->sig.body_hash, VX_SHA256_OCTETS) != 0)
		settle(s, VX_VERDICT_FAIL, "the body was altered");
}

int vx_dkim_verifier_end(struct vx_dkim_verifier *v)
{
	if (v->stage != STAGE_BODY)
		return VX_ESTATE;
	vx_body_end(&v->body);
	for (size_t i = 0; i < v->count; i++)
		if (v->list[i].open)
			compare_body(v, &v->list[i]);
	v->stage = STAGE_KEYS;
	return VX_OK;
}

/* --- the keys
 * --------------------------------------------------------------------------- */

static void conclude(
    struct vx_dkim_verifier *v, struct one *s, const struct vx_lookup *lookup)
{
	const struct vx_outcome o = vx_lookup_check(lookup, &s->sig, &v->checks);

	s->result.key_bits = o.bits;
	s->result.testing = o.testing;
	if (o.verdict == VX_VERDICT_PASS && s->policy != NULL)
		settle(s, VX_VERDICT_POLICY, s->policy);
	else
		settle(s, o.verdict, o.reason);
}

int vx_dkim_verifier_next(struct vx_dkim_verifier *v, struct vx_dns_question *out)
{
	if (v->stage != STAGE_KEYS)
		return VX_ESTATE;
	for (size_t i = 0; i < v->count; i++) {
		struct one *const s = &v->list[i];
		const struct vx_lookup *lookup;

		if (!s->open)
			continue;
		lookup = vx_lookups_find(&v->lookups, s->sig.key_name, out);
		if (lookup == NULL)
			return VX_WAIT;
		conclude(v, s, lookup);
	}
	return VX_DONE;
}

int vx_dkim_verifier_answer(
    struct vx_dkim_verifier *v, const struct vx_dns_answer *answer)
{
	const char *const name = v->lookups.asked;
	const int rc = vx_lookups_answer(&v->lookups, answer);

	if (rc != VX_ELIMIT)
		return rc;
	for (size_t i = 0; i < v->count; i++) /* they would be asked for again */
		if (v->list[i].open && strcmp(v->list[i].sig.key_name, name) == 0)
			settle(&v->list[i], VX_VERDICT_TEMPERROR, vx_signature_no_memory);
	v->lookups.asked = NULL;
	return VX_OK;
}

/* --- results
 * ---------------------------------------------------------------------------- */

size_t vx_dkim_verifier_count(const struct vx_dkim_verifier *v)
{
	return v->stage == STAGE_KEYS ? v->count + v->more : 0;
}

const struct vx_dkim_result *vx_dkim_verifier_result(
    const struct vx_dkim_verifier *v, size_t i)
{
	return i < v->count ? &v->list[i].result : &v->others;
}
