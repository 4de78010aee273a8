/* The client's side: the example of RFC 7677, against our own server, and servers that
 * lie. */
#include "base/encode.h"
#include "base/mem.h"
#include "lib/vxt.h"
#include "vectis/sasl.h"

#define EXPORTER "0123456789abcdef0123456789abcdef"

static const struct vx_sasl_binding unbound;

static struct vx_sasl_binding bound(void)
{
	struct vx_sasl_binding b;

	vx_sasl_bind(&b, VX_S(EXPORTER));
	return b;
}

static void make_keys(vx_slice password, struct vx_credential *keys)
{
	char salted[VX_SHA256_OCTETS], client[VX_SHA256_OCTETS];
	const vx_slice s = { salted, sizeof(salted) };

	*keys = (struct vx_credential){ .iterations = 4096, .salt = "sixteen octets." };
	vx_pbkdf2_sha256(
	    password, vx_slice_of(keys->salt, sizeof(keys->salt)), 4096, salted);
	vx_hmac_sha256(s, VX_S("Client Key"), client);
	vx_sha256(vx_slice_of(client, sizeof(client)), keys->stored_key);
	vx_hmac_sha256(s, VX_S("Server Key"), keys->server_key);
}

/* Both sides until one has enough; what the server came to. */
static int meet(struct vx_sasl_client *c, struct vx_sasl *s, vx_slice password)
{
	struct vx_credential keys;
	vx_slice response, challenge = { NULL, 0 };
	int rc = VX_MORE;

	make_keys(password, &keys);
	for (int i = 0; i < 6 && rc == VX_MORE; i++) {
		rc = vx_sasl_client_next(c, challenge, &response);
		if (rc != VX_MORE)
			return rc;
		rc = vx_sasl_next(s, response, &challenge);
		if (rc == VX_WAIT)
			rc = vx_sasl_keys(s, &keys, &challenge);
	}
	return rc;
}

START_TEST(every_mechanism_with_our_server)
{
	static const enum vx_sasl_mechanism all[] = { VX_SASL_SCRAM_SHA_256_PLUS,
		VX_SASL_SCRAM_SHA_256, VX_SASL_PLAIN, VX_SASL_LOGIN };
	static const vx_slice users[] = { VX_SLICE_INIT("alice"),
		VX_SLICE_INIT("a=b,c=2C@example.test"), VX_SLICE_INIT("\xc3\xa4") };

	for (size_t i = 0; i < 4; i++) {
		for (size_t k = 0; k < 3; k++) {
			const struct vx_sasl_binding b = bound();
			const unsigned offered = 1u << all[i];
			struct vx_sasl_client c;
			struct vx_sasl s;

			vx_sasl_client_init(
			    &c, all[i], users[k], VX_S("pencil"), &b, offered);
			/* without -PLUS on its list, the server has no binding */
			vx_sasl_init(&s, all[i],
			    all[i] == VX_SASL_SCRAM_SHA_256_PLUS ? &b : &unbound);
			ck_assert_int_eq(meet(&c, &s, VX_S("pencil")), VX_DONE);
			vxt_assert_slice(vx_buf_slice(&s.user), users[k]);
			ck_assert(c.good);
			if (i < 2)
				ck_assert_int_eq(s.proof, VX_SASL_PROVEN);
			else
				vxt_assert_str(vx_buf_slice(&s.password), "pencil");
			vx_sasl_client_done(&c);
			vx_sasl_done(&s);
		}
	}
}
END_TEST

START_TEST(a_wrong_password_is_no_proof)
{
	struct vx_sasl_client c;
	struct vx_sasl s;

	vx_sasl_client_init(&c, VX_SASL_SCRAM_SHA_256, VX_S("alice"), VX_S("pen"),
	    &unbound, 1u << VX_SASL_SCRAM_SHA_256);
	vx_sasl_init(&s, VX_SASL_SCRAM_SHA_256, &unbound);
	ck_assert_int_eq(meet(&c, &s, VX_S("pencil")), VX_DONE);
	ck_assert_int_eq(s.proof, VX_SASL_WRONG);
	ck_assert(!c.good);
	vx_sasl_client_done(&c);
	vx_sasl_done(&s);
}
END_TEST

