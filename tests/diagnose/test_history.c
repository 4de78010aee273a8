/* What is kept of checks: which runs, and what they tell. */
#include "lib/vxt.h"
#include "vectis/history.h"

#include <stdio.h>

#define NOW INT64_C(1795888800)
#define HOUR 3600
#define HEAD "vectis-checks 1\n"

static struct vx_history h;

static void read_text(const char *text)
{
	vxt_assert_ok(vx_history_read(vx_slice_str(text), &h));
}

static void assert_text(const char *want)
{
	struct vx_buf text = { .max = VX_HISTORY_OCTETS_MAX };

	vx_history_write(&h, &text);
	vxt_assert_str(vx_buf_slice(&text), want);
	vx_buf_done(&text);
}

/* One check, of a name. */
static bool add(int64_t at, const char *name, enum vx_diag_verdict v)
{
	const struct vx_history_check c = { name, v };

	return vx_history_add(&h, at, v == VX_DIAG_FAIL ? 85 : 100, &c, 1);
}

START_TEST(texts)
{
	static const struct {
		const char *text;
		int rc;
	} rows[] = {
		{ HEAD, VX_OK },
		{ HEAD "passed 7\nrun 5 100\nrun 7 0 a=pass b_c.d-e=n/a\n", VX_OK },
		{ "", VX_ESYNTAX },
		{ "vectis-checks 1", VX_ESYNTAX },
		{ "vectis-checks 2\nwhatever\n", VX_EUNSUP },
		{ "vectis-checks 0\n", VX_EUNSUP },
		{ "vectis-checks x\n", VX_ESYNTAX },
		{ "vectis-checks\n", VX_ESYNTAX },
		{ "{\"runs\": []}\n", VX_ESYNTAX },
		{ HEAD "\n", VX_ESYNTAX },
		{ HEAD "run 5 100 a=pass", VX_ESYNTAX },
		{ HEAD "walk 5 100\n", VX_ESYNTAX },
		{ HEAD "run\n", VX_ESYNTAX },
		{ HEAD "run 0 100\n", VX_ESYNTAX },
		{ HEAD "run -5 100\n", VX_ESYNTAX },
		{ HEAD "run 253402300799 100\n", VX_OK },
		{ HEAD "run 253402300800 100\n", VX_ESYNTAX },
		{ HEAD "run 5\n", VX_ESYNTAX },
		{ HEAD "run 5 101\n", VX_ESYNTAX },
		{ HEAD "run 5 100 a\n", VX_ESYNTAX },
		{ HEAD "run 5 100 a=\n", VX_ESYNTAX },
		{ HEAD "run 5 100 =pass\n", VX_ESYNTAX },
		{ HEAD "run 5 100 a=green\n", VX_ESYNTAX },
		{ HEAD "run 5 100  a=pass\n", VX_ESYNTAX },
		{ HEAD "run 5 100 a\x1b[1m=pass\n", VX_ESYNTAX },
		{ HEAD "run 5 100 a=pass a=pass\n", VX_ESYNTAX },
		{ HEAD "run 5 100 a234567890123456789012345678901234567890=pass\n",
		    VX_OK },
		{ HEAD "run 5 100 a2345678901234567890123456789012345678901=pass\n",
		    VX_ESYNTAX },
		{ HEAD "passed 5\npassed 5\n", VX_ESYNTAX },
		{ HEAD "passed 5 6\n", VX_ESYNTAX },
		{ HEAD "passed\n", VX_ESYNTAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vx_history_init(&h);
		ck_assert(add(NOW, "kept", VX_DIAG_FAIL));
		ck_assert_msg(
		    vx_history_read(vx_slice_str(rows[i].text), &h) == rows[i].rc,
		    "row %zu", i);
		if (rows[i].rc == VX_OK)
			assert_text(rows[i].text);
		else
			assert_text(HEAD "run 1795888800 85 kept=fail\n");
	}
	/* an octet that is none of a name */
	ck_assert_int_eq(
	    vx_history_read(VX_S(HEAD "run 5 100 a\0b=pass\n"), &h), VX_ESYNTAX);
}
END_TEST

/* As many as may be, and one more. */
START_TEST(limits)
{
	struct vx_buf text = { .max = 2 * VX_HISTORY_OCTETS_MAX };

	vx_buf_add_str(&text, HEAD);
	for (int i = 0; i < VX_HISTORY_RUNS_MAX; i++)
		vx_buf_add_str(&text, "run 5 100\n");
	vxt_assert_ok(vx_history_read(vx_buf_slice(&text), &h));
	vx_buf_add_str(&text, "run 5 100\n");
	ck_assert_int_eq(vx_history_read(vx_buf_slice(&text), &h), VX_ELIMIT);
	for (int more = 0; more <= 1; more++) {
		vx_buf_reset(&text);
		vx_buf_add_str(&text, HEAD "run 5 100");
		for (int i = 0; i < VX_HISTORY_CHECKS_MAX + more; i++)
			vx_buf_printf(&text, " a%d=pass", i);
		vx_buf_add_str(&text, "\n");
		ck_assert_int_eq(
		    vx_history_read(vx_buf_slice(&text), &h), more ? VX_ELIMIT : VX_OK);
	}
	vx_buf_reset(&text);
	vx_buf_add_str(&text, HEAD);
	while (text.len <= VX_HISTORY_OCTETS_MAX)
		vx_buf_add_char(&text, '\n');
	ck_assert_int_eq(vx_history_read(vx_buf_slice(&text), &h), VX_ELIMIT);
	vx_buf_done(&text);
}
END_TEST

START_TEST(one_an_hour)
{
	vx_history_init(&h);
	ck_assert(add(NOW, "a", VX_DIAG_PASS));
	ck_assert(!add(NOW + HOUR - 1, "a", VX_DIAG_PASS));
	ck_assert(!add(NOW + HOUR - 1, "a", VX_DIAG_INFO));
	ck_assert(add(NOW + HOUR - 1, "a", VX_DIAG_FAIL));
	ck_assert(!add(NOW + HOUR, "a", VX_DIAG_FAIL));
	ck_assert(add(NOW + 2 * HOUR, "a", VX_DIAG_FAIL));
	/* a clock that was set back */
	ck_assert(add(NOW, "a", VX_DIAG_FAIL));
	/* another check is another result */
	ck_assert(add(NOW, "b", VX_DIAG_FAIL));
	assert_text(HEAD "passed 1795888800\nrun 1795888800 100 a=pass\n"
			 "run 1795892399 85 a=fail\nrun 1795896000 85 a=fail\n"
			 "run 1795888800 85 a=fail\nrun 1795888800 85 b=fail\n");
	/* and names that are none are left out */
	vx_history_init(&h);
	ck_assert(add(NOW, "a b", VX_DIAG_PASS));
	assert_text(HEAD "passed 1795888800\nrun 1795888800 100\n");
}
END_TEST

/* A run without FAIL counts, whether it is kept or not, until records are changed. */
START_TEST(passed)
{
	vx_history_init(&h);
	ck_assert(add(NOW, "a", VX_DIAG_FAIL));
	ck_assert_int_eq(h.passed, 0);
	ck_assert(add(NOW + 1, "a", VX_DIAG_WARN));
	ck_assert_int_eq(h.passed, NOW + 1);
	ck_assert(add(NOW + 2, "a", VX_DIAG_FAIL));
	ck_assert_int_eq(h.passed, NOW + 1);
	vx_history_changed(&h);
	ck_assert_int_eq(h.passed, 0);
	ck_assert(!add(NOW + 3, "a", VX_DIAG_FAIL));
	ck_assert_int_eq(h.passed, 0);
	ck_assert(add(NOW + 4, "a", VX_DIAG_PASS));
	vx_history_changed(&h);
	/* the same again, within the hour */
	ck_assert(add(NOW + 5, "a", VX_DIAG_PASS));
	ck_assert_int_eq(h.passed, NOW + 5);
	ck_assert_uint_eq(h.run_count, 4);
}
END_TEST

static void assert_since(const char *name, enum vx_diag_verdict v, int64_t since,
    bool has_before, enum vx_diag_verdict before, int64_t until)
{
	struct vx_history_since s;

	vxt_assert_ok(vx_history_since(&h, name, &s));
	ck_assert_int_eq(s.verdict, v);
	ck_assert_int_eq(s.since, since);
	ck_assert_int_eq(s.has_before, has_before);
	if (has_before) {
		ck_assert_int_eq(s.before, before);
		ck_assert_int_eq(s.until, until);
	}
}

START_TEST(since)
{
	struct vx_history_since s;

	vx_history_init(&h);
	ck_assert_int_eq(vx_history_since(&h, "a", &s), VX_ENOENT);
	read_text(HEAD
	    "run 1 100 a=pass b=n/a c=fail d=pass e=n/a f=pass g=pass h=n/a k=warn\n"
	    "run 2 100 a=pass b=n/a c=pass d=n/a e=pass f=warn h=n/a k=pass\n"
	    "run 3 100 a=pass b=fail c=n/a d=pass e=n/a f=fail h=pass k=info\n"
	    "run 4 100 a=pass b=fail c=pass d=n/a e=pass f=fail h=n/a i=info k=pass\n");
	assert_since("a", VX_DIAG_PASS, 1, false, 0, 0);
	assert_since("b", VX_DIAG_FAIL, 3, true, VX_DIAG_NA, 2);
	/* what could not be told meanwhile is no change */
	assert_since("c", VX_DIAG_PASS, 2, true, VX_DIAG_FAIL, 1);
	assert_since("d", VX_DIAG_NA, 4, true, VX_DIAG_PASS, 3);
	assert_since("e", VX_DIAG_PASS, 2, true, VX_DIAG_NA, 1);
	assert_since("f", VX_DIAG_FAIL, 3, true, VX_DIAG_WARN, 2);
	assert_since("h", VX_DIAG_NA, 4, true, VX_DIAG_PASS, 3);
	/* it has another name now */
	ck_assert_int_eq(vx_history_since(&h, "g", &s), VX_ENOENT);
	assert_since("k", VX_DIAG_PASS, 2, true, VX_DIAG_WARN, 1);
	assert_since("i", VX_DIAG_INFO, 4, false, 0, 0);
	ck_assert_int_eq(vx_history_since(&h, "j", &s), VX_ENOENT);
}
END_TEST

/* Runs that say nothing new go first, then the oldest. */
START_TEST(full)
{
	vx_history_init(&h);
	ck_assert(add(NOW, "a", VX_DIAG_FAIL));
	for (int i = 1; i < VX_HISTORY_RUNS_MAX + 50; i++)
		ck_assert(add(NOW + i * HOUR, "a", VX_DIAG_PASS));
	ck_assert_uint_eq(h.run_count, VX_HISTORY_RUNS_MAX);
	assert_since("a", VX_DIAG_PASS, NOW + HOUR, true, VX_DIAG_FAIL, NOW);
	for (int i = 0; i < 2 * VX_HISTORY_RUNS_MAX; i++)
		ck_assert(add(NOW + (i + 1000) * HOUR, "a",
		    i % 2 == 0 ? VX_DIAG_FAIL : VX_DIAG_PASS));
	ck_assert_uint_eq(h.run_count, VX_HISTORY_RUNS_MAX);
	ck_assert_int_eq(h.runs[0].at, NOW + 1100 * HOUR);
	/* names of other versions of this program, one after the other */
	for (int i = 0; i < 2 * VX_HISTORY_CHECKS_MAX; i++) {
		struct vx_history_check c[3];
		char names[3][16];

		for (int k = 0; k < 3; k++) {
			(void)snprintf(names[k], sizeof(names[k]), "b%d", 3 * i + k);
			c[k] = (struct vx_history_check){ names[k], VX_DIAG_INFO };
		}
		ck_assert(vx_history_add(&h, NOW + (i + 2000) * HOUR, 100, c, 3));
		assert_since(
		    names[2], VX_DIAG_INFO, NOW + (i + 2000) * HOUR, false, 0, 0);
	}
	ck_assert_uint_gt(h.run_count, VX_HISTORY_CHECKS_MAX / 3 - 2);
	ck_assert_uint_le(h.run_count, VX_HISTORY_RUNS_MAX);
}
END_TEST

START_TEST(colours)
{
	ck_assert_str_eq(vx_history_colour(VX_DIAG_PASS), "green");
	ck_assert_str_eq(vx_history_colour(VX_DIAG_INFO), "green");
	ck_assert_str_eq(vx_history_colour(VX_DIAG_WARN), "yellow");
	ck_assert_str_eq(vx_history_colour(VX_DIAG_FAIL), "red");
	ck_assert_str_eq(vx_history_colour(VX_DIAG_NA), "");
}
END_TEST

VXT_SUITE(
    test_history, "history", texts, limits, one_an_hour, passed, since, full, colours)
