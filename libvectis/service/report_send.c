/*
 * One report on its way: who wants it is asked, it is made in a job, posted where HTTPS
 * is wanted, signed, and queued; each step goes on where the one before it ended.
 */
#include "service/report_int.h"

#include "base/mem.h"
#include "reports/intake.h"
#include "reports/make.h"
#include "service/own_queue.h"
#include "service/own_reports.h"
#include "vectis/directory.h"
#include "vectis/dsn.h"
#include "vectis/fetch.h"

#include <stdio.h>

#define RETURN_PATH "Return-Path: <>\r\n" /* taken off when it is sent */
#define TARGETS_MAX 64
#define MEMORY_MAX ((size_t)4 << 20)
#define ANSWER_MAX ((size_t)65536) /* octets of what a server says to a post */

struct report_sending {
	struct vx_job job; /* first */
	struct vx_report_sender
	    *sender; /* NULL: it is gone, free this when done is called */
	struct report_sending *next, **link;
	struct vx_arena arena;
	enum vx_report_kind kind;
	uint32_t day, tries;
	vx_slice domain, record;

	struct vx_dmarc_destinations *destinations; /* own */
	struct vx_lookup lookup;
	bool asking;
	vx_slice to[VX_REPORT_DESTINATIONS_MAX];
	size_t to_count;
	const char *urls[VX_REPORT_DESTINATIONS_MAX];
	size_t url_count, url_at, posted;
	bool unknown; /* a question failed */
	struct vx_fetch fetch;
	bool fetching;

	struct vx_report_make make;
	struct vx_buf email, packed, mail; /* own, like signature */
	int64_t now;
	int result;                  /* of the job */
	struct own_signing *signing; /* own */
	struct vx_buf signature;

	struct vx_deliver_op op;
	struct vx_report_settle_op settle;
	struct vx_blob_writer *writer; /* own */
	struct vx_delivery_target targets[TARGETS_MAX];
	struct vx_queue_new add;
	struct vx_queue_to queue_to[VX_REPORT_DESTINATIONS_MAX];
	struct vx_report_also also;
	char reason[VX_REPORT_NOTED_TEXT_MAX + 1];
};

static void free_sending(struct report_sending *x)
{
	struct vx_report_sender *s = x->sender;

	if (s != NULL) {
		*x->link = x->next;
		if (x->next != NULL)
			x->next->link = x->link;
		s->count--;
		if (x->asking)
			s->o.loop->forget(s->o.loop, &x->lookup);
		if (x->fetching)
			s->o.loop->drop(s->o.loop, &x->fetch);
	}
	vx_own_signing_free(x->signing);
	vx_dmarc_destinations_free(x->destinations);
	vx_blob_writer_free(x->writer);
	vx_buf_done(&x->email);
	vx_buf_done(&x->packed);
	vx_buf_done(&x->mail);
	vx_buf_done(&x->signature);
	vx_arena_done(&x->arena);
	vx_free(x);
}

/* --- the end ---------------------------------------------------------------------------
 */

static void log_end(const struct report_sending *x, enum vx_report_state state)
{
	static const char *const words[] = { "report put off", "report sent",
		"report not wanted", "report given up" };

	vx_log(x->sender->o.log, state == VX_REPORT_GIVEN_UP ? VX_LOG_WARN : VX_LOG_INFO,
	    words[state], VX_KV_S("domain", x->domain),
	    VX_KV_Z("kind", vx_report_kind_name(x->kind)), VX_KV_U("day", x->day),
	    VX_KV_Z("reason", x->reason));
}

static void settled(struct vx_store_op *base)
{
	struct report_sending *x =
	    (struct report_sending *)(void *)((char *)base -
					      offsetof(struct report_sending, settle));

	if (x->sender != NULL && base->result == VX_OK)
		log_end(x, x->settle.state);
	else if (x->sender != NULL && base->result != VX_ECONFLICT)
		vx_log(x->sender->o.log, VX_LOG_ERROR, "a report cannot be settled",
		    VX_KV_S("domain", x->domain), VX_KV_ERR(base->result));
	free_sending(x);
}

