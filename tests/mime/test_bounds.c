/*
 * What is too much is cut where the headers say, and work grows no faster than what
 * comes.
 */
#include "lib/vxt.h"
#include "show.h"
#include "vectis/address.h"
#include "vectis/header.h"

#include <stdlib.h>
#include <time.h>

enum {
	INPUT_MAX = 32 << 20
};

static struct vx_descriptor opened(const struct vx_buf *octets)
{
	struct vx_descriptor d;

	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(octets), &d));
	return d;
}

static struct vx_part part_of(const struct vx_descriptor *d, uint32_t index)
{
	struct vx_part p;

	vxt_assert_ok(vx_descriptor_part(d, index, &p));
	return p;
}

/* The descriptor of text, which is the same in pieces of 1, 7 and 4,000 octets. */
static struct vx_buf described(const struct vx_buf *text)
{
	static const size_t chunks[] = { 1, 7, 4000 };
	const vx_slice whole = vx_buf_slice(text);
	struct vx_buf octets = describe(&whole, 1);

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		const size_t count = (whole.len + chunks[i] - 1) / chunks[i];
		vx_slice *pieces = calloc(count, sizeof(*pieces));
		struct vx_buf again;

		ck_assert_ptr_nonnull(pieces);
		for (size_t n = 0; n < count; n++)
			pieces[n] =
			    vx_slice_head(vx_slice_from(whole, n * chunks[i]), chunks[i]);
		again = describe(pieces, count);
		ck_assert(vx_slice_eq(vx_buf_slice(&again), vx_buf_slice(&octets)));
		vx_buf_done(&again);
		free(pieces);
	}
	return octets;
}

/* --- limits --------------------------------------------------------------------------
 */

START_TEST(a_long_header_is_cut_at_its_limit_in_every_split)
{
	struct vx_buf text = { .max = INPUT_MAX }, octets;
	struct vx_descriptor d;

	vx_buf_add_str(&text, "Subject: kept\r\nX: ");
	while (text.len < VX_HEADER_OCTETS_MAX + 1000)
		vx_buf_add_str(&text, "0123456789");
	vx_buf_add_str(&text, "\r\nFrom: not@kept\r\n\r\nbody\r\n");
	octets = described(&text);
	d = opened(&octets);
	ck_assert_uint_eq(d.defects, VX_DEFECT_HEADER_LIMIT);
	ck_assert_uint_eq(d.header_size, text.len - 6);
	ck_assert_uint_eq(d.field_count, 2);
	vxt_assert_str(d.base_subject, "kept");
	vx_buf_done(&octets);
	/* and of a part, which a delimiter ends */
	vx_buf_reset(&text);
	vx_buf_add_str(
	    &text, "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nX: ");
	while (text.len < VX_HEADER_OCTETS_MAX + 1000)
		vx_buf_add_str(&text, "0123456789");
	vx_buf_add_str(&text, "\r\n--x--\r\n");
	octets = described(&text);
	d = opened(&octets);
	ck_assert_uint_eq(d.defects, VX_DEFECT_HEADER_LIMIT | VX_DEFECT_NO_BLANK_LINE);
	ck_assert_uint_eq(d.part_count, 2);
	ck_assert_uint_eq(part_of(&d, 1).end, text.len - 7);
	vx_buf_done(&octets);
	vx_buf_done(&text);
}
END_TEST

START_TEST(fields_are_indexed_up_to_their_limit)
{
	struct vx_buf text = { .max = INPUT_MAX }, octets;
	struct vx_descriptor d;

	for (int over = 0; over < 2; over++) {
		vx_buf_reset(&text);
		for (int i = 0; i < VX_HEADER_FIELDS_MAX + over - 1; i++)
			vx_buf_add_str(&text, "A: b\r\n");
		vx_buf_add_str(&text, "Subject: last\r\n\r\n");
		octets = described(&text);
		d = opened(&octets);
		ck_assert_uint_eq(d.field_count, VX_HEADER_FIELDS_MAX);
		ck_assert_uint_eq(d.defects, over == 0 ? 0 : VX_DEFECT_HEADER_LIMIT);
		vxt_assert_str(d.base_subject, "last");
		vx_buf_done(&octets);
	}
	vx_buf_done(&text);
}
END_TEST

