/* Mailboxes by name: LIST, STATUS, CREATE and the like. */
#include "service/imap_int.h"

bool imap_mailbox_name(struct imap_session *s, struct vx_cursor *c, vx_slice *out)
{
	struct vx_buf utf8 = { .max = VX_MAILBOX_NAME_MAX };
	vx_slice wire;
	bool good;

	if (!vx_imap_astring(c, &s->arena, &wire))
		return false;
	/* what is no modified UTF-7 is taken as UTF-8: RFC 9051 allows it, clients do it
	 */
	good = !s->rev2 && vx_imap_utf7_decode(wire, &utf8) == VX_OK &&
	       vx_arena_copy(&s->arena, vx_buf_slice(&utf8), out) == VX_OK;
	vx_buf_done(&utf8);
	if (!good)
		*out = wire;
	/* "name/" asks for a mailbox that will have children */
	if (out->len > 1 && out->ptr[out->len - 1] == '/')
		out->len--;
	return true;
}

int imap_find_mailbox(struct imap_session *s, vx_slice name, uint32_t *mailbox)
{
	struct vx_mailbox_info info;
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_mailbox_find(v, s->who.account, name, &info);
	if (rc == VX_OK)
		*mailbox = info.mailbox;
	vx_view_end(v);
	return rc;
}

/* --- changing -------------------------------------------------------------------- */

static int verb_done(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	return imap_done(s, out, t->result, "done");
}

static int verb(struct imap_session *s, enum vx_mailbox_verb what, vx_slice name,
    vx_slice new_name, unsigned use, struct vx_buf *out)
{
	struct imap_task *t = imap_task_new(s, verb_done);

	if (t == NULL)
		return imap_result(s, out, VX_ETEMP, "");
	vx_mailbox_op_init(&t->u.mailbox, what);
	t->u.mailbox.account = s->who.account;
	t->u.mailbox.special_use = use;
	if (vx_arena_copy(&t->arena, name, &t->u.mailbox.name) != VX_OK ||
	    vx_arena_copy(&t->arena, new_name, &t->u.mailbox.new_name) != VX_OK) {
		imap_task_free(t);
		return imap_result(s, out, VX_ETEMP, "");
	}
	return imap_submit(s, t, out);
}

static const struct {
	const char *name;
	unsigned use;
} uses[] = { { "\\All", VX_USE_ALL }, { "\\Archive", VX_USE_ARCHIVE },
	{ "\\Drafts", VX_USE_DRAFTS }, { "\\Flagged", VX_USE_FLAGGED },
	{ "\\Junk", VX_USE_JUNK }, { "\\Sent", VX_USE_SENT },
	{ "\\Trash", VX_USE_TRASH } };

/* " (USE (\Sent))" (RFC 6154 3) */
static bool create_use(struct vx_cursor *c, unsigned *use)
{
	if (vx_cur_end(c))
		return true;
	if (!vx_cur_text(c, VX_S(" (USE (")))
		return false;
	do {
		size_t i = 0;

		while (i < sizeof(uses) / sizeof(uses[0]) &&
		       !vx_cur_text(c, vx_slice_str(uses[i].name)))
			i++;
		if (i == sizeof(uses) / sizeof(uses[0]))
			return false;
		*use |= uses[i].use;
	} while (vx_imap_sp(c));
	return vx_cur_text(c, VX_S("))")) && vx_cur_end(c);
}

int imap_cmd_create(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	unsigned use = 0;
	vx_slice name;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !create_use(c, &use))
		return imap_bad(s, out, "CREATE mailbox is expected");
	return verb(s, VX_MAILBOX_CREATE, name, VX_S(""), use, out);
}

static int simple(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out,
    enum vx_mailbox_verb what)
{
	vx_slice name;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_cur_end(c))
		return imap_bad(s, out, "a mailbox is expected");
	return verb(s, what, name, VX_S(""), 0, out);
}

int imap_cmd_delete(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return simple(s, c, out, VX_MAILBOX_DELETE);
}

int imap_cmd_subscribe(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return simple(s, c, out, VX_MAILBOX_SUBSCRIBE);
}

