/* The host: it does what the core asks, and turns the clock. */
#include "acme/ca.h"

#include <stdio.h>
#include <stdlib.h>

#define must(call) ck_assert_int_ge((call), 0)

static void ca_init(struct ca *ca, struct world *w, const char *host)
{
	memset(ca, 0, sizeof(*ca));
	ca->world = w;
	ca->host = host;
	ca->life_s = 90 * 86400;
	ca->windows = ca->terms = true;
	ca->eab_kid = "kid \"1\"";
	ca->eab_secret = "secret";
	ca->orders = calloc(CA_ORDERS, sizeof(*ca->orders));
	ck_assert_ptr_nonnull(ca->orders);
	must(gnutls_x509_crt_init(&ca->crt));
	must(gnutls_x509_privkey_init(&ca->key));
	must(gnutls_x509_privkey_generate(ca->key, GNUTLS_PK_ECDSA,
	    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	must(gnutls_x509_crt_set_version(ca->crt, 3));
	must(gnutls_x509_crt_set_serial(ca->crt, "\1", 1));
	must(gnutls_x509_crt_set_dn_by_oid(
	    ca->crt, GNUTLS_OID_X520_COMMON_NAME, 0, "Test Root", 9));
	must(gnutls_x509_crt_set_basic_constraints(ca->crt, 1, -1));
	must(gnutls_x509_crt_set_activation_time(ca->crt, 1700000000));
	must(gnutls_x509_crt_set_expiration_time(ca->crt, 2000000000));
	must(gnutls_x509_crt_set_key(ca->crt, ca->key));
	must(gnutls_x509_crt_sign2(ca->crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0));
}

void world_init(struct world *w)
{
	static const char *const hosts[] = { "ca.test", "ca2.test" };

	srand(42);
	memset(w, 0, sizeof(*w));
	w->now = 1795888800; /* 2026-11-28 */
	w->can = VX_ACME_HTTP_01;
	w->persists = "ca.test";
	w->permit = ~0U;
	w->zone_ttl = 3600;
	vx_buf_init(&w->state, VX_ACME_STATE_MAX);
	for (size_t i = 0; i < 2; i++)
		ca_init(&w->ca[i], w, hosts[i]);
	w->authorities[0] = (struct vx_acme_authority){ .id = "first",
		.directory = "https://ca.test/directory" };
	w->authorities[1] = (struct vx_acme_authority){ .id = "second",
		.directory = "https://ca2.test/directory" };
	w->ca_count = 1;
	for (size_t i = 0; i < 3; i++) {
		vx_buf_init(&w->served[i].chain, VX_PKI_PEM_MAX);
		vx_buf_init(&w->served[i].key, VX_PKI_PEM_MAX);
	}
}

void world_cert(
    struct world *w, const char *id, enum vx_pki_kind kind, const char *const *names)
{
	struct vx_acme_wanted *const c = &w->certs[w->cert_count];

	*c = (struct vx_acme_wanted){
		.id = id, .kind = kind, .names = w->names[w->cert_count]
	};
	for (; names[c->count] != NULL; c->count++)
		w->names[w->cert_count][c->count] = names[c->count];
	w->cert_count++;
}

void world_done(struct world *w)
{
	vx_acme_free(w->core);
	vx_buf_done(&w->state);
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < w->ca[i].order_count; k++)
			vx_buf_done(&w->ca[i].orders[k].pem);
		free(w->ca[i].orders);
		gnutls_x509_crt_deinit(w->ca[i].crt);
		gnutls_x509_privkey_deinit(w->ca[i].key);
	}
	for (size_t i = 0; i < 3; i++) {
		vx_buf_done(&w->served[i].chain);
		vx_buf_done(&w->served[i].key);
	}
}

