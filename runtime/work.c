/* Blocking work on a few threads; what is done comes back to the loop's thread. */
#include "runtime/worker.h"
#include "vectis/memory.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

struct vx_work {
	uv_async_t async;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct vx_job *todo, **todo_tail;
	struct vx_job *done, **done_tail;
	size_t waiting, under_way;
	bool stopping;
	pthread_t threads[VX_JOB_THREADS];
};

static struct vx_job *take(struct vx_work *w)
{
	struct vx_job *job;

	while (w->todo == NULL && !w->stopping)
		(void)pthread_cond_wait(&w->more, &w->lock);
	job = w->todo;
	if (job != NULL) {
		w->todo = job->next;
		if (w->todo == NULL)
			w->todo_tail = &w->todo;
		w->waiting--;
	}
	return job;
}

static void *thread(void *arg)
{
	struct vx_work *w = arg;
	struct vx_job *job;

	(void)prctl(PR_SET_NAME, "vx-job");
	(void)pthread_mutex_lock(&w->lock);
	while ((job = take(w)) != NULL) {
		(void)pthread_mutex_unlock(&w->lock);
		job->run(job);
		(void)pthread_mutex_lock(&w->lock);
		job->next = NULL;
		*w->done_tail = job;
		w->done_tail = &job->next;
		(void)uv_async_send(&w->async);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void finish(struct vx_work *w)
{
	struct vx_job *job;

	(void)pthread_mutex_lock(&w->lock);
	job = w->done;
	w->done = NULL;
	w->done_tail = &w->done;
	(void)pthread_mutex_unlock(&w->lock);
	while (job != NULL) {
		struct vx_job *next = job->next;

		job->done(job);
		job = next;
	}
}

static void on_async(uv_async_t *async)
{
	finish(async->data);
}

int vx_work_new(uv_loop_t *loop, struct vx_work **out)
{
	struct vx_work *w = vx_memory_alloc(sizeof(*w));
	sigset_t all, old;

	if (w == NULL)
		return VX_ENOMEM;
	w->todo_tail = &w->todo;
	w->done_tail = &w->done;
	w->async.data = w;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->more, NULL);
	if (uv_async_init(loop, &w->async, on_async) < 0)
		return VX_ENOMEM;
	uv_unref((uv_handle_t *)&w->async);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	for (size_t i = 0; i < VX_JOB_THREADS; i++)
		if (pthread_create(&w->threads[i], NULL, thread, w) != 0)
			return VX_ENOMEM;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	*out = w;
	return VX_OK;
}

int vx_work_submit(struct vx_work *w, struct vx_job *job)
{
	int rc = VX_ELIMIT;

	(void)pthread_mutex_lock(&w->lock);
	if (w->waiting < VX_JOBS_MAX && !w->stopping) {
		job->next = NULL;
		*w->todo_tail = job;
		w->todo_tail = &job->next;
		w->waiting++;
		(void)pthread_cond_signal(&w->more);
		rc = VX_OK;
	}
	(void)pthread_mutex_unlock(&w->lock);
	return rc;
}

void vx_work_free(struct vx_work *w)
{
	(void)pthread_mutex_lock(&w->lock);
	w->stopping = true;
	(void)pthread_cond_broadcast(&w->more);
	(void)pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < VX_JOB_THREADS; i++)
		(void)pthread_join(w->threads[i], NULL);
	finish(w);
	vx_memory_free(w);
}
