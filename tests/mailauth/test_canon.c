/* Canonical forms: their SHA-256 is that of the text that they should be. */
#include "lib/vxt.h"
#include "mailauth/canon.h"
#include "mailauth/header.h"

static void check_digest(const char *what, vx_slice in, const char *digest, vx_slice want)
{
	char wanted[VX_SHA256_OCTETS], shown[300], shown_want[300];

	vx_sha256(want, wanted);
	ck_assert_msg(memcmp(digest, wanted, VX_SHA256_OCTETS) == 0,
	    "%s of \"%s\" is not \"%s\"", what, vxt_escape(in, shown, sizeof(shown)),
	    vxt_escape(want, shown_want, sizeof(shown_want)));
}

/* --- fields --------------------------------------------------------------------------
 */

static void check_field(
    vx_slice field, const char *without, const char *simple, const char *relaxed)
{
	const vx_slice whole = field;
	struct vx_field f;
	vx_slice cut = { NULL, 0 };

	ck_assert(vx_field_next(&field, &f));
	if (without != NULL) {
		cut = vx_slice_str(without);
		cut.ptr = whole.ptr + vx_slice_find_slice(whole, cut);
	}
	for (int i = 0; i < 2; i++) {
		struct vx_sha256_state hash;
		char digest[VX_SHA256_OCTETS];

		vx_sha256_begin(&hash);
		vx_canon_field(&hash, i == 1, &f, cut);
		vx_sha256_end(&hash, digest);
		check_digest(i == 1 ? "relaxed" : "simple", whole, digest,
		    vx_slice_str(i == 1 ? relaxed : simple));
	}
}

