/*
 * What others are told (DX-DN-19 to 21): the servers of the zone are the truth, and who
 * differs from them has an old answer, or one that is made for him.
 */
#include "diagnose/diagnose.h"
#include "vectis/ownership.h"

#include <stdio.h>

/* --- who said what --------------------------------------------------------------------
 */

size_t vx_diag_compare(const struct vx_diag *d, enum vx_diag_witness kind,
    struct vx_dns_question out[VX_DIAG_COMPARED_MAX])
{
	const struct {
		enum vx_dns_type type;
		const char *name;
		bool system_only;
	} all[VX_DIAG_COMPARED_MAX] = {
		{ VX_DNS_MX, d->f.domain, false },
		{ VX_DNS_TXT, d->f.domain, false },
		{ VX_DNS_A, d->f.hostname, false },
		{ VX_DNS_AAAA, d->f.hostname, false },
		{ VX_DNS_A, VX_DIAG_FAR_HOST, true },
	};
	size_t n = 0;

	for (size_t i = 0; i < VX_DIAG_COMPARED_MAX; i++)
		if (!all[i].system_only || kind == VX_DIAG_SYSTEM)
			n += vx_dns_ask(all[i].type, "", vx_slice_str(all[i].name),
				 &out[n]) == VX_OK;
	return n;
}

int vx_diag_witness(struct vx_diag *d, enum vx_diag_witness kind, const char *who,
    const struct vx_dns_question *q, const struct vx_dns_answer *a)
{
	struct vx_diag_said *s = &d->said[d->said_count];

	if (d->said_count == VX_DIAG_WITNESSES_MAX)
		return VX_OK;
	*s = (struct vx_diag_said){ .kind = kind, .question = *q };
	(void)snprintf(s->who, sizeof(s->who), "%.*s", VX_DIAG_WHO_MAX, who);
	if (a != NULL) {
		s->answer = vx_dns_answer_dup(a);
		if (s->answer == NULL)
			return VX_ENOMEM;
	}
	d->said_count++;
	return VX_OK;
}

static bool has_record(const struct vx_dns_answer *a, vx_slice rdata)
{
	for (size_t i = 0; i < a->count; i++)
		if (vx_slice_eq(a->rdata[i], rdata))
			return true;
	return false;
}

/* The same records, in any order. */
static bool same(const struct vx_dns_answer *a, const struct vx_dns_answer *b)
{
	if ((a->count == 0) != (b->count == 0))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!has_record(b, a->rdata[i]))
			return false;
	for (size_t i = 0; i < b->count; i++)
		if (!has_record(a, b->rdata[i]))
			return false;
	return true;
}

/* The next answer of a kind to q from number *at on; NULL: no more. */
static const struct vx_diag_said *next(const struct vx_diag *d, enum vx_diag_witness kind,
    const struct vx_dns_question *q, size_t *at)
{
	while (*at < d->said_count) {
		const struct vx_diag_said *s = &d->said[(*at)++];

		if (s->kind == kind && s->question.type == q->type &&
		    strcmp(s->question.name, q->name) == 0 && vx_diag_spoken(s->answer))
			return s;
	}
	return NULL;
}

static const struct vx_diag_said *first(
    const struct vx_diag *d, enum vx_diag_witness kind, const struct vx_dns_question *q)
{
	size_t at = 0;

	return next(d, kind, q, &at);
}

/* --- propagation ----------------------------------------------------------------------
 */

static bool servers_agree(
    const struct vx_diag *d, struct vx_diag_finding *f, const struct vx_dns_question *q)
{
	const struct vx_diag_said *one = first(d, VX_DIAG_SOURCE, q), *other;
	size_t at = 0;

	while ((other = next(d, VX_DIAG_SOURCE, q, &at)) != NULL)
		if (!same(one->answer, other->answer)) {
			vx_diag_seen(f, "%s and %s do not agree on %s %s; ", one->who,
			    other->who, q->name, vx_dns_type_name(q->type));
			return false;
		}
	return true;
}

