#include "store/kv.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	READERS_MAX = 1024,
	POOL_MAX = 64,        /* reset read transactions kept */
	CHANGES_MAX = 4096,   /* noted per transaction; one more means "everything" */
	FULL_OCTETS = 1 << 20 /* with less free, an I/O error means a full disk */
};

static const char *const tree_names[VX_TREES] = { "meta", "s", "d", "r", "x", "vs", "g",
	"dir", "queue", "event" };

struct vx_kv_env {
	MDB_env *mdb; /* own */
	MDB_dbi dbi[VX_TREES];
	unsigned mode;
	pid_t pid;
	char *path; /* own */
	dev_t dev;
	ino_t ino;
	struct vx_kv_env *next_open; /* of the process */

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t idle;
	unsigned active; /* transactions under way in this process */
	bool resizing;
	bool grow; /* a write met MDB_MAP_FULL */
	MDB_txn *pool[POOL_MAX];
	unsigned pooled;
};

struct vx_kv_txn {
	struct vx_kv_env *env;
	MDB_txn *mdb;
	bool write;
	int broken;
	struct vx_change *changes; /* own */
	size_t change_count;
	size_t writes;
};

struct vx_kv_cursor {
	MDB_cursor *mdb;
	struct vx_kv_txn *txn;
};

/* The environments of this process: LMDB must not open a file twice (fcntl locks). */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vx_kv_env *open_envs;

static bool disk_is_full(const struct vx_kv_env *env)
{
	struct statvfs st;

	return env->path != NULL && statvfs(env->path, &st) == 0 &&
	       st.f_bavail * st.f_frsize < FULL_OCTETS;
}

static int result_of(const struct vx_kv_env *env, int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return VX_OK;
	case MDB_NOTFOUND:
		return VX_ENOENT;
	case MDB_KEYEXIST:
		return VX_EEXIST;
	case MDB_MAP_FULL:
	case MDB_MAP_RESIZED:
	case MDB_READERS_FULL:
	case MDB_TXN_FULL:
		return VX_ETEMP;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
	case MDB_BAD_TXN:
	case MDB_INVALID:
		return VX_ECORRUPT;
	case MDB_VERSION_MISMATCH:
		return VX_EUNSUP;
	case MDB_BAD_VALSIZE:
		return VX_EINVAL;
	case EIO: /* also what a short write on a full disk becomes */
		return disk_is_full(env) ? VX_ENOSPC : VX_EIO;
	default:
		return rc > 0 ? vx_errno_result(rc) : VX_EIO;
	}
}

static int open_failed(
    const struct vx_kv_env *env, const char *path, int rc, struct vx_error *err)
{
	return vx_error_set(err, result_of(env, rc), "cannot open the store file %s: %s",
	    path, rc > 0 ? vx_errno_text(rc) : mdb_strerror(rc));
}

/* Register env by its file; false when this process has that file open. */
static bool register_open(struct vx_kv_env *env)
{
	struct stat st;
	bool first = true;

	if (stat(env->path, &st) < 0)
		return true; /* not there: mdb_env_open creates it or says why not */
	(void)pthread_mutex_lock(&open_lock);
	for (struct vx_kv_env *e = open_envs; e != NULL; e = e->next_open)
		/* What a forked child inherited is the parent's, and not used here. */
		if (e->pid == env->pid && e->dev == st.st_dev && e->ino == st.st_ino)
			first = false;
	(void)pthread_mutex_unlock(&open_lock);
	return first;
}

static void remember_open(struct vx_kv_env *env)
{
	struct stat st = { 0 };

	(void)stat(env->path, &st);
	(void)pthread_mutex_lock(&open_lock);
	env->dev = st.st_dev;
	env->ino = st.st_ino;
	env->next_open = open_envs;
	open_envs = env;
	(void)pthread_mutex_unlock(&open_lock);
}

static void forget_open(const struct vx_kv_env *env)
{
	(void)pthread_mutex_lock(&open_lock);
	for (struct vx_kv_env **e = &open_envs; *e != NULL; e = &(*e)->next_open) {
		if (*e == env) {
			*e = env->next_open;
			break;
		}
	}
	(void)pthread_mutex_unlock(&open_lock);
}

