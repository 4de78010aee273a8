/* APPEND and REPLACE: messages go into blobs while they come, one op files them all. */
#include "service/imap_notify.h"

#include "vectis/date.h"

#include <stdio.h>

static void wake(void *ctx)
{
	struct imap_session *s = ctx;

	s->append_waits = false;
	s->base.host->wake(s->base.host);
}

void imap_append_drop(struct imap_session *s)
{
	if (s->writer != NULL)
		vx_blob_writer_on_wake(s->writer, NULL, NULL);
	vx_blob_writer_free(s->writer);
	s->writer = NULL;
	s->append_waits = false;
	for (size_t i = 0; i < s->append.held_count; i++)
		vx_blob_writer_free(s->append.held[i].writer);
	s->append.held_count = s->append.held_octets = 0;
}

/* What a command asks for before its message. */
struct asked {
	bool replace;
	uint32_t number; /* of the message to be replaced; 0: the last */
	vx_slice name;
};

/* " number": of the message that goes. */
static bool parse_number(struct imap_session *s, struct vx_cursor *c, struct asked *a)
{
	uint64_t n = 0;

	a->replace = true;
	if (!vx_imap_sp(c) || ((s->by_uid || !vx_cur_char(c, '*')) &&
				  (!vx_cur_number(c, UINT32_MAX, &n) || n == 0)))
		return false;
	a->number = (uint32_t)n;
	return true;
}

/* "tag APPEND", "tag REPLACE number", "tag UID REPLACE number" */
static bool parse_verb(struct imap_session *s, struct vx_cursor *c, struct asked *a)
{
	vx_slice word;

	if (!vx_imap_tag(c, &s->tag) || !vx_imap_sp(c) || !vx_imap_atom(c, &word))
		return false;
	s->by_uid = vx_slice_eq_nocase(word, VX_S("UID"));
	if (s->by_uid && (!vx_imap_sp(c) || !vx_imap_atom(c, &word)))
		return false;
	return !vx_slice_eq_nocase(word, VX_S("REPLACE")) || parse_number(s, c, a);
}

/* "[(flags) ]["date" ]" */
static bool parse_options(
    struct imap_session *s, struct vx_cursor *c, struct imap_append_act *act)
{
	vx_slice date;

	*act = (struct imap_append_act){ .type = IMAP_APPEND_NEW, .date = INT64_MIN };
	if (vx_cur_peek(c) == '(' &&
	    (!vx_imap_flags(c, &s->arena, true, &act->flags) || !vx_imap_sp(c)))
		return false;
	return vx_cur_peek(c) != '"' ||
	       (vx_imap_string(c, &s->arena, &date) &&
		   vx_date_imap_parse(date, &act->date) == VX_OK && vx_imap_sp(c));
}

/* One message is three acts; there is room for many only when many come. */
static bool grow_acts(struct imap_session *s)
{
	struct imap_append *a = &s->append;
	const size_t cap = a->act_cap == 0 ? 4 : a->act_cap * 2;
	struct imap_append_act *grown;

	if (a->act_cap == IMAP_APPEND_ACTS_MAX)
		return false;
	grown = vx_arena_array(&s->arena, cap, sizeof(*grown));
	if (grown == NULL)
		return false;
	if (a->act_count > 0)
		memcpy(grown, a->acts, a->act_count * sizeof(*grown));
	a->acts = grown;
	a->act_cap = cap;
	return true;
}

static struct imap_append_act *add_act(struct imap_session *s, enum imap_append_type type)
{
	struct imap_append *a = &s->append;
	struct imap_append_act *act;

	if (a->act_count == a->act_cap && !grow_acts(s))
		return NULL;
	act = &a->acts[a->act_count++];
	*act = (struct imap_append_act){ .type = type };
	return act;
}

