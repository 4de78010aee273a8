#include "mailauth/chain.h"

#include "mailauth/tags.h"
#include "mime/cfws.h"

static void breaks(struct vx_chain *c, unsigned at, const char *why)
{
	if (c->broken != NULL)
		return;
	c->broken = why;
	c->broken_at = at;
}

static struct vx_chain_set *place(struct vx_chain *c, unsigned instance)
{
	if (instance > c->count)
		c->count = instance;
	return &c->sets[instance - 1];
}

static bool put(
    struct vx_chain *c, unsigned at, struct vx_field *to, const struct vx_field *field)
{
	if (to->whole.ptr != NULL) {
		breaks(c, at, "a field of an instance is there twice");
		return false;
	}
	*to = *field;
	return true;
}

/* [CFWS] "i" [CFWS] "=" [CFWS] position [CFWS] ";" */
static unsigned results_instance(vx_slice value, vx_slice *payload)
{
	struct vx_cursor c = vx_cursor_of(value);
	uint64_t n;

	vx_skip_cfws(&c);
	if (!vx_cur_char(&c, 'i'))
		return 0;
	vx_skip_cfws(&c);
	if (!vx_cur_char(&c, '='))
		return 0;
	vx_skip_cfws(&c);
	if (vx_tags_number(vx_cur_run(&c, VX_C_DIGIT), 2, &n) != VX_OK ||
	    n > VX_ARC_SETS_MAX)
		return 0;
	vx_skip_cfws(&c);
	if (!vx_cur_char(&c, ';'))
		return 0;
	*payload = vx_slice_trim(vx_cur_rest(&c), " \t\r\n");
	return (unsigned)n;
}

static int add_results(
    struct vx_chain *c, const struct vx_field *field, struct vx_arena *arena)
{
	vx_slice payload;
	const unsigned at = results_instance(field->value, &payload);
	struct vx_chain_set *set;

	if (at == 0) {
		breaks(c, 0, "ARC-Authentication-Results has no instance");
		return VX_OK;
	}
	set = place(c, at);
	return put(c, at, &set->results, field)
		   ? vx_arena_copy(arena, payload, &set->payload)
		   : VX_OK;
}

static int add_signature(struct vx_chain *c, enum vx_signature_kind kind,
    const struct vx_field *field, struct vx_arena *arena)
{
	struct vx_signature *const sig = vx_arena_alloc(arena, sizeof(*sig));
	const bool seal = kind == VX_SIGNATURE_SEAL;
	struct vx_chain_set *set;
	const char *why;

	if (sig == NULL)
		return VX_ELIMIT;
	why = vx_signature_parse(kind, field, arena, sig);
	if (why == vx_signature_no_memory)
		return VX_ELIMIT;
	if (why != NULL)
		breaks(c, sig->instance, why);
	if (sig->instance == 0)
		return VX_OK;
	set = place(c, sig->instance);
	if (!put(c, sig->instance, seal ? &set->seal : &set->message, field))
		return VX_OK;
	*(seal ? &set->seal_sig : &set->message_sig) = sig;
	return VX_OK;
}

static int add(struct vx_chain *c, const struct vx_field *f, struct vx_arena *arena)
{
	enum vx_signature_kind kind = VX_SIGNATURE_SEAL;
	const bool results =
	    vx_slice_eq_nocase(f->name, VX_S("ARC-Authentication-Results"));

	if (vx_slice_eq_nocase(f->name, VX_S("ARC-Message-Signature")))
		kind = VX_SIGNATURE_MESSAGE;
	else if (!results && !vx_slice_eq_nocase(f->name, VX_S("ARC-Seal")))
		return VX_OK;
	if (c->fields++ == 3 * VX_ARC_SETS_MAX)
		breaks(c, 0, "there are more sets than there may be");
	if (c->fields > 3 * VX_ARC_SETS_MAX)
		return VX_OK;
	return results ? add_results(c, f, arena) : add_signature(c, kind, f, arena);
}

static void check_set(struct vx_chain *c, unsigned at)
{
	const struct vx_chain_set *const set = &c->sets[at - 1];

	if (set->results.whole.ptr == NULL || set->message_sig == NULL ||
	    set->seal_sig == NULL)
		breaks(c, at, "an instance is not complete");
	else if (set->seal_sig->chain == VX_VERDICT_FAIL)
		breaks(c, at, "the chain was broken before (cv=fail)");
	else if ((set->seal_sig->chain == VX_VERDICT_NONE) != (at == 1))
		breaks(c, at, "cv= does not fit to the instance");
}

int vx_chain_collect(
    const struct vx_mail_header *h, struct vx_arena *arena, struct vx_chain *out)
{
	int rc = VX_OK;

	*out = (struct vx_chain){ 0 };
	for (size_t i = 0; i < h->count && rc == VX_OK; i++)
		rc = add(out, &h->fields[i].f, arena);
	if (rc != VX_OK)
		return rc;
	if (out->fields > 0 && h->too_long)
		breaks(out, 0, "the header is longer than is looked at");
	if (out->count > 0 && out->sets[out->count - 1].seal_sig != NULL)
		out->ended = out->sets[out->count - 1].seal_sig->chain == VX_VERDICT_FAIL;
	for (unsigned at = 1; at <= out->count; at++)
		check_set(out, at);
	return VX_OK;
}

void vx_chain_hash(struct vx_chain *c, struct vx_sha256_state *hash)
{
	const vx_slice all = vx_slice_of(NULL, 0);

	for (unsigned i = 0; i < c->count; i++) {
		const struct vx_chain_set *const set = &c->sets[i];
		struct vx_sha256_state last;

		vx_canon_field(hash, true, &set->results, all);
		vx_canon_field(hash, true, &set->message, all);
		last = *hash;
		vx_canon_field(&last, true, &set->seal, set->seal_sig->cut);
		vx_sha256_end(&last, set->seal_sig->digest);
		vx_canon_field(hash, true, &set->seal, all);
	}
}
