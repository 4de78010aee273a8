#include "base/encode.h"
#include "lib/vxt.h"
#include "vectis/crypto.h"

#define PASSWORD "correct horse 7"

/* Made by the tools of other systems: crypt(3) and the argon2 reference code. */
static const char *const hashes[] = {
	"$y$j9T$abcdefghijklmnop$h.n2k00Rw9ig5nqs7f/4XX7o1ifbX.Q8utXUqmT6LB5",
	"$y$j75$abcdefghijklmnop$e1mXctlTDbCBpgCN0z9WnO8Mkyv7PzylD9yGIL2vbZ7",
	"$2b$05$abcdefghijklmnopqrstuuwwkBlZlfmrLDUgdmFAh1rCXRN1AUCEK",
	"$2y$05$abcdefghijklmnopqrstuuwwkBlZlfmrLDUgdmFAh1rCXRN1AUCEK",
	"$6$rounds=1000$saltstring$"
	"Zgjs5OT6Gt.P9O2qk."
	"gC0nWO4UFjKWLlfmQDc2Wbyxzzf8axQNrIAX7pgUj4NOEa0OOuObe4VzfYsc0L40em"
	"M0",
	"$6$saltstring$"
	"tgLNDDNNB5qqJp6xKQeVWGPq.wp2JyhDocuF77uUqEIh1Li/XWhZ2tEgDOK/"
	"LgLRvvuK66V6m.SdXaK3l9dw"
	"Y/",
	"$7$9/..../....saltsalt$6h0FEQc7c5qa5oBUYwXikrWtpRe1HovSuICokvJ3eF2",
	"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQxNm9jdGV0cw$"
	"cZ1pK8rP1B0SrnihEY+RjmfyC8SZYcMZ1WYvDjk57s0",
};
#define HASHES (sizeof(hashes) / sizeof(hashes[0]))

START_TEST(hashes_of_others_are_taken)
{
	for (size_t i = 0; i < HASHES; i++) {
		const vx_slice hash = vx_slice_str(hashes[i]);

		ck_assert_msg(
		    vx_password_hash_check(hash, NULL) == VX_OK, "%s", hashes[i]);
		ck_assert_msg(
		    vx_password_verify(VX_S(PASSWORD), hash) == VX_OK, "%s", hashes[i]);
		ck_assert_msg(vx_password_verify(VX_S(PASSWORD "x"), hash) == VX_EAUTH,
		    "%s", hashes[i]);
		ck_assert_msg(
		    vx_password_verify(VX_S(""), hash) == VX_EAUTH, "%s", hashes[i]);
		ck_assert_msg(vx_password_verify(VX_S(PASSWORD "\0"), hash) == VX_EAUTH,
		    "%s", hashes[i]);
		ck_assert_int_eq(vx_password_hash_current(hash), i < 2);
	}
}
END_TEST

/* None of these may cost time, or open an account. */
START_TEST(hashes_that_are_refused)
{
	static const struct {
		const char *hash;
		int rc;
	} bad[] = {
		{ "", VX_EUNSUP },
		{ "*", VX_EUNSUP },
		{ "!", VX_EUNSUP },
		{ "x", VX_EUNSUP },
		{ "abcdefghijklm", VX_EUNSUP },
		{ "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0", VX_EUNSUP },
		{ "$md5$abc", VX_EUNSUP },
		{ "{SSHA}xxxx", VX_EUNSUP },
		{ "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA", VX_EUNSUP },
		{ "$y$jHT$abc$def", VX_ELIMIT },
		{ "$y$", VX_ELIMIT },
		{ "$y$zzzzz$abc$def", VX_ELIMIT },
		{ "$2b$15$abcdefghijklmnopqrstuuwwkBlZlfmrLDUgdmFAh1rCXRN1AUCEK",
		    VX_ELIMIT },
		{ "$2b$31$abcdefghijklmnopqrstuuwwkBlZlfmrLDUgdmFAh1rCXRN1AUCEK",
		    VX_ELIMIT },
		{ "$6$rounds=1000001$salt$x", VX_ELIMIT },
		{ "$6$rounds=99999999999999999999$salt$x", VX_ELIMIT },
		{ "$7$U/..../....saltsalt$x", VX_ELIMIT },
		{ "$7$9zzzzz/....saltsalt$x", VX_ELIMIT },
		{ "$7$9/....z....saltsalt$x", VX_ELIMIT },
		{ "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$AAAA", VX_ELIMIT },
		{ "$argon2id$v=19$m=64,t=4000000000,p=1$c29tZXNhbHQ$AAAA", VX_ELIMIT },
		{ "$argon2id$v=19$m=64,t=1,p=200$c29tZXNhbHQ$AAAA", VX_ELIMIT },
		{ "$argon2id$m=64,t=1,p=1$c29tZXNhbHQ$AAAA", VX_ELIMIT },
		{ "$argon2id$v=19$m=,t=1,p=1$c29tZXNhbHQ$AAAA", VX_ELIMIT },
		{ "$2b$05$abc def", VX_EUNSUP },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vx_error err = { .text = "" };
		const vx_slice hash = vx_slice_str(bad[i].hash);

		ck_assert_msg(
		    vx_password_hash_check(hash, &err) == bad[i].rc, "%s", bad[i].hash);
		ck_assert_str_ne(err.text, "");
		ck_assert_msg(vx_password_verify(VX_S(PASSWORD), hash) == VX_EUNSUP, "%s",
		    bad[i].hash);
	}
	ck_assert_int_eq(vx_password_verify(VX_S(PASSWORD), VX_S("$2b$05$")), VX_EUNSUP);
	ck_assert_int_eq(vx_password_verify(VX_S(PASSWORD),
			     VX_S("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$")),
	    VX_EUNSUP);
	ck_assert_int_eq(
	    vx_password_verify(VX_S(PASSWORD), VX_S("$6$salt$x\0")), VX_EUNSUP);
}
END_TEST

