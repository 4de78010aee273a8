/*
 * A report goes where the reverse-path leads: into a mailbox of ours, or into the queue.
 * The transaction that takes it also takes out what it tells of.
 */
#include "service/sender_report.h"

#include "base/encode.h"
#include "base/mem.h"
#include "service/own_queue.h"
#include "service/own_srs.h"
#include "vectis/crypto.h"
#include "vectis/directory.h"
#include "vectis/dsn.h"

#define RETURN_MAX ((uint64_t)1 << 20) /* of a message that goes back whole */
#define TARGETS_MAX 64
#define RETURN_PATH "Return-Path: <>\r\n" /* taken off when it is sent */

struct sender_report {
	struct vx_deliver_op op; /* first */
	struct sender_outgoing *outgoing;
	struct vx_dsn_recipient *recipients; /* in the outgoing's arena, like results */
	struct vx_queue_result *results;
	size_t count;
	struct vx_blob_writer *writer; /* own */
	struct vx_delivery_target targets[TARGETS_MAX];
	struct vx_queue_new add;
	struct vx_queue_to to;
	struct vx_queue_also also;
	struct vx_buf text, from;    /* own: the report, and whose it is */
	struct own_signing *signing; /* own */
	struct vx_buf signature;     /* own */
	struct vx_queue_op without;  /* the results alone, when nobody takes the report */
	const struct vx_log *log;
	struct vx_store *store;
	void (*done)(void *ctx, int result);
	void *ctx;
};

static enum vx_dsn_action as_dsn(enum sender_action action)
{
	switch (action) {
	case SENDER_RELAYED:
		return VX_DSN_RELAYED;
	case SENDER_DELIVERED:
		return VX_DSN_DELIVERED;
	case SENDER_EXPANDED:
		return VX_DSN_EXPANDED;
	case SENDER_FAILED:
		return VX_DSN_FAILED;
	case SENDER_DELAYED:
		return VX_DSN_DELAYED;
	case SENDER_SILENT:
		break;
	}
	return VX_DSN_UNKNOWN;
}

bool vx_sender_report_wanted(
    const struct sender_outgoing *o, size_t i, enum sender_action action)
{
	return action != SENDER_SILENT && o->info.reverse_path.len > 0 &&
	       vx_dsn_wanted(o->recipients[i].notify, as_dsn(action));
}

static struct sender_report *make(struct vx_sender *s, struct sender_outgoing *o)
{
	struct sender_report *r = vx_alloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->outgoing = o;
	r->log = s->o.log;
	r->store = s->o.store;
	vx_buf_init(&r->from, 400);
	vx_buf_init(&r->signature, VX_QUEUE_PREFIX_MAX);
	r->recipients = vx_arena_array(&o->arena, o->count, sizeof(*r->recipients));
	r->results = vx_arena_array(&o->arena, o->count, sizeof(*r->results));
	if (r->recipients == NULL || r->results == NULL) {
		vx_free(r);
		return NULL;
	}
	return r;
}

int vx_sender_report_add(struct sender_report **report, struct vx_sender *s,
    struct sender_outgoing *o, size_t i, enum sender_action action,
    const struct vx_queue_result *result)
{
	const struct vx_queue_recipient *q = &o->recipients[i];
	const struct sender_outcome *x = &o->outcomes[i];
	struct sender_report *r = *report;

	if (r == NULL)
		r = *report = make(s, o);
	if (r == NULL)
		return VX_ENOMEM;
	r->recipients[r->count] = (struct vx_dsn_recipient){ .action = as_dsn(action),
		.address = q->forward_path,
		.orcpt = q->orcpt,
		.status = vx_slice_str(x->status),
		.diagnostic = x->reply,
		.remote = vx_slice_str(o->host),
		.attempted = vx_sender_now(s),
		.retry_until = action == SENDER_DELAYED
				   ? (int64_t)(vx_sender_begun(o) + s->o.expire_s)
				   : 0 };
	r->results[r->count++] = *result;
	return VX_OK;
}

void vx_sender_report_free(struct sender_report *r)
{
	if (r == NULL)
		return;
	vx_blob_writer_free(r->writer);
	vx_own_signing_free(r->signing);
	vx_buf_done(&r->text);
	vx_buf_done(&r->from);
	vx_buf_done(&r->signature);
	vx_free(r);
}

