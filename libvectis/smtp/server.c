#include "vectis/date.h"
#include "vectis/smtp_server.h"

#include "base/encode.h"
#include "base/mem.h"
#include "smtp/data.h"
#include "smtp/path.h"
#include "vectis/sasl.h"

enum mode {
	MODE_COMMAND,
	MODE_AUTH,
	MODE_DATA,
	MODE_CHUNK
};

struct vx_smtp_server {
	struct vx_smtp_server_options o;
	enum mode mode;
	bool greeted, tls, authenticated, closing;
	bool start_tls; /* STARTTLS was granted: the handshake is next */
	bool extended;  /* EHLO, not HELO */
	struct vx_buf helo;
	struct vx_buf line;            /* the part of a line that came so far */
	bool line_too_long, line_done; /* done: it is whole, the next one comes */

	bool waiting; /* for an answer to: */
	enum vx_smtp_event_type pending;

	bool mail, utf8; /* a transaction: MAIL was accepted, with SMTPUTF8 */
	uint64_t recipients, refused, errors, junk;
	const char *reason; /* of a refusal that is not yet told as an event */
	bool no_tls;        /* it was a login */
	struct vx_smtp_data data;
	uint64_t octets; /* of the message so far */
	bool too_large, bad_content;
	uint64_t chunk_left;
	bool chunk_last, chunk_cr, in_message;
	bool chunk_ignored;  /* its octets come, and are dropped */
	bool chunk_answered; /* and the refusal was given */
	struct vx_sasl_binding binding;
	struct vx_sasl sasl;
	struct vx_buf sasl_text;
};

int vx_smtp_server_new(
    const struct vx_smtp_server_options *o, struct vx_smtp_server **out)
{
	struct vx_smtp_server *s = vx_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->o = *o;
	s->tls = o->tls;
	vx_buf_init(&s->helo, 300);
	vx_buf_init(&s->line, VX_SMTP_LINE_MAX);
	vx_buf_init(&s->sasl_text, VX_SASL_RESPONSE_MAX);
	*out = s;
	return VX_OK;
}

void vx_smtp_server_free(struct vx_smtp_server *s)
{
	if (s == NULL)
		return;
	vx_buf_done(&s->helo);
	vx_buf_wipe(&s->line);
	vx_buf_wipe(&s->sasl_text);
	vx_sasl_done(&s->sasl);
	vx_free(s);
}

vx_slice vx_smtp_server_helo(const struct vx_smtp_server *s, bool *extended)
{
	*extended = s->extended;
	return vx_buf_slice(&s->helo);
}

bool vx_smtp_server_authenticated(const struct vx_smtp_server *s)
{
	return s->authenticated;
}

bool vx_smtp_server_in_data(const struct vx_smtp_server *s)
{
	return s->mode == MODE_DATA || s->mode == MODE_CHUNK || s->in_message;
}

/* --- replies --------------------------------------------------------------------- */

static void reply(
    struct vx_buf *out, unsigned code, const char *enhanced, const char *text)
{
	vx_buf_printf(
	    out, "%u %s%s%s\r\n", code, enhanced, enhanced[0] != '\0' ? " " : "", text);
}

static int refuse(struct vx_smtp_server *s, struct vx_buf *out, unsigned code,
    const char *enhanced, const char *text)
{
	reply(out, code, enhanced, text);
	s->reason = text;
	if (++s->errors >= VX_SMTP_ERRORS_MAX)
		vx_smtp_server_close(s, out, "4.7.0 too many errors");
	return VX_OK;
}

void vx_smtp_server_close(struct vx_smtp_server *s, struct vx_buf *out, const char *text)
{
	if (!s->closing)
		reply(out, 421, "", text);
	s->closing = true;
	s->waiting = false; /* what is answered now is not said any more */
}

/*
 * Guessing of names ends soon where nobody was found; a list's server that sends to many,
 * some of whom left, has its message taken.
 */
