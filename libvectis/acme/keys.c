/*
 * The keys of a certificate, in use and next, and when the next one may be used: the rule
 * is that no TLSA records that anybody remembers are without a key that is served.
 */
#include "acme/acme_int.h"

#include <string.h>

#define DAY INT64_C(86400)

static int make(struct vx_acme *a, enum vx_pki_kind kind, struct vx_pki_key **out)
{
	a->dirty = true; /* kept before anybody knows it */
	return a->make_key != NULL ? a->make_key(a->make_ctx, kind, out)
				   : vx_pki_key_generate(kind, out);
}

/* What happened while nobody told the time happened now. */
static void date(struct vx_acme *a, struct vx_acme_lineage *l)
{
	if (l->key != NULL && l->key_since == 0) {
		l->key_since = a->now;
		a->dirty = true;
	}
	for (size_t k = 0; k < l->old_count; k++)
		if (l->old[k].since == 0) {
			l->old[k].since = a->now;
			a->dirty = true;
		}
}

/* The first certificate does not wait for a key that is used in years. */
int vx_acme_make_keys(struct vx_acme *a)
{
	for (size_t i = 0; i < a->cert_count; i++)
		date(a, &a->certs[i]);
	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];
		struct vx_pki_key **const which = l->key == NULL ? &l->key : &l->next_key;
		int rc;

		if (l->key != NULL && (l->next_key != NULL || !l->there))
			continue;
		rc = make(a, l->kind, which);
		if (rc != VX_OK)
			return rc;
		if (which == &l->key)
			l->key_since = a->now;
		else
			l->next_seen = 0;
		return VX_DATA;
	}
	return VX_OK;
}

bool vx_acme_has_digest(
    const char (*set)[VX_PKI_DIGEST_OCTETS], size_t count, const char *digest)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(set[i], digest, VX_PKI_DIGEST_OCTETS) == 0)
			return true;
	return false;
}

bool vx_acme_is_served(const struct vx_acme_group *g, const char *digest)
{
	return vx_acme_has_digest(g->served, g->served_count, digest);
}

void vx_acme_note_served(struct vx_acme_group *g, const char *digest)
{
	if (!vx_acme_is_served(g, digest) &&
	    g->served_count < sizeof(g->served) / sizeof(g->served[0]))
		memcpy(g->served[g->served_count++], digest, VX_PKI_DIGEST_OCTETS);
}

/* --- when -----------------------------------------------------------------------------
 */

int64_t vx_acme_stage(const struct vx_acme_group *g, enum vx_acme_haste haste)
{
	const int64_t least =
	    haste == VX_ACME_STAGED ? VX_ACME_STAGE_S : VX_ACME_STAGE_URGENT_S;

	return 2 * g->ttl > least ? 2 * g->ttl : least;
}

static int64_t ready(const struct vx_acme_lineage *l, const struct vx_pki_key *key,
    int64_t seen, int64_t now)
{
	const struct vx_acme_group *const g = l->group;
	const int64_t stage = vx_acme_stage(g, l->haste);
	char digest[VX_PKI_DIGEST_OCTETS];
	int64_t at = INT64_MAX;

	/* a temporary certificate is in no records: whatever comes is better */
	if (g->served_count == 0)
		return 0;
	if (key == NULL || vx_pki_key_digest(key, digest) != VX_OK)
		return INT64_MAX;
	if (vx_acme_is_served(g, digest))
		return 0;
	if (g->looked == 0 || g->unknown || now - g->looked > VX_ACME_UNSEEN_MAX_S)
		return INT64_MAX;
	if (!g->used)
		return g->clear;
	if (seen != 0)
		at = seen + stage;
	/* records that name nobody who is there are no reason to wait for more */
	if (g->broken != 0 && g->broken + stage < at)
		at = g->broken + stage;
	return at;
}

int64_t vx_acme_key_ready(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	return ready(l, l->key, l->key_seen, a->now);
}

int64_t vx_acme_next_ready(const struct vx_acme_lineage *l, int64_t now)
{
	if (l->next_key == NULL)
		return INT64_MAX;
	return l->rolling && l->haste == VX_ACME_AT_ONCE
		   ? 0
		   : ready(l, l->next_key, l->next_seen, now);
}

/* Asked for, or old enough and the certificate is renewed anyway. */
static bool wants_next(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	return l->rolling || l->bad ||
	       (a->key_days != 0 && l->there && l->key_since != 0 &&
		   a->now - l->key_since >= (int64_t)a->key_days * DAY);
}

bool vx_acme_takes_next(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	return wants_next(a, l) && vx_acme_next_ready(l, a->now) <= a->now;
}

int64_t vx_acme_order_ready(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	if (l->bad)
		return vx_acme_next_ready(l, a->now);
	return vx_acme_takes_next(a, l) ? 0 : vx_acme_key_ready(a, l);
}

/* --- the next one is the one ----------------------------------------------------------
 */

static void remember(struct vx_acme *a, struct vx_acme_lineage *l)
{
	struct vx_acme_old_key *o;

	if (l->old_count == VX_ACME_OLD_KEYS_MAX) {
		l->old_count--;
		memmove(l->old, l->old + 1, l->old_count * sizeof(l->old[0]));
	}
	o = &l->old[l->old_count];
	if (vx_pki_key_digest(l->key, o->digest) == VX_OK) {
		o->since = a->now;
		l->old_count++;
	}
}