/* --- where it goes ---------------------------------------------------------------------
 */

/* To another server: by the queue, and never told of itself (RFC 3461 6.1). */
static int queue_it(struct vx_sender *s, struct sender_report *r, vx_slice path)
{
	struct vx_arena *a = &r->outgoing->arena;
	int rc = vx_arena_copy(a, path, &r->to.forward_path);

	if (rc == VX_OK)
		rc = vx_own_destination(a, path, &r->to.destination);
	r->to.notify = VX_SMTP_NOTIFY_NEVER;
	r->add.domain = vx_slice_from(
	    vx_buf_slice(&r->from), vx_slice_rfind(vx_buf_slice(&r->from), '@') + 1);
	vx_own_token(r->add.token);
	r->add.created = r->add.due = vx_sender_now(s);
	r->add.flags |= VX_QUEUE_REPORT;
	r->add.to = &r->to;
	r->add.count = 1;
	r->also.add = &r->add;
	r->also.add_count = 1;
	return rc;
}

static void file_it(struct sender_report *r, const struct vx_resolved *to)
{
	for (size_t i = 0; i < to->count && r->op.target_count < TARGETS_MAX; i++)
		if (to->targets[i].account != 0)
			r->targets[r->op.target_count++] =
			    (struct vx_delivery_target){ .account =
							     to->targets[i].account };
	r->op.targets = r->targets;
}

/* A path that we rewrote leads to whom we forwarded for. */
static int resolve_in(struct vx_sender *s, struct sender_report *r, struct vx_view *v)
{
	struct vx_arena *a = &r->outgoing->arena;
	vx_slice path = r->outgoing->info.reverse_path;
	struct vx_buf back = { .max = VX_QUEUE_PATH_MAX };
	struct vx_resolved to;
	int rc;

	if (vx_own_srs_reverse(s->o.store, vx_sender_now(s), path, &back) == VX_OK)
		path = vx_buf_slice(&back);
	rc = vx_own_bounce_goes(v, path, s->o.delimiter, a, &path, &to);
	if (rc == VX_OK && to.kind == VX_RESOLVED_LOCAL)
		file_it(r, &to);
	if (rc == VX_OK && to.kind == VX_RESOLVED_FOREIGN)
		rc = queue_it(s, r, path);
	else if (rc == VX_OK && to.kind == VX_RESOLVED_LOCAL && r->op.target_count == 0)
		rc = queue_it(s, r, to.targets[0].address); /* an alias elsewhere */
	else if (rc == VX_OK && r->op.target_count == 0)
		rc = VX_ENOENT;
	vx_buf_done(&back);
	return rc;
}

static int resolve(struct vx_sender *s, struct sender_report *r)
{
	struct vx_view *v;
	int rc = vx_view_begin(s->o.store, &v);

	if (rc == VX_OK) {
		rc = resolve_in(s, r, v);
		vx_view_end(v);
	}
	return rc;
}

/* --- what it says ----------------------------------------------------------------------
 */

/* The address of a person here. */
static void write_from(struct vx_sender *s, struct vx_buf *out)
{
	struct vx_domain d;
	struct vx_view *v;

	vx_buf_add_str(out, "postmaster@");
	if (vx_view_begin(s->o.store, &v) != VX_OK)
		return;
	if (vx_directory_host_domain(v, vx_slice_str(s->o.hostname), &d) == VX_OK)
		vx_buf_add(out, d.name);
	else
		vx_buf_add_str(out, s->o.hostname);
	vx_view_end(v);
}

/* Octets of the original without blocking the loop for what is in memory. */
static int read_original(
    struct sender_outgoing *o, uint64_t offset, size_t max, vx_slice *out)
{
	int rc = vx_blob_read(o->reader, o->skip + offset, max, out);

	if (rc != VX_WAIT)
		return rc;
	rc = vx_blob_fetch(o->reader, o->skip + offset, max);
	return rc == VX_OK ? vx_blob_read(o->reader, o->skip + offset, max, out) : rc;
}

