/* STORE, COPY, MOVE, EXPUNGE, CLOSE: what changes the selected mailbox. */
#include "service/imap_notify.h"

#include <inttypes.h>
#include <stdio.h>

/* --- STORE ----------------------------------------------------------------------- */

struct change { /* in the task's arena */
	struct vx_uid_range *ranges;
	size_t count;
	bool silent, conditional;
	struct vx_uid_range *refused; /* of all ops so far */
	size_t refused_count;
	struct imap_flag_walk walk; /* the answer */
	bool tail_begun, gone;
	size_t at; /* in refused */
};

/* The same of EXPUNGE: more than one op may be needed. */
struct expunged {
	uint32_t count;
};

/* What the op refused, after what earlier ones did. */
static int add_refused(struct imap_task *t, struct change *ch)
{
	const struct vx_flags_op *op = &t->u.flags;
	struct vx_uid_range *all;

	if (op->refused_count == 0)
		return VX_OK;
	all = vx_arena_array(
	    &t->arena, ch->refused_count + op->refused_count, sizeof(*all));
	if (all == NULL)
		return VX_ELIMIT;
	if (ch->refused_count > 0)
		memcpy(all, ch->refused, ch->refused_count * sizeof(*all));
	memcpy(all + ch->refused_count, op->refused, op->refused_count * sizeof(*all));
	ch->refused = all;
	ch->refused_count += op->refused_count;
	return VX_OK;
}

/*
 * What the STORE did to each message, in steps.  Without .SILENT a client that named
 * messages which are gone is told so (RFC 2180 4.2).
 */
static int store_body(struct imap_session *s, struct vx_buf *out)
{
	struct change *ch = s->answer.task->data;

	if (imap_flag_walk(s, &ch->walk, out) == VX_DATA)
		return VX_DATA;
	ch->gone = !s->by_uid && !ch->silent &&
		   ch->walk.written < imap_view_count(s, ch->ranges, ch->count);
	if (ch->gone && s->answer.tail == NULL)
		s->answer.tail = imap_some_are_gone;
	return VX_OK;
}

/* "a OK [MODIFIED 7,9] ...", or NO (RFC 7162 3.1.3, example 11) */
static int store_modified(struct imap_session *s, struct vx_buf *out)
{
	struct change *ch = s->answer.task->data;

	if (!ch->tail_begun) {
		vx_buf_add(out, s->tag);
		vx_buf_add_str(out, ch->gone ? " NO [MODIFIED " : " OK [MODIFIED ");
		ch->tail_begun = true;
	}
	if (imap_write_uids(s, out, ch->refused, ch->refused_count, &ch->at, s->by_uid) !=
	    VX_OK)
		return VX_DATA;
	vx_buf_add_str(out, "] these were changed by another\r\n");
	return VX_OK;
}

static int store_answer(struct imap_session *s, struct imap_task *t)
{
	struct change *ch = t->data;
	struct imap_answer a = {
		.sync = true, .expunges = s->by_uid, .result = t->result, .ok = "done"
	};

	if (t->result != VX_OK)
		return imap_answer(s, &a);
	/* .SILENT does not silence MODSEQ (RFC 7162 3.1.3) */
	ch->walk = (struct imap_flag_walk){ .ranges = ch->ranges,
		.count = ch->count,
		.since = ch->silent && !ch->conditional ? s->view.seen_modseq : 0,
		.modseq_only = ch->silent,
		.every = ch->silent && ch->conditional,
		.but = ch->refused,
		.but_count = ch->refused_count,
		.with_uid =
		    s->by_uid || s->enabled[IMAP_CONDSTORE] || s->enabled[IMAP_REV2] };
	if (!ch->silent || s->enabled[IMAP_CONDSTORE])
		a.body = store_body;
	if (ch->refused_count > 0)
		a.tail = store_modified;
	a.task = t;
	return imap_answer(s, &a);
}

/* Messages before uid are done. */
static void tell_progress(
    struct imap_session *s, struct imap_task *t, struct vx_buf *out, uint32_t uid)
{
	imap_progress(s, t, out, vx_snapshot_rank(s->view.snapshot, uid - 1),
	    vx_snapshot_count(s->view.snapshot));
}

