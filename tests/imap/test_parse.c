/* The productions, one by one, good and bad. */
#include "imap/parse.h"
#include "lib/vxt.h"
#include "show.h"
#include "vectis/store.h"

#include <stdlib.h>

enum {
	ARENA_MAX = 1 << 20
};

/* What stands in the arena must not be what stands in the command. */
typedef bool string_fn(struct vx_cursor *c, struct vx_arena *a, vx_slice *out);

struct string_row {
	vx_slice in;
	const char *out;  /* NULL: refused */
	const char *rest; /* what is left of in */
};

static void check_strings(string_fn *fn, const struct string_row *t, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct vx_arena a = { .limit = ARENA_MAX };
		char *text = malloc(t[i].in.len + 1); /* its exact size, for ASan */
		struct vx_cursor c;
		vx_slice got;
		bool ok;

		ck_assert_ptr_nonnull(text);
		memcpy(text, t[i].in.ptr, t[i].in.len);
		c = vx_cursor_of(vx_slice_of(text, t[i].in.len));
		ok = fn(&c, &a, &got);
		ck_assert_msg(ok == (t[i].out != NULL), "%zu: %s", i, t[i].in.ptr);
		if (ok) {
			if (t[i].rest != NULL)
				vxt_assert_str(vx_cur_rest(&c), t[i].rest);
			memset(text, 'X', t[i].in.len);
			vxt_assert_str(got, t[i].out);
		}
		free(text);
		vx_arena_done(&a);
	}
}
#define CHECK_STRINGS(fn, t) check_strings(fn, t, sizeof(t) / sizeof((t)[0]))

START_TEST(strings)
{
	static const struct string_row t[] = {
		{ VX_SLICE_INIT("\"\""), "", "" },
		{ VX_SLICE_INIT("\"a b\" c"), "a b", " c" },
		{ VX_SLICE_INIT("\"a\\\"\\\\b\""), "a\"\\b", "" },
		{ VX_SLICE_INIT("\"\xc3\xa4\""), "\xc3\xa4", "" },
		{ VX_SLICE_INIT("\"NIL\""), "NIL", "" },
		{ VX_SLICE_INIT("\""), NULL, NULL },
		{ VX_SLICE_INIT("\"a"), NULL, NULL },
		{ VX_SLICE_INIT("\"a\\"), NULL, NULL },
		{ VX_SLICE_INIT("\"a\\\""), NULL, NULL },
		{ VX_SLICE_INIT("\"\\a\""), NULL, NULL },
		{ VX_SLICE_INIT("\"a\rb\""), NULL, NULL },
		{ VX_SLICE_INIT("\"a\nb\""), NULL, NULL },
		{ VX_SLICE_INIT("\"a\0b\""), NULL, NULL },
		{ VX_SLICE_INIT("{0}\r\n"), "", "" },
		{ VX_SLICE_INIT("{3}\r\na\r\nb"), "a\r\n", "b" },
		{ VX_SLICE_INIT("{3+}\r\nabc d"), "abc", " d" },
		{ VX_SLICE_INIT("~{3}\r\nabc"), NULL, NULL },
		{ VX_SLICE_INIT("{4}\r\nabc"), NULL, NULL },
		{ VX_SLICE_INIT("{3}\nabc"), NULL, NULL },
		{ VX_SLICE_INIT("{3}abc"), NULL, NULL },
		{ VX_SLICE_INIT("{}\r\n"), NULL, NULL },
		{ VX_SLICE_INIT("{18446744073709551615}\r\nabc"), NULL, NULL },
		{ VX_SLICE_INIT("{18446744073709551616}\r\nabc"), NULL, NULL },
		{ VX_SLICE_INIT("{3}\r\na\0b"), NULL, NULL },
		{ VX_SLICE_INIT("{3"), NULL, NULL },
		{ VX_SLICE_INIT("~\"a\""), NULL, NULL },
		{ VX_SLICE_INIT("a"), NULL, NULL },
		{ VX_SLICE_INIT(""), NULL, NULL },
	};

	CHECK_STRINGS(vx_imap_string, t);
}
END_TEST

