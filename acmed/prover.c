#include "acmed/prover.h"

#include "acmed/proofs.h"
#include "acmed/records.h"

#include "vectis/dns.h"
#include "vectis/memory.h"

#include <stdio.h>
#include <string.h>

#define PERSIST "_validation-persist"

/* What is asked about a name, one after the other. */
enum question {
	ASK_A,
	ASK_AAAA,
	ASK_PERSIST,
	ASK_NOTHING
};

struct prover {
	struct vx_worker *worker;
	prover_done_fn *done;
	void *ctx;
	struct records *records; /* own; NULL: no records can be set */
	struct proofs proofs;
	struct vx_lookup lookup;
	bool asking;
	int64_t ask_until;
	enum question question;
	bool addresses, persists; /* what was found */
	enum vx_dns_status worst;
	char name[VX_ACME_NAME_MAX + 1];
	bool wildcard;
	char account[VX_ACME_URL_MAX + 1];
	char text[VX_ACME_TEXT_MAX];
	struct {
		char token[VX_ACME_TOKEN_MAX + 1];
		char content[256];
	} tokens[PROVER_TOKENS_MAX];
	size_t token_count;
};

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
	*out = p;
	return VX_OK;
}

void prover_free(struct prover *p)
{
	if (p == NULL)
		return;
	if (p->asking)
		p->worker->loop->forget(p->worker->loop, &p->lookup);
	records_free(p->records);
	proofs_done(&p->proofs);
	vx_memory_free(p);
}

/* --- what can work
 * ---------------------------------------------------------------------- */

static void finish(struct prover *p, const struct vx_acme_answer *answer)
{
	p->question = ASK_NOTHING;
	p->done(p->ctx, answer);
}

/* Why no authority will find its way here; NULL: it may. */
static const char *obstacle(struct prover *p)
{
	const char *why = NULL;

	if (p->worst == VX_DNS_BOGUS)
		why = "its DNSSEC signatures are wrong, so that authorities refuse it: "
		      "check the DS record at the registrar, and the clock";
	else if (p->addresses)
		return NULL;
	else if (p->worst == VX_DNS_FAILED)
		why = "its name servers do not answer";
	else
		why = "it has no address: add an A or AAAA record that points to this "
		      "server, or set tls.dns_challenge";
	(void)snprintf(p->text, sizeof(p->text), "%s", why);
	return p->text;
}

/* Records of the DNS need no address, and no port of ours (TLS-04). */
static void conclude(struct prover *p)
{
	const struct vx_config *const c = p->worker->config;
	const bool by_records = c->tls_dns_challenge != VX_DNS_CHALLENGE_NONE;
	struct vx_acme_answer answer = { .result = VX_OK };

	if (by_records && p->worst != VX_DNS_BOGUS) {
		if (p->records != NULL)
			answer.challenges |= VX_ACME_DNS_01;
		else
			answer.text = "tls.dns_challenge is cloudflare, and there is no "
				      "cloudflare.api_token in secrets.yaml";
	} else {
		answer.text = obstacle(p);
		if (answer.text == NULL && c->http_listen.count > 0)
			answer.challenges |= VX_ACME_HTTP_01;
		if (answer.text == NULL && c->acme_alpn_listen.count > 0)
			answer.challenges |= VX_ACME_TLS_ALPN_01;
		if (answer.text == NULL && answer.challenges == 0)
			answer.text =
			    "http.listen and acme.alpn_listen are empty, and "
			    "tls.dns_challenge is none: there is no way to prove it";
	}
	if (p->persists && p->worst != VX_DNS_BOGUS)
		answer.challenges |= VX_ACME_DNS_PERSIST_01;
	finish(p, &answer);
}

/* Does a record there name our account, and wildcards if it has to? */
static bool names_account(const struct prover *p, vx_slice rdata)
{
	struct vx_buf text = { .max = 4096 };
	bool ours = false, wildcards = false;
	vx_slice rest, part;

	if (vx_dns_read_txt(rdata, &text) == VX_OK) {
		rest = vx_buf_slice(&text);
		while (rest.len > 0) {
			(void)vx_slice_cut(&rest, ';', &part);
			part = vx_slice_trim(part, " ");
			wildcards = wildcards ||
				    vx_slice_eq_nocase(part, VX_S("policy=wildcard"));
			if (vx_slice_has_prefix_nocase(part, VX_S("accounturi=")))
				ours = vx_slice_eq(
				    vx_slice_from(part, 11), vx_slice_str(p->account));
		}
	}
	vx_buf_done(&text);
	return ours && (wildcards || !p->wildcard);
}

static void ask_next(struct prover *p);

static void on_answer(struct vx_lookup *l, const struct vx_dns_answer *a)
{
	struct prover *const p =
	    (struct prover *)(void *)((char *)l - offsetof(struct prover, lookup));

	p->asking = false;
	if (p->question == ASK_PERSIST) {
		for (size_t i = 0; i < a->count; i++)
			p->persists = p->persists || names_account(p, a->rdata[i]);
	} else {
		p->addresses = p->addresses || a->status == VX_DNS_FOUND;
		if (!vx_dns_answered(a) && p->worst != VX_DNS_BOGUS)
			p->worst = a->status;
	}
	p->question++;
	ask_next(p);
}

static void ask_next(struct prover *p)
{
	static const enum vx_dns_type types[] = {
		[ASK_A] = VX_DNS_A, [ASK_AAAA] = VX_DNS_AAAA, [ASK_PERSIST] = VX_DNS_TXT
	};
	struct vx_loop *const loop = p->worker->loop;

	if (p->question == ASK_PERSIST && p->account[0] == '\0')
		p->question = ASK_NOTHING;
	if (p->question == ASK_NOTHING) {
		conclude(p);
		return;
	}
	p->lookup = (struct vx_lookup){ .done = on_answer };
	p->ask_until = loop->now_s(loop) + PROVER_LOOK_S;
	p->asking =
	    vx_dns_ask(types[p->question], p->question == ASK_PERSIST ? PERSIST : "",
		vx_slice_str(p->name), &p->lookup.question) == VX_OK &&
	    loop->ask(loop, &p->lookup) == VX_OK;
	if (!p->asking)
		p->ask_until = 0; /* the next tick says that it failed */
}

static int look(struct prover *p, const struct vx_acme_step *step)
{
	(void)snprintf(p->name, sizeof(p->name), "%s", step->name);
	(void)snprintf(p->account, sizeof(p->account), "%s", step->account);
	p->wildcard = step->wildcard;
	p->addresses = p->persists = false;
	p->worst = VX_DNS_FOUND;
	p->question = ASK_A;
	ask_next(p);
	return VX_WAIT;
}

void prover_tick(struct prover *p)
{
	struct vx_loop *const loop = p->worker->loop;
	const struct vx_acme_answer late = { .result = VX_ETIMEOUT,
		.text = "the DNS does not answer" };

	if (p->records != NULL)
		records_tick(p->records);
	if (p->question == ASK_NOTHING || p->name[0] == '\0' ||
	    (p->asking && loop->now_s(loop) <= p->ask_until))
		return;
	if (p->asking)
		loop->forget(loop, &p->lookup);
	p->asking = false;
	p->name[0] = '\0';
	finish(p, &late);
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
	if (step->type == VX_ACME_LOOK)
		return look(p, step);
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
