#include "lib/vxt.h"
#include "vectis/sasl.h"

static const struct vx_sasl_binding unbound;

/* The responses, until the end; NULL ends them. */
static int run(
    struct vx_sasl *s, enum vx_sasl_mechanism m, const vx_slice *responses, size_t count)
{
	vx_slice challenge;
	int rc = VX_MORE;

	vx_sasl_init(s, m, &unbound);
	for (size_t i = 0; i < count && rc == VX_MORE; i++)
		rc = vx_sasl_next(s, responses[i], &challenge);
	return rc;
}

START_TEST(plain_takes_its_three_parts)
{
	static const struct {
		vx_slice response;
		int rc;
	} cases[] = {
		{ VX_SLICE_INIT("\0alice\0secret"), VX_DONE },
		{ VX_SLICE_INIT("alice\0alice\0secret"), VX_DONE },
		{ VX_SLICE_INIT("Alice\0alice\0secret"), VX_DONE },
		{ VX_SLICE_INIT("bob\0alice\0secret"), VX_EPROTO },
		{ VX_SLICE_INIT("\0alice\0sec\0ret"), VX_EPROTO },
		{ VX_SLICE_INIT("\0alice"), VX_EPROTO },
		{ VX_SLICE_INIT("alice"), VX_EPROTO },
		{ VX_SLICE_INIT(""), VX_EPROTO },
		{ VX_SLICE_INIT("\0\0secret"), VX_EPROTO },
		{ VX_SLICE_INIT("\0alice\0"), VX_EPROTO },
		{ VX_SLICE_INIT("\0al\xff\0secret"), VX_EPROTO },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_sasl s;

		ck_assert_int_eq(
		    run(&s, VX_SASL_PLAIN, &cases[i].response, 1), cases[i].rc);
		if (cases[i].rc == VX_DONE) {
			ck_assert_int_eq(s.proof, VX_SASL_PASSWORD);
			vxt_assert_str(vx_buf_slice(&s.password), "secret");
		}
		vx_sasl_done(&s);
	}
}
END_TEST

START_TEST(plain_without_initial_response)
{
	const vx_slice responses[] = { { NULL, 0 }, VX_SLICE_INIT("\0a\0b") };
	const vx_slice twice[] = { { NULL, 0 }, { NULL, 0 } };
	struct vx_sasl s;

	ck_assert_int_eq(run(&s, VX_SASL_PLAIN, responses, 2), VX_DONE);
	vx_sasl_done(&s);
	ck_assert_int_eq(run(&s, VX_SASL_PLAIN, twice, 2), VX_EPROTO);
	vx_sasl_done(&s);
}
END_TEST

START_TEST(login_asks_twice)
{
	const vx_slice responses[] = { { NULL, 0 }, VX_SLICE_INIT("alice"),
		VX_SLICE_INIT("secret") };
	const vx_slice empty[] = { { NULL, 0 }, VX_SLICE_INIT(""), VX_SLICE_INIT(""),
		VX_SLICE_INIT("") };
	struct vx_sasl s;

	ck_assert_int_eq(run(&s, VX_SASL_LOGIN, responses, 3), VX_DONE);
	vxt_assert_str(vx_buf_slice(&s.user), "alice");
	vxt_assert_str(vx_buf_slice(&s.password), "secret");
	vx_sasl_done(&s);
	ck_assert_int_eq(run(&s, VX_SASL_LOGIN, empty, 4), VX_EPROTO);
	vx_sasl_done(&s);
}
END_TEST

START_TEST(login_takes_text_only)
{
	static const vx_slice bad[][3] = {
		{ { NULL, 0 }, VX_SLICE_INIT("al\0ice"), VX_SLICE_INIT("secret") },
		{ { NULL, 0 }, VX_SLICE_INIT("alice"), VX_SLICE_INIT("sec\0ret") },
		{ { NULL, 0 }, VX_SLICE_INIT("al\xff"), VX_SLICE_INIT("secret") },
	};
	struct vx_sasl s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(run(&s, VX_SASL_LOGIN, bad[i], 3), VX_EPROTO);
		vx_sasl_done(&s);
	}
}
END_TEST

START_TEST(too_long_is_malformed)
{
	static char octets[VX_SASL_RESPONSE_MAX + 1];
	const vx_slice one = { octets, sizeof(octets) };
	struct vx_sasl s;

	ck_assert_int_eq(run(&s, VX_SASL_PLAIN, &one, 1), VX_EPROTO);
	vx_sasl_done(&s);
	octets[0] = 0;
	memset(octets + 1, 'a', 1500);
	octets[1501] = 0;
	octets[1502] = 'p';
	ck_assert_int_eq(
	    run(&s, VX_SASL_PLAIN, &(vx_slice){ octets, 1503 }, 1), VX_EPROTO);
	vx_sasl_done(&s);
}
END_TEST

START_TEST(plus_is_offered_with_a_binding_only)
{
	struct vx_sasl_binding bound;
	struct vx_buf text = { .max = 200 };

	vx_sasl_bind(&bound, VX_S("0123456789abcdef0123456789abcdef"));
	vx_sasl_write_offer(&text, " ", &bound);
	vxt_assert_str(
	    vx_buf_slice(&text), " SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN");
	vx_buf_reset(&text);
	vx_sasl_bind(&bound, VX_S("short"));
	vx_sasl_write_offer(&text, " AUTH=", &bound);
	vxt_assert_str(vx_buf_slice(&text), " AUTH=SCRAM-SHA-256 AUTH=PLAIN AUTH=LOGIN");
	ck_assert_int_eq(
	    vx_sasl_find(VX_S("SCRAM-SHA-256-PLUS"), &unbound), VX_SASL_NONE);
	ck_assert_int_eq(vx_sasl_find(VX_S("plain"), &unbound), VX_SASL_PLAIN);
	ck_assert_int_eq(vx_sasl_find(VX_S("GSSAPI"), &unbound), VX_SASL_NONE);
	vx_buf_done(&text);
}
END_TEST

VXT_SUITE(test_plain, "plain", plain_takes_its_three_parts,
    plain_without_initial_response, login_asks_twice, login_takes_text_only,
    too_long_is_malformed, plus_is_offered_with_a_binding_only)