static int open_trees(struct vx_kv_env *env)
{
	const bool read_only = (env->mode & VX_KV_READ_ONLY) != 0;
	const unsigned create = read_only ? 0 : MDB_CREATE;
	MDB_txn *txn;
	int rc = mdb_txn_begin(env->mdb, NULL, read_only ? MDB_RDONLY : 0, &txn);

	if (rc != MDB_SUCCESS)
		return rc;
	if ((env->mode & VX_KV_VOLUME) != 0)
		rc = mdb_dbi_open(txn, NULL, 0, &env->dbi[VX_TREE_BODY]);
	else
		for (int i = 0; i < VX_TREES && rc == MDB_SUCCESS; i++)
			rc = mdb_dbi_open(txn, tree_names[i], create, &env->dbi[i]);
	if (rc == MDB_SUCCESS)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static int open_mdb(struct vx_kv_env *env, uint64_t map_octets)
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
	int rc;

	flags |= (env->mode & VX_KV_READ_ONLY) != 0 ? MDB_RDONLY : 0;
	flags |= (env->mode & VX_KV_NO_LOCK) != 0 ? MDB_NOLOCK : 0;
	flags |= (env->mode & VX_KV_NO_METASYNC) != 0 ? MDB_NOMETASYNC : 0;
	rc = mdb_env_create(&env->mdb);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_set_maxdbs(env->mdb, VX_TREES);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_set_maxreaders(env->mdb, READERS_MAX);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_set_mapsize(env->mdb, (size_t)map_octets);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_open(env->mdb, env->path, flags, 0600);
	return rc == MDB_SUCCESS ? open_trees(env) : rc;
}

static void free_env(struct vx_kv_env *env)
{
	if (env->mdb != NULL)
		mdb_env_close(env->mdb);
	(void)pthread_mutex_destroy(&env->lock);
	(void)pthread_cond_destroy(&env->idle);
	vx_free(env->path);
	vx_free(env);
}

int vx_kv_open(const char *path, unsigned mode, uint64_t map_octets,
    struct vx_kv_env **out, struct vx_error *err)
{
	struct vx_kv_env *env = vx_alloc(sizeof(*env));
	const size_t len = strlen(path);
	int rc;

	if (env == NULL || (env->path = vx_alloc(len + 1)) == NULL) {
		vx_free(env);
		return vx_error_set(err, VX_ENOMEM, "no memory to open %s", path);
	}
	memcpy(env->path, path, len);
	env->mode = mode;
	env->pid = getpid();
	(void)pthread_mutex_init(&env->lock, NULL);
	(void)pthread_cond_init(&env->idle, NULL);
	if (!register_open(env)) {
		free_env(env);
		return vx_error_set(
		    err, VX_EBUSY, "%s is open in this process already", path);
	}
	rc = open_mdb(env, map_octets);
	if (rc != MDB_SUCCESS) {
		rc = open_failed(env, path, rc, err);
		free_env(env);
		return rc;
	}
	remember_open(env);
	*out = env;
	return VX_OK;
}

void vx_kv_close(struct vx_kv_env *env)
{
	if (env == NULL)
		return;
	(void)pthread_mutex_lock(&env->lock);
	while (env->active > 0)
		(void)pthread_cond_wait(&env->idle, &env->lock);
	while (env->pooled > 0)
		mdb_txn_abort(env->pool[--env->pooled]);
	(void)pthread_mutex_unlock(&env->lock);
	forget_open(env);
	free_env(env);
}

/* --- transactions ------------------------------------------------------------- */

/* Change the size of the map once no transaction of this process is under way. */
static void resize(struct vx_kv_env *env, uint64_t octets)
{
	(void)pthread_mutex_lock(&env->lock);
	while (env->resizing)
		(void)pthread_cond_wait(&env->idle, &env->lock);
	env->resizing = true;
	while (env->active > 0)
		(void)pthread_cond_wait(&env->idle, &env->lock);
	(void)mdb_env_set_mapsize(env->mdb, (size_t)octets); /* 0: what others made it */
	env->resizing = false;
	env->grow = false;
	(void)pthread_cond_broadcast(&env->idle);
	(void)pthread_mutex_unlock(&env->lock);
}

static void enter(struct vx_kv_env *env)
{
	assert(env->pid == getpid()); /* an environment does not survive fork */
	(void)pthread_mutex_lock(&env->lock);
	while (env->resizing)
		(void)pthread_cond_wait(&env->idle, &env->lock);
	env->active++;
	(void)pthread_mutex_unlock(&env->lock);
}

