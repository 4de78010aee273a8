#include "acmed/probe.h"

#include "acmed/proofs.h"

#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

/* A session, and so the loop's as soon as it is dialled. */
struct probe {
	struct vx_session base;
	struct vx_worker *worker;
	probe_done_fn *done; /* NULL: nobody waits any more */
	void *ctx;
	uint64_t until_ms;
	bool opened, sent;
	bool tls;
	char digest[65];
	char name[VX_DNS_NAME_MAX + 1], token[PROBE_CONTENT_MAX],
	    content[PROBE_CONTENT_MAX];
	char heard[PROBE_OCTETS_MAX];
	size_t heard_len;
};

static struct probe *probe_of(struct vx_session *s)
{
	return (struct probe *)(void *)s;
}

static void tell(struct probe *p, enum vx_acme_seen seen)
{
	probe_done_fn *const done = p->done;

	p->done = NULL;
	if (done != NULL)
		done(p->ctx, seen);
}

/* --- what was heard
 * -------------------------------------------------------------------------- */

static bool is_status(vx_slice line, const char *first)
{
	return line.len > 12 && vx_slice_has_prefix(line, VX_S("HTTP/1.")) &&
	       vx_slice_has_prefix(vx_slice_from(line, 9), vx_slice_str(first));
}

/* The answer so far; NOTHING: it may still come. */
static enum vx_acme_seen judge(const struct probe *p, bool whole)
{
	const vx_slice all = vx_slice_of(p->heard, p->heard_len);
	const bool full = p->heard_len == sizeof(p->heard);

	if (is_status(all, "200") &&
	    vx_slice_find_slice(all, vx_slice_str(p->content)) < all.len)
		return VX_ACME_SEEN_OURS;
	if (is_status(all, "30") &&
	    (whole || full || vx_slice_find_slice(all, VX_S("\r\n")) < all.len))
		return VX_ACME_SEEN_REDIRECT;
	return whole || full ? VX_ACME_SEEN_OTHER : VX_ACME_SEEN_NOTHING;
}

static void ask(struct probe *p, struct vx_buf *out)
{
	vx_buf_printf(out,
	    "GET /.well-known/acme-challenge/%s HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "User-Agent: vectis-acmed/" VX_VERSION "\r\n"
	    "Accept: */*\r\n"
	    "Connection: close\r\n\r\n",
	    p->token, p->name);
	p->sent = true;
}

/* --- as a session
 * ---------------------------------------------------------------------------- */

static int drive(struct vx_session *s, vx_slice *in, struct vx_buf *out)
{
	struct probe *const p = probe_of(s);
	const vx_slice piece = vx_slice_head(*in, sizeof(p->heard) - p->heard_len);
	enum vx_acme_seen seen;

	if (p->done == NULL || p->tls) {
		*in = vx_slice_from(*in, in->len);
		return VX_DONE;
	}
	if (!p->sent)
		ask(p, out);
	if (piece.len > 0)
		memcpy(p->heard + p->heard_len, piece.ptr, piece.len);
	p->heard_len += piece.len;
	*in = vx_slice_from(*in, piece.len);
	seen = judge(p, false);
	if (seen == VX_ACME_SEEN_NOTHING)
		return VX_MORE;
	tell(p, seen);
	return VX_DONE;
}

static void tls_ready(struct vx_session *s, const struct vx_session_tls *tls)
{
	struct probe *const p = probe_of(s);
	struct vx_tls_cert_info info;
	struct vx_error err;

	tell(p, vx_tls_peer(tls->connection, &info, &err) == VX_OK &&
			strcmp(info.key_digest, p->digest) == 0
		    ? VX_ACME_SEEN_OURS
		    : VX_ACME_SEEN_OTHER);
}

static void opened(struct vx_session *s, const struct vx_peer *peer)
{
	(void)peer;
	probe_of(s)->opened = true;
}

static void failed(struct vx_session *s, int why, const char *text)
{
	(void)text;
	tell(probe_of(s), why == VX_EIO        ? VX_ACME_SEEN_REFUSED
			  : why == VX_ETIMEOUT ? VX_ACME_SEEN_SILENT
					       : VX_ACME_SEEN_OTHER);
}

static uint64_t patience_ms(const struct vx_session *s)
{
	(void)s;
	return PROBE_MS;
}

static void end(struct vx_session *s, struct vx_buf *out)
{
	(void)s;
	(void)out;
}

static void free_session(struct vx_session *s)
{
	tell(probe_of(s), judge(probe_of(s), true));
	vx_memory_free(s);
}

/* --- life
 * ------------------------------------------------------------------------------------ */

int probe_new(struct vx_worker *w, const struct probe_way *way, probe_done_fn *done,
    void *ctx, struct probe **out)
{
	static const struct vx_session_ops ops = { .drive = drive,
		.tls_ready = tls_ready,
		.patience_ms = patience_ms,
		.timeout = end,
		.stop = end,
		.free = free_session,
		.opened = opened,
		.failed = failed };
	const struct vx_dial dial = { .address = way->address,
		.port = way->port,
		.tls_name = way->name,
		.tls = way->digest != NULL,
		.alpn = way->digest != NULL ? PROOFS_ALPN : NULL };
	struct probe *const p = vx_memory_alloc(sizeof(*p));
	int rc;

	if (p == NULL)
		return VX_ENOMEM;
	p->base.ops = &ops;
	p->worker = w;
	p->done = done;
	p->ctx = ctx;
	p->tls = way->digest != NULL;
	p->until_ms = w->loop->now_ms(w->loop) + PROBE_MS;
	(void)snprintf(p->name, sizeof(p->name), "%s", way->name);
	if (p->tls)
		(void)snprintf(p->digest, sizeof(p->digest), "%s", way->digest);
	if (!p->tls) {
		(void)snprintf(p->token, sizeof(p->token), "%s", way->token);
		(void)snprintf(p->content, sizeof(p->content), "%s", way->content);
	}
	rc = w->loop->dial(w->loop, &dial, &p->base);
	if (rc == VX_OK)
		*out = p;
	else
		vx_memory_free(p);
	return rc;
}

void probe_forget(struct probe *p)
{
	p->done = NULL;
	p->base.host->wake(p->base.host);
}

/* Who took the connection and says nothing is somebody else. */
void probe_tick(struct probe *p)
{
	struct vx_loop *const loop = p->worker->loop;

	if (loop->now_ms(loop) < p->until_ms)
		return;
	p->base.host->wake(p->base.host);
	tell(p, p->opened ? VX_ACME_SEEN_OTHER : VX_ACME_SEEN_SILENT);
}
