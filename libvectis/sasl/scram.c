/*
 * SCRAM-SHA-256, server side (RFC 5802 5 to 7, RFC 7677; RFC 9266 for -PLUS).
 *
 *   client  gs2-header "n=user,r=cnonce"
 *   server  "r=nonce,s=salt,i=iterations"
 *   client  "c=binding,r=nonce,p=proof"
 *   server  "v=signature"
 *   client  (empty)
 */
#include "sasl/scram.h"

#include "base/chars.h"
#include "base/cursor.h"
#include "base/encode.h"
#include "base/mem.h"

enum {
	BEGIN,
	WANT_FIRST, /* it was asked for */
	WANT_KEYS,
	WANT_FINAL,
	WANT_END,
	OVER
};

static bool value(struct vx_cursor *c, vx_slice *out)
{
	*out = vx_scram_value(c);
	return true;
}

/* "=2C" is a comma and "=3D" an equals sign; no other '=' may be there. */
static bool unescape(vx_slice name, struct vx_buf *out)
{
	for (size_t i = 0; i < name.len; i++) {
		const vx_slice rest = vx_slice_from(name, i);

		if (name.ptr[i] != '=') {
			vx_buf_add_char(out, name.ptr[i]);
			continue;
		}
		if (vx_slice_has_prefix(rest, VX_S("=2C")))
			vx_buf_add_char(out, ',');
		else if (vx_slice_has_prefix(rest, VX_S("=3D")))
			vx_buf_add_char(out, '=');
		else
			return false;
		i += 2;
	}
	return name.len > 0 && !out->failed && vx_utf8_valid(vx_buf_slice(out)) &&
	       vx_slice_find(vx_buf_slice(out), '\0') == out->len;
}

/* gs2-cbind-flag: does what the client says of channel binding fit the mechanism? */
static bool binding_flag(struct vx_sasl *s, struct vx_cursor *c)
{
	const bool plus = s->mechanism == VX_SASL_SCRAM_SHA_256_PLUS;
	vx_slice name;

	if (vx_cur_char(c, 'p'))
		return plus && vx_cur_char(c, '=') && value(c, &name) &&
		       vx_slice_eq(name, VX_S("tls-exporter"));
	/* "y": it could, and thinks that we cannot: somebody took -PLUS off our list */
	if (vx_cur_char(c, 'y'))
		return !plus && s->binding.len == 0;
	return !plus && vx_cur_char(c, 'n');
}

/* "flag,[a=authzid]," */
static bool gs2_header(struct vx_sasl *s, struct vx_cursor *c, struct vx_buf *authzid)
{
	const char *const begin = c->p;
	vx_slice name;

	if (!binding_flag(s, c) || !vx_cur_char(c, ','))
		return false;
	if (vx_cur_text(c, VX_S("a=")) && (!value(c, &name) || !unescape(name, authzid)))
		return false;
	if (!vx_cur_char(c, ','))
		return false;
	vx_buf_add(&s->gs2, vx_slice_range(begin, c->p));
	return !s->gs2.failed;
}

void vx_scram_nonce(struct vx_buf *out)
{
	char random[18];

	vx_random(random, sizeof(random));
	vx_base64_add(out, vx_slice_of(random, sizeof(random)));
}

static int first(struct vx_sasl *s, vx_slice response)
{
	struct vx_buf authzid = { .max = VX_SASL_USER_MAX };
	struct vx_cursor c = vx_cursor_of(response);
	vx_slice name, nonce, bare;
	bool good = gs2_header(s, &c, &authzid);

	bare = vx_cur_rest(&c);
	good = good && vx_cur_text(&c, VX_S("n=")) && value(&c, &name) &&
	       unescape(name, &s->user) && vx_cur_text(&c, VX_S(",r=")) &&
	       value(&c, &nonce) && vx_scram_is_nonce(nonce, VX_SASL_NONCE_MAX) &&
	       (authzid.len == 0 ||
		   vx_slice_eq_nocase(vx_buf_slice(&authzid), vx_buf_slice(&s->user)));
	vx_buf_done(&authzid);
	if (!good)
		return VX_EPROTO;
	vx_buf_add(&s->text, bare);
	vx_buf_add_char(&s->text, ',');
	vx_buf_add(&s->nonce, nonce); /* the client's, with ours behind it */
	vx_scram_nonce(&s->nonce);
	s->step = WANT_KEYS;
	return s->text.failed || s->nonce.failed ? VX_ENOMEM : VX_WAIT;
}

