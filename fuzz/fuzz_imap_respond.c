/*
 * The input as a message, and as a damaged descriptor: what is written of it is a
 * well-formed list, and its sections are inside the message.
 */
#include "imap/respond.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ARENA_MAX = 4 << 20,
	OUT_MAX = 4 << 20
};

static void must(bool good)
{
	if (!good)
		abort();
}

/* Strings, numbers and NIL in balanced parentheses. */
static bool well_formed(vx_slice text)
{
	struct vx_arena a = { .limit = ARENA_MAX };
	struct vx_cursor c = vx_cursor_of(text);
	size_t depth = 0;
	bool good = true;
	vx_slice s;
	uint64_t n;

	while (good && !vx_cur_end(&c)) {
		if (vx_cur_char(&c, '('))
			depth++;
		else if (vx_cur_char(&c, ')'))
			good = depth-- > 0;
		else
			good = vx_cur_char(&c, ' ') || vx_cur_text(&c, VX_S("NIL")) ||
			       vx_cur_number(&c, UINT64_MAX, &n) ||
			       vx_imap_string(&c, &a, &s);
		vx_arena_reset(&a);
	}
	vx_arena_done(&a);
	return good && depth == 0;
}

static void section(const struct vx_descriptor *d, uint32_t *parts, size_t count)
{
	for (int text = VX_SECTION_ALL; text <= VX_SECTION_MIME; text++) {
		const struct vx_imap_section s = { .parts = parts,
			.part_count = count,
			.text = (enum vx_imap_section_text)text };
		struct vx_octet_range r;
		size_t n;

		if (vx_imap_section_ranges(d, &s, &r, 1, &n) == VX_OK)
			must(n == 1 && r.first <= r.end && r.end <= d->size);
	}
}

/* whole: it was made by us, so that all must be well. */
static void write_all(const struct vx_descriptor *d, bool whole, bool utf8)
{
	struct vx_buf out = { .max = OUT_MAX };
	uint32_t parts[3];
	int rc = vx_imap_write_envelope(&out, d, utf8);

	must(!whole || rc == VX_OK);
	must(rc != VX_OK || out.failed || well_formed(vx_buf_slice(&out)));
	for (unsigned extensible = 0; extensible < 2; extensible++) {
		vx_buf_reset(&out);
		rc = vx_imap_write_structure(&out, d, extensible == 1, utf8);
		must(!whole || rc == VX_OK);
		must(rc != VX_OK || out.failed || well_formed(vx_buf_slice(&out)));
	}
	for (unsigned i = 0; i < 27; i++) {
		parts[0] = i / 9 + 1;
		parts[1] = i / 3 % 3 + 1;
		parts[2] = i % 3 + 1;
		section(d, parts, 1 + i % 3);
	}
	section(d, parts, 0);
	vx_buf_done(&out);
}

static void fields(vx_slice message)
{
	vx_slice names[] = { VX_SLICE_INIT("subject"), VX_SLICE_INIT("a") };
	struct vx_imap_section s = {
		.text = VX_SECTION_FIELDS, .names = names, .name_count = 2
	};
	struct vx_buf out = { .max = OUT_MAX };

	vx_imap_select_fields(message, &s, &out);
	must(vx_slice_has_suffix(vx_buf_slice(&out), VX_S("\r\n")));
	s.text = VX_SECTION_FIELDS_NOT;
	vx_imap_select_fields(message, &s, &out);
	must(vx_slice_has_suffix(vx_buf_slice(&out), VX_S("\r\n")));
	vx_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice in = vx_slice_of(data, size);
	struct vx_buf octets = { .max = VX_DESCRIPTOR_MAX };
	struct vx_describer *describer;
	struct vx_descriptor d;

	if (size > 65536)
		return 0;
	if (vx_descriptor_open(in, &d) == VX_OK) {
		write_all(&d, false, size % 2 == 0);
		return 0;
	}
	must(vx_describer_new(&describer) == VX_OK);
	vx_describer_add(describer, in);
	must(vx_describer_end(describer, &octets) == VX_OK);
	vx_describer_free(describer);
	must(vx_descriptor_open(vx_buf_slice(&octets), &d) == VX_OK);
	write_all(&d, true, size % 2 == 0);
	fields(in);
	vx_buf_done(&octets);
	return 0;
}