/* Keys of RSA are taken in turn from a file: making one takes longer than a test. */
static int make_key(void *ctx, enum vx_pki_kind kind, struct vx_pki_key **out)
{
	static const char end[] = "-----END PRIVATE KEY-----\n";
	static struct vx_buf all;
	static size_t at;
	struct vx_error err;
	vx_slice rest;
	size_t n;

	(void)ctx;
	if (kind != VX_PKI_RSA)
		return vx_pki_key_generate(kind, out);
	if (all.len == 0)
		all = vxt_read("acme/rsa.pem");
	if (at == all.len)
		at = 0;
	rest = vx_slice_from(vx_buf_slice(&all), at);
	n = vx_slice_find_slice(rest, vx_slice_str(end)) + sizeof(end) - 1;
	at += n;
	return vx_pki_key_read(vx_slice_head(rest, n), out, &err);
}

void world_start(struct world *w)
{
	const struct vx_acme_options o = { .struct_size = sizeof(o),
		.authorities = w->authorities,
		.authority_count = w->ca_count,
		.certs = w->certs,
		.cert_count = w->cert_count,
		.contact = "mailto:postmaster@example.com",
		.agrees = !w->disagrees,
		.seed = 7 + w->deaths,
		.key_days = w->key_days,
		.make_key = make_key };
	struct vx_error err;

	vx_acme_free(w->core);
	w->core = NULL;
	ck_assert_msg(vx_acme_new(&o, vx_buf_slice(&w->state), &w->core, &err) == VX_OK,
	    "%s", err.text);
	for (size_t i = 0; i < w->cert_count; i++)
		if (w->served[i].installs > 0)
			ck_assert_msg(
			    vx_acme_installed(w->core, w->certs[i].id, w->certs[i].kind,
				vx_buf_slice(&w->served[i].chain),
				vx_buf_slice(&w->served[i].key), &err) == VX_OK,
			    "%s", err.text);
}

struct vx_acme_status world_status(struct world *w, size_t index)
{
	struct vx_acme_status s;

	vxt_assert_ok(vx_acme_status(w->core, w->now, index, &s));
	return s;
}

/* --- what is asked
 * ---------------------------------------------------------------------- */

static void save(struct world *w, struct vx_acme_answer *out)
{
	if (w->no_disk) {
		out->result = VX_ENOSPC;
		return;
	}
	w->saves++;
	vx_buf_reset(&w->state);
	vxt_assert_ok(vx_acme_save(w->core, &w->state));
}

static void provision(
    struct world *w, const struct vx_acme_step *s, struct vx_acme_answer *out)
{
	if (w->no_provision) {
		out->result = VX_EIO;
		out->text = "the record cannot be set";
		return;
	}
	ck_assert_uint_lt(w->provided_count, CA_NAMES * 2);
	w->last_provided = s->challenge;
	w->provided[w->provided_count].type = s->challenge;
	(void)snprintf(w->provided[w->provided_count].name, 128, "%s", s->name);
	(void)snprintf(w->provided[w->provided_count].token, 64, "%s", s->token);
	(void)snprintf(w->provided[w->provided_count].content, 200, "%.*s",
	    (int)s->content.len, s->content.ptr);
	w->provided_count++;
	if (s->challenge == VX_ACME_TLS_ALPN_01) {
		struct vx_pki_cert cert;
		struct vx_error err;

		vxt_assert_ok(vx_pki_cert_read(s->chain, &cert, &err));
		ck_assert_str_eq(cert.names, s->name);
		ck_assert_uint_gt(s->key.len, 0);
	}
}

static void remove_provided(struct world *w, const struct vx_acme_step *s)
{
	for (size_t i = 0; i < w->provided_count; i++)
		if (strcmp(w->provided[i].name, s->name) == 0 &&
		    strcmp(w->provided[i].token, s->token) == 0) {
			w->provided[i] = w->provided[--w->provided_count];
			return;
		}
}

static void install(
    struct world *w, const struct vx_acme_step *s, struct vx_acme_answer *out)
{
	struct vx_error err;

