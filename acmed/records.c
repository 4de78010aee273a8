#include "acmed/records.h"

#include "vectis/cloudflare.h"
#include "vectis/dns.h"
#include "vectis/fetch.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

struct records {
	struct vx_worker *worker;
	records_done_fn *done;
	void *ctx;
	struct vx_cf *cf;
	enum {
		IDLE,
		SETTING,
		SEEING, /* it is set: do others see it? */
		REMOVING
	} state;
	struct vx_fetch fetch;
	struct vx_lookup lookup;
	bool fetching, asking;
	uint64_t wake_ms;               /* the provider's ration of requests */
	int64_t look_at, look_end;      /* seconds */
	char seen[VX_DNS_NAME_MAX + 1]; /* the last name whose record was seen, ... */
	int64_t seen_at;                /* ... when */
	char name[VX_DNS_NAME_MAX + 1];
	char value[256];
};

int records_new(
    struct vx_worker *w, records_done_fn *done, void *ctx, struct records **out)
{
	struct vx_cf_options o = { .struct_size = sizeof(o),
		.base = w->config->cloudflare_api };
	struct records *r;
	int rc;

	if (w->secrets == NULL || w->secrets->cloudflare_api_token[0] == '\0')
		return VX_ENOENT;
	r = vx_memory_alloc(sizeof(*r));
	if (r == NULL)
		return VX_ENOMEM;
	r->worker = w;
	r->done = done;
	r->ctx = ctx;
	o.token = vx_slice_str(w->secrets->cloudflare_api_token);
	rc = vx_cf_new(&o, &r->cf);
	if (rc == VX_OK)
		*out = r;
	else
		records_free(r);
	return rc;
}

void records_free(struct records *r)
{
	if (r == NULL)
		return;
	if (r->fetching)
		r->worker->loop->drop(r->worker->loop, &r->fetch);
	if (r->asking)
		r->worker->loop->forget(r->worker->loop, &r->lookup);
	vx_cf_free(r->cf);
	vx_memory_free(r);
}

static int64_t now(const struct records *r)
{
	return r->worker->loop->now_s(r->worker->loop);
}

static uint64_t now_ms(const struct records *r)
{
	return r->worker->loop->now_ms(r->worker->loop);
}

static void finish(struct records *r, int result, const char *text)
{
	r->state = IDLE;
	r->done(r->ctx, result, text);
}

/* --- is it seen?
 * -------------------------------------------------------------------------- */

static bool has_value(const struct records *r, const struct vx_dns_answer *a)
{
	bool found = false;

	/* others may have theirs at that name */
	for (size_t i = 0; i < a->count && !found; i++) {
		struct vx_buf text = { .max = 4096 };

		found = vx_dns_read_txt(a->rdata[i], &text) == VX_OK &&
			vx_slice_eq(vx_buf_slice(&text), vx_slice_str(r->value));
		vx_buf_done(&text);
	}
	return found;
}

static void on_seen(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct records *const r =
	    (struct records *)(void *)((char *)l - offsetof(struct records, lookup));

	r->asking = false;
	if (has_value(r, a)) {
		memcpy(r->seen, r->name, sizeof(r->seen));
		r->seen_at = now(r);
		finish(r, VX_OK, NULL);
	} else {
		r->look_at = now(r) + RECORDS_LOOK_S;
	}
}

/*
 * A wildcard and its base have two values at one name: our resolver remembers the first
 * one alone for a while, and looking would only take that long.
 */
static bool was_seen(const struct records *r)
{
	return strcmp(r->seen, r->name) == 0 && now(r) - r->seen_at < RECORDS_SEEN_S;
}

static void see(struct records *r)
{
	if (was_seen(r)) {
		if (now(r) >= r->look_at)
			finish(r, VX_OK, NULL);
	} else if (now(r) >= r->look_end) {
		if (r->asking)
			r->worker->loop->forget(r->worker->loop, &r->lookup);
		r->asking = false;
		vx_log(r->worker->log, VX_LOG_WARN,
		    "a record that was set is not seen yet; the authority may see it",
		    VX_KV_Z("name", r->name));
		finish(r, VX_OK, NULL);
	} else if (!r->asking && now(r) >= r->look_at) {
		r->lookup = (struct vx_lookup){ .done = on_seen };
		r->look_at = now(r) + RECORDS_LOOK_S;
		r->asking = vx_dns_ask(VX_DNS_TXT, "", vx_slice_str(r->name),
				&r->lookup.question) == VX_OK &&
			    r->worker->loop->ask(r->worker->loop, &r->lookup) == VX_OK;
	}
}

