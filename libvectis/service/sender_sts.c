/* Inquiries: the TXT record, the store, the web server, the store. */
#include "service/sender_sts.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

#define INQUIRIES_MAX 100000
#define URL_MAX (VX_DNS_NAME_MAX + 60)

enum step {
	ASKING,   /* for the TXT record */
	FETCHING, /* the policy */
	KEEPING   /* in the store; those who wait go on behind it */
};

struct sender_inquiry {
	struct sender_sts *sts;
	char domain[VX_DNS_NAME_MAX + 1];
	enum step step;
	bool asking, fetching;
	bool refresh; /* nobody has to wait: there is a policy */
	bool over;    /* not found any more */
	struct vx_lookup lookup;
	struct vx_fetch fetch;
	char url[URL_MAX];
	struct sender_wish *wishes;
	struct vx_sts_entry entry;   /* of the store, without its text; "": none */
	struct sender_policy *known; /* own: of the entry, while it is good */
	struct keep *keep;           /* under way */
	char id[VX_STS_ID_MAX + 1];  /* of the TXT record; "": it is not there */
};

/* A version that could not be had. */
struct failure {
	char domain[VX_DNS_NAME_MAX + 1];
	char id[VX_STS_ID_MAX + 1];
	uint32_t until;
};

struct keep {
	struct vx_sts_cache_op op; /* first */
	const struct vx_log *log;
	struct sender_inquiry *inquiry; /* that goes on behind it; NULL: none */
	char text[];
};

struct sender_sts {
	struct sender_sts_options o;
	struct vx_map inquiries, failures; /* own */
	size_t refreshes;
	uint32_t walk_at; /* the next */
	char walked[VX_DNS_NAME_MAX + 1];
};

static uint32_t now_of(const struct sender_sts *s)
{
	const int64_t now = s->o.loop->now_s(s->o.loop);

	return now < 0 ? 0 : now > UINT32_MAX ? UINT32_MAX : (uint32_t)now;
}

/* --- policies in use -----------------------------------------------------------------
 */

static struct sender_policy *make_policy(vx_slice text, struct vx_error *err)
{
	struct sender_policy *p = vx_alloc(sizeof(*p) + text.len);

	if (p == NULL) {
		(void)vx_error_set(err, VX_ENOMEM, "out of memory");
		return NULL;
	}
	p->refs = 1;
	if (text.len > 0)
		memcpy(p->text, text.ptr, text.len);
	if (vx_sts_parse(vx_slice_of(p->text, text.len), &p->sts, err) == VX_OK)
		return p;
	vx_free(p);
	return NULL;
}

struct sender_policy *vx_sender_policy_ref(struct sender_policy *p)
{
	if (p != NULL)
		p->refs++;
	return p;
}

void vx_sender_policy_free(struct sender_policy *p)
{
	if (p != NULL && --p->refs == 0)
		vx_free(p);
}

/* --- inquiries -----------------------------------------------------------------------
 */

static void free_inquiry(struct sender_inquiry *q)
{
	struct sender_sts *s = q->sts;

	if (q->asking)
		s->o.loop->forget(s->o.loop, &q->lookup);
	if (q->fetching)
		s->o.loop->drop(s->o.loop, &q->fetch);
	if (q->keep != NULL)
		q->keep->inquiry = NULL;
	if (!q->over)
		(void)vx_map_remove(&s->inquiries, vx_slice_str(q->domain));
	s->refreshes -= q->refresh;
	vx_sender_policy_free(q->known);
	vx_free(q);
}

/* Everybody who waits goes on with a policy, or without. */
static void answer(struct sender_inquiry *q, struct sender_policy *p)
{
	struct sender_wish *w;

	if (p != NULL && p->sts.mode == VX_STS_NONE)
		p = NULL;
	while ((w = q->wishes) != NULL) {
		vx_sender_sts_forget(w);
		w->policy = vx_sender_policy_ref(p);
		w->done(w);
	}
}