/* Parts up to the octets of a TEXT, or to ")" (RFC 4469 5). */
static bool parse_parts(struct imap_session *s, struct vx_cursor *c, bool first)
{
	struct imap_append *a = &s->append;
	struct imap_append_act *act;

	for (; first || !vx_cur_char(c, ')'); first = false) {
		if (!first && !vx_imap_sp(c))
			return false;
		if (vx_cur_text(c, VX_S("TEXT "))) {
			a->binary = vx_cur_char(c, '~');
			return vx_cur_peek(c) == '{' &&
			       add_act(s, IMAP_APPEND_LITERAL) != NULL;
		}
		if (!vx_cur_text(c, VX_S("URL ")) ||
		    (act = add_act(s, IMAP_APPEND_URL)) == NULL ||
		    !vx_imap_astring(c, &s->arena, &act->url))
			return false;
	}
	a->catenate = false;
	return true;
}

/* A message from its options on, up to octets that come, or to its end. */
static bool parse_message(struct imap_session *s, struct vx_cursor *c)
{
	struct imap_append *a = &s->append;
	struct imap_append_act *act = add_act(s, IMAP_APPEND_NEW);

	if (act == NULL || !parse_options(s, c, act))
		return false;
	a->catenate = vx_cur_text(c, VX_S("CATENATE ("));
	if (a->catenate)
		return parse_parts(s, c, true);
	a->utf8 = vx_cur_text(c, VX_S("UTF8 ("));
	a->binary = vx_cur_char(c, '~');
	return vx_cur_peek(c) == '{' && (!a->utf8 || a->binary) &&
	       add_act(s, IMAP_APPEND_LITERAL) != NULL;
}

/* What is to be done up to the next octets that come, or to the command's end. */
static bool parse_rest(struct imap_session *s, struct vx_cursor *c)
{
	struct imap_append *a = &s->append;

	if (a->catenate && !parse_parts(s, c, false))
		return false;
	if (a->utf8 && !vx_cur_char(c, ')'))
		return false;
	if (a->catenate) /* the octets of a TEXT come */
		return true;
	a->utf8 = false;
	do {
		if (vx_cur_end(c))
			return add_act(s, IMAP_APPEND_SUBMIT) != NULL;
		if (!vx_imap_sp(c) || !parse_message(s, c))
			return false;
	} while (vx_cur_peek(c) != '{');
	return true;
}

static bool parse(struct imap_session *s, struct vx_cursor *c, struct asked *a)
{
	return parse_verb(s, c, a) && vx_imap_sp(c) &&
	       imap_mailbox_name(s, c, &a->name) && vx_imap_sp(c) &&
	       parse_message(s, c) && (vx_cur_peek(c) == '{' || parse_rest(s, c));
}

/* The UID of the message that goes; VX_OK, or the refusal was written (VX_DONE). */
static int find_replaced(
    struct imap_session *s, const struct asked *a, struct vx_buf *out)
{
	const unsigned remove = VX_RIGHT_DELETED | VX_RIGHT_EXPUNGE; /* RFC 8508 4.1 */
	const struct vx_snapshot *snap = s->view.snapshot;
	uint32_t seq;

	if (s->state != IMAP_SELECTED) {
		(void)imap_bad(s, out, "select a mailbox first");
		return VX_DONE;
	}
	if (!s->by_uid && s->enabled[IMAP_UIDONLY]) {
		(void)imap_uid_required(s, out);
		return VX_DONE;
	}
	(void)imap_view_rights(s); /* they may be others than when it was selected */
	seq = s->by_uid        ? vx_snapshot_seq(snap, a->number)
	      : a->number == 0 ? vx_snapshot_count(snap)
			       : a->number;
	s->append.replaces = seq == 0 ? 0 : vx_snapshot_uid(snap, seq);
	if (s->view.read_only)
		(void)imap_no(s, out, "[READ-ONLY] the mailbox was opened with EXAMINE");
	else if ((s->view.rights & remove) != remove)
		(void)imap_result(s, out, VX_EACCES, "");
	else if (s->append.replaces == 0 && s->by_uid)
		(void)imap_no(s, out, "there is no message with this UID");
	else if (s->append.replaces == 0)
		(void)imap_bad(s, out, "there are not so many messages");
	else
		return VX_OK;
	return VX_DONE;
}

/* The flags that may be set there; the rest is left out (RFC 4314 4). */
static void drop_flags(struct imap_session *s, struct vx_imap_flags *flags)
{
	flags->system &= imap_flag_mask(s->append.rights);
	if ((s->append.rights & VX_RIGHT_WRITE) == 0)
		flags->keyword_count = 0;
}