int imap_cmd_unsubscribe(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return simple(s, c, out, VX_MAILBOX_UNSUBSCRIBE);
}

int imap_cmd_rename(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	vx_slice from, to;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &from) || !vx_imap_sp(c) ||
	    !imap_mailbox_name(s, c, &to) || !vx_cur_end(c))
		return imap_bad(s, out, "RENAME old new is expected");
	return verb(s, VX_MAILBOX_RENAME, from, to, 0, out);
}

int imap_cmd_namespace(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	vx_buf_add_str(out, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return imap_ok(s, out, "done");
}

/* --- STATUS ---------------------------------------------------------------------- */

enum {
	ST_MESSAGES,
	ST_RECENT,
	ST_UIDNEXT,
	ST_UIDVALIDITY,
	ST_UNSEEN,
	ST_DELETED,
	ST_SIZE,
	ST_MODSEQ,
	ST_ITEMS
};
static const char *const status_names[ST_ITEMS] = { "MESSAGES", "RECENT", "UIDNEXT",
	"UIDVALIDITY", "UNSEEN", "DELETED", "SIZE", "HIGHESTMODSEQ" };

/* "(MESSAGES UNSEEN ...)" as bits. */
static bool status_items(struct vx_cursor *c, unsigned *items)
{
	*items = 0;
	if (!vx_cur_char(c, '('))
		return false;
	do {
		vx_slice name;
		unsigned i = 0;

		if (!vx_imap_atom(c, &name))
			return false;
		while (i < ST_ITEMS &&
		       !vx_slice_eq_nocase(name, vx_slice_str(status_names[i])))
			i++;
		if (i == ST_ITEMS)
			return false;
		*items |= 1u << i;
	} while (vx_imap_sp(c));
	return vx_cur_char(c, ')');
}

static void write_status(struct imap_session *s, struct vx_buf *out, vx_slice name,
    const struct vx_mailbox_status *st, unsigned items)
{
	const uint64_t values[ST_ITEMS] = { st->messages, 0, st->uidnext, st->uidvalidity,
		st->unseen, st->deleted, st->size, st->highestmodseq };
	const char *separator = "";

	vx_buf_add_str(out, "* STATUS ");
	vx_imap_write_mailbox(out, name, s->rev2);
	vx_buf_add_str(out, " (");
	for (unsigned i = 0; i < ST_ITEMS; i++) {
		if ((items >> i & 1) == 0)
			continue;
		vx_buf_printf(out, "%s%s %llu", separator, status_names[i],
		    (unsigned long long)values[i]);
		separator = " ";
	}
	vx_buf_add_str(out, ")\r\n");
}

int imap_cmd_status(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct vx_mailbox_status st;
	struct vx_mailbox_info info;
	struct vx_view *v;
	unsigned items;
	vx_slice name;
	int rc;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_imap_sp(c) ||
	    !status_items(c, &items) || !vx_cur_end(c))
		return imap_bad(s, out, "STATUS mailbox (items) is expected");
	rc = vx_view_begin(s->service->o.store, &v);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	rc = vx_mailbox_find(v, s->who.account, name, &info);
	if (rc == VX_OK)
		rc = vx_mailbox_status(v, s->who.account, info.mailbox, &st);
	if (rc == VX_OK)
		write_status(s, out, info.name, &st, items);
	vx_view_end(v);
	if ((items >> ST_MODSEQ & 1) != 0)
		s->condstore = true;
	return imap_done(s, out, rc, "done");
}

/* --- LIST ------------------------------------------------------------------------ */

#define PATTERNS_MAX 32

struct list {
	bool subscribed_only, special_only, recursive;     /* selection */
	bool show_subscribed, show_children, show_special; /* return */
	bool lsub;
	unsigned status; /* items; 0: none */
	vx_slice patterns[PATTERNS_MAX];
	size_t count;
};

static bool matches(const struct list *l, vx_slice name)
{
	for (size_t i = 0; i < l->count; i++)
		if (vx_imap_list_match(l->patterns[i], name))
			return true;
	return false;
}

