#include "lib/vxt.h"
#include "vectis/hold.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[PATH_MAX], path[PATH_MAX + 16];

static void begin(void)
{
	(void)snprintf(dir, sizeof(dir), "%s", vxt_mkdir());
	(void)snprintf(path, sizeof(path), "%s/lock", dir);
}

/* A child that has it, as soon as this returns. */
static pid_t child_takes(const char *what)
{
	int ends[2], fd;
	char octet = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		octet = vx_hold_take(path, what, &fd, NULL) == VX_OK ? 'y' : 'n';
		if (write(ends[1], &octet, 1) == 1)
			(void)pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ends[0], &octet, 1), 1);
	ck_assert_int_eq(octet, 'y');
	(void)close(ends[0]);
	(void)close(ends[1]);
	return pid;
}

START_TEST(one_has_it_and_is_named)
{
	struct vx_holder h = { .pid = 0 };
	struct vx_error err;
	int fd = -1, other = -1;

	begin();
	ck_assert_int_eq(vx_hold_look(path, &h), VX_ENOENT);
	vxt_assert_ok(vx_hold_take(path, "store backup", &fd, &err));
	vxt_assert_ok(vx_hold_look(path, &h));
	ck_assert_int_eq(h.pid, (int)getpid());
	ck_assert_str_eq(h.what, "store backup");
	ck_assert_int_ge(h.since, 1700000000);
	ck_assert_int_eq(vx_hold_take(path, "another", &other, &err), VX_EBUSY);
	ck_assert_int_eq(other, -1);
	ck_assert_ptr_nonnull(strstr(err.text, "(store backup) has "));
	(void)close(fd);
	ck_assert_int_eq(vx_hold_look(path, &h), VX_ENOENT);
	vxt_assert_ok(vx_hold_take(path, "another", &other, &err));
	vxt_assert_ok(vx_hold_look(path, &h));
	ck_assert_str_eq(h.what, "another");
	(void)close(other);
	vxt_rmdir(dir);
}
END_TEST

START_TEST(who_is_killed_has_it_no_more)
{
	struct vx_holder h;
	struct vx_error err;
	int status, fd = -1;
	pid_t pid;

	begin();
	pid = child_takes("config apply");
	vxt_assert_ok(vx_hold_look(path, &h));
	ck_assert_int_eq(h.pid, (int)pid);
	ck_assert_int_eq(vx_hold_take(path, "x", &fd, &err), VX_EBUSY);
	ck_assert_ptr_nonnull(strstr(err.text, "(config apply)"));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	ck_assert_int_eq(vx_hold_look(path, &h), VX_ENOENT);
	vxt_assert_ok(vx_hold_take(path, "x", &fd, &err));
	(void)close(fd);
	vxt_rmdir(dir);
}
END_TEST

/* What is in the file is not believed to be whole: a full disk may have cut it. */
START_TEST(a_holder_that_cannot_be_read_is_one)
{
	static const char *const texts[] = { "", "\n", "x\n", "12\n", "12 13", "12 x y\n",
		"99999999999 1 a\n", "-1 1 a\n" };
	struct vx_holder h;
	struct vx_error err;
	int fd = -1, other = -1;

	begin();
	vxt_assert_ok(vx_hold_take(path, "a", &fd, &err));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *f = fopen(path, "w");

		ck_assert_ptr_nonnull(f);
		(void)fputs(texts[i], f);
		(void)fclose(f);
		h.pid = 7;
		vxt_assert_ok(vx_hold_look(path, &h));
		ck_assert_msg(h.pid == 0 && h.what[0] == '\0', "%zu", i);
		ck_assert_int_eq(vx_hold_take(path, "b", &other, &err), VX_EBUSY);
		ck_assert_ptr_nonnull(strstr(err.text, "another process has"));
	}
	(void)close(fd);
	vxt_rmdir(dir);
}
END_TEST

START_TEST(what_is_long_is_cut)
{
	char what[3 * VX_HOLD_WHAT_MAX];
	struct vx_holder h;
	struct vx_error err;
	int fd = -1;

	begin();
	memset(what, 'w', sizeof(what) - 1);
	what[sizeof(what) - 1] = '\0';
	vxt_assert_ok(vx_hold_take(path, what, &fd, &err));
	vxt_assert_ok(vx_hold_look(path, &h));
	ck_assert_uint_eq(strlen(h.what), VX_HOLD_WHAT_MAX);
	(void)close(fd);
	(void)snprintf(what, sizeof(what), "%s", "/no/such/folder/lock");
	ck_assert_int_eq(vx_hold_take(what, "x", &fd, &err), VX_ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, what));
	vxt_rmdir(dir);
}
END_TEST

VXT_SUITE(test_hold, "hold", one_has_it_and_is_named, who_is_killed_has_it_no_more,
    a_holder_that_cannot_be_read_is_one, what_is_long_is_cut)
