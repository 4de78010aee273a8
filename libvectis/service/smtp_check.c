#include "service/smtp_check.h"

#include "base/mem.h"
#include "vectis/address.h"
#include "vectis/arc.h"
#include "vectis/auth_results.h"
#include "vectis/dkim.h"
#include "vectis/spf.h"

#include <stdio.h>

enum {
	/* for all questions about a message together, once it is there; an answer may
	 * come as much later as the resolver waits */
	CHECK_MS = 30000
};

struct smtp_check {
	const struct vx_smtp_service_options *o;
	void (*done)(void *ctx);
	void *ctx;
	char address[48];
	struct vx_buf mail_from; /* own */
	unsigned open;           /* inquiries under way */

	struct vx_spf *spf; /* own, like all that follows */
	struct own_inquiry spf_asking;
	struct vx_dkim_verifier *dkim;
	struct own_inquiry dkim_asking;
	struct vx_arc_verifier *arc;
	struct own_inquiry arc_asking;
	struct vx_dmarc_authors authors;
	struct vx_dmarc *dmarc[VX_DMARC_AUTHORS_MAX];
	size_t dmarc_count; /* that have a result */
	struct own_inquiry dmarc_asking;
	unsigned from_fields;
	bool is_report;
	bool no_memory; /* what is missing is not known: temperror */
};

/* --- the cores -----------------------------------------------------------------------
 */

#define ADAPT(name, type)                                                                \
	static int name##_next(void *core, struct vx_dns_question *question)             \
	{                                                                                \
		return vx_##type##_next(core, question);                                 \
	}                                                                                \
	static int name##_answer(void *core, const struct vx_dns_answer *answer)         \
	{                                                                                \
		return vx_##type##_answer(core, answer);                                 \
	}
ADAPT(spf, spf)
ADAPT(dkim, dkim_verifier)
ADAPT(arc, arc_verifier)
ADAPT(dmarc, dmarc)

static void prepare(struct smtp_check *c, struct own_inquiry *i, void *core,
    void (*done)(void *ctx, int rc))
{
	i->loop = c->o->loop;
	i->by_ms = i->loop->now_ms(i->loop) + CHECK_MS;
	i->core = core;
	i->ctx = c;
	i->done = done;
	c->open++;
}

/* --- SPF -----------------------------------------------------------------------------
 */

int vx_smtp_check_new(const struct smtp_check_options *o, struct smtp_check **out)
{
	const struct vx_smtp_service_options *service = o->service;
	const struct vx_spf_options spf = { .struct_size = sizeof(spf),
		.identity = VX_SPF_MAILFROM,
		.client = o->address,
		.helo = o->helo,
		.mail_from = o->mail_from,
		.receiver = vx_slice_str(service->hostname),
		.now = service->loop->now_s(service->loop) };
	struct smtp_check *c = vx_alloc(sizeof(*c));
	int rc;

	if (c == NULL)
		return VX_ENOMEM;
	c->o = service;
	c->done = o->done;
	c->ctx = o->ctx;
	(void)snprintf(c->address, sizeof(c->address), "%s", o->address);
	vx_buf_init(&c->mail_from, VX_SMTP_PATH_MAX);
	vx_buf_add(&c->mail_from, o->mail_from);
	rc = vx_spf_new(&spf, &c->spf);
	if (rc != VX_OK || c->mail_from.failed) {
		vx_smtp_check_free(c);
		return VX_ENOMEM;
	}
	*out = c;
	return VX_OK;
}

void vx_smtp_check_free(struct smtp_check *c)
{
	if (c == NULL)
		return;
	vx_own_inquiry_stop(&c->spf_asking);
	vx_own_inquiry_stop(&c->dkim_asking);
	vx_own_inquiry_stop(&c->arc_asking);
	vx_own_inquiry_stop(&c->dmarc_asking);
	for (size_t i = 0; i < VX_DMARC_AUTHORS_MAX; i++)
		vx_dmarc_free(c->dmarc[i]);
	vx_arc_verifier_free(c->arc);
	vx_dkim_verifier_free(c->dkim);
	vx_spf_free(c->spf);
	vx_buf_done(&c->mail_from);
	vx_free(c);
}

static void spf_done(void *ctx, int rc)
{
	struct smtp_check *c = ctx;

	c->open--;
	if (rc != VX_DONE)
		c->no_memory = true;
	c->done(c->ctx);
}

