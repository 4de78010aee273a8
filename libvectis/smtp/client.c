/* The connection: greeting, EHLO, TLS, AUTH, and what is between messages. */
#include "base/cursor.h"
#include "base/encode.h"
#include "base/mem.h"
#include "mime/safe.h"
#include "smtp/client_int.h"
#include "smtp/path.h"
#include "vectis/header.h"

enum {
	AUTH_LINE_MAX = 512, /* RFC 4954 4: else without an initial response */
	TLS_PATIENCE_S = 120,
};

static const struct stage {
	const char *name;
	unsigned patience_s; /* RFC 5321 4.5.3.2 */
} stages[] = {
	[VX_SMTP_AT_GREETING] = { "the greeting", 300 },
	[VX_SMTP_AT_EHLO] = { "EHLO", 300 },
	[VX_SMTP_AT_HELO] = { "HELO", 300 },
	[VX_SMTP_AT_STARTTLS] = { "STARTTLS", 120 },
	[VX_SMTP_AT_AUTH] = { "AUTH", 120 },
	[VX_SMTP_AT_REST] = { "nothing", 0 },
	[VX_SMTP_AT_RSET] = { "RSET", 300 },
	[VX_SMTP_AT_MAIL] = { "MAIL", 300 },
	[VX_SMTP_AT_RCPT] = { "RCPT", 300 },
	[VX_SMTP_AT_DATA] = { "DATA", 120 },
	[VX_SMTP_AT_CONTENT] = { "the message", 180 },
	[VX_SMTP_AT_END] = { "the end of the message", 600 },
	[VX_SMTP_AT_QUIT] = { "QUIT", 10 },
};

const char *vx_smtp_stage_name(enum vx_smtp_stage stage)
{
	return stages[stage].name;
}

void vx_smtp_result_write(const struct vx_smtp_result *r, struct vx_buf *out)
{
	if (r->code != 0)
		vx_buf_printf(out, "%u", r->code);
	if (r->code != 0 && r->status_said)
		vx_buf_printf(out, " %s", r->status);
	if (r->code != 0 && r->text.len > 0)
		vx_buf_add_char(out, ' ');
	vx_buf_add(out, r->text);
}

static bool is_name(vx_slice name)
{
	struct vx_cursor c = vx_cursor_of(name);

	return name.len > 0 && vx_is_ascii(name) && vx_smtp_domain(&c) && vx_cur_end(&c);
}

static bool is_secret(vx_slice s, size_t max)
{
	return s.len <= max && vx_utf8_valid(s) && vx_slice_find(s, '\0') == s.len;
}

int vx_smtp_client_new(
    const struct vx_smtp_client_options *o, struct vx_smtp_client **out)
{
	struct vx_smtp_client *c;

	if (!is_name(o->hostname) || !is_secret(o->user, VX_SASL_USER_MAX) ||
	    !is_secret(o->password, VX_SMTP_SECRET_MAX))
		return VX_EINVAL;
	c = vx_alloc(sizeof(*c));
	if (c == NULL)
		return VX_ENOMEM;
	c->o = *o;
	c->tls = o->tls;
	vx_buf_init(&c->failure.text, VX_SMTP_REPLY_TEXT_MAX);
	vx_buf_init(&c->verdict.text, VX_SMTP_REPLY_TEXT_MAX);
	vx_buf_init(&c->response, VX_SASL_RESPONSE_MAX * 2);
	vx_buf_init(&c->password, (size_t)4 * VX_SMTP_SECRET_MAX);
	c->window[0].stage = VX_SMTP_AT_GREETING;
	c->window_count = 1;
	if (vx_smtp_reply_init(&c->reply) != VX_OK ||
	    vx_buf_reserve(&c->failure.text, VX_SMTP_REPLY_TEXT_MAX) == NULL ||
	    vx_buf_reserve(&c->verdict.text, VX_SMTP_REPLY_TEXT_MAX) == NULL) {
		vx_smtp_client_free(c);
		return VX_ENOMEM;
	}
	*out = c;
	return VX_OK;
}

