#include "acmed/provider.h"

int provider_open(
    struct provider *p, struct vx_worker *w, provider_over_fn *over, void *ctx)
{
	struct vx_cf_options o = { .struct_size = sizeof(o),
		.base = w->config->cloudflare_api };

	*p = (struct provider){ .worker = w, .over = over, .ctx = ctx };
	if (w->secrets == NULL || w->secrets->cloudflare_api_token[0] == '\0')
		return VX_ENOENT;
	o.token = vx_slice_str(w->secrets->cloudflare_api_token);
	return vx_cf_new(&o, &p->cf);
}

void provider_close(struct provider *p)
{
	if (p->fetching)
		p->worker->loop->drop(p->worker->loop, &p->fetch);
	p->fetching = false;
	vx_cf_free(p->cf);
	p->cf = NULL;
}

static uint64_t now_ms(const struct provider *p)
{
	return p->worker->loop->now_ms(p->worker->loop);
}

static void pump(struct provider *p);

static void on_fetched(struct vx_fetch *f, const struct vx_fetch_answer *a)
{
	struct provider *const p =
	    (struct provider *)(void *)((char *)f - offsetof(struct provider, fetch));
	const struct vx_cf_answer answer = {
		.status = a->result == VX_FETCH_ANSWERED ? (int)a->status : 0,
		.body = a->body,
		.retry_after = vx_fetch_value(a, "retry-after"),
		.text = a->text
	};

	p->fetching = false;
	(void)vx_cf_answer(p->cf, now_ms(p), &answer);
	pump(p);
}

static void request(struct provider *p, const struct vx_cf_request *q)
{
	const struct vx_fetch_field fields[] = { { VX_S("Authorization"),
						     vx_slice_str(q->authorization) },
		{ VX_S("User-Agent"), VX_S("vectis-acmed/" VX_VERSION) },
		{ VX_S("Content-Type"), VX_S("application/json") } };
	const struct vx_cf_answer failed = { .text = "no request can be made now" };

	p->fetch = (struct vx_fetch){ .method = q->method,
		.url = q->url,
		.fields = fields,
		.field_count = q->body.len > 0 ? 3 : 2,
		.body = q->body,
		.body_max = VX_CF_ANSWER_MAX,
		.ms_max = VX_CF_REQUEST_MS,
		.done = on_fetched };
	p->fetching = p->worker->loop->fetch(p->worker->loop, &p->fetch) == VX_OK;
	if (!p->fetching)
		(void)vx_cf_answer(p->cf, now_ms(p), &failed);
}

static void pump(struct provider *p)
{
	struct vx_cf_request q;
	uint64_t at = 0;
	int rc = VX_DATA;

	while (rc == VX_DATA && !p->fetching) {
		rc = vx_cf_next(p->cf, now_ms(p), &q, &at);
		if (rc == VX_DATA)
			request(p, &q);
	}
	p->wake_ms = rc == VX_WAIT ? at : 0;
	if (rc == VX_DONE)
		p->over(p->ctx);
}

void provider_begin(struct provider *p)
{
	p->wake_ms = 1;
}

void provider_tick(struct provider *p)
{
	if (p->wake_ms != 0 && now_ms(p) >= p->wake_ms && !p->fetching)
		pump(p);
}
