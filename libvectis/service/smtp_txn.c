/* A message through SMTP: trace fields before it, then the octets as they came. */
#include "base/chars.h"
#include "base/mem.h"
#include "service/own_queue.h"
#include "service/quota_notice.h"
#include "service/smtp_limit.h"
#include "service/smtp_receive.h"
#include "service/smtp_submit.h"
#include "vectis/date.h"
#include "vectis/dkim.h"

#include <stdio.h>

#define TXN_ARENA_MAX ((size_t)4 << 20)

void vx_smtp_refused(struct smtp_session *s, vx_slice from, vx_slice to,
    const char *reason, const struct smtp_notes *notes)
{
	const struct smtp_txn *t = s->txn;
	bool extended;
	struct vx_event e = { .type = VX_EVENT_REFUSED };

	if (t != NULL)
		e = t->event;
	e.type = VX_EVENT_REFUSED;
	e.time = (uint64_t)s->base.host->loop->now_s(s->base.host->loop);
	e.texts[VX_EVENT_SENDER] = from;
	e.texts[VX_EVENT_RECIPIENTS] = to;
	e.texts[VX_EVENT_ADDRESS] = vx_slice_str(s->peer.address);
	e.texts[VX_EVENT_HOST] = vx_smtp_server_helo(s->core, &extended);
	e.texts[VX_EVENT_LOGIN] = vx_slice_str(s->who.login);
	e.texts[VX_EVENT_REASON] = vx_slice_str(reason);
	if (notes != NULL)
		e.texts[VX_EVENT_CHECKS] = vx_buf_slice(&notes->lines);
	vx_own_events_add(s->service->events, &e);
	vx_log(s->service->o.log, VX_LOG_INFO, "mail refused", VX_KV_Z("reason", reason),
	    VX_KV_Z("ip", s->peer.address), VX_KV_S("from", from), VX_KV_S("to", to));
}

/* Until when its sender wants it to wait, and how that was said (RFC 4865 5.1.2). */
static int take_hold(
    struct smtp_session *s, struct smtp_txn *t, const struct vx_smtp_params *p)
{
	const int64_t now = s->base.host->loop->now_s(s->base.host->loop);
	const int64_t until =
	    p->hold_for > 0 ? now + (int64_t)p->hold_for : p->hold_until;
	char text[VX_QUEUE_HOLD_MAX + 1];

	if (p->hold.len == 0)
		return VX_OK;
	(void)snprintf(text, sizeof(text), "%s;%.*s", p->hold_for > 0 ? "for" : "until",
	    (int)p->hold.len, p->hold.ptr);
	t->release = until > now ? (uint32_t)until : 0;
	return vx_arena_copy(&t->arena, vx_slice_str(text), &t->hold);
}

int vx_smtp_txn_new(
    struct smtp_session *s, const struct vx_smtp_event *ev, struct smtp_txn **out)
{
	struct smtp_txn *t = vx_alloc(sizeof(*t));

	if (t == NULL)
		return VX_ENOMEM;
	t->session = s;
	t->service = s->service;
	vx_arena_init(&t->arena, TXN_ARENA_MAX);
	vx_buf_init(&t->sender, VX_SMTP_PATH_MAX);
	vx_smtp_notes_init(&t->notes);
	vx_buf_init(&t->header, (size_t)2 * VX_DKIM_HEADER_OCTETS_MAX);
	vx_buf_init(&t->signature, VX_QUEUE_PREFIX_MAX);
	vx_buf_init(&t->signers, VX_REPORT_SIGNERS_MAX);
	vx_buf_init(&t->recipient_list, VX_EVENT_LIST_MAX);
	vx_buf_init(&t->returned, OWN_BOUNCE_OCTETS_MAX);
	vx_buf_add(&t->sender, ev->path);
	t->utf8 = ev->params.utf8;
	t->size = ev->params.size;
	t->last = '\n';
	t->eight_bit = ev->params.body_8bit;
	t->ret_headers = ev->params.ret_headers;
	t->ret_full = ev->params.ret_full;
	vx_own_token(t->id);
	t->event.texts[VX_EVENT_ID] = vx_slice_str(t->id);
	if (vx_arena_copy(&t->arena, ev->params.envid, &t->envid) != VX_OK ||
	    take_hold(s, t, &ev->params) != VX_OK) {
		vx_smtp_txn_free(t);
		return VX_ENOMEM;
	}
	*out = t;
	return VX_OK;
}

