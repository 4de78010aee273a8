#include "acmed/proofs.h"

#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

/* --- the set
 * -------------------------------------------------------------------------------------
 */

/* Handshakes under way keep the set that they began with. */
static int renew(struct proofs *p)
{
	struct vx_tls_proof list[PROOFS_MAX];
	struct vx_tls_certs *set = NULL;
	struct vx_error err;
	int rc = VX_OK;

	for (size_t i = 0; i < p->count; i++)
		list[i] = (struct vx_tls_proof){ .name = p->list[i].name,
			.chain = vx_buf_slice(&p->list[i].chain),
			.key = vx_buf_slice(&p->list[i].key) };
	if (p->count > 0)
		rc = vx_tls_proofs_new(list, p->count, &set, &err);
	if (rc != VX_OK)
		return rc;
	vx_tls_certs_free(p->set);
	p->set = set;
	return VX_OK;
}

static void drop(struct proofs *p, size_t i)
{
	vx_buf_done(&p->list[i].chain);
	vx_buf_wipe(&p->list[i].key);
	p->list[i] = p->list[--p->count];
}

static int add(struct proofs *p, const struct vx_acme_step *step)
{
	struct proof *const fresh = &p->list[p->count];
	int rc;

	if (p->count == PROOFS_MAX)
		return VX_ELIMIT;
	*fresh = (struct proof){ .chain = { .max = VX_PKI_PEM_MAX },
		.key = { .max = VX_PKI_PEM_MAX } };
	/* an address is asked for by its name in the reverse (RFC 8738 6) */
	if (vx_dns_reverse(step->name, NULL, fresh->name) != VX_OK)
		(void)snprintf(fresh->name, sizeof(fresh->name), "%s", step->name);
	(void)snprintf(fresh->token, sizeof(fresh->token), "%s", step->token);
	vx_buf_add(&fresh->chain, step->chain);
	vx_buf_add(&fresh->key, step->key);
	p->count++;
	rc = fresh->chain.failed || fresh->key.failed ? VX_ENOMEM : renew(p);
	if (rc != VX_OK)
		drop(p, p->count - 1);
	return rc;
}

int proofs_do(struct proofs *p, const struct vx_acme_step *step)
{
	bool gone = false;

	/* after a crash the same one comes again, with another certificate */
	for (size_t i = p->count; i-- > 0;)
		if (strcmp(p->list[i].token, step->token) == 0) {
			drop(p, i);
			gone = true;
		}
	if (step->type == VX_ACME_PROVISION)
		return add(p, step);
	return gone ? renew(p) : VX_OK;
}

void proofs_done(struct proofs *p)
{
	while (p->count > 0)
		drop(p, 0);
	vx_tls_certs_free(p->set);
	p->set = NULL;
}

/* --- as a session
 * -------------------------------------------------------------------------------------
 */

struct session {
	struct vx_session base;
	const struct vx_worker *worker;
	struct vx_peer peer;
};

/* The handshake was all that was wanted. */
static int drive(struct vx_session *s, vx_slice *in, struct vx_buf *out)
{
	(void)s;
	(void)out;
	*in = vx_slice_from(*in, in->len);
	return VX_DONE;
}

static void tls_ready(struct vx_session *s, const struct vx_session_tls *tls)
{
	const struct session *const own = (struct session *)(void *)s;

	(void)tls;
	vx_log(own->worker->log, VX_LOG_INFO, "challenge answered",
	    VX_KV_Z("ip", own->peer.address), VX_KV_Z("type", "tls-alpn-01"));
}

static uint64_t patience_ms(const struct vx_session *s)
{
	(void)s;
	return PROOFS_PATIENCE_MS;
}

static void end(struct vx_session *s, struct vx_buf *out)
{
	(void)s;
	(void)out;
}

static void free_session(struct vx_session *s)
{
	vx_memory_free(s);
}

int proofs_session_new(const struct vx_worker *w, const struct vx_peer *peer,
    struct vx_session_host *host, struct vx_session **out)
{
	static const struct vx_session_ops ops = { .drive = drive,
		.tls_ready = tls_ready,
		.patience_ms = patience_ms,
		.timeout = end,
		.stop = end,
		.free = free_session };
	struct session *const s = vx_memory_alloc(sizeof(*s));

	if (s == NULL)
		return VX_ENOMEM;
	s->base.ops = &ops;
	s->base.host = host;
	s->worker = w;
	s->peer = *peer;
	*out = &s->base;
	return VX_OK;
}
