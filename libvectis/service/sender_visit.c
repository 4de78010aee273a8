/* One attempt to send to a destination: route, hosts, connections, messages. */
#include "service/sender_seven.h"
#include "service/sender_tls.h"

#include "base/mem.h"

#include <stdio.h>

#define REASON_MAX 400

struct sender_visit {
	struct vx_sender *sender;
	struct destination *destination;
	struct sender_visit *next, **prev;
	struct sender_relay *relay; /* own; NULL: it goes to the domain's hosts */
	struct vx_route *route;     /* own */
	struct vx_lookup lookup;
	bool asking;
	size_t address; /* of the host: the next to try */
	bool routed;    /* it was looked at whether relays have its mail */
	struct sender_tls tls;
	bool lax;                 /* what is due wants no more of TLS than there is */
	bool in_clear;            /* TLS with this address failed, and may be left away */
	struct sender_link *link; /* under way; the loop owns it */
	unsigned took;            /* messages */
	char host[VX_DNS_NAME_MAX + 1];
	char status[VX_SMTP_STATUS_MAX + 1];
	char reason[REASON_MAX]; /* the last failure of a host */
};

/* A connection of a visit. */
struct sender_link {
	struct vx_session base;
	struct sender_visit *visit;
	struct sender_relay *relay;       /* own: has the client's login */
	struct vx_smtp_client *client;    /* own */
	struct sender_outgoing *outgoing; /* own, under way */
	struct fetch *fetch;              /* under way */
	bool converting;                  /* the outgoing one is */
	unsigned sent;                    /* messages */
	uint64_t relays;                  /* the sender's, when it was dialled */
	bool ready;                       /* it was of use */
	uint64_t idle_ms; /* since when it has nothing to send; 0: it has */
	struct sender_link *next_idle, **prev_idle;
	const char *checked; /* how its certificate was; static */
	char tls_version[16];
	bool tls, refused; /* refused: its certificate is not the right one */
	bool in_clear;     /* it was to be without TLS from the beginning */
	bool reports_only; /* nothing but reports of ours went on it */
	bool too_lax;      /* what is due may not go this way */
	struct sender_tls_seen seen;
};

/* Brings octets of a message that are not in memory. */
struct fetch {
	struct vx_job job;
	struct sender_link *link; /* NULL: it is gone */
	struct vx_blob_reader *reader;
	struct sender_outgoing *orphan; /* own, when the link is gone: has the reader */
	struct vx_sender *sender;
	uint64_t offset;
	size_t max;
	int result;
};

static void go_on(struct sender_visit *v);

static void set_reason(struct sender_visit *v, const char *status, const char *text)
{
	(void)snprintf(v->status, sizeof(v->status), "%s", status);
	(void)snprintf(v->reason, sizeof(v->reason), "%s", text);
}

/* --- its end ---------------------------------------------------------------------------
 */

static void free_visit(struct sender_visit *v)
{
	if (v->asking)
		v->sender->o.loop->forget(v->sender->o.loop, &v->lookup);
	*v->prev = v->next;
	if (v->next != NULL)
		v->next->prev = v->prev;
	vx_route_free(v->route);
	vx_sender_relay_free(v->relay);
	vx_sender_tls_done(&v->tls);
	vx_free(v);
}

static void end_visit(struct sender_visit *v, const char *why)
{
	struct vx_sender *s = v->sender;
	struct destination *d = v->destination;
	const unsigned took = v->took;
	char text[REASON_MAX];

	(void)snprintf(text, sizeof(text), "%s", why == NULL ? "" : why);
	free_visit(v);
	vx_sender_visited(s, d, took, why == NULL ? NULL : text);
}

void vx_sender_visits_free(struct vx_sender *s)
{
	for (struct sender_visit *v = s->visit_list, *next; v != NULL; v = next) {
		next = v->next;
		if (v->link != NULL)
			v->link->visit = NULL;
		free_visit(v);
	}
}

