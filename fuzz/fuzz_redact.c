/* Text that is given to others: a known secret is never among what is said. */
#include "vectis/redact.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const vx_slice known[] = { { "swordfish", 9 }, { "swordfish2", 10 } };
	struct vx_redact r = { .secrets = known,
		.secret_count = 2,
		.keep_addresses = size % 2 == 0,
		.seed = "0123456789abcdef" };
	const vx_slice text = vx_slice_of(data, size);
	struct vx_buf out = { .max = 16 * size + 64 };

	if (vx_redact(&r, text, &out) != VX_OK)
		abort(); /* a mark is not that much longer than what it stands for */
	if (vx_slice_find_slice(vx_buf_slice(&out), known[0]) < out.len)
		abort();
	vx_buf_done(&out);
	return 0;
}
