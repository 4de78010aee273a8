#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void vx_random_seed(void *out, size_t len)
{
	char *p = out;

	while (len > 0) {
		const ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			abort(); /* keys must never be guessable */
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}
