/* Ops on the store and jobs on other threads, which may outlive their session. */
#include "base/mem.h"
#include "service/imap_int.h"

struct imap_task *imap_task_new(struct imap_session *s,
    int (*finish)(struct imap_session *s, struct imap_task *t, struct vx_buf *out))
{
	struct imap_task *t = vx_alloc(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->session = s;
	t->finish = finish;
	vx_arena_init(&t->arena, IMAP_TASK_MAX);
	return t;
}

void imap_task_free(struct imap_task *t)
{
	if (t == NULL)
		return;
	t->session = NULL;
	t->abandoned = true;
	if (t->under_way)
		return;
	if (t->release != NULL)
		t->release(t);
	vx_arena_done(&t->arena);
	vx_free(t);
}

static void task_over(struct imap_task *t)
{
	struct imap_session *s = t->session;

	t->under_way = false;
	if (s == NULL) {
		imap_task_free(t);
		return;
	}
	s->task_done = true;
	s->base.host->wake(s->base.host);
}

static void op_over(struct vx_store_op *op)
{
	struct imap_task *t = (struct imap_task *)(void *)op;

	t->result = op->result;
	task_over(t);
}

static void job_over(struct vx_job *job)
{
	task_over(imap_task_of(job));
}

struct imap_task *imap_task_of(struct vx_job *job)
{
	return (struct imap_task *)(void *)job;
}

/* It cannot begin: below 0.  The task goes, unless its finish is just being called. */
static int refused(struct imap_session *s, struct imap_task *t)
{
	t->under_way = false;
	if (t != s->finishing)
		imap_task_free(t);
	return VX_ETEMP;
}

int imap_submit_quiet(struct imap_session *s, struct imap_task *t)
{
	t->u.op.done = op_over;
	t->under_way = true;
	if (vx_store_submit(s->service->o.store, &t->u.op) != VX_OK)
		return refused(s, t);
	s->task = t;
	s->busy = IMAP_OP;
	return VX_WAIT;
}

int imap_submit_job_quiet(
    struct imap_session *s, struct imap_task *t, void (*run)(struct vx_job *job))
{
	t->u.job = (struct vx_job){ .run = run, .done = job_over };
	t->under_way = true;
	if (s->base.host->loop->submit(s->base.host->loop, &t->u.job) != VX_OK)
		return refused(s, t);
	s->task = t;
	s->busy = IMAP_JOB;
	return VX_WAIT;
}

int imap_submit(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	const int rc = imap_submit_quiet(s, t);

	return rc == VX_WAIT ? rc : imap_result(s, out, rc, "");
}

int imap_submit_job(struct imap_session *s, struct imap_task *t, struct vx_buf *out,
    void (*run)(struct vx_job *job))
{
	const int rc = imap_submit_job_quiet(s, t, run);

	return rc == VX_WAIT ? rc : imap_result(s, out, rc, "");
}

int imap_finish_task(struct imap_session *s, struct vx_buf *out)
{
	struct imap_task *t = s->task;
	int rc;

	s->task = NULL;
	s->task_done = false;
	s->busy = IMAP_IDLE_NOT;
	s->finishing = t;
	rc = t->finish(s, t, out);
	s->finishing = NULL;
	if (s->task != t && s->answer.task != t)
		imap_task_free(t);
	return rc;
}

void imap_progress(struct imap_session *s, struct imap_task *t, struct vx_buf *out,
    uint64_t done, uint64_t goal)
{
	struct vx_loop *loop = s->base.host->loop;
	const uint64_t now = loop->now_ms(loop);

	if (t->told_ms == 0)
		t->told_ms = now;
	if (now - t->told_ms < IMAP_PROGRESS_MS)
		return;
	t->told_ms = now;
	vx_buf_add_str(out, "* OK [INPROGRESS (");
	vx_imap_write_string(out, s->tag, false);
	vx_buf_printf(out, " %llu %llu)] still at work\r\n", (unsigned long long)done,
	    (unsigned long long)goal);
}
