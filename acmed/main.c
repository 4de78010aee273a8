/*
 * acmed: gets the certificates that the other daemons serve, and looks after them.  Its
 * port 80 answers authorities, and sends everybody else to https; by another port, where
 * one is configured, it answers those that ask by TLS.
 */
#include "acmed/issuer.h"
#include "acmed/keeper.h"
#include "acmed/proofs.h"
#include "acmed/web.h"
#include "runtime/fetch.h"
#include "vectis/acme_setup.h"
#include "vectis/memory.h"

#include <stddef.h>

struct acmed {
	struct vx_worker *worker;
	struct keeper *keeper;
	struct issuer *issuer; /* NULL: certificates come from elsewhere */
};

static const struct vx_listen_list *where(const struct vx_config *c)
{
	static const struct vx_listen_list nowhere = { .count = 0 };

	return vx_acme_is_wanted(c) ? &c->http_listen : &nowhere;
}

static const struct vx_listen_list *where_alpn(const struct vx_config *c)
{
	static const struct vx_listen_list nowhere = { .count = 0 };

	return vx_acme_is_wanted(c) ? &c->acme_alpn_listen : &nowhere;
}

static struct vx_tls_certs *proofs(void *service)
{
	const struct acmed *const a = service;

	return a->issuer == NULL ? NULL : issuer_proofs(a->issuer);
}

static int proof(void *service, const struct vx_peer *peer, struct vx_session_host *host,
    struct vx_session **out)
{
	const struct acmed *const a = service;

	return proofs_session_new(a->worker, peer, host, out);
}

static int web(void *service, const struct vx_peer *peer, struct vx_session_host *host,
    struct vx_session **out)
{
	const struct acmed *const a = service;

	(void)peer;
	return web_session_new(a->issuer, a->worker, host, out);
}

static void stop(void *service)
{
	struct acmed *const a = service;

	issuer_free(a->issuer);
	keeper_free(a->keeper);
	vx_memory_free(a);
}

/* What is wrong with the state keeps us from ordering, and from nothing else. */
static void begin_issuing(struct acmed *a)
{
	struct vx_error err = { 0 };
	const int rc = issuer_new(a->worker, &a->issuer, &err);

	if (rc == VX_ESTATE) {
		if (a->worker->config->tls_provider == VX_TLS_LETSENCRYPT)
			vx_log(a->worker->log, VX_LOG_WARN,
			    "no certificate is ordered before tls.email is set",
			    VX_KV_Z("do",
				"vectisctl config set tls.email you@your-domain, then "
				"restart "
				"acmed; or import one with \"vectisctl cert import\""));
	} else if (rc != VX_OK) {
		vx_log(a->worker->log, VX_LOG_ERROR, "certificates cannot be ordered",
		    VX_KV_Z("file", err.file), VX_KV_Z("reason", err.text));
	}
}

static int start(struct vx_worker *w, void **service)
{
	struct acmed *const a = vx_memory_alloc(sizeof(*a));
	int rc;

	if (a == NULL)
		return VX_ENOMEM;
	a->worker = w;
	rc = keeper_new(w->config, w->log, &a->keeper);
	if (rc != VX_OK) {
		vx_memory_free(a);
		return rc;
	}
	begin_issuing(a);
	*service = a;
	return VX_OK;
}

static void tick(void *service)
{
	struct acmed *const a = service;

	keeper_tick(a->keeper);
	if (a->issuer != NULL)
		issuer_tick(a->issuer);
}

int main(int argc, char **argv)
{
	static const struct vx_daemon acmed = {
		.name = "acmed",
		.workers = 1,
		.reads_certificate_files = true,
		.keeps_account = true,
		.resolves = true,
		.connects = true,
		.fetches = true,
		.listeners = { { .name = "http", .where = where, .session = web },
		    { .name = "acme-tls",
			.where = where_alpn,
			.tls = true,
			.alpn = PROOFS_ALPN,
			.certs = proofs,
			.session = proof } },
		.listener_count = 2,
		.start = start,
		.stop = stop,
		.tick = tick,
		.beside = &vx_fetch_daemon,
	};

	return vx_daemon_main(argc, argv, &acmed);
}
