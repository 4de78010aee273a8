#include "base/encode.h"
#include "base/mem.h"
#include "lib/vxt.h"
#include "vectis/key.h"

#include <stdlib.h>

/* RFC 8032 7.1, TEST 1, and the same in base64 as RFC 8463 A has it. */
static const char ed25519_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
static const char ed25519_public[] = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

static struct vx_private_key *read_pem(vx_slice pem)
{
	struct vx_private_key *key = NULL;
	struct vx_error err;
	/* exactly as long, so that a read behind its end is seen */
	char *copy = malloc(pem.len + 1);

	memcpy(copy, pem.ptr, pem.len);
	ck_assert_msg(
	    vx_private_key_read(vx_slice_of(copy, pem.len), &key, &err) == VX_OK, "%s",
	    err.text);
	free(copy);
	return key;
}

static struct vx_private_key *read_file(const char *name)
{
	struct vx_buf pem = vxt_read(name);
	struct vx_private_key *key = read_pem(vx_buf_slice(&pem));

	vx_buf_done(&pem);
	return key;
}

static struct vx_buf public_of(const struct vx_private_key *key)
{
	struct vx_buf text = { .max = 4096 };

	vxt_assert_ok(vx_private_key_public(key, &text));
	return text;
}

/* The key of p=, which is appended. */
static int load(enum vx_key_type type, vx_slice base64, struct vx_key **out)
{
	struct vx_buf der = { .max = 65536 };
	int rc;

	vxt_assert_ok(vx_base64_decode(base64, &der));
	rc = vx_key_load(type, vx_buf_slice(&der), out);
	vx_buf_done(&der);
	return rc;
}

/* What one signs the other verifies, and nothing else. */
static void check_pair(const struct vx_private_key *priv, const struct vx_key *pub)
{
	struct vx_buf s = { .max = VX_KEY_SIGNATURE_OCTETS_MAX };
	char digest[VX_SHA256_OCTETS];

	vx_sha256(VX_S("a message"), digest);
	ck_assert_int_eq(vx_private_key_type(priv), vx_key_type(pub));
	ck_assert_uint_eq(vx_private_key_bits(priv), vx_key_bits(pub));
	vxt_assert_ok(vx_private_key_sign(priv, digest, &s));
	ck_assert_uint_eq(
	    s.len, vx_key_type(pub) == VX_KEY_RSA ? vx_key_bits(pub) / 8 : 64);
	ck_assert_uint_eq(s.len, vx_private_key_signature_octets(priv));
	vxt_assert_ok(vx_key_verify(pub, digest, vx_buf_slice(&s)));
	for (size_t i = 0; i < s.len; i++) {
		s.ptr[i] ^= 0x10;
		ck_assert_int_eq(vx_key_verify(pub, digest, vx_buf_slice(&s)), VX_EAUTH);
		s.ptr[i] ^= 0x10;
		ck_assert_int_eq(
		    vx_key_verify(pub, digest, vx_slice_of(s.ptr, i)), VX_EAUTH);
	}
	for (size_t i = 0; i < sizeof(digest); i++) {
		digest[i] ^= 1;
		ck_assert_int_eq(vx_key_verify(pub, digest, vx_buf_slice(&s)), VX_EAUTH);
		digest[i] ^= 1;
	}
	vx_buf_add_char(&s, '\0');
	ck_assert_int_eq(vx_key_verify(pub, digest, vx_buf_slice(&s)), VX_EAUTH);
	vx_buf_done(&s);
}

