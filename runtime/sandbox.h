/* sandbox.h - what a worker may still do: files by Landlock, system calls by seccomp. */
#ifndef VX_RUNTIME_SANDBOX_H
#define VX_RUNTIME_SANDBOX_H

#include "runtime/runtime.h"

/*
 * For the whole process, before it has threads; for good.  The state and run directories
 * may be written, the system's libraries and configuration read; no program is started.
 * A kernel without Landlock is a warning, everything else that fails is an error.
 * VX_SANDBOX=off in the environment leaves it away, with a warning: for debuggers.
 */
int vx_sandbox_enter(const struct vx_daemon *def, const struct vx_config *c,
    const struct vx_log *log, struct vx_error *err);

#endif
