/*
 * What has to be done to a zone.  Wants are looked at in groups: those of one purpose,
 * name and type (of a host: its addresses of both kinds).  A record of the zone belongs
 * to a group when it answers the same question of a mail server.
 */
#include "base/chars.h"
#include "vectis/ownership.h"
#include "zone/content.h"
#include "zone/persist.h"
#include "zone/spf.h"
#include "zone/ttl.h"

#define DIFF_OCTETS_MAX ((size_t)4 << 20)

struct diffing {
	const struct vx_zone_plan *p;
	const struct vx_zone *have;
	unsigned flags;
	struct vx_zone_diff *d;
	bool *used;                     /* of have->records: they are dealt with */
	bool settled[VX_ZONE_PLAN_MAX]; /* of the plan's wants */
	int rc;
};

static const char *const verbs[] = { "keep", "add", "change", "merge", "remove", "leave",
	"clash" };

const char *vx_zone_verb_name(enum vx_zone_verb v)
{
	return (unsigned)v < sizeof(verbs) / sizeof(verbs[0]) ? verbs[v] : "?";
}

static struct vx_zone_change *note(struct diffing *g, enum vx_zone_verb verb,
    const struct vx_zone_want *want, const struct vx_zone_record *have, const char *why)
{
	struct vx_zone_diff *d = g->d;
	struct vx_zone_change *c;

	if (d->count == VX_ZONE_CHANGES_MAX) {
		g->rc = VX_ELIMIT;
		/* the last one is spoilt, which nobody sees */
		d->count--;
	}
	c = &d->changes[d->count++];
	*c = (struct vx_zone_change){
		.verb = verb, .want = want, .have = have, .why = why
	};
	if (want != NULL)
		c->to = want->record;
	if (have != NULL)
		g->used[have - g->have->records] = true;
	if (verb == VX_ZONE_CLASH)
		d->clashes++;
	else if (verb != VX_ZONE_KEEP && verb != VX_ZONE_LEAVE)
		d->work++;
	return c;
}

/* --- which records a want is about ---------------------------------------------------
 */

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* The purpose that the mark names, and the installation behind it. */
static vx_slice purpose_of(const struct vx_zone_record *r, vx_slice *install)
{
	vx_slice rest = vx_slice_from(vx_slice_str(r->comment), sizeof(VX_ZONE_MARK) - 1);
	vx_slice purpose;

	(void)vx_slice_cut(&rest, ' ', &purpose);
	*install = rest;
	return purpose;
}

static bool has_purpose(const struct vx_zone_record *r, enum vx_zone_purpose p)
{
	vx_slice install;

	return vx_slice_eq(
	    purpose_of(r, &install), vx_slice_str(vx_zone_purpose_name(p)));
}

/* Set by another server, which is one of ours or not: it has keys of its own (DNS-09). */
static bool is_anothers(const char *own, const struct vx_zone_record *r)
{
	vx_slice install;
	const vx_slice purpose = purpose_of(r, &install);

	for (unsigned p = 0; p < VX_ZONE_PURPOSES; p++)
		if (vx_zone_is_each_servers((enum vx_zone_purpose)p) &&
		    vx_slice_eq(purpose,
			vx_slice_str(vx_zone_purpose_name((enum vx_zone_purpose)p))))
			return install.len > 0 &&
			       !vx_slice_eq(install, vx_slice_str(own));
	return false;
}

static bool is_mine(const struct diffing *g, const struct vx_zone_record *r)
{
	return vx_zone_is_ours(r) && !is_anothers(g->p->install, r);
}

static bool is_locked(const struct diffing *g, const struct vx_zone_record *r)
{
	return r->locked && (g->flags & VX_ZONE_UNLOCK) == 0;
}

static bool is_address(const struct vx_zone_record *r)
{
	return is(r->type, "A") || is(r->type, "AAAA");
}

