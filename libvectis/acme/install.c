/* From what was ordered to what is served: all kinds of a certificate at one time. */
#include "acme/acme_int.h"

#include <stdio.h>
#include <string.h>

enum {
	AGAIN_S = 600 /* what may not be served is looked at again then */
};

/* --- keeping it -----------------------------------------------------------------------
 */

void vx_acme_drop_fresh(struct vx_acme_lineage *l)
{
	l->has_fresh = l->fresh_next = false;
	l->fresh_at = 0;
	vx_buf_reset(&l->fresh_chain);
}

void vx_acme_obtained(struct vx_acme *a)
{
	struct vx_acme_lineage *const l = a->task.l;

	vx_buf_reset(&l->fresh_chain);
	vx_buf_add(&l->fresh_chain, vx_buf_slice(&a->chain));
	l->fresh = a->fresh;
	l->has_fresh = true;
	l->fresh_next = l->with_next;
	l->fresh_at = a->now;
	(void)snprintf(l->fresh_by, sizeof(l->fresh_by), "%s", vx_acme_account_of(a)->id);
	l->order[0] = l->problem[0] = '\0';
	l->failures = l->throttled = 0;
	l->failing_since = l->not_before = 0;
	l->forced = l->no_profile = l->no_replaces = l->with_next = false;
	l->stopped = 0;
	l->authority = 0; /* the first one is preferred again */
	a->dirty = true;
	vx_acme_clean(a);
}

/* --- when -----------------------------------------------------------------------------
 */

/* Is another one expected, so that both are switched together? */
static bool is_expected(
    const struct vx_acme *a, const struct vx_acme_lineage *l, int64_t first)
{
	if (l->has_fresh || (l->group->served_count == 0 && l->failures > 0))
		return false;
	return vx_acme_earliest(a, l) <= first + VX_ACME_SIBLINGS_S;
}

int64_t vx_acme_install_at(const struct vx_acme *a, const struct vx_acme_group *g)
{
	int64_t first = INT64_MAX, at;

	for (size_t i = 0; i < a->cert_count; i++)
		if (a->certs[i].group == g && a->certs[i].has_fresh &&
		    a->certs[i].fresh_at < first)
			first = a->certs[i].fresh_at;
	if (first == INT64_MAX)
		return INT64_MAX;
	at = first;
	for (size_t i = 0; i < a->cert_count; i++)
		if (a->certs[i].group == g && is_expected(a, &a->certs[i], first))
			at = first + VX_ACME_SIBLINGS_S;
	return at > g->install_next ? at : g->install_next;
}

/* Does it depend on what the DNS says now? */
static bool needs_look(const struct vx_acme_lineage *l)
{
	return l->has_fresh && l->group->served_count > 0 &&
	       !vx_acme_is_served(l->group, l->fresh.digest) &&
	       !(l->fresh_next && l->rolling && l->haste == VX_ACME_AT_ONCE);
}

bool vx_acme_install_needs_look(const struct vx_acme *a, const struct vx_acme_group *g)
{
	for (size_t i = 0; i < a->cert_count; i++)
		if (a->certs[i].group == g && needs_look(&a->certs[i]))
			return true;
	return false;
}

static bool may_be_served(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	if (!l->has_fresh || (needs_look(l) && a->look.failed))
		return false;
	return (l->fresh_next ? vx_acme_next_ready(l, a->now)
			      : vx_acme_key_ready(a, l)) <= a->now;
}

/* --- the step -------------------------------------------------------------------------
 */

/* The rule would be broken: what is served stays. */
static void refuse(struct vx_acme *a, struct vx_acme_group *g)
{
	bool dropped = false;

	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];

		if (l->group != g || !l->has_fresh ||
		    a->now - l->fresh_at < VX_ACME_FRESH_S)
			continue;
		vx_acme_drop_fresh(l);
		dropped = a->dirty = true;
	}
	if (!g->told_blocked || dropped)
		vx_acme_tell(a, VX_ACME_ALARM,
		    "the new key is not served, since TLSA records that others may "
		    "remember "
		    "do not name it%s; the old one stays",
		    a->look.failed ? ", as far as can be known: the DNS does not answer"
		    : dropped      ? "; its certificate is thrown away"
				   : "");
	g->told_blocked = true;
	g->install_next = a->now + AGAIN_S;
	vx_acme_end(
	    a, VX_ETEMP, "the new key is not served yet, because of TLSA records");
}

