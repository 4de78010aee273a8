/*
 * Whatever a client says: an end after few steps, names that are text, and no proof
 * without the key.
 *
 * Input: an octet (mechanism, binding, keys), then responses separated by LF; "-" is
 * none.
 */
#include "base/encode.h"
#include "vectis/sasl.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STEPS_MAX = 6
};

static void must(bool good)
{
	if (!good)
		abort();
}

/* Of RFC 7677 3, whose exchange is in the corpus; or of a password that nobody knows. */
static void make_keys(bool known, struct vx_credential *out)
{
	struct vx_buf salt = { .max = 64 };
	char salted[VX_SHA256_OCTETS], client[VX_SHA256_OCTETS];
	const vx_slice s = { salted, sizeof(salted) };

	memset(out, 0, sizeof(*out));
	out->iterations = 4096;
	memset(out->stored_key, 7, sizeof(out->stored_key));
	if (!known)
		return;
	must(vx_base64_decode(VX_S("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt) == VX_OK);
	memcpy(out->salt, salt.ptr, sizeof(out->salt));
	vx_pbkdf2_sha256(VX_S("pencil"), vx_buf_slice(&salt), 4096, salted);
	vx_hmac_sha256(s, VX_S("Client Key"), client);
	vx_sha256(vx_slice_of(client, sizeof(client)), out->stored_key);
	vx_hmac_sha256(s, VX_S("Server Key"), out->server_key);
	vx_buf_done(&salt);
}

/* Our part of the nonce, fixed so that a corpus can answer it. */
static int give_keys(
    struct vx_sasl *s, const struct vx_credential *keys, vx_slice *challenge)
{
	must(s->nonce.len > 24);
	vx_buf_truncate(&s->nonce, s->nonce.len - 24);
	vx_buf_add_str(&s->nonce, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
	return vx_sasl_keys(s, keys, challenge);
}

static void check_end(const struct vx_sasl *s, bool known)
{
	must(s->user.len > 0 && s->user.len <= VX_SASL_USER_MAX);
	must(vx_utf8_valid(vx_buf_slice(&s->user)));
	must(vx_slice_find(vx_buf_slice(&s->user), '\0') == s->user.len);
	if (s->mechanism == VX_SASL_PLAIN || s->mechanism == VX_SASL_LOGIN) {
		must(s->proof == VX_SASL_PASSWORD && s->password.len > 0);
		must(s->password.len <= VX_PASSWORD_MAX);
	} else {
		must(s->proof == VX_SASL_WRONG || (known && s->proof == VX_SASL_PROVEN));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vx_credential keys[2];
	static bool made;
	struct vx_sasl_binding binding = { .len = 0 };
	vx_slice rest, line, challenge = { NULL, 0 };
	struct vx_sasl s;
	bool known;
	int rc = VX_MORE, steps = 0;

	if (size < 1)
		return 0;
	if (!made) {
		make_keys(false, &keys[0]);
		make_keys(true, &keys[1]);
		made = true;
	}
	known = (data[0] & 8) != 0;
	if ((data[0] & 4) != 0 || data[0] % 4 == 0)
		vx_sasl_bind(&binding, VX_S("0123456789abcdef0123456789abcdef"));
	rest = vx_slice_of(data + 1, size - 1);
	vx_sasl_init(&s, (enum vx_sasl_mechanism)(data[0] % 4 + 1), &binding);
	while (rc == VX_MORE && rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (vx_slice_eq(line, VX_S("-")))
			line = vx_slice_of(NULL, 0);
		rc = vx_sasl_next(&s, line, &challenge);
		if (rc == VX_WAIT)
			rc = give_keys(&s, &keys[known], &challenge);
		must(rc == VX_MORE || rc == VX_DONE || rc == VX_EPROTO);
		must(rc != VX_MORE || challenge.len <= VX_SASL_RESPONSE_MAX);
		must(++steps <= STEPS_MAX);
	}
	if (rc == VX_DONE)
		check_end(&s, known);
	vx_sasl_done(&s);
	return 0;
}
