/* order.h - sorting by numbers: stable, and linear whatever the numbers are. */
#ifndef VX_BASE_ORDER_H
#define VX_BASE_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* 0, 1, 2 and so on. */
void vx_order_init(uint32_t *order, size_t count);
/*
 * Rearrange the count places in order so that keys[order[i]] ascend; equal ones stay as
 * they stand.  scratch has room for count places.
 */
void vx_order_by(const uint64_t *keys, uint32_t *order, uint32_t *scratch, size_t count);
/* The key that sorts like a signed number. */
static inline uint64_t vx_order_signed(int64_t n)
{
	return (uint64_t)n ^ (uint64_t)1 << 63;
}

#endif
