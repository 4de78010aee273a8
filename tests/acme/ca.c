/* The authority: RFC 8555 as its client sees it.  It trusts nothing that it is sent. */
#include "acme/ca.h"

#include "base/encode.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define must(call) ck_assert_int_ge((call), 0)
#define URN "urn:ietf:params:acme:error:"

/* What an answer borrows, until the next one. */
static struct vx_buf body_buf = { .max = 1 << 20 };
static char nonce_text[32], location[200], date_text[64], link_text[200];

struct ca_said *ca_say(struct ca *ca, const char *url, unsigned status, const char *type)
{
	struct ca_said *const s = &ca->script[ca->script_count++];

	ck_assert_uint_le(ca->script_count, CA_SCRIPT);
	*s = (struct ca_said){ .url = url, .status = status, .times = 1, .type = type };
	return s;
}

static void say(struct vx_acme_answer *out, unsigned status, json_t *o)
{
	char *const text = o == NULL ? NULL : json_dumps(o, 0);

	vx_buf_reset(&body_buf);
	if (text != NULL)
		vx_buf_add_str(&body_buf, text);
	free(text);
	json_decref(o);
	out->status = status;
	out->body = vx_buf_slice(&body_buf);
}

static void problem(struct vx_acme_answer *out, unsigned status, const char *type)
{
	say(out, status,
	    json_pack("{s:s+, s:s}", "type", URN, type, "detail", "that is how it is"));
}

static void give_nonce(struct ca *ca, struct vx_acme_answer *out)
{
	(void)snprintf(nonce_text, sizeof(nonce_text), "N-%u", ++ca->nonces);
	ck_assert_uint_lt(ca->nonces, 65536);
	out->nonce = vx_slice_str(nonce_text);
}

/* --- signatures -----------------------------------------------------------------------
 */

static struct vx_buf decoded(const char *text)
{
	struct vx_buf b = { .max = 1 << 20 };

	ck_assert_ptr_nonnull(text);
	vxt_assert_ok(vx_base64url_decode(vx_slice_str(text), &b));
	return b;
}

static json_t *decoded_json(const char *text)
{
	struct vx_buf b = decoded(text);
	json_t *const o = json_loadb(b.ptr, b.len, JSON_REJECT_DUPLICATES, NULL);

	ck_assert_ptr_nonnull(o);
	vx_buf_done(&b);
	return o;
}

