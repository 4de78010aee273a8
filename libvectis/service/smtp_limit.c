#include "service/smtp_limit.h"

#include "base/mem.h"
#include "service/smtp_says.h"
#include "vectis/directory.h"

#include <stdio.h>

/* What makes an account stop; it outlives the session. */
struct suspension {
	struct vx_sending_op op; /* first */
	const struct vx_log *log;
	char login[VX_ADDRESS_MAX + 1], reason[VX_SENDING_REASON_MAX];
};

static void suspended(struct vx_store_op *base)
{
	struct suspension *x = (struct suspension *)base;

	if (base->result == VX_OK)
		vx_log(x->log, VX_LOG_WARN, "sending suspended",
		    VX_KV_Z("user", x->login), VX_KV_Z("reason", x->reason));
	else if (base->result != VX_EEXIST) /* another was faster */
		vx_log(x->log, VX_LOG_ERROR, "sending not suspended",
		    VX_KV_Z("user", x->login), VX_KV_ERR(base->result));
	vx_free(x);
}

static void suspend(const struct vx_smtp_service *service, const char *login,
    const struct vx_sending_count *c)
{
	struct suspension *x = vx_alloc(sizeof(*x));

	if (x == NULL)
		return; /* the next one too many does it */
	vx_sending_op_init(&x->op, VX_SENDING_SUSPEND);
	x->log = service->o.log;
	(void)snprintf(x->login, sizeof(x->login), "%s", login);
	(void)snprintf(
	    x->reason, sizeof(x->reason), "more than %u recipients in an hour", c->limit);
	x->op.op.done = suspended;
	x->op.account = c->account;
	x->op.reason = vx_slice_str(x->reason);
	x->op.now_s = c->now_s;
	if (vx_store_submit(service->o.store, &x->op.op) != VX_OK)
		vx_free(x);
}

static struct smtp_reply too_many(const struct vx_sending_count *c)
{
	if (c->verdict == VX_SENDING_DOMAIN)
		return (struct smtp_reply){ 450, "4.7.1",
			"your domain has written to as many as it may in an hour: try "
			"again later" };
	return (struct smtp_reply){ 550, "5.7.1",
		"you have written to more recipients than you may in an hour: sending is "
		"suspended for this mailbox, ask your administrator" };
}

static vx_slice domain_of(const char *login)
{
	const vx_slice s = vx_slice_str(login);

	return vx_slice_from(s, vx_slice_rfind(s, '@') + 1);
}

static struct vx_sending_count count_of(struct smtp_session *s, size_t recipients)
{
	const struct vx_smtp_service_options *o = &s->service->o;

	return (struct vx_sending_count){ .account = s->who.account,
		.domain = domain_of(s->who.login),
		.recipients = (uint32_t)recipients,
		.now_s = (uint64_t)s->base.host->loop->now_s(s->base.host->loop),
		.mailbox_limit = o->mailbox_hour,
		.domain_limit = o->domain_hour };
}

struct smtp_reply vx_smtp_limit_recipient(struct smtp_session *s)
{
	struct vx_sending_count c = count_of(s, s->txn->recipients + 1);
	struct vx_view *v;
	int rc;

	if (s->role != VX_SMTP_SUBMISSION ||
	    vx_view_begin(s->service->o.store, &v) != VX_OK)
		return (struct smtp_reply){ 0, "", "" };
	rc = vx_sending_ask(v, &c);
	vx_view_end(v);
	if (rc != VX_OK || c.verdict == VX_SENDING_MAY)
		return (struct smtp_reply){ 0, "", "" };
	if (c.verdict == VX_SENDING_MAILBOX)
		suspend(s->service, s->who.login, &c);
	return too_many(&c);
}

int vx_smtp_limit_begin(struct smtp_session *s, struct smtp_txn *t)
{
	vx_slice login = vx_slice_str(s->who.login);
	int rc;

	t->counted = s->role == VX_SMTP_SUBMISSION;
	if (!t->counted)
		return VX_OK;
	t->sending = count_of(s, t->recipients);
	rc = vx_arena_copy(&t->arena, login, &login);
	t->login = login;
	t->sending.domain = vx_slice_from(login, vx_slice_rfind(login, '@') + 1);
	return rc;
}

static void tell_growth(const struct smtp_txn *t)
{
	const struct vx_sending_count *c = &t->sending;

	if (!c->mailbox_grew && !c->domain_grew)
		return;
	vx_log(t->service->o.log, VX_LOG_WARN, "sending grows",
	    VX_KV_S(c->mailbox_grew ? "user" : "domain",
		c->mailbox_grew ? t->login : c->domain),
	    VX_KV_U("recipients", c->count), VX_KV_U("average", c->average));
}

void vx_smtp_limit_end(struct smtp_txn *t, int result)
{
	char login[VX_ADDRESS_MAX + 1];

	if (!t->counted)
		return;
	if (result == VX_OK)
		tell_growth(t);
	if (result != VX_EPERM || t->sending.verdict == VX_SENDING_MAY)
		return;
	t->refusal = too_many(&t->sending);
	(void)snprintf(login, sizeof(login), "%.*s", (int)t->login.len, t->login.ptr);
	if (t->sending.verdict == VX_SENDING_MAILBOX)
		suspend(t->service, login, &t->sending);
}

void vx_smtp_limit_reason(struct smtp_session *s, char *out, size_t size)
{
	struct vx_sending sending = { 0 };
	struct vx_view *v;
	int rc = vx_view_begin(s->service->o.store, &v);

	if (rc == VX_OK) {
		rc = vx_sending_account(v, s->who.account, &sending);
		(void)snprintf(out, size,
		    "sending is suspended for this mailbox%s%.*s: ask your administrator",
		    rc == VX_OK && sending.reason.len > 0 ? ", " : "",
		    (int)sending.reason.len,
		    sending.reason.len > 0 ? sending.reason.ptr : "");
		vx_view_end(v);
	} else {
		(void)snprintf(out, size, "sending is suspended for this mailbox");
	}
}

/* --- whose owner has not proved it -----------------------------------------------------
 */

bool vx_smtp_is_unverified(struct vx_view *v, vx_slice domain, struct vx_buf *which)
{
	struct vx_domain d;

	if (vx_directory_domain(v, domain, &d) != VX_OK || d.status == VX_DOMAIN_VERIFIED)
		return false;
	vx_buf_reset(which);
	vx_buf_add(which, d.name);
	return true;
}

void vx_smtp_unverified_reason(
    const struct vx_buf *which, char out[VX_SMTP_UNVERIFIED_MAX])
{
	(void)snprintf(out, VX_SMTP_UNVERIFIED_MAX,
	    SMTP_SAYS_UNVERIFIED ": its administrator runs \"vectisctl domain "
				 "verify "
				 "%.*s\"",
	    (int)which->len, which->len > 0 ? which->ptr : "");
}
