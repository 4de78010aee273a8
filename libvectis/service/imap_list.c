/* LIST and LSUB (RFC 9051 6.3.9, RFC 5258, RFC 5819), in steps. */
#include "service/imap_list.h"

bool imap_list_matches(const struct imap_list *l, vx_slice name)
{
	for (size_t i = 0; i < l->count; i++)
		if (vx_imap_list_match(l->patterns[i], name))
			return true;
	return false;
}

/* Does a mailbox meet what was selected (RFC 5258 3.1)? */
bool imap_list_selects(const struct imap_list *l, const struct vx_mailbox_info *m)
{
	return (l->subscribed_only ? m->subscribed : m->exists) &&
	       (!l->special_only || m->special_use != 0);
}

/* Is there a mailbox (that is selected by l, unless NULL) below name? */
static bool has_below(
    struct vx_view *v, uint32_t account, vx_slice name, const struct imap_list *l)
{
	char prefix[VX_MAILBOX_NAME_MAX + 1], after[VX_MAILBOX_NAME_MAX + 1];
	const vx_slice below = vx_slice_of(prefix, name.len + 1);
	struct vx_mailbox_info m;
	size_t len = below.len;

	memcpy(prefix, name.ptr, name.len);
	prefix[name.len] = '/';
	memcpy(after, prefix, len);
	while (vx_mailbox_next(v, account, vx_slice_of(after, len), &m) == VX_OK &&
	       vx_slice_has_prefix(m.name, below)) {
		if (l != NULL ? imap_list_selects(l, &m) : m.exists)
			return true;
		memcpy(after, m.name.ptr, m.name.len);
		len = m.name.len;
	}
	return false;
}

static void write_attributes(const struct imap_list *l, const struct vx_mailbox_info *m,
    bool children, struct vx_buf *out)
{
	vx_buf_add_str(out, children ? "\\HasChildren" : "\\HasNoChildren");
	if (!m->exists)
		/* old clients know nothing of what RFC 5258 added */
		vx_buf_add_str(
		    out, l->lsub ? " \\Noselect" : " \\Noselect \\NonExistent");
	if (m->subscribed && !l->lsub && (l->show_subscribed || l->subscribed_only))
		vx_buf_add_str(out, " \\Subscribed");
	imap_write_uses(m->special_use, out);
}

void imap_list_write(struct imap_session *s, struct vx_view *v, const struct imap_list *l,
    const struct vx_mailbox_info *m, const struct imap_list_about *about,
    struct vx_buf *out)
{
	struct vx_mailbox_status st;
	unsigned rights;

	vx_buf_add_str(out, l->lsub ? "* LSUB (" : "* LIST (");
	write_attributes(l, m, about->children, out);
	vx_buf_add_str(out, ") \"/\" ");
	vx_imap_write_mailbox(out, m->name, imap_utf8(s));
	if (about->child_info)
		vx_buf_printf(out, " (\"CHILDINFO\" (%s%s%s))",
		    l->subscribed_only ? "\"SUBSCRIBED\"" : "",
		    l->subscribed_only && l->special_only ? " " : "",
		    l->special_only ? "\"SPECIAL-USE\"" : "");
	if (about->was.len > 0 && !vx_slice_eq(about->was, m->name)) {
		vx_buf_add_str(out, " (\"OLDNAME\" (");
		vx_imap_write_mailbox(out, about->was, imap_utf8(s));
		vx_buf_add_str(out, "))");
	}
	vx_buf_add_str(out, "\r\n");
	if (!m->exists || (l->status == 0 && !l->show_myrights && l->entry_count == 0))
		return;
	rights = imap_rights(s, v, m->account, m->mailbox);
	if (l->show_myrights) /* RFC 8440 3 */
		imap_write_myrights(s, m->name, rights, out);
	if (l->entry_count > 0)
		imap_metadata_list(s, v, m, rights, l->entries, l->entry_count, out);
	if (l->status != 0 && (rights & VX_RIGHT_READ) != 0 &&
	    vx_mailbox_status(v, m->account, m->mailbox, &st) == VX_OK)
		imap_write_status(s, out, m, &st, l->status);
}

static void write_list(struct imap_session *s, struct vx_view *v,
    const struct imap_list *l, const struct vx_mailbox_info *m, bool child_info,
    vx_slice asked, struct vx_buf *out)
{
	const struct imap_list_about about = { .child_info = child_info,
		.children = has_below(v, s->who.account, m->name, NULL),
		.was = asked };

	imap_list_write(s, v, l, m, &about, out);
}

static void list_one(struct imap_session *s, struct vx_view *v, const struct imap_list *l,
    const struct vx_mailbox_info *m, struct vx_buf *out)
{
	bool child_info = false;

	if (!imap_list_matches(l, m->name))
		return;
	if (l->recursive)
		child_info = has_below(v, s->who.account, m->name, l);
	if (!imap_list_selects(l, m) && !child_info)
		return;
	write_list(s, v, l, m, child_info, VX_S(""), out);
}

