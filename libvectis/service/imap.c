/* The session: greeting, what its octets mean, whose turn it is, the end. */
#include "base/mem.h"
#include "service/imap_notify.h"

#define REPLY_KEEP 512 /* octets that an idle session keeps */

int vx_imap_service_new(
    const struct vx_imap_service_options *o, struct vx_imap_service **out)
{
	struct vx_imap_service *s = vx_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->o = *o;
	*out = s;
	return VX_OK;
}

void vx_imap_service_free(struct vx_imap_service *s)
{
	vx_free(s);
}

/* --- driving --------------------------------------------------------------------- */

/*
 * A command that is too long is refused by its tag when that can be read: a client that
 * offered a literal waits for just that (RFC 7888 4).
 */
static int too_long(struct imap_session *s, vx_slice line, struct vx_buf *out)
{
	struct vx_cursor c = vx_cursor_of(line);
	vx_slice tag;

	if (s->busy == IMAP_IDLE_NOT) {
		vx_arena_reset(&s->arena);
		s->tag = vx_slice_of("", 0);
		if (vx_imap_tag(&c, &tag) && vx_imap_sp(&c))
			(void)vx_arena_copy(&s->arena, tag, &s->tag);
	}
	s->busy = IMAP_IDLE_NOT;
	vx_sasl_done(&s->sasl);
	imap_append_drop(s);
	return imap_bad(s, out, "the command is too long, or its line ends without CR");
}

static int on_event(struct imap_session *s, enum vx_imap_frame_event event,
    vx_slice octets, struct vx_buf *out)
{
	const vx_slice line = vx_buf_slice(&s->frame.command);

	switch (event) {
	case VX_IMAP_COMMAND:
		if (s->busy == IMAP_SASL)
			return imap_sasl_response(s, line, out);
		if (s->busy == IMAP_IDLING)
			return imap_end_idle(s, line, out);
		if (s->busy == IMAP_APPENDING)
			return imap_append_end(s, out);
		if (line.len == 0)
			return VX_OK;
		return imap_run_command(s, line, out);
	case VX_IMAP_MESSAGE:
		return imap_append_begin(s, out);
	case VX_IMAP_OCTETS:
		return imap_append_octets(s, octets);
	case VX_IMAP_TOO_LONG:
		return too_long(s, line, out);
	}
	return VX_ESTATE;
}

static int next_event(struct imap_session *s, vx_slice *in, struct vx_buf *out)
{
	enum vx_imap_frame_event event;
	vx_slice octets = { 0 };
	const int rc = vx_imap_frame_next(&s->frame, in, out, &event, &octets);

	if (rc == VX_DATA)
		return on_event(s, event, octets, out);
	if (rc == VX_DONE)
		vx_buf_add_str(out, "* BYE a literal is too large\r\n");
	return rc;
}

static int idle_step(struct imap_session *s, vx_slice *in, struct vx_buf *out)
{
	if (imap_notify_pending(s) || (s->view.changed && imap_notify_selected(s)))
		return imap_notify_tell(s);
	return next_event(s, in, out);
}

static int step(struct imap_session *s, vx_slice *in, struct vx_buf *out)
{
	if (s->append_waits)
		return VX_WAIT;
	if (s->task != NULL)
		return s->task_done ? imap_finish_task(s, out) : VX_WAIT;
	if (s->busy == IMAP_ANSWERING)
		return imap_answer_step(s, out);
	if (s->closing)
		return VX_DONE;
	if (s->starting_tls)
		return VX_TLS;
	if (s->zip_next != NULL || s->zip_ends)
		return VX_MORE;
	if (s->busy == IMAP_IDLING)
		return idle_step(s, in, out);
	if (s->busy == IMAP_IDLE_NOT && imap_notify_pending(s))
		return imap_notify_tell(s);
	return next_event(s, in, out);
}

/* Hand on what was written; VX_DATA: more is left, or out is full. */
static int flush(struct imap_session *s, struct vx_buf *out)
{
	const vx_slice rest = vx_slice_from(vx_buf_slice(&s->reply), s->reply_at);
	const vx_slice part = vx_slice_head(rest, VX_SESSION_HIGH_WATER);

	if (s->reply.failed)
		return VX_ENOMEM;
	if (out->len >= VX_SESSION_HIGH_WATER)
		return VX_DATA;
	vx_buf_add(out, part);
	s->reply_at += part.len;
	if (part.len < rest.len)
		return VX_DATA;
	s->reply_at = 0;
	vx_buf_shrink(&s->reply, REPLY_KEEP);
	return out->len >= VX_SESSION_HIGH_WATER ? VX_DATA : VX_OK;
}

static void greet(struct imap_session *s)
{
	s->greeted = true;
	vx_buf_add_str(&s->reply, "* OK [");
	imap_write_capability(s, &s->reply);
	vx_buf_printf(&s->reply, "] %s ready\r\n", s->service->o.hostname);
}

static bool too_late(const struct imap_session *s)
{
	struct vx_loop *loop = s->base.host->loop;

	return s->state == IMAP_EARLY &&
	       loop->now_ms(loop) - s->opened_ms > s->service->o.login_s * 1000;
}

/* There is more to do, but others have waited long enough. */
static int yield(struct imap_session *s)
{
	s->base.host->wake(s->base.host);
	return VX_WAIT;
}