static void leave(struct vx_kv_env *env)
{
	(void)pthread_mutex_lock(&env->lock);
	if (--env->active == 0)
		(void)pthread_cond_broadcast(&env->idle);
	(void)pthread_mutex_unlock(&env->lock);
}

/* Double the map when it was full or a quarter of it is all that is left. */
static void grow_ahead(struct vx_kv_env *env)
{
	MDB_envinfo info;
	MDB_stat st;

	if (mdb_env_info(env->mdb, &info) != MDB_SUCCESS ||
	    mdb_env_stat(env->mdb, &st) != MDB_SUCCESS)
		return;
	if (env->grow ||
	    (uint64_t)info.me_last_pgno * st.ms_psize > info.me_mapsize / 4 * 3)
		resize(env, (uint64_t)info.me_mapsize * 2);
}

static MDB_txn *pool_take(struct vx_kv_env *env)
{
	MDB_txn *txn = NULL;

	(void)pthread_mutex_lock(&env->lock);
	if (env->pooled > 0)
		txn = env->pool[--env->pooled];
	(void)pthread_mutex_unlock(&env->lock);
	return txn;
}

static int begin_mdb(struct vx_kv_env *env, bool write, MDB_txn **out)
{
	MDB_txn *txn = write ? NULL : pool_take(env);
	int rc;

	if (txn == NULL)
		return mdb_txn_begin(env->mdb, NULL, write ? 0 : MDB_RDONLY, out);
	rc = mdb_txn_renew(txn);
	if (rc == MDB_SUCCESS)
		*out = txn;
	else
		mdb_txn_abort(txn);
	return rc;
}

int vx_kv_begin(struct vx_kv_env *env, bool write, struct vx_kv_txn **out)
{
	struct vx_kv_txn *txn = vx_alloc(sizeof(*txn));
	int rc = MDB_SUCCESS;

	if (txn == NULL)
		return VX_ENOMEM;
	if (write)
		grow_ahead(env);
	for (int tries = 0; tries < 8; tries++) {
		enter(env);
		rc = begin_mdb(env, write, &txn->mdb);
		if (rc == MDB_SUCCESS) {
			txn->env = env;
			txn->write = write;
			*out = txn;
			return VX_OK;
		}
		leave(env);
		if (rc == MDB_MAP_RESIZED)
			resize(env, 0);
		else if (rc == MDB_READERS_FULL)
			(void)vx_kv_check_readers(env);
		else
			break;
	}
	vx_free(txn);
	return result_of(env, rc);
}

static void end(struct vx_kv_txn *txn)
{
	leave(txn->env);
	vx_free(txn->changes);
	vx_free(txn);
}

int vx_kv_commit(struct vx_kv_txn *txn)
{
	struct vx_kv_env *env = txn->env;
	int rc;

	assert(txn->write && txn->broken == VX_OK);
	rc = mdb_txn_commit(txn->mdb);
	if (rc == MDB_MAP_FULL)
		env->grow = true;
	end(txn);
	return result_of(env, rc);
}

void vx_kv_abort(struct vx_kv_txn *txn)
{
	struct vx_kv_env *env = txn->env;

	if (txn->write) {
		mdb_txn_abort(txn->mdb);
		end(txn);
		return;
	}
	mdb_txn_reset(txn->mdb);
	(void)pthread_mutex_lock(&env->lock);
	if (env->pooled < POOL_MAX) {
		env->pool[env->pooled++] = txn->mdb;
		txn->mdb = NULL;
	}
	(void)pthread_mutex_unlock(&env->lock);
	if (txn->mdb != NULL)
		mdb_txn_abort(txn->mdb);
	end(txn);
}

size_t vx_kv_writes(const struct vx_kv_txn *txn)
{
	return txn->writes;
}

int vx_kv_broken(const struct vx_kv_txn *txn)
{
	return txn->broken;
}

/* The result of an LMDB call; what is no plain answer breaks a write transaction. */
static int finish(struct vx_kv_txn *txn, int rc)
{
	const int result = result_of(txn->env, rc);

	if (rc == MDB_SUCCESS || rc == MDB_NOTFOUND || rc == MDB_KEYEXIST)
		return result;
	if (rc == MDB_MAP_FULL)
		txn->env->grow = true;
	if (txn->write && txn->broken == VX_OK)
		txn->broken = result;
	return result;
}

