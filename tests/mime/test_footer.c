/* The text below what a message says: where it goes, and where it does not. */
#include "lib/vxt.h"
#include "vectis/footer.h"

#include <stdio.h>

#define E "\xc3\xa9" /* e with an acute accent, in UTF-8 */
#define MIXED "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"

static struct vx_buf out = { .max = 64 << 20 };

static int add(const char *message, bool whole, const char *text, const char *html)
{
	const struct vx_footer f = { vx_slice_str(text), vx_slice_str(html) };

	vx_buf_reset(&out);
	return vx_footer_add(vx_slice_str(message), whole, &f, &out);
}

struct row {
	const char *message, *text, *html, *want;
};

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		vxt_assert_ok(add(rows[i].message, true, rows[i].text, rows[i].html));
		vxt_assert_str(vx_buf_slice(&out), rows[i].want);
		/* once more: it is there */
		ck_assert_int_eq(
		    add(rows[i].want, true, rows[i].text, rows[i].html), VX_ENOENT);
		ck_assert_uint_eq(out.len, 0);
	}
	vx_buf_done(&out);
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows[0]))

START_TEST(single_texts)
{
	static const struct row rows[] = {
		{ "Subject: a\r\n\r\nHello\r\n", "Foot\nnote\n", "",
		    "Subject: a\r\n\r\nHello\r\n\r\nFoot\r\nnote\r\n" },
		{ "\r\n", "Foot", "", "\r\nFoot\r\n" },
		{ "\r\nno line end", "Foot", "", "\r\nno line end\r\n\r\nFoot\r\n" },
		/* not of ASCII: of a text that says nothing of itself */
		{ "Subject: a\r\n\r\nHello\r\n", "F" E, "",
		    "Subject: a\r\nMIME-Version: 1.0\r\n"
		    "Content-Type: text/plain; charset=utf-8\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		    "Hello\r\n\r\nF=C3=A9\r\n" },
		/* of one in UTF-8 with 8 bits */
		{ "Content-Type: text/plain; charset=UTF-8\r\n"
		  "Content-Transfer-Encoding: 8bit\r\n\r\n" E "\r\n",
		    "F" E, "",
		    "Content-Type: text/plain; charset=UTF-8\r\n"
		    "Content-Transfer-Encoding: 8bit\r\n\r\n" E "\r\n\r\nF" E "\r\n" },
		/* of one in Latin 1: in ASCII as it is, else the text becomes UTF-8 */
		{ "Content-Type: text/plain; charset=iso-8859-1\r\n"
		  "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E9\r\n",
		    "Foot", "",
		    "Content-Type: text/plain; charset=iso-8859-1\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		    "=E9\r\n\r\nFoot\r\n" },
		{ "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1; "
		  "format=flowed\r\n"
		  "Content-Transfer-Encoding: quoted-printable\r\nX: y\r\n\r\n=E9\r\n",
		    "F" E, "",
		    "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n"
		    "X: y\r\nContent-Type: text/plain; charset=utf-8;\r\n"
		    "\tformat=\"flowed\"\r\n\r\n=C3=A9\r\n\r\nF=C3=A9\r\n" },
		{ "Content-Type: text/plain; charset=utf-8\r\n"
		  "Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8NCg==\r\n",
		    "Foot", "",
		    "Content-Type: text/plain; charset=utf-8\r\n"
		    "Content-Transfer-Encoding: base64\r\n\r\n"
		    "SGVsbG8NCg0KRm9vdA0K\r\n" },
	};

	CHECK(rows);
}
END_TEST

START_TEST(html)
{
	static const struct row rows[] = {
		{ "Content-Type: text/html\r\n\r\n<html><BODY>Hi</BODY></html>\r\n",
		    "a < " E "\nb", "",
		    "Content-Type: text/html\r\n\r\n<html><BODY>Hi\r\n"
		    "a &#60; &#233;<br>\r\nb\r\n</BODY></html>\r\n" },
		{ "Content-Type: text/html; charset=koi8-r\r\n\r\n<p>Hi\r\n", "text",
		    "<b>" E "</b>\n",
		    "Content-Type: text/html; charset=koi8-r\r\n\r\n<p>Hi\r\n"
		    "<b>&#233;</b>\r\n" },
	};

	CHECK(rows);
}
END_TEST

START_TEST(multiparts)
{
	static const struct row rows[] = {
		/* both forms, and nothing else */
		{ MIXED "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
			"--c\r\n\r\nplain\r\n"
			"--c\r\nContent-Type: multipart/related; boundary=d\r\n\r\n"
			"--d\r\nContent-Type: text/html\r\n\r\n<p>x</body>\r\n"
			"--d\r\nContent-Type: image/png\r\n\r\npng\r\n--d--\r\n--c--\r\n"
			"--b\r\nContent-Type: text/plain\r\n"
			"Content-Disposition: attachment\r\n\r\nfile\r\n--b--\r\n",
		    "Foot", "<i>Foot</i>",
		    MIXED "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
			  "--c\r\n\r\nplain\r\n\r\nFoot\r\n\r\n"
			  "--c\r\nContent-Type: multipart/related; boundary=d\r\n\r\n"
			  "--d\r\nContent-Type: text/html\r\n\r\n<p>x\r\n<i>Foot</i>\r\n"
			  "</body>\r\n"
			  "--d\r\nContent-Type: image/png\r\n\r\npng\r\n--d--\r\n"
			  "--c--\r\n"
			  "--b\r\nContent-Type: text/plain\r\n"
			  "Content-Disposition: attachment\r\n\r\nfile\r\n--b--\r\n" },
		/* the first text, behind a picture */
		{ MIXED "--b\r\nContent-Type: image/png\r\n\r\npng\r\n"
			"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
		    "Foot", "",
		    MIXED "--b\r\nContent-Type: image/png\r\n\r\npng\r\n"
			  "--b\r\n\r\none\r\n\r\nFoot\r\n\r\n--b\r\n\r\ntwo\r\n--b--"
			  "\r\n" },
	};

	CHECK(rows);
}
END_TEST

/* What was quoted is the mail of others: this one has its own. */
START_TEST(in_an_answer)
{
	vxt_assert_ok(add("\r\nyes\r\n> really?\r\n> Foot\r\n", true, "Foot", ""));
	vxt_assert_str(
	    vx_buf_slice(&out), "\r\nyes\r\n> really?\r\n> Foot\r\n\r\nFoot\r\n");
	ck_assert_int_eq(add("\r\nyes\r\nFoot\r\n> no\r\n", true, "Foot", ""), VX_ENOENT);
	vxt_assert_ok(
	    add("Content-Type: text/html\r\n\r\nyes<blockquote>Foot</blockquote>"
		"\r\n",
		true, "Foot", ""));
	ck_assert_int_eq(
	    add("Content-Type: text/html\r\n\r\nyes<blockquote>x</blockquote>"
		"Foot\r\n",
		true, "Foot", ""),
	    VX_ENOENT);
	vx_buf_done(&out);
}
END_TEST

START_TEST(what_is_left_alone)
{
	static const char *const table[] = {
		"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
		"--b\r\n\r\ny\r\n--b--\r\n",
		"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
		"--b--\r\n",
		"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
		"--b--\r\n",
		"Content-Type: application/pkcs7-mime\r\n\r\nx\r\n",
		"Content-Type: text/calendar\r\n\r\nx\r\n",
		"Content-Type: text/plain\r\nContent-Disposition: "
		"attachment\r\n\r\nx\r\n",
		"Content-Type: text/plain\r\nContent-MD5: "
		"Q2hlY2sgSW50ZWdyaXR5IQ==\r\n\r\n"
		"x\r\n",
		"Content-Transfer-Encoding: x-own\r\n\r\nx\r\n",
		"Content-Type: text/plain; charset=x-nobody-has-it\r\n\r\n\xe9\r\n",
		"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx\r\n",
		"\r\nhi\r\n-----BEGIN PGP MESSAGE-----\r\n",
		MIXED "--b\r\nContent-Type: multipart/signed; boundary=c\r\n\r\n"
		      "--c\r\n\r\nx\r\n--c--\r\n--b\r\n\r\ny\r\n--b--\r\n",
		"Content-Type: multipart/mixed\r\n\r\nx\r\n",
		"Subject: no blank line\r\n",
		"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n",
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ck_assert_msg(
		    add(table[i], true, "F" E, "") == VX_ENOENT, "%s", table[i]);
		ck_assert_uint_eq(out.len, 0);
	}
	vx_buf_done(&out);
}
END_TEST

/* Of a beginning all texts have to be there whole. */
START_TEST(a_beginning)
{
	static const char part[] = MIXED "--b\r\n\r\none\r\n--b\r\n";

	vxt_assert_ok(add(part, false, "Foot", ""));
	vxt_assert_str(
	    vx_buf_slice(&out), MIXED "--b\r\n\r\none\r\n\r\nFoot\r\n\r\n--b\r\n");
	ck_assert_int_eq(add(MIXED "--b\r\n\r\none\r\n", false, "Foot", ""), VX_ENOENT);
	ck_assert_int_eq(add("\r\none\r\n", false, "Foot", ""), VX_ENOENT);
	vx_buf_done(&out);
}
END_TEST

START_TEST(what_may_be_one)
{
	char text[VX_FOOTER_OCTETS_MAX + 2];
	const struct {
		vx_slice text, html;
		int rc;
	} table[] = {
		{ VX_S("a\r\nb\n\tc"), VX_S(""), VX_OK },
		{ VX_S(E), VX_S("<p>" E), VX_OK },
		{ VX_S(""), VX_S("x"), VX_EINVAL },
		{ VX_S(" \r\n"), VX_S(""), VX_EINVAL },
		{ VX_S("\xe9"), VX_S(""), VX_EINVAL },
		{ VX_S("a"), VX_S("\xe9"), VX_EINVAL },
		{ VX_S("a\x01"), VX_S(""), VX_EINVAL },
		{ VX_S("a\rb"), VX_S(""), VX_EINVAL },
		{ vx_slice_of(text, VX_FOOTER_LINE_MAX), VX_S(""), VX_OK },
		{ vx_slice_of(text, VX_FOOTER_LINE_MAX + 1), VX_S(""), VX_ELIMIT },
		{ vx_slice_of(text, VX_FOOTER_OCTETS_MAX + 1), VX_S(""), VX_ELIMIT },
	};

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct vx_footer f = { table[i].text, table[i].html };

		ck_assert_int_eq(vx_footer_check(&f), table[i].rc);
	}
}
END_TEST

VXT_SUITE(test_footer, "footer", single_texts, html, multiparts, in_an_answer,
    what_is_left_alone, a_beginning, what_may_be_one)
