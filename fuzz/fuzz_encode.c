/* What is encoded decodes to itself; hostile input to the decoders is refused. */
#include "base/encode.h"
#include "vectis/err.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int decode_fn(vx_slice s, struct vx_buf *out);
typedef void encode_fn(struct vx_buf *out, vx_slice s);

static void both_ways(vx_slice in, encode_fn *encode, decode_fn *decode)
{
	struct vx_buf text = { .max = 1 << 20 }, back = { .max = 1 << 20 };

	(void)decode(in, &back);
	vx_buf_reset(&back);
	encode(&text, in);
	if (text.failed || decode(vx_buf_slice(&text), &back) != VX_OK ||
	    !vx_slice_eq(vx_buf_slice(&back), in))
		abort();
	vx_buf_done(&text);
	vx_buf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const vx_slice in = vx_slice_of(data, size);
	struct vx_buf out = { .max = 4u << 20 };

	both_ways(in, vx_base64_add, vx_base64_decode);
	both_ways(in, vx_base64url_add, vx_base64url_decode);
	both_ways(in, vx_hex_add, vx_hex_decode);
	for (vx_slice s = in; s.len > 0;) {
		size_t n;

		vx_utf8_add(&out, vx_utf8_next(s, &n));
		s = vx_slice_from(s, n);
	}
	if (!vx_utf8_valid(vx_buf_slice(&out)) ||
	    (vx_utf8_valid(in) && !vx_slice_eq(vx_buf_slice(&out), in)))
		abort();
	vx_buf_done(&out);
	return 0;
}
