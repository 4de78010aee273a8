#include "acmed/dane.h"

#include "vectis/cloudflare.h"
#include "vectis/dns.h"
#include "vectis/fetch.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

struct dane {
	struct vx_worker *worker;
	dane_done_fn *done;
	void *ctx;
	struct vx_cf *cf; /* own; NULL: no records can be set */
	const char *no_cf;
	struct vx_lookup lookup;
	bool asking;
	int64_t ask_until; /* 0: nothing is asked */
	struct vx_fetch fetch;
	bool fetching, publishing;
	uint64_t wake_ms; /* the provider's ration of requests; 0: it does not wait */
	struct vx_zone_plan plan;
	char digests[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS];
};

/* --- life -----------------------------------------------------------------------------
 */

static int open_provider(struct dane *d)
{
	struct vx_cf_options o = { .struct_size = sizeof(o),
		.base = d->worker->config->cloudflare_api };
	int rc = VX_ENOENT;

	if (d->worker->config->tls_dane != VX_TLS_DANE_CLOUDFLARE)
		return VX_OK;
	if (d->worker->secrets != NULL)
		o.token = vx_slice_str(d->worker->secrets->cloudflare_api_token);
	if (o.token.len > 0)
		rc = vx_cf_new(&o, &d->cf);
	if (rc == VX_ENOENT)
		d->no_cf = "tls.dane is cloudflare, and there is no cloudflare.api_token "
			   "in secrets.yaml";
	else if (rc == VX_EINVAL)
		d->no_cf = "cloudflare.api_token in secrets.yaml is not fit for a header";
	return rc == VX_ENOMEM ? rc : VX_OK;
}

int dane_new(struct vx_worker *w, dane_done_fn *done, void *ctx, struct dane **out)
{
	struct dane *const d = vx_memory_alloc(sizeof(*d));

	if (d == NULL)
		return VX_ENOMEM;
	d->worker = w;
	d->done = done;
	d->ctx = ctx;
	d->no_cf = "no records are set here";
	if (open_provider(d) != VX_OK) {
		dane_free(d);
		return VX_ENOMEM;
	}
	*out = d;
	return VX_OK;
}

void dane_free(struct dane *d)
{
	if (d == NULL)
		return;
	if (d->asking)
		d->worker->loop->forget(d->worker->loop, &d->lookup);
	if (d->fetching)
		d->worker->loop->drop(d->worker->loop, &d->fetch);
	if (d->publishing)
		vx_zone_plan_done(&d->plan);
	vx_cf_free(d->cf);
	vx_memory_free(d);
}

static int64_t now(const struct dane *d)
{
	return d->worker->loop->now_s(d->worker->loop);
}

static uint64_t now_ms(const struct dane *d)
{
	return d->worker->loop->now_ms(d->worker->loop);
}

/* --- looking --------------------------------------------------------------------------
 */

static void finish_look(struct dane *d, const struct vx_acme_answer *answer)
{
	d->ask_until = 0;
	d->done(d->ctx, answer);
}

static void on_answer(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct dane *const d =
	    (struct dane *)(void *)((char *)l - offsetof(struct dane, lookup));
	struct vx_acme_answer out = {
		.secure = a->secure, .ttl = a->ttl, .digests = d->digests
	};

	d->asking = false;
	if (!vx_dns_answered(a)) {
		out.result = VX_EIO;
		out.text = a->status == VX_DNS_BOGUS
			       ? "the DNSSEC signatures of its TLSA records are wrong"
			       : "its name servers do not answer";
	}
	for (size_t i = 0; i < a->count; i++) {
		struct vx_dns_tlsa t;

		/* what is not understood is as if it were not there (RFC 7672 3.1) */
		if (vx_dns_read_tlsa(a->rdata[i], &t) != VX_OK ||
		    (t.usage != 2 && t.usage != 3) || t.selector > 1 || t.matching > 2)
			continue;
		out.usable++;
		if (t.usage == 3 && t.selector == 1 && t.matching == 1 &&
		    t.data.len == VX_PKI_DIGEST_OCTETS &&
		    out.digest_count < VX_ACME_TLSA_MAX)
			memcpy(d->digests[out.digest_count++], t.data.ptr,
			    VX_PKI_DIGEST_OCTETS);
	}
	finish_look(d, &out);
}

static int look(struct dane *d, const struct vx_acme_step *step)
{
	struct vx_loop *const loop = d->worker->loop;

	d->lookup = (struct vx_lookup){ .done = on_answer };
	d->ask_until = now(d) + DANE_LOOK_S;
	d->asking = true;
	if (vx_dns_ask(VX_DNS_TLSA, "_25._tcp", vx_slice_str(step->name),
		&d->lookup.question) != VX_OK ||
	    loop->ask(loop, &d->lookup) != VX_OK) {
		d->asking = false;
		d->ask_until = 1; /* the next tick says that it failed */
	}
	return VX_WAIT;
}

/* --- setting --------------------------------------------------------------------------
 */