START_TEST(fields)
{
	static const struct {
		const char *field, *without, *simple, *relaxed;
	} rows[] = {
		/* RFC 6376 3.4.5 */
		{ "A: X\r\n", NULL, "A: X\r\n", "a:X\r\n" },
		{ "B : Y\t\r\n\tZ  \r\n", NULL, "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n" },
		/* 3.4.2 */
		{ "SUBJect: AbC\r\n", NULL, "SUBJect: AbC\r\n", "subject:AbC\r\n" },
		{ "A:\r\n", NULL, "A:\r\n", "a:\r\n" },
		{ "A: \r\n", NULL, "A: \r\n", "a:\r\n" },
		{ "A:\r\n \r\n b\r\n", NULL, "A:\r\n \r\n b\r\n", "a:b\r\n" },
		{ "A: b\r\n \t\r\n", NULL, "A: b\r\n \t\r\n", "a:b\r\n" },
		{ "A:b  c\t \td", NULL, "A:b  c\t \td\r\n", "a:b c d\r\n" },
		{ "A:b:c : d\r\n", NULL, "A:b:c : d\r\n", "a:b:c : d\r\n" },
		/* what comes as it should not: a bare CR is content, LF ends a line */
		{ "A: b\rc\r\n", NULL, "A: b\rc\r\n", "a:b\rc\r\n" },
		{ "A: b\n c\n", NULL, "A: b\n c\r\n", "a:b c\r\n" },
		{ "A: \xc3\xa9\r\n", NULL, "A: \xc3\xa9\r\n", "a:\xc3\xa9\r\n" },
		/* 3.5: without the value of b= and without CRLF */
		{ "D: a=1; b= xy\r\n z ; c=2\r\n", " xy\r\n z ", "D: a=1; b=; c=2",
		    "d:a=1; b=; c=2" },
		{ "D: a=1; b=xy\r\n z\r\n", "xy\r\n z", "D: a=1; b=", "d:a=1; b=" },
		{ "D: b=\t ; c=2 \r\n", "\t ", "D: b=; c=2 ", "d:b=; c=2" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_field(vx_slice_str(rows[i].field), rows[i].without, rows[i].simple,
		    rows[i].relaxed);
}
END_TEST

/* Longer than what is written at once. */
START_TEST(long_fields)
{
	struct vx_buf in = { .max = 10000 }, relaxed = { .max = 10000 };

	vx_buf_add_str(&in, "Long:");
	vx_buf_add_str(&relaxed, "long:");
	for (int i = 0; i < 1000; i++) {
		vx_buf_add_str(&in, i % 3 == 0 ? " \r\n\tx" : "  y");
		vx_buf_add_str(&relaxed, i == 0 ? "x" : i % 3 == 0 ? " x" : " y");
	}
	vx_buf_add_str(&in, "\r\n");
	vx_buf_add_str(&relaxed, "\r\n");
	check_field(vx_buf_slice(&in), NULL, in.ptr, relaxed.ptr);
	vx_buf_done(&in);
	vx_buf_done(&relaxed);
}
END_TEST

/* --- the body ------------------------------------------------------------------------
 */

/* As the RFC says it, in passes over the whole. */
static void simply(vx_slice in, struct vx_buf *out)
{
	vx_buf_reset(out);
	while (vx_slice_has_suffix(in, VX_S("\r\n")))
		in.len -= 2;
	vx_buf_add(out, in);
	vx_buf_add_str(out, "\r\n");
}

static void relax_line(vx_slice in, struct vx_buf *out)
{
	while (in.len > 0 && strchr(" \t", in.ptr[in.len - 1]) != NULL)
		in.len--;
	for (size_t i = 0; i < in.len; i++) {
		const bool blank = in.ptr[i] == ' ' || in.ptr[i] == '\t';

		if (!blank)
			vx_buf_add_char(out, in.ptr[i]);
		else if (i == 0 || (in.ptr[i - 1] != ' ' && in.ptr[i - 1] != '\t'))
			vx_buf_add_char(out, ' ');
	}
	vx_buf_add_str(out, "\r\n");
}

static void relaxedly(vx_slice in, struct vx_buf *out)
{
	vx_buf_reset(out);
	while (in.len > 0) {
		const size_t at = vx_slice_find_slice(in, VX_S("\r\n"));

		relax_line(vx_slice_head(in, at), out);
		in = vx_slice_from(in, at + 2);
	}
	while (vx_slice_has_suffix(vx_buf_slice(out), VX_S("\r\n\r\n")))
		vx_buf_truncate(out, out->len - 2);
	if (vx_slice_eq(vx_buf_slice(out), VX_S("\r\n")))
		vx_buf_reset(out);
}

struct expected {
	vx_slice in;
	struct vx_buf form[2]; /* simple, relaxed */
};

/* All at once, and a third hash with l= for each form. */
static void hash_pieces(void *ctx, const vx_slice *pieces, size_t count)
{
	const struct expected *e = ctx;
	const uint64_t length = e->form[0].len / 2, longer = e->form[1].len + 1;
	struct vx_body b = { 0 };

	ck_assert_int_eq(vx_body_want(&b, false, UINT64_MAX), 0);
	ck_assert_int_eq(vx_body_want(&b, true, UINT64_MAX), 1);
	ck_assert_int_eq(vx_body_want(&b, false, length), 2);
	ck_assert_int_eq(vx_body_want(&b, true, longer), 3);
	for (size_t i = 0; i < count; i++)
		vx_body_add(&b, pieces[i]);
	vx_body_end(&b);
	for (int i = 0; i < 2; i++)
		check_digest(i == 1 ? "relaxed" : "simple", e->in, b.hashes[i].digest,
		    vx_buf_slice(&e->form[i]));
	check_digest("l=", e->in, b.hashes[2].digest,
	    vx_slice_head(vx_buf_slice(&e->form[0]), (size_t)length));
	check_digest("l=", e->in, b.hashes[3].digest, vx_buf_slice(&e->form[1]));
	ck_assert(!vx_body_short(&b.hashes[0]) && !vx_body_short(&b.hashes[1]));
	ck_assert(!vx_body_short(&b.hashes[2]) && vx_body_short(&b.hashes[3]));
}

static void check_body(vx_slice in, const char *simple, const char *relaxed)
{
	struct expected e = { in, { { .max = 100000 }, { .max = 100000 } } };

	if (simple != NULL) {
		vx_buf_add_str(&e.form[0], simple);
		vx_buf_add_str(&e.form[1], relaxed);
	} else {
		simply(in, &e.form[0]);
		relaxedly(in, &e.form[1]);
	}
	if (simple == NULL && in.len <= 8) { /* many: whole, and octet by octet */
		vx_slice pieces[8];

		for (size_t i = 0; i < in.len; i++)
			pieces[i] = vx_slice_of(in.ptr + i, 1);
		hash_pieces(&e, &in, 1);
		hash_pieces(&e, pieces, in.len);
	} else {
		vxt_every_split(in, hash_pieces, &e);
	}
	vx_buf_done(&e.form[0]);
	vx_buf_done(&e.form[1]);
}

START_TEST(bodies)
{
	static const struct {
		const char *in, *simple, *relaxed;
	} rows[] = {
		/* RFC 6376 3.4.5 */
		{ " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n" },
		/* 3.4.3, 3.4.4: nothing, empty lines, blanks only, no CRLF at the end */
		{ "", "\r\n", "" },
		{ "\r\n", "\r\n", "" },
		{ "\r\n\r\n\r\n", "\r\n", "" },
		{ " \r\n", " \r\n", "" },
		{ " \t\r\n\t\r\n\r\n", " \t\r\n\t\r\n", "" },
		{ " ", " \r\n", "" },
		{ "a", "a\r\n", "a\r\n" },
		{ "a ", "a \r\n", "a\r\n" },
		{ "\r\na", "\r\na\r\n", "\r\na\r\n" },
		{ " \r\na", " \r\na\r\n", "\r\na\r\n" },
		{ "a\r\n \r\n", "a\r\n \r\n", "a\r\n" },
		{ "a\r\n\r\nb\r\n\r\n", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n" },
		{ "a  b\tc\t\r\n  d", "a  b\tc\t\r\n  d\r\n", "a b c\r\n d\r\n" },
		/* bare ones are content */
		{ "a\n", "a\n\r\n", "a\n\r\n" },
		{ "a\r", "a\r\r\n", "a\r\r\n" },
		{ "a \rb \r\r\n", "a \rb \r\r\n", "a \rb \r\r\n" },
		{ "\r", "\r\r\n", "\r\r\n" },
		{ "a \n b", "a \n b\r\n", "a \n b\r\n" },
		{ "a\r\n\r", "a\r\n\r\r\n", "a\r\n\r\r\n" },
		{ "\xc3\xa9  \x01 \x7f\r\n", "\xc3\xa9  \x01 \x7f\r\n",
		    "\xc3\xa9 \x01 \x7f\r\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_body(vx_slice_str(rows[i].in), rows[i].simple, rows[i].relaxed);
}
END_TEST

/* Every text of up to six of these octets. */
START_TEST(all_short_bodies)
{
	static const char octets[] = "\r\n \ta";
	char in[6];
	size_t at[6];

	for (size_t len = 0; len <= sizeof(in); len++) {
		size_t n = 1;

		for (size_t i = 0; i < len; i++)
			n *= 5;
		for (size_t k = 0; k < n; k++) {
			size_t rest = k;

			for (size_t i = 0; i < len; i++, rest /= 5) {
				at[i] = rest % 5;
				in[i] = octets[at[i]];
			}
			check_body(vx_slice_of(in, len), NULL, NULL);
		}
	}
}
END_TEST

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

START_TEST(random_bodies)
{
	static const char *const parts[] = { "\r\n", "\r\n", " ", "  ", "\t", "a", "word",
		"\r", "\n", "\r\n\r\n", "a longer piece of text", "=20" };
	uint32_t seed = 6376;

	for (int round = 0; round < 60; round++) {
		struct vx_buf in = { .max = 10000 };
		const uint32_t n = next_random(&seed) % 200;

		for (uint32_t i = 0; i < n; i++)
			vx_buf_add_str(&in, parts[next_random(&seed) % 12]);
		check_body(vx_buf_slice(&in), NULL, NULL);
		vx_buf_done(&in);
	}
}
END_TEST

/* More empty lines than are written at once, and a length in the middle of them. */
START_TEST(many_empty_lines)
{
	struct vx_buf in = { .max = 10000 };
	struct vx_body b = { 0 };

	vx_buf_add_str(&in, "a\r\n");
	for (int i = 0; i < 1001; i++)
		vx_buf_add_str(&in, "\r\n");
	check_body(vx_buf_slice(&in), "a\r\n", "a\r\n");
	vx_buf_add_str(&in, "b");
	check_body(vx_buf_slice(&in), NULL, NULL);
	(void)vx_body_want(&b, true, 1000);
	vx_body_add(&b, vx_buf_slice(&in));
	vx_body_end(&b);
	check_digest("l=1000", vx_slice_head(vx_buf_slice(&in), 10), b.hashes[0].digest,
	    vx_slice_head(vx_buf_slice(&in), 1000));
	vx_buf_done(&in);
}
END_TEST

START_TEST(hashes_are_shared_and_limited)
{
	struct vx_body b = { 0 };

	for (int i = 0; i < VX_DKIM_BODY_HASHES_MAX; i++) {
		ck_assert_int_eq(vx_body_want(&b, i % 2, (uint64_t)i), i);
		ck_assert_int_eq(vx_body_want(&b, i % 2, (uint64_t)i), i);
	}
	ck_assert_int_eq(vx_body_want(&b, false, 1), -1);
	ck_assert_int_eq(vx_body_want(&b, true, 1), 1);
}
END_TEST

/* --- which fields ---------------------------------------------------------------------
 */

static const char header[] = "A: 1\r\nB: 2\r\nno field\r\na: 3\r\nAa: 4\r\nA : 5\r\n\r\n";

START_TEST(fields_are_taken_from_the_bottom)
{
	struct vx_mail_header h;
	struct vx_mail_pick p;

	vxt_assert_ok(vx_mail_header_init(&h, vx_slice_str(header)));
	ck_assert_uint_eq(h.count, 5);
	ck_assert_uint_eq(vx_mail_header_count(&h, "a"), 3);
	vx_mail_pick_init(&p, &h, NULL);
	vxt_assert_str(vx_mail_pick_next(&p, VX_S("A"))->value, " 5");
	vxt_assert_str(vx_mail_pick_next(&p, VX_S("aA"))->value, " 4");
	vxt_assert_str(vx_mail_pick_next(&p, VX_S("a"))->value, " 3");
	vxt_assert_str(vx_mail_pick_next(&p, VX_S("A"))->value, " 1");
	ck_assert_ptr_null(vx_mail_pick_next(&p, VX_S("A")));
	ck_assert_ptr_null(vx_mail_pick_next(&p, VX_S("no field")));
	ck_assert_ptr_null(vx_mail_pick_next(&p, VX_S("")));
	vx_mail_pick_init(&p, &h, &h.fields[2].f); /* "a: 3" signs the others */
	vxt_assert_str(vx_mail_pick_next(&p, VX_S("A"))->value, " 5");
	vxt_assert_str(vx_mail_pick_next(&p, VX_S("A"))->value, " 1");
	vx_mail_header_done(&h);
}
END_TEST

START_TEST(headers_have_limits)
{
	struct vx_mail_header h;
	struct vx_buf b = { .max = 2 * VX_DKIM_HEADER_OCTETS_MAX };

	for (int i = 0; i < VX_DKIM_FIELDS_MAX; i++)
		vx_buf_add_str(&b, "A:\r\nno\r\n");
	vxt_assert_ok(vx_mail_header_init(&h, vx_buf_slice(&b)));
	ck_assert(!h.too_long);
	ck_assert_uint_eq(h.count, VX_DKIM_FIELDS_MAX);
	vx_mail_header_done(&h);
	vx_buf_add_str(&b, "A:\r\n");
	vxt_assert_ok(vx_mail_header_init(&h, vx_buf_slice(&b)));
	ck_assert(h.too_long);
	ck_assert_uint_eq(h.count, VX_DKIM_FIELDS_MAX);
	vx_mail_header_done(&h);

	vx_buf_reset(&b);
	vx_buf_add_str(&b, "A:");
	while (b.len < VX_DKIM_HEADER_OCTETS_MAX)
		vx_buf_add_char(&b, 'x');
	vxt_assert_ok(vx_mail_header_init(&h, vx_buf_slice(&b)));
	ck_assert(!h.too_long);
	vx_mail_header_done(&h);
	vx_buf_add_char(&b, 'x');
	vxt_assert_ok(vx_mail_header_init(&h, vx_buf_slice(&b)));
	ck_assert(h.too_long);
	vx_mail_header_done(&h);
	vx_buf_done(&b);
}
END_TEST

VXT_SUITE(test_canon, "canon", fields, long_fields, bodies, all_short_bodies,
    random_bodies, many_empty_lines, hashes_are_shared_and_limited,
    fields_are_taken_from_the_bottom, headers_have_limits)
