/* Folding by RFC 5051, and the text of messages as searches see it. */
#include "lib/vxt.h"
#include "mime/casemap.h"
#include "vectis/plain.h"

#include "base/encode.h"

static struct vx_buf out = { .max = 1 << 20 };

static vx_slice fold(const char *text)
{
	vx_buf_reset(&out);
	vx_text_fold(vx_slice_str(text), &out);
	return vx_buf_slice(&out);
}

START_TEST(folding_is_that_of_rfc_5051)
{
	static const char *const table[][2] = { { "", "" },
		{ "aZ@[`{~ 09 abcdefghijklmnopqrstuvwxyz",
		    "AZ@[`{~ 09 ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
		{ "\u01c4", "Dz\u030c" }, /* RFC 5051's own example */
		{ "J\u00fcrgen", "JU\u0308RGEN" }, { "ju\u0308rgen", "JU\u0308RGEN" },
		{ "\u03c2\u03c3\u03a3", "\u03a3\u03a3\u03a3" }, /* final sigma */
		{ "\u0416\u0436\u0439", "\u0416\u0416\u0418\u0306" },
		{ "\uff21\uff42", "AB" }, { "\ud55c", "\u1112\u1161\u11ab" },
		{ "\u304c", "\u304b\u3099" }, { "\ufb01", "fi" }, { "\u00df", "\u00df" },
		{ "\u0131", "I" }, { "\u017f", "S" }, { "\u00a0", " " },
		{ "a\xff"
		  "b\xc3",
		    "A\ufffd"
		    "B\ufffd" },
		{ "\U0001f600\u200d", "\U0001f600\u200d" },
		{ "\U00010428", "\U00010400" } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		vxt_assert_str(fold(table[i][0]), table[i][1]);
	vx_buf_done(&out);
}
END_TEST

/* Every code point: UTF-8 comes out, and the fold of two is the folds of both. */
START_TEST(folds_can_be_put_together)
{
	struct vx_buf one = { .max = 4096 }, before = { .max = 4096 };

	for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x30000 ? 1 : 37) {
		struct vx_buf text = { .max = 4096 };
		const struct vx_case_block *b = vx_case_block(c);

		vx_buf_reset(&one);
		vx_utf8_add(&text, c);
		vx_text_fold(vx_buf_slice(&text), &one);
		ck_assert(one.len > 0 && vx_utf8_valid(vx_buf_slice(&one)));
		ck_assert_uint_le(b->classes[c % 256], VX_CHAR_SIGN);
		vx_buf_add_char(&text, 'x');
		vx_buf_add(&text, vx_buf_slice(&before));
		vx_buf_reset(&out);
		vx_text_fold(vx_buf_slice(&text), &out);
		vx_buf_add_char(&one, 'X');
		vx_text_fold(vx_buf_slice(&before), &one);
		vxt_assert_slice(vx_buf_slice(&out), vx_buf_slice(&one));
		vx_buf_reset(&before);
		vx_utf8_add(&before, c);
		vx_buf_done(&text);
	}
	vx_buf_done(&one);
	vx_buf_done(&before);
	vx_buf_done(&out);
}
END_TEST

static enum vx_char_class class_of(uint32_t c)
{
	return (enum vx_char_class)vx_case_block(c)->classes[c % 256];
}

START_TEST(classes_of_characters)
{
	static const uint32_t words[] = { 'A', 'z', '0', 0xc4, 0x308, 0x416, 0x5d0, 0x627,
		0x915, 0x94d, 0x1112, 0x10400, 0x660 };
	static const uint32_t signs[] = { '.', '_', '@', '-', 0x4e2d, 0x3042, 0x3099,
		0xe01, 0x1f600, 0x200d, 0xfe0f, 0x20ac, 0xfffd, 0x20000 };
	static const uint32_t spaces[] = { 0, ' ', '\n', '\t', 0x7f, 0x85, 0xa0, 0x2003,
		0x3000, 0x2028 };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ck_assert_msg(class_of(words[i]) == VX_CHAR_WORD, "%x", words[i]);
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		ck_assert_msg(class_of(signs[i]) == VX_CHAR_SIGN, "%x", signs[i]);
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		ck_assert_msg(class_of(spaces[i]) == VX_CHAR_SPACE, "%x", spaces[i]);
}
END_TEST

struct source {
	struct vx_plain_source base;
	vx_slice octets;
	int fail;
};

static int read_source(
    struct vx_plain_source *base, uint64_t first, uint64_t end, vx_slice *s)
{
	const struct source *source = (struct source *)base;

	*s = vx_slice_from(vx_slice_head(source->octets, (size_t)end), (size_t)first);
	return source->fail;
}

static int body_of(const char *message, int fail)
{
	struct source s = { { read_source }, vx_slice_str(message), fail };
	struct vx_buf octets = { .max = VX_DESCRIPTOR_MAX };
	struct vx_describer *d;
	struct vx_descriptor desc;
	struct vx_plain p = { 0 };
	int rc;

	vxt_assert_ok(vx_describer_new(&d));
	vx_describer_add(d, s.octets);
	vxt_assert_ok(vx_describer_end(d, &octets));
	vx_describer_free(d);
	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &desc));
	vx_buf_reset(&out);
	rc = vx_plain_body(&p, &desc, &s.base, &out);
	vx_plain_shrink(&p);
	vx_plain_done(&p);
	vx_buf_done(&octets);
	return rc;
}

START_TEST(the_text_of_a_message)
{
	static const char message[] =
	    "Subject: no part of the body\r\n"
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\nprologue\r\n"
	    "--b\r\nContent-Type: text/plain; charset=koi8-r\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nxMHCwQ==\r\n"
	    "--b\r\nContent-Type: text/html; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "<p>Gr=C3=BC=\r\n=C3=9Fe<b>A&amp;B</b></p>\r\n"
	    "--b\r\nContent-Type: application/pdf\r\n"
	    "Content-Disposition: attachment; "
	    "filename=\"=?utf-8?q?R=C3=A9sum=C3=A9.pdf?=\"\r\n"
	    "Content-Description: my life\r\n\r\nnot text\r\n"
	    "--b\r\nContent-Type: message/rfc822\r\n\r\n"
	    "From: =?iso-8859-1?q?J=FCrgen?= <j@x>\r\nSubject: a\r\n b\r\n\r\ninner\r\n"
	    "--b--\r\nepilogue\r\n";

	vxt_assert_ok(body_of(message, VX_OK));
	vxt_assert_str(vx_buf_slice(&out),
	    "\u0414\u0410\u0411\u0410\n"
	    "GRU\u0308\u00dfEA&B\n"
	    "RE\u0301SUME\u0301.PDF\nMY LIFE\n"
	    "FROM: JU\u0308RGEN <J@X>\nSUBJECT: A B\nINNER\n");
	ck_assert_int_eq(body_of(message, VX_EIO), VX_EIO);
	vxt_assert_ok(body_of("Content-Type: text/plain; charset=utf-7\r\n\r\n"
			      "+AOQ-x",
	    VX_OK));
	vxt_assert_str(vx_buf_slice(&out), "A\u0308X\n");
	vxt_assert_ok(body_of("X: y\r\n\r\nfree text\r\n", VX_OK));
	vxt_assert_str(vx_buf_slice(&out), "FREE TEXT\r\n\n");
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_plain, "plain", folding_is_that_of_rfc_5051, folds_can_be_put_together,
    classes_of_characters, the_text_of_a_message)
