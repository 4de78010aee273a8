/*
 * What is written: strings, flags, and the structure and sections of real messages.
 *
 * tests/data/imap/NAME.eml is a message (LF stands for CR LF), NAME.txt what is asked
 * ("? " and a FETCH attribute; "utf8 " before it: after ENABLE) and answered ("= ").
 */
#include "imap/respond.h"

#include "lib/vxt.h"
#include "show.h"

#include <stdio.h>

enum {
	OUT_MAX = 1 << 20
};

START_TEST(strings)
{
	static const struct {
		vx_slice in;
		bool utf8;
		vx_slice out;
	} t[] = {
		{ { NULL, 0 }, false, VX_SLICE_INIT("NIL") },
		{ VX_SLICE_INIT(""), false, VX_SLICE_INIT("\"\"") },
		{ VX_SLICE_INIT("a b"), false, VX_SLICE_INIT("\"a b\"") },
		{ VX_SLICE_INIT("a\"b\\c"), false, VX_SLICE_INIT("\"a\\\"b\\\\c\"") },
		{ VX_SLICE_INIT("NIL"), false, VX_SLICE_INIT("\"NIL\"") },
		{ VX_SLICE_INIT("a\r\nb"), false, VX_SLICE_INIT("{4}\r\na\r\nb") },
		{ VX_SLICE_INIT("\xc3\xa4"), false, VX_SLICE_INIT("{2}\r\n\xc3\xa4") },
		{ VX_SLICE_INIT("\xc3\xa4"), true, VX_SLICE_INIT("\"\xc3\xa4\"") },
		{ VX_SLICE_INIT("\xff"), true, VX_SLICE_INIT("{1}\r\n\xff") },
		{ VX_SLICE_INIT("a\nb"), true, VX_SLICE_INIT("{3}\r\na\nb") },
		/* no NUL in a literal (RFC 9051 4.3) */
		{ VX_SLICE_INIT("a\0b"), true, VX_SLICE_INIT("{3}\r\na?b") },
	};
	struct vx_buf out = { .max = OUT_MAX };
	char text[1001];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		vx_buf_reset(&out);
		vx_imap_write_string(&out, t[i].in, t[i].utf8);
		vxt_assert_slice(vx_buf_slice(&out), t[i].out);
	}
	memset(text, 'x', sizeof(text));
	for (size_t over = 0; over < 2; over++) {
		vx_buf_reset(&out);
		vx_imap_write_string(&out, vx_slice_of(text, 1000 + over), false);
		ck_assert_int_eq(out.ptr[0], over == 0 ? '"' : '{');
	}
	vx_buf_done(&out);
}
END_TEST

/* Whatever the octets are: what is written is what the parser reads. */
START_TEST(strings_come_back)
{
	for (unsigned n = 1; n < 256 * 256; n++) {
		const char text[2] = { (char)(n & 255), (char)(n >> 8) };
		const vx_slice s = vx_slice_of(text, n < 256 ? 1 : 2);
		struct vx_buf out = { .max = 100 };
		struct vx_arena a = { .limit = 4096 };
		struct vx_cursor c;
		vx_slice got;

		if (vx_slice_find(s, '\0') < s.len)
			continue;
		vx_imap_write_string(&out, s, n % 2 == 0);
		c = vx_cursor_of(vx_buf_slice(&out));
		ck_assert(vx_imap_string(&c, &a, &got) && vx_cur_end(&c));
		vxt_assert_slice(got, s);
		vx_buf_done(&out);
		vx_arena_done(&a);
	}
}
END_TEST

START_TEST(mailboxes)
{
	static const struct {
		const char *name;
		bool utf8;
		const char *out;
	} t[] = { { "INBOX", false, "\"INBOX\"" }, { "", false, "\"\"" },
		{ "a&b", false, "\"a&-b\"" }, { "a&b", true, "\"a&b\"" },
		{ "\xc3\xa4", false, "\"&AOQ-\"" }, { "\xc3\xa4", true, "\"\xc3\xa4\"" },
		{ "a\"b\\", false, "\"a\\\"b\\\\\"" } };
	struct vx_buf out = { .max = OUT_MAX };
	char name[VX_MAILBOX_NAME_MAX];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		vx_buf_reset(&out);
		vx_imap_write_mailbox(&out, vx_slice_str(t[i].name), t[i].utf8);
		vxt_assert_str(vx_buf_slice(&out), t[i].out);
	}
	/* the longest in the form that grows most */
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = "\x01&"[i % 2];
	vx_buf_reset(&out);
	vx_imap_write_mailbox(&out, vx_slice_of(name, sizeof(name)), false);
	ck_assert(vx_slice_has_prefix(vx_buf_slice(&out), VX_S("{1400}\r\n&AAE-&-")));
	ck_assert(vx_slice_has_suffix(vx_buf_slice(&out), VX_S("&AAE-&-")));
	vx_buf_done(&out);
}
END_TEST

