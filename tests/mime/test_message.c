#include "base/bytes.h"
#include "base/mem.h"
#include "lib/vxt.h"
#include "mime/layout.h"
#include "show.h"

#include <stdio.h>
#include <stdlib.h>

static const char nested[] = "From: a@b.test\r\n"                            /* 0 */
			     "Content-Type: multipart/mixed; boundary=x\r\n" /* 16 */
			     "\r\n"                                          /* 59 */
			     "preamble\r\n"                                  /* 61 */
			     "--x\r\n"                                       /* 71 */
			     "\r\n"                                          /* 76 */
			     "one\r\n"                                       /* 78 */
			     "two\r\n"                                       /* 83 */
			     "--x\r\n"                                       /* 88 */
			     "Content-Type: message/rfc822\r\n"              /* 93 */
			     "\r\n"                                          /* 123 */
			     "Subject: in\r\n"                               /* 125 */
			     "\r\n"                                          /* 138 */
			     "body\r\n"                                      /* 140 */
			     "\r\n"                                          /* 146 */
			     "--x--\r\n"                                     /* 148 */
			     "epilogue\r\n";                                 /* 155 */

START_TEST(parts_have_exact_octets)
{
	const vx_slice whole = vx_slice_str(nested);
	struct vx_buf d = describe(&whole, 1), shown = { .max = 10000 };

	show_parts(vx_buf_slice(&d), &shown);
	vxt_assert_str(vx_buf_slice(&shown), "multipart/mixed 0 61 165 14\n"
					     " text/plain 76 78 86 1\n"
					     " message/rfc822 93 125 146 3\n"
					     "  text/plain 125 140 146 1\n");
	vx_buf_done(&d);
	vx_buf_done(&shown);
}
END_TEST

static void same_description(void *ctx, const vx_slice *pieces, size_t count)
{
	const struct vx_buf *want = ctx;
	struct vx_buf d = describe(pieces, count);

	ck_assert(vx_slice_eq(vx_buf_slice(&d), vx_buf_slice(want)));
	vx_buf_done(&d);
}

START_TEST(every_split_gives_the_same)
{
	static const char *const messages[] = { nested, "", "\r\n", "x", "Subject: x",
		"Subject: x\n\nbody\nwith bare LF",
		"Content-Type: multipart/x; boundary=\"a b\"\r\n\r\n--a b\r\nX: y\r\n--a "
		"b--",
		"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nno "
		"blank\r\n--x\r\n\r\n--x--\r\n",
		"Content-Type: multipart/digest; boundary=q\r\n\r\n--q\r\n\r\nSubject: "
		"d\r\n\r\nz\r\n--q--",
		"From: \"A\" <a@b>, g: x@y;\r\nSubject: Re: [l] =?utf-8?Q?=C3=A4?= "
		"(fwd)\r\n\r\n- -\r\n--\r\n" };

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const vx_slice whole = vx_slice_str(messages[i]);
		struct vx_buf want = describe(&whole, 1);

		vxt_every_split(whole, same_description, &want);
		vx_buf_done(&want);
	}
}
END_TEST

/* Fields that come last are described as if they had come first. */
START_TEST(a_front_is_as_if_it_had_come_first)
{
	static const char front[] = "Return-Path: <a@b.test>\r\n"
				    "Received: from x\r\n\tby y\r\n";
	static const char *const messages[] = { nested, "\r\n", "\r\nbody\r\n",
		"Subject: x\r\n", "Subject: x",
		"To: a@b\r\nno field\r\nSubject: y\r\n\r\n--x\r\n",
		"Content-Type: multipart/mixed; boundary=x\r\n--x\r\n\r\n--x--\r\n" };

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const vx_slice pieces[] = { vx_slice_str(front),
			vx_slice_str(messages[i]) };
		struct vx_buf want = describe(pieces, 2),
			      got = { .max = VX_DESCRIPTOR_MAX };
		struct vx_describer *d;

		vxt_assert_ok(vx_describer_new(&d));
		vx_describer_add(d, pieces[1]);
		vx_describer_front(d, pieces[0]);
		vxt_assert_ok(vx_describer_end(d, &got));
		vx_describer_free(d);
		ck_assert(vx_slice_eq(vx_buf_slice(&got), vx_buf_slice(&want)));
		vx_buf_done(&want);
		vx_buf_done(&got);
	}
}
END_TEST