static void finish_publishing(struct dane *d)
{
	const struct vx_cf_result *const result = vx_cf_result(d->cf);
	const struct vx_acme_answer answer = {
		.result = result->outcome == VX_CF_GOOD ? VX_OK : VX_EIO,
		.text = result->text
	};

	d->publishing = false;
	vx_zone_plan_done(&d->plan);
	d->done(d->ctx, &answer);
}

static void pump(struct dane *d);

static void on_fetched(struct vx_fetch *f, const struct vx_fetch_answer *a)
{
	struct dane *const d =
	    (struct dane *)(void *)((char *)f - offsetof(struct dane, fetch));
	const struct vx_cf_answer answer = {
		.status = a->result == VX_FETCH_ANSWERED ? (int)a->status : 0,
		.body = a->body,
		.retry_after = vx_fetch_value(a, "retry-after"),
		.text = a->text
	};

	d->fetching = false;
	(void)vx_cf_answer(d->cf, now_ms(d), &answer);
	pump(d);
}

static void request(struct dane *d, const struct vx_cf_request *q)
{
	const struct vx_fetch_field fields[] = { { VX_S("Authorization"),
						     vx_slice_str(q->authorization) },
		{ VX_S("User-Agent"), VX_S("vectis-acmed/" VX_VERSION) },
		{ VX_S("Content-Type"), VX_S("application/json") } };
	const struct vx_cf_answer failed = { .text = "no request can be made now" };

	d->fetch = (struct vx_fetch){ .method = q->method,
		.url = q->url,
		.fields = fields,
		.field_count = q->body.len > 0 ? 3 : 2,
		.body = q->body,
		.body_max = VX_CF_ANSWER_MAX,
		.ms_max = VX_CF_REQUEST_MS,
		.done = on_fetched };
	d->fetching = d->worker->loop->fetch(d->worker->loop, &d->fetch) == VX_OK;
	if (!d->fetching)
		(void)vx_cf_answer(d->cf, now_ms(d), &failed);
}

static void pump(struct dane *d)
{
	struct vx_cf_request q;
	uint64_t at = 0;
	int rc = VX_DATA;

	while (rc == VX_DATA && !d->fetching) {
		rc = vx_cf_next(d->cf, now_ms(d), &q, &at);
		if (rc == VX_DATA)
			request(d, &q);
	}
	d->wake_ms = rc == VX_WAIT ? at : 0;
	if (rc == VX_DONE)
		finish_publishing(d);
}

static int plan(struct dane *d, const struct vx_acme_step *step)
{
	char hex[VX_ZONE_KEYS_MAX][2 * VX_PKI_DIGEST_OCTETS + 1];
	const char *each[VX_ZONE_KEYS_MAX];
	const struct vx_zone_wish wish = { .struct_size = sizeof(wish),
		.domain = step->name,
		.hostname = step->name,
		.tlsa = each,
		.tlsa_count = step->digest_count,
		.tlsa_only = true };

	if (step->digest_count > VX_ZONE_KEYS_MAX)
		return VX_ELIMIT;
	for (size_t i = 0; i < step->digest_count; i++) {
		for (size_t k = 0; k < VX_PKI_DIGEST_OCTETS; k++)
			(void)snprintf(hex[i] + 2 * k, 3, "%02x",
			    (unsigned)(unsigned char)step->digests[i][k]);
		each[i] = hex[i];
	}
	return vx_zone_plan(&wish, &d->plan);
}

static int publish(
    struct dane *d, const struct vx_acme_step *step, struct vx_acme_answer *answer)
{
	int rc = VX_EUNSUP;

	*answer = (struct vx_acme_answer){ .text = d->no_cf };
	if (d->cf != NULL) {
		answer->text = NULL;
		rc = plan(d, step);
		if (rc == VX_OK)
			rc = vx_cf_apply(d->cf, &d->plan, VX_ZONE_TLSA_ONLY);
		if (rc != VX_OK)
			vx_zone_plan_done(&d->plan);
	}
	answer->result = rc;
	if (rc != VX_OK)
		return VX_OK;
	d->publishing = true;
	/* the first request is made by the next tick: done is not called from here */
	d->wake_ms = 1;
	return VX_WAIT;
}

/* --- both -----------------------------------------------------------------------------
 */

int dane_do(
    struct dane *d, const struct vx_acme_step *step, struct vx_acme_answer *answer)
{
	return step->type == VX_ACME_PUBLISH ? publish(d, step, answer) : look(d, step);
}

void dane_tick(struct dane *d)
{
	const struct vx_acme_answer late = { .result = VX_ETIMEOUT,
		.text = "the DNS does not answer" };

	if (d->wake_ms != 0 && now_ms(d) >= d->wake_ms && !d->fetching)
		pump(d);
	if (d->ask_until == 0 || now(d) <= d->ask_until)
		return;
	if (d->asking)
		d->worker->loop->forget(d->worker->loop, &d->lookup);
	d->asking = false;
	finish_look(d, &late);
}