void vx_smtp_client_free(struct vx_smtp_client *c)
{
	if (c == NULL)
		return;
	vx_smtp_reply_done(&c->reply);
	vx_buf_done(&c->failure.text);
	vx_buf_done(&c->verdict.text);
	vx_sasl_client_done(&c->sasl);
	vx_buf_wipe(&c->response);
	vx_buf_wipe(&c->password);
	vx_free(c->fates);
	vx_free(c);
}

/* --- verdicts ---------------------------------------------------------------------- */

void vx_client_from_reply(struct vx_smtp_client *c, struct vx_client_verdict *v,
    enum vx_smtp_outcome outcome, enum vx_smtp_stage stage)
{
	const struct vx_smtp_reply *r = &c->reply;

	v->result = (struct vx_smtp_result){
		.outcome = outcome,
		.stage = stage,
		.code = r->code,
		.status_said = r->status[0] != '\0',
		.dsn = outcome == VX_SMTP_DELIVERED && (c->offers & VX_SMTP_EXT_DSN) != 0,
	};
	if (r->status[0] != '\0')
		memcpy(v->result.status, r->status, sizeof(v->result.status));
	else
		memcpy(v->result.status,
		    r->code >= 500   ? "5.0.0"
		    : r->code >= 400 ? "4.0.0"
				     : "2.0.0",
		    sizeof("2.0.0"));
	vx_buf_reset(&v->text);
	vx_safe_text(vx_buf_slice(&r->text), VX_SMTP_REPLY_TEXT_MAX, false, &v->text);
	v->result.text = vx_buf_slice(&v->text);
}

void vx_client_own(struct vx_client_verdict *v, enum vx_smtp_outcome outcome,
    enum vx_smtp_stage stage, const char *status, const char *why)
{
	v->result = (struct vx_smtp_result){
		.outcome = outcome, .stage = stage, .text = vx_slice_str(why)
	};
	memcpy(v->result.status, status, strlen(status) + 1);
}

static void copy_verdict(
    struct vx_client_verdict *to, const struct vx_client_verdict *from)
{
	to->result = from->result;
	vx_buf_reset(&to->text);
	vx_safe_text(from->result.text, VX_SMTP_REPLY_TEXT_MAX, false, &to->text);
	to->result.text = vx_buf_slice(&to->text);
}

void vx_client_end(struct vx_smtp_client *c, enum vx_client_state after)
{
	c->failed = true;
	c->after = after;
	c->state = CL_LISTEN;
	c->wanted = 0;
}

/* The failure is that of the connection, and of all recipients that are open. */
static void fail(struct vx_smtp_client *c, enum vx_client_state after)
{
	if (c->m != NULL) {
		copy_verdict(&c->verdict, &c->failure);
		if (c->failure.result.code == 0 && vx_txn_unknown(c))
			c->verdict.result.outcome = VX_SMTP_UNKNOWN;
		vx_txn_judge(c, 0, c->m->to_count);
	}
	vx_client_end(c, after);
}

static void fail_own(struct vx_smtp_client *c, enum vx_smtp_stage stage,
    const char *status, const char *why, enum vx_client_state after)
{
	vx_client_own(&c->failure, VX_SMTP_TEMPORARY, stage, status, why);
	fail(c, after);
}

static void fail_reply(struct vx_smtp_client *c, enum vx_smtp_outcome outcome,
    enum vx_smtp_stage stage, enum vx_client_state after)
{
	vx_client_from_reply(c, &c->failure, outcome, stage);
	fail(c, after);
}

/* What it was is told as text: it is not an answer. */
void vx_client_garbage(struct vx_smtp_client *c, enum vx_smtp_stage stage)
{
	struct vx_client_verdict *const v = &c->failure;

	vx_client_own(v, VX_SMTP_TEMPORARY, stage, "4.5.0", "");
	vx_buf_reset(&v->text);
	vx_buf_printf(&v->text, "unexpected reply: %u ", c->reply.code);
	vx_safe_text(vx_buf_slice(&c->reply.text), VX_SMTP_REPLY_TEXT_MAX - v->text.len,
	    false, &v->text);
	v->result.text = vx_slice_trim(vx_buf_slice(&v->text), " ");
	fail(c, CL_OVER);
}

/* --- what is sent and what is answered ---------------------------------------------- */