/*
 * The levels above m that are no mailboxes of their own: they are listed when a pattern
 * names them, since what is below would be out of reach (RFC 9051 6.3.9, RFC 3501
 * 6.3.9).  before is the name listed before m: its levels were looked at.
 */
static void list_above(struct imap_session *s, struct vx_view *v,
    const struct imap_list *l, const struct vx_mailbox_info *m, vx_slice before,
    struct vx_buf *out)
{
	for (size_t i = 1; i < m->name.len; i++) {
		struct vx_mailbox_info above = { .account = m->account,
			.name = vx_slice_head(m->name, i) };
		struct vx_mailbox_info own;
		bool listed;

		if (m->name.ptr[i] != '/' ||
		    vx_slice_has_prefix(before, vx_slice_head(m->name, i + 1)))
			continue;
		listed = vx_mailbox_find(v, m->account, above.name, &own) == VX_OK;
		if (l->lsub) /* RFC 3501: only what is subscribed is there */
			listed = listed && own.subscribed;
		if (!listed && (!l->special_only || l->recursive) &&
		    imap_list_matches(l, above.name) &&
		    !(l->lsub && imap_list_matches(l, m->name)))
			write_list(s, v, l, &above, l->recursive, VX_S(""), out);
	}
}

/* One mailbox after another, until the step is over: VX_OK or VX_DATA. */
static int list_some(
    struct imap_session *s, struct vx_view *v, struct imap_list *l, struct vx_buf *out)
{
	struct vx_mailbox_info m;

	while (vx_mailbox_next(
		   v, s->who.account, vx_slice_of(l->after, l->after_len), &m) == VX_OK) {
		if (imap_full(s, out))
			return VX_DATA;
		m.account = s->who.account;
		if (imap_name_is_others(m.name)) { /* see imap_shared_step */
			memcpy(l->after, m.name.ptr, m.name.len);
			l->after_len = m.name.len;
			continue;
		}
		if (l->lsub        ? m.subscribed
		    : l->recursive ? imap_list_selects(l, &m)
				   : !l->subscribed_only && m.exists)
			list_above(s, v, l, &m, vx_slice_of(l->after, l->after_len), out);
		list_one(s, v, l, &m, out);
		memcpy(l->after, m.name.ptr, m.name.len);
		l->after_len = m.name.len;
	}
	return VX_OK;
}

static int list_step(struct imap_session *s, struct vx_buf *out)
{
	struct imap_list *l = s->answer.state;
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc == VX_OK) {
		rc = list_some(s, v, l, out);
		if (rc == VX_OK)
			rc = imap_shared_step(s, v, l, out);
		vx_view_end(v);
	}
	if (rc < 0)
		s->answer.result = rc;
	return rc < 0 ? VX_OK : rc;
}

void imap_list_selected(
    struct imap_session *s, vx_slice name, vx_slice asked, struct vx_buf *out)
{
	const struct imap_list plain = { 0 };
	struct vx_mailbox_info m;
	struct vx_view *v;

	if (vx_view_begin(s->service->o.store, &v) != VX_OK)
		return;
	if (imap_name_is_others(name)) {
		imap_shared_selected(s, v, name, asked, out);
	} else if (vx_mailbox_find(v, s->who.account, name, &m) == VX_OK) {
		m.account = s->who.account;
		write_list(s, v, &plain, &m, false, asked, out);
	}
	vx_view_end(v);
}

void imap_list_event(struct imap_session *s, struct vx_view *v,
    const struct vx_mailbox_info *m, vx_slice was, struct vx_buf *out)
{
	const struct imap_list plain = { .show_subscribed = true };

	write_list(s, v, &plain, m, false, was, out);
}

/* --- the command ----------------------------------------------------------------- */

/* The next word of "(a b)", which may be empty; *first: none was read. */
static bool next_word(struct vx_cursor *c, bool *first, vx_slice *word)
{
	const bool good = (*first || vx_imap_sp(c)) && vx_imap_atom(c, word);

	*first = false;
	return good;
}

/* "(SUBSCRIBED RECURSIVEMATCH) " before the reference. */
static bool selection(struct vx_cursor *c, struct imap_list *l)
{
	bool first = true;
	vx_slice word;

	if (!vx_cur_char(c, '('))
		return true;
	l->extended = true;
	while (!vx_cur_char(c, ')')) {
		if (!next_word(c, &first, &word))
			return false;
		if (vx_slice_eq_nocase(word, VX_S("SUBSCRIBED")))
			l->subscribed_only = true;
		else if (vx_slice_eq_nocase(word, VX_S("RECURSIVEMATCH")))
			l->recursive = true;
		else if (vx_slice_eq_nocase(word, VX_S("SPECIAL-USE")))
			l->special_only = true;
		else if (!vx_slice_eq_nocase(word, VX_S("REMOTE")))
			return false;
	}
	/* RECURSIVEMATCH needs a criterion that it is about (RFC 5258 3.1) */
	return (!l->recursive || l->subscribed_only || l->special_only) && vx_imap_sp(c);
}