START_TEST(astrings)
{
	static const struct string_row t[] = {
		{ VX_SLICE_INIT("INBOX x"), "INBOX", " x" },
		{ VX_SLICE_INIT("a]b"), "a]b", "" },
		{ VX_SLICE_INIT("~peter"), "~peter", "" },
		{ VX_SLICE_INIT("~"), "~", "" },
		{ VX_SLICE_INIT("a{b"), "a", "{b" },
		{ VX_SLICE_INIT("a%"), "a", "%" },
		{ VX_SLICE_INIT("a*"), "a", "*" },
		{ VX_SLICE_INIT("a\"b"), "a", "\"b" },
		{ VX_SLICE_INIT("a(b"), "a", "(b" },
		{ VX_SLICE_INIT("\xc3\xa4"), "\xc3\xa4", "" },
		{ VX_SLICE_INIT("\"a%\""), "a%", "" },
		{ VX_SLICE_INIT("{1+}\r\n%"), "%", "" },
		{ VX_SLICE_INIT("~{1}\r\nx"), "~", "{1}\r\nx" },
		{ VX_SLICE_INIT(""), NULL, NULL },
		{ VX_SLICE_INIT(" a"), NULL, NULL },
		{ VX_SLICE_INIT("%"), NULL, NULL },
		{ VX_SLICE_INIT("\\a"), NULL, NULL },
		{ VX_SLICE_INIT("\0a"), NULL, NULL },
		{ VX_SLICE_INIT("{"), NULL, NULL },
	};

	CHECK_STRINGS(vx_imap_astring, t);
}
END_TEST

START_TEST(patterns)
{
	static const struct string_row t[] = {
		{ VX_SLICE_INIT("*"), "*", "" },
		{ VX_SLICE_INIT("a/%/b]*) c"), "a/%/b]*", ") c" },
		{ VX_SLICE_INIT("\"*\""), "*", "" },
		{ VX_SLICE_INIT("{1}\r\n%"), "%", "" },
		{ VX_SLICE_INIT("("), NULL, NULL },
		{ VX_SLICE_INIT(""), NULL, NULL },
	};

	CHECK_STRINGS(vx_imap_list_mailbox, t);
}
END_TEST

START_TEST(nstrings)
{
	static const struct string_row t[] = {
		{ VX_SLICE_INIT("nil)"), "", ")" },
		{ VX_SLICE_INIT("\"NIL\""), "NIL", "" },
		{ VX_SLICE_INIT("a"), NULL, NULL },
	};
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_cursor c = vx_cursor_of(VX_S("NIL"));
	vx_slice s;

	CHECK_STRINGS(vx_imap_nstring, t);
	ck_assert(vx_imap_nstring(&c, &a, &s) && s.ptr == NULL);
	c = vx_cursor_of(VX_S("\"\""));
	ck_assert(vx_imap_nstring(&c, &a, &s) && s.ptr != NULL && s.len == 0);
	vx_arena_done(&a);
}
END_TEST

START_TEST(tags)
{
	static const struct {
		const char *in, *tag; /* NULL: none */
	} t[] = { { "a1 NOOP", "a1" }, { "A.b-c$ x", "A.b-c$" }, { "+ x", NULL },
		{ "a+b x", "a" }, { "a]b x", "a]b" }, { "* x", NULL }, { "", NULL },
		{ " a x", NULL }, { "(a x", NULL }, { "{3} x", NULL },
		{ "\"a\" x", NULL } };
	char text[258];
	struct vx_cursor c;
	vx_slice tag;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		c = vx_cursor_of(vx_slice_str(t[i].in));
		ck_assert_msg(vx_imap_tag(&c, &tag) == (t[i].tag != NULL), "%s", t[i].in);
		if (t[i].tag != NULL)
			vxt_assert_str(tag, t[i].tag);
	}
	memset(text, 'a', sizeof(text));
	c = vx_cursor_of(vx_slice_of(text, 256));
	ck_assert(vx_imap_tag(&c, &tag));
	c = vx_cursor_of(vx_slice_of(text, 257));
	ck_assert(!vx_imap_tag(&c, &tag));
}
END_TEST

