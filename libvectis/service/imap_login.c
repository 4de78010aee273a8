/* LOGIN and AUTHENTICATE. */
#include "base/encode.h"
#include "base/mem.h"
#include "service/imap_int.h"
#include "service/own_login.h"

struct login {
	struct vx_auth *auth;
	char address[48];
	struct vx_buf user, password;
	enum vx_sasl_proof proof;
	struct vx_auth_login who;
	enum vx_auth_reason why;
};

static void login_run(struct vx_job *job)
{
	struct imap_task *t = imap_task_of(job);
	struct login *l = t->data;

	const struct vx_auth_claim claim = { .address = l->address,
		.login = vx_buf_slice(&l->user),
		.password = vx_buf_slice(&l->password),
		.proof = l->proof };

	t->result = vx_auth_claim(l->auth, &claim, &l->who, &l->why);
}

static void login_release(struct imap_task *t)
{
	struct login *l = t->data;

	vx_buf_wipe(&l->user);
	vx_buf_wipe(&l->password);
	vx_free(l);
}

static struct own_login login_of(const struct imap_session *s)
{
	return (struct own_login){ .log = s->service->o.log,
		.auth = s->service->o.auth,
		.protocol = "imap",
		.address = s->peer.address };
}

static void log_login(const struct imap_session *s, vx_slice user, const char *why)
{
	const struct own_login l = login_of(s);

	vx_own_login_log(&l, user, why);
}

static void refuse_login(
    const struct imap_session *s, vx_slice user, enum vx_auth_reason reason)
{
	const struct own_login l = login_of(s);

	vx_own_login_refuse(&l, user, reason);
}

static int login_finish(struct imap_session *s, struct imap_task *t, struct vx_buf *out)
{
	const struct login *l = t->data;

	log_login(s, vx_buf_slice(&l->user),
	    t->result == VX_OK      ? NULL
	    : t->result == VX_EAUTH ? vx_auth_reason_word(l->why)
				    : vx_strerror(t->result));
	if (t->result == VX_ETEMP)
		return imap_no(s, out, "[UNAVAILABLE] try again later");
	if (t->result != VX_OK)
		return imap_no(
		    s, out, "[AUTHENTICATIONFAILED] user or password is wrong");
	s->who = l->who;
	s->state = IMAP_AUTH;
	s->frame.authenticated = true;
	vx_buf_add(out, s->tag);
	vx_buf_add_str(out, " OK [");
	imap_write_capability(s, out);
	vx_buf_add_str(out, "] welcome\r\n");
	return VX_OK;
}

static int begin_login(struct imap_session *s, vx_slice user, vx_slice password,
    enum vx_sasl_proof proof, struct vx_buf *out)
{
	struct imap_task *t;
	struct login *l;

	if (vx_auth_delay_s(s->service->o.auth, s->peer.address, user) > 0) {
		refuse_login(s, user, VX_AUTH_THROTTLED);
		return imap_no(
		    s, out, "[UNAVAILABLE] too many wrong passwords: wait and try again");
	}
	t = imap_task_new(s, login_finish);
	l = vx_alloc(sizeof(*l));
	if (t == NULL || l == NULL) {
		imap_task_free(t);
		vx_free(l);
		return imap_no(s, out, "[UNAVAILABLE] try again later");
	}
	l->auth = s->service->o.auth;
	memcpy(l->address, s->peer.address, sizeof(l->address));
	vx_buf_init(&l->user, 1024);
	vx_buf_init(&l->password, 1024);
	vx_buf_add(&l->user, user);
	vx_buf_add(&l->password, password);
	l->proof = proof;
	t->data = l;
	t->release = login_release;
	return imap_submit_job(s, t, out, login_run);
}

/* LOGINDISABLED is meant (RFC 9051 6.2.3): what was told in clear is not used. */
static int refuse_in_clear(struct imap_session *s, vx_slice user, struct vx_buf *out)
{
	refuse_login(s, user, VX_AUTH_NO_TLS);
	return imap_no(s, out, "[PRIVACYREQUIRED] TLS is required to log in");
}