static int store_finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct change *ch = t->data;

	if (t->result == VX_OK)
		t->result = add_refused(t, ch);
	/* .SILENT is about what the client did, not about what others did before */
	if (t->result == VX_OK && !(ch->silent && t->u.flags.overtook))
		imap_view_silence(s, t->u.flags.modseq);
	if (t->result != VX_OK || t->u.flags.next_uid == 0)
		return store_answer(s, t);
	t->u.flags.from_uid = t->u.flags.next_uid;
	tell_progress(s, t, out, t->u.flags.from_uid);
	return imap_submit(s, t, out);
}

/* "[(UNCHANGEDSINCE n)] [+-]FLAGS[.SILENT] flags" */
static bool store_what(struct vx_cursor *c, struct imap_task *t, struct change *ch)
{
	struct vx_flags_op *op = &t->u.flags;
	struct vx_imap_flags flags;

	if (!vx_imap_sp(c))
		return false;
	if (vx_cur_text(c, VX_S("(UNCHANGEDSINCE "))) {
		if (!vx_cur_number(c, INT64_MAX, &op->unchanged_since) ||
		    !vx_cur_char(c, ')') || !vx_imap_sp(c))
			return false;
		ch->conditional = true;
	}
	op->change = vx_cur_char(c, '+')   ? VX_FLAGS_ADD
		     : vx_cur_char(c, '-') ? VX_FLAGS_REMOVE
					   : VX_FLAGS_REPLACE;
	if (!vx_cur_text(c, VX_S("FLAGS")))
		return false;
	ch->silent = vx_cur_text(c, VX_S(".SILENT"));
	if (!vx_imap_sp(c) ||
	    !vx_imap_flags(c, &t->arena, vx_cur_peek(c) == '(', &flags) || !vx_cur_end(c))
		return false;
	op->flags = flags.system;
	op->keywords = (struct vx_keyword_list){ flags.keywords, flags.keyword_count };
	return true;
}

/* Names borrow from the command, which may go before the op ends. */
static bool keep_names(struct imap_task *t, struct vx_keyword_list *list)
{
	vx_slice *names = vx_arena_array(&t->arena, list->count + 1, sizeof(*names));

	if (names == NULL)
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (vx_arena_copy(&t->arena, list->names[i], &names[i]) != VX_OK)
			return false;
	list->names = names;
	return true;
}

/* Some of it has to be allowed; the rest is left as it is (RFC 4314 4). */
static bool store_allowed(const struct imap_session *s, struct vx_flags_op *op)
{
	const uint64_t may = imap_flag_mask(s->view.rights);
	const bool keywords = (s->view.rights & VX_RIGHT_WRITE) != 0;
	const bool any = (op->flags & may) != 0 || (keywords && op->keywords.count > 0);
	const bool none = op->flags == 0 && op->keywords.count == 0;

	op->may = may;
	if (!keywords)
		op->keywords.count = 0;
	return any || (none && may != 0);
}

int imap_cmd_store(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_task *t = imap_task_new(s, store_finish);
	struct change *ch = t == NULL ? NULL : vx_arena_alloc(&t->arena, sizeof(*ch));
	int rc = VX_OK;

	if (ch == NULL) {
		imap_task_free(t);
		return imap_result(s, out, VX_ENOMEM, "");
	}
	t->data = ch;
	vx_flags_op_init(&t->u.flags);
	if (imap_view_set(s, c, &t->arena, out, &ch->ranges, &ch->count) != VX_OK) {
		imap_task_free(t);
		return VX_OK;
	}
	if (!store_what(c, t, ch)) {
		rc = imap_bad(s, out, "STORE set FLAGS (flags) is expected");
		imap_task_free(t);
		return rc;
	}
	if (ch->conditional)
		imap_enable_condstore(s, out);
	if (s->view.read_only)
		rc = imap_no(s, out, "[READ-ONLY] the mailbox was opened with EXAMINE");
	else if (!store_allowed(s, &t->u.flags))
		rc = imap_result(s, out, VX_EACCES, "");
	else if (ch->count == 0)
		rc = imap_done_no_expunge(s, VX_OK, "nothing to change");
	else if (!keep_names(t, &t->u.flags.keywords))
		rc = imap_result(s, out, VX_ENOMEM, "");
	else
		rc = VX_MORE;
	if (rc != VX_MORE) {
		imap_task_free(t);
		return rc;
	}
	t->u.flags.account = s->view.account;
	t->u.flags.mailbox = s->view.mailbox;
	t->u.flags.uids = ch->ranges;
	t->u.flags.range_count = ch->count;
	t->u.flags.told = s->view.told_modseq;
	t->u.flags.arena = &t->arena;
	return imap_submit(s, t, out);
}

