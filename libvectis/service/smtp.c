#include "vectis/smtp_service.h"

#include "base/mem.h"
#include "service/own_login.h"
#include "service/own_srs.h"
#include "service/smtp_greylist.h"
#include "service/smtp_limit.h"
#include "service/smtp_receive.h"
#include "service/smtp_says.h"
#include "service/smtp_submit.h"
#include "vectis/block.h"
#include "vectis/crypto.h"

#include <stdio.h>

static int open_parts(struct vx_smtp_service *s)
{
	const struct vx_smtp_service_options *o = &s->o;
	const bool limits = o->connections_minute > 0 || o->messages_minute > 0 ||
			    o->recipients_minute > 0;
	int rc = vx_own_events_new(o->store, o->log, &s->events);

	if (rc == VX_OK)
		rc = vx_smtp_lists_new(o, &s->lists);
	if (rc == VX_OK && limits)
		rc = vx_own_rates_open(o->store, o->rates_path, &s->rates);
	return rc;
}

int vx_smtp_service_new(
    const struct vx_smtp_service_options *o, struct vx_smtp_service **out)
{
	struct vx_smtp_service *s = vx_alloc(sizeof(*s));
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	s->o = *o;
	s->keys = (struct own_keys){ .store = o->store, .loop = o->loop };
	vx_own_srs_secret(o->store, s->srs_secret);
	rc = open_parts(s);
	if (rc == VX_OK)
		*out = s;
	else
		vx_smtp_service_free(s);
	return rc;
}

void vx_smtp_service_free(struct vx_smtp_service *s)
{
	if (s == NULL)
		return;
	vx_own_keys_free(&s->keys);
	vx_smtp_lists_free(s->lists);
	vx_own_rates_close(s->rates);
	vx_own_events_free(s->events);
	vx_smtp_greylist_free(s);
	vx_free(s);
}

void vx_smtp_service_tick(struct vx_smtp_service *s)
{
	vx_own_events_tick(s->events);
	vx_smtp_lists_tick(s->lists);
	vx_smtp_greylist_tick(s);
}

static struct smtp_session *session_of(struct vx_session *base)
{
	return (struct smtp_session *)base;
}

/* --- authentication -------------------------------------------------------------- */

struct auth_job {
	struct vx_job job;
	struct smtp_session *session; /* NULL: it ended meanwhile */
	struct vx_auth *auth;
	char address[48];
	struct vx_buf user, password;
	enum vx_sasl_proof proof;
	struct vx_auth_login who;
	enum vx_auth_reason why;
	int result;
};

static void auth_run(struct vx_job *base)
{
	struct auth_job *j = (struct auth_job *)base;

	const struct vx_auth_claim claim = { .address = j->address,
		.login = vx_buf_slice(&j->user),
		.password = vx_buf_slice(&j->password),
		.proof = j->proof };

	j->result = vx_auth_claim(j->auth, &claim, &j->who, &j->why);
}

static void auth_free(struct auth_job *j)
{
	vx_buf_wipe(&j->user);
	vx_buf_wipe(&j->password);
	vx_free(j);
}

static struct own_login login_of(const struct smtp_session *s)
{
	return (struct own_login){ .log = s->service->o.log,
		.auth = s->service->o.auth,
		.protocol = "smtp",
		.address = s->peer.address };
}

static void log_login(const struct smtp_session *s, vx_slice user, const char *why)
{
	const struct own_login l = login_of(s);

	vx_own_login_log(&l, user, why);
}

static void refuse_login(
    const struct smtp_session *s, vx_slice user, enum vx_auth_reason reason)
{
	const struct own_login l = login_of(s);

	vx_own_login_refuse(&l, user, reason);
}

static void auth_done(struct vx_job *base)
{
	struct auth_job *j = (struct auth_job *)base;
	struct smtp_session *s = j->session;

	if (s != NULL) {
		s->auth = NULL;
		s->auth_result = j->result;
		s->who = j->who;
		log_login(s, vx_buf_slice(&j->user),
		    j->result == VX_OK      ? NULL
		    : j->result == VX_EAUTH ? vx_auth_reason_word(j->why)
					    : vx_strerror(j->result));
		s->answer = ANSWER_AUTH;
		s->base.host->wake(s->base.host);
	}
	auth_free(j);
}

