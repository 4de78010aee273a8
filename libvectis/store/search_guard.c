/*
 * Who died while it read or wrote the index.  LMDB trusts its pages: a damaged one can
 * crash whoever meets it, again and again after every restart.  So each process says in
 * a shared file when it is inside, and who starts looks for the dead: after some deaths
 * within an hour the index goes.  A killed process counts, too; then a sound index is
 * made anew, which costs time only.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "store/search_int.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum {
	SLOTS = 250,
	DEATHS_MAX = 3,
	REMEMBER_S = 3600
};

struct slot {
	_Atomic int32_t pid; /* 0: free */
	_Atomic int32_t inside;
};

struct vx_search_guard {
	_Atomic int64_t last_s; /* of the last death */
	_Atomic int32_t deaths;
	int32_t unused;
	struct slot slots[SLOTS];
};

static struct vx_search_guard *map_guard(const struct vx_store *s)
{
	char path[PATH_MAX];
	void *p;

	(void)snprintf(path, sizeof(path), "%.4000s/search.guard", s->dir);
	return vx_fs_map(path, sizeof(struct vx_search_guard), &p) == VX_OK ? p : NULL;
}

/* A death inside the index; true: it was one too many. */
static bool count_death(struct vx_search_guard *g)
{
	const int64_t now = vx_clock_s();

	if (now - atomic_load(&g->last_s) > REMEMBER_S)
		atomic_store(&g->deaths, 0);
	atomic_store(&g->last_s, now);
	return atomic_fetch_add(&g->deaths, 1) + 1 >= DEATHS_MAX;
}

static bool is_dead(int32_t pid)
{
	return pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

static void find_dead(struct vx_search *s, struct vx_search_guard *g)
{
	bool drop = false;

	for (size_t i = 0; i < SLOTS; i++) {
		int32_t pid = atomic_load(&g->slots[i].pid);

		if (!is_dead(pid) ||
		    !atomic_compare_exchange_strong(&g->slots[i].pid, &pid, -1))
			continue;
		if (atomic_exchange(&g->slots[i].inside, 0) > 0)
			drop = count_death(g) || drop;
		atomic_store(&g->slots[i].pid, 0);
	}
	if (!drop)
		return;
	vx_log(s->store->o.log, VX_LOG_ERROR,
	    "processes died while they used the search index: it will be made anew",
	    VX_KV_Z("dir", s->store->dir));
	(void)vx_search_unlink(s->store);
	atomic_store(&g->deaths, 0);
}

void vx_search_guard_open(struct vx_search *s)
{
	s->slot = SLOTS;
	s->guard = map_guard(s->store);
	if (s->guard == NULL)
		return; /* without it the index works as well, only not for ever */
	find_dead(s, s->guard);
	for (s->slot = 0; s->slot < SLOTS; s->slot++) {
		int32_t none = 0;

		if (atomic_compare_exchange_strong(
			&s->guard->slots[s->slot].pid, &none, (int32_t)getpid()))
			break;
	}
}

void vx_search_guard_close(struct vx_search *s)
{
	if (s->guard == NULL)
		return;
	if (s->slot < SLOTS) {
		atomic_store(&s->guard->slots[s->slot].inside, 0);
		atomic_store(&s->guard->slots[s->slot].pid, 0);
	}
	vx_fs_unmap(s->guard, sizeof(*s->guard));
}

void vx_search_guard_inside(struct vx_search *s, int by)
{
	if (s->guard != NULL && s->slot < SLOTS)
		(void)atomic_fetch_add(&s->guard->slots[s->slot].inside, by);
}
