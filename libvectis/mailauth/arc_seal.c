#include "base/chars.h"
#include "base/mem.h"
#include "mailauth/chain.h"
#include "mailauth/fold.h"
#include "mailauth/sign.h"

#define FIELD_OCTETS_MAX                                                                 \
	(VX_ARC_RESULTS_OCTETS_MAX + 2 * VX_SIGN_NAMES_OCTETS +                          \
	    4 * VX_KEY_SIGNATURE_OCTETS_MAX)
/* What the chain that is there says is needed for a moment only. */
#define MEMORY_MAX ((size_t)1024 * 1024)

enum stage {
	STAGE_HEADER,
	STAGE_BODY,
	STAGE_HASHED,
	STAGE_SIGNED,
	STAGE_FAILED
};

struct vx_arc_sealer {
	uint64_t now_s;
	size_t width;
	enum stage stage;
	struct vx_arena names_arena;
	vx_slice domain, selector;
	const struct vx_private_key *key;
	struct vx_body body;
	struct vx_buf names, body_hash, value; /* value: of b=, in base64 */
	struct vx_sha256_state header;         /* of the fields that are signed */
	struct vx_sha256_state sets;           /* of those that are there */
	bool whole;                            /* they are a chain, or there is none */
	unsigned instance;                     /* ours */
	enum vx_verdict chain;
	char digest[VX_SHA256_OCTETS]; /* of the message */
	struct vx_buf results_field, message_field, seal_field;
};

static bool is_list_of_names(vx_slice names)
{
	for (size_t i = 0; i < names.len; i++)
		if (!vx_is(names.ptr[i], VX_C_ALPHA | VX_C_DIGIT) &&
		    strchr("-_:", names.ptr[i]) == NULL)
			return false;
	return names.len <= VX_SIGN_NAMES_OCTETS &&
	       memchr(names.len == 0 ? "" : names.ptr, '\0', names.len) == NULL;
}

int vx_arc_sealer_new(const struct vx_arc_sealer_options *o, struct vx_arc_sealer **out)
{
	struct vx_arc_sealer *s;
	int rc;

	if (o->struct_size != sizeof(*o) || !is_list_of_names(o->names))
		return VX_EINVAL;
	rc = vx_sign_check_identity(o->domain, o->selector);
	if (rc != VX_OK)
		return rc;
	s = vx_alloc(sizeof(*s));
	if (s == NULL)
		return VX_ENOMEM;
	s->now_s = o->now_s < 0 ? 0 : (uint64_t)o->now_s;
	s->width = o->line_octets == 0 ? VX_DKIM_LINE_OCTETS : o->line_octets;
	s->key = o->key;
	vx_arena_init(&s->names_arena, 4096);
	vx_buf_init(&s->names, VX_SIGN_NAMES_OCTETS);
	vx_buf_init(&s->body_hash, 2 * VX_SHA256_OCTETS);
	vx_buf_init(&s->value, 2 * VX_KEY_SIGNATURE_OCTETS_MAX);
	vx_buf_init(&s->results_field, FIELD_OCTETS_MAX);
	vx_buf_init(&s->message_field, FIELD_OCTETS_MAX);
	vx_buf_init(&s->seal_field, FIELD_OCTETS_MAX);
	vx_buf_add(&s->names, o->names);
	vx_sha256_begin(&s->header);
	vx_sha256_begin(&s->sets);
	(void)vx_body_want(&s->body, true, UINT64_MAX);
	if (vx_arena_copy(&s->names_arena, o->domain, &s->domain) != VX_OK ||
	    vx_arena_copy(&s->names_arena, o->selector, &s->selector) != VX_OK ||
	    s->names.failed) {
		vx_arc_sealer_free(s);
		return VX_ENOMEM;
	}
	*out = s;
	return VX_OK;
}

void vx_arc_sealer_free(struct vx_arc_sealer *s)
{
	if (s == NULL)
		return;
	vx_buf_done(&s->names);
	vx_buf_done(&s->body_hash);
	vx_buf_done(&s->value);
	vx_buf_done(&s->results_field);
	vx_buf_done(&s->message_field);
	vx_buf_done(&s->seal_field);
	vx_arena_done(&s->names_arena);
	vx_free(s);
}

/* --- the message ----------------------------------------------------------------------
 */

static int take_chain(
    struct vx_arc_sealer *s, const struct vx_mail_header *h, struct vx_chain *c)
{
	if (c->ended)
		return VX_DONE;
	if (h->too_long || c->count == VX_ARC_SETS_MAX)
		return VX_ELIMIT;
	if (h->open)
		return VX_EINVAL;
	s->instance = c->count + 1;
	s->whole = c->broken == NULL;
	if (s->whole)
		vx_chain_hash(c, &s->sets);
	return VX_OK;
}

