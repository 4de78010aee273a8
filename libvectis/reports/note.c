/* What is seen becomes rows: the same octets for what is to be counted together. */
#include "reports/batch.h"

#include "vectis/address.h"
#include "vectis/header.h"

/* --- the policy record -----------------------------------------------------------------
 */

static void add_policy(struct vx_buf *out, const char *tag, enum vx_dmarc_policy p)
{
	if (p != VX_DMARC_UNSET)
		vx_buf_printf(out, "; %s=%s", tag, vx_dmarc_policy_name(p));
}

static void add_fo(struct vx_buf *out, unsigned fo)
{
	static const char letters[] = "01ds"; /* in the order of the bits */
	const char *tag = "; fo=";

	for (unsigned i = 0; i < 4; i++) {
		if ((fo >> i & 1) == 0)
			continue;
		vx_buf_add_str(out, tag);
		vx_buf_add_char(out, letters[i]);
		tag = ":";
	}
}

static void add_rua(struct vx_buf *out, const struct vx_dmarc_record *r)
{
	for (size_t i = 0; i < r->rua_count; i++) {
		const size_t before = out->len;

		vx_buf_add_str(out, i == 0 ? "; rua=" : ",");
		vx_buf_add(out, r->rua[i].uri);
		if (r->rua[i].octets_max > 0)
			vx_buf_printf(
			    out, "!%llu", (unsigned long long)r->rua[i].octets_max);
		if (out->failed) { /* the first ones are worth more than none */
			vx_buf_truncate(out, before);
			out->failed = false;
			return;
		}
	}
}

/* What is left of a record is a record: it is read again when it is reported. */
static void write_record(const struct vx_dmarc_record *r, struct vx_buf *out)
{
	vx_buf_printf(out, "v=DMARC1; p=%s", vx_dmarc_policy_name(r->p));
	add_policy(out, "sp", r->sp);
	add_policy(out, "np", r->np);
	vx_buf_printf(out, "; adkim=%s; aspf=%s; t=%s", r->strict_dkim ? "s" : "r",
	    r->strict_spf ? "s" : "r", r->testing ? "y" : "n");
	add_fo(out, r->fo);
	add_rua(out, r);
}

/* --- DMARC -----------------------------------------------------------------------------
 */

static int note_row(
    struct vx_report_batch *b, const struct vx_dmarc_seen *s, vx_slice domain)
{
	struct vx_buf octets = { .max = VX_REPORT_NOTED_OCTETS_MAX };
	int rc;

	vx_report_row_write(s, &octets);
	rc = octets.failed ? VX_ELIMIT
			   : vx_report_batch_row(
				 b, VX_REPORT_DMARC, domain, vx_buf_slice(&octets), 1, 0);
	if (rc != VX_OK)
		vx_report_batch_drop(b, VX_REPORT_DMARC, domain, 1);
	vx_buf_done(&octets);
	return rc;
}

int vx_report_note_dmarc(
    struct vx_report_batch *b, int64_t now_s, const struct vx_dmarc_seen *s)
{
	const struct vx_dmarc_record *r = s->result->record;
	struct vx_buf domain = { .max = VX_DNS_NAME_MAX };
	struct vx_buf record = { .max = VX_REPORT_RECORD_MAX };
	int rc;

	if (s->report || r == NULL || r->rua_count == 0 ||
	    !vx_report_batch_wants(b, VX_REPORT_DMARC))
		return VX_OK;
	rc = vx_domain_normalise(vx_slice_str(s->result->policy_domain), &domain);
	write_record(r, &record);
	if (rc == VX_OK && record.failed)
		rc = VX_ENOMEM;
	if (rc == VX_OK)
		rc = vx_report_batch_head(b, now_s, VX_REPORT_DMARC,
		    vx_buf_slice(&domain), vx_buf_slice(&record), 1);
	if (rc == VX_OK)
		rc = note_row(b, s, vx_buf_slice(&domain));
	vx_buf_done(&domain);
	vx_buf_done(&record);
	return rc;
}

/* --- TLS -------------------------------------------------------------------------------
 */

static int note_failure(struct vx_report_batch *b, vx_slice domain,
    const struct vx_tls_failure *f, const char policy[VX_REPORT_DIGEST])
{
	struct vx_buf octets = { .max = VX_REPORT_NOTED_OCTETS_MAX };
	int rc;

	vx_report_failure_write(f, policy, &octets);
	rc = octets.failed ? VX_ELIMIT
			   : vx_report_batch_row(b, VX_REPORT_TLS, domain,
				 vx_buf_slice(&octets), f->count, 0);
	vx_buf_done(&octets);
	return rc;
}

static int note_policy(
    struct vx_report_batch *b, const struct vx_tls_policy *p, vx_slice domain)
{
	struct vx_buf octets = { .max = VX_REPORT_NOTED_OCTETS_MAX };
	unsigned left = VX_REPORT_NOTED_FAILURES_MAX;
	char digest[VX_REPORT_DIGEST];
	int rc;

	vx_report_policy_write(p, &octets);
	rc = octets.failed ? VX_ELIMIT
			   : vx_report_batch_row(b, VX_REPORT_TLS, domain,
				 vx_buf_slice(&octets), p->successes, p->failures);
	if (rc != VX_OK)
		vx_report_batch_drop(
		    b, VX_REPORT_TLS, domain, vx_report_plus(p->successes, p->failures));
	else
		vx_report_digest(vx_buf_slice(&octets), digest);
	for (const struct vx_tls_failure *f = p->details;
	     rc == VX_OK && f != NULL && left-- > 0; f = f->next)
		rc = note_failure(b, domain, f, digest);
	vx_buf_done(&octets);
	return rc;
}

int vx_report_note_tls(
    struct vx_report_batch *b, int64_t now_s, const struct vx_tls_policy *p)
{
	struct vx_buf domain = { .max = VX_DNS_NAME_MAX };
	int rc;

	if (!vx_report_batch_wants(b, VX_REPORT_TLS))
		return VX_OK;
	rc = vx_domain_normalise(p->domain, &domain);
	if (rc == VX_OK)
		rc = vx_report_batch_head(b, now_s, VX_REPORT_TLS, vx_buf_slice(&domain),
		    vx_slice_of("", 0), vx_report_plus(p->successes, p->failures));
	if (rc == VX_OK)
		rc = note_policy(b, p, vx_buf_slice(&domain));
	vx_buf_done(&domain);
	return rc;
}

/* --- mail that is a report -------------------------------------------------------------
 */

static bool is_report_subject(vx_slice value)
{
	struct vx_buf text = { .max = 2048 };
	bool is;

	vx_field_unfold(value, &text);
	is = vx_slice_has_prefix_nocase(vx_buf_slice(&text), VX_S("Report Domain:")) &&
	     vx_slice_find_slice(vx_buf_slice(&text), VX_S("Submitter:")) < text.len;
	vx_buf_done(&text);
	return is;
}

bool vx_report_is_report(vx_slice header)
{
	struct vx_field f;
	bool is = false;

	while (!is && vx_field_next(&header, &f))
		is = vx_slice_eq_nocase(f.name, VX_S("TLS-Report-Domain")) ||
		     (vx_slice_eq_nocase(f.name, VX_S("Subject")) &&
			 is_report_subject(f.value));
	return is;
}