static void end_inquiry(struct sender_inquiry *q)
{
	struct sender_policy *p = vx_sender_policy_ref(q->known);

	/* a wish may be made anew from within: then it is another inquiry's */
	(void)vx_map_remove(&q->sts->inquiries, vx_slice_str(q->domain));
	q->over = true;
	answer(q, p);
	vx_sender_policy_free(p);
	free_inquiry(q);
}

void vx_sender_sts_forget(struct sender_wish *w)
{
	if (w->inquiry == NULL)
		return;
	*w->link = w->next;
	if (w->next != NULL)
		w->next->link = w->link;
	w->inquiry = NULL;
}

/* --- the store -----------------------------------------------------------------------
 */

static void kept(struct vx_store_op *base)
{
	struct keep *k = (struct keep *)base;
	struct sender_inquiry *q = k->inquiry;

	if (base->result != VX_OK)
		vx_log(k->log, VX_LOG_ERROR, "an MTA-STS policy cannot be kept",
		    VX_KV_Z("domain", k->op.entry.domain), VX_KV_ERR(base->result));
	vx_free(k);
	if (q != NULL) {
		q->keep = NULL;
		end_inquiry(q);
	}
}

/* VX_OK: kept is called later. */
static int keep(struct sender_sts *s, const struct vx_sts_entry *e, vx_slice text,
    struct sender_inquiry *q)
{
	struct keep *k = vx_alloc(sizeof(*k) + text.len);
	int rc;

	if (k == NULL)
		return VX_ENOMEM;
	vx_sts_cache_op_init(&k->op);
	k->op.op.done = kept;
	k->op.entry = *e;
	if (text.len > 0)
		memcpy(k->text, text.ptr, text.len);
	k->op.entry.policy = vx_slice_of(k->text, text.len);
	k->log = s->o.log;
	k->inquiry = q;
	rc = vx_store_submit(s->o.store, &k->op.op);
	if (rc != VX_OK)
		vx_free(k);
	else if (q != NULL)
		q->keep = k;
	return rc;
}

/* What the store has, if it is still good. */
static void look_up(struct sender_inquiry *q)
{
	struct sender_sts *s = q->sts;
	struct vx_view *v;

	q->entry.domain[0] = '\0';
	if (vx_view_begin(s->o.store, &v) != VX_OK)
		return;
	if (vx_sts_cached(v, q->domain, &q->entry) != VX_OK)
		q->entry.domain[0] = '\0';
	else if (q->entry.expires > now_of(s))
		q->known = make_policy(q->entry.policy, NULL);
	q->entry.policy = vx_slice_of("", 0);
	vx_view_end(v);
}

/* Mail is sent by it: it will be kept fresh. */
static void note_use(struct sender_inquiry *q)
{
	struct vx_sts_entry e = q->entry;
	const uint32_t now = now_of(q->sts);

	if (q->known == NULL || now < e.used || now - e.used < SENDER_STS_REFRESH_S)
		return;
	e.used = now;
	(void)keep(q->sts, &e, q->known->sts.text, NULL);
}

/* --- failures ------------------------------------------------------------------------
 */

static void forget_failure(struct sender_sts *s, struct failure *f)
{
	(void)vx_map_remove(&s->failures, vx_slice_str(f->domain));
	vx_free(f);
}

static bool failed_lately(struct sender_inquiry *q)
{
	struct failure *f = vx_map_find(&q->sts->failures, vx_slice_str(q->domain));

	return f != NULL && f->until > now_of(q->sts) && strcmp(f->id, q->id) == 0;
}

static void forget_old_failures(struct sender_sts *s)
{
	const uint32_t now = now_of(s);
	struct failure *f;
	size_t at = 0;

	while ((f = vx_map_next(&s->failures, &at)) != NULL)
		if (f->until <= now)
			forget_failure(s, f);
}

static void note_failure(struct sender_inquiry *q)
{
	struct sender_sts *s = q->sts;
	struct failure *f = vx_map_find(&s->failures, vx_slice_str(q->domain));

	if (f != NULL)
		forget_failure(s, f);
	f = vx_alloc(sizeof(*f));
	if (f == NULL)
		return;
	memcpy(f->domain, q->domain, sizeof(f->domain));
	memcpy(f->id, q->id, sizeof(f->id));
	f->until = now_of(s) + SENDER_STS_AGAIN_S;
	if (vx_map_set(&s->failures, vx_slice_str(f->domain), f) != VX_OK)
		vx_free(f);
}