static int take_header(
    struct vx_arc_sealer *s, const struct vx_mail_header *h, struct vx_chain *c)
{
	struct vx_arena arena = { .limit = MEMORY_MAX };
	int rc = vx_chain_collect(h, &arena, c);

	if (rc == VX_OK)
		rc = take_chain(s, h, c);
	if (rc == VX_OK && s->names.len == 0)
		rc = vx_sign_names(h, true, &s->names);
	if (rc == VX_OK)
		vx_sign_hash_names(&s->header, h, vx_buf_slice(&s->names));
	vx_arena_done(&arena);
	return rc;
}

int vx_arc_sealer_header(struct vx_arc_sealer *s, vx_slice block)
{
	struct vx_mail_header h;
	struct vx_chain *c;
	int rc;

	if (s->stage != STAGE_HEADER)
		return VX_ESTATE;
	c = vx_alloc(sizeof(*c));
	if (c == NULL)
		return VX_ENOMEM;
	rc = vx_mail_header_init(&h, block);
	if (rc == VX_OK) {
		rc = take_header(s, &h, c);
		vx_mail_header_done(&h);
	}
	vx_free(c);
	s->stage = rc == VX_OK ? STAGE_BODY : STAGE_FAILED;
	return rc;
}

int vx_arc_sealer_body(struct vx_arc_sealer *s, vx_slice octets)
{
	if (s->stage != STAGE_BODY)
		return VX_ESTATE;
	vx_body_add(&s->body, octets);
	return VX_OK;
}

/* --- the fields -----------------------------------------------------------------------
 */

/* Lines of a field's value: each but the first begins with WSP, and is not empty. */
static bool is_value(vx_slice value)
{
	vx_slice line;

	if (value.len == 0 || value.len > VX_ARC_RESULTS_OCTETS_MAX ||
	    memchr(value.ptr, '\0', value.len) != NULL)
		return false;
	while (vx_slice_cut(&value, '\n', &line)) {
		if (!vx_slice_has_suffix(line, VX_S("\r")) || value.len == 0 ||
		    (value.ptr[0] != ' ' && value.ptr[0] != '\t'))
			return false;
		line.len--;
		if (vx_slice_trim(line, " \t").len == 0 ||
		    vx_slice_find(line, '\r') < line.len)
			return false;
	}
	return vx_slice_trim(line, " \t").len > 0 &&
	       vx_slice_find(line, '\r') == line.len;
}

/* The tags in the order of their names, as ARC's own tests have them. */
static void write_message(struct vx_arc_sealer *s)
{
	struct vx_fold f;

	vx_buf_reset(&s->message_field);
	vx_fold_begin(&f, &s->message_field, s->width, "ARC-Message-Signature");
	vx_fold_tag(&f, "a", vx_slice_str(vx_sign_algorithm(s->key)), -1);
	vx_fold_tag(&f, "b", vx_buf_slice(&s->value), '\0');
	vx_fold_tag(&f, "bh", vx_buf_slice(&s->body_hash), '\0');
	vx_fold_tag(&f, "c", VX_S("relaxed/relaxed"), -1);
	vx_fold_tag(&f, "d", s->domain, -1);
	vx_fold_tag(&f, "h", vx_buf_slice(&s->names), ':');
	vx_fold_number(&f, "i", s->instance);
	vx_fold_tag(&f, "s", s->selector, -1);
	vx_fold_number(&f, "t", s->now_s);
	vx_buf_add_str(&s->message_field, "\r\n");
}

static void write_seal(struct vx_arc_sealer *s)
{
	struct vx_fold f;

	vx_buf_reset(&s->seal_field);
	vx_fold_begin(&f, &s->seal_field, s->width, "ARC-Seal");
	vx_fold_tag(&f, "a", vx_slice_str(vx_sign_algorithm(s->key)), -1);
	vx_fold_tag(&f, "b", vx_buf_slice(&s->value), '\0');
	vx_fold_tag(&f, "cv", vx_slice_str(vx_verdict_name(s->chain)), -1);
	vx_fold_tag(&f, "d", s->domain, -1);
	vx_fold_number(&f, "i", s->instance);
	vx_fold_tag(&f, "s", s->selector, -1);
	vx_fold_number(&f, "t", s->now_s);
	vx_buf_add_str(&s->seal_field, "\r\n");
}

