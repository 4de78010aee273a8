#include "acmed/web.h"

#include "vectis/http_server.h"
#include "vectis/memory.h"

#include <stdio.h>

#define CHALLENGES "/.well-known/acme-challenge/"

struct web {
	struct vx_session base;
	struct issuer *issuer;
	const struct vx_worker *worker;
	struct vx_http_server *http; /* own */
};

static struct web *web_of(struct vx_session *s)
{
	return (struct web *)(void *)s;
}

static void say(struct web *w, unsigned status, const char *text, struct vx_buf *out)
{
	const struct vx_http_answer a = {
		.status = status, .type = "text/plain", .body = vx_slice_str(text)
	};

	(void)vx_http_server_answer(
	    w->http, w->base.host->loop->now_s(w->base.host->loop), &a, out);
}

/* The token has to be one of ours, whole: there are no files. */
static void challenge(struct web *w, const struct vx_http_request *r, struct vx_buf *out)
{
	const vx_slice token = vx_slice_from(r->path, sizeof(CHALLENGES) - 1);
	const bool asks = w->issuer != NULL && r->query.ptr == NULL;
	const vx_slice self = asks ? issuer_self(w->issuer, token) : vx_slice_of(NULL, 0);
	const vx_slice content =
	    asks && self.ptr == NULL ? issuer_token(w->issuer, token) : self;
	const struct vx_http_answer a = {
		.status = 200, .type = "application/octet-stream", .body = content
	};

	if (content.ptr == NULL) {
		say(w, 404, "no such challenge\n", out);
		return;
	}
	if (self.ptr == NULL)
		vx_log(w->worker->log, VX_LOG_INFO, "challenge answered",
		    VX_KV_S("host", r->host), VX_KV_S("token", token));
	(void)vx_http_server_answer(
	    w->http, w->base.host->loop->now_s(w->base.host->loop), &a, out);
}

/* The same place at https; who does not say a host means ours. */
static void redirect(struct web *w, const struct vx_http_request *r, struct vx_buf *out)
{
	const bool reads =
	    vx_slice_eq(r->method, VX_S("GET")) || vx_slice_eq(r->method, VX_S("HEAD"));
	const vx_slice host =
	    r->host.len > 0 ? r->host : vx_slice_str(w->worker->config->hostname);
	struct vx_buf url = { .max = VX_HTTP_LINE_MAX + VX_HTTP_HOST_MAX + 16 };
	struct vx_http_field field = { VX_S("Location"), { NULL, 0 } };
	struct vx_http_answer a = {
		.status = reads ? 301 : 308, .fields = &field, .field_count = 1
	};

	vx_buf_add_str(&url, "https://");
	vx_buf_add(&url, host);
	vx_buf_add(&url, r->path);
	if (r->query.ptr != NULL) {
		vx_buf_add_char(&url, '?');
		vx_buf_add(&url, r->query);
	}
	field.value = vx_buf_slice(&url);
	if (url.failed)
		say(w, 500, "", out);
	else
		(void)vx_http_server_answer(
		    w->http, w->base.host->loop->now_s(w->base.host->loop), &a, out);
	vx_buf_done(&url);
}

static void respond(struct web *w, const struct vx_http_request *r, struct vx_buf *out)
{
	const bool reads =
	    vx_slice_eq(r->method, VX_S("GET")) || vx_slice_eq(r->method, VX_S("HEAD"));

	if (vx_slice_has_prefix(r->path, VX_S(CHALLENGES)))
		reads ? challenge(w, r, out) : say(w, 405, "", out);
	else if (vx_slice_eq(r->path, VX_S("*")))
		say(w, 404, "", out);
	else
		redirect(w, r, out);
}

/* --- as a session
 * ------------------------------------------------------------------------- */

static int drive(struct vx_session *s, vx_slice *in, struct vx_buf *out)
{
	struct web *const w = web_of(s);
	struct vx_http_request r;
	int rc;

	for (;;) {
		if (out->len >= VX_SESSION_HIGH_WATER)
			return VX_DATA;
		rc = vx_http_server_next(w->http, in, out, &r);
		if (rc != VX_DATA)
			return rc;
		respond(w, &r, out);
	}
}

static uint64_t patience_ms(const struct vx_session *s)
{
	(void)s;
	return WEB_PATIENCE_MS;
}

static void silent(struct vx_session *s, struct vx_buf *out)
{
	vx_http_server_timeout(web_of(s)->http, out);
}

static void stop(struct vx_session *s, struct vx_buf *out)
{
	(void)s;
	(void)out;
}

static void free_session(struct vx_session *s)
{
	vx_http_server_free(web_of(s)->http);
	vx_memory_free(s);
}

int web_session_new(struct issuer *issuer, const struct vx_worker *worker,
    struct vx_session_host *host, struct vx_session **out)
{
	static const struct vx_session_ops ops = { .drive = drive,
		.patience_ms = patience_ms,
		.timeout = silent,
		.stop = stop,
		.free = free_session };
	const struct vx_http_server_options o = { .struct_size = sizeof(o),
		.body_max = WEB_BODY_MAX };
	struct web *const w = vx_memory_alloc(sizeof(*w));

	if (w == NULL)
		return VX_ENOMEM;
	w->base.ops = &ops;
	w->base.host = host;
	w->issuer = issuer;
	w->worker = worker;
	if (vx_http_server_new(&o, &w->http) != VX_OK) {
		vx_memory_free(w);
		return VX_ENOMEM;
	}
	*out = &w->base;
	return VX_OK;
}
