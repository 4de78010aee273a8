/* own_srs.h - SRS with the secret of this store: smtpd's workers and its sender agree. */
#ifndef VX_SERVICE_OWN_SRS_H
#define VX_SERVICE_OWN_SRS_H

#include "vectis/directory.h"
#include "vectis/srs.h"
#include "vectis/store.h"

void vx_own_srs_secret(struct vx_store *store, char out[VX_SHA256_OCTETS]);
/* Where a bounce to one of our rewritten addresses goes, appended.  VX_OK, VX_ENOENT. */
int vx_own_srs_reverse(
    struct vx_store *store, int64_t now_s, vx_slice path, struct vx_buf *out);
/*
 * Who gets a bounce to path, which may be a list's: then its owner.  *to is path or the
 * owner's, in the arena.  VX_OK and what vx_directory_resolve says; no list, ever.
 */
int vx_own_bounce_goes(struct vx_view *v, vx_slice path, char delimiter,
    struct vx_arena *arena, vx_slice *to, struct vx_resolved *out);

#endif