/* Through PEM and back; the public part as a record has it. */
static void check_private(struct vx_private_key *key)
{
	struct vx_buf pem = { .max = VX_KEY_PEM_OCTETS_MAX }, text = public_of(key),
		      again;
	struct vx_private_key *second;
	struct vx_key *pub;

	vxt_assert_ok(load(vx_private_key_type(key), vx_buf_slice(&text), &pub));
	check_pair(key, pub);
	vxt_assert_ok(vx_private_key_write(key, &pem));
	ck_assert(vx_slice_has_prefix(
	    vx_buf_slice(&pem), VX_S("-----BEGIN PRIVATE KEY-----\n")));
	second = read_pem(vx_buf_slice(&pem));
	check_pair(second, pub);
	again = public_of(second);
	vxt_assert_slice(vx_buf_slice(&again), vx_buf_slice(&text));
	vx_buf_wipe(&pem);
	vx_buf_done(&text);
	vx_buf_done(&again);
	vx_private_key_free(second);
	vx_key_free(pub);
	vx_private_key_free(key);
}

START_TEST(keys_are_generated)
{
	struct vx_private_key *key;

	vxt_assert_ok(vx_private_key_generate(VX_KEY_ED25519, &key));
	ck_assert_uint_eq(vx_private_key_bits(key), 256);
	check_private(key);
	vxt_assert_ok(vx_private_key_generate(VX_KEY_RSA, &key));
	ck_assert_uint_eq(vx_private_key_bits(key), 2048);
	check_private(key);
	ck_assert_str_eq(vx_key_type_name(VX_KEY_RSA), "rsa");
	ck_assert_str_eq(vx_key_type_name(VX_KEY_ED25519), "ed25519");
}
END_TEST

/* PKCS#1 and PKCS#8 of both kinds, as others write them. */
START_TEST(keys_are_read)
{
	static const char *const names[] = { "mailauth/dkimpy/1024_testkey.key",
		"mailauth/dkimpy/2048_testkey.key",
		"mailauth/dkimpy/2048_testkey_PKCS8.key", "mailauth/dkimpy/test.private",
		"mailauth/mail-dkim/test.ed.key", "mailauth/rfc8463/rsa.private.pem" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_private(read_file(names[i]));
}
END_TEST

/* RFC 8032 7.1 for the public key; the signature of a digest by another program. */
START_TEST(ed25519_is_the_standard_one)
{
	struct vx_private_key *key = read_pem(vx_slice_str(ed25519_pem));
	struct vx_buf text = public_of(key), s = { .max = 64 }, hex = { .max = 128 };
	char digest[VX_SHA256_OCTETS];

	vxt_assert_str(vx_buf_slice(&text), ed25519_public);
	vx_sha256(VX_S("abc"), digest);
	vxt_assert_ok(vx_private_key_sign(key, digest, &s));
	vx_hex_add(&hex, vx_buf_slice(&s));
	vxt_assert_str(vx_buf_slice(&hex),
	    "096f5569d807ee8ac7b1913da70cf0aab335c258f4b94c8f210dd141e9743927"
	    "c8d1a6b378872a72c9446c1f75e6dc7b2def98bd0c214be6706d48791f57680a");
	vx_buf_done(&text);
	vx_buf_done(&s);
	vx_buf_done(&hex);
	check_private(key);
}
END_TEST

/* SubjectPublicKeyInfo and RSAPublicKey give the same key. */
START_TEST(both_forms_of_rsa_keys)
{
	static const struct {
		const char *whole, *bare, *private;
		unsigned bits;
	} rows[] = {
		{ "mailauth/dkimpy/1024_testkey_wo_markers.pub.txt",
		    "mailauth/dkimpy/1024_testkey_wo_markers.pub.rsa.txt",
		    "mailauth/dkimpy/1024_testkey.key", 1024 },
		{ "mailauth/dkimpy/2048_testkey_wo_markers.pub.txt",
		    "mailauth/dkimpy/2048_testkey_wo_markers.pub.rsa.txt",
		    "mailauth/dkimpy/2048_testkey.key", 2048 },
		{ "mailauth/dkimpy/2048_testkey_PKCS8.key.pub.txt",
		    "mailauth/dkimpy/2048_testkey_PKCS8.key.pub.txt",
		    "mailauth/dkimpy/2048_testkey_PKCS8.key", 2048 },
	};

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_buf record =
		    vxt_read(i % 2 ? rows[i / 2].whole : rows[i / 2].bare);
		vx_slice p = vx_slice_trim(vx_buf_slice(&record), " \r\n");
		struct vx_private_key *priv = read_file(rows[i / 2].private);
		struct vx_key *key;

		p = vx_slice_from(p, vx_slice_find_slice(p, VX_S("p=")) + 2);
		vxt_assert_ok(load(VX_KEY_RSA, p, &key));
		ck_assert_uint_eq(vx_key_bits(key), rows[i / 2].bits);
		check_pair(priv, key);
		vx_private_key_free(priv);
		vx_key_free(key);
		vx_buf_done(&record);
	}
}
END_TEST

