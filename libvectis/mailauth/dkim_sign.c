#include "base/mem.h"
#include "mailauth/fold.h"
#include "mailauth/sign.h"

/* Of one field: the names, the longest signature, and what is around. */
#define FIELD_OCTETS_MAX (2 * VX_SIGN_NAMES_OCTETS + 4 * VX_KEY_SIGNATURE_OCTETS_MAX)

enum stage {
	STAGE_HEADER,
	STAGE_BODY,
	STAGE_HASHED,
	STAGE_SIGNED,
	STAGE_FAILED
};

struct one {
	vx_slice domain, selector;
	const struct vx_private_key *key;
	char digest[VX_SHA256_OCTETS];
	struct vx_buf value; /* of b=, base64 */
};

struct vx_dkim_signer {
	uint64_t now_s;
	uint32_t valid_s;
	enum stage stage;
	struct vx_arena arena;
	struct vx_body body;
	struct vx_sha256_state header; /* of the fields that are signed */
	struct vx_buf names, body_hash;
	struct one list[VX_DKIM_KEYS_MAX];
	size_t count;
};

static int add_identity(struct vx_dkim_signer *s, const struct vx_dkim_identity *id)
{
	struct one *const one = &s->list[s->count++];
	int rc;

	one->key = id->key;
	vx_buf_init(&one->value, 2 * VX_KEY_SIGNATURE_OCTETS_MAX);
	rc = vx_sign_check_identity(id->domain, id->selector);
	if (rc != VX_OK)
		return rc;
	return vx_arena_copy(&s->arena, id->domain, &one->domain) == VX_OK &&
		       vx_arena_copy(&s->arena, id->selector, &one->selector) == VX_OK
		   ? VX_OK
		   : VX_ENOMEM;
}

int vx_dkim_signer_new(
    const struct vx_dkim_signer_options *o, struct vx_dkim_signer **out)
{
	struct vx_dkim_signer *s;
	int rc = VX_OK;

	if (o->struct_size != sizeof(*o) || o->count == 0 || o->count > VX_DKIM_KEYS_MAX)
		return VX_EINVAL;
	s = vx_alloc(sizeof(*s));
	if (s == NULL)
		return VX_ENOMEM;
	s->now_s = o->now_s < 0 ? 0 : (uint64_t)o->now_s;
	s->valid_s = o->valid_s;
	vx_arena_init(&s->arena, (size_t)16 * VX_DNS_NAME_MAX * VX_DKIM_KEYS_MAX);
	vx_buf_init(&s->names, VX_SIGN_NAMES_OCTETS);
	vx_buf_init(&s->body_hash, 2 * VX_SHA256_OCTETS);
	vx_sha256_begin(&s->header);
	(void)vx_body_want(&s->body, true, UINT64_MAX);
	for (size_t i = 0; i < o->count && rc == VX_OK; i++)
		rc = add_identity(s, &o->identities[i]);
	if (rc == VX_OK)
		*out = s;
	else
		vx_dkim_signer_free(s);
	return rc;
}

void vx_dkim_signer_free(struct vx_dkim_signer *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		vx_buf_done(&s->list[i].value);
	vx_buf_done(&s->names);
	vx_buf_done(&s->body_hash);
	vx_arena_done(&s->arena);
	vx_free(s);
}

int vx_dkim_signer_header(struct vx_dkim_signer *s, vx_slice block)
{
	struct vx_mail_header h;
	int rc;

	if (s->stage != STAGE_HEADER)
		return VX_ESTATE;
	rc = vx_mail_header_init(&h, block);
	if (rc != VX_OK)
		return rc;
	if (h.too_long)
		rc = VX_ELIMIT;
	else if (h.open || vx_mail_header_count(&h, "From") != 1)
		rc = VX_EINVAL;
	else
		rc = vx_sign_names(&h, false, &s->names);
	if (rc == VX_OK) {
		vx_sign_hash_names(&s->header, &h, vx_buf_slice(&s->names));
		s->stage = STAGE_BODY;
	} else {
		vx_buf_reset(&s->names);
	}
	vx_mail_header_done(&h);
	return rc;
}