START_TEST(flags)
{
	vx_slice names[VX_KEYWORDS_MAX] = { VX_SLICE_INIT("$Junk"), { NULL, 0 },
		VX_SLICE_INIT("last") };
	static const struct {
		uint64_t bits;
		const char *out;
	} t[] = { { 0, "()" }, { VX_FLAG_SEEN, "(\\Seen)" },
		{ 31, "(\\Seen \\Answered \\Flagged \\Deleted \\Draft)" },
		{ (1ull << VX_KEYWORD_FIRST) | VX_FLAG_DRAFT, "(\\Draft $Junk)" },
		{ 7ull << VX_KEYWORD_FIRST, "($Junk last)" },
		{ 1ull << (VX_KEYWORD_FIRST + VX_KEYWORDS_MAX - 1), "(z)" },
		{ UINT64_MAX,
		    "(\\Seen \\Answered \\Flagged \\Deleted \\Draft $Junk last z)" } };
	struct vx_buf out = { .max = OUT_MAX };

	names[VX_KEYWORDS_MAX - 1] = VX_S("z");
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		vx_buf_reset(&out);
		vx_imap_write_flags(&out, t[i].bits, names);
		vxt_assert_str(vx_buf_slice(&out), t[i].out);
	}
	vx_buf_done(&out);
}
END_TEST

START_TEST(ranges)
{
	const struct vx_uid_range r[] = { { 1, 3 }, { 5, 5 }, { 7, UINT32_MAX } };
	struct vx_buf out = { .max = OUT_MAX };

	vx_imap_write_ranges(&out, r, 3);
	vxt_assert_str(vx_buf_slice(&out), "1:3,5,7:4294967295");
	vx_buf_reset(&out);
	vx_imap_write_ranges(&out, r, 0);
	ck_assert_uint_eq(out.len, 0);
	vx_buf_done(&out);
}
END_TEST

START_TEST(fields)
{
	static const struct {
		const char *header;
		const char *names; /* with spaces; begins with "!": NOT */
		const char *out;
	} t[] = {
		{ "A: 1\r\nB: 2\r\n 3\r\na: 4\r\n\r\n", "a", "A: 1\r\na: 4\r\n\r\n" },
		{ "A: 1\r\nB: 2\r\n 3\r\na: 4\r\n\r\n", "!A", "B: 2\r\n 3\r\n\r\n" },
		{ "A: 1\r\nB: 2\r\n\r\n", "b A", "A: 1\r\nB: 2\r\n\r\n" },
		{ "A: 1\r\n\r\n", "c", "\r\n" },
		{ "A: 1\r\n\r\n", "!c", "A: 1\r\n\r\n" },
		{ "AB: 1\r\nA : 2\r\n\r\n", "A", "A : 2\r\n\r\n" },
		{ "A: 1\r\nno field\r\n\r\n", "A", "A: 1\r\n\r\n" },
		{ "A: 1\r\nno field\r\n\r\n", "!A", "no field\r\n\r\n" },
		{ "", "A", "\r\n" },
		{ "A: 1", "A", "A: 1\r\n\r\n" },
		{ "A: 1\r\n", "A", "A: 1\r\n\r\n" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const bool not = t[i].names[0] == '!';
		struct vx_imap_section s = { .text = not ? VX_SECTION_FIELDS_NOT
							 : VX_SECTION_FIELDS };
		vx_slice rest = vx_slice_str(t[i].names + not ), names[4];
		struct vx_buf out = { .max = OUT_MAX };

		for (s.names = names; rest.len > 0; s.name_count++)
			(void)vx_slice_cut(&rest, ' ', &names[s.name_count]);
		vx_imap_select_fields(vx_slice_str(t[i].header), &s, &out);
		vxt_assert_str(vx_buf_slice(&out), t[i].out);
		vx_buf_done(&out);
	}
}
END_TEST

/* --- messages ---------------------------------------------------------------------- */

struct message {
	struct vx_buf text, octets; /* octets: its descriptor */
	struct vx_descriptor d;
};

static void open_message(struct message *m, vx_slice lf)
{
	struct vx_describer *d;

	*m = (struct message){ .text = { .max = OUT_MAX },
		.octets = { .max = VX_DESCRIPTOR_MAX } };
	for (size_t i = 0; i < lf.len; i++) {
		if (lf.ptr[i] == '\n')
			vx_buf_add_char(&m->text, '\r');
		vx_buf_add_char(&m->text, lf.ptr[i]);
	}
	vxt_assert_ok(vx_describer_new(&d));
	vx_describer_add(d, vx_buf_slice(&m->text));
	vxt_assert_ok(vx_describer_end(d, &m->octets));
	vx_describer_free(d);
	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&m->octets), &m->d));
}

static void close_message(struct message *m)
{
	vx_buf_done(&m->text);
	vx_buf_done(&m->octets);
}

