/* What is in a directory of a backup, and whether all of it is. */
#include "store/backup_mark.h"

#include "base/fs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "vectis backup 1"
#define BEFORE_HEADS "A backup made by vectisctl store backup."
#define NAME_MAX_OCTETS 32

static const char *const words[] = { "partial", "complete", "whole" };

static void path_in(
    const char *dir, const char *name, const char *end, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%.4000s/%.32s%.8s", dir, name, end);
}

void vx_backup_mark_add(struct vx_buf *files, uint64_t octets, const char *name)
{
	vx_buf_printf(files, "file %llu %.32s\n", (unsigned long long)octets, name);
}

int vx_backup_mark_write(const char *dir, enum vx_backup_state state, int64_t began,
    int64_t ended, vx_slice files, struct vx_error *err)
{
	struct vx_buf text = { .max = VX_BACKUP_MARK_MAX };
	char path[PATH_MAX];
	int rc;

	vx_buf_printf(&text, "%s\n%s\nbegan %lld\nended %lld\n", HEAD, words[state],
	    (long long)began, (long long)ended);
	vx_buf_add(&text, files);
	path_in(dir, VX_BACKUP_MARK, "", path);
	rc = text.failed ? vx_error_set(err, VX_ELIMIT, "%s would be too large", path)
			 : vx_fs_write(path, 0600, vx_buf_slice(&text), err);
	vx_buf_done(&text);
	return rc;
}

void vx_backup_forget(const char *dir)
{
	char path[PATH_MAX];

	path_in(dir, VX_BACKUP_MARK, "", path);
	(void)unlink(path);
}

/* --- reading --------------------------------------------------------------------------
 */

struct mark {
	const char *dir;
	enum vx_backup_state state;
	struct vx_backup b;
	struct vx_error *err;
};

static int is_not_whole(const struct mark *m, const char *why, const char *name)
{
	return vx_error_set(m->err, VX_ECORRUPT,
	    "the backup in %s is not whole: %s%s; take another one, or let \"vectisctl "
	    "store repair\" save what is in it",
	    m->dir, name, why);
}

static int bad_mark(const struct mark *m)
{
	return is_not_whole(m, " in it cannot be read", VX_BACKUP_MARK);
}

static bool take_number(vx_slice *rest, const char *word, int64_t *out)
{
	vx_slice line, name;
	uint64_t n;

	if (!vx_slice_cut(rest, '\n', &line) || !vx_slice_cut(&line, ' ', &name) ||
	    !vx_slice_eq(name, vx_slice_str(word)) ||
	    vx_slice_number(line, INT64_MAX, &n) != VX_OK)
		return false;
	*out = (int64_t)n;
	return true;
}

/* Its lines before the first file. */
static int read_head(struct mark *m, vx_slice *rest)
{
	vx_slice line = { .len = 0 };
	bool known = false;

	if (!vx_slice_cut(rest, '\n', &line))
		return bad_mark(m);
	if (vx_slice_eq(line, VX_S(BEFORE_HEADS)))
		return VX_ENOENT;
	if (!vx_slice_eq(line, VX_S(HEAD)) || !vx_slice_cut(rest, '\n', &line))
		return bad_mark(m);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (vx_slice_eq(line, vx_slice_str(words[i]))) {
			m->state = (enum vx_backup_state)i;
			known = true;
		}
	if (!known || !take_number(rest, "began", &m->b.began) ||
	    !take_number(rest, "ended", &m->b.ended))
		return bad_mark(m);
	if (m->state == VX_BACKUP_PARTIAL)
		return is_not_whole(m, "it was broken off, or is being made", "");
	return VX_OK;
}

/* "state" or "vol-0000002a": no name leads out of the directory. */
static bool is_name(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') ||
			(s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '-'))
			return false;
	return s.len > 0 && s.len <= NAME_MAX_OCTETS;
}

/* The new name of a file that was written aside, if that was not done. */
static int put_in_place(const struct mark *m, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX];

	path_in(m->dir, name, ".new", from);
	path_in(m->dir, name, ".mdb", to);
	if (rename(from, to) == 0 || errno == ENOENT)
		return VX_OK;
	return is_not_whole(m, " cannot be put in its place", name);
}

static int see_file(struct mark *m, vx_slice line)
{
	char name[NAME_MAX_OCTETS + 1], path[PATH_MAX];
	vx_slice word, octets;
	struct stat st;
	uint64_t n;
	int rc = VX_OK;

	if (!vx_slice_cut(&line, ' ', &word) || !vx_slice_eq(word, VX_S("file")) ||
	    !vx_slice_cut(&line, ' ', &octets) ||
	    vx_slice_number(octets, INT64_MAX, &n) != VX_OK || !is_name(line))
		return bad_mark(m);
	(void)snprintf(name, sizeof(name), "%.*s", (int)line.len, line.ptr);
	if (m->state == VX_BACKUP_COMPLETE)
		rc = put_in_place(m, name);
	if (rc != VX_OK)
		return rc;
	path_in(m->dir, name, ".mdb", path);
	if (stat(path, &st) < 0)
		return is_not_whole(
		    m, errno == ENOENT ? ".mdb is missing" : ".mdb cannot be read", name);
	if ((uint64_t)st.st_size != n)
		return is_not_whole(m, ".mdb is not as long as it was", name);
	m->b.files++;
	m->b.octets += n;
	return VX_OK;
}

static int read_mark(struct mark *m, vx_slice text)
{
	vx_slice rest = text, files, line;
	int rc = read_head(m, &rest);

	files = rest;
	while (rc == VX_OK && rest.len > 0)
		rc = vx_slice_cut(&rest, '\n', &line) ? see_file(m, line) : bad_mark(m);
	if (rc == VX_OK && m->b.files == 0)
		return bad_mark(m);
	if (rc == VX_OK && m->state == VX_BACKUP_COMPLETE)
		rc = vx_backup_mark_write(
		    m->dir, VX_BACKUP_WHOLE, m->b.began, m->b.ended, files, m->err);
	return rc;
}

int vx_backup_look(const char *dir, struct vx_backup *out, struct vx_error *err)
{
	struct mark m = { .dir = dir, .err = err };
	struct vx_buf text = { .max = VX_BACKUP_MARK_MAX };
	char path[PATH_MAX];
	struct stat st;
	int rc;

	path_in(dir, VX_BACKUP_MARK, "", path);
	/* below a store, backups may be kept in a directory of that name */
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return VX_ENOENT;
	rc = vx_fs_read(path, &text, err);
	if (rc == VX_OK)
		rc = read_mark(&m, vx_buf_slice(&text));
	else if (rc == VX_ELIMIT)
		rc = bad_mark(&m);
	vx_buf_done(&text);
	if (rc == VX_OK)
		*out = m.b;
	return rc;
}

int vx_backup_may_open(const char *dir, struct vx_error *err)
{
	struct vx_backup b;
	const int rc = vx_backup_look(dir, &b, err);

	return rc == VX_ENOENT ? VX_OK : rc;
}
