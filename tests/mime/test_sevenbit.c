/* RFC 6152 3: messages for servers that take 7 bits only. */
#include "base/mem.h"
#include "lib/vxt.h"
#include "show.h"
#include "vectis/sevenbit.h"

#include <stdio.h>

#define E "\xc3\xa9" /* e with an acute accent, in UTF-8 */

static struct vx_buf out = { .max = 64 << 20 };

struct converted {
	vx_slice message;
	uint64_t from;
	size_t step;
	int rc;
	enum vx_seven_refusal why;
	bool bare;
};

typedef int pass_fn(struct vx_seven *s, vx_slice octets);

static int write_pass(struct vx_seven *s, vx_slice octets)
{
	return vx_seven_write(s, octets, &out);
}

static int run(struct vx_seven *s, pass_fn *pass, vx_slice octets, size_t step)
{
	int rc = VX_OK;

	for (; rc == VX_OK && octets.len > 0; octets = vx_slice_from(octets, step))
		rc = pass(s, vx_slice_head(octets, step));
	return rc;
}

static void convert(struct converted *c)
{
	const vx_slice rest = vx_slice_from(c->message, (size_t)c->from);
	struct vx_buf octets = describe(&c->message, 1);
	struct vx_descriptor d;
	struct vx_seven *s;

	vx_buf_reset(&out);
	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &d));
	vxt_assert_ok(vx_seven_new(&d, c->from, &s));
	vx_buf_done(&octets);
	ck_assert_int_eq(vx_seven_write(s, rest, &out), VX_ESTATE);
	vxt_assert_ok(run(s, vx_seven_count, rest, c->step));
	c->rc = vx_seven_plan(s, &c->why);
	if (c->rc == VX_OK) {
		for (int again = 0; again < 2; again++) {
			vx_buf_reset(&out);
			vx_seven_rewind(s);
			vxt_assert_ok(run(s, write_pass, rest, c->step));
			vxt_assert_ok(vx_seven_end(s, &out));
			ck_assert_uint_eq(out.len, vx_seven_size(s));
		}
		c->bare = vx_seven_has_bare(s);
	}
	vx_seven_free(s);
}

static void check(const char *from, const char *to)
{
	for (size_t step = 1; step < 20; step++) {
		struct converted c = { .message = vx_slice_str(from), .step = step };

		convert(&c);
		vxt_assert_ok(c.rc);
		ck_assert(!c.bare);
		vxt_assert_str(vx_buf_slice(&out), to);
	}
}

