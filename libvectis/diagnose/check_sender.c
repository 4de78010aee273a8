/* Whether others believe who sends: SPF, DKIM, DMARC (DX-DN). */
#include "base/encode.h"
#include "diagnose/diagnose.h"
#include "zone/spf.h"

#include "vectis/arena.h"

#include <stdio.h>
#include <time.h>

#define NOBODY "0.0.0.1" /* whom no record names: all of its terms are looked at */

/* The record that we would publish. */
static void own_spf(const struct vx_diag *d, struct vx_buf *out)
{
	vx_buf_add_str(out, "v=spf1 mx a");
	for (size_t i = 0; i < d->f.address_count; i++)
		vx_buf_printf(out, " %s:%s",
		    strchr(d->f.addresses[i], ':') != NULL ? "ip6" : "ip4",
		    d->f.addresses[i]);
	vx_buf_add_str(out, " -all");
}

/* All records in one, and ours with them. */
static void fix_spf(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_TXT, "", d->f.domain);
	struct vx_buf ours = { .max = VX_ZONE_CONTENT_MAX }, all = ours, next = ours;

	own_spf(d, &ours);
	for (size_t i = 0; vx_diag_spoken(a) && i < a->count; i++) {
		struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };

		if (vx_dns_read_txt(a->rdata[i], &text) == VX_OK &&
		    vx_zone_is_spf(vx_buf_slice(&text))) {
			vx_buf_reset(&next);
			if (all.len == 0)
				vx_buf_add(&next, vx_buf_slice(&text));
			else
				(void)vx_zone_spf_join(vx_buf_slice(&all),
				    vx_buf_slice(&text), false, &next);
			vx_buf_reset(&all);
			vx_buf_add(&all, vx_buf_slice(&next));
		}
		vx_buf_done(&text);
	}
	vx_buf_reset(&next);
	if (all.len == 0)
		vx_buf_add(&next, vx_buf_slice(&ours));
	else
		(void)vx_zone_merge_spf(vx_buf_slice(&all), vx_buf_slice(&ours), &next);
	vx_diag_fix(f, "%s TXT \"%.*s\"", d->f.domain, (int)next.len,
	    next.len > 0 ? next.ptr : "");
	vx_buf_done(&ours);
	vx_buf_done(&all);
	vx_buf_done(&next);
}

static enum vx_diag_verdict spf_multiple(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_buf spf = { .max = VX_ZONE_CONTENT_MAX };
	bool known;
	const size_t n = vx_diag_read_spf(d, &spf, &known);

	vx_buf_done(&spf);
	if (!known)
		return vx_diag_silent(f);
	vx_diag_seen(f, "%zu SPF records", n);
	if (n <= 1)
		return VX_DIAG_PASS;
	fix_spf(d, f);
	return VX_DIAG_FAIL;
}

/* Exactly one record, so that it can be judged. */
static bool one_spf(struct vx_diag *d, struct vx_diag_finding *f, struct vx_buf *spf,
    enum vx_diag_verdict *v)
{
	bool known;
	const size_t n = vx_diag_read_spf(d, spf, &known);

	if (known && n == 1)
		return true;
	*v = !known ? vx_diag_silent(f)
		    : vx_diag_see(f, n == 0 ? "spf.missing_ip" : "spf.multiple");
	vx_buf_done(spf);
	return false;
}

static bool has_type99(struct vx_diag *d)
{
	const struct vx_dns_answer *a =
	    vx_diag_look(d, VX_DIAG_SPF_TYPE, "", d->f.domain);

	return vx_diag_spoken(a) && a->status == VX_DNS_FOUND;
}

/* Too many lookups: what the record says is not known. */
static bool too_many(struct vx_diag *d, unsigned *lookups)
{
	enum vx_verdict v;
	char reason[VX_SPF_REASON_MAX + 1];

	*lookups = 0;
	return vx_diag_eval_spf(d, NOBODY, &v, lookups, reason, sizeof(reason)) &&
	       *lookups > VX_SPF_LOOKUPS_MAX;
}