/* --- COPY, MOVE ------------------------------------------------------------------ */

struct copied { /* in the task's arena: what all slices did, and where the answer is */
	struct vx_uid_range *from, *to;
	size_t from_count, to_count;
	uint64_t before; /* the target's HIGHESTMODSEQ */
	bool begun, second;
	size_t at;
};

static int add_ranges(struct vx_arena *arena, struct vx_uid_range **to, size_t *count,
    const struct vx_uid_range *more, size_t more_count)
{
	struct vx_uid_range *all =
	    vx_arena_array(arena, *count + more_count, sizeof(*all));

	if (all == NULL)
		return VX_ELIMIT;
	if (*count > 0)
		memcpy(all, *to, *count * sizeof(*all));
	memcpy(all + *count, more, more_count * sizeof(*all));
	*to = all;
	*count += more_count;
	return VX_OK;
}

/* What a slice of a MOVE did joins what the others did; COPY has one slice only. */
static int add_slice(struct imap_task *t)
{
	const struct vx_copy_op *op = &t->u.copy;
	struct copied *p = t->data;
	int rc = VX_OK;

	if (p == NULL) {
		t->data = p = vx_arena_alloc(&t->arena, sizeof(*p));
		if (p == NULL)
			return VX_ELIMIT;
		*p = (struct copied){ .from = op->from_uids,
			.to = op->to_uids,
			.from_count = op->from_count,
			.to_count = op->to_count,
			.before = op->before };
		return VX_OK;
	}
	if (op->from_count > 0)
		rc = add_ranges(
		    &t->arena, &p->from, &p->from_count, op->from_uids, op->from_count);
	if (rc == VX_OK && op->to_count > 0)
		rc = add_ranges(
		    &t->arena, &p->to, &p->to_count, op->to_uids, op->to_count);
	return rc;
}

/* "[COPYUID 38505 304,319:320 3956:3958]" (RFC 4315 3): VX_OK or VX_DATA. */
static int write_copyuid(struct imap_session *s, struct vx_buf *out)
{
	const struct vx_copy_op *op = &s->answer.task->u.copy;
	struct copied *p = s->answer.task->data;

	if (!p->begun)
		vx_buf_printf(out, " OK [COPYUID %" PRIu32 " ", op->uidvalidity);
	p->begun = true;
	if (!p->second &&
	    imap_write_uids(s, out, p->from, p->from_count, &p->at, true) != VX_OK)
		return VX_DATA;
	if (!p->second) {
		vx_buf_add_char(out, ' ');
		p->second = true;
		p->at = 0;
	}
	return imap_write_uids(s, out, p->to, p->to_count, &p->at, true);
}

/* MOVE tells it before the EXPUNGEs (RFC 6851 4.3). */
static int moved(struct imap_session *s, struct vx_buf *out)
{
	const struct copied *p = s->answer.task->data;

	if (!p->begun)
		vx_buf_add_char(out, '*');
	if (write_copyuid(s, out) != VX_OK)
		return VX_DATA;
	vx_buf_add_str(out, "] moved\r\n");
	return VX_OK;
}

static int copied(struct imap_session *s, struct vx_buf *out)
{
	const struct copied *p = s->answer.task->data;

	if (!p->begun)
		vx_buf_add(out, s->tag);
	if (write_copyuid(s, out) != VX_OK)
		return VX_DATA;
	vx_buf_add_str(out, "] copied\r\n");
	return VX_OK;
}

static int target_went(struct imap_session *s, struct vx_buf *out)
{
	return imap_no(s, out, "[TRYCREATE] no such mailbox");
}

