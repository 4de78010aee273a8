/* TLSA records: looking at them, having them set, and telling persons about them. */
#include "acme/acme_int.h"
#include "base/encode.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
	PUBLISH_TOLD = 24 /* each of so many failures is told */
};

static struct vx_acme_group *group_of(const struct vx_acme *a)
{
	return a->task.l->group;
}

static bool is_host(const char *name)
{
	unsigned char address[16];

	return strncmp(name, "*.", 2) != 0 && inet_pton(AF_INET, name, address) != 1 &&
	       inet_pton(AF_INET6, name, address) != 1;
}

/* Whose records the host sets, or whose are told. */
static const char *name_of(const struct vx_acme *a)
{
	return group_of(a)->dane != NULL ? group_of(a)->dane : a->task.l->names[0];
}

/* --- telling --------------------------------------------------------------------------
 */

static void tell_record(struct vx_acme *a, const struct vx_acme_lineage *l,
    const char *digest, const char *before, const char *behind)
{
	struct vx_buf hex = { .max = 2 * VX_PKI_DIGEST_OCTETS };

	vx_hex_add(&hex, vx_slice_of(digest, VX_PKI_DIGEST_OCTETS));
	vx_acme_tell(a, VX_ACME_WARN, "%s \"_25._tcp.%.200s. TLSA 3 1 1 %.*s\" (%s)%s",
	    before, name_of(a), (int)hex.len, hex.len > 0 ? hex.ptr : "",
	    vx_pki_kind_name(l->kind), behind);
	vx_buf_done(&hex);
}

/* A record that should be there and is not is told once. */
static void tell_missing(struct vx_acme *a, const struct vx_acme_lineage *l,
    const struct vx_pki_key *key, bool missing, bool *told, const char *behind)
{
	char digest[VX_PKI_DIGEST_OCTETS];

	if (!missing)
		*told = false;
	else if (!*told && vx_pki_key_digest(key, digest) == VX_OK) {
		*told = true;
		tell_record(a, l, digest, "publish", behind);
	}
}

static void tell_state(struct vx_acme *a, struct vx_acme_group *g)
{
	const bool broken = g->broken != 0;

	if (broken && !g->told_broken)
		vx_acme_tell(a, VX_ACME_ALARM,
		    "the TLSA records of %.200s name no key that is served: servers that "
		    "hold to DANE (RFC 7672) do not deliver mail here",
		    name_of(a));
	g->told_broken = broken;
	for (size_t i = 0; i < a->cert_count; i++) {
		struct vx_acme_lineage *const l = &a->certs[i];
		const bool ours = l->group == g && g->used && g->dane == NULL;

		if (l->group != g)
			continue;
		if (l->key != NULL)
			tell_missing(
			    a, l, l->key, ours && l->key_seen == 0, &l->told_key, "");
		if (l->next_key != NULL)
			tell_missing(a, l, l->next_key, ours && l->next_seen == 0,
			    &l->told_next,
			    ": the next key, which is used when its record was seen for "
			    "long enough");
	}
}

/* --- looking --------------------------------------------------------------------------
 */

void vx_acme_go_tlsa(struct vx_acme *a)
{
	memset(&a->look, 0, sizeof(a->look));
	vx_acme_go(a, VX_ACME_PH_TLSA);
}

/* When it is looked at again, whatever happens. */
static void schedule(struct vx_acme *a, struct vx_acme_group *g, bool failed)
{
	int64_t at = a->now + VX_ACME_LOOK_S;

	for (size_t i = 0; i < a->cert_count; i++) {
		const struct vx_acme_lineage *const l = &a->certs[i];
		const bool waits = l->rolling || l->bad || g->unseen > 0 ||
				   (g->used && l->key_seen == 0);
		const int64_t pause = l->rolling && l->haste != VX_ACME_STAGED
					  ? VX_ACME_LOOK_URGENT_S
					  : VX_ACME_LOOK_SOON_S;

		if (l->group != g)
			continue;
		if ((waits || failed) && a->now + pause < at)
			at = a->now + pause;
		for (size_t k = 0; k < l->old_count; k++) {
			const int64_t end =
			    l->old[k].since + vx_acme_stage(g, VX_ACME_STAGED);

			if (end < at)
				at = end > a->now ? end : a->now + VX_ACME_LOOK_SOON_S;
		}
	}
	g->look_at = at;
}

