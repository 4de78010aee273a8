/* The session: greeting, login, the table of commands, IDLE. */
#include "base/mem.h"
#include "service/imap_int.h"

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

/* --- answering ------------------------------------------------------------------- */

static int tagged(
    struct imap_session *s, struct vx_buf *out, const char *word, const char *text)
{
	vx_buf_add(out, s->tag.len > 0 ? s->tag : VX_S("*"));
	vx_buf_printf(out, " %s %s\r\n", word, text);
	return VX_OK;
}

int imap_ok(struct imap_session *s, struct vx_buf *out, const char *text)
{
	return tagged(s, out, "OK", text);
}

int imap_no(struct imap_session *s, struct vx_buf *out, const char *text)
{
	return tagged(s, out, "NO", text);
}

int imap_bad(struct imap_session *s, struct vx_buf *out, const char *text)
{
	(void)tagged(s, out, "BAD", text);
	if (++s->bad >= VX_IMAP_BAD_MAX) {
		vx_buf_add_str(out, "* BYE too many bad commands\r\n");
		s->closing = true;
	}
	return VX_OK;
}

int imap_result(struct imap_session *s, struct vx_buf *out, int rc, const char *ok)
{
	switch (rc) {
	case VX_OK:
		return imap_ok(s, out, ok);
	case VX_ENOENT:
		return imap_no(s, out, "[NONEXISTENT] no such mailbox");
	case VX_EEXIST:
		return imap_no(s, out, "[ALREADYEXISTS] this mailbox exists already");
	case VX_EQUOTA:
		return imap_no(s, out, "[OVERQUOTA] the mailbox is full");
	case VX_ENOSPC:
		return imap_no(
		    s, out, "[OVERQUOTA] no space left on the server: try again later");
	case VX_EINVAL:
		return imap_no(s, out, "[CANNOT] this name is not possible");
	case VX_EPERM:
		return imap_no(s, out, "[CANNOT] this mailbox cannot be deleted");
	case VX_ELIMIT:
		return imap_no(s, out, "[LIMIT] a limit was reached");
	case VX_ECORRUPT:
		return imap_no(s, out, "[SERVERBUG] stored data is damaged");
	default:
		return imap_no(s, out, "[UNAVAILABLE] try again later");
	}
}

int imap_done(struct imap_session *s, struct vx_buf *out, int rc, const char *ok)
{
	imap_view_sync(s, out, true);
	return imap_result(s, out, rc, ok);
}

int imap_done_no_expunge(
    struct imap_session *s, struct vx_buf *out, int rc, const char *ok)
{
	imap_view_sync(s, out, s->by_uid);
	return imap_result(s, out, rc, ok);
}

/* --- tasks ----------------------------------------------------------------------- */

