/* domain check: what became of mail and of logins lately (DX-OP-06 to DX-OP-14). */
#include "vectisctl/check.h"

#include "vectis/auth.h"
#include "vectis/event.h"
#include "vectis/refusal.h"
#include "vectis/relay.h"
#include "vectis/smtp_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* So that it does not keep the others from their time. */
#define EVENTS_MAX 100000
#define MS_MAX 1500
#define EVENTS_EACH 64 /* between two looks at the clock */

#define NAMES_MAX 256 /* different ones that are counted; then only those */
#define RELAYS_MAX 16
#define SENDERS_MAX 64 /* whose mail relays took */
#define FAILED_MAX 8   /* messages that were not taken, in a row */
#define TEXT_MAX 200

struct name {
	char text[VX_ADDRESS_MAX + 1], example[TEXT_MAX];
	unsigned kind;
	uint64_t count;
};
struct names {
	struct name list[NAMES_MAX];
	size_t count;
};

struct relay {
	char name[VX_RELAY_NAME_MAX + 1], host[VX_DNS_NAME_MAX + 1];
	char replies[2][TEXT_MAX], senders[2][VX_ADDRESS_MAX + 1]; /* auth, identity */
};

struct reading {
	struct checking *k;
	struct vx_diag_flow flow;
	struct names unknown, rules, clients;
	struct relay relay[RELAYS_MAX];
	struct vx_diag_relay relays[RELAYS_MAX];
	struct {
		size_t relay;
		char sender[VX_ADDRESS_MAX + 1];
	} took[SENDERS_MAX];
	size_t took_count;
	char failed_ids[FAILED_MAX][40];
	char taken_host[VX_DNS_NAME_MAX + 1], failed_host[VX_DNS_NAME_MAX + 1];
	char failed_to[VX_ADDRESS_MAX + 1], failed_reply[TEXT_MAX];
	uint64_t events;
	uint64_t oldest; /* number of the last that was read */
	/* what the diagnosis gets */
	struct vx_diag_tally unknown_out[NAMES_MAX], rules_out[NAMES_MAX];
	struct vx_diag_rejected clients_out[NAMES_MAX];
	struct vx_diag_login logins[CTL_REFUSED_MAX];
};

static void keep_text(char *to, size_t size, vx_slice from)
{
	(void)snprintf(to, size, "%.*s", (int)from.len, from.len > 0 ? from.ptr : "");
}

static bool has_utf8(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return true;
	return false;
}

static bool is_of(const struct reading *r, vx_slice address)
{
	const vx_slice ours = vx_slice_str(r->k->d.domain);
	const size_t at = vx_slice_rfind(address, '@');
	const vx_slice domain = vx_slice_from(address, at + 1);
	struct vx_buf name = { .max = VX_DNS_NAME_MAX };
	bool same = at < address.len && vx_slice_eq_nocase(domain, ours);

	if (!same && at < address.len && has_utf8(domain) &&
	    vx_domain_normalise(domain, &name) == VX_OK)
		same = vx_slice_eq_nocase(vx_buf_slice(&name), ours);
	vx_buf_done(&name);
	return same;
}

/* Count it; the first of a name that is seen is the newest. */
static struct name *count(struct names *n, vx_slice text, unsigned kind)
{
	char cut[VX_ADDRESS_MAX + 1];

	keep_text(cut, sizeof(cut), text);
	for (size_t i = 0; i < n->count; i++)
		if (n->list[i].kind == kind && strcasecmp(n->list[i].text, cut) == 0) {
			n->list[i].count++;
			return &n->list[i];
		}
	if (n->count == NAMES_MAX)
		return NULL;
	n->list[n->count] = (struct name){ .kind = kind, .count = 1 };
	memcpy(n->list[n->count].text, cut, sizeof(cut));
	return &n->list[n->count++];
}

/* --- mail that was refused ------------------------------------------------------------
 */

/* For a domain here, or before it was said for whom. */
static void take_rejected(
    struct reading *r, const struct vx_event *e, enum vx_refusal refusal)
{
	const vx_slice to = e->texts[VX_EVENT_RECIPIENTS];
	struct name *n;

	if (to.len > 0 && !is_of(r, to))
		return;
	r->flow.rejected_all++;
	n = count(&r->rules, VX_S(""), refusal);
	if (n != NULL && n->count == 1)
		keep_text(n->example, sizeof(n->example), e->texts[VX_EVENT_REASON]);
	(void)count(&r->clients, e->texts[VX_EVENT_ADDRESS], refusal);
}

