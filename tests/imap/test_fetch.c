/* FETCH attributes: each, and what is none. */
#include "imap/parse.h"
#include "lib/vxt.h"
#include "show.h"

enum {
	ARENA_MAX = 1 << 20
};

static const struct {
	const char *in, *items; /* NULL: refused */
} rows[] = {
	{ "FLAGS", "flags" },
	{ "uid", "uid" },
	{ "INTERNALDATE", "internaldate" },
	{ "RFC822.SIZE", "size" },
	{ "ENVELOPE", "envelope" },
	{ "BODY", "body" },
	{ "BODYSTRUCTURE", "bodystructure" },
	{ "MODSEQ", "modseq" },
	{ "RFC822", "section[]=RFC822" },
	{ "RFC822.HEADER", "section.peek[header]=RFC822.HEADER" },
	{ "RFC822.TEXT", "section[text]=RFC822.TEXT" },
	{ "ALL", "flags internaldate size envelope" },
	{ "fast", "flags internaldate size" },
	{ "FULL", "flags internaldate size envelope body" },
	{ "(FLAGS UID)", "flags uid" },
	{ "(FLAGS BODY[HEADER.FIELDS (DATE FROM)])", "flags section[fields:DATE,FROM]" },
	{ "BODY[]", "section[]" },
	{ "BODY.PEEK[]", "section.peek[]" },
	{ "BODY[HEADER]", "section[header]" },
	{ "body.peek[text]", "section.peek[text]" },
	{ "BODY[1]", "section[1]" },
	{ "BODY[1.2.3]", "section[1.2.3]" },
	{ "BODY[4294967295]", "section[4294967295]" },
	{ "BODY[1.MIME]", "section[1.mime]" },
	{ "BODY[4.2.HEADER]", "section[4.2.header]" },
	{ "BODY[4.TEXT]", "section[4.text]" },
	{ "BODY[1.HEADER.FIELDS (a)]", "section[1.fields:a]" },
	{ "BODY[HEADER.FIELDS.NOT (\"a b\" c])]", "section[fields-not:a b,c]]" },
	{ "BODY[HEADER.FIELDS ({2+}\r\nab)]", "section[fields:ab]" },
	{ "BODY[]<0.1>", "section[]<0.1>" },
	{ "BODY.PEEK[TEXT]<100.4294967295>", "section.peek[text]<100.4294967295>" },
	{ "BINARY[]", "binary[]" },
	{ "BINARY[1.2]<5.6>", "binary[1.2]<5.6>" },
	{ "BINARY.PEEK[1]", "binary.peek[1]" },
	{ "BINARY.SIZE[1]", "binary-size[1]" },
	{ "FLAGS (CHANGEDSINCE 12345)", "flags since=12345" },
	{ "(UID FLAGS) (CHANGEDSINCE 9223372036854775807)",
	    "uid flags since=9223372036854775807" },
	{ "ALL (CHANGEDSINCE 1)", "flags internaldate size envelope since=1" },
	/* RFC 8970, 8514, 8474, 9394 */
	{ "PREVIEW", "preview" },
	{ "PREVIEW (LAZY)", "preview" },
	{ "PREVIEW (CHANGEDSINCE 1)", "preview since=1" },
	{ "PREVIEW (LAZY LAZY) (CHANGEDSINCE 1)", "preview since=1" },
	{ "(UID preview (lazy) SAVEDATE)", "uid preview savedate" },
	{ "(EMAILID THREADID)", "emailid threadid" },
	{ "FLAGS (PARTIAL -1:-30 CHANGEDSINCE 5)", "flags since=5 partial=end-1-30" },
	{ "FLAGS (CHANGEDSINCE 5 PARTIAL 9:4)", "flags since=5 partial=4-9" },

	{ "", NULL },
	{ "()", NULL },
	{ "( FLAGS)", NULL },
	{ "(FLAGS )", NULL },
	{ "(FLAGS  UID)", NULL },
	{ "(FLAGS,UID)", NULL },
	{ "(FLAGS", NULL },
	{ "FLAGS)", NULL },
	{ "FLAGS UID", NULL },
	{ "((FLAGS))", NULL },
	{ "(ALL)", NULL },
	{ "(FLAGS FAST)", NULL },
	{ "ALLX", NULL },
	{ "FLAG", NULL },
	{ "FLAGSX", NULL },
	{ "BODYX", NULL },
	{ "RFC822.", NULL },
	{ "RFC822.SIZES", NULL },
	{ "BODY.PEEK", NULL },
	{ "BODYSTRUCTURE[]", NULL },
	{ "BODY[", NULL },
	{ "BODY[1", NULL },
	{ "BODY[1.]", NULL },
	{ "BODY[.1]", NULL },
	{ "BODY[0]", NULL },
	{ "BODY[1.0]", NULL },
	{ "BODY[4294967296]", NULL },
	{ "BODY[MIME]", NULL },
	{ "BODY[1HEADER]", NULL },
	{ "BODY[1TEXT]", NULL },
	{ "BODY[1MIME]", NULL },
	{ "BODY[1..2]", NULL },
	{ "BODY[TEXT.1]", NULL },
	{ "BODY[HEADER TEXT]", NULL },
	{ "BODY[HEADER.FIELDS]", NULL },
	{ "BODY[HEADER.FIELDS ()]", NULL },
	{ "BODY[HEADER.FIELDS(a)]", NULL },
	{ "BODY[HEADER.FIELDS (a ]", NULL },
	{ "BODY[HEADER.FIELDS (a  b)]", NULL },
	{ "BODY[HEADERS]", NULL },
	/* these could not be told in an answer */
	{ "BODY[HEADER.FIELDS ({3+}\r\na\r\n)]", NULL },
	{ "BODY[HEADER.FIELDS ({1+}\r\n\t)]", NULL },
	{ "BODY[HEADER.FIELDS (\"\xc3\xa4\")]", NULL },
	{ "BODY[]<", NULL },
	{ "BODY[]<0>", NULL },
	{ "BODY[]<0.0>", NULL },
	{ "BODY[]<.5>", NULL },
	{ "BODY[]<0.5", NULL },
	{ "BODY[]<-1.5>", NULL },
	{ "BODY[]<0.99999999999999999999>", NULL },
	{ "BINARY", NULL },
	{ "BINARY[TEXT]", NULL },
	{ "BINARY[1.MIME]", NULL },
	{ "BINARY[HEADER.FIELDS (a)]", NULL },
	{ "BINARY.SIZE[1]<0.5>", NULL },
	{ "BINARY.SIZE[HEADER]", NULL },
	{ "FLAGS (CHANGEDSINCE)", NULL },
	{ "FLAGS (CHANGEDSINCE x)", NULL },
	{ "FLAGS (CHANGEDSINCE 9223372036854775808)", NULL },
	{ "FLAGS (CHANGEDSINCE 1) x", NULL },
	{ "FLAGS (UNKNOWN)", NULL },
	{ "FLAGS(CHANGEDSINCE 1)", NULL },
	{ "PREVIEW (LAZY", NULL },
	{ "PREVIEW ()", NULL },
	{ "PREVIEW (EAGER)", NULL },
	{ "PREVIEWS", NULL },
	{ "FLAGS (PARTIAL 1)", NULL },
	{ "FLAGS (PARTIAL 1:2 PARTIAL 1:2)", NULL },
	{ "FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 1)", NULL },
	{ "FLAGS (PARTIAL 1:2) (CHANGEDSINCE 1)", NULL },
	{ "FLAGS ()", NULL },
};

