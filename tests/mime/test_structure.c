#include "lib/vxt.h"
#include "show.h"
#include "vectis/header.h"

/* A message, the types of its parts as "a/b(c/d,e/f)" with "[...]" for messages, and its
 * defects. */
struct row {
	const char *message;
	const char *types;
	unsigned defects;
};

#define MIXED(boundary) "Content-Type: multipart/mixed; boundary=" boundary "\r\n\r\n"
#define RFC822 "Content-Type: message/rfc822\r\n\r\n"

static const struct row rows[] = {
	/* what has no header, no body, no blank line */
	{ "", "text/plain", VX_DEFECT_NO_BLANK_LINE },
	{ "\r\n", "text/plain", 0 },
	{ "\r\nbody\r\n", "text/plain", 0 },
	{ "Subject: x", "text/plain", VX_DEFECT_NO_BLANK_LINE },
	{ "Subject: x\r\n", "text/plain", VX_DEFECT_NO_BLANK_LINE },
	{ "Subject: x\r\n\r\n", "text/plain", 0 },
	{ "Subject: x\n\nbare LF\n", "text/plain", 0 },
	{ "no field\r\n\r\n", "text/plain", VX_DEFECT_HEADER_LINE },
	{ " folded: nothing\r\n\r\n", "text/plain", VX_DEFECT_HEADER_LINE },
	{ "From a@b Mon Jan 1 00:00:00 2020\r\nA: b\r\n\r\n", "text/plain",
	    VX_DEFECT_HEADER_LINE },
	/* Content-Type (RFC 2045 5.2) */
	{ "Content-Type: IMAGE/Png\r\n\r\n", "image/png", 0 },
	{ "Content-Type: text\r\n\r\n", "text/plain", VX_DEFECT_CONTENT_TYPE },
	{ "Content-Type: /html\r\n\r\n", "text/plain", VX_DEFECT_CONTENT_TYPE },
	{ "Content-Type: \r\n\r\n", "text/plain", VX_DEFECT_CONTENT_TYPE },
	{ "Content-Type: te(x)t/html\r\n\r\n", "text/plain", VX_DEFECT_CONTENT_TYPE },
	{ "Content-Type: (a) text (b) /\r\n (c) html (d); charset=x\r\n\r\n", "text/html",
	    0 },
	{ "Content-Type: text/html charset=utf-8\r\n\r\n", "text/html", 0 },
	{ "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", "a/b", 0 },
	/* multiparts */
	{ "Content-Type: multipart/mixed\r\n\r\n--x\r\n", "text/plain",
	    VX_DEFECT_BOUNDARY },
	{ MIXED("\"\"") "--\r\n", "text/plain", VX_DEFECT_BOUNDARY },
	{ MIXED("x") "text\r\n", "text/plain",
	    VX_DEFECT_UNTERMINATED | VX_DEFECT_NO_PARTS },
	{ MIXED("x") "--x--\r\n", "text/plain", VX_DEFECT_NO_PARTS },
	{ MIXED("x") "--x\r\n\r\na\r\n--x--", "multipart/mixed(text/plain)", 0 },
	{ MIXED("x") "--x\r\n\r\na\r\n", "multipart/mixed(text/plain)",
	    VX_DEFECT_UNTERMINATED },
	{ MIXED("x") "--x", "multipart/mixed(text/plain)",
	    VX_DEFECT_UNTERMINATED | VX_DEFECT_NO_BLANK_LINE },
	{ MIXED("x") "--x\r\n--x\r\nA: b\r\n--x--\r\n",
	    "multipart/mixed(text/plain,text/plain)", VX_DEFECT_NO_BLANK_LINE },
	{ MIXED("x") "--x\r\n\r\n--x--\r\n--x\r\n\r\nepilogue\r\n",
	    "multipart/mixed(text/plain)", 0 },
	{ MIXED("\"a b\"") "--a b \t\r\n\r\n--a b--  \r\n", "multipart/mixed(text/plain)",
	    0 },
	/* RFC 2046 5.1.1: a delimiter may be followed by anything */
	{ MIXED("x") "--x junk\r\n\r\n--x-- junk\r\n--x\r\n",
	    "multipart/mixed(text/plain)", 0 },
	{ MIXED("x") " --x\r\n\r\n--x--\r\n", "text/plain", VX_DEFECT_NO_PARTS },
	/* the delimiter of the outer ends what is in it */
	{ MIXED("o") "--o\r\n" MIXED("i") "--i\r\n\r\nx\r\n--o\r\n\r\ny\r\n--o--\r\n",
	    "multipart/mixed(multipart/mixed(text/plain),text/plain)",
	    VX_DEFECT_UNTERMINATED },
	/* boundaries that begin with one another, in both orders */
	{ MIXED("xy") "--xy\r\n" MIXED("x") "--x\r\n\r\n1\r\n--xy\r\n\r\n2\r\n--xy--\r\n",
	    "multipart/mixed(multipart/mixed(text/plain),text/plain)",
	    VX_DEFECT_UNTERMINATED },
	{ MIXED("x") "--x\r\n" MIXED(
	      "xy") "--xy\r\n\r\n1\r\n--xy--\r\n--x\r\n\r\n2\r\n--x--",
	    "multipart/mixed(multipart/mixed(text/plain),text/plain)", 0 },
	{ MIXED("\"x--\"") "--x--\r\n" MIXED(
	      "x") "--x\r\n\r\n1\r\n--x--\r\n\r\n2\r\n--x----",
	    "multipart/mixed(multipart/mixed(text/plain),text/plain)",
	    VX_DEFECT_UNTERMINATED },
	{ MIXED("\"x--y\"") "--x--y\r\n" MIXED("x") "--x\r\n\r\n1\r\n--x--y\r\n\r\n2\r\n"
						    "--x--y--\r\n",
	    "multipart/mixed(multipart/mixed(text/plain),text/plain)",
	    VX_DEFECT_UNTERMINATED },
	/* one boundary twice: the inner one ends first */
	{ MIXED("x") "--x\r\n" MIXED(
	      "x") "--x\r\n\r\n1\r\n--x--\r\n--x\r\n\r\n2\r\n--x--\r\n",
	    "multipart/mixed(multipart/mixed(text/plain),text/plain)", 0 },
	/* messages */
	{ RFC822, "message/rfc822[text/plain]", VX_DEFECT_NO_BLANK_LINE },
	{ RFC822 "Subject: x\r\n\r\ny", "message/rfc822[text/plain]", 0 },
	{ RFC822 RFC822 "a: b\r\n\r\n", "message/rfc822[message/rfc822[text/plain]]", 0 },
	{ RFC822 "Content-Type: message/rfc822",
	    "message/rfc822[message/rfc822[text/plain]]", VX_DEFECT_NO_BLANK_LINE },
	{ "Content-Type: message/global\r\n\r\n" MIXED("x") "--x\r\n\r\n--x--\r\n",
	    "message/global[multipart/mixed(text/plain)]", 0 },
	{ "Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\n",
	    "message/delivery-status", 0 },
	{ "Content-Type: message/partial; id=1; number=1\r\n\r\nA: b\r\n\r\n",
	    "message/partial", 0 },
	{ "Content-Transfer-Encoding: base64\r\n" RFC822 "QQ==\r\n",
	    "message/rfc822[text/plain]",
	    VX_DEFECT_ENCODING | VX_DEFECT_HEADER_LINE | VX_DEFECT_NO_BLANK_LINE },
	{ "Content-Transfer-Encoding: base64\r\n" MIXED("x") "--x\r\n\r\n--x--\r\n",
	    "multipart/mixed(text/plain)", VX_DEFECT_ENCODING },
	/* a message that its part's delimiter ends in its header, or before it */
	{ MIXED("x") "--x\r\n" RFC822 "--x\r\n" RFC822 "Subject: y\r\n--x--\r\n",
	    "multipart/mixed(message/rfc822[text/plain],message/rfc822[text/plain])",
	    VX_DEFECT_NO_BLANK_LINE },
	{ MIXED("x") "--x\r\nContent-Type: message/rfc822\r\n--x--\r\n",
	    "multipart/mixed(message/rfc822[text/plain])", VX_DEFECT_NO_BLANK_LINE },
	/* digests (RFC 2046 5.1.5) */
	{ "Content-Type: multipart/digest; boundary=d\r\n\r\n"
	  "--d\r\n\r\nSubject: 1\r\n\r\n1\r\n"
	  "--d\r\nContent-Type: text/html\r\n\r\n2\r\n"
	  "--d\r\nContent-Type: multipart/mixed\r\n\r\n3\r\n--d--\r\n",
	    "multipart/digest(message/rfc822[text/plain],text/html,text/plain)",
	    VX_DEFECT_BOUNDARY },
	/* NUL and octets above 127 are octets like others */
	{ "Subject: \xff\xfe\r\nContent-Type: a/b\r\n\r\n\x80", "a/b", 0 },
};