/* The seconds that somebody may go on with an old answer; 0: all have the new one. */
static uint32_t look_for_old(
    const struct vx_diag *d, struct vx_diag_finding *f, const struct vx_dns_question *q)
{
	const struct vx_diag_said *source = first(d, VX_DIAG_SOURCE, q), *p;
	uint32_t longest = 0;
	size_t at = 0;

	while ((p = next(d, VX_DIAG_PUBLIC, q, &at)) != NULL) {
		if (same(source->answer, p->answer))
			continue;
		vx_diag_seen(f, "%s has an old answer for %s %s (TTL %u); ", p->who,
		    q->name, vx_dns_type_name(q->type), (unsigned)p->answer->ttl);
		if (longest <= p->answer->ttl)
			longest = p->answer->ttl > 0 ? p->answer->ttl : 1;
	}
	return longest;
}

static enum vx_diag_verdict propagation(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_dns_question q[VX_DIAG_COMPARED_MAX];
	const size_t n = vx_diag_compare(d, VX_DIAG_SOURCE, q);
	bool compared = false, agree = true;
	uint32_t longest = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t old;

		if (first(d, VX_DIAG_SOURCE, &q[i]) == NULL)
			continue;
		agree = servers_agree(d, f, &q[i]) && agree;
		old = look_for_old(d, f, &q[i]);
		longest = old > longest ? old : longest;
		compared = compared || first(d, VX_DIAG_PUBLIC, &q[i]) != NULL;
	}
	if (!agree)
		vx_diag_fix(f, "nothing, if a record was just changed; else see why the "
			       "name servers do not have the same zone; ");
	if (longest > 0)
		vx_diag_fix(f,
		    "nothing: it is correct at the source, waiting for caches (TTL %u)",
		    (unsigned)longest);
	if (!agree || longest > 0)
		return VX_DIAG_INFO;
	vx_diag_seen(f, "%s",
	    compared ? "all resolvers that were asked have what the zone has"
		     : "name servers or resolvers could not be asked");
	return compared ? VX_DIAG_PASS : VX_DIAG_NA;
}

/* --- split DNS ------------------------------------------------------------------------
 */

/* What is true of q: the zone's own servers know best, then our resolver. */
static const struct vx_dns_answer *truth(
    struct vx_diag *d, const struct vx_dns_question *q)
{
	const struct vx_diag_said *source = first(d, VX_DIAG_SOURCE, q);
	const struct vx_dns_answer *a;

	if (source != NULL)
		return source->answer;
	a = vx_diag_look(d, q->type, "", q->name);
	return vx_diag_spoken(a) ? a : NULL;
}

/* Somebody else has the same old answer: then it is a matter of time. */
static bool is_merely_old(const struct vx_diag *d, const struct vx_dns_question *q,
    const struct vx_diag_said *s)
{
	const struct vx_diag_said *p;
	size_t at = 0;

	while ((p = next(d, VX_DIAG_PUBLIC, q, &at)) != NULL)
		if (same(p->answer, s->answer))
			return true;
	return false;
}

/* Addresses of a large host are different everywhere: that it has some is enough. */
static bool is_split(struct vx_diag *d, const struct vx_dns_question *q,
    const struct vx_dns_answer *known, const struct vx_diag_said *s)
{
	if (strcmp(q->name, VX_DIAG_FAR_HOST) == 0)
		return known->count > 0 && s->answer->count == 0;
	/* while the server is moved, its other name is as right */
	if (q->type == VX_DNS_MX && d->f.beside != NULL &&
	    vx_diag_leads_here(d, s->answer))
		return false;
	return !same(known, s->answer) && !is_merely_old(d, q, s);
}

/* How many answers of the system's resolvers there are, and are to questions to whom. */
static size_t count_system(const struct vx_diag *d, bool spoken)
{
	size_t n = 0;

	for (size_t i = 0; i < d->said_count; i++)
		n += d->said[i].kind == VX_DIAG_SYSTEM &&
		     (!spoken || vx_diag_spoken(d->said[i].answer));
	return n;
}

