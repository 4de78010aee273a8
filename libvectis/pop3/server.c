#include "vectis/pop3_server.h"

#include "base/cursor.h"
#include "base/encode.h"
#include "base/mem.h"
#include "pop3/body.h"
#include "vectis/sasl.h"

enum state {
	STATE_GREETING,
	STATE_AUTHORIZATION,
	STATE_SASL, /* the next line is a response */
	STATE_TRANSACTION,
	STATE_CLOSING
};
enum listing {
	LISTING_NONE,
	LISTING_SIZES,
	LISTING_UIDS
};

struct vx_pop3_server {
	enum state state;
	bool tls, waiting, in_body, logged_in, utf8;
	enum vx_pop3_event_type pending;
	struct vx_buf line; /* of a command, the part that came so far */
	bool line_too_long;
	unsigned errors, logins;
	struct vx_buf user;
	struct vx_sasl_binding binding;
	struct vx_sasl sasl; /* user and password while a login is pending */
	struct vx_pop3_maildrop drop;
	enum listing listing;
	size_t at; /* of the listing; the message being retrieved */
	struct vx_pop3_body body;
};

int vx_pop3_server_new(bool tls, struct vx_pop3_server **out)
{
	struct vx_pop3_server *s = vx_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->tls = tls;
	vx_buf_init(&s->line, VX_POP3_AUTH_LINE_MAX);
	vx_buf_init(&s->user, VX_POP3_LINE_MAX);
	vx_sasl_init(&s->sasl, VX_SASL_NONE, NULL);
	*out = s;
	return VX_OK;
}

void vx_pop3_server_free(struct vx_pop3_server *s)
{
	if (s == NULL)
		return;
	vx_buf_wipe(&s->line);
	vx_buf_done(&s->user);
	vx_sasl_done(&s->sasl);
	vx_free(s);
}

void vx_pop3_server_bind(struct vx_pop3_server *s, vx_slice exporter)
{
	vx_sasl_bind(&s->binding, exporter);
}

bool vx_pop3_server_logged_in(const struct vx_pop3_server *s)
{
	return s->logged_in;
}

bool vx_pop3_server_utf8(const struct vx_pop3_server *s)
{
	return s->utf8;
}

/* --- replies --------------------------------------------------------------------- */

static int ok(struct vx_buf *out, const char *text)
{
	vx_buf_printf(out, "+OK %s\r\n", text);
	return VX_OK;
}

static int refuse(struct vx_pop3_server *s, struct vx_buf *out, const char *text)
{
	vx_buf_printf(out, "-ERR %s\r\n", text);
	if (++s->errors >= VX_POP3_ERRORS_MAX)
		s->state = STATE_CLOSING;
	return VX_OK;
}

static int ask(struct vx_pop3_server *s, struct vx_pop3_event *ev, struct vx_pop3_event e)
{
	*ev = e;
	s->pending = e.type;
	s->waiting = true;
	return VX_DATA;
}

/* --- login ----------------------------------------------------------------------- */

static int ask_login(struct vx_pop3_server *s, struct vx_pop3_event *ev)
{
	return ask(s, ev,
	    (struct vx_pop3_event){ .type = VX_POP3_LOGIN,
		.user = vx_buf_slice(&s->sasl.user),
		.password = vx_buf_slice(&s->sasl.password),
		.proof = s->sasl.proof });
}

/* The host notes whose client it is. */
static int refuse_in_clear(
    struct vx_pop3_server *s, vx_slice user, struct vx_buf *out, struct vx_pop3_event *ev)
{
	vx_sasl_done(&s->sasl);
	vx_buf_add(&s->sasl.user, user);
	*ev = (struct vx_pop3_event){ .type = VX_POP3_NO_TLS,
		.user = vx_buf_slice(&s->sasl.user) };
	(void)refuse(s, out, "TLS is required to log in");
	return VX_DATA;
}