static const char *text_of(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

/* The members that count, in their order: what a thumbprint is of. */
static void canonical(const json_t *jwk, char out[400])
{
	ck_assert_str_eq(text_of(jwk, "crv"), "P-256");
	(void)snprintf(out, 400,
	    "{\"crv\":\"P-256\",\"kty\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}",
	    text_of(jwk, "kty"), text_of(jwk, "x"), text_of(jwk, "y"));
}

static void check_signature(const json_t *jws, const char *jwk_text)
{
	json_t *const jwk = json_loads(jwk_text, 0, NULL);
	struct vx_buf x = decoded(text_of(jwk, "x")), y = decoded(text_of(jwk, "y")),
		      s = decoded(text_of(jws, "signature")),
		      signing = { .max = 1 << 20 };
	gnutls_datum_t dx = { (unsigned char *)x.ptr, (unsigned)x.len },
		       dy = { (unsigned char *)y.ptr, (unsigned)y.len }, der = { 0 };
	const gnutls_datum_t r = { (unsigned char *)s.ptr, 32 },
			     rs = { (unsigned char *)s.ptr + 32, 32 };
	gnutls_datum_t data;
	gnutls_pubkey_t pub;

	ck_assert_uint_eq(x.len, 32);
	ck_assert_uint_eq(y.len, 32);
	ck_assert_uint_eq(s.len, 64);
	vx_buf_printf(
	    &signing, "%s.%s", text_of(jws, "protected"), text_of(jws, "payload"));
	data = (gnutls_datum_t){ (unsigned char *)signing.ptr, (unsigned)signing.len };
	must(gnutls_pubkey_init(&pub));
	must(gnutls_pubkey_import_ecc_raw(pub, GNUTLS_ECC_CURVE_SECP256R1, &dx, &dy));
	must(gnutls_encode_rs_value(&der, &r, &rs));
	must(gnutls_pubkey_verify_data2(pub, GNUTLS_SIGN_ECDSA_SHA256, 0, &data, &der));
	gnutls_free(der.data);
	gnutls_pubkey_deinit(pub);
	json_decref(jwk);
	vx_buf_done(&x);
	vx_buf_done(&y);
	vx_buf_done(&s);
	vx_buf_done(&signing);
}

static bool good_nonce(struct ca *ca, const char *nonce)
{
	unsigned n = 0;

	ck_assert_ptr_nonnull(nonce);
	ck_assert_int_eq(sscanf(nonce, "N-%u", &n), 1);
	if (n == 0 || n > ca->nonces || ca->used[n])
		return false;
	ca->used[n] = true;
	return (unsigned)(rand() % 100) >= ca->nonce_reject;
}

/* The header and the payload of a request whose signature is good. */
static json_t *open_request(struct ca *ca, const struct vx_acme_step *step,
    struct vx_buf *payload, struct vx_acme_answer *out)
{
	json_t *const jws = json_loadb(step->body.ptr, step->body.len, 0, NULL);
	json_t *header;
	char jwk[400];

	ck_assert_str_eq(step->content_type, "application/jose+json");
	ck_assert_ptr_nonnull(jws);
	header = decoded_json(text_of(jws, "protected"));
	ck_assert_str_eq(text_of(header, "alg"), "ES256");
	ck_assert_str_eq(text_of(header, "url"), step->url);
	*payload = decoded(text_of(jws, "payload"));
	if (json_object_get(header, "jwk") != NULL) {
		ck_assert_ptr_null(json_object_get(header, "kid"));
		canonical(json_object_get(header, "jwk"), jwk);
	} else {
		ck_assert_ptr_nonnull(strstr(text_of(header, "kid"), "/account/1"));
		memcpy(jwk, ca->jwk, sizeof(jwk));
	}
	if (jwk[0] == '\0') {
		problem(out, 400, "accountDoesNotExist");
	} else {
		check_signature(jws, jwk);
		(void)json_object_set_new(header, "key", json_string(jwk));
		if (!good_nonce(ca, text_of(header, "nonce"))) {
			ca->refused_nonces++;
			problem(out, 400, "badNonce");
		}
	}
	json_decref(jws);
	return header;
}

/* --- objects
 * ---------------------------------------------------------------------------- */

static json_t *url_of(const struct ca *ca, const char *path)
{
	return json_sprintf("https://%s/%s", ca->host, path);
}

static void say_directory(struct ca *ca, struct vx_acme_answer *out)
{
	json_t *const meta = json_object();
	json_t *const o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "newNonce",
	    url_of(ca, "nonce"), "newAccount", url_of(ca, "new-account"), "newOrder",
	    url_of(ca, "new-order"), "revokeCert", url_of(ca, "revoke"), "keyChange",
	    url_of(ca, "key-change"), "meta", meta);

	if (ca->windows)
		(void)json_object_set_new(o, "renewalInfo", url_of(ca, "window"));
	if (ca->terms)
		(void)json_object_set_new(meta, "termsOfService", url_of(ca, "terms"));
	if (ca->eab)
		(void)json_object_set_new(meta, "externalAccountRequired", json_true());
	if (ca->identities != NULL)
		(void)json_object_set_new(
		    meta, "caaIdentities", json_loads(ca->identities, 0, NULL));
	if (ca->profiles != NULL)
		(void)json_object_set_new(
		    meta, "profiles", json_loads(ca->profiles, 0, NULL));
	say(out, 200, o);
}

static const char *const status_words[] = { "pending", "ready", "processing", "valid",
	"invalid" };