static void take_refused(struct reading *r, const struct vx_event *e)
{
	const enum vx_refusal refusal = vx_refusal_of(e->texts[VX_EVENT_REASON]);
	const vx_slice to = e->texts[VX_EVENT_RECIPIENTS];
	const bool from_us = is_of(r, e->texts[VX_EVENT_SENDER]);

	if (e->texts[VX_EVENT_LOGIN].len > 0)
		return;
	if (refusal == VX_REFUSAL_UNKNOWN && is_of(r, to)) {
		r->flow.unknown_all++;
		(void)count(&r->unknown, to, 0);
	} else if (refusal == VX_REFUSAL_CLOSED || refusal == VX_REFUSAL_AWAY) {
		r->flow.closed += is_of(r, to);
	} else if (refusal == VX_REFUSAL_RELAYING ||
		   (refusal == VX_REFUSAL_OWN_DOMAIN && from_us && !is_of(r, to))) {
		r->flow.relaying += from_us;
	} else if (refusal >= VX_REFUSAL_BLOCKED && refusal <= VX_REFUSAL_DMARC) {
		take_rejected(r, e, refusal);
	}
}

/* --- mail that left -------------------------------------------------------------------
 */

/* By which of the domain's relays it went, or was to go; RELAYS_MAX: by none. */
static size_t relay_of(const struct reading *r, const struct vx_event *e)
{
	const vx_slice host = e->texts[VX_EVENT_HOST];
	vx_slice detail = { "", 0 };
	const vx_slice name = ctl_event_check(e, "relay", &detail);

	for (size_t i = 0; i < r->flow.relay_count; i++)
		if (name.len > 0 ? vx_slice_eq(name, vx_slice_str(r->relay[i].name))
				 : host.len > 0 && vx_slice_eq_nocase(host,
						       vx_slice_str(r->relay[i].host)))
			return i;
	return RELAYS_MAX;
}

static bool took(const struct reading *r, size_t relay, const char *sender)
{
	for (size_t i = 0; i < r->took_count; i++)
		if (r->took[i].relay == relay &&
		    strcasecmp(r->took[i].sender, sender) == 0)
			return true;
	return false;
}

static void take_relayed(struct reading *r, size_t relay, const struct vx_event *e)
{
	struct vx_diag_relay *x = &r->relays[relay];
	char sender[VX_ADDRESS_MAX + 1];

	x->sent++;
	if (x->last_sent == 0)
		x->last_sent = (int64_t)e->time;
	keep_text(sender, sizeof(sender), e->texts[VX_EVENT_SENDER]);
	if (r->took_count == SENDERS_MAX || took(r, relay, sender))
		return;
	r->took[r->took_count].relay = relay;
	memcpy(r->took[r->took_count++].sender, sender, sizeof(sender));
}

/* What was taken so far is newer. */
static void take_answer(struct reading *r, size_t relay, const struct vx_event *e)
{
	const struct vx_smtp_hint *hint = vx_smtp_hint_of(e->texts[VX_EVENT_REASON]);
	struct relay *own = &r->relay[relay];
	struct vx_diag_answer *a;
	unsigned which;

	if (hint == NULL)
		return;
	which = strcmp(hint->id, "relay.auth") != 0;
	a = which == 0 ? &r->relays[relay].auth : &r->relays[relay].identity;
	if (a->count++ > 0)
		return;
	keep_text(own->replies[which], TEXT_MAX, e->texts[VX_EVENT_REASON]);
	keep_text(
	    own->senders[which], sizeof(own->senders[which]), e->texts[VX_EVENT_SENDER]);
	a->time = (int64_t)e->time;
	a->reply = own->replies[which];
	a->sender = own->senders[which];
	a->advice = hint->text;
	a->over = which == 0 ? r->relays[relay].last_sent != 0
			     : took(r, relay, own->senders[which]);
}

/* A message that is tried again and again is one. */
static bool is_another(struct reading *r, vx_slice id)
{
	const size_t n = r->flow.failures < FAILED_MAX ? r->flow.failures : FAILED_MAX;

	for (size_t i = 0; i < n; i++)
		if (vx_slice_eq(id, vx_slice_str(r->failed_ids[i])))
			return false;
	if (n < FAILED_MAX)
		keep_text(r->failed_ids[n], sizeof(r->failed_ids[n]), id);
	return n < FAILED_MAX;
}

static void take_outgoing(struct reading *r, const struct vx_event *e)
{
	struct vx_diag_flow *f = &r->flow;

	if (f->taken.time != 0)
		return;
	if (e->type == VX_EVENT_SENT) {
		f->taken.time = (int64_t)e->time;
		keep_text(r->taken_host, sizeof(r->taken_host), e->texts[VX_EVENT_HOST]);
	} else if (is_another(r, e->texts[VX_EVENT_ID]) && f->failures++ == 0) {
		f->failed.time = (int64_t)e->time;
		keep_text(
		    r->failed_host, sizeof(r->failed_host), e->texts[VX_EVENT_HOST]);
		keep_text(
		    r->failed_to, sizeof(r->failed_to), e->texts[VX_EVENT_RECIPIENTS]);
		keep_text(
		    r->failed_reply, sizeof(r->failed_reply), e->texts[VX_EVENT_REASON]);
	}
}