static void check_refusals(struct vx_smtp_server *s, struct vx_buf *out)
{
	if ((s->refused >= VX_SMTP_UNKNOWN_MAX && s->recipients == 0) ||
	    s->refused >= VX_SMTP_REFUSED_MAX || s->errors >= VX_SMTP_ERRORS_MAX)
		vx_smtp_server_close(s, out, "4.7.0 too many errors");
}

static int ask(
    struct vx_smtp_server *s, struct vx_smtp_event *ev, enum vx_smtp_event_type type)
{
	ev->type = type;
	s->pending = type;
	s->waiting = true;
	return VX_DATA;
}

static void end_transaction(struct vx_smtp_server *s)
{
	s->mail = s->utf8 = s->in_message = false;
	s->recipients = 0;
	s->octets = 0;
	s->too_large = s->bad_content = s->chunk_cr = false;
	s->data = (struct vx_smtp_data){ 0 };
	s->mode = MODE_COMMAND;
}

/* --- commands: each VX_OK (a reply was given) or VX_DATA (an event) -------------- */

static int tell_reset(struct vx_smtp_server *s, struct vx_smtp_event *ev)
{
	const bool had = s->mail;

	end_transaction(s);
	if (!had)
		return VX_OK;
	ev->type = VX_SMTP_RESET;
	ev->reason = s->reason;
	s->reason = NULL;
	return VX_DATA;
}

static void offer_auth(const struct vx_smtp_server *s, struct vx_buf *out)
{
	vx_buf_add_str(out, "250-AUTH");
	vx_sasl_write_offer(out, " ", &s->binding);
	vx_buf_add_str(out, "\r\n");
}

/* RFC 4865 4.2: for users only. */
static bool holds(const struct vx_smtp_server *s)
{
	return s->tls && s->o.role == VX_SMTP_SUBMISSION && s->o.hold_max_s > 0;
}

static void offer_hold(const struct vx_smtp_server *s, struct vx_buf *out)
{
	const struct vx_civil c = vx_civil_of(s->o.hold_until_max, 0);

	vx_buf_printf(out, "250-FUTURERELEASE %llu %04d-%02d-%02dT%02d:%02d:%02dZ\r\n",
	    (unsigned long long)s->o.hold_max_s, c.year, c.month, c.day, c.hour, c.minute,
	    c.second);
}

static int cmd_hello(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev, bool extended)
{
	const vx_slice arg = vx_slice_trim(vx_cur_rest(c), " ");
	struct vx_cursor check = vx_cursor_of(arg);

	/* RFC 5321 4.1.4: a name that does not resolve is no reason; one that is none
	 * is.  RFC 6531 3.7.1: it is in ASCII. */
	if (arg.len == 0 || !vx_is_ascii(arg) || !vx_smtp_domain(&check) ||
	    !vx_cur_end(&check))
		return refuse(
		    s, out, 501, "5.5.4", "a domain or an address literal is expected");
	vx_buf_reset(&s->helo);
	vx_buf_add(&s->helo, arg);
	s->extended = extended;
	if (!extended) {
		vx_buf_printf(
		    out, "250 %.*s\r\n", (int)s->o.hostname.len, s->o.hostname.ptr);
		return tell_reset(s, ev);
	}
	vx_buf_printf(out,
	    "250-%.*s\r\n250-PIPELINING\r\n250-SIZE "
	    "%llu\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	    "250-DSN\r\n250-CHUNKING\r\n",
	    (int)s->o.hostname.len, s->o.hostname.ptr,
	    (unsigned long long)s->o.message_octets_max);
	if (!s->tls)
		vx_buf_add_str(out, "250-STARTTLS\r\n");
	if (s->tls && s->o.role == VX_SMTP_SUBMISSION && !s->authenticated)
		offer_auth(s, out);
	if (holds(s))
		offer_hold(s, out);
	vx_buf_add_str(out, "250 ENHANCEDSTATUSCODES\r\n");
	return tell_reset(s, ev);
}

static int cmd_helo(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	return cmd_hello(s, c, out, ev, false);
}

static int cmd_ehlo(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	return cmd_hello(s, c, out, ev, true);
}

