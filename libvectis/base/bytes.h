/* bytes.h - fixed-size integers in memory: big-endian (keys), little-endian (values). */
#ifndef VX_BASE_BYTES_H
#define VX_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#define VX_BYTES_GETPUT(name, type, swap)                                                \
	static inline type vx_get_##name(const void *p)                                  \
	{                                                                                \
		type v;                                                                  \
                                                                                         \
		memcpy(&v, p, sizeof(v));                                                \
		return swap(v);                                                          \
	}                                                                                \
	static inline void vx_put_##name(void *p, type v)                                \
	{                                                                                \
		v = swap(v);                                                             \
		memcpy(p, &v, sizeof(v));                                                \
	}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define VX_LE16(v) (v)
#define VX_LE32(v) (v)
#define VX_LE64(v) (v)
#define VX_BE16(v) __builtin_bswap16(v)
#define VX_BE32(v) __builtin_bswap32(v)
#define VX_BE64(v) __builtin_bswap64(v)
#else
#define VX_LE16(v) __builtin_bswap16(v)
#define VX_LE32(v) __builtin_bswap32(v)
#define VX_LE64(v) __builtin_bswap64(v)
#define VX_BE16(v) (v)
#define VX_BE32(v) (v)
#define VX_BE64(v) (v)
#endif

VX_BYTES_GETPUT(le16, uint16_t, VX_LE16)
VX_BYTES_GETPUT(le32, uint32_t, VX_LE32)
VX_BYTES_GETPUT(le64, uint64_t, VX_LE64)
VX_BYTES_GETPUT(be16, uint16_t, VX_BE16)
VX_BYTES_GETPUT(be32, uint32_t, VX_BE32)
VX_BYTES_GETPUT(be64, uint64_t, VX_BE64)

#endif