/* It is over: what was forged on the way is told of, once. */
static void count_forged(const struct sender_visit *v)
{
	const char *host;
	size_t at = 0;

	while (v->tls.domain != NULL && (host = vx_route_bogus(v->route, &at)) != NULL)
		vx_sender_tls_forged(&v->tls, host);
}

/* No host is left. */
static void no_host(struct sender_visit *v)
{
	const struct vx_route_verdict *verdict = vx_route_verdict(v->route);
	const bool tried = v->reason[0] != '\0';
	const char *text = tried ? v->reason : verdict->text;
	/* a relay that is not found is a mistake of ours: no mail is lost for that */
	const bool permanent = verdict->permanent && !tried && v->relay == NULL;
	const char *status = tried              ? v->status
			     : v->relay != NULL ? "4.3.5"
						: verdict->enhanced;
	char copy[REASON_MAX];

	count_forged(v);
	(void)snprintf(copy, sizeof(copy), "%s%.300s",
	    tried || v->relay == NULL ? "" : "the relay cannot be found: ", text);
	vx_sender_fail(v->sender, v->destination,
	    permanent ? VX_SMTP_PERMANENT : VX_SMTP_TEMPORARY, status, v->host,
	    vx_slice_str(copy));
	end_visit(v, copy);
}

/* --- routing ---------------------------------------------------------------------------
 */

static void answered(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct sender_visit *v =
	    (struct sender_visit *)(void *)((char *)l -
					    offsetof(struct sender_visit, lookup));

	v->asking = false;
	vx_route_answer(v->route, a);
	go_on(v);
}

static bool ask(struct sender_visit *v)
{
	struct vx_loop *loop = v->sender->o.loop;

	v->lookup.done = answered;
	v->asking = loop->ask(loop, &v->lookup) == VX_OK;
	return v->asking;
}

static int dial(struct sender_visit *v, const char *address);

/* The domain's hosts are known: is its mail theirs? */
static bool goes_by_relay(struct sender_visit *v)
{
	struct destination *d = v->destination;
	const char *mx = vx_route_mx(v->route, 0);

	if (v->relay != NULL || mx == NULL)
		return false;
	if (d->mx == NULL || strcmp(d->mx, mx) != 0) {
		char *copy = vx_alloc(strlen(mx) + 1);

		if (copy == NULL)
			return false;
		memcpy(copy, mx, strlen(mx) + 1);
		vx_free(d->mx);
		d->mx = copy;
	}
	if (!vx_sender_has_stray(v->sender, d))
		return false;
	vx_sender_route(v->sender, d);
	return true;
}

static void policy_known(struct sender_tls *t)
{
	go_on((struct sender_visit *)(void *)((char *)t -
					      offsetof(struct sender_visit, tls)));
}

/* The route names another host: may it have the mail? */
static void begin_host(struct sender_visit *v)
{
	const struct vx_route_host *h = vx_route_host(v->route);
	char why[SENDER_TLS_TEXT_MAX];

	v->address = 0;
	v->in_clear = false;
	(void)snprintf(v->host, sizeof(v->host), "%s", h->name);
	if (vx_sender_tls_admits(&v->tls, h, why))
		return;
	set_reason(v, "4.7.5", why);
	v->address = SIZE_MAX;
}

/* The next address of this host, or of the next one. */
static void go_on(struct sender_visit *v)
{
	static const struct vx_dns_answer failed = { .status = VX_DNS_FAILED };

	for (;;) {
		const struct vx_route_host *h = vx_route_host(v->route);
		int rc;

		if (v->address < h->address_count) {
			if (dial(v, h->addresses[v->address]) == VX_OK)
				return;
			set_reason(v, "4.4.1", "the connection cannot be opened");
			v->address++;
			v->in_clear = false;
			continue;
		}
		v->address = SIZE_MAX; /* the host is not this one any more */
		rc = vx_route_next(v->route, &v->lookup.question);
		if (rc == VX_WAIT) {
			if (ask(v))
				return;
			vx_route_answer(v->route, &failed);
		} else if (rc == VX_DATA) {
			if (!v->routed && goes_by_relay(v)) {
				end_visit(v, NULL);
				return;
			}
			v->routed = true;
			begin_host(v);
		} else {
			no_host(v);
			return;
		}
	}
}

