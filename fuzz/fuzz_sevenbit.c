/*
 * A message for 7 bits has as many octets as was said, none above 127, and the structure
 * and the contents that it had.  The first octet says how to cut.
 */
#include "mime_walk.h"
#include "vectis/header.h"
#include "vectis/sevenbit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OUT_MAX = 64 << 20
};

typedef int pass_fn(struct vx_seven *s, vx_slice octets, struct vx_buf *out);

static int count(struct vx_seven *s, vx_slice octets, struct vx_buf *out)
{
	(void)out;
	return vx_seven_count(s, octets);
}

static void run(
    struct vx_seven *s, pass_fn *pass, vx_slice octets, size_t chunk, struct vx_buf *out)
{
	for (; octets.len > 0; octets = vx_slice_from(octets, chunk)) {
		const vx_slice piece = vx_slice_head(octets, chunk);
		const size_t before = out->len;
		char *exact = malloc(piece.len);

		mime_must(exact != NULL);
		memcpy(exact, piece.ptr, piece.len);
		mime_must(pass(s, vx_slice_of(exact, piece.len), out) == VX_OK);
		mime_must(out->len - before <= 4 * piece.len + VX_SEVEN_OUT_MAX);
		free(exact);
	}
}

static bool is_plain(vx_slice encoding)
{
	return encoding.len == 0 || vx_slice_eq_nocase(encoding, VX_S("7bit")) ||
	       vx_slice_eq_nocase(encoding, VX_S("8bit")) ||
	       vx_slice_eq_nocase(encoding, VX_S("binary"));
}

static vx_slice body_of(vx_slice message, const struct vx_part *p)
{
	return vx_slice_head(vx_slice_from(message, (size_t)p->body_offset),
	    (size_t)(p->end - p->body_offset));
}

/* A part before and after: what it says is the same. */
static void check_body(
    vx_slice before, const struct vx_part *was, vx_slice after, const struct vx_part *is)
{
	struct vx_buf text = { .max = OUT_MAX };

	if (is_plain(was->encoding))
		vx_transfer_decode(is->encoding, body_of(after, is), &text);
	else
		vx_buf_add(&text, body_of(after, is));
	mime_must(vx_slice_eq(vx_buf_slice(&text), body_of(before, was)));
	vx_buf_done(&text);
}

static bool is_global(const struct vx_part *p)
{
	return vx_slice_eq(p->type, VX_S("message")) &&
	       vx_slice_eq(p->subtype, VX_S("global"));
}

static void compare(const struct vx_descriptor *d, vx_slice before, vx_slice after)
{
	struct vx_buf octets = mime_describe(after, SIZE_MAX);
	struct vx_descriptor e;
	struct vx_part was, is;

	mime_must(vx_descriptor_open(vx_buf_slice(&octets), &e) == VX_OK);
	mime_must(d->part_count == e.part_count);
	for (uint32_t i = 0; i < d->part_count; i++) {
		mime_must(vx_descriptor_part(d, i, &was) == VX_OK);
		mime_must(vx_descriptor_part(&e, i, &is) == VX_OK);
		if (is_global(&was)) /* it went as a whole: what is in it is not seen */
			break;
		mime_must(was.parent == is.parent && was.flags == is.flags);
		mime_must(vx_slice_eq(was.subtype, is.subtype));
		if (was.first_child == 0)
			check_body(before, &was, after, &is);
	}
	vx_buf_done(&octets);
}

static bool has_global(const struct vx_descriptor *d)
{
	struct vx_part p;

	for (uint32_t i = 0; i < d->part_count; i++) {
		mime_must(vx_descriptor_part(d, i, &p) == VX_OK);
		if (is_global(&p))
			return true;
	}
	return false;
}

static void check(const struct vx_descriptor *d, vx_slice message, size_t chunk)
{
	struct vx_buf out = { .max = OUT_MAX }, again = { .max = OUT_MAX };
	enum vx_seven_refusal why;
	struct vx_seven *s;

	mime_must(vx_seven_new(d, 0, &s) == VX_OK);
	run(s, count, message, chunk, &out);
	if (vx_seven_plan(s, &why) == VX_OK) {
		run(s, vx_seven_write, message, SIZE_MAX, &out);
		mime_must(vx_seven_end(s, &out) == VX_OK);
		mime_must(out.len == vx_seven_size(s));
		for (size_t i = 0; i < out.len; i++)
			mime_must((unsigned char)out.ptr[i] < 128);
		vx_seven_rewind(s);
		run(s, vx_seven_write, message, chunk, &again);
		mime_must(vx_seven_end(s, &again) == VX_OK);
		mime_must(vx_slice_eq(vx_buf_slice(&out), vx_buf_slice(&again)));
		if (!has_global(d))
			compare(d, message, vx_buf_slice(&out));
	} else {
		mime_must(why != VX_SEVEN_NONE);
	}
	vx_seven_free(s);
	vx_buf_done(&out);
	vx_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice message = vx_slice_from(vx_slice_of(data, size), 1);
	struct vx_descriptor d;
	struct vx_buf octets;

	if (size == 0)
		return 0;
	octets = mime_describe(message, SIZE_MAX);
	mime_must(vx_descriptor_open(vx_buf_slice(&octets), &d) == VX_OK);
	check(&d, message, data[0] % 32u + 1);
	vx_buf_done(&octets);
	return 0;
}
