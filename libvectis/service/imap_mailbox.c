/* Mailboxes by name: LIST, STATUS, CREATE and the like. */
#include "service/imap_notify.h"

bool imap_utf8(const struct imap_session *s)
{
	return s->enabled[IMAP_REV2] || s->enabled[IMAP_UTF8];
}

/* wire is in the arena already. */
static void decode(
    const struct imap_session *s, struct vx_arena *arena, vx_slice wire, vx_slice *out)
{
	struct vx_buf utf8 = { .max = IMAP_NAME_MAX };
	bool good;

	/* what is no modified UTF-7 is taken as UTF-8: RFC 9051 allows it, clients do it
	 */
	good = !imap_utf8(s) && vx_imap_utf7_decode(wire, &utf8) == VX_OK &&
	       vx_arena_copy(arena, vx_buf_slice(&utf8), out) == VX_OK;
	vx_buf_done(&utf8);
	if (!good)
		*out = wire;
	/* "name/" asks for a mailbox that will have children */
	if (out->len > 1 && out->ptr[out->len - 1] == '/')
		out->len--;
}

bool imap_mailbox_name(struct imap_session *s, struct vx_cursor *c, vx_slice *out)
{
	vx_slice wire;

	if (!vx_imap_astring(c, &s->arena, &wire))
		return false;
	decode(s, &s->arena, wire, out);
	return true;
}

bool imap_decode_name(
    const struct imap_session *s, struct vx_arena *arena, vx_slice *name)
{
	const vx_slice inbox = VX_S("INBOX");
	vx_slice own;
	char *p;

	decode(s, arena, *name, name);
	if (!vx_slice_has_prefix_nocase(*name, inbox) ||
	    (name->len > inbox.len && name->ptr[inbox.len] != '/'))
		return true;
	p = vx_arena_alloc(arena, name->len);
	if (p == NULL)
		return false;
	memcpy(p, name->ptr, name->len);
	memcpy(p, inbox.ptr, inbox.len);
	own = vx_slice_of(p, name->len);
	*name = own;
	return true;
}

int imap_no_target(struct imap_session *s, struct vx_buf *out, vx_slice name)
{
	struct imap_place p;
	const int rc = imap_reach_new(s, name, &p);

	if (rc != VX_OK || /* it cannot be made, either */
	    vx_mailbox_name_check(p.name) != VX_OK)
		return imap_result(s, out, VX_EINVAL, "");
	return imap_no(s, out, "[TRYCREATE] no such mailbox");
}

/* --- changing -------------------------------------------------------------------- */

/* RFC 8474 4.1 */
static int created(struct imap_session *s, struct vx_buf *out)
{
	const struct vx_mailbox_op *op = &s->answer.task->u.mailbox;
	struct vx_buf text = { .max = 100 };
	int rc;

	vx_buf_add_str(&text, "[MAILBOXID (");
	vx_imap_write_mailbox_id(&text, op->account, op->mailbox);
	vx_buf_add_str(&text, ")] done");
	rc = text.failed ? VX_ENOMEM : imap_ok(s, out, text.ptr);
	vx_buf_done(&text);
	return rc;
}

static int verb_done(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	(void)out;
	if (t->result == VX_OK)
		imap_notify_own_name(s, &t->u.mailbox);
	if (t->result == VX_OK && t->u.mailbox.verb == VX_MAILBOX_CREATE)
		return imap_answer(
		    s, &(struct imap_answer){
			   .sync = true, .expunges = true, .tail = created, .task = t });
	return imap_done(s, t->result, "done");
}

