/* SCRAM-SHA-256, client side (RFC 5802 5 to 7, RFC 7677; RFC 9266 for -PLUS). */
#include "base/encode.h"
#include "base/mem.h"
#include "sasl/scram.h"

enum {
	BEGIN,
	WANT_FIRST,
	WANT_FINAL,
	OVER
};

/* saslname: "=" and "," are written otherwise. */
static void add_name(struct vx_buf *out, vx_slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '=')
			vx_buf_add_str(out, "=3D");
		else if (name.ptr[i] == ',')
			vx_buf_add_str(out, "=2C");
		else
			vx_buf_add_char(out, name.ptr[i]);
	}
}

static int begin(struct vx_sasl_client *s, vx_slice *response)
{
	vx_buf_add_str(&s->text, "n=");
	add_name(&s->text, s->user);
	vx_buf_add_str(&s->text, ",r=");
	vx_buf_add(&s->text, vx_buf_slice(&s->nonce));
	vx_buf_add(&s->out, vx_buf_slice(&s->gs2));
	vx_buf_add(&s->out, vx_buf_slice(&s->text));
	vx_buf_add_char(&s->text, ',');
	s->step = WANT_FIRST;
	*response = vx_buf_slice(&s->out);
	return s->text.failed || s->out.failed || s->nonce.failed || s->gs2.failed
		   ? VX_ENOMEM
		   : VX_MORE;
}

struct first {
	vx_slice nonce;
	struct vx_buf salt;
	uint64_t iterations;
};

/* "r=nonce,s=salt,i=iterations", and extensions that may be passed over */
static bool read_first(
    const struct vx_sasl_client *s, vx_slice challenge, struct first *f)
{
	struct vx_cursor c = vx_cursor_of(challenge);

	if (!vx_cur_text(&c, VX_S("r=")))
		return false;
	f->nonce = vx_scram_value(&c);
	if (!vx_scram_is_nonce(f->nonce, 2 * VX_SASL_NONCE_MAX) ||
	    !vx_slice_has_prefix(f->nonce, vx_buf_slice(&s->nonce)) ||
	    f->nonce.len == s->nonce.len)
		return false;
	if (!vx_cur_text(&c, VX_S(",s=")) ||
	    vx_base64_decode(vx_scram_value(&c), &f->salt) != VX_OK || f->salt.len == 0 ||
	    f->salt.len > VX_SASL_SALT_MAX)
		return false;
	if (!vx_cur_text(&c, VX_S(",i=")) ||
	    vx_slice_number(vx_scram_value(&c), VX_SASL_ITERATIONS_MAX, &f->iterations) !=
		VX_OK)
		return false;
	return f->iterations >= VX_SASL_ITERATIONS_MIN;
}

/* The proof into proof, and the signature that the server has to show. */
static void compute(
    struct vx_sasl_client *s, const struct first *f, char proof[VX_SHA256_OCTETS])
{
	char salted[VX_SHA256_OCTETS], client[VX_SHA256_OCTETS], key[VX_SHA256_OCTETS];
	const vx_slice salt = vx_buf_slice(&f->salt), text = vx_buf_slice(&s->text);

	vx_pbkdf2_sha256(s->password, salt, (unsigned)f->iterations, salted);
	vx_hmac_sha256(vx_slice_of(salted, sizeof(salted)), VX_S("Client Key"), client);
	vx_sha256(vx_slice_of(client, sizeof(client)), key);
	vx_hmac_sha256(vx_slice_of(key, sizeof(key)), text, proof);
	for (size_t i = 0; i < VX_SHA256_OCTETS; i++)
		proof[i] = (char)(proof[i] ^ client[i]);
	vx_hmac_sha256(vx_slice_of(salted, sizeof(salted)), VX_S("Server Key"), key);
	vx_hmac_sha256(vx_slice_of(key, sizeof(key)), text, s->signature);
	vx_wipe(salted, sizeof(salted));
	vx_wipe(client, sizeof(client));
	vx_wipe(key, sizeof(key));
}

/* "c=binding,r=nonce", of which the proof is made too */
static void add_final(struct vx_sasl_client *s, const struct first *f)
{
	struct vx_buf bound = { .max = 128 };

	vx_buf_add(&bound, vx_buf_slice(&s->gs2));
	if (s->mechanism == VX_SASL_SCRAM_SHA_256_PLUS)
		vx_buf_add(&bound, vx_slice_of(s->binding.octets, s->binding.len));
	vx_buf_reset(&s->out);
	vx_buf_add_str(&s->out, "c=");
	vx_base64_add(&s->out, vx_buf_slice(&bound));
	vx_buf_add_str(&s->out, ",r=");
	vx_buf_add(&s->out, f->nonce);
	s->out.failed = s->out.failed || bound.failed;
	vx_buf_done(&bound);
}

static int first(struct vx_sasl_client *s, vx_slice challenge, vx_slice *response)
{
	struct first f = { .salt = { .max = VX_SASL_SALT_MAX + 3 } };
	char proof[VX_SHA256_OCTETS];

	s->step = OVER;
	if (!read_first(s, challenge, &f)) {
		vx_buf_done(&f.salt);
		return VX_EPROTO;
	}
	vx_buf_add(&s->text, challenge);
	vx_buf_add_char(&s->text, ',');
	add_final(s, &f);
	vx_buf_add(&s->text, vx_buf_slice(&s->out));
	if (!s->text.failed && !s->out.failed) {
		compute(s, &f, proof);
		vx_buf_add_str(&s->out, ",p=");
		vx_base64_add(&s->out, vx_slice_of(proof, sizeof(proof)));
	}
	vx_buf_done(&f.salt);
	if (s->text.failed || s->out.failed)
		return VX_ENOMEM;
	s->step = WANT_FINAL;
	*response = vx_buf_slice(&s->out);
	return VX_MORE;
}

/* "v=signature": only who knows the password's keys can say that. */
static int final(struct vx_sasl_client *s, vx_slice challenge, vx_slice *response)
{
	struct vx_buf said = { .max = 2 * VX_SHA256_OCTETS };
	struct vx_cursor c = vx_cursor_of(challenge);

	s->good = vx_cur_text(&c, VX_S("v=")) &&
		  vx_base64_decode(vx_scram_value(&c), &said) == VX_OK &&
		  vx_equal_secret(vx_buf_slice(&said),
		      vx_slice_of(s->signature, sizeof(s->signature)));
	vx_buf_done(&said);
	s->step = OVER;
	*response = VX_S("");
	return s->good ? VX_MORE : VX_EPROTO;
}

int vx_scram_client_next(struct vx_sasl_client *s, vx_slice challenge, vx_slice *response)
{
	switch (s->step) {
	case BEGIN:
		return begin(s, response);
	case WANT_FIRST:
		return first(s, challenge, response);
	case WANT_FINAL:
		return final(s, challenge, response);
	default:
		return VX_EPROTO;
	}
}