static int new_route(struct sender_visit *v)
{
	struct vx_sender *s = v->sender;
	const struct sender_relay *r = v->relay;
	const bool own_port = r == NULL || r->port == s->o.port;
	const struct vx_route_options o = { .struct_size = sizeof(o),
		.destination = vx_slice_str(r != NULL ? r->host : v->destination->name),
		.hostname = s->o.hostname,
		.self = s->o.self,
		.self_count = own_port ? s->o.self_count : 0,
		.dane = r == NULL && !v->lax,
		.no_mx = r != NULL,
		.port = r != NULL ? r->port : s->o.port,
		.random = s->random++ };

	return vx_route_new(&o, &v->route);
}

/* What makes a visit impossible before it begins. */
static void not_begun(struct vx_sender *s, struct destination *d, int rc)
{
	const bool relay = vx_sender_is_relay(d);

	if (rc == VX_EINVAL && !relay)
		vx_sender_fail(
		    s, d, VX_SMTP_PERMANENT, "5.1.2", "", VX_S("the domain is no name"));
	if (!relay)
		return;
	/* it was removed, and its mail is still to be given to another */
	d->closed_until = vx_sender_now(s) + 5;
	s->mend_again = true;
}

/* A relay with TLS that is checked has all that a policy could want (RFC 8461 3.4). */
static bool asks_policy(const struct sender_visit *v)
{
	return !v->lax && (v->relay == NULL || v->relay->tls == VX_RELAY_OFFERED);
}

int vx_sender_visit(struct vx_sender *s, struct destination *d)
{
	struct sender_visit *v = vx_alloc(sizeof(*v));
	const uint32_t now = vx_sender_now(s);
	bool quiet;
	int rc = VX_OK;

	if (v == NULL)
		return VX_ENOMEM;
	v->sender = s;
	v->destination = d;
	quiet = vx_sender_has_only(s, d, now, VX_QUEUE_REPORT);
	v->lax = quiet && vx_sender_has_only(s, d, now, VX_QUEUE_TLS_OPTIONAL);
	if (vx_sender_is_relay(d))
		rc = vx_sender_relay_new(s, d, &v->relay);
	if (rc == VX_OK)
		rc = new_route(v);
	if (rc != VX_OK) {
		vx_sender_relay_free(v->relay);
		vx_free(v);
		not_begun(s, d, rc);
		return rc;
	}
	v->address = SIZE_MAX;
	v->next = s->visit_list;
	v->prev = &s->visit_list;
	if (v->next != NULL)
		v->next->prev = &v->next;
	s->visit_list = v;
	s->visits++;
	d->visits++;
	d->due = UINT32_MAX; /* until a claim finds more */
	if (!asks_policy(v) ||
	    vx_sender_tls_begin(&v->tls, s, v->relay != NULL ? v->relay->host : d->name,
		quiet, policy_known) == VX_OK)
		go_on(v);
	return VX_OK;
}

/* --- messages on a link
 * ----------------------------------------------------------------- */

static struct sender_link *link_of(struct vx_session *base)
{
	return (struct sender_link *)(void *)base;
}

/* What cannot even be begun is a message's own fault, or ours. */
static void give_up(struct sender_link *l, const char *status, const char *text)
{
	struct sender_outgoing *o = l->outgoing;

	l->outgoing = NULL;
	vx_sender_note_all(o, VX_SMTP_TEMPORARY, status, vx_slice_str(text));
	vx_sender_settle(l->visit->sender, o);
}

