#include "base/mem.h"
#include "mailauth/chain.h"
#include "mailauth/lookup.h"

/* Copies of what the fields say, and the records with their keys. */
#define MEMORY_MAX ((size_t)1024 * 1024)

enum stage {
	STAGE_HEADER,
	STAGE_BODY,
	STAGE_KEYS
};

/* A signature to be checked; what is broken is found out in this order (RFC 8617 5.2). */
struct check {
	struct vx_signature *sig;
	unsigned instance;
	int body;   /* which hash, -1: none */
	bool older; /* only for oldest_pass */
};

struct vx_arc_verifier {
	int64_t now_s;
	enum stage stage;
	struct vx_arena arena;
	struct vx_lookups lookups;
	struct vx_body body;
	struct vx_arc_set sets[VX_ARC_SETS_MAX];
	struct check list[2 * VX_ARC_SETS_MAX];
	size_t count, at;
	unsigned checks; /* that are left */
	bool done;
	struct vx_arc_result result;
};

int vx_arc_verifier_new(
    const struct vx_arc_verifier_options *o, struct vx_arc_verifier **out)
{
	struct vx_arc_verifier *v;

	if (o->struct_size != sizeof(*o))
		return VX_EINVAL;
	v = vx_alloc(sizeof(*v));
	if (v == NULL)
		return VX_ENOMEM;
	v->now_s = o->now_s;
	v->checks = VX_ARC_CHECKS_MAX;
	v->result.reason = "";
	vx_arena_init(&v->arena, MEMORY_MAX);
	v->lookups.arena = &v->arena;
	*out = v;
	return VX_OK;
}

void vx_arc_verifier_free(struct vx_arc_verifier *v)
{
	if (v == NULL)
		return;
	vx_arena_done(&v->arena);
	vx_free(v);
}

static void fail(struct vx_arc_verifier *v, unsigned at, const char *why)
{
	v->result.verdict = VX_VERDICT_FAIL;
	v->result.reason = why;
	v->result.failed = at;
	v->result.oldest_pass = 0;
	v->done = true;
}

/* --- the header -----------------------------------------------------------------------
 */

static void tell_set(struct vx_arc_set *out, const struct vx_chain_set *set)
{
	if (set->seal_sig != NULL) {
		out->domain = set->seal_sig->domain;
		out->selector = set->seal_sig->selector;
	}
	if (set->message_sig != NULL) {
		out->message_domain = set->message_sig->domain;
		out->message_selector = set->message_sig->selector;
	}
	out->results = set->payload;
}

/* False: it cannot be good. */
static bool add_message(struct vx_arc_verifier *v, const struct vx_mail_header *h,
    struct vx_signature *sig, bool older)
{
	const int body =
	    sig->length != UINT64_MAX || vx_signature_untimely(sig, v->now_s) != NULL
		? -1
		: vx_body_want(&v->body, sig->relaxed_body, sig->length);

	if (body < 0)
		return false;
	vx_signature_hash(sig, h);
	v->list[v->count++] = (struct check){
		.sig = sig, .instance = sig->instance, .body = body, .older = older
	};
	return true;
}

static void add_chain(struct vx_arc_verifier *v, const struct vx_mail_header *h,
    struct vx_chain *c, size_t header_octets)
{
	struct vx_signature *const newest = c->sets[c->count - 1].message_sig;
	struct vx_sha256_state hash;
	size_t hashed = header_octets;

	vx_sha256_begin(&hash);
	vx_chain_hash(c, &hash);
	if (!add_message(v, h, newest, false)) {
		fail(v, c->count,
		    newest->length != UINT64_MAX
			? "the message is signed in part only (l=)"
			: vx_signature_untimely(newest, v->now_s));
		return;
	}
	for (unsigned i = c->count; i > 0; i--)
		v->list[v->count++] = (struct check){
			.sig = c->sets[i - 1].seal_sig, .instance = i, .body = -1
		};
	v->result.oldest_pass = c->count; /* until older ones are found good */
	for (unsigned i = c->count - 1; i > 0; i--) {
		hashed += header_octets;
		if (hashed > VX_ARC_HASHED_OCTETS_MAX ||
		    !add_message(v, h, c->sets[i - 1].message_sig, true))
			break;
	}
}

static int collect(struct vx_arc_verifier *v, const struct vx_mail_header *h,
    struct vx_chain *c, size_t header_octets)
{
	const int rc = vx_chain_collect(h, &v->arena, c);

