/* Backups while the store is in use, and its figures. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/backup_mark.h"
#include "store/guard.h"
#include "store/keys.h"
#include "store/store_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int count_mailboxes(struct vx_kv_txn *txn, uint32_t account, uint64_t *out)
{
	struct vx_kv_cursor *c;
	struct vx_key k;
	struct vx_name n;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	vx_key_state(&k, account, 0, VX_KIND_NAME);
	for (rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
	     rc == VX_OK && vx_slice_has_prefix(key, vx_key_slice(&k));
	     rc = vx_kv_next(c, &key, &value))
		*out += vx_name_parse(value, &n) == VX_OK && n.mailbox != 0;
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int count_accounts(struct vx_kv_txn *txn, struct vx_store_stat *out)
{
	struct vx_kv_cursor *c;
	struct vx_key k;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_STATE, &c);

	if (rc != VX_OK)
		return rc;
	for (uint32_t account = 1; rc == VX_OK; account++) {
		struct vx_account_record a;

		vx_key_state(&k, account, 0, VX_KIND_ACCOUNT);
		rc = vx_kv_seek(c, vx_key_slice(&k), &key, &value);
		if (rc != VX_OK || key.len < 9)
			break;
		account = (uint32_t)(unsigned char)key.ptr[0] << 24 |
			  (uint32_t)(unsigned char)key.ptr[1] << 16 |
			  (uint32_t)(unsigned char)key.ptr[2] << 8 |
			  (unsigned char)key.ptr[3];
		if (vx_account_read(txn, account, &a) != VX_OK || a.next_mailbox == 0)
			continue;
		out->accounts++;
		if (count_mailboxes(txn, account, &out->mailboxes) != VX_OK)
			continue;
		out->messages += a.used_messages;
		out->octets += a.used_octets;
		if (account == UINT32_MAX)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

typedef int volume_fn(struct vx_store *s, const struct vx_volume_record *r, void *ctx);

static int each_volume(
    struct vx_store *s, struct vx_kv_txn *txn, volume_fn *fn, void *ctx)
{
	struct vx_kv_cursor *c;
	struct vx_volume_record r;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_VOLUME, &c);

	if (rc != VX_OK)
		return rc;
	for (rc = vx_kv_first(c, &key, &value); rc == VX_OK;
	     rc = vx_kv_next(c, &key, &value)) {
		rc = vx_volume_record_get(key, value, &r);
		if (rc == VX_OK)
			rc = fn(s, &r, ctx);
		if (rc != VX_OK)
			break;
	}
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int add_volume(struct vx_store *s, const struct vx_volume_record *r, void *ctx)
{
	struct vx_store_stat *out = ctx;

	(void)s;
	out->volumes++;
	out->volume_octets += r->live + r->dead;
	out->dead_octets += r->dead;
	return VX_OK;
}

static int count_dead(struct vx_kv_txn *txn, uint64_t *out)
{
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_cursor_open(txn, VX_TREE_DEAD, &c);

	if (rc != VX_OK)
		return rc;
	for (rc = vx_kv_first(c, &key, &value); rc == VX_OK;
	     rc = vx_kv_next(c, &key, &value))
		(*out)++;
	vx_kv_cursor_close(c);
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_store_stat(struct vx_store *s, struct vx_store_stat *out)
{
	struct vx_store_stat st = { 0 };
	struct vx_kv_stat kv;
	struct vx_kv_txn *txn;
	int rc = vx_kv_stat(s->state, &kv);

	if (!s->o.read_only)
		vx_store_look_at_disk(s);
	if (rc == VX_OK)
		rc = vx_kv_begin(s->state, false, &txn);
	if (rc != VX_OK)
		return rc;
	rc = count_accounts(txn, &st);
	if (rc == VX_OK)
		rc = each_volume(s, txn, add_volume, &st);
	if (rc == VX_OK)
		rc = count_dead(txn, &st.dead_queue);
	if (rc == VX_OK)
		rc = vx_kv_free_octets(txn, &st.state_free_octets);
	vx_kv_abort(txn);
	st.state_octets = kv.used_octets;
	st.map_octets = kv.map_octets;
	st.readers = kv.readers;
	st.oldest_reader_txns = kv.oldest_reader_txns;
	st.last_txn = kv.last_txn;
	st.read_mostly = s->refusal != VX_OK;
	if (rc == VX_OK)
		*out = st;
	return rc;
}

/* --- backup ------------------------------------------------------------------------- */