static int bad_params(struct vx_smtp_server *s, struct vx_buf *out, int rc)
{
	if (rc == VX_EUNSUP)
		return refuse(s, out, 555, "5.5.4", "a parameter is not known here");
	return refuse(s, out, 501, "5.5.4", "a parameter is malformed");
}

static int cmd_mail(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	bool utf8;
	int rc;

	if (s->mail)
		return refuse(
		    s, out, 503, "5.5.1", "one transaction at a time: RSET first");
	if (!vx_cur_text(c, VX_S("FROM:")))
		return refuse(s, out, 501, "5.5.4", "MAIL FROM:<address> is expected");
	(void)vx_cur_char(c, ' '); /* not allowed, and common */
	if (!vx_smtp_path(c, true, false, &ev->path, &utf8))
		return refuse(s, out, 501, "5.1.7", "the address is malformed");
	ev->params = (struct vx_smtp_params){ 0 };
	rc = vx_smtp_params(c, true, &ev->params);
	if (rc == VX_OK && ev->params.hold.len > 0 && !holds(s))
		rc = VX_EUNSUP;
	if (rc != VX_OK)
		return bad_params(s, out, rc);
	if (ev->params.hold_for > s->o.hold_max_s ||
	    ev->params.hold_until > s->o.hold_until_max)
		return refuse(s, out, 501, "5.5.4", "it would be held for too long");
	if (utf8 && !ev->params.utf8)
		return refuse(s, out, 553, "5.6.7", "such an address needs SMTPUTF8");
	if (ev->params.size > s->o.message_octets_max)
		return refuse(s, out, 552, "5.3.4", "the message is too large");
	s->utf8 = ev->params.utf8;
	return ask(s, ev, VX_SMTP_MAIL);
}

static int cmd_rcpt(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	bool utf8;
	int rc;

	if (!s->mail)
		return refuse(s, out, 503, "5.5.1", "MAIL first");
	if (s->in_message)
		return refuse(s, out, 503, "5.5.1", "the message has begun");
	if (!vx_cur_text(c, VX_S("TO:")))
		return refuse(s, out, 501, "5.5.4", "RCPT TO:<address> is expected");
	(void)vx_cur_char(c, ' ');
	if (!vx_smtp_path(c, false, true, &ev->path, &utf8))
		return refuse(s, out, 501, "5.1.3", "the address is malformed");
	ev->params = (struct vx_smtp_params){ 0 };
	rc = vx_smtp_params(c, false, &ev->params);
	if (rc != VX_OK)
		return bad_params(s, out, rc);
	if (utf8 && !s->utf8)
		return refuse(s, out, 553, "5.6.7", "such an address needs SMTPUTF8");
	if (!s->utf8 && !vx_is_ascii(ev->params.orcpt))
		return refuse(s, out, 501, "5.5.4", "a parameter is malformed");
	if (s->recipients >= s->o.recipients_max) {
		reply(out, 452, "4.5.3", "too many recipients, send to the rest later");
		s->reason = "too many recipients";
		s->refused++;
		check_refusals(s, out);
		return VX_OK;
	}
	return ask(s, ev, VX_SMTP_RCPT);
}

static bool needs_auth(const struct vx_smtp_server *s)
{
	return s->o.role == VX_SMTP_SUBMISSION && !s->authenticated;
}

static int refuse_auth(struct vx_smtp_server *s, struct vx_buf *out)
{
	return refuse(s, out, 530, "5.7.0",
	    s->tls ? "authentication is required" : "STARTTLS first");
}

static int no_recipients(struct vx_smtp_server *s, struct vx_buf *out)
{
	return refuse(s, out, s->mail ? 554 : 503, "5.5.1",
	    s->mail ? "no valid recipients" : "MAIL first");
}

static int cmd_data(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	if (!vx_cur_end(c))
		return refuse(s, out, 501, "5.5.4", "DATA takes no argument");
	if (s->in_message)
		return refuse(s, out, 503, "5.5.1", "BDAT has begun: DATA cannot follow");
	if (s->recipients == 0)
		return no_recipients(s, out);
	return ask(s, ev, VX_SMTP_DATA);
}

