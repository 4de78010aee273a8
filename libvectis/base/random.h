/* random.h - the kernel's random octets.  crypto/ uses them too. */
#ifndef VX_BASE_RANDOM_H
#define VX_BASE_RANDOM_H

#include <stddef.h>

/* len octets from getrandom(2); without them the process cannot go on and aborts. */
void vx_random_seed(void *out, size_t len);

#endif