/* --- sets -------------------------------------------------------------------------- */

START_TEST(sets)
{
	static const struct {
		const char *in, *set, *rest; /* NULL: refused */
	} t[] = { { "1", "1", "" }, { "1:4", "1:4", "" }, { "4:1 x", "4:1", " x" },
		{ "*", "*", "" }, { "5:*", "5:*", "" }, { "*:5", "*:5", "" },
		{ "*:*", "*", "" }, { "1,3:4,*", "1,3:4,*", "" },
		{ "4294967295", "4294967295", "" }, { "$ x", "$", " x" },
		{ "1:2:3", "1:2", ":3" }, { "4294967296", NULL, NULL },
		{ "0", NULL, NULL }, { "1:0", NULL, NULL }, { "0:1", NULL, NULL },
		{ "", NULL, NULL }, { ",1", NULL, NULL }, { "1,", NULL, NULL },
		{ "1,,2", NULL, NULL }, { "1:", NULL, NULL }, { ":1", NULL, NULL },
		{ "-1", NULL, NULL }, { "1,$", NULL, NULL }, { "x", NULL, NULL },
		{ "99999999999999999999", NULL, NULL } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct vx_arena a = { .limit = ARENA_MAX };
		struct vx_buf shown = { .max = 1000 };
		struct vx_cursor c = vx_cursor_of(vx_slice_str(t[i].in));
		struct vx_imap_set set;
		const bool ok = vx_imap_sequence_set(&c, &a, &set);

		ck_assert_msg(ok == (t[i].set != NULL), "%s", t[i].in);
		if (ok) {
			show_set(&shown, &set);
			vxt_assert_str(vx_buf_slice(&shown), t[i].set);
			vxt_assert_str(vx_cur_rest(&c), t[i].rest);
		}
		vx_buf_done(&shown);
		vx_arena_done(&a);
	}
}
END_TEST

START_TEST(set_limit)
{
	struct vx_buf text = { .max = ARENA_MAX };

	for (size_t i = 1; i <= VX_IMAP_RANGES_MAX + 1; i++) {
		struct vx_arena a = { .limit = ARENA_MAX };
		struct vx_imap_set set;
		struct vx_cursor c;

		vx_buf_printf(&text, "%s%zu", i > 1 ? "," : "", 2 * i);
		if (i < VX_IMAP_RANGES_MAX)
			continue;
		c = vx_cursor_of(vx_buf_slice(&text));
		ck_assert_int_eq(
		    vx_imap_sequence_set(&c, &a, &set), i == VX_IMAP_RANGES_MAX);
		if (i == VX_IMAP_RANGES_MAX)
			ck_assert_uint_eq(set.count, i);
		vx_arena_done(&a);
	}
	vx_buf_done(&text);
}
END_TEST

/* --- flags ------------------------------------------------------------------------- */

static void show_flags(struct vx_buf *out, const struct vx_imap_flags *f)
{
	vx_buf_printf(out, "%llu", (unsigned long long)f->system);
	for (size_t i = 0; i < f->keyword_count; i++) {
		vx_buf_add_char(out, ' ');
		vx_buf_add(out, f->keywords[i]);
	}
}

