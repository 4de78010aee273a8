#include "base/order.h"

#include <string.h>

void vx_order_init(uint32_t *order, size_t count)
{
	for (size_t i = 0; i < count; i++)
		order[i] = (uint32_t)i;
}

/* One pass: by the octet of keys - least at shift.  From order to to. */
static void by_octet(const uint64_t *keys, uint64_t least, unsigned shift,
    const uint32_t *order, uint32_t *to, size_t count)
{
	size_t at[256] = { 0 }, sum = 0;

	for (size_t i = 0; i < count; i++)
		at[(keys[order[i]] - least) >> shift & 0xff]++;
	for (size_t i = 0; i < 256; i++) {
		const size_t n = at[i];

		at[i] = sum;
		sum += n;
	}
	for (size_t i = 0; i < count; i++)
		to[at[(keys[order[i]] - least) >> shift & 0xff]++] = order[i];
}

void vx_order_by(const uint64_t *keys, uint32_t *order, uint32_t *scratch, size_t count)
{
	uint32_t *from = order, *to = scratch, *swap;
	uint64_t least = UINT64_MAX, most = 0;

	for (size_t i = 0; i < count; i++) {
		const uint64_t k = keys[order[i]];

		least = k < least ? k : least;
		most = k > most ? k : most;
	}
	for (unsigned shift = 0; count > 0 && shift < 64 && (most - least) >> shift > 0;
	     shift += 8) {
		by_octet(keys, least, shift, from, to, count);
		swap = from;
		from = to;
		to = swap;
	}
	if (from != order)
		memcpy(order, from, count * sizeof(*order));
}