/* METADATA " (/shared/comment ...)" */
static bool return_entries(
    struct imap_session *s, struct vx_cursor *c, struct imap_list *l)
{
	l->entries =
	    vx_arena_array(&s->arena, IMAP_LIST_ENTRIES_MAX, sizeof(*l->entries));
	l->entry_count = 0;
	return l->entries != NULL && vx_imap_sp(c) && vx_cur_peek(c) == '(' &&
	       imap_metadata_names(
		   s, c, l->entries, IMAP_LIST_ENTRIES_MAX, &l->entry_count);
}

static bool returns(struct imap_session *s, struct vx_cursor *c, struct imap_list *l)
{
	bool first = true;
	vx_slice word;

	if (!vx_cur_text(c, VX_S(" RETURN (")))
		return vx_cur_end(c);
	l->extended = true;
	while (!vx_cur_char(c, ')')) {
		if (!next_word(c, &first, &word))
			return false;
		if (vx_slice_eq_nocase(word, VX_S("SUBSCRIBED")))
			l->show_subscribed = true;
		else if (vx_slice_eq_nocase(word, VX_S("CHILDREN")))
			l->show_children = true;
		else if (vx_slice_eq_nocase(word, VX_S("SPECIAL-USE")))
			l->show_special = true;
		else if (vx_slice_eq_nocase(word, VX_S("MYRIGHTS")) &&
			 !s->service->o.no_sharing)
			l->show_myrights = true;
		else if (vx_slice_eq_nocase(word, VX_S("METADATA"))) {
			if (!return_entries(s, c, l))
				return false;
		} else if (!vx_slice_eq_nocase(word, VX_S("STATUS")) || !vx_imap_sp(c) ||
			   !imap_status_items(c, &l->status))
			return false;
	}
	return vx_cur_end(c);
}

/* As it was sent, as UTF-8. */
static void add_wire(struct imap_session *s, vx_slice wire, struct vx_buf *utf8)
{
	if (imap_utf8(s) || vx_imap_utf7_decode(wire, utf8) != VX_OK)
		vx_buf_add(utf8, wire);
}

/* A pattern with the reference before it (RFC 9051 6.3.9.1). */
static bool add_pattern(
    struct imap_session *s, struct vx_cursor *c, vx_slice reference, struct imap_list *l)
{
	struct vx_buf utf8 = { .max = IMAP_PATTERN_OCTETS_MAX };
	vx_slice wire;
	bool good;

	if (l->count == IMAP_PATTERNS_MAX || !vx_imap_list_mailbox(c, &s->arena, &wire))
		return false;
	if (wire.len > 0) { /* an empty one matches nothing (RFC 5258 3) */
		add_wire(s, reference, &utf8);
		add_wire(s, wire, &utf8);
	}
	if (utf8.len >= 5 &&
	    vx_slice_has_prefix_nocase(vx_buf_slice(&utf8), VX_S("INBOX")) &&
	    (utf8.len == 5 || utf8.ptr[5] == '/'))
		memcpy(utf8.ptr, "INBOX", 5);
	l->octets += utf8.len;
	good = !utf8.failed && l->octets <= IMAP_PATTERN_OCTETS_MAX &&
	       vx_arena_copy(&s->arena, vx_buf_slice(&utf8), &l->patterns[l->count++]) ==
		   VX_OK;
	vx_buf_done(&utf8);
	return good;
}

static bool patterns(
    struct imap_session *s, struct vx_cursor *c, vx_slice reference, struct imap_list *l)
{
	if (!vx_cur_char(c, '('))
		return add_pattern(s, c, reference, l);
	l->extended = true;
	do {
		if (!add_pattern(s, c, reference, l))
			return false;
	} while (vx_imap_sp(c));
	return vx_cur_char(c, ')');
}

static int list(
    struct imap_session *s, struct vx_cursor *c, struct vx_buf *out, bool lsub)
{
	struct imap_list *l = vx_arena_alloc(&s->arena, sizeof(*l));
	vx_slice reference;

	if (l == NULL)
		return imap_result(s, out, VX_ENOMEM, "");
	l->lsub = l->subscribed_only = lsub;
	if (!vx_imap_sp(c) || (!lsub && !selection(c, l)) ||
	    !vx_imap_astring(c, &s->arena, &reference) || !vx_imap_sp(c) ||
	    !patterns(s, c, reference, l) || !returns(s, c, l) || (lsub && l->extended))
		return imap_bad(s, out, "LIST reference pattern is expected");
	if (!l->extended && l->patterns[0].len == 0) { /* asks for the separator */
		vx_buf_add_str(out, lsub ? "* LSUB (\\Noselect) \"/\" \"\"\r\n"
					 : "* LIST (\\Noselect) \"/\" \"\"\r\n");
		return imap_ok(s, out, "done");
	}
	imap_status_enables(s, out, l->status);
	return imap_answer(s, &(struct imap_answer){ .body = list_step,
				  .state = l,
				  .sync = true,
				  .expunges = true,
				  .ok = "done" });
}

int imap_cmd_list(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return list(s, c, out, false);
}

int imap_cmd_lsub(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return list(s, c, out, true);
}
