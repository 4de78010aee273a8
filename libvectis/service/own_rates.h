/*
 * own_rates.h - how often something was done in this minute, per network, counted by all
 * processes together in a file that they map.
 */
#ifndef VX_SERVICE_OWN_RATES_H
#define VX_SERVICE_OWN_RATES_H

#include "vectis/err.h"
#include "vectis/network.h"
#include "vectis/store.h"

#define OWN_RATES_SLOTS                                                                  \
	32768 /* networks and kinds; the one seen last longest ago goes                  \
	       */

enum own_rate {
	OWN_RATE_CONNECTIONS,
	OWN_RATE_MESSAGES,
	OWN_RATE_RECIPIENTS,
	OWN_RATES
};

struct own_rates;
/* path NULL: of this process only.  VX_OK, VX_ENOMEM, or why the file cannot be had. */
int vx_own_rates_open(
    const struct vx_store *store, const char *path, struct own_rates **out);
void vx_own_rates_close(struct own_rates *r);
/* One more; how many there are now, in the minute of now_s. */
uint32_t vx_own_rates_count(struct own_rates *r, enum own_rate rate,
    const struct vx_network *network, int64_t now_s);

#endif
