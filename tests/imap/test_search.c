/* SEARCH programs: every key, and what is none. */
#include "imap/parse.h"
#include "lib/vxt.h"
#include "show.h"

enum {
	ARENA_MAX = 1 << 20
};

static const struct {
	const char *in, *tree; /* NULL: refused */
} rows[] = {
	{ "ALL", "(and (all))" },
	{ "answered", "(and (flag 2))" },
	{ "BCC x", "(and (header bcc=x))" },
	{ "BEFORE 1-Feb-1994", "(and (before 8797))" },
	{ "BODY \"two words\"", "(and (body two words))" },
	{ "CC x", "(and (header cc=x))" },
	{ "DELETED", "(and (flag 8))" },
	{ "DRAFT", "(and (flag 16))" },
	{ "FLAGGED", "(and (flag 4))" },
	{ "FROM x", "(and (header from=x))" },
	{ "HEADER Message-ID \"\"", "(and (header Message-ID=))" },
	{ "HEADER \"X Y\" {3+}\r\na b", "(and (header X Y=a b))" },
	{ "KEYWORD $Junk", "(and (keyword $Junk))" },
	{ "LARGER 0", "(and (larger 0))" },
	{ "LARGER 9223372036854775807", "(and (larger 9223372036854775807))" },
	{ "MODSEQ 620162338", "modseq! (and (modseq 620162338))" },
	{ "MODSEQ \"/flags/\\\\draft\" all 7", "modseq! (and (modseq 7))" },
	{ "NEW", "(and (none))" },
	{ "NOT SEEN", "(and (not (flag 1)))" },
	{ "NOT NOT SEEN", "(and (not (not (flag 1))))" },
	{ "NOT (SEEN DRAFT)", "(and (not (and (flag 1) (flag 16))))" },
	{ "OLD", "(and (all))" },
	{ "ON \"23-Nov-2026\"", "(and (on 20780))" },
	{ "OR SEEN DRAFT", "(and (or (flag 1) (flag 16)))" },
	{ "OR (SEEN DRAFT) NOT OR NEW OLD ALL",
	    "(and (or (and (flag 1) (flag 16)) (not (or (none) (all)))) (all))" },
	{ "RECENT", "(and (none))" },
	{ "SEEN", "(and (flag 1))" },
	{ "SENTBEFORE 1-Jan-1970", "(and (sentbefore 0))" },
	{ "SENTON 2-Jan-1970", "(and (senton 1))" },
	{ "SENTSINCE 31-Dec-1969", "(and (sentsince -1))" },
	{ "SINCE 01-jan-1970", "(and (since 0))" },
	{ "SMALLER 10", "(and (smaller 10))" },
	{ "SUBJECT x", "(and (header subject=x))" },
	{ "TEXT x", "(and (text x))" },
	{ "TO x", "(and (header to=x))" },
	{ "UID 1:3,*", "(and (uid 1:3,*))" },
	{ "UID $", "(and (uid $))" },
	{ "UNANSWERED", "(and (no-flag 2))" },
	{ "UNDELETED", "(and (no-flag 8))" },
	{ "UNDRAFT", "(and (no-flag 16))" },
	{ "UNFLAGGED", "(and (no-flag 4))" },
	{ "UNKEYWORD a", "(and (no-keyword a))" },
	{ "UNSEEN", "(and (no-flag 1))" },
	{ "2,4:7,9,12:*", "(and (seq 2,4:7,9,12:*))" },
	{ "*", "(and (seq *))" },
	{ "$", "(and (seq $))" },
	{ "1:* SEEN", "(and (seq 1:*) (flag 1))" },
	{ "(SEEN)", "(and (and (flag 1)))" },
	{ "((SEEN) (DRAFT ALL)) NEW",
	    "(and (and (and (flag 1)) (and (flag 16) (all))) (none))" },
	{ "CHARSET UTF-8 TEXT {2+}\r\n\xc3\xa4", "(and (text \\xc3\\xa4))" },
	{ "CHARSET us-ascii ALL", "(and (all))" },
	{ "CHARSET \"utf-8\" ALL", "(and (all))" },
	{ "CHARSET KOI8-R ALL", "charset? (and (all))" },
	{ "RETURN () ALL", "return: all (and (all))" },
	{ "RETURN (MIN MAX COUNT ALL SAVE) ALL",
	    "return: min max count all save (and (all))" },
	{ "return (count) ALL", "return: count (and (all))" },
	{ "RETURN (SAVE) ALL", "return: save (and (all))" },
	{ "RETURN (MIN) CHARSET UTF-8 SEEN", "return: min (and (flag 1))" },
	/* RFC 9394 */
	{ "RETURN (PARTIAL 1:500) ALL", "return: partial 1 to 500 (1:500) (and (all))" },
	{ "RETURN (partial 500:400 COUNT) ALL",
	    "return: count partial 400 to 500 (500:400) (and (all))" },
	{ "RETURN (SAVE PARTIAL -1:-100) ALL",
	    "return: save partial from the end 1 to 100 (-1:-100) (and (all))" },
	/* RFC 5032, 8514, 8474 */
	{ "OLDER 1", "(and (older 1))" },
	{ "YOUNGER 4294967295", "(and (younger 4294967295))" },
	{ "SAVEDBEFORE 2-Jan-1970", "saved! (and (savedbefore 1))" },
	{ "SAVEDON \"2-Jan-1970\"", "saved! (and (savedon 1))" },
	{ "SAVEDSINCE 2-Jan-1970", "saved! (and (savedsince 1))" },
	{ "SAVEDATESUPPORTED", "(and (all))" },
	{ "EMAILID M00000001000000ff", "(and (emailid 1000000ff))" },
	{ "EMAILID M00000001000000FF", "(and (none))" },
	{ "EMAILID x_-9", "(and (none))" },
	{ "THREADID T1", "(and (none))" },

	{ "", NULL },
	{ " ALL", NULL },
	{ "ALL ", NULL },
	{ "ALL  SEEN", NULL },
	{ "ALL)", NULL },
	{ "()", NULL },
	{ "(ALL", NULL },
	{ "( ALL)", NULL },
	{ "(ALL )", NULL },
	{ "(ALL)(SEEN)", NULL },
	{ "ALLX", NULL },
	{ "XYZZY", NULL },
	{ "NOT", NULL },
	{ "NOT ", NULL },
	{ "OR SEEN", NULL },
	{ "OR SEEN ", NULL },
	{ "OR", NULL },
	{ "FROM", NULL },
	{ "FROM ", NULL },
	{ "FROM \"x", NULL },
	{ "FROM (x)", NULL },
	{ "HEADER x", NULL },
	{ "HEADER x ", NULL },
	{ "KEYWORD", NULL },
	{ "KEYWORD \\Seen", NULL },
	{ "KEYWORD \"a\"", NULL },
	{ "LARGER", NULL },
	{ "LARGER x", NULL },
	{ "LARGER -1", NULL },
	{ "LARGER 9223372036854775808", NULL },
	{ "BEFORE", NULL },
	{ "BEFORE x", NULL },
	{ "BEFORE 1-Feb-94", NULL },
	{ "BEFORE 32-Jan-1994", NULL },
	{ "BEFORE 30-Feb-1994", NULL },
	{ "BEFORE 1-Foo-1994", NULL },
	{ "BEFORE \"1-Feb-1994", NULL },
	{ "BEFORE 1-Feb-1994\"", NULL },
	{ "UID", NULL },
	{ "UID x", NULL },
	{ "UID 0", NULL },
	{ "0", NULL },
	{ "1:2:3", NULL },
	{ "1,", NULL },
	{ "MODSEQ", NULL },
	{ "MODSEQ x", NULL },
	{ "MODSEQ \"a\" 7", NULL },
	{ "CHARSET UTF-8", NULL },
	{ "CHARSET ALL", NULL },
	{ "RETURN ALL", NULL },
	{ "RETURN (ALL)", NULL },
	{ "RETURN (ALL", NULL },
	{ "RETURN (FOO) ALL", NULL },
	{ "RETURN (MINMAX) ALL", NULL },
	{ "RETURN ( MIN) ALL", NULL },
	{ "RETURN (MIN ) ALL", NULL },
	{ "RETURN (MIN  MAX) ALL", NULL },
	{ "RETURN (MINX) ALL", NULL },
	{ "RETURN (PARTIAL 1:2 ALL) ALL", NULL },
	{ "RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL", NULL },
	{ "RETURN (PARTIAL) ALL", NULL },
	{ "RETURN (PARTIAL 1) ALL", NULL },
	{ "RETURN (PARTIAL 0:1) ALL", NULL },
	{ "RETURN (PARTIAL 1:*) ALL", NULL },
	{ "RETURN (PARTIAL -1:5) ALL", NULL },
	{ "RETURN (PARTIAL 1:-5) ALL", NULL },
	{ "RETURN (PARTIAL 1:4294967296) ALL", NULL },
	{ "RETURN (PARTIAL 1:5 MIN", NULL },
	{ "OLDER 0", NULL },
	{ "YOUNGER", NULL },
	{ "YOUNGER 4294967296", NULL },
	{ "SAVEDON", NULL },
	{ "SAVEDON x", NULL },
	{ "EMAILID", NULL },
	{ "EMAILID (x)", NULL },
	{ "EMAILID \"x\"", NULL },
};

