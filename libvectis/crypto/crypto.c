#include "vectis/crypto.h"

#include "base/chars.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/random.h"

#include <crypt.h>
#include <gnutls/crypto.h>
#include <nettle/hmac.h>
#include <nettle/pbkdf2.h>
#include <nettle/sha2.h>

enum {
	SALT_OCTETS = 16,
	ITERATIONS_LEAST = 4096,
	ITERATIONS_MOST = 10000000
};

static const uint8_t *octets(vx_slice s)
{
	return (const uint8_t *)(s.len == 0 ? "" : s.ptr);
}

void vx_sha256(vx_slice s, char out[VX_SHA256_OCTETS])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, s.len, octets(s));
	sha256_digest(&ctx, VX_SHA256_OCTETS, (uint8_t *)out);
}

void vx_hmac_sha256(vx_slice key, vx_slice s, char out[VX_SHA256_OCTETS])
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, key.len, octets(key));
	hmac_sha256_update(&ctx, s.len, octets(s));
	hmac_sha256_digest(&ctx, VX_SHA256_OCTETS, (uint8_t *)out);
	vx_wipe(&ctx, sizeof(ctx));
}

void vx_pbkdf2_sha256(
    vx_slice password, vx_slice salt, unsigned iterations, char out[VX_SHA256_OCTETS])
{
	pbkdf2_hmac_sha256(password.len, octets(password), iterations, salt.len,
	    octets(salt), VX_SHA256_OCTETS, (uint8_t *)out);
}

void vx_random(void *out, size_t len)
{
	vx_random_seed(out, len);
}

bool vx_equal_secret(vx_slice a, vx_slice b)
{
	return a.len == b.len && (a.len == 0 || gnutls_memcmp(a.ptr, b.ptr, a.len) == 0);
}

void vx_password_generate(struct vx_buf *out)
{
	static const char digits[] =
	    "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	unsigned letters = 0, numbers = 0;
	const size_t start = out->len;

	while (letters == 0 || numbers == 0) { /* the policy asks for both */
		vx_buf_truncate(out, start);
		letters = numbers = 0;
		for (int i = 0; i < 16;) {
			unsigned char c;

			vx_random(&c, 1);
			if (c >= 4 * (sizeof(digits) - 1)) /* no bias */
				continue;
			c = (unsigned char)digits[c % (sizeof(digits) - 1)];
			letters += vx_is((char)c, VX_C_ALPHA);
			numbers += vx_is((char)c, VX_C_DIGIT);
			vx_buf_add_char(out, (char)c);
			i++;
		}
		if (out->failed)
			return;
	}
}

int vx_password_acceptable(vx_slice password, struct vx_error *err)
{
	bool letter = false, digit = false;

	for (size_t i = 0; i < password.len; i++) {
		letter = letter || vx_is(password.ptr[i], VX_C_ALPHA | VX_C_HIGH);
		digit = digit || vx_is(password.ptr[i], VX_C_DIGIT);
		if (vx_is(password.ptr[i], VX_C_CTL))
			return vx_error_set(
			    err, VX_EINVAL, "the password has a control character");
	}
	if (password.len < 12)
		return vx_error_set(
		    err, VX_EINVAL, "the password has fewer than 12 characters");
	if (password.len > VX_PASSWORD_MAX)
		return vx_error_set(err, VX_EINVAL,
		    "the password has more than %d octets", VX_PASSWORD_MAX);
	if (!letter || !digit)
		return vx_error_set(
		    err, VX_EINVAL, "the password needs letters and at least one digit");
	return VX_OK;
}

/* --- crypt(3) -------------------------------------------------------------------------
 */

/* The password with a NUL, in memory that is wiped; NULL: it has a NUL or is too long. */
static char *c_string(vx_slice s)
{
	char *p;

	if (s.len > VX_PASSWORD_MAX || (s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL))
		return NULL;
	p = vx_alloc(s.len + 1);
	if (p != NULL && s.len > 0)
		memcpy(p, s.ptr, s.len);
	return p;
}

static int hash(vx_slice password, const char *setting, struct vx_buf *out)
{
	struct crypt_data *data = vx_alloc(sizeof(*data));
	char *phrase = c_string(password);
	const char *result = NULL;
	int rc = VX_EINVAL;

	if (data != NULL && phrase != NULL)
		result = crypt_r(phrase, setting, data);
	if (result != NULL && result[0] != '*') {
		vx_buf_add_str(out, result);
		rc = out->failed ? VX_ELIMIT : VX_OK;
	}
	if (phrase != NULL)
		vx_wipe(phrase, password.len);
	if (data != NULL)
		vx_wipe(data, sizeof(*data));
	vx_free(phrase);
	vx_free(data);
	return rc;
}

