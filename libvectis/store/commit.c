/* The committer: one thread that commits once for all ops that wait (STORE.md 5). */
#include "base/clock.h"
#include "base/mem.h"
#include "store/store_int.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* How long a committer that sees other processes wait leaves the lock alone. */
enum {
	YIELD_US = 50
};

struct vx_store_waiter {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool finished;
};

void vx_store_finish(struct vx_store *s, struct vx_store_op *op, int result)
{
	struct vx_store_waiter *w = op->waiter;

	op->result = result;
	if (w != NULL) {
		(void)pthread_mutex_lock(&w->lock);
		w->finished = true;
		(void)pthread_cond_signal(&w->done);
		(void)pthread_mutex_unlock(&w->lock);
		return;
	}
	(void)pthread_mutex_lock(&s->lock);
	op->next = NULL;
	*s->finished_tail = op;
	s->finished_tail = &op->next;
	(void)pthread_mutex_unlock(&s->lock);
}

int vx_store_enqueue(struct vx_store *s, struct vx_store_op *op)
{
	int rc = VX_OK;

	(void)pthread_mutex_lock(&s->lock);
	if (s->stopping || !s->committer_runs)
		rc = VX_ECLOSED;
	else if (s->queued >= VX_STORE_QUEUE_MAX)
		rc = VX_ELIMIT;
	if (rc == VX_OK) {
		op->next = NULL;
		*s->queue_tail = op;
		s->queue_tail = &op->next;
		s->queued++;
		(void)pthread_cond_signal(&s->more);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

static int submit(struct vx_store *s, struct vx_store_op *op)
{
	int rc = VX_OK;

	op->result = VX_OK;
	if (op->blob != NULL)
		rc = vx_blob_writer_finish(op->blob);
	if (rc != VX_OK)
		return rc;
	if (op->blob != NULL && op->blob->large && !op->blob->durable)
		return vx_blob_submit_large(s, op);
	return vx_store_enqueue(s, op);
}

int vx_store_submit(struct vx_store *s, struct vx_store_op *op)
{
	op->waiter = NULL;
	return submit(s, op);
}

int vx_store_run(struct vx_store *s, struct vx_store_op *op)
{
	struct vx_store_waiter w = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER };
	int rc;

	op->waiter = &w;
	rc = submit(s, op);
	if (rc != VX_OK)
		return rc;
	(void)pthread_mutex_lock(&w.lock);
	while (!w.finished)
		(void)pthread_cond_wait(&w.done, &w.lock);
	(void)pthread_mutex_unlock(&w.lock);
	return op->result;
}

/* --- the thread ------------------------------------------------------------------- */

static size_t weight(const struct vx_store_op *op)
{
	return op->blob == NULL || op->blob->large ? 1 : op->blob->octets.len;
}

/* What waits, up to the limits of a batch; NULL when the store closes. */
static struct vx_store_op *take_batch(struct vx_store *s)
{
	struct vx_store_op *batch, *last = NULL;
	size_t ops = 0, octets = 0;

	(void)pthread_mutex_lock(&s->lock);
	while (s->queue == NULL && !s->stopping)
		(void)pthread_cond_wait(&s->more, &s->lock);
	batch = s->stopping ? NULL : s->queue;
	for (struct vx_store_op *op = batch; op != NULL; op = op->next) {
		octets += weight(op);
		if (ops > 0 &&
		    (ops >= VX_STORE_BATCH_OPS || octets > VX_STORE_BATCH_OCTETS))
			break;
		ops++;
		last = op;
	}
	if (last != NULL) {
		s->queue = last->next;
		if (s->queue == NULL)
			s->queue_tail = &s->queue;
		last->next = NULL;
		s->queued -= ops;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return batch;
}

/* Answer the ops of a list: result where they have none of their own. */
static void finish_all(struct vx_store *s, struct vx_store_op *list, int result)
{
	while (list != NULL) {
		struct vx_store_op *op = list;

		list = op->next;
		vx_store_finish(s, op, op->result != VX_OK ? op->result : result);
	}
	vx_store_ring_bell(s);
}

static int commit_changes(struct vx_store *s, struct vx_kv_txn *txn)
{
	const struct vx_change everything = { 0 };
	struct vx_change *copy = NULL;
	size_t count;
	const struct vx_change *changes = vx_kv_changes(txn, &count);
	int rc;

	if (count > 0 && (copy = vx_alloc_array(count, sizeof(*copy))) != NULL)
		memcpy(copy, changes, count * sizeof(*copy));
	rc = vx_kv_commit(txn);
	if (rc == VX_OK && copy != NULL)
		vx_notify_publish(s, copy, count);
	else if (rc == VX_OK && count > 0)
		vx_notify_publish(s, &everything, 1);
	vx_free(copy);
	return rc;
}

static int begin(struct vx_store *s, struct vx_kv_txn **txn)
{
	int rc;

	if (vx_notify_waiters(s) > 0) /* the lock is not fair: let another process in */
		(void)usleep(YIELD_US);
	vx_notify_waiting(s, 1);
	rc = vx_kv_begin(s->state, true, txn);
	vx_notify_waiting(s, -1);
	return rc;
}

/* Is op to be refused before it is tried? */
static int may_apply(const struct vx_store *s, const struct vx_store_op *op)
{
	if (op->result != VX_OK)
		return op->result;
	return op->frees ? VX_OK : s->refusal;
}

/*
 * Apply a list in one transaction.  VX_OK: committed.  Otherwise nothing was changed;
 * the ops keep only the results of a body that could not be written.
 */
static int run_together(
    struct vx_store *s, struct vx_store_op *list, struct vx_store_op **rest)
{
	const uint64_t until = vx_clock_mono_us() + VX_STORE_BATCH_US;
	struct vx_kv_txn *txn;
	int rc = begin(s, &txn);

	*rest = NULL;
	if (rc != VX_OK)
		return rc;
	for (struct vx_store_op *op = list; op != NULL; op = op->next) {
		const size_t writes = vx_kv_writes(txn);

		op->result = may_apply(s, op);
		if (op->result == VX_OK)
			op->result = op->apply(op, txn);
		rc = vx_kv_broken(txn);
		if (rc == VX_OK && op->result != VX_OK && vx_kv_writes(txn) != writes)
			rc = op->result; /* refused too late: take it all back */
		if (rc != VX_OK) {
			vx_kv_abort(txn);
			return rc;
		}
		if (op->next != NULL && vx_clock_mono_us() > until) {
			*rest = op->next;
			op->next = NULL;
		}
	}
	return commit_changes(s, txn);
}

/* Where the bodies failed, op->result says so before the state is touched. */
static void clear_results(struct vx_store_op *list, struct vx_store_op *end)
{
	for (; list != end; list = list->next)
		if (list->blob == NULL || list->blob->durable)
			list->result = VX_OK;
}

/* A transaction of its own for each op: only the culprit fails. */
static void run_alone(struct vx_store *s, struct vx_store_op *list)
{
	while (list != NULL) {
		struct vx_store_op *op = list, *rest;
		int rc = VX_ETEMP;

		list = op->next;
		op->next = NULL;
		for (int tries = 0; tries < 8 && rc == VX_ETEMP; tries++) {
			clear_results(op, NULL);
			rc = run_together(s, op, &rest);
		}
		if (rc == VX_ENOSPC || rc == VX_EIO)
			vx_store_disk_failed(s, rc);
		if (rc != VX_OK)
			op->result = rc;
		finish_all(s, op, rc);
	}
}

static void run_batch(struct vx_store *s, struct vx_store_op *batch)
{
	int body;

	vx_store_look_at_disk(s);
	body = vx_blob_commit_small(s, batch);
	if (body == VX_ENOSPC || body == VX_EIO)
		vx_store_disk_failed(s, body);
	while (batch != NULL) {
		struct vx_store_op *rest;
		const int rc = run_together(s, batch, &rest);

		if (rc == VX_OK) {
			finish_all(s, batch, VX_OK);
			batch = rest;
			continue;
		}
		/* No use to try them one by one, but for those that free. */
		if (rc == VX_ENOSPC || rc == VX_EIO)
			vx_store_disk_failed(s, rc);
		if (rest != NULL) { /* put the cut list together again */
			struct vx_store_op *last = batch;

			while (last->next != NULL)
				last = last->next;
			last->next = rest;
		}
		run_alone(s, batch);
		batch = NULL;
	}
	vx_lane_check_full(s, &s->small_lane);
}

static void *committer(void *arg)
{
	struct vx_store *s = arg;
	struct vx_store_op *batch;

	(void)prctl(PR_SET_NAME, "vx-commit");
	while ((batch = take_batch(s)) != NULL)
		run_batch(s, batch);
	return NULL;
}

int vx_committer_start(struct vx_store *s)
{
	sigset_t all, old;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->committer, NULL, committer, s);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->committer_runs = rc == 0;
	return vx_errno_result(rc);
}

void vx_committer_stop(struct vx_store *s)
{
	struct vx_store_op *left;

	if (!s->committer_runs)
		return;
	(void)pthread_mutex_lock(&s->lock);
	s->stopping = true;
	(void)pthread_cond_signal(&s->more);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->committer, NULL);
	s->committer_runs = false;
	left = s->queue;
	s->queue = NULL;
	finish_all(s, left, VX_ECLOSED);
	vx_store_dispatch(s);
}
