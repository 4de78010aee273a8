/*
 * A message with a footer has the structure that it had, and has the footer; what follows
 * a beginning may follow it changed.  The first octet says which footer, and whether it
 * is a beginning.
 */
#include "mime_walk.h"
#include "vectis/footer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct vx_footer footers[] = {
	{ VX_SLICE_INIT("Foot"), VX_SLICE_INIT("") },
	{ VX_SLICE_INIT("-- \r\nF\xc3\xa9 <&>\r\n"), VX_SLICE_INIT("<p>\xc3\xa9</p>") },
	{ VX_SLICE_INIT("--b\n--\n.\n"), VX_SLICE_INIT("") },
	{ VX_SLICE_INIT("\xf0\x9f\x98\x80"), VX_SLICE_INIT("</body>") },
};

/* All parts where they were; texts may have another charset now. */
static void compare(vx_slice before, vx_slice after)
{
	struct vx_buf was = mime_describe(before, SIZE_MAX),
		      is = mime_describe(after, SIZE_MAX);
	struct vx_descriptor d, e;
	struct vx_part p, q;

	mime_must(vx_descriptor_open(vx_buf_slice(&was), &d) == VX_OK);
	mime_must(vx_descriptor_open(vx_buf_slice(&is), &e) == VX_OK);
	mime_must(d.part_count == e.part_count);
	for (uint32_t i = 0; i < d.part_count; i++) {
		mime_must(vx_descriptor_part(&d, i, &p) == VX_OK);
		mime_must(vx_descriptor_part(&e, i, &q) == VX_OK);
		mime_must(p.parent == q.parent && p.flags == q.flags);
		mime_must(
		    vx_slice_eq(p.type, q.type) && vx_slice_eq(p.subtype, q.subtype));
	}
	vx_buf_done(&was);
	vx_buf_done(&is);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice message = vx_slice_from(vx_slice_of(data, size), 1);
	struct vx_buf out = { .max = 64 << 20 };
	const struct vx_footer *f;
	bool whole;

	if (size == 0)
		return 0;
	f = &footers[data[0] & 3];
	whole = (data[0] & 4) == 0;
	mime_must(vx_footer_check(f) == VX_OK);
	if (vx_footer_add(message, whole, f, &out) == VX_OK) {
		mime_must(out.len > message.len / 8);
		/* a footer with lines like delimiters is the operator's own doing */
		if ((data[0] & 3) != 2)
			compare(message, vx_buf_slice(&out));
	} else {
		mime_must(out.len == 0);
	}
	vx_buf_done(&out);
	return 0;
}