static void prepare_settling(
    struct report_sending *x, enum vx_report_state state, uint32_t due)
{
	vx_report_settle_op_init(&x->settle);
	x->settle.kind = x->kind;
	x->settle.day = x->day;
	x->settle.domain = x->domain;
	x->settle.reason = vx_slice_str(x->reason);
	x->settle.state = state;
	x->settle.due = due;
	x->settle.now = (uint32_t)vx_report_sender_now(x->sender);
	x->settle.op.done = settled;
}

/* It is over, without a mail. */
static void end(struct report_sending *x, enum vx_report_state state, uint32_t due)
{
	prepare_settling(x, state, due);
	if (vx_store_submit(x->sender->o.store, &x->settle.op) != VX_OK)
		free_sending(x); /* it is found again */
}

static void unwanted(struct report_sending *x, const char *why)
{
	(void)snprintf(x->reason, sizeof(x->reason), "%s", why);
	end(x, VX_REPORT_UNWANTED, 0);
}

static void later(struct report_sending *x, const char *why)
{
	const uint32_t wait = (uint32_t)VX_REPORT_RETRY_S
			      << (x->tries < 8 ? x->tries : 8);

	if (why != x->reason)
		(void)snprintf(x->reason, sizeof(x->reason), "%s", why);
	if (x->tries + 1 >= VX_REPORT_TRIES_MAX)
		end(x, VX_REPORT_GIVEN_UP, 0);
	else
		end(x, VX_REPORT_OPEN, (uint32_t)vx_report_sender_now(x->sender) + wait);
}

/* --- the mail --------------------------------------------------------------------------
 */

static void filed(struct vx_store_op *base)
{
	struct report_sending *x =
	    (struct report_sending *)(void *)((char *)base -
					      offsetof(struct report_sending, op));

	if (x->sender == NULL || base->result == VX_ECONFLICT) {
		free_sending(x); /* it is settled already */
		return;
	}
	if (base->result != VX_OK) {
		later(x, vx_strerror(base->result));
		return;
	}
	log_end(x, VX_REPORT_SENT);
	free_sending(x);
}

/* To ourselves: into a mailbox, or to be read, or both. */
static void file_to(struct report_sending *x, struct vx_view *v, vx_slice address,
    const struct vx_resolved *to)
{
	const struct vx_report_sender_options *o = &x->sender->o;
	const struct own_report_addresses list = { o->dmarc_address, o->tls_address };

	if (o->receive && vx_own_is_report_address(v, &list, o->delimiter, address))
		x->also.intake = true;
	for (size_t i = 0; i < to->count && x->op.target_count < TARGETS_MAX; i++)
		if (to->targets[i].account != 0)
			x->targets[x->op.target_count++] =
			    (struct vx_delivery_target){ .account =
							     to->targets[i].account };
}

static int queue_to(struct report_sending *x, vx_slice address)
{
	struct vx_queue_to *to = &x->queue_to[x->add.count];
	const int rc = vx_own_destination(&x->arena, address, &to->destination);

	if (rc != VX_OK)
		return rc == VX_EINVAL ? VX_OK : rc;
	to->forward_path = address;
	to->notify = VX_SMTP_NOTIFY_NEVER;
	x->add.count++;
	return VX_OK;
}

static int route_in(struct report_sending *x, struct vx_view *v)
{
	struct vx_resolved r;
	int rc = VX_OK;

	for (size_t i = 0; i < x->to_count && rc == VX_OK; i++) {
		rc = vx_directory_resolve(
		    v, x->to[i], x->sender->o.delimiter, &x->arena, &r);
		if (rc == VX_OK && r.kind == VX_RESOLVED_FOREIGN)
			rc = queue_to(x, x->to[i]);
		else if (rc == VX_OK)
			file_to(x, v, x->to[i], &r);
	}
	return rc;
}

static int route(struct report_sending *x)
{
	struct vx_view *v;
	int rc = vx_view_begin(x->sender->o.store, &v);

	x->op.targets = x->targets;
	if (rc == VX_OK) {
		rc = route_in(x, v);
		vx_view_end(v);
	}
	if (rc == VX_OK && x->add.count + x->op.target_count == 0 && !x->also.intake)
		rc = VX_ENOENT;
	return rc;
}