START_TEST(attributes)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_arena a = { .limit = ARENA_MAX };
		struct vx_buf shown = { .max = 1000 };
		struct vx_cursor c = vx_cursor_of(vx_slice_str(rows[i].in));
		struct vx_imap_fetch f;
		const bool ok = vx_imap_fetch_items(&c, &a, &f);

		ck_assert_msg(ok == (rows[i].items != NULL), "%s", rows[i].in);
		if (ok) {
			show_fetch(&shown, &f);
			vxt_assert_str(vx_buf_slice(&shown), rows[i].items);
		}
		vx_buf_done(&shown);
		vx_arena_done(&a);
	}
}
END_TEST

/* The section as it is told in the answer: what was asked, but without "{n+}". */
START_TEST(section_texts)
{
	static const struct {
		const char *in, *text;
	} t[] = { { "BODY[]", "" }, { "BODY[1.2.mime]<0.5>", "1.2.mime" },
		{ "BODY[HEADER.FIELDS (a \"b c\")]", "HEADER.FIELDS (a \"b c\")" },
		{ "BODY[1.HEADER.FIELDS.NOT ({3+}\r\na\"b d)]",
		    "1.HEADER.FIELDS.NOT (\"a\\\"b\" d)" } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct vx_arena a = { .limit = ARENA_MAX };
		struct vx_cursor c = vx_cursor_of(vx_slice_str(t[i].in));
		struct vx_imap_fetch f;

		ck_assert(vx_imap_fetch_items(&c, &a, &f));
		vxt_assert_str(f.items[0].section_text, t[i].text);
		vx_arena_done(&a);
	}
}
END_TEST