	if (w->no_install) {
		out->result = VX_ETLS;
		out->text = "it is ugly";
		return;
	}
	ck_assert_uint_gt(s->pair_count, 0);
	w->generations++;
	for (size_t k = 0; k < s->pair_count; k++) {
		const struct vx_acme_pair *const p = &s->pairs[k];
		struct vx_pki_key *key;
		char digest[VX_PKI_DIGEST_OCTETS];
		size_t i = 0;

		while (strcmp(w->certs[i].id, s->id) != 0 || w->certs[i].kind != p->kind)
			i++;
		ck_assert_uint_lt(i, w->cert_count);
		ck_assert(k == 0 || s->pairs[k - 1].kind < p->kind);
		if (!vx_slice_eq(p->chain, vx_buf_slice(&w->served[i].chain)))
			w->served[i].installs++;
		vx_buf_reset(&w->served[i].chain);
		vx_buf_add(&w->served[i].chain, p->chain);
		vx_buf_reset(&w->served[i].key);
		vx_buf_add(&w->served[i].key, p->key);
		vxt_assert_ok(vx_pki_cert_read(p->chain, &w->served[i].cert, &err));
		vxt_assert_ok(vx_pki_key_read(p->key, &key, &err));
		vxt_assert_ok(vx_pki_key_digest(key, digest));
		ck_assert_mem_eq(digest, w->served[i].cert.digest, sizeof(digest));
		vx_pki_key_free(key);
	}
}

/* --- TLSA records ---------------------------------------------------------------------
 */

static bool names(const struct world_set *s, const char *digest)
{
	for (size_t i = 0; i < s->count; i++)
		if (memcmp(s->digests[i], digest, VX_PKI_DIGEST_OCTETS) == 0)
			return true;
	return s->count == 0;
}

/*
 * The rule: no records that anybody may remember are without a key that is served.  Who
 * asks at the last moment remembers them for their TTL from then on.
 */
static void check_rule(struct world *w)
{
	for (size_t i = 0; i < w->cert_count && w->zone_secure; i++) {
		bool good = w->served[i].installs == 0 ||
			    names(&w->zone, w->served[i].cert.digest);

		for (size_t k = 0; k < w->before_count && w->served[i].installs > 0; k++)
			if (w->before[k].until + w->before[k].ttl > w->now)
				good = good &&
				       names(&w->before[k], w->served[i].cert.digest);
		w->mismatches += !good;
	}
}

void world_publish(struct world *w, const char (*digests)[VX_PKI_DIGEST_OCTETS], size_t n)
{
	if (w->before_count == WORLD_SETS) {
		w->before_count--;
		memmove(w->before, w->before + 1, w->before_count * sizeof(w->before[0]));
	}
	w->zone.until = w->now;
	if (w->zone.ttl == 0)
		w->zone.ttl = w->zone_ttl;
	w->before[w->before_count++] = w->zone;
	w->zone.ttl = w->zone_ttl;
	ck_assert_uint_le(n, VX_ACME_TLSA_MAX);
	for (size_t i = 0; i < n; i++)
		memcpy(w->zone.digests[i], digests[i], VX_PKI_DIGEST_OCTETS);
	w->zone.count = n;
}

void world_publish_wanted(struct world *w)
{
	char digests[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS];
	const size_t n = vx_acme_tlsa(w->core, w->certs[0].id, digests);

	world_publish(w, digests, n);
}

static void publish(
    struct world *w, const struct vx_acme_step *s, struct vx_acme_answer *out)
{
	w->publishes++;
	ck_assert(w->zone_secure);
	if (w->no_publish) {
		out->result = VX_EIO;
		out->text = "the token may not";
		return;
	}
	ck_assert_str_eq(s->name, w->certs[0].names[0]);
	ck_assert_uint_gt(s->digest_count, 0);
	world_publish(w, s->digests, s->digest_count);
}

static void look(
    struct world *w, const struct vx_acme_step *s, struct vx_acme_answer *out)
{
	static const bool nowhere[VX_ACME_TLSA_MAX] = { false };