/* Is what is wanted the addresses of a host, of both kinds? */
static bool is_host(const struct vx_zone_want *w)
{
	return w->purpose == VX_ZONE_HOST || w->purpose == VX_ZONE_ADMIN;
}

static bool has_tag(const struct vx_zone_record *r, const char *tag)
{
	return vx_slice_has_prefix_nocase(vx_slice_str(r->content), vx_slice_str(tag));
}

/* An alias answers for all types, but at the top of a zone it is only addresses. */
static bool is_alias(
    const struct diffing *g, const struct vx_zone_record *r, const struct vx_zone_want *w)
{
	return is(r->type, "CNAME") && (!is(r->name, g->p->zone) || is_host(w));
}

/* Does r answer the question that w is the answer to? */
static bool concerns(
    const struct diffing *g, const struct vx_zone_record *r, const struct vx_zone_want *w)
{
	if (!is(r->name, w->record.name))
		return false;
	if (is_alias(g, r, w))
		return true;
	if (is_host(w) || is(w->record.type, "CNAME"))
		return is_address(r);
	if (!is(r->type, w->record.type))
		return false;
	switch (w->purpose) {
	case VX_ZONE_SPF:
		return vx_zone_is_spf(vx_slice_str(r->content));
	case VX_ZONE_DMARC:
		return has_tag(r, "v=DMARC1");
	case VX_ZONE_MTA_STS:
		return has_tag(r, "v=STSv1");
	case VX_ZONE_TLS_RPT:
		return has_tag(r, "v=TLSRPTv1");
	case VX_ZONE_VERIFY:
		return has_tag(r, VX_OWNERSHIP_MARK);
	case VX_ZONE_HOST:
	case VX_ZONE_MX:
	case VX_ZONE_DKIM:
	case VX_ZONE_TLSA:
	case VX_ZONE_CAA:
	case VX_ZONE_SRV:
	case VX_ZONE_AUTOCONFIG:
	case VX_ZONE_AUTODISCOVER:
	case VX_ZONE_PERSIST:
	case VX_ZONE_ADMIN:
	case VX_ZONE_PURPOSES:
		break;
	}
	return true;
}

static bool same_group(const struct vx_zone_want *a, const struct vx_zone_want *b)
{
	return a->purpose == b->purpose && is(a->record.name, b->record.name) &&
	       (is_host(a) || is(a->record.type, b->record.type));
}

/* --- what stands in the way ----------------------------------------------------------
 */

enum judgement {
	FINE,    /* a person's own affair */
	SERVES,  /* it does what is wanted */
	DISTURBS /* with it, what we add would do harm */
};

static uint64_t preference(const char *content)
{
	vx_slice rest = vx_slice_str(content);
	uint64_t n = 0;

	(void)vx_slice_number(vx_zone_take(&rest), 65535, &n);
	return n;
}

static bool is_routing(const char *content)
{
	return vx_slice_has_suffix(vx_slice_str(content), VX_S(".mx.cloudflare.net"));
}

/* Is it the backup that is declared? */
static bool is_backup(const struct diffing *g, const char *content)
{
	vx_slice rest = vx_slice_str(content);

	(void)vx_zone_take(&rest);
	return g->p->backup == VX_ZONE_BACKUP_HOST
		   ? vx_slice_eq(vx_zone_take(&rest), vx_slice_str(g->p->backup_host))
		   : g->p->backup == VX_ZONE_BACKUP_CLOUDFLARE && is_routing(content);
}