START_TEST(a_front_takes_its_rows_of_the_limit)
{
	struct vx_buf header = { .max = 1 << 20 }, got = { .max = VX_DESCRIPTOR_MAX };
	struct vx_descriptor_field f;
	struct vx_descriptor d;
	struct vx_describer *w;

	for (size_t i = 0; i < VX_HEADER_FIELDS_MAX; i++)
		vx_buf_add_str(&header, "A: b\r\n");
	vxt_assert_ok(vx_describer_new(&w));
	vx_describer_add(w, vx_buf_slice(&header));
	vx_describer_add(w, VX_S("\r\n"));
	vx_describer_front(w, VX_S("X: y\r\n"));
	vxt_assert_ok(vx_describer_end(w, &got));
	vx_describer_free(w);
	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&got), &d));
	ck_assert_uint_eq(d.field_count, VX_HEADER_FIELDS_MAX);
	ck_assert_uint_ne(d.defects & VX_DEFECT_HEADER_LIMIT, 0);
	vxt_assert_ok(vx_descriptor_field(&d, 0, &f));
	ck_assert_uint_eq(f.name, vx_field_name_hash(VX_S("x")));
	vxt_assert_ok(vx_descriptor_field(&d, VX_HEADER_FIELDS_MAX - 1, &f));
	ck_assert_uint_eq(f.offset, 6 + 6 * (VX_HEADER_FIELDS_MAX - 2));
	vx_buf_done(&header);
	vx_buf_done(&got);
}
END_TEST

START_TEST(envelope_preview_and_subject)
{
	const vx_slice whole =
	    VX_S("Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
		 "From: =?utf-8?Q?J=C3=BC?= <j@x.test>\r\nTo: g: a@b.test;\r\n"
		 "Subject: Re: [list] Fwd: Hello\r\nMessage-ID: <1@x>\r\n\r\n  Dear   "
		 "all,\r\nbye\r\n");
	struct vx_buf octets = describe(&whole, 1);
	struct vx_envelope_address a;
	vx_slice items[VX_ENVELOPE_ITEMS];
	struct vx_descriptor d;
	struct vx_part root;

	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &d));
	vxt_assert_str(d.preview, "Dear all, bye");
	vxt_assert_str(d.base_subject, "Hello");
	ck_assert_int_eq(d.sent, 880127706);
	ck_assert_uint_eq(d.lines, 2);
	ck_assert_uint_eq(d.field_count, 5);
	vxt_assert_ok(vx_descriptor_part(&d, 0, &root));
	vxt_assert_ok(vx_envelope_open(root.envelope, items));
	vxt_assert_str(items[VX_ENVELOPE_SUBJECT], "Re: [list] Fwd: Hello");
	ck_assert_ptr_null(items[VX_ENVELOPE_CC].ptr);
	ck_assert(vx_envelope_address(&items[VX_ENVELOPE_SENDER], &a));
	vxt_assert_str(a.name, "=?utf-8?Q?J=C3=BC?=");
	vxt_assert_str(a.mailbox, "j");
	vxt_assert_str(a.host, "x.test");
	ck_assert(vx_envelope_address(&items[VX_ENVELOPE_TO], &a));
	ck_assert(a.host.ptr == NULL && a.mailbox.ptr != NULL);
	vx_buf_done(&octets);
}
END_TEST

START_TEST(damaged_descriptors_are_refused_not_followed)
{
	const vx_slice whole = vx_slice_str(nested);
	struct vx_buf octets = describe(&whole, 1), shown = { .max = 1 << 20 };
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		const size_t at = (size_t)rand_r(&seed) % octets.len;
		const char old = octets.ptr[at];
		struct vx_descriptor d;

		octets.ptr[at] = (char)rand_r(&seed);
		if (vx_descriptor_open(vx_slice_head(vx_buf_slice(&octets),
					   round % 3 == 0 ? at : octets.len),
			&d) == VX_OK) {
			for (uint32_t i = 0; i < d.part_count && i < 100; i++) {
				struct vx_part p;

				if (vx_descriptor_part(&d, i, &p) == VX_OK)
					while (vx_packed_next(&p.params, &p.type))
						shown.len += p.type.len & 1;
			}
		}
		octets.ptr[at] = old;
	}
	ck_assert(shown.len < SIZE_MAX);
	shown.len = 0;
	vx_buf_done(&octets);
	vx_buf_done(&shown);
}
END_TEST

