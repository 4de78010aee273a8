#include "acmed/records.h"

#include "acmed/provider.h"
#include "vectis/dns.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

struct records {
	struct vx_worker *worker;
	records_done_fn *done;
	void *ctx;
	struct provider provider;
	enum {
		IDLE,
		SETTING,
		SEEING, /* it is set: do others see it? */
		REMOVING
	} state;
	struct vx_lookup lookup;
	bool asking;
	int64_t look_at, look_end;      /* seconds */
	char seen[VX_DNS_NAME_MAX + 1]; /* the last name whose record was seen, ... */
	int64_t seen_at;                /* ... when */
	char name[VX_DNS_NAME_MAX + 1];
	char value[256];
};

static void task_is_over(void *ctx);

int records_new(
    struct vx_worker *w, records_done_fn *done, void *ctx, struct records **out)
{
	struct records *const r = vx_memory_alloc(sizeof(*r));
	int rc;

	if (r == NULL)
		return VX_ENOMEM;
	r->worker = w;
	r->done = done;
	r->ctx = ctx;
	rc = provider_open(&r->provider, w, task_is_over, r);
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
	if (r->asking)
		r->worker->loop->forget(r->worker->loop, &r->lookup);
	provider_close(&r->provider);
	vx_memory_free(r);
}

static int64_t now(const struct records *r)
{
	return r->worker->loop->now_s(r->worker->loop);
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

static void task_is_over(void *ctx)
{
	struct records *const r = ctx;
	const struct vx_cf_result *const result = vx_cf_result(r->provider.cf);

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

void records_tick(struct records *r)
{
	if (r->state == SEEING)
		see(r);
	else
		provider_tick(&r->provider);
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
	rc = sets ? vx_cf_txt_set(r->provider.cf, r->name, vx_slice_str(r->value))
		  : vx_cf_txt_remove(r->provider.cf, r->name, vx_slice_str(r->value));
	if (rc != VX_OK)
		return rc;
	r->state = sets ? SETTING : REMOVING;
	provider_begin(&r->provider);
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