static void destroy(struct smtp_txn *t)
{
	vx_blob_writer_free(t->writer);
	vx_buf_done(&t->sender);
	vx_buf_done(&t->recipient_list);
	vx_buf_done(&t->returned);
	vx_smtp_notes_done(&t->notes);
	vx_smtp_check_free(t->check);
	vx_buf_done(&t->header);
	vx_buf_done(&t->signature);
	vx_buf_done(&t->signers);
	vx_buf_done(&t->held);
	vx_own_signing_free(t->signing);
	vx_arena_done(&t->arena);
	vx_free(t->targets);
	vx_free(t);
}

void vx_smtp_txn_free(struct smtp_txn *t)
{
	if (t == NULL)
		return;
	t->session = NULL;
	if (t->writer != NULL)
		vx_blob_writer_on_wake(t->writer, NULL, NULL);
	if (!t->under_way)
		destroy(t);
}

/* Room for so many targets more. */
static int reserve(struct smtp_txn *t, size_t more)
{
	size_t cap = t->cap == 0 ? 4 : t->cap;
	struct vx_delivery_target *grown;

	if (t->count + more > VX_SMTP_TARGETS_MAX)
		return VX_ELIMIT;
	while (cap < t->count + more)
		cap *= 2;
	if (cap == t->cap)
		return VX_OK;
	grown = vx_realloc(t->targets, cap * sizeof(*grown));
	if (grown == NULL)
		return VX_ENOMEM;
	t->targets = grown;
	t->cap = cap;
	return VX_OK;
}

/* before: of this recipient there is each once. */
static void add_target(struct smtp_txn *t, size_t before, uint32_t account)
{
	for (size_t i = 0; i < before; i++)
		if (t->targets[i].account == account)
			return; /* one copy each */
	t->targets[t->count++] = (struct vx_delivery_target){ .account = account };
}

/* Of the reverse-path's domain? */
static bool is_of_domain(const struct smtp_txn *t, vx_slice recipient)
{
	const vx_slice path = vx_buf_slice(&t->sender);

	return vx_slice_eq_nocase(
	    vx_slice_from(recipient, vx_slice_rfind(recipient, '@') + 1),
	    vx_slice_from(path, vx_slice_rfind(path, '@') + 1));
}

int vx_smtp_txn_note_recipient(struct smtp_txn *t, vx_slice recipient)
{
	if (t->recipient_list.len + recipient.len < VX_EVENT_LIST_MAX) {
		if (t->recipient_list.len > 0)
			vx_buf_add_char(&t->recipient_list, ' ');
		vx_buf_add(&t->recipient_list, recipient);
	}
	t->leaves = t->leaves || !is_of_domain(t, recipient);
	return t->recipients > 0 ? VX_OK
				 : vx_arena_copy(&t->arena, recipient, &t->recipient);
}

/*
 * Who asked to be told of success is told here of what is delivered here, to a mailbox or
 * to a list, and that an address stood for several; of those nobody tells again.  One
 * that stands for one address elsewhere hands the wish on (RFC 3461 5.2.7).
 */
static int note_success(struct smtp_txn *t, vx_slice recipient,
    const struct vx_resolved *to, struct vx_smtp_params *params)
{
	const bool expanded = to->group || to->count > 1;

	if ((params->notify & VX_SMTP_NOTIFY_SUCCESS) == 0 ||
	    (!expanded && to->list == 0 && to->targets[0].account == 0))
		return VX_OK;
	if (t->sender.len > 0 &&
	    vx_smtp_queue_told(t, recipient, expanded, params) != VX_OK)
		return VX_ELIMIT;
	params->notify &= ~(unsigned)VX_SMTP_NOTIFY_SUCCESS;
	if (params->notify == 0)
		params->notify = VX_SMTP_NOTIFY_NEVER;
	return VX_OK;
}