static void begin_auth(
    struct smtp_session *s, const struct vx_smtp_event *ev, struct vx_buf *out)
{
	struct auth_job *j;

	if (vx_auth_delay_s(s->service->o.auth, s->peer.address, ev->user) > 0) {
		refuse_login(s, ev->user, VX_AUTH_THROTTLED);
		vx_smtp_server_answer(s->core, out, 454, "4.7.0",
		    "too many wrong passwords: wait and try again");
		return;
	}
	j = vx_alloc(sizeof(*j));
	if (j == NULL) {
		vx_smtp_server_answer(s->core, out, 454, "4.7.0", "try again later");
		return;
	}
	j->job.run = auth_run;
	j->job.done = auth_done;
	j->session = s;
	j->auth = s->service->o.auth;
	memcpy(j->address, s->peer.address, sizeof(j->address));
	vx_buf_init(&j->user, 1024);
	vx_buf_init(&j->password, 1024);
	vx_buf_add(&j->user, ev->user);
	vx_buf_add(&j->password, ev->password);
	j->proof = ev->proof;
	if (s->base.host->loop->submit(s->base.host->loop, &j->job) != VX_OK) {
		auth_free(j);
		vx_smtp_server_answer(
		    s->core, out, 454, "4.7.0", "busy: try again later");
		return;
	}
	s->auth = j;
}

static void give_keys(
    struct smtp_session *s, const struct vx_smtp_event *ev, struct vx_buf *out)
{
	struct vx_credential keys;
	const bool found = vx_auth_keys(s->service->o.auth, ev->user, &keys) == VX_OK;

	vx_smtp_server_keys(s->core, out, found ? &keys : NULL);
	vx_wipe(&keys, sizeof(keys));
}

/* --- MAIL, RCPT ------------------------------------------------------------------ */

static vx_slice domain_of(vx_slice address)
{
	return vx_slice_from(address, vx_slice_rfind(address, '@') + 1);
}

/* The login's domain is at hand, and is the path's almost always. */
static enum smtp_may may_send_from(
    struct vx_view *v, const struct vx_domain *d, vx_slice path, struct vx_buf *which)
{
	const vx_slice of_path = domain_of(path);

	if (d->status != VX_DOMAIN_VERIFIED) {
		vx_buf_reset(which);
		vx_buf_add(which, d->name);
		return SMTP_UNVERIFIED;
	}
	if (path.len == 0 || vx_slice_eq_nocase(of_path, d->name))
		return SMTP_MAY;
	return vx_smtp_is_unverified(v, of_path, which) ? SMTP_UNVERIFIED : SMTP_MAY;
}

static enum smtp_may may_send_as(
    struct smtp_session *s, struct vx_view *v, vx_slice path, struct vx_buf *which)
{
	struct vx_account a;
	struct vx_domain d;

	if (vx_directory_account_by_id(v, s->who.account, &a) != VX_OK ||
	    (a.flags & VX_ACCOUNT_INACTIVE) != 0)
		return SMTP_NOT_HIS;
	if (vx_directory_domain(v, domain_of(a.login), &d) != VX_OK ||
	    (d.flags & VX_DOMAIN_INACTIVE) != 0)
		return SMTP_NOT_HIS;
	if ((a.flags & VX_ACCOUNT_NO_SENDING) != 0)
		return SMTP_SUSPENDED;
	if (path.len == 0 || (d.flags & VX_DOMAIN_ANY_SENDER) != 0 ||
	    vx_directory_may_send_as(v, &a, path, s->service->o.delimiter))
		return may_send_from(v, &d, path, which);
	return SMTP_NOT_HIS;
}

/*
 * As the directory is now, whatever it was at the login.  A null reverse-path is
 * everybody's: notices that a message was read have to be sent with it (RFC 8098 2.1).
 */
enum smtp_may vx_smtp_may_send_as(
    struct smtp_session *s, vx_slice path, struct vx_buf *which)
{
	enum smtp_may may = SMTP_NOT_HIS;
	struct vx_view *v;

	if (vx_view_begin(s->service->o.store, &v) != VX_OK)
		return SMTP_NOT_HIS;
	may = may_send_as(s, v, path, which);
	vx_view_end(v);
	return may;
}

