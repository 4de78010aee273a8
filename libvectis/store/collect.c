/*
 * Collection: a sealed volume of which 40 % is dead is written anew with its live keys
 * and takes the old one's place (STORE.md 3).  No other state changes, so a crash leaves
 * the old file or the new one; who has the old one mapped goes on reading it.
 *
 * Live is what has a descriptor: reaping deletes it after the grace period.  A body may
 * be durable before the op that gives it a descriptor has run, therefore a volume
 * is left alone until its last write is older than the shortest grace period.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/keys.h"
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PIECE_OCTETS ((size_t)4 << 20) /* in one commit of the new file */
enum {
	DEAD_PERCENT = 40,
	SETTLED_S = 3600
};

int vx_collect_lock(struct vx_store *s, bool alone, int *fd)
{
	char path[PATH_MAX];
	int rc = VX_OK;

	(void)snprintf(path, sizeof(path), "%.4000s/collect.lock", s->dir);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return vx_errno_result(errno);
	while (flock(*fd, alone ? LOCK_EX | LOCK_NB : LOCK_SH) < 0)
		if (errno != EINTR) {
			rc = errno == EWOULDBLOCK ? VX_EBUSY : vx_errno_result(errno);
			(void)close(*fd);
			*fd = -1;
			break;
		}
	return rc;
}

struct collection {
	struct vx_store *store;
	vx_breathe_fn *breathe;
	struct vx_volume_record r; /* as it was when live was listed */
	uint32_t *live;            /* own: sequence numbers, ascending */
	size_t live_count, live_cap, next_live;
	uint64_t copied, damaged;
	struct vx_kv_env *to;
};

/* --- what lives -----------------------------------------------------------------------
 */

static int add_live(struct collection *c, uint32_t seq)
{
	if (c->live_count == c->live_cap) {
		const size_t cap = c->live_cap == 0 ? 1024 : c->live_cap * 2;
		uint32_t *grown = vx_realloc(c->live, cap * sizeof(*grown));

		if (grown == NULL)
			return VX_ENOMEM;
		c->live = grown;
		c->live_cap = cap;
	}
	c->live[c->live_count++] = seq;
	return VX_OK;
}

