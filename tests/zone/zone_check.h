/* zone_check.h - zones and differences as text, for tests. */
#ifndef VXT_ZONE_CHECK_H
#define VXT_ZONE_CHECK_H

#include "lib/vxt.h"
#include "vectis/zone.h"

/*
 * Lines of "NAME TYPE CONTENT", perhaps with " | COMMENT" and " | proxied", " | locked"
 * or " | ttl=60" behind it.  Ids are "r0", "r1" and so on.
 */
void zone_check_read(struct vx_zone *z, const char *text);
/* A difference as lines of "VERB NAME TYPE CONTENT", "keep" left out. */
void zone_check_write(const struct vx_zone_diff *d, struct vx_buf *out);
/* What becomes of have. */
void zone_check_apply(
    const struct vx_zone *have, const struct vx_zone_diff *d, struct vx_zone *out);
/* A wish for example.net at mail.example.net, 192.0.2.1 and 2001:db8::1. */
struct vx_zone_wish zone_check_wish(void);

#endif