/* "joe"@ and joe@ are one address (RFC 5321 4.1.2): without the quotes, in buf. */
static vx_slice canonical(vx_slice path, struct vx_buf *buf)
{
	const size_t at = vx_slice_rfind(path, '@');

	if (!vx_slice_has_prefix(path, VX_S("\"")))
		return path;
	for (size_t i = 1; i + 1 < at; i++) {
		i += path.ptr[i] == '\\';
		vx_buf_add_char(buf, path.ptr[i]);
	}
	vx_buf_add(buf, vx_slice_from(path, at));
	return vx_buf_slice(buf);
}

static void refuse_sender(struct smtp_session *s, vx_slice path, enum smtp_may may,
    const struct vx_buf *which, struct vx_buf *out)
{
	const bool suspended = may == SMTP_SUSPENDED, unverified = may == SMTP_UNVERIFIED;
	char reason[VX_SMTP_UNVERIFIED_MAX];

	if (unverified)
		vx_smtp_unverified_reason(which, reason);
	vx_smtp_refused(s, path, vx_slice_of("", 0),
	    unverified  ? reason
	    : suspended ? "sending is suspended"
			: "not the login's address",
	    NULL);
	if (suspended)
		vx_auth_note(s->service->o.auth, VX_AUTH_SUSPENDED, s->peer.address,
		    vx_slice_str(s->who.login));
	if (suspended)
		vx_smtp_limit_reason(s, reason, sizeof(reason));
	if (suspended || unverified)
		vx_smtp_server_answer(s->core, out, 550, "5.7.1", reason);
	else
		vx_smtp_server_answer(s->core, out, 553, "5.7.1",
		    "this login may not send as that address");
}

/* Has this network done it too often in this minute? */
static bool is_too_often(struct smtp_session *s, enum own_rate rate, uint32_t max)
{
	const int64_t now = s->base.host->loop->now_s(s->base.host->loop);

	return max > 0 && s->role == VX_SMTP_MX && !s->trusted &&
	       s->service->rates != NULL &&
	       vx_own_rates_count(s->service->rates, rate, &s->network, now) > max;
}

/* By the operator: text is its reason, for people here. */
static bool is_blocked(struct smtp_session *s, char text[VX_BLOCK_REASON_MAX + 64])
{
	struct vx_block b;
	struct vx_view *v;
	struct vx_network address;
	bool exact, blocked;

	if (vx_network_parse(vx_slice_str(s->peer.address), &address, &exact) != VX_OK ||
	    vx_view_begin(s->service->o.store, &v) != VX_OK)
		return false;
	blocked = vx_block_find(v, &address, &b) == VX_OK;
	if (blocked)
		(void)snprintf(text, VX_BLOCK_REASON_MAX + 64, SMTP_SAYS_BLOCKED "%s%.*s",
		    b.reason.len > 0 ? ": " : "", (int)b.reason.len,
		    b.reason.len > 0 ? b.reason.ptr : "");
	vx_view_end(v);
	return blocked;
}

/* Before a server may say whom it writes to.  False: it was told that it may not. */
static bool may_write(struct smtp_session *s, vx_slice path, struct vx_buf *out)
{
	char reason[VX_BLOCK_REASON_MAX + 64];

	if (s->role != VX_SMTP_MX || s->trusted)
		return true;
	if (is_blocked(s, reason)) {
		vx_smtp_refused(s, path, vx_slice_of("", 0), reason, NULL);
		vx_smtp_server_answer(s->core, out, 554, "5.7.1",
		    "mail from your network is not taken here");
		return false;
	}
	if (is_too_often(s, OWN_RATE_MESSAGES, s->service->o.messages_minute)) {
		vx_smtp_refused(s, path, vx_slice_of("", 0),
		    SMTP_SAYS_MESSAGES "this network in this minute", NULL);
		vx_smtp_server_answer(s->core, out, 450, "4.7.1",
		    SMTP_SAYS_MESSAGES "your network: try again later");
		return false;
	}
	return true;
}

static int begin_transaction(struct smtp_session *s, const struct vx_smtp_event *ev)
{
	int rc = vx_smtp_txn_new(s, ev, &s->txn);

	if (rc == VX_OK && s->role == VX_SMTP_MX && s->service->o.verify && !s->trusted)
		rc = vx_smtp_receive_begin(s, s->txn);
	if (rc != VX_OK) {
		vx_smtp_txn_free(s->txn);
		s->txn = NULL;
	}
	return rc;
}