/* A multipart of count parts of a type that must not get lost. */
static struct vx_buf many_parts(int count)
{
	struct vx_buf text = { .max = INPUT_MAX }, octets;

	vx_buf_add_str(
	    &text, "Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < count; i++)
		vx_buf_add_str(&text, "--b\r\nContent-Type: a/b; n=v\r\n"
				      "Content-Transfer-Encoding: 8bit\r\n"
				      "Content-Disposition: inline; f=g\r\n\r\nx\r\n");
	vx_buf_add_str(&text, "--b--\r\n");
	octets = described(&text);
	vx_buf_done(&text);
	return octets;
}

START_TEST(parts_are_described_up_to_their_limit)
{
	for (int over = 0; over < 2; over++) {
		struct vx_buf octets = many_parts(VX_MIME_PARTS_MAX - 1 + over);
		const struct vx_descriptor d = opened(&octets);

		ck_assert_uint_eq(d.defects, over == 0 ? 0 : VX_DEFECT_PARTS);
		ck_assert_uint_eq(d.part_count, VX_MIME_PARTS_MAX);
		for (uint32_t i = 1; i < d.part_count; i++) {
			const struct vx_part p = part_of(&d, i);

			vxt_assert_str(p.type, "a");
			vxt_assert_str(p.encoding, "8bit");
			vxt_assert_str(p.disposition, "inline");
			ck_assert_uint_eq(p.end - p.body_offset, 1);
		}
		vx_buf_done(&octets);
	}
}
END_TEST

START_TEST(a_message_at_the_limit_of_parts_is_opaque)
{
	struct vx_buf text = { .max = INPUT_MAX }, octets;
	struct vx_descriptor d;

	vx_buf_add_str(&text, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < VX_MIME_PARTS_MAX - 2; i++)
		vx_buf_add_str(&text, "--b\r\n\r\n");
	vx_buf_add_str(
	    &text, "--b\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\n--b--\r\n");
	octets = described(&text);
	d = opened(&octets);
	ck_assert_uint_eq(d.part_count, VX_MIME_PARTS_MAX);
	vxt_assert_str(part_of(&d, VX_MIME_PARTS_MAX - 1).type, "application");
	ck_assert_uint_eq(d.defects, VX_DEFECT_PARTS);
	vx_buf_done(&octets);
	vx_buf_done(&text);
}
END_TEST

START_TEST(what_is_too_deep_is_opaque)
{
	for (size_t s = 0; s < 2; s++) {
		for (int over = -1; over < 2; over++) {
			struct vx_buf text = { .max = INPUT_MAX }, octets;
			struct vx_descriptor d;
			struct vx_part last;

			/* so many containers, and one leaf in them */
			for (int i = 0; i < VX_MIME_DEPTH_MAX + over; i++)
				if (s == 0)
					vx_buf_add_str(&text,
					    "Content-Type: message/rfc822\r\n\r\n");
				else
					vx_buf_printf(&text,
					    "Content-Type: multipart/mixed; "
					    "boundary=b%dx\r\n\r\n--b%dx\r\n",
					    i, i);
			vx_buf_add_str(&text, "\r\nleaf\r\n");
			octets = described(&text);
			d = opened(&octets);
			last = part_of(&d, d.part_count - 1);
			ck_assert_uint_eq(d.part_count, VX_MIME_DEPTH_MAX);
			vxt_assert_str(last.type, over == -1 ? "text" : "application");
			ck_assert_uint_eq(
			    last.flags & (VX_PART_MULTIPART | VX_PART_MESSAGE), 0);
			ck_assert((d.defects & VX_DEFECT_DEPTH) != 0 || over == -1);
			vx_buf_done(&octets);
			vx_buf_done(&text);
		}
	}
}
END_TEST

static size_t count_list(vx_slice list)
{
	struct vx_envelope_address a;
	size_t n = 0;

	while (vx_envelope_address(&list, &a))
		n++;
	return n;
}

START_TEST(an_envelope_of_thousands_keeps_its_texts)
{
	struct vx_buf text = { .max = INPUT_MAX }, octets;
	struct vx_descriptor d;
	vx_slice items[VX_ENVELOPE_ITEMS];

	vx_buf_add_str(&text, "From: a@a.test\r\nTo: everybody:");
	for (int i = 0; i < 6000; i++)
		vx_buf_printf(
		    &text, "%s\r\n \"Number %d\" <n%d@b.test>", i > 0 ? "," : "", i, i);
	vx_buf_add_str(&text, ";\r\nCc: c@c.test\r\nSubject: kept\r\n\r\n");
	octets = described(&text);
	d = opened(&octets);
	ck_assert_uint_eq(d.defects, VX_DEFECT_ENVELOPE);
	vxt_assert_ok(vx_envelope_open(part_of(&d, 0).envelope, items));
	vxt_assert_str(items[VX_ENVELOPE_SUBJECT], "kept");
	ck_assert_uint_eq(count_list(items[VX_ENVELOPE_FROM]), 1);
	ck_assert_uint_eq(count_list(items[VX_ENVELOPE_CC]), 1);
	ck_assert_uint_eq(count_list(items[VX_ENVELOPE_TO]), VX_ADDRESSES_MAX + 1);
	vx_buf_done(&octets);
	vx_buf_done(&text);
}
END_TEST

/* Addresses so long that not all that may be in a list are: those that fit are. */
START_TEST(an_envelope_that_does_not_fit_is_cut_between_addresses)
{
	struct vx_buf text = { .max = INPUT_MAX }, octets;
	struct vx_descriptor d;
	vx_slice items[VX_ENVELOPE_ITEMS];
	size_t n;

	vx_buf_add_str(&text, "To: g:");
	for (int i = 0; i < 1900; i++)
		vx_buf_printf(&text, "\"%0100d\" <n@b.test>,\r\n ", i);
	vx_buf_add_str(&text, ";\r\nCc: c@c.test\r\nSubject: kept\r\n\r\n");
	octets = described(&text);
	d = opened(&octets);
	ck_assert_uint_eq(d.defects, VX_DEFECT_ENVELOPE);
	vxt_assert_ok(vx_envelope_open(part_of(&d, 0).envelope, items));
	vxt_assert_str(items[VX_ENVELOPE_SUBJECT], "kept");
	n = count_list(items[VX_ENVELOPE_TO]);
	ck_assert(n > 1000 && n < 1900);
	for (struct vx_envelope_address a = { 0 }; n > 0; n--) {
		ck_assert(vx_envelope_address(&items[VX_ENVELOPE_TO], &a));
		ck_assert((a.mailbox.ptr == NULL) == (n == 1)); /* the group is closed */
	}
	vx_buf_done(&octets);
	vx_buf_done(&text);
}
END_TEST

START_TEST(when_the_strings_are_full_the_structure_is_left_out)
{
	struct vx_buf text = { .max = INPUT_MAX }, octets;
	struct vx_descriptor d;

	vx_buf_add_str(
	    &text, "Subject: kept\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < 200; i++)
		vx_buf_printf(&text, "--b\r\nContent-Description: %04000d\r\n\r\n", i);
	octets = described(&text);
	d = opened(&octets);
	ck_assert_uint_ne(d.defects & VX_DEFECT_DESCRIPTOR, 0);
	ck_assert_uint_eq(d.part_count, 1);
	ck_assert_uint_eq(d.field_count, 2);
	vxt_assert_str(d.base_subject, "kept");
	vxt_assert_str(part_of(&d, 0).subtype, "octet-stream");
	ck_assert_uint_eq(part_of(&d, 0).end, text.len);
	ck_assert_ptr_nonnull(part_of(&d, 0).envelope.ptr);
	vx_buf_done(&octets);
	vx_buf_done(&text);
}
END_TEST

START_TEST(texts_parameters_and_boundaries_have_limits)
{
	struct vx_buf text = { .max = INPUT_MAX }, octets;
	struct vx_descriptor d;
	size_t params = 0;
	vx_slice list, s;

	vx_buf_printf(&text, "Content-Description: %020000d\r\nContent-Type: a/b", 1);
	for (int i = 0; i < 200; i++)
		vx_buf_printf(&text, ";\r\n p%d=x", i);
	vx_buf_printf(&text, "\r\nContent-Disposition: a; long=%017000d; b=c\r\n\r\n", 1);
	octets = described(&text);
	d = opened(&octets);
	ck_assert_uint_eq(part_of(&d, 0).description.len, VX_PART_TEXT_MAX);
	list = part_of(&d, 0).params;
	while (vx_packed_next(&list, &s))
		params++;
	ck_assert_uint_eq(params, 2 * VX_PARAMS_MAX);
	list = part_of(&d, 0).disposition_params;
	ck_assert(vx_packed_next(&list, &s));
	vxt_assert_str(s, "b"); /* the long one is left out */
	vx_buf_done(&octets);
	for (int over = 0; over < 2; over++) {
		const int len = VX_MIME_BOUNDARY_MAX + over;

		vx_buf_reset(&text);
		vx_buf_printf(&text,
		    "Content-Type: multipart/mixed; "
		    "boundary=%0*d\r\n\r\n--%0*d%300s\r\n\r\n"
		    "--%0*d--%300s\r\n",
		    len, 1, len, 1, "", len, 1, "");
		octets = described(&text);
		d = opened(&octets);
		ck_assert_uint_eq(d.defects, over == 0 ? 0 : VX_DEFECT_BOUNDARY);
		ck_assert_int_eq((int)d.part_count, 2 - over);
		vx_buf_done(&octets);
	}
	vx_buf_done(&text);
}
END_TEST

START_TEST(a_list_has_at_most_so_many_addresses_and_closes_its_group)
{
	struct vx_arena arena = { .limit = 4 << 20 };
	struct vx_buf text = { .max = INPUT_MAX };
	struct vx_address *a, *last = NULL;
	size_t count = 0;

	vx_buf_add_str(&text, "g:");
	for (int i = 0; i < 2 * VX_ADDRESSES_MAX; i++)
		vx_buf_add_str(&text, "a@b,");
	ck_assert_int_eq(vx_address_parse(vx_buf_slice(&text), &arena, &a), VX_ELIMIT);
	for (; a != NULL; a = a->next, count++)
		last = a;
	ck_assert_uint_eq(count, VX_ADDRESSES_MAX + 1);
	ck_assert_int_eq(last->kind, VX_ADDRESS_GROUP_END);
	vx_arena_done(&arena);
	vx_buf_done(&text);
}
END_TEST

/* --- work ----------------------------------------------------------------------------
 */

typedef void work_fn(vx_slice in);

static void parse_addresses(vx_slice in)
{
	struct vx_arena arena = { .limit = 64 << 20 };
	struct vx_address *a;

	(void)vx_address_parse(in, &arena, &a);
	vx_arena_done(&arena);
}

static void parse_params(vx_slice in)
{
	struct vx_arena arena = { .limit = 64 << 20 };
	struct vx_param *p;
	vx_slice main;

	vxt_assert_ok(vx_params_parse(in, &arena, &main, &p));
	vx_arena_done(&arena);
}

static void decode_text(vx_slice in)
{
	struct vx_buf out = { .max = INPUT_MAX };

	vx_text_decode(in, &out);
	vx_buf_done(&out);
}

static void read_html(vx_slice in)
{
	struct vx_buf out = { .max = INPUT_MAX };

	vx_html_text(in, &out);
	vx_buf_done(&out);
}

static void decode_qp(vx_slice in)
{
	struct vx_buf out = { .max = INPUT_MAX };

	vx_transfer_decode(VX_S("quoted-printable"), in, &out);
	vx_buf_done(&out);
}

static void read_fields(vx_slice in)
{
	struct vx_field f;
	struct vx_buf out = { .max = INPUT_MAX };

	while (vx_field_next(&in, &f)) {
		vx_buf_reset(&out);
		vx_field_unfold(f.value, &out);
	}
	vx_buf_done(&out);
}

static void describe_it(vx_slice in)
{
	struct vx_buf d = describe(&in, 1);

	vx_buf_done(&d);
}

/* The processor time of this thread for the quickest of three runs, microseconds. */
static int64_t cost(work_fn *work, vx_slice in)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 3; i++) {
		struct timespec a, b;
		int64_t us;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		work(in);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		us = (b.tv_sec - a.tv_sec) * INT64_C(1000000) +
		     (b.tv_nsec - a.tv_nsec) / 1000;
		best = us < best ? us : best;
	}
	return best;
}