static int copy_answer(struct imap_session *s, struct imap_task *t)
{
	const struct vx_copy_op *op = &t->u.copy;
	const struct copied *p = t->data;
	struct imap_answer a = {
		.sync = true, .expunges = true, .result = t->result, .ok = "done"
	};

	if (t->result == VX_ENOENT)
		a.tail = target_went;
	a.own = op->move;
	if (p == NULL || p->from_count == 0)
		return imap_answer(s, &a);
	for (size_t i = 0; i < p->to_count; i++)
		imap_view_own(s, op->to_account, op->to_mailbox, p->to[i]);
	imap_notify_own(s, op->to_account, op->to_mailbox, p->before, op->modseq);
	a.task = t;
	if (op->move)
		a.body = moved; /* also when a later slice was refused */
	else
		a.tail = copied;
	return imap_answer(s, &a);
}

static int copy_finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct vx_copy_op *op = &t->u.copy;

	if (t->result == VX_OK) {
		imap_quota_due(s, op->to_account, op->quota_due);
		t->result = add_slice(t);
	}
	if (t->result != VX_OK || op->next_uid == 0)
		return copy_answer(s, t);
	op->from_uid = op->next_uid;
	tell_progress(s, t, out, op->from_uid);
	return imap_submit(s, t, out);
}

/* NO [MESSAGELIMIT 1000000 20001]: with the lowest UID of those that could be (RFC 9738).
 */
static int too_many(struct imap_session *s, const struct vx_copy_op *op, uint32_t count,
    struct vx_buf *out)
{
	const struct vx_snapshot *snap = s->view.snapshot;
	uint32_t skip = count - VX_COPY_MAX, uid = 0;
	char text[96];

	for (size_t i = 0; i < op->range_count && uid == 0; i++) {
		const uint32_t before = vx_snapshot_rank(snap, op->uids[i].first - 1);
		const uint32_t here = vx_snapshot_rank(snap, op->uids[i].last) - before;

		if (skip < here)
			uid = vx_snapshot_uid(snap, before + skip + 1);
		else
			skip -= here;
	}
	(void)snprintf(text, sizeof(text),
	    "[MESSAGELIMIT %d %" PRIu32 "] so many cannot be copied at once", VX_COPY_MAX,
	    uid);
	return imap_no(s, out, text);
}

/* VX_OK: to be submitted; VX_DONE: it was answered. */
static int copy_prepare(
    struct imap_session *s, struct vx_cursor *c, struct imap_task *t, struct vx_buf *out)
{
	const unsigned remove = VX_RIGHT_DELETED | VX_RIGHT_EXPUNGE; /* RFC 6851 4.2 */
	struct vx_copy_op *op = &t->u.copy;
	struct vx_uid_range *ranges;
	struct imap_place p;
	uint32_t count;
	int rc;
	vx_slice name;

	if (imap_view_set(s, c, &t->arena, out, &ranges, &op->range_count) != VX_OK)
		return VX_DONE;
	op->uids = ranges;
	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_cur_end(c)) {
		(void)imap_bad(s, out, "a set and a mailbox are expected");
		return VX_DONE;
	}
	if (op->move && s->view.read_only) {
		(void)imap_no(s, out, "[READ-ONLY] the mailbox was opened with EXAMINE");
		return VX_DONE;
	}
	if (op->move && (s->view.rights & remove) != remove) {
		(void)imap_result(s, out, VX_EACCES, "");
		return VX_DONE;
	}
	rc = imap_reach(s, name, VX_RIGHT_INSERT, &p);
	if (rc == VX_EACCES)
		(void)imap_result(s, out, rc, "");
	else if (rc != VX_OK)
		(void)imap_no_target(s, out, name);
	if (rc != VX_OK)
		return VX_DONE;
	if (op->range_count == 0) {
		(void)imap_done(s, VX_OK, "nothing to copy");
		return VX_DONE;
	}
	count = imap_view_count(s, ranges, op->range_count);
	if (!op->move && count > VX_COPY_MAX) {
		(void)too_many(s, op, count, out);
		return VX_DONE;
	}
	op->account = s->view.account;
	op->to_account = p.account;
	op->to_mailbox = p.mailbox;
	op->may = imap_flag_mask(p.rights);
	op->mailbox = s->view.mailbox;
	op->arena = &t->arena;
	return VX_OK;
}

