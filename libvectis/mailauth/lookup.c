#include "mailauth/lookup.h"

#include "mailauth/tags.h"

#include <stdio.h>

const struct vx_lookup *vx_lookups_find(
    struct vx_lookups *l, const char *name, struct vx_dns_question *out)
{
	for (const struct vx_lookup *each = l->all; each != NULL; each = each->next)
		if (strcmp(each->name, name) == 0)
			return each;
	l->asked = name;
	out->type = VX_DNS_TXT;
	(void)snprintf(out->name, sizeof(out->name), "%s", name);
	return NULL;
}

static int add_text(struct vx_lookups *l, vx_slice rdata, struct vx_lookup *to)
{
	struct vx_buf text = { .max = VX_DKIM_RECORD_OCTETS_MAX };
	int rc = VX_OK;

	if (to->count == VX_DKIM_RECORDS_MAX || rdata.len > VX_DKIM_RECORD_OCTETS_MAX ||
	    vx_dns_read_txt(rdata, &text) != VX_OK)
		to->skipped = true;
	else if (text.failed)
		rc = VX_ELIMIT;
	else
		rc =
		    vx_arena_copy(l->arena, vx_buf_slice(&text), &to->texts[to->count++]);
	vx_buf_done(&text);
	return rc;
}

int vx_lookups_answer(struct vx_lookups *l, const struct vx_dns_answer *answer)
{
	struct vx_lookup *const new =
	    l->asked == NULL ? NULL : vx_arena_alloc(l->arena, sizeof(*new));
	int rc = VX_OK;

	if (l->asked == NULL)
		return VX_ESTATE;
	if (new == NULL)
		return VX_ELIMIT;
	new->name = l->asked;
	new->status = answer->status;
	for (size_t i = 0; i < answer->count && rc == VX_OK; i++)
		rc = add_text(l, answer->rdata[i], new);
	if (rc != VX_OK)
		return rc;
	new->next = l->all;
	l->all = new;
	l->asked = NULL;
	return VX_OK;
}

/* --- one record -----------------------------------------------------------------------
 */

static vx_slice value_or(const struct vx_tags *tags, const char *name, vx_slice other)
{
	const struct vx_tag *const tag = vx_tags_find(tags, name);

	return tag == NULL ? other : tag->value;
}

/* RFC 6376 6.1.2, 3.6.1: NULL, or why it is not for this signature. */
static const char *unsuitable(const struct vx_tags *tags, const struct vx_signature *s)
{
	const vx_slice kind = value_or(tags, "k", VX_S("rsa"));
	const struct vx_tag *const p = vx_tags_find(tags, "p");
	const vx_slice flags = value_or(tags, "t", vx_slice_of(NULL, 0));
	const struct vx_tag *const v = vx_tags_find(tags, "v");

	if (v != NULL && (v != tags->list || !vx_slice_eq(v->value, VX_S("DKIM1"))))
		return "the record of the key is not of DKIM1";
	if (p == NULL)
		return "the record of the key has no key";
	if (!vx_tags_has_item(value_or(tags, "s", VX_S("*")), "*") &&
	    !vx_tags_has_item(value_or(tags, "s", VX_S("*")), "email"))
		return "the key is not for mail (s=)";
	if (!vx_tags_has_item(value_or(tags, "h", VX_S("sha256")), "sha256"))
		return "the key is not for SHA-256 (h=)";
	if (p->value.len == 0)
		return "the key was revoked";
	if (!vx_slice_eq(kind, vx_slice_str(vx_key_type_name(s->type))))
		return "the key is of another kind than the signature";
	if (vx_tags_has_item(flags, "s") && s->identity.len > 0 &&
	    !vx_slice_eq(vx_slice_from(s->identity, vx_slice_rfind(s->identity, '@') + 1),
		s->domain))
		return "the key is not for subdomains, and i= is in one (t=s)";
	return NULL;
}