START_TEST(work_grows_with_the_input_not_with_its_square)
{
	static const struct {
		const char *name;
		work_fn *work;
		const char *prefix, *unit;
	} table[] = {
		{ "open parentheses", parse_addresses, "", "(" },
		{ "parentheses", parse_addresses, "", "()" },
		{ "recipients", parse_addresses, "", "\"Some Body\" <a@b.test>, " },
		{ "commas", parse_addresses, "", "," },
		{ "groups", parse_addresses, "", "g:" },
		{ "angles", parse_addresses, "", "<" },
		{ "routes", parse_addresses, "", "<@a," },
		{ "quotes", parse_addresses, "", "\"\\\"" },
		{ "literals", parse_addresses, "", "@[" },
		{ "dots", parse_addresses, "a@b", " . " },
		{ "parameters", parse_params, "a/b", ";x=y" },
		{ "one name", parse_params, "a/b", ";x*0*=y" },
		{ "parentheses in a value", parse_params, "a/b; c=", "(" },
		{ "comments open in values", parse_params, "a/b", ";a=(" },
		{ "semicolons", parse_params, "a/b", ";" },
		{ "a long main value", parse_params, "", "a /" },
		{ "words", decode_text, "", "=?utf-8?q?a?= " },
		{ "words of many charsets", decode_text, "", "=?x-1?q?a?= =?x-2?q?b?= " },
		{ "words without end", decode_text, "", "=?a?q?x" },
		{ "words with a line end", decode_text, "", "=?a?q?x\n" },
		{ "blanks after a word", decode_text, "=?a?q?x?=", " " },
		{ "equal signs", decode_text, "", "=?" },
		{ "tags", read_html, "", "<" },
		{ "comments", read_html, "", "<!--" },
		{ "ampersands", read_html, "", "&#" },
		{ "soft breaks", decode_qp, "", "= " },
		{ "blanks", decode_qp, "", " " },
		{ "fields", read_fields, "", "a: b\n" },
		{ "folding", read_fields, "a: b\n", " \n" },
		{ "lines that are no fields", describe_it, "", "x\n" },
		{ "destinations", describe_it, "", "To: a@b.test\n" },
		{ "delimiters", describe_it,
		    "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n" },
		{ "delimiters and blanks", describe_it,
		    "Content-Type: multipart/mixed; boundary=b\n\n", "--b   \n\n" },
		{ "a long line", describe_it,
		    "Content-Type: multipart/mixed; boundary=b\n\n--b", " " },
		{ "dashes", describe_it, "Content-Type: multipart/mixed; boundary=b\n\n",
		    "--\n" },
		{ "messages", describe_it, "", "Content-Type: message/rfc822\n\n" },
	};
	enum {
		SMALL = 1 << 17,
		TIMES = 8
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct vx_buf in = { .max = INPUT_MAX };
		int64_t small, large;

		vx_buf_add_str(&in, table[i].prefix);
		while (in.len < (size_t)SMALL * TIMES)
			vx_buf_add_str(&in, table[i].unit);
		small = cost(table[i].work, vx_slice_head(vx_buf_slice(&in), SMALL));
		large = cost(table[i].work, vx_buf_slice(&in));
		/* the square would be 64 times as much */
		ck_assert_msg(large <= 3 * TIMES * small + 2000, "%s: %lld us, then %lld",
		    table[i].name, (long long)small, (long long)large);
		vx_buf_done(&in);
	}
}
END_TEST

VXT_SUITE(test_bounds, "bounds", a_long_header_is_cut_at_its_limit_in_every_split,
    fields_are_indexed_up_to_their_limit, parts_are_described_up_to_their_limit,
    a_message_at_the_limit_of_parts_is_opaque, what_is_too_deep_is_opaque,
    an_envelope_of_thousands_keeps_its_texts,
    an_envelope_that_does_not_fit_is_cut_between_addresses,
    when_the_strings_are_full_the_structure_is_left_out,
    texts_parameters_and_boundaries_have_limits,
    a_list_has_at_most_so_many_addresses_and_closes_its_group,
    work_grows_with_the_input_not_with_its_square)
