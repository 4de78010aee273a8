/* Passwords: what is good, hashes of all kinds, and what is stored. */
#include "vectis/crypto.h"

#include "base/chars.h"
#include "base/encode.h"
#include "base/mem.h"

#include <argon2.h>
#include <crypt.h>

_Static_assert(VX_PASSWORD_MAX < CRYPT_MAX_PASSPHRASE_SIZE, "crypt(3) takes them all");

enum {
	SALT_OCTETS = 16,
	ITERATIONS_LEAST = 4096,
	ITERATIONS_MOST = 10000000
};

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

/* --- kinds of hashes ------------------------------------------------------------- */

/* The value of a character in crypt's base64: "./0-9A-Za-z". */
static unsigned digit_of(char c)
{
	static const char digits[] =
	    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *p = c == '\0' ? NULL : strchr(digits, c);

	return p == NULL ? 64 : (unsigned)(p - digits);
}

/* "$y$jN...": flags, then the logarithm of N less one; 128 r N octets, r at most 32. */
static bool yescrypt_ok(vx_slice s)
{
	return s.len > 2 && s.ptr[0] == 'j' &&
	       digit_of(s.ptr[1]) + 1 <= VX_HASH_LOG_N_MAX && digit_of(s.ptr[2]) < 32;
}

/* "$7$N": the logarithm of N; then r and p, each of five digits, the lowest first. */
static bool scrypt_ok(vx_slice s)
{
	return s.len > 11 && digit_of(s.ptr[0]) <= VX_HASH_LOG_N_MAX &&
	       digit_of(s.ptr[1]) <= 32 &&
	       vx_slice_has_prefix(vx_slice_from(s, 2), VX_S("....")) &&
	       digit_of(s.ptr[6]) <= 4 &&
	       vx_slice_has_prefix(vx_slice_from(s, 7), VX_S("...."));
}

/* "$2b$NN$": the logarithm of the rounds. */
static bool bcrypt_ok(vx_slice s)
{
	uint64_t cost;

	return vx_slice_number(vx_slice_head(s, 2), VX_HASH_BCRYPT_MAX, &cost) == VX_OK;
}

/* "$6$rounds=N$" or without. */
static bool sha_ok(vx_slice s)
{
	uint64_t rounds;
	vx_slice head;

	if (!vx_slice_has_prefix(s, VX_S("rounds=")))
		return true;
	s = vx_slice_from(s, 7);
	(void)vx_slice_cut(&s, '$', &head);
	return vx_slice_number(head, VX_HASH_ROUNDS_MAX, &rounds) == VX_OK;
}

/* A number up to the next comma or '$', after a name. */
static bool parameter(vx_slice *s, vx_slice name, uint64_t max)
{
	uint64_t n;
	size_t len = 0;

	if (!vx_slice_has_prefix(*s, name))
		return false;
	*s = vx_slice_from(*s, name.len);
	while (len < s->len && vx_is(s->ptr[len], VX_C_DIGIT))
		len++;
	if (vx_slice_number(vx_slice_head(*s, len), max, &n) != VX_OK || n == 0)
		return false;
	*s = vx_slice_from(*s, len);
	return true;
}

/* "$argon2id$v=19$m=KIB,t=PASSES,p=LANES$" */
static bool argon2_ok(vx_slice s)
{
	return vx_slice_has_prefix(s, VX_S("v=19$")) &&
	       (s = vx_slice_from(s, 5),
		   parameter(&s, VX_S("m="), VX_HASH_ARGON2_KIB_MAX)) &&
	       parameter(&s, VX_S(",t="), VX_HASH_ARGON2_PASSES_MAX) &&
	       parameter(&s, VX_S(",p="), VX_HASH_ARGON2_LANES_MAX) &&
	       vx_slice_has_prefix(s, VX_S("$"));
}

static const struct scheme {
	const char *prefix;
	bool (*affordable)(vx_slice rest);
} schemes[] = {
	{ "$y$", yescrypt_ok },
	{ "$argon2id$", argon2_ok },
	{ "$2b$", bcrypt_ok },
	{ "$2y$", bcrypt_ok },
	{ "$7$", scrypt_ok },
	{ "$6$", sha_ok },
};

int vx_password_hash_check(vx_slice hash, struct vx_error *err)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const vx_slice prefix = vx_slice_str(schemes[i].prefix);

		if (!vx_slice_has_prefix(hash, prefix))
			continue;
		for (size_t k = 0; k < hash.len; k++)
			if (hash.ptr[k] <= ' ' || hash.ptr[k] > '~')
				return vx_error_set(
				    err, VX_EUNSUP, "a hash has no blanks and is ASCII");
		if (hash.len > VX_HASH_OCTETS_MAX ||
		    !schemes[i].affordable(vx_slice_from(hash, prefix.len)))
			return vx_error_set(err, VX_ELIMIT,
			    "this %s hash is malformed, or would take too much time or "
			    "memory "
			    "at each login",
			    schemes[i].prefix);
		return VX_OK;
	}
	return vx_error_set(err, VX_EUNSUP,
	    "this is no hash that can be used: $y$, $2b$, $2y$, $6$, $7$ or $argon2id$");
}

bool vx_password_hash_current(vx_slice hash)
{
	return vx_slice_has_prefix(hash, VX_S("$y$"));
}

/* --- crypt(3) -------------------------------------------------------------------- */

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

static int verify_crypt(vx_slice password, const char *stored)
{
	struct vx_buf made = { .max = CRYPT_OUTPUT_SIZE };
	int rc = hash(password, stored, &made);

	if (rc == VX_OK)
		rc = vx_equal_secret(vx_buf_slice(&made), vx_slice_str(stored))
			 ? VX_OK
			 : VX_EAUTH;
	else
		rc = VX_EUNSUP;
	vx_buf_wipe(&made);
	return rc;
}

static int verify_argon2(vx_slice password, const char *stored)
{
	const int rc = argon2id_verify(stored, password.ptr, password.len);

	return rc == ARGON2_OK                ? VX_OK
	       : rc == ARGON2_VERIFY_MISMATCH ? VX_EAUTH
					      : VX_EUNSUP;
}

int vx_password_verify(vx_slice password, vx_slice stored)
{
	struct vx_buf text = { .max = VX_HASH_OCTETS_MAX + 1 };
	int rc = vx_password_hash_check(stored, NULL);

	if (rc != VX_OK)
		return VX_EUNSUP;
	if (password.len == 0 || password.len > VX_PASSWORD_MAX ||
	    vx_slice_find(password, '\0') < password.len)
		return VX_EAUTH;
	vx_buf_add(&text, stored);
	vx_buf_add_char(&text, '\0');
	if (text.failed)
		rc = VX_ENOMEM;
	else if (vx_slice_has_prefix(stored, VX_S("$argon2id$")))
		rc = verify_argon2(password, text.ptr);
	else
		rc = verify_crypt(password, text.ptr);
	vx_buf_done(&text);
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
	if (c.hash.len == 0 || vx_slice_number(head, ITERATIONS_MOST, &n) != VX_OK ||
	    n < ITERATIONS_LEAST || !word(&rest, c.salt, sizeof(c.salt)) ||
	    !word(&rest, c.stored_key, sizeof(c.stored_key)) ||
	    !word(&rest, c.server_key, sizeof(c.server_key)) || rest.len > 0)
		return VX_EINVAL;
	c.iterations = (unsigned)n;
	*out = c;
	return VX_OK;
}