START_TEST(flags)
{
	static const struct {
		const char *in;
		bool parentheses;
		const char *flags, *rest;
	} t[] = { { "()", true, "0", "" }, { "(\\Seen)", true, "1", "" },
		{ "(\\seen \\ANSWERED \\Flagged \\Deleted \\Draft)", true, "31", "" },
		{ "($Junk NonJunk $Junk) x", true, "0 $Junk NonJunk $Junk", " x" },
		{ "(\\Recent)", true, "0", "" }, { "(\\X-unknown a)", true, "0 a", "" },
		{ "\\Seen x", false, "1 x", "" }, { "\\Seen", false, "1", "" },
		{ "()", false, "0", "" }, { "(a b)", false, "0 a b", "" },
		{ "\\Seen", true, NULL, NULL }, { "", false, NULL, NULL },
		{ "", true, NULL, NULL }, { "(", true, NULL, NULL },
		{ "( )", true, NULL, NULL }, { "(a", true, NULL, NULL },
		{ "(a )", true, NULL, NULL }, { "(a  b)", true, NULL, NULL },
		{ "( a)", true, NULL, NULL }, { "(\\)", true, NULL, NULL },
		{ "(\"a\")", true, NULL, NULL }, { "(a])", true, NULL, NULL },
		{ "(a(b))", true, NULL, NULL }, { "(\\*)", true, NULL, NULL } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct vx_arena a = { .limit = ARENA_MAX };
		struct vx_buf shown = { .max = 1000 };
		struct vx_cursor c = vx_cursor_of(vx_slice_str(t[i].in));
		struct vx_imap_flags f;
		const bool ok = vx_imap_flags(&c, &a, t[i].parentheses, &f);

		ck_assert_msg(ok == (t[i].flags != NULL), "%s", t[i].in);
		if (ok) {
			show_flags(&shown, &f);
			vxt_assert_str(vx_buf_slice(&shown), t[i].flags);
			vxt_assert_str(vx_cur_rest(&c), t[i].rest);
		}
		vx_buf_done(&shown);
		vx_arena_done(&a);
	}
}
END_TEST

START_TEST(flag_limits)
{
	struct vx_buf text = { .max = 10000 };
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_imap_flags f;
	struct vx_cursor c;

	for (size_t i = 0; i <= VX_IMAP_FLAGS_MAX; i++) {
		if (i == VX_IMAP_FLAGS_MAX) {
			c = vx_cursor_of(vx_buf_slice(&text));
			ck_assert(vx_imap_flags(&c, &a, false, &f));
			ck_assert_uint_eq(f.keyword_count, VX_IMAP_FLAGS_MAX);
		}
		vx_buf_printf(&text, "%sk%zu", i > 0 ? " " : "", i);
	}
	c = vx_cursor_of(vx_buf_slice(&text));
	ck_assert(!vx_imap_flags(&c, &a, false, &f));
	for (size_t over = 0; over < 2; over++) {
		vx_buf_reset(&text);
		for (size_t i = 0; i < VX_KEYWORD_OCTETS_MAX + over; i++)
			vx_buf_add_char(&text, 'k');
		c = vx_cursor_of(vx_buf_slice(&text));
		ck_assert_int_eq(vx_imap_flags(&c, &a, false, &f), over == 0);
	}
	vx_buf_done(&text);
	vx_arena_done(&a);
}
END_TEST

/* Many short strings in a great command need no more than the command has. */
START_TEST(memory_is_bounded)
{
	struct vx_arena a = { .limit = ARENA_MAX / 4 };
	struct vx_buf text = { .max = ARENA_MAX };
	struct vx_cursor c;
	vx_slice s;

	for (unsigned i = 0; i < 2000; i++)
		vx_buf_add_str(&text, "\"message-id\"");
	c = vx_cursor_of(vx_buf_slice(&text));
	while (!vx_cur_end(&c))
		ck_assert(vx_imap_astring(&c, &a, &s));
	vx_buf_done(&text);
	vx_arena_done(&a);
}
END_TEST

VXT_SUITE(test_parse, "parse", strings, astrings, patterns, nstrings, tags, sets,
    set_limit, flags, flag_limits, memory_is_bounded)
