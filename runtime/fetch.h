/*
 * fetch.h - HTTPS requests (vectis/fetch.h) by libcurl on a worker's loop.
 *
 * Names are resolved by the worker's own resolver, which validates; libcurl gets
 * addresses.  No thread; the only file that is read is that of the authorities.  What is
 * in libvx_fetch brings libcurl with it: a daemon that speaks HTTP with nobody does not
 * link it.
 */
#ifndef VX_RUNTIME_FETCH_H
#define VX_RUNTIME_FETCH_H

#include "runtime/runtime.h"
#include "vectis/fetch.h"

#define VX_FETCHES_MAX 64     /* under way at once */
#define VX_FETCH_KEPT 16      /* connections that are kept for more */
#define VX_FETCH_ADDRESSES 16 /* of a host that are tried */

struct vx_fetcher;
/*
 * In start of a daemon that resolves: from then on w->loop has fetch and drop.  VX_OK,
 * VX_ENOMEM.  close: in stop; no done is called any more.
 */
int vx_fetcher_open(struct vx_worker *w, struct vx_fetcher **out);
void vx_fetcher_close(struct vx_fetcher *f);

/* --- by itself, for tests ------------------------------------------------------------
 */

struct uv_loop_s;
struct vx_resolver;
/* authorities: a file, or "" for the system's; all is borrowed. */
int vx_fetcher_new(struct uv_loop_s *loop, struct vx_resolver *resolver,
    const char *authorities, struct vx_fetcher **out);
int vx_fetcher_fetch(struct vx_fetcher *f, struct vx_fetch *request);
void vx_fetcher_drop(struct vx_fetcher *f, struct vx_fetch *request);

/* --- the process that fetches for another ---------------------------------------------
 */

/*
 * A daemon to be beside one that has fetches set: it answers the requests that this one
 * sends it.  It has no store, and no file that it could write to.
 */
extern const struct vx_daemon vx_fetch_daemon;

/* What it does with requests that come to fd; for tests. */
struct vx_fetch_desk;
int vx_fetch_desk_new(struct uv_loop_s *loop, int fd, struct vx_fetcher *fetcher,
    struct vx_fetch_desk **out);
void vx_fetch_desk_free(struct vx_fetch_desk *d);

#endif