struct backup {
	struct vx_store *store;
	const char *to;
	vx_store_report_fn *report;
	void *ctx;
	struct vx_error *err;
	struct vx_volume_record *volumes; /* own */
	size_t volume_count;
	uint64_t damaged;
	int64_t began;
};

static void path_in(const struct backup *b, const char *name, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.4000s/%s", b->to, name);
}

static void volume_in(
    const struct backup *b, uint32_t number, const char *end, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.4000s/vol-%08x.%s", b->to, number, end);
}

/* Is the copy at to one of exactly this file, made when it was sealed already? */
static bool same_sealed(const char *from, const char *to)
{
	struct stat a, b;

	if (stat(from, &a) < 0 || stat(to, &b) < 0 || (b.st_mode & S_IWUSR) != 0)
		return false;
	return (a.st_dev == b.st_dev && a.st_ino == b.st_ino) ||
	       (a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
		   a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);
}

static int copy_volume(const struct backup *b, uint32_t number, const char *tmp)
{
	struct vx_volume *v;
	int rc = vx_volume_take(b->store, number, &v);

	if (rc != VX_OK)
		return vx_error_set(
		    b->err, rc, "cannot open volume %08x: %s", number, vx_strerror(rc));
	rc = vx_kv_copy(v->env, tmp, b->err);
	vx_volume_give(b->store, v);
	return rc;
}

/* The copy of a sealed volume says so, and of which: the next backup need not copy it. */
static int mark_sealed(const char *from, const char *copy, struct vx_error *err)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW } };
	struct stat st;

	if (stat(from, &st) < 0)
		return vx_error_set(err, VX_EIO, "cannot read %s", from);
	times[1] = st.st_mtim;
	if (utimensat(AT_FDCWD, copy, times, 0) < 0 ||
	    chmod(copy, VX_VOLUME_SEALED_MODE) < 0)
		return vx_error_set(err, VX_EIO, "cannot mark %s as sealed", copy);
	return VX_OK;
}

/* Every part of a copied volume has the right checksum?  In a child. */
static int verify_copy(struct vx_guard *g, void *ctx)
{
	struct vx_kv_env *env;
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	struct vx_error err;
	int rc = vx_kv_open(
	    ctx, VX_KV_READ_ONLY | VX_KV_NO_LOCK | VX_KV_VOLUME, 0, &env, &err);

	if (rc != VX_OK || (rc = vx_kv_begin(env, false, &txn)) != VX_OK) {
		vx_guard_say(g, "the copy cannot be read: %s", (const char *)ctx);
		return rc;
	}
	rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);
	for (rc = rc == VX_OK ? vx_kv_first(c, &key, &value) : rc; rc == VX_OK;
	     rc = vx_kv_next(c, &key, &value))
		if (key.len != 12 || value.len < VX_PART_HEADER || !vx_part_intact(value))
			vx_guard_say(g, "message %016llx: its body is damaged",
			    key.len < 8 ? 0ULL
					: (unsigned long long)vx_get_be64(key.ptr));
	if (rc != VX_ENOENT)
		vx_guard_say(g, "the copy cannot be read to its end: %s", (char *)ctx);
	return VX_OK; /* the process ends here */
}

static int verify(struct backup *b, char *copy)
{
	struct vx_guard g = { 0 };
	char text[VX_GUARD_LINE_MAX];
	const int rc = vx_guard_run(&g, verify_copy, copy, b->report, b->ctx);

	b->damaged += g.lines;
	if (g.crashed) {
		(void)snprintf(text, sizeof(text), "%.500s has a damaged page", copy);
		b->report(b->ctx, text);
		b->damaged++;
	}
	return rc == VX_OK || g.lines > 0
		   ? VX_OK
		   : vx_error_set(b->err, rc, "cannot check %s", copy);
}