static enum vx_diag_verdict spf_missing_ip(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_buf spf = { .max = VX_ZONE_CONTENT_MAX };
	enum vx_diag_verdict v = VX_DIAG_PASS;
	unsigned lookups;
	bool known;
	const size_t n = vx_diag_read_spf(d, &spf, &known);

	vx_buf_done(&spf);
	if (!known)
		return vx_diag_silent(f);
	if (n > 1)
		return vx_diag_see(f, "spf.multiple");
	if (n == 0 && has_type99(d))
		return vx_diag_see(f, "spf.rrtype99");
	if (n == 0) {
		vx_diag_seen(f, "%s has no SPF record", d->f.domain);
		fix_spf(d, f);
		return VX_DIAG_FAIL;
	}
	if (too_many(d, &lookups))
		return vx_diag_see(f, "spf.lookups");
	if (d->f.relay_host != NULL) {
		vx_diag_seen(f, "mail leaves by a relay, see spf.relay");
		return VX_DIAG_NA;
	}
	for (size_t i = 0; i < d->f.address_count; i++) {
		char reason[VX_SPF_REASON_MAX + 1] = "";
		enum vx_verdict verdict = VX_VERDICT_NONE;

		if (!vx_diag_eval_spf(
			d, d->f.addresses[i], &verdict, &lookups, reason, sizeof(reason)))
			continue;
		vx_diag_seen(f, "%s: %s%s%s; ", d->f.addresses[i],
		    vx_verdict_name(verdict), reason[0] != '\0' ? ", " : "", reason);
		if (verdict == VX_VERDICT_TEMPERROR)
			v = v == VX_DIAG_FAIL ? v : VX_DIAG_WARN;
		else if (verdict != VX_VERDICT_PASS)
			v = VX_DIAG_FAIL;
	}
	if (v == VX_DIAG_FAIL)
		fix_spf(d, f);
	else if (v == VX_DIAG_WARN)
		vx_diag_fix(f,
		    "look again later; if it stays, take out the name that has "
		    "no answer");
	return v;
}

static enum vx_diag_verdict spf_lookups(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_buf spf = { .max = VX_ZONE_CONTENT_MAX };
	enum vx_diag_verdict v;
	unsigned lookups;

	if (!one_spf(d, f, &spf, &v))
		return v;
	vx_buf_done(&spf);
	if (!too_many(d, &lookups)) {
		vx_diag_seen(f, "%u of %d", lookups, VX_SPF_LOOKUPS_MAX);
		return VX_DIAG_PASS;
	}
	vx_diag_seen(
	    f, "more than %d terms of the record ask the DNS", VX_SPF_LOOKUPS_MAX);
	vx_diag_fix(f, "replace include:, a and mx by ip4: and ip6:, or take out senders "
		       "that are not used any more");
	return VX_DIAG_FAIL;
}

/* What the record says of everybody else: '-', '~', '?', '+'; 0: nothing; 'r': redirect.
 */
static char all_of(vx_slice record)
{
	char redirect = 0;
	vx_slice term;

	while (vx_zone_spf_term(&record, &term)) {
		if (vx_slice_eq_nocase(term, VX_S("all")))
			return '+';
		if (term.len == 4 && strchr("+-~?", term.ptr[0]) != NULL &&
		    vx_slice_eq_nocase(vx_slice_from(term, 1), VX_S("all")))
			return term.ptr[0];
		if (vx_slice_has_prefix_nocase(term, VX_S("redirect=")))
			redirect = 'r';
	}
	return redirect;
}