static int add_elsewhere(struct smtp_txn *t, vx_slice recipient,
    const struct vx_resolved *to, const struct vx_smtp_params *params)
{
	int rc = VX_OK;

	for (size_t i = 0; i < to->count && rc == VX_OK; i++)
		if (to->targets[i].account == 0)
			rc = to->list != 0
				 ? vx_smtp_list_add(t, to->targets[i].address, params)
				 : vx_smtp_queue_to(
				       t, to->targets[i].address, recipient, params);
	return rc;
}

int vx_smtp_txn_add(struct smtp_txn *t, vx_slice recipient, const struct vx_resolved *to,
    const struct vx_smtp_params *params)
{
	struct vx_smtp_params left = *params;
	const size_t before = t->count;
	int rc = reserve(t, to->count);

	if (rc == VX_OK)
		rc = vx_smtp_txn_note_recipient(t, recipient);
	if (rc == VX_OK)
		rc = note_success(t, recipient, to, &left);
	if (rc == VX_OK)
		rc = add_elsewhere(t, recipient, to, &left);
	if (rc != VX_OK)
		return rc;
	t->recipients++;
	for (size_t i = 0; i < to->count; i++)
		if (to->targets[i].account != 0)
			add_target(t, before, to->targets[i].account);
	return VX_OK;
}

/* --- trace fields (RFC 5321 4.4) ------------------------------------------------- */

/* RFC 3848, RFC 6531: ESMTP, S for TLS, A for authenticated. */
static const char *protocol(const struct smtp_session *s, bool extended)
{
	static const char *const names[2][2][2] = { { { "ESMTP", "ESMTPA" },
							{ "ESMTPS", "ESMTPSA" } },
		{ { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } } };

	if (!extended)
		return "SMTP";
	return names[s->txn->utf8][s->tls][vx_smtp_server_authenticated(s->core)];
}

static void write_trace(struct smtp_session *s, struct vx_buf *out)
{
	const struct smtp_txn *t = s->txn;
	bool extended;
	const vx_slice helo = vx_smtp_server_helo(s->core, &extended);
	const bool v6 = strchr(s->peer.address, ':') != NULL;

	vx_buf_printf(out, "Return-Path: <%.*s>\r\n", (int)t->sender.len,
	    t->sender.ptr == NULL ? "" : t->sender.ptr);
	vx_buf_printf(out, "Received: from %.*s ([%s%s])\r\n", (int)helo.len, helo.ptr,
	    v6 ? "IPv6:" : "", s->peer.address);
	if (s->tls)
		vx_buf_printf(out, "\t(using %s)\r\n", s->tls_version);
	vx_buf_printf(out, "\tby %s with %s id %s", s->service->o.hostname,
	    protocol(s, extended), t->id);
	if (t->recipients == 1) /* more would tell them of each other */
		vx_buf_printf(
		    out, "\r\n\tfor <%.*s>", (int)t->recipient.len, t->recipient.ptr);
	if (s->tls && s->tls_cipher[0] != '\0') /* RFC 8314 4.3 */
		vx_buf_printf(out, "\r\n\ttls %s", s->tls_cipher);
	vx_buf_add_str(out, ";\r\n\t");
	vx_date_write(out, s->base.host->loop->now_s(s->base.host->loop), 0);
	vx_buf_add_str(out, "\r\n");
}

static void wake(void *ctx)
{
	struct smtp_session *s = ctx;

	s->content_waits = false;
	s->base.host->wake(s->base.host);
}