/* VX_OK, or the refusal was written. */
static int check(struct imap_session *s, const struct asked *a, struct vx_buf *out)
{
	struct imap_place p;
	int rc;

	s->append.replaces = 0;
	if (s->state == IMAP_EARLY) {
		(void)imap_bad(s, out, "log in first");
	} else if (a->replace && find_replaced(s, a, out) != VX_OK) {
		return VX_DONE;
	} else if ((rc = imap_reach(s, a->name, VX_RIGHT_INSERT, &p)) == VX_EACCES) {
		(void)imap_result(s, out, rc, "");
	} else if (rc != VX_OK) {
		(void)imap_no_target(s, out, a->name);
	} else {
		s->append.account = p.account;
		s->append.mailbox = p.mailbox;
		s->append.rights = p.rights;
		return VX_OK;
	}
	return VX_DONE;
}

/* --- doing it, one act after another ------------------------------------------------ */

int imap_append_fail(struct imap_session *s)
{
	imap_append_drop(s);
	s->busy = IMAP_IDLE_NOT;
	if (s->frame.asked)
		vx_imap_frame_refuse(&s->frame);
	return VX_OK;
}

static int not_taken(struct imap_session *s, struct vx_buf *out)
{
	if (s->append.failed == VX_EPROTO)
		return imap_bad(s, out, "a message cannot have NUL octets");
	if (s->append.failed == VX_EUNSUP)
		return imap_no(s, out, "[UNKNOWN-CTE] binary messages are not kept");
	return imap_result(s, out, s->append.failed, "");
}

/* The message before is durable, though filed nowhere: the next one may come. */
static int kept(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct imap_append *a = &s->append;
	struct imap_held *last = &a->held[a->held_count - 1];

	last->writer = t->data;
	t->data = NULL;
	a->held_octets += vx_blob_writer_keep(last->writer);
	if (t->result != VX_OK)
		(void)imap_result(s, out, t->result, "");
	else if (a->held_octets > IMAP_APPEND_HELD_MAX)
		(void)imap_no(s, out, "[LIMIT] too much in one APPEND");
	else
		return imap_append_go(s, out);
	return imap_append_fail(s);
}

static void release_kept(struct imap_task *t)
{
	vx_blob_writer_free(t->data);
}

/* What is complete joins the others; VX_OK, or the refusal was written. */
static int hold(struct imap_session *s, struct vx_buf *out)
{
	struct imap_append *a = &s->append;
	struct vx_loop *loop = s->base.host->loop;

	if (a->replaces != 0) {
		(void)imap_bad(s, out, "one message at a time");
	} else if (a->held_count + 1 >= IMAP_APPEND_MAX) {
		(void)imap_no(s, out, "[LIMIT] too many messages in one APPEND");
	} else {
		if (a->held_count == 0) {
			a->began_s = loop->now_s(loop);
			a->held =
			    vx_arena_array(&s->arena, IMAP_APPEND_MAX, sizeof(*a->held));
		}
		if (a->held == NULL) {
			(void)imap_result(s, out, VX_ENOMEM, "");
			return VX_DONE;
		}
		vx_blob_writer_on_wake(s->writer, NULL, NULL);
		a->held[a->held_count++] =
		    (struct imap_held){ s->writer, a->flags, a->date };
		s->writer = NULL;
		return VX_OK;
	}
	return VX_DONE;
}

/* VX_WAIT, or it was answered. */
static int keep(struct imap_session *s, struct vx_buf *out)
{
	struct imap_task *t = imap_task_new(s, kept);
	struct imap_held *last;

	if (t == NULL || hold(s, out) != VX_OK) {
		if (t == NULL)
			(void)imap_result(s, out, VX_ENOMEM, "");
		imap_task_free(t);
		return imap_append_fail(s);
	}
	last = &s->append.held[s->append.held_count - 1];
	vx_keep_op_init(&t->u.op, last->writer);
	t->data = last->writer;
	t->release = release_kept;
	last->writer = NULL;
	return imap_submit(s, t, out) == VX_WAIT ? VX_WAIT : imap_append_fail(s);
}

