/*
 * ESEARCH: one program in many mailboxes, one after another (RFC 7377).  The mailboxes
 * are looked up while the answer is written; each has a job and a snapshot of its own.
 */
#include "service/imap_context.h"
#include "service/imap_filter.h"
#include "service/imap_list.h"

#include "base/mem.h"

struct multi {                 /* in the session's arena */
	struct vx_notify from; /* its groups, names as the store has them */
	vx_slice program;
	bool save;
	enum {
		IN_SELECTED_ONE,
		IN_OWN,    /* of this account, by name */
		IN_NAMED,  /* of others, that are named */
		IN_SHARED, /* of others, in a subtree or subscribed to */
		IN_NONE
	} where;
	size_t group, name;              /* of IN_NAMED */
	char after[VX_MAILBOX_NAME_MAX]; /* of IN_OWN */
	size_t after_len;
	struct imap_shared shared;
};

struct source {
	uint32_t account, mailbox;
	vx_slice name; /* until the next one */
	bool selected; /* as the session knows it */
};

/* --- which mailboxes --------------------------------------------------------------- */

static bool covered(const struct multi *m, vx_slice name, bool subscribed)
{
	for (size_t i = 0; i < m->from.count; i++)
		if (imap_filter_covers(&m->from.groups[i], name, subscribed))
			return true;
	return false;
}

static bool has_filter(const struct multi *m, enum vx_notify_filter filter)
{
	for (size_t i = 0; i < m->from.count; i++)
		if (m->from.groups[i].filter == filter)
			return true;
	return false;
}

/* As IN_SHARED finds it. */
static bool covered_by_set(const struct multi *m, vx_slice name, bool subscribed)
{
	for (size_t i = 0; i < m->from.count; i++) {
		const struct vx_notify_group *g = &m->from.groups[i];

		if ((g->filter == VX_NOTIFY_SUBTREE ||
			g->filter == VX_NOTIFY_SUBTREE_ONE ||
			g->filter == VX_NOTIFY_SUBSCRIBED) &&
		    imap_filter_covers(g, name, subscribed))
			return true;
	}
	return false;
}

static bool named(const struct multi *m, vx_slice name)
{
	for (size_t i = 0; i < m->from.count; i++)
		if (m->from.groups[i].filter == VX_NOTIFY_MAILBOXES &&
		    imap_filter_covers(&m->from.groups[i], name, false))
			return true;
	return false;
}

/* Is it searched as the selected one? */
static bool is_selected(const struct imap_session *s, const struct multi *m,
    uint32_t account, uint32_t mailbox)
{
	return has_filter(m, VX_NOTIFY_SELECTED) && account == s->view.account &&
	       mailbox == s->view.mailbox;
}

static int next_selected(
    struct imap_session *s, struct vx_view *v, struct multi *m, struct source *out)
{
	struct vx_mailbox_info info;

	m->where = IN_OWN;
	if (!has_filter(m, VX_NOTIFY_SELECTED) ||
	    vx_mailbox_get(v, s->view.account, s->view.mailbox, &info) != VX_OK)
		return VX_MORE;
	info.account = s->view.account;
	*out = (struct source){
		.account = info.account, .mailbox = s->view.mailbox, .selected = true
	};
	return imap_shown_name(s, v, &s->arena, &info, &out->name);
}

static int next_own(struct imap_session *s, struct vx_view *v, struct multi *m,
    struct source *out, struct vx_buf *text)
{
	struct vx_mailbox_info i;

	while (vx_mailbox_next(
		   v, s->who.account, vx_slice_of(m->after, m->after_len), &i) == VX_OK) {
		memcpy(m->after, i.name.ptr, i.name.len);
		m->after_len = i.name.len;
		if (i.exists && !imap_name_is_others(i.name) &&
		    covered(m, i.name, i.subscribed) &&
		    !is_selected(s, m, s->who.account, i.mailbox)) {
			*out = (struct source){ .account = s->who.account,
				.mailbox = i.mailbox,
				.name = vx_slice_of(m->after, m->after_len) };
			return VX_OK;
		}
		if (imap_full(s, text))
			return VX_DATA;
	}
	m->where = IN_NAMED;
	return VX_MORE;
}

static int next_named(
    struct imap_session *s, struct vx_view *v, struct multi *m, struct source *out)
{
	for (; m->group < m->from.count; m->group++, m->name = 0) {
		const struct vx_notify_group *g = &m->from.groups[m->group];

		while (g->filter == VX_NOTIFY_MAILBOXES && m->name < g->count) {
			const vx_slice name = g->names[m->name++];
			struct imap_place p;

			if (!imap_name_is_others(name) ||
			    imap_reach_in(s, v, name, VX_RIGHT_READ, &p) != VX_OK ||
			    is_selected(s, m, p.account, p.mailbox))
				continue;
			*out = (struct source){
				.account = p.account, .mailbox = p.mailbox, .name = name
			};
			return VX_OK;
		}
	}
	m->where = IN_SHARED;
	return VX_MORE;
}