/* One turn, in plain text. */
static int talk(struct vx_session *base, vx_slice *in, struct vx_buf *out)
{
	struct imap_session *s = (struct imap_session *)base;
	int rc = VX_OK, flushed;

	if (!s->greeted)
		greet(s);
	if (too_late(s)) /* one octet a minute does not keep it open */
		return VX_DONE;
	while (rc == VX_OK) {
		flushed = flush(s, out);
		if (flushed != VX_OK)
			return flushed;
		if (imap_tired(s))
			return yield(s);
		if (s->fetch != NULL && s->task == NULL && imap_fetch_streaming(s->fetch))
			rc = imap_fetch_stream(s, out);
		else
			rc = step(s, in, &s->reply);
	}
	if (rc < 0 || s->reply.len == 0)
		return rc;
	flushed = flush(s, out);
	return flushed < 0 || s->reply.len > 0 ? flushed : rc;
}

/* Say something out of turn. */
static void say(struct imap_session *s, struct vx_buf *out, const char *text)
{
	if (s->zip == NULL)
		vx_buf_add_str(out, text);
	else
		(void)vx_zip_say(s->zip, vx_slice_str(text), out);
}

/* The zip's last answer was given: what the client still sends of its stream. */
static int leave_zip(struct imap_session *s, vx_slice *in, struct vx_buf *out)
{
	const int rc = vx_zip_end_in(s->zip_last, in);

	if (rc == VX_MORE)
		return VX_MORE;
	vx_zip_free(s->zip_last);
	s->zip_last = NULL;
	if (rc == VX_ESYNTAX) {
		say(s, out, "* BYE the compressed data does not end here\r\n");
		return VX_DONE;
	}
	return rc;
}

static int drive_zipped(struct imap_session *s, vx_slice *in, struct vx_buf *out)
{
	int rc = vx_zip_drive(s->zip, &s->base, talk, in, out);

	if (rc == VX_DONE && vx_zip_broken(s->zip))
		say(s, out, "* BYE the compressed data ends, or is damaged\r\n");
	if (rc == VX_MORE && s->busy == IMAP_IDLING)
		vx_zip_rest(s->zip);
	if (rc == VX_MORE && s->zip_ends) {
		s->zip_last = s->zip;
		s->zip = NULL;
		s->zip_ends = false;
		rc = VX_OK;
	}
	return rc;
}

/*
 * With COMPRESS a zip stands between the loop and talk.  It begins right after the line
 * that says so (RFC 4978 3): what the client sent behind the command is taken as
 * compressed already.
 */
static int drive(struct vx_session *base, vx_slice *in, struct vx_buf *out)
{
	struct imap_session *s = (struct imap_session *)base;
	int rc = VX_OK;

	s->turn_ms = s->base.host->loop->now_ms(s->base.host->loop);
	while (rc == VX_OK) {
		if (s->zip != NULL) {
			rc = drive_zipped(s, in, out);
			continue;
		}
		if (s->zip_last != NULL)
			rc = leave_zip(s, in, out);
		if (rc == VX_OK)
			rc = talk(base, in, out);
		if (rc == VX_MORE && s->zip_next != NULL) {
			s->zip = s->zip_next;
			s->zip_next = NULL;
			rc = VX_OK;
		}
	}
	return rc;
}

static void tls_ready(struct vx_session *base, const struct vx_session_tls *tls)
{
	struct imap_session *s = (struct imap_session *)base;

	s->secure = true;
	s->starting_tls = false;
	vx_sasl_bind(&s->binding, tls->exporter);
}

static uint64_t patience_ms(const struct vx_session *base)
{
	const struct imap_session *s = (const struct imap_session *)base;

	if (s->state == IMAP_EARLY)
		return s->service->o.login_s * 1000;
	return s->service->o.idle_s * 1000;
}

static void bye(struct imap_session *s, struct vx_buf *out, const char *text)
{
	const bool quiet =
	    s->reply.len == 0 && s->busy != IMAP_ANSWERING && !s->view.sync.active;

	/* not into the middle of an answer */
	if (!s->stop_said && quiet && s->fetch == NULL)
		say(s, out, text);
	s->stop_said = true;
}

static void timeout(struct vx_session *base, struct vx_buf *out)
{
	bye((struct imap_session *)base, out, "* BYE silent for too long\r\n");
}

static void stop(struct vx_session *base, struct vx_buf *out)
{
	bye((struct imap_session *)base, out, "* BYE the server stops\r\n");
}

static void free_session(struct vx_session *base)
{
	struct imap_session *s = (struct imap_session *)base;

	imap_answer_drop(s);
	imap_view_close(s);
	imap_notify_free(s->notify);
	imap_fetch_free(s->fetch);
	imap_task_free(s->task);
	imap_append_drop(s);
	vx_sasl_done(&s->sasl);
	vx_zip_free(s->zip);
	vx_zip_free(s->zip_next);
	vx_zip_free(s->zip_last);
	vx_imap_frame_done(&s->frame);
	vx_buf_done(&s->reply);
	vx_arena_done(&s->arena);
	vx_free(s);
}

static const struct vx_session_ops ops = {
	.drive = drive,
	.tls_ready = tls_ready,
	.patience_ms = patience_ms,
	.timeout = timeout,
	.stop = stop,
	.free = free_session,
};

int vx_imap_session_new(struct vx_imap_service *service, const struct vx_peer *peer,
    struct vx_session_host *host, struct vx_session **out)
{
	struct imap_session *s = vx_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->base = (struct vx_session){ .ops = &ops, .host = host };
	s->service = service;
	s->peer = *peer;
	s->secure = peer->implicit_tls;
	s->opened_ms = host->loop->now_ms(host->loop);
	vx_imap_frame_init(&s->frame);
	vx_buf_init(&s->reply, IMAP_REPLY_MAX);
	vx_arena_init(&s->arena, IMAP_ARENA_MAX);
	*out = &s->base;
	return VX_OK;
}