/* INTEGER with the first octet given, `octets` of them after it and odd. */
static void add_integer(struct vx_buf *out, unsigned char first, size_t octets)
{
	const size_t len = octets + 1;

	vx_buf_add(out, VX_S("\x02\x82"));
	vx_buf_add_char(out, (char)(len >> 8));
	vx_buf_add_char(out, (char)(len & 0xff));
	vx_buf_add_char(out, (char)first);
	for (size_t i = 0; i < octets; i++)
		vx_buf_add_char(out, (char)(i + 1 < octets ? 0x55 : 0x57));
}

static struct vx_buf sequence(vx_slice inside)
{
	struct vx_buf out = { .max = 65536 };

	vx_buf_add(&out, VX_S("\x30\x82"));
	vx_buf_add_char(&out, (char)(inside.len >> 8));
	vx_buf_add_char(&out, (char)(inside.len & 0xff));
	vx_buf_add(&out, inside);
	return out;
}

/* RSAPublicKey with a modulus of that many bits (8 n + 1..7 or so) and an exponent. */
static int load_made(
    unsigned char first, size_t octets, unsigned char e_first, size_t e_octets)
{
	struct vx_buf inside = { .max = 65536 }, der;
	struct vx_key *key;
	int rc;

	if (octets < 128) { /* lengths in their shortest form: DER */
		vx_buf_add_char(&inside, 2);
		if (octets + 1 >= 128)
			vx_buf_add_char(&inside, (char)0x81);
		vx_buf_add_char(&inside, (char)(octets + 1));
		vx_buf_add_char(&inside, (char)first);
		for (size_t i = 0; i < octets; i++)
			vx_buf_add_char(&inside, 0x57);
	} else {
		add_integer(&inside, first, octets);
	}
	vx_buf_add_char(&inside, 2);
	vx_buf_add_char(&inside, (char)(e_octets + 1));
	vx_buf_add_char(&inside, (char)e_first);
	for (size_t i = 0; i < e_octets; i++)
		vx_buf_add_char(&inside, 1);
	der = sequence(vx_buf_slice(&inside));
	if (inside.len < 128) {
		memmove(der.ptr + 1, der.ptr + 3, der.len - 3);
		der.len -= 2;
	} else if (inside.len < 256) {
		memmove(der.ptr + 2, der.ptr + 3, der.len - 3);
		der.ptr[1] = (char)0x81;
		der.len -= 1;
	}
	rc = vx_key_load(VX_KEY_RSA, vx_buf_slice(&der), &key);
	if (rc == VX_OK)
		vx_key_free(key);
	vx_buf_done(&inside);
	vx_buf_done(&der);
	return rc;
}