bool vx_client_may_send(const struct vx_smtp_client *c)
{
	if (c->window_count == 0)
		return true;
	return (c->offers & VX_SMTP_EXT_PIPELINING) != 0 &&
	       c->window_count < VX_SMTP_WINDOW_COMMANDS &&
	       c->window_octets < VX_SMTP_WINDOW_OCTETS;
}

void vx_client_sent(struct vx_smtp_client *c, const struct vx_buf *out, size_t before,
    enum vx_smtp_stage stage, size_t recipient)
{
	const size_t at = (c->window_at + c->window_count++) % VX_SMTP_WINDOW_COMMANDS;

	c->window[at] = (struct vx_client_sent){ stage, out->len - before, recipient };
	c->window_octets += c->window[at].octets;
}

static struct vx_client_sent pop(struct vx_smtp_client *c)
{
	const struct vx_client_sent sent = c->window[c->window_at];

	c->window_at = (c->window_at + 1) % VX_SMTP_WINDOW_COMMANDS;
	c->window_count--;
	c->window_octets -= sent.octets;
	return sent;
}

static int say(struct vx_smtp_client *c, struct vx_buf *out, enum vx_smtp_stage stage,
    const char *words, vx_slice argument)
{
	const size_t before = out->len;

	vx_buf_add_str(out, words);
	vx_buf_add(out, argument);
	vx_buf_add_str(out, "\r\n");
	vx_client_sent(c, out, before, stage, 0);
	c->state = CL_LISTEN;
	return VX_OK;
}

/* --- EHLO --------------------------------------------------------------------------- */

static void keyword_size(struct vx_smtp_client *c, vx_slice argument)
{
	uint64_t n;

	/* RFC 1870 3: 0 is no limit; what cannot be read is none either */
	if (vx_slice_number(argument, UINT64_MAX, &n) == VX_OK)
		c->size_max = n;
}

/* RFC 9422 4: names and numbers; what is not understood is no limit. */
static void keyword_limits(struct vx_smtp_client *c, vx_slice argument)
{
	const struct {
		vx_slice name;
		uint64_t *limit;
	} known[] = { { VX_S("MAILMAX="), &c->mail_max },
		{ VX_S("RCPTMAX="), &c->rcpt_max },
		{ VX_S("RCPTDOMAINMAX="), &c->domain_max } };
	vx_slice word;
	uint64_t n;

	while (argument.len > 0) {
		(void)vx_slice_cut(&argument, ' ', &word);
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (vx_slice_has_prefix_nocase(word, known[i].name) &&
			    vx_slice_number(vx_slice_from(word, known[i].name.len),
				UINT64_MAX, &n) == VX_OK)
				*known[i].limit = n;
	}
	if (c->domain_max > VX_SMTP_DOMAINS_MAX)
		c->domain_max = VX_SMTP_DOMAINS_MAX;
}

static void keyword_auth(struct vx_smtp_client *c, vx_slice argument)
{
	c->mechanisms_offered |= vx_sasl_offered(argument);
}

static const struct keyword {
	vx_slice name;
	enum vx_smtp_extension extension;
	void (*take)(struct vx_smtp_client *c, vx_slice argument);
} keywords[] = {
	{ VX_SLICE_INIT("PIPELINING"), VX_SMTP_EXT_PIPELINING, NULL },
	{ VX_SLICE_INIT("SIZE"), VX_SMTP_EXT_SIZE, keyword_size },
	{ VX_SLICE_INIT("8BITMIME"), VX_SMTP_EXT_8BITMIME, NULL },
	{ VX_SLICE_INIT("SMTPUTF8"), VX_SMTP_EXT_SMTPUTF8, NULL },
	{ VX_SLICE_INIT("CHUNKING"), VX_SMTP_EXT_CHUNKING, NULL },
	{ VX_SLICE_INIT("ENHANCEDSTATUSCODES"), VX_SMTP_EXT_ENHANCED, NULL },
	{ VX_SLICE_INIT("DSN"), VX_SMTP_EXT_DSN, NULL },
	{ VX_SLICE_INIT("STARTTLS"), VX_SMTP_EXT_STARTTLS, NULL },
	{ VX_SLICE_INIT("AUTH"), VX_SMTP_EXT_AUTH, keyword_auth },
	{ VX_SLICE_INIT("LIMITS"), VX_SMTP_EXT_LIMITS, keyword_limits },
};