static void mail(
    struct smtp_session *s, const struct vx_smtp_event *ev, struct vx_buf *out)
{
	struct vx_buf buf = { .max = VX_SMTP_PATH_MAX },
		      which = { .max = VX_DNS_NAME_MAX };
	enum smtp_may may = SMTP_MAY;

	if (s->role == VX_SMTP_SUBMISSION)
		may = vx_smtp_may_send_as(s, canonical(ev->path, &buf), &which);
	vx_buf_done(&buf);
	vx_smtp_txn_free(s->txn);
	s->txn = NULL;
	if (may != SMTP_MAY)
		refuse_sender(s, ev->path, may, &which, out);
	vx_buf_done(&which);
	if (may != SMTP_MAY || !may_write(s, ev->path, out))
		return;
	if (begin_transaction(s, ev) != VX_OK)
		vx_smtp_server_answer(s->core, out, 451, "4.3.0", "try again later");
	else
		vx_smtp_server_answer(s->core, out, 250, "2.1.0", "ok");
}

static struct smtp_reply judge(struct smtp_session *s, const struct vx_resolved *r)
{
	switch (r->kind) {
	case VX_RESOLVED_FOREIGN:
		if (s->role == VX_SMTP_SUBMISSION)
			break;
		return (struct smtp_reply){ 550, "5.7.1",
			r->away ? SMTP_SAYS_AWAY : SMTP_SAYS_RELAYING };
	case VX_RESOLVED_CLOSED:
		return (struct smtp_reply){ 550, "5.7.1", SMTP_SAYS_CLOSED };
	case VX_RESOLVED_UNKNOWN:
		return (struct smtp_reply){ 550, "5.1.1", SMTP_SAYS_UNKNOWN };
	case VX_RESOLVED_DISABLED:
		return (struct smtp_reply){ 550, "5.2.1", "this mailbox is disabled" };
	case VX_RESOLVED_LOCAL:
		break;
	}
	return (struct smtp_reply){ 250, "2.1.5", "ok" };
}

/* What speaks against one message more, of that size if it is known (RFC 1870 6.2)? */
static struct smtp_reply room(struct vx_view *v, uint32_t account, uint64_t size)
{
	struct vx_quota q;

	if (vx_quota_get(v, account, &q) != VX_OK)
		return (
		    struct smtp_reply){ 451, "4.3.0", "the mailbox cannot be read now" };
	if (q.limit_octets > 0 && size > q.limit_octets)
		return (struct smtp_reply){ 552, "5.2.3",
			"the message is larger than the mailbox may be" };
	if ((q.limit_octets > 0 && (q.used_octets >= q.limit_octets ||
				       size > q.limit_octets - q.used_octets)) ||
	    (q.limit_messages > 0 && q.used_messages >= q.limit_messages))
		return (struct smtp_reply){ 452, "4.2.2", "the mailbox is full" };
	return (struct smtp_reply){ 250, "2.1.5", "ok" };
}

/*
 * Those that an alias names have to have room, all of them; in a group those that have
 * none are passed over, if others have.
 */
static struct smtp_reply rooms(struct vx_view *v, struct vx_resolved *r, uint64_t size)
{
	struct smtp_reply verdict = { 250, "2.1.5", "ok" }, full = verdict;
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (r->targets[i].account != 0)
			verdict = room(v, r->targets[i].account, size);
		if (verdict.code != 250 && !r->group)
			return verdict;
		if (verdict.code == 250)
			r->targets[kept++] = r->targets[i];
		else
			full = verdict;
	}
	r->count = kept;
	return kept == 0 ? full : (struct smtp_reply){ 250, "2.1.5", "ok" };
}

static struct smtp_reply may_post(
    struct smtp_session *s, struct vx_view *v, vx_slice list)
{
	const char *why;
	const int rc = vx_smtp_list_refuses(s, v, list, &why);

	if (rc != VX_OK)
		return (struct smtp_reply){ 451, "4.3.0", "the list cannot be read now" };
	if (why != NULL)
		return (struct smtp_reply){ 550, "5.7.1", why };
	return (struct smtp_reply){ 250, "2.1.5", "ok" };
}

/* <postmaster> without a domain is ours (RFC 5321 4.5.1). */
static vx_slice with_domain(
    struct smtp_session *s, vx_slice path, struct vx_view *v, struct vx_buf *buf)
{
	struct vx_domain d;