/* --- the provider
 * -------------------------------------------------------------------------- */

static void pump(struct records *r);

static void on_fetched(struct vx_fetch *f, const struct vx_fetch_answer *a)
{
	struct records *const r =
	    (struct records *)(void *)((char *)f - offsetof(struct records, fetch));
	const struct vx_cf_answer answer = {
		.status = a->result == VX_FETCH_ANSWERED ? (int)a->status : 0,
		.body = a->body,
		.retry_after = vx_fetch_value(a, "retry-after"),
		.text = a->text
	};

	r->fetching = false;
	(void)vx_cf_answer(r->cf, now_ms(r), &answer);
	pump(r);
}

static void request(struct records *r, const struct vx_cf_request *q)
{
	const struct vx_fetch_field fields[] = { { VX_S("Authorization"),
						     vx_slice_str(q->authorization) },
		{ VX_S("User-Agent"), VX_S("vectis-acmed/" VX_VERSION) },
		{ VX_S("Content-Type"), VX_S("application/json") } };
	const struct vx_cf_answer failed = { .text = "no request can be made now" };

	r->fetch = (struct vx_fetch){ .method = q->method,
		.url = q->url,
		.fields = fields,
		.field_count = q->body.len > 0 ? 3 : 2,
		.body = q->body,
		.body_max = VX_CF_ANSWER_MAX,
		.ms_max = VX_CF_REQUEST_MS,
		.done = on_fetched };
	r->fetching = r->worker->loop->fetch(r->worker->loop, &r->fetch) == VX_OK;
	if (!r->fetching)
		(void)vx_cf_answer(r->cf, now_ms(r), &failed);
}

static void task_is_over(struct records *r)
{
	const struct vx_cf_result *const result = vx_cf_result(r->cf);

	if (result->outcome != VX_CF_GOOD) {
		finish(r, VX_EIO, result->text);
	} else if (r->state == REMOVING) {
		finish(r, VX_OK, NULL);
	} else {
		r->state = SEEING;
		r->look_at = now(r) + RECORDS_FIRST_LOOK_S;
		r->look_end = now(r) + RECORDS_SEEN_S;
	}
}

static void pump(struct records *r)
{
	struct vx_cf_request q;
	uint64_t at = 0;
	int rc = VX_DATA;

	while (rc == VX_DATA && !r->fetching) {
		rc = vx_cf_next(r->cf, now_ms(r), &q, &at);
		if (rc == VX_DATA)
			request(r, &q);
	}
	r->wake_ms = rc == VX_WAIT ? at : 0;
	if (rc == VX_DONE)
		task_is_over(r);
}

void records_tick(struct records *r)
{
	if (r->state == SEEING)
		see(r);
	else if (r->wake_ms != 0 && now_ms(r) >= r->wake_ms && !r->fetching)
		pump(r);
}

/* --- tasks
 * ----------------------------------------------------------------------------------- */

static int begin(struct records *r, const char *name, vx_slice value, bool sets)
{
	int rc;

	if (r->state != IDLE)
		return VX_EBUSY;
	if (strlen(name) >= sizeof(r->name) || value.len >= sizeof(r->value))
		return VX_EINVAL;
	memcpy(r->name, name, strlen(name) + 1);
	(void)snprintf(r->value, sizeof(r->value), "%.*s", (int)value.len, value.ptr);
	rc = sets ? vx_cf_txt_set(r->cf, r->name, vx_slice_str(r->value))
		  : vx_cf_txt_remove(r->cf, r->name, vx_slice_str(r->value));
	if (rc != VX_OK)
		return rc;
	r->state = sets ? SETTING : REMOVING;
	/* the first request is made by the next tick: done is not called from here */
	r->wake_ms = 1;
	return VX_OK;
}

int records_set(struct records *r, const char *name, vx_slice value)
{
	return begin(r, name, value, true);
}

int records_remove(struct records *r, const char *name, vx_slice value)
{
	return begin(r, name, value, false);
}
