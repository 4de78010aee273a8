/* own_inquiry.h - runs a core that asks the DNS one question after the other. */
#ifndef VX_SERVICE_OWN_INQUIRY_H
#define VX_SERVICE_OWN_INQUIRY_H

#include "vectis/service.h"

struct own_inquiry {
	struct vx_lookup lookup; /* first */
	struct vx_loop *loop;
	uint64_t by_ms; /* what is asked later has failed */
	void *core;
	/* VX_WAIT: there is a question; all else ends it. */
	int (*next)(void *core, struct vx_dns_question *question);
	int (*answer)(void *core, const struct vx_dns_answer *answer);
	/* Once, from within start perhaps; rc is what next or answer said last. */
	void (*done)(void *ctx, int rc);
	void *ctx;
	bool asked;
};

void vx_own_inquiry_start(struct own_inquiry *i);
/* done is not called any more.  Of one that was not started, or is over: nothing. */
void vx_own_inquiry_stop(struct own_inquiry *i);

#endif
