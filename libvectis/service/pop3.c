#include "vectis/pop3_service.h"

#include "base/mem.h"
#include "service/own_login.h"
#include "service/pop3_int.h"

#include <unistd.h>

int vx_pop3_service_new(
    const struct vx_pop3_service_options *o, struct vx_pop3_service **out)
{
	struct vx_pop3_service *s = vx_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->o = *o;
	*out = s;
	return VX_OK;
}

void vx_pop3_service_free(struct vx_pop3_service *s)
{
	vx_free(s);
}

static struct pop3_session *session_of(struct vx_session *base)
{
	return (struct pop3_session *)base;
}

/* --- answers that came ----------------------------------------------------------- */

static struct own_login login_of(const struct pop3_session *s)
{
	return (struct own_login){ .log = s->service->o.log,
		.auth = s->service->o.auth,
		.protocol = "pop3",
		.address = s->peer.address };
}

static void log_refused(const struct pop3_session *s, vx_slice user, const char *why)
{
	const struct own_login l = login_of(s);

	vx_own_login_log(&l, user, why);
}

static void refuse_login(
    const struct pop3_session *s, vx_slice user, enum vx_auth_reason reason)
{
	const struct own_login l = login_of(s);

	vx_own_login_refuse(&l, user, reason);
}

static void log_login(const struct pop3_session *s, const struct pop3_login *l)
{
	static const char *const reasons[] = {
		[VX_POP3_LOGIN_IN_USE] = "in use by another session",
		[VX_POP3_LOGIN_TEMP] = "the mailbox cannot be opened",
	};

	if (l->result == VX_POP3_LOGIN_OK)
		vx_log(s->service->o.log, VX_LOG_INFO, "login",
		    VX_KV_Z("user", l->who.login), VX_KV_Z("ip", s->peer.address),
		    VX_KV_Z("protocol", "pop3"), VX_KV_U("messages", l->drop.count));
	else if (l->result == VX_POP3_LOGIN_WRONG)
		log_refused(s, vx_buf_slice(&l->user), vx_auth_reason_word(l->why));
	else
		log_refused(s, vx_buf_slice(&l->user),
		    l->result == VX_POP3_LOGIN_DISABLED
			? vx_auth_reason_word(VX_AUTH_POP3_OFF)
			: reasons[l->result]);
}

static void answer_login(struct pop3_session *s, struct vx_buf *out)
{
	struct pop3_login *l = s->login;

	s->login = NULL;
	log_login(s, l);
	if (l->result == VX_POP3_LOGIN_OK) {
		s->account = l->who.account;
		s->mailbox = l->mailbox;
		s->lock_fd = l->lock_fd;
		s->drop = l->drop;
		l->lock_fd = -1;
		l->drop.messages = NULL;
	}
	vx_pop3_server_login(s->core, out, l->result, &s->drop);
	vx_pop3_login_free(l);
}

static void give_answer(struct pop3_session *s, struct vx_buf *out)
{
	const enum pop3_answer answer = s->answer;

	s->answer = POP3_NOTHING;
	if (answer == POP3_LOGIN)
		answer_login(s, out);
	else if (answer == POP3_COMMIT)
		vx_pop3_server_commit(s->core, out, s->commit_result);
}

/* --- a message ------------------------------------------------------------------- */

static void end_surrogate(struct pop3_session *s)
{
	vx_pop3_surrogate_free(s->surrogate);
	s->surrogate = NULL;
}

/* The record is looked up now: it may have gone since the login. */
static int open_message(struct pop3_session *s, uint32_t uid)
{
	const struct vx_record_query q = { .account = s->account,
		.mailbox = s->mailbox,
		.first_uid = uid,
		.last_uid = uid };
	struct vx_record r;
	struct vx_view *v;
	uint32_t next;
	size_t n = 0;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_records_read(v, &q, &r, 1, &n, &next);
	if (rc == VX_OK && n == 0)
		rc = VX_ENOENT;
	if (rc == VX_OK && !vx_pop3_server_utf8(s->core))
		rc = vx_pop3_surrogate_new(v, r.blob, &s->surrogate);
	vx_view_end(v);
	if (rc == VX_OK)
		rc = vx_blob_open(s->service->o.store, r.blob, &s->reader);
	if (rc != VX_OK)
		end_surrogate(s);
	return rc;
}

