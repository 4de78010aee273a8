/*
 * keeper.h - what acmed does every second: take custom certificate files that changed
 * (TLS-10, TLS-38), and tell in time that a certificate ends (TLS-11).
 */
#ifndef VX_ACMED_KEEPER_H
#define VX_ACMED_KEEPER_H

#include "runtime/runtime.h"

#define KEEPER_LOOK_S 2     /* between two looks at the files */
#define KEEPER_EXPIRY_S 600 /* between two looks at what ends */

struct keeper;
int keeper_new(
    const struct vx_config *config, const struct vx_log *log, struct keeper **out);
void keeper_free(struct keeper *k);
void keeper_tick(struct keeper *k);

#endif