static int cmd_user(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	if (!s->tls)
		return refuse_in_clear(s, arg, out, ev);
	if (arg.len == 0)
		return refuse(s, out, "USER needs a name");
	vx_buf_reset(&s->user);
	vx_buf_add(&s->user, arg);
	return ok(out, "now PASS"); /* whoever it is: nothing is told about names */
}

/* Blanks are part of a password (RFC 1939 7). */
static int cmd_pass(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	if (s->user.len == 0)
		return refuse(s, out, "USER comes first");
	vx_sasl_done(&s->sasl);
	vx_buf_add(&s->sasl.user, vx_buf_slice(&s->user));
	vx_buf_add(&s->sasl.password, arg);
	vx_buf_reset(&s->user);
	if (arg.len == 0 || s->sasl.user.failed || s->sasl.password.failed)
		return refuse(s, out, "[AUTH] user or password is wrong");
	return ask_login(s, ev);
}

static void challenge_client(
    struct vx_pop3_server *s, vx_slice challenge, struct vx_buf *out)
{
	s->state = STATE_SASL;
	vx_buf_add_str(out, "+ ");
	vx_base64_add(out, challenge);
	vx_buf_add_str(out, "\r\n");
}

static int sasl_step(struct vx_pop3_server *s, vx_slice response, struct vx_buf *out,
    struct vx_pop3_event *ev)
{
	vx_slice challenge;
	const int rc = vx_sasl_next(&s->sasl, response, &challenge);

	s->state = STATE_AUTHORIZATION;
	if (rc == VX_DONE)
		return ask_login(s, ev);
	if (rc == VX_WAIT)
		return ask(s, ev,
		    (struct vx_pop3_event){
			.type = VX_POP3_KEYS, .user = vx_buf_slice(&s->sasl.user) });
	if (rc != VX_MORE) {
		vx_sasl_done(&s->sasl);
		return refuse(s, out, "[AUTH] malformed response");
	}
	challenge_client(s, challenge, out);
	return VX_OK;
}

void vx_pop3_server_keys(
    struct vx_pop3_server *s, struct vx_buf *out, const struct vx_credential *keys)
{
	vx_slice challenge;

	if (!s->waiting || s->pending != VX_POP3_KEYS)
		return;
	s->waiting = false;
	if (keys != NULL && vx_sasl_keys(&s->sasl, keys, &challenge) == VX_MORE) {
		challenge_client(s, challenge, out);
		return;
	}
	vx_sasl_done(&s->sasl);
	(void)refuse(s, out, "[SYS/TEMP] try again later");
}

static int sasl_base64(
    struct vx_pop3_server *s, vx_slice text, struct vx_buf *out, struct vx_pop3_event *ev)
{
	struct vx_buf b = { .max = VX_SASL_RESPONSE_MAX };
	int rc;

	if (vx_base64_decode(text, &b) != VX_OK) {
		vx_sasl_done(&s->sasl);
		s->state = STATE_AUTHORIZATION;
		rc = refuse(s, out, "base64 is expected");
	} else {
		rc = sasl_step(s, b.ptr == NULL ? VX_S("") : vx_buf_slice(&b), out, ev);
	}
	vx_buf_wipe(&b);
	return rc;
}

static int sasl_line(
    struct vx_pop3_server *s, vx_slice line, struct vx_buf *out, struct vx_pop3_event *ev)
{
	if (!vx_slice_eq(line, VX_S("*")))
		return sasl_base64(s, line, out, ev);
	vx_sasl_done(&s->sasl);
	s->state = STATE_AUTHORIZATION;
	return refuse(s, out, "cancelled");
}

static int cmd_auth(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	vx_slice name;
	const bool initial = vx_slice_cut(&arg, ' ', &name);
	const enum vx_sasl_mechanism m = vx_sasl_find(name, &s->binding);

	if (!s->tls)
		return refuse_in_clear(s, VX_S(""), out, ev);
	if (m == VX_SASL_NONE)
		return refuse(s, out, "such a mechanism is not known here");
	vx_sasl_done(&s->sasl);
	vx_sasl_init(&s->sasl, m, &s->binding);
	if (!initial)
		return sasl_step(s, vx_slice_of(NULL, 0), out, ev);
	if (vx_slice_eq(arg, VX_S("="))) /* an empty one, RFC 5034 4 */
		return sasl_step(s, VX_S(""), out, ev);
	return sasl_base64(s, arg, out, ev);
}