/* Reports about the sending of reports would have no end (RFC 8460 3). */
static bool is_quiet(const struct sender_inquiry *q)
{
	for (const struct sender_wish *w = q->wishes; w != NULL; w = w->next)
		if (!w->quiet)
			return false;
	return !q->refresh;
}

/* For the domain's report, unless it wants no policy any more (RFC 8461 6). */
static void report(
    struct sender_inquiry *q, enum vx_tls_failure_type failure, const char *why)
{
	struct own_tls_outcome o = { .domain = vx_slice_str(q->domain),
		.type = VX_TLS_POLICY_STS,
		.failed = true,
		.failure = failure,
		.reason_code = vx_slice_str(why) };

	if (is_quiet(q) || (q->known != NULL && q->known->sts.mode == VX_STS_NONE))
		return;
	if (q->known != NULL)
		o.policy = q->known->sts.text;
	(void)vx_own_tls_result(q->sts->o.results, &o, now_of(q->sts));
}

/* The policy cannot be had; the one that is known holds until it is too old. */
static void fail(
    struct sender_inquiry *q, enum vx_tls_failure_type failure, const char *why)
{
	struct vx_sts_entry e = q->entry;

	vx_log(q->sts->o.log,
	    q->known != NULL && q->known->sts.mode == VX_STS_NONE ? VX_LOG_INFO
								  : VX_LOG_WARN,
	    "an MTA-STS policy cannot be had", VX_KV_Z("domain", q->domain),
	    VX_KV_Z("reason", why),
	    VX_KV_Z(
		"known", q->known != NULL ? vx_sts_mode_name(q->known->sts.mode) : "no"));
	report(q, failure, why);
	note_failure(q);
	if (q->known != NULL) {
		e.tried = now_of(q->sts);
		e.failing = true;
		if (keep(q->sts, &e, q->known->sts.text, q) == VX_OK)
			return;
	}
	end_inquiry(q);
}

/* --- fetching ------------------------------------------------------------------------
 */

static void take_policy(struct sender_inquiry *q, vx_slice text)
{
	struct vx_sts_entry e = { .fetched = now_of(q->sts) };
	struct sender_policy *p;
	struct vx_error err;

	p = make_policy(text, &err);
	if (p == NULL) {
		fail(q, VX_TLS_STS_POLICY_INVALID, err.text);
		return;
	}
	vx_sender_policy_free(q->known);
	q->known = p;
	vx_log(q->sts->o.log, VX_LOG_INFO, "MTA-STS policy", VX_KV_Z("domain", q->domain),
	    VX_KV_Z("mode", vx_sts_mode_name(p->sts.mode)), VX_KV_Z("id", q->id),
	    VX_KV_U("max_age", p->sts.max_age));
	memcpy(e.domain, q->domain, sizeof(e.domain));
	memcpy(e.id, q->id, sizeof(e.id));
	e.expires = e.fetched + p->sts.max_age;
	e.used = q->refresh ? q->entry.used : e.fetched;
	e.tried = e.fetched;
	q->step = KEEPING;
	if (keep(q->sts, &e, text, q) != VX_OK)
		end_inquiry(q);
}

