/* Old generations, which nobody serves any more. */
#include "base/fs.h"
#include "base/mem.h"
#include "tls/certs_int.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define DAY INT64_C(86400)

/* The number in "name@number"; 0: it is none of name's. */
static uint64_t number_of(const char *file, vx_slice name)
{
	vx_slice rest = vx_slice_str(file);
	uint64_t n = 0;

	if (!vx_slice_has_prefix(rest, name))
		return 0;
	rest = vx_slice_from(rest, name.len);
	if (rest.len < 2 || rest.ptr[0] != '@' || rest.ptr[1] == '0' ||
	    vx_slice_number(vx_slice_from(rest, 1), UINT32_MAX, &n) != VX_OK)
		return 0;
	return n;
}

/* How many there are that are newer. */
static size_t newer(const uint64_t *all, size_t count, uint64_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += all[i] > n;
	return found;
}

static void consider(
    const char *dir, vx_slice name, uint64_t n, size_t newer_ones, int64_t now_s)
{
	char path[PATH_MAX];
	struct vx_error err;
	struct stat st;

	if (snprintf(path, sizeof(path), "%.4000s/%.*s@%llu", dir, (int)name.len,
		name.ptr, (unsigned long long)n) >= (int)sizeof(path) ||
	    lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return;
	if (newer_ones >= VX_CERTS_KEEP_MAX ||
	    now_s - (int64_t)st.st_mtim.tv_sec > VX_CERTS_KEEP_DAYS * DAY)
		(void)vx_fs_remove_tree(path, &err);
}

void vx_certs_prune(
    const char *dir, vx_slice name, uint64_t current, uint64_t before, int64_t now_s)
{
	uint64_t all[4 * VX_CERTS_KEEP_MAX];
	const struct dirent *e;
	size_t count = 0;
	DIR *d = opendir(dir);

	/* more than there is room for are the next time's */
	while (d != NULL && count < sizeof(all) / sizeof(all[0]) &&
	       (e = readdir(d)) != NULL) {
		all[count] = number_of(e->d_name, name);
		count += all[count] != 0;
	}
	if (d != NULL)
		(void)closedir(d);
	for (size_t i = 0; i < count; i++)
		if (all[i] != current && all[i] != before)
			consider(dir, name, all[i], newer(all, count, all[i]), now_s);
}
