/* What survives: keys, accounts, orders, and what was tried, as one JSON text. */
#include "acme/acme_int.h"
#include "base/encode.h"
#include "vectis/dns.h"

#include <stdio.h>
#include <string.h>

#define VERSION 1

/* --- writing
 * ----------------------------------------------------------------------------- */

static int put_key(json_t *o, const char *name, const struct vx_pki_key *key)
{
	struct vx_buf pem = { .max = VX_PKI_PEM_MAX };
	int rc;

	if (key == NULL)
		return VX_OK;
	rc = vx_pki_key_write(key, &pem);
	if (rc == VX_OK &&
	    json_object_set_new(o, name, json_stringn(pem.ptr, pem.len)) < 0)
		rc = VX_ENOMEM;
	vx_buf_wipe(&pem);
	return rc;
}

static void put_text(json_t *o, const char *name, const char *text)
{
	json_t *const value = json_string(text);

	/* what an authority wrote may be cut inside of a character */
	if (text[0] != '\0' && value != NULL)
		(void)json_object_set_new(o, name, value);
	else
		json_decref(value);
}

static void put_number(json_t *o, const char *name, int64_t n)
{
	if (n != 0)
		(void)json_object_set_new(o, name, json_integer(n));
}

static int put_account(json_t *list, const struct vx_acme_account *c)
{
	json_t *const o = json_object();
	int rc = put_key(o, "key", c->key);

	if (rc == VX_OK)
		rc = put_key(o, "next_key", c->next_key);
	put_text(o, "authority", c->id);
	put_text(o, "directory", c->directory_url);
	put_text(o, "url", c->url);
	put_text(o, "terms", c->terms);
	put_text(o, "persists", c->persists);
	put_text(o, "issuers", c->issuers);
	put_number(o, "deactivated", c->deactivated);
	put_number(o, "not_before", c->not_before);
	return json_array_append_new(list, o) == 0 ? rc : VX_ENOMEM;
}

static json_t *provided(const struct vx_acme_lineage *l)
{
	json_t *const list = json_array();

	for (size_t i = 0; i < l->provided_count; i++) {
		const struct vx_acme_provided *const p = &l->provided[i];

		(void)json_array_append_new(
		    list, json_pack("{s:i, s:s, s:b, s:s, s:s}", "type", (int)p->type,
			      "name", p->name, "wildcard", (int)p->wildcard, "token",
			      p->token, "content", p->content));
	}
	return list;
}

static void put_digest(json_t *o, const char *name, const char *digest)
{
	struct vx_buf hex = { .max = 2 * VX_PKI_DIGEST_OCTETS };

	vx_hex_add(&hex, vx_slice_of(digest, VX_PKI_DIGEST_OCTETS));
	(void)json_object_set_new(o, name, json_stringn(hex.ptr, hex.len));
	vx_buf_done(&hex);
}

/* How far its keys are, and what waits to be installed. */
static void put_stage(json_t *o, const struct vx_acme_lineage *l)
{
	json_t *const list = json_array();

	put_number(o, "key_since", l->key_since);
	put_number(o, "key_seen", l->key_seen);
	put_number(o, "next_seen", l->next_seen);
	put_number(o, "rolling", l->rolling);
	put_number(o, "haste", l->haste);
	put_number(o, "bad", l->bad);
	put_number(o, "with_next", l->with_next);
	for (size_t i = 0; i < l->old_count; i++) {
		json_t *const each = json_object();

		put_digest(each, "digest", l->old[i].digest);
		put_number(each, "since", l->old[i].since);
		(void)json_array_append_new(list, each);
	}
	(void)json_object_set_new(o, "old_keys", list);
	if (l->doomed.len > 0) {
		(void)json_object_set_new(
		    o, "doomed", json_stringn(l->doomed.ptr, l->doomed.len));
		put_text(o, "doomed_by", l->doomed_by);
	}
	if (!l->has_fresh)
		return;
	(void)json_object_set_new(
	    o, "fresh", json_stringn(l->fresh_chain.ptr, l->fresh_chain.len));
	put_number(o, "fresh_next", l->fresh_next);
	put_number(o, "fresh_at", l->fresh_at);
	put_text(o, "fresh_by", l->fresh_by);
}