/* Filed and queued, and the day is settled with it. */
static int commit(struct report_sending *x)
{
	const uint32_t now = (uint32_t)vx_report_sender_now(x->sender);
	int rc = vx_blob_writer_new(x->sender->o.store, &x->writer);

	if (rc == VX_OK)
		rc = vx_blob_writer_add(x->writer, vx_buf_slice(&x->mail));
	rc = rc == VX_WAIT ? VX_OK : rc;
	if (rc != VX_OK)
		return rc;
	vx_deliver_op_init(&x->op, x->writer);
	x->add = (struct vx_queue_new){ .created = now,
		.due = now,
		.size = x->mail.len,
		.flags = VX_QUEUE_REPORT |
			 (x->kind == VX_REPORT_TLS ? VX_QUEUE_TLS_OPTIONAL : 0u),
		.reverse_path = vx_slice_of("", 0),
		.prefix = vx_buf_slice(&x->signature),
		.to = x->queue_to };
	vx_own_token(x->add.token);
	rc = route(x);
	if (rc != VX_OK)
		return rc;
	prepare_settling(x, VX_REPORT_SENT, 0);
	x->also.queue.add = &x->add;
	x->also.queue.add_count = x->add.count > 0;
	x->also.only = x->op.target_count == 0;
	x->also.now = now;
	x->also.settle = &x->settle;
	x->op.internal_date = now;
	x->op.overfill = true;
	x->op.all_or_none = true;
	x->op.also = vx_report_also;
	x->op.also_ctx = &x->also;
	x->op.op.done = filed;
	return vx_store_submit(x->sender->o.store, &x->op.op);
}

static void is_signed(void *ctx, int result)
{
	struct report_sending *x = ctx;

	if (x->sender == NULL) {
		free_sending(x);
		return;
	}
	if (result == VX_OK)
		result = vx_own_sign_write(x->signing, &x->signature);
	vx_own_signing_free(x->signing);
	x->signing = NULL;
	if (result == VX_OK)
		result = commit(x);
	if (result == VX_ENOENT)
		unwanted(x, "none of its addresses can be reached");
	else if (result != VX_OK)
		later(x, vx_strerror(result));
}

static void name_destinations(struct report_sending *x)
{
	size_t len = 0;

	for (size_t i = 0; i < x->to_count && len < sizeof(x->reason); i++)
		len += (size_t)snprintf(x->reason + len, sizeof(x->reason) - len,
		    "%s%.*s", len == 0 ? "" : " ", (int)x->to[i].len, x->to[i].ptr);
	for (size_t i = 0; i < x->url_count && len < sizeof(x->reason); i++)
		len += (size_t)snprintf(x->reason + len, sizeof(x->reason) - len, "%s%s",
		    len == 0 ? "" : " ", x->urls[i]);
}

/* Without a signature it would be ignored (RFC 8460 3), or be taken for a forged one. */
static void sign(struct report_sending *x)
{
	const vx_slice text =
	    vx_slice_from(vx_buf_slice(&x->mail), sizeof(RETURN_PATH) - 1);
	const size_t header = vx_slice_find_slice(text, VX_S("\r\n\r\n")) + 4;
	int rc = vx_own_sign_begin(&x->sender->keys, x->make.submitter,
	    vx_slice_head(text, header), &x->signing);

	name_destinations(x);
	if (rc == VX_OK && x->signing == NULL) {
		(void)snprintf(x->reason, sizeof(x->reason), "no DKIM key of %.*s signs",
		    (int)x->make.submitter.len, x->make.submitter.ptr);
		later(x, x->reason);
		return;
	}
	if (rc == VX_OK)
		rc = vx_own_sign_body(x->signing, vx_slice_from(text, header));
	if (rc == VX_OK)
		rc = vx_own_sign_submit(x->signing, is_signed, x);
	if (rc != VX_OK)
		later(x, vx_strerror(rc));
}

/* --- HTTPS -----------------------------------------------------------------------------
 */

static void post_next(struct report_sending *x);