static int next_shared(struct imap_session *s, struct vx_view *v, struct multi *m,
    struct source *out, struct vx_buf *text)
{
	struct imap_shared *sh = &m->shared;
	int rc = VX_OK;

	if (!has_filter(m, VX_NOTIFY_SUBTREE) && !has_filter(m, VX_NOTIFY_SUBTREE_ONE) &&
	    !has_filter(m, VX_NOTIFY_SUBSCRIBED))
		sh->gathered = true;
	if (!sh->gathered)
		rc = imap_shared_gather(s, v, sh, text);
	while (rc == VX_OK && sh->at < sh->count) {
		const struct imap_shared_name *n = &sh->names[sh->at++];

		if (n->owner != 0 && covered_by_set(m, n->name, n->subscribed) &&
		    !named(m, n->name) && !is_selected(s, m, n->owner, n->mailbox) &&
		    (imap_rights(s, v, n->owner, n->mailbox) & VX_RIGHT_READ) != 0) {
			*out = (struct source){ .account = n->owner,
				.mailbox = n->mailbox,
				.name = n->name };
			return VX_OK;
		}
		if (imap_full(s, text))
			return VX_DATA;
	}
	if (rc != VX_OK)
		return rc;
	m->where = IN_NONE;
	return VX_MORE;
}

/* VX_OK, VX_MORE: no more; VX_DATA: the step is over; below 0. */
static int next_source(
    struct imap_session *s, struct multi *m, struct source *out, struct vx_buf *text)
{
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = VX_MORE;
	while (rc == VX_MORE && m->where != IN_NONE)
		rc = m->where == IN_SELECTED_ONE ? next_selected(s, v, m, out)
		     : m->where == IN_OWN        ? next_own(s, v, m, out, text)
		     : m->where == IN_NAMED      ? next_named(s, v, m, out)
						 : next_shared(s, v, m, out, text);
	vx_view_end(v);
	return rc;
}

/* --- one of them ------------------------------------------------------------------- */

/* Its results wait to be written, and the answer goes on. */
static int searched(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	struct imap_search_run *r = t->data;
	struct multi *m = s->answer.state;

	if (t->result == VX_OK && r->q.next != 0) {
		imap_progress(s, t, out, vx_snapshot_rank(r->q.snapshot, r->q.next - 1),
		    vx_snapshot_count(r->q.snapshot));
		if (imap_submit_job_quiet(s, t, imap_search_run_slice) == VX_WAIT)
			return VX_WAIT;
		t->result = VX_ETEMP;
	}
	s->busy = IMAP_ANSWERING;
	if (t->result == VX_OK && m->save)
		t->result = imap_search_run_save(s, &r->q);
	if (t->result == VX_ELIMIT && m->save)
		s->answer.tail = imap_search_not_saved;
	if (t->result != VX_OK) {
		m->where = IN_NONE;
		s->answer.result = t->result;
		if (m->save)
			imap_search_forget(s);
	} else {
		if (r->selected && r->q.what.update)
			imap_context_begin(s, &r->q, NULL, 0, out);
		if (r->q.found > 0)
			s->answer.task = t;
	}
	return VX_OK;
}

/* The program made ready for the mailbox of view: VX_OK, or below 0. */
static int ready(struct imap_session *s, const struct multi *m, struct imap_task *t,
    const struct imap_view *view, vx_slice name)
{
	struct imap_search_run *r = imap_search_run_new(t, view);
	struct vx_cursor c;
	vx_slice text;
	int rc = r == NULL ? VX_ENOMEM : vx_arena_copy(&t->arena, m->program, &text);

	if (rc == VX_OK)
		rc = vx_arena_copy(&t->arena, name, &r->mailbox);
	if (rc != VX_OK)
		return rc;
	c = vx_cursor_of(text);
	if (!vx_imap_search(&c, &t->arena, &r->q.what))
		return VX_ELIMIT; /* it was understood before: the arena is full */
	r->q.what.all = r->q.what.all || !r->q.what.has_return;
	r->selected = view == &s->view;
	if (r->selected && r->q.what.update) {
		r->q.context = imap_context_new(s, &r->q.what);
		if (r->q.context != NULL)
			imap_context_names(r->q.context, name);
	}
	rc = imap_matcher_init(&r->q.matcher, s, view, r->q.what.key, t);
	return rc == VX_OK && r->q.what.relevancy ? imap_search_score(&r->q) : rc;
}

