/*
 * search.mdb: who makes it, who may have it open, and when it is given up.
 *
 * One process, which holds search.lock, makes and writes the file; all others read it and
 * never make it.  Whoever opens it shares search.open, which the maker holds alone while
 * it puts a new file and a new lock file there: nobody may join the old one of one and
 * the new one of the other.  A file that was replaced or unlinked stays right for those
 * who have it open, because bodies never change.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/search_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_FIRST ((uint64_t)64 << 20)
enum {
	META_OCTETS = VX_VALUE_HEADER + 24,
	TRY_EVERY_S = 1,
	TRIES = 8,
};

static void path_of(const struct vx_store *s, const char *name, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.4000s/%s", s->dir, name);
}

static int lock_file(const struct vx_store *s, const char *name, int how, int *fd)
{
	char path[PATH_MAX];
	int rc = VX_OK;

	path_of(s, name, path);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return vx_errno_result(errno);
	while (flock(*fd, how) < 0)
		if (errno != EINTR) {
			rc = errno == EWOULDBLOCK ? VX_EBUSY : vx_errno_result(errno);
			(void)close(*fd);
			*fd = -1;
			break;
		}
	return rc;
}

int vx_search_lock(const struct vx_store *s, int *fd)
{
	return lock_file(s, "search.lock", LOCK_EX | LOCK_NB, fd);
}

int vx_search_unlink(const struct vx_store *s)
{
	char path[PATH_MAX];

	path_of(s, "search.mdb", path);
	return unlink(path) == 0 || errno == ENOENT ? VX_OK : vx_errno_result(errno);
}

/* --- whose index it is ---------------------------------------------------------------
 */

/*
 * Made of the installation's secret and the program's version: an index of another store
 * is none, and another version may decode mail in another way.
 */
static uint64_t store_id(const struct vx_store *s)
{
	const struct vx_siphash_key key = { vx_get_le64(s->secret),
		vx_get_le64(s->secret + 8) };

	return vx_siphash(&key, VX_S("search.mdb " VX_VERSION));
}

static uint64_t state_txn(const struct vx_store *s)
{
	struct vx_kv_stat st;

	return vx_kv_stat(s->state, &st) == VX_OK ? st.last_txn : 0;
}

/* Of this format, of this store, and of no later state than the store has. */
static int check_meta(const struct vx_store *s, struct vx_kv_env *kv)
{
	struct vx_kv_txn *txn;
	struct vx_key k;
	vx_slice v;
	int rc = vx_kv_begin(kv, false, &txn);

	if (rc != VX_OK)
		return rc;
	vx_search_key(&k, 0, VX_SEARCH_META);
	rc = vx_kv_get(txn, VX_TREE_BODY, vx_key_slice(&k), &v);
	if (rc == VX_OK)
		rc = vx_search_check(vx_key_slice(&k), v, VX_SEARCH_META, META_OCTETS);
	if (rc == VX_OK && (vx_get_le64(v.ptr + VX_VALUE_HEADER) != VX_SEARCH_FORMAT ||
			       vx_get_le64(v.ptr + VX_VALUE_HEADER + 8) != store_id(s) ||
			       vx_get_le64(v.ptr + VX_VALUE_HEADER + 16) > state_txn(s)))
		rc = VX_ECORRUPT;
	vx_kv_abort(txn);
	return rc;
}

static int put_meta(const struct vx_store *s, struct vx_kv_txn *txn, uint64_t at)
{
	char value[META_OCTETS] = { 0 };
	struct vx_key k;

	vx_put_le64(value + VX_VALUE_HEADER, VX_SEARCH_FORMAT);
	vx_put_le64(value + VX_VALUE_HEADER + 8, store_id(s));
	vx_put_le64(value + VX_VALUE_HEADER + 16, at);
	vx_search_key(&k, 0, VX_SEARCH_META);
	vx_search_seal(vx_key_slice(&k), value, sizeof(value));
	return vx_kv_put(
	    txn, VX_TREE_BODY, vx_key_slice(&k), vx_slice_of(value, sizeof(value)));
}

int vx_search_write(
    struct vx_search_env *env, int (*fn)(void *ctx, struct vx_kv_txn *txn), void *ctx)
{
	int rc = VX_ETEMP;

	for (int tries = 0; tries < TRIES && rc == VX_ETEMP; tries++) {
		const uint64_t at = state_txn(env->store);
		struct vx_kv_txn *txn;

		rc = vx_kv_begin(env->kv, true, &txn);
		if (rc != VX_OK)
			return rc;
		rc = fn == NULL ? VX_OK : fn(ctx, txn);
		if (rc == VX_OK)
			rc = put_meta(env->store, txn, at);
		if (rc == VX_OK && vx_kv_broken(txn) == VX_OK) {
			rc = vx_kv_commit(txn);
			continue;
		}
		if (vx_kv_broken(txn) != VX_OK)
			rc = vx_kv_broken(txn);
		vx_kv_abort(txn);
	}
	return rc;
}

/* --- opening --------------------------------------------------------------------------
 */

static int open_kv(const struct vx_store *s, bool write, struct vx_kv_env **out)
{
	char path[PATH_MAX];

	path_of(s, "search.mdb", path);
	if (access(path, F_OK) != 0)
		return VX_ENOENT;
	return vx_kv_open(path,
	    VX_KV_ONE_TREE | VX_KV_NO_METASYNC | (write ? 0 : VX_KV_READ_ONLY), MAP_FIRST,
	    out, NULL);
}

