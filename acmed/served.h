/* served.h - what the workers of all daemons say that they serve (runtime/worker.c). */
#ifndef VX_ACMED_SERVED_H
#define VX_ACMED_SERVED_H

#include "vectis/buf.h"
#include "vectis/err.h"

/* Do all that run serve the manifest of that mark?  who: one that does not. */
bool served_by_all(const char *run_dir, const char *mark, char *who, size_t size);
/* Append a file; false: it cannot be read, or is larger than the buffer. */
bool served_read(const char *path, struct vx_buf *out);

#endif