/* Of the message that is complete; VX_OK, or the refusal was written. */
static int check_message(struct imap_session *s, struct vx_buf *out)
{
	if (s->append.failed != VX_OK)
		(void)not_taken(s, out);
	else if (vx_blob_writer_size(s->writer) == 0)
		(void)imap_no(s, out, "[CANNOT] an empty message cannot be kept");
	else
		return VX_OK;
	return VX_DONE;
}

/* VX_OK: octets come; or it was answered. */
static int begin_literal(struct imap_session *s, struct vx_buf *out)
{
	const uint64_t size = s->frame.message, max = s->service->o.message_octets_max;

	if (size > max || vx_blob_writer_size(s->writer) > max - size)
		(void)imap_no(
		    s, out, "[TOOBIG] the message is larger than this server takes");
	else if (size == 0 && !s->append.catenate)
		(void)imap_no(s, out, "[CANNOT] an empty message cannot be kept");
	else {
		s->busy = IMAP_APPENDING;
		vx_imap_frame_accept(&s->frame, out);
		return VX_OK;
	}
	return imap_append_fail(s);
}

/* VX_OK: go on; VX_WAIT: once more when the message before is kept; VX_DONE: answered. */
static int begin_message(
    struct imap_session *s, const struct imap_append_act *act, struct vx_buf *out)
{
	int rc;

	if (s->writer != NULL && check_message(s, out) != VX_OK) {
		(void)imap_append_fail(s);
		return VX_DONE;
	}
	if (s->writer != NULL)
		return keep(s, out) == VX_WAIT ? VX_WAIT : VX_DONE;
	rc = vx_blob_writer_new(s->service->o.store, &s->writer);
	if (rc != VX_OK) {
		(void)imap_result(s, out, rc, "");
		(void)imap_append_fail(s);
		return VX_DONE;
	}
	vx_blob_writer_on_wake(s->writer, wake, s);
	s->append.flags = act->flags;
	drop_flags(s, &s->append.flags);
	s->append.date = act->date;
	s->append.failed = VX_OK;
	return VX_OK;
}

static int submit(struct imap_session *s, struct vx_buf *out);

int imap_append_go(struct imap_session *s, struct vx_buf *out)
{
	struct imap_append *a = &s->append;
	int rc;

	while (a->act < a->act_count) {
		const struct imap_append_act *act = &a->acts[a->act];

		switch (act->type) {
		case IMAP_APPEND_NEW:
			rc = begin_message(s, act, out);
			if (rc != VX_OK)
				return rc == VX_WAIT ? rc : VX_OK;
			a->act++;
			break;
		case IMAP_APPEND_URL:
			a->act++;
			return imap_catenate(s, act->url, out);
		case IMAP_APPEND_LITERAL:
			a->act++;
			return begin_literal(s, out);
		case IMAP_APPEND_SUBMIT:
			a->act++;
			if (check_message(s, out) != VX_OK)
				return imap_append_fail(s);
			return submit(s, out);
		}
	}
	return VX_ESTATE;
}

/* The command up to its first octets, or all of it. */
static int begin(struct imap_session *s, vx_slice line, struct vx_buf *out)
{
	struct vx_cursor c = vx_cursor_of(line);
	struct asked asked = { 0 };

	s->append = (struct imap_append){ 0 };
	if (!parse(s, &c, &asked))
		(void)imap_bad(s, out, "mailbox (flags) \"date\" message are expected");
	else if (check(s, &asked, out) == VX_OK)
		return imap_append_go(s, out);
	return imap_append_fail(s);
}