/* Who asked for the next keys is not kept waiting for a day. */
static void tell_waiting(struct vx_acme *a, struct vx_acme_group *g)
{
	bool waits = false;

	for (size_t i = 0; i < a->cert_count; i++) {
		const struct vx_acme_lineage *const l = &a->certs[i];

		waits = waits || (l->group == g && l->rolling && !l->has_fresh &&
				     vx_acme_next_ready(l, a->now) > a->now);
	}
	if (!waits || g->number == 0 || !g->number_rolls)
		return;
	vx_acme_tell_number(a, g, g->number, VX_ACME_ROLL_WAITS);
	g->number = 0;
}

static void looked(struct vx_acme *a)
{
	struct vx_acme_group *const g = group_of(a);

	if (a->look.failed) {
		if (!g->unknown)
			vx_acme_tell(a, VX_ACME_WARN,
			    "the TLSA records of its names cannot be looked at: %.300s",
			    a->look.why);
		g->unknown = true;
	} else {
		g->unknown = false;
		vx_acme_note_look(a, g);
		tell_state(a, g);
	}
	tell_waiting(a, g);
	if (a->task.type == VX_ACME_T_INSTALL) {
		vx_acme_go(a, VX_ACME_PH_INSTALL);
	} else if (a->look.failed) {
		schedule(a, g, true);
		vx_acme_end(a, VX_OK, "");
	} else {
		vx_acme_go(a, VX_ACME_PH_SERVED);
	}
}

void vx_acme_begin_tlsa(struct vx_acme *a)
{
	const struct vx_acme_lineage *const l = a->task.l;

	while (a->index < l->count && !is_host(l->names[a->index]))
		a->index++;
	if (a->index < l->count)
		vx_acme_ask(a, VX_ACME_TLSA)->name = l->names[a->index];
	else
		looked(a);
}

static bool is_everywhere(const struct vx_acme_answer *answer, size_t i)
{
	return answer->everywhere == NULL || answer->everywhere[i];
}

/* What all have that have something. */
static void cut_down(struct vx_acme_look *look, const struct vx_acme_answer *answer)
{
	const size_t n = answer->digest_count < VX_ACME_TLSA_MAX ? answer->digest_count
								 : VX_ACME_TLSA_MAX;
	size_t kept = 0, k;

	if (!look->used) {
		for (size_t i = 0; i < n; i++) {
			memcpy(look->all[i], answer->digests[i], VX_PKI_DIGEST_OCTETS);
			look->everywhere[i] = is_everywhere(answer, i);
		}
		look->all_count = n;
		return;
	}
	for (size_t i = 0; i < look->all_count; i++) {
		for (k = 0; k < n && memcmp(answer->digests[k], look->all[i],
					 VX_PKI_DIGEST_OCTETS) != 0;
		     k++)
			;
		if (k == n)
			continue;
		memmove(look->all[kept], look->all[i], VX_PKI_DIGEST_OCTETS);
		look->everywhere[kept++] =
		    look->everywhere[i] && is_everywhere(answer, k);
	}
	look->all_count = kept;
}

void vx_acme_tlsa_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	struct vx_acme_look *const look = &a->look;
	const char *const name = a->task.l->names[a->index++];
	const struct vx_acme_group *const g = group_of(a);
	const bool first = !look->seen;
	const int64_t ttl =
	    answer->ttl < VX_ACME_TTL_MAX ? (int64_t)answer->ttl : VX_ACME_TTL_MAX;

	if (answer->result != VX_OK) {
		look->failed = true;
		(void)snprintf(look->why, sizeof(look->why), "%.200s: %.180s", name,
		    answer->text == NULL ? vx_strerror(answer->result) : answer->text);
		return;
	}
	look->seen = true;
	if (first || (g->dane != NULL && strcmp(name, g->dane) == 0))
		look->secure = answer->secure;
	/* those that nobody can believe, and those that mean nothing, are none */
	if (!answer->secure || answer->usable == 0)
		return;
	cut_down(look, answer);
	look->used = true;
	if (ttl > look->ttl)
		look->ttl = ttl;
	if (g->dane != NULL && strcmp(name, g->dane) == 0) {
		look->set_count = answer->digest_count < VX_ACME_TLSA_MAX
				      ? answer->digest_count
				      : VX_ACME_TLSA_MAX;
		for (size_t i = 0; i < look->set_count; i++)
			memcpy(look->set[i], answer->digests[i], VX_PKI_DIGEST_OCTETS);
	}
}

