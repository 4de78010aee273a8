/* Work that a damaged page may crash, in a child process. */
#include "store/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void vx_guard_say(struct vx_guard *g, const char *fmt, ...)
{
	char text[VX_GUARD_LINE_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	g->lines++;
	(void)dprintf(g->fd, "%s\n", text);
}

void vx_guard_at(struct vx_guard *g, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(g->shared->where, sizeof(g->shared->where), fmt, args);
	va_end(args);
}

/* Hand each line of the child to report; how many there were. */
static uint64_t relay(int fd, vx_store_report_fn *report, void *ctx)
{
	FILE *in = fdopen(fd, "r");
	char line[VX_GUARD_LINE_MAX + 2];
	uint64_t n = 0;

	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		report(ctx, line);
		n++;
	}
	if (in != NULL)
		(void)fclose(in);
	else
		(void)close(fd);
	return n;
}

static _Noreturn void child(struct vx_guard *g, int p[2], vx_guard_fn *work, void *ctx)
{
	(void)close(p[0]);
	g->fd = p[1];
	g->shared->result = work(g, ctx);
	_exit(0);
}

static int run(struct vx_guard *g, vx_guard_fn *work, void *ctx,
    vx_store_report_fn *report, void *report_ctx)
{
	const pid_t parent = getpid();
	int p[2], status = 0;
	pid_t pid;

	if (pipe(p) < 0)
		return vx_errno_result(errno);
	pid = fork();
	if (pid == 0) {
		/* nobody goes on with the work of one who was killed, and locks others
		 * out */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		child(g, p, work, ctx);
	}
	(void)close(p[1]);
	if (pid < 0) {
		(void)close(p[0]);
		return vx_errno_result(errno);
	}
	g->lines = relay(p[0], report, report_ctx);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	g->crashed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	return VX_OK;
}

int vx_guard_run(struct vx_guard *g, vx_guard_fn *work, void *ctx,
    vx_store_report_fn *report, void *report_ctx)
{
	int rc;

	g->shared = mmap(NULL, sizeof(*g->shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->shared == MAP_FAILED)
		return VX_ENOMEM;
	g->shared->result = VX_EIO;
	rc = run(g, work, ctx, report, report_ctx);
	if (rc == VX_OK && !g->crashed)
		rc = g->shared->result;
	memcpy(g->where, g->shared->where, sizeof(g->where));
	(void)munmap(g->shared, sizeof(*g->shared));
	return rc;
}