static enum judgement judge_mx(const struct diffing *g, const struct vx_zone_record *r,
    const struct vx_zone_want *w, const char **why)
{
	const bool worse = preference(r->content) > preference(w->record.content);

	const bool undeclared =
	    is_routing(r->content) && g->p->backup != VX_ZONE_BACKUP_CLOUDFLARE;

	if (undeclared)
		*why = "Cloudflare's Email Routing takes the mail: switch it off, or "
		       "declare it as backup";
	else if (!worse && is_locked(g, r) && is_backup(g, r->content))
		*why = "the backup comes before this server, and is locked: unlock its "
		       "records at Cloudflare, or name where it leads to, so that "
		       "this is done from here";
	else if (!worse)
		*why = "mail would go there as well, or instead";
	else if (is_backup(g, r->content))
		*why = "the backup";
	else
		*why = "taken for a backup of your own, since its preference is worse";
	if (!worse || undeclared)
		return DISTURBS;
	return is_backup(g, r->content) ? SERVES : FINE;
}

/* An address of this server, not proxied, is as good as an alias for it. */
static bool is_own_address(const struct diffing *g, const struct vx_zone_record *r)
{
	for (size_t i = 0; i < g->p->count; i++)
		if (g->p->wants[i].purpose == VX_ZONE_HOST && !r->proxied &&
		    is(g->p->wants[i].record.content, r->content))
			return true;
	return false;
}

/* Does it prove what one of those that are wanted at its name does? */
static bool proves(const struct diffing *g, const struct vx_zone_record *r)
{
	for (size_t i = 0; i < g->p->count; i++)
		if (g->p->wants[i].purpose == VX_ZONE_PERSIST &&
		    is(g->p->wants[i].record.name, r->name) &&
		    vx_zone_proves_as(vx_slice_str(r->content),
			vx_slice_str(g->p->wants[i].record.content)))
			return true;
	return false;
}

/* Of a record that is not ours and concerns a group that begins with w. */
static enum judgement judge(const struct diffing *g, const struct vx_zone_record *r,
    const struct vx_zone_want *w, const char **why)
{
	if (is(r->type, "CNAME") && !is(w->record.type, "CNAME")) {
		*why = "an alias, beside which nothing else may be (RFC 1034 3.6.2)";
		return DISTURBS;
	}
	switch (w->purpose) {
	case VX_ZONE_HOST:
		*why = "mail would be sought there, too";
		return DISTURBS;
	case VX_ZONE_ADMIN:
		*why = r->proxied ? "browsers would go there, too"
				  : "it is not proxied, and shows where it leads";
		return DISTURBS;
	case VX_ZONE_MX:
		return judge_mx(g, r, w, why);
	case VX_ZONE_DMARC:
	case VX_ZONE_TLS_RPT:
	case VX_ZONE_MTA_STS:
	case VX_ZONE_AUTOCONFIG:
	case VX_ZONE_AUTODISCOVER:
		if (is(w->record.type, "TXT") || is_own_address(g, r)) {
			*why = "kept as you have it";
			return SERVES;
		}
		*why = "clients would go there";
		return DISTURBS;
	case VX_ZONE_DKIM:
		*why = "another key under the name of ours: our signatures fail with it";
		return DISTURBS;
	case VX_ZONE_SRV:
		*why = "clients would go there";
		return DISTURBS;
	case VX_ZONE_TLSA:
		*why = "no key of ours: take it out unless you know whose it is";
		return DISTURBS;
	case VX_ZONE_CAA:
		*why = "other authorities may issue certificates, too";
		return FINE;
	case VX_ZONE_PERSIST:
		if (proves(g, r)) {
			*why = "kept as you have it";
			return SERVES;
		}
		*why = "it proves the name for another account or authority";
		return FINE;
	case VX_ZONE_VERIFY:
		*why = "of another server that the domain has, or had";
		return FINE;
	case VX_ZONE_SPF:
	case VX_ZONE_PURPOSES:
		break;
	}
	return FINE;
}

/* --- a group -------------------------------------------------------------------------
 */

static bool is_equal(const struct vx_zone_record *r, const struct vx_zone_want *w)
{
	return is(r->type, w->record.type) && is(r->content, w->record.content) &&
	       (!is_host(w) || r->proxied == w->record.proxied);
}

