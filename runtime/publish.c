#include "runtime/publish.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

bool vx_publish(const char *path, vx_slice text)
{
	char aside[520];
	bool good;
	int fd;

	(void)snprintf(aside, sizeof(aside), "%.510s.new", path);
	fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	good = write(fd, text.ptr, text.len) == (ssize_t)text.len;
	good = close(fd) == 0 && good;
	return good && rename(aside, path) == 0;
}