static void add_types(const struct vx_descriptor *d, uint32_t index, struct vx_buf *out)
{
	struct vx_part p;

	vxt_assert_ok(vx_descriptor_part(d, index, &p));
	vx_buf_add(out, p.type);
	vx_buf_add_char(out, '/');
	vx_buf_add(out, p.subtype);
	if (p.first_child != 0) {
		const bool message = (p.flags & VX_PART_MESSAGE) != 0;

		vx_buf_add_char(out, message ? '[' : '(');
		add_types(d, p.first_child, out);
		vx_buf_add_char(out, message ? ']' : ')');
	}
	if (p.next_sibling != 0) {
		vx_buf_add_char(out, ',');
		add_types(d, p.next_sibling, out);
	}
}

START_TEST(types_and_defects)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const vx_slice whole = vx_slice_str(rows[i].message);
		struct vx_buf octets = describe(&whole, 1), shown = { .max = 1000 };
		struct vx_descriptor d;

		vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &d));
		add_types(&d, 0, &shown);
		ck_assert_msg(
		    vx_slice_eq(vx_buf_slice(&shown), vx_slice_str(rows[i].types)),
		    "%s is %s", rows[i].message, shown.ptr);
		ck_assert_msg(
		    d.defects == rows[i].defects, "%s: %x", rows[i].message, d.defects);
		vx_buf_done(&octets);
		vx_buf_done(&shown);
	}
}
END_TEST

