#include "acmed/desk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *word;
	enum vx_acme_command command;
} verbs[] = { { "issue", VX_ACME_ISSUE }, { "renew", VX_ACME_RENEW },
	{ "revoke", VX_ACME_REVOKE }, { "roll-over", VX_ACME_ROLL_OVER },
	{ "deactivate", VX_ACME_DEACTIVATE }, { "roll-keys", VX_ACME_ROLL_KEYS } };

static int make(const struct vx_config *config, const char *name, struct vx_error *err)
{
	char path[VX_ACME_PATH_MAX];

	if (vx_acme_path(config, name, path) != VX_OK)
		return vx_error_set(err, VX_ELIMIT, "the path of state_dir is too long");
	if (mkdir(path, 0700) < 0 && access(path, W_OK | X_OK) < 0)
		return vx_error_set(err, VX_EPERM,
		    "%s cannot be made or written: run \"vectisctl setup\" as root",
		    path);
	return VX_OK;
}

int desk_open(const struct vx_config *config, struct vx_error *err)
{
	int rc = make(config, NULL, err);

	if (rc == VX_OK)
		rc = make(config, DESK_ASK, err);
	return rc == VX_OK ? make(config, DESK_DONE, err) : rc;
}

void desk_done(
    const struct vx_config *config, uint64_t number, int result, const char *text)
{
	char name[64], path[VX_ACME_PATH_MAX], aside[VX_ACME_PATH_MAX];
	int fd;

	(void)snprintf(name, sizeof(name), DESK_DONE "/%llu", (unsigned long long)number);
	if (vx_acme_path(config, name, path) != VX_OK ||
	    vx_acme_path(config, DESK_DONE "/.new", aside) != VX_OK)
		return;
	fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	(void)dprintf(fd, "%d %s\n", result == VX_OK ? 0 : 1, text);
	(void)close(fd);
	(void)rename(aside, path);
}

/* AUTHORITY REASON LENGTH, and behind the line a certificate and its key. */
static int obey_revoke(struct vx_acme *core, vx_slice line, vx_slice rest,
    uint64_t number, struct vx_error *err)
{
	vx_slice id, reason;
	char name[VX_ACME_ID_MAX + 1];
	uint64_t why, length;

	if (!vx_slice_cut(&line, ' ', &id) || !vx_slice_cut(&line, ' ', &reason) ||
	    id.len > VX_ACME_ID_MAX || vx_slice_number(reason, 10, &why) != VX_OK ||
	    vx_slice_number(line, rest.len, &length) != VX_OK)
		return VX_EINVAL;
	memcpy(name, id.ptr, id.len);
	name[id.len] = '\0';
	return vx_acme_revoke(core, vx_slice_head(rest, length),
	    vx_slice_from(rest, length), strcmp(name, "-") == 0 ? NULL : name,
	    (unsigned)why, number, err);
}

/* VERB ID REASON */
static int obey(
    struct vx_acme *core, vx_slice text, uint64_t number, struct vx_error *err)
{
	vx_slice line, verb, id;
	char name[VX_ACME_ID_MAX + 1];
	uint64_t reason;

	(void)vx_slice_cut(&text, '\n', &line);
	if (line.len > DESK_LINE_MAX || !vx_slice_cut(&line, ' ', &verb))
		return VX_EINVAL;
	if (vx_slice_eq(verb, VX_S("revoke-key")))
		return obey_revoke(core, line, text, number, err);
	if (!vx_slice_cut(&line, ' ', &id) || id.len > VX_ACME_ID_MAX ||
	    vx_slice_number(line, 10, &reason) != VX_OK)
		return VX_EINVAL;
	memcpy(name, id.ptr, id.len);
	name[id.len] = '\0';
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (vx_slice_eq(verb, vx_slice_str(verbs[i].word)))
			return vx_acme_do(
			    core, verbs[i].command, name, (unsigned)reason, number);
	return VX_EINVAL;
}

/* It is gone before anything is done about it: there may be a key in it. */
static bool read_file(int dir, const char *name, struct vx_buf *out)
{
	const int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = 1;

	if (fd < 0)
		return false;
	while (n > 0) {
		char *const at = vx_buf_reserve(out, DESK_PIECE);

		n = at == NULL ? -1 : read(fd, at, DESK_PIECE);
		if (n > 0)
			vx_buf_truncate(out, out->len += (size_t)n);
	}
	(void)close(fd);
	(void)unlinkat(dir, name, 0);
	return n == 0;
}

static void take(
    const struct vx_config *config, struct vx_acme *core, int dir, const char *name)
{
	struct vx_buf text = { .max = DESK_FILE_MAX };
	struct vx_error err = { 0 };
	uint64_t number;
	int rc = VX_EINVAL;

	if (read_file(dir, name, &text) &&
	    vx_slice_number(vx_slice_str(name), INT64_MAX, &number) == VX_OK) {
		rc = obey(core, vx_buf_slice(&text), number, &err);
		if (rc != VX_OK)
			desk_done(config, number, rc,
			    err.text[0] != '\0' ? err.text
			    : rc == VX_ENOENT
				? "acmed knows no such certificate or authority, or "
				  "there is none yet"
			    : rc == VX_ELIMIT ? "acmed has too much to do"
					      : "acmed does not understand that");
	}
	vx_buf_wipe(&text);
}

bool desk_look(const struct vx_config *config, struct vx_acme *core)
{
	char path[VX_ACME_PATH_MAX];
	const struct dirent *e;
	unsigned seen = 0;
	DIR *dir;

	if (vx_acme_path(config, DESK_ASK, path) != VX_OK)
		return false;
	dir = opendir(path);
	while (dir != NULL && seen < DESK_AT_ONCE && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.') {
			take(config, core, dirfd(dir), e->d_name);
			seen++;
		}
	if (dir != NULL)
		(void)closedir(dir);
	return seen > 0;
}

vx_slice desk_check(
    const struct vx_config *config, vx_slice token, char out[DESK_LINE_MAX])
{
	char path[VX_ACME_PATH_MAX];
	vx_slice text = { NULL, 0 }, its;
	ssize_t n = -1;
	int fd;

	if (!vx_slice_has_prefix(token, VX_S(DESK_CHECK_TOKEN)) ||
	    vx_acme_path(config, DESK_CHECK, path) != VX_OK)
		return text;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0) {
		n = read(fd, out, DESK_LINE_MAX);
		(void)close(fd);
	}
	text = vx_slice_trim(vx_slice_of(out, n > 0 ? (size_t)n : 0), "\n");
	return vx_slice_cut(&text, ' ', &its) && text.len > 0 && vx_slice_eq(its, token)
		   ? text
		   : vx_slice_of(NULL, 0);
}