static enum vx_diag_verdict spf_no_all(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_buf spf = { .max = VX_ZONE_CONTENT_MAX };
	enum vx_diag_verdict v;
	char all;

	if (!one_spf(d, f, &spf, &v))
		return v;
	all = all_of(vx_buf_slice(&spf));
	vx_diag_seen(f, "%.*s", (int)spf.len, spf.ptr);
	vx_buf_done(&spf);
	if (all == '-' || all == '~' || all == 'r')
		return VX_DIAG_PASS;
	vx_diag_fix(f, "let the record of %s end with -all", d->f.domain);
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict spf_softfail(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_buf spf = { .max = VX_ZONE_CONTENT_MAX };
	enum vx_diag_verdict v;
	char all;

	if (!one_spf(d, f, &spf, &v))
		return v;
	all = all_of(vx_buf_slice(&spf));
	vx_buf_done(&spf);
	vx_diag_seen(f, all == '~' ? "the record ends with ~all" : "it does not");
	if (all != '~')
		return VX_DIAG_PASS;
	vx_diag_fix(f,
	    "once all checks pass, let the record of %s end with -all (vectisctl "
	    "domain set %s --spf hard)",
	    d->f.domain, d->f.domain);
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict spf_type99(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_buf spf = { .max = VX_ZONE_CONTENT_MAX };
	bool known;
	const size_t n = vx_diag_read_spf(d, &spf, &known);

	vx_buf_done(&spf);
	if (!known)
		return vx_diag_silent(f);
	vx_diag_seen(f, has_type99(d) ? "there is a record of the type SPF" : "none");
	if (n > 0 || !has_type99(d))
		return VX_DIAG_PASS;
	vx_diag_fix(f, "publish it as TXT: ");
	fix_spf(d, f);
	return VX_DIAG_FAIL;
}

static enum vx_diag_verdict spf_relay(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_buf spf = { .max = VX_ZONE_CONTENT_MAX };
	bool included = false;
	enum vx_diag_verdict v;
	vx_slice rest, term;

	if (d->f.relay_host == NULL) {
		vx_diag_seen(f, "there is no relay");
		return VX_DIAG_NA;
	}
	if (!one_spf(d, f, &spf, &v))
		return v;
	for (rest = vx_buf_slice(&spf); vx_zone_spf_term(&rest, &term);)
		included = included ||
			   vx_slice_has_prefix_nocase(term, VX_S("include:")) ||
			   vx_slice_has_prefix_nocase(term, VX_S("redirect="));
	vx_buf_done(&spf);
	vx_diag_seen(f, "mail leaves by %s, and SPF %s others", d->f.relay_host,
	    included ? "includes" : "names no");
	if (included)
		return VX_DIAG_PASS;
	vx_diag_fix(f, "add the include: that %s documents to the record of %s",
	    d->f.relay_host, d->f.domain);
	return VX_DIAG_WARN;
}

/* A backup that is not Email Routing: what it passes on must not look like a forgery. */
static enum vx_diag_verdict spf_alt_mx(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_NA;
	struct vx_diag_mx mx;

	vx_diag_read_mx(d, &mx);
	for (size_t i = 0; i < mx.count; i++) {
		const char *host = mx.hosts[i].host;
		const struct vx_dns_answer *a;
		char address[VX_DNS_ADDRESS_MAX + 1], reason[VX_SPF_REASON_MAX + 1];
		enum vx_verdict verdict;
		unsigned lookups;

		if (vx_diag_is_host(d, host) || *host == '\0' ||
		    vx_diag_is_routing(host) || vx_zone_is_substitute(host) ||
		    (d->f.admin_host != NULL && strcmp(host, d->f.admin_host) == 0))
			continue;
		a = vx_diag_look(d, VX_DNS_A, "", host);
		if (!vx_diag_spoken(a) || a->count == 0 ||
		    vx_dns_read_address(a->rdata[0], address) != VX_OK ||
		    vx_diag_is_ours(d, address) ||
		    !vx_diag_eval_spf(
			d, address, &verdict, &lookups, reason, sizeof(reason)))
			continue;
		vx_diag_seen(f, "%s (%s): %s; ", host, address, vx_verdict_name(verdict));
		v = v == VX_DIAG_WARN || verdict != VX_VERDICT_PASS ? VX_DIAG_WARN
								    : VX_DIAG_PASS;
		if (verdict != VX_VERDICT_PASS)
			vx_diag_fix(f, "add ip4:%s to the SPF record of %s; ", address,
			    d->f.domain);
	}
	if (v == VX_DIAG_NA)
		vx_diag_seen(f, "there is no other backup");
	return v;
}

/* --- DKIM -----------------------------------------------------------------------------
 */

/* The record of a key as the DNS has it, appended; false: there is none, or no answer. */
static bool read_key(
    struct vx_diag *d, const char *selector, struct vx_buf *out, bool *spoken)
{
	char prefix[VX_DNS_NAME_MAX + 16];
	const struct vx_dns_answer *a;
	bool found = false;

	(void)snprintf(prefix, sizeof(prefix), "%.100s._domainkey", selector);
	a = vx_diag_look(d, VX_DNS_TXT, prefix, d->f.domain);
	*spoken = vx_diag_spoken(a);
	for (size_t i = 0; *spoken && i < a->count && !found; i++) {
		vx_buf_reset(out);
		found = vx_dns_read_txt(a->rdata[i], out) == VX_OK && out->len > 0;
	}
	return found;
}

static bool is_published(struct vx_diag *d, const struct vx_diag_key *k)
{
	struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };
	bool spoken;
	const bool found = read_key(d, k->selector, &text, &spoken);

	vx_buf_done(&text);
	return found;
}

/* A key that signs no more and is still published; NULL: none is. */
static const struct vx_diag_key *old_key(struct vx_diag *d)
{
	const struct vx_diag_key *found = NULL;

	for (size_t i = 0; i < d->f.key_count; i++) {
		const struct vx_diag_key *k = &d->f.keys[i];

		if (!k->signs && k->until != 0 && k->until <= d->f.now &&
		    is_published(d, k))
			found = k;
	}
	return found;
}

static bool any_signing_published(struct vx_diag *d)
{
	bool any = false;

	for (size_t i = 0; i < d->f.key_count; i++)
		any = (d->f.keys[i].signs && is_published(d, &d->f.keys[i])) || any;
	return any;
}

static enum vx_diag_verdict dkim_absent(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_NA;
	const bool wrong = old_key(d) != NULL && !any_signing_published(d);

	for (size_t i = 0; i < d->f.key_count; i++) {
		struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX };
		const struct vx_diag_key *k = &d->f.keys[i];
		bool spoken, found;

		if (!k->signs)
			continue;
		found = read_key(d, k->selector, &text, &spoken);
		vx_buf_done(&text);
		if (!spoken)
			continue;
		v = found && v != VX_DIAG_FAIL ? VX_DIAG_PASS : VX_DIAG_FAIL;
		if (found)
			continue;
		vx_diag_seen(
		    f, "%s._domainkey.%s is not there; ", k->selector, d->f.domain);
		vx_diag_fix(f, "%s._domainkey.%s TXT \"%s\"; ", k->selector, d->f.domain,
		    k->record);
	}
	if (v == VX_DIAG_FAIL && wrong) {
		f->seen[0] = f->fix[0] = '\0';
		return vx_diag_see(f, "dkim.selector");
	}
	if (v == VX_DIAG_NA)
		vx_diag_seen(f, "no key signs, or no answer");
	if (v == VX_DIAG_PASS)
		vx_diag_seen(f, "the records of all keys are there");
	return v;
}