static void say_order(
    struct ca *ca, size_t n, unsigned status, struct vx_acme_answer *out)
{
	const struct ca_order *const r = &ca->orders[n];
	json_t *const list = json_array(), *const names = json_array();
	json_t *const o = json_pack("{s:s, s:o, s:o, s:o}", "status",
	    status_words[r->status], "identifiers", names, "authorizations", list,
	    "finalize", json_sprintf("https://%s/finalize/%zu", ca->host, n));

	for (size_t i = 0; i < r->count; i++) {
		(void)json_array_append_new(
		    list, json_sprintf("https://%s/authz/%zu/%zu", ca->host, n, i));
		(void)json_array_append_new(names,
		    json_pack("{s:s, s:s}", "type", "dns", "value", r->authz[i].name));
	}
	if (r->status == CA_VALID)
		(void)json_object_set_new(
		    o, "certificate", json_sprintf("https://%s/cert/%zu", ca->host, n));
	(void)snprintf(location, sizeof(location), "https://%s/order/%zu", ca->host, n);
	out->location = vx_slice_str(location);
	say(out, status, o);
}

static void say_authz(struct ca *ca, size_t n, size_t i, struct vx_acme_answer *out)
{
	static const char *const types[] = { "http-01", "tls-alpn-01", "dns-01",
		"dns-persist-01", "new-01" };
	const struct ca_authz *const z = &ca->orders[n].authz[i];
	json_t *const list = json_array();

	for (size_t k = 0; k < 5; k++) {
		json_t *const c = json_pack("{s:s, s:s, s:s, s:o}", "type", types[k],
		    "status", z->status == CA_INVALID ? "invalid" : "pending", "token",
		    z->token, "url",
		    json_sprintf(
			"https://%s/challenge/%zu/%zu/%s", ca->host, n, i, types[k]));

		if (k == 3) { /* it has no token */
			(void)json_object_del(c, "token");
			(void)json_object_set_new(c, "issuer-domain-names",
			    json_pack("[s, s]", "CA.test", "also.test"));
		}
		if (z->status == CA_INVALID && k == 0) {
			(void)json_object_set_new(c, "error",
			    json_pack("{s:s+, s:s}", "type", URN, z->problem, "detail",
				"I looked"));
			(void)json_object_set_new(c, "validationRecord",
			    json_pack("[{s:s}]", "addressUsed", "192.0.2.77"));
		}
		if (!z->wildcard || k > 1)
			(void)json_array_append_new(list, c);
		else
			json_decref(c);
	}
	say(out, 200,
	    json_pack("{s:s, s:{s:s, s:s}, s:o, s:b}", "status", status_words[z->status],
		"identifier", "type", "dns", "value", z->name, "challenges", list,
		"wildcard", z->wildcard));
}

/* --- requests
 * ---------------------------------------------------------------------------- */

static void new_account(
    struct ca *ca, json_t *header, json_t *payload, struct vx_acme_answer *out)
{
	const char *const key = text_of(header, "key");
	const bool known = strcmp(ca->jwk, key) == 0;
	json_t *const binding = json_object_get(payload, "externalAccountBinding");
	const char *const contact =
	    json_string_value(json_array_get(json_object_get(payload, "contact"), 0));

	ck_assert_ptr_nonnull(json_object_get(header, "jwk"));
	if (!known && json_is_true(json_object_get(payload, "onlyReturnExisting"))) {
		problem(out, 400, "accountDoesNotExist");
		return;
	}
	if (!known && ca->eab && binding == NULL) {
		problem(out, 403, "externalAccountRequired");
		return;
	}
	if (binding != NULL) {
		json_t *const inner = decoded_json(text_of(binding, "protected"));
		struct vx_buf signing = { .max = 10000 },
			      mac = decoded(text_of(binding, "signature"));
		char want[VX_SHA256_OCTETS];

		ck_assert_str_eq(text_of(inner, "kid"), ca->eab_kid);
		ck_assert_str_eq(text_of(inner, "alg"), "HS256");
		vx_buf_printf(&signing, "%s.%s", text_of(binding, "protected"),
		    text_of(binding, "payload"));
		vx_hmac_sha256(
		    vx_slice_str(ca->eab_secret), vx_buf_slice(&signing), want);
		vxt_assert_slice(vx_buf_slice(&mac), vx_slice_of(want, sizeof(want)));
		json_decref(inner);
		vx_buf_done(&signing);
		vx_buf_done(&mac);
	}
	if (!known) {
		ck_assert(!ca->terms ||
			  json_is_true(json_object_get(payload, "termsOfServiceAgreed")));
		(void)snprintf(ca->jwk, sizeof(ca->jwk), "%s", key);
		ca->accounts++;
	}
	if (contact != NULL)
		(void)snprintf(ca->contact, sizeof(ca->contact), "%s", contact);
	(void)snprintf(location, sizeof(location), "https://%s/account/1", ca->host);
	out->location = vx_slice_str(location);
	say(out, known ? 200 : 201, json_pack("{s:s}", "status", "valid"));
}

