/* all.h - upkeep of the mailboxes that have all messages of their account (MB-21). */
#ifndef VX_STORE_ALL_H
#define VX_STORE_ALL_H

#include "store/store_int.h"

#define VX_ALL_NAME VX_S("All Mail")

/*
 * Make them, fill them, or drop them, for every account, as the option says; in slices,
 * until go_on is false.  VX_OK or below 0.
 */
int vx_all_upkeep(struct vx_store *s, bool (*go_on)(struct vx_store *store));

#endif