	if (vx_slice_find(path, '@') < path.len)
		return canonical(path, buf);
	vx_buf_add_str(buf, "postmaster@");
	if (vx_directory_host_domain(v, vx_slice_str(s->service->o.hostname), &d) ==
	    VX_OK)
		vx_buf_add(buf, d.name);
	return vx_buf_slice(buf);
}

/* Longer than any of our addresses, but of our domain: nobody has it. */
static bool is_ours(struct vx_view *v, vx_slice address)
{
	struct vx_domain d;

	return vx_directory_domain(v,
		   vx_slice_from(address, vx_slice_rfind(address, '@') + 1), &d) == VX_OK;
}

/* Somebody elsewhere to whom the sender writes himself. */
static int queue_own(
    struct smtp_txn *t, vx_slice path, const struct vx_smtp_params *params)
{
	int rc = vx_smtp_queue_to(t, path, vx_slice_of("", 0), params);

	if (rc == VX_OK)
		rc = vx_smtp_txn_note_recipient(t, path);
	t->recipients += rc == VX_OK;
	return rc;
}

/* The mailboxes that it is for, or the queue. */
static struct smtp_reply add_recipient(
    struct smtp_session *s, const struct vx_smtp_event *ev, const struct vx_resolved *r)
{
	bool here = s->txn->report;
	int rc;

	for (size_t i = 0; r->kind == VX_RESOLVED_LOCAL && i < r->count; i++)
		here = here || r->targets[i].account != 0;
	if (here && s->txn->release > 0) /* a mailbox has what it has at once */
		return (struct smtp_reply){ 550, "5.3.3",
			"what is held cannot be for a mailbox of this server" };
	rc = r->kind == VX_RESOLVED_FOREIGN
		 ? queue_own(s->txn, ev->path, &ev->params)
		 : vx_smtp_txn_add(s->txn, ev->path, r, &ev->params);

	if (rc == VX_EINVAL)
		return (struct smtp_reply){ 550, "5.1.2", "there is no such domain" };
	if (rc != VX_OK)
		return (struct smtp_reply){ 452, "4.5.3", "too many recipients" };
	return (struct smtp_reply){ 250, "2.1.5", "ok" };
}

/* Reports are read and counted, whether a mailbox has them or not. */
static void see_report_address(
    struct smtp_session *s, struct vx_view *v, vx_slice address, struct vx_resolved *r)
{
	const struct vx_smtp_service_options *o = &s->service->o;
	const struct own_report_addresses list = { o->dmarc_address, o->tls_address };

	if (r->kind != VX_RESOLVED_LOCAL && r->kind != VX_RESOLVED_UNKNOWN)
		return;
	if (!vx_own_is_report_address(v, &list, o->delimiter, address))
		return;
	s->txn->report = true;
	r->kind = VX_RESOLVED_LOCAL; /* without a mailbox there are no targets */
}

static struct smtp_reply resolve(
    struct smtp_session *s, const struct vx_smtp_event *ev, struct vx_view *v)
{
	struct vx_buf buf = { .max = VX_SMTP_PATH_MAX };
	const vx_slice address = with_domain(s, ev->path, v, &buf);
	struct smtp_reply verdict = { 451, "4.3.0", "the directory cannot be read now" };
	struct vx_resolved r;

	if (vx_directory_resolve(
		v, address, s->service->o.delimiter, &s->txn->arena, &r) == VX_OK) {
		if (r.kind == VX_RESOLVED_FOREIGN && !r.away && is_ours(v, address))
			r.kind = VX_RESOLVED_UNKNOWN;
		see_report_address(s, v, address, &r);
		verdict = judge(s, &r);
	}
	vx_buf_done(&buf);
	if (verdict.code == 250)
		verdict = r.list != 0 ? may_post(s, v, r.targets[0].address)
				      : rooms(v, &r, s->txn->size);
	if (verdict.code == 250)
		vx_smtp_greylist(s, v, ev->path, &verdict);
	return verdict.code == 250 ? add_recipient(s, ev, &r) : verdict;
}

static vx_slice sender_of(const struct smtp_session *s)
{
	return s->txn == NULL ? vx_slice_of("", 0) : vx_buf_slice(&s->txn->sender);
}