/* Settle those wants of the group that are there already. */
static void keep_equal(struct diffing *g, size_t first)
{
	for (size_t i = first; i < g->p->count; i++) {
		const struct vx_zone_want *w = &g->p->wants[i];

		if (g->settled[i] || !same_group(w, &g->p->wants[first]))
			continue;
		for (size_t k = 0; k < g->have->count && !g->settled[i]; k++)
			if (!g->used[k] && concerns(g, &g->have->records[k], w) &&
			    is_equal(&g->have->records[k], w)) {
				(void)note(g, VX_ZONE_KEEP, w, &g->have->records[k], "");
				g->settled[i] = true;
			}
	}
}

/* The next want of the group that is not settled; NULL: all are. */
static const struct vx_zone_want *next_open(const struct diffing *g, size_t first)
{
	for (size_t i = first; i < g->p->count; i++)
		if (!g->settled[i] && same_group(&g->p->wants[i], &g->p->wants[first]))
			return &g->p->wants[i];
	return NULL;
}

static const char *host_of(const char *content)
{
	const char *last = strrchr(content, ' ');

	return last != NULL ? last + 1 : content;
}

/*
 * The next open want that r could be: of Email Routing's MX those of Email Routing, the
 * one of that name if it is open.
 */
static const struct vx_zone_want *open_like(
    const struct diffing *g, size_t first, const struct vx_zone_record *r)
{
	const struct vx_zone_want *found = NULL;

	for (size_t i = first; i < g->p->count; i++) {
		const struct vx_zone_want *w = &g->p->wants[i];

		if (g->settled[i] || !same_group(w, &g->p->wants[first]) ||
		    (w->purpose == VX_ZONE_MX &&
			is_routing(w->record.content) != is_routing(r->content)) ||
		    (w->purpose == VX_ZONE_PERSIST &&
			!vx_zone_proves_as(
			    vx_slice_str(r->content), vx_slice_str(w->record.content))))
			continue;
		if (w->purpose != VX_ZONE_MX ||
		    is(host_of(w->record.content), host_of(r->content)))
			return w;
		found = found != NULL ? found : w;
	}
	return found;
}

static void settle(struct diffing *g, const struct vx_zone_want *w)
{
	g->settled[w - g->p->wants] = true;
}

/*
 * Cloudflare does not change a record's type.  What was one of Email Routing's MX may
 * still be tied to it, and go when it is switched off: it does not become one of another
 * kind.
 */
static bool may_become(const struct vx_zone_record *r, const struct vx_zone_want *w)
{
	if (w->purpose == VX_ZONE_PERSIST)
		return is(r->type, w->record.type) &&
		       vx_zone_same_issuer(
			   vx_slice_str(r->content), vx_slice_str(w->record.content));
	return is(r->type, w->record.type) &&
	       (w->purpose != VX_ZONE_MX ||
		   is_routing(r->content) == is_routing(w->record.content));
}

/* Records of ours that say something else become those that are wanted. */
static void change_ours(struct diffing *g, size_t first)
{
	for (size_t k = 0; k < g->have->count; k++) {
		const struct vx_zone_record *r = &g->have->records[k];
		const struct vx_zone_want *w = next_open(g, first);

		while (w != NULL && !may_become(r, w)) {
			const size_t next = (size_t)(w - g->p->wants) + 1;

			w = next < g->p->count &&
				    same_group(&g->p->wants[next], &g->p->wants[first])
				? next_open(g, next)
				: NULL;
		}
		if (w == NULL || g->used[k] || !is_mine(g, r) || !concerns(g, r, w) ||
		    is_locked(g, r))
			continue;
		(void)note(g, VX_ZONE_CHANGE, w, r,
		    !is_host(w) || r->proxied == w->record.proxied ? ""
		    : r->proxied                                   ? "it is proxied"
								   : "it is not proxied");
		settle(g, w);
	}
}