static void take_keyword(struct vx_smtp_client *c, vx_slice line)
{
	vx_slice rest = vx_slice_trim(line, " \t"), name;

	/* "AUTH=LOGIN": from before RFC 2554, and still there */
	if (vx_slice_has_prefix_nocase(rest, VX_S("AUTH="))) {
		name = VX_S("AUTH");
		rest = vx_slice_from(rest, 5);
	} else {
		(void)vx_slice_cut(&rest, ' ', &name);
	}
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		const struct keyword *k = &keywords[i];

		if (!vx_slice_eq_nocase(name, k->name) ||
		    (c->o.ignore & (unsigned)k->extension) != 0)
			continue;
		c->offers |= k->extension;
		if (k->take != NULL)
			k->take(c, vx_slice_trim(rest, " \t"));
	}
}

static void forget_offers(struct vx_smtp_client *c)
{
	c->offers = 0;
	c->size_max = c->mail_max = c->rcpt_max = c->domain_max = 0;
	c->mechanisms_offered = 0;
}

/* "mx.example.com ready": what is no word leaves the name as it was. */
static void take_name(struct vx_smtp_client *c, vx_slice line)
{
	vx_slice name;

	(void)vx_slice_cut(&line, ' ', &name);
	if (name.len == 0 || name.len >= sizeof(c->peer_name))
		return;
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] < '!' || name.ptr[i] > '~')
			return;
	memcpy(c->peer_name, name.ptr, name.len);
	c->peer_name[name.len] = '\0';
}

/* A line of the reply in which it says who it is, and what it can do. */
static void take_line(struct vx_smtp_client *c, enum vx_smtp_stage stage)
{
	const struct vx_smtp_reply *r = &c->reply;

	if (r->code != (stage == VX_SMTP_AT_GREETING ? 220 : 250))
		return;
	if (r->lines == 1 && (stage == VX_SMTP_AT_GREETING || stage == VX_SMTP_AT_EHLO ||
				 stage == VX_SMTP_AT_HELO))
		take_name(c, r->line);
	else if (r->lines > 1 && stage == VX_SMTP_AT_EHLO)
		take_keyword(c, r->line);
}

static void choose_auth(struct vx_smtp_client *c, enum vx_smtp_stage stage)
{
	if (!c->tls)
		fail_own(c, stage, "4.7.4",
		    "no TLS, and a login must not go in the clear", CL_BYE);
	else if (vx_sasl_choose(c->mechanisms, &c->binding) == VX_SASL_NONE)
		fail_own(c, stage, "4.7.4",
		    "no way to log in that is known here is offered", CL_BYE);
	else
		c->state = CL_AUTH;
}

/* EHLO or HELO is done: what is next. */
static void go_on(struct vx_smtp_client *c, enum vx_smtp_stage stage)
{
	if (!c->tls && !c->tls_refused && c->o.policy != VX_SMTP_TLS_NEVER &&
	    (c->offers & VX_SMTP_EXT_STARTTLS) != 0)
		c->state = CL_STARTTLS;
	else if (!c->tls && c->o.policy == VX_SMTP_TLS_REQUIRED)
		fail_own(c, stage, "4.7.4", "TLS is required and not offered", CL_BYE);
	else if (c->o.user.len > 0)
		choose_auth(c, stage);
	else
		c->state = CL_READY;
}

/* --- replies of the connection ------------------------------------------------------ */

/* A reply that is not the good one: is it no, not now, or garbage? */
static void refused(struct vx_smtp_client *c, enum vx_smtp_stage stage)
{
	if (c->reply.code >= 500)
		fail_reply(c, VX_SMTP_PERMANENT, stage, CL_BYE);
	else if (c->reply.code >= 400)
		fail_reply(c, VX_SMTP_TEMPORARY, stage, CL_BYE);
	else
		vx_client_garbage(c, stage);
}

static void on_greeting(struct vx_smtp_client *c)
{
	if (c->reply.code == 220)
		c->state = CL_EHLO;
	else
		refused(c, VX_SMTP_AT_GREETING);
}