/*
 * A bounce of what we forwarded goes back to where that came from.  Other mail to such an
 * address is refused: nobody writes to it.
 */
static struct smtp_reply resolve_bounce(
    struct smtp_session *s, const struct vx_smtp_event *ev, struct vx_view *v)
{
	struct vx_buf path = { .max = VX_SMTP_PATH_MAX };
	struct vx_smtp_event back = *ev;
	struct smtp_reply verdict = { 550, "5.1.1", SMTP_SAYS_UNKNOWN };
	struct vx_resolved r;

	if (s->txn->sender.len == 0 && vx_own_srs_reverse(s->service->o.store,
					   s->base.host->loop->now_s(s->base.host->loop),
					   ev->path, &path) == VX_OK) {
		back.path = vx_buf_slice(&path);
		verdict = (struct smtp_reply){ 451, "4.3.0",
			"the directory cannot be read now" };
		if (vx_arena_copy(&s->txn->arena, ev->path, &s->txn->rewritten) ==
			VX_OK &&
		    vx_own_bounce_goes(v, back.path, s->service->o.delimiter,
			&s->txn->arena, &back.path, &r) == VX_OK)
			verdict =
			    r.kind == VX_RESOLVED_FOREIGN || r.kind == VX_RESOLVED_LOCAL
				? add_recipient(s, &back, &r)
				: judge(s, &r);
	}
	vx_buf_done(&path);
	return verdict;
}

static struct smtp_reply look_up(struct smtp_session *s, const struct vx_smtp_event *ev)
{
	struct smtp_reply verdict = { 451, "4.3.0", "try again later" };
	struct vx_view *v;

	if (vx_view_begin(s->service->o.store, &v) != VX_OK)
		return verdict;
	verdict = resolve(s, ev, v);
	if (verdict.code == 550 && vx_srs_is_rewritten(ev->path) && is_ours(v, ev->path))
		verdict = resolve_bounce(s, ev, v);
	vx_view_end(v);
	return verdict;
}

static void rcpt(
    struct smtp_session *s, const struct vx_smtp_event *ev, struct vx_buf *out)
{
	struct smtp_reply verdict = { 451, "4.3.0", "try again later" };

	if (!vx_smtp_receive_ready(s)) {
		s->rcpt_waits = true;
		s->txn->rcpt = *ev;
		return;
	}
	if (s->txn != NULL) {
		verdict = vx_smtp_receive_recipient(s, ev->path);
		if (verdict.code != 0) { /* it was noted */
			vx_smtp_server_answer(
			    s->core, out, verdict.code, verdict.enhanced, verdict.text);
			return;
		}
		verdict = vx_smtp_limit_recipient(s);
		if (is_too_often(s, OWN_RATE_RECIPIENTS, s->service->o.recipients_minute))
			verdict = (struct smtp_reply){ 450, "4.7.1",
				SMTP_SAYS_RECIPIENTS "your network: try again later" };
		if (verdict.code == 0)
			verdict = look_up(s, ev);
	}
	if (verdict.code != 250)
		vx_smtp_refused(s, sender_of(s), ev->path, verdict.text,
		    s->txn == NULL ? NULL : &s->txn->notes);
	vx_smtp_server_answer(s->core, out, verdict.code, verdict.enhanced, verdict.text);
}

/* --- the session ----------------------------------------------------------------- */

static void give_answer(struct smtp_session *s, struct vx_buf *out)
{
	const enum smtp_answer answer = s->answer;

	s->answer = ANSWER_NONE;
	if (answer == ANSWER_AUTH && s->auth_result == VX_OK)
		vx_smtp_server_answer(s->core, out, 235, "2.7.0", "welcome");
	else if (answer == ANSWER_AUTH)
		vx_smtp_server_answer(s->core, out,
		    s->auth_result == VX_EAUTH ? 535 : 454,
		    s->auth_result == VX_EAUTH ? "5.7.8" : "4.7.0",
		    s->auth_result == VX_EAUTH ? "user or password is wrong"
					       : "try again later");
	else if (answer == ANSWER_RCPT) {
		s->rcpt_waits = false;
		rcpt(s, &s->txn->rcpt, out);
	} else if (answer == ANSWER_CHECKED)
		vx_smtp_answer_checked(s, out);
	else if (answer == ANSWER_END)
		vx_smtp_answer_end(s, out);
}