int imap_cmd_login(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	vx_slice user, password;

	if (!vx_imap_sp(c) || !vx_imap_astring(c, &s->arena, &user) || !vx_imap_sp(c) ||
	    !vx_imap_astring(c, &s->arena, &password) || !vx_cur_end(c))
		return imap_bad(s, out, "LOGIN user password is expected");
	if (!s->secure)
		return refuse_in_clear(s, user, out);
	return begin_login(s, user, password, VX_SASL_PASSWORD, out);
}

static int challenge_client(
    struct imap_session *s, vx_slice challenge, struct vx_buf *out)
{
	vx_buf_add_str(out, "+ ");
	vx_base64_add(out, challenge);
	vx_buf_add_str(out, "\r\n");
	s->busy = IMAP_SASL;
	return VX_OK;
}

static int find_keys(struct imap_session *s, vx_slice *challenge)
{
	struct vx_credential keys;
	int rc = vx_auth_keys(s->service->o.auth, vx_buf_slice(&s->sasl.user), &keys);

	if (rc == VX_OK)
		rc = vx_sasl_keys(&s->sasl, &keys, challenge);
	vx_wipe(&keys, sizeof(keys));
	return rc;
}

static int sasl_step(struct imap_session *s, vx_slice response, struct vx_buf *out)
{
	vx_slice challenge = { 0 };
	int rc = vx_sasl_next(&s->sasl, response, &challenge);

	s->busy = IMAP_IDLE_NOT;
	if (rc == VX_WAIT)
		rc = find_keys(s, &challenge);
	if (rc == VX_MORE)
		return challenge_client(s, challenge, out);
	if (rc == VX_DONE)
		rc = begin_login(s, vx_buf_slice(&s->sasl.user),
		    vx_buf_slice(&s->sasl.password), s->sasl.proof, out);
	else if (rc == VX_EPROTO)
		rc = imap_bad(s, out, "the response is malformed");
	else
		rc = imap_no(s, out, "[UNAVAILABLE] try again later");
	vx_sasl_done(&s->sasl);
	return rc;
}

int imap_sasl_response(struct imap_session *s, vx_slice line, struct vx_buf *out)
{
	struct vx_buf decoded = { .max = VX_SASL_RESPONSE_MAX };
	int rc;

	if (vx_slice_eq(line, VX_S("*")) || vx_base64_decode(line, &decoded) != VX_OK) {
		s->busy = IMAP_IDLE_NOT;
		vx_sasl_done(&s->sasl);
		rc = imap_bad(s, out, "authentication was given up");
	} else {
		rc = sasl_step(
		    s, decoded.len > 0 ? vx_buf_slice(&decoded) : VX_S(""), out);
	}
	vx_buf_wipe(&decoded);
	return rc;
}

int imap_cmd_authenticate(struct imap_session *s, struct vx_cursor *c, struct vx_buf *out)
{
	enum vx_sasl_mechanism mechanism;
	vx_slice name;

	if (!vx_imap_sp(c) || !vx_imap_atom(c, &name))
		return imap_bad(s, out, "AUTHENTICATE mechanism is expected");
	if (!s->secure)
		return refuse_in_clear(s, VX_S(""), out);
	mechanism = vx_sasl_find(name, &s->binding);
	if (mechanism == VX_SASL_NONE)
		return imap_no(s, out, "[CANNOT] this mechanism is not known");
	vx_sasl_init(&s->sasl, mechanism, &s->binding);
	if (!vx_imap_sp(c))
		return sasl_step(s, vx_slice_of(NULL, 0), out);
	if (vx_slice_eq(vx_cur_rest(c), VX_S("=")))
		return sasl_step(s, VX_S(""), out);
	return imap_sasl_response(s, vx_cur_rest(c), out);
}