/* --- old keys -------------------------------------------------------------------------
 */

static bool is_over(const struct vx_acme *a, const struct vx_acme_lineage *l, size_t k)
{
	return l->old[k].since + vx_acme_stage(l->group, VX_ACME_STAGED) <= a->now;
}

/* Is there one whose record nobody needs? */
static bool some_is_over(const struct vx_acme *a, const struct vx_acme_group *g)
{
	for (size_t i = 0; i < a->cert_count; i++)
		for (size_t k = 0; a->certs[i].group == g && k < a->certs[i].old_count;
		     k++)
			if (is_over(a, &a->certs[i], k))
				return true;
	return false;
}

void vx_acme_begin_served(struct vx_acme *a)
{
	if (some_is_over(a, group_of(a)))
		(void)vx_acme_ask(a, VX_ACME_SERVED);
	else
		vx_acme_go(a, VX_ACME_PH_PUBLISH);
}

static void forget(struct vx_acme *a, struct vx_acme_lineage *l, size_t k)
{
	if (l->group->used && l->group->dane == NULL)
		tell_record(
		    a, l, l->old[k].digest, "the record", " is not needed any more");
	l->old_count--;
	memmove(l->old + k, l->old + k + 1, (l->old_count - k) * sizeof(l->old[0]));
	l->group->tidy = true;
	a->dirty = true;
}

void vx_acme_served_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	struct vx_acme_group *const g = group_of(a);

	if (answer->result == VX_OK) {
		for (size_t i = 0; i < a->cert_count; i++)
			for (size_t k = a->certs[i].old_count;
			     a->certs[i].group == g && k > 0; k--)
				if (is_over(a, &a->certs[i], k - 1))
					forget(a, &a->certs[i], k - 1);
	} else if (!g->told_unserved) {
		vx_acme_tell(a, VX_ACME_ALARM,
		    "the record of an old key stays, since somebody still serves it: "
		    "%.200s",
		    answer->text == NULL ? vx_strerror(answer->result) : answer->text);
	}
	g->told_unserved = answer->result != VX_OK;
	vx_acme_go(a, VX_ACME_PH_PUBLISH);
}

/* --- setting them ---------------------------------------------------------------------
 */

/* Is a record missing, or one too many, that the host can set? */
static bool has_to_publish(
    const struct vx_acme *a, const struct vx_acme_group *g, size_t n)
{
	if (g->dane == NULL || !g->secure || n == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!vx_acme_has_digest(g->set, g->set_count, a->wanted[i]))
			return true;
	return g->tidy;
}

void vx_acme_begin_publish(struct vx_acme *a)
{
	struct vx_acme_group *const g = group_of(a);
	const size_t n = vx_acme_wanted_set(a, g, a->wanted);
	struct vx_acme_step *step;

	if (has_to_publish(a, g, n)) {
		step = vx_acme_ask(a, VX_ACME_PUBLISH);
		step->name = g->dane;
		step->digests = a->wanted;
		step->digest_count = n;
		return;
	}
	g->unseen = 0;
	schedule(a, g, false);
	vx_acme_end(a, VX_OK, "");
}

void vx_acme_publish_answer(struct vx_acme *a, const struct vx_acme_answer *answer)
{
	struct vx_acme_group *const g = group_of(a);

	if (answer->result == VX_OK) {
		if (g->unseen == 0)
			vx_acme_tell(a, VX_ACME_INFO,
			    "the TLSA records of %.200s are set", g->dane);
		g->tidy = false;
	} else if (g->unseen % PUBLISH_TOLD == 0) {
		vx_acme_tell(a, VX_ACME_WARN,
		    "the TLSA records of %.200s cannot be set: %.180s", g->dane,
		    answer->text == NULL ? vx_strerror(answer->result) : answer->text);
	}
	g->unseen++;
	a->dirty = true;
	schedule(a, g, false);
	/* they are looked for soon, but who forgot them is not asked for ever */
	if (answer->result == VX_OK && g->unseen <= 3)
		g->look_at = a->now + VX_ACME_LOOK_URGENT_S;
	vx_acme_end(a, VX_OK, "");
}
