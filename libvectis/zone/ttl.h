/* ttl.h - how long records are kept. */
#ifndef VX_ZONE_TTL_H
#define VX_ZONE_TTL_H

#include "vectis/zone.h"

/* The TTLs of what a difference adds, changes and keeps. */
void vx_zone_settle_ttls(
    const struct vx_zone_plan *p, const struct vx_zone *have, struct vx_zone_diff *d);
/* Is it ours, and may it have a TTL of its own, which is less than that? */
bool vx_zone_is_short(
    const struct vx_zone *have, const struct vx_zone_record *r, uint32_t ttl);

#endif