static void posted(struct vx_fetch *f, const struct vx_fetch_answer *a)
{
	struct report_sending *x =
	    (struct report_sending *)(void *)((char *)f -
					      offsetof(struct report_sending, fetch));
	const bool good =
	    a->result == VX_FETCH_ANSWERED && a->status >= 200 && a->status < 300;

	x->fetching = false;
	x->posted += good;
	if (!good && a->result == VX_FETCH_ANSWERED)
		(void)snprintf(
		    x->reason, sizeof(x->reason), "HTTPS: it says %u", a->status);
	else if (!good)
		(void)snprintf(x->reason, sizeof(x->reason), "HTTPS: %.150s", a->text);
	vx_log(x->sender->o.log, VX_LOG_INFO,
	    good ? "report posted" : "report not posted", VX_KV_S("domain", x->domain),
	    VX_KV_Z("url", x->urls[x->url_at]), VX_KV_Z("reason", good ? "" : x->reason));
	x->url_at++;
	post_next(x);
}

/* A report that was posted is not mailed as well: one is enough (RFC 8460 3). */
static void after_posts(struct report_sending *x)
{
	if (x->posted > 0) {
		name_destinations(x);
		end(x, VX_REPORT_SENT, 0);
	} else if (x->to_count > 0) {
		sign(x);
	} else {
		later(x, x->reason);
	}
}

static void post_next(struct report_sending *x)
{
	struct vx_loop *loop = x->sender->o.loop;
	const struct vx_fetch_field field = { VX_S("Content-Type"),
		vx_slice_str(vx_report_media_type(x->kind)) };

	while (x->url_at < x->url_count && x->posted == 0) {
		x->fetch = (struct vx_fetch){ .method = "POST",
			.url = x->urls[x->url_at],
			.fields = &field,
			.field_count = 1,
			.body = vx_buf_slice(&x->packed),
			.body_max = ANSWER_MAX,
			.done = posted };
		if (loop->fetch != NULL && loop->fetch(loop, &x->fetch) == VX_OK) {
			x->fetching = true;
			return;
		}
		(void)snprintf(x->reason, sizeof(x->reason), "HTTPS is not possible");
		x->url_at++;
	}
	after_posts(x);
}

/* --- making ----------------------------------------------------------------------------
 */

static void run(struct vx_job *job)
{
	struct report_sending *x = (struct report_sending *)job;

	x->result = vx_report_make(&x->make, &x->packed);
	vx_buf_add_str(&x->mail, RETURN_PATH);
	if (x->result == VX_OK && x->to_count > 0)
		x->result = vx_report_write_mail(
		    &x->make, vx_buf_slice(&x->packed), x->now, &x->mail);
}

static void made(struct vx_job *job)
{
	struct report_sending *x = (struct report_sending *)job;

	if (x->result == VX_ENOENT)
		unwanted(x, "nothing was counted");
	else if (x->result != VX_OK)
		later(x, vx_strerror(x->result));
	else
		post_next(x);
}

/* postmaster of the domain that the host is of, unless another one is said. */
static int write_email(struct report_sending *x)
{
	const struct vx_report_sender_options *o = &x->sender->o;
	struct vx_domain d;
	struct vx_view *v;
	int rc;

	if (o->email[0] != '\0') {
		vx_buf_add_str(&x->email, o->email);
		return x->email.failed ? VX_ENOMEM : VX_OK;
	}
	rc = vx_view_begin(o->store, &v);
	if (rc != VX_OK)
		return rc;
	rc = vx_directory_host_domain(v, vx_slice_str(o->hostname), &d);
	vx_buf_add_str(&x->email, "postmaster@");
	if (rc == VX_OK)
		vx_buf_add(&x->email, d.name);
	vx_view_end(v);
	return rc == VX_OK && x->email.failed ? VX_ENOMEM : rc;
}