/* -PLUS was taken off the list by somebody: the server must see it. */
START_TEST(a_shortened_list_is_seen)
{
	const struct vx_sasl_binding b = bound();
	struct vx_sasl_client c;
	struct vx_sasl s;

	vx_sasl_client_init(&c, VX_SASL_SCRAM_SHA_256, VX_S("alice"), VX_S("pencil"), &b,
	    1u << VX_SASL_SCRAM_SHA_256);
	vx_sasl_init(&s, VX_SASL_SCRAM_SHA_256, &b);
	ck_assert_int_eq(meet(&c, &s, VX_S("pencil")), VX_EPROTO);
	vx_sasl_client_done(&c);
	vx_sasl_done(&s);
	/* it was on the list, and did not work */
	vx_sasl_client_init(&c, VX_SASL_SCRAM_SHA_256, VX_S("alice"), VX_S("pencil"), &b,
	    1u << VX_SASL_SCRAM_SHA_256 | 1u << VX_SASL_SCRAM_SHA_256_PLUS);
	vx_sasl_init(&s, VX_SASL_SCRAM_SHA_256, &b);
	ck_assert_int_eq(meet(&c, &s, VX_S("pencil")), VX_DONE);
	ck_assert_int_eq(s.proof, VX_SASL_PROVEN);
	vx_sasl_client_done(&c);
	vx_sasl_done(&s);
}
END_TEST