static void fetched(struct vx_fetch *f, const struct vx_fetch_answer *a)
{
	struct sender_inquiry *q =
	    (struct sender_inquiry *)(void *)((char *)f -
					      offsetof(struct sender_inquiry, fetch));
	char why[VX_FETCH_TEXT_MAX + 40];

	q->fetching = false;
	q->step = KEEPING;
	(void)snprintf(
	    why, sizeof(why), "%s: %s", vx_fetch_result_name(a->result), a->text);
	if (a->result == VX_FETCH_TLS || a->result == VX_FETCH_CERTIFICATE)
		fail(q, VX_TLS_STS_WEBPKI_INVALID, why);
	else if (a->result == VX_FETCH_TOO_LARGE)
		fail(q, VX_TLS_STS_POLICY_INVALID, why);
	else if (a->result != VX_FETCH_ANSWERED)
		fail(q, VX_TLS_STS_POLICY_FETCH_ERROR, why);
	else if (a->status != 200) {
		(void)snprintf(why, sizeof(why), "the server answers %u", a->status);
		fail(q, VX_TLS_STS_POLICY_FETCH_ERROR, why);
	} else if (!vx_sts_is_plain(vx_fetch_value(a, "Content-Type"))) {
		fail(q, VX_TLS_STS_POLICY_INVALID, "the answer is not text/plain");
	} else {
		take_policy(q, a->body);
	}
}

static void fetch(struct sender_inquiry *q)
{
	struct sender_sts *s = q->sts;

	if (s->o.port == 443)
		(void)snprintf(q->url, sizeof(q->url),
		    "https://mta-sts.%s/.well-known/mta-sts.txt", q->domain);
	else
		(void)snprintf(q->url, sizeof(q->url),
		    "https://mta-sts.%s:%u/.well-known/mta-sts.txt", q->domain,
		    s->o.port);
	q->step = FETCHING;
	q->fetch = (struct vx_fetch){ .method = "GET",
		.url = q->url,
		.body_max = VX_STS_OCTETS_MAX,
		.ms_max = s->o.fetch_ms,
		.done = fetched };
	q->fetching = s->o.loop->fetch(s->o.loop, &q->fetch) == VX_OK;
	if (!q->fetching) /* ours, not the domain's: nothing to report */
		end_inquiry(q);
}

/* --- the TXT record ------------------------------------------------------------------
 */

/* How long a policy is let be: less when it is short-lived. */
static bool is_due(const struct vx_sts_entry *e, uint32_t now)
{
	const uint32_t life = e->expires - e->fetched;
	uint32_t wait = e->failing ? SENDER_STS_REFRESH_AGAIN_S : SENDER_STS_REFRESH_S;

	if (wait > life / 2)
		wait = life / 2;
	if (wait < SENDER_STS_AGAIN_S)
		wait = SENDER_STS_AGAIN_S;
	return now >= e->tried && now - e->tried >= wait;
}

static void decide(struct sender_inquiry *q, int txt)
{
	const bool same = q->known != NULL && strcmp(q->id, q->entry.id) == 0;

	if (!is_quiet(q)) /* or a report a day would keep it in use */
		note_use(q);
	if (txt != VX_OK || same || failed_lately(q))
		end_inquiry(q);
	else
		fetch(q);
}

static void answered(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct sender_inquiry *q =
	    (struct sender_inquiry *)(void *)((char *)l -
					      offsetof(struct sender_inquiry, lookup));

	q->asking = false;
	look_up(q);
	decide(q, vx_sts_read_txt(a, q->id));
}

static struct sender_inquiry *make_inquiry(struct sender_sts *s, const char *domain)
{
	struct sender_inquiry *q = vx_alloc(sizeof(*q));

	if (q == NULL)
		return NULL;
	q->sts = s;
	(void)snprintf(q->domain, sizeof(q->domain), "%s", domain);
	if (vx_map_set(&s->inquiries, vx_slice_str(q->domain), q) != VX_OK) {
		vx_free(q);
		return NULL;
	}
	return q;
}

static struct sender_inquiry *begin(struct sender_sts *s, const char *domain)
{
	struct sender_inquiry *q = make_inquiry(s, domain);

	if (q == NULL)
		return NULL;
	q->lookup.done = answered;
	q->asking = vx_dns_ask(VX_DNS_TXT, "_mta-sts", vx_slice_str(domain),
			&q->lookup.question) == VX_OK &&
		    s->o.loop->ask(s->o.loop, &q->lookup) == VX_OK;
	if (q->asking)
		return q;
	free_inquiry(q);
	return NULL;
}