static bool is_fitting(const struct vx_arc_sealer *s, enum vx_verdict chain)
{
	switch (chain) {
	case VX_VERDICT_NONE:
		return s->whole && s->instance == 1;
	case VX_VERDICT_PASS:
		return s->whole && s->instance > 1;
	case VX_VERDICT_FAIL:
		return true;
	case VX_VERDICT_SOFTFAIL:
	case VX_VERDICT_NEUTRAL:
	case VX_VERDICT_POLICY:
	case VX_VERDICT_TEMPERROR:
	case VX_VERDICT_PERMERROR:
		break;
	}
	return false;
}

/* With a value of b= that is as long as the one that it will have. */
static int write_unsigned(struct vx_arc_sealer *s, void (*write)(struct vx_arc_sealer *s))
{
	vx_buf_reset(&s->value);
	if (vx_sign_placeholder(s->key, &s->value) != VX_OK)
		return VX_ENOMEM;
	write(s);
	return s->message_field.failed || s->seal_field.failed ? VX_ENOMEM : VX_OK;
}

int vx_arc_sealer_end(struct vx_arc_sealer *s, enum vx_verdict chain, vx_slice results)
{
	int rc;

	if (s->stage != STAGE_BODY)
		return VX_ESTATE;
	if (!is_fitting(s, chain) || !is_value(results))
		return VX_EINVAL;
	vx_body_end(&s->body);
	s->stage = STAGE_FAILED;
	s->chain = chain;
	vx_buf_printf(
	    &s->results_field, "ARC-Authentication-Results: i=%u; ", s->instance);
	vx_buf_add(&s->results_field, vx_slice_trim(results, " \t"));
	vx_buf_add_str(&s->results_field, "\r\n");
	rc = vx_sign_base64(
	    vx_slice_of(s->body.hashes[0].digest, VX_SHA256_OCTETS), &s->body_hash);
	if (rc != VX_OK || s->results_field.failed)
		return VX_ENOMEM;
	rc = write_unsigned(s, write_message);
	if (rc != VX_OK)
		return rc;
	vx_sign_hash_written(&s->header, vx_buf_slice(&s->message_field));
	vx_sha256_end(&s->header, s->digest);
	s->stage = STAGE_HASHED;
	return VX_OK;
}

static int sign(struct vx_arc_sealer *s, const char digest[VX_SHA256_OCTETS])
{
	struct vx_buf octets = { .max = VX_KEY_SIGNATURE_OCTETS_MAX };
	int rc = vx_private_key_sign(s->key, digest, &octets);

	vx_buf_reset(&s->value);
	if (rc == VX_OK)
		rc = vx_sign_base64(vx_buf_slice(&octets), &s->value);
	vx_buf_done(&octets);
	return rc == VX_ELIMIT ? VX_ENOMEM : rc;
}

static void hash_whole(struct vx_sha256_state *hash, const struct vx_buf *written)
{
	vx_slice text = vx_buf_slice(written);
	struct vx_field f = { 0 };

	(void)vx_field_next(&text, &f);
	vx_canon_field(hash, true, &f, vx_slice_of(NULL, 0));
}

/* RFC 8617 5.1.1, and 5.1.2 of a chain that is broken: our set alone. */
static void hash_seal(struct vx_arc_sealer *s, char digest[VX_SHA256_OCTETS])
{
	struct vx_sha256_state hash = s->sets;

	if (s->chain == VX_VERDICT_FAIL)
		vx_sha256_begin(&hash);
	hash_whole(&hash, &s->results_field);
	hash_whole(&hash, &s->message_field);
	vx_sign_hash_written(&hash, vx_buf_slice(&s->seal_field));
	vx_sha256_end(&hash, digest);
}

int vx_arc_sealer_compute(struct vx_arc_sealer *s)
{
	char digest[VX_SHA256_OCTETS];
	int rc;

	if (s->stage != STAGE_HASHED)
		return VX_ESTATE;
	s->stage = STAGE_FAILED;
	rc = sign(s, s->digest);
	if (rc != VX_OK)
		return rc;
	write_message(s);
	rc = write_unsigned(s, write_seal);
	if (rc != VX_OK)
		return rc;
	hash_seal(s, digest);
	rc = sign(s, digest);
	if (rc != VX_OK)
		return rc;
	write_seal(s);
	if (s->message_field.failed || s->seal_field.failed)
		return VX_ENOMEM;
	s->stage = STAGE_SIGNED;
	return VX_OK;
}

int vx_arc_sealer_write(const struct vx_arc_sealer *s, struct vx_buf *out)
{
	if (s->stage != STAGE_SIGNED)
		return VX_ESTATE;
	vx_buf_add(out, vx_buf_slice(&s->seal_field));
	vx_buf_add(out, vx_buf_slice(&s->message_field));
	vx_buf_add(out, vx_buf_slice(&s->results_field));
	return out->failed ? VX_ELIMIT : VX_OK;
}