int vx_password_verify(vx_slice password, vx_slice stored)
{
	struct vx_buf setting = { .max = CRYPT_OUTPUT_SIZE },
		      made = { .max = CRYPT_OUTPUT_SIZE };
	int rc;

	vx_buf_add(&setting, stored);
	vx_buf_add_char(&setting, '\0');
	if (setting.failed || stored.len == 0 ||
	    memchr(stored.ptr, '\0', stored.len) != NULL) {
		vx_buf_done(&setting);
		return VX_EUNSUP;
	}
	rc = hash(password, setting.ptr, &made);
	if (rc == VX_OK)
		rc = vx_equal_secret(vx_buf_slice(&made), stored) ? VX_OK : VX_EAUTH;
	else
		rc = password.len > VX_PASSWORD_MAX ? VX_EAUTH : VX_EUNSUP;
	vx_buf_wipe(&made);
	vx_buf_done(&setting);
	return rc;
}

static int new_setting(unsigned cost, char out[CRYPT_GENSALT_OUTPUT_SIZE])
{
	char random[32];

	vx_random(random, sizeof(random));
	return crypt_gensalt_rn("$y$", cost, random, sizeof(random), out,
		   CRYPT_GENSALT_OUTPUT_SIZE) == NULL
		   ? VX_ECRYPTO
		   : VX_OK;
}

int vx_password_verify_nobody(vx_slice password, unsigned cost)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct vx_buf made = { .max = CRYPT_OUTPUT_SIZE };

	if (new_setting(cost, setting) == VX_OK)
		(void)hash(password, setting, &made);
	vx_buf_wipe(&made);
	return VX_EAUTH;
}

/* --- credentials ----------------------------------------------------------------------
 */

static void add_scram(vx_slice password, unsigned iterations, struct vx_buf *out)
{
	char salt[SALT_OCTETS], salted[VX_SHA256_OCTETS], key[VX_SHA256_OCTETS],
	    stored[VX_SHA256_OCTETS];

	vx_random(salt, sizeof(salt));
	vx_pbkdf2_sha256(password, vx_slice_of(salt, sizeof(salt)), iterations, salted);
	vx_hmac_sha256(vx_slice_of(salted, sizeof(salted)), VX_S("Client Key"), key);
	vx_sha256(vx_slice_of(key, sizeof(key)), stored);
	vx_hmac_sha256(vx_slice_of(salted, sizeof(salted)), VX_S("Server Key"), key);
	vx_buf_printf(out, " %u ", iterations);
	vx_base64_add(out, vx_slice_of(salt, sizeof(salt)));
	vx_buf_add_char(out, ' ');
	vx_base64_add(out, vx_slice_of(stored, sizeof(stored)));
	vx_buf_add_char(out, ' ');
	vx_base64_add(out, vx_slice_of(key, sizeof(key)));
	vx_wipe(salted, sizeof(salted));
	vx_wipe(key, sizeof(key));
}

int vx_credential_make(
    vx_slice password, unsigned cost, unsigned iterations, struct vx_buf *out)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	int rc = new_setting(cost, setting);

	if (rc == VX_OK)
		rc = hash(password, setting, out);
	if (rc != VX_OK)
		return rc;
	add_scram(
	    password, iterations < ITERATIONS_LEAST ? ITERATIONS_LEAST : iterations, out);
	return out->failed ? VX_ELIMIT : VX_OK;
}

/* The next word in base64 with exactly size octets. */
static bool word(vx_slice *rest, char *out, size_t size)
{
	struct vx_buf b = { .max = 64 };
	vx_slice head;
	bool ok;

	(void)vx_slice_cut(rest, ' ', &head);
	ok = vx_base64_decode(head, &b) == VX_OK && b.len == size;
	if (ok)
		memcpy(out, b.ptr, size);
	vx_buf_done(&b);
	return ok;
}

int vx_credential_parse(vx_slice record, struct vx_credential *out)
{
	struct vx_credential c = { 0 };
	vx_slice rest = record, head;
	uint64_t n;

	if (!vx_slice_cut(&rest, ' ', &c.hash)) {
		*out = c; /* an imported hash without keys */
		return c.hash.len > 0 ? VX_OK : VX_EINVAL;
	}
	(void)vx_slice_cut(&rest, ' ', &head);
	if (vx_slice_number(head, ITERATIONS_MOST, &n) != VX_OK || n < ITERATIONS_LEAST ||
	    !word(&rest, c.salt, sizeof(c.salt)) ||
	    !word(&rest, c.stored_key, sizeof(c.stored_key)) ||
	    !word(&rest, c.server_key, sizeof(c.server_key)) || rest.len > 0)
		return VX_EINVAL;
	c.iterations = (unsigned)n;
	*out = c;
	return VX_OK;
}
