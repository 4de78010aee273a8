/* Keys of accounts and certificates, requests, and what certificates say. */
#include "base/encode.h"
#include "lib/vxt.h"
#include "vectis/pki.h"

/* Made with "openssl ecparam -name prime256v1 -genkey"; what follows it says, too. */
static const char pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+5B7Wq2BN0PJl68m\n"
    "AjTxK11f35aK7WhfQTu7+wygx0uhRANCAATlfkA37Bq/VHnNMczrMSXb3F4531MX\n"
    "n/CttdEipfos+xV0+FX30c3x5IYwue8ORIhop9qvbdCAVX1vHN5xLumC\n"
    "-----END PRIVATE KEY-----\n";
static const char digest_hex[] =
    "f004733ccb6cd6121c5ea80a0b2933094fdf79924f815ed2d9652b27d1f335ce";
static const char jwk[] =
    "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"5X5AN-wav1R5zTHM6zEl29xeOd9TF5_"
    "wrbXRIqX6LPs\",\"y\":\"FXT4VffRzfHkhjC57w5EiGin2q9t0IBVfW8c3nEu6YI\"}";

static struct vx_pki_key *read_pem(void)
{
	struct vx_pki_key *key = NULL;
	struct vx_error err;

	vxt_assert_ok(vx_pki_key_read(vx_slice_str(pem), &key, &err));
	return key;
}

START_TEST(known_key)
{
	struct vx_pki_key *const key = read_pem();
	struct vx_buf out = { .max = 4096 }, hex = { .max = 128 };
	char digest[VX_PKI_DIGEST_OCTETS];

	ck_assert_int_eq(vx_pki_key_kind(key), VX_PKI_P256);
	ck_assert_str_eq(vx_pki_key_alg(key), "ES256");
	vxt_assert_ok(vx_pki_key_jwk(key, &out));
	vxt_assert_str(vx_buf_slice(&out), jwk);
	vxt_assert_ok(vx_pki_key_digest(key, digest));
	vx_hex_add(&hex, vx_slice_of(digest, sizeof(digest)));
	vxt_assert_str(vx_buf_slice(&hex), digest_hex);
	vx_buf_done(&out);
	vx_buf_done(&hex);
	vx_pki_key_free(key);
}
END_TEST

/* One number in 256 begins with a zero, and each has to have its 32 octets. */
START_TEST(numbers_have_their_length)
{
	for (int i = 0; i < 600; i++) {
		struct vx_pki_key *key;
		struct vx_buf out = { .max = 4096 };

		if (i % 2 == 0)
			vxt_assert_ok(vx_pki_key_generate(VX_PKI_P256, &key));
		else
			key = read_pem();
		vxt_assert_ok(vx_pki_key_jwk(key, &out));
		ck_assert_uint_eq(out.len, sizeof(jwk) - 1);
		vx_buf_reset(&out);
		vxt_assert_ok(vx_pki_key_sign(key, VX_S("text"), &out));
		ck_assert_uint_eq(out.len, VX_PKI_ES256_OCTETS);
		vx_buf_done(&out);
		vx_pki_key_free(key);
	}
}
END_TEST

START_TEST(keys_go_round)
{
	for (int kind = 0; kind < VX_PKI_KINDS; kind++) {
		struct vx_pki_key *key, *again;
		struct vx_buf out = { .max = 8192 }, small = { .max = 20 };
		char a[VX_PKI_DIGEST_OCTETS], b[VX_PKI_DIGEST_OCTETS];
		struct vx_error err;

		vxt_assert_ok(vx_pki_key_generate((enum vx_pki_kind)kind, &key));
		ck_assert_int_eq(vx_pki_key_write(key, &small), VX_ELIMIT);
		ck_assert_uint_eq(small.len, 0);
		vxt_assert_ok(vx_pki_key_write(key, &out));
		vxt_assert_ok(vx_pki_key_read(vx_buf_slice(&out), &again, &err));
		ck_assert_int_eq(vx_pki_key_kind(again), kind);
		vxt_assert_ok(vx_pki_key_digest(key, a));
		vxt_assert_ok(vx_pki_key_digest(again, b));
		ck_assert_mem_eq(a, b, sizeof(a));
		vx_buf_reset(&out);
		vxt_assert_ok(vx_pki_key_sign(key, VX_S("x"), &out));
		ck_assert_uint_eq(out.len, kind == VX_PKI_P256 ? 64 : 256);
		vx_buf_done(&out);
		vx_buf_done(&small);
		vx_pki_key_free(key);
		vx_pki_key_free(again);
	}
}
END_TEST

