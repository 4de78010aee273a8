/*
 * The check (RFC 7208 4 to 6): a stack of records, the top one of which is at a term.
 * Each step goes on as far as a question or the end; what follows an answer is in
 * spf_answer.c.
 */
#include "mailauth/spf_int.h"

#include <stdarg.h>
#include <stdio.h>

/* --- the end ----------------------------------------------------------------------- */

void vx_spf_fail(struct vx_spf *s, enum vx_verdict verdict, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(s->reason, sizeof(s->reason), fmt, args);
	va_end(args);
	for (char *p = s->reason; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	s->result.verdict = verdict;
	s->is_explicit = false;
	s->inner[0] = '\0';
	s->phase = VX_SPF_OVER;
}

/* A verdict of the domain's own record. */
static void conclude(struct vx_spf *s, enum vx_verdict verdict, vx_slice mechanism)
{
	vx_spf_copy_text(s->mechanism, sizeof(s->mechanism), mechanism);
	s->result.verdict = verdict;
	s->has_target = false;
	s->phase = verdict == VX_VERDICT_FAIL && s->frames[0].exp.len > 0 ? VX_SPF_EXPLAIN
									  : VX_SPF_OVER;
}

void vx_spf_timeout(struct vx_spf *s)
{
	const bool explaining =
	    s->phase == VX_SPF_EXPLAIN || s->phase == VX_SPF_EXPLAIN_TEXT;

	s->asked = VX_SPF_ASK_NOTHING;
	if (explaining)
		s->phase = VX_SPF_OVER;
	else if (s->phase != VX_SPF_OVER)
		vx_spf_fail(s, VX_VERDICT_TEMPERROR, "the DNS took too long");
}

/* --- questions --------------------------------------------------------------------- */

void vx_spf_ask(
    struct vx_spf *s, enum vx_spf_ask what, enum vx_dns_type type, const char *name)
{
	s->asked = what;
	s->question.type = type;
	memmove(s->question.name, name, strlen(name) + 1);
}

static void ask_address(struct vx_spf *s, enum vx_spf_ask what, const char *name)
{
	vx_spf_ask(s, what, s->ipv6 ? VX_DNS_AAAA : VX_DNS_A, name);
}

static bool count_lookup(struct vx_spf *s)
{
	if (++s->result.lookups <= s->lookups_max)
		return true;
	vx_spf_fail(s, VX_VERDICT_PERMERROR,
	    "%s: its SPF record asks the DNS more than %u times", s->result.domain,
	    s->lookups_max);
	return false;
}

bool vx_spf_count_void(struct vx_spf *s)
{
	if (s->is_void)
		return true;
	s->is_void = true;
	if (++s->result.voids <= s->voids_max)
		return true;
	vx_spf_fail(s, VX_VERDICT_PERMERROR,
	    "%s: its SPF record asks the DNS for what is not there more than %u times",
	    s->result.domain, s->voids_max);
	return false;
}

/* --- the client's names (5.5) ------------------------------------------------------ */

enum {
	NAME_NONE = -1,
	NAME_ASKED = -2
};

/* 0: the same, 1: below, 2: another. */
static int rank(const char *name, const char *domain)
{
	if (strcmp(name, domain) == 0)
		return 0;
	return vx_dns_is_below(vx_slice_str(name), vx_slice_str(domain)) ? 1 : 2;
}

/*
 * The first validated name of the client in the order of ranks up to max.  Names are
 * validated only when it is their turn.
 */
static int client_name(struct vx_spf *s, const char *domain, int max)
{
	char reverse[VX_DNS_NAME_MAX + 1];

	if (!s->ptr_known) {
		if (vx_dns_reverse(s->client, NULL, reverse) != VX_OK)
			return NAME_NONE;
		vx_spf_ask(s, VX_SPF_ASK_PTR, VX_DNS_PTR, reverse);
		return NAME_ASKED;
	}
	for (int r = 0; r <= max; r++)
		for (size_t i = 0; i < s->ptr_count; i++) {
			if (s->ptr[i].state == VX_SPF_INVALID ||
			    rank(s->ptr[i].name, domain) != r)
				continue;
			if (s->ptr[i].state == VX_SPF_VALID)
				return (int)i;
			s->ptr_at = i;
			ask_address(s, VX_SPF_ASK_PTR_ADDRESS, s->ptr[i].name);
			return NAME_ASKED;
		}
	return NAME_NONE;
}

/*
 * What %{p} is, when macros have it.  The question for the names counts as a lookup
 * (4.6.4), but not within an explanation.  False: something is asked, or it is over.
 */
static bool know_p(struct vx_spf *s, unsigned macros)
{
	int at;

	if ((macros & VX_SPF_LETTER('p')) == 0)
		return true;
	if (!s->ptr_known && s->phase == VX_SPF_THIS_TERM && !count_lookup(s))
		return false;
	at = client_name(s, vx_spf_top(s)->domain, 2);
	s->p = at < 0 ? "unknown" : s->ptr[at].name;
	return at != NAME_ASKED;
}

/* --- terms ------------------------------------------------------------------------- */

static vx_slice record_of(const struct vx_spf *s, const struct vx_spf_frame *f)
{
	return vx_slice_of(s->text.ptr + f->record, f->record_len);
}

static void parse_span(
    struct vx_spf *s, const struct vx_spf_frame *f, struct vx_spf_span span)
{
	/* the record was validated whole */
	(void)vx_spf_term_parse(
	    vx_slice_head(vx_slice_from(record_of(s, f), span.at), span.len), &s->term);
}

/*
 * The target-name of the term (4.8).  VX_OK; VX_EINVAL: it is no name; VX_ENOENT: such a
 * term matches nothing (RFC 8616 4); VX_WAIT: something is asked, or it is over.
 */
static int find_target(struct vx_spf *s)
{
	const unsigned local = VX_SPF_LETTER('l') | VX_SPF_LETTER('s');
	const char *const domain = vx_spf_top(s)->domain;
	int rc = VX_OK;

	if (s->has_target)
		return VX_OK;
	if (!s->local_ascii && (s->term.macros & local) != 0)
		return VX_ENOENT;
	if (!know_p(s, s->term.macros))
		return VX_WAIT;
	if (s->term.spec.len == 0)
		memcpy(s->target, domain, sizeof(s->target));
	else
		rc = vx_spf_expand_name(s, domain, s->term.spec, s->target);
	s->has_target = rc == VX_OK;
	return rc;
}

static void pop(struct vx_spf *s)
{
	vx_buf_truncate(&s->text, vx_spf_top(s)->record);
	s->depth--;
	s->phase = VX_SPF_NEXT_TERM;
}

/*
 * The term gives its record a result, which may make the include: match that led there
 * (5.2), and so on.
 */
static void match(struct vx_spf *s)
{
	s->is_explicit = true;
	s->inner[0] = '\0';
	if (s->depth > 1)
		vx_spf_copy_text(s->inner, sizeof(s->inner), s->term.text);
	for (;;) {
		s->is_explicit = s->is_explicit && !vx_spf_top(s)->loose &&
				 vx_spf_term_is_explicit(&s->term, s->ipv6);
		if (s->depth == 1) {
			conclude(s, s->term.qualifier, s->term.text);
			return;
		}
		if (s->term.qualifier != VX_VERDICT_PASS) {
			pop(s);
			return;
		}
		pop(s);
		parse_span(s, vx_spf_top(s), vx_spf_top(s)->term);
	}
}

void vx_spf_decide(struct vx_spf *s, bool matches)
{
	s->phase = VX_SPF_NEXT_TERM;
	if (matches)
		match(s);
}

static void begin_term(struct vx_spf *s)
{
	s->phase = VX_SPF_THIS_TERM;
	s->has_target = s->is_void = s->mx_known = false;
	if (s->term.kind != VX_SPF_ALL && s->term.kind != VX_SPF_IP4 &&
	    s->term.kind != VX_SPF_IP6)
		(void)count_lookup(s);
}

/* No mechanism matched, and there is no redirect= (4.7). */
static void take_default(struct vx_spf *s)
{
	s->is_explicit = false;
	s->inner[0] = '\0';
	if (s->depth == 1)
		conclude(s, VX_VERDICT_NEUTRAL, VX_S("default"));
	else
		pop(s);
}

static void next_term(struct vx_spf *s)
{
	struct vx_spf_frame *const f = vx_spf_top(s);
	const vx_slice record = record_of(s, f);
	vx_slice text;

	while (vx_spf_term_next(record, &f->at, &text)) {
		(void)vx_spf_term_parse(text, &s->term);
		if (s->term.kind >= VX_SPF_REDIRECT)
			continue;
		f->term.at = (size_t)(text.ptr - record.ptr);
		f->term.len = text.len;
		begin_term(s);
		return;
	}
	if (f->redirect.len == 0) {
		take_default(s);
		return;
	}
	parse_span(s, f, f->redirect);
	begin_term(s);
}

static bool same_network(const unsigned char *a, const unsigned char *b, unsigned prefix)
{
	const unsigned rest = prefix % 8;

	if (memcmp(a, b, prefix / 8) != 0)
		return false;
	return rest == 0 || ((a[prefix / 8] ^ b[prefix / 8]) >> (8 - rest)) == 0;
}

bool vx_spf_is_client(const struct vx_spf *s, vx_slice rdata, unsigned prefix)
{
	return rdata.len == (s->ipv6 ? 16 : 4) &&
	       same_network(s->address, (const unsigned char *)rdata.ptr, prefix);
}

static void check_mx(struct vx_spf *s)
{
	if (!s->mx_known) {
		vx_spf_ask(s, VX_SPF_ASK_MX, VX_DNS_MX, s->target);
		return;
	}
	/* the null MX (RFC 7505), and names that are none */
	while (s->mx_at < s->mx_count && s->mx[s->mx_at].name[0] == '\0')
		s->mx_at++;
	if (s->mx_at == s->mx_count)
		vx_spf_decide(s, false);
	else
		ask_address(s, VX_SPF_ASK_MX_ADDRESS, s->mx[s->mx_at++].name);
}

static void check_ptr(struct vx_spf *s)
{
	const int at = client_name(s, s->target, 1);

	if (at != NAME_ASKED)
		vx_spf_decide(s, at >= 0);
}

/* The record of another domain: on top of this one, or in its place. */
static void enter_domain(struct vx_spf *s)
{
	const bool redirect = s->term.kind == VX_SPF_REDIRECT;
	struct vx_spf_frame *f = vx_spf_top(s);
	const bool loose =
	    redirect && (f->loose || !vx_spf_term_is_explicit(&s->term, s->ipv6));

	if (vx_dns_labels(vx_slice_str(s->target)) < 2) {
		vx_spf_fail(s, VX_VERDICT_PERMERROR, "%s: \"%.*s\" leads to no domain",
		    f->domain, (int)s->term.text.len, s->term.text.ptr);
		return;
	}
	if (redirect)
		vx_buf_truncate(&s->text, f->record);
	else
		f = &s->frames[s->depth++]; /* each took one of the lookups */
	*f = (struct vx_spf_frame){
		.record = s->text.len, .redirected = redirect, .loose = loose
	};
	memcpy(f->domain, s->target, sizeof(f->domain));
	vx_spf_ask(s, VX_SPF_ASK_RECORD, VX_DNS_TXT, f->domain);
}

/* A target-name that is none matches nothing; no record can be there (4.8, 5.2, 6.1). */
static void no_target(struct vx_spf *s, int why)
{
	const bool enters =
	    s->term.kind == VX_SPF_INCLUDE || s->term.kind == VX_SPF_REDIRECT;

	if (why == VX_EINVAL && enters)
		vx_spf_fail(s, VX_VERDICT_PERMERROR, "%s: \"%.*s\" leads to no domain",
		    vx_spf_top(s)->domain, (int)s->term.text.len, s->term.text.ptr);
	else if (s->term.kind == VX_SPF_REDIRECT)
		take_default(s);
	else
		vx_spf_decide(s, false);
}

static void ask_for_term(struct vx_spf *s)
{
	switch (s->term.kind) {
	case VX_SPF_INCLUDE:
	case VX_SPF_REDIRECT:
		enter_domain(s);
		return;
	case VX_SPF_A:
		ask_address(s, VX_SPF_ASK_ADDRESS, s->target);
		return;
	case VX_SPF_MX:
		check_mx(s);
		return;
	case VX_SPF_PTR:
		check_ptr(s);
		return;
	case VX_SPF_EXISTS:
		vx_spf_ask(s, VX_SPF_ASK_EXISTS, VX_DNS_A, s->target);
		return;
	case VX_SPF_ALL:
	case VX_SPF_IP4:
	case VX_SPF_IP6:
	case VX_SPF_EXP:
	case VX_SPF_UNKNOWN:
		return;
	}
}

static void this_term(struct vx_spf *s)
{
	const struct vx_spf_term *const t = &s->term;
	int rc;

	if (t->kind == VX_SPF_ALL) {
		vx_spf_decide(s, true);
	} else if (t->kind == VX_SPF_IP4 || t->kind == VX_SPF_IP6) {
		const bool ipv6 = t->kind == VX_SPF_IP6;

		vx_spf_decide(s, s->ipv6 == ipv6 && same_network(s->address, t->network,
							ipv6 ? t->prefix6 : t->prefix4));
	} else {
		rc = find_target(s);
		if (rc == VX_OK)
			ask_for_term(s);
		else if (rc != VX_WAIT)
			no_target(s, rc);
	}
}

/* --- exp= (6.2): whatever goes wrong, there is no explanation ---------------------- */

static void explain(struct vx_spf *s)
{
	int rc;

	if (!s->has_target)
		parse_span(s, &s->frames[0], s->frames[0].exp);
	rc = find_target(s);
	if (rc == VX_OK)
		vx_spf_ask(s, VX_SPF_ASK_EXPLANATION, VX_DNS_TXT, s->target);
	else if (rc != VX_WAIT)
		s->phase = VX_SPF_OVER;
}

static void explain_text(struct vx_spf *s)
{
	if (!know_p(s, s->explanation_macros))
		return;
	(void)vx_spf_expand_text(
	    s, s->frames[0].domain, vx_buf_slice(&s->text), s->explanation);
	s->phase = VX_SPF_OVER;
}

int vx_spf_next(struct vx_spf *s, struct vx_dns_question *question)
{
	while (s->asked == VX_SPF_ASK_NOTHING) {
		switch (s->phase) {
		case VX_SPF_NEXT_TERM:
			next_term(s);
			break;
		case VX_SPF_THIS_TERM:
			this_term(s);
			break;
		case VX_SPF_EXPLAIN:
			explain(s);
			break;
		case VX_SPF_EXPLAIN_TEXT:
			explain_text(s);
			break;
		case VX_SPF_OVER:
			return VX_DONE;
		}
	}
	*question = s->question;
	return VX_WAIT;
}

/* --- a record is there ------------------------------------------------------------- */

static bool note_modifier(
    struct vx_spf *s, struct vx_spf_span *span, size_t at, size_t len)
{
	if (span->len > 0) {
		vx_spf_fail(s, VX_VERDICT_PERMERROR,
		    "%s: its SPF record has two of redirect= or of exp=",
		    vx_spf_top(s)->domain);
		return false;
	}
	span->at = at;
	span->len = len;
	return true;
}

/* All of it is looked at before any of it is evaluated (4.6). */
void vx_spf_enter_record(struct vx_spf *s)
{
	struct vx_spf_frame *const f = vx_spf_top(s);
	vx_slice record, text;
	struct vx_spf_term term;
	size_t at = 0;

	f->record_len = s->text.len - f->record;
	f->at = 0;
	record = record_of(s, f);
	while (vx_spf_term_next(record, &at, &text)) {
		const char *const problem = vx_spf_term_parse(text, &term);
		const size_t begin = (size_t)(text.ptr - record.ptr);

		if (problem != NULL) {
			vx_spf_fail(s, VX_VERDICT_PERMERROR, "%s: \"%.*s\": %s",
			    f->domain, (int)(text.len < 100 ? text.len : 100), text.ptr,
			    problem);
			return;
		}
		if (term.kind == VX_SPF_REDIRECT &&
		    !note_modifier(s, &f->redirect, begin, text.len))
			return;
		if (term.kind == VX_SPF_EXP &&
		    !note_modifier(s, &f->exp, begin, text.len))
			return;
	}
	s->phase = VX_SPF_NEXT_TERM;
}

/* --- results ----------------------------------------------------------------------- */

const struct vx_spf_result *vx_spf_result(const struct vx_spf *s)
{
	return s->phase == VX_SPF_OVER ? &s->result : NULL;
}

bool vx_spf_is_explicit(const struct vx_spf *s)
{
	return s->phase == VX_SPF_OVER && s->result.verdict == VX_VERDICT_PASS &&
	       s->is_explicit;
}
