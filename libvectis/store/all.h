/* all.h - upkeep of the mailboxes that have all messages of their account (MB-21). */
#ifndef VX_STORE_ALL_H
#define VX_STORE_ALL_H

#include "store/store_int.h"

#define VX_ALL_NAME VX_S("All Mail")
#define VX_ALL_META "all_mail" /* in the meta tree; not 0: new accounts have one */

/*
 * Make them, fill them, or drop them, for every account, as the option says; in slices,
 * until go_on is false.  One that cannot have it (there is such a name already, it has too
 * many mailboxes, it is damaged) is named in the log.  VX_OK, or below 0: it is to be
 * tried again.
 */
int vx_all_upkeep(struct vx_store *s, bool (*go_on)(struct vx_store *store));

#endif
