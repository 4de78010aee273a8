#include "acmed/look.h"

#include "acmed/probe.h"

#include "vectis/acme_ways.h"
#include "vectis/caa.h"
#include "vectis/diagnose.h"
#include "vectis/dns.h"
#include "vectis/memory.h"
#include "vectis/network.h"

#include <stdio.h>
#include <string.h>

#define PERSIST "_validation-persist"
#define SELF "self" /* the token of the proof by which we find ourselves */
#define SECRET_OCTETS 24

/* What is done about a name, one after the other. */
enum stage {
	ASK_A,
	ASK_AAAA,
	ASK_PERSIST,
	GO, /* to the addresses */
	ASK_CAA,
	IDLE
};

struct look {
	struct vx_worker *worker;
	struct proofs *proofs; /* borrowed */
	bool records;
	look_done_fn *done;
	void *ctx;
	enum stage stage;
	/* the question under way */
	struct vx_lookup lookup;
	bool asking;
	int64_t ask_until;
	/* the step */
	char name[VX_ACME_NAME_MAX + 1];
	bool wildcard;
	char account[VX_ACME_URL_MAX + 1];
	char text[VX_ACME_TEXT_MAX];
	/* LOOK */
	enum vx_dns_status worst;
	char addresses[VX_ACME_PLACES_MAX][VX_DNS_ADDRESS_MAX + 1];
	struct vx_acme_place places[VX_ACME_PLACES_MAX];
	size_t count;
	char persists[VX_DNS_NAME_MAX + 1]; /* issuers */
	/* where we go: address number at, by http-01 or by tls-alpn-01 */
	size_t at;
	bool by_tls;
	struct probe *probe;
	char token[PROBE_CONTENT_MAX], content[PROBE_CONTENT_MAX], digest[65];
	/* PERMIT */
	struct vx_caa caa;
	char issuers[512];
};

static const struct vx_config *config_of(const struct look *l)
{
	return l->worker->config;
}

int look_new(struct vx_worker *w, struct proofs *proofs, bool records, look_done_fn *done,
    void *ctx, struct look **out)
{
	struct look *const l = vx_memory_alloc(sizeof(*l));

	if (l == NULL)
		return VX_ENOMEM;
	*l = (struct look){ .worker = w,
		.proofs = proofs,
		.records = records,
		.done = done,
		.ctx = ctx,
		.stage = IDLE };
	*out = l;
	return VX_OK;
}

void look_free(struct look *l)
{
	if (l == NULL)
		return;
	if (l->asking)
		l->worker->loop->forget(l->worker->loop, &l->lookup);
	if (l->probe != NULL)
		probe_forget(l->probe);
	vx_memory_free(l);
}

static void finish(struct look *l, const struct vx_acme_answer *answer)
{
	l->stage = IDLE;
	l->token[0] = '\0';
	(void)proofs_do(
	    l->proofs, &(struct vx_acme_step){
			   .type = VX_ACME_REMOVE, .token = SELF, .name = l->name });
	l->done(l->ctx, answer);
}

static void next(struct look *l);

/* --- what it came to
 * ------------------------------------------------------------------------- */

/* Why no authority will find its way to the name; NULL: it may. */
static const char *obstacle(const struct look *l)
{
	if (l->worst == VX_DNS_BOGUS)
		return "its DNSSEC signatures are wrong, so that authorities refuse it: "
		       "check the DS record at the registrar, and the clock";
	if (l->count > 0)
		return NULL;
	return l->worst == VX_DNS_FAILED
		   ? "its name servers do not answer"
		   : "it has no address: add an A or AAAA record that points to this "
		     "server, or set tls.dns_challenge";
}

static void find_ways(struct look *l, struct vx_acme_answer *answer)
{
	const struct vx_config *const c = config_of(l);
	char own[VX_OWN_ADDRESSES_MAX][48];
	struct vx_acme_ways w = { .places = l->places,
		.count = l->count,
		.http = c->http_listen.count > 0,
		.tls = c->acme_alpn_listen.count > 0,
		.http_port = (unsigned)c->http_public_port,
		.tls_port = (unsigned)c->acme_alpn_port,
		.web = strcmp(l->name, c->dns_admin_host) == 0,
		.own = c->dns_addresses.count > 0 ? c->dns_addresses.items[0] : "" };
	const size_t n = vx_own_addresses(own, VX_OWN_ADDRESSES_MAX);

	if (!c->acme_preflight) { /* whoever wants it so knows better */
		answer->challenges |=
		    (w.http ? VX_ACME_HTTP_01 : 0U) | (w.tls ? VX_ACME_TLS_ALPN_01 : 0U);
		w.count = 0;
	}
	for (size_t i = 0; i < n && w.own[0] == '\0'; i++)
		if (vx_network_is_public(own[i]))
			w.own = own[i];
	answer->challenges |= vx_acme_find_ways(&w, l->text);
	answer->text = l->text[0] != '\0' ? l->text : NULL;
	if (answer->challenges == 0 && answer->text == NULL)
		answer->text = "http.listen and acme.alpn_listen are empty, and "
			       "tls.dns_challenge is none: there is no way to prove it";
}