/* The keys beside a hash are those of RFC 5802 3 for the same password. */
START_TEST(credentials_are_made_and_read)
{
	struct vx_buf record = { .max = 1024 };
	char salted[VX_SHA256_OCTETS], key[VX_SHA256_OCTETS], stored[VX_SHA256_OCTETS];
	struct vx_credential c;

	vxt_assert_ok(vx_credential_make(VX_S(PASSWORD), 1, 5000, &record));
	vxt_assert_ok(vx_credential_parse(vx_buf_slice(&record), &c));
	vxt_assert_ok(vx_password_verify(VX_S(PASSWORD), c.hash));
	ck_assert(vx_password_hash_current(c.hash));
	ck_assert_uint_eq(c.iterations, 5000);
	vx_pbkdf2_sha256(
	    VX_S(PASSWORD), vx_slice_of(c.salt, sizeof(c.salt)), 5000, salted);
	vx_hmac_sha256(vx_slice_of(salted, sizeof(salted)), VX_S("Client Key"), key);
	vx_sha256(vx_slice_of(key, sizeof(key)), stored);
	ck_assert_mem_eq(c.stored_key, stored, sizeof(stored));
	vx_hmac_sha256(vx_slice_of(salted, sizeof(salted)), VX_S("Server Key"), key);
	ck_assert_mem_eq(c.server_key, key, sizeof(key));
	for (size_t i = 0; i < record.len;
	     i++) /* cut anywhere: refused, or a bare hash */
		if (vx_credential_parse(vx_slice_head(vx_buf_slice(&record), i), &c) ==
		    VX_OK)
			ck_assert_uint_eq(c.iterations, 0);
	vx_buf_done(&record);
}
END_TEST

START_TEST(two_hashes_differ)
{
	struct vx_buf a = { .max = 1024 }, b = { .max = 1024 };

	vxt_assert_ok(vx_credential_make(VX_S(PASSWORD), 1, 4096, &a));
	vxt_assert_ok(vx_credential_make(VX_S(PASSWORD), 1, 4096, &b));
	ck_assert(!vx_slice_eq(vx_buf_slice(&a), vx_buf_slice(&b)));
	vx_buf_done(&a);
	vx_buf_done(&b);
}
END_TEST

START_TEST(broken_records)
{
	static const char *const bad[] = { "", " ", "h ",
		" 5000 AAAAAAAAAAAAAAAAAAAAAA== "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"h 4095 AA== AA== AA==", "h 99999999 AAAAAAAAAAAAAAAAAAAAAA== A A",
		"h 5000", "h 5000 x y z",
		"h 5000 AAAAAAAAAAAAAAAAAAAAAA== "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= "
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= x" };
	struct vx_credential c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(vx_credential_parse(vx_slice_str(bad[i]), &c) == VX_EINVAL,
		    "%s", bad[i]);
}
END_TEST

START_TEST(what_a_password_needs)
{
	static char longest[VX_PASSWORD_MAX + 1];
	struct vx_buf made = { .max = 100 }, record = { .max = 1024 };
	struct vx_error err;

	vxt_assert_ok(vx_password_acceptable(VX_S("abcdefghijk1"), &err));
	ck_assert_int_eq(vx_password_acceptable(VX_S("abcdefghij1"), &err), VX_EINVAL);
	ck_assert_int_eq(vx_password_acceptable(VX_S("abcdefghijkl"), &err), VX_EINVAL);
	ck_assert_int_eq(vx_password_acceptable(VX_S("123456789012"), &err), VX_EINVAL);
	ck_assert_int_eq(vx_password_acceptable(VX_S("abcdefgh\tijk1"), &err), VX_EINVAL);
	vx_password_generate(&made);
	vxt_assert_ok(vx_password_acceptable(vx_buf_slice(&made), &err));
	/* the longest that is acceptable can be hashed and used */
	memset(longest, 'a', sizeof(longest));
	longest[0] = '1';
	ck_assert_int_eq(
	    vx_password_acceptable(vx_slice_of(longest, sizeof(longest)), &err),
	    VX_EINVAL);
	vxt_assert_ok(
	    vx_password_acceptable(vx_slice_of(longest, VX_PASSWORD_MAX), &err));
	vxt_assert_ok(
	    vx_credential_make(vx_slice_of(longest, VX_PASSWORD_MAX), 1, 4096, &record));
	vxt_assert_ok(vx_password_verify(vx_slice_of(longest, VX_PASSWORD_MAX),
	    vx_slice_head(
		vx_buf_slice(&record), vx_slice_find(vx_buf_slice(&record), ' '))));
	vx_buf_done(&made);
	vx_buf_done(&record);
}
END_TEST

VXT_SUITE(test_password, "password", hashes_of_others_are_taken, hashes_that_are_refused,
    credentials_are_made_and_read, two_hashes_differ, broken_records,
    what_a_password_needs)
