/* DMARC's aggregate reports, written (RFC 9990 3.1.1 and appendix A). */
#include "base/cursor.h"
#include "base/encode.h"
#include "vectis/report.h"

static void indent(struct vx_buf *out, unsigned depth)
{
	while (depth-- > 0)
		vx_buf_add_str(out, "  ");
}

static void open(struct vx_buf *out, unsigned depth, const char *name)
{
	indent(out, depth);
	vx_buf_printf(out, "<%s>\n", name);
}

static void close(struct vx_buf *out, unsigned depth, const char *name)
{
	indent(out, depth);
	vx_buf_printf(out, "</%s>\n", name);
}

/* Text that may come from anywhere; what XML does not have becomes U+FFFD. */
static void add_text(struct vx_buf *out, vx_slice s)
{
	s = vx_slice_head(s, VX_REPORT_TEXT_MAX);
	while (s.len > 0) {
		size_t n;
		const uint32_t c = vx_utf8_next(s, &n);

		if (c == '&')
			vx_buf_add_str(out, "&amp;");
		else if (c == '<')
			vx_buf_add_str(out, "&lt;");
		else if (c == '>')
			vx_buf_add_str(out, "&gt;");
		else if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f ||
			 c == 0xfffe || c == 0xffff)
			vx_utf8_add(out, 0xfffd);
		else
			vx_utf8_add(out, c);
		s = vx_slice_from(s, n);
	}
}

static void leaf(struct vx_buf *out, unsigned depth, const char *name, vx_slice text)
{
	indent(out, depth);
	vx_buf_printf(out, "<%s>", name);
	add_text(out, text);
	vx_buf_printf(out, "</%s>\n", name);
}

static void leaf_str(
    struct vx_buf *out, unsigned depth, const char *name, const char *text)
{
	leaf(out, depth, name, vx_slice_str(text));
}

static void optional(struct vx_buf *out, unsigned depth, const char *name, vx_slice text)
{
	if (text.len > 0)
		leaf(out, depth, name, text);
}

static void leaf_number(struct vx_buf *out, unsigned depth, const char *name, uint64_t n)
{
	indent(out, depth);
	vx_buf_printf(out, "<%s>", name);
	vx_buf_add_number(out, n);
	vx_buf_printf(out, "</%s>\n", name);
}

/* --- parts ---------------------------------------------------------------------------
 */

static void report_metadata(struct vx_buf *out, const struct vx_report *r)
{
	open(out, 1, "report_metadata");
	leaf(out, 2, "org_name", r->org_name);
	leaf(out, 2, "email", r->email);
	optional(out, 2, "extra_contact_info", r->extra_contact_info);
	leaf(out, 2, "report_id", r->report_id);
	open(out, 2, "date_range");
	leaf_number(out, 3, "begin", r->begin);
	leaf_number(out, 3, "end", r->end);
	close(out, 2, "date_range");
	optional(out, 2, "error", r->error);
	optional(out, 2, "generator", r->generator);
	close(out, 1, "report_metadata");
}

static void policy_published(struct vx_buf *out, const struct vx_report *r)
{
	open(out, 1, "policy_published");
	leaf(out, 2, "domain", r->domain);
	if (r->discovery != VX_REPORT_DISCOVERY_UNSET)
		leaf_str(out, 2, "discovery_method",
		    r->discovery == VX_REPORT_DISCOVERY_PSL ? "psl" : "treewalk");
	leaf_str(out, 2, "p", vx_dmarc_policy_name(r->p));
	if (r->sp != VX_DMARC_UNSET)
		leaf_str(out, 2, "sp", vx_dmarc_policy_name(r->sp));
	if (r->np != VX_DMARC_UNSET)
		leaf_str(out, 2, "np", vx_dmarc_policy_name(r->np));
	optional(out, 2, "fo", r->fo);
	leaf_str(out, 2, "adkim", r->strict_dkim ? "s" : "r");
	leaf_str(out, 2, "aspf", r->strict_spf ? "s" : "r");
	leaf_str(out, 2, "testing", r->testing ? "y" : "n");
	close(out, 1, "policy_published");
}

const char *vx_report_disposition_name(enum vx_report_disposition d)
{
	switch (d) {
	case VX_REPORT_NONE:
		break;
	case VX_REPORT_PASS:
		return "pass";
	case VX_REPORT_QUARANTINE:
		return "quarantine";
	case VX_REPORT_REJECT:
		return "reject";
	}
	return "none";
}

static const char *override_name(enum vx_report_override o)
{
	switch (o) {
	case VX_REPORT_LOCAL_POLICY:
		return "local_policy";
	case VX_REPORT_MAILING_LIST:
		return "mailing_list";
	case VX_REPORT_TEST_MODE:
		return "policy_test_mode";
	case VX_REPORT_TRUSTED_FORWARDER:
		return "trusted_forwarder";
	case VX_REPORT_OTHER:
	case VX_REPORT_FORWARDED:
	case VX_REPORT_SAMPLED_OUT:
		break;
	}
	return "other";
}

