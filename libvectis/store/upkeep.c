/* What is done beside the mail: readers that died, full disks, what may be reaped. */
#include "base/fs.h"
#include "base/mem.h"
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_S = 1,
	READERS_EVERY_S = 10,
	REAP_EVERY_S = 60,
	BREATH_MS = 5,          /* between two pieces of a collection: mail goes first */
	OLD_READER_TXNS = 1000, /* a reader so far behind is named in the log */
};

static void ballast_path(const struct vx_store *s, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.4000s/ballast", s->dir);
}

static uint64_t free_octets(const struct vx_store *s)
{
	struct statvfs st;

	return statvfs(s->dir, &st) < 0 ? 0 : (uint64_t)st.f_bavail * st.f_frsize;
}

/* Make the ballast when there is room for it; false: the disk is too full. */
static bool lay_ballast(struct vx_store *s)
{
	char path[PATH_MAX];
	bool done = false;
	int fd;

	ballast_path(s, path);
	if (access(path, F_OK) == 0)
		return true;
	if (free_octets(s) < 2 * s->o.ballast_octets)
		return false;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	done = posix_fallocate(fd, 0, (off_t)s->o.ballast_octets) == 0;
	(void)close(fd);
	if (!done)
		(void)unlink(path);
	return done;
}

void vx_store_disk_full(struct vx_store *s)
{
	char path[PATH_MAX];

	(void)pthread_mutex_lock(&s->lock);
	if (!s->read_mostly)
		vx_log(s->o.log, VX_LOG_ERROR, "disk full: only deletions are accepted",
		    VX_KV_Z("dir", s->dir), VX_KV_U("free_octets", free_octets(s)));
	s->read_mostly = true;
	(void)pthread_mutex_unlock(&s->lock);
	ballast_path(s, path);
	(void)unlink(path);
}

void vx_store_look_at_disk(struct vx_store *s)
{
	char path[PATH_MAX];

	ballast_path(s, path);
	if (!s->read_mostly && access(path, F_OK) != 0 && !lay_ballast(s))
		vx_store_disk_full(s);
}

static void try_to_heal(struct vx_store *s)
{
	bool healed;

	if (!s->read_mostly)
		return;
	healed = lay_ballast(s);
	(void)pthread_mutex_lock(&s->lock);
	s->read_mostly = !healed;
	(void)pthread_mutex_unlock(&s->lock);
	if (healed)
		vx_log(
		    s->o.log, VX_LOG_WARN, "disk has room again", VX_KV_Z("dir", s->dir));
}

static void check_readers(struct vx_store *s)
{
	const int dead = vx_kv_check_readers(s->state);
	struct vx_kv_stat st;

	if (dead > 0)
		vx_log(s->o.log, VX_LOG_INFO, "freed readers of dead processes",
		    VX_KV_I("readers", dead));
	if (vx_kv_stat(s->state, &st) == VX_OK && st.oldest_reader_txns > OLD_READER_TXNS)
		vx_log(s->o.log, VX_LOG_WARN,
		    "a reader is stuck and makes the store grow",
		    VX_KV_U("pid", st.oldest_reader_pid),
		    VX_KV_U("transactions_behind", st.oldest_reader_txns));
}

/* Sleep; false when the store closes. */
static bool rest(struct vx_store *s, long ms)
{
	struct timespec until;
	bool go_on;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&s->lock);
	if (s->upkeep_runs)
		(void)pthread_cond_timedwait(&s->upkeep_wake, &s->lock, &until);
	go_on = s->upkeep_runs;
	(void)pthread_mutex_unlock(&s->lock);
	return go_on;
}

/* A long collection must not keep a full disk from healing. */
static bool breathe(struct vx_store *s)
{
	try_to_heal(s);
	return rest(s, BREATH_MS);
}

static void *upkeep(void *arg)
{
	struct vx_store *s = arg;

	(void)lay_ballast(s);
	for (unsigned n = 1; rest(s, TICK_S * 1000); n++) {
		try_to_heal(s);
		if (n % READERS_EVERY_S == 0) {
			check_readers(s);
			vx_volumes_retire(s);
		}
		if (n % REAP_EVERY_S == 0) {
			(void)vx_state_reap(s);
			(void)vx_volumes_collect(s, breathe);
		}
	}
	return NULL;
}

int vx_upkeep_start(struct vx_store *s)
{
	sigset_t all, old;
	int rc;

	s->upkeep_runs = true;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->upkeep_thread, NULL, upkeep, s);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		s->upkeep_runs = false;
	return vx_errno_result(rc);
}

void vx_upkeep_stop(struct vx_store *s)
{
	if (!s->upkeep_runs)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->upkeep_runs = false;
	(void)pthread_cond_signal(&s->upkeep_wake);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->upkeep_thread, NULL);
}