static void same_description(void *ctx, const vx_slice *pieces, size_t count)
{
	const struct vx_buf *want = ctx;
	struct vx_buf d = describe(pieces, count);

	ck_assert(vx_slice_eq(vx_buf_slice(&d), vx_buf_slice(want)));
	vx_buf_done(&d);
}

START_TEST(every_split_of_every_structure)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const vx_slice whole = vx_slice_str(rows[i].message);
		struct vx_buf want = describe(&whole, 1);

		vxt_every_split(whole, same_description, &want);
		vx_buf_done(&want);
	}
}
END_TEST

START_TEST(octets_of_parts_without_line_ends)
{
	static const char *const table[][2] = {
		/* the line end before a delimiter is its own; an inner closing one counts
		 */
		{ MIXED("o") /* 45 octets */ "--o\r\n" MIXED(
		      "i") "--i\r\n\r\nx\r\n--i--\r\n--o--",
		    "multipart/mixed 0 45 117 7\n multipart/mixed 50 95 110 3\n"
		    "  text/plain 100 102 103 0\n" },
		{ MIXED("o") "--o\r\n" MIXED("i") "--i\r\n--i--\r\n--o--",
		    "multipart/mixed 0 45 112 5\n multipart/mixed 50 95 105 1\n"
		    "  text/plain 100 100 100 0\n" },
		{ MIXED("o") "--o\r\n\r\n--o\n\na\n--o--", /* empty; bare LF */
		    "multipart/mixed 0 45 64 5\n text/plain 50 52 52 0\n"
		    " text/plain 56 57 58 0\n" },
		{ "A: b\r\n", "text/plain 0 6 6 0\n" },
		{ "A: b\r\n\r\n\r\n", "text/plain 0 8 10 1\n" },
		{ "A: b\r\n\r\r\nc",
		    "text/plain 0 10 10 0\n" }, /* a lone CR is no line */
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const vx_slice whole = vx_slice_str(table[i][0]);
		struct vx_buf octets = describe(&whole, 1), shown = { .max = 1000 };

		show_parts(vx_buf_slice(&octets), &shown);
		vxt_assert_str(vx_buf_slice(&shown), table[i][1]);
		vx_buf_done(&octets);
		vx_buf_done(&shown);
	}
}
END_TEST

