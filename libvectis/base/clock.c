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

void vx_clock_wait(pthread_cond_t *cond, pthread_mutex_t *lock, long ms)
{
	struct timespec until = { 0 };

	/* not the time of day: it may be set back */
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &until);
}
