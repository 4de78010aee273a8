/* quota_notice.h - the notice that a mailbox is nearly full (features MB-18). */
#ifndef VX_SERVICE_QUOTA_NOTICE_H
#define VX_SERVICE_QUOTA_NOTICE_H

#include "vectis/service.h"
#include "vectis/store.h"

struct vx_quota_notice { /* borrowed until what was begun is done, the store's life */
	struct vx_store *store;
	const struct vx_log *log;
	const char *hostname;
	int64_t now_s;
};

/*
 * File the notice that percent (80 or 95) of an account's quota are used: once for each
 * crossing, whoever tries.  Nobody waits for it; what fails now is due again with the
 * next message.
 */
void vx_quota_notice_send(
    const struct vx_quota_notice *n, uint32_t account, unsigned percent);

#endif