static size_t count_foreign(const struct diffing *g, const struct vx_zone_want *w)
{
	size_t n = 0;

	for (size_t k = 0; k < g->have->count; k++)
		n += !g->used[k] && concerns(g, &g->have->records[k], w) &&
		     !is_mine(g, &g->have->records[k]);
	return n;
}

/* The declared backup, which would come before us: it stays, behind. */
static void note_merge(
    struct diffing *g, const struct vx_zone_want *open, const struct vx_zone_record *r)
{
	struct vx_zone_change *c =
	    note(g, VX_ZONE_MERGE, open, r, "the backup has to come after this server");
	struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };

	vx_buf_printf(&text, "%u %s", (unsigned)preference(open->record.content),
	    host_of(r->content));
	c->to.comment = r->comment;
	c->to.ttl = r->ttl;
	c->to.content =
	    text.failed ? NULL : vx_arena_dup(&g->d->arena, vx_buf_slice(&text));
	vx_buf_done(&text);
	if (c->to.content == NULL) {
		c->to.content = r->content;
		g->rc = VX_ELIMIT;
	}
}

/* What others have there: true when nothing may be added beside it. */
static bool look_at_others(struct diffing *g, size_t first)
{
	const struct vx_zone_want *w = &g->p->wants[first];
	/* ours counts, too, when it is there */
	const bool several = is(w->record.type, "TXT") && w->purpose != VX_ZONE_PERSIST &&
			     count_foreign(g, w) + (next_open(g, first) == NULL) > 1;
	bool blocked = false;

	for (size_t k = 0; k < g->have->count; k++) {
		const struct vx_zone_record *r = &g->have->records[k];
		const struct vx_zone_want *open = open_like(g, first, r);
		const char *why = "";
		enum judgement j;

		if (g->used[k] || is_mine(g, r) || !concerns(g, r, w))
			continue;
		j = judge(g, r, w, &why);
		if (r->proxied && w->purpose == VX_ZONE_HOST)
			why = "it is proxied: only web traffic passes; make it DNS only";
		if (j == SERVES && several) {
			j = DISTURBS;
			why = "one of several, of which none counts";
		}
		if (j == DISTURBS && w->purpose == VX_ZONE_MX && !is_locked(g, r) &&
		    open != NULL && is_backup(g, r->content)) {
			note_merge(g, open, r);
			settle(g, open);
		} else if (j == DISTURBS && (g->flags & VX_ZONE_TAKE) != 0 &&
			   !is_locked(g, r)) {
			note(g, VX_ZONE_REMOVE, NULL, r, why)->taken = true;
		} else if (j == DISTURBS) {
			(void)note(g, VX_ZONE_CLASH, open, r, why);
			blocked = blocked || w->purpose != VX_ZONE_TLSA;
		} else {
			(void)note(g, VX_ZONE_LEAVE, j == SERVES ? open : NULL, r, why);
			if (j == SERVES && open != NULL)
				settle(g, open);
		}
	}
	return blocked;
}

static void diff_group(struct diffing *g, size_t first)
{
	const struct vx_zone_want *w;
	bool blocked;

	keep_equal(g, first);
	change_ours(g, first);
	blocked = look_at_others(g, first);
	while ((w = next_open(g, first)) != NULL) {
		if (blocked)
			(void)note(g, VX_ZONE_CLASH, w, NULL,
			    "not added, because of what is in the way");
		else
			(void)note(g, VX_ZONE_ADD, w, NULL, "");
		settle(g, w);
	}
}

/* --- SPF -----------------------------------------------------------------------------
 */

/* The next SPF record from index k on; NULL: no more. */
static const struct vx_zone_record *next_spf(
    const struct diffing *g, const struct vx_zone_want *w, size_t *k)
{
	for (; *k < g->have->count; (*k)++) {
		const struct vx_zone_record *r = &g->have->records[*k];

		if (is(r->type, "TXT") && concerns(g, r, w)) {
			(*k)++;
			return r;
		}
	}
	return NULL;
}

