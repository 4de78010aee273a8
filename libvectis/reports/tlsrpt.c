/* Where a domain wants reports about TLS (RFC 8460 3). */
#include "reports/make.h"

#include "vectis/dns.h"

static bool is_record(vx_slice text)
{
	const vx_slice version = VX_S("v=TLSRPTv1");

	return vx_slice_has_prefix(text, version) &&
	       vx_slice_has_prefix(
		   vx_slice_trim(vx_slice_from(text, version.len), " \t"), VX_S(";"));
}

/* The value of rua; empty: it has none. */
static vx_slice rua_of(vx_slice text)
{
	vx_slice field;

	while (text.len > 0) {
		(void)vx_slice_cut(&text, ';', &field);
		field = vx_slice_trim(field, " \t");
		if (vx_slice_has_prefix(field, VX_S("rua=")))
			return vx_slice_from(field, 4);
	}
	return vx_slice_of("", 0);
}

/* Its list of URIs is that of DMARC, read by the same parser. */
static int read_rua(vx_slice text, struct vx_arena *arena,
    const struct vx_dmarc_uri **uris, size_t *count)
{
	struct vx_buf as_dmarc = { .max = VX_DMARC_RECORD_MAX };
	struct vx_dmarc_record record;
	int rc;

	vx_buf_add_str(&as_dmarc, "v=DMARC1; p=none; rua=");
	vx_buf_add(&as_dmarc, text);
	rc = as_dmarc.failed
		 ? VX_EINVAL
		 : vx_dmarc_record_parse(vx_buf_slice(&as_dmarc), arena, &record);
	if (rc == VX_OK && record.rua_count == 0)
		rc = VX_ENOENT;
	if (rc == VX_OK) {
		*uris = record.rua;
		*count = record.rua_count;
	}
	vx_buf_done(&as_dmarc);
	return rc == VX_EINVAL ? VX_ENOENT : rc;
}

int vx_report_tls_destinations(const struct vx_dns_answer *a, struct vx_arena *arena,
    const struct vx_dmarc_uri **uris, size_t *count)
{
	struct vx_buf text = { .max = VX_DMARC_RECORD_MAX }, only = text;
	unsigned records = 0;
	int rc;

	if (!vx_dns_answered(a))
		return VX_ETEMP;
	for (size_t i = 0; i < a->count && i < VX_DMARC_RECORDS_MAX; i++) {
		vx_buf_reset(&text);
		if (vx_dns_read_txt(a->rdata[i], &text) != VX_OK || text.failed ||
		    !is_record(vx_buf_slice(&text)))
			continue;
		if (records++ == 0)
			vx_buf_add(&only, vx_buf_slice(&text));
	}
	rc = records != 1 ? VX_ENOENT
			  : read_rua(rua_of(vx_buf_slice(&only)), arena, uris, count);
	vx_buf_done(&text);
	vx_buf_done(&only);
	return rc;
}