/* Nothing can be asked: what is known holds nevertheless. */
static void from_store(struct sender_sts *s, const char *domain, struct sender_wish *w)
{
	struct sender_inquiry q = { .sts = s };

	(void)snprintf(q.domain, sizeof(q.domain), "%s", domain);
	look_up(&q);
	if (q.known != NULL && q.known->sts.mode != VX_STS_NONE)
		w->policy = q.known;
	else
		vx_sender_policy_free(q.known);
}

int vx_sender_sts_ask(struct sender_sts *s, const char *domain, struct sender_wish *w)
{
	struct sender_inquiry *q = vx_map_find(&s->inquiries, vx_slice_str(domain));

	w->policy = NULL;
	w->inquiry = NULL;
	if (q == NULL)
		q = begin(s, domain);
	if (q == NULL) {
		from_store(s, domain, w);
		return VX_OK;
	}
	w->inquiry = q;
	w->next = q->wishes;
	w->link = &q->wishes;
	if (w->next != NULL)
		w->next->link = &w->next;
	q->wishes = w;
	return VX_WAIT;
}

/* --- before they are too old ---------------------------------------------------------
 */

static void refresh(struct sender_sts *s, const char *domain)
{
	struct sender_inquiry *q;

	if (s->refreshes >= SENDER_STS_REFRESHES_MAX ||
	    vx_map_find(&s->inquiries, vx_slice_str(domain)) != NULL ||
	    (q = make_inquiry(s, domain)) == NULL)
		return;
	q->refresh = true;
	s->refreshes++;
	look_up(q);
	memcpy(q->id, q->entry.id, sizeof(q->id));
	if (q->known != NULL)
		fetch(q);
	else
		end_inquiry(q);
}

/* One of the store's: too old, or to be fetched anew, or neither. */
static void consider(struct sender_sts *s, const struct vx_sts_entry *e, uint32_t now)
{
	if (e->expires <= now)
		(void)keep(s, e, vx_slice_of("", 0), NULL);
	else if (is_due(e, now) && now - e->used < SENDER_STS_UNUSED_S)
		refresh(s, e->domain);
}

/* VX_DATA: there are more. */
static int walk(struct sender_sts *s, uint32_t now)
{
	struct vx_sts_entry e;
	struct vx_view *v;
	int rc = VX_OK;

	for (int i = 0; i < SENDER_STS_WALK_MAX && rc == VX_OK; i++) {
		rc = vx_view_begin(s->o.store, &v);
		if (rc != VX_OK)
			return rc;
		rc = vx_sts_cached_next(v, s->walked, &e);
		vx_view_end(v);
		if (rc != VX_OK)
			return rc;
		memcpy(s->walked, e.domain, sizeof(s->walked));
		consider(s, &e, now);
	}
	return VX_DATA;
}

void vx_sender_sts_tick(struct sender_sts *s)
{
	const uint32_t now = now_of(s);

	if (now < s->walk_at)
		return;
	forget_old_failures(s);
	if (walk(s, now) == VX_DATA)
		return;
	s->walked[0] = '\0';
	s->walk_at = now + SENDER_STS_WALK_S;
}

/* --- life ----------------------------------------------------------------------------
 */

int vx_sender_sts_new(const struct sender_sts_options *o, struct sender_sts **out)
{
	struct sender_sts *s = vx_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->o = *o;
	vx_map_init(&s->inquiries, INQUIRIES_MAX);
	vx_map_init(&s->failures, SENDER_STS_FAILURES_MAX);
	*out = s;
	return VX_OK;
}

void vx_sender_sts_free(struct sender_sts *s)
{
	struct sender_inquiry *q;
	struct failure *f;
	size_t at = 0;

	if (s == NULL)
		return;
	while ((q = vx_map_next(&s->inquiries, &at)) != NULL) {
		while (q->wishes != NULL)
			vx_sender_sts_forget(q->wishes);
		free_inquiry(q);
	}
	at = 0;
	while ((f = vx_map_next(&s->failures, &at)) != NULL)
		forget_failure(s, f);
	vx_map_done(&s->inquiries);
	vx_map_done(&s->failures);
	vx_free(s);
}
