/*
 * backup_mark.h - the file in a directory of a backup that says what is in it.
 *
 *	vectis backup 1
 *	partial | complete | whole
 *	began 1764374400
 *	ended 1764374460
 *	file 4096 state.mdb
 *
 * partial: it is being made, or was broken off.  complete: all is there and on the disk,
 * some of it maybe under the name that it was written to ("state.new"): what is left to
 *do can be done by anybody.  whole: nothing is left to do, and what is called .new is not
 * part of it.
 */
#ifndef VX_STORE_BACKUP_MARK_H
#define VX_STORE_BACKUP_MARK_H

#include "vectis/buf.h"
#include "vectis/store.h"

#define VX_BACKUP_MARK "backup"
#define VX_BACKUP_MARK_MAX ((size_t)16 << 20) /* octets: some 300000 volumes */

enum vx_backup_state {
	VX_BACKUP_PARTIAL,
	VX_BACKUP_COMPLETE,
	VX_BACKUP_WHOLE
};

/* The lines of files: one more, NAME without ".mdb" or ".new". */
void vx_backup_mark_add(struct vx_buf *files, uint64_t octets, const char *name);
int vx_backup_mark_write(const char *dir, enum vx_backup_state state, int64_t began,
    int64_t ended, vx_slice files, struct vx_error *err);
/* dir is to be opened: VX_OK, unless it is a backup that is not whole. */
int vx_backup_may_open(const char *dir, struct vx_error *err);
/* It is a store from now on. */
void vx_backup_forget(const char *dir);

#endif