static int put_group(json_t *list, const struct vx_acme_group *g)
{
	json_t *const o = json_object();

	put_text(o, "id", g->id);
	put_number(o, "used", g->used);
	put_number(o, "secure", g->secure);
	put_number(o, "tidy", g->tidy);
	put_number(o, "looked", g->looked);
	put_number(o, "look_at", g->look_at);
	put_number(o, "ttl", g->ttl);
	put_number(o, "ttl_at", g->ttl_at);
	put_number(o, "ttl_less", g->ttl_less);
	put_number(o, "clear", g->clear);
	put_number(o, "broken", g->broken);
	return json_array_append_new(list, o) == 0 ? VX_OK : VX_ENOMEM;
}

static int put_cert(
    json_t *list, const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	json_t *const o = json_object();
	int rc = put_key(o, "key", l->key);

	if (rc == VX_OK)
		rc = put_key(o, "next_key", l->next_key);
	put_stage(o, l);
	put_text(o, "id", l->id);
	put_text(o, "kind", vx_pki_kind_name(l->kind));
	put_text(o, "names", l->all);
	if (l->there)
		(void)json_object_set_new(
		    o, "chain", json_stringn(l->chain.ptr, l->chain.len));
	put_text(o, "issued_by", l->issued_by);
	put_number(o, "window_start", l->window_start);
	put_number(o, "window_end", l->window_end);
	put_number(o, "chosen", l->chosen);
	put_number(o, "window_next", l->window_next);
	put_number(o, "failures", l->failures);
	put_number(o, "throttled", l->throttled);
	put_number(o, "failing_since", l->failing_since);
	put_number(o, "not_before", l->not_before);
	put_number(o, "tried_at", l->tried_at);
	put_text(o, "problem", l->problem);
	put_number(o, "stopped", l->stopped);
	put_number(o, "refused", l->refused);
	put_text(o, "authority", a->accounts[l->authority].id);
	put_number(o, "forced", l->forced);
	put_number(o, "no_replaces", l->no_replaces);
	put_number(o, "no_profile", l->no_profile);
	put_text(o, "order", l->order);
	(void)json_object_set_new(o, "provided", provided(l));
	return json_array_append_new(list, o) == 0 ? rc : VX_ENOMEM;
}

int vx_acme_save(const struct vx_acme *a, struct vx_buf *out)
{
	const size_t before = out->len;
	json_t *const accounts = json_array(), *const certs = json_array(),
		      *const groups = json_array();
	json_t *const o = json_pack("{s:i, s:o, s:o, s:o}", "version", VERSION,
	    "accounts", accounts, "certs", certs, "groups", groups);
	int rc = o == NULL ? VX_ENOMEM : VX_OK;

	for (size_t i = 0; i < a->account_count && rc == VX_OK; i++)
		rc = put_account(accounts, &a->accounts[i]);
	for (size_t i = 0; i < a->cert_count && rc == VX_OK; i++)
		rc = put_cert(certs, a, &a->certs[i]);
	for (size_t i = 0; i < a->group_count && rc == VX_OK; i++)
		rc = put_group(groups, &a->groups[i]);
	if (rc == VX_OK)
		rc = vx_acme_write(o, JSON_INDENT(1), out);
	vx_buf_add_char(out, '\n');
	json_decref(o);
	if (rc == VX_OK && out->failed)
		rc = VX_ELIMIT;
	if (rc != VX_OK)
		vx_buf_truncate(out, before);
	return rc;
}

/* --- reading
 * ----------------------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *name)
{
	const char *const text = json_string_value(json_object_get(o, name));

	return text == NULL ? "" : text;
}

static int64_t number_of(const json_t *o, const char *name)
{
	return (int64_t)json_integer_value(json_object_get(o, name));
}

static int key_of(
    const json_t *o, const char *name, struct vx_pki_key **out, struct vx_error *err)
{
	const char *const pem = text_of(o, name);

	return pem[0] == '\0' ? VX_OK : vx_pki_key_read(vx_slice_str(pem), out, err);
}

static void get_url(const json_t *o, const char *name, vx_acme_url out)
{
	const char *const text = text_of(o, name);

	if (vx_acme_is_url(vx_slice_str(text)))
		memcpy(out, text, strlen(text) + 1);
}

static const json_t *find(const json_t *list, const char *name, const char *value)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *const o = json_array_get(list, i);

		if (strcmp(text_of(o, name), value) == 0)
			return o;
	}
	return NULL;
}

/* The account of another directory is none of this one. */
static int get_account(
    const json_t *list, struct vx_acme_account *c, struct vx_error *err)
{
	const json_t *const o = find(list, "directory", c->directory_url);
	int rc;

	if (o == NULL)
		return VX_OK;
	rc = key_of(o, "key", &c->key, err);
	if (rc == VX_OK)
		rc = key_of(o, "next_key", &c->next_key, err);
	get_url(o, "url", c->url);
	get_url(o, "terms", c->terms);
	if (vx_dns_is_host(text_of(o, "persists")))
		(void)snprintf(
		    c->persists, sizeof(c->persists), "%s", text_of(o, "persists"));
	(void)snprintf(c->issuers, sizeof(c->issuers), "%s", text_of(o, "issuers"));
	c->deactivated = number_of(o, "deactivated") != 0;
	c->not_before = number_of(o, "not_before");
	return rc;
}

