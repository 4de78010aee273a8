/* Reports of SMTP's TLS, written (RFC 8460 4.4). */
#include "mailauth/json.h"
#include "vectis/date.h"
#include "vectis/report.h"

const char *vx_tls_policy_type_name(enum vx_tls_policy_type type)
{
	switch (type) {
	case VX_TLS_POLICY_NONE:
		break;
	case VX_TLS_POLICY_STS:
		return "sts";
	case VX_TLS_POLICY_TLSA:
		return "tlsa";
	}
	return "no-policy-found";
}

const char *vx_tls_failure_type_name(enum vx_tls_failure_type type)
{
	switch (type) {
	case VX_TLS_VALIDATION_FAILURE:
		break;
	case VX_TLS_STARTTLS_NOT_SUPPORTED:
		return "starttls-not-supported";
	case VX_TLS_CERTIFICATE_HOST_MISMATCH:
		return "certificate-host-mismatch";
	case VX_TLS_CERTIFICATE_EXPIRED:
		return "certificate-expired";
	case VX_TLS_CERTIFICATE_NOT_TRUSTED:
		return "certificate-not-trusted";
	case VX_TLS_TLSA_INVALID:
		return "tlsa-invalid";
	case VX_TLS_DNSSEC_INVALID:
		return "dnssec-invalid";
	case VX_TLS_DANE_REQUIRED:
		return "dane-required";
	case VX_TLS_STS_POLICY_FETCH_ERROR:
		return "sts-policy-fetch-error";
	case VX_TLS_STS_POLICY_INVALID:
		return "sts-policy-invalid";
	case VX_TLS_STS_WEBPKI_INVALID:
		return "sts-webpki-invalid";
	}
	return "validation-failure";
}

/* An object's or array's next member, on a line of its own. */
struct writer {
	struct vx_buf *out;
	unsigned depth;
	bool first; /* nothing is in what was begun */
};

static void item(struct writer *w, const char *name)
{
	vx_buf_add_str(w->out, w->first ? "\n" : ",\n");
	for (unsigned i = 0; i < w->depth; i++)
		vx_buf_add_char(w->out, ' ');
	if (name != NULL)
		vx_buf_printf(w->out, "\"%s\": ", name);
	w->first = false;
}

static void begin(struct writer *w, const char *name, char bracket)
{
	item(w, name);
	vx_buf_add_char(w->out, bracket);
	w->first = true;
	w->depth++;
}

static void end(struct writer *w, char bracket)
{
	w->first = true;
	w->depth--;
	item(w, NULL);
	vx_buf_add_char(w->out, bracket);
}

static void text(struct writer *w, const char *name, vx_slice s)
{
	item(w, name);
	vx_json_add_string(w->out, vx_slice_head(s, VX_REPORT_TEXT_MAX));
}

static void optional(struct writer *w, const char *name, vx_slice s)
{
	if (s.len > 0)
		text(w, name, s);
}

static void number(struct writer *w, const char *name, uint64_t n)
{
	item(w, name);
	vx_buf_add_number(w->out, n);
}

/* date-time of RFC 3339 5.6 */
static void date_time(struct writer *w, const char *name, int64_t t)
{
	const struct vx_civil c = vx_civil_of(t, 0);

	item(w, name);
	vx_buf_printf(w->out, "\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", c.year, c.month,
	    c.day, c.hour, c.minute, c.second);
}

static void lines(struct writer *w, const char *name, const struct vx_report_line *line)
{
	if (line == NULL)
		return;
	begin(w, name, '[');
	for (size_t n = 0; line != NULL && n < VX_REPORT_LINES_MAX;
	     line = line->next, n++)
		text(w, NULL, line->text);
	end(w, ']');
}

static void failure(struct writer *w, const struct vx_tls_failure *f)
{
	begin(w, NULL, '{');
	text(w, "result-type", vx_slice_str(vx_tls_failure_type_name(f->type)));
	optional(w, "sending-mta-ip", f->sending_ip);
	optional(w, "receiving-mx-hostname", f->receiving_hostname);
	optional(w, "receiving-mx-helo", f->receiving_helo);
	optional(w, "receiving-ip", f->receiving_ip);
	number(w, "failed-session-count", f->count);
	optional(w, "additional-information", f->additional_information);
	optional(w, "failure-reason-code", f->reason_code);
	end(w, '}');
}

static void policy(struct writer *w, const struct vx_tls_policy *p)
{
	begin(w, NULL, '{');
	begin(w, "policy", '{');
	text(w, "policy-type", vx_slice_str(vx_tls_policy_type_name(p->type)));
	lines(w, "policy-string", p->lines);
	text(w, "policy-domain", p->domain);
	lines(w, "mx-host", p->mx_hosts);
	end(w, '}');
	begin(w, "summary", '{');
	number(w, "total-successful-session-count", p->successes);
	number(w, "total-failure-session-count", p->failures);
	end(w, '}');
	if (p->details != NULL) {
		begin(w, "failure-details", '[');
		for (const struct vx_tls_failure *f = p->details; f != NULL; f = f->next)
			failure(w, f);
		end(w, ']');
	}
	end(w, '}');
}

static bool is_writable(const struct vx_tls_report *r)
{
	if (r->organization.len == 0 || r->contact.len == 0 || r->report_id.len == 0 ||
	    r->policies == NULL || r->end < r->begin)
		return false;
	for (const struct vx_tls_policy *p = r->policies; p != NULL; p = p->next)
		if (p->domain.len == 0)
			return false;
	return true;
}

int vx_tls_report_write(const struct vx_tls_report *r, struct vx_buf *out)
{
	const size_t before = out->len;
	struct writer w = { .out = out, .depth = 1, .first = true };

	if (!is_writable(r))
		return VX_EINVAL;
	vx_buf_add_char(out, '{');
	text(&w, "organization-name", r->organization);
	begin(&w, "date-range", '{');
	date_time(&w, "start-datetime", r->begin);
	date_time(&w, "end-datetime", r->end);
	end(&w, '}');
	text(&w, "contact-info", r->contact);
	text(&w, "report-id", r->report_id);
	begin(&w, "policies", '[');
	for (const struct vx_tls_policy *p = r->policies; p != NULL && !out->failed;
	     p = p->next)
		policy(&w, p);
	end(&w, ']');
	vx_buf_add_str(out, "\n}\n");
	if (!out->failed)
		return VX_OK;
	vx_buf_truncate(out, before);
	return VX_ELIMIT;
}