static void take_of_domain(struct reading *r, const struct vx_event *e)
{
	const size_t relay = relay_of(r, e);

	if (relay < RELAYS_MAX && e->type == VX_EVENT_SENT)
		take_relayed(r, relay, e);
	else if (relay < RELAYS_MAX)
		take_answer(r, relay, e);
	take_outgoing(r, e);
}

/* --- all events, the newest first -----------------------------------------------------
 */

static void take(struct reading *r, const struct vx_event *e)
{
	vx_slice detail = { "", 0 };
	const bool leaves = e->type == VX_EVENT_SENT || e->type == VX_EVENT_DEFERRED ||
			    e->type == VX_EVENT_BOUNCED || e->type == VX_EVENT_EXPIRED;

	if (e->type == VX_EVENT_SENT && ctl_event_check(e, "relay", &detail).len == 0) {
		r->flow.first_sent = (int64_t)e->time;
		r->flow.sent++;
	}
	if ((int64_t)e->time < r->flow.since)
		return;
	if (e->type == VX_EVENT_REFUSED)
		take_refused(r, e);
	else if (leaves && is_of(r, e->texts[VX_EVENT_SENDER]))
		take_of_domain(r, e);
}

static void read_events(struct reading *r, struct vx_view *v)
{
	const uint64_t end = ctl_dns_now_ms() + MS_MAX;
	struct vx_event e = { .number = UINT64_MAX };
	int64_t oldest = INT64_MAX;
	int rc;

	while ((rc = vx_event_before(v, e.number, &e)) == VX_OK) {
		if (++r->events > EVENTS_MAX ||
		    (r->events % EVENTS_EACH == 0 && ctl_dns_now_ms() >= end))
			break;
		r->oldest = e.number;
		oldest = (int64_t)e.time;
		take(r, &e);
	}
	if (rc == VX_OK && oldest > r->flow.since) {
		r->flow.cut = true;
		r->flow.since = oldest;
	}
	/* what is older is forgotten: then nobody knows when it began */
	if (rc != VX_ENOENT || r->oldest != 1)
		r->flow.first_sent = 0;
}

static bool sends_by(const struct vx_relay *x, vx_slice domain)
{
	vx_slice rest = x->domains, one;

	while (rest.len > 0) {
		(void)vx_slice_cut(&rest, '\n', &one);
		if (vx_slice_eq_nocase(one, domain))
			return true;
	}
	return x->domains.len == 0;
}

static void find_relays(struct reading *r, struct vx_view *v)
{
	char after[VX_RELAY_NAME_MAX + 1] = "";
	struct vx_relay x;
	size_t n = 0;

	while (n < RELAYS_MAX && vx_relay_next(v, vx_slice_str(after), &x) == VX_OK) {
		keep_text(after, sizeof(after), x.name);
		if (!sends_by(&x, vx_slice_str(r->k->d.domain)))
			continue;
		keep_text(r->relay[n].name, sizeof(r->relay[n].name), x.name);
		keep_text(r->relay[n].host, sizeof(r->relay[n].host), x.host);
		r->relays[n].name = r->relay[n].name;
		r->relays[n].host = r->relay[n].host;
		r->relays[n].auth.reply = r->relays[n].identity.reply = "";
		n++;
	}
	r->flow.relays = r->relays;
	r->flow.relay_count = n;
}

/* --- logins ---------------------------------------------------------------------------
 */

static const struct {
	enum vx_auth_reason reason;
	enum vx_diag_login_why why;
} whys[] = { { VX_AUTH_UNKNOWN, VX_DIAG_LOGIN_UNKNOWN },
	{ VX_AUTH_WRONG, VX_DIAG_LOGIN_WRONG }, { VX_AUTH_ALIAS, VX_DIAG_LOGIN_ALIAS },
	{ VX_AUTH_INACTIVE, VX_DIAG_LOGIN_INACTIVE },
	{ VX_AUTH_CLOSED, VX_DIAG_LOGIN_CLOSED },
	{ VX_AUTH_SUSPENDED, VX_DIAG_LOGIN_SUSPENDED },
	{ VX_AUTH_POP3_OFF, VX_DIAG_LOGIN_POP3_OFF },
	{ VX_AUTH_NO_TLS, VX_DIAG_LOGIN_NO_TLS },
	{ VX_AUTH_THROTTLED, VX_DIAG_LOGIN_THROTTLED } };