/* All SPF records of the name in one, and ours with them. */
static int join_all(const struct diffing *g, const struct vx_zone_want *w,
    const struct vx_zone_record *first, struct vx_buf *out)
{
	struct vx_buf all = { .max = VX_ZONE_CONTENT_MAX };
	const struct vx_zone_record *r;
	int rc = VX_OK;
	size_t k = 0;

	if (vx_zone_is_ours(first))
		vx_zone_spf_drop_backup(
		    vx_slice_str(first->content), vx_slice_str(w->record.content), &all);
	else
		vx_zone_spf_drop_merged(vx_slice_str(first->content), g->p->spf_merged,
		    vx_slice_str(w->record.content), &all);
	while (rc == VX_OK && (r = next_spf(g, w, &k)) != NULL) {
		struct vx_buf more = { .max = VX_ZONE_CONTENT_MAX };

		if (r != first) {
			rc = vx_zone_spf_join(
			    vx_buf_slice(&all), vx_slice_str(r->content), false, &more);
			vx_buf_reset(&all);
			vx_buf_add(&all, vx_buf_slice(&more));
		}
		vx_buf_done(&more);
	}
	if (rc == VX_OK)
		rc = vx_zone_merge_spf(
		    vx_buf_slice(&all), vx_slice_str(w->record.content), out);
	if (rc == VX_OK && (all.failed || out->failed))
		rc = VX_ELIMIT;
	vx_buf_done(&all);
	return rc;
}

static void merge_into(struct diffing *g, const struct vx_zone_want *w,
    const struct vx_zone_record *first, const char *content)
{
	const bool ours = vx_zone_is_ours(first);
	struct vx_zone_change *c;

	if (is(first->content, content)) {
		(void)note(g, VX_ZONE_KEEP, w, first, "");
		return;
	}
	c = note(g,
	    is_locked(g, first) ? VX_ZONE_CLASH
	    : ours              ? VX_ZONE_CHANGE
				: VX_ZONE_MERGE,
	    w, first,
	    is_locked(g, first) ? "locked by the provider" : "merged, never doubled");
	c->to.content = content;
	c->to.comment = first->comment;
	c->to.ttl = first->ttl;
}

/*
 * What Email Routing writes by itself when there is no other: it goes with it, and is no
 * record to merge into.
 */
static bool is_routings_own(const struct diffing *g, const struct vx_zone_record *r)
{
	return g->p->backup == VX_ZONE_BACKUP_CLOUDFLARE && !vx_zone_is_ours(r) &&
	       !is_locked(g, r) &&
	       is(r->content, "v=spf1 " VX_ZONE_SPF_CLOUDFLARE " ~all");
}

static void remove_others(
    struct diffing *g, const struct vx_zone_want *w, const struct vx_zone_record *first)
{
	const struct vx_zone_record *r;

	for (size_t k = 0; (r = next_spf(g, w, &k)) != NULL;)
		if (r != first)
			(void)note(g, is_locked(g, r) ? VX_ZONE_CLASH : VX_ZONE_REMOVE,
			    NULL, r, "its mechanisms are in the other SPF record now");
}

