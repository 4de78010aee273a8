#include "vectis/slice.h"

#include "base/chars.h"
#include "vectis/err.h"

bool vx_slice_eq(vx_slice a, vx_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool vx_slice_eq_nocase(vx_slice a, vx_slice b)
{
	return a.len == b.len && vx_slice_has_prefix_nocase(a, b);
}

int vx_slice_cmp(vx_slice a, vx_slice b)
{
	const size_t n = a.len < b.len ? a.len : b.len;
	const int d = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return d != 0 ? d : (a.len > b.len) - (a.len < b.len);
}

bool vx_slice_has_prefix(vx_slice s, vx_slice prefix)
{
	return s.len >= prefix.len && vx_slice_eq(vx_slice_head(s, prefix.len), prefix);
}

bool vx_slice_has_prefix_nocase(vx_slice s, vx_slice prefix)
{
	if (s.len < prefix.len)
		return false;
	for (size_t i = 0; i < prefix.len; i++)
		if (vx_lower(s.ptr[i]) != vx_lower(prefix.ptr[i]))
			return false;
	return true;
}

bool vx_slice_has_suffix(vx_slice s, vx_slice suffix)
{
	return s.len >= suffix.len &&
	       vx_slice_eq(vx_slice_from(s, s.len - suffix.len), suffix);
}

size_t vx_slice_find(vx_slice s, char c)
{
	const char *p = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

	return p == NULL ? s.len : (size_t)(p - s.ptr);
}

size_t vx_slice_rfind(vx_slice s, char c)
{
	const char *p = s.len == 0 ? NULL : memrchr(s.ptr, c, s.len);

	return p == NULL ? s.len : (size_t)(p - s.ptr);
}

size_t vx_slice_find_slice(vx_slice s, vx_slice needle)
{
	const char *p;

	if (needle.len == 0)
		return 0;
	p = s.len == 0 ? NULL : memmem(s.ptr, s.len, needle.ptr, needle.len);
	return p == NULL ? s.len : (size_t)(p - s.ptr);
}

static bool in_set(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

vx_slice vx_slice_trim(vx_slice s, const char *set)
{
	while (s.len > 0 && in_set(s.ptr[0], set))
		s = vx_slice_from(s, 1);
	while (s.len > 0 && in_set(s.ptr[s.len - 1], set))
		s.len--;
	return s;
}

bool vx_slice_cut(vx_slice *rest, char c, vx_slice *head)
{
	const size_t at = vx_slice_find(*rest, c);
	const bool found = at < rest->len;

	*head = vx_slice_head(*rest, at);
	*rest = vx_slice_from(*rest, found ? at + 1 : at);
	return found;
}

int vx_slice_number(vx_slice s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0 || s.len > 20)
		return VX_EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		if (!vx_is(s.ptr[i], VX_C_DIGIT) || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n))
			return VX_EINVAL;
	}
	if (n > max)
		return VX_EINVAL;
	*out = n;
	return VX_OK;
}
