#include "base/encode.h"
#include "lib/vxt.h"
#include "vectis/sasl.h"

#define EXPORTER "0123456789abcdef0123456789abcdef"
#define PASSWORD "pencil"

static struct vx_credential keys;

static void make_keys(vx_slice salt, unsigned iterations)
{
	char salted[VX_SHA256_OCTETS], client[VX_SHA256_OCTETS];
	const vx_slice s = { salted, sizeof(salted) };

	keys = (struct vx_credential){ .iterations = iterations };
	ck_assert_uint_eq(salt.len, sizeof(keys.salt));
	memcpy(keys.salt, salt.ptr, salt.len);
	vx_pbkdf2_sha256(VX_S(PASSWORD), salt, iterations, salted);
	vx_hmac_sha256(s, VX_S("Client Key"), client);
	vx_sha256(vx_slice_of(client, sizeof(client)), keys.stored_key);
	vx_hmac_sha256(s, VX_S("Server Key"), keys.server_key);
}

/* What a client with the password sends as its proof, in base64. */
static void add_proof(struct vx_buf *out, vx_slice auth_message)
{
	char salted[VX_SHA256_OCTETS], client[VX_SHA256_OCTETS], sig[VX_SHA256_OCTETS];

	vx_pbkdf2_sha256(VX_S(PASSWORD), vx_slice_of(keys.salt, sizeof(keys.salt)),
	    keys.iterations, salted);
	vx_hmac_sha256(vx_slice_of(salted, sizeof(salted)), VX_S("Client Key"), client);
	vx_hmac_sha256(
	    vx_slice_of(keys.stored_key, sizeof(keys.stored_key)), auth_message, sig);
	for (size_t i = 0; i < sizeof(sig); i++)
		sig[i] = (char)(sig[i] ^ client[i]);
	vx_base64_add(out, vx_slice_of(sig, sizeof(sig)));
}