static void make(struct report_sending *x)
{
	const struct vx_report_sender_options *o = &x->sender->o;
	int rc = write_email(x);
	const vx_slice email = vx_buf_slice(&x->email);

	if (rc != VX_OK) {
		later(x, rc == VX_ENOENT ? "there is no domain to send it from"
					 : vx_strerror(rc));
		return;
	}
	x->make = (struct vx_report_make){ .store = o->store,
		.kind = x->kind,
		.day = x->day,
		.domain = x->domain,
		.organization = vx_slice_str(
		    o->organization[0] != '\0' ? o->organization : o->hostname),
		.email = email,
		.submitter = vx_slice_from(email, vx_slice_rfind(email, '@') + 1),
		.to = x->to,
		.to_count = x->to_count };
	x->now = vx_report_sender_now(x->sender);
	x->job = (struct vx_job){ .run = run, .done = made };
	rc = o->loop->submit(o->loop, &x->job);
	if (rc != VX_OK)
		later(x, vx_strerror(rc));
}

/* --- who wants it ----------------------------------------------------------------------
 */

static bool has_address(const struct report_sending *x, vx_slice address)
{
	for (size_t i = 0; i < x->to_count; i++)
		if (vx_slice_eq_nocase(x->to[i], address))
			return true;
	return false;
}

static int add_uri(struct report_sending *x, const struct vx_dmarc_uri *u)
{
	char *url;

	if (x->to_count + x->url_count >= VX_REPORT_DESTINATIONS_MAX)
		return VX_OK;
	if (u->address.len > 0)
		return has_address(x, u->address)
			   ? VX_OK
			   : vx_arena_copy(&x->arena, u->address, &x->to[x->to_count++]);
	if (x->kind != VX_REPORT_TLS ||
	    !vx_slice_has_prefix_nocase(u->uri, VX_S("https://")))
		return VX_OK;
	url = vx_arena_dup(&x->arena, u->uri);
	if (url == NULL)
		return VX_ELIMIT;
	x->urls[x->url_count++] = url;
	return VX_OK;
}

static void decide(struct report_sending *x)
{
	if (x->to_count + x->url_count > 0)
		make(x);
	else if (x->unknown)
		later(x, "who wants it cannot be found out now");
	else
		unwanted(x, x->kind == VX_REPORT_TLS
				? "it asks for none, or in no way that is known"
				: "no address of its record may have it");
}

static void gather_dmarc(struct report_sending *x, size_t count)
{
	const struct vx_dmarc_destination *d =
	    vx_dmarc_destinations_result(x->destinations);
	int rc = VX_OK;

	for (size_t i = 0; i < count && rc == VX_OK; i++) {
		x->unknown = x->unknown || d[i].status == VX_DMARC_TO_UNKNOWN;
		if (d[i].status != VX_DMARC_TO_OWN &&
		    d[i].status != VX_DMARC_TO_CONFIRMED)
			continue;
		for (size_t k = 0; k < d[i].count && rc == VX_OK; k++)
			rc = add_uri(x, &d[i].uris[k]);
	}
	if (rc != VX_OK)
		later(x, vx_strerror(rc));
	else if (x->unknown && x->tries + 1 < VX_REPORT_TRIES_MAX)
		later(x, "who wants it cannot be found out now"); /* all at once */
	else
		decide(x);
}

static bool ask(struct report_sending *x,
    void (*done)(struct vx_lookup *l, const struct vx_dns_answer *a))
{
	struct vx_loop *loop = x->sender->o.loop;

	x->lookup.done = done;
	x->asking = loop->ask != NULL && loop->ask(loop, &x->lookup) == VX_OK;
	return x->asking;
}

static struct report_sending *of_lookup(struct vx_lookup *l)
{
	return (struct report_sending *)(void *)((char *)l -
						 offsetof(struct report_sending, lookup));
}

static void answered_dmarc(struct vx_lookup *l, const struct vx_dns_answer *a);

static void next_question(struct report_sending *x, size_t count)
{
	const int rc = vx_dmarc_destinations_next(x->destinations, &x->lookup.question);

	if (rc == VX_DONE)
		gather_dmarc(x, count);
	else if (rc != VX_WAIT || !ask(x, answered_dmarc))
		later(x, "the DNS cannot be asked");
}

static size_t read_record(struct report_sending *x, struct vx_dmarc_record *record)
{
	return vx_dmarc_record_parse(x->record, &x->arena, record) == VX_OK
		   ? record->rua_count
		   : 0;
}