static void begin_message(struct smtp_session *s, struct vx_buf *out)
{
	const int rc = vx_smtp_txn_begin(s);

	if (rc == VX_OK) {
		vx_smtp_server_answer(s->core, out, 354, "", "end with CR LF . CR LF");
		return;
	}
	vx_log(s->service->o.log, VX_LOG_ERROR, "message not begun", VX_KV_ERR(rc));
	vx_smtp_answer_failure(s, out, rc);
	vx_smtp_txn_free(s->txn); /* the core has ended the transaction, too */
	s->txn = NULL;
}

/* The core refused something by itself, or the client gave up (reason is NULL). */
static void log_reason(struct smtp_session *s, const char *reason)
{
	if (reason != NULL)
		vx_smtp_refused(s, sender_of(s),
		    s->txn == NULL ? vx_slice_of("", 0) : s->txn->recipient, reason,
		    s->txn == NULL ? NULL : &s->txn->notes);
}

/* VX_OK: go on; VX_WAIT: an answer is awaited. */
static int handle(
    struct smtp_session *s, const struct vx_smtp_event *ev, struct vx_buf *out)
{
	switch (ev->type) {
	case VX_SMTP_STARTTLS:
		vx_smtp_server_answer(s->core, out, 220, "2.0.0", "go ahead");
		break;
	case VX_SMTP_KEYS:
		give_keys(s, ev, out);
		break;
	case VX_SMTP_AUTH:
		begin_auth(s, ev, out);
		break;
	case VX_SMTP_MAIL:
		mail(s, ev, out);
		break;
	case VX_SMTP_RCPT:
		rcpt(s, ev, out);
		break;
	case VX_SMTP_DATA:
		begin_message(s, out);
		break;
	case VX_SMTP_CONTENT:
		return vx_smtp_txn_content(s, ev->octets);
	case VX_SMTP_END:
		vx_smtp_txn_end(s, out);
		break;
	case VX_SMTP_RESET:
		log_reason(s, ev->reason);
		vx_smtp_txn_free(s->txn);
		s->txn = NULL;
		break;
	case VX_SMTP_REFUSED:
		if (ev->no_tls)
			refuse_login(s, ev->user, VX_AUTH_NO_TLS);
		else
			log_reason(s, ev->reason);
		break;
	}
	return VX_OK;
}

/* --- how fast the client is -------------------------------------------------------- */

static uint64_t now_ms(const struct smtp_session *s)
{
	return s->base.host->loop->now_ms(s->base.host->loop);
}

/* What we took counts for nothing. */
static void note_begin(struct smtp_session *s)
{
	if (s->waits_ms != 0)
		s->begun_ms += now_ms(s) - s->waits_ms;
	s->waits_ms = 0;
}

static void note_end(struct smtp_session *s, size_t taken, bool answered, int rc)
{
	const bool in_message = vx_smtp_server_in_data(s->core);

	if (in_message != s->in_message || (!in_message && answered)) {
		s->in_message = in_message;
		s->begun_ms = now_ms(s);
		s->octets = 0;
	} else {
		s->octets += taken;
	}
	if (rc == VX_WAIT)
		s->waits_ms = now_ms(s);
}

static bool is_too_slow(const struct smtp_session *s, uint64_t patience_ms)
{
	const uint64_t rate = s->service->o.rate_min, spent = now_ms(s) - s->begun_ms;

	if (!s->in_message)
		return spent > patience_ms;
	return rate > 0 && spent > patience_ms + s->octets * 1000 / rate;
}

static int step(struct smtp_session *s, vx_slice *in, struct vx_buf *out)
{
	struct vx_smtp_event ev;
	int rc = VX_OK;

	if (s->content_waits)
		return VX_WAIT;
	if (s->hasty) {
		s->hasty = false;
		vx_smtp_server_close(s->core, out,
		    "4.7.0 too many connections from your network: try again later");
	}
	while (rc == VX_OK) {
		if (s->answer != ANSWER_NONE)
			give_answer(s, out);
		if (out->len >= VX_SESSION_HIGH_WATER)
			return VX_DATA;
		rc = vx_smtp_server_next(s->core, in, out, &ev);
		if (rc == VX_DATA)
			rc = handle(s, &ev, out);
	}
	return rc;
}