/* The exchange of RFC 7677 3: that the client of these tests computes what it should. */
START_TEST(the_example_of_rfc_7677)
{
	static const char message[] =
	    "n=user,r=rOprNGfwEbeRWgbNEkqO,"
	    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
	struct vx_buf salt = { .max = 64 }, proof = { .max = 64 };
	char sig[VX_SHA256_OCTETS];

	vxt_assert_ok(vx_base64_decode(VX_S("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt));
	make_keys(vx_buf_slice(&salt), 4096);
	add_proof(&proof, vx_slice_str(message));
	vxt_assert_str(
	    vx_buf_slice(&proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	vx_hmac_sha256(vx_slice_of(keys.server_key, sizeof(keys.server_key)),
	    vx_slice_str(message), sig);
	vx_buf_reset(&proof);
	vx_base64_add(&proof, vx_slice_of(sig, sizeof(sig)));
	vxt_assert_str(
	    vx_buf_slice(&proof), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
	vx_buf_done(&salt);
	vx_buf_done(&proof);
}
END_TEST

/* The same exchange with our server, which is given the nonce of the example. */
START_TEST(the_server_of_rfc_7677)
{
	struct vx_buf salt = { .max = 64 };
	vx_slice challenge;
	struct vx_sasl s;

	vxt_assert_ok(vx_base64_decode(VX_S("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt));
	make_keys(vx_buf_slice(&salt), 4096);
	vx_buf_done(&salt);
	vx_sasl_init(&s, VX_SASL_SCRAM_SHA_256, NULL);
	ck_assert_int_eq(
	    vx_sasl_next(&s, VX_S("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), &challenge),
	    VX_WAIT);
	ck_assert_uint_ge(s.nonce.len, 20 + 24); /* 18 octets of ours at least */
	vx_buf_reset(&s.nonce);
	vx_buf_add_str(&s.nonce, "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
	ck_assert_int_eq(vx_sasl_keys(&s, &keys, &challenge), VX_MORE);
	vxt_assert_str(challenge, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
				  "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	ck_assert_int_eq(
	    vx_sasl_next(&s,
		VX_S("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
		&challenge),
	    VX_MORE);
	vxt_assert_str(challenge, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
	ck_assert_int_eq(vx_sasl_next(&s, VX_S(""), &challenge), VX_DONE);
	ck_assert_int_eq(s.proof, VX_SASL_PROVEN);
	vxt_assert_str(vx_buf_slice(&s.user), "user");
	vx_sasl_done(&s);
}
END_TEST

struct exchange {
	enum vx_sasl_mechanism mechanism;
	bool bound;             /* the server has a binding */
	const char *gs2, *name; /* what the client says */
	const char *binding;    /* after the GS2 header in "c=" */
	bool tamper;            /* with the proof */
};

static int client_first(struct vx_sasl *s, const struct exchange *x, struct vx_buf *bare)
{
	struct vx_sasl_binding binding;
	struct vx_buf first = { .max = 2000 };
	vx_slice challenge;
	int rc;

	vx_sasl_bind(&binding, x->bound ? VX_S(EXPORTER) : VX_S(""));
	vx_sasl_init(s, x->mechanism, &binding);
	vx_buf_printf(bare, "n=%s,r=fyko+d2lbbFgONRv9qkxdawL", x->name);
	vx_buf_printf(&first, "%s%s", x->gs2, bare->ptr);
	rc = vx_sasl_next(s, vx_buf_slice(&first), &challenge);
	vx_buf_done(&first);
	return rc;
}

/* "c=...,r=..." and the proof for it. */
static void client_final(
    const struct exchange *x, vx_slice bare, vx_slice server, struct vx_buf *out)
{
	struct vx_buf message = { .max = 4000 }, binding = { .max = 2000 };
	vx_slice rest = server, nonce;

	(void)vx_slice_cut(&rest, ',', &nonce);
	vx_buf_printf(&binding, "%s%s", x->gs2, x->binding);
	vx_buf_add_str(out, "c=");
	vx_base64_add(out, vx_buf_slice(&binding));
	vx_buf_add_char(out, ',');
	vx_buf_add(out, nonce);
	vx_buf_add(&message, bare);
	vx_buf_add_char(&message, ',');
	vx_buf_add(&message, server);
	vx_buf_add_char(&message, ',');
	vx_buf_add(&message, vx_buf_slice(out));
	vx_buf_add_str(out, ",p=");
	add_proof(out, vx_buf_slice(&message));
	vx_buf_done(&message);
	vx_buf_done(&binding);
}

/* VX_DONE with the proof in *proof, or how it failed. */
static int run(const struct exchange *x, enum vx_sasl_proof *proof)
{
	struct vx_buf bare = { .max = 2000 }, final = { .max = 4000 },
		      copy = { .max = 2000 };
	vx_slice challenge;
	struct vx_sasl s;
	int rc;

	make_keys(VX_S("0123456789abcdef"), 4096);
	rc = client_first(&s, x, &bare);
	if (rc == VX_WAIT) {
		ck_assert_int_eq(vx_sasl_keys(&s, &keys, &challenge), VX_MORE);
		vx_buf_add(&copy, challenge);
		client_final(x, vx_buf_slice(&bare), vx_buf_slice(&copy), &final);
		if (x->tamper)
			final.ptr[final.len - 5] = /* base64 it stays */
			    final.ptr[final.len - 5] == 'A' ? 'B' : 'A';
		rc = vx_sasl_next(&s, vx_buf_slice(&final), &challenge);
	}
	if (rc == VX_MORE) {
		ck_assert(vx_slice_has_prefix(challenge, VX_S("v=")));
		rc = vx_sasl_next(&s, VX_S(""), &challenge);
	}
	*proof = s.proof;
	vx_sasl_done(&s);
	vx_buf_done(&bare);
	vx_buf_done(&final);
	vx_buf_done(&copy);
	return rc;
}

START_TEST(exchanges)
{
	static const struct {
		struct exchange x;
		int rc;
		enum vx_sasl_proof proof;
	} cases[] = {
		{ { VX_SASL_SCRAM_SHA_256, false, "n,,", "user", "", false }, VX_DONE,
		    VX_SASL_PROVEN },
		{ { VX_SASL_SCRAM_SHA_256, false, "y,,", "user", "", false }, VX_DONE,
		    VX_SASL_PROVEN },
		{ { VX_SASL_SCRAM_SHA_256, true, "n,,", "user", "", false }, VX_DONE,
		    VX_SASL_PROVEN },
		{ { VX_SASL_SCRAM_SHA_256, false, "n,a=user,", "user", "", false },
		    VX_DONE, VX_SASL_PROVEN },
		{ { VX_SASL_SCRAM_SHA_256_PLUS, true, "p=tls-exporter,,", "user",
		      EXPORTER, false },
		    VX_DONE, VX_SASL_PROVEN },
		/* a wrong password, a wrong channel */
		{ { VX_SASL_SCRAM_SHA_256, false, "n,,", "user", "", true }, VX_DONE,
		    VX_SASL_WRONG },
		{ { VX_SASL_SCRAM_SHA_256_PLUS, true, "p=tls-exporter,,", "user",
		      "0123456789abcdef0123456789abcdeX", false },
		    VX_DONE, VX_SASL_WRONG },
		{ { VX_SASL_SCRAM_SHA_256_PLUS, true, "p=tls-exporter,,", "user", "",
		      false },
		    VX_DONE, VX_SASL_WRONG },
		/* -PLUS was on the list, and the client did not see it */
		{ { VX_SASL_SCRAM_SHA_256, true, "y,,", "user", "", false }, VX_EPROTO,
		    0 },
		{ { VX_SASL_SCRAM_SHA_256_PLUS, true, "n,,", "user", "", false },
		    VX_EPROTO, 0 },
		{ { VX_SASL_SCRAM_SHA_256_PLUS, true, "p=tls-unique,,", "user", "",
		      false },
		    VX_EPROTO, 0 },
		{ { VX_SASL_SCRAM_SHA_256, false, "p=tls-exporter,,", "user", "", false },
		    VX_EPROTO, 0 },
		{ { VX_SASL_SCRAM_SHA_256, false, "n,a=other,", "user", "", false },
		    VX_EPROTO, 0 },
		{ { VX_SASL_SCRAM_SHA_256, false, "n,b=user,", "user", "", false },
		    VX_EPROTO, 0 },
		{ { VX_SASL_SCRAM_SHA_256, false, "n,,", "", "", false }, VX_EPROTO, 0 },
		{ { VX_SASL_SCRAM_SHA_256, false, "n,,", "us=er", "", false }, VX_EPROTO,
		    0 },
		{ { VX_SASL_SCRAM_SHA_256, false, "n,,m=x,", "user", "", false },
		    VX_EPROTO, 0 },
		{ { VX_SASL_SCRAM_SHA_256, false, "n,,", "us=2Cer=3D", "", false },
		    VX_DONE, VX_SASL_PROVEN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum vx_sasl_proof proof;

		ck_assert_msg(run(&cases[i].x, &proof) == cases[i].rc, "case %zu", i);
		ck_assert_msg(proof == cases[i].proof, "case %zu", i);
	}
}
END_TEST

START_TEST(names_are_unescaped)
{
	const struct exchange x = { VX_SASL_SCRAM_SHA_256, false, "n,,", "a=2Cb=3Dc", "",
		false };
	struct vx_buf bare = { .max = 2000 };
	struct vx_sasl s;

	ck_assert_int_eq(client_first(&s, &x, &bare), VX_WAIT);
	vxt_assert_str(vx_buf_slice(&s.user), "a,b=c");
	vx_sasl_done(&s);
	vx_buf_done(&bare);
}
END_TEST

/* Each is a final message that is malformed, or not for this nonce. */
START_TEST(bad_final_messages)
{
	static const char *const finals[] = { "", "c=biws", "c=biws,r=x,p=AAAA",
		"c=biws,r=NONCE", "c=biws,r=NONCE,p=", "c=biws,r=NONCE,p=AAAA",
		"c=biws,r=NONCE,p=!", "r=NONCE,c=biws,p=AAAA", "c=biws,r=NONCEx,p=AAAA" };
	const struct exchange x = { VX_SASL_SCRAM_SHA_256, false, "n,,", "user", "",
		false };

	for (size_t i = 0; i < sizeof(finals) / sizeof(finals[0]); i++) {
		struct vx_buf bare = { .max = 2000 }, final = { .max = 2000 };
		vx_slice text = vx_slice_str(finals[i]), rest, nonce, challenge;
		const size_t at = vx_slice_find_slice(text, VX_S("NONCE"));
		struct vx_sasl s;

		make_keys(VX_S("0123456789abcdef"), 4096);
		ck_assert_int_eq(client_first(&s, &x, &bare), VX_WAIT);
		ck_assert_int_eq(vx_sasl_keys(&s, &keys, &challenge), VX_MORE);
		rest = vx_slice_from(challenge, 2);
		(void)vx_slice_cut(&rest, ',', &nonce);
		vx_buf_add(&final, vx_slice_head(text, at));
		if (at < text.len) {
			vx_buf_add(&final, nonce);
			vx_buf_add(&final, vx_slice_from(text, at + 5));
		}
		ck_assert_msg(
		    vx_sasl_next(&s, final.len > 0 ? vx_buf_slice(&final) : VX_S(""),
			&challenge) == VX_EPROTO,
		    "%s", finals[i]);
		vx_sasl_done(&s);
		vx_buf_done(&bare);
		vx_buf_done(&final);
	}
}
END_TEST

START_TEST(calls_out_of_order)
{
	const struct exchange x = { VX_SASL_SCRAM_SHA_256, false, "n,,", "user", "",
		false };
	struct vx_buf bare = { .max = 2000 };
	vx_slice challenge;
	struct vx_sasl s;

	make_keys(VX_S("0123456789abcdef"), 4096);
	vx_sasl_init(&s, VX_SASL_SCRAM_SHA_256, NULL);
	ck_assert_int_eq(vx_sasl_next(&s, vx_slice_of(NULL, 0), &challenge), VX_MORE);
	ck_assert_int_eq(vx_sasl_next(&s, vx_slice_of(NULL, 0), &challenge), VX_EPROTO);
	ck_assert_int_eq(vx_sasl_next(&s, VX_S("n,,n=user,r=x"), &challenge), VX_EPROTO);
	vx_sasl_done(&s);
	vx_sasl_init(&s, VX_SASL_SCRAM_SHA_256, NULL);
	ck_assert_int_eq(vx_sasl_next(&s, vx_slice_of(NULL, 0), &challenge), VX_MORE);
	ck_assert_int_eq(vx_sasl_next(&s, VX_S("n,,n=user,r=x"), &challenge), VX_WAIT);
	vx_sasl_done(&s);
	vx_sasl_init(&s, VX_SASL_PLAIN, NULL);
	ck_assert_int_eq(vx_sasl_keys(&s, &keys, &challenge), VX_ESTATE);
	vx_sasl_done(&s);
	ck_assert_int_eq(client_first(&s, &x, &bare), VX_WAIT);
	ck_assert_int_eq(vx_sasl_next(&s, VX_S("n,,n=user,r=x"), &challenge), VX_EPROTO);
	vx_sasl_done(&s);
	vx_buf_done(&bare);
}
END_TEST

VXT_SUITE(test_scram, "scram", the_example_of_rfc_7677, the_server_of_rfc_7677, exchanges,
    names_are_unescaped, bad_final_messages, calls_out_of_order)