struct imap_task *imap_task_new(struct imap_session *s,
    int (*finish)(struct imap_session *s, struct imap_task *t, struct vx_buf *out))
{
	struct imap_task *t = vx_alloc(sizeof(*t));

	if (t == NULL)
		return NULL;
	t->session = s;
	t->finish = finish;
	vx_arena_init(&t->arena, IMAP_ARENA_MAX);
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

static int refused(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	t->under_way = false;
	if (t != s->finishing)
		imap_task_free(t);
	return imap_result(s, out, VX_ETEMP, "");
}

int imap_submit(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{

	t->u.op.done = op_over;
	t->under_way = true;
	if (vx_store_submit(s->service->o.store, &t->u.op) != VX_OK)
		return refused(s, t, out);
	s->task = t;
	s->busy = IMAP_OP;
	return VX_WAIT;
}

int imap_submit_job(struct imap_session *s, struct imap_task *t, struct vx_buf *out,
    void (*run)(struct vx_job *job))
{
	t->u.job = (struct vx_job){ .run = run, .done = job_over };
	t->under_way = true;
	if (s->base.host->loop->submit(s->base.host->loop, &t->u.job) != VX_OK)
		return refused(s, t, out);
	s->task = t;
	s->busy = IMAP_JOB;
	return VX_WAIT;
}

static int finish_task(struct imap_session *s, struct vx_buf *out)
{
	struct imap_task *t = s->task;
	int rc;

	s->task = NULL;
	s->task_done = false;
	s->busy = IMAP_IDLE_NOT;
	s->finishing = t;
	rc = t->finish(s, t, out);
	s->finishing = NULL;
	if (s->task != t)
		imap_task_free(t);
	return rc;
}

/* --- capabilities ---------------------------------------------------------------- */

void imap_write_capability(const struct imap_session *s, struct vx_buf *out)
{
	vx_buf_add_str(out, "CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL- SASL-IR ID ENABLE");
	if (s->state == IMAP_EARLY)
		vx_sasl_write_offer(out, " AUTH=", &s->binding);
	else
		vx_buf_add_str(out,
		    " IDLE NAMESPACE UIDPLUS MOVE SPECIAL-USE UNSELECT ESEARCH SEARCHRES"
		    " STATUS=SIZE LIST-EXTENDED LIST-STATUS CONDSTORE CHILDREN");
}

static int cmd_capability(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	vx_buf_add_str(out, "* ");
	imap_write_capability(s, out);
	vx_buf_add_str(out, "\r\n");
	return imap_ok(s, out, "done");
}

static int cmd_noop(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	return imap_done(s, out, VX_OK, "done");
}

static int cmd_logout(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	vx_buf_add_str(out, "* BYE logging out\r\n");
	s->closing = true;
	return imap_ok(s, out, "bye");
}

static int cmd_id(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	vx_buf_add_str(out, "* ID (\"name\" \"Vectis\")\r\n");
	return imap_ok(s, out, "done");
}

static int cmd_enable(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	vx_slice name;

	vx_buf_add_str(out, "* ENABLED");
	while (vx_imap_sp(c) && vx_imap_atom(c, &name)) {
		if (vx_slice_eq_nocase(name, VX_S("IMAP4rev2"))) {
			s->rev2 = true;
			vx_buf_add_str(out, " IMAP4rev2");
		} else if (vx_slice_eq_nocase(name, VX_S("CONDSTORE"))) {
			s->condstore = true;
			vx_buf_add_str(out, " CONDSTORE");
		}
	}
	vx_buf_add_str(out, "\r\n");
	return imap_ok(s, out, "done");
}

/* --- IDLE ------------------------------------------------------------------------ */

static int cmd_idle(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	imap_view_sync(s, out, true);
	vx_buf_add_str(out, "+ idling\r\n");
	s->busy = IMAP_IDLING;
	return VX_OK;
}

static int end_idle(struct imap_session *s, vx_slice line, struct vx_buf *out)
{
	s->busy = IMAP_IDLE_NOT;
	if (!vx_slice_eq_nocase(line, VX_S("DONE")))
		return imap_bad(s, out, "DONE was expected");
	return imap_done(s, out, VX_OK, "idle ended");
}

/* --- the table ------------------------------------------------------------------- */

enum {
	ANY = 1,
	EARLY = 2,
	LOGGED_IN = 4,
	SELECTED = 8,
	UID_TOO = 16,
	PLAIN_TOO = 32
};

static const struct command {
	const char *name;
	imap_command_fn *run;
	unsigned rules;
} commands[] = {
	{ "CAPABILITY", cmd_capability, ANY },
	{ "NOOP", cmd_noop, ANY },
	{ "LOGOUT", cmd_logout, ANY },
	{ "ID", cmd_id, ANY },
	{ "LOGIN", imap_cmd_login, EARLY },
	{ "AUTHENTICATE", imap_cmd_authenticate, EARLY },
	{ "ENABLE", cmd_enable, LOGGED_IN },
	{ "SELECT", imap_cmd_select, LOGGED_IN },
	{ "EXAMINE", imap_cmd_examine, LOGGED_IN },
	{ "CREATE", imap_cmd_create, LOGGED_IN },
	{ "DELETE", imap_cmd_delete, LOGGED_IN },
	{ "RENAME", imap_cmd_rename, LOGGED_IN },
	{ "SUBSCRIBE", imap_cmd_subscribe, LOGGED_IN },
	{ "UNSUBSCRIBE", imap_cmd_unsubscribe, LOGGED_IN },
	{ "LIST", imap_cmd_list, LOGGED_IN },
	{ "LSUB", imap_cmd_lsub, LOGGED_IN },
	{ "STATUS", imap_cmd_status, LOGGED_IN },
	{ "NAMESPACE", imap_cmd_namespace, LOGGED_IN },
	{ "IDLE", cmd_idle, LOGGED_IN },
	{ "CHECK", imap_cmd_check, SELECTED },
	{ "CLOSE", imap_cmd_close, SELECTED },
	{ "UNSELECT", imap_cmd_unselect, SELECTED },
	{ "EXPUNGE", imap_cmd_expunge, SELECTED | UID_TOO },
	{ "FETCH", imap_cmd_fetch, SELECTED | UID_TOO },
	{ "STORE", imap_cmd_store, SELECTED | UID_TOO },
	{ "COPY", imap_cmd_copy, SELECTED | UID_TOO },
	{ "MOVE", imap_cmd_move, SELECTED | UID_TOO },
	{ "SEARCH", imap_cmd_search, SELECTED | UID_TOO },
};

static bool allowed(const struct imap_session *s, unsigned rules)
{
	if ((rules & ANY) != 0)
		return true;
	if ((rules & EARLY) != 0)
		return s->state == IMAP_EARLY;
	if ((rules & LOGGED_IN) != 0)
		return s->state == IMAP_AUTH || s->state == IMAP_SELECTED;
	return s->state == IMAP_SELECTED;
}

static int run_command(struct imap_session *s, vx_slice line, struct vx_buf *out)
{
	struct vx_cursor c;
	vx_slice name, tag;
	const struct command *cmd = NULL;

	vx_arena_reset(&s->arena);
	s->tag = vx_slice_of("", 0);
	s->by_uid = false;
	if (vx_arena_copy(&s->arena, line, &line) != VX_OK)
		return VX_ENOMEM;
	c = vx_cursor_of(line);
	if (!vx_imap_tag(&c, &tag) || !vx_imap_sp(&c))
		return imap_bad(s, out, "a tag and a command are expected");
	s->tag = tag;
	if (!vx_imap_atom(&c, &name))
		return imap_bad(s, out, "a command is expected after the tag");
	if (vx_slice_eq_nocase(name, VX_S("UID"))) {
		s->by_uid = true;
		if (!vx_imap_sp(&c) || !vx_imap_atom(&c, &name))
			return imap_bad(s, out, "a command is expected after UID");
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (vx_slice_eq_nocase(name, vx_slice_str(commands[i].name)))
			cmd = &commands[i];
	if (cmd == NULL || (s->by_uid && (cmd->rules & UID_TOO) == 0))
		return imap_bad(s, out, "there is no such command");
	if (!allowed(s, cmd->rules))
		return imap_bad(s, out,
		    s->state == IMAP_EARLY ? "log in first"
		    : s->state == IMAP_AUTH && (cmd->rules & SELECTED) != 0
			? "select a mailbox first"
			: "not in this state");
	return cmd->run(s, &c, out);
}

/* --- driving --------------------------------------------------------------------- */

static int on_event(struct imap_session *s, enum vx_imap_frame_event event,
    vx_slice octets, struct vx_buf *out)
{
	const vx_slice line = vx_buf_slice(&s->frame.command);

	switch (event) {
	case VX_IMAP_COMMAND:
		if (s->busy == IMAP_SASL)
			return imap_sasl_response(s, line, out);
		if (s->busy == IMAP_IDLING)
			return end_idle(s, line, out);
		if (s->busy == IMAP_APPENDING)
			return imap_append_end(s, out);
		if (line.len == 0)
			return VX_OK;
		return run_command(s, line, out);
	case VX_IMAP_MESSAGE:
		return imap_append_begin(s, out, s->frame.message);
	case VX_IMAP_OCTETS:
		return imap_append_octets(s, octets);
	case VX_IMAP_TOO_LONG:
		s->tag = vx_slice_of("", 0);
		s->busy = IMAP_IDLE_NOT;
		vx_sasl_done(&s->sasl);
		imap_append_drop(s);
		return imap_bad(
		    s, out, "the command is too long, or its line ends without CR");
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

static int step(struct imap_session *s, vx_slice *in, struct vx_buf *out)
{
	if (s->closing)
		return VX_DONE;
	if (s->append_waits)
		return VX_WAIT;
	if (s->task != NULL)
		return s->task_done ? finish_task(s, out) : VX_WAIT;
	if (s->busy == IMAP_FETCHING)
		return imap_fetch_step(s, out);
	if (s->busy == IMAP_IDLING && s->view.changed)
		imap_view_sync(s, out, true);
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

static int drive(struct vx_session *base, vx_slice *in, struct vx_buf *out)
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

static void tls_ready(struct vx_session *base, const struct vx_session_tls *tls)
{
	vx_sasl_bind(&((struct imap_session *)base)->binding, tls->exporter);
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
	if (!s->stop_said && s->fetch == NULL && s->reply.len == 0)
		vx_buf_printf(out, "* BYE %s\r\n", text);
	s->stop_said = true;
}

static void timeout(struct vx_session *base, struct vx_buf *out)
{
	bye((struct imap_session *)base, out, "silent for too long");
}

static void stop(struct vx_session *base, struct vx_buf *out)
{
	bye((struct imap_session *)base, out, "the server stops");
}

static void free_session(struct vx_session *base)
{
	struct imap_session *s = (struct imap_session *)base;

	imap_view_close(s);
	imap_fetch_free(s->fetch);
	imap_task_free(s->task);
	if (s->writer != NULL)
		vx_blob_writer_on_wake(s->writer, NULL, NULL);
	vx_blob_writer_free(s->writer);
	vx_sasl_done(&s->sasl);
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
	s->opened_ms = host->loop->now_ms(host->loop);
	vx_imap_frame_init(&s->frame);
	vx_buf_init(&s->reply, IMAP_REPLY_MAX);
	vx_arena_init(&s->arena, IMAP_ARENA_MAX);
	*out = &s->base;
	return VX_OK;
}
