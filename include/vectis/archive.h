/*
 * archive.h - files in memory as one: a tar archive (POSIX.1, ustar) in gzip (RFC 1952).
 *
 *	vx_archive_add(&tar, "folder/a.txt", now, text);
 *	...
 *	vx_archive_end(&tar, &out);
 */
#ifndef VECTIS_ARCHIVE_H
#define VECTIS_ARCHIVE_H

#include "vectis/buf.h"
#include "vectis/err.h"

VX_BEGIN_DECLS

#define VX_ARCHIVE_NAME_MAX 99
#define VX_ARCHIVE_FILE_MAX ((size_t)1 << 32) /* less than this */

/*
 * Append a file of mode 0600, that was changed at mtime (seconds since 1970).  VX_OK;
 * VX_EINVAL: the name is empty, too long, absolute, or has a ".." in it; VX_ELIMIT:
 * content is too large, or tar is full.
 */
VX_API int vx_archive_add(
    struct vx_buf *tar, const char *name, int64_t mtime, vx_slice content);
/* End it, and append it to out in gzip.  VX_OK, VX_ENOMEM, VX_ELIMIT. */
VX_API int vx_archive_end(struct vx_buf *tar, struct vx_buf *out);

VX_END_DECLS

#endif