static void new_order(struct ca *ca, json_t *payload, struct vx_acme_answer *out)
{
	struct ca_order *const r = &ca->orders[ca->order_count];
	json_t *const names = json_object_get(payload, "identifiers");
	const char *const replaces = text_of(payload, "replaces");
	const char *const profile = text_of(payload, "profile");

	ck_assert_uint_lt(ca->order_count, CA_ORDERS);
	*r = (struct ca_order){ .status = CA_READY, .pem = { .max = 65536 } };
	if (replaces != NULL) {
		(void)snprintf(r->replaces, sizeof(r->replaces), "%s", replaces);
		ca->replaced++;
	}
	if (profile != NULL)
		(void)snprintf(r->profile, sizeof(r->profile), "%s", profile);
	for (r->count = 0; r->count < json_array_size(names); r->count++) {
		struct ca_authz *const z = &r->authz[r->count];
		const char *name = text_of(json_array_get(names, r->count), "value");

		z->wildcard = strncmp(name, "*.", 2) == 0;
		(void)snprintf(
		    z->name, sizeof(z->name), "%s", z->wildcard ? name + 2 : name);
		(void)snprintf(
		    z->token, sizeof(z->token), "tok_%zu-%zu", ca->order_count, r->count);
		z->status = (unsigned)(rand() % 100) < ca->reuse ? CA_VALID : CA_PENDING;
		if (z->status == CA_PENDING)
			r->status = CA_PENDING;
	}
	ck_assert_uint_gt(r->count, 0);
	say_order(ca, ca->order_count++, 201, out);
}

/* Is the challenge answered, as it has to be? */
static bool is_answered(struct ca *ca, const struct ca_authz *z, const char *type)
{
	const struct world *const w = ca->world;
	char digest[VX_SHA256_OCTETS];
	struct vx_buf want = { .max = 1000 }, hashed = { .max = 1000 };
	bool good = strcmp(type, "dns-persist-01") == 0;

	vx_sha256(vx_slice_str(ca->jwk), digest);
	vx_buf_printf(&want, "%s.", z->token);
	vx_base64url_add(&want, vx_slice_of(digest, sizeof(digest)));
	vx_sha256(vx_buf_slice(&want), digest);
	vx_base64url_add(&hashed, vx_slice_of(digest, sizeof(digest)));
	for (size_t i = 0; i < w->provided_count; i++) {
		const char *const is = w->provided[i].content;
		const bool http = strcmp(type, "http-01") == 0;

		if (strcmp(w->provided[i].name, z->name) == 0 &&
		    strcmp(vx_acme_challenge_name(
			       (enum vx_acme_challenge)w->provided[i].type),
			type) == 0)
			good = good || strcmp(is, http ? want.ptr : hashed.ptr) == 0;
	}
	vx_buf_done(&want);
	vx_buf_done(&hashed);
	return good;
}

static void respond(
    struct ca *ca, size_t n, size_t i, const char *type, struct vx_acme_answer *out)
{
	struct ca_order *const r = &ca->orders[n];
	struct ca_authz *const z = &r->authz[i];
	bool all = true;