START_TEST(public_keys_have_limits)
{
	const size_t least = VX_KEY_RSA_BITS_KNOWN / 8, most = VX_KEY_RSA_BITS_MAX / 8;
	struct vx_key *key;
	char octets[VX_KEY_PUBLIC_OCTETS_MAX + 1] = { 0 };

	ck_assert_int_eq(load_made(0x7f, least, 3, 0), VX_OK); /* 519 bits */
	ck_assert_int_eq(load_made(0x7f, least - 1, 3, 0), VX_ELIMIT);
	ck_assert_int_eq(load_made(0x7f, most - 1, 3, 0), VX_OK); /* 8191 */
	ck_assert_int_eq(load_made(0x01, most, 3, 0), VX_ELIMIT); /* 8193 */
	ck_assert_int_eq(load_made(0x7f, 255, 0x7f, 7), VX_OK);
	ck_assert_int_eq(load_made(0x7f, 255, 1, 8), VX_ELIMIT); /* 65 bits */
	ck_assert_int_eq(load_made(0x7f, 255, 4, 0), VX_ESYNTAX);
	ck_assert_int_eq(load_made(0x7f, 255, 0, 0), VX_ESYNTAX);
	ck_assert_int_eq(load_made(0x81, 255, 3, 0), VX_ESYNTAX); /* negative */
	ck_assert_int_eq(vx_key_load(VX_KEY_RSA,
			     vx_slice_of(octets, VX_KEY_PUBLIC_OCTETS_MAX + 1), &key),
	    VX_ELIMIT);
	ck_assert_int_eq(
	    vx_key_load(VX_KEY_RSA, vx_slice_of(octets, VX_KEY_PUBLIC_OCTETS_MAX), &key),
	    VX_ESYNTAX);
	for (size_t i = 0; i < 100; i++) {
		const int rc = vx_key_load(VX_KEY_ED25519, vx_slice_of(octets, i), &key);

		ck_assert_int_eq(rc, i == VX_KEY_ED25519_OCTETS ? VX_OK : VX_ESYNTAX);
		if (rc == VX_OK)
			vx_key_free(key);
	}
	ck_assert_int_eq(vx_key_load(VX_KEY_RSA, vx_slice_of(NULL, 0), &key), VX_ESYNTAX);
}
END_TEST

/* Cut anywhere it is none; with an octet changed it is another key, or none. */
START_TEST(broken_public_keys)
{
	struct vx_private_key *priv = read_file("mailauth/dkimpy/2048_testkey.key");
	struct vx_buf text = public_of(priv), der = { .max = 4096 },
		      s = { .max = VX_KEY_SIGNATURE_OCTETS_MAX };
	static const char digest[VX_SHA256_OCTETS] = "x";
	struct vx_key *key;
	unsigned loaded = 0;

	vxt_assert_ok(vx_private_key_sign(priv, digest, &s));
	vxt_assert_ok(vx_base64_decode(vx_buf_slice(&text), &der));
	for (size_t i = 0; i < der.len; i++)
		ck_assert_int_eq(
		    vx_key_load(VX_KEY_RSA, vx_slice_of(der.ptr, i), &key), VX_ESYNTAX);
	for (size_t i = 0; i < 8 * der.len; i++) {
		der.ptr[i / 8] ^= (char)(1 << i % 8);
		if (vx_key_load(VX_KEY_RSA, vx_buf_slice(&der), &key) == VX_OK) {
			ck_assert_int_eq(
			    vx_key_verify(key, digest, vx_buf_slice(&s)), VX_EAUTH);
			vx_key_free(key);
			loaded++;
		}
		der.ptr[i / 8] ^= (char)(1 << i % 8);
	}
	ck_assert_uint_ge(loaded, 2000);
	vx_buf_add_char(&der, 0);
	ck_assert_int_eq(vx_key_load(VX_KEY_RSA, vx_buf_slice(&der), &key), VX_ESYNTAX);
	/* NULL of the algorithm left out: some do */
	vx_buf_truncate(&der, der.len - 1);
	memmove(der.ptr + 17, der.ptr + 19, der.len - 19);
	der.len -= 2;
	der.ptr[3] = (char)(der.ptr[3] - 2);
	der.ptr[5] = (char)(der.ptr[5] - 2);
	vxt_assert_ok(vx_key_load(VX_KEY_RSA, vx_buf_slice(&der), &key));
	vxt_assert_ok(vx_key_verify(key, digest, vx_buf_slice(&s)));
	vx_key_free(key);
	vx_buf_done(&text);
	vx_buf_done(&der);
	vx_buf_done(&s);
	vx_private_key_free(priv);
}
END_TEST