static void answered_dmarc(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct report_sending *x = of_lookup(l);
	struct vx_dmarc_record record;
	const size_t count = read_record(x, &record);

	x->asking = false;
	if (vx_dmarc_destinations_answer(x->destinations, a) != VX_OK)
		later(x, vx_strerror(VX_ENOMEM));
	else
		next_question(x, count);
}

static void begin_dmarc(struct report_sending *x)
{
	struct vx_dmarc_record record;
	const size_t count = read_record(x, &record);

	if (count == 0)
		unwanted(x, "its record asks for none");
	else if (vx_dmarc_destinations_new(
		     x->domain, record.rua, count, false, &x->destinations) != VX_OK)
		later(x, vx_strerror(VX_ENOMEM));
	else
		next_question(x, count);
}

static void answered_tls(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct report_sending *x = of_lookup(l);
	const struct vx_dmarc_uri *uris;
	size_t count = 0;
	int rc;

	x->asking = false;
	rc = vx_report_tls_destinations(a, &x->arena, &uris, &count);
	x->unknown = rc == VX_ETEMP;
	if (rc == VX_OK || rc == VX_ENOENT || rc == VX_ETEMP)
		rc = VX_OK;
	for (size_t i = 0; i < count && rc == VX_OK; i++)
		rc = add_uri(x, &uris[i]);
	if (rc != VX_OK)
		later(x, vx_strerror(rc));
	else
		decide(x);
}

static void begin_tls(struct report_sending *x)
{
	if (vx_dns_ask(VX_DNS_TXT, "_smtp._tls", x->domain, &x->lookup.question) != VX_OK)
		unwanted(x, "its name is too long to ask it");
	else if (!ask(x, answered_tls))
		later(x, "the DNS cannot be asked");
}

/* --- life ------------------------------------------------------------------------------
 */

static bool is_under_way(const struct vx_report_sender *s, const struct vx_report_day *d)
{
	for (const struct report_sending *x = s->sendings; x != NULL; x = x->next)
		if (x->day == d->day && x->kind == d->kind &&
		    vx_slice_eq(x->domain, d->domain))
			return true;
	return false;
}

static struct report_sending *new_sending(
    struct vx_report_sender *s, const struct vx_report_day *d)
{
	struct report_sending *x = vx_alloc(sizeof(*x));

	if (x == NULL)
		return NULL;
	vx_arena_init(&x->arena, MEMORY_MAX);
	if (vx_arena_copy(&x->arena, d->domain, &x->domain) != VX_OK ||
	    vx_arena_copy(&x->arena, d->record, &x->record) != VX_OK) {
		vx_arena_done(&x->arena);
		vx_free(x);
		return NULL;
	}
	x->kind = d->kind;
	x->day = d->day;
	x->tries = d->tries;
	vx_buf_init(&x->email, 400);
	vx_buf_init(&x->packed, VX_REPORT_PACKED_MAX);
	vx_buf_init(&x->mail, VX_REPORT_MAIL_MAX);
	vx_buf_init(&x->signature, VX_QUEUE_PREFIX_MAX);
	x->sender = s;
	x->next = s->sendings;
	x->link = &s->sendings;
	if (x->next != NULL)
		x->next->link = &x->next;
	s->sendings = x;
	s->count++;
	return x;
}

int vx_report_send(struct vx_report_sender *s, const struct vx_report_day *d)
{
	struct report_sending *x;

	if (is_under_way(s, d))
		return VX_OK;
	x = new_sending(s, d);
	if (x == NULL)
		return VX_ENOMEM;
	if (x->kind == VX_REPORT_TLS)
		begin_tls(x);
	else
		begin_dmarc(x);
	return VX_OK;
}

/*
 * Jobs have ended by now; what the store has is freed when it answers, the rest here.
 */
void vx_report_send_stop(struct vx_report_sender *s)
{
	struct report_sending *x, *next;

	for (x = s->sendings; x != NULL; x = next) {
		next = x->next;
		if (x->asking || x->fetching) {
			free_sending(x);
			continue;
		}
		x->sender = NULL;
	}
	s->sendings = NULL;
}
