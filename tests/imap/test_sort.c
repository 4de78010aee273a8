/* SORT: programs, the order of real messages, and random ones against a naive sort. */
#include "base/mem.h"
#include "imap/sort.h"
#include "lib/vxt.h"

#include <stdlib.h>
#include <strings.h>

static const struct {
	const char *in, *out; /* NULL: refused */
} programs[] = {
	{ "(SUBJECT)", "SUBJECT" },
	{ "(subject reverse date)", "SUBJECT -DATE" },
	{ "(REVERSE ARRIVAL CC FROM SIZE TO DISPLAYFROM DISPLAYTO)",
	    "-ARRIVAL CC FROM SIZE TO DISPLAYFROM DISPLAYTO" },
	/* what was sorted by already decides nothing more */
	{ "(DATE REVERSE DATE SUBJECT DATE)", "DATE SUBJECT" },
	{ "()", NULL },
	{ "SUBJECT", NULL },
	{ "(SUBJECT", NULL },
	{ "(SUBJECT )", NULL },
	{ "(REVERSE)", NULL },
	{ "(REVERSE REVERSE DATE)", NULL },
	{ "(SUBJECTS)", NULL },
	{ "(DATE  SUBJECT)", NULL },
};

static const char *const key_names[] = { "ARRIVAL", "CC", "DATE", "DISPLAYFROM",
	"DISPLAYTO", "FROM", "RELEVANCY", "SIZE", "SUBJECT", "TO" };

START_TEST(sort_programs)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct vx_cursor c = vx_cursor_of(vx_slice_str(programs[i].in));
		struct vx_buf out = { .max = 1000 };
		struct vx_sort_program p;
		const bool good = vx_sort_program(&c, &p);

		ck_assert_msg(good == (programs[i].out != NULL), "%s", programs[i].in);
		for (size_t k = 0; good && k < p.count; k++)
			vx_buf_printf(&out, "%s%s%s", k == 0 ? "" : " ",
			    p.criteria[k].reverse ? "-" : "",
			    key_names[p.criteria[k].key]);
		if (good)
			vxt_assert_str(vx_buf_slice(&out), programs[i].out);
		vx_buf_done(&out);
	}
}
END_TEST

START_TEST(too_many_criteria)
{
	struct vx_buf in = { .max = 1 << 16 };
	struct vx_sort_program p;

	for (size_t n = VX_SORT_CRITERIA_MAX; n <= VX_SORT_CRITERIA_MAX + 1; n++) {
		struct vx_cursor c;

		vx_buf_reset(&in);
		for (size_t i = 0; i < n; i++)
			vx_buf_add_str(&in, i == 0 ? "(DATE" : " DATE");
		vx_buf_add_char(&in, ')');
		c = vx_cursor_of(vx_buf_slice(&in));
		ck_assert_int_eq(vx_sort_program(&c, &p), n == VX_SORT_CRITERIA_MAX);
	}
	vx_buf_done(&in);
}
END_TEST

/* --- messages ------------------------------------------------------------------------
 */

struct described {
	struct vx_buf octets;
	struct vx_descriptor d;
	int64_t arrival;
};

static void describe(const char *header, int64_t arrival, struct described *out)
{
	struct vx_describer *w;

	*out = (struct described){ .octets = { .max = VX_DESCRIPTOR_MAX },
		.arrival = arrival };
	vxt_assert_ok(vx_describer_new(&w));
	vx_describer_add(w, vx_slice_str(header));
	vx_describer_add(w, VX_S("\r\n"));
	vxt_assert_ok(vx_describer_end(w, &out->octets));
	vx_describer_free(w);
	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&out->octets), &out->d));
}

static void program_of(const char *text, struct vx_sort_program *out)
{
	struct vx_cursor c = vx_cursor_of(vx_slice_str(text));

	ck_assert_msg(vx_sort_program(&c, out), "%s", text);
}

/* "2 1 3" */
static void sorted(
    const char *program, const struct described *mail, size_t count, struct vx_buf *out)
{
	struct vx_sort_program p;
	struct vx_sorter *s;
	const uint32_t *numbers;
	size_t n;

	program_of(program, &p);
	vxt_assert_ok(vx_sorter_new(&p, VX_SORT_MEMORY_MAX, &s));
	for (size_t i = 0; i < count; i++)
		vxt_assert_ok(
		    vx_sorter_add(s, (uint32_t)i + 1, mail[i].arrival, 0, &mail[i].d));
	vxt_assert_ok(vx_sorter_end(s, &numbers, &n));
	ck_assert_uint_eq(n, count);
	for (size_t i = 0; i < n; i++)
		vx_buf_printf(out, i == 0 ? "%u" : " %u", numbers[i]);
	vx_sorter_free(s);
}