int imap_append_begin(struct imap_session *s, struct vx_buf *out)
{
	const size_t before = s->busy == IMAP_APPENDING ? s->append.prefix : 0;
	struct vx_cursor c;
	vx_slice line;
	int rc;

	if (before == 0) {
		vx_arena_reset(&s->arena);
		s->tag = vx_slice_of("", 0);
		s->by_uid = false;
	}
	rc = vx_arena_copy(
	    &s->arena, vx_slice_from(vx_buf_slice(&s->frame.command), before), &line);
	if (rc != VX_OK)
		return rc;
	if (before == 0) {
		rc = begin(s, line, out);
		s->append.prefix = s->frame.command.len;
		return rc;
	}
	s->append.prefix = s->frame.command.len;
	c = vx_cursor_of(line);
	if (parse_rest(s, &c))
		return imap_append_go(s, out);
	(void)imap_bad(s, out, "(flags) \"date\" message are expected");
	return imap_append_fail(s);
}

int imap_append_octets(struct imap_session *s, vx_slice octets)
{
	int rc;

	/* no literal has a NUL (RFC 9051 4.3); in a literal8 it would be binary content
	 */
	if (s->append.failed == VX_OK && memchr(octets.ptr, '\0', octets.len) != NULL)
		s->append.failed = s->append.binary ? VX_EUNSUP : VX_EPROTO;
	if (s->append.failed != VX_OK)
		return VX_OK; /* the rest of a message that was refused meanwhile */
	rc = vx_blob_writer_add(s->writer, octets);
	if (rc == VX_WAIT) {
		s->append_waits = true;
		return VX_WAIT;
	}
	s->append.failed = rc;
	return VX_OK;
}

/* What is filed: the ops of all messages, in the task's arena. */
struct filed {
	struct vx_deliver_op *each;
	size_t count;
};

static void release(struct imap_task *t)
{
	const struct filed *f = t->data;

	for (size_t i = 0; i < f->count; i++)
		vx_blob_writer_free(f->each[i].op.blob);
}

static const struct vx_delivery_target *target_of(const struct imap_task *t, size_t i)
{
	const struct filed *f = t->data;

	return f->each[i].targets;
}

/* REPLACE tells it before the EXPUNGE (RFC 8508 4.3). */
static int replaced(struct imap_session *s, struct vx_buf *out)
{
	const struct vx_delivery_target *target = target_of(s->answer.task, 0);

	vx_buf_printf(
	    out, "* OK [APPENDUID %u %u] filed\r\n", target->uidvalidity, target->uid);
	return VX_OK;
}

/* "a OK [APPENDUID 38505 3955] ..." (RFC 4315 3, RFC 3502) */
static int tell_uid(struct imap_session *s, struct vx_buf *out)
{
	const struct filed *f = s->answer.task->data;
	const struct vx_replaced *old = &f->each->replaces;
	const uint32_t uid = f->each->targets->uid, last = uid + (uint32_t)f->count - 1;
	const int rc = s->answer.result;
	char text[96], set[32];

	if (rc == VX_OK && old->uid != 0)
		return imap_ok(s, out, "replaced");
	if (old->gone)
		return imap_no(s, out, "[EXPUNGEISSUED] the message to replace is gone");
	if (rc == VX_ENOENT)
		return imap_no(s, out, "[TRYCREATE] no such mailbox");
	(void)snprintf(set, sizeof(set), uid == last ? "%u" : "%u:%u", uid, last);
	(void)snprintf(text, sizeof(text), "[APPENDUID %u %s] filed",
	    f->each->targets->uidvalidity, set);
	return imap_result(s, out, rc, text);
}

static int appended(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	const struct filed *f = t->data;
	const struct vx_delivery_target *first = target_of(t, 0),
					*to = target_of(t, f->count - 1);

	(void)out;
	if (t->result == VX_OK) {
		imap_quota_due(s, to->account, to->quota_due);
		imap_view_own(s, to->account, to->mailbox,
		    (struct vx_uid_range){ first->uid, to->uid });
		imap_notify_own(s, to->account, to->mailbox, first->before, to->modseq);
	}
	return imap_answer(
	    s, &(struct imap_answer){ .sync = true,
		   .expunges = true,
		   .own = f->each->replaces.uid != 0, /* its EXPUNGE */
		   .result = t->result,
		   .body =
		       t->result == VX_OK && f->each->replaces.uid != 0 ? replaced : NULL,
		   .tail = tell_uid,
		   .task = t });
}