/* Records of the DNS need no address, and no port of ours (TLS-04). */
static void conclude(struct look *l)
{
	struct vx_acme_answer answer = { .result = VX_OK };

	if (config_of(l)->tls_dns_challenge != VX_DNS_CHALLENGE_NONE &&
	    l->worst != VX_DNS_BOGUS) {
		if (l->records)
			answer.challenges |= VX_ACME_DNS_01;
		else
			answer.text = "tls.dns_challenge is cloudflare, and there is no "
				      "cloudflare.api_token in secrets.yaml";
	} else {
		answer.text = obstacle(l);
		if (answer.text == NULL)
			find_ways(l, &answer);
	}
	if (l->persists[0] != '\0' && l->worst != VX_DNS_BOGUS) {
		answer.challenges |= VX_ACME_DNS_PERSIST_01;
		answer.persists = l->persists;
		answer.text = NULL; /* what else does not work does not matter */
	}
	finish(l, &answer);
}

/* --- addresses
 * ------------------------------------------------------------------------------- */

static bool has_six(const char *address)
{
	return strchr(address, ':') != NULL;
}

static bool same(const char *a, const char *b)
{
	struct vx_network one, two;
	bool exact;

	return vx_network_parse(vx_slice_str(a), &one, &exact) == VX_OK &&
	       vx_network_parse(vx_slice_str(b), &two, &exact) == VX_OK &&
	       vx_network_has(&one, &two) && vx_network_has(&two, &one);
}

/* Is it ours, or certainly not?  Between them is what a NAT hides. */
static void place(const struct look *l, struct vx_acme_place *p)
{
	const struct vx_text_list *const told = &config_of(l)->dns_addresses;
	char own[VX_OWN_ADDRESSES_MAX][48];
	const size_t n = vx_own_addresses(own, VX_OWN_ADDRESSES_MAX);
	bool knows = told->count > 0;

	p->own = strncmp(p->address, "127.", 4) == 0;
	for (size_t i = 0; i < told->count; i++)
		p->own = p->own || same(told->items[i], p->address);
	for (size_t i = 0; i < n; i++) {
		p->own = p->own || same(own[i], p->address);
		knows = knows || (has_six(own[i]) == has_six(p->address) &&
				     vx_network_is_public(own[i]));
	}
	p->foreign = !p->own && knows;
	p->proxy = vx_diag_is_cloudflare(p->address);
}

static void add_address(struct look *l, const char *text)
{
	struct vx_acme_place *const p = &l->places[l->count];

	if (l->count == VX_ACME_PLACES_MAX)
		return;
	(void)snprintf(l->addresses[l->count], sizeof(l->addresses[0]), "%s", text);
	*p = (struct vx_acme_place){ .address = l->addresses[l->count] };
	place(l, p);
	l->count++;
}

/* --- going there
 * ----------------------------------------------------------------------------- */