START_TEST(bad_keys)
{
	struct vx_pki_key *key = NULL;
	struct vx_error err;

	ck_assert_int_eq(vx_pki_key_read(VX_S(""), &key, &err), VX_ESYNTAX);
	ck_assert_int_eq(vx_pki_key_read(VX_S("x"), &key, &err), VX_ESYNTAX);
	ck_assert_int_eq(
	    vx_pki_key_read(vx_slice_of(pem, sizeof(pem) / 2), &key, &err), VX_ESYNTAX);
	/* Ed25519 (RFC 8032 7.1, TEST 1) is none that authorities take */
	ck_assert_int_eq(
	    vx_pki_key_read(
		VX_S("-----BEGIN PRIVATE KEY-----\n"
		     "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
		     "-----END PRIVATE KEY-----\n"),
		&key, &err),
	    VX_EUNSUP);
	ck_assert_ptr_null(key);
}
END_TEST

START_TEST(requests)
{
	static const char *const names[] = { "a.example.com", "*.example.com",
		"192.0.2.1", "2001:db8::1" };
	struct vx_pki_key *const key = read_pem();
	struct vx_buf der = { .max = 4096 }, small = { .max = 30 };

	vxt_assert_ok(vx_pki_request(key, names, 4, &der));
	ck_assert_uint_ne(
	    vx_slice_find_slice(vx_buf_slice(&der), VX_S("*.example.com")), der.len);
	/* addresses are octets of their own kind (RFC 8738 3) */
	ck_assert_uint_ne(
	    vx_slice_find_slice(vx_buf_slice(&der), VX_S("\x87\x04\xc0\x00\x02\x01")),
	    der.len);
	ck_assert_uint_eq(
	    vx_slice_find_slice(vx_buf_slice(&der), VX_S("192.0.2.1")), der.len);
	ck_assert_int_eq(vx_pki_request(key, names, 0, &der), VX_EINVAL);
	ck_assert_int_eq(vx_pki_request(key, names, 4, &small), VX_ELIMIT);
	ck_assert_uint_eq(small.len, 0);
	vx_buf_done(&der);
	vx_buf_done(&small);
	vx_pki_key_free(key);
}
END_TEST

START_TEST(alpn_pair)
{
	char digest[VX_SHA256_OCTETS];
	struct vx_buf chain = { .max = 8192 }, key = { .max = 8192 },
		      der = { .max = 8192 };
	struct vx_pki_cert cert;
	struct vx_error err;
	/* critical, and the digest in an OCTET STRING within one (RFC 8737 3) */
	static const char before[] = "\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x1f\x01\x01"
				     "\xff\x04\x22\x04\x20";
	size_t at;

	memset(digest, 'd', sizeof(digest));
	vxt_assert_ok(
	    vx_pki_alpn_pair("a.example.com", digest, 1795888800, &chain, &key));
	vxt_assert_ok(vx_pki_cert_read(vx_buf_slice(&chain), &cert, &err));
	ck_assert_str_eq(cert.names, "a.example.com");
	ck_assert_int_lt(cert.not_before, 1795888800);
	ck_assert_int_gt(cert.not_after, 1795888800);
	vxt_assert_ok(vx_pki_cert_der(vx_buf_slice(&chain), &der));
	at = vx_slice_find_slice(
	    vx_buf_slice(&der), vx_slice_of(before, sizeof(before) - 1));
	ck_assert_uint_lt(at, der.len);
	ck_assert_mem_eq(der.ptr + at + sizeof(before) - 1, digest, sizeof(digest));
	vx_buf_done(&chain);
	vx_buf_wipe(&key);
	vx_buf_done(&der);
}
END_TEST

START_TEST(bad_chains)
{
	static const char *const bad[] = { "", "x", "-----BEGIN NOTHING-----",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" };
	struct vx_pki_cert cert;
	struct vx_buf der = { .max = 100 };
	struct vx_error err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_lt(vx_pki_cert_read(vx_slice_str(bad[i]), &cert, &err), 0);
		ck_assert_int_lt(vx_pki_cert_der(vx_slice_str(bad[i]), &der), 0);
	}
	vx_buf_done(&der);
}
END_TEST

VXT_SUITE(test_pki, "pki", known_key, numbers_have_their_length, keys_go_round, bad_keys,
    requests, alpn_pair, bad_chains)