START_TEST(single_parts)
{
	static const char *const table[][2] = {
		/* what is 7 bits stays as it is, but for what it says of itself */
		{ "Subject: a\r\n\r\nplain\r\n", "Subject: a\r\n\r\nplain\r\n" },
		{ "Content-Transfer-Encoding: 8bit\r\nSubject: a\r\n\r\nplain\r\n",
		    "Content-Transfer-Encoding: 7bit\r\nSubject: a\r\n\r\nplain\r\n" },
		{ "Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n",
		    "Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n" },
		/* text in quoted-printable when that is shorter */
		{ "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		  "content-transfer-encoding : (x)\r\n 8bit\r\nX: y\r\n"
		  "Content-Transfer-Encoding: 7bit\r\n\r\n"
		  "Caf" E " = 1 \r\n.\r\nand so on and so on\r\n",
		    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\nX: y\r\n\r\n"
		    "Caf=C3=A9 =3D 1=20\r\n.\r\nand so on and so on\r\n" },
		/* and in base64 when it is not */
		{ "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" E
			E E E E E "\r\n",
		    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		    "Content-Transfer-Encoding: base64\r\n\r\nw6nDqcOpw6nDqcOpDQo=\r\n" },
		/* other octets always: a line end in them is none */
		{ "MIME-Version: 1.0\r\nContent-Type: application/x\r\n"
		  "Content-Transfer-Encoding: binary\r\n\r\naaaaaaaaaaaaaaaa" E "\r\n",
		    "MIME-Version: 1.0\r\nContent-Type: application/x\r\n"
		    "Content-Transfer-Encoding: base64\r\n\r\n"
		    "YWFhYWFhYWFhYWFhYWFhYcOpDQo=\r\n" },
		/* no MIME at all (RFC 1428) */
		{ "Subject: a\r\n\r\nnot very long, " E "\r\n",
		    "Subject: a\r\nMIME-Version: 1.0\r\n"
		    "Content-Type: text/plain; charset=utf-8\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		    "not very long, =C3=A9\r\n" },
		{ "\r\nnot very long, \xe9\r\n",
		    "MIME-Version: 1.0\r\n"
		    "Content-Type: text/plain; charset=unknown-8bit\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		    "not very long, =E9\r\n" },
		/* a NUL and a CR alone are no 7bit data either */
		{ "Content-Type: text/x\r\nMIME-Version: 1\r\n\r\naaaaaa \rb\nc\r\n",
		    "Content-Type: text/x\r\nMIME-Version: 1\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		    "aaaaaa =0Db=0Ac\r\n" },
		{ "", "" },
		{ "a", "a" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check(table[i][0], table[i][1]);
}
END_TEST

#define MIXED(label)                                                                     \
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"             \
	"Content-Transfer-Encoding: " label "\r\n\r\n"

START_TEST(multiparts)
{
	check(MIXED("8bit") "preamble " E "\r\n"
			    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: 8bit\r\n\r\nquite long: " E "\r\n"
			    "--b \r\nContent-Transfer-Encoding: 8bit\r\n\r\nascii\r\n"
			    "--b\r\n\r\nuntouched\r\n"
			    "--b--\r\nepilogue " E "\r\n",
	    MIXED("7bit") "preamble ??\r\n"
			  "--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
			  "Content-Transfer-Encoding: quoted-printable\r\n\r\nquite "
			  "long: =C3=A9\r\n"
			  "--b \r\nContent-Transfer-Encoding: 7bit\r\n\r\nascii\r\n"
			  "--b\r\n\r\nuntouched\r\n"
			  "--b--\r\nepilogue ??\r\n");
	/* a message in a message, and what is in that */
	check(MIXED("binary") "--b\r\nContent-Type: "
			      "message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
			      "Subject: inner\r\n\r\nquite long: " E "\r\n--b--\r\n",
	    MIXED("7bit") "--b\r\nContent-Type: "
			  "message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
			  "Subject: inner\r\nMIME-Version: 1.0\r\n"
			  "Content-Type: text/plain; charset=utf-8\r\n"
			  "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
			  "quite long: =C3=A9\r\n--b--\r\n");
	/* one with UTF-8 in its header goes as a whole (RFC 6532 3.7) */
	check(MIXED("8bit") "--b\r\nContent-Type: message/global\r\n\r\n"
			    "Subject: " E
			    "\r\nX: y\r\n\r\nquite a long body\r\n--b--\r\n",
	    MIXED(
		"7bit") "--b\r\nContent-Type: message/global\r\n"
			"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
			"Subject: =C3=A9\r\nX: y\r\n\r\nquite a long body\r\n--b--\r\n");
}
END_TEST

START_TEST(what_is_sealed_stays)
{
	/* the text beside it may change, the label of a signed part may not */
	check(MIXED("8bit") "--b\r\n\r\nquite long: " E "\r\n--b\r\n"
			    "Content-Type: multipart/signed; boundary=s\r\n"
			    "Content-Transfer-Encoding: 8bit\r\n\r\n"
			    "--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsigned\r\n"
			    "--s\r\n\r\nsignature\r\n--s--\r\n--b--\r\n",
	    MIXED("7bit") "--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
			  "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
			  "quite long: =C3=A9\r\n--b\r\n"
			  "Content-Type: multipart/signed; boundary=s\r\n"
			  "Content-Transfer-Encoding: 7bit\r\n\r\n"
			  "--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsigned\r\n"
			  "--s\r\n\r\nsignature\r\n--s--\r\n--b--\r\n");
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		const char *text;
		enum vx_seven_refusal why;
	} table[] = {
		{ "Content-Type: multipart/signed; boundary=s\r\n\r\n"
		  "--s\r\n\r\n" E "\r\n--s\r\n\r\nx\r\n--s--\r\n",
		    VX_SEVEN_SEALED },
		{ "Content-Type: multipart/encrypted; boundary=s\r\n\r\n--s\r\n"
		  "Content-Type: multipart/mixed; boundary=t\r\n\r\n"
		  "--t\r\n\r\n" E "\r\n--t--\r\n--s--\r\n",
		    VX_SEVEN_SEALED },
		{ "Content-Type: multipart/signed; boundary=s\r\n\r\n" E "\r\n"
		  "--s\r\n\r\nx\r\n--s--\r\n",
		    VX_SEVEN_SEALED },
		{ "Subject: " E "\r\n\r\nx\r\n", VX_SEVEN_UTF8 },
		{ MIXED("8bit") "--b\r\nContent-Description: " E "\r\n\r\nx\r\n--b--\r\n",
		    VX_SEVEN_UTF8 },
		{ "Content-Type: multipart/mixed\r\n\r\n" E "\r\n", VX_SEVEN_STRUCTURE },
		{ MIXED("8bit") E "\r\n", VX_SEVEN_STRUCTURE },
		{ MIXED("base64") "--b\r\n\r\n" E "\r\n--b--\r\n", VX_SEVEN_STRUCTURE },
		{ MIXED("8bit") "--b " E "\r\n\r\nx\r\n--b--\r\n", VX_SEVEN_STRUCTURE },
		{ "Content-Transfer-Encoding: base64\r\n\r\n" E "\r\n",
		    VX_SEVEN_ENCODING },
		{ "Content-Transfer-Encoding: x-own\r\n\r\n" E "\r\n",
		    VX_SEVEN_ENCODING },
		{ "Content-Type: message/partial\r\n\r\n" E "\r\n", VX_SEVEN_ENCODING },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct converted c = { .message = vx_slice_str(table[i].text),
			.step = 7 };

		convert(&c);
		ck_assert_int_eq(c.rc, VX_EUNSUP);
		ck_assert_int_eq(c.why, table[i].why);
		ck_assert_str_eq(vx_seven_refusal_status(c.why),
		    c.why == VX_SEVEN_UTF8 ? "5.6.7" : "5.6.3");
		ck_assert_str_ne(vx_seven_refusal_text(c.why), "");
	}
}
END_TEST

/* A boundary that an escape may look like: base64 has no "-". */
START_TEST(no_line_becomes_a_delimiter)
{
	static const char *const boundaries[] = { "=C3", "=", "x=a", "=f0f" };

	for (size_t i = 0; i < sizeof(boundaries) / sizeof(boundaries[0]); i++) {
		char text[300];
		struct converted c = { .step = 1000 };

		(void)snprintf(text, sizeof(text),
		    "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n\r\n"
		    "quite a long line before it\r\n--" E "\r\n--%s--\r\n",
		    boundaries[i], boundaries[i], boundaries[i]);
		c.message = vx_slice_str(text);
		convert(&c);
		vxt_assert_ok(c.rc);
		ck_assert_uint_lt(
		    vx_slice_find_slice(vx_buf_slice(&out), VX_S("Encoding: base64\r\n")),
		    out.len);
	}
}
END_TEST

START_TEST(lines_that_are_too_long)
{
	static const size_t lengths[] = { 998, 999 };
	char text[1100];

	for (size_t i = 0; i < 2; i++) {
		struct converted c = { .step = 64 };
		const int head = snprintf(text, sizeof(text),
		    "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n");

		memset(text + head, 'a', lengths[i]);
		memcpy(text + head + lengths[i], "\r\n", 2);
		c.message = vx_slice_of(text, (size_t)head + lengths[i] + 2);
		convert(&c);
		vxt_assert_ok(c.rc);
		ck_assert_int_eq(vx_slice_eq(vx_buf_slice(&out), c.message), i == 0);
	}
}
END_TEST

START_TEST(what_is_left_away)
{
	const char *const text = "Return-Path: <a@b.example>\r\n"
				 "Subject: x\r\n\r\nquite long: " E "\r\n";
	struct converted c = { .message = vx_slice_str(text), .from = 28, .step = 3 };

	convert(&c);
	vxt_assert_ok(c.rc);
	ck_assert(vx_slice_has_prefix(vx_buf_slice(&out), VX_S("Subject: x\r\nMIME-")));
}
END_TEST

/* A CR or LF alone that is in no body stays, and is told of. */
START_TEST(bare_ones)
{
	struct converted c = { .message = VX_S("Subject: a\r b\r\n\r\nplain\r\n"),
		.step = 5 };

	convert(&c);
	vxt_assert_ok(c.rc);
	ck_assert(c.bare);
	c.message = VX_S("Subject: a\r\n\r\nplain\nlines\r\n");
	convert(&c);
	ck_assert(c.rc == VX_OK && !c.bare);
}
END_TEST

START_TEST(not_what_was_described)
{
	const vx_slice text = VX_S("Subject: a\r\n\r\nplain\r\n");
	struct vx_buf octets = describe(&text, 1);
	enum vx_seven_refusal why;
	struct vx_descriptor d;
	struct vx_seven *s;

	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &d));
	ck_assert_int_eq(vx_seven_new(&d, d.header_size + 1, &s), VX_EINVAL);
	vxt_assert_ok(vx_seven_new(&d, 0, &s));
	vxt_assert_ok(vx_seven_count(s, vx_slice_head(text, text.len - 1)));
	ck_assert_int_eq(vx_seven_plan(s, &why), VX_ECORRUPT);
	vx_seven_free(s);
	vxt_assert_ok(vx_seven_new(&d, 0, &s));
	vxt_assert_ok(vx_seven_count(s, text));
	ck_assert_int_eq(vx_seven_count(s, text), VX_ECORRUPT);
	vx_seven_free(s);
	vx_buf_done(&octets);
}
END_TEST

/* All that needs memory may find none. */
START_TEST(without_memory)
{
	const vx_slice text =
	    VX_S(MIXED("8bit") "--b\r\n\r\nquite long: " E "\r\n--b--\r\n");
	struct vx_buf octets = describe(&text, 1);
	struct vx_descriptor d;

	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &d));
	for (size_t n = 1;; n++) {
		struct vx_buf sink = { .max = 1 << 20 };
		struct vx_seven *s = NULL;
		enum vx_seven_refusal why;
		bool failed;
		int rc;

		vx_mem_fail_at(n);
		rc = vx_seven_new(&d, 0, &s);
		rc = rc == VX_OK ? vx_seven_count(s, text) : rc;
		rc = rc == VX_OK ? vx_seven_plan(s, &why) : rc;
		rc = rc == VX_OK ? vx_seven_write(s, text, &sink) : rc;
		rc = rc == VX_OK ? vx_seven_end(s, &sink) : rc;
		failed = vx_mem_failed();
		vx_mem_fail_at(0);
		vx_seven_free(s);
		vx_buf_done(&sink);
		ck_assert_int_eq(rc, failed ? VX_ENOMEM : VX_OK);
		if (!failed)
			break;
	}
	vx_buf_done(&octets);
}
END_TEST

VXT_SUITE(test_sevenbit, "sevenbit", single_parts, multiparts, what_is_sealed_stays,
    refusals, no_line_becomes_a_delimiter, lines_that_are_too_long, what_is_left_away,
    bare_ones, not_what_was_described, without_memory)