/* Is a chunk to be taken?  Else the refusal is given, unless out is NULL. */
static bool chunk_wanted(struct vx_smtp_server *s, struct vx_buf *out)
{
	if (s->helo.len > 0 && needs_auth(s)) {
		if (out != NULL)
			(void)refuse_auth(s, out);
		return false;
	}
	if (s->helo.len > 0 && s->recipients > 0)
		return true;
	if (out != NULL && s->helo.len == 0)
		(void)refuse(s, out, 503, "5.5.1", "EHLO first");
	else if (out != NULL)
		(void)no_recipients(s, out);
	return false;
}

/* "size [LAST]" */
static bool chunk_argument(struct vx_cursor *c, uint64_t *size, bool *last)
{
	if (!vx_cur_number(c, UINT64_MAX / 2, size))
		return false;
	*last = vx_cur_text(c, VX_S(" LAST"));
	return vx_cur_end(c);
}

/* RFC 3030 2: the octets follow whatever we think of the command. */
static int cmd_bdat(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	if (vx_cur_end(c))
		return refuse(s, out, 501, "5.5.4", "BDAT size [LAST] is expected");
	if (!chunk_argument(c, &s->chunk_left, &s->chunk_last)) {
		vx_smtp_server_close(
		    s, out, "4.5.4 BDAT is malformed: its end is unknown");
		return VX_OK;
	}
	s->mode = MODE_CHUNK;
	s->chunk_ignored = !chunk_wanted(s, NULL);
	if (s->chunk_ignored || s->in_message)
		return VX_OK;
	s->in_message = true;
	return ask(s, ev, VX_SMTP_DATA);
}

static int cmd_rset(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	if (!vx_cur_end(c))
		return refuse(s, out, 501, "5.5.4", "RSET takes no argument");
	reply(out, 250, "2.0.0", "ok");
	return tell_reset(s, ev);
}

static int cmd_noop(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	(void)s;
	(void)c;
	(void)ev;
	reply(out, 250, "2.0.0", "ok");
	return VX_OK;
}

static int cmd_help(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	(void)s;
	(void)c;
	(void)ev;
	reply(out, 214, "2.0.0", "see RFC 5321");
	return VX_OK;
}

static int cmd_vrfy(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	(void)ev;
	if (vx_cur_end(c))
		return refuse(s, out, 501, "5.5.4", "VRFY needs a user");
	reply(out, 252, "2.1.5", "send mail, and RCPT will say");
	return VX_OK;
}

static int cmd_expn(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	(void)c;
	(void)ev;
	return refuse(s, out, 502, "5.5.1", "EXPN is not provided");
}

static int cmd_quit(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	(void)c;
	reply(out, 221, "2.0.0", "bye");
	s->closing = true;
	return tell_reset(s, ev);
}

static int cmd_starttls(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	if (!vx_cur_end(c))
		return refuse(s, out, 501, "5.5.4", "STARTTLS takes no argument");
	if (s->tls)
		return refuse(s, out, 503, "5.5.1", "TLS is on already");
	if (s->mail)
		return refuse(
		    s, out, 503, "5.5.1", "not inside a transaction: RSET first");
	return ask(s, ev, VX_SMTP_STARTTLS);
}

/* --- AUTH (RFC 4954) ------------------------------------------------------------- */

static void end_sasl(struct vx_smtp_server *s)
{
	s->mode = MODE_COMMAND;
	s->line.max = VX_SMTP_LINE_MAX;
	vx_sasl_done(&s->sasl);
}

static void challenge_client(
    struct vx_smtp_server *s, vx_slice challenge, struct vx_buf *out)
{
	s->mode = MODE_AUTH;
	s->line.max = VX_SMTP_AUTH_LINE_MAX;
	vx_buf_add_str(out, "334 ");
	vx_base64_add(out, challenge);
	vx_buf_add_str(out, "\r\n");
}