int vx_smtp_txn_begin(struct smtp_session *s)
{
	struct vx_buf trace = { .max = 8192 };
	struct smtp_txn *t = s->txn;
	int rc =
	    t == NULL ? VX_ESTATE : vx_blob_writer_new(s->service->o.store, &t->writer);

	if (rc != VX_OK)
		return rc;
	vx_blob_writer_on_wake(t->writer, wake, s);
	if (s->role != VX_SMTP_SUBMISSION) {
		vx_blob_writer_expect_front(t->writer);
		return VX_OK;
	}
	write_trace(s, &trace);
	rc = trace.failed ? VX_ELIMIT
			  : vx_blob_writer_add(t->writer, vx_buf_slice(&trace));
	vx_buf_done(&trace);
	return rc == VX_WAIT ? VX_OK : rc;
}

/* --- content --------------------------------------------------------------------- */

int vx_smtp_txn_content(struct smtp_session *s, vx_slice octets)
{
	struct smtp_txn *t = s->txn;
	int rc;

	if (t != NULL && t->sender.len == 0 && s->role == VX_SMTP_MX)
		vx_buf_add(&t->returned,
		    vx_slice_head(octets, OWN_BOUNCE_OCTETS_MAX - t->returned.len));
	if (t == NULL || t->failed != VX_OK || t->writer == NULL)
		return VX_OK; /* the verdict comes at the end */
	t->last = octets.ptr[octets.len - 1];
	rc = s->role == VX_SMTP_SUBMISSION ? vx_smtp_submit_take(s, octets)
					   : vx_smtp_receive_take(s, octets);
	if (rc == VX_WAIT) {
		s->content_waits = true;
		return VX_WAIT;
	}
	t->failed = rc;
	return VX_OK;
}

/* --- the end --------------------------------------------------------------------- */

/* A mailbox that is nearly full now says so (MB-18). */
static void tell_quotas(const struct smtp_txn *t)
{
	const struct vx_smtp_service_options *o = &t->service->o;
	const struct vx_quota_notice n = { .store = o->store,
		.log = o->log,
		.hostname = o->hostname,
		.now_s = t->op.internal_date };

	for (size_t k = 0; k < t->count; k++)
		if (t->targets[k].result == VX_OK && t->targets[k].quota_due != 0)
			vx_quota_notice_send(
			    &n, t->targets[k].account, t->targets[k].quota_due);
}

static void delivered(struct vx_store_op *op)
{
	struct smtp_txn *t = (struct smtp_txn *)op;
	struct smtp_session *s = t->session;

	t->under_way = false;
	vx_smtp_limit_end(t, op->result);
	if (op->result == VX_OK)
		tell_quotas(t);
	if (s == NULL) {
		destroy(t);
		return;
	}
	s->end_result = op->result;
	s->answer = ANSWER_END;
	s->base.host->wake(s->base.host);
}

static struct smtp_reply reply_to(int rc)
{
	switch (rc) {
	case VX_EQUOTA:
		return (struct smtp_reply){ 452, "4.2.2", "the mailbox is full" };
	case VX_ENOSPC:
		return (
		    struct smtp_reply){ 452, "4.3.1", "no space left: try again later" };
	case VX_ELIMIT:
		return (struct smtp_reply){ 552, "5.3.4", "the header is too long" };
	case VX_EEXIST: /* it was here before */
		return (struct smtp_reply){ 554, "5.4.6", "too many hops: a mail loop" };
	default:
		return (struct smtp_reply){ 451, "4.3.0", "try again later" };
	}
}

void vx_smtp_answer_failure(struct smtp_session *s, struct vx_buf *out, int rc)
{
	const struct smtp_reply r = reply_to(rc);

	vx_smtp_server_answer(s->core, out, r.code, r.enhanced, r.text);
}

/* It is not taken: why was found out, or rc says it. */
static void refuse(struct smtp_session *s, struct vx_buf *out, int rc)
{
	const struct smtp_txn *t = s->txn;
	const struct smtp_reply r =
	    rc == VX_EPERM && t != NULL ? t->refusal : reply_to(rc);

	if (t != NULL)
		vx_smtp_refused(
		    s, vx_buf_slice(&t->sender), t->recipient, r.text, &t->notes);
	vx_smtp_server_answer(s->core, out, r.code, r.enhanced, r.text);
}