static int verb(struct imap_session *s, enum vx_mailbox_verb what, uint32_t account,
    vx_slice name, vx_slice new_name, unsigned use, struct vx_buf *out)
{
	struct imap_task *t = imap_task_new(s, verb_done);

	if (t == NULL)
		return imap_result(s, out, VX_ETEMP, "");
	vx_mailbox_op_init(&t->u.mailbox, what);
	t->u.mailbox.account = account;
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

void imap_write_uses(unsigned use, struct vx_buf *out)
{
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if ((use & uses[i].use) != 0)
			vx_buf_printf(out, " %s", uses[i].name);
}

unsigned imap_use_of(vx_slice name)
{
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (vx_slice_eq_nocase(name, vx_slice_str(uses[i].name)))
			return uses[i].use;
	return 0;
}

/* " (USE (\Sent))" (RFC 6154 3) */
static bool create_use(struct vx_cursor *c, unsigned *use, bool *known)
{
	if (vx_cur_end(c))
		return true;
	if (!vx_cur_text(c, VX_S(" (USE (")))
		return false;
	if (vx_cur_text(c, VX_S("))")))
		return vx_cur_end(c);
	do {
		vx_slice name;
		size_t i = 0;

		if (!vx_cur_char(c, '\\') || !vx_imap_atom(c, &name))
			return false;
		while (i < sizeof(uses) / sizeof(uses[0]) &&
		       !vx_slice_eq_nocase(name, vx_slice_str(uses[i].name + 1)))
			i++;
		/* \All there is once, and the server makes it (all.c) */
		if (i == sizeof(uses) / sizeof(uses[0]) || uses[i].use == VX_USE_ALL)
			*known = false;
		else
			*use |= uses[i].use;
	} while (vx_imap_sp(c));
	return vx_cur_text(c, VX_S("))")) && vx_cur_end(c);
}

int imap_cmd_create(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	unsigned use = 0;
	bool known = true;
	struct imap_place p;
	vx_slice name;
	int rc;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) ||
	    !create_use(c, &use, &known))
		return imap_bad(s, out, "CREATE mailbox is expected");
	rc = imap_reach_new(s, name, &p);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	/* a use is for its owner's programs (RFC 6154 2) */
	if (!known || (use != 0 && p.account != s->who.account))
		return imap_no(s, out, "[USEATTR] this use is not known");
	return verb(s, VX_MAILBOX_CREATE, p.account, p.name, VX_S(""), use, out);
}

int imap_cmd_delete(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_place p;
	vx_slice name;
	int rc;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_cur_end(c))
		return imap_bad(s, out, "a mailbox is expected");
	rc = imap_reach(s, name, VX_RIGHT_DELETE, &p);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	return verb(s, VX_MAILBOX_DELETE, p.account, p.name, VX_S(""), 0, out);
}

/* Names are subscribed to, not mailboxes: nothing is told of what is there. */
static int subscription(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out,
    enum vx_mailbox_verb what)
{
	vx_slice name;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_cur_end(c))
		return imap_bad(s, out, "a mailbox is expected");
	return verb(s, what, s->who.account, name, VX_S(""), 0, out);
}

int imap_cmd_subscribe(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return subscription(s, c, out, VX_MAILBOX_SUBSCRIBE);
}

int imap_cmd_unsubscribe(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	return subscription(s, c, out, VX_MAILBOX_UNSUBSCRIBE);
}

/* An account's mailboxes stay its own, and its INBOX where it is. */
static bool may_be_moved(const struct imap_session *s, const struct imap_place *from,
    const struct imap_place *to)
{
	return from->account == to->account &&
	       (from->account == s->who.account ||
		   !vx_slice_eq_nocase(from->name, VX_S("INBOX")));
}

int imap_cmd_rename(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct imap_place old, new;
	vx_slice from, to;
	int rc;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &from) || !vx_imap_sp(c) ||
	    !imap_mailbox_name(s, c, &to) || !vx_cur_end(c))
		return imap_bad(s, out, "RENAME old new is expected");
	if (imap_name_is_others(from))
		rc = imap_reach(s, from, VX_RIGHT_DELETE, &old);
	else /* a level that is no mailbox can be renamed by its owner */
		rc = imap_reach_new(s, from, &old);
	if (rc == VX_OK)
		rc = imap_reach_new(s, to, &new);
	if (rc == VX_OK && !may_be_moved(s, &old, &new))
		rc = VX_EINVAL;
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	return verb(s, VX_MAILBOX_RENAME, old.account, old.name, new.name, 0, out);
}

int imap_cmd_namespace(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	vx_buf_printf(out, "* NAMESPACE ((\"\" \"/\")) %s NIL\r\n",
	    s->service->o.no_sharing ? "NIL" : "((\"" IMAP_OTHERS "/\" \"/\"))");
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
	ST_MAILBOXID,    /* RFC 8474: no number */
	ST_APPENDLIMIT,  /* RFC 7889 */
	ST_DELETED_SIZE, /* RFC 9208 4.1.4 */
	ST_ITEMS
};
static const char *const status_names[ST_ITEMS] = { "MESSAGES", "RECENT", "UIDNEXT",
	"UIDVALIDITY", "UNSEEN", "DELETED", "SIZE", "HIGHESTMODSEQ", "MAILBOXID",
	"APPENDLIMIT", "DELETED-STORAGE" };

