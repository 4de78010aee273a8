/*
 * SRS: what is forwarded comes back, is an address of our domain, and nothing that we did
 * not sign is undone.  The first octet is the options, then a path and a domain, lines.
 */
#include "vectis/srs.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1800000000)

static void must(bool good)
{
	if (!good)
		abort();
}

/* Printable or UTF-8, one "@" outside quotes, a local part that is not too long. */
static void check(vx_slice path, size_t local_max)
{
	bool quoted = false;
	size_t at = 0;

	for (size_t i = 0; i < path.len; i++) {
		const char c = path.ptr[i];

		must((unsigned char)c >= ' ' && c != 0x7f);
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == '@') {
			must(at == 0);
			at = i;
		}
	}
	must(!quoted && at > 0 && at + 1 < path.len);
	must(local_max == 0 || at <= local_max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const vx_slice secrets[] = { VX_SLICE_INIT("one"), VX_SLICE_INIT("two") };
	static const vx_slice other[] = { VX_SLICE_INIT("three") };
	struct vx_srs_options o = {
		.struct_size = sizeof(o), .secrets = secrets, .secrets_count = 2
	};
	struct vx_buf there = { .max = 4096 }, back = { .max = 4096 },
		      again = { .max = 4096 };
	vx_slice rest, path, domain;

	if (size < 1 || size > 4096)
		return 0;
	o.always = (data[0] & 1) != 0;
	o.hash_chars = VX_SRS_HASH_MIN + (data[0] >> 1) % 17u;
	rest = vx_slice_of(data + 1, size - 1);
	(void)vx_slice_cut(&rest, '\n', &path);
	(void)vx_slice_cut(&rest, '\n', &domain);
	if (vx_srs_reverse(&o, path, NOW, &back) == VX_OK) {
		check(vx_buf_slice(&back), 0);
		vx_buf_reset(&back);
	}
	must(back.len == 0);
	if (vx_srs_forward(&o, path, domain, NOW, &there) == VX_OK) {
		if (!vx_slice_eq(vx_buf_slice(&there), path)) {
			check(vx_buf_slice(&there), VX_SRS_LOCAL_MAX);
			must(vx_srs_is_rewritten(vx_buf_slice(&there)));
			must(vx_srs_reverse(&o, vx_buf_slice(&there), NOW, &back) ==
			     VX_OK);
			check(vx_buf_slice(&back), 0);
			must(vx_srs_forward(
				 &o, vx_buf_slice(&back), domain, NOW, &again) == VX_OK ||
			     vx_srs_is_rewritten(vx_buf_slice(&back)));
			o.secrets = other;
			o.secrets_count = 1;
			must(vx_srs_reverse(&o, vx_buf_slice(&there), NOW, &again) ==
			     VX_EAUTH);
		}
	} else {
		must(there.len == 0);
	}
	vx_buf_done(&there);
	vx_buf_done(&back);
	vx_buf_done(&again);
	return 0;
}