static void answer(struct smtp_session *s, struct vx_buf *out, int rc)
{
	char text[64] = "filed as ";
	struct smtp_txn *t = s->txn;

	vx_log(s->service->o.log, VX_LOG_INFO,
	    rc == VX_OK ? "mail filed" : "mail not filed",
	    VX_KV_Z("id", t == NULL ? "" : t->id),
	    VX_KV_Z("reason", rc == VX_OK ? "" : vx_strerror(rc)),
	    VX_KV_Z("ip", s->peer.address),
	    VX_KV_S("from", t == NULL ? vx_slice_of("", 0) : vx_buf_slice(&t->sender)),
	    VX_KV_S("to", t == NULL ? vx_slice_of("", 0) : t->recipient),
	    VX_KV_U("mailboxes", t == NULL ? 0 : t->count),
	    VX_KV_U("queued", t == NULL ? 0 : vx_smtp_queued(t)),
	    VX_KV_U("size",
		t == NULL || t->writer == NULL ? 0 : vx_blob_writer_size(t->writer)));
	if (rc != VX_OK) {
		refuse(s, out, rc);
	} else {
		memcpy(text + 9, t->id, sizeof(t->id));
		vx_smtp_server_answer(s->core, out, 250, "2.0.0", text);
	}
	vx_smtp_txn_free(t);
	s->txn = NULL;
}

void vx_smtp_answer_end(struct smtp_session *s, struct vx_buf *out)
{
	answer(s, out, s->end_result);
}

/* In the transaction that takes it: queued, noted as a report, and told of. */
static int also(
    struct vx_deliver_op *op, struct vx_kv_txn *txn, uint64_t blob, uint32_t *references)
{
	struct smtp_txn *t = op->also_ctx;
	int rc = VX_OK;

	*references = 0;
	if (t->counted)
		rc = vx_sending_add(txn, &t->sending);
	if (rc == VX_OK)
		rc = vx_own_bounce_write(txn, &t->bounce);
	if (rc == VX_OK && (t->groups != NULL || t->report)) {
		op->also_ctx = &t->also;
		rc = vx_report_also(op, txn, blob, references);
		op->also_ctx = t;
	}
	return rc == VX_OK ? vx_event_write(txn, &t->event) : rc;
}

static int tell(struct smtp_session *s, struct smtp_txn *t)
{
	struct vx_event *e = &t->event;
	bool extended;
	int rc;

	e->type = VX_EVENT_ACCEPTED;
	e->time = t->op.internal_date;
	e->size = vx_blob_writer_size(t->writer);
	e->texts[VX_EVENT_SENDER] = vx_buf_slice(&t->sender);
	e->texts[VX_EVENT_RECIPIENTS] = vx_buf_slice(&t->recipient_list);
	e->texts[VX_EVENT_CHECKS] = vx_buf_slice(&t->notes.lines);
	/* the session may end before the transaction is made */
	rc = vx_arena_copy(
	    &t->arena, vx_smtp_server_helo(s->core, &extended), &e->texts[VX_EVENT_HOST]);
	if (rc == VX_OK)
		rc = vx_arena_copy(&t->arena, vx_slice_str(s->peer.address),
		    &e->texts[VX_EVENT_ADDRESS]);
	if (rc == VX_OK)
		rc = vx_arena_copy(
		    &t->arena, vx_slice_str(s->who.login), &e->texts[VX_EVENT_LOGIN]);
	return rc;
}