static bool is_wanted(const struct vx_auth_refused *r, const void *ctx)
{
	const struct reading *reading = ctx;

	return is_of(reading, vx_slice_str(r->login)) ||
	       (r->reason == VX_AUTH_NO_TLS && strcmp(r->login, "-") == 0);
}

/* Is that still so? */
static bool is_mended(enum vx_auth_reason reason, const struct ctl_refused_more *m)
{
	const unsigned flags = m->flags;

	switch (reason) {
	case VX_AUTH_UNKNOWN:
	case VX_AUTH_ALIAS:
		return m->mailbox;
	case VX_AUTH_INACTIVE:
		return (flags & VX_ACCOUNT_INACTIVE) == 0;
	case VX_AUTH_CLOSED:
		return !m->closed;
	case VX_AUTH_SUSPENDED:
		return (flags & VX_ACCOUNT_NO_SENDING) == 0;
	case VX_AUTH_POP3_OFF:
		return (flags & VX_ACCOUNT_POP3) != 0;
	case VX_AUTH_RIGHT:
	case VX_AUTH_WRONG:
	case VX_AUTH_NO_TLS:
	case VX_AUTH_THROTTLED:
	case VX_AUTH_REASONS:
		break;
	}
	return false;
}

static void read_logins(struct reading *r)
{
	static struct vx_auth_refused list[CTL_REFUSED_MAX];
	static struct ctl_refused_more more[CTL_REFUSED_MAX];
	const size_t n = ctl_refused(r->k->c, is_wanted, r, list);

	ctl_refused_look(r->k->c, list, n, more);
	for (size_t i = 0; i < n; i++) {
		struct vx_diag_login *l = &r->logins[r->flow.login_count];

		if (is_mended(list[i].reason, &more[i]))
			continue;
		*l = (struct vx_diag_login){ .login = list[i].login,
			.network = list[i].network,
			.owner = more[i].owner,
			.mailbox = more[i].mailbox,
			.count = list[i].count,
			.last = list[i].last,
			.right = more[i].right };
		for (size_t k = 0; k < sizeof(whys) / sizeof(whys[0]); k++)
			if (whys[k].reason == list[i].reason)
				l->why = whys[k].why;
		r->flow.login_count++;
	}
	r->flow.logins = r->logins;
}

/* --- all ------------------------------------------------------------------------------
 */

static int by_count(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return (x->count < y->count) - (x->count > y->count);
}

static size_t tally(struct names *n, bool rules, struct vx_diag_tally *out)
{
	if (n->count > 0)
		qsort(n->list, n->count, sizeof(n->list[0]), by_count);
	for (size_t i = 0; i < n->count; i++)
		out[i] = (struct vx_diag_tally){ .what = rules ? vx_refusal_name(
								     n->list[i].kind)
							       : n->list[i].text,
			.example = n->list[i].example,
			.count = n->list[i].count };
	return n->count;
}

static void hand_over(struct reading *r)
{
	struct vx_diag_flow *f = &r->flow;
	struct names *c = &r->clients;

	f->unknown_count = tally(&r->unknown, false, r->unknown_out);
	f->unknown = r->unknown_out;
	f->rule_count = tally(&r->rules, true, r->rules_out);
	f->rules = r->rules_out;
	if (c->count > 0)
		qsort(c->list, c->count, sizeof(c->list[0]), by_count);
	for (size_t i = 0; i < c->count; i++)
		r->clients_out[i] = (struct vx_diag_rejected){ .address = c->list[i].text,
			.rule = vx_refusal_name(c->list[i].kind),
			.count = c->list[i].count,
			.lasting = c->list[i].kind != VX_REFUSAL_GREYLIST &&
				   c->list[i].kind != VX_REFUSAL_RATE };
	f->clients = r->clients_out;
	f->client_count = c->count;
	f->taken.host = r->taken_host;
	f->failed.host = r->failed_host;
	f->failed.recipient = r->failed_to;
	f->failed.reply = r->failed_reply;
	f->taken.recipient = f->taken.reply = "";
}

void ctl_check_flow(struct checking *k)
{
	static struct reading r;
	struct vx_view *v = NULL;

	r.k = k;
	r.flow.since = k->f.now - (int64_t)VX_DIAG_FLOW_DAYS * 86400;
	r.flow.inactive = (k->d.flags & VX_DOMAIN_INACTIVE) != 0;
	r.flow.away = (k->d.flags & VX_DOMAIN_NO_INCOMING) != 0;
	if (vx_view_begin(k->c->store, &v) != VX_OK)
		return;
	find_relays(&r, v);
	read_events(&r, v);
	vx_view_end(v);
	read_logins(&r);
	hand_over(&r);
	k->f.flow = &r.flow;
}