void vx_pop3_server_login(struct vx_pop3_server *s, struct vx_buf *out,
    enum vx_pop3_login result, const struct vx_pop3_maildrop *drop)
{
	static const char *const refusals[] = {
		[VX_POP3_LOGIN_WRONG] = "[AUTH] user or password is wrong",
		[VX_POP3_LOGIN_IN_USE] = "[IN-USE] another session has this mailbox",
		[VX_POP3_LOGIN_DISABLED] = "[SYS/PERM] POP3 is off for this mailbox",
		[VX_POP3_LOGIN_SLOW] = "[SYS/TEMP] too many attempts: wait a while",
		[VX_POP3_LOGIN_TEMP] = "[SYS/TEMP] the mailbox cannot be opened now",
	};

	if (!s->waiting || s->pending != VX_POP3_LOGIN)
		return;
	s->waiting = false;
	vx_sasl_done(&s->sasl);
	if (result != VX_POP3_LOGIN_OK) {
		vx_buf_printf(out, "-ERR %s\r\n", refusals[result]);
		if (++s->logins >= VX_POP3_LOGINS_MAX)
			s->state = STATE_CLOSING;
		return;
	}
	s->drop = *drop;
	s->logged_in = true;
	s->state = STATE_TRANSACTION;
	vx_buf_printf(out, "+OK %zu messages\r\n", drop->count);
}

/* --- commands: each VX_OK (a reply was given) or VX_DATA (an event) -------------- */

static int cmd_capa(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	(void)arg;
	(void)ev;
	vx_buf_add_str(out, "+OK capabilities follow\r\nTOP\r\nUIDL\r\nRESP-CODES\r\n"
			    "AUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\nUTF8\r\n"
			    "LANG\r\nIMPLEMENTATION Vectis\r\n");
	if (s->tls) { /* in both states alike, RFC 2449 6 */
		vx_buf_add_str(out, "USER\r\nSASL");
		vx_sasl_write_offer(out, " ", &s->binding);
		vx_buf_add_str(out, "\r\n");
	}
	vx_buf_add_str(out, ".\r\n");
	return VX_OK;
}

/* RFC 6856 2.1.  Without it, whoever drives us sends no UTF-8 in headers. */
static int cmd_utf8(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	(void)arg;
	(void)ev;
	s->utf8 = true;
	return ok(out, "UTF-8 it is");
}

/* RFC 6856 3: what we say is English. */
static int cmd_lang(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	(void)ev;
	if (arg.len == 0) {
		vx_buf_add_str(out, "+OK languages follow\r\nen English\r\n.\r\n");
		return VX_OK;
	}
	if (!vx_slice_eq_nocase(arg, VX_S("en")) && !vx_slice_eq(arg, VX_S("*")))
		return refuse(s, out, "such a language is not spoken here");
	return ok(out, "en it is English");
}

static int cmd_noop(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	(void)s;
	(void)arg;
	(void)ev;
	return ok(out, "still here");
}

static void totals(const struct vx_pop3_server *s, uint64_t *count, uint64_t *size)
{
	*count = *size = 0;
	for (size_t i = 0; i < s->drop.count; i++) {
		if (s->drop.messages[i].deleted)
			continue;
		++*count;
		*size += s->drop.messages[i].size;
	}
}

static int cmd_stat(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	uint64_t count, size;

	(void)arg;
	(void)ev;
	totals(s, &count, &size);
	vx_buf_printf(out, "+OK %llu %llu\r\n", (unsigned long long)count,
	    (unsigned long long)size);
	return VX_OK;
}

/* The message that a number names, or NULL and a reply. */
static struct vx_pop3_message *message(
    struct vx_pop3_server *s, vx_slice number, struct vx_buf *out)
{
	uint64_t n;

