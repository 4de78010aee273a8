/*
 * A descriptor from a damaged disk is refused or read inside its bounds.  Input that
 * begins with "D" is the descriptor; else its first octet is a number of changes of three
 * octets each (where, where, what) to the descriptor of the message that follows.
 */
#include "mime_walk.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_it(vx_slice octets)
{
	char *exact = malloc(octets.len > 0 ? octets.len : 1);
	struct vx_descriptor d;

	mime_must(exact != NULL);
	if (octets.len > 0)
		memcpy(exact, octets.ptr, octets.len);
	if (vx_descriptor_open(vx_slice_of(exact, octets.len), &d) == VX_OK) {
		mime_read_all(&d);
		mime_render_all(&d, false);
	}
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t changes = size == 0 ? 0 : data[0] % 32u;
	struct vx_buf octets;

	if (size == 0 || data[0] == 'D') {
		read_it(vx_slice_of(data, size));
		return 0;
	}
	if (size < 1 + 3 * changes || size > 65536)
		return 0;
	octets = mime_describe(
	    vx_slice_from(vx_slice_of(data, size), 1 + 3 * changes), SIZE_MAX);
	for (size_t i = 0; i < changes; i++) {
		const uint8_t *c = data + 1 + 3 * i;
		const size_t at = ((size_t)c[0] << 8 | c[1]) % octets.len;

		octets.ptr[at] = (char)c[2];
	}
	read_it(vx_buf_slice(&octets));
	/* and cut short */
	if (changes > 0)
		read_it(vx_slice_head(vx_buf_slice(&octets),
		    ((size_t)data[1] << 8 | data[2]) % octets.len));
	vx_buf_done(&octets);
	return 0;
}