static int add_whole(
    struct sender_outgoing *o, struct vx_dsn_writer *w, struct vx_buf *out)
{
	vx_slice octets;
	uint64_t at = 0;
	int rc;

	while ((rc = read_original(o, at, 65536, &octets)) == VX_OK && octets.len > 0) {
		vx_dsn_content(w, octets, out);
		at += octets.len;
	}
	return rc;
}

static int compose_with(struct vx_sender *s, struct sender_report *r, vx_slice header,
    vx_slice from, struct vx_buf *out)
{
	struct sender_outgoing *o = r->outgoing;
	struct vx_buf token = { .max = 24 }, id = { .max = 400 };
	char random[12];
	struct vx_dsn_report d = { .hostname = vx_slice_str(s->o.hostname),
		.from = from,
		.to = o->info.reverse_path,
		.now = vx_sender_now(s),
		.arrival = (int64_t)o->info.created,
		.envid = o->info.envid,
		.hold = o->info.hold,
		.recipients = r->recipients,
		.count = r->count,
		.header = header,
		.full = (o->info.flags & VX_QUEUE_RET_FULL) != 0 &&
			o->message.size <= RETURN_MAX,
		.has_8bit = (o->info.flags & VX_QUEUE_HAS_8BIT) != 0 };
	struct vx_dsn_writer w = { 0 };
	int rc;

	vx_random(random, sizeof(random));
	vx_hex_add(&token, vx_slice_of(random, sizeof(random)));
	vx_buf_printf(&id, "%.*s@%s", (int)token.len, token.ptr, s->o.hostname);
	d.token = vx_buf_slice(&token);
	d.message_id = vx_buf_slice(&id);
	rc = vx_dsn_begin(&w, &d, out);
	if (rc == VX_OK && w.returning)
		rc = add_whole(o, &w, out);
	if (rc == VX_OK)
		vx_dsn_end(&w, out);
	r->add.flags |= (w.has_8bit ? VX_QUEUE_8BIT | VX_QUEUE_HAS_8BIT : 0u) |
			(w.needs_utf8 ? VX_QUEUE_UTF8 | VX_QUEUE_HAS_UTF8_HEADER : 0u);
	vx_buf_done(&token);
	vx_buf_done(&id);
	return rc == VX_OK && out->failed ? VX_ELIMIT : rc;
}

static int compose(struct vx_sender *s, struct sender_report *r)
{
	struct sender_outgoing *o = r->outgoing;
	vx_slice header;
	int rc = o->reader == NULL ? vx_sender_prepare(s, o) : VX_OK;

	if (rc == VX_OK)
		rc = read_original(o, 0, VX_DSN_HEADER_MAX, &header);
	if (rc == VX_OK) {
		vx_buf_reset(&r->from);
		write_from(s, &r->from);
		vx_buf_init(&r->text, VX_DSN_OUT_FIXED + VX_DSN_OUT_MAX * r->count +
					  2 * (size_t)RETURN_MAX);
		vx_buf_add_str(&r->text, RETURN_PATH);
		rc = compose_with(s, r, header, vx_buf_slice(&r->from), &r->text);
	}
	return rc;
}

static int write_blob(struct vx_sender *s, struct sender_report *r)
{
	int rc = compose(s, r);

	vx_blob_writer_free(r->writer);
	r->writer = NULL;
	if (rc == VX_OK)
		rc = vx_blob_writer_new(s->o.store, &r->writer);
	if (rc == VX_OK)
		rc = vx_blob_writer_add(r->writer, vx_buf_slice(&r->text));
	r->add.size = r->text.len;
	return rc == VX_WAIT ? VX_OK : rc;
}

/* What leaves is signed; *signing stays NULL when there is no key. */
static int begin_signing(struct vx_sender *s, struct sender_report *r)
{
	const vx_slice from = vx_buf_slice(&r->from);
	const vx_slice text =
	    vx_slice_from(vx_buf_slice(&r->text), sizeof(RETURN_PATH) - 1);
	const size_t end = vx_slice_find_slice(text, VX_S("\r\n\r\n")) + 4;
	int rc;

	vx_buf_reset(&r->signature);
	rc = vx_own_sign_begin(&s->keys,
	    vx_slice_from(from, vx_slice_rfind(from, '@') + 1), vx_slice_head(text, end),
	    &r->signing);
	return rc == VX_OK ? vx_own_sign_body(r->signing, vx_slice_from(text, end)) : rc;
}