static void answer_section(
    const struct message *m, const struct vx_imap_item *item, struct vx_buf *out)
{
	struct vx_buf selected = { .max = OUT_MAX };
	struct vx_octet_range r;
	vx_slice text;
	size_t count;
	const int rc = vx_imap_section_ranges(&m->d, &item->section, &r, 1, &count);

	if (rc == VX_ENOENT) {
		vx_buf_add_str(out, "NIL");
		return;
	}
	vxt_assert_ok(rc);
	ck_assert_uint_eq(count, 1);
	ck_assert(r.first <= r.end && r.end <= m->text.len);
	text = vx_slice_of(m->text.ptr + r.first, (size_t)(r.end - r.first));
	if (item->section.text == VX_SECTION_FIELDS ||
	    item->section.text == VX_SECTION_FIELDS_NOT) {
		vx_imap_select_fields(text, &item->section, &selected);
		text = vx_buf_slice(&selected);
	}
	vx_buf_add_str(out, "<");
	show_text(out, text);
	vx_buf_add_str(out, ">");
	vx_buf_done(&selected);
}

static void answer(const struct message *m, vx_slice question, struct vx_buf *out)
{
	const bool utf8 = vx_slice_has_prefix(question, VX_S("utf8 "));
	struct vx_cursor c = vx_cursor_of(utf8 ? vx_slice_from(question, 5) : question);
	struct vx_arena a = { .limit = OUT_MAX };
	struct vx_buf raw = { .max = OUT_MAX };
	struct vx_imap_fetch f;

	ck_assert_msg(
	    vx_imap_fetch_items(&c, &a, &f), "%.*s", (int)question.len, question.ptr);
	if (f.items[0].type == VX_ITEM_ENVELOPE)
		vxt_assert_ok(vx_imap_write_envelope(&raw, &m->d, utf8));
	else if (f.items[0].type == VX_ITEM_BODY ||
		 f.items[0].type == VX_ITEM_BODYSTRUCTURE)
		vxt_assert_ok(vx_imap_write_structure(
		    &raw, &m->d, f.items[0].type == VX_ITEM_BODYSTRUCTURE, utf8));
	else
		answer_section(m, &f.items[0], out);
	show_text(out, vx_buf_slice(&raw));
	vx_buf_done(&raw);
	vx_arena_done(&a);
}

static void run_message(const char *name)
{
	char path[200];
	struct vx_buf eml, txt, got = { .max = OUT_MAX };
	vx_slice rest, line;
	struct message m;

	(void)snprintf(path, sizeof(path), "imap/%s.eml", name);
	eml = vxt_read(path);
	(void)snprintf(path, sizeof(path), "imap/%s.txt", name);
	txt = vxt_read(path);
	open_message(&m, vx_buf_slice(&eml));
	for (rest = vx_buf_slice(&txt); rest.len > 0;) {
		(void)vx_slice_cut(&rest, '\n', &line);
		if (vx_slice_has_prefix(line, VX_S("? "))) {
			vx_buf_reset(&got);
			answer(&m, vx_slice_from(line, 2), &got);
		} else if (vx_slice_has_prefix(line, VX_S("= "))) {
			ck_assert_msg(
			    vx_slice_eq(vx_buf_slice(&got), vx_slice_from(line, 2)),
			    "%s: %.*s, not %.*s", name, (int)got.len, got.ptr,
			    (int)line.len, line.ptr);
		} else {
			ck_assert(line.len == 0 || line.ptr[0] == '#');
		}
	}
	close_message(&m);
	vx_buf_done(&eml);
	vx_buf_done(&txt);
	vx_buf_done(&got);
}

static const char *const names[] = { "simple", "multipart", "forwarded", "digest", "odd",
	"empty" };

START_TEST(messages)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		run_message(names[i]);
}
END_TEST

/* --- damage ------------------------------------------------------------------------ */

static void write_all(const struct vx_descriptor *d, struct vx_buf *out)
{
	struct vx_octet_range r[1];
	size_t count;

	vx_buf_reset(out);
	(void)vx_imap_write_envelope(out, d, false);
	(void)vx_imap_write_structure(out, d, true, true);
	for (uint32_t part = 1; part < 4; part++) {
		uint32_t parts[] = { part, 1, 2 };
		struct vx_imap_section s = { .parts = parts, .part_count = 3 };

		if (vx_imap_section_ranges(d, &s, r, 1, &count) == VX_OK)
			ck_assert(r[0].first <= r[0].end && r[0].end <= d->size);
	}
}

/* A descriptor damaged in any octet is written somehow or refused: it ends, in bounds. */
START_TEST(damaged)
{
	static const unsigned char values[] = { 0, 1, 2, 5, 127, 255 };
	struct vx_buf out = { .max = OUT_MAX }, eml = vxt_read("imap/multipart.eml");
	struct message m;

	open_message(&m, vx_buf_slice(&eml));
	for (size_t i = 0; i < m.octets.len; i++) {
		const char was = m.octets.ptr[i];

		for (size_t v = 0; v < sizeof(values); v++) {
			m.octets.ptr[i] = (char)values[v];
			if (vx_descriptor_open(vx_buf_slice(&m.octets), &m.d) == VX_OK)
				write_all(&m.d, &out);
		}
		m.octets.ptr[i] = was;
	}
	close_message(&m);
	vx_buf_done(&eml);
	vx_buf_done(&out);
}
END_TEST

VXT_SUITE(test_respond, "respond", strings, strings_come_back, mailboxes, flags, ranges,
    fields, messages, damaged)