void vx_smtp_server_keys(
    struct vx_smtp_server *s, struct vx_buf *out, const struct vx_credential *keys)
{
	vx_slice challenge;

	if (!s->waiting || s->pending != VX_SMTP_KEYS)
		return;
	s->waiting = false;
	if (keys != NULL && vx_sasl_keys(&s->sasl, keys, &challenge) == VX_MORE) {
		challenge_client(s, challenge, out);
		return;
	}
	end_sasl(s);
	reply(out, 454, "4.7.0", "try again later");
}

static int sasl_step(struct vx_smtp_server *s, vx_slice response, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	vx_slice challenge = { 0 };
	const int rc = vx_sasl_next(&s->sasl, response, &challenge);

	if (rc == VX_MORE) {
		challenge_client(s, challenge, out);
		return VX_OK;
	}
	ev->user = vx_buf_slice(&s->sasl.user);
	if (rc == VX_WAIT)
		return ask(s, ev, VX_SMTP_KEYS);
	if (rc != VX_DONE) {
		end_sasl(s);
		return refuse(s, out, 501, "5.5.2", "the response is malformed");
	}
	s->mode = MODE_COMMAND;
	s->line.max = VX_SMTP_LINE_MAX;
	ev->password = vx_buf_slice(&s->sasl.password);
	ev->proof = s->sasl.proof;
	return ask(s, ev, VX_SMTP_AUTH);
}

static int sasl_response(
    struct vx_smtp_server *s, vx_slice text, struct vx_buf *out, struct vx_smtp_event *ev)
{
	vx_buf_wipe(&s->sasl_text);
	if (vx_slice_eq(text, VX_S("*"))) {
		end_sasl(s);
		return refuse(s, out, 501, "5.7.0", "authentication was given up");
	}
	if (vx_base64_decode(text, &s->sasl_text) != VX_OK) {
		end_sasl(s);
		return refuse(s, out, 501, "5.5.2", "base64 is expected");
	}
	return sasl_step(
	    s, s->sasl_text.len > 0 ? vx_buf_slice(&s->sasl_text) : VX_S(""), out, ev);
}

/*
 * Whoever sends a password in clear is to be told of by the name that came with it; the
 * password is of no use to anybody.
 */
static int refuse_in_clear(struct vx_smtp_server *s, enum vx_sasl_mechanism mechanism,
    vx_slice response, struct vx_buf *out)
{
	vx_slice challenge;

	vx_buf_wipe(&s->sasl_text);
	if (mechanism != VX_SASL_NONE && response.len > 0 &&
	    vx_base64_decode(response, &s->sasl_text) == VX_OK && s->sasl_text.len > 0) {
		vx_sasl_init(&s->sasl, mechanism, &s->binding);
		(void)vx_sasl_next(&s->sasl, vx_buf_slice(&s->sasl_text), &challenge);
		vx_buf_wipe(&s->sasl.password);
	}
	vx_buf_wipe(&s->sasl_text);
	s->no_tls = true;
	return refuse(s, out, 538, "5.7.11", "STARTTLS first");
}

static int cmd_auth(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev)
{
	vx_slice rest = vx_slice_trim(vx_cur_rest(c), " "), name;
	const bool initial = vx_slice_cut(&rest, ' ', &name);
	enum vx_sasl_mechanism mechanism;

	if (s->o.role != VX_SMTP_SUBMISSION)
		return refuse(s, out, 502, "5.5.1", "send mail by the submission ports");
	mechanism = vx_sasl_find(name, &s->binding);
	vx_sasl_done(&s->sasl);
	if (!s->tls)
		return refuse_in_clear(s, mechanism, rest, out);
	if (s->authenticated || s->mail)
		return refuse(s, out, 503, "5.5.1", "not now");
	if (name.len == 0)
		return refuse(s, out, 501, "5.5.4", "AUTH mechanism is expected");
	if (mechanism == VX_SASL_NONE)
		return refuse(s, out, 504, "5.5.4", "the mechanism is not known");
	vx_sasl_init(&s->sasl, mechanism, &s->binding);
	if (!initial)
		return sasl_step(s, vx_slice_of(NULL, 0), out, ev);
	return sasl_response(s, vx_slice_eq(rest, VX_S("=")) ? VX_S("") : rest, out, ev);
}

