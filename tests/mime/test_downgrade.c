/* RFC 6858: what a client that takes ASCII only sees of a header. */
#include "lib/vxt.h"
#include "vectis/header.h"

#include <stdio.h>

static struct vx_buf out = { .max = 1 << 20 };

static void check(const char *header, const char *want)
{
	vx_buf_reset(&out);
	vx_header_downgrade(vx_slice_str(header), &out);
	vxt_assert_str(vx_buf_slice(&out), want);
	vx_buf_done(&out);
}

#define NOBODY "<invalid@internationalized-address.invalid>"

START_TEST(addresses)
{
	static const char *const table[][2] = {
		{ "To: Fred <fred@example.com>\r\n", "To: Fred <fred@example.com>\r\n" },
		/* a name in UTF-8 before an address in ASCII keeps the address */
		{ "From: J\xc3\xb8rn <j@example.com>\r\n",
		    "From: =?UTF-8?B?SsO4cm4=?=\r\n <j@example.com>\r\n" },
		/* so does a domain that has an ASCII form */
		{ "Cc: x@b\xc3\xbc"
		  "cher.example\r\n",
		    "Cc: <x@xn--bcher-kva.example>\r\n" },
		{ "Cc: \"a b\"@b\xc3\xbc"
		  "cher.example\r\n",
		    "Cc: <\"a b\"@xn--bcher-kva.example>\r\n" },
		{ "Sender: j\xc3\xb8rn@example.com\r\n",
		    "Sender: =?UTF-8?B?asO4cm5AZXhhbXBsZS5jb20=?=\r\n " NOBODY "\r\n" },
		{ "To: \"J. D.\" <j\xc3\xb8@x.example>, a@b.example,\r\n c@d.example\r\n",
		    "To: \"J. D.\"\r\n " NOBODY
		    ",\r\n <a@b.example>,\r\n <c@d.example>\r\n" },
		{ "To: gr\xc3\xb6n: a@b.example, c@d.example;, e@f.example\r\n",
		    "To: =?UTF-8?B?Z3LDtm4=?=:\r\n <a@b.example>,\r\n <c@d.example>;"
		    ",\r\n <e@f.example>\r\n" },
		{ "To: =?utf-8?q?=C3=B8?= x.y <j\xc3\xb8@x.example>\r\n",
		    "To: =?UTF-8?B?w7ggeC55?=\r\n " NOBODY "\r\n" },
		{ "To: \xc3\xb8\r\n", "To: =?UTF-8?B?w7hA?=\r\n " NOBODY "\r\n" },
		{ "RETURN-PATH: <\xc3\xb8@x.example>\r\n",
		    "RETURN-PATH: =?UTF-8?B?w7hAeC5leGFtcGxl?=\r\n " NOBODY "\r\n" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check(table[i][0], table[i][1]);
}
END_TEST

START_TEST(parameters_are_left_out)
{
	check(
	    "Content-Disposition: attachment; filename=\"r\xc3\xa9sum\xc3\xa9.pdf\"\r\n",
	    "Content-Disposition: attachment\r\n");
	check("Content-Type: text/plain; name=\"a;\xc3\xa9\"; charset=utf-8 (c; "
	      "\xc3\xa9);\r\n"
	      " format=flowed\r\n",
	    "Content-Type: text/plain;\r\n format=flowed\r\n");
	check("Content-Type: text/pl\xc3\xa4in; charset=utf-8\r\nX: y\r\n", "X: y\r\n");
}
END_TEST

START_TEST(subjects_and_other_fields)
{
	check("Subject: =?utf-8?q?a?= \xe2\x82\xac\r\n b\r\nX-Y: \xe2\x82\xac\r\n"
	      "Message-ID: <\xc3\xb8@x.example>\r\nDate: now\r\n\xff no field\r\n\r\n",
	    "Subject: =?UTF-8?B?YSDigqwgYg==?=\r\nDate: now\r\n\r\n");
	/* octets that are not UTF-8 are no ASCII either */
	check("Subject: caf\xe9\r\n\r\n", "Subject: =?UTF-8?B?Y2Fm77+9?=\r\n\r\n");
	check("", "");
	check("\r\n", "\r\n");
	check("Subject: \xc3\xb8", "Subject: =?UTF-8?B?w7g=?=\r\n");
	check("Subject: \xc3\xb8\n\n", "Subject: =?UTF-8?B?w7g=?=\r\n\n");
}
END_TEST

/* Long texts: lines of at most 76 octets, no character is cut, and nothing is lost. */
START_TEST(encoded_words_are_cut_between_characters)
{
	struct vx_buf text = { .max = 10000 }, again = { .max = 10000 };
	vx_slice rest, line;

	for (size_t n = 0; n < 200; n++) {
		vx_buf_reset(&text);
		for (size_t i = 0; i < n; i++)
			vx_buf_add_str(&text, i % 3 == 0 ? "\xf0\x9f\x93\xa7" : "x");
		vx_buf_reset(&out);
		vx_buf_add_str(&out, "Resent-Sender: ");
		vx_text_encode(vx_buf_slice(&text), &out);
		rest = vx_buf_slice(&out);
		for (bool more = true; more;) {
			struct vx_buf one = { .max = 1000 };

			more = vx_slice_cut(&rest, '\n', &line);
			ck_assert_uint_le(vx_slice_trim(line, "\r\n").len, 76);
			vx_text_decode(vx_slice_trim(line, "\r\n"), &one);
			ck_assert_uint_eq(
			    vx_slice_find_slice(vx_buf_slice(&one), VX_S("\xef\xbf\xbd")),
			    one.len);
			vx_buf_done(&one);
		}
		vx_buf_reset(&again);
		vx_text_decode(vx_slice_from(vx_buf_slice(&out), 15), &again);
		vxt_assert_slice(vx_buf_slice(&again), vx_buf_slice(&text));
	}
	vx_buf_done(&text);
	vx_buf_done(&again);
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_downgrade, "downgrade", addresses, parameters_are_left_out,
    subjects_and_other_fields, encoded_words_are_cut_between_characters)