	if (rc == VX_ELIMIT) {
		fail(v, 0, vx_signature_no_memory);
		v->result.temporary = true;
		return VX_OK;
	}
	v->result.sets = c->count;
	for (unsigned i = 0; i < c->count; i++)
		tell_set(&v->sets[i], &c->sets[i]);
	if (c->fields == 0)
		v->done = true;
	else if (c->ended) /* step 2, whatever else it is */
		fail(v, c->count, "the chain was broken before (cv=fail)");
	else if (c->broken != NULL)
		fail(v, c->broken_at, c->broken);
	else
		add_chain(v, h, c, header_octets);
	return VX_OK;
}

int vx_arc_verifier_header(struct vx_arc_verifier *v, vx_slice block)
{
	struct vx_mail_header h;
	struct vx_chain *c;
	int rc;

	if (v->stage != STAGE_HEADER)
		return VX_ESTATE;
	c = vx_alloc(sizeof(*c));
	if (c == NULL)
		return VX_ENOMEM;
	rc = vx_mail_header_init(&h, block);
	if (rc == VX_OK) {
		rc = collect(v, &h, c, block.len);
		v->stage = STAGE_BODY;
		vx_mail_header_done(&h);
	}
	vx_free(c);
	return rc;
}

/* --- the body -------------------------------------------------------------------------
 */

bool vx_arc_verifier_wants_body(const struct vx_arc_verifier *v)
{
	return v->stage == STAGE_BODY && !v->done && v->body.count > 0;
}

int vx_arc_verifier_body(struct vx_arc_verifier *v, vx_slice octets)
{
	if (v->stage != STAGE_BODY)
		return VX_ESTATE;
	if (!v->done)
		vx_body_add(&v->body, octets);
	return VX_OK;
}

int vx_arc_verifier_end(struct vx_arc_verifier *v)
{
	if (v->stage != STAGE_BODY)
		return VX_ESTATE;
	vx_body_end(&v->body);
	v->stage = STAGE_KEYS;
	return VX_OK;
}

/* --- the keys
 * --------------------------------------------------------------------------- */

/* VX_WAIT: its key is not there yet. */
static int check_one(struct vx_arc_verifier *v, const struct check *c,
    struct vx_outcome *out, struct vx_dns_question *question)
{
	const struct vx_lookup *lookup;

	*out = (struct vx_outcome){ VX_VERDICT_FAIL, "the body was altered", 0, false };
	if (c->body >= 0 && memcmp(v->body.hashes[c->body].digest, c->sig->body_hash,
				VX_SHA256_OCTETS) != 0)
		return VX_OK;
	lookup = vx_lookups_find(&v->lookups, c->sig->key_name, question);
	if (lookup == NULL)
		return VX_WAIT;
	*out = vx_lookup_check(lookup, c->sig, &v->checks);
	return VX_OK;
}

/* One more is good. */
static void good(struct vx_arc_verifier *v, const struct check *c)
{
	if (c->older)
		v->result.oldest_pass = c->instance == 1 ? 0 : c->instance;
}

int vx_arc_verifier_next(struct vx_arc_verifier *v, struct vx_dns_question *out)
{
	struct vx_outcome o;

	if (v->stage != STAGE_KEYS)
		return VX_ESTATE;
	while (!v->done && v->at < v->count) {
		const struct check *const c = &v->list[v->at];

		if (check_one(v, c, &o, out) == VX_WAIT)
			return VX_WAIT;
		v->at++;
		if (o.verdict == VX_VERDICT_PASS) {
			good(v, c);
		} else if (c->older) {
			break;
		} else {
			fail(v, c->instance, o.reason);
			v->result.temporary = o.verdict == VX_VERDICT_TEMPERROR;
		}
	}
	if (!v->done) {
		v->result.verdict = VX_VERDICT_PASS;
		if (v->result.sets == 1)
			v->result.oldest_pass = 0;
	}
	v->done = true;
	return VX_DONE;
}

int vx_arc_verifier_answer(struct vx_arc_verifier *v, const struct vx_dns_answer *answer)
{
	const int rc = vx_lookups_answer(&v->lookups, answer);

	if (rc != VX_ELIMIT)
		return rc;
	fail(v, v->list[v->at].instance, vx_signature_no_memory);
	v->result.temporary = true;
	v->lookups.asked = NULL;
	return VX_OK;
}

/* --- results
 * ---------------------------------------------------------------------------- */

const struct vx_arc_result *vx_arc_verifier_result(const struct vx_arc_verifier *v)
{
	return &v->result;
}

const struct vx_arc_set *vx_arc_verifier_set(
    const struct vx_arc_verifier *v, unsigned instance)
{
	return &v->sets[instance - 1];
}
