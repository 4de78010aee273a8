#include "base/fs.h"
#include "base/mem.h"
#include "store/backup_mark.h"
#include "store/search_int.h"
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#define DEFAULT_MAP ((uint64_t)1 << 30)
#define DEFAULT_VOLUME ((uint64_t)4 << 30)
#define DEFAULT_BALLAST ((uint64_t)64 << 20)
enum {
	DEFAULT_GRACE_S = 7 * 86400,
	LEAST_GRACE_S = 3600
};

static void take_options(struct vx_store *s, const struct vx_store_options *o)
{
	s->o = *o;
	if (s->o.map_octets == 0)
		s->o.map_octets = DEFAULT_MAP;
	if (s->o.volume_octets == 0)
		s->o.volume_octets = DEFAULT_VOLUME;
	if (s->o.ballast_octets == 0)
		s->o.ballast_octets = DEFAULT_BALLAST;
	if (s->o.grace_s == 0)
		s->o.grace_s = DEFAULT_GRACE_S;
	if (s->o.grace_s < LEAST_GRACE_S)
		s->o.grace_s = LEAST_GRACE_S;
	s->use_fd = s->event_fd = s->inotify_fd = s->epoll_fd = s->signal_fd = -1;
	s->queue_tail = &s->queue;
	s->finished_tail = &s->finished;
	s->large_tail = &s->large;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_mutex_init(&s->volume_lock, NULL);
	(void)pthread_mutex_init(&s->snapshot_lock, NULL);
	(void)pthread_cond_init(&s->more, NULL);
	(void)pthread_cond_init(&s->more_large, NULL);
	(void)pthread_cond_init(&s->upkeep_wake, NULL);
	vx_lane_init(&s->small_lane, 0);
}

static int open_bell(struct vx_store *s, struct vx_error *err)
{
	struct epoll_event e = { .events = EPOLLIN };

	s->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->event_fd < 0 || s->epoll_fd < 0 ||
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->event_fd, &e) < 0 ||
	    (s->inotify_fd >= 0 &&
		epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->inotify_fd, &e) < 0))
		return vx_error_set(err, vx_errno_result(errno),
		    "cannot make the store's descriptors: %s", vx_errno_text(errno));
	return VX_OK;
}