static void row(struct vx_buf *out, const struct vx_report_row *r)
{
	size_t n = 0;

	open(out, 2, "row");
	leaf_str(out, 3, "source_ip", r->source_ip);
	leaf_number(out, 3, "count", r->count);
	open(out, 3, "policy_evaluated");
	leaf_str(out, 4, "disposition", vx_report_disposition_name(r->disposition));
	leaf_str(out, 4, "dkim", r->dkim ? "pass" : "fail");
	leaf_str(out, 4, "spf", r->spf ? "pass" : "fail");
	for (const struct vx_report_reason *one = r->reasons;
	     one != NULL && n < VX_REPORT_REASONS_MAX; one = one->next, n++) {
		open(out, 4, "reason");
		leaf_str(out, 5, "type", override_name(one->type));
		optional(out, 5, "comment", one->comment);
		close(out, 4, "reason");
	}
	close(out, 3, "policy_evaluated");
	close(out, 2, "row");
}

static void identifiers(struct vx_buf *out, const struct vx_report_row *r)
{
	open(out, 2, "identifiers");
	leaf(out, 3, "header_from", r->header_from);
	if (r->envelope_from.ptr != NULL)
		leaf(out, 3, "envelope_from", r->envelope_from);
	if (r->envelope_to.ptr != NULL)
		leaf(out, 3, "envelope_to", r->envelope_to);
	close(out, 2, "identifiers");
}

static void dkim(struct vx_buf *out, const struct vx_report_auth *a)
{
	open(out, 3, "dkim");
	leaf(out, 4, "domain", a->domain);
	leaf(out, 4, "selector", a->selector);
	/* "softfail" is not one of DKIM's */
	leaf_str(out, 4, "result",
	    a->verdict == VX_VERDICT_SOFTFAIL ? "fail" : vx_verdict_name(a->verdict));
	optional(out, 4, "human_result", a->human_result);
	close(out, 3, "dkim");
}

static void spf(struct vx_buf *out, const struct vx_report_auth *a)
{
	open(out, 3, "spf");
	leaf(out, 4, "domain", a->domain);
	leaf_str(out, 4, "scope", "mfrom");
	leaf_str(out, 4, "result", vx_verdict_name(a->verdict));
	optional(out, 4, "human_result", a->human_result);
	close(out, 3, "spf");
}

/* Any number of DKIM, then one SPF of MAIL FROM. */
static void auth_results(struct vx_buf *out, const struct vx_report_row *r)
{
	const struct vx_report_auth *a;
	size_t n = 0;

	open(out, 2, "auth_results");
	for (a = r->auth; a != NULL; a = a->next)
		if (a->method == VX_DMARC_DKIM && n++ < VX_REPORT_AUTH_MAX)
			dkim(out, a);
	for (a = r->auth; a != NULL && (a->method != VX_DMARC_SPF || a->helo);
	     a = a->next)
		;
	if (a != NULL)
		spf(out, a);
	close(out, 2, "auth_results");
}

/* --- the report ----------------------------------------------------------------------
 */

static bool dot_atom(struct vx_cursor *c)
{
	do {
		if (vx_cur_run(c, VX_C_ATEXT).len == 0)
			return false;
	} while (vx_cur_char(c, '.'));
	return true;
}

/* dot-atom-text [ "@" dot-atom-text ], perhaps in "<>" (RFC 9990 3.5.1) */
static bool is_report_id(vx_slice id)
{
	struct vx_cursor c = vx_cursor_of(id);
	const bool angle = vx_cur_char(&c, '<');

	if (!dot_atom(&c) || (vx_cur_char(&c, '@') && !dot_atom(&c)))
		return false;
	return vx_cur_char(&c, '>') == angle && vx_cur_end(&c);
}

static bool is_writable(const struct vx_report *r)
{
	if (r->domain.len == 0 || r->org_name.len == 0 || r->email.len == 0 ||
	    r->p == VX_DMARC_UNSET || r->end < r->begin || !is_report_id(r->report_id) ||
	    r->rows == NULL)
		return false;
	for (const struct vx_report_row *row = r->rows; row != NULL; row = row->next)
		if (row->source_ip[0] == '\0' || row->header_from.len == 0)
			return false;
	return true;
}

int vx_report_write(const struct vx_report *r, struct vx_buf *out)
{
	const size_t before = out->len;

	if (!is_writable(r))
		return VX_EINVAL;
	vx_buf_add_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			    "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n");
	leaf_str(out, 1, "version", "1.0");
	report_metadata(out, r);
	policy_published(out, r);
	for (const struct vx_report_row *one = r->rows; one != NULL && !out->failed;
	     one = one->next) {
		open(out, 1, "record");
		row(out, one);
		identifiers(out, one);
		auth_results(out, one);
		close(out, 1, "record");
	}
	vx_buf_add_str(out, "</feedback>\n");
	if (!out->failed)
		return VX_OK;
	vx_buf_truncate(out, before);
	return VX_ELIMIT;
}