static enum vx_diag_verdict dkim_selector(struct vx_diag *d, struct vx_diag_finding *f)
{
	const struct vx_diag_key *old = old_key(d);

	if (old == NULL || any_signing_published(d)) {
		vx_diag_seen(f, "mail is signed with what is published");
		return d->f.key_count > 0 ? VX_DIAG_PASS : VX_DIAG_NA;
	}
	for (size_t i = 0; i < d->f.key_count; i++)
		if (d->f.keys[i].signs) {
			vx_diag_seen(f, "the DNS has %s, mail is signed with %s",
			    old->selector, d->f.keys[i].selector);
			vx_diag_fix(f, "%s._domainkey.%s TXT \"%s\"",
			    d->f.keys[i].selector, d->f.domain, d->f.keys[i].record);
			return VX_DIAG_FAIL;
		}
	vx_diag_seen(f, "no key signs");
	return VX_DIAG_NA;
}

/* Where two keys differ; SIZE_MAX: nowhere. */
static size_t compare_keys(vx_slice a, vx_slice b)
{
	size_t i = 0;

	while (i < a.len && i < b.len && a.ptr[i] == b.ptr[i])
		i++;
	return i == a.len && i == b.len ? SIZE_MAX : i;
}

/* Does p= have all of a key?  One that was cut, or mistyped, is no other server's. */
static bool is_whole_key(vx_slice base64)
{
	struct vx_buf der = { .max = VX_ZONE_CONTENT_MAX };
	const unsigned char *o;
	bool whole = false;

	if (vx_base64_decode(base64, &der) == VX_OK && !der.failed) {
		o = (const unsigned char *)der.ptr;
		/* Ed25519 (RFC 8463 3), or a SEQUENCE with all that it says to have */
		whole =
		    der.len == 32 ||
		    (der.len > 64 && o[0] == 0x30 &&
			((o[1] == 0x81 && (size_t)o[2] + 3 == der.len) ||
			    (o[1] == 0x82 && (size_t)o[2] * 256 + o[3] + 4 == der.len)));
	}
	vx_buf_done(&der);
	return whole;
}