static void settle(struct sender_link *l)
{
	struct sender_outgoing *o = l->outgoing;

	if (o == NULL)
		return;
	l->outgoing = NULL;
	(void)snprintf(o->host, sizeof(o->host), "%s", l->visit->host);
	vx_sender_note_all(
	    o, VX_SMTP_TEMPORARY, "4.4.2", VX_S("the connection was lost"));
	vx_sender_settle(l->visit->sender, o);
}

static void begin_idle(struct sender_link *l)
{
	struct destination *d = l->visit->destination;
	struct vx_loop *loop = l->visit->sender->o.loop;

	l->idle_ms = loop->now_ms(loop);
	l->next_idle = d->idle;
	l->prev_idle = &d->idle;
	if (l->next_idle != NULL)
		l->next_idle->prev_idle = &l->next_idle;
	d->idle = l;
}

static void end_idle(struct sender_link *l)
{
	if (l->idle_ms == 0)
		return;
	l->idle_ms = 0;
	*l->prev_idle = l->next_idle;
	if (l->next_idle != NULL)
		l->next_idle->prev_idle = l->prev_idle;
}

static void next_message(struct sender_link *l);

/* For a peer of 7 bits: once more, or it has its fate. */
static void converted(void *ctx, int result)
{
	struct sender_link *l = ctx;

	l->converting = false;
	if (result == VX_OK)
		result = vx_smtp_client_send(l->client, &l->outgoing->message);
	if (result != VX_OK)
		next_message(l);
	l->base.host->wake(l->base.host);
}

/* The connection went meanwhile: the message is settled behind it. */
static void converted_alone(void *ctx, int result)
{
	struct sender_outgoing *o = ctx;
	struct vx_sender *s = vx_sender_seven_sender(o);

	if (result == VX_OK)
		vx_sender_note_again(
		    o, VX_SMTP_TEMPORARY, "4.4.2", VX_S("the connection was lost"));
	vx_sender_settle(s, o);
}

static bool convert(struct sender_link *l)
{
	if (l->outgoing == NULL || !vx_sender_seven_wanted(l->outgoing))
		return false;
	l->converting =
	    vx_sender_seven_begin(l->visit->sender, l->outgoing, converted, l) == VX_OK;
	if (!l->converting)
		vx_sender_note_again(l->outgoing, VX_SMTP_TEMPORARY, "4.3.0",
		    VX_S("the message cannot be converted now"));
	return l->converting;
}

/* A relay may be another one, or have another login, since it was dialled. */
static bool may_send_more(const struct sender_link *l)
{
	const struct vx_sender *s = l->visit->sender;

	return !l->too_lax && l->sent < s->o.messages_each &&
	       vx_smtp_client_mails_left(l->client) > 0 &&
	       (l->relay == NULL || l->relays == s->relays);
}

/* How it goes, for whoever asks later. */
static void note_way(struct sender_link *l)
{
	const struct destination *d = l->visit->destination;
	struct sender_outgoing *o = l->outgoing;

	(void)snprintf(o->way, sizeof(o->way), "tls\t%s\t%s%s%.*s%s",
	    l->tls ? l->tls_version : "none",
	    !l->tls              ? ""
	    : l->checked == NULL ? "its certificate is not looked at"
				 : l->checked,
	    vx_sender_is_relay(d) ? "\nrelay\t" : "", VX_RELAY_NAME_MAX,
	    vx_sender_is_relay(d) ? d->name + 1 : "", vx_sender_is_relay(d) ? "\t" : "");
}

/* Sessions for reports are not reported (RFC 8460 3), or there would be no end. */
static void note_report(struct sender_link *l)
{
	const bool report = (l->outgoing->info.flags & VX_QUEUE_REPORT) != 0;

	l->reports_only = report && (l->sent == 0 || l->reports_only);
}