static void get_provided(const json_t *list, struct vx_acme_lineage *l)
{
	for (size_t i = 0; i < json_array_size(list) && i < VX_ACME_NAMES_MAX; i++) {
		const json_t *const o = json_array_get(list, i);
		struct vx_acme_provided *const p = &l->provided[l->provided_count];

		*p = (struct vx_acme_provided){ .type = (unsigned)number_of(o, "type"),
			.wildcard = json_is_true(json_object_get(o, "wildcard")) };
		if (vx_acme_challenge_name((enum vx_acme_challenge)p->type)[0] == '\0')
			continue;
		(void)snprintf(p->name, sizeof(p->name), "%s", text_of(o, "name"));
		(void)snprintf(p->token, sizeof(p->token), "%s", text_of(o, "token"));
		(void)snprintf(
		    p->content, sizeof(p->content), "%s", text_of(o, "content"));
		l->provided_count++;
	}
}

/* What was installed; a chain that cannot be read is as if there were none. */
static void get_chain(const json_t *o, struct vx_acme_lineage *l)
{
	const char *const chain = text_of(o, "chain");
	struct vx_error err;

	if (chain[0] == '\0' ||
	    vx_pki_cert_read(vx_slice_str(chain), &l->cert, &err) != VX_OK)
		return;
	l->there = true;
	vx_buf_add_str(&l->chain, chain);
	(void)snprintf(l->issued_by, sizeof(l->issued_by), "%s", text_of(o, "issued_by"));
}

static bool digest_of(const json_t *o, const char *name, char out[VX_PKI_DIGEST_OCTETS])
{
	struct vx_buf octets = { .max = VX_PKI_DIGEST_OCTETS };
	const bool good =
	    vx_hex_decode(vx_slice_str(text_of(o, name)), &octets) == VX_OK &&
	    octets.len == VX_PKI_DIGEST_OCTETS;

	if (good)
		memcpy(out, octets.ptr, VX_PKI_DIGEST_OCTETS);
	vx_buf_done(&octets);
	return good;
}

static void get_old_keys(const json_t *list, struct vx_acme_lineage *l)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct vx_acme_old_key *const k = &l->old[l->old_count];

		if (l->old_count < VX_ACME_OLD_KEYS_MAX &&
		    digest_of(json_array_get(list, i), "digest", k->digest)) {
			k->since = number_of(json_array_get(list, i), "since");
			l->old_count++;
		}
	}
}

/* A certificate that waits is of use only for the names that are wanted. */
static void get_fresh(const json_t *o, struct vx_acme_lineage *l)
{
	const char *const chain = text_of(o, "fresh");
	struct vx_error err;

	if (chain[0] == '\0' || strcmp(text_of(o, "names"), l->all) != 0 ||
	    vx_pki_cert_read(vx_slice_str(chain), &l->fresh, &err) != VX_OK)
		return;
	l->has_fresh = true;
	l->fresh_next = number_of(o, "fresh_next") != 0;
	l->fresh_at = number_of(o, "fresh_at");
	vx_buf_add_str(&l->fresh_chain, chain);
	(void)snprintf(l->fresh_by, sizeof(l->fresh_by), "%s", text_of(o, "fresh_by"));
}

