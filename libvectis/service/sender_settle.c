/*
 * What became of a message's recipients, written to the queue.
 *
 * Those that are done with leave in one op, which only frees; those whose sender has to
 * be told leave in the transaction that files or queues the report (sender_report.c), so
 * that nobody is forgotten and nobody told twice.
 */
#include "service/sender_int.h"
#include "service/sender_report.h"

#include "base/mem.h"

#include <stdio.h>

#define AGAIN_MS 5000 /* after the store could not be written */

struct sender_settlement {
	struct vx_queue_op op;    /* first */
	struct vx_sender *sender; /* NULL: it is gone */
	struct sender_settlement *next, **link;
	struct sender_outgoing *outgoing; /* own */
	struct sender_report *report;     /* own; NULL: nobody is told anything */
	uint64_t again_ms;                /* when it is tried again; 0: it is under way */
	bool written;                     /* op is */
	bool reporting;                   /* the report is under way */
	unsigned under_way;               /* of both, and who holds it meanwhile */
};

static void free_settlement(struct sender_settlement *x)
{
	if (x->link != NULL) {
		*x->link = x->next;
		if (x->next != NULL)
			x->next->link = x->link;
	}
	vx_sender_report_free(x->report);
	vx_sender_outgoing_free(x->outgoing);
	vx_free(x);
}

/* --- deciding --------------------------------------------------------------------------
 */

static uint32_t due_again(struct vx_sender *s, const struct vx_queue_recipient *r)
{
	const uint32_t wait = vx_sender_back_off_s(s, r->attempts + 1);

	/* up to a tenth more or less, so that what failed together does not return so */
	s->random = s->random * 1664525u + 1013904223u;
	return vx_sender_now(s) + wait - wait / 10 + s->random % (wait / 5 + 1);
}

static bool is_expired(struct vx_sender *s, const struct sender_outgoing *o)
{
	return vx_sender_now(s) >= vx_sender_begun(o) + s->o.expire_s;
}

static bool is_late(struct vx_sender *s, const struct sender_outgoing *o,
    const struct vx_queue_recipient *r)
{
	return s->o.warn_s > 0 && !r->delay_told &&
	       vx_sender_now(s) >= vx_sender_begun(o) + s->o.warn_s;
}

static const char *word(const struct vx_queue_result *r, enum vx_smtp_outcome outcome)
{
	return !r->finished                   ? "deferred"
	       : outcome == VX_SMTP_DELIVERED ? "sent"
					      : "bounced";
}

static unsigned event_type(
    struct vx_sender *s, const struct sender_outgoing *o, size_t i, bool finished)
{
	const enum vx_smtp_outcome outcome = o->outcomes[i].outcome;

	if (outcome == VX_SMTP_DELIVERED)
		return VX_EVENT_SENT;
	if (!finished)
		return VX_EVENT_DEFERRED;
	return outcome != VX_SMTP_PERMANENT && is_expired(s, o) ? VX_EVENT_EXPIRED
								: VX_EVENT_BOUNCED;
}

/* For whoever asks later, in the outgoing's arena; without memory there is none. */
static const struct vx_event *tell(struct vx_sender *s, struct sender_outgoing *o,
    size_t i, const struct vx_queue_result *r)
{
	struct vx_event *e = vx_arena_alloc(&o->arena, sizeof(*e));

	if (e == NULL)
		return NULL;
	*e = (struct vx_event){ .type = event_type(s, o, i, r->finished),
		.time = vx_sender_now(s),
		.size = o->info.size };
	e->texts[VX_EVENT_ID] = vx_slice_str(o->info.token);
	e->texts[VX_EVENT_SENDER] = o->info.reverse_path;
	e->texts[VX_EVENT_RECIPIENTS] = o->recipients[i].forward_path;
	e->texts[VX_EVENT_HOST] = vx_slice_str(o->host);
	e->texts[VX_EVENT_CHECKS] = vx_slice_str(o->way);
	e->texts[VX_EVENT_REASON] = o->outcomes[i].reply;
	return e;
}

static void log_result(struct vx_sender *s, const struct sender_outgoing *o, size_t i,
    const struct vx_queue_result *r)
{
	const struct sender_outcome *x = &o->outcomes[i];

	vx_log(s->o.log, VX_LOG_INFO, word(r, x->outcome), VX_KV_Z("id", o->info.token),
	    VX_KV_S("from", o->info.reverse_path),
	    VX_KV_S("to", o->recipients[i].forward_path), VX_KV_Z("host", o->host),
	    VX_KV_Z("status", x->status), VX_KV_S("reply", x->reply));
}

/* Where it went: of what stayed here the sender of a message is told by itself. */
static enum sender_action success(const struct sender_outgoing *o)
{
	const char *name = o->destination->name;

