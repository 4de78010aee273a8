/* What reports are called (RFC 9990 3.5, RFC 8460 5.1 and 5.3). */
#include "base/cursor.h"
#include "vectis/address.h"
#include "vectis/report.h"

static int add_domain(struct vx_buf *out, vx_slice domain)
{
	struct vx_buf text = { .max = VX_DNS_NAME_MAX };
	const int rc = vx_domain_normalise(domain, &text);

	if (rc == VX_OK)
		vx_buf_add(out, vx_buf_slice(&text));
	vx_buf_done(&text);
	return rc;
}

static bool is_unique_id(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ALPHA | VX_C_DIGIT))
			return false;
	return s.len <= VX_REPORT_NAME_MAX;
}

static int result(struct vx_buf *out, size_t before, int rc)
{
	if (rc == VX_OK && !out->failed)
		return VX_OK;
	vx_buf_truncate(out, before);
	return rc == VX_OK ? VX_ELIMIT : rc;
}

int vx_report_filename(const struct vx_report_name *n, struct vx_buf *out)
{
	const size_t before = out->len;
	int rc;

	if (!is_unique_id(n->unique_id))
		return VX_EINVAL;
	rc = add_domain(out, n->receiver);
	vx_buf_add_char(out, '!');
	if (rc == VX_OK)
		rc = add_domain(out, n->policy_domain);
	vx_buf_add_char(out, '!');
	vx_buf_add_number(out, n->begin);
	vx_buf_add_char(out, '!');
	vx_buf_add_number(out, n->end);
	if (n->unique_id.len > 0) {
		vx_buf_add_char(out, '!');
		vx_buf_add(out, n->unique_id);
	}
	vx_buf_add_str(out, n->tls ? ".json" : ".xml");
	if (n->gzip)
		vx_buf_add_str(out, ".gz");
	return result(out, before, rc);
}

/* What may stand between "<" and ">" on a line of its own. */
static bool is_id(vx_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!vx_is(s.ptr[i], VX_C_ATEXT) && s.ptr[i] != '.' && s.ptr[i] != '@')
			return false;
	return s.len > 0 && s.len <= VX_REPORT_NAME_MAX;
}

int vx_report_subject(const struct vx_report_name *n, struct vx_buf *out)
{
	const vx_slice id = vx_slice_trim(n->report_id, "<>");
	const size_t before = out->len;
	int rc;

	if (!is_id(id))
		return VX_EINVAL;
	vx_buf_add_str(out, "Report Domain: ");
	rc = add_domain(out, n->policy_domain);
	vx_buf_add_str(out, "\r\n\tSubmitter: ");
	if (rc == VX_OK)
		rc = add_domain(out, n->receiver);
	vx_buf_add_str(out, "\r\n\tReport-ID: <");
	vx_buf_add(out, id);
	vx_buf_add_char(out, '>');
	return result(out, before, rc);
}