static void check_refused(vx_slice pem, int want, const char *says)
{
	struct vx_private_key *key = NULL;
	struct vx_error err = { 0 };

	ck_assert_int_eq(vx_private_key_read(pem, &key, &err), want);
	ck_assert_ptr_null(key);
	ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
	ck_assert_int_eq(vx_private_key_read(pem, &key, NULL), want);
}

START_TEST(other_private_keys_are_refused)
{
	/* P-256; RSA with 768 bits; Ed25519 with a password */
	static const char ecdsa[] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg02EIRNxMcopI+LEo\n"
	    "TrYI9Bgwv7RyrWeLyNaXejHb+8KhRANCAARDXt0zQ5MZetqeNexhBtZ7Rn5V2wtp\n"
	    "A+ygjlx/6GkzadUeVDC7s2CS3Mg4IvO+AIfc/ZQljtC7OOmTWELcX4GB\n"
	    "-----END PRIVATE KEY-----\n";
	static const char small[] =
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIIBzAIBAAJhAOWUzNkx9T5fcLYCfkfoXMHtJbNTRjQOjTo4ppVY4ciDwJkuL/Ke\n"
	    "QRxqKRSiyVmBZsFKCWz9XtY1EXhRKPAvP0YDRuAC+q4338bJAuvgb76Uezz9ZUXK\n"
	    "OaFA4KhS1xzOiQIDAQABAmEAgTUhpQtsztHACW+VyrqHmczx7t7rH9kguqeveVYw\n"
	    "nD0qZAuOiKlwU6GbxTVoxKsCLHm3s6YbcQynqnQ0qY5FYcor9xtNf5JjyrkfQzoU\n"
	    "mIGE4GyQezS5xoQrdOEX//oBAjEA/6zDSefjl1J9nkpzU+Hf5DQVVyU0/bGyo9Rs\n"
	    "39RD+inM9VR++rXFCXHsN6yO/pSxAjEA5d+K1xzRLVae6EwRGq9+Ty8EqUU9Wssr\n"
	    "y9RlNcP9OA+/kAb0EK/A1a2SA5Dl+C1ZAjBeltXxI79JnpUm2LhuEiS40qQKh5Nh\n"
	    "QDqs7cwRywATLx/Kq6YGrvTkl6ciuc51VSECMQCnuvFH/RL0jhvtTHO+kQcNKDWy\n"
	    "fX9DXLRcSmJ/VL7TxUn2AdzcwCFoyPmd+ICVEiECMQDuLLbA1DdcEOXQzxb9TIu2\n"
	    "Ifg1QujOkU/VeaPsuLTqrnWAy/IRsgZUzJtsWyCQMAc=\n"
	    "-----END RSA PRIVATE KEY-----\n";
	static const char encrypted[] =
	    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
	    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg/fv/dlxLGowICCAAw\n"
	    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGJZXmyfrx2pD+zpLTI7RJwEQC4B\n"
	    "S3P4O7lm5wGVzbWgYMSj4zCfjft7Svo7rt4a24VwrO2ZEIt2cFULHIwloEKn5COZ\n"
	    "VX0FDKpl/DrUsl1UUxo=\n"
	    "-----END ENCRYPTED PRIVATE KEY-----\n";
	/* the key of RFC 8463 with another q, as after a disk's fault */
	static const char broken[] =
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\n"
	    "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM\n"
	    "KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n"
	    "AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm\n"
	    "6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe\n"
	    "zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy\n"
	    "6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc\n"
	    "uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZpy43044ZNyxjg+/OPN0oWCbXIGxy\n"
	    "WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd\n"
	    "WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a\n"
	    "licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst\n"
	    "o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe\n"
	    "uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL\n"
	    "-----END RSA PRIVATE KEY-----\n";
	char big[VX_KEY_PEM_OCTETS_MAX + 1];

	memset(big, '\n', sizeof(big));
	memcpy(big, ed25519_pem, sizeof(ed25519_pem) - 1);
	check_refused(vx_slice_of(big, sizeof(big)), VX_ESYNTAX, "1 to 16384");
	vx_private_key_free(read_pem(vx_slice_of(big, sizeof(big) - 1)));
	check_refused(VX_S(""), VX_ESYNTAX, "1 to 16384");
	check_refused(VX_S("nothing"), VX_ESYNTAX, "no private key");
	check_refused(vx_slice_str(ecdsa), VX_EUNSUP, "neither one of RSA");
	check_refused(vx_slice_str(small), VX_EUNSUP, "768 bits");
	check_refused(vx_slice_str(encrypted), VX_ESYNTAX, "without a password");
	check_refused(vx_slice_str(broken), VX_ECRYPTO, "do not belong together");
}
END_TEST

