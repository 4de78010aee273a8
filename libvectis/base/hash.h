/* hash.h - SipHash-2-4 for tables keyed by peers, CRC32C for what is stored. */
#ifndef VX_BASE_HASH_H
#define VX_BASE_HASH_H

#include "vectis/slice.h"

struct vx_siphash_key {
	uint64_t k0, k1;
};

uint64_t vx_siphash(const struct vx_siphash_key *key, vx_slice s);

/* CRC-32C (Castagnoli, RFC 3720 B.4); crc is 0 for the first piece. */
uint32_t vx_crc32c(uint32_t crc, vx_slice s);
/* The same on a processor without instructions for it. */
uint32_t vx_crc32c_portable(uint32_t crc, vx_slice s);

#endif