	return strcmp(name, VX_QUEUE_DELIVERED) == 0  ? SENDER_DELIVERED
	       : strcmp(name, VX_QUEUE_EXPANDED) == 0 ? SENDER_EXPANDED
						      : SENDER_RELAYED;
}

/* One recipient: what the queue is told, and whether its sender is. */
static enum sender_action decide(
    struct vx_sender *s, struct sender_outgoing *o, size_t i, struct vx_queue_result *r)
{
	const struct vx_queue_recipient *q = &o->recipients[i];
	struct sender_outcome *x = &o->outcomes[i];

	*r = (struct vx_queue_result){ .message = o->info.id,
		.number = q->number,
		.host = vx_slice_str(o->host),
		.reply = x->reply };
	if (x->outcome == VX_SMTP_TO_7BIT) {
		x->outcome = VX_SMTP_PERMANENT;
		(void)snprintf(x->status, sizeof(x->status), "5.6.3");
	}
	r->finished = x->outcome == VX_SMTP_DELIVERED ||
		      x->outcome == VX_SMTP_PERMANENT || is_expired(s, o);
	if (x->outcome == VX_SMTP_DELIVERED)
		return x->dsn ? SENDER_SILENT : success(o);
	if (r->finished)
		return SENDER_FAILED;
	if (x->outcome == VX_SMTP_NEXT) {
		r->due = vx_sender_now(s);
		return SENDER_SILENT;
	}
	r->due = due_again(s, q);
	return is_late(s, o, q) ? SENDER_DELAYED : SENDER_SILENT;
}

/* How much of a domain's mail comes to its recipients; reports do not count. */
static void count(struct vx_sender *s, const struct sender_outgoing *o, size_t i,
    struct vx_queue_result *r)
{
	const struct sender_outcome *x = &o->outcomes[i];

	r->counted = r->finished && (o->info.flags & VX_QUEUE_REPORT) == 0;
	r->now_s = vx_sender_now(s);
	r->kind = x->outcome == VX_SMTP_DELIVERED ? VX_BOUNCE_SENT
		  : x->outcome == VX_SMTP_PERMANENT && vx_bounce_is_hard(x->status)
		      ? VX_BOUNCE_HARD
		      : VX_BOUNCE_SOFT;
}

/* The results in the outgoing's arena: first those of which nobody is told. */
static int decide_all(struct vx_sender *s, struct sender_settlement *x)
{
	struct sender_outgoing *o = x->outgoing;
	struct vx_queue_result *list = vx_arena_array(&o->arena, o->count, sizeof(*list));
	int rc = list == NULL ? VX_ENOMEM : VX_OK;

	for (size_t i = 0; i < o->count && rc == VX_OK; i++) {
		struct vx_queue_result r;
		const enum sender_action action = decide(s, o, i, &r);

		/* what stayed here was noted when it was taken */
		if (action != SENDER_DELIVERED && action != SENDER_EXPANDED)
			log_result(s, o, i, &r);
		/* one that goes on to the next host is under way still */
		if ((o->outcomes[i].outcome != VX_SMTP_NEXT || r.finished) &&
		    action != SENDER_DELIVERED && action != SENDER_EXPANDED)
			r.event = tell(s, o, i, &r);
		count(s, o, i, &r);
		if (!vx_sender_report_wanted(o, i, action)) {
			list[x->op.count++] = r;
			continue;
		}
		r.delay_told = action == SENDER_DELAYED;
		rc = vx_sender_report_add(&x->report, s, o, i, action, &r);
	}
	x->op.results = list;
	return rc;
}

/* --- writing ---------------------------------------------------------------------------
 */

/* Not the time of day, which may be set back. */
static uint64_t now_ms(const struct vx_sender *s)
{
	return s->o.loop->now_ms(s->o.loop);
}

static void later(struct sender_settlement *x)
{
	x->again_ms = now_ms(x->sender) + AGAIN_MS;
}

void vx_sender_put_off(struct vx_sender *s, struct destination *d, uint32_t due)
{
	const uint32_t now = vx_sender_now(s);

	vx_sender_due(s, d, due);
	/* the clock was set back while this was being written: nobody saw it then */
	if (due > now && due - now > vx_sender_wait_max(s))
		s->mend_again = true;
}

/* What is due again, and from now on not under way. */
static void release(struct sender_settlement *x)
{
	struct destination *d = x->outgoing->destination;
	struct vx_sender *s = x->sender;

	for (size_t i = 0; i < x->op.count; i++)
		if (!x->op.results[i].finished)
			vx_sender_put_off(s, d, x->op.results[i].due);
	vx_sender_due(s, d, x->outgoing->claim.waits);
	vx_sender_report_due(x->report, s, d);
	/* it may have more recipients than go at a time, whom nobody saw while it was
	 * under way */
	if (x->outgoing->count == VX_SENDER_RECIPIENTS_MAX)
		vx_sender_due(s, d, vx_sender_now(s));
	if (x->outgoing->routes != s->routes)
		s->look = true; /* it may be due for another destination now */
	free_settlement(x);
	vx_sender_more(s, d);
}