/* The next message is the outgoing one; false: there is none for this link. */
static bool claim(struct sender_link *l)
{
	struct vx_sender *s = l->visit->sender;
	struct destination *d = l->visit->destination;
	const uint32_t now = vx_sender_now(s);

	if (vx_sender_claim(s, d, now, &l->outgoing, &d->due) != VX_OK)
		return false;
	l->too_lax =
	    l->visit->lax && (l->outgoing->info.flags & VX_QUEUE_TLS_OPTIONAL) == 0;
	if (!l->too_lax)
		return true;
	/* it came meanwhile: another visit has it, with all that it may want */
	vx_sender_outgoing_free(l->outgoing);
	l->outgoing = NULL;
	vx_sender_due(s, d, now);
	return false;
}

/* The next message; when there is none it waits for one. */
static void next_message(struct sender_link *l)
{
	struct vx_sender *s = l->visit->sender;
	struct destination *d = l->visit->destination;

	if (convert(l))
		return;
	settle(l);
	while (!s->stopping && may_send_more(l) && claim(l)) {
		int rc = vx_sender_prepare(s, l->outgoing);

		note_way(l);
		if (rc == VX_OK)
			rc = vx_smtp_client_send(l->client, &l->outgoing->message);
		if (rc == VX_OK) {
			note_report(l);
			l->sent++;
			l->visit->took++;
			vx_sender_more(s, d);
			return;
		}
		give_up(l, "4.3.0",
		    rc == VX_EINVAL ? "an address of the message cannot be sent"
				    : vx_strerror(rc));
	}
	if (l->sent > 0 && may_send_more(l) && !s->stopping)
		begin_idle(l);
	else
		(void)vx_smtp_client_quit(l->client);
}

bool vx_sender_wake_idle(struct destination *d)
{
	struct sender_link *l = d->idle;

	if (l == NULL)
		return false;
	end_idle(l);
	next_message(l);
	l->base.host->wake(l->base.host);
	return l->idle_ms == 0;
}

void vx_sender_hang_up_idle(struct vx_sender *s)
{
	const uint64_t now = s->o.loop->now_ms(s->o.loop);

	for (struct sender_visit *v = s->visit_list; v != NULL; v = v->next) {
		struct sender_link *l = v->link;

		if (l == NULL || l->idle_ms == 0 ||
		    (now - l->idle_ms < SENDER_LINGER_MS && may_send_more(l)))
			continue;
		end_idle(l);
		(void)vx_smtp_client_quit(l->client);
		l->base.host->wake(l->base.host);
	}
}

static void fetched(struct vx_job *base)
{
	struct fetch *f = (struct fetch *)base;

	if (f->link != NULL) {
		f->link->fetch = NULL;
		if (f->result != VX_OK)
			vx_smtp_client_lost(
			    f->link->client, "the message cannot be read");
		f->link->base.host->wake(f->link->base.host);
	} else if (f->orphan != NULL) {
		vx_sender_settle(f->sender, f->orphan);
	}
	vx_free(f);
}

static void run_fetch(struct vx_job *base)
{
	struct fetch *f = (struct fetch *)base;

	f->result = vx_blob_fetch(f->reader, f->offset, f->max);
}

static int fetch(struct sender_link *l, uint64_t offset, size_t max)
{
	struct vx_loop *loop = l->base.host->loop;
	struct fetch *f = vx_alloc(sizeof(*f));

	if (f == NULL)
		return VX_ENOMEM;
	*f = (struct fetch){ .job = { .run = run_fetch, .done = fetched },
		.link = l,
		.sender = l->visit->sender,
		.reader = l->outgoing->reader,
		.offset = offset,
		.max = max };
	if (loop->submit(loop, &f->job) != VX_OK) {
		vx_free(f);
		return VX_ELIMIT;
	}
	l->fetch = f;
	return VX_WAIT;
}

/* The octets that the client asks for; VX_WAIT: they are brought. */
static int content(
    struct sender_link *l, const struct vx_smtp_client_event *ev, struct vx_buf *out)
{
	const vx_slice prefix = l->outgoing->prefix;
	size_t max = ev->wanted;
	uint64_t offset;
	vx_slice octets;
	int rc;

