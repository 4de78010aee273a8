#include "vectis/buf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum {
	FIRST_CAP = 256
};

void vx_buf_init(struct vx_buf *b, size_t max)
{
	*b = (struct vx_buf){ .max = max };
}

void vx_buf_done(struct vx_buf *b)
{
	vx_free(b->ptr);
	*b = (struct vx_buf){ .max = b->max };
}

void vx_buf_reset(struct vx_buf *b)
{
	b->failed = false;
	vx_buf_truncate(b, 0);
}

void vx_buf_shrink(struct vx_buf *b, size_t keep)
{
	if (b->cap > keep)
		vx_buf_done(b);
	else
		vx_buf_reset(b);
}

/* Make cap at least len + n, doubling, so that appending is linear in total. */
static bool grow(struct vx_buf *b, size_t n)
{
	size_t cap = b->cap == 0 ? FIRST_CAP : b->cap;
	char *ptr;

	if (n > b->max - b->len)
		return false;
	while (cap < b->len + n)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	if (cap > b->max)
		cap = b->max;
	ptr = vx_realloc(b->ptr, cap + 1);
	if (ptr == NULL)
		return false;
	b->ptr = ptr;
	b->cap = cap;
	return true;
}

char *vx_buf_reserve(struct vx_buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if ((b->ptr == NULL || n > b->cap - b->len) && !grow(b, n)) {
		b->failed = true;
		return NULL;
	}
	return b->ptr + b->len;
}

void vx_buf_add(struct vx_buf *b, vx_slice s)
{
	char *p;

	if (s.len == 0)
		return;
	p = vx_buf_reserve(b, s.len);
	if (p == NULL)
		return;
	memcpy(p, s.ptr, s.len);
	b->len += s.len;
	b->ptr[b->len] = '\0';
}

void vx_buf_add_char(struct vx_buf *b, char c)
{
	char *const p = vx_buf_reserve(b, 1);

	if (p == NULL)
		return;
	p[0] = c;
	p[1] = '\0';
	b->len++;
}

void vx_buf_add_str(struct vx_buf *b, const char *str)
{
	vx_buf_add(b, vx_slice_str(str));
}

void vx_buf_add_number(struct vx_buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	vx_buf_add(b, vx_slice_of(digits + at, sizeof(digits) - at));
}

void vx_buf_printf(struct vx_buf *b, const char *fmt, ...)
{
	va_list args;
	int n;
	char *p;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		b->failed = true;
	p = n <= 0 ? NULL : vx_buf_reserve(b, (size_t)n);
	if (p == NULL)
		return;
	va_start(args, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
}

void vx_buf_consume(struct vx_buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->ptr, b->ptr + n, b->len - n);
	vx_buf_truncate(b, b->len - n);
}

void vx_buf_truncate(struct vx_buf *b, size_t n)
{
	assert(n <= b->len);
	b->len = n;
	if (b->ptr != NULL)
		b->ptr[n] = '\0';
}

void vx_buf_wipe(struct vx_buf *b)
{
	if (b->ptr != NULL)
		vx_wipe(b->ptr, b->cap);
	vx_buf_done(b);
}
