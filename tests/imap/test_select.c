/* What may stand behind the mailbox of SELECT (RFC 7162 7). */
#include "imap/parse.h"
#include "lib/vxt.h"

#include <stdlib.h>

static void show_set(struct vx_buf *out, const struct vx_imap_set *s)
{
	for (size_t i = 0; i < s->count; i++)
		vx_buf_printf(out, "%s%u:%u", i > 0 ? "," : "", s->ranges[i].first,
		    s->ranges[i].last);
}

static void show(struct vx_buf *out, const struct vx_imap_select *s)
{
	if (s->condstore)
		vx_buf_add_str(out, "C");
	if (s->qresync)
		vx_buf_printf(
		    out, "Q %u %llu", s->uidvalidity, (unsigned long long)s->modseq);
	if (s->has_known)
		vx_buf_add_str(out, " known ");
	show_set(out, &s->known);
	if (s->has_match)
		vx_buf_add_str(out, " match ");
	show_set(out, &s->match[0]);
	vx_buf_add_str(out, s->has_match ? "=" : "");
	show_set(out, &s->match[1]);
}

START_TEST(parameters)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} t[] = {
		{ "", "" },
		{ " (CONDSTORE)", "C" },
		{ " (condstore qresync (1 2))", "CQ 1 2" },
		{ " (QRESYNC (4294967295 9223372036854775807))",
		    "Q 4294967295 9223372036854775807" },
		{ " (QRESYNC (7 0))", "Q 7 0" },
		{ " (QRESYNC (1 2 3,9:5) CONDSTORE)", "CQ 1 2 known 3:3,9:5" },
		{ " (QRESYNC (1 2 3 (4:5 8,9)))", "Q 1 2 known 3:3 match 4:5=8:8,9:9" },
		{ " (QRESYNC (1 2 (4 8)))", "Q 1 2 match 4:4=8:8" },
		{ " (QRESYNC (1 2 (1:4294967295 1:4294967295)))",
		    "Q 1 2 match 1:4294967295=1:4294967295" },
		{ " ", NULL },
		{ " ()", NULL },
		{ " (CONDSTORE", NULL },
		{ " (CONDSTORE )", NULL },
		{ " (CONDSTORE) ", NULL },
		{ " (CONDSTORE CONDSTORE)", NULL },
		{ " (ANNOTATE)", NULL },
		{ " (QRESYNC)", NULL },
		{ " (QRESYNC ())", NULL },
		{ " (QRESYNC (1))", NULL },
		{ " (QRESYNC (0 1))", NULL },
		{ " (QRESYNC (4294967296 1))", NULL },
		{ " (QRESYNC (1 9223372036854775808))", NULL },
		{ " (QRESYNC (1 2 ))", NULL },
		{ " (QRESYNC (1 2 0))", NULL },
		{ " (QRESYNC (1 2 *))", NULL },
		{ " (QRESYNC (1 2 1:*))", NULL },
		{ " (QRESYNC (1 2 $))", NULL },
		{ " (QRESYNC (1 2 3 4))", NULL },
		{ " (QRESYNC (1 2 3 (4)))", NULL },
		{ " (QRESYNC (1 2 3 (4 5))", NULL },
		{ " (QRESYNC (1 2 3 (4 *)))", NULL },
		{ " (QRESYNC (1 2 3 (4:5 5:7)))", NULL },
		{ " (QRESYNC (1 2 3 (2:1 5:6)))", NULL },
		{ " (QRESYNC (1 2 3 (1,1 5,6)))", NULL },
		{ " (QRESYNC (1 2 3 (2,1 5,6)))", NULL },
		{ " (QRESYNC (1 2 3 (1,2 6,5)))", NULL },
		{ " (QRESYNC (1 2) QRESYNC (1 2))", NULL },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct vx_arena a = { .limit = 1 << 20 };
		struct vx_buf text = { .max = 1000 };
		struct vx_imap_select s;
		struct vx_cursor c = vx_cursor_of(vx_slice_str(t[i].in));
		const bool ok = vx_imap_select_params(&c, &a, &s);

		ck_assert_msg(ok == (t[i].out != NULL), "%s", t[i].in);
		if (ok) {
			show(&text, &s);
			vxt_assert_str(vx_buf_slice(&text), t[i].out);
		}
		vx_buf_done(&text);
		vx_arena_done(&a);
	}
}
END_TEST

VXT_SUITE(test_select, "select", parameters)