/* What is published for k is not k: whose it is, and what to do. */
static void say_mismatch(struct vx_diag *d, struct vx_diag_finding *f,
    const struct vx_diag_key *k, vx_slice seen, vx_slice want, size_t at)
{
	if (is_whole_key(seen) && is_whole_key(want)) {
		vx_diag_seen(f,
		    "%s._domainkey.%s has another key: of a server that signs as %s, "
		    "too; ",
		    k->selector, d->f.domain, d->f.domain);
		if (strstr(f->fix, "dkim-rotate") != NULL)
			return;
		vx_diag_fix(f,
		    "leave that record; vectisctl domain dkim-rotate %s makes keys with "
		    "names of their own, and vectisctl dns apply %s publishes them; ",
		    d->f.domain, d->f.domain);
		return;
	}
	vx_diag_seen(f,
	    "%s._domainkey.%s: its key has %zu characters, ours %zu; they differ from "
	    "number %zu on; ",
	    k->selector, d->f.domain, seen.len, want.len, at + 1);
	vx_diag_fix(
	    f, "%s._domainkey.%s TXT \"%s\"; ", k->selector, d->f.domain, k->record);
}

static enum vx_diag_verdict dkim_mismatch(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_NA;

	for (size_t i = 0; i < d->f.key_count; i++) {
		struct vx_buf text = { .max = VX_ZONE_CONTENT_MAX }, seen = text,
			      want = text;
		const struct vx_diag_key *k = &d->f.keys[i];
		bool spoken;
		size_t at;

		if (k->signs && read_key(d, k->selector, &text, &spoken)) {
			(void)vx_zone_dkim_key(vx_buf_slice(&text), &seen);
			(void)vx_zone_dkim_key(vx_slice_str(k->record), &want);
			at = compare_keys(vx_buf_slice(&seen), vx_buf_slice(&want));
			v = at == SIZE_MAX && v != VX_DIAG_FAIL ? VX_DIAG_PASS
								: VX_DIAG_FAIL;
			if (at != SIZE_MAX)
				say_mismatch(d, f, k, vx_buf_slice(&seen),
				    vx_buf_slice(&want), at);
		}
		vx_buf_done(&text);
		vx_buf_done(&seen);
		vx_buf_done(&want);
	}
	if (v == VX_DIAG_NA)
		vx_diag_seen(f, "no key that signs is published");
	if (v == VX_DIAG_PASS)
		vx_diag_seen(f, "what is published are our keys");
	return v;
}

static enum vx_diag_verdict dkim_rotation(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_diag_verdict v = VX_DIAG_PASS;

	for (size_t i = 0; i < d->f.key_count; i++) {
		const struct vx_diag_key *k = &d->f.keys[i];
		const time_t keep = (time_t)(k->until + 48 * 3600);
		char when[32] = "";
		struct tm tm;

		if (k->signs || k->until == 0 || k->until > d->f.now ||
		    !is_published(d, k))
			continue;
		if (gmtime_r(&keep, &tm) != NULL)
			(void)strftime(when, sizeof(when), "%Y-%m-%d", &tm);
		vx_diag_seen(f, "%s signs no more; its record may go from %s on; ",
		    k->selector, when);
		v = VX_DIAG_INFO;
	}
	if (v == VX_DIAG_PASS)
		vx_diag_seen(f, "no old key is published");
	return v;
}