START_TEST(fields_of_a_part)
{
	const vx_slice whole =
	    VX_S("Content-Type: text/plain (c); name=\"a\\\"b\"; name*=utf-8''%e2%82%ac; "
		 "x=1\r\n"
		 "Content-Transfer-Encoding: (c) Quoted-Printable (d)\r\n"
		 "Content-ID:  <i@x>\r\n  y \r\n"
		 "Content-Description: =?utf-8?q?d?=\r\n"
		 "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
		 "Content-Location: http://x.test/\r\n"
		 "Content-Disposition: ATTACHMENT; filename*1=b; filename*0=a;\r\n"
		 " creation-date=\"Wed, 12 Feb 1997 16:29:51 -0500\"\r\n"
		 "Content-Language: de (German), en-GB,,i\r\n\r\n");
	struct vx_buf octets = describe(&whole, 1), shown = { .max = 1000 };
	struct vx_descriptor d;
	struct vx_part p;

	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &d));
	vxt_assert_ok(vx_descriptor_part(&d, 0, &p));
	vxt_assert_str(p.encoding, "quoted-printable");
	vxt_assert_str(p.id, "<i@x>  y");
	vxt_assert_str(p.description, "=?utf-8?q?d?=");
	vxt_assert_str(p.md5, "Q2hlY2sgSW50ZWdyaXR5IQ==");
	vxt_assert_str(p.location, "http://x.test/");
	vxt_assert_str(p.disposition, "attachment");
	for (vx_slice lists[] = { p.params, p.disposition_params, p.languages },
		      *l = lists, s;
	     l < lists + 3; l++) {
		while (vx_packed_next(l, &s)) {
			vx_buf_add(&shown, s);
			vx_buf_add_char(&shown, '|');
		}
		vx_buf_add_char(&shown, '\n');
	}
	vxt_assert_str(vx_buf_slice(&shown),
	    "name|\xe2\x82\xac|x|1|\n"
	    "filename|ab|creation-date|Wed, 12 Feb 1997 16:29:51 -0500|\n"
	    "de|en-GB|i|\n");
	vx_buf_done(&octets);
	vx_buf_done(&shown);
}
END_TEST

START_TEST(envelopes_of_rfc_9051)
{
	static const char *const table[][2] = {
		/* absent, and present but empty */
		{ "\r\n", "~|~|~|~|~|~|~|~|~|~" },
		{ "Date:\r\nSubject: \r\nIn-Reply-To:\r\nMessage-ID:\r\n\r\n",
		    "||~|~|~|~|~|~||" },
		/* Sender and Reply-To are From where they are absent or empty */
		{ "From: a@x\r\nSender: \r\n\r\n", "~|~|<a@x>|<a@x>|<a@x>|~|~|~|~|~" },
		{ "From: a@x\r\nSender: b@x\r\nReply-To: c@x, d@x\r\n\r\n",
		    "~|~|<a@x>|<b@x>|<c@x>,<d@x>|~|~|~|~|~" },
		{ "To: g: a@x, N <b@y>;, c@z\r\nCc: u:;\r\nBcc: ,\r\n\r\n",
		    "~|~|~|~|~|g:<a@x>,N<b@y>;,<c@z>|u:;|~|~|~" },
		/* RFC 5322 4.5.3: destinations in several fields are one list */
		{ "To: a@x\r\nTo: b@x\r\ncc: c@x\r\nCC: d@x\r\nBcc: e@x\r\nbcc: "
		  "f@x\r\n\r\n",
		    "~|~|~|~|~|<a@x>,<b@x>|<c@x>,<d@x>|<e@x>,<f@x>|~|~" },
		/* of others the first */
		{ "From: a@x\r\nFrom: b@x\r\nSubject: 1\r\nSubject: 2\r\n\r\n",
		    "~|1|<a@x>|<a@x>|<a@x>|~|~|~|~|~" },
		/* folded, encoded and raw as they are */
		{ "Subject: a\r\n\t=?utf-8?q?b?= \xc3\xa4\r\nMessage-ID:\r\n "
		  "<1@x>\r\n\r\n",
		    "~|a\t=?utf-8?q?b?= \xc3\xa4|~|~|~|~|~|~|~|<1@x>" },
		{ "From: =?utf-8?q?J?= <j\xc3\xbc@x>\r\n\r\n",
		    "~|~|=?utf-8?q?J?=<j\xc3\xbc@x>|=?utf-8?q?J?=<j\xc3\xbc@x>|=?utf-8?q?"
		    "J?="
		    "<j\xc3\xbc@x>|~|~|~|~|~" },
		{ "subject : old syntax\r\n\r\n", "~|old syntax|~|~|~|~|~|~|~|~" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const vx_slice whole = vx_slice_str(table[i][0]);
		struct vx_buf octets = describe(&whole, 1), shown = { .max = 1000 };
		struct vx_descriptor d;
		struct vx_part p;

		vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &d));
		vxt_assert_ok(vx_descriptor_part(&d, 0, &p));
		show_envelope(p.envelope, &shown);
		vxt_assert_str(vx_buf_slice(&shown), table[i][1]);
		vx_buf_done(&octets);
		vx_buf_done(&shown);
	}
}
END_TEST

VXT_SUITE(test_structure, "structure", types_and_defects, every_split_of_every_structure,
    octets_of_parts_without_line_ends, fields_of_a_part, envelopes_of_rfc_9051)
