/*
 * children.h - what a daemon's parent knows of its workers and of the processes beside
 * them: how they died, and what time of the processors they took, minute by minute
 * (DX-OP-21, DX-OP-33).  It is kept in a file of run_dir, for vectisctl.
 */
#ifndef VX_RUNTIME_CHILDREN_H
#define VX_RUNTIME_CHILDREN_H

#include "vectis/buf.h"
#include "vectis/err.h"

#define VX_CHILDREN_MAX 68 /* as many as a parent may have */
#define VX_CHILD_DEATHS 16 /* the last ones */
#define VX_CHILD_SAMPLES 6 /* a minute between each and the next */
#define VX_CHILD_SAMPLE_MS 60000
#define VX_CHILD_BUSY 90 /* percent of a core: more is too much for five minutes */
#define VX_CHILD_NAME_MAX 15

struct vx_child_death {
	int64_t at; /* seconds since 1970 */
	char name[VX_CHILD_NAME_MAX + 1];
	int pid, signal, status;
	bool hung; /* it stood still and was killed for it */
};

struct vx_child {
	char name[VX_CHILD_NAME_MAX + 1];
	int pid; /* 0: none */
	struct vx_child_sample {
		uint64_t at_ms, cpu_ms; /* of the clock that never goes back */
	} samples[VX_CHILD_SAMPLES];    /* oldest first */
	size_t sample_count;
};

/* All zero: nothing is known.  Fields are read only. */
struct vx_children {
	struct vx_child list[VX_CHILDREN_MAX];
	size_t count;                                  /* places that were ever taken */
	struct vx_child_death deaths[VX_CHILD_DEATHS]; /* oldest first */
	size_t death_count;
	uint64_t restarts; /* all of them */
	uint64_t sampled_ms;
};

/* Place i (more than there are: ignored) has a process from now on. */
void vx_children_born(struct vx_children *c, size_t i, const char *name, int pid);
/* It died, as waitpid(2) says. */
void vx_children_died(
    struct vx_children *c, size_t i, int status, bool hung, int64_t now_s);
/* What each took so far, once a minute: true when they were looked at. */
bool vx_children_sample(struct vx_children *c, uint64_t now_ms);

/* What it took at least, in percent of a core, in each of the last five minutes; 0: not
 * too much in one of them, or it is younger. */
unsigned vx_child_busy(const struct vx_child *child);

enum vx_children_end {
	VX_CHILDREN_RUN,
	VX_CHILDREN_STOPPED,  /* by a signal */
	VX_CHILDREN_HOPELESS, /* no worker could begin */
};
/*
 * Append what is known:
 *
 *	parent PID SINCE			seconds since 1970
 *	end run|stopped|hopeless TIME
 *	restarts COUNT
 *	death TIME NAME PID SIGNAL STATUS HUNG	the last ones, oldest first
 *	child NAME PID BUSY			percent, as vx_child_busy
 */
void vx_children_write(const struct vx_children *c, int parent, int64_t since,
    enum vx_children_end end, int64_t now_s, struct vx_buf *out);

#endif