static void get_stage(const json_t *o, struct vx_acme_lineage *l)
{
	const int64_t haste = number_of(o, "haste");

	l->key_since = number_of(o, "key_since");
	l->key_seen = number_of(o, "key_seen");
	l->next_seen = number_of(o, "next_seen");
	l->rolling = number_of(o, "rolling") != 0;
	if (haste > VX_ACME_STAGED && haste <= VX_ACME_AT_ONCE)
		l->haste = (enum vx_acme_haste)haste;
	l->bad = number_of(o, "bad") != 0;
	l->with_next = number_of(o, "with_next") != 0;
	vx_buf_add_str(&l->doomed, text_of(o, "doomed"));
	(void)snprintf(l->doomed_by, sizeof(l->doomed_by), "%s", text_of(o, "doomed_by"));
	get_old_keys(json_object_get(o, "old_keys"), l);
	get_fresh(o, l);
}

static bool is_ttl(int64_t s)
{
	return s >= 0 && s <= VX_ACME_TTL_MAX;
}

static void get_group(const json_t *list, struct vx_acme_group *g)
{
	const json_t *const o = find(list, "id", g->id);

	if (o == NULL)
		return;
	g->used = number_of(o, "used") != 0;
	g->secure = number_of(o, "secure") != 0;
	g->tidy = number_of(o, "tidy") != 0;
	g->looked = g->kept = number_of(o, "looked");
	g->look_at = number_of(o, "look_at");
	g->ttl = number_of(o, "ttl");
	g->clear = number_of(o, "clear");
	g->broken = number_of(o, "broken");
	g->ttl_at = number_of(o, "ttl_at");
	g->ttl_less = number_of(o, "ttl_less");
	if (!is_ttl(g->ttl) || !is_ttl(g->ttl_less)) {
		g->ttl = VX_ACME_TTL_MAX;
		g->ttl_less = 0;
	}
}

/* What is about an order for just these names, and where it was asked. */
static void get_order(const json_t *o, struct vx_acme *a, struct vx_acme_lineage *l)
{
	const char *const authority = text_of(o, "authority");

	if (strcmp(text_of(o, "names"), l->all) != 0)
		return;
	for (size_t i = 0; i < a->account_count; i++)
		if (strcmp(a->accounts[i].id, authority) == 0) {
			l->authority = i;
			get_url(o, "order", l->order);
		}
	l->refused = (uint32_t)number_of(o, "refused");
	l->stopped = (uint32_t)number_of(o, "stopped");
	l->failures = (unsigned)number_of(o, "failures");
	l->throttled = (unsigned)number_of(o, "throttled");
	l->failing_since = number_of(o, "failing_since");
	l->not_before = number_of(o, "not_before");
	l->forced = number_of(o, "forced") != 0;
	l->no_replaces = number_of(o, "no_replaces") != 0;
	l->no_profile = number_of(o, "no_profile") != 0;
	(void)snprintf(l->problem, sizeof(l->problem), "%s", text_of(o, "problem"));
}

static const json_t *find_cert(const json_t *list, const struct vx_acme_lineage *l)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *const o = json_array_get(list, i);

		if (strcmp(text_of(o, "id"), l->id) == 0 &&
		    strcmp(text_of(o, "kind"), vx_pki_kind_name(l->kind)) == 0)
			return o;
	}
	return NULL;
}

static int get_cert(const json_t *list, struct vx_acme *a, struct vx_acme_lineage *l,
    struct vx_error *err)
{
	const json_t *const o = find_cert(list, l);
	int rc;

	if (o == NULL)
		return VX_OK;
	get_chain(o, l);
	get_stage(o, l);
	get_order(o, a, l);
	get_provided(json_object_get(o, "provided"), l);
	l->window_start = number_of(o, "window_start");
	l->window_end = number_of(o, "window_end");
	l->chosen = number_of(o, "chosen");
	l->window_next = number_of(o, "window_next");
	l->tried_at = number_of(o, "tried_at");
	rc = key_of(o, "key", &l->key, err);
	return rc == VX_OK ? key_of(o, "next_key", &l->next_key, err) : rc;
}

int vx_acme_load(struct vx_acme *a, vx_slice text, struct vx_error *err)
{
	json_t *const o = vx_acme_json(text, VX_ACME_STATE_MAX);
	int rc = VX_OK;

	if (o == NULL || number_of(o, "version") != VERSION)
		rc = vx_error_set(err, VX_ESYNTAX,
		    o == NULL ? "the state of the certificates is damaged"
			      : "the state of the certificates is of another version");
	for (size_t i = 0; i < a->account_count && rc == VX_OK; i++)
		rc = get_account(json_object_get(o, "accounts"), &a->accounts[i], err);
	for (size_t i = 0; i < a->cert_count && rc == VX_OK; i++)
		rc = get_cert(json_object_get(o, "certs"), a, &a->certs[i], err);
	for (size_t i = 0; i < a->group_count && rc == VX_OK; i++)
		get_group(json_object_get(o, "groups"), &a->groups[i]);
	json_decref(o);
	return rc;
}