static int load(const struct vx_tags *tags, enum vx_key_type type, struct vx_key **out)
{
	struct vx_buf octets = { .max = VX_DKIM_RECORD_OCTETS_MAX };
	int rc = vx_tags_base64(vx_tags_find(tags, "p")->value, &octets);

	if (rc == VX_OK)
		rc = vx_key_load(type, vx_buf_slice(&octets), out);
	else if (rc == VX_ELIMIT) /* a record is never too long for it */
		rc = VX_ENOMEM;
	vx_buf_done(&octets);
	return rc;
}

static struct vx_outcome outcome(enum vx_verdict verdict, const char *reason)
{
	return (struct vx_outcome){ .verdict = verdict, .reason = reason };
}

static struct vx_outcome try_key(const struct vx_key *key, const struct vx_signature *s)
{
	struct vx_outcome o;

	if (vx_key_verify(key, s->digest, s->value) != VX_OK)
		o = outcome(VX_VERDICT_FAIL,
		    "the signature is not of these header fields, or not by this key");
	else if (s->type == VX_KEY_RSA && vx_key_bits(key) < VX_KEY_RSA_BITS_MIN)
		o = outcome(VX_VERDICT_POLICY,
		    "the key has less than 1024 bits and does not count (RFC 8301)");
	else
		o = outcome(VX_VERDICT_PASS, "");
	o.bits = vx_key_bits(key);
	return o;
}

static struct vx_outcome try_text(
    vx_slice text, const struct vx_signature *s, unsigned *checks)
{
	struct vx_tags tags;
	struct vx_key *key;
	struct vx_outcome o;
	const char *why;
	int rc;

	if (vx_tags_parse(text, &tags) != VX_OK)
		return outcome(
		    VX_VERDICT_PERMERROR, "the record of the key is malformed");
	why = unsuitable(&tags, s);
	if (why != NULL)
		return outcome(VX_VERDICT_PERMERROR, why);
	if (*checks == 0)
		return outcome(
		    VX_VERDICT_POLICY, "there are more keys than are looked at");
	rc = load(&tags, s->type, &key);
	if (rc == VX_ENOMEM)
		return outcome(VX_VERDICT_TEMPERROR, vx_signature_no_memory);
	if (rc != VX_OK)
		return outcome(VX_VERDICT_PERMERROR,
		    rc == VX_ELIMIT ? "the key is too short or too long"
				    : "the key is malformed");
	--*checks;
	o = try_key(key, s);
	vx_key_free(key);
	o.testing = vx_tags_has_item(value_or(&tags, "t", vx_slice_of(NULL, 0)), "y");
	return o;
}

/* Of several records, which one tells most. */
static int rank(enum vx_verdict v)
{
	switch (v) {
	case VX_VERDICT_PASS:
		return 4;
	case VX_VERDICT_POLICY:
		return 3;
	case VX_VERDICT_TEMPERROR:
		return 2;
	case VX_VERDICT_FAIL:
		return 1;
	case VX_VERDICT_NONE:
	case VX_VERDICT_SOFTFAIL:
	case VX_VERDICT_NEUTRAL:
	case VX_VERDICT_PERMERROR:
		break;
	}
	return 0;
}

struct vx_outcome vx_lookup_check(
    const struct vx_lookup *l, const struct vx_signature *s, unsigned *checks)
{
	struct vx_outcome best, o;

	switch (l->status) {
	case VX_DNS_FOUND:
		break;
	case VX_DNS_NODATA:
	case VX_DNS_NO_NAME:
		return outcome(VX_VERDICT_PERMERROR, "there is no key for it in the DNS");
	case VX_DNS_FAILED:
		return outcome(VX_VERDICT_TEMPERROR, "the DNS does not answer");
	case VX_DNS_BOGUS:
		return outcome(
		    VX_VERDICT_TEMPERROR, "the answer of the DNS is not authentic");
	}
	best = outcome(VX_VERDICT_PERMERROR,
	    l->skipped ? "the record of the key is too long, or none at all"
		       : "there is no key for it in the DNS");
	for (size_t i = 0; i < l->count && best.verdict != VX_VERDICT_PASS; i++) {
		o = try_text(l->texts[i], s, checks);
		if (i == 0 || rank(o.verdict) > rank(best.verdict))
			best = o;
	}
	return best;
}
