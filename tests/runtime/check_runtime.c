/* What a worker may still do once it is locked in, seen from inside; whose addresses are.
 */
#include "lib/vxt.h"
#include "runtime/sandbox.h"
#include "runtime/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[200];
static const struct vx_daemon daemon_def = { .name = "testd" };
static const struct vx_daemon stateless_def = { .name = "testd", .stateless = true };

/* Run in a child that is locked in; its status. */
static int locked_in_as(const struct vx_daemon *def, int (*what)(void))
{
	const struct vx_config c = { .state_dir = dir, .run_dir = dir };
	const struct vx_log log = { .fd = STDERR_FILENO, .level = VX_LOG_ERROR };
	struct vx_error err;
	const pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		vxt_child(-1);
		if (vx_sandbox_enter(def, &c, &log, &err) != VX_OK)
			_exit(99);
		_exit(what());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static int locked_in(int (*what)(void))
{
	return locked_in_as(&daemon_def, what);
}

static bool denied(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC, 0600) < 0 && errno == EACCES;
}

static int files(void)
{
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || rename(path, dir) == 0)
		return 1;
	if (!denied("/etc/passwd", O_RDONLY) || !denied("/etc/shadow", O_RDONLY) ||
	    !denied("/root/x", O_RDWR | O_CREAT) || !denied("/tmp", O_RDONLY) ||
	    !denied("/tmp/vectis-sandbox-test", O_RDWR | O_CREAT))
		return 2;
	if (open("/etc/localtime/../../etc/passwd", O_RDONLY) >= 0)
		return 3;
	if (open("/usr/bin", O_RDONLY | O_CLOEXEC) < 0) /* libraries are below /usr */
		return 4;
	return denied("/usr/vectis-sandbox-test", O_RDWR | O_CREAT) ? 0 : 5;
}

static int connecting(void)
{
	const struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = 9 };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 && errno == ENOSYS
		   ? 0
		   : 1;
}

static int executing(void)
{
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };

	(void)execv("/usr/bin/true", argv);
	return 1;
}

static int becoming_root(void)
{
	return setuid(0) == 0 ? 2 : 1;
}

/* A process that keeps nothing may not even write where others do. */
static int writing(void)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/file", dir);
	return denied(path, O_RDWR | O_CREAT) && denied(path, O_RDONLY) ? 0 : 1;
}

static int status_line(const char *line)
{
	char text[8192];
	const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	const ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return 1;
	text[n] = '\0';
	return strstr(text, line) != NULL ? 0 : 2;
}

static int no_new_privs(void)
{
	return status_line("NoNewPrivs:\t1\n");
}

static int filtered(void)
{
	return status_line("Seccomp:\t2\n");
}

START_TEST(locked)
{
	(void)snprintf(dir, sizeof(dir), "%s", vxt_mkdir());
	ck_assert_int_eq(locked_in(files), 0);
	ck_assert_int_eq(locked_in(connecting), 0);
	ck_assert_int_eq(locked_in(no_new_privs), 0);
	ck_assert_int_eq(locked_in(filtered), 0);
	ck_assert_int_eq(locked_in_as(&stateless_def, writing), 0);
	vxt_rmdir(dir);
}
END_TEST

/* Whoever tries these has been taken over. */
START_TEST(deadly)
{
	(void)snprintf(dir, sizeof(dir), "%s", vxt_mkdir());
	ck_assert_int_eq(WTERMSIG(locked_in(executing)), SIGSYS);
	ck_assert_int_eq(WTERMSIG(locked_in(becoming_root)), SIGSYS);
	vxt_rmdir(dir);
}
END_TEST

Suite *test_children(void);
Suite *test_direct(void);
Suite *test_fetch_wire(void);
Suite *test_old_clients(void);
Suite *test_resolver(void);

VXT_SUITE(suite, "sandbox", locked, deadly)

START_TEST(networks)
{
	const uint64_t one = vx_conn_network("2001:db8:0:1::1");

	ck_assert(one == vx_conn_network("2001:db8:0:1:ffff:ffff:ffff:ffff"));
	ck_assert(one != vx_conn_network("2001:db8:0:2::1"));
	ck_assert(vx_conn_network("192.0.2.1") == vx_conn_network("192.0.2.1"));
	ck_assert(vx_conn_network("192.0.2.1") != vx_conn_network("192.0.2.2"));
	/* the same octets in the other family are somebody else */
	ck_assert(vx_conn_network("32.1.13.184") != vx_conn_network("2001:db8::1"));
	ck_assert(vx_conn_network("0.0.0.1") != vx_conn_network("::1"));
}
END_TEST

VXT_SUITE(suite_networks, "networks", networks)

VXT_MAIN(test_children, test_direct, suite, suite_networks, test_fetch_wire,
    test_old_clients, test_resolver)