int vx_sasl_keys(struct vx_sasl *s, const struct vx_credential *keys, vx_slice *challenge)
{
	if (s->step != WANT_KEYS || s->mechanism > VX_SASL_SCRAM_SHA_256)
		return VX_ESTATE;
	memcpy(s->stored_key, keys->stored_key, sizeof(s->stored_key));
	memcpy(s->server_key, keys->server_key, sizeof(s->server_key));
	vx_buf_reset(&s->out);
	vx_buf_add_str(&s->out, "r=");
	vx_buf_add(&s->out, vx_buf_slice(&s->nonce));
	vx_buf_add_str(&s->out, ",s=");
	vx_base64_add(&s->out, vx_slice_of(keys->salt, sizeof(keys->salt)));
	vx_buf_printf(&s->out, ",i=%u", keys->iterations);
	vx_buf_add(&s->text, vx_buf_slice(&s->out));
	s->step = WANT_FINAL;
	*challenge = vx_buf_slice(&s->out);
	return s->text.failed || s->out.failed ? VX_ENOMEM : VX_MORE;
}

/* "c=" is the GS2 header again, with the binding's octets after it for -PLUS. */
static bool binding_is_ours(struct vx_sasl *s, vx_slice c)
{
	struct vx_buf expected = { .max = VX_SASL_RESPONSE_MAX },
		      said = { .max = VX_SASL_RESPONSE_MAX };
	bool same;

	vx_buf_add(&expected, vx_buf_slice(&s->gs2));
	if (s->mechanism == VX_SASL_SCRAM_SHA_256_PLUS)
		vx_buf_add(&expected, vx_slice_of(s->binding.octets, s->binding.len));
	same = vx_base64_decode(c, &said) == VX_OK &&
	       vx_equal_secret(vx_buf_slice(&said), vx_buf_slice(&expected));
	vx_buf_wipe(&expected);
	vx_buf_wipe(&said);
	return same;
}

/* ClientKey is the proof without ClientSignature; its digest must be StoredKey. */
static bool proof_is_right(const struct vx_sasl *s, vx_slice proof)
{
	char key[VX_SHA256_OCTETS], digest[VX_SHA256_OCTETS];
	bool right;

	vx_hmac_sha256(vx_slice_of(s->stored_key, sizeof(s->stored_key)),
	    vx_buf_slice(&s->text), key);
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (char)(key[i] ^ proof.ptr[i]);
	vx_sha256(vx_slice_of(key, sizeof(key)), digest);
	right = vx_equal_secret(vx_slice_of(digest, sizeof(digest)),
	    vx_slice_of(s->stored_key, sizeof(s->stored_key)));
	vx_wipe(key, sizeof(key));
	return right;
}

static int signature(struct vx_sasl *s, vx_slice *challenge)
{
	char sig[VX_SHA256_OCTETS];

	vx_hmac_sha256(vx_slice_of(s->server_key, sizeof(s->server_key)),
	    vx_buf_slice(&s->text), sig);
	vx_buf_reset(&s->out);
	vx_buf_add_str(&s->out, "v=");
	vx_base64_add(&s->out, vx_slice_of(sig, sizeof(sig)));
	s->step = WANT_END;
	*challenge = vx_buf_slice(&s->out);
	return s->out.failed ? VX_ENOMEM : VX_MORE;
}

static int final(struct vx_sasl *s, vx_slice response, vx_slice *challenge)
{
	struct vx_buf proof = { .max = VX_SASL_RESPONSE_MAX };
	struct vx_cursor c = vx_cursor_of(response);
	const size_t at = vx_slice_find_slice(response, VX_S(",p="));
	vx_slice binding, nonce, rest;
	bool good, bound, right;

	good = vx_cur_text(&c, VX_S("c=")) && value(&c, &binding) &&
	       vx_cur_text(&c, VX_S(",r=")) && value(&c, &nonce) && at < response.len &&
	       vx_slice_eq(nonce, vx_buf_slice(&s->nonce));
	rest = vx_slice_from(response, at + 3);
	good = good && vx_slice_find(rest, ',') == rest.len &&
	       vx_base64_decode(rest, &proof) == VX_OK && proof.len == VX_SHA256_OCTETS;
	if (!good) {
		vx_buf_done(&proof);
		return VX_EPROTO;
	}
	vx_buf_add_char(&s->text, ',');
	vx_buf_add(&s->text, vx_slice_head(response, at));
	bound =
	    binding_is_ours(s, binding); /* both are looked at, whatever the first says */
	right = proof_is_right(s, vx_buf_slice(&proof)) && bound;
	vx_buf_wipe(&proof);
	if (s->text.failed)
		return VX_ENOMEM;
	s->step = OVER;
	s->proof = right ? VX_SASL_PROVEN : VX_SASL_WRONG;
	return right ? signature(s, challenge) : VX_DONE;
}

int vx_scram_next(struct vx_sasl *s, vx_slice response, vx_slice *challenge)
{
	if (response.ptr == NULL) {
		const bool first_time = s->step == BEGIN;

		s->step = first_time ? WANT_FIRST : OVER;
		*challenge = VX_S("");
		return first_time ? VX_MORE : VX_EPROTO;
	}
	if (s->step == BEGIN || s->step == WANT_FIRST)
		return first(s, response);
	if (s->step == WANT_FINAL)
		return final(s, response, challenge);
	if (s->step != WANT_END || response.len > 0)
		return VX_EPROTO;
	s->step = OVER;
	return VX_DONE;
}