static MDB_val val_of(vx_slice s)
{
	/* LMDB takes what it only reads as void *. */
	const MDB_val v = { s.len, (void *)(uintptr_t)s.ptr };

	return v;
}

int vx_kv_get(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, vx_slice *value)
{
	MDB_val k = val_of(key), v;
	const int rc = mdb_get(txn->mdb, txn->env->dbi[tree], &k, &v);

	if (rc == MDB_SUCCESS)
		*value = vx_slice_of(v.mv_data, v.mv_size);
	return finish(txn, rc);
}

static int put(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, vx_slice value,
    unsigned flags)
{
	MDB_val k = val_of(key), v = val_of(value);

	txn->writes++;
	return mdb_put(txn->mdb, txn->env->dbi[tree], &k, &v, flags);
}

int vx_kv_put(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, vx_slice value)
{
	return finish(txn, put(txn, tree, key, value, 0));
}

int vx_kv_append(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, vx_slice value)
{
	int rc = put(txn, tree, key, value, MDB_APPEND);

	if (rc == MDB_KEYEXIST) /* it does not sort last after all */
		rc = put(txn, tree, key, value, 0);
	return finish(txn, rc);
}

int vx_kv_reserve(
    struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, size_t len, char **room)
{
	MDB_val k = val_of(key), v = { len, NULL };
	const int rc = mdb_put(txn->mdb, txn->env->dbi[tree], &k, &v, MDB_RESERVE);

	txn->writes++;
	if (rc == MDB_SUCCESS)
		*room = v.mv_data;
	return finish(txn, rc);
}

int vx_kv_delete(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key)
{
	MDB_val k = val_of(key);

	txn->writes++;
	return finish(txn, mdb_del(txn->mdb, txn->env->dbi[tree], &k, NULL));
}

/* --- cursors -------------------------------------------------------------------- */

int vx_kv_cursor_open(struct vx_kv_txn *txn, enum vx_tree tree, struct vx_kv_cursor **out)
{
	struct vx_kv_cursor *c = vx_alloc(sizeof(*c));
	int rc;

	if (c == NULL)
		return VX_ENOMEM;
	c->txn = txn;
	rc = mdb_cursor_open(txn->mdb, txn->env->dbi[tree], &c->mdb);
	if (rc != MDB_SUCCESS) {
		vx_free(c);
		return finish(txn, rc);
	}
	*out = c;
	return VX_OK;
}

void vx_kv_cursor_close(struct vx_kv_cursor *c)
{
	if (c == NULL)
		return;
	mdb_cursor_close(c->mdb);
	vx_free(c);
}

static int move(
    struct vx_kv_cursor *c, MDB_val k, MDB_cursor_op op, vx_slice *key, vx_slice *value)
{
	MDB_val v;
	const int rc = mdb_cursor_get(c->mdb, &k, &v, op);

	if (rc == MDB_SUCCESS) {
		*key = vx_slice_of(k.mv_data, k.mv_size);
		*value = vx_slice_of(v.mv_data, v.mv_size);
	}
	return rc == EINVAL ? VX_ENOENT : finish(c->txn, rc);
}

int vx_kv_seek(struct vx_kv_cursor *c, vx_slice key, vx_slice *found, vx_slice *value)
{
	return move(c, val_of(key), MDB_SET_RANGE, found, value);
}

int vx_kv_first(struct vx_kv_cursor *c, vx_slice *key, vx_slice *value)
{
	return move(c, (MDB_val){ 0, NULL }, MDB_FIRST, key, value);
}

int vx_kv_last(struct vx_kv_cursor *c, vx_slice *key, vx_slice *value)
{
	return move(c, (MDB_val){ 0, NULL }, MDB_LAST, key, value);
}

int vx_kv_next(struct vx_kv_cursor *c, vx_slice *key, vx_slice *value)
{
	return move(c, (MDB_val){ 0, NULL }, MDB_NEXT, key, value);
}

int vx_kv_prev(struct vx_kv_cursor *c, vx_slice *key, vx_slice *value)
{
	return move(c, (MDB_val){ 0, NULL }, MDB_PREV, key, value);
}

