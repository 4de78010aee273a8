/* Passwords and questions: never an argument, never shown but for --generate. */
#include "vectisctl/ctl.h"

#include "vectis/crypto.h"
#include "vectis/header.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
#define ENDING (sizeof(ending) / sizeof(ending[0]))

static void on_signal(int number)
{
	interrupted = number;
}

/*
 * An octet; 0 at the end.  mask: the signals are blocked but for the time of waiting, so
 * that one which comes just before it is not missed.
 */
static ssize_t read_char(int fd, const sigset_t *mask, char *out)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (mask != NULL && (ppoll(&p, 1, NULL, mask) < 0 || interrupted != 0))
		return -1;
	return read(fd, out, 1);
}

/* VX_OK; VX_ECLOSED: a signal came; VX_ELIMIT, VX_EIO.  Without CR and LF. */
static int read_line(int fd, const sigset_t *mask, struct vx_buf *out)
{
	ssize_t n;
	char ch;

	while ((n = read_char(fd, mask, &ch)) == 1 && ch != '\n')
		vx_buf_add_char(out, ch);
	if (n < 0)
		return mask != NULL && interrupted != 0 ? VX_ECLOSED : VX_EIO;
	if (out->failed)
		return VX_ELIMIT;
	if (out->len > 0 && out->ptr[out->len - 1] == '\r')
		vx_buf_truncate(out, out->len - 1);
	return VX_OK;
}

/* Whatever ends us while the echo is off, the terminal has it again. */
static int prompt(const char *text, struct vx_buf *out)
{
	struct sigaction old_actions[ENDING], action = { .sa_handler = on_signal };
	struct termios old, quiet;
	sigset_t blocked, before;
	int rc;

	if (tcgetattr(STDIN_FILENO, &old) < 0)
		return VX_EIO;
	interrupted = 0;
	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < ENDING; i++)
		(void)sigaddset(&blocked, ending[i]);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before);
	for (size_t i = 0; i < ENDING; i++)
		(void)sigaction(ending[i], &action, &old_actions[i]);
	quiet = old;
	quiet.c_lflag &= (tcflag_t)~ECHO;
	/* first of all: who answers before the question is not shown either */
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	fputs(text, stderr);
	rc = read_line(STDIN_FILENO, &before, out);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	(void)fputc('\n', stderr);
	for (size_t i = 0; i < ENDING; i++)
		(void)sigaction(ending[i], &old_actions[i], NULL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (interrupted != 0)
		(void)raise(interrupted);
	return rc;
}

static int ask_twice(struct ctl *c, struct vx_buf *out)
{
	struct vx_buf again = { .max = VX_PASSWORD_MAX };
	int rc, status = CTL_OK;

	if (!isatty(STDIN_FILENO))
		return ctl_fail(
		    c, CTL_USAGE, "give the password by --password-fd N, or --generate");
	rc = prompt("New password: ", out);
	if (rc == VX_OK)
		rc = prompt("Again: ", &again);
	if (rc != VX_OK)
		status = ctl_fail(c, CTL_FAILED, "no password was read");
	else if (!vx_slice_eq(vx_buf_slice(out), vx_buf_slice(&again)))
		status = ctl_fail(c, CTL_USAGE, "the passwords are not the same");
	vx_buf_wipe(&again);
	return status;
}

static int ask_password(struct ctl *c, struct vx_buf *out)
{
	const char *fd = ctl_option(c, "--password-fd");
	uint64_t n;
	int rc;

	if (ctl_flag(c, "--generate") && fd != NULL)
		return ctl_fail(c, CTL_USAGE, "give either --generate or --password-fd");
	if (ctl_flag(c, "--generate")) {
		vx_password_generate(out);
		return CTL_OK;
	}
	if (fd == NULL)
		return ask_twice(c, out);
	if (vx_slice_number(vx_slice_str(fd), 65535, &n) != VX_OK)
		return ctl_fail(c, CTL_USAGE,
		    "--password-fd is the number of an open descriptor, not \"%s\"", fd);
	rc = read_line((int)n, NULL, out);
	if (rc == VX_ELIMIT)
		return ctl_fail(
		    c, CTL_USAGE, "a password has at most %d octets", VX_PASSWORD_MAX);
	if (rc != VX_OK)
		return ctl_fail(c, CTL_USAGE,
		    "no password can be read from descriptor %s: %s", fd,
		    vx_errno_text(errno));
	return CTL_OK;
}

