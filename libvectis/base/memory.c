#include "vectis/memory.h"

#include "base/clock.h"
#include "base/mem.h"

void *vx_memory_alloc(size_t size)
{
	return vx_alloc(size);
}

void vx_memory_free(void *ptr)
{
	vx_free(ptr);
}

int64_t vx_now_s(void)
{
	return vx_clock_s();
}

uint64_t vx_now_ms(void)
{
	return vx_clock_mono_ms();
}