int vx_kv_cursor_delete(struct vx_kv_cursor *c)
{
	c->txn->writes++;
	return finish(c->txn, mdb_cursor_del(c->mdb, 0));
}

/* --- changes, upkeep -------------------------------------------------------------- */

static struct vx_change *find_change(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox)
{
	for (size_t i = txn->change_count; i-- > 0;)
		if (txn->changes[i].account == account &&
		    txn->changes[i].mailbox == mailbox)
			return &txn->changes[i];
	return NULL;
}

void vx_kv_note_change(
    struct vx_kv_txn *txn, uint32_t account, uint32_t mailbox, uint64_t modseq)
{
	struct vx_change *c =
	    txn->change_count > 64 ? NULL : find_change(txn, account, mailbox);

	if (c != NULL) {
		c->modseq = modseq;
		return;
	}
	if (txn->changes == NULL)
		txn->changes = vx_alloc_array(CHANGES_MAX + 1, sizeof(*txn->changes));
	if (txn->changes == NULL)
		return; /* a hint is lost; watchers compare HIGHESTMODSEQ by themselves */
	if (txn->change_count < CHANGES_MAX)
		txn->changes[txn->change_count++] =
		    (struct vx_change){ account, mailbox, modseq };
	else if (txn->change_count == CHANGES_MAX)
		txn->changes[txn->change_count++] = (struct vx_change){ 0 };
}

const struct vx_change *vx_kv_changes(const struct vx_kv_txn *txn, size_t *count)
{
	*count = txn->change_count;
	return txn->changes;
}

int vx_kv_sync(struct vx_kv_env *env)
{
	return result_of(env, mdb_env_sync(env->mdb, 1));
}

int vx_kv_check_readers(struct vx_kv_env *env)
{
	int dead = 0;

	return mdb_reader_check(env->mdb, &dead) == MDB_SUCCESS ? dead : 0;
}

bool vx_kv_is_current(const struct vx_kv_env *env)
{
	struct stat st;

	return stat(env->path, &st) == 0 && st.st_dev == env->dev &&
	       st.st_ino == env->ino;
}

int vx_kv_copy(struct vx_kv_env *env, const char *to, struct vx_error *err)
{
	int rc;

	enter(env);
	rc = mdb_env_copy2(env->mdb, to, 0);
	leave(env);
	if (rc == MDB_SUCCESS)
		return VX_OK;
	return vx_error_set(err, result_of(env, rc), "cannot copy %s to %s: %s",
	    env->path, to, rc > 0 ? vx_errno_text(rc) : mdb_strerror(rc));
}

struct oldest {
	uint64_t txn;
	unsigned pid;
};

/* A line of mdb_reader_list: pid, thread, transaction (or '-'). */
static int see_reader(const char *line, void *ctx)
{
	struct oldest *o = ctx;
	vx_slice rest = vx_slice_trim(vx_slice_str(line), " \n"), pid, txn;
	uint64_t number, process;

	if (!vx_slice_cut(&rest, ' ', &pid))
		return 0;
	txn = vx_slice_from(rest, vx_slice_rfind(rest, ' ') + 1);
	if (vx_slice_number(pid, UINT32_MAX, &process) == VX_OK &&
	    vx_slice_number(txn, UINT64_MAX, &number) == VX_OK && number < o->txn) {
		o->txn = number;
		o->pid = (unsigned)process;
	}
	return 0;
}

int vx_kv_stat(struct vx_kv_env *env, struct vx_kv_stat *out)
{
	struct oldest oldest = { .txn = UINT64_MAX };
	MDB_envinfo info;
	MDB_stat st;
	int rc = mdb_env_info(env->mdb, &info);

	if (rc == MDB_SUCCESS)
		rc = mdb_env_stat(env->mdb, &st);
	if (rc != MDB_SUCCESS)
		return result_of(env, rc);
	(void)mdb_reader_list(env->mdb, see_reader, &oldest);
	*out = (struct vx_kv_stat){
		.map_octets = info.me_mapsize,
		.used_octets = ((uint64_t)info.me_last_pgno + 1) * st.ms_psize,
		.last_txn = info.me_last_txnid,
		.readers = info.me_numreaders,
		.oldest_reader_txns =
		    oldest.txn < info.me_last_txnid ? info.me_last_txnid - oldest.txn : 0,
		.oldest_reader_pid = oldest.pid,
	};
	return VX_OK;
}
