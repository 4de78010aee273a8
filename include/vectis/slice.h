/*
 * slice.h - octets that somebody else owns: a pointer and a length.
 *
 * A slice borrows.  Who owns the octets, and until when, is said where the slice
 * is handed out.  ptr may be NULL only where len is 0.  Nothing here allocates.
 */
#ifndef VECTIS_SLICE_H
#define VECTIS_SLICE_H

#include "vectis/api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

VX_BEGIN_DECLS

typedef struct {
	const char *ptr;
	size_t len;
} vx_slice;

/* A string literal as a slice; VX_SLICE_INIT is the form for static initialisers. */
#define VX_SLICE_INIT(literal)                                                           \
	{                                                                                \
		"" literal, sizeof("" literal) - 1                                       \
	}
#define VX_S(literal) ((vx_slice)VX_SLICE_INIT(literal))

static inline vx_slice vx_slice_of(const void *ptr, size_t len)
{
	const vx_slice s = { (const char *)ptr, len };

	return s;
}

/* The octets of a NUL-terminated string; NULL gives the empty slice. */
static inline vx_slice vx_slice_str(const char *str)
{
	return vx_slice_of(str, str == NULL ? 0 : strlen(str));
}

/* [begin, end) of one object. */
static inline vx_slice vx_slice_range(const char *begin, const char *end)
{
	return vx_slice_of(begin, (size_t)(end - begin));
}

static inline const char *vx_slice_end(vx_slice s)
{
	return s.len == 0 ? s.ptr : s.ptr + s.len;
}

/* s without its first n octets (all of them when it has fewer). */
static inline vx_slice vx_slice_from(vx_slice s, size_t n)
{
	if (n > s.len)
		n = s.len;
	return vx_slice_of(n == 0 ? s.ptr : s.ptr + n, s.len - n);
}

/* The first n octets of s (all of them when it has fewer). */
static inline vx_slice vx_slice_head(vx_slice s, size_t n)
{
	return vx_slice_of(s.ptr, n < s.len ? n : s.len);
}

/* Octet-wise; the _nocase forms fold A to Z only. */
VX_API bool vx_slice_eq(vx_slice a, vx_slice b);
VX_API bool vx_slice_eq_nocase(vx_slice a, vx_slice b);
VX_API int vx_slice_cmp(vx_slice a, vx_slice b);
VX_API bool vx_slice_has_prefix(vx_slice s, vx_slice prefix);
VX_API bool vx_slice_has_prefix_nocase(vx_slice s, vx_slice prefix);
VX_API bool vx_slice_has_suffix(vx_slice s, vx_slice suffix);

/* The offset of the first c in s, of the last, or of the first needle; s.len: none. */
VX_API size_t vx_slice_find(vx_slice s, char c);
VX_API size_t vx_slice_rfind(vx_slice s, char c);
VX_API size_t vx_slice_find_slice(vx_slice s, vx_slice needle);

/* s without the octets of set (a NUL-terminated string) at both its ends. */
VX_API vx_slice vx_slice_trim(vx_slice s, const char *set);

/*
 * Cut *rest at the first c: *head gets what is before it, *rest what follows.
 * False, with all of it in *head and *rest empty, when c is not there.
 */
VX_API bool vx_slice_cut(vx_slice *rest, char c, vx_slice *head);

/*
 * A decimal number of 1 to 20 digits and nothing else, at most max.
 * VX_OK, or VX_EINVAL with *out untouched.
 */
VX_API int vx_slice_number(vx_slice s, uint64_t max, uint64_t *out);

VX_END_DECLS

#endif