/* --- DMARC ----------------------------------------------------------------------------
 */

/* The DMARC records at a name: how many, and the first in *out. */
static size_t read_dmarc(struct vx_diag *d, const char *name, struct vx_arena *arena,
    struct vx_dmarc_record *out, bool *known)
{
	const struct vx_dns_answer *a = vx_diag_look(d, VX_DNS_TXT, "_dmarc", name);
	size_t n = 0;

	*known = vx_diag_spoken(a);
	for (size_t i = 0; *known && i < a->count; i++) {
		struct vx_buf text = { .max = VX_DMARC_RECORD_MAX };
		struct vx_dmarc_record r;
		vx_slice copy;

		if (vx_dns_read_txt(a->rdata[i], &text) == VX_OK &&
		    vx_arena_copy(arena, vx_buf_slice(&text), &copy) == VX_OK &&
		    vx_dmarc_record_parse(copy, arena, &r) == VX_OK && n++ == 0)
			*out = r;
		vx_buf_done(&text);
	}
	return n;
}

/* The domain's own record, else the next one above it. */
static size_t find_dmarc(struct vx_diag *d, struct vx_arena *arena,
    struct vx_dmarc_record *out, bool *own, bool *known)
{
	vx_slice name = vx_slice_str(d->f.domain);
	size_t n = 0;

	for (*own = true; n == 0 && vx_dns_labels(name) >= 2; *own = false) {
		n = read_dmarc(d, name.ptr, arena, out, known);
		if (n > 0 || !*known)
			return n;
		name = vx_dns_parent(name, 1);
	}
	return n;
}

static enum vx_dmarc_policy policy_of(const struct vx_dmarc_record *r, bool own)
{
	return !own && r->sp != VX_DMARC_UNSET ? r->sp : r->p;
}

static enum vx_diag_verdict dmarc_policy(struct vx_diag *d, struct vx_diag_finding *f)
{
	enum vx_dmarc_policy policy = VX_DMARC_UNSET;
	struct vx_dmarc_record r = { .p = VX_DMARC_UNSET };
	struct vx_arena arena;
	bool own, known = false;
	size_t n;

	vx_arena_init(&arena, VX_DMARC_MEMORY_MAX);
	n = find_dmarc(d, &arena, &r, &own, &known);
	if (n > 0)
		policy = policy_of(&r, own);
	vx_arena_done(&arena);
	if (!known)
		return vx_diag_silent(f);
	if (n == 1 && policy >= VX_DMARC_QUARANTINE) {
		vx_diag_seen(f, "p=%s", vx_dmarc_policy_name(policy));
		return VX_DIAG_PASS;
	}
	vx_diag_seen(f,
	    n == 0  ? "there is no record"
	    : n > 1 ? "%zu records"
		    : "p=none",
	    n);
	if (n == 1 && d->f.dmarc_none)
		return VX_DIAG_INFO;
	vx_diag_fix(f,
	    "_dmarc.%s TXT \"v=DMARC1; p=quarantine; rua=mailto:dmarc@%s; fo=1\"%s",
	    d->f.domain, d->f.domain, n > 1 ? ", and no other" : "");
	return n == 1 ? VX_DIAG_WARN : VX_DIAG_FAIL;
}

static enum vx_diag_verdict dmarc_align(struct vx_diag *d, struct vx_diag_finding *f)
{
	if (d->f.relay_host == NULL) {
		vx_diag_seen(f, "mail is signed by its own domain, and sent from it");
		return VX_DIAG_PASS;
	}
	vx_diag_seen(
	    f, "%s may replace the envelope's sender by one of its own", d->f.relay_host);
	vx_diag_fix(f,
	    "let the relay use %s for the envelope (at Amazon SES: a custom MAIL "
	    "FROM domain)",
	    d->f.domain);
	for (size_t i = 0; i < d->f.key_count; i++)
		if (d->f.keys[i].signs)
			return VX_DIAG_INFO;
	return VX_DIAG_WARN;
}