static int walk_descriptors(struct collection *c, struct vx_kv_cursor *cur)
{
	struct vx_key k;
	vx_slice key, value;
	int rc;

	vx_key_blob(&k, (uint64_t)c->r.number << 32);
	for (rc = vx_kv_seek(cur, vx_key_slice(&k), &key, &value);
	     rc == VX_OK && key.len == 8 && vx_get_be32(key.ptr) == c->r.number;
	     rc = vx_kv_next(cur, &key, &value)) {
		rc = add_live(c, vx_get_be32(key.ptr + 4));
		if (rc != VX_OK)
			return rc;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

/* The record and the live messages at one moment. */
static int list_live(struct collection *c)
{
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *cur;
	int rc = vx_kv_begin(c->store->state, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_volume_record_read(txn, c->r.number, &c->r);
	if (rc == VX_OK)
		rc = vx_kv_cursor_open(txn, VX_TREE_DESC, &cur);
	if (rc == VX_OK) {
		rc = walk_descriptors(c, cur);
		vx_kv_cursor_close(cur);
	}
	vx_kv_abort(txn);
	return rc;
}

/* --- copying --------------------------------------------------------------------------
 */

/* Copy from key *at on until a piece is full; *done at the end of the volume. */
static int copy_some(struct collection *c, struct vx_kv_cursor *from,
    struct vx_kv_txn *to, struct vx_key *at, bool *done)
{
	size_t piece = 0;
	vx_slice key, value;
	int rc;

	for (rc = vx_kv_seek(from, vx_key_slice(at), &key, &value); rc == VX_OK;
	     rc = vx_kv_next(from, &key, &value)) {
		uint32_t seq;

		if (key.len != 12)
			return VX_ECORRUPT;
		at->len = 0;
		vx_key_add(at, key);
		if (piece >= PIECE_OCTETS)
			return VX_OK;
		seq = vx_get_be32(key.ptr + 4);
		while (c->next_live < c->live_count && c->live[c->next_live] < seq)
			c->next_live++;
		if (c->next_live == c->live_count || c->live[c->next_live] != seq)
			continue;
		/* A damaged body is kept as it is: it may be all there is. */
		c->damaged += value.len < VX_PART_HEADER || !vx_part_intact(value);
		rc = vx_kv_append(to, VX_TREE_BODY, key, value);
		if (rc != VX_OK)
			return rc;
		piece += value.len;
		c->copied += value.len > VX_PART_HEADER ? value.len - VX_PART_HEADER : 0;
	}
	*done = rc == VX_ENOENT;
	return rc == VX_ENOENT ? VX_OK : rc;
}

static int copy_piece(
    struct collection *c, struct vx_kv_cursor *from, struct vx_key *at, bool *done)
{
	struct vx_kv_txn *to;
	int rc = vx_kv_begin(c->to, true, &to);

	if (rc != VX_OK)
		return rc;
	rc = copy_some(c, from, to, at, done);
	if (rc == VX_OK)
		return vx_kv_commit(to);
	vx_kv_abort(to);
	return rc;
}

static int copy_live(struct collection *c, struct vx_volume *v)
{
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *from;
	struct vx_key at;
	bool done = false;
	int rc = vx_kv_begin(v->env, false, &txn);

	if (rc != VX_OK)
		return rc;
	vx_key_blob(&at, 0);
	rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &from);
	if (rc == VX_OK) {
		while (rc == VX_OK && !done) {
			rc = copy_piece(c, from, &at, &done);
			if (rc == VX_OK && !c->breathe(c->store))
				rc = VX_ECLOSED;
		}
		vx_kv_cursor_close(from);
	}
	vx_kv_abort(txn);
	return rc;
}

/* The new file beside the old one, whole and durable. */
static int write_new(struct collection *c, const char *path)
{
	char lock[PATH_MAX];
	struct vx_volume *v;
	int rc;

	(void)snprintf(lock, sizeof(lock), "%.4080s-lock", path);
	(void)unlink(path); /* of a collection that died */
	(void)unlink(lock);
	rc = vx_kv_open(path, VX_KV_VOLUME | VX_KV_NO_METASYNC,
	    c->r.stored + c->r.stored / 2 + ((uint64_t)64 << 20), &c->to, NULL);
	if (rc != VX_OK)
		return rc;
	rc = vx_volume_take(c->store, c->r.number, &v);
	if (rc == VX_OK) {
		rc = copy_live(c, v);
		vx_volume_give(c->store, v);
	}
	if (rc == VX_OK)
		rc = vx_kv_sync(c->to);
	vx_kv_close(c->to);
	(void)unlink(lock);
	if (rc == VX_OK && chmod(path, VX_VOLUME_SEALED_MODE) < 0)
		rc = vx_errno_result(errno);
	if (rc != VX_OK)
		(void)unlink(path);
	return rc;
}

/* --- the record ------------------------------------------------------------------------
 */

struct collected_op {
	struct vx_store_op op;
	const struct collection *c;
	bool gone; /* out: nothing lived, the record was deleted */
};

static int apply_collected(struct vx_store_op *base, struct vx_kv_txn *txn)
{
	struct collected_op *op = (struct collected_op *)base;
	const struct collection *c = op->c;
	struct vx_volume_record r;
	int rc = vx_volume_record_read(txn, c->r.number, &r);

	if (rc != VX_OK)
		return rc;
	op->gone = c->live_count == 0;
	if (op->gone) {
		char key[4];

		vx_put_be32(key, r.number);
		return vx_kv_delete(txn, VX_TREE_VOLUME, vx_slice_of(key, 4));
	}
	r.stored = c->copied;
	r.dead -= c->r.dead < r.dead ? c->r.dead : r.dead; /* reaped since: still there */
	return vx_volume_record_write(txn, &r);
}

static int note_collected(struct collection *c)
{
	struct collected_op op = { .op = { .apply = apply_collected, .frees = true },
		.c = c };

	return vx_store_run(c->store, &op.op);
}

/* --- one volume, all volumes
 * -------------------------------------------------------------
 */

static bool has_room(const struct vx_store *s, uint64_t octets)
{
	struct statvfs st;

	return statvfs(s->dir, &st) == 0 &&
	       (uint64_t)st.f_bavail * st.f_frsize >
		   octets + octets / 4 + 2 * s->o.ballast_octets;
}

static int replace(struct collection *c, const char *path)
{
	char new[PATH_MAX];
	int rc;

	(void)snprintf(new, sizeof(new), "%.*s.new", (int)(strlen(path) - 4), path);
	rc = write_new(c, new);
	if (rc == VX_OK && rename(new, path) < 0) {
		rc = vx_errno_result(errno);
		(void)unlink(new);
	}
	if (rc == VX_OK)
		rc = vx_fs_sync_dir(c->store->dir, NULL);
	return rc == VX_OK ? note_collected(c) : rc;
}

/* Nothing in it lives: the record goes first, so that no record is without its file. */
static int drop(struct collection *c, const char *path)
{
	const int rc = note_collected(c);

	if (rc == VX_OK)
		(void)unlink(path);
	return rc;
}

static void report(const struct collection *c, int rc)
{
	const struct vx_log *log = c->store->o.log;

	if (c->damaged > 0)
		vx_log(log, VX_LOG_ERROR, "damaged bodies were found and kept",
		    VX_KV_U("volume", c->r.number), VX_KV_U("parts", c->damaged));
	if (rc == VX_OK)
		vx_log(log, VX_LOG_INFO, "volume collected",
		    VX_KV_U("volume", c->r.number), VX_KV_U("octets_before", c->r.stored),
		    VX_KV_U("octets_after", c->copied));
	else if (rc != VX_ECLOSED)
		vx_log(log, VX_LOG_WARN, "volume not collected",
		    VX_KV_U("volume", c->r.number), VX_KV_Z("why", vx_strerror(rc)));
}

/* Is it worth it, and is everything that will ever refer to it there? */
static bool is_due(const struct vx_store *s, const struct vx_volume_record *r)
{
	char path[PATH_MAX];
	struct stat st;

	if (!r->sealed || r->live >= r->stored ||
	    (r->stored - r->live) / DEAD_PERCENT < r->stored / 100)
		return false;
	vx_volume_path(s, r->number, path);
	if (stat(path, &st) < 0 || st.st_mtime + SETTLED_S > vx_clock_s())
		return false;
	if ((st.st_mode & S_IWUSR) != 0) { /* its writer died before it could do that */
		(void)chmod(path, VX_VOLUME_SEALED_MODE);
		return false;
	}
	return has_room(s, r->live);
}

static int collect(
    struct vx_store *s, const struct vx_volume_record *r, vx_breathe_fn *breathe)
{
	struct collection c = { .store = s, .breathe = breathe, .r = *r };
	char path[PATH_MAX], lock[PATH_MAX];
	int rc = list_live(&c);

	if (rc == VX_ENOENT || (rc == VX_OK && !is_due(s, &c.r))) {
		vx_free(c.live); /* another process was faster */
		return VX_OK;
	}
	vx_volume_path(s, r->number, path);
	if (rc == VX_OK)
		rc = c.live_count == 0 ? drop(&c, path) : replace(&c, path);
	if (rc == VX_OK) {
		/* Nobody opens a sealed volume with its lock any more. */
		(void)snprintf(lock, sizeof(lock), "%.4080s-lock", path);
		(void)unlink(lock);
		vx_volumes_retire(s);
	}
	report(&c, rc);
	vx_free(c.live);
	return rc;
}

int vx_volumes_collect(struct vx_store *s, vx_breathe_fn *breathe)
{
	struct vx_volume_record *list;
	size_t count;
	int fd, rc = vx_volume_list(s, &list, &count);

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		if (!is_due(s, &list[i]))
			continue;
		rc = vx_collect_lock(s, true, &fd);
		if (rc != VX_OK)
			break; /* a backup is being made, or another process collects */
		rc = collect(s, &list[i], breathe);
		(void)close(fd);
	}
	vx_free(list);
	return rc;
}
