/* holders.h - who holds the ports that the daemons want. */
#ifndef VECTISCTL_HOLDERS_H
#define VECTISCTL_HOLDERS_H

#include "vectisctl/ctl.h"

#include "vectis/diagnose.h"

#define CTL_HOLDERS_MAX 64

/* Add a port to the n of list, once: how many there are. */
size_t ctl_holders_want(struct vx_diag_holder *list, size_t n, uint16_t port);
/* Who listens on each of them, on any address. */
void ctl_holders_find(struct ctl *c, struct vx_diag_holder *list, size_t n);

#endif