	if (z->status != CA_PENDING) {
		problem(out, 400, "malformed");
		return;
	}
	ck_assert(!z->wildcard || strncmp(type, "dns-", 4) == 0);
	z->status = is_answered(ca, z, type) ? CA_VALID : CA_INVALID;
	(void)snprintf(z->problem, sizeof(z->problem), "unauthorized");
	for (size_t k = 0; k < r->count; k++)
		all = all && r->authz[k].status == CA_VALID;
	if (z->status == CA_INVALID)
		r->status = CA_INVALID;
	else if (all)
		r->status = CA_READY;
	say(out, 200, json_pack("{s:s, s:s}", "status", "pending", "type", type));
}

static void issue(struct ca *ca, struct ca_order *r, gnutls_x509_crq_t crq)
{
	unsigned char serial[5] = { 0x80, 0, 0, 0, 0 };
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	gnutls_pubkey_t pub;
	char name[140];
	size_t size;

	serial[3] = (unsigned char)(++ca->serial >> 8);
	serial[4] = (unsigned char)ca->serial;
	must(gnutls_x509_crt_init(&crt));
	must(gnutls_pubkey_init(&pub));
	must(gnutls_pubkey_import_x509_crq(pub, crq, 0));
	must(gnutls_x509_crt_set_version(crt, 3));
	must(gnutls_x509_crt_set_pubkey(crt, pub));
	/* the leading zero is DER's, of an integer that is not negative */
	must(gnutls_x509_crt_set_serial(crt,
	    (unsigned char[]){ 0, 0x80, serial[1], serial[2], serial[3], serial[4] }, 6));
	must(gnutls_x509_crt_set_activation_time(crt, (time_t)(ca->world->now - 3600)));
	must(gnutls_x509_crt_set_expiration_time(
	    crt, (time_t)(ca->world->now - 3600 + ca->life_s)));
	must(gnutls_x509_crt_set_authority_key_id(crt, "\x01\x02\xff", 3));
	for (size_t i = 0; i < r->count; i++) {
		(void)snprintf(name, sizeof(name), "%s%s",
		    r->authz[i].wildcard ? "*." : "", r->authz[i].name);
		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name,
		    (unsigned)strlen(name), GNUTLS_FSAN_APPEND));
		/* the request has it, and no more */
		size = sizeof(name);
		ck_assert_int_eq(gnutls_x509_crq_get_subject_alt_name(
				     crq, (unsigned)i, name, &size, NULL, NULL),
		    GNUTLS_SAN_DNSNAME);
	}
	size = sizeof(name);
	ck_assert_int_eq(gnutls_x509_crq_get_subject_alt_name(
			     crq, (unsigned)r->count, name, &size, NULL, NULL),
	    GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
	must(gnutls_x509_crt_sign2(crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0));
	must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem));
	vx_buf_add(&r->pem, vx_slice_of(pem.data, pem.size));
	gnutls_free(pem.data);
	gnutls_pubkey_deinit(pub);
	gnutls_x509_crt_deinit(crt);
	ca->certs++;
}

static void finalize(struct ca *ca, size_t n, json_t *payload, struct vx_acme_answer *out)
{
	struct ca_order *const r = &ca->orders[n];
	struct vx_buf der = decoded(text_of(payload, "csr"));
	const gnutls_datum_t data = { (unsigned char *)der.ptr, (unsigned)der.len };
	gnutls_x509_crq_t crq;

	if (r->status != CA_READY) {
		problem(out, 403, "orderNotReady");
		vx_buf_done(&der);
		return;
	}
	must(gnutls_x509_crq_init(&crq));
	must(gnutls_x509_crq_import(crq, &data, GNUTLS_X509_FMT_DER));
	must(gnutls_x509_crq_verify(crq, 0));
	if (ca->no_rsa && gnutls_x509_crq_get_pk_algorithm(crq, NULL) == GNUTLS_PK_RSA) {
		problem(out, 500, "serverInternal");
		gnutls_x509_crq_deinit(crq);
		vx_buf_done(&der);
		return;
	}
	issue(ca, r, crq);
	gnutls_x509_crq_deinit(crq);
	vx_buf_done(&der);
	r->status = ca->processing > 0 ? CA_PROCESSING : CA_VALID;
	r->polls = ca->processing;
	say_order(ca, n, 200, out);
}

