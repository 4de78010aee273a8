#include "store/kv.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
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
	"dir", "queue", "event", "report" };

/* How often this process and those before it forked: asked for with each transaction. */
static unsigned forks;
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;

static void note_fork(void)
{
	forks++;
}

static void watch_forks(void)
{
	(void)pthread_atfork(NULL, NULL, note_fork);
}

struct vx_kv_env {
	MDB_env *mdb; /* own */
	MDB_dbi dbi[VX_TREES];
	unsigned missing; /* bits: trees that a state made before them has not got */
	unsigned mode;
	unsigned forks; /* of the process when it was opened */
	char *path;     /* own */
	dev_t dev;
	ino_t ino;
	struct vx_kv_env *next_open; /* of the process */

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t idle;
	unsigned active; /* transactions under way in this process */
	bool remap_wanted, remapping;
	_Atomic bool grow; /* a write met MDB_MAP_FULL */
	_Atomic bool
	    failed; /* a meta page could not be written: LMDB wants a reopening */
	uint64_t map_octets;
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
	MDB_cursor *mdb; /* NULL: of a tree that is missing */
	struct vx_kv_txn *txn;
};

/* The environments of this process: LMDB must not open a file twice (fcntl locks). */
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vx_kv_env *open_envs;

/* Transactions that this thread has begun: who has one is not made to wait for it. */
static _Thread_local unsigned held;

const char *vx_kv_tree_name(enum vx_tree tree)
{
	return tree_names[tree];
}

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
	case EFBIG:
		return VX_ENOSPC;
	default:
		return rc > 0 ? vx_errno_result(rc) : VX_EIO;
	}
}

