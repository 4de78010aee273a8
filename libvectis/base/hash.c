#include "base/hash.h"

#include "base/bytes.h"

#include <pthread.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

uint64_t vx_siphash(const struct vx_siphash_key *key, vx_slice s)
{
	uint64_t v[4] = { key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
		key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u };
	uint64_t last = (uint64_t)s.len << 56;
	const size_t whole = s.len / 8 * 8;

	for (size_t i = 0; i < whole; i += 8) {
		const uint64_t m = vx_get_le64(s.ptr + i);

		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	for (size_t i = whole; i < s.len; i++)
		last |= (uint64_t)(unsigned char)s.ptr[i] << (8 * (i - whole));
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Eight octets at a time by tables; made once, when a processor without CRC-32C asks. */
static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
		tables[0][i] = crc;
	}
	for (int t = 1; t < 8; t++)
		for (uint32_t i = 0; i < 256; i++)
			tables[t][i] =
			    tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 0xff];
}

uint32_t vx_crc32c_portable(uint32_t crc, vx_slice s)
{
	const char *p = s.ptr;
	size_t len = s.len;

	(void)pthread_once(&tables_once, make_tables);
	crc = ~crc;
	for (; len >= 8; len -= 8, p += 8) {
		const uint64_t v = vx_get_le64(p) ^ crc;

		crc = 0;
		for (unsigned i = 0; i < 8; i++)
			crc ^= tables[7 - i][v >> 8 * i & 0xff];
	}
	for (; len > 0; len--, p++)
		crc = crc >> 8 ^ tables[0][(crc ^ (unsigned char)*p) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_sse42(
    uint32_t crc, const char *p, size_t len)
{
	uint64_t c = crc;

	for (; len >= 8; len -= 8, p += 8)
		c = _mm_crc32_u64(c, vx_get_le64(p));
	for (; len > 0; len--, p++)
		c = _mm_crc32_u8((uint32_t)c, (unsigned char)*p);
	return (uint32_t)c;
}
#endif

#if defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t crc_arm(
    uint32_t crc, const char *p, size_t len)
{
	for (; len >= 8; len -= 8, p += 8)
		crc = __crc32cd(crc, vx_get_le64(p));
	for (; len > 0; len--, p++)
		crc = __crc32cb(crc, (unsigned char)*p);
	return crc;
}
#endif

uint32_t vx_crc32c(uint32_t crc, vx_slice s)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse42(~crc, s.ptr, s.len);
#elif defined(__aarch64__)
	if ((getauxval(AT_HWCAP) & HWCAP_CRC32) != 0)
		return ~crc_arm(~crc, s.ptr, s.len);
#endif
	return vx_crc32c_portable(crc, s);
}
