/* The decoder of DATA against a slow and obvious one, over all short strings and splits.
 */
#include "lib/vxt.h"
#include "smtp/data.h"

static const char alphabet[] = { '\r', '\n', '.', 'a' };
enum {
	LONGEST = 6
};

/* How long the line is up to its CR; what is wrong with its end. */
static int slow_line(vx_slice in, size_t *len)
{
	for (*len = 0; *len < in.len; ++*len) {
		if (in.ptr[*len] == '\n')
			return VX_EPROTO;
		if (in.ptr[*len] != '\r')
			continue;
		if (*len + 1 == in.len)
			return VX_MORE;
		return in.ptr[*len + 1] == '\n' ? VX_OK : VX_EPROTO;
	}
	return VX_MORE;
}

static int slow(vx_slice in, struct vx_buf *out, size_t *rest)
{
	for (;;) {
		size_t len;
		int rc;

		if (vx_slice_has_prefix(in, VX_S(".\r\n"))) {
			*rest = in.len - 3;
			return VX_DONE;
		}
		if (in.len > 0 && in.ptr[0] == '.')
			in = vx_slice_from(in, 1);
		rc = slow_line(in, &len);
		vx_buf_add(out, vx_slice_head(in, len));
		if (rc != VX_OK)
			return rc;
		vx_buf_add(out, VX_S("\r\n"));
		in = vx_slice_from(in, len + 2);
	}
}

static int fast(vx_slice in, unsigned cuts, struct vx_buf *out, size_t *rest)
{
	struct vx_smtp_data d = { 0 };
	size_t from = 0;
	int rc = VX_MORE;

	for (size_t i = 1; i <= in.len && rc == VX_MORE; i++) {
		vx_slice piece = vx_slice_of(in.ptr + from, i - from), run;

		if (i < in.len && (cuts >> (i - 1) & 1) == 0)
			continue;
		while ((rc = vx_smtp_data_next(&d, &piece, &run)) == VX_DATA)
			vx_buf_add(out, run);
		from = i;
		*rest = in.len - i + piece.len;
	}
	return rc;
}

static void compare(vx_slice in)
{
	struct vx_buf want = { .max = 64 }, got = { .max = 64 };
	size_t want_rest = 0, got_rest = 0;
	const int rc = slow(in, &want, &want_rest);

	for (unsigned cuts = 0; cuts < (in.len == 0 ? 1u : 1u << (in.len - 1)); cuts++) {
		vx_buf_reset(&got);
		ck_assert_int_eq(fast(in, cuts, &got, &got_rest), rc);
		vxt_assert_slice(vx_buf_slice(&got), vx_buf_slice(&want));
		if (rc == VX_DONE)
			ck_assert_uint_eq(got_rest, want_rest);
	}
	vx_buf_done(&want);
	vx_buf_done(&got);
}

static bool slow_chunk_ok(vx_slice in)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.ptr[i] == '\n' && (i == 0 || in.ptr[i - 1] != '\r'))
			return false;
		if (in.ptr[i] == '\r' && i + 1 < in.len && in.ptr[i + 1] != '\n')
			return false;
	}
	return true;
}

static void compare_chunk(vx_slice in)
{
	const bool want = slow_chunk_ok(in);

	for (unsigned cuts = 0; cuts < (in.len == 0 ? 1u : 1u << (in.len - 1)); cuts++) {
		bool cr = false, ok = true;
		size_t from = 0;

		for (size_t i = 1; i <= in.len && ok; i++) {
			if (i < in.len && (cuts >> (i - 1) & 1) == 0)
				continue;
			ok = vx_smtp_chunk_ok(vx_slice_of(in.ptr + from, i - from), &cr);
			from = i;
		}
		ck_assert_int_eq(ok, want);
		if (ok && in.len > 0)
			ck_assert_int_eq(cr, in.ptr[in.len - 1] == '\r');
	}
}

START_TEST(all_short_strings)
{
	char text[LONGEST];

	for (size_t len = 0; len <= LONGEST; len++) {
		for (unsigned n = 0; n < 1u << (2 * len); n++) {
			for (size_t i = 0; i < len; i++)
				text[i] = alphabet[n >> (2 * i) & 3];
			compare(vx_slice_of(text, len));
			compare_chunk(vx_slice_of(text, len));
		}
	}
}
END_TEST

VXT_SUITE(test_data, "data", all_short_strings)
