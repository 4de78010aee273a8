/* chars.h - classes of octets, one table for all grammars.  Locale plays no part. */
#ifndef VX_BASE_CHARS_H
#define VX_BASE_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum vx_char_class {
	VX_C_ALPHA = 1 << 0,
	VX_C_DIGIT = 1 << 1,
	VX_C_HEX = 1 << 2,
	VX_C_ATEXT = 1 << 3,  /* RFC 5322 3.2.3, ASCII only */
	VX_C_CTL = 1 << 4,    /* 0 to 31 and 127 */
	VX_C_WSP = 1 << 5,    /* space, tab */
	VX_C_TOKEN = 1 << 6,  /* RFC 2045 5.1 */
	VX_C_ATOM = 1 << 7,   /* RFC 3501 ATOM-CHAR */
	VX_C_BASE64 = 1 << 8, /* RFC 4648 4, without '=' */
	VX_C_FTEXT = 1 << 9,  /* RFC 5322 3.6.8: 33 to 126 without ':' */
	VX_C_HIGH = 1 << 10,  /* 128 to 255 */
};

extern const uint16_t vx_char_table[256];

static inline bool vx_is(char c, unsigned classes)
{
	return (vx_char_table[(unsigned char)c] & classes) != 0;
}

static inline char vx_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char vx_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

#endif
