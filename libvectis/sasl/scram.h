/* scram.h - SCRAM-SHA-256 (RFC 5802, RFC 7677), inside sasl/. */
#ifndef VX_SASL_SCRAM_H
#define VX_SASL_SCRAM_H

#include "base/cursor.h"
#include "vectis/sasl.h"

int vx_scram_next(struct vx_sasl *s, vx_slice response, vx_slice *challenge);
int vx_scram_client_next(
    struct vx_sasl_client *s, vx_slice challenge, vx_slice *response);

/* Append 18 random octets in base64. */
void vx_scram_nonce(struct vx_buf *out);

/* A value: everything up to the next comma. */
static inline vx_slice vx_scram_value(struct vx_cursor *c)
{
	const vx_slice rest = vx_cur_rest(c);
	const vx_slice value = vx_slice_head(rest, vx_slice_find(rest, ','));

	c->p += value.len;
	return value;
}

static inline bool vx_scram_is_nonce(vx_slice n, size_t max)
{
	for (size_t i = 0; i < n.len; i++)
		if (n.ptr[i] < 0x21 || n.ptr[i] > 0x7e || n.ptr[i] == ',')
			return false;
	return n.len > 0 && n.len <= max;
}

#endif
