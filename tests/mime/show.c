#include "show.h"

#include "lib/vxt.h"

struct vx_buf describe(const vx_slice *pieces, size_t count)
{
	struct vx_buf out = { .max = VX_DESCRIPTOR_MAX };
	struct vx_describer *d;

	vxt_assert_ok(vx_describer_new(&d));
	for (size_t i = 0; i < count; i++)
		vx_describer_add(d, pieces[i]);
	vxt_assert_ok(vx_describer_end(d, &out));
	vx_describer_free(d);
	return out;
}

void show_parts(vx_slice octets, struct vx_buf *out)
{
	struct vx_descriptor d;

	vxt_assert_ok(vx_descriptor_open(octets, &d));
	for (uint32_t i = 0; i < d.part_count; i++) {
		struct vx_part p, up;

		vxt_assert_ok(vx_descriptor_part(&d, i, &p));
		up = p;
		while (up.parent != UINT32_MAX) {
			vxt_assert_ok(vx_descriptor_part(&d, up.parent, &up));
			vx_buf_add_char(out, ' ');
		}
		vx_buf_add(out, p.type);
		vx_buf_add_char(out, '/');
		vx_buf_add(out, p.subtype);
		vx_buf_printf(out, " %llu %llu %llu %u\n",
		    (unsigned long long)p.header_offset,
		    (unsigned long long)p.body_offset, (unsigned long long)p.end,
		    p.lines);
	}
}

static void show_addresses(vx_slice list, struct vx_buf *out)
{
	struct vx_envelope_address a;
	const char *separator = "";

	while (vx_envelope_address(&list, &a)) {
		if (a.mailbox.ptr == NULL) {
			vx_buf_add_char(out, ';');
			continue;
		}
		vx_buf_add_str(out, separator);
		separator = ",";
		vx_buf_add(out, a.name);
		if (a.host.ptr == NULL) {
			vx_buf_add(out, a.mailbox);
			vx_buf_add_char(out, ':');
			separator = "";
			continue;
		}
		vx_buf_add_char(out, '<');
		vx_buf_add(out, a.mailbox);
		vx_buf_add_char(out, '@');
		vx_buf_add(out, a.host);
		vx_buf_add_char(out, '>');
	}
}

void show_envelope(vx_slice envelope, struct vx_buf *out)
{
	vx_slice items[VX_ENVELOPE_ITEMS];

	vxt_assert_ok(vx_envelope_open(envelope, items));
	for (size_t i = 0; i < VX_ENVELOPE_ITEMS; i++) {
		if (i > 0)
			vx_buf_add_char(out, '|');
		if (items[i].ptr == NULL)
			vx_buf_add_char(out, '~');
		else if (i >= VX_ENVELOPE_FROM && i <= VX_ENVELOPE_BCC)
			show_addresses(items[i], out);
		else
			vx_buf_add(out, items[i]);
	}
}