static int drive(struct vx_session *base, vx_slice *in, struct vx_buf *out)
{
	struct smtp_session *s = session_of(base);
	const size_t before = in->len, said = out->len;
	int rc;

	note_begin(s);
	rc = step(s, in, out);
	note_end(s, before - in->len, out->len > said, rc);
	return rc;
}

static void tls_ready(struct vx_session *base, const struct vx_session_tls *tls)
{
	struct smtp_session *s = session_of(base);

	s->tls = true;
	(void)snprintf(s->tls_version, sizeof(s->tls_version), "%.*s",
	    (int)tls->version.len, tls->version.ptr);
	(void)snprintf(s->tls_cipher, sizeof(s->tls_cipher), "%.*s", (int)tls->cipher.len,
	    tls->cipher.ptr);
	vx_smtp_server_tls_ready(s->core, tls->exporter);
	s->begun_ms = now_ms(s);
}

static uint64_t patience_ms(const struct vx_session *base)
{
	const struct smtp_session *s = (const struct smtp_session *)base;
	uint64_t patience = s->service->o.idle_s * 1000;
	bool extended;

	if (vx_smtp_server_helo(s->core, &extended).len == 0 ||
	    (s->role == VX_SMTP_SUBMISSION && !vx_smtp_server_authenticated(s->core)))
		patience = s->service->o.login_s * 1000;
	return is_too_slow(s, patience) ? 0 : patience;
}

static void timeout(struct vx_session *base, struct vx_buf *out)
{
	vx_smtp_server_close(session_of(base)->core, out, "4.4.2 timed out");
}

static void stop(struct vx_session *base, struct vx_buf *out)
{
	vx_smtp_server_close(session_of(base)->core, out, "4.3.2 the server stops");
}

static void free_session(struct vx_session *base)
{
	struct smtp_session *s = session_of(base);

	if (s->auth != NULL)
		s->auth->session = NULL;
	vx_smtp_txn_free(s->txn);
	vx_smtp_peer_check_free(s->peer_check);
	vx_smtp_peer_free(s->found);
	vx_smtp_server_free(s->core);
	vx_free(s);
}

static const struct vx_session_ops ops = {
	.drive = drive,
	.tls_ready = tls_ready,
	.patience_ms = patience_ms,
	.timeout = timeout,
	.stop = stop,
	.free = free_session,
};

/* Whose client it is, and whether it came too often. */
static void see_peer(struct smtp_session *s)
{
	const struct vx_smtp_service_options *o = &s->service->o;
	struct vx_network address;
	bool exact;

	if (vx_network_parse(vx_slice_str(s->peer.address), &address, &exact) != VX_OK)
		return;
	for (size_t i = 0; i < o->trusted_count; i++)
		s->trusted = s->trusted || vx_network_has(&o->trusted[i], &address);
	s->network = vx_network_owner(&address);
	s->hasty = is_too_often(s, OWN_RATE_CONNECTIONS, o->connections_minute);
	if (s->hasty)
		vx_log(o->log, VX_LOG_INFO, "too many connections",
		    VX_KV_Z("ip", s->peer.address));
}

int vx_smtp_session_new(struct vx_smtp_service *service, enum vx_smtp_role role,
    const struct vx_peer *peer, struct vx_session_host *host, struct vx_session **out)
{
	struct smtp_session *s = vx_alloc(sizeof(*s));
	const struct vx_smtp_server_options o = { .struct_size = sizeof(o),
		.role = role,
		.hostname = vx_slice_str(service->o.hostname),
		.banner = vx_slice_str(service->o.banner),
		.message_octets_max =
		    role == VX_SMTP_SUBMISSION && service->o.submission_octets_max > 0
			? service->o.submission_octets_max
			: service->o.message_octets_max,
		.recipients_max = service->o.recipients_max,
		.hold_max_s = service->o.hold_max_s,
		.hold_until_max =
		    host->loop->now_s(host->loop) + (int64_t)service->o.hold_max_s,
		.tls = peer->implicit_tls };
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	rc = vx_smtp_server_new(&o, &s->core);
	if (rc != VX_OK) {
		vx_free(s);
		return rc;
	}
	s->base = (struct vx_session){ .ops = &ops, .host = host };
	s->service = service;
	s->role = role;
	s->peer = *peer;
	s->begun_ms = now_ms(s);
	see_peer(s);
	*out = &s->base;
	return VX_OK;
}