/* The client of RFC 7677 3, which has this nonce. */
static void begin_example(struct vx_sasl_client *c)
{
	vx_slice response;

	vx_sasl_client_init(c, VX_SASL_SCRAM_SHA_256, VX_S("user"), VX_S("pencil"),
	    &unbound, 1u << VX_SASL_SCRAM_SHA_256);
	vx_buf_reset(&c->nonce);
	vx_buf_add_str(&c->nonce, "rOprNGfwEbeRWgbNEkqO");
	ck_assert_int_eq(
	    vx_sasl_client_next(c, vx_slice_of(NULL, 0), &response), VX_MORE);
	vxt_assert_str(response, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
	ck_assert(!c->good);
}

#define FIRST                                                                            \
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"                          \
	"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"

START_TEST(the_example_of_rfc_7677)
{
	struct vx_sasl_client c;
	vx_slice response;

	begin_example(&c);
	ck_assert_int_eq(vx_sasl_client_next(&c, VX_S(FIRST), &response), VX_MORE);
	vxt_assert_str(response,
	    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	ck_assert(!c.good);
	ck_assert_int_eq(
	    vx_sasl_client_next(
		&c, VX_S("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), &response),
	    VX_MORE);
	ck_assert_ptr_nonnull(response.ptr);
	ck_assert_uint_eq(response.len, 0);
	ck_assert(c.good);
	ck_assert_int_eq(vx_sasl_client_next(&c, VX_S(""), &response), VX_EPROTO);
	vx_sasl_client_done(&c);
}
END_TEST

START_TEST(what_a_server_may_not_say_first)
{
	static const char *const bad[] = {
		"",
		"r=",
		"e=unknown-user",
		"m=x," FIRST,
		/* not our nonce, or nothing of the server's in it, or too much */
		"r=rOprNGfwEbeRWgbNEkqP%hvYD,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"r=rOprNGfwEbeRWgbNEkqO\x01,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		/* the salt */
		"r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
		"r=rOprNGfwEbeRWgbNEkqOx,s=W22,i=4096",
		"r=rOprNGfwEbeRWgbNEkqOx,i=4096",
		/* how many iterations */
		"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==",
		"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=",
		"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1",
		"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095",
		"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=600001",
		"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967296",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vx_sasl_client c;
		vx_slice response;

		begin_example(&c);
		ck_assert_msg(
		    vx_sasl_client_next(&c, vx_slice_str(bad[i]), &response) == VX_EPROTO,
		    "%s", bad[i]);
		ck_assert(!c.good);
		/* and that was the only try */
		ck_assert_int_eq(
		    vx_sasl_client_next(&c, VX_S(FIRST), &response), VX_EPROTO);
		vx_sasl_client_done(&c);
	}
}
END_TEST

START_TEST(a_server_without_the_keys_is_found_out)
{
	static const char *const bad[] = { "", "v=", "e=other-error",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=",
		"v=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4AAAA=" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vx_sasl_client c;
		vx_slice response;

		begin_example(&c);
		ck_assert_int_eq(
		    vx_sasl_client_next(&c, VX_S(FIRST), &response), VX_MORE);
		ck_assert_int_eq(
		    vx_sasl_client_next(&c, vx_slice_str(bad[i]), &response), VX_EPROTO);
		ck_assert(!c.good);
		vx_sasl_client_done(&c);
	}
}
END_TEST

START_TEST(salt_and_nonce_at_their_limits)
{
	for (size_t over = 0; over < 2; over++) {
		struct vx_buf text = { .max = 4096 };
		struct vx_sasl_client c;
		char octets[VX_SASL_SALT_MAX + 1] = { 0 };
		vx_slice response;

		begin_example(&c);
		vx_buf_add_str(&text, "r=rOprNGfwEbeRWgbNEkqOx,s=");
		vx_base64_add(&text, vx_slice_of(octets, VX_SASL_SALT_MAX + over));
		vx_buf_add_str(&text, ",i=4096");
		ck_assert_int_eq(
		    vx_sasl_client_next(&c, vx_buf_slice(&text), &response) == VX_MORE,
		    over == 0);
		vx_sasl_client_done(&c);

		begin_example(&c);
		vx_buf_reset(&text);
		vx_buf_add_str(&text, "r=rOprNGfwEbeRWgbNEkqO");
		for (size_t i = 20; i < 2 * VX_SASL_NONCE_MAX + over; i++)
			vx_buf_add_char(&text, 'x');
		vx_buf_add_str(&text, ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
		ck_assert_int_eq(
		    vx_sasl_client_next(&c, vx_buf_slice(&text), &response) == VX_MORE,
		    over == 0);
		vx_sasl_client_done(&c);
		vx_buf_done(&text);
	}
}
END_TEST

START_TEST(login_and_plain_say_no_more_than_they_have)
{
	struct vx_sasl_client c;
	vx_slice r;

	vx_sasl_client_init(
	    &c, VX_SASL_LOGIN, VX_S("alice"), VX_S("pencil"), &unbound, 0);
	ck_assert_int_eq(vx_sasl_client_next(&c, vx_slice_of(NULL, 0), &r), VX_MORE);
	ck_assert_ptr_null(r.ptr);
	ck_assert_int_eq(vx_sasl_client_next(&c, VX_S("User Name"), &r), VX_MORE);
	vxt_assert_str(r, "alice");
	ck_assert(!c.good);
	ck_assert_int_eq(vx_sasl_client_next(&c, VX_S("User Name"), &r), VX_MORE);
	vxt_assert_str(r, "pencil");
	ck_assert(c.good);
	ck_assert_int_eq(vx_sasl_client_next(&c, VX_S("Again"), &r), VX_EPROTO);
	vx_sasl_client_done(&c);

	vx_sasl_client_init(
	    &c, VX_SASL_PLAIN, VX_S("alice"), VX_S("pencil"), &unbound, 0);
	ck_assert_int_eq(vx_sasl_client_next(&c, vx_slice_of(NULL, 0), &r), VX_MORE);
	vxt_assert_slice(r, VX_S("\0alice\0pencil"));
	ck_assert_int_eq(vx_sasl_client_next(&c, VX_S(""), &r), VX_EPROTO);
	vx_sasl_client_done(&c);
}
END_TEST

START_TEST(the_best_of_what_is_offered)
{
	static const struct {
		const char *offer;
		bool bound;
		enum vx_sasl_mechanism best;
	} cases[] = {
		{ "", true, VX_SASL_NONE },
		{ "GSSAPI NTLM XOAUTH2", true, VX_SASL_NONE },
		{ "LOGIN", true, VX_SASL_LOGIN },
		{ "login plain", true, VX_SASL_PLAIN },
		{ "PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256", true, VX_SASL_SCRAM_SHA_256 },
		{ "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", true,
		    VX_SASL_SCRAM_SHA_256_PLUS },
		{ "PLAIN SCRAM-SHA-256-PLUS  SCRAM-SHA-256", false,
		    VX_SASL_SCRAM_SHA_256 },
		{ "SCRAM-SHA-256-PLUS", false, VX_SASL_NONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vx_sasl_binding b = bound();

		ck_assert_int_eq(
		    vx_sasl_choose(vx_sasl_offered(vx_slice_str(cases[i].offer)),
			cases[i].bound ? &b : &unbound),
		    cases[i].best);
	}
	ck_assert_str_eq(vx_sasl_name(VX_SASL_SCRAM_SHA_256_PLUS), "SCRAM-SHA-256-PLUS");
	ck_assert_str_eq(vx_sasl_name(VX_SASL_NONE), "");
}
END_TEST

START_TEST(what_is_too_long_is_not_sent_cut)
{
	static char name[3 * VX_SASL_RESPONSE_MAX];
	const vx_slice longest = { name, sizeof(name) };
	struct vx_sasl_client c;
	vx_slice r = { NULL, 0 };

	memset(name, 'x', sizeof(name));
	vx_sasl_client_init(&c, VX_SASL_PLAIN, VX_S("alice"), longest, &unbound, 0);
	ck_assert_int_eq(vx_sasl_client_next(&c, r, &r), VX_ENOMEM);
	vx_sasl_client_done(&c);
	vx_sasl_client_init(&c, VX_SASL_SCRAM_SHA_256, longest, VX_S("p"), &unbound, 0);
	ck_assert_int_eq(vx_sasl_client_next(&c, r, &r), VX_ENOMEM);
	vx_sasl_client_done(&c);
	vx_sasl_client_init(&c, VX_SASL_PLAIN, VX_S("alice"), VX_S("p"), &unbound, 0);
	ck_assert_int_eq(vx_sasl_client_next(&c, longest, &r), VX_EPROTO);
	vx_sasl_client_done(&c);
}
END_TEST

START_TEST(memory_that_is_short)
{
	for (size_t n = 1;; n++) {
		struct vx_sasl_client c;
		vx_slice r;
		int rc;

		vx_mem_fail_at(n);
		vx_sasl_client_init(
		    &c, VX_SASL_SCRAM_SHA_256, VX_S("user"), VX_S("pencil"), &unbound, 0);
		rc = vx_sasl_client_next(&c, vx_slice_of(NULL, 0), &r);
		if (rc == VX_MORE) {
			vx_buf_reset(&c.nonce);
			vx_buf_add_str(&c.nonce, "rOprNGfwEbeRWgbNEkqO");
			rc = vx_sasl_client_next(&c, VX_S(FIRST), &r);
		}
		vx_sasl_client_done(&c);
		if (!vx_mem_failed()) {
			ck_assert_int_eq(rc, VX_MORE);
			break;
		}
		ck_assert(rc == VX_ENOMEM || rc == VX_EPROTO);
	}
	vx_mem_fail_at(0);
}
END_TEST

VXT_SUITE(test_client, "client", every_mechanism_with_our_server,
    a_wrong_password_is_no_proof, a_shortened_list_is_seen, the_example_of_rfc_7677,
    what_a_server_may_not_say_first, a_server_without_the_keys_is_found_out,
    salt_and_nonce_at_their_limits, login_and_plain_say_no_more_than_they_have,
    the_best_of_what_is_offered, what_is_too_long_is_not_sent_cut, memory_that_is_short)