/* --- the end
 * ---------------------------------------------------------------------------- */

static void end_without(struct vx_store_op *base)
{
	struct sender_report *r =
	    (struct sender_report *)(void *)((char *)base -
					     offsetof(struct sender_report, without));

	r->done(r->ctx, base->result);
}

/* The mailbox is full or gone: what it tells of has its end nevertheless. */
static int submit_without(struct sender_report *r, int why)
{
	vx_log(r->log, VX_LOG_WARN, "nobody takes a report",
	    VX_KV_Z("id", r->outgoing->info.token),
	    VX_KV_S("to", r->outgoing->info.reverse_path), VX_KV_ERR(why));
	vx_queue_op_init(&r->without);
	r->without.results = r->results;
	r->without.count = r->count;
	r->without.op.done = end_without;
	r->without.op.frees = true;
	return vx_store_submit(r->store, &r->without.op);
}

static bool is_hopeless(int result)
{
	return result == VX_EQUOTA || result == VX_ENOENT || result == VX_EINVAL ||
	       result == VX_ECORRUPT;
}

static void end(struct vx_store_op *base)
{
	struct sender_report *r = (struct sender_report *)base;
	int rc = base->result == VX_ECONFLICT ? VX_OK : base->result;

	if (is_hopeless(rc)) {
		rc = submit_without(r, rc);
		if (rc == VX_OK)
			return;
	}
	if (rc == VX_OK)
		vx_log(r->log, VX_LOG_INFO, "report made",
		    VX_KV_Z("id", r->outgoing->info.token),
		    VX_KV_S("to", r->outgoing->info.reverse_path));
	r->done(r->ctx, rc);
}

static void is_signed(void *ctx, int result)
{
	struct sender_report *r = ctx;

	if (result == VX_OK)
		result = vx_own_sign_write(r->signing, &r->signature);
	vx_own_signing_free(r->signing);
	r->signing = NULL;
	r->add.prefix = vx_buf_slice(&r->signature);
	if (result == VX_OK)
		result = vx_store_submit(r->store, &r->op.op);
	if (result != VX_OK)
		r->done(r->ctx, result);
}

/* It is composed, and where it goes is known. */
static int commit(struct vx_sender *s, struct sender_report *r)
{
	int rc = r->also.add_count > 0 ? begin_signing(s, r) : VX_OK;

	vx_buf_done(&r->text);
	r->op.internal_date = vx_sender_now(s);
	r->op.overfill = true;
	r->op.all_or_none = true;
	r->op.also = vx_queue_also;
	r->op.also_ctx = &r->also;
	r->op.op.done = end;
	if (rc == VX_OK && r->signing != NULL)
		rc = vx_own_sign_submit(r->signing, is_signed, r);
	else if (rc == VX_OK)
		return vx_store_submit(r->store, &r->op.op);
	if (rc != VX_OK) {
		vx_own_signing_free(r->signing);
		r->signing = NULL;
	}
	return rc;
}

int vx_sender_report_submit(struct sender_report *r, struct vx_sender *s,
    void (*done)(void *ctx, int result), void *ctx)
{
	int rc;

	r->done = done;
	r->ctx = ctx;
	r->add = (struct vx_queue_new){ .reverse_path = vx_slice_of("", 0) };
	r->also = (struct vx_queue_also){ .results = r->results, .count = r->count };
	rc = write_blob(s, r);
	if (rc == VX_OK) {
		vx_deliver_op_init(&r->op, r->writer);
		rc = resolve(s, r);
	}
	if (rc == VX_OK)
		return commit(s, r);
	vx_buf_done(&r->text);
	return is_hopeless(rc) ? submit_without(r, rc) : rc;
}

void vx_sender_report_due(
    const struct sender_report *r, struct vx_sender *s, struct destination *d)
{
	for (size_t i = 0; r != NULL && i < r->count; i++)
		if (!r->results[i].finished)
			vx_sender_put_off(s, d, r->results[i].due);
}
