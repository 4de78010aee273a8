#include "acmed/issuer.h"

#include "acmed/desk.h"
#include "acmed/events.h"
#include "acmed/prover.h"
#include "acmed/served.h"
#include "vectis/fetch.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

#define PROVIDER "letsencrypt" /* in the manifest: whatever authority it was */

struct issuer {
	struct vx_worker *worker;
	struct vx_acme *core;
	struct prover *prover;
	struct vx_fetch fetch;
	bool fetching, proving;
	int64_t next; /* nothing before */
	int64_t
	    served_until; /* that all serve what was installed; 0: it is not awaited */
};

static void run(struct issuer *i);

static int64_t now(const struct issuer *i)
{
	return i->worker->loop->now_s(i->worker->loop);
}

static void answer(struct issuer *i, const struct vx_acme_answer *a)
{
	vx_acme_answer(i->core, now(i), a);
}

/* --- requests
 * ---------------------------------------------------------------------------- */

static void on_fetched(struct vx_fetch *f, const struct vx_fetch_answer *a)
{
	struct issuer *const i =
	    (struct issuer *)(void *)((char *)f - offsetof(struct issuer, fetch));
	struct vx_acme_answer out = { .result = VX_EIO, .text = a->text };

	i->fetching = false;
	if (a->result == VX_FETCH_ANSWERED) {
		out = (struct vx_acme_answer){ .status = a->status,
			.nonce = vx_fetch_value(a, "replay-nonce"),
			.location = vx_fetch_value(a, "location"),
			.retry_after = vx_fetch_value(a, "retry-after"),
			.date = vx_fetch_value(a, "date"),
			.body = a->body };
		for (size_t k = 0;
		     k < a->field_count && out.link_count < VX_ACME_LINKS_MAX; k++)
			if (vx_slice_eq_nocase(a->fields[k].name, VX_S("link")))
				out.links[out.link_count++] = a->fields[k].value;
	}
	answer(i, &out);
	run(i);
}

static void request(struct issuer *i, const struct vx_acme_step *step)
{
	struct vx_fetch_field fields[3] = { { VX_S("User-Agent"),
	    VX_S("vectis-acmed/" VX_VERSION) } };
	const struct vx_acme_answer failed = { .result = VX_EBUSY,
		.text = "no request can be made now" };
	size_t n = 1;

	if (step->content_type != NULL)
		fields[n++] = (struct vx_fetch_field){ VX_S("Content-Type"),
			vx_slice_str(step->content_type) };
	if (step->accept != NULL)
		fields[n++] =
		    (struct vx_fetch_field){ VX_S("Accept"), vx_slice_str(step->accept) };
	i->fetch = (struct vx_fetch){ .method = step->method,
		.url = step->url,
		.fields = fields,
		.field_count = n,
		.body = step->body,
		.body_max = VX_PKI_PEM_MAX,
		.done = on_fetched };
	i->fetching = i->worker->loop->fetch(i->worker->loop, &i->fetch) == VX_OK;
	if (!i->fetching)
		answer(i, &failed);
}

/* --- challenges
 * -------------------------------------------------------------------------- */

static void on_proved(void *ctx, const struct vx_acme_answer *a)
{
	struct issuer *const i = ctx;

	i->proving = false;
	answer(i, a);
	run(i);
}

static void prove(struct issuer *i, const struct vx_acme_step *step)
{
	struct vx_acme_answer a;

	/* it may be over before it returns: then run is above us and goes on */
	i->proving = true;
	if (prover_do(i->prover, step, &a) == VX_OK) {
		i->proving = false;
		answer(i, &a);
	}
}

/* --- what is kept, and what is served
 * ------------------------------------------------------ */

static void save(struct issuer *i)
{
	struct vx_error err = { 0 };
	const struct vx_acme_answer a = {
		.result = vx_acme_keep(i->worker->config, i->core, &err), .text = err.text
	};

	answer(i, &a);
}