/* --- the table ------------------------------------------------------------------- */

typedef int command_fn(struct vx_smtp_server *s, struct vx_cursor *c, struct vx_buf *out,
    struct vx_smtp_event *ev);

enum {
	ANYTIME = 1 << 0,
	NEEDS_HELO = 1 << 1,
	NEEDS_AUTH = 1 << 2,
	JUNK = 1 << 3, /* gets nowhere: so many between two messages */
};

static const struct command {
	const char *verb;
	command_fn *run;
	unsigned rules;
} commands[] = {
	{ "EHLO", cmd_ehlo, JUNK },
	{ "HELO", cmd_helo, JUNK },
	{ "MAIL", cmd_mail, NEEDS_HELO | NEEDS_AUTH },
	{ "RCPT", cmd_rcpt, NEEDS_HELO | NEEDS_AUTH },
	{ "DATA", cmd_data, NEEDS_HELO | NEEDS_AUTH },
	{ "BDAT", cmd_bdat, ANYTIME },
	{ "RSET", cmd_rset, JUNK },
	{ "NOOP", cmd_noop, JUNK },
	{ "QUIT", cmd_quit, ANYTIME },
	{ "STARTTLS", cmd_starttls, NEEDS_HELO },
	{ "AUTH", cmd_auth, NEEDS_HELO },
	{ "VRFY", cmd_vrfy, NEEDS_AUTH | JUNK },
	{ "EXPN", cmd_expn, NEEDS_AUTH },
	{ "HELP", cmd_help, JUNK },
};

static int command(
    struct vx_smtp_server *s, vx_slice line, struct vx_buf *out, struct vx_smtp_event *ev)
{
	struct vx_cursor c = vx_cursor_of(vx_slice_trim(line, " \t"));
	const vx_slice verb = vx_cur_run(&c, VX_C_ALPHA);

	if (!vx_cur_end(&c) && !vx_cur_char(&c, ' '))
		return refuse(s, out, 500, "5.5.2", "no such command");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *cmd = &commands[i];

		if (!vx_slice_eq_nocase(verb, vx_slice_str(cmd->verb)))
			continue;
		if ((cmd->rules & NEEDS_HELO) != 0 && s->helo.len == 0)
			return refuse(s, out, 503, "5.5.1", "EHLO first");
		if ((cmd->rules & NEEDS_AUTH) != 0 && needs_auth(s))
			return refuse_auth(s, out);
		if ((cmd->rules & JUNK) != 0 && ++s->junk > VX_SMTP_JUNK_MAX) {
			vx_smtp_server_close(s, out, "4.7.0 too many idle commands");
			return VX_OK;
		}
		return cmd->run(s, &c, out, ev);
	}
	return refuse(s, out, 500, "5.5.2", "no such command");
}

/* --- lines ----------------------------------------------------------------------- */

/* A whole line off *in into *line (valid until the next call): false: more is needed. */
static bool take_line(struct vx_smtp_server *s, vx_slice *in, vx_slice *line)
{
	const size_t lf = vx_slice_find(*in, '\n');
	const bool whole = lf < in->len;
	const vx_slice part = vx_slice_head(*in, whole ? lf + 1 : lf);

	*in = vx_slice_from(*in, part.len);
	if (part.len > s->line.max - s->line.len)
		s->line_too_long = true;
	else
		vx_buf_add(&s->line, part);
	if (!whole)
		return false;
	*line = vx_buf_slice(&s->line);
	return true;
}

static int line_next(
    struct vx_smtp_server *s, vx_slice *in, struct vx_buf *out, struct vx_smtp_event *ev)
{
	vx_slice line;