static enum vx_diag_verdict dmarc_rua(struct vx_diag *d, struct vx_diag_finding *f)
{
	struct vx_dmarc_record r = { .rua_count = 0 };
	enum vx_diag_verdict v = VX_DIAG_PASS;
	struct vx_arena arena;
	bool own, known = false;

	vx_arena_init(&arena, VX_DMARC_MEMORY_MAX);
	if (d->f.mailbox == NULL || find_dmarc(d, &arena, &r, &own, &known) != 1 ||
	    !own) {
		vx_diag_seen(f, "no record of the domain's own");
		v = VX_DIAG_NA;
	}
	for (size_t i = 0; v != VX_DIAG_NA && i < r.rua_count; i++) {
		const vx_slice to = r.rua[i].address;

		if (!vx_slice_eq_nocase(r.rua[i].host, vx_slice_str(d->f.domain)) ||
		    d->f.mailbox(d->f.mailbox_ctx, to))
			continue;
		vx_diag_seen(f, "there is no mailbox %.*s; ", (int)to.len, to.ptr);
		vx_diag_fix(f, "vectisctl alias add %.*s MAILBOX", (int)to.len, to.ptr);
		v = VX_DIAG_WARN;
	}
	vx_arena_done(&arena);
	if (v == VX_DIAG_PASS)
		vx_diag_seen(f, "reports arrive, or are not asked for here");
	return v;
}

#define SPF_WAIT "5 minutes, and the TTL of the old record"

const struct vx_diag_row vx_diag_sender_rows[] = {
	{ "DX-DN-05", "spf.multiple", "there is one SPF record", spf_multiple,
	    "with several, none counts", SPF_WAIT },
	{ "DX-DN-06", "spf.missing_ip", "SPF lets this server send", spf_missing_ip,
	    "receivers take mail from here for forged", SPF_WAIT },
	{ "DX-DN-07", "spf.lookups", "SPF asks for no more than it may", spf_lookups,
	    "with more than 10 lookups it is an error", SPF_WAIT },
	{ "DX-DN-08", "spf.no_all", "SPF says what of others", spf_no_all,
	    "without -all or ~all anybody may send", SPF_WAIT },
	{ "DX-DN-09", "spf.softfail", "SPF is meant", spf_softfail,
	    "~all is for the time of setting up: forgeries go to the spam folder, not "
	    "away",
	    SPF_WAIT },
	{ "DX-DN-10", "spf.rrtype99", "SPF is a TXT record", spf_type99,
	    "nobody looks for the type SPF any more", SPF_WAIT },
	{ "DX-DN-11", "spf.relay", "SPF knows the relay", spf_relay,
	    "mail by the relay fails SPF", SPF_WAIT },
	{ "DX-DN-12", "dkim.absent", "the keys that sign are published", dkim_absent,
	    "signatures cannot be checked", "5 minutes" },
	{ "DX-DN-13", "dkim.mismatch", "what is published are these keys", dkim_mismatch,
	    "every signature fails", "5 minutes, and the TTL of the old record" },
	{ "DX-DN-14", "dkim.selector", "the selector is the published one", dkim_selector,
	    "signatures cannot be checked", "5 minutes" },
	{ "DX-DN-15", "dkim.rotation", "old keys", dkim_rotation, "", "none" },
	{ "DX-DN-16", "dmarc.policy", "DMARC protects the domain", dmarc_policy,
	    "anybody may send as the domain", "5 minutes" },
	{ "DX-DN-17", "dmarc.align", "what proves the sender is the domain's",
	    dmarc_align, "SPF of another domain does not count for DMARC", "none" },
	{ "DX-DN-18", "dmarc.rua", "reports have a mailbox", dmarc_rua,
	    "reports come back to who sent them", "none" },
	{ "DX-DN-23", "spf.alt_mx", "SPF knows another backup", spf_alt_mx,
	    "what the backup passes on looks forged", SPF_WAIT },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};