int vx_store_use_lock(const char *dir, bool alone, bool make, int *fd)
{
	char path[PATH_MAX];
	int rc = VX_OK;

	(void)snprintf(path, sizeof(path), "%.4000s/store.lock", dir);
	*fd = open(path, (make ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0600);
	if (*fd < 0)
		return vx_errno_result(errno);
	if (flock(*fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK ? VX_EBUSY : vx_errno_result(errno);
		(void)close(*fd);
		*fd = -1;
	}
	return rc;
}

static int take_use_lock(struct vx_store *s, struct vx_error *err)
{
	const int rc = vx_store_use_lock(s->dir, false, !s->o.read_only, &s->use_fd);

	if (rc == VX_OK || (s->o.read_only && rc != VX_EBUSY))
		return VX_OK; /* a copy on a read-only file system may be read */
	if (rc == VX_EBUSY)
		return vx_error_set(err, rc, "the store in %s is being repaired", s->dir);
	return vx_error_set(
	    err, rc, "cannot use the store in %s: %s", s->dir, vx_errno_text(errno));
}

static int open_state(struct vx_store *s, const char *name, struct vx_error *err)
{
	char path[PATH_MAX];
	int rc;

	(void)snprintf(path, sizeof(path), "%.4000s/%s", s->dir, name);
	rc = vx_kv_open(
	    path, s->o.read_only ? VX_KV_READ_ONLY : 0, s->o.map_octets, &s->state, err);
	if (rc == VX_OK)
		rc = vx_state_prepare(s, err);
	if (rc == VX_OK && !s->o.read_only)
		rc = vx_fs_sync_dir(s->dir, err);
	return rc;
}

static int open_files(struct vx_store *s, struct vx_error *err)
{
	int rc = VX_OK;

	if (!s->o.read_only)
		rc = vx_fs_mkdirs(s->dir, 0700, err);
	if (rc == VX_OK)
		rc = take_use_lock(s, err);
	if (rc == VX_OK)
		rc = vx_backup_may_open(s->dir, err);
	if (rc == VX_OK)
		rc = open_state(s, "state.mdb", err);
	if (rc == VX_OK && !s->o.read_only)
		rc = vx_notify_open(s, err);
	if (rc == VX_OK && !s->o.read_only)
		vx_backup_forget(s->dir);
	return rc == VX_OK ? open_bell(s, err) : rc;
}

static int start_threads(struct vx_store *s, struct vx_error *err)
{
	int rc = vx_committer_start(s);

	if (rc == VX_OK)
		rc = vx_large_lane_start(s);
	if (rc == VX_OK)
		rc = vx_upkeep_start(s);
	if (rc == VX_OK)
		rc = vx_search_open(s);
	return rc == VX_OK ? VX_OK
			   : vx_error_set(err, rc, "cannot start the store's threads");
}

static int make_store(
    const struct vx_store_options *o, struct vx_store **out, struct vx_error *err)
{
	struct vx_store *s = vx_alloc(sizeof(*s));

	if (s == NULL)
		return vx_error_set(err, VX_ENOMEM, "no memory to open the store");
	take_options(s, o);
	*out = s;
	/* names of files are added to it */
	if (snprintf(s->dir, sizeof(s->dir), "%s", o->dir) >= PATH_MAX - 96)
		return vx_error_set(
		    err, VX_EINVAL, "the state directory's path is too long");
	return VX_OK;
}

int vx_store_open(
    const struct vx_store_options *o, struct vx_store **out, struct vx_error *err)
{
	struct vx_store *s = NULL;
	int rc = make_store(o, &s, err);

	if (rc == VX_OK)
		rc = open_files(s, err);
	if (rc == VX_OK && !s->o.read_only)
		rc = start_threads(s, err);
	if (rc != VX_OK)
		vx_store_close(s);
	else
		*out = s;
	return rc;
}

int vx_store_open_offline(const struct vx_store_options *o, const char *state,
    struct vx_store **out, struct vx_error *err)
{
	struct vx_store *s = NULL;
	int rc = make_store(o, &s, err);

	if (rc == VX_OK)
		rc = open_state(s, state, err);
	if (rc != VX_OK)
		vx_store_close(s);
	else
		*out = s;
	return rc;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

static void close_volumes(struct vx_store *s)
{
	while (s->volumes != NULL) {
		struct vx_volume *v = s->volumes;

		s->volumes = v->next;
		vx_kv_close(v->env);
		vx_free(v);
	}
}

void vx_store_close(struct vx_store *s)
{
	if (s == NULL)
		return;
	vx_search_close(s);
	vx_upkeep_stop(s);
	vx_large_lane_stop(s);
	vx_committer_stop(s);
	vx_lane_done(s, &s->small_lane);
	vx_notify_close(s);
	vx_snapshots_forget(s);
	close_volumes(s);
	vx_kv_close(s->state);
	close_fd(s->epoll_fd);
	close_fd(s->event_fd);
	close_fd(s->use_fd);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_mutex_destroy(&s->volume_lock);
	(void)pthread_mutex_destroy(&s->snapshot_lock);
	(void)pthread_cond_destroy(&s->more);
	(void)pthread_cond_destroy(&s->more_large);
	(void)pthread_cond_destroy(&s->upkeep_wake);
	vx_free(s);
}

int vx_store_fd(const struct vx_store *s)
{
	return s->epoll_fd;
}

void vx_store_ring_bell(struct vx_store *s)
{
	const uint64_t one = 1;

	/* A full counter is as good as one more. */
	if (write(s->event_fd, &one, sizeof(one)) < 0)
		return;
}

/* What comes after the last read makes fd readable again. */
static void drain(int fd)
{
	char octets[4096];

	while (fd >= 0 && read(fd, octets, sizeof(octets)) == (ssize_t)sizeof(octets))
		;
}

void vx_store_dispatch(struct vx_store *s)
{
	struct vx_store_op *op;
	struct vx_blob_writer *wake;

	drain(s->event_fd);
	drain(s->inotify_fd);
	(void)pthread_mutex_lock(&s->lock);
	op = s->finished;
	s->finished = NULL;
	s->finished_tail = &s->finished;
	wake = s->wakes;
	s->wakes = NULL;
	(void)pthread_mutex_unlock(&s->lock);
	/* Changes first: a session that hears that its op is done sees what it did. */
	vx_notify_dispatch(s);
	while (wake != NULL) {
		struct vx_blob_writer *next = wake->next_wake;

		if (wake->wake != NULL)
			wake->wake(wake->ctx);
		wake = next;
	}
	while (op != NULL) {
		struct vx_store_op *next = op->next;

		if (op->done != NULL)
			op->done(op);
		op = next;
	}
}

int vx_view_begin(struct vx_store *s, struct vx_view **out)
{
	struct vx_view *v = vx_alloc(sizeof(*v));
	int rc;

	if (v == NULL)
		return VX_ENOMEM;
	v->store = s;
	rc = vx_kv_begin(s->state, false, &v->txn);
	if (rc != VX_OK) {
		vx_free(v);
		return rc;
	}
	*out = v;
	return VX_OK;
}

void vx_view_end(struct vx_view *v)
{
	if (v == NULL)
		return;
	vx_kv_abort(v->txn);
	vx_free(v);
}