int ctl_read_password(struct ctl *c, const char *question, struct vx_buf *out)
{
	const char *path = ctl_option(c, "--password-file");
	struct vx_buf text = { .max = 4096 };
	int status;

	if (path != NULL && ctl_option(c, "--password-fd") != NULL)
		return ctl_fail(
		    c, CTL_USAGE, "give either --password-file or --password-fd");
	if (path != NULL) {
		status = ctl_read_file(c, path, &text);
		if (status == CTL_OK)
			vx_buf_add(out, vx_slice_trim(vx_buf_slice(&text), "\r\n"));
		vx_buf_wipe(&text);
	} else if (ctl_option(c, "--password-fd") != NULL) {
		status = ask_password(c, out);
	} else if (!isatty(STDIN_FILENO)) {
		status = ctl_fail(c, CTL_USAGE,
		    "give the password by --password-fd N or --password-file FILE");
	} else {
		status = prompt(question, out) == VX_OK
			     ? CTL_OK
			     : ctl_fail(c, CTL_FAILED, "no password was read");
	}
	if (status == CTL_OK && (out->failed || out->len == 0))
		status = ctl_fail(c, CTL_USAGE, "the password is empty or too long");
	return status;
}

/* A hash from another server: its passwords go on working (decisions, password hashing).
 */
static int import_hash(struct ctl *c, const char *fd, struct vx_buf *credential)
{
	struct vx_error err;
	int status = CTL_OK;
	uint64_t n;

	if (ctl_flag(c, "--generate") || ctl_flag(c, "--password-fd"))
		return ctl_fail(c, CTL_USAGE, "give either a hash or a password");
	if (vx_slice_number(vx_slice_str(fd), 65535, &n) != VX_OK ||
	    read_line((int)n, NULL, credential) != VX_OK)
		status =
		    ctl_fail(c, CTL_USAGE, "no hash can be read from descriptor %s", fd);
	else if (vx_password_hash_check(vx_buf_slice(credential), &err) != VX_OK)
		status = ctl_fail(c, CTL_USAGE, "%s", err.text);
	if (status != CTL_OK)
		vx_buf_wipe(credential);
	return status;
}

int ctl_make_credential(struct ctl *c, struct vx_buf *credential, struct vx_buf *made)
{
	struct vx_buf typed = { .max = VX_PASSWORD_MAX },
		      password = { .max = VX_PASSWORD_MAX };
	const char *hash_fd = ctl_option(c, "--hash-fd");
	struct vx_error err;
	int status;

	if (hash_fd != NULL)
		return import_hash(c, hash_fd, credential);
	status = ask_password(c, &typed);
	if (status == CTL_OK) {
		vx_password_prepare(vx_buf_slice(&typed), &password);
		if (ctl_flag(c, "--generate"))
			vx_buf_add(made, vx_buf_slice(&typed));
		if (vx_password_acceptable(vx_buf_slice(&password), &err) != VX_OK)
			status = ctl_fail(c, CTL_USAGE, "%s", err.text);
	}
	if (status == CTL_OK &&
	    vx_credential_make(vx_buf_slice(&password),
		(unsigned)c->config->auth_hash_cost,
		(unsigned)c->config->auth_scram_iterations, credential) != VX_OK)
		status = ctl_fail(c, CTL_FAILED, "the password cannot be hashed");
	vx_buf_wipe(&typed);
	vx_buf_wipe(&password);
	return status;
}

void ctl_show_password(struct ctl *c, struct vx_buf *made)
{
	if (made->len > 0) {
		(void)json_object_set_new(
		    c->result, "password", ctl_text(vx_buf_slice(made)));
		ctl_say(c, "password: %.*s", (int)made->len, made->ptr);
	}
}

int ctl_ask(
    struct ctl *c, const char *question, const char *standard, char *out, size_t size)
{
	struct vx_buf line = { .max = 1024 };
	vx_slice answer;
	int rc;

	fprintf(stderr, "%s%s%s%s: ", question, standard[0] == '\0' ? "" : " [", standard,
	    standard[0] == '\0' ? "" : "]");
	rc = read_line(STDIN_FILENO, NULL, &line);
	answer = vx_slice_trim(vx_buf_slice(&line), " \t");
	if (answer.len == 0)
		answer = vx_slice_str(standard);
	(void)snprintf(
	    out, size, "%.*s", (int)answer.len, answer.len == 0 ? "" : answer.ptr);
	vx_buf_done(&line);
	return rc == VX_OK ? CTL_OK : ctl_fail(c, CTL_FAILED, "no answer was read");
}
