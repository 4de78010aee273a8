#include "base/fs.h"
#include "lib/vxt.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

START_TEST(writes_replace_whole_files)
{
	const char *dir = vxt_mkdir();
	struct vx_buf b = { .max = 6 };
	struct vx_error err;
	char path[PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b/c", dir);
	vxt_assert_ok(vx_fs_mkdirs(path, 0700, &err));
	vxt_assert_ok(vx_fs_mkdirs(path, 0700, &err));
	snprintf(path, sizeof(path), "%s/a/f", dir);
	vxt_assert_ok(vx_fs_write(path, 0600, VX_S("first"), &err));
	vxt_assert_ok(vx_fs_write(path, 0640, VX_S("second"), &err));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	vxt_assert_ok(vx_fs_read(path, &b, &err));
	vxt_assert_str(vx_buf_slice(&b), "second");
	ck_assert_int_eq(vx_fs_read(path, &b, &err), VX_ELIMIT);
	vx_buf_done(&b);
	snprintf(path, sizeof(path), "%s/none", dir);
	ck_assert_int_eq(vx_fs_read(path, &b, &err), VX_ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, path));
	ck_assert_int_eq(vx_fs_write("/proc/none", 0600, VX_S("x"), &err) < 0, 1);
	vx_buf_done(&b);
	vxt_rmdir(dir);
}
END_TEST

VXT_SUITE(test_fs, "fs", writes_replace_whole_files)