static int open_failed(
    const struct vx_kv_env *env, const char *path, int rc, struct vx_error *err)
{
	const int result = result_of(env, rc);

	if (rc == MDB_NOTFOUND || rc == MDB_INVALID || rc == MDB_BAD_DBI ||
	    rc == MDB_INCOMPATIBLE)
		return vx_error_set(err, VX_ECORRUPT,
		    "%s is no file of a Vectis store, or it is damaged", path);
	if (rc == MDB_VERSION_MISMATCH)
		return vx_error_set(
		    err, result, "%s was written by another version of LMDB", path);
	return vx_error_set(err, result, "cannot open the store file %s: %s", path,
	    rc > 0 ? vx_errno_text(rc) : mdb_strerror(rc));
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
		if (e->forks == env->forks && e->dev == st.st_dev && e->ino == st.st_ino)
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

/* Who only reads an older state finds nothing in what was not yet thought of. */
static int open_tree(struct vx_kv_env *env, MDB_txn *txn, int tree, unsigned create)
{
	const int rc = mdb_dbi_open(txn, tree_names[tree], create, &env->dbi[tree]);

	if (rc != MDB_NOTFOUND || tree < VX_TREE_REPORT)
		return rc;
	env->missing |= 1u << tree;
	return MDB_SUCCESS;
}

static int open_trees(struct vx_kv_env *env)
{
	const bool read_only = (env->mode & VX_KV_READ_ONLY) != 0;
	const unsigned create = read_only ? 0 : MDB_CREATE;
	MDB_txn *txn;
	int rc = mdb_txn_begin(env->mdb, NULL, read_only ? MDB_RDONLY : 0, &txn);

	if (rc != MDB_SUCCESS)
		return rc;
	if ((env->mode & (VX_KV_VOLUME | VX_KV_ONE_TREE)) != 0)
		rc = mdb_dbi_open(txn, NULL, 0, &env->dbi[VX_TREE_BODY]);
	else
		for (int i = 0; i < VX_TREES && rc == MDB_SUCCESS; i++)
			rc = open_tree(env, txn, i, create);
	if (rc == MDB_SUCCESS)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static int open_mdb(struct vx_kv_env *env)
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
		rc = mdb_env_set_mapsize(env->mdb, (size_t)env->map_octets);
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
	(void)pthread_once(&forks_once, watch_forks);
	env->forks = forks;
	(void)pthread_mutex_init(&env->lock, NULL);
	(void)pthread_cond_init(&env->idle, NULL);
	if (!register_open(env)) {
		free_env(env);
		return vx_error_set(
		    err, VX_EBUSY, "%s is open in this process already", path);
	}
	env->map_octets = map_octets;
	rc = open_mdb(env);
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

/*
 * Keep transactions out until remap_end; those under way come to their end.  false:
 * another thread did it meanwhile.
 */
static bool remap_begin(struct vx_kv_env *env)
{
	bool mine;

	(void)pthread_mutex_lock(&env->lock);
	mine = !env->remap_wanted;
	if (mine) {
		env->remap_wanted = true;
		while (env->active > 0)
			(void)pthread_cond_wait(&env->idle, &env->lock);
		env->remapping = true;
	} else {
		while (env->remap_wanted)
			(void)pthread_cond_wait(&env->idle, &env->lock);
	}
	(void)pthread_mutex_unlock(&env->lock);
	return mine;
}

static void remap_end(struct vx_kv_env *env)
{
	(void)pthread_mutex_lock(&env->lock);
	env->remap_wanted = env->remapping = false;
	(void)pthread_cond_broadcast(&env->idle);
	(void)pthread_mutex_unlock(&env->lock);
}

/* Change the size of the map; 0: what others made it. */
static void resize(struct vx_kv_env *env, uint64_t octets)
{
	MDB_envinfo info = { .me_mapsize = env->map_octets };

	if (!remap_begin(env))
		return;
	(void)mdb_env_set_mapsize(env->mdb, (size_t)octets);
	(void)mdb_env_info(env->mdb, &info);
	env->map_octets = info.me_mapsize;
	env->grow = false;
	remap_end(env);
}

/*
 * After a meta page could not be written LMDB refuses everything in this process (and
 * has put the old page back): begin anew with the file as it is.
 */
static int reopen(struct vx_kv_env *env)
{
	int rc = MDB_SUCCESS;

	if (!remap_begin(env))
		return MDB_SUCCESS;
	if (env->failed) {
		while (env->pooled > 0)
			mdb_txn_abort(env->pool[--env->pooled]);
		if (env->mdb != NULL)
			mdb_env_close(env->mdb);
		env->mdb = NULL;
		rc = open_mdb(env);
		env->failed = rc != MDB_SUCCESS;
	}
	remap_end(env);
	return rc;
}

/*
 * A thread that has a transaction already may begin another although a remapping is
 * wanted: it waits for this very thread.
 */
static void enter(struct vx_kv_env *env)
{
	assert(env->forks == forks); /* an environment does not survive fork */
	(void)pthread_mutex_lock(&env->lock);
	while (env->remapping || (env->remap_wanted && held == 0))
		(void)pthread_cond_wait(&env->idle, &env->lock);
	env->active++;
	(void)pthread_mutex_unlock(&env->lock);
	held++;
}

static void leave(struct vx_kv_env *env)
{
	held -= held > 0; /* a view may end on another thread than it began on */
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

	/* Bodies are read in place: the map of a volume stays where it is. */
	if ((env->mode & VX_KV_VOLUME) != 0 || env->failed ||
	    mdb_env_info(env->mdb, &info) != MDB_SUCCESS ||
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
		if (env->failed && (env->mode & VX_KV_VOLUME) == 0 &&
		    (rc = reopen(env)) != MDB_SUCCESS)
			break;
		enter(env);
		rc = env->failed ? MDB_PANIC : begin_mdb(env, write, &txn->mdb);
		if (rc == MDB_SUCCESS) {
			txn->env = env;
			txn->write = write;
			*out = txn;
			return VX_OK;
		}
		leave(env);
		if (rc == MDB_PANIC && (env->mode & VX_KV_VOLUME) == 0)
			env->failed = true;
		else if (rc == MDB_MAP_RESIZED && (env->mode & VX_KV_VOLUME) == 0)
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

/* Does LMDB refuse to go on?  It keeps that to itself, but a transaction tells. */
static bool is_panicking(struct vx_kv_env *env)
{
	MDB_txn *probe = NULL;
	const int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &probe);

	if (rc == MDB_SUCCESS)
		mdb_txn_abort(probe);
	return rc == MDB_PANIC;
}

int vx_kv_commit(struct vx_kv_txn *txn)
{
	struct vx_kv_env *env = txn->env;
	int rc;

	assert(txn->write && txn->broken == VX_OK);
	rc = mdb_txn_commit(txn->mdb);
	if (rc == MDB_MAP_FULL)
		env->grow = true;
	if (rc != MDB_SUCCESS && is_panicking(env))
		env->failed = true;
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

static bool is_missing(const struct vx_kv_env *env, enum vx_tree tree)
{
	return (env->missing >> tree & 1) != 0;
}

int vx_kv_get(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key, vx_slice *value)
{
	MDB_val k = val_of(key), v;
	const int rc = is_missing(txn->env, tree)
			   ? MDB_NOTFOUND
			   : mdb_get(txn->mdb, txn->env->dbi[tree], &k, &v);

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
	rc = is_missing(txn->env, tree)
		 ? MDB_SUCCESS
		 : mdb_cursor_open(txn->mdb, txn->env->dbi[tree], &c->mdb);
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
	if (c->mdb != NULL)
		mdb_cursor_close(c->mdb);
	vx_free(c);
}

static int move(
    struct vx_kv_cursor *c, MDB_val k, MDB_cursor_op op, vx_slice *key, vx_slice *value)
{
	MDB_val v;
	const int rc = c->mdb == NULL ? MDB_NOTFOUND : mdb_cursor_get(c->mdb, &k, &v, op);

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
	int rc;

	enter(env);
	rc = env->failed ? MDB_PANIC : mdb_env_sync(env->mdb, 1);
	leave(env);
	return result_of(env, rc);
}

int vx_kv_check_readers(struct vx_kv_env *env)
{
	int dead = 0, rc;

	enter(env);
	rc = env->failed ? MDB_PANIC : mdb_reader_check(env->mdb, &dead);
	leave(env);
	return rc == MDB_SUCCESS ? dead : 0;
}

bool vx_kv_is_current(const struct vx_kv_env *env)
{
	struct stat st;

	return stat(env->path, &st) == 0 && st.st_dev == env->dev &&
	       st.st_ino == env->ino;
}

static int copy_to(struct vx_kv_env *env, int fd)
{
	int rc;

	enter(env);
	rc = env->failed ? MDB_PANIC : mdb_env_copyfd2(env->mdb, fd, 0);
	leave(env);
	if (rc == MDB_SUCCESS && fsync(fd) < 0) /* LMDB leaves that to the kernel */
		rc = errno;
	return rc;
}

int vx_kv_copy(struct vx_kv_env *env, const char *to, struct vx_error *err)
{
	/* made by LMDB it would be for whom the umask lets read it */
	const int fd =
	    open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	const int rc = fd < 0 ? errno : copy_to(env, fd);

	if (fd >= 0)
		(void)close(fd);
	if (rc == MDB_SUCCESS)
		return VX_OK;
	if (fd >= 0)
		(void)unlink(to);
	return vx_error_set(err, result_of(env, rc), "cannot copy %s to %s: %s",
	    env->path, to, rc > 0 ? vx_errno_text(rc) : mdb_strerror(rc));
}

struct readers {
	uint64_t oldest; /* transaction */
	unsigned pid;    /* who has it */
	unsigned count;
};

/* A line of mdb_reader_list: pid, thread, transaction (or '-'). */
static int see_reader(const char *line, void *ctx)
{
	struct readers *o = ctx;
	vx_slice rest = vx_slice_trim(vx_slice_str(line), " \n"), pid, txn;
	uint64_t number, process;

	if (!vx_slice_cut(&rest, ' ', &pid))
		return 0;
	txn = vx_slice_from(rest, vx_slice_rfind(rest, ' ') + 1);
	if (vx_slice_number(pid, UINT32_MAX, &process) != VX_OK ||
	    vx_slice_number(txn, UINT64_MAX, &number) != VX_OK)
		return 0;
	o->count++;
	if (number < o->oldest) {
		o->oldest = number;
		o->pid = (unsigned)process;
	}
	return 0;
}

static int stat_now(struct vx_kv_env *env, struct vx_kv_stat *out)
{
	struct readers r = { .oldest = UINT64_MAX };
	MDB_envinfo info;
	MDB_stat st;
	int rc = env->failed ? MDB_PANIC : mdb_env_info(env->mdb, &info);

	if (rc == MDB_SUCCESS)
		rc = mdb_env_stat(env->mdb, &st);
	if (rc != MDB_SUCCESS)
		return rc;
	(void)mdb_reader_list(env->mdb, see_reader, &r);
	*out = (struct vx_kv_stat){
		.map_octets = info.me_mapsize,
		.used_octets = ((uint64_t)info.me_last_pgno + 1) * st.ms_psize,
		.last_txn = info.me_last_txnid,
		.readers = r.count,
		.oldest_reader = r.count > 0 ? r.oldest : 0,
		.oldest_reader_txns =
		    r.oldest < info.me_last_txnid ? info.me_last_txnid - r.oldest : 0,
		.oldest_reader_pid = r.pid,
	};
	return MDB_SUCCESS;
}

int vx_kv_stat(struct vx_kv_env *env, struct vx_kv_stat *out)
{
	int rc;

	enter(env);
	rc = stat_now(env, out);
	leave(env);
	return result_of(env, rc);
}

int vx_kv_free_octets(struct vx_kv_txn *txn, uint64_t *out)
{
	enum {
		FREE_DBI = 0 /* transaction -> count, then page numbers */
	};
	MDB_cursor *c;
	MDB_val k, v;
	MDB_stat st;
	uint64_t pages = 0;
	size_t count;
	int rc = mdb_env_stat(txn->env->mdb, &st);

	if (rc == MDB_SUCCESS)
		rc = mdb_cursor_open(txn->mdb, FREE_DBI, &c);
	if (rc != MDB_SUCCESS)
		return finish(txn, rc);
	while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == MDB_SUCCESS) {
		if (v.mv_size < sizeof(count))
			continue;
		memcpy(&count, v.mv_data, sizeof(count));
		pages += count;
	}
	mdb_cursor_close(c);
	if (rc == MDB_NOTFOUND)
		*out = pages * st.ms_psize;
	return rc == MDB_NOTFOUND ? VX_OK : finish(txn, rc);
}

/* --- values in place ------------------------------------------------------------------
 */

/*
 * Keys lie in leaf pages, whose header begins with the page's number: so the place of
 * a page in memory tells where the map begins, which LMDB does not say.
 */
static uint64_t offset_in_file(
    const struct vx_kv_env *env, const void *key, const char *value)
{
	MDB_envinfo info;
	MDB_stat st;
	const char *page;
	size_t number;

	if (mdb_env_info(env->mdb, &info) != MDB_SUCCESS ||
	    mdb_env_stat(env->mdb, &st) != MDB_SUCCESS)
		return UINT64_MAX;
	page = (const char *)key - (uintptr_t)key % st.ms_psize;
	memcpy(&number, page, sizeof(number));
	if (number > info.me_last_pgno)
		return UINT64_MAX;
	return (uint64_t)(value - (page - number * st.ms_psize));
}

int vx_kv_get_in_place(struct vx_kv_txn *txn, enum vx_tree tree, vx_slice key,
    vx_slice *value, uint64_t *offset)
{
	MDB_val k = val_of(key), v;
	MDB_cursor *c;
	MDB_stat st;
	int rc = mdb_cursor_open(txn->mdb, txn->env->dbi[tree], &c);

	if (rc != MDB_SUCCESS)
		return finish(txn, rc);
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_KEY);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_stat(txn->env->mdb, &st);
	if (rc == MDB_SUCCESS) {
		*value = vx_slice_of(v.mv_data, v.mv_size);
		/* Half a page and more has pages of its own. */
		*offset = v.mv_size <= st.ms_psize / 2
			      ? VX_KV_NOT_IN_PLACE
			      : offset_in_file(txn->env, k.mv_data, v.mv_data);
	}
	mdb_cursor_close(c);
	return finish(txn, rc);
}

void vx_kv_warm(struct vx_kv_env *env, vx_slice value, uint64_t offset)
{
	enum {
		STEP = 256 * 1024
	};
	char *scratch = vx_alloc(STEP);
	volatile char sink = 0;
	mdb_filehandle_t fd;

	if (scratch != NULL && offset <= INT64_MAX &&
	    mdb_env_get_fd(env->mdb, &fd) == MDB_SUCCESS)
		for (size_t at = 0; at < value.len; at += STEP)
			if (pread(fd, scratch,
				vx_slice_from(value, at).len < STEP
				    ? vx_slice_from(value, at).len
				    : STEP,
				(off_t)(offset + at)) <= 0)
				break;
	vx_free(scratch);
	for (size_t i = 0; i < value.len; i += 4096) /* into this process's page table */
		sink = (char)(sink + value.ptr[i]);
}
