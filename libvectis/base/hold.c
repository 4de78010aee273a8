#include "vectis/hold.h"

#include "base/clock.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* A lock of the open file: a fork has it, too, and closing another descriptor of the same
 * file does not end it. */
static struct flock whole_file(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

/* "PID SINCE WHAT\n"; what cannot be read leaves *out as one who is not known. */
static void read_holder(int fd, struct vx_holder *out)
{
	char text[VX_HOLD_WHAT_MAX + 64];
	const ssize_t n = pread(fd, text, sizeof(text), 0);
	vx_slice rest = vx_slice_of(text, n < 0 ? 0 : (size_t)n), line, pid, since;
	uint64_t process = 0, time = 0;

	*out = (struct vx_holder){ .pid = 0 };
	if (!vx_slice_cut(&rest, '\n', &line) || !vx_slice_cut(&line, ' ', &pid) ||
	    !vx_slice_cut(&line, ' ', &since) ||
	    vx_slice_number(pid, INT32_MAX, &process) != VX_OK ||
	    vx_slice_number(since, INT64_MAX, &time) != VX_OK ||
	    line.len > VX_HOLD_WHAT_MAX)
		return;
	out->pid = (int)process;
	out->since = (int64_t)time;
	memcpy(out->what, line.ptr, line.len);
}

static int is_busy(int fd, const char *path, struct vx_error *err)
{
	struct vx_holder h;

	read_holder(fd, &h);
	if (h.pid == 0)
		return vx_error_set(err, VX_EBUSY, "another process has %s", path);
	return vx_error_set(err, VX_EBUSY,
	    "process %d (%s) has %s since %lld seconds: let it end, or end it", h.pid,
	    h.what, path, (long long)(vx_clock_s() - h.since));
}

static int take(int fd, const char *path, const char *what, struct vx_error *err)
{
	struct flock l = whole_file(F_WRLCK);
	char text[VX_HOLD_WHAT_MAX + 64];

	if (fcntl(fd, F_OFD_SETLK, &l) < 0 && (errno == EAGAIN || errno == EACCES))
		return is_busy(fd, path, err);
	(void)snprintf(text, sizeof(text), "%d %lld %.*s\n", (int)getpid(),
	    (long long)vx_clock_s(), VX_HOLD_WHAT_MAX, what);
	if (ftruncate(fd, 0) < 0 || vx_fs_write_all(fd, vx_slice_str(text)) != VX_OK)
		return vx_error_set(err, vx_errno_result(errno), "cannot write %s: %s",
		    path, vx_errno_text(errno));
	return VX_OK;
}

int vx_hold_take(const char *path, const char *what, int *fd, struct vx_error *err)
{
	const int f = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (f < 0)
		return vx_error_set(err, vx_errno_result(errno), "cannot open %s: %s",
		    path, vx_errno_text(errno));
	rc = take(f, path, what, err);
	if (rc == VX_OK)
		*fd = f;
	else
		(void)close(f);
	return rc;
}

int vx_hold_look(const char *path, struct vx_holder *out)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct flock l = whole_file(F_WRLCK);
	int rc = VX_OK;

	if (fd < 0)
		return vx_errno_result(errno);
	if (fcntl(fd, F_OFD_GETLK, &l) < 0)
		rc = vx_errno_result(errno);
	else if (l.l_type == F_UNLCK)
		rc = VX_ENOENT;
	else
		read_holder(fd, out);
	(void)close(fd);
	return rc;
}
