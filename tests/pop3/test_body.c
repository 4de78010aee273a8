/* The body writer against a slow and obvious one, over all short strings and splits. */
#include "lib/vxt.h"
#include "pop3/body.h"

static const char alphabet[] = { '\r', '\n', '.', 'a' };
enum {
	LONGEST = 7
};

/* Lines end with LF; a CR before it is part of the end. */
static void slow(vx_slice in, bool limited, uint64_t lines, struct vx_buf *out)
{
	bool body = false;

	while (in.len > 0 && !(limited && body && lines == 0)) {
		vx_slice line;
		const bool ended = vx_slice_cut(&in, '\n', &line);

		if (vx_slice_has_suffix(line, VX_S("\r")))
			line.len--;
		if (line.len > 0 && line.ptr[0] == '.')
			vx_buf_add_char(out, '.');
		vx_buf_add(out, line);
		vx_buf_add(out, VX_S("\r\n"));
		if (body)
			lines--;
		if (ended && line.len == 0)
			body = true;
	}
	vx_buf_add(out, VX_S(".\r\n"));
}

static void fast(
    vx_slice in, unsigned cuts, bool limited, uint64_t lines, struct vx_buf *out)
{
	struct vx_pop3_body b;
	size_t from = 0;
	int rc = VX_MORE;

	vx_pop3_body_init(&b, limited, lines);
	for (size_t i = 1; i <= in.len && rc == VX_MORE; i++) {
		if (i < in.len && (cuts >> (i - 1) & 1) == 0)
			continue;
		rc = vx_pop3_body_add(&b, vx_slice_of(in.ptr + from, i - from), out);
		from = i;
	}
	vx_pop3_body_end(&b, out);
}

static void compare(vx_slice in, bool limited, uint64_t lines)
{
	struct vx_buf want = { .max = 64 }, got = { .max = 64 };

	slow(in, limited, lines, &want);
	for (unsigned cuts = 0; cuts < (in.len == 0 ? 1u : 1u << (in.len - 1)); cuts++) {
		vx_buf_reset(&got);
		fast(in, cuts, limited, lines, &got);
		vxt_assert_slice(vx_buf_slice(&got), vx_buf_slice(&want));
	}
	vx_buf_done(&want);
	vx_buf_done(&got);
}

START_TEST(all_short_strings)
{
	char text[LONGEST];

	for (size_t len = 0; len <= LONGEST; len++) {
		for (unsigned n = 0; n < 1u << (2 * len); n++) {
			for (size_t i = 0; i < len; i++)
				text[i] = alphabet[n >> (2 * i) & 3];
			compare(vx_slice_of(text, len), false, 0);
			if (len <= 6)
				for (uint64_t lines = 0; lines < 3; lines++)
					compare(vx_slice_of(text, len), true, lines);
		}
	}
}
END_TEST

VXT_SUITE(test_body, "body", all_short_strings)