void vx_smtp_check_begin(struct smtp_check *c)
{
	prepare(c, &c->spf_asking, c->spf, spf_done);
	c->spf_asking.next = spf_next;
	c->spf_asking.answer = spf_answer;
	vx_own_inquiry_start(&c->spf_asking);
}

enum vx_verdict vx_smtp_check_spf(const struct smtp_check *c, bool *is_explicit)
{
	const struct vx_spf_result *r = vx_spf_result(c->spf);

	*is_explicit = r != NULL && vx_spf_is_explicit(c->spf);
	return r == NULL ? VX_VERDICT_TEMPERROR : r->verdict;
}

void vx_smtp_check_note_spf(const struct smtp_check *c, struct smtp_notes *n)
{
	const struct vx_spf_result *r = vx_spf_result(c->spf);

	if (r == NULL) {
		vx_smtp_note(n, "spf", "temperror", "no memory");
		return;
	}
	vx_smtp_note(n, "spf", vx_verdict_name(r->verdict), "%s%s%s%s", r->domain,
	    r->mechanism[0] != '\0' || r->reason[0] != '\0' ? ": " : "", r->mechanism,
	    r->reason);
}

/* --- the message ---------------------------------------------------------------------
 */

int vx_smtp_check_header(struct smtp_check *c, vx_slice header)
{
	const int64_t now = c->o->loop->now_s(c->o->loop);
	const struct vx_dkim_verifier_options d = { .struct_size = sizeof(d),
		.now_s = now };
	const struct vx_arc_verifier_options a = { .struct_size = sizeof(a),
		.now_s = now };
	int rc;

	vx_dmarc_authors(header, &c->authors);
	c->from_fields = c->authors.from == VX_DMARC_FROM_FIELDS ? 2
			 : c->authors.from == VX_DMARC_FROM_NONE ? 0
								 : 1;
	c->is_report = vx_report_is_report(header);
	rc = vx_dkim_verifier_new(&d, &c->dkim);
	if (rc == VX_OK)
		rc = vx_arc_verifier_new(&a, &c->arc);
	if (rc == VX_OK)
		rc = vx_dkim_verifier_header(c->dkim, header);
	if (rc == VX_OK)
		rc = vx_arc_verifier_header(c->arc, header);
	return rc;
}

void vx_smtp_check_body(struct smtp_check *c, vx_slice octets)
{
	if (vx_dkim_verifier_wants_body(c->dkim))
		(void)vx_dkim_verifier_body(c->dkim, octets);
	if (vx_arc_verifier_wants_body(c->arc))
		(void)vx_arc_verifier_body(c->arc, octets);
}

static void next_author(struct smtp_check *c);

static void author_done(void *ctx, int rc)
{
	struct smtp_check *c = ctx;

	c->open--;
	if (rc != VX_DONE)
		c->no_memory = true;
	else
		c->dmarc_count++;
	if (rc == VX_DONE)
		next_author(c);
	else
		c->done(c->ctx);
}

/* SPF and each signature are what may prove an author. */
static size_t identifiers(const struct smtp_check *c,
    struct vx_dmarc_identifier out[VX_DKIM_SIGNATURES_MAX + 2])
{
	const struct vx_spf_result *spf = vx_spf_result(c->spf);
	size_t n = 0;

	if (spf != NULL)
		out[n++] = (struct vx_dmarc_identifier){ .method = VX_DMARC_SPF,
			.verdict = spf->verdict,
			.domain = vx_slice_str(spf->domain) };
	for (size_t i = 0;
	     i < vx_dkim_verifier_count(c->dkim) && n < VX_DKIM_SIGNATURES_MAX + 2; i++) {
		const struct vx_dkim_result *r = vx_dkim_verifier_result(c->dkim, i);

		out[n++] = (struct vx_dmarc_identifier){ .method = VX_DMARC_DKIM,
			.verdict = r->verdict,
			.domain = r->domain };
	}
	return n;
}

/* One domain after the other, which is seldom more than one. */
static void next_author(struct smtp_check *c)
{
	struct vx_dmarc_identifier list[VX_DKIM_SIGNATURES_MAX + 2];
	struct vx_dmarc_options o = { .struct_size = sizeof(o), .identifiers = list };
	struct vx_dmarc **d = &c->dmarc[c->dmarc_count];

	if (c->dmarc_count == c->authors.count) {
		c->done(c->ctx);
		return;
	}
	o.author = vx_slice_str(c->authors.domains[c->dmarc_count]);
	o.identifiers_count = identifiers(c, list);
	if (vx_dmarc_new(&o, d) != VX_OK) {
		c->no_memory = true;
		c->done(c->ctx);
		return;
	}
	prepare(c, &c->dmarc_asking, *d, author_done);
	c->dmarc_asking.next = dmarc_next;
	c->dmarc_asking.answer = dmarc_answer;
	vx_own_inquiry_start(&c->dmarc_asking);
}