static void on_ehlo(struct vx_smtp_client *c)
{
	const unsigned code = c->reply.code;

	if (code == 500 || code == 502 || code == 504 || code == 550) {
		forget_offers(c);
		c->state = CL_HELO;
		return;
	}
	if (code != 250) {
		refused(c, VX_SMTP_AT_EHLO);
		return;
	}
	/* RFC 6531 3.1: the one comes with the other */
	if ((c->offers & VX_SMTP_EXT_8BITMIME) == 0)
		c->offers &= ~(unsigned)VX_SMTP_EXT_SMTPUTF8;
	c->mechanisms = c->mechanisms_offered;
	go_on(c, VX_SMTP_AT_EHLO);
}

static void on_helo(struct vx_smtp_client *c)
{
	if (c->reply.code == 250)
		go_on(c, VX_SMTP_AT_HELO);
	else
		refused(c, VX_SMTP_AT_HELO);
}

static void on_starttls(struct vx_smtp_client *c)
{
	if (c->reply.code == 220) {
		c->state = CL_TLS;
	} else if (c->reply.code < 400) {
		vx_client_garbage(c, VX_SMTP_AT_STARTTLS);
	} else if (c->o.policy == VX_SMTP_TLS_REQUIRED) {
		/* our wish, not the peer's rule: somebody should mend it meanwhile */
		fail_reply(c, VX_SMTP_TEMPORARY, VX_SMTP_AT_STARTTLS, CL_BYE);
	} else {
		c->tls_refused = true;
		go_on(c, VX_SMTP_AT_STARTTLS);
	}
}

/* --- AUTH (RFC 4954) ---------------------------------------------------------------- */

static void take_challenge(struct vx_smtp_client *c)
{
	struct vx_buf challenge = { .max = VX_SASL_RESPONSE_MAX + 3 };
	vx_slice response = { NULL, 0 };
	int rc = vx_base64_decode(
	    vx_slice_trim(vx_buf_slice(&c->reply.text), " "), &challenge);

	if (rc == VX_OK && c->response.len > 0 && c->sasl.step == 1) {
		/* it was too long for the command */
		c->state = CL_SASL;
		vx_buf_done(&challenge);
		return;
	}
	vx_buf_wipe(&c->response);
	if (rc == VX_OK)
		rc = vx_sasl_client_next(&c->sasl,
		    challenge.len > 0 ? vx_buf_slice(&challenge) : VX_S(""), &response);
	if (rc == VX_MORE) {
		vx_base64_add(&c->response, response);
	} else {
		c->cancelled = true;
		vx_buf_add_char(&c->response, '*');
	}
	c->no_memory = c->no_memory || rc == VX_ENOMEM || c->response.failed;
	c->state = CL_SASL;
	vx_buf_done(&challenge);
}

static bool says(const struct vx_smtp_client *c, vx_slice what)
{
	const vx_slice text = vx_buf_slice(&c->reply.text);

	return what.len > 0 && vx_slice_find_slice(text, what) < text.len;
}

/* A peer that repeats what it does not like would have the password in our log. */
static void hide_password(struct vx_smtp_client *c)
{
	struct vx_buf plain = { .max = 4 * VX_SMTP_SECRET_MAX },
		      login = { .max = 4 * VX_SMTP_SECRET_MAX },
		      text = { .max = 4 * VX_SMTP_SECRET_MAX };

	vx_buf_add_char(&text, '\0');
	vx_buf_add(&text, c->o.user);
	vx_buf_add_char(&text, '\0');
	vx_buf_add(&text, c->o.password);
	vx_base64_add(&plain, vx_buf_slice(&text));
	vx_base64_add(&login, c->o.password);
	if (says(c, c->o.password) || says(c, vx_buf_slice(&plain)) ||
	    says(c, vx_buf_slice(&login)) || plain.failed || login.failed) {
		vx_buf_reset(&c->reply.text);
		vx_buf_add_str(&c->reply.text, "(the answer repeats the password)");
	}
	vx_buf_wipe(&plain);
	vx_buf_wipe(&login);
	vx_buf_wipe(&text);
}

