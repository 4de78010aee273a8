#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local size_t fail_at;
static _Thread_local int failed;

static int must_fail(void)
{
	if (fail_at == 0 || --fail_at > 0)
		return 0;
	failed = 1;
	return 1;
}

void *vx_alloc(size_t size)
{
	return must_fail() ? NULL : calloc(1, size == 0 ? 1 : size);
}

void *vx_alloc_array(size_t count, size_t size)
{
	size_t total;

	return __builtin_mul_overflow(count, size, &total) ? NULL : vx_alloc(total);
}

void *vx_realloc(void *ptr, size_t size)
{
	return must_fail() ? NULL : realloc(ptr, size == 0 ? 1 : size);
}

void vx_free(void *ptr)
{
	free(ptr);
}

void vx_wipe(void *ptr, size_t len)
{
	if (len > 0)
		explicit_bzero(ptr, len);
}

void vx_mem_fail_at(size_t n)
{
	fail_at = n;
	failed = 0;
}

int vx_mem_failed(void)
{
	return failed;
}