	if (ev->offset < prefix.len)
		return vx_smtp_client_content(l->client, out,
		    vx_slice_head(vx_slice_from(prefix, (size_t)ev->offset), ev->wanted));
	if (l->outgoing->seven != NULL) {
		rc =
		    vx_sender_seven_read(l->outgoing, ev->wanted, &octets, &offset, &max);
	} else {
		offset = l->outgoing->skip + ev->offset - prefix.len;
		rc = vx_blob_read(l->outgoing->reader, offset, max, &octets);
	}
	if (rc == VX_WAIT)
		return fetch(l, offset, max);
	if (rc == VX_OK && octets.len == 0)
		rc = VX_ECORRUPT;
	if (rc == VX_OK)
		rc = vx_smtp_client_content(l->client, out, octets);
	return rc;
}

/* STARTTLS is not there, and has to be. */
static bool is_about_tls(const struct vx_smtp_result *r)
{
	return r->stage == VX_SMTP_AT_STARTTLS
		   ? r->code > 0
		   : r->code == 0 && strcmp(r->status, "4.7.4") == 0;
}

static void failed_link(struct sender_link *l, const struct vx_smtp_result *r)
{
	char text[REASON_MAX];

	if (l->ready)
		return;
	if (r->code > 0)
		(void)snprintf(text, sizeof(text), "%u %s %.*s (to %s)", r->code,
		    r->status, (int)r->text.len, r->text.len > 0 ? r->text.ptr : "",
		    vx_smtp_stage_name(r->stage));
	else
		(void)snprintf(text, sizeof(text), "%.*s", (int)r->text.len,
		    r->text.len > 0 ? r->text.ptr : "");
	if (!l->tls && !l->seen.known && is_about_tls(r))
		vx_sender_tls_missing(&l->seen);
	/* whatever it says: another host, or this one later, may take the mail */
	set_reason(l->visit, r->status[0] == '5' ? "4.3.0" : r->status, text);
}

static int handle(
    struct sender_link *l, const struct vx_smtp_client_event *ev, struct vx_buf *out)
{
	int rc = VX_OK;

	switch (ev->type) {
	case VX_SMTP_CLIENT_READY:
		l->ready = true;
		if (!l->tls && !l->seen.known && !l->visit->in_clear)
			vx_sender_tls_missing(&l->seen);
		next_message(l);
		break;
	case VX_SMTP_CLIENT_CONTENT:
		rc = content(l, ev, out);
		if (rc < 0) {
			vx_smtp_client_lost(l->client, "the message cannot be read");
			rc = VX_OK;
		}
		break;
	case VX_SMTP_CLIENT_RESULT:
		if (l->outgoing != NULL)
			vx_sender_note(l->outgoing, ev->recipient, &ev->result);
		break;
	case VX_SMTP_CLIENT_FAILED:
		failed_link(l, &ev->result);
		break;
	}
	return rc;
}

/* --- the link as a session
 * ---------------------------------------------------------------- */

static int drive(struct vx_session *base, vx_slice *in, struct vx_buf *out)
{
	struct sender_link *l = link_of(base);
	struct vx_smtp_client_event ev;
	int rc = VX_OK;

	if (l->visit == NULL || l->refused)
		return VX_DONE;
	if (l->fetch != NULL || l->converting)
		return VX_WAIT;
	while (rc == VX_OK) {
		if (out->len >= VX_SESSION_HIGH_WATER)
			return VX_DATA;
		rc = vx_smtp_client_next(l->client, in, out, &ev);
		if (rc == VX_DATA)
			rc = handle(l, &ev, out);
	}
	return rc;
}

static void opened(struct vx_session *base, const struct vx_peer *peer)
{
	vx_sender_tls_opened(&link_of(base)->seen, peer); /* the peer speaks first */
}