	w->looks++;
	if (w->zone_bogus) {
		out->result = VX_EIO;
		out->text = "its signatures are wrong";
		return;
	}
	out->secure = w->zone_secure;
	if (strcmp(s->name, w->certs[0].names[0]) != 0)
		return;
	if (w->now >= w->cache.until) {
		w->cache = w->zone;
		w->cache.until = w->now + w->zone_ttl;
	}
	out->usable = out->digest_count = w->cache.count;
	out->digests = w->cache.digests;
	out->everywhere = w->behind ? nowhere : NULL;
	out->ttl = (uint32_t)(w->cache.until - w->now);
}

static void say_served(const struct world *w, struct vx_acme_answer *out)
{
	if (w->not_served) {
		out->result = VX_ETEMP;
		out->text = "imapd.7";
	}
}

static void tell(struct world *w, const struct vx_acme_step *s)
{
	(void)snprintf(w->told, sizeof(w->told), "%s", s->text);
	if (s->event == VX_ACME_ALARM)
		(void)snprintf(w->alarm, sizeof(w->alarm), "%s", s->text);
	if (s->command != 0) {
		w->ended = s->command;
		w->ended_result = s->result;
		w->commands_ended++;
	}
}

static void request(
    struct world *w, const struct vx_acme_step *s, struct vx_acme_answer *out)
{
	for (size_t i = 0; i < w->ca_count; i++) {
		char prefix[64];

		(void)snprintf(prefix, sizeof(prefix), "https://%s/", w->ca[i].host);
		if (strncmp(s->url, prefix, strlen(prefix)) == 0) {
			ca_answer(&w->ca[i], s, out);
			return;
		}
	}
	ck_abort_msg("nobody is %s", s->url);
}

static void do_step(struct world *w, const struct vx_acme_step *s)
{
	struct vx_acme_answer answer = { .result = VX_OK };

	w->steps++;
	if (w->steps == w->die_at && !w->die_after)
		goto dead;
	switch (s->type) {
	case VX_ACME_SAVE:
		save(w, &answer);
		break;
	case VX_ACME_REQUEST:
		request(w, s, &answer);
		break;
	case VX_ACME_LOOK:
		answer.challenges = w->can;
		answer.text = w->can == 0 ? "it does not point here" : NULL;
		answer.persists = w->persists;
		break;
	case VX_ACME_PERMIT:
		w->permits++;
		(void)snprintf(w->permit_for, sizeof(w->permit_for), "%s%s, %s, %s, %u",
		    s->wildcard ? "*." : "", s->name, s->issuers, s->account,
		    s->challenges);
		answer.challenges = w->permit;
		answer.text = w->forbids;
		answer.result = w->permit == 0 && w->forbids == NULL ? VX_ETEMP : VX_OK;
		break;
	case VX_ACME_PROVISION:
		provision(w, s, &answer);
		break;
	case VX_ACME_REMOVE:
		remove_provided(w, s);
		break;
	case VX_ACME_INSTALL:
		install(w, s, &answer);
		break;
	case VX_ACME_SERVED:
		say_served(w, &answer);
		break;
	case VX_ACME_TLSA:
		look(w, s, &answer);
		break;
	case VX_ACME_PUBLISH:
		publish(w, s, &answer);
		break;
	case VX_ACME_TELL:
	case VX_ACME_WAIT:
		ck_abort();
	}
	check_rule(w);
	if (w->steps == w->die_at)
		goto dead;
	vx_acme_answer(w->core, w->now, &answer);
	return;
dead:
	w->deaths++;
	world_start(w);
}

void world_run(struct world *w, int64_t until)
{
	struct vx_acme_step step;
	unsigned here = 0; /* steps without a move of the clock */

	for (;;) {
		vxt_assert_ok(vx_acme_next(w->core, w->now, &step));
		ck_assert_uint_lt(++here, 2000);
		if (step.type == VX_ACME_TELL) {
			tell(w, &step);
		} else if (step.type != VX_ACME_WAIT) {
			do_step(w, &step);
		} else if (step.until > until) {
			w->now = until;
			return;
		} else {
			ck_assert_int_gt(step.until, w->now);
			w->now = step.until;
			check_rule(w);
			here = 0;
		}
	}
}