int vx_dkim_signer_body(struct vx_dkim_signer *s, vx_slice octets)
{
	if (s->stage != STAGE_BODY)
		return VX_ESTATE;
	vx_body_add(&s->body, octets);
	return VX_OK;
}

static void write_field(const struct vx_dkim_signer *s, const struct one *one,
    vx_slice value, struct vx_buf *out)
{
	struct vx_fold f;

	vx_fold_begin(&f, out, VX_DKIM_LINE_OCTETS, "DKIM-Signature");
	vx_fold_tag(&f, "v", VX_S("1"), -1);
	vx_fold_tag(&f, "a", vx_slice_str(vx_sign_algorithm(one->key)), -1);
	vx_fold_tag(&f, "c", VX_S("relaxed/relaxed"), -1);
	vx_fold_tag(&f, "d", one->domain, -1);
	vx_fold_tag(&f, "s", one->selector, -1);
	vx_fold_number(&f, "t", s->now_s);
	if (s->valid_s > 0)
		vx_fold_number(&f, "x", s->now_s + s->valid_s);
	vx_fold_tag(&f, "h", vx_buf_slice(&s->names), ':');
	vx_fold_tag(&f, "bh", vx_buf_slice(&s->body_hash), '\0');
	vx_fold_tag(&f, "b", value, '\0');
	vx_buf_add_str(out, "\r\n");
}

/* The digest that is to be signed; value is for a field of its length. */
static int hash_one(struct vx_dkim_signer *s, struct one *one)
{
	struct vx_buf field = { .max = FIELD_OCTETS_MAX };
	struct vx_sha256_state hash = s->header;
	int rc;

	vx_buf_reset(&one->value);
	rc = vx_sign_placeholder(one->key, &one->value);
	write_field(s, one, vx_buf_slice(&one->value), &field);
	if (rc == VX_OK && !field.failed) {
		vx_sign_hash_written(&hash, vx_buf_slice(&field));
		vx_sha256_end(&hash, one->digest);
	} else {
		rc = VX_ENOMEM;
	}
	vx_buf_done(&field);
	return rc;
}

int vx_dkim_signer_end(struct vx_dkim_signer *s)
{
	int rc;

	if (s->stage != STAGE_BODY)
		return VX_ESTATE;
	vx_body_end(&s->body);
	s->stage = STAGE_FAILED;
	rc = vx_sign_base64(
	    vx_slice_of(s->body.hashes[0].digest, VX_SHA256_OCTETS), &s->body_hash);
	for (size_t i = 0; i < s->count && rc == VX_OK; i++)
		rc = hash_one(s, &s->list[i]);
	if (rc == VX_OK)
		s->stage = STAGE_HASHED;
	return rc == VX_ELIMIT ? VX_ENOMEM : rc;
}

static int sign_one(struct one *one)
{
	struct vx_buf octets = { .max = VX_KEY_SIGNATURE_OCTETS_MAX };
	int rc = vx_private_key_sign(one->key, one->digest, &octets);

	vx_buf_reset(&one->value);
	if (rc == VX_OK)
		rc = vx_sign_base64(vx_buf_slice(&octets), &one->value);
	vx_buf_done(&octets);
	return rc == VX_ELIMIT ? VX_ENOMEM : rc;
}

int vx_dkim_signer_compute(struct vx_dkim_signer *s)
{
	int rc = VX_OK;

	if (s->stage != STAGE_HASHED)
		return VX_ESTATE;
	for (size_t i = 0; i < s->count && rc == VX_OK; i++)
		rc = sign_one(&s->list[i]);
	if (rc == VX_OK)
		s->stage = STAGE_SIGNED;
	return rc;
}

int vx_dkim_signer_write(const struct vx_dkim_signer *s, struct vx_buf *out)
{
	if (s->stage != STAGE_SIGNED)
		return VX_ESTATE;
	for (size_t i = 0; i < s->count; i++)
		write_field(s, &s->list[i], vx_buf_slice(&s->list[i].value), out);
	return out->failed ? VX_ELIMIT : VX_OK;
}
