/* What is done beside the mail: readers that died, full disks, what may be reaped. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_S = 1,
	READERS_EVERY_S = 10,
	COLLECT_EVERY_S = 60,
	ALL_EVERY_S = 10,
	BREATH_MS = 5,     /* between two pieces of a collection: mail goes first */
	OLD_READER_S = 60, /* a reader so old is named in the log */
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

static bool has_ballast(const struct vx_store *s)
{
	char path[PATH_MAX];
	struct stat st;

	ballast_path(s, path);
	return stat(path, &st) == 0 && (uint64_t)st.st_size >= s->o.ballast_octets;
}

/* Make the ballast when there is room for it; false: the disk is too full. */
static bool lay_ballast(struct vx_store *s)
{
	char path[PATH_MAX];
	bool done = false;
	int fd;

	if (has_ballast(s))
		return true;
	if (free_octets(s) < 2 * s->o.ballast_octets)
		return false;
	ballast_path(s, path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	done = posix_fallocate(fd, 0, (off_t)s->o.ballast_octets) == 0;
	(void)close(fd);
	if (!done)
		(void)unlink(path);
	return done;
}

void vx_store_disk_failed(struct vx_store *s, int why)
{
	char path[PATH_MAX];

	if (atomic_exchange(&s->refusal, why) != VX_OK)
		return;
	vx_log(s->o.log, VX_LOG_ERROR,
	    why == VX_ENOSPC ? "disk full: only deletions are accepted"
			     : "writing failed: only deletions are accepted",
	    VX_KV_Z("dir", s->dir), VX_KV_U("free_octets", free_octets(s)));
	ballast_path(s, path);
	(void)unlink(path);
}

void vx_store_look_at_disk(struct vx_store *s)
{
	if (s->refusal == VX_OK && !lay_ballast(s))
		vx_store_disk_failed(s, VX_ENOSPC);
}

static void try_to_heal(struct vx_store *s)
{
	if (s->refusal == VX_OK || !lay_ballast(s))
		return;
	s->refusal = VX_OK;
	vx_log(s->o.log, VX_LOG_WARN, "writing is tried again: the disk has room",
	    VX_KV_Z("dir", s->dir));
}

void vx_store_check_readers(struct vx_store *s, struct vx_old_reader *old, uint64_t now_s)
{
	const int dead = vx_kv_check_readers(s->state) + vx_volumes_check_readers(s);
	struct vx_kv_stat st;

	if (dead > 0)
		vx_log(s->o.log, VX_LOG_INFO, "freed readers of dead processes",
		    VX_KV_I("readers", dead));
	if (vx_kv_stat(s->state, &st) != VX_OK)
		return;
	if (st.oldest_reader_pid != old->pid || st.oldest_reader != old->txn) {
		*old = (struct vx_old_reader){ .pid = st.oldest_reader_pid,
			.txn = st.oldest_reader,
			.since_s = now_s };
		return;
	}
	if (old->pid == 0 || now_s - old->since_s < OLD_READER_S)
		return;
	old->named++;
	old->since_s = now_s; /* again in a minute */
	vx_log(s->o.log, VX_LOG_WARN, "an old reader makes the store grow",
	    VX_KV_U("pid", old->pid),
	    VX_KV_U("transactions_behind", st.oldest_reader_txns));
}

/* Sleep; false when the store closes. */
static bool rest(struct vx_store *s, long ms)
{
	bool go_on;

	(void)pthread_mutex_lock(&s->lock);
	if (s->upkeep_runs)
		vx_clock_wait(&s->upkeep_wake, &s->lock, ms);
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

bool vx_upkeep_goes_on(struct vx_store *s)
{
	bool go_on;

	(void)pthread_mutex_lock(&s->lock);
	go_on = s->upkeep_runs;
	(void)pthread_mutex_unlock(&s->lock);
	return go_on;
}

static void *upkeep(void *arg)
{
	struct vx_store *s = arg;
	struct vx_old_reader old = { 0 };
	bool settled = s->o.all == VX_STORE_ALL_LEAVE;

	(void)prctl(PR_SET_NAME, "vx-upkeep");
	(void)lay_ballast(s);
	for (unsigned n = 1; rest(s, TICK_S * 1000); n++) {
		try_to_heal(s);
		if (n % READERS_EVERY_S == 0) {
			vx_store_check_readers(s, &old, vx_clock_mono_us() / 1000000);
			vx_notify_forget_waiters(s);
			vx_volumes_retire(s);
		}
		(void)vx_state_reap(s, vx_upkeep_goes_on); /* mostly only a look */
		if (!settled && (n == 1 || n % ALL_EVERY_S == 0))
			settled = vx_all_upkeep(s, vx_upkeep_goes_on) == VX_OK;
		if (n % COLLECT_EVERY_S == 0)
			(void)vx_volumes_collect(s, breathe);
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