/* The new copy beside the old one; a sealed one that is there already is not touched. */
static int prepare_volume(struct backup *b, const struct vx_volume_record *r)
{
	char from[PATH_MAX], to[PATH_MAX], tmp[PATH_MAX], text[64];
	bool sealed;
	int rc = VX_OK;

	vx_volume_path(b->store, r->number, from);
	volume_in(b, r->number, "mdb", to);
	volume_in(b, r->number, "new", tmp);
	(void)unlink(tmp);
	if (access(from, F_OK) < 0 && r->live == 0)
		return VX_OK; /* a number taken, nothing written yet */
	sealed = vx_volume_is_sealed(from);
	if (sealed && same_sealed(from, to))
		return VX_OK;
	if (!sealed || link(from, tmp) < 0) {
		rc = copy_volume(b, r->number, tmp);
		if (rc == VX_OK && sealed)
			rc = mark_sealed(from, tmp, b->err);
	}
	if (rc == VX_OK)
		rc = verify(b, tmp);
	if (rc == VX_OK) {
		(void)snprintf(text, sizeof(text), "volume %08x%s", r->number,
		    sealed ? " (sealed)" : "");
		b->report(b->ctx, text);
	}
	return rc;
}

static int prepare_all(struct backup *b)
{
	char tmp[PATH_MAX];
	int rc;

	/* State first: every body it names is then in the volumes copied after it. */
	path_in(b, "state.new", tmp);
	(void)unlink(tmp);
	rc = vx_kv_copy(b->store->state, tmp, b->err);
	if (rc != VX_OK)
		return rc;
	b->report(b->ctx, "state");
	rc = vx_volume_list(b->store, &b->volumes, &b->volume_count);
	if (rc != VX_OK)
		return vx_error_set(b->err, rc, "cannot read the list of volumes");
	for (size_t i = 0; i < b->volume_count && rc == VX_OK; i++)
		rc = prepare_volume(b, &b->volumes[i]);
	return rc;
}

static int put_in_place(const struct backup *b, const char *tmp, const char *to)
{
	if (access(tmp, F_OK) < 0 || rename(tmp, to) == 0)
		return VX_OK;
	return vx_error_set(b->err, vx_errno_result(errno), "cannot rename %s: %s", tmp,
	    vx_errno_text(errno));
}

/*
 * Everything is there and on the disk: now all of it takes its place.  Not before, as the
 * old state may name bodies that a collected volume does not have any more.
 */
static int switch_over(const struct backup *b)
{
	char tmp[PATH_MAX], to[PATH_MAX];
	int rc = VX_OK;

	for (size_t i = 0; i < b->volume_count && rc == VX_OK; i++) {
		volume_in(b, b->volumes[i].number, "new", tmp);
		volume_in(b, b->volumes[i].number, "mdb", to);
		rc = put_in_place(b, tmp, to);
	}
	path_in(b, "state.new", tmp);
	path_in(b, "state.mdb", to);
	if (rc == VX_OK)
		rc = put_in_place(b, tmp, to);
	return rc == VX_OK ? vx_fs_sync_dir(b->to, b->err) : rc;
}

static bool is_listed(const struct backup *b, uint32_t number)
{
	for (size_t i = 0; i < b->volume_count; i++)
		if (b->volumes[i].number == number)
			return true;
	return false;
}

/* "vol-0000002a..." */
static bool volume_number(const char *name, uint32_t *number)
{
	static const char digits[] = "0123456789abcdef";

	if (strncmp(name, "vol-", 4) != 0)
		return false;
	*number = 0;
	for (size_t i = 4; i < 12; i++) {
		const char *d = name[i] == '\0' ? NULL : strchr(digits, name[i]);

		if (d == NULL)
			return false;
		*number = *number << 4 | (uint32_t)(d - digits);
	}
	return true;
}