static bool add_pair(
    struct vx_acme *a, struct vx_acme_step *step, const struct vx_acme_lineage *l)
{
	const bool fresh = may_be_served(a, l);
	struct vx_buf *const key = &a->keys[step->pair_count];
	struct vx_acme_pair *const pair = &step->pairs[step->pair_count];

	if (!fresh && !l->there)
		return true;
	vx_buf_reset(key);
	if (vx_pki_key_write(fresh && l->fresh_next ? l->next_key : l->key, key) != VX_OK)
		return false;
	*pair = (struct vx_acme_pair){ .kind = l->kind,
		.chain = vx_buf_slice(fresh ? &l->fresh_chain : &l->chain),
		.key = vx_buf_slice(key) };
	step->pair_count++;
	return true;
}

void vx_acme_begin_install(struct vx_acme *a)
{
	struct vx_acme_group *const g = a->task.l->group;
	struct vx_acme_step step = { .type = VX_ACME_INSTALL };
	bool some = false, good = true;

	for (size_t i = 0; i < a->cert_count; i++)
		some = some || (a->certs[i].group == g && may_be_served(a, &a->certs[i]));
	if (!some) {
		refuse(a, g);
		return;
	}
	for (int kind = 0; kind < VX_PKI_KINDS; kind++)
		for (size_t i = 0; i < a->cert_count; i++)
			if (a->certs[i].group == g && (int)a->certs[i].kind == kind)
				good = good && add_pair(a, &step, &a->certs[i]);
	if (!good) {
		vx_acme_fail_text(a, VX_ACME_P_OURS, "the key cannot be written");
		return;
	}
	(void)vx_acme_ask(a, VX_ACME_INSTALL);
	memcpy(a->step.pairs, step.pairs, sizeof(step.pairs));
	a->step.pair_count = step.pair_count;
}

/* --- it is served ---------------------------------------------------------------------
 */

void vx_acme_take_fresh(struct vx_acme *a, struct vx_acme_lineage *l)
{
	const int64_t life = l->fresh.not_after - l->fresh.not_before;
	const int64_t spread = life / 60 < 86400 ? life / 60 : 86400;

	vx_buf_reset(&l->chain);
	vx_buf_add(&l->chain, vx_buf_slice(&l->fresh_chain));
	l->cert = l->fresh;
	l->there = true;
	memcpy(l->issued_by, l->fresh_by, sizeof(l->issued_by));
	l->window_start = l->window_end = 0;
	l->window_next = a->now + 1800;
	l->chosen = l->cert.not_before + life / 3 * 2 +
		    (int64_t)vx_acme_random(a, (uint64_t)spread + 1);
	if (l->fresh_next)
		vx_acme_promote(a, l);
	vx_acme_drop_fresh(l);
	a->dirty = true;
}

static bool was_given(const struct vx_acme *a, const struct vx_acme_lineage *l)
{
	for (size_t i = 0; i < a->step.pair_count; i++)
		if (a->step.pairs[i].kind == l->kind &&
		    a->step.pairs[i].chain.ptr == l->fresh_chain.ptr)
			return true;
	return false;
}

static void installed(struct vx_acme *a, struct vx_acme_group *g)
{
	bool doomed = false;

	g->served_count = 0;
	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];

		if (l->group != g)
			continue;
		if (l->has_fresh && was_given(a, l)) {
			vx_acme_tell(a, VX_ACME_INFO,
			    "certificate for %s from %s is served (%s)%s", l->all,
			    l->fresh_by, vx_pki_kind_name(l->kind),
			    l->fresh_next ? ", with another key" : "");
			vx_acme_take_fresh(a, l);
		}
		if (l->there)
			vx_acme_note_served(g, l->cert.digest);
		doomed = doomed || vx_acme_doomed_at(l) <= a->now;
	}
	g->told_blocked = false;
	g->install_next = 0;
	g->look_at = a->now; /* what is new is published */
	vx_acme_end(a, VX_OK,
	    doomed ? "another certificate is served, and the one before is being revoked"
		   : "the certificate is served");
}

void vx_acme_install_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	for (size_t i = 0; i < VX_ACME_PAIRS_MAX; i++)
		vx_buf_wipe(&a->keys[i]);
	if (answer->result == VX_OK)
		installed(a, a->task.l->group);
	else
		vx_acme_fail_text(a, VX_ACME_P_OURS, "the certificate was not taken: %s",
		    answer->text == NULL ? vx_strerror(answer->result) : answer->text);
}