/* Is the sender gone?  Then it ends with the last of what is under way. */
static bool is_alone(struct sender_settlement *x)
{
	if (x->sender != NULL)
		return false;
	if (x->under_way == 0)
		free_settlement(x);
	return true;
}

static void reported(void *ctx, int result)
{
	struct sender_settlement *x = ctx;

	x->under_way--;
	x->reporting = false;
	if (is_alone(x))
		return;
	if (result != VX_OK) {
		vx_log(x->sender->o.log, VX_LOG_ERROR, "a report cannot be written",
		    VX_KV_Z("id", x->outgoing->info.token), VX_KV_ERR(result));
		later(x);
		return;
	}
	release(x);
}

static void report(struct sender_settlement *x, struct vx_sender *s)
{
	int rc;

	x->under_way++;
	x->reporting = true;
	rc = vx_sender_report_submit(x->report, s, reported, x);
	if (rc != VX_OK)
		reported(x, rc);
}

static void settled(struct vx_store_op *base)
{
	struct sender_settlement *x = (struct sender_settlement *)base;

	x->under_way--;
	x->written = base->result == VX_OK;
	if (is_alone(x))
		return;
	if (base->result != VX_OK) {
		vx_log(x->sender->o.log, VX_LOG_ERROR, "the queue cannot be written",
		    VX_KV_Z("id", x->outgoing->info.token), VX_KV_ERR(base->result));
		later(x);
		return;
	}
	if (x->report != NULL)
		report(x, x->sender);
	else
		release(x);
}

static int write_results(struct sender_settlement *x, struct vx_sender *s)
{
	int rc;

	x->op.op.done = settled;
	x->op.op.frees = true;
	x->under_way++;
	rc = vx_store_submit(s->o.store, &x->op.op);
	if (rc != VX_OK)
		x->under_way--;
	return rc;
}

static void begin(struct sender_settlement *x)
{
	x->again_ms = 0;
	if (x->written)
		report(x, x->sender);
	else if (write_results(x, x->sender) != VX_OK)
		later(x);
}

static void count_success(struct vx_sender *s, const struct sender_outgoing *o)
{
	for (size_t i = 0; i < o->count; i++) {
		if (o->outcomes[i].outcome != VX_SMTP_DELIVERED)
			continue;
		if (o->destination->limit < (o->destination->limit_max > 0
						    ? o->destination->limit_max
						    : s->o.connections_each))
			o->destination->limit++;
		return;
	}
}

void vx_sender_settle(struct vx_sender *s, struct sender_outgoing *o)
{
	struct sender_settlement *x = vx_alloc(sizeof(*x));
	int rc;

	count_success(s, o);
	if (x == NULL) { /* it stays in the queue, and is found again */
		s->look = true;
		vx_sender_outgoing_free(o);
		return;
	}
	vx_queue_op_init(&x->op);
	x->sender = s;
	x->outgoing = o;
	x->next = s->settlements;
	x->link = &s->settlements;
	if (x->next != NULL)
		x->next->link = &x->next;
	s->settlements = x;
	rc = decide_all(s, x);
	x->written = x->op.count == 0;
	if (rc == VX_OK && x->op.count + (x->report != NULL) > 0) {
		begin(x);
		return;
	}
	s->look = true;
	free_settlement(x);
}

void vx_sender_settle_again(struct vx_sender *s)
{
	const uint64_t now = now_ms(s);

	for (struct sender_settlement *x = s->settlements, *next; x != NULL; x = next) {
		next = x->next;
		if (x->again_ms != 0 && x->again_ms <= now)
			begin(x);
	}
}

/*
 * What was not written yet is tried once more, and what is to be told is told now: a
 * recipient who has the mail, and stayed in the queue, would get it again.
 */
static void leave(struct sender_settlement *x, struct vx_sender *s)
{
	x->link = NULL;
	x->sender = NULL;
	vx_sender_unclaim(x->outgoing);
	x->under_way++;
	if (x->again_ms != 0 && !x->written)
		(void)write_results(x, s);
	if (x->report != NULL && !x->reporting)
		report(x, s);
	x->under_way--;
	(void)is_alone(x);
}

void vx_sender_settle_alone(struct vx_sender *s)
{
	for (struct sender_settlement *x = s->settlements, *next; x != NULL; x = next) {
		next = x->next;
		leave(x, s);
	}
	s->settlements = NULL;
}