/* One message as an op; *m is what it was appended with. */
static int describe(struct imap_session *s, struct imap_task *t,
    const struct imap_held *m, struct vx_deliver_op *op)
{
	struct vx_delivery_target *target = vx_arena_alloc(&t->arena, sizeof(*target));
	const size_t count = m->flags.keyword_count;
	vx_slice *names = vx_arena_array(&t->arena, count + 1, sizeof(*names));
	struct vx_loop *loop = s->base.host->loop;
	const int64_t date = m->date == INT64_MIN ? loop->now_s(loop) : m->date;

	if (target == NULL || names == NULL)
		return VX_ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (vx_arena_copy(&t->arena, m->flags.keywords[i], &names[i]) != VX_OK)
			return VX_ENOMEM;
	*target = (struct vx_delivery_target){ .account = s->append.account,
		.mailbox = s->append.mailbox,
		.flags = m->flags.system,
		.keywords = { names, count } };
	vx_deliver_op_init(op, m->writer);
	op->targets = target;
	op->target_count = 1;
	op->all_or_none = true;
	op->internal_date = date < 0            ? 0
			    : date > UINT32_MAX ? UINT32_MAX
						: (uint32_t)date;
	return VX_OK;
}

/* The ops of all messages; their writers are still the session's. */
static int describe_all(struct imap_session *s, struct imap_task *t, struct filed **out)
{
	const struct imap_held last = { s->writer, s->append.flags, s->append.date };
	const size_t held = s->append.held_count;
	struct filed *f = vx_arena_alloc(&t->arena, sizeof(*f));
	int rc = VX_OK;

	if (f == NULL)
		return VX_ENOMEM;
	f->count = held + 1;
	f->each = held == 0 ? &t->u.deliver
			    : vx_arena_array(&t->arena, f->count, sizeof(*f->each));
	if (f->each == NULL)
		return VX_ENOMEM;
	for (size_t i = 0; i < f->count && rc == VX_OK; i++)
		rc = describe(s, t, i < held ? &s->append.held[i] : &last, &f->each[i]);
	if (s->append.replaces != 0)
		f->each->replaces = (struct vx_replaced){ .account = s->view.account,
			.mailbox = s->view.mailbox,
			.uid = s->append.replaces };
	if (rc == VX_OK && held > 0)
		vx_deliver_all_op_init(&t->u.deliver_all, f->each, f->count);
	*out = f;
	return rc;
}

static int submit(struct imap_session *s, struct vx_buf *out)
{
	struct imap_task *t = imap_task_new(s, appended);
	struct filed *f = NULL;

	if (t == NULL || describe_all(s, t, &f) != VX_OK) {
		imap_task_free(t);
		imap_append_drop(s);
		return imap_result(s, out, VX_ENOMEM, "");
	}
	vx_blob_writer_on_wake(s->writer, NULL, NULL);
	t->data = f;
	t->release = release;
	s->writer = NULL;
	s->append.held_count = s->append.held_octets = 0;
	return imap_submit(s, t, out);
}

/* An APPEND without octets that come: of URLs only, or wrong. */
int imap_cmd_append(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	return begin(s, s->line, out);
}

int imap_cmd_replace(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	return begin(s, s->line, out);
}

/* The octets of the last literal were there, and the command's line has ended. */
int imap_append_end(struct imap_session *s, struct vx_buf *out)
{
	const vx_slice rest =
	    vx_slice_from(vx_buf_slice(&s->frame.command), s->append.prefix);
	struct vx_loop *loop = s->base.host->loop;
	struct vx_cursor c;
	vx_slice own;

	s->busy = IMAP_IDLE_NOT;
	if (vx_arena_copy(&s->arena, rest, &own) != VX_OK) {
		(void)imap_result(s, out, VX_ELIMIT, "");
		return imap_append_fail(s);
	}
	c = vx_cursor_of(own);
	if (!parse_rest(s, &c))
		(void)imap_bad(s, out, "nothing is expected after the message");
	else if (s->append.held_count > 0 &&
		 loop->now_s(loop) - s->append.began_s > VX_STORE_KEEP_S)
		(void)imap_no(s, out, "[LIMIT] the messages came too slowly");
	else
		return imap_append_go(s, out);
	return imap_append_fail(s);
}