static bool parses(vx_slice text)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_cursor c = vx_cursor_of(text);
	struct vx_imap_fetch f;
	const bool ok = vx_imap_fetch_items(&c, &a, &f);

	vx_arena_done(&a);
	return ok;
}

/* begin, count times (with a separator) each, end */
static bool parses_many(const char *begin, const char *each, const char *separator,
    size_t count, const char *end)
{
	struct vx_buf b = { .max = ARENA_MAX };
	bool ok;

	vx_buf_add_str(&b, begin);
	for (size_t i = 0; i < count; i++)
		vx_buf_printf(&b, "%s%s", i > 0 ? separator : "", each);
	vx_buf_add_str(&b, end);
	ok = parses(vx_buf_slice(&b));
	vx_buf_done(&b);
	return ok;
}

START_TEST(limits)
{
	ck_assert(parses_many("(", "UID", " ", VX_IMAP_FETCH_ITEMS_MAX, ")"));
	ck_assert(!parses_many("(", "UID", " ", VX_IMAP_FETCH_ITEMS_MAX + 1, ")"));
	ck_assert(parses_many("BODY[", "1", ".", VX_IMAP_PART_DEPTH_MAX, "]"));
	ck_assert(!parses_many("BODY[", "1", ".", VX_IMAP_PART_DEPTH_MAX + 1, "]"));
	ck_assert(
	    parses_many("BODY[HEADER.FIELDS (", "a", " ", VX_IMAP_FIELD_NAMES_MAX, ")]"));
	ck_assert(!parses_many(
	    "BODY[HEADER.FIELDS (", "a", " ", VX_IMAP_FIELD_NAMES_MAX + 1, ")]"));
}
END_TEST

/* With less memory it is refused, never half a list. */
START_TEST(short_memory)
{
	static const char text[] =
	    "(FLAGS BODY[1.2.HEADER.FIELDS (a \"b c\" {1+}\r\nd)]<1.2> "
	    "BINARY[1])";
	struct vx_buf want = { .max = 1000 }, got = { .max = 1000 };
	size_t taken = 0;

	for (size_t limit = 65536; limit > 0; limit -= 64) {
		struct vx_arena a = { .limit = limit };
		struct vx_cursor c = vx_cursor_of(vx_slice_str(text));
		struct vx_imap_fetch f;

		if (vx_imap_fetch_items(&c, &a, &f)) {
			struct vx_buf *shown = taken++ == 0 ? &want : &got;

			vx_buf_reset(shown);
			show_fetch(shown, &f);
			vxt_assert_slice(vx_buf_slice(shown), vx_buf_slice(&want));
			vxt_assert_str(
			    f.items[1].section_text, "1.2.HEADER.FIELDS (a \"b c\" d)");
		}
		vx_arena_done(&a);
	}
	ck_assert(taken > 1 && taken < 1024);
	vx_buf_done(&want);
	vx_buf_done(&got);
}
END_TEST

VXT_SUITE(test_fetch, "fetch", attributes, section_texts, limits, short_memory)
