/* xtext, addresses of type utf-8, and text of others made safe. */
#include "lib/vxt.h"
#include "mime/safe.h"
#include "vectis/dsn.h"

START_TEST(xtext_of_every_octet)
{
	struct vx_buf text = { .max = 1024 }, back = { .max = 1024 };
	char all[256];

	for (unsigned i = 0; i < 256; i++)
		all[i] = (char)i;
	vx_xtext_encode(vx_slice_of(all, sizeof(all)), &text);
	for (size_t i = 0; i < text.len; i++)
		ck_assert(text.ptr[i] > ' ' && text.ptr[i] <= '~' && text.ptr[i] != '=');
	vxt_assert_ok(vx_xtext_decode(vx_buf_slice(&text), &back));
	vxt_assert_slice(vx_buf_slice(&back), vx_slice_of(all, sizeof(all)));
	vx_buf_done(&text);
	vx_buf_done(&back);
}
END_TEST

START_TEST(xtext_cases)
{
	static const struct {
		const char *text, *octets; /* NULL: it is none */
	} cases[] = {
		{ "", "" },
		{ "a+2Bb", "a+b" },
		{ "a+2bb", "a+b" },
		{ "+3D+20", "= " },
		{ "a+", NULL },
		{ "a+2", NULL },
		{ "a+2x", NULL },
		{ "a=b", NULL },
		{ "a b", NULL },
		{ "a\x7f", NULL },
		{ "\xc3\xa4", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_buf out = { .max = 100 };
		const int rc = vx_xtext_decode(vx_slice_str(cases[i].text), &out);

		ck_assert_int_eq(rc, cases[i].octets == NULL ? VX_EINVAL : VX_OK);
		vxt_assert_str(
		    vx_buf_slice(&out), cases[i].octets == NULL ? "" : cases[i].octets);
		vx_buf_done(&out);
	}
}
END_TEST

START_TEST(what_does_not_fit)
{
	struct vx_buf out = { .max = 4 };
	vx_slice type = VX_S("before");

	vx_buf_add_str(&out, "ab");
	ck_assert_int_eq(vx_xtext_decode(VX_S("abc"), &out), VX_ELIMIT);
	ck_assert_int_eq(vx_xtext_decode(VX_S("a="), &out), VX_EINVAL);
	ck_assert_int_eq(vx_utf8_addr_decode(VX_S("a\xc3\xa4"), &out), VX_ELIMIT);
	ck_assert_int_eq(vx_utf8_addr_decode(VX_S("a\xc3"), &out), VX_EINVAL);
	ck_assert_int_eq(vx_orcpt_decode(VX_S("rfc822;abc"), &type, &out), VX_ELIMIT);
	ck_assert_int_eq(vx_orcpt_ascii(VX_S("rfc822;abc"), &out), VX_ELIMIT);
	vxt_assert_str(type, "before");
	vxt_assert_str(vx_buf_slice(&out), "ab");
	ck_assert(!out.failed);
	vxt_assert_ok(vx_xtext_decode(VX_S("cd"), &out));
	vxt_assert_str(vx_buf_slice(&out), "abcd");
	vx_buf_done(&out);
}
END_TEST

START_TEST(utf8_addresses)
{
	static const struct {
		const char *address, *ascii, *unitext;
	} cases[] = {
		{ "a@b.test", "a@b.test", "a@b.test" },
		{ "\xc3\xa4@b.test", "\\x{E4}@b.test", "\xc3\xa4@b.test" },
		{ "a+b=c@d.test", "a\\x{2B}b\\x{3D}c@d.test",
		    "a\\x{2B}b\\x{3D}c@d.test" },
		{ "\"a \\\" b\"@c", "\"a\\x{20}\\x{5C}\"\\x{20}b\"@c",
		    "\"a\\x{20}\\x{5C}\"\\x{20}b\"@c" },
		{ "\xf0\x9f\x93\xa7@\xe4\xbe\x8b.test", "\\x{1F4E7}@\\x{4F8B}.test",
		    "\xf0\x9f\x93\xa7@\xe4\xbe\x8b.test" },
		{ "\x01\x7f\xc2\x80", "\\x{01}\\x{7F}\\x{80}", "\\x{01}\\x{7F}\xc2\x80" },
		{ "\xf4\x8f\xbf\xbf", "\\x{10FFFF}", "\xf4\x8f\xbf\xbf" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_buf out = { .max = 100 };

		vx_utf8_addr_encode(vx_slice_str(cases[i].address), true, &out);
		vxt_assert_str(vx_buf_slice(&out), cases[i].ascii);
		vx_buf_reset(&out);
		vx_utf8_addr_encode(vx_slice_str(cases[i].address), false, &out);
		vxt_assert_str(vx_buf_slice(&out), cases[i].unitext);
		vx_buf_reset(&out);
		vxt_assert_ok(vx_utf8_addr_decode(vx_slice_str(cases[i].ascii), &out));
		vxt_assert_ok(vx_utf8_addr_decode(vx_slice_str(cases[i].unitext), &out));
		vxt_assert_slice(vx_slice_head(vx_buf_slice(&out), out.len / 2),
		    vx_slice_str(cases[i].address));
		vxt_assert_slice(vx_slice_from(vx_buf_slice(&out), out.len / 2),
		    vx_slice_str(cases[i].address));
		vx_buf_done(&out);
	}
}
END_TEST

START_TEST(utf8_addresses_that_are_none)
{
	static const char *const bad[] = { "a+2Bb", "a b", "a=b", "\\", "\\x", "\\x{",
		"\\x{}", "\\x{4}", "\\x{E4", "\\x{E4@", "\\x{110000}", "\\x{D800}",
		"\\x{DFFF}", "\\x{0000E41}", "\\u{E4}", "\xc3", "\x7f", "a\tb" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vx_buf out = { .max = 100 };

		ck_assert_msg(
		    vx_utf8_addr_decode(vx_slice_str(bad[i]), &out) == VX_EINVAL, "%s",
		    bad[i]);
		ck_assert_uint_eq(out.len, 0);
		vx_buf_done(&out);
	}
}
END_TEST

START_TEST(orcpt)
{
	static const struct {
		const char *value, *type, *address, *ascii; /* NULL: it is none */
	} cases[] = {
		{ "rfc822;a+2Bb@c.test", "rfc822", "a+b@c.test", "rfc822;a+2Bb@c.test" },
		{ "RFC822;a@c.test", "RFC822", "a@c.test", "RFC822;a@c.test" },
		{ "x400;/C=x", NULL, NULL, NULL },
		{ "x400;/C+3Dx", "x400", "/C=x", "x400;/C+3Dx" },
		{ "utf-8;\xc3\xa4@c", "utf-8", "\xc3\xa4@c", "utf-8;\\x{E4}@c" },
		{ "UTF-8;\\x{E4}@c", "UTF-8", "\xc3\xa4@c", "UTF-8;\\x{E4}@c" },
		{ "utf-8;a+2Bb@c", "utf-8", "a+b@c", "utf-8;a+2Bb@c" },
		{ "utf-8;\xc3\xa4+2Bb@c", NULL, NULL, NULL },
		{ "rfc822;\xc3\xa4@c", NULL, NULL, NULL },
		{ "rfc822", NULL, NULL, NULL },
		{ ";a@c", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_buf address = { .max = 100 }, ascii = { .max = 100 };
		const int want = cases[i].type == NULL ? VX_EINVAL : VX_OK;
		vx_slice type;

		ck_assert_msg(vx_orcpt_decode(
				  vx_slice_str(cases[i].value), &type, &address) == want,
		    "%s", cases[i].value);
		ck_assert_int_eq(
		    vx_orcpt_ascii(vx_slice_str(cases[i].value), &ascii), want);
		if (want == VX_OK) {
			vxt_assert_str(type, cases[i].type);
			vxt_assert_str(vx_buf_slice(&address), cases[i].address);
			vxt_assert_str(vx_buf_slice(&ascii), cases[i].ascii);
		}
		vx_buf_done(&address);
		vx_buf_done(&ascii);
	}
}
END_TEST

/* Each "ä" takes six octets in ASCII. */
START_TEST(orcpt_that_becomes_too_long)
{
	for (size_t over = 0; over < 2; over++) {
		struct vx_buf value = { .max = 600 }, ascii = { .max = 4096 };

		vx_buf_add_str(&value, "utf-8;");
		for (size_t i = 0; i < (VX_DSN_ORCPT_MAX - 6) / 6 + over; i++)
			vx_buf_add_str(&value, "\xc3\xa4");
		ck_assert_int_eq(vx_orcpt_ascii(vx_buf_slice(&value), &ascii),
		    over == 0 ? VX_OK : VX_ELIMIT);
		ck_assert_uint_le(ascii.len, VX_DSN_ORCPT_MAX);
		ck_assert((ascii.len == 0) == (over == 1));
		while (value.len <= VX_DSN_ORCPT_MAX)
			vx_buf_add_char(&value, 'x');
		ck_assert_int_eq(vx_orcpt_ascii(vx_buf_slice(&value), &ascii), VX_ELIMIT);
		vx_buf_done(&value);
		vx_buf_done(&ascii);
	}
}
END_TEST

START_TEST(safe_text)
{
	static const struct {
		vx_slice text;
		size_t max;
		const char *safe, *ascii;
	} cases[] = {
		{ VX_SLICE_INIT(""), 10, "", "" },
		{ VX_SLICE_INIT("  a \t\r\n b  "), 10, "a b", "a b" },
		{ VX_SLICE_INIT("a\0b\x1b[1mc\x7f"), 20, "a?b?[1mc?", "a?b?[1mc?" },
		{ VX_SLICE_INIT("\xc3\xa4\xe4\xc2\x9b"), 20, "\xc3\xa4??", "???" },
		/* right-to-left override, isolates, a mark, a line separator, a private
		   one */
		{ VX_SLICE_INIT(
		      "\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xe2\x80\xa8\xee\x80\x80"),
		    20, "?????", "?????" },
		{ VX_SLICE_INIT("\xf0\x9f\x93\xa7"), 20, "\xf0\x9f\x93\xa7", "?" },
		{ VX_SLICE_INIT("abcdef"), 3, "abc", "abc" },
		{ VX_SLICE_INIT("a\xc3\xa4\xc3\xa4"), 4, "a\xc3\xa4", "a??" },
		{ VX_SLICE_INIT("ab cd"), 3, "ab", "ab" },
		{ VX_SLICE_INIT("abc"), 0, "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_buf out = { .max = 100 };

		vx_buf_add_str(&out, "x ");
		vx_safe_text(cases[i].text, cases[i].max, false, &out);
		vxt_assert_str(vx_slice_from(vx_buf_slice(&out), 2), cases[i].safe);
		vx_buf_truncate(&out, 2);
		vx_safe_text(cases[i].text, cases[i].max, true, &out);
		vxt_assert_str(vx_slice_from(vx_buf_slice(&out), 2), cases[i].ascii);
		vx_buf_done(&out);
	}
}
END_TEST

VXT_SUITE(test_xtext, "xtext", xtext_of_every_octet, xtext_cases, what_does_not_fit,
    utf8_addresses, utf8_addresses_that_are_none, orcpt, orcpt_that_becomes_too_long,
    safe_text)