static void retrieve(struct pop3_session *s, size_t index, struct vx_buf *out)
{
	const int rc = open_message(s, s->drop.messages[index].uid);

	s->offset = 0;
	s->fetch_result = VX_OK;
	if (rc == VX_OK)
		s->retrieved++;
	else
		vx_log(s->service->o.log, rc == VX_ENOENT ? VX_LOG_INFO : VX_LOG_ERROR,
		    "message not read", VX_KV_U("account", s->account),
		    VX_KV_U("uid", s->drop.messages[index].uid), VX_KV_ERR(rc));
	vx_pop3_server_retrieve(s->core, out, rc);
}

static void end_message(struct pop3_session *s, struct vx_buf *out)
{
	vx_blob_close(s->reader);
	s->reader = NULL;
	end_surrogate(s);
	vx_pop3_server_body_end(s->core, out);
}

/* The next octets to be sent; none: they were the last.  VX_WAIT: they are not here yet.
 */
static int next_octets(struct pop3_session *s, vx_slice *out)
{
	size_t taken;
	vx_slice piece;
	int rc;

	do {
		if (s->surrogate != NULL && vx_pop3_surrogate_ready(s->surrogate, out))
			return VX_OK;
		rc = vx_blob_read(s->reader, s->offset, POP3_PIECE, &piece);
		if (rc != VX_OK)
			return rc;
		taken = piece.len;
		*out = piece;
		if (s->surrogate != NULL)
			rc = vx_pop3_surrogate_take(
			    s->surrogate, s->offset, piece, &taken, out);
		s->offset += taken;
	} while (rc == VX_OK && out->len == 0 && taken > 0);
	return rc;
}

/*
 * Send of the message what there is room for.  VX_OK: all of it; VX_DATA; VX_WAIT; below
 * 0: it cannot be finished, and only closing the connection says so.
 */
static int send_message(struct pop3_session *s, struct vx_buf *out)
{
	vx_slice piece;
	int rc = s->fetch_result;

	while (rc == VX_OK) {
		if (out->len >= VX_SESSION_HIGH_WATER)
			return VX_DATA;
		rc = next_octets(s, &piece);
		if (rc == VX_WAIT) {
			rc = vx_pop3_fetch_begin(s);
			return rc == VX_OK ? VX_WAIT : rc;
		}
		if (rc != VX_OK)
			break;
		if (piece.len == 0 ||
		    vx_pop3_server_body(s->core, piece, out) == VX_DONE) {
			end_message(s, out);
			return VX_OK;
		}
	}
	vx_log(s->service->o.log, VX_LOG_ERROR, "message not read",
	    VX_KV_U("account", s->account), VX_KV_ERR(rc));
	return rc;
}

/* --- the session ----------------------------------------------------------------- */

static void give_keys(
    struct pop3_session *s, const struct vx_pop3_event *ev, struct vx_buf *out)
{
	struct vx_credential keys;
	const bool found = vx_auth_keys(s->service->o.auth, ev->user, &keys) == VX_OK;

	vx_pop3_server_keys(s->core, out, found ? &keys : NULL);
	vx_wipe(&keys, sizeof(keys));
}

/* VX_OK: go on; VX_WAIT: an answer is awaited. */
static int handle(
    struct pop3_session *s, const struct vx_pop3_event *ev, struct vx_buf *out)
{
	enum vx_pop3_login refusal;

	switch (ev->type) {
	case VX_POP3_KEYS:
		give_keys(s, ev, out);
		break;
	case VX_POP3_LOGIN:
		if (vx_pop3_login_begin(s, ev, &refusal) == VX_OK)
			return VX_WAIT;
		if (refusal == VX_POP3_LOGIN_SLOW)
			refuse_login(s, ev->user, VX_AUTH_THROTTLED);
		vx_pop3_server_login(s->core, out, refusal, NULL);
		break;
	case VX_POP3_RETRIEVE:
		retrieve(s, ev->index, out);
		break;
	case VX_POP3_COMMIT:
		if (vx_pop3_commit_begin(s) == VX_OK)
			return VX_WAIT;
		vx_pop3_server_commit(s->core, out, VX_ETEMP);
		break;
	case VX_POP3_NO_TLS:
		refuse_login(s, ev->user, VX_AUTH_NO_TLS);
		break;
	}
	return VX_OK;
}

