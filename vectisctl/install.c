/* The installation: its configuration, its user, its directories, its store. */
#include "vectisctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- configuration ---------------------------------------------------------------- */

static json_t *error_item(const struct vx_error *e)
{
	json_t *item = json_object();

	(void)json_object_set_new(item, "file", ctl_text(vx_slice_str(e->file)));
	(void)json_object_set_new(item, "line", json_integer(e->line));
	(void)json_object_set_new(item, "column", json_integer(e->column));
	(void)json_object_set_new(item, "text", ctl_text(vx_slice_str(e->text)));
	return item;
}

int ctl_load_config(struct ctl *c)
{
	struct vx_config_errors errors;
	const int rc = vx_config_load(c->config_path, &c->config, &errors);
	json_t *list = json_array();

	for (size_t i = 0; i < errors.count; i++) {
		struct vx_buf text = { .max = 2048 };

		vx_config_error_write(&errors.items[i], &text);
		if (i < errors.warnings) {
			ctl_warn(c, "%s", text.ptr);
		} else {
			(void)ctl_fail(c, CTL_USAGE, "%s", text.ptr);
			(void)json_array_append_new(list, error_item(&errors.items[i]));
		}
		vx_buf_done(&text);
	}
	if (rc == VX_ENOENT)
		fprintf(stderr, "vectisctl: \"vectisctl setup\" makes a configuration\n");
	if (rc == VX_OK)
		json_decref(list);
	else
		(void)json_object_set_new(c->result, "errors", list);
	return rc == VX_OK ? CTL_OK : CTL_USAGE;
}

/* --- files ------------------------------------------------------------------------ */

void ctl_state_path(const struct ctl *c, const char *name, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.3800s/%.200s", c->config->state_dir, name);
}

int ctl_read_file(struct ctl *c, const char *path, struct vx_buf *out)
{
	FILE *f = fopen(path, "re");
	char chunk[4096];
	bool good;
	size_t n;

	if (f == NULL)
		return ctl_fail(
		    c, CTL_FAILED, "cannot read %s: %s", path, vx_errno_text(errno));
	errno = 0;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		vx_buf_add(out, vx_slice_of(chunk, n));
	good = ferror(f) == 0;
	if (!good)
		(void)ctl_fail(
		    c, CTL_FAILED, "cannot read %s: %s", path, vx_errno_text(errno));
	(void)fclose(f);
	if (good && out->failed)
		return ctl_fail(c, CTL_FAILED, "%s is too large", path);
	return good ? CTL_OK : CTL_FAILED;
}

/* The text with the mode and the owner of the file that it replaces. */
static bool write_new(int fd, const char *path, mode_t mode, vx_slice text)
{
	struct stat st;

	if (stat(path, &st) == 0) {
		mode = st.st_mode & 07777;
		if (geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) < 0)
			return false;
	}
	while (text.len > 0) {
		const ssize_t n = write(fd, text.ptr, text.len);

		if (n < 0)
			return false;
		text = vx_slice_from(text, (size_t)n);
	}
	return fchmod(fd, mode) == 0 && fsync(fd) == 0;
}

