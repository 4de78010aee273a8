/* own_srs.h - SRS with the secret of this store: smtpd's workers and its sender agree. */
#ifndef VX_SERVICE_OWN_SRS_H
#define VX_SERVICE_OWN_SRS_H

#include "vectis/srs.h"
#include "vectis/store.h"

void vx_own_srs_secret(struct vx_store *store, char out[VX_SHA256_OCTETS]);
/* Where a bounce to one of our rewritten addresses goes, appended.  VX_OK, VX_ENOENT. */
int vx_own_srs_reverse(
    struct vx_store *store, int64_t now_s, vx_slice path, struct vx_buf *out);

#endif
