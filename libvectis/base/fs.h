/* fs.h - files: whole reads with a limit, atomic durable writes. */
#ifndef VX_BASE_FS_H
#define VX_BASE_FS_H

#include "vectis/buf.h"
#include "vectis/err.h"

#include <sys/types.h>

/*
 * Append the whole file to out.  VX_ENOENT, VX_EPERM, VX_ELIMIT (larger than out
 * may hold), VX_EIO; err says which file and why.
 */
int vx_fs_read(const char *path, struct vx_buf *out, struct vx_error *err);

/*
 * Write a file as one durable step: temporary name beside it, fsync, rename over,
 * fsync of the directory.  Readers see the old file or the new one.
 */
int vx_fs_write(const char *path, mode_t mode, vx_slice content, struct vx_error *err);

/* Make a directory and those above it; existing ones are fine.  VX_EEXIST: a file is. */
int vx_fs_mkdirs(const char *path, mode_t mode, struct vx_error *err);
int vx_fs_sync_dir(const char *path, struct vx_error *err);

/* Write all of s to fd, whatever the kernel takes at a time.  VX_OK or a failure. */
int vx_fs_write_all(int fd, vx_slice s);

/*
 * Memory that processes share, in a file of mode 0600 that is made of zeros when it is
 * not there; the disk has all of it, so that writing there does not end a process.  path
 * NULL: of this process and its children.  VX_OK; VX_ENOSPC, VX_EPERM, VX_EIO, VX_ENOMEM.
 */
int vx_fs_map(const char *path, size_t octets, void **out);
void vx_fs_unmap(void *p, size_t octets); /* NULL is fine */

/* Remove a directory with all that is in it (symbolic links are not followed). */
int vx_fs_remove_tree(const char *path, struct vx_error *err);

#endif