/* VX_WAIT: a search is under way; VX_OK: there is nothing to search; below 0. */
static int search(struct imap_session *s, const struct multi *m, const struct source *at)
{
	struct imap_view own = { .account = at->account, .mailbox = at->mailbox };
	const struct imap_view *view = at->selected ? &s->view : &own;
	struct imap_task *t;
	int rc = VX_OK;

	if (!at->selected)
		rc = vx_snapshot_take(
		    s->service->o.store, at->account, at->mailbox, &own.snapshot);
	if (rc != VX_OK)
		return rc == VX_ENOENT ? VX_OK : rc;
	t = imap_task_new(s, searched);
	rc = t == NULL ? VX_ENOMEM : ready(s, m, t, view, at->name);
	vx_snapshot_free(own.snapshot);
	if (rc == VX_OK)
		return imap_submit_job_quiet(s, t, imap_search_run_slice);
	imap_task_free(t);
	return rc;
}

static int write_found(struct imap_session *s, struct vx_buf *out)
{
	struct imap_task *t = s->answer.task;
	struct imap_search_run *r = t->data;
	const struct vx_imap_search *w = &r->q.what;
	const bool shown =
	    w->min || w->max || w->count || w->all || w->partial || w->relevancy;

	if (shown && imap_search_run_write(s, r, out) != VX_OK)
		return VX_DATA;
	s->answer.task = NULL;
	imap_task_free(t);
	return VX_OK;
}

static int all_of_them(struct imap_session *s, struct vx_buf *out)
{
	struct multi *m = s->answer.state;
	struct source at;
	int rc = VX_OK;

	while (rc == VX_OK) {
		if (s->answer.task != NULL && write_found(s, out) != VX_OK)
			return VX_DATA;
		if (imap_full(s, out))
			return VX_DATA;
		rc = next_source(s, m, &at, out);
		if (rc == VX_OK)
			rc = search(s, m, &at);
	}
	if (rc < 0)
		s->answer.result = rc;
	return rc == VX_WAIT || rc == VX_DATA ? rc : VX_OK;
}

/* --- the command ------------------------------------------------------------------- */

/* "[IN (filters) ][RETURN (...) ]program" */
static bool parse(struct imap_session *s, struct vx_cursor *c, struct multi *m,
    struct vx_imap_search *what)
{
	static struct vx_notify_group selected = { .filter = VX_NOTIFY_SELECTED };
	struct vx_cursor program;

	if (!vx_imap_sp(c))
		return false;
	if (!vx_cur_text(c, VX_S("IN ")))
		m->from = (struct vx_notify){ .groups = &selected, .count = 1 };
	else if (!vx_imap_sources(c, &s->arena, &m->from))
		return false;
	for (size_t i = 0; i < m->from.count; i++)
		for (size_t k = 0; k < m->from.groups[i].count; k++)
			if (!imap_decode_name(s, &s->arena, &m->from.groups[i].names[k]))
				return false;
	m->program = vx_cur_rest(c);
	program = vx_cursor_of(m->program);
	return vx_imap_search(&program, &s->arena, what);
}

/* Why not?  NULL: it may be done. */
static const char *why_not(const struct imap_session *s, const struct multi *m,
    const struct vx_imap_search *what)
{
	const bool selected = has_filter(m, VX_NOTIFY_SELECTED);

	if (selected && s->state != IMAP_SELECTED)
		return "select a mailbox first";
	if (what->save && (!selected || m->from.count > 1))
		return "SAVE is for the selected mailbox alone";
	if (what->update && s->state != IMAP_SELECTED) /* RFC 7377 2.2 */
		return "select a mailbox first: UPDATE is for that alone";
	if (what->update && imap_context_has(s, s->tag))
		return "this tag is that of a search with UPDATE";
	if (s->enabled[IMAP_UTF8] && what->has_charset)
		return "after ENABLE UTF8=ACCEPT a search has no CHARSET";
	return NULL;
}

int imap_cmd_esearch(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct multi *m = vx_arena_alloc(&s->arena, sizeof(*m));
	struct vx_imap_search what = { 0 };
	const char *why;

	if (m == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	s->by_uid = true; /* its answers have UIDs, always */
	if (!parse(s, c, m, &what))
		return imap_bad(s, out, "the ESEARCH program is not understood");
	why = why_not(s, m, &what);
	if (why != NULL)
		return imap_bad(s, out, why);
	if (what.bad_charset) {
		if (what.save) /* RFC 5182 2.1 */
			imap_search_forget(s);
		return imap_no(
		    s, out, "[BADCHARSET (US-ASCII UTF-8)] this charset is not known");
	}
	if (what.modseq)
		imap_enable_condstore(s, out);
	if (what.numbers && s->enabled[IMAP_UIDONLY])
		return imap_uid_required(s, out);
	m->save = what.save;
	if (what.update && !has_filter(m, VX_NOTIFY_SELECTED))
		imap_no_update(s->tag, out);
	return imap_answer(s, &(struct imap_answer){ .body = all_of_them,
				  .sync = true,
				  .expunges = true,
				  .ok = "done",
				  .state = m });
}
