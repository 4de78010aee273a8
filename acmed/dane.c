#include "acmed/dane.h"

#include "acmed/provider.h"
#include "acmed/sources.h"
#include "vectis/dns.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

struct dane {
	struct vx_worker *worker;
	dane_done_fn *done;
	void *ctx;
	struct provider provider; /* not open: no records can be set, ... */
	const char *no_provider;  /* ... for this reason */
	struct vx_lookup lookup;
	bool asking;
	struct sources *sources;    /* own */
	int64_t ask_until;          /* 0: nothing is asked */
	struct vx_acme_answer seen; /* what the resolver said, until they have */
	bool publishing;
	struct vx_zone_plan plan;
	char digests[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS];
	bool everywhere[VX_ACME_TLSA_MAX]; /* of these */
};

/* --- life -----------------------------------------------------------------------------
 */

static void finish_publishing(void *ctx);
static void on_sources(void *ctx, struct vx_dns_answer *const *answers, size_t count);

static int open_provider(struct dane *d)
{
	int rc;

	if (d->worker->config->tls_dane != VX_TLS_DANE_CLOUDFLARE)
		return VX_OK;
	rc = provider_open(&d->provider, d->worker, finish_publishing, d);
	if (rc == VX_ENOENT)
		d->no_provider =
		    "tls.dane is cloudflare, and there is no cloudflare.api_token in "
		    "secrets.yaml";
	else if (rc == VX_EINVAL)
		d->no_provider =
		    "cloudflare.api_token in secrets.yaml is not fit for a header";
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
	d->no_provider = "no records are set here";
	if (open_provider(d) != VX_OK ||
	    sources_new(w, on_sources, d, &d->sources) != VX_OK) {
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
	if (d->publishing)
		vx_zone_plan_done(&d->plan);
	sources_free(d->sources);
	provider_close(&d->provider);
	vx_memory_free(d);
}

static int64_t now(const struct dane *d)
{
	return d->worker->loop->now_s(d->worker->loop);
}

/* --- looking --------------------------------------------------------------------------
 */

static void finish_look(struct dane *d, const struct vx_acme_answer *answer)
{
	d->ask_until = 0;
	d->done(d->ctx, answer);
}

/* what is not understood is as if it were not there (RFC 7672 3.1) */
static bool is_usable(vx_slice rdata, struct vx_dns_tlsa *out)
{
	return vx_dns_read_tlsa(rdata, out) == VX_OK &&
	       (out->usage == 2 || out->usage == 3) && out->selector <= 1 &&
	       out->matching <= 2;
}

static bool has_usable(const struct vx_dns_answer *a)
{
	struct vx_dns_tlsa t;
	size_t i = 0;

	while (i < a->count && !is_usable(a->rdata[i], &t))
		i++;
	return i < a->count;
}

static bool is_spki(const struct vx_dns_tlsa *t)
{
	return t->usage == 3 && t->selector == 1 && t->matching == 1 &&
	       t->data.len == VX_PKI_DIGEST_OCTETS;
}

static bool names(const struct vx_dns_answer *a, const char *digest)
{
	struct vx_dns_tlsa t;

	for (size_t i = 0; i < a->count; i++)
		if (is_usable(a->rdata[i], &t) && is_spki(&t) &&
		    memcmp(t.data.ptr, digest, VX_PKI_DIGEST_OCTETS) == 0)
			return true;
	return false;
}

/* A key is seen where all servers of the zone name it. */
static void on_sources(void *ctx, struct vx_dns_answer *const *answers, size_t count)
{
	struct dane *const d = ctx;

	for (size_t i = 0; i < count; i++) {
		/* where there are none, nobody is kept from delivering; and an alias
		 * leads to what others serve */
		if (!has_usable(answers[i]))
			continue;
		for (size_t k = 0; k < d->seen.digest_count; k++)
			d->everywhere[k] =
			    d->everywhere[k] && names(answers[i], d->digests[k]);
	}
	finish_look(d, &d->seen);
}

static void on_answer(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct dane *const d =
	    (struct dane *)(void *)((char *)l - offsetof(struct dane, lookup));
	struct vx_acme_answer *const out = &d->seen;
	struct vx_dns_tlsa t;

	*out = (struct vx_acme_answer){ .secure = a->secure,
		.ttl = a->ttl,
		.digests = (const char(*)[VX_PKI_DIGEST_OCTETS])d->digests,
		.everywhere = d->everywhere };
	d->asking = false;
	if (!vx_dns_answered(a)) {
		out->result = VX_EIO;
		out->text = a->status == VX_DNS_BOGUS
				? "the DNSSEC signatures of its TLSA records are wrong"
				: "its name servers do not answer";
	}
	for (size_t i = 0; i < a->count; i++) {
		if (!is_usable(a->rdata[i], &t))
			continue;
		out->usable++;
		if (!is_spki(&t) || out->digest_count == VX_ACME_TLSA_MAX)
			continue;
		memcpy(d->digests[out->digest_count], t.data.ptr, VX_PKI_DIGEST_OCTETS);
		d->everywhere[out->digest_count++] = true;
	}
	/* what nobody believes, or nobody uses, need not be the same everywhere */
	if (!a->secure || out->usable == 0 ||
	    sources_ask(d->sources, &l->question) != VX_OK)
		finish_look(d, out);
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

static void finish_publishing(void *ctx)
{
	struct dane *const d = ctx;
	const struct vx_cf_result *const result = vx_cf_result(d->provider.cf);
	const struct vx_acme_answer answer = {
		.result = result->outcome == VX_CF_GOOD ? VX_OK : VX_EIO,
		.text = result->text
	};

	d->publishing = false;
	vx_zone_plan_done(&d->plan);
	d->done(d->ctx, &answer);
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

	*answer = (struct vx_acme_answer){ .text = d->no_provider };
	if (d->provider.cf != NULL) {
		answer->text = NULL;
		rc = plan(d, step);
		if (rc == VX_OK)
			rc = vx_cf_apply(d->provider.cf, &d->plan, VX_ZONE_TLSA_ONLY);
		if (rc != VX_OK)
			vx_zone_plan_done(&d->plan);
	}
	answer->result = rc;
	if (rc != VX_OK)
		return VX_OK;
	d->publishing = true;
	provider_begin(&d->provider);
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

	provider_tick(&d->provider);
	if (d->ask_until == 0 || now(d) <= d->ask_until)
		return;
	if (d->asking)
		d->worker->loop->forget(d->worker->loop, &d->lookup);
	d->asking = false;
	sources_stop(d->sources);
	finish_look(d, &late);
}
