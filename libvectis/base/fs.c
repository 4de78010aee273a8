#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct vx_error *err, const char *verb, const char *path)
{
	const int number = errno;

	return vx_error_set(err, vx_errno_result(number), "cannot %s %s: %s", verb, path,
	    vx_errno_text(number));
}

static int read_fd(int fd, const char *path, struct vx_buf *out, struct vx_error *err)
{
	for (;;) {
		char chunk[16384];
		const ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(err, "read", path);
		if (n == 0)
			return VX_OK;
		vx_buf_add(out, vx_slice_of(chunk, (size_t)n));
		if (out->failed)
			return vx_error_set(err, VX_ELIMIT,
			    "%s is larger than %zu octets", path, out->max);
	}
}

int vx_fs_read(const char *path, struct vx_buf *out, struct vx_error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0)
		return fail(err, "open", path);
	rc = read_fd(fd, path, out, err);
	(void)close(fd);
	return rc;
}

int vx_fs_write_all(int fd, vx_slice s)
{
	while (s.len > 0) {
		const ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0 && errno != EINTR)
			return vx_errno_result(errno);
		if (n > 0)
			s = vx_slice_from(s, (size_t)n);
	}
	return VX_OK;
}

int vx_fs_sync_dir(const char *path, struct vx_error *err)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = VX_OK;

	if (fd < 0)
		return fail(err, "open", path);
	if (fsync(fd) < 0)
		rc = fail(err, "sync", path);
	(void)close(fd);
	return rc;
}

static int write_new(const char *tmp, mode_t mode, vx_slice content, struct vx_error *err)
{
	const int fd =
	    open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	int rc = VX_OK;

	if (fd < 0)
		return fail(err, "create", tmp);
	if (fchmod(fd, mode) < 0)
		rc = fail(err, "change the mode of", tmp);
	if (rc == VX_OK && vx_fs_write_all(fd, content) != VX_OK)
		rc = fail(err, "write", tmp);
	if (rc == VX_OK && fsync(fd) < 0)
		rc = fail(err, "sync", tmp);
	(void)close(fd);
	return rc;
}

/* The directory part of path into dir (PATH_MAX octets). */
static void dir_of(const char *path, char *dir)
{
	const vx_slice s = vx_slice_str(path);
	const size_t at = vx_slice_rfind(s, '/');

	if (at == s.len)
		(void)snprintf(dir, PATH_MAX, ".");
	else
		(void)snprintf(dir, PATH_MAX, "%.*s", at == 0 ? 1 : (int)at, path);
}

int vx_fs_write(const char *path, mode_t mode, vx_slice content, struct vx_error *err)
{
	char tmp[PATH_MAX], dir[PATH_MAX];
	int rc;

	if (snprintf(tmp, sizeof(tmp), "%s.%d.new", path, (int)getpid()) >=
	    (int)sizeof(tmp))
		return vx_error_set(err, VX_ELIMIT, "the path %s is too long", path);
	rc = write_new(tmp, mode, content, err);
	if (rc == VX_OK && rename(tmp, path) < 0)
		rc = fail(err, "rename over", path);
	if (rc != VX_OK) {
		(void)unlink(tmp);
		return rc;
	}
	dir_of(path, dir);
	return vx_fs_sync_dir(dir, err);
}

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int vx_fs_mkdirs(const char *path, mode_t mode, struct vx_error *err)
{
	char part[PATH_MAX];

	if (path[0] == '\0')
		return vx_error_set(err, VX_EINVAL, "the path is empty");
	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return vx_error_set(err, VX_ELIMIT, "the path %s is too long", path);
	for (char *p = part + 1;; p++) {
		const char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return fail(err, "make the directory", part);
		if (c == '\0' && is_dir(part))
			return VX_OK;
		if (c == '\0')
			return vx_error_set(
			    err, VX_EEXIST, "%s is there and no directory", part);
		*p = c;
	}
}

int vx_fs_map(const char *path, size_t octets, void **out)
{
	const int shared = path != NULL ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS;
	int fd = -1, error = 0;
	void *p = MAP_FAILED;

	if (path != NULL) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return vx_errno_result(errno);
		error = posix_fallocate(fd, 0, (off_t)octets);
	}
	if (error == 0) {
		p = mmap(NULL, octets, PROT_READ | PROT_WRITE, shared, fd, 0);
		error = errno;
	}
	if (fd >= 0)
		(void)close(fd);
	if (p == MAP_FAILED)
		return vx_errno_result(error);
	*out = p;
	return VX_OK;
}

void vx_fs_unmap(void *p, size_t octets)
{
	if (p != NULL)
		(void)munmap(p, octets);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int vx_fs_remove_tree(const char *path, struct vx_error *err)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
		return fail(err, "remove", path);
	return VX_OK;
}