START_TEST(keys)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_arena a = { .limit = ARENA_MAX };
		struct vx_buf shown = { .max = 1000 };
		struct vx_cursor c = vx_cursor_of(vx_slice_str(rows[i].in));
		struct vx_imap_search s;
		const bool ok = vx_imap_search(&c, &a, &s);

		ck_assert_msg(ok == (rows[i].tree != NULL), "%s", rows[i].in);
		if (ok) {
			show_search(&shown, &s);
			vxt_assert_str(vx_buf_slice(&shown), rows[i].tree);
		}
		vx_buf_done(&shown);
		vx_arena_done(&a);
	}
}
END_TEST

/* `each` count times, then the rest; does it parse? */
static bool parses_many(
    const char *each, size_t count, const char *middle, const char *each_end)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_buf b = { .max = ARENA_MAX };
	struct vx_imap_search s;
	struct vx_cursor c;
	bool ok;

	for (size_t i = 0; i < count; i++)
		vx_buf_add_str(&b, each);
	vx_buf_add_str(&b, middle);
	for (size_t i = 0; i < count; i++)
		vx_buf_add_str(&b, each_end);
	c = vx_cursor_of(vx_buf_slice(&b));
	ok = vx_imap_search(&c, &a, &s);
	vx_buf_done(&b);
	vx_arena_done(&a);
	return ok;
}