/* Is there a mailbox (subscribed, when asked) below name? */
static bool has_below(struct vx_view *v, uint32_t account, vx_slice name, bool subscribed)
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
		if (subscribed ? m.subscribed : m.exists)
			return true;
		memcpy(after, m.name.ptr, m.name.len);
		len = m.name.len;
	}
	return false;
}

static void write_attributes(const struct list *l, const struct vx_mailbox_info *m,
    bool children, struct vx_buf *out)
{
	vx_buf_add_str(out, children ? "\\HasChildren" : "\\HasNoChildren");
	if (!m->exists)
		vx_buf_add_str(out, l->lsub ? " \\Noselect" : " \\NonExistent");
	if (m->subscribed && !l->lsub && (l->show_subscribed || l->subscribed_only))
		vx_buf_add_str(out, " \\Subscribed");
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if ((m->special_use & uses[i].use) != 0)
			vx_buf_printf(out, " %s", uses[i].name);
}

static void write_list(struct imap_session *s, struct vx_view *v, const struct list *l,
    const struct vx_mailbox_info *m, bool child_info, struct vx_buf *out)
{
	struct vx_mailbox_status st;

	vx_buf_add_str(out, l->lsub ? "* LSUB (" : "* LIST (");
	write_attributes(l, m, has_below(v, s->who.account, m->name, false), out);
	vx_buf_add_str(out, ") \"/\" ");
	vx_imap_write_mailbox(out, m->name, s->rev2);
	if (child_info)
		vx_buf_add_str(out, " (CHILDINFO (\"SUBSCRIBED\"))");
	vx_buf_add_str(out, "\r\n");
	if (l->status != 0 && m->exists &&
	    vx_mailbox_status(v, m->account, m->mailbox, &st) == VX_OK)
		write_status(s, out, m->name, &st, l->status);
}

static void list_one(struct imap_session *s, struct vx_view *v, const struct list *l,
    const struct vx_mailbox_info *m, struct vx_buf *out)
{
	bool child_info = false;

	if (!matches(l, m->name))
		return;
	if (l->recursive)
		child_info = has_below(v, s->who.account, m->name, true);
	if (l->subscribed_only && !m->subscribed && !child_info)
		return;
	if ((!m->exists && !l->subscribed_only) ||
	    (l->special_only && m->special_use == 0))
		return;
	write_list(s, v, l, m, child_info, out);
}

/*
 * The levels above m that are no mailboxes of their own: they are listed when a pattern
 * names them, since what is below would be out of reach (RFC 9051 6.3.9, RFC 3501
 * 6.3.9).  before is the name listed before m: its levels were looked at.
 */
static void list_above(struct imap_session *s, struct vx_view *v, const struct list *l,
    const struct vx_mailbox_info *m, vx_slice before, struct vx_buf *out)
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
		if (!listed && !l->special_only && matches(l, above.name) &&
		    !(l->lsub && matches(l, m->name)))
			write_list(s, v, l, &above, l->recursive, out);
	}
}

static int run_list(struct imap_session *s, const struct list *l, struct vx_buf *out)
{
	char after[VX_MAILBOX_NAME_MAX];
	struct vx_mailbox_info m;
	struct vx_view *v;
	size_t len = 0;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	while ((rc = vx_mailbox_next(v, s->who.account, vx_slice_of(after, len), &m)) ==
	       VX_OK) {
		m.account = s->who.account;
		if (l->lsub || (l->recursive && l->subscribed_only)
			? m.subscribed
			: !l->subscribed_only && m.exists)
			list_above(s, v, l, &m, vx_slice_of(after, len), out);
		list_one(s, v, l, &m, out);
		memcpy(after, m.name.ptr, m.name.len);
		len = m.name.len;
	}
	vx_view_end(v);
	return imap_done(s, out, rc == VX_ENOENT ? VX_OK : rc, "done");
}

