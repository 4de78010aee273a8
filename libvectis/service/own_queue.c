#include "service/own_queue.h"

#include "vectis/address.h"
#include "vectis/crypto.h"

void vx_own_token(char out[VX_QUEUE_TOKEN_OCTETS])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char random[VX_QUEUE_TOKEN_OCTETS / 2];

	vx_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++) {
		out[2 * i] = digits[random[i] >> 4];
		out[2 * i + 1] = digits[random[i] & 15];
	}
}

int vx_own_destination(struct vx_arena *a, vx_slice path, vx_slice *out)
{
	const vx_slice domain = vx_slice_from(path, vx_slice_rfind(path, '@') + 1);
	struct vx_buf name = { .max = VX_DNS_NAME_MAX };
	int rc;

	if (vx_slice_has_prefix(domain, VX_S("[")))
		return vx_arena_copy(a, domain, out);
	rc = vx_domain_normalise(domain, &name);
	if (rc == VX_OK && vx_queue_is_inner(vx_buf_slice(&name)))
		rc = VX_EINVAL; /* what is there is not mail of others */
	if (rc == VX_OK)
		rc = vx_arena_copy(a, vx_buf_slice(&name), out);
	vx_buf_done(&name);
	return rc;
}