static bool needs_tls(const struct sender_visit *v)
{
	return (v->relay != NULL && v->relay->tls != VX_RELAY_OFFERED) ||
	       vx_sender_tls_is_required(&v->tls, vx_route_host(v->route));
}

/* In the clear is better than not at all, but where a policy forbids it. */
static void failed(struct vx_session *base, int why, const char *text)
{
	struct sender_link *l = link_of(base);
	struct sender_visit *v = l->visit;
	char reason[REASON_MAX];

	if (v == NULL)
		return;
	(void)snprintf(
	    reason, sizeof(reason), why == VX_ETLS ? "TLS cannot begin: %s" : "%s", text);
	set_reason(v, why == VX_ETLS ? "4.7.5" : "4.4.1", reason);
	if (why == VX_ETLS)
		vx_sender_tls_failed(&l->seen, text);
	if (why == VX_ETLS && !needs_tls(v)) {
		vx_log(v->sender->o.log, VX_LOG_WARN, "TLS failed, sending in the clear",
		    VX_KV_Z("host", v->host), VX_KV_Z("reason", text));
		v->in_clear = true;
	}
}

static bool is_right_server(struct sender_link *l, struct vx_tls *tls)
{
	struct sender_visit *v = l->visit;
	const struct vx_route_host *h = vx_route_host(v->route);
	struct vx_error err;

	if (l->relay != NULL && l->relay->tls != VX_RELAY_OFFERED) {
		/* before anything is said to it that it could use, such as a password */
		l->checked = "its certificate is right";
		if (vx_tls_check_peer(tls, &h->name, 1, &err) == VX_OK)
			return true;
	} else if (vx_sender_tls_check(&v->tls, h, tls, &l->seen, &err) == VX_OK) {
		l->checked = vx_sender_tls_words(&v->tls, h, &l->seen);
		return true;
	}
	set_reason(v, "4.7.5", err.text);
	return false;
}

static void tls_ready(struct vx_session *base, const struct vx_session_tls *tls)
{
	struct sender_link *l = link_of(base);

	l->tls = true;
	(void)snprintf(l->tls_version, sizeof(l->tls_version), "%.*s",
	    (int)tls->version.len, tls->version.len > 0 ? tls->version.ptr : "");
	if (l->visit != NULL && !is_right_server(l, tls->connection))
		l->refused = true;
	else
		vx_smtp_client_tls_ready(l->client, tls->exporter);
}

/* From when the peer last went on: one that dribbles gets no more. */
static uint64_t patience_ms(const struct vx_session *base)
{
	return (uint64_t)vx_smtp_client_patience_s(
		   ((const struct sender_link *)(const void *)base)->client) *
	       1000;
}

static void timeout(struct vx_session *base, struct vx_buf *out)
{
	struct sender_link *l = link_of(base);

	(void)out;
	vx_smtp_client_lost(l->client, "the server is silent for too long");
	if (l->visit != NULL && !l->ready)
		set_reason(l->visit, "4.4.2", "the server is silent for too long");
}

static void stop(struct vx_session *base, struct vx_buf *out)
{
	(void)out;
	vx_smtp_client_lost(link_of(base)->client, "this server stops");
}

/* What the client still has to say of the message. */
static void drain(struct sender_link *l)
{
	struct vx_buf out = { .max = VX_SMTP_OUT_MAX };
	vx_slice nothing = vx_slice_of("", 0);
	struct vx_smtp_client_event ev;

	vx_smtp_client_lost(l->client, "the connection was lost");
	while (vx_smtp_client_next(l->client, &nothing, &out, &ev) == VX_DATA) {
		if (ev.type == VX_SMTP_CLIENT_RESULT && l->outgoing != NULL)
			vx_sender_note(l->outgoing, ev.recipient, &ev.result);
		else if (ev.type == VX_SMTP_CLIENT_FAILED && l->visit->reason[0] == '\0')
			failed_link(l, &ev.result);
	}
	vx_buf_done(&out);
}

