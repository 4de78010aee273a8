#include "base/clock.h"

#include <time.h>

int64_t vx_clock_s(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec;
}

uint64_t vx_clock_mono_us(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t vx_clock_mono_ms(void)
{
	return vx_clock_mono_us() / 1000;
}