_Static_assert(
    IMAP_STATUS_MESSAGES == 1 << ST_MESSAGES && IMAP_STATUS_UIDNEXT == 1 << ST_UIDNEXT &&
	IMAP_STATUS_UIDVALIDITY == 1 << ST_UIDVALIDITY &&
	IMAP_STATUS_UNSEEN == 1 << ST_UNSEEN && IMAP_STATUS_MODSEQ == 1 << ST_MODSEQ,
    "the bits of imap_int.h");

/* "(MESSAGES UNSEEN ...)" as bits. */
bool imap_status_items(struct vx_cursor *c, unsigned *items)
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

/* Octets of what EXPUNGE would remove; ends with the last of them. */
static uint64_t deleted_size(const struct imap_session *s,
    const struct vx_mailbox_info *m, const struct vx_mailbox_status *st)
{
	struct vx_record_query q = { .account = m->account,
		.mailbox = m->mailbox,
		.first_uid = 1,
		.last_uid = UINT32_MAX };
	struct vx_record records[IMAP_BATCH];
	uint32_t found = 0;
	uint64_t octets = 0;
	size_t count = 0;
	struct vx_view *v;

	if (st->deleted == 0 || vx_view_begin(s->service->o.store, &v) != VX_OK)
		return 0;
	while (found < st->deleted && q.first_uid != 0 &&
	       vx_records_read(v, &q, records, IMAP_BATCH, &count, &q.first_uid) == VX_OK)
		for (size_t i = 0; i < count; i++)
			if ((records[i].flags & VX_FLAG_DELETED) != 0) {
				octets += records[i].size;
				found++;
			}
	vx_view_end(v);
	return octets;
}

void imap_write_status(struct imap_session *s, struct vx_buf *out,
    const struct vx_mailbox_info *m, const struct vx_mailbox_status *st, unsigned items)
{
	const uint64_t values[ST_ITEMS] = { st->messages, 0, st->uidnext, st->uidvalidity,
		st->unseen, st->deleted, st->size, st->highestmodseq, 0,
		s->service->o.message_octets_max,
		(items >> ST_DELETED_SIZE & 1) != 0 ? deleted_size(s, m, st) : 0 };
	const char *separator = "";

	vx_buf_add_str(out, "* STATUS ");
	vx_imap_write_mailbox(out, m->name, imap_utf8(s));
	vx_buf_add_str(out, " (");
	for (unsigned i = 0; i < ST_ITEMS; i++) {
		if ((items >> i & 1) == 0)
			continue;
		vx_buf_printf(out, "%s%s ", separator, status_names[i]);
		separator = " ";
		if (i != ST_MAILBOXID) {
			vx_buf_add_number(out, values[i]);
			continue;
		}
		vx_buf_add_char(out, '(');
		vx_imap_write_mailbox_id(out, m->account, m->mailbox);
		vx_buf_add_char(out, ')');
	}
	vx_buf_add_str(out, ")\r\n");
}

/* Asking for HIGHESTMODSEQ tells that the client knows CONDSTORE (RFC 7162 3.1). */
void imap_status_enables(struct imap_session *s, struct vx_buf *out, unsigned items)
{
	if ((items >> ST_MODSEQ & 1) != 0)
		imap_enable_condstore(s, out);
}

int imap_cmd_status(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct vx_mailbox_status st;
	struct vx_mailbox_info info;
	struct imap_place p;
	struct vx_view *v;
	unsigned items;
	vx_slice name;
	int rc;

	if (!vx_imap_sp(c) || !imap_mailbox_name(s, c, &name) || !vx_imap_sp(c) ||
	    !imap_status_items(c, &items) || !vx_cur_end(c))
		return imap_bad(s, out, "STATUS mailbox (items) is expected");
	rc = vx_view_begin(s->service->o.store, &v);
	if (rc != VX_OK)
		return imap_result(s, out, rc, "");
	rc = imap_reach_in(s, v, name, VX_RIGHT_READ, &p);
	if (rc == VX_OK)
		rc = vx_mailbox_status(v, p.account, p.mailbox, &st);
	if (rc == VX_OK)
		rc = vx_mailbox_get(v, p.account, p.mailbox, &info);
	if (rc == VX_OK)
		rc = imap_shown_name(s, v, &s->arena, &info, &info.name);
	if (rc == VX_OK)
		imap_write_status(s, out, &info, &st, items);
	vx_view_end(v);
	imap_status_enables(s, out, items);
	return imap_done(s, rc, "done");
}