/* Of the signatures: when both are looked at, DMARC can be. */
static void signatures_done(void *ctx, int rc)
{
	struct smtp_check *c = ctx;

	c->no_memory = c->no_memory || rc != VX_DONE;
	if (--c->open == 0)
		next_author(c);
}

void vx_smtp_check_end(struct smtp_check *c)
{
	int rc = vx_dkim_verifier_end(c->dkim);

	if (rc == VX_OK)
		rc = vx_arc_verifier_end(c->arc);
	if (rc != VX_OK) {
		c->no_memory = true;
		c->done(c->ctx);
		return;
	}
	prepare(c, &c->dkim_asking, c->dkim, signatures_done);
	c->dkim_asking.next = dkim_next;
	c->dkim_asking.answer = dkim_answer;
	prepare(c, &c->arc_asking, c->arc, signatures_done);
	c->arc_asking.next = arc_next;
	c->arc_asking.answer = arc_answer;
	vx_own_inquiry_start(&c->dkim_asking);
	vx_own_inquiry_start(&c->arc_asking);
}

/* --- what was found ------------------------------------------------------------------
 */

/* The result that counts; NULL: there is none. */
static const struct vx_dmarc_result *dmarc_result(const struct smtp_check *c)
{
	const struct vx_dmarc_result *results[VX_DMARC_AUTHORS_MAX];

	for (size_t i = 0; i < c->dmarc_count; i++)
		results[i] = vx_dmarc_result(c->dmarc[i]);
	return vx_dmarc_strictest(results, c->dmarc_count);
}

const struct vx_dmarc_authors *vx_smtp_check_authors(const struct smtp_check *c)
{
	return &c->authors;
}

static bool any_signature(const struct smtp_check *c)
{
	for (size_t i = 0; i < vx_dkim_verifier_count(c->dkim); i++)
		if (vx_dkim_verifier_result(c->dkim, i)->verdict == VX_VERDICT_PASS)
			return true;
	return false;
}

void vx_smtp_check_facts(const struct smtp_check *c, struct smtp_message_facts *f)
{
	const struct vx_dmarc_result *d = dmarc_result(c);
	const struct vx_spf_result *spf = vx_spf_result(c->spf);

	f->from_fields = c->from_fields;
	f->authentic =
	    (spf != NULL && spf->verdict == VX_VERDICT_PASS) || any_signature(c);
	f->dmarc = c->no_memory ? VX_VERDICT_TEMPERROR
		   : d == NULL  ? VX_VERDICT_NONE
				: d->verdict;
	f->policy = d == NULL ? VX_DMARC_NONE : d->policy;
	f->author = d == NULL ? "" : d->author;
}

static void note_signatures(const struct smtp_check *c, struct smtp_notes *n)
{
	const size_t count = vx_dkim_verifier_count(c->dkim);

	if (count == 0)
		vx_smtp_note(n, "dkim", "none", "no signature");
	for (size_t i = 0; i < count; i++) {
		const struct vx_dkim_result *r = vx_dkim_verifier_result(c->dkim, i);

		vx_smtp_note(n, "dkim", vx_verdict_name(r->verdict), "%.*s (%.*s)%s%s",
		    (int)r->domain.len, r->domain.len > 0 ? r->domain.ptr : "",
		    (int)r->selector.len, r->selector.len > 0 ? r->selector.ptr : "",
		    r->reason[0] != '\0' ? ": " : "", r->reason);
	}
}