START_TEST(limits)
{
	/* the program itself is a level, and so is the key inside */
	ck_assert(parses_many("(", VX_IMAP_SEARCH_DEPTH_MAX - 1, "ALL", ")"));
	ck_assert(!parses_many("(", VX_IMAP_SEARCH_DEPTH_MAX, "ALL", ")"));
	ck_assert(parses_many("NOT ", VX_IMAP_SEARCH_DEPTH_MAX - 1, "ALL", ""));
	ck_assert(!parses_many("NOT ", VX_IMAP_SEARCH_DEPTH_MAX, "ALL", ""));
	ck_assert(!parses_many("(", 100000, "ALL", ")"));
	ck_assert(!parses_many("OR ", 100000, "ALL", " ALL"));
	/* and a key for the program */
	ck_assert(parses_many("ALL ", VX_IMAP_SEARCH_KEYS_MAX - 2, "ALL", ""));
	ck_assert(!parses_many("ALL ", VX_IMAP_SEARCH_KEYS_MAX - 1, "ALL", ""));
}
END_TEST

/* With less memory it is refused, never half a tree. */
START_TEST(short_memory)
{
	static const char text[] =
	    "RETURN (MIN) CHARSET UTF-8 OR (FROM \"a b\" 1:3,5,7) NOT "
	    "HEADER x {2+}\r\nab KEYWORD k UID 1,2,3,4,5,6,7,8,9,10";
	struct vx_buf want = { .max = 1000 }, got = { .max = 1000 };
	size_t taken = 0;

	for (size_t limit = 8192; limit > 0; limit -= 16) {
		struct vx_arena a = { .limit = limit };
		struct vx_cursor c = vx_cursor_of(vx_slice_str(text));
		struct vx_imap_search s;

		if (vx_imap_search(&c, &a, &s)) {
			struct vx_buf *shown = taken++ == 0 ? &want : &got;

			vx_buf_reset(shown);
			show_search(shown, &s);
			vxt_assert_slice(vx_buf_slice(shown), vx_buf_slice(&want));
		}
		vx_arena_done(&a);
	}
	ck_assert(taken > 1 && taken < 512);
	vx_buf_done(&want);
	vx_buf_done(&got);
}
END_TEST

VXT_SUITE(test_search, "search", keys, limits, short_memory)
