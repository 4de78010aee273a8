/*
 * fetch_away.h - fetch and drop of a loop whose requests another process makes
 * (vx_fetch_daemon): what HTTP and its library may do to a process is done to that one.
 */
#ifndef VX_RUNTIME_FETCH_AWAY_H
#define VX_RUNTIME_FETCH_AWAY_H

#include "vectis/fetch.h"

#include <uv.h>

#define VX_FETCH_AWAY_MAX 32    /* under way at once */
#define VX_FETCH_GRACE_MS 20000 /* for names and a busy process, beside the request's */

struct vx_away;
/* fd: one of the pair, borrowed.  VX_OK, VX_ENOMEM. */
int vx_away_new(uv_loop_t *loop, int fd, struct vx_away **out);
void vx_away_free(struct vx_away *a);
/* As of struct vx_loop. */
int vx_away_fetch(struct vx_away *a, struct vx_fetch *f);
void vx_away_drop(struct vx_away *a, struct vx_fetch *f);
/* Once a second: what is not answered for too long has failed. */
void vx_away_sweep(struct vx_away *a);

#endif
