/* persist.h - records of dns-persist-01. */
#ifndef VX_ZONE_PERSIST_H
#define VX_ZONE_PERSIST_H

#include "vectis/zone.h"

#define VX_ZONE_PERSIST_LABEL "_validation-persist"

/* The proof as the text of its record, appended. */
void vx_zone_write_proof(const struct vx_zone_proof *p, struct vx_buf *out);
/* Are two texts such records of the same issuer? */
bool vx_zone_same_issuer(vx_slice a, vx_slice b);
/* Does text prove all that wanted, which is one of ours, does, and without an end? */
bool vx_zone_proves_as(vx_slice text, vx_slice wanted);
/* Does it name one of these accounts, which are separated by blanks? */
bool vx_zone_names_account(vx_slice text, const char *accounts);

#endif