static void on_auth(struct vx_smtp_client *c)
{
	const bool good = c->sasl.good;
	const unsigned tried = 1u << c->sasl.mechanism;

	if (c->cancelled) {
		fail_own(c, VX_SMTP_AT_AUTH, "4.7.0",
		    "the peer's challenge is not understood", CL_BYE);
		return;
	}
	if (c->reply.code == 334) {
		take_challenge(c);
		return;
	}
	vx_sasl_client_done(&c->sasl);
	vx_buf_wipe(&c->response);
	if (c->reply.code == 235 && good) {
		c->state = CL_READY;
	} else if (c->reply.code == 235) {
		fail_own(c, VX_SMTP_AT_AUTH, "4.7.0",
		    "the peer did not show that it knows the password", CL_BYE);
	} else if (c->reply.code == 504 && (c->mechanisms & tried) != 0) {
		c->mechanisms &= ~tried;
		choose_auth(c, VX_SMTP_AT_AUTH);
	} else if (c->reply.code >= 400) {
		/* a password may be mended: no message is lost for that */
		hide_password(c);
		fail_reply(c, VX_SMTP_TEMPORARY, VX_SMTP_AT_AUTH, CL_BYE);
	} else {
		hide_password(c);
		vx_client_garbage(c, VX_SMTP_AT_AUTH);
	}
}

static int say_auth(struct vx_smtp_client *c, struct vx_buf *out)
{
	const enum vx_sasl_mechanism m = vx_sasl_choose(c->mechanisms, &c->binding);
	const bool prepared = m != VX_SASL_PLAIN && m != VX_SASL_LOGIN;
	struct vx_buf line = { .max = AUTH_LINE_MAX };
	vx_slice response = { NULL, 0 };

	vx_buf_wipe(&c->password);
	if (prepared)
		vx_password_prepare(c->o.password, &c->password);
	vx_sasl_client_init(&c->sasl, m, c->o.user,
	    prepared ? vx_buf_slice(&c->password) : c->o.password, &c->binding,
	    c->mechanisms_offered);
	if (vx_sasl_client_next(&c->sasl, response, &response) != VX_MORE ||
	    c->password.failed)
		return VX_ENOMEM;
	vx_buf_wipe(&c->response);
	vx_base64_add(&c->response, response);
	vx_buf_printf(&line, "AUTH %s", vx_sasl_name(m));
	if (response.ptr != NULL && line.len + 1 + c->response.len + 2 <= AUTH_LINE_MAX) {
		vx_buf_add_char(&line, ' ');
		vx_buf_add(&line, vx_buf_slice(&c->response));
		vx_buf_wipe(&c->response);
	}
	say(c, out, VX_SMTP_AT_AUTH, "", vx_buf_slice(&line));
	c->no_memory = c->no_memory || line.failed || c->response.failed;
	vx_buf_wipe(&line);
	return VX_OK;
}

static int say_response(struct vx_smtp_client *c, struct vx_buf *out)
{
	say(c, out, VX_SMTP_AT_AUTH, "", vx_buf_slice(&c->response));
	vx_buf_wipe(&c->response);
	return VX_OK;
}

/* --- the session -------------------------------------------------------------------- */

/* Where we are, when the peer has been asked nothing. */
static enum vx_smtp_stage idle_stage(const struct vx_smtp_client *c)
{
	switch (c->state) {
	case CL_CONTENT:
		return VX_SMTP_AT_CONTENT;
	case CL_TLS:
	case CL_HANDSHAKE:
		return VX_SMTP_AT_STARTTLS;
	case CL_ENVELOPE:
	case CL_END:
		return VX_SMTP_AT_MAIL;
	case CL_EHLO:
		return VX_SMTP_AT_EHLO;
	case CL_LISTEN:
	case CL_HELO:
	case CL_STARTTLS:
	case CL_AUTH:
	case CL_SASL:
	case CL_READY:
	case CL_REST:
	case CL_BYE:
	case CL_OVER:
		break;
	}
	return VX_SMTP_AT_REST;
}

static enum vx_smtp_stage current_stage(const struct vx_smtp_client *c)
{
	return c->window_count > 0 ? c->window[c->window_at].stage : idle_stage(c);
}