	if (vx_slice_number(number, UINT32_MAX, &n) != VX_OK || n == 0 ||
	    n > s->drop.count) {
		(void)refuse(s, out, "there is no such message");
		return NULL;
	}
	if (s->drop.messages[n - 1].deleted) {
		(void)refuse(s, out, "the message is deleted");
		return NULL;
	}
	return &s->drop.messages[n - 1];
}

static void list_one(const struct vx_pop3_server *s, enum listing what,
    const struct vx_pop3_message *m, struct vx_buf *out)
{
	const unsigned long number = (unsigned long)(m - s->drop.messages) + 1;

	if (what == LISTING_SIZES)
		vx_buf_printf(out, "%lu %llu\r\n", number, (unsigned long long)m->size);
	else
		vx_buf_printf(out, "%lu %08lx%08lx\r\n", number,
		    (unsigned long)s->drop.uidvalidity, (unsigned long)m->uid);
}

static int list(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, enum listing what)
{
	const struct vx_pop3_message *m;

	if (arg.len == 0) {
		s->listing = what;
		s->at = 0;
		return ok(out, "the list follows");
	}
	m = message(s, arg, out);
	if (m != NULL) {
		vx_buf_add_str(out, "+OK ");
		list_one(s, what, m, out);
	}
	return VX_OK;
}

static int cmd_list(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	(void)ev;
	return list(s, arg, out, LISTING_SIZES);
}

static int cmd_uidl(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	(void)ev;
	return list(s, arg, out, LISTING_UIDS);
}

static void list_on(struct vx_pop3_server *s, struct vx_buf *out)
{
	while (s->at < s->drop.count && out->len < VX_POP3_OUT_HIGH && !out->failed) {
		const struct vx_pop3_message *m = &s->drop.messages[s->at++];

		if (!m->deleted)
			list_one(s, s->listing, m, out);
	}
	if (s->at == s->drop.count && out->len < VX_POP3_OUT_HIGH) {
		vx_buf_add_str(out, ".\r\n");
		s->listing = LISTING_NONE;
	}
}

static int retrieve(
    struct vx_pop3_server *s, const struct vx_pop3_message *m, struct vx_pop3_event *ev)
{
	s->at = (size_t)(m - s->drop.messages);
	return ask(
	    s, ev, (struct vx_pop3_event){ .type = VX_POP3_RETRIEVE, .index = s->at });
}

static int cmd_retr(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	const struct vx_pop3_message *m = message(s, arg, out);

	if (m == NULL)
		return VX_OK;
	vx_pop3_body_init(&s->body, false, 0);
	return retrieve(s, m, ev);
}

static int cmd_top(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	const struct vx_pop3_message *m;
	vx_slice number;
	uint64_t lines;

	(void)vx_slice_cut(&arg, ' ', &number);
	if (vx_slice_number(arg, UINT64_MAX, &lines) != VX_OK)
		return refuse(s, out, "TOP needs a message and a number of lines");
	m = message(s, number, out);
	if (m == NULL)
		return VX_OK;
	vx_pop3_body_init(&s->body, true, lines);
	return retrieve(s, m, ev);
}

static int cmd_dele(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	struct vx_pop3_message *m = message(s, arg, out);

	(void)ev;
	if (m == NULL)
		return VX_OK;
	m->deleted = true;
	return ok(out, "marked, gone with QUIT");
}

static int cmd_rset(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	(void)arg;
	(void)ev;
	for (size_t i = 0; i < s->drop.count; i++)
		s->drop.messages[i].deleted = false;
	return ok(out, "nothing is marked");
}

static int cmd_quit(
    struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out, struct vx_pop3_event *ev)
{
	uint64_t left, size;

	(void)arg;
	totals(s, &left, &size);
	if (s->state == STATE_TRANSACTION && left < s->drop.count)
		return ask(s, ev, (struct vx_pop3_event){ .type = VX_POP3_COMMIT });
	s->state = STATE_CLOSING;
	return ok(out, "bye");
}

