/* Backups while the store is in use, and its figures. */
#include "base/fs.h"
#include "base/mem.h"
#include "store/keys.h"
#include "store/store_int.h"

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
	const char *to;
	vx_store_report_fn *report;
	void *ctx;
	struct vx_error *err;
};

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

static int copy_volume(
    struct vx_store *s, uint32_t number, const char *tmp, const struct backup *b)
{
	struct vx_volume *v;
	int rc = vx_volume_take(s, number, &v);

	if (rc != VX_OK)
		return vx_error_set(b->err, rc, "cannot open volume %08x", number);
	rc = vx_kv_copy(v->env, tmp, b->err);
	vx_volume_give(s, v);
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

static int backup_volume(
    struct vx_store *s, const struct vx_volume_record *r, const struct backup *b)
{
	char from[PATH_MAX], to[PATH_MAX], tmp[PATH_MAX], text[64];
	bool sealed;
	int rc = VX_OK;

	vx_volume_path(s, r->number, from);
	(void)snprintf(to, sizeof(to), "%.4000s/vol-%08x.mdb", b->to, r->number);
	(void)snprintf(tmp, sizeof(tmp), "%.4000s/vol-%08x.new", b->to, r->number);
	if (access(from, F_OK) < 0)
		return VX_OK; /* a number taken, nothing written yet */
	sealed = vx_volume_is_sealed(from);
	if (sealed && same_sealed(from, to))
		return VX_OK;
	(void)unlink(tmp);
	if (!sealed || link(from, tmp) < 0) {
		rc = copy_volume(s, r->number, tmp, b);
		if (rc == VX_OK && sealed)
			rc = mark_sealed(from, tmp, b->err);
	}
	if (rc == VX_OK && rename(tmp, to) < 0)
		rc = vx_error_set(b->err, VX_EIO, "cannot rename %s", tmp);
	if (rc == VX_OK) {
		(void)snprintf(text, sizeof(text), "volume %08x%s", r->number,
		    sealed ? " (sealed)" : "");
		b->report(b->ctx, text);
	}
	return rc;
}

static int backup_volumes(struct vx_store *s, const struct backup *b)
{
	struct vx_volume_record *list;
	size_t count;
	int rc = vx_volume_list(s, &list, &count);

	if (rc != VX_OK)
		return vx_error_set(b->err, rc, "cannot read the list of volumes");
	for (size_t i = 0; i < count && rc == VX_OK; i++)
		rc = backup_volume(s, &list[i], b);
	vx_free(list);
	return rc;
}

static int backup_all(struct vx_store *s, const struct backup *b)
{
	char tmp[PATH_MAX], path[PATH_MAX];
	int rc;

	/* State first: every body it names is then in the volumes copied after it. */
	(void)snprintf(tmp, sizeof(tmp), "%.4000s/state.new", b->to);
	(void)snprintf(path, sizeof(path), "%.4000s/state.mdb", b->to);
	(void)unlink(tmp);
	rc = vx_kv_copy(s->state, tmp, b->err);
	if (rc != VX_OK)
		return rc;
	b->report(b->ctx, "state");
	rc = backup_volumes(s, b);
	if (rc == VX_OK && rename(tmp, path) < 0)
		rc = vx_error_set(b->err, VX_EIO, "cannot rename %s", tmp);
	return rc == VX_OK ? vx_fs_sync_dir(b->to, b->err) : rc;
}

int vx_store_backup(struct vx_store *s, const char *to, vx_store_report_fn *report,
    void *ctx, struct vx_error *err)
{
	const struct backup b = { to, report, ctx, err };
	int lock, rc = vx_fs_mkdirs(to, 0700, err);

	if (rc != VX_OK)
		return rc;
	/* Nothing may be collected between the copy of the state and the last volume. */
	rc = vx_collect_lock(s, false, &lock);
	if (rc != VX_OK)
		return vx_error_set(err, rc, "cannot keep collection away");
	rc = backup_all(s, &b);
	(void)close(lock);
	return rc;
}