static void diff_spf(struct diffing *g, size_t i)
{
	const struct vx_zone_want *w = &g->p->wants[i];
	const struct vx_zone_record *first = NULL, *r;
	struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };
	size_t k = 0, count = 0;
	const char *content;

	g->settled[i] = true;
	for (; k < g->have->count; k++)
		if (is(g->have->records[k].name, w->record.name) &&
		    is_alias(g, &g->have->records[k], w)) {
			(void)note(g, VX_ZONE_CLASH, w, NULL,
			    "not added: an alias has this name");
			return;
		}
	k = 0;
	while ((r = next_spf(g, w, &k)) != NULL) {
		count++;
		if (is_routings_own(g, r))
			continue;
		if (first == NULL || (vx_zone_is_ours(r) && !vx_zone_is_ours(first)))
			first = r;
	}
	if (first == NULL) {
		(void)note(g, VX_ZONE_ADD, w, NULL, "");
		remove_others(g, w, NULL);
		return;
	}
	/* what we wrote and nobody touched is written anew: an old address goes */
	if (count == 1 && vx_zone_is_ours(first) &&
	    vx_zone_spf_is_plain(vx_slice_str(first->content)))
		vx_buf_add_str(&text, w->record.content);
	else
		g->rc = join_all(g, w, first, &text);
	content = g->rc == VX_OK ? vx_arena_dup(&g->d->arena, vx_buf_slice(&text)) : NULL;
	vx_buf_done(&text);
	if (content == NULL) {
		g->rc = VX_ELIMIT;
		return;
	}
	merge_into(g, w, first, content);
	remove_others(g, w, first);
}

/* --- what is ours and not wanted any more --------------------------------------------
 */

static bool is_hosts(const struct vx_zone_record *r)
{
	return has_purpose(r, VX_ZONE_HOST) || has_purpose(r, VX_ZONE_PERSIST) ||
	       has_purpose(r, VX_ZONE_TLSA) || has_purpose(r, VX_ZONE_CAA);
}

/* Is name the host's, or that of its TLSA records or of its proof? */
static bool is_of_host(const char *name, const char *host)
{
	const vx_slice tlsa = VX_S("_25._tcp."), proof = VX_S(VX_ZONE_PERSIST_LABEL ".");
	vx_slice n = vx_slice_str(name);

	if (vx_slice_has_prefix(n, tlsa))
		n = vx_slice_from(n, tlsa.len);
	else if (vx_slice_has_prefix(n, proof))
		n = vx_slice_from(n, proof.len);
	return *host != '\0' && vx_slice_eq(n, vx_slice_str(host));
}

/* Is it one of the names that a plan for the domain writes to? */
static bool is_of_domain(const char *name, const char *domain)
{
	static const char *const prefixes[] = { "", "_dmarc", "_mta-sts", "mta-sts",
		"_smtp._tls", "autoconfig", "autodiscover", "_submissions._tcp",
		"_submission._tcp", "_imaps._tcp", "_imap._tcp", "_pop3s._tcp",
		"_pop3._tcp", "_autodiscover._tcp" };
	const vx_slice n = vx_slice_str(name), d = vx_slice_str(domain);
	vx_slice prefix;

	if (!vx_dns_is_below(n, d))
		return false;
	prefix = vx_slice_head(n, n.len == d.len ? 0 : n.len - d.len - 1);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (vx_slice_eq(prefix, vx_slice_str(prefixes[i])))
			return true;
	return vx_slice_has_suffix(prefix, VX_S("._domainkey"));
}

/* Of another name of our certificates, not of another server's. */
static bool is_our_proof(const struct diffing *g, const struct vx_zone_record *r)
{
	return has_purpose(r, VX_ZONE_PERSIST) &&
	       vx_slice_has_prefix(
		   vx_slice_str(r->name), VX_S(VX_ZONE_PERSIST_LABEL ".")) &&
	       vx_zone_names_account(vx_slice_str(r->content), g->p->accounts);
}

static void remove_rest(struct diffing *g)
{
	const bool withdraw = (g->flags & VX_ZONE_WITHDRAW) != 0;
	const bool host = !withdraw || (g->flags & VX_ZONE_WITHDRAW_HOST) != 0;

	for (size_t k = 0; k < g->have->count; k++) {
		const struct vx_zone_record *r = &g->have->records[k];
		bool goes;

		if (g->used[k] || !is_mine(g, r))
			continue;
		if ((g->flags & VX_ZONE_TLSA_ONLY) != 0)
			goes = has_purpose(r, VX_ZONE_TLSA) &&
			       is_of_host(r->name, g->p->hostname);
		else if (has_purpose(r, VX_ZONE_ADMIN)) /* whatever name it had */
			goes = host;
		else if (is_hosts(r))
			goes = (host && (is_of_host(r->name, g->p->hostname) ||
					    is_our_proof(g, r))) ||
			       is_of_host(r->name, g->p->former);
		else
			goes = is_of_domain(r->name, g->p->domain);
		if (goes)
			(void)note(g, is_locked(g, r) ? VX_ZONE_CLASH : VX_ZONE_REMOVE,
			    NULL, r, is_locked(g, r) ? "locked by the provider" : "");
	}
}

