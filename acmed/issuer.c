#include "acmed/issuer.h"

#include "acmed/dane.h"
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
	struct dane *dane;
	struct vx_fetch fetch;
	bool fetching, proving;
	int64_t next; /* nothing before */
	char checked[DESK_LINE_MAX];
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
	const bool dane = step->type == VX_ACME_TLSA || step->type == VX_ACME_PUBLISH;
	struct vx_acme_answer a;

	/* it may be over before it returns: then run is above us and goes on */
	i->proving = true;
	if ((dane ? dane_do(i->dane, step, &a) : prover_do(i->prover, step, &a)) ==
	    VX_OK) {
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

/* All of it is checked before the manifest names it. */
static void install(struct issuer *i, const struct vx_acme_step *step)
{
	struct vx_certs_pair pairs[VX_ACME_PAIRS_MAX];
	struct vx_error err = { 0 };
	struct vx_acme_answer a = { .result = VX_OK };
	char dir[VX_ACME_PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%.480s/certs", i->worker->config->state_dir);
	for (size_t n = 0; n < step->pair_count; n++)
		pairs[n] = (struct vx_certs_pair){ .chain = step->pairs[n].chain,
			.key = step->pairs[n].key };
	a.result = vx_certs_install_pairs(
	    dir, step->id, pairs, step->pair_count, PROVIDER, &err);
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

static void say_served(struct issuer *i)
{
	char who[64];
	const bool all = all_serve(i, who, sizeof(who));
	const struct vx_acme_answer a = { .result = all ? VX_OK : VX_ETEMP, .text = who };

	answer(i, &a);
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
	case VX_ACME_TLSA:
	case VX_ACME_PUBLISH:
		prove(i, step);
		return !i->proving;
	case VX_ACME_INSTALL:
		install(i, step);
		return i->served_until == 0;
	case VX_ACME_SERVED:
		say_served(i);
		return true;
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
	dane_tick(i->dane);
	if (i->served_until != 0)
		look_at_served(i);
	if (!i->fetching && !i->proving && i->served_until == 0 &&
	    (asked || now(i) >= i->next))
		run(i);
}

/* --- life
 * ------------------------------------------------------------------------------------ */

/* A pair of the authority's: its key goes on. */
static void take_pair(struct issuer *i, const char *dir, const struct vx_certs_entry *e,
    bool rsa, const struct vx_tls_cert_info *info)
{
	struct vx_buf chain = { .max = VX_PKI_PEM_MAX }, key = { .max = VX_PKI_PEM_MAX };
	char chain_path[VX_ACME_PATH_MAX + 128], key_path[VX_ACME_PATH_MAX + 128];
	struct vx_error err;
	int rc = VX_EIO;

	(void)snprintf(chain_path, sizeof(chain_path), "%s/%s@%u/%s", dir, e->name,
	    e->generation, vx_certs_chain_file(rsa));
	(void)snprintf(key_path, sizeof(key_path), "%s/%s@%u/%s", dir, e->name,
	    e->generation, vx_certs_key_file(rsa));
	if (served_read(chain_path, &chain) && served_read(key_path, &key))
		rc = vx_acme_installed(i->core, e->name,
		    strcmp(info->key_kind, "rsa") == 0 ? VX_PKI_RSA : VX_PKI_P256,
		    vx_buf_slice(&chain), vx_buf_slice(&key), &err);
	if (rc == VX_ENOENT || rc == VX_EUNSUP)
		vx_log(i->worker->log, VX_LOG_INFO,
		    "a certificate that is served is not wanted any more",
		    VX_KV_Z("cert", e->name), VX_KV_Z("key", info->key_kind));
	vx_buf_done(&chain);
	vx_buf_wipe(&key);
}

/* What is there already: the authority's, and what others brought. */
static void take_installed(struct issuer *i)
{
	struct vx_certs_entry e;
	struct vx_error err;
	char dir[VX_ACME_PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%.480s/certs", i->worker->config->state_dir);
	for (size_t n = 0; vx_certs_entry(dir, n, &e, &err) == VX_OK; n++)
		for (int rsa = 0; rsa < (e.has_rsa ? 2 : 1); rsa++) {
			const struct vx_tls_cert_info *const info =
			    rsa == 0 ? &e.info : &e.rsa;

			if (info->key_kind == NULL)
				continue; /* it cannot be read, nor served */
			if (strcmp(e.provider, PROVIDER) == 0)
				take_pair(i, dir, &e, rsa == 1, info);
			else
				vx_acme_serving(i->core, e.name, info->key_digest);
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
	if (rc == VX_OK && (prover_new(w, on_proved, i, &i->prover) != VX_OK ||
			       dane_new(w, on_proved, i, &i->dane) != VX_OK))
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
	dane_free(i->dane);
	vx_acme_free(i->core);
	vx_memory_free(i);
}

vx_slice issuer_token(const struct issuer *i, vx_slice token)
{
	return prover_find(i->prover, token);
}

vx_slice issuer_self(struct issuer *i, vx_slice token)
{
	const vx_slice content = prover_self(i->prover, token);

	return content.ptr != NULL ? content
				   : desk_check(i->worker->config, token, i->checked);
}

struct vx_tls_certs *issuer_proofs(const struct issuer *i)
{
	return prover_proofs(i->prover);
}
