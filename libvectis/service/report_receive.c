/* Messages that came as reports: read in a job, one after the other. */
#include "service/report_int.h"

#include "base/mem.h"
#include "reports/intake.h"

#define MEMORY_MAX ((size_t)8 << 20)
#define AGAIN_S 10 /* after a failure of ours */

struct report_reading {
	struct vx_job job;               /* first */
	struct vx_report_sender *sender; /* NULL: it is gone */
	struct vx_store *store;
	struct vx_arena arena;
	struct vx_report_intake intake;
	uint64_t now;
	int result;
	struct vx_report_found found[VX_REPORT_MESSAGE_REPORTS_MAX];
	size_t count;
	struct vx_report_receive_op op;
};

static void end(struct report_reading *x, int rc)
{
	struct vx_report_sender *s = x->sender;

	if (s != NULL) {
		s->reading = NULL;
		if (rc != VX_OK) {
			s->read_again = vx_report_sender_now(s) + AGAIN_S;
			vx_log(s->o.log, VX_LOG_ERROR, "a report cannot be read now",
			    VX_KV_ERR(rc));
		}
	}
	vx_arena_done(&x->arena);
	vx_free(x);
}

static void log_found(const struct report_reading *x, const struct vx_report_found *f)
{
	const bool good = f->bad == VX_REPORT_GOOD;

	vx_log(x->sender->o.log, VX_LOG_INFO,
	    good ? "report received" : "report not taken",
	    VX_KV_Z("reason", good ? "" : vx_report_bad_text(f->bad)),
	    VX_KV_Z("detail", f->detail),
	    VX_KV_Z("kind", good ? vx_report_kind_name(f->kind) : ""),
	    VX_KV_S("domain", f->domain), VX_KV_S("from", f->organization),
	    VX_KV_S("id", f->id), VX_KV_U("good", f->good), VX_KV_U("bad", f->failed));
}

static void received(struct vx_store_op *base)
{
	struct report_reading *x =
	    (struct report_reading *)(void *)((char *)base -
					      offsetof(struct report_reading, op));

	if (x->sender != NULL && base->result == VX_OK)
		for (size_t i = 0; i < x->count; i++)
			log_found(x, &x->found[i]);
	end(x, base->result);
}

static void run(struct vx_job *job)
{
	struct report_reading *x = (struct report_reading *)job;

	x->result = vx_report_read_blob(
	    x->store, &x->intake, x->now, &x->arena, x->found, &x->count);
}

static void was_read(struct vx_job *job)
{
	struct report_reading *x = (struct report_reading *)job;
	int rc = x->result;

	vx_report_receive_op_init(&x->op);
	x->op.id = x->intake.id;
	x->op.now = x->now;
	x->op.found = x->found;
	x->op.count = x->count;
	x->op.op.done = received;
	if (rc == VX_OK)
		rc = vx_store_submit(x->store, &x->op.op);
	if (rc != VX_OK)
		end(x, rc);
}

static int find_first(struct vx_report_sender *s, struct vx_report_intake *out)
{
	struct vx_view *v;
	int rc = vx_view_begin(s->o.store, &v);

	if (rc == VX_OK) {
		rc = vx_report_intake_next(v, out);
		vx_view_end(v);
	}
	return rc;
}

void vx_report_read_next(struct vx_report_sender *s)
{
	const int64_t now = vx_report_sender_now(s);
	struct report_reading *x;
	struct vx_report_intake intake;

	if (s->reading != NULL || now < s->read_again || find_first(s, &intake) != VX_OK)
		return;
	x = vx_alloc(sizeof(*x));
	if (x == NULL)
		return;
	vx_arena_init(&x->arena, MEMORY_MAX);
	x->sender = s;
	x->store = s->o.store;
	x->intake = intake;
	x->now = now < 0 ? 0 : (uint64_t)now;
	x->job = (struct vx_job){ .run = run, .done = was_read };
	s->reading = x;
	if (s->o.loop->submit(s->o.loop, &x->job) != VX_OK)
		end(x, VX_ETEMP);
}

void vx_report_read_stop(struct vx_report_sender *s)
{
	if (s->reading != NULL)
		s->reading->sender = NULL;
	s->reading = NULL;
}
