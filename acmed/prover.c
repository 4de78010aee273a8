#include "acmed/prover.h"

#include "acmed/look.h"
#include "acmed/proofs.h"
#include "acmed/records.h"

#include "vectis/dns.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

struct prover {
	struct vx_worker *worker;
	prover_done_fn *done;
	void *ctx;
	struct records *records; /* own; NULL: no records can be set */
	struct proofs proofs;
	struct look *look; /* own */
	struct {
		char token[VX_ACME_TOKEN_MAX + 1];
		char content[256];
	} tokens[PROVER_TOKENS_MAX];
	size_t token_count;
};

static void on_looked(void *ctx, const struct vx_acme_answer *answer)
{
	struct prover *const p = ctx;

	p->done(p->ctx, answer);
}

static void on_recorded(void *ctx, int result, const char *text)
{
	struct prover *const p = ctx;
	const struct vx_acme_answer answer = { .result = result, .text = text };

	p->done(p->ctx, &answer);
}

/* Without a token nothing can be proven, and all else goes on. */
static int open_records(struct prover *p)
{
	const int rc = records_new(p->worker, on_recorded, p, &p->records);

	if (rc == VX_ENOENT || rc == VX_EINVAL)
		vx_log(p->worker->log, VX_LOG_ERROR, "no records can be set",
		    VX_KV_Z("reason", rc == VX_ENOENT
					  ? "there is no token"
					  : "the token is not fit for a header"),
		    VX_KV_Z("do", "set cloudflare.api_token in secrets.yaml beside the "
				  "configuration, and restart acmed"));
	return rc == VX_ENOMEM ? rc : VX_OK;
}

int prover_new(struct vx_worker *w, prover_done_fn *done, void *ctx, struct prover **out)
{
	struct prover *const p = vx_memory_alloc(sizeof(*p));

	if (p == NULL)
		return VX_ENOMEM;
	p->worker = w;
	p->done = done;
	p->ctx = ctx;
	if (w->config->tls_dns_challenge != VX_DNS_CHALLENGE_NONE &&
	    open_records(p) != VX_OK) {
		prover_free(p);
		return VX_ENOMEM;
	}
	if (look_new(w, &p->proofs, p->records != NULL, on_looked, p, &p->look) !=
	    VX_OK) {
		prover_free(p);
		return VX_ENOMEM;
	}
	*out = p;
	return VX_OK;
}

void prover_free(struct prover *p)
{
	if (p == NULL)
		return;
	look_free(p->look);
	records_free(p->records);
	proofs_done(&p->proofs);
	vx_memory_free(p);
}

/* --- tokens
 * ------------------------------------------------------------------------------ */

static size_t find(const struct prover *p, vx_slice token)
{
	size_t i = 0;

	while (
	    i < p->token_count && !vx_slice_eq(vx_slice_str(p->tokens[i].token), token))
		i++;
	return i;
}

static int add(struct prover *p, const struct vx_acme_step *step)
{
	const size_t i = find(p, vx_slice_str(step->token));

	if (i == PROVER_TOKENS_MAX || step->content.len >= sizeof(p->tokens[i].content))
		return VX_ELIMIT;
	(void)snprintf(p->tokens[i].token, sizeof(p->tokens[i].token), "%s", step->token);
	(void)snprintf(p->tokens[i].content, sizeof(p->tokens[i].content), "%.*s",
	    (int)step->content.len, step->content.ptr);
	if (i == p->token_count)
		p->token_count++;
	return VX_OK;
}

vx_slice prover_find(const struct prover *p, vx_slice token)
{
	const size_t i = find(p, token);

	return i < p->token_count ? vx_slice_str(p->tokens[i].content)
				  : vx_slice_of(NULL, 0);
}

vx_slice prover_self(const struct prover *p, vx_slice token)
{
	return look_find(p->look, token);
}

struct vx_tls_certs *prover_proofs(const struct prover *p)
{
	return p->proofs.set;
}

static int record(
    struct prover *p, const struct vx_acme_step *step, struct vx_acme_answer *answer)
{
	char name[VX_DNS_NAME_MAX + 32];
	int rc = VX_EUNSUP;

	(void)snprintf(name, sizeof(name), "_acme-challenge.%s", step->name);
	if (p->records != NULL)
		rc = step->type == VX_ACME_PROVISION
			 ? records_set(p->records, name, step->content)
			 : records_remove(p->records, name, step->content);
	if (rc == VX_OK)
		return VX_WAIT;
	answer->result = rc;
	answer->text = p->records == NULL ? "there is no token for its records" : NULL;
	return VX_OK;
}

int prover_do(
    struct prover *p, const struct vx_acme_step *step, struct vx_acme_answer *answer)
{
	*answer = (struct vx_acme_answer){ .result = VX_OK };
	if (step->type == VX_ACME_LOOK || step->type == VX_ACME_PERMIT) {
		look_begin(p->look, step);
		return VX_WAIT;
	}
	if (step->challenge == VX_ACME_DNS_01)
		return record(p, step, answer);
	if (step->challenge == VX_ACME_TLS_ALPN_01) {
		answer->result = proofs_do(&p->proofs, step);
	} else if (step->challenge != VX_ACME_HTTP_01) {
		answer->result = step->type == VX_ACME_REMOVE ? VX_OK : VX_EUNSUP;
	} else if (step->type == VX_ACME_PROVISION) {
		answer->result = add(p, step);
	} else {
		const size_t i = find(p, vx_slice_str(step->token));

		if (i < p->token_count)
			p->tokens[i] = p->tokens[--p->token_count];
	}
	return VX_OK;
}

void prover_tick(struct prover *p)
{
	if (p->records != NULL)
		records_tick(p->records);
	look_tick(p->look);
}