/* --- answers --------------------------------------------------------------------- */

void vx_pop3_server_retrieve(struct vx_pop3_server *s, struct vx_buf *out, int result)
{
	if (!s->waiting || s->pending != VX_POP3_RETRIEVE || s->in_body)
		return;
	if (result == VX_OK && s->body.limited) { /* some take a number for the length */
		s->in_body = true;
		vx_buf_add_str(out, "+OK the top follows\r\n");
		return;
	}
	if (result == VX_OK) {
		s->in_body = true;
		vx_buf_printf(out, "+OK %llu octets\r\n",
		    (unsigned long long)s->drop.messages[s->at].size);
		return;
	}
	s->waiting = false; /* not the client's error: it is not counted */
	vx_buf_printf(out, "-ERR %s\r\n",
	    result == VX_ENOENT ? "[SYS/PERM] the message is gone"
				: "[SYS/TEMP] the message cannot be read now");
}

int vx_pop3_server_body(struct vx_pop3_server *s, vx_slice octets, struct vx_buf *out)
{
	return vx_pop3_body_add(&s->body, octets, out);
}

void vx_pop3_server_body_end(struct vx_pop3_server *s, struct vx_buf *out)
{
	if (!s->in_body)
		return;
	vx_pop3_body_end(&s->body, out);
	s->in_body = s->waiting = false;
}

void vx_pop3_server_commit(struct vx_pop3_server *s, struct vx_buf *out, int result)
{
	if (!s->waiting || s->pending != VX_POP3_COMMIT)
		return;
	s->waiting = false;
	s->state = STATE_CLOSING;
	if (result == VX_OK)
		(void)ok(out, "deleted, bye");
	else
		vx_buf_add_str(out, "-ERR [SYS/TEMP] the messages were not deleted\r\n");
}

void vx_pop3_server_close(struct vx_pop3_server *s, struct vx_buf *out)
{
	if (s->state != STATE_CLOSING && !s->in_body && s->listing == LISTING_NONE)
		vx_buf_add_str(out, "-ERR [SYS/TEMP] the server stops\r\n");
	s->state = STATE_CLOSING;
	s->waiting = false;
}

/* --- lines ----------------------------------------------------------------------- */

enum {
	IN_AUTHORIZATION = 1,
	IN_TRANSACTION = 2,
	WITH_ARGUMENT = 4
};

static const struct command {
	vx_slice name;
	unsigned rules;
	int (*run)(struct vx_pop3_server *s, vx_slice arg, struct vx_buf *out,
	    struct vx_pop3_event *ev);
} commands[] = {
	{ VX_SLICE_INIT("AUTH"), IN_AUTHORIZATION | WITH_ARGUMENT, cmd_auth },
	{ VX_SLICE_INIT("CAPA"), IN_AUTHORIZATION | IN_TRANSACTION, cmd_capa },
	{ VX_SLICE_INIT("DELE"), IN_TRANSACTION | WITH_ARGUMENT, cmd_dele },
	{ VX_SLICE_INIT("LANG"), IN_AUTHORIZATION | IN_TRANSACTION | WITH_ARGUMENT,
	    cmd_lang },
	{ VX_SLICE_INIT("LIST"), IN_TRANSACTION | WITH_ARGUMENT, cmd_list },
	{ VX_SLICE_INIT("NOOP"), IN_TRANSACTION, cmd_noop },
	{ VX_SLICE_INIT("PASS"), IN_AUTHORIZATION | WITH_ARGUMENT, cmd_pass },
	{ VX_SLICE_INIT("QUIT"), IN_AUTHORIZATION | IN_TRANSACTION, cmd_quit },
	{ VX_SLICE_INIT("RETR"), IN_TRANSACTION | WITH_ARGUMENT, cmd_retr },
	{ VX_SLICE_INIT("RSET"), IN_TRANSACTION, cmd_rset },
	{ VX_SLICE_INIT("STAT"), IN_TRANSACTION, cmd_stat },
	{ VX_SLICE_INIT("TOP"), IN_TRANSACTION | WITH_ARGUMENT, cmd_top },
	{ VX_SLICE_INIT("UIDL"), IN_TRANSACTION | WITH_ARGUMENT, cmd_uidl },
	{ VX_SLICE_INIT("USER"), IN_AUTHORIZATION | WITH_ARGUMENT, cmd_user },
	{ VX_SLICE_INIT("UTF8"), IN_AUTHORIZATION, cmd_utf8 },
};

