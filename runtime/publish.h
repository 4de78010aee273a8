/*
 * publish.h - what a process tells vectisctl: a file of its own in run_dir, which its
 * user alone reads, replaced as one step, so that whoever reads it sees all or nothing.
 */
#ifndef VX_RUNTIME_PUBLISH_H
#define VX_RUNTIME_PUBLISH_H

#include "vectis/slice.h"

/* False: it could not be written. */
bool vx_publish(const char *path, vx_slice text);

#endif
