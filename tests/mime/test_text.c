#include "lib/vxt.h"
#include "vectis/header.h"

static struct vx_buf out = { .max = 100000 };

START_TEST(words_of_rfc_2047_as_mail_has_them)
{
	static const char *const table[][2] = {
		/* the examples of section 8 */
		{ "(=?ISO-8859-1?Q?a?=)", "(a)" },
		{ "(=?ISO-8859-1?Q?a?= b)", "(a b)" },
		{ "(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)" },
		{ "(=?ISO-8859-1?Q?a?=    =?ISO-8859-1?Q?b?=)", "(ab)" },
		{ "(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)" },
		{ "(=?ISO-8859-1?Q?a_b?=)", "(a b)" },
		{ "(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)" },
		/* a character cut between words, and between encodings */
		{ "=?utf-8?Q?=E2=82?= =?UTF-8?B?rA==?=", "\xe2\x82\xac" },
		{ "=?utf-8?B?8J+Y?=\r\n =?utf-8?B?gA==?=", "\xf0\x9f\x98\x80" },
		/* cut, and what follows is in another charset, or no word */
		{ "=?utf-8?Q?=E2=82?= =?us-ascii?Q?a?=", "\xef\xbf\xbd"
							 "a" },
		{ "=?utf-8?Q?=E2=82?= a", "\xef\xbf\xbd a" },
		/* an empty word is a word */
		{ "=?utf-8?Q?\?= =?utf-8?Q?a?=", "a" },
		{ "=?utf-8?Q?a?= =?utf-8?B?\?=\t=?utf-8?Q?b?=", "ab" },
		/* wrong charsets: unknown, or not what is in it */
		{ "=?x-no-such?Q?a=C3=A4?=", "a\xc3\xa4" },
		{ "=?utf-8?Q?=E4?=", "\xef\xbf\xbd" },
		{ "=?us-ascii?Q?=E4?=", "\xc3\xa4" },
		{ "=?iso-8859-1?Q?=80?=", "\xe2\x82\xac" },
		{ "=?gb2312?B?zu8=?=", "\xe7\x89\xa9" },
		/* what is in a word against the rules */
		{ "=?utf-8?Q?a b?c?=", "a b?c" },
		{ "=?utf-8?Q?=4?=", "=4" },
		{ "=?utf-8?Q?=4x=?=", "=4x=" },
		{ "=?utf-8?B?Zm9v!Yg?=", "foob" },
		{ "=?utf-8?B?Zg==Zg==?=", "ff" },
		{ "a=?utf-8?q?b?=c", "abc" },
		{ "\"=?utf-8?q?b?=\"", "\"b\"" },
		/* what is no word */
		{ "=?utf-8?Q?a\r\n b?=", "=?utf-8?Q?a b?=" },
		{ "=?utf-8?Q?a?", "=?utf-8?Q?a?" },
		{ "=??Q?a?=", "=??Q?a?=" },
		{ "=?utf-8?QQ?a?=", "=?utf-8?QQ?a?=" },
		{ "=?=?=?utf-8?Q?a?=", "=?=?a" },
		{ "= ?utf-8?Q?a?=", "= ?utf-8?Q?a?=" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		vx_buf_reset(&out);
		vx_text_decode(vx_slice_str(table[i][0]), &out);
		vxt_assert_str(vx_buf_slice(&out), table[i][1]);
	}
	vx_buf_reset(&out);
	vx_text_decode(VX_S("=?utf-8?\0?a?= \0"), &out); /* NUL is no encoding */
	vxt_assert_slice(vx_buf_slice(&out), VX_S("=?utf-8?\0?a?= \0"));
	vx_buf_done(&out);
}
END_TEST

START_TEST(a_word_that_is_too_long_stays_as_it_is)
{
	struct vx_buf word = { .max = 10000 };

	for (int over = 0; over < 2; over++) {
		vx_buf_reset(&word);
		vx_buf_reset(&out);
		vx_buf_add_str(&word, "=?utf-8?Q?");
		while (word.len < VX_ENCODED_WORD_MAX - 2 + (size_t)over)
			vx_buf_add_char(&word, 'x');
		vx_buf_add_str(&word, "?=");
		vx_text_decode(vx_buf_slice(&word), &out);
		ck_assert_uint_eq(
		    out.len, over == 0 ? VX_ENCODED_WORD_MAX - 12 : word.len);
	}
	vx_buf_done(&word);
	vx_buf_done(&out);
}
END_TEST

START_TEST(charsets_by_iconv)
{
	static const struct {
		vx_slice charset, text;
		const char *utf8;
		bool known;
	} table[] = {
		{ VX_SLICE_INIT("US-ASCII"), VX_SLICE_INIT("a"), "a", true },
		{ VX_SLICE_INIT("iso-8859-15"), VX_SLICE_INIT("\xa4"), "\xe2\x82\xac",
		    true },
		{ VX_SLICE_INIT("koi8-r"), VX_SLICE_INIT("\xc1"), "\xd0\xb0", true },
		{ VX_SLICE_INIT("shift_jis"), VX_SLICE_INIT("\x93\xfa"), "\xe6\x97\xa5",
		    true },
		{ VX_SLICE_INIT("euc-kr"), VX_SLICE_INIT("\xb0\xa1"), "\xea\xb0\x80",
		    true },
		{ VX_SLICE_INIT("\"utf-8\""), VX_SLICE_INIT("\xc3\xa4"), "\xc3\xa4",
		    true },
		/* what these keep back, to see what follows, must come out at the end */
		{ VX_SLICE_INIT("windows-1255"), VX_SLICE_INIT("\xf9\xec\xe5\xed"),
		    "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", true },
		{ VX_SLICE_INIT("windows-1258"), VX_SLICE_INIT("a"), "a", true },
		{ VX_SLICE_INIT("big5"), VX_SLICE_INIT("\x88\x66"), "\xc3\x8a", true },
		/* byte order: a mark, or big-endian (RFC 2781 4.3) */
		{ VX_SLICE_INIT("utf-16"), VX_SLICE_INIT("\0a\0b"), "ab", true },
		{ VX_SLICE_INIT("utf-16"),
		    VX_SLICE_INIT("\xff\xfe"
				  "a\0b\0"),
		    "ab", true },
		{ VX_SLICE_INIT("utf-16le"), VX_SLICE_INIT("a\0"), "a", true },
		/* damage */
		{ VX_SLICE_INIT("shift_jis"), VX_SLICE_INIT("a\x93"), "a\xef\xbf\xbd",
		    true },
		{ VX_SLICE_INIT("utf-8"), VX_SLICE_INIT("\xed\xa0\x80"),
		    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", true },
		/* beyond Unicode: other names of UTF-8, as iconv takes them */
		{ VX_SLICE_INIT("utf+-8"),
		    VX_SLICE_INIT("a\xf9\xbe\xa0\x98\x8d"
				  "b"),
		    "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		    "b",
		    true },
		/* no charsets: names that iconv must not see, unknown, none, too long */
		{ VX_SLICE_INIT("utf-8//TRANSLIT"), VX_SLICE_INIT("a\xff"),
		    "a\xef\xbf\xbd", false },
		{ VX_SLICE_INIT("../../x"), VX_SLICE_INIT("a"), "a", false },
		{ VX_SLICE_INIT("latin1\0x"), VX_SLICE_INIT("a"), "a", false },
		{ VX_SLICE_INIT("no-such"), VX_SLICE_INIT("a"), "a", false },
		{ VX_SLICE_INIT(""), VX_SLICE_INIT("a"), "a", false },
		{ VX_SLICE_INIT("01234567890123456789012345678901234567890"),
		    VX_SLICE_INIT("a"), "a", false },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool known;

		vx_buf_reset(&out);
		known = vx_charset_decode(table[i].charset, table[i].text, &out);
		vxt_assert_str(vx_buf_slice(&out), table[i].utf8);
		ck_assert_msg(known == table[i].known, "%s", table[i].charset.ptr);
	}
	vx_buf_done(&out);
}
END_TEST

START_TEST(quoted_printable_of_rfc_2045)
{
	static const char *const table[][2] = {
		{ "a=3Db=3db", "a=b=b" },
		{ "soft=\r\nbreak=\nbreak", "softbreakbreak" },
		{ "blanks behind=  \t\r\nit", "blanks behindit" },
		{ "the end=", "the end" },
		{ "the end= \t", "the end" },
		/* blanks at the end of a line are not of the text, encoded ones are */
		{ "a \t\r\nb=20\r\n c \n", "a\r\nb \r\n c\n" },
		{ "a=20 \r\n", "a \r\n" },
		{ "only  at the end of a line ", "only  at the end of a line " },
		/* what is wrong stays */
		{ "=ZZ =4 =4Z ==41", "=ZZ =4 =4Z =A" },
		{ "_", "_" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		vx_buf_reset(&out);
		vx_transfer_decode(
		    VX_S("quoted-printable"), vx_slice_str(table[i][0]), &out);
		vxt_assert_str(vx_buf_slice(&out), table[i][1]);
	}
	vx_buf_done(&out);
}
END_TEST

START_TEST(other_encodings)
{
	static const char *const table[][3] = {
		{ "BASE64", "Zm9v\r\nYmFy", "foobar" },
		{ "base64", "Z m 9 v", "foo" },
		{ "base64", "Zg==\r\nZm8=\r\n", "ffo" },
		{ "base64", "Zg", "f" },
		{ "base64", "Z", "" },
		{ "base64", "", "" },
		{ "7bit", "a=3D", "a=3D" },
		{ "x-uuencode", "a=3D", "a=3D" },
		{ "", "a=3D", "a=3D" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		vx_buf_reset(&out);
		vx_transfer_decode(
		    vx_slice_str(table[i][0]), vx_slice_str(table[i][1]), &out);
		vxt_assert_str(vx_buf_slice(&out), table[i][2]);
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

START_TEST(parameters_as_mail_has_them)
{
	/* comments and blanks anywhere between words */
	check_params("(a) text (b) / (c(d)) plain (e); (f) x (g) = (h) y(i) ; z=\"\"",
	    "text/plain|x=y|z=");
	check_params(
	    "attachment; filename=report(1).pdf", "attachment|filename=report(1).pdf");
	check_params("a/b; c=d(e f); g=(h", "a/b|c=d|g=");
	/* a missing ';', and garbage */
	check_params("text/html charset=utf-8", "text/html|charset=utf-8");
	check_params("a/b; c; =d; e==f; ;; \"g\"; h=i", "a/b|e==f|h=i");
	check_params("", "");
	check_params(";", "");
	check_params("a/b; c=\"d", "a/b|c=d");
	check_params("a/b; c=\"d\r\n e\"", "a/b|c=d e");
	/* RFC 2231: out of order, a hole, a beginning that is missing */
	check_params("a; n*2=c; n*0=a; n*1=b", "a|n=abc");
	check_params("a; n*0=a; n*2=c", "a|n=a");
	check_params("a; n*1=b; n*2=c", "a");
	check_params("a; n*0=a; n*0=x; n*1=b", "a|n=ab");
	/* extended and plain pieces mixed; an octet cut in two; bad percents */
	check_params("a; n*0*=utf-8''%c3; n*1*=%a4; n*2=%41", "a|n=\xc3\xa4%41");
	check_params("a; n*=utf-8''%4%%zz%41", "a|n=%4%%zzA");
	/* no charset, no language, no quotes, an unknown charset, wrong octets */
	check_params("a; n*=''%c3%a4", "a|n=\xc3\xa4");
	check_params("a; n*=abc%20d", "a|n=abc d");
	check_params("a; n*=iso-8859-1'en'%e4", "a|n=\xc3\xa4");
	check_params("a; n*=x-no-such''%c3%a4", "a|n=\xc3\xa4");
	check_params("a; n*=utf-8''%e4", "a|n=\xef\xbf\xbd");
	check_params("a; n*0=it's; n*1*='x", "a|n=it's'x");
	/* one of each name: the extended form, else the numbered, else the first */
	check_params("a; n=old; n*=utf-8''new; m=1; m=2", "a|n=new|m=1");
	check_params("a; n*0*=utf-8''new; n=old", "a|n=new");
	check_params("a; N=1; n=2", "a|n=1");
	/* names */
	check_params("a; n*x=1; n*999=2; *=3; *0=4", "a");
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_text, "text", words_of_rfc_2047_as_mail_has_them,
    a_word_that_is_too_long_stays_as_it_is, charsets_by_iconv,
    quoted_printable_of_rfc_2045, other_encodings, parameters_as_mail_has_them)