static void change_key(struct ca *ca, vx_slice payload, struct vx_acme_answer *out)
{
	json_t *const inner = json_loadb(payload.ptr, payload.len, 0, NULL);
	json_t *const header = decoded_json(text_of(inner, "protected"));
	json_t *const change = decoded_json(text_of(inner, "payload"));
	char jwk[400], old[400];

	canonical(json_object_get(header, "jwk"), jwk);
	canonical(json_object_get(change, "oldKey"), old);
	check_signature(inner, jwk);
	ck_assert_str_eq(old, ca->jwk);
	ck_assert_ptr_null(json_object_get(header, "nonce"));
	ck_assert_ptr_nonnull(strstr(text_of(change, "account"), "/account/1"));
	memcpy(ca->jwk, jwk, sizeof(jwk));
	json_decref(inner);
	json_decref(header);
	json_decref(change);
	say(out, 200, json_object());
}

/* By the account, or by the certificate's own key (7.6), which its request has in it. */
static void revoke(
    struct ca *ca, const json_t *header, json_t *payload, struct vx_acme_answer *out)
{
	struct vx_buf der = decoded(text_of(payload, "certificate"));

	ca->revoked_by_key += json_object_get(header, "jwk") != NULL;
	(void)snprintf(ca->revoked_by, sizeof(ca->revoked_by), "%s",
	    json_object_get(header, "jwk") != NULL ? text_of(header, "key") : "");

	ck_assert_uint_gt(der.len, 100);
	vx_buf_done(&der);
	ca->revoked++;
	ca->last_reason =
	    (unsigned)json_integer_value(json_object_get(payload, "reason"));
	say(out, 200, NULL);
}

/* --- windows
 * -------------------------------------------------------------------------------- */

static void put_time(char out[32], int64_t t)
{
	const time_t time = (time_t)t;
	struct tm tm;

	(void)strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time, &tm));
}

static void say_window(struct ca *ca, const char *id, struct vx_acme_answer *out)
{
	/* AQL_ is the key's id, then the serial with its zero */
	const int64_t end = ca->world->served[0].cert.not_after;
	char start[32], stop[32];

	ck_assert_msg(strncmp(id, "AQL_.AI", 7) == 0, "%s", id);
	put_time(start,
	    ca->window_start != 0 ? ca->window_start : end - ca->life_s / 3 - 86400);
	put_time(
	    stop, ca->window_end != 0 ? ca->window_end : end - ca->life_s / 3 + 86400);
	say(out, 200,
	    json_pack("{s:{s:s, s:s}, s:s}", "suggestedWindow", "start", start, "end",
		stop, "explanationURL", "https://ca.test/why"));
	out->retry_after =
	    vx_slice_str(ca->window_retry == NULL ? "21600" : ca->window_retry);
}

/* --- all of it
 * --------------------------------------------------------------------------------- */

static void serve(struct ca *ca, const char *path, json_t *header, vx_slice payload,
    struct vx_acme_answer *out)
{
	json_t *const o = json_loadb(payload.ptr, payload.len, 0, NULL);
	size_t n = 0, i = 0;
	char type[32];