/* QUIT is said or will be: whatever comes, that is the end. */
static bool is_leaving(const struct vx_smtp_client *c)
{
	return c->state == CL_BYE || current_stage(c) == VX_SMTP_AT_QUIT;
}

/* Nothing was asked: this is no answer to what will be. */
static void on_early(struct vx_smtp_client *c)
{
	const enum vx_smtp_stage stage = idle_stage(c);

	if (c->reply.code == 421)
		fail_reply(c, VX_SMTP_TEMPORARY, stage, CL_OVER);
	else if (c->state == CL_CONTENT)
		vx_txn_interrupted(c);
	else
		vx_client_garbage(c, stage);
}

static void on_reply(struct vx_smtp_client *c)
{
	const enum vx_smtp_stage stage = current_stage(c);
	struct vx_client_sent sent;

	c->steps++;
	if (is_leaving(c)) {
		c->state = CL_OVER;
		return;
	}
	if (c->early) {
		on_early(c);
		return;
	}
	if (c->reply.code == 421) {
		fail_reply(c, VX_SMTP_TEMPORARY, stage, CL_OVER);
		return;
	}
	if (c->window_count == 1 && c->chunk_left > 0) {
		vx_txn_interrupted(c);
		return;
	}
	sent = pop(c);
	switch (sent.stage) {
	case VX_SMTP_AT_GREETING:
		on_greeting(c);
		break;
	case VX_SMTP_AT_EHLO:
		on_ehlo(c);
		break;
	case VX_SMTP_AT_HELO:
		on_helo(c);
		break;
	case VX_SMTP_AT_STARTTLS:
		on_starttls(c);
		break;
	case VX_SMTP_AT_AUTH:
		on_auth(c);
		break;
	case VX_SMTP_AT_RSET:
	case VX_SMTP_AT_MAIL:
	case VX_SMTP_AT_RCPT:
	case VX_SMTP_AT_DATA:
	case VX_SMTP_AT_CONTENT:
	case VX_SMTP_AT_END:
		vx_txn_reply(c, &sent);
		break;
	case VX_SMTP_AT_QUIT:
	case VX_SMTP_AT_REST:
		break;
	}
}

/* Octets of the peer: at most one reply. */
static void listen(struct vx_smtp_client *c, vx_slice *in)
{
	int rc;

	if (c->state == CL_TLS || c->state == CL_HANDSHAKE) {
		/* RFC 3207 6: put there by somebody, to be taken for what TLS brings */
		*in = vx_slice_from(*in, in->len);
		fail_own(c, VX_SMTP_AT_STARTTLS, "4.7.0",
		    "octets in the clear before TLS", CL_OVER);
		return;
	}
	if (!vx_smtp_reply_begun(&c->reply))
		c->early = c->window_count == 0;
	rc = vx_smtp_reply_next(&c->reply, in);
	if (rc == VX_EPROTO) {
		*in = vx_slice_from(*in, in->len);
		if (is_leaving(c))
			c->state = CL_OVER;
		else
			fail_own(c, current_stage(c), "4.5.0",
			    "the reply is malformed or too long", CL_OVER);
		return;
	}
	if ((rc == VX_DATA || rc == VX_DONE) && c->window_count > 0)
		take_line(c, current_stage(c));
	if (rc == VX_DONE)
		on_reply(c);
}

/* What is to be said or told without the peer. */
static int speak(
    struct vx_smtp_client *c, struct vx_buf *out, struct vx_smtp_client_event *ev)
{
	switch (c->state) {
	case CL_EHLO:
		return say(c, out, VX_SMTP_AT_EHLO, "EHLO ", c->o.hostname);
	case CL_HELO:
		return say(c, out, VX_SMTP_AT_HELO, "HELO ", c->o.hostname);
	case CL_STARTTLS:
		return say(c, out, VX_SMTP_AT_STARTTLS, "STARTTLS", VX_S(""));
	case CL_TLS:
		c->state = CL_HANDSHAKE;
		return VX_TLS;
	case CL_AUTH:
		return say_auth(c, out);
	case CL_SASL:
		return say_response(c, out);
	case CL_READY:
		c->state = CL_REST;
		ev->type = VX_SMTP_CLIENT_READY;
		return VX_DATA;
	case CL_ENVELOPE:
	case CL_CONTENT:
	case CL_END:
		return vx_txn_next(c, out, ev);
	case CL_BYE:
		return say(c, out, VX_SMTP_AT_QUIT, "QUIT", VX_S(""));
	case CL_HANDSHAKE:
	case CL_REST:
		return VX_WAIT;
	case CL_OVER:
		return VX_DONE;
	case CL_LISTEN:
		break;
	}
	return VX_MORE;
}

