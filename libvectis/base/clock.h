/* clock.h - the clocks, for service/ and above; cores are told the time. */
#ifndef VX_BASE_CLOCK_H
#define VX_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>

/* Seconds since 1970-01-01 UTC; microseconds and milliseconds that never go back. */
int64_t vx_clock_s(void);
uint64_t vx_clock_mono_us(void);
uint64_t vx_clock_mono_ms(void);

/* Wait for cond, with lock held, but no longer than so many milliseconds. */
void vx_clock_wait(pthread_cond_t *cond, pthread_mutex_t *lock, long ms);

#endif
