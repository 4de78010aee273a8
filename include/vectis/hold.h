/*
 * hold.h - one at a time, and who it is: a file that is locked while its holder does
 * something, with the holder's process in it.  It stays when nobody holds it.
 */
#ifndef VECTIS_HOLD_H
#define VECTIS_HOLD_H

#include "vectis/err.h"

#include <stdint.h>

VX_BEGIN_DECLS

#define VX_HOLD_WHAT_MAX 100

struct vx_holder {
	int pid;       /* 0: not known */
	int64_t since; /* seconds since 1970; 0: not known */
	char what[VX_HOLD_WHAT_MAX + 1];
};

/*
 * Take it for this process and say what for ("store backup"; the rest is cut).  It is
 * held until *fd is closed in this process and in all that were forked meanwhile, or
 * until they end, however they do.  VX_OK; VX_EBUSY: err names the holder; VX_EIO,
 * VX_EPERM, VX_ENOSPC, VX_ENOENT (no such folder).
 */
VX_API int vx_hold_take(
    const char *path, const char *what, int *fd, struct vx_error *err);
/* Who has it: VX_OK; VX_ENOENT: nobody, or there is no such file; VX_EIO, VX_EPERM. */
VX_API int vx_hold_look(const char *path, struct vx_holder *out);

VX_END_DECLS

#endif