void vx_acme_promote(struct vx_acme *a, struct vx_acme_lineage *l)
{
	if (l->next_key == NULL)
		return;
	if (l->key != NULL)
		remember(a, l);
	vx_pki_key_free(l->key);
	l->key = l->next_key;
	l->next_key = NULL;
	l->key_seen = l->next_seen;
	l->next_seen = 0;
	l->key_since = a->now;
	l->rolling = l->bad = l->with_next = false;
	l->haste = VX_ACME_STAGED;
	l->told_key = l->told_next;
	l->told_next = false;
	a->dirty = true;
}

/* --- records --------------------------------------------------------------------------
 */

static size_t add_key(const struct vx_pki_key *key,
    char out[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS], size_t n)
{
	if (key != NULL && n < VX_ACME_TLSA_MAX &&
	    vx_pki_key_digest(key, out[n]) == VX_OK)
		n++;
	return n;
}

size_t vx_acme_wanted_set(const struct vx_acme *a, const struct vx_acme_group *g,
    char out[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS])
{
	bool there = g->served_count > 0;
	size_t n = 0;

	for (size_t i = 0; i < a->cert_count; i++)
		there = there || (a->certs[i].group == g && a->certs[i].there);
	for (size_t i = 0; i < a->cert_count && there; i++) {
		const struct vx_acme_lineage *const l = &a->certs[i];

		if (l->group != g)
			continue;
		n = add_key(l->key, out, n);
		n = add_key(l->next_key, out, n);
		for (size_t k = 0; k < l->old_count && n < VX_ACME_TLSA_MAX; k++)
			memcpy(out[n++], l->old[k].digest, VX_PKI_DIGEST_OCTETS);
	}
	/* what others brought, until ours takes its place */
	for (size_t i = 0; i < g->served_count && n < VX_ACME_TLSA_MAX; i++)
		if (!vx_acme_has_digest(out, n, g->served[i]))
			memcpy(out[n++], g->served[i], VX_PKI_DIGEST_OCTETS);
	return n;
}

size_t vx_acme_tlsa(const struct vx_acme *a, const char *id,
    char out[VX_ACME_TLSA_MAX][VX_PKI_DIGEST_OCTETS])
{
	for (size_t i = 0; i < a->group_count; i++)
		if (strcmp(a->groups[i].id, id) == 0)
			return vx_acme_wanted_set(a, &a->groups[i], out);
	return 0;
}

static void note_key(struct vx_acme *a, const struct vx_pki_key *key, int64_t *seen)
{
	char digest[VX_PKI_DIGEST_OCTETS];
	size_t i = a->look.all_count;

	if (a->look.used && key != NULL && vx_pki_key_digest(key, digest) == VX_OK)
		for (i = 0; i < a->look.all_count &&
			    memcmp(a->look.all[i], digest, VX_PKI_DIGEST_OCTETS) != 0;
		     i++)
			;
	if (i == a->look.all_count || !a->look.everywhere[i])
		*seen = 0;
	else if (*seen == 0)
		*seen = a->now;
}

/* Is some key that is served in all records? */
static bool names_served(const struct vx_acme *a, const struct vx_acme_group *g)
{
	for (size_t i = 0; i < g->served_count; i++)
		if (vx_acme_has_digest(a->look.all, a->look.all_count, g->served[i]))
			return true;
	return false;
}

/* Since when the keys of a group are seen; true: that changed. */
static bool note_keys(struct vx_acme *a, const struct vx_acme_group *g, bool gap)
{
	bool changed = false;

	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];
		const int64_t key = l->key_seen, next = l->next_seen;

		if (l->group != g)
			continue;
		if (gap)
			l->key_seen = l->next_seen = 0;
		note_key(a, l->key, &l->key_seen);
		note_key(a, l->next_key, &l->next_seen);
		changed = changed || l->key_seen != key || l->next_seen != next;
	}
	return changed;
}

/*
 * One that became smaller counts when nobody can remember the larger one, which may have
 * been told until shortly before we saw that it is not any more.  A resolver that counts
 * down what it remembers makes that two steps.
 */
static void note_ttl(struct vx_acme_group *g, int64_t ttl, int64_t now, bool gap)
{
	if (ttl > g->ttl_less)
		g->ttl_less = ttl;
	if (ttl >= g->ttl || now - g->ttl_at > g->ttl + VX_ACME_UNSEEN_MAX_S) {
		g->ttl = g->ttl_less;
		g->ttl_at = now;
		g->ttl_less = 0;
	} else if (gap) {
		g->ttl_at = now;
	}
}

void vx_acme_note_look(struct vx_acme *a, struct vx_acme_group *g)
{
	/* what was there before a long time of not looking says nothing */
	const bool gap = a->now - g->looked > VX_ACME_UNSEEN_MAX_S;
	const struct vx_acme_group before = *g;
	bool changed = note_keys(a, g, gap);

	if (a->look.used)
		note_ttl(g, a->look.ttl, a->now, gap);
	if (g->used && !a->look.used)
		g->clear = a->now + vx_acme_stage(g, VX_ACME_URGENT);
	if (!a->look.used || names_served(a, g))
		g->broken = 0;
	else if (g->broken == 0 || gap)
		g->broken = a->now;
	g->used = a->look.used;
	g->secure = a->look.secure;
	memcpy(g->set, a->look.set, sizeof(g->set));
	g->set_count = a->look.set_count;
	g->looked = a->now;
	changed = changed || before.ttl != g->ttl || before.clear != g->clear ||
		  before.broken != g->broken || before.used != g->used ||
		  before.secure != g->secure;
	/* that nothing changed has to be kept now and then */
	if (changed || a->now - g->kept >= VX_ACME_LOOK_S) {
		g->kept = a->now;
		a->dirty = true;
	}
}