/* A job reads from the message's reader: the message is settled behind it. */
static void orphan(struct sender_link *l)
{
	struct sender_outgoing *o = l->outgoing;

	l->fetch->link = NULL;
	l->fetch->orphan = o;
	l->outgoing = NULL;
	if (o != NULL) {
		(void)snprintf(o->host, sizeof(o->host), "%s", l->visit->host);
		vx_sender_note_all(
		    o, VX_SMTP_TEMPORARY, "4.4.2", VX_S("the connection was lost"));
	}
}

static void link_over(struct sender_link *l)
{
	struct sender_visit *v = l->visit;
	/* once more, in the clear; what fails in the clear is not tried again */
	const bool again =
	    v->in_clear && !l->in_clear && !l->tls && !l->ready && l->sent == 0;

	end_idle(l);
	drain(l);
	if (l->fetch != NULL)
		orphan(l);
	if (l->converting) {
		vx_sender_seven_redirect(l->outgoing, converted_alone, l->outgoing);
		(void)snprintf(
		    l->outgoing->host, sizeof(l->outgoing->host), "%s", v->host);
		l->outgoing = NULL;
		l->converting = false;
	}
	settle(l);
	l->seen.helo = vx_smtp_client_peer_name(l->client);
	if (!l->reports_only)
		vx_sender_tls_count(&v->tls, vx_route_host(v->route), &l->seen);
	v->link = NULL;
	if (v->sender->stopping || l->ready) {
		count_forged(v);
		end_visit(v, NULL);
		return;
	}
	if (!again || l->refused) {
		v->address++;
		v->in_clear = false;
	}
	go_on(v);
}

static void free_link(struct vx_session *base)
{
	struct sender_link *l = link_of(base);

	if (l->visit != NULL)
		link_over(l);
	vx_smtp_client_free(l->client);
	vx_sender_relay_free(l->relay);
	vx_free(l);
}

static const struct vx_session_ops ops = {
	.drive = drive,
	.tls_ready = tls_ready,
	.patience_ms = patience_ms,
	.timeout = timeout,
	.stop = stop,
	.free = free_link,
	.opened = opened,
	.failed = failed,
};

static struct vx_smtp_client_options options_of(
    const struct sender_visit *v, struct sender_relay *r)
{
	struct vx_smtp_client_options o = { .struct_size = sizeof(o),
		.hostname = vx_slice_str(v->sender->o.hostname),
		.policy = needs_tls(v)  ? VX_SMTP_TLS_REQUIRED
			  : v->in_clear ? VX_SMTP_TLS_NEVER
					: VX_SMTP_TLS_OFFERED };

	if (r != NULL) {
		o.user = vx_slice_str(r->user);
		o.password = vx_slice_str(r->password);
		o.tls = r->tls == VX_RELAY_IMPLICIT;
	}
	return o;
}

static int dial(struct sender_visit *v, const char *address)
{
	struct vx_sender *s = v->sender;
	struct sender_relay *r = v->relay;
	const struct vx_smtp_client_options o = options_of(v, r);
	const struct vx_dial d = { .address = address,
		.port = r != NULL ? r->port : s->o.port,
		.tls_name = vx_route_host(v->route)->tlsa_base,
		.tls = o.tls };
	struct sender_link *l = vx_alloc(sizeof(*l));
	int rc;

	if (l == NULL)
		return VX_ENOMEM;
	l->base.ops = &ops;
	l->visit = v;
	l->in_clear = v->in_clear;
	rc = vx_smtp_client_new(&o, &l->client);
	if (rc == VX_OK)
		rc = s->o.loop->dial(s->o.loop, &d, &l->base);
	if (rc != VX_OK) {
		vx_smtp_client_free(l->client);
		vx_free(l);
		return rc;
	}
	l->relay = vx_sender_relay_ref(r);
	l->relays = s->relays;
	v->link = l;
	return VX_OK;
}