/* "(SUBSCRIBED RECURSIVEMATCH) " before the reference. */
static bool selection(struct vx_cursor *c, struct list *l)
{
	if (!vx_cur_char(c, '('))
		return true;
	while (!vx_cur_char(c, ')')) {
		(void)vx_imap_sp(c);
		if (vx_cur_text(c, VX_S("SUBSCRIBED")))
			l->subscribed_only = true;
		else if (vx_cur_text(c, VX_S("RECURSIVEMATCH")))
			l->recursive = true;
		else if (vx_cur_text(c, VX_S("SPECIAL-USE")))
			l->special_only = true;
		else if (!vx_cur_text(c, VX_S("REMOTE")))
			return false;
	}
	return (!l->recursive || l->subscribed_only) && vx_imap_sp(c);
}

static bool returns(struct vx_cursor *c, struct list *l)
{
	if (!vx_cur_text(c, VX_S(" RETURN (")))
		return vx_cur_end(c);
	while (!vx_cur_char(c, ')')) {
		(void)vx_imap_sp(c);
		if (vx_cur_text(c, VX_S("SUBSCRIBED")))
			l->show_subscribed = true;
		else if (vx_cur_text(c, VX_S("CHILDREN")))
			l->show_children = true;
		else if (vx_cur_text(c, VX_S("SPECIAL-USE")))
			l->show_special = true;
		else if (!vx_cur_text(c, VX_S("STATUS ")) || !status_items(c, &l->status))
			return false;
	}
	return vx_cur_end(c);
}

/* A pattern with the reference before it, as UTF-8 (RFC 9051 6.3.9.1). */
static bool add_pattern(
    struct imap_session *s, struct vx_cursor *c, vx_slice reference, struct list *l)
{
	struct vx_buf utf8 = { .max = 2 * VX_MAILBOX_NAME_MAX };
	const size_t ref = reference.len;
	vx_slice wire;
	bool good;

	if (l->count == PATTERNS_MAX || !vx_imap_list_mailbox(c, &s->arena, &wire))
		return false;
	vx_buf_add(&utf8, reference);
	if (s->rev2 || vx_imap_utf7_decode(wire, &utf8) != VX_OK) {
		vx_buf_truncate(&utf8, utf8.len < ref ? utf8.len : ref);
		vx_buf_add(&utf8, wire);
	}
	if (utf8.len >= 5 &&
	    vx_slice_has_prefix_nocase(vx_buf_slice(&utf8), VX_S("INBOX")) &&
	    (utf8.len == 5 || utf8.ptr[5] == '/'))
		memcpy(utf8.ptr, "INBOX", 5);
	good = !utf8.failed && vx_arena_copy(&s->arena, vx_buf_slice(&utf8),
				   &l->patterns[l->count++]) == VX_OK;
	vx_buf_done(&utf8);
	return good;
}

static bool patterns(
    struct imap_session *s, struct vx_cursor *c, vx_slice reference, struct list *l)
{
	if (!vx_cur_char(c, '('))
		return add_pattern(s, c, reference, l);
	do {
		if (!add_pattern(s, c, reference, l))
			return false;
	} while (vx_imap_sp(c));
	return vx_cur_char(c, ')');
}

static int list(
    struct imap_session *s, struct vx_cursor *c, struct vx_buf *out, bool lsub)
{
	struct list l = { .lsub = lsub, .subscribed_only = lsub };
	vx_slice reference;

	if (!vx_imap_sp(c) || (!lsub && !selection(c, &l)) ||
	    !vx_imap_astring(c, &s->arena, &reference) || !vx_imap_sp(c) ||
	    !patterns(s, c, reference, &l) || !returns(c, &l))
		return imap_bad(s, out, "LIST reference pattern is expected");
	if (l.count == 1 && l.patterns[0].len == 0) { /* asks for the separator */
		vx_buf_add_str(out, lsub ? "* LSUB (\\Noselect) \"/\" \"\"\r\n"
					 : "* LIST (\\Noselect) \"/\" \"\"\r\n");
		return imap_ok(s, out, "done");
	}
	return run_list(s, &l, out);
}

int imap_cmd_list(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return list(s, c, out, false);
}

int imap_cmd_lsub(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return list(s, c, out, true);
}