static void on_lost(struct vx_smtp_client *c)
{
	const char *const why = c->lost;

	c->lost = NULL;
	if (c->failed)
		c->after = CL_OVER;
	else if (is_leaving(c))
		c->state = CL_OVER; /* as it would have been */
	else if (c->state != CL_OVER)
		fail_own(c, current_stage(c), "4.4.2", why, CL_OVER);
}

/* Results, and then that it is over. */
static bool tell(struct vx_smtp_client *c, struct vx_smtp_client_event *ev)
{
	if (vx_txn_tell(c, ev))
		return true;
	if (c->lost != NULL) {
		on_lost(c);
		if (vx_txn_tell(c, ev))
			return true;
	}
	if (!c->failed)
		return false;
	c->failed = false;
	c->m = NULL;
	c->window_count = c->window_octets = 0;
	c->chunk_left = 0;
	c->state = c->after;
	ev->type = VX_SMTP_CLIENT_FAILED;
	ev->result = c->failure.result;
	return true;
}

int vx_smtp_client_next(struct vx_smtp_client *c, vx_slice *in, struct vx_buf *out,
    struct vx_smtp_client_event *ev)
{
	int rc = VX_OK;

	while (rc == VX_OK) {
		if (c->no_memory || out->failed)
			return VX_ENOMEM;
		*ev = (struct vx_smtp_client_event){ 0 };
		if (tell(c, ev))
			return VX_DATA;
		if (c->state == CL_OVER)
			return VX_DONE;
		if (in->len > 0)
			listen(c, in);
		else if (c->early && vx_smtp_reply_begun(&c->reply))
			return VX_MORE; /* first it has to be seen what that is */
		else
			rc = speak(c, out, ev);
	}
	return rc;
}

void vx_smtp_client_lost(struct vx_smtp_client *c, const char *why)
{
	c->lost = why; /* what became known before is told first */
}

int vx_smtp_client_quit(struct vx_smtp_client *c)
{
	if (c->state != CL_REST || c->failed)
		return VX_ESTATE;
	c->state = CL_BYE;
	return VX_OK;
}

void vx_smtp_client_tls_ready(struct vx_smtp_client *c, vx_slice exporter)
{
	vx_sasl_bind(&c->binding, exporter);
	if (c->state != CL_HANDSHAKE)
		return;
	c->tls = true;
	c->steps++;
	forget_offers(c); /* RFC 3207 4.2: what was said in the clear is not known */
	c->state = CL_EHLO;
}

unsigned vx_smtp_client_patience_s(const struct vx_smtp_client *c)
{
	if (c->state == CL_HANDSHAKE)
		return TLS_PATIENCE_S;
	if (c->state == CL_OVER || c->wanted > 0)
		return 0;
	if (c->state == CL_CONTENT)
		return stages[VX_SMTP_AT_CONTENT].patience_s;
	return c->window_count > 0 ? stages[current_stage(c)].patience_s : 0;
}

uint64_t vx_smtp_client_mails_left(const struct vx_smtp_client *c)
{
	if (c->mail_max == 0)
		return UINT64_MAX;
	return c->mails < c->mail_max ? c->mail_max - c->mails : 0;
}

uint64_t vx_smtp_client_steps(const struct vx_smtp_client *c)
{
	return c->steps;
}

const char *vx_smtp_client_peer_name(const struct vx_smtp_client *c)
{
	return c->peer_name;
}

unsigned vx_smtp_client_offers(
    const struct vx_smtp_client *c, uint64_t *message_octets_max)
{
	*message_octets_max = c->size_max;
	return c->offers;
}
