/* A resolver's message, and the records in it; the first octet is the type that was
 * asked. */
#include "vectis/caa.h"
#include "vectis/ownership.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static void read_value(vx_slice text)
{
	struct vx_caa_value v;

	if (vx_caa_read_value(text, &v) != VX_OK)
		return;
	must(v.count <= VX_CAA_PARAMETERS_MAX && v.issuer.len <= VX_DNS_NAME_MAX);
	for (size_t i = 0; i < v.count; i++)
		must(v.parameters[i].name.len > 0 &&
		     v.parameters[i].value.len <= text.len);
}

static void read_all(vx_slice rdata)
{
	char name[VX_DNS_NAME_MAX + 1], address[VX_DNS_ADDRESS_MAX + 1];
	struct vx_buf text = { .max = 70000 };
	struct vx_dns_mx mx;
	struct vx_dns_tlsa tlsa;
	struct vx_dns_caa caa;

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
	if (vx_dns_read_caa(rdata, &caa) == VX_OK) {
		must(caa.tag.len > 0 && caa.tag.len + caa.value.len + 2 == rdata.len);
		read_value(caa.value);
	}
	read_value(rdata);
	vx_buf_done(&text);
}

/* A set of one record, whatever it is: there is a verdict, and a text when it is no. */
static void may_issue(vx_slice rdata)
{
	static const char *const methods[] = { "http-01", "dns-01" };
	const struct vx_caa_options o = { .name = "a.example.org",
		.wildcard = rdata.len % 2 == 1,
		.issuers = "ca.example other.example",
		.account = "https://ca.example/1",
		.methods = methods,
		.method_count = 2 };
	const struct vx_dns_answer a = {
		.status = VX_DNS_FOUND, .rdata = &rdata, .count = 1
	};
	struct vx_dns_question q;
	struct vx_caa c;

	vx_caa_begin(&c, &o);
	must(vx_caa_next(&c, &q) == VX_WAIT);
	vx_caa_answer(&c, &a);
	must(vx_caa_next(&c, &q) == VX_DONE);
	must((c.result.verdict == VX_CAA_ALLOWED) == (c.result.methods != 0));
	must((c.result.verdict == VX_CAA_ALLOWED) == (c.result.text[0] == '\0'));
}

/* What it proves, in all records of an answer: what is shown of another is printable. */
static void owns(const struct vx_dns_answer *a)
{
	static const char text[] =
	    "vectis-verify="
	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char other[VX_OWNERSHIP_TEXT_MAX + 1];
	const enum vx_ownership seen = vx_ownership_read(a, text, other);

	must((seen == VX_OWNERSHIP_OTHER) == (other[0] != '\0'));
	must((seen == VX_OWNERSHIP_SILENT) == !vx_dns_answered(a));
	must(seen != VX_OWNERSHIP_FOUND || a->count > 0);
	must(strlen(other) <= VX_OWNERSHIP_TEXT_MAX);
	for (const char *c = other; *c != '\0'; c++)
		must(*c >= ' ' && *c <= '~');
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
	owns(&r.answer);
	read_all(vx_slice_of(data, size));
	may_issue(vx_slice_of(data, size));
	vx_dns_records_done(&r);
	return 0;
}
