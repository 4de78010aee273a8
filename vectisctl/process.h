/* process.h - processes of the daemons: as the kernel has them, and as their parents do.
 */
#ifndef VECTISCTL_PROCESS_H
#define VECTISCTL_PROCESS_H

#include "vectisctl/ctl.h"

#include "vectis/diagnose.h"

/* What the kernel says of a process. */
struct ctl_process {
	char name[64];
	uint64_t parent, started_ticks, cpu_ticks;
	uint64_t memory; /* octets of its own: the mapped store is everybody's */
};
bool ctl_process_read(int pid, struct ctl_process *p);
uint64_t ctl_process_age_s(const struct ctl_process *p);
/* The first line of a file below /proc or run_dir, without its end. */
bool ctl_first_line(const char *path, char *line, size_t size);

/*
 * Who runs, how they died and what they take, as the parents of the daemons keep it
 * (runtime/children.h).  The facts point into this.
 */
#define CTL_PROCESSES_MAX 128
#define CTL_DAEMONS 4
struct ctl_processes {
	struct vx_diag_process list[CTL_PROCESSES_MAX];
	size_t count;
	struct vx_diag_daemon daemons[CTL_DAEMONS];
	size_t daemon_count;
	char names[CTL_PROCESSES_MAX][16];
	char reasons[CTL_DAEMONS][200];
};
void ctl_processes_read(struct ctl *c, struct ctl_processes *out);
/* Who has a lock on a file, "smtpd (12), imapd (13)"; "" when nobody can be seen. */
void ctl_lock_users(const char *path, char *out, size_t size);
/* What a process of our own may take: what it begins with, and for each connection. */
uint64_t ctl_process_budget(const struct ctl *c);

#endif
