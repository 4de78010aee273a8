/*
 * guard.h - work that reads what may be damaged: LMDB trusts its pages, and a wrong one
 * can crash whoever reads it (26 of 300 trials).  So it is done in a child process.
 */
#ifndef VX_STORE_GUARD_H
#define VX_STORE_GUARD_H

#include "vectis/store.h"

#define VX_GUARD_LINE_MAX 600

struct vx_guard {
	/* the child's */
	int fd;
	struct {
		int result;
		char where[200];
	} * shared;
	/* both */
	uint64_t lines; /* that were said */
	/* the parent's, afterwards */
	bool crashed;
	char where[200]; /* what the child was reading last */
};

typedef int vx_guard_fn(struct vx_guard *g, void *ctx);

/* In the child: a line for the parent's report; what is being read. */
VX_PRINTF(2, 3) void vx_guard_say(struct vx_guard *g, const char *fmt, ...);
VX_PRINTF(2, 3) void vx_guard_at(struct vx_guard *g, const char *fmt, ...);

/*
 * Run work in a child; what it says is reported here.  Its result, or why there is no
 * child; VX_OK when it crashed, and then crashed is set.  No store may be open in this
 * process that work uses.
 */
int vx_guard_run(struct vx_guard *g, vx_guard_fn *work, void *ctx,
    vx_store_report_fn *report, void *report_ctx);

#endif