void vx_smtp_check_note(const struct smtp_check *c, struct smtp_notes *n)
{
	const struct vx_arc_result *arc = vx_arc_verifier_result(c->arc);
	const struct vx_dmarc_result *d = dmarc_result(c);

	if (c->no_memory) {
		vx_smtp_note(n, "checks", "temperror", "no memory for all of them");
		return;
	}
	note_signatures(c, n);
	if (arc->verdict != VX_VERDICT_NONE)
		vx_smtp_note(n, "arc", vx_verdict_name(arc->verdict), "%u sets%s%s",
		    arc->sets, arc->reason[0] != '\0' ? ": " : "", arc->reason);
	if (d == NULL)
		vx_smtp_note(n, "dmarc", "none",
		    c->from_fields > 1 ? "several From fields"
				       : "the From field names no domain");
	else
		vx_smtp_note(n, "dmarc", vx_verdict_name(d->verdict), "%s, policy %s%s%s",
		    d->author, vx_dmarc_policy_name(d->published),
		    d->reason[0] != '\0' ? ": " : "", d->reason);
}

/* --- Authentication-Results ----------------------------------------------------------
 */

#define RESULTS_MAX (VX_DKIM_SIGNATURES_MAX + 5)

struct writing {
	struct vx_auth_result results[RESULTS_MAX];
	struct vx_auth_property properties[RESULTS_MAX][4];
	char numbers[16];
	size_t count;
};

static struct vx_auth_result *add(
    struct writing *w, const char *method, enum vx_verdict verdict, const char *reason)
{
	struct vx_auth_result *r = &w->results[w->count];

	*r = (struct vx_auth_result){ .method = vx_slice_str(method),
		.result = vx_slice_str(vx_verdict_name(verdict)),
		.reason = vx_slice_str(reason),
		.properties = w->properties[w->count] };
	w->count++;
	return r;
}

static void add_property(
    struct writing *w, const char *ptype, const char *name, vx_slice value)
{
	struct vx_auth_result *r = &w->results[w->count - 1];

	if (value.len > 0)
		w->properties[w->count - 1][r->properties_count++] =
		    (struct vx_auth_property){
			    .ptype = vx_slice_str(ptype),
			    .name = vx_slice_str(name),
			    .value = value,
		    };
}

static void add_spf(struct writing *w, const struct smtp_check *c)
{
	const struct vx_spf_result *r = vx_spf_result(c->spf);

	if (r == NULL)
		return;
	(void)add(w, "spf", r->verdict, r->reason);
	if (r->identity == VX_SPF_HELO)
		add_property(w, "smtp", "helo", vx_slice_str(r->domain));
	else
		add_property(w, "smtp", "mailfrom", vx_buf_slice(&c->mail_from));
}

static void add_signatures(struct writing *w, const struct smtp_check *c)
{
	const size_t count = vx_dkim_verifier_count(c->dkim);

	if (count == 0)
		(void)add(w, "dkim", VX_VERDICT_NONE, "");
	for (size_t i = 0; i < count && i <= VX_DKIM_SIGNATURES_MAX; i++) {
		const struct vx_dkim_result *r = vx_dkim_verifier_result(c->dkim, i);

		(void)add(w, "dkim", r->verdict, r->reason);
		add_property(w, "header", "d", r->domain);
		add_property(w, "header", "s", r->selector);
		add_property(w, "header", "a", r->algorithm);
		add_property(w, "header", "b", r->signature);
	}
}

static void add_chain(struct writing *w, const struct smtp_check *c)
{
	const struct vx_arc_result *r = vx_arc_verifier_result(c->arc);

	if (r->verdict == VX_VERDICT_NONE)
		return;
	(void)add(w, "arc", r->verdict, r->reason);
	if (r->verdict == VX_VERDICT_PASS) {
		(void)snprintf(w->numbers, sizeof(w->numbers), "%u", r->oldest_pass);
		add_property(w, "header", "oldest-pass", vx_slice_str(w->numbers));
	}
	add_property(w, "smtp", "remote-ip", vx_slice_str(c->address));
}

static void add_dmarc(struct writing *w, const struct smtp_check *c)
{
	const struct vx_dmarc_result *r = dmarc_result(c);

	(void)add(w, "dmarc", r == NULL ? VX_VERDICT_NONE : r->verdict, "");
	if (r == NULL)
		return;
	add_property(w, "header", "from", vx_slice_str(r->author));
	if (r->record != NULL)
		add_property(w, "policy", "dmarc",
		    vx_slice_str(vx_dmarc_policy_name(r->published)));
}