static int copy(
    struct imap_session *s, struct vx_cursor *c, struct vx_buf *out, bool move)
{
	struct imap_task *t = imap_task_new(s, copy_finish);

	if (t == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	vx_copy_op_init(&t->u.copy);
	t->u.copy.move = move;
	if (copy_prepare(s, c, t, out) == VX_OK)
		return imap_submit(s, t, out);
	imap_task_free(t);
	return VX_OK;
}

int imap_cmd_copy(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return copy(s, c, out, false);
}

int imap_cmd_move(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return copy(s, c, out, true);
}

/* --- EXPUNGE, CLOSE -------------------------------------------------------------- */

/* "a OK [HIGHESTMODSEQ 20] ..." (RFC 7162 3.2.7) */
static int expunged_tail(struct imap_session *s, struct vx_buf *out)
{
	vx_buf_add(out, s->tag);
	vx_buf_printf(
	    out, " OK [HIGHESTMODSEQ %" PRIu64 "] done\r\n", s->view.told_modseq);
	return VX_OK;
}

static int expunge_finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct imap_answer a = {
		.sync = true, .expunges = true, .own = true, .ok = "done"
	};
	struct expunged *e = t->data;

	e->count += t->result == VX_OK ? t->u.expunge.expunged : 0;
	if (t->result == VX_OK && t->u.expunge.next_uid != 0) {
		t->u.expunge.from_uid = t->u.expunge.next_uid;
		tell_progress(s, t, out, t->u.expunge.from_uid);
		return imap_submit(s, t, out);
	}
	a.result = t->result;
	if (t->result == VX_OK && e->count > 0 && s->enabled[IMAP_CONDSTORE]) {
		a.has_modseq = true;
		a.tail = expunged_tail;
	}
	return imap_answer(s, &a);
}

static int close_finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	if (t->result == VX_OK && t->u.expunge.next_uid != 0) {
		t->u.expunge.from_uid = t->u.expunge.next_uid;
		return imap_submit(s, t, out);
	}
	if (t->result == VX_OK || t->result == VX_ENOENT) {
		imap_view_close(s);
		return imap_ok(s, out, "closed");
	}
	return imap_result(s, out, t->result, "");
}

static struct imap_task *expunge_task(struct imap_session *s,
    int (*finish)(struct imap_session *s, struct imap_task *t, struct vx_buf *out))
{
	struct imap_task *t = imap_task_new(s, finish);

	if (t == NULL)
		return NULL;
	t->data = vx_arena_alloc(&t->arena, sizeof(struct expunged));
	if (t->data == NULL) {
		imap_task_free(t);
		return NULL;
	}
	vx_expunge_op_init(&t->u.expunge);
	t->u.expunge.account = s->view.account;
	t->u.expunge.mailbox = s->view.mailbox;
	t->u.expunge.deleted_only = true;
	return t;
}

int imap_cmd_expunge(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_task *t = expunge_task(s, expunge_finish);
	struct vx_uid_range *ranges = NULL;
	size_t count = 0;
	int rc = VX_MORE;

	if (t == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	if (s->by_uid && imap_view_set(s, c, &t->arena, out, &ranges, &count) != VX_OK)
		rc = VX_OK;
	else if (!vx_cur_end(c))
		rc = imap_bad(s, out, "nothing is expected here");
	else if (s->view.read_only)
		rc = imap_no(s, out, "[READ-ONLY] the mailbox was opened with EXAMINE");
	else if ((s->view.rights & VX_RIGHT_EXPUNGE) == 0)
		rc = imap_result(s, out, VX_EACCES, "");
	else if (s->by_uid && count == 0)
		rc = imap_done(s, VX_OK, "nothing to expunge");
	if (rc != VX_MORE) {
		imap_task_free(t);
		return rc;
	}
	t->u.expunge.uids = ranges;
	t->u.expunge.range_count = count;
	return imap_submit(s, t, out);
}

int imap_cmd_close(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_task *t;

	(void)c;
	if (s->view.read_only || (s->view.rights & VX_RIGHT_EXPUNGE) == 0) {
		imap_view_close(s);
		return imap_ok(s, out, "closed");
	}
	t = expunge_task(s, close_finish);
	if (t == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	return imap_submit(s, t, out);
}
