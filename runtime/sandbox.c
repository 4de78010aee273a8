#include "runtime/sandbox.h"

#include "vectis/acme_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that came after the headers of older systems. */
#define FS_REFER (UINT64_C(1) << 13)       /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)    /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15)   /* ABI 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0)    /* ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1) /* ABI 4 */
#define SCOPE_ALL (UINT64_C(3))            /* ABI 6: abstract sockets, signals */

#define FS_READ ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define FS_WRITE                                                                         \
	((uint64_t)(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |      \
		    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |       \
		    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM) |         \
	    FS_REFER | FS_TRUNCATE)
#define FS_ALL_ABI1 ((UINT64_C(1) << 13) - 1)

/* As the newest kernels know it; older ones are told a shorter size. */
struct ruleset {
	uint64_t fs, net, scoped;
};

static uint64_t known_fs(int abi)
{
	return FS_ALL_ABI1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
	       (abi >= 5 ? FS_IOCTL_DEV : 0);
}

/* A path that is not there needs no rule. */
static int allow(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access };
	long rc;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return VX_OK;
	rc = syscall(
	    SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0u);
	(void)close(rule.parent_fd);
	return rc < 0 ? VX_EPERM : VX_OK;
}

static int allow_paths(
    int ruleset, const struct vx_daemon *def, const struct vx_config *c, uint64_t known)
{
	/* converters and locales are loaded late; sysconf and malloc read /sys and /proc
	 */
	static const char *const readable[] = { "/usr", "/lib", "/lib64", "/etc/ssl",
		"/etc/gnutls", "/etc/ld.so.cache", "/etc/localtime", "/etc/hosts",
		"/etc/resolv.conf", "/etc/nsswitch.conf", "/sys/devices/system/cpu",
		"/proc" };
	const char *const writable[] = { c->state_dir, c->run_dir };
	int rc = VX_OK;

	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]) && rc == VX_OK;
	     i++) {
		const bool file = strncmp(readable[i], "/etc/", 5) == 0 &&
				  strcmp(readable[i], "/etc/ssl") != 0 &&
				  strcmp(readable[i], "/etc/gnutls") != 0;

		rc = allow(ruleset, readable[i],
		    file ? (uint64_t)LANDLOCK_ACCESS_FS_READ_FILE : FS_READ);
	}
	for (size_t i = 0; i < 2 && rc == VX_OK && !def->stateless; i++)
		rc = allow(ruleset, writable[i], (FS_READ | FS_WRITE) & known);
	if (rc == VX_OK)
		rc = allow(ruleset, "/dev/null",
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
	if (rc == VX_OK)
		rc = allow(ruleset, "/dev/urandom", LANDLOCK_ACCESS_FS_READ_FILE);
	return rc;
}

/* The folder of a file, which may be replaced while we run. */
static int allow_folder_of(int ruleset, const char *path)
{
	char folder[PATH_MAX];
	char *slash;

	if (path == NULL || strlen(path) >= sizeof(folder))
		return VX_OK;
	memcpy(folder, path, strlen(path) + 1);
	slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder)
		return VX_OK;
	*slash = '\0';
	return allow(ruleset, folder, FS_READ);
}