/* A buffer that is too small gets nothing. */
START_TEST(outputs_are_whole)
{
	struct vx_private_key *key = read_pem(vx_slice_str(ed25519_pem));
	struct vx_buf s = { .max = 68 };
	static const char digest[VX_SHA256_OCTETS] = "x";

	vx_buf_add_str(&s, "12345");
	ck_assert_int_eq(vx_private_key_sign(key, digest, &s), VX_ELIMIT);
	vxt_assert_str(vx_buf_slice(&s), "12345");
	vx_buf_reset(&s);
	vx_buf_add_str(&s, "12345678901234567890123456789");
	ck_assert_int_eq(vx_private_key_public(key, &s), VX_ELIMIT);
	ck_assert_uint_eq(s.len, 29);
	vx_buf_reset(&s);
	ck_assert_int_eq(vx_private_key_write(key, &s), VX_ELIMIT);
	ck_assert_uint_eq(s.len, 0);
	vx_buf_reset(&s);
	vx_buf_add_str(&s, "1234");
	vxt_assert_ok(vx_private_key_sign(key, digest, &s));
	ck_assert_uint_eq(s.len, 68);
	vx_buf_done(&s);
	vx_private_key_free(key);
}
END_TEST

START_TEST(memory_is_short)
{
	struct vx_private_key *key;
	struct vx_key *pub;
	struct vx_buf s = { .max = 64 };
	static const char digest[VX_SHA256_OCTETS] = "x";
	size_t n = 1;

	for (;; n++) {
		int rc;

		vx_mem_fail_at(n);
		rc = vx_private_key_read(vx_slice_str(ed25519_pem), &key, NULL);
		if (!vx_mem_failed()) {
			vxt_assert_ok(rc);
			break;
		}
		ck_assert_int_ne(rc, VX_OK);
	}
	vx_mem_fail_at(1);
	ck_assert_int_eq(vx_private_key_sign(key, digest, &s), VX_ELIMIT);
	vx_mem_fail_at(1);
	ck_assert_int_eq(
	    vx_key_load(VX_KEY_ED25519, vx_slice_of(digest, 32), &pub), VX_ENOMEM);
	vx_mem_fail_at(0);
	ck_assert_uint_gt(n, 2);
	vx_private_key_free(key);
	vx_private_key_free(NULL);
	vx_key_free(NULL);
	vx_buf_done(&s);
}
END_TEST

VXT_SUITE(test_key, "key", keys_are_generated, keys_are_read, ed25519_is_the_standard_one,
    both_forms_of_rsa_keys, public_keys_have_limits, broken_public_keys,
    other_private_keys_are_refused, outputs_are_whole, memory_is_short)