/* --- what is on the disk
 * -------------------------------------------------------------------- */

static bool has_digest(const struct vx_pki_key *key, const char *digest)
{
	char own[VX_PKI_DIGEST_OCTETS];

	return key != NULL && vx_pki_key_digest(key, own) == VX_OK &&
	       memcmp(own, digest, sizeof(own)) == 0;
}

static bool is_same(const struct vx_pki_cert *one, const struct vx_pki_cert *other)
{
	return one->not_after == other->not_after &&
	       one->serial_len == other->serial_len &&
	       memcmp(one->serial, other->serial, one->serial_len) == 0;
}

/* The key that is served is the key: the one we know, the next one, or the file's. */
static int take_key(struct vx_acme *a, struct vx_acme_lineage *l,
    const struct vx_pki_cert *cert, vx_slice key_pem, struct vx_error *err)
{
	struct vx_pki_key *key = NULL;
	int rc;

	if (has_digest(l->key, cert->digest))
		return VX_OK;
	if (has_digest(l->next_key, cert->digest)) {
		vx_acme_promote(a, l);
		return VX_OK;
	}
	rc = vx_pki_key_read(key_pem, &key, err);
	if (rc == VX_OK && vx_pki_key_kind(key) != l->kind)
		rc = vx_error_set(err, VX_EUNSUP, "the key is of another kind");
	if (rc != VX_OK) {
		vx_pki_key_free(key);
		return rc;
	}
	vx_pki_key_free(l->key);
	l->key = key;
	l->key_since = l->key_seen = 0;
	a->dirty = true;
	return VX_OK;
}

static int take_installed(struct vx_acme *a, struct vx_acme_lineage *l,
    const struct vx_pki_cert *cert, vx_slice chain, vx_slice key_pem,
    struct vx_error *err)
{
	int rc;

	/* it was, before a crash */
	if (l->has_fresh && is_same(&l->fresh, cert)) {
		vx_acme_take_fresh(a, l);
		return VX_OK;
	}
	rc = take_key(a, l, cert, key_pem, err);
	if (rc != VX_OK || (l->there && is_same(&l->cert, cert)))
		return rc;
	vx_buf_reset(&l->chain);
	vx_buf_add(&l->chain, chain);
	l->cert = *cert;
	l->there = true;
	l->order[0] = '\0'; /* what it was ordered by came to its end */
	l->window_start = l->window_end = l->chosen = l->window_next = 0;
	if (l->issued_by[0] == '\0')
		(void)snprintf(
		    l->issued_by, sizeof(l->issued_by), "%s", a->accounts[0].id);
	a->dirty = true;
	return VX_OK;
}

static void note_serving(struct vx_acme *a, const char *id, const char *digest)
{
	for (size_t i = 0; i < a->group_count; i++)
		if (strcmp(a->groups[i].id, id) == 0)
			vx_acme_note_served(&a->groups[i], digest);
}

void vx_acme_serving(struct vx_acme *a, const char *id, const char *digest_hex)
{
	struct vx_buf octets = { .max = VX_PKI_DIGEST_OCTETS };

	if (vx_hex_decode(vx_slice_str(digest_hex), &octets) == VX_OK &&
	    octets.len == VX_PKI_DIGEST_OCTETS)
		note_serving(a, id, octets.ptr);
	vx_buf_done(&octets);
}

int vx_acme_installed(struct vx_acme *a, const char *id, enum vx_pki_kind kind,
    vx_slice chain_pem, vx_slice key_pem, struct vx_error *err)
{
	struct vx_pki_cert cert;
	int rc = vx_pki_cert_read(chain_pem, &cert, err);

	if (rc != VX_OK)
		return rc;
	note_serving(a, id, cert.digest);
	for (size_t i = 0; i < a->cert_count; i++)
		if (a->certs[i].kind == kind && strcmp(a->certs[i].id, id) == 0)
			return take_installed(
			    a, &a->certs[i], &cert, chain_pem, key_pem, err);
	return vx_error_set(err, VX_ENOENT, "no certificate %s is wanted", id);
}