static int command(
    struct vx_pop3_server *s, vx_slice line, struct vx_buf *out, struct vx_pop3_event *ev)
{
	const unsigned now =
	    s->state == STATE_TRANSACTION ? IN_TRANSACTION : IN_AUTHORIZATION;
	vx_slice name;

	if (s->state == STATE_SASL)
		return sasl_line(s, line, out, ev);
	(void)vx_slice_cut(&line, ' ', &name);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		if (!vx_slice_eq_nocase(name, c->name))
			continue;
		if ((c->rules & now) == 0)
			return refuse(s, out, "not in this state");
		if (line.len > 0 && (c->rules & WITH_ARGUMENT) == 0)
			return refuse(s, out, "no argument is expected");
		return c->run(s, line, out, ev);
	}
	return refuse(s, out, "such a command is not known here");
}

/* How long may the line that begins so become? */
static size_t line_max(const struct vx_pop3_server *s)
{
	const vx_slice line = vx_buf_slice(&s->line);

	if (s->state == STATE_SASL || vx_slice_has_prefix_nocase(line, VX_S("AUTH ")) ||
	    vx_slice_has_prefix_nocase(line, VX_S("PASS ")))
		return VX_POP3_AUTH_LINE_MAX;
	return VX_POP3_LINE_MAX;
}

/* Collect a line.  True when it is complete, with its end taken from *in. */
static bool take_line(struct vx_pop3_server *s, vx_slice *in)
{
	const size_t lf = vx_slice_find(*in, '\n');
	const bool complete = lf < in->len;

	if (!s->line_too_long) {
		vx_buf_add(&s->line, vx_slice_head(*in, lf));
		s->line_too_long = s->line.failed;
	}
	*in = vx_slice_from(*in, complete ? lf + 1 : lf);
	if (s->line.len + 1 > line_max(s)) /* with the LF */
		s->line_too_long = true;
	return complete;
}

static int run_line(
    struct vx_pop3_server *s, struct vx_buf *out, struct vx_pop3_event *ev)
{
	vx_slice line = vx_buf_slice(&s->line);
	int rc;

	if (vx_slice_has_suffix(line, VX_S("\r")))
		line.len--;
	if (s->line_too_long || vx_slice_find(line, '\0') < line.len) {
		rc = refuse(s, out, "the line is too long or has a NUL");
		if (s->state == STATE_SASL)
			s->state = STATE_AUTHORIZATION;
	} else {
		rc = command(s, line, out, ev);
	}
	s->line_too_long = false;
	vx_buf_wipe(&s->line); /* it may have been a password */
	vx_buf_init(&s->line, VX_POP3_AUTH_LINE_MAX);
	return rc;
}

int vx_pop3_server_next(
    struct vx_pop3_server *s, vx_slice *in, struct vx_buf *out, struct vx_pop3_event *ev)
{
	int rc = VX_OK;

	if (s->state == STATE_GREETING) {
		s->state = STATE_AUTHORIZATION;
		(void)ok(out, "Vectis POP3 ready");
	}
	while (rc == VX_OK) {
		if (out->failed)
			return VX_ELIMIT;
		if (s->state == STATE_CLOSING)
			return VX_DONE;
		if (s->waiting)
			return VX_WAIT;
		if (out->len >= VX_POP3_OUT_HIGH)
			return VX_OK;
		if (s->listing != LISTING_NONE)
			list_on(s, out);
		else if (take_line(s, in))
			rc = run_line(s, out, ev);
		else
			return VX_MORE;
	}
	return rc;
}
