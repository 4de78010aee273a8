#include "lib/vxt.h"
#include "vectis/header.h"

static struct vx_buf out = { .max = 100000 };

START_TEST(encoded_words_of_rfc_2047)
{
	static const char *const table[][2] = {
		{ "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>",
		    "Keith Moore <moore@cs.utk.edu>" },
		{ "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld J\xc3\xb8rn Simonsen" },
		{ "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
		  " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
		    "If you can read this you understand the example." },
		{ "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab" },
		{ "=?ISO-8859-1?Q?a?= b", "a b" },
		{ "=?ISO-8859-1?Q?a?=  \r\n  =?ISO-8859-1?Q?b?=", "ab" },
		{ "=?utf-8?B?4oI=?= =?utf-8?B?rA==?=",
		    "\xe2\x82\xac" }, /* one character, cut */
		{ "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac" },
		{ "=?utf-8*en?Q?x=C3=A4?=", "x\xc3\xa4" },
		{ "=?bogus?Q?x", "=?bogus?Q?x" },
		{ "=?utf-8?X?x?=", "=?utf-8?X?x?=" },
		{ "raw \xff octet", "raw \xef\xbf\xbd octet" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		vx_buf_reset(&out);
		vx_text_decode(vx_slice_str(table[i][0]), &out);
		vxt_assert_str(vx_buf_slice(&out), table[i][1]);
	}
	vx_buf_done(&out);
}
END_TEST

static void check_params(const char *field, const char *want)
{
	struct vx_arena arena = { .limit = 1 << 20 };
	struct vx_param *p;
	vx_slice main;

	vx_buf_reset(&out);
	vxt_assert_ok(vx_params_parse(vx_slice_str(field), &arena, &main, &p));
	vx_buf_add(&out, main);
	for (; p != NULL; p = p->next) {
		vx_buf_add_char(&out, '|');
		vx_buf_add(&out, p->name);
		vx_buf_add_char(&out, '=');
		vx_buf_add(&out, p->value);
	}
	vxt_assert_str(vx_buf_slice(&out), want);
	vx_arena_done(&arena);
}

START_TEST(parameters_of_rfc_2045_and_2231)
{
	check_params(
	    "text/plain; charset=us-ascii (Plain text)", "text/plain|charset=us-ascii");
	check_params("text/plain; Charset=\"a\\\"b; c\"", "text/plain|charset=a\"b; c");
	check_params("message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n"
		     " URL*1=\"cs.utk.edu/x.tar\"",
	    "message/external-body|access-type=URL|url=ftp://cs.utk.edu/x.tar");
	check_params("application/x-stuff; "
		     "title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
	    "application/x-stuff|title=This is ***fun***");
	check_params(
	    "application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20;"
	    " title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
	    "application/x-stuff|title=This is even more ***fun*** isn't it!");
	check_params("attachment; filename*1=b; filename*0=a", "attachment|filename=ab");
	check_params("a/b; name*=iso-8859-1''%E4", "a/b|name=\xc3\xa4");
	check_params("text/html;;; =x; charset", "text/html");
	vx_buf_done(&out);
}
END_TEST

START_TEST(fields_are_taken_apart)
{
	vx_slice block = VX_S("A: 1\r\nB : two\r\n  more\r\nbad line\r\nC:\r\n\r\nbody");
	struct vx_field f;

	ck_assert(vx_field_next(&block, &f));
	vxt_assert_str(f.name, "A");
	vxt_assert_str(f.value, " 1");
	ck_assert(vx_field_next(&block, &f));
	vxt_assert_str(f.name, "B");
	vx_field_unfold(f.value, &out);
	vxt_assert_str(vx_buf_slice(&out), "two  more");
	ck_assert(vx_field_next(&block, &f) && f.bad);
	ck_assert(vx_field_next(&block, &f));
	vxt_assert_str(f.whole, "C:\r\n");
	ck_assert(!vx_field_next(&block, &f));
	vxt_assert_str(block, "body");
	vx_buf_done(&out);
}
END_TEST

START_TEST(transfer_encodings_and_html)
{
	vx_transfer_decode(VX_S("Quoted-Printable"), VX_S("a=3Db=\r\nc=ZZ_="), &out);
	vxt_assert_str(vx_buf_slice(&out), "a=bc=ZZ_");
	vx_buf_reset(&out);
	vx_transfer_decode(VX_S("base64"), VX_S("Zm9v\r\nYg==\r\n"), &out);
	vxt_assert_str(vx_buf_slice(&out), "foob");
	vx_buf_reset(&out);
	vx_html_text(
	    VX_S("<html><head><title>no</title></head><p>J&uuml;rgen &#x41;&amp;B"
		 "<script>x()</script><br>end &unknown; <!-- c --> <"),
	    &out);
	vxt_assert_str(vx_buf_slice(&out), "J\xc3\xbcrgen A&B end &unknown;");
	vx_buf_reset(&out);
	vx_text_fold(VX_S("STRASSE Stra\xc3\x9f"), &out);
	ck_assert(vx_slice_eq(vx_buf_slice(&out), VX_S("STRASSE STRA\xc3\x9f")));
	vx_buf_reset(&out);
	ck_assert(vx_charset_decode(VX_S("cp-850"), VX_S("\x84"), &out));
	vxt_assert_str(vx_buf_slice(&out), "\xc3\xa4");
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_header, "header", encoded_words_of_rfc_2047,
    parameters_of_rfc_2045_and_2231, fields_are_taken_apart, transfer_encodings_and_html)
