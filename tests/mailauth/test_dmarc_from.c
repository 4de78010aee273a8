#include "lib/vxt.h"
#include "vectis/dmarc.h"

#include <stdlib.h>

static void authors(vx_slice header, struct vx_dmarc_authors *out)
{
	char *const block = malloc(header.len + 1);

	memcpy(block + 1, header.ptr, header.len);
	vx_dmarc_authors(vx_slice_of(block + 1, header.len), out);
	free(block);
}

/* RFC 9989 5.3.1: domains, with a blank behind each */
START_TEST(domains_of_the_author)
{
	static const struct {
		const char *header;
		enum vx_dmarc_from from;
		const char *domains;
	} cases[] = {
		{ "From: a@example.com\r\n\r\n", VX_DMARC_FROM_ONE, "example.com " },
		{ "FROM : \"x@bank.example\" <A@Example.COM>\r\nTo: "
		  "b@example.org\r\n\r\n",
		    VX_DMARC_FROM_ONE, "example.com " },
		{ "from:\r\n\tA B\r\n <a@(c)example.com>\r\n\r\nFrom: c@example.net\r\n",
		    VX_DMARC_FROM_ONE, "example.com " },
		{ "From: a@m\xc3\xbcller.example\n\n", VX_DMARC_FROM_ONE,
		    "xn--mller-kva.example " },
		{ "From: a@example.com, B <b@example.COM>\r\n", VX_DMARC_FROM_ONE,
		    "example.com " },
		{ "From: g: a@example.com, b@example.com;\r\n", VX_DMARC_FROM_ONE,
		    "example.com " },
		/* none */
		{ "", VX_DMARC_FROM_NONE, "" },
		{ "\r\nFrom: a@example.com\r\n", VX_DMARC_FROM_NONE, "" },
		{ "To: a@example.com\r\nX-From: b@example.com\r\n\r\n",
		    VX_DMARC_FROM_NONE, "" },
		{ "From:\r\n\r\n", VX_DMARC_FROM_NONE, "" },
		{ "From: undisclosed:;\r\n\r\n", VX_DMARC_FROM_NONE, "" },
		{ "From: (a@example.com)\r\n\r\n", VX_DMARC_FROM_NONE, "" },
		/* no domain */
		{ "From: postmaster\r\n\r\n", VX_DMARC_FROM_BAD, "" },
		{ "From: a@[192.0.2.1]\r\n\r\n", VX_DMARC_FROM_BAD, "" },
		{ "From: a@example.com, b@[192.0.2.1]\r\n\r\n", VX_DMARC_FROM_BAD,
		    "example.com " },
		{ "From: a@-x-.example\r\n\r\n", VX_DMARC_FROM_BAD, "" },
		/* several */
		{ "From: a@example.com, b@example.org, c@example.com\r\n\r\n",
		    VX_DMARC_FROM_SEVERAL, "example.com example.org " },
		{ "From: g: a@example.com, b@sub.example.com;, c@example.net\r\n",
		    VX_DMARC_FROM_SEVERAL, "example.com sub.example.com example.net " },
		{ "From: a@example.com\r\nfrom: b@example.org\r\n\r\n",
		    VX_DMARC_FROM_FIELDS, "example.com example.org " },
		{ "From: a@example.com\r\nFrom: b@example.com\r\n\r\n",
		    VX_DMARC_FROM_FIELDS, "example.com " },
		{ "From: a@example.com\r\nFrom:\r\n\r\n", VX_DMARC_FROM_FIELDS,
		    "example.com " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vx_dmarc_authors out;
		char text[300] = "";

		authors(vx_slice_str(cases[i].header), &out);
		ck_assert_msg(
		    out.from == cases[i].from, "%s: %d", cases[i].header, (int)out.from);
		ck_assert(!out.more);
		for (size_t k = 0; k < out.count; k++) {
			strcat(text, out.domains[k]);
			strcat(text, " ");
		}
		ck_assert_str_eq(text, cases[i].domains);
	}
}
END_TEST

START_TEST(limits)
{
	struct vx_buf text = { .max = 1 << 20 };
	struct vx_dmarc_authors out;

	for (unsigned over = 0; over < 2; over++) {
		vx_buf_reset(&text);
		vx_buf_add_str(&text, "From: ");
		for (unsigned i = 0; i < VX_DMARC_AUTHORS_MAX + over; i++)
			vx_buf_printf(&text, "a@%u.example, ", i);
		authors(vx_buf_slice(&text), &out);
		ck_assert_int_eq(out.from, VX_DMARC_FROM_SEVERAL);
		ck_assert_uint_eq(out.count, VX_DMARC_AUTHORS_MAX);
		ck_assert_str_eq(out.domains[VX_DMARC_AUTHORS_MAX - 1], "7.example");
		ck_assert(out.more == (over == 1));
	}
	/* more addresses than a list can have: nobody knows the others */
	vx_buf_reset(&text);
	vx_buf_add_str(&text, "From: ");
	for (unsigned i = 0; i < 2001; i++)
		vx_buf_add_str(&text, "a@example.com,");
	authors(vx_buf_slice(&text), &out);
	ck_assert_int_eq(out.from, VX_DMARC_FROM_SEVERAL);
	ck_assert_uint_eq(out.count, 1);
	ck_assert(out.more);
	/* fields */
	vx_buf_reset(&text);
	for (unsigned i = 0; i < 100; i++)
		vx_buf_printf(&text, "From: a@example.com\n");
	vx_buf_add_str(&text, "From: a@example.org\n");
	authors(vx_buf_slice(&text), &out);
	ck_assert_int_eq(out.from, VX_DMARC_FROM_FIELDS);
	ck_assert_uint_eq(out.count, 1);
	ck_assert(out.more);
	vx_buf_done(&text);
}
END_TEST

VXT_SUITE(test_dmarc_from, "dmarc from", domains_of_the_author, limits)
