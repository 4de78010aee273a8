#include "base/encode.h"
#include "lib/vxt.h"
#include "vectis/crypto.h"

#include <stdio.h>

static const char *hex(const char octets[VX_SHA256_OCTETS])
{
	static char text[2 * VX_SHA256_OCTETS + 1];
	struct vx_buf b = { .max = 2 * VX_SHA256_OCTETS };

	vx_hex_add(&b, vx_slice_of(octets, VX_SHA256_OCTETS));
	(void)snprintf(text, sizeof(text), "%.*s", (int)b.len, b.ptr);
	vx_buf_done(&b);
	return text;
}

/* FIPS 180-2, appendix B */
START_TEST(sha256)
{
	char out[VX_SHA256_OCTETS];

	vx_sha256(VX_S("abc"), out);
	ck_assert_str_eq(
	    hex(out), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	vx_sha256(vx_slice_of(NULL, 0), out);
	ck_assert_str_eq(
	    hex(out), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

static void digest_pieces(void *ctx, const vx_slice *pieces, size_t count)
{
	struct vx_sha256_state state, copy;
	char out[VX_SHA256_OCTETS];

	vx_sha256_begin(&state);
	for (size_t i = 0; i < count; i++)
		vx_sha256_add(&state, pieces[i]);
	copy = state;
	vx_sha256_add(&copy, VX_S("and more"));
	vx_sha256_end(&state, out);
	vxt_assert_slice(
	    vx_slice_of(out, sizeof(out)), vx_slice_of(ctx, VX_SHA256_OCTETS));
	vx_sha256_end(&copy, out);
	ck_assert(memcmp(out, ctx, sizeof(out)) != 0);
}

START_TEST(sha256_in_pieces)
{
	char in[150], want[VX_SHA256_OCTETS];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)i;
	vx_sha256(vx_slice_of(in, sizeof(in)), want);
	vxt_every_split(vx_slice_of(in, sizeof(in)), digest_pieces, want);
	vx_sha256(VX_S(""), want);
	digest_pieces(want, NULL, 0);
}
END_TEST

/* RFC 4231 4.2, 4.3, 4.4, 4.7 */
START_TEST(hmac_sha256)
{
	char key[131], data[50], out[VX_SHA256_OCTETS];

	memset(key, 0x0b, 20);
	vx_hmac_sha256(vx_slice_of(key, 20), VX_S("Hi There"), out);
	ck_assert_str_eq(
	    hex(out), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	vx_hmac_sha256(VX_S("Jefe"), VX_S("what do ya want for nothing?"), out);
	ck_assert_str_eq(
	    hex(out), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	vx_hmac_sha256(vx_slice_of(key, 20), vx_slice_of(data, 50), out);
	ck_assert_str_eq(
	    hex(out), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	vx_hmac_sha256(vx_slice_of(key, 131),
	    VX_S("Test Using Larger Than Block-Size Key - Hash Key First"), out);
	ck_assert_str_eq(
	    hex(out), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

/* RFC 7914 11 */
START_TEST(pbkdf2_sha256)
{
	char out[VX_SHA256_OCTETS];

	vx_pbkdf2_sha256(VX_S("passwd"), VX_S("salt"), 1, out);
	ck_assert_str_eq(
	    hex(out), "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
	vx_pbkdf2_sha256(VX_S("Password"), VX_S("NaCl"), 80000, out);
	ck_assert_str_eq(
	    hex(out), "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
}
END_TEST

START_TEST(secrets_are_compared)
{
	char a[64], b[64];

	memset(a, 'x', sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++) {
		memset(b, 'x', sizeof(b));
		ck_assert(vx_equal_secret(
		    vx_slice_of(a, sizeof(a)), vx_slice_of(b, sizeof(b))));
		b[i] ^= 1;
		ck_assert(!vx_equal_secret(
		    vx_slice_of(a, sizeof(a)), vx_slice_of(b, sizeof(b))));
	}
	ck_assert(!vx_equal_secret(VX_S("ab"), VX_S("abc")));
	ck_assert(!vx_equal_secret(VX_S(""), VX_S("a")));
	ck_assert(vx_equal_secret(vx_slice_of(NULL, 0), VX_S("")));
}
END_TEST

START_TEST(random_differs)
{
	char a[32] = { 0 }, b[32] = { 0 };

	vx_random(a, sizeof(a));
	vx_random(b, sizeof(b));
	ck_assert(memcmp(a, b, sizeof(a)) != 0);
}
END_TEST

VXT_SUITE(test_digest, "digest", sha256, sha256_in_pieces, hmac_sha256, pbkdf2_sha256,
    secrets_are_compared, random_differs)