static void unlock(struct pop3_session *s)
{
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
	s->lock_fd = -1;
}

static bool too_late(const struct pop3_session *s)
{
	struct vx_loop *loop = s->base.host->loop;

	return !vx_pop3_server_logged_in(s->core) &&
	       loop->now_ms(loop) - s->begun_ms > s->service->o.login_s * 1000;
}

static int drive(struct vx_session *base, vx_slice *in, struct vx_buf *out)
{
	struct pop3_session *s = session_of(base);
	struct vx_pop3_event ev;
	int rc = VX_OK;

	give_answer(s, out);
	if (s->login != NULL || s->fetch != NULL || s->commit != NULL)
		return VX_WAIT;
	if (too_late(s)) /* one octet a minute does not keep it open */
		return VX_DONE;
	while (rc == VX_OK) {
		if (out->len >= VX_SESSION_HIGH_WATER)
			return VX_DATA;
		if (s->reader != NULL) {
			rc = send_message(s, out);
			continue;
		}
		rc = vx_pop3_server_next(s->core, in, out, &ev);
		if (rc == VX_DATA)
			rc = handle(s, &ev, out);
	}
	if (rc == VX_DONE) /* who reads the last reply may log in again at once */
		unlock(s);
	return rc;
}

static void tls_ready(struct vx_session *base, const struct vx_session_tls *tls)
{
	vx_pop3_server_bind(session_of(base)->core, tls->exporter);
}

static uint64_t patience_ms(const struct vx_session *base)
{
	const struct pop3_session *s = (const struct pop3_session *)base;
	const struct vx_pop3_service_options *o = &s->service->o;

	return (vx_pop3_server_logged_in(s->core) ? o->idle_s : o->login_s) * 1000;
}

/* RFC 1939 3: no message is removed, and nothing is said. */
static void timeout(struct vx_session *base, struct vx_buf *out)
{
	(void)base;
	(void)out;
}

static void stop(struct vx_session *base, struct vx_buf *out)
{
	vx_pop3_server_close(session_of(base)->core, out);
}

static void free_session(struct vx_session *base)
{
	struct pop3_session *s = session_of(base);

	if (s->login != NULL && s->answer == POP3_LOGIN)
		vx_pop3_login_free(s->login);
	else if (s->login != NULL)
		s->login->session = NULL;
	if (s->commit != NULL)
		s->commit->session = NULL;
	if (s->fetch != NULL)
		s->fetch->session = NULL;
	else
		vx_blob_close(s->reader);
	if (s->account != 0)
		vx_log(s->service->o.log, VX_LOG_INFO, "session ended",
		    VX_KV_U("account", s->account), VX_KV_Z("protocol", "pop3"),
		    VX_KV_U("retrieved", s->retrieved), VX_KV_U("deleted", s->deleted));
	unlock(s);
	end_surrogate(s);
	vx_free(s->drop.messages);
	vx_pop3_server_free(s->core);
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

int vx_pop3_session_new(struct vx_pop3_service *service, const struct vx_peer *peer,
    struct vx_session_host *host, struct vx_session **out)
{
	struct pop3_session *s = vx_alloc(sizeof(*s));
	int rc;

	if (s == NULL)
		return VX_ENOMEM;
	rc = vx_pop3_server_new(peer->implicit_tls, &s->core);
	if (rc != VX_OK) {
		vx_free(s);
		return rc;
	}
	s->base = (struct vx_session){ .ops = &ops, .host = host };
	s->service = service;
	s->peer = *peer;
	s->begun_ms = host->loop->now_ms(host->loop);
	s->lock_fd = -1;
	*out = &s->base;
	return VX_OK;
}
