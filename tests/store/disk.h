/*
 * disk.h - a disk that fails when it is told to, and that loses what was not flushed.
 *
 * disk.c has the program's pwrite, writev, fdatasync and fsync, so LMDB calls them too.
 * What goes to the .mdb files of a test's directory may be made to fail, and is recorded
 * with every flush: then the files can be made as a power cut at any moment leaves them.
 */
#ifndef VXT_STORE_DISK_H
#define VXT_STORE_DISK_H

#include "lib/vxt.h"

#include <limits.h>

/* The call-th write or flush from now on fails once with errno with; 0: none. */
void disk_fail(unsigned call, int with);
/* Did it?  No call fails after this. */
bool disk_failed(void);

void disk_record(bool on);
/* A moment between two writes: how many events there are up to it. */
size_t disk_note(void);
size_t disk_events(void);
/*
 * Write the files into dir as a cut after the first at events leaves them: what was
 * flushed, and each page that was not, by chance; a name that was not flushed, by chance.
 */
void disk_cut(size_t at, const char *dir, unsigned *seed);
void disk_forget(void);

#endif