static void random_text(char *out, size_t size)
{
	unsigned char octets[SECRET_OCTETS];
	size_t at = 0;

	vx_random(octets, sizeof(octets));
	for (size_t i = 0; i < sizeof(octets) && at + 3 < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%02x", octets[i]);
}

/* Something that only we can answer, by both ways. */
static void prepare(struct look *l)
{
	struct vx_buf chain = { .max = VX_PKI_PEM_MAX }, key = { .max = VX_PKI_PEM_MAX };
	char secret[VX_SHA256_OCTETS];
	struct vx_tls_cert_info info;

	random_text(l->token, sizeof(l->token));
	random_text(l->content, sizeof(l->content));
	vx_random(secret, sizeof(secret));
	l->digest[0] = '\0';
	if (config_of(l)->acme_alpn_listen.count > 0 &&
	    vx_pki_alpn_pair(l->name, secret, l->worker->loop->now_s(l->worker->loop),
		&chain, &key) == VX_OK &&
	    vx_tls_check_pair(vx_buf_slice(&chain), vx_buf_slice(&key), &info, NULL) ==
		VX_OK &&
	    proofs_do(l->proofs, &(struct vx_acme_step){ .type = VX_ACME_PROVISION,
				     .name = l->name,
				     .token = SELF,
				     .chain = vx_buf_slice(&chain),
				     .key = vx_buf_slice(&key) }) == VX_OK)
		memcpy(l->digest, info.key_digest, sizeof(l->digest));
	vx_buf_done(&chain);
	vx_buf_wipe(&key);
}

static void go_on(struct look *l);

static void on_seen(void *ctx, enum vx_acme_seen seen)
{
	struct look *const l = ctx;
	struct vx_acme_place *const p = &l->places[l->at];

	l->probe = NULL;
	if (l->by_tls)
		p->tls = seen;
	else
		p->http = seen;
	if (l->by_tls)
		l->at++;
	l->by_tls = !l->by_tls;
	go_on(l);
}

/* What cannot be tried stays so. */
static bool is_tried(const struct look *l)
{
	return l->by_tls ? l->digest[0] != '\0' : config_of(l)->http_listen.count > 0;
}

static void go_on(struct look *l)
{
	const struct vx_config *const c = config_of(l);

	while (l->at < l->count) {
		const struct probe_way way = { .address = l->addresses[l->at],
			.port = (uint16_t)(l->by_tls ? c->acme_alpn_port
						     : c->http_public_port),
			.name = l->name,
			.token = l->token,
			.content = l->content,
			.digest = l->by_tls ? l->digest : NULL };

		if (is_tried(l) &&
		    probe_new(l->worker, &way, on_seen, l, &l->probe) == VX_OK)
			return;
		/* no way there from here, as if it were refused */
		if (is_tried(l) && l->by_tls)
			l->places[l->at].tls = VX_ACME_SEEN_REFUSED;
		else if (is_tried(l))
			l->places[l->at].http = VX_ACME_SEEN_REFUSED;
		if (l->by_tls)
			l->at++;
		l->by_tls = !l->by_tls;
	}
	l->stage = IDLE;
	conclude(l);
}

static void go(struct look *l)
{
	l->at = 0;
	l->by_tls = false;
	if (l->count > 0 && config_of(l)->acme_preflight &&
	    config_of(l)->tls_dns_challenge == VX_DNS_CHALLENGE_NONE)
		prepare(l);
	else
		l->at = l->count;
	go_on(l);
}

vx_slice look_find(const struct look *l, vx_slice token)
{
	return l->token[0] != '\0' && vx_slice_eq(vx_slice_str(l->token), token)
		   ? vx_slice_str(l->content)
		   : vx_slice_of(NULL, 0);
}

/* --- questions
 * -------------------------------------------------------------------------------- */

static void take_persists(struct look *l, const struct vx_dns_answer *a)
{
	for (size_t i = 0; i < a->count; i++) {
		struct vx_buf text = { .max = 4096 };
		vx_slice issuer;
		const size_t at = strlen(l->persists);

		if (vx_dns_read_txt(a->rdata[i], &text) == VX_OK &&
		    vx_acme_persist(vx_buf_slice(&text), l->account, l->wildcard,
			l->worker->loop->now_s(l->worker->loop), &issuer) &&
		    at + issuer.len + 2 < sizeof(l->persists))
			(void)snprintf(l->persists + at, sizeof(l->persists) - at,
			    "%s%.*s", at > 0 ? " " : "", (int)issuer.len, issuer.ptr);
		vx_buf_done(&text);
	}
}

static void take_addresses(struct look *l, const struct vx_dns_answer *a)
{
	char text[VX_DNS_ADDRESS_MAX + 1];

	for (size_t i = 0; i < a->count; i++)
		if (vx_dns_read_address(a->rdata[i], text) == VX_OK)
			add_address(l, text);
	if (!vx_dns_answered(a) && l->worst != VX_DNS_BOGUS)
		l->worst = a->status;
}

static void on_answer(struct vx_lookup *lookup, const struct vx_dns_answer *a)
{
	struct look *const l =
	    (struct look *)(void *)((char *)lookup - offsetof(struct look, lookup));

	l->asking = false;
	if (l->stage == ASK_CAA) {
		vx_caa_answer(&l->caa, a);
	} else {
		if (l->stage == ASK_PERSIST)
			take_persists(l, a);
		else
			take_addresses(l, a);
		l->stage++;
	}
	next(l);
}

static void permit(struct look *l)
{
	const struct vx_caa_result *const r = &l->caa.result;
	const struct vx_acme_answer answer = {
		.result = r->verdict == VX_CAA_SILENT ? VX_ETEMP : VX_OK,
		.challenges = r->methods,
		.text = r->text[0] != '\0' ? r->text : NULL
	};

	finish(l, &answer);
}

static void ask(struct look *l)
{
	struct vx_loop *const loop = l->worker->loop;

	l->lookup.done = on_answer;
	l->ask_until = loop->now_s(loop) + LOOK_S;
	l->asking = loop->ask(loop, &l->lookup) == VX_OK;
	if (!l->asking)
		l->ask_until = 0; /* the next tick says that it failed */
}

static void next(struct look *l)
{
	static const enum vx_dns_type types[] = {
		[ASK_A] = VX_DNS_A, [ASK_AAAA] = VX_DNS_AAAA, [ASK_PERSIST] = VX_DNS_TXT
	};
	bool good;

	l->lookup = (struct vx_lookup){ .done = on_answer };
	if (l->stage == ASK_PERSIST && l->account[0] == '\0')
		l->stage = GO;
	if (l->stage == GO) {
		go(l);
		return;
	}
	if (l->stage == ASK_CAA && vx_caa_next(&l->caa, &l->lookup.question) == VX_DONE) {
		permit(l);
		return;
	}
	good = l->stage == ASK_CAA ||
	       vx_dns_ask(types[l->stage], l->stage == ASK_PERSIST ? PERSIST : "",
		   vx_slice_str(l->name), &l->lookup.question) == VX_OK;
	if (good)
		ask(l);
	else
		l->ask_until = 0;
}

/* --- steps
 * ------------------------------------------------------------------------------------ */

static void begin_look(struct look *l)
{
	struct vx_network n;
	bool exact;

	l->count = 0;
	l->persists[0] = '\0';
	l->worst = VX_DNS_FOUND;
	l->stage = ASK_A;
	/* an address is its own name */
	if (vx_network_parse(vx_slice_str(l->name), &n, &exact) == VX_OK) {
		add_address(l, l->name);
		l->stage = GO;
	}
	next(l);
}

/* Bits of challenges and of methods are the same. */
static void begin_permit(struct look *l, const struct vx_acme_step *step)
{
	static const enum vx_acme_challenge all[] = { VX_ACME_HTTP_01, VX_ACME_DNS_01,
		VX_ACME_TLS_ALPN_01, VX_ACME_DNS_PERSIST_01 };
	const char *methods[4];
	const struct vx_caa_options o = { .name = l->name,
		.wildcard = l->wildcard,
		.issuers = l->issuers,
		.account = l->account,
		.methods = methods,
		.method_count = 4 };

	for (size_t i = 0; i < 4; i++)
		methods[i] = (step->challenges & all[i]) != 0
				 ? vx_acme_challenge_name(all[i])
				 : "";
	if (!config_of(l)->acme_preflight) {
		finish(l, &(struct vx_acme_answer){ .challenges = step->challenges });
		return;
	}
	(void)snprintf(l->issuers, sizeof(l->issuers), "%s", step->issuers);
	vx_caa_begin(&l->caa, &o);
	l->stage = ASK_CAA;
	next(l);
}

void look_begin(struct look *l, const struct vx_acme_step *step)
{
	(void)snprintf(l->name, sizeof(l->name), "%s", step->name);
	(void)snprintf(l->account, sizeof(l->account), "%s", step->account);
	l->wildcard = step->wildcard;
	l->text[0] = '\0';
	if (step->type == VX_ACME_LOOK)
		begin_look(l);
	else
		begin_permit(l, step);
}

void look_tick(struct look *l)
{
	struct vx_loop *const loop = l->worker->loop;
	const struct vx_acme_answer late = { .result = VX_ETIMEOUT,
		.text = "the DNS does not answer" };

	if (l->probe != NULL)
		probe_tick(l->probe);
	if (l->stage == IDLE || l->stage == GO ||
	    (l->asking && loop->now_s(loop) <= l->ask_until))
		return;
	if (l->asking)
		loop->forget(loop, &l->lookup);
	l->asking = false;
	finish(l, &late);
}