/* What was merged into somebody else's record goes; false: nothing is known of it. */
static bool unmerge(
    struct diffing *g, const struct vx_zone_want *w, const struct vx_zone_record *r)
{
	struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };
	struct vx_zone_change *c;
	char *content;

	vx_zone_spf_drop_merged(
	    vx_slice_str(r->content), g->p->spf_merged, VX_S(""), &text);
	content = text.failed ? NULL : vx_arena_dup(&g->d->arena, vx_buf_slice(&text));
	vx_buf_done(&text);
	if (content == NULL || is_locked(g, r) || strlen(content) == strlen(r->content) ||
	    *g->p->spf_merged == '\0')
		return false;
	c = note(g, VX_ZONE_MERGE, w, r, "what was merged into it goes");
	c->to.content = content;
	c->to.comment = r->comment;
	c->to.ttl = r->ttl;
	return true;
}

/* Somebody else's SPF record that names this server stays; its owner is told. */
static void leave_spf(struct diffing *g)
{
	for (size_t i = 0; i < g->p->count; i++) {
		const struct vx_zone_want *w = &g->p->wants[i];
		const struct vx_zone_record *r;
		size_t k = 0;

		if (w->purpose != VX_ZONE_SPF)
			continue;
		while ((r = next_spf(g, w, &k)) != NULL)
			if (!vx_zone_is_ours(r) && !unmerge(g, w, r))
				(void)note(g, VX_ZONE_LEAVE, NULL, r,
				    "it is yours: take out what names this server");
	}
}

int vx_zone_diff(const struct vx_zone_plan *p, const struct vx_zone *have, unsigned flags,
    struct vx_zone_diff *out)
{
	struct diffing g = { .p = p, .have = have, .flags = flags, .d = out };

	out->count = out->work = out->clashes = 0;
	vx_arena_init(&out->arena, DIFF_OCTETS_MAX);
	g.used = vx_arena_array(&out->arena, have->count + 1, sizeof(*g.used));
	if (g.used == NULL)
		return VX_ELIMIT;
	if ((flags & VX_ZONE_WITHDRAW) != 0)
		leave_spf(&g);
	for (size_t i = 0; i < p->count && (flags & VX_ZONE_WITHDRAW) == 0; i++) {
		if (g.settled[i])
			continue;
		if (p->wants[i].purpose == VX_ZONE_SPF)
			diff_spf(&g, i);
		else
			diff_group(&g, i);
	}
	if ((flags & VX_ZONE_PART) == 0)
		remove_rest(&g);
	vx_zone_settle_ttls(p, have, out);
	return g.rc;
}

size_t vx_zone_count_short(const struct vx_zone_wish *w, const struct vx_zone *have)
{
	size_t n = 0;

	for (size_t k = 0; k < have->count; k++) {
		const struct vx_zone_record *r = &have->records[k];

		n += (is_hosts(r) ? is_of_host(r->name, w->hostname)
				  : is_of_domain(r->name, w->domain)) &&
		     !is_anothers(w->install != NULL ? w->install : "", r) &&
		     vx_zone_is_short(have, r, w->ttl_kept);
	}
	return n;
}

void vx_zone_diff_done(struct vx_zone_diff *d)
{
	d->count = d->work = d->clashes = 0;
	vx_arena_done(&d->arena);
}