int ctl_replace_file(const char *path, mode_t mode, vx_slice text, struct vx_error *err)
{
	char real[PATH_MAX], tmp[PATH_MAX];
	bool good;
	int fd;

	/* a symbolic link stays one */
	if (realpath(path, real) == NULL)
		(void)snprintf(real, sizeof(real), "%s", path);
	if (snprintf(tmp, sizeof(tmp), "%s.%d.new", real, (int)getpid()) >=
	    (int)sizeof(tmp))
		return vx_error_set(err, VX_EINVAL, "the path %s is too long", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return vx_error_set(
		    err, VX_EIO, "cannot write %s: %s", tmp, vx_errno_text(errno));
	good = write_new(fd, real, mode, text);
	good = close(fd) == 0 && good && rename(tmp, real) == 0;
	if (!good) {
		const int number = errno;

		(void)unlink(tmp);
		return vx_error_set(
		    err, VX_EIO, "cannot write %s: %s", path, vx_errno_text(number));
	}
	return VX_OK;
}

int ctl_write_file(struct ctl *c, const char *path, mode_t mode, vx_slice text)
{
	struct vx_error err;

	return ctl_replace_file(path, mode, text, &err) == VX_OK
		   ? CTL_OK
		   : ctl_fail(c, CTL_FAILED, "%s", err.text);
}

int ctl_make_dir(struct ctl *c, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	const size_t len = strlen(path);

	for (size_t i = 1; i < len && len < sizeof(part); i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return ctl_fail(c, CTL_FAILED, "cannot make %s: %s", part,
			    vx_errno_text(errno));
	}
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return ctl_fail(
		    c, CTL_FAILED, "cannot make %s: %s", path, vx_errno_text(errno));
	return CTL_OK;
}

/* --- the user --------------------------------------------------------------------- */

static int find_user(struct ctl *c, const struct passwd **out)
{
	*out = getpwnam(c->config->user);
	if (*out == NULL)
		return ctl_fail(c, CTL_FAILED,
		    "there is no user %s: \"vectisctl setup\" makes it, or set the key "
		    "user",
		    c->config->user);
	return CTL_OK;
}

int ctl_become_user(struct ctl *c)
{
	const struct passwd *pw;

	if (geteuid() != 0 || c->config->user[0] == '\0')
		return CTL_OK;
	if (find_user(c, &pw) != CTL_OK)
		return CTL_FAILED;
	if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return ctl_fail(
		    c, CTL_FAILED, "cannot become the user %s", c->config->user);
	return CTL_OK;
}

int ctl_output_dir(struct ctl *c, const char *dir, bool must_be_new)
{
	const struct passwd *pw = NULL;
	const bool root = geteuid() == 0 && c->config->user[0] != '\0';

	if (root && find_user(c, &pw) != CTL_OK)
		return CTL_FAILED;
	if (mkdir(dir, 0700) == 0) {
		if (root && chown(dir, pw->pw_uid, pw->pw_gid) < 0)
			return ctl_fail(c, CTL_FAILED,
			    "cannot give %s to the user %s: %s", dir, pw->pw_name,
			    vx_errno_text(errno));
	} else if (errno != EEXIST || must_be_new) {
		return ctl_fail(c, CTL_FAILED, "cannot make %s: %s%s", dir,
		    vx_errno_text(errno),
		    errno == EEXIST ? " (it must not be there yet)" : "");
	}
	if (chdir(dir) < 0)
		return ctl_fail(
		    c, CTL_FAILED, "cannot enter %s: %s", dir, vx_errno_text(errno));
	if (ctl_become_user(c) != CTL_OK)
		return CTL_FAILED;
	if (access(".", W_OK) < 0)
		return ctl_fail(c, CTL_FAILED,
		    "%s cannot be written by the user%s%s: give it to that user, or name "
		    "a directory that is not there yet",
		    dir, root ? " " : "", root ? c->config->user : "");
	return CTL_OK;
}

/* --- the store -------------------------------------------------------------------- */

static int open_store(struct ctl *c, bool read_only)
{
	const struct vx_store_options o = { .struct_size = sizeof(o),
		.dir = c->config->state_dir,
		.volume_octets = c->config->store_volume_mb << 20,
		.ballast_octets = c->config->store_ballast_mb << 20,
		.grace_s = (uint32_t)c->config->store_grace_days * 86400,
		.read_only = read_only };
	struct vx_error err = { 0 };

	if (vx_store_open(&o, &c->store, &err) != VX_OK)
		return ctl_fail(c, CTL_FAILED, "%s", err.text);
	return CTL_OK;
}

static int owned_by_another(struct ctl *c, uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return ctl_fail(c, CTL_FAILED,
	    "the store in %s belongs to the user %s: run vectisctl as that user%s",
	    c->config->state_dir, pw == NULL ? "(nameless)" : pw->pw_name,
	    c->config->user[0] == '\0' ? "" : " or as root");
}

int ctl_find_store(struct ctl *c, uid_t *owner)
{
	char path[PATH_MAX];
	struct stat st;

	ctl_state_path(c, "state.mdb", path);
	if (stat(path, &st) == 0) {
		*owner = st.st_uid;
		return CTL_OK;
	}
	if (errno == ENOENT)
		return ctl_fail(c, CTL_FAILED,
		    "there is no store in %s yet: run \"vectisctl setup\"",
		    c->config->state_dir);
	return ctl_fail(c, CTL_FAILED,
	    "cannot reach the store in %s: %s: run vectisctl as root%s%s",
	    c->config->state_dir, vx_errno_text(errno),
	    c->config->user[0] == '\0' ? "" : " or as the user ", c->config->user);
}

/* A wrong user must not leave files in it. */
int ctl_check_store(struct ctl *c)
{
	uid_t owner = 0;

	if (ctl_become_user(c) != CTL_OK || ctl_find_store(c, &owner) != CTL_OK)
		return CTL_FAILED;
	return owner == geteuid() ? CTL_OK : owned_by_another(c, owner);
}

int ctl_open_store(struct ctl *c, bool read_only)
{
	const int status = ctl_check_store(c);

	return status == CTL_OK ? open_store(c, read_only) : status;
}

int ctl_make_store(struct ctl *c)
{
	char path[PATH_MAX];
	struct stat st;

	if (ctl_become_user(c) != CTL_OK)
		return CTL_FAILED;
	ctl_state_path(c, "state.mdb", path);
	if (stat(path, &st) == 0 && st.st_uid != geteuid())
		return owned_by_another(c, st.st_uid);
	return open_store(c, false);
}

/* --- what commands report --------------------------------------------------------- */

int ctl_done(struct ctl *c, int rc, const char *what, const char *name)
{
	switch (rc) {
	case VX_OK:
		(void)json_object_set_new(
		    c->result, "name", ctl_text(vx_slice_str(name)));
		ctl_say(c, "%s: %s", what, name);
		return CTL_OK;
	case VX_EEXIST:
		return ctl_fail(c, CTL_FAILED, "%s exists already", name);
	case VX_ENOENT:
		return ctl_fail(c, CTL_FAILED, "there is no %s here", name);
	case VX_EINVAL:
		return ctl_fail(c, CTL_USAGE, "%s is not a valid name", name);
	case VX_ENOSPC:
		return ctl_fail(c, CTL_FAILED,
		    "%s: the disk of %s is full: make room and try again", name,
		    c->config->state_dir);
	default:
		return ctl_fail(c, CTL_FAILED, "%s: %s", name, vx_strerror(rc));
	}
}

int ctl_submit(struct ctl *c, struct vx_directory_op *op, const char *what)
{
	char name[VX_ADDRESS_MAX + 1];

	(void)snprintf(name, sizeof(name), "%.*s", (int)op->name.len, op->name.ptr);
	return ctl_done(c, vx_store_run(c->store, &op->op), what, name);
}

void ctl_keep(char after[VX_ADDRESS_MAX + 1], vx_slice name)
{
	(void)snprintf(after, VX_ADDRESS_MAX + 1, "%.*s", (int)name.len, name.ptr);
}

int ctl_list(struct ctl *c, const char *key, ctl_next_fn *next)
{
	char after[VX_ADDRESS_MAX + 1] = "";
	json_t *items = json_array();
	int rc = VX_OK;

	while (rc == VX_OK) {
		struct vx_view *v;

		rc = vx_view_begin(c->store, &v);
		if (rc != VX_OK)
			break;
		rc = next(c, v, items, after);
		vx_view_end(v);
	}
	(void)json_object_set_new(c->result, key, items);
	return rc == VX_ENOENT ? CTL_OK : ctl_fail(c, CTL_FAILED, "%s", vx_strerror(rc));
}