static const struct {
	const char *header;
	int64_t arrival;
} mail_rows[] = {
	/* 1 */
	{ "From: \"Zoe\" <mike@a.example>\r\nTo: x@y.example\r\nSubject: Re: [l] beta\r\n"
	  "Date: Tue, 2 Jan 2001 00:00:00 +0000\r\n",
	    500 },
	/* 2: later than 1 in UTC; the name is encoded */
	{ "From: =?UTF-8?Q?=C3=84rger?= <adam@a.example>\r\nTo: bob@y.example\r\n"
	  "Subject: Beta\r\nDate: Mon, 1 Jan 2001 20:00:00 -0800\r\nCc: c@d.example\r\n",
	    400 },
	/* 3: no date: when it arrived; no display name */
	{ "From: ADAM@b.example\r\nTo: team: b@c.example;\r\nSubject: alpha\r\n"
	  "X: a longer message than the others, by its header, which counts as well\r\n",
	    300 },
	/* 4: no fields */
	{ "", 200 },
	/* 5 */
	{ "From: \"\" <carl@c.example>\r\nTo: \"Bob\" <z@z.example>\r\n"
	  "Subject: =?UTF-8?Q?=C3=A4lpha?=\r\nDate: 1 Jan 1999 00:00 GMT\r\n",
	    100 },
};

START_TEST(messages)
{
	static const struct {
		const char *program, *order;
	} rows[] = {
		{ "(ARRIVAL)", "5 4 3 2 1" },
		{ "(REVERSE ARRIVAL)", "1 2 3 4 5" },
		{ "(DATE)", "4 3 5 1 2" },
		{ "(SIZE)", "4 1 5 2 3" },
		/* i;unicode-casemap: an umlaut is its letter and a mark */
		{ "(SUBJECT)", "4 3 5 1 2" },
		{ "(REVERSE SUBJECT)", "1 2 5 3 4" }, /* 1 and 2 are the same: in order */
		{ "(SUBJECT REVERSE DATE)", "4 3 5 2 1" },
		{ "(FROM)", "4 2 3 5 1" },
		{ "(DISPLAYFROM)", "4 3 2 5 1" },
		{ "(TO)", "4 2 3 1 5" }, /* a group's name stands first in the envelope */
		{ "(DISPLAYTO)", "4 5 2 3 1" },
		{ "(CC)", "1 3 4 5 2" },
		{ "(CC REVERSE ARRIVAL)", "1 3 4 5 2" },
		{ "(CC ARRIVAL)", "5 4 3 1 2" },
	};
	struct described mail[5];

	for (size_t i = 0; i < 5; i++)
		describe(mail_rows[i].header, mail_rows[i].arrival, &mail[i]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vx_buf out = { .max = 1000 };

		sorted(rows[i].program, mail, 5, &out);
		ck_assert_msg(
		    vx_slice_eq(vx_buf_slice(&out), vx_slice_str(rows[i].order)),
		    "%s: %s, not %s", rows[i].program, out.ptr, rows[i].order);
		vx_buf_done(&out);
	}
	for (size_t i = 0; i < 5; i++)
		vx_buf_done(&mail[i].octets);
}
END_TEST

/* --- random ones ---------------------------------------------------------------------
 */

enum {
	RANDOM = 120
};

struct plain {
	char subject[8], from[8];
	long date, arrival;
};

static int compare(const struct plain *a, const struct plain *b, const char *key)
{
	if (strcmp(key, "SUBJECT") == 0)
		return strcasecmp(a->subject, b->subject);
	if (strcmp(key, "FROM") == 0)
		return strcasecmp(a->from, b->from);
	if (strcmp(key, "DATE") == 0)
		return (a->date > b->date) - (a->date < b->date);
	return (a->arrival > b->arrival) - (a->arrival < b->arrival);
}

static void random_plain(struct plain *p, unsigned *seed)
{
	static const char letters[] = "aAbBcC";

	for (size_t i = 0; i < 2; i++) {
		char *const text = i == 0 ? p->subject : p->from;

		for (size_t k = 0; k < 2; k++)
			text[k] = letters[(unsigned)rand_r(seed) % 6];
		text[2] = '\0';
	}
	p->date = rand_r(seed) % 9;
	p->arrival = rand_r(seed) % 9;
}

