/* Answers: the tagged line, and what comes before it, in steps. */
#include "service/imap_notify.h"

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
		return imap_no(s, out, "[CANNOT] this mailbox is not for that");
	case VX_EACCES:
		return imap_no(s, out, "[NOPERM] you have no right to do that");
	case VX_ELIMIT:
		return imap_no(s, out, "[LIMIT] a limit was reached");
	case VX_ECORRUPT:
		return imap_no(s, out, "[SERVERBUG] stored data is damaged");
	default:
		return imap_no(s, out, "[UNAVAILABLE] try again later");
	}
}

int imap_uid_required(struct imap_session *s, struct vx_buf *out)
{
	return imap_bad(s, out, "[UIDREQUIRED] after ENABLE UIDONLY only UIDs are used");
}

/* --- in steps -------------------------------------------------------------------- */

bool imap_tired(const struct imap_session *s)
{
	struct vx_loop *loop = s->base.host->loop;

	return loop->now_ms(loop) - s->turn_ms >= IMAP_STEP_MS;
}

bool imap_full(const struct imap_session *s, const struct vx_buf *out)
{
	return out->len >= VX_SESSION_HIGH_WATER || imap_tired(s);
}

int imap_answer(struct imap_session *s, const struct imap_answer *answer)
{
	s->answer = *answer;
	s->busy = IMAP_ANSWERING;
	return VX_OK;
}

int imap_done(struct imap_session *s, int rc, const char *ok)
{
	return imap_answer(
	    s, &(struct imap_answer){
		   .sync = true, .expunges = true, .result = rc, .ok = ok });
}

int imap_done_no_expunge(struct imap_session *s, int rc, const char *ok)
{
	return imap_answer(
	    s, &(struct imap_answer){
		   .sync = true, .expunges = s->by_uid, .result = rc, .ok = ok });
}

void imap_answer_drop(struct imap_session *s)
{
	const struct imap_answer a = s->answer;

	s->answer = (struct imap_answer){ 0 };
	if (a.release != NULL)
		a.release(a.state);
	imap_task_free(a.task);
}

/* The body and what changed: VX_OK, they are written. */
static int before_tail(struct imap_session *s, struct vx_buf *out)
{
	struct imap_answer *a = &s->answer;
	int rc = a->body == NULL ? VX_OK : a->body(s, out);

	if (rc != VX_OK)
		return rc;
	a->body = NULL;
	if (a->sync && (a->own || imap_notify_selected(s)))
		imap_sync_begin(s, out, a->expunges);
	a->sync = false;
	return s->view.sync.active ? imap_sync_step(s, out) : VX_OK;
}

int imap_answer_step(struct imap_session *s, struct vx_buf *out)
{
	struct imap_answer *a = &s->answer;
	int rc = before_tail(s, out);

	if (rc == VX_OK)
		rc = a->tail != NULL ? a->tail(s, out)
				     : imap_result(s, out, a->result, a->ok);
	if (rc != VX_OK)
		return rc == VX_DATA ? VX_OK : rc;
	imap_answer_drop(s);
	if (s->busy == IMAP_ANSWERING)
		s->busy = IMAP_IDLE_NOT;
	return VX_OK;
}