int vx_search_peek(struct vx_store *s, struct vx_kv_env **out)
{
	struct vx_kv_env *kv;
	int fd, rc = lock_file(s, "search.open", LOCK_SH, &fd);

	if (rc != VX_OK)
		return rc;
	rc = open_kv(s, false, &kv);
	(void)close(fd);
	if (rc != VX_OK)
		return rc;
	rc = check_meta(s, kv);
	if (rc == VX_OK)
		*out = kv;
	else
		vx_kv_close(kv);
	return rc == VX_ENOENT ? VX_ECORRUPT : rc;
}

/* Take kv as the one in use; the lock is held. */
static int adopt(struct vx_search *s, struct vx_kv_env *kv, bool writable)
{
	struct vx_search_env *e = vx_alloc(sizeof(*e));

	if (e == NULL) {
		vx_kv_close(kv);
		return VX_ENOMEM;
	}
	*e = (struct vx_search_env){ .kv = kv,
		.store = s->store,
		.refs = 1,
		.generation = ++s->generation,
		.writable = writable };
	s->env = e;
	s->open_envs++;
	return VX_OK;
}

/* One reference fewer; the lock is held. */
static void drop(struct vx_search *s, struct vx_search_env *e)
{
	if (e == NULL || --e->refs > 0)
		return;
	vx_kv_close(e->kv);
	vx_free(e);
	s->open_envs--;
	(void)pthread_cond_broadcast(&s->wake);
}

static void give_up(struct vx_search *s)
{
	struct vx_search_env *e = s->env;

	s->env = NULL;
	drop(s, e);
}

void vx_search_drop(struct vx_search *s)
{
	(void)pthread_mutex_lock(&s->lock);
	give_up(s);
	(void)pthread_mutex_unlock(&s->lock);
}

static void open_for_reading(struct vx_search *s)
{
	struct vx_kv_env *kv;
	const int64_t now = vx_clock_s();

	if (now < s->next_try_s || s->stopping || s->open_envs > 0)
		return; /* an env given up is still in use: never two of one file */
	s->next_try_s = now + TRY_EVERY_S;
	if (vx_search_peek(s->store, &kv) == VX_OK)
		(void)adopt(s, kv, false);
}

struct vx_search_env *vx_search_take(struct vx_search *s)
{
	struct vx_search_env *e;

	if (s == NULL)
		return NULL;
	(void)pthread_mutex_lock(&s->lock);
	if (s->env != NULL && !vx_kv_is_current(s->env->kv))
		give_up(s);
	if (s->env == NULL)
		open_for_reading(s);
	e = s->env;
	if (e != NULL) {
		e->refs++;
		vx_search_guard_inside(s, 1);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return e;
}

void vx_search_give(struct vx_search *s, struct vx_search_env *e)
{
	if (e == NULL)
		return;
	(void)pthread_mutex_lock(&s->lock);
	vx_search_guard_inside(s, -1);
	drop(s, e);
	(void)pthread_mutex_unlock(&s->lock);
}

void vx_search_damaged(struct vx_search *s, struct vx_search_env *e, const char *what)
{
	vx_log(s->store->o.log, VX_LOG_ERROR,
	    "the search index is damaged and will be made anew",
	    VX_KV_Z("dir", s->store->dir), VX_KV_Z("what", what));
	(void)pthread_mutex_lock(&s->lock);
	if (vx_kv_is_current(e->kv))
		(void)vx_search_unlink(s->store);
	if (s->env == e)
		give_up(s);
	(void)pthread_mutex_unlock(&s->lock);
}

/* --- making ---------------------------------------------------------------------------
 */

static int make(struct vx_search *s, struct vx_kv_env **out)
{
	struct vx_search_env e = { .store = s->store };
	char path[PATH_MAX];
	int rc;

	(void)vx_search_unlink(s->store);
	path_of(s->store, "search.mdb-lock", path);
	(void)unlink(path);
	path_of(s->store, "search.mdb", path);
	rc = vx_kv_open(path, VX_KV_ONE_TREE | VX_KV_NO_METASYNC, MAP_FIRST, &e.kv, NULL);
	if (rc == VX_OK)
		rc = vx_search_write(&e, NULL, NULL);
	if (rc == VX_OK)
		*out = e.kv;
	else
		vx_kv_close(e.kv);
	return rc;
}

/* The file that is there, when it is good; else a new one. */
static int open_or_make(struct vx_search *s, struct vx_kv_env **out)
{
	struct vx_kv_env *kv;
	int fd, rc = lock_file(s->store, "search.open", LOCK_EX, &fd);

	if (rc != VX_OK)
		return rc;
	rc = open_kv(s->store, true, &kv);
	if (rc == VX_OK) {
		rc = check_meta(s->store, kv);
		if (rc != VX_OK)
			vx_kv_close(kv);
	}
	if (rc == VX_OK)
		*out = kv;
	else if (rc != VX_ENOSPC && rc != VX_ENOMEM && rc != VX_EBUSY)
		rc = make(s, out);
	(void)close(fd);
	return rc;
}

/* Wait until no env of this process is open; false: the store closes.  Locked. */
static bool wait_closed(struct vx_search *s)
{
	while (s->open_envs > 0 && !s->stopping)
		(void)pthread_cond_wait(&s->wake, &s->lock);
	return !s->stopping;
}

int vx_search_take_writable(struct vx_search *s, struct vx_search_env **out)
{
	struct vx_kv_env *kv;
	int rc = VX_OK;

	(void)pthread_mutex_lock(&s->lock);
	if (s->env != NULL && (!s->env->writable || !vx_kv_is_current(s->env->kv)))
		give_up(s);
	if (s->env == NULL) {
		rc = wait_closed(s) ? open_or_make(s, &kv) : VX_ECLOSED;
		if (rc == VX_OK)
			rc = adopt(s, kv, true);
	}
	if (rc == VX_OK) {
		s->env->refs++;
		vx_search_guard_inside(s, 1);
		*out = s->env;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}
