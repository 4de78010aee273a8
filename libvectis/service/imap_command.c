/* The tables of commands and capabilities, and the commands that need no mailbox. */
#include "service/imap_notify.h"

/* --- states ---------------------------------------------------------------------- */

enum {                   /* where a command or a capability works: bits */
	IN_CLEAR = 1,    /* not logged in, before TLS */
	IN_EARLY = 2,    /* not logged in, with TLS */
	IN_AUTH = 4,     /* logged in */
	IN_SELECTED = 8, /* the same, with a mailbox */
	NOT_ZIPPED = 16, /* of a capability: only without COMPRESS */
	SHARING = 32,    /* the same: only where mailboxes may be shared */
	LOGGED_IN = IN_AUTH | IN_SELECTED,
	ANY = IN_CLEAR | IN_EARLY | LOGGED_IN
};

static unsigned state_bit(const struct imap_session *s)
{
	if (s->state == IMAP_EARLY)
		return s->secure ? IN_EARLY : IN_CLEAR;
	return s->state == IMAP_AUTH ? IN_AUTH : IN_SELECTED;
}

/* --- capabilities ---------------------------------------------------------------- */

/* In the order in which they are told; enables: what ENABLE of it switches on. */
static const struct capability {
	const char *name;
	unsigned states;
	enum imap_enable enables;
} capabilities[] = {
	{ "IMAP4rev1", ANY, IMAP_ENABLE_NONE },
	{ "IMAP4rev2", ANY, IMAP_REV2 },
	{ "LITERAL-", IN_CLEAR | IN_EARLY, IMAP_ENABLE_NONE },
	{ "LITERAL+", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "ID", ANY, IMAP_ENABLE_NONE },
	{ "STARTTLS", IN_CLEAR, IMAP_ENABLE_NONE },
	{ "LOGINDISABLED", IN_CLEAR, IMAP_ENABLE_NONE },
	{ "SASL-IR", IN_EARLY, IMAP_ENABLE_NONE },
	{ "ENABLE", IN_EARLY | LOGGED_IN, IMAP_ENABLE_NONE },
	{ "IDLE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "NAMESPACE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "UIDPLUS", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "BINARY", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "MULTIAPPEND", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "CATENATE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "MOVE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "SPECIAL-USE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "CREATE-SPECIAL-USE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "UNSELECT", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "ESEARCH", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "SEARCH=FUZZY", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "MULTISEARCH", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "SEARCHRES", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "STATUS=SIZE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "LIST-EXTENDED", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "LIST-STATUS", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "UTF8=ACCEPT", LOGGED_IN, IMAP_UTF8 },
	{ "UIDONLY", LOGGED_IN, IMAP_UIDONLY },
	{ "CONDSTORE", LOGGED_IN, IMAP_CONDSTORE },
	{ "QRESYNC", LOGGED_IN, IMAP_QRESYNC },
	{ "NOTIFY", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "CHILDREN", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "ACL", LOGGED_IN | SHARING, IMAP_ENABLE_NONE },
	{ "RIGHTS=kxte", LOGGED_IN | SHARING, IMAP_ENABLE_NONE },
	{ "LIST-MYRIGHTS", LOGGED_IN | SHARING, IMAP_ENABLE_NONE },
	{ "QUOTA", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "QUOTA=RES-STORAGE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "QUOTA=RES-MESSAGE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "METADATA", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "METADATA-SERVER", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "LIST-METADATA", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "SORT", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "SORT=DISPLAY", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "ESORT", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "CONTEXT=SEARCH", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "CONTEXT=SORT", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "THREAD=REFERENCES", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "THREAD=ORDEREDSUBJECT", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "THREAD=REFS", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "I18NLEVEL=1", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "WITHIN", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "INPROGRESS", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "PARTIAL", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "PREVIEW", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "SAVEDATE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "OBJECTID", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "REPLACE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "UNAUTHENTICATE", LOGGED_IN, IMAP_ENABLE_NONE },
	{ "COMPRESS=DEFLATE", LOGGED_IN | NOT_ZIPPED, IMAP_ENABLE_NONE },
};
#define CAPABILITIES (sizeof(capabilities) / sizeof(capabilities[0]))

void imap_write_capability(const struct imap_session *s, struct vx_buf *out)
{
	const unsigned state = state_bit(s);

	vx_buf_add_str(out, "CAPABILITY");
	for (size_t i = 0; i < CAPABILITIES; i++)
		if ((capabilities[i].states & state) != 0 &&
		    ((capabilities[i].states & NOT_ZIPPED) == 0 || s->zip == NULL) &&
		    ((capabilities[i].states & SHARING) == 0 ||
			!s->service->o.no_sharing))
			vx_buf_printf(out, " %s", capabilities[i].name);
	if ((state & LOGGED_IN) != 0)
		vx_buf_printf(out, " APPENDLIMIT=%llu SAVELIMIT=%d",
		    (unsigned long long)s->service->o.message_octets_max, VX_COPY_MAX);
	if (state == IN_EARLY)
		vx_sasl_write_offer(out, " AUTH=", &s->binding);
}

static int cmd_capability(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	vx_buf_add_str(out, "* ");
	imap_write_capability(s, out);
	vx_buf_add_str(out, "\r\n");
	return imap_ok(s, out, "done");
}

/* What is new is told once; names that are not known are passed over (RFC 5161 3.1). */
static void enable(struct imap_session *s, vx_slice name, struct vx_buf *out)
{
	for (size_t i = 0; i < CAPABILITIES; i++) {
		const struct capability *p = &capabilities[i];

		if (p->enables == IMAP_ENABLE_NONE || s->enabled[p->enables] ||
		    !vx_slice_eq_nocase(name, vx_slice_str(p->name)))
			continue;
		s->enabled[p->enables] = true;
		vx_buf_printf(out, " %s", p->name);
	}
}

static int cmd_enable(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	const bool before = s->enabled[IMAP_CONDSTORE];
	struct vx_cursor look = *c;
	vx_slice name;

	do {
		if (!vx_imap_sp(&look) || !vx_imap_atom(&look, &name))
			return imap_bad(s, out, "ENABLE names is expected");
	} while (!vx_cur_end(&look));
	vx_buf_add_str(out, "* ENABLED");
	while (vx_imap_sp(c) && vx_imap_atom(c, &name))
		enable(s, name, out);
	vx_buf_add_str(out, "\r\n");
	if (s->enabled[IMAP_CONDSTORE] || s->enabled[IMAP_QRESYNC]) {
		s->enabled[IMAP_CONDSTORE] = before;
		imap_enable_condstore(s, out);
	}
	return imap_ok(s, out, "done");
}

/* --- at any time ----------------------------------------------------------------- */

static int cmd_noop(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	(void)out;
	return imap_done(s, VX_OK, "done");
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
	if (!vx_imap_sp(c) || !vx_imap_id(c, &s->arena) || !vx_cur_end(c))
		return imap_bad(s, out, "ID (name value) or ID NIL is expected");
	vx_buf_add_str(out, "* ID (\"name\" \"Vectis\")\r\n");
	return imap_ok(s, out, "done");
}

static int cmd_starttls(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	s->starting_tls = true;
	return imap_ok(s, out, "begin TLS now");
}

/* RFC 4978 3; drive begins with it when the answer is out. */
static int cmd_compress(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	vx_slice name;

	if (!vx_imap_sp(c) || !vx_imap_atom(c, &name) || !vx_cur_end(c) ||
	    !vx_slice_eq_nocase(name, VX_S("DEFLATE")))
		return imap_bad(s, out, "COMPRESS DEFLATE is expected");
	if (s->zip != NULL)
		return imap_bad(s, out, "DEFLATE is active already");
	if (vx_zip_new(&s->zip_next) != VX_OK)
		return imap_result(s, out, VX_ENOMEM, "");
	return imap_ok(s, out, "DEFLATE active");
}

/* RFC 8437: back to where it was before login; only TLS stays. */
static int cmd_unauthenticate(
    struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	struct vx_loop *loop = s->base.host->loop;

	(void)c;
	if (s->zip != NULL) {
		vx_zip_end(s->zip);
		s->zip_ends = true;
	}
	imap_view_close(s);
	imap_notify_free(s->notify);
	s->notify = NULL;
	memset(s->enabled, 0, sizeof(s->enabled));
	vx_sasl_done(&s->sasl);
	s->who = (struct vx_auth_login){ 0 };
	s->state = IMAP_EARLY;
	s->frame.authenticated = false;
	s->opened_ms = loop->now_ms(loop);
	return imap_ok(s, out, "log in again");
}

/* --- IDLE ------------------------------------------------------------------------ */

static int idling(struct imap_session *s, struct vx_buf *out)
{
	vx_buf_add_str(out, "+ idling\r\n");
	s->busy = IMAP_IDLING;
	return VX_OK;
}

static int cmd_idle(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	(void)c;
	(void)out;
	return imap_answer(
	    s, &(struct imap_answer){ .sync = true, .expunges = true, .tail = idling });
}

int imap_end_idle(struct imap_session *s, vx_slice line, struct vx_buf *out)
{
	s->busy = IMAP_IDLE_NOT;
	if (!vx_slice_eq_nocase(line, VX_S("DONE")))
		return imap_bad(s, out, "DONE was expected");
	return imap_done(s, VX_OK, "idle ended");
}

/* --- the table ------------------------------------------------------------------- */

enum {
	ARGS = 1,    /* something follows; without it nothing may */
	UID_TOO = 2, /* "UID name" is there, with a set */
	NUMBERS = 8, /* without UID it is about numbers of messages */
	SHARES = 4,  /* is there only where mailboxes may be shared */
};

static const struct command {
	const char *name;
	imap_command_fn *run;
	unsigned states, rules;
} commands[] = {
	{ "CAPABILITY", cmd_capability, ANY, 0 },
	{ "NOOP", cmd_noop, ANY, 0 },
	{ "LOGOUT", cmd_logout, ANY, 0 },
	{ "ID", cmd_id, ANY, ARGS },
	{ "STARTTLS", cmd_starttls, IN_CLEAR, 0 },
	{ "LOGIN", imap_cmd_login, IN_CLEAR | IN_EARLY, ARGS },
	{ "AUTHENTICATE", imap_cmd_authenticate, IN_CLEAR | IN_EARLY, ARGS },
	{ "ENABLE", cmd_enable, LOGGED_IN, ARGS },
	{ "COMPRESS", cmd_compress, LOGGED_IN, ARGS },
	{ "SELECT", imap_cmd_select, LOGGED_IN, ARGS },
	{ "EXAMINE", imap_cmd_examine, LOGGED_IN, ARGS },
	{ "CREATE", imap_cmd_create, LOGGED_IN, ARGS },
	{ "DELETE", imap_cmd_delete, LOGGED_IN, ARGS },
	{ "RENAME", imap_cmd_rename, LOGGED_IN, ARGS },
	{ "SUBSCRIBE", imap_cmd_subscribe, LOGGED_IN, ARGS },
	{ "UNSUBSCRIBE", imap_cmd_unsubscribe, LOGGED_IN, ARGS },
	{ "LIST", imap_cmd_list, LOGGED_IN, ARGS },
	{ "LSUB", imap_cmd_lsub, LOGGED_IN, ARGS },
	{ "STATUS", imap_cmd_status, LOGGED_IN, ARGS },
	{ "APPEND", imap_cmd_append, LOGGED_IN, ARGS },
	{ "REPLACE", imap_cmd_replace, IN_SELECTED, ARGS | UID_TOO | NUMBERS },
	{ "UNAUTHENTICATE", cmd_unauthenticate, LOGGED_IN, 0 },
	{ "NAMESPACE", imap_cmd_namespace, LOGGED_IN, 0 },
	{ "GETACL", imap_cmd_getacl, LOGGED_IN, ARGS | SHARES },
	{ "SETACL", imap_cmd_setacl, LOGGED_IN, ARGS | SHARES },
	{ "DELETEACL", imap_cmd_deleteacl, LOGGED_IN, ARGS | SHARES },
	{ "LISTRIGHTS", imap_cmd_listrights, LOGGED_IN, ARGS | SHARES },
	{ "MYRIGHTS", imap_cmd_myrights, LOGGED_IN, ARGS | SHARES },
	{ "GETQUOTA", imap_cmd_getquota, LOGGED_IN, ARGS },
	{ "GETQUOTAROOT", imap_cmd_getquotaroot, LOGGED_IN, ARGS },
	{ "SETQUOTA", imap_cmd_setquota, LOGGED_IN, ARGS },
	{ "GETMETADATA", imap_cmd_getmetadata, LOGGED_IN, ARGS },
	{ "SETMETADATA", imap_cmd_setmetadata, LOGGED_IN, ARGS },
	{ "IDLE", cmd_idle, LOGGED_IN, 0 },
	{ "NOTIFY", imap_cmd_notify, LOGGED_IN, ARGS },
	{ "CHECK", imap_cmd_check, IN_SELECTED, 0 },
	{ "CLOSE", imap_cmd_close, IN_SELECTED, 0 },
	{ "UNSELECT", imap_cmd_unselect, IN_SELECTED, 0 },
	{ "EXPUNGE", imap_cmd_expunge, IN_SELECTED, UID_TOO },
	{ "FETCH", imap_cmd_fetch, IN_SELECTED, ARGS | UID_TOO | NUMBERS },
	{ "STORE", imap_cmd_store, IN_SELECTED, ARGS | UID_TOO | NUMBERS },
	{ "COPY", imap_cmd_copy, IN_SELECTED, ARGS | UID_TOO | NUMBERS },
	{ "MOVE", imap_cmd_move, IN_SELECTED, ARGS | UID_TOO | NUMBERS },
	{ "SEARCH", imap_cmd_search, IN_SELECTED, ARGS | UID_TOO | NUMBERS },
	{ "CANCELUPDATE", imap_cmd_cancelupdate, IN_SELECTED, ARGS },
	{ "ESEARCH", imap_cmd_esearch, LOGGED_IN, ARGS },
	{ "SORT", imap_cmd_sort, IN_SELECTED, ARGS | UID_TOO | NUMBERS },
	{ "THREAD", imap_cmd_thread, IN_SELECTED, ARGS | UID_TOO | NUMBERS },
};

const char *imap_command_name(size_t i)
{
	return i < sizeof(commands) / sizeof(commands[0]) ? commands[i].name : NULL;
}

static const struct command *find_command(vx_slice name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (vx_slice_eq_nocase(name, vx_slice_str(commands[i].name)))
			return &commands[i];
	return NULL;
}

/* Why not in this state? */
static const char *why_not(const struct imap_session *s, const struct command *cmd)
{
	if (s->state == IMAP_EARLY && (cmd->states & LOGGED_IN) != 0)
		return "log in first";
	if (s->state == IMAP_AUTH && (cmd->states & IN_SELECTED) != 0)
		return "select a mailbox first";
	return "not in this state";
}

static int run(struct imap_session *s, const struct command *cmd, struct vx_cursor *c,
    struct vx_buf *out)
{
	if (cmd == NULL || (s->by_uid && (cmd->rules & UID_TOO) == 0) ||
	    ((cmd->rules & SHARES) != 0 && s->service->o.no_sharing))
		return imap_bad(s, out, "there is no such command");
	if ((cmd->states & state_bit(s)) == 0)
		return imap_bad(s, out, why_not(s, cmd));
	if (s->state == IMAP_SELECTED && !imap_view_rights(s)) {
		vx_buf_add_str(out, "* BYE the selected mailbox was deleted\r\n");
		s->closing = true;
		return imap_result(s, out, VX_ENOENT, "");
	}
	if (s->enabled[IMAP_UIDONLY] && (cmd->rules & NUMBERS) != 0 && !s->by_uid)
		return imap_uid_required(s, out);
	if ((cmd->rules & ARGS) == 0 && !s->by_uid && !vx_cur_end(c))
		return imap_bad(s, out, "nothing is expected after this command");
	return cmd->run(s, c, out);
}

int imap_run_command(struct imap_session *s, vx_slice line, struct vx_buf *out)
{
	struct vx_cursor c;
	vx_slice name, tag;

	vx_arena_reset(&s->arena);
	s->tag = vx_slice_of("", 0);
	s->by_uid = false;
	if (vx_arena_copy(&s->arena, line, &line) != VX_OK)
		return VX_ENOMEM;
	s->line = line;
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
	return run(s, find_command(name), &c, out);
}