	if (!take_line(s, in, &line))
		return s->line.failed ? VX_ENOMEM : VX_MORE;
	s->line_done = true; /* an event's slices point into it: it is emptied later */
	if (s->line_too_long) {
		const bool auth = s->mode == MODE_AUTH; /* RFC 4954 4 */

		s->line_too_long = false;
		if (auth)
			end_sasl(s);
		return refuse(
		    s, out, 500, auth ? "5.5.6" : "5.5.2", "the line is too long");
	}
	if (!vx_slice_has_suffix(line, VX_S("\r\n"))) {
		vx_smtp_server_close(s, out, "4.5.2 lines end with CR LF");
		return VX_OK;
	}
	line.len -= 2;
	if (vx_slice_find(line, '\r') < line.len ||
	    vx_slice_find(line, '\0') < line.len) {
		if (s->mode == MODE_AUTH)
			end_sasl(s);
		return refuse(s, out, 500, "5.5.2", "a bare CR or a NUL is not allowed");
	}
	return s->mode == MODE_AUTH ? sasl_response(s, line, out, ev)
				    : command(s, line, out, ev);
}

/* --- the message ----------------------------------------------------------------- */

static int content(struct vx_smtp_server *s, vx_slice octets, struct vx_smtp_event *ev)
{
	s->octets += octets.len;
	if (s->octets > s->o.message_octets_max)
		s->too_large = true;
	if (s->too_large || s->bad_content)
		return VX_OK; /* swallowed */
	ev->type = VX_SMTP_CONTENT;
	ev->octets = octets;
	return VX_DATA;
}

static void refuse_bare(struct vx_smtp_server *s, struct vx_buf *out)
{
	s->reason = "a bare CR or LF is not allowed (RFC 5321, 2.3.8)";
	reply(out, 550, "5.6.0", s->reason);
}

/* All octets are here: ask for the verdict, or give our own. */
static int message_end(
    struct vx_smtp_server *s, struct vx_buf *out, struct vx_smtp_event *ev)
{
	if (s->too_large) {
		reply(out, 552, "5.3.4", "the message is too large");
		s->reason = "the message is too large";
		return tell_reset(s, ev);
	}
	s->mode = MODE_COMMAND;
	return ask(s, ev, VX_SMTP_END);
}

static int data_next(
    struct vx_smtp_server *s, vx_slice *in, struct vx_buf *out, struct vx_smtp_event *ev)
{
	vx_slice octets;
	const int rc = vx_smtp_data_next(&s->data, in, &octets);

	switch (rc) {
	case VX_DATA:
		return content(s, octets, ev);
	case VX_MORE:
		return VX_MORE;
	case VX_DONE:
		return message_end(s, out, ev);
	default:
		/* nothing that follows can be trusted to be a command or not */
		refuse_bare(s, out);
		s->closing = true;
		return tell_reset(s, ev);
	}
}

static int chunk_end(
    struct vx_smtp_server *s, struct vx_buf *out, struct vx_smtp_event *ev)
{
	s->mode = MODE_COMMAND;
	if (s->chunk_ignored) {
		s->chunk_ignored = false;
		if (!s->chunk_answered)
			(void)chunk_wanted(s, out);
		s->chunk_answered = false;
		return VX_OK;
	}
	if (s->bad_content || (s->chunk_last && s->chunk_cr)) {
		refuse_bare(s, out);
		return tell_reset(s, ev);
	}
	if (s->chunk_last || s->too_large)
		return message_end(s, out, ev);
	reply(out, 250, "2.0.0", "chunk taken");
	return VX_OK;
}

static int chunk_next(
    struct vx_smtp_server *s, vx_slice *in, struct vx_buf *out, struct vx_smtp_event *ev)
{
	const vx_slice octets = vx_slice_head(
	    *in, s->chunk_left < SIZE_MAX ? (size_t)s->chunk_left : SIZE_MAX);

	if (s->chunk_left == 0)
		return chunk_end(s, out, ev);
	if (octets.len == 0)
		return VX_MORE;
	*in = vx_slice_from(*in, octets.len);
	s->chunk_left -= octets.len;
	if (s->chunk_ignored)
		return VX_OK;
	if (!s->bad_content && !vx_smtp_chunk_ok(octets, &s->chunk_cr))
		s->bad_content = true;
	return content(s, octets, ev);
}

