/* A resolver's message, and the records in it; the first octet is the type that was
 * asked. */
#include "vectis/dns.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void read_all(vx_slice rdata)
{
	char name[VX_DNS_NAME_MAX + 1], address[VX_DNS_ADDRESS_MAX + 1];
	struct vx_buf text = { .max = 70000 };
	struct vx_dns_mx mx;
	struct vx_dns_tlsa tlsa;

	if (vx_dns_read_name(rdata, name) == VX_OK) {
		char again[VX_DNS_NAME_MAX + 1];

		must(vx_dns_name(vx_slice_str(name), again) == VX_OK);
		must(vx_slice_eq(vx_slice_str(name), vx_slice_str(again)));
	}
	if (vx_dns_read_txt(rdata, &text) == VX_OK)
		must(text.len < rdata.len);
	(void)vx_dns_read_mx(rdata, &mx);
	(void)vx_dns_read_tlsa(rdata, &tlsa);
	(void)vx_dns_read_address(rdata, address);
	vx_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vx_dns_question q = { .name = "example.org" };
	struct vx_dns_records r;
	struct vx_dns_header h;
	int rc;

	if (size < 1)
		return 0;
	q.type = (enum vx_dns_type)data[0];
	vx_dns_records_init(&r);
	rc = vx_dns_read_message(vx_slice_of(data + 1, size - 1), &q, &r);
	must(vx_dns_read_header(vx_slice_of(data + 1, size - 1), &h) == VX_OK ||
	     rc == VX_ESYNTAX);
	must((r.answer.status == VX_DNS_FOUND) == (r.answer.count > 0));
	must(rc == VX_OK || r.answer.status == VX_DNS_FAILED);
	for (size_t i = 0; i < r.answer.count; i++)
		read_all(r.answer.rdata[i]);
	read_all(vx_slice_of(data, size));
	vx_dns_records_done(&r);
	return 0;
}