static enum vx_diag_verdict split(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_dns_question q[VX_DIAG_COMPARED_MAX];
	const size_t n = vx_diag_compare(d, VX_DIAG_SYSTEM, q);
	enum vx_diag_verdict v = VX_DIAG_NA;
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		const struct vx_dns_answer *known = truth(d, &q[i]);
		const struct vx_diag_said *s;
		size_t at = 0;

		any = any || known != NULL;
		while (
		    known != NULL && (s = next(d, VX_DIAG_SYSTEM, &q[i], &at)) != NULL) {
			v = v == VX_DIAG_NA ? VX_DIAG_PASS : v;
			if (!is_split(d, &q[i], known, s))
				continue;
			vx_diag_seen(f, "%s answers %s %s otherwise; ", s->who, q[i].name,
			    vx_dns_type_name(q[i].type));
			v = VX_DIAG_WARN;
		}
	}
	if (any && count_system(d, false) > 0 && count_system(d, true) == 0) {
		vx_diag_seen(f, "the resolvers of /etc/resolv.conf do not answer");
		v = VX_DIAG_WARN;
	}
	if (v == VX_DIAG_WARN)
		vx_diag_fix(f,
		    "let /etc/resolv.conf name resolvers that give what the world is "
		    "given; if a record was just changed, look again after its TTL");
	if (v == VX_DIAG_PASS)
		vx_diag_seen(f, "programs of this host are told what others are");
	if (v == VX_DIAG_NA)
		vx_diag_seen(f, "/etc/resolv.conf has no resolver that could be asked");
	return v;
}

/* --- ownership ------------------------------------------------------------------------
 */

static enum vx_diag_verdict verify(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_TXT, "", d->f.domain);
	char other[VX_OWNERSHIP_TEXT_MAX + 1];
	enum vx_ownership seen = VX_OWNERSHIP_SILENT;

	if (d->f.verify == NULL) {
		vx_diag_seen(f, "skipped: this server asks for no proof of ownership");
		return VX_DIAG_NA;
	}
	if (vx_diag_spoken(a))
		seen = vx_ownership_read(a, d->f.verify, other);
	if (d->f.verified) {
		vx_diag_seen(f,
		    seen == VX_OWNERSHIP_FOUND ? "the record is there"
		    : seen == VX_OWNERSHIP_SILENT
			? "it is verified; the DNS says nothing of the record now"
			: "it is verified; the record is not there any more, which stops "
			  "nobody");
		return seen == VX_OWNERSHIP_FOUND ? VX_DIAG_PASS : VX_DIAG_INFO;
	}
	if (seen == VX_OWNERSHIP_SILENT)
		return vx_diag_silent(f);
	if (seen == VX_OWNERSHIP_FOUND) {
		vx_diag_seen(f, "the record is there, and nobody has noted it yet");
		vx_diag_fix(f, "vectisctl domain verify %s", d->f.domain);
		return VX_DIAG_FAIL;
	}
	if (seen == VX_OWNERSHIP_OTHER)
		vx_diag_seen(f, "%s has another TXT record, \"%s\"", d->f.domain, other);
	else
		vx_diag_seen(
		    f, "%s has no TXT record \"%.100s\"", d->f.domain, d->f.verify);
	vx_diag_fix(f, "%s TXT \"%s\"; then vectisctl domain verify %s", d->f.domain,
	    d->f.verify, d->f.domain);
	return VX_DIAG_FAIL;
}

const struct vx_diag_row vx_diag_witness_rows[] = {
	{ "DX-DN-19", "dns.verify", "the domain's owner has proved it", verify,
	    "nobody may send as a domain before",
	    "30 seconds, at slow providers up to a day" },
	{ "DX-DN-20", "dns.propagation", "all are told the same", propagation, "",
	    "the TTL of the records" },
	{ "DX-DN-21", "dns.split", "this host is told what others are", split,
	    "programs of this host reach other servers than the world does, or none",
	    "none" },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