/* Numbers of the header of a descriptor that cannot be. */
START_TEST(impossible_numbers_are_refused)
{
	const vx_slice whole = vx_slice_str(nested);
	struct vx_buf octets = describe(&whole, 1);
	static const struct {
		size_t at;
		uint64_t value;
		int rc;
	} table[] = { { VX_DESC_HEADER_SIZE, sizeof(nested), VX_ECORRUPT },
		{ VX_DESC_HEADER_SIZE, sizeof(nested) - 1, VX_OK },
		{ VX_DESC_SENT, INT64_MAX, VX_ECORRUPT },
		{ VX_DESC_SENT, (uint64_t)INT64_MIN + 1, VX_ECORRUPT },
		{ VX_DESC_SENT, (uint64_t)INT64_MIN, VX_OK },
		{ VX_DESC_FIELDS, UINT64_MAX, VX_ECORRUPT },
		{ VX_DESC_FIELDS, 2, VX_ECORRUPT }, /* and no parts */
		{ VX_DESC_PREVIEW, 0x7fffffff7fffffff, VX_ECORRUPT } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char old[8];
		struct vx_descriptor d;

		memcpy(old, octets.ptr + table[i].at, sizeof(old));
		vx_put_le64(octets.ptr + table[i].at, table[i].value);
		ck_assert_int_eq(
		    vx_descriptor_open(vx_buf_slice(&octets), &d), table[i].rc);
		memcpy(octets.ptr + table[i].at, old, sizeof(old));
	}
	vx_buf_done(&octets);
}
END_TEST

/* At every allocation that fails: described as opaque, or VX_ENOMEM. */
START_TEST(without_memory_what_is_described_is_sound)
{
	const vx_slice whole = vx_slice_str(nested);
	size_t opaque = 0, failed = 0;

	for (size_t n = 1;; n++) {
		struct vx_buf out = { .max = VX_DESCRIPTOR_MAX };
		struct vx_describer *d = NULL;
		struct vx_descriptor got;
		int rc;

		vx_mem_fail_at(n);
		rc = vx_describer_new(&d);
		if (rc == VX_OK) {
			vx_describer_add(d, whole);
			rc = vx_describer_end(d, &out);
		}
		vx_describer_free(d);
		if (rc == VX_OK) {
			struct vx_buf shown = { .max = 10000 };

			vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&out), &got));
			opaque += (got.defects & VX_DEFECT_DESCRIPTOR) != 0;
			show_parts(vx_buf_slice(&out), &shown);
			vx_buf_done(&shown);
		} else {
			failed++;
		}
		vx_buf_done(&out);
		if (!vx_mem_failed())
			break;
	}
	vx_mem_fail_at(0);
	ck_assert_uint_gt(opaque, 0);
	ck_assert_uint_gt(failed, 0);
}
END_TEST

START_TEST(limits_make_defects_not_failures)
{
	struct vx_buf deep = { .max = 1 << 20 };
	struct vx_descriptor d;
	struct vx_buf octets;
	vx_slice whole;

	for (int i = 0; i < 500; i++)
		vx_buf_printf(&deep,
		    "Content-Type: multipart/mixed; boundary=b%dx\r\n\r\n--b%dx\r\n", i,
		    i);
	whole = vx_buf_slice(&deep);
	octets = describe(&whole, 1);
	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &d));
	ck_assert_uint_eq(d.defects & VX_DEFECT_DEPTH, VX_DEFECT_DEPTH);
	ck_assert_uint_le(d.part_count, VX_MIME_DEPTH_MAX + 1);
	vx_buf_done(&octets);
	vx_buf_reset(&deep);
	vx_buf_add_str(&deep, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < 3 * VX_MIME_PARTS_MAX; i++)
		vx_buf_add_str(&deep, "--b\r\n\r\nx\r\n");
	whole = vx_buf_slice(&deep);
	octets = describe(&whole, 1);
	vxt_assert_ok(vx_descriptor_open(vx_buf_slice(&octets), &d));
	ck_assert_uint_ne(d.defects & (VX_DEFECT_PARTS | VX_DEFECT_DESCRIPTOR), 0);
	vx_buf_done(&octets);
	vx_buf_done(&deep);
}
END_TEST

VXT_SUITE(test_message, "message", parts_have_exact_octets, every_split_gives_the_same,
    a_front_is_as_if_it_had_come_first, a_front_takes_its_rows_of_the_limit,
    envelope_preview_and_subject, damaged_descriptors_are_refused_not_followed,
    impossible_numbers_are_refused, without_memory_what_is_described_is_sound,
    limits_make_defects_not_failures)