/* Volumes that the store has no more. */
static void remove_old(const struct backup *b)
{
	DIR *dir = opendir(b->to);
	char path[PATH_MAX], name[32];
	uint32_t number;

	for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
		if (!volume_number(e->d_name, &number) || is_listed(b, number))
			continue;
		(void)snprintf(name, sizeof(name), "vol-%08x.mdb", number);
		if (strcmp(e->d_name, name) != 0)
			continue;
		path_in(b, name, path);
		(void)unlink(path);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* Not into the store itself, nor over one that somebody uses. */
static int check_target(const struct backup *b)
{
	char path[PATH_MAX], mark[PATH_MAX];
	struct stat from, to;

	path_in(b, "state.mdb", path);
	path_in(b, VX_BACKUP_MARK, mark);
	if (stat(b->store->dir, &from) == 0 && stat(b->to, &to) == 0 &&
	    from.st_dev == to.st_dev && from.st_ino == to.st_ino)
		return vx_error_set(b->err, VX_EINVAL,
		    "%s is the store itself: a backup needs another directory", b->to);
	if (access(path, F_OK) == 0 && access(mark, F_OK) < 0)
		return vx_error_set(b->err, VX_EEXIST,
		    "%s has a store that is no backup: it is not written over", b->to);
	return VX_OK;
}

/* What an earlier one left to do is done before anything is written over; while this one
 * is being made, an earlier one that is whole stays so. */
static int begin_mark(const struct backup *b)
{
	struct vx_backup before;

	if (vx_backup_look(b->to, &before, NULL) == VX_OK)
		return VX_OK;
	return vx_backup_mark_write(
	    b->to, VX_BACKUP_PARTIAL, b->began, 0, VX_S(""), b->err);
}

/* A file of this backup, wherever it is by now; a volume without life may have none. */
static void list_file(const struct backup *b, const char *name, struct vx_buf *files)
{
	char path[PATH_MAX], file[64];
	struct stat st;

	(void)snprintf(file, sizeof(file), "%.40s.new", name);
	path_in(b, file, path);
	if (stat(path, &st) < 0) {
		(void)snprintf(file, sizeof(file), "%.40s.mdb", name);
		path_in(b, file, path);
		if (stat(path, &st) < 0)
			return;
	}
	vx_backup_mark_add(files, (uint64_t)st.st_size, name);
}

static int write_mark(
    const struct backup *b, enum vx_backup_state state, const struct vx_buf *files)
{
	if (files->failed)
		return vx_error_set(b->err, VX_ELIMIT, "there are too many volumes");
	return vx_backup_mark_write(
	    b->to, state, b->began, vx_clock_s(), vx_buf_slice(files), b->err);
}

/* All is on the disk beside what was there: from here on anybody can end it. */
static int finish(const struct backup *b)
{
	struct vx_buf files = { .max = VX_BACKUP_MARK_MAX };
	char name[32];
	int rc;

	list_file(b, "state", &files);
	for (size_t i = 0; i < b->volume_count; i++) {
		(void)snprintf(name, sizeof(name), "vol-%08x", b->volumes[i].number);
		list_file(b, name, &files);
	}
	rc = write_mark(b, VX_BACKUP_COMPLETE, &files);
	if (rc == VX_OK)
		rc = switch_over(b);
	if (rc == VX_OK) {
		remove_old(b);
		rc = write_mark(b, VX_BACKUP_WHOLE, &files);
	}
	vx_buf_done(&files);
	return rc;
}

int vx_store_backup(struct vx_store *s, const char *to, vx_store_report_fn *report,
    void *ctx, struct vx_error *err)
{
	struct backup b = {
		.store = s, .to = to, .report = report, .ctx = ctx, .err = err
	};
	int lock, rc = vx_fs_mkdirs(to, 0700, err);

	b.began = vx_clock_s();
	if (rc == VX_OK)
		rc = check_target(&b);
	if (rc == VX_OK)
		rc = begin_mark(&b);
	if (rc != VX_OK)
		return rc;
	/* Nothing may be collected between the copy of the state and the last volume. */
	rc = vx_collect_lock(s, false, &lock);
	if (rc != VX_OK)
		return vx_error_set(
		    err, rc, "cannot keep collection away: %s", vx_strerror(rc));
	rc = prepare_all(&b);
	if (rc == VX_OK)
		rc = finish(&b);
	(void)close(lock);
	vx_free(b.volumes);
	if (rc == VX_OK && b.damaged > 0)
		return vx_error_set(err, VX_ECORRUPT,
		    "the backup in %s is made, but %llu bodies in it are damaged", to,
		    (unsigned long long)b.damaged);
	return rc;
}
