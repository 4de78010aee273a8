/* encode.h - base64 (RFC 4648 4 and 5), hexadecimal, UTF-8 (RFC 3629). */
#ifndef VX_BASE_ENCODE_H
#define VX_BASE_ENCODE_H

#include "vectis/buf.h"

/* Append s as base64 with padding, or in the URL alphabet without padding. */
void vx_base64_add(struct vx_buf *out, vx_slice s);
void vx_base64url_add(struct vx_buf *out, vx_slice s);

/*
 * Strict: padding where it belongs, no other octets, zero bits at the end.
 * VX_OK; VX_EINVAL; VX_ELIMIT when out is full.  On failure *out is as it was.
 */
int vx_base64_decode(vx_slice s, struct vx_buf *out);
int vx_base64url_decode(vx_slice s, struct vx_buf *out);

/* Lower-case digits; decoding takes both cases.  Returns as above. */
void vx_hex_add(struct vx_buf *out, vx_slice s);
int vx_hex_decode(vx_slice s, struct vx_buf *out);

/* What one digit counts, -1: it is none. */
int vx_base64_value(char c);
int vx_hex_value(char c);

/* Well-formed UTF-8: no surrogates, nothing overlong, at most U+10FFFF. */
bool vx_utf8_valid(vx_slice s);
/* How many octets at the beginning are below 128; are all? */
size_t vx_ascii_run(vx_slice s);
bool vx_is_ascii(vx_slice s);
/*
 * The first code point of s and its length in octets; an ill-formed sequence is
 * U+FFFD and counts the octets that could not be part of a good one (at least 1).
 * s must not be empty.
 */
uint32_t vx_utf8_next(vx_slice s, size_t *octets);
/* The first octets of s, at most max, without a character that is cut. */
vx_slice vx_utf8_head(vx_slice s, size_t max);
/* Append code point c (U+FFFD for what is no scalar value). */
void vx_utf8_add(struct vx_buf *out, uint32_t c);

#endif