/* All is there: file it, and queue it. */
static int commit(struct smtp_session *s, struct smtp_txn *t)
{
	int rc;

	vx_deliver_op_init(&t->op, t->writer);
	t->op.targets = t->targets;
	t->op.target_count = t->count;
	t->op.internal_date = (uint32_t)s->base.host->loop->now_s(s->base.host->loop);
	/* RCPT saw to quotas as far as it could: one mailbox that this message fills must
	 * not keep it from the others for ever */
	t->op.all_or_none = true;
	t->op.overfill = t->count > 1;
	t->op.op.done = delivered;
	rc = vx_smtp_queue(s, t);
	if (t->report && t->check != NULL) {
		vx_smtp_check_signers(t->check, &t->signers);
		t->also.checked = true;
		t->also.signers = vx_buf_slice(&t->signers);
	}
	t->also.intake = t->report;
	t->also.only = t->count == 0;
	t->also.now = t->op.internal_date;
	vx_own_bounce_read(vx_buf_slice(&t->returned),
	    t->rewritten.len > 0 ? t->rewritten : t->recipient, t->rewritten.len > 0,
	    s->service->o.hostname, t->op.internal_date, &t->arena, &t->bounce);
	if (rc == VX_OK)
		rc = vx_smtp_limit_begin(s, t);
	if (rc == VX_OK)
		rc = tell(s, t);
	t->op.also = also;
	t->op.also_ctx = t;
	if (rc == VX_OK)
		rc = vx_store_submit(s->service->o.store, &t->op.op);
	return rc == VX_OK ? VX_OK : VX_ETEMP;
}

/* A message without a signature would be taken for a forged one: later. */
static void is_signed(void *ctx, int result)
{
	struct smtp_txn *t = ctx;
	struct smtp_session *s = t->session;

	if (result == VX_OK)
		result = vx_own_sign_write(t->signing, &t->signature);
	vx_own_signing_free(t->signing);
	t->signing = NULL;
	if (s == NULL) {
		destroy(t);
		return;
	}
	if (result == VX_OK)
		result = commit(s, t);
	if (result == VX_OK)
		return;
	t->under_way = false;
	s->end_result = VX_ETEMP;
	s->answer = ANSWER_END;
	s->base.host->wake(s->base.host);
}

/* What a whole message may be refused for; VX_WAIT: it is looked into. */
static int check_end(struct smtp_session *s, struct smtp_txn *t)
{
	int rc = t == NULL || t->writer == NULL ? VX_ESTATE : t->failed;

	if (rc != VX_OK)
		return rc;
	if (s->role != VX_SMTP_SUBMISSION)
		return vx_smtp_receive_end(s);
	rc = vx_smtp_submit_end(s);
	if (rc == VX_OK && t->received > s->service->o.received_max)
		rc = VX_EEXIST;
	if (rc == VX_OK && t->objection != NULL) {
		t->refusal = (struct smtp_reply){ 550, "5.7.1", t->objection };
		rc = VX_EPERM;
	}
	return rc;
}

static int write_front(struct smtp_session *s)
{
	struct vx_buf trace = { .max = 8192 };
	int rc;

	write_trace(s, &trace);
	rc = trace.failed ? VX_ELIMIT : vx_smtp_receive_front(s, vx_buf_slice(&trace));
	vx_buf_done(&trace);
	return rc;
}

/* It may be filed. */
static void file(struct smtp_session *s, struct vx_buf *out)
{
	struct smtp_txn *t = s->txn;
	int rc = s->role == VX_SMTP_SUBMISSION ? VX_OK : write_front(s);

	if (rc == VX_OK) {
		t->under_way = true;
		rc = t->signing != NULL ? vx_own_sign_submit(t->signing, is_signed, t)
					: commit(s, t);
		t->under_way = rc == VX_OK;
	}
	if (rc != VX_OK)
		answer(s, out, rc);
}

void vx_smtp_answer_checked(struct smtp_session *s, struct vx_buf *out)
{
	const int rc = vx_smtp_receive_decide(s);

	if (rc == VX_OK)
		file(s, out);
	else
		answer(s, out, rc);
}

void vx_smtp_txn_end(struct smtp_session *s, struct vx_buf *out)
{
	const int rc = check_end(s, s->txn);

	if (rc == VX_OK)
		file(s, out);
	else if (rc != VX_WAIT)
		answer(s, out, rc);
}