/* The whole pair is checked before the manifest names it. */
static void install(struct issuer *i, const struct vx_acme_step *step)
{
	struct vx_error err = { 0 };
	struct vx_tls_cert_info info;
	struct vx_acme_answer a = { .result = VX_OK };
	char dir[VX_ACME_PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%.480s/certs", i->worker->config->state_dir);
	a.result = vx_tls_check_pair(step->chain, step->key, &info, &err);
	if (a.result == VX_OK)
		a.result = vx_certs_install(
		    dir, step->id, step->chain, step->key, PROVIDER, &err);
	a.text = err.text;
	if (a.result == VX_OK)
		i->served_until = now(i) + ISSUER_SERVED_S;
	else
		answer(i, &a);
}

/* Does every worker serve what the manifest names now? */
static bool all_serve(const struct issuer *i, char *who, size_t size)
{
	char dir[VX_ACME_PATH_MAX], mark[VX_CERTS_MARK_MAX];
	struct vx_error err;

	(void)snprintf(dir, sizeof(dir), "%.480s/certs", i->worker->config->state_dir);
	(void)snprintf(who, size, "?");
	return vx_certs_mark_of(dir, mark, &err) == VX_OK &&
	       served_by_all(i->worker->config->run_dir, mark, who, size);
}

/*
 * It is done when all serve it (TLS-13).  A daemon that does not is an alarm and no
 * reason to order another one.
 */
static void look_at_served(struct issuer *i)
{
	const struct vx_acme_answer a = { .result = VX_OK };
	char who[64];

	if (!all_serve(i, who, sizeof(who))) {
		if (now(i) < i->served_until)
			return;
		vx_log(i->worker->log, VX_LOG_ERROR,
		    "a daemon does not serve the new certificate", VX_KV_Z("worker", who),
		    VX_KV_Z("do", "restart it"));
	}
	i->served_until = 0;
	answer(i, &a);
	run(i);
}

/* --- driving
 * ------------------------------------------------------------------------------- */

/* True: go on at once. */
static bool do_step(struct issuer *i, const struct vx_acme_step *step)
{
	switch (step->type) {
	case VX_ACME_SAVE:
		save(i);
		return true;
	case VX_ACME_REQUEST:
		request(i, step);
		return !i->fetching;
	case VX_ACME_LOOK:
	case VX_ACME_PERMIT:
	case VX_ACME_PROVISION:
	case VX_ACME_REMOVE:
		prove(i, step);
		return !i->proving;
	case VX_ACME_INSTALL:
		install(i, step);
		return i->served_until == 0;
	case VX_ACME_TELL:
		events_tell(i->worker->config, i->worker->log, step);
		if (step->command != 0)
			desk_done(
			    i->worker->config, step->command, step->result, step->text);
		return true;
	case VX_ACME_WAIT:
		i->next = step->until;
		return false;
	}
	return false;
}

static void run(struct issuer *i)
{
	struct vx_acme_step step;

	i->next = now(i) + 1;
	for (size_t n = 0; n < ISSUER_STEPS_MAX; n++) {
		const int rc = vx_acme_next(i->core, now(i), &step);

		if (rc == VX_WAIT)
			return;
		if (rc != VX_OK) {
			vx_log(i->worker->log, VX_LOG_ERROR, "acme", VX_KV_ERR(rc));
			i->next = now(i) + 60;
			return;
		}
		if (!do_step(i, &step))
			return;
	}
}

void issuer_tick(struct issuer *i)
{
	const bool asked = desk_look(i->worker->config, i->core);

	prover_tick(i->prover);
	if (i->served_until != 0)
		look_at_served(i);
	if (!i->fetching && !i->proving && i->served_until == 0 &&
	    (asked || now(i) >= i->next))
		run(i);
}

/* --- life
 * ------------------------------------------------------------------------------------ */

/* What is there already, if it is the authority's: its key goes on. */
static void take_installed(struct issuer *i)
{
	char dir[VX_ACME_PATH_MAX], chain_path[VX_ACME_PATH_MAX + 128],
	    key_path[VX_ACME_PATH_MAX + 128];
	struct vx_certs_entry e;
	struct vx_error err;

	(void)snprintf(dir, sizeof(dir), "%.480s/certs", i->worker->config->state_dir);
	for (size_t n = 0; vx_certs_entry(dir, n, &e, &err) == VX_OK; n++) {
		struct vx_buf chain = { .max = VX_PKI_PEM_MAX },
			      key = { .max = VX_PKI_PEM_MAX };
		const enum vx_pki_kind kind =
		    i->worker->config->tls_key_type == 0 ? VX_PKI_P256 : VX_PKI_RSA;

		if (strcmp(e.provider, PROVIDER) != 0)
			continue;
		(void)snprintf(chain_path, sizeof(chain_path), "%s/%s@%u/fullchain.pem",
		    dir, e.name, e.generation);
		(void)snprintf(key_path, sizeof(key_path), "%s/%s@%u/privkey.pem", dir,
		    e.name, e.generation);
		if (served_read(chain_path, &chain) && served_read(key_path, &key) &&
		    vx_acme_installed(i->core, e.name, kind, vx_buf_slice(&chain),
			vx_buf_slice(&key), &err) == VX_EUNSUP)
			vx_log(i->worker->log, VX_LOG_INFO,
			    "the kind of the key changes with the next certificate",
			    VX_KV_Z("cert", e.name));
		vx_buf_done(&chain);
		vx_buf_wipe(&key);
	}
}

int issuer_new(struct vx_worker *w, struct issuer **out, struct vx_error *err)
{
	struct issuer *i;
	uint64_t seed;
	int rc;

	if (!vx_acme_is_wanted(w->config))
		return VX_ESTATE;
	i = vx_memory_alloc(sizeof(*i));
	if (i == NULL)
		return vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	i->worker = w;
	vx_random(&seed, sizeof(seed));
	rc = desk_open(w->config, err);
	if (rc == VX_OK)
		rc = vx_acme_open(w->config, w->secrets, seed, &i->core, err);
	if (rc == VX_OK && prover_new(w, on_proved, i, &i->prover) != VX_OK)
		rc = vx_error_set(err, VX_ENOMEM, "%s", vx_strerror(VX_ENOMEM));
	if (rc != VX_OK) {
		issuer_free(i);
		return rc;
	}
	take_installed(i);
	*out = i;
	return VX_OK;
}

void issuer_free(struct issuer *i)
{
	if (i == NULL)
		return;
	if (i->fetching)
		i->worker->loop->drop(i->worker->loop, &i->fetch);
	prover_free(i->prover);
	vx_acme_free(i->core);
	vx_memory_free(i);
}

vx_slice issuer_token(const struct issuer *i, vx_slice token)
{
	return prover_find(i->prover, token);
}

vx_slice issuer_self(const struct issuer *i, vx_slice token)
{
	return prover_self(i->prover, token);
}

struct vx_tls_certs *issuer_proofs(const struct issuer *i)
{
	return prover_proofs(i->prover);
}
