#include "base/fs.h"
#include "lib/vxt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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

START_TEST(what_is_no_directory_is_not_taken_for_one)
{
	const char *dir = vxt_mkdir();
	struct vx_error err;
	char path[PATH_MAX + 16], below[PATH_MAX + 32], huge[PATH_MAX + 10];

	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(below, sizeof(below), "%s/below", path);
	vxt_assert_ok(vx_fs_write(path, 0600, VX_S(""), &err));
	ck_assert_int_eq(vx_fs_mkdirs(path, 0700, &err), VX_EEXIST);
	ck_assert_int_eq(vx_fs_mkdirs(below, 0700, &err), VX_ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, below));
	ck_assert_int_eq(vx_fs_mkdirs("", 0700, &err), VX_EINVAL);
	vxt_assert_ok(vx_fs_mkdirs("/", 0700, &err));
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	ck_assert_int_eq(vx_fs_mkdirs(huge, 0700, &err), VX_ELIMIT);
	ck_assert_int_eq(vx_fs_write(huge, 0600, VX_S(""), &err), VX_ELIMIT);
	ck_assert_int_eq(vx_fs_sync_dir(path, &err), VX_ENOENT);
	vxt_assert_ok(vx_fs_sync_dir(dir, &err));
	vxt_rmdir(dir);
	ck_assert_int_ne(access(dir, F_OK), 0);
	vxt_assert_ok(vx_fs_remove_tree(dir, &err)); /* gone already */
}
END_TEST

START_TEST(a_write_that_fails_leaves_the_old_file_and_no_other)
{
	const char *dir = vxt_mkdir();
	struct vx_buf b = { .max = 100 };
	struct vx_error err;
	char path[PATH_MAX + 16], inside[PATH_MAX + 32];

	/* a directory in the way cannot be renamed over */
	snprintf(path, sizeof(path), "%s/d", dir);
	snprintf(inside, sizeof(inside), "%s/kept", path);
	vxt_assert_ok(vx_fs_mkdirs(path, 0700, &err));
	vxt_assert_ok(vx_fs_write(inside, 0600, VX_S("kept"), &err));
	ck_assert_int_lt(vx_fs_write(path, 0600, VX_S("new"), &err), 0);
	vxt_assert_ok(vx_fs_read(inside, &b, &err));
	vxt_assert_str(vx_buf_slice(&b), "kept");
	ck_assert_int_lt(vx_fs_read(path, &b, &err), 0); /* a directory is no file */
	snprintf(inside, sizeof(inside), "%s.%d.new", path, (int)getpid());
	ck_assert_int_ne(access(inside, F_OK), 0);
	vx_buf_done(&b);
	vxt_rmdir(dir);
}
END_TEST

START_TEST(symbolic_links_are_not_followed)
{
	const char *dir = vxt_mkdir();
	struct vx_error err;
	char tree[PATH_MAX + 16], other[PATH_MAX + 16], path[PATH_MAX + 32];

	snprintf(tree, sizeof(tree), "%s/tree", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	vxt_assert_ok(vx_fs_mkdirs(tree, 0700, &err));
	vxt_assert_ok(vx_fs_write(other, 0600, VX_S("kept"), &err));
	snprintf(path, sizeof(path), "%s/up", tree);
	ck_assert_int_eq(symlink("..", path), 0);
	/* nor where the temporary file is to be */
	snprintf(path, sizeof(path), "%s/f.%d.new", dir, (int)getpid());
	ck_assert_int_eq(symlink(other, path), 0);
	snprintf(path, sizeof(path), "%s/f", dir);
	ck_assert_int_lt(vx_fs_write(path, 0600, VX_S("lost"), &err), 0);
	vxt_assert_ok(vx_fs_remove_tree(tree, &err));
	ck_assert_int_eq(access(other, F_OK), 0);
	ck_assert_int_ne(access(tree, F_OK), 0);
	vxt_rmdir(dir);
}
END_TEST

START_TEST(large_files_come_whole)
{
	const char *dir = vxt_mkdir();
	struct vx_buf in = { .max = 1 << 20 }, back = { .max = 1 << 20 };
	struct vx_error err;
	char path[PATH_MAX + 16];

	for (uint32_t i = 0; in.len < 200001; i++)
		vx_buf_printf(&in, "%u,", i);
	snprintf(path, sizeof(path), "%s/f", dir);
	vxt_assert_ok(vx_fs_write(path, 0600, vx_buf_slice(&in), &err));
	vxt_assert_ok(vx_fs_read(path, &back, &err));
	ck_assert(vx_slice_eq(vx_buf_slice(&in), vx_buf_slice(&back)));
	vxt_assert_ok(vx_fs_read(path, &back, &err)); /* appends */
	ck_assert_uint_eq(back.len, 2 * in.len);
	vx_buf_done(&in);
	vx_buf_done(&back);
	vxt_rmdir(dir);
}
END_TEST

START_TEST(what_cannot_be_written_is_told)
{
	int p[2];
	const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(full, 0);
	ck_assert_int_eq(vx_fs_write_all(full, VX_S("x")), VX_ENOSPC);
	vxt_assert_ok(vx_fs_write_all(full, VX_S("")));
	close(full);
	ck_assert_int_eq(pipe(p), 0);
	vxt_assert_ok(vx_fs_write_all(p[1], VX_S("x")));
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_lt(vx_fs_write_all(p[1], VX_S("x")), 0);
	close(p[1]);
}
END_TEST

START_TEST(memory_in_files)
{
	const char *dir = vxt_mkdir();
	char path[PATH_MAX + 16], link[PATH_MAX + 16];
	struct stat st;
	void *a, *b;

	snprintf(path, sizeof(path), "%s/table", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	vxt_assert_ok(vx_fs_map(path, 10000, &a));
	vxt_assert_ok(vx_fs_map(path, 10000, &b));
	for (int i = 0; i < 10000; i++)
		ck_assert_int_eq(((char *)a)[i], 0);
	((char *)a)[9999] = 'x'; /* two are one */
	ck_assert_int_eq(((char *)b)[9999], 'x');
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(st.st_size, 10000);
	ck_assert_int_ge(st.st_blocks * 512, 10000); /* the disk has it */
	vx_fs_unmap(a, 10000);
	vx_fs_unmap(b, 10000);
	vx_fs_unmap(NULL, 10000);
	/* what is there stays: it grows, and never shrinks */
	vxt_assert_ok(vx_fs_map(path, 20000, &a));
	ck_assert_int_eq(((char *)a)[9999], 'x');
	ck_assert_int_eq(((char *)a)[19999], 0);
	vx_fs_unmap(a, 20000);
	vxt_assert_ok(vx_fs_map(path, 100, &a));
	vx_fs_unmap(a, 100);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 20000);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert_int_lt(vx_fs_map(link, 100, &a), 0);
	snprintf(path, sizeof(path), "%s/none/table", dir);
	ck_assert_int_eq(vx_fs_map(path, 100, &a), VX_ENOENT);
	vxt_assert_ok(vx_fs_map(NULL, 100, &a));
	ck_assert_int_eq(((char *)a)[99], 0);
	vx_fs_unmap(a, 100);
	vxt_rmdir(dir);
}
END_TEST

VXT_SUITE(test_fs, "fs", writes_replace_whole_files,
    what_is_no_directory_is_not_taken_for_one,
    a_write_that_fails_leaves_the_old_file_and_no_other, symbolic_links_are_not_followed,
    large_files_come_whole, what_cannot_be_written_is_told, memory_in_files)
