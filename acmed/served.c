#include "acmed/served.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool served_read(const char *path, struct vx_buf *out)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : 1;
	char piece[4096];

	while (n > 0) {
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			vx_buf_add(out, vx_slice_of(piece, (size_t)n));
	}
	if (fd >= 0)
		(void)close(fd);
	return n == 0 && !out->failed;
}

/* "imapd.123" of a process that runs. */
static bool is_worker(const char *name)
{
	vx_slice pid = vx_slice_str(name), daemon;
	uint64_t number;

	if (!vx_slice_cut(&pid, '.', &daemon) || daemon.len == 0 ||
	    vx_slice_number(pid, INT32_MAX, &number) != VX_OK || number == 0)
		return false;
	return kill((pid_t)number, 0) == 0 || errno != ESRCH;
}

/* Its third line; one without it is of an older version, which says no manifest. */
static bool serves(int dir, const char *name, const char *mark)
{
	char text[256];
	const int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	vx_slice rest = vx_slice_of(text, n > 0 ? (size_t)n : 0), line;

	if (fd >= 0)
		(void)close(fd);
	if (fd < 0 && errno == ENOENT)
		return true; /* it ended */
	for (int i = 0; i < 3; i++)
		(void)vx_slice_cut(&rest, '\n', &line);
	return vx_slice_eq(line, vx_slice_str(mark));
}

bool served_by_all(const char *run_dir, const char *mark, char *who, size_t size)
{
	const struct dirent *e;
	bool all = true;
	DIR *dir = opendir(run_dir);

	while (dir != NULL && all && (e = readdir(dir)) != NULL)
		if (is_worker(e->d_name) && !serves(dirfd(dir), e->d_name, mark)) {
			(void)snprintf(who, size, "%s", e->d_name);
			all = false;
		}
	if (dir != NULL)
		(void)closedir(dir);
	return all;
}