static int enter_landlock(const struct vx_daemon *def, const struct vx_config *c,
    const struct vx_log *log, struct vx_error *err)
{
	const int abi = (int)syscall(
	    SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	const struct ruleset r = { .fs = known_fs(abi),
		.net =
		    NET_BIND_TCP | (def->connects || def->resolves ? 0 : NET_CONNECT_TCP),
		.scoped = SCOPE_ALL };
	const size_t size = abi >= 6 ? sizeof(r) : abi >= 4 ? 16 : 8;
	char account[VX_ACME_PATH_MAX];
	int fd, rc;

	if (abi < 1) {
		vx_log(log, VX_LOG_WARN,
		    "this kernel has no Landlock: files are guarded by "
		    "their modes only");
		return VX_OK;
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0u);
	if (fd < 0)
		return vx_error_set(
		    err, VX_EPERM, "no Landlock ruleset: %s", vx_errno_text(errno));
	rc = allow_paths(fd, def, c, known_fs(abi));
	if (rc == VX_OK && def->connects && c->tls_authorities != NULL)
		rc = allow(fd, c->tls_authorities, LANDLOCK_ACCESS_FS_READ_FILE);
	if (rc == VX_OK && def->keeps_account &&
	    vx_acme_path(c, NULL, account) == VX_OK)
		rc = allow(fd, account, (FS_READ | FS_WRITE) & known_fs(abi));
	if (rc == VX_OK && def->reads_certificate_files)
		rc = allow_folder_of(fd, c->tls_cert_path);
	if (rc == VX_OK && def->reads_certificate_files)
		rc = allow_folder_of(fd, c->tls_key_path);
	if (rc != VX_OK || syscall(SYS_landlock_restrict_self, fd, 0u) < 0)
		rc = vx_error_set(
		    err, VX_EPERM, "Landlock refused: %s", vx_errno_text(errno));
	(void)close(fd);
	return rc;
}

/* --- system calls ----------------------------------------------------------------- */

#define SC(name) SCMP_SYS(name)

/* What libc, the sanitizers, LMDB, GnuTLS, libuv and we call once we run. */
static const int allowed[] = { SC(accept4), SC(accept), SC(arch_prctl), SC(brk),
	SC(clock_getres), SC(clock_gettime), SC(clock_nanosleep), SC(clone), SC(clone3),
	SC(close), SC(close_range), SC(copy_file_range), SC(dup), SC(dup2), SC(dup3),
	SC(epoll_create), SC(epoll_create1), SC(epoll_ctl), SC(epoll_pwait),
	SC(epoll_pwait2), SC(epoll_wait), SC(eventfd2), SC(exit), SC(exit_group),
	SC(faccessat), SC(faccessat2), SC(access), SC(fadvise64), SC(fallocate),
	SC(fchmod), SC(fchmodat), SC(fcntl), SC(fdatasync), SC(flock), SC(fstat),
	SC(fstatfs), SC(fsync), SC(ftruncate), SC(futex), SC(get_robust_list), SC(getcwd),
	SC(getdents64), SC(getegid), SC(geteuid), SC(getgid), SC(getpeername),
	SC(getpgrp), SC(getpid), SC(getppid), SC(getrandom), SC(getresgid), SC(getresuid),
	SC(getrlimit), SC(getrusage), SC(getsockname), SC(getsockopt), SC(gettid),
	SC(gettimeofday), SC(getuid), SC(inotify_add_watch), SC(inotify_init1),
	SC(inotify_rm_watch), SC(ioctl), SC(kill), SC(lseek), SC(link), SC(linkat),
	SC(listen), SC(lstat), SC(madvise), SC(membarrier), SC(memfd_create), SC(mincore),
	SC(mkdir), SC(mkdirat), SC(mlock), SC(mmap), SC(mprotect), SC(mremap), SC(msync),
	SC(munlock), SC(munmap), SC(nanosleep), SC(newfstatat), SC(open), SC(openat),
	SC(pipe), SC(pipe2), SC(poll), SC(ppoll), SC(prctl), SC(pread64), SC(preadv),
	SC(preadv2), SC(prlimit64), SC(pselect6), SC(pwrite64), SC(pwritev), SC(pwritev2),
	SC(read), SC(readahead), SC(readlink), SC(readlinkat), SC(readv), SC(recvfrom),
	SC(recvmsg), SC(recvmmsg), SC(rename), SC(renameat), SC(renameat2),
	SC(restart_syscall), SC(rmdir), SC(rseq), SC(rt_sigaction), SC(rt_sigpending),
	SC(rt_sigprocmask), SC(rt_sigreturn), SC(rt_sigsuspend), SC(rt_sigtimedwait),
	SC(sched_getaffinity), SC(sched_getparam), SC(sched_getscheduler),
	SC(sched_setaffinity), SC(sched_yield), SC(select), SC(sendmmsg), SC(sendmsg),
	SC(sendto), SC(sendfile), SC(set_robust_list), SC(set_tid_address), SC(setrlimit),
	SC(setsockopt), SC(shutdown), SC(sigaltstack), SC(socket), SC(socketpair),
	SC(stat), SC(statfs), SC(statx), SC(symlink), SC(symlinkat), SC(sync_file_range),
	SC(syncfs), SC(sysinfo), SC(tgkill), SC(time), SC(timerfd_create),
	SC(timerfd_settime), SC(times), SC(truncate), SC(umask), SC(uname), SC(unlink),
	SC(unlinkat), SC(utimensat), SC(wait4), SC(waitid), SC(write), SC(writev),
	SC(ioprio_set), SC(setpriority), SC(getpriority), SC(semtimedop), SC(semget),
	SC(semctl), SC(semop), SC(bind) };

/* Never ours: whoever calls one has been taken over. */
static const int deadly[] = { SC(execve), SC(execveat), SC(ptrace), SC(process_vm_readv),
	SC(process_vm_writev), SC(mount), SC(umount2), SC(pivot_root), SC(chroot),
	SC(unshare), SC(setns), SC(bpf), SC(init_module), SC(finit_module),
	SC(delete_module), SC(kexec_load), SC(kexec_file_load), SC(keyctl), SC(add_key),
	SC(request_key), SC(userfaultfd), SC(perf_event_open), SC(io_uring_setup),
	SC(swapon), SC(swapoff), SC(reboot), SC(setuid), SC(setgid), SC(setresuid),
	SC(setresgid), SC(capset), SC(open_by_handle_at), SC(fsopen), SC(open_tree) };

/* Everything else is 'not implemented', which libc takes for an older kernel. */
static int enter_seccomp(const struct vx_daemon *def, struct vx_error *err)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = f == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]) && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (rc == 0 && (def->connects || def->resolves))
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SC(connect), 0);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	if (rc != 0)
		return vx_error_set(
		    err, VX_EPERM, "seccomp refused: %s", vx_errno_text(-rc));
	return VX_OK;
}

int vx_sandbox_enter(const struct vx_daemon *def, const struct vx_config *c,
    const struct vx_log *log, struct vx_error *err)
{
	const char *wish = getenv("VX_SANDBOX");
	int rc;

	if (wish != NULL && strcmp(wish, "off") == 0) {
		vx_log(log, VX_LOG_WARN, "the sandbox is off, by VX_SANDBOX");
		return VX_OK;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return vx_error_set(
		    err, VX_EPERM, "no_new_privs refused: %s", vx_errno_text(errno));
	rc = enter_landlock(def, c, log, err);
	return rc == VX_OK ? enter_seccomp(def, err) : rc;
}
