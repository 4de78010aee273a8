/*
 * records.h - TXT records of challenges (RFC 8555 8.4), set and removed at who serves the
 * zone.  One task at a time.
 */
#ifndef VX_ACMED_RECORDS_H
#define VX_ACMED_RECORDS_H

#include "runtime/runtime.h"

#define RECORDS_FIRST_LOOK_S                                                             \
	5                  /* until then nobody asks: "no such name" is remembered       \
			    */
#define RECORDS_LOOK_S 10  /* between two looks */
#define RECORDS_SEEN_S 120 /* then the authority shall see for itself */

struct records;
/* VX_OK, or a failure with its reason. */
typedef void records_done_fn(void *ctx, int result, const char *text);
/* VX_OK; VX_ENOENT: there is no token for it; VX_EINVAL: the token is none; VX_ENOMEM. */
int records_new(
    struct vx_worker *w, records_done_fn *done, void *ctx, struct records **out);
void records_free(struct records *r);
/*
 * done will be called, when the record is there and was seen, or when it is gone.  VX_OK;
 * VX_EBUSY, VX_EINVAL, VX_ENOMEM: it will not.
 */
int records_set(struct records *r, const char *name, vx_slice value);
int records_remove(struct records *r, const char *name, vx_slice value);
/* Every second. */
void records_tick(struct records *r);

#endif
