/* account.h - an account's mail, for directory/: inside a write transaction. */
#ifndef VX_STORE_ACCOUNT_H
#define VX_STORE_ACCOUNT_H

#include "store/kv.h"
#include "vectis/store.h"

/* INBOX, Archive, Drafts, Junk, Sent, Trash, subscribed (features IM-09). */
int vx_account_create(
    struct vx_kv_txn *txn, uint32_t account, const struct vx_quota *quota);
int vx_account_set_quota(
    struct vx_kv_txn *txn, uint32_t account, const struct vx_quota *quota);
/* Its mailboxes are gone at once; what was in them is reaped in slices. */
int vx_account_remove(struct vx_kv_txn *txn, uint32_t account);

/* The transaction of a view. */
struct vx_kv_txn *vx_view_txn(struct vx_view *view);

#endif