START_TEST(random_messages)
{
	static const char *const names[] = { "SUBJECT", "FROM", "DATE", "ARRIVAL" };
	static struct plain plain[RANDOM];
	static struct described mail[RANDOM];
	unsigned seed = 3;

	for (unsigned round = 0; round < 40; round++) {
		const char *keys[3];
		bool reverse[3];
		size_t order[RANDOM];
		struct vx_buf program = { .max = 200 }, got = { .max = 1 << 16 },
			      want = { .max = 1 << 16 };

		for (size_t k = 0; k < 3; k++) {
			keys[k] = names[(unsigned)rand_r(&seed) % 4];
			reverse[k] = rand_r(&seed) % 2 == 0;
			vx_buf_printf(&program, "%s%s%s", k == 0 ? "(" : " ",
			    reverse[k] ? "REVERSE " : "", keys[k]);
		}
		vx_buf_add_char(&program, ')');
		for (size_t i = 0; i < RANDOM; i++) {
			char header[200];
			struct vx_buf h = { .max = sizeof(header) - 1 };

			random_plain(&plain[i], &seed);
			vx_buf_printf(&h,
			    "Subject: Re: %s\r\nFrom: %s@x\r\n"
			    "Date: 1 Jan 2001 00:00:%02ld +0000\r\n",
			    plain[i].subject, plain[i].from, plain[i].date);
			describe(h.ptr, plain[i].arrival, &mail[i]);
			vx_buf_done(&h);
			order[i] = i;
			for (size_t k = i; k > 0; k--) {
				const size_t a = order[k - 1], b = order[k];
				int c = 0;

				for (size_t n = 0; n < 3 && c == 0; n++)
					c = (reverse[n] ? -1 : 1) *
					    compare(&plain[a], &plain[b], keys[n]);
				if (c <= 0)
					break;
				order[k - 1] = b;
				order[k] = a;
			}
		}
		for (size_t i = 0; i < RANDOM; i++)
			vx_buf_printf(&want, i == 0 ? "%zu" : " %zu", order[i] + 1);
		sorted(program.ptr, mail, RANDOM, &got);
		ck_assert_msg(vx_slice_eq(vx_buf_slice(&got), vx_buf_slice(&want)),
		    "%s\n%s\n%s", program.ptr, got.ptr, want.ptr);
		for (size_t i = 0; i < RANDOM; i++)
			vx_buf_done(&mail[i].octets);
		vx_buf_done(&program);
		vx_buf_done(&got);
		vx_buf_done(&want);
	}
}
END_TEST

START_TEST(sort_limits)
{
	struct vx_sort_program p;
	struct vx_sorter *s;
	struct described mail;
	bool failed = true;
	uint32_t n = 0;
	int rc = VX_OK;

	describe("Subject: x\r\n", 1, &mail);
	program_of("(SUBJECT DATE)", &p);
	vxt_assert_ok(vx_sorter_new(&p, 1 << 16, &s));
	for (; rc == VX_OK; n++)
		rc = vx_sorter_add(s, n + 1, 1, 0, &mail.d);
	ck_assert_int_eq(rc, VX_ELIMIT);
	ck_assert_uint_gt(n, 1000);
	vx_sorter_free(s);
	for (n = 0; failed; n++) {
		const uint32_t *numbers;
		size_t count;

		s = NULL;
		vx_mem_fail_at(n + 1);
		rc = vx_sorter_new(&p, VX_SORT_MEMORY_MAX, &s);
		for (uint32_t i = 0; rc == VX_OK && i < 70; i++)
			rc = vx_sorter_add(s, i, 70 - i, 0, &mail.d);
		if (rc == VX_OK)
			rc = vx_sorter_end(s, &numbers, &count);
		failed = vx_mem_failed() != 0;
		vx_mem_fail_at(0);
		ck_assert_int_eq(rc, failed ? VX_ENOMEM : VX_OK);
		vx_sorter_free(s);
	}
	ck_assert_uint_gt(n, 10);
	vx_buf_done(&mail.octets);
}
END_TEST

VXT_SUITE(test_sort, "sort", sort_programs, too_many_criteria, messages, random_messages,
    sort_limits)