	if (strcmp(path, "new-account") == 0) {
		new_account(ca, header, o, out);
	} else if (ca->deactivated) {
		problem(out, 403, "unauthorized");
	} else if (strcmp(path, "new-order") == 0) {
		new_order(ca, o, out);
	} else if (strcmp(path, "key-change") == 0) {
		change_key(ca, payload, out);
	} else if (strcmp(path, "revoke") == 0) {
		revoke(ca, header, o, out);
	} else if (strcmp(path, "account/1") == 0) {
		ca->deactivated = text_of(o, "status") != NULL;
		say(out, 200, json_object());
	} else if (sscanf(path, "authz/%zu/%zu", &n, &i) == 2) {
		ck_assert_uint_eq(payload.len, 0);
		say_authz(ca, n, i, out);
	} else if (sscanf(path, "challenge/%zu/%zu/%31s", &n, &i, type) == 3) {
		vxt_assert_str(payload, "{}");
		respond(ca, n, i, type, out);
	} else if (sscanf(path, "finalize/%zu", &n) == 1) {
		finalize(ca, n, o, out);
	} else if (sscanf(path, "order/%zu", &n) == 1 && n < ca->order_count) {
		if (ca->orders[n].status == CA_PROCESSING && ca->orders[n].polls-- == 0)
			ca->orders[n].status = CA_VALID;
		say_order(ca, n, 200, out);
	} else if (sscanf(path, "cert/%zu", &n) == 1) {
		(void)snprintf(link_text, sizeof(link_text),
		    "<https://%s/alternate/%zu>;rel=\"alternate\"", ca->host, n);
		out->links[out->link_count++] = vx_slice_str("<x>;rel=\"index\"");
		out->links[out->link_count++] = vx_slice_str(link_text);
		out->status = 200;
		out->body = vx_buf_slice(&ca->orders[n].pem);
	} else {
		problem(out, 404, "malformed");
	}
	json_decref(o);
}

static struct ca_said *scripted(struct ca *ca, const char *url)
{
	for (size_t i = 0; i < ca->script_count; i++)
		if (ca->script[i].times > 0 && strstr(url, ca->script[i].url) != NULL) {
			ca->script[i].times--;
			return &ca->script[i];
		}
	return NULL;
}

static void say_scripted(const struct ca_said *s, struct vx_acme_answer *out)
{
	char text[2000];

	if (s->type == NULL)
		(void)snprintf(text, sizeof(text), "%s", s->body == NULL ? "" : s->body);
	else
		(void)snprintf(text, sizeof(text),
		    "{\"type\":\"" URN "%s\",\"detail\":\"scripted\"%s}", s->type,
		    s->body == NULL ? "" : s->body);
	vx_buf_reset(&body_buf);
	vx_buf_add_str(&body_buf, text);
	out->status = s->status;
	out->body = vx_buf_slice(&body_buf);
	if (s->retry != NULL)
		out->retry_after = vx_slice_str(s->retry);
}

static void serve_post(
    struct ca *ca, const struct vx_acme_step *step, struct vx_acme_answer *out)
{
	const char *const path = strchr(step->url + 8, '/') + 1;
	struct vx_buf payload;
	json_t *const header = open_request(ca, step, &payload, out);

	if (out->status == 0)
		serve(ca, path, header, vx_buf_slice(&payload), out);
	json_decref(header);
	vx_buf_done(&payload);
}

void ca_answer(struct ca *ca, const struct vx_acme_step *step, struct vx_acme_answer *out)
{
	const struct ca_said *const s = ca->deaf ? NULL : scripted(ca, step->url);
	struct vx_buf date = { .max = 64 };
	const time_t now = (time_t)(ca->world->now - ca->skew_s);
	struct tm tm;

	vx_buf_done(&date);
	*out = (struct vx_acme_answer){ .result = VX_OK };
	ca->requests++;
	if (ca->deaf || (s != NULL && s->lost && !s->after)) {
		out->result = VX_EIO;
		out->text = "connection refused";
		return;
	}
	if (strcmp(step->method, "GET") != 0)
		give_nonce(ca, out);
	(void)strftime(date_text, sizeof(date_text), "%a, %d %b %Y %H:%M:%S GMT",
	    gmtime_r(&now, &tm));
	out->date = vx_slice_str(date_text);
	if (s != NULL && !s->lost)
		say_scripted(s, out);
	else if (strcmp(step->method, "HEAD") == 0)
		out->status = 200;
	else if (strcmp(step->method, "POST") == 0)
		serve_post(ca, step, out);
	else if (strstr(step->url, "/window/") != NULL)
		say_window(ca, strstr(step->url, "/window/") + 8, out);
	else
		say_directory(ca, out);
	if (s != NULL && s->lost)
		*out = (struct vx_acme_answer){ .result = VX_ETIMEOUT };
}
