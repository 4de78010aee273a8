/* spf.h - SPF records as lists of terms. */
#ifndef VX_ZONE_SPF_H
#define VX_ZONE_SPF_H

#include "vectis/zone.h"

/* Does text begin as an SPF record does (RFC 7208 4.5)? */
bool vx_zone_is_spf(vx_slice text);
/* Is it nothing but what a plan of ours writes: mx, a, addresses, a backup, and `all`? */
bool vx_zone_spf_is_plain(vx_slice record);
/* Does record have term (compared without regard to case and a leading '+')? */
bool vx_zone_spf_has(vx_slice record, vx_slice term);
/*
 * The record, appended, without what names a backup and is not in `wanted`, which is what
 * a plan of ours says now.
 */
void vx_zone_spf_drop_backup(vx_slice record, vx_slice wanted, struct vx_buf *out);
/*
 * The record, appended, without those of `merged` (separated by blanks) that `wanted` has
 * not.
 */
void vx_zone_spf_drop_merged(
    vx_slice record, const char *merged, vx_slice wanted, struct vx_buf *out);
/* Take the next term; false: there is none. */
bool vx_zone_spf_term(vx_slice *record, vx_slice *term);

/*
 * As vx_zone_merge_spf; thrifty: mx and a are left out where addresses are named, else
 * all that the other has is taken over.
 */
int vx_zone_spf_join(vx_slice record, vx_slice other, bool thrifty, struct vx_buf *out);

#define VX_ZONE_SPF_CLOUDFLARE "include:_spf.mx.cloudflare.net"
/* Of a backup server: with its '+', which people leave out, it is known to be ours. */
#define VX_ZONE_SPF_HOST "+a:"

#endif