/* --- the session ----------------------------------------------------------------- */

static int step(
    struct vx_smtp_server *s, vx_slice *in, struct vx_buf *out, struct vx_smtp_event *ev)
{
	switch (s->mode) {
	case MODE_DATA:
		return data_next(s, in, out, ev);
	case MODE_CHUNK:
		return chunk_next(s, in, out, ev);
	case MODE_COMMAND:
	case MODE_AUTH:
		if (s->line_done)
			vx_buf_reset(&s->line);
		s->line_done = false;
		return line_next(s, in, out, ev);
	}
	return VX_ESTATE;
}

int vx_smtp_server_next(
    struct vx_smtp_server *s, vx_slice *in, struct vx_buf *out, struct vx_smtp_event *ev)
{
	int rc = VX_OK;

	if (!s->greeted) {
		s->greeted = true;
		vx_buf_printf(out, "220 %.*s %.*s\r\n", (int)s->o.hostname.len,
		    s->o.hostname.ptr, (int)s->o.banner.len, s->o.banner.ptr);
	}
	while (rc == VX_OK) {
		if (s->waiting)
			return VX_WAIT;
		if (s->closing)
			return VX_DONE;
		if (s->start_tls) {
			s->start_tls = false;
			return VX_TLS;
		}
		*ev = (struct vx_smtp_event){ 0 };
		rc = step(s, in, out, ev);
		if (rc == VX_OK && s->reason != NULL) {
			*ev = (struct vx_smtp_event){ .type = VX_SMTP_REFUSED,
				.reason = s->reason,
				.no_tls = s->no_tls };
			if (s->no_tls)
				ev->user = vx_buf_slice(&s->sasl.user);
			s->no_tls = false;
			s->reason = NULL;
			return VX_DATA;
		}
	}
	return rc;
}

/* The octets of a chunk are on their way nevertheless. */
static void refused_message(struct vx_smtp_server *s)
{
	const bool chunk = s->mode == MODE_CHUNK;

	end_transaction(s);
	if (chunk)
		s->mode = MODE_CHUNK;
	s->chunk_ignored = s->chunk_answered = chunk;
}

static void answered(struct vx_smtp_server *s, bool good)
{
	switch (s->pending) {
	case VX_SMTP_STARTTLS:
		s->tls = s->start_tls = good;
		break;
	case VX_SMTP_AUTH:
		s->authenticated = good;
		s->errors += !good;
		vx_sasl_done(&s->sasl);
		break;
	case VX_SMTP_MAIL:
		s->mail = good;
		break;
	case VX_SMTP_RCPT:
		s->recipients += good;
		s->refused += !good;
		break;
	case VX_SMTP_DATA:
		if (!good)
			refused_message(s);
		else if (!s->in_message)
			s->mode = MODE_DATA;
		break;
	case VX_SMTP_END:
		end_transaction(s);
		if (good)
			s->junk = 0;
		break;
	case VX_SMTP_KEYS:
	case VX_SMTP_CONTENT:
	case VX_SMTP_RESET:
	case VX_SMTP_REFUSED:
		break;
	}
}

void vx_smtp_server_answer(struct vx_smtp_server *s, struct vx_buf *out, unsigned code,
    const char *enhanced, const char *text)
{
	const bool chunk =
	    s->pending == VX_SMTP_DATA && s->mode == MODE_CHUNK && code == 354;

	if (!s->waiting)
		return;
	s->waiting = false;
	if (!chunk) /* BDAT has no intermediate reply */
		reply(out, code, enhanced, text);
	answered(s, code < 400);
	if (s->pending == VX_SMTP_RCPT || s->pending == VX_SMTP_AUTH)
		check_refusals(s, out);
	if (code == 421)
		s->closing = true;
}

void vx_smtp_server_tls_ready(struct vx_smtp_server *s, vx_slice exporter)
{
	vx_sasl_bind(&s->binding, exporter);
	vx_buf_reset(&s->helo);
	s->extended = false;
}