int vx_smtp_check_write(const struct smtp_check *c, const struct smtp_peer *peer,
    bool utf8, struct vx_buf *out)
{
	struct vx_auth_results all = { .authserv_id = vx_slice_str(c->o->hostname) };
	struct writing *w = vx_alloc(sizeof(*w));
	int rc;

	if (w == NULL)
		return VX_ENOMEM;
	if (peer->iprev != VX_VERDICT_NONE) {
		(void)add(w, "iprev", peer->iprev, "");
		add_property(w, "policy", "iprev", vx_slice_str(c->address));
	}
	add_spf(w, c);
	add_signatures(w, c);
	add_chain(w, c);
	add_dmarc(w, c);
	all.results = w->results;
	all.count = w->count;
	rc = vx_auth_results_write(&all, vx_slice_of("", 0), utf8, out);
	vx_free(w);
	return rc;
}

void vx_smtp_check_signers(const struct smtp_check *c, struct vx_buf *out)
{
	for (size_t i = 0; i < vx_dkim_verifier_count(c->dkim); i++) {
		const struct vx_dkim_result *r = vx_dkim_verifier_result(c->dkim, i);
		const size_t before = out->len;

		if (r->verdict != VX_VERDICT_PASS ||
		    vx_domain_normalise(r->domain, out) != VX_OK)
			continue;
		vx_buf_add_char(out, ' ');
		if (out->failed) {
			vx_buf_truncate(out, before);
			out->failed = false;
			return;
		}
	}
}

/* --- for others ----------------------------------------------------------------------
 */

static size_t report_auth(
    const struct smtp_check *c, struct vx_report_auth out[VX_DKIM_SIGNATURES_MAX + 2])
{
	const struct vx_spf_result *spf = vx_spf_result(c->spf);
	size_t n = 0;

	for (size_t i = 0;
	     i < vx_dkim_verifier_count(c->dkim) && n <= VX_DKIM_SIGNATURES_MAX; i++) {
		const struct vx_dkim_result *r = vx_dkim_verifier_result(c->dkim, i);

		out[n++] = (struct vx_report_auth){ .method = VX_DMARC_DKIM,
			.verdict = r->verdict,
			.domain = r->domain,
			.selector = r->selector,
			.human_result = vx_slice_str(r->reason) };
	}
	if (spf != NULL)
		out[n++] = (struct vx_report_auth){ .method = VX_DMARC_SPF,
			.verdict = spf->verdict,
			.domain = vx_slice_str(spf->domain),
			.helo = spf->identity == VX_SPF_HELO };
	for (size_t i = 0; i + 1 < n; i++)
		out[i].next = &out[i + 1];
	return n;
}

static enum vx_report_disposition disposition(
    const struct vx_dmarc_result *d, enum smtp_fate fate)
{
	if (fate == SMTP_REFUSE)
		return VX_REPORT_REJECT;
	if (fate == SMTP_JUNK)
		return VX_REPORT_QUARANTINE;
	return d->verdict == VX_VERDICT_PASS && d->published != VX_DMARC_NONE
		   ? VX_REPORT_PASS
		   : VX_REPORT_NONE;
}

void vx_smtp_check_report(const struct smtp_check *c, struct vx_report_batch *batch,
    int64_t now_s, enum smtp_fate fate)
{
	static const struct vx_report_reason local = { .type = VX_REPORT_LOCAL_POLICY };
	struct vx_report_auth auth[VX_DKIM_SIGNATURES_MAX + 2];
	const vx_slice from = vx_buf_slice(&c->mail_from);
	const size_t at = vx_slice_rfind(from, '@');
	const bool any = report_auth(c, auth) > 0;

	for (size_t i = 0; i < c->dmarc_count; i++) {
		const struct vx_dmarc_result *d = vx_dmarc_result(c->dmarc[i]);
		const enum vx_report_disposition done = disposition(d, fate);
		const bool differs =
		    d->verdict == VX_VERDICT_FAIL &&
		    ((done == VX_REPORT_NONE && d->policy != VX_DMARC_NONE) ||
			(done == VX_REPORT_QUARANTINE &&
			    d->policy != VX_DMARC_QUARANTINE) ||
			(done == VX_REPORT_REJECT && d->policy != VX_DMARC_REJECT));
		const struct vx_dmarc_seen seen = { .source_ip = c->address,
			.result = d,
			.header_from = vx_slice_str(c->authors.domains[i]),
			.envelope_from =
			    from.len == 0 ? from : vx_slice_from(from, at + 1),
			.disposition = done,
			.reasons = differs ? &local : NULL,
			.auth = any ? auth : NULL,
			.report = c->is_report };

		(void)vx_report_note_dmarc(batch, now_s, &seen);
	}
}
